//! Jobs under way: stage, progress, time left, cancel.

use super::icons::{Icon, icon_button};
use super::panel::PanelInput;
use super::privacy::job_title;
use super::theme;
use super::widgets::{card, time_left};
use crate::tf;
use crate::words::told;
use crate::workbench::Command;
use crate::workbench::jobs::JobStatus;
use eframe::egui::{Align, Label, Layout, ProgressBar, RichText, Ui};

/// Shows a card for every job; nothing where none runs.
pub fn jobs_panel_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    for job in input.workbench.jobs() {
        card(ui, |ui| job_ui(ui, input, &job));
        ui.add_space(theme::SPACE_1);
    }
}

fn job_ui(ui: &mut Ui, input: &PanelInput<'_>, job: &JobStatus) {
    let title = job_title(input.workbench, job);
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if icon_button(ui, Icon::Cancel, &tf!("Cancel {title}", title), false).clicked() {
                input.sender.send(Command::CancelJob(job.id));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(RichText::new(&title).font(theme::strong(theme::SIZE_BODY))).truncate());
            });
        });
    });
    let bar = ProgressBar::new(job.fraction().unwrap_or(0.0)).desired_height(6.0);
    ui.add(bar).accessible_name(tf!("Progress of {title}", title));
    ui.horizontal(|ui| {
        let words = match job.total {
            0 => job.stage.clone(),
            total => tf!("{stage}, {done} of {total}", stage = told(&job.stage), done = job.done, total),
        };
        ui.label(RichText::new(words).color(theme::TEXT_SECONDARY).size(theme::SIZE_SMALL + 1.0));
        if let Some(seconds) = job.seconds_left() {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(RichText::new(time_left(seconds)).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL + 1.0));
            });
        }
    });
}
