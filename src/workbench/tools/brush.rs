//! Brush and eraser: a disc or ball swept along the pointer's path, without gaps.

use super::{EditMode, Shape, Tool, ToolAction, ToolEvent};
use crate::geometry::{Orientation, PatientPoint};

/// The solid that the brush sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum BrushShape {
    /// A disc in the plane of the view: one slice in axial views, one voxel deep in the others.
    Disc,
    /// A ball over several slices.
    Ball,
}

/// A stroke under way.
#[derive(Debug, Clone, Copy)]
struct Stroke {
    last: PatientPoint,
    orientation: Orientation,
    mode: EditMode,
}

/// Brush and eraser.
#[derive(Debug, Clone)]
pub struct Brush {
    pub mode: EditMode,
    pub shape: BrushShape,
    radius_mm: f64,
    stroke: Option<Stroke>,
}

impl Brush {
    pub const SMALLEST_RADIUS_MM: f64 = 0.5;
    pub const LARGEST_RADIUS_MM: f64 = 60.0;

    pub fn new(mode: EditMode) -> Self {
        Self { mode, shape: BrushShape::Disc, radius_mm: 6.0, stroke: None }
    }

    pub fn radius_mm(&self) -> f64 {
        self.radius_mm
    }

    /// Sets the radius within the limits; a stroke under way goes on with the new one.
    pub fn set_radius_mm(&mut self, radius_mm: f64) {
        if radius_mm.is_finite() {
            self.radius_mm = radius_mm.clamp(Self::SMALLEST_RADIUS_MM, Self::LARGEST_RADIUS_MM);
        }
    }

    fn sweep(&self, stroke: Stroke, to: PatientPoint) -> ToolAction {
        let (a, b, radius_mm) = (stroke.last, to, self.radius_mm);
        let shape = match (self.shape, stroke.orientation) {
            (BrushShape::Ball, _) => Shape::Ball { a, b, radius_mm },
            (BrushShape::Disc, Orientation::Axial) => Shape::AxialDisc { a, b, radius_mm },
            (BrushShape::Disc, orientation) => Shape::UprightDisc { orientation, a, b, radius_mm },
        };
        ToolAction::Edit { shape, mode: stroke.mode }
    }
}

impl Tool for Brush {
    fn handle(&mut self, event: ToolEvent) -> Vec<ToolAction> {
        match (self.stroke, event) {
            (None, ToolEvent::Press { at, orientation, inverted }) => {
                let mode = match (self.mode, inverted) {
                    (EditMode::Add, false) | (EditMode::Erase, true) => EditMode::Add,
                    (EditMode::Erase, false) | (EditMode::Add, true) => EditMode::Erase,
                };
                let stroke = Stroke { last: at, orientation, mode };
                self.stroke = Some(stroke);
                let label = if mode == EditMode::Add { "Brush" } else { "Erase" };
                vec![ToolAction::Begin { label }, self.sweep(stroke, at)]
            }
            (Some(stroke), ToolEvent::Drag { at }) => {
                if at == stroke.last {
                    return Vec::new();
                }
                self.stroke = Some(Stroke { last: at, ..stroke });
                vec![self.sweep(stroke, at)]
            }
            (Some(_), ToolEvent::Release) => {
                self.stroke = None;
                vec![ToolAction::Commit]
            }
            (Some(_), ToolEvent::Cancel) => {
                self.stroke = None;
                vec![ToolAction::Abort]
            }
            // A press during a stroke (another button, a lost release) and events without a stroke change nothing.
            (Some(_), ToolEvent::Press { .. }) | (None, _) => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<(&'static str, &'static str)> {
        if self.stroke.is_some() {
            return vec![("Release", "finish the stroke"), ("Esc", "take the stroke back")];
        }
        let (draw, other) = match self.mode {
            EditMode::Add => ("add", "erase"),
            EditMode::Erase => ("erase", "add"),
        };
        vec![("Drag", draw), ("Alt drag", other), ("[ ]", "smaller, larger"), ("Shift wheel", "radius")]
    }

    fn is_active(&self) -> bool {
        self.stroke.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    #[test]
    fn a_stroke_begins_once_and_ends_once() {
        let mut brush = Brush::new(EditMode::Add);
        let press = ToolEvent::Press { at: DVec3::ZERO, orientation: Orientation::Axial, inverted: false };
        assert!(matches!(brush.handle(press)[..], [ToolAction::Begin { label: "Brush" }, ToolAction::Edit { .. }]));
        assert!(brush.handle(press).is_empty());
        assert_eq!(brush.handle(ToolEvent::Drag { at: DVec3::X }).len(), 1);
        assert!(brush.handle(ToolEvent::Drag { at: DVec3::X }).is_empty());
        assert_eq!(brush.handle(ToolEvent::Release), [ToolAction::Commit]);
        assert!(brush.handle(ToolEvent::Release).is_empty() && !brush.is_active());
    }

    #[test]
    fn alt_inverts_and_escape_aborts() {
        let mut brush = Brush::new(EditMode::Add);
        let press = ToolEvent::Press { at: DVec3::ZERO, orientation: Orientation::Coronal, inverted: true };
        let actions = brush.handle(press);
        assert!(matches!(actions[1], ToolAction::Edit { mode: EditMode::Erase, shape: Shape::UprightDisc { .. } }));
        assert_eq!(brush.handle(ToolEvent::Cancel), [ToolAction::Abort]);
    }
}
