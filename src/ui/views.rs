//! The views in their layout: what the pointer does there becomes requests.

use super::check_panel;
use super::difference_view::{self, DifferenceOutlines};
use super::landmark_view;
use super::measure_view;
use super::overlay_view::{isodoses, legend, look};
use super::picture;
use super::pointer::{self, brush};
use super::privacy;
use super::projection;
use super::request::{CommandSender, WindowRequest};
use super::scene::{Scene, structures};
use super::solid_view::SolidView;
use super::theme;
use super::view_events::{BeforePress, Grab, ToolPress};
use super::view_layout::{AXIAL, LEFT, SOLID, ViewSlot, cells};
use super::view_menu::view_menu_ui;
use super::view_sides::{side_ui, slice_marks};
use super::viewport::{
    Camera, DoubleClicks, OverlayView, Show, View, ViewExtras, ViewInput, ViewOutput, ViewTransform, notice, preview,
};
use super::volumes::Volumes;
use crate::geometry::{Orientation, PatientPoint};
use crate::tf;
use crate::words::{t, told};
use crate::workbench::{
    AnatomyCommand, Command, CompareSide, Coverage, READING, Shown, ViewCommand, ViewLayout, Workbench,
};
use eframe::egui::{Context, Rect, Ui, UiBuilder};
use std::time::Duration;

/// Views on the screen and how they share it.
pub struct Views {
    pub(super) views: [View; 4],
    transforms: [Option<ViewTransform>; 4],
    solid: SolidView,
    solid_clicks: DoubleClicks,
    difference: DifferenceOutlines,
    /// Where the views were drawn, by their number.
    places: Vec<(usize, Rect)>,
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
    /// The last two presses, as far as a tool was told of them: a double click takes back what its clicks have drawn.
    pub(super) presses: [Option<ToolPress>; 2],
    pub(super) before_press: BeforePress,
    /// The press took hold of a landmark.
    pub(super) grabbed: Option<Grab>,
    /// The time of the frame, seconds.
    pub(super) now: f64,
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
            solid: SolidView::default(),
            solid_clicks: DoubleClicks::default(),
            difference: DifferenceOutlines::default(),
            places: Vec::new(),
            maximized: None,
            active: 0,
            split: None,
            hovered: None,
            shown_since: None,
            menu_at: None,
            presses: [None; 2],
            before_press: BeforePress::default(),
            grabbed: None,
            now: 0.0,
        }
    }
}

impl Views {
    /// The whole scan in every view.
    pub fn fit(&mut self) {
        for view in &mut self.views {
            view.camera.reset();
        }
        self.solid.fit();
    }

    /// The view last used as it is on the screen, points; another one where it is not there.
    pub fn picture_rect(&self) -> Option<Rect> {
        let of_active = self.places.iter().find(|(index, _)| *index == self.active);
        of_active.or(self.places.first()).map(|(_, rect)| *rect)
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

    /// Reads what the pointer did in the views, before they are drawn.
    pub fn read(&mut self, context: &Context, workbench: &Workbench, sender: &CommandSender) {
        self.now = context.input(|i| i.time);
        let Some(grid) = workbench.grid() else { return };
        let cameras = [self.views[AXIAL].camera, self.views[LEFT].camera];
        let (mut hovered, mut landmark) = (None, None);
        for index in 0..self.views.len() {
            let crosshair = self.crosshair(index, workbench);
            let window = workbench.view.window_of(index);
            let Some(read) = self.views[index].read(context, &grid, crosshair, window) else { continue };
            if let Some(at) = read.hovered {
                hovered = Some((index, at));
                if !self.views[index].is_busy() {
                    let reach_mm = read.transform.mm_per_point * pointer::REACH;
                    pointer::hover(context, workbench, sender, self.views[index].orientation, at, reach_mm);
                    landmark = self.landmark_at(index, &read.transform, workbench, at);
                }
            }
            for event in read.events {
                self.request(index, event, &read.transform, workbench, sender);
            }
        }
        if hovered.is_none() && self.hovered.is_some() {
            pointer::leave(workbench, sender);
        }
        if landmark != workbench.anatomy().hovered && self.grabbed.is_none() {
            sender.send(Command::Anatomy(AnatomyCommand::Hover(landmark)));
        }
        self.hovered = hovered;
        if workbench.view.display.linked {
            // Two axial views go together, whichever was moved.
            let moved = if self.views[LEFT].camera == cameras[1] { AXIAL } else { LEFT };
            let other = if moved == LEFT { AXIAL } else { LEFT };
            self.views[other].camera = self.views[moved].camera;
        }
    }

    /// The point that the plane of a view goes through.
    fn crosshair(&self, index: usize, workbench: &Workbench) -> PatientPoint {
        if index == LEFT { workbench.view.left_point() } else { workbench.view.crosshair }
    }

    /// Shows the views in the rest of the space.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        workbench: &Workbench,
        scene: &mut Scene,
        sender: &CommandSender,
        volumes: &Volumes,
        takes_picture: bool,
    ) {
        let area = ui.available_rect_before_wrap();
        ui.painter().rect_filled(area, 0.0, theme::BASE);
        self.transforms = [None; 4];
        let display = &workbench.view.display;
        let places = match self.maximized {
            Some(SOLID) => vec![(ViewSlot::Solid, area)],
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
        self.places.clear();
        for (slot, rect) in places {
            if rect.width() < 40.0 || rect.height() < 40.0 {
                continue;
            }
            let mut child = ui.new_child(UiBuilder::new().id_salt(("view", format!("{slot:?}"))).max_rect(rect));
            match slot {
                ViewSlot::Solid => {
                    self.places.push((SOLID, rect));
                    self.solid_ui(&mut child, rect, workbench, scene, sender, volumes);
                }
                ViewSlot::Slice(index) => {
                    self.view_ui(&mut child, index, rect, workbench, scene, sender);
                    if display.layout == ViewLayout::Compare && [AXIAL, LEFT].contains(&index) {
                        side_ui(&mut child, rect, usize::from(index == AXIAL), workbench, sender);
                    }
                }
            }
        }
        if let Some(rect) = self.picture_rect().filter(|_| takes_picture) {
            picture::paint_words(&ui.painter_at(rect), rect);
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
    pub(super) fn side(&self, index: usize, workbench: &Workbench) -> CompareSide {
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
    ) {
        let Some(grid) = workbench.grid() else { return };
        let loading = workbench.loading().is_some();
        let volume = workbench.shown_case().map(|c| &c.image.volume);
        let side = self.side(index, workbench);
        let mut rois = workbench.compare_rois(&side);
        if side == CompareSide::Now {
            rois.extend(workbench.interpolation_preview());
            rois.extend(workbench.rule_outlines());
            rois.extend(workbench.recurrence_outline());
        }
        let names: Vec<String> = rois.iter().map(|r| privacy::words(workbench, &r.name)).collect();
        let structures = structures(workbench, &rois, &names);
        let marks = (self.views[index].orientation == Orientation::Axial).then(|| slice_marks(workbench));
        let bars = marks.as_ref().and_then(|_| difference_view::bars(workbench, grid.slices()));
        let measuring = workbench.view.measuring.is_some();
        let own = workbench.view.own_windows.contains_key(&index);
        let window = workbench.view.window_of(index);
        let preset = workbench.view.display.preset_name(window).map(told);
        let window_name = match (own, preset) {
            (true, Some(name)) => Some(tf!("This view: {name}", name)),
            (true, None) => Some(t("This view:").to_owned()),
            (false, name) => name.map(str::to_owned),
        };
        let crosshair = self.crosshair(index, workbench);
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
        let map_legend =
            projection::legend(workbench).filter(|_| legend.is_none() && (index == 0 || self.maximized.is_some()));
        let words = |at: PatientPoint| workbench.overlay_words_at(at);
        let overlay = shown.map(|(overlay, loaded)| OverlayView {
            volume: &loaded.volume,
            look: look(overlay, window),
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
            map_legend: map_legend.as_ref(),
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
                differences: bars.as_deref().map(|bars| (bars, difference_view::FULL_MM)),
            },
        };
        let output = self.views[index].show(ui, rect.size(), &mut scene.renderer, &input);
        let ViewOutput { response, transform, hovered, goal } = output;
        self.transforms[index] = Some(transform);
        self.places.push((index, transform.rect));
        let pointer = response.hover_pos().filter(|_| measuring);
        measure_view::paint(&ui.painter_at(transform.rect), &transform, &grid, workbench, pointer);
        landmark_view::paint(&ui.painter_at(transform.rect), &transform, workbench);
        check_panel::paint_chosen(&ui.painter_at(transform.rect), &transform, workbench);
        let response = landmark_view::tooltip(response, workbench);
        if response.secondary_clicked() {
            self.menu_at = response.interact_pointer_pos().map(|at| transform.patient_from_screen(at));
        }
        let (maximized, menu_at) = (self.maximized.is_some(), self.menu_at);
        response.context_menu(|ui| view_menu_ui(ui, workbench, sender, index, maximized, menu_at));
        if transform.plane.orientation == Orientation::Axial {
            self.difference.paint(&ui.painter_at(transform.rect), &transform, &grid, workbench);
        }
        if loading && index == 0 {
            // Above the texts in the lower corners.
            let place = transform.rect.split_top_bottom_at_y(transform.rect.bottom() - 110.0).1;
            notice(&ui.painter_at(transform.rect), place.split_top_bottom_at_fraction(0.4).0, t(READING));
        }
        preview::paint(&ui.painter_at(transform.rect), &transform, &grid, &workbench.tool_preview());
        if response.is_pointer_button_down_on() {
            self.active = index;
        }
        if let Some((at, _)) = hovered {
            // A view that comes to lie under the pointer.
            self.hovered = Some((index, at));
        }
        if let Some(event) = goal {
            self.request(index, event, &transform, workbench, sender);
        }
    }

    fn solid_ui(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        workbench: &Workbench,
        scene: &Scene,
        sender: &CommandSender,
        volumes: &Volumes,
    ) {
        let Some(response) = self.solid.show(ui, rect, workbench, scene, volumes) else { return };
        if response.is_pointer_button_down_on() {
            self.active = SOLID;
        }
        if self.solid_clicks.follow(&response) {
            sender.send(WindowRequest::Maximize(self.maximized.is_none().then_some(SOLID)));
        }
    }
}
