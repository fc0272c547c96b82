//! From the affine of a header to a grid: any permutation and flip of the axes, oblique rotations kept.

use super::header::Header;
use crate::geometry::VoxelGrid;
use crate::tf;
use glam::{DMat3, DVec3};

/// A corner that the grid places further from the header's place than this is worth a note, mm.
const CORNER_NOTE_MM: f64 = 0.01;

/// The grid of a volume and how the axes of the file lie in it.
#[derive(Debug, Clone)]
pub(super) struct Axes {
    pub grid: VoxelGrid,
    /// Place of the file's first voxel in an array `[k, j, i]`, and the step in it for each axis of the file.
    pub start: isize,
    pub steps: [isize; 3],
    pub notes: Vec<String>,
}

/// NIfTI counts to the right, front and head (RAS), DICOM to the left, back and head (LPS).
pub(super) fn lps(ras: DVec3) -> DVec3 {
    DVec3::new(-ras.x, -ras.y, ras.z)
}

impl Axes {
    /// Columns run as far to the left, rows to the back and slices to the head as the axes allow. The
    /// error says in words why the axes make no grid.
    pub fn of(header: &Header) -> Result<Self, String> {
        let size = header.size;
        let columns: [DVec3; 3] = std::array::from_fn(|a| lps(header.affine.linear.col(a)));
        let spacing = columns.map(DVec3::length);
        if let Some(a) = spacing.iter().position(|s| *s < 1e-6) {
            return Err(tf!(
                "its voxels have no extent along axis {axis} ({placement})",
                axis = a + 1,
                placement = header.placement
            ));
        }
        let unit: [DVec3; 3] = std::array::from_fn(|a| columns[a] / spacing[a]);
        let skew = [(0, 1), (0, 2), (1, 2)].map(|(a, b)| unit[a].dot(unit[b]).abs()).into_iter().fold(0.0, f64::max);
        if skew > 1e-3 {
            return Err(tf!(
                "its axes are not at right angles (sheared by {degrees:.2} degrees, {placement}), as after gantry tilt or \
                 an affine registration; resample it to a rectangular grid",
                degrees = skew.min(1.0).asin().to_degrees(),
                placement = header.placement
            ));
        }
        let order = nearest_order(&unit);
        // Axis of the file that runs along i, j and k of the grid, and whether it runs backwards.
        let mut backwards: [bool; 3] = std::array::from_fn(|g| unit[order[g]][g] < 0.0);
        let direction = |g: usize, backwards: &[bool; 3]| unit[order[g]] * if backwards[g] { -1.0 } else { 1.0 };
        // Far from the patient's axes the three signs may make a left-handed set; slices then run the other way.
        if DMat3::from_cols(direction(0, &backwards), direction(1, &backwards), direction(2, &backwards)).determinant()
            < 0.0
        {
            backwards[2] = !backwards[2];
        }
        let [i, j, k] = [0, 1, 2].map(|g| direction(g, &backwards));
        let mut first = DVec3::ZERO;
        for g in 0..3 {
            if backwards[g] {
                first[order[g]] = (size[order[g]] - 1) as f64;
            }
        }
        let origin = lps(header.affine.at(first));
        let normal = i.cross(j).normalize();
        let positions =
            (0..size[order[2]]).map(|n| (origin + k * (n as f64 * spacing[order[2]])).dot(normal)).collect();
        let grid = VoxelGrid::new(
            origin,
            i,
            j,
            [spacing[order[0]], spacing[order[1]]],
            [size[order[0]], size[order[1]]],
            positions,
        )
        .map_err(|e| e.to_string())?;
        let stride = [1, size[order[0]], size[order[0]] * size[order[1]]];
        let (mut start, mut steps) = (0, [0; 3]);
        for g in 0..3 {
            let (stride, last) = (stride[g] as isize, size[order[g]] as isize - 1);
            steps[order[g]] = if backwards[g] { -stride } else { stride };
            start += if backwards[g] { last * stride } else { 0 };
        }
        let mut axes = Self { grid, start, steps, notes: Vec::new() };
        let apart = axes.largest_error_mm(header);
        if apart > CORNER_NOTE_MM {
            axes.notes.push(tf!(
                "its axes are not exactly at right angles; a corner of the grid lies {apart:.2} mm from its place",
                apart
            ));
        }
        Ok(axes)
    }

    /// Largest distance between a corner in the grid and the same corner by the affine, mm.
    fn largest_error_mm(&self, header: &Header) -> f64 {
        let [_, rows, columns] = self.grid.shape();
        let mut largest: f64 = 0.0;
        for corner in 0..8 {
            let index: [usize; 3] = std::array::from_fn(|a| if corner >> a & 1 == 1 { header.size[a] - 1 } else { 0 });
            let at = self.start + (0..3).map(|a| self.steps[a] * index[a] as isize).sum::<isize>();
            let at = at as usize;
            let (k, j, i) = (at / (rows * columns), at / columns % rows, at % columns);
            let by_affine = lps(header.affine.at(DVec3::from_array(index.map(|n| n as f64))));
            largest = largest.max((self.grid.patient_from_voxel(k, j as f64, i as f64) - by_affine).length());
        }
        largest
    }
}

/// The axes of the file in the order that brings them closest to x, y and z.
fn nearest_order(unit: &[DVec3; 3]) -> [usize; 3] {
    let closeness = |order: &[usize; 3]| (0..3).map(|g| unit[order[g]][g].abs()).sum::<f64>();
    let mut best = [0, 1, 2];
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        // A tie keeps the order of the file.
        if closeness(&order) > closeness(&best) + 1e-9 {
            best = order;
        }
    }
    best
}
