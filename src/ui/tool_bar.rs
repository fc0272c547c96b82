//! Options and rules of the tools, undo, windows, and the two computations that draw contours.

use super::icons::Icon;
use super::panel::PanelInput;
use super::theme;
use super::tool_options::{has_options, tool_options_ui};
use super::tool_rules;
use super::tour::{self, Anchor};
use super::widgets::{action_icon, action_item, action_tooltip, icon_text_button};
use crate::tf;
use crate::words::{t, told};
use crate::workbench::{Action, SidePanel};
use eframe::egui::{self, Button, RichText, Ui};

/// Shows the bar.
pub fn tool_bar_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let PanelInput { workbench, sender, .. } = *input;
    let sides = workbench.view.sides;
    let (listed, assessed) = (sides.shows(SidePanel::List), sides.shows(SidePanel::Assessment));
    // Where both panels have their place, keys and the View menu are enough to fold them away.
    let folds = sides.is_narrow();
    let room = ui.available_width()
        - [folds || !listed, folds || !assessed].map(|f| if f { 46.0 } else { 0.0 }).iter().sum::<f32>();
    let (wide, narrow) = (room > 1180.0, room < 960.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        if folds || !listed {
            action_icon(ui, workbench, sender, Action::StructureList, Icon::PanelLeft, listed);
            gap(ui);
        }
        let undo = action_icon(ui, workbench, sender, Action::Undo, Icon::Undo, false);
        tour::mark(ui, Anchor::Undo, undo.rect);
        action_icon(ui, workbench, sender, Action::Redo, Icon::Redo, false);
        gap(ui);
        windows_ui(ui, input);
        // A narrow bar leaves these to their keys and menus.
        if !narrow {
            action_icon(ui, workbench, sender, Action::FitViews, Icon::Maximize, false);
            let hidden = workbench.view.contours_hidden;
            let eye = if hidden { Icon::EyeOff } else { Icon::Eye };
            action_icon(ui, workbench, sender, Action::ToggleContours, eye, hidden);
        }
        gap(ui);
        rules_ui(ui, input);
        if narrow && has_options(workbench.tool()) {
            // They open below the bar, which has no room for them.
            ui.menu_button(t("Options"), |ui| tool_options_ui(ui, input, wide))
                .response
                .on_hover_text(t("What can be set of the tool in use"));
        } else {
            ui.scope(|ui| tool_options_ui(ui, input, wide));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = theme::SPACE_2;
            if folds || !assessed {
                action_icon(ui, workbench, sender, Action::Assessment, Icon::PanelRight, assessed);
            }
            let [stations, ctv] =
                if wide { [t("Contour stations with DiUnet"), t("Propose CTV")] } else { [t("Stations"), t("CTV")] };
            run_ui(ui, input, Action::Segment, Icon::Network, stations, true);
            run_ui(ui, input, Action::ProposeCtv, Icon::Layers, ctv, false);
        });
    });
}

fn gap(ui: &mut Ui) {
    ui.add_space(theme::SPACE_2);
    let (rect, _) = ui.allocate_exact_size(egui::vec2(1.0, 18.0), egui::Sense::hover());
    ui.painter().rect_filled(rect, 0.0, theme::LINE_STRONG);
    ui.add_space(theme::SPACE_2);
}

/// The windows of the keys 1 to 9.
fn windows_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let view = &input.workbench.view;
    let name = view.display.preset_name(view.window).map_or(t("Window"), told);
    let response = ui.menu_button(name, |ui| {
        ui.set_min_width(200.0);
        for action in Action::WINDOWS {
            action_item(ui, input.workbench, input.sender, action);
        }
    });
    tour::mark(ui, Anchor::Windows, response.response.rect);
    response
        .response
        .accessible_name(t("Window and level"))
        .on_hover_text(t("Window and level: number keys, or drag with the right button"));
}

/// Opens the rules; tells which hold.
fn rules_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let summary = tool_rules::summary(input.workbench);
    let tooltip = action_tooltip(input.workbench, Action::ToolRules);
    let (text, color) = match &summary {
        Some(_) => (t("Rules on"), theme::WARNING),
        None => (t("Rules"), theme::TEXT_SECONDARY),
    };
    let enabled = input.workbench.refusal(Action::ToolRules).is_none();
    let button = Button::selectable(summary.is_some(), RichText::new(text).color(color));
    let response = ui.add_enabled(enabled, button);
    let tooltip = summary.map_or_else(|| tooltip.clone(), |summary| tf!("{tooltip}\nNow: {summary}", tooltip, summary));
    if response.on_hover_text(&tooltip).on_disabled_hover_text(tooltip).clicked() {
        input.sender.send(Action::ToolRules);
    }
    ui.add_space(theme::SPACE_1);
}

fn run_ui(ui: &mut Ui, input: &PanelInput<'_>, action: Action, icon: Icon, label: &str, primary: bool) {
    let enabled = input.workbench.refusal(action).is_none();
    let tooltip = action_tooltip(input.workbench, action);
    let response = ui.add_enabled_ui(enabled, |ui| icon_text_button(ui, icon, label, primary)).inner;
    // A narrow window has room for a short label only; the name stays whole.
    let response = response.accessible_name(action.info().label);
    if response.on_hover_text(&tooltip).on_disabled_hover_text(tooltip).clicked() {
        input.sender.send(action);
    }
}
