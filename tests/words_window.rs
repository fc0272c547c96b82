//! The window in Chinese shows no other words than names, units and terms that stay as they are.

use crate::support::bench::small_case;
use crate::support::window::{Start, Window};
use eframe::egui::accesskit::Role as Kind;
use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use hilum::structures::{Role, Station};
use hilum::words::{Language, speak};
use hilum::workbench::{Action, Command, PreferenceCommand, ToolKind, Workspace};
use std::collections::BTreeSet;
use strum::IntoEnumIterator;

/// Words that stay as they are: names, units, DICOM and TG-263 terms, keys, the language's own name.
const STAY: &[&str] = &[
    "Hilum",
    "DICOM",
    "DICOMweb",
    "NIfTI",
    "RTSTRUCT",
    "SEG",
    "PET",
    "CT",
    "MR",
    "SUV",
    "HU",
    "Gy",
    "CTV",
    "GTV",
    "GTVp",
    "GTVn",
    "PTV",
    "TG",
    "DiUnet",
    "AUC",
    "DSC",
    "Dice",
    "Brier",
    "Wilson",
    "MIP",
    "MinIP",
    "PACS",
    "UID",
    "ID",
    "AE",
    "mm",
    "cm",
    "MB",
    "English",
    "Ctrl",
    "Cmd",
    "Alt",
    "Option",
    "Shift",
    "Esc",
    "Enter",
    "Backspace",
    "Delete",
    "Home",
    "End",
    "Page",
    "Up",
    "Down",
    "Left",
    "Right",
    "Insert",
    "IASLC",
    "LN",
    "PS",
    "C-STORE",
    "STORE",
    "json",
    "report",
    "bw",
    "ml",
    "toml",
    "SD",
    "et",
    "Nikolov",
    "Vaassen",
    "SCU",
    "SCP",
    "URL",
    "PEM",
    "TOML",
    "PNG",
    "ln",
    "recurrence",
    "recursion",
];

/// The paper is cited as it is named.
const PAPER: &str = "Shen J et al. Artificial intelligence in automatic image segmentation system for exploring recurrence \
                     patterns in small cell carcinoma of the lung. Front Oncol 2025;15:1534740 (CC BY)";

/// Words of a text that are neither Chinese nor allowed.
fn foreign_words(text: &str, names: &[&str]) -> Vec<String> {
    let mut text = text.to_owned();
    // What the toolkit itself calls its parts.
    if text.starts_with("Resize window ") {
        return Vec::new();
    }
    let kept = ["Close window", "Resize panel", "Hide", PAPER, "`hilum train diunet`"];
    for name in names.iter().chain(&kept) {
        text = text.replace(name, " ");
    }
    let words = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|w| w.len() > 1);
    words.filter(|w| !STAY.contains(w) && !is_key(w)).map(str::to_owned).collect()
}

/// F1 to F12 and the like lose their numbers at the cut.
fn is_key(word: &str) -> bool {
    word.len() == 1
}

fn check(w: &Window, place: &str, wrong: &mut BTreeSet<String>) {
    let names: Vec<&str> =
        w.workbench().case().iter().flat_map(|c| &c.structures().rois).map(|r| r.name.as_str()).collect();
    let networks = w.workbench().networks();
    let folders = networks.iter().filter_map(|(folder, _)| folder.to_str());
    let ids = networks.iter().map(|(_, manifest)| manifest.model_id.as_str());
    let mut names: Vec<&str> = names.into_iter().chain(folders).chain(ids).collect();
    // One may begin as another does.
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for node in w.harness.query_all_by(|_| true) {
        let node = node.accesskit_node();
        for words in [node.label(), node.description()].into_iter().flatten() {
            let foreign = foreign_words(&words, &names);
            if !foreign.is_empty() {
                wrong.insert(format!("{place}: {words:?} has {foreign:?}"));
            }
        }
    }
}

#[test]
fn the_window_in_chinese_speaks_chinese() {
    let rois =
        [("GTVp", Role::Gtvp), ("CTV", Role::Ctv), ("LN_IASLC_07", Role::Station(Station::S7)), ("心脏", Role::Organ)];
    let folder = tempfile::tempdir().expect("temporary folder");
    let settings_path = Some(folder.path().join("settings.toml"));
    let mut wrong = BTreeSet::new();
    let mut w = Window::open(Start { settings_path, ..Start::default() });
    w.send(Command::Preference(PreferenceCommand::SetLanguage(Language::Chinese)));
    check(&w, "start page", &mut wrong);
    w.harness.state_mut().take_case(small_case(&rois));
    w.settle();
    for workspace in Workspace::iter() {
        w.send(Command::SetWorkspace(workspace));
        check(&w, &format!("{workspace}"), &mut wrong);
    }
    w.send(Command::SetWorkspace(Workspace::Review));
    for tool in ToolKind::iter() {
        w.send(Command::SetTool(tool));
        check(&w, &format!("{tool:?}"), &mut wrong);
    }
    for action in [Action::LayoutFour, Action::LayoutCompare, Action::ToggleDifference, Action::LayoutAxial] {
        w.send(action);
        check(&w, action.name(), &mut wrong);
    }
    for action in [
        Action::Shortcuts,
        Action::Settings,
        Action::History,
        Action::ToolHelp,
        Action::Messages,
        Action::ImportReport,
        Action::Deidentify,
        Action::Operations,
        Action::ToolRules,
        Action::Palette,
    ] {
        w.send(action);
        check(&w, action.name(), &mut wrong);
        w.send(action);
    }
    w.key(Modifiers::NONE, Key::Escape);
    for menu in ["文件", "编辑", "视图", "结构", "工具", "帮助"] {
        w.harness.get_by_role_and_label(Kind::Button, menu).click();
        w.settle();
        check(&w, menu, &mut wrong);
        w.key(Modifiers::NONE, Key::Escape);
    }
    speak(Language::English);
    assert!(wrong.is_empty(), "{} texts:\n{}", wrong.len(), wrong.into_iter().collect::<Vec<_>>().join("\n"));
}
