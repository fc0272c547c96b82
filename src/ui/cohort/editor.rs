//! The selected patient: every cell can be changed and is checked as a row of an import is. What is typed waits for Save, also
//! while another patient is looked at.

use super::super::icons::Icon;
use super::super::panel::PanelInput;
use super::super::privacy::{patient_name, private_cell, reason};
use super::super::theme;
use super::super::widgets::{card, faint, icon_text_button, primary_button, status_line};
use super::patients::{case_of, open_case};
use crate::cohort::{CellProblem, Column, PatientRecord};
use crate::features::TStage;
use crate::tf;
use crate::words::{t, told};
use crate::workbench::Command;
use crate::workbench::cohort::{CohortCommand, FeatureState, OpenCohort, lacks};
use eframe::egui::{Align, ComboBox, Key, Label, Layout, Modifiers, RichText, TextEdit, Ui, vec2};
use std::collections::BTreeMap;

/// What is typed and not saved yet.
#[derive(Default)]
pub struct EditorState {
    /// By patient, by column.
    typed: BTreeMap<String, BTreeMap<String, String>>,
    /// The patient that is being saved, at a revision of the cohort.
    saving: Option<(String, u64)>,
}

/// Shows the selected patient.
pub fn editor_ui(
    ui: &mut Ui,
    input: &PanelInput<'_>,
    state: &mut EditorState,
    cohort: &OpenCohort,
    selected: Option<usize>,
) {
    let desk = input.workbench.cohort();
    if let Some((patient, revision)) = &state.saving {
        if *revision != cohort.revision {
            state.typed.remove(patient);
            state.saving = None;
        } else if !desk.refused(patient).is_empty() {
            state.saving = None;
        }
    }
    card(ui, |ui| {
        let Some(row) = selected else {
            ui.label(RichText::new(t("Patient")).font(theme::strong(theme::SIZE_BODY)));
            faint(ui, t("Choose a row to see and change what is known of a patient"));
            waiting_ui(ui, state, None);
            return;
        };
        let patient = &cohort.patients[row];
        let name = patient_name(input.workbench, row, &patient.id);
        ui.horizontal(|ui| {
            ui.add(Label::new(RichText::new(&name).font(theme::strong(theme::SIZE_HEADING))).truncate());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let there = case_of(cohort, row).is_some();
                let button =
                    ui.add_enabled_ui(there, |ui| icon_text_button(ui, Icon::Open, t("Open in Review"), false));
                let hint = t("The case of this patient is not known, or not there");
                if button.inner.on_disabled_hover_text(hint).clicked() {
                    open_case(input, cohort, row);
                }
            });
        });
        if let FeatureState::Failed(why) = &cohort.features[row] {
            status_line(ui, Icon::Error, &tf!("No features: {why}", why = reason(input.workbench, why)));
        }
        let problems = desk.refused(&patient.id);
        let typed = state.typed.entry(patient.id.clone()).or_default();
        for column in Column::kept().filter(|column| *column != Column::Patient) {
            field_ui(ui, input, patient, column, typed, problems);
        }
        for (name, text) in &patient.extra {
            ui.horizontal(|ui| {
                name_ui(ui, name, t("A column without a meaning of its own"), false);
                text_ui(ui, input, name, name, text, true, typed);
            });
        }
        typed.retain(|name, text| *text != now(patient, name));
        let changed = !typed.is_empty();
        if !changed {
            state.typed.remove(&patient.id);
        }
        buttons_ui(ui, input, state, cohort, &patient.id, changed);
        waiting_ui(ui, state, Some(&patient.id));
    });
}

fn buttons_ui(
    ui: &mut Ui,
    input: &PanelInput<'_>,
    state: &mut EditorState,
    cohort: &OpenCohort,
    patient: &str,
    changed: bool,
) {
    ui.horizontal(|ui| {
        let save = ui.add_enabled_ui(changed, |ui| primary_button(ui, t("Save patient"))).inner;
        let entered = changed && ui.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::Enter));
        if save.on_hover_text(t("Ctrl+Enter")).clicked() || entered {
            let cells = state.typed.get(patient).cloned().unwrap_or_default();
            state.saving = Some((patient.to_owned(), cohort.revision));
            input.sender.send(Command::Cohort(CohortCommand::Edit { patient: patient.to_owned(), cells }));
        }
        if ui.add_enabled(changed, eframe::egui::Button::new(t("Discard changes"))).clicked() {
            state.typed.remove(patient);
        }
    });
    if let Some(last) = input.workbench.cohort().last_changed() {
        let row = cohort.row(last).unwrap_or_default();
        let name = patient_name(input.workbench, row, last);
        if icon_text_button(ui, Icon::Undo, &tf!("Take back the change of {name}", name), false).clicked() {
            input.sender.send(Command::Cohort(CohortCommand::TakeBack));
        }
    }
}

/// Other patients with changes that are not saved.
fn waiting_ui(ui: &mut Ui, state: &EditorState, shown: Option<&str>) {
    let waiting = state.typed.keys().filter(|id| Some(id.as_str()) != shown).count();
    if waiting > 0 {
        status_line(ui, Icon::Info, &tf!("{waiting} other patients have changes that are not saved", waiting));
    }
}

/// The text of a column as the patient is.
fn now(patient: &PatientRecord, name: &str) -> String {
    match Column::named(name) {
        Some(column) => patient.cell(column),
        None => patient.extra.get(name).cloned().unwrap_or_default(),
    }
}

fn name_ui(ui: &mut Ui, label: &str, hint: &str, is_missing: bool) {
    let color = if is_missing { theme::WARNING } else { theme::TEXT_SECONDARY };
    ui.allocate_ui_with_layout(vec2(120.0, theme::ROW), Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_width(120.0);
        ui.add(Label::new(RichText::new(label).color(color).size(theme::SIZE_SMALL + 1.0)).truncate())
            .on_hover_text(hint);
    });
}

fn field_ui(
    ui: &mut Ui,
    input: &PanelInput<'_>,
    patient: &PatientRecord,
    column: Column,
    typed: &mut BTreeMap<String, String>,
    problems: &[CellProblem],
) {
    let (name, label) = (column.name(), column.label());
    let known = patient.cell(column);
    let text = typed.get(name).unwrap_or(&known).clone();
    let mut chosen: Option<&str> = None;
    ui.horizontal(|ui| {
        name_ui(ui, label, told(column.description()), lacks(patient, column) && text.is_empty());
        match column {
            Column::Sex => {
                let options = [("male", t("Male")), ("female", t("Female")), ("", t("Unknown"))];
                chosen = flag_ui(ui, label, &options, &text);
            }
            Column::Died | Column::Recurred | Column::LocalFailure | Column::Central => {
                let options = [("1", t("yes")), ("0", t("no")), ("", t("Unknown"))];
                chosen = flag_ui(ui, label, &options, &text);
            }
            Column::TStage => {
                let shown = if text.is_empty() { t("Unknown") } else { text.as_str() };
                let combo = ComboBox::from_id_salt("T stage of the patient").width(96.0).selected_text(shown);
                let combo = combo.show_ui(ui, |ui| {
                    for option in std::iter::once("").chain(TStage::ALL.map(TStage::label)) {
                        let words = if option.is_empty() { t("Unknown") } else { option };
                        if ui.selectable_label(text == option, words).clicked() {
                            chosen = Some(option);
                        }
                    }
                });
                combo.response.accessible_name(tf!("{label} of the patient", label));
            }
            _ => text_ui(ui, input, name, label, &known, matches!(column, Column::Case | Column::Center), typed),
        }
    });
    if let Some(chosen) = chosen {
        typed.insert(name.to_owned(), chosen.to_owned());
    }
    for problem in problems.iter().filter(|p| p.column == name) {
        status_line(ui, Icon::Error, &reason(input.workbench, &problem.reason));
    }
}

/// One of a few values, each with the name of the column for those who cannot see it.
fn flag_ui<'a>(ui: &mut Ui, label: &str, options: &[(&'a str, &str)], text: &str) -> Option<&'a str> {
    let mut chosen = None;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.spacing_mut().button_padding.x = 8.0;
        for (value, words) in options {
            let selected = *value == text;
            let color = if selected { theme::TEXT } else { theme::TEXT_SECONDARY };
            let button = eframe::egui::Button::selectable(selected, RichText::new(*words).color(color));
            if ui.add(button).accessible_name(format!("{label}: {words}")).clicked() && !selected {
                chosen = Some(*value);
            }
        }
    });
    chosen
}

fn text_ui(
    ui: &mut Ui,
    input: &PanelInput<'_>,
    name: &str,
    label: &str,
    known: &str,
    is_private: bool,
    typed: &mut BTreeMap<String, String>,
) {
    if is_private && private_cell(input.workbench, known).is_none() {
        ui.label(RichText::new(t("[hidden]")).color(theme::TEXT_FAINT));
        return;
    }
    let mut text = typed.get(name).map_or_else(|| known.to_owned(), Clone::clone);
    let edit =
        TextEdit::singleline(&mut text).desired_width(ui.available_width() - theme::SPACE_2).hint_text(t("unknown"));
    if ui.add(edit).accessible_name(tf!("{label} of the patient", label)).changed() {
        typed.insert(name.to_owned(), text);
    }
}
