//! How the scan is shown: between voxels, and through a slab of any thickness.

use super::panel::PanelInput;
use super::theme;
use super::widgets::{action_tooltip, segmented};
use crate::image::{Sampling, Slab, SlabMode};
use crate::words::t;
use crate::workbench::{Action, Command};
use eframe::egui::{Checkbox, DragValue, RichText, Ui};

/// Sampling and slab of all views.
pub fn display_panel_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let (workbench, sender) = (input.workbench, input.sender);
    let view = &workbench.view;
    ui.horizontal(|ui| {
        ui.label(RichText::new(t("Voxels")).color(theme::TEXT_SECONDARY));
        let options = [(Sampling::Interpolated, t("Interpolated")), (Sampling::Nearest, t("As they are"))];
        let tooltip = action_tooltip(workbench, Action::ToggleInterpolation);
        if let Some(sampling) = segmented(ui, &tooltip, &options, view.sampling) {
            sender.send(Command::SetSampling(sampling));
        }
    });
    ui.horizontal(|ui| {
        let mut on = view.slab.is_some();
        let label = RichText::new(t("Slab")).color(theme::TEXT_SECONDARY);
        let response = ui.add(Checkbox::new(&mut on, label));
        if response.on_hover_text(action_tooltip(workbench, Action::SlabThickness)).changed() {
            let thickness_mm = Slab::STEPS_MM[1];
            sender.send(Command::SetSlab(on.then_some(Slab { mode: view.slab_mode, thickness_mm })));
        }
        let Some(slab) = view.slab else { return };
        let options = [(SlabMode::Maximum, "MIP"), (SlabMode::Minimum, "MinIP"), (SlabMode::Average, t("Average"))];
        if let Some(mode) = segmented(ui, &action_tooltip(workbench, Action::SlabMode), &options, slab.mode) {
            sender.send(Command::SetSlab(Some(Slab { mode, ..slab })));
        }
        let mut mm = slab.thickness_mm;
        let drag = DragValue::new(&mut mm).speed(0.5).max_decimals(1).range(Slab::RANGE_MM).suffix(" mm");
        let response = ui.add(drag);
        if response.changed() {
            sender.send(Command::SetSlab(Some(Slab { thickness_mm: mm, ..slab })));
        }
        response
            .accessible_name(t("Thickness of the slab, mm"))
            .on_hover_text(t("Type or drag; along the line of sight"));
    });
}
