//! A CT volume on its grid.

use crate::geometry::{PatientPoint, VoxelGrid};
use ndarray::Array3;
use std::sync::Arc;

/// CT numbers in Hounsfield units, `[k, j, i]`, on a grid.
#[derive(Debug, Clone)]
pub struct CtVolume {
    pub grid: Arc<VoxelGrid>,
    pub hu: Arc<Array3<i16>>,
}

impl CtVolume {
    /// What lies outside the scan: air.
    pub const OUTSIDE_HU: i16 = -1024;

    /// # Panics
    /// If the array does not have the shape of the grid.
    pub fn new(grid: Arc<VoxelGrid>, hu: Array3<i16>) -> Self {
        assert_eq!(hu.shape(), grid.shape(), "the array must have the shape of the grid");
        Self { grid, hu: Arc::new(hu) }
    }

    /// The value of the voxel in which a patient point lies.
    pub fn hu_at(&self, p: PatientPoint) -> Option<i16> {
        self.grid.containing_voxel(p).map(|at| self.hu[at])
    }

    /// Trilinear value at a patient point (voxel centres at whole indices, clamped at the border by
    /// half a voxel); `None` outside the scan.
    pub fn sample(&self, p: PatientPoint) -> Option<f64> {
        self.grid.containing_voxel(p)?;
        let at = self.grid.voxel_from_patient(p);
        let [nk, nj, ni] = self.grid.shape();
        let axis = |x: f64, n: usize| {
            let x = x.clamp(0.0, (n - 1) as f64);
            let low = (x.floor() as usize).min(n.saturating_sub(2));
            (low, (low + 1).min(n - 1), x - low as f64)
        };
        let ((k0, k1, fk), (j0, j1, fj), (i0, i1, fi)) = (axis(at.x, nk), axis(at.y, nj), axis(at.z, ni));
        let get = |k: usize, j: usize, i: usize| f64::from(self.hu[[k, j, i]]);
        let row = |k, j| get(k, j, i0) * (1.0 - fi) + get(k, j, i1) * fi;
        let slice = |k| row(k, j0) * (1.0 - fj) + row(k, j1) * fj;
        Some(slice(k0) * (1.0 - fk) + slice(k1) * fk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    #[test]
    fn sampling_is_linear_between_centres_and_keeps_the_values_at_them() {
        let grid = Arc::new(VoxelGrid::axial(DVec3::ZERO, [1.0, 2.0, 3.0], [4, 4, 4]).expect("valid grid"));
        let hu = Array3::from_shape_fn([4, 4, 4], |(k, j, i)| (100 * k + 10 * j + i) as i16);
        let ct = CtVolume::new(grid, hu);
        assert_eq!(ct.sample(DVec3::new(1.0, 2.0, 3.0)), Some(111.0));
        assert_eq!(ct.sample(DVec3::new(1.5, 3.0, 4.5)), Some(166.5));
        assert_eq!(ct.sample(DVec3::new(-0.9, 0.0, 0.0)), None);
        assert_eq!(ct.hu_at(DVec3::new(2.4, 4.9, 2.9)), Some(122));
    }
}
