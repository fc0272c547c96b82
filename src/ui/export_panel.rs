//! The proof of the last export: a line that opens.

use super::icons::Icon;
use super::panel::PanelInput;
use super::privacy::{path_words, proof_sections};
use super::request::WindowRequest;
use super::theme;
use super::widgets::{action_tooltip, faint, icon_text_button, status_line};
use crate::dicom::{Comparison, ExportProof, proof_path};
use crate::workbench::{Action, READING};
use eframe::egui::{CollapsingHeader, Label, RichText, ScrollArea, Ui};

/// Shows the last proof and the button for the next.
pub fn export_panel_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    if input.workbench.loading().is_some() {
        faint(ui, READING);
        return;
    }
    let refusal = input.workbench.refusal(Action::Export);
    let tooltip = action_tooltip(input.workbench, Action::Export);
    let button =
        ui.add_enabled_ui(refusal.is_none(), |ui| icon_text_button(ui, Icon::Export, "Export structure set…", false));
    if button.inner.on_hover_text(&tooltip).on_disabled_hover_text(tooltip).clicked() {
        input.sender.send(Action::Export);
    }
    let Some(proof) = input.workbench.last_export().map(|e| &e.value) else {
        faint(
            ui,
            "Nothing exported yet. A new structure set is written, read back and compared; the source stays as it is",
        );
        return;
    };
    let is_clean = Comparison::errors(&proof.conformance.introduced) == 0;
    status_line(ui, if is_clean { Icon::Check } else { Icon::Warning }, &proof.summary());
    if input.workbench.has_unexported_changes() {
        status_line(ui, Icon::Info, "Contours have changed since");
    }
    let header = CollapsingHeader::new(RichText::new("Proof").color(theme::TEXT_SECONDARY)).id_salt("export proof");
    header.show_unindented(ui, |ui| proof_ui(ui, input, proof));
}

/// The whole proof, part by part: what can be long is closed at first.
fn proof_ui(ui: &mut Ui, input: &PanelInput<'_>, proof: &ExportProof) {
    const OPEN: usize = 8;
    let sections = proof_sections(input.workbench, proof);
    let path = path_words(input.workbench, &proof.path);
    let beside = path_words(input.workbench, &proof_path(&proof.path));
    let files = path.map(|p| format!("File: {p}")).into_iter().chain(beside.map(|p| format!("Proof: {p}")));
    let files: Vec<String> = files.collect();
    if ui.button("Copy").accessible_name("Copy proof").clicked() {
        let mut text = vec![proof.summary()];
        text.extend(files.iter().cloned());
        for section in &sections {
            text.extend([String::new(), section.title.clone()]);
            text.extend(section.lines.iter().cloned());
        }
        input.sender.send(WindowRequest::Copy(text.join("\n")));
    }
    let line_ui = |ui: &mut Ui, line: &str| {
        ui.add(Label::new(RichText::new(line).color(theme::TEXT_SECONDARY)).wrap().selectable(true));
    };
    ScrollArea::vertical().id_salt("proof").max_height(320.0).auto_shrink([false, true]).show(ui, |ui| {
        for line in &files {
            line_ui(ui, line);
        }
        for (n, section) in sections.iter().enumerate() {
            CollapsingHeader::new(&section.title)
                .id_salt(("proof", n))
                .default_open(section.lines.len() <= OPEN)
                .show_unindented(ui, |ui| section.lines.iter().for_each(|line| line_ui(ui, line)));
        }
    });
}
