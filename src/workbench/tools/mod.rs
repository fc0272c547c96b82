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
    /// The cut of the solid by every slice that it meets. One that passes between two slices marks the nearer
    /// one, as if it lay there: what a user paints never comes to nothing.
    pub fn sections(&self, grid: &VoxelGrid) -> Vec<(usize, SliceContours)> {
        let met = self.cut(grid);
        if met.is_empty() { self.on_nearest_slice(grid).map(|solid| solid.cut(grid)).unwrap_or_default() } else { met }
    }

    /// The solid moved along the normal so that its end lies on the nearest slice; `None` outside the scan.
    fn on_nearest_slice(self, grid: &VoxelGrid) -> Option<Self> {
        let (Self::AxialDisc { b: end, .. } | Self::UprightDisc { b: end, .. } | Self::Ball { b: end, .. }) = self;
        let (_, position_mm) = grid.plane_from_patient(end);
        let k = grid.slice_within_half_spacing(position_mm)?;
        let shift = grid.normal() * (grid.position_mm(k) - position_mm);
        let mut moved = self;
        let (Self::AxialDisc { a, b, .. } | Self::UprightDisc { a, b, .. } | Self::Ball { a, b, .. }) = &mut moved;
        *a += shift;
        *b += shift;
        Some(moved)
    }

    fn cut(&self, grid: &VoxelGrid) -> Vec<(usize, SliceContours)> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    #[test]
    fn a_brush_between_two_slices_marks_the_nearer_one() {
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 5.0], [40, 40, 8]).expect("valid grid");
        let (a, b, radius_mm) = (DVec3::new(10.0, 20.0, 12.4), DVec3::new(20.0, 20.0, 12.4), 2.0);
        let on_slice = |z: f64| a.with_z(z)..b.with_z(z);
        let flat = |s: std::ops::Range<DVec3>| Shape::Ball { a: s.start, b: s.end, radius_mm };
        assert_eq!(flat(a..b).sections(&grid), flat(on_slice(10.0)).sections(&grid));
        let upright = |s: std::ops::Range<DVec3>| Shape::UprightDisc {
            orientation: Orientation::Coronal,
            a: s.start,
            b: s.end,
            radius_mm,
        };
        let sections = upright(a..b).sections(&grid);
        assert_eq!(sections, upright(on_slice(10.0)).sections(&grid));
        assert_eq!(sections.iter().map(|s| s.0).collect::<Vec<_>>(), [2]);
        // Where the stroke meets a slice by itself, only that one is marked; outside the scan none is.
        assert_eq!(upright(on_slice(11.0)).sections(&grid).len(), 1);
        assert!(upright(on_slice(41.0)).sections(&grid).is_empty());
    }
}
