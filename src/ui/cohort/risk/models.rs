//! The risk models to choose from, and which of them estimates in Review.

use super::super::super::icons::Icon;
use super::super::super::panel::PanelInput;
use super::super::super::picker::Pick;
use super::super::super::privacy::{path_words, reason, risk_model_name};
use super::super::super::request::WindowRequest;
use super::super::super::theme;
use super::super::super::widgets::{chip, faint, icon_text_button, primary_button};
use super::{between, head, heading, procedure_words};
use crate::tf;
use crate::words::{t, told_sentence};
use crate::workbench::{Command, KnownRiskModel, PreferenceCommand};
use eframe::egui::{Grid, Label, RadioButton, RichText, ScrollArea, Ui, vec2};

/// The list as it was read last.
#[derive(Default)]
pub struct ModelsState {
    known: Vec<KnownRiskModel>,
    /// Of which revision it is, and the frame that showed it last: reading the folders in every frame would be waste.
    read: Option<(u64, u64)>,
}

impl ModelsState {
    /// Looks again where something was trained or chosen, and whenever the page is turned to: the command line trains too.
    fn follow(&mut self, ui: &Ui, input: &PanelInput<'_>) {
        let (revision, frame) = (input.workbench.risk_models_revision(), ui.ctx().cumulative_frame_nr());
        if !self.read.is_some_and(|(of, last)| of == revision && last + 1 >= frame) {
            self.known = input.workbench.known_risk_models();
        }
        self.read = Some((revision, frame));
    }
}

/// Shows the list; true if a model is to be trained.
pub fn models_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut ModelsState, may_train: bool) -> bool {
    state.follow(ui, input);
    let workbench = input.workbench;
    let used = workbench.used_risk_model().map(|used| used.folder);
    let shown = workbench.shown_risk_model().map(|shown| shown.folder);
    heading(ui, t("Risk models"));
    ScrollArea::horizontal().id_salt("risk models").show(ui, |ui| {
        Grid::new("risk models").striped(true).spacing(vec2(theme::SPACE_4, 5.0)).show(ui, |ui| {
            for name in [t("Model"), t("Endpoint"), t("Events of patients"), t("Procedure"), t("AUC (95 %)"), ""] {
                head(ui, name);
            }
            ui.end_row();
            for (n, model) in state.known.iter().enumerate() {
                let name = risk_model_name(workbench, &model.folder, model.origin, Some(n));
                let radio = RadioButton::new(shown.as_ref() == Some(&model.folder), &name);
                let response = ui.add_enabled(model.manifest.is_ok(), radio);
                let response = match path_words(workbench, &model.folder) {
                    Some(path) => response.on_hover_text(path),
                    None => response,
                };
                if response.clicked() {
                    input.sender.send(Command::ShowRiskModel(model.folder.clone()));
                }
                match &model.manifest {
                    Ok(manifest) => {
                        ui.label(told_sentence(&manifest.endpoint));
                        ui.label(tf!("{events} of {patients}", events = manifest.events, patients = manifest.patients));
                        ui.label(procedure_words(manifest.procedure));
                        let v = &manifest.validation;
                        ui.label(format!("{:.2} ({})", v.auc, between(v.auc_interval)));
                    }
                    Err(why) => {
                        let words = RichText::new(reason(workbench, why)).color(theme::WARNING);
                        ui.add(Label::new(words).truncate());
                        for _ in 0..3 {
                            ui.label("");
                        }
                    }
                }
                if used.as_ref() == Some(&model.folder) {
                    chip(ui, t("in use in Review"), theme::OK);
                } else if shown.as_ref() == Some(&model.folder) {
                    let hint = t("This model gives the risk figure from now on, also of the open case");
                    if primary_button(ui, t("Use in Review")).on_hover_text(hint).clicked() {
                        let command = PreferenceCommand::SetRiskModel(model.folder.clone());
                        input.sender.send(Command::Preference(command));
                    }
                } else {
                    ui.label("");
                }
                ui.end_row();
            }
        });
    });
    ui.add_space(theme::SPACE_1);
    let mut begins = false;
    ui.horizontal_wrapped(|ui| {
        let is_open = workbench.cohort().open().is_some();
        let train = |ui: &mut Ui| icon_text_button(ui, Icon::Play, t("Train from this cohort…"), false);
        let button = ui.add_enabled_ui(is_open && may_train, train).inner;
        begins = button.on_disabled_hover_text(t("Open a cohort first")).clicked();
        let hint = t("A model made with `hilum train risk`");
        if icon_text_button(ui, Icon::Open, t("Another folder…"), false).on_hover_text(hint).clicked() {
            input.sender.send(WindowRequest::Pick(Pick::RiskModel));
        }
        if !is_open {
            faint(ui, t("A model of your own is trained from a cohort: open one"));
        }
    });
    begins
}
