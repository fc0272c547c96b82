//! The counts as a table.

use super::super::theme;
use crate::cohort::RecurrenceMap;
use crate::structures::Station;
use crate::tf;
use crate::words::{t, told};
use eframe::egui::{Align, Button, Label, Layout, RichText, Ui};
use egui_extras::{Column, TableBuilder};

const ROW: f32 = 22.0;

/// Shows the table; a click on a station selects it.
pub fn table_ui(ui: &mut Ui, map: &RecurrenceMap, selected: &mut Option<Station>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    TableBuilder::new(ui)
        .id_salt("recurrence table")
        .vscroll(false)
        .striped(true)
        .cell_layout(Layout::left_to_right(Align::Center))
        .column(Column::exact(52.0))
        .column(Column::remainder().at_least(90.0).clip(true))
        .column(Column::exact(76.0))
        .column(Column::exact(66.0))
        .column(Column::exact(112.0))
        .header(ROW, |mut header| {
            for title in [t("Station"), t("Name"), t("Count"), t("Share"), t("95 % interval")] {
                header.col(|ui| {
                    ui.label(RichText::new(title).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL + 1.0));
                });
            }
        })
        .body(|mut body| {
            for s in &map.stations {
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
                    cell(tf!("{k} of {n}", k = s.k, n = s.n), theme::TEXT);
                    cell(s.percent_label(), theme::TEXT);
                    let interval = tf!(
                        "{lower:.1} to {upper:.1} %",
                        lower = 100.0 * s.interval.lower,
                        upper = 100.0 * s.interval.upper,
                    );
                    cell(interval, theme::TEXT_SECONDARY);
                });
            }
        });
}
