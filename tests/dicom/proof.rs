//! The proof of an export: what is repaired and listed, what is inherited and named, that nothing is introduced,
//! and that the file beside the set says so later.
//!
//! Errors of the real sets by dciodvfy (dicom3tools 1.00~20240118) were compared with ours. It sees the same but
//! for one kind: it adds a summary line where a value breaks its representation. Ours sees more: references that
//! lead nowhere and contours that are none, about which dciodvfy says nothing.

use super::export::{dciodvfy_errors, request, with_rings};
use super::made_sets::{Item, Syntax, change, closed, contour, file, items, items_of, of_image, roi, square};
use super::made_sets::{structure_set, text};
use super::odd_sets::{load_made, small_ct};
use super::{contour_data, load_folder, load_set};
use crate::support::test_data;
use hilum::contour::{Ring, SliceContours};
use hilum::dicom::{
    Comparison, ExportProof, FindingKind, LoadedCt, LoadedStructureSet, ProofCheckError, check_export,
    export_structure_set, proof_path,
};
use hilum::structures::{Generation, Provenance, Roi, RoiId, Role, StructureSet};
use std::path::Path;
use std::sync::Arc;

fn case_of(set: &LoadedStructureSet) -> StructureSet {
    let rois = set.rois.iter().enumerate().map(|(n, r)| Roi { id: RoiId(n as u32 + 1), ..r.clone() }).collect();
    StructureSet { rois }
}

fn export(ct: &LoadedCt, structures: &StructureSet, set: &LoadedStructureSet, target: &Path) -> ExportProof {
    export_structure_set(&request(ct, structures, &[Arc::clone(&set.source)]), target).expect("exports")
}

fn errors(findings: &[hilum::dicom::Finding]) -> Vec<&str> {
    findings.iter().filter(|f| f.kind == FindingKind::Error).map(|f| f.attribute.as_str()).collect()
}

/// The keyword of an error line of `dciodvfy -new`: the last part of the path that it begins with.
fn keywords(lines: &[String]) -> Vec<String> {
    let of = |line: &String| {
        let path = line.split("</").nth(1)?.split('>').next()?;
        Some(path.rsplit('/').next()?.split('(').next()?.to_owned())
    };
    let mut found: Vec<String> = lines.iter().filter_map(of).collect();
    found.sort();
    found.dedup();
    found
}

/// Moves the first ring of the first structure that has one.
fn edited(structures: &StructureSet) -> StructureSet {
    let mut structures = structures.clone();
    let roi = structures.rois.iter_mut().find(|r| !r.slices.is_empty()).expect("a structure with contours");
    let (&k, contours) = roi.slices.iter().next().expect("a slice");
    let mut rings = contours.rings.clone();
    rings[0] = Ring::new(rings[0].points().iter().map(|p| [p[0] + 0.4, p[1] - 0.3]));
    roi.slices.insert(k, Arc::new(SliceContours::new(rings)));
    roi.generation = roi.generation.edited();
    structures
}

#[test]
fn headers_and_references_of_real_sets_are_repaired_and_the_rest_is_named() {
    // Attributes repaired, and errors that stay: a study ID is nobody's to shorten.
    let cases: [(&str, &[&str], &[&str]); 4] = [
        (
            "4dlung-113",
            &["OperatorsName", "PositionReferenceIndicator", "FrameOfReferenceUID", "ContourImageSequence"],
            &[],
        ),
        ("dicompyler-breast", &["OperatorsName", "PositionReferenceIndicator", "FrameOfReferenceUID"], &[]),
        ("rtutils-phantom/sample", &["PositionReferenceIndicator", "FrameOfReferenceUID"], &[]),
        ("sts012-ct", &["OperatorsName", "PositionReferenceIndicator"], &["StudyID"]),
    ];
    for (name, repaired, stay) in cases {
        let Some(folder) = test_data(name) else { return };
        let (found, ct) = load_folder(&folder);
        let source = &found.structure_sets[0].path;
        let set = load_set(source, &ct);
        let out = tempfile::tempdir().expect("temporary folder");
        for (what, structures) in [("untouched", case_of(&set)), ("edited", edited(&case_of(&set)))] {
            let target = out.path().join(format!("{what}.dcm"));
            let proof = export(&ct, &structures, &set, &target);
            let place = format!("{name}, {what}");
            let listed: Vec<&str> = proof.repairs.iter().map(|r| r.attribute.as_str()).collect();
            assert_eq!(listed, repaired, "{place}");
            assert!(proof.repairs.iter().all(|r| r.before != r.after && !r.why.is_empty()), "{:?}", proof.repairs);
            assert_eq!(proof.conformance.introduced, [], "{place}");
            let mut inherited = errors(&proof.conformance.inherited);
            inherited.dedup();
            assert_eq!(inherited, stay, "{place}");
            assert!(check_export(&target, None).is_ok_and(|c| c.agrees), "{place}");
            if let (Some(before), Some(after)) = (dciodvfy_errors(source), dciodvfy_errors(&target)) {
                assert_eq!(keywords(&after), stay, "{place}");
                // What it saw in the source is what ours saw there.
                let mut ours: Vec<String> = [&proof.conformance.repaired, &proof.conformance.inherited]
                    .into_iter()
                    .flat_map(|f| errors(f))
                    .map(str::to_owned)
                    .collect();
                ours.sort();
                ours.dedup();
                assert_eq!(keywords(&before), ours, "{place}");
            }
        }
        assert_eq!(contour_data(source), contour_data(&out.path().join("untouched.dcm")), "{name}");
    }
}

#[test]
fn sets_made_here_have_no_error_untouched_or_edited() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = small_ct(&out.path().join("ct"));
    let ring = |half: f64| {
        Ring::new([[-half, -half], [half, -half], [half, half], [-half, half]].map(|[u, v]| [u + 7.0, v + 7.0]))
    };
    let rois = vec![
        with_rings("GTVp", Role::Gtvp, Provenance::Drawn, vec![(1, vec![ring(5.0), ring(2.0)]), (2, vec![ring(4.0)])]),
        with_rings("空", Role::Organ, Provenance::Drawn, vec![]),
    ];
    let structures = StructureSet { rois };
    let first = out.path().join("first.dcm");
    let proof = export_structure_set(&request(&ct, &structures, &[]), &first).expect("exports");
    assert_eq!((proof.conformance, proof.repairs.len()), (Comparison::default(), 0));
    assert_eq!(dciodvfy_errors(&first).unwrap_or_default(), Vec::<String>::new());
    let set = load_set(&first, &ct);
    for (name, structures) in [("again.dcm", case_of(&set)), ("edited.dcm", edited(&case_of(&set)))] {
        let target = out.path().join(name);
        let proof = export(&ct, &structures, &set, &target);
        assert_eq!((proof.conformance, proof.repairs), (Comparison::default(), vec![]), "{name}");
        assert_eq!(dciodvfy_errors(&target).unwrap_or_default(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn what_can_be_proved_of_a_broken_set_is_repaired_and_listed() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = small_ct(&out.path().join("ct"));
    let good =
        |k: usize| of_image(&ct.meta.slices[k].sop_instance_uid, closed(&square([7.5, 7.5], 3.0, 2.0 * k as f64)));
    let load = |spoil: &dyn Fn(&mut Item)| {
        let mut data = structure_set(&ct.meta, vec![roi("one", vec![good(1), good(2)]), roi("two", vec![good(3)])]);
        spoil(&mut data);
        let path = out.path().join("source.dcm");
        std::fs::write(&path, file(&data, Syntax::Implicit)).expect("written");
        let set = load_made(&path, &ct).expect("loads");
        let target = out.path().join("target.dcm");
        let _gone = (std::fs::remove_file(&target), std::fs::remove_file(proof_path(&target)));
        let proof = export(&ct, &case_of(&set), &set, &target);
        assert_eq!((proof.rings_identical, proof.contours), (3, 3));
        assert_eq!(proof.conformance.introduced, []);
        proof
    };
    let repairs = |proof: &ExportProof| {
        proof.repairs.iter().map(|r| (r.attribute.clone(), r.before.clone(), r.after.clone())).collect::<Vec<_>>()
    };
    let one = |a: &str, b: &str, c: &str| vec![(a.to_owned(), b.to_owned(), c.to_owned())];
    assert_eq!(load(&|_| {}).repairs, []);

    // Dates: rewritten where they say the same, as in the CT of the same study, or empty; the old text stays in the proof.
    let proof = load(&|data| change(data, 8, 0x20, Some(text(8, 0x20, "DA", "31/12/2025"))));
    assert_eq!(repairs(&proof), one("StudyDate", "\"31/12/2025\"", &format!("\"{}\"", ct.meta.study_date)));
    let proof = load(&|data| change(data, 8, 0x23, Some(text(8, 0x23, "DA", "2025.12.31"))));
    assert_eq!(repairs(&proof), one("ContentDate", "\"2025.12.31\"", "\"20251231\""));
    let proof = load(&|data| change(data, 8, 0x33, Some(text(8, 0x33, "TM", "noon"))));
    assert_eq!(repairs(&proof), one("ContentTime", "\"noon\"", "empty"));

    // The chain to the images, from nothing but the references of the contours.
    let proof = load(&|data| {
        change(data, 0x3006, 0x10, None);
        change(data, 0x20, 0x52, None);
        for roi in items_of(data, 0x3006, 0x20) {
            change(roi, 0x3006, 0x24, None);
        }
    });
    let found: Vec<String> = proof.repairs.iter().map(|r| r.attribute.clone()).collect();
    let frames = ["ReferencedFrameOfReferenceUID", "ReferencedFrameOfReferenceUID", "FrameOfReferenceUID"];
    assert_eq!(found[0], "FrameOfReferenceUID");
    assert_eq!(found[1..4], frames);
    assert_eq!(found[4..], ["ReferencedFrameOfReferenceSequence"]);
    assert_eq!(errors(&proof.conformance.inherited), Vec::<&str>::new());

    // A set that names other images than those of the CT: nobody can know, so it stays and is named.
    let proof = load(&|data| {
        change(data, 0x3006, 0x10, None);
        for roi in items_of(data, 0x3006, 0x39) {
            for contour in items_of(roi, 0x3006, 0x40) {
                let image = vec![text(8, 0x1150, "UI", "1.2.840.10008.5.1.4.1.1.2"), text(8, 0x1155, "UI", "1.2.99")];
                change(contour, 0x3006, 0x16, Some(items(0x3006, 0x16, vec![image])));
            }
        }
    });
    assert_eq!(errors(&proof.conformance.inherited), ["ContourImageSequence"; 3]);

    // An ROI without observation gets an empty one; a set without any is left alone: it may have been cut off.
    let proof = load(&|data| drop(items_of(data, 0x3006, 0x80).pop()));
    assert_eq!(repairs(&proof), one("ReferencedROINumber", "missing", "an empty observation of ROI 2"));
    let proof = load(&|data| change(data, 0x3006, 0x80, None));
    assert_eq!((proof.repairs, errors(&proof.conformance.inherited)), (vec![], vec!["RTROIObservationsSequence"]));

    // Rings, names and numbers stay, right or wrong.
    let proof = load(&|data| {
        let roi = &mut items_of(data, 0x3006, 0x20)[0];
        change(roi, 0x3006, 0x26, Some(text(0x3006, 0x26, "LO", "n".repeat(70))));
        let ring = &mut items_of(&mut items_of(data, 0x3006, 0x39)[0], 0x3006, 0x40)[0];
        change(ring, 0x3006, 0x46, Some(text(0x3006, 0x46, "IS", "77")));
    });
    assert_eq!(
        (proof.repairs, errors(&proof.conformance.inherited)),
        (vec![], vec!["ROIName", "NumberOfContourPoints"])
    );
}

#[test]
fn new_contours_of_an_exclusive_or_roi_are_of_its_type() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = small_ct(&out.path().join("ct"));
    let xor = |half: f64, z: f64| contour("CLOSEDPLANAR_XOR", &square([7.5, 7.5], half, z));
    let data = structure_set(&ct.meta, vec![roi("xor", vec![xor(5.0, 2.0), xor(2.0, 2.0), xor(4.0, 4.0)])]);
    let path = out.path().join("source.dcm");
    std::fs::write(&path, file(&data, Syntax::Explicit)).expect("written");
    let set = load_made(&path, &ct).expect("loads");
    let target = out.path().join("edited.dcm");
    let proof = export(&ct, &edited(&case_of(&set)), &set, &target);
    assert_eq!((proof.contours, proof.rings_identical), (3, 2));
    assert_eq!(proof.conformance.introduced, []);
    let bytes = std::fs::read(&target).expect("readable");
    assert_eq!(bytes.windows(16).filter(|w| w == b"CLOSEDPLANAR_XOR").count(), 3);
}

#[test]
fn the_generation_algorithm_follows_the_truth() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = small_ct(&out.path().join("ct"));
    let written = |generation: &str, touch: bool| {
        let ring = closed(&square([7.5, 7.5], 3.0, 4.0));
        let mut data = structure_set(&ct.meta, vec![roi("one", vec![ring])]);
        let item = &mut items_of(&mut data, 0x3006, 0x20)[0];
        change(item, 0x3006, 0x36, Some(text(0x3006, 0x36, "CS", generation)));
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("source.dcm");
        std::fs::write(&path, file(&data, Syntax::Implicit)).expect("written");
        let set = load_made(&path, &ct).expect("loads");
        let structures = if touch { edited(&case_of(&set)) } else { case_of(&set) };
        let target = folder.path().join("target.dcm");
        export(&ct, &structures, &set, &target);
        load_made(&target, &ct).expect("loads").rois[0].generation
    };
    for (before, untouched, touched) in [
        ("AUTOMATIC", Generation::Automatic, Generation::Semiautomatic),
        ("SEMIAUTOMATIC", Generation::Semiautomatic, Generation::Semiautomatic),
        ("MANUAL", Generation::Manual, Generation::Manual),
        ("", Generation::Unknown, Generation::Manual),
    ] {
        assert_eq!((written(before, false), written(before, true)), (untouched, touched), "{before}");
    }
    // New ones: drawn by hand, by a network, proposed; the network's once somebody has corrected it.
    let square = Ring::new([[3.0, 3.0], [9.0, 3.0], [9.0, 9.0], [3.0, 9.0]]);
    let network = Provenance::Network { model_id: "n".into(), sha256: "ab".repeat(32), statement: "Made.".into() };
    let proposed = Provenance::Proposed { recipe: "GTV + 8 mm".into() };
    let made =
        |name: &str, provenance: Provenance| with_rings(name, Role::Other, provenance, vec![(2, vec![square.clone()])]);
    let mut corrected = made("corrected", network.clone());
    corrected.generation = corrected.generation.edited();
    let rois = vec![made("drawn", Provenance::Drawn), made("network", network), made("proposed", proposed), corrected];
    let target = out.path().join("new.dcm");
    export_structure_set(&request(&ct, &StructureSet { rois }, &[]), &target).expect("exports");
    let found: Vec<Generation> = load_set(&target, &ct).rois.iter().map(|r| r.generation).collect();
    assert_eq!(found, [Generation::Manual, Generation::Automatic, Generation::Automatic, Generation::Semiautomatic]);
}

#[test]
fn every_change_is_listed_with_what_was_before_and_after() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = small_ct(&out.path().join("ct"));
    let ring = |z: f64| closed(&square([7.5, 7.5], 3.0, z));
    let rois = vec![roi("one", vec![ring(2.0), ring(4.0)]), roi("two", vec![ring(4.0)]), roi("gone", vec![ring(6.0)])];
    let path = out.path().join("source.dcm");
    std::fs::write(&path, file(&structure_set(&ct.meta, rois), Syntax::Implicit)).expect("written");
    let set = load_made(&path, &ct).expect("loads");
    let mut structures = edited(&case_of(&set));
    structures.rois[1].name = "renamed".into();
    structures.rois[1].color = [9, 8, 7];
    structures.rois.remove(2);
    let square = Ring::new([[3.0, 3.0], [9.0, 3.0], [9.0, 9.0], [3.0, 9.0]]);
    structures
        .rois
        .push(Roi { id: RoiId(9), ..with_rings("new", Role::Ctv, Provenance::Drawn, vec![(2, vec![square])]) });
    let proof = export(&ct, &structures, &set, &out.path().join("target.dcm"));
    let words: Vec<String> = proof.attributes_changed.iter().map(ToString::to_string).collect();
    for expected in [
        "StructureSetLabel: made → Reviewed in Hilu",
        "ROIName of \"renamed\": two → renamed",
        "ROIDisplayColor of \"renamed\": 200\\100\\50 → 9\\8\\7",
        "ContourSequence of \"one\": 2 contours → 2 contours, 1 of them as they were",
        "ROINumber of \"gone\": 3 → not there",
        "StructureSetROISequence of \"new\": not there → added as ROI 3",
    ] {
        assert!(words.iter().any(|w| w == expected), "{expected}: {words:#?}");
    }
    assert!(!words.iter().any(|w| w.starts_with("PatientName")), "{words:#?}");
    let titles: Vec<String> = proof.sections().into_iter().map(|s| s.title).collect();
    assert_eq!(titles[..2], ["File", "Structures (3)"]);
    assert!(
        titles.iter().any(|t| t == &format!("Attributes changed against the source ({})", words.len())),
        "{titles:?}"
    );
}

#[test]
fn the_proof_beside_a_set_is_checked_later_and_knows_another_file() {
    let out = tempfile::tempdir().expect("temporary folder");
    let ct = small_ct(&out.path().join("ct"));
    let ring = |half: f64| {
        Ring::new([[-half, -half], [half, -half], [half, half], [-half, half]].map(|[u, v]| [u + 7.0, v + 7.0]))
    };
    let named = |name: &str| StructureSet {
        rois: vec![with_rings(name, Role::Gtvp, Provenance::Drawn, vec![(1, vec![ring(5.0)])])],
    };
    let target = out.path().join("set.dcm");
    let proof = export_structure_set(&request(&ct, &named("Doe lesion"), &[]), &target).expect("exports");
    let beside = out.path().join("set.proof.json");
    assert_eq!(proof_path(&target), beside);
    let read = |path: &Path| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(path).expect("there")).expect("JSON")
    };
    let kept = read(&beside);
    assert_eq!((kept["sha256"].as_str(), kept["version"].as_u64()), (Some(proof.sha256.as_str()), Some(1)));
    // The folder may be named after the patient; the name of the file stands beside it anyway.
    assert_eq!(kept["path"], "set.dcm");
    let check = check_export(&target, None).expect("both are there");
    assert!(check.agrees && check.sha256_same && (check.rois, check.contours, check.points) == (1, 1, 4));

    // The same length, another number in a ring; then a set that was exported later.
    let bytes = std::fs::read(&target).expect("there");
    let at = bytes.windows(4).position(|w| w == b"\\12\\").expect("a coordinate");
    let mut other = bytes.clone();
    other[at + 2] = b'3';
    std::fs::write(&target, &other).expect("written");
    let check = check_export(&target, None).expect("both are there");
    assert!(!check.agrees && check.differences.len() == 1 && check.differences[0].starts_with("SHA-256"), "{check:?}");
    let second = out.path().join("second.dcm");
    export_structure_set(&request(&ct, &named("Other"), &[]), &second).expect("exports");
    let check = check_export(&second, Some(&beside)).expect("both are there");
    assert!(
        check.differences.iter().any(|d| d.contains("now Other, in the proof Doe lesion")),
        "{:?}",
        check.differences
    );

    // Without a proof, and with what is none.
    let lonely = out.path().join("lonely.dcm");
    std::fs::copy(&second, &lonely).expect("copied");
    assert!(matches!(check_export(&lonely, None), Err(ProofCheckError::NoProof { .. })));
    for (text, why) in [
        ("no JSON", "no JSON"),
        ("{}", "does not say"),
        (r#"{"format": "Hilum export proof", "version": 99}"#, "newer program"),
        (r#"{"format": "Hilum export proof", "version": 1}"#, "damaged"),
    ] {
        std::fs::write(out.path().join("lonely.proof.json"), text).expect("written");
        let error = check_export(&lonely, None).expect_err("no proof").to_string();
        assert!(error.contains(why), "{error}");
    }
    // A file of that name that is no proof is nobody's to replace, not even where the set may be.
    let structures = named("x");
    let mut wish = request(&ct, &structures, &[]);
    wish.overwrite = true;
    let error = export_structure_set(&wish, &lonely).expect_err("refused").to_string();
    assert!(error.contains("lonely.proof.json"), "{error}");

    // Without identifiers: neither names nor UIDs nor values, and still a proof.
    let structures = named("Doe lesion");
    let hidden = out.path().join("hidden.dcm");
    let wish = hilum::dicom::ExportRequest { hide_identifiers: true, ..request(&ct, &structures, &[]) };
    let proof = export_structure_set(&wish, &hidden).expect("exports");
    let text = std::fs::read_to_string(proof_path(&hidden)).expect("there");
    for secret in ["Doe", "hidden.dcm", proof.sop_instance_uid.as_str(), ct.meta.patient.id.as_str()] {
        assert!(!secret.is_empty() && !text.contains(secret), "{secret}");
    }
    assert!(check_export(&hidden, None).is_ok_and(|c| c.agrees));
}
