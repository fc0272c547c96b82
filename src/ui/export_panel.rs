//! The proof of the last export: a line that opens.

use super::icons::Icon;
use super::panel::PanelInput;
use super::privacy::{path_words, words};
use super::request::WindowRequest;
use super::theme;
use super::widgets::{action_tooltip, faint, icon_text_button, status_line};
use crate::workbench::{Action, READING, proof_lines};
use eframe::egui::{CollapsingHeader, Label, RichText, Ui};

/// Sends what was exported to the archive, and tells what it said of each object.
fn send_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let workbench = input.workbench;
    let (Some(export), Some(_)) = (workbench.last_export(), workbench.chosen_archive()) else { return };
    let refusal = workbench.refusal(Action::SendExport);
    let tooltip = action_tooltip(workbench, Action::SendExport);
    let button = ui.add_enabled_ui(refusal.is_none(), |ui| icon_text_button(ui, Icon::Up, "Send to archive", false));
    if button.inner.on_hover_text(&tooltip).on_disabled_hover_text(tooltip).clicked() {
        input.sender.send(Action::SendExport);
    }
    let stored = workbench.archive().stored().into_iter().flat_map(|s| &s.instances);
    for instance in stored.filter(|i| i.file == export.value.path) {
        let icon = if instance.stored { Icon::Check } else { Icon::Error };
        let what = if instance.stored { "Stored in the archive" } else { "Not stored" };
        let remark = words(workbench, &instance.remark);
        let line = if remark.is_empty() { what.to_owned() } else { format!("{what}: {remark}") };
        status_line(ui, icon, &line);
    }
}

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
    send_ui(ui, input);
    let Some(proof) = input.workbench.last_export().map(|e| &e.value) else {
        faint(
            ui,
            "Nothing exported yet. A new structure set is written, read back and compared; the source stays as it is",
        );
        return;
    };
    status_line(ui, Icon::Check, &proof.summary());
    if input.workbench.has_unexported_changes() {
        status_line(ui, Icon::Info, "Contours have changed since");
    }
    CollapsingHeader::new(RichText::new("Proof").color(theme::TEXT_SECONDARY)).id_salt("export proof").show_unindented(
        ui,
        |ui| {
            let mut lines: Vec<String> = proof_lines(proof).iter().map(|line| words(input.workbench, line)).collect();
            lines.extend(path_words(input.workbench, &proof.path).map(|path| format!("File: {path}")));
            for line in &lines {
                ui.add(Label::new(RichText::new(line).color(theme::TEXT_SECONDARY)).wrap().selectable(true));
            }
            if ui.button("Copy").accessible_name("Copy proof").clicked() {
                input.sender.send(WindowRequest::Copy(
                    std::iter::once(proof.summary()).chain(lines).collect::<Vec<_>>().join("\n"),
                ));
            }
        },
    );
}
