//! Lines of equal value in a plane through an overlay: marching squares over a fine raster of it.

use super::OverlayVolume;
use crate::geometry::ImagePlane;
use glam::DVec2;
use std::collections::HashMap;

/// Values of an overlay in a plane, at the crossings of a square net.
#[derive(Debug, Clone)]
pub struct PlaneRaster {
    /// Place of the first value, mm right and down in the plane.
    pub first_mm: DVec2,
    pub step_mm: f64,
    /// Columns and rows.
    pub size: [usize; 2],
    /// Row by row; [`OverlayVolume::ABSENT`] where there is none.
    pub values: Vec<f32>,
}

impl PlaneRaster {
    /// Twice as fine as the overlay, within `[low, high]` mm of the plane.
    pub fn of(overlay: &OverlayVolume, plane: &ImagePlane, [low, high]: [DVec2; 2]) -> Self {
        /// No finer than this, mm, and no more values than this along a side: what nobody sees costs time.
        const FINEST_MM: f64 = 0.5;
        const MOST: f64 = 1024.0;
        let [own_low, own_high] = overlay.bounds_on(plane);
        let (low, high) = (low.max(own_low), high.min(own_high));
        let extent = (high - low).max(DVec2::ZERO);
        let step_mm = (overlay.finest_mm() / 2.0).max(FINEST_MM).max(extent.max_element() / MOST);
        let size = [extent.x, extent.y].map(|e| if e > 0.0 { (e / step_mm).floor() as usize + 1 } else { 0 });
        let mut values = Vec::with_capacity(size[0] * size[1]);
        for y in 0..size[1] {
            for x in 0..size[0] {
                let at = low + DVec2::new(x as f64, y as f64) * step_mm;
                let value = overlay.sample(plane.patient_from_plane(at));
                values.push(value.map_or(OverlayVolume::ABSENT, |v| v as f32));
            }
        }
        Self { first_mm: low, step_mm, size, values }
    }
}

/// A line of one value, mm in the plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Isoline {
    pub points: Vec<DVec2>,
    /// False where it ends at the edge of the overlay.
    pub closed: bool,
}

/// An edge of the net: the crossing at its start, and whether it runs down.
type NetEdge = (usize, bool);

/// The lines between values below a level and values of at least the level.
pub fn isolines(raster: &PlaneRaster, level: f64) -> Vec<Isoline> {
    let [columns, rows] = raster.size;
    let level = level as f32;
    let mut segments: Vec<[NetEdge; 2]> = Vec::new();
    for y in 0..rows.saturating_sub(1) {
        for x in 0..columns.saturating_sub(1) {
            let a = y * columns + x;
            let corners = [a, a + 1, a + columns + 1, a + columns].map(|n| raster.values[n]);
            if corners.iter().any(|v| f64::from(*v) < OverlayVolume::ABSENT_BELOW) {
                continue;
            }
            let inside = corners.map(|v| v >= level);
            // Edges of the cell: top, right, bottom, left; crossed where their ends differ.
            let edges: [NetEdge; 4] = [(a, false), (a + 1, true), (a + columns, false), (a, true)];
            let crossed: Vec<usize> = (0..4).filter(|e| inside[*e] != inside[(e + 1) % 4]).collect();
            match crossed[..] {
                [p, q] => segments.push([edges[p], edges[q]]),
                [_, _, _, _] => {
                    // A saddle: the middle decides which corners belong together.
                    let middle = corners.iter().sum::<f32>() / 4.0 >= level;
                    if middle == inside[0] {
                        segments.extend([[edges[0], edges[1]], [edges[2], edges[3]]]);
                    } else {
                        segments.extend([[edges[3], edges[0]], [edges[1], edges[2]]]);
                    }
                }
                _ => {}
            }
        }
    }
    join(&segments)
        .into_iter()
        .map(|(edges, closed)| Isoline {
            points: edges.into_iter().map(|edge| crossing(raster, edge, level)).collect(),
            closed,
        })
        .collect()
}

/// Where the level crosses an edge of the net, by linear interpolation.
fn crossing(raster: &PlaneRaster, (start, down): NetEdge, level: f32) -> DVec2 {
    let columns = raster.size[0];
    let end = start + if down { columns } else { 1 };
    let (a, b) = (f64::from(raster.values[start]), f64::from(raster.values[end]));
    let t = ((f64::from(level) - a) / (b - a)).clamp(0.0, 1.0);
    let from = DVec2::new((start % columns) as f64, (start / columns) as f64);
    let along = if down { DVec2::Y } else { DVec2::X };
    raster.first_mm + (from + along * t) * raster.step_mm
}

/// Puts segments that share an edge of the net together.
fn join(segments: &[[NetEdge; 2]]) -> Vec<(Vec<NetEdge>, bool)> {
    let mut at: HashMap<NetEdge, [Option<usize>; 2]> = HashMap::with_capacity(segments.len() * 2);
    for (s, ends) in segments.iter().enumerate() {
        for end in ends {
            let slots = at.entry(*end).or_default();
            slots[usize::from(slots[0].is_some())] = Some(s);
        }
    }
    let mut used = vec![false; segments.len()];
    let mut lines = Vec::new();
    for start in 0..segments.len() {
        if std::mem::replace(&mut used[start], true) {
            continue;
        }
        let mut line = segments[start].to_vec();
        // Forward from the end, then backward from the start.
        for _ in 0..2 {
            while let Some(end) = line.last().copied() {
                let Some(next) = at[&end].into_iter().flatten().find(|s| !used[*s]) else { break };
                used[next] = true;
                let [a, b] = segments[next];
                line.push(if a == end { b } else { a });
            }
            line.reverse();
        }
        let closed = line.len() > 3 && line.first() == line.last();
        if closed {
            line.pop();
        }
        lines.push((line, closed));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Orientation, Rigid, VoxelGrid};
    use crate::image::Quantity;
    use glam::DVec3;
    use ndarray::Array3;
    use std::sync::Arc;

    fn overlay(value: impl Fn(DVec3) -> f64) -> OverlayVolume {
        let grid = VoxelGrid::axial(DVec3::new(-40.0, -40.0, -20.0), [2.0, 2.0, 4.0], [41, 41, 11]).expect("valid");
        let values = Array3::from_shape_fn(grid.shape(), |(k, j, i)| {
            value(grid.patient_from_voxel(k, j as f64, i as f64)) as f32
        });
        OverlayVolume::new(Arc::new(grid), values, Quantity::Dose, "Gy", Rigid::IDENTITY)
    }

    fn lines(overlay: &OverlayVolume, orientation: Orientation, level: f64) -> Vec<Isoline> {
        let plane = ImagePlane::through(&overlay.grid, orientation, DVec3::ZERO);
        isolines(&PlaneRaster::of(overlay, &plane, [DVec2::splat(-500.0), DVec2::splat(500.0)]), level)
    }

    #[test]
    fn a_ramp_has_one_straight_line_exactly_at_its_level() {
        let ramp = overlay(|p| p.x);
        for orientation in [Orientation::Axial, Orientation::Coronal] {
            let found = lines(&ramp, orientation, 7.3);
            assert_eq!(found.len(), 1);
            assert!(!found[0].closed, "it ends at the edge of the overlay");
            assert!(found[0].points.iter().all(|p| (p.x - 7.3).abs() < 1e-4), "{orientation}");
        }
        assert!(lines(&ramp, Orientation::Axial, 99.0).is_empty());
    }

    #[test]
    fn a_cone_has_closed_circles_of_the_right_radius() {
        let cone = overlay(|p| 100.0 - p.truncate().length());
        let found = lines(&cone, Orientation::Axial, 75.0);
        assert_eq!(found.len(), 1);
        assert!(found[0].closed);
        let worst = found[0].points.iter().map(|p| (p.length() - 25.0).abs()).fold(0.0, f64::max);
        assert!(worst < 0.05, "{worst} mm");
        assert!(found[0].points.len() > 100);
    }

    #[test]
    fn two_hills_have_two_lines_and_a_hole_stays_open() {
        let hills = overlay(|p| {
            let hill = |x: f64| (20.0 - (p.truncate() - DVec2::new(x, 0.0)).length()).max(0.0);
            hill(-20.0) + hill(20.0)
        });
        let found = lines(&hills, Orientation::Axial, 5.0);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|l| l.closed));
        let mut torn = overlay(|p| p.x);
        let values = Arc::make_mut(&mut torn.values);
        values.slice_mut(ndarray::s![.., 20, ..]).fill(OverlayVolume::ABSENT);
        assert_eq!(lines(&torn, Orientation::Axial, 7.3).len(), 2, "no line crosses what has no value");
    }
}
