//! The window: the whole way from the pointer to contours, masks, features and undo, through the
//! views' own maps; panels, palette, dialogs and workspaces by their accessible names.

use crate::support::bench::{PATIENT_ID, even, small_case, write_case, write_three_series};
use crate::support::window::{Start, Window};
use eframe::egui::{Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, TouchPhase, vec2};
use egui_kittest::kittest::Queryable as _;
use glam::{DVec2, DVec3};
use hilum::cohort::inconsistencies;
use hilum::geometry::{ImagePlane, Orientation, PatientPoint};
use hilum::structures::{Role, Station};
use hilum::teaching::Phase;
use hilum::ui::{Opening, WindowRequest};
use hilum::workbench::{Action, Command, Settings, TeachCommand, ToolKind, Workspace};
use strum::IntoEnumIterator;

const CENTER: DVec3 = DVec3::new(32.0, 32.0, 15.0);

fn small_window() -> Window {
    Window::with_small_case(&[
        ("GTVp", Role::Gtvp),
        ("CTV", Role::Ctv),
        ("LN_IASLC_07", Role::Station(Station::S7)),
        ("Heart", Role::Organ),
    ])
}

/// Points on the plane that a view shows, around the crosshair.
fn on_plane(window: &Window, orientation: Orientation, offsets: &[[f64; 2]]) -> Vec<PatientPoint> {
    let grid = window.case().grid();
    let plane = ImagePlane::through(grid, orientation, window.workbench().view.crosshair);
    offsets.iter().map(|&[x, y]| plane.patient_from_plane(DVec2::new(x, y))).collect()
}

#[test]
fn a_stroke_in_the_demo_case_changes_contours_masks_and_features_and_is_taken_back_exactly() {
    let mut w = Window::open(Start::default());
    assert!(w.has("Open folder…") && w.says("Research and education only"));
    w.click("Open demo case");
    assert!(w.case().structures().rois.len() > 16);
    w.click("Select GTVp");
    assert_eq!(w.workbench().view.selected, Some(w.roi("GTVp").id));
    w.key(Modifiers::NONE, Key::G).key(Modifiers::NONE, Key::B);
    assert_eq!(w.workbench().tool(), ToolKind::Brush);

    let before = w.roi("GTVp").clone();
    let (volume, revision) = (w.volume_cm3("GTVp"), w.case().revision());
    let path = on_plane(&w, Orientation::Axial, &[[0.0, 0.0], [12.0, 4.0], [30.0, -6.0]]);
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &path);
    assert!(w.volume_cm3("GTVp") > volume);
    let mask = w.case().mask(w.roi("GTVp").id);
    for n in 0..=20 {
        let t = f64::from(n) / 20.0;
        let at = w.case().grid().containing_voxel(path[1].lerp(path[2], t)).expect("inside the scan");
        assert!(mask.get(at[0], at[1], at[2]), "gap in the mask at {t}");
    }
    let live = w.workbench().live().expect("features");
    assert!(w.case().revision() > revision);
    assert_eq!(live.features().revision, w.case().revision());
    assert_eq!(w.case().history().undo_label(), Some("Brush GTVp"));
    assert_eq!(w.case().history().len(), 1);
    w.case().check_invariants().expect("masks follow contours");

    w.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(*w.roi("GTVp"), before);
    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    assert_ne!(*w.roi("GTVp"), before);
}

#[test]
fn every_view_paints_and_alt_erases() {
    for orientation in Orientation::iter() {
        let mut w = small_window();
        w.click("Select CTV").key(Modifiers::NONE, Key::B);
        let path = on_plane(&w, orientation, &[[-8.0, 0.0], [8.0, 0.0]]);
        w.drag(orientation, PointerButton::Primary, Modifiers::NONE, &path);
        let painted = w.volume_cm3("CTV");
        assert!(painted > 0.0, "{orientation}");
        w.drag(orientation, PointerButton::Primary, Modifiers::ALT, &path);
        assert!(w.volume_cm3("CTV") < painted * 0.2, "{orientation}");
        assert_eq!(w.case().history().undo_label(), Some("Erase CTV"));
    }
}

#[test]
fn escape_takes_back_the_stroke_under_way() {
    let mut w = small_window();
    w.click("Select CTV").key(Modifiers::NONE, Key::B);
    let path = on_plane(&w, Orientation::Axial, &[[-8.0, 0.0], [8.0, 0.0]]);
    let places = [w.place(Orientation::Axial, path[0]), w.place(Orientation::Axial, path[1])];
    w.harness.hover_at(places[0]);
    w.harness.step();
    w.harness.drag_at(places[0]);
    w.harness.hover_at(places[1]);
    w.harness.step();
    assert!(w.volume_cm3("CTV") > 0.0);
    w.key(Modifiers::NONE, Key::Escape);
    assert_eq!(w.volume_cm3("CTV"), 0.0);
    w.harness.drop_at(places[1]);
    w.settle();
    assert!(w.case().history().is_empty());
}

#[test]
fn a_click_moves_the_crosshair_of_all_three_planes() {
    let mut w = small_window();
    for orientation in Orientation::iter() {
        let target = on_plane(&w, orientation, &[[7.0, -6.0]])[0];
        w.click_view(orientation, target);
        assert!((w.workbench().view.crosshair - target).length() < 0.05, "{orientation}");
        for other in Orientation::iter() {
            let view = w.harness.state().view_transform(other).expect("shown");
            assert!(view.depth_mm(target).abs() < 0.05, "the {other} view goes through the point");
        }
    }
}

#[test]
fn brackets_change_the_radius_and_refused_strokes_say_why() {
    let mut w = small_window();
    w.key(Modifiers::NONE, Key::B);
    let radius = |w: &Window| w.workbench().toolbox().options().radius_mm;
    let before = radius(&w);
    w.key(Modifiers::NONE, Key::CloseBracket);
    assert!(radius(&w) > before);
    w.key(Modifiers::NONE, Key::OpenBracket).key(Modifiers::NONE, Key::OpenBracket);
    assert!(radius(&w) < before);
    w.click("Select CTV").click("Lock CTV");
    w.click_view(Orientation::Axial, CENTER);
    assert_eq!(w.volume_cm3("CTV"), 0.0);
    assert!(w.says("CTV is locked"));
}

#[test]
fn letters_typed_into_a_field_are_no_shortcuts() {
    let mut w = small_window();
    w.harness.get_by_label("Filter structures").focus();
    w.settle();
    w.key(Modifiers::NONE, Key::B);
    assert_eq!(w.workbench().tool(), ToolKind::Navigate);
    w.type_text("heart");
    assert!(w.has("Select Heart") && !w.has("Select CTV"));
}

#[test]
fn the_palette_finds_a_command_and_runs_it() {
    let mut w = small_window();
    w.key(Modifiers::COMMAND, Key::K);
    assert!(w.has("Find a command"));
    w.type_text("window lung");
    w.key(Modifiers::NONE, Key::Enter);
    assert!(!w.has("Find a command"));
    assert_eq!(w.workbench().view.window, hilum::image::WindowLevel::LUNG);
    w.key(Modifiers::COMMAND, Key::K).type_text("go to heart").key(Modifiers::NONE, Key::Escape);
    assert!(!w.has("Find a command"));
}

#[test]
fn every_action_is_in_a_menu_and_a_disabled_one_says_why() {
    let mut w = Window::open(Start::default());
    let menus: std::collections::BTreeSet<_> = Action::iter().map(|a| a.info().menu).collect();
    for menu in menus {
        w.harness.get_by_label(menu.label()).click();
        w.settle();
        for action in Action::iter().filter(|a| a.info().menu == menu) {
            assert!(w.says(action.info().label), "{} in {menu:?}", action.info().label);
        }
        w.key(Modifiers::NONE, Key::Escape);
    }
    for action in [Action::Export, Action::Undo, Action::Segment, Action::ToolBrush] {
        assert!(w.workbench().refusal(action).is_some());
        w.send(action);
    }
    assert_eq!(w.workbench().tool(), ToolKind::Navigate);
}

#[test]
fn hidden_identifiers_leave_the_accessible_tree() {
    let mut w = small_window();
    let patient = w.case().image.meta.patient.clone();
    assert!(w.says(&patient.name) && w.says(&patient.id));
    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::H);
    assert!(!w.says(&patient.name) && !w.says(&patient.id));
    assert!(w.has("Identifiers hidden"));
}

#[test]
fn nothing_read_from_files_identifies_the_patient_where_identifiers_are_hidden() {
    let root = tempfile::tempdir().expect("temporary folder");
    let folder = root.path().join("Mustermann, Erika 1957-11-23");
    let target = folder.join("Mustermann export.dcm");
    let gap = (0..12).map(|k| 3.0 * f64::from(k) + if k > 5 { 3.0 } else { 0.0 }).collect();
    write_case(&folder, &["Mustermann", "Mustermann plan 20210304"], gap);
    std::fs::write(folder.join("broken Mustermann.dcm"), [0_u8; 200]).expect("written");
    let answers = vec![Some(target.clone()), Some(target)];
    let settings_path = Some(root.path().join("settings.toml"));
    let mut w = Window::open(Start { answers, settings_path, paths: vec![folder.clone()], ..Start::default() });
    let parts = ["Mustermann", "Erika", PATIENT_ID, "19571123", "1957-11-23", "20210304", "2021-03-04"];
    let root = root.path().display().to_string();
    for part in ["Mustermann", PATIENT_ID, "2021-03-04"] {
        assert!(w.all_text().contains(part), "{part} is shown while identifiers are not hidden");
    }
    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::H);
    w.send(Command::AcknowledgeGeometry).send(Action::Export).send(Action::Messages).send(Action::ImportReport);
    let check = |w: &Window, when: &str| {
        let text = w.all_text();
        for part in parts.iter().copied().chain([root.as_str()]) {
            let line = text.lines().find(|line| line.contains(part));
            assert!(line.is_none(), "{when}: {part} in {line:?}");
        }
    };
    check(&w, "messages and import report");
    w.click("Proof");
    check(&w, "proof");
    w.send(Action::Export);
    assert!(w.has("Replace"));
    check(&w, "replace");
    w.click("Cancel").send(Action::Messages).send(Action::ImportReport);
    let select = format!("Select {}", w.case().structures().rois[0].name);
    w.click(&select);
    check(&w, "structures");
    w.key(Modifiers::COMMAND, Key::K);
    check(&w, "palette");
    w.key(Modifiers::NONE, Key::Escape);
    w.send(WindowRequest::Open(Opening::Paths(vec![folder.join("nothing")]))).send(Action::Messages);
    check(&w, "an error");
    w.harness.get_by_label("File").click();
    w.settle().click("Open recent");
    check(&w, "recent cases");
}

#[test]
fn while_a_scan_is_read_the_panels_say_so_and_cancelling_brings_everything_back() {
    let folder = tempfile::tempdir().expect("temporary folder");
    write_case(folder.path(), &["First"], even());
    let loaded = small_case(&[("GTVp", Role::Gtvp), ("CTV", Role::Ctv)]);
    let mut w = Window::with_case(loaded, Start { stepped: true, ..Start::default() });
    w.click("Select CTV").click_view(Orientation::Axial, CENTER + DVec3::new(5.0, 3.0, 0.0));
    w.key(Modifiers::NONE, Key::B).click_view(Orientation::Axial, CENTER);
    let place = w.place(Orientation::Axial, CENTER);
    w.harness.hover_at(place);
    let wheel = Event::MouseWheel {
        unit: MouseWheelUnit::Line,
        delta: vec2(0.0, 4.0),
        phase: TouchPhase::Move,
        source: MouseWheelSource::Wheel,
        modifiers: Modifiers::COMMAND,
    };
    w.harness.event(wheel);
    w.settle();
    let view = w.harness.state().view_transform(Orientation::Axial).expect("shown");
    let crosshair = w.workbench().view.crosshair;
    w.send(WindowRequest::Open(Opening::Paths(vec![folder.path().into()])));
    w.click("Discard and open").step_until(|w| w.loading().is_some());
    w.harness.step();
    assert!(w.says("Reading the scan") && w.says("The structures appear when"));
    assert!(!w.says("Select CTV") && !w.says("CTV: CTV"));
    w.harness.get_by_label("Cohort").click();
    w.harness.step();
    w.harness.step();
    let folder_name = folder.path().file_name().expect("a name").to_string_lossy().into_owned();
    w.click(&format!("Stop Open {folder_name}")).step_until(|w| w.loading().is_none());
    w.click("Review");
    assert_eq!(w.workbench().view.crosshair, crosshair);
    let back = w.harness.state().view_transform(Orientation::Axial).expect("shown");
    assert_eq!((back.mm_per_point, back.middle), (view.mm_per_point, view.middle));
    assert!(w.volume_cm3("CTV") > 0.0 && w.has("Select CTV"));
}

#[test]
fn half_typed_text_and_open_questions_do_not_reach_the_next_case() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("RS.dcm");
    std::fs::write(&path, "another file").expect("written");
    let answers = vec![Some(folder.path().join("RS"))];
    let loaded = small_case(&[("CTV", Role::Ctv)]);
    let mut w = Window::with_case(loaded, Start { answers, ..Start::default() });
    w.harness.get_by_label("Filter structures").focus();
    w.settle();
    w.type_text("ctv").send(Action::Export);
    assert!(w.has("Replace"), "the extension counts before it is asked whether the file is there");
    w.harness.state_mut().take_case(small_case(&[("Heart", Role::Organ)]));
    w.settle();
    assert!(!w.has("Replace") && w.has("Select Heart"));
    assert_eq!(std::fs::read(&path).expect("there"), b"another file");
}

#[test]
fn exporting_first_goes_on_with_what_was_asked_for() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("RS.dcm");
    let answers = vec![None, Some(path.clone())];
    let loaded = small_case(&[("CTV", Role::Ctv)]);
    let mut w = Window::with_case(loaded, Start { answers, ..Start::default() });
    w.click("Select CTV").key(Modifiers::NONE, Key::B).click_view(Orientation::Axial, CENTER);
    w.send(WindowRequest::Open(Opening::Demo)).click("Export…");
    assert!(w.has("Discard and open"), "no file was chosen: it is asked again");
    w.click("Export…");
    assert!(path.exists());
    assert!(w.case().structures().rois.len() > 16, "the demo case is open");
}

#[test]
fn doubtful_geometry_is_read_before_network_and_export() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let gap = (0..12).map(|k| 3.0 * f64::from(k) + if k > 5 { 3.0 } else { 0.0 }).collect();
    write_case(folder.path(), &["First"], gap);
    let mut w = Window::open(Start { paths: vec![folder.path().into()], ..Start::default() });
    assert!(w.workbench().refusal(Action::Export).is_some());
    assert!(w.says("CT_0006.dcm and CT_0007.dcm"), "both neighbours of the gap are named");
    w.click("I have read this");
    assert!(w.workbench().refusal(Action::Export).is_none() && !w.has("I have read this"));
}

#[test]
fn the_series_of_a_folder_are_listed_and_chosen_by_pointer_keyboard_and_palette() {
    let folder = tempfile::tempdir().expect("temporary folder");
    write_three_series(folder.path());
    let mut w = Window::open(Start { paths: vec![folder.path().into()], ..Start::default() });
    assert!(w.has("Series in this folder") && w.says("2: ") && w.says(", open, 12 slices, 3 mm, 1 structure set"));
    let gap = "Open 1: Mustermann diagnostic, 14 slices, 3 to 6 mm, Same frame, no structure set, 2021-03-04, Geometry doubtful: Missing slices";
    assert!(w.says(gap) && w.says("CT_0007.dcm and ") && w.says("CT_0008.dcm"), "{}", w.all_text());
    // By pointer, with the question where contours would be lost.
    let aside = CENTER + DVec3::new(16.0, 16.0, 0.0);
    w.click("Select Tumor 0").key(Modifiers::NONE, Key::B).click_view(Orientation::Axial, aside);
    let third = "Open 3: Mustermann follow up";
    w.harness.get_by_label_contains(third).click();
    w.settle();
    assert!(w.has("Open another series without exporting?"));
    w.click("Cancel");
    assert_eq!(w.case().grid().slices(), 12);
    w.harness.get_by_label_contains(third).click();
    w.settle().click("Discard and open");
    assert_eq!(w.case().grid().slices(), 8);
    // What was drawn in another frame of reference is listed, and leads to its series.
    assert!(w.has("Structures of another scan") && w.says("Plan, 1 structure") && !w.has("Add Plan"));
    w.click("Open series 2 with Plan");
    assert_eq!((w.case().grid().slices(), w.case().structures().rois.len()), (12, 1));
    // By keyboard.
    w.harness.get_by_label_contains(third).focus();
    w.settle().key(Modifiers::NONE, Key::Enter);
    assert_eq!(w.case().grid().slices(), 8);
    w.key(Modifiers::COMMAND, Key::K).type_text("open series diagnostic").key(Modifiers::NONE, Key::Enter);
    assert_eq!(w.case().grid().slices(), 14);
    // The banner names both files at the gap.
    assert!(w.has("I have read this") && w.says("CT_0007.dcm and CT_0008.dcm"));
    w.click("Fold the series");
    assert!(!w.says(third));
    w.click("Unfold the series");
    // Descriptions and dates are identifiers.
    w.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::H);
    let check = |w: &Window| {
        let text = w.all_text();
        let line =
            text.lines().find(|l| ["Mustermann", "2021-03-04", "20210304", "diagnostic"].iter().any(|p| l.contains(p)));
        assert!(line.is_none(), "{line:?}");
    };
    check(&w);
    w.key(Modifiers::COMMAND, Key::K);
    assert!(w.has("Open series 3"));
    check(&w);
    w.key(Modifiers::NONE, Key::Escape).harness.get_by_label("File").click();
    w.settle().click("Open series");
    check(&w);
    w.click("Series 3");
    assert_eq!(w.case().grid().slices(), 8);
    check(&w);
}

#[test]
fn settings_that_others_changed_meanwhile_are_kept() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("settings.toml");
    let mut w = Window::open(Start { settings_path: Some(path.clone()), ..Start::default() });
    w.send(Action::HideIdentifiers);
    let mut other = Settings::load(&path).expect("readable");
    other.remember(vec!["/elsewhere".into()]);
    other.save(&path).expect("saved");
    w.send(Action::HideIdentifiers);
    let now = Settings::load(&path).expect("readable");
    assert!(!now.identifiers_hidden && now.recent.len() == 1, "{now:?}");
}

#[test]
fn files_are_deidentified_from_the_window() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (source, output) = (folder.path().join("patient"), folder.path().join("copies"));
    write_case(&source, &["RS one"], even());
    let answers = vec![Some(source.clone()), Some(output.clone())];
    let mut w = Window::open(Start { answers, ..Start::default() });
    w.send(Action::Deidentify);
    assert!(w.says("Choose what to copy") && w.workbench().refusal(Action::Deidentify).is_none());
    w.click("Choose folder to copy…").click("Choose empty folder…");
    w.click("Shift by days");
    assert!(w.says("Shift of dates: write a number of days"), "nothing runs before it is whole");
    w.harness.get_by_label("Days, negative into the past").focus();
    w.settle();
    w.type_text("-100").click("Sex, age, size, weight, smoking and the like").click("De-identify");
    w.step_until(|w| w.deidentified().is_some());
    let report = &w.workbench().deidentified().expect("done").report;
    let codes: Vec<&str> = report.methods.iter().map(|m| m.code).collect();
    assert_eq!((codes, report.patients), (vec!["113100", "113107", "113108"], 1));
    // The images, the structure set and its proof.
    let files = even().len() + 2;
    assert_eq!(report.files.len(), files);
    assert!(output.join("report.json").exists() && w.says(&format!("De-identified {files} files of 1 patient")));
    for entry in std::fs::read_dir(&output).expect("there").flatten().filter(|e| e.path().is_file()) {
        let bytes = std::fs::read(entry.path()).expect("readable");
        assert!(!bytes.windows(PATIENT_ID.len()).any(|w| w == PATIENT_ID.as_bytes()), "{}", entry.path().display());
    }
    // The folder is full now.
    w.click("De-identify");
    assert!(w.says("Nothing was de-identified"));
    w.send(Action::HideIdentifiers);
    assert!(!w.all_text().contains("patient/") && !w.says("copies/"), "paths are hidden");
}

#[test]
fn a_second_file_dialog_is_refused_with_a_reason_and_reports_are_actions() {
    let mut w = Window::with_case(small_case(&[("CTV", Role::Ctv)]), Start::default());
    w.harness.state().sender().send(Action::Open);
    w.send(Action::Export);
    assert!(w.says("A file dialog is open already"));
    w.key(Modifiers::COMMAND, Key::I);
    assert!(w.says("Nothing was noticed while this case was read"));
    w.key(Modifiers::COMMAND, Key::I)
        .key(Modifiers::COMMAND, Key::K)
        .type_text("messages")
        .key(Modifiers::NONE, Key::Enter);
    assert!(w.has("Copy all"));
    assert!(w.says("CTV: CTV, structure"), "risk and features name the CTV");
}

#[test]
fn roles_names_and_visibility_change_from_the_list_as_steps_of_undo() {
    let mut w = small_window();
    w.click("Hide Heart");
    assert!(!w.workbench().view.is_visible(w.roi("Heart").id));
    w.click("Select Heart");
    let heart = w.roi("Heart").id;
    w.send(Command::Rename { roi: heart, name: "Cor".into() });
    assert!(w.has("Select Cor"));
    w.click("Role of Cor");
    // The last of a long list, perhaps below the edge: chosen as a screen reader does.
    w.harness.get_by_label("Other").click_accesskit();
    w.settle();
    assert_eq!(w.roi("Cor").role, Role::Other);
    w.key(Modifiers::COMMAND, Key::Z).key(Modifiers::COMMAND, Key::Z);
    assert_eq!(w.roi("Heart").role, Role::Organ);
    assert!(w.case().history().is_empty());
}

#[test]
fn the_cohort_shows_all_recurrences_and_the_inconsistencies() {
    let mut w = Window::open(Start::default());
    w.click("Cohort");
    assert!(w.says("170 recurrences over 16 stations") && w.says("Published data, not this clinic's"));
    assert!(w.has("Station 10R: 50 of 170") && w.has("Station 2L: 0 of 170"));
    let sum: u32 = Station::all()
        .map(|s| (0..=170).find(|k| w.has(&format!("Station {s}: {k} of 170"))).expect("a count for every station"))
        .sum();
    assert_eq!(sum, 170);
    w.click("94 patients who recurred");
    assert!(w.has("Station 10R: 50 of 94"));
    for entry in inconsistencies() {
        assert!(w.says(&entry.title), "{}", entry.title);
    }
}

#[test]
fn an_exercise_hides_its_reference_and_shows_measures_after_comparing() {
    let mut w = small_window();
    w.click("Select LN_IASLC_07").key(Modifiers::NONE, Key::B);
    let path = on_plane(&w, Orientation::Axial, &[[-8.0, 0.0], [8.0, 0.0]]);
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &path);
    w.click("Teach").click("Start exercise");
    let exercise = *w.workbench().exercise().expect("an exercise");
    assert_eq!(exercise.phase, Phase::Contouring);
    assert!(!w.workbench().is_shown(exercise.reference) && w.workbench().is_shown(exercise.attempt));
    let shifted = on_plane(&w, Orientation::Axial, &[[-5.0, 2.0], [11.0, 2.0]]);
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &shifted);
    w.click("Compare");
    assert!(w.workbench().is_shown(exercise.reference));
    let score = w.workbench().score().expect("a score").value.clone();
    assert!((0.3..1.0).contains(&score.comparison.dsc), "{}", score.comparison.dsc);
    assert!(score.missed_cm3 > 0.0 && score.extra_cm3 > 0.0);
    assert!(w.has("Dice (DSC)") && w.says(&format!("{:.3}", score.comparison.dsc)));
    w.click("Largest difference");
    let k = w.workbench().view.axial_slice(w.case().grid());
    assert!(w.roi("LN_IASLC_07").slices.contains_key(&k));
    w.send(Command::Teach(TeachCommand::Stop));
    assert!(w.workbench().exercise().is_none());
}

#[test]
fn a_folder_without_a_scan_leaves_a_message_and_the_program_running() {
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("notes.txt"), "no images here").expect("written");
    let mut w = Window::open(Start { answers: vec![Some(folder.path().into())], ..Start::default() });
    w.key(Modifiers::COMMAND, Key::O);
    assert!(w.workbench().case().is_none());
    assert!(w.says("The case could not be opened"));
    w.send(WindowRequest::ShowMessages(true));
    assert!(w.says("no DICOM file"));
    w.click("Open demo case");
    assert!(w.workbench().case().is_some());
}

#[test]
fn opening_another_case_asks_before_edits_are_lost() {
    let mut w = small_window();
    w.click("Select CTV").key(Modifiers::NONE, Key::B).click_view(Orientation::Axial, CENTER);
    let revision = w.case().revision();
    w.send(WindowRequest::Open(Opening::Demo));
    assert!(w.has("Discard and open"));
    w.click("Cancel");
    assert_eq!(w.case().revision(), revision);
    w.send(WindowRequest::Open(Opening::Demo)).click("Discard and open");
    assert!(w.case().structures().rois.len() > 16);
}

#[test]
fn an_export_through_the_dialog_is_proven_and_counts_as_saved() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("RS.dcm");
    let loaded = small_case(&[("CTV", Role::Ctv)]);
    let answers = vec![Some(path.clone()), Some(path.clone())];
    let mut w = Window::with_case(loaded, Start { answers, ..Start::default() });
    w.click("Select CTV").key(Modifiers::NONE, Key::B).click_view(Orientation::Axial, CENTER);
    assert!(w.workbench().has_unexported_changes());
    w.key(Modifiers::COMMAND, Key::E);
    assert!(path.exists() && folder.path().join("RS.proof.json").exists() && w.workbench().last_export().is_some());
    assert!(!w.workbench().has_unexported_changes());
    w.key(Modifiers::COMMAND, Key::E);
    assert!(w.has("Replace"), "an existing file is only replaced after asking");
    w.click("Cancel");
}

#[test]
fn a_double_click_shows_one_view_alone_and_another_brings_all_back() {
    let mut w = small_window();
    let shown = |w: &Window| Orientation::iter().filter(|o| w.harness.state().view_transform(*o).is_some()).count();
    for expected in [1, 3] {
        let place = w.place(Orientation::Sagittal, w.workbench().view.crosshair);
        for _ in 0..2 {
            w.harness.hover_at(place);
            w.harness.drag_at(place);
            w.harness.event(Event::PointerButton {
                pos: place,
                button: PointerButton::Primary,
                pressed: false,
                modifiers: Modifiers::NONE,
            });
        }
        // Longer than the time in which a third click would count with these two.
        w.harness.run_steps(60);
        assert_eq!(shown(&w), expected);
    }
}

#[test]
fn small_and_large_windows_hold_everything() {
    for size in [[1000.0, 700.0], [1280.0, 800.0], [1920.0, 1080.0]] {
        let rois = [("GTVp", Role::Gtvp), ("CTV", Role::Ctv)];
        let mut w = Window::with_case(small_case(&rois), Start { size: Some(size), ..Start::default() });
        for workspace in [Workspace::Review, Workspace::Teach, Workspace::Cohort] {
            w.send(Command::SetWorkspace(workspace));
            for label in ["Review", "Cohort", "Teach", "Research and education only"] {
                let rect = w.harness.get_by_label(label).rect();
                assert!(rect.max.x <= size[0] && rect.max.y <= size[1], "{label} at {size:?}");
            }
        }
        w.send(Command::SetWorkspace(Workspace::Review));
        let axial = w.harness.state().view_transform(Orientation::Axial).expect("shown").rect;
        assert!(axial.width() >= 240.0 && axial.height() >= 400.0, "{axial:?} at {size:?}");
        let run = w.harness.get_by_label("Propose CTV").rect();
        assert!(run.max.x <= size[0] && run.min.x >= 0.0);
    }
}

/// Drawn with a graphics adapter: the picture holds the scan and the fill of a structure.
#[test]
fn the_drawn_window_shows_the_scan_and_follows_a_stroke() {
    let mut w = Window::with_case(small_case(&[("CTV", Role::Ctv)]), Start { gpu: true, ..Start::default() });
    assert!(w.harness.state().uses_gpu());
    let at = |w: &mut Window| {
        let place = w.place(Orientation::Axial, CENTER + DVec3::new(3.0, 3.0, 0.0));
        let picture = w.harness.render().expect("a picture");
        picture.get_pixel(place.x as u32, place.y as u32).0
    };
    let before = at(&mut w);
    assert!(before[0].abs_diff(before[1]) <= 2 && before[0] > 60, "grey soft tissue: {before:?}");
    w.click("Select CTV").key(Modifiers::NONE, Key::B).click_view(Orientation::Axial, CENTER);
    w.harness.remove_cursor();
    w.settle();
    let after = at(&mut w);
    assert!(after[0] > after[1] + 15, "tinted red: {before:?} {after:?}");
    assert_eq!(w.workbench().case().map(|c| c.history().len()), Some(1));
}

/// The picture of the frame that takes an event in is that of the frames after it.
#[test]
fn a_stroke_a_key_and_the_wheel_show_in_the_frame_that_takes_them_in() {
    let mut w = Window::with_case(small_case(&[("CTV", Role::Ctv)]), Start { gpu: true, ..Start::default() });
    w.click("Select CTV").key(Modifiers::NONE, Key::B);
    let place = w.place(Orientation::Axial, CENTER);
    w.harness.event(Event::PointerMoved(place));
    w.settle();
    let view = w.harness.state().view_transform(Orientation::Axial).expect("shown").rect;
    let button = |pressed| Event::PointerButton {
        pos: place,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    let wheel = Event::MouseWheel {
        unit: MouseWheelUnit::Line,
        delta: vec2(0.0, 1.0),
        phase: TouchPhase::Move,
        source: MouseWheelSource::Wheel,
        modifiers: Modifiers::NONE,
    };
    let key = |pressed| Event::Key {
        key: Key::PageUp,
        physical_key: None,
        pressed,
        repeat: false,
        modifiers: Modifiers::NONE,
    };
    for events in [vec![button(true)], vec![button(false)], vec![wheel], vec![key(true), key(false)]] {
        let picture = |w: &mut Window| {
            let whole = w.harness.render().expect("a picture");
            let [x, y, width, height] = [view.left(), view.top(), view.width(), view.height()].map(|v| v as u32);
            image::imageops::crop_imm(&whole, x, y, width, height).to_image()
        };
        let before = picture(&mut w);
        let words = format!("{events:?}");
        // The harness gives every event a frame of its own.
        let frames = events.len();
        for event in events {
            w.harness.event(event);
        }
        w.harness.run_steps(frames);
        let at_once = picture(&mut w);
        w.settle();
        assert!(at_once == picture(&mut w), "something showed later: {words}");
        assert!(at_once != before || words.contains("pressed: false"), "nothing showed: {words}");
    }
}

/// Pictures of every state, to be looked at: `HILUM_PICTURES=folder`.
#[test]
fn every_state_can_be_drawn() {
    if std::env::var_os("HILUM_PICTURES").is_none() {
        return;
    }
    let mut w = Window::open(Start { gpu: true, ..Start::default() });
    w.picture("start");
    w.send(WindowRequest::Open(Opening::Demo));
    w.picture("review");
    w.key(Modifiers::NONE, Key::B);
    let path = on_plane(&w, Orientation::Axial, &[[0.0, 0.0], [12.0, 4.0], [30.0, -6.0]]);
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &path);
    w.picture("brush");
    w.key(Modifiers::COMMAND, Key::K).type_text("st");
    w.picture("palette");
    w.key(Modifiers::NONE, Key::Escape).key(Modifiers::NONE, Key::F1);
    w.picture("shortcuts");
    w.key(Modifiers::NONE, Key::F1).send(WindowRequest::ShowMessages(true));
    w.picture("messages");
    w.send(WindowRequest::ShowMessages(false)).click("Cohort");
    w.picture("cohort");
    w.click("Teach").click("Start exercise");
    let path = on_plane(&w, Orientation::Axial, &[[-4.0, 0.0], [5.0, 3.0]]);
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &path);
    w.picture("teach-draw");
    w.click("Compare");
    w.picture("teach-compare");
    w.send(Command::Teach(TeachCommand::Stop)).click("Review").send(WindowRequest::Open(Opening::Demo));
    w.picture("decision");
}

#[test]
fn an_idle_window_rests() {
    for workspace in Workspace::iter() {
        let mut w = small_window();
        w.send(Command::SetWorkspace(workspace));
        w.harness.run_steps(40);
        let causes = w.harness.ctx.repaint_causes();
        assert!(w.harness.try_run().is_ok(), "{workspace}: the window asks to be drawn without end: {causes:?}");
    }
}
