//! What the pointer can do, why a key did nothing, where the pointer is, and how many messages wait.

use super::icons::{Icon, icon_label};
use super::messages::icon_of;
use super::panel::PanelInput;
use super::privacy::job_title;
use super::shortcuts;
use super::theme;
use super::viewport::signed;
use super::widgets::{action_tooltip, icon_button_sized, time_left};
use crate::geometry::PatientPoint;
use crate::tf;
use crate::words::t;
use crate::workbench::{Action, Command};
use eframe::egui::{Align, Button, Context, Label, Layout, ProgressBar, RichText, Ui};

/// Why the last key did nothing, for a moment.
#[derive(Debug, Default)]
pub struct Refused(Option<(String, f64)>);

impl Refused {
    const SECONDS: f64 = 5.0;

    /// Tells a reason from now on, or nothing any more.
    pub fn tell(&mut self, context: &Context, why: Option<String>) {
        self.0 = why.map(|why| {
            context.request_repaint_after_secs(Self::SECONDS as f32);
            (why, context.input(|i| i.time) + Self::SECONDS)
        });
    }

    fn words(&self, context: &Context) -> Option<&str> {
        let now = context.input(|i| i.time);
        self.0.as_ref().filter(|(_, until)| now < *until).map(|(why, _)| why.as_str())
    }
}

/// Shows the bar. `hovered` is the patient point under the pointer.
pub fn status_bar_ui(
    ui: &mut Ui,
    input: &PanelInput<'_>,
    refused: &Refused,
    hovered: Option<PatientPoint>,
    views_shown: bool,
) {
    ui.horizontal_centered(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = theme::SPACE_3;
            messages_ui(ui, input);
            journal_ui(ui, input);
            job_ui(ui, input);
            if views_shown {
                place_ui(ui, input, hovered);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                if let Some(why) = refused.words(ui.ctx()) {
                    icon_label(ui, Icon::Info, theme::TEXT_SECONDARY);
                    let words = RichText::new(why).color(theme::TEXT).size(theme::SIZE_SMALL + 1.0);
                    ui.add(Label::new(words).truncate());
                } else if views_shown {
                    hints_ui(ui, input);
                } else {
                    ui.add(Label::new(small(t(crate::RESEARCH_ONLY))).truncate());
                }
            });
        });
    });
}

fn small(text: impl Into<String>) -> RichText {
    RichText::new(text).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL + 1.0)
}

/// As many hints as have room.
fn hints_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    ui.spacing_mut().item_spacing.x = 5.0;
    for (gesture, effect) in input.workbench.hints() {
        let gesture = shortcuts::gesture(gesture, input.workbench.keymap());
        let width = |text: &str| {
            let font = theme::regular(theme::SIZE_SMALL + 1.0);
            ui.painter().layout_no_wrap(text.to_owned(), font, theme::TEXT).size().x
        };
        if width(&gesture) + width(effect) + 24.0 > ui.available_width() {
            break;
        }
        ui.label(RichText::new(gesture).color(theme::TEXT_SECONDARY).size(theme::SIZE_SMALL + 1.0));
        ui.label(small(effect));
        ui.add_space(theme::SPACE_2);
    }
}

/// CT number and position under the pointer, and the slice.
fn place_ui(ui: &mut Ui, input: &PanelInput<'_>, hovered: Option<PatientPoint>) {
    let workbench = input.workbench;
    let Some(grid) = workbench.grid() else { return };
    let k = workbench.view.axial_slice(&grid);
    ui.label(small(tf!("Slice {n} of {slices}", n = k + 1, slices = grid.slices())));
    if let Some(p) = hovered {
        let place = format!("{}, {}, {} mm", signed(p.x, 1), signed(p.y, 1), signed(p.z, 1));
        ui.label(small(place)).on_hover_text(t("Patient coordinates: left, back and head are positive"));
        if let Some(words) = workbench.overlay_words_at(p) {
            let text = RichText::new(words).color(theme::TEXT).size(theme::SIZE_SMALL + 1.0);
            ui.label(text).on_hover_text(t("Value of the overlay under the pointer"));
        }
        if let Some(hu) = workbench.hu_at(p) {
            ui.label(
                RichText::new(format!("{} HU", signed(f64::from(hu), 0)))
                    .color(theme::TEXT)
                    .size(theme::SIZE_SMALL + 1.0),
            );
        }
    }
}

fn job_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let jobs = input.workbench.jobs();
    let Some(job) = jobs.first() else { return };
    let title = job_title(input.workbench, job);
    let stop = tf!("Stop {title}", title);
    if icon_button_sized(ui, Icon::Cancel, &stop, false, 20.0).on_hover_text(&stop).clicked() {
        input.sender.send(Command::CancelJob(job.id));
    }
    if let Some(seconds) = job.seconds_left() {
        ui.label(small(time_left(seconds)));
    }
    ui.add(ProgressBar::new(job.fraction().unwrap_or(0.0)).desired_width(90.0).desired_height(6.0))
        .accessible_name(tf!("Progress in short of {title}", title));
    ui.label(small(title));
}

/// As long as the disk does not take the edits.
fn journal_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    if input.workbench.journal_status().is_some_and(|status| status.trouble.is_some()) {
        let text = RichText::new(t("Edits not on the disk")).color(theme::ERROR).size(theme::SIZE_SMALL + 1.0);
        ui.label(text).on_hover_text(t("They are in memory only; writing is tried again all the time. Export soon"));
    }
}

fn messages_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let all = input.workbench.notices().all();
    let worst = all.iter().map(|n| n.severity).max();
    let text = match all.len() {
        0 => t("No messages").to_owned(),
        1 => t("1 message").to_owned(),
        n => tf!("{n} messages", n),
    };
    let button =
        Button::new(RichText::new(text).size(theme::SIZE_SMALL + 1.0).color(theme::TEXT_SECONDARY)).frame(false);
    if ui.add(button).on_hover_text(action_tooltip(input.workbench, Action::Messages)).clicked() {
        input.sender.send(Action::Messages);
    }
    if let Some(worst) = worst {
        let icon = icon_of(worst);
        ui.add_space(-theme::SPACE_2);
        icon_label(ui, icon, if icon == Icon::Info { theme::TEXT_FAINT } else { icon.status() });
    }
}
