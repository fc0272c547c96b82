//! What a scanner adds to the painted slices of the population: field of view, thick slices, kernel, streaks, noise.

use super::noise::{SmoothNoise, hash};
use super::patient::Patient;
use super::variation::Phase;
use crate::geometry::VoxelGrid;
use glam::DVec3;
use ndarray::{Array3, Axis};
use rayon::prelude::*;

/// Something so dense that rays through it are lost.
struct Source {
    /// Patient x and y, mm, and the range of heights.
    at: [f64; 2],
    low: f64,
    high: f64,
    /// Streaks beside it, HU.
    strength: f32,
    /// Distance at which they have fallen to a third, mm.
    reach: f32,
}

fn sources(patient: &Patient) -> Vec<Source> {
    let traits = &patient.traits;
    let mut all = Vec::new();
    let mut add = |points: &[[f64; 3]], half: f64, strength: f32, reach: f32| {
        for p in points {
            let q = patient.patient_from_reference(DVec3::from_array(*p));
            all.push(Source { at: [q.x, q.y], low: q.z - half, high: q.z + half, strength, reach });
        }
    };
    if traits.phase == Phase::Early {
        let strength = traits.scan.vein_streaks * (patient.tissue.cava - 150.0).max(0.0) * 0.24;
        add(&[[-37.5, -33.0, 4.0]], 36.0, strength, 26.0);
        let side = f64::from(traits.injected);
        if side > 0.0 {
            add(&[[10.0, -47.0, 60.0], [30.0, -41.0, 74.0], [60.0, -39.0, 88.0]], 9.0, 1.2 * strength, 34.0);
        } else {
            add(&[[-38.0, -34.0, 60.0], [-56.0, -39.0, 88.0], [-90.0, -32.0, 88.0]], 12.0, 1.2 * strength, 34.0);
        }
    }
    if let Some(side) = traits.pacemaker {
        add(&[[f64::from(side) * 66.0, -78.0, 54.0]], 21.0, 330.0, 48.0);
        add(&[[8.0, -54.0, -102.0]], 8.0, 110.0, 26.0);
    }
    if traits.port {
        add(&[[-62.0, -80.0, 50.0]], 11.0, 110.0, 30.0);
    }
    all
}

/// Turns painted slices into those of the patient's scanner. `noise_hu` is the spread in a patient of usual size.
pub fn scan(patient: &Patient, grid: &VoxelGrid, noise_hu: f32, painted: &Array3<i16>) -> Array3<i16> {
    let sources = sources(patient);
    let slices = painted.len_of(Axis(0));
    let mut out = painted.clone();
    out.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(k, mut slice)| {
        let overlap = patient.traits.scan.overlap;
        let mut hu: Vec<f32> = painted.index_axis(Axis(0), k).iter().map(|v| f32::from(*v)).collect();
        if overlap > 0.0 {
            for other in [k.saturating_sub(1), (k + 1).min(slices - 1)] {
                for (v, o) in hu.iter_mut().zip(painted.index_axis(Axis(0), other)) {
                    // Not the share of both: the first has changed the value already, by little.
                    *v += (f32::from(*o) - *v) * overlap;
                }
            }
        }
        slice_of(patient, grid, k, noise_hu, &sources, &mut hu);
        for (to, v) in slice.iter_mut().zip(hu) {
            *to = v.round().clamp(-1024.0, 3071.0) as i16;
        }
    });
    out
}

fn slice_of(patient: &Patient, grid: &VoxelGrid, k: usize, noise_hu: f32, sources: &[Source], hu: &mut [f32]) {
    let scan = &patient.traits.scan;
    let (columns, rows) = (grid.columns(), grid.rows());
    let (di, dj) = (grid.spacing_i_mm() as f32, grid.spacing_j_mm() as f32);
    let z = grid.position_mm(k);
    let seed = hash(patient.seed ^ 0x5ca9 ^ ((k as u64) << 40));
    if scan.sharpen > 0.0 {
        // The difference to a smoothed copy of some millimeters.
        let soft = smooth(hu, columns, rows, [2.0 / di, 2.0 / dj]);
        for (v, s) in hu.iter_mut().zip(soft) {
            *v += scan.sharpen * 0.6 * (*v - s).clamp(-250.0, 250.0);
        }
    }
    let [u0, v0] = grid.plane_from_index(0.0, 0.0);
    for (n, source) in sources.iter().enumerate() {
        let beyond = (source.low - z).max(z - source.high).max(0.0) as f32;
        let strength = source.strength * (1.0 - beyond / 6.0);
        if strength < 2.0 {
            continue;
        }
        streaks(hash(seed ^ n as u64), strength, source, [u0, v0], [di, dj], columns, hu);
    }
    // Water along each row: what a horizontal ray has to pass.
    let path: Vec<f32> = hu
        .chunks(columns)
        .map(|row| row.iter().map(|v| ((v + 1000.0) / 1000.0).clamp(0.0, 2.2)).sum::<f32>() * di)
        .collect();
    let mean = path.iter().map(|l| l * l).sum::<f32>() / path.iter().sum::<f32>().max(1.0);
    // Photons get fewer with the size of the body; dose modulation makes up for half of it.
    let spread = noise_hu * ((mean - 240.0) / 230.0).clamp(-0.6, 0.9).exp();
    let grain = noise(seed, [scan.grain_mm / di, scan.grain_mm / dj], scan.sharpen, columns, rows);
    let lines = SmoothNoise::new(hash(seed ^ 5), 3.2, 0.0);
    let center = [(columns as f32 - 1.0) / 2.0, (rows as f32 - 1.0) / 2.0];
    let field = (scan.field_mm / 2.0).powi(2);
    for j in 0..rows {
        let dark = scan.shoulder_hu * ((path[j] - 250.0) / 110.0).clamp(0.0, 2.0);
        let y = (j as f32 - center[1]) * dj;
        for i in 0..columns {
            let at = j * columns + i;
            let x = (i as f32 - center[0]) * di;
            if x * x + y * y > field {
                hu[at] = -1024.0;
                continue;
            }
            let v = hu[at];
            let mut add = spread * grain[at] * if v < -970.0 { 0.5 } else { 1.0 };
            if dark > 0.5 && v > -960.0 {
                // Long along the row, thin across.
                add += dark * (lines.at(0.06 * x, y) - 0.12);
            }
            hu[at] = (v + 1000.0) * scan.gain - 1000.0 + scan.offset_hu * if v < -900.0 { 0.3 } else { 1.0 } + add;
        }
    }
}

/// A fan of bright and dark rays around a source.
fn streaks(
    seed: u64,
    strength: f32,
    source: &Source,
    origin: [f64; 2],
    step: [f32; 2],
    columns: usize,
    hu: &mut [f32],
) {
    const RAYS: usize = 96;
    let ray: Vec<f32> =
        (0..RAYS).map(|n| (hash(seed ^ (n as u64 + 11)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0).collect();
    for (at, v) in hu.iter_mut().enumerate() {
        let x = (origin[0] - source.at[0]) as f32 + (at % columns) as f32 * step[0];
        let y = (origin[1] - source.at[1]) as f32 + (at / columns) as f32 * step[1];
        let r = x.hypot(y);
        if r > 5.0 * source.reach || *v < -1010.0 {
            continue;
        }
        let angle = (y.atan2(x) / std::f32::consts::TAU + 0.5) * RAYS as f32;
        let (n, t) = (angle as usize, angle.fract());
        let value = ray[n % RAYS] * (1.0 - t) + ray[(n + 1) % RAYS] * t;
        // Dark bands are wider than bright ones.
        let fall = (-r / source.reach).exp() * (r / 7.0).min(1.0);
        *v += strength * (value - 0.15) * fall;
    }
}

/// White noise smoothed over `sigma` pixels, of unit spread; `sharp` takes low frequencies away.
fn noise(seed: u64, sigma: [f32; 2], sharp: f32, columns: usize, rows: usize) -> Vec<f32> {
    let white: Vec<f32> = (0..columns * rows)
        .map(|n| {
            let h = hash(seed.wrapping_add(n as u64));
            let sum = (h & 0xffff) + (h >> 16 & 0xffff) + (h >> 32 & 0xffff) + (h >> 48);
            (sum as f32 / 65535.0 - 2.0) * 1.732
        })
        .collect();
    let mut out = smooth(&white, columns, rows, sigma);
    if sharp > 0.0 {
        let low = smooth(&white, columns, rows, sigma.map(|s| s + 1.2));
        out.iter_mut().zip(low).for_each(|(v, l)| *v -= sharp.min(1.0) * 0.8 * l);
    }
    let variance = out.iter().map(|v| v * v).sum::<f32>() / out.len().max(1) as f32;
    let scale = 1.0 / variance.sqrt().max(1e-6);
    for v in &mut out {
        *v *= scale;
    }
    out
}

/// Mean over about a Gaussian of `sigma` pixels in both directions, edges held.
fn smooth(values: &[f32], columns: usize, rows: usize, sigma: [f32; 2]) -> Vec<f32> {
    let kernel = |s: f32| -> Vec<f32> {
        let half = (2.0 * s).ceil().clamp(0.0, 6.0) as i32;
        let raw: Vec<f32> = (-half..=half).map(|n| (-0.5 * (n as f32 / s.max(0.05)).powi(2)).exp()).collect();
        let sum: f32 = raw.iter().sum();
        raw.into_iter().map(|w| w / sum).collect()
    };
    let (across, down) = (kernel(sigma[0]), kernel(sigma[1]));
    let mut first = vec![0.0f32; values.len()];
    let half = across.len() / 2;
    for (row, out) in values.chunks(columns).zip(first.chunks_mut(columns)) {
        for (i, o) in out.iter_mut().enumerate() {
            *o = across.iter().enumerate().map(|(n, w)| w * row[(i + n).saturating_sub(half).min(columns - 1)]).sum();
        }
    }
    let mut second = vec![0.0f32; values.len()];
    let half = down.len() / 2;
    for (j, out) in second.chunks_mut(columns).enumerate() {
        for (n, w) in down.iter().enumerate() {
            let row = (j + n).saturating_sub(half).min(rows - 1);
            out.iter_mut().zip(&first[row * columns..]).for_each(|(o, v)| *o += w * v);
        }
    }
    second
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_unit_spread_whatever_the_kernel() {
        for (sigma, sharp) in [(0.2, 0.0), (0.8, 0.0), (0.3, 0.7), (1.6, 0.0)] {
            let n = noise(3, [sigma; 2], sharp, 96, 96);
            let mean = n.iter().sum::<f32>() / n.len() as f32;
            let sd = (n.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n.len() as f32).sqrt();
            assert!(mean.abs() < 0.1 && (sd - 1.0).abs() < 0.05, "{sigma}: {mean} {sd}");
        }
    }

    #[test]
    fn smoothing_keeps_an_even_picture() {
        let soft = smooth(&[7.0; 20 * 10], 20, 10, [1.3, 0.7]);
        assert!(soft.iter().all(|v| (v - 7.0).abs() < 1e-4));
    }
}
