//! Lines of equal dose in a view, with labels: computed once for a plane, kept until plane, dose or levels change.

use super::overlays::text;
use super::transform::ViewTransform;
use super::{Polyline, on_screen, paint_line};
use crate::geometry::{ImagePlane, Rigid, VoxelGrid};
use crate::image::{Isoline, OverlayVolume, PlaneRaster, bounds_on, isolines};
use crate::ui::theme;
use eframe::egui::{Align2, Painter, Pos2, Rect, Stroke, vec2};
use ndarray::Array3;
use std::sync::Arc;

/// A level to draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Isodose {
    /// In the unit of the overlay.
    pub value: f64,
    pub color: [u8; 3],
    pub label: String,
}

/// The lines of one plane.
#[derive(Default)]
pub(super) struct IsodoseCache {
    of: Option<Plane>,
    lines: Vec<(f64, Vec<Isoline>)>,
}

struct Plane {
    values: Arc<Array3<f32>>,
    /// With the origin at the foot of the normal: moves of the crosshair within the plane change nothing.
    plane: ImagePlane,
    raster: PlaneRaster,
}

/// Planes closer than this are the same, mm.
const SAME_MM: f64 = 1e-6;

impl Plane {
    fn is(&self, overlay: &OverlayVolume, plane: &ImagePlane) -> bool {
        let same = self.plane.origin.distance(plane.origin) < SAME_MM
            && (self.plane.right, self.plane.down, self.plane.normal) == (plane.right, plane.down, plane.normal);
        same && Arc::ptr_eq(&self.values, &overlay.values)
    }
}

impl IsodoseCache {
    /// The lines of these levels where the plane crosses the overlay, within the scan.
    fn update(&mut self, grid: &VoxelGrid, plane: ImagePlane, overlay: &OverlayVolume, levels: &[Isodose]) {
        if !self.of.as_ref().is_some_and(|of| of.is(overlay, &plane)) {
            let raster = PlaneRaster::of(overlay, &plane, bounds_on(grid, &plane, &Rigid::IDENTITY));
            self.of = Some(Plane { values: Arc::clone(&overlay.values), plane, raster });
            self.lines.clear();
        }
        let Some(of) = &self.of else { return };
        self.lines.retain(|(value, _)| levels.iter().any(|l| l.value == *value));
        for level in levels {
            if !self.lines.iter().any(|(value, _)| *value == level.value) {
                self.lines.push((level.value, isolines(&of.raster, level.value)));
            }
        }
    }

    /// Draws the lines, the lowest level first; gives the longest line of each level as it lies on the screen.
    pub fn paint(
        &mut self,
        painter: &Painter,
        view: &ViewTransform,
        grid: &VoxelGrid,
        overlay: &OverlayVolume,
        levels: &[Isodose],
    ) -> Vec<Vec<Pos2>> {
        let foot = view.plane.normal * view.plane.origin.dot(view.plane.normal);
        let plane = ImagePlane { origin: foot, ..view.plane };
        self.update(grid, plane, overlay, levels);
        let shift = view.plane.plane_from_patient(foot);
        let draw = |level: &Isodose| {
            let lines = self.lines.iter().find(|(value, _)| *value == level.value).map_or(&[][..], |l| &l.1);
            let color = theme::from_srgb(level.color);
            let mut longest: Vec<Pos2> = Vec::new();
            for line in lines {
                let points = line.points.iter().map(|p| *p + shift).collect();
                let points = on_screen(view, &Polyline { points, closed: line.closed });
                if points.len() < 2 || !Rect::from_points(&points).expand(3.0).intersects(view.rect) {
                    continue;
                }
                paint_line(painter, points.clone(), line.closed, Stroke::new(1.4, color), false, true);
                if points.len() > longest.len() {
                    longest = points;
                }
            }
            longest
        };
        levels.iter().map(draw).collect()
    }
}

/// Puts a label on the line of each level, over everything else in the view.
pub(super) fn labels(painter: &Painter, view: &ViewTransform, levels: &[Isodose], lines: &[Vec<Pos2>]) {
    let mut taken: Vec<Rect> = Vec::new();
    for (n, (level, line)) in levels.iter().zip(lines).enumerate() {
        let turn = n as f32 / levels.len() as f32;
        taken.extend(label(painter, view, line, level, turn, &taken));
    }
}

/// Puts a label on a line where it hides no other one; gives the place that it takes. `turn` is the share of the line
/// after which the first place is tried, so that labels of nested lines stand all around them.
fn label(
    painter: &Painter,
    view: &ViewTransform,
    line: &[Pos2],
    level: &Isodose,
    turn: f32,
    taken: &[Rect],
) -> Option<Rect> {
    /// Lines shorter than this on the screen have no room for one.
    const SHORTEST: f32 = 170.0;
    const TRIES: usize = 24;
    let length: f32 = line.windows(2).map(|w| w[0].distance(w[1])).sum();
    if length < SHORTEST {
        return None;
    }
    let room = view.rect.shrink(14.0);
    // From the right side on.
    let right = (0..line.len()).max_by(|a, b| line[*a].x.total_cmp(&line[*b].x))?;
    let start = right + (turn * line.len() as f32) as usize;
    let size = vec2(8.0 + 6.2 * level.label.chars().count() as f32, 14.0);
    let places = (0..TRIES).map(|n| line[(start + n * line.len() / TRIES) % line.len()]);
    let place = places.into_iter().find(|at| {
        let rect = Rect::from_center_size(*at, size);
        room.contains_rect(rect) && !taken.iter().any(|t| t.intersects(rect))
    })?;
    let font = theme::strong(theme::SIZE_SMALL);
    Some(text(painter, place, Align2::CENTER_CENTER, &level.label, font, theme::from_srgb(level.color)).expand(2.0))
}
