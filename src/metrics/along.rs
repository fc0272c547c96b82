//! The signed difference along an outline, for the overlay that shows where two contours part.

use crate::contour::{Ring, SliceContours, distance_to_segment_mm};
use crate::geometry::PlanePoint;

/// For every vertex of every ring of `test` the distance to the outline of `reference` on the same slice, mm: positive
/// outside the reference, negative inside, zero on it. `None` if the reference encloses nothing on this slice.
pub fn signed_difference_mm(reference: &SliceContours, test: &SliceContours) -> Option<Vec<Vec<f64>>> {
    let edges: Vec<_> = reference.rings.iter().filter(|r| r.points().len() >= 3).flat_map(Ring::edges).collect();
    if edges.is_empty() {
        return None;
    }
    let signed = |p: [f64; 2]| {
        let distance = edges.iter().fold(f64::INFINITY, |least, &(a, b)| {
            // An edge whose box is further away than the nearest one so far cannot be nearer.
            let outside = |axis: usize| (a[axis].min(b[axis]) - p[axis]).max(p[axis] - a[axis].max(b[axis]));
            if outside(0).max(outside(1)) >= least { least } else { least.min(distance_to_segment_mm(p, a, b)) }
        });
        if reference.contains(p) { -distance } else { distance }
    };
    Some(test.rings.iter().map(|ring| ring.points().iter().map(|p| signed(*p)).collect()).collect())
}

/// A point of an outline and its signed distance from another outline, mm: positive outside of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutlinePoint {
    pub at: PlanePoint,
    pub mm: f64,
}

/// As [`signed_difference_mm`], for points at most `step_mm` apart along every ring of `test`.
pub fn along_outline(reference: &SliceContours, test: &SliceContours, step_mm: f64) -> Option<Vec<Vec<OutlinePoint>>> {
    let dense = SliceContours::new(test.rings.iter().map(|ring| walked(ring, step_mm)).collect());
    let along = signed_difference_mm(reference, &dense)?;
    let point = |(at, mm): (&PlanePoint, f64)| OutlinePoint { at: *at, mm };
    let rings = dense.rings.iter().zip(along);
    Some(rings.map(|(ring, all)| ring.points().iter().zip(all).map(point).collect()).collect())
}

/// A ring with additional points on its edges, so that neighbours are at most `step_mm` apart.
fn walked(ring: &Ring, step_mm: f64) -> Ring {
    let mut points = Vec::new();
    for (a, b) in ring.edges() {
        let parts = ((b[0] - a[0]).hypot(b[1] - a[1]) / step_mm).ceil().max(1.0);
        for part in 0..parts as usize {
            let t = part as f64 / parts;
            points.push([a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t]);
        }
    }
    Ring::new(points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::capsule;

    #[test]
    fn a_bigger_disc_lies_outside_and_a_smaller_one_inside_by_the_difference_of_the_radii() {
        let disc = |radius| SliceContours::new(vec![capsule([3.0, 4.0], [3.0, 4.0], radius)]);
        for radius in [12.0, 10.0, 7.0] {
            let along = signed_difference_mm(&disc(10.0), &disc(radius)).expect("the reference is a disc");
            assert_eq!(along.len(), 1);
            assert!(along[0].iter().all(|d| (d - (radius - 10.0)).abs() < 0.03));
        }
        assert_eq!(signed_difference_mm(&SliceContours::default(), &disc(5.0)), None);
    }

    #[test]
    fn inside_a_hole_of_the_reference_is_outside_it() {
        let ring = |r: f64| Ring::new([[-r, -r], [r, -r], [r, r], [-r, r]]);
        let reference = SliceContours::new(vec![ring(10.0), ring(5.0)]);
        let along = signed_difference_mm(&reference, &SliceContours::new(vec![ring(4.0), ring(6.0)]));
        // The corners of the inner ring are 1 mm from both sides of the hole, those of the outer one as well.
        assert_eq!(along.expect("two rings"), [vec![1.0; 4], vec![-2f64.sqrt(); 4]]);
    }
}
