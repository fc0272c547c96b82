//! The risk figure with all that is needed to judge it, or the reason why there is none.

use super::features_panel::{ctv_ui, fresh_mark};
use super::icons::{Icon, icon_label};
use super::panel::PanelInput;
use super::theme;
use super::viewport::signed;
use super::widgets::{action_tooltip, faint, icon_text_button, status_line};
use crate::features::{FeatureFlag, catalogue, feature_index};
use crate::risk::{Contribution, RiskEstimate, RiskManifest, RiskRefusal};
use crate::tf;
use crate::words::{t, told};
use crate::workbench::{Action, READING, ToolKind};
use eframe::egui::{Align, CollapsingHeader, Label, Layout, Rect, RichText, Sense, Ui, WidgetInfo, pos2, vec2};

/// What the panel keeps between frames.
#[derive(Debug, Default)]
pub struct RiskState {
    /// No figure while a drawing tool is chosen, so that it does not steer the hand.
    pub hide_while_contouring: bool,
}

/// Shows the panel.
pub fn risk_panel_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut RiskState) {
    let workbench = input.workbench;
    let label = t("Hide while contouring");
    ui.checkbox(&mut state.hide_while_contouring, label)
        .on_hover_text(t("No figure while brush or eraser is chosen, so that it does not steer the hand"));
    let model = match workbench.risk_model() {
        Ok(model) => model,
        Err(why) => {
            status_line(ui, Icon::Warning, &tf!("No risk model: {why}", why));
            return;
        }
    };
    if state.hide_while_contouring && workbench.tool() != ToolKind::Navigate {
        status_line(ui, Icon::EyeOff, t("Hidden while contouring. Choose Navigate to see it"));
        return;
    }
    if input.workbench.loading().is_some() {
        faint(ui, t(READING));
        return;
    }
    let Some((case, risk)) = workbench.case().zip(workbench.live().and_then(|l| l.risk())) else {
        faint(ui, t("Open a case to see its risk"));
        return;
    };
    fresh_mark(ui, risk, case.revision());
    ctv_ui(ui, case);
    let manifest = model.manifest();
    match &risk.value {
        Ok(estimate) => estimate_ui(ui, estimate, manifest),
        Err(refusal) => refusal_ui(ui, input, refusal),
    }
}

fn refusal_ui(ui: &mut Ui, input: &PanelInput<'_>, refusal: &RiskRefusal) {
    status_line(ui, Icon::Info, &refusal.to_string());
    if matches!(refusal, RiskRefusal::Features(FeatureFlag::CtvEmpty)) {
        let enabled = input.workbench.refusal(Action::ProposeCtv).is_none();
        let tooltip = action_tooltip(input.workbench, Action::ProposeCtv);
        let button =
            ui.add_enabled_ui(enabled, |ui| icon_text_button(ui, Icon::Layers, t("Propose a CTV"), false)).inner;
        if button.on_hover_text(&tooltip).on_disabled_hover_text(tooltip).clicked() {
            input.sender.send(Action::ProposeCtv);
        }
    }
}

fn estimate_ui(ui: &mut Ui, estimate: &RiskEstimate, manifest: &RiskManifest) {
    ui.horizontal(|ui| {
        let percent = format!("{:.0} %", 100.0 * estimate.probability);
        ui.label(RichText::new(percent).font(theme::strong(theme::SIZE_TITLE + 6.0)));
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            ui.add(Label::new(RichText::new(&manifest.endpoint).color(theme::TEXT_SECONDARY)).wrap());
            let sd = tf!("Trees disagree by ± {percent:.0} % (SD)", percent = 100.0 * estimate.tree_sd);
            ui.label(RichText::new(sd).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL + 1.0))
                .on_hover_text(t("Standard deviation between the trees of the forest. It is no confidence interval"));
        });
    });
    scale_ui(ui, estimate);
    let provenance = if manifest.simulated { t("Trained on simulated patients") } else { t("Trained on patients") };
    let icon = if manifest.simulated { Icon::Warning } else { Icon::Info };
    let v = &manifest.validation;
    status_line(ui, icon, &tf!("{provenance}, not for decisions about care", provenance)).on_hover_text(tf!("{provenance}\n{patients} patients, {events} events\n{method}\nAUC {auc:.2} ({lower:.2} to {upper:.2}), Brier score {brier:.3}", provenance = manifest.provenance, patients = manifest.patients, events = manifest.events, method = v.method, auc = v.auc, lower = v.auc_interval.lower, upper = v.auc_interval.upper, brier = v.brier));
    if !estimate.imputed.is_empty() {
        let names: Vec<&str> = estimate.imputed.iter().map(|n| readable(n)).collect();
        let (count, all) = (names.len(), manifest.features.len());
        status_line(ui, Icon::Info, &tf!("{count} of {all} inputs missing, filled with typical values", count, all))
            .on_hover_text(names.join("\n"));
    }
    if !estimate.out_of_range.is_empty() {
        let lines: Vec<String> = estimate
            .out_of_range
            .iter()
            .map(|o| {
                tf!(
                    "{feature}: {value:.3}, seen in training {least:.3} to {most:.3}",
                    feature = readable(&o.feature),
                    value = o.value,
                    least = o.min,
                    most = o.max
                )
            })
            .collect();
        let count = lines.len();
        let noun = if count == 1 { t("input lies") } else { t("inputs lie") };
        status_line(ui, Icon::Warning, &tf!("{count} {noun} outside what the model was trained on", count, noun))
            .on_hover_text(lines.join("\n"));
    }
    CollapsingHeader::new(RichText::new(t("What moved it")).color(theme::TEXT_SECONDARY))
        .id_salt("what moved it")
        .show_unindented(ui, |ui| {
            faint(
                ui,
                &tf!("Starts at {percent:.0} %, the mean of the training patients", percent = 100.0 * estimate.base),
            );
            let most = estimate.contributions.first().map_or(0.0, |c| c.change.abs()).max(1e-6);
            for contribution in estimate.contributions.iter().filter(|c| c.change.abs() >= 0.0005).take(8) {
                contribution_ui(ui, contribution, most);
            }
            faint(ui, t("Describes the model, not the disease"));
        });
}

/// The figure on a line from 0 to 100 %, with the spread of the trees.
fn scale_ui(ui: &mut Ui, estimate: &RiskEstimate) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 16.0), Sense::hover());
    let words = tf!("Risk {percent:.0} % on a scale from 0 to 100 %", percent = 100.0 * estimate.probability);
    response.widget_info(|| WidgetInfo::labeled(eframe::egui::Role::Meter, true, &words));
    let track = Rect::from_min_max(pos2(rect.left(), rect.center().y - 3.0), pos2(rect.right(), rect.center().y + 3.0));
    let x = |p: f64| track.left() + track.width() * p.clamp(0.0, 1.0) as f32;
    let painter = ui.painter();
    painter.rect_filled(track, 3.0, theme::SUNKEN);
    let (low, high) = (estimate.probability - estimate.tree_sd, estimate.probability + estimate.tree_sd);
    let band = Rect::from_min_max(pos2(x(low), track.top()), pos2(x(high), track.bottom()));
    painter.rect_filled(band, 3.0, theme::CONTROL_ACTIVE);
    painter.circle_filled(pos2(x(estimate.probability), track.center().y), 5.0, theme::ACCENT);
}

fn contribution_ui(ui: &mut Ui, contribution: &Contribution, most: f64) {
    let row = ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let (rect, _) = ui.allocate_exact_size(vec2(70.0, 14.0), Sense::hover());
        let middle = rect.center().x;
        let length = (contribution.change / most) as f32 * 34.0;
        let color = if contribution.change > 0.0 { theme::WARNING } else { theme::INFO };
        let bar = Rect::from_two_pos(pos2(middle, rect.top() + 3.0), pos2(middle + length, rect.bottom() - 3.0));
        ui.painter().rect_filled(bar, 1.0, color);
        ui.painter().vline(middle, rect.y_range(), (1.0, theme::LINE_STRONG));
        let points = 100.0 * contribution.change;
        let sign = if points > 0.0 { "+" } else { "" };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(format!("{sign}{} %", signed(points, 1))).color(theme::TEXT));
            if contribution.imputed {
                icon_label(ui, Icon::Info, theme::TEXT_FAINT).on_hover_text(t("Missing, filled with a typical value"));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let name = RichText::new(readable(&contribution.feature)).color(theme::TEXT_SECONDARY);
                ui.add(Label::new(name).truncate());
            });
        });
    });
    let tooltip = format!("{} = {:.3}", contribution.feature, contribution.value);
    row.response.on_hover_text(tooltip);
}

/// The description of a feature for readers.
fn readable(feature: &str) -> &str {
    feature_index(feature).map_or(feature, |i| told(catalogue()[i].description.as_str()))
}
