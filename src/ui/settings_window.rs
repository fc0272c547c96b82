//! The window of the settings: language, size of the interface, memory of undo, what is shown.

use super::panel::PanelInput;
use super::picker::Pick;
use super::request::WindowRequest;
use super::theme;
use super::widgets::{action_tooltip, faint, segmented};
use crate::diunet::ModelManifest;
use crate::tf;
use crate::words::{Language, t};
use crate::workbench::{Action, Command, History, PreferenceCommand, Settings};
use eframe::egui::{self, Align2, DragValue, RichText, Slider, Ui};
use std::path::PathBuf;
use std::sync::Arc;
use strum::IntoEnumIterator;

/// Shows the window; false when it was closed.
pub fn window(context: &egui::Context, input: &PanelInput<'_>) -> bool {
    let mut open = true;
    let window = egui::Window::new(t("Settings")).id(egui::Id::unique("settings")).open(&mut open);
    let window = window.collapsible(false).resizable(false).pivot(Align2::CENTER_CENTER);
    window.default_pos(context.content_rect().center()).show(context, |ui| {
        let room = context.content_rect().size();
        ui.set_width(420.0_f32.min(room.x - 60.0));
        ui.set_max_height((room.y - 120.0).max(120.0));
        egui::ScrollArea::vertical().auto_shrink([false, true]).show(ui, |ui| body(ui, input));
    });
    if !open {
        // Whoever opens it again may have made a network meanwhile.
        context.data_mut(|d| d.remove::<Networks>(networks_id()));
    }
    open
}

fn body(ui: &mut Ui, input: &PanelInput<'_>) {
    let send = |command| input.sender.send(Command::Preference(command));
    let settings = input.workbench.settings();
    title(ui, t("Language"));
    let languages: Vec<(Language, &str)> = Language::iter().map(|l| (l, l.own_name())).collect();
    if let Some(language) = segmented(ui, t("Language of the interface"), &languages, settings.language()) {
        send(PreferenceCommand::SetLanguage(language));
    }
    title(ui, t("Size of the interface"));
    scale_ui(ui, input);
    title(ui, t("Memory of undo"));
    history_ui(ui, input);
    title(ui, t("Network for the stations"));
    network_ui(ui, input);
    title(ui, t("Shown"));
    let mut risk = !settings.risk_hidden;
    let response = ui.checkbox(&mut risk, t("Risk of the risk model"));
    if response.on_hover_text(t("Without it contours are reviewed blind to the estimate")).changed() {
        send(PreferenceCommand::SetRiskHidden(!risk));
    }
    let mut hidden = input.workbench.view.identifiers_hidden;
    let response = ui.checkbox(&mut hidden, t("Hide patient name, ID and dates"));
    if response.on_hover_text(action_tooltip(input.workbench, Action::HideIdentifiers)).changed() {
        input.sender.send(Command::SetIdentifiersHidden(hidden));
    }
    ui.add_space(theme::SPACE_3);
    ui.horizontal_wrapped(|ui| {
        if ui
            .button(Action::Shortcuts.label())
            .on_hover_text(action_tooltip(input.workbench, Action::Shortcuts))
            .clicked()
        {
            input.sender.send(Action::Shortcuts);
        }
        if ui.button(t("Take the tour")).on_hover_text(action_tooltip(input.workbench, Action::Tour)).clicked() {
            input.sender.send(Action::Tour);
        }
    });
    if let Some(path) = Settings::default_path().filter(|_| !input.workbench.view.identifiers_hidden) {
        faint(ui, &tf!("The settings lie in {path}", path = path.display()));
    }
}

fn title(ui: &mut Ui, text: &str) {
    ui.add_space(theme::SPACE_2);
    ui.label(RichText::new(text).font(theme::strong(theme::SIZE_BODY)));
}

fn scale_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let [least, .., most] = Settings::SCALES;
    let now = input.workbench.settings().scale_percent();
    ui.horizontal(|ui| {
        // The size changes when the slider is let go: it would run away from the pointer.
        let id = egui::Id::unique("scale under way");
        let mut percent = ui.data(|d| d.get_temp::<u32>(id)).unwrap_or(now);
        let slider = ui.add(Slider::new(&mut percent, least..=most).step_by(5.0).suffix(" %"));
        let slider = slider.accessible_name(t("Size of the interface, percent"));
        let tip = tf!(
            "{larger} and {smaller} do the same",
            larger = action_key(input, Action::LargerInterface),
            smaller = action_key(input, Action::SmallerInterface),
        );
        let slider = slider.on_hover_text(tip);
        if slider.dragged() {
            ui.data_mut(|d| d.insert_temp(id, percent));
        } else {
            ui.data_mut(|d| d.remove::<u32>(id));
            if percent != now {
                input.sender.send(Command::Preference(PreferenceCommand::SetScale(percent)));
            }
        }
    });
}

/// Where the list of networks is kept: reading the folders in every frame would be waste.
fn networks_id() -> egui::Id {
    egui::Id::unique("networks")
}

/// The networks to choose from, each with what it has learned from: that decides how far it can be trusted.
fn network_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let id = networks_id();
    let in_use = input.workbench.diunet().as_ref().map(|model| model.manifest().sha256.clone()).unwrap_or_default();
    let known = ui.data(|d| d.get_temp::<Networks>(id)).filter(|known| known.in_use == in_use);
    let known = known.unwrap_or_else(|| Networks { in_use, list: input.workbench.networks().into() });
    for (folder, manifest) in known.list.iter() {
        let is_used = manifest.sha256 == known.in_use;
        let response = ui.radio(is_used, manifest.model_id.as_str());
        if response.on_hover_text(folder.display().to_string()).clicked() && !is_used {
            input.sender.send(Command::Preference(PreferenceCommand::SetNetwork(folder.clone())));
        }
        faint(ui, &manifest.training_data);
    }
    ui.data_mut(|d| d.insert_temp(id, known));
    if ui.button(t("Another folder…")).on_hover_text(t("A network made with `hilum train diunet`")).clicked() {
        input.sender.send(WindowRequest::Pick(Pick::Network));
    }
}

#[derive(Clone)]
struct Networks {
    /// SHA-256 of the weights in use when the list was made.
    in_use: String,
    list: Arc<[(PathBuf, ModelManifest)]>,
}

fn action_key(input: &PanelInput<'_>, action: Action) -> String {
    input.workbench.keymap().key(action).map_or_else(|| action.label().to_owned(), |k| k.to_string())
}

fn history_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let usual = (History::USUAL_BUDGET >> 20) as u32;
    let mut megabytes = input.workbench.settings().history_mb.unwrap_or(usual);
    let range = Settings::LEAST_HISTORY_MB..=Settings::MOST_HISTORY_MB;
    ui.horizontal(|ui| {
        let drag = ui.add(DragValue::new(&mut megabytes).range(range).speed(4.0).suffix(" MB"));
        let drag = drag.accessible_name(t("Memory of undo, MB"));
        if drag.on_hover_text(t("The oldest steps go when undo needs more")).changed() {
            input.sender.send(Command::SetHistoryBudget(megabytes));
        }
    });
}
