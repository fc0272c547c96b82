//! One slice as dense pixels in patient coordinates: components, dilation, filling.

use super::{AnatomySources, Organ};
use crate::geometry::VoxelGrid;

/// Pixels of one slice with the organs that cover each of them.
#[derive(Debug, Clone)]
pub struct OrganPlane {
    pub columns: usize,
    pub rows: usize,
    pub z: f64,
    /// Bits of [`Organ::bit`], and [`LESION`].
    pub bits: Vec<u64>,
    /// Patient x and y of pixel (0, 0), mm, and the steps per column and row.
    origin: [f64; 2],
    step_i: [f64; 2],
    step_j: [f64; 2],
}

/// Bit of tumor where lung was.
pub const LESION: u64 = 1 << 63;

impl OrganPlane {
    pub fn new(sources: &AnatomySources, k: usize) -> Self {
        let grid: &VoxelGrid = &sources.grid;
        let (columns, rows) = (grid.columns(), grid.rows());
        let mut bits = vec![0u64; columns * rows];
        let lesions = sources.lung_lesions.as_ref().map(|mask| (mask, LESION));
        let organs = sources.organs.iter().map(|(organ, mask)| (mask, organ.bit()));
        for (mask, bit) in organs.chain(lesions) {
            if let Some(slice) = mask.slices.get(&k) {
                for (j, i) in slice.voxels() {
                    bits[j * columns + i] |= bit;
                }
            }
        }
        let corner = grid.patient_from_voxel(k, 0.0, 0.0);
        let (di, dj) = (grid.i_direction() * grid.spacing_i_mm(), grid.j_direction() * grid.spacing_j_mm());
        Self {
            columns,
            rows,
            z: corner.z,
            bits,
            origin: [corner.x, corner.y],
            step_i: [di.x, di.y],
            step_j: [dj.x, dj.y],
        }
    }

    /// Patient x and y of a pixel, mm.
    #[inline]
    pub fn position(&self, at: usize) -> [f64; 2] {
        let (j, i) = ((at / self.columns) as f64, (at % self.columns) as f64);
        [
            self.origin[0] + i * self.step_i[0] + j * self.step_j[0],
            self.origin[1] + i * self.step_i[1] + j * self.step_j[1],
        ]
    }

    pub fn pixel_mm2(&self) -> f64 {
        (self.step_i[0] * self.step_j[1] - self.step_i[1] * self.step_j[0]).abs()
    }

    /// Pixels of any of the organs in `mask`.
    pub fn pixels(&self, mask: u64) -> Vec<usize> {
        (0..self.bits.len()).filter(|&at| self.bits[at] & mask != 0).collect()
    }

    pub fn organ_pixels(&self, organ: Organ) -> Vec<usize> {
        self.pixels(organ.bit())
    }

    /// Pixels within an ellipse around any of `pixels`: `[right, left, front, back]` reach in mm of
    /// patient x and y.
    pub fn dilated(&self, pixels: &[usize], reach: [f64; 4]) -> Vec<bool> {
        let mut out = vec![false; self.bits.len()];
        let most = reach.iter().copied().fold(0.0, f64::max);
        let step = |s: [f64; 2]| s[0].hypot(s[1]).max(1e-6);
        let (ri, rj) = ((most / step(self.step_i)).ceil() as isize, (most / step(self.step_j)).ceil() as isize);
        // Offsets of the ellipse, as runs of columns per row.
        let mut runs: Vec<(isize, isize, isize)> = Vec::new();
        for dj in -rj..=rj {
            let inside = |di: isize| {
                let x = di as f64 * self.step_i[0] + dj as f64 * self.step_j[0];
                let y = di as f64 * self.step_i[1] + dj as f64 * self.step_j[1];
                let rx = if x < 0.0 { reach[0] } else { reach[1] };
                let ry = if y < 0.0 { reach[2] } else { reach[3] };
                (x / rx.max(1e-6)).powi(2) + (y / ry.max(1e-6)).powi(2) <= 1.0
            };
            let columns: Vec<isize> = (-ri..=ri).filter(|&di| inside(di)).collect();
            if let (Some(&first), Some(&last)) = (columns.first(), columns.last()) {
                runs.push((dj, first, last));
            }
        }
        for &at in pixels {
            let (j, i) = ((at / self.columns) as isize, (at % self.columns) as isize);
            for &(dj, first, last) in &runs {
                let row = j + dj;
                if row < 0 || row >= self.rows as isize {
                    continue;
                }
                let a = (i + first).max(0) as usize;
                let b = (i + last).min(self.columns as isize - 1);
                if b >= a as isize {
                    let start = row as usize * self.columns;
                    out[start + a..=start + b as usize].fill(true);
                }
            }
        }
        out
    }

    /// The connected components (8 neighbors) of a set of pixels, largest first.
    pub fn components(&self, pixels: &[usize]) -> Vec<Vec<usize>> {
        components(pixels, self.columns, self.rows)
    }

    /// Pixels inside the convex hull of a set of pixels.
    pub fn hull(&self, pixels: &[usize]) -> Vec<bool> {
        let mut out = vec![false; self.bits.len()];
        // Ends of every row are enough.
        let mut ends: Vec<(i64, i64)> = Vec::new();
        let mut rows: std::collections::BTreeMap<usize, (usize, usize)> = std::collections::BTreeMap::new();
        for &at in pixels {
            let (j, i) = (at / self.columns, at % self.columns);
            let row = rows.entry(j).or_insert((i, i));
            *row = (row.0.min(i), row.1.max(i));
        }
        for (&j, &(a, b)) in &rows {
            ends.push((a as i64, j as i64));
            ends.push((b as i64, j as i64));
        }
        if ends.is_empty() {
            return out;
        }
        ends.sort_unstable();
        ends.dedup();
        let cross = |o: (i64, i64), a: (i64, i64), b: (i64, i64)| (a.0 - o.0) * (b.1 - o.1) - (a.1 - o.1) * (b.0 - o.0);
        let half = |points: &mut dyn Iterator<Item = (i64, i64)>| {
            let mut chain: Vec<(i64, i64)> = Vec::new();
            for p in points {
                while chain.len() >= 2 && cross(chain[chain.len() - 2], chain[chain.len() - 1], p) <= 0 {
                    chain.pop();
                }
                chain.push(p);
            }
            chain
        };
        let lower = half(&mut ends.iter().copied());
        let upper = half(&mut ends.iter().rev().copied());
        let ring: Vec<(i64, i64)> = lower.iter().chain(&upper).copied().collect();
        let (first, last) = (*rows.keys().next().expect("not empty"), *rows.keys().last().expect("not empty"));
        for j in first..=last {
            let y = j as f64;
            let (mut a, mut b) = (f64::INFINITY, f64::NEG_INFINITY);
            for n in 0..ring.len() {
                let (p, q) = (ring[n], ring[(n + 1) % ring.len()]);
                let (low, high) = if p.1 <= q.1 { (p, q) } else { (q, p) };
                if (low.1 as f64) <= y && y <= high.1 as f64 {
                    let t = if high.1 == low.1 { 0.0 } else { (y - low.1 as f64) / (high.1 - low.1) as f64 };
                    let x = low.0 as f64 + t * (high.0 - low.0) as f64;
                    a = a.min(x).min(if high.1 == low.1 { high.0 as f64 } else { x });
                    b = b.max(x).max(if high.1 == low.1 { high.0 as f64 } else { x });
                }
            }
            if a <= b {
                let (a, b) = (a.ceil().max(0.0) as usize, (b.floor() as usize).min(self.columns - 1));
                for i in a..=b {
                    out[j * self.columns + i] = true;
                }
            }
        }
        out
    }
}

/// The connected components (8 neighbors) of pixels of a slice, largest first.
pub fn components(pixels: &[usize], columns: usize, rows: usize) -> Vec<Vec<usize>> {
    let mut open = vec![false; columns * rows];
    for &at in pixels {
        open[at] = true;
    }
    let mut out = Vec::new();
    for &start in pixels {
        if !open[start] {
            continue;
        }
        open[start] = false;
        let mut part = vec![start];
        let mut next = 0;
        while next < part.len() {
            let (j, i) = (part[next] / columns, part[next] % columns);
            next += 1;
            for nj in j.saturating_sub(1)..=(j + 1).min(rows - 1) {
                for ni in i.saturating_sub(1)..=(i + 1).min(columns - 1) {
                    let at = nj * columns + ni;
                    if open[at] {
                        open[at] = false;
                        part.push(at);
                    }
                }
            }
        }
        out.push(part);
    }
    out.sort_by_key(|part| std::cmp::Reverse(part.len()));
    out
}

/// Extent and center of a set of pixels in patient coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    pub min: [f64; 2],
    pub max: [f64; 2],
    pub center: [f64; 2],
    pub area_mm2: f64,
}

impl Extent {
    /// `None` without pixels.
    pub fn of(plane: &OrganPlane, pixels: &[usize]) -> Option<Self> {
        if pixels.is_empty() {
            return None;
        }
        let (mut min, mut max, mut sum) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2], [0.0; 2]);
        for &at in pixels {
            let p = plane.position(at);
            for c in 0..2 {
                min[c] = min[c].min(p[c]);
                max[c] = max[c].max(p[c]);
                sum[c] += p[c];
            }
        }
        let n = pixels.len() as f64;
        Some(Self { min, max, center: sum.map(|s| s / n), area_mm2: n * plane.pixel_mm2() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty(columns: usize, rows: usize) -> OrganPlane {
        OrganPlane {
            columns,
            rows,
            z: 0.0,
            bits: vec![0; columns * rows],
            origin: [0.0, 0.0],
            step_i: [1.0, 0.0],
            step_j: [0.0, 2.0],
        }
    }

    #[test]
    fn dilation_reaches_as_far_as_it_says_on_each_side() {
        let plane = empty(40, 30);
        let wide = plane.dilated(&[15 * 40 + 20], [3.0, 7.0, 4.0, 8.0]);
        let inside: Vec<[f64; 2]> = (0..wide.len()).filter(|&at| wide[at]).map(|at| plane.position(at)).collect();
        let ends = |c: usize, f: fn(f64, f64) -> f64| inside.iter().map(|p| p[c]).reduce(f).expect("not empty");
        assert_eq!((ends(0, f64::min), ends(0, f64::max)), (17.0, 27.0));
        assert_eq!((ends(1, f64::min), ends(1, f64::max)), (26.0, 38.0));
    }

    #[test]
    fn the_hull_of_two_squares_covers_what_lies_between() {
        let plane = empty(40, 30);
        let square = |i0: usize| (5..10).flat_map(move |j| (i0..i0 + 5).map(move |i| j * 40 + i));
        let pixels: Vec<usize> = square(3).chain(square(30)).collect();
        let hull = plane.hull(&pixels);
        assert_eq!(hull.iter().filter(|x| **x).count(), 5 * 32);
        assert!(hull[7 * 40 + 20] && !hull[11 * 40 + 20]);
        assert_eq!(plane.components(&pixels).len(), 2);
    }
}
