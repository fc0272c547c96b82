//! The options of the tool in use, in the tool bar.

use super::panel::PanelInput;
use super::theme;
use super::widgets::{action_tooltip, segmented};
use crate::words::t;
use crate::workbench::tools::{BrushShape, PaintMode, ToolOptions};
use crate::workbench::{Action, Command, ToolKind};
use eframe::egui::{DragValue, RichText, Slider, Ui};

/// True for tools of which something can be set.
pub fn has_options(tool: ToolKind) -> bool {
    !matches!(tool, ToolKind::Navigate | ToolKind::Cut | ToolKind::Delete | ToolKind::Transform)
}

/// Shows what can be set of the tool in use; tools without options show nothing.
pub fn tool_options_ui(ui: &mut Ui, input: &PanelInput<'_>, wide: bool) {
    ui.spacing_mut().item_spacing.x = 6.0;
    let tools = input.workbench.toolbox();
    match tools.kind() {
        ToolKind::Brush => {
            radius_ui(ui, input, wide);
            shape_ui(ui, input);
            mode_ui(ui, input);
        }
        ToolKind::Eraser => {
            radius_ui(ui, input, wide);
            shape_ui(ui, input);
        }
        ToolKind::Nudge => {
            radius_ui(ui, input, wide);
            shape_ui(ui, input);
            softness_ui(ui, input);
        }
        ToolKind::Freehand | ToolKind::Livewire => mode_ui(ui, input),
        ToolKind::Polygon | ToolKind::Spline => {
            corners_ui(ui, input);
            mode_ui(ui, input);
        }
        ToolKind::Flood => flood_ui(ui, input),
        ToolKind::Navigate | ToolKind::Cut | ToolKind::Delete | ToolKind::Transform => {}
    }
}

fn label(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).color(theme::TEXT_SECONDARY));
}

fn set(input: &PanelInput<'_>, change: impl FnOnce(&mut ToolOptions)) {
    let mut options = *input.workbench.toolbox().options();
    change(&mut options);
    input.sender.send(Command::SetToolOptions(options));
}

fn radius_ui(ui: &mut Ui, input: &PanelInput<'_>, wide: bool) {
    let mut radius = input.workbench.toolbox().options().radius_mm;
    label(ui, t("Radius"));
    ui.spacing_mut().slider_width = if wide { 110.0 } else { 64.0 };
    let range = ToolOptions::SMALLEST_RADIUS_MM..=ToolOptions::LARGEST_RADIUS_MM;
    let response = ui.add(Slider::new(&mut radius, range).logarithmic(true).fixed_decimals(1).suffix(" mm"));
    if response.changed() {
        input.sender.send(Command::SetBrushRadius(radius));
    }
    response
        .accessible_name(t("Brush radius"))
        .on_hover_text(t("Radius of brush, eraser and nudge. Brackets and Shift wheel change it"));
}

fn shape_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let shape = input.workbench.toolbox().options().shape;
    let tooltip = action_tooltip(input.workbench, Action::BrushBall);
    let options = [(BrushShape::Disc, t("Disc")), (BrushShape::Ball, t("Ball"))];
    if let Some(shape) = segmented(ui, &tooltip, &options, shape) {
        input.sender.send(Command::SetBrushShape(shape));
    }
}

fn mode_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let mode = input.workbench.toolbox().options().mode;
    let tooltip = action_tooltip(input.workbench, Action::BrushMode);
    let options = [(PaintMode::Auto, t("Auto")), (PaintMode::Add, t("Add")), (PaintMode::Erase, t("Erase"))];
    if let Some(mode) = segmented(ui, &tooltip, &options, mode) {
        set(input, |options| options.mode = mode);
    }
}

/// Polygon or spline.
fn corners_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let options = [(ToolKind::Polygon, t("Corners")), (ToolKind::Spline, t("Curve"))];
    let tooltip = t("Straight lines between the points (P), or a smooth curve through them (Shift+P)");
    if let Some(kind) = segmented(ui, tooltip, &options, input.workbench.tool()) {
        input.sender.send(Command::SetTool(kind));
    }
}

fn softness_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let mut percent = input.workbench.toolbox().options().softness * 100.0;
    label(ui, t("Softness"));
    let [least, most] = ToolOptions::SOFTNESS.map(|s| s * 100.0);
    let drag = DragValue::new(&mut percent).speed(1.0).max_decimals(0).range(least..=most).suffix(" %");
    let response = ui.add(drag);
    if response.changed() {
        set(input, |options| options.softness = percent / 100.0);
    }
    response
        .accessible_name(t("Softness of the nudge, percent of the radius"))
        .on_hover_text(t("How far beyond the disc the outline gives way, in percent of the radius"));
}

fn flood_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let ToolOptions { flood_tolerance_hu: mut tolerance, flood_radius_mm: mut reach, .. } =
        *input.workbench.toolbox().options();
    label(ui, t("Tolerance"));
    let [least, most] = ToolOptions::FLOOD_TOLERANCE_HU;
    let response = ui.add(DragValue::new(&mut tolerance).speed(1.0).range(least..=most).prefix("± ").suffix(" HU"));
    if response.changed() {
        set(input, |options| options.flood_tolerance_hu = tolerance);
    }
    response
        .accessible_name(t("Tolerance of the flood, HU"))
        .on_hover_text(t("How far CT numbers may be from that of the clicked voxel"));
    label(ui, t("Reach"));
    let [least, most] = ToolOptions::FLOOD_RADIUS_MM;
    let drag = DragValue::new(&mut reach).speed(0.2).max_decimals(1).range(least..=most).suffix(" mm");
    let response = ui.add(drag);
    if response.changed() {
        set(input, |options| options.flood_radius_mm = reach);
    }
    response
        .accessible_name(t("Reach of the flood over several slices, mm"))
        .on_hover_text(t("How far from the clicked voxel a flood over several slices goes (Shift click)"));
}
