//! Tools are small state machines: pointer events in patient mm go in, `Begin`, `Edit`, `Commit` or
//! `Abort` come out. Hints and cursor follow from the state, so they can never be out of date; the
//! output depends on the events alone, so that recorded events replay to the same contours.

mod brush;

pub use brush::{Brush, BrushShape};

use crate::contour::{self, BooleanOp, SliceContours};
use crate::geometry::{ImagePlane, Orientation, PatientPoint, VoxelGrid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether a shape is added to the structure or taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum EditMode {
    Add,
    Erase,
}

/// What the pointer did over a view.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum ToolEvent {
    /// The primary button went down; `inverted` while Alt is held.
    Press { at: PatientPoint, orientation: Orientation, inverted: bool },
    /// The pointer moved with the button down.
    Drag { at: PatientPoint },
    /// The button went up.
    Release,
    /// Esc, or the view lost the pointer.
    Cancel,
}

/// A solid in patient space that a stroke covers between two samples of the pointer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// A disc in the plane of the slices, swept from `a` to `b`.
    AxialDisc { a: PatientPoint, b: PatientPoint, radius_mm: f64 },
    /// A disc in a sagittal or coronal plane, one voxel deep, swept from `a` to `b`.
    UprightDisc { orientation: Orientation, a: PatientPoint, b: PatientPoint, radius_mm: f64 },
    /// A ball swept from `a` to `b`.
    Ball { a: PatientPoint, b: PatientPoint, radius_mm: f64 },
}

impl Shape {
    /// The cut of the solid by every slice that it meets.
    pub fn sections(&self, grid: &VoxelGrid) -> Vec<(usize, SliceContours)> {
        match *self {
            Self::AxialDisc { a, b, radius_mm } => {
                let ((ua, n), (ub, _)) = (grid.plane_from_patient(a), grid.plane_from_patient(b));
                let k = grid.nearest_slice(n);
                vec![(k, SliceContours::new(vec![contour::capsule(ua, ub, radius_mm)]))]
            }
            Self::UprightDisc { orientation, a, b, radius_mm } => {
                let plane = ImagePlane::through(grid, orientation, a);
                let depth = if plane.normal.dot(grid.i_direction()).abs() > 0.5 {
                    grid.spacing_i_mm()
                } else {
                    grid.spacing_j_mm()
                };
                slices_near(grid, a, b, radius_mm)
                    .filter_map(|k| {
                        contour::swept_disc_section(grid, plane.normal, a, b, radius_mm, depth / 2.0, k).map(|c| (k, c))
                    })
                    .collect()
            }
            Self::Ball { a, b, radius_mm } => slices_near(grid, a, b, radius_mm)
                .filter_map(|k| contour::swept_sphere_section(grid, a, b, radius_mm, k).map(|c| (k, c)))
                .collect(),
        }
    }
}

/// The slices within reach of a swept solid.
fn slices_near(grid: &VoxelGrid, a: PatientPoint, b: PatientPoint, radius_mm: f64) -> std::ops::RangeInclusive<usize> {
    let (na, nb) = (grid.plane_from_patient(a).1, grid.plane_from_patient(b).1);
    grid.nearest_slice(na.min(nb) - radius_mm)..=grid.nearest_slice(na.max(nb) + radius_mm)
}

/// What a tool asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolAction {
    /// A stroke begins; all edits until `Commit` are one step of undo.
    Begin {
        label: &'static str,
    },
    Edit {
        shape: Shape,
        mode: EditMode,
    },
    Commit,
    Abort,
}

/// A pointer tool.
pub trait Tool {
    /// Takes an event to the next state and says what to do.
    fn handle(&mut self, event: ToolEvent) -> Vec<ToolAction>;

    /// What the user can do in the present state, as (keys or gesture, effect).
    fn hints(&self) -> Vec<(&'static str, &'static str)>;

    /// True between press and release.
    fn is_active(&self) -> bool;
}

/// The new contours of the slices that a shape touches.
pub fn apply_shape(
    slices: &BTreeMap<usize, Arc<SliceContours>>,
    grid: &VoxelGrid,
    shape: &Shape,
    mode: EditMode,
) -> Vec<(usize, SliceContours)> {
    let op = match mode {
        EditMode::Add => BooleanOp::Union,
        EditMode::Erase => BooleanOp::Difference,
    };
    let none = SliceContours::default();
    shape
        .sections(grid)
        .into_iter()
        .filter_map(|(k, section)| {
            let before = slices.get(&k).map_or(&none, AsRef::as_ref);
            (mode == EditMode::Add || !before.is_empty()).then(|| (k, contour::boolean(before, &section, op)))
        })
        .collect()
}
