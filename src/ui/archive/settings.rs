//! The settings of archives and of the receiver. What is typed enters the settings by Save.

use super::super::icons::Icon;
use super::super::panel::PanelInput;
use super::super::privacy::path_words;
use super::super::theme;
use super::super::widgets::{card, faint, icon_text_button, segmented, status_line};
use super::field;
use crate::archive::{PasswordFrom, ReceiverSettings, Remote, Secret, SignIn};
use crate::tf;
use crate::words::t;
use crate::workbench::{ArchiveCommand, Command};
use eframe::egui::{Checkbox, CollapsingHeader, RichText, TextEdit, Ui};
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Nobody,
    Basic,
    Bearer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Source {
    #[default]
    Ask,
    Environment,
    Settings,
}

/// What is being typed.
#[derive(Default)]
pub struct SettingsState {
    /// The archive that the fields were filled from.
    shown: Option<String>,
    name: String,
    url: String,
    kind: Kind,
    user: String,
    source: Source,
    variable: String,
    password: String,
    ca_file: String,
    receiver: Option<(String, String, bool)>,
    folder: Option<String>,
}

impl SettingsState {
    fn fill(&mut self, remote: &Remote) {
        let (kind, user, from) = match &remote.sign_in {
            SignIn::Nobody => (Kind::Nobody, String::new(), PasswordFrom::Ask),
            SignIn::Basic { user, password } => (Kind::Basic, user.clone(), password.clone()),
            SignIn::Bearer { token } => (Kind::Bearer, String::new(), token.clone()),
        };
        let (source, variable, password) = match from {
            PasswordFrom::Ask => (Source::Ask, String::new(), String::new()),
            PasswordFrom::Environment(name) => (Source::Environment, name, String::new()),
            PasswordFrom::Settings(secret) => (Source::Settings, String::new(), secret.reveal().to_owned()),
        };
        let ca_file = remote.ca_file.as_ref().map(|p| p.display().to_string()).unwrap_or_default();
        let (receiver, folder) = (self.receiver.take(), self.folder.take());
        let (name, url) = (remote.name.clone(), remote.url.clone());
        let shown = Some(name.clone());
        *self = Self { shown, name, url, kind, user, source, variable, password, ca_file, receiver, folder };
    }

    fn remote(&self) -> Remote {
        let from = match self.source {
            Source::Ask => PasswordFrom::Ask,
            Source::Environment => PasswordFrom::Environment(self.variable.trim().to_owned()),
            Source::Settings => PasswordFrom::Settings(Secret::new(self.password.clone())),
        };
        let sign_in = match self.kind {
            Kind::Nobody => SignIn::Nobody,
            Kind::Basic => SignIn::Basic { user: self.user.trim().to_owned(), password: from },
            Kind::Bearer => SignIn::Bearer { token: from },
        };
        let ca_file = Some(self.ca_file.trim()).filter(|p| !p.is_empty()).map(PathBuf::from);
        Remote { name: self.name.trim().to_owned(), url: self.url.trim().to_owned(), sign_in, ca_file }
    }
}

/// Shows the settings.
pub fn settings_card(ui: &mut Ui, input: &PanelInput<'_>, state: &mut SettingsState) {
    let workbench = input.workbench;
    let is_new = workbench.chosen_archive().is_none();
    card(ui, |ui| {
        let title = RichText::new(t("Settings")).font(theme::strong(theme::SIZE_BODY)).color(theme::TEXT);
        CollapsingHeader::new(title).id_salt("archive settings").default_open(is_new).show_unindented(ui, |ui| {
            archive_ui(ui, input, state);
            ui.separator();
            receiver_ui(ui, input, state);
        });
    });
}

fn archive_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut SettingsState) {
    let workbench = input.workbench;
    let send = |command: ArchiveCommand| input.sender.send(Command::Archive(command));
    if let Some(remote) = workbench.chosen_archive()
        && state.shown.as_ref() != Some(&remote.name)
    {
        state.fill(remote);
    }
    let width = ui.available_width() - theme::SPACE_2;
    field(ui, t("Name of the archive"), "clinic", width, &mut state.name);
    field(ui, t("Address"), "https://host/dicom-web", width, &mut state.url);
    ui.label(RichText::new(t("Sign in")).color(theme::TEXT_SECONDARY).size(theme::SIZE_SMALL + 1.0));
    let kinds = [(Kind::Nobody, t("Not needed")), (Kind::Basic, t("Password")), (Kind::Bearer, t("Token"))];
    if let Some(kind) = segmented(ui, "", &kinds, state.kind) {
        state.kind = kind;
    }
    if state.kind == Kind::Basic {
        field(ui, t("User name"), "", width, &mut state.user);
    }
    if state.kind != Kind::Nobody {
        ui.label(
            RichText::new(t("Password or token comes from")).color(theme::TEXT_SECONDARY).size(theme::SIZE_SMALL + 1.0),
        );
        let sources = [
            (Source::Ask, t("Asked for")),
            (Source::Environment, t("Environment")),
            (Source::Settings, t("Settings file")),
        ];
        if let Some(source) = segmented(ui, "", &sources, state.source) {
            state.source = source;
        }
        match state.source {
            Source::Ask => {}
            Source::Environment => {
                drop(field(ui, t("Environment variable"), "PACS_PASSWORD", width, &mut state.variable));
            }
            Source::Settings => {
                ui.add(TextEdit::singleline(&mut state.password).password(true).desired_width(width))
                    .accessible_name(t("Password to keep"));
                status_line(
                    ui,
                    Icon::Warning,
                    t("Kept in the settings file, which only you can read, but not encrypted"),
                );
            }
        }
    }
    field(ui, t("Certificates of its authority (PEM file)"), t("those of the system"), width, &mut state.ca_file);
    let typed = state.remote();
    if let Some(warning) = typed.open_password_warning() {
        status_line(ui, Icon::Warning, &warning);
    }
    let saved = workbench.settings().archives.by_name(&typed.name) == Some(&typed);
    ui.horizontal_wrapped(|ui| {
        if ui.add_enabled_ui(!saved, |ui| icon_text_button(ui, Icon::Save, t("Save archive"), true)).inner.clicked() {
            state.shown = Some(typed.name.clone());
            send(ArchiveCommand::Save(typed));
        }
        let hint =
            if saved { t("Ask the archive whether it answers as a DICOMweb service") } else { t("Save it first") };
        let test = ui.add_enabled(saved, eframe::egui::Button::new(t("Test connection")));
        if test.on_hover_text(hint).on_disabled_hover_text(hint).clicked() {
            send(ArchiveCommand::Test);
        }
        if let Some(remote) = workbench.chosen_archive() {
            if ui.button(t("New")).accessible_name(t("New archive")).clicked() {
                let keep = (Some(remote.name.clone()), state.receiver.take(), state.folder.take());
                *state = SettingsState { shown: keep.0, receiver: keep.1, folder: keep.2, ..Default::default() };
            }
            if ui.button(t("Remove")).accessible_name(tf!("Remove archive {name}", name = remote.name)).clicked() {
                send(ArchiveCommand::Remove(remote.name.clone()));
                *state = SettingsState::default();
            }
        }
    });
}

fn receiver_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut SettingsState) {
    let archives = &input.workbench.settings().archives;
    let send = |command: ArchiveCommand| input.sender.send(Command::Archive(command));
    let now = &archives.receiver;
    let (title, port, any) =
        state.receiver.get_or_insert_with(|| (now.ae_title.clone(), now.port.to_string(), now.any_network));
    ui.label(RichText::new(t("Receiver")).font(theme::strong(theme::SIZE_BODY)));
    ui.horizontal(|ui| {
        field(ui, t("AE title"), "HILUM", 130.0, title);
        field(ui, t("Port"), "11112", 60.0, port);
    });
    ui.add(Checkbox::new(any, t("Receive from every network"))).accessible_name(t("Receive from every network"));
    if *any {
        status_line(ui, Icon::Warning, t("Anybody who can reach this computer can send to it"));
    }
    let typed = port.trim().parse::<u16>().ok().map(|port| ReceiverSettings {
        ae_title: title.trim().to_owned(),
        port,
        any_network: *any,
    });
    let usable = typed.as_ref().is_some_and(|t| t != now && t.check().is_ok());
    if ui.add_enabled(usable, eframe::egui::Button::new(t("Save receiver"))).clicked()
        && let Some(typed) = typed
    {
        send(ArchiveCommand::SetReceiver(typed));
    }
    if input.workbench.archive().receiving().is_some() {
        faint(ui, t("A change counts when the receiver is started again"));
    }
    ui.separator();
    // A folder can be named after a person.
    let usual = archives.shelf_folder();
    let Some(shown) = path_words(input.workbench, &usual) else { return };
    let folder = state
        .folder
        .get_or_insert_with(|| archives.folder.as_ref().map(|p| p.display().to_string()).unwrap_or_default());
    field(ui, t("Folder for studies"), &shown, ui.available_width() - theme::SPACE_2, folder);
    let typed = Some(folder.trim()).filter(|f| !f.is_empty()).map(PathBuf::from);
    let usable = typed != archives.folder && typed.as_ref().is_none_or(|f| f.is_absolute());
    if ui.add_enabled(usable, eframe::egui::Button::new(t("Save folder"))).clicked() {
        send(ArchiveCommand::SetFolder(typed));
    }
}
