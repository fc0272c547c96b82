//! Right and left lung in a CT, from CT numbers alone: air in the body that is no airway and no bowel, parted where both
//! lungs touch, with the vessels inside closed.

use super::components::{close_and_fill, windows};
use super::working::Working;
use crate::contour::Components;
use rayon::prelude::*;
use std::ops::Range;

/// Lung and air lie below, soft tissue above.
const AIR_HU: i16 = -400;
/// Gas lies below, lung above on average.
const GAS_HU: i64 = -968;
/// Less than this is no chest, cm3.
pub const LEAST_CM3: f64 = 250.0;
/// A smaller piece is no lung, cm3.
const PIECE_CM3: f64 = 8.0;
/// A piece with more than this on both sides holds both lungs.
const BOTH_SIDES: f64 = 0.1;
/// Wall of the airway, kept out of the lungs, mm.
const WALL_MM: f64 = 1.5;
/// Vessels up to twice this are closed, mm.
const CLOSE_MM: f64 = 4.0;
/// How far the seam between both lungs may stray from the middle, mm.
const SEAM_MM: f64 = 60.0;

/// Where there are lungs at all, before the airway is known.
pub struct Chest {
    /// Slices from the highest to the lowest lung.
    pub slices: Range<usize>,
    /// The middle of the CT numbers of the lungs.
    pub median_hu: i16,
}

/// Both lungs.
pub struct Lungs {
    pub right: Vec<bool>,
    pub left: Vec<bool>,
}

/// Pieces of air in the body: of each its voxels, sum of CT numbers, slices, and volume in cm3.
struct Piece {
    cm3: f64,
    mean_hu: i64,
    slices: Range<usize>,
    middle_k: f64,
}

fn pieces(w: &Working, parts: &Components) -> Vec<Piece> {
    let n = parts.sizes.len();
    let (mut mm3, mut sum, mut depth) = (vec![0.0; n], vec![0i64; n], vec![0.0; n]);
    let mut slices: Vec<[usize; 2]> = vec![[usize::MAX, 0]; n];
    for run in &parts.runs {
        let k = run.row / w.shape[1];
        let count = (run.end - run.start) as f64;
        let line = run.row * w.shape[2];
        mm3[run.label] += count * w.pixel_mm2() * w.thickness_mm(k);
        depth[run.label] += count * k as f64;
        sum[run.label] += w.hu[line + run.start..line + run.end].iter().map(|&h| i64::from(h)).sum::<i64>();
        let s = &mut slices[run.label];
        *s = [s[0].min(k), s[1].max(k + 1)];
    }
    (0..n)
        .map(|l| Piece {
            cm3: mm3[l] / 1000.0,
            mean_hu: sum[l] / parts.sizes[l] as i64,
            slices: slices[l][0]..slices[l][1],
            middle_k: depth[l] / parts.sizes[l] as f64,
        })
        .collect()
}

/// Looks for lungs; gives the largest volume of air in the body, cm3, where there are none.
pub fn find_chest(w: &Working, body: &[bool]) -> Result<Chest, f64> {
    let mut air = vec![false; w.hu.len()];
    air.par_iter_mut().enumerate().for_each(|(at, a)| *a = body[at] && w.hu[at] < AIR_HU);
    let parts = Components::of(w.shape, &air);
    let pieces = pieces(w, &parts);
    let most = pieces.iter().map(|p| p.cm3).fold(0.0, f64::max);
    let lungs: Vec<&Piece> = pieces.iter().filter(|p| p.mean_hu > GAS_HU && p.cm3 > LEAST_CM3 / 2.0).collect();
    let volume: f64 = lungs.iter().map(|p| p.cm3).sum();
    if volume < LEAST_CM3 {
        return Err(most);
    }
    let first = lungs.iter().map(|p| p.slices.start).min().unwrap_or(0);
    let last = lungs.iter().map(|p| p.slices.end).max().unwrap_or(w.slices());
    let is_lung: Vec<bool> = pieces.iter().map(|p| p.mean_hu > GAS_HU && p.cm3 > LEAST_CM3 / 2.0).collect();
    Ok(Chest { slices: first..last, median_hu: median_hu(w, &parts, &is_lung) })
}

fn median_hu(w: &Working, parts: &Components, is_lung: &[bool]) -> i16 {
    // Counts of every tenth row are enough.
    let mut counts = vec![0usize; 1200];
    for run in parts.runs.iter().filter(|run| is_lung[run.label] && run.row % 10 == 0) {
        for hu in &w.hu[run.row * w.shape[2] + run.start..run.row * w.shape[2] + run.end] {
            counts[(i32::from(*hu) + 1200).clamp(0, 1199) as usize] += 1;
        }
    }
    let half = counts.iter().sum::<usize>() / 2;
    let mut sum = 0;
    let middle = counts.iter().position(|n| {
        sum += n;
        sum > half
    });
    middle.map_or(-850, |n| n as i16 - 1200)
}

/// Parts the lungs. `middle` is the column of the midline on every slice.
pub fn find_lungs(w: &Working, body: &[bool], airway: &[bool], middle: &[f64]) -> Lungs {
    let [_, rows, columns] = w.shape;
    let area = w.area();
    let wall = [(WALL_MM / w.dx).round().max(1.0) as usize, (WALL_MM / w.dy).round().max(1.0) as usize];
    let mut air = vec![false; w.hu.len()];
    air.par_chunks_mut(area).enumerate().for_each(|(k, out)| {
        let (hu, body, airway) = (w.slice(k), &body[k * area..(k + 1) * area], &airway[k * area..(k + 1) * area]);
        for at in 0..area {
            out[at] = body[at] && hu[at] < AIR_HU;
        }
        if airway.contains(&true) {
            windows(rows, columns, airway, wall, |at, found, _| out[at] &= found == 0);
        }
    });
    let parts = Components::of(w.shape, &air);
    let pieces = pieces(w, &parts);
    let mut right_share = vec![0usize; pieces.len()];
    for run in &parts.runs {
        let middle = middle[run.row / rows].clamp(0.0, columns as f64) as usize;
        right_share[run.label] += run.end.min(middle).saturating_sub(run.start);
    }
    let largest = pieces.iter().filter(|p| p.mean_hu > GAS_HU).max_by(|a, b| a.cm3.total_cmp(&b.cm3));
    let Some(largest) = largest else {
        return Lungs { right: vec![false; air.len()], left: vec![false; air.len()] };
    };
    let low = largest.slices.start as f64 + 0.75 * largest.slices.len() as f64;
    let is_lung: Vec<bool> = pieces
        .iter()
        .map(|p| {
            // Gas under the diaphragm lies low and is small against the lung.
            let under = p.middle_k > low && p.cm3 < 0.15 * largest.cm3;
            p.cm3 > PIECE_CM3 && p.mean_hu > GAS_HU && !under
        })
        .collect();
    // 0 right, 1 left, 2 both.
    let side: Vec<u8> = (0..pieces.len())
        .map(|l| {
            let right = right_share[l] as f64 / parts.sizes[l] as f64;
            if right > 1.0 - BOTH_SIDES {
                0
            } else if right < BOTH_SIDES {
                1
            } else {
                2
            }
        })
        .collect();
    let (mut right, mut left, mut both) = (vec![false; air.len()], vec![false; air.len()], vec![false; air.len()]);
    parts.paint(columns, &mut right, |l| is_lung[l] && side[l] == 0);
    parts.paint(columns, &mut left, |l| is_lung[l] && side[l] == 1);
    parts.paint(columns, &mut both, |l| is_lung[l] && side[l] == 2);
    let close = [(CLOSE_MM / w.dx).round().max(1.0) as usize, (CLOSE_MM / w.dy).round().max(1.0) as usize];
    right.par_chunks_mut(area).zip(left.par_chunks_mut(area)).enumerate().for_each(|(k, (right, left))| {
        let both = &both[k * area..(k + 1) * area];
        if both.contains(&true) {
            let seam = seam(w, k, both, middle[k]);
            for at in (0..area).filter(|&at| both[at]) {
                if at % columns < seam[at / columns] { right[at] = true } else { left[at] = true }
            }
        }
        let keep_out = &airway[k * area..(k + 1) * area];
        let inside = &body[k * area..(k + 1) * area];
        let (true_right, true_left) = (right.to_vec(), left.to_vec());
        for (lung, other) in [(&mut *right, &true_left), (&mut *left, &true_right)] {
            if lung.contains(&true) {
                close_and_fill(rows, columns, lung, close);
                for at in 0..area {
                    lung[at] &= inside[at] && !other[at] && !keep_out[at];
                }
            }
        }
        // Where both closings met, the right one has it.
        for at in 0..area {
            left[at] &= !right[at];
        }
    });
    Lungs { right, left }
}

/// Where both lungs touch in front of or behind the mediastinum: the way from front to back that passes the least
/// lung, and lung where it is densest. Gives the first column of the left lung on every row.
fn seam(w: &Working, k: usize, lung: &[bool], middle: f64) -> Vec<usize> {
    let [_, rows, columns] = w.shape;
    let reach = (SEAM_MM / w.dx) as isize;
    let middle = middle.round() as isize;
    let first = (middle - reach).clamp(0, columns as isize - 1) as usize;
    let last = (middle + reach).clamp(0, columns as isize - 1) as usize;
    let width = last + 1 - first;
    let hu = w.slice(k);
    let step = ((w.dy / w.dx * 1.5).ceil() as usize).max(1);
    let mut cost = vec![0.0f32; width];
    let mut from = vec![0u32; rows * width];
    for j in 0..rows {
        let before = cost.clone();
        for n in 0..width {
            let at = j * columns + first + n;
            let here = if lung[at] { 1.0 + (-300.0 - f32::from(hu[at])).max(0.0) / 100.0 } else { 0.0 };
            let aside = (first as f32 + n as f32 - middle as f32).abs() * w.dx as f32 * 0.002;
            let (low, high) = (n.saturating_sub(step), (n + step).min(width - 1));
            let (mut best, mut best_cost) = (n, f32::MAX);
            for m in low..=high {
                let c = before[m] + m.abs_diff(n) as f32 * w.dx as f32 * 0.05;
                if c < best_cost {
                    (best, best_cost) = (m, c);
                }
            }
            cost[n] = best_cost + here + aside;
            from[j * width + n] = best as u32;
        }
    }
    let mut n = (0..width).min_by(|&a, &b| cost[a].total_cmp(&cost[b])).unwrap_or(0);
    let mut seam = vec![0; rows];
    for j in (0..rows).rev() {
        seam[j] = first + n;
        n = from[j * width + n] as usize;
    }
    seam
}
