//! A small scan with one structure, for the tests of the tools.

use super::{ToolContext, ToolOptions};
use crate::contour::{Ring, SliceContours};
use crate::geometry::VoxelGrid;
use crate::image::CtVolume;
use ndarray::Array3;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) struct Scan {
    pub volume: CtVolume,
    pub slices: BTreeMap<usize, Arc<SliceContours>>,
    pub options: ToolOptions,
}

impl Scan {
    /// 64 x 64 x 12 voxels of 1 x 1 x 3 mm of soft tissue.
    pub fn empty() -> Self {
        let grid = VoxelGrid::axial(glam::DVec3::ZERO, [1.0, 1.0, 3.0], [64, 64, 12]).expect("valid grid");
        let volume = CtVolume::new(Arc::new(grid), Array3::from_elem([12, 64, 64], 30));
        Self { volume, slices: BTreeMap::new(), options: ToolOptions::default() }
    }

    /// With a square on a slice, imported with more decimals than new vertices have.
    pub fn with_square(k: usize, low: f64, high: f64) -> Self {
        let mut scan = Self::empty();
        let e = 0.000_012_3;
        let ring = Ring::imported([[low + e, low], [high, low + e], [high + e, high], [low, high + e]], 0);
        scan.slices.insert(k, Arc::new(SliceContours::new(vec![ring])));
        scan
    }

    pub fn z(&self, k: usize) -> f64 {
        self.volume.grid.position_mm(k)
    }

    pub fn context(&self) -> ToolContext<'_> {
        ToolContext { volume: &self.volume, slices: &self.slices, axial_slice: 3, options: &self.options }
    }
}
