//! Does a published hazard ratio fit its interval and p value?

use super::normal::{two_sided_p, two_sided_z};

/// What follows from a hazard ratio and its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HazardRatioCheck {
    /// Standard error of the logarithm of the ratio, from the width of the interval.
    pub se_log: f64,
    /// Wald statistic.
    pub z: f64,
    /// Two-sided.
    pub p: f64,
    /// Middle of the interval on the logarithmic scale: the ratio itself, if it was rounded honestly.
    pub geometric_middle: f64,
}

/// Recomputes z and p of a hazard ratio from its Wald interval; `None` unless all are positive and in order.
pub fn check_hazard_ratio(ratio: f64, lower: f64, upper: f64, confidence: f64) -> Option<HazardRatioCheck> {
    if !(lower > 0.0 && lower < ratio && ratio < upper && upper.is_finite() && confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let se_log = (upper / lower).ln() / (2.0 * two_sided_z(confidence));
    let z = ratio.ln() / se_log;
    Some(HazardRatioCheck { se_log, z, p: two_sided_p(z), geometric_middle: (lower * upper).sqrt() })
}
