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
