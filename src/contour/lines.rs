//! How far the points of a lattice are from the rings of a slice, to a small part of a pixel.
//!
//! Voxels know a contour to half a pixel; here it is met where it runs: along every row and every column of the lattice
//! the rings give the exact places where they enter and leave (even-odd). From these places distances are carried across
//! the lines, once from the rows and once from the columns, and the smaller one counts. What remains is that an outline
//! is known at its crossings with the lines only: for a distance of d and lines s apart an error of at most s²/8d. Signed
//! distances are measured from the edges themselves where they are shorter than two steps.

use super::{SliceContours, distance_to_segment_mm};
use crate::geometry::{PlanePoint, VoxelGrid};
use ndarray::Array2;

/// Larger than every squared distance that means anything, and finite.
pub(super) const FAR: f32 = 1e12;

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

    /// Number of points along an axis of the plane, 0 = u.
    fn count(&self, axis: usize) -> usize {
        self.shape[1 - axis]
    }

    fn coordinate(&self, axis: usize, n: usize) -> f64 {
        self.origin[axis] + n as f64 * self.spacing[axis]
    }

    /// Where the lines along `axis` are inside the rings: ascending intervals for each line, even-odd and half-open as
    /// [`SliceContours::contains`].
    pub fn intervals(&self, contours: &SliceContours, axis: usize) -> Vec<Vec<[f64; 2]>> {
        let across = 1 - axis;
        let lines = self.count(across);
        let mut crossings: Vec<Vec<f64>> = vec![Vec::new(); lines];
        let index = |x: f64| ((x - self.origin[across]) / self.spacing[across]).clamp(-1.0, lines as f64);
        for (a, b) in contours.rings.iter().flat_map(|ring| ring.edges()) {
            let (low, high) = (a[across].min(b[across]), a[across].max(b[across]));
            // One line more on either side; the comparison with the line itself decides.
            let lines_met = index(low).floor().max(0.0) as usize..(index(high).ceil() as usize + 1).min(lines);
            for line in lines_met {
                let at = self.coordinate(across, line);
                if (a[across] > at) != (b[across] > at) {
                    crossings[line].push(a[axis] + (at - a[across]) / (b[across] - a[across]) * (b[axis] - a[axis]));
                }
            }
        }
        crossings
            .into_iter()
            .map(|mut line| {
                line.sort_by(f64::total_cmp);
                line.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect()
            })
            .collect()
    }
}

/// What lies between intervals and before and after them, within `extent`.
pub(super) fn gaps(intervals: &[[f64; 2]], extent: [f64; 2]) -> Vec<[f64; 2]> {
    let starts = std::iter::once(extent[0]).chain(intervals.iter().map(|i| i[1]));
    let ends = intervals.iter().map(|i| i[0]).chain(std::iter::once(extent[1]));
    starts.zip(ends).map(|(a, b)| [a.max(extent[0]), b.min(extent[1])]).filter(|[a, b]| b > a).collect()
}

/// Signed distance from the rings at every point of the lattice, mm, positive inside. The lattice must reach beyond the
/// rings on every side by one line at least. Without rings everything is outside, as far as a number says.
pub(super) fn signed_distance_mm(contours: &SliceContours, lattice: &Lattice) -> Array2<f32> {
    const EVERYWHERE: [f64; 2] = [-1e9, 1e9];
    let [rows, columns] = lattice.shape;
    let mut inside = vec![FAR; rows * columns];
    let mut outside = vec![FAR; rows * columns];
    for axis in 0..2 {
        let lines = lattice.intervals(contours, axis);
        let beside: Vec<Vec<[f64; 2]>> = lines.iter().map(|line| gaps(line, EVERYWHERE)).collect();
        for (best, lines) in [(&mut inside, &lines), (&mut outside, &beside)] {
            for (best, found) in best.iter_mut().zip(squared_from_lines(lattice, lines, axis)) {
                *best = best.min(found);
            }
        }
    }
    let values = inside.iter().zip(&outside).map(|(to_inside, to_outside)| to_outside.sqrt() - to_inside.sqrt());
    let mut field = Array2::from_shape_vec([rows, columns], values.collect()).expect("one value a point");
    near_edges(contours, lattice, &mut field);
    field
}

/// Shortens distances to those from the edges at the points around each edge.
fn near_edges(contours: &SliceContours, lattice: &Lattice, field: &mut Array2<f32>) {
    const STEPS: f64 = 2.0;
    for (a, b) in contours.rings.iter().flat_map(|ring| ring.edges()) {
        let range = |axis: usize| {
            let index = |x: f64| (x - lattice.origin[axis]) / lattice.spacing[axis];
            let from = (index(a[axis].min(b[axis])) - STEPS).ceil().max(0.0) as usize;
            let to = ((index(a[axis].max(b[axis])) + STEPS).floor() + 1.0).max(0.0) as usize;
            from..to.min(lattice.count(axis))
        };
        for j in range(1) {
            for i in range(0) {
                let p = [lattice.coordinate(0, i), lattice.coordinate(1, j)];
                let distance = distance_to_segment_mm(p, a, b) as f32;
                let value = &mut field[[j, i]];
                if distance < value.abs() {
                    *value = distance.copysign(*value);
                }
            }
        }
    }
}

/// Squared distance of every point to the intervals on the lines along `axis`, mm2.
fn squared_from_lines(lattice: &Lattice, lines: &[Vec<[f64; 2]>], axis: usize) -> Vec<f32> {
    let across = 1 - axis;
    let (points, count) = (lattice.count(axis), lattice.count(across));
    // Along each line; point `n` of line `m` lies at `n * count + m`, so that what follows runs along the memory.
    let mut squared = vec![f64::INFINITY; points * count];
    for (m, intervals) in lines.iter().enumerate() {
        let mut at = 0;
        for n in 0..points {
            let x = lattice.coordinate(axis, n);
            while at + 1 < intervals.len() && nearest(intervals[at + 1], x) <= nearest(intervals[at], x) {
                at += 1;
            }
            if let Some(interval) = intervals.get(at) {
                squared[n * count + m] = nearest(*interval, x).powi(2);
            }
        }
    }
    let mut envelope = Envelope::default();
    let mut out = vec![FAR; points * count];
    for n in 0..points {
        let row = &mut squared[n * count..(n + 1) * count];
        envelope.spread(row, lattice.spacing[across]);
        for (m, value) in row.iter().enumerate() {
            // Back to rows of the lattice.
            let at = if axis == 0 { m * points + n } else { n * count + m };
            out[at] = if value.is_finite() { *value as f32 } else { FAR };
        }
    }
    out
}

/// Distance of a point of a line from an interval, 0 inside.
fn nearest([a, b]: [f64; 2], x: f64) -> f64 {
    (a - x).max(x - b).max(0.0)
}

/// The lower envelope of parabolas at even steps (Felzenszwalb and Huttenlocher 2012).
#[derive(Default)]
struct Envelope {
    /// Place, height and where the parabola begins to be the lowest.
    parabolas: Vec<(f64, f64, f64)>,
}

impl Envelope {
    fn spread(&mut self, cost: &mut [f64], step: f64) {
        self.parabolas.clear();
        for (n, &height) in cost.iter().enumerate() {
            if height == f64::INFINITY {
                continue;
            }
            let x = n as f64 * step;
            let mut start = f64::NEG_INFINITY;
            while let Some(&(p, p_height, p_start)) = self.parabolas.last() {
                start = ((height - p_height) / (x - p) + x + p) / 2.0;
                if start > p_start {
                    break;
                }
                self.parabolas.pop();
                start = f64::NEG_INFINITY;
            }
            self.parabolas.push((x, height, start));
        }
        let mut at = 0;
        for (n, cost) in cost.iter_mut().enumerate() {
            let x = n as f64 * step;
            while self.parabolas.get(at + 1).is_some_and(|next| next.2 < x) {
                at += 1;
            }
            if let Some((p, height, _)) = self.parabolas.get(at) {
                *cost = height + (x - p).powi(2);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::{Ring, distance_to_segment_mm};

    #[test]
    fn distances_are_those_from_the_rings() {
        let blob = Ring::new((0..40).map(|m| {
            let (s, c) = (std::f64::consts::TAU * f64::from(m) / 40.0).sin_cos();
            let r = 11.0 + 2.5 * (3.0 * f64::from(m) / 40.0 * std::f64::consts::TAU).sin();
            [0.3 + r * c, -0.2 + r * s]
        }));
        let hole = Ring::new([[-3.0, -3.0], [3.1, -2.8], [2.9, 3.3], [-3.2, 2.7]]);
        let contours = SliceContours::new(vec![blob, hole]);
        let lattice = Lattice { origin: [-17.0, -18.0], spacing: [0.9, 1.1], shape: [34, 40] };
        let field = signed_distance_mm(&contours, &lattice);
        let mut worst: f64 = 0.0;
        for ((j, i), value) in field.indexed_iter() {
            let p = [lattice.coordinate(0, i), lattice.coordinate(1, j)];
            let edges = contours.rings.iter().flat_map(Ring::edges);
            let distance = edges.map(|(a, b)| distance_to_segment_mm(p, a, b)).fold(f64::INFINITY, f64::min);
            let truth = if contours.contains(p) { distance } else { -distance };
            worst = worst.max((f64::from(*value) - truth).abs());
        }
        assert!(worst < 0.12, "{worst}");
    }

    #[test]
    fn gaps_are_what_is_left_of_a_line() {
        assert_eq!(gaps(&[[1.0, 2.0], [4.0, 9.0]], [0.0, 9.0]), [[0.0, 1.0], [2.0, 4.0]]);
        assert_eq!(gaps(&[], [0.0, 9.0]), [[0.0, 9.0]]);
    }
}
