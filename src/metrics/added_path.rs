//! Added path length (Vaassen et al. 2020): how much of the reference outline is not there yet in
//! the test contour, and would have to be drawn.

use crate::contour::{Mask, SliceMask};
use crate::geometry::VoxelGrid;

/// Outline of the reference that has no test outline within the tolerance, summed over the slices.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AddedPath {
    pub tolerance_mm: f64,
    /// Boundary pixels: pixels inside with one of four neighbours outside.
    pub pixels: u64,
    /// Pixels times the mean pixel spacing, mm.
    pub mm: f64,
    /// Part of all boundary pixels of the reference; `None` if it has none.
    pub relative: Option<f64>,
}

impl AddedPath {
    pub(super) fn measure(reference: &Mask, test: &Mask, grid: &VoxelGrid, tolerance_mm: f64) -> Self {
        let reach = offsets_within(grid, tolerance_mm);
        let (mut pixels, mut all) = (0, 0);
        for (k, slice) in &reference.slices {
            let outline = boundary(slice, grid);
            all += outline.count();
            let Some(drawn) = test.slices.get(k).map(|s| boundary(s, grid)) else {
                pixels += outline.count();
                continue;
            };
            let is_drawn = |j: usize, i: usize| {
                reach.iter().any(|(dj, di)| {
                    j.checked_add_signed(*dj).zip(i.checked_add_signed(*di)).is_some_and(|(j, i)| drawn.get(j, i))
                })
            };
            pixels += outline.voxels().filter(|&(j, i)| !is_drawn(j, i)).count() as u64;
        }
        Self {
            tolerance_mm,
            pixels,
            mm: pixels as f64 * f64::midpoint(grid.spacing_i_mm(), grid.spacing_j_mm()),
            relative: (all > 0).then(|| pixels as f64 / all as f64),
        }
    }
}

/// Steps to the pixels whose centres are within the tolerance, nearest first.
fn offsets_within(grid: &VoxelGrid, tolerance_mm: f64) -> Vec<(isize, isize)> {
    let steps = |spacing: f64| {
        let most = ((tolerance_mm + super::TIE_MM) / spacing) as isize;
        -most..=most
    };
    let length = |(dj, di): (isize, isize)| (dj as f64 * grid.spacing_j_mm()).hypot(di as f64 * grid.spacing_i_mm());
    let mut all: Vec<_> = steps(grid.spacing_j_mm())
        .flat_map(|dj| steps(grid.spacing_i_mm()).map(move |di| (dj, di)))
        .filter(|&step| length(step) <= tolerance_mm + super::TIE_MM)
        .collect();
    all.sort_by(|&a, &b| length(a).total_cmp(&length(b)));
    all
}

/// Pixels inside that have one of their four neighbours outside; beyond the image is outside.
fn boundary(slice: &SliceMask, grid: &VoxelGrid) -> SliceMask {
    let rows = slice.row_range();
    let mut edge = SliceMask::with_rows(grid.columns(), rows.start, rows.len());
    for j in rows {
        let (here, above, below) =
            (slice.row(j), j.checked_sub(1).map_or(&[][..], |above| slice.row(above)), slice.row(j + 1));
        let word = |row: &[u64], w: usize| row.get(w).copied().unwrap_or(0);
        for (w, out) in edge.row_mut(j).iter_mut().enumerate() {
            let x = word(here, w);
            let left = x << 1 | if w > 0 { word(here, w - 1) >> 63 } else { 0 };
            let right = x >> 1 | word(here, w + 1) << 63;
            *out = x & !(left & right & word(above, w) & word(below, w));
        }
    }
    edge
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn boundary_pixels_have_a_neighbour_outside(dense in proptest::collection::vec(proptest::bool::weighted(0.8), 6 * 130)) {
            let grid = VoxelGrid::axial(DVec3::ZERO, [1.0; 3], [130, 6, 1]).expect("valid grid");
            let mask = SliceMask::from_dense(130, &dense);
            let edge = boundary(&mask, &grid);
            let inside = |j: isize, i: isize| j >= 0 && i >= 0 && mask.get(j as usize, i as usize);
            for j in 0..6 {
                for i in 0..130 {
                    let open = [(-1, 0), (1, 0), (0, -1), (0, 1)].iter().any(|(dj, di)| !inside(j + dj, i + di));
                    prop_assert_eq!(edge.get(j as usize, i as usize), inside(j, i) && open);
                }
            }
        }
    }
}
