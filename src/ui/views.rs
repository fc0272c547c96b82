//! The three linked views and the lines between them: what the pointer does there becomes requests.

use super::overlay_view::{isodoses, legend, look};
use super::pointer::{self, brush};
use super::request::{CommandSender, WindowRequest};
use super::scene::{Scene, structures};
use super::teach::DifferenceOutline;
use super::theme;
use super::viewport::{Camera, OverlayView, Show, View, ViewEvent, ViewInput, ViewOutput, ViewTransform, preview};
use crate::geometry::{Orientation, PatientPoint};
use crate::workbench::tools::ToolEvent;
use crate::workbench::{Command, READING, ToolKind, Workbench};
use eframe::egui::{self, CursorIcon, Modifiers, Rect, Role, Sense, Ui, UiBuilder, WidgetInfo, pos2};

/// Views on the screen and how they share it.
pub struct Views {
    views: [View; 3],
    transforms: [Option<ViewTransform>; 3],
    /// The view that is shown alone.
    pub maximized: Option<usize>,
    /// The view last used.
    active: usize,
    /// Share of the width that the axial view takes, and of the height that the sagittal one takes.
    split: [f32; 2],
    /// What the pointer is over: view, patient point, CT number.
    hovered: Option<(usize, PatientPoint)>,
}

/// Cameras of the views, kept while another scan is read.
pub struct ViewsState {
    cameras: [Camera; 3],
    maximized: Option<usize>,
}

impl Default for Views {
    fn default() -> Self {
        Self {
            views: [
                View::new(0, Orientation::Axial),
                View::new(1, Orientation::Sagittal),
                View::new(2, Orientation::Coronal),
            ],
            transforms: [None; 3],
            maximized: None,
            active: 0,
            split: [0.62, 0.5],
            hovered: None,
        }
    }
}

impl Views {
    const GAP: f32 = 4.0;

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
        difference: Option<&DifferenceOutline>,
    ) {
        let area = ui.available_rect_before_wrap();
        ui.painter().rect_filled(area, 0.0, theme::BASE);
        self.transforms = [None; 3];
        let places: Vec<(usize, Rect)> = match self.maximized {
            Some(index) => vec![(index, area)],
            None => self.layout(ui, area).into_iter().enumerate().collect(),
        };
        let mut hovered = None;
        for (index, rect) in places {
            if rect.width() < 40.0 || rect.height() < 40.0 {
                continue;
            }
            let mut child = ui.new_child(UiBuilder::new().id_salt(("view", index)).max_rect(rect));
            if let Some(point) = self.view_ui(&mut child, index, rect, workbench, scene, sender, difference) {
                hovered = Some((index, point));
            }
        }
        if hovered.is_none() && self.hovered.is_some() {
            pointer::leave(workbench, sender);
        }
        self.hovered = hovered;
        ui.advance_cursor_after_rect(area);
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
        let structures = structures(workbench);
        let patient = workbench
            .shown_case()
            .filter(|_| index == 0 && !workbench.view.identifiers_hidden)
            .map(|c| c.image.meta.patient.name.clone())
            .filter(|name| !name.is_empty());
        let brush = brush(ui, workbench, self.hovered, index);
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
            crosshair: workbench.view.crosshair,
            window: workbench.view.window,
            sampling: workbench.view.sampling,
            slab: workbench.slab(),
            structures: &structures,
            fills: scene.fills(workbench),
            overlay,
            patient: patient.as_deref(),
            brush,
            cursor: pointer::cursor(workbench),
            gaps_mm: &gaps,
            show: Show::default(),
            active: self.active == index,
        };
        let output = self.views[index].show(ui, rect.size(), &mut scene.renderer, &input);
        let ViewOutput { response, transform, hovered, events } = output;
        self.transforms[index] = Some(transform);
        if let Some(difference) = difference.filter(|_| transform.plane.orientation == Orientation::Axial) {
            difference.paint(&ui.painter_at(transform.rect), &transform, &grid, workbench);
        }
        if loading && index == 0 {
            let words = READING;
            super::viewport::notice(
                &ui.painter_at(transform.rect),
                transform.rect.split_top_bottom_at_fraction(0.9).1,
                words,
            );
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
            self.request(index, event, workbench, sender, reach_mm);
        }
        hovered.map(|(point, _)| point)
    }

    /// What an event of a view asks for.
    fn request(&self, index: usize, event: ViewEvent, workbench: &Workbench, sender: &CommandSender, reach_mm: f64) {
        let orientation = self.views[index].orientation;
        let navigates = workbench.tool() == ToolKind::Navigate;
        // Ctrl moves the crosshair whatever the tool.
        let moves = |modifiers: Modifiers| navigates || (modifiers.command && !workbench.toolbox().is_active());
        match event {
            ViewEvent::Press { at, modifiers } | ViewEvent::Drag { at, modifiers } if moves(modifiers) => {
                sender.send(Command::SetCrosshair(at));
            }
            ViewEvent::Press { at, modifiers } => {
                sender.send(Command::Tool(ToolEvent::Press(pointer::pointer(at, orientation, modifiers, reach_mm))));
            }
            ViewEvent::Drag { at, .. } => sender.send(Command::Tool(ToolEvent::Drag { at })),
            ViewEvent::Release { .. } => sender.send(Command::Tool(ToolEvent::Release)),
            ViewEvent::DoubleClick { .. } if navigates => {
                let next = if self.maximized.is_some() { None } else { Some(index) };
                sender.send(WindowRequest::Maximize(next));
            }
            ViewEvent::DoubleClick { .. } => sender.send(Command::Tool(ToolEvent::Finish)),
            ViewEvent::Window(window) => sender.send(Command::SetWindow(window)),
            ViewEvent::Scroll(steps) => sender.send(Command::Scroll { orientation, steps: i64::from(steps) }),
            ViewEvent::GoTo(point) => sender.send(Command::SetCrosshair(point)),
            ViewEvent::BrushSize(steps) => {
                if workbench.toolbox().has_radius() {
                    sender.send(Command::SetBrushRadius(workbench.toolbox().options().radius_after(steps)));
                }
            }
        }
    }

    /// Axial large, sagittal and coronal beside it, with lines to drag between them.
    fn layout(&mut self, ui: &mut Ui, area: Rect) -> [Rect; 3] {
        let x = (area.left() + area.width() * self.split[0]).round();
        let y = (area.top() + area.height() * self.split[1]).round();
        let half = Self::GAP / 2.0;
        let upright = Rect::from_min_max(pos2(x - half, area.top()), pos2(x + half, area.bottom()));
        let level = Rect::from_min_max(pos2(x + half, y - half), pos2(area.right(), y + half));
        if let Some(to) = splitter(ui, upright, "Width of the axial view", CursorIcon::ResizeHorizontal) {
            self.split[0] = ((to.x - area.left()) / area.width().max(1.0)).clamp(0.25, 0.8);
        }
        if let Some(to) = splitter(ui, level, "Height of the sagittal view", CursorIcon::ResizeVertical) {
            self.split[1] = ((to.y - area.top()) / area.height().max(1.0)).clamp(0.2, 0.8);
        }
        [
            Rect::from_min_max(area.min, pos2(x - half, area.bottom())),
            Rect::from_min_max(pos2(x + half, area.top()), pos2(area.right(), y - half)),
            Rect::from_min_max(pos2(x + half, y + half), area.max),
        ]
    }
}

/// A line to drag; tells where it was dragged to.
fn splitter(ui: &mut Ui, rect: Rect, name: &str, cursor: CursorIcon) -> Option<egui::Pos2> {
    let id = ui.scope_id().with(("splitter", name));
    let response = ui.interact(rect.expand(2.0), id, Sense::drag()).on_hover_and_drag_cursor(cursor);
    response.widget_info(|| WidgetInfo::labeled(Role::Splitter, true, name));
    if response.hovered() || response.dragged() {
        ui.painter().rect_filled(rect, 0.0, theme::ACCENT_FILL);
    }
    response.interact_pointer_pos().filter(|_| response.dragged())
}
