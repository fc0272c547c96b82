//! Keys and settings on the command line: what the window keeps, and the other way round.

use crate::cli::check_documented;
use assert_cmd::Command;
use hilum::words::Language;
use hilum::workbench::{Action, Settings};
use serde_json::Value;
use std::path::Path;

fn hilum(home: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("hilum").expect("the program is built with the tests");
    let out = command.args(args).env("HILUM_HOME", home).env_remove("HILUM_LOG").output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (out.status.code().expect("it ended"), text(out.stdout), text(out.stderr))
}

fn json(home: &Path, args: &[&str]) -> Value {
    let (code, said, errors) = hilum(home, &[args, &["--json"]].concat());
    assert_eq!(code, 0, "{errors}");
    serde_json::from_str(&said).expect("JSON")
}

fn keys_of(report: &Value, action: &str) -> Value {
    let rows = report["actions"].as_array().expect("a list");
    rows.iter().find(|r| r["action"] == action).expect("the action")["keys"].clone()
}

#[test]
fn keys_are_listed_imported_exported_and_reset() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let home = folder.path();
    let usual = json(home, &["keys"]);
    check_documented("keys", &usual);
    assert_eq!(keys_of(&usual, "tool-brush"), serde_json::json!(["B"]));
    assert!(hilum(home, &["keys"]).1.lines().any(|l| l.contains("Ctrl+Z") && l.contains("Undo")));
    let (mine, wrong, all) = (home.join("mine.toml"), home.join("wrong.toml"), home.join("all.toml"));
    std::fs::write(&mine, "[keys]\ntool-brush = [\"F9\", \"Ctrl+Shift+F9\"]\n").expect("written");
    std::fs::write(&wrong, "[keys]\ntool-brush = [\"F9\"]\ntool-eraser = [\"F9\"]\n").expect("written");
    let path = |p: &Path| p.to_str().expect("UTF-8").to_owned();
    let changed = json(home, &["keys", "--import", &path(&mine)]);
    assert_eq!(keys_of(&changed, "tool-brush"), serde_json::json!(["F9", "Ctrl+Shift+F9"]));
    let (code, _, errors) = hilum(home, &["keys", "--import", &path(&wrong)]);
    assert!(code == 3 && errors.contains("give one of them another key"), "{code} {errors}");
    assert_eq!(json(home, &["keys"]), changed);
    assert_eq!(hilum(home, &["keys", "--export", &path(&all)]).0, 0);
    assert_eq!(hilum(home, &["keys", "--export", &path(&all)]).0, 1, "the file is there already");
    assert_eq!(json(home, &["keys", "--reset"]), usual);
    assert_eq!(json(home, &["keys", "--import", &path(&all)]), changed);
}

#[test]
fn settings_are_shown_and_changed_as_the_window_keeps_them() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let home = folder.path();
    check_documented("settings", &json(home, &["settings"]));
    let args = ["settings", "--language", "zh-CN", "--scale", "150", "--undo-memory", "512", "--risk", "hide"];
    let said = json(home, &args);
    assert_eq!((&said["language"], &said["scale"], &said["risk"]), (&"zh-CN".into(), &150.into(), &"hide".into()));
    let kept = Settings::load(&home.join("settings.toml")).expect("read");
    assert_eq!((kept.language(), kept.scale_percent()), (Language::Chinese, 150));
    assert!(kept.risk_hidden && kept.history_mb == Some(512));
    for wrong in [["--language", "tlh"], ["--scale", "90"], ["--scale", "300"]] {
        assert_eq!(hilum(home, &["settings", wrong[0], wrong[1]]).0, 2, "{wrong:?}");
    }
    // Results for programs stay in English.
    assert!(hilum(home, &["keys"]).1.contains(Action::Undo.row().label));
}

#[test]
fn a_risk_model_is_chosen_by_name_or_folder_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let home = folder.path();
    let shipped = hilum::risk::default_model_dir();
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let own = home.join("risk-models/of the clinic");
    std::fs::create_dir_all(&own).expect("made");
    for file in ["manifest.json", "forest.json", "training.json", "report.json"] {
        std::fs::copy(shipped.join(file), own.join(file)).expect("copied");
    }
    assert_eq!(json(home, &["settings"])["risk_model"], text(&shipped));
    let said = json(home, &["settings", "--risk-model", "of the clinic"]);
    check_documented("settings", &said);
    assert_eq!(said["risk_model"], text(&own));
    std::fs::write(own.join("report.json"), "{}").expect("written");
    let (code, _, errors) = hilum(home, &["settings", "--risk-model", &text(&own)]);
    assert!(code == 3 && errors.contains("does not belong to its manifest"), "{code} {errors}");
    let (code, _, errors) = hilum(home, &["settings", "--risk-model", "of nobody"]);
    assert!(code == 3 && errors.contains("has no manifest.json"), "{code} {errors}");
    assert_eq!(json(home, &["settings"])["risk_model"], text(&own), "as it was");
    let (code, _, errors) = hilum(home, &["risk", &text(home), "--model", "of the clinic"]);
    assert!(code == 3 && errors.contains("report.json"), "the same names: {code} {errors}");
    assert_eq!(json(home, &["settings", "--risk-model", "risk"])["risk_model"], text(&shipped));
    assert_eq!(Settings::load(&home.join("settings.toml")).expect("read").risk_model, None);
}
