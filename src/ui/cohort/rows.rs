//! The table of patients: only the rows that can be seen are drawn, so that ten thousand of them scroll as ten do. One control
//! holds the keyboard for the whole table.

use super::super::icons::Icon;
use super::super::panel::PanelInput;
use super::super::privacy::{patient_name, private_cell, reason};
use super::super::theme;
use super::super::widgets::focus_ring;
use crate::cohort::Column;
use crate::tf;
use crate::words::t;
use crate::workbench::cohort::{FeatureState, OpenCohort, TableColumn, lacks};
use eframe::egui::{
    self, Align, Align2, Color32, EventFilter, Id, Key, Modifiers, Rect, Response, RichText, Role, ScrollArea, Sense,
    Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};
use std::ops::Range;

const ROW: f32 = 24.0;
const HEADER: f32 = 28.0;
const PAD: f32 = 8.0;

/// What the table keeps between frames.
#[derive(Default)]
pub struct RowsState {
    /// How far it has been scrolled to the right.
    scrolled: f32,
    /// The rows that were seen in the last frame.
    seen: Range<usize>,
    /// Bring the selected patient into view.
    follow: bool,
}

/// What the user did with the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowsAction {
    /// Number of the patient in the cohort.
    Select(usize),
    Open(usize),
    /// Number of the column.
    Sort(usize),
}

/// The text of a cell as people read it; empty where nothing is known.
pub fn cell_words(input: &PanelInput<'_>, cohort: &OpenCohort, row: usize, column: usize) -> String {
    let text = cohort.table.cell(row, column);
    let kind = &cohort.table.columns()[column];
    match kind {
        TableColumn::Features => cohort.table.state(row, &cohort.features).label().to_owned(),
        TableColumn::Known(Column::Patient) => patient_name(input.workbench, row, text),
        _ if kind.is_private() => {
            private_cell(input.workbench, text).map_or_else(|| t("[hidden]").to_owned(), str::to_owned)
        }
        TableColumn::Known(column) => value_words(*column, text),
        TableColumn::Extra(_) => text.to_owned(),
    }
}

/// A value of a known column as people read it.
pub fn value_words(column: Column, text: &str) -> String {
    match (column, text) {
        (Column::Died | Column::Recurred | Column::LocalFailure | Column::Central, "1") => t("yes").to_owned(),
        (Column::Died | Column::Recurred | Column::LocalFailure | Column::Central, "0") => t("no").to_owned(),
        (Column::Sex, "male") => t("Male").to_owned(),
        (Column::Sex, "female") => t("Female").to_owned(),
        (Column::FollowUp | Column::RecurrenceMonths, text) => {
            text.parse::<f64>().map_or_else(|_| text.to_owned(), |v| format!("{v:.1}"))
        }
        _ => text.to_owned(),
    }
}

fn width(column: &TableColumn) -> f32 {
    match column {
        TableColumn::Known(column) => match column {
            Column::Patient => 120.0,
            Column::Case => 300.0,
            Column::Center | Column::RecurrenceStations | Column::InitialStations | Column::Smoking => 116.0,
            Column::FollowUp | Column::RecurrenceMonths => 140.0,
            Column::Recurred | Column::LocalFailure => 88.0,
            _ => 72.0,
        },
        TableColumn::Features => 132.0,
        TableColumn::Extra(_) => 120.0,
    }
}

fn is_number(column: &TableColumn) -> bool {
    use Column::{Age, FollowUp, RecurrenceMonths, Smoking};
    matches!(column, TableColumn::Known(Age | Smoking | FollowUp | RecurrenceMonths))
}

/// Shows the rows in the rest of the space. `sort`: column and whether the largest come first.
pub fn rows_ui(
    ui: &mut Ui,
    input: &PanelInput<'_>,
    state: &mut RowsState,
    cohort: &OpenCohort,
    rows: &[usize],
    selected: Option<usize>,
    sort: Option<(usize, bool)>,
) -> Option<RowsAction> {
    let area = ui.available_rect_before_wrap();
    ui.advance_cursor_after_rect(area);
    ui.painter().rect_filled(area, f32::from(theme::CORNER), theme::PANEL);
    let list = list_control(ui, area, rows.len());
    // What a key chose in the last frame is selected now.
    let follows = std::mem::take(&mut state.follow);
    let mut action = keys(ui, &list, state, rows, selected);
    let columns = cohort.table.columns();
    let widths: Vec<f32> = columns.iter().map(width).collect();
    let total: f32 = widths.iter().sum();

    let header = Rect::from_min_size(area.min, vec2(area.width(), HEADER));
    action = header_ui(ui, header, columns, &widths, state.scrolled, sort).or(action);
    let body = Rect::from_min_max(pos2(area.left(), header.bottom()), area.max);
    let mut inner = ui.new_child(UiBuilder::new().max_rect(body));
    inner.spacing_mut().item_spacing.y = 0.0;
    let mut scroll = ScrollArea::both().id_salt("patients").auto_shrink([false, false]);
    let at = selected.and_then(|patient| rows.iter().position(|row| *row == patient));
    if let Some(at) = at.filter(|_| follows) {
        let (top, seen) = (at as f32 * ROW, state.seen.start as f32 * ROW);
        let room = body.height() - ROW;
        if top < seen + ROW || top > seen + room - ROW {
            scroll = scroll.vertical_scroll_offset((top - room / 2.0).max(0.0));
        }
    }
    let shown = scroll.show_rows(&mut inner, ROW, rows.len(), |ui, seen| {
        state.seen = seen.clone();
        ui.set_min_width(total);
        for at in seen {
            let patient = rows[at];
            let response = row_ui(ui, input, cohort, patient, at, &widths, selected == Some(patient));
            if response.double_clicked() {
                action = Some(RowsAction::Open(patient));
            } else if response.clicked() {
                action = action.or(Some(RowsAction::Select(patient)));
            }
            if response.clicked() {
                list.request_focus();
            }
        }
    });
    state.scrolled = shown.state.clamped_offset().x;
    if list.has_focus() {
        let stroke = Stroke::new(1.5, theme::ACCENT);
        ui.painter().rect_stroke(area, f32::from(theme::CORNER), stroke, StrokeKind::Inside);
    }
    action
}

/// The control that has the keyboard for all rows.
fn list_control(ui: &Ui, area: Rect, count: usize) -> Response {
    let list = ui.interact(area, Id::unique("table of patients"), Sense::focusable_noninteractive());
    let words = tf!("Table of patients, {count} rows; arrows choose, Enter opens the case", count);
    list.widget_info(|| WidgetInfo::labeled(Role::Group, true, &words));
    if list.has_focus() {
        let filter = EventFilter { vertical_arrows: true, horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(list.id, filter));
    }
    list
}

/// Arrows, page keys, Home and End choose another row; Enter opens the case.
fn keys(
    ui: &Ui,
    list: &Response,
    state: &mut RowsState,
    rows: &[usize],
    selected: Option<usize>,
) -> Option<RowsAction> {
    if !list.has_focus() || rows.is_empty() {
        return None;
    }
    let at = selected.and_then(|patient| rows.iter().position(|row| *row == patient));
    let page = state.seen.len().saturating_sub(2).max(1);
    let pressed = |key| ui.input_mut(|input| input.count_and_consume_key(Modifiers::NONE, key));
    let last = rows.len() - 1;
    // Several presses can come in one frame.
    let (down, up) = (pressed(Key::ArrowDown), pressed(Key::ArrowUp));
    let (page_down, page_up) = (pressed(Key::PageDown), pressed(Key::PageUp));
    let to = if down + page_down > 0 {
        // The first press from nowhere chooses the first row.
        at.map_or(down + page_down - 1, |at| at + down + page_down * page)
    } else if up + page_up > 0 {
        at.map_or(0, |at| at.saturating_sub(up + page_up * page))
    } else if pressed(Key::Home) > 0 {
        0
    } else if pressed(Key::End) > 0 {
        last
    } else {
        return at.filter(|_| pressed(Key::Enter) > 0).map(|at| RowsAction::Open(rows[at]));
    };
    state.follow = true;
    Some(RowsAction::Select(rows[to.min(last)]))
}

fn header_ui(
    ui: &mut Ui,
    area: Rect,
    columns: &[TableColumn],
    widths: &[f32],
    scrolled: f32,
    sort: Option<(usize, bool)>,
) -> Option<RowsAction> {
    let mut header = ui.new_child(UiBuilder::new().max_rect(area));
    header.shrink_clip_rect(area);
    header.painter().rect_filled(area, f32::from(theme::CORNER), theme::RAISED);
    let mut x = area.left() - scrolled;
    let mut action = None;
    for (n, (column, width)) in columns.iter().zip(widths).enumerate() {
        let rect = Rect::from_min_size(pos2(x, area.top()), vec2(*width, area.height())).shrink2(vec2(2.0, 2.0));
        x += width;
        if !area.intersects(rect) {
            continue;
        }
        let response = header.interact(rect.intersect(area), header.scope_id().with(n), Sense::click());
        let name = tf!("Sort by {column}", column = column.label());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
        let sorted = sort.filter(|(of, _)| *of == n);
        let painter = header.painter();
        if response.hovered() || response.has_focus() {
            painter.rect_filled(rect, f32::from(theme::CORNER), theme::CONTROL_HOVER);
        }
        let color = if sorted.is_some() { theme::TEXT } else { theme::TEXT_SECONDARY };
        let mut inside = rect.shrink2(vec2(PAD - 2.0, 0.0));
        if let Some((_, largest_first)) = sorted {
            let icon = if largest_first { Icon::Down } else { Icon::Up };
            let place = Rect::from_center_size(inside.right_center() - vec2(6.0, 0.0), vec2(12.0, 12.0));
            icon.paint(painter, place, theme::ACCENT);
            inside.max.x -= 14.0;
        }
        let (place, align) = if is_number(column) {
            (inside.right_center(), Align2::RIGHT_CENTER)
        } else {
            (inside.left_center(), Align2::LEFT_CENTER)
        };
        let cut = painter.with_clip_rect(inside.intersect(area));
        cut.text(place, align, column.label(), theme::regular(theme::SIZE_SMALL + 1.0), color);
        focus_ring(&header, &response, rect);
        let response = match column {
            TableColumn::Known(known) => {
                response.on_hover_text(format!("{}\n{}", known.name(), crate::words::told(known.description())))
            }
            TableColumn::Features => response.on_hover_text(t("Whether the features of the case are computed")),
            TableColumn::Extra(_) => response.on_hover_text(t("A column without a meaning of its own")),
        };
        if response.clicked() {
            action = Some(RowsAction::Sort(n));
        }
    }
    action
}

fn row_ui(
    ui: &mut Ui,
    input: &PanelInput<'_>,
    cohort: &OpenCohort,
    patient: usize,
    at: usize,
    widths: &[f32],
    selected: bool,
) -> Response {
    let total: f32 = widths.iter().sum();
    let (id, rect) = ui.allocate_space(vec2(total.max(ui.available_width()), ROW));
    // What can be seen of the row is what can be clicked.
    let response = ui.interact(rect.intersect(ui.clip_rect()), id, Sense::CLICK);
    let name = cell_words(input, cohort, patient, 0);
    response.widget_info(|| WidgetInfo::selected(Role::Row, true, selected, tf!("Row of {name}", name = &name)));
    let painter = ui.painter();
    let fill = match (selected, response.hovered(), at.is_multiple_of(2)) {
        (true, ..) => theme::ACCENT_FILL,
        (_, true, _) => theme::CONTROL,
        (_, _, true) => theme::PANEL,
        (_, _, false) => theme::RAISED.lerp_to_gamma(theme::PANEL, 0.5),
    };
    painter.rect_filled(rect, 0.0, fill);
    let seen = ui.clip_rect();
    let font = theme::regular(theme::SIZE_BODY);
    let mut x = rect.left();
    let mut pointed = None;
    let pointer = response.hover_pos();
    for (n, (column, width)) in cohort.table.columns().iter().zip(widths).enumerate() {
        let cell = Rect::from_min_size(pos2(x, rect.top()), vec2(*width, ROW));
        x += width;
        if !seen.intersects(cell) {
            continue;
        }
        if pointer.is_some_and(|p| cell.contains(p)) {
            pointed = Some(n);
        }
        let (words, color) = shown(input, cohort, patient, n, column);
        let mut inside = cell.shrink2(vec2(PAD, 0.0));
        if let (TableColumn::Features, Some(icon)) = (column, state_icon(cohort.table.state(patient, &cohort.features)))
        {
            let place = Rect::from_center_size(inside.left_center() + vec2(7.0, 0.0), vec2(14.0, 14.0));
            icon.paint(painter, place, color);
            inside.min.x += 20.0;
        }
        let cut = painter.with_clip_rect(inside.intersect(seen));
        let (place, align) = if is_number(column) {
            (inside.right_center(), Align2::RIGHT_CENTER)
        } else {
            (inside.left_center(), Align2::LEFT_CENTER)
        };
        cut.text(place, align, words, font.clone(), color);
    }
    match pointed {
        Some(column) => response.on_hover_ui_at_pointer(|ui| hover_ui(ui, input, cohort, patient, column)),
        None => response,
    }
}

/// The shape of a state: colours alone do not tell.
fn state_icon(state: &FeatureState) -> Option<Icon> {
    match state {
        FeatureState::Failed(_) => Some(Icon::Error),
        FeatureState::Outdated => Some(Icon::Warning),
        FeatureState::Computed => Some(Icon::Check),
        FeatureState::NotComputed | FeatureState::NoCase => None,
    }
}

/// Text and colour of a cell; what is missing is seen.
fn shown(
    input: &PanelInput<'_>,
    cohort: &OpenCohort,
    patient: usize,
    n: usize,
    column: &TableColumn,
) -> (String, Color32) {
    let words = cell_words(input, cohort, patient, n);
    match column {
        TableColumn::Features => {
            let color = match cohort.table.state(patient, &cohort.features) {
                FeatureState::Failed(_) => theme::ERROR,
                FeatureState::Outdated => theme::WARNING,
                FeatureState::Computed => theme::OK,
                FeatureState::NotComputed | FeatureState::NoCase => theme::TEXT_FAINT,
            };
            (words, color)
        }
        TableColumn::Known(known) if words.is_empty() => {
            if lacks(&cohort.patients[patient], *known) {
                (t("missing").to_owned(), theme::WARNING)
            } else {
                ("–".to_owned(), theme::TEXT_FAINT)
            }
        }
        TableColumn::Extra(_) if words.is_empty() => ("–".to_owned(), theme::TEXT_FAINT),
        TableColumn::Known(Column::Patient) => (words, theme::TEXT),
        _ => (words, theme::TEXT_SECONDARY),
    }
}

fn hover_ui(ui: &mut Ui, input: &PanelInput<'_>, cohort: &OpenCohort, patient: usize, column: usize) {
    ui.set_max_width(420.0);
    let label = cohort.table.columns()[column].label();
    let words = cell_words(input, cohort, patient, column);
    let words = if words.is_empty() { t("missing").to_owned() } else { words };
    ui.label(RichText::new(format!("{label}: {words}")).color(theme::TEXT));
    if let (TableColumn::Features, FeatureState::Failed(why)) =
        (&cohort.table.columns()[column], &cohort.features[patient])
    {
        ui.label(RichText::new(reason(input.workbench, why)).color(theme::TEXT_SECONDARY));
    }
    ui.with_layout(egui::Layout::left_to_right(Align::Center), |ui| {
        ui.label(RichText::new(t("Double click opens the case")).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL));
    });
}
