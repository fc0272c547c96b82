//! The Teach workspace: draw a structure whose reference is hidden, then see where the two part.

use super::features_panel::fresh_mark;
use super::icons::Icon;
use super::panel::PanelInput;
use super::scene::{EXTRA_COLOR, MISSED_COLOR};
use super::theme;
use super::widgets::{action_tooltip, cm3, faint, icon_text_button, section, status_line, value_row};
use crate::metrics::Comparison;
use crate::structures::{Roi, RoiId};
use crate::teaching::{Exercise, Phase, Score};
use crate::tf;
use crate::words::t;
use crate::workbench::{Action, Command, READING, TeachCommand};
use eframe::egui::{self, ComboBox, RichText, ScrollArea, Ui, vec2};

/// What the panel keeps between frames.
#[derive(Debug, Default)]
pub struct TeachState {
    chosen: Option<RoiId>,
}

/// Shows the panel.
pub fn teach_panel_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut TeachState) {
    ui.label(RichText::new(t("Exercise")).font(theme::strong(theme::SIZE_HEADING)));
    let workbench = input.workbench;
    let Some(case) = workbench.shown_case() else {
        faint(ui, if workbench.loading().is_some() { t(READING) } else { t("Open a case first") });
        return;
    };
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| match workbench.exercise().copied() {
        None => start_ui(ui, input, state),
        Some(exercise) => {
            let name = |id| case.structures().get(id).map_or(t("a deleted structure"), |r| r.name.as_str());
            value_row(ui, t("Reference"), name(exercise.reference), "");
            value_row(ui, t("Your attempt"), name(exercise.attempt), "");
            ui.add_space(theme::SPACE_1);
            match exercise.phase {
                Phase::Contouring => contouring_ui(ui, input, exercise),
                Phase::Comparing => comparing_ui(ui, input),
            }
        }
    });
}

fn start_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut TeachState) {
    let Some(case) = input.workbench.case() else { return };
    let usable: Vec<&Roi> = case.structures().rois.iter().filter(|r| !r.slices.is_empty()).collect();
    if usable.is_empty() {
        faint(ui, t("This case has no structure with contours to serve as a reference"));
        return;
    }
    faint(
        ui,
        t("Choose a structure as reference. It is hidden, you draw it with the brush, and then both are compared"),
    );
    ui.add_space(theme::SPACE_1);
    let chosen = state
        .chosen
        .filter(|id| usable.iter().any(|r| r.id == *id))
        .or_else(|| usable.iter().find(|r| r.role.is_station()).map(|r| r.id))
        .unwrap_or(usable[0].id);
    state.chosen = Some(chosen);
    let name = usable.iter().find(|r| r.id == chosen).map_or("", |r| r.name.as_str());
    ui.label(RichText::new(t("Reference")).color(theme::TEXT_SECONDARY));
    let combo =
        ComboBox::from_id_salt("reference").width(ui.available_width() - 12.0).selected_text(name).height(400.0);
    let combo = combo.show_ui(ui, |ui| {
        for roi in &usable {
            if ui.selectable_label(roi.id == chosen, &roi.name).clicked() {
                state.chosen = Some(roi.id);
            }
        }
    });
    combo.response.accessible_name(t("Reference structure"));
    ui.add_space(theme::SPACE_2);
    if icon_text_button(ui, Icon::Play, t("Start exercise"), true).clicked() {
        input.sender.send(Command::GoToRoi(chosen));
        input.sender.send(Command::Teach(TeachCommand::Start(chosen)));
    }
}

fn contouring_ui(ui: &mut Ui, input: &PanelInput<'_>, exercise: Exercise) {
    status_line(ui, Icon::EyeOff, t("The reference is hidden. Draw the structure on every slice that it meets"));
    let drawn = input.workbench.case().map_or(0, |c| c.mask(exercise.attempt).slices.len());
    value_row(ui, t("Slices drawn"), &drawn.to_string(), "");
    value_row(ui, t("Volume drawn"), &cm3(input.volumes.cm3(exercise.attempt)), "");
    ui.add_space(theme::SPACE_2);
    ui.horizontal(|ui| {
        let compare = ui.add_enabled_ui(drawn > 0, |ui| icon_text_button(ui, Icon::Chart, t("Compare"), true)).inner;
        if compare.on_disabled_hover_text(t("Draw something first")).clicked() {
            input.sender.send(Command::Teach(TeachCommand::Compare));
        }
        if ui.button(t("Give up")).on_hover_text(t("End the exercise; your attempt stays in the list")).clicked() {
            input.sender.send(Command::Teach(TeachCommand::Stop));
        }
    });
}

fn comparing_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let workbench = input.workbench;
    legend_ui(ui);
    ui.horizontal(|ui| {
        let action = Action::LargestDifference;
        if workbench.refusal(action).is_none() {
            let button = icon_text_button(ui, Icon::Search, t("Largest difference"), false);
            if button.on_hover_text(action_tooltip(workbench, action)).clicked() {
                input.sender.send(action);
            }
        }
    });
    ui.add_space(theme::SPACE_1);
    match workbench.score().zip(workbench.case()) {
        Some((score, case)) => {
            section(ui, t("Measures"), true, |ui| {
                fresh_mark(ui, score, case.revision());
                score_ui(ui, &score.value);
            });
        }
        None => {
            faint(ui, t("Comparing"));
        }
    }
    ui.horizontal(|ui| {
        if ui.button(t("Go on drawing")).on_hover_text(t("Hide the reference again")).clicked() {
            input.sender.send(Command::Teach(TeachCommand::Continue));
        }
        if ui.button(t("End exercise")).clicked() {
            input.sender.send(Command::Teach(TeachCommand::Stop));
        }
    });
}

fn legend_ui(ui: &mut Ui) {
    for (color, words) in [
        (MISSED_COLOR, t("Missed: in the reference, not drawn")),
        (EXTRA_COLOR, t("Extra: drawn, not in the reference")),
    ] {
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(14.0, 14.0), egui::Sense::hover());
            ui.painter().rect_filled(rect.shrink(1.0), 3.0, theme::faded(color, 0.6));
            ui.label(RichText::new(words).color(theme::TEXT_SECONDARY));
        });
    }
}

/// The measures with their definitions; never one composite score.
fn score_ui(ui: &mut Ui, score: &Score) {
    let c = &score.comparison;
    if c.both_empty() {
        faint(ui, t("Nothing to compare: both are empty"));
        return;
    }
    let ratio = |v: Option<f64>| v.map_or("—".to_owned(), |v| format!("{v:.3}"));
    let mm = |v: Option<f64>| v.map_or("—".to_owned(), |v| format!("{v:.2} mm"));
    value_row(ui, t("Volume drawn"), &cm3(c.test_cm3), t("Voxels of the attempt times their true thickness"));
    value_row(
        ui,
        t("Volume of the reference"),
        &cm3(c.reference_cm3),
        t("Voxels of the reference times their true thickness"),
    );
    value_row(ui, t("Missed"), &cm3(score.missed_cm3), t("Inside the reference, not drawn"));
    value_row(ui, t("Extra"), &cm3(score.extra_cm3), t("Drawn, outside the reference"));
    value_row(
        ui,
        t("Dice (DSC)"),
        &ratio(Some(c.dsc)),
        t(
            "Volumetric Dice coefficient: twice the common volume over the sum of both volumes; 1 is identical. Small structures score lower for the same error in mm",
        ),
    );
    value_row(
        ui,
        "HD95",
        &mm(c.hd95_mm),
        t("95th percentile of the distances between the surfaces, the greater of both directions, weighted by area"),
    );
    value_row(
        ui,
        t("Mean surface distance"),
        &mm(c.msd_mm),
        t("Mean of the mean distances in both directions, weighted by area"),
    );
    for tolerance in Comparison::SURFACE_TOLERANCES_MM {
        value_row(
            ui,
            &tf!("Surface DSC at {tolerance:.0} mm", tolerance),
            &ratio(c.surface_dsc_at(tolerance)),
            t("Part of both surfaces that lies within the tolerance of the other (Nikolov et al. 2021)"),
        );
    }
    for path in &c.added_path {
        let relative = path.relative.map(|r| format!(" ({:.0} %)", 100.0 * r)).unwrap_or_default();
        value_row(
            ui,
            &tf!("Added path at {tolerance:.0} mm", tolerance = path.tolerance_mm),
            &format!("{:.0} mm{relative}", path.mm),
            t(
                "Added path length (Vaassen et al. 2020): outline of the reference that still has to be drawn, without that within the tolerance of the attempt",
            ),
        );
    }
}
