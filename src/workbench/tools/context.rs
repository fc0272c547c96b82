//! What a tool may read: the scan, the contours of the structure it works on, and the options.

use super::{BrushShape, EditMode, PaintMode, Pointer, ToolOptions};
use crate::contour::SliceContours;
use crate::geometry::{Orientation, PatientPoint, PlanePoint, VoxelGrid};
use crate::image::CtVolume;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Read access for tools.
#[derive(Clone, Copy)]
pub struct ToolContext<'a> {
    pub volume: &'a CtVolume,
    /// The contours of the structure that is worked on, by slice.
    pub slices: &'a BTreeMap<usize, Arc<SliceContours>>,
    /// The slice that the axial view shows.
    pub axial_slice: usize,
    pub options: &'a ToolOptions,
}

impl<'a> ToolContext<'a> {
    pub fn grid(&self) -> &'a VoxelGrid {
        &self.volume.grid
    }

    /// The slice nearest to a point, and the point in its plane.
    pub fn on_slice(&self, at: PatientPoint) -> (usize, PlanePoint) {
        let (uv, position_mm) = self.grid().plane_from_patient(at);
        (self.grid().nearest_slice(position_mm), uv)
    }

    /// The patient point of a point of a slice.
    pub fn patient(&self, k: usize, uv: PlanePoint) -> PatientPoint {
        self.grid().patient_from_plane(uv, self.grid().position_mm(k))
    }

    /// The contours of the structure on a slice.
    pub fn contours(&self, k: usize) -> Option<&'a Arc<SliceContours>> {
        self.slices.get(&k)
    }

    /// True inside the structure.
    pub fn contains(&self, at: PatientPoint) -> bool {
        let (k, uv) = self.on_slice(at);
        self.contours(k).is_some_and(|c| c.contains(uv))
    }

    /// What a tool does that begins here: Auto adds when it begins inside the structure or on a slice without it, and
    /// erases when it begins outside. Alt inverts.
    pub fn mode(&self, pointer: &Pointer) -> EditMode {
        let mode = match self.options.mode {
            PaintMode::Add => EditMode::Add,
            PaintMode::Erase => EditMode::Erase,
            PaintMode::Auto => {
                let (k, _) = self.on_slice(pointer.at);
                let erases = self.contours(k).is_some() && !self.contains(pointer.at);
                if erases { EditMode::Erase } else { EditMode::Add }
            }
        };
        if pointer.keys.alt { mode.inverted() } else { mode }
    }

    /// True where the tool's shape reaches over several slices.
    pub fn is_ball(&self) -> bool {
        self.options.shape == BrushShape::Ball
    }

    /// True in the plane of the slices.
    pub fn is_axial(orientation: Orientation) -> bool {
        orientation == Orientation::Axial
    }
}
