//! The image view, driven by pointer events through its own transforms.

use eframe::egui::{self, Modifiers, PointerButton, Pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use glam::DVec3;
use hilum::contour::{Ring, SliceContours};
use hilum::geometry::{Orientation, PatientPoint, VoxelGrid};
use hilum::gpu::{SliceRenderer, no_fills};
use hilum::image::{CtVolume, WindowLevel};
use hilum::structures::{Provenance, Roi, RoiId, Role};
use hilum::ui::viewport::{
    Brush, Show, View, ViewEvent, ViewExtras, ViewInput, ViewOutput, ViewStructure, ViewTransform,
};
use hilum::ui::{fonts, theme};
use std::sync::Arc;
use strum::IntoEnumIterator;

/// A window with one view, and what it told.
struct Bench {
    view: View,
    renderer: SliceRenderer,
    volume: CtVolume,
    roi: Roi,
    window: WindowLevel,
    crosshair: PatientPoint,
    brush: Option<Brush>,
    transform: Option<ViewTransform>,
    events: Vec<ViewEvent>,
    hovered: Option<(PatientPoint, Option<i16>)>,
}

fn bench(orientation: Orientation) -> Harness<'static, Bench> {
    let positions = (0..40).map(|k| -100.0 + 3.0 * f64::from(k) + if k > 20 { 6.0 } else { 0.0 }).collect();
    let grid = VoxelGrid::new(DVec3::new(-64.0, -64.0, -100.0), DVec3::X, DVec3::Y, [1.0, 1.0], [128, 128], positions);
    let grid = Arc::new(grid.expect("valid grid"));
    let hu = ndarray::Array3::from_shape_fn(grid.shape(), |(k, j, i)| (k * 10 + j + i) as i16);
    let volume = CtVolume::new(grid, hu);
    let mut renderer = SliceRenderer::new(None);
    renderer.set_volume(&volume).expect("the processor holds any scan");
    let mut roi = Roi::new(RoiId(1), "GTVp", [255, 120, 0], Role::Gtvp, Provenance::Drawn);
    let ring = Ring::new([[-10.0, -10.0], [20.0, -10.0], [20.0, 20.0], [-10.0, 20.0]]);
    for k in 10..20 {
        roi.slices.insert(k, Arc::new(SliceContours::new(vec![ring.clone()])));
    }
    let bench = Bench {
        view: View::new(0, orientation),
        renderer,
        volume,
        roi,
        window: WindowLevel::MEDIASTINUM,
        crosshair: DVec3::new(5.0, 5.0, -55.0),
        brush: Some(Brush { radius_mm: 8.0, erase: false, sphere_at: None }),
        transform: None,
        events: Vec::new(),
        hovered: None,
    };
    let mut harness = Harness::builder()
        .with_size(egui::vec2(520.0, 420.0))
        .with_context_setup(|context| {
            fonts::install(context);
            theme::apply(context);
        })
        .build_ui_state(
            |ui, b: &mut Bench| {
                let structure = ViewStructure {
                    roi: &b.roi,
                    width: 1.5,
                    opacity: 1.0,
                    dashed: false,
                    active: true,
                    label: "GTVp",
                    fill_only: false,
                };
                let input = ViewInput {
                    grid: &b.volume.grid,
                    volume: Some(&b.volume),
                    crosshair: b.crosshair,
                    window: b.window,
                    sampling: hilum::image::Sampling::Interpolated,
                    slab: None,
                    structures: &[structure],
                    fills: no_fills(),
                    overlay: None,
                    map_legend: None,
                    patient: Some("山田太郎"),
                    brush: b.brush,
                    cursor: egui::CursorIcon::Crosshair,
                    gaps_mm: &[[-40.0, -31.0]],
                    show: Show::default(),
                    active: true,
                    extras: ViewExtras::default(),
                };
                let read = b.view.read(ui.ctx(), &b.volume.grid, b.crosshair, b.window);
                b.events.extend(read.into_iter().flat_map(|r| r.events));
                let size = ui.available_size();
                let ViewOutput { transform, goal, hovered, .. } = b.view.show(ui, size, &mut b.renderer, &input);
                b.transform = Some(transform);
                b.hovered = hovered;
                b.events.extend(goal);
            },
            bench,
        );
    harness.run();
    harness
}

impl Bench {
    fn at(&self, p: PatientPoint) -> Pos2 {
        self.transform.expect("shown").screen_from_patient(p)
    }
}

fn button(harness: &mut Harness<'_, Bench>, pos: Pos2, button: PointerButton, pressed: bool, modifiers: Modifiers) {
    harness.event(egui::Event::PointerMoved(pos));
    harness.event(egui::Event::PointerButton { pos, button, pressed, modifiers });
    harness.step();
}

fn close(a: PatientPoint, b: PatientPoint) -> bool {
    // A pointer position is a 32-bit number of points.
    (a - b).length() < 1e-3
}

#[test]
fn a_stroke_is_told_in_patient_millimetres() {
    for orientation in Orientation::iter() {
        let mut h = bench(orientation);
        assert!(h.query_by_label(&format!("{orientation} view")).is_some());
        let plane = h.state().transform.expect("shown").plane;
        let on_plane = |p: DVec3| plane.patient_from_plane(plane.plane_from_patient(p));
        let points =
            [DVec3::new(-20.0, 3.0, -70.0), DVec3::new(-3.0, 10.0, -60.0), DVec3::new(14.5, 22.0, -42.0)].map(on_plane);
        let places = points.map(|p| h.state().at(p));
        button(&mut h, places[0], PointerButton::Primary, true, Modifiers::ALT);
        assert!(h.state().view.is_busy());
        h.event(egui::Event::PointerMoved(places[1]));
        h.step();
        button(&mut h, places[2], PointerButton::Primary, false, Modifiers::ALT);
        let told = std::mem::take(&mut h.state_mut().events);
        let (first, last) = (told.first().cloned(), told.last().cloned());
        assert!(
            matches!(first, Some(ViewEvent::Press { at, modifiers }) if close(at, points[0]) && modifiers.alt),
            "{told:?}"
        );
        assert!(matches!(last, Some(ViewEvent::Release { at, .. }) if close(at, points[2])), "{told:?}");
        let drags: Vec<_> =
            told.iter().filter_map(|e| if let ViewEvent::Drag { at, .. } = e { Some(*at) } else { None }).collect();
        assert!(drags.iter().any(|p| close(*p, points[1])) && drags.iter().any(|p| close(*p, points[2])), "{told:?}");
        assert!(!h.state().view.is_busy());
    }
}

#[test]
fn a_click_without_movement_is_a_press_and_a_release() {
    let mut h = bench(Orientation::Axial);
    let at = h.state().at(DVec3::new(1.0, 2.0, -55.0));
    button(&mut h, at, PointerButton::Primary, true, Modifiers::NONE);
    button(&mut h, at, PointerButton::Primary, false, Modifiers::NONE);
    let told = &h.state().events;
    assert!(
        matches!(told.first(), Some(ViewEvent::Press { .. })) && matches!(told.last(), Some(ViewEvent::Release { .. }))
    );
}

#[test]
fn the_wheel_scrolls_zooms_and_sizes_the_brush() {
    let mut h = bench(Orientation::Axial);
    let under = DVec3::new(-30.0, 12.0, -55.0);
    let at = h.state().at(under);
    h.event(egui::Event::PointerMoved(at));
    h.step();
    let wheel = |h: &mut Harness<'_, Bench>, y: f32, modifiers: Modifiers| {
        h.event(egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Line,
            delta: egui::vec2(0.0, y),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers,
        });
        h.step();
    };
    wheel(&mut h, 1.0, Modifiers::NONE);
    wheel(&mut h, -2.0, Modifiers::NONE);
    wheel(&mut h, 1.0, Modifiers::SHIFT);
    assert_eq!(h.state().events, [ViewEvent::Scroll(1), ViewEvent::Scroll(-2), ViewEvent::BrushSize(1)]);
    let before = h.state().transform.expect("shown").mm_per_point;
    wheel(&mut h, 3.0, Modifiers::COMMAND);
    let after = h.state().transform.expect("shown");
    assert!((before / after.mm_per_point - 1.15f64.powi(3)).abs() < 1e-4);
    let plane = after.plane;
    assert!(close(after.patient_from_screen(at), plane.patient_from_plane(plane.plane_from_patient(under))));
    assert_eq!(h.state().events.len(), 3, "zooming tells nothing");
}

#[test]
fn the_middle_button_pans_and_the_secondary_one_changes_the_window() {
    let mut h = bench(Orientation::Coronal);
    let p = DVec3::new(-10.0, 5.0, -60.0);
    let from = h.state().at(p);
    button(&mut h, from, PointerButton::Middle, true, Modifiers::NONE);
    let to = from + egui::vec2(40.0, -25.0);
    button(&mut h, to, PointerButton::Middle, false, Modifiers::NONE);
    h.step();
    assert!((h.state().at(p) - to).length() < 1e-2);
    assert!(h.state().events.is_empty());

    button(&mut h, from, PointerButton::Secondary, true, Modifiers::NONE);
    button(&mut h, from + egui::vec2(50.0, 25.0), PointerButton::Secondary, false, Modifiers::NONE);
    let window = WindowLevel { center_hu: 0.0, width_hu: 480.0 };
    assert_eq!(h.state().events, [ViewEvent::Window(window)], "50 points of 250 widen by a fifth, 25 lower by a tenth");
}

#[test]
fn the_value_under_the_pointer_is_the_voxels_own() {
    let mut h = bench(Orientation::Sagittal);
    let p = h.state().volume.grid.patient_from_voxel(12, 70.0, 69.0);
    let at = h.state().at(p);
    h.event(egui::Event::PointerMoved(at));
    h.step();
    let (point, hu) = h.state().hovered.expect("over the view");
    assert!(close(point, p));
    assert_eq!(hu, Some(120 + 70 + 69));
    h.event(egui::Event::PointerGone);
    h.step();
    assert!(h.state().hovered.is_none());
}

#[test]
fn the_scrubber_chooses_a_slice() {
    let mut h = bench(Orientation::Axial);
    let strip = h.get_by_label("Axial position").rect();
    let at = Pos2::new(strip.center().x, strip.bottom() - 1.0);
    button(&mut h, at, PointerButton::Primary, true, Modifiers::NONE);
    button(&mut h, at, PointerButton::Primary, false, Modifiers::NONE);
    let told = std::mem::take(&mut h.state_mut().events);
    let lowest = h.state().volume.grid.position_mm(0);
    assert!(matches!(told[..], [ViewEvent::GoTo(p), ..] if (p.z - lowest).abs() < 1e-6), "{told:?}");
}
