//! The Archive workspace: search an archive, retrieve studies from it, and receive what others send.

mod results;
mod settings;

use super::icons::Icon;
use super::jobs_panel::jobs_panel_ui;
use super::panel::PanelInput;
use super::privacy::{identifier, path_words, words};
use super::request::{Opening, WindowRequest};
use super::theme;
use super::widgets::{card, faint, icon_text_button, status_line};
use crate::archive::{Placed, Secret, StudyQuery};
use crate::tf;
use crate::words::t;
use crate::workbench::jobs::JobKey;
use crate::workbench::{ArchiveCommand, Command};
use eframe::egui::{self, ComboBox, Label, RichText, ScrollArea, TextEdit, Ui, UiBuilder, vec2};
use std::collections::BTreeSet;

/// What the workspace keeps between frames.
#[derive(Default)]
pub struct ArchiveState {
    query: StudyQuery,
    password: String,
    /// Studies whose series are shown.
    unfolded: BTreeSet<String>,
    settings: settings::SettingsState,
}

/// Studies asked for at once.
const ROWS: usize = 100;

/// Shows the workspace in the rest of the space.
pub fn archive_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut ArchiveState) {
    let area = ui.available_rect_before_wrap();
    ui.painter().rect_filled(area, 0.0, theme::BASE);
    let mut inner = ui.new_child(UiBuilder::new().max_rect(area.shrink(theme::SPACE_4)));
    ScrollArea::vertical().id_salt("archive").auto_shrink([false, false]).show(&mut inner, |ui| {
        ui.set_width(ui.available_width() - theme::SPACE_2);
        let side = (ui.available_width() * 0.32).clamp(300.0, 400.0);
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = theme::SPACE_3;
            let left = ui.available_width() - side - theme::SPACE_3;
            ui.allocate_ui(vec2(left, 0.0), |ui| {
                ui.vertical(|ui| {
                    ui.set_width(left);
                    search_card(ui, input, state);
                    ui.add_space(theme::SPACE_3);
                    results::results_ui(ui, input, &mut state.unfolded);
                });
            });
            ui.vertical(|ui| {
                jobs_panel_ui(ui, input);
                retrieved_card(ui, input);
                receiver_card(ui, input);
                ui.add_space(theme::SPACE_3);
                settings::settings_card(ui, input, &mut state.settings);
            });
        });
    });
}

/// A text field with its name before it.
fn field(ui: &mut Ui, name: &str, hint: &str, width: f32, text: &mut String) -> egui::Response {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.label(RichText::new(name).color(theme::TEXT_SECONDARY).size(theme::SIZE_SMALL + 1.0));
        ui.add(TextEdit::singleline(text).desired_width(width).hint_text(hint))
            .accessible_name(tf!("Enter {name}", name))
    })
    .inner
}

fn search_card(ui: &mut Ui, input: &PanelInput<'_>, state: &mut ArchiveState) {
    let workbench = input.workbench;
    let send = |command: ArchiveCommand| input.sender.send(Command::Archive(command));
    card(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(RichText::new(t("Search an archive")).font(theme::strong(theme::SIZE_TITLE)));
            let remotes = &workbench.settings().archives.remotes;
            let chosen = workbench.chosen_archive().map_or(t("no archive"), |r| r.name.as_str());
            if !remotes.is_empty() {
                let combo = ComboBox::from_id_salt("archive").selected_text(chosen).show_ui(ui, |ui| {
                    for remote in remotes {
                        if ui.selectable_label(remote.name == chosen, &remote.name).clicked() {
                            send(ArchiveCommand::Choose(remote.name.clone()));
                        }
                    }
                });
                combo.response.accessible_name(t("Archive"));
            }
        });
        let Some(remote) = workbench.chosen_archive() else {
            faint(ui, t("No archive is set up yet: add one under Settings"));
            return;
        };
        if workbench.needs_archive_password() {
            ui.horizontal(|ui| {
                ui.label(RichText::new(t("Password or token")).color(theme::TEXT_SECONDARY));
                let edit = TextEdit::singleline(&mut state.password).password(true).desired_width(180.0);
                let response = ui.add(edit).accessible_name(t("Password or token"));
                let entered = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
                if (ui.button(t("Sign in")).clicked() || entered) && !state.password.is_empty() {
                    let secret = Secret::new(std::mem::take(&mut state.password));
                    send(ArchiveCommand::Password { name: remote.name.clone(), secret });
                }
            });
            faint(ui, t("It is forgotten when Hilum ends"));
            return;
        }
        let query = &mut state.query;
        let mut entered = false;
        ui.horizontal_wrapped(|ui| {
            let mut add = |response: egui::Response, ui: &Ui| {
                entered |= response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
            };
            let response = field(ui, t("Patient name"), "Doe*", 150.0, &mut query.patient_name);
            add(response, ui);
            let response = field(ui, t("Patient ID"), "", 110.0, &mut query.patient_id);
            add(response, ui);
            let response = field(ui, t("From"), "2024-01-31", 84.0, &mut query.from);
            add(response, ui);
            let response = field(ui, t("To"), "2024-12-31", 84.0, &mut query.to);
            add(response, ui);
            let response = field(ui, t("Modality"), "CT", 60.0, &mut query.modality);
            add(response, ui);
        });
        ui.add_space(theme::SPACE_1);
        ui.horizontal(|ui| {
            if icon_text_button(ui, Icon::Search, t("Search"), true).clicked() || entered {
                query.limit = ROWS;
                query.offset = 0;
                send(ArchiveCommand::Search(query.clone()));
            }
            if workbench.is_running(JobKey::ArchiveSearch) {
                ui.spinner();
            }
        });
    });
}

/// The study that was retrieved last, to be opened.
fn retrieved_card(ui: &mut Ui, input: &PanelInput<'_>) {
    let Some(retrieved) = input.workbench.archive().retrieved() else { return };
    card(ui, |ui| {
        let text = tf!(
            "Retrieved {instances} objects, {megabytes:.1} MB",
            instances = retrieved.instances,
            megabytes = retrieved.bytes as f64 / 1e6
        );
        status_line(ui, Icon::Check, &text);
        if let Some(path) = path_words(input.workbench, &retrieved.folder) {
            ui.add(Label::new(RichText::new(&path).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL)).truncate())
                .on_hover_text(path);
        }
        for note in &retrieved.notes {
            status_line(ui, Icon::Info, &words(input.workbench, note));
        }
        if icon_text_button(ui, Icon::Open, t("Open case"), true).clicked() {
            let opening = Opening::Paths(vec![retrieved.folder.clone()]);
            input.sender.send(WindowRequest::Open(opening));
            input.sender.send(Command::SetWorkspace(crate::workbench::Workspace::Review));
        }
    });
    ui.add_space(theme::SPACE_3);
}

fn receiver_card(ui: &mut Ui, input: &PanelInput<'_>) {
    let workbench = input.workbench;
    card(ui, |ui| {
        ui.label(RichText::new(t("Receiver")).font(theme::strong(theme::SIZE_BODY)));
        let settings = &workbench.settings().archives.receiver;
        match workbench.archive().receiving() {
            None => {
                let reach = if settings.any_network { t("from every network") } else { t("from this computer only") };
                faint(
                    ui,
                    &tf!(
                        "Off. Takes what is sent by C-STORE to {title}, port {port}, {reach}",
                        title = settings.ae_title,
                        port = settings.port,
                        reach
                    ),
                );
                let starting = workbench.is_running(JobKey::Receive);
                let button =
                    ui.add_enabled_ui(!starting, |ui| icon_text_button(ui, Icon::Play, t("Start receiving"), false));
                if button.inner.clicked() {
                    input.sender.send(Command::Archive(ArchiveCommand::Receive(true)));
                }
            }
            Some(receiving) => {
                let text = tf!(
                    "{title} listens at port {port}, {objects} objects so far",
                    title = receiving.ae_title,
                    port = receiving.port,
                    objects = receiving.objects
                );
                status_line(ui, Icon::Check, &text);
                if icon_text_button(ui, Icon::Pause, t("Stop receiving"), false).clicked() {
                    input.sender.send(Command::Archive(ArchiveCommand::Receive(false)));
                }
                let mut studies: Vec<(&str, &std::path::Path, usize, String)> = Vec::new();
                for object in &receiving.last {
                    let (Placed::New(path) | Placed::Known(path)) = &object.placed else { continue };
                    let Some(folder) = path.parent() else { continue };
                    match studies.iter_mut().find(|(_, f, ..)| *f == folder) {
                        Some(entry) => entry.2 += 1,
                        None => studies.push((&object.from, folder, 1, object.study_instance_uid.clone())),
                    }
                }
                for (from, folder, count, uid) in studies.iter().take(5) {
                    let tail: String = uid.chars().skip(uid.len().saturating_sub(10)).collect();
                    let name = identifier(workbench, &tail, t("hidden"));
                    ui.horizontal(|ui| {
                        let words = tf!("{count} of the last objects, study …{name}, from {from}", count, name, from);
                        if ui.button(t("Open")).accessible_name(tf!("Open received study {name}", name)).clicked() {
                            input.sender.send(WindowRequest::Open(Opening::Paths(vec![folder.to_path_buf()])));
                            input.sender.send(Command::SetWorkspace(crate::workbench::Workspace::Review));
                        }
                        ui.add(Label::new(RichText::new(words).color(theme::TEXT_SECONDARY)).wrap());
                    });
                }
            }
        }
    });
}
