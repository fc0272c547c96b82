//! Over every page of the workspace: which cohort is open, the pages, and what can be done with the cohort as a whole.

use super::super::icons::Icon;
use super::super::panel::PanelInput;
use super::super::picker::{CohortPick, Pick};
use super::super::privacy::cohort_name;
use super::super::request::WindowRequest;
use super::super::theme;
use super::super::widgets::{chip, icon_text_button, primary_button, segmented};
use super::import::ImportState;
use super::{Page, patients_words};
use crate::words::t;
use crate::workbench::Command;
use crate::workbench::cohort::{CohortCommand, CohortExport};
use eframe::egui::{self, Align, Layout, RichText, TextEdit, Ui};

/// What is being typed.
#[derive(Default)]
pub struct HeaderState {
    /// Name of a cohort to be made.
    naming: Option<String>,
}

impl HeaderState {
    /// Asks for the name of a new cohort.
    pub fn begin(&mut self) {
        self.naming.get_or_insert_default();
    }
}

/// Shows the header; a click on a page shows it.
pub fn header_ui(
    ui: &mut Ui,
    input: &PanelInput<'_>,
    state: &mut HeaderState,
    import: &mut ImportState,
    page: &mut Page,
    pages: &[(Page, &str)],
) {
    let workbench = input.workbench;
    let open = workbench.cohort().open();
    ui.horizontal_wrapped(|ui| {
        if let Some(chosen) = segmented(ui, t("Ctrl+Page Down and Ctrl+Page Up turn the pages"), pages, *page) {
            *page = chosen;
        }
        ui.add_space(theme::SPACE_2);
        match open {
            Some(open) => {
                let name = cohort_name(workbench, &open.about.name);
                ui.label(RichText::new(name).font(theme::strong(theme::SIZE_HEADING)));
                ui.label(RichText::new(patients_words(open.patients.len())).color(theme::TEXT_SECONDARY));
                if open.about.simulated {
                    chip(ui, t("Simulated, not observed"), theme::WARNING);
                }
            }
            None => drop(ui.label(RichText::new(t("No cohort is open")).color(theme::TEXT_SECONDARY))),
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            menu_ui(ui, input, state);
            if open.is_some() && icon_text_button(ui, Icon::Plus, t("Import…"), false).clicked() {
                import.begin();
                *page = Page::Patients;
            }
            if open.is_none() && icon_text_button(ui, Icon::Open, t("Open a cohort…"), false).clicked() {
                input.sender.send(WindowRequest::Pick(Pick::Cohort(CohortPick::Open)));
            }
        });
    });
    naming_ui(ui, input, state);
}

fn menu_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut HeaderState) {
    let is_open = input.workbench.cohort().open().is_some();
    let pick = |what: CohortPick| input.sender.send(WindowRequest::Pick(Pick::Cohort(what)));
    let send = |command: CohortCommand| input.sender.send(Command::Cohort(command));
    let menu = ui.menu_button(t("Cohort"), |ui| {
        if ui.button(t("New cohort…")).clicked() {
            state.begin();
        }
        if ui.button(t("Open a cohort…")).clicked() {
            pick(CohortPick::Open);
        }
        if ui.button(t("Template of a table…")).on_hover_text(t("An empty table to fill in")).clicked() {
            pick(CohortPick::Template);
        }
        ui.add_enabled_ui(is_open, |ui| {
            ui.separator();
            for what in [CohortExport::Patients, CohortExport::Features, CohortExport::Copy] {
                if ui.button(format!("{}…", what.label())).clicked() {
                    pick(CohortPick::Export(what));
                }
            }
            ui.separator();
            if ui.button(t("Read again")).on_hover_text(t("Another program may have changed it")).clicked() {
                send(CohortCommand::Reload);
            }
            if ui.button(t("Close cohort")).clicked() {
                send(CohortCommand::Close);
            }
        });
    });
    menu.response.accessible_name(t("What to do with the cohort"));
}

/// The name of a new cohort, before its file is chosen.
fn naming_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut HeaderState) {
    let Some(name) = &mut state.naming else { return };
    let (mut done, mut chosen) = (false, false);
    ui.horizontal(|ui| {
        ui.label(RichText::new(t("What the new cohort is")).color(theme::TEXT_SECONDARY));
        let hint = t("Small cell, 2019 to 2023");
        let response = ui.add(TextEdit::singleline(name).desired_width(260.0).hint_text(hint));
        let response = response.accessible_name(t("Name of the new cohort"));
        let entered = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
        let usable = !name.trim().is_empty();
        chosen = usable
            && (ui.add_enabled_ui(usable, |ui| primary_button(ui, t("Choose its file…"))).inner.clicked() || entered);
        done = ui.button(t("Cancel")).clicked();
        if response.gained_focus() || ui.memory(|m| m.focused().is_none()) {
            response.request_focus();
        }
    });
    if chosen {
        let pick = CohortPick::New(name.trim().to_owned());
        input.sender.send(WindowRequest::Pick(Pick::Cohort(pick)));
    }
    if done || chosen {
        state.naming = None;
    }
}
