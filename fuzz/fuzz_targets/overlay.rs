//! Any bytes as PET, dose, plan or registration: scanned, placed over a CT and loaded.

#![no_main]

use hilum::dicom::{CtMeta, look_through};
use hilum::progress::Silent;
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

static PATH: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("hilum-fuzz-overlay-{}.dcm", std::process::id())));

/// That of the seeds.
static FRAME: LazyLock<String> = LazyLock::new(|| CtMeta::synthetic("Bench", 1, 1).frame_of_reference_uid);

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*PATH, bytes).expect("written");
    let Ok(found) = look_through(&[PATH.clone()], &Silent) else { return };
    for source in found.beside.overlays_for(&FRAME) {
        let _ = source.load(&Silent);
    }
});
