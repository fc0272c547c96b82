//! Where a recurrence lies: the whole way from two scans on disk to station, pattern and coverage, and what is refused.

use crate::cli::check_documented;
use crate::registration::{another_scan, motion};
use crate::support::overlays::{Place, dose, plan, refer_to_plan, registration};
use assert_cmd::Command;
use glam::DVec3;
use hilum::contour::{Mask, contours_from_mask};
use hilum::dicom::{CtMeta, ExportRequest, export_structure_set, write_ct_series};
use hilum::geometry::{Rigid, VoxelGrid};
use hilum::progress::Silent;
use hilum::recurrence::move_contours;
use hilum::structures::{Provenance, Roi, RoiId, Role, Station, StructureSet};
use hilum::workbench::{Case, load_case};
use ndarray::Array3;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

const PLAN_UID: &str = "1.2.826.0.1.3680043.10.60";

pub fn hilum(args: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("hilum").expect("the program is built with the tests");
    let out = command.args(args).env_remove("HILUM_LOG").output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (out.status.code().expect("not killed"), text(out.stdout), text(out.stderr))
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

/// A synthetic patient with a plan and a dose, and a follow-up through a known motion with a recurrence in station 7.
pub struct Patient {
    pub folder: tempfile::TempDir,
    /// Middle of the recurrence on the planning CT, mm.
    pub center: DVec3,
    pub truth: Rigid,
    /// Of the recurrence inside the CTV, and of station 7, percent; counted on the planning voxels.
    in_ctv: f64,
    in_dose: f64,
    station_in_ctv: f64,
    frames: [String; 2],
}

pub fn read(paths: &[PathBuf]) -> Case {
    load_case(paths, &Silent, &mut |_| Ok(())).unwrap_or_else(|e| panic!("{e}")).case
}

fn ball(grid: &VoxelGrid, center: DVec3, radius_mm: f64) -> Mask {
    Mask::from_dense(&Array3::from_shape_fn(grid.shape(), |(k, j, i)| {
        grid.patient_from_voxel(k, j as f64, i as f64).distance(center) <= radius_mm
    }))
}

fn middle(mask: &Mask, grid: &VoxelGrid) -> DVec3 {
    let (mut sum, mut n) = (DVec3::ZERO, 0.0);
    for (&k, slice) in &mask.slices {
        for (j, i) in slice.voxels() {
            sum += grid.patient_from_voxel(k, j as f64, i as f64);
            n += 1.0;
        }
    }
    sum / n
}

pub static PATIENT: LazyLock<Patient> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (planned, later) = (folder.path().join("plan"), folder.path().join("later"));
    let made = ["phantom", "-o", text(&planned), "--seed", "12", "--size", "96x96x56", "--spacing", "4x4x5", "--quiet"];
    let (code, _, errors) = hilum(&made);
    assert_eq!(code, 0, "{errors}");
    let case = read(std::slice::from_ref(&planned));
    let grid = case.grid();
    let station = case.role_mask(Role::Station(Station::S7));
    let center = middle(&station, grid);
    let recurrence = ball(grid, center, 11.0);
    let frame = case.image.meta.frame_of_reference_uid.clone();

    // 60 Gy below a plane 4 mm above the middle of the recurrence, 40 Gy above it.
    let place = Place {
        origin: center - DVec3::splat(60.0),
        directions: [DVec3::X, DVec3::Y],
        spacing_ij_mm: [3.0, 3.0],
        size: [41, 41],
        offsets_mm: (0..61).map(|k| 2.0 * f64::from(k)).collect(),
    };
    let mut file = dose(&place, &frame, 16, |p| if p.z < center.z + 4.0 { 60.0 } else { 40.0 });
    refer_to_plan(&mut file, PLAN_UID);
    file.write(&planned.join("dose.dcm"));
    plan(PLAN_UID, &[60.0]).write(&planned.join("plan.dcm"));

    let truth = motion(grid.center(), [3.0, -2.0, 6.0], [14.0, 70.0, -310.0]);
    let volume = another_scan(&case.image.volume, &truth, [4.0, 4.0, 5.0], 10.0);
    let mut meta = CtMeta::synthetic("Follow-up", 77, volume.grid.slices());
    meta.patient = case.image.meta.patient.clone();
    write_ct_series(&volume, &meta, &later.join("ct"), &Silent).expect("written");
    let drawn = contours_from_mask(grid, &recurrence);
    let moved = move_contours(&drawn, grid, &volume.grid, &truth.inverse());
    let mut roi = Roi::new(RoiId(1), "GTVrec", [200, 30, 30], Role::Other, Provenance::Drawn);
    roi.slices = moved.slices;
    let structures = StructureSet { rois: vec![roi] };
    let request = ExportRequest {
        ct: &meta,
        grid: &volume.grid,
        structures: &structures,
        sources: &[],
        label: "Follow-up",
        description: "",
        overwrite: false,
        hide_identifiers: false,
    };
    export_structure_set(&request, &later.join("rs.dcm")).expect("exported");

    let ctv = case.role_mask(Role::Ctv);
    let share = |of: &Mask| of.intersection(&ctv).volume_cm3(grid) / of.volume_cm3(grid) * 100.0;
    Patient {
        center,
        truth,
        in_ctv: share(&recurrence),
        // The planes of the dose lie 2 mm apart: 57 Gy are reached 0.3 mm above the last one with 60.
        in_dose: {
            let heights = recurrence.slices.iter().map(|(&k, s)| (grid.patient_from_voxel(k, 0.0, 0.0).z, s.count()));
            let below: u64 = heights.filter(|(z, _)| *z <= center.z + 2.3).map(|(_, n)| n).sum();
            below as f64 / recurrence.count() as f64 * 100.0
        },
        station_in_ctv: share(&station),
        frames: [frame, meta.frame_of_reference_uid.clone()],
        folder,
    }
});

pub fn locate(more: &[&str]) -> Value {
    let (plan, later) = (PATIENT.folder.path().join("plan"), PATIENT.folder.path().join("later"));
    let args = ["recurrence", text(&plan), text(&later), "--structure", "GTVrec", "--json"];
    let (code, out, errors) = hilum(&[&args, more].concat());
    assert_eq!(code, 0, "{errors}");
    serde_json::from_str(&out).expect("JSON")
}

fn refused(more: &[&str]) -> (i32, String) {
    let (plan, later) = (PATIENT.folder.path().join("plan"), PATIENT.folder.path().join("later"));
    let (code, _, errors) = hilum(&[&["recurrence", text(&plan), text(&later)], more].concat());
    (code, errors)
}

fn center(found: &Value) -> DVec3 {
    let at = |key: &str| found["recurrence"][key].as_f64().expect("a number");
    DVec3::new(at("x"), at("y"), at("z"))
}

/// The truth as sixteen numbers in a file: quick, and exact.
pub fn given() -> PathBuf {
    let path = PATIENT.folder.path().join("truth.txt");
    std::fs::write(&path, PATIENT.truth.rows().map(|x| format!("{x:.12}")).join(" ")).expect("written");
    path
}

#[test]
fn a_recurrence_in_station_7_is_found_there_with_pattern_coverage_and_dose() {
    let (board, set) = (PATIENT.folder.path().join("board.png"), PATIENT.folder.path().join("moved.dcm"));
    let found = locate(&["--checkerboard", text(&board), "-o", text(&set)]);
    check_documented("recurrence", &found);
    let number = |value: &Value| value.as_f64().expect("a number");
    assert!(center(&found).distance(PATIENT.center) < 1.5, "{} {}", center(&found), PATIENT.center);
    let registered = &found["registration"];
    assert!(registered["source"] == "bone" && registered["problem"].is_null(), "{registered}");
    assert!(number(&registered["correlation"]) > 0.7 && number(&registered["bone"]["mean_mm"]) < 2.5, "{registered}");
    assert!((number(&registered["turn_degrees"]) - PATIENT.truth.size().1).abs() < 0.5, "{registered}");
    assert_eq!((found["stations_by"].as_str(), found["station"]["proposed"].as_str()), (Some("set"), Some("7")));
    assert!(found["station"]["confirmed"].is_null() && found["station"]["statement"].to_string().contains("physicist"));

    let ctv = &found["ctv"];
    assert!((number(&ctv["inside_percent"]) - PATIENT.in_ctv).abs() < 6.0, "{ctv} {}", PATIENT.in_ctv);
    let coverage =
        found["coverage"].as_array().expect("a list").iter().find(|c| c["station"] == "7").expect("station 7");
    assert!((number(&coverage["ctv_percent"]) - PATIENT.station_in_ctv).abs() < 0.01, "{coverage}");
    let dose = &found["dose"];
    assert!((number(&dose["inside_percent"]) - PATIENT.in_dose).abs() < 6.0, "{dose} {}", PATIENT.in_dose);
    assert_eq!(dose["pattern"], "marginal");
    assert_eq!((number(&dose["reference_gy"]), number(&dose["isodose_gy"])), (60.0, 57.0));
    assert!((number(&dose["min_gy"]) - 40.0).abs() < 0.01 && (number(&dose["max_gy"]) - 60.0).abs() < 0.01, "{dose}");
    assert!(found["definitions"].to_string().contains("at least 80 %") && found["notes"].is_array());

    let picture = image::open(&board).expect("a picture").to_rgb8();
    let red = picture.pixels().filter(|p| p.0 == [255, 60, 60]).count();
    assert!(picture.width() > 1000 && picture.height() > 300 && red > 100, "{:?} {red}", picture.dimensions());
    let written = read(&[PATIENT.folder.path().join("plan/ct"), set]);
    let roi = written.structures().by_name("GTVrec").expect("in the new set");
    let cm3 = written.mask(roi.id).volume_cm3(written.grid());
    assert!((cm3 - number(&found["recurrence"]["volume_cm3"])).abs() < 0.01, "{cm3}");
    assert!(written.structures().by_name("CTV").is_some(), "the structures of the plan are there as well");
}

#[test]
fn registrations_of_other_programs_corrections_and_limits_are_taken() {
    let number = |value: &Value| value.as_f64().expect("a number");
    let exact = locate(&["--transform", text(&given())]);
    assert!(center(&exact).distance(PATIENT.center) < 1.0 && exact["registration"]["source"] == "file");
    let reg = PATIENT.folder.path().join("reg.dcm");
    let [frame, later] = &PATIENT.frames;
    registration("1.2.826.0.1.3680043.10.61", frame, &[(later, vec![("RIGID", PATIENT.truth.rows())])]).write(&reg);
    let by_object = locate(&["--transform", text(&reg)]);
    assert!(center(&by_object).distance(center(&exact)) < 0.01);

    // The JSON of an earlier run, shifted by hand.
    let earlier = PATIENT.folder.path().join("earlier.json");
    std::fs::write(&earlier, exact.to_string()).expect("written");
    let shifted = locate(&["--transform", text(&earlier), "--shift", "0,0,12", "--turn", "0,0,20", "--confirm", "4R"]);
    let moved = center(&shifted) - center(&exact);
    assert!((moved - DVec3::new(0.0, 0.0, 12.0)).length() < 1.0, "{moved}");
    assert_eq!(shifted["registration"]["correction"]["turn_degrees"], serde_json::json!([0.0, 0.0, 20.0]));
    assert!(
        number(&shifted["registration"]["correlation"]) < number(&exact["registration"]["correlation"]) - 0.2,
        "a wrong correction shows in the fit"
    );
    assert_eq!(shifted["station"]["confirmed"], "4R");
    assert!(shifted["coverage"].as_array().is_some_and(|c| c.iter().any(|c| c["station"] == "4R")));

    let strict =
        locate(&["--transform", text(&given()), "--in-field", "60", "--out-of-field", "60", "--isodose", "60"]);
    assert_eq!(strict["dose"]["pattern"], "in_field", "40 of 60 Gy is inside the 60 % isodose");
    let none = locate(&["--transform", text(&given()), "--no-dose", "--ctv", "CTV"]);
    assert!(none["dose"].is_null() && none["ctv"]["names"] == serde_json::json!(["CTV"]), "{none}");
    let words = hilum(&[
        "recurrence",
        text(&PATIENT.folder.path().join("plan")),
        text(&PATIENT.folder.path().join("later")),
        "--structure",
        "GTVrec",
        "--transform",
        text(&given()),
    ]);
    assert!(words.1.contains("Station proposed: 7") && words.1.contains("Not confirmed yet"), "{}", words.1);
    assert!(words.1.contains("Lee et al. 1999") && words.1.contains(hilum::RESEARCH_ONLY), "{}", words.1);
}

#[test]
fn what_cannot_be_located_is_refused_with_the_reason() {
    let given = given();
    let usual = ["--structure", "GTVrec", "--transform", text(&given)];
    let with = |more: &[&str]| refused(&[&usual, more].concat());
    let (code, error) = refused(&["--structure", "Tumor", "--transform", text(&given)]);
    assert!(
        code == 3 && error.contains("no structure is named \"Tumor\"") && error.contains("GTVrec"),
        "{code} {error}"
    );
    let (code, error) = with(&["--in-field", "10", "--out-of-field", "20"]);
    assert!(code == 2 && error.contains("--in-field"), "{code} {error}");
    // As both stand they lie apart.
    let (code, error) = refused(&["--structure", "GTVrec", "--align", "none"]);
    assert!(code == 3 && error.contains("beyond the planning CT"), "{code} {error}");
    let file = |name: &str, words: &str| {
        let path = PATIENT.folder.path().join(name);
        std::fs::write(&path, words).expect("written");
        path
    };
    let scaled = file("scaled.txt", "2 0 0 0 0 2 0 0 0 0 2 0 0 0 0 1");
    let (code, error) = refused(&["--structure", "GTVrec", "--transform", text(&scaled)]);
    assert!(code == 3 && error.contains("not rigid"), "{code} {error}");
    let words = file("words.txt", "no registration");
    let (code, error) = refused(&["--structure", "GTVrec", "--transform", text(&words)]);
    assert!(code == 3 && error.contains("no rigid spatial registration"), "{code} {error}");
    let (code, error) = with(&["--dose", "PET"]);
    assert!(code == 3 && error.contains("no overlay"), "{code} {error}");
    let plan = PATIENT.folder.path().join("plan/dose.dcm");
    let (code, error) = with(&["-o", text(&plan), "--overwrite"]);
    assert!(code == 1 && error.contains("never overwritten"), "{code} {error}");
}

#[test]
fn recurrences_of_a_cohort_are_counted_from_what_was_printed() {
    let given = given();
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = |name: &str, more: &[&str]| {
        let path = folder.path().join(name);
        std::fs::write(&path, locate(&[&["--transform", text(&given)], more].concat()).to_string()).expect("written");
        path
    };
    let (a, b, c) = (file("a.json", &["--confirm", "7"]), file("b.json", &[]), file("c.json", &["--confirm", "none"]));
    let (code, out, errors) = hilum(&["cohort", "recurrences", text(&a), text(&b), text(&c), "--json"]);
    assert_eq!(code, 0, "{errors}");
    let all: Value = serde_json::from_str(&out).expect("JSON");
    check_documented("cohort recurrences", &all);
    assert_eq!((&all["recurrences"], &all["confirmed"], &all["without_station"]), (&3.into(), &2.into(), &1.into()));
    let station = &all["stations"][0];
    assert_eq!((&station["station"], &station["recurrences"]), (&"7".into(), &2.into()));
    let median = station["ctv_percent"]["median"].as_f64().expect("a number");
    assert!((median - PATIENT.station_in_ctv).abs() < 0.01, "{median}");
    let marginal =
        all["patterns"].as_array().expect("a list").iter().find(|p| p["pattern"] == "marginal").expect("there");
    assert_eq!(marginal["by_isodose"], 3);
    assert!(all["notes"].to_string().contains("1 of 3 stations"), "{}", all["notes"]);
    let (code, out, _) = hilum(&["cohort", "recurrences", text(&a), text(&b)]);
    assert!(code == 0 && out.contains("Median") && out.contains("marginal"), "{out}");
    let (code, _, error) = hilum(&["cohort", "recurrences", text(&given)]);
    assert!(code == 3 && error.contains("no result of hilum recurrence"), "{code} {error}");
}
