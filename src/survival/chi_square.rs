//! The upper tail of the chi-square distribution.

/// Logarithm of the gamma function for `x > 0` (Lanczos, g = 7, nine terms; relative error below 1e-14).
fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const C: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + G + 0.5;
    let sum = C.iter().enumerate().skip(1).fold(C[0], |sum, (n, c)| sum + c / (x + n as f64));
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// Probability that a chi-square variable with so many degrees of freedom exceeds `x`: the regularised upper incomplete
/// gamma function Q(df/2, x/2), by its series below the mean and by its continued fraction (Lentz) above.
pub fn chi_square_p(x: f64, degrees_of_freedom: usize) -> f64 {
    if degrees_of_freedom == 0 || !x.is_finite() {
        return if x.is_nan() { f64::NAN } else { f64::from(u8::from(x <= 0.0)) };
    }
    if x <= 0.0 {
        return 1.0;
    }
    let (a, x) = (degrees_of_freedom as f64 / 2.0, x / 2.0);
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > 1e-17 * sum {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return (1.0 - scale * sum).clamp(0.0, 1.0);
    }
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut h = d;
    for n in 1..1000 {
        let an = -f64::from(n) * (f64::from(n) - a);
        b += 2.0;
        let nonzero = |v: f64| if v.abs() < TINY { TINY } else { v };
        d = 1.0 / nonzero(an * d + b);
        c = nonzero(b + an / c);
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    (scale * h).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::normal::two_sided_p;
    use super::*;

    #[test]
    fn one_and_two_degrees_are_known_exactly() {
        for n in 1..200 {
            let x = f64::from(n) / 8.0;
            assert!((chi_square_p(x, 1) / two_sided_p(x.sqrt()) - 1.0).abs() < 1e-11, "{x}");
            assert!((chi_square_p(x, 2) / (-x / 2.0).exp() - 1.0).abs() < 1e-12, "{x}");
            // Q(a + 1, x) = Q(a, x) + x^a e^-x / Gamma(a + 1)
            let step = (x / 2.0).powi(2) * (-x / 2.0).exp() / 2.0;
            assert!((chi_square_p(x, 6) - chi_square_p(x, 4) - step).abs() < 1e-13, "{x}");
        }
        assert_eq!((chi_square_p(0.0, 3), chi_square_p(-1.0, 3)), (1.0, 1.0));
    }
}
