//! The training step: the loss with its gradient, and AdamW with a moving average of the weights.
//!
//! Station loss = (weighted cross entropy + soft Dice over the stations present) / 2, CTV loss = binary cross entropy +
//! soft Dice, total = station loss + CTV loss / 2.

use super::network::CLASSES;
use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Keeps Dice defined for small structures, in pixels.
const SMOOTH: f64 = 16.0;
const CTV_WEIGHT: f32 = 0.5;
/// With less, thin stations come out too thick.
const BACKGROUND_WEIGHT: f32 = 0.3;

/// Weight of every class in the cross entropy.
#[derive(Debug, Clone, PartialEq)]
pub struct LossWeights(pub [f32; CLASSES]);

impl LossWeights {
    /// One over the root of the frequency, mean 1 over the stations; the background by itself.
    pub fn from_counts(counts: &[u64; CLASSES]) -> Self {
        let raw: Vec<f64> = counts[1..].iter().map(|n| 1.0 / (*n as f64).max(1.0).sqrt()).collect();
        let present = counts[1..].iter().zip(&raw).filter(|(n, _)| **n > 0);
        let (sum, number) = present.fold((0.0, 0.0), |(s, n), (_, w)| (s + w, n + 1.0));
        let mean = if number > 0.0 { sum / number } else { 1.0 };
        Self(std::array::from_fn(|c| if c == 0 { BACKGROUND_WEIGHT } else { (raw[c - 1] / mean).min(4.0) as f32 }))
    }
}

/// The parts of the loss.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Losses {
    pub cross_entropy: f32,
    pub dice: f32,
    pub ctv: f32,
}

impl Losses {
    pub fn total(&self) -> f32 {
        0.5 * (self.cross_entropy + self.dice) + CTV_WEIGHT * self.ctv
    }
}

/// The loss of a batch and its gradient with respect to both sets of logits.
///
/// `stations` is `[batch, 17, pixels]`, `ctv` `[batch, pixels]`; `labels` (0 to 16) and `in_ctv` (0, 1 or
/// [`CTV_UNKNOWN`]) `[batch, pixels]`.
pub fn loss_and_gradient(
    stations: &[f32],
    ctv: &[f32],
    labels: &[u8],
    in_ctv: &[u8],
    pixels: usize,
    weights: &LossWeights,
) -> (Losses, Vec<f32>, Vec<f32>) {
    struct Sums {
        probability: [f64; CLASSES],
        overlap: [f64; CLASSES],
        count: [f64; CLASSES],
        cross_entropy: f64,
        weight: f64,
    }
    // First pass: probabilities, and what they add up to.
    let mut gradient = stations.to_vec();
    let per_sample: Vec<Sums> = gradient
        .par_chunks_mut(CLASSES * pixels)
        .zip(labels.par_chunks(pixels))
        .map(|(p, labels)| {
            let mut largest = p[..pixels].to_vec();
            for plane in p.chunks_exact(pixels).skip(1) {
                largest.iter_mut().zip(plane).for_each(|(m, v)| *m = m.max(*v));
            }
            let mut total = vec![0.0f32; pixels];
            for plane in p.chunks_exact_mut(pixels) {
                for ((v, m), t) in plane.iter_mut().zip(&largest).zip(&mut total) {
                    *v = (*v - m).exp();
                    *t += *v;
                }
            }
            for t in &mut total {
                *t = 1.0 / *t;
            }
            let mut sums = Sums {
                probability: [0.0; CLASSES],
                overlap: [0.0; CLASSES],
                count: [0.0; CLASSES],
                cross_entropy: 0.0,
                weight: 0.0,
            };
            for (c, plane) in p.chunks_exact_mut(pixels).enumerate() {
                plane.iter_mut().zip(&total).for_each(|(v, t)| *v *= t);
                sums.probability[c] = f64::from(plane.iter().sum::<f32>());
                for (v, _) in plane.iter().zip(labels).filter(|(_, l)| usize::from(**l) == c) {
                    sums.overlap[c] += f64::from(*v);
                    sums.count[c] += 1.0;
                    sums.cross_entropy -= f64::from(weights.0[c] * v.max(1e-12).ln());
                }
                sums.weight += sums.count[c] * f64::from(weights.0[c]);
            }
            sums
        })
        .collect();
    let add = |f: fn(&Sums) -> &[f64; CLASSES]| -> [f64; CLASSES] {
        std::array::from_fn(|c| per_sample.iter().map(|s| f(s)[c]).sum())
    };
    let (probability, overlap, count) = (add(|s| &s.probability), add(|s| &s.overlap), add(|s| &s.count));
    let weight = per_sample.iter().map(|s| s.weight).sum::<f64>().max(1e-9);
    let cross_entropy = per_sample.iter().map(|s| s.cross_entropy).sum::<f64>() / weight;

    // Dice of the stations present; its derivative with respect to p of class c is here[c] where the label is c, plus everywhere[c].
    let present: Vec<usize> = (1..CLASSES).filter(|c| count[*c] > 0.0).collect();
    let (mut dice, mut here, mut everywhere) = (0.0, [0.0f32; CLASSES], [0.0f32; CLASSES]);
    for &c in &present {
        let (numerator, denominator) = (2.0 * overlap[c] + SMOOTH, probability[c] + count[c] + SMOOTH);
        let n = present.len() as f64;
        dice += (1.0 - numerator / denominator) / n;
        here[c] = (-2.0 / denominator / n) as f32;
        everywhere[c] = (numerator / denominator / denominator / n) as f32;
    }

    // Second pass: from probabilities to the gradient of the logits, in place.
    let inverse_weight = (1.0 / weight) as f32;
    gradient.par_chunks_mut(CLASSES * pixels).zip(labels.par_chunks(pixels)).for_each(|(p, labels)| {
        let mut mean = vec![0.0f32; pixels];
        for (c, plane) in p.chunks_exact(pixels).enumerate() {
            let (here, everywhere) = (here[c], everywhere[c]);
            for ((m, v), l) in mean.iter_mut().zip(plane).zip(labels) {
                *m += v * (everywhere + if usize::from(*l) == c { here } else { 0.0 });
            }
        }
        for (c, plane) in p.chunks_exact_mut(pixels).enumerate() {
            let (here, everywhere) = (here[c], everywhere[c]);
            for ((v, m), l) in plane.iter_mut().zip(&mean).zip(labels) {
                let own = f32::from(u8::from(usize::from(*l) == c));
                let entropy = weights.0[usize::from(*l)] * inverse_weight * (*v - own);
                *v = 0.5 * (entropy + *v * (everywhere + own * here - m));
            }
        }
    });

    let (ctv_loss, ctv_gradient) = binary_loss(ctv, in_ctv);
    let losses = Losses { cross_entropy: cross_entropy as f32, dice: dice as f32, ctv: ctv_loss };
    (losses, gradient, ctv_gradient)
}

/// The label of a pixel of which nobody knows whether it lies in the CTV; nothing is learned from it.
pub const CTV_UNKNOWN: u8 = 2;

/// Binary cross entropy (mean) + soft Dice over the batch, with the gradient scaled by the weight of the CTV in the total.
fn binary_loss(logits: &[f32], inside: &[u8]) -> (f32, Vec<f32>) {
    let known = |y: &u8| *y != CTV_UNKNOWN;
    let n = inside.iter().filter(|y| known(y)).count() as f64;
    if n == 0.0 {
        return (0.0, vec![0.0; logits.len()]);
    }
    let probabilities: Vec<f32> = logits.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
    let (mut entropy, mut overlap, mut sum, mut count) = (0.0f64, 0.0f64, 0.0f64, 0.0f64);
    for ((z, p), y) in logits.iter().zip(&probabilities).zip(inside).filter(|(_, y)| known(y)) {
        let y = f32::from(*y);
        entropy += f64::from(z.max(0.0) - z * y + (-z.abs()).exp().ln_1p());
        overlap += f64::from(p * y);
        sum += f64::from(*p);
        count += f64::from(y);
    }
    let (numerator, denominator) = (2.0 * overlap + SMOOTH, sum + count + SMOOTH);
    let loss = entropy / n + 1.0 - numerator / denominator;
    let (here, everywhere) = ((-2.0 / denominator) as f32, (numerator / denominator / denominator) as f32);
    let gradient = probabilities
        .iter()
        .zip(inside)
        .map(|(p, y)| {
            if !known(y) {
                return 0.0;
            }
            let y = f32::from(*y);
            CTV_WEIGHT * ((p - y) / n as f32 + p * (1.0 - p) * (everywhere + y * here))
        })
        .collect();
    (loss as f32, gradient)
}

/// AdamW (Loshchilov 2019, arXiv 1711.05101); weight decay on kernels only; the gradient's norm is limited.
#[derive(Debug, Clone)]
pub struct AdamW {
    pub weight_decay: f32,
    pub largest_norm: f32,
    steps: i32,
    moments: Moments,
}

/// Running means of gradient and squared gradient by variable.
pub type Moments = BTreeMap<String, (Vec<f32>, Vec<f32>)>;

impl AdamW {
    pub fn new(weight_decay: f32) -> Self {
        Self { weight_decay, largest_norm: 2.0, steps: 0, moments: BTreeMap::new() }
    }

    /// The optimizer after so many steps, with the moments that it had then.
    pub fn resumed(weight_decay: f32, steps: usize, moments: Moments) -> Self {
        Self { steps: i32::try_from(steps).unwrap_or(i32::MAX), moments, ..Self::new(weight_decay) }
    }

    /// First and second moment of every variable that has had a gradient.
    pub fn moments(&self) -> &Moments {
        &self.moments
    }

    /// Moves the variables down the gradient.
    ///
    /// # Errors
    /// If a tensor cannot be read or replaced.
    pub fn step(&mut self, variables: &BTreeMap<String, Var>, gradients: &GradStore, rate: f32) -> Result<()> {
        const BETA1: f32 = 0.9;
        const BETA2: f32 = 0.999;
        self.steps += 1;
        let mut found = Vec::new();
        for (name, var) in variables {
            if let Some(gradient) = gradients.get(var) {
                found.push((name, var, gradient.flatten_all()?.to_vec1::<f32>()?));
            }
        }
        let squares: f64 = found
            .par_iter()
            .map(|(_, _, g)| g.iter().map(|g| f64::from(g * g)).sum::<f64>())
            .collect::<Vec<_>>()
            .iter()
            .sum();
        let shrink = (f64::from(self.largest_norm) / squares.sqrt().max(1e-12)).min(1.0) as f32;
        let correction1 = 1.0 - BETA1.powi(self.steps);
        let correction2 = 1.0 - BETA2.powi(self.steps);
        for (name, var, gradient) in found {
            let mut values = var.flatten_all()?.to_vec1::<f32>()?;
            let n = values.len();
            let (first, second) = self.moments.entry(name.clone()).or_insert_with(|| (vec![0.0; n], vec![0.0; n]));
            let decay = if name.ends_with("weight") { 1.0 - rate * self.weight_decay } else { 1.0 };
            const PART: usize = 1 << 15;
            let states = first.par_chunks_mut(PART).zip(second.par_chunks_mut(PART));
            values.par_chunks_mut(PART).zip(gradient.par_chunks(PART)).zip(states).for_each(|((v, g), (m1, m2))| {
                for (((v, g), m1), m2) in v.iter_mut().zip(g).zip(m1).zip(m2) {
                    let g = g * shrink;
                    *m1 = BETA1 * *m1 + (1.0 - BETA1) * g;
                    *m2 = BETA2 * *m2 + (1.0 - BETA2) * g * g;
                    *v = *v * decay - rate * (*m1 / correction1) / ((*m2 / correction2).sqrt() + 1e-8);
                }
            });
            var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        let pixels = 30;
        let mut stations: Vec<f32> = (0..2 * CLASSES * pixels).map(|_| rng.random_range(-2.0..2.0)).collect();
        let mut ctv: Vec<f32> = (0..2 * pixels).map(|_| rng.random_range(-2.0..2.0)).collect();
        let labels: Vec<u8> = (0..2 * pixels).map(|_| [0, 0, 3, 7, 16][rng.random_range(0..5)]).collect();
        let in_ctv: Vec<u8> = (0..2 * pixels).map(|_| rng.random_range(0..=CTV_UNKNOWN)).collect();
        let weights = LossWeights(std::array::from_fn(|c| 0.1 + 0.1 * c as f32));
        let run = |s: &[f32], c: &[f32]| loss_and_gradient(s, c, &labels, &in_ctv, pixels, &weights);
        let (_, gs, gc) = run(&stations, &ctv);
        const STEP: f32 = 0.02;
        for at in (0..stations.len()).step_by(37) {
            let kept = stations[at];
            stations[at] = kept + STEP;
            let up = run(&stations, &ctv).0.total();
            stations[at] = kept - STEP;
            let down = run(&stations, &ctv).0.total();
            stations[at] = kept;
            let numeric = (up - down) / (2.0 * STEP);
            assert!((numeric - gs[at]).abs() < 2e-4 + 0.02 * gs[at].abs(), "{at}: {numeric} against {}", gs[at]);
        }
        for at in (0..ctv.len()).step_by(7) {
            let kept = ctv[at];
            ctv[at] = kept + STEP;
            let up = run(&stations, &ctv).0.total();
            ctv[at] = kept - STEP;
            let down = run(&stations, &ctv).0.total();
            ctv[at] = kept;
            let numeric = (up - down) / (2.0 * STEP);
            assert!((numeric - gc[at]).abs() < 2e-4 + 0.02 * gc[at].abs(), "ctv {at}: {numeric} against {}", gc[at]);
        }
    }

    #[test]
    fn rare_stations_weigh_more() {
        let mut counts = [100u64; CLASSES];
        counts[4] = 25;
        counts[9] = 0;
        let w = LossWeights::from_counts(&counts).0;
        assert!((w[0] - BACKGROUND_WEIGHT).abs() < 1e-6 && (w[4] / w[5] - 2.0).abs() < 1e-5 && w[9].is_finite());
    }

    /// (x - 3)^2 + (y + 1)^2 from the origin.
    #[test]
    fn adamw_finds_the_minimum_of_a_bowl() {
        let start = Tensor::zeros(2, candle_core::DType::F32, &Device::Cpu).unwrap();
        let x = Var::from_tensor(&start).unwrap();
        let target = Tensor::new(&[3f32, -1.0], &Device::Cpu).unwrap();
        let variables = BTreeMap::from([("bias".to_owned(), x.clone())]);
        let mut optimizer = AdamW::new(0.1);
        for _ in 0..400 {
            let loss = (x.as_tensor() - &target).unwrap().sqr().unwrap().sum_all().unwrap();
            optimizer.step(&variables, &loss.backward().unwrap(), 0.05).unwrap();
        }
        let found = x.to_vec1::<f32>().unwrap();
        assert!((found[0] - 3.0).abs() < 0.02 && (found[1] + 1.0).abs() < 0.02, "{found:?}");
    }
}
