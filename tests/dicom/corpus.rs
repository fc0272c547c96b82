//! Small whole and damaged files of compressed pixels, segmentations and NIfTI: whatever a fuzzer found, and what it
//! starts from. No reader panics, runs away or fills the memory.

use super::compressed::converted;
use super::made::{Bits, Series};
use crate::support::overlays::{Place, ct_frame, dose, pet, plan, ramp, registration, turn_z};
use glam::DVec3;
use hilum::dicom::{CtMeta, load_ct, load_segmentation, look_through, scan};
use hilum::geometry::VoxelGrid;
use hilum::image::CtVolume;
use hilum::nifti::{LabelNames, NamedMask, read_ct, read_labels, write_ct, write_labels};
use hilum::progress::Silent;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn corpus(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(kind)
}

fn files(kind: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(corpus(kind)).expect("readable").flatten().map(|e| e.path()).collect();
    files.sort();
    assert!(files.len() >= 4, "{kind}: {} files", files.len());
    files
}

fn grid() -> VoxelGrid {
    VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.0], [16, 16, 6]).expect("a grid")
}

#[test]
fn the_corpus_of_compressed_pixels_hurts_no_reader() {
    let mut whole = 0;
    for path in files("pixels") {
        let Ok(found) = scan(std::slice::from_ref(&path), &Silent) else { continue };
        for series in &found.series {
            let loaded = load_ct(series, &Silent, &mut |_| {});
            let is_whole = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("whole"));
            assert!(loaded.is_ok() || !is_whole, "{}: {:?}", path.display(), loaded.err());
            whole += usize::from(is_whole);
            // A JPEG of 14624 x 11833 that looks like a small JPEG 2000 further on.
            if path.ends_with("two-pictures.dcm") {
                assert!(loaded.is_err_and(|e| e.to_string().contains("instead of 32 x 32")));
            }
        }
    }
    assert!(whole >= 8, "{whole}");
}

#[test]
fn the_corpus_of_segmentations_hurts_no_reader() {
    let (grid, mut ct) = (grid(), CtMeta::synthetic("Odd", 1, 6));
    ct.frame_of_reference_uid = String::new();
    for path in files("seg") {
        if let Ok(loaded) = load_segmentation(&path, &grid, &ct) {
            loaded.rois(&grid, &path);
        }
    }
}

#[test]
fn the_corpus_of_nifti_hurts_no_reader() {
    let grid = Arc::new(grid());
    for path in files("nifti") {
        let _ = read_ct(&path);
        let Ok(labels) = read_labels(&path) else { continue };
        if let Ok(there) = labels.onto_grid(&grid) {
            there.volume.rois(&LabelNames::default(), &path);
        }
    }
}

#[test]
fn the_corpus_of_overlays_hurts_no_reader() {
    let mut loaded = 0;
    for path in files("overlay") {
        let found = look_through(std::slice::from_ref(&path), &Silent).expect("there");
        for source in found.beside.overlays_for(&ct_frame()) {
            loaded += usize::from(source.load(&Silent).is_ok());
        }
    }
    assert!(loaded >= 2, "{loaded}");
}

/// Writes the four folders anew: `cargo test --test promises make_the_other_corpora -- --ignored`.
#[test]
#[ignore = "writes into the repository"]
fn make_the_other_corpora() {
    let write = |kind: &str, name: &str, bytes: &[u8]| {
        std::fs::create_dir_all(corpus(kind)).expect("folder");
        std::fs::write(corpus(kind).join(name), bytes).expect("written");
    };
    let out = tempfile::tempdir().expect("temporary folder");
    let series = Series { bits: Bits::ALL[1], size: [32, 32], slices: 1 };
    let plain = series.write_plain(&out.path().join("plain"));
    let tools: [(&str, &str, &[&str]); 10] = [
        ("big-endian", "dcmconv", &["+tb"]),
        ("deflated", "dcmconv", &["+td"]),
        ("rle", "dcmcrle", &[]),
        ("jpeg-70", "dcmcjpeg", &["+e1"]),
        ("jpeg-57-7", "dcmcjpeg", &["+el", "+sv", "7"]),
        ("jpeg-ls", "gdcmconv", &["--jpegls"]),
        ("jpeg-ls-near", "gdcmconv", &["--jpegls", "--lossy", "-e", "3"]),
        ("jpeg-ls-dcmtk", "dcmcjpls", &["+el"]),
        ("jpeg-2000", "gdcmconv", &["--j2k"]),
        ("jpeg-2000-lossy", "gdcmconv", &["--j2k", "--lossy", "-r", "3"]),
    ];
    for (name, tool, options) in tools {
        let made = converted(&plain, &out.path().join(name), tool, options).expect("the tools are installed");
        let bytes = std::fs::read(&made[0]).expect("readable");
        write("pixels", &format!("whole-{name}.dcm"), &bytes);
        write("pixels", &format!("cut-{name}.dcm"), &bytes[..bytes.len() - 150]);
        let mut turned = bytes.clone();
        for (n, byte) in turned.iter_mut().rev().take(200).enumerate().filter(|(n, _)| n % 17 == 0) {
            *byte ^= 0x40 >> (n % 5);
        }
        write("pixels", &format!("turned-{name}.dcm"), &turned);
    }
    for name in ["highdicom-binary", "highdicom-fractional"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(format!("{name}.dcm"));
        let bytes = std::fs::read(source).expect("readable");
        let at = |tag: [u8; 4]| bytes.windows(4).position(|w| w == tag).expect("the attribute") + 8;
        write("seg", &format!("{name}-cut.dcm"), &bytes[..bytes.len() - 7]);
        let mut large = bytes.clone();
        large[at([0x28, 0, 0x10, 0])..][..2].fill(255);
        large[at([0x28, 0, 0x11, 0])..][..2].fill(255);
        write("seg", &format!("{name}-large.dcm"), &large);
    }
    let place = Place { size: [6, 5], ..Place::usual() };
    let frame = ct_frame();
    let turned = registration("1.2.9", &frame, &[("1.2.8", vec![("RIGID", turn_z(10.0, DVec3::X))])]);
    let mut overlays = vec![
        ("dose-32", dose(&place, &frame, 32, ramp)),
        ("dose-16", dose(&place, "1.2.8", 16, ramp)),
        ("plan", plan("1.2.7", &[60.0])),
        ("registration", turned),
    ];
    overlays.extend(pet(&place, &frame, ramp).into_iter().take(1).map(|slice| ("pet", slice)));
    for (name, made) in overlays {
        let path = out.path().join("made.dcm");
        made.write(&path);
        let bytes = std::fs::read(&path).expect("readable");
        write("overlay", &format!("{name}.dcm"), &bytes);
        write("overlay", &format!("{name}-cut.dcm"), &bytes[..bytes.len() * 9 / 10]);
    }
    let grid = Arc::new(grid());
    let volume = CtVolume::new(
        Arc::clone(&grid),
        ndarray::Array3::from_shape_fn([6, 16, 16], |(k, j, i)| (k * 40 + j * i) as i16),
    );
    let path = out.path().join("ct.nii");
    write_ct(&path, &volume, false).expect("written");
    let ct = std::fs::read(&path).expect("readable");
    let inside = |(k, j, i): (usize, usize, usize)| k == 3 && (4..9).contains(&j) && i > 4;
    let mask = hilum::contour::Mask::from_dense(&ndarray::Array3::from_shape_fn([6, 16, 16], inside));
    let path = out.path().join("labels.nii");
    write_labels(&path, &grid, &[NamedMask { name: "GTVp", mask: &mask }], false).expect("written");
    let labels = std::fs::read(&path).expect("readable");
    write("nifti", "ct.nii", &ct);
    write("nifti", "labels.nii", &labels);
    write("nifti", "labels-cut.nii", &labels[..labels.len() / 2]);
    // Fields of the NIfTI-1 header: dimensions at 40, data type at 70, offset of the voxels at 108, s-form at 280.
    let with = |name: &str, at: usize, value: &[u8]| {
        let mut bytes = labels.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        write("nifti", &format!("labels-{name}.nii"), &bytes);
    };
    with("huge", 42, &[0xFF, 0x7F, 0xFF, 0x7F, 0xFF, 0x7F]);
    with("none", 42, &[0, 0]);
    with("seven-dimensions", 40, &[7, 0]);
    with("float", 70, &[16, 0, 32, 0]);
    with("offset", 108, &f32::INFINITY.to_le_bytes());
    with("affine", 280, &f32::NAN.to_le_bytes());
    with("flat", 280, &[0; 16]);
}
