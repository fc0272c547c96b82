//! Landmarks, the stations of the rules and the border check in the real window: found by a key, dragged in the views,
//! followed by what hangs on them, and a list of differences that leads to each place and follows every edit.

use crate::support::bench::loaded;
use crate::support::test_data;
use crate::support::window::{Start, Window};
use eframe::egui::{Event, Key, Modifiers, PointerButton, Rect, Shape, pos2};
use hilum::anatomy::{FindingKind, LandmarkId, LandmarkSource, case_sources, draw_stations};
use hilum::contour::{Mask, contours_from_mask};
use hilum::dicom::{load_ct, scan};
use hilum::geometry::{Orientation, PatientPoint};
use hilum::image::CtVolume;
use hilum::phantom::{PhantomConfig, generate};
use hilum::progress::Silent;
use hilum::structures::{Provenance, Roi, RoiId, Role, Station};
use hilum::workbench::tools::BrushShape;
use hilum::workbench::{Action, AnatomyCommand, Command, LoadedCase, Surroundings, ToolKind, is_rule_outline};
use std::sync::LazyLock;

/// Nothing here asks for the body or the lungs of the features.
fn case_of(volume: CtVolume) -> LoadedCase {
    loaded(volume, Vec::new(), |_| Surroundings::default())
}

/// A chest of 2.5 x 2.5 x 3 mm.
static CHEST: LazyLock<CtVolume> =
    LazyLock::new(|| generate(&PhantomConfig::new(1, [152, 152, 100], [2.5, 2.5, 3.0]), &Silent).expect("made").volume);

fn chest() -> Window {
    let start = Start { size: Some([1500.0, 950.0]), ..Start::default() };
    Window::with_case(case_of(CHEST.clone()), start)
}

fn with_landmarks() -> Window {
    let mut w = chest();
    w.key(Modifiers::COMMAND, Key::L);
    w
}

fn z(w: &Window, id: LandmarkId) -> f64 {
    w.workbench().anatomy().landmarks().z(id).expect("all are known or estimated")
}

/// The lowest slice on which the rules draw a station, mm.
fn lowest(w: &Window, station: Station) -> f64 {
    let outline = w.workbench().rule_outlines().find(|roi| roi.role == Role::Station(station)).expect("drawn");
    assert!(is_rule_outline(outline.id));
    let grid = w.case().grid();
    outline.slices.keys().map(|k| grid.position_mm(*k)).fold(f64::INFINITY, f64::min)
}

/// A place on the line of a level, away from handles and names.
fn on_line(w: &Window, id: LandmarkId) -> PatientPoint {
    let at = w.workbench().view.crosshair;
    PatientPoint::new(at.x - 80.0, at.y, z(w, id))
}

fn put_aside(w: &mut Window, id: LandmarkId) {
    let at = on_line(w, id);
    w.send(Command::SetCrosshair(at + PatientPoint::new(80.0, 0.0, -30.0)));
}

#[test]
fn landmarks_are_found_by_a_key_and_listed_with_their_sources() {
    let mut w = chest();
    w.key(Modifiers::ALT, Key::L);
    assert!(!w.workbench().anatomy().is_known() && w.workbench().rule_outlines().next().is_none());
    w.activate("Landmarks");
    assert!(w.says("heights and points"));
    w.activate("Find landmarks");
    assert!(w.workbench().anatomy().is_known() && w.says("landmarks found in the image"));
    assert!(w.workbench().rule_outlines().count() == Station::COUNT);
    // The rules look at the chest alone, and draw what they draw on the whole scan.
    let whole = case_sources(&CHEST, [], &Silent).expect("a chest");
    let map = w.workbench().rule_map().expect("drawn");
    assert_eq!(draw_stations(&whole).expect("drawn").masks, map.stations.masks);
    assert_eq!(
        w.workbench().anatomy().landmarks().get(LandmarkId::Carina).map(|l| l.source),
        Some(LandmarkSource::Found)
    );
    assert!(w.has("Go to Carina") && w.says("found") && w.says("estimated"));
    w.activate("Go to Azygos arch");
    assert!((w.workbench().view.crosshair.z - z(&w, LandmarkId::AzygosLower)).abs() < 1.5);
    // They are no part of the case.
    assert!(w.case().history().is_empty() && w.case().structures().rois.is_empty());
    w.key(Modifiers::ALT, Key::L);
    assert!(w.workbench().rule_outlines().next().is_none());
}

#[test]
fn a_level_is_dragged_in_the_coronal_view_and_the_limit_of_its_station_goes_with_it() {
    let mut w = with_landmarks();
    put_aside(&mut w, LandmarkId::AzygosLower);
    let (before, limit) = (z(&w, LandmarkId::AzygosLower), lowest(&w, Station::S4R));
    let from = on_line(&w, LandmarkId::AzygosLower);
    let path: Vec<PatientPoint> = (0..=3).map(|n| from + PatientPoint::new(0.0, 0.0, 3.0 * f64::from(n))).collect();
    w.drag(Orientation::Coronal, PointerButton::Primary, Modifiers::NONE, &path);
    let moved = z(&w, LandmarkId::AzygosLower) - before;
    assert!((moved - 9.0).abs() < 0.7, "{moved}");
    let followed = lowest(&w, Station::S4R) - limit;
    assert!((followed - moved).abs() <= 3.0 && followed > 5.0, "the limit went {followed} mm with {moved} mm");
    let landmark = *w.workbench().anatomy().landmarks().get(LandmarkId::AzygosLower).expect("known");
    assert_eq!((landmark.source, landmark.spread_mm), (LandmarkSource::User, None));
    // What the drag has shown on fewer voxels is drawn exactly in the end.
    let map = w.workbench().rule_map().expect("the exact map follows");
    assert_eq!(map.stations.landmarks.z(LandmarkId::AzygosLower), Some(landmark.position.z));
    w.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(z(&w, LandmarkId::AzygosLower), before, "a drag is one step");
    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    assert_eq!(z(&w, LandmarkId::AzygosLower), landmark.position.z);
    w.activate("Landmarks").activate("Put Azygos arch back to where it was found or estimated");
    assert_eq!(z(&w, LandmarkId::AzygosLower), before);
    assert!((lowest(&w, Station::S4R) - limit).abs() < 1e-6);
}

#[test]
fn escape_puts_a_landmark_back_and_a_click_on_a_line_moves_the_crosshair_only() {
    let mut w = with_landmarks();
    put_aside(&mut w, LandmarkId::ArchTop);
    let before = w.workbench().anatomy().landmarks().clone();
    let at = on_line(&w, LandmarkId::ArchTop);
    let [from, to] = [at, at + PatientPoint::new(0.0, 0.0, 12.0)].map(|p| w.place(Orientation::Coronal, p));
    let button = |pressed, pos| Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    w.harness.event(Event::PointerMoved(from));
    w.harness.step();
    assert_eq!(w.workbench().anatomy().hovered, Some(LandmarkId::ArchTop));
    w.harness.step();
    assert!(w.says("move this landmark"), "the hints tell what the pointer can do");
    w.harness.event(button(true, from));
    w.harness.step();
    w.harness.event(Event::PointerMoved(to));
    w.harness.step();
    let (held, mm) = w.workbench().anatomy().held().expect("held");
    assert!(held == LandmarkId::ArchTop && (mm - 12.0).abs() < 0.7, "{mm}");
    assert!(w.workbench().hangs_on_held(Station::S4L) && !w.workbench().hangs_on_held(Station::S7));
    w.key(Modifiers::NONE, Key::Escape);
    assert_eq!(*w.workbench().anatomy().landmarks(), before);
    w.harness.event(button(false, to));
    w.settle();
    assert_eq!(*w.workbench().anatomy().landmarks(), before);
    w.click_view(Orientation::Coronal, at);
    assert_eq!(*w.workbench().anatomy().landmarks(), before);
    assert!((w.workbench().view.crosshair - at).length() < 1.0, "{} {at}", w.workbench().view.crosshair);
}

#[test]
fn a_point_keeps_its_depth_and_a_tool_draws_instead_of_taking_hold() {
    let mut w = with_landmarks();
    let carina = w.workbench().anatomy().landmarks().get(LandmarkId::Carina).expect("found").position;
    w.send(Command::SetCrosshair(carina + PatientPoint::new(0.0, 0.0, 20.0)));
    let estimated = z(&w, LandmarkId::AzygosLower);
    let path = [carina, carina + PatientPoint::new(0.0, 4.0, -6.0)];
    w.drag(Orientation::Sagittal, PointerButton::Primary, Modifiers::NONE, &path);
    let now = w.workbench().anatomy().landmarks().get(LandmarkId::Carina).expect("placed").position;
    assert!((now - path[1]).length() < 1.0 && now.x == carina.x, "{now}");
    let followed = z(&w, LandmarkId::AzygosLower) - estimated;
    assert!((followed + 6.0).abs() < 1.0, "what is estimated goes with the carina: {followed}");
    // With the brush a line is only looked at.
    w.send(Command::Anatomy(AnatomyCommand::Reset(None))).send(Command::AddRoi { name: "x".into(), role: Role::Other });
    w.send(Command::SetTool(ToolKind::Brush)).send(Command::SetCrosshair(carina));
    let at = on_line(&w, LandmarkId::ArchTop);
    w.drag(
        Orientation::Coronal,
        PointerButton::Primary,
        Modifiers::NONE,
        &[at, at + PatientPoint::new(10.0, 0.0, 0.0)],
    );
    assert!(!w.workbench().anatomy().has_placed() && w.volume_cm3("x") > 0.0);
}

#[test]
fn other_rules_and_readings_are_chosen_beside_the_landmarks_and_what_they_draw_says_so() {
    let mut w = with_landmarks();
    let (iaslc, azygos) = (lowest(&w, Station::S4R), z(&w, LandmarkId::AzygosLower));
    w.activate("Landmarks").activate("Rules: IASLC 2009, limits by landmark");
    w.activate("4R ends at the right upper-lobe bronchus, not at the azygos arch");
    w.settle();
    let (turned, bronchus) = (lowest(&w, Station::S4R), z(&w, LandmarkId::RightUpperLobe));
    assert!((turned - iaslc - (bronchus - azygos)).abs() <= 3.0, "{iaslc} {turned}, {azygos} {bronchus}");
    assert!(w.workbench().anatomy().rule_set().is_on("st4r_to_upper_lobe"));
    w.activate("Michigan 2005 (Chapet), limits by landmark, version 1");
    w.settle();
    let map = w.workbench().rule_map().expect("drawn");
    assert_eq!(map.stations.rules.key, "michigan-2005");
    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::L);
    let is_michigan =
        |roi: &Roi| matches!(&roi.provenance, Provenance::Proposed { recipe } if recipe.contains("Michigan"));
    let rois = &w.case().structures().rois;
    assert!(rois.iter().any(|roi| matches!(roi.role, Role::Station(_))) && rois.iter().all(is_michigan));
    w.activate("IASLC 2009, limits by landmark, version 2");
    w.settle();
    assert!(!w.workbench().anatomy().rule_set().is_on("st4r_to_upper_lobe"), "a set of rules comes as it is");
    assert!((lowest(&w, Station::S4R) - iaslc).abs() < 1e-6);
}

#[test]
fn the_stations_of_the_rules_enter_as_proposals_in_one_step_and_replace_their_own_only() {
    let mut w = with_landmarks();
    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::L);
    let drawn = w.case().structures().rois.len();
    assert!(drawn >= 12 && w.case().history().len() == 1, "{drawn} stations");
    let roi = w.roi("LN_IASLC_04_R").clone();
    assert_eq!(roi.role, Role::Station(Station::S4R));
    assert!(
        matches!(&roi.provenance, Provenance::Proposed { recipe }
            if recipe.contains("IASLC 2009") && recipe.contains("Lower border of the azygos arch (estimated)")),
        "{:?}",
        roi.provenance
    );
    // Corrected ones stay; the rest is drawn again.
    w.send(Command::Rename { roi: roi.id, name: "mine".into() });
    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::L);
    assert_eq!(w.case().structures().rois.len(), drawn + 1);
    assert_eq!(w.roi("zRule_LN_IASLC_04_R").role, Role::Other);
    w.key(Modifiers::COMMAND, Key::Z).key(Modifiers::COMMAND, Key::Z).key(Modifiers::COMMAND, Key::Z);
    assert!(w.case().structures().rois.is_empty());
}

#[test]
fn the_border_check_leads_to_each_place_and_follows_edits_and_undo() {
    let mut w = chest();
    w.activate("Border check");
    assert!(w.says("The rules need landmarks"));
    w.key(Modifiers::COMMAND, Key::L);
    assert!(w.says("No structure with contours"));
    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::L);
    let told = |w: &Window| w.workbench().border_findings().len();
    assert_eq!(told(&w), 0, "{:#?}", w.workbench().border_findings());
    assert!(w.says("do not differ beyond") && w.says("education and research only"));
    // The lower slices of 4R are erased.
    let id = w.roi("LN_IASLC_04_R").id;
    let bottom = lowest(&w, Station::S4R);
    let middle = {
        let [lo, hi] = w.case().mask(id).bounds().expect("drawn");
        let [j, i] = [1, 2].map(|a| (lo[a] + hi[a]) as f64 / 2.0);
        let k = w.case().grid().nearest_slice(bottom);
        w.case().grid().patient_from_voxel(k, j, i)
    };
    w.send(Command::SelectRoi(Some(id))).send(Command::SetCrosshair(middle));
    w.send(Command::SetTool(ToolKind::Eraser)).send(Command::SetBrushShape(BrushShape::Disc));
    w.send(Command::SetBrushRadius(50.0));
    for n in 0..4 {
        let at = middle + PatientPoint::new(0.0, 0.0, 3.0 * f64::from(n));
        w.send(Command::SetCrosshair(at));
        w.drag(
            Orientation::Axial,
            PointerButton::Primary,
            Modifiers::NONE,
            &[at, at + PatientPoint::new(5.0, 0.0, 0.0)],
        );
    }
    let short = w.workbench().border_findings().iter().find(|f| f.station == Station::S4R).cloned().expect("told");
    assert!(short.kind == FindingKind::Inferior && (short.amount + 12.0).abs() < 3.1, "{short:?}");
    assert!(w.workbench().is_check_fresh() && w.says("4R: ") && w.says("up to 12 mm"));
    // A key goes there and selects the station, a row as well.
    w.send(Command::SetTool(ToolKind::Navigate)).send(Command::SelectRoi(None));
    w.key(Modifiers::NONE, Key::F8);
    while w.workbench().border_findings()[w.workbench().anatomy().check().chosen().expect("gone to")].station
        != Station::S4R
    {
        w.key(Modifiers::NONE, Key::F8);
    }
    assert_eq!(w.workbench().view.selected, Some(id));
    assert!((w.workbench().view.crosshair - short.at).length() < 1e-6);
    assert!(w.says("lower border of the azygos arch"), "the station opens and its rows tell");
    w.send(Command::SetCrosshair(middle + PatientPoint::new(30.0, 0.0, 60.0)));
    let row =
        w.workbench().border_findings().iter().find(|f| f.station == Station::S4R).expect("told").words("IASLC 2009");
    w.activate(&row);
    assert!((w.workbench().view.crosshair - short.at).length() < 1e-6);
    for _ in 0..4 {
        w.key(Modifiers::COMMAND, Key::Z);
    }
    assert_eq!(told(&w), 0);
    // Another limit of the rules is another finding, without any edit.
    w.send(Command::Anatomy(AnatomyCommand::Take { id: LandmarkId::AzygosLower, at: middle }));
    let at = middle + PatientPoint::new(0.0, 0.0, 12.0);
    w.send(Command::Anatomy(AnatomyCommand::Drag { at, orientation: Orientation::Coronal }));
    w.send(Command::Anatomy(AnatomyCommand::Release));
    let beyond = w.workbench().border_findings().iter().find(|f| f.station == Station::S4R).cloned().expect("told");
    assert!(beyond.amount > 8.0 && beyond.words("rules").ends_with("placed by the user"), "{beyond:?}");
}

#[test]
fn a_narrow_view_names_the_landmark_under_the_pointer_only() {
    let start = Start { size: Some([1050.0, 740.0]), ..Start::default() };
    let mut w = Window::with_case(case_of(CHEST.clone()), start);
    w.key(Modifiers::COMMAND, Key::L);
    put_aside(&mut w, LandmarkId::ArchTop);
    let view = w.harness.state().view_transform(Orientation::Coronal).expect("on the screen").rect;
    assert!(view.width() < 260.0, "{view}");
    let names = |w: &Window| {
        fn inside(shape: &Shape, view: Rect, found: &mut Vec<String>) {
            match shape {
                Shape::Vec(all) => all.iter().for_each(|shape| inside(shape, view, found)),
                Shape::Text(text) if view.contains(text.visual_bounding_rect().center()) => {
                    assert!(view.contains_rect(text.visual_bounding_rect()), "{} is cut off", text.galley.text());
                    found.push(text.galley.text().to_owned());
                }
                _ => {}
            }
        }
        let mut found = Vec::new();
        w.harness.output().shapes.iter().for_each(|clipped| inside(&clipped.shape, view, &mut found));
        found
            .iter()
            .filter(|name| {
                ["arch", "Diaphragm", "vein", "lobe", "Carina", "Bronchus"].iter().any(|part| name.contains(part))
            })
            .cloned()
            .collect::<Vec<_>>()
    };
    // Along the edge where a wide view has its names, only lines and handles can be taken.
    for n in 1..40 {
        let pointer = pos2(view.right() - 40.0, view.top() + view.height() * n as f32 / 40.0);
        w.harness.event(Event::PointerMoved(pointer));
        w.harness.run_steps(2);
        let hovered = w.workbench().anatomy().hovered;
        let line = hovered.map(|id| w.place(Orientation::Coronal, on_line(&w, id)).y);
        assert!(line.is_none_or(|y| (y - pointer.y).abs() <= 9.0), "{hovered:?} at {pointer}");
        let named = names(&w);
        assert!(named.is_empty() || hovered.is_some(), "{named:?}");
    }
    let on = w.place(Orientation::Coronal, on_line(&w, LandmarkId::ArchTop));
    w.harness.event(Event::PointerMoved(on));
    w.harness.run_steps(2);
    assert!(names(&w).iter().all(|name| name == "Aortic arch, top") && !names(&w).is_empty(), "{:?}", names(&w));
}

#[test]
fn a_key_that_can_do_nothing_says_why() {
    let mut w = chest();
    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::L);
    assert!(w.says("Stations by the rules: Find the landmarks first"), "the status bar");
    w.key(Modifiers::COMMAND, Key::L);
    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::L);
    assert!(!w.says("Find the landmarks first"));
}

#[test]
fn a_scan_without_a_chest_is_refused_in_words() {
    let mut w = Window::with_small_case(&[("CTV", Role::Ctv)]);
    w.key(Modifiers::COMMAND, Key::L);
    assert!(!w.workbench().anatomy().is_known());
    assert!(w.says("The landmarks could not be found"));
}

#[test]
fn landmarks_of_a_real_scan_are_found_and_its_rules_follow() {
    let Some(folder) = test_data("4dlung-113") else { return };
    let found = scan(&[folder], &Silent).expect("readable");
    let volume = load_ct(found.series.first().expect("a CT"), &Silent, &mut |_| {}).expect("loads").volume;
    let mut w = Window::with_case(case_of(volume), Start::default());
    w.key(Modifiers::COMMAND, Key::L);
    assert!(w.workbench().anatomy().landmarks().len() == 16 && w.workbench().rule_map().is_some());
}

#[test]
fn the_network_proposes_a_ctv_when_asked_and_it_takes_the_place_of_the_other() {
    let made = generate(&PhantomConfig::new(1, [128, 128, 60], [3.0, 3.0, 5.0]), &Silent).expect("made");
    let w = Window::with_case(case_of(made.volume.clone()), Start::default());
    assert!(w.workbench().refusal(Action::NetworkCtv).is_some_and(|why| why.contains("GTVp")));
    let roi = |id: u32, name: &str, role: Role, mask: &Mask| {
        let mut roi = Roi::new(RoiId(id), name.to_owned(), [200, 60, 60], role, Provenance::Drawn);
        roi.slices = contours_from_mask(&made.volume.grid, mask);
        roi
    };
    let gtv = made.gtvp.union(&made.gtvn);
    let rois = vec![roi(1, "GTVp", Role::Gtvp, &gtv), roi(2, "CTV", Role::Ctv, &made.ctv)];
    let mut w = Window::with_case(loaded(made.volume.clone(), rois, |_| Surroundings::default()), Start::default());
    w.send(Action::NetworkCtv);
    w.step_until(|wb| wb.case().expect("open").structures().by_name("CTV DiUnet").is_some());
    w.settle();
    let of_role = |w: &Window| -> Vec<String> {
        w.case().structures().with_role(Role::Ctv).map(|roi| roi.name.clone()).collect()
    };
    assert_eq!(of_role(&w), ["CTV DiUnet"]);
    let proposed = w.case().structures().by_name("CTV DiUnet").expect("entered");
    assert!(matches!(&proposed.provenance, Provenance::Network { statement, .. } if statement.contains("phantom")));
    // It is a CTV of this patient, and no station came along.
    let mask = w.case().mask(proposed.id);
    let dsc = 2.0 * mask.intersection(&made.ctv).count() as f64 / (mask.count() + made.ctv.count()) as f64;
    assert!(dsc > 0.5, "{dsc}");
    assert!(w.case().structures().rois.iter().all(|roi| !matches!(roi.role, Role::Station(_))));
    assert!(w.says("DiUnet proposes a CTV"));
    w.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(of_role(&w), ["CTV"]);
}

#[test]
fn the_uncertainty_of_the_network_is_an_overlay_that_waits_to_be_asked_for() {
    let made = generate(&PhantomConfig::new(1, [128, 128, 60], [3.0, 3.0, 5.0]), &Silent).expect("made");
    let start = Start { size: Some([1500.0, 950.0]), ..Start::default() };
    let mut w = Window::with_case(case_of(made.volume.clone()), start);
    assert!(w.workbench().overlays().is_empty());
    w.send(Action::Segment);
    w.step_until(|wb| !wb.case().expect("open").structures().rois.is_empty());
    w.settle();
    assert!(w.workbench().overlays().len() == 1 && w.workbench().shown_overlay().is_none(), "off until asked for");
    let first = w.workbench().review_order()[0];
    assert!(w.workbench().review_order().is_sorted_by(|a, b| a.expected_dsc <= b.expected_dsc));
    w.activate("1: Uncertainty, DiUnet");
    assert!(w.workbench().shown_overlay().is_some() && w.says("not whether a contour is right"));
    let words = w.workbench().overlay_words_at(first.least_sure).expect("within the network's frame");
    assert!(words.starts_with("DiUnet: ") && words.ends_with("% sure"), "{words}");
    w.activate(&format!("Go to the least sure place of {}", first.station.label()));
    assert!((w.workbench().view.crosshair - first.least_sure).length() < 1e-6);
    let selected = w.workbench().view.selected.and_then(|id| w.case().structures().get(id)).map(|r| r.role);
    assert_eq!(selected, Some(Role::Station(first.station)));
    // It says of which GTV it is.
    assert!(!w.says("The GTV has changed"));
    w.send(Command::AddRoi { name: "GTVp".into(), role: Role::Gtvp }).send(Command::SetTool(ToolKind::Brush));
    let at = w.workbench().view.crosshair;
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &[at, at + PatientPoint::new(6.0, 0.0, 0.0)]);
    assert!(w.workbench().is_uncertainty_stale() && w.says("The GTV has changed since this run"));
    w.key(Modifiers::COMMAND, Key::Z);
    assert!(!w.workbench().is_uncertainty_stale());
    // Another run, nothing has changed: every slice is known, and there is still one overlay.
    w.send(Action::Segment);
    assert!(w.workbench().notices().all().iter().any(|n| n.summary.contains("had not changed")));
    assert_eq!(w.workbench().overlays().len(), 1);
}
