//! Dialogs for decisions: edits that would be lost, files that would be replaced.

use super::privacy::path_words;
use super::request::Opening;
use super::theme;
use super::widgets::primary_button;
use crate::tf;
use crate::words::t;
use crate::workbench::{ExportFormat, Workbench};
use eframe::egui::{self, Id, Label, RichText};
use std::path::PathBuf;

/// What has to be decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Contours changed since the last export, and this would discard them.
    Discard(Discarding),
    /// The file to export to exists, or files in the folder; asked for the case of this number.
    Replace { path: PathBuf, format: ExportFormat, case_count: u64 },
}

/// What would discard the contours.
#[derive(Debug, Clone, PartialEq)]
pub enum Discarding {
    Open(Opening),
    /// The case that was read while this one was changed.
    Arrived,
    Quit,
}

/// The user's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    GoOn,
    /// Export first.
    Export,
    Cancel,
}

/// What becomes of contours that were not exported.
fn unexported(kept: bool) -> String {
    let words = if kept {
        t("They are kept on this computer, undo included, and offered when this case is opened or Hilum starts again.")
    } else {
        t("They are lost if you go on.")
    };
    tf!("Contours have changed since the last export. {words}", words)
}

/// Shows the dialog; an answer once there is one.
pub fn show(context: &egui::Context, workbench: &Workbench, decision: &Decision) -> Option<Answer> {
    let (title, words, go_on, export) = match decision {
        Decision::Discard(what) => {
            let kept = workbench.edits_are_kept();
            let (title, go_on) = match what {
                Discarding::Open(Opening::Series(_)) => {
                    (t("Open another series without exporting?"), [t("Discard and open"), t("Keep and open")])
                }
                Discarding::Open(_) | Discarding::Arrived => {
                    (t("Open another case without exporting?"), [t("Discard and open"), t("Keep and open")])
                }
                Discarding::Quit => (t("Quit without exporting?"), [t("Discard and quit"), t("Keep and quit")]),
            };
            (title, unexported(kept), go_on[usize::from(kept)], true)
        }
        Decision::Replace { path, format, .. } => (
            if format.ending().is_some() { t("Replace this file?") } else { t("Replace files in this folder?") },
            tf!(
                "{first} A file that this case was read from is never replaced.\n{path}",
                first = if format.ending().is_some() {
                    t("It exists already.")
                } else {
                    t("It is not empty: masks of the same names are replaced, other files stay.")
                },
                path = path_words(workbench, path).unwrap_or_default()
            ),
            t("Replace"),
            false,
        ),
    };
    let mut answer = None;
    let modal = egui::Modal::new(Id::unique("decision")).show(context, |ui| {
        ui.set_width(420.0_f32.min(context.content_rect().width() - 60.0));
        ui.label(RichText::new(title).font(theme::strong(theme::SIZE_HEADING)));
        ui.add_space(theme::SPACE_1);
        ui.add(Label::new(RichText::new(words).color(theme::TEXT_SECONDARY)).wrap());
        ui.add_space(theme::SPACE_3);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if export && primary_button(ui, t("Export…")).clicked() {
                answer = Some(Answer::Export);
            }
            if ui.button(go_on).clicked() {
                answer = Some(Answer::GoOn);
            }
            if ui.button(t("Cancel")).clicked() {
                answer = Some(Answer::Cancel);
            }
        });
    });
    if answer.is_none() && modal.should_close() {
        answer = Some(Answer::Cancel);
    }
    answer
}
