//! Largest diameter of a set of points: convex hull and rotating calipers.

use crate::geometry::PlanePoint;

fn cross(o: PlanePoint, a: PlanePoint, b: PlanePoint) -> f64 {
    (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])
}

fn distance(a: PlanePoint, b: PlanePoint) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The corners of the convex hull in turning order, without points on its edges (monotone chain).
pub(super) fn hull(mut points: Vec<PlanePoint>) -> Vec<PlanePoint> {
    points.retain(|p| p[0].is_finite() && p[1].is_finite());
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let mut corners: Vec<PlanePoint> = Vec::with_capacity(points.len() + 1);
    let chain = |points: &mut dyn Iterator<Item = PlanePoint>, corners: &mut Vec<PlanePoint>| {
        let base = corners.len();
        for p in points {
            while corners.len() >= base + 2 && cross(corners[corners.len() - 2], corners[corners.len() - 1], p) <= 0.0 {
                corners.pop();
            }
            corners.push(p);
        }
        corners.pop();
    };
    chain(&mut points.iter().copied(), &mut corners);
    chain(&mut points.iter().rev().copied(), &mut corners);
    corners
}

/// Largest distance between two corners of a convex hull as [`hull`] gives it.
pub(super) fn hull_diameter(corners: &[PlanePoint]) -> f64 {
    let n = corners.len();
    match n {
        0 | 1 => 0.0,
        2 => distance(corners[0], corners[1]),
        _ => {
            let mut far = 1;
            let mut best: f64 = 0.0;
            for at in 0..n {
                let (a, b) = (corners[at], corners[(at + 1) % n]);
                while cross(a, b, corners[(far + 1) % n]) > cross(a, b, corners[far]) {
                    far = (far + 1) % n;
                }
                // Parallel edges: the corner after `far` is just as far from this edge.
                for p in [corners[far], corners[(far + 1) % n]] {
                    best = best.max(distance(a, p)).max(distance(b, p));
                }
            }
            best
        }
    }
}

/// Largest distance between two of the points, mm (maximum Feret diameter); 0 for fewer than two.
pub fn feret_mm(points: impl IntoIterator<Item = PlanePoint>) -> f64 {
    hull_diameter(&hull(points.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_shapes() {
        assert_eq!(feret_mm([]), 0.0);
        assert_eq!(feret_mm([[1.0, 1.0]]), 0.0);
        assert_eq!(feret_mm([[0.0, 0.0], [3.0, 4.0], [1.5, 2.0]]), 5.0);
        assert_eq!(feret_mm([[0.0, 0.0], [6.0, 0.0], [6.0, 8.0], [0.0, 8.0]]), 10.0);
        assert_eq!(feret_mm([[f64::NAN, 0.0], [0.0, 0.0], [2.0, 0.0]]), 2.0);
    }

    proptest! {
        #[test]
        fn equals_the_largest_of_all_pairs(points in proptest::collection::vec((-50i32..50, -50i32..50), 2..60), scale in 0.01..3.0f64) {
            let points: Vec<PlanePoint> = points.iter().map(|(u, v)| [f64::from(*u) * scale, f64::from(*v) * scale]).collect();
            let mut largest: f64 = 0.0;
            for a in &points {
                for b in &points {
                    largest = largest.max(distance(*a, *b));
                }
            }
            prop_assert!((feret_mm(points) - largest).abs() < 1e-9);
        }
    }
}
