//! PET and dose in the window: chosen, hidden, shown, and the isodose levels edited, by names and keys.

use crate::support::bench::{even, write_case};
use crate::support::overlays::*;
use crate::support::window::{Start, Window};
use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use hilum::dicom::OverlayKind;
use hilum::geometry::Orientation;

fn window(gpu: bool) -> (tempfile::TempDir, Window) {
    let dir = tempfile::tempdir().expect("temporary folder");
    write_case(&dir.path().join("ct"), &["Plan"], even());
    let shift = turn_z(10.0, glam::DVec3::new(2.0, -1.0, 1.0));
    let other = "1.2.826.0.1.3680043.10.41";
    write_all(&pet(&Place::usual(), other, ramp), &dir.path().join("pet"));
    registration("1.2.5.1", &ct_frame(), &[(other, vec![("RIGID", shift)])]).write(&dir.path().join("reg.dcm"));
    let mut file = dose(&Place::usual(), &ct_frame(), 32, |p| ramp(p) / 1000.0);
    file.set(0x3004_000A, "CS", "BEAM").write(&dir.path().join("dose.dcm"));
    deformable("1.2.6.1").write(&dir.path().join("deformable.dcm"));
    let start = Start { paths: vec![dir.path().to_path_buf()], gpu, size: Some([1400.0, 1000.0]), ..Start::default() };
    let window = Window::open(start);
    (dir, window)
}

#[test]
fn overlays_are_chosen_hidden_and_their_levels_edited() {
    let (_dir, mut w) = window(false);
    assert!(w.says("Overlays") && w.has("1: PET, FDG whole body") && w.has("2: Dose, Plan dose"));
    assert!(w.says("deformable spatial registration"), "the reason is there to read");
    assert!(w.workbench().shown_overlay().is_none());

    w.click("1: PET, FDG whole body");
    assert!(w.workbench().shown_overlay().is_some());
    assert!(w.says("Registered: it lies where a registration object"));
    w.key(Modifiers::NONE, Key::O);
    assert!(w.workbench().shown_overlay().is_none() && w.workbench().is_overlay_hidden());
    w.key(Modifiers::NONE, Key::O);
    assert!(w.workbench().shown_overlay().is_some());
    let at = w.workbench().view.crosshair;
    let place = w.place(Orientation::Axial, at);
    w.harness.hover_at(place);
    w.settle();
    assert!(w.says("SUV "), "the value under the pointer is in the status bar");

    w.click("2: Dose, Plan dose");
    assert_eq!(w.workbench().chosen_overlay().expect("chosen").source.kind, OverlayKind::Dose);
    assert!(w.says("not the whole dose of a plan"));
    w.key(Modifiers::NONE, Key::U);
    let field =
        |w: &Window| w.harness.get_by_role_and_label(Role::TextInput, "Isodose levels, %").accesskit_node().value();
    assert_eq!(field(&w).as_deref(), Some("20, 50, 80, 90, 95, 100, 105"));
    let type_levels = |w: &mut Window, text: &str| {
        w.harness.get_by_role_and_label(Role::TextInput, "Isodose levels, %").focus();
        w.settle();
        w.key(Modifiers::COMMAND, Key::A).type_text(text).key(Modifiers::NONE, Key::Enter);
    };
    type_levels(&mut w, "30, 60, 97.5");
    let levels = |w: &Window| w.workbench().chosen_overlay().expect("chosen").style.levels_percent.clone();
    assert_eq!(levels(&w), [30.0, 60.0, 97.5]);
    type_levels(&mut w, "30, many");
    assert!(w.says("\"many\" is no number"));
    assert_eq!(levels(&w), [30.0, 60.0, 97.5], "what was typed wrong changes nothing");

    let lines = w.workbench().chosen_overlay().expect("chosen").style.lines;
    w.key(Modifiers::NONE, Key::I);
    assert_ne!(w.workbench().chosen_overlay().expect("chosen").style.lines, lines);
    w.click("2: Dose, Plan dose");
    assert!(w.workbench().chosen_overlay().is_none(), "a second click takes it off");
}

#[test]
fn with_hidden_identifiers_the_list_names_nobody() {
    let (dir, mut w) = window(false);
    w.click("1: PET, FDG whole body");
    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::H);
    let text = w.all_text();
    let folder = dir.path().to_string_lossy().into_owned();
    for secret in ["FDG whole body", "Plan dose", "2021", "Mustermann", "PID-4711", folder.as_str()] {
        assert!(!text.contains(secret), "{secret} can be read");
    }
    assert!(w.has("1: PET") && w.has("2: Dose"));
}

#[test]
fn a_shown_dose_changes_the_picture_and_hiding_it_brings_the_ct_back() {
    if crate::gpu::render_state().is_none() {
        return;
    }
    let (_dir, mut w) = window(true);
    let view = w.harness.state().view_transform(Orientation::Axial).expect("shown").rect;
    let picture = |w: &mut Window| {
        let all = w.harness.render().expect("drawn");
        let [x, y, width, height] = [view.min.x, view.min.y, view.width(), view.height()].map(|v| v as u32);
        image::imageops::crop_imm(&all, x, y, width, height).to_image()
    };
    let before = picture(&mut w);
    w.click("2: Dose, Plan dose");
    let shown = picture(&mut w);
    let colored = |p: &image::RgbaImage| p.pixels().filter(|p| p.0[0].abs_diff(p.0[2]) > 30).count();
    assert!(colored(&shown) > colored(&before) + 10_000, "{} {}", colored(&shown), colored(&before));
    w.key(Modifiers::NONE, Key::O);
    let hidden = picture(&mut w);
    assert!(hidden == before, "nothing of it stays");
    w.picture("overlay");
}
