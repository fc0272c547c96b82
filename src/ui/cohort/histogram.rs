//! How the values of a column are distributed over the patients that are shown; what is missing has its own bar.

use super::super::panel::PanelInput;
use super::super::theme;
use super::super::widgets::{card, faint};
use super::patients_words;
use super::rows::value_words;
use crate::tf;
use crate::words::t;
use crate::workbench::cohort::{Histogram, OpenCohort, TableColumn};
use eframe::egui::{Align2, ComboBox, Rect, RichText, Role, Sense, Ui, WidgetInfo, pos2, vec2};

const HEIGHT: f32 = 120.0;
const LABELS: f32 = 16.0;

/// Shows the distribution with the choice of its column; gives the column.
pub fn histogram_ui(
    ui: &mut Ui,
    input: &PanelInput<'_>,
    cohort: &OpenCohort,
    column: usize,
    histogram: Option<&Histogram>,
) -> usize {
    let mut chosen = column;
    card(ui, |ui| {
        let columns = cohort.table.columns();
        ui.horizontal(|ui| {
            ui.label(RichText::new(t("Distribution of")).font(theme::strong(theme::SIZE_BODY)));
            let combo = ComboBox::from_id_salt("distribution").width(150.0).selected_text(columns[column].label());
            let combo = combo.show_ui(ui, |ui| {
                for (n, column) in columns.iter().enumerate() {
                    if ui.selectable_label(n == chosen, column.label()).clicked() {
                        chosen = n;
                    }
                }
            });
            combo.response.accessible_name(t("Column whose distribution is shown"));
        });
        // Words of files may name somebody.
        let hidden = columns[column].is_private() && input.workbench.view.identifiers_hidden;
        match histogram.filter(|_| !hidden) {
            Some(histogram) => bars_ui(ui, &columns[column], histogram),
            None => drop(faint(ui, t("Nearly every patient has a value of its own"))),
        }
    });
    chosen
}

fn bars_ui(ui: &mut Ui, column: &TableColumn, histogram: &Histogram) {
    let label = |text: &str| match column {
        TableColumn::Known(column) if histogram.unit_width.is_none() => value_words(*column, text),
        _ => text.to_owned(),
    };
    let mut bars: Vec<(String, usize, bool)> =
        histogram.bars.iter().map(|bar| (label(&bar.label), bar.count, false)).collect();
    if histogram.missing > 0 {
        bars.push((t("missing").to_owned(), histogram.missing, true));
    }
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT + LABELS), Sense::hover());
    let spoken: Vec<String> = bars.iter().map(|(label, count, _)| format!("{label}: {count}")).collect();
    let spoken = tf!("Distribution of {column}: {values}", column = column.label(), values = spoken.join(", "));
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, &spoken));
    if bars.is_empty() {
        ui.painter().text(
            rect.center(),
            Align2::CENTER_CENTER,
            t("Nobody"),
            theme::regular(theme::SIZE_BODY),
            theme::TEXT_FAINT,
        );
        return;
    }
    let highest = histogram.highest().max(histogram.missing).max(1) as f32;
    let step = rect.width() / bars.len() as f32;
    let bottom = rect.bottom() - LABELS;
    let painter = ui.painter_at(rect);
    let font = theme::regular(theme::SIZE_SMALL);
    let mut pointed = None;
    // Labels side by side must not run into each other.
    let widest = bars.iter().map(|(label, ..)| label.chars().count()).max().unwrap_or(1) as f32 * 6.5 + 4.0;
    let every = (widest / step).ceil().max(1.0) as usize;
    for (n, (label, count, is_missing)) in bars.iter().enumerate() {
        let left = rect.left() + n as f32 * step;
        let top = bottom - (HEIGHT - 18.0) * *count as f32 / highest;
        let bar = Rect::from_min_max(pos2(left + 1.0, top), pos2(left + step - 1.0, bottom));
        let fill = if *is_missing { theme::WARNING.gamma_multiply(0.6) } else { theme::ACCENT_SOLID };
        painter.rect_filled(bar, 1.0, fill);
        let column = Rect::from_min_max(pos2(left, rect.top()), pos2(left + step, rect.bottom()));
        if response.hover_pos().is_some_and(|p| column.contains(p)) {
            pointed = Some(n);
        }
        if step > 24.0 {
            painter.text(bar.center_top(), Align2::CENTER_BOTTOM, count, font.clone(), theme::TEXT_SECONDARY);
        }
        if n % every == 0 || *is_missing {
            let place = if histogram.unit_width.is_some() && !is_missing {
                (pos2(left, bottom + 2.0), Align2::LEFT_TOP)
            } else if *is_missing {
                (pos2(left + step, bottom + 2.0), Align2::RIGHT_TOP)
            } else {
                (pos2(left + step / 2.0, bottom + 2.0), Align2::CENTER_TOP)
            };
            painter.text(place.0, place.1, label, font.clone(), theme::TEXT_FAINT);
        }
    }
    if let Some((label, count, is_missing)) = pointed.map(|n| &bars[n]) {
        let words = match (histogram.unit_width, is_missing) {
            (Some(width), false) => {
                tf!("From {label}, {width} wide: {patients}", label, width, patients = patients_words(*count))
            }
            _ => format!("{label}: {}", patients_words(*count)),
        };
        response.on_hover_text_at_pointer(words);
    }
}
