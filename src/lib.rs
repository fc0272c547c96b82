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
pub mod words;

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
pub mod recurrence;
pub mod registration;
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
pub const RESEARCH_ONLY: &str = words::keep(
    "Research and education only. Not a medical device. Contours and risk figures must not be used to plan, change or withhold treatment.",
);

/// Name and version of this program, as written into files it makes.
pub const PROGRAM: &str = concat!("Hilum ", env!("CARGO_PKG_VERSION"));

/// The folder of the models that come with the program: `$HILUM_MODELS` if that variable is set, else `models` beside the
/// program, else `share/hilum/models` of the tree into which it is installed (`PREFIX/bin/hilum`), else `models` of the
/// source tree from which it was built. Where none of them is there, that of the installation is named.
pub fn models_dir() -> std::path::PathBuf {
    if let Some(root) = std::env::var_os("HILUM_MODELS") {
        return root.into();
    }
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    // A link in a folder of the PATH may point to the program.
    let program = std::env::current_exe().and_then(|exe| exe.canonicalize()).ok();
    match program.as_deref().and_then(std::path::Path::parent) {
        Some(folder) => models_of(folder, &sources),
        None => sources,
    }
}

fn models_of(program_folder: &std::path::Path, sources: &std::path::Path) -> std::path::PathBuf {
    let installed = program_folder.parent().unwrap_or(program_folder).join("share/hilum/models");
    let places = [program_folder.join("models"), installed.clone(), sources.to_owned()];
    places.into_iter().find(|folder| folder.is_dir()).unwrap_or(installed)
}

#[cfg(test)]
mod tests {
    use super::models_of;
    use std::fs::create_dir_all;

    #[test]
    fn models_are_found_beside_the_program_in_the_installation_and_in_the_sources() {
        let root = tempfile::tempdir().expect("temporary folder");
        let (bin, sources) = (root.path().join("usr/bin"), root.path().join("tree/models"));
        let (beside, installed) = (bin.join("models"), root.path().join("usr/share/hilum/models"));
        assert_eq!(models_of(&bin, &sources), installed, "the place to name where nothing is there");
        for folder in [&sources, &installed, &beside] {
            create_dir_all(folder).expect("made");
            assert_eq!(&models_of(&bin, &sources), folder);
        }
    }
}
