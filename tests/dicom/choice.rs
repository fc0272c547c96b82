//! Which of several series and structure sets of a folder a case is made of, and what is said of the rest.

use super::copy_files;
use super::export::{request, with_rings};
use super::odd_series::write_stack;
use crate::support::test_data;
use glam::DVec3;
use hilum::contour::Ring;
use hilum::dicom::{CtSeries, LoadedCt, Scan, export_structure_set, load_ct, scan};
use hilum::geometry::VoxelGrid;
use hilum::progress::Silent;
use hilum::structures::{Provenance, Role, StructureSet};
use hilum::workbench::{LoadedCase, load_case};
use std::path::Path;

fn open(folder: &Path) -> LoadedCase {
    load_case(&[folder.to_owned()], &Silent, &mut |_| Ok(())).expect("opens")
}

fn found(folder: &Path) -> Scan {
    scan(&[folder.to_owned()], &Silent).expect("found")
}

fn axial(slices: usize) -> VoxelGrid {
    VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.0], [16, 16, slices]).expect("a grid")
}

/// A structure set with one square, drawn on this series.
fn write_set(series: &CtSeries, path: &Path) {
    let ct: LoadedCt = load_ct(series, &Silent, &mut |_| {}).expect("loads");
    let square = Ring::new([[2.0, 2.0], [9.0, 2.0], [9.0, 9.0], [2.0, 9.0]]);
    let rois = vec![with_rings("GTVp", Role::Gtvp, Provenance::Drawn, vec![(3, vec![square])])];
    let structures = StructureSet { rois };
    export_structure_set(&request(&ct, &structures, &[]), path).expect("exports");
}

/// Replaces a UID of the same length in every file of a folder.
fn replace_uid(folder: &Path, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    for entry in std::fs::read_dir(folder).expect("readable").flatten() {
        let mut bytes = std::fs::read(entry.path()).expect("readable");
        let places: Vec<usize> =
            bytes.windows(from.len()).enumerate().filter(|(_, w)| *w == from.as_bytes()).map(|(at, _)| at).collect();
        for at in places {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        }
        std::fs::write(entry.path(), bytes).expect("written");
    }
}

/// The same UID with other last digits.
fn altered(uid: &str, n: usize) -> String {
    format!("{}{}", &uid[..uid.len() - 2], 10 + n)
}

#[test]
fn of_the_phases_of_a_4d_ct_the_one_is_opened_on_which_the_set_was_drawn() {
    let out = tempfile::tempdir().expect("temporary folder");
    // Five phases: same study, same frame of reference, same length.
    for phase in 0..5 {
        let folder = out.path().join(format!("phase{phase}"));
        write_stack(&folder, axial(8), 1, 1 + phase as u64);
        let uid = found(&folder).series[0].series_instance_uid.clone();
        replace_uid(&folder, &uid, &altered(&uid, phase));
    }
    for phase in 0..5 {
        let series = found(&out.path().join(format!("phase{phase}"))).series[0].clone();
        let path = out.path().join("set.dcm");
        write_set(&series, &path);
        let loaded = open(out.path());
        assert_eq!(loaded.case.image.meta.series_instance_uid, series.series_instance_uid, "phase {phase}");
        assert_eq!(loaded.case.structures().rois.len(), 1);
        std::fs::remove_file(path).expect("removed");
    }
}

#[test]
fn the_planning_ct_is_opened_though_a_longer_ct_is_in_the_same_study() {
    let out = tempfile::tempdir().expect("temporary folder");
    let (diagnostic, planning) = (out.path().join("diagnostic"), out.path().join("planning"));
    write_stack(&diagnostic, axial(30), 2, 2);
    write_stack(&planning, axial(10), 3, 3);
    let (one, other) = (found(&diagnostic).series[0].clone(), found(&planning).series[0].clone());
    assert_ne!(one.frame_of_reference_uid, other.frame_of_reference_uid);
    replace_uid(&planning, &other.study_instance_uid, &one.study_instance_uid);
    write_set(&found(&planning).series[0], &out.path().join("set.dcm"));
    assert_eq!(found(out.path()).series[0].len(), 30);
    let loaded = open(out.path());
    assert_eq!(loaded.case.image.volume.grid.slices(), 10);
    assert_eq!(loaded.case.structures().rois.len(), 1);
    let texts: Vec<String> = loaded.warnings.iter().map(|w| w.text.clone()).collect();
    assert!(texts.iter().any(|t| t.contains("2 CT series were found")), "{texts:?}");
}

#[test]
fn every_structure_set_is_loaded_offered_or_refused_with_its_reason() {
    let Some(data) = test_data("rtutils-phantom") else { return };
    let out = tempfile::tempdir().expect("temporary folder");
    copy_files(&data.join("sample"), out.path());
    let other = out.path().join("other frame.dcm");
    std::fs::copy(data.join("bad/rt.dcm"), &other).expect("copied");
    // Of the same frame of reference, but drawn on a series that is not there.
    let elsewhere = out.path().join("other phase.dcm");
    std::fs::copy(data.join("bad/non_existent_reference_rt.dcm"), &elsewhere).expect("copied");
    let loaded = open(out.path());
    assert_eq!(loaded.case.structures().rois.len(), 4);
    let offered: Vec<&Path> = loaded.other_structure_sets.iter().map(|s| s.paths()[0].as_path()).collect();
    assert_eq!(offered, [elsewhere.as_path()]);
    let refused: Vec<_> = loaded.warnings.iter().filter(|w| w.files == [other.clone()]).collect();
    assert_eq!(refused.len(), 1, "{:?}", loaded.warnings);
    assert!(refused[0].text.contains("another frame of reference"), "{}", refused[0].text);

    // Alone with the CT it is refused with the same reason. Neither a path nor a UID stands in a text.
    for entry in std::fs::read_dir(out.path()).expect("readable").flatten() {
        if found_set(&entry.path()) && entry.path() != other {
            std::fs::remove_file(entry.path()).expect("removed");
        }
    }
    let loaded = open(out.path());
    assert!(loaded.case.structures().rois.is_empty());
    let refused: Vec<_> = loaded.warnings.iter().filter(|w| w.files == [other.clone()]).collect();
    assert_eq!(refused.len(), 1, "{:?}", loaded.warnings);
    let folder = out.path().display().to_string();
    for warning in &loaded.warnings {
        assert!(!warning.text.contains(&folder), "{}", warning.text);
        assert!(!warning.text.contains(&loaded.case.image.meta.frame_of_reference_uid), "{}", warning.text);
    }
}

fn found_set(path: &Path) -> bool {
    dicom_object::open_file(path)
        .is_ok_and(|o| o.element_by_name("Modality").is_ok_and(|m| m.to_str().is_ok_and(|m| m.trim() == "RTSTRUCT")))
}
