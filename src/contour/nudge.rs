//! Outlines pushed by a disc.

use super::boolean::{distance_to_segment_mm, normalized_rings};
use super::{Ring, SliceContours};
use crate::geometry::PlanePoint;
use glam::DVec2;

/// Longest edge near the disc, as a part of its radius, and bounds of it in mm.
const EDGE_PART: f64 = 0.08;
const EDGE_MM: [f64; 2] = [0.15, 1.5];
/// A pushed vertex nearer than this to the line that remains is not kept, mm.
const THIN_MM: f64 = 0.01;

/// Outlines pushed out of the way of a disc that moves from `from` to `to`.
///
/// Every point within reach of the disc moves straight away from its centre: to at least `radius_mm`, and the further out
/// it lay the less, so that nothing moves at `radius_mm * (1 + softness)` and beyond (`softness` is kept above 0.05).
/// That moves the plane without folding it: outlines do not cross where they did not, and what is inside stays inside
/// until the disc's centre passes over it. The way is taken in steps of a quarter of the radius, so that a fast pointer
/// does not jump over an outline. Edges near the disc are divided first. Vertices out of reach stay exactly where they
/// were, rings out of reach are the same rings. `None` where nothing is in reach.
pub fn nudge(
    contours: &SliceContours,
    from: PlanePoint,
    to: PlanePoint,
    radius_mm: f64,
    softness: f64,
) -> Option<SliceContours> {
    let (from, to) = (DVec2::from(from), DVec2::from(to));
    let steps = ((to - from).length() / (radius_mm / 4.0)).ceil().clamp(1.0, 400.0);
    let disc = Disc { radius_mm, reach_mm: radius_mm * (1.0 + softness.max(0.05)) };
    let mut any = false;
    let mut rings: Vec<(Ring, bool)> = contours.rings.iter().map(|r| (r.clone(), false)).collect();
    for step in 0..=steps as usize {
        // A disc that stands still pushes once.
        if step == 0 && from != to {
            continue;
        }
        let center = from.lerp(to, step as f64 / steps);
        for (ring, changed) in &mut rings {
            if let Some(pushed) = disc.push(ring, center) {
                *ring = pushed;
                *changed = true;
                any = true;
            }
        }
        if from == to {
            break;
        }
    }
    any.then(|| {
        let (moved, mut still): (Vec<_>, Vec<_>) = rings.into_iter().partition(|(_, changed)| *changed);
        let moved = SliceContours::new(moved.into_iter().map(|(ring, _)| ring).collect());
        let mut after: Vec<Ring> = still.drain(..).map(|(ring, _)| ring).collect();
        after.extend(normalized_rings(&moved));
        SliceContours::new(after)
    })
}

struct Disc {
    radius_mm: f64,
    reach_mm: f64,
}

impl Disc {
    /// Where a distance from the centre goes: [0, reach] onto [radius, reach], rising, with slope 1 at the reach.
    fn pushed(&self, distance: f64) -> f64 {
        let (r, reach) = (self.radius_mm, self.reach_mm);
        r + (reach - r) * (distance / reach).powf(reach / (reach - r))
    }

    /// The ring with what is in reach pushed; `None` if nothing is.
    fn push(&self, ring: &Ring, center: DVec2) -> Option<Ring> {
        let [low, high] = ring.bounds()?;
        let c = [center.x, center.y];
        if ring.points().len() < 3 || (0..2).any(|a| c[a] < low[a] - self.reach_mm || c[a] > high[a] + self.reach_mm) {
            return None;
        }
        if !ring.edges().any(|(a, b)| distance_to_segment_mm(c, a, b) < self.reach_mm) {
            return None;
        }
        let longest = (self.radius_mm * EDGE_PART).clamp(EDGE_MM[0], EDGE_MM[1]);
        // Old vertices, and whether they may be dropped where they carry no shape.
        let mut points: Vec<(DVec2, bool)> = Vec::with_capacity(ring.points().len() + 64);
        let mut any = false;
        for (a, b) in ring.edges() {
            let near = distance_to_segment_mm(c, a, b) < self.reach_mm;
            let (a, b) = (DVec2::from(a), DVec2::from(b));
            let pieces = if near { ((b - a).length() / longest).ceil().clamp(1.0, 4000.0) as usize } else { 1 };
            for m in 0..pieces {
                let p = a.lerp(b, m as f64 / pieces as f64);
                let away = p - center;
                let distance = away.length();
                if distance >= self.reach_mm {
                    // A new point out of reach carries no shape yet: it is the next edge's business.
                    if m == 0 {
                        points.push((p, false));
                    }
                    continue;
                }
                let direction = if distance > 1e-9 { away / distance } else { DVec2::X };
                points.push((center + direction * self.pushed(distance), true));
                any = true;
            }
        }
        any.then(|| {
            let rounded = |p: DVec2| Ring::new([[p.x, p.y]]).points()[0];
            Ring::exact(without_shapeless(
                points.into_iter().map(|(p, moved)| (if moved { rounded(p) } else { [p.x, p.y] }, moved)).collect(),
            ))
        })
    }
}

/// The outline without moved vertices that carry no shape.
fn without_shapeless(points: Vec<(PlanePoint, bool)>) -> Vec<PlanePoint> {
    let n = points.len();
    let start = points.iter().position(|(_, moved)| !moved).unwrap_or(0);
    let mut kept: Vec<PlanePoint> = Vec::with_capacity(n);
    let mut skipped: Vec<PlanePoint> = Vec::new();
    for m in 0..n {
        let (p, moved) = points[(start + m) % n];
        let next = points[(start + m + 1) % n].0;
        skipped.push(p);
        let carries_shape = skipped.len() > 48
            || kept.last().is_none_or(|last| skipped.iter().any(|s| distance_to_segment_mm(*s, *last, next) > THIN_MM));
        if !moved || carries_shape {
            if kept.last() != Some(&p) {
                kept.push(p);
            }
            skipped.clear();
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::{area_mm2, untangled};
    use proptest::prelude::*;

    fn circle(radius: f64, points: usize) -> SliceContours {
        let at = |m: usize| {
            let (s, c) = (std::f64::consts::TAU * m as f64 / points as f64).sin_cos();
            [50.000_012_3 + radius * c, 50.0 + radius * s]
        };
        SliceContours::new(vec![Ring::imported((0..points).map(at), 0)])
    }

    #[test]
    fn from_inside_it_pushes_out_and_from_outside_in() {
        let before = circle(20.0, 200);
        let out = nudge(&before, [60.0, 50.0], [68.0, 50.0], 6.0, 0.5).expect("in reach");
        assert!(out.contains([73.0, 50.0]) && out.contains([60.0, 50.0]) && area_mm2(&out) > area_mm2(&before));
        let within = nudge(&before, [78.0, 50.0], [70.0, 50.0], 6.0, 0.5).expect("in reach");
        assert!(!within.contains([65.0, 50.0]) && area_mm2(&within) < area_mm2(&before));
        assert_eq!(nudge(&before, [50.0, 50.0], [52.0, 50.0], 6.0, 0.5), None);
    }

    #[test]
    fn vertices_and_rings_out_of_reach_stay_exactly_where_they_were() {
        let mut before = circle(20.0, 200);
        let far = Ring::imported([[5.0, 5.0], [9.123_456_7, 5.0], [7.0, 9.0]], 4);
        before.rings.push(far.clone());
        let after = nudge(&before, [60.0, 50.0], [68.0, 50.0], 6.0, 0.5).expect("in reach");
        assert_eq!(after.rings[0], far);
        let points = after.rings[1].points();
        let out_of_reach = |p: &PlanePoint| distance_to_segment_mm(*p, [60.0, 50.0], [68.0, 50.0]) > 9.0;
        let untouched: Vec<_> = before.rings[0].points().iter().filter(|p| out_of_reach(p)).collect();
        assert!(untouched.len() > 120 && untouched.iter().all(|p| points.contains(p)));
    }

    #[test]
    fn a_fast_pointer_pushes_all_the_way() {
        let before = circle(10.0, 80);
        let after = nudge(&before, [50.0, 50.0], [90.0, 50.0], 5.0, 0.5).expect("in reach");
        assert!(after.contains([88.0, 50.0]) && after.contains([94.0, 50.0]));
        assert_eq!(after.rings.len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_outline_never_crosses_itself(
            path in proptest::collection::vec([25.0..75.0f64, 25.0..75.0f64], 2..8), radius in 2.0..12.0f64, softness in 0.0..1.0f64,
        ) {
            let mut contours = circle(20.0, 120);
            contours.rings.push(circle(8.0, 60).rings[0].clone());
            for pair in path.windows(2) {
                contours = nudge(&contours, pair[0], pair[1], radius, softness).unwrap_or(contours);
                for ring in &contours.rings {
                    prop_assert_eq!(untangled(ring).len(), 1);
                    prop_assert!(ring.points().len() < 4000);
                }
            }
        }
    }
}
