//! Area under the ROC curve and its uncertainty after DeLong.

use crate::survival::{Interval, two_sided_z};

/// Ranks from 1, ties share the middle of their ranks.
pub(super) fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        for r in &order[start..end] {
            ranks[*r] = (start + end + 1) as f64 / 2.0;
        }
        start = end;
    }
    ranks
}

/// Probability that an event has the higher score (ties count one half); `None` unless both classes occur.
pub fn auc(outcome: &[bool], score: &[f64]) -> Option<f64> {
    let events = outcome.iter().filter(|y| **y).count() as f64;
    let others = outcome.len() as f64 - events;
    if events == 0.0 || others == 0.0 {
        return None;
    }
    let sum: f64 = mid_ranks(score).iter().zip(outcome).filter(|(_, y)| **y).map(|(r, _)| r).sum();
    Some((sum - events * (events + 1.0) / 2.0) / (events * others))
}

/// An AUC with its standard error and Wald interval, clipped to 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AucEstimate {
    pub auc: f64,
    pub standard_error: f64,
    pub interval: Interval,
}

/// AUC with the standard error of DeLong, DeLong and Clarke-Pearson (1988), by mid-ranks (Sun and Xu 2014).
/// `None` unless each class occurs at least twice.
pub fn delong(outcome: &[bool], score: &[f64], confidence: f64) -> Option<AucEstimate> {
    let area = auc(outcome, score)?;
    let of = |class: bool| -> Vec<f64> {
        outcome.iter().zip(score).filter(|(y, _)| **y == class).map(|(_, s)| *s).collect()
    };
    let (positive, negative) = (of(true), of(false));
    let (m, n) = (positive.len() as f64, negative.len() as f64);
    if m < 2.0 || n < 2.0 {
        return None;
    }
    let all: Vec<f64> = positive.iter().chain(&negative).copied().collect();
    let (ranks, within_positive, within_negative) = (mid_ranks(&all), mid_ranks(&positive), mid_ranks(&negative));
    let variance = |values: Vec<f64>| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
    };
    let placements_positive = (0..positive.len()).map(|i| (ranks[i] - within_positive[i]) / n).collect();
    let placements_negative =
        (0..negative.len()).map(|j| 1.0 - (ranks[positive.len() + j] - within_negative[j]) / m).collect();
    let standard_error = (variance(placements_positive) / m + variance(placements_negative) / n).sqrt();
    let half = two_sided_z(confidence) * standard_error;
    let interval = Interval { lower: (area - half).max(0.0), upper: (area + half).min(1.0) };
    Some(AucEstimate { auc: area, standard_error, interval })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_class_alone_has_no_auc() {
        assert_eq!(auc(&[true, true], &[0.1, 0.2]), None);
        assert_eq!(auc(&[true, false], &[0.5, 0.5]), Some(0.5));
        assert_eq!(delong(&[true, false], &[0.5, 0.5], 0.95), None);
    }

    proptest! {
        #[test]
        fn the_auc_counts_pairs(rows in proptest::collection::vec((any::<bool>(), 0u8..6), 2..40)) {
            let outcome: Vec<bool> = rows.iter().map(|r| r.0).collect();
            let score: Vec<f64> = rows.iter().map(|r| f64::from(r.1)).collect();
            let (mut won, mut pairs) = (0.0, 0.0);
            for (a, sa) in outcome.iter().zip(&score) {
                for (b, sb) in outcome.iter().zip(&score) {
                    if *a && !*b {
                        pairs += 1.0;
                        won += if sa > sb { 1.0 } else if sa == sb { 0.5 } else { 0.0 };
                    }
                }
            }
            match auc(&outcome, &score) {
                Some(area) => prop_assert!((area - won / pairs).abs() < 1e-12),
                None => prop_assert_eq!(pairs, 0.0),
            }
        }
    }
}
