//! Do survival curves differ? The log-rank test over k groups, stratified or not, and its version that weighs early events
//! more (Peto and Prentice).

use super::chi_square::chi_square_p;
use super::kaplan_meier::{FollowUp, KaplanMeierError, check};
use super::symmetric;
use ndarray::{Array1, Array2};

/// How much an event counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, strum::EnumIter)]
#[serde(rename_all = "kebab-case")]
pub enum LogRankWeight {
    /// All the same.
    #[default]
    Even,
    /// By the pooled Kaplan-Meier estimate just before it: early events more (rho = 1 of R's `survdiff`).
    Peto,
}

/// A group in the test.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct LogRankGroup {
    pub patients: usize,
    /// Weighted events.
    pub observed: f64,
    /// What they would be if the groups did not differ.
    pub expected: f64,
}

/// The result.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRank {
    pub groups: Vec<LogRankGroup>,
    /// Of observed less expected (hypergeometric), k x k.
    pub variance: Array2<f64>,
    pub chi_square: f64,
    /// Groups with any expected event, less one.
    pub degrees_of_freedom: usize,
    pub p: f64,
}

/// Why there is no test.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LogRankError {
    #[error(transparent)]
    FollowUp(#[from] KaplanMeierError),
    #[error("a comparison needs patients of at least two groups that were at risk when events happened")]
    OneGroup,
    #[error("groups and strata must be given for each of the {patients} patients, but there are {given}")]
    Lengths { patients: usize, given: usize },
}

/// Compares groups, numbered from 0 without gaps; with strata, within each of them.
///
/// # Errors
/// See [`LogRankError`].
pub fn log_rank(
    patients: &[FollowUp],
    groups: &[usize],
    strata: Option<&[usize]>,
    weight: LogRankWeight,
) -> Result<LogRank, LogRankError> {
    check(patients)?;
    for given in [Some(groups.len()), strata.map(<[usize]>::len)].into_iter().flatten() {
        if given != patients.len() {
            return Err(LogRankError::Lengths { patients: patients.len(), given });
        }
    }
    let k = groups.iter().max().map_or(0, |g| g + 1);
    let mut result = vec![LogRankGroup { patients: 0, observed: 0.0, expected: 0.0 }; k];
    for group in groups {
        result[*group].patients += 1;
    }
    let mut variance = Array2::<f64>::zeros((k, k));
    let stratum_of = |row: usize| strata.map_or(0, |s| s[row]);
    let mut rows: Vec<usize> = (0..patients.len()).collect();
    rows.sort_by(|a, b| stratum_of(*a).cmp(&stratum_of(*b)).then(patients[*a].time.total_cmp(&patients[*b].time)));
    for stratum in rows.chunk_by(|a, b| stratum_of(*a) == stratum_of(*b)) {
        let mut at_risk = vec![0.0; k];
        for row in stratum {
            at_risk[groups[*row]] += 1.0;
        }
        let mut survival = 1.0;
        for tied in stratum.chunk_by(|a, b| patients[*a].time == patients[*b].time) {
            let n: f64 = at_risk.iter().sum();
            let d = tied.iter().filter(|row| patients[**row].event).count() as f64;
            if d > 0.0 {
                let w = if weight == LogRankWeight::Peto { survival } else { 1.0 };
                for row in tied.iter().filter(|row| patients[**row].event) {
                    result[groups[*row]].observed += w;
                }
                // With one patient left nothing can vary.
                let common = if n > 1.0 { w * w * d * (n - d) / (n - 1.0) } else { 0.0 };
                for g in 0..k {
                    let share = at_risk[g] / n;
                    result[g].expected += w * d * share;
                    for h in 0..k {
                        let same = f64::from(u8::from(g == h));
                        variance[[g, h]] += common * share * (same - at_risk[h] / n);
                    }
                }
                survival *= 1.0 - d / n;
            }
            for row in tied {
                at_risk[groups[*row]] -= 1.0;
            }
        }
    }
    // The differences add up to nothing: one group follows from the others.
    let counted: Vec<usize> = (0..k).filter(|g| result[*g].expected > 0.0).collect();
    let Some((_, free)) = counted.split_last().filter(|(_, free)| !free.is_empty()) else {
        return Err(LogRankError::OneGroup);
    };
    let difference: Array1<f64> = free.iter().map(|g| result[*g].observed - result[*g].expected).collect();
    let part = Array2::from_shape_fn((free.len(), free.len()), |(i, j)| variance[[free[i], free[j]]]);
    let inverse = symmetric::inverse(&part).map_err(|_| LogRankError::OneGroup)?;
    let chi_square = difference.dot(&inverse.dot(&difference));
    let degrees_of_freedom = free.len();
    Ok(LogRank {
        groups: result,
        variance,
        chi_square,
        degrees_of_freedom,
        p: chi_square_p(chi_square, degrees_of_freedom),
    })
}
