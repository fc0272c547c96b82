//! How unlike the training patients a patient is: the mean distance to the nearest of them, beside what it is among themselves.

/// Neighbours whose distances are averaged.
const NEIGHBOURS: usize = 5;
/// So large a share of the training patients lies nearer to the others than a patient who is called unlike them.
const LIMIT: f64 = 0.99;

/// The training patients on scales of their own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Familiarity {
    /// Standardised, `[patient][feature]`.
    rows: Vec<Vec<f64>>,
    means: Vec<f64>,
    scales: Vec<f64>,
    /// Mean distance of each training patient to the nearest others, ascending.
    among: Vec<f64>,
}

/// How unlike the training patients a patient is.
#[derive(Debug, Clone, PartialEq)]
pub struct Strangeness {
    /// Mean distance to the five nearest training patients, in standard deviations.
    pub distance: f64,
    /// Share of the training patients who are nearer to the others than that.
    pub rank: f64,
    /// Input that makes most of the distance to the nearest.
    pub feature: usize,
}

impl Strangeness {
    /// Farther out than 99 % of the training patients.
    pub fn is_out(&self) -> bool {
        self.rank > LIMIT
    }
}

impl Familiarity {
    pub fn of(rows: &[Vec<f64>]) -> Self {
        let features = rows.first().map_or(0, Vec::len);
        let n = rows.len() as f64;
        let means: Vec<f64> = (0..features).map(|f| rows.iter().map(|r| r[f]).sum::<f64>() / n).collect();
        let scales: Vec<f64> = (0..features)
            .map(|f| (rows.iter().map(|r| (r[f] - means[f]).powi(2)).sum::<f64>() / n).sqrt())
            .map(|s| if s > 1e-12 { s } else { 1.0 })
            .collect();
        let mut all = Self { rows: Vec::new(), means, scales, among: Vec::new() };
        all.rows = rows.iter().map(|row| all.scaled(row)).collect();
        all.among = (0..all.rows.len()).map(|n| all.nearest(&all.rows[n], Some(n)).0).collect();
        all.among.sort_by(f64::total_cmp);
        all
    }

    fn scaled(&self, row: &[f64]) -> Vec<f64> {
        row.iter().zip(&self.means).zip(&self.scales).map(|((v, m), s)| (v - m) / s).collect()
    }

    /// Mean distance to the nearest, leaving one out, and who the nearest is.
    fn nearest(&self, row: &[f64], without: Option<usize>) -> (f64, usize) {
        let distance = |other: &[f64]| row.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        let others = self.rows.iter().enumerate().filter(|(n, _)| Some(*n) != without);
        let mut all: Vec<(f64, usize)> = others.map(|(n, other)| (distance(other), n)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all.truncate(NEIGHBOURS);
        let mean = all.iter().map(|(d, _)| d).sum::<f64>() / all.len().max(1) as f64;
        (mean, all.first().map_or(0, |(_, n)| *n))
    }

    pub fn of_patient(&self, values: &[f64]) -> Strangeness {
        let row = self.scaled(values);
        let (distance, nearest) = self.nearest(&row, None);
        let nearer = self.among.iter().filter(|d| **d < distance).count();
        let rank = nearer as f64 / self.among.len().max(1) as f64;
        let apart = |f: &usize| self.rows.get(nearest).map_or(0.0, |other| (row[*f] - other[*f]).abs());
        let feature = (0..row.len()).max_by(|a, b| apart(a).total_cmp(&apart(b))).unwrap_or(0);
        Strangeness { distance, rank, feature }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_them_is_familiar_and_a_stranger_is_named_by_what_is_strange() {
        let rows: Vec<Vec<f64>> = (0..50).map(|n| vec![f64::from(n % 10), f64::from(n / 10) * 100.0]).collect();
        let known = Familiarity::of(&rows);
        let usual = known.of_patient(&[4.5, 200.0]);
        assert!(!usual.is_out(), "{usual:?}");
        let strange = known.of_patient(&[4.0, 5000.0]);
        assert!(strange.is_out() && strange.feature == 1 && strange.rank == 1.0, "{strange:?}");
        // Each value is in its range, but they never come together.
        let line: Vec<Vec<f64>> = (0..50).map(|n| vec![f64::from(n), f64::from(n)]).collect();
        assert!(Familiarity::of(&line).of_patient(&[2.0, 47.0]).is_out());
    }
}
