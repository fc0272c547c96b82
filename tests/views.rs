//! Layouts, jumps, isolating, windows, measuring, the difference and pictures: each through the real window.

use crate::support::bench::small_case;
use crate::support::window::{Start, Window};
use eframe::egui::{Event, Key, Modifiers, OutputCommand, PointerButton};
use egui_kittest::kittest::Queryable as _;
use glam::{DVec2, DVec3};
use hilum::contour::{Ring, SliceContours};
use hilum::geometry::{ImagePlane, Orientation, PatientPoint};
use hilum::image::{CtVolume, WindowLevel};
use hilum::structures::{Generation, Provenance, Roi, RoiId, Role};
use hilum::workbench::{
    Action, Case, Command, CompareSide, Compared, LoadedCase, MeasureValue, Settings, ViewCommand, ViewLayout,
};
use std::path::Path;
use std::sync::Arc;

const CENTER: DVec3 = DVec3::new(32.0, 32.0, 15.0);

fn square(at: [f64; 2], half: f64) -> Arc<SliceContours> {
    let [x, y] = at;
    let ring = Ring::new([[x - half, y - half], [x + half, y - half], [x + half, y + half], [x - half, y + half]]);
    Arc::new(SliceContours::new(vec![ring]))
}

/// The small case with a CTV on slices 2 to 4 and 7 to 9, and a heart on slice 5.
fn drawn_case() -> LoadedCase {
    let loaded = small_case(&[]);
    let roi = |name: &str, role, slices: &[usize], at| {
        let mut roi = Roi::new(
            RoiId(0),
            name,
            [200, 80, 80],
            role,
            Provenance::Imported { label: "Plan".into(), file: "a.dcm".into() },
        );
        roi.slices = slices.iter().map(|k| (*k, square(at, 10.0))).collect();
        roi
    };
    let rois =
        vec![roi("CTV", Role::Ctv, &[2, 3, 4, 7, 8, 9], [32.0, 32.0]), roi("Heart", Role::Organ, &[5], [40.0, 40.0])];
    with_rois(loaded, rois)
}

fn with_rois(loaded: LoadedCase, rois: Vec<Roi>) -> LoadedCase {
    let case = Case::new(loaded.case.image.clone(), hilum::structures::StructureSet { rois }, Vec::new());
    LoadedCase { case, ..loaded }
}

fn open(loaded: LoadedCase) -> Window {
    let mut w = Window::with_case(loaded, Start::default());
    w.send(Command::SetCrosshair(CENTER));
    w
}

fn slice(w: &Window) -> usize {
    w.workbench().view.axial_slice(w.case().grid())
}

fn on_plane(w: &Window, orientation: Orientation, offsets: &[[f64; 2]]) -> Vec<PatientPoint> {
    let plane = ImagePlane::through(w.case().grid(), orientation, w.workbench().view.crosshair);
    offsets.iter().map(|&[x, y]| plane.patient_from_plane(DVec2::new(x, y))).collect()
}

#[test]
fn the_layout_and_its_lines_are_remembered_for_the_user() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("settings.toml");
    let start = || Start { settings_path: Some(path.clone()), ..Start::default() };
    let mut w = Window::with_case(drawn_case(), start());
    for (key, layout, seen) in [
        (Key::F3, ViewLayout::Four, "3D view"),
        (Key::F4, ViewLayout::Compare, "Left axial view"),
        (Key::F2, ViewLayout::Axial, "Coronal view"),
    ] {
        w.key(Modifiers::NONE, key);
        assert_eq!(w.workbench().view.display.layout, layout);
        assert!(w.has(seen), "{seen}");
    }
    w.key(Modifiers::NONE, Key::F3);
    let line = w.harness.get_by_label("Width of the left views").rect();
    // Away from the middle, where the other line crosses it.
    let from = line.center_top() + eframe::egui::vec2(0.0, line.height() / 4.0);
    let to = from + eframe::egui::vec2(90.0, 0.0);
    w.harness.hover_at(from);
    w.harness.step();
    w.harness.drag_at(from);
    w.harness.step();
    w.harness.hover_at(to);
    w.harness.step();
    w.harness.drop_at(to);
    w.settle();
    let [share, _] = w.workbench().view.display.splits[ViewLayout::Four as usize];
    assert!(share > 0.55, "{share}");
    let axial = w.harness.state().view_transform(Orientation::Axial).expect("shown").rect;
    assert!((axial.right() + 32.0 - to.x).abs() < 4.0, "the line stands where it was let go");
    let again = Window::with_case(drawn_case(), start());
    assert_eq!(again.workbench().view.display, w.workbench().view.display);
    assert!(again.has("3D view"));
}

#[test]
fn views_side_by_side_show_what_was_opened_and_what_is_now() {
    let mut w = open(drawn_case());
    w.key(Modifiers::NONE, Key::F4).click("Select CTV").key(Modifiers::NONE, Key::B);
    let k = 4;
    w.send(Command::SetCrosshair(w.case().grid().patient_from_voxel(k, 32.0, 32.0)));
    let before = w.roi("CTV").slices[&k].clone();
    let path = on_plane(&w, Orientation::Axial, &[[0.0, 0.0], [14.0, 0.0]]);
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &path);
    assert_ne!(w.roi("CTV").slices[&k], before);
    let [left, right] = w.workbench().view.compare.clone();
    assert_eq!([&left, &right], [&CompareSide::AsOpened, &CompareSide::Now]);
    let of = |side: &CompareSide| {
        let rois = w.workbench().compare_rois(side);
        rois.iter().find(|r| r.name == "CTV").map(|r| r.slices[&k].clone()).expect("shown")
    };
    assert_eq!(of(&left), before, "the left view shows what was opened");
    assert_ne!(of(&right), before);
    // The left view does not show the structure as it is, so that nothing can be drawn there.
    let steps = w.case().history().len();
    let left = w.harness.get_by_label("Left axial view").rect();
    w.harness.hover_at(left.center());
    w.harness.step();
    w.harness.drag_at(left.center());
    w.harness.step();
    w.harness.drop_at(left.center());
    w.settle();
    assert_eq!(w.case().history().len(), steps);
}

#[test]
fn free_views_keep_their_places_unless_ctrl_is_held() {
    let mut w = open(drawn_case());
    let target = on_plane(&w, Orientation::Axial, &[[9.0, -7.0]])[0];
    w.key(Modifiers::SHIFT, Key::F).click_view(Orientation::Axial, target);
    assert!((w.workbench().view.crosshair - CENTER).length() < 1e-9);
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::COMMAND, &[target]);
    assert!((w.workbench().view.crosshair - target).length() < 0.05);
    w.key(Modifiers::SHIFT, Key::F).click_view(Orientation::Axial, CENTER);
    assert!((w.workbench().view.crosshair - CENTER).length() < 0.05, "linked again");
}

fn double_click(w: &mut Window, at: eframe::egui::Pos2) {
    for pressed in [true, false, true, false] {
        w.harness.event(Event::PointerMoved(at));
        w.harness.event(Event::PointerButton {
            pos: at,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        });
        w.harness.step();
    }
    // Longer than the time in which a third click would count with these two.
    w.harness.run_steps(60);
}

#[test]
fn a_double_click_with_the_brush_maximises_and_leaves_no_paint() {
    let mut w = open(drawn_case());
    w.click("Select CTV").key(Modifiers::NONE, Key::B);
    let path = on_plane(&w, Orientation::Axial, &[[0.0, 0.0], [15.0, 0.0]]);
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &path);
    let (steps, painted) = (w.case().history().len(), w.roi("CTV").clone());
    assert_eq!(steps, 1);
    w.harness.run_steps(60);
    let place = w.place(Orientation::Axial, CENTER + DVec3::new(-18.0, 16.0, 0.0));
    double_click(&mut w, place);
    assert!(w.harness.state().view_transform(Orientation::Coronal).is_none(), "one view alone");
    assert_eq!((w.case().history().len(), w.roi("CTV")), (steps, &painted), "what was drawn before stays, no more");
    let place = w.place(Orientation::Axial, CENTER + DVec3::new(-18.0, 16.0, 0.0));
    double_click(&mut w, place);
    assert!(w.harness.state().view_transform(Orientation::Coronal).is_some(), "all views again");
    assert_eq!((w.case().history().len(), w.roi("CTV")), (steps, &painted));
}

#[test]
fn a_double_click_takes_back_no_stroke_but_those_of_its_own_clicks() {
    let mut w = open(drawn_case());
    w.click("Select CTV").key(Modifiers::NONE, Key::B);
    let place = w.place(Orientation::Axial, CENTER + DVec3::new(-18.0, 16.0, 0.0));
    let path = on_plane(&w, Orientation::Axial, &[[0.0, 0.0], [15.0, 0.0]]);
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &path);
    let (steps, painted) = (w.case().history().len(), w.roi("CTV").clone());
    w.harness.run_steps(60);
    // The first of the two moves the crosshair and draws nothing.
    for (pressed, modifiers) in
        [(true, Modifiers::COMMAND), (false, Modifiers::COMMAND), (true, Modifiers::NONE), (false, Modifiers::NONE)]
    {
        w.harness.event(Event::PointerMoved(place));
        w.harness.event(Event::PointerButton { pos: place, button: PointerButton::Primary, pressed, modifiers });
        w.harness.step();
    }
    w.harness.run_steps(60);
    assert_eq!((w.case().history().len(), w.roi("CTV")), (steps, &painted));
}

#[test]
fn keys_go_to_the_slices_of_their_kind_and_the_strip_says_what_is_there() {
    let mut w = open(drawn_case());
    w.click("Select CTV");
    assert_eq!(slice(&w), 5);
    w.key(Modifiers::NONE, Key::Period);
    assert_eq!(slice(&w), 7);
    w.key(Modifiers::NONE, Key::Comma);
    assert_eq!(slice(&w), 4);
    w.key(Modifiers::SHIFT, Key::G);
    assert_eq!(slice(&w), 5, "the gap");
    w.key(Modifiers::SHIFT, Key::G);
    assert_eq!(slice(&w), 6);
    // Seen after half a second; the next one not looked at is another one.
    w.harness.run_steps(40);
    assert!(w.workbench().coverage().is_seen(6));
    w.key(Modifiers::NONE, Key::J);
    assert!(slice(&w) != 6 && !w.workbench().coverage().is_seen(slice(&w)));
    // A change is gone to from anywhere.
    w.send(Command::SetCrosshair(w.case().grid().patient_from_voxel(8, 32.0, 32.0)));
    w.key(Modifiers::NONE, Key::B);
    let path = on_plane(&w, Orientation::Axial, &[[0.0, 0.0], [15.0, 0.0]]);
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &path);
    w.send(Command::SetCrosshair(w.case().grid().patient_from_voxel(1, 32.0, 32.0)));
    w.key(Modifiers::SHIFT, Key::Period);
    assert_eq!(slice(&w), 8);
    w.key(Modifiers::SHIFT, Key::Period);
    assert_eq!(slice(&w), 8);
    assert!(w.says("was changed since the case was opened"), "there is no further one, and it says so");
    // The strip in words, at the place of a slice.
    let strip = w.harness.get_by_label("Axial position").rect();
    let y = |k: f32| strip.bottom() - 4.0 - (k / 11.0) * (strip.height() - 8.0);
    for (k, words) in [(8.0, "Changed since it was opened"), (5.0, "has a gap here"), (3.0, "has contours here")] {
        w.harness.hover_at(eframe::egui::pos2(strip.center().x, y(k)));
        w.harness.run_steps(60);
        assert!(w.says(words), "slice {k}: {words}");
    }
}

#[test]
fn h_hides_contours_while_it_is_held() {
    let mut w = open(drawn_case());
    let heart = w.roi("Heart").id;
    w.harness.key_down(Key::H);
    w.harness.run_steps(3);
    assert!(!w.workbench().is_shown(heart));
    w.harness.key_up(Key::H);
    w.harness.run_steps(3);
    assert!(w.workbench().is_shown(heart));
    w.key(Modifiers::SHIFT, Key::H);
    assert!(!w.workbench().is_shown(heart), "for good");
}

#[test]
fn z_shows_the_selected_structure_alone_and_all_again() {
    let mut w = open(drawn_case());
    let [ctv, heart] = ["CTV", "Heart"].map(|n| w.roi(n).id);
    w.click("Select CTV").key(Modifiers::NONE, Key::Z);
    assert!(w.workbench().is_shown(ctv) && !w.workbench().is_shown(heart));
    w.click("Select Heart");
    assert!(!w.workbench().is_shown(ctv) && w.workbench().is_shown(heart), "it follows the selection");
    w.key(Modifiers::NONE, Key::Z);
    assert!(w.workbench().is_shown(ctv) && w.workbench().is_shown(heart));
}

#[test]
fn nine_keys_choose_windows_and_a_view_may_have_its_own() {
    let mut w = open(drawn_case());
    let keys = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];
    let presets = w.workbench().view.display.presets.clone();
    for (key, preset) in keys.into_iter().zip(&presets) {
        w.key(Modifiers::NONE, key);
        assert_eq!(w.workbench().view.window, preset.window, "{}", preset.name);
    }
    // Alt and the secondary button: this view alone; then its keys are its own.
    let path = on_plane(&w, Orientation::Coronal, &[[0.0, 0.0], [10.0, 0.0]]);
    w.drag(Orientation::Coronal, PointerButton::Secondary, Modifiers::ALT, &path);
    let coronal = 2;
    assert!(w.workbench().view.own_windows.contains_key(&coronal));
    assert_eq!(w.workbench().view.window, presets[8].window);
    w.key(Modifiers::NONE, Key::Num2);
    assert_eq!(w.workbench().view.window_of(coronal), WindowLevel::LUNG);
    assert_eq!(w.workbench().view.window, presets[8].window);
    w.send(Command::View(ViewCommand::SetOwnWindow { view: coronal, window: None }));
    assert_eq!(w.workbench().view.window_of(coronal), presets[8].window);
}

#[test]
fn labels_are_switched_and_remembered() {
    let mut w = open(drawn_case());
    w.key(Modifiers::SHIFT, Key::L);
    assert!(w.workbench().view.display.labels && w.workbench().settings().views.labels);
    w.key(Modifiers::SHIFT, Key::L);
    assert!(!w.workbench().settings().views.labels);
}

/// The case with CT numbers that differ from voxel to voxel.
fn textured_case() -> LoadedCase {
    let loaded = drawn_case();
    let image = &loaded.case.image;
    let hu = ndarray::Array3::from_shape_fn(image.volume.grid.shape(), |(k, j, i)| {
        ((k * 131 + j * 37 + i * 53) % 400) as i16 - 150
    });
    let volume = CtVolume::new(Arc::clone(&image.volume.grid), hu);
    let image = hilum::workbench::CaseImage { volume, meta: Arc::clone(&image.meta) };
    let case = Case::new(image, loaded.case.structures().clone(), Vec::new());
    LoadedCase { case, ..loaded }
}

#[test]
fn distances_angles_and_circles_are_measured_with_the_pointer() {
    let mut w = open(textured_case());
    w.key(Modifiers::NONE, Key::M);
    let path = on_plane(&w, Orientation::Axial, &[[-12.0, 0.0], [0.0, 0.0], [12.0, 10.0]]);
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &path);
    let value = |w: &Window, n: usize| w.workbench().measures().done()[n].value;
    assert!(matches!(value(&w, 0), Some(MeasureValue::Distance { mm }) if (mm - 26.0).abs() < 0.05));
    assert!(w.says("26.0 mm"), "in the list of measurements");

    w.key(Modifiers::SHIFT, Key::M);
    for at in on_plane(&w, Orientation::Coronal, &[[10.0, 0.0], [0.0, 0.0], [0.0, 10.0]]) {
        w.click_view(Orientation::Coronal, at);
        // Not a double click.
        w.harness.run_steps(40);
    }
    assert!(
        matches!(value(&w, 1), Some(MeasureValue::Angle { degrees }) if (degrees - 90.0).abs() < 0.5),
        "{:?}",
        value(&w, 1)
    );

    w.key(Modifiers::SHIFT, Key::R);
    let path = on_plane(&w, Orientation::Axial, &[[3.2, -4.1], [3.2, 4.0]]);
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &path);
    let Some(MeasureValue::Circle { radius_mm, statistics: Some(found) }) = value(&w, 2) else { panic!("a circle") };
    // Every voxel of the slice whose centre lies inside, by hand.
    let volume = &w.case().image.volume;
    let (grid, k) = (&volume.grid, slice(&w));
    let center = w.workbench().measures().done()[2].points[0];
    let inside: Vec<f64> = (0..grid.rows())
        .flat_map(|j| (0..grid.columns()).map(move |i| (j, i)))
        .filter(|(j, i)| grid.patient_from_voxel(k, *j as f64, *i as f64).distance(center) <= radius_mm)
        .map(|(j, i)| f64::from(volume.hu[[k, j, i]]))
        .collect();
    let n = inside.len() as f64;
    let mean = inside.iter().sum::<f64>() / n;
    let sd = (inside.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    assert!(inside.len() > 150 && (radius_mm - 8.1).abs() < 0.05, "{radius_mm}");
    assert_eq!(found.voxels, inside.len());
    assert!((found.mean_hu - mean).abs() < 1e-9 && (found.sd_hu - sd).abs() < 1e-9);
    assert_eq!(f64::from(found.min_hu), inside.iter().copied().fold(f64::MAX, f64::min));
    assert_eq!(f64::from(found.max_hu), inside.iter().copied().fold(f64::MIN, f64::max));
    // None of it is in the case.
    assert!(w.case().history().is_empty());
    w.key(Modifiers::NONE, Key::Delete);
    assert_eq!(w.workbench().measures().done().len(), 2, "Delete removes the last one");
    w.key(Modifiers::NONE, Key::Escape).send(Action::ClearMeasurements);
    assert!(w.workbench().view.measuring.is_none() && w.workbench().measures().done().is_empty());
}

#[test]
fn the_menu_of_a_view_is_about_what_lies_there_and_closing_it_draws_nothing() {
    let mut w = open(drawn_case());
    w.send(Command::SetCrosshair(w.case().grid().patient_from_voxel(5, 32.0, 32.0)));
    w.click("Select CTV").key(Modifiers::NONE, Key::B);
    let at = w.case().grid().patient_from_voxel(5, 44.0, 44.0);
    let hearts = |w: &Window| w.harness.query_all_by_label_contains("Heart").count();
    let before = hearts(&w);
    w.drag(Orientation::Axial, PointerButton::Secondary, Modifiers::NONE, &[at]);
    for words in ["Bring all views here", "This view alone", "Window of this view alone"] {
        assert!(w.has(words), "{words}");
    }
    assert!(hearts(&w) > before, "the structure that lies there");
    // A click beside the menu closes it, and is no stroke.
    w.click_view(Orientation::Axial, w.case().grid().patient_from_voxel(5, 12.0, 50.0));
    assert!(!w.has("Bring all views here"));
    assert!(w.case().history().is_empty() && !w.case().mask(w.roi("CTV").id).slices.contains_key(&5));
    w.drag(Orientation::Axial, PointerButton::Secondary, Modifiers::NONE, &[at]);
    w.click("Bring all views here");
    assert!((w.workbench().view.crosshair - at).length() < 0.1);
    // A drag is the window, not the menu.
    let path = on_plane(&w, Orientation::Axial, &[[0.0, 0.0], [8.0, 0.0]]);
    let window = w.workbench().view.window;
    w.drag(Orientation::Axial, PointerButton::Secondary, Modifiers::NONE, &path);
    assert!(w.workbench().view.window != window && !w.has("Bring all views here"));
}

#[test]
fn lines_are_drawn_as_chosen_for_a_structure_and_for_its_kind() {
    let mut w = open(drawn_case());
    w.click("Select Heart");
    let heart = w.roi("Heart").id;
    w.click("Dashed outline of Heart");
    assert_eq!(w.workbench().view.dashed(heart), Some(true));
    w.send(Command::View(ViewCommand::SetRoiLineOpacity { roi: heart, opacity: 0.4 }));
    assert!((w.workbench().view.line_opacity(heart) - 0.4).abs() < 1e-6);
    w.send(Command::AddRoi { name: "Liver".into(), role: Role::Organ });
    w.click("Select Heart").click("Draw all organs like Heart");
    let liver = w.roi("Liver").id;
    assert_eq!(w.workbench().view.dashed(liver), Some(true));
    assert!((w.workbench().view.line_opacity(liver) - 0.4).abs() < 1e-6);
    assert_eq!(w.workbench().view.dashed(w.roi("CTV").id), None, "a target is another kind");
}

#[test]
fn the_difference_from_what_was_opened_is_measured_and_gone_through() {
    let mut w = open(drawn_case());
    w.click("Select CTV").key(Modifiers::NONE, Key::B);
    for k in [3, 8] {
        w.send(Command::SetCrosshair(w.case().grid().patient_from_voxel(k, 32.0, 32.0)));
        w.send(Command::SetBrushRadius(if k == 3 { 4.0 } else { 7.0 }));
        // From inside over the right edge, which lies 10 mm from the middle: the disc reaches beyond it by its radius.
        let path = on_plane(&w, Orientation::Axial, &[[0.0, 0.0], [10.0, 0.0]]);
        w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &path);
    }
    w.key(Modifiers::NONE, Key::V).key(Modifiers::COMMAND, Key::D);
    let differences = w.workbench().differences().expect("shown");
    let ctv = differences.pairs().iter().find(|p| p.test.name == "CTV").expect("compared").clone();
    assert_eq!(ctv.slices().map(|(k, _)| k).collect::<Vec<_>>(), [3, 8], "only what was changed is measured");
    let out = |k: usize| ctv.slices().find(|(s, _)| *s == k).and_then(|(_, d)| d.outward_mm).expect("on both sides");
    assert!((out(3) - 4.0).abs() < 0.1 && (out(8) - 7.0).abs() < 0.1, "{} {}", out(3), out(8));
    assert!(w.says("7.0 mm outside"), "in the panel");
    w.send(Command::SetCrosshair(w.case().grid().patient_from_voxel(5, 32.0, 32.0)));
    w.key(Modifiers::SHIFT, Key::N);
    assert_eq!(slice(&w), 8);
    w.key(Modifiers::SHIFT, Key::N);
    assert_eq!(slice(&w), 3, "round to the other end");
    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::N);
    assert_eq!(slice(&w), 8);
    w.send(Command::SetCrosshair(w.case().grid().patient_from_voxel(0, 32.0, 32.0)));
    w.send(Action::LargestDifference);
    assert_eq!(slice(&w), 8);
    w.send(Command::View(ViewCommand::SetTolerance(5.0))).key(Modifiers::SHIFT, Key::N);
    assert_eq!(slice(&w), 8, "4 mm are within the tolerance now");
    // Taking the strokes back takes the differences away.
    w.key(Modifiers::COMMAND, Key::Z).key(Modifiers::COMMAND, Key::Z);
    let pairs = w.workbench().differences().expect("still shown").pairs().to_vec();
    assert!(pairs.iter().all(|p| p.slices().count() == 0));
    assert!(w.says("does not differ"));
    w.key(Modifiers::COMMAND, Key::D);
    assert!(w.workbench().differences().is_none());
}

#[test]
fn two_sources_are_compared_by_name_and_role() {
    let network = Provenance::Network { model_id: "net-1".into(), sha256: String::new(), statement: String::new() };
    let roi = |name: &str, role, provenance: &Provenance, slices: &[(usize, f64)]| {
        let mut roi = Roi::new(RoiId(0), name, [9, 90, 200], role, provenance.clone());
        roi.generation = Generation::Automatic;
        roi.slices = slices.iter().map(|(k, half)| (*k, square([32.0, 32.0], *half))).collect();
        roi
    };
    let plan = Provenance::Imported { label: "Plan".into(), file: "a.dcm".into() };
    let rois = vec![
        roi("CTV", Role::Ctv, &plan, &[(4, 10.0), (5, 10.0)]),
        roi("Heart", Role::Organ, &plan, &[(4, 5.0)]),
        roi("Target volume", Role::Ctv, &network, &[(4, 12.0), (5, 10.0), (6, 9.0)]),
        roi("Heart 2", Role::Organ, &network, &[(4, 2.0)]),
    ];
    let mut w = open(with_rois(small_case(&[]), rois));
    w.key(Modifiers::COMMAND, Key::D);
    let differences = w.workbench().differences().expect("shown");
    let sources = ["Plan", "net-1"].map(|s| CompareSide::Source(s.to_owned()));
    assert_eq!(*differences.compared(), Compared { reference: sources[0].clone(), test: sources[1].clone() });
    let names: Vec<_> = differences.pairs().iter().map(|p| (p.reference.name.as_str(), p.test.name.as_str())).collect();
    assert_eq!(names, [("CTV", "Target volume"), ("Heart", "Heart 2")]);
    let ctv: Vec<_> = differences.pairs()[0].slices().map(|(k, d)| (k, d.outward_mm, d.is_one_sided())).collect();
    assert_eq!(ctv[0].0, 4);
    assert!((ctv[0].1.expect("both") - 8f64.sqrt()).abs() < 1e-6, "the corners are 2 mm out on both axes");
    assert!(ctv[1].0 == 5 && ctv[1].1.is_some_and(|mm| mm < 1e-9) && !ctv[1].2, "the same square");
    assert_eq!(ctv[2], (6, None, true));
    w.click("Select Heart").send(Action::LargestDifference);
    assert_eq!(slice(&w), 4);
    w.click("Select CTV").send(Action::LargestDifference);
    assert_eq!(slice(&w), 6, "a slice that only one side has comes before any distance");
}

fn gpu_window(loaded: LoadedCase, settings: Option<&Path>) -> Window {
    let start = Start { gpu: true, settings_path: settings.map(Path::to_owned), ..Start::default() };
    let mut w = Window::with_case(loaded, start);
    w.send(Command::SetCrosshair(CENTER));
    w
}

#[test]
fn the_solids_turn_with_the_pointer_and_are_cut_at_the_crosshair() {
    let mut w = gpu_window(drawn_case(), None);
    let heart = w.roi("Heart").id;
    w.key(Modifiers::NONE, Key::F3).send(Command::SetVisible { roi: heart, visible: false });
    w.harness.remove_cursor();
    w.settle();
    let rect = w.harness.get_by_label("3D view").rect();
    let seen = |w: &mut Window| {
        w.harness.remove_cursor();
        w.settle();
        let picture = w.harness.render().expect("a picture");
        let inner = rect.shrink2(eframe::egui::vec2(24.0, 24.0));
        let (x, y) = (inner.left() as u32..inner.right() as u32, inner.top() as u32..inner.bottom() as u32 - 60);
        let red = |x: u32, y: u32| {
            let [r, g, b, _] = picture.get_pixel(x, y).0;
            r > 30 && r > g + 15 && r > b + 15
        };
        y.flat_map(|y| x.clone().map(move |x| (x, y))).filter(|(x, y)| red(*x, *y)).collect::<Vec<_>>()
    };
    let before = seen(&mut w);
    assert!(before.len() > 2000, "{} red pixels", before.len());
    w.click("Head");
    let from_head = seen(&mut w);
    assert_ne!(from_head, before);
    let at = rect.center();
    w.harness.hover_at(at);
    w.harness.drag_at(at);
    w.harness.step();
    w.harness.hover_at(at + eframe::egui::vec2(80.0, 30.0));
    w.harness.step();
    w.harness.drop_at(at + eframe::egui::vec2(80.0, 30.0));
    w.settle();
    assert_ne!(seen(&mut w), from_head, "turned by the pointer");
    // From the front the square from z 6 to 27 mm is cut at the crosshair, z 15: less of it is left.
    w.click("Front");
    let whole = seen(&mut w);
    w.click("Cut: axial");
    let cut = seen(&mut w);
    assert!(cut.len() < whole.len() && !cut.is_empty(), "{} of {}", cut.len(), whole.len());
    let place = w.harness.get_by_label("3D view").rect().center();
    double_click(&mut w, place);
    assert!(w.has("3D view") && w.harness.state().view_transform(Orientation::Axial).is_none(), "alone");
}

#[test]
fn without_an_adapter_the_3d_view_says_so_and_lists_what_is_shown() {
    let mut w = open(drawn_case());
    w.key(Modifiers::NONE, Key::F3);
    assert!(w.says("Solids need a graphics adapter"));
}

/// The picture on the clipboard, if one was put there in the last frames.
fn clipboard(w: &mut Window) -> Option<eframe::egui::ColorImage> {
    for _ in 0..6 {
        w.harness.step();
        let commands = w.harness.output().platform_output.commands.clone();
        let image = commands.into_iter().find_map(|c| match c {
            OutputCommand::CopyImage(image) => Some(image),
            _ => None,
        });
        if image.is_some() {
            return image;
        }
    }
    None
}

#[test]
fn the_view_in_use_is_copied_as_it_is_on_the_screen() {
    let mut w = gpu_window(drawn_case(), None);
    w.harness.remove_cursor();
    w.settle();
    let view = w.harness.state().view_transform(Orientation::Axial).expect("shown").rect;
    let before = w.harness.render().expect("a picture");
    // The key alone: what a frame puts out is seen only until the next one.
    w.harness.event(Event::ModifiersChanged(Modifiers::COMMAND));
    w.harness.step();
    w.harness.event(Event::Key {
        key: Key::P,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers: Modifiers::COMMAND,
    });
    let image = clipboard(&mut w).expect("a picture on the clipboard");
    assert_eq!(image.size, [view.width().round() as usize, view.height().round() as usize]);
    let pixel = |x: usize, y: usize| {
        let [r, g, b, _] = image.pixels[y * image.size[0] + x].to_array();
        [r, g, b]
    };
    let screen = |x: usize, y: usize| {
        let p = before.get_pixel(view.left() as u32 + x as u32, view.top() as u32 + y as u32).0;
        [p[0], p[1], p[2]]
    };
    let differ = (0..image.size[1])
        .flat_map(|y| (0..image.size[0]).map(move |x| (x, y)))
        .filter(|(x, y)| pixel(*x, *y) != screen(*x, *y));
    let differ: Vec<_> = differ.collect();
    // Only the words that it is for research come on top, near the upper edge.
    assert!(differ.len() > 100 && differ.iter().all(|(_, y)| (20..60).contains(y)), "{} pixels", differ.len());
    w.settle();
    w.harness.remove_cursor();
    w.settle();
    assert!(w.says("on the clipboard"));
}

#[test]
fn a_picture_is_saved_as_png_and_hides_who_the_patient_is() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let paths = ["shown", "hidden"].map(|n| folder.path().join(n));
    let start = Start { gpu: true, answers: paths.iter().cloned().map(Some).collect(), ..Start::default() };
    let mut w = Window::with_case(drawn_case(), start);
    for path in &paths {
        w.harness.remove_cursor();
        w.harness.state_mut().skip_toasts();
        w.settle();
        w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
        w.harness.run_steps(6);
        let file = path.with_extension("png");
        assert!(file.is_file(), "{}", file.display());
        w.send(Command::SetIdentifiersHidden(true));
    }
    let [shown, hidden] = paths.map(|p| image::open(p.with_extension("png")).expect("a picture").into_rgba8());
    assert_eq!(shown.dimensions(), hidden.dimensions());
    let differ: Vec<_> =
        shown.enumerate_pixels().filter(|(x, y, p)| hidden.get_pixel(*x, *y) != *p).map(|(x, y, _)| (x, y)).collect();
    assert!(!differ.is_empty() && differ.iter().all(|(x, y)| *x < 200 && *y < 60), "only the name is gone: {differ:?}");
}

#[test]
fn settings_of_the_views_survive_what_a_hand_wrote() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("settings.toml");
    let mut settings = Settings::default();
    settings.views.layout = ViewLayout::Compare;
    settings.save(&path).expect("saved");
    let w = Window::with_case(drawn_case(), Start { settings_path: Some(path), ..Start::default() });
    assert!(w.has("Left axial view"));
}

/// Pictures of the layouts and of the difference, to be looked at: `HILUM_PICTURES=folder`.
#[test]
fn the_views_can_be_drawn() {
    if std::env::var_os("HILUM_PICTURES").is_none() {
        return;
    }
    let mut w = Window::open(Start { gpu: true, size: Some([1600.0, 1000.0]), demo_seed: Some(9), ..Start::default() });
    w.click("Select GTVp").key(Modifiers::NONE, Key::G);
    w.key(Modifiers::NONE, Key::F3).picture("four");
    w.click("Cut: coronal").picture("four-cut");
    w.send(hilum::ui::WindowRequest::Maximize(Some(4))).click("Cut: none").picture("solids");
    w.click("See-through").click("Left").picture("solids-left");
    w.key(Modifiers::NONE, Key::F2).key(Modifiers::SHIFT, Key::L).picture("labels");
    w.key(Modifiers::NONE, Key::B);
    let path = on_plane(&w, Orientation::Axial, &[[0.0, 0.0], [12.0, 4.0], [30.0, -6.0]]);
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &path);
    w.key(Modifiers::COMMAND, Key::D).picture("difference");
    w.key(Modifiers::NONE, Key::F4).picture("compare");
}
