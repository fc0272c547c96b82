//! The page of the map: recurrences by station, of the open cohort or as published, alone or beside others with the difference
//! tested; and from which initial stations they came.

use super::super::icons::Icon;
use super::super::jobs_panel::jobs_panel_ui;
use super::super::panel::PanelInput;
use super::super::picker::{CohortPick, Pick};
use super::super::privacy::cohort_name;
use super::super::request::WindowRequest;
use super::super::theme;
use super::super::widgets::{card, chip, faint, segmented, status_line};
use super::{CONFIDENCE, bars, matrix, patients_words, schematic, table};
use crate::cohort::{
    Denominator, ObservedRecurrence, PublishedRecurrence, RecurrenceMap, StationDifference, differences,
    inconsistencies,
};
use crate::structures::Station;
use crate::tf;
use crate::words::{t, told};
use crate::workbench::Command;
use crate::workbench::cohort::{Beside, CohortCommand};
use eframe::egui::{Button, CollapsingHeader, Label, RichText, Ui, vec2};

/// What the page keeps between frames.
pub struct MapState {
    published: PublishedRecurrence,
    denominator: Denominator,
    selected: Option<Station>,
    /// The publication is shown although a cohort is open.
    shows_published: bool,
}

impl Default for MapState {
    fn default() -> Self {
        Self {
            published: PublishedRecurrence::built_in(),
            denominator: Denominator::default(),
            selected: None,
            shows_published: false,
        }
    }
}

/// A second map and what it differs in.
pub struct Second {
    pub map: RecurrenceMap,
    pub differences: Vec<StationDifference>,
    /// Of the first map, and of this one.
    pub names: [String; 2],
}

/// Shows the page.
pub fn map_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut MapState) {
    jobs_panel_ui(ui, input);
    let open = input.workbench.cohort().open().filter(|_| !state.shows_published);
    let observed = open.map(|open| &open.observed);
    header_ui(ui, input, state, observed);
    ui.add_space(theme::SPACE_2);
    let map = match observed {
        Some(observed) => observed.map(state.denominator, CONFIDENCE),
        None => {
            let map = state.published.map(state.denominator, CONFIDENCE);
            map.unwrap_or_else(|| {
                state.denominator = Denominator::default();
                state.published.map(state.denominator, CONFIDENCE).expect("events are published")
            })
        }
    };
    let beside = observed.and_then(|_| input.workbench.recurrences_beside(state.denominator));
    let second = beside.map(|beside| Second {
        differences: differences(&map, &beside),
        names: [t("This cohort").to_owned(), beside_name(input)],
        map: beside,
    });
    if let Some(second) = &second {
        two_ui(ui, &map, second, state);
    } else {
        one_ui(ui, &map, state);
    }
    ui.add_space(theme::SPACE_2);
    project_ui(ui, input, &map);
    if let Some(observed) = observed {
        ui.add_space(theme::SPACE_3);
        matrix::matrix_ui(ui, observed, state.selected);
    }
    if observed.is_none() || *input.workbench.cohort().beside() == Beside::Published {
        ui.add_space(theme::SPACE_3);
        inconsistencies_ui(ui);
    }
}

/// The map on the stations of the open case.
fn project_ui(ui: &mut Ui, input: &PanelInput<'_>, map: &RecurrenceMap) {
    let button = ui.add_enabled(input.workbench.has_stations(), Button::new(t("Show on the open patient")));
    let button = button.on_hover_text(t("The stations of the open case in the colours of their shares, in Review"));
    let hint = t("Open a case with stations, or let them be drawn, to show the map on them");
    if button.on_disabled_hover_text(hint).clicked() {
        input.sender.send(Command::ProjectMap(Some(Box::new(map.clone()))));
    }
}

fn one_ui(ui: &mut Ui, map: &RecurrenceMap, state: &mut MapState) {
    if ui.available_width() > 900.0 {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = theme::SPACE_3;
            let left = (ui.available_width() * 0.46).min(760.0);
            ui.allocate_ui(vec2(left, 0.0), |ui| {
                ui.vertical(|ui| map_card(ui, t("Mediastinum from the front"), map, &mut state.selected, 670.0));
            });
            ui.vertical(|ui| chart_card(ui, map, None, state));
        });
    } else {
        map_card(ui, t("Mediastinum from the front"), map, &mut state.selected, 670.0);
        ui.add_space(theme::SPACE_3);
        chart_card(ui, map, None, state);
    }
}

fn two_ui(ui: &mut Ui, map: &RecurrenceMap, second: &Second, state: &mut MapState) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE_3;
        let each = (ui.available_width() - theme::SPACE_3) / 2.0;
        for (name, map) in second.names.iter().zip([map, &second.map]) {
            ui.allocate_ui(vec2(each, 0.0), |ui| {
                ui.vertical(|ui| {
                    ui.set_width(each);
                    ui.push_id(name, |ui| map_card(ui, name, map, &mut state.selected, 400.0));
                });
            });
        }
    });
    ui.add_space(theme::SPACE_3);
    chart_card(ui, map, Some(second), state);
}

fn header_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut MapState, observed: Option<&ObservedRecurrence>) {
    let published = &state.published;
    ui.label(RichText::new(t("Where recurrences lie")).font(theme::strong(theme::SIZE_TITLE)));
    let mut shows_published = state.shows_published;
    if input.workbench.cohort().open().is_some() {
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(t("Show")).color(theme::TEXT_SECONDARY));
            let options = [(false, t("This cohort")), (true, t("The publication"))];
            if let Some(chosen) = segmented(ui, t("Whose recurrences are shown"), &options, shows_published) {
                shows_published = chosen;
            }
            if observed.is_some() {
                beside_ui(ui, input);
            }
        });
    }
    let counts = match observed {
        Some(o) => {
            let words = tf!(
                "{recurrences} over 16 stations in {recurring} of {patients} patients",
                recurrences = recurrences_words(o.events),
                recurring = o.recurring,
                patients = o.known()
            );
            ui.label(RichText::new(words).color(theme::TEXT_SECONDARY));
            if o.about.simulated {
                chip(ui, t("Simulated, not observed"), theme::WARNING);
            }
            let (unknown, without) = (o.unknown, o.without_station);
            if unknown > 0 {
                status_line(
                    ui,
                    Icon::Info,
                    &tf!(
                        "Left out, it is not known whether they recurred: {patients}",
                        patients = patients_words(unknown as usize)
                    ),
                );
            }
            if without > 0 {
                status_line(
                    ui,
                    Icon::Info,
                    &tf!(
                        "Recurred in stations that are not known: {patients}",
                        patients = patients_words(without as usize)
                    ),
                );
            }
            [o.events, o.recurring, o.known()]
        }
        None => {
            let words = tf!(
                "{events} recurrences over 16 stations in {recurring} of {patients} patients with small cell lung cancer",
                events = published.events,
                recurring = published.recurring_patients,
                patients = published.patients
            );
            ui.label(RichText::new(words).color(theme::TEXT_SECONDARY));
            status_line(ui, Icon::Info, t("Published data, not this clinic's")).on_hover_text(&published.source);
            [published.events, published.recurring_patients, published.patients]
        }
    };
    denominators_ui(ui, input, &mut state.denominator, counts, observed.is_some());
    faint(ui, state.denominator.note());
    state.shows_published = shows_published;
}

fn recurrences_words(events: u64) -> String {
    if events == 1 { t("1 recurrence").to_owned() } else { tf!("{events} recurrences", events) }
}

/// What the counts are a share of.
fn denominators_ui(
    ui: &mut Ui,
    input: &PanelInput<'_>,
    chosen: &mut Denominator,
    [events, recurring, patients]: [u64; 3],
    is_cohort: bool,
) {
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(t("Show counts as a share of")).color(theme::TEXT_SECONDARY));
        let options = [
            (Denominator::Events, recurrences_words(events)),
            (
                Denominator::RecurringPatients,
                match recurring {
                    1 => t("1 patient who recurred").to_owned(),
                    patients => tf!("{patients} patients who recurred", patients),
                },
            ),
            (
                Denominator::Patients,
                match patients {
                    1 => t("1 patient in all").to_owned(),
                    patients => tf!("{patients} patients in all", patients),
                },
            ),
            (Denominator::Involved, t("Patients with disease in the station").to_owned()),
            (Denominator::Covered, t("Patients whose CTV covered it").to_owned()),
        ];
        for (option, label) in options {
            let unknown = option.is_by_station()
                && (!is_cohort || *input.workbench.cohort().beside() == Beside::Published);
            let selected = *chosen == option;
            let color = if selected { theme::TEXT } else { theme::TEXT_SECONDARY };
            let button = Button::selectable(selected, RichText::new(label).color(color));
            let response = ui.add_enabled(!unknown || selected, button).on_hover_text(option.note());
            let hint = t("The publication does not say in which stations the disease was before treatment, nor which were covered");
            if response.on_disabled_hover_text(hint).clicked() {
                *chosen = option;
            }
        }
    });
    if *input.workbench.cohort().beside() == Beside::Published && is_cohort && chosen.is_by_station() {
        status_line(
            ui,
            Icon::Info,
            t(
                "The publication does not say in which stations the disease was before treatment, nor which were covered; it is not shown beside",
            ),
        );
    }
}

/// What stands beside the cohort.
fn beside_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let desk = input.workbench.cohort();
    let now = desk.beside();
    ui.label(RichText::new(t("Beside")).color(theme::TEXT_SECONDARY));
    let ink = |selected: bool| if selected { theme::TEXT } else { theme::TEXT_SECONDARY };
    let send = |beside: Beside| input.sender.send(Command::Cohort(CohortCommand::SetBeside(beside)));
    for (beside, label) in [(Beside::Nothing, t("Nothing")), (Beside::Published, t("Publication"))] {
        let selected = *now == beside;
        if ui
            .add(Button::selectable(selected, RichText::new(label).color(ink(selected))))
            .accessible_name(tf!("Beside: {label}", label))
            .clicked()
            && !selected
        {
            send(beside);
        }
    }
    let is_cohort = matches!(now, Beside::Cohort(_));
    let label = if is_cohort { beside_name(input) } else { t("Another cohort…").to_owned() };
    if ui
        .add(Button::selectable(is_cohort, RichText::new(label).color(ink(is_cohort))))
        .on_hover_text(t("Choose the file of another cohort"))
        .clicked()
    {
        input.sender.send(WindowRequest::Pick(Pick::Cohort(CohortPick::Beside)));
    }
    if desk.other().is_some_and(|other| other.about.simulated) {
        chip(ui, t("Simulated, not observed"), theme::WARNING);
    }
}

fn beside_name(input: &PanelInput<'_>) -> String {
    let desk = input.workbench.cohort();
    match desk.beside() {
        Beside::Nothing => t("Nothing").to_owned(),
        Beside::Published => t("Publication").to_owned(),
        Beside::Cohort(_) => match desk.other() {
            Some(other) => {
                let name = cohort_name(input.workbench, &other.about.name);
                if other.about.simulated { tf!("{name}, simulated", name) } else { name }
            }
            None => t("Another cohort").to_owned(),
        },
    }
}

fn map_card(ui: &mut Ui, title: &str, map: &RecurrenceMap, selected: &mut Option<Station>, height: f32) {
    card(ui, |ui| {
        ui.label(RichText::new(title).font(theme::strong(theme::SIZE_BODY)));
        schematic::schematic_ui(ui, map, selected, height);
        // Stations with denominators of their own have no common share.
        if !map.denominator.is_by_station() && map.stations.iter().any(|s| s.n > 0) {
            let (k, n, share) = map.share(&[Station::S10R, Station::S10L, Station::S4R, Station::S7]);
            faint(ui, &tf!("10R, 10L, 4R and 7 together: {k} of {n}, {percent:.1} %", k, n, percent = 100.0 * share));
        }
    });
}

fn chart_card(ui: &mut Ui, map: &RecurrenceMap, second: Option<&Second>, state: &mut MapState) {
    card(ui, |ui| {
        ui.label(RichText::new(t("By station, with 95 % Wilson intervals")).font(theme::strong(theme::SIZE_BODY)));
        bars::bars_ui(ui, map, second, state.selected);
        ui.add_space(theme::SPACE_2);
        table::table_ui(ui, map, second, &mut state.selected);
        if second.is_some() {
            let words = if map.denominator == Denominator::Events {
                t(
                    "Not tested: recurrences of one patient belong together. Differences, what stands beside less this cohort, with Newcombe's intervals.",
                )
            } else {
                t(
                    "Fisher's exact test, p raised for sixteen tests by Holm's way. Differences, what stands beside less this cohort, with Newcombe's intervals.",
                )
            };
            faint(ui, words);
        }
    });
}

fn inconsistencies_ui(ui: &mut Ui) {
    card(ui, |ui| {
        ui.label(RichText::new(t("What does not add up in the publication")).font(theme::strong(theme::SIZE_BODY)));
        faint(ui, t("Figures are shown as reported; nothing is corrected silently"));
        ui.add_space(theme::SPACE_1);
        for (n, entry) in inconsistencies().iter().enumerate() {
            let title = RichText::new(format!("{}. {}", n + 1, told(&entry.title))).color(theme::TEXT);
            CollapsingHeader::new(title).id_salt(("inconsistency", n)).default_open(n == 0).show(ui, |ui| {
                for (name, words) in
                    [(t("Reported"), &entry.reported), (t("Problem"), &entry.problem), (t("Here"), &entry.treatment)]
                {
                    ui.horizontal_top(|ui| {
                        ui.allocate_ui(vec2(70.0, 16.0), |ui| {
                            ui.set_width(70.0);
                            ui.label(RichText::new(name).color(theme::TEXT_FAINT));
                        });
                        ui.add(Label::new(RichText::new(told(words)).color(theme::TEXT_SECONDARY)).wrap());
                    });
                }
            });
        }
    });
}
