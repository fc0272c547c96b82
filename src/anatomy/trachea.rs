//! The tracheal lumen above the carina, found from CT numbers alone: the small round pocket of air
//! near the middle of the body that is followed down from the top of the scan.

use crate::contour::{Mask, SliceMask};
use crate::geometry::VoxelGrid;
use crate::image::CtVolume;
use std::collections::VecDeque;
use std::sync::Arc;

/// Below this a voxel holds air.
const AIR_HU: i16 = -700;
/// Plausible cross sections of an adult trachea with margin, mm2.
const AREA_MM2: std::ops::Range<f64> = 60.0..800.0;
/// The lumen is round: its area fills at least this share of its bounding box.
const FILL: f64 = 0.5;

/// Lumen of the trachea over the slices on which it was followed.
#[derive(Debug, Clone)]
pub struct Trachea {
    pub lumen: Mask,
    /// Mean patient x of the centre of the lumen, mm.
    pub midline_x_mm: f64,
}

/// One pocket of air on a slice.
struct Pocket {
    voxels: Vec<(usize, usize)>,
    centroid: [f64; 2],
}

/// Follows the trachea downwards from the first slice on which it shows for 20 mm in a row. `None`
/// if no such run of pockets exists (no neck or upper chest in the scan, not a chest).
pub fn find_trachea(volume: &CtVolume) -> Option<Trachea> {
    let grid = &volume.grid;
    let head_up = grid.normal().z > 0.0;
    let order: Vec<usize> = if head_up { (0..grid.slices()).rev().collect() } else { (0..grid.slices()).collect() };
    let mut best: Vec<(usize, Pocket)> = Vec::new();
    let mut start = 0;
    while start < order.len() {
        let mut run: Vec<(usize, Pocket)> = Vec::new();
        for &k in &order[start..] {
            let found = pockets(volume, k);
            let next = match run.last() {
                None => found.into_iter().min_by(|a, b| {
                    let off = |p: &Pocket| (p.centroid[0] - body_center_i(volume, k)).abs();
                    off(a).total_cmp(&off(b))
                }),
                Some((_, last)) => found.into_iter().find(|p| {
                    let d = [
                        (p.centroid[0] - last.centroid[0]) * grid.spacing_i_mm(),
                        (p.centroid[1] - last.centroid[1]) * grid.spacing_j_mm(),
                    ];
                    d[0].hypot(d[1]) < 6.0
                }),
            };
            match next {
                Some(pocket) => run.push((k, pocket)),
                None => break,
            }
        }
        let tried = run.len().max(1);
        if run.len() > best.len() {
            best = run;
        }
        start += tried;
    }
    let length = best.iter().map(|(k, _)| grid.thickness_mm(*k)).sum::<f64>();
    if length < 20.0 {
        return None;
    }
    let mut lumen = Mask::default();
    let mut sum = 0.0;
    for (k, pocket) in &best {
        let rows = pocket.voxels.iter().map(|v| v.0);
        let (first, last) = (rows.clone().min()?, rows.max()?);
        let mut slice = SliceMask::with_rows(grid.columns(), first, last + 1 - first);
        for (j, i) in &pocket.voxels {
            slice.set(*j, *i);
        }
        lumen.slices.insert(*k, Arc::new(slice));
        sum += grid.patient_from_voxel(*k, pocket.centroid[1], pocket.centroid[0]).x;
    }
    Some(Trachea { lumen, midline_x_mm: sum / best.len() as f64 })
}

/// Middle column of the body on a slice: mean of what is denser than fat and not the table.
fn body_center_i(volume: &CtVolume, k: usize) -> f64 {
    let slice = volume.hu.index_axis(ndarray::Axis(0), k);
    let (mut sum, mut count) = (0.0, 0.0);
    for row in slice.outer_iter() {
        for (i, hu) in row.iter().enumerate() {
            if *hu > -300 {
                sum += i as f64;
                count += 1.0;
            }
        }
    }
    if count > 0.0 { sum / count } else { volume.grid.columns() as f64 / 2.0 }
}

/// Pockets of air of tracheal size and shape on a slice, none of them touching the border.
fn pockets(volume: &CtVolume, k: usize) -> Vec<Pocket> {
    let grid: &VoxelGrid = &volume.grid;
    let (rows, columns) = (grid.rows(), grid.columns());
    let pixel = grid.spacing_i_mm() * grid.spacing_j_mm();
    let limit = (AREA_MM2.end / pixel) as usize;
    let slice = volume.hu.index_axis(ndarray::Axis(0), k);
    let mut seen = vec![false; rows * columns];
    let mut found = Vec::new();
    for j in 0..rows {
        for i in 0..columns {
            if seen[j * columns + i] || slice[[j, i]] > AIR_HU {
                continue;
            }
            let mut voxels = Vec::new();
            let mut open = VecDeque::from([(j, i)]);
            seen[j * columns + i] = true;
            let (mut at_border, mut size) = (false, 0_usize);
            while let Some((y, x)) = open.pop_front() {
                size += 1;
                if size <= limit {
                    voxels.push((y, x));
                }
                at_border |= y == 0 || x == 0 || y + 1 == rows || x + 1 == columns;
                let neighbors = [(y.wrapping_sub(1), x), (y + 1, x), (y, x.wrapping_sub(1)), (y, x + 1)];
                for (ny, nx) in neighbors {
                    if ny < rows && nx < columns && !seen[ny * columns + nx] && slice[[ny, nx]] <= AIR_HU {
                        seen[ny * columns + nx] = true;
                        open.push_back((ny, nx));
                    }
                }
            }
            let area = size as f64 * pixel;
            if at_border || !AREA_MM2.contains(&area) || size > limit {
                continue;
            }
            let (j0, j1) = voxels.iter().fold((usize::MAX, 0), |(a, b), v| (a.min(v.0), b.max(v.0)));
            let (i0, i1) = voxels.iter().fold((usize::MAX, 0), |(a, b), v| (a.min(v.1), b.max(v.1)));
            let (height, width) =
                ((j1 - j0 + 1) as f64 * grid.spacing_j_mm(), (i1 - i0 + 1) as f64 * grid.spacing_i_mm());
            if area < FILL * height * width || height > 2.5 * width || width > 2.5 * height {
                continue;
            }
            let n = voxels.len() as f64;
            let centroid = [
                voxels.iter().map(|v| v.1 as f64).sum::<f64>() / n,
                voxels.iter().map(|v| v.0 as f64).sum::<f64>() / n,
            ];
            found.push(Pocket { voxels, centroid });
        }
    }
    found
}
