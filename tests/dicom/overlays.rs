//! PET, dose and registrations beside a CT: every dialect gives the values that were written at the place where they
//! were written, and what cannot be used is refused by name. No real PET or dose is among the test data, so all of
//! these files are made; the plan is a real one.

use crate::support::bench::{even, write_case};
use crate::support::overlays::*;
use crate::support::test_data;
use glam::DVec3;
use hilum::dicom::{LoadedOverlay, OverlayKind, OverlaySource, scan};
use hilum::image::Quantity;
use hilum::progress::Silent;
use std::path::Path;

fn sources(folder: &Path) -> Vec<OverlaySource> {
    let scan = scan(&[folder.to_path_buf()], &Silent).expect("readable");
    scan.beside.overlays_for(&scan.series.first().expect("a CT").frame_of_reference_uid)
}

/// A folder with the made CT.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temporary folder");
    write_case(&dir.path().join("ct"), &["Plan"], even());
    dir
}

fn load(source: &OverlaySource) -> LoadedOverlay {
    source.load(&Silent).unwrap_or_else(|e| panic!("{e}"))
}

/// The only overlay of a folder with these files.
fn only(files: &[Made]) -> (tempfile::TempDir, OverlaySource) {
    let dir = folder();
    write_all(files, &dir.path().join("more"));
    let mut found = sources(dir.path());
    found.retain(|s| s.kind != OverlayKind::Registration);
    assert_eq!(found.len(), 1, "{found:?}");
    (dir, found.remove(0))
}

const POINTS: [DVec3; 4] = [
    DVec3::new(20.0, 20.0, 15.0),
    DVec3::new(21.3, 33.7, 7.9),
    DVec3::new(40.0, 10.1, 29.5),
    DVec3::new(5.1, 50.2, 3.3),
];

/// The ramp is read exactly at points between the voxels, times a factor.
#[track_caller]
fn assert_ramp(loaded: &LoadedOverlay, factor: f64) {
    for p in POINTS {
        let value = loaded.volume.sample(p).unwrap_or_else(|| panic!("nothing at {p}"));
        let expected = ramp(p) * factor;
        assert!((value - expected).abs() < 1e-5 * expected, "{value} instead of {expected} at {p}");
    }
    assert_eq!(loaded.volume.sample(DVec3::new(-20.0, 20.0, 15.0)), None);
}

#[test]
fn a_pet_series_becomes_suv_at_its_place_in_any_position_of_the_patient() {
    let usual = Place::usual();
    let (columns, rows) = (f64::from(usual.size[0] - 1) * 3.0, f64::from(usual.size[1] - 1) * 2.5);
    let prone = Place {
        origin: usual.origin + DVec3::new(columns, rows, 0.0),
        directions: [-DVec3::X, -DVec3::Y],
        ..usual.clone()
    };
    // Feet first: rows run to the right, the normal to the feet.
    let feet_first = Place {
        origin: usual.origin + DVec3::new(columns, 0.0, 36.0),
        directions: [-DVec3::X, DVec3::Y],
        ..usual.clone()
    };
    for place in [usual, prone, feet_first] {
        let mut files = pet(&place, &ct_frame(), ramp);
        files.reverse();
        let (_dir, source) = only(&files);
        assert_eq!((source.kind, source.description.as_str()), (OverlayKind::Pet, "FDG whole body"));
        let loaded = load(&source);
        assert_eq!((loaded.volume.quantity, loaded.volume.unit.as_str()), (Quantity::Suv, "g/ml"));
        assert!(loaded.method.contains("60.0 min"), "{}", loaded.method);
        assert_ramp(&loaded, SUV_PER_BQML);
    }
}

#[test]
fn without_a_weight_a_pet_series_shows_raw_values_and_says_so() {
    let mut files = pet(&Place::usual(), &ct_frame(), ramp);
    for file in &mut files {
        file.remove(0x0010_1030);
    }
    let (_dir, source) = only(&files);
    let loaded = load(&source);
    assert_eq!((loaded.volume.quantity, loaded.volume.unit.as_str()), (Quantity::RawPet, "Bq/ml"));
    assert!(loaded.warnings.iter().any(|w| w.text.contains("Patient's Weight (0010,1030) is missing")));
    assert_ramp(&loaded, 1.0);
}

#[test]
fn padding_of_a_pet_series_is_no_value_and_a_lost_image_is_told() {
    let mut files = pet(&Place::usual(), &ct_frame(), |p| if p.x > 30.0 { ramp(p) } else { 0.0 });
    for file in &mut files {
        file.set_us(0x0028_0120, 0);
    }
    let (_dir, source) = only(&files);
    let loaded = load(&source);
    assert_eq!(loaded.volume.sample(DVec3::new(20.0, 20.0, 15.0)), None);
    assert!(loaded.volume.sample(DVec3::new(40.0, 20.0, 15.0)).is_some());
    files.remove(4);
    let (_dir, source) = only(&files);
    let loaded = load(&source);
    assert!(loaded.warnings.iter().any(|w| w.text.contains("Missing slices")), "{:?}", loaded.warnings);
}

/// Gy; at most 16 bits of mGy.
fn gy(p: DVec3) -> f64 {
    ramp(p) / 1000.0
}

#[test]
fn a_dose_is_the_same_in_every_dialect_of_its_offsets_and_pixels() {
    let usual = Place::usual();
    let falling = Place {
        origin: usual.origin + DVec3::new(0.0, 0.0, 36.0),
        offsets_mm: usual.offsets_mm.iter().map(|o| -o).collect(),
        ..usual.clone()
    };
    for place in [&usual, &falling] {
        let absolute: Vec<String> = place.offsets_mm.iter().map(|o| (place.origin.z + o).to_string()).collect();
        for bits in [16, 32] {
            for offsets in [None, Some(absolute.join("\\"))] {
                let mut file = dose(place, &ct_frame(), bits, gy);
                if let Some(offsets) = &offsets {
                    file.set(0x3004_000C, "DS", offsets);
                }
                let (_dir, source) = only(&[file]);
                let loaded = load(&source);
                assert_eq!((loaded.volume.quantity, loaded.volume.unit.as_str()), (Quantity::Dose, "Gy"));
                assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
                assert_ramp(&loaded, 0.001);
            }
        }
    }
}

#[test]
fn a_dose_of_a_prone_or_turned_patient_lies_where_it_was_given() {
    let usual = Place::usual();
    let (columns, rows) = (f64::from(usual.size[0] - 1) * 3.0, f64::from(usual.size[1] - 1) * 2.5);
    let prone = Place {
        origin: usual.origin + DVec3::new(columns, rows, 0.0),
        directions: [-DVec3::X, -DVec3::Y],
        ..usual.clone()
    };
    // The normal points to the feet: positive offsets go down.
    let turned = Place {
        origin: usual.origin + DVec3::new(0.0, rows, 36.0),
        directions: [DVec3::X, -DVec3::Y],
        ..usual.clone()
    };
    // Coronal planes.
    let coronal = Place {
        origin: DVec3::new(4.0, 6.0, 34.0),
        directions: [DVec3::X, -DVec3::Z],
        spacing_ij_mm: [3.0, 4.0],
        size: [20, 10],
        offsets_mm: (0..22).map(|k| 2.5 * f64::from(k)).collect(),
    };
    for place in [&prone, &turned, &coronal] {
        let (_dir, source) = only(&[dose(place, &ct_frame(), 16, gy)]);
        assert_ramp(&load(&source), 0.001);
    }
    // Positions in the patient are defined for one orientation only.
    let mut file = dose(&turned, &ct_frame(), 16, gy);
    let absolute: Vec<String> = turned.offsets_mm.iter().map(|o| (34.0 - o).to_string()).collect();
    file.set(0x3004_000C, "DS", &absolute.join("\\"));
    let (_dir, source) = only(&[file]);
    let error = source.load(&Silent).expect_err("refused").to_string();
    assert!(error.contains("orientation 1, 0, 0, 0, 1, 0 only"), "{error}");
}

#[test]
fn uneven_frames_of_a_dose_keep_their_places() {
    let place = Place { offsets_mm: vec![0.0, 4.0, 6.0, 12.0, 20.0, 36.0], ..Place::usual() };
    let (_dir, source) = only(&[dose(&place, &ct_frame(), 16, gy)]);
    assert_ramp(&load(&source), 0.001);
}

#[test]
fn what_makes_a_dose_useless_is_named() {
    type Change = for<'a> fn(&'a mut Made) -> &'a mut Made;
    let cases: [(Change, &str); 14] = [
        (|f| f.set(0x3004_0002, "CS", "CGY"), "Dose Units (3004,0002) are CGY"),
        (|f| f.remove(0x3004_0002), "Dose Units (3004,0002) are missing"),
        (|f| f.set(0x3004_0004, "CS", "ERROR"), "Dose Type (3004,0004) is ERROR"),
        (|f| f.remove(0x0028_0010), "holds no dose grid"),
        (|f| f.remove(0x3004_000E), "Dose Grid Scaling (3004,000E) is missing"),
        (|f| f.set(0x3004_000E, "DS", "0"), "Dose Grid Scaling (3004,000E) is 0"),
        (|f| f.remove(0x3004_000C), "Grid Frame Offset Vector (3004,000C) is missing"),
        (|f| f.set(0x3004_000C, "DS", "0\\4\\8"), "has 3 values for 10 frames"),
        (|f| f.set(0x3004_000C, "DS", "0\\4\\8\\8\\16\\20\\24\\28\\32\\36"), "neither rises nor falls"),
        (|f| f.set(0x3004_000C, "DS", "7\\11\\15\\19\\23\\27\\31\\35\\39\\43"), "begins with 7, neither"),
        (|f| f.set_bytes(0x0028_0009, "AT", &[0x18, 0, 0x63, 0x10]), "Frame Increment Pointer (0028,0009)"),
        (|f| f.set(0x0020_0037, "DS", "0.866025\\0.5\\0\\-0.5\\0.866025\\0"), "oblique"),
        (|f| f.set_us(0x0028_0100, 8), "16 and 32 whole bits"),
        (|f| f.set_bytes(0x7FE0_0010, "OW", &[0; 100]), "cut off within the pixels"),
    ];
    for (change, words) in cases {
        let mut file = dose(&Place::usual(), &ct_frame(), 16, gy);
        change(&mut file);
        let (_dir, source) = only(&[file]);
        let why = source.load(&Silent).expect_err(words).to_string();
        assert!(why.contains(words), "{why:?} does not say {words:?}");
    }
}

#[test]
fn relative_and_partial_doses_are_shown_with_a_warning() {
    let mut file = dose(&Place::usual(), &ct_frame(), 16, gy);
    file.set(0x3004_0002, "CS", "RELATIVE").set(0x3004_000A, "CS", "BEAM");
    let (_dir, source) = only(&[file]);
    assert_eq!(source.details, "dose of one beam, relative, no Gy");
    let loaded = load(&source);
    assert_eq!((loaded.volume.quantity, loaded.volume.unit.as_str()), (Quantity::RelativeDose, "relative"));
    let texts: Vec<&str> = loaded.warnings.iter().map(|w| w.text.as_str()).collect();
    assert!(texts[0].contains("not the whole dose of a plan") && texts[1].contains("cannot be given in Gy"));
    let reference = loaded.reference.expect("the maximum");
    assert!(reference.origin.contains("maximum"), "{}", reference.origin);
    assert!((reference.gy - loaded.volume.range().expect("values")[1]).abs() < 1e-9);
}

#[test]
fn the_prescribed_dose_comes_from_the_plan_of_the_dose() {
    let with = |plans: &[Made], refers: Option<&str>| {
        let mut file = dose(&Place::usual(), &ct_frame(), 16, gy);
        if let Some(uid) = refers {
            refer_to_plan(&mut file, uid);
        }
        let (_dir, source) = only(&[&[file], plans].concat());
        let reference = load(&source).reference.expect("always one");
        (reference.gy, reference.origin)
    };
    let plans = [plan("1.2.3.1", &[60.0, 66.0]), plan("1.2.3.2", &[45.0])];
    let (gy, origin) = with(&plans, Some("1.2.3.1"));
    assert_eq!(gy, 66.0);
    assert_eq!(origin, "prescribed dose of the plan of this dose, the highest of its targets");
    assert_eq!(with(&plans, Some("1.2.3.2")).0, 45.0);
    assert!(with(&plans, Some("1.2.3.9")).1.contains("maximum of this dose, for the plan of this dose is not"));
    assert!(with(&plans, None).1.contains("maximum"), "which of two plans is not ours to guess");
    let (gy, origin) = with(&plans[..1], None);
    assert!(gy == 66.0 && origin.contains("only plan of the study"), "{origin}");
    assert!(with(&[plan("1.2.3.1", &[])], None).1.contains("has no Target Prescription Dose"));
}

#[test]
fn a_real_plan_gives_the_dose_that_it_prescribes() {
    let Some(data) = test_data("dicompyler-breast") else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    let frame = "2.16.840.1.113662.2.12.0.3057.1241703565.36";
    let mut file = dose(&Place::usual(), frame, 16, gy);
    file.set(0x0020_000D, "UI", "2.16.840.1.113662.2.12.0.3057.1241703565.35");
    file.write(&dir.path().join("dose.dcm"));
    let scan = scan(&[data, dir.path().to_path_buf()], &Silent).expect("readable");
    let found = scan.beside.overlays_for(&scan.series.first().expect("a CT").frame_of_reference_uid);
    assert_eq!(found.len(), 1);
    // Two references of type TARGET, 14 and 11.31 Gy.
    assert_eq!(load(&found[0]).reference.expect("of the plan").gy, 14.0);
}

const OTHER: &str = "1.2.826.0.1.3680043.10.41";
const THIRD: &str = "1.2.826.0.1.3680043.10.42";

/// A dose in another frame of reference with a hot spot at one place, and registrations.
fn hot_spot(registrations: &[Made], at: DVec3) -> (tempfile::TempDir, OverlaySource) {
    let place = Place { origin: DVec3::new(-100.0, -100.0, -60.0), size: [70, 80], ..Place::usual() };
    let place = Place { offsets_mm: (0..40).map(|k| 4.0 * f64::from(k)).collect(), ..place };
    let file = dose(&place, OTHER, 16, |p| (60.0 - p.distance(at)).max(0.0));
    only(&[&[file], registrations].concat())
}

#[test]
fn a_registration_puts_the_landmark_of_the_overlay_on_that_of_the_ct() {
    let landmark_of_ct = DVec3::new(30.0, 25.0, 16.0);
    let matrix = turn_z(30.0, DVec3::new(12.0, -7.0, 5.0));
    let motion = hilum::geometry::Rigid::from_rows(matrix).expect("rigid");
    let ct = ct_frame();
    let rigid = |m: [f64; 16]| vec![("RIGID", m)];
    let back = turn_z(-30.0, DVec3::ZERO);
    let shift = |x: f64, y: f64, z: f64| turn_z(0.0, DVec3::new(x, y, z));
    // The overlay is moved into the frame of the CT; the CT into that of the overlay; in two matrices, one after
    // the other; through a third frame.
    let moved = motion.inverse().apply(landmark_of_ct);
    let cases: [(&str, Vec<Made>, usize); 4] = [
        ("overlay to CT", vec![registration("1.2.5.1", &ct, &[(OTHER, rigid(matrix))])], 1),
        (
            "CT to overlay",
            vec![registration(
                "1.2.5.1",
                OTHER,
                &[
                    (OTHER, rigid(shift(0.0, 0.0, 0.0))),
                    (&ct, vec![("RIGID", shift(-12.0, 7.0, -5.0)), ("RIGID", back)]),
                ],
            )],
            1,
        ),
        (
            "two matrices",
            vec![registration(
                "1.2.5.1",
                &ct,
                &[(OTHER, vec![("RIGID", turn_z(30.0, DVec3::ZERO)), ("AFFINE", shift(12.0, -7.0, 5.0))])],
            )],
            1,
        ),
        (
            "through a third frame",
            vec![
                registration("1.2.5.1", THIRD, &[(OTHER, rigid(turn_z(30.0, DVec3::ZERO)))]),
                registration("1.2.5.2", &ct, &[(THIRD, rigid(shift(12.0, -7.0, 5.0)))]),
            ],
            2,
        ),
    ];
    for (name, registrations, steps) in cases {
        let (_dir, source) = hot_spot(&registrations, moved);
        let placement = source.placement.as_ref().unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((placement.registrations, placement.registration.is_some()), (steps, true), "{name}");
        let loaded = load(&source);
        let at = |p: DVec3| loaded.volume.sample(p).expect("inside");
        let there = at(landmark_of_ct);
        assert!(there > 57.0, "{name}: {there}");
        for side in [DVec3::X, DVec3::Y, DVec3::Z] {
            let (a, b) = (at(landmark_of_ct + side * 12.0), at(landmark_of_ct - side * 12.0));
            assert!((a - b).abs() < 1.5 && a < there && b < there, "{name}: the spot is centred ({a}, {b})");
        }
    }
}

#[test]
fn registrations_that_cannot_be_used_are_told_and_nothing_is_shown_through_them() {
    let ct = ct_frame();
    let mut stretch = turn_z(0.0, DVec3::ZERO);
    stretch[0] = 1.1;
    let mut mirror = turn_z(0.0, DVec3::ZERO);
    mirror[10] = -1.0;
    let with = |kind: &'static str, m: [f64; 16]| registration("1.2.5.1", &ct, &[(OTHER, vec![(kind, m)])]);
    for (files, words) in [
        (vec![], "no registration joins the two"),
        (vec![with("RIGID", stretch)], "scales or shears by up to 0.21"),
        (vec![with("RIGID_SCALE", stretch)], "type RIGID_SCALE"),
        (vec![with("AFFINE", mirror)], "mirrors the patient (type AFFINE)"),
        (
            vec![registration("1.2.5.1", THIRD, &[(OTHER, vec![("RIGID", turn_z(1.0, DVec3::ZERO))])])],
            "no registration",
        ),
    ] {
        let (_dir, source) = hot_spot(&files, DVec3::ZERO);
        let why = source.placement.as_ref().expect_err(words);
        assert!(why.contains(words), "{why:?} does not say {words:?}");
        assert!(source.load(&Silent).is_err());
    }
    // A newer one counts, whatever the order of the files.
    let older = with("RIGID", turn_z(0.0, DVec3::new(1.0, 0.0, 0.0)));
    let mut newer = registration("1.2.5.2", &ct, &[(OTHER, vec![("RIGID", turn_z(0.0, DVec3::new(2.0, 0.0, 0.0)))])]);
    newer.set(0x0008_0033, "TM", "140000");
    for files in [[older.clone(), newer.clone()], [newer, older]] {
        let (_dir, source) = hot_spot(&files, DVec3::ZERO);
        let placement = source.placement.expect("placed");
        assert_eq!(placement.ct_from_overlay.apply(DVec3::ZERO), DVec3::new(2.0, 0.0, 0.0));
    }
}

#[test]
fn deformable_registrations_enhanced_pet_and_frames_not_named_are_listed_with_the_reason() {
    let dir = folder();
    deformable("1.2.6.1").write(&dir.path().join("deformable.dcm"));
    let mut enhanced = pet(&Place::usual(), &ct_frame(), ramp).remove(0);
    enhanced.class = "1.2.840.10008.5.1.4.1.1.130";
    enhanced.set(0x0008_0016, "UI", enhanced.class).set(0x0020_000E, "UI", "1.2.6.2");
    enhanced.write(&dir.path().join("enhanced.dcm"));
    let mut nowhere = dose(&Place::usual(), "", 16, gy);
    nowhere.remove(0x0020_0052).write(&dir.path().join("dose.dcm"));
    let found = sources(dir.path());
    let reason = |kind: OverlayKind| {
        let source = found.iter().find(|s| s.kind == kind).unwrap_or_else(|| panic!("no {kind}"));
        source.placement.as_ref().expect_err("not placed").clone()
    };
    assert_eq!(found.len(), 3);
    assert!(reason(OverlayKind::Registration).contains("deformable spatial registration"));
    assert!(reason(OverlayKind::Pet).contains("enhanced multi-frame PET"));
    assert!(reason(OverlayKind::Dose).contains("Frame of Reference UID (0020,0052)"));
}
