//! Every tool in the real window: pointer and keys over the views change contours as they should, a stroke is one step
//! of undo, Esc takes it back, untouched slices and vertices stay as they are, and a refusal says why.

use crate::support::bench::made_case;
use crate::support::window::{Start, Window};
use eframe::egui::{Event, Key, Modifiers, PointerButton};
use egui_kittest::kittest::Queryable as _;
use glam::DVec3;
use hilum::contour::{Ring, SliceContours, area_mm2};
use hilum::geometry::Orientation;
use hilum::structures::{Provenance, Roi, RoiId, Role};
use hilum::workbench::tools::{LineStyle, PaintMode, ToolOptions};
use hilum::workbench::{Action, Command, EditRules, HuBand, Limit, ToolKind};
use std::sync::Arc;

use Orientation::{Axial, Coronal, Sagittal};

/// The slice that the axial view shows, and its position.
const K: usize = 5;
const CENTER: DVec3 = DVec3::new(32.0, 32.0, 15.0);
/// Half the side of the CTV's square; it lies on slices 4 to 6.
const HALF: f64 = 10.0;
/// The disc of tissue in lung, on all slices.
const DISC: f64 = 18.5;

fn at(x: f64, y: f64) -> DVec3 {
    DVec3::new(x, y, CENTER.z)
}

fn square(low: f64, high: f64, source: u32) -> Ring {
    // More decimals than a vertex made here has.
    let e = 0.000_012_3;
    Ring::imported([[low + e, low], [high, low + e], [high + e, high], [low, high + e]], source)
}

fn roi(name: &str, role: Role) -> Roi {
    Roi::new(RoiId(0), name, [230, 90, 70], role, Provenance::Drawn)
}

/// A disc of tissue in lung; the CTV a square in it, the heart a square further left.
fn window_with(change: impl FnOnce(&mut Roi)) -> Window {
    let mut ctv = roi("CTV", Role::Ctv);
    for k in K - 1..=K + 1 {
        let ring = square(32.0 - HALF, 32.0 + HALF, k as u32);
        ctv.slices.insert(k, Arc::new(SliceContours::new(vec![ring])));
    }
    change(&mut ctv);
    let mut heart = roi("Heart", Role::Organ);
    heart.slices.insert(K, Arc::new(SliceContours::new(vec![square(40.0, 60.0, 0)])));
    let inside = |[_, j, i]: [usize; 3]| (j as f64 - 32.0).hypot(i as f64 - 32.0) < DISC;
    let loaded = made_case(|kji| if inside(kji) { 40 } else { -800 }, vec![ctv, heart]);
    let mut w = Window::with_case(loaded, Start::default());
    w.click("Select CTV").send(Command::SetCrosshair(CENTER));
    w
}

fn window() -> Window {
    window_with(|_| {})
}

fn drag(w: &mut Window, orientation: Orientation, modifiers: Modifiers, points: &[DVec3]) {
    w.drag(orientation, PointerButton::Primary, modifiers, points);
}

/// Presses and moves; the button stays down.
fn begin(w: &mut Window, orientation: Orientation, points: &[DVec3]) {
    let place = w.place(orientation, points[0]);
    w.harness.hover_at(place);
    w.harness.step();
    w.harness.drag_at(place);
    w.harness.step();
    for point in &points[1..] {
        let place = w.place(orientation, *point);
        w.harness.hover_at(place);
        w.harness.step();
    }
}

/// Lets go where the pointer is.
fn release(w: &mut Window, orientation: Orientation, point: DVec3) {
    let pos = w.place(orientation, point);
    w.harness.event(Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed: false,
        modifiers: Modifiers::NONE,
    });
    w.settle();
}

fn hover(w: &mut Window, orientation: Orientation, point: DVec3) {
    let place = w.place(orientation, point);
    w.harness.hover_at(place);
    w.settle();
}

fn area(w: &Window, k: usize) -> f64 {
    w.roi("CTV").slices.get(&k).map_or(0.0, |contours| area_mm2(contours))
}

fn near(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found} against {expected}");
}

fn steps(w: &Window) -> usize {
    w.case().history().len()
}

/// What was done is one step of this name; undo and redo lead back and forth exactly, and slices that were not touched
/// are the same in memory.
fn is_one_step(w: &mut Window, before: &Roi, label: &str, touched: &[usize]) {
    assert_eq!((steps(w), w.case().history().undo_label()), (1, Some(label)));
    w.case().check_invariants().expect("masks follow contours");
    let after = w.roi("CTV").clone();
    for (k, contours) in &before.slices {
        let same = after.slices.get(k).is_some_and(|now| Arc::ptr_eq(now, contours));
        assert_eq!(same, !touched.contains(k), "slice {k}");
    }
    w.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(w.roi("CTV"), before);
    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    assert_eq!(*w.roi("CTV"), after);
    assert_eq!(w.workbench().live().expect("features").features().revision, w.case().revision());
}

/// A stroke that Esc takes back leaves nothing, and the release that comes later does nothing.
fn escape_leaves_nothing(w: &mut Window, orientation: Orientation, points: &[DVec3]) {
    let (before, count) = (w.roi("CTV").clone(), steps(w));
    begin(w, orientation, points);
    assert!(w.workbench().toolbox().is_active(), "{:?}", w.workbench().tool());
    w.key(Modifiers::NONE, Key::Escape);
    assert!(!w.workbench().toolbox().is_active());
    release(w, orientation, points[points.len() - 1]);
    assert_eq!((w.roi("CTV"), steps(w)), (&before, count));
}

/// A locked structure refuses every tool with a sentence.
fn is_refused_when_locked(w: &mut Window, points: &[DVec3]) {
    let (before, id) = (w.roi("CTV").clone(), w.roi("CTV").id);
    w.send(Command::ClearNotices).send(Command::SetLocked { roi: id, locked: true });
    drag(w, Axial, Modifiers::NONE, points);
    assert!(w.says("CTV is locked"), "{:?}", w.workbench().tool());
    assert_eq!(*w.roi("CTV"), before);
    w.send(Command::SetLocked { roi: id, locked: false }).send(Command::ClearNotices);
}

#[test]
fn the_brush_sweeps_a_disc_or_a_ball_and_alt_erases() {
    let mut w = window();
    let before = w.roi("CTV").clone();
    w.key(Modifiers::NONE, Key::B).send(Command::SetBrushRadius(3.0));
    let path = [at(38.0, 32.0), at(48.0, 32.0)];
    is_refused_when_locked(&mut w, &path);
    escape_leaves_nothing(&mut w, Axial, &path);
    drag(&mut w, Axial, Modifiers::NONE, &path);
    // The part of the capsule beyond the square: 6 x 6 mm and half a disc.
    near(area(&w, K), 400.0 + 36.0 + std::f64::consts::PI * 4.5, 1.0);
    is_one_step(&mut w, &before, "Brush CTV", &[K]);
    drag(&mut w, Axial, Modifiers::ALT, &path);
    assert_eq!(w.case().history().undo_label(), Some("Erase CTV"));
    assert!(!w.roi("CTV").slices[&K].contains([38.0, 32.0]));
    // D makes it a ball over several slices.
    w.key(Modifiers::NONE, Key::D).send(Command::SetBrushRadius(5.0));
    drag(&mut w, Axial, Modifiers::NONE, &[at(50.0, 32.0)]);
    assert!([K - 1, K, K + 1].iter().all(|k| w.roi("CTV").slices[k].contains([50.0, 32.0])));
}

#[test]
fn the_eraser_erases_and_alt_adds() {
    let mut w = window();
    let before = w.roi("CTV").clone();
    w.key(Modifiers::NONE, Key::E).send(Command::SetBrushRadius(3.0));
    let path = [at(42.0, 26.0), at(42.0, 38.0)];
    is_refused_when_locked(&mut w, &path);
    escape_leaves_nothing(&mut w, Axial, &path);
    drag(&mut w, Axial, Modifiers::NONE, &path);
    near(area(&w, K), 400.0 - 36.0 - std::f64::consts::PI * 4.5, 1.0);
    is_one_step(&mut w, &before, "Erase CTV", &[K]);
    drag(&mut w, Axial, Modifiers::ALT, &path);
    assert!(w.roi("CTV").slices[&K].contains([44.0, 32.0]));
    assert_eq!(w.case().history().undo_label(), Some("Brush CTV"));
}

#[test]
fn auto_is_decided_where_the_stroke_begins_and_alt_turns_it_round() {
    let mut w = window();
    w.key(Modifiers::NONE, Key::B).send(Command::SetBrushRadius(2.0));
    // Add, Erase, Auto.
    w.key(Modifiers::SHIFT, Key::D).key(Modifiers::SHIFT, Key::D);
    assert_eq!(w.workbench().toolbox().options().mode, PaintMode::Auto);
    let (inside, outside) = ([at(40.0, 32.0), at(46.0, 32.0)], [at(46.0, 28.0), at(38.0, 28.0)]);
    for (path, modifiers, adds) in [
        (inside, Modifiers::NONE, true),
        (outside, Modifiers::NONE, false),
        (inside, Modifiers::ALT, false),
        (outside, Modifiers::ALT, true),
    ] {
        let before = area(&w, K);
        drag(&mut w, Axial, modifiers, &path);
        assert_eq!(area(&w, K) > before, adds, "{path:?} {modifiers:?}");
        assert_eq!(area(&w, K) < before, !adds, "{path:?} {modifiers:?}");
        w.key(Modifiers::COMMAND, Key::Z);
    }
    // On a slice without the structure there is nothing to erase.
    w.send(Command::SetCrosshair(DVec3::new(32.0, 32.0, 27.0)));
    drag(&mut w, Axial, Modifiers::NONE, &[at(32.0, 32.0).with_z(27.0)]);
    assert!(area(&w, 9) > 10.0);
    // In a coronal view too: from above the structure it erases down into it.
    w.send(Command::SetCrosshair(CENTER));
    drag(&mut w, Coronal, Modifiers::NONE, &[DVec3::new(20.0, 32.0, 15.0), DVec3::new(26.0, 32.0, 15.0)]);
    assert!(!w.roi("CTV").slices[&K].contains([26.0, 32.0]), "begun beside the square");
}

#[test]
fn the_brush_paints_upright_views_one_voxel_deep() {
    for orientation in [Sagittal, Coronal] {
        let mut w = window();
        w.key(Modifiers::NONE, Key::B).send(Command::SetBrushRadius(4.0));
        let (side, high) = (if orientation == Sagittal { DVec3::Y } else { DVec3::X }, DVec3::Z * 9.0);
        drag(&mut w, orientation, Modifiers::NONE, &[CENTER + high, CENTER + high + side * 6.0]);
        // Slice 8 and its neighbours within 4 mm; one millimetre deep.
        let slices: Vec<usize> = w.roi("CTV").slices.keys().copied().collect();
        assert_eq!(slices, [4, 5, 6, 7, 8, 9], "{orientation}");
        near(area(&w, 8), 14.0, 0.3);
        assert_eq!(steps(&w), 1);
        drag(&mut w, orientation, Modifiers::ALT, &[CENTER + high, CENTER + high + side * 6.0]);
        assert!(!w.roi("CTV").slices.contains_key(&8), "{orientation}");
    }
}

#[test]
fn the_range_of_ct_numbers_narrows_the_brush_to_within_to_outside_and_off() {
    let mut w = window();
    w.key(Modifiers::NONE, Key::B).send(Command::SetBrushRadius(6.0));
    let click = at(32.0 + DISC, 32.0);
    let mut painted = |expected: fn(i16) -> bool, name: &str| {
        w.key(Modifiers::SHIFT, Key::B);
        let before = w.case().mask(w.roi("CTV").id).clone();
        w.click_view(Axial, click);
        let added = w.case().mask(w.roi("CTV").id).difference(&before);
        let hu = &w.case().image.volume.hu;
        let voxels: Vec<[usize; 3]> =
            added.slices.iter().flat_map(|(k, s)| s.voxels().map(move |(j, i)| [*k, j, i])).collect();
        assert!(voxels.len() > 20 && voxels.iter().all(|v| expected(hu[*v])), "{name}: {} voxels", voxels.len());
        w.key(Modifiers::COMMAND, Key::Z);
        voxels.len()
    };
    let within = painted(|hu| hu == 40, "within");
    let outside = painted(|hu| hu == -800, "outside");
    assert_eq!(painted(|_| true, "all"), within + outside);
}

#[test]
fn freehand_adds_what_a_line_encloses_and_erases_with_alt() {
    let mut w = window();
    let before = w.roi("CTV").clone();
    w.key(Modifiers::NONE, Key::R);
    let bulge = [at(30.0, 30.0), at(50.0, 30.0), at(50.0, 36.0), at(30.0, 36.0)];
    is_refused_when_locked(&mut w, &bulge);
    escape_leaves_nothing(&mut w, Axial, &bulge);
    begin(&mut w, Axial, &bulge);
    let preview = w.workbench().tool_preview();
    assert_eq!(preview.lines.iter().map(|l| l.style).collect::<Vec<_>>(), [LineStyle::Draft, LineStyle::Next]);
    assert_eq!(*w.roi("CTV"), before, "nothing changes before the line is closed");
    release(&mut w, Axial, bulge[3]);
    near(area(&w, K), 448.0, 0.5);
    is_one_step(&mut w, &before, "Freehand CTV", &[K]);
    drag(&mut w, Axial, Modifiers::ALT, &[at(20.0, 24.0), at(26.0, 24.0), at(26.0, 30.0), at(20.0, 30.0)]);
    near(area(&w, K), 448.0 - 24.0, 0.5);
    // A click alone encloses nothing.
    let count = steps(&w);
    w.click_view(Axial, at(50.0, 50.0));
    assert_eq!(steps(&w), count);
}

#[test]
fn freehand_in_an_upright_view_is_cut_by_the_slices() {
    let mut w = window();
    w.key(Modifiers::NONE, Key::R);
    let corner = |x: f64, z: f64| DVec3::new(x, 32.0, z);
    drag(
        &mut w,
        Coronal,
        Modifiers::NONE,
        &[corner(46.0, 13.0), corner(54.0, 13.0), corner(54.0, 26.0), corner(46.0, 26.0)],
    );
    for (k, expected) in [(4, 400.0), (5, 408.0), (6, 408.0), (7, 8.0), (8, 8.0)] {
        near(area(&w, k), expected, 0.3);
    }
    assert_eq!((steps(&w), w.roi("CTV").slices.len()), (1, 5));
}

#[test]
fn a_polygon_is_clicked_and_closed_by_enter_double_click_or_its_first_corner() {
    let mut w = window();
    let before = w.roi("CTV").clone();
    w.key(Modifiers::NONE, Key::P);
    let corners = [at(46.0, 20.0), at(56.0, 20.0), at(56.0, 30.0)];
    is_refused_when_locked(&mut w, &corners[..1]);
    let click = |w: &mut Window, points: &[DVec3]| {
        for p in points {
            w.click_view(Axial, *p);
        }
    };
    click(&mut w, &corners[..2]);
    assert!(w.workbench().toolbox().is_draft() && *w.roi("CTV") == before);
    assert!(w.says("Backspace"), "the hints follow the state");
    // With Ctrl, Delete means the whole structure, and the corners go with it.
    w.key(Modifiers::COMMAND, Key::Delete);
    assert!(w.case().structures().by_name("CTV").is_none());
    w.key(Modifiers::COMMAND, Key::Z).click("Select CTV");
    assert_eq!(*w.roi("CTV"), before);
    click(&mut w, &corners[..2]);
    w.key(Modifiers::NONE, Key::Enter);
    assert!(w.says("at least three points") && w.workbench().toolbox().is_draft());
    // The last corner is taken back by Backspace or undo.
    click(&mut w, &[corners[2], at(60.0, 60.0), at(10.0, 60.0)]);
    w.key(Modifiers::NONE, Key::Backspace).key(Modifiers::COMMAND, Key::Z).key(Modifiers::NONE, Key::Enter);
    assert!(!w.workbench().toolbox().is_draft());
    near(area(&w, K), 450.0, 0.5);
    is_one_step(&mut w, &before, "Polygon CTV", &[K]);
    // A double click closes at its place.
    click(&mut w, &[at(6.0, 6.0), at(16.0, 6.0)]);
    for _ in 0..2 {
        let place = w.place(Axial, at(16.0, 16.0));
        w.harness.hover_at(place);
        for pressed in [true, false] {
            let (button, modifiers) = (PointerButton::Primary, Modifiers::NONE);
            w.harness.event(Event::PointerButton { pos: place, button, pressed, modifiers });
        }
    }
    w.harness.run_steps(30);
    near(area(&w, K), 500.0, 0.7);
    // So does a click on the first corner.
    click(&mut w, &[at(6.0, 50.0), at(16.0, 50.0), at(16.0, 60.0), at(6.2, 50.2)]);
    near(area(&w, K), 550.0, 0.9);
    assert_eq!((steps(&w), w.roi("CTV").slices[&K].rings.len()), (3, 4));
    // Esc drops it, and so does another tool, which says so.
    click(&mut w, &[at(46.0, 46.0), at(56.0, 46.0)]);
    w.key(Modifiers::NONE, Key::Escape);
    assert!(!w.workbench().toolbox().is_draft());
    click(&mut w, &[at(46.0, 46.0), at(56.0, 46.0)]);
    w.key(Modifiers::NONE, Key::B);
    assert!(w.says("was not closed") && steps(&w) == 3);
}

#[test]
fn a_draft_stays_on_its_slice() {
    let mut w = window();
    w.key(Modifiers::NONE, Key::P).click_view(Axial, at(46.0, 20.0));
    w.key(Modifiers::NONE, Key::PageUp).click_view(Axial, at(56.0, 20.0));
    assert!(w.says("begun on another slice"));
    w.key(Modifiers::NONE, Key::PageDown).click_view(Axial, at(56.0, 20.0)).click_view(Axial, at(56.0, 30.0));
    w.key(Modifiers::NONE, Key::Enter);
    near(area(&w, K), 450.0, 0.5);
}

#[test]
fn a_spline_goes_smoothly_through_its_points() {
    let mut w = window();
    let before = w.roi("CTV").clone();
    w.key(Modifiers::SHIFT, Key::P);
    assert_eq!(w.workbench().tool(), ToolKind::Spline);
    is_refused_when_locked(&mut w, &[at(52.0, 52.0)]);
    for m in 0..8 {
        let (s, c) = (std::f64::consts::TAU * f64::from(m) / 8.0).sin_cos();
        w.click_view(Axial, at(52.0 + 7.0 * c, 52.0 + 7.0 * s));
    }
    assert!(!w.workbench().tool_preview().lines.is_empty());
    w.key(Modifiers::NONE, Key::Enter);
    let circle = std::f64::consts::PI * 49.0;
    near(area(&w, K), 400.0 + circle, 0.03 * circle);
    let ring = w.roi("CTV").slices[&K].rings.iter().find(|r| r.points()[0][0] > 44.0).expect("a second ring");
    assert!(ring.points().len() > 16, "smooth between the points");
    is_one_step(&mut w, &before, "Spline CTV", &[K]);
}

#[test]
fn vertices_are_moved_put_in_and_removed_and_the_others_stay_bit_for_bit() {
    let mut w = window();
    let before = w.roi("CTV").clone();
    let old = before.slices[&K].rings[0].points().to_vec();
    w.key(Modifiers::NONE, Key::P);
    hover(&mut w, Axial, at(41.8, 41.8));
    assert!(!w.workbench().tool_preview().handles.is_empty(), "vertices show under the pointer");
    let pull = [at(42.0, 42.0), at(47.0, 46.0)];
    is_refused_when_locked(&mut w, &pull);
    escape_leaves_nothing(&mut w, Axial, &pull);
    drag(&mut w, Axial, Modifiers::NONE, &pull);
    let now = w.roi("CTV").slices[&K].rings[0].points().to_vec();
    assert_eq!([now[0], now[1], now[3]], [old[0], old[1], old[3]]);
    near(now[2][0], 47.0, 0.05);
    near(now[2][1], 46.0, 0.05);
    is_one_step(&mut w, &before, "Vertex CTV", &[K]);
    // Shift puts a vertex in where the outline is pressed, and drags it on.
    drag(&mut w, Axial, Modifiers::SHIFT, &[at(22.0, 32.0), at(18.0, 32.0)]);
    assert_eq!(w.case().history().undo_label(), Some("New vertex CTV"));
    assert_eq!(w.roi("CTV").slices[&K].rings[0].points().len(), 5);
    assert!(w.roi("CTV").slices[&K].contains([19.5, 32.0]));
    // Delete removes the vertex under the pointer.
    hover(&mut w, Axial, at(18.0, 32.0));
    w.key(Modifiers::NONE, Key::Delete);
    assert_eq!(w.roi("CTV").slices[&K].rings[0].points(), now);
    assert_eq!(w.case().history().undo_label(), Some("Remove vertex CTV"));
    // A click on a vertex without movement is no step, and begins no outline.
    let count = steps(&w);
    w.click_view(Axial, at(22.0, 22.0));
    assert!(steps(&w) == count && !w.workbench().toolbox().is_draft());
}

#[test]
fn a_vertex_drawn_into_another_ring_unites_them() {
    let mut w = window_with(|ctv| {
        let rings = vec![square(22.0, 42.0, 0), square(48.0, 56.0, 1)];
        ctv.slices.insert(K, Arc::new(SliceContours::new(rings)));
    });
    w.key(Modifiers::NONE, Key::P);
    drag(&mut w, Axial, Modifiers::NONE, &[at(42.0, 42.0), at(52.0, 52.0)]);
    let contours = w.roi("CTV").slices[&K].clone();
    assert_eq!(contours.rings.len(), 1);
    assert!(contours.contains([50.0, 50.0]) && contours.contains([55.0, 55.0]) && contours.contains([30.0, 30.0]));
    assert_eq!(steps(&w), 1);
    w.case().check_invariants().expect("masks follow contours");
}

#[test]
fn the_nudge_pushes_the_outline_out_and_in_and_leaves_the_rest() {
    let mut w = window();
    let before = w.roi("CTV").clone();
    w.key(Modifiers::NONE, Key::N).send(Command::SetBrushRadius(4.0));
    let push = [at(36.0, 32.0), at(42.0, 32.0), at(46.0, 32.0)];
    is_refused_when_locked(&mut w, &push);
    escape_leaves_nothing(&mut w, Axial, &push);
    drag(&mut w, Axial, Modifiers::NONE, &push);
    let contours = w.roi("CTV").slices[&K].clone();
    assert!(contours.contains([49.5, 32.0]) && contours.contains([40.0, 32.0]) && area(&w, K) > 420.0);
    let old = before.slices[&K].rings[0].points();
    assert!(old.iter().all(|p| contours.rings[0].points().contains(p)), "corners out of reach stay exactly");
    is_one_step(&mut w, &before, "Nudge CTV", &[K]);
    drag(&mut w, Axial, Modifiers::NONE, &[at(14.0, 32.0), at(22.0, 32.0)]);
    assert!(!w.roi("CTV").slices[&K].contains([25.0, 32.0]), "from outside it pushes in");
    // The softness says how far the outline gives way beyond the disc.
    w.key(Modifiers::COMMAND, Key::Z);
    let mut given_way = |softness: f64| {
        let options = ToolOptions { softness, ..*w.workbench().toolbox().options() };
        w.send(Command::SetToolOptions(options));
        drag(&mut w, Axial, Modifiers::NONE, &[at(14.0, 32.0), at(22.0, 32.0)]);
        let lost = area(&w, K);
        w.key(Modifiers::COMMAND, Key::Z);
        lost
    };
    assert!(given_way(0.1) > given_way(1.5) + 5.0);
    // A disc works on slices, a ball in every view.
    drag(&mut w, Coronal, Modifiers::NONE, &[DVec3::new(36.0, 32.0, 15.0), DVec3::new(46.0, 32.0, 15.0)]);
    assert!(w.says("works in the axial view; choose the ball"));
    let count = steps(&w);
    w.key(Modifiers::NONE, Key::D);
    drag(&mut w, Coronal, Modifiers::NONE, &[DVec3::new(36.0, 28.0, 15.0), DVec3::new(46.0, 28.0, 15.0)]);
    assert_eq!(steps(&w), count + 1);
}

#[test]
fn the_livewire_follows_the_edge_of_the_tissue() {
    let mut w = window();
    let before = w.roi("CTV").clone();
    w.key(Modifiers::NONE, Key::W);
    let on_edge = |turn: f64| {
        let (s, c) = (std::f64::consts::TAU * turn).sin_cos();
        at(32.0 + 18.0 * c, 32.0 + 18.0 * s)
    };
    is_refused_when_locked(&mut w, &[on_edge(0.0)]);
    w.click_view(Sagittal, CENTER);
    assert!(w.says("The livewire works in the axial view"));
    for turn in [0.0, 0.3, 0.65, 0.4] {
        w.click_view(Axial, on_edge(turn));
    }
    w.key(Modifiers::NONE, Key::Backspace);
    hover(&mut w, Axial, on_edge(0.8));
    let preview = w.workbench().tool_preview();
    let next = preview.lines.iter().find(|l| l.style == LineStyle::Next).expect("the way to the pointer");
    assert!(next.points.len() > 10, "{} points", next.points.len());
    for p in &next.points {
        near((p.x - 32.0).hypot(p.y - 32.0), 18.3, 1.5);
    }
    w.key(Modifiers::NONE, Key::Enter);
    let disc = std::f64::consts::PI * 18.3 * 18.3;
    near(area(&w, K), disc, 0.05 * disc);
    is_one_step(&mut w, &before, "Livewire CTV", &[K]);
    w.click_view(Axial, on_edge(0.0)).click_view(Axial, on_edge(0.2)).key(Modifiers::NONE, Key::Escape);
    assert!(!w.workbench().toolbox().is_draft() && steps(&w) == 1);
}

#[test]
fn a_cut_takes_the_smaller_part_the_larger_one_with_alt_all_slices_with_shift() {
    let mut w = window();
    let before = w.roi("CTV").clone();
    w.key(Modifiers::NONE, Key::K);
    let across = [at(37.0, 18.0), at(37.0, 46.0)];
    is_refused_when_locked(&mut w, &across);
    escape_leaves_nothing(&mut w, Axial, &across);
    begin(&mut w, Axial, &across);
    let goes = w.workbench().tool_preview().lines.into_iter().filter(|l| l.style == LineStyle::Remove).count();
    assert_eq!((goes, area(&w, K).round()), (1, 400.0), "what goes is shown before it goes");
    release(&mut w, Axial, across[1]);
    near(area(&w, K), 300.0, 1.0);
    is_one_step(&mut w, &before, "Cut CTV", &[K]);
    w.key(Modifiers::COMMAND, Key::Z);
    drag(&mut w, Axial, Modifiers::ALT, &across);
    near(area(&w, K), 100.0, 1.0);
    w.key(Modifiers::COMMAND, Key::Z);
    drag(&mut w, Axial, Modifiers::SHIFT, &across);
    for k in K - 1..=K + 1 {
        near(area(&w, k), 300.0, 1.0);
    }
    assert_eq!(steps(&w), 1);
    w.key(Modifiers::COMMAND, Key::Z);
    // In a coronal view an end of the structure goes.
    drag(&mut w, Coronal, Modifiers::NONE, &[DVec3::new(12.0, 32.0, 16.5), DVec3::new(52.0, 32.0, 16.5)]);
    assert_eq!(w.roi("CTV").slices.keys().copied().collect::<Vec<_>>(), [4, 5]);
    drag(&mut w, Axial, Modifiers::NONE, &[at(50.0, 18.0), at(50.0, 46.0)]);
    assert!(w.says("does not cross the structure") && steps(&w) == 1);
}

#[test]
fn a_flood_fills_what_is_connected_and_as_bright() {
    let mut w = window();
    let before = w.roi("CTV").clone();
    w.key(Modifiers::NONE, Key::Q);
    let tissue = at(18.0, 32.0);
    is_refused_when_locked(&mut w, &[tissue]);
    w.click_view(Axial, tissue);
    let disc = std::f64::consts::PI * DISC * DISC;
    near(area(&w, K), disc, 0.05 * disc);
    is_one_step(&mut w, &before, "Flood fill CTV", &[K]);
    // Over several slices within the radius of the options.
    w.key(Modifiers::COMMAND, Key::Z);
    w.send(Command::SetToolOptions(ToolOptions { flood_radius_mm: 7.0, ..ToolOptions::default() }));
    drag(&mut w, Axial, Modifiers::SHIFT, &[CENTER]);
    assert_eq!(w.roi("CTV").slices.keys().copied().collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
    w.key(Modifiers::COMMAND, Key::Z);
    // Alt takes it away: the whole square lies in the disc. Undo went to the first slice that it changed.
    w.send(Command::SetCrosshair(CENTER));
    drag(&mut w, Axial, Modifiers::ALT, &[tissue]);
    assert!(!w.roi("CTV").slices.contains_key(&K));
    assert_eq!(w.case().history().undo_label(), Some("Flood erase CTV"));
}

#[test]
fn a_click_deletes_an_island_with_its_holes_or_fills_a_hole() {
    let mut w = window_with(|ctv| {
        let rings = vec![square(14.0, 50.0, 0), square(24.0, 34.0, 1), square(53.0, 58.0, 2)];
        ctv.slices.insert(K, Arc::new(SliceContours::new(rings)));
    });
    let before = w.roi("CTV").clone();
    w.key(Modifiers::NONE, Key::X);
    is_refused_when_locked(&mut w, &[at(55.5, 55.5)]);
    hover(&mut w, Axial, at(29.0, 29.0));
    let shown = w.workbench().tool_preview().lines;
    assert!(shown.len() == 1 && shown[0].style == LineStyle::Remove, "the hole is shown before it goes");
    w.click_view(Axial, at(29.0, 29.0));
    near(area(&w, K), 36.0 * 36.0 + 25.0, 0.1);
    assert_eq!(w.roi("CTV").slices[&K].rings[0], before.slices[&K].rings[0], "the outline is the same ring");
    is_one_step(&mut w, &before, "Delete ring CTV", &[K]);
    w.click_view(Axial, at(55.5, 55.5));
    near(area(&w, K), 36.0 * 36.0, 0.1);
    w.click_view(Axial, at(8.0, 8.0));
    assert!(w.says("There is no ring of the selected structure under the pointer") && steps(&w) == 2);
    w.key(Modifiers::COMMAND, Key::Z).key(Modifiers::COMMAND, Key::Z);
    w.click_view(Axial, at(40.0, 20.0));
    near(area(&w, K), 25.0, 0.1);
    w.click_view(Coronal, CENTER);
    assert!(w.says("Rings are deleted in the axial view"));
}

#[test]
fn rings_are_moved_turned_and_scaled_and_shift_takes_the_whole_structure() {
    let mut w = window();
    let before = w.roi("CTV").clone();
    w.key(Modifiers::NONE, Key::T);
    let shift = [at(32.0, 32.0), at(35.0, 34.0), at(38.0, 36.0)];
    is_refused_when_locked(&mut w, &shift);
    escape_leaves_nothing(&mut w, Axial, &shift);
    drag(&mut w, Axial, Modifiers::NONE, &shift);
    let [low, high] = w.roi("CTV").slices[&K].bounds().expect("not empty");
    for (found, expected) in [(low[0], 28.0), (low[1], 26.0), (high[0], 48.0), (high[1], 46.0)] {
        near(found, expected, 0.1);
    }
    is_one_step(&mut w, &before, "Move CTV", &[K]);
    w.key(Modifiers::COMMAND, Key::Z);
    // The knob above the frame turns, a corner scales.
    hover(&mut w, Axial, CENTER);
    assert_eq!(w.workbench().tool_preview().handles.len(), 5);
    let knob = at(32.0, 22.0 - 6.0);
    drag(&mut w, Axial, Modifiers::NONE, &[knob, at(40.0, 18.0), at(48.0, 32.0)]);
    near(area(&w, K), 400.0, 0.5);
    assert_eq!(w.case().history().undo_label(), Some("Turn CTV"));
    let quarter = w.roi("CTV").slices[&K].rings[0].points()[0];
    near(quarter[0], 42.0, 0.1);
    near(quarter[1], 22.0, 0.1);
    w.key(Modifiers::COMMAND, Key::Z);
    drag(&mut w, Axial, Modifiers::NONE, &[at(42.0, 42.0), at(47.0, 47.0)]);
    near(area(&w, K), 900.0, 8.0);
    assert_eq!(w.case().history().undo_label(), Some("Scale CTV"));
    w.key(Modifiers::COMMAND, Key::Z);
    drag(&mut w, Axial, Modifiers::SHIFT, &[CENTER, at(34.0, 32.0)]);
    for k in K - 1..=K + 1 {
        near(w.roi("CTV").slices[&k].bounds().expect("not empty")[0][0], 24.0, 0.1);
    }
    assert_eq!(steps(&w), 1);
}

#[test]
fn a_copied_slice_counts_as_not_reviewed_until_it_is_edited_or_accepted() {
    let mut w = window();
    let ctv = w.roi("CTV").id;
    w.send(Command::SetCrosshair(CENTER + DVec3::Z * 3.0));
    w.key(Modifiers::NONE, Key::C).key(Modifiers::NONE, Key::C);
    assert_eq!(w.workbench().copied_slices(ctv), [7, 8]);
    assert_eq!(w.workbench().view.axial_slice(w.case().grid()), 8, "the view follows the copy");
    let points = |k: usize| w.roi("CTV").slices[&k].rings[0].points().to_vec();
    assert_eq!((points(7), points(8)), (points(6), points(6)));
    assert_eq!(w.roi("CTV").slices[&8].rings[0].source_contour(), None, "a copy is no contour of the source");
    assert_eq!((steps(&w), w.case().history().undo_label()), (2, Some("Copy slice of CTV")));
    // An edit reviews it.
    w.key(Modifiers::NONE, Key::B).click_view(Axial, at(46.0, 32.0));
    assert_eq!(w.workbench().copied_slices(ctv), [7]);
    w.send(Action::AcceptCopies);
    assert!(w.workbench().copied_slices(ctv).is_empty() && w.workbench().refusal(Action::AcceptCopies).is_some());
    // Nothing is replaced, and nothing is copied from nothing.
    w.key(Modifiers::SHIFT, Key::C);
    assert!(w.says("has contours on the next slice already"));
    w.send(Command::SetCrosshair(DVec3::new(32.0, 32.0, 30.0))).key(Modifiers::NONE, Key::C);
    assert!(w.says("has no contours on this slice") && steps(&w) == 3);
}

#[test]
fn rules_limit_every_tool_and_the_window_of_the_rules_sets_them() {
    let mut w = window();
    let heart = w.roi("Heart").id;
    w.send(Action::ToolRules);
    assert!(w.has("Where structures may grow") && w.says("No structure is locked"));
    w.click("Only outside");
    assert_eq!(w.workbench().policy.rules.limit, Limit::Outside(heart));
    // The heart begins at 40 mm: the bulge grows beside it only.
    w.key(Modifiers::NONE, Key::R);
    drag(&mut w, Axial, Modifiers::NONE, &[at(30.0, 36.0), at(48.0, 36.0), at(48.0, 52.0), at(30.0, 52.0)]);
    let contours = w.roi("CTV").slices[&K].clone();
    assert!(contours.contains([35.0, 50.0]) && !contours.contains([45.0, 45.0]) && contours.contains([41.0, 41.0]));
    w.key(Modifiers::COMMAND, Key::Z);
    w.click("Only inside");
    drag(&mut w, Axial, Modifiers::NONE, &[at(30.0, 36.0), at(48.0, 36.0), at(48.0, 52.0), at(30.0, 52.0)]);
    let contours = w.roi("CTV").slices[&K].clone();
    assert!(!contours.contains([35.0, 50.0]) && contours.contains([45.0, 45.0]));
    w.key(Modifiers::COMMAND, Key::Z).click("Anywhere").click("Bone");
    let EditRules { band, .. } = w.workbench().policy.rules;
    assert_eq!(band, HuBand { on: true, inverted: false, low_hu: 200, high_hu: 2000 });
    assert!(w.has("Rules on"));
    w.click("Lock all others");
    assert!(w.workbench().policy.locked.contains(&heart) && w.workbench().policy.locked.len() == 1);
    w.click("Remove the lock of Heart");
    assert!(w.workbench().policy.locked.is_empty());
}

#[test]
fn the_tool_bar_shows_the_options_of_the_tool_in_use_and_crowds_at_no_size() {
    let mut w = window();
    let options = [
        (Key::B, Modifiers::NONE, &["Brush radius", "Disc", "Ball", "Auto", "Erase"][..]),
        (Key::E, Modifiers::NONE, &["Brush radius", "Disc", "Ball"]),
        (Key::N, Modifiers::NONE, &["Brush radius", "Softness of the nudge, percent of the radius"]),
        (Key::R, Modifiers::NONE, &["Auto"]),
        (Key::P, Modifiers::NONE, &["Corners", "Curve", "Auto"]),
        (Key::W, Modifiers::NONE, &["Auto"]),
        (Key::Q, Modifiers::NONE, &["Tolerance of the flood, HU", "Reach of the flood over several slices, mm"]),
    ];
    for (key, modifiers, labels) in options {
        w.key(modifiers, key);
        for label in labels {
            assert!(w.has(label), "{label} of {:?}", w.workbench().tool());
        }
    }
    w.key(Modifiers::NONE, Key::K);
    assert!(!w.has("Brush radius") && !w.has("Corners"));
    w.click("Polygon").click("Curve");
    assert_eq!(w.workbench().tool(), ToolKind::Spline);
    w.click("Erase");
    assert_eq!(w.workbench().toolbox().options().mode, PaintMode::Erase);
    // Everything fits, without one thing over another.
    for size in [[1000.0, 700.0], [1100.0, 760.0], [1440.0, 900.0]] {
        let loaded = made_case(|_| 30, vec![roi("CTV", Role::Ctv)]);
        let mut w = Window::with_case(loaded, Start { size: Some(size), ..Start::default() });
        for key in [Key::V, Key::B, Key::N, Key::P, Key::Q] {
            w.key(Modifiers::NONE, key);
            let end = w.harness.get_by_label("Propose CTV").rect();
            let last =
                ["Erase", "Softness of the nudge, percent of the radius", "Reach of the flood over several slices, mm"]
                    .into_iter()
                    .filter(|label| w.has(label))
                    .map(|label| w.harness.get_by_label(label).rect().max.x)
                    .fold(0.0, f32::max);
            assert!(last + 4.0 <= end.min.x && end.max.x <= size[0], "{last} {end:?} at {size:?} with {key:?}");
            let lowest = w.harness.get_by_label("Move, turn, scale").rect();
            assert!(lowest.max.y <= size[1] - 28.0 && lowest.width() > 20.0, "{lowest:?} at {size:?}");
        }
    }
}

#[test]
fn every_tool_has_a_page_of_help() {
    let mut w = window();
    w.key(Modifiers::NONE, Key::K).send(Action::ToolHelp);
    assert!(w.says("Draw a line across the structure"), "it opens at the tool in use");
    w.harness.get_all_by_label("Livewire").last().expect("a page").click();
    w.settle();
    assert!(w.says("the outline follows the edges of the image between the clicks"));
}
