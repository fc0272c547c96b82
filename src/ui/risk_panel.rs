//! The risk figure with all that is needed to judge it, or the reason why there is none.

use super::features_panel::{ctv_ui, fresh_mark};
use super::icons::{Icon, icon_label};
use super::panel::PanelInput;
use super::privacy::{risk_model_name, risk_provenance};
use super::theme;
use super::viewport::signed;
use super::widgets::{action_tooltip, faint, icon_text_button, status_line};
use crate::features::{FeatureFlag, catalogue, feature_index};
use crate::risk::{Contribution, RiskEstimate, RiskManifest, RiskRefusal};
use crate::structures::Station;
use crate::survival::Interval;
use crate::tf;
use crate::words::{t, told_sentence};
use crate::workbench::{
    Action, Command, Derived, JITTER_MM, NoiseFloor, PreferenceCommand, READING, ReadModel, ToolKind, Workbench,
};
use eframe::egui::{Align, CollapsingHeader, Label, Layout, Rect, RichText, Sense, Ui, WidgetInfo, pos2, vec2};

/// Shows the panel.
pub fn risk_panel_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let workbench = input.workbench;
    let mut hide = workbench.settings().risk_hidden_while_contouring;
    let response = ui.checkbox(&mut hide, t("Hide while contouring"));
    let hint =
        t("No figure while a tool that draws is chosen, so that it does not steer the hand. Kept for the next cases");
    if response.on_hover_text(hint).changed() {
        input.sender.send(Command::Preference(PreferenceCommand::SetRiskHiddenWhileContouring(hide)));
    }
    if let Err(why) = workbench.risk_model() {
        status_line(ui, Icon::Warning, &tf!("No risk model: {why}", why));
    }
    let Some(used) = workbench.used_risk_model() else { return };
    if hide && workbench.tool() != ToolKind::Navigate {
        status_line(ui, Icon::EyeOff, t("Hidden while contouring. Choose Navigate to see it"));
        return;
    }
    if input.workbench.loading().is_some() {
        faint(ui, t(READING));
        return;
    }
    let live = workbench.live();
    let Some((case, risk)) = workbench.case().zip(live.and_then(|l| l.risk())) else {
        faint(ui, t("Open a case to see its risk"));
        return;
    };
    fresh_mark(ui, risk, case.revision());
    ctv_ui(ui, case);
    match &risk.value {
        Ok(estimate) => {
            if workbench.is_noise_floor_wanted() {
                input.sender.send(Command::FindNoiseFloor);
            }
            let shown = Shown {
                estimate,
                opened: live.and_then(|l| l.opened()),
                noise: live.and_then(|l| l.noise()),
                is_noise_fresh: live.and_then(|l| l.noise()).is_some_and(|n| n.revision == case.revision()),
                manifest: used.model.manifest(),
                model: in_a_line(workbench, &used),
                about: about(workbench, &used),
            };
            shown.ui(ui);
        }
        Err(refusal) => refusal_ui(ui, input, refusal),
    }
}

/// The name of the model, who it was trained on, and how well its procedure predicts in nested folds.
fn in_a_line(workbench: &Workbench, used: &ReadModel) -> String {
    let (manifest, nested) = (used.model.manifest(), &used.model.report().recommended.performance);
    let interval = nested.auc_interval.unwrap_or(Interval { lower: 0.0, upper: 1.0 });
    tf!(
        "{name}: {patients} patients, {events} events, nested AUC {auc:.2} ({lower:.2} to {upper:.2})",
        name = risk_model_name(workbench, &used.folder, used.origin, None),
        patients = manifest.patients,
        events = manifest.events,
        auc = nested.auc,
        lower = interval.lower,
        upper = interval.upper
    )
}

/// Its provenance, and how what is used was validated.
fn about(workbench: &Workbench, used: &ReadModel) -> String {
    let manifest = used.model.manifest();
    let v = &manifest.validation;
    tf!(
        "{provenance}\n{patients} patients, {events} events\n{method}\nAUC {auc:.2} ({lower:.2} to {upper:.2}), Brier score {brier:.3}",
        provenance = risk_provenance(workbench, manifest),
        patients = manifest.patients,
        events = manifest.events,
        method = told_sentence(&v.method),
        auc = v.auc,
        lower = v.auc_interval.lower,
        upper = v.auc_interval.upper,
        brier = v.brier
    )
}

/// An estimate with what belongs beside it.
struct Shown<'a> {
    estimate: &'a RiskEstimate,
    /// That of the case as it was opened.
    opened: Option<&'a RiskEstimate>,
    noise: Option<Derived<NoiseFloor>>,
    is_noise_fresh: bool,
    manifest: &'a RiskManifest,
    /// The model in a line, and more about it.
    model: String,
    about: String,
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

/// A change in the contributions that belong together: of a station, or of one feature.
struct Moved {
    name: String,
    change: f64,
    imputed: bool,
    /// The features with their values and changes, a line each.
    lines: Vec<String>,
}

/// Contributions grouped by station, largest change first.
fn grouped(contributions: &[Contribution]) -> Vec<Moved> {
    let mut groups: Vec<(Option<Station>, Moved)> = Vec::new();
    for c in contributions {
        let station = feature_index(&c.feature).and_then(|n| catalogue()[n].station);
        let points = signed(100.0 * c.change, 1);
        let line = format!("{} = {:.3}: {points} %", readable(&c.feature), c.value);
        let there = groups.iter_mut().find(|(other, _)| station.is_some() && *other == station);
        match there {
            Some((_, group)) => {
                group.change += c.change;
                group.imputed |= c.imputed;
                group.lines.push(line);
            }
            None => {
                let name = station.map_or_else(|| readable(&c.feature), |s| tf!("Station {station}", station = s));
                groups.push((station, Moved { name, change: c.change, imputed: c.imputed, lines: vec![line] }));
            }
        }
    }
    let mut groups: Vec<Moved> = groups.into_iter().map(|(_, group)| group).collect();
    groups.sort_by(|a, b| b.change.abs().total_cmp(&a.change.abs()));
    groups
}

/// What moved the figure between two estimates of a case.
fn moved_since(opened: &RiskEstimate, now: &RiskEstimate) -> Vec<Contribution> {
    now.contributions
        .iter()
        .filter_map(|c| {
            let before = opened.contributions.iter().find(|o| o.feature == c.feature)?;
            Some(Contribution { change: c.change - before.change, ..c.clone() })
        })
        .collect()
}

impl Shown<'_> {
    /// The figure in percent, without the digits below the noise.
    fn percent(&self, probability: f64) -> f64 {
        100.0 * self.noise.as_ref().map_or(probability, |noise| noise.value.rounded(probability))
    }

    fn ui(&self, ui: &mut Ui) {
        let (estimate, manifest) = (self.estimate, self.manifest);
        ui.horizontal(|ui| {
            let about = if self.noise.as_ref().is_some_and(|n| n.value.step() > 0.01) { "≈ " } else { "" };
            let percent = format!("{about}{:.0} %", self.percent(estimate.probability));
            ui.label(RichText::new(percent).font(theme::strong(theme::SIZE_TITLE + 6.0)));
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 1.0;
                ui.add(
                    Label::new(RichText::new(told_sentence(&manifest.endpoint)).color(theme::TEXT_SECONDARY)).wrap(),
                );
                self.noise_ui(ui);
            });
        });
        self.scale_ui(ui);
        self.since_opened_ui(ui);
        self.doubts_ui(ui);
        CollapsingHeader::new(RichText::new(t("What moved it")).color(theme::TEXT_SECONDARY))
            .id_salt("what moved it")
            .show_unindented(ui, |ui| {
                let percent = 100.0 * estimate.base;
                faint(ui, &tf!("Starts at {percent:.0} %, the mean over the training patients", percent));
                moved_ui(ui, &grouped(&estimate.contributions));
                faint(ui, t("Describes the model, not the disease, and no effect of covering a station"));
            });
    }

    fn noise_ui(&self, ui: &mut Ui) {
        let text = |words: String| RichText::new(words).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL + 1.0);
        let hint = tf!(
            "Every boundary of CTV, GTV and stations drawn again twenty times, shifted at random by {mm} mm (SD), as readers differ. Digits below that are not shown. It is no confidence interval: how wrong the model is, is not in it",
            mm = JITTER_MM
        );
        match &self.noise {
            Some(noise) => {
                let floor = noise.value;
                let mut words = tf!(
                    "± {sd:.0} % by how boundaries are drawn ({low:.0} to {high:.0} %)",
                    sd = (100.0 * floor.sd).max(1.0),
                    low = 100.0 * floor.low,
                    high = 100.0 * floor.high
                );
                if !self.is_noise_fresh {
                    words = tf!("{words}, being found again", words);
                }
                ui.label(text(words)).on_hover_text(hint);
            }
            None => {
                ui.label(text(t("How much it depends on the boundaries is being found").to_owned()))
                    .on_hover_text(hint);
            }
        }
    }

    fn since_opened_ui(&self, ui: &mut Ui) {
        let Some(opened) = self.opened else { return };
        let change = self.estimate.probability - opened.probability;
        let moved = grouped(&moved_since(opened, self.estimate));
        if moved.iter().all(|m| m.change.abs() < 0.0005) {
            return;
        }
        let points = format!("{}{}", if change > 0.0 { "+" } else { "" }, signed(100.0 * change, 1));
        let below = self.noise.as_ref().is_some_and(|noise| change.abs() < noise.value.sd);
        let words = if below {
            tf!("{points} % since the case was opened: less than the noise", points)
        } else {
            tf!("{points} % since the case was opened", points)
        };
        CollapsingHeader::new(RichText::new(words).color(theme::TEXT_SECONDARY))
            .id_salt("since opened")
            .show_unindented(ui, |ui| {
                moved_ui(ui, &moved);
                faint(ui, t("How the model answers to the contours; no effect of treatment"));
            });
    }

    fn doubts_ui(&self, ui: &mut Ui) {
        let (estimate, manifest) = (self.estimate, self.manifest);
        let provenance = if manifest.simulated { t("Trained on simulated patients") } else { t("Trained on patients") };
        let icon = if manifest.simulated { Icon::Warning } else { Icon::Info };
        let doubt = status_line(ui, icon, &tf!("{provenance}, not for decisions about care", provenance));
        doubt.on_hover_text(&self.about);
        faint(ui, &self.model).on_hover_text(&self.about);
        if !estimate.imputed.is_empty() {
            let names: Vec<String> = estimate.imputed.iter().map(|n| readable(n)).collect();
            let (count, all) = (names.len(), manifest.features.len());
            status_line(
                ui,
                Icon::Info,
                &tf!("{count} of {all} inputs missing, filled with typical values", count, all),
            )
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
        let strange = &estimate.strangeness;
        if strange.is_out() {
            let feature = manifest.features.get(strange.feature).map(|f| readable(&f.name)).unwrap_or_default();
            let words = tf!("Unlike the training patients, most of all: {feature}", feature);
            status_line(ui, Icon::Warning, &words).on_hover_text(tf!(
                "Distance to the five nearest training patients: {distance:.1} standard deviations, more than between {percent:.0} % of them and the others",
                distance = strange.distance,
                percent = 100.0 * strange.rank
            ));
        }
    }

    /// The figure on a line from 0 to 100 %, with the spread under the jitter of the boundaries.
    fn scale_ui(&self, ui: &mut Ui) {
        let estimate = self.estimate;
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 16.0), Sense::hover());
        let words = tf!("Risk {percent:.0} % on a scale from 0 to 100 %", percent = self.percent(estimate.probability));
        response.widget_info(|| WidgetInfo::labeled(eframe::egui::Role::Meter, true, &words));
        let track =
            Rect::from_min_max(pos2(rect.left(), rect.center().y - 3.0), pos2(rect.right(), rect.center().y + 3.0));
        let x = |p: f64| track.left() + track.width() * p.clamp(0.0, 1.0) as f32;
        let painter = ui.painter();
        painter.rect_filled(track, 3.0, theme::SUNKEN);
        if let Some(noise) = &self.noise {
            let band =
                Rect::from_min_max(pos2(x(noise.value.low), track.top()), pos2(x(noise.value.high), track.bottom()));
            painter.rect_filled(band, 3.0, theme::CONTROL_ACTIVE);
        }
        painter.circle_filled(pos2(x(estimate.probability), track.center().y), 5.0, theme::ACCENT);
    }
}

fn moved_ui(ui: &mut Ui, moved: &[Moved]) {
    let most = moved.first().map_or(0.0, |m| m.change.abs()).max(1e-6);
    for m in moved.iter().filter(|m| m.change.abs() >= 0.0005).take(8) {
        group_ui(ui, m, most);
    }
}

fn group_ui(ui: &mut Ui, moved: &Moved, most: f64) {
    let row = ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let (rect, _) = ui.allocate_exact_size(vec2(70.0, 14.0), Sense::hover());
        let middle = rect.center().x;
        let length = (moved.change / most) as f32 * 34.0;
        let color = if moved.change > 0.0 { theme::WARNING } else { theme::INFO };
        let bar = Rect::from_two_pos(pos2(middle, rect.top() + 3.0), pos2(middle + length, rect.bottom() - 3.0));
        ui.painter().rect_filled(bar, 1.0, color);
        ui.painter().vline(middle, rect.y_range(), (1.0, theme::LINE_STRONG));
        let points = 100.0 * moved.change;
        let sign = if points > 0.0 { "+" } else { "" };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(format!("{sign}{} %", signed(points, 1))).color(theme::TEXT));
            if moved.imputed {
                icon_label(ui, Icon::Info, theme::TEXT_FAINT).on_hover_text(t("Missing, filled with a typical value"));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let name = RichText::new(&moved.name).color(theme::TEXT_SECONDARY);
                ui.add(Label::new(name).truncate());
            });
        });
    });
    row.response.on_hover_text(moved.lines.join("\n"));
}

/// The description of a feature for readers.
fn readable(feature: &str) -> String {
    feature_index(feature).map_or_else(|| feature.to_owned(), |n| told_sentence(&catalogue()[n].description))
}
