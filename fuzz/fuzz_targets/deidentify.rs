//! Any bytes as a DICOM file or a file of our own to de-identify.

#![no_main]

use hilum::dicom::deidentify::{DeidentifyOptions, Secret, deidentify};
use hilum::progress::Silent;
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("hilum-fuzz-deidentify-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("in")).expect("a temporary folder");
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let name = if bytes.starts_with(b"{") { "report.json" } else { "any.dcm" };
    let path = FOLDER.join("in").join(name);
    std::fs::write(&path, bytes).expect("written");
    let output = FOLDER.join("out");
    let _ = deidentify(&[path.clone()], &output, &DeidentifyOptions::default(), &Secret::random(), &Silent);
    let _ = std::fs::remove_file(path);
    let _ = std::fs::remove_dir_all(output);
});
