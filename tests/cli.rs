//! Promises of the command line, kept by the real program: results as text and JSON with the documented
//! keys, exit codes, files that read back, Ctrl-C.

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
    let made = json(&[
        "phantom",
        "-o",
        text(&root),
        "--seed",
        "11",
        "--size",
        "96x96x48",
        "--spacing",
        "4x4x6",
        "--structures",
    ]);
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
    assert_eq!(rows.headers().expect("titles"), vec!["index", "name", "value", "unit", "description"]);
    let rows: Vec<csv::StringRecord> = rows.records().map(|r| r.expect("a row")).collect();
    assert_eq!(rows.len(), 110);
    assert_eq!(&rows[96][1], "g_voxel_mm3");
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
        "segment",
        "features",
        "risk",
        "compare",
        "mask",
        "export",
        "analyze",
        "phantom",
        "screenshot",
        "train diunet",
        "train risk",
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
