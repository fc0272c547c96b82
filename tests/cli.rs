//! Promises of the command line, kept by the real program: results as text and JSON with the documented
//! keys, exit codes, files that read back, Ctrl-C.

use crate::support::bench::{even, write_case, write_three_series};
use crate::support::overlays::{Place, ct_frame, dose, ramp};
use crate::support::test_data;
use assert_cmd::Command;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

fn hilum(args: &[&str]) -> Command {
    let mut command = Command::cargo_bin("hilum").expect("the program is built with the tests");
    command.args(args).env_remove("HILUM_LOG");
    command
}

/// Standard output of a command that must succeed.
fn output(args: &[&str]) -> String {
    let out = hilum(args).output().expect("the program starts");
    let (text, errors) = (String::from_utf8(out.stdout), String::from_utf8_lossy(&out.stderr).into_owned());
    assert!(out.status.success(), "{args:?}: {errors}");
    text.expect("results are UTF-8")
}

fn json(args: &[&str]) -> Value {
    let text = output(&[args, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?} prints no JSON ({e}): {text}"))
}

/// Exit code and standard error of a command that must not succeed.
fn refusal(args: &[&str]) -> (i32, String) {
    let out = hilum(args).output().expect("the program starts");
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    (out.status.code().unwrap_or_else(|| panic!("{args:?} was killed: {errors}")), errors)
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().map(|o| o.keys().map(String::as_str).collect()).unwrap_or_default()
}

fn has_keys(value: &Value, wanted: &[&str]) {
    for key in wanted {
        assert!(keys(value).contains(key), "{key} is missing among {:?}", keys(value));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

/// A small synthetic case on disk, made once by the program itself.
struct SmallCase {
    _folder: tempfile::TempDir,
    root: PathBuf,
    set: PathBuf,
}

static SMALL: LazyLock<SmallCase> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = folder.path().join("case");
    let made = json(&["phantom", "-o", text(&root), "--seed", "11", "--size", "96x96x48", "--spacing", "4x4x6"]);
    assert_eq!((made["files"].as_u64(), made["slices"].as_u64()), (Some(48), Some(48)));
    let set = root.join("structures.dcm");
    assert_eq!(made["structure_set"].as_str(), Some(text(&set)));
    SmallCase { _folder: folder, root, set }
});

fn small() -> (&'static str, &'static str) {
    (text(&SMALL.root), text(&SMALL.set))
}

/// Shape and voxels of a version 1.0 file of uint8 in C order.
fn read_npy(path: &Path) -> ([usize; 3], Vec<u8>) {
    let bytes = std::fs::read(path).expect("the array was written");
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!((10 + length) % 64, 0);
    let header = std::str::from_utf8(&bytes[10..10 + length]).expect("ASCII");
    assert!(header.ends_with('\n') && header.contains("'descr': '|u1'") && header.contains("'fortran_order': False"));
    let shape = header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')')).expect("a shape").0;
    let shape: Vec<usize> = shape.split(',').map(|n| n.trim().parse().expect("a number")).collect();
    (shape.try_into().expect("three dimensions"), bytes[10 + length..].to_vec())
}

#[test]
fn inspect_shows_a_real_case() {
    let Some(case) = test_data("4dlung-113") else { return };
    let report = json(&["inspect", text(&case)]);
    has_keys(&report, &["patient", "series", "structures", "other_structure_sets", "uncertain_roles", "warnings"]);
    let series = &report["series"];
    assert_eq!(
        (series["slices"].as_u64(), series["rows"].as_u64(), series["axial"].as_bool()),
        (Some(99), Some(512), Some(true))
    );
    assert_eq!(series["spacing_mm"][0].as_f64().map(|s| (s * 1e4).round()), Some(9766.0));
    assert_eq!(
        (series["first_position_mm"].as_f64(), series["last_position_mm"].as_f64()),
        (Some(-1132.0), Some(-838.0))
    );
    let structures = report["structures"].as_array().expect("a list");
    // Volumes by pixel-centre rasterisation as given in the data's SOURCE.txt.
    for (name, role, contours, slices, cm3) in
        [("Tumor_c40", "GTVp", 28, 28, 67.56), ("LN_c40", "GTVn", 21, 16, 6.41), ("Vertebra_c40", "Organ", 5, 5, 9.87)]
    {
        let s = structures.iter().find(|s| s["name"] == name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(
            (s["role"].as_str(), s["contours"].as_u64(), s["slices"].as_u64()),
            (Some(role), Some(contours), Some(slices))
        );
        let volume = s["volume_cm3"].as_f64().expect("a volume");
        assert!((volume - cm3).abs() < 0.006, "{name}: {volume} cm3");
    }
    let hidden = json(&["inspect", text(&case), "--hide-identifiers"]);
    assert!(hidden["patient"].is_null() && hidden["series"]["series_instance_uid"].is_null());
    let patient = report["patient"]["id"].as_str().expect("an ID");
    let everything = hidden.to_string();
    assert!(!patient.is_empty() && !everything.contains(patient), "the ID {patient} shows");
}

#[test]
fn a_mask_is_an_array_with_the_volume_of_the_structure() {
    let Some(case) = test_data("4dlung-113") else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("tumor.npy");
    let report = json(&["mask", text(&case), "--roi", "Tumor_c40", "-o", text(&file)]);
    let (shape, voxels) = read_npy(&file);
    assert_eq!((shape, voxels.len()), ([99, 512, 512], 99 * 512 * 512));
    assert!(voxels.iter().all(|v| *v <= 1));
    let inside = voxels.iter().filter(|v| **v == 1).count();
    assert_eq!(report["voxels"].as_u64(), Some(inside as u64));
    let cm3 = inside as f64 * 0.9766 * 0.9766 * 3.0 / 1000.0;
    assert!((cm3 - 67.56).abs() < 0.006, "{cm3}");
    // Slices ascend from the feet to the head.
    let positions: Vec<f64> =
        report["positions_mm"].as_array().expect("a list").iter().filter_map(Value::as_f64).collect();
    assert!(positions.len() == 99 && positions.windows(2).all(|w| w[0] < w[1]));
    let (code, error) = refusal(&["mask", text(&case), "--roi", "Tumor_c40", "-o", text(&file)]);
    assert!(code == 1 && error.contains("--overwrite"), "{code} {error}");
}

#[test]
fn structures_become_segmentations_and_nifti_masks_that_agree() {
    let (case, set) = small();
    let folder = tempfile::tempdir().expect("temporary folder");
    let seg = folder.path().join("seg.dcm");
    let proof = json(&["seg", case, "-o", text(&seg), "--roi", "GTVp", "--roi", "CTV"]);
    has_keys(&proof, &["path", "sop_instance_uid", "sha256", "frames", "segments", "notes"]);
    let segments = proof["segments"].as_array().expect("a list");
    assert_eq!(segments.len(), 2);
    let (code, error) = refusal(&["seg", case, "-o", text(&seg)]);
    assert!(code == 1 && error.contains("--overwrite"), "{code} {error}");
    let (code, error) = refusal(&["seg", case, "-o", set, "--overwrite"]);
    assert!(code == 1 && error.contains("never overwritten"), "{code} {error}");
    assert!(output(&["seg", case, "-o", text(&seg), "--overwrite"]).contains("0 voxels different"));

    let masks = folder.path().join("masks");
    let report = json(&["nifti", case, "-o", text(&masks), "--roi", "GTVp", "--roi", "CTV", "--ct"]);
    let files = report["files"].as_array().expect("a list");
    let contents: Vec<&str> = files.iter().filter_map(|f| f["content"].as_str()).collect();
    assert_eq!(contents, ["mask", "mask", "ct"]);
    for (n, name) in ["GTVp", "CTV"].into_iter().enumerate() {
        let voxels = files[n]["structures"][0]["voxels"].as_u64();
        assert_eq!((voxels, segments[n]["name"].as_str()), (segments[n]["voxels"].as_u64(), Some(name)));
        let labels = hilum::nifti::read_labels(&masks.join(format!("{name}.nii.gz"))).expect("loads");
        assert_eq!(Some(labels.masks()[&1].count()), voxels);
    }
    let ct = hilum::nifti::read_ct(&masks.join("ct.nii.gz")).expect("loads");
    assert_eq!((ct.volume.grid.shape(), ct.notes.len()), ([48, 96, 96], 0));

    let labels = folder.path().join("nodes.nii.gz");
    output(&["nifti", case, "-o", text(&labels), "--labels", "--roi", "LN_IASLC_04_R", "--roi", "LN_IASLC_07"]);
    let table = std::fs::read_to_string(folder.path().join("nodes.csv")).expect("the names");
    assert_eq!(table, "id,structure\n1,\"LN_IASLC_04_R\"\n2,\"LN_IASLC_07\"\n");
    let (code, error) = refusal(&[
        "nifti",
        case,
        "-o",
        text(&folder.path().join("x.nii.gz")),
        "--labels",
        "--roi",
        "GTVp",
        "--roi",
        "CTV",
    ]);
    assert!(code == 3 && error.contains("share"), "{code} {error}");
    let (code, error) = refusal(&["nifti", case, "-o", text(&folder.path().join("x.nii"))]);
    assert!(code == 2 && error.contains("--roi"), "{code} {error}");
    let (code, _) = refusal(&["nifti", case, "-o", text(&masks), "--roi", "GTVp"]);
    assert_eq!(code, 1, "files that are there are kept");
    let (code, error) = refusal(&["seg", case, "-o", text(&folder.path().join("y.dcm")), "--roi", "No such thing"]);
    assert!(code == 3 && error.contains("No such thing"), "{code} {error}");
}

#[test]
fn features_come_in_the_frozen_order_with_units_and_flags() {
    let (case, _) = small();
    let report = json(&["features", case, "--clinical", "sex=m,age=63,t=3,smoking=800"]);
    has_keys(&report, &["schema", "schema_sha256", "definition", "ctv", "features", "flags", "research_only"]);
    let features = report["features"].as_array().expect("a list");
    let names: Vec<&str> = features.iter().filter_map(|f| f["name"].as_str()).collect();
    let frozen: Vec<String> = hilum::features::catalogue().iter().map(|f| f.name.clone()).collect();
    assert_eq!(names, frozen);
    let value = |name: &str| features.iter().find(|f| f["name"] == name).and_then(|f| f["value"].as_f64());
    assert_eq!(
        (value("c_sex_male"), value("c_age_gt60"), value("c_stage_t"), value("c_smoking_index")),
        (Some(1.0), Some(1.0), Some(3.0), Some(800.0))
    );
    assert!(value("g_ctv_cm3") > value("g_gtv_cm3") && value("g_gtv_cm3") > Some(0.0));
    assert_eq!(value("g_voxel_mm3"), Some(96.0));
    assert_eq!(report["ctv"]["source"], "structure");

    let folder = tempfile::tempdir().expect("temporary folder");
    let table = folder.path().join("features.csv");
    let shown = output(&["features", case, "--ctv", "proposed", "--csv", text(&table)]);
    assert!(shown.contains("a proposal: GTV + 8 mm") && shown.contains("Not a medical device"));
    let mut rows = csv::Reader::from_path(&table).expect("a table");
    assert_eq!(rows.headers().expect("titles"), vec!["index", "name", "value", "unit", "description", "flag"]);
    let rows: Vec<csv::StringRecord> = rows.records().map(|r| r.expect("a row")).collect();
    assert_eq!(rows.len(), 110);
    assert_eq!(&rows[96][1], "g_voxel_mm3");
    let age = rows.iter().find(|r| &r[1] == "c_age_gt60").expect("a row");
    assert_eq!((&age[2], &age[5]), ("", "clinical_missing"));
}

#[test]
fn without_a_ctv_there_are_no_features_and_no_risk() {
    let (case, _) = small();
    let report = json(&["features", case, "--role", "CTV=other"]);
    assert_eq!(report["ctv"]["source"], "none");
    assert!(report["features"].as_array().expect("a list").iter().all(|f| f["value"].is_null()));
    assert_eq!(report["flags"][0]["code"], "ctv_empty");
    let out = hilum(&["risk", case, "--role", "CTV=other", "--json"]).output().expect("the program starts");
    assert_eq!(out.status.code(), Some(3));
    let report: Value = serde_json::from_slice(&out.stdout).expect("JSON all the same");
    assert!(report["risk"].is_null() && report["refused"].as_str().is_some_and(|t| t.contains("CTV")));
}

#[test]
fn risk_says_that_its_patients_were_simulated() {
    let (case, _) = small();
    let report = json(&["risk", case, "--clinical", "sex=f,age=50,t=2,smoking=0"]);
    has_keys(
        &report,
        &["risk", "refused", "ctv", "model", "imputed", "out_of_range", "contributions", "flags", "research_only"],
    );
    let risk = report["risk"].as_f64().expect("a figure");
    assert!((0.0..=1.0).contains(&risk));
    assert_eq!(report["model"]["simulated"].as_bool(), Some(true));
    let changes: f64 =
        report["contributions"].as_array().expect("a list").iter().filter_map(|c| c["change"].as_f64()).sum();
    assert!((report["base"].as_f64().expect("a base") + changes - risk).abs() < 1e-6);
    assert!(output(&["risk", case]).contains("simulated patients"));
}

#[test]
fn an_export_compares_as_identical_with_its_source() {
    let (case, set) = small();
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("again.dcm");
    let proof = json(&["export", case, "-o", text(&file)]);
    assert!(!keys(&proof).is_empty());
    let line = output(&["export", case, "-o", text(&file), "--overwrite"]);
    assert_eq!(line.trim().lines().count(), 1, "{line}");
    let (code, error) = refusal(&["export", case, "-o", text(&file)]);
    assert!(code == 1 && error.contains("exists"), "{code} {error}");
    // The source is never overwritten, not even on request.
    let before = std::fs::read(set).expect("the source");
    let (code, _) = refusal(&["export", case, "-o", set, "--overwrite"]);
    assert!(code != 0);
    assert_eq!(std::fs::read(set).expect("the source"), before);

    let report = json(&["compare", case, "--reference", set, "--test", text(&file)]);
    has_keys(&report, &["pairs", "unpaired_reference", "unpaired_test", "definitions"]);
    let pairs = report["pairs"].as_array().expect("a list");
    assert!(pairs.len() >= 19, "{}", pairs.len());
    for pair in pairs {
        assert_eq!((pair["metrics"]["dsc"].as_f64(), pair["paired_by"].as_str()), (Some(1.0), Some("name")), "{pair}");
    }
    let one = json(&["compare", case, "--reference", set, "--test", text(&file), "--roi", "GTVp"]);
    assert_eq!(one["pairs"].as_array().map(Vec::len), Some(1));
    assert_eq!(one["pairs"][0]["metrics"]["hd95_mm"].as_f64(), Some(0.0));
}

#[test]
fn analyze_writes_everything_and_the_report_needs_no_other_file() {
    let (case, _) = small();
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = folder.path().join("report");
    let written = json(&["analyze", case, "-o", text(&out), "--no-segment", "--hide-identifiers"]);
    has_keys(
        &written,
        &["folder", "structure_set", "features", "risk", "report", "pictures", "segmented", "omissions"],
    );
    assert_eq!(written["segmented"].as_bool(), Some(false));
    for name in ["structures.dcm", "features.csv", "risk.json", "report.html"] {
        assert!(out.join(name).metadata().is_ok_and(|m| m.len() > 0), "{name} is missing");
    }
    let pictures = written["pictures"].as_array().expect("a list");
    assert!(pictures.len() >= 5);
    for picture in pictures {
        let picture = image::open(picture.as_str().expect("a path")).expect("a picture").to_rgb8();
        let (low, high) = picture.pixels().fold((255, 0), |(lo, hi), p| (p[0].min(lo), p[0].max(hi)));
        assert!(picture.width() > 400 && high - low > 150, "an empty picture");
    }
    let page = std::fs::read_to_string(out.join("report.html")).expect("the report");
    assert_eq!(page.matches(hilum::RESEARCH_ONLY).count(), 2);
    assert_eq!(page.matches("<img ").count(), pictures.len());
    assert_eq!(page.matches("src=\"data:image/png;base64,").count(), pictures.len());
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("<script"),
        "needs something else"
    );
    assert!(page.contains("identifiers hidden") && !page.contains("HILUM-SYNTHETIC-11"), "an identifier shows");
    assert!(page.contains("simulated patients"));
    let (code, _) = refusal(&["analyze", case, "-o", text(&out), "--no-segment"]);
    assert_eq!(code, 1, "results that are there are kept");
}

#[test]
fn what_cannot_be_used_is_refused_with_code_3() {
    let (case, set) = small();
    let empty = tempfile::tempdir().expect("temporary folder");
    std::fs::write(empty.path().join("notes.txt"), "no DICOM here").expect("written");
    let out = empty.path().join("out.npy");
    let out = text(&out);
    for args in [
        vec!["inspect", "/nowhere/at/all"],
        vec!["inspect", text(empty.path())],
        vec!["inspect", set],
        vec!["mask", case, "--roi", "No such thing", "-o", out],
        vec!["features", case, "--ctv", "No such thing"],
        vec!["risk", case, "--model", text(empty.path())],
        vec!["segment", case, "-o", out, "--model", text(empty.path())],
        vec!["compare", case, "--reference", set, "--test", text(empty.path())],
    ] {
        let (code, error) = refusal(&args);
        assert_eq!(code, 3, "{args:?}: {error}");
        let last = error.lines().last().unwrap_or_default();
        assert!(last.starts_with("error: ") && last.len() > 25, "{args:?}: {error}");
        assert!(!error.contains("Error(") && !error.contains("Err(") && !error.contains("{ "), "{error}");
    }
    assert!(!Path::new(out).exists());
}

#[test]
fn a_structure_set_of_another_frame_of_reference_is_refused() {
    let Some(phantom) = test_data("rtutils-phantom") else { return };
    let (case, foreign) = (phantom.join("sample"), phantom.join("bad/rt.dcm"));
    let (code, error) = refusal(&["compare", text(&case), "--reference", text(&foreign), "--test", text(&foreign)]);
    assert!(code == 3 && error.contains("frame of reference"), "{code} {error}");
    // Beside the CT it is a remark, and the case opens.
    let report = json(&["inspect", text(&case), text(&foreign)]);
    assert_eq!(report["structures"].as_array().map(Vec::len), Some(4));
}

/// Part of the promise below, on the same case.
fn stations_by_the_rules_are_written_with_what_they_rest_on(root: &Path) {
    let file = root.join("rules.dcm");
    let known: Value =
        serde_json::from_slice(&std::fs::read(root.join("landmarks.json")).expect("written")).expect("JSON");
    let mut known = known["landmarks"].as_array().expect("a list").iter();
    let azygos = known.find(|l| l["key"] == "z_azy").and_then(|l| l["z"].as_f64()).expect("known").round();
    let place = format!("z_azy={azygos}");
    let report = json(&["stations", text(root), "-o", text(&file), "--group", "zones", "--landmark", &place]);
    assert_eq!((&report["rules"]["key"], &report["rules"]["version"]), (&Value::from("iaslc-2009"), &Value::from(2)));
    let stations = report["stations"].as_array().expect("a list");
    assert_eq!(stations.len(), 16);
    for station in stations.iter().filter(|s| s["slices"].as_u64() > Some(0)) {
        // The case has stations of its own.
        assert!(station["name"].as_str().is_some_and(|n| n.starts_with("zRule_LN_IASLC_")), "{station}");
        let z = |key: &str| station[key].as_f64().expect("a height");
        assert!(z("top_z") >= z("bottom_z") && station["volume_cm3"].as_f64() > Some(0.2), "{station}");
    }
    let four_r = stations.iter().find(|s| s["station"] == "4R").expect("listed");
    let lower = &four_r["inferior"];
    assert_eq!((lower["z"].as_f64(), &lower["source"]), (Some(azygos), &Value::from("user")), "{lower}");
    assert_eq!(report["groups"].as_array().map(Vec::len), Some(6));
    assert_eq!(report["proof"]["voxels_different"], 0);
    assert!(report["nodes"]["statement"].as_str().is_some_and(|s| s.contains("staging")), "{}", report["nodes"]);
    // What the set says of itself.
    let back = json(&["inspect", text(&root.join("ct")), text(&file)]);
    let described = back["structures"].as_array().expect("a list").iter().find(|s| s["name"] == "zRule_LN_IASLC_07");
    let words = described.map(ToString::to_string).unwrap_or_default();
    assert!(words.contains("version 2 (iaslc-2009)") && words.contains("carina"), "{words}");
    std::fs::remove_file(&file).expect("written before");
    std::fs::remove_file(root.join("rules.proof.json")).expect("written before");
    // Landmarks the wrong way round: named, and nothing written.
    let (code, error) = refusal(&["stations", text(root), "-o", text(&file), "--landmark", "z_archT=-9000"]);
    assert!(code == 3 && error.contains("out of order") && error.contains("Top of the aortic arch"), "{error}");
    assert!(!file.exists());
    let (code, error) = refusal(&["stations", text(root), "--rules", "ajcc"]);
    assert!(code == 3 && error.contains("iaslc-2009, michigan-2005"), "{code} {error}");
}

#[test]
fn station_contours_are_held_against_the_rules() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = folder.path().join("case");
    let grid = ["--size", "176x176x90", "--spacing", "2.2x2.2x3"];
    output(&[&["phantom", "-o", text(&root), "--seed", "4"][..], &grid].concat());
    let report = json(&["check", text(&root)]);
    // Vessels are among the structures; the azygos is not read off them.
    assert_eq!(report["quality"], "some landmarks estimated", "{report}");
    assert_eq!(report["rules_version"], 2);
    let findings = report["findings"].as_array().expect("a list");
    // The contours follow landmarks that the command does not know.
    assert!(!findings.is_empty());
    for finding in findings {
        let (mm, cm3) = (finding["mm"].as_f64(), finding["cm3"].as_f64());
        assert!(mm.is_some() != cm3.is_some(), "{finding}");
        assert!(mm.is_none_or(|mm| mm.abs() >= 3.0) && cm3.is_none_or(|cm3| cm3 >= 0.1), "{finding}");
        let (first, last) = (finding["first_slice"].as_u64(), finding["last_slice"].as_u64());
        assert!(first >= Some(1) && last <= Some(90) && first <= last, "{finding}");
        assert!(finding["words"].as_str().is_some_and(|w| !w.contains("wrong")), "{finding}");
    }
    // 7 begins at the carina, which is found: its upper limit is the same by both.
    let superior = findings.iter().find(|f| f["station"] == "7" && f["kind"] == "superior");
    assert!(superior.is_none(), "{superior:?}");
    stations_by_the_rules_are_written_with_what_they_rest_on(&root);
    // A case without stations.
    let Some(patient) = test_data("4dlung-113") else { return };
    let (code, error) = refusal(&["check", text(&patient)]);
    assert!(code == 3 && error.contains("role of a station"), "{code} {error}");
}

#[test]
fn a_network_is_judged_on_phantoms_and_on_cases() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let one = ["evaluate", "--phantoms", "1", "--of", "reference", "--compare-gtv"];
    let report = json(&one);
    Documented::of("evaluate").check(&report, "evaluate");
    let mean = report["mean_dsc"].as_f64().expect("a mean");
    let stations = report["cases"][0]["stations"].as_array().expect("a list");
    let of_case = stations.iter().map(|s| s["dsc"].as_f64().expect("a value")).sum::<f64>() / stations.len() as f64;
    // One case: the mean over stations is the mean of the case.
    assert!((mean - of_case).abs() < 2e-3 && mean > 0.5, "{mean} {of_case}");
    assert!(stations.len() >= 14 && report["near_gtv"]["with"].as_f64() > Some(0.3), "{report}");
    // A case whose stations are those of the network: everything agrees. One without stations is left out.
    let root = folder.path().join("case");
    output(&[
        "phantom",
        "-o",
        text(&root),
        "--seed",
        "4",
        "--size",
        "128x128x60",
        "--spacing",
        "3x3x5",
        "--no-structures",
    ]);
    let (code, error) = refusal(&["evaluate", text(&root)]);
    assert!(code == 3 && error.contains("it has no stations"), "{code} {error}");
    let drawn = root.join("stations.dcm");
    output(&["segment", text(&root), "-o", text(&drawn)]);
    let report = json(&["evaluate", text(&root)]);
    assert!(report["mean_dsc"].as_f64() > Some(0.97), "{report}");
    assert_eq!((report["reference"].as_str(), report["cases"][0]["islands"].as_u64()), (Some("structures"), Some(0)));
    let by_rules = json(&["evaluate", text(&root), "--rules"]);
    assert_eq!(by_rules["reference"].as_str(), Some("rules"));
    assert!(by_rules["mean_dsc"].as_f64() < report["mean_dsc"].as_f64());
    // A landmark that somebody placed moves the reference.
    let landmarks = json(&["landmarks", text(&root)]);
    let azygos = landmarks.as_array().and_then(|all| all.iter().find(|l| l["key"] == "z_azy"));
    let higher = azygos.and_then(|l| l["z"].as_f64()).expect("a height") + 10.0;
    let placed = json(&["evaluate", text(&root), "--rules", "--landmark", &format!("z_azy={higher}")]);
    let volume = |report: &serde_json::Value| {
        let rows = report["cases"][0]["stations"].as_array().expect("a list");
        rows.iter().find(|row| row["station"] == "4R").and_then(|row| row["reference_cm3"].as_f64()).expect("4R")
    };
    assert!(volume(&placed) < volume(&by_rules), "{} {}", volume(&placed), volume(&by_rules));
    let (code, error) = refusal(&["evaluate", text(&root), text(&root), "--rules", "--landmark", "z_azy=0"]);
    assert!(code == 2 && error.contains("one CASE"), "{code} {error}");
}

#[test]
fn a_phantom_is_a_whole_case_with_its_landmarks_and_replaces_only_phantoms() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = folder.path().join("case");
    let args = |seed: &'static str| {
        ["phantom", "-o", text(&root), "--seed", seed, "--size", "64x64x30", "--spacing", "5.5x5.5x9"].to_vec()
    };
    let made = json(&args("4"));
    assert_eq!(made["rois"].as_u64().map(|n| n >= 19), Some(true), "GTVp, GTVn, CTV and sixteen stations: {made}");
    let landmarks: Value =
        serde_json::from_slice(&std::fs::read(root.join("landmarks.json")).expect("landmarks")).expect("JSON");
    assert_eq!(landmarks["seed"].as_u64(), Some(4));
    let carina = landmarks["landmarks"].as_array().expect("a list").iter().find(|l| l["name"] == "Carina");
    assert!(["x", "y", "z"].iter().all(|axis| carina.expect("a carina")[axis].is_f64()));
    let report = json(&["inspect", text(&root)]);
    assert_eq!(report["structures"].as_array().map(Vec::len), made["rois"].as_u64().map(|n| n as usize));

    let (code, error) = refusal(&args("5"));
    assert!(code == 1 && error.contains("the folder holds ct") && error.contains("--overwrite"), "{code} {error}");
    std::fs::write(root.join("notes.txt"), "mine").expect("written");
    json(&[&args("5")[..], &["--overwrite", "--no-structures"]].concat());
    assert!(!root.join("structures.dcm").exists(), "nothing of the earlier case stays");
    assert!(root.join("notes.txt").exists() && root.join("ct/CT_0030.dcm").exists());
    assert_eq!(json(&["inspect", text(&root)])["patient"]["id"], "HILUM-SYNTHETIC-5");
    // Whatever is no phantom is not replaced.
    std::fs::write(root.join("ct/other.dcm"), "a scan of somebody").expect("written");
    let (code, error) = refusal(&[&args("6")[..], &["--overwrite"]].concat());
    assert!(code == 1 && error.contains("no synthetic case"), "{code} {error}");
    assert!(root.join("ct/other.dcm").exists() && root.join("ct/CT_0030.dcm").exists());

    let varied = folder.path().join("varied");
    let size = ["--size", "64x64x30", "--spacing", "5.5x5.5x9", "--no-structures"];
    let one = json(&[&["phantom", "-o", text(&varied), "--seed", "4", "--population"][..], &size].concat());
    assert_eq!(one["files"].as_u64(), Some(30), "{one}");

    let short = folder.path().join("short");
    let (code, error) = refusal(&["phantom", "-o", text(&short), "--size", "64x64x3"]);
    assert!(code == 2 && error.contains("too little of the chest") && !short.exists(), "{code} {error}");
}

/// A copy of the small case in a folder of its own, with a second, newer structure set of that file name.
fn with_second_set(name: &str) -> tempfile::TempDir {
    let (case, _) = small();
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::create_dir(folder.path().join("ct")).expect("made");
    for entry in std::fs::read_dir(SMALL.root.join("ct")).expect("the images") {
        let path = entry.expect("an image").path();
        std::fs::copy(&path, folder.path().join("ct").join(path.file_name().expect("a name"))).expect("copied");
    }
    std::fs::copy(&SMALL.set, folder.path().join("structures.dcm")).expect("copied");
    output(&["export", case, "-o", text(&folder.path().join(name))]);
    folder
}

#[test]
fn a_series_is_chosen_by_number_or_uid() {
    let folder = tempfile::tempdir().expect("temporary folder");
    write_three_series(folder.path());
    let case = text(folder.path());
    let report = json(&["inspect", case]);
    let all = report["all_series"].as_array().expect("a list");
    let numbers: Vec<_> = all.iter().map(|s| (s["number"].as_u64(), s["slices"].as_u64(), s["open"] == true)).collect();
    assert_eq!(numbers, [(Some(1), Some(14), false), (Some(2), Some(12), true), (Some(3), Some(8), false)]);
    assert_eq!((all[0]["geometry"].as_str(), all[2]["frame_of_reference"].as_str()), (Some("doubtful"), Some("other")));
    assert!(all[0]["reasons"][0].as_str().is_some_and(|r| r.contains("CT_0007.dcm and ") && r.contains("CT_0008.dcm")));
    assert!(report["warnings"].to_string().contains("3 CT series were found"), "{}", report["warnings"]);
    let uid = all[2]["series_instance_uid"].as_str().expect("a UID");
    for choice in ["3", uid] {
        let chosen = json(&["inspect", case, "--series", choice]);
        assert_eq!(chosen["series"]["slices"].as_u64(), Some(8));
        assert!(!chosen["warnings"].to_string().contains("CT series were found"));
        let foreign = &chosen["foreign_structure_sets"][0];
        assert_eq!((foreign["label"].as_str(), foreign["series"].as_u64()), (Some("Plan"), Some(2)));
        Documented::of("inspect").check(&chosen, "inspect --series");
    }
    let said = output(&["inspect", case, "--series", "3"]);
    assert!(said.contains("Mustermann diagnostic") && said.contains("it belongs to series 2"), "{said}");
    for args in [vec!["inspect", case, "--hide-identifiers"], vec!["inspect", case, "--hide-identifiers", "--json"]] {
        let (said, errors) = both(&args);
        assert!(!said.contains("Mustermann") && !said.contains("20210304") && !errors.contains("Mustermann"), "{said}");
    }
    let (code, error) = refusal(&["inspect", case, "--series", "4"]);
    assert!(code == 3 && error.contains("no such series") && error.contains("3 CT series"), "{code} {error}");
    let (code, error) = refusal(&["inspect", case, "--series", "planning"]);
    assert!(code == 2 && error.contains("number of a series"), "{code} {error}");
    let (_, remarks) = both(&["features", case, "--ctv", "Tumor 0"]);
    assert!(remarks.contains("3 CT series were found"), "{remarks}");
}

/// Standard output and standard error of a command that must succeed.
fn both(args: &[&str]) -> (String, String) {
    let out = hilum(args).output().expect("the program starts");
    let [said, errors] = [out.stdout, out.stderr].map(|b| String::from_utf8(b).expect("UTF-8"));
    assert!(out.status.success(), "{args:?}: {errors}");
    (said, errors)
}

#[test]
fn what_was_chosen_is_said_and_hidden_identifiers_stay_hidden() {
    let folder = with_second_set("WANG^LI.dcm");
    let case = text(folder.path());
    let (said, errors) = both(&["features", case, "--json"]);
    let report: Value = serde_json::from_str(&said).expect("JSON");
    let notes = report["notes"].as_array().expect("notes");
    assert!(notes.iter().any(|n| n.as_str().is_some_and(|n| n.contains("2 structure sets fit"))), "{notes:?}");
    assert!(errors.contains("note: 2 structure sets fit this CT") && errors.contains("WANG^LI.dcm"), "{errors}");

    let out = folder.path().join("report");
    let hide = "--hide-identifiers";
    for args in [
        vec!["inspect", case, hide],
        vec!["inspect", case, hide, "--json"],
        vec!["analyze", case, hide, "--no-segment", "-o", text(&out)],
    ] {
        let (said, errors) = both(&args);
        assert!(!said.contains("WANG") && !errors.contains("WANG"), "{args:?}: {said} {errors}");
        assert!(!said.contains("set \"Hilum\""), "a label shows: {said}");
    }
    let page = std::fs::read_to_string(out.join("report.html")).expect("the report");
    assert!(!page.contains("WANG^") && !page.contains("set &quot;Hilum"), "an identifier shows");
    assert!(page.contains("2 structure sets fit this CT"));
    let made_from: Value =
        serde_json::from_slice(&std::fs::read(out.join("features.json")).expect("written")).expect("JSON");
    assert!(made_from["series_uid"].is_null() && made_from["program"].as_str().is_some_and(|p| p.starts_with("Hilum")));
}

#[test]
fn guessed_roles_are_said() {
    let Some(case) = test_data("4dlung-113") else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("tumor.npy");
    let (said, errors) = both(&["mask", text(&case), "--roi", "Tumor_c40", "-o", text(&file), "--json"]);
    let report: Value = serde_json::from_str(&said).expect("JSON");
    assert!(report["notes"].to_string().contains("Tumor_c40 as GTVp"), "{report}");
    assert!(errors.contains("note: roles were guessed") && errors.contains("LN_c40 as GTVn"), "{errors}");
    let (_, errors) = both(&["inspect", text(&case), "--role", "Tumor_c40=gtvp", "--role", "LN_c40=gtvn", "--json"]);
    assert!(!errors.contains("Tumor_c40"), "what the user said is no guess: {errors}");
}

#[test]
fn a_file_of_the_case_is_never_overwritten() {
    let folder = with_second_set("second.dcm");
    let case = text(folder.path());
    let (set, other) = (folder.path().join("second.dcm"), folder.path().join("structures.dcm"));
    let image = folder.path().join("ct/CT_0007.dcm");
    let indirect = folder.path().join("ct/../ct/CT_0008.dcm");
    let before = [&set, &other, &image, &indirect].map(|p| std::fs::read(p).expect("there"));
    for args in [
        vec!["mask", case, "--roi", "GTVp", "-o", text(&image), "--overwrite"],
        vec!["mask", case, "--roi", "GTVp", "-o", text(&indirect), "--overwrite"],
        vec!["features", case, "--csv", text(&set), "--overwrite"],
        vec!["export", case, "-o", text(&other), "--overwrite"],
        vec!["segment", case, "-o", text(&image), "--overwrite"],
        vec!["analyze", case, "--no-segment", "-o", case, "--overwrite"],
        #[cfg(feature = "gui")]
        vec!["screenshot", case, "-o", text(&image), "--overwrite"],
    ] {
        let (code, error) = refusal(&args);
        assert!(code == 1 && error.contains("never overwritten"), "{args:?}: {code} {error}");
        assert!(!error.contains("Drawing stations"), "{args:?}: known only after the network ran");
    }
    assert_eq!([&set, &other, &image, &indirect].map(|p| std::fs::read(p).expect("there")), before);
}

#[test]
fn an_analysis_replaces_all_of_an_earlier_one_and_nothing_else() {
    let (case, _) = small();
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = folder.path().join("results");
    let args = ["analyze", case, "--no-segment", "-o", text(&out)];
    let first = json(&args);
    assert!(first["stations"].as_str().is_some_and(|s| s.contains("4R") && s.contains("structure set")), "{first}");
    let page = std::fs::read_to_string(out.join("report.html")).expect("the report");
    assert!(page.contains("Any recurrence (simulated)") && !page.contains("regional recurrence"));
    std::fs::write(out.join("pictures/axial-11l.png"), "of an earlier run").expect("written");
    std::fs::write(out.join("pictures/mine.png"), "mine").expect("written");
    std::fs::write(out.join("notes.txt"), "mine").expect("written");
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).expect("made");
    let again = [&args[..], &["--overwrite", "--risk-model", text(&empty), "--role", "CTV=other"]].concat();
    let second = json(&again);
    assert!(second["risk"].is_null() && !out.join("risk.json").exists(), "the risk of another run stands: {second}");
    let omissions = second["omissions"].to_string();
    assert!(omissions.contains("No risk was estimated") && omissions.contains("no CTV"), "{omissions}");
    let is_new = |name: &str| second["pictures"].to_string().contains(name);
    assert_eq!(out.join("pictures/axial-11l.png").exists(), is_new("axial-11l.png"));
    assert_eq!(std::fs::read(out.join("pictures/mine.png")).expect("there"), b"mine");
    assert_eq!(std::fs::read(out.join("notes.txt")).expect("there"), b"mine");
    let hidden = std::fs::read_dir(&out)
        .expect("folder")
        .filter(|e| e.as_ref().is_ok_and(|e| e.file_name().to_string_lossy().starts_with('.')));
    assert_eq!(hidden.count(), 0, "nothing of the work is left");

    // A single name that is taken refuses the whole before any work.
    let other = folder.path().join("other");
    std::fs::create_dir_all(other.join("pictures")).expect("made");
    std::fs::write(other.join("pictures/axial-gtv.png"), "there").expect("written");
    let (code, error) = refusal(&["analyze", case, "--no-segment", "-o", text(&other)]);
    assert!(code == 1 && error.contains("--overwrite") && !error.contains("Reading"), "{code} {error}");
    // The demo script runs again where it has run before.
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/run-demo");
    let script = std::fs::read_to_string(script).expect("the script");
    let line = script.lines().find(|l| l.contains("analyze --demo")).expect("the demo is analysed");
    assert!(line.contains("--overwrite"), "{line}");
}

#[test]
fn without_a_risk_the_analysis_says_why() {
    let (case, _) = small();
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = folder.path().join("out");
    let args = ["analyze", case, "--no-segment", "--role", "CTV=other", "-o", text(&out), "--json"];
    let (said, errors) = both(&args);
    let report: Value = serde_json::from_str(&said).expect("JSON");
    assert!(report["omissions"].to_string().contains("No CTV is drawn"), "{report}");
    assert!(errors.contains("warning: No risk figure: No CTV is drawn"), "{errors}");
    for name in ["GTVp", "LN_IASLC_04_R"] {
        let name = json(&["inspect", case])["structures"]
            .as_array()
            .and_then(|s| s.iter().find(|s| s["name"] == name || (name != "GTVp" && s["station"] == "4R")).cloned())
            .expect("a structure")["name"]
            .as_str()
            .expect("a name")
            .to_owned();
        let (code, error) = refusal(&["features", case, "--ctv", &name]);
        assert!(code == 3 && error.contains("cannot be the CTV"), "{name}: {code} {error}");
    }
    let other = folder.path().join("other");
    let (code, error) = refusal(&["analyze", case, "--ctv", "nobody", "-o", text(&other)]);
    assert!(code == 3 && !error.contains("Drawing stations") && !other.exists(), "{code} {error}");
}

#[test]
fn a_comparison_tells_what_is_wrong_with_the_scan() {
    let folder = with_second_set("second.dcm");
    let (case, set) = (folder.path().join("ct"), folder.path().join("second.dcm"));
    std::fs::remove_file(case.join("CT_0020.dcm")).expect("removed");
    let args = ["compare", text(&case), "--reference", text(&set), "--test", text(&set), "--roi", "GTVp", "--json"];
    let (said, errors) = both(&args);
    let report: Value = serde_json::from_str(&said).expect("JSON");
    assert!(report["notes"].as_array().is_some_and(|n| !n.is_empty()), "{report}");
    assert!(errors.contains("warning: "), "{errors}");
}

#[cfg(feature = "gui")]
#[test]
fn a_screenshot_follows_the_roles_and_keeps_a_file_that_is_there() {
    let (case, _) = small();
    let folder = tempfile::tempdir().expect("temporary folder");
    let [usual, changed] = ["usual.png", "changed.png"].map(|n| folder.path().join(n));
    let args = |file: &'_ Path| ["screenshot", case, "--size", "640x480", "-o", text(file)].map(str::to_owned);
    let shot = |file: &Path, more: &[&str]| {
        let all: Vec<String> = args(file).into_iter().chain(more.iter().map(ToString::to_string)).collect();
        output(&all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    shot(&usual, &[]);
    shot(&changed, &["--role", "GTVp=other", "--role", "CTV=organ"]);
    let [a, b] = [&usual, &changed].map(|f| image::open(f).expect("a picture").to_rgb8());
    assert!(a.dimensions() == (640, 480) && a != b, "the roles made no difference");
    let (code, error) = refusal(&["screenshot", case, "--size", "640x480", "-o", text(&usual)]);
    assert!(code == 1 && error.contains("--overwrite"), "{code} {error}");
}

#[cfg(feature = "gui")]
#[test]
fn a_screenshot_shows_the_pages_of_a_cohort_without_a_case() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let [cohort, table] = ["a.hilum-cohort", "t.csv"].map(|name| folder.path().join(name));
    std::fs::write(&table, "patient,follow_up_months,died,recurred,recurrence_stations\na,5,1,1,4R\nb,9,0,0,\n")
        .expect("written");
    output(&["cohort", "init", text(&cohort), "--name", "Lungs"]);
    output(&["cohort", "import", text(&cohort), text(&table)]);
    let shot = |name: &str, more: &[&str]| {
        let file = folder.path().join(name);
        output(&[&["screenshot", "--size", "900x600", "-o", text(&file)], more].concat());
        image::open(&file).expect("a picture").to_rgb8()
    };
    let of = |page: &str| shot(&format!("{page}.png"), &["--cohort", text(&cohort), "--page", page]);
    let mut pictures = ["map", "patients", "survival", "risk"].map(|page| of(page).into_raw()).to_vec();
    pictures.push(shot("published.png", &["--page", "map"]).into_raw());
    for (n, picture) in pictures.iter().enumerate() {
        assert!(pictures[n + 1..].iter().all(|other| other != picture), "picture {n} shows what another one shows");
    }
    let usual = shot("usual.png", &["--cohort", text(&cohort)]).into_raw();
    assert_eq!(usual, pictures[0], "the map comes first");

    let missing = folder.path().join("none");
    let (code, error) = refusal(&["screenshot", "--cohort", text(&missing), "-o", "x.png"]);
    assert!(code == 3 && error.contains("there is no cohort"), "{code} {error}");
    let (code, error) = refusal(&["screenshot", "--cohort", text(&cohort), "--slice", "3", "-o", "x.png"]);
    assert!(code == 2 && error.contains("give one"), "{code} {error}");
    let (code, error) = refusal(&["screenshot", "-o", "x.png"]);
    assert!(code == 2 && error.contains("CASE"), "{code} {error}");
    let (code, error) =
        refusal(&["screenshot", "--cohort", text(&cohort), "-o", text(&cohort), "--overwrite", "--size", "640x480"]);
    assert!(code == 1 && error.contains("is a cohort"), "{code} {error}");
}

/// Keys that a help text documents: name, keys of the value, and the command that documents the value.
#[derive(Debug, Default, Clone)]
struct Documented(Vec<(String, Option<Self>, Option<String>)>);

impl Documented {
    /// The part after "JSON keys:". An entry is `  key, key   text {key, key {key}}`, continued on lines that are indented
    /// further; what stands in parentheses is explanation.
    fn of(command: &str) -> Self {
        Self::below(command, "JSON keys:\n")
    }

    /// The part after a heading.
    fn below(command: &str, heading: &str) -> Self {
        let words: Vec<&str> = command.split(' ').collect();
        let out =
            hilum(&[&words[..], &["--help"]].concat()).env("COLUMNS", "1000").output().expect("the program starts");
        let help = String::from_utf8(out.stdout).expect("UTF-8");
        let (_, section) = help.split_once(heading).unwrap_or_else(|| panic!("{command} has no {heading}"));
        let mut entries: Vec<String> = Vec::new();
        for line in section.lines().take_while(|l| l.starts_with("  ")) {
            match entries.last_mut().filter(|_| line.starts_with("   ")) {
                Some(entry) => {
                    entry.push(' ');
                    entry.push_str(line.trim());
                }
                None => entries.push(line.trim().to_owned()),
            }
        }
        let mut all = Self::default();
        for entry in entries {
            let by_other = entry.split_once("as printed by hilum ").and_then(|(_, rest)| rest.split_once(" --json"));
            let plain = Self::without_remarks(&entry);
            let mut rest = plain.as_str();
            loop {
                let length = rest.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
                let (key, after) = rest.split_at(length.unwrap_or(rest.len()));
                assert!(!key.is_empty(), "{command}: {entry}");
                all.0.push((key.to_owned(), None, None));
                let Some(next) = after.strip_prefix(", ") else { break };
                rest = next;
            }
            let last = all.0.last_mut().expect("an entry has a key");
            last.2 = by_other.map(|(name, _)| name.to_owned());
            last.1 = plain.find('{').map(|at| Self::group(&plain[at..]).0);
        }
        all
    }

    fn without_remarks(text: &str) -> String {
        let mut depth = 0;
        text.chars()
            .filter(|c| {
                depth += i32::from(*c == '(');
                let keep = depth == 0;
                depth -= i32::from(*c == ')');
                keep
            })
            .collect()
    }

    /// The group that a text begins with, and how long it is.
    fn group(text: &str) -> (Self, usize) {
        let (mut group, mut key, mut at) = (Self::default(), String::new(), 1);
        while let Some(c) = text[at..].chars().next() {
            match c {
                '{' => {
                    let (inner, length) = Self::group(&text[at..]);
                    group.0.push((std::mem::take(&mut key), Some(inner), None));
                    at += length;
                    continue;
                }
                ',' | '}' if !key.is_empty() => group.0.push((std::mem::take(&mut key), None, None)),
                // {label: value}: any keys
                ':' => return (Self::default(), at + text[at..].find('}').map_or(0, |end| end + 1)),
                c if c.is_ascii_alphanumeric() || c == '_' => key.push(c),
                _ => {}
            }
            at += 1;
            if c == '}' {
                break;
            }
        }
        (group, at)
    }

    fn check(&self, value: &Value, place: &str) {
        let mut documented: Vec<&str> = self.0.iter().map(|(k, _, _)| k.as_str()).collect();
        let mut found = keys(value);
        documented.sort_unstable();
        found.sort_unstable();
        assert_eq!(documented, found, "documented and printed keys of {place} differ");
        for (key, group, by_other) in &self.0 {
            let inner = match &value[key] {
                Value::Array(list) => list.first().unwrap_or(&Value::Null),
                other => other,
            };
            let place = format!("{place}.{key}");
            match (inner, group, by_other) {
                (Value::Object(_), _, Some(command)) => Self::of(command).check(inner, &place),
                (Value::Object(_), Some(group), _) if !group.0.is_empty() => group.check(inner, &place),
                (Value::Object(_), None, _) => panic!("the keys of {place} are not documented"),
                _ => {}
            }
        }
    }
}

/// The keys that a command printed are those that its help documents.
pub fn check_documented(command: &str, printed: &Value) {
    Documented::of(command).check(printed, command);
}

#[test]
fn the_documented_keys_are_the_printed_ones() {
    let folder = with_second_set("second.dcm");
    let case = text(folder.path());
    let set = folder.path().join("second.dcm");
    let file = |name: &str| folder.path().join("out").join(name);
    std::fs::create_dir(folder.path().join("out")).expect("made");
    let with_dose = tempfile::tempdir().expect("temporary folder");
    write_case(&with_dose.path().join("ct"), &["Plan"], even());
    dose(&Place::usual(), &ct_frame(), 16, |p| ramp(p) / 1000.0).write(&with_dose.path().join("dose.dcm"));
    for (command, args) in [
        ("inspect", vec!["inspect", text(with_dose.path())]),
        ("overlay", vec!["overlay", text(with_dose.path())]),
        ("inspect", vec!["inspect", case]),
        ("features", vec!["features", case]),
        ("risk", vec!["risk", case]),
        ("compare", vec!["compare", case, "--reference", text(&set), "--test", text(&set), "--roi", "GTVp"]),
        ("mask", vec!["mask", case, "--roi", "GTVp", "-o", text(&file("m.npy"))]),
        ("export", vec!["export", case, "-o", text(&file("e.dcm"))]),
        ("proof", vec!["proof", text(&file("e.dcm"))]),
        ("analyze", vec!["analyze", case, "--no-segment", "-o", text(&file("a"))]),
        (
            "phantom",
            vec!["phantom", "--size", "64x64x30", "--spacing", "5.5x5.5x9", "--no-structures", "-o", text(&file("p"))],
        ),
        ("bench", vec!["bench", "rasterise", "--repeat", "1"]),
        ("cohort map", vec!["cohort", "map"]),
        ("train risk", vec!["train", "risk", "--patients", "30", "--repeats", "1", "-o", text(&file("r"))]),
    ] {
        Documented::of(command).check(&json(&args), command);
    }
}

#[test]
fn the_published_map_is_told_with_its_intervals() {
    let map = json(&["cohort", "map", "--share-of", "patients"]);
    let hilar = map["stations"].as_array().and_then(|s| s.iter().find(|s| s["station"] == "10R")).expect("station 10R");
    // statsmodels 0.15.0, proportion_confint(50, 94, method="wilson"): (0.43178, 0.62954)
    assert_eq!((hilar["k"].as_u64(), hilar["n"].as_u64()), (Some(50), Some(94)));
    let near = |key: &str, value: f64| (hilar[key].as_f64().expect("a number") - value).abs() < 5e-5;
    assert!(near("share", 0.53191) && near("lower", 0.43178) && near("upper", 0.62954), "{hilar}");
    assert_eq!(map["inconsistencies"].as_array().map(Vec::len), Some(8));
}

#[test]
fn a_phantom_goes_through_the_whole_path_with_the_network() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = folder.path().join("case");
    json(&["phantom", "-o", text(&root), "--seed", "12", "--size", "72x72x30", "--spacing", "5x5x9.5"]);
    let file = folder.path().join("stations.dcm");
    let drawn = json(&["segment", text(&root), "-o", text(&file)]);
    Documented::of("segment").check(&drawn, "segment");
    let stations = drawn["stations"].as_array().expect("a list");
    assert!(stations.len() >= 10, "{stations:?}");
    // The phantom has all stations of its own: those of the network stand beside them, and are what is told.
    let written = json(&["inspect", text(&root.join("ct")), text(&file)]);
    let written = written["structures"].as_array().expect("a list");
    for station in stations {
        let name = station["name"].as_str().expect("a name");
        assert!(name.starts_with("zAI_") && station["used"] == false, "{station}");
        let there = written.iter().find(|s| s["name"] == name).unwrap_or_else(|| panic!("{name} was not written"));
        for key in ["volume_cm3", "contours", "slices"] {
            assert_eq!(there[key], station[key], "{key} of {name}");
        }
    }
    // The CT alone: the network's stations are those that count, and without a CTV there is no risk.
    let out = folder.path().join("report");
    let done = json(&["analyze", text(&root.join("ct")), "-o", text(&out)]);
    assert!(done["segmented"] == true && done["stations"].as_str().is_some_and(|s| s.contains("network")), "{done}");
    assert!(done["omissions"].to_string().contains("No CTV"), "{done}");
    assert!(!done["omissions"].to_string().contains("CTV proposal"), "{done}");
    let page = std::fs::read_to_string(out.join("report.html")).expect("the report");
    assert!(page.contains("<dt>Stations</dt>") && page.contains("(network diunet"), "{page}");
    let (code, error) = refusal(&["risk", text(&root.join("ct"))]);
    assert!(code == 3 && error.contains("CTV"), "{code} {error}");
    let (code, error) = refusal(&["segment", text(&root), "-o", text(&file)]);
    assert!(code == 1 && error.contains("exists"), "{code} {error}");
}

#[test]
fn training_keeps_the_better_model_and_writes_its_card() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = folder.path().join("model");
    let few = ["--variant", "tiny", "--steps", "1", "--batch", "1", "--cases", "1", "--validation-cases", "1"];
    let small = ["--crop", "64", "--spacing-mm", "4", "--phantoms", "reference"];
    let train = |more: &[&'static str]| {
        let all: Vec<&str> =
            ["train", "diunet", "-o", text(&out)].iter().chain(&few).chain(&small).chain(more).copied().collect();
        all.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let run = |args: &[String]| json(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let refused = |args: &[String]| refusal(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let report = run(&train(&[]));
    Documented::of("train diunet").check(&report, "train diunet");
    let manifest_path = out.join("manifest.json");
    let manifest =
        || -> Value { serde_json::from_slice(&std::fs::read(&manifest_path).expect("there")).expect("JSON") };
    let options = manifest()["training"]["options"].clone();
    assert_eq!((options["patch"].as_u64(), options["cases"].as_u64()), (Some(64), Some(1)), "at most the crop");
    let command = options["command"].as_str().expect("the command").to_owned();
    assert!(command.starts_with("hilum train diunet -o DIR") && command.contains("--crop 64"), "{command}");
    let card = std::fs::read_to_string(out.join("MODEL_CARD.md")).expect("the card");
    assert!(card.contains(&command) && card.contains("chose the checkpoint") && card.contains("Synthetic"), "{card}");

    // Calibrated on phantoms of other seeds; the weights stay.
    let weights = std::fs::read(out.join("weights.safetensors")).expect("there");
    let calibrate = ["train", "calibration", text(&out), "--phantoms", "2", "--of", "reference"];
    let done = json(&calibrate);
    Documented::of("train calibration").check(&done, "train calibration");
    let (code, error) = refusal(&["train", "calibration", text(&out), "--phantoms", "2", "--first-seed", "999999"]);
    assert!(code == 2 && error.contains("999999") && error.contains("higher ones"), "{code} {error}");
    let (code, error) = refusal(&["train", "calibration", text(&out), "--phantoms", "2", "--first-seed", "1000000"]);
    assert!(code == 2 && error.contains("chose the weights"), "{code} {error}");
    let calibration = &manifest()["calibration"];
    assert_eq!(calibration["temperature"], done["calibration"]["temperature"]);
    let seeds = ["fitted_on", "tested_on"].map(|k| calibration[k][0].as_u64().expect("a seed"));
    assert!(seeds[0] != seeds[1] && seeds.iter().all(|s| *s >= 1_001_000), "{seeds:?}");
    let loss = ["0", "1"].map(|n| calibration["mean_log_loss"][n.parse::<usize>().expect("0 or 1")].as_f64());
    assert!(loss[1] <= loss[0].map(|l| l * 1.05), "{loss:?}");
    assert!(std::fs::read(out.join("weights.safetensors")).expect("there") == weights);
    let card = std::fs::read_to_string(out.join("MODEL_CARD.md")).expect("the card");
    assert!(card.contains("How sure it is") && card.contains("no verdict"), "{card}");

    let (code, error) = refused(&train(&[]));
    assert!(code == 1 && error.contains("--overwrite") && error.contains("--resume"), "{code} {error}");
    // A model that did better stays.
    let mut better = manifest();
    better["training"]["mean_dsc"] = 0.99.into();
    std::fs::write(&manifest_path, better.to_string()).expect("written");
    let resume: Vec<String> = train(&[]).into_iter().chain(["--resume".to_owned(), text(&out).to_owned()]).collect();
    let (code, error) = refused(&resume);
    assert!(code == 2 && error.contains("1 steps") && error.contains("no more were asked for"), "{code} {error}");
    let steps = resume.iter().position(|a| a == "--steps").expect("given") + 1;
    let resume: Vec<String> =
        resume.iter().enumerate().map(|(n, a)| if n == steps { "3".to_owned() } else { a.clone() }).collect();
    let again = run(&resume);
    assert_eq!((again["mean_dsc"].as_f64(), &again["sha256"]), (Some(0.99), &better["sha256"]));
    assert_eq!(manifest(), better);
    // On other phantoms nobody can say which is better.
    let other: Vec<String> = resume.iter().cloned().chain(["--validation-cases".to_owned(), "2".to_owned()]).collect();
    let other: Vec<String> = {
        let first = other.iter().position(|a| a == "--validation-cases").expect("given");
        other.iter().enumerate().filter(|(n, _)| *n != first && *n != first + 1).map(|(_, a)| a.clone()).collect()
    };
    let (code, error) = refused(&other);
    assert!(code == 1 && error.contains("cannot be compared"), "{code} {error}");
    for wrong in [["--learning-rate", "NaN"], ["--spacing-mm", "0.01"], ["--patch", "10"], ["--crop", "50"]] {
        let place = folder.path().join("never");
        let (code, error) = refusal(&["train", "diunet", "-o", text(&place), wrong[0], wrong[1], "--variant", "tiny"]);
        assert!(code == 2 && !place.exists(), "{wrong:?}: {code} {error}");
    }
}

#[test]
fn training_learns_from_patients_of_a_cohort_and_its_card_says_so() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (out, cohort) = (folder.path().join("model"), folder.path().join("cohort"));
    for (name, seed) in [("b", "5"), ("c", "6")] {
        let place = cohort.join(name);
        json(&["phantom", "-o", text(&place), "--seed", seed, "--size", "96x96x56", "--spacing", "3.6x3.6x5"]);
    }
    std::fs::create_dir_all(cohort.join("a")).expect("made");
    std::fs::write(cohort.join("notes.txt"), "no patient").expect("written");
    let train = |more: &[&'static str]| {
        let few = ["--variant", "tiny", "--steps", "2", "--batch", "2", "--cases", "1", "--validation-cases", "1"];
        let small = ["--crop", "64", "--spacing-mm", "4", "--phantoms", "reference", "--cohort-share", "1"];
        let given =
            ["train", "diunet", "-o", text(&out), "--cohort", text(&cohort), "--cohort-note", "Made for a test."];
        given.iter().chain(&few).chain(&small).chain(more).map(|a| (*a).to_owned()).collect::<Vec<_>>()
    };
    let run = |args: &[String]| json(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let report = run(&train(&[]));
    Documented::of("train diunet").check(&report, "train diunet --cohort");
    // Of three folders one is no case, and is left out with its reason.
    assert_eq!(report["left_out"][0]["name"], "a");
    let patients = &report["cohort"];
    assert_eq!((patients["patients"].as_u64(), patients["by_rules"].as_bool()), (Some(2), Some(false)));
    let held_out = patients["held_out"].as_u64().expect("a number");
    assert_eq!(patients["mean_dsc"].is_number(), held_out > 0, "{patients}");
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(out.join("manifest.json")).expect("there")).expect("JSON");
    let statement = manifest["training_data"].as_str().expect("a sentence");
    assert!(statement.contains("2 patients (Made for a test)") && statement.contains("structure sets"), "{statement}");
    let card = std::fs::read_to_string(out.join("MODEL_CARD.md")).expect("the card");
    assert!(!card.contains("never seen a patient") && card.contains("--cohort COHORT --cohort-share 1"), "{card}");
    assert!(card.contains("have learned from phantoms and from"), "{card}");
    // Nothing of the folders' names stays.
    assert!(!manifest.to_string().contains(text(&cohort)) && !card.contains(text(&cohort)));

    // By the rules, from the scan alone.
    let report = run(&train(&["--rules", "--overwrite"]));
    assert_eq!(report["cohort"]["by_rules"], true);
    let card = std::fs::read_to_string(out.join("MODEL_CARD.md")).expect("the card");
    assert!(card.contains("rules of this program draw"), "{card}");

    let refused = |args: &[&str]| refusal(args);
    let place = folder.path().join("never");
    let (code, error) = refused(&["train", "diunet", "-o", text(&place), "--cohort", text(&cohort.join("a"))]);
    assert!(code == 3 && error.contains("no patient of the cohort"), "{code} {error}");
    let (code, error) = refused(&["train", "diunet", "-o", text(&place), "--cohort", text(&cohort.join("z"))]);
    assert!(code == 3 && error.contains("one folder a patient"), "{code} {error}");
    let (code, error) =
        refused(&["train", "diunet", "-o", text(&place), "--cohort", text(&cohort), "--cohort-share", "1.5"]);
    assert!(code == 2 && error.contains("between 0 and 1") && !place.exists(), "{code} {error}");
}

#[cfg(unix)]
#[test]
fn training_that_is_stopped_says_what_it_kept() {
    use std::io::{BufRead, BufReader, Read};
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = folder.path().join("model");
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("hilum"))
        .args(["train", "diunet", "-o", text(&out), "--variant", "tiny", "--batch", "1", "--cases", "1"])
        .args(["--validation-cases", "1", "--crop", "64", "--spacing-mm", "4", "--validate-every-minutes", "0"])
        .args(["--phantoms", "reference"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut said = String::new();
    while !said.contains("Training") {
        assert!(errors.read_line(&mut said).expect("readable") > 0, "{said}");
    }
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    errors.read_to_string(&mut said).expect("readable");
    assert_eq!(child.wait().expect("it ends").code(), Some(4), "{said}");
    assert!(said.contains("cancelled: stopped early; the best weights so far are kept in"), "{said}");
    assert!(out.join("manifest.json").exists() && out.join("MODEL_CARD.md").exists());
}

#[test]
fn a_senseless_command_line_has_code_2() {
    for args in [
        vec!["features"],
        vec!["inspect", "--demo", "somewhere"],
        vec!["inspect", "somewhere", "--seed", "3"],
        vec!["features", "--demo", "--clinical", "age=old"],
        vec!["inspect", "--demo", "--role", "CTV=tumour"],
        vec!["screenshot", "--demo", "-o", "x.png", "--size", "big"],
        vec!["bench", "everything"],
        vec!["bench", "live", "somewhere"],
        vec!["phantom", "-o", "x", "--size", "1x2"],
        vec!["fly"],
    ] {
        let (code, error) = refusal(&args);
        assert!(code == 2 && error.contains("error"), "{args:?}: {code} {error}");
    }
}

#[test]
fn every_command_explains_itself() {
    let commands = [
        "inspect",
        "open",
        "landmarks",
        "check",
        "evaluate",
        "stations",
        "segment",
        "features",
        "risk",
        "compare",
        "mask",
        "edit",
        "export",
        "analyze",
        "phantom",
        "screenshot",
        "train diunet",
        "train risk",
        "cohort simulate",
        "bench",
    ];
    let overview = output(&["--help"]);
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        assert!(overview.contains(words[0]), "{command} is not listed");
        let help = output(&[&words[..], &["--help"]].concat());
        assert!(help.contains("Usage:") && help.contains("Examples:"), "{command}: {help}");
    }
    assert!(overview.contains("4 cancelled") && overview.contains("Not a medical device"));
    assert!(output(&["--version"]).starts_with("hilum "));
}

/// The program with a reader of one of its outputs that has gone away.
#[cfg(unix)]
fn code_without_reader(args: &[&str], of_errors: bool) -> Option<i32> {
    let piped = std::process::Stdio::piped;
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("hilum"));
    command.args(args).stdout(piped()).stderr(piped()).env("HILUM_LOG", "debug");
    let mut child = command.spawn().expect("the program starts");
    if of_errors {
        drop(child.stderr.take());
    } else {
        drop(child.stdout.take());
    }
    let out = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!said.contains("panicked"), "{args:?}: {said}");
    out.status.code()
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_gone_away_is_no_trouble() {
    let (case, _) = small();
    assert_eq!(code_without_reader(&["features", case], true), Some(0), "remarks without a reader");
    assert_eq!(code_without_reader(&["inspect", "/nowhere/at/all"], true), Some(3), "a refusal without a reader");
    assert_eq!(code_without_reader(&["inspect", case, "--json"], false), Some(0), "results without a reader");
    assert_eq!(code_without_reader(&["--help"], false), Some(0), "help without a reader");
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_the_work_with_code_4() {
    use std::io::{BufRead, BufReader, Read};
    let folder = tempfile::tempdir().expect("temporary folder");
    let target = folder.path().join("large");
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("hilum"))
        .args(["phantom", "-o", text(&target), "--size", "512x512x300", "--spacing", "0.8x0.8x1"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
    // The first line of progress: the work has begun and the handler is set.
    let mut first = String::new();
    errors.read_line(&mut first).expect("readable");
    assert!(!first.is_empty());
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    let mut rest = String::new();
    errors.read_to_string(&mut rest).expect("readable");
    assert_eq!(child.wait().expect("it ends").code(), Some(4), "{first}{rest}");
    assert!(rest.contains("cancelled"), "{rest}");
    assert!(!target.join("ct").exists(), "nothing is half written");
}

#[test]
fn the_editing_benchmark_measures_and_reports() {
    let report = json(&["bench", "live", "--repeat", "2"]);
    has_keys(&report, &["name", "n", "p50_ms", "p99_ms", "max_ms", "seconds", "what"]);
    assert_eq!((report["name"].as_str(), report["n"].as_u64()), (Some("live"), Some(42)));
    let (p50, p99) = (report["p50_ms"].as_f64().expect("ms"), report["p99_ms"].as_f64().expect("ms"));
    assert!(p50 > 0.0 && p50 <= p99 && p99 <= report["max_ms"].as_f64().expect("ms"));
    let (code, error) = refusal(&["bench", "live", "--repeat", "1", "--limit-ms", "0"]);
    assert!(code == 1 && error.contains("above the limit"), "{code} {error}");
}

/// In the real window, off screen.
#[cfg(feature = "gui")]
#[test]
fn the_benchmark_of_edits_paints_through_the_window() {
    if crate::gpu::render_state().is_none() {
        return;
    }
    let report = json(&["bench", "edit", "--repeat", "4"]);
    Documented::below("bench", "JSON keys of edit:\n").check(&report, "edit");
    let rows: Vec<(&str, u64)> = report["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (row["what"].as_str().expect("a word"), row["n"].as_u64().expect("a number")))
        .collect();
    // A press and eighteen drags a stroke.
    assert_eq!(rows, [("stroke", 76), ("commit", 4), ("tool", 4)]);
}

#[test]
fn an_edit_replays_a_script_through_the_tools_and_proves_what_it_writes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    write_case(&folder.path().join("case"), &["Plan"], even());
    let (case, script) = (folder.path().join("case"), folder.path().join("strokes.toml"));
    let output = |name: &str| folder.path().join(name);
    let brush = r#"
        about = "A bulge, and a node."
        [[step]]
        roi = "Tumor 0"
        tool = "brush"
        options = { radius_mm = 3.0 }
        stroke = [[38.0, 30.0, 15.0], [46.0, 30.0, 15.0]]
        expect = { contours = 1, slices = 1, volume_cm3 = 1.347, within_cm3 = 0.02 }
        [[step]]
        new_roi = "Node"
        tool = "polygon"
        clicks = [[10.0, 10.0, 12.0], [16.0, 10.0, 12.0], [16.0, 16.0, 12.0], [10.0, 16.0, 12.0]]
        events = ["finish"]
        slice = 4
        then = ["copy_up"]
        expect = { contours = 2, slices = 2, copied = 1 }
    "#;
    std::fs::write(&script, brush).expect("written");
    let out = output("edited.dcm");
    let report = json(&["edit", text(&case), "--script", text(&script), "-o", text(&out)]);
    check_documented("edit", &report);
    assert_eq!((report["steps"].as_u64(), report["undo_steps"].as_u64()), (Some(2), Some(4)));
    let changed: Vec<(&str, u64)> = report["structures"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|s| (s["name"].as_str().expect("a name"), s["contours"].as_u64().expect("a number")))
        .collect();
    assert_eq!(changed, [("Tumor 0", 1), ("Node", 2)]);
    assert!((report["structures"][0]["volume_cm3_before"].as_f64().expect("cm3") - 1.2).abs() < 1e-6);
    assert!(out.exists() && out.with_extension("proof.json").exists());
    // A step after which something else holds ends it, and nothing is written.
    for (from, to, words) in [
        ("volume_cm3 = 1.347", "volume_cm3 = 9.9", "step 1 of the script: Tumor 0 has 1.3"),
        ("roi = \"Tumor 0\"", "roi = \"Heart\"", "there is no structure \"Heart\"; the case has Tumor 0"),
        ("events = [\"finish\"]", "events = []", "Node has no contours on this slice"),
        ("tool = \"brush\"", "tool = \"hammer\"", "is no script"),
        (
            "[46.0, 30.0, 15.0]]",
            "[46.0, 30.0, 15.0]]\nthen = [\"lock\"]\n[[step]]\nstroke = [[38.0, 30.0, 15.0]]",
            "is locked",
        ),
    ] {
        assert!(brush.contains(from));
        std::fs::write(&script, brush.replacen(from, to, 1)).expect("written");
        let out = output("refused.dcm");
        let (code, error) = refusal(&["edit", text(&case), "--script", text(&script), "-o", text(&out)]);
        assert!(code == 3 && error.contains(words) && !out.exists(), "{to}: {code} {error}");
    }
}

#[test]
fn operate_makes_structures_of_others_and_the_file_remembers_how() {
    let (case, _) = small();
    let folder = tempfile::tempdir().expect("temporary folder");
    let [first, second, third] = ["first.dcm", "second.dcm", "third.dcm"].map(|n| folder.path().join(n));
    let margin =
        ["--margin", "8", "--of", "GTVp", "--into", "PTV", "--as", "other", "--keep-recipe", "-o", text(&first)];
    let report = json(&[&["operate", case][..], &margin].concat());
    check_documented("operate", &report);
    let row = &report["structures"][0];
    let [before, after] = ["volume_cm3_before", "volume_cm3"].map(|k| row[k].as_f64().expect("a volume"));
    assert_eq!((row["name"].as_str(), before, after > 10.0), (Some("PTV"), 0.0, true));
    assert_eq!(report["derived"][0]["state"], "up_to_date");
    assert_eq!(report["derived"][0]["recipe"], "GTVp, margin 8 mm");
    // The set that is named is read; its structure knows of its tumour, which is edited, and follows it.
    let shrunk = json(&["operate", text(&first), case, "--shrink", "3", "--of", "GTVp", "-o", text(&second)]);
    assert_eq!(shrunk["derived"][0]["state"], "stale");
    let updated = json(&["operate", text(&second), case, "--update", "-o", text(&third)]);
    assert_eq!(
        (&updated["structures"][0]["name"], &updated["derived"][0]["state"]),
        (&"PTV".into(), &"up_to_date".into())
    );
    assert!(updated["structures"][0]["volume_cm3"].as_f64().expect("a volume") < after);
    let (code, error) = refusal(&["operate", case, "--margin", "0", "--of", "GTVp", "-o", text(&third), "--overwrite"]);
    assert!(code == 3 && error.contains("changes nothing"), "{code} {error}");
    let (code, error) =
        refusal(&["operate", case, "--union", "--of", "GTVp", "--of", "nobody", "-o", text(&third), "--overwrite"]);
    assert!(code == 3 && error.contains("nobody"), "{code} {error}");
    assert_eq!(refusal(&["operate", case, "-o", text(&third)]).0, 2, "no operation");
}
