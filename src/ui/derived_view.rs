//! Derived structures in the list: whether they are what their recipe gives, and how they are brought up to date.

use super::icons::{Icon, icon_label};
use super::panel::PanelInput;
use super::privacy::words;
use super::theme;
use super::widgets::faint;
use crate::structures::{DerivedState, Roi};
use crate::tf;
use crate::words::{t, told};
use crate::workbench::{Command, OperationCommand};
use eframe::egui::{Color32, RichText, Ui};

fn color(state: DerivedState) -> Color32 {
    match state {
        DerivedState::UpToDate => theme::OK,
        DerivedState::Stale | DerivedState::InputGone => theme::WARNING,
        DerivedState::Overridden => theme::INFO,
    }
}

/// In the row of a derived structure: its state, as a word where something is to be known.
pub fn state_mark_ui(ui: &mut Ui, input: &PanelInput<'_>, roi: &Roi) {
    let Some(state) = input.workbench.derived_state(roi.id) else { return };
    if state == DerivedState::UpToDate {
        icon_label(ui, Icon::Check, color(state)).on_hover_text(t("Derived: it is what its recipe gives"));
        return;
    }
    let label = RichText::new(told(state.label())).color(color(state)).size(theme::SIZE_SMALL);
    ui.label(label).on_hover_text(told(state.words()));
}

/// Below the selected row of a derived structure: recipe, state, and what can be done.
pub fn recipe_ui(ui: &mut Ui, input: &PanelInput<'_>, roi: &Roi) {
    let (workbench, sender) = (input.workbench, input.sender);
    let (Some(state), Some(derivation)) = (workbench.derived_state(roi.id), &roi.derivation) else { return };
    if let Some(recipe) = workbench.recipe_words(roi) {
        faint(ui, &words(workbench, &recipe));
    }
    ui.horizontal(|ui| {
        let icon = if state == DerivedState::UpToDate { Icon::Check } else { Icon::Warning };
        icon_label(ui, icon, color(state));
        ui.label(RichText::new(told(state.label())).color(theme::TEXT_SECONDARY)).on_hover_text(told(state.words()));
        let can = matches!(state, DerivedState::Stale | DerivedState::Overridden);
        let name = tf!("Update {name}", name = roi.name);
        let button = ui.add_enabled_ui(can, |ui| ui.button(t("Update")).accessible_name(&name)).inner;
        let hover = if state == DerivedState::Overridden {
            t("Make it again by its recipe; edits by hand are replaced, undo brings them back")
        } else {
            t("Make it again by its recipe, as one step of undo")
        };
        if button.on_hover_text(hover).on_disabled_hover_text(told(state.words())).clicked() {
            sender.send(Command::Operate(OperationCommand::Update(roi.id)));
        }
        let mut live = derivation.live;
        let live_box = ui.checkbox(&mut live, t("Live"));
        let changed = live_box.changed();
        live_box
            .accessible_name(tf!("Keep {name} up to date", name = roi.name))
            .on_hover_text(t("Make it again after every edit of what it is made of, unless it was edited itself"));
        if changed {
            sender.send(Command::Operate(OperationCommand::SetLive { roi: roi.id, live }));
        }
        let forget = ui.button(t("Forget")).accessible_name(tf!("Forget the recipe of {name}", name = roi.name));
        if forget.on_hover_text(t("It keeps its contours and is derived no more")).clicked() {
            sender.send(Command::Operate(OperationCommand::Detach(roi.id)));
        }
    });
}
