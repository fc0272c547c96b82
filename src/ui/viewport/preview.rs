//! Paints what a tool shows over the structures, in every view through whose plane it goes.

use super::{ViewTransform, paint_line};
use crate::geometry::{PatientPoint, VoxelGrid};
use crate::ui::theme;
use crate::workbench::tools::{HandleKind, Line, LineStyle, Preview};
use eframe::egui::{Align2, Color32, Painter, Pos2, Rect, Stroke, StrokeKind, Vec2};

/// Paints the preview of the tool in use.
pub fn paint(painter: &Painter, view: &ViewTransform, grid: &VoxelGrid, preview: &Preview) {
    if preview.is_empty() {
        return;
    }
    // What lies within half a slice of the plane is in it.
    let half_mm = if view.plane.normal.dot(grid.normal()).abs() > 0.5 {
        grid.median_spacing_mm() / 2.0
    } else {
        grid.spacing_i_mm().max(grid.spacing_j_mm()) / 2.0
    };
    let in_plane = |p: &PatientPoint| view.depth_mm(*p).abs() <= half_mm;
    for line in &preview.lines {
        for points in runs(line, &in_plane) {
            let places: Vec<Pos2> = points.iter().map(|p| view.screen_from_patient(*p)).collect();
            if places.len() > 1 && Rect::from_points(&places).expand(4.0).intersects(view.rect) {
                let (stroke, dashed) = look(line.style);
                let closed = line.closed && points.len() == line.points.len() && points.len() > 2;
                let shadow = Stroke::new(stroke.width + 2.0, theme::OVERLAY_SHADOW);
                paint_line(painter, places.clone(), closed, shadow, false, false);
                paint_line(painter, places, closed, stroke, dashed, false);
            }
        }
    }
    for handle in preview.handles.iter().filter(|h| in_plane(&h.at)) {
        let at = view.screen_from_patient(handle.at);
        let outline = Stroke::new(1.0, theme::OVERLAY_SHADOW);
        let (fill, side) = match handle.kind {
            HandleKind::Vertex => (theme::TEXT, 6.0),
            HandleKind::Hot => (theme::ACCENT, 9.0),
            HandleKind::Scale => (theme::ACCENT, 8.0),
            HandleKind::Rotate => {
                painter.circle(at, 5.5, theme::ACCENT, outline);
                continue;
            }
        };
        let square = Rect::from_center_size(at, Vec2::splat(side));
        painter.rect(square, 1.0, fill, outline, StrokeKind::Outside);
    }
    for (at, words) in preview.labels.iter().filter(|(at, _)| in_plane(at)) {
        let at = view.screen_from_patient(*at) + Vec2::new(10.0, -10.0);
        let font = theme::regular(theme::SIZE_SMALL + 1.0);
        painter.text(at + Vec2::splat(1.0), Align2::LEFT_BOTTOM, words, font.clone(), Color32::BLACK);
        painter.text(at, Align2::LEFT_BOTTOM, words, font, theme::TEXT);
    }
}

/// The pieces of a line that lie in the plane.
fn runs<'a>(line: &'a Line, in_plane: &impl Fn(&PatientPoint) -> bool) -> Vec<&'a [PatientPoint]> {
    line.points.split(|p| !in_plane(p)).filter(|run| run.len() > 1).collect()
}

fn look(style: LineStyle) -> (Stroke, bool) {
    match style {
        LineStyle::Draft => (Stroke::new(1.75, theme::BRUSH_ADD), false),
        LineStyle::Next => (Stroke::new(1.25, theme::BRUSH_ADD), true),
        LineStyle::Highlight => (Stroke::new(2.5, theme::ACCENT), false),
        LineStyle::Remove => (Stroke::new(2.25, theme::BRUSH_ERASE), true),
        LineStyle::Guide => (Stroke::new(1.0, theme::TEXT_SECONDARY), true),
    }
}
