//! The views in their layout: what the pointer does there becomes requests.

use super::measure_view;
use super::overlay_view::{isodoses, legend, look};
use super::pointer::{self, brush};
use super::privacy;
use super::request::{CommandSender, WindowRequest};
use super::scene::{Scene, structures};
use super::teach::DifferenceOutline;
use super::theme;
use super::view_layout::{AXIAL, LEFT, ViewSlot, cells};
use super::view_menu::view_menu_ui;
use super::viewport::{
    Camera, OverlayView, Show, SliceMarks, View, ViewEvent, ViewExtras, ViewInput, ViewOutput, ViewTransform, notice,
    preview,
};
use super::volumes::Volumes;
use super::widgets::cm3;
use crate::geometry::{Orientation, PatientPoint};
use crate::tf;
use crate::words::{t, told};
use crate::workbench::tools::ToolEvent;
use crate::workbench::{
    Command, CompareSide, Coverage, MeasureCommand, READING, Shown, ToolKind, ViewCommand, ViewLayout, Workbench, gaps,
};
use eframe::egui::{Align, ComboBox, Layout, Modifiers, Rect, RichText, ScrollArea, Ui, UiBuilder, vec2};
use std::time::Duration;

/// Views on the screen and how they share it.
pub struct Views {
    views: [View; 4],
    transforms: [Option<ViewTransform>; 4],
    /// The view that is shown alone.
    pub maximized: Option<usize>,
    /// The view last used.
    active: usize,
    /// Shares of the views while a line between them is dragged.
    split: Option<(ViewLayout, [f32; 2])>,
    /// What the pointer is over: view, patient point, CT number.
    hovered: Option<(usize, PatientPoint)>,
    /// Since when the axial view shows a slice, seconds.
    shown_since: Option<(Shown, usize, f64)>,
    /// Where the menu of a view was opened.
    menu_at: Option<PatientPoint>,
    /// Steps of undo before each of the last two presses: a double click takes back what its clicks have drawn.
    presses: [usize; 2],
}

/// Cameras of the views, kept while another scan is read.
pub struct ViewsState {
    cameras: [Camera; 4],
    maximized: Option<usize>,
}

impl Default for Views {
    fn default() -> Self {
        Self {
            views: [
                View::new(0, Orientation::Axial),
                View::new(1, Orientation::Sagittal),
                View::new(2, Orientation::Coronal),
                View::new(LEFT, Orientation::Axial).named("Left axial view"),
            ],
            transforms: [None; 4],
            maximized: None,
            active: 0,
            split: None,
            hovered: None,
            shown_since: None,
            menu_at: None,
            presses: [0; 2],
        }
    }
}

impl Views {
    /// The whole scan in every view.
    pub fn fit(&mut self) {
        for view in &mut self.views {
            view.camera.reset();
        }
    }

    /// What the views show of a scan: cameras, and the view that is shown alone.
    pub fn state(&self) -> ViewsState {
        ViewsState { cameras: self.views.each_ref().map(|v| v.camera), maximized: self.maximized }
    }

    /// Goes back to a former state.
    pub fn restore(&mut self, state: ViewsState) {
        for (view, camera) in self.views.iter_mut().zip(state.cameras) {
            view.camera = camera;
        }
        self.maximized = state.maximized;
    }

    /// Brings a point into the middle of every magnified view.
    pub fn center_on(&mut self, point: PatientPoint) {
        for view in self.views.iter_mut().filter(|v| v.camera.zoom > 1.0) {
            view.camera.center_on(point);
        }
    }

    /// The view last used.
    pub fn active(&self) -> usize {
        self.active
    }

    /// The patient point under the pointer.
    pub fn hovered(&self) -> Option<PatientPoint> {
        self.hovered.map(|(_, p)| p)
    }

    /// The map between patient and screen as last drawn; `None` for a view that is not on the screen.
    pub fn transform(&self, orientation: Orientation) -> Option<ViewTransform> {
        let at = self.views.iter().position(|v| v.orientation == orientation)?;
        self.transforms[at]
    }

    /// Shows the views in the rest of the space.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        workbench: &Workbench,
        scene: &mut Scene,
        sender: &CommandSender,
        volumes: &Volumes,
        difference: Option<&DifferenceOutline>,
    ) {
        let area = ui.available_rect_before_wrap();
        ui.painter().rect_filled(area, 0.0, theme::BASE);
        self.transforms = [None; 4];
        let display = &workbench.view.display;
        let places = match self.maximized {
            Some(index) => vec![(ViewSlot::Slice(index), area)],
            None => {
                let dragged = self.split.filter(|(layout, _)| *layout == display.layout);
                let mut shares = dragged.map_or(display.splits[display.layout as usize], |(_, shares)| shares);
                let before = shares;
                let (places, done) = cells(ui, area, display.layout, &mut shares);
                if done {
                    self.split = None;
                    sender.send(Command::View(ViewCommand::SetSplit { layout: display.layout, shares }));
                } else if shares != before {
                    self.split = Some((display.layout, shares));
                }
                places
            }
        };
        let cameras = [self.views[AXIAL].camera, self.views[LEFT].camera];
        let mut hovered = None;
        for (slot, rect) in places {
            if rect.width() < 40.0 || rect.height() < 40.0 {
                continue;
            }
            let mut child = ui.new_child(UiBuilder::new().id_salt(("view", format!("{slot:?}"))).max_rect(rect));
            match slot {
                ViewSlot::Solid => solid_ui(&mut child, workbench, volumes),
                ViewSlot::Slice(index) => {
                    if let Some(point) = self.view_ui(&mut child, index, rect, workbench, scene, sender, difference) {
                        hovered = Some((index, point));
                    }
                    if display.layout == ViewLayout::Compare && [AXIAL, LEFT].contains(&index) {
                        side_ui(&mut child, rect, usize::from(index == AXIAL), workbench, sender);
                    }
                }
            }
        }
        if hovered.is_none() && self.hovered.is_some() {
            pointer::leave(workbench, sender);
        }
        self.hovered = hovered;
        if display.linked {
            // Two axial views go together, whichever was moved.
            let moved = if self.views[LEFT].camera == cameras[1] { AXIAL } else { LEFT };
            let other = if moved == LEFT { AXIAL } else { LEFT };
            if self.views[other].camera != self.views[moved].camera {
                self.views[other].camera = self.views[moved].camera;
                ui.ctx().request_repaint();
            }
        }
        self.look(ui, workbench, sender);
        ui.advance_cursor_after_rect(area);
    }

    /// Tells how long the slice of the axial view has been shown.
    fn look(&mut self, ui: &Ui, workbench: &Workbench, sender: &CommandSender) {
        let (now, focused) = ui.input(|i| (i.time, i.focused));
        let shown = workbench.shown().filter(|s| matches!(s, Shown::Case(_)) && self.transforms[AXIAL].is_some());
        let (Some(shown), Some(grid), true) = (shown, workbench.grid(), focused) else {
            self.shown_since = None;
            return;
        };
        let slice = workbench.view.axial_slice(&grid);
        let since = self.shown_since.filter(|(of, k, _)| (*of, *k) == (shown, slice)).map_or(now, |(.., at)| at);
        self.shown_since = Some((shown, slice, since));
        if workbench.coverage().is_seen(slice) {
            return;
        }
        let seconds = now - since;
        if seconds >= Coverage::LOOK_S {
            sender.send(Command::View(ViewCommand::Shown { slice, seconds }));
        } else {
            ui.ctx().request_repaint_after(Duration::from_secs_f64(Coverage::LOOK_S - seconds + 0.02));
        }
    }

    /// What a view shows: all structures, or those of its side where two views stand side by side.
    fn side(&self, index: usize, workbench: &Workbench) -> CompareSide {
        if workbench.view.display.layout != ViewLayout::Compare || ![AXIAL, LEFT].contains(&index) {
            return CompareSide::Now;
        }
        workbench.view.compare[usize::from(index == AXIAL)].clone()
    }

    fn view_ui(
        &mut self,
        ui: &mut Ui,
        index: usize,
        rect: Rect,
        workbench: &Workbench,
        scene: &mut Scene,
        sender: &CommandSender,
        difference: Option<&DifferenceOutline>,
    ) -> Option<PatientPoint> {
        let grid = workbench.grid()?;
        let loading = workbench.loading().is_some();
        let volume = workbench.shown_case().map(|c| &c.image.volume);
        let side = self.side(index, workbench);
        let rois = workbench.compare_rois(&side);
        let names: Vec<String> = rois.iter().map(|r| privacy::words(workbench, &r.name)).collect();
        let structures = structures(workbench, &rois, &names);
        let marks = (self.views[index].orientation == Orientation::Axial).then(|| slice_marks(workbench));
        let measuring = workbench.view.measuring.is_some();
        let own = workbench.view.own_windows.contains_key(&index);
        let window = workbench.view.window_of(index);
        let preset = workbench.view.display.preset_name(window).map(told);
        let window_name = match (own, preset) {
            (true, Some(name)) => Some(tf!("This view: {name}", name)),
            (true, None) => Some(t("This view:").to_owned()),
            (false, name) => name.map(str::to_owned),
        };
        let crosshair = if index == LEFT { workbench.view.left_point() } else { workbench.view.crosshair };
        let patient = workbench
            .shown_case()
            .filter(|_| index == AXIAL && !workbench.view.identifiers_hidden)
            .map(|c| c.image.meta.patient.name.clone())
            .filter(|name| !name.is_empty());
        let brush = brush(ui, workbench, self.hovered, index).filter(|_| !measuring);
        let gaps = scene.gaps_mm().to_vec();
        let shown = workbench.shown_overlay();
        let isodoses = shown.map(|(overlay, _)| isodoses(overlay)).unwrap_or_default();
        let legend = legend(workbench).filter(|_| index == 0 || self.maximized.is_some());
        let words = |at: PatientPoint| workbench.overlay_words_at(at);
        let overlay = shown.map(|(overlay, loaded)| OverlayView {
            volume: &loaded.volume,
            look: look(overlay),
            isodoses: &isodoses,
            labels: overlay.style.labels,
            legend: legend.as_ref(),
            words: &words,
        });
        let input = ViewInput {
            grid: &grid,
            volume,
            crosshair,
            window,
            sampling: workbench.view.sampling,
            slab: workbench.slab(),
            structures: &structures,
            fills: scene.fills(workbench, |roi| workbench.compares_present(&side, roi)),
            overlay,
            patient: patient.as_deref(),
            brush,
            cursor: pointer::cursor(workbench),
            gaps_mm: &gaps,
            show: Show::default(),
            active: self.active == index,
            extras: ViewExtras {
                title: None,
                window_name: window_name.as_deref(),
                labels: workbench.view.display.labels,
                marks: marks.as_ref(),
            },
        };
        let output = self.views[index].show(ui, rect.size(), &mut scene.renderer, &input);
        let ViewOutput { response, transform, hovered, events } = output;
        self.transforms[index] = Some(transform);
        let pointer = response.hover_pos().filter(|_| measuring);
        measure_view::paint(&ui.painter_at(transform.rect), &transform, &grid, workbench, pointer);
        if response.secondary_clicked() {
            self.menu_at = response.interact_pointer_pos().map(|at| transform.patient_from_screen(at));
        }
        let (maximized, menu_at) = (self.maximized.is_some(), self.menu_at);
        response.context_menu(|ui| view_menu_ui(ui, workbench, sender, index, maximized, menu_at));
        if let Some(difference) = difference.filter(|_| transform.plane.orientation == Orientation::Axial) {
            difference.paint(&ui.painter_at(transform.rect), &transform, &grid, workbench);
        }
        if loading && index == 0 {
            let words = t(READING);
            notice(&ui.painter_at(transform.rect), transform.rect.split_top_bottom_at_fraction(0.9).1, words);
        }
        preview::paint(&ui.painter_at(transform.rect), &transform, &grid, &workbench.tool_preview());
        if response.is_pointer_button_down_on() {
            self.active = index;
        }
        let reach_mm = transform.mm_per_point * pointer::REACH;
        if let Some((at, _)) = hovered.filter(|_| !self.views[index].is_busy()) {
            pointer::hover(ui, workbench, sender, self.views[index].orientation, at, reach_mm);
        }
        for event in events {
            self.request(index, event, &transform, workbench, sender);
        }
        hovered.map(|(point, _)| point)
    }

    /// What an event of a view asks for.
    fn request(
        &mut self,
        index: usize,
        event: ViewEvent,
        view: &ViewTransform,
        workbench: &Workbench,
        sender: &CommandSender,
    ) {
        let orientation = self.views[index].orientation;
        let side = self.side(index, workbench);
        let selected = workbench.view.selected.and_then(|id| workbench.case()?.structures().get(id));
        // Where a side does not show the selected structure as it is, nothing can be drawn on it.
        let draws_here = selected.is_none_or(|roi| workbench.compares_present(&side, roi));
        let navigates = workbench.tool() == ToolKind::Navigate || !draws_here;
        let measuring = workbench.view.measuring.is_some();
        let linked = workbench.view.display.linked;
        let reach_mm = f64::from(measure_view::REACH) * view.mm_per_point;
        let measure = |command| sender.send(Command::View(ViewCommand::Measure(command)));
        let left_alone = index == LEFT && !linked;
        // Ctrl moves the crosshair whatever the tool.
        let moves = |modifiers: Modifiers| navigates || (modifiers.command && !workbench.toolbox().is_active());
        match event {
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
                self.presses = [self.presses[1], workbench.case().map_or(0, |c| c.history().len())];
                let reach_mm = view.mm_per_point * pointer::REACH;
                sender.send(Command::Tool(ToolEvent::Press(pointer::pointer(at, orientation, modifiers, reach_mm))));
            }
            ViewEvent::Drag { at, .. } => sender.send(Command::Tool(ToolEvent::Drag { at })),
            ViewEvent::Release { .. } => sender.send(Command::Tool(ToolEvent::Release)),
            ViewEvent::Cancel if measuring => measure(MeasureCommand::Release { reach_mm }),
            // Of a draft only the point that the first finger made goes.
            ViewEvent::Cancel if workbench.toolbox().is_draft() => {
                sender.send(Command::Tool(ToolEvent::Release));
                sender.send(Command::Tool(ToolEvent::StepBack));
            }
            ViewEvent::Cancel => sender.send(Command::Tool(ToolEvent::Cancel)),
            ViewEvent::DoubleClick { .. } if measuring => {}
            ViewEvent::DoubleClick { .. } if navigates || is_brush(workbench) => {
                // The release of the second click comes first; it may still have to be performed.
                let pending = usize::from(is_drawing(workbench));
                let drawn = workbench.case().map_or(0, |c| c.history().len()) + pending;
                for _ in self.presses[0]..drawn.max(self.presses[0]) {
                    if !navigates {
                        sender.send(Command::Undo);
                    }
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

/// What the strip of an axial view tells of the slices.
fn slice_marks(workbench: &Workbench) -> SliceMarks {
    let Some(case) = workbench.shown_case() else { return SliceMarks::default() };
    let slices = case.grid().slices();
    let coverage = workbench.coverage();
    let selected = workbench.view.selected.filter(|id| workbench.is_shown(*id));
    let mut marks = SliceMarks {
        gaps: vec![false; slices],
        seen: (0..slices).map(|k| coverage.is_seen(k)).collect(),
        ..SliceMarks::default()
    };
    for k in selected.and_then(|id| case.structures().get(id)).into_iter().flat_map(gaps) {
        if let Some(gap) = marks.gaps.get_mut(k) {
            *gap = true;
        }
    }
    let name = |id| case.structures().get(id).map(|r| privacy::words(workbench, &r.name));
    marks.edited = (0..slices).map(|k| coverage.edited_on(k).filter_map(name).collect()).collect();
    marks
}

/// The choice of what one of two views side by side shows, below its name.
fn side_ui(ui: &mut Ui, rect: Rect, side: usize, workbench: &Workbench, sender: &CommandSender) {
    let shows = &workbench.view.compare[side];
    let sources = workbench.sources();
    let label = |side: &CompareSide| match side {
        CompareSide::Now => t("As it is now").to_owned(),
        CompareSide::AsOpened => t("As opened").to_owned(),
        CompareSide::Source(source) => {
            let number = sources.iter().position(|s| s == source).map_or(0, |n| n + 1);
            privacy::identifier(workbench, source, &tf!("Source {number}", number)).to_owned()
        }
    };
    let at = rect.min + vec2(theme::SPACE_2, 44.0);
    let mut child = ui.new_child(UiBuilder::new().max_rect(Rect::from_min_size(at, vec2(180.0, theme::ROW))));
    let combo = ComboBox::from_id_salt(("side", side)).width(150.0).selected_text(label(shows));
    let combo = combo.show_ui(&mut child, |ui| {
        let of_sources = sources.iter().cloned().map(CompareSide::Source);
        for option in [CompareSide::Now, CompareSide::AsOpened].into_iter().chain(of_sources) {
            if ui.selectable_label(option == *shows, label(&option)).clicked() {
                sender.send(Command::View(ViewCommand::SetCompare { side, shows: option }));
            }
        }
    });
    let name = if side == 0 { t("Structures on the left") } else { t("Structures on the right") };
    combo.response.accessible_name(name).on_hover_text(t("Which structures this view shows"));
}

/// The cell of the solids: the shown structures with their volumes.
fn solid_ui(ui: &mut Ui, workbench: &Workbench, volumes: &Volumes) {
    let rect = ui.max_rect();
    ui.painter().rect_filled(rect, 0.0, theme::PANEL);
    let shown: Vec<_> = workbench.compare_rois(&CompareSide::Now);
    let inner = rect.shrink(theme::SPACE_3);
    let mut ui = ui.new_child(UiBuilder::new().max_rect(inner));
    ui.label(RichText::new(t("3D view")).font(theme::strong(theme::SIZE_BODY)));
    if shown.is_empty() {
        notice(ui.painter(), rect, t("No structure is shown. Show one in the list on the left"));
        return;
    }
    ScrollArea::vertical().auto_shrink([false, false]).show(&mut ui, |ui| {
        for roi in shown {
            ui.horizontal(|ui| {
                super::icons::swatch(ui, roi.color, 14.0);
                ui.label(privacy::words(workbench, &roi.name));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.label(RichText::new(cm3(volumes.cm3(roi.id))).color(theme::TEXT_SECONDARY));
                });
            });
        }
    });
}

fn is_drawing(workbench: &Workbench) -> bool {
    workbench.toolbox().is_active()
}
