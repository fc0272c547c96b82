//! A follow-up CT in the window: opened by a dialog, registered, corrected and confirmed, by names and keys.

use crate::recurrence::PATIENT;
use crate::support::window::{Start, Window};
use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use hilum::structures::Station;
use hilum::ui::{Pick, WindowRequest};
use hilum::workbench::followup::Confirmed;
use hilum::workbench::{Action, Workbench};

fn ready(w: &Workbench) -> bool {
    w.is_placement_fresh() && w.follow_up().is_some_and(|f| f.fit().is_some())
}

#[test]
fn a_recurrence_is_placed_corrected_and_confirmed() {
    let folder = PATIENT.folder.path();
    let saved = tempfile::tempdir().expect("temporary folder");
    let file = saved.path().join("p1.json");
    let answers = [Some(folder.join("later")), Some(file.clone())];
    let start = Start {
        paths: vec![folder.join("plan")],
        answers: answers.into(),
        size: Some([1500.0, 1400.0]),
        ..Start::default()
    };
    let mut w = Window::open(start);
    w.send(Action::OpenFollowUp).step_until(ready);
    w.settle();
    assert!(w.says("Proposed: station 7") && w.says("Not confirmed yet"), "{}", w.all_text());
    assert!(w.says("By the CTV") && w.says("By 57.0 Gy") && w.says("marginal") && w.says("Bones apart"));
    assert!(w.says("Correlation") && w.says("Look at the images"));

    w.activate("Confirm 7");
    assert!(w.says("Confirmed: 7"));
    w.harness.get_by_role_and_label(Role::SpinButton, "Shift to the head").focus();
    w.settle();
    w.key(Modifiers::NONE, Key::ArrowUp);
    w.step_until(ready).settle();
    let shift = w.workbench().follow_up().expect("open").motion().correction.shift_mm.z;
    assert!(shift > 0.0, "{shift}");
    assert!(w.says("Confirmed as 7 before recurrence or registration changed"), "{}", w.all_text());
    w.activate("No correction").step_until(ready).settle();
    assert_eq!(w.workbench().follow_up().expect("open").confirmed(), Some((Confirmed(Some(Station::S7)), true)));

    w.activate("Everywhere");
    assert!(w.workbench().chosen_overlay().is_some_and(|o| o.style.squares_mm.is_none()));
    w.activate("Squares");
    assert!(w.workbench().chosen_overlay().is_some_and(|o| o.style.squares_mm.is_some()));
    w.send(WindowRequest::Pick(Pick::RecurrenceFile)).step_until(|_| file.exists());
    let text = std::fs::read_to_string(&file).expect("written");
    assert!(text.contains("\"confirmed\": \"7\""));

    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::H).settle();
    let shown = w.all_text();
    for secret in [folder.to_string_lossy().as_ref(), "Follow-up 77"] {
        assert!(!shown.contains(secret), "{secret} can be read");
    }
    w.activate("Close the follow-up CT");
    assert!(w.workbench().follow_up().is_none() && w.workbench().shown_overlay().is_none());
}
