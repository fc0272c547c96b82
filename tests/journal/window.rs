//! Journals in the window: what the start page and an opened case offer, what closing says, and the history.

use super::Place;
use crate::support::window::{Start, Window};
use eframe::egui::{Key, Modifiers, PointerButton};
use glam::DVec3;
use hilum::geometry::Orientation;
use hilum::ui::{Opening, WindowRequest};
use hilum::workbench::Command;

const TITLE: &str = "Mustermann";

fn window(place: &Place) -> Window {
    Window::open(Start { settings_path: Some(place.settings()), ..Start::default() })
}

/// The case open in the window, with a brush on its structure.
fn opened(place: &Place, answers: Vec<Option<std::path::PathBuf>>) -> Window {
    let paths = vec![place.case()];
    let mut w = Window::open(Start { settings_path: Some(place.settings()), paths, answers, ..Start::default() });
    w.click("Select Tumor 0").key(Modifiers::NONE, Key::B);
    w
}

fn paint(w: &mut Window, x: f64, y: f64) {
    let z = w.workbench().view.crosshair.z;
    w.click_view(Orientation::Axial, DVec3::new(x, y, z));
}

/// The whole accessible name that begins with these words.
fn named(w: &Window, begin: &str) -> String {
    let text = w.all_text();
    text.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("no {begin} in\n{text}")).to_owned()
}

#[test]
fn the_start_page_offers_work_that_was_not_exported_and_recovers_it() {
    let place = Place::new();
    let left = place.left(4);
    let mut w = window(&place);
    assert!(w.has("Work that was not exported") && w.says(TITLE) && w.says("4 edits: Tumor 0, just now"));
    let recover = named(&w, "Recover ");
    w.click(&recover);
    assert_eq!(*w.case().structures(), left);
    assert_eq!(w.case().history().len(), 4);
    w.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(w.case().history().len(), 3);
}

#[test]
fn hidden_identifiers_hide_whose_work_it_is() {
    let place = Place::new();
    place.left(1);
    std::fs::write(place.settings(), "identifiers_hidden = true\n").expect("written");
    let w = window(&place);
    assert!(w.has("Work that was not exported") && w.says("CT of 12 slices"));
    let text = w.all_text();
    for secret in ["Mustermann", "Erika", &place.folder.path().display().to_string()] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn edits_are_discarded_only_after_a_second_question() {
    let place = Place::new();
    place.left(2);
    let mut w = window(&place);
    let discard = named(&w, "Discard the edits of ");
    w.click(&discard);
    let keep = named(&w, "Keep the edits");
    w.click(&keep);
    assert_eq!(place.files().len(), 1);
    w.click(&discard);
    let for_good = named(&w, "Discard for good");
    w.click(&for_good);
    assert!(place.files().is_empty() && !w.has("Work that was not exported"));
    assert!(w.says("The edits were discarded"));
}

#[test]
fn exporting_from_the_start_page_writes_what_was_left_and_then_nothing_is_at_stake() {
    let place = Place::new();
    place.left(2);
    let path = place.folder.path().join("RS.dcm");
    let answers = vec![Some(path.clone())];
    let mut w = Window::open(Start { settings_path: Some(place.settings()), answers, ..Start::default() });
    let export = named(&w, "Recover and export ");
    w.click(&export).settle();
    assert!(path.exists() && !w.workbench().has_unexported_changes(), "{:?}", w.workbench().notices().all());
    drop(w);
    assert!(place.files().is_empty(), "closed with everything exported");
}

#[test]
fn an_opened_case_offers_its_own_work_above_the_views() {
    let place = Place::new();
    let left = place.left(3);
    let mut w = opened(&place, Vec::new());
    assert!(w.says("Edits of this case were not exported") && w.says("3 edits: Tumor 0"));
    w.click("Recover this case");
    assert_eq!(*w.case().structures(), left);
    assert!(!w.says("Edits of this case were not exported"));
    drop(w);
    let mut w = opened(&place, Vec::new());
    w.click("Not now");
    assert!(!w.says("Edits of this case were not exported") && place.files().len() == 1);
    // Work of its own: the other journal is kept beside it.
    paint(&mut w, 10.0, 10.0);
    assert_eq!(place.files().len(), 2);
}

#[test]
fn closing_says_that_work_is_kept_where_it_is_and_that_it_is_lost_where_it_is_not() {
    let place = Place::new();
    let mut w = opened(&place, Vec::new());
    paint(&mut w, 10.0, 10.0);
    w.send(WindowRequest::Open(Opening::Demo));
    assert!(w.says("kept on this computer") && w.has("Keep and open") && !w.has("Discard and open"));
    w.click("Keep and open");
    assert!(w.case().structures().rois.len() > 1, "the demo case is open");
    assert_eq!(place.files().len(), 1);

    std::fs::write(place.settings(), "no_journal = true\n").expect("written");
    let mut w = opened(&place, Vec::new());
    paint(&mut w, 10.0, 10.0);
    w.send(WindowRequest::Open(Opening::Demo));
    assert!(w.says("They are lost if you go on") && w.has("Discard and open"));
}

#[test]
fn the_history_lists_every_step_and_a_click_goes_there() {
    let place = Place::new();
    let mut w = opened(&place, Vec::new());
    paint(&mut w, 10.0, 10.0);
    let roi = w.case().structures().rois[0].id;
    w.send(Command::Rename { roi, name: "GTVp".into() });
    paint(&mut w, 14.0, 50.0);
    w.key(Modifiers::COMMAND, Key::H);
    assert!(w.has("Brush Tumor 0, slice 6") && w.has("Rename: GTVp") && w.has("Brush GTVp, slice 6 (here)"));
    assert!(w.says("3 steps") && w.says("Kept on this computer until exported"));
    w.click("As opened");
    assert_eq!(w.case().history().state(), 0);
    assert!(w.has("As opened (here)") && w.has("Rename: GTVp (taken back)"));
    w.click("Rename: GTVp (taken back)");
    assert_eq!((w.case().history().state(), w.roi("GTVp").slices.len()), (2, 1));
    // The second key of redo.
    w.key(Modifiers::COMMAND, Key::Y);
    assert_eq!(w.case().history().state(), 3);
    drop(w);

    // The list survives the end of the program.
    let mut w = window(&place);
    let recover = named(&w, "Recover ");
    w.click(&recover).key(Modifiers::COMMAND, Key::H);
    assert!(w.has("Brush Tumor 0, slice 6") && w.has("Brush GTVp, slice 6 (here)"));
    w.key(Modifiers::COMMAND, Key::H);
    assert!(!w.has("As opened"));
}

/// Pictures to be looked at: `HILUM_PICTURES=folder`.
#[test]
fn offers_and_history_can_be_drawn() {
    if std::env::var_os("HILUM_PICTURES").is_none() {
        return;
    }
    let place = Place::new();
    place.left(7);
    place.left(2);
    for (name, size) in [("small", [1000.0, 700.0]), ("large", [1600.0, 1000.0])] {
        let start = || Start { settings_path: Some(place.settings()), gpu: true, size: Some(size), ..Start::default() };
        Window::open(start()).picture(&format!("not-exported-{name}"));
        let mut w = Window::open(Start { paths: vec![place.case()], ..start() });
        w.picture(&format!("not-exported-banner-{name}"));
        w.click("Recover this case").key(Modifiers::COMMAND, Key::H).key(Modifiers::COMMAND, Key::Z);
        w.picture(&format!("history-{name}"));
        w.key(Modifiers::COMMAND, Key::Q);
        w.picture(&format!("closing-{name}"));
    }
}

#[test]
fn a_jump_in_the_history_brings_what_changed_into_view() {
    let place = Place::new();
    let mut w = opened(&place, Vec::new());
    let slice = |w: &Window| w.workbench().view.axial_slice(w.case().grid());
    w.send(Command::Scroll { orientation: Orientation::Axial, steps: 3 });
    let there = slice(&w);
    let z = w.workbench().view.crosshair.z;
    let points = [DVec3::new(10.0, 50.0, z), DVec3::new(16.0, 50.0, z)];
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &points);
    w.send(Command::Scroll { orientation: Orientation::Axial, steps: -6 });
    assert_ne!(slice(&w), there);
    w.key(Modifiers::COMMAND, Key::Z);
    let at = w.workbench().view.crosshair;
    assert!(slice(&w) == there && (at.x - 13.0).abs() < 2.0 && (at.y - 50.0).abs() < 2.0, "{at}");
}
