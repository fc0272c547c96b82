//! Logistic regression with a small ridge: the plain model that a forest has to beat.

use super::scores::logistic;
use ndarray::{Array1, Array2};

/// Strength of the ridge on standardised values: weak, but a separating value keeps a finite coefficient.
const RIDGE: f64 = 1.0;

/// A fitted model on standardised values.
#[derive(Debug, Clone)]
pub struct Logistic {
    means: Vec<f64>,
    scales: Vec<f64>,
    /// Intercept first.
    coefficients: Array1<f64>,
}

impl Logistic {
    /// Fits on `columns[feature][patient]` without gaps; `None` where no fit is found.
    pub fn fit(columns: &[&[f64]], outcome: &[bool]) -> Option<Self> {
        let n = outcome.len() as f64;
        let means: Vec<f64> = columns.iter().map(|c| c.iter().sum::<f64>() / n).collect();
        let scales: Vec<f64> = columns
            .iter()
            .zip(&means)
            .map(|(c, m)| (c.iter().map(|v| (v - m).powi(2)).sum::<f64>() / n).sqrt())
            .map(|s| if s > 1e-12 { s } else { 1.0 })
            .collect();
        let p = columns.len() + 1;
        let x = Array2::from_shape_fn((outcome.len(), p), |(i, j)| match j {
            0 => 1.0,
            j => (columns[j - 1][i] - means[j - 1]) / scales[j - 1],
        });
        let ridge = Array1::from_shape_fn(p, |j| if j == 0 { 0.0 } else { RIDGE });
        let mut b = Array1::<f64>::zeros(p);
        for _ in 0..100 {
            let q = x.dot(&b).mapv(logistic);
            let residual = Array1::from_shape_fn(outcome.len(), |i| f64::from(u8::from(outcome[i])) - q[i]);
            let gradient = x.t().dot(&residual) - &ridge * &b;
            let weighted = Array2::from_shape_fn(x.raw_dim(), |(i, j)| x[[i, j]] * q[i] * (1.0 - q[i]));
            let mut hessian = x.t().dot(&weighted);
            for j in 0..p {
                hessian[[j, j]] += ridge[j];
            }
            let step = solve(hessian, gradient)?;
            b += &step;
            if step.iter().all(|s| s.abs() < 1e-10) {
                return Some(Self { means, scales, coefficients: b });
            }
        }
        None
    }

    /// Probabilities of patients.
    pub fn predict(&self, columns: &[&[f64]]) -> Vec<f64> {
        let patients = columns.first().map_or(0, |c| c.len());
        (0..patients)
            .map(|i| {
                let terms = columns
                    .iter()
                    .enumerate()
                    .map(|(j, c)| self.coefficients[j + 1] * (c[i] - self.means[j]) / self.scales[j]);
                logistic(self.coefficients[0] + terms.sum::<f64>())
            })
            .collect()
    }
}

/// Gaussian elimination with pivots; `None` for a singular matrix.
fn solve(mut a: Array2<f64>, mut b: Array1<f64>) -> Option<Array1<f64>> {
    let n = b.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|i, j| a[[*i, k]].abs().total_cmp(&a[[*j, k]].abs()))?;
        if a[[pivot, k]].abs() < 1e-12 {
            return None;
        }
        for j in 0..n {
            a.swap([k, j], [pivot, j]);
        }
        b.swap(k, pivot);
        for i in k + 1..n {
            let factor = a[[i, k]] / a[[k, k]];
            for j in k..n {
                a[[i, j]] -= factor * a[[k, j]];
            }
            b[i] -= factor * b[k];
        }
    }
    for k in (0..n).rev() {
        let rest: f64 = (k + 1..n).map(|j| a[[k, j]] * b[j]).sum();
        b[k] = (b[k] - rest) / a[[k, k]];
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Golden values: sklearn.linear_model.LogisticRegression(C=1.0, tol=1e-12, max_iter=10000) of scikit-learn on the
    // standardised values (numpy, population standard deviation) of:
    //   x = np.array([[(7*i) % 11, (i*i) % 13] for i in range(24)], float); y = np.array([i % 3 == 0 or i > 19 for i in range(24)])
    #[test]
    fn probabilities_are_those_of_scikit_learn() {
        let a: Vec<f64> = (0..24).map(|i| f64::from(7 * i % 11)).collect();
        let b: Vec<f64> = (0..24).map(|i| f64::from(i * i % 13)).collect();
        let y: Vec<bool> = (0..24).map(|i| i % 3 == 0 || i > 19).collect();
        let p = Logistic::fit(&[&a, &b], &y).unwrap().predict(&[&a, &b]);
        for (i, expected) in [0.2347097159, 0.4831509516, 0.3635042698].into_iter().enumerate() {
            assert!((p[i] - expected).abs() < 1e-7, "{} is not {expected}", p[i]);
        }
    }

    #[test]
    fn a_constant_and_a_separating_value_do_no_harm() {
        let y: Vec<bool> = (0..20).map(|i| i > 9).collect();
        let separating: Vec<f64> = (0..20).map(f64::from).collect();
        let p = Logistic::fit(&[&separating, &[3.0; 20]], &y).unwrap().predict(&[&separating, &[3.0; 20]]);
        assert!(p[0] < 0.1 && p[19] > 0.9, "{p:?}");
    }
}
