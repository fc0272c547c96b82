//! Where journals lie, when they go, and that the case comes back as it was left.

use super::{Place, first, open, recover, stroke};
use crate::support::bench::PATIENT_ID;
use assert_cmd::Command as Program;
use hilum::anatomy::LandmarkId;
use hilum::geometry::PatientPoint;
use hilum::structures::Role;
use hilum::workbench::journal::{JournalCommand, look_at_journal};
use hilum::workbench::{AnatomyCommand, Command, ExportFormat, Workbench};
use serde_json::Value;
use std::path::Path;

#[test]
fn a_case_that_was_not_closed_comes_back_as_it_was_with_its_history() {
    let place = Place::new();
    let mut w = place.opened();
    let roi = first(&w);
    for n in 0..4 {
        stroke(&mut w, n);
    }
    w.execute(Command::Rename { roi, name: "Renamed".into() });
    w.execute(Command::SetRole { roi, role: Role::Gtvn });
    w.execute(Command::SetColor { roi, color: [1, 2, 3] });
    w.execute(Command::AddRoi { name: "Second".into(), role: Role::Other });
    w.execute(Command::DeleteRoi(roi));
    w.execute(Command::Undo);
    w.execute(Command::Undo);
    w.execute(Command::Redo);
    let case = w.case().expect("open");
    let (left, state, steps) = (case.structures().clone(), case.history().state(), case.history().len());
    let notes = |w: &hilum::workbench::Workbench| -> Vec<_> {
        let history = w.case().expect("open").history();
        history.done().chain(history.undone()).map(|s| (s.state, s.edit.label.clone(), s.touched.clone())).collect()
    };
    let history = notes(&w);
    assert!(w.edits_are_kept() && w.journal_status().is_some_and(|s| s.waiting == 0 && s.path.is_some()));
    drop(w);

    let mut w = place.workbench();
    w.poll();
    let offer = w.unfinished_journals().next().expect("offered");
    assert_eq!((offer.edits(), offer.unexported(), offer.structures()), (8, 8, vec!["Tumor 0", "Renamed", "Second"]));
    recover(&mut w);
    let case = w.case().expect("recovered");
    case.check_invariants().expect("masks follow contours");
    assert_eq!(*case.structures(), left);
    assert_eq!((case.history().state(), case.history().len()), (state, steps));
    assert_eq!(notes(&w), history, "labels, structures and slices of the steps are those of before");
    assert!(w.has_unexported_changes());
    assert_eq!(place.files().len(), 1, "the new journal holds all of the old one, which is gone");
    while w.case().is_some_and(|c| c.history().undo_label().is_some()) {
        w.execute(Command::Undo);
        w.case().expect("open").check_invariants().expect("masks follow contours");
    }
    assert_eq!(w.case().expect("open").structures().rois[0].name, "Tumor 0");
}

#[test]
fn landmarks_that_were_moved_are_steps_and_come_back() {
    let place = Place::new();
    let mut w = place.workbench();
    w.execute(Command::OpenDemo { seed: 7 });
    w.poll();
    w.poll();
    w.execute(Command::Anatomy(AnatomyCommand::Find));
    w.poll();
    let z = |w: &Workbench, id| w.anatomy().landmarks().z(id).expect("known");
    let found = [LandmarkId::Carina, LandmarkId::ArchTop].map(|id| z(&w, id));
    let carina = w.anatomy().landmarks().get(LandmarkId::Carina).expect("known").position;
    for (id, up) in [(LandmarkId::Carina, 9.0), (LandmarkId::ArchTop, 30.0), (LandmarkId::ArchTop, 36.0)] {
        w.execute(Command::SetCrosshair(carina + PatientPoint::new(0.0, 0.0, up)));
        w.execute(Command::Anatomy(AnatomyCommand::Place(id)));
    }
    assert_eq!(w.case().expect("open").history().undo_label(), Some("Place landmark Top of the aortic arch"));
    w.execute(Command::Undo);
    assert!((z(&w, LandmarkId::ArchTop) - carina.z - 30.0).abs() < 1e-6, "the first place again");
    assert!((w.view.crosshair.z - carina.z - 30.0).abs() < 1e-6, "and it is in view");
    w.execute(Command::Undo);
    assert_eq!(z(&w, LandmarkId::ArchTop), found[1], "where it was found");
    w.execute(Command::Redo);
    let left = w.case().expect("open").landmarks().clone();
    assert_eq!(left.len(), 2);
    w.execute(Command::Anatomy(AnatomyCommand::Reset(None)));
    assert_eq!(z(&w, LandmarkId::Carina), found[0]);
    w.execute(Command::Undo);
    drop(w);

    let mut w = place.workbench();
    w.poll();
    recover(&mut w);
    assert_eq!(*w.case().expect("recovered").landmarks(), left);
    // They hold as soon as the others are found again.
    w.execute(Command::Anatomy(AnatomyCommand::Find));
    w.poll();
    assert!((z(&w, LandmarkId::ArchTop) - carina.z - 30.0).abs() < 1e-6);
    w.execute(Command::Undo);
    assert_eq!(z(&w, LandmarkId::ArchTop), found[1]);
}

#[test]
fn a_journal_goes_when_its_case_is_closed_after_an_export_and_never_before() {
    let place = Place::new();
    let mut w = place.opened();
    assert!(place.files().is_empty(), "a case that is only looked at leaves nothing");
    stroke(&mut w, 0);
    let export = |w: &mut hilum::workbench::Workbench, name: &str| {
        let path = place.folder.path().join(name);
        w.execute(Command::Export { path, format: ExportFormat::StructureSet, overwrite: false });
        w.poll();
        assert!(w.last_export().is_some(), "{:?}", w.notices().all());
    };
    export(&mut w, "first.dcm");
    assert_eq!(place.files().len(), 1, "the case is still open");
    stroke(&mut w, 1);
    // Closed with an edit that was not exported: kept. Opened as it lies on the disk, it is offered.
    open(&mut w, &place.case());
    assert_eq!(place.files().len(), 1);
    let offer = w.journal_of_case().expect("offered for this case");
    assert_eq!((offer.edits(), offer.unexported()), (2, 1));
    w.execute(Command::Journal(JournalCommand::Decline));
    assert!(w.journal_of_case().is_none() && w.unfinished_journals().count() == 1);
    recover(&mut w);
    assert!(w.has_unexported_changes());
    // Back to what was exported before: nothing is at stake.
    w.execute(Command::Undo);
    assert!(!w.has_unexported_changes());
    w.execute(Command::Redo);
    export(&mut w, "second.dcm");
    open(&mut w, &place.case());
    assert!(place.files().is_empty(), "closed with everything exported: {:?}", place.files());
    stroke(&mut w, 2);
    w.execute(Command::Undo);
    drop(w);
    assert!(place.files().is_empty(), "everything was taken back");
}

#[test]
fn an_exported_journal_that_a_crash_left_behind_is_tidied_away() {
    let place = Place::new();
    let mut w = place.opened();
    stroke(&mut w, 0);
    let path = place.folder.path().join("RS.dcm");
    w.execute(Command::Export { path, format: ExportFormat::StructureSet, overwrite: false });
    w.poll();
    let copy = place.journals().join("0123456789abcdef.hilum-journal");
    std::fs::copy(&place.files()[0], &copy).expect("copied");
    drop(w);
    assert!(copy.exists() && !look_at_journal(&copy).expect("a journal").is_unfinished());
    let mut w = place.workbench();
    w.poll();
    assert!(w.unfinished_journals().next().is_none() && place.files().is_empty());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_journals_also_in_a_folder_that_was_open_before() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    for open_before in [false, true] {
        let place = Place::new();
        if open_before {
            std::fs::create_dir_all(place.journals()).expect("made");
            std::fs::set_permissions(place.journals(), std::fs::Permissions::from_mode(0o755)).expect("changed");
        }
        place.left(1);
        assert_eq!(mode(&place.journals()), 0o700);
        assert_eq!(mode(&place.files()[0]), 0o600);
    }
}

#[test]
fn settings_can_keep_edits_off_the_disk() {
    let place = Place::new();
    std::fs::create_dir_all(place.home()).expect("made");
    std::fs::write(place.settings(), "no_journal = true\n").expect("written");
    let mut w = place.opened();
    stroke(&mut w, 0);
    assert!(!w.edits_are_kept() && w.journal_status().is_none() && place.files().is_empty());
}

fn hilum(place: &Place, args: &[&str]) -> (i32, String, String) {
    let mut program = Program::cargo_bin("hilum").expect("the program is built with the tests");
    let out = program.args(args).env("HILUM_HOME", place.home()).env_remove("HILUM_LOG").output().expect("starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (out.status.code().expect("not killed"), text(out.stdout), text(out.stderr))
}

fn json(place: &Place, args: &[&str]) -> Value {
    let (code, text, errors) = hilum(place, &[args, &["--json"]].concat());
    assert_eq!(code, 0, "{args:?}: {errors}");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?} prints no JSON ({e}): {text}"))
}

#[test]
fn the_command_line_lists_exports_and_discards_without_naming_the_patient() {
    let place = Place::new();
    let left = place.left(3);
    let listed = json(&place, &["journal", "list"]);
    crate::cli::check_documented("journal list", &listed);
    let row = &listed["journals"][0];
    assert_eq!(
        (row["edits"].as_u64(), row["unexported"].as_u64(), row["slices"].as_u64()),
        (Some(3), Some(3), Some(12))
    );
    let (_, words, _) = hilum(&place, &["journal", "list"]);
    for secret in ["Mustermann", PATIENT_ID, "case"] {
        let said = [listed["journals"].to_string(), words.replace(&place.journals().display().to_string(), "")];
        assert!(said.iter().all(|s| !s.contains(secret)), "{secret} in {said:?}");
    }
    let named = json(&place, &["journal", "list", "--identifiers"]);
    crate::cli::check_documented("journal list", &named);
    assert!(named["journals"][0]["patient"].as_str().is_some_and(|p| p.contains("Mustermann")));
    let id = row["id"].as_str().expect("an id");
    let shown = json(&place, &["journal", "show", id]);
    crate::cli::check_documented("journal show", &shown);
    assert_eq!(shown["steps"].as_array().map(Vec::len), Some(3));
    assert_eq!(shown["steps"][1]["touched"][0]["structure"].as_str(), Some("Tumor 0"));

    let (code, _, why) = hilum(&place, &["journal", "discard", id]);
    assert!(code == 3 && why.contains("3 edits") && why.contains("--unexported"), "{code} {why}");
    let earlier = place.folder.path().join("earlier.dcm");
    let earlier = earlier.to_str().expect("UTF-8");
    let exported = json(&place, &["journal", "export", id, "-o", earlier, "--state", "2"]);
    crate::cli::check_documented("journal export", &exported);
    assert_eq!((exported["edits"].as_u64(), exported["removed"].as_bool()), (Some(2), Some(false)));

    // The files have moved: the message names the way.
    let moved = place.folder.path().join("moved");
    std::fs::rename(place.case(), &moved).expect("moved");
    let out = place.folder.path().join("all.dcm");
    let (out, moved) = (out.to_str().expect("UTF-8"), moved.to_str().expect("UTF-8"));
    let (code, _, why) = hilum(&place, &["journal", "export", id, "-o", out]);
    assert!(code == 3 && why.contains("hilum journal export") && why.contains("--from"), "{code} {why}");
    let exported = json(&place, &["journal", "export", id, "-o", out, "--from", moved]);
    assert_eq!((exported["edits"].as_u64(), exported["removed"].as_bool()), (Some(3), Some(true)));
    assert!(place.files().is_empty());
    assert_eq!(exported["proof"]["contours"].as_u64(), Some(left.rois[0].ring_count() as u64));
    let (code, _, why) = hilum(&place, &["journal", "show", id]);
    assert!(code == 3 && why.contains("there is no journal"), "{code} {why}");

    std::fs::rename(moved, place.case()).expect("moved back");
    place.left(1);
    let damaged = place.journals().join("ffffffff00.hilum-journal");
    std::fs::write(&damaged, "HILUMJ1\nnot a record of any kind, and longer than a head").expect("written");
    let listed = json(&place, &["journal", "list"]);
    crate::cli::check_documented("journal list", &listed);
    assert_eq!(listed["damaged"][0]["id"].as_str(), Some("ffffffff"));
    let id = listed["journals"][0]["id"].as_str().expect("an id");
    let gone = json(&place, &["journal", "discard", id, "ffffffff", "--unexported"]);
    crate::cli::check_documented("journal discard", &gone);
    assert!(gone["edits"].as_u64() == Some(1) && place.files().is_empty(), "{gone}");
}
