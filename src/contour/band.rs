//! Outlines of what lies within a range of values on a part of a slice.

use super::{SliceContours, trace};
use crate::geometry::{PlanePoint, VoxelGrid};
use ndarray::{Array2, ArrayView2, s};

/// Outlines of where the values of a slice are from `low` to `high`, both included, within a box of plane coordinates
/// (and a little around it). Between two centres the outline runs where the linear interpolation leaves the range,
/// half a unit beyond it, so that every voxel centre of the range is inside.
pub fn band_outline(
    grid: &VoxelGrid,
    slice: ArrayView2<'_, i16>,
    [low, high]: [i16; 2],
    [from, to]: [PlanePoint; 2],
) -> SliceContours {
    let index = |p: PlanePoint| grid.index_from_plane(p);
    let (a, b) = (index(from), index(to));
    let range = |x: f64, y: f64, size: usize| {
        let first = (x.min(y).floor() - 1.0).clamp(0.0, size as f64) as usize;
        let last = (x.max(y).ceil() + 2.0).clamp(0.0, size as f64) as usize;
        first..last.max(first)
    };
    let (rows, columns) = (range(a.y, b.y, grid.rows()), range(a.x, b.x, grid.columns()));
    if rows.is_empty() || columns.is_empty() || low > high {
        return SliceContours::default();
    }
    let (low, high) = (f32::from(low) - 0.5, f32::from(high) + 0.5);
    let values = slice.slice(s![rows.clone(), columns.clone()]);
    let field: Array2<f32> = values.mapv(|value| (f32::from(value) - low).min(high - f32::from(value)));
    trace(field.view(), 0.0, grid, [rows.start, columns.start])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::rasterize_slice;
    use glam::DVec3;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_holds_the_voxels_of_the_range_and_no_others(
            values in proptest::collection::vec(-5..6i16, 16 * 12), low in -4..3i16, span in 0..4i16,
        ) {
            let grid = VoxelGrid::axial(DVec3::new(-3.0, 2.0, 0.0), [0.7, 1.3, 1.0], [16, 12, 1]).expect("valid grid");
            let slice = Array2::from_shape_vec([12, 16], values).expect("as many values as voxels");
            let all = [grid.plane_from_index(0.0, 0.0), grid.plane_from_index(15.0, 11.0)];
            let mask = rasterize_slice(&grid, &band_outline(&grid, slice.view(), [low, low + span], all));
            for ((j, i), value) in slice.indexed_iter() {
                prop_assert_eq!(mask.get(j, i), (low..=low + span).contains(value), "row {} column {}", j, i);
            }
        }
    }

    #[test]
    fn only_the_box_is_looked_at() {
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0; 3], [64, 64, 1]).expect("valid grid");
        let slice = Array2::from_elem([64, 64], 30i16);
        let outline = band_outline(&grid, slice.view(), [0, 60], [[20.0, 20.0], [30.0, 25.0]]);
        let [low, high] = outline.bounds().expect("inside the range");
        assert!(low[0] > 17.0 && low[0] < 20.0 && high[0] > 30.0 && high[0] < 34.0, "{low:?} {high:?}");
        assert!(band_outline(&grid, slice.view(), [0, 60], [[200.0, 20.0], [230.0, 25.0]]).is_empty());
    }
}
