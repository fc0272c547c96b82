//! Fewer vertices for the same outline.

use super::boolean::distance_to_segment_mm;
use super::{Ring, SliceContours};
use crate::geometry::PlanePoint;

/// A ring without the vertices that are within `tolerance_mm` of the outline that remains (Douglas and Peucker 1973).
/// Where that would make the outline cross itself, the tolerance is halved until it does not; a ring that loses no
/// vertex is returned as it is, with its source.
pub fn simplify(ring: &Ring, tolerance_mm: f64) -> Ring {
    let points = ring.points();
    if points.len() < 4 {
        return ring.clone();
    }
    let mut tolerance_mm = tolerance_mm;
    for _ in 0..8 {
        let kept = reduced(points, tolerance_mm);
        if kept.len() == points.len() {
            break;
        }
        if kept.len() >= 3 && !crosses_itself(&kept) {
            return Ring::exact(kept);
        }
        tolerance_mm /= 2.0;
    }
    ring.clone()
}

/// The rings of a slice with fewer vertices (see [`simplify`]), never crossing each other where they did not before: where
/// two would meet, the tolerance of the slice is halved until they do not. Rings that lose no vertex stay as they are.
pub fn simplify_slice(contours: &SliceContours, tolerance_mm: f64) -> SliceContours {
    let crossing =
        |rings: &[Ring]| rings.iter().enumerate().any(|(n, a)| rings[n + 1..].iter().any(|b| cross_each_other(a, b)));
    let met_before = crossing(&contours.rings);
    let mut tolerance_mm = tolerance_mm;
    for _ in 0..8 {
        let rings: Vec<Ring> = contours.rings.iter().map(|ring| simplify(ring, tolerance_mm)).collect();
        if met_before || !crossing(&rings) {
            return SliceContours::new(rings);
        }
        tolerance_mm /= 2.0;
    }
    contours.clone()
}

/// Whether two rings meet.
pub(super) fn cross_each_other(a: &Ring, b: &Ring) -> bool {
    let (Some([a_low, a_high]), Some([b_low, b_high])) = (a.bounds(), b.bounds()) else { return false };
    (0..2).all(|axis| a_low[axis] <= b_high[axis] && b_low[axis] <= a_high[axis])
        && a.edges().any(|e| b.edges().any(|f| meet(e, f)))
}

/// Both halves between the first vertex and the one furthest from it.
fn reduced(points: &[PlanePoint], tolerance_mm: f64) -> Vec<PlanePoint> {
    let n = points.len();
    let from_first = |m: usize| (points[m][0] - points[0][0]).hypot(points[m][1] - points[0][1]);
    let far = (1..n).max_by(|&a, &b| from_first(a).total_cmp(&from_first(b))).expect("more than one point");
    let mut keep = vec![false; n];
    (keep[0], keep[far]) = (true, true);
    let mut open = vec![(0, far), (far, n)];
    while let Some((a, b)) = open.pop() {
        let distance = |m: usize| distance_to_segment_mm(points[m], points[a], points[b % n]);
        let Some(worst) = (a + 1..b).max_by(|&p, &q| distance(p).total_cmp(&distance(q))) else { continue };
        if distance(worst) > tolerance_mm {
            keep[worst] = true;
            open.extend([(a, worst), (worst, b)]);
        }
    }
    points.iter().zip(keep).filter(|(_, k)| *k).map(|(p, _)| *p).collect()
}

/// Drops vertices in one pass while all dropped ones stay within `tolerance_mm` of the line that replaces them: for
/// outlines computed here with many more vertices than they have corners.
pub(super) fn thinned(points: &[PlanePoint], tolerance_mm: f64) -> Vec<PlanePoint> {
    if points.is_empty() {
        return Vec::new();
    }
    let mut kept = vec![points[0]];
    let mut last = 0;
    for end in 2..=points.len() {
        let to = points[end % points.len()];
        let fits = (last + 1..end).all(|m| distance_to_segment_mm(points[m], points[last], to) <= tolerance_mm);
        if !fits || end - last > 64 {
            last = end - 1;
            kept.push(points[last]);
        }
    }
    kept
}

/// Whether two edges that are not neighbours meet. Edges are compared in order of their lowest u.
pub(super) fn crosses_itself(points: &[PlanePoint]) -> bool {
    let n = points.len();
    let edge = |m: usize| (points[m], points[(m + 1) % n]);
    let span = |m: usize| (points[m][0].min(points[(m + 1) % n][0]), points[m][0].max(points[(m + 1) % n][0]));
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| span(a).0.total_cmp(&span(b).0));
    order.iter().enumerate().any(|(at, &a)| {
        order[at + 1..]
            .iter()
            .take_while(|&&b| span(b).0 <= span(a).1)
            .any(|&b| (a + 1) % n != b && (b + 1) % n != a && meet(edge(a), edge(b)))
    })
}

fn meet((a, b): (PlanePoint, PlanePoint), (c, d): (PlanePoint, PlanePoint)) -> bool {
    let side =
        |o: PlanePoint, p: PlanePoint, q: PlanePoint| (p[0] - o[0]) * (q[1] - o[1]) - (p[1] - o[1]) * (q[0] - o[0]);
    let overlap =
        |axis: usize| a[axis].min(b[axis]) <= c[axis].max(d[axis]) && c[axis].min(d[axis]) <= a[axis].max(b[axis]);
    overlap(0) && overlap(1) && side(a, b, c) * side(a, b, d) <= 0.0 && side(c, d, a) * side(c, d, b) <= 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn dropped_vertices_are_within_the_tolerance_and_the_outline_stays_simple(
            radii in proptest::collection::vec(5.0..30.0f64, 8..60), tolerance in 0.01..4.0f64,
        ) {
            let n = radii.len() as f64;
            let ring = Ring::new(radii.iter().enumerate().map(|(m, r)| {
                let (s, c) = (std::f64::consts::TAU * m as f64 / n).sin_cos();
                [r * c, r * s]
            }));
            let less = simplify(&ring, tolerance);
            prop_assert!(less.points().len() >= 3 && !crosses_itself(less.points()));
            for p in ring.points() {
                let near = less.edges().map(|(a, b)| distance_to_segment_mm(*p, a, b)).fold(f64::INFINITY, f64::min);
                prop_assert!(near <= tolerance + 1e-9);
            }
        }
    }

    #[test]
    fn a_square_with_many_vertices_becomes_four_and_one_without_spare_stays_itself() {
        let side = (0..10).map(f64::from);
        let ring = Ring::new(
            side.clone()
                .map(|x| [x, 0.0])
                .chain(side.clone().map(|x| [10.0, x]))
                .chain(side.clone().map(|x| [10.0 - x, 10.0]))
                .chain(side.map(|x| [0.0, 10.0 - x])),
        );
        assert_eq!(simplify(&ring, 0.01).points(), [[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]]);
        let imported = Ring::imported([[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0]], 7);
        assert_eq!(simplify(&imported, 0.5), imported);
    }
}
