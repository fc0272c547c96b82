//! Menus, workspaces, and who the patient is.

use super::icons::Icon;
use super::panel::PanelInput;
use super::privacy::{journal_title, readable_date, recent_label, series_title};
use super::request::{Opening, WindowRequest};
use super::series_panel::has_choice;
use super::theme;
use super::tour::{self, Anchor};
use super::widgets::{action_icon, action_item, segmented};
use crate::dicom::CtMeta;
use crate::words::t;
use crate::workbench::{Action, Command, Menu, Workbench, Workspace, time_ago};
use eframe::egui::{self, Align, ComboBox, Label, Layout, RichText, Ui};
use std::time::SystemTime;
use strum::IntoEnumIterator;

/// Beside the menus the workspaces and the sign need this much, points.
const NARROW: f32 = 560.0;

/// Shows the bar.
pub fn top_bar_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let PanelInput { workbench, sender, .. } = *input;
    egui::MenuBar::new().ui(ui, |ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.spacing_mut().button_padding = egui::vec2(theme::SPACE_2, 3.0);
        for menu in Menu::iter() {
            let button = ui.menu_button(menu.label(), |ui| menu_ui(ui, input, menu));
            if menu == Menu::File {
                tour::mark(ui, Anchor::FileMenu, button.response.rect);
            }
        }
        ui.add_space(theme::SPACE_3);
        let tabs = [
            (Workspace::Review, t("Review")),
            (Workspace::Cohort, t("Cohort")),
            (Workspace::Teach, t("Teach")),
            (Workspace::Archive, t("Archive")),
        ];
        let workspace = workbench.view.workspace;
        if ui.available_width() > NARROW {
            if let Some(workspace) = segmented(ui, "", &tabs, workspace) {
                sender.send(Command::SetWorkspace(workspace));
            }
        } else {
            let name = tabs.iter().find(|(w, _)| *w == workspace).map_or("", |(_, name)| *name);
            let combo = ComboBox::from_id_salt("workspace").selected_text(name).width(76.0);
            let combo = combo.show_ui(ui, |ui| {
                for (option, label) in tabs {
                    if ui.selectable_label(option == workspace, label).clicked() {
                        sender.send(Command::SetWorkspace(option));
                    }
                }
            });
            combo.response.accessible_name(t("Workspace")).on_hover_text(t("Workspace"));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = theme::SPACE_2;
            let chip =
                RichText::new(t("Research and education only")).color(theme::WARNING).size(theme::SIZE_SMALL + 1.0);
            ui.label(chip).on_hover_text(t(crate::RESEARCH_ONLY));
            // Where there is no room, the sign stays and the patient goes: the View menu and the views still tell.
            if patient_meta(workbench).is_some() && ui.available_width() > 32.0 {
                let hidden = workbench.view.identifiers_hidden;
                let icon = if hidden { Icon::PersonHidden } else { Icon::Person };
                action_icon(ui, workbench, sender, Action::HideIdentifiers, icon, hidden);
                if ui.available_width() > 56.0 {
                    let text = RichText::new(patient_label(workbench)).color(theme::TEXT_SECONDARY);
                    ui.add(Label::new(text).truncate());
                }
            }
        });
    });
}

fn menu_ui(ui: &mut Ui, input: &PanelInput<'_>, menu: Menu) {
    let PanelInput { workbench, sender, .. } = *input;
    ui.set_min_width(230.0);
    for action in Action::iter().filter(|a| a.info().menu == menu) {
        if starts_group(action) {
            ui.separator();
        }
        action_item(ui, workbench, sender, action);
        if action == Action::OpenDemo && !workbench.settings().recent.is_empty() {
            ui.menu_button(t("Open recent"), |ui| {
                ui.set_min_width(320.0);
                for (number, recent) in workbench.settings().recent.iter().enumerate() {
                    if ui.button(recent_label(workbench, number, recent)).clicked() {
                        sender.send(WindowRequest::Open(Opening::Paths(recent.paths().to_vec())));
                        ui.close();
                    }
                }
            });
        }
    }
    if menu == Menu::File && workbench.unfinished_journals().next().is_some() {
        ui.menu_button(t("Recover"), |ui| {
            ui.set_min_width(320.0);
            for journal in workbench.unfinished_journals() {
                let title = journal_title(workbench, journal);
                let label = format!("{title}, {}", time_ago(journal.last, SystemTime::now()));
                if ui.button(label).on_hover_text(t("Open the case as it was left, undo included")).clicked() {
                    sender.send(WindowRequest::Open(Opening::Journal(journal.path.clone())));
                    ui.close();
                }
            }
        });
    }
    if menu == Menu::File && has_choice(workbench) {
        ui.separator();
        ui.menu_button(t("Open series"), |ui| {
            ui.set_min_width(320.0);
            for series in &workbench.series().series {
                let refusal = workbench.series_refusal(&series.key);
                let button = ui.add_enabled(refusal.is_none(), egui::Button::new(series_title(workbench, series)));
                if button.on_disabled_hover_text(refusal.unwrap_or_default()).clicked() {
                    sender.send(WindowRequest::Open(Opening::Series(series.key.clone())));
                    ui.close();
                }
            }
        });
    }
    if menu == Menu::Help {
        ui.separator();
        ui.label(RichText::new(crate::PROGRAM).color(theme::TEXT_FAINT));
    }
}

/// Actions before which a menu has a line.
fn starts_group(action: Action) -> bool {
    matches!(
        action,
        Action::Export
            | Action::Quit
            | Action::WindowMediastinum
            | Action::FitViews
            | Action::HideIdentifiers
            | Action::Review
            | Action::NewStructure
            | Action::Segment
            | Action::BrushSmaller
            | Action::Settings
            | Action::LargerInterface
            | Action::Messages
    )
}

fn patient_meta(workbench: &Workbench) -> Option<&CtMeta> {
    match workbench.loading() {
        Some(loading) => Some(&loading.meta),
        None => workbench.case().map(|c| c.image.meta.as_ref()),
    }
}

/// Name, ID, sex and age; nothing of it where identifiers are hidden.
pub fn patient_label(workbench: &Workbench) -> String {
    let Some(meta) = patient_meta(workbench) else { return String::new() };
    if workbench.view.identifiers_hidden {
        return t("Identifiers hidden").into();
    }
    let patient = &meta.patient;
    let date = readable_date(&meta.study_date);
    let age = patient.age_years.map(|a| format!("{a} y")).unwrap_or_default();
    let name = match (patient.name.is_empty(), meta.from_nifti) {
        (false, _) => patient.name.clone(),
        // A NIfTI file knows of no patient; its own name tells what is open.
        (true, true) => meta.series_description.clone(),
        (true, false) => t("No name").to_owned(),
    };
    let parts = [name, patient.id.clone(), patient.sex.clone(), age, date];
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("  ·  ")
}
