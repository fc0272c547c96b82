//! From fields to rings: marching squares with linear interpolation between voxel centres, and
//! smooth outlines around masks that rasterize back to exactly the same voxels.

use super::simplify::thinned;
use super::{Mask, Ring, SliceContours, SliceMask};
use crate::geometry::{PlanePoint, VoxelGrid};
use ndarray::{Array2, ArrayView2};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Vertices nearer than this to the line that remains are not kept, mm.
const THIN_MM: f64 = 0.01;

/// Closest an outline comes to a voxel centre, as a part of the pixel: the centre stays on its side.
const CLOSEST: f64 = 0.02;

/// Outlines of the region where a field over a part of a slice is `iso` or more.
///
/// `field` is `[j, i]`; its first value belongs to the voxel `offset_ji` of the grid. Between two centres the outline
/// runs where the linear interpolation is `iso`. Where diagonal corners of a cell are inside, they are joined if the
/// mean of the four is inside. Beyond the border of the field everything is outside and outlines close half a pixel
/// beyond the last centres. Outlines run from +u to +v, holes the other way. Values that are not numbers are outside.
pub fn trace(field: ArrayView2<f32>, iso: f32, grid: &VoxelGrid, offset_ji: [usize; 2]) -> SliceContours {
    Cells { field, iso }.rings(grid, offset_ji)
}

/// Smooth outlines around the voxels of a mask. Rasterizing them gives exactly the same voxels.
///
/// The 0/1 field is smoothed with a 5 x 5 binomial kernel; where that would put a centre (almost) on the other side, as
/// at tips, on single voxels and on thin bridges, the value is set so that it stays on its own. Voxels that touch only
/// at a corner are joined or not, as the smoothed field says; their centres decide the rasterization either way.
pub fn contours_from_mask(grid: &VoxelGrid, mask: &Mask) -> BTreeMap<usize, Arc<SliceContours>> {
    mask.slices
        .iter()
        .map(|(&k, slice)| (k, Arc::new(contours_from_slice_mask(grid, slice))))
        .filter(|(_, contours)| !contours.is_empty())
        .collect()
}

/// One slice of [`contours_from_mask`].
pub fn contours_from_slice_mask(grid: &VoxelGrid, mask: &SliceMask) -> SliceContours {
    let Some([low, high]) = mask.bounds() else { return SliceContours::default() };
    // One voxel of margin, so that the smoothed field falls off inside the array where the grid goes on.
    let first = [low.0.saturating_sub(1), low.1.saturating_sub(1)];
    let size = [(high.0 + 2).min(grid.rows()) - first[0], (high.1 + 2).min(grid.columns()) - first[1]];
    let is_in = |j: usize, i: usize| (2..).contains(&j) && (2..).contains(&i) && mask.get(j - 2, i - 2);
    // Indices are ahead by two, so that the kernel never reaches below zero.
    let binomial = |value: &dyn Fn(usize) -> f32, at: usize| {
        (value(at - 2) + value(at + 2) + 4.0 * (value(at - 1) + value(at + 1)) + 6.0 * value(at)) / 16.0
    };
    let along_rows = Array2::from_shape_fn([size[0] + 4, size[1]], |(j, i)| {
        binomial(&|i| if is_in(first[0] + j, first[1] + i) { 1.0 } else { 0.0 }, i + 2)
    });
    let smooth = Array2::from_shape_fn(size, |(j, i)| {
        let mean = binomial(&|j| along_rows[[j, i]], j + 2);
        match (mask.get(first[0] + j, first[1] + i), mean) {
            (true, ..0.54) => 0.7,
            (false, 0.46..) => 0.3,
            _ => mean,
        }
    });
    trace(smooth.view(), 0.5, grid, first)
}

/// A field and what is inside.
struct Cells<'a> {
    field: ArrayView2<'a, f32>,
    iso: f32,
}

/// An edge between neighbouring centres that the outline crosses: `(row, column, vertical)` of its first centre, in
/// coordinates padded by one.
type Edge = (usize, usize, bool);

impl Cells<'_> {
    /// Value at padded coordinates, relative to `iso`; `None` beyond the border.
    fn value(&self, row: usize, column: usize) -> Option<f64> {
        let (j, i) = (row.checked_sub(1)?, column.checked_sub(1)?);
        self.field.get((j, i)).map(|&x| f64::from(x) - f64::from(self.iso))
    }

    fn inside(&self, row: usize, column: usize) -> bool {
        self.value(row, column).is_some_and(|x| x >= 0.0)
    }

    /// The crossings of the cell whose top left centre is `(row, column)`, as pairs from-to with the inside on the
    /// side that makes outlines run from +u to +v.
    fn segments(&self, row: usize, column: usize, mut emit: impl FnMut(Edge, Edge)) {
        let top: Edge = (row, column, false);
        let bottom: Edge = (row + 1, column, false);
        let left: Edge = (row, column, true);
        let right: Edge = (row, column + 1, true);
        let corner = |r: usize, c: usize| self.inside(row + r, column + c);
        let code = u8::from(corner(0, 0))
            | u8::from(corner(0, 1)) << 1
            | u8::from(corner(1, 1)) << 2
            | u8::from(corner(1, 0)) << 3;
        let joined = || {
            let sum: f64 = [(0, 0), (0, 1), (1, 0), (1, 1)]
                .into_iter()
                .map(|(r, c)| self.value(row + r, column + c).unwrap_or(f64::NEG_INFINITY))
                .sum();
            sum >= 0.0
        };
        match code {
            0b0000 | 0b1111 => {}
            0b0001 => emit(top, left),
            0b0010 => emit(right, top),
            0b0100 => emit(bottom, right),
            0b1000 => emit(left, bottom),
            0b0011 => emit(right, left),
            0b0110 => emit(bottom, top),
            0b1100 => emit(left, right),
            0b1001 => emit(top, bottom),
            0b1110 => emit(left, top),
            0b1101 => emit(top, right),
            0b1011 => emit(right, bottom),
            0b0111 => emit(bottom, left),
            0b0101 if joined() => {
                emit(top, right);
                emit(bottom, left);
            }
            0b0101 => {
                emit(top, left);
                emit(bottom, right);
            }
            _ if joined() => {
                emit(left, top);
                emit(right, bottom);
            }
            _ => {
                emit(right, top);
                emit(left, bottom);
            }
        }
    }

    fn rings(&self, grid: &VoxelGrid, offset_ji: [usize; 2]) -> SliceContours {
        let (rows, columns) = self.field.dim();
        // Every crossed edge has one segment that leaves it and one that enters it: a permutation whose cycles are the
        // rings.
        let index = |(row, column, vertical): Edge| 2 * (row * (columns + 2) + column) + usize::from(vertical);
        let mut next: Vec<u32> = vec![u32::MAX; 2 * (rows + 2) * (columns + 2)];
        let mut starts = Vec::new();
        for row in 0..=rows {
            for column in 0..=columns {
                self.segments(row, column, |from, to| {
                    next[index(from)] = index(to) as u32;
                    starts.push(index(from));
                });
            }
        }
        let point = |at: usize| -> PlanePoint {
            let (cell, vertical) = (at / 2, at % 2 == 1);
            let (row, column) = (cell / (columns + 2), cell % (columns + 2));
            let (a, b) =
                (self.value(row, column), self.value(row + usize::from(vertical), column + usize::from(!vertical)));
            let part = match (a, b) {
                (Some(a), Some(b)) if a.is_finite() && b.is_finite() => (a / (a - b)).clamp(CLOSEST, 1.0 - CLOSEST),
                _ => 0.5,
            };
            let (along_j, along_i) = if vertical { (part, 0.0) } else { (0.0, part) };
            grid.plane_from_index(
                offset_ji[1] as f64 + column as f64 - 1.0 + along_i,
                offset_ji[0] as f64 + row as f64 - 1.0 + along_j,
            )
        };
        // Much finer grids than any scanner makes still keep every centre on its side.
        let thin_mm = THIN_MM.min(CLOSEST / 4.0 * grid.spacing_i_mm().min(grid.spacing_j_mm()));
        let mut rings = Vec::new();
        for start in starts {
            let mut points = Vec::new();
            let mut at = start;
            while next[at] != u32::MAX {
                points.push(point(at));
                at = std::mem::replace(&mut next[at], u32::MAX) as usize;
            }
            if points.len() >= 3 {
                let ring = Ring::new(thinned(&points, thin_mm));
                if ring.points().len() >= 3 {
                    rings.push(ring);
                }
            }
        }
        SliceContours::new(rings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::{area_mm2, rasterize_slice};
    use glam::DVec3;
    use proptest::prelude::*;

    fn grid(columns: usize, rows: usize) -> VoxelGrid {
        VoxelGrid::axial(DVec3::new(-12.7, 33.1, 0.0), [0.9766, 1.2, 3.0], [columns, rows, 1]).expect("valid grid")
    }

    /// Random voxels, and random blobs made of overlapping and missing boxes.
    fn any_mask() -> impl Strategy<Value = Vec<bool>> {
        let noise = proptest::collection::vec(any::<bool>(), 24 * 20);
        let boxes = proptest::collection::vec((0usize..24, 0usize..20, 1usize..12, 1usize..12, any::<bool>()), 1..8);
        prop_oneof![
            noise,
            boxes.prop_map(|boxes| {
                let mut dense = vec![false; 24 * 20];
                for (i0, j0, w, h, value) in boxes {
                    for j in j0..(j0 + h).min(20) {
                        for i in i0..(i0 + w).min(24) {
                            dense[j * 24 + i] = value;
                        }
                    }
                }
                dense
            })
        ]
    }

    proptest! {
        #[test]
        fn outlines_of_a_mask_rasterize_to_the_same_voxels(dense in any_mask()) {
            let g = grid(24, 20);
            let mask = SliceMask::from_dense(24, &dense);
            prop_assert_eq!(rasterize_slice(&g, &contours_from_slice_mask(&g, &mask)), mask);
        }

        #[test]
        fn a_traced_field_rasterizes_to_where_it_is_iso_or_more(values in proptest::collection::vec(-1.0f32..1.0, 12 * 9)) {
            let g = grid(20, 20);
            let field = Array2::from_shape_vec([9, 12], values).expect("108 values");
            let mask = rasterize_slice(&g, &trace(field.view(), 0.25, &g, [3, 5]));
            for ((j, i), x) in field.indexed_iter() {
                prop_assert_eq!(mask.get(j + 3, i + 5), *x >= 0.25);
            }
            prop_assert_eq!(mask.count(), field.iter().filter(|x| **x >= 0.25).count() as u64);
        }
    }

    #[test]
    fn a_sampled_disc_comes_back_to_a_twentieth_of_a_pixel() {
        let g = grid(60, 60);
        let center = g.plane_from_index(29.3, 30.6);
        let radius = 17.3;
        let field = Array2::from_shape_fn([60, 60], |(j, i)| {
            let p = g.plane_from_index(i as f64, j as f64);
            (radius - (p[0] - center[0]).hypot(p[1] - center[1])) as f32
        });
        let traced = trace(field.view(), 0.0, &g, [0, 0]);
        assert_eq!(traced.rings.len(), 1);
        for p in traced.rings[0].points() {
            assert!(((p[0] - center[0]).hypot(p[1] - center[1]) - radius).abs() < 0.05);
        }
        assert!((area_mm2(&traced) / (std::f64::consts::PI * radius * radius) - 1.0).abs() < 5e-3);
        assert!(traced.rings[0].signed_area_mm2() > 0.0);
    }

    #[test]
    fn a_field_that_is_inside_to_its_border_closes_half_a_pixel_beyond() {
        let g = grid(4, 3);
        let c = trace(Array2::from_elem([3, 4], 1.0).view(), 0.5, &g, [0, 0]);
        let [low, high] = c.bounds().expect("one ring");
        let (first, last) = (g.plane_from_index(-0.5, -0.5), g.plane_from_index(3.5, 2.5));
        for (x, y) in low.into_iter().chain(high).zip(first.into_iter().chain(last)) {
            assert!((x - y).abs() <= 1e-4);
        }
    }

    #[test]
    fn a_hole_runs_the_other_way_and_counts_negative() {
        let g = grid(20, 20);
        let dense: Vec<bool> =
            (0..400).map(|n| (3..16).contains(&(n / 20)) && (3..16).contains(&(n % 20)) && n != 10 * 20 + 9).collect();
        let c = contours_from_slice_mask(&g, &SliceMask::from_dense(20, &dense));
        assert_eq!(c.rings.len(), 2);
        assert_eq!(c.rings.iter().filter(|r| r.signed_area_mm2() < 0.0).count(), 1);
        let pixel_area = 168.0 * 0.9766 * 1.2;
        assert!((area_mm2(&c) / pixel_area - 1.0).abs() < 0.02, "{} for {pixel_area}", area_mm2(&c));
    }
}
