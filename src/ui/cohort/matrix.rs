//! From where to where: initial stations in rows, stations of the recurrence in columns, patients in the cells.

use super::super::theme;
use super::super::widgets::{card, faint};
use super::{ink, patients_words, tint};
use crate::cohort::ObservedRecurrence;
use crate::structures::Station;
use crate::tf;
use crate::words::t;
use eframe::egui::{Align2, Label, Rect, RichText, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use std::fmt::Write as _;

const HEAD: f32 = 46.0;

/// "4R (20 patients): 4R 5, 7 2" for every initial station.
fn words(observed: &ObservedRecurrence, from: Station) -> String {
    let patients = patients_words(observed.involved(from) as usize);
    let mut words = tf!("From {station} ({patients})", station = from, patients);
    let mut any = false;
    for to in Station::all() {
        let count = observed.from_to[from.index()][to.index()];
        if count > 0 {
            let _infallible = write!(words, "{} {to} {count}", if any { "," } else { ":" });
            any = true;
        }
    }
    if !any {
        let _infallible = write!(words, ": {}", t("no recurrence in a known station"));
    }
    words
}

/// Shows the matrix, and the row of the selected station in words.
pub fn matrix_ui(ui: &mut Ui, observed: &ObservedRecurrence, selected: Option<Station>) {
    card(ui, |ui| {
        ui.label(
            RichText::new(t("From the initial stations to those of the recurrence"))
                .font(theme::strong(theme::SIZE_BODY)),
        );
        let rows: Vec<Station> = Station::all().filter(|s| observed.involved(*s) > 0).collect();
        if rows.is_empty() {
            faint(ui, t("No patient has initial stations: the column initial_stations of the table says them"));
            return;
        }
        faint(ui, t("Patients; a patient counts in every initial station and in every station of the recurrence"));
        let columns: Vec<Station> = Station::all().collect();
        let cell = ((ui.available_width() - HEAD - 60.0) / columns.len() as f32).clamp(20.0, 46.0);
        let height = (cell * 0.62).max(20.0);
        let size = vec2(HEAD + 60.0 + cell * columns.len() as f32, height * (rows.len() + 1) as f32);
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        let spoken: Vec<String> = rows.iter().map(|row| words(observed, *row)).collect();
        response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, spoken.join("; ")));
        let most = rows.iter().flat_map(|r| observed.from_to[r.index()]).max().unwrap_or(0).max(1) as f64;
        let painter = ui.painter_at(rect);
        let font = theme::regular(theme::SIZE_SMALL + 1.0);
        let place = |row: usize, column: usize| {
            let at = pos2(rect.left() + HEAD + 60.0 + cell * column as f32, rect.top() + height * (row + 1) as f32);
            Rect::from_min_size(at, vec2(cell, height)).shrink(1.0)
        };
        for (c, to) in columns.iter().enumerate() {
            let at = place(0, c).center_top() - vec2(0.0, height / 2.0);
            painter.text(at, Align2::CENTER_CENTER, to.label(), font.clone(), theme::TEXT_SECONDARY);
        }
        let mut pointed = None;
        for (r, from) in rows.iter().enumerate() {
            let first = place(r, 0);
            let color = if selected == Some(*from) { theme::ACCENT } else { theme::TEXT };
            let strong = theme::strong(theme::SIZE_BODY);
            painter.text(
                pos2(rect.left() + HEAD - 8.0, first.center().y),
                Align2::RIGHT_CENTER,
                from.label(),
                strong,
                color,
            );
            let count = tf!("of {n}", n = observed.involved(*from));
            let at = pos2(rect.left() + HEAD + 52.0, first.center().y);
            painter.text(at, Align2::RIGHT_CENTER, count, font.clone(), theme::TEXT_FAINT);
            for (c, to) in columns.iter().enumerate() {
                let field = place(r, c);
                let count = observed.from_to[from.index()][to.index()];
                let fill = if count == 0 { theme::SUNKEN } else { tint(count as f64, most) };
                painter.rect_filled(field, 3.0, fill);
                if from == to {
                    painter.rect_stroke(field, 3.0, Stroke::new(1.0, theme::LINE_STRONG), StrokeKind::Inside);
                }
                if count > 0 {
                    painter.text(field.center(), Align2::CENTER_CENTER, count, font.clone(), ink(fill));
                }
                if response.hover_pos().is_some_and(|p| field.contains(p)) {
                    pointed = Some(tf!(
                        "{count} of {n} patients with disease in {from} recurred in {to}",
                        count,
                        n = observed.involved(*from),
                        from,
                        to
                    ));
                }
            }
        }
        if let Some(words) = pointed {
            response.on_hover_text_at_pointer(words);
        }
        if let Some(from) = selected.filter(|s| rows.contains(s)) {
            ui.add(Label::new(RichText::new(words(observed, from)).color(theme::TEXT_SECONDARY)).wrap());
        }
    });
}
