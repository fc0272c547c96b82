//! How far the points of a lattice are from the rings of a slice, and on which side of them.
//!
//! Voxels know a contour to half a pixel; here the rings themselves are measured. The points around every edge get their
//! distance from it; from there the nearest edge is handed on from point to point, forward and backward over the lattice,
//! and every point that is given an edge walks along the ring from there as long as that comes nearer. The distance is
//! always one from an edge of the rings, never one from a sample of them. It may differ on each side of the plane
//! ([`Gauge`]), as margins do.

use super::{Ring, SliceContours};
use crate::geometry::{PlanePoint, VoxelGrid};
use ndarray::Array2;

/// Larger than every distance that means anything, and finite.
pub(super) const FAR: f32 = 1e12;

/// No edge.
const NONE: u32 = u32::MAX;

/// How far around an edge its own points are measured, steps of the lattice.
const AROUND: f64 = 1.5;

/// Points of a plane, `[j, i]` at `origin + (i du, j dv)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lattice {
    pub origin: PlanePoint,
    /// Along u and v, mm.
    pub spacing: [f64; 2],
    /// Rows, columns.
    pub shape: [usize; 2],
}

impl Lattice {
    /// The voxel centres of rows and columns of a grid.
    pub fn of_grid(grid: &VoxelGrid, first_ji: [usize; 2], shape: [usize; 2]) -> Self {
        let origin = grid.plane_from_index(first_ji[1] as f64, first_ji[0] as f64);
        Self { origin, spacing: [grid.spacing_i_mm(), grid.spacing_j_mm()], shape }
    }

    fn len(&self) -> usize {
        self.shape[0] * self.shape[1]
    }

    fn point(&self, at: usize) -> PlanePoint {
        let [j, i] = [at / self.shape[1], at % self.shape[1]];
        [self.origin[0] + i as f64 * self.spacing[0], self.origin[1] + j as f64 * self.spacing[1]]
    }

    /// Whole steps within so many of two coordinates along an axis (0 = u), both ends included.
    fn steps(&self, axis: usize, low: f64, high: f64, around: f64) -> std::ops::Range<usize> {
        let index = |x: f64| (x - self.origin[axis]) / self.spacing[axis];
        let from = (index(low) - around).ceil().max(0.0) as usize;
        let to = ((index(high) + around).floor() + 1.0).max(0.0) as usize;
        from..to.min(self.shape[1 - axis])
    }

    /// Which points are inside the rings, row by row: even-odd and half-open as [`SliceContours::contains`].
    pub fn inside(&self, contours: &SliceContours) -> Vec<bool> {
        let [rows, columns] = self.shape;
        let mut inside = vec![false; self.len()];
        for (a, b) in contours.rings.iter().flat_map(Ring::edges) {
            // One row more on either side; the comparison with the row itself decides.
            for j in self.steps(1, a[1].min(b[1]), a[1].max(b[1]), 1.0) {
                let v = self.origin[1] + j as f64 * self.spacing[1];
                if (a[1] > v) != (b[1] > v) {
                    let crossing = a[0] + (v - a[1]) / (b[1] - a[1]) * (b[0] - a[0]);
                    // A mark at the first point that is not before the crossing; running along the row turns them.
                    let i = ((crossing - self.origin[0]) / self.spacing[0]).ceil().max(0.0);
                    if i < columns as f64 {
                        let at = j * columns + i as usize;
                        inside[at] = !inside[at];
                    }
                }
            }
        }
        for row in inside.chunks_exact_mut(columns.max(1)).take(rows) {
            let mut is_inside = false;
            for value in row {
                is_inside ^= *value;
                *value = is_inside;
            }
        }
        inside
    }
}

/// Lengths of ways in the plane, in parts of a radius that may differ towards smaller and larger u and v.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gauge {
    /// One over the squares of the radii, `[axis][towards smaller, towards larger]`.
    weights: [[f64; 2]; 2],
    is_round: bool,
}

impl Gauge {
    /// Distances in mm.
    pub const MM: Self = Self { weights: [[1.0; 2]; 2], is_round: true };

    /// A way of a radius on its side has the length 1. Radii of nothing are taken as a thousandth of a millimetre.
    pub fn new(radii: [[f64; 2]; 2]) -> Self {
        let weights = radii.map(|side| side.map(|r| 1.0 / r.max(1e-3).powi(2)));
        let is_round = weights.iter().flatten().all(|w| *w == weights[0][0]);
        Self { weights, is_round }
    }

    /// The same for ways that are walked from their ends.
    pub fn reversed(&self) -> Self {
        Self { weights: self.weights.map(|[a, b]| [b, a]), ..*self }
    }

    /// The square of the shortest way from an edge to a point.
    fn squared(&self, p: PlanePoint, (a, b): (PlanePoint, PlanePoint)) -> f64 {
        let (w, d) = ([p[0] - a[0], p[1] - a[1]], [b[0] - a[0], b[1] - a[1]]);
        if self.is_round {
            let length2 = d[0] * d[0] + d[1] * d[1];
            let t = if length2 > 0.0 { ((w[0] * d[0] + w[1] * d[1]) / length2).clamp(0.0, 1.0) } else { 0.0 };
            let rest = [w[0] - t * d[0], w[1] - t * d[1]];
            return self.weights[0][0] * (rest[0] * rest[0] + rest[1] * rest[1]);
        }
        // On each part of the edge from which the way leads to the same sides the square is a parabola.
        let mut cuts = [0.0, 1.0, 1.0, 1.0];
        for axis in 0..2 {
            let t = w[axis] / d[axis];
            if t > 0.0 && t < 1.0 {
                cuts[1 + axis] = t;
            }
        }
        if cuts[1] > cuts[2] {
            cuts.swap(1, 2);
        }
        let part = |from: f64, to: f64| {
            let middle = f64::midpoint(from, to);
            let k: [f64; 2] = std::array::from_fn(|x| self.weights[x][usize::from(w[x] - middle * d[x] >= 0.0)]);
            let (along, length2) = (k[0] * w[0] * d[0] + k[1] * w[1] * d[1], k[0] * d[0] * d[0] + k[1] * d[1] * d[1]);
            let t = if length2 > 0.0 { (along / length2).clamp(from, to) } else { from };
            k[0] * (w[0] - t * d[0]).powi(2) + k[1] * (w[1] - t * d[1]).powi(2)
        };
        cuts.windows(2).map(|c| part(c[0], c[1])).fold(f64::INFINITY, f64::min)
    }
}

/// The edges of rings, each with its neighbours.
struct Edges {
    ends: Vec<(PlanePoint, PlanePoint)>,
    next: Vec<u32>,
    previous: Vec<u32>,
}

impl Edges {
    /// The edges, or the parts of them within a box `[low, high]`.
    fn new(contours: &SliceContours, within: Option<[PlanePoint; 2]>) -> Self {
        let mut all = Self { ends: Vec::new(), next: Vec::new(), previous: Vec::new() };
        for ring in &contours.rings {
            let first = all.ends.len() as u32;
            all.ends.extend(ring.edges().filter_map(|edge| within.map_or(Some(edge), |limits| clipped(edge, limits))));
            let end = all.ends.len() as u32;
            all.next.extend((first..end).map(|n| if n + 1 < end { n + 1 } else { first }));
            all.previous.extend((first..end).map(|n| if n > first { n - 1 } else { end - 1 }));
        }
        all
    }
}

/// The part of an edge that lies within a box; nothing where it only touches it.
fn clipped((a, b): (PlanePoint, PlanePoint), [low, high]: [PlanePoint; 2]) -> Option<(PlanePoint, PlanePoint)> {
    let d = [b[0] - a[0], b[1] - a[1]];
    let (mut from, mut to) = (0.0f64, 1.0f64);
    for axis in 0..2 {
        if d[axis] == 0.0 {
            if a[axis] <= low[axis] || a[axis] >= high[axis] {
                return None;
            }
        } else {
            let [s, t] = [(low[axis] - a[axis]) / d[axis], (high[axis] - a[axis]) / d[axis]];
            from = from.max(s.min(t));
            to = to.min(s.max(t));
        }
    }
    let at = |t: f64| {
        if t == 0.0 {
            a
        } else if t == 1.0 {
            b
        } else {
            [a[0] + t * d[0], a[1] + t * d[1]]
        }
    };
    (from < to).then(|| (at(from), at(to)))
}

/// What is measured, and how far.
pub(super) struct Search<'a> {
    pub lattice: &'a Lattice,
    pub gauge: Gauge,
    /// Points that get a positive length, of the way from the rings to them; all others get a negative one, of the way
    /// from them to the rings.
    pub positive: &'a [bool],
    /// Beyond the first point on a way that is further than this, nothing is measured: below 0 and above.
    pub reach: [f64; 2],
    /// Edges beyond this box do not count.
    pub within: Option<[PlanePoint; 2]>,
}

impl Search<'_> {
    /// The length at every point of the lattice, row by row, ±[`FAR`] beyond the reach. Points within [`AROUND`] steps
    /// of an edge are always measured.
    pub fn lengths(&self, contours: &SliceContours) -> Vec<f32> {
        let edges = Edges::new(contours, self.within);
        let mut found = Found {
            edges: &edges,
            squared: vec![f64::INFINITY; self.lattice.len()],
            nearest: vec![NONE; self.lattice.len()],
        };
        self.seed(&mut found);
        self.sweep(&mut found, false);
        self.sweep(&mut found, true);
        let length = |(square, positive): (f64, &bool)| {
            let length = if square.is_finite() { square.sqrt() as f32 } else { FAR };
            if *positive { length } else { -length }
        };
        found.squared.into_iter().zip(self.positive).map(length).collect()
    }

    fn gauge_at(&self, at: usize) -> Gauge {
        if self.positive[at] || self.gauge.is_round { self.gauge } else { self.gauge.reversed() }
    }

    /// Measures the points around every edge.
    fn seed(&self, found: &mut Found) {
        let lattice = self.lattice;
        for (n, &(a, b)) in found.edges.ends.iter().enumerate() {
            for j in lattice.steps(1, a[1].min(b[1]), a[1].max(b[1]), AROUND) {
                let v = lattice.origin[1] + j as f64 * lattice.spacing[1];
                // The piece of the edge that is near to this row.
                let near = AROUND * lattice.spacing[1];
                let at = |v: f64| {
                    let t = if b[1] == a[1] { 0.0 } else { ((v - a[1]) / (b[1] - a[1])).clamp(0.0, 1.0) };
                    a[0] + t * (b[0] - a[0])
                };
                let [p, q] = if b[1] == a[1] { [a[0], b[0]] } else { [at(v - near), at(v + near)] };
                for i in lattice.steps(0, p.min(q), p.max(q), AROUND) {
                    let at = j * lattice.shape[1] + i;
                    let square = self.gauge_at(at).squared(lattice.point(at), (a, b));
                    if square < found.squared[at] {
                        (found.squared[at], found.nearest[at]) = (square, n as u32);
                    }
                }
            }
        }
    }

    /// Hands edges on over the rows, downwards or upwards, and both ways along each.
    fn sweep(&self, found: &mut Found, upwards: bool) {
        let [rows, columns] = self.lattice.shape;
        for n in 0..rows {
            let j = if upwards { rows - 1 - n } else { n };
            let before = if upwards { Some(j + 1).filter(|b| *b < rows) } else { j.checked_sub(1) };
            for i in 0..columns {
                let at = j * columns + i;
                if let Some(before) = before {
                    for from in i.saturating_sub(1)..(i + 2).min(columns) {
                        self.consider(found, at, before * columns + from);
                    }
                }
                if i > 0 {
                    self.consider(found, at, at - 1);
                }
            }
            for i in (0..columns.saturating_sub(1)).rev() {
                self.consider(found, j * columns + i, j * columns + i + 1);
            }
        }
    }

    /// Takes over the edge of a neighbour where it, or one beside it, is nearer.
    fn consider(&self, found: &mut Found, at: usize, from: usize) {
        let edge = found.nearest[from];
        if edge == NONE || edge == found.nearest[at] {
            return;
        }
        let reach = self.reach[usize::from(self.positive[from])];
        if found.squared[from] > reach * reach {
            return;
        }
        let (p, gauge, edges) = (self.lattice.point(at), self.gauge_at(at), found.edges);
        let length = |edge: u32| gauge.squared(p, edges.ends[edge as usize]);
        let (mut best, mut nearest) = (length(edge), edge);
        for neighbours in [&edges.next, &edges.previous] {
            let mut walking = true;
            while walking {
                let beside = neighbours[nearest as usize];
                let square = length(beside);
                walking = square < best;
                if walking {
                    (best, nearest) = (square, beside);
                }
            }
        }
        if best < found.squared[at] {
            (found.squared[at], found.nearest[at]) = (best, nearest);
        }
    }
}

/// What a search knows so far.
struct Found<'a> {
    edges: &'a Edges,
    squared: Vec<f64>,
    nearest: Vec<u32>,
}

/// Signed distance from the rings at every point of the lattice, mm, positive inside. Without rings everything is
/// outside, as far as a number says.
pub(super) fn signed_distance_mm(contours: &SliceContours, lattice: &Lattice) -> Array2<f32> {
    let inside = lattice.inside(contours);
    let search = Search { lattice, gauge: Gauge::MM, positive: &inside, reach: [f64::INFINITY; 2], within: None };
    Array2::from_shape_vec(lattice.shape, search.lengths(contours)).expect("one value a point")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::distance_to_segment_mm;
    use proptest::prelude::*;

    fn blob_with_hole() -> SliceContours {
        let blob = Ring::new((0..40).map(|m| {
            let (s, c) = (std::f64::consts::TAU * f64::from(m) / 40.0).sin_cos();
            let r = 11.0 + 2.5 * (3.0 * f64::from(m) / 40.0 * std::f64::consts::TAU).sin();
            [0.3 + r * c, -0.2 + r * s]
        }));
        let hole = Ring::new([[-3.0, -3.0], [3.1, -2.8], [2.9, 3.3], [-3.2, 2.7]]);
        SliceContours::new(vec![blob, hole])
    }

    fn worst_mm(contours: &SliceContours, lattice: &Lattice) -> f64 {
        let field = signed_distance_mm(contours, lattice);
        let mut worst: f64 = 0.0;
        for (at, value) in field.iter().enumerate() {
            let p = lattice.point(at);
            let edges = contours.rings.iter().flat_map(Ring::edges);
            let distance = edges.map(|(a, b)| distance_to_segment_mm(p, a, b)).fold(f64::INFINITY, f64::min);
            let truth = if contours.contains(p) { distance } else { -distance };
            worst = worst.max((f64::from(*value) - truth).abs());
        }
        worst
    }

    #[test]
    fn distances_are_those_from_the_rings() {
        let lattice = Lattice { origin: [-17.0, -18.0], spacing: [0.9, 1.1], shape: [34, 40] };
        let worst = worst_mm(&blob_with_hole(), &lattice);
        assert!(worst < 0.01, "{worst}");
    }

    #[test]
    fn thin_tips_between_the_lines_are_not_overlooked() {
        let needle = Ring::new([[0.0, 0.4], [9.3, 0.5], [0.0, 0.6]]);
        let lattice = Lattice { origin: [-8.0, -8.0], spacing: [1.0; 2], shape: [17, 26] };
        let worst = worst_mm(&SliceContours::new(vec![needle]), &lattice);
        assert!(worst < 1e-3, "{worst}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_rings_are_measured_from_their_edges(
            stars in proptest::collection::vec((-9.0..9.0f64, -9.0..9.0f64, proptest::collection::vec(1.0..9.0f64, 5..60)), 1..4),
        ) {
            let rings = stars.iter().map(|(u, v, radii)| {
                let n = radii.len() as f64;
                Ring::new(radii.iter().enumerate().map(|(m, r)| {
                    let (s, c) = (std::f64::consts::TAU * m as f64 / n).sin_cos();
                    [u + r * c, v + r * s]
                }))
            });
            let lattice = Lattice { origin: [-24.0, -22.0], spacing: [0.8, 1.0], shape: [45, 60] };
            let worst = worst_mm(&SliceContours::new(rings.collect()), &lattice);
            prop_assert!(worst < 0.05, "{}", worst);
        }

        #[test]
        fn the_way_to_an_edge_is_the_shortest_of_those_to_its_points(
            p in proptest::array::uniform2(-9.0..9.0f64), a in proptest::array::uniform2(-9.0..9.0f64),
            b in proptest::array::uniform2(-9.0..9.0f64), radii in proptest::array::uniform4(0.5..6.0f64),
        ) {
            let radii = [[radii[0], radii[1]], [radii[2], radii[3]]];
            let gauge = Gauge::new(radii);
            let length = |t: f64| {
                let q = [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
                let part = |x: usize| { let way = p[x] - q[x]; (way / radii[x][usize::from(way >= 0.0)]).powi(2) };
                part(0) + part(1)
            };
            let found = gauge.squared(p, (a, b));
            let sampled = (0..=2000).map(|n| length(f64::from(n) / 2000.0)).fold(f64::INFINITY, f64::min);
            prop_assert!(found <= sampled + 1e-9 && sampled - found < 1e-2 * (1.0 + found), "{} {}", found, sampled);
        }
    }

    #[test]
    fn what_lies_beyond_a_box_is_no_edge() {
        let square = SliceContours::new(vec![Ring::new([[0.0, -50.0], [50.0, -50.0], [50.0, 50.0], [0.0, 50.0]])]);
        let lattice = Lattice { origin: [-10.0, -10.0], spacing: [1.0; 2], shape: [21, 21] };
        let inside = lattice.inside(&square);
        let search = Search {
            lattice: &lattice,
            gauge: Gauge::MM,
            positive: &inside,
            reach: [f64::INFINITY; 2],
            within: Some([[-10.5; 2], [10.5; 2]]),
        };
        let lengths = search.lengths(&square);
        assert_eq!((lengths[0], lengths[20], lengths[10 * 21 + 13]), (-10.0, 10.0, 3.0));
    }
}
