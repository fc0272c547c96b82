//! The counts as a table, alone or beside others with the differences.

use super::super::theme;
use super::map::Second;
use super::p_words;
use crate::cohort::{RecurrenceMap, StationRecurrence};
use crate::structures::Station;
use crate::survival::Interval;
use crate::tf;
use crate::words::{t, told};
use eframe::egui::{Align, Button, Label, Layout, RichText, ScrollArea, Ui};
use egui_extras::{Column, TableBuilder};

const ROW: f32 = 22.0;

fn interval_words(interval: Interval) -> String {
    tf!("{lower:.1} to {upper:.1} %", lower = 100.0 * interval.lower, upper = 100.0 * interval.upper)
}

fn count_words(s: &StationRecurrence) -> String {
    tf!("{k} of {n}", k = s.k, n = s.n)
}

/// Shows the table; a click on a station selects it.
pub fn table_ui(ui: &mut Ui, map: &RecurrenceMap, second: Option<&Second>, selected: &mut Option<Station>) {
    ScrollArea::horizontal().id_salt("recurrence table").auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut titles = vec![t("Station"), t("Name"), t("Count"), t("Share"), t("95 % interval")];
        let mut builder = TableBuilder::new(ui)
            .id_salt("recurrence table")
            .vscroll(false)
            .striped(true)
            .cell_layout(Layout::left_to_right(Align::Center))
            .column(Column::exact(52.0))
            .column(Column::remainder().at_least(90.0).clip(true))
            .column(Column::exact(76.0))
            .column(Column::exact(66.0))
            .column(Column::exact(112.0));
        if second.is_some() {
            titles.extend([t("Beside"), t("Share beside"), t("Difference"), t("95 % interval"), t("p (Holm)")]);
            for width in [76.0, 82.0, 76.0, 118.0, 70.0] {
                builder = builder.column(Column::exact(width));
            }
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
                for (n, s) in map.stations.iter().enumerate() {
                    body.row(ROW, |mut row| {
                        row.set_selected(*selected == Some(s.station));
                        row.col(|ui| {
                            let text = RichText::new(s.station.label()).font(theme::strong(theme::SIZE_BODY));
                            let button = Button::new(text).frame_when_inactive(false).small();
                            let name = tf!("Station {station} in the table", station = s.station);
                            if ui.add(button).accessible_name(name).clicked() {
                                *selected = if *selected == Some(s.station) { None } else { Some(s.station) };
                            }
                        });
                        let mut cell = |text: String, color| {
                            row.col(|ui| {
                                ui.add(Label::new(RichText::new(text).color(color)).truncate());
                            });
                        };
                        cell(told(s.station.name()).to_owned(), theme::TEXT_SECONDARY);
                        cell(count_words(s), theme::TEXT);
                        cell(s.percent_label(), theme::TEXT);
                        cell(interval_words(s.interval), theme::TEXT_SECONDARY);
                        if let Some(second) = second {
                            let (other, d) = (&second.map.stations[n], &second.differences[n]);
                            cell(count_words(other), theme::TEXT);
                            cell(other.percent_label(), theme::TEXT);
                            let difference = d.difference.map(|d| tf!("{percent:+.1} %", percent = 100.0 * d));
                            cell(difference.unwrap_or_default(), theme::TEXT);
                            cell(interval_words(d.interval), theme::TEXT_SECONDARY);
                            let p = d.p_adjusted.map_or_else(|| t("not tested").to_owned(), p_words);
                            let is_clear = d.p_adjusted.is_some_and(|p| p < 0.05);
                            cell(p, if is_clear { theme::ACCENT } else { theme::TEXT_SECONDARY });
                        }
                    });
                }
            });
    });
}
