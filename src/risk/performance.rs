//! How well probabilities foretell outcomes, as curves and tables to be shown: everything is computed here once, and window and
//! report only draw it.

use super::discrimination::{auc, delong};
use super::folds::derived_seed;
use super::scores::{
    Confusion, average_precision, brier, calibration, calibration_in_the_large, log_loss, net_benefit,
};
use crate::survival::{Interval, wilson_interval};
use crate::words::keep;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const CONFIDENCE: f64 = 0.95;
/// Draws of patients, with replacement, for the band of the ROC curve.
const RESAMPLES: u64 = 500;
/// False positive rates at which the ROC curve is given: 0, 0.02, ... 1.
const ROC_STEPS: usize = 50;
/// Groups of a calibration curve at most, and patients in each at least.
const BINS: usize = 8;
const LEAST_IN_BIN: usize = 5;

/// A point of the ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RocPoint {
    /// 1 - specificity.
    pub false_positive_rate: f64,
    pub sensitivity: f64,
    /// 95 % of resamples of the patients.
    pub band: Interval,
}

/// A point of the curve of precision and recall.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PrecisionPoint {
    pub recall: f64,
    pub precision: f64,
}

/// Patients with like probabilities.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CalibrationBin {
    pub patients: usize,
    pub events: usize,
    /// Mean.
    pub predicted: f64,
    pub observed: f64,
    /// Wilson, 95 %.
    pub interval: Interval,
}

/// Net benefit at a threshold (Vickers and Elkin 2006).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DecisionPoint {
    pub threshold: f64,
    pub model: f64,
    /// Of treating everyone; treating nobody has 0.
    pub all: f64,
}

/// A share of patients with its Wilson interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Share {
    pub k: usize,
    pub n: usize,
    /// `None` of nobody.
    pub value: Option<f64>,
    pub interval: Interval,
}

impl Share {
    fn new(k: usize, n: usize) -> Self {
        let value = (n > 0).then(|| k as f64 / n as f64);
        let interval =
            if n > 0 { wilson_interval(k as u64, n as u64, CONFIDENCE) } else { Interval { lower: 0.0, upper: 1.0 } };
        Self { k, n, value, interval }
    }
}

/// What deciding at a threshold would give: at or above it an event is foretold.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ThresholdRow {
    /// Why this threshold.
    pub name: String,
    pub threshold: f64,
    pub true_positive: usize,
    pub false_positive: usize,
    pub false_negative: usize,
    pub true_negative: usize,
    pub sensitivity: Share,
    pub specificity: Share,
    /// Positive and negative predictive value.
    pub ppv: Share,
    pub npv: Share,
    pub accuracy: Share,
    pub balanced_accuracy: f64,
    pub f1: f64,
    pub matthews: f64,
}

impl ThresholdRow {
    fn new(name: &str, threshold: f64, outcome: &[bool], p: &[f64]) -> Self {
        let c = Confusion::at(outcome, p, threshold);
        let (tp, fp, fn_, tn) = (c.true_positive, c.false_positive, c.false_negative, c.true_negative);
        Self {
            name: name.to_owned(),
            threshold,
            true_positive: tp,
            false_positive: fp,
            false_negative: fn_,
            true_negative: tn,
            sensitivity: Share::new(tp, tp + fn_),
            specificity: Share::new(tn, tn + fp),
            ppv: Share::new(tp, tp + fp),
            npv: Share::new(tn, tn + fn_),
            accuracy: Share::new(tp + tn, c.total()),
            balanced_accuracy: c.balanced_accuracy(),
            f1: c.f1(),
            matthews: c.matthews(),
        }
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Performance {
    pub patients: usize,
    pub events: usize,
    pub auc: f64,
    /// DeLong, 95 %; `None` with fewer than two patients of a kind.
    pub auc_interval: Option<Interval>,
    pub average_precision: f64,
    pub brier: f64,
    /// 1 - Brier score / that of foretelling the mean for everyone.
    pub scaled_brier: f64,
    pub log_loss: f64,
    /// Of logistic recalibration; `None` where no finite fit exists.
    pub calibration_intercept: Option<f64>,
    pub calibration_slope: Option<f64>,
    pub calibration_in_the_large: Option<f64>,
    pub roc: Vec<RocPoint>,
    pub precision_recall: Vec<PrecisionPoint>,
    pub bins: Vec<CalibrationBin>,
    pub decision: Vec<DecisionPoint>,
    pub thresholds: Vec<ThresholdRow>,
}

impl Performance {
    /// `None` unless both outcomes occur.
    pub fn of(outcome: &[bool], p: &[f64], seed: u64) -> Option<Self> {
        let area = auc(outcome, p)?;
        let n = outcome.len() as f64;
        let events = outcome.iter().filter(|y| **y).count();
        let prevalence = events as f64 / n;
        let brier = brier(outcome, p);
        let fit = calibration(outcome, p);
        let thresholds = vec![
            ThresholdRow::new(keep("One half"), 0.5, outcome, p),
            ThresholdRow::new(keep("Share of events"), prevalence, outcome, p),
            ThresholdRow::new(keep("Youden (chosen on these patients)"), youden(outcome, p), outcome, p),
        ];
        let decision = (2..=16)
            .map(|t| {
                let threshold = f64::from(t) / 20.0;
                let all = net_benefit(outcome, &vec![1.0; outcome.len()], threshold);
                DecisionPoint { threshold, model: net_benefit(outcome, p, threshold), all }
            })
            .collect();
        Some(Self {
            patients: outcome.len(),
            events,
            auc: area,
            auc_interval: delong(outcome, p, CONFIDENCE).map(|e| e.interval),
            average_precision: average_precision(outcome, p),
            brier,
            scaled_brier: 1.0 - brier / (prevalence * (1.0 - prevalence)),
            log_loss: log_loss(outcome, p),
            calibration_intercept: fit.map(|c| c.intercept),
            calibration_slope: fit.map(|c| c.slope),
            calibration_in_the_large: calibration_in_the_large(outcome, p),
            roc: roc(outcome, p, seed),
            precision_recall: precision_recall(outcome, p),
            bins: bins(outcome, p),
            decision,
            thresholds,
        })
    }
}

/// The steps of the ROC curve, (false positive rate, sensitivity), from (0, 0) to (1, 1).
fn roc_steps(outcome: &[bool], p: &[f64]) -> Vec<(f64, f64)> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    let events = outcome.iter().filter(|y| **y).count() as f64;
    let others = outcome.len() as f64 - events;
    let (mut tp, mut fp) = (0.0, 0.0);
    let mut steps = vec![(0.0, 0.0)];
    for tied in order.chunk_by(|a, b| p[*a] == p[*b]) {
        let gained = tied.iter().filter(|r| outcome[**r]).count() as f64;
        tp += gained;
        fp += tied.len() as f64 - gained;
        steps.push((fp / others, tp / events));
    }
    steps
}

/// Sensitivity at a false positive rate, straight between the steps; of several the highest.
fn sensitivity_at(steps: &[(f64, f64)], rate: f64) -> f64 {
    let after = steps.partition_point(|(x, _)| *x <= rate);
    let (x0, y0) = steps[after - 1];
    match steps.get(after) {
        Some((x1, y1)) if *x1 > x0 => y0 + (y1 - y0) * (rate - x0) / (x1 - x0),
        _ => y0,
    }
}

fn roc(outcome: &[bool], p: &[f64], seed: u64) -> Vec<RocPoint> {
    let rates: Vec<f64> = (0..=ROC_STEPS).map(|n| n as f64 / ROC_STEPS as f64).collect();
    let steps = roc_steps(outcome, p);
    let mut drawn = vec![Vec::with_capacity(RESAMPLES as usize); rates.len()];
    for resample in 0..RESAMPLES {
        let mut rng = ChaCha8Rng::seed_from_u64(derived_seed(seed, resample));
        let rows: Vec<usize> = (0..outcome.len()).map(|_| rng.random_range(0..outcome.len())).collect();
        let y: Vec<bool> = rows.iter().map(|r| outcome[*r]).collect();
        if y.iter().all(|y| *y) || !y.iter().any(|y| *y) {
            continue;
        }
        let q: Vec<f64> = rows.iter().map(|r| p[*r]).collect();
        let steps = roc_steps(&y, &q);
        for (values, rate) in drawn.iter_mut().zip(&rates) {
            values.push(sensitivity_at(&steps, *rate));
        }
    }
    rates
        .iter()
        .zip(drawn)
        .map(|(rate, mut values)| {
            values.sort_by(f64::total_cmp);
            let quantile = |q: f64| values[((values.len() - 1) as f64 * q).round() as usize];
            let sensitivity = sensitivity_at(&steps, *rate);
            let band = if values.is_empty() {
                Interval { lower: 0.0, upper: 1.0 }
            } else {
                Interval { lower: quantile(0.025), upper: quantile(0.975) }
            };
            RocPoint { false_positive_rate: *rate, sensitivity, band }
        })
        .collect()
}

fn precision_recall(outcome: &[bool], p: &[f64]) -> Vec<PrecisionPoint> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    let events = outcome.iter().filter(|y| **y).count() as f64;
    let (mut found, mut seen) = (0.0, 0.0);
    let tied = order.chunk_by(|a, b| p[*a] == p[*b]);
    tied.map(|tied| {
        found += tied.iter().filter(|r| outcome[**r]).count() as f64;
        seen += tied.len() as f64;
        PrecisionPoint { recall: found / events, precision: found / seen }
    })
    .collect()
}

/// Groups of as nearly the same number of patients as can be, by rising probability; ties stay together.
fn bins(outcome: &[bool], p: &[f64]) -> Vec<CalibrationBin> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let count = BINS.min(p.len() / LEAST_IN_BIN).max(1);
    let mut groups: Vec<Vec<usize>> = vec![Vec::new()];
    for tied in order.chunk_by(|a, b| p[*a] == p[*b]) {
        let so_far: usize = groups.iter().map(Vec::len).sum();
        if so_far * count >= groups.len() * p.len() && groups.len() < count {
            groups.push(Vec::new());
        }
        if let Some(last) = groups.last_mut() {
            last.extend(tied);
        }
    }
    let bin = |rows: &Vec<usize>| {
        let (patients, events) = (rows.len(), rows.iter().filter(|r| outcome[**r]).count());
        CalibrationBin {
            patients,
            events,
            predicted: rows.iter().map(|r| p[*r]).sum::<f64>() / patients as f64,
            observed: events as f64 / patients as f64,
            interval: wilson_interval(events as u64, patients as u64, CONFIDENCE),
        }
    };
    groups.iter().filter(|rows| !rows.is_empty()).map(bin).collect()
}

/// The probability at which sensitivity and specificity add up to most; the highest of several.
fn youden(outcome: &[bool], p: &[f64]) -> f64 {
    let mut candidates = p.to_vec();
    candidates.sort_by(|a, b| b.total_cmp(a));
    candidates.dedup();
    let index = |t: &f64| {
        let c = Confusion::at(outcome, p, *t);
        c.sensitivity() + c.specificity()
    };
    let mut best = (f64::NEG_INFINITY, 0.5);
    for t in candidates {
        let value = index(&t);
        if value > best.0 + 1e-12 {
            best = (value, t);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The twenty cases of REFERENCE 4.5.
    const OUTCOME: &str = "10110010101001100101";
    const P: [f64; 20] = [
        0.91, 0.12, 0.66, 0.75, 0.42, 0.35, 0.58, 0.61, 0.83, 0.22, 0.49, 0.50, 0.15, 0.71, 0.38, 0.27, 0.66, 0.94,
        0.05, 0.55,
    ];

    #[test]
    fn curves_and_numbers_say_the_same() {
        let y: Vec<bool> = OUTCOME.chars().map(|c| c == '1').collect();
        let shown = Performance::of(&y, &P, 1).unwrap();
        assert!((shown.auc - 0.885).abs() < 1e-12);
        // The area under the steps is the AUC.
        let steps = roc_steps(&y, &P);
        let area: f64 = steps.windows(2).map(|w| (w[1].0 - w[0].0) * f64::midpoint(w[0].1, w[1].1)).sum();
        assert!((area - shown.auc).abs() < 1e-12, "{area}");
        assert!(shown.roc.iter().all(|r| r.band.lower <= r.band.upper && r.band.upper <= 1.0));
        assert_eq!((shown.roc[0].false_positive_rate, shown.roc[ROC_STEPS].sensitivity), (0.0, 1.0));
        assert!((shown.scaled_brier - (1.0 - 0.142175 / 0.25)).abs() < 1e-12);
        assert_eq!(
            shown.bins.iter().map(|b| (b.patients, b.events)).collect::<Vec<_>>(),
            [(5, 0), (5, 2), (5, 3), (5, 5)]
        );
        assert_eq!(shown.precision_recall.last().unwrap().recall, 1.0);
        let half = &shown.thresholds[0];
        assert_eq!((half.true_positive, half.false_positive, half.false_negative, half.true_negative), (8, 3, 2, 7));
        assert_eq!((half.ppv.k, half.ppv.n, half.npv.k, half.npv.n), (8, 11, 7, 9));
        let best = shown.thresholds[2].threshold;
        let index = |t: f64| Confusion::at(&y, &P, t).sensitivity() + Confusion::at(&y, &P, t).specificity();
        assert!(P.iter().all(|t| index(*t) <= index(best) + 1e-12));
        let at_half = shown.decision.iter().find(|d| d.threshold == 0.5).unwrap();
        assert!((at_half.model - 0.25).abs() < 1e-12 && at_half.all.abs() < 1e-12);
        assert_eq!(Performance::of(&[true, true], &[0.1, 0.2], 1), None);
    }
}
