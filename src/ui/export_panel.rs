//! The proof of the last export: a line that opens.

use super::icons::Icon;
use super::panel::PanelInput;
use super::privacy::{path_words, proof_sections, words};
use super::request::WindowRequest;
use super::theme;
use super::widgets::{action_tooltip, faint, icon_text_button, status_line};
use crate::dicom::proof_path;
use crate::tf;
use crate::words::t;
use crate::workbench::{Action, Command, ExportFormat, Exported, READING};
use eframe::egui::{CollapsingHeader, ComboBox, Label, RichText, Role, Ui, WidgetInfo};
use strum::IntoEnumIterator as _;

/// Sends what was exported to the archive, and tells what it said of each object.
fn send_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let workbench = input.workbench;
    let (Some(export), Some(_)) = (workbench.last_export(), workbench.chosen_archive()) else { return };
    let refusal = workbench.refusal(Action::SendExport);
    let tooltip = action_tooltip(workbench, Action::SendExport);
    let button = ui.add_enabled_ui(refusal.is_none(), |ui| icon_text_button(ui, Icon::Up, t("Send to archive"), false));
    if button.inner.on_hover_text(&tooltip).on_disabled_hover_text(tooltip).clicked() {
        input.sender.send(Action::SendExport);
    }
    let stored = workbench.archive().stored().into_iter().flat_map(|s| &s.instances);
    for instance in stored.filter(|i| i.file == export.value.path()) {
        let icon = if instance.stored { Icon::Check } else { Icon::Error };
        let what = if instance.stored { t("Stored in the archive") } else { t("Not stored") };
        let remark = words(workbench, &instance.remark);
        let line = if remark.is_empty() { what.to_owned() } else { format!("{what}: {remark}") };
        status_line(ui, icon, &line);
    }
}

/// Shows the last proof and the button for the next.
pub fn export_panel_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    if input.workbench.loading().is_some() {
        faint(ui, t(READING));
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
    send_ui(ui, input);
    let Some(proof) = input.workbench.last_export().map(|e| &e.value) else {
        faint(
            ui,
            t("Nothing exported yet. New files are written, read back and compared; the sources stay as they are"),
        );
        return;
    };
    status_line(ui, if proof.is_clean() { Icon::Check } else { Icon::Warning }, &proof.summary());
    if input.workbench.has_unexported_changes() {
        status_line(ui, Icon::Info, t("Contours have changed since"));
    }
    let header = CollapsingHeader::new(RichText::new(t("Proof")).color(theme::TEXT_SECONDARY)).id_salt("export proof");
    header.show_unindented(ui, |ui| proof_ui(ui, input, proof));
}

/// The whole proof, part by part: what can be long is closed at first.
fn proof_ui(ui: &mut Ui, input: &PanelInput<'_>, proof: &Exported) {
    const OPEN: usize = 8;
    let sections = proof_sections(input.workbench, proof);
    let path = path_words(input.workbench, proof.path());
    let has_proof_file = matches!(proof, Exported::StructureSet(_));
    let beside = has_proof_file.then(|| path_words(input.workbench, &proof_path(proof.path()))).flatten();
    let files = path.map(|p| tf!("File: {p}", p)).into_iter().chain(beside.map(|p| tf!("Proof: {p}", p)));
    let files: Vec<String> = files.collect();
    if ui.button(t("Copy")).accessible_name(t("Copy proof")).clicked() {
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
    for line in &files {
        line_ui(ui, line);
    }
    for (n, section) in sections.iter().enumerate() {
        CollapsingHeader::new(&section.title)
            .id_salt(("proof", n))
            .default_open(section.lines.len() <= OPEN)
            .show_unindented(ui, |ui| section.lines.iter().for_each(|line| line_ui(ui, line)));
    }
}

/// The choice of format; a click gives the new one.
fn format_ui(ui: &mut Ui, input: &PanelInput<'_>, format: ExportFormat) -> Option<ExportFormat> {
    let mut chosen = None;
    ui.horizontal(|ui| {
        ui.label(RichText::new(t("Format")).color(theme::TEXT_SECONDARY));
        let width = ui.available_width().min(200.0);
        let combo = ComboBox::from_id_salt("export format").width(width).truncate().selected_text(format.label());
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
        combo.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, t("Export format")));
    });
    chosen
}
