//! What the views say about the structures beside their outlines: which set each of two views side by side shows, and
//! what the strip of slices tells.

use super::privacy;
use super::request::CommandSender;
use super::theme;
use super::viewport::SliceMarks;
use crate::tf;
use crate::words::t;
use crate::workbench::{Command, CompareSide, ViewCommand, Workbench, gaps};
use eframe::egui::{ComboBox, Rect, Ui, UiBuilder, vec2};

/// What the strip of an axial view tells of the slices.
pub fn slice_marks(workbench: &Workbench) -> SliceMarks {
    let Some(case) = workbench.shown_case() else { return SliceMarks::default() };
    let slices = case.grid().slices();
    let coverage = workbench.coverage();
    let selected = workbench.view.selected.filter(|id| workbench.is_shown(*id));
    let mut marks = SliceMarks {
        gaps: vec![false; slices],
        seen: (0..slices).map(|k| coverage.is_seen(k)).collect(),
        ..SliceMarks::default()
    };
    for k in selected.and_then(|id| case.structures().get(id)).into_iter().flat_map(gaps) {
        if let Some(gap) = marks.gaps.get_mut(k) {
            *gap = true;
        }
    }
    if let Some(id) = selected {
        marks.copied = (0..slices).map(|k| workbench.is_copied(id, k)).collect();
    }
    let name = |id| case.structures().get(id).map(|r| privacy::words(workbench, &r.name));
    marks.edited = (0..slices).map(|k| coverage.edited_on(k).filter_map(name).collect()).collect();
    marks
}

/// What a side of a comparison is called.
pub fn side_label(workbench: &Workbench, side: &CompareSide) -> String {
    match side {
        CompareSide::Now => t("As it is now").to_owned(),
        CompareSide::AsOpened => t("As opened").to_owned(),
        CompareSide::Source(source) => {
            let number = workbench.sources().iter().position(|s| s == source).map_or(0, |n| n + 1);
            // Those that were made here go by words of the program, the others by the label of their set.
            match privacy::identifier(workbench, source, &tf!("Source {number}", number)) {
                "Proposed" => t("Proposed"),
                "Computed" => t("Computed"),
                "Synthetic" => t("Synthetic"),
                "Drawn here" => t("Drawn here"),
                label => label,
            }
            .to_owned()
        }
    }
}

/// The choice of what one of two views side by side shows, below its name.
pub fn side_ui(ui: &mut Ui, rect: Rect, side: usize, workbench: &Workbench, sender: &CommandSender) {
    let shows = &workbench.view.compare[side];
    let sources = workbench.sources();
    let label = |side: &CompareSide| side_label(workbench, side);
    let at = rect.min + vec2(theme::SPACE_2, 44.0);
    let mut child = ui.new_child(UiBuilder::new().max_rect(Rect::from_min_size(at, vec2(180.0, theme::ROW))));
    let combo = ComboBox::from_id_salt(("side", side)).width(150.0).selected_text(label(shows));
    let combo = combo.show_ui(&mut child, |ui| {
        let of_sources = sources.iter().cloned().map(CompareSide::Source);
        for option in [CompareSide::Now, CompareSide::AsOpened].into_iter().chain(of_sources) {
            if ui.selectable_label(option == *shows, label(&option)).clicked() {
                sender.send(Command::View(ViewCommand::SetCompare { side, shows: option }));
            }
        }
    });
    let name = if side == 0 { t("Structures on the left") } else { t("Structures on the right") };
    combo.response.accessible_name(name).on_hover_text(t("Which structures this view shows"));
}
