//! Any bytes as a structure set on a small scan: read, filled, and exported again.

#![no_main]

use glam::DVec3;
use hilum::contour::rasterize;
use hilum::dicom::{CtMeta, ExportRequest, export_structure_set, load_structure_set};
use hilum::geometry::VoxelGrid;
use hilum::structures::StructureSet;
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

static SCAN: LazyLock<(PathBuf, VoxelGrid, CtMeta)> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("hilum-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.0], [16, 16, 6]).expect("a grid");
    // The frame of reference of the sets in tests/corpus.
    (folder, grid, CtMeta::synthetic("Odd", 1, 6))
});

fuzz_target!(|bytes: &[u8]| {
    let (folder, grid, ct) = &*SCAN;
    let path = folder.join("set.dcm");
    std::fs::write(&path, bytes).expect("written");
    let Ok(set) = load_structure_set(&path, grid, ct, 0) else { return };
    for roi in &set.rois {
        rasterize(grid, &roi.slices);
    }
    let structures = StructureSet { rois: set.rois.clone() };
    let sources = [Arc::clone(&set.source)];
    let request = ExportRequest {
        ct,
        grid,
        structures: &structures,
        sources: &sources,
        label: "fuzz",
        description: "",
        overwrite: true,
    };
    // A refusal is an answer too.
    let _ = export_structure_set(&request, &folder.join("again.dcm"));
});
