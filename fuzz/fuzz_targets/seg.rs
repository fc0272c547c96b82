//! Any bytes as a DICOM segmentation laid over a small scan.

#![no_main]

use glam::DVec3;
use hilum::dicom::{CtMeta, load_segmentation};
use hilum::geometry::VoxelGrid;
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

static SCAN: LazyLock<(PathBuf, VoxelGrid, CtMeta)> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("hilum-fuzz-seg-{}.dcm", std::process::id()));
    let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.0], [16, 16, 6]).expect("a grid");
    let mut ct = CtMeta::synthetic("Odd", 1, 6);
    // Any frame of reference is ours.
    ct.frame_of_reference_uid = String::new();
    (path, grid, ct)
});

fuzz_target!(|bytes: &[u8]| {
    let (path, grid, ct) = &*SCAN;
    std::fs::write(path, bytes).expect("written");
    if let Ok(loaded) = load_segmentation(path, grid, ct) {
        loaded.rois(grid, path);
    }
});
