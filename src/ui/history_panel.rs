//! The history: every step, the newest first; a click takes back or does again all steps up to it. Below it, how much
//! memory the steps may hold, and whether they are kept on the disk.

use super::icons::{Icon, icon_label};
use super::panel::PanelInput;
use super::request::WindowRequest;
use super::theme;
use super::widgets::{faint, focus_ring};
use crate::tf;
use crate::words::{t, told_label};
use crate::workbench::{Case, Command, History, Settings, StateId, Step, Touched, Workbench, short_time};
use eframe::egui::{
    self, Align2, ComboBox, Rect, Response, RichText, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2,
};

/// What the list keeps between frames.
#[derive(Debug, Default)]
pub struct HistoryState {
    /// The state to which the list last scrolled, of the case of this count.
    shown: Option<(u64, StateId)>,
}

const ROW: f32 = 22.0;
const TIME: f32 = 108.0;
/// Choices of the memory for undo, MB.
const BUDGETS: [u32; 7] = [16, 64, 256, 512, 1024, 2048, 4096];

/// The window with the list.
pub fn window(context: &egui::Context, input: &PanelInput<'_>, state: &mut HistoryState) {
    let Some(case) = input.workbench.shown_case() else { return };
    let mut open = true;
    let window = egui::Window::new(t("History"))
        .id(egui::Id::unique("history"))
        .open(&mut open)
        .default_size([380.0, 420.0])
        .vscroll(false);
    // Below the operations, which are often open with it.
    let place = context.content_rect().right_bottom() + vec2(-360.0, -40.0);
    window.pivot(egui::Align2::RIGHT_BOTTOM).default_pos(place).show(context, |ui| {
        footer_first(
            ui,
            |ui| footer_ui(ui, input.workbench, input, case.history()),
            |ui| list_ui(ui, input, case, state),
        );
    });
    if !open {
        input.sender.send(WindowRequest::ShowHistory(false));
    }
}

/// The footer keeps its height, the list takes the rest.
fn footer_first(ui: &mut Ui, footer: impl FnOnce(&mut Ui), list: impl FnOnce(&mut Ui)) {
    egui::Panel::bottom("history footer").resizable(false).frame(egui::Frame::new()).show(ui, footer);
    list(ui);
}

fn list_ui(ui: &mut Ui, input: &PanelInput<'_>, case: &Case, state: &mut HistoryState) {
    let history = case.history();
    let undone = history.undone().count();
    let steps = history.len() + undone;
    ui.spacing_mut().item_spacing.y = 1.0;
    let mut scroll = ScrollArea::vertical().auto_shrink([false, false]);
    let now = Some((input.workbench.case_count(), history.state()));
    if state.shown != now {
        state.shown = now;
        // The present step with a few of those around it.
        scroll = scroll.vertical_scroll_offset((undone as f32 - 4.0).max(0.0) * (ROW + 1.0));
    }
    scroll.show_rows(ui, ROW, steps + 1, |ui, rows| {
        for row in rows {
            let step = steps.checked_sub(row + 1).and_then(|place| history.step(place));
            row_ui(ui, input, history, step, row < undone);
        }
    });
}

/// A step, or the beginning. `is_undone`: it was taken back.
fn row_ui(ui: &mut Ui, input: &PanelInput<'_>, history: &History, step: Option<&Step>, is_undone: bool) {
    let to = step.map_or(history.base(), |s| s.state);
    let is_here = to == history.state();
    let text = step.map_or_else(|| beginning(history), words);
    let time = step.map(|s| short_time(s.at)).unwrap_or_default();
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let name = name(&text, is_here, is_undone);
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, is_here, &name));
    if ui.is_rect_visible(rect) {
        let exported = input.workbench.exported_state() == Some(to);
        paint(ui, &response, rect, Row { text: &text, time: &time, is_here, is_undone, exported });
    }
    if response.clicked() {
        input.sender.send(Command::GoToState(to));
    }
    response.on_hover_text(format!("{text}\n{}", effect(is_here, is_undone)));
}

struct Row<'a> {
    text: &'a str,
    time: &'a str,
    is_here: bool,
    is_undone: bool,
    exported: bool,
}

fn paint(ui: &Ui, response: &Response, rect: Rect, row: Row<'_>) {
    if row.is_here || response.hovered() {
        let fill = if row.is_here { theme::ACCENT_FILL } else { theme::CONTROL_HOVER };
        ui.painter().rect_filled(rect, f32::from(theme::CORNER), fill);
    }
    focus_ring(ui, response, rect);
    let inner = rect.shrink2(vec2(theme::SPACE_2, 0.0));
    let font = theme::regular(theme::SIZE_SMALL + 1.0);
    let faint = if row.is_undone { theme::TEXT_DISABLED } else { theme::TEXT_FAINT };
    ui.painter().text(inner.right_center(), Align2::RIGHT_CENTER, row.time, font, faint);
    let mut right = inner.right() - TIME;
    if row.exported {
        let place = Rect::from_center_size(pos2(right - 8.0, rect.center().y), vec2(13.0, 13.0));
        Icon::Check.paint(ui.painter(), place, theme::OK);
        right -= 20.0;
    }
    let color = if row.is_undone { theme::TEXT_FAINT } else { theme::TEXT };
    let room = Rect::from_min_max(inner.min, pos2(right, inner.bottom()));
    let font = theme::regular(theme::SIZE_BODY);
    ui.painter_at(room).text(room.left_center(), Align2::LEFT_CENTER, row.text, font, color);
}

/// What a screen reader says of a row.
fn name(text: &str, is_here: bool, is_undone: bool) -> String {
    match (is_here, is_undone) {
        (true, _) => tf!("{text} (here)", text),
        (_, true) => tf!("{text} (taken back)", text),
        _ => text.to_owned(),
    }
}

fn effect(is_here: bool, is_undone: bool) -> &'static str {
    match (is_here, is_undone) {
        (true, _) => t("The case is here"),
        (_, true) => t("Do again all steps up to this one"),
        _ => t("Take back all steps after this one"),
    }
}

fn beginning(history: &History) -> String {
    match history.dropped() {
        0 => t("As opened").to_owned(),
        1 => t("After 1 earlier step").to_owned(),
        n => tf!("After {n} earlier steps", n),
    }
}

/// What was done, to which structure, on which slices.
fn words(step: &Step) -> String {
    let label = told_label(&step.edit.label);
    match &step.touched[..] {
        [] => label.clone(),
        [Touched { name, slices, .. }] => {
            // Strokes name their structure already.
            let named = if label.contains(name.as_str()) { label.clone() } else { format!("{label}: {name}") };
            match slice_words(slices) {
                None => named,
                Some(slices) => format!("{named}, {slices}"),
            }
        }
        several => tf!("{label}: {several} structures", label, several = several.len()),
    }
}

fn slice_words(slices: &[usize]) -> Option<String> {
    match slices {
        [] => None,
        [one] => Some(tf!("slice {n}", n = one + 1)),
        [first, .., last] if last - first + 1 == slices.len() => {
            Some(tf!("slices {n}–{n2}", n = first + 1, n2 = last + 1))
        }
        [first, .., last] => {
            Some(tf!("{slices} slices from {n} to {n2}", slices = slices.len(), n = first + 1, n2 = last + 1))
        }
    }
}

fn footer_ui(ui: &mut Ui, workbench: &Workbench, input: &PanelInput<'_>, history: &History) {
    ui.separator();
    ui.horizontal(|ui| {
        let steps = history.len();
        let used = history.bytes().div_ceil(1 << 20);
        let words = match steps {
            1 => tf!("1 step, {used} of", used),
            steps => tf!("{steps} steps, {used} of", steps, used),
        };
        ui.label(RichText::new(words).color(theme::TEXT_SECONDARY));
        let megabytes = (history.budget_bytes() >> 20) as u32;
        let combo = ComboBox::from_id_salt("history budget").selected_text(format!("{megabytes} MB")).width(86.0);
        let response = combo.show_ui(ui, |ui| {
            for choice in BUDGETS.into_iter().filter(|mb| (Settings::LEAST_HISTORY_MB..).contains(mb)) {
                if ui.selectable_label(choice == megabytes, format!("{choice} MB")).clicked() {
                    input.sender.send(Command::SetHistoryBudget(choice));
                }
            }
        });
        response.response.accessible_name(t("Memory for undo")).on_hover_text(t(
            "Memory that steps may hold; the oldest ones go when it is used up. A smaller choice drops them at once",
        ));
    });
    kept_ui(ui, workbench);
}

/// Whether the steps outlive the end of the program.
fn kept_ui(ui: &mut Ui, workbench: &Workbench) {
    match workbench.journal_status() {
        None => drop(faint(ui, t("Steps are in memory only; they end with the program"))),
        Some(status) if status.trouble.is_some() => {
            ui.horizontal(|ui| {
                icon_label(ui, Icon::Error, theme::ERROR);
                ui.label(RichText::new(t("Not kept on the disk at the moment: export soon")).color(theme::ERROR));
            });
        }
        Some(status) => drop(faint(
            ui,
            &match (status.path, status.bytes) {
                (None, _) => t("Steps will be kept on this computer until they are exported").to_owned(),
                (Some(_), bytes) => {
                    tf!("Kept on this computer until exported, {megabytes:.1} MB", megabytes = bytes as f64 / 1e6)
                }
            },
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structures::RoiId;
    use crate::workbench::Edit;
    use std::time::SystemTime;

    fn step(label: &str, touched: &[(&str, &[usize])]) -> Step {
        let touched = touched.iter().enumerate().map(|(n, (name, slices))| Touched {
            roi: RoiId(n as u32 + 1),
            name: (*name).to_owned(),
            slices: slices.to_vec(),
        });
        Step { state: 1, at: SystemTime::now(), edit: Edit::new(label, Vec::new()), touched: touched.collect() }
    }

    #[test]
    fn a_step_says_what_was_done_to_which_structure_on_which_slices() {
        assert_eq!(words(&step("Brush GTVp", &[("GTVp", &[11])])), "Brush GTVp, slice 12");
        assert_eq!(words(&step("Brush GTVp", &[("GTVp", &[4, 5, 6])])), "Brush GTVp, slices 5–7");
        assert_eq!(words(&step("Rename", &[("CTV", &[])])), "Rename: CTV");
        assert_eq!(
            words(&step("Delete structure", &[("Heart", &[1, 3])])),
            "Delete structure: Heart, 2 slices from 2 to 4"
        );
        assert_eq!(words(&step("Import structures", &[("A", &[1]), ("B", &[2])])), "Import structures: 2 structures");
        assert_eq!(words(&step("Clinical values", &[])), "Clinical values");
    }
}
