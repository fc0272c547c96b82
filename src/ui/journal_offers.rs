//! Work of earlier runs that was not exported: on the start page, and above the views for the case that is open.

use super::icons::{Icon, icon_label};
use super::panel::PanelInput;
use super::privacy::journal_title;
use super::request::{Opening, WindowRequest};
use super::theme;
use super::widgets::{card, faint, primary_button};
use crate::tf;
use crate::words::t;
use crate::workbench::journal::{FoundJournal, JournalCommand};
use crate::workbench::{Command, Workbench, local_time, time_ago};
use eframe::egui::{Align, Label, Layout, RichText, Ui};
use std::path::PathBuf;
use std::time::SystemTime;

/// What the offers keep between frames.
#[derive(Debug, Default)]
pub struct OfferState {
    /// The journal of which it is asked whether its edits shall really go.
    discarding: Option<PathBuf>,
    /// Show all of them.
    all: bool,
}

/// So many offers are shown at first.
const SHOWN: usize = 3;
const CARD: f32 = 92.0;
const HEADER: f32 = 58.0;

fn shown(workbench: &Workbench, state: &OfferState) -> (usize, usize) {
    let count = workbench.unfinished_journals().count();
    (if state.all { count } else { count.min(SHOWN) }, count)
}

/// The height that the offers take on the start page.
pub fn height(workbench: &Workbench, state: &OfferState) -> f32 {
    match shown(workbench, state) {
        (_, 0) => 0.0,
        (shown, _) => HEADER + CARD * shown as f32,
    }
}

/// The offers on the start page; nothing where there are none.
pub fn offers_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut OfferState) {
    let (shown, count) = shown(input.workbench, state);
    if count == 0 {
        return;
    }
    ui.label(RichText::new(t("Work that was not exported")).font(theme::strong(theme::SIZE_BODY)));
    for journal in input.workbench.unfinished_journals().take(shown) {
        card(ui, |ui| {
            let title = journal_title(input.workbench, journal);
            ui.add(Label::new(RichText::new(&title).color(theme::TEXT)).truncate());
            told(ui, journal);
            ui.horizontal(|ui| buttons(ui, input, journal, &title, state));
        });
    }
    if shown < count && ui.button(tf!("Show {shown} more", shown = count - shown)).clicked() {
        state.all = true;
    }
    ui.add_space(theme::SPACE_4);
}

/// The offer of the case that is open.
pub fn banner_ui(ui: &mut Ui, input: &PanelInput<'_>, journal: &FoundJournal, state: &mut OfferState) {
    ui.horizontal_top(|ui| {
        icon_label(ui, Icon::Info, theme::INFO);
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            let asks = state.discarding.as_ref() == Some(&journal.path);
            if !asks
                && ui
                    .button(t("Not now"))
                    .on_hover_text(t("The edits stay where they are and are offered again"))
                    .clicked()
            {
                input.sender.send(Command::Journal(JournalCommand::Decline));
            }
            buttons(ui, input, journal, t("this case"), state);
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.add(Label::new(t("Edits of this case were not exported in an earlier run")).truncate());
                told(ui, journal);
            });
        });
    });
}

/// How many edits, of which structures, and when.
fn told(ui: &mut Ui, journal: &FoundJournal) {
    let line = format!("{}, {}", words(journal), time_ago(journal.last, SystemTime::now()));
    let response = ui.add(Label::new(RichText::new(line).color(theme::TEXT_SECONDARY)).truncate());
    response.on_hover_text(tf!("Last edit {last}", last = local_time(journal.last)));
}

fn words(journal: &FoundJournal) -> String {
    const MOST: usize = 3;
    let (edits, unexported) = (journal.edits(), journal.unexported());
    let mut words = if edits == 1 { t("1 edit").to_owned() } else { tf!("{edits} edits", edits) };
    if unexported < edits {
        words.push_str(&tf!(", {unexported} of them after the last export", unexported));
    }
    let structures = journal.structures();
    if !structures.is_empty() {
        let named = structures.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
        words.push_str(&format!(": {named}"));
    }
    if structures.len() > MOST {
        words.push_str(&tf!(" and {n} more", n = structures.len() - MOST));
    }
    words
}

/// Recover, export, discard; and before edits go for good it is asked in their place.
fn buttons(ui: &mut Ui, input: &PanelInput<'_>, journal: &FoundJournal, of: &str, state: &mut OfferState) {
    let path = &journal.path;
    if state.discarding.as_ref() == Some(path) {
        faint(ui, t("They cannot be brought back"));
        if ui.button(t("Discard for good")).accessible_name(tf!("Discard for good: {of}", of)).clicked() {
            input.sender.send(Command::Journal(JournalCommand::Discard(path.clone())));
            state.discarding = None;
        }
        if ui.button(t("Keep")).accessible_name(tf!("Keep the edits: {of}", of)).clicked() {
            state.discarding = None;
        }
        return;
    }
    let recover = primary_button(ui, t("Recover")).accessible_name(tf!("Recover {of}", of));
    if recover.on_hover_text(t("Open the case as it was left, undo included")).clicked() {
        input.sender.send(WindowRequest::Open(Opening::Journal(path.clone())));
    }
    let export = ui.button(t("Export…")).accessible_name(tf!("Recover and export {of}", of));
    if export.on_hover_text(t("Open the case as it was left, and export it")).clicked() {
        input.sender.send(WindowRequest::ExportJournal(path.clone()));
    }
    let discard = ui.button(t("Discard")).accessible_name(tf!("Discard the edits of {of}", of));
    if discard.on_hover_text(t("Remove these edits from this computer; asks first")).clicked() {
        state.discarding = Some(path.clone());
    }
}
