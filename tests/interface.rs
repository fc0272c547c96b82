//! The interface around the work: keys that can be changed, settings, the size of everything, the tour, and names of
//! all controls for screen readers.

use crate::support::bench::{made_case, small_case};
use crate::support::window::{Start, Window};
use eframe::egui::accesskit::{Action as Deed, Role as Kind};
use eframe::egui::{Key, Modifiers, PointerButton};
use egui_kittest::kittest::{AccessKitNode, NodeT as _, Queryable as _};
use glam::DVec3;
use hilum::contour::{Ring, SliceContours};
use hilum::geometry::Orientation;
use hilum::structures::{Provenance, Roi, RoiId, Role, Station};
use hilum::workbench::{Action, Command, PreferenceCommand, Settings, ToolKind, Workspace};
use std::sync::Arc;
use strum::IntoEnumIterator;

const CENTER: DVec3 = DVec3::new(32.0, 32.0, 15.0);

fn small_window() -> Window {
    Window::with_small_case(&[("GTVp", Role::Gtvp), ("CTV", Role::Ctv)])
}

fn prefer(w: &mut Window, command: PreferenceCommand) {
    w.send(Command::Preference(command));
}

#[test]
fn a_key_is_changed_by_pressing_it_and_shown_wherever_the_action_is() {
    let mut w = small_window();
    w.key(Modifiers::NONE, Key::F1);
    assert!(w.has("Find a command or a key") && w.says("Ctrl wheel"));
    w.activate("Change the key of Brush");
    assert!(w.says("Press the key for Brush"));
    w.key(Modifiers::COMMAND, Key::F9);
    assert!(!w.says("Press the key for Brush"));
    let f9: Vec<String> = w.workbench().keymap().keys(Action::ToolBrush).iter().map(ToString::to_string).collect();
    assert_eq!(f9, [if cfg!(target_os = "macos") { "Cmd+F9" } else { "Ctrl+F9" }]);
    w.key(Modifiers::NONE, Key::F1);
    w.key(Modifiers::NONE, Key::B);
    assert_eq!(w.workbench().tool(), ToolKind::Navigate);
    w.key(Modifiers::COMMAND, Key::F9);
    assert_eq!(w.workbench().tool(), ToolKind::Brush);
    w.key(Modifiers::COMMAND, Key::K).type_text("brush");
    assert!(w.says("Brush"));
    w.key(Modifiers::NONE, Key::Escape).click("Tools");
    assert!(w.all_text().contains("F9"), "the menu shows the new key");
}

#[test]
fn a_key_in_use_is_named_before_it_is_taken_and_all_come_back() {
    let mut w = small_window();
    w.key(Modifiers::NONE, Key::F1).activate("Change the key of Eraser").key(Modifiers::NONE, Key::B);
    assert!(w.says("B is the key of Brush"));
    assert_eq!(w.workbench().keymap().key(Action::ToolEraser), Action::ToolEraser.usual_keys().first().copied());
    w.click("Leave it");
    assert!(!w.workbench().keymap().has_changes());
    w.activate("Change the key of Eraser").key(Modifiers::NONE, Key::H);
    assert!(w.says("fixed meaning") && !w.workbench().keymap().has_changes());
    w.key(Modifiers::NONE, Key::B).activate("Take it from Brush");
    assert!(w.workbench().keymap().keys(Action::ToolBrush).is_empty());
    w.activate("Add a key to Eraser").key(Modifiers::NONE, Key::F9);
    assert_eq!(w.workbench().keymap().keys(Action::ToolEraser).len(), 2);
    w.activate("Remove F9 from Eraser").activate("Change the key of Undo").key(Modifiers::NONE, Key::Escape);
    assert_eq!(w.workbench().keymap().keys(Action::ToolEraser).len(), 1);
    w.activate("Reset the key of Brush");
    assert_eq!(w.workbench().keymap().keys(Action::ToolBrush), Action::ToolBrush.usual_keys());
    w.click("Reset all");
    assert!(!w.workbench().keymap().has_changes());
}

#[test]
fn keys_go_to_a_file_and_back_through_the_window() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("keys.toml");
    let answers = vec![Some(file.clone()), Some(file.clone())];
    let mut w = Window::open(Start { answers, ..Start::default() });
    w.key(Modifiers::NONE, Key::F1).activate("Change the key of Messages").key(Modifiers::NONE, Key::F9);
    let mine = w.workbench().keymap().clone();
    w.click("Export…").click("Reset all");
    assert_ne!(*w.workbench().keymap(), mine);
    w.click("Import…");
    assert_eq!(*w.workbench().keymap(), mine);
}

#[test]
fn the_size_of_the_interface_follows_its_keys_and_is_kept() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("settings.toml");
    let start = || Start { settings_path: Some(path.clone()), demo_seed: None, ..Start::default() };
    let mut w = Window::open(start());
    w.key(Modifiers::COMMAND, Key::Equals).key(Modifiers::COMMAND, Key::Plus);
    assert_eq!(w.workbench().settings().scale_percent(), 125);
    assert_eq!(w.harness.ctx.zoom_factor(), 1.25);
    drop(w);
    let mut w = Window::open(start());
    assert_eq!(w.harness.ctx.zoom_factor(), 1.25);
    w.key(Modifiers::COMMAND, Key::Minus).key(Modifiers::COMMAND, Key::Num0);
    assert_eq!(w.harness.ctx.zoom_factor(), 1.0);
}

/// The largest interface on a small screen: nothing panics, and the views keep room.
#[test]
fn the_largest_interface_can_be_used() {
    let rois = [("GTVp", Role::Gtvp), ("CTV", Role::Ctv)];
    let mut w = Window::with_case(small_case(&rois), Start { size: Some([1920.0, 1080.0]), ..Start::default() });
    for percent in Settings::SCALES {
        prefer(&mut w, PreferenceCommand::SetScale(percent));
        for workspace in Workspace::iter() {
            w.send(Command::SetWorkspace(workspace));
        }
        w.send(Command::SetWorkspace(Workspace::Review));
        let axial = w.harness.state().view_transform(Orientation::Axial).expect("shown").rect;
        assert!(axial.width() > 80.0 && axial.height() > 100.0, "{axial:?} at {percent} %");
        if !w.has("Display") {
            continue;
        }
        let coronal = w.harness.state().view_transform(Orientation::Coronal).expect("shown").rect;
        let panel = w.harness.get_by_label("Display").rect();
        assert!(panel.left() > coronal.right(), "{panel:?} lies free of {coronal:?} at {percent} %");
    }
}

/// 1600 x 1000 at 250 %.
#[test]
fn a_narrow_window_folds_a_panel_away_and_its_bars_hide_nothing() {
    let rois = [("Tumor_GTVp", Role::Gtvp), ("CTV", Role::Ctv)];
    let mut w = Window::with_case(small_case(&rois), Start { size: Some([640.0, 400.0]), ..Start::default() });
    assert!(w.has("Structures") && !w.has("Display"));
    let select = Command::SelectRoi(Some(w.roi("Tumor_GTVp").id));
    w.send(select).send(Command::SetTool(ToolKind::Brush));
    let bars = [
        ["File", "Edit", "View", "Structure", "Tools", "Help", "Workspace", "Research and education only"].as_slice(),
        &["Structure list", "Undo", "Redo", "Window and level", "Rules", "Options", "Propose CTV", "Assessment"],
        &["Hide Tumor_GTVp", "Lock Tumor_GTVp", "Select Tumor_GTVp"],
        &["Role of Tumor_GTVp", "Go to structure", "Delete structure"],
    ];
    for bar in bars {
        let rects: Vec<_> = bar.iter().map(|label| (label, w.harness.get_by_label(label).rect())).collect();
        for pair in rects.windows(2) {
            let [(a, left), (b, right)] = [pair[0], pair[1]];
            assert!(left.right() <= right.left() + 0.5, "{a} {left:?} lies over {b} {right:?}");
        }
        let (last, rect) = rects[rects.len() - 1];
        assert!(rect.right() <= 640.5, "{last} is cut off: {rect:?}");
    }
    let before = w.harness.state().view_transform(Orientation::Axial).expect("shown").rect;
    assert!(before.width() > 150.0, "{before:?}");
    // One panel at a time, and none.
    w.key(Modifiers::NONE, Key::F7);
    assert!(w.has("Display") && !w.has("Filter structures"));
    w.activate("Assessment");
    assert!(!w.has("Display") && !w.has("Filter structures"));
    assert!(w.harness.state().view_transform(Orientation::Axial).expect("shown").rect.width() > before.width());
    w.key(Modifiers::NONE, Key::F6);
    assert!(w.has("Filter structures"));
    w.click("Options");
    assert!(w.has("Brush radius"));
    w.key(Modifiers::NONE, Key::Escape);
    // A wide window shows both again, whatever was chosen in the narrow one.
    w.key(Modifiers::NONE, Key::F6);
    w.harness.set_size(eframe::egui::vec2(1400.0, 900.0));
    w.settle();
    assert!(w.has("Filter structures") && w.has("Display"));
    w.key(Modifiers::NONE, Key::F7);
    assert!(w.has("Filter structures") && !w.has("Display"));
}

#[test]
fn settings_change_what_is_shown() {
    let mut w = small_window();
    assert!(w.has("Risk"));
    w.key(Modifiers::COMMAND, Key::Comma);
    assert!(w.has("Size of the interface, percent"));
    w.click("Risk of the risk model");
    assert!(w.workbench().settings().risk_hidden && !w.has("Risk"));
    w.click("Hide patient name, ID and dates");
    assert!(w.workbench().view.identifiers_hidden);
    w.click("简体中文");
    assert!(w.has("界面大小") && w.has("文件") && !w.has("File"));
    w.click("English");
    assert!(w.has("File"));
}

#[test]
fn the_tour_comes_once_and_leads_to_every_control() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("settings.toml");
    let start = || Start { settings_path: Some(path.clone()), ..Start::default() };
    let mut w = Window::open(start());
    assert!(w.has("Open a case"));
    w.click("Start with the demo case");
    assert!(w.has("Done"), "opening a case is ticked");
    w.click("Next step");
    assert!(w.has("Go through the slices") && !w.has("Done"));
    w.key(Modifiers::NONE, Key::PageUp);
    assert!(w.has("Done"));
    w.key(Modifiers::ALT, Key::ArrowRight).key(Modifiers::NONE, Key::Num2);
    assert!(w.has("Choose a window") && w.has("Done"));
    w.key(Modifiers::ALT, Key::ArrowLeft);
    assert!(w.has("Go through the slices"));
    for title in ["Choose a window", "Select a structure", "Draw with the brush", "Take it back", "Export"] {
        w.key(Modifiers::ALT, Key::ArrowRight);
        assert!(w.has(title), "{title}");
        let control = match title {
            "Draw with the brush" => "Brush",
            "Take it back" => "Undo",
            "Choose a window" => "Window and level",
            _ => continue,
        };
        let [card, control] = [title, control].map(|name| w.harness.get_by_label(name).rect());
        let [dx, dy] = [card.left() - control.right(), card.top() - control.bottom()];
        assert!(dx.max(dy) < 60.0, "the card of {title} stands beside {control:?}: {card:?}");
    }
    assert!(w.says("7 of 7"));
    w.click("Finish tour");
    assert!(!w.says("7 of 7") && w.workbench().settings().tour_seen);
    drop(w);
    let mut w = Window::open(start());
    assert!(!w.has("Open a case"), "it is not shown again");
    w.send(Action::Tour);
    assert!(w.has("Open a case"));
    w.click("Skip the tour");
    assert!(!w.has("Open a case"));
}

#[test]
fn the_tour_stops_nobody() {
    let mut w = small_window();
    w.send(Action::Tour).click("Next step").click("Select CTV").key(Modifiers::NONE, Key::B);
    let path = [CENTER, CENTER + DVec3::new(4.0, 0.0, 0.0)];
    w.drag(Orientation::Axial, PointerButton::Primary, Modifiers::NONE, &path);
    assert!(w.volume_cm3("CTV") > 0.0);
}

/// Every control that can be used says what it is, in every workspace, window and menu.
#[test]
fn every_control_has_a_name_and_a_role() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let settings_path = Some(folder.path().join("settings.toml"));
    let mut w = Window::open(Start { settings_path, ..Start::default() });
    check_names(&w, "the start page with the tour");
    w.click("Skip the tour").click("Open demo case");
    for workspace in Workspace::iter() {
        w.send(Command::SetWorkspace(workspace));
        check_names(&w, &format!("{workspace}"));
    }
    w.send(Command::SetWorkspace(Workspace::Review));
    for action in [Action::Shortcuts, Action::Settings, Action::ToolHelp, Action::Messages, Action::ImportReport] {
        w.send(action);
        check_names(&w, action.label());
        w.send(action);
    }
    w.send(Action::Deidentify);
    check_names(&w, "de-identification");
    w.send(Action::Deidentify).send(Action::Palette);
    check_names(&w, "the palette");
    w.key(Modifiers::NONE, Key::Escape);
    for menu in ["File", "Edit", "View", "Structure", "Tools", "Help"] {
        w.click(menu);
        check_names(&w, menu);
        w.key(Modifiers::NONE, Key::Escape);
    }
}

fn check_names(w: &Window, place: &str) {
    let controls = [
        Kind::Button,
        Kind::CheckBox,
        Kind::RadioButton,
        Kind::ComboBox,
        Kind::Slider,
        Kind::SpinButton,
        Kind::TextInput,
        Kind::MultilineTextInput,
        Kind::PasswordInput,
        Kind::Link,
        Kind::ListBoxOption,
        Kind::MenuItem,
        Kind::Splitter,
        Kind::Canvas,
        Kind::ColorWell,
        Kind::Unknown,
    ];
    let mut seen = 0;
    let mut wrong = Vec::new();
    for node in w.harness.query_all_by(|_| true) {
        let node = node.accesskit_node();
        // A control without a role would be found by its click.
        let clickable = node.data().supports_action(Deed::Click);
        // The bar by which a window is moved is no control.
        let corner = |n: &AccessKitNode<'_>| n.raw_bounds().map_or([f64::NAN; 2], |r| [r.x0, r.y0]);
        let is_near = |[a, b]: [f64; 2], [x, y]: [f64; 2]| (a - x).abs() < 40.0 && (b - y).abs() < 12.0;
        let is_bar = std::iter::successors(node.parent(), |n| n.parent())
            .any(|n| n.role() == Kind::Window && is_near(corner(&n), corner(&node)));
        if !controls.contains(&node.role()) || (node.role() == Kind::Unknown && !clickable) || is_bar {
            continue;
        }
        seen += 1;
        let name = node.label().or_else(|| node.data().placeholder().map(str::to_owned)).unwrap_or_default();
        if !name.chars().any(char::is_alphanumeric) {
            wrong.push(format!("{:?} \"{name}\" at {:?}", node.role(), node.raw_bounds()));
        }
        if node.role() == Kind::Unknown {
            wrong.push(format!("\"{name}\" has no role"));
        }
    }
    assert!(seen > 5, "{place} has controls");
    assert!(wrong.is_empty(), "{place}: {wrong:#?}");
}

/// A tumor with its CTV, and stations that it reaches, as boxes over slices 3 to 8.
fn risk_case() -> hilum::workbench::LoadedCase {
    let boxes = [
        ("GTVp", Role::Gtvp, [24.0, 34.0]),
        ("CTV", Role::Ctv, [18.0, 42.0]),
        ("10R", Role::Station(Station::S10R), [8.0, 26.0]),
        ("7", Role::Station(Station::S7), [28.0, 56.0]),
    ];
    let roi = |(name, role, [low, high]): (&str, Role, [f64; 2])| {
        let ring = Ring::new([[low, 20.0], [high, 20.0], [high, 44.0], [low, 44.0]]);
        let mut roi = Roi::new(RoiId(0), name, [200, 80, 80], role, Provenance::Drawn);
        roi.slices = (3..9).map(|k| (k, Arc::new(SliceContours::new(vec![ring.clone()])))).collect();
        roi
    };
    made_case(|_| 30, boxes.into_iter().map(roi).collect())
}

#[test]
fn the_risk_figure_has_its_noise_floor_tells_what_changed_and_hides_while_contouring() {
    let mut w = Window::with_case(risk_case(), Start::default());
    w.settle();
    assert!(w.says("by how boundaries are drawn"), "{}", w.all_text());
    let noise = |w: &Window| w.workbench().live().and_then(|live| live.noise()).expect("found");
    let current = |w: &Window| w.case().revision();
    let before = noise(&w);
    assert!(before.revision == current(&w) && before.value.sd > 0.0 && before.value.low <= before.value.high);
    assert!(!w.says("% since the case was opened"), "nothing has changed");
    let station = w.roi("10R").id;
    w.send(Command::DeleteRoi(station)).settle();
    assert!(w.says("% since the case was opened"), "{}", w.all_text());
    let after = noise(&w);
    assert!(after.revision == current(&w) && after.revision != before.revision);
    w.click("Hide while contouring");
    assert!(w.workbench().settings().risk_hidden_while_contouring && w.says("by how boundaries are drawn"));
    w.send(Command::SetTool(ToolKind::Brush));
    assert!(w.says("Hidden while contouring") && !w.says("by how boundaries are drawn"));
}
