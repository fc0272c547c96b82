//! Any bytes as a NIfTI file: as CT, and as labels laid over a small scan.

#![no_main]

use glam::DVec3;
use hilum::geometry::VoxelGrid;
use hilum::nifti::{LabelNames, read_ct, read_labels};
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

static SCAN: LazyLock<(PathBuf, Arc<VoxelGrid>)> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("hilum-fuzz-{}.nii", std::process::id()));
    (path, Arc::new(VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.0], [16, 16, 6]).expect("a grid")))
});

fuzz_target!(|bytes: &[u8]| {
    let (path, grid) = &*SCAN;
    std::fs::write(path, bytes).expect("written");
    let _ = read_ct(path);
    let Ok(labels) = read_labels(path) else { return };
    if let Ok(there) = labels.onto_grid(grid) {
        there.volume.rois(&LabelNames::totalsegmentator_v2(), path);
    }
});
