//! Measurements over the image, and their list.

use super::icons::Icon;
use super::panel::PanelInput;
use super::theme;
use super::viewport::{ViewTransform, signed, text};
use super::widgets::{faint, icon_button_sized};
use crate::geometry::VoxelGrid;
use crate::tf;
use crate::words::{t, told};
use crate::workbench::{Command, MeasureCommand, MeasureKind, MeasureValue, Measurement, ViewCommand, Workbench};
use eframe::egui::{Align, Align2, Label, Layout, Painter, Pos2, RichText, Stroke, Ui, vec2};

/// How near to an end the pointer takes hold of it, points.
pub const REACH: f32 = 8.0;

/// What was found, in lines for people.
pub fn value_lines(value: &MeasureValue) -> Vec<String> {
    match value {
        MeasureValue::Distance { mm } => vec![format!("{mm:.1} mm")],
        MeasureValue::Angle { degrees } => vec![format!("{degrees:.1}°")],
        MeasureValue::Circle { radius_mm, statistics: None } => {
            vec![tf!("radius {radius_mm:.1} mm", radius_mm), t("no voxel centre inside").into()]
        }
        MeasureValue::Circle { radius_mm, statistics: Some(s) } => vec![
            format!("{} ± {:.1} HU", signed(s.mean_hu, 1), s.sd_hu),
            tf!("{low} to {high} HU", low = signed(f64::from(s.min_hu), 0), high = signed(f64::from(s.max_hu), 0)),
            tf!(
                "{area:.0} mm², {voxels} voxels, radius {radius_mm:.1} mm",
                area = s.area_mm2,
                voxels = s.voxels,
                radius_mm
            ),
        ],
    }
}

/// Draws what lies in the plane of a view. `pointer` leads the point that is being placed.
pub fn paint(painter: &Painter, view: &ViewTransform, grid: &VoxelGrid, workbench: &Workbench, pointer: Option<Pos2>) {
    let measures = workbench.measures();
    for measurement in measures.done().iter().chain(measures.placing()) {
        if measurement.lies_in(grid, &view.plane) {
            let placing = measures.placing().is_some_and(|p| p.id == measurement.id);
            let chosen = measures.chosen == Some(measurement.id) && workbench.view.measuring.is_some();
            paint_one(painter, view, measurement, chosen || placing, pointer.filter(|_| placing));
        }
    }
}

fn paint_one(painter: &Painter, view: &ViewTransform, measurement: &Measurement, strong: bool, pointer: Option<Pos2>) {
    let mut points: Vec<Pos2> = measurement.points.iter().map(|p| view.screen_from_patient(*p)).collect();
    if points.len() < measurement.kind.points() {
        points.extend(pointer);
    }
    let color = if strong { theme::WARNING } else { theme::OVERLAY_TEXT };
    for stroke in [Stroke::new(3.5, theme::OVERLAY_SHADOW), Stroke::new(1.5, color)] {
        match (measurement.kind, points.as_slice()) {
            (MeasureKind::Circle, &[center, rim, ..]) => {
                painter.circle_stroke(center, center.distance(rim), stroke);
            }
            (_, points) => {
                for pair in points.windows(2) {
                    painter.line_segment([pair[0], pair[1]], stroke);
                }
            }
        }
    }
    for at in &points {
        painter.circle(*at, 3.5, theme::OVERLAY_SHADOW, Stroke::new(1.25, color));
    }
    let Some(value) = &measurement.value else { return };
    let mut at = match (measurement.kind, points.as_slice()) {
        (MeasureKind::Circle, &[center, rim, ..]) => center + vec2(center.distance(rim) + 8.0, -12.0),
        (MeasureKind::Angle, &[_, corner, ..]) => corner + vec2(10.0, 8.0),
        (_, points) => points.last().copied().unwrap_or(Pos2::ZERO) + vec2(10.0, -6.0),
    };
    for line in value_lines(value) {
        let font = theme::strong(theme::SIZE_SMALL + 1.0);
        at = text(painter, at, Align2::LEFT_TOP, &line, font, color).left_bottom();
    }
}

/// The list of all measurements.
pub fn measurements_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let PanelInput { workbench, sender, .. } = *input;
    for measurement in workbench.measures().done() {
        let Some(value) = &measurement.value else { continue };
        let id = measurement.id;
        ui.horizontal(|ui| {
            let title = format!("{} {id}, {}", measurement.kind.label(), told(&measurement.orientation.to_string()));
            ui.label(RichText::new(title).color(theme::TEXT_SECONDARY));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let remove = tf!("Remove measurement {id}", id);
                if icon_button_sized(ui, Icon::Trash, &remove, false, 22.0).on_hover_text(&remove).clicked() {
                    sender.send(Command::View(ViewCommand::Measure(MeasureCommand::Delete(id))));
                }
                let go = tf!("Go to measurement {id}", id);
                if icon_button_sized(ui, Icon::Crosshair, &go, false, 22.0).on_hover_text(&go).clicked() {
                    sender.send(Command::SetCrosshair(measurement.points[0]));
                }
            });
        });
        ui.add(Label::new(RichText::new(value_lines(value).join("; ")).color(theme::TEXT)).wrap());
    }
    faint(ui, t("Measurements are not part of the case: they are neither saved nor exported"));
}
