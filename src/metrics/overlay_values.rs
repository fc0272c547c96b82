//! Values of an overlay (PET, dose) inside a structure: the voxels of the CT whose centres lie inside the contours,
//! each with the overlay's trilinear value at its centre and weighted with its volume.

use crate::contour::Mask;
use crate::geometry::VoxelGrid;
use crate::image::OverlayVolume;

/// The values inside one structure.
#[derive(Debug, Clone, PartialEq)]
pub struct OverlayValues {
    /// (value, mm3) of the voxels that have a value, ascending by value.
    sorted: Vec<(f64, f64)>,
    covered_mm3: f64,
    total_mm3: f64,
}

impl OverlayValues {
    pub fn inside(mask: &Mask, grid: &VoxelGrid, overlay: &OverlayVolume) -> Self {
        let mut sorted = Vec::new();
        let (mut covered_mm3, mut total_mm3) = (0.0, 0.0);
        for (&k, slice) in &mask.slices {
            let voxel = grid.voxel_mm3(k);
            for (j, i) in slice.voxels() {
                total_mm3 += voxel;
                if let Some(value) = overlay.sample(grid.patient_from_voxel(k, j as f64, i as f64)) {
                    covered_mm3 += voxel;
                    sorted.push((value, voxel));
                }
            }
        }
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { sorted, covered_mm3, total_mm3 }
    }

    /// Voxels with a value.
    pub fn voxels(&self) -> usize {
        self.sorted.len()
    }

    /// Volume of the structure, cm3.
    pub fn volume_cm3(&self) -> f64 {
        self.total_mm3 / 1000.0
    }

    /// Share of the structure's volume that has values, 0 to 1.
    pub fn covered(&self) -> f64 {
        if self.total_mm3 > 0.0 { self.covered_mm3 / self.total_mm3 } else { 0.0 }
    }

    pub fn min(&self) -> Option<f64> {
        self.sorted.first().map(|v| v.0)
    }

    pub fn max(&self) -> Option<f64> {
        self.sorted.last().map(|v| v.0)
    }

    /// Weighted with the volumes of the voxels.
    pub fn mean(&self) -> Option<f64> {
        let sum: f64 = self.sorted.iter().map(|(value, volume)| value * volume).sum();
        (self.covered_mm3 > 0.0).then(|| sum / self.covered_mm3)
    }

    /// Volume with at least this value, cm3.
    pub fn volume_at_least_cm3(&self, level: f64) -> f64 {
        let from = self.sorted.partition_point(|(value, _)| *value < level);
        // From a positive zero: the sum of nothing would be a negative one.
        self.sorted[from..].iter().fold(0.0, |sum, (_, volume)| sum + volume) / 1000.0
    }

    /// The highest value that at least so many percent of the covered volume have (D95 for 95).
    pub fn at_least_in_percent(&self, percent: f64) -> Option<f64> {
        let wanted = self.covered_mm3 * percent / 100.0;
        let mut volume = 0.0;
        for (value, voxel) in self.sorted.iter().rev() {
            volume += voxel;
            if volume >= wanted - 1e-9 {
                return Some(*value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rigid;
    use crate::image::Quantity;
    use glam::DVec3;
    use ndarray::Array3;
    use std::sync::Arc;

    #[test]
    fn values_are_weighted_with_the_volume_of_their_voxels() {
        // Slices at 0, 2 and 6 mm stand for 2, 3 and 4 mm; the overlay is a ramp along z over the first two.
        let grid =
            VoxelGrid::new(DVec3::ZERO, DVec3::X, DVec3::Y, [1.0; 2], [2, 2], vec![0.0, 2.0, 6.0]).expect("valid");
        let own = Arc::new(VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 4.0], [2, 2, 2]).expect("valid"));
        let values = Array3::from_shape_fn(own.shape(), |(k, _, _)| 10.0 * k as f32);
        let overlay = OverlayVolume::new(own, values, Quantity::Dose, "Gy", Rigid::IDENTITY);
        let mask = Mask::from_dense(&Array3::from_elem(grid.shape(), true));
        let inside = OverlayValues::inside(&mask, &grid, &overlay);
        assert_eq!((inside.min(), inside.max(), inside.voxels()), (Some(0.0), Some(10.0), 12));
        // 0 Gy in 2 mm, 5 Gy in 3 mm, 10 Gy (the end, half a voxel beyond the last centre) in 4 mm.
        let mean = inside.mean().expect("covered");
        assert!((mean - (5.0 * 3.0 + 10.0 * 4.0) / 9.0).abs() < 1e-12, "{mean}");
        assert!((inside.volume_at_least_cm3(5.0) - 4.0 * 7.0 / 1000.0).abs() < 1e-12);
        assert_eq!(inside.at_least_in_percent(100.0), Some(0.0));
        assert_eq!(inside.at_least_in_percent(7.0 / 9.0 * 100.0), Some(5.0));
        assert_eq!(inside.at_least_in_percent(40.0), Some(10.0));
        assert!(inside.volume_at_least_cm3(11.0).is_sign_positive());
        assert_eq!(inside.covered(), 1.0);
    }
}
