//! The clinical values that four of the features need; every value may be unknown.

use super::icons::Icon;
use super::panel::PanelInput;
use super::theme;
use super::widgets::{faint, segmented, status_line};
use crate::features::{ClinicalValues, Sex, TStage};
use crate::words::t;
use crate::workbench::{Command, READING};
use eframe::egui::{self, Align, Align2, ComboBox, Layout, RichText, TextEdit, Ui};

/// Text being typed for the two numbers.
#[derive(Debug, Default)]
pub struct ClinicalState {
    age: Field,
    smoking: Field,
}

/// A number that may be empty; it enters the case when the field is left.
#[derive(Debug, Default)]
struct Field {
    text: String,
    editing: bool,
    refused: bool,
}

/// Shows the form.
pub fn clinical_panel_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut ClinicalState) {
    if input.workbench.loading().is_some() {
        faint(ui, t(READING));
        return;
    }
    let Some(case) = input.workbench.case() else {
        faint(ui, t("Open a case first"));
        return;
    };
    let now = case.clinical();
    let send = |change: &dyn Fn(&mut ClinicalValues)| {
        let mut after = now.clone();
        change(&mut after);
        input.sender.send(Command::SetClinical(after));
    };
    row(ui, t("Sex"), |ui| {
        let options = [(Some(Sex::Male), t("Male")), (Some(Sex::Female), t("Female")), (None, t("Unknown"))];
        if let Some(sex) = segmented(ui, "", &options, now.sex) {
            send(&|v| v.sex = sex);
        }
    });
    row(ui, t("Age at radiotherapy"), |ui| {
        if let Some(age) = number_ui(ui, &mut state.age, t("Age in years"), t("years"), now.age_years) {
            send(&|v| v.age_years = age);
        }
    });
    row(ui, t("T stage"), |ui| {
        let text = now.t_stage.map_or(t("Unknown"), TStage::label);
        let combo = ComboBox::from_id_salt(t("T stage")).width(90.0).selected_text(text).show_ui(ui, |ui| {
            let options = std::iter::once((None, t("Unknown"))).chain(TStage::ALL.map(|t| (Some(t), t.label())));
            for (stage, label) in options {
                if ui.selectable_label(now.t_stage == stage, label).clicked() && now.t_stage != stage {
                    send(&|v| v.t_stage = stage);
                }
            }
        });
        combo.response.accessible_name(t("T stage"));
    });
    row(ui, t("Smoking index"), |ui| {
        let unit = t("cig./day × years");
        if let Some(smoking) = number_ui(ui, &mut state.smoking, t("Smoking index"), unit, now.smoking_index) {
            send(&|v| v.smoking_index = smoking);
        }
    });
    row(ui, t("Tumour site"), |ui| {
        let options = [(Some(true), t("Central")), (Some(false), t("Peripheral")), (None, t("Measure"))];
        if let Some(central) = segmented(ui, "", &options, now.central) {
            send(&|v| v.central = central);
        }
    });
    faint(ui, t("Measure: central within 20 mm of the airway, where one is drawn"));
    for problem in now.problems() {
        status_line(ui, Icon::Warning, &problem);
    }
    if state.age.refused || state.smoking.refused {
        status_line(ui, Icon::Warning, t("That was no number; the old value was kept"));
    }
}

fn row(ui: &mut Ui, name: &str, control: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.set_min_height(theme::ROW + 4.0);
        ui.label(RichText::new(name).color(theme::TEXT_SECONDARY));
        ui.with_layout(Layout::right_to_left(Align::Center), control);
    });
}

/// A number field; a new value once the field is left.
fn number_ui(ui: &mut Ui, field: &mut Field, name: &str, unit: &str, value: Option<f64>) -> Option<Option<f64>> {
    if !field.editing {
        field.text = value.map(|v| v.to_string()).unwrap_or_default();
    }
    ui.label(RichText::new(unit).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL));
    let edit =
        TextEdit::singleline(&mut field.text).desired_width(56.0).hint_text(t("unknown")).align(Align2::RIGHT_CENTER);
    let response: egui::Response = ui.add(edit).accessible_name(name);
    field.editing = response.has_focus();
    if !response.lost_focus() {
        return None;
    }
    let text = field.text.trim().replace(',', ".");
    let typed = if text.is_empty() { Ok(None) } else { text.parse::<f64>().map(Some) };
    field.refused = typed.is_err();
    typed.ok().filter(|typed| *typed != value)
}
