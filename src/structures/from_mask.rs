//! From a mask to the contours of an ROI, with a count of what the way back would change.

use super::Roi;
use crate::contour::{Mask, contours_from_mask, rasterize};
use crate::geometry::VoxelGrid;

impl Roi {
    /// The ROI with smooth outlines around the voxels of a mask, and the number of voxels that rasterizing
    /// the outlines would give differently (0 but for a defect: see [`contours_from_mask`]).
    #[must_use]
    pub fn with_mask(mut self, grid: &VoxelGrid, mask: &Mask) -> (Self, u64) {
        self.slices = contours_from_mask(grid, mask);
        let different = rasterize(grid, &self.slices).combine(mask, |a, b| a ^ b).count();
        (self, different)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structures::{Provenance, RoiId, Role};
    use glam::DVec3;
    use ndarray::Array3;

    #[test]
    fn single_voxels_holes_and_corners_come_back() {
        let grid = VoxelGrid::axial(DVec3::ZERO, [0.9, 1.3, 3.0], [20, 16, 3]).expect("valid grid");
        let dense = Array3::from_shape_fn([3, 16, 20], |(k, j, i)| match k {
            0 => (j, i) == (4, 7),
            1 => (j + i) % 2 == 0,
            _ => (2..12).contains(&j) && (3..15).contains(&i) && !((6..8).contains(&j) && i == 9),
        });
        let mask = Mask::from_dense(&dense);
        let (roi, different) = Roi::new(RoiId(1), "x", [0; 3], Role::Other, Provenance::Drawn).with_mask(&grid, &mask);
        assert_eq!((different, roi.slices.len()), (0, 3));
    }
}
