//! The voxel grid of a scan: orthogonal axes, strictly increasing slice positions, any spacing.

use super::{PatientPoint, PlanePoint};
use glam::{DVec2, DVec3};

/// Why a grid cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GridError {
    #[error("{}", crate::tf!("the grid is empty ({columns} columns, {rows} rows, {slices} slices)", columns = .columns, rows = .rows, slices = .slices))]
    Empty { columns: usize, rows: usize, slices: usize },
    #[error("{}", crate::tf!("row and column directions are not unit vectors at right angles (length {row_length:.6} and {column_length:.6}, dot product {dot:.6})", row_length = .row_length, column_length = .column_length, dot = .dot))]
    NotOrthogonal { row_length: f64, column_length: f64, dot: f64 },
    #[error("{}", crate::tf!("pixel spacing must be positive, found {value} x {value2} mm", value = .0, value2 = .1))]
    BadSpacing(f64, f64),
    #[error("{}", crate::tf!("slices {value} and {value2} lie at the same or a descending position ({value3:.4} mm and {value4:.4} mm)", value = .0, value2 = .1, value3 = .2, value4 = .3))]
    NotIncreasing(usize, usize, f64, f64),
    #[error("{}", crate::words::t("a coordinate of the grid is not a finite number"))]
    NotFinite,
}

/// Positions of the voxel centres of a scan. Arrays over it are `[k, j, i]` = slice, row, column.
///
/// `u` and `v` (see [`PlanePoint`]) run along `i` and `j`; `n` is the distance of a slice from the
/// patient origin along the normal `i x j` and increases with `k`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct VoxelGrid {
    i_direction: DVec3,
    j_direction: DVec3,
    normal: DVec3,
    u0_mm: f64,
    v0_mm: f64,
    spacing_i_mm: f64,
    spacing_j_mm: f64,
    columns: usize,
    rows: usize,
    positions_mm: Vec<f64>,
}

impl VoxelGrid {
    /// Largest deviation from unit length and right angle that scanners' rounded cosines show.
    const COSINE_TOLERANCE: f64 = 1e-3;

    /// `origin` is the centre of voxel (0, 0, 0); `positions_mm` the signed distance of each slice
    /// from the patient origin along `i_direction x j_direction`, strictly increasing.
    ///
    /// # Errors
    /// See [`GridError`].
    pub fn new(
        origin: PatientPoint,
        i_direction: DVec3,
        j_direction: DVec3,
        spacing_ij_mm: [f64; 2],
        size_ij: [usize; 2],
        positions_mm: Vec<f64>,
    ) -> Result<Self, GridError> {
        let [columns, rows] = size_ij;
        if columns == 0 || rows == 0 || positions_mm.is_empty() {
            return Err(GridError::Empty { columns, rows, slices: positions_mm.len() });
        }
        if !(origin.is_finite() && i_direction.is_finite() && j_direction.is_finite())
            || positions_mm.iter().any(|p| !p.is_finite())
        {
            return Err(GridError::NotFinite);
        }
        let [spacing_i_mm, spacing_j_mm] = spacing_ij_mm;
        if !(spacing_i_mm > 0.0 && spacing_j_mm > 0.0 && spacing_i_mm.is_finite() && spacing_j_mm.is_finite()) {
            return Err(GridError::BadSpacing(spacing_i_mm, spacing_j_mm));
        }
        let (row_length, column_length, dot) =
            (i_direction.length(), j_direction.length(), i_direction.dot(j_direction));
        let tolerance = Self::COSINE_TOLERANCE;
        if (row_length - 1.0).abs() > tolerance || (column_length - 1.0).abs() > tolerance || dot.abs() > tolerance {
            return Err(GridError::NotOrthogonal { row_length, column_length, dot });
        }
        for (k, pair) in positions_mm.windows(2).enumerate() {
            if pair[1] <= pair[0] {
                return Err(GridError::NotIncreasing(k, k + 1, pair[0], pair[1]));
            }
        }
        // Cosines such as -1.2e-16 are the zeros of a rounded rotation; cleaned so that an axial scan has u = x exactly.
        let clean = |d: DVec3| {
            DVec3::from_array(d.to_array().map(|c| {
                if c.abs() < 1e-7 {
                    0.0
                } else if (c.abs() - 1.0).abs() < 1e-7 {
                    c.signum()
                } else {
                    c
                }
            }))
        };
        let i_direction = clean(i_direction).normalize();
        let j_direction = (clean(j_direction) - i_direction * i_direction.dot(clean(j_direction))).normalize();
        Ok(Self {
            i_direction,
            j_direction,
            normal: i_direction.cross(j_direction),
            u0_mm: origin.dot(i_direction),
            v0_mm: origin.dot(j_direction),
            spacing_i_mm,
            spacing_j_mm,
            columns,
            rows,
            positions_mm,
        })
    }

    /// An unrotated axial grid with equally spaced slices, as phantoms and tests use.
    ///
    /// # Errors
    /// See [`GridError`].
    pub fn axial(origin: PatientPoint, spacing_mm: [f64; 3], size_ijk: [usize; 3]) -> Result<Self, GridError> {
        let positions = (0..size_ijk[2]).map(|k| origin.z + k as f64 * spacing_mm[2]).collect();
        Self::new(origin, DVec3::X, DVec3::Y, [spacing_mm[0], spacing_mm[1]], [size_ijk[0], size_ijk[1]], positions)
    }

    pub fn columns(&self) -> usize {
        self.columns
    }
    pub fn rows(&self) -> usize {
        self.rows
    }
    pub fn slices(&self) -> usize {
        self.positions_mm.len()
    }
    /// `[slices, rows, columns]`.
    pub fn shape(&self) -> [usize; 3] {
        [self.slices(), self.rows, self.columns]
    }
    pub fn voxel_count(&self) -> usize {
        self.slices() * self.rows * self.columns
    }
    /// Distance between columns, mm.
    pub fn spacing_i_mm(&self) -> f64 {
        self.spacing_i_mm
    }
    /// Distance between rows, mm.
    pub fn spacing_j_mm(&self) -> f64 {
        self.spacing_j_mm
    }
    /// Unit vector of increasing column index.
    pub fn i_direction(&self) -> DVec3 {
        self.i_direction
    }
    /// Unit vector of increasing row index.
    pub fn j_direction(&self) -> DVec3 {
        self.j_direction
    }
    /// Unit vector of increasing slice index.
    pub fn normal(&self) -> DVec3 {
        self.normal
    }
    /// Position of every slice along the normal, mm.
    pub fn positions_mm(&self) -> &[f64] {
        &self.positions_mm
    }
    pub fn position_mm(&self, k: usize) -> f64 {
        self.positions_mm[k]
    }

    /// The thickness that slice `k` stands for: half the distance to both neighbours, the full
    /// distance at the ends, 1 mm for a single slice.
    pub fn thickness_mm(&self, k: usize) -> f64 {
        let p = &self.positions_mm;
        let last = p.len() - 1;
        if last == 0 {
            1.0
        } else if k == 0 {
            p[1] - p[0]
        } else if k == last {
            p[last] - p[last - 1]
        } else {
            (p[k + 1] - p[k - 1]) / 2.0
        }
    }

    /// Positions along the normal between which the voxels lie: half the end slices' thickness beyond their centres, mm.
    pub fn extent_mm(&self) -> [f64; 2] {
        let last = self.slices() - 1;
        [self.positions_mm[0] - self.thickness_mm(0) / 2.0, self.positions_mm[last] + self.thickness_mm(last) / 2.0]
    }

    /// Volume of one voxel of slice `k`, mm3.
    pub fn voxel_mm3(&self, k: usize) -> f64 {
        self.spacing_i_mm * self.spacing_j_mm * self.thickness_mm(k)
    }

    /// Median of [`Self::thickness_mm`] over the slices, mm.
    pub fn median_thickness_mm(&self) -> f64 {
        let mut all: Vec<f64> = (0..self.slices()).map(|k| self.thickness_mm(k)).collect();
        all.sort_by(f64::total_cmp);
        let n = all.len();
        if n % 2 == 1 { all[n / 2] } else { f64::midpoint(all[n / 2 - 1], all[n / 2]) }
    }

    /// The slice nearest to a position along the normal, whatever its distance.
    pub fn nearest_slice(&self, position_mm: f64) -> usize {
        let p = &self.positions_mm;
        let after = p.partition_point(|&x| x < position_mm);
        if after == 0 {
            0
        } else if after == p.len() || position_mm - p[after - 1] <= p[after] - position_mm {
            after - 1
        } else {
            after
        }
    }

    /// The slice to which a contour at this position belongs: the nearest one, if it lies within
    /// half the distance to its neighbour on that side (half the end spacing beyond the ends).
    pub fn slice_within_half_spacing(&self, position_mm: f64) -> Option<usize> {
        let p = &self.positions_mm;
        let k = self.nearest_slice(position_mm);
        let offset = position_mm - p[k];
        let last = p.len() - 1;
        let gap = if last == 0 {
            1.0
        } else if offset >= 0.0 {
            if k < last { p[k + 1] - p[k] } else { p[last] - p[last - 1] }
        } else if k > 0 {
            p[k] - p[k - 1]
        } else {
            p[1] - p[0]
        };
        // Between two slices of a gap the nearer one still owns at most half an ordinary spacing.
        let limit = (gap.min(1.5 * self.median_spacing_mm()) / 2.0).max(1e-3);
        (offset.abs() <= limit + 1e-6).then_some(k)
    }

    /// Median distance between neighbouring slices, mm; 1 for a single slice.
    pub fn median_spacing_mm(&self) -> f64 {
        let mut gaps: Vec<f64> = self.positions_mm.windows(2).map(|w| w[1] - w[0]).collect();
        if gaps.is_empty() {
            return 1.0;
        }
        gaps.sort_by(f64::total_cmp);
        gaps[gaps.len() / 2]
    }

    /// Continuous column and row index of a point of the plane; voxel centres are whole numbers.
    pub fn index_from_plane(&self, [u, v]: PlanePoint) -> DVec2 {
        DVec2::new((u - self.u0_mm) / self.spacing_i_mm, (v - self.v0_mm) / self.spacing_j_mm)
    }

    /// Centre of voxel column `i`, row `j` (continuous) in the plane.
    pub fn plane_from_index(&self, i: f64, j: f64) -> PlanePoint {
        [self.u0_mm + i * self.spacing_i_mm, self.v0_mm + j * self.spacing_j_mm]
    }

    /// Change of column index, row index and position along the normal (mm) over a step through the patient, mm.
    pub fn index_step(&self, step: DVec3) -> DVec3 {
        DVec3::new(
            step.dot(self.i_direction) / self.spacing_i_mm,
            step.dot(self.j_direction) / self.spacing_j_mm,
            step.dot(self.normal),
        )
    }

    /// Plane coordinates and distance along the normal of a patient point.
    pub fn plane_from_patient(&self, p: PatientPoint) -> (PlanePoint, f64) {
        ([p.dot(self.i_direction), p.dot(self.j_direction)], p.dot(self.normal))
    }

    /// The patient point of plane coordinates at a distance `n_mm` along the normal.
    pub fn patient_from_plane(&self, [u, v]: PlanePoint, n_mm: f64) -> PatientPoint {
        self.i_direction * u + self.j_direction * v + self.normal * n_mm
    }

    /// The patient point of the centre of a voxel (continuous column and row).
    pub fn patient_from_voxel(&self, k: usize, j: f64, i: f64) -> PatientPoint {
        self.patient_from_plane(self.plane_from_index(i, j), self.positions_mm[k])
    }

    /// Continuous slice index: linear between slice positions, extrapolated with the end spacing.
    pub fn slice_index_from_position(&self, position_mm: f64) -> f64 {
        let p = &self.positions_mm;
        if p.len() == 1 {
            return position_mm - p[0];
        }
        let after = p.partition_point(|&x| x < position_mm).clamp(1, p.len() - 1);
        (after - 1) as f64 + (position_mm - p[after - 1]) / (p[after] - p[after - 1])
    }

    /// Inverse of [`Self::slice_index_from_position`].
    pub fn position_from_slice_index(&self, k: f64) -> f64 {
        let p = &self.positions_mm;
        if p.len() == 1 {
            return p[0] + k;
        }
        let lower = (k.floor().max(0.0) as usize).min(p.len() - 2);
        p[lower] + (k - lower as f64) * (p[lower + 1] - p[lower])
    }

    /// Continuous `(k, j, i)` of a patient point.
    pub fn voxel_from_patient(&self, p: PatientPoint) -> DVec3 {
        let (uv, n) = self.plane_from_patient(p);
        let ij = self.index_from_plane(uv);
        DVec3::new(self.slice_index_from_position(n), ij.y, ij.x)
    }

    /// The voxel `[k, j, i]` in which a patient point lies.
    pub fn containing_voxel(&self, p: PatientPoint) -> Option<[usize; 3]> {
        let (uv, n) = self.plane_from_patient(p);
        let ij = self.index_from_plane(uv).round();
        let inside = |x: f64, size: usize| (x >= 0.0 && x < size as f64).then_some(x as usize);
        let half_first = self.thickness_mm(0) / 2.0;
        let half_last = self.thickness_mm(self.slices() - 1) / 2.0;
        if n < self.positions_mm[0] - half_first || n > self.positions_mm[self.slices() - 1] + half_last {
            return None;
        }
        Some([self.nearest_slice(n), inside(ij.y, self.rows)?, inside(ij.x, self.columns)?])
    }

    /// Centre of the scan in patient space.
    pub fn center(&self) -> PatientPoint {
        let middle = f64::midpoint(self.positions_mm[0], self.positions_mm[self.slices() - 1]);
        self.patient_from_plane(
            self.plane_from_index((self.columns as f64 - 1.0) / 2.0, (self.rows as f64 - 1.0) / 2.0),
            middle,
        )
    }

    /// True where the slices are axial within rounding and not tilted or rotated.
    pub fn is_axial(&self) -> bool {
        self.normal.z.abs() > 1.0 - 1e-6
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uneven() -> VoxelGrid {
        VoxelGrid::new(
            DVec3::new(-10.0, -20.0, 5.0),
            DVec3::X,
            DVec3::Y,
            [1.0, 2.0],
            [32, 16],
            vec![5.0, 8.0, 14.0, 20.0],
        )
        .expect("valid grid")
    }

    #[test]
    fn thickness_is_half_to_both_neighbours_and_full_at_the_ends() {
        let g = uneven();
        assert_eq!((0..4).map(|k| g.thickness_mm(k)).collect::<Vec<_>>(), [3.0, 4.5, 6.0, 6.0]);
        assert_eq!(g.voxel_mm3(1), 9.0);
    }

    #[test]
    fn contours_bind_to_the_nearest_slice_within_half_a_spacing() {
        let g = uneven();
        assert_eq!(g.slice_within_half_spacing(5.002), Some(0));
        assert_eq!(g.slice_within_half_spacing(3.5), Some(0));
        assert_eq!(g.slice_within_half_spacing(3.4), None);
        assert_eq!(g.slice_within_half_spacing(9.4), Some(1));
        assert_eq!(g.slice_within_half_spacing(11.1), Some(2));
        assert_eq!(g.slice_within_half_spacing(23.1), None);
    }

    #[test]
    fn rounded_cosines_give_exact_patient_coordinates() {
        let g = VoxelGrid::new(
            DVec3::new(0.0, 0.0, 168.56),
            DVec3::new(1.0, -1.2e-16, 0.0),
            DVec3::new(0.0, 1.0, 1e-17),
            [1.0; 2],
            [4, 4],
            vec![168.56],
        )
        .expect("valid grid");
        let (uv, n) = g.plane_from_patient(DVec3::new(12.3456, -78.9, 168.56));
        assert_eq!((uv, n), ([12.3456, -78.9], 168.56));
    }

    #[test]
    fn bad_geometry_is_refused() {
        let make = |d: DVec3, z: Vec<f64>| VoxelGrid::new(DVec3::ZERO, DVec3::X, d, [1.0; 2], [2, 2], z);
        assert!(matches!(make(DVec3::new(0.5, 0.8, 0.0), vec![0.0]), Err(GridError::NotOrthogonal { .. })));
        assert!(matches!(make(DVec3::Y, vec![0.0, 0.0]), Err(GridError::NotIncreasing(0, 1, ..))));
        assert!(matches!(make(DVec3::Y, vec![]), Err(GridError::Empty { .. })));
    }

    proptest! {
        #[test]
        fn voxel_from_patient_inverts_patient_from_voxel(k in 0usize..4, j in 0.0..15.0, i in 0.0..31.0) {
            let g = uneven();
            let back = g.voxel_from_patient(g.patient_from_voxel(k, j, i));
            prop_assert!((back - DVec3::new(k as f64, j, i)).length() < 1e-9);
        }

        #[test]
        fn slice_index_and_position_are_inverse(p in 0.0..30.0) {
            let g = uneven();
            prop_assert!((g.position_from_slice_index(g.slice_index_from_position(p)) - p).abs() < 1e-9);
        }
    }
}
