//! Finds the lungs from CT numbers alone, coarsely: enough to centre the network's window and to know which slices
//! to run. Lungs are the largest one or two bodies of air that do not reach the edge of the image.

use crate::geometry::PlanePoint;
use crate::image::CtVolume;
use ndarray::Array3;
use std::ops::Range;

/// Air and lung, not soft tissue.
const AIR_BELOW_HU: i16 = -400;
/// Gas in the bowel lies near -1000, lung tissue above this.
const LUNG_ABOVE_HU: f64 = -965.0;
/// Less than this is no chest CT, cm3.
const LEAST_CM3: f64 = 150.0;
/// The second lung may be collapsed or cut off; less than this part of the first is something else.
const SECOND_LUNG: f64 = 0.08;
/// Working resolution, mm.
const STEP_MM: f64 = 4.0;

/// Where the lungs are.
#[derive(Debug, Clone, PartialEq)]
pub struct LungRegion {
    /// Middle of the bounding box from side to side, centroid from front to back (plane coordinates; on axes that are
    /// turned the rule follows the patient, not the image).
    pub center: PlanePoint,
    /// Slices in which there is lung.
    pub slices: Range<usize>,
    pub volume_cm3: f64,
}

struct Body {
    voxels: Vec<[usize; 3]>,
    volume_cm3: f64,
}

/// `None` if there are no lungs in the scan.
pub fn find_lungs(ct: &CtVolume) -> Option<LungRegion> {
    let grid = &ct.grid;
    let step = |spacing: f64| ((STEP_MM / spacing).round() as usize).max(1);
    let [sk, sj, si] = [step(grid.median_spacing_mm()), step(grid.spacing_j_mm()), step(grid.spacing_i_mm())];
    let shape = grid.shape();
    let coarse = [shape[0].div_ceil(sk), shape[1].div_ceil(sj), shape[2].div_ceil(si)];
    let hu = |[k, j, i]: [usize; 3]| ct.hu[[k * sk, j * sj, i * si]];
    let pixel_mm2 = grid.spacing_i_mm() * grid.spacing_j_mm() * (sj * si) as f64;
    let height_mm = |k: usize| {
        let next = ((k + 1) * sk).min(shape[0] - 1);
        if next > k * sk {
            grid.position_mm(next) - grid.position_mm(k * sk)
        } else {
            grid.thickness_mm(k * sk) * sk as f64
        }
    };

    let mut left = Array3::from_shape_fn(coarse, |(k, j, i)| hu([k, j, i]) < AIR_BELOW_HU);
    let mut bodies: Vec<Body> = Vec::new();
    let starts: Vec<[usize; 3]> =
        left.indexed_iter().filter(|(_, air)| **air).map(|((k, j, i), _)| [k, j, i]).collect();
    for start in starts {
        if !left[start] {
            continue;
        }
        left[start] = false;
        let (mut voxels, mut at_edge, mut next) = (vec![start], false, 0);
        while next < voxels.len() {
            let [k, j, i] = voxels[next];
            next += 1;
            at_edge |= j == 0 || i == 0 || j + 1 == coarse[1] || i + 1 == coarse[2];
            for axis in 0..3 {
                for forward in [false, true] {
                    let mut n = [k, j, i];
                    if forward {
                        n[axis] += 1;
                    } else if n[axis] == 0 {
                        continue;
                    } else {
                        n[axis] -= 1;
                    }
                    if left.get(n).is_some_and(|air| *air) {
                        left[n] = false;
                        voxels.push(n);
                    }
                }
            }
        }
        let mean = voxels.iter().map(|v| f64::from(hu(*v))).sum::<f64>() / voxels.len() as f64;
        if !at_edge && mean > LUNG_ABOVE_HU {
            let volume_cm3 = voxels.iter().map(|v| pixel_mm2 * height_mm(v[0])).sum::<f64>() / 1000.0;
            bodies.push(Body { voxels, volume_cm3 });
        }
    }
    bodies.sort_by(|a, b| b.volume_cm3.total_cmp(&a.volume_cm3));
    let largest = bodies.first()?.volume_cm3;
    bodies.truncate(2);
    bodies.retain(|b| b.volume_cm3 >= SECOND_LUNG * largest);
    let volume_cm3 = bodies.iter().map(|b| b.volume_cm3).sum();
    if volume_cm3 < LEAST_CM3 {
        return None;
    }
    let voxels = || bodies.iter().flat_map(|b| &b.voxels);
    let first = voxels().map(|v| v[0]).min()?;
    let last = voxels().map(|v| v[0]).max()?;
    let middle = |axis: usize| {
        let (low, high) = (voxels().map(|v| v[axis]).min()?, voxels().map(|v| v[axis]).max()?);
        Some((low + high) as f64 / 2.0)
    };
    let count = voxels().count() as f64;
    let centroid = |axis: usize| voxels().map(|v| v[axis]).sum::<usize>() as f64 / count;
    // The side-to-side axis of the patient is the columns, unless the image is turned by a quarter.
    let (j, i) = if grid.i_direction().x.abs() >= grid.j_direction().x.abs() {
        (centroid(1), middle(2)?)
    } else {
        (middle(1)?, centroid(2))
    };
    Some(LungRegion {
        center: grid.plane_from_index(i * si as f64, j * sj as f64),
        slices: first * sk..((last + 1) * sk).min(shape[0]),
        volume_cm3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::VoxelGrid;
    use glam::DVec3;
    use std::sync::Arc;

    /// A body (ellipse) with two lungs (ellipsoids) and gas in the bowel, in air.
    fn scan(lungs: bool, origin: DVec3) -> CtVolume {
        let grid = VoxelGrid::axial(origin, [2.0, 2.0, 5.0], [200, 150, 40]).unwrap();
        let hu = Array3::from_shape_fn([40, 150, 200], |(k, j, i)| {
            let p = [(i as f64 - 100.0) * 2.0, (j as f64 - 75.0) * 2.0, (k as f64 - 20.0) * 5.0];
            let ball = |c: [f64; 3], r: [f64; 3]| (0..3).map(|a| ((p[a] - c[a]) / r[a]).powi(2)).sum::<f64>() < 1.0;
            if !ball([0.0, 0.0, p[2]], [170.0, 110.0, 1.0]) || ball([30.0, 0.0, -80.0], [70.0, 60.0, 15.0]) {
                -1000
            } else if lungs
                && (ball([-80.0, 10.0, 10.0], [60.0, 70.0, 60.0]) || ball([90.0, 10.0, 10.0], [50.0, 70.0, 60.0]))
            {
                -850
            } else {
                30
            }
        });
        CtVolume::new(Arc::new(grid), hu)
    }

    #[test]
    fn lungs_are_found_where_they_are() {
        let found = find_lungs(&scan(true, DVec3::new(-100.0, 40.0, -300.0))).expect("lungs");
        // Side to side from -140 to 140; the grid's origin is voxel 0.
        assert!(
            (found.center[0] - (0.0 + 100.0)).abs() < 5.0 && (found.center[1] - (10.0 + 190.0)).abs() < 5.0,
            "{found:?}"
        );
        assert!(found.slices.start.abs_diff(10) <= 1 && found.slices.end.abs_diff(34) <= 1, "{found:?}");
        let expected = 4.0 / 3.0 * std::f64::consts::PI * 70.0 * 60.0 * (60.0 + 50.0) / 1000.0;
        assert!((found.volume_cm3 / expected - 1.0).abs() < 0.05, "{} of {expected}", found.volume_cm3);
    }

    #[test]
    fn bowel_gas_and_room_air_are_no_lungs() {
        assert_eq!(find_lungs(&scan(false, DVec3::ZERO)), None);
    }
}
