//! Exact Euclidean distance to the surface of a mask over true slice positions, and margins by it.
//!
//! Lower envelopes of parabolas, axis by axis (Felzenszwalb and Huttenlocher, Distance Transforms of
//! Sampled Functions, 2012), with the nearest voxel carried along; positions along an axis may be uneven.

use super::{Mask, SliceContours, SliceMask, trace};
use crate::geometry::VoxelGrid;
use ndarray::{Array3, ArrayViewMut1, Axis, Zip};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Signed distance of voxel centres from the surface of a mask, mm.
///
/// The surface lies where the line from a centre to the nearest centre on the other side leaves that voxel's box:
/// half way for neighbours. Voxels beyond the grid are on neither side, so that a structure cut off by the scan has no
/// surface there.
#[derive(Debug, Clone, PartialEq)]
pub struct DistanceField {
    /// The voxel of the grid to which the first value belongs.
    pub first_kji: [usize; 3],
    /// `[k, j, i]`, negative inside. ±[`DistanceField::NOWHERE_MM`] where the other side does not exist.
    pub mm: Array3<f32>,
}

impl DistanceField {
    pub const NOWHERE_MM: f32 = 1e9;

    /// The field over the bounding box of a mask and at least `margin_mm` (and one voxel) around it, within the grid.
    /// An empty mask has an empty field.
    pub fn signed(mask: &Mask, grid: &VoxelGrid, margin_mm: f64) -> Self {
        let Some([low, high]) = mask.bounds() else {
            return Self { first_kji: [0; 3], mm: Array3::zeros([0; 3]) };
        };
        let margin_mm = margin_mm.max(0.0);
        let axes = [
            grid.positions_mm().to_vec(),
            (0..grid.rows()).map(|j| j as f64 * grid.spacing_j_mm()).collect(),
            (0..grid.columns()).map(|i| i as f64 * grid.spacing_i_mm()).collect::<Vec<f64>>(),
        ];
        let boxes: [_; 3] = std::array::from_fn(|a| half_steps(&axes[a]));
        let mut first_kji = [0; 3];
        let mut shape = [0; 3];
        for a in 0..3 {
            // The margin counts from the surface, half a step beyond the outermost centres.
            let reach = |below: bool, at: usize| margin_mm + boxes[a][at][usize::from(!below)] + LEVEL_TOLERANCE_MM;
            let from = axes[a].partition_point(|&x| x < axes[a][low[a]] - reach(true, low[a]));
            let to = axes[a].partition_point(|&x| x <= axes[a][high[a]] + reach(false, high[a]));
            let (from, to) = (from.min(low[a].saturating_sub(1)), to.max((high[a] + 2).min(axes[a].len())));
            first_kji[a] = from;
            shape[a] = to - from;
        }
        let inside =
            Array3::from_shape_fn(shape, |(k, j, i)| mask.get(k + first_kji[0], j + first_kji[1], i + first_kji[2]));
        let positions: [&[f64]; 3] = std::array::from_fn(|a| &axes[a][first_kji[a]..first_kji[a] + shape[a]]);
        let (to_inside, _) = nearest(&inside, true, positions);
        let (to_outside, _) = nearest(&inside, false, positions);
        let distance = |at: [usize; 3], other: u32| -> f32 {
            let Some(other) = unpacked(other, shape) else { return Self::NOWHERE_MM };
            let mut length2 = 0.0;
            let mut leave = f64::INFINITY;
            for a in 0..3 {
                let d = positions[a][at[a]] - positions[a][other[a]];
                length2 += d * d;
                // Part of the line at which it leaves the other voxel's box on this axis.
                let [below, above] = boxes[a][first_kji[a] + other[a]];
                if d != 0.0 {
                    leave = leave.min(if d > 0.0 { above } else { below } / d.abs());
                }
            }
            (length2.sqrt() * (1.0 - leave)) as f32
        };
        let mut mm = Array3::zeros(shape);
        Zip::indexed(&mut mm).and(&inside).and(&to_inside).and(&to_outside).for_each(
            |(k, j, i), out, &is_inside, &inner, &outer| {
                let at = [k, j, i];
                *out = if is_inside { -distance(at, outer) } else { distance(at, inner) };
            },
        );
        Self { first_kji, mm }
    }

    /// The signed distance at a voxel of the grid; `None` outside the field.
    pub fn get(&self, kji: [usize; 3]) -> Option<f32> {
        let mut at = [0; 3];
        for a in 0..3 {
            at[a] = kji[a].checked_sub(self.first_kji[a])?;
        }
        self.mm.get(at).copied()
    }

    /// The voxels at `level_mm` from the surface or further inside: a margin, or for a negative level a shrunk mask.
    pub fn mask(&self, grid: &VoxelGrid, level_mm: f64) -> Mask {
        let level = (level_mm + LEVEL_TOLERANCE_MM) as f32;
        let mut slices = BTreeMap::new();
        for (k, field) in self.mm.outer_iter().enumerate() {
            let mut mask = SliceMask::with_rows(grid.columns(), self.first_kji[1], field.nrows());
            for ((j, i), &d) in field.indexed_iter() {
                if d <= level {
                    mask.set(self.first_kji[1] + j, self.first_kji[2] + i);
                }
            }
            if !mask.is_empty() {
                slices.insert(self.first_kji[0] + k, Arc::new(mask.trimmed()));
            }
        }
        Mask { slices }
    }

    /// Smooth outlines, slice by slice, of the region up to `level_mm` from the surface (see [`trace`]).
    pub fn contours(&self, grid: &VoxelGrid, level_mm: f64) -> BTreeMap<usize, Arc<SliceContours>> {
        let [first_k, first_j, first_i] = self.first_kji;
        self.mm
            .outer_iter()
            .enumerate()
            .map(|(k, field)| {
                let inward = field.mapv(|d| -d);
                (first_k + k, Arc::new(trace(inward.view(), -(level_mm as f32), grid, [first_j, first_i])))
            })
            .filter(|(_, contours)| !contours.is_empty())
            .collect()
    }
}

/// The mask with a margin: every voxel whose centre is within `margin_mm` of the mask's surface or inside. A negative
/// margin shrinks: what remains are the voxels whose centres are at least that far inside. For the surface see
/// [`DistanceField`].
pub fn expand(mask: &Mask, grid: &VoxelGrid, margin_mm: f64) -> Mask {
    DistanceField::signed(mask, grid, margin_mm).mask(grid, margin_mm)
}

/// Half the way to the neighbours below and above, mm; beyond the ends as on the other side.
pub(super) fn half_steps(positions: &[f64]) -> Vec<[f64; 2]> {
    let n = positions.len();
    let gap = |low: usize| (low + 1 < n).then(|| (positions[low + 1] - positions[low]) / 2.0);
    (0..n)
        .map(|m| {
            let (below, above) = (m.checked_sub(1).and_then(gap), gap(m));
            [below.or(above).unwrap_or(0.5), above.or(below).unwrap_or(0.5)]
        })
        .collect()
}

/// A centre that is this much further than a margin is still within it: rounding must not decide about voxels whose
/// distance is the margin itself, such as 5 mm on 5 mm slices.
const LEVEL_TOLERANCE_MM: f64 = 1e-4;

/// No voxel of the wanted kind.
const NONE: u32 = u32::MAX;

fn packed([k, j, i]: [usize; 3], shape: [usize; 3]) -> u32 {
    ((k * shape[1] + j) * shape[2] + i) as u32
}

fn unpacked(at: u32, shape: [usize; 3]) -> Option<[usize; 3]> {
    let n = at as usize;
    (at != NONE).then(|| [n / (shape[1] * shape[2]), n / shape[2] % shape[1], n % shape[2]])
}

/// Squared distance of every point of a lattice to the nearest marked one, mm2; infinite without any. `positions` are
/// the ascending coordinates of the lattice on each axis, mm.
pub(crate) fn squared_distances_mm2(marked: &Array3<bool>, positions: [&[f64]; 3]) -> Array3<f64> {
    nearest(marked, true, positions).1
}

/// For every voxel the nearest voxel whose value is `wanted`, packed, and the square of its distance.
fn nearest(inside: &Array3<bool>, wanted: bool, positions: [&[f64]; 3]) -> (Array3<u32>, Array3<f64>) {
    let (nk, nj, ni) = inside.dim();
    let shape = [nk, nj, ni];
    let mut from =
        Array3::from_shape_fn(
            inside.dim(),
            |(k, j, i)| {
                if inside[[k, j, i]] == wanted { packed([k, j, i], shape) } else { NONE }
            },
        );
    let mut cost = from.mapv(|at| if at == NONE { f64::INFINITY } else { 0.0 });
    let mut envelope = Envelope::default();
    for axis in [2, 1, 0] {
        Zip::from(cost.lanes_mut(Axis(axis)))
            .and(from.lanes_mut(Axis(axis)))
            .for_each(|cost, from| envelope.spread(positions[axis], cost, from));
    }
    (from, cost)
}

/// The lower envelope of the parabolas `cost(q) + (x - q)^2` along one line.
#[derive(Default)]
struct Envelope {
    /// Index of each parabola and from where on it is the lowest.
    parabolas: Vec<(usize, f64)>,
    old: Vec<(f64, u32)>,
}

impl Envelope {
    fn spread(&mut self, x: &[f64], mut cost: ArrayViewMut1<f64>, mut from: ArrayViewMut1<u32>) {
        self.parabolas.clear();
        self.old.clear();
        self.old.extend(cost.iter().copied().zip(from.iter().copied()));
        for (q, &(height, _)) in self.old.iter().enumerate() {
            if height == f64::INFINITY {
                continue;
            }
            let mut start = f64::NEG_INFINITY;
            while let Some(&(p, p_start)) = self.parabolas.last() {
                // Where the parabola of q goes below that of p.
                start = ((height - self.old[p].0) / (x[q] - x[p]) + x[q] + x[p]) / 2.0;
                if start > p_start {
                    break;
                }
                self.parabolas.pop();
                start = f64::NEG_INFINITY;
            }
            self.parabolas.push((q, start));
        }
        if self.parabolas.is_empty() {
            return;
        }
        let mut current = 0;
        for (m, (cost, from)) in cost.iter_mut().zip(from.iter_mut()).enumerate() {
            while self.parabolas.get(current + 1).is_some_and(|next| next.1 < x[m]) {
                current += 1;
            }
            let q = self.parabolas[current].0;
            *cost = self.old[q].0 + (x[m] - x[q]).powi(2);
            *from = self.old[q].1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;
    use proptest::prelude::*;

    fn uneven() -> VoxelGrid {
        VoxelGrid::new(
            DVec3::new(5.0, -7.0, 0.0),
            DVec3::X,
            DVec3::Y,
            [0.9, 1.3],
            [11, 9],
            vec![0.0, 2.0, 5.0, 6.5, 12.0, 15.0],
        )
        .expect("valid grid")
    }

    fn distance_mm(grid: &VoxelGrid, a: [usize; 3], b: [usize; 3]) -> f64 {
        let at = |[k, j, i]: [usize; 3]| grid.patient_from_voxel(k, j as f64, i as f64);
        at(a).distance(at(b))
    }

    proptest! {
        #[test]
        fn the_nearest_voxel_is_the_nearest(bits in proptest::collection::vec(proptest::bool::weighted(0.15), 6 * 9 * 11), invert in any::<bool>()) {
            let g = uneven();
            let inside = Array3::from_shape_vec(g.shape(), bits).expect("shape of the grid");
            let axes = [g.positions_mm().to_vec(), (0..9).map(|j| 1.3 * j as f64).collect(), (0..11).map(|i| 0.9 * i as f64).collect()];
            let (found, squares) = nearest(&inside, !invert, std::array::from_fn(|a| &axes[a][..]));
            let wanted: Vec<[usize; 3]> = inside.indexed_iter().filter(|(_, v)| **v != invert).map(|((k, j, i), _)| [k, j, i]).collect();
            for ((k, j, i), &at) in found.indexed_iter() {
                let best = wanted.iter().map(|&w| distance_mm(&g, [k, j, i], w)).fold(f64::INFINITY, f64::min);
                match unpacked(at, g.shape()) {
                    None => prop_assert!(wanted.is_empty()),
                    Some(w) => prop_assert!((squares[[k, j, i]].sqrt() - best).abs() < 1e-9 && inside[w] != invert && (distance_mm(&g, [k, j, i], w) - best).abs() < 1e-9),
                }
            }
        }

        #[test]
        fn a_margin_is_every_centre_within_it(bits in proptest::collection::vec(proptest::bool::weighted(0.02), 6 * 9 * 11), margin in 0.0..6.0f64) {
            let g = uneven();
            let mask = Mask::from_dense(&Array3::from_shape_vec(g.shape(), bits).expect("shape of the grid"));
            let field = DistanceField::signed(&mask, &g, 100.0);
            let grown = expand(&mask, &g, margin);
            for k in 0..6 { for j in 0..9 { for i in 0..11 {
                prop_assert_eq!(grown.get(k, j, i), field.get([k, j, i]).is_some_and(|d| d <= (margin + LEVEL_TOLERANCE_MM) as f32));
                if mask.get(k, j, i) {
                    prop_assert!(field.get([k, j, i]).is_some_and(|d| d < 0.0));
                }
            }}}
        }
    }

    /// Box j 2..6, i 3..7 on slices 2 and 3 (5.0 and 6.5 mm).
    fn some_box() -> Mask {
        Mask::from_dense(&Array3::from_shape_fn(uneven().shape(), |(k, j, i)| {
            (2..4).contains(&k) && (2..6).contains(&j) && (3..7).contains(&i)
        }))
    }

    #[test]
    fn the_surface_is_half_way_to_the_neighbour_on_every_axis() {
        let g = uneven();
        let field = DistanceField::signed(&some_box(), &g, 20.0);
        let close = |kji, mm: f64| {
            let d = f64::from(field.get(kji).expect("in the field"));
            assert!((d - mm).abs() < 1e-6, "{kji:?}: {d}");
        };
        close([2, 3, 2], 0.45);
        close([2, 3, 0], 3.0 * 0.9 - 0.45);
        close([2, 3, 3], -0.45);
        close([2, 1, 4], 0.65);
        close([1, 3, 4], 1.5);
        close([0, 3, 4], 3.5);
        close([4, 3, 4], 2.75);
        close([2, 1, 2], 0.5 * 0.9f64.hypot(1.3));
    }

    #[test]
    fn margins_follow_the_true_slice_positions() {
        let g = uneven();
        let slices = |mm: f64| expand(&some_box(), &g, mm).slices.keys().copied().collect::<Vec<_>>();
        assert_eq!(slices(1.4), [2, 3]);
        assert_eq!(slices(1.5), [1, 2, 3]);
        assert_eq!(slices(3.5), [0, 1, 2, 3, 4]);
        assert_eq!(expand(&some_box(), &g, 0.0), some_box());
        assert_eq!(expand(&some_box(), &g, -0.45).count(), 32);
        assert_eq!(expand(&some_box(), &g, -0.5).count(), 16);
        assert!(expand(&some_box(), &g, -5.0).is_empty());
    }

    #[test]
    fn a_structure_cut_off_by_the_scan_does_not_shrink_there() {
        let g = uneven();
        let all = Mask::from_dense(&Array3::from_shape_fn(g.shape(), |(k, _, _)| k < 3));
        let shrunk = expand(&all, &g, -2.0);
        assert_eq!(shrunk.slices.keys().copied().collect::<Vec<_>>(), [0, 1]);
        assert_eq!(shrunk.slices[&0].count(), 99);
        let everything = Mask::from_dense(&Array3::from_elem(g.shape(), true));
        assert_eq!(expand(&everything, &g, -50.0), everything);
        assert!(expand(&Mask::default(), &g, 5.0).is_empty());
    }

    #[test]
    fn outlines_of_a_ball_with_a_margin_are_round() {
        let g = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.0], [60, 60, 30]).expect("valid grid");
        let ball = Mask::from_dense(&Array3::from_shape_fn(g.shape(), |(k, j, i)| {
            DVec3::new(i as f64 - 30.0, j as f64 - 30.0, 2.0 * (k as f64 - 15.0)).length() <= 15.0
        }));
        let c = DistanceField::signed(&ball, &g, 6.0).contours(&g, 5.0);
        assert_eq!(c[&15].rings.len(), 1);
        for p in c[&15].rings[0].points() {
            let radius = (p[0] - 30.0).hypot(p[1] - 30.0);
            assert!((19.2..20.8).contains(&radius), "{radius}");
        }
    }
}
