//! Smooth random fields over a sample: how it is deformed, and the unevenness of its tissues.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Control points a fourth of the side apart.
const WARP_CELLS: usize = 4;

/// A smooth function over a square, from normal values (cut at 2.5) at control points.
pub struct Field {
    /// Control points per side.
    n: usize,
    values: Vec<f32>,
    /// Last pixel along a side.
    last: f32,
}

impl Field {
    /// So many cells between the control points along a side.
    pub fn random(cells: usize, size: usize, rng: &mut ChaCha8Rng) -> Self {
        let n = cells + 1;
        let mut one = || -> f32 {
            let value: f32 = StandardNormal.sample(rng);
            value.clamp(-2.5, 2.5)
        };
        Self { n, values: (0..n * n).map(|_| one()).collect(), last: size as f32 - 1.0 }
    }

    /// The value at a pixel: a cubic blend of the four points around it.
    pub fn at(&self, row: f32, column: f32) -> f32 {
        let place = |x: f32| {
            let x = x / self.last * (self.n - 1) as f32;
            let low = (x as usize).min(self.n - 2);
            let t = x - low as f32;
            (low, t * t * (3.0 - 2.0 * t))
        };
        let ((j, down), (i, right)) = (place(row), place(column));
        let p = |j: usize, i: usize| self.values[j * self.n + i];
        let upper = p(j, i) + (p(j, i + 1) - p(j, i)) * right;
        let lower = p(j + 1, i) + (p(j + 1, i + 1) - p(j + 1, i)) * right;
        upper + (lower - upper) * down
    }
}

/// A smooth displacement of the pixels of a sample.
pub struct Warp {
    down: Field,
    right: Field,
    deviation: f32,
}

impl Warp {
    /// Displacements of so many pixels (standard deviation at the control points).
    pub fn random(size: usize, deviation: f32, rng: &mut ChaCha8Rng) -> Self {
        let (down, right) = (Field::random(WARP_CELLS, size, rng), Field::random(WARP_CELLS, size, rng));
        Self { down, right, deviation }
    }

    /// Displacement of a pixel: down and to the right.
    pub fn at(&self, row: f32, column: f32) -> [f32; 2] {
        [&self.down, &self.right].map(|field| field.at(row, column) * self.deviation)
    }
}

/// Tissue is nowhere as even as in a phantom: fat holds strands and small vessels, muscle holds fat, and thick slices
/// blur them into clouds. Fields of several scales, finer ones weaker.
pub struct Clouds {
    fields: Vec<(Field, f32)>,
}

impl Clouds {
    /// Clouds of so many HU (standard deviation at the coarsest scale).
    pub fn random(size: usize, hu: f32, rng: &mut ChaCha8Rng) -> Self {
        let part: f32 = rng.random_range(0.4..0.9);
        let scales = [4, 8, 16, 32];
        let weigh = |n: usize| hu * part.powi(n as i32);
        Self { fields: scales.iter().enumerate().map(|(n, c)| (Field::random(*c, size, rng), weigh(n))).collect() }
    }

    pub fn at(&self, row: f32, column: f32) -> f32 {
        self.fields.iter().map(|(field, hu)| field.at(row, column) * hu).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn clouds_are_as_dense_as_they_say_and_differ_between_places() {
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        let all: Vec<Clouds> = (0..300).map(|_| Clouds::random(96, 20.0, rng)).collect();
        let deviation = |at: [f32; 2]| {
            let squares: f32 = all.iter().map(|c| c.at(at[0], at[1]).powi(2)).sum();
            (squares / 300.0).sqrt()
        };
        // At a corner all scales have a control point: 20 HU of the coarsest, and weaker ones.
        assert!((20.0..36.0).contains(&deviation([0.0, 0.0])), "{}", deviation([0.0, 0.0]));
        assert!(all.iter().all(|c| (c.at(10.0, 10.0) - c.at(80.0, 70.0)).abs() > 1e-3));
    }

    #[test]
    fn a_warp_is_smooth_and_as_wide_as_it_says() {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let still = Warp::random(96, 0.0, rng);
        assert_eq!(still.at(17.0, 80.0), [0.0, 0.0]);
        let warps: Vec<Warp> = (0..200).map(|_| Warp::random(96, 2.0, rng)).collect();
        let squares: f32 = warps.iter().map(|w| w.at(0.0, 0.0)[0].powi(2)).sum::<f32>() / 200.0;
        assert!((1.5..2.5).contains(&squares.sqrt()), "{squares}");
        for warp in &warps {
            for n in 0..95 {
                let (a, b) = (warp.at(n as f32, 40.0), warp.at(n as f32 + 1.0, 40.0));
                // A fold would turn anatomy inside out.
                assert!((a[0] - b[0]).abs() < 0.75, "{a:?} {b:?}");
            }
        }
    }
}
