//! Operations, derived structures and missing slices in the window, by their accessible names.

use crate::support::window::Window;
use eframe::egui::{Key, Modifiers, PointerButton, Shape};
use egui_kittest::kittest::Queryable as _;
use glam::DVec3;
use hilum::geometry::Orientation;
use hilum::structures::{DerivedState, Provenance, Role};
use hilum::workbench::{Command, OperationCommand};

const CENTER: DVec3 = DVec3::new(32.3, 32.2, 15.0);

/// A tumour drawn on one slice, and a bone beside it.
fn window() -> Window {
    let mut w = Window::with_small_case(&[("GTVp", Role::Gtvp), ("Bones", Role::Organ), ("CTV", Role::Ctv)]);
    draw(&mut w, "GTVp", CENTER, 6.0);
    draw(&mut w, "Bones", CENTER + DVec3::X * 12.0, 5.0);
    w
}

fn draw(w: &mut Window, name: &str, at: DVec3, radius_mm: f64) {
    w.click(&format!("Select {name}")).key(Modifiers::NONE, Key::B);
    w.send(Command::SetBrushRadius(radius_mm)).send(Command::SetCrosshair(at));
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &[at]);
}

/// Chooses an entry of a list that opens.
fn choose(w: &mut Window, list: &str, entry: &str) {
    w.click(list);
    w.click(entry);
}

fn dashes(w: &Window) -> usize {
    // A dashed line is painted as many short ones.
    fn count(shape: &Shape) -> usize {
        match shape {
            Shape::LineSegment { points, .. } => usize::from((points[0] - points[1]).length() <= 5.5),
            Shape::Vec(all) => all.iter().map(count).sum(),
            _ => 0,
        }
    }
    w.harness.output().shapes.iter().map(|clipped| count(&clipped.shape)).sum()
}

#[test]
fn a_margin_is_made_in_the_panel_with_limits_and_says_what_it_did() {
    let mut w = window();
    w.click("Select GTVp").key(Modifiers::COMMAND, Key::B);
    assert!(w.has("Carry out") && w.has("Without GTVp"), "the selected structure is chosen");
    choose(&mut w, "Limits: never inside", "Add Bones");
    w.harness.get_by_label("Name of the new structure").focus();
    w.settle();
    w.type_text("PTV");
    w.click("Keep");
    w.click("Carry out");
    let ptv = w.roi("PTV");
    assert_eq!(ptv.provenance, Provenance::Computed { recipe: "GTVp, margin 5 mm, outside Bones".into() });
    assert!(w.volume_cm3("PTV") > w.volume_cm3("GTVp"));
    assert!(w.says("empty →"), "volume before and after");
    assert_eq!(w.case().history().undo_label(), Some("Margin PTV"));
    w.picture("operations");
    w.key(Modifiers::COMMAND, Key::B);
    assert!(!w.has("Carry out"));
}

#[test]
fn the_panel_tells_why_an_operation_cannot_run() {
    let mut w = window();
    w.click("Select CTV").key(Modifiers::COMMAND, Key::B);
    assert!(w.says("CTV has no contours yet"));
    choose(&mut w, "Kind of operation", "Difference");
    assert!(w.says("at least two structures"));
    choose(&mut w, "Structures to work on", "Add GTVp");
    w.click("Replace the first").click("Carry out");
    assert!(w.says("as it was"), "nothing without something is nothing");
    w.click("Lock CTV");
    assert!(w.says("CTV is locked"));
}

#[test]
fn the_list_shows_the_state_of_a_derived_structure_and_updates_it() {
    let mut w = window();
    w.click("Select GTVp").key(Modifiers::COMMAND, Key::B);
    w.click("Live").click("Carry out").key(Modifiers::COMMAND, Key::B);
    let name = "GTVp+5mm";
    assert!(w.has("Up to date"), "{}", w.all_text());
    let volume = w.volume_cm3(name);
    draw(&mut w, "GTVp", CENTER + DVec3::Y * 8.0, 4.0);
    assert!(w.volume_cm3(name) > volume, "live: it follows");
    w.click(&format!("Select {name}")).click(&format!("Keep {name} up to date"));
    let before = w.volume_cm3(name);
    draw(&mut w, "GTVp", CENTER + DVec3::Y * 14.0, 4.0);
    assert!(w.has("Stale") && w.volume_cm3(name) == before);
    w.click(&format!("Select {name}"));
    w.picture("derived");
    w.click(&format!("Update {name}"));
    assert!(!w.has("Stale") && w.volume_cm3(name) > before);
    draw(&mut w, name, CENTER - DVec3::Y * 20.0, 3.0);
    assert!(w.has("Overridden"));
    assert_eq!(w.workbench().derived_state(w.roi(name).id), Some(DerivedState::Overridden));
    w.key(Modifiers::COMMAND, Key::Z);
    assert!(!w.has("Overridden"));
    w.click(&format!("Forget the recipe of {name}"));
    assert_eq!(w.workbench().derived_state(w.roi(name).id), None);
}

#[test]
fn missing_slices_are_drawn_dashed_until_they_are_accepted() {
    let mut w = window();
    draw(&mut w, "GTVp", CENTER + DVec3::Z * 9.0, 6.0);
    w.key(Modifiers::NONE, Key::V).send(Command::SetCrosshair(CENTER + DVec3::Z * 3.0));
    w.harness.remove_cursor();
    w.settle();
    assert!(w.workbench().interpolation_preview().is_some());
    let shown = dashes(&w);
    w.picture("missing_slices");
    w.key(Modifiers::NONE, Key::Y);
    let hidden = dashes(&w);
    assert!(shown > hidden + 10, "{shown} dashes with the preview, {hidden} without");
    assert!(!w.workbench().is_preview_shown() && w.roi("GTVp").slices.len() == 2);
    w.key(Modifiers::NONE, Key::Y).key(Modifiers::SHIFT, Key::Y);
    assert_eq!(w.roi("GTVp").slices.len(), 4);
    assert!(w.workbench().interpolation_preview().is_none() && dashes(&w) < hidden + 10);
    assert_eq!(w.case().history().undo_label(), Some("Interpolate GTVp"));
    // With nothing missing the key is left alone.
    let steps = w.case().history().len();
    w.key(Modifiers::SHIFT, Key::Y);
    assert_eq!(w.case().history().len(), steps);
    w.send(Command::Operate(OperationCommand::ShowPreview(false)));
    assert!(!w.workbench().is_preview_shown());
}
