//! A real program that is killed at random moments while it works.

use assert_cmd::Command as Program;
use serde_json::Value;

#[test]
fn twenty_kills_at_random_moments_lose_no_edit_that_was_on_the_disk_or_older_than_a_second() {
    let mut program = Program::cargo_bin("hilum").expect("the program is built with the tests");
    let out = program
        .args(["--quiet", "bench", "crash", "--repeat", "20", "--json"])
        .env_remove("HILUM_LOG")
        .output()
        .expect("the program starts");
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    let report: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {errors}"));
    let number = |key: &str| report[key].as_u64().unwrap_or_else(|| panic!("{key} in {report}"));
    assert!(out.status.success(), "{errors} {report}");
    assert_eq!((number("rounds"), number("lost_edits"), number("unreadable")), (20, 0, 0), "{report}");
    // It was killed in the middle of work, with most of it on the disk.
    assert!(number("edits") > 200 && number("kept") > 100 && number("cut") > 10, "{report}");
    println!("{report}");
    documented(&report);
}

/// Every key is in the help.
fn documented(report: &Value) {
    let help = Program::cargo_bin("hilum").expect("built").args(["bench", "--help"]).output().expect("starts").stdout;
    let help = String::from_utf8(help).expect("UTF-8");
    for key in report.as_object().expect("keys").keys() {
        assert!(help.contains(key.as_str()), "{key}");
    }
}

#[test]
fn a_soak_counts_its_strokes_and_writes_them_all() {
    let mut program = Program::cargo_bin("hilum").expect("the program is built with the tests");
    let args = ["--quiet", "bench", "soak", "--repeat", "40", "--json"];
    let out = program.args(args).env_remove("HILUM_LOG").output().expect("the program starts");
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    let report: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {errors}"));
    assert_eq!((report["strokes"].as_u64(), report["steps"].as_u64()), (Some(40), Some(40)), "{report}");
    assert!(report["journal_mb"].as_f64().is_some_and(|mb| mb > 0.01), "{report}");
    documented(&report);
}
