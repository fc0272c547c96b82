//! Paths along the edges of a slice (live wire: Mortensen and Barrett, Interactive Segmentation with Intelligent
//! Scissors, 1998).

use crate::geometry::{PlanePoint, VoxelGrid};
use glam::DVec2;
use ndarray::{Array2, ArrayView2};

/// Half the width of the part of the slice that is searched, voxels.
const HALF: usize = 80;
/// Change of the value over a voxel at which an edge counts as half an edge, HU.
const HALF_EDGE_HU: f32 = 60.0;
/// Dearest voxel, and what one costs that lies on the sharpest edge: a short cut is worth little.
const DEAREST: u32 = 250;
const CHEAPEST: u32 = 6;
/// No step costs more: 14/10 times the dearest voxel.
const BUCKETS: usize = 512;
/// Beyond these values there is no edge that a contour follows, HU.
const LIMITS_HU: [i16; 2] = [-1000, 1000];

/// The cheapest ways along edges from one point of a slice to all points around it.
#[derive(Debug, Clone)]
pub struct Wire {
    first_ji: [usize; 2],
    seed_ji: [usize; 2],
    /// For every voxel of the part the direction to the one before it, as an index into [`AROUND`]; the seed has none.
    before: Array2<u8>,
}

/// Steps to the eight voxels around one.
const AROUND: [[i32; 2]; 8] = [[0, 1], [1, 0], [0, -1], [-1, 0], [1, 1], [1, -1], [-1, -1], [-1, 1]];
const NONE: u8 = u8::MAX;

impl Wire {
    /// Searches the part of the slice around a point (at most 161 x 161 voxels); `None` outside the scan.
    pub fn from(grid: &VoxelGrid, slice: ArrayView2<'_, i16>, at: PlanePoint) -> Option<Self> {
        let index = grid.index_from_plane(at).round();
        let inside = |x: f64, size: usize| (x >= 0.0 && x < size as f64).then_some(x as usize);
        let seed_ji = [inside(index.y, grid.rows())?, inside(index.x, grid.columns())?];
        let first_ji = seed_ji.map(|s| s.saturating_sub(HALF));
        let end = [(seed_ji[0] + HALF + 1).min(grid.rows()), (seed_ji[1] + HALF + 1).min(grid.columns())];
        let size = [end[0] - first_ji[0], end[1] - first_ji[1]];
        let costs = costs(slice, first_ji, size);
        let before = cheapest(&costs, [seed_ji[0] - first_ji[0], seed_ji[1] - first_ji[1]]);
        Some(Self { first_ji, seed_ji, before })
    }

    /// The way to a point, smoothed between voxel centres, both ends left out. Where the point lies outside the part that
    /// was searched, the way leads to the border towards it.
    pub fn way_to(&self, grid: &VoxelGrid, to: PlanePoint) -> Vec<PlanePoint> {
        let index = grid.index_from_plane(to).round();
        let local = |x: f64, a: usize| {
            (x - self.first_ji[a] as f64).clamp(0.0, self.before.len_of(ndarray::Axis(a)) as f64 - 1.0) as usize
        };
        let mut at = [local(index.y, 0), local(index.x, 1)];
        let mut way = Vec::new();
        loop {
            way.push(DVec2::new((self.first_ji[1] + at[1]) as f64, (self.first_ji[0] + at[0]) as f64));
            let Some(step) = AROUND.get(usize::from(self.before[at])) else { break };
            at = [(at[0] as i32 + step[0]) as usize, (at[1] as i32 + step[1]) as usize];
        }
        debug_assert_eq!([at[0] + self.first_ji[0], at[1] + self.first_ji[1]], self.seed_ji);
        way.reverse();
        let smooth = smoothed(way);
        let inner = smooth.get(1..smooth.len().saturating_sub(1)).unwrap_or_default();
        inner.iter().map(|p| grid.plane_from_index(p.x, p.y)).collect()
    }
}

/// What a voxel costs: little on an edge, much where the values are even.
fn costs(slice: ArrayView2<'_, i16>, first: [usize; 2], size: [usize; 2]) -> Array2<u32> {
    let (rows, columns) = slice.dim();
    let value = |j: usize, i: usize| f32::from(slice[[j, i]].clamp(LIMITS_HU[0], LIMITS_HU[1]));
    Array2::from_shape_fn(size, |(j, i)| {
        let (j, i) = (first[0] + j, first[1] + i);
        let (j0, j1) = (j.saturating_sub(1), (j + 1).min(rows - 1));
        let (i0, i1) = (i.saturating_sub(1), (i + 1).min(columns - 1));
        // Sobel's kernel over eight: change of the value over a voxel.
        let across =
            (value(j0, i1) + 2.0 * value(j, i1) + value(j1, i1) - value(j0, i0) - 2.0 * value(j, i0) - value(j1, i0))
                / 8.0;
        let along =
            (value(j1, i0) + 2.0 * value(j1, i) + value(j1, i1) - value(j0, i0) - 2.0 * value(j0, i) - value(j0, i1))
                / 8.0;
        let edge = across.hypot(along) / HALF_EDGE_HU;
        CHEAPEST + ((DEAREST - CHEAPEST) as f32 / (1.0 + edge * edge)) as u32
    })
}

/// Dijkstra's search with buckets of equal cost (Dial): every step costs less than [`BUCKETS`].
fn cheapest(costs: &Array2<u32>, seed: [usize; 2]) -> Array2<u8> {
    let (rows, columns) = costs.dim();
    let mut before = Array2::from_elem((rows, columns), NONE);
    let mut total = Array2::from_elem((rows, columns), u32::MAX);
    let mut buckets: Vec<Vec<(u16, u16)>> = vec![Vec::new(); BUCKETS];
    total[seed] = 0;
    buckets[0].push((seed[0] as u16, seed[1] as u16));
    let (mut cost, mut waiting) = (0u32, 1usize);
    while waiting > 0 {
        let Some((j, i)) = buckets[cost as usize % BUCKETS].pop() else {
            cost += 1;
            continue;
        };
        waiting -= 1;
        let at = [usize::from(j), usize::from(i)];
        if total[at] != cost {
            continue;
        }
        for (n, step) in AROUND.iter().enumerate() {
            let (j, i) = (at[0] as i32 + step[0], at[1] as i32 + step[1]);
            if j < 0 || i < 0 || j >= rows as i32 || i >= columns as i32 {
                continue;
            }
            let next = [j as usize, i as usize];
            let length = if n < 4 { 10 } else { 14 };
            let reached = cost + costs[next] * length / 10;
            if reached < total[next] {
                total[next] = reached;
                // The way back is the opposite step.
                before[next] = match n {
                    0 | 1 => n as u8 + 2,
                    2 | 3 => n as u8 - 2,
                    4 | 5 => n as u8 + 2,
                    _ => n as u8 - 2,
                };
                buckets[reached as usize % BUCKETS].push((j as u16, i as u16));
                waiting += 1;
            }
        }
    }
    before
}

/// A way from voxel to voxel without its stairs; the ends stay.
fn smoothed(mut way: Vec<DVec2>) -> Vec<DVec2> {
    for _ in 0..3 {
        let old = way.clone();
        for m in 1..way.len().saturating_sub(1) {
            way[m] = (old[m - 1] + old[m] * 2.0 + old[m + 1]) / 4.0;
        }
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    /// A disc of tissue in lung.
    fn disc(radius: f64) -> (VoxelGrid, Array2<i16>) {
        let grid = VoxelGrid::axial(DVec3::new(-60.0, -60.0, 0.0), [1.0; 3], [121, 121, 1]).expect("valid grid");
        let slice = Array2::from_shape_fn([121, 121], |(j, i)| {
            let r = (j as f64 - 60.0).hypot(i as f64 - 60.0);
            // One voxel of partial volume at the border.
            (-800.0 + 840.0 * (radius + 0.5 - r).clamp(0.0, 1.0)) as i16
        });
        (grid, slice)
    }

    #[test]
    fn the_way_follows_the_edge_and_not_the_straight_line() {
        let (grid, slice) = disc(30.0);
        let wire = Wire::from(&grid, slice.view(), [30.0, 0.0]).expect("inside the scan");
        let way = wire.way_to(&grid, [-21.2, 21.2]);
        assert!(way.len() > 40);
        for p in &way {
            assert!((p[0].hypot(p[1]) - 30.0).abs() < 1.1, "{p:?}");
        }
        let stairs = way.windows(3).filter(|w| {
            let turn = |a: PlanePoint, b: PlanePoint| (b[1] - a[1]).atan2(b[0] - a[0]);
            let bend = (turn(w[1], w[2]) - turn(w[0], w[1])).abs();
            bend > 0.5 && bend < 5.8
        });
        assert_eq!(stairs.count(), 0, "no stairs are left");
    }

    #[test]
    fn without_edges_the_way_is_straight_and_ends_at_the_border_of_the_part() {
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0; 3], [400, 50, 1]).expect("valid grid");
        let slice = Array2::from_elem([50, 400], 30i16);
        let wire = Wire::from(&grid, slice.view(), [10.0, 20.0]).expect("inside the scan");
        let way = wire.way_to(&grid, [300.0, 20.0]);
        assert!(way.iter().all(|p| (p[1] - 20.0).abs() < 1e-9) && way.last().is_some_and(|p| p[0] <= 90.0));
        assert!(wire.way_to(&grid, [10.0, 20.0]).is_empty());
        assert!(Wire::from(&grid, slice.view(), [-10.0, 20.0]).is_none());
    }
}
