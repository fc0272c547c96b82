//! The strip beside a view in which a slice is chosen: where the view is, where the active structure
//! has contours, and where slices are missing.

use super::transform::ViewTransform;
use super::{ViewEvent, ViewInput};
use crate::geometry::{Orientation, PatientPoint, VoxelGrid};
use crate::ui::theme;
use eframe::egui::{self, Rect, Response, Stroke, Ui, WidgetInfo, pos2};
use glam::DVec3;

pub(super) const WIDTH: f32 = 12.0;

/// The positions that a plane can take along its normal, mm.
fn range_mm(grid: &VoxelGrid, normal: DVec3) -> [f64; 2] {
    let [slices, rows, columns] = grid.shape();
    let ends = [
        grid.patient_from_voxel(0, 0.0, 0.0),
        grid.patient_from_voxel(slices - 1, (rows - 1) as f64, (columns - 1) as f64),
    ]
    .map(|p| p.dot(normal));
    [ends[0].min(ends[1]), ends[0].max(ends[1])]
}

/// Draws the strip and tells where it was clicked or dragged to.
pub(super) fn show(ui: &Ui, rect: Rect, view: &ViewTransform, input: &ViewInput<'_>) -> (Response, Option<ViewEvent>) {
    let plane = &view.plane;
    let id = ui.scope_id().with(("scrubber", plane.orientation));
    let response = ui.interact(rect, id, egui::Sense::click_and_drag());
    let here = plane.origin.dot(plane.normal);
    let name = format!("{} position", plane.orientation);
    response.widget_info(|| WidgetInfo::slider(true, here, &name));
    let [low, high] = range_mm(input.grid, plane.normal);
    let track = rect.shrink2(egui::vec2(0.0, 4.0));
    let span = (high - low).max(1e-9);
    // The end toward which the normal points is up: the head in axial views.
    let y = |mm: f64| track.bottom() - ((mm - low) / span) as f32 * track.height();
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, theme::SUNKEN);
    if plane.orientation == Orientation::Axial
        && let Some(active) = input.structures.iter().find(|s| s.active)
    {
        let color = theme::faded(theme::legible(active.roi.color), 0.8);
        for &k in active.roi.slices.keys().filter(|k| **k < input.grid.slices()) {
            let half = input.grid.thickness_mm(k) / 2.0;
            let n = along_normal(input.grid, k, plane.normal);
            let mark = Rect::from_min_max(pos2(rect.left() + 3.0, y(n + half)), pos2(rect.right() - 3.0, y(n - half)));
            painter.rect_filled(mark.intersect(track.expand(3.0)), 0.0, color);
        }
    }
    if plane.orientation == Orientation::Axial {
        let sign = plane.normal.dot(input.grid.normal()).signum();
        for &[from, to] in input.gaps_mm {
            let (a, b) = (y(from * sign), y(to * sign));
            painter.rect_filled(Rect::from_min_max(pos2(rect.left(), a.min(b)), pos2(rect.right(), a.max(b))), 0.0, theme::GAP_LINE);
        }
    }
    let hot = response.hovered() || response.dragged();
    let color = if hot { theme::TEXT } else { theme::ACCENT };
    painter.hline(rect.x_range(), y(here).clamp(rect.top() + 1.0, rect.bottom() - 1.0), Stroke::new(2.5, color));
    let goal = response
        .interact_pointer_pos()
        .filter(|_| response.is_pointer_button_down_on() || response.dragged())
        .map(|at| low + f64::from((track.bottom() - at.y) / track.height()).clamp(0.0, 1.0) * span)
        .filter(|goal| (goal - here).abs() > 1e-6)
        .map(|goal| ViewEvent::GoTo(plane.origin + plane.normal * (goal - here)));
    (response.on_hover_cursor(egui::CursorIcon::ResizeVertical), goal)
}

fn along_normal(grid: &VoxelGrid, k: usize, normal: DVec3) -> f64 {
    let p: PatientPoint = grid.patient_from_voxel(k, 0.0, 0.0);
    p.dot(normal)
}
