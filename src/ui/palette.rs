//! The command palette: every action, recent case, series and structure by its name.

use super::fuzzy;
use super::privacy::{recent_label, series_title};
use super::request::{CommandSender, Opening, Request, WindowRequest};
use super::series_panel::has_choice;
use super::theme;
use super::widgets::role_words;
use crate::tf;
use crate::words::t;
use crate::workbench::{Action, Command, Workbench};
use eframe::egui::{
    self, Align2, Id, Key, Modifiers, Rect, RichText, Role, Sense, TextEdit, Ui, Vec2, WidgetInfo, pos2, vec2,
};
use strum::IntoEnumIterator;

/// The open palette.
#[derive(Debug, Default)]
pub struct Palette {
    query: String,
    chosen: usize,
}

/// One row.
struct Entry {
    text: String,
    /// Found by its English name too, in every language.
    english: &'static str,
    /// Shortcut or kind, on the right.
    note: String,
    request: Request,
    refusal: Option<&'static str>,
}

fn entries(workbench: &Workbench) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Action::iter()
        .filter(|a| *a != Action::Palette)
        .map(|action| {
            let key = workbench.keymap().key(action).map(|key| key.to_string());
            Entry {
                text: workbench.action_label(action).trim_end_matches('…').to_owned(),
                english: action.row().label,
                note: key.unwrap_or_else(|| action.row().menu.label().to_owned()),
                request: action.into(),
                refusal: workbench.refusal(action),
            }
        })
        .collect();
    for roi in workbench.shown_case().iter().flat_map(|c| &c.structures().rois) {
        entries.push(Entry {
            text: tf!("Go to {structure}", structure = roi.name),
            english: "",
            note: role_words(roi.role),
            request: Command::GoToRoi(roi.id).into(),
            refusal: roi.slices.is_empty().then_some(t("It has no contours yet")),
        });
    }
    if has_choice(workbench) {
        for series in &workbench.series().series {
            entries.push(Entry {
                text: tf!(
                    "Open series {series}",
                    series = series_title(workbench, series).trim_start_matches("Series ")
                ),
                english: "",
                note: tf!("{n} slices", n = series.slices),
                request: WindowRequest::Open(Opening::Series(series.key.clone())).into(),
                refusal: workbench.series_refusal(&series.key),
            });
        }
    }
    if !workbench.view.identifiers_hidden {
        for (number, recent) in workbench.settings().recent.iter().enumerate() {
            entries.push(Entry {
                text: tf!("Open recent {case}", case = recent_label(workbench, number, recent)),
                english: "",
                note: t("Recent case").into(),
                request: WindowRequest::Open(Opening::Paths(recent.paths().to_vec())).into(),
                refusal: None,
            });
        }
    }
    entries
}

/// Entries that fit the query, best first; in the order of the table for an empty query.
fn matching(workbench: &Workbench, query: &str) -> Vec<Entry> {
    let score =
        |e: &Entry| fuzzy::score(query, &e.text).max(fuzzy::score(query, e.english).filter(|_| !query.is_empty()));
    let mut found: Vec<(i32, Entry)> =
        entries(workbench).into_iter().filter_map(|e| score(&e).map(|s| (s, e))).collect();
    found.sort_by_key(|(score, entry)| (std::cmp::Reverse(*score), entry.refusal.is_some()));
    found.into_iter().map(|(_, entry)| entry).collect()
}

impl Palette {
    /// Shows the palette; false once it should close.
    pub fn show(&mut self, context: &egui::Context, workbench: &Workbench, sender: &CommandSender) -> bool {
        let take = |key: Key| context.input_mut(|i| i.consume_key(Modifiers::NONE, key));
        let (up, down, enter) = (take(Key::ArrowUp), take(Key::ArrowDown), take(Key::Enter));
        let again = context.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::K));
        let found = matching(workbench, &self.query);
        if down {
            self.chosen += 1;
        }
        if up {
            self.chosen = self.chosen.saturating_sub(1);
        }
        self.chosen = self.chosen.min(found.len().saturating_sub(1));
        let mut run = enter.then_some(self.chosen);
        let room = context.content_rect().size();
        let width = 520.0_f32.min(room.x - 60.0);
        let area = egui::Modal::default_area(Id::unique("palette"))
            .anchor(Align2::CENTER_TOP, vec2(0.0, 80.0_f32.min(room.y * 0.1)))
            .default_width(width);
        let modal = egui::Modal::new(Id::unique("palette")).area(area).show(context, |ui| {
            ui.set_width(width);
            let edit = TextEdit::singleline(&mut self.query)
                .hint_text(t("Type a command, a structure or a recent case"))
                .desired_width(f32::INFINITY)
                .margin(Vec2::new(10.0, 8.0));
            let response = ui.add(edit).accessible_name(t("Find a command"));
            response.request_focus();
            if response.changed() {
                self.chosen = 0;
            }
            ui.add_space(theme::SPACE_1);
            let scroll = egui::ScrollArea::vertical().max_height(380.0).auto_shrink([false, true]);
            scroll.show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                for (n, entry) in found.iter().enumerate() {
                    let response = row(ui, entry, n == self.chosen);
                    if n == self.chosen && (up || down) {
                        response.scroll_to_me(None);
                    }
                    if response.clicked() {
                        run = Some(n);
                    }
                }
                if found.is_empty() {
                    ui.add_space(theme::SPACE_2);
                    ui.label(RichText::new(t("Nothing fits; try fewer letters")).color(theme::TEXT_FAINT));
                }
            });
        });
        if let Some(entry) = run.and_then(|n| found.into_iter().nth(n))
            && entry.refusal.is_none()
        {
            sender.send(entry.request);
            return false;
        }
        !(again || modal.should_close())
    }
}

fn row(ui: &mut Ui, entry: &Entry, chosen: bool) -> egui::Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 30.0), Sense::click());
    let enabled = entry.refusal.is_none();
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, enabled, chosen, &entry.text));
    if ui.is_rect_visible(rect) {
        if chosen || response.hovered() {
            let fill = if chosen { theme::ACCENT_FILL } else { theme::CONTROL_HOVER };
            ui.painter().rect_filled(rect, f32::from(theme::CORNER), fill);
        }
        let color = if enabled { theme::TEXT } else { theme::TEXT_DISABLED };
        let inner = rect.shrink2(vec2(10.0, 0.0));
        let note = ui.painter().text(
            inner.right_center(),
            Align2::RIGHT_CENTER,
            &entry.note,
            theme::regular(theme::SIZE_SMALL),
            theme::TEXT_FAINT,
        );
        let room = Rect::from_min_max(inner.min, pos2(note.left() - 8.0, inner.bottom()));
        let text = entry.text.clone();
        ui.painter_at(room).text(
            room.left_center(),
            Align2::LEFT_CENTER,
            text,
            theme::regular(theme::SIZE_BODY),
            color,
        );
    }
    match entry.refusal {
        Some(refusal) => response.on_hover_text(refusal),
        None => response,
    }
}
