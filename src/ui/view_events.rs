//! What the pointer does in a view becomes commands: for the tool, for measuring, or for the views themselves.

use super::landmark_view;
use super::measure_view;
use super::pointer;
use super::request::{CommandSender, WindowRequest};
use super::view_layout::LEFT;
use super::viewport::{ViewEvent, ViewTransform};
use super::views::Views;
use crate::anatomy::LandmarkId;
use crate::geometry::PatientPoint;
use crate::workbench::tools::ToolEvent;
use crate::workbench::{AnatomyCommand, Command, MeasureCommand, StateId, ToolKind, ViewCommand, Workbench};
use eframe::egui::Modifiers;

/// A press that a tool was told of, and what was there before.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToolPress {
    view: usize,
    case_count: u64,
    state: StateId,
    at_seconds: f64,
}

/// What was there before the last press, should it turn out to be the first of two fingers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BeforePress {
    /// `None` where a press does not move it.
    crosshair: Option<PatientPoint>,
    draft_points: usize,
}

/// A press that took hold of a landmark.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grab {
    from: PatientPoint,
    /// It went further than the hand trembles in a click.
    drags: bool,
}

impl Grab {
    /// A click may move so far, points.
    const CLICK_POINTS: f64 = 3.0;

    fn goes_to(&mut self, at: PatientPoint, mm_per_point: f64) -> bool {
        self.drags |= self.from.distance(at) > Self::CLICK_POINTS * mm_per_point;
        self.drags
    }
}

impl Views {
    /// The longest time from the first press of a double click to its end, seconds.
    const DOUBLE_CLICK_S: f64 = 1.0;

    /// The state before the clicks of a double click in a view drew.
    fn before_double_click(&self, view: usize, workbench: &Workbench) -> Option<StateId> {
        let of_these = |p: &&ToolPress| {
            p.view == view && p.case_count == workbench.case_count() && self.now - p.at_seconds <= Self::DOUBLE_CLICK_S
        };
        self.presses.iter().flatten().find(of_these).map(|p| p.state)
    }

    /// True where a press moves the crosshair instead of drawing.
    fn navigates(&self, index: usize, workbench: &Workbench) -> bool {
        let side = self.side(index, workbench);
        let selected = workbench.view.selected.and_then(|id| workbench.case()?.structures().get(id));
        // Where a side does not show the selected structure as it is, nothing can be drawn on it.
        workbench.tool() == ToolKind::Navigate || selected.is_some_and(|roi| !workbench.compares_present(&side, roi))
    }

    /// The landmark that a press at a point would take hold of: only where nothing is drawn or measured.
    pub(super) fn landmark_at(
        &self,
        index: usize,
        view: &ViewTransform,
        workbench: &Workbench,
        at: PatientPoint,
    ) -> Option<LandmarkId> {
        let free = self.navigates(index, workbench) && workbench.view.measuring.is_none();
        landmark_view::at(workbench, view, at).filter(|_| free)
    }

    /// What an event of a view asks for.
    pub(super) fn request(
        &mut self,
        index: usize,
        event: ViewEvent,
        view: &ViewTransform,
        workbench: &Workbench,
        sender: &CommandSender,
    ) {
        let orientation = self.views[index].orientation;
        let navigates = self.navigates(index, workbench);
        let measuring = workbench.view.measuring.is_some();
        let linked = workbench.view.display.linked;
        let reach_mm = f64::from(measure_view::REACH) * view.mm_per_point;
        let measure = |command| sender.send(Command::View(ViewCommand::Measure(command)));
        let left_alone = index == LEFT && !linked;
        // Ctrl moves the crosshair whatever the tool.
        let moves = |modifiers: Modifiers| navigates || (modifiers.command && !workbench.toolbox().is_active());
        if matches!(event, ViewEvent::Press { .. }) {
            self.presses = [self.presses[1], None];
            let crosshair = linked.then_some(workbench.view.crosshair);
            self.before_press = BeforePress { crosshair, draft_points: workbench.toolbox().draft_points() };
        }
        let anatomy = |command| sender.send(Command::Anatomy(command));
        match event {
            ViewEvent::Press { at, modifiers }
                if !modifiers.command && self.landmark_at(index, view, workbench, at).is_some() =>
            {
                self.grabbed = Some(Grab { from: at, drags: false });
                if let Some(id) = self.landmark_at(index, view, workbench, at) {
                    anatomy(AnatomyCommand::Take { id, at });
                }
            }
            ViewEvent::Drag { at, .. } if self.grabbed.is_some() => {
                if self.grabbed.as_mut().is_some_and(|grab| grab.goes_to(at, view.mm_per_point)) {
                    anatomy(AnatomyCommand::Drag { at, orientation });
                }
            }
            ViewEvent::Release { .. } if self.grabbed.take().is_some() => anatomy(AnatomyCommand::Release),
            ViewEvent::Cancel if self.grabbed.take().is_some() => anatomy(AnatomyCommand::Cancel),
            ViewEvent::Press { at, modifiers } if measuring && !modifiers.command => {
                measure(MeasureCommand::Press { at, orientation, reach_mm });
            }
            ViewEvent::Drag { at, modifiers } if measuring && !modifiers.command => {
                measure(MeasureCommand::Drag { at });
            }
            ViewEvent::Release { .. } if measuring => measure(MeasureCommand::Release { reach_mm }),
            // Free views keep their places unless Ctrl is held.
            ViewEvent::Press { modifiers, .. } | ViewEvent::Drag { modifiers, .. }
                if navigates && !linked && !modifiers.command => {}
            ViewEvent::Press { at, modifiers } | ViewEvent::Drag { at, modifiers } if moves(modifiers) => {
                sender.send(Command::SetCrosshair(at));
            }
            ViewEvent::Press { at, modifiers } => {
                self.presses[1] = workbench.case().map(|case| ToolPress {
                    view: index,
                    case_count: workbench.case_count(),
                    state: case.history().state(),
                    at_seconds: self.now,
                });
                let reach_mm = view.mm_per_point * pointer::REACH;
                sender.send(Command::Tool(ToolEvent::Press(pointer::pointer(at, orientation, modifiers, reach_mm))));
            }
            ViewEvent::Drag { at, .. } => sender.send(Command::Tool(ToolEvent::Drag { at })),
            ViewEvent::Release { .. } => sender.send(Command::Tool(ToolEvent::Release)),
            ViewEvent::Cancel if measuring => measure(MeasureCommand::Cancel),
            ViewEvent::Cancel if navigates => {
                if let Some(at) = self.before_press.crosshair {
                    sender.send(Command::SetCrosshair(at));
                }
            }
            // Of a draft only the point that the first finger made goes.
            ViewEvent::Cancel if workbench.toolbox().is_draft() => {
                sender.send(Command::Tool(ToolEvent::Release));
                if workbench.toolbox().draft_points() > self.before_press.draft_points {
                    sender.send(Command::Tool(ToolEvent::StepBack));
                }
            }
            ViewEvent::Cancel => sender.send(Command::Tool(ToolEvent::Cancel)),
            ViewEvent::DoubleClick { .. } if measuring => {}
            ViewEvent::DoubleClick { .. } if navigates || is_brush(workbench) => {
                // The release of the second click comes first, so that its stroke is a step by then, if it drew anything.
                if !navigates && let Some(state) = self.before_double_click(index, workbench) {
                    sender.send(Command::GoToState(state));
                }
                let next = if self.maximized.is_some() { None } else { Some(index) };
                sender.send(WindowRequest::Maximize(next));
            }
            ViewEvent::DoubleClick { .. } => sender.send(Command::Tool(ToolEvent::Finish)),
            ViewEvent::Window(window) if !workbench.view.own_windows.contains_key(&index) => {
                sender.send(Command::SetWindow(window));
            }
            ViewEvent::Window(window) | ViewEvent::OwnWindow(window) => {
                sender.send(Command::View(ViewCommand::SetOwnWindow { view: index, window: Some(window) }));
            }
            ViewEvent::Scroll(steps) if left_alone => {
                sender.send(Command::View(ViewCommand::ScrollLeft(i64::from(steps))));
            }
            ViewEvent::GoTo(point) if left_alone => sender.send(Command::View(ViewCommand::MoveLeft(point))),
            ViewEvent::Scroll(steps) => sender.send(Command::Scroll { orientation, steps: i64::from(steps) }),
            ViewEvent::GoTo(point) => sender.send(Command::SetCrosshair(point)),
            ViewEvent::BrushSize(steps) => {
                if workbench.toolbox().has_radius() {
                    sender.send(Command::SetBrushRadius(workbench.toolbox().options().radius_after(steps)));
                }
            }
        }
    }
}

/// Brush and eraser have no double click of their own.
fn is_brush(workbench: &Workbench) -> bool {
    matches!(workbench.tool(), ToolKind::Brush | ToolKind::Eraser)
}
