//! Hilum: review, correct and study auto-contours of thoracic lymph node stations.
//!
//! The house has floors; a module uses only what lies below it (see ARCHITECTURE.md, proved by
//! `tests/layering.rs`). Research and education only, not a medical device.

// Ground floor: no files, no threads, no clock.
pub mod contour;
pub mod geometry;
pub mod image;
pub mod metrics;
pub mod progress;
pub mod structures;

// First floor: one capability each, usable without a screen.
pub mod anatomy;
pub mod archive;
pub mod cohort;
pub mod dicom;
pub mod diunet;
pub mod features;
pub mod files;
pub mod nifti;
pub mod phantom;
pub mod risk;
pub mod survival;
pub mod teaching;

// Second floor: long jobs over many capabilities.
pub mod import;
pub mod studies;

// Third floor: the workbench, without a screen.
pub mod workbench;

// Top floor: the faces.
pub mod cli;
#[cfg(feature = "gui")]
pub mod gpu;
#[cfg(feature = "gui")]
pub mod ui;

/// The sentence shown wherever results are shown.
pub const RESEARCH_ONLY: &str = "Research and education only. Not a medical device. Contours and risk figures must not be used to plan, change or withhold treatment.";

/// Name and version of this program, as written into files it makes.
pub const PROGRAM: &str = concat!("Hilum ", env!("CARGO_PKG_VERSION"));

/// The folder of the models that come with the program: `$HILUM_MODELS` if that variable is set, else
/// `models` beside the program, else `models` of the source tree from which the program was built.
pub fn models_dir() -> std::path::PathBuf {
    if let Some(root) = std::env::var_os("HILUM_MODELS") {
        return root.into();
    }
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(|p| p.join("models")));
    match beside {
        Some(folder) if folder.is_dir() => folder,
        _ => std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models"),
    }
}
