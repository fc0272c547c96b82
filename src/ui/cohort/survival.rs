//! The page of survival: the endpoint, the groups that are compared, curves with their tables, and hazard ratios.

use super::super::icons::Icon;
use super::super::panel::PanelInput;
use super::super::picker::{CohortPick, Pick};
use super::super::privacy::reason;
use super::super::request::WindowRequest;
use super::super::theme;
use super::super::widgets::{card, chip, faint, icon_text_button, status_line};
use super::curves::{Curve, curves_ui};
use super::{CONFIDENCE, events_words, p_words, patients_words, swatch};
use crate::studies::survival::{
    GroupSurvival, HazardTable, LEAST_EVENTS_PER_COEFFICIENT, Ratio, SurvivalAnswer, ratio_digits,
};
use crate::survival::{ConfidenceTransform, Interval, LogRank};
use crate::tf;
use crate::words::t;
use crate::workbench::Command;
use crate::workbench::cohort::{
    CohortCommand, CohortExport, Endpoint, OpenCohort, SurvivalChoice, TableColumn, covariates, groups,
};
use eframe::egui::{Align, Button, Checkbox, ComboBox, Label, Layout, RichText, ScrollArea, Ui, vec2};
use egui_extras::{Column, TableBuilder};
use strum::IntoEnumIterator;

/// What the page keeps between frames.
#[derive(Default)]
pub struct SurvivalState {
    choice: SurvivalChoice,
    /// Columns to choose from, of a revision: name and label.
    groups: Vec<(String, String)>,
    covariates: Vec<(String, String)>,
    columns_of: Option<u64>,
}

const ROW: f32 = 22.0;

/// Shows the page, and asks for what it shows.
pub fn survival_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut SurvivalState) {
    let desk = input.workbench.cohort();
    let Some(cohort) = desk.open() else { return };
    if state.columns_of != Some(cohort.patients_revision) {
        state.groups = groups(&cohort.table);
        state.covariates = covariates(&cohort.table);
        state.columns_of = Some(cohort.patients_revision);
        let is_there = |all: &[(String, String)], name: &String| all.iter().any(|(n, _)| n == name);
        let SurvivalState { choice, groups, covariates, .. } = state;
        choice.group.take_if(|group| !is_there(groups, group));
        choice.covariates.retain(|name| is_there(covariates, name));
    }
    let side = (ui.available_width() * 0.24).clamp(230.0, 300.0);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE_3;
        ui.allocate_ui(vec2(side, 0.0), |ui| {
            ui.vertical(|ui| {
                ui.set_width(side);
                choices_ui(ui, state);
                ui.add_space(theme::SPACE_2);
                exports_ui(ui, input);
            });
        });
        if !desk.is_asked(&state.choice) {
            input.sender.send(Command::Cohort(CohortCommand::Survival(state.choice.clone())));
        }
        ui.vertical(|ui| match desk.survival().filter(|_| desk.is_asked(&state.choice)) {
            None => drop(ui.spinner()),
            Some(Err(why)) => card(ui, |ui| drop(status_line(ui, Icon::Info, &reason(input.workbench, why)))),
            Some(Ok(answer)) => answer_ui(ui, input, cohort, state, answer),
        });
    });
}

fn choices_ui(ui: &mut Ui, state: &mut SurvivalState) {
    let choice = &mut state.choice;
    card(ui, |ui| {
        ui.label(RichText::new(t("Endpoint")).font(theme::strong(theme::SIZE_BODY)));
        for endpoint in Endpoint::iter() {
            let selected = choice.endpoint == endpoint;
            let color = if selected { theme::TEXT } else { theme::TEXT_SECONDARY };
            if ui.add(Button::selectable(selected, RichText::new(endpoint.label()).color(color))).clicked() {
                choice.endpoint = endpoint;
            }
        }
        faint(ui, choice.endpoint.note());
        ui.add_space(theme::SPACE_2);
        ui.label(RichText::new(t("Compare groups")).font(theme::strong(theme::SIZE_BODY)));
        let label = |name: &String| state.groups.iter().find(|(n, _)| n == name).map(|(_, label)| label.as_str());
        let shown = choice.group.as_ref().and_then(label).unwrap_or(t("No groups"));
        let combo = ComboBox::from_id_salt("group").width(ui.available_width() - 12.0).selected_text(shown);
        let mut group = choice.group.clone();
        let combo = combo.show_ui(ui, |ui| {
            ui.selectable_value(&mut group, None, t("No groups"));
            for (name, label) in &state.groups {
                ui.selectable_value(&mut group, Some(name.clone()), label);
            }
        });
        combo.response.accessible_name(t("Column whose groups are compared"));
        choice.group = group;
        ui.add_space(theme::SPACE_2);
        ui.label(RichText::new(t("Hazard ratios")).font(theme::strong(theme::SIZE_BODY)));
        if state.covariates.is_empty() {
            faint(ui, t("No column has numbers or a few groups"));
        }
        for (name, label) in &state.covariates {
            let mut chosen = choice.covariates.contains(name);
            let words = tf!("{label} as a covariate", label);
            if ui.add(Checkbox::new(&mut chosen, label)).accessible_name(words).changed() {
                if chosen {
                    choice.covariates.insert(name.clone());
                } else {
                    choice.covariates.remove(name);
                }
            }
        }
    });
}

fn exports_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let there = matches!(input.workbench.cohort().survival(), Some(Ok(_)));
    card(ui, |ui| {
        ui.label(RichText::new(t("Export")).font(theme::strong(theme::SIZE_BODY)));
        ui.add_enabled_ui(there, |ui| {
            for what in [CohortExport::SurvivalSvg, CohortExport::SurvivalCsv] {
                if icon_text_button(ui, Icon::Export, what.label(), false).clicked() {
                    input.sender.send(WindowRequest::Pick(Pick::Cohort(CohortPick::Export(what))));
                }
            }
        });
    });
}

/// A level of the group column as people read it.
fn level(cohort: &OpenCohort, state: &SurvivalState, name: Option<&str>) -> String {
    let Some(name) = name else { return t("All patients").to_owned() };
    let column = state.choice.group.as_deref().and_then(crate::cohort::Column::named);
    let known = column.filter(|c| cohort.table.column(&TableColumn::Known(*c)).is_some());
    known.map_or_else(|| name.to_owned(), |column| super::rows::value_words(column, name))
}

fn answer_ui(ui: &mut Ui, input: &PanelInput<'_>, cohort: &OpenCohort, state: &SurvivalState, answer: &SurvivalAnswer) {
    let shown: Vec<&GroupSurvival> =
        if answer.groups.is_empty() { vec![&answer.all] } else { answer.groups.iter().collect() };
    let hidden = input.workbench.view.identifiers_hidden && state.choice.group.as_deref().is_some_and(is_private);
    let names: Vec<String> = shown
        .iter()
        .enumerate()
        .map(|(n, group)| match (hidden, &group.name) {
            (true, Some(_)) => tf!("Group {n}", n = n + 1),
            (_, name) => level(cohort, state, name.as_deref()),
        })
        .collect();
    card(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(state.choice.endpoint.label()).font(theme::strong(theme::SIZE_TITLE)));
            if cohort.about.simulated {
                chip(ui, t("Simulated, not observed"), theme::WARNING);
            }
        });
        let words = format!("{}, {}", patients_words(answer.patients), events_words(answer.events));
        let follow_up =
            answer.follow_up.map(|months| tf!("median follow-up {months:.1} months (reverse Kaplan-Meier)", months));
        let words = [Some(words), follow_up].into_iter().flatten().collect::<Vec<_>>().join("; ");
        ui.add(Label::new(RichText::new(words).color(theme::TEXT_SECONDARY)).wrap());
        if !answer.left_out.is_empty() {
            let patients = patients_words(answer.left_out.len());
            status_line(ui, Icon::Info, &tf!("Left out, time or event are not known: {patients}", patients));
        }
        if answer.without_group > 0 {
            let patients = patients_words(answer.without_group);
            status_line(ui, Icon::Info, &tf!("Not compared, without a group: {patients}", patients));
        }
        legend_ui(ui, &names, &shown);
        curves_ui(ui, t("Without the event"), &survival_curves(&names, &shown), 1.0);
        if let Some(test) = &answer.log_rank {
            test_ui(ui, t("Log-rank test"), test);
        }
        if let Some(test) = &answer.peto {
            test_ui(ui, t("Peto and Prentice"), test);
        }
    });
    ui.add_space(theme::SPACE_3);
    medians_ui(ui, answer, &names, &shown);
    if shown.iter().any(|group| group.incidence.is_some()) {
        ui.add_space(theme::SPACE_3);
        card(ui, |ui| {
            ui.label(
                RichText::new(t("Cumulative incidence of recurrence, death without one competes"))
                    .font(theme::strong(theme::SIZE_BODY)),
            );
            let words = tf!(
                "Died without a recurrence: {patients}. One less the curve above overstates recurrences where patients die before.",
                patients = patients_words(answer.competing)
            );
            faint(ui, &words);
            legend_ui(ui, &names, &shown);
            let curves = incidence_curves(&names, &shown);
            let highest = curves.iter().filter_map(|c| (c.interval)(c.end)).map(|i| i.upper).fold(0.1, f64::max);
            curves_ui(ui, t("With a recurrence"), &curves, (highest * 5.0).ceil().min(5.0) / 5.0);
        });
    }
    if let Some(hazards) = &answer.hazards {
        ui.add_space(theme::SPACE_3);
        hazards_ui(ui, input, state, hazards);
    }
}

/// True for columns whose words may name somebody.
fn is_private(column: &str) -> bool {
    use crate::cohort::Column;
    Column::named(column).is_none_or(|column| column == Column::Center)
}

fn legend_ui(ui: &mut Ui, names: &[String], shown: &[&GroupSurvival]) {
    ui.horizontal_wrapped(|ui| {
        for (n, (name, group)) in names.iter().zip(shown).enumerate() {
            swatch(ui, theme::SERIES[n % theme::SERIES.len()], Some(n));
            let words = tf!(
                "{name}: {events} of {patients}",
                name,
                events = events_words(group.events),
                patients = group.patients
            );
            ui.label(RichText::new(words).color(theme::TEXT_SECONDARY));
            ui.add_space(theme::SPACE_2);
        }
    });
}

fn survival_curves<'a>(names: &'a [String], shown: &[&'a GroupSurvival]) -> Vec<Curve<'a>> {
    let curve = |(n, (name, group)): (usize, (&'a String, &&'a GroupSurvival))| {
        let km = &group.curve;
        Curve {
            name,
            color: theme::SERIES[n % theme::SERIES.len()],
            dash: n,
            end: km.steps.last().map_or(0.0, |s| s.time),
            at: Box::new(|time| km.survival_at(time)),
            interval: Box::new(|time| km.interval_at(time, CONFIDENCE, ConfidenceTransform::Log)),
            at_risk: Box::new(|time| km.at_risk(time)),
            censored: km.steps.iter().filter(|s| s.censored > 0).map(|s| s.time).collect(),
        }
    };
    names.iter().zip(shown).enumerate().map(curve).collect()
}

fn incidence_curves<'a>(names: &'a [String], shown: &[&'a GroupSurvival]) -> Vec<Curve<'a>> {
    let curve = |(n, (name, group)): (usize, (&'a String, &&'a GroupSurvival))| {
        let incidence = group.incidence.as_ref()?;
        Some(Curve {
            name: name.as_str(),
            color: theme::SERIES[n % theme::SERIES.len()],
            dash: n,
            end: incidence.steps.last().map_or(0.0, |s| s.time),
            at: Box::new(|time| incidence.at(time)),
            interval: Box::new(|time| Some(incidence.interval_at(time, CONFIDENCE))),
            at_risk: Box::new(|time| group.curve.at_risk(time)),
            censored: Vec::new(),
        })
    };
    names.iter().zip(shown).enumerate().filter_map(curve).collect()
}

fn test_ui(ui: &mut Ui, name: &str, test: &LogRank) {
    let words = tf!(
        "{name}: p {p} (chi-square {chi:.3} on {degrees})",
        name,
        p = p_words(test.p),
        chi = test.chi_square,
        degrees = test.degrees_of_freedom
    );
    ui.label(RichText::new(words).color(theme::TEXT_SECONDARY));
}

/// A table of texts: the first column takes the room that is left.
fn table_ui(ui: &mut Ui, salt: &str, titles: &[String], widths: &[f32], rows: &[Vec<String>]) {
    ScrollArea::horizontal().id_salt(salt).auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut builder = TableBuilder::new(ui)
            .id_salt(salt)
            .vscroll(false)
            .striped(true)
            .cell_layout(Layout::left_to_right(Align::Center))
            .column(Column::remainder().at_least(110.0).clip(true));
        for width in widths {
            builder = builder.column(Column::exact(*width));
        }
        builder
            .header(ROW, |mut header| {
                for title in titles {
                    header.col(|ui| {
                        ui.label(RichText::new(title).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL + 1.0));
                    });
                }
            })
            .body(|mut body| {
                for cells in rows {
                    body.row(ROW, |mut row| {
                        for (n, text) in cells.iter().enumerate() {
                            let color = if n == 0 { theme::TEXT } else { theme::TEXT_SECONDARY };
                            row.col(|ui| {
                                ui.add(Label::new(RichText::new(text).color(color)).truncate());
                            });
                        }
                    });
                }
            });
    });
}

fn months(value: Option<f64>) -> String {
    value.map_or_else(|| t("not reached").to_owned(), |v| format!("{v:.1}"))
}

fn medians_ui(ui: &mut Ui, answer: &SurvivalAnswer, names: &[String], shown: &[&GroupSurvival]) {
    card(ui, |ui| {
        ui.label(RichText::new(t("Medians and shares without the event")).font(theme::strong(theme::SIZE_BODY)));
        let mut titles: Vec<String> =
            [t("Group"), t("Patients"), t("Events"), t("Median, months (95 %)")].map(str::to_owned).to_vec();
        titles.extend(answer.all.points.iter().map(|p| tf!("After {months} months", months = p.time)));
        let widths = [&[70.0, 64.0, 170.0][..], &vec![150.0; answer.all.points.len()]].concat();
        let all = (!answer.groups.is_empty()).then_some((t("All patients").to_owned(), &answer.all));
        let groups = all.into_iter().chain(names.iter().cloned().zip(shown.iter().copied()));
        let rows: Vec<Vec<String>> = groups
            .map(|(name, group)| {
                let (lower, upper) = group.median_interval;
                let median = tf!(
                    "{median} ({lower} to {upper})",
                    median = months(group.median),
                    lower = months(lower),
                    upper = months(upper)
                );
                let mut cells = vec![name, group.patients.to_string(), group.events.to_string(), median];
                cells.extend(group.points.iter().map(|p| match (p.survival, p.interval) {
                    (Some(share), Some(i)) => percent_words(share, i),
                    (Some(share), None) => format!("{:.1} %", 100.0 * share),
                    (None, _) => t("not observed so long").to_owned(),
                }));
                cells
            })
            .collect();
        table_ui(ui, "medians", &titles, &widths, &rows);
    });
}

fn percent_words(share: f64, interval: Interval) -> String {
    tf!(
        "{share:.1} % ({lower:.1} to {upper:.1})",
        share = 100.0 * share,
        lower = 100.0 * interval.lower,
        upper = 100.0 * interval.upper
    )
}

fn ratio_words(ratio: &Ratio) -> [String; 2] {
    match ratio {
        Ratio::Reference => [t("1 (reference)").to_owned(), String::new()],
        Ratio::None(_) => [t("none").to_owned(), String::new()],
        Ratio::Known { coefficient, interval: None } => {
            [format!("{:.2}", coefficient.hazard_ratio()), t("too few events").to_owned()]
        }
        Ratio::Known { coefficient, interval: Some(i) } => {
            let digits = ratio_digits(i.lower, i.upper).max(2);
            let number = |value: f64| format!("{value:.digits$}");
            let words = tf!(
                "{ratio} ({lower} to {upper})",
                ratio = number(coefficient.hazard_ratio()),
                lower = number(i.lower),
                upper = number(i.upper)
            );
            [words, p_words(coefficient.p())]
        }
    }
}

fn hazards_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &SurvivalState, hazards: &HazardTable) {
    card(ui, |ui| {
        ui.label(
            RichText::new(t("Hazard ratios (proportional hazards, Efron's ties)"))
                .font(theme::strong(theme::SIZE_BODY)),
        );
        let [patients, events] = hazards.complete;
        faint(
            ui,
            &tf!(
                "Together: {patients} patients with all covariates, {events} events, {each:.1} for each coefficient",
                patients,
                events,
                each = hazards.events_per_coefficient
            ),
        );
        if hazards.events_per_coefficient < LEAST_EVENTS_PER_COEFFICIENT {
            let least = LEAST_EVENTS_PER_COEFFICIENT;
            status_line(
                ui,
                Icon::Warning,
                &tf!(
                    "Fewer than {least} events for each coefficient: no intervals and no p are shown, leave covariates out",
                    least
                ),
            );
        }
        let label = |name: &str| {
            let known = state.covariates.iter().find(|(n, _)| n == name);
            known.map_or_else(|| name.to_owned(), |(_, label)| label.clone())
        };
        let titles = [
            t("Covariate"),
            t("Patients"),
            t("Events"),
            t("Alone (95 %)"),
            t("p"),
            t("Together (95 %)"),
            t("p"),
            t("Proportional, p"),
        ]
        .map(str::to_owned);
        let rows: Vec<Vec<String>> = hazards
            .rows
            .iter()
            .enumerate()
            .map(|(n, row)| {
                let name = label(&row.covariate);
                let column = crate::cohort::Column::named(&row.covariate);
                let hidden = input.workbench.view.identifiers_hidden && is_private(&row.covariate);
                let level = row.level.as_ref().map(|level| match column {
                    _ if hidden => tf!("Group {n}", n = n + 1),
                    Some(column) => super::rows::value_words(column, level),
                    None => level.clone(),
                });
                let name = level.map_or_else(|| name.clone(), |level| format!("{name}: {level}"));
                let ([alone, alone_p], [together, together_p]) = (ratio_words(&row.alone), ratio_words(&row.together));
                let proportional = row.proportionality.map_or_else(String::new, |test| p_words(test.p));
                vec![
                    name,
                    row.patients.to_string(),
                    row.events.to_string(),
                    alone,
                    alone_p,
                    together,
                    together_p,
                    proportional,
                ]
            })
            .collect();
        table_ui(ui, "hazards", &titles, &[66.0, 60.0, 140.0, 84.0, 140.0, 84.0, 100.0], &rows);
        if let Some(c) = hazards.together.as_ref().and_then(|model| model.concordance.c()) {
            faint(ui, &tf!("Together: Harrell's C {c:.3}", c));
        }
        let mut told: Vec<&str> = Vec::new();
        for ratio in hazards.rows.iter().flat_map(|row| [&row.alone, &row.together]) {
            if let Ratio::None(why) = ratio
                && !told.contains(&why.as_str())
            {
                told.push(why);
                status_line(ui, Icon::Info, &tf!("No hazard ratio: {why}", why = reason(input.workbench, why)));
            }
        }
    });
}
