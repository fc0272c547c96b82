//! Points of an outline that is not closed yet.

use super::{EditMode, Pointer, Shape, ToolAction, ToolContext};
use crate::geometry::{ImagePlane, Orientation, PatientPoint, VoxelGrid};
use crate::words::keep;

/// Why a click on another slice adds no point.
pub(super) const OTHER_PLANE: &str =
    keep("The outline was begun on another slice: go back there, finish it with Enter, or drop it with Esc");
pub(super) const TOO_FEW: &str = keep("An outline needs at least three points");

/// The clicked points, in one plane.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub points: Vec<PatientPoint>,
    pub orientation: Orientation,
    pub mode: EditMode,
}

impl Draft {
    pub fn begin(pointer: &Pointer, context: &ToolContext<'_>) -> Self {
        Self { points: vec![pointer.at], orientation: pointer.orientation, mode: context.mode(pointer) }
    }

    /// True if the pointer is in the plane of the outline.
    pub fn holds(&self, pointer: &Pointer, grid: &VoxelGrid) -> bool {
        let plane = ImagePlane::through(grid, self.orientation, self.points[0]);
        pointer.orientation == self.orientation && (pointer.at - plane.origin).dot(plane.normal).abs() < 0.05
    }

    /// True if a click there closes the outline: at the first point.
    pub fn closes(&self, pointer: &Pointer) -> bool {
        self.points.len() > 2 && self.points[0].distance(pointer.at) <= pointer.reach_mm
    }

    /// True for the second click of a double click, which is no point of its own.
    pub fn repeats(&self, pointer: &Pointer) -> bool {
        self.points.last().is_some_and(|last| last.distance(pointer.at) < pointer.reach_mm / 4.0)
    }

    /// The area that a path encloses, as one step.
    pub fn actions(&self, label: &'static str, path: Vec<PatientPoint>) -> Vec<ToolAction> {
        let shape = Shape::Area { orientation: self.orientation, path };
        vec![ToolAction::Begin { label }, ToolAction::Edit { shape, mode: self.mode }, ToolAction::Commit]
    }
}
