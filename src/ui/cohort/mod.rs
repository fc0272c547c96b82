//! The Cohort workspace: where small cell lung cancer came back, as published, with its uncertainty.

mod bars;
mod schematic;
mod table;

use super::icons::Icon;
use super::theme;
use super::widgets::{card, faint, segmented, status_line};
use crate::cohort::{Denominator, PublishedRecurrence, RecurrenceMap, inconsistencies};
use crate::structures::Station;
use crate::tf;
use crate::words::{t, told};
use eframe::egui::{CollapsingHeader, Color32, Label, RichText, ScrollArea, Ui, UiBuilder, vec2};

/// What the workspace keeps between frames.
pub struct CohortState {
    published: PublishedRecurrence,
    denominator: Denominator,
    selected: Option<Station>,
}

impl Default for CohortState {
    fn default() -> Self {
        Self { published: PublishedRecurrence::built_in(), denominator: Denominator::default(), selected: None }
    }
}

const CONFIDENCE: f64 = 0.95;

/// Shows the workspace in the rest of the space.
pub fn cohort_ui(ui: &mut Ui, state: &mut CohortState) {
    let area = ui.available_rect_before_wrap();
    ui.painter().rect_filled(area, 0.0, theme::BASE);
    let mut inner = ui.new_child(UiBuilder::new().max_rect(area.shrink(theme::SPACE_4)));
    ScrollArea::vertical().auto_shrink([false, false]).show(&mut inner, |ui| {
        ui.set_width(ui.available_width() - theme::SPACE_2);
        header_ui(ui, state);
        ui.add_space(theme::SPACE_2);
        let map = state.published.map(state.denominator, CONFIDENCE).expect("only what was published is offered");
        let wide = ui.available_width() > 900.0;
        if wide {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = theme::SPACE_3;
                let width = ui.available_width();
                let left = (width * 0.46).min(760.0);
                ui.allocate_ui(vec2(left, 0.0), |ui| ui.vertical(|ui| map_card(ui, &map, state)));
                ui.vertical(|ui| chart_card(ui, &map, state));
            });
        } else {
            map_card(ui, &map, state);
            ui.add_space(theme::SPACE_3);
            chart_card(ui, &map, state);
        }
        ui.add_space(theme::SPACE_3);
        inconsistencies_ui(ui);
    });
}

fn header_ui(ui: &mut Ui, state: &mut CohortState) {
    let published = &state.published;
    ui.label(RichText::new(t("Where recurrences lie")).font(theme::strong(theme::SIZE_TITLE)));
    let words = tf!(
        "{events} recurrences over 16 stations in {recurring} of {patients} patients with small cell lung cancer",
        events = published.events,
        recurring = published.recurring_patients,
        patients = published.patients
    );
    ui.label(RichText::new(words).color(theme::TEXT_SECONDARY));
    status_line(ui, Icon::Info, t("Published data, not this clinic's")).on_hover_text(&published.source);
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(t("Show counts as a share of")).color(theme::TEXT_SECONDARY));
        let events = tf!("{events} recurrences", events = published.events);
        let patients = tf!("{patients} patients who recurred", patients = published.recurring_patients);
        let options = [(Denominator::Events, events.as_str()), (Denominator::RecurringPatients, patients.as_str())];
        if let Some(chosen) = segmented(ui, "", &options, state.denominator) {
            state.denominator = chosen;
        }
    });
    faint(ui, state.denominator.note());
}

fn map_card(ui: &mut Ui, map: &RecurrenceMap, state: &mut CohortState) {
    card(ui, |ui| {
        ui.label(RichText::new(t("Mediastinum from the front")).font(theme::strong(theme::SIZE_BODY)));
        schematic::schematic_ui(ui, map, &mut state.selected);
        let hilar = [Station::S10R, Station::S10L, Station::S4R, Station::S7];
        let (k, n, share) = map.share(&hilar);
        faint(ui, &tf!("10R, 10L, 4R and 7 together: {k} of {n}, {percent:.1} %", k, n, percent = 100.0 * share));
    });
}

fn chart_card(ui: &mut Ui, map: &RecurrenceMap, state: &mut CohortState) {
    card(ui, |ui| {
        ui.label(RichText::new(t("By station, with 95 % Wilson intervals")).font(theme::strong(theme::SIZE_BODY)));
        bars::bars_ui(ui, map, state.selected);
        ui.add_space(theme::SPACE_2);
        table::table_ui(ui, map, &mut state.selected);
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

/// Colour of a share: calm for none, strong for the largest of the map.
fn tint(share: f64, largest: f64) -> Color32 {
    let t = if largest > 0.0 { (share / largest).clamp(0.0, 1.0).sqrt() as f32 } else { 0.0 };
    theme::CONTROL.lerp_to_gamma(theme::WARNING, t * 0.85)
}

/// Text that can be read on [`tint`].
fn ink(background: Color32) -> Color32 {
    if theme::contrast(theme::TEXT, background) > theme::contrast(theme::IMAGE, background) {
        theme::TEXT
    } else {
        theme::IMAGE
    }
}

fn largest(map: &RecurrenceMap) -> f64 {
    map.stations.iter().map(|s| s.proportion).fold(0.0, f64::max)
}
