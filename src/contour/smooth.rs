//! Smooth outlines that keep the volume: the signed distance is averaged in the plane and between slices, and the level at
//! which it is traced is chosen so that as much is inside as before.

use super::lines::{Lattice, signed_distance_mm};
use super::margin::place;
use super::{Ring, SliceContours, Slices, area_mm2, trace};
use crate::geometry::VoxelGrid;
use ndarray::{Array2, Axis};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How far the average reaches: standard deviations of Gaussian weights, mm. Zero leaves that direction alone.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Smoothing {
    pub in_plane_mm: f64,
    pub between_mm: f64,
}

/// The structure with smooth outlines on the slices that it has. In the plane every slice keeps its area; between slices
/// the whole keeps its volume.
pub fn smooth(slices: &Slices, grid: &VoxelGrid, smoothing: &Smoothing) -> Slices {
    let Smoothing { in_plane_mm, between_mm } = *smoothing;
    if in_plane_mm <= 0.0 && between_mm <= 0.0 {
        return slices.clone();
    }
    let bounds = slices.values().filter_map(|c| c.bounds());
    let bounds = bounds.reduce(|[a, b], [c, d]| [[a[0].min(c[0]), a[1].min(c[1])], [b[0].max(d[0]), b[1].max(d[1])]]);
    let around_mm = 3.0 * in_plane_mm.max(0.0);
    let Some((first_ji, shape)) = bounds.and_then(|b| place(b, grid, [[around_mm; 2]; 2])) else {
        return slices.clone();
    };
    let lattice = Lattice::of_grid(grid, first_ji, shape);
    let mut known: BTreeMap<usize, Array2<f32>> = BTreeMap::new();
    let mut fields: BTreeMap<usize, Array2<f32>> = BTreeMap::new();
    for &k in slices.keys().filter(|k| **k < grid.slices()) {
        let weights = weights(slices, grid, k, between_mm);
        known.retain(|m, _| weights.iter().any(|(n, _)| n == m));
        let mut mixed = Array2::<f32>::zeros(shape);
        for &(m, weight) in &weights {
            let field = known.entry(m).or_insert_with(|| {
                let field = signed_distance_mm(&slices[&m], &lattice);
                if in_plane_mm > 0.0 { blurred(&field, lattice.spacing, in_plane_mm) } else { field }
            });
            mixed.scaled_add(weight as f32, field);
        }
        fields.insert(k, mixed);
    }
    let traced = |k: usize, level: f64| trace(fields[&k].view(), level as f32, grid, first_ji);
    if between_mm > 0.0 {
        let wanted: f64 = fields.keys().map(|k| area_mm2(&slices[k]) * grid.thickness_mm(*k)).sum();
        let volume = |level: f64| fields.keys().map(|&k| area(&traced(k, level)) * grid.thickness_mm(k)).sum::<f64>();
        let level = level_for(wanted, volume);
        fields.keys().map(|&k| (k, Arc::new(traced(k, level)))).filter(|(_, c)| !c.is_empty()).collect()
    } else {
        fields
            .keys()
            .map(|&k| {
                let level = level_for(area_mm2(&slices[&k]), |level| area(&traced(k, level)));
                (k, Arc::new(traced(k, level)))
            })
            .filter(|(_, c)| !c.is_empty())
            .collect()
    }
}

/// Area inside rings that do not cross and run the right way round, mm2.
fn area(contours: &SliceContours) -> f64 {
    contours.rings.iter().map(Ring::signed_area_mm2).sum()
}

/// The level at which as much is inside as wanted; less is inside at a higher level.
fn level_for(wanted: f64, inside: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (-4.0, 4.0);
    for _ in 0..14 {
        let middle = f64::midpoint(low, high);
        if inside(middle) > wanted { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// How much each slice counts for slice `k`: a straight line through its neighbours by weights that fall off, so that
/// what grows or moves evenly stays as it is, also at the ends and over uneven slices.
fn weights(slices: &Slices, grid: &VoxelGrid, k: usize, between_mm: f64) -> Vec<(usize, f64)> {
    if between_mm <= 0.0 {
        return vec![(k, 1.0)];
    }
    let near: Vec<(usize, f64, f64)> = slices
        .keys()
        .filter(|m| **m < grid.slices())
        .map(|&m| (m, grid.position_mm(m) - grid.position_mm(k)))
        .filter(|(_, dz)| dz.abs() <= 3.0 * between_mm)
        .map(|(m, dz)| (m, dz, (-0.5 * (dz / between_mm).powi(2)).exp()))
        .collect();
    let sum = |power: i32| near.iter().map(|(_, dz, w)| w * dz.powi(power)).sum::<f64>();
    let (s0, s1, s2) = (sum(0), sum(1), sum(2));
    let whole = s0 * s2 - s1 * s1;
    if whole < 1e-9 {
        return vec![(k, 1.0)];
    }
    near.into_iter().map(|(m, dz, w)| (m, w * (s2 - s1 * dz) / whole)).collect()
}

/// Averaged with Gaussian weights over both axes; at the border the nearest values stand for those beyond.
fn blurred(field: &Array2<f32>, spacing: [f64; 2], sigma_mm: f64) -> Array2<f32> {
    let mut out = field.clone();
    for (axis, spacing) in [(Axis(1), spacing[0]), (Axis(0), spacing[1])] {
        let reach = (3.0 * sigma_mm / spacing).ceil() as isize;
        let raw: Vec<f64> = (-reach..=reach).map(|n| (-0.5 * (n as f64 * spacing / sigma_mm).powi(2)).exp()).collect();
        let sum: f64 = raw.iter().sum();
        let weights: Vec<f32> = raw.iter().map(|w| (w / sum) as f32).collect();
        for mut lane in out.lanes_mut(axis) {
            let values: Vec<f32> = lane.iter().copied().collect();
            let last = values.len() as isize - 1;
            for (n, value) in lane.iter_mut().enumerate() {
                let at = |o: usize| values[(n as isize + o as isize - reach).clamp(0, last) as usize];
                *value = weights.iter().enumerate().map(|(o, w)| w * at(o)).sum();
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::volume_mm3;
    use glam::DVec3;

    fn grid() -> VoxelGrid {
        let z = (0..16).map(|k| 3.0 * f64::from(k) + if k % 2 == 0 { 0.0 } else { 0.8 }).collect();
        VoxelGrid::new(DVec3::new(-50.0, -50.0, 0.0), DVec3::X, DVec3::Y, [1.0; 2], [101, 101], z).expect("valid grid")
    }

    /// A rough cone: teeth along the outline, and every other slice wider.
    fn rough(teeth: f64, steps: f64) -> Slices {
        let g = grid();
        (2..14)
            .map(|k| {
                let wide = if k % 2 == 0 { steps } else { -steps };
                let ring = Ring::new((0..120).map(|m| {
                    let (s, c) = (std::f64::consts::TAU * f64::from(m) / 120.0).sin_cos();
                    let r = 26.0 - 0.3 * g.position_mm(k) + wide + if m % 2 == 0 { teeth } else { -teeth };
                    [r * c, r * s]
                }));
                (k, Arc::new(SliceContours::new(vec![ring])))
            })
            .collect()
    }

    /// Root mean square of the distance of vertices from the cone.
    fn roughness(slices: &Slices) -> f64 {
        let g = grid();
        let all: Vec<f64> = slices
            .iter()
            .flat_map(|(&k, c)| c.rings.iter().flat_map(move |r| r.points().iter().map(move |p| (k, *p))))
            .map(|(k, p)| (p[0].hypot(p[1]) - (26.0 - 0.3 * g.position_mm(k))).powi(2))
            .collect();
        (all.iter().sum::<f64>() / all.len() as f64).sqrt()
    }

    #[test]
    fn teeth_go_and_every_slice_keeps_its_area() {
        let before = rough(1.0, 0.0);
        let after = smooth(&before, &grid(), &Smoothing { in_plane_mm: 2.0, between_mm: 0.0 });
        assert!(roughness(&after) < 0.15 * roughness(&before), "{} {}", roughness(&after), roughness(&before));
        for (k, contours) in &before {
            assert!((area_mm2(&after[k]) / area_mm2(contours) - 1.0).abs() < 0.005);
        }
    }

    #[test]
    fn steps_between_slices_go_and_the_volume_stays() {
        let before = rough(0.0, 1.0);
        let after = smooth(&before, &grid(), &Smoothing { in_plane_mm: 0.0, between_mm: 4.0 });
        assert!(roughness(&after) < 0.5 * roughness(&before), "{} {}", roughness(&after), roughness(&before));
        let (a, b) = (volume_mm3(&after, &grid()), volume_mm3(&before, &grid()));
        assert!((a / b - 1.0).abs() < 0.005, "{a} {b}");
        assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    }

    #[test]
    fn a_smooth_cone_stays_and_nothing_asked_is_nothing_done() {
        let cone = rough(0.0, 0.0);
        let after = smooth(&cone, &grid(), &Smoothing { in_plane_mm: 1.5, between_mm: 4.0 });
        assert!(roughness(&after) < 0.12, "{}", roughness(&after));
        assert_eq!(smooth(&cone, &grid(), &Smoothing { in_plane_mm: 0.0, between_mm: 0.0 }), cone);
    }
}
