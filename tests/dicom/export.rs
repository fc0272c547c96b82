//! What is exported reads back as it was, byte for byte where nobody touched it.

use super::{contour_data, copy_files, load_folder, load_set, scan_one, severities};
use crate::support::test_data;
use glam::DVec3;
use hilum::contour::{BooleanOp, Ring, SliceContours, boolean, capsule, rasterize};
use hilum::dicom::{
    Change, CtMeta, ExportError, ExportProof, ExportRequest, LoadedCt, LoadedStructureSet, Severity,
    SourceStructureSet, WriteCtError, export_structure_set, load_structure_set, write_ct_series,
};
use hilum::geometry::VoxelGrid;
use hilum::image::CtVolume;
use hilum::progress::Silent;
use hilum::structures::{Generation, Provenance, Roi, RoiId, Role, Station, StructureSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// The structures of a loaded set with the ids that a case would give.
fn case_of(set: &LoadedStructureSet) -> StructureSet {
    let rois = set.rois.iter().enumerate().map(|(n, r)| Roi { id: RoiId(n as u32 + 1), ..r.clone() }).collect();
    StructureSet { rois }
}

pub(super) fn request<'a>(
    ct: &'a LoadedCt,
    structures: &'a StructureSet,
    sources: &'a [Arc<SourceStructureSet>],
) -> ExportRequest<'a> {
    ExportRequest {
        ct: &ct.meta,
        grid: &ct.volume.grid,
        structures,
        sources,
        label: "Reviewed in Hilum, a long label",
        description: "Checked in a test.",
        overwrite: false,
        hide_identifiers: false,
    }
}

fn attribute(path: &Path, keyword: &str) -> Option<String> {
    let object = dicom_object::open_file(path).expect("another reader opens it");
    let element = object.element_by_name(keyword).ok()?;
    Some(element.to_str().expect("text").trim_end_matches([' ', '\0']).to_owned())
}

/// Attributes of the source that changed without being a repair or expected.
fn changed_beside_repairs(proof: &ExportProof, expected: &[&str]) -> Vec<Change> {
    let is_repair = |c: &Change| proof.repairs.iter().any(|r| r.path == c.path && r.attribute == c.attribute);
    let changes = proof.attributes_changed.iter();
    changes.filter(|c| !expected.contains(&c.attribute.as_str()) && !is_repair(c)).cloned().collect()
}

/// Error lines of dciodvfy; `None` where the tool is missing (a failure under CI).
pub(super) fn dciodvfy_errors(path: &Path) -> Option<Vec<String>> {
    let Ok(output) = Command::new("dciodvfy").arg("-new").arg(path).output() else {
        assert!(std::env::var_os("CI").is_none(), "under CI dicom3tools must be installed (make test does it)");
        eprintln!("skipped: dciodvfy is not installed");
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    let lines = String::from_utf8_lossy(&text);
    assert!(lines.contains("RTStructureSet") || lines.contains("CTImage"), "dciodvfy knows what it is: {lines}");
    let mut errors: Vec<String> = lines.lines().filter(|l| l.starts_with("Error")).map(str::to_owned).collect();
    errors.sort();
    errors.dedup();
    Some(errors)
}

fn no_new_errors(source: &Path, target: &Path) {
    if let (Some(before), Some(after)) = (dciodvfy_errors(source), dciodvfy_errors(target)) {
        let new: Vec<&String> = after.iter().filter(|e| !before.contains(e)).collect();
        assert!(new.is_empty(), "{new:#?}");
    }
}

fn assert_file_count(folder: &Path, expected: usize) {
    let names: Vec<_> = std::fs::read_dir(folder).expect("readable").flatten().map(|e| e.file_name()).collect();
    assert_eq!(names.len(), expected, "{names:?}");
}

fn assert_same_masks(ct: &LoadedCt, a: &StructureSet, b: &LoadedStructureSet) {
    assert_eq!(a.rois.len(), b.rois.len());
    for roi in &a.rois {
        let back = b.rois.iter().find(|r| r.name == roi.name).unwrap_or_else(|| panic!("{} is there", roi.name));
        let (x, y) = (rasterize(&ct.volume.grid, &roi.slices), rasterize(&ct.volume.grid, &back.slices));
        assert!(x == y, "{}", roi.name);
    }
}

#[test]
fn an_untouched_set_leaves_as_it_came() {
    let Some(folder) = test_data("4dlung-113") else { return };
    let (found, ct) = load_folder(&folder);
    let source = &found.structure_sets[0].path;
    let set = load_set(source, &ct);
    let structures = case_of(&set);
    let out = tempfile::tempdir().expect("temporary folder");
    let target = out.path().join("out.dcm");
    let sources = [Arc::clone(&set.source)];
    let proof = export_structure_set(&request(&ct, &structures, &sources), &target).expect("exports");
    assert_eq!((proof.rings_identical, proof.contours, proof.voxels_different), (55, 55, 0));
    assert_eq!(proof.largest_deviation_mm, 0.0);
    assert_eq!(contour_data(source), contour_data(&target));
    let expected = [
        "InstanceCreationDate",
        "InstanceCreationTime",
        "SOPInstanceUID",
        "ContributingEquipmentSequence",
        "SeriesInstanceUID",
        "StructureSetLabel",
        "StructureSetDescription",
        "StructureSetDate",
        "StructureSetTime",
        "PredecessorStructureSetSequence",
    ];
    let unexpected = changed_beside_repairs(&proof, &expected);
    assert!(unexpected.is_empty(), "{unexpected:?}");
    assert_eq!(attribute(&target, "StructureSetLabel").as_deref(), Some("Reviewed in Hilu"));
    assert_eq!(attribute(&target, "ApprovalStatus").as_deref(), Some("UNAPPROVED"));
    assert_eq!(attribute(&target, "StudyInstanceUID"), attribute(source, "StudyInstanceUID"));
    assert_ne!(attribute(&target, "SOPInstanceUID"), attribute(source, "SOPInstanceUID"));
    assert!(attribute(&target, "StructureSetDescription").is_some_and(|d| d.ends_with(hilum::RESEARCH_ONLY)));
    assert_eq!(proof.sha256.len(), 64);
    assert_file_count(out.path(), 2);
    assert_same_masks(&ct, &structures, &load_set(&target, &ct));
    no_new_errors(source, &target);
    serde_json::to_string(&proof).expect("the proof is data");
}

#[test]
fn nothing_but_identity_and_approval_of_real_sets_changes() {
    let allowed = [
        "InstanceCreationDate",
        "InstanceCreationTime",
        "SOPInstanceUID",
        "SeriesDate",
        "SeriesTime",
        "ContributingEquipmentSequence",
        "SeriesInstanceUID",
        "StructureSetLabel",
        "StructureSetDescription",
        "StructureSetDate",
        "StructureSetTime",
        "PredecessorStructureSetSequence",
        "ApprovalStatus",
        "ReviewDate",
        "ReviewTime",
        "ReviewerName",
    ];
    for name in ["dicompyler-breast", "4dlung-113", "rtutils-phantom/sample", "sts012-ct"] {
        let Some(folder) = test_data(name) else { return };
        let (found, ct) = load_folder(&folder);
        let source = &found.structure_sets[0].path;
        let set = load_set(source, &ct);
        let out = tempfile::tempdir().expect("temporary folder");
        let target = out.path().join("out.dcm");
        let sources = [Arc::clone(&set.source)];
        let proof = export_structure_set(&request(&ct, &case_of(&set), &sources), &target).expect("exports");
        let changed = changed_beside_repairs(&proof, &allowed);
        assert!(changed.is_empty(), "{name}: {changed:?}");
        assert_eq!(rois_apart_from_numbers(source), rois_apart_from_numbers(&target), "{name}");
        no_new_errors(source, &target);
    }
}

#[test]
fn edits_change_what_was_edited_and_nothing_else() {
    let Some(folder) = test_data("4dlung-113") else { return };
    let (found, ct) = load_folder(&folder);
    let source = &found.structure_sets[0].path;
    let set = load_set(source, &ct);
    let mut structures = case_of(&set);
    // A stroke on one slice of the tumor.
    let tumor = &mut structures.rois[0];
    let (&k, contours) = tumor.slices.iter().nth(10).expect("a slice");
    let source_contour = contours.rings[0].source_contour().expect("imported") as usize;
    let at = contours.rings[0].points()[0];
    let stroke = SliceContours::new(vec![capsule(at, [at[0] + 8.0, at[1] + 5.0], 6.0)]);
    let united = boolean(contours, &stroke, BooleanOp::Union);
    tumor.slices.insert(k, Arc::new(united));
    tumor.generation = tumor.generation.edited();
    // One of two rings of a slice of the nodes moved away, another slice erased.
    let nodes = &mut structures.rois[1];
    let (&two, pair) = nodes.slices.iter().find(|(_, s)| s.rings.len() == 2).expect("two rings on a slice");
    let moved = Ring::new(pair.rings[0].points().iter().map(|p| [p[0] + 0.5, p[1]]));
    let kept_ring = pair.rings[1].source_contour().expect("imported") as usize;
    let pair = SliceContours::new(vec![moved, pair.rings[1].clone()]);
    nodes.slices.insert(two, Arc::new(pair));
    let erased = *nodes.slices.keys().find(|k| **k != two).expect("a slice");
    let erased_rings = nodes.slices.remove(&erased).expect("there").rings.len();
    nodes.name = "LN 縦隔".into();
    nodes.color = [1, 2, 3];
    nodes.role = Role::Station(Station::S4R);
    // The carina goes; a new station with a hole and an island comes.
    structures.rois.remove(2);
    let square = |h: f64| Ring::new([[-h, -h], [h, -h], [h, h], [-h, h]].map(|[u, v]| [u + 20.0, v + 30.0]));
    let mut station = Roi::new(RoiId(9), "LN_IASLC_07", [9, 8, 7], Role::Station(Station::S7), Provenance::Drawn);
    station.slices.insert(40, Arc::new(SliceContours::new(vec![square(20.0), square(10.0), square(4.0)])));
    station.slices.insert(41, Arc::new(SliceContours::new(vec![square(20.0), Ring::new([[0.0, 0.0], [1.0, 1.0]])])));
    structures.rois.push(station);
    let proposed = Provenance::Proposed { recipe: "GTV + 8 mm".into() };
    let ctv = with_rings("CTV proposed", Role::Ctv, proposed.clone(), vec![(30, vec![square(9.0)])]);
    structures.rois.push(Roi { id: RoiId(10), ..ctv });

    let out = tempfile::tempdir().expect("temporary folder");
    let target = out.path().join("out.dcm");
    let sources = [Arc::clone(&set.source)];
    let proof = export_structure_set(&request(&ct, &structures, &sources), &target).expect("exports");
    assert_eq!(proof.notes.len(), 1, "{:?}", proof.notes);
    assert!(proof.largest_deviation_mm <= 1e-4);
    let back = load_set(&target, &ct);
    assert_same_masks(&ct, &structures, &back);
    let facts: Vec<_> =
        back.summaries.iter().map(|s| (s.name.as_str(), s.number, s.interpreted_type.as_str())).collect();
    assert_eq!(
        facts,
        [
            ("Tumor_c40", 17, "ORGAN"),
            ("LN 縦隔", 18, "ORGAN"),
            ("Vertebra_c40", 20, "ORGAN"),
            ("LN_IASLC_07", 21, "ORGAN"),
            ("CTV proposed", 22, "CTV")
        ]
    );
    // The set is of another program, but what this one proposed is still known as a proposal.
    assert_eq!(back.rois[4].provenance, proposed);
    assert!(matches!(back.rois[0].provenance, Provenance::Imported { .. }));
    assert_eq!(back.rois[1].color, [1, 2, 3]);
    assert_eq!(back.rois[3].generation, Generation::Manual);
    assert_eq!(attribute(&target, "SpecificCharacterSet").as_deref(), Some("ISO_IR 192"));
    let (before, after) = (contour_data(source), contour_data(&target));
    assert_eq!(before[&20], after[&20]);
    assert!(!after.contains_key(&19));
    let different: Vec<usize> = (0..28).filter(|n| before[&17][*n] != after[&17][*n]).collect();
    assert_eq!((different, after[&17].len()), (vec![source_contour], 28));
    assert!(after[&18].contains(&before[&18][kept_ring]));
    assert_eq!(after[&18].len(), before[&18].len() - erased_rings);
    assert_eq!(after[&18].iter().filter(|c| !before[&18].contains(c)).count(), 1);
    no_new_errors(source, &target);
}

/// A synthetic CT on this grid, written as DICOM and loaded again.
fn written_ct(grid: VoxelGrid, folder: &Path) -> LoadedCt {
    let value = |(k, j, i): (usize, usize, usize)| ((k * 997 + j * 31 + i * 7) % 4096) as i16 - 1024;
    let hu = ndarray::Array3::from_shape_fn(grid.shape(), value);
    let volume = CtVolume::new(Arc::new(grid), hu);
    let meta = CtMeta::synthetic("Phantom", 7, volume.grid.slices());
    let paths = write_ct_series(&volume, &meta, folder, &Silent).expect("written");
    assert_eq!(paths.len(), volume.grid.slices());
    let (_, ct) = load_folder(folder);
    assert_eq!(ct.volume.hu, volume.hu, "voxel for voxel");
    assert!(ct.meta.is_synthetic);
    let uids = |m: &CtMeta| m.slices.iter().map(|s| s.sop_instance_uid.clone()).collect::<Vec<_>>();
    assert_eq!(uids(&ct.meta), uids(&meta));
    assert!(matches!(write_ct_series(&volume, &meta, folder, &Silent), Err(WriteCtError::Exists(_))));
    ct
}

pub(super) fn with_rings(name: &str, role: Role, provenance: Provenance, slices: Vec<(usize, Vec<Ring>)>) -> Roi {
    let mut roi = Roi::new(RoiId(1), name, [200, 100, 50], role, provenance);
    roi.slices = slices.into_iter().map(|(k, rings)| (k, Arc::new(SliceContours::new(rings)))).collect();
    roi
}

#[test]
fn a_set_made_from_nothing_is_valid_and_reads_back() {
    let out = tempfile::tempdir().expect("temporary folder");
    let grid = VoxelGrid::axial(DVec3::new(-100.0, -90.0, -30.5), [1.25, 1.25, 3.0], [160, 144, 20]).expect("a grid");
    let ct = written_ct(grid, &out.path().join("ct"));
    let circle = |n: usize, r: f64, u: f64| {
        Ring::new((0..n).map(|m| {
            let a = std::f64::consts::TAU * m as f64 / n as f64;
            [u + r * a.cos() + 0.000_049, r * a.sin()]
        }))
    };
    let network =
        Provenance::Network { model_id: "diunet".into(), sha256: "ab".repeat(32), statement: "Synthetic.".into() };
    let proposed = Provenance::Proposed { recipe: "GTV + 8 mm".into() };
    let holes = vec![circle(90, 40.0, 0.0), circle(60, 20.0, 0.0), circle(30, 8.0, 0.0), circle(30, 9.0, -60.0)];
    let tumor = (3..9).map(|k| (k, vec![circle(50, 12.0, 5.0)])).collect();
    let rois = vec![
        with_rings("GTVp", Role::Gtvp, Provenance::Drawn, tumor),
        with_rings("GTVn", Role::Gtvn, Provenance::Drawn, vec![]),
        with_rings("CTV", Role::Ctv, proposed, vec![(0, holes.clone()), (19, holes)]),
        with_rings("食道", Role::Organ, Provenance::Phantom { seed: 7 }, vec![(10, vec![circle(40, 6.0, 1.0)])]),
        with_rings("Body outline", Role::Other, network, vec![(5, vec![circle(4000, 70.0, 0.0)])]),
    ];
    let structures = StructureSet { rois };
    let target = out.path().join("set.dcm");
    let proof = export_structure_set(&request(&ct, &structures, &[]), &target).expect("exports");
    assert_eq!(proof.contours, 6 + 8 + 1 + 1);
    assert_eq!((proof.voxels_different, proof.rings_identical), (0, 0));
    assert_eq!(proof.largest_deviation_mm, 0.0);
    let data = contour_data(&target);
    assert!(data[&5][0].len() > 65_534, "longer than Explicit VR can hold: {}", data[&5][0].len());
    assert!(data.values().flatten().flat_map(|d| d.split('\\')).all(|v| v.trim().len() <= 16));
    let back = load_set(&target, &ct);
    assert_same_masks(&ct, &structures, &back);
    let types: Vec<_> = back.summaries.iter().map(|s| s.interpreted_type.as_str()).collect();
    assert_eq!(types, ["GTV", "GTV", "CTV", "ORGAN", ""]);
    let generations: Vec<_> = back.rois.iter().map(|r| r.generation).collect();
    let (manual, automatic) = (Generation::Manual, Generation::Automatic);
    assert_eq!(generations, [manual, manual, automatic, automatic, automatic]);
    let texts: Vec<&str> = back.warnings.iter().map(|w| w.text.as_str()).collect();
    assert_eq!(texts, ["Without contours, kept on export: \"GTVn\""]);
    // A network and a proposal stay what they are; the rest is imported now.
    for (roi, again) in structures.rois.iter().zip(&back.rois) {
        match roi.provenance {
            Provenance::Network { .. } | Provenance::Proposed { .. } => assert_eq!(again.provenance, roi.provenance),
            _ => assert!(matches!(again.provenance, Provenance::Imported { .. }), "{:?}", again.provenance),
        }
    }
    // Every point of every ring is bit for bit what it was.
    for (roi, again) in structures.rois.iter().zip(&back.rois) {
        for (k, contours) in &roi.slices {
            let points = |c: &SliceContours| c.rings.iter().map(|r| r.points().to_vec()).collect::<Vec<_>>();
            assert_eq!(points(contours), points(&again.slices[k]), "{} {k}", roi.name);
        }
    }
    for file in [&target, &ct.meta.slices[0].path] {
        if let Some(errors) = dciodvfy_errors(file) {
            assert!(errors.is_empty(), "{errors:#?}");
        }
    }
    // Found as the set of this series, and exported a second time in place.
    let found = scan_one(out.path());
    assert_eq!(found.structure_sets[0].referenced_series_uids, [found.series[0].series_instance_uid.clone()]);
    let sources = [Arc::clone(&back.source)];
    let again = export_structure_set(&request(&ct, &case_of(&back), &sources), &out.path().join("again.dcm"));
    assert_eq!(again.expect("exports").rings_identical, 16);
    no_new_errors(&target, &out.path().join("again.dcm"));
}

#[test]
fn one_voxel_survives_every_patient_position_and_an_oblique_scan() {
    let oblique = glam::DQuat::from_euler(glam::EulerRot::XYZ, 0.1, -0.2, 0.3);
    let cases = [
        ("HFS", DVec3::X, DVec3::Y),
        ("HFP", -DVec3::X, -DVec3::Y),
        ("FFS", -DVec3::X, DVec3::Y),
        ("FFP", DVec3::X, -DVec3::Y),
        ("oblique", oblique * DVec3::X, oblique * DVec3::Y),
    ];
    for (name, i_direction, j_direction) in cases {
        let out = tempfile::tempdir().expect("temporary folder");
        let origin = DVec3::new(-12.3, 45.6, 7.8);
        let first = origin.dot(i_direction.cross(j_direction));
        let positions = (0..6).map(|k| first + 2.5 * f64::from(k)).collect();
        let grid = VoxelGrid::new(origin, i_direction, j_direction, [0.7, 1.3], [16, 12], positions).expect("a grid");
        let ct = written_ct(grid, &out.path().join("ct"));
        let grid = &ct.volume.grid;
        let corner = |dj: f64, di: f64| grid.plane_from_index(9.0 + di, 5.0 + dj);
        let ring = Ring::new([corner(-0.4, -0.4), corner(-0.4, 0.4), corner(0.4, 0.4), corner(0.4, -0.4)]);
        let rois = vec![with_rings("dot", Role::Other, Provenance::Drawn, vec![(2, vec![ring])])];
        let structures = StructureSet { rois };
        let target = out.path().join("set.dcm");
        export_structure_set(&request(&ct, &structures, &[]), &target).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mask = rasterize(grid, &load_set(&target, &ct).rois[0].slices);
        assert!(mask.count() == 1 && mask.get(2, 5, 9), "{name}");
    }
}

#[test]
fn a_scan_with_two_spacings_keeps_every_plane() {
    let out = tempfile::tempdir().expect("temporary folder");
    let dense = (0..10).map(|k| 3.0 * f64::from(k));
    let positions: Vec<f64> = dense.chain((0..10).map(|k| 33.0 + 6.0 * f64::from(k))).collect();
    let grid = VoxelGrid::new(DVec3::ZERO, DVec3::X, DVec3::Y, [1.0; 2], [32, 32], positions.clone()).expect("a grid");
    let ct = written_ct(grid, &out.path().join("ct"));
    assert_eq!(ct.volume.grid.positions_mm(), positions);
    assert!(ct.meta.geometry_safe && severities(&ct.warnings) == [Severity::Warning], "{:?}", ct.warnings);
    let ring = || Ring::new([[5.0, 5.0], [20.0, 5.0], [20.0, 20.0], [5.0, 20.0]]);
    let slices = (0..20).map(|k| (k, vec![ring()])).collect();
    let structures = StructureSet { rois: vec![with_rings("all", Role::Organ, Provenance::Drawn, slices)] };
    let target = out.path().join("set.dcm");
    export_structure_set(&request(&ct, &structures, &[]), &target).expect("exports");
    assert_eq!(load_set(&target, &ct).rois[0].slices.len(), 20);
}

#[test]
fn a_clinical_set_keeps_what_does_not_fit_the_scan() {
    let Some(folder) = test_data("dicompyler-breast") else { return };
    let (found, ct) = load_folder(&folder);
    let source = &found.structure_sets[0].path;
    let set = load_set(source, &ct);
    let structures = case_of(&set);
    let out = tempfile::tempdir().expect("temporary folder");
    let target = out.path().join("out.dcm");
    let sources = [Arc::clone(&set.source)];
    let proof = export_structure_set(&request(&ct, &structures, &sources), &target).expect("exports");
    assert_eq!(contour_data(source), contour_data(&target));
    assert_eq!(proof.rois.len(), 10);
    assert_eq!(attribute(source, "ApprovalStatus").as_deref(), Some("APPROVED"));
    assert_eq!(attribute(&target, "ApprovalStatus").as_deref(), Some("UNAPPROVED"));
    for keyword in ["ReviewDate", "ReviewTime", "ReviewerName"] {
        assert_eq!(attribute(&target, keyword), None, "{keyword}");
    }
    no_new_errors(source, &target);
}

#[test]
fn sources_are_never_overwritten_and_other_files_only_when_allowed() {
    let Some(folder) = test_data("rtutils-phantom/sample") else { return };
    let out = tempfile::tempdir().expect("temporary folder");
    copy_files(&folder, out.path());
    let (found, ct) = load_folder(out.path());
    let source = found.structure_sets[0].path.clone();
    let bytes = std::fs::read(&source).expect("readable");
    let set = load_set(&source, &ct);
    let structures = case_of(&set);
    let sources = [Arc::clone(&set.source)];
    let mut wish = request(&ct, &structures, &sources);
    wish.overwrite = true;
    assert!(matches!(export_structure_set(&wish, &source), Err(ExportError::WouldOverwriteSource(_))));
    let image = ct.meta.slices[0].path.clone();
    assert!(matches!(export_structure_set(&wish, &image), Err(ExportError::WouldOverwriteSource(_))));
    assert_eq!(std::fs::read(&source).expect("readable"), bytes);

    let target = out.path().join("mine.dcm");
    std::fs::write(&target, "something else").expect("written");
    wish.overwrite = false;
    assert!(matches!(export_structure_set(&wish, &target), Err(ExportError::Exists(_))));
    assert_eq!(std::fs::read(&target).expect("readable"), b"something else");
    wish.overwrite = true;
    export_structure_set(&wish, &target).expect("allowed");
    assert!(std::fs::metadata(&target).expect("there").len() > 1000);
    assert_file_count(out.path(), 8);
    let nowhere = out.path().join("no folder/out.dcm");
    assert!(matches!(export_structure_set(&wish, &nowhere), Err(ExportError::Io { .. })));
    let empty = StructureSet::default();
    assert!(matches!(export_structure_set(&request(&ct, &empty, &[]), &nowhere), Err(ExportError::Nothing)));
}

/// What a structure set says about each ROI besides its numbers, in the order of the sequences.
fn rois_apart_from_numbers(path: &Path) -> Vec<String> {
    let object = dicom_object::open_file(path).expect("another reader opens it");
    let mut all = Vec::new();
    for (sequence, left_out) in [
        ("StructureSetROISequence", vec![(0x3006, 0x0022)]),
        ("ROIContourSequence", vec![(0x3006, 0x0084)]),
        ("RTROIObservationsSequence", vec![(0x3006, 0x0084), (0x3006, 0x0082)]),
    ] {
        for item in object.element_by_name(sequence).expect("there").items().expect("items") {
            let mut item = item.clone();
            for (group, element) in &left_out {
                item.remove_element(dicom_core::Tag(*group, *element));
            }
            let mut bytes = Vec::new();
            let implicit = dicom_transfer_syntax_registry::entries::IMPLICIT_VR_LITTLE_ENDIAN.erased();
            item.write_dataset_with_ts(&mut bytes, &implicit).expect("encoded");
            all.push(bytes.iter().map(|b| char::from(*b)).collect());
        }
    }
    all
}

#[test]
fn rois_of_a_second_source_join_the_first_with_all_their_items() {
    let Some(folder) = test_data("rtutils-phantom") else { return };
    let (found, ct) = load_folder(&folder.join("sample"));
    let path = &found.structure_sets[0].path;
    let first = load_set(path, &ct);
    let other = folder.join("bad/invalid_reference_rt.dcm");
    let second = load_structure_set(&other, &ct.volume.grid, &ct.meta, 1).expect("loads");
    let sources = [Arc::clone(&first.source), Arc::clone(&second.source)];
    let out = tempfile::tempdir().expect("temporary folder");
    let mut structures = case_of(&first);
    structures.rois.extend(case_of(&second).rois);

    let target = out.path().join("joined.dcm");
    let proof = export_structure_set(&request(&ct, &structures, &sources), &target).expect("exports");
    let joined: Vec<String> = contour_data(&target).into_values().flatten().collect();
    let apart: Vec<String> =
        [contour_data(path), contour_data(&other)].into_iter().flat_map(|m| m.into_values().flatten()).collect();
    assert_eq!((&joined, proof.rings_identical), (&apart, apart.len()));
    let (one, two, both) =
        (rois_apart_from_numbers(path), rois_apart_from_numbers(&other), rois_apart_from_numbers(&target));
    assert_eq!((one.len(), two.len(), both.len()), (12, 12, 24));
    for n in 0..3 {
        assert_eq!(both[8 * n..8 * n + 4], one[4 * n..4 * n + 4], "sequence {n}");
        assert_eq!(both[8 * n + 4..8 * n + 8], two[4 * n..4 * n + 4], "sequence {n}");
    }
    // The rest is the first set, edited in place: its private attributes, its series of changes.
    assert!(
        proof.attributes_changed.iter().all(|a| a.attribute != "Manufacturer" || !a.roi.is_empty()),
        "{:?}",
        proof.attributes_changed
    );
    assert_eq!(attribute(&target, "Manufacturer"), attribute(path, "Manufacturer"));
    assert_eq!(proof.notes.len(), 1, "{:?}", proof.notes);
    let numbers: Vec<i32> = proof.rois.iter().map(|r| r.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    no_new_errors(path, &target);

    // A source of which nothing is left does not count.
    structures.rois.retain(|r| r.source.is_some_and(|s| s.set == 1));
    let target = out.path().join("second.dcm");
    let proof = export_structure_set(&request(&ct, &structures, &sources), &target).expect("exports");
    assert!(proof.notes.is_empty(), "{:?}", proof.notes);
    assert_eq!(rois_apart_from_numbers(&target), two);
    assert_eq!(contour_data(&target), contour_data(&other));
    let uid = attribute(&other, "SOPInstanceUID").expect("there");
    let object = dicom_object::open_file(&target).expect("opens");
    let predecessors =
        object.element_by_name("PredecessorStructureSetSequence").expect("there").items().expect("items");
    assert_eq!(predecessors.len(), 1);
    let named = predecessors[0].element_by_name("ReferencedSOPInstanceUID").expect("there").to_str().expect("text");
    assert_eq!(named.trim_end_matches('\0'), uid);
}

#[test]
fn edits_of_a_set_placed_by_position_name_the_images_of_this_ct() {
    let Some(folder) = test_data("sts012-ct") else { return };
    let (found, ct) = load_folder(&folder);
    let source = &found.structure_sets[0].path;
    let set = load_set(source, &ct);
    let mut structures = case_of(&set);
    let roi = &mut structures.rois[0];
    let (&k, contours) = roi.slices.iter().find(|(_, s)| s.rings.len() == 1).expect("a slice with one ring");
    let shifted = contours.rings.iter().map(|r| Ring::new(r.points().iter().map(|p| [p[0] + 3.0, p[1]]))).collect();
    roi.slices.insert(k, Arc::new(SliceContours::new(shifted)));
    let out = tempfile::tempdir().expect("temporary folder");
    let target = out.path().join("out.dcm");
    let sources = [Arc::clone(&set.source)];
    let proof = export_structure_set(&request(&ct, &structures, &sources), &target).expect("exports");
    assert_eq!((proof.contours, proof.rings_identical), (22, 21));
    let back = load_set(&target, &ct);
    assert!(back.warnings.iter().any(|w| w.text.starts_with("21 of 22 contours refer")), "{:?}", back.warnings);
}
