//! Series that are not as they should be: loaded with a word about it, or refused with the reason.

use super::compressed::converted;
use super::{load, load_folder, scan_one, severities};
use crate::support::test_data;
use glam::DVec3;
use hilum::dicom::{CtError, CtMeta, Severity, load_ct, scan, write_ct_series};
use hilum::geometry::VoxelGrid;
use hilum::image::CtVolume;
use hilum::progress::Silent;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes a small stack into a folder of its own; `series` and `seed` choose the UIDs.
pub(super) fn write_stack(folder: &Path, grid: VoxelGrid, series: u64, seed: u64) -> Vec<PathBuf> {
    let volume = CtVolume::new(Arc::new(grid.clone()), ndarray::Array3::from_elem(grid.shape(), seed as i16));
    let (shared, own) = (CtMeta::synthetic("Odd", series, 1), CtMeta::synthetic("Odd", seed, grid.slices()));
    let meta = CtMeta {
        study_instance_uid: shared.study_instance_uid,
        series_instance_uid: shared.series_instance_uid,
        frame_of_reference_uid: shared.frame_of_reference_uid,
        ..own
    };
    write_ct_series(&volume, &meta, folder, &Silent).expect("written")
}

fn axial(origin: DVec3, slices: usize) -> VoxelGrid {
    VoxelGrid::axial(origin, [1.0, 1.0, 2.0], [8, 8, slices]).expect("a grid")
}

#[test]
fn a_group_length_before_the_pixels_does_no_harm() {
    let out = tempfile::tempdir().expect("temporary folder");
    let files = write_stack(out.path(), axial(DVec3::ZERO, 5), 1, 7);
    for file in &files {
        let mut bytes = std::fs::read(file).expect("readable");
        let at = bytes.windows(4).rposition(|w| w == [0xE0, 0x7F, 0x10, 0x00]).expect("the pixels");
        let length = (bytes.len() - at) as u32;
        let element = [&[0xE0, 0x7F, 0, 0, b'U', b'L', 4, 0][..], &length.to_le_bytes()].concat();
        bytes.splice(at..at, element);
        std::fs::write(file, bytes).expect("written");
    }
    let (_, ct) = load_folder(out.path());
    assert_eq!((ct.volume.grid.slices(), severities(&ct.warnings)), (5, vec![]));
    assert!(ct.volume.hu.iter().all(|hu| *hu == 7));
}

#[test]
fn a_missing_slice_is_named_by_its_neighbours() {
    let out = tempfile::tempdir().expect("temporary folder");
    let files = write_stack(out.path(), axial(DVec3::ZERO, 12), 1, 1);
    std::fs::remove_file(&files[5]).expect("removed");
    let (_, ct) = load_folder(out.path());
    assert_eq!(severities(&ct.warnings), [Severity::Geometry]);
    assert_eq!(ct.warnings[0].files, [files[4].clone(), files[6].clone()]);
    assert!(
        ct.warnings[0]
            .text
            .contains("4.00 mm between the images at 8.00 and 12.00 mm, 2.00 mm beside them (1 missing)"),
        "{}",
        ct.warnings[0]
    );
    assert!(!ct.meta.geometry_safe);
    assert_eq!(ct.volume.grid.thickness_mm(4), 3.0, "the true positions stay");
}

#[test]
fn missing_slices_are_told_from_a_second_spacing_at_any_share() {
    // Every third slice of a short scan is gone: no acquisition, a loss.
    let out = tempfile::tempdir().expect("temporary folder");
    let files = write_stack(out.path(), axial(DVec3::ZERO, 12), 1, 1);
    for gone in [2, 5, 8] {
        std::fs::remove_file(&files[gone]).expect("removed");
    }
    let (_, ct) = load_folder(out.path());
    assert_eq!(severities(&ct.warnings), [Severity::Geometry; 3]);
    assert!(!ct.meta.geometry_safe);
    assert_eq!(ct.warnings[1].files, [files[4].clone(), files[6].clone()]);
}

#[test]
fn copies_and_rivals_at_one_position_are_told_apart() {
    let out = tempfile::tempdir().expect("temporary folder");
    let files = write_stack(&out.path().join("a"), axial(DVec3::ZERO, 12), 1, 1);
    std::fs::copy(&files[3], out.path().join("copy")).expect("copied");
    let (_, ct) = load_folder(out.path());
    assert_eq!((ct.volume.grid.slices(), severities(&ct.warnings)), (12, vec![Severity::Info]));

    let others = write_stack(&out.path().join("b"), axial(DVec3::ZERO, 12), 1, 2);
    for other in &others[1..] {
        std::fs::remove_file(other).expect("removed");
    }
    let (_, ct) = load_folder(out.path());
    assert_eq!(ct.volume.grid.slices(), 12);
    let rival = ct.warnings.iter().find(|w| w.severity == Severity::Geometry).expect("the rival is named");
    assert!(rival.files.contains(&others[0]) && rival.files.contains(&files[0]));

    // Every position twice: phases of a 4D scan, perhaps. Not ours to choose.
    write_stack(&out.path().join("c"), axial(DVec3::ZERO, 12), 1, 3);
    let error = load_ct(&scan_one(out.path()).series[0], &Silent, &mut |_| {}).expect_err("ambiguous");
    assert!(matches!(error, CtError::RepeatedPositions { positions: 12, .. }), "{error}");
}

#[test]
fn a_tilted_gantry_is_refused_and_a_tiny_shift_is_told() {
    let stack = |shift_mm: f64| {
        let out = tempfile::tempdir().expect("temporary folder");
        for k in 0..6 {
            let origin = DVec3::new(0.0, shift_mm * f64::from(k) / 5.0, 2.0 * f64::from(k));
            write_stack(&out.path().join(k.to_string()), axial(origin, 1), 1, k as u64);
        }
        out
    };
    let tilted = stack(5.0);
    let error = load_ct(&scan_one(tilted.path()).series[0], &Silent, &mut |_| {}).expect_err("no rectangular volume");
    assert!(matches!(error, CtError::Sideways { shift_mm, .. } if (shift_mm - 5.0).abs() < 1e-9), "{error}");
    let shifted = stack(0.2);
    let (_, ct) = load_folder(shifted.path());
    assert_eq!((ct.volume.grid.slices(), severities(&ct.warnings)), (6, vec![Severity::Geometry]));
}

#[test]
fn mixed_orientations_of_one_series_become_two() {
    let out = tempfile::tempdir().expect("temporary folder");
    write_stack(&out.path().join("axial"), axial(DVec3::ZERO, 7), 1, 1);
    let positions = vec![0.0, 2.0, 4.0];
    let sagittal = VoxelGrid::new(DVec3::ZERO, DVec3::Y, -DVec3::Z, [1.0; 2], [8, 8], positions).expect("a grid");
    write_stack(&out.path().join("sagittal"), sagittal, 1, 2);
    let found = scan_one(out.path());
    assert_eq!(found.series.iter().map(|s| s.len()).collect::<Vec<_>>(), [7, 3]);
    assert_eq!(severities(&found.warnings), [Severity::Warning]);
    assert_eq!(load(&found.series[1]).volume.grid.shape(), [3, 8, 8]);
}

#[test]
fn a_localizer_is_left_out_and_alone_it_is_no_ct() {
    let out = tempfile::tempdir().expect("temporary folder");
    let files = write_stack(out.path(), axial(DVec3::ZERO, 5), 1, 1);
    let change = |file: &Path| {
        let mut bytes = std::fs::read(file).expect("readable");
        let (from, to) = (b"AXIAL\\SYNTHETIC", b"LOCALIZER\\SYNTH");
        let at = bytes.windows(from.len()).position(|w| w == from).expect("the image type");
        bytes[at..at + to.len()].copy_from_slice(to);
        std::fs::write(file, bytes).expect("written");
    };
    change(&files[0]);
    let found = scan_one(out.path());
    assert_eq!((found.series[0].len(), severities(&found.warnings)), (4, vec![Severity::Info]));
    files[1..].iter().for_each(|f| change(f));
    let text = scan(&[out.path().to_owned()], &Silent).expect_err("no CT").to_string();
    assert!(text.contains("5 localizer images"), "{text}");
}

#[test]
fn a_compressed_image_that_turns_out_damaged_is_left_out_late() {
    let out = tempfile::tempdir().expect("temporary folder");
    let plain = write_stack(&out.path().join("plain"), axial(DVec3::ZERO, 6), 1, 1);
    let packed = out.path().join("packed");
    let Some(_) = converted(&plain, &packed, "dcmcrle", &[]) else { return };
    let victim = packed.join("CT_0003.dcm");
    let cut = std::fs::OpenOptions::new().write(true).open(&victim).expect("writable");
    cut.set_len(cut.metadata().expect("there").len() - 40).expect("cut");
    let found = scan_one(&packed);
    let (mut grids, mut slices) = (0, 0);
    let ct = load_ct(&found.series[0], &Silent, &mut |step| match step {
        hilum::dicom::LoadStep::Grid { .. } => (grids, slices) = (grids + 1, 0),
        hilum::dicom::LoadStep::Slice { .. } => slices += 1,
    })
    .expect("five slices remain");
    assert_eq!((grids, slices, ct.volume.grid.slices()), (2, 5, 5));
    assert!(ct.warnings.iter().any(|w| w.severity == Severity::Geometry && w.files == [victim.clone()]));
}

#[test]
fn a_compressed_picture_of_another_size_than_the_header_says_is_left_out() {
    let out = tempfile::tempdir().expect("temporary folder");
    let plain = write_stack(&out.path().join("plain"), axial(DVec3::ZERO, 5), 1, 1);
    let Some(packed) = converted(&plain, &out.path().join("packed"), "dcmcjpeg", &["+e1"]) else { return };
    let victim = &packed[2];
    let whole = std::fs::read(victim).expect("readable");
    let frame = whole.windows(2).position(|w| w == [0xFF, 0xC3]).expect("the frame header");
    let load_with = |bytes: &[u8]| {
        std::fs::write(victim, bytes).expect("written");
        load_ct(&scan_one(&out.path().join("packed")).series[0], &Silent, &mut |_| {})
    };
    // A picture of another size than the header says.
    for (at, size) in [(frame + 6, 4), (frame + 8, 16)] {
        let mut bytes = whole.clone();
        bytes[at] = size;
        let ct = load_with(&bytes).expect("four slices remain");
        assert_eq!(ct.volume.grid.slices(), 4);
        let why = ct.warnings.iter().find(|w| w.files == [victim.clone()]).expect("the file is named");
        assert!(why.text.contains("pixels instead of 8 x 8"), "{}", why.text);
    }
}

#[test]
fn lossless_jpeg_2000_gives_the_same_ct_numbers() {
    let Some(folder) = test_data("cip-lowres-thorax") else { return };
    let (_, original) = load_folder(&folder);
    let files: Vec<PathBuf> = original.meta.slices.iter().skip(40).take(3).map(|s| s.path.clone()).collect();
    let out = tempfile::tempdir().expect("temporary folder");
    let packed = out.path().join("packed");
    let Some(files) = converted(&files, &packed, "gdcmconv", &["--j2k"]) else { return };
    let bytes = std::fs::read(&files[0]).expect("readable");
    assert!(bytes.windows(22).any(|w| w == b"1.2.840.10008.1.2.4.90"), "it is JPEG 2000");
    let (_, ct) = load_folder(&packed);
    assert_eq!(*ct.volume.hu, original.volume.hu.slice(ndarray::s![40..43, .., ..]));
}
