//! PET and dose over a case: on the workbench, and read inside the structures on the command line.

use crate::support::bench::{Bench, even, write_case};
use crate::support::overlays::*;
use assert_cmd::Command as Program;
use glam::DVec3;
use hilum::dicom::OverlayKind;
use hilum::geometry::Orientation;
use hilum::image::{ColorMap, Quantity};
use hilum::progress::Silent;
use hilum::workbench::jobs::{JobKey, JobMode};
use hilum::workbench::{Action, Command, DoseUnit, LoadedCase, OverlayCommand, ToolKind, Workbench, load_case};
use serde_json::Value;
use std::path::Path;

const PLAN_UID: &str = "1.2.826.0.1.3680043.10.50";

fn gy(p: DVec3) -> f64 {
    ramp(p) / 1000.0
}

/// The made CT with a structure set, PET, dose and plan (10 Gy), and a PET of another frame of reference.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temporary folder");
    write_case(&dir.path().join("ct"), &["Plan"], even());
    write_all(&pet(&Place::usual(), &ct_frame(), ramp), &dir.path().join("pet"));
    let mut file = dose(&Place::usual(), &ct_frame(), 16, gy);
    refer_to_plan(&mut file, PLAN_UID);
    file.write(&dir.path().join("dose.dcm"));
    plan(PLAN_UID, &[10.0]).write(&dir.path().join("plan.dcm"));
    let mut other = pet(&Place::usual(), "1.2.826.0.1.3680043.10.41", ramp);
    for (n, file) in other.iter_mut().enumerate() {
        file.instance = format!("1.2.826.0.1.3680043.10.51.{}", n + 1);
        let instance = file.instance.clone();
        file.set(0x0008_0018, "UI", &instance).set(0x0020_000E, "UI", "1.2.826.0.1.3680043.10.52");
    }
    write_all(&other, &dir.path().join("other"));
    dir
}

fn read(folder: &Path) -> LoadedCase {
    load_case(&[folder.to_path_buf()], &Silent, &mut |_| Ok(())).unwrap_or_else(|e| panic!("{e}"))
}

fn key(workbench: &Workbench, kind: OverlayKind) -> String {
    workbench.overlays().iter().find(|o| o.source.kind == kind).expect("there").source.key.clone()
}

const HERE: DVec3 = DVec3::new(20.0, 20.0, 15.0);

#[test]
fn an_overlay_is_shown_hidden_and_changed_without_touching_the_case() {
    let dir = folder();
    let mut bench = Bench::new(read(dir.path()));
    assert_eq!(bench.workbench.overlays().len(), 3, "the one that cannot be shown is listed as well");
    assert!(bench.workbench.overlays()[2].source.placement.is_err());
    let revision = bench.case().revision();
    assert!(bench.workbench.shown_overlay().is_none(), "nothing is shown that nobody asked for");
    assert!(bench.workbench.refusal(Action::ToggleIsodoses).is_some());

    // The key shows the first one, hides it, shows it again.
    let toggle = |b: &mut Bench| {
        let command = b.workbench.command_for(Action::ToggleOverlay).expect("a command");
        b.run(command);
    };
    toggle(&mut bench);
    let (overlay, loaded) = bench.workbench.shown_overlay().expect("shown");
    assert_eq!((overlay.source.kind, loaded.volume.quantity), (OverlayKind::Pet, Quantity::Suv));
    let suv = ramp(HERE) * SUV_PER_BQML;
    assert_eq!(bench.workbench.overlay_words_at(HERE), Some(format!("SUV {suv:.2}")));
    assert_eq!(bench.workbench.overlay_words_at(DVec3::splat(-500.0)), None);
    toggle(&mut bench);
    assert!(bench.workbench.shown_overlay().is_none() && bench.workbench.overlay_words_at(HERE).is_none());
    toggle(&mut bench);
    assert!(bench.workbench.shown_overlay().is_some());
    bench.run(Command::Overlay(OverlayCommand::SetRange([0.0, 5.0])));
    bench.run(Command::Overlay(OverlayCommand::SetRange([5.0, 5.0])));
    bench.run(Command::Overlay(OverlayCommand::SetMap(ColorMap::Grey)));
    bench.run(Command::Overlay(OverlayCommand::SetOpacity(7.0)));
    let style = &bench.workbench.chosen_overlay().expect("chosen").style;
    assert_eq!((style.range, style.map, style.opacity), ([0.0, 5.0], ColorMap::Grey, 1.0));

    // The next is the dose; then the PET again: what cannot be shown is passed over.
    let next = bench.workbench.command_for(Action::NextOverlay).expect("a command");
    bench.run(next);
    assert_eq!(bench.workbench.chosen_overlay().expect("chosen").source.kind, OverlayKind::Dose);
    let next = bench.workbench.command_for(Action::NextOverlay).expect("a command");
    assert_eq!(next, Command::Overlay(OverlayCommand::Show(key(&bench.workbench, OverlayKind::Pet))));
    bench.run(Command::Overlay(OverlayCommand::Remove));
    assert!(bench.workbench.chosen_overlay().is_none());
    let lost = bench.workbench.overlays()[2].source.key.clone();
    bench.run(Command::Overlay(OverlayCommand::Show(lost)));
    assert!(bench.message().contains("cannot be shown"), "{}", bench.message());
    assert_eq!((bench.case().revision(), bench.case().history().len()), (revision, 0));
}

#[test]
fn levels_of_a_dose_follow_reference_and_unit_and_bad_ones_are_refused() {
    let dir = folder();
    let mut bench = Bench::new(read(dir.path()));
    bench.run(Command::Overlay(OverlayCommand::Show(key(&bench.workbench, OverlayKind::Dose))));
    let labels = |b: &Bench| -> Vec<String> {
        b.workbench.chosen_overlay().expect("chosen").levels().into_iter().map(|l| l.label).collect()
    };
    assert_eq!(labels(&bench), ["2 Gy", "5 Gy", "8 Gy", "9 Gy", "9.5 Gy", "10 Gy", "10.5 Gy"], "the plan gives 10 Gy");
    assert_eq!(bench.workbench.overlay_words_at(HERE), Some("8.55 Gy".into()));
    let unit = bench.workbench.command_for(Action::ToggleDoseUnit).expect("a command");
    bench.run(unit);
    assert_eq!(bench.workbench.chosen_overlay().expect("chosen").dose_unit(), DoseUnit::Percent);
    assert_eq!(labels(&bench)[..3], ["20 %", "50 %", "80 %"]);
    assert_eq!(bench.workbench.overlay_words_at(HERE), Some("85.5 %".into()));
    bench.run(Command::Overlay(OverlayCommand::SetLevels(vec![100.0, 33.3, 100.0])));
    assert_eq!(labels(&bench), ["33.3 %", "100 %"], "in order, each once");
    for bad in [vec![], vec![0.0], vec![f64::NAN], vec![50.0; 3].into_iter().chain((1..14).map(f64::from)).collect()] {
        bench.run(Command::Overlay(OverlayCommand::SetLevels(bad)));
        assert!(bench.message().contains("kept"), "{}", bench.message());
        assert_eq!(labels(&bench).len(), 2);
    }
    bench.run(Command::Overlay(OverlayCommand::SetReference(20.0)));
    let overlay = bench.workbench.chosen_overlay().expect("chosen");
    assert_eq!(overlay.levels()[1].value, 20.0);
    assert_eq!(overlay.reference().expect("set").origin, "set by hand");
    bench.run(Command::Overlay(OverlayCommand::SetReference(0.0)));
    assert!(bench.message().contains("more than 0 Gy"));
}

#[test]
fn reading_an_overlay_is_a_job_and_its_result_belongs_to_one_case() {
    let dir = folder();
    let mut bench = Bench::with_mode(JobMode::Stepped, read(dir.path()));
    let dose = key(&bench.workbench, OverlayKind::Dose);
    bench.only(Command::Overlay(OverlayCommand::Show(dose.clone())));
    assert!(bench.workbench.is_running(JobKey::Overlay) && bench.workbench.shown_overlay().is_none());
    // Cancelled before its result is taken: nothing is chosen, nothing is shown.
    let job = bench.workbench.jobs().into_iter().find(|j| j.key == JobKey::Overlay).expect("listed").id;
    bench.only(Command::CancelJob(job));
    bench.poll_until(|w| !w.is_running(JobKey::Overlay));
    assert!(bench.workbench.chosen_overlay().is_none());
    // A stroke goes on while one is shown; another case forgets it.
    bench.only(Command::Overlay(OverlayCommand::Show(dose)));
    bench.poll_until(|w| w.shown_overlay().is_some());
    bench.select("Tumor 0");
    bench.stroke(ToolKind::Brush, Orientation::Axial, &[HERE, HERE + DVec3::X]);
    assert!(bench.workbench.shown_overlay().is_some());
    bench.only(Command::Overlay(OverlayCommand::Show(key(&bench.workbench, OverlayKind::Pet))));
    bench.workbench.take_case(read(dir.path()));
    for _ in 0..10 {
        bench.workbench.poll();
    }
    assert!(
        bench.workbench.chosen_overlay().is_none() && bench.workbench.overlays().iter().all(|o| o.loaded.is_none())
    );
}

#[test]
fn a_damaged_dose_says_why_and_leaves_what_was_shown() {
    let dir = folder();
    let mut file = dose(&Place::usual(), &ct_frame(), 16, gy);
    file.remove(0x3004_000E).write(&dir.path().join("dose.dcm"));
    let mut bench = Bench::new(read(dir.path()));
    bench.run(Command::Overlay(OverlayCommand::Show(key(&bench.workbench, OverlayKind::Dose))));
    assert!(bench.workbench.chosen_overlay().is_none());
    let failed = bench.workbench.overlays().iter().find_map(|o| o.failed.as_ref()).expect("why");
    assert!(failed.text.contains("Dose Grid Scaling (3004,000E) is missing"), "{}", failed.text);
    let said = bench.workbench.notices().all().last().expect("told");
    assert!(said.details[0].contains("(3004,000E)") && !said.details[0].contains("dose.dcm"), "{:?}", said.details);
}

fn program(args: &[&str]) -> (Option<i32>, String, String) {
    let out = Program::cargo_bin("hilum").expect("built").args(args).output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (out.status.code(), text(out.stdout), text(out.stderr))
}

#[test]
fn the_command_line_reads_values_inside_the_structures() {
    let dir = folder();
    let case = dir.path().to_str().expect("UTF-8");
    let loaded = read(dir.path());
    let case_read = &loaded.case;
    let roi = case_read.structures().by_name("Tumor 0").expect("there");
    let places: Vec<f64> = case_read.mask(roi.id).slices[&5]
        .voxels()
        .map(|(j, i)| ramp(case_read.grid().patient_from_voxel(5, j as f64, i as f64)))
        .collect();
    let mean = places.iter().sum::<f64>() / places.len() as f64;
    let most = places.iter().copied().fold(f64::MIN, f64::max);
    let at_least = |gy: f64| places.iter().filter(|v| **v / 1000.0 >= gy).count() as f64 / places.len() as f64 * 100.0;

    let (code, text, errors) = program(&["overlay", case, "--overlay", "dose", "--levels", "85,9Gy", "--json"]);
    assert_eq!(code, Some(0), "{errors}");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&report["overlay"]["kind"], &report["overlay"]["reference"]["dose"]), (&"dose".into(), &10.0.into()));
    let row = &report["structures"][0];
    let close = |value: &Value, expected: f64| {
        let value = value.as_f64().unwrap_or_else(|| panic!("{row}"));
        assert!((value - expected).abs() < 1e-5 * expected.max(1.0), "{value} instead of {expected}");
    };
    close(&row["mean"], mean / 1000.0);
    close(&row["max"], most / 1000.0);
    close(&row["covered_percent"], 100.0);
    close(&row["volumes"][0]["value"], 8.5);
    close(&row["volumes"][0]["percent"], at_least(8.5 - 1e-6));
    close(&row["volumes"][1]["percent"], at_least(9.0 - 1e-6));
    assert_eq!(row["volumes"][1]["unit"], "Gy");
    assert!(row["d95"].as_f64() < row["d50"].as_f64() && row["d50"].as_f64() < row["d2"].as_f64());

    let (_, text, _) = program(&["overlay", case, "--overlay", "PET", "--json"]);
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["overlay"]["quantity"], "suv");
    let found = report["structures"][0]["mean"].as_f64().expect("SUVmean");
    assert!((found - mean * SUV_PER_BQML).abs() < 1e-5, "{found}");
    assert!(report["structures"][0]["d95"].is_null());
    let (code, text, _) = program(&["overlay", case]);
    assert!(
        code == Some(0) && text.contains("SUV body weight") && text.contains("Research and education only"),
        "{text}"
    );

    // What cannot be shown is refused with the reason; so is what is not there.
    let (code, _, errors) = program(&["overlay", case, "--overlay", "3"]);
    assert!(code == Some(3) && errors.contains("another frame of reference"), "{errors}");
    let (code, _, errors) = program(&["overlay", case, "--overlay", "MR"]);
    assert!(code == Some(3) && errors.contains("1 (PET), 2 (Dose), 3 (PET)"), "{errors}");
    let (code, _, errors) = program(&["overlay", "--demo"]);
    assert!(code == Some(3) && errors.contains("no PET and no dose"), "{errors}");
    let (_, text, _) = program(&["inspect", case]);
    assert!(text.contains("Overlay 2: Dose \"Plan dose\", dose of the plan; same frame of reference"), "{text}");
    assert!(text.contains("Overlay 3: PET") && text.contains("not shown: it lies in another frame"), "{text}");
    let (_, text, _) = program(&["inspect", case, "--hide-identifiers", "--json"]);
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert!(report["overlays"][0]["description"].is_null() && report["overlays"][0]["uid"].is_null(), "{report}");
}
