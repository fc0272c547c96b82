//! The standard normal distribution, to the last digits of a double.

use std::f64::consts::PI;

/// Probability of a standard normal value above `x >= 0`.
fn upper_tail(x: f64) -> f64 {
    let density = (-x * x / 2.0).exp() / (2.0 * PI).sqrt();
    if x < 3.0 {
        // 1/2 - phi(x) (x + x^3/3 + x^5/(3 5) + ...)
        let (mut term, mut sum, mut n) = (x, x, 1.0);
        while term > 1e-18 * sum {
            n += 2.0;
            term *= x * x / n;
            sum += term;
        }
        0.5 - density * sum
    } else {
        // Continued fraction of the Mills ratio: 1/(x + 1/(x + 2/(x + 3/...)))
        density / (1..=120).rev().fold(x, |tail, n| x + f64::from(n) / tail)
    }
}

/// Probability of a standard normal value up to `x`.
pub fn normal_cdf(x: f64) -> f64 {
    if x < 0.0 { upper_tail(-x) } else { 1.0 - upper_tail(x) }
}

/// Two-sided p value of a standard normal statistic.
pub fn two_sided_p(z: f64) -> f64 {
    (2.0 * upper_tail(z.abs())).min(1.0)
}

/// The value below which a standard normal lies with probability `p`; infinite at 0 and 1.
///
/// Acklam's rational approximation, then two Halley steps.
pub fn normal_quantile(p: f64) -> f64 {
    if !(p > 0.0 && p < 1.0) {
        return if p <= 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 6] = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 5] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0];
    let poly = |c: &[f64], x: f64| c.iter().fold(0.0, |sum, a| sum * x + a);
    let mut x = if p < 0.02425 {
        let q = (-2.0 * p.ln()).sqrt();
        poly(&C, q) / poly(&D, q)
    } else {
        let q = p - 0.5;
        q * poly(&A, q * q) / poly(&B, q * q)
    };
    for _ in 0..2 {
        let error = (upper_tail(-x) - p) * (2.0 * PI).sqrt() * (x * x / 2.0).exp();
        x -= error / (1.0 + x * error / 2.0);
    }
    x
}

/// The half width of a two-sided interval in standard deviations: 1.96 for a confidence of 0.95.
pub fn two_sided_z(confidence: f64) -> f64 {
    normal_quantile(0.5 + confidence / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (x, p) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-1.959_963_984_540_054, 0.025),
            (2.9, 0.998_134_186_699_615_8),
            (3.1, 0.999_032_396_786_781_7),
            (-6.0, 9.865_876_450_376_98e-10),
        ] {
            assert!((normal_cdf(x) / p - 1.0).abs() < 1e-12, "{x}: {}", normal_cdf(x));
        }
        assert!((two_sided_z(0.95) - 1.959_963_984_540_054).abs() < 1e-14);
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
    }

    #[test]
    fn quantile_inverts_the_distribution() {
        for n in 1..400 {
            let p = f64::from(n) / 400.0;
            assert!((normal_cdf(normal_quantile(p)) - p).abs() < 1e-14, "{p}");
        }
        assert!((normal_cdf(normal_quantile(1e-12)) / 1e-12 - 1.0).abs() < 1e-9);
    }
}
