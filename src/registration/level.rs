//! A CT in blocks of voxels, coarse enough for a step of the registration, and its values between the centres of the blocks.

use crate::geometry::{PatientPoint, VoxelGrid};
use crate::image::CtVolume;
use glam::DVec3;
use ndarray::{Array3, Axis};
use rayon::prelude::*;

/// CT numbers beyond these are metal or no measurement.
const HU_RANGE: [i16; 2] = [-1024, 2000];

/// Means of blocks of voxels, `[k, j, i]`, HU.
pub struct Level {
    pub grid: VoxelGrid,
    pub hu: Array3<f32>,
}

impl Level {
    /// Blocks of about `in_plane_mm` along rows and columns and `between_mm` across the slices; never finer than the CT.
    pub fn of(ct: &CtVolume, in_plane_mm: f64, between_mm: f64) -> Self {
        let grid = &*ct.grid;
        let [slices, rows, columns] = grid.shape();
        let block = |wanted: f64, spacing: f64, size: usize| ((wanted / spacing).round().max(1.0) as usize).min(size);
        let [bk, bj, bi] = [
            block(between_mm, grid.median_spacing_mm(), slices),
            block(in_plane_mm, grid.spacing_j_mm(), rows),
            block(in_plane_mm, grid.spacing_i_mm(), columns),
        ];
        let shape = [slices / bk, rows / bj, columns / bi];
        let mut hu = Array3::zeros(shape);
        let one = 1.0 / (bk * bj * bi) as f32;
        hu.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(k, mut out)| {
            for gk in k * bk..(k + 1) * bk {
                let slice = ct.hu.index_axis(Axis(0), gk);
                for j in 0..shape[1] * bj {
                    for i in 0..shape[2] * bi {
                        out[[j / bj, i / bi]] += f32::from(slice[[j, i]].clamp(HU_RANGE[0], HU_RANGE[1])) * one;
                    }
                }
            }
        });
        let middle = |b: usize| (b as f64 - 1.0) / 2.0;
        let positions: Vec<f64> =
            (0..shape[0]).map(|k| grid.positions_mm()[k * bk..(k + 1) * bk].iter().sum::<f64>() / bk as f64).collect();
        let origin = grid.patient_from_plane(grid.plane_from_index(middle(bi), middle(bj)), positions[0]);
        let spacing = [grid.spacing_i_mm() * bi as f64, grid.spacing_j_mm() * bj as f64];
        let grid =
            VoxelGrid::new(origin, grid.i_direction(), grid.j_direction(), spacing, [shape[2], shape[1]], positions)
                .expect("blocks of a valid grid");
        Self { grid, hu }
    }

    pub fn center_of(&self, [k, j, i]: [usize; 3]) -> PatientPoint {
        self.grid.patient_from_voxel(k, j as f64, i as f64)
    }

    /// With the CT numbers cut to a window, so that nothing beyond it pulls.
    pub fn clipped(&self, [low, high]: [f32; 2]) -> Field<'_> {
        Field { grid: &self.grid, values: self.hu.mapv(|h| h.clamp(low, high)) }
    }
}

/// Values that are read between centres, with their slope.
pub struct Field<'a> {
    pub grid: &'a VoxelGrid,
    pub values: Array3<f32>,
}

impl Field<'_> {
    /// Trilinear value at a patient point and its gradient in patient space, per mm; `None` outside the centres of the
    /// outermost blocks.
    pub fn at(&self, p: PatientPoint) -> Option<(f64, DVec3)> {
        let [nk, nj, ni] = self.grid.shape();
        let (uv, n) = self.grid.plane_from_patient(p);
        let ij = self.grid.index_from_plane(uv);
        let positions = self.grid.positions_mm();
        if !(ij.x >= 0.0 && ij.y >= 0.0 && ij.x < (ni - 1) as f64 && ij.y < (nj - 1) as f64)
            || nk < 2
            || n < positions[0]
            || n >= positions[nk - 1]
        {
            return None;
        }
        let k = positions.partition_point(|&x| x <= n) - 1;
        let gap = positions[k + 1] - positions[k];
        let (j, i) = (ij.y as usize, ij.x as usize);
        let (fk, fj, fi) = ((n - positions[k]) / gap, ij.y - j as f64, ij.x - i as f64);
        let get = |dk: usize, dj: usize, di: usize| f64::from(self.values[[k + dk, j + dj, i + di]]);
        let mix = |a: f64, b: f64, f: f64| a + (b - a) * f;
        // Along the rows first: value and slope of the four rows, then of the two slices.
        let [[a00, s00], [a01, s01], [a10, s10], [a11, s11]] = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(dk, dj)| {
            let (a, b) = (get(dk, dj, 0), get(dk, dj, 1));
            [mix(a, b, fi), b - a]
        });
        let (low, high) = (mix(a00, a01, fj), mix(a10, a11, fj));
        let slope_i = mix(mix(s00, s01, fj), mix(s10, s11, fj), fk) / self.grid.spacing_i_mm();
        let slope_j = mix(a01 - a00, a11 - a10, fk) / self.grid.spacing_j_mm();
        let slope_k = (high - low) / gap;
        let gradient =
            self.grid.i_direction() * slope_i + self.grid.j_direction() * slope_j + self.grid.normal() * slope_k;
        Some((mix(low, high, fk), gradient))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn blocks_keep_a_ramp_its_place_and_its_slope() {
        let grid =
            Arc::new(VoxelGrid::axial(DVec3::new(-8.0, 3.0, 40.0), [1.0, 2.0, 3.0], [17, 13, 9]).expect("valid"));
        let hu = Array3::from_shape_fn(grid.shape(), |(k, j, i)| {
            let p = grid.patient_from_voxel(k, j as f64, i as f64);
            (4.0 * p.x + 6.0 * p.y - 8.0 * p.z) as i16
        });
        let level = Level::of(&CtVolume::new(grid, hu), 4.0, 6.0);
        assert_eq!(level.hu.shape(), [4, 6, 4]);
        let field = level.clipped([-1000.0, 1000.0]);
        let p = DVec3::new(-1.3, 9.7, 51.2);
        let (value, slope) = field.at(p).expect("inside");
        assert!((value - (4.0 * p.x + 6.0 * p.y - 8.0 * p.z)).abs() < 1e-3, "{value}");
        assert!((slope - DVec3::new(4.0, 6.0, -8.0)).length() < 1e-3, "{slope}");
        assert!(field.at(DVec3::new(-7.0, 9.7, 51.2)).is_none(), "before the first centre");
    }
}
