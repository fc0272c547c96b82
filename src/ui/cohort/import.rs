//! The form of an import, and what is wrong with the table where it was refused.

use super::super::icons::Icon;
use super::super::panel::PanelInput;
use super::super::picker::{CohortPick, Pick};
use super::super::privacy::{path_words, reason};
use super::super::request::WindowRequest;
use super::super::theme;
use super::super::widgets::{card, faint, icon_text_button, primary_button, status_line};
use crate::cohort::{Column, ImportRequest};
use crate::tf;
use crate::words::t;
use crate::workbench::Command;
use crate::workbench::cohort::CohortCommand;
use crate::workbench::jobs::JobKey;
use eframe::egui::{Checkbox, Label, RichText, ScrollArea, Ui};
use std::path::{Path, PathBuf};

/// The form while it is open.
#[derive(Default)]
pub struct ImportState {
    form: Option<ImportRequest>,
    /// The revision of the cohort when the import was asked for.
    asked: Option<u64>,
}

impl ImportState {
    pub fn begin(&mut self) {
        self.form.get_or_insert_default();
    }

    /// A table waits to be imported.
    pub fn is_begun(&self) -> bool {
        self.form.is_some()
    }

    pub fn take_table(&mut self, path: PathBuf) {
        self.form.get_or_insert_default().table = path;
    }

    pub fn take_cases(&mut self, path: PathBuf) {
        self.form.get_or_insert_default().cases = Some(path);
    }
}

const ROW: f32 = 20.0;

/// Shows the form where it is open, and the list of wrong cells.
pub fn import_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut ImportState) {
    let desk = input.workbench.cohort();
    let Some(open) = desk.open() else { return };
    if state.asked.is_some_and(|revision| revision != open.revision) {
        *state = ImportState::default();
    }
    if let Some(form) = &mut state.form {
        let mut closed = false;
        card(ui, |ui| {
            ui.label(RichText::new(t("Import patients from a table")).font(theme::strong(theme::SIZE_BODY)));
            let table = (!form.table.as_os_str().is_empty()).then_some(form.table.as_path());
            path_row(ui, input, t("Table (CSV)"), t("Choose table…"), table, CohortPick::Table);
            let cases = form.cases.clone();
            path_row(ui, input, t("Folder of the cases"), t("Choose folder…"), cases.as_deref(), CohortPick::Cases);
            faint(
                ui,
                t("Cases are looked for there by the name of the patient, where the table does not say where they are"),
            );
            ui.add(Checkbox::new(&mut form.update, t("Replace what is known of patients that are there already")));
            ui.horizontal(|ui| {
                let running = input.workbench.is_running(JobKey::CohortImport);
                let ready = table.is_some() && !running;
                if ui.add_enabled_ui(ready, |ui| primary_button(ui, t("Import"))).inner.clicked() {
                    state.asked = Some(open.revision);
                    input.sender.send(Command::Cohort(CohortCommand::Import(form.clone())));
                }
                closed = ui.button(t("Close form")).clicked();
                if running {
                    ui.spinner();
                }
            });
            faint(ui, t("All patients of the table are imported, or none"));
        });
        ui.add_space(theme::SPACE_2);
        if closed {
            state.form = None;
        }
    }
    problems_ui(ui, input);
}

fn path_row(ui: &mut Ui, input: &PanelInput<'_>, name: &str, button: &str, path: Option<&Path>, pick: CohortPick) {
    ui.horizontal(|ui| {
        if icon_text_button(ui, Icon::Open, button, false).clicked() {
            input.sender.send(WindowRequest::Pick(Pick::Cohort(pick)));
        }
        let words = path.map(|path| path_words(input.workbench, path).unwrap_or_else(|| t("chosen").to_owned()));
        let words = words.unwrap_or_else(|| t("none chosen").to_owned());
        ui.add(Label::new(RichText::new(format!("{name}: {words}")).color(theme::TEXT_SECONDARY)).truncate());
    });
}

fn problems_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let problems = input.workbench.cohort().problems();
    if problems.is_empty() {
        return;
    }
    card(ui, |ui| {
        let count = problems.len();
        let words = if count == 1 {
            t("One cell cannot be used, and nothing was imported").to_owned()
        } else {
            tf!("{count} cells cannot be used, and nothing was imported", count)
        };
        status_line(ui, Icon::Error, &words);
        let height = (ROW * count as f32).min(200.0);
        let scroll = ScrollArea::vertical().id_salt("wrong cells").max_height(height).auto_shrink([false, true]);
        scroll.show_rows(ui, ROW, count, |ui, rows| {
            for problem in &problems[rows] {
                let column = Column::named(&problem.column).map_or(problem.column.as_str(), |known| known.label());
                let why = reason(input.workbench, &problem.reason);
                let words = if problem.row == 0 {
                    format!("{column}: {why}")
                } else {
                    tf!("Row {row}, {column}: {why}", row = problem.row, column, why)
                };
                ui.add(Label::new(RichText::new(words).color(theme::TEXT_SECONDARY)).truncate());
            }
        });
        if ui.button(t("I have read it")).clicked() {
            input.sender.send(Command::Cohort(CohortCommand::ForgetProblems));
        }
    });
    ui.add_space(theme::SPACE_2);
}
