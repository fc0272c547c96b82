//! Below the selected row of the structure list: role, how it is drawn, and where it came from.

use super::derived_view::recipe_ui;
use super::icons::{Icon, icon_label};
use super::panel::PanelInput;
use super::privacy::identifier;
use super::scene::is_open_proposal;
use super::theme;
use super::widgets::{action_icon, cm3, role_words};
use crate::structures::{Generation, Provenance, Roi, Role};
use crate::tf;
use crate::words::{t, told};
use crate::workbench::{Action, Command, Display, ViewCommand, Workbench};
use eframe::egui::{self, Align, ComboBox, Label, Layout, RichText, Slider, Ui};

/// Below the selected row: role, fill, place, delete.
pub fn details_ui(ui: &mut Ui, input: &PanelInput<'_>, roi: &Roi) {
    let PanelInput { workbench, sender, .. } = *input;
    ui.add_space(2.0);
    if workbench.is_role_uncertain(roi) {
        ui.horizontal_wrapped(|ui| {
            icon_label(ui, Icon::Warning, theme::WARNING);
            ui.label(
                RichText::new(tf!("Role guessed: {label}", label = role_words(roi.role))).color(theme::TEXT_SECONDARY),
            );
            if ui.button(t("Confirm")).on_hover_text(t("The role is right as it is")).clicked() {
                sender.send(Command::SetRole { roi: roi.id, role: roi.role });
            }
        });
    }
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let combo =
            ComboBox::from_id_salt(("role", roi.id)).width(118.0).selected_text(role_words(roi.role)).height(560.0);
        let combo = combo.show_ui(ui, |ui| {
            for role in Role::all() {
                if ui.selectable_label(role == roi.role, role_words(role)).clicked() && role != roi.role {
                    sender.send(Command::SetRole { roi: roi.id, role });
                }
            }
        });
        let name = tf!("Role of {name}", name = roi.name);
        combo.response.accessible_name(&name).on_hover_text(t("What the structure means to features and network"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            action_icon(ui, workbench, sender, Action::DeleteSelected, Icon::Trash, false);
            action_icon(ui, workbench, sender, Action::GoToSelected, Icon::Crosshair, false);
        });
    });
    ui.horizontal(|ui| {
        ui.label(RichText::new(t("Fill")).color(theme::TEXT_SECONDARY));
        // Rounded as the slider rounds: it would report a change at every frame otherwise.
        let mut percent = (f64::from(workbench.view.opacity(roi.id)) * 100.0).round();
        ui.spacing_mut().slider_width = (ui.available_width() - 64.0).max(60.0);
        let slider = ui.add(Slider::new(&mut percent, 0.0..=100.0).suffix(" %").fixed_decimals(0));
        let changed = slider.changed();
        slider.accessible_name(tf!("Fill of {name}", name = roi.name));
        if changed {
            sender.send(Command::SetOpacity { roi: roi.id, opacity: (percent / 100.0) as f32 });
        }
    });
    ui.horizontal(|ui| {
        ui.label(RichText::new(t("Line")).color(theme::TEXT_SECONDARY));
        let mut width = workbench.view.line_width(roi.id);
        ui.spacing_mut().slider_width = (ui.available_width() - 64.0).max(60.0);
        let slider = ui.add(Slider::new(&mut width, Display::LINE_WIDTHS).step_by(0.1).fixed_decimals(1));
        let changed = slider.changed();
        slider.accessible_name(tf!("Line width of {name}", name = roi.name));
        if changed && (width - workbench.view.line_width(roi.id)).abs() > 0.01 {
            sender.send(Command::View(ViewCommand::SetRoiWidth { roi: roi.id, width: Some(width) }));
        }
    });
    line_ui(ui, input, roi);
    ui.add(
        Label::new(RichText::new(origin(input.workbench, roi)).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL))
            .truncate(),
    )
    .on_hover_text(description(input, roi));
    recipe_ui(ui, input, roi);
    ui.add_space(2.0);
}

/// Opacity and dashes of the outline, and the same for all of its kind.
fn line_ui(ui: &mut Ui, input: &PanelInput<'_>, roi: &Roi) {
    let PanelInput { workbench, sender, .. } = *input;
    let id = roi.id;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.label(RichText::new(t("Opacity")).color(theme::TEXT_SECONDARY));
        let mut percent = (f64::from(workbench.view.line_opacity(id)) * 100.0).round();
        let drag = ui.add(egui::DragValue::new(&mut percent).range(0.0..=100.0).suffix(" %").max_decimals(0));
        if drag.changed() {
            let opacity = (percent / 100.0) as f32;
            sender.send(Command::View(ViewCommand::SetRoiLineOpacity { roi: id, opacity }));
        }
        drag.accessible_name(tf!("Line opacity of {name}", name = roi.name)).on_hover_text(t("Opacity of the outline"));
        let mut dashed = workbench.view.dashed(id).unwrap_or_else(|| is_open_proposal(roi));
        let check = ui.checkbox(&mut dashed, t("Dashed"));
        if check.changed() {
            sender.send(Command::View(ViewCommand::SetRoiDashed { roi: id, dashed: Some(dashed) }));
        }
        check.accessible_name(tf!("Dashed outline of {name}", name = roi.name));
        let words = tf!("Draw all {kind} like {name}", kind = told(roi.role.kind()), name = roi.name);
        if ui.button(t("All alike")).accessible_name(&words).on_hover_text(&words).clicked() {
            sender.send(Command::View(ViewCommand::DrawKindLike(id)));
        }
    });
}

/// One line on where the contours came from.
fn origin(workbench: &Workbench, roi: &Roi) -> String {
    let edited = match roi.generation {
        Generation::Semiautomatic => t(", corrected"),
        _ => "",
    };
    match &roi.provenance {
        Provenance::Imported { label, file } => {
            let from = if label.is_empty() { file } else { label };
            tf!("Imported from {identifier}", identifier = identifier(workbench, from, t("a structure set")))
        }
        Provenance::Traced { label, file } => {
            let from = if label.is_empty() { file } else { label };
            tf!("Traced around voxels of {identifier}", identifier = identifier(workbench, from, t("a file")))
        }
        Provenance::Network { model_id, .. } => tf!("Drawn by {model_id}{edited}", model_id, edited),
        Provenance::Proposed { .. } => tf!("Proposed{edited}", edited),
        Provenance::Computed { .. } => t("Computed from other structures").into(),
        Provenance::Phantom { seed } => tf!("Synthetic, seed {seed}{edited}", seed, edited),
        Provenance::Drawn => t("Drawn by hand").into(),
    }
}

/// Everything known about where an ROI came from, for its tooltip.
pub fn description(input: &PanelInput<'_>, roi: &Roi) -> String {
    let mut lines = vec![roi.name.clone(), role_words(roi.role)];
    if let Role::Station(station) = roi.role {
        lines[1] = tf!("Station {station}: {name}", station, name = told(station.name()));
    }
    let rings = roi.ring_count();
    lines.push(tf!(
        "{volume} on {slices} slices, {rings} {noun}",
        volume = cm3(input.volumes.cm3(roi.id)),
        slices = roi.slices.len(),
        rings,
        noun = if rings == 1 { t("contour") } else { t("contours") }
    ));
    lines.push(origin(input.workbench, roi));
    match &roi.provenance {
        Provenance::Imported { label, file } | Provenance::Traced { label, file } if !label.is_empty() => {
            lines.push(identifier(input.workbench, file, t("File name hidden")).to_owned());
        }
        Provenance::Network { sha256, statement, .. } => {
            lines.push(statement.clone());
            lines.push(tf!("Weights {hash}", hash = sha256.chars().take(12).collect::<String>()));
        }
        Provenance::Proposed { recipe } | Provenance::Computed { recipe } => {
            lines.push(input.workbench.recipe_words(roi).unwrap_or_else(|| told(recipe).to_owned()));
        }
        _ => {}
    }
    let by = match roi.generation {
        Generation::Automatic => t("Automatic"),
        Generation::Semiautomatic => t("Automatic, corrected by hand"),
        Generation::Manual => t("By hand"),
        Generation::Unknown => t("Not stated who drew it"),
    };
    lines.push(by.into());
    lines.join("\n")
}
