//! Whole bones in a planning CT, marrow included: in marrow the numbers are those of soft tissue or contrast, so
//! a threshold alone finds little more than cortex.

use super::ctv::without_small_holes;
use crate::contour::{Components, Mask, SliceMask, expand};
use crate::geometry::VoxelGrid;
use crate::image::CtVolume;
use glam::DVec3;
use ndarray::{Array3, ArrayView3, s};
use std::sync::Arc;

/// Above this a voxel is cortex (or calcium, or dense contrast).
pub(super) const CORTEX_ABOVE_HU: i16 = 250;
/// Some of every bone is denser than this; contrast in vessels seldom is.
const DENSE_ABOVE_HU: i16 = 400;
/// Share of a bone that must be dense.
const DENSE_SHARE: f64 = 0.03;
/// Smaller pieces are calcified nodes and vessel walls, mm3.
const SMALLEST_MM3: f64 = 2000.0;
/// Gaps that noise and thin cortex leave in a shell are up to twice this wide.
const SHELL_GAP_MM: f64 = 4.0;
/// Hollows of a bone up to twice this wide hold marrow...
const HOLLOW_MM: f64 = 12.0;
/// ...where the mean of the neighborhood is above this; muscle, nodes and the oesophagus are below.
const MARROW_ABOVE_HU: f32 = 80.0;
/// A marrow space enclosed in a slice has at most this area, mm2: the largest vertebral bodies have 1600.
const ENCLOSED_MM2: f64 = 2000.0;
/// Width of the neighborhood for mean and spread, mm.
const NEIGHBORHOOD_MM: f64 = 4.5;
/// Blood with contrast is above this...
const CONTRAST_ABOVE_HU: f32 = 180.0;
/// ...and even: its spread is at most so many times the noise in soft tissue. Trabeculae spread more.
const CONTRAST_SPREAD: f32 = 1.6;
/// Radius of the smallest contrast-filled vessel that is told from bone, mm.
const VESSEL_RADIUS_MM: f64 = 2.5;
/// How far the edge of a vessel, blurred, reaches beyond its even part, mm.
const VESSEL_EDGE_MM: f64 = 5.0;
/// Smallest even part of a vessel, mm3.
const VESSEL_MM3: f64 = 300.0;

/// The bones within the box `low..=high` (`[k, j, i]`) of a volume.
pub(super) fn bone_bodies(volume: &CtVolume, [low, high]: [[usize; 3]; 2]) -> Mask {
    let hu = volume.hu.slice(s![low[0]..=high[0], low[1]..=high[1], low[2]..=high[2]]);
    let grid = local_grid(&volume.grid, low, high);
    let (mean, spread) = neighborhoods(hu, &grid);
    let vessels = vessels(&mean, &spread, &grid);
    let shell = Mask::from_dense(&hu.mapv(|h| h > CORTEX_ABOVE_HU)).difference(&vessels);
    let closed = close(&shell, &grid, SHELL_GAP_MM).difference(&vessels).union(&shell);
    let (solid, parts) = parts_of(&enclosed(closed, &grid), &grid);
    let volumes_mm3 = volumes_mm3(&parts, &grid);
    let dense = parts.sums(grid.columns(), |at| f64::from(u8::from(hu[place(at, &grid)] > DENSE_ABOVE_HU)));
    let bodies = retained(solid, &parts, &grid, |part| {
        volumes_mm3[part] >= SMALLEST_MM3 && dense[part] > DENSE_SHARE * parts.sizes[part] as f64
    });
    let marrow = Mask::from_dense(&mean.mapv(|m| m > MARROW_ABOVE_HU));
    let hollows = close(&bodies, &grid, HOLLOW_MM).intersection(&marrow).difference(&vessels);
    moved(&enclosed(bodies.union(&hollows), &grid), low, &volume.grid)
}

/// The part of a grid in a box; only distances matter, so its origin does not.
fn local_grid(grid: &VoxelGrid, low: [usize; 3], high: [usize; 3]) -> VoxelGrid {
    VoxelGrid::new(
        DVec3::ZERO,
        grid.i_direction(),
        grid.j_direction(),
        [grid.spacing_i_mm(), grid.spacing_j_mm()],
        [high[2] - low[2] + 1, high[1] - low[1] + 1],
        grid.positions_mm()[low[0]..=high[0]].to_vec(),
    )
    .expect("part of a valid grid")
}

/// Mean and standard deviation over a square in the slice around each voxel, cut off at the border.
fn neighborhoods(hu: ArrayView3<i16>, grid: &VoxelGrid) -> (Array3<f32>, Array3<f32>) {
    let (slices, rows, columns) = hu.dim();
    let half = |spacing: f64| (NEIGHBORHOOD_MM / 2.0 / spacing).floor() as usize;
    let (half_j, half_i) = (half(grid.spacing_j_mm()), half(grid.spacing_i_mm()));
    let (mut mean, mut spread) = (Array3::zeros(hu.dim()), Array3::zeros(hu.dim()));
    let width = columns + 1;
    let mut sums = vec![[0.0f64; 2]; (rows + 1) * width];
    for k in 0..slices {
        for j in 0..rows {
            let mut row = [0.0; 2];
            for i in 0..columns {
                // Metal and the outside of the scan would drown their surroundings.
                let h = f64::from(hu[[k, j, i]].clamp(-1000, 1500));
                row = [row[0] + h, row[1] + h * h];
                let above = sums[j * width + i + 1];
                sums[(j + 1) * width + i + 1] = [above[0] + row[0], above[1] + row[1]];
            }
        }
        for j in 0..rows {
            let (j0, j1) = (j.saturating_sub(half_j), (j + half_j + 1).min(rows));
            for i in 0..columns {
                let (i0, i1) = (i.saturating_sub(half_i), (i + half_i + 1).min(columns));
                let n = ((j1 - j0) * (i1 - i0)) as f64;
                let [m, m2] = [0, 1].map(|a| {
                    let at = |j: usize, i: usize| sums[j * width + i][a];
                    (at(j1, i1) - at(j0, i1) - at(j1, i0) + at(j0, i0)) / n
                });
                mean[[k, j, i]] = m as f32;
                spread[[k, j, i]] = (m2 - m * m).max(0.0).sqrt() as f32;
            }
        }
    }
    (mean, spread)
}

/// Vessels and chambers of the heart full of contrast: dense as bone, but even.
fn vessels(mean: &Array3<f32>, spread: &Array3<f32>, grid: &VoxelGrid) -> Mask {
    let mut noise: Vec<f32> =
        mean.iter().zip(spread).filter(|(m, s)| (-10.0..110.0).contains(*m) && **s < 100.0).map(|(_, s)| *s).collect();
    if noise.is_empty() {
        return Mask::default();
    }
    let middle = noise.len() / 2;
    let limit = CONTRAST_SPREAD * *noise.select_nth_unstable_by(middle, f32::total_cmp).1;
    let even = Array3::from_shape_fn(mean.dim(), |at| mean[at] > CONTRAST_ABOVE_HU && spread[at] < limit);
    let even = Mask::from_dense(&even);
    let opened = expand(&expand(&even, grid, -VESSEL_RADIUS_MM), grid, VESSEL_RADIUS_MM).intersection(&even);
    let (opened, parts) = parts_of(&opened, grid);
    let volumes_mm3 = volumes_mm3(&parts, grid);
    let large = retained(opened, &parts, grid, |part| volumes_mm3[part] >= VESSEL_MM3);
    expand(&large, grid, VESSEL_EDGE_MM)
}

fn close(mask: &Mask, grid: &VoxelGrid, radius_mm: f64) -> Mask {
    expand(&expand(mask, grid, radius_mm), grid, -radius_mm)
}

/// With the spaces that the mask encloses in a slice.
fn enclosed(mut mask: Mask, grid: &VoxelGrid) -> Mask {
    for slice in mask.slices.values_mut() {
        *slice = Arc::new(without_small_holes(slice, grid, ENCLOSED_MM2));
    }
    mask
}

/// A mask as a dense set, and its connected parts (through faces).
fn parts_of(mask: &Mask, grid: &VoxelGrid) -> (Vec<bool>, Components) {
    let set = mask.to_dense(grid.shape()).into_raw_vec_and_offset().0;
    let parts = Components::of(grid.shape(), &set);
    (set, parts)
}

fn place(at: usize, grid: &VoxelGrid) -> [usize; 3] {
    let (row, i) = (at / grid.columns(), at % grid.columns());
    [row / grid.rows(), row % grid.rows(), i]
}

fn volumes_mm3(parts: &Components, grid: &VoxelGrid) -> Vec<f64> {
    parts.sums(grid.columns(), |at| grid.voxel_mm3(at / grid.columns() / grid.rows()))
}

/// The parts that pass a test; the set, in which they lie, is written over.
fn retained(mut set: Vec<bool>, parts: &Components, grid: &VoxelGrid, keep: impl Fn(usize) -> bool) -> Mask {
    set.fill(false);
    parts.paint(grid.columns(), &mut set, keep);
    Mask::from_dense(&Array3::from_shape_vec(grid.shape(), set).expect("as many as before"))
}

/// A mask of a box of the grid as a mask of the grid.
fn moved(mask: &Mask, low: [usize; 3], grid: &VoxelGrid) -> Mask {
    let slices = mask.slices.iter().map(|(&k, slice)| {
        let rows = slice.row_range();
        let mut out = SliceMask::with_rows(grid.columns(), rows.start + low[1], rows.len());
        for (j, i) in slice.voxels() {
            out.set(j + low[1], i + low[2]);
        }
        (k + low[0], Arc::new(out))
    });
    Mask { slices: slices.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marrow_belongs_to_bone_and_the_tissue_between_vessels_does_not() {
        let grid = Arc::new(VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 3.0], [120, 80, 12]).expect("valid grid"));
        // A vertebral body with a gap in its cortex, and two vessels full of contrast 8 mm apart, in even noise.
        let hu = Array3::from_shape_fn(grid.shape(), |(k, j, i)| {
            let noise = ((k * 7919 + j * 104_729 + i * 1299709) % 41) as i16 - 20;
            let from = |cj: f64, ci: f64| (j as f64 - cj).hypot(i as f64 - ci);
            let body = from(40.0, 30.0);
            let calm = if body < 15.0 && (j as i64 - 40).abs() > 1 && body >= 13.0 {
                700
            } else if body < 13.0 {
                // Trabeculae.
                if (j + i) % 3 == 0 { 240 } else { 100 }
            } else if from(40.0, 70.0) < 9.0 || from(40.0, 96.0) < 9.0 {
                300
            } else {
                40
            };
            calm + noise
        });
        let volume = CtVolume::new(Arc::clone(&grid), hu);
        let bones = bone_bodies(&volume, [[0, 0, 0], [11, 79, 119]]);
        assert!(bones.get(5, 40, 30) && bones.get(5, 35, 25) && bones.get(5, 30, 30), "marrow");
        for i in [50, 70, 83, 96, 110] {
            assert!(!bones.get(5, 40, i), "column {i} is no bone");
        }
        let cm3 = bones.volume_cm3(&grid);
        let cylinder = std::f64::consts::PI * 1.5 * 1.5 * 3.6;
        assert!((cm3 - cylinder).abs() < 0.1 * cylinder, "{cm3} cm3 in place of {cylinder}");
    }
}
