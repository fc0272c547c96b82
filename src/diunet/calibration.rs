//! Calibration: the temperature (Guo et al. 2017, ICML, arXiv:1706.04599) and the shift of the background that bring the
//! network's probabilities to what held-out cases bear out, and how well that works on other held-out cases.

use super::confidence::{Scaling, probabilities};
use super::network::CLASSES;

/// Voxels that the network takes for background with more than this probability are counted by themselves: most of a scan
/// is far from every station. What they are does not enter, or the others would no longer be those of a probability.
const PLAIN_BACKGROUND: f32 = 0.99;
/// Bins of the reliability diagram.
const BINS: usize = 10;
/// Between these the temperature is looked for, and the shift of the background.
const TEMPERATURES: [f64; 2] = [0.25, 8.0];
const SHIFTS: [f64; 2] = [-8.0, 8.0];
/// Each of both is found anew for the other so many times.
const ROUNDS: usize = 6;

/// How the probabilities of a model were calibrated, and how they did.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Calibration {
    #[serde(flatten)]
    pub scaling: Scaling,
    /// How widely the phantoms of the seeds below differ; not recorded by earlier versions.
    #[serde(default)]
    pub phantoms: Option<String>,
    /// On which cases it was found.
    pub fitted_on: Vec<u64>,
    /// On which cases the figures below were taken, none of them used before.
    pub tested_on: Vec<u64>,
    /// Mean absolute difference between the probability of what was drawn and the share that is right, weighted by
    /// voxels, without the scaling and with it.
    pub expected_error: [f64; 2],
    /// Mean of the negative logarithm of the probability of the true class, without and with.
    pub mean_log_loss: [f64; 2],
    /// The reliability diagram with the scaling.
    pub bins: Vec<ReliabilityBin>,
    /// Voxels that the network takes for background beyond doubt, which none of the figures above counts.
    pub plain_background: ReliabilityBin,
}

/// Voxels whose drawn class has a probability within a tenth.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct ReliabilityBin {
    pub voxels: u64,
    /// Mean probability of the class that is drawn.
    pub probability: f64,
    /// Share of them whose drawn class is the true one.
    pub right: f64,
}

/// Voxels of held-out cases: logits and true class.
#[derive(Debug, Clone, Default)]
pub struct HeldOut {
    voxels: Vec<([half::f16; CLASSES], u8)>,
    plain: Sum,
}

/// Voxels, the sum of their probabilities, and how many are right.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    voxels: u64,
    probability: f64,
    right: u64,
}

impl Sum {
    fn add(&mut self, probability: f64, is_right: bool) {
        self.voxels += 1;
        self.probability += probability;
        self.right += u64::from(is_right);
    }

    fn join(&mut self, other: Self) {
        self.voxels += other.voxels;
        self.probability += other.probability;
        self.right += other.right;
    }

    fn bin(self) -> ReliabilityBin {
        let n = self.voxels.max(1) as f64;
        ReliabilityBin { voxels: self.voxels, probability: self.probability / n, right: self.right as f64 / n }
    }
}

impl HeldOut {
    /// Takes in a voxel; one that is taken for background beyond doubt is only counted.
    pub fn add(&mut self, logits: impl IntoIterator<Item = f32>, class: u8) {
        let mut row = [0.0; CLASSES];
        for (to, from) in row.iter_mut().zip(logits) {
            *to = from;
        }
        let background = probabilities(row, Scaling::NONE)[0];
        if background > PLAIN_BACKGROUND {
            self.plain.add(f64::from(background), class == 0);
        } else {
            self.voxels.push((row.map(half::f16::from_f32), class));
        }
    }

    pub fn len(&self) -> usize {
        self.voxels.len()
    }
    pub fn is_empty(&self) -> bool {
        self.voxels.is_empty()
    }

    /// Probabilities, drawn class and true class.
    fn each(&self, scaling: Scaling) -> impl rayon::iter::ParallelIterator<Item = ([f32; CLASSES], usize, usize)> + '_ {
        use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
        self.voxels.par_iter().map(move |(logits, class)| {
            let logits = logits.map(half::f16::to_f32);
            let best = |b: (usize, f32), (n, v): (usize, &f32)| if *v > b.1 { (n, *v) } else { b };
            let (drawn, _) = logits.iter().enumerate().fold((0, f32::MIN), best);
            (probabilities(logits, scaling), drawn, usize::from(*class))
        })
    }

    /// Mean negative logarithm of the probability of the true class.
    pub fn mean_log_loss(&self, scaling: Scaling) -> f64 {
        use rayon::iter::ParallelIterator as _;
        let sum: f64 = self.each(scaling).map(|(p, _, class)| -f64::from(p[class].max(1e-12)).ln()).sum();
        sum / self.voxels.len().max(1) as f64
    }

    /// The scaling of the least loss: temperature and shift in turn, each by golden section. The loss has one valley.
    pub fn scaling(&self) -> Scaling {
        let mut best = Scaling::NONE;
        for _ in 0..ROUNDS {
            let of = |x: f64| Scaling { temperature: x.exp(), ..best };
            best = of(least(TEMPERATURES.map(f64::ln), |x| self.mean_log_loss(of(x))));
            let of = |x: f64| Scaling { background: x, ..best };
            best = of(least(SHIFTS, |x| self.mean_log_loss(of(x))));
        }
        best
    }

    /// The reliability diagram, and its expected error.
    pub fn reliability(&self, scaling: Scaling) -> (Vec<ReliabilityBin>, f64) {
        use rayon::iter::ParallelIterator as _;
        let none = || [Sum::default(); BINS];
        let sums = self
            .each(scaling)
            .fold(none, |mut sums, (p, drawn, class)| {
                let own = f64::from(p[drawn]);
                sums[((own * BINS as f64) as usize).min(BINS - 1)].add(own, drawn == class);
                sums
            })
            .reduce(none, |mut a, b| {
                a.iter_mut().zip(b).for_each(|(a, b)| a.join(b));
                a
            });
        let bins: Vec<ReliabilityBin> = sums.map(Sum::bin).into();
        let off = bins.iter().map(|b| b.voxels as f64 * (b.probability - b.right).abs()).sum::<f64>();
        let error = off / self.voxels.len().max(1) as f64;
        (bins, error)
    }
}

/// Where a function with one valley is least, to within a thousandth, by golden section.
fn least([mut low, mut high]: [f64; 2], loss: impl Fn(f64) -> f64) -> f64 {
    let ratio = (5.0f64.sqrt() - 1.0) / 2.0;
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_a, mut at_b) = (loss(a), loss(b));
    while high - low > 1e-3 {
        if at_a < at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - ratio * (high - low);
            at_a = loss(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + ratio * (high - low);
            at_b = loss(b);
        }
    }
    f64::midpoint(low, high)
}

impl Calibration {
    /// The scaling of the first cases, judged on the others. `None` without voxels on either side.
    pub fn of(fit: &HeldOut, fitted_on: Vec<u64>, test: &HeldOut, tested_on: Vec<u64>) -> Option<Self> {
        if fit.is_empty() || test.is_empty() {
            return None;
        }
        let scaling = fit.scaling();
        let (bins, after) = test.reliability(scaling);
        Some(Self {
            scaling,
            phantoms: None,
            fitted_on,
            tested_on,
            expected_error: [test.reliability(Scaling::NONE).1, after],
            mean_log_loss: [Scaling::NONE, scaling].map(|s| test.mean_log_loss(s)),
            bins,
            plain_background: test.plain.bin(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng as _, SeedableRng as _};

    /// Voxels whose true class is drawn by the softmax of logits that are given `sharper` times too large, the background's
    /// by `less` too small.
    fn drawn(sharper: f32, less: f32, seed: u64) -> HeldOut {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut held_out = HeldOut::default();
        for _ in 0..40_000 {
            let logits: [f32; CLASSES] = std::array::from_fn(|_| rng.random_range(-2.0f32..2.0));
            let p = probabilities(logits, Scaling::NONE);
            let mut left = rng.random_range(0.0f32..1.0);
            let class = p.iter().position(|p| {
                left -= p;
                left <= 0.0
            });
            let mut given = logits;
            given[0] -= less;
            held_out.add(given.map(|l| l * sharper), class.unwrap_or(CLASSES - 1) as u8);
        }
        held_out
    }

    #[test]
    fn the_scaling_undoes_what_made_the_network_too_sure_too_shy_or_blind_for_the_background() {
        for (sharper, less) in [(2.0f32, 0.0), (0.5, 0.0), (1.5, 2.0)] {
            let [fit, test] = [1, 2].map(|seed| drawn(sharper, less, seed));
            let calibration = Calibration::of(&fit, vec![1], &test, vec![2]).expect("voxels");
            let Scaling { temperature, background } = calibration.scaling;
            assert!((temperature / f64::from(sharper) - 1.0).abs() < 0.06, "{temperature}");
            assert!((background - f64::from(less)).abs() < 0.1, "{background}");
            let [before, after] = calibration.expected_error;
            assert!(after < 0.02 && before > 2.0 * after, "{before} {after}");
            assert!(calibration.mean_log_loss[1] < calibration.mean_log_loss[0]);
            assert_eq!(calibration.bins.iter().map(|b| b.voxels).sum::<u64>() as usize, test.len());
        }
    }

    #[test]
    fn background_beyond_doubt_is_counted_by_itself_whatever_it_is() {
        let mut held_out = HeldOut::default();
        let sure: [f32; CLASSES] = std::array::from_fn(|n| if n == 0 { 12.0 } else { 0.0 });
        held_out.add(sure, 0);
        held_out.add(sure, 3);
        assert!(held_out.is_empty());
        let plain = held_out.plain.bin();
        assert!(plain.voxels == 2 && plain.right == 0.5 && plain.probability > 0.99, "{plain:?}");
        held_out.add([0.0; CLASSES], 0);
        assert_eq!(held_out.len(), 1);
        assert!(Calibration::of(&held_out, Vec::new(), &HeldOut::default(), Vec::new()).is_none());
    }
}
