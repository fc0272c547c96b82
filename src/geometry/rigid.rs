//! Rigid motions of patient space: how one frame of reference lies to another.

use super::PatientPoint;
use glam::{DMat3, DQuat, DVec3};

/// Why a matrix is no rigid motion.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RigidError {
    #[error("{}", crate::words::t("an element of its matrix is not a finite number"))]
    NotFinite,
    #[error("{}", crate::words::t("the last row of its matrix is not 0, 0, 0, 1"))]
    LastRow,
    #[error("{}", crate::tf!("its matrix scales or shears by up to {value:.4}, which is not rigid", value = .0))]
    NotOrthonormal(f64),
    #[error("{}", crate::words::t("its matrix mirrors the patient"))]
    Mirrors,
}

/// A rotation followed by a shift: maps points (mm, LPS) of one frame of reference to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rigid {
    rotation: DMat3,
    shift_mm: DVec3,
}

impl Rigid {
    pub const IDENTITY: Self = Self { rotation: DMat3::IDENTITY, shift_mm: DVec3::ZERO };

    /// How far the products of the rows may be from those of a rotation: matrices are written with few decimals.
    pub const TOLERANCE: f64 = 5e-4;

    /// From the sixteen elements of a homogeneous matrix, row by row, as DICOM writes them (PS3.3 C.20.2.1.1).
    ///
    /// # Errors
    /// [`RigidError`] where it is no rotation with a shift.
    pub fn from_rows(m: [f64; 16]) -> Result<Self, RigidError> {
        if m.iter().any(|x| !x.is_finite()) {
            return Err(RigidError::NotFinite);
        }
        if m[12..15].iter().any(|x| x.abs() > Self::TOLERANCE) || (m[15] - 1.0).abs() > Self::TOLERANCE {
            return Err(RigidError::LastRow);
        }
        let row = |r: usize| DVec3::new(m[4 * r], m[4 * r + 1], m[4 * r + 2]);
        let (x, y, z) = (row(0), row(1), row(2));
        let products = [x.dot(x) - 1.0, y.dot(y) - 1.0, z.dot(z) - 1.0, x.dot(y), x.dot(z), y.dot(z)];
        let worst = products.iter().fold(0.0_f64, |w, p| w.max(p.abs()));
        if worst > Self::TOLERANCE {
            return Err(RigidError::NotOrthonormal(worst));
        }
        if x.cross(y).dot(z) < 0.0 {
            return Err(RigidError::Mirrors);
        }
        // Rounded decimals made whole again, so that a chain of matrices does not drift.
        let x = x.normalize();
        let y = (y - x * x.dot(y)).normalize();
        let rotation = DMat3::from_cols(x, y, x.cross(y)).transpose();
        Ok(Self { rotation, shift_mm: DVec3::new(m[3], m[7], m[11]) })
    }

    /// A turn about a point, then a shift, mm. The turn is a vector along its axis, as long as its angle in radians.
    pub fn about(center: PatientPoint, turn: DVec3, shift_mm: DVec3) -> Self {
        let rotation = DMat3::from_quat(DQuat::from_scaled_axis(turn));
        Self { rotation, shift_mm: center + shift_mm - rotation * center }
    }

    /// The sixteen elements of the homogeneous matrix, row by row, as DICOM writes them.
    pub fn rows(&self) -> [f64; 16] {
        let (r, s) = (self.rotation.transpose(), self.shift_mm);
        let (x, y, z) = (r.x_axis, r.y_axis, r.z_axis);
        [x.x, x.y, x.z, s.x, y.x, y.y, y.z, s.y, z.x, z.y, z.z, s.z, 0.0, 0.0, 0.0, 1.0]
    }

    pub fn apply(&self, p: PatientPoint) -> PatientPoint {
        self.rotation * p + self.shift_mm
    }

    /// Where a direction points after the motion.
    pub fn turn(&self, direction: DVec3) -> DVec3 {
        self.rotation * direction
    }

    #[must_use]
    pub fn inverse(&self) -> Self {
        let rotation = self.rotation.transpose();
        Self { rotation, shift_mm: -(rotation * self.shift_mm) }
    }

    /// First `first`, then this one.
    #[must_use]
    pub fn after(&self, first: &Self) -> Self {
        Self { rotation: self.rotation * first.rotation, shift_mm: self.apply(first.shift_mm) }
    }

    /// Length of the shift (mm) and angle of the rotation (degrees).
    pub fn size(&self) -> (f64, f64) {
        let trace = self.rotation.x_axis.x + self.rotation.y_axis.y + self.rotation.z_axis.z;
        (self.shift_mm.length(), ((trace - 1.0) / 2.0).clamp(-1.0, 1.0).acos().to_degrees())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quarter turn about z (x to y), then 10 mm left, 20 mm back, 30 mm up.
    const TURN: [f64; 16] = [0.0, -1.0, 0.0, 10.0, 1.0, 0.0, 0.0, 20.0, 0.0, 0.0, 1.0, 30.0, 0.0, 0.0, 0.0, 1.0];

    #[test]
    fn a_matrix_moves_points_and_its_inverse_brings_them_back() {
        let turn = Rigid::from_rows(TURN).expect("rigid");
        let p = DVec3::new(1.0, 2.0, 3.0);
        assert_eq!(turn.apply(p), DVec3::new(8.0, 21.0, 33.0));
        assert!((turn.inverse().apply(turn.apply(p)) - p).length() < 1e-12);
        let twice = turn.after(&turn);
        assert_eq!(twice.apply(p), turn.apply(turn.apply(p)));
        let (shift, angle) = turn.size();
        assert!((shift - 1400f64.sqrt()).abs() < 1e-9 && (angle - 90.0).abs() < 1e-9);
    }

    #[test]
    fn a_turn_about_a_point_leaves_it_where_it_is_and_comes_back_from_its_rows() {
        let center = DVec3::new(5.0, -7.0, 100.0);
        let motion = Rigid::about(center, DVec3::new(0.0, 0.0, std::f64::consts::FRAC_PI_2), DVec3::new(1.0, 2.0, 3.0));
        assert!((motion.apply(center) - (center + DVec3::new(1.0, 2.0, 3.0))).length() < 1e-12);
        let beside = motion.apply(center + DVec3::X * 10.0);
        assert!((beside - (center + DVec3::new(1.0, 12.0, 3.0))).length() < 1e-12, "x goes to y: {beside}");
        let again = Rigid::from_rows(motion.rows()).expect("rigid");
        assert!((again.apply(DVec3::splat(50.0)) - motion.apply(DVec3::splat(50.0))).length() < 1e-9);
    }

    #[test]
    fn what_scales_shears_mirrors_or_projects_is_refused() {
        let with = |at: usize, value: f64| {
            let mut m = TURN;
            m[at] = value;
            Rigid::from_rows(m)
        };
        assert!(matches!(with(1, -1.01), Err(RigidError::NotOrthonormal(_))));
        assert!(matches!(with(0, 0.01), Err(RigidError::NotOrthonormal(_))));
        assert_eq!(with(10, -1.0), Err(RigidError::Mirrors));
        assert_eq!(with(12, 0.5), Err(RigidError::LastRow));
        assert_eq!(with(3, f64::NAN), Err(RigidError::NotFinite));
        assert!(with(1, -0.9999).is_ok(), "four decimals are enough");
    }
}
