//! A structure of one scan on the slices of another, through a rigid motion.

use crate::contour::{DistanceField, Mask, SliceContours, rasterize, trace};
use crate::geometry::{PatientPoint, Rigid, VoxelGrid};
use ndarray::Array2;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How far around the structure its distance is known, mm: more than a slice.
const AROUND_MM: f64 = 12.0;
/// Stands for far outside, mm.
const FAR_MM: f32 = 1e3;

/// A structure on the slices of another scan.
#[derive(Debug, Clone)]
pub struct Moved {
    pub slices: BTreeMap<usize, Arc<SliceContours>>,
    pub mask: Mask,
    /// Where it was drawn, cm3.
    pub drawn_cm3: f64,
    /// On the other scan, cm3.
    pub moved_cm3: f64,
    /// What of it lies beyond the other scan, cm3.
    pub outside_cm3: f64,
}

/// Moves contours from the slices of one grid onto those of another.
///
/// The solid between the slices is that of the signed distance to the voxels of the contours, linear between their centres
/// (shape-based interpolation, Raya and Udupa 1990); it is cut by every slice of the other grid.
pub fn move_contours(
    contours: &BTreeMap<usize, Arc<SliceContours>>,
    from: &VoxelGrid,
    onto: &VoxelGrid,
    onto_from: &Rigid,
) -> Moved {
    let mask = rasterize(from, contours);
    let solid = Solid { field: DistanceField::signed(&mask, from, AROUND_MM), grid: from };
    let from_onto = onto_from.inverse();
    let mut moved = Moved {
        slices: BTreeMap::new(),
        mask: Mask::default(),
        drawn_cm3: mask.volume_cm3(from),
        moved_cm3: 0.0,
        outside_cm3: 0.0,
    };
    for (&k, slice) in &mask.slices {
        let outside = slice.voxels().filter(|&(j, i)| {
            onto.containing_voxel(onto_from.apply(from.patient_from_voxel(k, j as f64, i as f64))).is_none()
        });
        moved.outside_cm3 += outside.count() as f64 * from.voxel_mm3(k) / 1000.0;
    }
    let Some([low, high]) = solid.bounds_on(onto, onto_from) else { return moved };
    for k in low[0]..=high[0] {
        let (rows, columns) = (high[1] + 1 - low[1], high[2] + 1 - low[2]);
        let inward = Array2::from_shape_fn((rows, columns), |(j, i)| {
            let p = onto.patient_from_voxel(k, (low[1] + j) as f64, (low[2] + i) as f64);
            -solid.distance(from_onto.apply(p))
        });
        let traced = trace(inward.view(), 0.0, onto, [low[1], low[2]]);
        if !traced.is_empty() {
            moved.slices.insert(k, Arc::new(traced));
        }
    }
    moved.mask = rasterize(onto, &moved.slices);
    moved.moved_cm3 = moved.mask.volume_cm3(onto).max(0.0);
    moved
}

struct Solid<'a> {
    field: DistanceField,
    grid: &'a VoxelGrid,
}

impl Solid<'_> {
    /// Signed distance at a point of the scan on which it was drawn, mm; far outside where it is not known.
    fn distance(&self, p: PatientPoint) -> f32 {
        let at = self.grid.voxel_from_patient(p);
        let shape = self.field.mm.dim();
        let axis = |x: f64, first: usize, n: usize| {
            let x = x - first as f64;
            // A slice stands for half the way to its neighbours, also at the end of the scan.
            if n == 0 || x < -0.5 || x > n as f64 - 0.5 {
                return None;
            }
            let x = x.clamp(0.0, (n - 1) as f64);
            let low = (x.floor() as usize).min(n.saturating_sub(2));
            Some((low, (low + 1).min(n - 1), (x - low as f64) as f32))
        };
        let [fk, fj, fi] = self.field.first_kji;
        let (Some((k0, k1, wk)), Some((j0, j1, wj)), Some((i0, i1, wi))) =
            (axis(at.x, fk, shape.0), axis(at.y, fj, shape.1), axis(at.z, fi, shape.2))
        else {
            return FAR_MM;
        };
        let get = |k: usize, j: usize, i: usize| self.field.mm[[k, j, i]].clamp(-FAR_MM, FAR_MM);
        let row = |k, j| get(k, j, i0) * (1.0 - wi) + get(k, j, i1) * wi;
        let slice = |k| row(k, j0) * (1.0 - wj) + row(k, j1) * wj;
        slice(k0) * (1.0 - wk) + slice(k1) * wk
    }

    /// Voxels of the other grid between which it lies; `None` beyond that grid.
    fn bounds_on(&self, onto: &VoxelGrid, onto_from: &Rigid) -> Option<[[usize; 3]; 2]> {
        let shape = self.field.mm.dim();
        let size = [shape.0, shape.1, shape.2];
        if size.contains(&0) {
            return None;
        }
        let (mut low, mut high) = ([f64::MAX; 3], [f64::MIN; 3]);
        for corner in 0..8 {
            let at: [f64; 3] = std::array::from_fn(|a| {
                let last = if corner >> a & 1 == 0 { -0.5 } else { size[a] as f64 - 0.5 };
                self.field.first_kji[a] as f64 + last
            });
            let n = self.grid.position_from_slice_index(at[0]);
            let p = self.grid.patient_from_plane(self.grid.plane_from_index(at[2], at[1]), n);
            let there = onto.voxel_from_patient(onto_from.apply(p)).to_array();
            for a in 0..3 {
                low[a] = low[a].min(there[a]);
                high[a] = high[a].max(there[a]);
            }
        }
        let shape = onto.shape();
        let mut bounds = [[0; 3]; 2];
        for a in 0..3 {
            let last = (shape[a] - 1) as f64;
            if high[a] < -0.5 || low[a] > last + 0.5 {
                return None;
            }
            bounds[0][a] = low[a].floor().clamp(0.0, last) as usize;
            bounds[1][a] = high[a].ceil().clamp(0.0, last) as usize;
        }
        Some(bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::contours_from_mask;
    use glam::DVec3;
    use ndarray::Array3;

    fn ball(grid: &VoxelGrid, center: DVec3, radius_mm: f64) -> Mask {
        Mask::from_dense(&Array3::from_shape_fn(grid.shape(), |(k, j, i)| {
            grid.patient_from_voxel(k, j as f64, i as f64).distance(center) <= radius_mm
        }))
    }

    fn middle(mask: &Mask, grid: &VoxelGrid) -> DVec3 {
        let (mut sum, mut n) = (DVec3::ZERO, 0.0);
        for (&k, slice) in &mask.slices {
            for (j, i) in slice.voxels() {
                sum += grid.patient_from_voxel(k, j as f64, i as f64);
                n += 1.0;
            }
        }
        sum / n
    }

    #[test]
    fn a_ball_keeps_volume_and_place_on_other_slices_and_through_a_turn() {
        let from = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.5], [60, 60, 30]).expect("valid");
        let onto = VoxelGrid::axial(DVec3::new(80.0, -30.0, 11.0), [1.2, 0.9, 3.0], [70, 80, 25]).expect("valid");
        let center = DVec3::new(30.0, 31.0, 36.0);
        let drawn = contours_from_mask(&from, &ball(&from, center, 12.0));
        let motion = Rigid::about(center, DVec3::new(0.2, -0.1, 0.4), DVec3::new(90.0, -20.0, 12.0));
        let moved = move_contours(&drawn, &from, &onto, &motion);
        let exact = 4.0 / 3.0 * std::f64::consts::PI * 12.0f64.powi(3) / 1000.0;
        assert!((moved.moved_cm3 - exact).abs() < 0.04 * exact, "{} of {exact}", moved.moved_cm3);
        assert!((moved.drawn_cm3 - exact).abs() < 0.04 * exact && moved.outside_cm3 == 0.0);
        let shift = middle(&moved.mask, &onto).distance(motion.apply(center));
        assert!(shift < 0.35, "{shift}");
    }

    #[test]
    fn what_leaves_the_other_scan_is_counted() {
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.0], [40, 40, 20]).expect("valid");
        let center = DVec3::new(20.0, 20.0, 19.0);
        let drawn = contours_from_mask(&grid, &ball(&grid, center, 8.0));
        let half = Rigid::about(DVec3::ZERO, DVec3::ZERO, DVec3::new(-20.0, 0.0, 0.0));
        let moved = move_contours(&drawn, &grid, &grid, &half);
        let share = moved.outside_cm3 / moved.drawn_cm3;
        assert!((0.4..0.6).contains(&share) && (moved.moved_cm3 / moved.drawn_cm3 - 0.5).abs() < 0.1, "{share}");
        let away = move_contours(&drawn, &grid, &grid, &half.after(&half));
        assert!(away.mask.is_empty() && (away.outside_cm3 - away.drawn_cm3).abs() < 1e-9);
    }
}
