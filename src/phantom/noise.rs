//! Deterministic noise: smooth value noise in reference space, and scanner noise per voxel.

/// A well mixed 64-bit hash (the finalizer of SplitMix64).
#[inline]
pub fn hash(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Smooth noise between about -1 and 1 on one slice: a lattice of `cell_mm`, eased between its nodes.
#[derive(Debug)]
pub struct SmoothNoise {
    cell_mm: f32,
    first: [i32; 2],
    size: [usize; 2],
    nodes: Vec<f32>,
}

impl SmoothNoise {
    /// Noise for reference coordinates within 260 mm of the origin at height `z`.
    pub fn new(seed: u64, cell_mm: f32, z: f32) -> Self {
        let half = (260.0 / cell_mm).ceil() as i32 + 1;
        let first = [-half, -half];
        let size = [2 * half as usize + 2; 2];
        let level = (z / cell_mm).floor();
        let t = ease(z / cell_mm - level);
        let node = |l: i32, y: i32, x: i32| {
            let key = seed
                ^ ((l as u32 as u64) << 42)
                ^ ((y as u32 as u64 & 0x1f_ffff) << 21)
                ^ (x as u32 as u64 & 0x1f_ffff);
            (hash(key) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        let mut nodes = Vec::with_capacity(size[0] * size[1]);
        for y in 0..size[1] as i32 {
            for x in 0..size[0] as i32 {
                let (x, y) = (x + first[0], y + first[1]);
                nodes.push(node(level as i32, y, x) * (1.0 - t) + node(level as i32 + 1, y, x) * t);
            }
        }
        Self { cell_mm, first, size, nodes }
    }

    #[inline]
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let (fx, fy) = (x / self.cell_mm - self.first[0] as f32, y / self.cell_mm - self.first[1] as f32);
        let clamp = |f: f32, n: usize| f.clamp(0.0, n as f32 - 1.001);
        let (fx, fy) = (clamp(fx, self.size[0]), clamp(fy, self.size[1]));
        let (i, j) = (fx as usize, fy as usize);
        let (tx, ty) = (ease(fx - i as f32), ease(fy - j as f32));
        let at = j * self.size[0] + i;
        let (a, b) = (self.nodes[at], self.nodes[at + 1]);
        let (c, d) = (self.nodes[at + self.size[0]], self.nodes[at + self.size[0] + 1]);
        let (top, bottom) = (a + (b - a) * tx, c + (d - c) * tx);
        top + (bottom - top) * ty
    }
}

#[inline]
fn ease(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

/// Scanner noise of one slice, mean 0 and standard deviation 1, correlated over about two pixels as
/// a soft reconstruction kernel leaves it.
pub fn scanner_noise(seed: u64, k: usize, columns: usize, rows: usize) -> Vec<f32> {
    let base = hash(seed ^ ((k as u64) << 32));
    let white: Vec<f32> = (0..columns * rows)
        .map(|n| {
            let h = hash(base.wrapping_add(n as u64));
            // The sum of four uniform numbers, standard deviation 1 / sqrt(3).
            let sum = (h & 0xffff) + (h >> 16 & 0xffff) + (h >> 32 & 0xffff) + (h >> 48);
            (sum as f32 / 65535.0 - 2.0) * 1.732
        })
        .collect();
    let clamp = |x: isize, n: usize| x.clamp(0, n as isize - 1) as usize;
    let mut rows_done = vec![0.0f32; white.len()];
    for j in 0..rows {
        for i in 0..columns {
            let get = |d: isize| white[j * columns + clamp(i as isize + d, columns)];
            rows_done[j * columns + i] = get(-1) + 2.0 * get(0) + get(1);
        }
    }
    let mut out = vec![0.0f32; white.len()];
    for j in 0..rows {
        let (up, down) = (clamp(j as isize - 1, rows) * columns, clamp(j as isize + 1, rows) * columns);
        for i in 0..columns {
            // The kernel 1 2 1 in both directions has norm 6.
            out[j * columns + i] = (rows_done[up + i] + 2.0 * rows_done[j * columns + i] + rows_done[down + i]) / 6.0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scanner_noise_has_unit_spread_and_smooth_noise_is_smooth() {
        let n = scanner_noise(7, 3, 128, 128);
        let mean = n.iter().sum::<f32>() / n.len() as f32;
        let sd = (n.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / n.len() as f32).sqrt();
        assert!(mean.abs() < 0.05 && (sd - 1.0).abs() < 0.1, "{mean} {sd}");
        let (a, b) = (SmoothNoise::new(1, 10.0, 5.0), SmoothNoise::new(1, 10.0, 5.1));
        for n in 0..500 {
            let (x, y) = (n as f32 * 0.7 - 170.0, 90.0 - n as f32 * 0.3);
            assert!((a.at(x, y) - a.at(x + 0.1, y)).abs() < 0.05 && (a.at(x, y) - b.at(x, y)).abs() < 0.05);
        }
    }
}
