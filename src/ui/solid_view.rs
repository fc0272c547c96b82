//! The 3D view: the shown structures as solids, turned by the pointer or the arrow keys, cut at the crosshair.

use super::icons;
use super::privacy;
use super::scene::Scene;
use super::theme;
use super::viewport::{self, notice};
use super::volumes::Volumes;
use super::widgets::{cm3, faint};
use crate::geometry::{ImagePlane, Orientation, PatientPoint, VoxelGrid};
use crate::gpu::{SolidCut, SolidFrame};
use crate::structures::{Roi, Role};
use crate::tf;
use crate::words::{keep, t, told};
use crate::workbench::{CompareSide, Shown, Workbench};
use eframe::egui::{
    self, Align, Button, CursorIcon, Event, Key, Layout, PointerButton, Rect, Response, RichText, ScrollArea, Sense,
    Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};
use glam::{DQuat, DVec3};
use strum::IntoEnumIterator as _;

/// Where the 3D view looks from, kept between frames.
#[derive(Debug, Clone, PartialEq)]
pub struct SolidView {
    /// Directions of the screen in the patient, unit vectors.
    right: DVec3,
    down: DVec3,
    zoom: f64,
    /// Moved away from the middle of the structures, mm.
    moved: DVec3,
    /// Middle and radius of what was shown when the view was last fitted, and of which scan.
    fitted: Option<(Shown, PatientPoint, f64)>,
    /// The plane through the crosshair before which everything is cut away.
    pub cut: Option<Orientation>,
    /// Organs and targets let what lies behind them shine through.
    pub see_through: bool,
}

impl Default for SolidView {
    fn default() -> Self {
        let mut view = Self {
            right: DVec3::X,
            down: -DVec3::Z,
            zoom: 1.0,
            moved: DVec3::ZERO,
            fitted: None,
            cut: None,
            see_through: true,
        };
        // From the front, a little from the left and above: more of a body is seen than along an axis.
        view.turn(vec2(50.0, 30.0));
        view
    }
}

/// The sides from which a key or button looks: name, right and down of the screen.
const SIDES: [(&str, DVec3, DVec3); 3] = [
    (keep("Front"), DVec3::X, DVec3::new(0.0, 0.0, -1.0)),
    (keep("Left"), DVec3::Y, DVec3::new(0.0, 0.0, -1.0)),
    (keep("Head"), DVec3::new(-1.0, 0.0, 0.0), DVec3::Y),
];

impl SolidView {
    const DEGREES_PER_POINT: f64 = 0.5;
    /// Height of the buttons at the lower edge, points.
    const BUTTONS: f32 = 2.0 * theme::ROW + 3.0 * theme::SPACE_2;
    /// Width from which on the buttons end left of the middle, points.
    const ROOMY: f32 = 560.0;
    /// Pixels to a ray where the processor draws: it would take seconds for every picture otherwise.
    const SOFTWARE_RAY: u32 = 3;
    /// Share of the view that the structures take at zoom 1.
    const FILL: f64 = 0.92;
    const ZOOM: std::ops::RangeInclusive<f64> = 0.25..=32.0;
    /// An arrow key turns by as much as a drag over this many points.
    const KEY_POINTS: f32 = 30.0;

    /// Away from the viewer.
    fn away(&self) -> DVec3 {
        self.right.cross(self.down)
    }

    /// Fits the structures again; the direction stays.
    pub fn fit(&mut self) {
        (self.zoom, self.moved, self.fitted) = (1.0, DVec3::ZERO, None);
    }

    /// Turns what is seen as if its front were drawn along by the pointer, points.
    fn turn(&mut self, by: Vec2) {
        let angle = |points: f32| (f64::from(points) * Self::DEGREES_PER_POINT).to_radians();
        let q = DQuat::from_axis_angle(self.down, angle(by.x)) * DQuat::from_axis_angle(self.right, -angle(by.y));
        self.right = (q * self.right).normalize();
        let down = q * self.down;
        self.down = (down - self.right * down.dot(self.right)).normalize();
    }

    fn magnify(&mut self, factor: f64) {
        self.zoom = (self.zoom * factor).clamp(*Self::ZOOM.start(), *Self::ZOOM.end());
    }

    /// Shows the view in a rectangle.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        workbench: &Workbench,
        scene: &Scene,
        volumes: &Volumes,
    ) -> Option<Response> {
        ui.painter().rect_filled(rect, 0.0, theme::IMAGE);
        let (Some(grid), Some(shown)) = (workbench.grid(), workbench.shown()) else { return None };
        let rois = workbench.compare_rois(&CompareSide::Now);
        if !scene.renderer.uses_gpu() {
            list_ui(ui, rect, workbench, volumes, &rois);
            return None;
        }
        let response = ui.interact(rect, ui.scope_id().with("solids"), Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Canvas, true, t("3D view")));
        if self.fitted.is_none_or(|(of, ..)| of != shown) {
            self.fitted = around(&grid, &rois).map(|(middle, radius)| (shown, middle, radius));
        }
        let Some((_, middle, radius)) = self.fitted else {
            title(ui, rect);
            notice(ui.painter(), rect, t("No structure with contours is shown. Show one in the list on the left"));
            return Some(response);
        };
        let side = f64::from(rect.width().min(rect.height())).max(1.0);
        let mm_per_point = 2.0 * radius / side / Self::FILL / self.zoom;
        self.read(&response, mm_per_point);
        let frame = SolidFrame {
            right: self.right,
            down: self.down,
            into: self.away(),
            center: middle + self.moved,
            mm_per_point,
            pixels_per_ray: if scene.renderer.is_software() { Self::SOFTWARE_RAY } else { 1 },
            cut: self.cut.map(|orientation| self.cut_at(&grid, orientation, workbench.view.crosshair)),
            background: theme::IMAGE.to_array()[..3].try_into().unwrap_or_default(),
            fills: scene.solid_fills(workbench, |roi| self.solidity(roi)),
        };
        scene.renderer.paint_solids(ui.painter(), rect, frame);
        let painter = ui.painter_at(rect);
        let plane = ImagePlane {
            orientation: Orientation::Coronal,
            origin: middle,
            right: self.right,
            down: self.down,
            normal: self.away(),
        };
        // In a narrow view the lower letter stands above the buttons.
        let foot = if rect.width() < Self::ROOMY { Self::BUTTONS } else { 0.0 };
        viewport::letters_of(&painter, rect.with_max_y(rect.bottom() - foot), &plane);
        title(ui, rect);
        self.buttons_ui(ui, rect);
        let cursor = if response.dragged() { CursorIcon::Grabbing } else { CursorIcon::Grab };
        Some(response.on_hover_cursor(cursor))
    }

    /// The plane through the crosshair; what lies before it is cut away.
    fn cut_at(&self, grid: &VoxelGrid, orientation: Orientation, at: PatientPoint) -> SolidCut {
        let plane = ImagePlane::through(grid, orientation, at);
        let faces = plane.normal.dot(self.away());
        SolidCut { at: plane.origin, keeps: if faces < 0.0 { -plane.normal } else { plane.normal } }
    }

    /// How much of what lies behind it a structure hides: targets all, what surrounds them less the larger it usually is.
    fn solidity(&self, roi: &Roi) -> f32 {
        match roi.role {
            _ if !self.see_through => 1.0,
            Role::Gtvp | Role::Gtvn => 1.0,
            Role::Ctv => 0.4,
            Role::Station(_) => 0.6,
            Role::Organ => 0.15,
            Role::Other => 0.3,
        }
    }

    fn read(&mut self, response: &Response, mm_per_point: f64) {
        let by = response.drag_delta();
        let space = response.ctx.input(|i| i.key_down(Key::Space));
        if response.dragged_by(PointerButton::Middle) || (response.dragged_by(PointerButton::Primary) && space) {
            self.moved -= (self.right * f64::from(by.x) + self.down * f64::from(by.y)) * mm_per_point;
        } else if response.dragged_by(PointerButton::Primary) {
            self.turn(by);
        }
        if response.clicked() {
            response.request_focus();
        }
        if response.contains_pointer() {
            let (wheel, pinch) = response.ctx.input(|i| {
                let steps = i.events.iter().filter_map(|event| match event {
                    Event::MouseWheel { unit: egui::MouseWheelUnit::Point, delta, .. } => Some(delta.y / 40.0),
                    Event::MouseWheel { delta, .. } => Some(delta.y),
                    _ => None,
                });
                (steps.sum::<f32>(), i.zoom_delta())
            });
            // A pinch comes as a zoom without a wheel, a wheel with Ctrl as both.
            let factor = if wheel == 0.0 { f64::from(pinch) } else { f64::from(1.15f32.powf(wheel)) };
            self.magnify(factor);
        }
        if response.has_focus() {
            self.read_keys(response);
        }
    }

    fn read_keys(&mut self, response: &Response) {
        let filter = egui::EventFilter { horizontal_arrows: true, vertical_arrows: true, ..Default::default() };
        response.ctx.memory_mut(|m| m.set_focus_lock_filter(response.id, filter));
        let pressed = |key| response.ctx.input(|i| i.key_pressed(key));
        let step = Self::KEY_POINTS;
        let turns = [
            (Key::ArrowLeft, vec2(-step, 0.0)),
            (Key::ArrowRight, vec2(step, 0.0)),
            (Key::ArrowUp, vec2(0.0, -step)),
            (Key::ArrowDown, vec2(0.0, step)),
        ];
        for (_, by) in turns.into_iter().filter(|(key, _)| pressed(*key)) {
            self.turn(by);
        }
        for (key, factor) in [(Key::Plus, 1.15), (Key::Equals, 1.15), (Key::Minus, 1.0 / 1.15)] {
            if pressed(key) {
                self.magnify(factor);
            }
        }
    }

    fn buttons_ui(&mut self, ui: &mut Ui, rect: Rect) {
        let place = Rect::from_min_max(
            pos2(rect.left() + theme::SPACE_2, rect.bottom() - Self::BUTTONS),
            pos2(rect.right() - theme::SPACE_6, rect.bottom() - theme::SPACE_2),
        );
        if place.width() < 190.0 || rect.height() < 160.0 {
            return;
        }
        let mut ui = ui.new_child(UiBuilder::new().max_rect(place).layout(Layout::bottom_up(Align::Min)));
        if place.width() < 260.0 {
            ui.spacing_mut().button_padding.x = 3.0;
        }
        let small = |text: &str| RichText::new(text.to_owned()).size(theme::SIZE_SMALL + 1.0);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            for (name, right, down) in SIDES {
                let looks = self.right.dot(right) > 0.999 && self.down.dot(down) > 0.999;
                let button = ui.add(Button::selectable(looks, small(told(name))));
                if button.on_hover_text(tf!("Look from the {side}", side = told(name).to_lowercase())).clicked() {
                    (self.right, self.down) = (right, down);
                }
            }
            let see = ui.add(Button::selectable(self.see_through, small(t("See-through"))));
            if see.on_hover_text(t("Organs and CTVs let what lies behind them shine through")).clicked() {
                self.see_through = !self.see_through;
            }
        });
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            ui.label(small(t("Cut")).color(theme::OVERLAY_TEXT_DIM));
            let choices = std::iter::once(None).chain(Orientation::iter().map(Some));
            for choice in choices {
                let name = choice.map_or_else(|| t("None").to_owned(), |o| told(&o.to_string()).to_owned());
                let button = ui.add(Button::selectable(self.cut == choice, small(&name)));
                let button = button.accessible_name(tf!("Cut: {plane}", plane = name.to_lowercase()));
                if button.on_hover_text(t("Cut away what lies before this plane of the crosshair")).clicked() {
                    self.cut = choice;
                }
            }
        });
    }
}

fn title(ui: &Ui, rect: Rect) {
    let at = rect.min + Vec2::splat(theme::SPACE_2);
    let font = theme::strong(theme::SIZE_BODY);
    viewport::text(&ui.painter_at(rect), at, egui::Align2::LEFT_TOP, t("3D view"), font, theme::OVERLAY_TEXT);
}

/// Middle and radius of a ball around the targets and stations that are shown, of everything where there are none.
fn around(grid: &VoxelGrid, rois: &[&Roi]) -> Option<(PatientPoint, f64)> {
    let is_aim = |roi: &&&Roi| !matches!(roi.role, Role::Organ | Role::Other) && !roi.slices.is_empty();
    let aims: Vec<&Roi> = rois.iter().filter(is_aim).copied().collect();
    let of = if aims.is_empty() { rois } else { &aims };
    let (mut low, mut high) = (DVec3::INFINITY, DVec3::NEG_INFINITY);
    for (k, contours) in of.iter().flat_map(|roi| &roi.slices) {
        let Some([from, to]) = contours.bounds() else { continue };
        let n = grid.position_mm(*k);
        low = low.min(DVec3::new(from[0], from[1], n));
        high = high.max(DVec3::new(to[0], to[1], n));
    }
    let middle = (low + high) / 2.0;
    let radius = ((high - low).length() / 2.0).max(5.0);
    radius.is_finite().then(|| (grid.patient_from_plane([middle.x, middle.y], middle.z), radius))
}

/// Without a graphics adapter: says so, and lists the shown structures with their volumes.
fn list_ui(ui: &mut Ui, rect: Rect, workbench: &Workbench, volumes: &Volumes, rois: &[&Roi]) {
    ui.painter().rect_filled(rect, 0.0, theme::PANEL);
    let mut ui = ui.new_child(UiBuilder::new().max_rect(rect.shrink(theme::SPACE_3)));
    ui.label(RichText::new(t("3D view")).font(theme::strong(theme::SIZE_BODY)));
    faint(&mut ui, t("Solids need a graphics adapter that holds this scan, and there is none. The shown structures:"));
    ScrollArea::vertical().auto_shrink([false, false]).show(&mut ui, |ui| {
        for roi in rois {
            ui.horizontal(|ui| {
                icons::swatch(ui, roi.color, 14.0);
                ui.label(privacy::words(workbench, &roi.name));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.label(RichText::new(cm3(volumes.cm3(roi.id))).color(theme::TEXT_SECONDARY));
                });
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_follows_the_pointer() {
        let mut view = SolidView { right: DVec3::X, down: -DVec3::Z, ..SolidView::default() };
        let front = -view.away();
        view.turn(vec2(20.0, 0.0));
        assert!((front.dot(view.right) - 10f64.to_radians().sin()).abs() < 1e-12, "to the right");
        let front = -view.away();
        view.turn(vec2(0.0, 40.0));
        assert!((front.dot(view.down) - 20f64.to_radians().sin()).abs() < 1e-12, "down");
        assert!(view.right.dot(view.down).abs() < 1e-12);
    }

    #[test]
    fn the_named_sides_show_the_patient_as_they_say() {
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0; 3], [4, 4, 4]).expect("valid grid");
        let toward: Vec<DVec3> = SIDES.map(|(_, right, down)| -right.cross(down)).to_vec();
        assert_eq!(toward, [-DVec3::Y, DVec3::X, DVec3::Z], "the viewer stands in front, at the left, at the head");
        let view = SolidView { right: SIDES[0].1, down: SIDES[0].2, ..SolidView::default() };
        let cut = view.cut_at(&grid, Orientation::Coronal, DVec3::ONE);
        assert_eq!((cut.keeps, cut.at), (DVec3::Y, DVec3::ONE), "the back stays");
    }
}
