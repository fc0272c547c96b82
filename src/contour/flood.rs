//! What is connected to a voxel within a range of values, as smooth outlines.

use super::{SliceContours, trace};
use crate::geometry::VoxelGrid;
use ndarray::{Array2, ArrayView3, Axis};
use std::collections::BTreeMap;

/// How far a flood goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FloodReach {
    /// The slice of the seed.
    Slice,
    /// All slices, within this distance from the seed, mm.
    Ball { radius_mm: f64 },
}

/// The voxels that are connected to a seed `[k, j, i]` through their faces, all with values from `low` to `high`,
/// as outlines by slice. The outline runs where the linear interpolation between centres leaves the range, half a unit
/// beyond it; towards voxels of the range that are not connected it runs half way. Empty if the seed itself is out of
/// range.
pub fn flood(
    grid: &VoxelGrid,
    values: ArrayView3<'_, i16>,
    seed_kji: [usize; 3],
    [low, high]: [i16; 2],
    reach: FloodReach,
) -> Vec<(usize, SliceContours)> {
    let [slices, rows, columns] = grid.shape();
    let is_in = |at: [usize; 3]| (low..=high).contains(&values[at]);
    if (0..3).any(|a| seed_kji[a] >= [slices, rows, columns][a]) || !is_in(seed_kji) {
        return Vec::new();
    }
    let middle = grid.patient_from_voxel(seed_kji[0], seed_kji[1] as f64, seed_kji[2] as f64);
    let near = |[k, j, i]: [usize; 3]| match reach {
        FloodReach::Slice => k == seed_kji[0],
        FloodReach::Ball { radius_mm } => {
            (grid.patient_from_voxel(k, j as f64, i as f64) - middle).length_squared() <= radius_mm * radius_mm
        }
    };
    let mut found: BTreeMap<usize, Found> = BTreeMap::new();
    let mut visit = |at: [usize; 3], open: &mut Vec<[usize; 3]>| {
        let slice = found.entry(at[0]).or_insert_with(|| Found::new(rows * columns));
        if slice.take(at[1], at[2], columns) {
            open.push(at);
        }
    };
    let mut open = Vec::new();
    visit(seed_kji, &mut open);
    while let Some([k, j, i]) = open.pop() {
        let mut next = |at: [usize; 3], open: &mut Vec<[usize; 3]>| {
            if is_in(at) && near(at) {
                visit(at, open);
            }
        };
        if i > 0 {
            next([k, j, i - 1], &mut open);
        }
        if i + 1 < columns {
            next([k, j, i + 1], &mut open);
        }
        if j > 0 {
            next([k, j - 1, i], &mut open);
        }
        if j + 1 < rows {
            next([k, j + 1, i], &mut open);
        }
        if k > 0 {
            next([k - 1, j, i], &mut open);
        }
        if k + 1 < slices {
            next([k + 1, j, i], &mut open);
        }
    }
    found.into_iter().map(|(k, f)| (k, f.outline(grid, values.index_axis(Axis(0), k), [low, high]))).collect()
}

/// The voxels found on a slice.
struct Found {
    bits: Vec<u64>,
    rows: [usize; 2],
    columns: [usize; 2],
}

impl Found {
    fn new(voxels: usize) -> Self {
        Self { bits: vec![0; voxels.div_ceil(64)], rows: [usize::MAX, 0], columns: [usize::MAX, 0] }
    }

    /// Takes a voxel; false if it was there already.
    fn take(&mut self, j: usize, i: usize, columns: usize) -> bool {
        let at = j * columns + i;
        if self.bits[at / 64] >> (at % 64) & 1 == 1 {
            return false;
        }
        self.bits[at / 64] |= 1 << (at % 64);
        self.rows = [self.rows[0].min(j), self.rows[1].max(j)];
        self.columns = [self.columns[0].min(i), self.columns[1].max(i)];
        true
    }

    fn outline(&self, grid: &VoxelGrid, values: ndarray::ArrayView2<'_, i16>, [low, high]: [i16; 2]) -> SliceContours {
        let first = [self.rows[0].saturating_sub(1), self.columns[0].saturating_sub(1)];
        let size =
            [(self.rows[1] + 2).min(grid.rows()) - first[0], (self.columns[1] + 2).min(grid.columns()) - first[1]];
        let (low, high) = (f32::from(low) - 0.5, f32::from(high) + 0.5);
        let field = Array2::from_shape_fn(size, |(j, i)| {
            let (j, i) = (first[0] + j, first[1] + i);
            let at = j * grid.columns() + i;
            let value = f32::from(values[[j, i]]);
            let depth = (value - low).min(high - value);
            if self.bits[at / 64] >> (at % 64) & 1 == 1 { depth } else { -depth.abs() }
        });
        trace(field.view(), 0.0, grid, first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::rasterize_slice;
    use glam::DVec3;
    use ndarray::Array3;

    /// Two balls of 40 HU in air that touch nowhere, the larger one with a bubble of air.
    fn scan() -> (VoxelGrid, Array3<i16>) {
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.0], [48, 40, 16]).expect("valid grid");
        let inside = |p: DVec3, c: [f64; 3], r: f64| (p - DVec3::from(c)).length() < r;
        let hu = Array3::from_shape_fn(grid.shape(), |(k, j, i)| {
            let p = grid.patient_from_voxel(k, j as f64, i as f64);
            let tissue = inside(p, [16.0, 18.0, 14.0], 9.0) && !inside(p, [16.0, 18.0, 14.0], 2.5);
            if tissue || inside(p, [36.0, 18.0, 14.0], 6.0) { 40 } else { -900 }
        });
        (grid, hu)
    }

    #[test]
    fn it_takes_the_connected_voxels_and_no_others() {
        let (grid, hu) = scan();
        let found = flood(&grid, hu.view(), [7, 18, 10], [0, 80], FloodReach::Slice);
        assert_eq!(found.len(), 1);
        let mask = rasterize_slice(&grid, &found[0].1);
        for j in 0..40 {
            for i in 0..48 {
                assert_eq!(mask.get(j, i), hu[[7, j, i]] == 40 && i < 28, "row {j} column {i}");
            }
        }
        let found = flood(&grid, hu.view(), [7, 18, 10], [0, 80], FloodReach::Ball { radius_mm: 40.0 });
        let voxels: u64 = found.iter().map(|(_, c)| rasterize_slice(&grid, c).count()).sum();
        let expected = hu.indexed_iter().filter(|((_, _, i), v)| **v == 40 && *i < 28).count();
        assert_eq!(voxels, expected as u64);
        assert_eq!(found.len(), 9);
    }

    #[test]
    fn the_radius_bounds_it_and_a_seed_out_of_range_finds_nothing() {
        let (grid, hu) = scan();
        let found = flood(&grid, hu.view(), [7, 18, 10], [0, 80], FloodReach::Ball { radius_mm: 3.0 });
        assert!(found.len() <= 3);
        assert!(flood(&grid, hu.view(), [7, 18, 16], [0, 80], FloodReach::Slice).is_empty());
        assert!(flood(&grid, hu.view(), [70, 18, 16], [0, 80], FloodReach::Slice).is_empty());
    }
}
