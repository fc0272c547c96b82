//! Where the trachea runs: pockets of air of its size on every slice, and the chain of them from the top of the scan
//! that is most like a trachea. Narrow places and gaps (tumor, plug, tube) do not end it.

use super::components::close_and_fill;
use super::working::Working;
use crate::contour::Components;
use rayon::prelude::*;
use std::ops::Range;

/// Below this a pocket is made of air, and above it of wall.
const AIR_HU: i16 = -600;
/// Cross sections of a pocket, mm2.
const AREA_MM2: Range<f64> = 25.0..900.0;
/// A pocket fills at least this share of the box around it.
const FILL: f64 = 0.45;
/// How far the trachea stands from the middle of the body, one standard deviation, mm.
const ASIDE_MM: f64 = 40.0;
/// A gap in the chain may be as long as this, mm.
const GAP_MM: f64 = 15.0;
/// Shorter chains are no trachea, mm.
const LEAST_LENGTH_MM: f64 = 20.0;
/// The chain must have such cross sections on half of its slices, mm2.
const LEAST_MEDIAN_MM2: f64 = 50.0;
/// Over the end of the even part of the chain, mm.
const ABOVE_CARINA_MM: f64 = 10.0;
/// Walls of tubes and struts of stents inside the lumen are closed to this width, mm.
const TUBE_WALL_MM: f64 = 2.0;
/// A piece of lumen beside a tube lies so close to the rest, mm, and both together are this round.
const ROUND_TOGETHER: f64 = 0.6;

/// One pocket of air on a slice.
#[derive(Debug, Clone)]
struct Pocket {
    /// Places in the slice.
    pixels: Vec<usize>,
    area_mm2: f64,
    /// Column and row.
    center: [f64; 2],
    value: f64,
}

/// The lumen on one slice of the chain.
pub struct Section {
    pub k: usize,
    /// Places in the whole volume.
    pub voxels: Vec<usize>,
    pub area_mm2: f64,
    /// Column and row.
    pub center: [f64; 2],
}

/// The chain from the top down. `None` if there is nothing like a trachea. `slices` are those that may hold it.
pub fn find_windpipe(w: &Working, body: &[bool], slices: Range<usize>) -> Option<Vec<Section>> {
    let middle = body_middle(w, body)?;
    let found: Vec<Vec<Pocket>> = slices.clone().into_par_iter().map(|k| pockets(w, body, k, middle)).collect();
    // The best chain that ends at every pocket, from above.
    let mut best: Vec<Vec<(f64, Option<(usize, usize)>)>> = Vec::with_capacity(found.len());
    for n in 0..found.len() {
        let k = slices.start + n;
        let line = found[n]
            .iter()
            .map(|pocket| {
                let mut chain = (0.0, None);
                for m in (0..n).rev() {
                    let gap = w.depth_mm[k] - w.depth_mm[slices.start + m];
                    if gap > GAP_MM && m + 1 < n {
                        break;
                    }
                    for (p, above) in found[m].iter().enumerate() {
                        if best[m][p].0 > chain.0 && follows(w, above, pocket, gap) {
                            // A gap costs what it spans.
                            let skipped = if m + 1 < n { gap * 4.0 } else { 0.0 };
                            if best[m][p].0 - skipped > chain.0 {
                                chain = (best[m][p].0 - skipped, Some((m, p)));
                            }
                        }
                    }
                }
                (chain.0 + pocket.value * w.thickness_mm(k), chain.1)
            })
            .collect();
        best.push(line);
    }
    let ends = best.iter().enumerate().flat_map(|(n, line)| line.iter().enumerate().map(move |(p, c)| (n, p, c.0)));
    let (n, p, _) = ends.max_by(|a, b| a.2.total_cmp(&b.2))?;
    let mut chain = vec![(n, p)];
    let mut at = best[n][p].1;
    while let Some((m, q)) = at {
        chain.push((m, q));
        at = best[m][q].1;
    }
    chain.reverse();
    let top = slices.start + chain[0].0;
    let length = w.depth_mm[slices.start + n] - w.depth_mm[top] + w.thickness_mm(top);
    let mut areas: Vec<f64> = chain.iter().map(|&(n, p)| found[n][p].area_mm2).collect();
    areas.sort_by(f64::total_cmp);
    if length < LEAST_LENGTH_MM || areas[areas.len() / 2] < LEAST_MEDIAN_MM2 {
        return None;
    }
    Some(chain.iter().map(|&(n, p)| section(w, slices.start + n, &found[n], p)).collect())
}

/// The slice before which the chain is surely trachea, well above where it parts: there the lumen is what the chain
/// shows, and no thin wall beside it can leak.
pub fn surely_trachea(w: &Working, chain: &[Section]) -> usize {
    let Some(first) = chain.first() else { return 0 };
    // The longest even run: larynx and main bronchi at its ends change shape.
    let (mut start, mut end, mut longest) = (first.k, first.k, 0.0);
    for pair in chain.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        let gap = w.depth_mm[b.k] - w.depth_mm[a.k];
        let step = ((a.center[0] - b.center[0]) * w.dx).hypot((a.center[1] - b.center[1]) * w.dy);
        let ratio = b.area_mm2 / a.area_mm2;
        if b.k > a.k + 1 || step > 2.0 + 0.7 * gap || !(0.55..1.7).contains(&ratio) {
            start = b.k;
        } else if w.depth_mm[b.k] - w.depth_mm[start] > longest {
            longest = w.depth_mm[b.k] - w.depth_mm[start];
            end = b.k;
        }
    }
    (first.k..=end).rev().find(|&k| w.depth_mm[end] - w.depth_mm[k] >= ABOVE_CARINA_MM).unwrap_or(first.k)
}

/// Median column of the middle of the body.
fn body_middle(w: &Working, body: &[bool]) -> Option<f64> {
    let mut middles: Vec<f64> = body
        .par_chunks(w.area())
        .filter_map(|slice| {
            let (mut sum, mut count) = (0usize, 0usize);
            for (at, _) in slice.iter().enumerate().filter(|(_, b)| **b) {
                sum += at % w.shape[2];
                count += 1;
            }
            (count > 0).then(|| sum as f64 / count as f64)
        })
        .collect();
    middles.sort_by(f64::total_cmp);
    middles.get(middles.len() / 2).copied()
}

fn follows(w: &Working, above: &Pocket, below: &Pocket, gap_mm: f64) -> bool {
    let step = [(above.center[0] - below.center[0]) * w.dx, (above.center[1] - below.center[1]) * w.dy];
    let ratio = above.area_mm2 / below.area_mm2;
    step[0].hypot(step[1]) < 4.0 + 0.8 * gap_mm && (0.25..4.0).contains(&ratio)
}

/// Pockets of tracheal size and shape on a slice.
fn pockets(w: &Working, body: &[bool], k: usize, middle: f64) -> Vec<Pocket> {
    let [_, rows, columns] = w.shape;
    let hu = w.slice(k);
    let inside = &body[k * w.area()..(k + 1) * w.area()];
    let air: Vec<bool> = hu.iter().zip(inside).map(|(&h, &b)| b && h < AIR_HU).collect();
    let parts = Components::of([1, rows, columns], &air);
    let pixel = w.pixel_mm2();
    let mut pixels: Vec<Vec<usize>> = vec![Vec::new(); parts.sizes.len()];
    for run in parts.runs.iter().filter(|run| AREA_MM2.contains(&(parts.sizes[run.label] as f64 * pixel))) {
        pixels[run.label].extend(run.row * columns + run.start..run.row * columns + run.end);
    }
    let mut found = Vec::new();
    for pixels in pixels.into_iter().filter(|p| !p.is_empty()) {
        let area = pixels.len() as f64 * pixel;
        let n = pixels.len() as f64;
        let center = [
            pixels.iter().map(|at| (at % columns) as f64).sum::<f64>() / n,
            pixels.iter().map(|at| (at / columns) as f64).sum::<f64>() / n,
        ];
        let (width, height) = extent(w, &pixels);
        if area < FILL * width * height || height > 3.5 * width || width > 2.5 * height {
            continue;
        }
        let aside = (center[0] - middle) * w.dx / ASIDE_MM;
        // Lung at its apex and base is less empty than a windpipe.
        let mean = pixels.iter().map(|&at| f64::from(hu[at])).sum::<f64>() / n;
        let airy = ((-700.0 - mean) / 200.0).clamp(0.1, 1.0);
        let value = area.min(350.0).sqrt() * (-0.5 * aside * aside).exp() * airy;
        found.push(Pocket { pixels, area_mm2: area, center, value });
    }
    found
}

/// Width and height of the box around pixels, mm.
fn extent(w: &Working, pixels: &[usize]) -> (f64, f64) {
    let columns = w.shape[2];
    let range = |of: fn(usize, usize) -> usize| {
        let (low, high) = pixels.iter().fold((usize::MAX, 0), |(a, b), &at| {
            let x = of(at, columns);
            (a.min(x), b.max(x))
        });
        (high - low + 1) as f64
    };
    (range(|at, c| at % c) * w.dx, range(|at, c| at / c) * w.dy)
}

/// The lumen with tubes and struts in it closed, and with the part of the lumen beside a tube.
fn section(w: &Working, k: usize, all: &[Pocket], p: usize) -> Section {
    let columns = w.shape[2];
    let mut pixels = all[p].pixels.clone();
    for (q, other) in all.iter().enumerate() {
        if q == p {
            continue;
        }
        let together: Vec<usize> = pixels.iter().chain(&other.pixels).copied().collect();
        let (width, height) = extent(w, &together);
        let area = together.len() as f64 * w.pixel_mm2();
        // One inside the other or wrapped round it: the box of both is the box of the larger one.
        let larger = if other.area_mm2 > all[p].area_mm2 { &other.pixels } else { &all[p].pixels };
        let (lw, lh) = extent(w, larger);
        if width <= lw + 2.0 * w.dx && height <= lh + 2.0 * w.dy && area > ROUND_TOGETHER * width * height {
            pixels = together;
        }
    }
    // A window around the pocket keeps closing cheap.
    let (i0, i1) = pixels.iter().fold((usize::MAX, 0), |(a, b), at| (a.min(at % columns), b.max(at % columns)));
    let (j0, j1) = pixels.iter().fold((usize::MAX, 0), |(a, b), at| (a.min(at / columns), b.max(at / columns)));
    let radius = [(TUBE_WALL_MM / w.dx / 2.0).round() as usize, (TUBE_WALL_MM / w.dy / 2.0).round() as usize];
    let pad = radius[0].max(radius[1]) + 1;
    let (rows, width) = (j1 - j0 + 1 + 2 * pad, i1 - i0 + 1 + 2 * pad);
    let mut patch = vec![false; rows * width];
    for at in &pixels {
        patch[(at / columns - j0 + pad) * width + at % columns - i0 + pad] = true;
    }
    close_and_fill(rows, width, &mut patch, radius);
    let voxels: Vec<usize> = (0..patch.len())
        .filter(|&at| patch[at])
        .filter_map(|at| {
            let (j, i) = ((at / width + j0).checked_sub(pad)?, (at % width + i0).checked_sub(pad)?);
            (j < w.shape[1] && i < columns).then(|| w.index([k, j, i]))
        })
        .collect();
    let area_mm2 = voxels.len() as f64 * w.pixel_mm2();
    Section { k, voxels, area_mm2, center: all[p].center }
}
