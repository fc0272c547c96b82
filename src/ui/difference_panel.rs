//! The panel of the difference view: what is compared, by how much each pair differs, and what the figures mean.

use super::icons::swatch;
use super::panel::PanelInput;
use super::privacy;
use super::theme;
use super::view_sides::side_label;
use super::widgets::{action_tooltip, faint};
use crate::metrics::SliceDifference;
use crate::tf;
use crate::words::{t, told};
use crate::workbench::{
    Action, Command, CompareSide, Compared, DifferencePair, DifferenceStep, Differences, ViewCommand,
};
use eframe::egui::{Align, Button, ComboBox, DragValue, Label, Layout, RichText, Ui};

/// Shows the panel.
pub fn difference_panel_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let workbench = input.workbench;
    let Some(differences) = workbench.differences() else { return };
    if !differences.is_exercise() {
        sides_ui(ui, input, differences.compared());
    }
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE_1;
        for (action, label) in [
            (Action::PreviousDifference, t("Previous")),
            (Action::NextDifference, t("Next")),
            (Action::LargestDifference, t("Largest")),
        ] {
            let button = ui.add(Button::new(label)).accessible_name(action.info().label);
            if button.on_hover_text(action_tooltip(workbench, action)).clicked() {
                input.sender.send(action);
            }
        }
        let mut mm = workbench.view.difference_tolerance_mm;
        let drag = DragValue::new(&mut mm).speed(0.1).max_decimals(1).range(Differences::TOLERANCES_MM).suffix(" mm");
        let response = ui.add(drag.prefix(t("beyond ")));
        if response.changed() {
            input.sender.send(Command::View(ViewCommand::SetTolerance(mm)));
        }
        response
            .accessible_name(t("Differences beyond, mm"))
            .on_hover_text(t("Previous and Next stop at slices that differ by more"));
    });
    let mut pairs: Vec<(&DifferencePair, usize, &SliceDifference)> =
        differences.pairs().iter().filter_map(|p| p.largest().map(|(k, d)| (p, k, d))).collect();
    pairs.sort_by(|(_, _, a), (_, _, b)| b.size().0.cmp(&a.size().0).then(b.size().1.total_cmp(&a.size().1)));
    if differences.pairs().is_empty() {
        faint(ui, t("No structure of one side has a counterpart on the other"));
    } else if differences.is_measuring() {
        faint(ui, &tf!("{n} slices are being measured", n = differences.waiting()));
    } else if differences.waiting() > 0 {
        faint(ui, t("The difference could not be measured"));
    } else if pairs.is_empty() {
        faint(ui, t("What is compared does not differ"));
    }
    for (pair, k, difference) in pairs {
        pair_ui(ui, input, pair, k, difference);
    }
    ui.add_space(theme::SPACE_1);
    for (what, meaning) in Differences::DEFINITIONS {
        faint(ui, &format!("{}: {}", measure_words(what), told(meaning)));
    }
}

/// What a measure is called; the names are those of the JSON keys.
fn measure_words(key: &'static str) -> &'static str {
    match key {
        "outward_mm" => t("outward"),
        "inward_mm" => t("inward"),
        "distance" => t("distance"),
        "missed_mm2, extra_mm2" => t("missed, extra"),
        other => other,
    }
}

fn sides_ui(ui: &mut Ui, input: &PanelInput<'_>, compared: &Compared) {
    let workbench = input.workbench;
    let sides = [CompareSide::AsOpened, CompareSide::Now].into_iter();
    let sides: Vec<_> = sides.chain(workbench.sources().into_iter().map(CompareSide::Source)).collect();
    for (is_reference, words) in [(true, t("Reference")), (false, t("Compared"))] {
        let present = if is_reference { &compared.reference } else { &compared.test };
        ui.horizontal(|ui| {
            ui.label(RichText::new(words).color(theme::TEXT_SECONDARY));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let width = ui.available_width().min(170.0);
                let combo = ComboBox::from_id_salt(("difference", is_reference)).width(width).truncate();
                let combo = combo.selected_text(side_label(workbench, present)).show_ui(ui, |ui| {
                    for side in &sides {
                        if ui.selectable_label(side == present, side_label(workbench, side)).clicked() {
                            let mut next = compared.clone();
                            *(if is_reference { &mut next.reference } else { &mut next.test }) = side.clone();
                            input.sender.send(Command::View(ViewCommand::SetDifference(Some(next))));
                        }
                    }
                });
                let name = if is_reference { t("Reference of the difference") } else { t("What is compared with it") };
                combo.response.accessible_name(name);
            });
        });
    }
}

fn pair_ui(ui: &mut Ui, input: &PanelInput<'_>, pair: &DifferencePair, k: usize, difference: &SliceDifference) {
    let workbench = input.workbench;
    let selected = workbench.view.selected.is_some_and(|id| pair.is_of(id));
    let name = privacy::words(workbench, &pair.test.name);
    let size = match (difference.outward_mm, difference.inward_mm) {
        (Some(out), Some(into)) => tf!("{out:.1} mm outside, {into:.1} mm inside", out, into),
        _ if difference.test_mm2 > 0.0 => t("alone on a slice").to_owned(),
        _ => t("missing on a slice").to_owned(),
    };
    ui.horizontal(|ui| {
        swatch(ui, pair.test.color, 12.0);
        let button =
            ui.add(Button::selectable(selected, &name)).accessible_name(tf!("Largest difference of {name}", name));
        if button.on_hover_text(tf!("Select it and go to slice {n}: {size}", n = k + 1, size)).clicked() {
            let present = [pair.test.id, pair.reference.id]
                .into_iter()
                .find(|id| workbench.case().is_some_and(|c| c.structures().get(*id).is_some()));
            input.sender.send(Command::SelectRoi(present));
            input.sender.send(Command::View(ViewCommand::GoToDifference(DifferenceStep::Largest)));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add(
                Label::new(RichText::new(size).color(theme::TEXT_SECONDARY).size(theme::SIZE_SMALL + 1.0)).truncate(),
            );
        });
    });
}
