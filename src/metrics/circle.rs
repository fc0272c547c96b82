//! CT numbers inside a circle of a plane.

use crate::geometry::{ImagePlane, PatientPoint};
use crate::image::CtVolume;

/// Statistics of the voxels whose centres, seen along the normal of the plane, lie inside a circle.
///
/// Mean and standard deviation weigh every voxel by the area that it has in the plane, so that slices of
/// uneven distance count for as much as they cover; in an axial plane all weights are the same. The
/// standard deviation is that of these voxels themselves (divided by n, not n - 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CircleStatistics {
    pub mean_hu: f64,
    pub sd_hu: f64,
    pub min_hu: i16,
    pub max_hu: i16,
    /// Voxels counted.
    pub voxels: usize,
    /// Of the circle, mm2.
    pub area_mm2: f64,
}

impl CircleStatistics {
    /// Reads the layer of voxels nearest to the plane. `None` where no voxel centre lies inside.
    pub fn of(volume: &CtVolume, plane: &ImagePlane, center: PatientPoint, radius_mm: f64) -> Option<Self> {
        let grid = &volume.grid;
        let axes = [grid.normal(), grid.j_direction(), grid.i_direction()];
        let across = (0..3).find(|a| axes[*a].dot(plane.normal).abs() > 0.5)?;
        let sizes = grid.shape();
        let at = grid.voxel_from_patient(center).to_array();
        let spacing = [f64::NAN, grid.spacing_j_mm(), grid.spacing_i_mm()];
        // The layer as it is shown: the nearest slice in mm, the nearest row or column.
        let range = |axis: usize| -> std::ops::Range<usize> {
            if axis == across {
                let k = if axis == 0 {
                    grid.nearest_slice(grid.plane_from_patient(center).1)
                } else {
                    (at[axis].round().max(0.0) as usize).min(sizes[axis] - 1)
                };
                return k..k + 1;
            }
            if axis == 0 {
                let n = center.dot(grid.normal());
                let inside = |k: &usize| (grid.position_mm(*k) - n).abs() <= radius_mm;
                let first = (0..sizes[0]).find(inside).unwrap_or(0);
                let last = (0..sizes[0]).rev().find(inside).map_or(first, |k| k + 1);
                return first..last;
            }
            let reach = radius_mm / spacing[axis];
            let low = (at[axis] - reach).ceil().clamp(0.0, sizes[axis] as f64);
            let high = (at[axis] + reach).floor() + 1.0;
            low as usize..(high.clamp(low, sizes[axis] as f64) as usize)
        };
        let [slices, rows, columns] = [range(0), range(1), range(2)];
        let (mut weights, mut sum, mut squares) = (0.0, 0.0, 0.0);
        let (mut min, mut max, mut voxels) = (i16::MAX, i16::MIN, 0);
        for k in slices {
            // Rows and columns have one size each; only the thickness of the slices differs.
            let weight = if across == 0 { 1.0 } else { grid.thickness_mm(k) };
            for j in rows.clone() {
                for i in columns.clone() {
                    let d = grid.patient_from_voxel(k, j as f64, i as f64) - center;
                    let in_plane = d - plane.normal * d.dot(plane.normal);
                    if in_plane.length() > radius_mm {
                        continue;
                    }
                    let hu = volume.hu[[k, j, i]];
                    let value = f64::from(hu);
                    weights += weight;
                    sum += weight * value;
                    squares += weight * value * value;
                    (min, max) = (min.min(hu), max.max(hu));
                    voxels += 1;
                }
            }
        }
        let mean = sum / weights;
        (voxels > 0).then(|| Self {
            mean_hu: mean,
            sd_hu: (squares / weights - mean * mean).max(0.0).sqrt(),
            min_hu: min,
            max_hu: max,
            voxels,
            area_mm2: std::f64::consts::PI * radius_mm * radius_mm,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Orientation, VoxelGrid};
    use glam::DVec3;
    use ndarray::Array3;
    use std::sync::Arc;

    fn volume() -> CtVolume {
        let positions = vec![0.0, 2.0, 4.0, 10.0];
        let grid =
            VoxelGrid::new(DVec3::ZERO, DVec3::X, DVec3::Y, [1.0, 2.0], [16, 16], positions).expect("valid grid");
        CtVolume::new(Arc::new(grid), Array3::from_shape_fn([4, 16, 16], |(k, j, i)| (100 * k + 10 * j + i) as i16))
    }

    fn of(orientation: Orientation, center: DVec3, radius_mm: f64) -> Option<CircleStatistics> {
        let v = volume();
        CircleStatistics::of(&v, &ImagePlane::through(&v.grid, orientation, center), center, radius_mm)
    }

    #[test]
    fn a_circle_on_oblong_pixels_counts_those_inside_in_true_millimetres() {
        // Spacing given as [i, j] or [row, column]: the test reads the grid for which axis is the long one.
        let v = volume();
        let center = v.grid.patient_from_voxel(1, 8.0, 8.0);
        let found = of(Orientation::Axial, center, 2.0).expect("voxels inside");
        // By hand: along the short axis (1 mm) five centres, along the long one (2 mm) one to each side.
        let step = if v.grid.spacing_i_mm() < v.grid.spacing_j_mm() { [1.0, 10.0] } else { [10.0, 1.0] };
        let values: Vec<f64> = [[-2.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, -1.0], [0.0, 1.0]]
            .map(|[short, long]| 188.0 + short * step[0] + long * step[1])
            .to_vec();
        assert_eq!(found.voxels, 7);
        assert!((found.mean_hu - 188.0).abs() < 1e-9);
        let variance = values.iter().map(|x| (x - 188.0).powi(2)).sum::<f64>() / 7.0;
        assert!((found.sd_hu - variance.sqrt()).abs() < 1e-9, "{found:?}");
        assert!((found.area_mm2 - 12.566_370_614).abs() < 1e-6);
        assert_eq!(f64::from(found.max_hu), values.iter().copied().fold(f64::MIN, f64::max));
    }

    #[test]
    fn uneven_slices_count_for_what_they_cover() {
        let v = volume();
        // A sagittal circle over slices 2 (thickness 4 mm) and 3 (6 mm) and no other row: 3 mm around z 7.
        let center =
            DVec3::new(v.grid.patient_from_voxel(0, 8.0, 8.0).x, v.grid.patient_from_voxel(0, 8.0, 8.0).y, 7.0);
        let found = of(Orientation::Sagittal, center, 3.0).expect("voxels inside");
        // Both centres lie 3 mm away: on the circle, and nothing else in their rows.
        assert_eq!((found.voxels, found.min_hu, found.max_hu), (2, 288, 388));
        assert!((found.mean_hu - (4.0 * 288.0 + 6.0 * 388.0) / 10.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn a_circle_outside_or_between_the_voxels_has_no_statistics() {
        assert_eq!(of(Orientation::Axial, DVec3::new(900.0, 0.0, 0.0), 5.0), None);
        let v = volume();
        assert_eq!(of(Orientation::Axial, v.grid.patient_from_voxel(1, 3.5, 3.5), 0.3), None);
    }
}
