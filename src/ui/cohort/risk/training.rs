//! Training a risk model from the open cohort: how, of whom, and under which name.

use super::super::super::icons::Icon;
use super::super::super::panel::PanelInput;
use super::super::super::privacy::{cohort_name, reason};
use super::super::super::theme;
use super::super::super::widgets::{faint, icon_text_button, segmented, status_line};
use super::{head, heading, procedure_words};
use crate::risk::Procedure;
use crate::studies::training_set::Event;
use crate::tf;
use crate::words::{t, told};
use crate::workbench::cohort::{CohortCommand, TrainChoice};
use crate::workbench::jobs::JobKey;
use crate::workbench::{Command, Workbench};
use eframe::egui::{Align, Checkbox, DragValue, Grid, Layout, RichText, TextEdit, Ui, vec2};
use std::path::PathBuf;

/// What the form holds.
#[derive(Default)]
pub struct TrainingState {
    is_open: bool,
    choice: TrainChoice,
    horizon: Option<f64>,
    /// Identifiers were hidden in the last frame.
    was_hidden: bool,
    /// The folder of the model that is being trained.
    awaited: Option<PathBuf>,
}

/// Months that stand there when a horizon is first asked for.
const USUAL_HORIZON: f64 = 36.0;
const WIDTH: f32 = 470.0;

impl TrainingState {
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Opens the form, with a name that is free.
    pub fn begin(&mut self, input: &PanelInput<'_>) {
        (self.is_open, self.was_hidden) = (true, input.workbench.view.identifiers_hidden);
        let workbench = input.workbench;
        let Some(open) = workbench.cohort().open() else { return };
        let name = cohort_name(workbench, &open.about.name);
        let name: String = name.chars().map(|c| if r#"/\:*?"<>|"#.contains(c) { ' ' } else { c }).take(50).collect();
        let name = name.trim_matches([' ', '.']);
        let is_free = |name: &String| is_there(workbench, name) == Some(false);
        let names = std::iter::once(name.to_owned()).chain((2..100).map(|n| format!("{name} ({n})")));
        self.choice.name = names.into_iter().find(is_free).unwrap_or_default();
        self.choice.overwrite = false;
    }
}

/// Whether there is a model of this name; `None` if it is no name.
fn is_there(workbench: &Workbench, name: &str) -> Option<bool> {
    let folder = workbench.own_risk_model_folder(name).ok()?;
    Some(workbench.is_risk_model_there(&folder))
}

/// Shows the form, and asks who there is.
pub fn training_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut TrainingState) {
    let workbench = input.workbench;
    let running = workbench.is_running(JobKey::CohortTrain);
    if !running && let Some(folder) = state.awaited.take() {
        state.is_open &= workbench.shown_risk_model().is_none_or(|shown| shown.folder != folder);
    }
    if workbench.cohort().open().is_none() && !running {
        state.is_open = false;
    }
    // The name may be that of the cohort.
    if workbench.view.identifiers_hidden != state.was_hidden {
        state.begin(input);
    }
    heading(ui, t("Train a risk model from this cohort"));
    faint(
        ui,
        t(
            "Both procedures are run and reported side by side; the model takes the forest of the chosen one. The report lists every step",
        ),
    );
    ui.add_space(theme::SPACE_1);
    state.choice.endpoint.horizon_months = state.horizon;
    let wide = ui.available_width() > WIDTH + 300.0;
    let layout = if wide { Layout::left_to_right(Align::Min) } else { Layout::top_down(Align::Min) };
    ui.with_layout(layout, |ui| {
        ui.spacing_mut().item_spacing = vec2(theme::SPACE_4, theme::SPACE_2);
        ui.vertical(|ui| {
            ui.set_width(WIDTH.min(ui.available_width()));
            ui.add_enabled_ui(!running, |ui| choices_ui(ui, workbench, state));
        });
        ui.vertical(|ui| flow_ui(ui, input, &state.choice));
    });
    if let Some(why) = workbench.cohort().training_failed() {
        status_line(ui, Icon::Error, &tf!("No risk model was trained: {why}", why = reason(workbench, why)));
    }
    ui.add_space(theme::SPACE_2);
    ui.horizontal(|ui| {
        let refusal = refusal(workbench, &state.choice, running);
        let train = |ui: &mut Ui| icon_text_button(ui, Icon::Play, t("Train"), true);
        let button = ui.add_enabled_ui(refusal.is_none(), train).inner;
        if button.on_disabled_hover_text(refusal.unwrap_or_default()).clicked() {
            state.awaited = workbench.own_risk_model_folder(&state.choice.name).ok();
            input.sender.send(Command::Cohort(CohortCommand::Train(state.choice.clone())));
        }
        if ui.button(t("Close")).on_hover_text(t("A training under way goes on")).clicked() {
            state.is_open = false;
        }
        if let Some(why) = refusal {
            faint(ui, why);
        } else {
            faint(ui, t("Takes minutes; you can go on working meanwhile"));
        }
    });
}

fn choices_ui(ui: &mut Ui, workbench: &Workbench, state: &mut TrainingState) {
    let TrainingState { choice, horizon, .. } = state;
    let label = |ui: &mut Ui, text: &str| drop(ui.label(RichText::new(text).color(theme::TEXT_SECONDARY)));
    Grid::new("training").num_columns(2).spacing(vec2(theme::SPACE_3, theme::SPACE_2)).show(ui, |ui| {
        label(ui, t("Procedure"));
        let procedures = [Procedure::Recommended, Procedure::Paper].map(|p| (p, procedure_words(p)));
        if let Some(chosen) = segmented(ui, t("Procedure whose forest is used"), &procedures, choice.procedure) {
            choice.procedure = chosen;
        }
        ui.end_row();
        label(ui, t("Endpoint"));
        let events = [(Event::Recurrence, t("Any recurrence")), (Event::LocalFailure, t("Local failure"))];
        if let Some(chosen) = segmented(ui, t("What is predicted"), &events, choice.endpoint.event) {
            choice.endpoint.event = chosen;
        }
        ui.end_row();
        label(ui, t("Horizon"));
        ui.horizontal(|ui| {
            let mut cut = horizon.is_some();
            let hint = t("Patients without the event who were observed for less are left out, and counted");
            if ui.add(Checkbox::new(&mut cut, t("Only up to"))).on_hover_text(hint).changed() {
                *horizon = cut.then_some(USUAL_HORIZON);
            }
            let mut months = horizon.unwrap_or(USUAL_HORIZON);
            let drag = DragValue::new(&mut months).range(1.0..=600.0).speed(1.0).max_decimals(1);
            let drag = ui.add_enabled(cut, drag.suffix(t(" months")));
            if drag.accessible_name(t("Horizon, months")).changed() {
                *horizon = Some(months);
            }
        });
        ui.end_row();
        label(ui, t("Repeats"));
        ui.horizontal(|ui| {
            let repeats = ui.add(DragValue::new(&mut choice.repeats).range(1..=1000).speed(0.1));
            let repeats = repeats.accessible_name(t("Repeats of the outer folds"));
            repeats.on_hover_text(t("How often the outer folds are drawn: more take longer and are less by chance"));
            label(ui, t("Seed"));
            let seed = ui.add(DragValue::new(&mut choice.seed).speed(0.1));
            let seed = seed.accessible_name(t("Seed of folds and forests"));
            seed.on_hover_text(t("The same cohort, choices and seed give the same model"));
        });
        ui.end_row();
        label(ui, t("Name"));
        ui.vertical(|ui| {
            let field = ui.add(TextEdit::singleline(&mut choice.name).desired_width(280.0));
            field.accessible_name(t("Name of the risk model"));
            if is_there(workbench, &choice.name) == Some(true) {
                ui.add(Checkbox::new(&mut choice.overwrite, t("Replace the model of this name")));
            } else {
                choice.overwrite = false;
            }
        });
        ui.end_row();
    });
}

/// Why it cannot begin.
fn refusal(workbench: &Workbench, choice: &TrainChoice, running: bool) -> Option<&'static str> {
    let desk = workbench.cohort();
    let patients = desk.training_patients().filter(|_| desk.is_counted(choice.endpoint));
    if running {
        return Some(t("A model is being trained"));
    }
    match patients {
        None => return Some(t("The patients are being counted")),
        Some(Err(_)) => return Some(t("The patients could not be counted")),
        Some(Ok(patients)) if patients.refused.is_some() => return Some(t("These patients are not enough")),
        Some(Ok(_)) => {}
    }
    match workbench.own_risk_model_folder(&choice.name) {
        Err(why) => Some(why),
        Ok(folder) if workbench.is_risk_model_there(&folder) && !choice.overwrite => {
            Some(t("There is a model of this name: choose another name, or let it be replaced"))
        }
        Ok(_) => None,
    }
}

/// From the cohort to the patients that are trained on.
fn flow_ui(ui: &mut Ui, input: &PanelInput<'_>, choice: &TrainChoice) {
    let (workbench, desk) = (input.workbench, input.workbench.cohort());
    if !desk.is_counted(choice.endpoint) && !workbench.is_running(JobKey::CohortCount) {
        input.sender.send(Command::Cohort(CohortCommand::CountPatients(choice.clone())));
    }
    match desk.training_patients() {
        None => drop(faint(ui, t("The patients are being counted"))),
        Some(Err(why)) => drop(status_line(ui, Icon::Error, &reason(workbench, why))),
        Some(Ok(patients)) => {
            Grid::new("who is trained on").striped(true).spacing(vec2(theme::SPACE_3, 3.0)).show(ui, |ui| {
                head(ui, t("Step"));
                head(ui, "n");
                ui.end_row();
                for row in &patients.flow {
                    ui.label(told(&row.what));
                    ui.label(row.patients.to_string());
                    ui.end_row();
                }
            });
            if let Some(why) = &patients.refused {
                status_line(ui, Icon::Warning, why);
            }
        }
    }
}
