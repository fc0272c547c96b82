//! Where no cohort is open: how to begin.

use super::super::icons::Icon;
use super::super::jobs_panel::jobs_panel_ui;
use super::super::panel::PanelInput;
use super::super::picker::{CohortPick, Pick};
use super::super::privacy::recent_cohort;
use super::super::request::WindowRequest;
use super::super::theme;
use super::super::widgets::{card, faint, icon_text_button, status_line};
use super::header::HeaderState;
use crate::cohort::Column;
use crate::tf;
use crate::words::{t, told};
use crate::workbench::Command;
use crate::workbench::cohort::CohortCommand;
use eframe::egui::{CollapsingHeader, Grid, Label, RichText, Ui};
use strum::IntoEnumIterator;

/// Shows the ways to begin, cohorts opened before, and the columns of a table.
pub fn empty_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut HeaderState, table_waits: bool) {
    let pick = |what: CohortPick| input.sender.send(WindowRequest::Pick(Pick::Cohort(what)));
    jobs_panel_ui(ui, input);
    card(ui, |ui| {
        ui.label(RichText::new(t("Patients of your own")).font(theme::strong(theme::SIZE_TITLE)));
        let words = t(
            "A cohort is one file on this computer with pseudonyms, clinical data, outcomes and the features of the cases. Nothing leaves it.",
        );
        ui.add(Label::new(RichText::new(words).color(theme::TEXT_SECONDARY)).wrap());
        ui.add_space(theme::SPACE_2);
        ui.horizontal_wrapped(|ui| {
            if icon_text_button(ui, Icon::Plus, t("New cohort…"), true).clicked() {
                state.begin();
            }
            if icon_text_button(ui, Icon::Open, t("Open an existing one…"), false).clicked() {
                pick(CohortPick::Open);
            }
            if icon_text_button(ui, Icon::Save, t("Save a template…"), false).clicked() {
                pick(CohortPick::Template);
            }
        });
        if table_waits {
            status_line(ui, Icon::Info, t("A table waits to be imported: make or open the cohort that it belongs to"));
        }
        ui.add_space(theme::SPACE_1);
        faint(
            ui,
            t(
                "1. Make a cohort. 2. Fill in the template, one row a patient. 3. Import it, with the folder of the cases. 4. Compute the features.",
            ),
        );
    });
    let recent = input.workbench.recent_cohorts();
    if !recent.is_empty() {
        ui.add_space(theme::SPACE_3);
        card(ui, |ui| {
            ui.label(RichText::new(t("Opened before")).font(theme::strong(theme::SIZE_BODY)));
            for (n, path) in recent.iter().enumerate() {
                let words = recent_cohort(input.workbench, n, path);
                let button = ui.button(&words).on_hover_text(t("Open this cohort"));
                if button.accessible_name(tf!("Open {words}", words)).clicked() {
                    input.sender.send(Command::Cohort(CohortCommand::Open(path.clone())));
                }
            }
        });
    }
    ui.add_space(theme::SPACE_3);
    card(ui, |ui| {
        let title = RichText::new(t("Columns of a table")).font(theme::strong(theme::SIZE_BODY)).color(theme::TEXT);
        CollapsingHeader::new(title).id_salt("columns").default_open(true).show_unindented(ui, |ui| {
            faint(ui, t("All but the first may be left out; further ones are kept and can be used in statistics. Empty cells, NA and unknown are missing."));
            Grid::new("columns").num_columns(2).spacing([theme::SPACE_4, 4.0]).show(ui, |ui| {
                for column in Column::iter() {
                    ui.label(RichText::new(column.name()).monospace().color(theme::TEXT));
                    ui.label(RichText::new(told(column.description())).color(theme::TEXT_SECONDARY));
                    ui.end_row();
                }
            });
        });
    });
}
