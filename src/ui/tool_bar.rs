//! Tools, brush, window presets, and the two computations that draw contours.

use super::icons::Icon;
use super::panel::PanelInput;
use super::theme;
use super::tour::{self, Anchor};
use super::widgets::{action_icon, action_tooltip, icon_text_button};
use crate::image::WindowLevel;
use crate::words::t;
use crate::workbench::tools::{BrushShape, ToolOptions};
use crate::workbench::{Action, Command, ToolKind};
use eframe::egui::{self, Button, Rect, RichText, Slider, Ui};

/// Shows the bar.
pub fn tool_bar_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let PanelInput { workbench, sender, .. } = *input;
    let wide = ui.available_width() > 1150.0;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        let tool = workbench.tool();
        for (action, icon, kind) in [
            (Action::ToolNavigate, Icon::Crosshair, ToolKind::Navigate),
            (Action::ToolBrush, Icon::Brush, ToolKind::Brush),
            (Action::ToolEraser, Icon::Eraser, ToolKind::Eraser),
        ] {
            let button = action_icon(ui, workbench, sender, action, icon, tool == kind);
            if kind == ToolKind::Brush {
                tour::mark(ui, Anchor::Brush, button.rect);
            }
        }
        gap(ui);
        brush_ui(ui, input, wide);
        gap(ui);
        let undo = action_icon(ui, workbench, sender, Action::Undo, Icon::Undo, false);
        tour::mark(ui, Anchor::Undo, undo.rect);
        action_icon(ui, workbench, sender, Action::Redo, Icon::Redo, false);
        gap(ui);
        presets_ui(ui, input);
        gap(ui);
        action_icon(ui, workbench, sender, Action::FitViews, Icon::Maximize, false);
        let hidden = workbench.view.contours_hidden;
        action_icon(
            ui,
            workbench,
            sender,
            Action::ToggleContours,
            if hidden { Icon::EyeOff } else { Icon::Eye },
            hidden,
        );
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = theme::SPACE_2;
            let stations = if wide { t("Contour stations with DiUnet") } else { t("DiUnet stations") };
            run_ui(ui, input, Action::Segment, Icon::Network, stations, true);
            run_ui(ui, input, Action::ProposeCtv, Icon::Layers, t("Propose CTV"), false);
        });
    });
}

fn gap(ui: &mut Ui) {
    ui.add_space(theme::SPACE_2);
    let (rect, _) = ui.allocate_exact_size(egui::vec2(1.0, 18.0), egui::Sense::hover());
    ui.painter().rect_filled(rect, 0.0, theme::LINE_STRONG);
    ui.add_space(theme::SPACE_2);
}

/// Radius and shape; greyed while no brush is chosen.
fn brush_ui(ui: &mut Ui, input: &PanelInput<'_>, wide: bool) {
    let tools = input.workbench.toolbox();
    let ToolOptions { radius_mm: mut radius, shape, .. } = *tools.options();
    ui.add_enabled_ui(tools.has_radius(), |ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.spacing_mut().slider_width = if wide { 110.0 } else { 64.0 };
        ui.label(RichText::new(t("Radius")).color(theme::TEXT_SECONDARY));
        let range = ToolOptions::SMALLEST_RADIUS_MM..=ToolOptions::LARGEST_RADIUS_MM;
        let slider = Slider::new(&mut radius, range).logarithmic(true).fixed_decimals(1).suffix(" mm");
        let response = ui.add(slider);
        let changed = response.changed();
        let response = response.accessible_name(t("Brush radius"));
        response
            .on_hover_text(t("Radius of brush and eraser. Brackets and Shift wheel change it"))
            .on_disabled_hover_text(t("Choose the brush or the eraser first"));
        if changed {
            input.sender.send(Command::SetBrushRadius(radius));
        }
        ui.spacing_mut().item_spacing.x = 2.0;
        let tooltip = action_tooltip(input.workbench, Action::BrushBall);
        for (option, label) in [(BrushShape::Disc, t("Disc")), (BrushShape::Ball, t("Ball"))] {
            let selected = tools.has_radius() && shape == option;
            let button = ui.add(Button::selectable(selected, label));
            let button = button.on_hover_text(&tooltip).on_disabled_hover_text(&tooltip);
            if button.clicked() && !selected {
                input.sender.send(Command::SetBrushShape(option));
            }
        }
    });
}

fn presets_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let window = input.workbench.view.window;
    let mut all = Rect::NOTHING;
    for (action, label, preset) in [
        (Action::WindowMediastinum, t("Mediastinum"), WindowLevel::MEDIASTINUM),
        (Action::WindowLung, t("Lung"), WindowLevel::LUNG),
        (Action::WindowBone, t("Bone"), WindowLevel::BONE),
    ] {
        let response = ui.add(Button::selectable(window == preset, label));
        all = all.union(response.rect);
        if response.on_hover_text(action_tooltip(input.workbench, action)).clicked() {
            input.sender.send(action);
        }
    }
    tour::mark(ui, Anchor::Windows, all);
}

fn run_ui(ui: &mut Ui, input: &PanelInput<'_>, action: Action, icon: Icon, label: &str, primary: bool) {
    let enabled = input.workbench.refusal(action).is_none();
    let tooltip = action_tooltip(input.workbench, action);
    let response = ui.add_enabled_ui(enabled, |ui| icon_text_button(ui, icon, label, primary)).inner;
    if response.on_hover_text(&tooltip).on_disabled_hover_text(tooltip).clicked() {
        input.sender.send(action);
    }
}
