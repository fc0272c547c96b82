//! Pens and fingers: a pen is a mouse, two fingers pan and zoom, a hand on the screen disturbs no stroke. Events as the
//! window system gives them: every touch, and after the first one the pointer that it becomes.

use crate::support::window::Window;
use eframe::egui::{
    Event, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, Pos2, TouchDeviceId, TouchId, TouchPhase, Vec2,
    vec2,
};
use glam::DVec3;
use hilum::geometry::Orientation;
use hilum::structures::Role;
use hilum::workbench::{Action, Command, ToolKind};

const CENTER: DVec3 = DVec3::new(32.0, 32.0, 15.0);

fn window() -> Window {
    let mut w = Window::with_small_case(&[("CTV", Role::Ctv)]);
    w.click("Select CTV").send(Command::SetTool(ToolKind::Brush));
    w
}

fn touch(w: &mut Window, id: u64, phase: TouchPhase, pos: Pos2, force: Option<f32>) {
    w.harness.event(Event::Touch { device_id: TouchDeviceId(1), id: TouchId(id), phase, pos, force });
}

fn button(w: &mut Window, pressed: bool, pos: Pos2) {
    let (button, modifiers) = (PointerButton::Primary, Modifiers::NONE);
    w.harness.event(Event::PointerButton { pos, button, pressed, modifiers });
}

/// The touch that the window system turns into the pointer.
fn pointer(w: &mut Window, id: u64, phase: TouchPhase, pos: Pos2, force: Option<f32>) {
    touch(w, id, phase, pos, force);
    match phase {
        TouchPhase::Start => {
            w.harness.event(Event::PointerMoved(pos));
            button(w, true, pos);
        }
        TouchPhase::Move => w.harness.event(Event::PointerMoved(pos)),
        TouchPhase::End | TouchPhase::Cancel => {
            button(w, false, pos);
            w.harness.event(Event::PointerGone);
        }
    }
    w.harness.step();
}

fn middle(w: &Window) -> Pos2 {
    w.place(Orientation::Axial, CENTER)
}

fn steps(w: &Window) -> usize {
    w.case().history().len()
}

fn scale(w: &Window) -> f64 {
    w.harness.state().view_transform(Orientation::Axial).expect("shown").mm_per_point
}

#[test]
fn a_pen_draws_as_a_mouse_does() {
    let points = [CENTER, CENTER + DVec3::new(5.0, 0.0, 0.0), CENTER + DVec3::new(9.0, 3.0, 0.0)];
    let mut mouse = window();
    mouse.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &points);
    let mut pen = window();
    let places: Vec<Pos2> = points.iter().map(|p| pen.place(Orientation::Axial, *p)).collect();
    let [first, .., last] = places[..] else { panic!("three points") };
    pointer(&mut pen, 7, TouchPhase::Start, first, Some(0.4));
    for place in &places[1..] {
        pointer(&mut pen, 7, TouchPhase::Move, *place, Some(0.8));
    }
    pointer(&mut pen, 7, TouchPhase::End, last, None);
    pen.settle();
    assert_eq!(steps(&pen), 1);
    assert_eq!(pen.roi("CTV").slices, mouse.roi("CTV").slices);
}

#[test]
fn a_hand_on_the_screen_does_not_disturb_a_stroke() {
    let points = [CENTER, CENTER + DVec3::new(8.0, 0.0, 0.0), CENTER + DVec3::new(12.0, 0.0, 0.0)];
    let mut alone = window();
    alone.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &points);

    // The pen is a touch of its own: the hand is told as a touch only.
    let mut w = window();
    let places: Vec<Pos2> = points.iter().map(|p| w.place(Orientation::Axial, *p)).collect();
    let far = places[0] + vec2(60.0, 80.0);
    pointer(&mut w, 1, TouchPhase::Start, places[0], Some(0.5));
    pointer(&mut w, 1, TouchPhase::Move, places[1], Some(0.5));
    let before = scale(&w);
    touch(&mut w, 2, TouchPhase::Start, far, None);
    w.harness.step();
    touch(&mut w, 2, TouchPhase::Move, far + vec2(30.0, 30.0), None);
    w.harness.step();
    pointer(&mut w, 1, TouchPhase::Move, places[2], Some(0.5));
    touch(&mut w, 2, TouchPhase::End, far, None);
    pointer(&mut w, 1, TouchPhase::End, places[2], None);
    w.settle();
    assert_eq!(scale(&w), before);
    assert_eq!(steps(&w), 1);
    assert_eq!(w.roi("CTV").slices, alone.roi("CTV").slices);

    // The pen is a mouse: the touch of the hand becomes a pointer too, and its end looks like that of the stroke.
    let mut w = window();
    w.harness.event(Event::PointerMoved(places[0]));
    w.harness.step();
    button(&mut w, true, places[0]);
    w.harness.step();
    w.harness.event(Event::PointerMoved(places[1]));
    w.harness.step();
    pointer(&mut w, 2, TouchPhase::Start, far, None);
    pointer(&mut w, 2, TouchPhase::Move, far + vec2(10.0, 0.0), None);
    pointer(&mut w, 2, TouchPhase::End, far + vec2(10.0, 0.0), None);
    w.harness.event(Event::PointerMoved(places[2]));
    w.harness.step();
    button(&mut w, false, places[2]);
    w.settle();
    assert_eq!(steps(&w), 1);
    assert_eq!(w.roi("CTV").slices, alone.roi("CTV").slices);
}

#[test]
fn two_fingers_pan_and_zoom_and_leave_no_stroke() {
    let mut w = window();
    let at = middle(&w);
    let (before, under) = (scale(&w), w.harness.state().view_transform(Orientation::Axial).expect("shown"));
    let under = under.patient_from_screen(at);
    let spread = |w: &mut Window, by: f32, shift: Vec2| {
        let (a, b) = (at + shift - vec2(by, 0.0), at + shift + vec2(by, 0.0));
        pointer(w, 1, TouchPhase::Move, a, None);
        touch(w, 2, TouchPhase::Move, b, None);
        w.harness.step();
    };
    pointer(&mut w, 1, TouchPhase::Start, at - vec2(20.0, 0.0), None);
    touch(&mut w, 2, TouchPhase::Start, at + vec2(20.0, 0.0), None);
    w.harness.step();
    for by in [24.0, 30.0, 40.0] {
        spread(&mut w, by, Vec2::ZERO);
    }
    let zoomed = scale(&w);
    assert!(zoomed < before * 0.7, "the picture grew: {before} to {zoomed} mm a point");
    let shift = vec2(30.0, 10.0);
    spread(&mut w, 40.0, shift);
    spread(&mut w, 40.0, shift);
    pointer(&mut w, 1, TouchPhase::End, at, None);
    touch(&mut w, 2, TouchPhase::End, at, None);
    w.settle();
    let place = w.place(Orientation::Axial, under);
    assert!((place - (at + shift)).length() < 8.0, "the point under the fingers went with them: {place:?}, {at:?}");
    assert_eq!(steps(&w), 0, "nothing was drawn");
    // The next finger draws again.
    let at = middle(&w);
    pointer(&mut w, 3, TouchPhase::Start, at, None);
    pointer(&mut w, 3, TouchPhase::End, at, None);
    w.settle();
    assert_eq!(steps(&w), 1);
}

#[test]
fn two_fingers_leave_the_crosshair_a_draft_and_measurements_as_they_were() {
    let mut w = window();
    let pinch = |w: &mut Window, orientation: Orientation| {
        let at = w.place(orientation, w.workbench().view.crosshair) + vec2(30.0, 20.0);
        pointer(w, 1, TouchPhase::Start, at - vec2(12.0, 0.0), None);
        touch(w, 2, TouchPhase::Start, at + vec2(12.0, 0.0), None);
        w.harness.step();
        pointer(w, 1, TouchPhase::Move, at - vec2(20.0, 0.0), None);
        touch(w, 2, TouchPhase::Move, at + vec2(20.0, 0.0), None);
        w.harness.step();
        pointer(w, 1, TouchPhase::End, at, None);
        touch(w, 2, TouchPhase::End, at, None);
        w.settle();
    };
    w.send(Command::SetTool(ToolKind::Navigate));
    let crosshair = w.workbench().view.crosshair;
    let before = scale(&w);
    pinch(&mut w, Orientation::Axial);
    assert!(scale(&w) < before, "it was a pinch");
    assert_eq!(w.workbench().view.crosshair, crosshair);

    w.send(Command::SetTool(ToolKind::Polygon));
    w.click_view(Orientation::Axial, CENTER).click_view(Orientation::Axial, CENTER + DVec3::new(6.0, 0.0, 0.0));
    let points = w.workbench().toolbox().draft_points();
    assert_eq!(points, 2);
    pinch(&mut w, Orientation::Axial);
    pinch(&mut w, Orientation::Sagittal);
    assert_eq!(w.workbench().toolbox().draft_points(), points);

    w.send(Action::MeasureDistance);
    pinch(&mut w, Orientation::Axial);
    assert!(w.workbench().measures().done().is_empty());
}

#[test]
fn a_touchpad_pinches_pans_and_scrolls() {
    let mut w = window();
    let at = middle(&w);
    w.harness.event(Event::PointerMoved(at));
    w.harness.step();
    let before = scale(&w);
    w.harness.event(Event::Zoom(1.5));
    w.harness.step();
    assert!((before / scale(&w) - 1.5).abs() < 1e-3);
    let under = w.harness.state().view_transform(Orientation::Axial).expect("shown").patient_from_screen(at);
    let wheel = |w: &mut Window, delta: Vec2, modifiers: Modifiers| {
        w.harness.event(Event::ModifiersChanged(modifiers));
        let (unit, source, phase) = (MouseWheelUnit::Point, MouseWheelSource::Trackpad, TouchPhase::Move);
        w.harness.event(Event::MouseWheel { unit, delta, modifiers, phase, source });
        w.harness.step();
        w.harness.event(Event::ModifiersChanged(Modifiers::NONE));
        w.settle();
    };
    wheel(&mut w, vec2(12.0, -9.0), Modifiers::ALT);
    let moved = w.place(Orientation::Axial, under) - at;
    assert!((moved - vec2(12.0, -9.0)).length() < 0.5, "{moved:?}");
    let slice = |w: &Window| w.workbench().view.axial_slice(w.case().grid());
    let here = slice(&w);
    wheel(&mut w, vec2(0.0, 80.0), Modifiers::NONE);
    assert_eq!(slice(&w).abs_diff(here), 2, "{} to {here}", slice(&w));
}
