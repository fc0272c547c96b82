//! Small symmetric matrices: the inverse of a positive definite one.

use ndarray::Array2;

/// Below this share of its diagonal a pivot counts as zero: a column is then a sum of those before it.
const SINGULAR: f64 = 1e-10;

/// The inverse by Cholesky's decomposition, or the first column that depends on those before it.
pub fn inverse(matrix: &Array2<f64>) -> Result<Array2<f64>, usize> {
    let n = matrix.nrows();
    let mut lower = Array2::<f64>::zeros((n, n));
    for j in 0..n {
        let pivot = matrix[[j, j]] - (0..j).map(|k| lower[[j, k]].powi(2)).sum::<f64>();
        if pivot.is_nan() || pivot <= SINGULAR * matrix[[j, j]].abs() {
            return Err(j);
        }
        let root = pivot.sqrt();
        lower[[j, j]] = root;
        for i in j + 1..n {
            let rest = matrix[[i, j]] - (0..j).map(|k| lower[[i, k]] * lower[[j, k]]).sum::<f64>();
            lower[[i, j]] = rest / root;
        }
    }
    // The inverse of the triangle, and from it that of the whole.
    let mut triangle = Array2::<f64>::zeros((n, n));
    for j in 0..n {
        triangle[[j, j]] = 1.0 / lower[[j, j]];
        for i in j + 1..n {
            let sum: f64 = (j..i).map(|k| lower[[i, k]] * triangle[[k, j]]).sum();
            triangle[[i, j]] = -sum / lower[[i, i]];
        }
    }
    Ok(triangle.t().dot(&triangle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn an_inverse_gives_one_and_a_dependent_column_is_named() {
        let m = array![[4.0, 2.0, 0.6], [2.0, 3.0, 0.4], [0.6, 0.4, 1.0]];
        let one = m.dot(&inverse(&m).expect("positive definite"));
        for ((i, j), v) in one.indexed_iter() {
            assert!((v - f64::from(u8::from(i == j))).abs() < 1e-14, "{i} {j} {v}");
        }
        assert_eq!(inverse(&array![[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 1.0]]), Err(1));
    }
}
