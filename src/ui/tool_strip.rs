//! The tools, one below another beside the views.

use super::icons::Icon;
use super::panel::PanelInput;
use super::theme;
use super::tour::{self, Anchor};
use super::widgets::action_icon;
use crate::workbench::{Action, ToolKind};
use eframe::egui::{self, Sense, Ui, vec2};

/// Groups of tools: looking, painting, outlines, and what changes outlines that are there.
const GROUPS: [&[(Action, Icon, ToolKind)]; 4] = [
    &[(Action::ToolNavigate, Icon::Crosshair, ToolKind::Navigate)],
    &[
        (Action::ToolBrush, Icon::Brush, ToolKind::Brush),
        (Action::ToolEraser, Icon::Eraser, ToolKind::Eraser),
        (Action::ToolNudge, Icon::Nudge, ToolKind::Nudge),
    ],
    &[
        (Action::ToolFreehand, Icon::Freehand, ToolKind::Freehand),
        (Action::ToolPolygon, Icon::Polygon, ToolKind::Polygon),
        (Action::ToolSpline, Icon::Spline, ToolKind::Spline),
        (Action::ToolLivewire, Icon::Livewire, ToolKind::Livewire),
    ],
    &[
        (Action::ToolCut, Icon::Cut, ToolKind::Cut),
        (Action::ToolFlood, Icon::Flood, ToolKind::Flood),
        (Action::ToolDelete, Icon::DeleteRing, ToolKind::Delete),
        (Action::ToolTransform, Icon::Transform, ToolKind::Transform),
    ],
];

/// Side of a button, and the room between two.
const BUTTON: f32 = theme::ROW + 2.0;
const GAP: f32 = 2.0;
const LINE: f32 = 9.0;

/// How many columns the tools need in a strip of a height, points.
pub fn columns(height: f32) -> usize {
    let buttons: usize = GROUPS.iter().map(|group| group.len()).sum();
    let whole = buttons as f32 * (BUTTON + GAP) + (GROUPS.len() - 1) as f32 * (LINE + GAP);
    if whole > height { 2 } else { 1 }
}

/// Width of the strip within its margins, points.
pub fn width(columns: usize) -> f32 {
    columns as f32 * (BUTTON + GAP) - GAP
}

/// Shows the strip.
pub fn tool_strip_ui(ui: &mut Ui, input: &PanelInput<'_>, columns: usize) {
    let PanelInput { workbench, sender, .. } = *input;
    let tool = workbench.tool();
    let measuring = workbench.view.measuring.is_some();
    ui.spacing_mut().item_spacing = vec2(GAP, GAP);
    for (n, group) in GROUPS.iter().enumerate() {
        if n > 0 {
            let (rect, _) = ui.allocate_exact_size(vec2(width(columns), LINE), Sense::hover());
            let line = egui::Rect::from_center_size(rect.center(), vec2(rect.width() - 6.0, 1.0));
            ui.painter().rect_filled(line, 0.0, theme::LINE_STRONG);
        }
        for row in group.chunks(columns) {
            ui.horizontal(|ui| {
                for (action, icon, kind) in row {
                    let button = action_icon(ui, workbench, sender, *action, *icon, tool == *kind && !measuring);
                    if *kind == ToolKind::Brush {
                        tour::mark(ui, Anchor::Brush, button.rect);
                    }
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use strum::IntoEnumIterator;

    #[test]
    fn every_tool_has_a_button_with_an_icon_of_its_own() {
        let all: Vec<_> = GROUPS.iter().flat_map(|group| group.iter()).collect();
        let kinds: HashSet<ToolKind> = all.iter().map(|(.., kind)| *kind).collect();
        let icons: HashSet<Icon> = all.iter().map(|(_, icon, _)| *icon).collect();
        assert_eq!(kinds, ToolKind::iter().collect());
        assert_eq!((all.len(), icons.len()), (kinds.len(), kinds.len()));
        assert_eq!((columns(500.0), columns(300.0)), (1, 2));
    }
}
