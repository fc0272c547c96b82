//! What changes how the views look, where they stand, and what is measured in them. Nothing here touches the case.

use super::action_table::Reach;
use super::coverage::{Coverage, Jump, Toward, next};
use super::difference::{Compared, Differences, rois_of};
use super::display::{CompareSide, ContourStyle, Display, ViewLayout, WindowPreset, source_of};
use super::measure::{MeasureCommand, Measures};
use super::view::{SidePanel, clamped, scrolled};
use super::{Action, Command, Workbench};
use crate::geometry::{ImagePlane, Orientation, PatientPoint};
use crate::image::WindowLevel;
use crate::structures::{Roi, RoiId};
use crate::tf;
use crate::words::{t, told};
use std::sync::Arc;

/// A request about the views.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewCommand {
    SetLayout(ViewLayout),
    /// Shares of width and height that the first view of a layout takes.
    SetSplit {
        layout: ViewLayout,
        shares: [f32; 2],
    },
    /// Whether the views go together.
    SetLinked(bool),
    /// What one of two views side by side shows: 0 left, 1 right.
    SetCompare {
        side: usize,
        shows: CompareSide,
    },
    /// The left one of two views side by side, where it goes alone.
    ScrollLeft(i64),
    MoveLeft(PatientPoint),
    SetLabels(bool),
    /// Shows a panel beside the views or folds it away.
    SetSidePanel {
        panel: SidePanel,
        shown: bool,
    },
    /// The window has another width, points.
    SetWindowWidth(f32),
    SetStyle(ContourStyle),
    SetLineWidth(f32),
    /// For one structure; `None` goes back to what holds for all.
    SetRoiStyle {
        roi: RoiId,
        style: Option<ContourStyle>,
    },
    SetRoiWidth {
        roi: RoiId,
        width: Option<f32>,
    },
    /// For one structure; `None` draws dashes for proposals only.
    SetRoiDashed {
        roi: RoiId,
        dashed: Option<bool>,
    },
    /// Of the outline of one structure, 0 to 1.
    SetRoiLineOpacity {
        roi: RoiId,
        opacity: f32,
    },
    /// Draws all structures of the same kind (target, station, organ, other) as this one.
    DrawKindLike(RoiId),
    /// Hides all contours while a key is held.
    HoldContours(bool),
    SetIsolating(bool),
    /// The window of one view alone, by its number; `None` goes back to that of all.
    SetOwnWindow {
        view: usize,
        window: Option<WindowLevel>,
    },
    /// Keeps a window under a number key, counted from 0.
    SetPreset {
        number: usize,
        preset: WindowPreset,
    },
    Jump(Jump),
    /// The axial view has shown a slice for so many seconds.
    Shown {
        slice: usize,
        seconds: f64,
    },
    Measure(MeasureCommand),
    /// Shows the difference between two sets of structures, or none.
    SetDifference(Option<Compared>),
    /// What counts as a difference for the keys, mm.
    SetTolerance(f64),
    GoToDifference(DifferenceStep),
}

/// Where to go among the differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceStep {
    /// The next slice with a difference beyond the tolerance; after the last one it begins again at the other end.
    Next(Toward),
    Largest,
}

impl ViewCommand {
    pub(super) fn reach(&self) -> Reach {
        match self {
            Self::SetLayout(_)
            | Self::SetSplit { .. }
            | Self::SetLinked(_)
            | Self::SetLabels(_)
            | Self::SetSidePanel { .. }
            | Self::SetWindowWidth(_)
            | Self::SetStyle(_)
            | Self::SetLineWidth(_)
            | Self::HoldContours(_)
            | Self::SetOwnWindow { .. }
            | Self::SetPreset { .. }
            | Self::Measure(MeasureCommand::Cancel) => Reach::Anything,
            Self::ScrollLeft(_) | Self::MoveLeft(_) => Reach::Scan,
            _ => Reach::Case,
        }
    }

    /// Measuring ends a stroke; everything else only looks.
    pub(super) fn leaves_stroke(&self) -> bool {
        !matches!(self, Self::Measure(_) | Self::SetIsolating(_))
    }
}

impl Workbench {
    /// Which slices were looked at and which were changed.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    pub fn measures(&self) -> &Measures {
        &self.measures
    }

    pub(super) fn view_command(&mut self, command: ViewCommand) {
        match command {
            ViewCommand::SetLayout(layout) => self.change_display(|d| d.layout = layout),
            ViewCommand::SetSplit { layout, shares } => {
                self.change_display(|d| d.splits[layout as usize] = shares);
            }
            ViewCommand::SetLinked(linked) => {
                self.view.left_at = None;
                self.change_display(|d| d.linked = linked);
            }
            ViewCommand::SetCompare { side, shows } => {
                if let Some(slot) = self.view.compare.get_mut(side) {
                    *slot = shows;
                }
            }
            ViewCommand::ScrollLeft(steps) => {
                if let Some(grid) = self.grid() {
                    self.view.left_at = Some(scrolled(&grid, self.view.left_point(), Orientation::Axial, steps));
                }
            }
            ViewCommand::MoveLeft(point) => {
                if let Some(grid) = self.grid() {
                    self.view.left_at = Some(clamped(&grid, point));
                }
            }
            ViewCommand::SetLabels(labels) => self.change_display(|d| d.labels = labels),
            ViewCommand::SetSidePanel { panel, shown } => self.view.sides.set(panel, shown),
            ViewCommand::SetWindowWidth(width) => self.view.sides.set_width(width),
            ViewCommand::SetStyle(style) => {
                self.view.styles.clear();
                self.change_display(|d| d.style = style);
            }
            ViewCommand::SetLineWidth(width) => self.change_display(|d| d.line_width = width),
            ViewCommand::SetRoiStyle { roi, style } => {
                self.view.styles.remove(&roi);
                self.view.styles.extend(style.map(|s| (roi, s)));
            }
            ViewCommand::SetRoiWidth { roi, width } => {
                let range = Display::LINE_WIDTHS;
                self.view.widths.remove(&roi);
                self.view.widths.extend(width.map(|w| (roi, w.clamp(*range.start(), *range.end()))));
            }
            ViewCommand::SetRoiDashed { roi, dashed } => {
                self.view.dashed.remove(&roi);
                self.view.dashed.extend(dashed.map(|d| (roi, d)));
            }
            ViewCommand::SetRoiLineOpacity { roi, opacity } => {
                let opacity = if opacity.is_finite() { opacity.clamp(0.0, 1.0) } else { 1.0 };
                self.view.line_opacity.insert(roi, opacity);
            }
            ViewCommand::DrawKindLike(model) => {
                let Some(case) = &self.case else { return };
                let Some(role) = case.structures().get(model).map(|r| r.role) else { return };
                let alike = case.structures().rois.iter().filter(|r| r.role.kind() == role.kind()).map(|r| r.id);
                self.view.draw_like(model, alike);
            }
            ViewCommand::HoldContours(held) => self.view.contours_held = held,
            ViewCommand::SetIsolating(isolating) => self.view.isolating = isolating,
            ViewCommand::SetOwnWindow { view, window } => {
                self.view.own_windows.remove(&view);
                self.view.own_windows.extend(window.map(|w| (view, w.drawable())));
            }
            ViewCommand::SetPreset { number, preset } => {
                let name = preset.name.trim().to_owned();
                if name.is_empty() {
                    self.notices.warning(t("A window needs a name; the old one was kept"));
                } else {
                    self.change_display(|d| {
                        if let Some(slot) = d.presets.get_mut(number) {
                            *slot = WindowPreset { name, window: preset.window };
                        }
                    });
                }
            }
            ViewCommand::Jump(jump) => self.jump(jump),
            ViewCommand::Shown { slice, seconds } => self.coverage.shown(slice, seconds),
            ViewCommand::Measure(command) => self.measure(command),
            ViewCommand::SetDifference(compared) => {
                self.view.shows_difference = compared.is_some();
                self.view.compared = compared.or_else(|| self.view.compared.take());
            }
            ViewCommand::SetTolerance(mm) => {
                let range = Differences::TOLERANCES_MM;
                let mm = if mm.is_finite() { mm } else { Differences::USUAL_TOLERANCE_MM };
                self.view.difference_tolerance_mm = mm.clamp(*range.start(), *range.end());
            }
            ViewCommand::GoToDifference(step) => self.go_to_difference(step),
        }
    }

    fn change_display(&mut self, change: impl FnOnce(&mut Display)) {
        change(&mut self.view.display);
        let display = std::mem::take(&mut self.view.display).checked();
        self.view.display = display.clone();
        self.change_settings(|settings| settings.views = display);
    }

    /// True where slice numbers grow towards the head.
    fn slices_go_up(&self) -> bool {
        let Some(grid) = self.grid() else { return true };
        ImagePlane::through(&grid, Orientation::Axial, self.view.crosshair).normal.dot(grid.normal()) > 0.0
    }

    fn jump(&mut self, jump: Jump) {
        let Some(case) = &self.case else { return };
        let grid = Arc::clone(case.grid());
        let roi = self.view.selected.and_then(|id| case.structures().get(id));
        let from = self.view.axial_slice(&grid);
        let Some(k) = self.coverage.target(jump, roi, from, self.slices_go_up()) else {
            let toward = |toward| if toward == Toward::Head { t("towards the head") } else { t("towards the feet") };
            let name = roi.map_or_else(|| t("the selected structure").to_owned(), |r| r.name.clone());
            let words = match jump {
                Jump::Contour(way) => {
                    tf!("No further slice {toward} has contours of {name}", toward = toward(way), name)
                }
                Jump::Edited(way) => {
                    tf!("No further slice {toward} was changed since the case was opened", toward = toward(way))
                }
                Jump::Unseen(_) => t("Every other slice was looked at").to_owned(),
                Jump::Gap => tf!("{name} has no gap between its contours", name),
            };
            self.notices.info(words);
            return;
        };
        self.go_to_slice(k);
    }

    fn go_to_slice(&mut self, k: usize) {
        let Some(grid) = self.grid() else { return };
        let (uv, _) = grid.plane_from_patient(self.view.crosshair);
        self.view.crosshair = grid.patient_from_plane(uv, grid.position_mm(k));
    }

    fn go_to_difference(&mut self, step: DifferenceStep) {
        let (Some(differences), Some(grid)) = (self.differences(), self.grid()) else { return };
        if differences.is_measuring() {
            return self.notices.info(t("The difference is still being measured"));
        }
        let (selected, tolerance) = (self.view.selected, self.view.difference_tolerance_mm);
        let found = match step {
            DifferenceStep::Largest => differences.largest(selected),
            DifferenceStep::Next(toward) => {
                let slices = differences.slices_beyond(selected, tolerance);
                let ascending = (toward == Toward::Head) == self.slices_go_up();
                next(grid.slices(), self.view.axial_slice(&grid), ascending, true, |k| slices.contains(&k))
            }
        };
        match (found, step) {
            (Some(k), _) => self.go_to_slice(k),
            (None, DifferenceStep::Largest) => self.notices.info(t("What is compared does not differ")),
            (None, DifferenceStep::Next(_)) => {
                self.notices.info(tf!("No other slice differs by more than {tolerance:.1} mm", tolerance));
            }
        }
    }

    fn measure(&mut self, command: MeasureCommand) {
        let Some(volume) = self.case.as_ref().map(|c| c.image.volume.clone()) else { return };
        match command {
            MeasureCommand::Use(kind) => {
                self.measures.cancel();
                self.view.measuring = kind;
            }
            MeasureCommand::Press { at, orientation, reach_mm } => {
                if let Some(kind) = self.view.measuring {
                    self.measures.press(kind, at, orientation, reach_mm, &volume);
                }
            }
            MeasureCommand::Drag { at } => self.measures.drag(at, &volume),
            MeasureCommand::Release { reach_mm } => self.measures.release(reach_mm, &volume),
            MeasureCommand::Cancel => {
                if !self.measures.cancel() {
                    self.view.measuring = None;
                }
            }
            MeasureCommand::Delete(id) => self.measures.delete(id),
            MeasureCommand::Clear => self.measures = Measures::default(),
        }
    }

    /// Brings the ledger of slices to the case.
    pub(super) fn follow_coverage(&mut self) {
        let Some(case) = &self.case else { return };
        let shown = self.view.axial_slice(case.grid());
        if self.coverage.follow(case, self.case_count, shown) {
            self.measures = Measures::default();
        }
    }

    /// The structures of one of two views side by side that are shown, in drawing order.
    pub fn compare_rois(&self, side: &CompareSide) -> Vec<&Roi> {
        let Some(case) = self.shown_case() else { return Vec::new() };
        rois_of(case, &self.coverage, side).into_iter().filter(|roi| self.is_shown(roi.id)).collect()
    }

    /// Whether one of two views side by side shows this structure as it is now: only there it can be changed.
    pub fn compares_present(&self, side: &CompareSide, roi: &Roi) -> bool {
        match side {
            CompareSide::Now => true,
            CompareSide::AsOpened => !self.coverage.is_edited(roi.id),
            CompareSide::Source(source) => source_of(roi) == *source,
        }
    }

    /// Where the structures of the case came from, in their order.
    pub fn sources(&self) -> Vec<String> {
        let mut sources = Vec::new();
        for roi in self.shown_case().iter().flat_map(|c| &c.structures().rois) {
            let source = source_of(roi);
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        sources
    }

    /// The number of the window that an action stands for, from 0.
    pub fn preset_of(action: Action) -> Option<usize> {
        Action::WINDOWS.iter().position(|a| *a == action)
    }

    /// The name of an action; windows are called as the user has called them.
    pub fn action_label(&self, action: Action) -> String {
        let preset = Self::preset_of(action).and_then(|n| self.view.display.presets.get(n));
        match preset {
            Some(preset) => tf!("Window {name}", name = told(&preset.name).to_lowercase()),
            None => action.info().label.to_owned(),
        }
    }

    /// The command of an action of the views.
    pub(super) fn view_command_for(&self, action: Action) -> Option<Command> {
        use super::MeasureKind::{Angle, Circle, Distance};
        let measure = |kind| {
            let next = Some(kind).filter(|_| self.view.measuring != Some(kind));
            ViewCommand::Measure(MeasureCommand::Use(next))
        };
        let toggled = |panel| ViewCommand::SetSidePanel { panel, shown: !self.view.sides.shows(panel) };
        let display = &self.view.display;
        Some(Command::View(match action {
            Action::NextContourSlice => ViewCommand::Jump(Jump::Contour(Toward::Head)),
            Action::PreviousContourSlice => ViewCommand::Jump(Jump::Contour(Toward::Feet)),
            Action::NextEditedSlice => ViewCommand::Jump(Jump::Edited(Toward::Head)),
            Action::PreviousEditedSlice => ViewCommand::Jump(Jump::Edited(Toward::Feet)),
            Action::NextUnseenSlice => ViewCommand::Jump(Jump::Unseen(Toward::Head)),
            Action::PreviousUnseenSlice => ViewCommand::Jump(Jump::Unseen(Toward::Feet)),
            Action::NextGap => ViewCommand::Jump(Jump::Gap),
            Action::LayoutAxial => ViewCommand::SetLayout(ViewLayout::Axial),
            Action::LayoutFour => ViewCommand::SetLayout(ViewLayout::Four),
            Action::LayoutCompare => ViewCommand::SetLayout(ViewLayout::Compare),
            Action::LinkViews => ViewCommand::SetLinked(!display.linked),
            Action::Isolate => ViewCommand::SetIsolating(!self.view.isolating),
            Action::ContourLabels => ViewCommand::SetLabels(!display.labels),
            Action::StructureList => toggled(SidePanel::List),
            Action::Assessment => toggled(SidePanel::Assessment),
            Action::ContourStyle => ViewCommand::SetStyle(display.style.next()),
            Action::MeasureDistance => measure(Distance),
            Action::MeasureAngle => measure(Angle),
            Action::MeasureCircle => measure(Circle),
            Action::ClearMeasurements => ViewCommand::Measure(MeasureCommand::Clear),
            Action::ToggleDifference => {
                ViewCommand::SetDifference((!self.view.shows_difference).then(|| self.usual_comparison()))
            }
            Action::NextDifference => ViewCommand::GoToDifference(DifferenceStep::Next(Toward::Head)),
            Action::PreviousDifference => ViewCommand::GoToDifference(DifferenceStep::Next(Toward::Feet)),
            Action::LargestDifference => ViewCommand::GoToDifference(DifferenceStep::Largest),
            other => {
                let preset = display.presets.get(Self::preset_of(other)?)?;
                return Some(Command::SetWindow(preset.window));
            }
        }))
    }

    /// Why an action of the views cannot run now.
    pub(super) fn view_refusal(&self, action: Action) -> Option<&'static str> {
        let selected = self.view.selected.and_then(|id| self.case.as_ref()?.structures().get(id));
        match action {
            Action::NextContourSlice | Action::PreviousContourSlice | Action::NextGap if selected.is_none() => {
                Some(t("Select a structure first"))
            }
            Action::Isolate if selected.is_none() && !self.view.isolating => Some(t("Select a structure first")),
            Action::NextContourSlice | Action::PreviousContourSlice | Action::NextGap
                if selected.is_some_and(|r| r.slices.is_empty()) =>
            {
                Some(t("The selected structure has no contours yet"))
            }
            Action::ToggleDifference if self.case.as_ref().is_some_and(|c| c.structures().rois.is_empty()) => {
                Some(t("This case has no structures"))
            }
            Action::ToggleDifference if self.exercise.is_some() => Some(t("An exercise shows its own difference")),
            Action::NextDifference | Action::PreviousDifference | Action::LargestDifference
                if self.differences.is_none() =>
            {
                Some(t("Show the difference first"))
            }
            Action::ClearMeasurements if self.measures.done().is_empty() => Some(t("Nothing was measured")),
            _ => None,
        }
    }
}
