//! What a structure set of this program is made of, as another reader finds it.
//!
//! Checked by hand as well, strictly, with pydicom: see the end of this file.

use super::export::{request, with_rings};
use super::made_sets::{Syntax, change, closed, file, items_of, roi, structure_set, text};
use super::odd_series::write_stack;
use super::odd_sets::{load_made, small_ct};
use super::{contour_data, load_folder};
use dicom_object::InMemDicomObject;
use glam::DVec3;
use hilum::contour::{Ring, SliceContours};
use hilum::dicom::{ExportRequest, LoadedCt, export_structure_set};
use hilum::geometry::VoxelGrid;
use hilum::structures::{Provenance, Roi, Role, StructureSet};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

fn nested(object: &InMemDicomObject, keyword: &str) -> Vec<InMemDicomObject> {
    object.element_by_name(keyword).ok().and_then(|e| e.items()).unwrap_or_default().to_vec()
}

fn string(object: &InMemDicomObject, keyword: &str) -> String {
    let element = object.element_by_name(keyword).unwrap_or_else(|_| panic!("{keyword} is there"));
    element.to_str().expect("text").trim_end_matches([' ', '\0']).to_owned()
}

/// Everything that a planning system asks of a set, of every contour and every reference of it.
fn assert_well_made(path: &Path, ct: &LoadedCt) {
    let object = dicom_object::open_file(path).expect("another reader opens it");
    let frames = nested(&object, "ReferencedFrameOfReferenceSequence");
    assert_eq!(frames.len(), 1);
    assert_eq!(string(&frames[0], "FrameOfReferenceUID"), ct.meta.frame_of_reference_uid);
    let study = &nested(&frames[0], "RTReferencedStudySequence")[0];
    assert_eq!(string(study, "ReferencedSOPInstanceUID"), ct.meta.study_instance_uid);
    let series = &nested(study, "RTReferencedSeriesSequence")[0];
    assert_eq!(string(series, "SeriesInstanceUID"), ct.meta.series_instance_uid);
    let listed: Vec<String> =
        nested(series, "ContourImageSequence").iter().map(|i| string(i, "ReferencedSOPInstanceUID")).collect();
    let slices: Vec<String> = ct.meta.slices.iter().map(|s| s.sop_instance_uid.clone()).collect();
    assert_eq!(listed, slices, "every slice is listed");
    for roi in nested(&object, "ROIContourSequence") {
        for contour in nested(&roi, "ContourSequence") {
            assert_eq!(string(&contour, "ContourGeometricType"), "CLOSED_PLANAR");
            let data = string(&contour, "ContourData");
            let values: Vec<&str> = data.split('\\').collect();
            assert!(values.iter().all(|v| !v.is_empty() && v.len() <= 16 && !v.contains(' ')), "{values:?}");
            let values: Vec<f64> = values.iter().map(|v| v.parse().expect("a number")).collect();
            let points: Vec<DVec3> = values.chunks(3).map(DVec3::from_slice).collect();
            assert!(points.len() >= 3 && values.len() == 3 * points.len());
            assert_eq!(string(&contour, "NumberOfContourPoints"), points.len().to_string());
            assert!(points.first() != points.last(), "the first point is not repeated");
            let images = nested(&contour, "ContourImageSequence");
            let image = string(&images[0], "ReferencedSOPInstanceUID");
            let k = slices.iter().position(|s| *s == image).expect("an image of the CT");
            for point in points {
                let off = point.dot(ct.volume.grid.normal()) - ct.volume.grid.position_mm(k);
                assert!(off.abs() < 1e-6, "{off} mm beside the image that it names");
            }
        }
    }
}

fn triangle(at: f64) -> Ring {
    Ring::new([[at, 2.0], [at + 5.123_456, 2.0], [at, 9.333_333]])
}

#[test]
fn every_contour_has_points_numbers_and_references_as_planning_systems_ask() {
    let turned = glam::DQuat::from_euler(glam::EulerRot::XYZ, 0.05, -0.12, 0.2);
    for (i_direction, j_direction) in [(DVec3::X, DVec3::Y), (turned * DVec3::X, turned * DVec3::Y)] {
        let out = tempfile::tempdir().expect("temporary folder");
        let positions = (0..7).map(|k| 1.0 / 3.0 + 2.5 * f64::from(k)).collect();
        let normal = i_direction.cross(j_direction);
        let origin = normal / 3.0;
        let grid = VoxelGrid::new(origin, i_direction, j_direction, [0.7, 1.3], [24, 16], positions).expect("a grid");
        write_stack(&out.path().join("ct"), grid, 1, 1);
        let (_, ct) = load_folder(&out.path().join("ct"));
        let lost = Ring::new([[1.0, 1.0], [2.0, 2.0]]);
        let rois = vec![
            with_rings("some", Role::Gtvp, Provenance::Drawn, vec![(1, vec![triangle(1.0), lost.clone()])]),
            with_rings("all", Role::Organ, Provenance::Drawn, (0..7).map(|k| (k, vec![triangle(2.0)])).collect()),
            with_rings("only a line", Role::Organ, Provenance::Drawn, vec![(4, vec![lost])]),
        ];
        let target = out.path().join("set.dcm");
        let structures = StructureSet { rois };
        let proof = export_structure_set(&request(&ct, &structures, &[]), &target).expect("exports");
        assert_eq!((proof.contours, proof.notes.len()), (8, 2), "{:?}", proof.notes);
        assert_well_made(&target, &ct);
    }
}

#[test]
fn a_ring_longer_than_explicit_vr_holds_is_read_and_written_exactly() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = small_ct(&out.path().join("ct"));
    let ring: Vec<[f64; 3]> = (0..4000)
        .map(|n| {
            let a = std::f64::consts::TAU * f64::from(n) / 4000.0;
            [7.5 + 7.0 * a.cos(), 7.5 + 6.0 * a.sin(), 4.0].map(|x| (x * 1e4).round() / 1e4)
        })
        .collect();
    let values: Vec<String> = ring.iter().flatten().map(|x| format!("{x:.6}")).collect();
    let values = values.join("\\");
    assert!(values.len() > 65_534);
    let mut data = structure_set(&ct.meta, vec![roi("body", vec![closed(&ring)])]);
    // As PS3.5 section 6.2.2 has it for Explicit VR: UN, which has a long length.
    let contour = &mut items_of(&mut items_of(&mut data, 0x3006, 0x39)[0], 0x3006, 0x40)[0];
    change(contour, 0x3006, 0x50, Some(text(0x3006, 0x50, "UN", &values)));
    for syntax in [Syntax::Explicit, Syntax::Implicit, Syntax::BigEndian, Syntax::Deflated] {
        let path = out.path().join(format!("{syntax:?}.dcm"));
        std::fs::write(&path, file(&data, syntax)).expect("written");
        let set = load_made(&path, &ct).expect("loads");
        assert!(set.warnings.is_empty(), "{syntax:?}: {:?}", set.warnings);
        let points: Vec<[f64; 2]> = ring.iter().map(|p| [p[0], p[1]]).collect();
        assert_eq!(set.rois[0].slices[&2].rings[0].points(), points, "{syntax:?}");
        // Untouched it keeps its bytes; drawn anew it is the same ring again.
        let structures = StructureSet { rois: set.rois.clone() };
        let sources = [Arc::clone(&set.source)];
        let target = out.path().join(format!("{syntax:?} again.dcm"));
        let proof = export_structure_set(&request(&ct, &structures, &sources), &target).expect("exports");
        assert_eq!((proof.rings_identical, proof.points), (1, 4000));
        assert_eq!(contour_data(&target)[&1], std::slice::from_ref(&values));
    }
    let drawn = Ring::new(ring.iter().map(|p| [p[0], p[1]]));
    let rois = vec![with_rings("body", Role::Other, Provenance::Drawn, vec![(2, vec![drawn.clone()])])];
    let target = out.path().join("drawn.dcm");
    let structures = StructureSet { rois };
    let proof = export_structure_set(&request(&ct, &structures, &[]), &target).expect("exports");
    assert_eq!((proof.points, proof.largest_deviation_mm), (4000, 0.0));
    assert_eq!(load_made(&target, &ct).expect("loads").rois[0].slices[&2].rings[0].points(), drawn.points());
    assert_well_made(&target, &ct);
}

/// Exports one ring on a scan with these axes and reads it back.
fn there_and_back(ct: &LoadedCt, ring: &Ring, target: &Path) -> Vec<[f64; 2]> {
    let mut roi: Roi = with_rings("ring", Role::Organ, Provenance::Drawn, Vec::new());
    roi.slices.insert(2, Arc::new(SliceContours::new(vec![ring.clone()])));
    let structures = StructureSet { rois: vec![roi] };
    let wish = ExportRequest { overwrite: true, ..request(ct, &structures, &[]) };
    export_structure_set(&wish, target).expect("exports");
    for value in contour_data(target)[&1].iter().flat_map(|d| d.split('\\')) {
        assert!(value.trim_end().len() <= 16, "{value}");
    }
    load_made(target, ct).expect("loads").rois[0].slices[&2].rings[0].points().to_vec()
}

#[test]
fn any_ring_that_is_drawn_reads_back_exactly_on_an_axial_and_on_a_turned_scan() {
    let out = tempfile::tempdir().expect("temporary folder");
    let axial = small_ct(&out.path().join("axial"));
    let turned = glam::DQuat::from_euler(glam::EulerRot::XYZ, 0.3, -0.2, 0.1);
    let positions = (0..6).map(|k| 2.0 * f64::from(k)).collect();
    let grid = VoxelGrid::new(DVec3::ZERO, turned * DVec3::X, turned * DVec3::Y, [1.0; 2], [16, 16], positions);
    write_stack(&out.path().join("turned"), grid.expect("a grid"), 1, 1);
    let oblique = load_folder(&out.path().join("turned")).1;
    let target = out.path().join("set.dcm");
    // The last are voxel centres, where a lost digit would lose a voxel.
    let coordinate = prop_oneof![-600.0..600.0f64, -1e5..1e5f64, -1e-3..1e-3f64, (-10i32..26).prop_map(f64::from)];
    let rings = proptest::collection::vec((coordinate.clone(), coordinate), 3..40);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&rings, |points| {
            let ring = Ring::new(points.into_iter().map(|(u, v)| [u, v]));
            prop_assume!(ring.points().len() >= 3);
            prop_assert_eq!(there_and_back(&axial, &ring, &target), ring.points());
            prop_assert_eq!(there_and_back(&oblique, &ring, &target), ring.points());
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
}

// Strict reading, by hand with pydicom 3.0.2 in Python 3.11:
//
// ```python
// import sys, pydicom
// pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE
// def walk(data_set):
//     errors = 0
//     for tag in list(data_set.keys()):
//         try:
//             element = data_set[tag]
//             errors += sum(map(walk, element.value)) if element.VR == "SQ" else element.value is NotImplemented
//         except Exception as error:
//             errors += 1
//             print(tag, error)
//     return errors
// for name in sys.argv[1:]:
//     print(name, walk(pydicom.dcmread(name)), "errors")
// ```
//
// 0 errors each: the set and three images of `hilum phantom --seed 11 --size 96x96x48 --spacing 4x4x6`, its set
// exported again, and the exports of 4dlung-113, rtutils-phantom/sample and dicompyler-breast. That of sts012-ct
// has the 1 error of its source, a Study ID of 18 characters. A set into which a value of 19 bytes was put by hand
// has 1. `dciodvfy`: 0 errors on the first two (and see `export.rs`).
