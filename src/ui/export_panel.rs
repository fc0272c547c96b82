//! The proof of the last export: a line that opens.

use super::icons::Icon;
use super::panel::PanelInput;
use super::privacy::{path_words, words};
use super::request::WindowRequest;
use super::theme;
use super::widgets::{action_tooltip, faint, icon_text_button, status_line};
use crate::workbench::{Action, Command, ExportFormat, READING};
use eframe::egui::{CollapsingHeader, ComboBox, Label, RichText, Role, Ui, WidgetInfo};
use strum::IntoEnumIterator as _;

/// Shows the last proof and the button for the next.
pub fn export_panel_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    if input.workbench.loading().is_some() {
        faint(ui, READING);
        return;
    }
    let format = input.workbench.view.export_format;
    if let Some(chosen) = format_ui(ui, input, format) {
        input.sender.send(Command::SetExportFormat(chosen));
    }
    let refusal = input.workbench.refusal(Action::Export);
    let tooltip = action_tooltip(input.workbench, Action::Export);
    let button = ui.add_enabled_ui(refusal.is_none(), |ui| icon_text_button(ui, Icon::Export, format.verb(), false));
    if button.inner.on_hover_text(&tooltip).on_disabled_hover_text(tooltip).clicked() {
        input.sender.send(Action::Export);
    }
    let Some(proof) = input.workbench.last_export().map(|e| &e.value) else {
        faint(ui, "Nothing exported yet. New files are written, read back and compared; the sources stay as they are");
        return;
    };
    status_line(ui, Icon::Check, &proof.summary());
    if input.workbench.has_unexported_changes() {
        status_line(ui, Icon::Info, "Contours have changed since");
    }
    CollapsingHeader::new(RichText::new("Proof").color(theme::TEXT_SECONDARY)).id_salt("export proof").show_unindented(
        ui,
        |ui| {
            let mut lines: Vec<String> = proof.lines().iter().map(|line| words(input.workbench, line)).collect();
            lines.extend(path_words(input.workbench, proof.path()).map(|path| format!("File: {path}")));
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

/// The choice of format; a click gives the new one.
fn format_ui(ui: &mut Ui, input: &PanelInput<'_>, format: ExportFormat) -> Option<ExportFormat> {
    let mut chosen = None;
    ui.horizontal(|ui| {
        ui.label(RichText::new("Format").color(theme::TEXT_SECONDARY));
        let combo = ComboBox::from_id_salt("export format").width(200.0).selected_text(format.label());
        let combo = combo.show_ui(ui, |ui| {
            for option in ExportFormat::iter() {
                let refusal = input.workbench.export_refusal(option);
                let row =
                    ui.add_enabled_ui(refusal.is_none(), |ui| ui.selectable_label(option == format, option.label()));
                let row = row.inner.on_disabled_hover_text(refusal.unwrap_or_default());
                if row.clicked() {
                    chosen = Some(option);
                }
            }
        });
        combo.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Export format"));
    });
    chosen
}
