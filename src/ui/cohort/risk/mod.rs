//! The page of the risk model: the models to choose from, training one from the open cohort, and the report of the chosen one.

mod models;
mod report;
mod training;

use super::super::icons::Icon;
use super::super::jobs_panel::jobs_panel_ui;
use super::super::panel::PanelInput;
use super::super::theme;
use super::super::widgets::{card, status_line};
use crate::tf;
use crate::words::t;
use eframe::egui::{RichText, Ui};

/// What the page keeps between frames.
#[derive(Default)]
pub struct RiskPageState {
    models: models::ModelsState,
    training: training::TrainingState,
    report: report::ReportState,
}

/// Shows the page.
pub fn risk_page_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut RiskPageState) {
    jobs_panel_ui(ui, input);
    card(ui, |ui| {
        let may_train = !state.training.is_open();
        if models::models_ui(ui, input, &mut state.models, may_train) {
            state.training.begin(input);
        }
    });
    ui.add_space(theme::SPACE_3);
    if state.training.is_open() {
        card(ui, |ui| training::training_ui(ui, input, &mut state.training));
        ui.add_space(theme::SPACE_3);
    }
    if let Err(why) = input.workbench.risk_model() {
        status_line(ui, Icon::Warning, &tf!("No risk model: {why}", why));
    }
    if let Some(read) = input.workbench.shown_risk_model() {
        report::report_ui(ui, input, &read, &mut state.report);
    }
}

fn heading(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).font(theme::strong(theme::SIZE_BODY)));
}

/// The head of a column.
fn head(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).color(theme::TEXT_SECONDARY).size(theme::SIZE_SMALL + 1.0));
}

fn between(interval: crate::survival::Interval) -> String {
    format!("{:.2}\u{2013}{:.2}", interval.lower, interval.upper)
}

fn procedure_words(procedure: crate::risk::Procedure) -> &'static str {
    match procedure {
        crate::risk::Procedure::Recommended => t("Recommended, nested folds"),
        crate::risk::Procedure::Paper => t("As the paper, held-out patients"),
    }
}
