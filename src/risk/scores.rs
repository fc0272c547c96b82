//! How good probabilities are: overall scores, a table at a threshold, calibration and net benefit.

/// Mean squared error of the probabilities.
pub fn brier(outcome: &[bool], p: &[f64]) -> f64 {
    outcome.iter().zip(p).map(|(y, p)| (p - f64::from(u8::from(*y))).powi(2)).sum::<f64>() / outcome.len() as f64
}

/// Mean negative log likelihood; probabilities are kept 1e-15 away from 0 and 1.
pub fn log_loss(outcome: &[bool], p: &[f64]) -> f64 {
    let likelihood = |y: bool, p: f64| if y { p } else { 1.0 - p }.clamp(1e-15, 1.0 - 1e-15);
    -outcome.iter().zip(p).map(|(y, p)| likelihood(*y, *p).ln()).sum::<f64>() / outcome.len() as f64
}

/// Average precision: the sum of precision times gain in recall over the distinct scores, without interpolation.
pub fn average_precision(outcome: &[bool], p: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    let events = outcome.iter().filter(|y| **y).count() as f64;
    let (mut found, mut seen, mut sum) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by(|a, b| p[*a] == p[*b]) {
        let gained = tied.iter().filter(|r| outcome[**r]).count() as f64;
        found += gained;
        seen += tied.len() as f64;
        sum += found / seen * gained / events;
    }
    sum
}

/// Counts at a threshold: predicted = probability at or above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confusion {
    pub true_positive: usize,
    pub false_positive: usize,
    pub false_negative: usize,
    pub true_negative: usize,
}

impl Confusion {
    pub fn at(outcome: &[bool], p: &[f64], threshold: f64) -> Self {
        let count = |actual: bool, predicted: bool| {
            outcome.iter().zip(p).filter(|(y, p)| **y == actual && (**p >= threshold) == predicted).count()
        };
        Self {
            true_positive: count(true, true),
            false_positive: count(false, true),
            false_negative: count(true, false),
            true_negative: count(false, false),
        }
    }

    fn cells(self) -> [f64; 4] {
        [self.true_positive, self.false_positive, self.false_negative, self.true_negative].map(|c| c as f64)
    }

    /// Number of correct predictions.
    pub fn correct(self) -> usize {
        self.true_positive + self.true_negative
    }
    pub fn total(self) -> usize {
        self.true_positive + self.false_positive + self.false_negative + self.true_negative
    }
    pub fn accuracy(self) -> f64 {
        self.correct() as f64 / self.total() as f64
    }
    pub fn sensitivity(self) -> f64 {
        let [tp, _, fn_, _] = self.cells();
        tp / (tp + fn_)
    }
    pub fn specificity(self) -> f64 {
        let [_, fp, _, tn] = self.cells();
        tn / (tn + fp)
    }
    /// Mean of sensitivity and specificity.
    pub fn balanced_accuracy(self) -> f64 {
        f64::midpoint(self.sensitivity(), self.specificity())
    }
    pub fn f1(self) -> f64 {
        let [tp, fp, fn_, _] = self.cells();
        2.0 * tp / (2.0 * tp + fp + fn_)
    }
    /// Cohen's kappa.
    pub fn kappa(self) -> f64 {
        let [tp, fp, fn_, tn] = self.cells();
        let n = self.total() as f64;
        let chance = ((tp + fp) * (tp + fn_) + (fn_ + tn) * (fp + tn)) / (n * n);
        (self.accuracy() - chance) / (1.0 - chance)
    }
    /// Matthews correlation coefficient; 0 where a margin is empty.
    pub fn matthews(self) -> f64 {
        let [tp, fp, fn_, tn] = self.cells();
        let margins = (tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_);
        if margins == 0.0 { 0.0 } else { (tp * tn - fp * fn_) / margins.sqrt() }
    }
}

/// Net benefit of treating at and above a threshold probability: TP/n - FP/n t/(1-t) (Vickers and Elkin 2006).
pub fn net_benefit(outcome: &[bool], p: &[f64], threshold: f64) -> f64 {
    let [tp, fp, _, _] = Confusion::at(outcome, p, threshold).cells();
    (tp - fp * threshold / (1.0 - threshold)) / outcome.len() as f64
}

/// Logistic recalibration of the log odds; a perfect model has intercept 0 and slope 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    pub intercept: f64,
    pub slope: f64,
}

fn log_odds(p: f64) -> f64 {
    let p = p.clamp(1e-12, 1.0 - 1e-12);
    (p / (1.0 - p)).ln()
}

pub(super) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Intercept and slope fitted together; `None` where no finite fit exists (perfect separation, one class).
pub fn calibration(outcome: &[bool], p: &[f64]) -> Option<Calibration> {
    let x: Vec<f64> = p.iter().map(|p| log_odds(*p)).collect();
    let (mut a, mut b) = (0.0, 1.0);
    for _ in 0..100 {
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (y, x) in outcome.iter().zip(&x) {
            let q = logistic(a + b * x);
            let (r, w) = (f64::from(u8::from(*y)) - q, q * (1.0 - q));
            ga += r;
            gb += r * x;
            haa += w;
            hab += w * x;
            hbb += w * x * x;
        }
        let determinant = haa * hbb - hab * hab;
        if determinant.abs() < 1e-12 || !determinant.is_finite() {
            return None;
        }
        let (da, db) = ((hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant);
        a += da;
        b += db;
        if da.abs().max(db.abs()) < 1e-12 {
            return Some(Calibration { intercept: a, slope: b });
        }
    }
    None
}

/// Intercept with the slope held at 1: below 0 the probabilities are too high on average.
pub fn calibration_in_the_large(outcome: &[bool], p: &[f64]) -> Option<f64> {
    let x: Vec<f64> = p.iter().map(|p| log_odds(*p)).collect();
    let mut a = 0.0;
    for _ in 0..100 {
        let (mut g, mut h) = (0.0, 0.0);
        for (y, x) in outcome.iter().zip(&x) {
            let q = logistic(a + x);
            g += f64::from(u8::from(*y)) - q;
            h += q * (1.0 - q);
        }
        let step = g / h;
        if !step.is_finite() {
            return None;
        }
        a += step;
        if step.abs() < 1e-12 {
            return Some(a);
        }
    }
    None
}
