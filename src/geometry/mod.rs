//! Patient space, voxel grids and image planes.
//!
//! Patient space is DICOM's: LPS (+x to the patient's left, +y to the back, +z to the head), in mm.
//! A grid keeps the true position of every slice; nothing assumes equal spacing.

mod grid;
mod plane;
mod rigid;

pub use grid::{GridError, VoxelGrid};
pub use plane::{ImagePlane, Orientation};
pub use rigid::{Rigid, RigidError};

/// A point in patient space, mm, LPS.
pub type PatientPoint = glam::DVec3;

/// A point in the plane of the slices, mm: distance from the patient origin along the direction of
/// a row (`u`) and of a column (`v`). On an unrotated axial scan these are patient x and y, bit for bit.
pub type PlanePoint = [f64; 2];

/// Counts changes of a case; a derived value carries the revision it was computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Revision(pub u64);

impl Revision {
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
