//! One vertex of a ring moved, put in or taken out; all others keep exactly where they were.

use super::boolean::{boolean, distance_to_segment_mm, normalized_rings};
use super::simplify::{cross_each_other, crosses_itself};
use super::{BooleanOp, Ring, SliceContours};
use crate::geometry::PlanePoint;

fn rounded(p: PlanePoint) -> PlanePoint {
    Ring::new([p]).points()[0]
}

/// The ring with vertex `index` at another place.
///
/// # Panics
/// If the ring has no such vertex.
pub fn move_vertex(ring: &Ring, index: usize, to: PlanePoint) -> Ring {
    let mut points = ring.points().to_vec();
    points[index] = rounded(to);
    Ring::exact(points)
}

/// The ring with a new vertex on the edge that begins at vertex `edge`; the new one is vertex `edge + 1`.
///
/// # Panics
/// If the ring has no such edge.
pub fn insert_vertex(ring: &Ring, edge: usize, at: PlanePoint) -> Ring {
    let mut points = ring.points().to_vec();
    points.insert(edge + 1, rounded(at));
    Ring::exact(points)
}

/// The ring without vertex `index`; `None` where fewer than three would be left.
///
/// # Panics
/// If the ring has no such vertex.
pub fn remove_vertex(ring: &Ring, index: usize) -> Option<Ring> {
    let mut points = ring.points().to_vec();
    points.remove(index);
    (points.len() >= 3).then(|| Ring::exact(points))
}

/// The ring as one or more that do not cross themselves; one that does not comes back as it is.
pub fn untangled(ring: &Ring) -> Vec<Ring> {
    if ring.points().len() > 3 && crosses_itself(ring.points()) {
        normalized_rings(&SliceContours::new(vec![ring.clone()]))
    } else {
        vec![ring.clone()]
    }
}

/// A slice of which ring `ring` was reshaped, with `before` the same rings before that. The ring no longer crosses itself;
/// where it met other rings, an outline is united with them, together with its holes, and a hole is taken from them.
/// Rings that it did not meet stay as they are.
///
/// # Panics
/// If the slice has no such ring before and after.
pub fn settled(contours: &SliceContours, ring: usize, before: &SliceContours) -> SliceContours {
    let reshaped = &contours.rings[ring];
    let meets = |n: usize| n != ring && cross_each_other(&contours.rings[n], reshaped);
    if !(0..contours.rings.len()).any(meets) {
        let mut rings = contours.rings.clone();
        rings.splice(ring..=ring, untangled(reshaped));
        return SliceContours::new(rings);
    }
    let own = ring_with_content(before, ring);
    let part = |wanted: bool| {
        let rings = contours.rings.iter().enumerate().filter(|(n, _)| own.contains(n) == wanted);
        SliceContours::new(rings.map(|(_, r)| r.clone()).collect())
    };
    let is_hole = enclosing(before, ring).len() % 2 == 1;
    let own_area = SliceContours::new(normalized_rings(&part(true)));
    boolean(&part(false), &own_area, if is_hole { BooleanOp::Difference } else { BooleanOp::Union })
}

/// The vertex nearest to a point, as (ring, vertex), if it is within `reach_mm`.
pub fn nearest_vertex(contours: &SliceContours, at: PlanePoint, reach_mm: f64) -> Option<(usize, usize)> {
    let all =
        contours.rings.iter().enumerate().flat_map(|(ring, r)| r.points().iter().enumerate().map(move |p| (ring, p)));
    all.map(|(ring, (vertex, p))| ((ring, vertex), (p[0] - at[0]).hypot(p[1] - at[1])))
        .filter(|(_, distance)| *distance <= reach_mm)
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(found, _)| found)
}

/// The edge nearest to a point, as (ring, the vertex where it begins, distance in mm), if it is within `reach_mm`.
pub fn nearest_edge(contours: &SliceContours, at: PlanePoint, reach_mm: f64) -> Option<(usize, usize, f64)> {
    let all = contours.rings.iter().enumerate().flat_map(|(ring, r)| r.edges().enumerate().map(move |e| (ring, e)));
    all.map(|(ring, (edge, (a, b)))| (ring, edge, distance_to_segment_mm(at, a, b)))
        .filter(|(_, _, distance)| *distance <= reach_mm)
        .min_by(|a, b| a.2.total_cmp(&b.2))
}

/// The ring that a click at a point means: the outline within `reach_mm`, else the innermost ring around the point.
pub fn ring_at(contours: &SliceContours, at: PlanePoint, reach_mm: f64) -> Option<usize> {
    nearest_edge(contours, at, reach_mm).map(|(ring, ..)| ring).or_else(|| {
        let around = |ring: &Ring| SliceContours::new(vec![ring.clone()]).contains(at);
        let area = |n: &usize| contours.rings[*n].signed_area_mm2().abs();
        let mut found: Vec<usize> = (0..contours.rings.len()).filter(|n| around(&contours.rings[*n])).collect();
        found.sort_by(|a, b| area(a).total_cmp(&area(b)));
        found.first().copied()
    })
}

/// How many other rings enclose each ring: outlines have an even number, holes an odd one.
pub fn ring_depths(contours: &SliceContours) -> Vec<usize> {
    (0..contours.rings.len()).map(|n| enclosing(contours, n).len()).collect()
}

/// A ring with what lies directly in it, an outline with its holes or a hole with its islands, as indices.
pub fn ring_with_content(contours: &SliceContours, ring: usize) -> Vec<usize> {
    let depths = ring_depths(contours);
    (0..contours.rings.len())
        .filter(|n| *n == ring || depths[*n] == depths[ring] + 1 && enclosing(contours, *n).contains(&ring))
        .collect()
}

/// The rings around ring `n`, by one of its vertices; rings do not cross.
fn enclosing(contours: &SliceContours, n: usize) -> Vec<usize> {
    let Some(&at) = contours.rings[n].points().first() else { return Vec::new() };
    let around = |m: &usize| *m != n && SliceContours::new(vec![contours.rings[*m].clone()]).contains(at);
    (0..contours.rings.len()).filter(around).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::area_mm2;

    fn square(low: f64, high: f64) -> Ring {
        Ring::imported([[low + 1.23e-5, low], [high, low], [high, high], [low, high]], 0)
    }

    #[test]
    fn other_vertices_stay_bit_for_bit() {
        let ring = square(0.0, 10.0);
        let moved = move_vertex(&ring, 2, [12.000_04, 11.0]);
        assert_eq!(moved.points()[2], [12.0, 11.0]);
        let longer = insert_vertex(&ring, 3, [-1.0, 5.0]);
        assert_eq!(longer.points()[4], [-1.0, 5.0]);
        for edited in [&moved, &longer] {
            assert_eq!((edited.points()[0], edited.source_contour()), (ring.points()[0], None));
        }
        assert_eq!(remove_vertex(&longer, 4).expect("four are left").points(), ring.points());
        let triangle = remove_vertex(&ring, 1).expect("three are left");
        assert_eq!(remove_vertex(&triangle, 0), None);
    }

    #[test]
    fn a_vertex_dragged_across_an_edge_leaves_rings_that_do_not_cross() {
        let ring = square(0.0, 10.0);
        assert_eq!(untangled(&ring), std::slice::from_ref(&ring));
        let crossed = move_vertex(&ring, 2, [-5.0, 4.0]);
        let rings = untangled(&crossed);
        assert_eq!(rings.len(), 2);
        assert!(rings.iter().all(|r| !crosses_itself(r.points())));
        let (before, after) = (SliceContours::new(vec![crossed]), SliceContours::new(rings));
        assert!((area_mm2(&before) - area_mm2(&after)).abs() < 1e-3);
    }

    #[test]
    fn a_reshaped_ring_is_united_with_those_it_met_and_leaves_the_others_alone() {
        let shifted = |ring: &Ring, by: f64| Ring::new(ring.points().iter().map(|p| [p[0] + by, p[1]]));
        let (left, right) = (square(0.0, 10.0), shifted(&square(0.0, 10.0), 20.0));
        let (hole, far) = (Ring::new([[2.0, 2.0], [4.0, 2.0], [4.0, 4.0], [2.0, 4.0]]), shifted(&right, 50.0));
        let slice =
            |left: &Ring, hole: &Ring| SliceContours::new(vec![left.clone(), right.clone(), hole.clone(), far.clone()]);
        let before = slice(&left, &hole);
        assert_eq!(settled(&before, 0, &before), before);
        // A corner drawn into the other square: one outline, the hole stays a hole.
        let after = settled(&slice(&move_vertex(&left, 2, [25.0, 5.0]), &hole), 0, &before);
        assert_eq!(after.rings.len(), 3);
        assert!(after.contains([24.0, 5.0]) && !after.contains([3.0, 3.0]) && after.rings.contains(&far));
        // A hole drawn out of its outline takes away on the way, and adds nothing out there.
        let after = settled(&slice(&left, &move_vertex(&hole, 1, [14.0, 3.0])), 2, &before);
        assert!(!after.contains([8.0, 3.0]) && !after.contains([12.0, 3.0]) && after.contains([8.0, 8.0]));
        assert!(after.rings.iter().all(|r| !crosses_itself(r.points())));
    }

    #[test]
    fn a_click_means_the_outline_nearby_or_the_innermost_ring_around_it() {
        let contours =
            SliceContours::new(vec![square(0.0, 30.0), square(5.0, 25.0), square(10.0, 20.0), square(12.0, 14.0)]);
        assert_eq!(ring_at(&contours, [29.5, 15.0], 1.0), Some(0));
        assert_eq!(ring_at(&contours, [7.0, 15.0], 1.0), Some(1));
        assert_eq!(ring_at(&contours, [17.0, 17.0], 1.0), Some(2));
        assert_eq!(ring_at(&contours, [40.0, 17.0], 1.0), None);
        assert_eq!(ring_depths(&contours), [0, 1, 2, 3]);
        assert_eq!(ring_with_content(&contours, 0), [0, 1]);
        assert_eq!(ring_with_content(&contours, 1), [1, 2]);
        assert_eq!(nearest_vertex(&contours, [24.5, 24.8], 1.0), Some((1, 2)));
        assert_eq!(nearest_edge(&contours, [15.0, 29.0], 2.0), Some((0, 2, 1.0)));
    }
}
