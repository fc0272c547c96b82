//! Surface distances weighted by area, as DeepMind's surface-distance defines them.
//!
//! The surface passes the corners of voxels: every corner whose eight voxels are not all alike is a
//! surface element (surfel). Its area is that of the marching-cubes triangles for its eight voxels,
//! its distance that to the nearest surfel of the other surface. Here the corners lie at their true
//! positions: between two slices half way, with the area for the distance of those two slices.

use crate::contour::{Mask, squared_distances_mm2};
use crate::geometry::VoxelGrid;
use ndarray::Array3;

/// Distances from the surfels of one surface to the nearest surfel of the other, with the areas of the surfels.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SurfaceDistances {
    /// Ascending by distance: `(distance mm, area mm2)`. The distance is infinite if the other surface does not exist.
    surfels: Vec<(f64, f64)>,
}

impl SurfaceDistances {
    /// Distances from the surface of `a` to that of `b`, and from `b` to `a`.
    pub fn between(a: &Mask, b: &Mask, grid: &VoxelGrid) -> [Self; 2] {
        let Some(corners) = Corners::around(a, b, grid) else { return [Self::default(), Self::default()] };
        let (codes_a, codes_b) = (corners.codes(a), corners.codes(b));
        [corners.distances(&codes_a, &codes_b), corners.distances(&codes_b, &codes_a)]
    }

    /// Area of the surface, mm2.
    pub fn area_mm2(&self) -> f64 {
        self.surfels.iter().map(|s| s.1).sum()
    }

    /// Mean distance weighted by area, mm; `None` if one of the surfaces does not exist.
    pub fn mean_mm(&self) -> Option<f64> {
        finite(self.surfels.iter().map(|(d, area)| d * area).sum::<f64>() / self.area_mm2())
    }

    /// The distance that `percent` of the surface do not exceed, mm; 100 is the directed Hausdorff distance. `None` if
    /// one of the surfaces does not exist.
    pub fn percentile_mm(&self, percent: f64) -> Option<f64> {
        let wanted = percent / 100.0;
        let total = self.area_mm2();
        let mut sum = 0.0;
        let at = self.surfels.iter().position(|(_, area)| {
            sum += area;
            sum / total >= wanted
        });
        // Rounding may leave the sum of all just below the whole.
        let surfel = at.map_or(self.surfels.last(), |n| self.surfels.get(n))?;
        finite(surfel.0)
    }

    /// Area within `tolerance_mm` of the other surface, mm2. A distance that is the tolerance itself but for rounding,
    /// such as 2 mm between corners 1.2 and 1.6 mm apart, is within.
    pub fn area_within_mm2(&self, tolerance_mm: f64) -> f64 {
        self.surfels.iter().take_while(|(d, _)| *d <= tolerance_mm + super::TIE_MM).map(|s| s.1).sum()
    }
}

fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

/// The corners of the voxels in the bounding box of two masks.
struct Corners {
    /// First and one past the last voxel of the box.
    low: [usize; 3],
    high: [usize; 3],
    /// Coordinates of the corners on each axis, mm.
    positions: [Vec<f64>; 3],
    /// Edge lengths of the cell between the eight voxel centres around each corner of the k axis, mm.
    gaps_mm: Vec<f64>,
    spacing_ji_mm: [f64; 2],
}

impl Corners {
    fn around(a: &Mask, b: &Mask, grid: &VoxelGrid) -> Option<Self> {
        let (low, high) = match (a.bounds(), b.bounds()) {
            (Some(x), Some(y)) => {
                (std::array::from_fn(|n| x[0][n].min(y[0][n])), std::array::from_fn(|n| x[1][n].max(y[1][n]) + 1))
            }
            (Some(x), None) | (None, Some(x)) => (x[0], x[1].map(|n| n + 1)),
            (None, None) => return None,
        };
        // Beyond the first and the last slice the spacing goes on.
        let centers = grid.positions_mm();
        let n = centers.len();
        let gap = |corner: usize| match corner {
            _ if n == 1 => grid.thickness_mm(0),
            0 => centers[1] - centers[0],
            k if k >= n => centers[n - 1] - centers[n - 2],
            k => centers[k] - centers[k - 1],
        };
        let corner_mm = |k: usize| if k == 0 { centers[0] - gap(0) / 2.0 } else { centers[k - 1] + gap(k) / 2.0 };
        let steps = |axis: usize, spacing: f64| (low[axis]..=high[axis]).map(|m| m as f64 * spacing).collect();
        Some(Self {
            low,
            high,
            positions: [
                (low[0]..=high[0]).map(corner_mm).collect(),
                steps(1, grid.spacing_j_mm()),
                steps(2, grid.spacing_i_mm()),
            ],
            gaps_mm: (low[0]..=high[0]).map(gap).collect(),
            spacing_ji_mm: [grid.spacing_j_mm(), grid.spacing_i_mm()],
        })
    }

    /// For every corner which of its eight voxels are inside: voxel (k, j, i) after the corner is bit 0, the one before
    /// it on axis i bit 1, on j bit 2, on k bit 4, and so on.
    fn codes(&self, mask: &Mask) -> Array3<u8> {
        let size: [usize; 3] = std::array::from_fn(|a| self.high[a] + 1 - self.low[a]);
        let mut codes = Array3::<u8>::zeros(size);
        for (&k, slice) in mask.slices.range(self.low[0]..self.high[0]) {
            for (j, i) in slice.voxels() {
                let at = [k - self.low[0], j - self.low[1], i - self.low[2]];
                for bit in 0..8 {
                    codes[[at[0] + (bit >> 2 & 1), at[1] + (bit >> 1 & 1), at[2] + (bit & 1)]] |= 1 << bit;
                }
            }
        }
        codes
    }

    fn distances(&self, from: &Array3<u8>, to: &Array3<u8>) -> SurfaceDistances {
        let is_surface = |code: u8| code != 0 && code != 255;
        let squares = squared_distances_mm2(&to.mapv(is_surface), std::array::from_fn(|a| &self.positions[a][..]));
        let mut surfels = Vec::new();
        for ((codes, squares), &gap_mm) in from.outer_iter().zip(squares.outer_iter()).zip(&self.gaps_mm) {
            let areas = surfel_areas_mm2([gap_mm, self.spacing_ji_mm[0], self.spacing_ji_mm[1]]);
            let found = codes.iter().zip(squares).filter(|(code, _)| is_surface(**code));
            surfels.extend(found.map(|(&code, &d2)| (d2.sqrt(), areas[code as usize])));
        }
        surfels.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        SurfaceDistances { surfels }
    }
}

/// The marching-cubes cases that are different under rotation, reflection and exchange of inside and outside
/// (Lorensen and Cline 1987): one of the codes, and for each triangle the area it shows in direction k, j and i, as a
/// part of the face of the cell. The polygons are cut into triangles as in DeepMind's table.
const CASES: [(u8, &[[f64; 3]]); 13] = [
    (0b0000_0001, &[CORNER]),
    (0b0000_0011, &[[0.25, 0.25, 0.0], [0.25, 0.25, 0.0]]),
    (0b0000_0110, &[CORNER, CORNER]),
    (0b0000_0111, &[[0.5, 0.0, 0.0], [0.25, 0.25, 0.25], CORNER]),
    (0b0000_1111, &[[0.5, 0.0, 0.0], [0.5, 0.0, 0.0]]),
    (0b0001_0110, &[CORNER, CORNER, CORNER]),
    (0b0001_0111, &[CORNER, [0.25, 0.25, 0.25], [0.25, 0.25, 0.25], CORNER]),
    (0b0001_1000, &[CORNER, CORNER]),
    (0b0001_1001, &[[0.0, 0.25, 0.25], [0.0, 0.25, 0.25], CORNER]),
    (0b0001_1011, &[CORNER, [0.375, 0.375, 0.375], [0.0, 0.25, 0.25], [0.25, 0.0, 0.25]]),
    (0b0001_1110, &[[0.5, 0.0, 0.0], CORNER, [0.25, 0.25, 0.25], CORNER]),
    (0b0011_1100, &[[0.25, 0.25, 0.0], [0.25, 0.25, 0.0], [0.25, 0.25, 0.0], [0.25, 0.25, 0.0]]),
    (0b0110_1001, &[CORNER, CORNER, CORNER, CORNER]),
];

/// The triangle that cuts off one corner of a cell through the middles of its edges.
const CORNER: [f64; 3] = [0.125, 0.125, 0.125];

/// Surfel area of every code, mm2, for a cell with these edges along k, j and i, mm.
fn surfel_areas_mm2([k_mm, j_mm, i_mm]: [f64; 3]) -> [f64; 256] {
    let faces_mm2 = [j_mm * i_mm, k_mm * i_mm, k_mm * j_mm];
    let mut areas = [0.0; 256];
    for (case, triangles) in CASES {
        for axes in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let area =
                triangles.iter().map(|t| (0..3).map(|a| (t[a] * faces_mm2[axes[a]]).powi(2)).sum::<f64>().sqrt()).sum();
            for mirror in 0..8 {
                let code = moved(case, axes, mirror);
                areas[code as usize] = area;
                areas[!code as usize] = area;
            }
        }
    }
    areas
}

/// The code after its axis `a` (0 is k) has become axis `axes[a]` and the axes in `mirror` are flipped.
fn moved(code: u8, axes: [usize; 3], mirror: u8) -> u8 {
    (0..8u8)
        .filter(|corner| code >> corner & 1 == 1)
        .map(|corner| {
            let moved = (0..3).map(|a| (corner >> (2 - a) & 1) << (2 - axes[a])).sum::<u8>();
            1 << (moved ^ mirror)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surfel_areas_are_those_of_the_reference_table() {
        // Three sums over all 256 codes; no exchange of codes keeps the last two. Made with numpy 2.4.6 and
        // surface-distance 0.1:
        //   t = lookup_tables.create_table_neighbour_code_to_surface_area(spacing); c = np.arange(256)
        //   print(t.sum(), (t * (c + 1)).sum(), (t * np.sin(c * c)).sum())
        for (spacing, sums) in [
            ([1.0, 1.0, 1.0], [241.343139706, 31012.593452162, 8.780817819]),
            ([5.0, 1.1543, 0.9], [1003.586364676, 128960.847860904, 36.249018376]),
            ([0.7, 2.5, 1.3], [515.358278005, 66223.538723611, 17.427373416]),
        ] {
            let areas = surfel_areas_mm2(spacing);
            let sum = |weight: fn(f64) -> f64| areas.iter().enumerate().map(|(c, a)| a * weight(c as f64)).sum::<f64>();
            let found = [sum(|_| 1.0), sum(|c| c + 1.0), sum(|c| (c * c).sin())];
            for (found, expected) in found.into_iter().zip(sums) {
                assert!((found - expected).abs() < 1e-8, "{spacing:?}: {found} for {expected}");
            }
            assert_eq!(areas.iter().filter(|a| **a == 0.0).count(), 2);
        }
    }
}
