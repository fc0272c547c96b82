//! Any bytes as one of three images of a series, and alone.

#![no_main]

use glam::DVec3;
use hilum::dicom::{CtMeta, load_ct, scan, write_ct_series};
use hilum::geometry::VoxelGrid;
use hilum::image::CtVolume;
use hilum::progress::Silent;
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("hilum-fuzz-ct-{}", std::process::id()));
    let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.0], [16, 16, 3]).expect("a grid");
    let volume = CtVolume::new(Arc::new(grid), ndarray::Array3::zeros([3, 16, 16]));
    write_ct_series(&volume, &CtMeta::synthetic("Odd", 1, 3), &folder, &Silent).expect("written");
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.join("any.dcm");
    std::fs::write(&path, bytes).expect("written");
    for place in [FOLDER.clone(), path] {
        let Ok(found) = scan(&[place], &Silent) else { continue };
        for series in &found.series {
            let _ = load_ct(series, &Silent, &mut |_| {});
        }
    }
});
