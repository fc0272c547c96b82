//! Proportions with their uncertainty.

use super::normal::two_sided_z;

/// A two-sided interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    pub lower: f64,
    pub upper: f64,
}

/// Wilson's score interval of the proportion `k` of `n` (Wilson 1927, no continuity correction);
/// 0 to 1 for `n = 0`. It is never empty, also not for 0 of n.
///
/// # Panics
/// If `k > n`.
pub fn wilson_interval(k: u64, n: u64, confidence: f64) -> Interval {
    assert!(k <= n, "{k} of {n} is no proportion");
    if n == 0 {
        return Interval { lower: 0.0, upper: 1.0 };
    }
    let (k, n, z2) = (k as f64, n as f64, two_sided_z(confidence).powi(2));
    let p = k / n;
    let center = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = (z2 * (p * (1.0 - p) / n + z2 / (4.0 * n * n))).sqrt() / (1.0 + z2 / n);
    // The ends are exact where rounding would leave 1e-17.
    Interval {
        lower: if k == 0.0 { 0.0 } else { (center - half).max(0.0) },
        upper: if k == n { 1.0 } else { (center + half).min(1.0) },
    }
}

/// Newcombe's interval (1998, method 10) of the difference of two proportions, the second less the first: from the Wilson
/// intervals of both.
///
/// # Panics
/// If a count exceeds its total.
pub fn difference_interval([k1, n1]: [u64; 2], [k2, n2]: [u64; 2], confidence: f64) -> Interval {
    let share = |k: u64, n: u64| if n > 0 { k as f64 / n as f64 } else { 0.5 };
    let (p1, p2) = (share(k1, n1), share(k2, n2));
    let (first, second) = (wilson_interval(k1, n1, confidence), wilson_interval(k2, n2, confidence));
    let difference = p2 - p1;
    Interval {
        lower: difference - (p2 - second.lower).hypot(first.upper - p1),
        upper: difference + (second.upper - p2).hypot(p1 - first.lower),
    }
}

/// Fisher's exact test, two-sided: the probability of tables with these margins that are no more likely than this one.
///
/// # Panics
/// If a count exceeds its total.
pub fn fisher_exact([k1, n1]: [u64; 2], [k2, n2]: [u64; 2]) -> f64 {
    assert!(k1 <= n1 && k2 <= n2, "{k1} of {n1} and {k2} of {n2} are no proportions");
    let ln_choose = |n: u64, k: u64| -> f64 { (1..=k).map(|i| ((n - k + i) as f64 / i as f64).ln()).sum() };
    let with = k1 + k2;
    let whole = ln_choose(n1 + n2, with);
    let likely = |k: u64| (ln_choose(n1, k) + ln_choose(n2, with - k) - whole).exp();
    let this = likely(k1);
    let range = with.saturating_sub(n2)..=with.min(n1);
    // As likely, give or take rounding.
    range.map(likely).filter(|p| *p <= this * (1.0 + 1e-7)).sum::<f64>().min(1.0)
}

/// P values of several tests, raised so that any of them below a level errs with no more than that (Holm 1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let (mut adjusted, mut least) = (vec![0.0; p.len()], 0.0_f64);
    for (rank, n) in order.into_iter().enumerate() {
        least = least.max((p[n] * (p.len() - rank) as f64).min(1.0));
        adjusted[n] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    // scipy 1.x: fisher_exact([[6, 80], [24, 64]]), fisher_exact([[0, 10], [3, 9]]), fisher_exact([[8, 2], [1, 5]]);
    // statsmodels: confint_proportions_2indep(24, 88, 6, 86, method="newcomb"), multipletests(p, method="holm")
    #[test]
    fn comparisons_of_two_proportions_are_those_of_scipy_and_statsmodels() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} {b}");
        near(fisher_exact([6, 86], [24, 88]), 0.000495876);
        near(fisher_exact([0, 10], [3, 12]), 0.220779221);
        near(fisher_exact([8, 10], [1, 6]), 0.034965035);
        assert_eq!(fisher_exact([0, 5], [0, 7]), 1.0);
        let interval = difference_interval([6, 86], [24, 88], 0.95);
        near(interval.lower, 0.092322426);
        near(interval.upper, 0.310742222);
        assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]);
        assert!(holm(&[]).is_empty());
    }
}
