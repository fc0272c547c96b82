//! From rings to bits: a voxel is in if its centre is inside by the even-odd rule.
//!
//! Every edge marks, in each row of centres that it crosses, the first column at or beyond the
//! crossing; a running exclusive-or along the row then fills between the marks. The crossing is the
//! same expression as in [`SliceContours::contains`], so that both agree for every centre, bit for bit.

use super::{Mask, SliceContours, SliceMask};
use crate::geometry::VoxelGrid;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// The voxels of one slice whose centres lie inside the contours. Rows without voxels at the top and
/// the bottom are not stored.
pub fn rasterize_slice(grid: &VoxelGrid, contours: &SliceContours) -> SliceMask {
    Centers::of(grid).rasterize(contours)
}

/// The mask of one structure; slices without any voxel have no entry.
pub fn rasterize(grid: &VoxelGrid, slices: &BTreeMap<usize, Arc<SliceContours>>) -> Mask {
    let centers = Centers::of(grid);
    let slices = slices
        .iter()
        .map(|(&k, contours)| (k, Arc::new(centers.rasterize(contours))))
        .filter(|(_, mask)| !mask.is_empty())
        .collect();
    Mask { slices }
}

/// Plane coordinates of the voxel centres, mm: u of every column and v of every row.
struct Centers {
    columns: Vec<f64>,
    rows: Vec<f64>,
}

impl Centers {
    fn of(grid: &VoxelGrid) -> Self {
        Self {
            columns: (0..grid.columns()).map(|i| grid.plane_from_index(i as f64, 0.0)[0]).collect(),
            rows: (0..grid.rows()).map(|j| grid.plane_from_index(0.0, j as f64)[1]).collect(),
        }
    }

    /// The rows crossed by an edge between two v: half-open, as in [`SliceContours::contains`].
    fn rows_between(&self, a: f64, b: f64) -> Range<usize> {
        first_not_below(&self.rows, a.min(b))..first_not_below(&self.rows, a.max(b))
    }

    fn rasterize(&self, contours: &SliceContours) -> SliceMask {
        let columns = self.columns.len();
        let Some([low, high]) = contours.bounds() else { return SliceMask::with_rows(columns, 0, 0) };
        let rows = self.rows_between(low[1], high[1]);
        let mut mask = SliceMask::with_rows(columns, rows.start, rows.len());
        for ring in &contours.rings {
            for (a, b) in ring.edges() {
                for j in self.rows_between(a[1], b[1]) {
                    let v = self.rows[j];
                    let crossing = a[0] + (v - a[1]) / (b[1] - a[1]) * (b[0] - a[0]);
                    let i = first_not_below(&self.columns, crossing);
                    if i < columns {
                        mask.row_mut(j)[i / 64] ^= 1 << (i % 64);
                    }
                }
            }
        }
        for j in rows {
            fill_between_marks(mask.row_mut(j), columns);
        }
        mask.trimmed()
    }
}

/// Index of the first value that is not below `x` in evenly spaced ascending values; their number if all are below.
fn first_not_below(values: &[f64], x: f64) -> usize {
    let n = values.len();
    let step = if n > 1 { (values[n - 1] - values[0]) / (n - 1) as f64 } else { 1.0 };
    // The guess is right but for rounding; the comparison with the values themselves decides.
    let mut at = (((x - values[0]) / step).ceil().max(0.0) as usize).min(n);
    while at > 0 && values[at - 1] >= x {
        at -= 1;
    }
    while at < n && values[at] < x {
        at += 1;
    }
    at
}

/// Turns marks into runs: a bit becomes the exclusive-or of all bits up to it.
fn fill_between_marks(row: &mut [u64], columns: usize) {
    let mut carry = 0u64;
    for word in row.iter_mut() {
        let mut x = *word;
        for shift in [1, 2, 4, 8, 16, 32] {
            x ^= x << shift;
        }
        x ^= carry;
        carry = if x >> 63 == 1 { u64::MAX } else { 0 };
        *word = x;
    }
    // A run that leaves the image on the right ends at the last column.
    if let (Some(last), 1..) = (row.last_mut(), columns % 64) {
        *last &= u64::MAX >> (64 - columns % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::Ring;
    use glam::DVec3;
    use proptest::prelude::*;

    fn grid(columns: usize, rows: usize) -> VoxelGrid {
        VoxelGrid::axial(DVec3::new(-3.3, 1.7, 0.0), [0.9, 1.3, 3.0], [columns, rows, 2]).expect("valid grid")
    }

    fn brute_force(grid: &VoxelGrid, contours: &SliceContours) -> SliceMask {
        let dense: Vec<bool> = (0..grid.rows())
            .flat_map(|j| (0..grid.columns()).map(move |i| (i, j)))
            .map(|(i, j)| contours.contains(grid.plane_from_index(i as f64, j as f64)))
            .collect();
        SliceMask::from_dense(grid.columns(), &dense)
    }

    /// Rings that cross themselves, each other and the border of the image.
    fn any_rings() -> impl Strategy<Value = SliceContours> {
        let point = prop_oneof![
            3 => (-20.0..160.0f64, -20.0..70.0f64).prop_map(|(u, v)| [u, v]),
            // Exactly on voxel centres, where the half-open rule decides.
            1 => (0usize..150, 0usize..40).prop_map(|(i, j)| grid(150, 40).plane_from_index(i as f64, j as f64)),
        ];
        proptest::collection::vec(proptest::collection::vec(point, 0..12), 0..4).prop_map(|rings| {
            SliceContours::new(rings.into_iter().enumerate().map(|(n, r)| Ring::imported(r, n as u32)).collect())
        })
    }

    proptest! {
        #[test]
        fn a_voxel_is_in_exactly_if_its_centre_is(contours in any_rings()) {
            for columns in [150, 128] {
                let g = grid(columns, 40);
                prop_assert_eq!(rasterize_slice(&g, &contours), brute_force(&g, &contours));
            }
        }
    }

    #[test]
    fn only_slices_with_voxels_have_an_entry() {
        let g = grid(20, 20);
        let square =
            |lo: f64, hi: f64| Arc::new(SliceContours::new(vec![Ring::new([[lo, lo], [hi, lo], [hi, hi], [lo, hi]])]));
        let mask = rasterize(&g, &BTreeMap::from([(0, square(3.0, 9.0)), (1, square(3.01, 3.02))]));
        assert_eq!(mask.slices.keys().copied().collect::<Vec<_>>(), [0]);
        assert_eq!(mask.slices[&0].row_range(), 1..6);
    }
}
