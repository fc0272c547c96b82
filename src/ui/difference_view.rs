//! The difference between two sets of structures over an axial view: the signed distance along the judged outlines by
//! colour, outlines that only one side has, the scale, and the bars beside the strip of slices.

use super::theme;
use super::viewport::{DifferenceBar, Polyline, ViewTransform, along, paint_polyline};
use crate::contour::{Ring, SliceContours};
use crate::geometry::VoxelGrid;
use crate::metrics::{OutlinePoint, SliceDifference, along_outline};
use crate::words::t;
use crate::workbench::{Differences, Workbench};
use eframe::egui::{Align2, Color32, Painter, Rect, Shape, Stroke, pos2, vec2};
use std::sync::Arc;

/// Distance at which the colour is strongest and a bar is longest, mm.
pub const FULL_MM: f64 = 5.0;

type Contours = Option<Arc<SliceContours>>;

/// What the axial views show of the difference on a slice, kept until its contours change.
#[derive(Debug, Default)]
pub struct DifferenceOutlines {
    slice: usize,
    pairs: Vec<PairOutline>,
}

#[derive(Debug)]
struct PairOutline {
    reference: Contours,
    test: Contours,
    /// Along every ring of the judged outline. `None` where one of the two has no contours here.
    along: Option<Vec<Vec<OutlinePoint>>>,
}

impl DifferenceOutlines {
    /// The outlines of the pairs of interest that are shown, on slice `k`; what is known of `self` is taken over.
    fn bring_to(&mut self, differences: &Differences, workbench: &Workbench, k: usize) {
        let before = std::mem::take(&mut self.pairs);
        let same = |a: &Contours, b: Option<&Arc<SliceContours>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        let mut before: Vec<Option<PairOutline>> = before.into_iter().map(Some).collect();
        let shown = differences.of_interest(workbench.view.selected);
        let shown = shown.filter(|p| differences.is_exercise() || workbench.is_shown(p.test.id));
        for pair in shown {
            let [a, b] = pair.contours(k);
            if a.is_none() && b.is_none() || matches!((a, b), (Some(a), Some(b)) if Arc::ptr_eq(a, b)) {
                continue;
            }
            let fits = |old: &&mut Option<PairOutline>| {
                self.slice == k && old.as_ref().is_some_and(|o| same(&o.reference, a) && same(&o.test, b))
            };
            let old = before.iter_mut().find(fits).and_then(Option::take);
            self.pairs.push(old.unwrap_or_else(|| PairOutline {
                reference: a.cloned(),
                test: b.cloned(),
                along: a.zip(b).and_then(|(a, b)| along_outline(a, b, SliceDifference::STEP_MM)),
            }));
        }
        self.slice = k;
    }

    /// Draws the difference over an axial view.
    pub fn paint(&mut self, painter: &Painter, view: &ViewTransform, grid: &VoxelGrid, workbench: &Workbench) {
        let Some(differences) = workbench.differences().filter(|_| !workbench.view.hides_contours()) else { return };
        let k = grid.nearest_slice(grid.plane_from_patient(view.plane.origin).1);
        self.bring_to(differences, workbench, k);
        for pair in &self.pairs {
            pair.paint(painter, view, grid);
        }
        paint_scale(painter, view.rect, differences.is_exercise());
    }
}

impl PairOutline {
    fn paint(&self, painter: &Painter, view: &ViewTransform, grid: &VoxelGrid) {
        let lines = |contours: &Contours| contours.as_ref().map(|c| along(grid, &view.plane, c)).unwrap_or_default();
        let Some(rings) = &self.along else {
            let sides = [(&self.reference, theme::INSIDE, true), (&self.test, theme::OUTSIDE, false)];
            for (contours, color, dashed) in sides {
                for line in lines(contours) {
                    paint_polyline(painter, view, &line, Stroke::new(3.0, color), dashed);
                }
            }
            return;
        };
        for line in lines(&self.reference) {
            paint_polyline(painter, view, &line, Stroke::new(1.0, theme::OVERLAY_TEXT), true);
        }
        for ring in rings {
            // By the same way to the screen as every outline.
            let contours = SliceContours::new(vec![Ring::new(ring.iter().map(|p| p.at))]);
            let points = along(grid, &view.plane, &contours).into_iter().next();
            let Some(Polyline { points, .. }) = points.filter(|line| line.points.len() == ring.len()) else { continue };
            let on_screen: Vec<_> = points.iter().map(|p| view.screen_from_plane(*p)).collect();
            if !Rect::from_points(&on_screen).expand(3.0).intersects(view.rect) {
                continue;
            }
            for a in 0..ring.len() {
                let b = (a + 1) % ring.len();
                let color = difference_color(f64::midpoint(ring[a].mm, ring[b].mm));
                painter.add(Shape::line_segment([on_screen[a], on_screen[b]], Stroke::new(3.0, color)));
            }
        }
    }
}

fn paint_scale(painter: &Painter, rect: Rect, is_exercise: bool) {
    if rect.height() < 260.0 {
        return;
    }
    let bar = Rect::from_min_size(pos2(rect.right() - 26.0, rect.center().y - 70.0), vec2(8.0, 140.0));
    let steps = 28;
    for n in 0..steps {
        let (t0, t1) = (n as f32 / steps as f32, (n + 1) as f32 / steps as f32);
        let mm = FULL_MM * f64::from(1.0 - (t0 + t1));
        let part = Rect::from_min_max(
            pos2(bar.left(), bar.top() + t0 * bar.height()),
            pos2(bar.right(), bar.top() + t1 * bar.height()),
        );
        painter.rect_filled(part, 0.0, difference_color(mm));
    }
    let font = theme::regular(theme::SIZE_SMALL);
    // In a narrow view the words would be cut off and cover what they are about.
    let is_narrow = rect.width() < 320.0;
    let ends =
        if is_narrow { ["+5 mm", "\u{2212}5 mm"] } else { [t("5 mm or more outside"), t("5 mm or more inside")] };
    for (t, words) in [(0.0, ends[0]), (0.5, "0"), (1.0, ends[1])] {
        let at = pos2(bar.left() - 5.0, bar.top() + t * bar.height());
        super::viewport::text(painter, at, Align2::RIGHT_CENTER, words, font.clone(), theme::OVERLAY_TEXT);
    }
    if is_narrow {
        return;
    }
    let words = if is_exercise { t("Attempt against reference") } else { t("Difference from the reference") };
    let at = pos2(bar.right(), bar.top() - 18.0);
    super::viewport::text(painter, at, Align2::RIGHT_BOTTOM, words, font, theme::OVERLAY_TEXT_DIM);
}

/// Colour of a signed distance: outside the reference, on it, inside it.
fn difference_color(mm: f64) -> Color32 {
    let t = (mm / FULL_MM).clamp(-1.0, 1.0) as f32;
    let end = if t > 0.0 { theme::OUTSIDE } else { theme::INSIDE };
    theme::TEXT.lerp_to_gamma(end, t.abs().sqrt())
}

/// A bar for every slice: the greatest distances of the pairs of interest.
pub fn bars(workbench: &Workbench, slices: usize) -> Option<Vec<DifferenceBar>> {
    let differences = workbench.differences()?;
    let mut bars = vec![DifferenceBar::default(); slices];
    for (k, difference) in differences.of_interest(workbench.view.selected).flat_map(|pair| pair.slices()) {
        let Some(bar) = bars.get_mut(k) else { continue };
        let one_sided = difference.is_one_sided();
        bar.only_reference |= one_sided && difference.reference_mm2 > 0.0;
        bar.only_test |= one_sided && difference.test_mm2 > 0.0;
        bar.outward_mm = bar.outward_mm.max(difference.outward_mm.unwrap_or(0.0));
        bar.inward_mm = bar.inward_mm.max(difference.inward_mm.unwrap_or(0.0));
    }
    Some(bars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_scale_can_be_told_apart_and_its_middle_is_neither() {
        let [inside, on, outside] = [-FULL_MM, 0.0, FULL_MM].map(difference_color);
        assert_eq!([inside, outside], [theme::INSIDE, theme::OUTSIDE]);
        assert_eq!(on, theme::TEXT);
        assert_eq!(difference_color(99.0), theme::OUTSIDE);
        assert!(theme::contrast(inside, theme::IMAGE) > 4.5 && theme::contrast(outside, theme::IMAGE) > 4.5);
    }
}
