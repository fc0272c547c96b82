//! The planes in which a scan is looked at, in the radiological convention.

use super::{PatientPoint, VoxelGrid};
use glam::{DVec2, DVec3};

/// Orientation of a view. Axial views follow the acquired slices.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::EnumIter,
    strum::Display,
    serde::Serialize,
    serde::Deserialize,
)]
pub enum Orientation {
    Axial,
    Sagittal,
    Coronal,
}

/// A plane through the patient with the directions in which it is shown. All vectors are unit vectors in patient space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImagePlane {
    pub orientation: Orientation,
    /// Any point of the plane; the origin of its coordinates.
    pub origin: PatientPoint,
    /// Direction to the right of the screen.
    pub right: DVec3,
    /// Direction down the screen.
    pub down: DVec3,
    /// Away from the viewer for axial and coronal views; scrolling follows it.
    pub normal: DVec3,
}

impl ImagePlane {
    /// The plane of this orientation through a point, along the axes of the grid. On screen the
    /// patient's left is to the right (axial, coronal), the front to the left (sagittal), the head up.
    /// An axial plane is that of the nearest slice: what is shown there, and drawn upon.
    pub fn through(grid: &VoxelGrid, orientation: Orientation, point: PatientPoint) -> Self {
        let toward = |wanted: DVec3| {
            let axes = [grid.i_direction(), grid.j_direction(), grid.normal()];
            let best = axes
                .into_iter()
                .max_by(|a, b| a.dot(wanted).abs().total_cmp(&b.dot(wanted).abs()))
                .expect("three axes");
            if best.dot(wanted) < 0.0 { -best } else { best }
        };
        let (left, back, head) = (toward(DVec3::X), toward(DVec3::Y), toward(DVec3::Z));
        let (right, down, normal) = match orientation {
            Orientation::Axial => (left, back, head),
            Orientation::Sagittal => (back, -head, left),
            Orientation::Coronal => (left, -head, back),
        };
        let origin = match orientation {
            Orientation::Axial => {
                let (at, position_mm) = grid.plane_from_patient(point);
                grid.patient_from_plane(at, grid.position_mm(grid.nearest_slice(position_mm)))
            }
            Orientation::Sagittal | Orientation::Coronal => point,
        };
        Self { orientation, origin, right, down, normal }
    }

    /// Coordinates of a patient point in the plane, mm right and down from the origin.
    pub fn plane_from_patient(&self, p: PatientPoint) -> DVec2 {
        let d = p - self.origin;
        DVec2::new(d.dot(self.right), d.dot(self.down))
    }

    /// The patient point at mm right and down from the origin.
    pub fn patient_from_plane(&self, at: DVec2) -> PatientPoint {
        self.origin + self.right * at.x + self.down * at.y
    }

    /// Orientation letters at the left, right, top and bottom of the screen.
    pub fn letters(&self) -> [String; 4] {
        [letter(-self.right), letter(self.right), letter(-self.down), letter(self.down)]
    }
}

/// Orientation letter of a direction (DICOM PS3.3 C.7.6.1.1.1: L, R, A, P, H, F; here S and I for head and foot).
fn letter(direction: DVec3) -> String {
    let mut parts: Vec<(f64, char)> = [
        (direction.x, if direction.x > 0.0 { 'L' } else { 'R' }),
        (direction.y, if direction.y > 0.0 { 'P' } else { 'A' }),
        (direction.z, if direction.z > 0.0 { 'S' } else { 'I' }),
    ]
    .into_iter()
    .map(|(c, l)| (c.abs(), l))
    .filter(|(c, _)| *c > 0.2)
    .collect();
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    parts.into_iter().map(|(_, l)| l).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_of_an_axial_scan_follow_the_radiological_convention() {
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 3.0], [8, 8, 8]).expect("valid grid");
        let letters = |o| ImagePlane::through(&grid, o, DVec3::ZERO).letters().concat();
        assert_eq!(letters(Orientation::Axial), "RLAP");
        assert_eq!(letters(Orientation::Coronal), "RLSI");
        assert_eq!(letters(Orientation::Sagittal), "APSI");
    }

    #[test]
    fn an_axial_plane_is_that_of_the_nearest_slice() {
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 5.0], [8, 8, 8]).expect("valid grid");
        let between = DVec3::new(3.0, 4.0, 12.4);
        let plane = ImagePlane::through(&grid, Orientation::Axial, between);
        assert_eq!(plane.patient_from_plane(DVec2::ZERO), DVec3::new(3.0, 4.0, 10.0));
        assert_eq!(ImagePlane::through(&grid, Orientation::Coronal, between).origin, between);
    }

    #[test]
    fn a_prone_scan_is_shown_with_the_same_letters() {
        let grid =
            VoxelGrid::new(DVec3::ZERO, -DVec3::X, -DVec3::Y, [1.0; 2], [4, 4], vec![0.0, 1.0]).expect("valid grid");
        assert_eq!(ImagePlane::through(&grid, Orientation::Axial, DVec3::ZERO).letters().concat(), "RLAP");
    }
}
