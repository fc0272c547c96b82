//! Proportional hazards (Cox 1972): coefficients by Newton's method on the partial likelihood, ties by Efron or Breslow, the
//! three global tests, Harrell's C, and the test of proportionality by scaled Schoenfeld residuals (Grambsch and Therneau
//! 1994).

use super::chi_square::chi_square_p;
use super::concordance::{Concordance, concordance};
use super::kaplan_meier::{FollowUp, KaplanMeier, KaplanMeierError, check};
use super::normal::{two_sided_p, two_sided_z};
use super::proportion::Interval;
use super::symmetric;
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// How events at the same time are dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ties {
    #[default]
    Efron,
    Breslow,
}

/// One covariate in the fitted model.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Coefficient {
    /// Logarithm of the hazard ratio for one unit more.
    pub beta: f64,
    pub standard_error: f64,
}

impl Coefficient {
    pub fn hazard_ratio(self) -> f64 {
        self.beta.exp()
    }
    /// Wald statistic.
    pub fn z(self) -> f64 {
        self.beta / self.standard_error
    }
    /// Two-sided, of Wald's test.
    pub fn p(self) -> f64 {
        two_sided_p(self.z())
    }
    /// Wald's interval of the hazard ratio.
    pub fn interval(self, confidence: f64) -> Interval {
        let half = two_sided_z(confidence) * self.standard_error;
        Interval { lower: (self.beta - half).exp(), upper: (self.beta + half).exp() }
    }
}

/// A chi-square test.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct ChiSquareTest {
    pub chi_square: f64,
    pub degrees_of_freedom: usize,
    pub p: f64,
}

impl ChiSquareTest {
    fn new(chi_square: f64, degrees_of_freedom: usize) -> Self {
        Self { chi_square, degrees_of_freedom, p: chi_square_p(chi_square, degrees_of_freedom) }
    }
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct CoxModel {
    /// In the order of the columns.
    pub coefficients: Vec<Coefficient>,
    /// Covariance of the coefficients, p x p.
    pub covariance: Array2<f64>,
    pub patients: usize,
    pub events: usize,
    pub log_likelihood: f64,
    /// With all coefficients at nothing.
    pub log_likelihood_null: f64,
    pub likelihood_ratio: ChiSquareTest,
    pub wald: ChiSquareTest,
    pub score: ChiSquareTest,
    pub concordance: Concordance,
}

/// Why there is no model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CoxError {
    #[error(transparent)]
    FollowUp(#[from] KaplanMeierError),
    #[error("{}", crate::words::t("there is no event, so nothing can be said about hazards"))]
    NoEvents,
    #[error("covariates must be given for each of the {patients} patients, but there are {given} rows")]
    Lengths { patients: usize, given: usize },
    #[error("covariate {column} of patient {row} is no number; leave such patients out first")]
    NotANumber { row: usize, column: usize },
    #[error("covariate {0} is the same for everybody, or follows from those before it; leave it out")]
    Dependent(usize),
    #[error(
        "covariate {0} parts those with events from those without, so that its hazard ratio has no end; leave it out or merge its groups"
    )]
    Unbounded(usize),
    #[error("{}", crate::words::t("the fit did not settle; look for covariates that nearly follow from each other"))]
    NotSettled,
}

const MOST_STEPS: usize = 50;
/// Where the hazards of two patients differ by e to this power for one covariate alone, its coefficient has no end.
const UNBOUNDED: f64 = 15.0;

/// Patients from the last time to the first, covariates with mean 0 and deviation 1.
struct Ordered {
    times: Vec<f64>,
    events: Vec<bool>,
    x: Array2<f64>,
    ties: Ties,
}

/// The logarithm of the partial likelihood with its slope and the negative of its curvature.
struct Likelihood {
    log: f64,
    score: Array1<f64>,
    information: Array2<f64>,
}

impl Ordered {
    fn likelihood(&self, beta: &Array1<f64>) -> Likelihood {
        let p = beta.len();
        let mut sum = Likelihood { log: 0.0, score: Array1::zeros(p), information: Array2::zeros((p, p)) };
        self.each_event_time(beta, |_, deaths, means| {
            for row in deaths.rows {
                sum.log += self.x.row(*row).dot(beta);
                sum.score += &self.x.row(*row);
            }
            for mean in means {
                sum.log -= mean.total.ln();
                sum.score -= &mean.first;
                sum.information += &mean.second;
                for i in 0..p {
                    for j in 0..p {
                        sum.information[[i, j]] -= mean.first[i] * mean.first[j];
                    }
                }
            }
        });
        sum
    }

    /// Goes through the times of events, the last one first: who had them, and for each of the tied events the sum of the
    /// hazards of those at risk with the first two moments of the covariates under it.
    fn each_event_time(&self, beta: &Array1<f64>, mut f: impl FnMut(f64, &Deaths<'_>, &[Moments])) {
        let p = beta.len();
        let mut at_risk = Moments::zero(p);
        let rows: Vec<usize> = (0..self.times.len()).collect();
        for tied in rows.chunk_by(|a, b| self.times[*a] == self.times[*b]) {
            let mut dying = Moments::zero(p);
            let mut deaths = Vec::new();
            for row in tied {
                let x = self.x.row(*row);
                let hazard = x.dot(beta).exp();
                at_risk.add(&x.to_owned(), hazard);
                if self.events[*row] {
                    dying.add(&x.to_owned(), hazard);
                    deaths.push(*row);
                }
            }
            if deaths.is_empty() {
                continue;
            }
            let d = deaths.len();
            let means: Vec<Moments> = (0..d)
                .map(|n| {
                    let part = if self.ties == Ties::Efron { n as f64 / d as f64 } else { 0.0 };
                    at_risk.without(&dying, part).mean()
                })
                .collect();
            f(self.times[tied[0]], &Deaths { rows: &deaths }, &means);
        }
    }
}

struct Deaths<'a> {
    rows: &'a [usize],
}

/// Sum of hazards, and of covariates and their products weighed by them.
struct Moments {
    total: f64,
    first: Array1<f64>,
    second: Array2<f64>,
}

impl Moments {
    fn zero(p: usize) -> Self {
        Self { total: 0.0, first: Array1::zeros(p), second: Array2::zeros((p, p)) }
    }

    fn add(&mut self, x: &Array1<f64>, hazard: f64) {
        self.total += hazard;
        self.first.scaled_add(hazard, x);
        for i in 0..x.len() {
            for j in 0..x.len() {
                self.second[[i, j]] += hazard * x[i] * x[j];
            }
        }
    }

    fn without(&self, other: &Self, part: f64) -> Self {
        Self {
            total: self.total - part * other.total,
            first: &self.first - &(&other.first * part),
            second: &self.second - &(&other.second * part),
        }
    }

    fn mean(mut self) -> Self {
        self.first /= self.total;
        self.second /= self.total;
        self
    }
}

impl CoxModel {
    /// Fits the hazard ratios of covariates (patients x covariates).
    ///
    /// # Errors
    /// See [`CoxError`]; columns are counted from 1.
    pub fn fit(patients: &[FollowUp], covariates: ArrayView2<'_, f64>, ties: Ties) -> Result<Self, CoxError> {
        let (ordered, scale) = prepared(patients, covariates, ties)?;
        let p = scale.len();
        let mut beta = Array1::<f64>::zeros(p);
        let unbounded = |beta: &Array1<f64>, limit: f64| {
            let column = (0..p).find(|c| {
                let x = ordered.x.column(*c);
                let (least, most) = x.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
                (beta[*c] * (most - least)).abs() > limit
            });
            column.map(|c| CoxError::Unbounded(c + 1))
        };
        let null = ordered.likelihood(&beta);
        let mut now = ordered.likelihood(&beta);
        let score_inverse = symmetric::inverse(&null.information).map_err(|column| CoxError::Dependent(column + 1))?;
        let score = null.score.dot(&score_inverse.dot(&null.score));
        let mut settled = p == 0;
        for _ in 0..MOST_STEPS {
            // The likelihood of what has no end grows flat long before the limit is reached.
            let Ok(inverse) = symmetric::inverse(&now.information) else {
                return Err(unbounded(&beta, UNBOUNDED / 2.0).unwrap_or(CoxError::NotSettled));
            };
            if let Some(error) = unbounded(&beta, UNBOUNDED) {
                return Err(error);
            }
            let mut step = inverse.dot(&now.score);
            let mut next = ordered.likelihood(&(&beta + &step));
            // Newton's step may lead too far.
            for _ in 0..20 {
                if next.log.is_finite() && next.log >= now.log - 1e-12 * now.log.abs() {
                    break;
                }
                step *= 0.5;
                next = ordered.likelihood(&(&beta + &step));
            }
            beta += &step;
            now = next;
            if step.iter().all(|s| s.abs() < 1e-11) {
                settled = true;
                break;
            }
        }
        let inverse = symmetric::inverse(&now.information).map_err(|_| CoxError::NotSettled)?;
        if !settled {
            return Err(unbounded(&beta, UNBOUNDED / 2.0).unwrap_or(CoxError::NotSettled));
        }
        let wald = beta.dot(&now.information.dot(&beta));
        let risk: Vec<f64> = covariates.axis_iter(Axis(0)).map(|row| (&row * &(&beta / &scale)).sum()).collect();
        let covariance = Array2::from_shape_fn((p, p), |(i, j)| inverse[[i, j]] / (scale[i] * scale[j]));
        let coefficients = (0..p)
            .map(|c| Coefficient { beta: beta[c] / scale[c], standard_error: covariance[[c, c]].sqrt() })
            .collect();
        Ok(Self {
            coefficients,
            covariance,
            patients: patients.len(),
            events: patients.iter().filter(|p| p.event).count(),
            log_likelihood: now.log,
            log_likelihood_null: null.log,
            likelihood_ratio: ChiSquareTest::new(2.0 * (now.log - null.log), p),
            wald: ChiSquareTest::new(wald, p),
            score: ChiSquareTest::new(score, p),
            concordance: concordance(patients, &risk),
        })
    }

    /// Do the hazard ratios stay the same over time? One test a covariate, and the global one. Times are counted by one less
    /// the Kaplan-Meier estimate of all patients, as R and lifelines do by default.
    ///
    /// # Errors
    /// Those of [`Self::fit`].
    pub fn proportionality(
        &self,
        patients: &[FollowUp],
        covariates: ArrayView2<'_, f64>,
        ties: Ties,
    ) -> Result<(Vec<ChiSquareTest>, ChiSquareTest), CoxError> {
        let (ordered, scale) = prepared(patients, covariates, ties)?;
        let p = scale.len();
        let beta: Array1<f64> = self.coefficients.iter().zip(&scale).map(|(c, s)| c.beta * s).collect();
        let curve = KaplanMeier::estimate(patients)?;
        // The residual of an event: its covariates less what was to be expected, averaged over the tied ones.
        let mut residuals: Vec<(f64, Array1<f64>)> = Vec::new();
        ordered.each_event_time(&beta, |time, deaths, means| {
            let mut expected = Array1::<f64>::zeros(p);
            for mean in means {
                expected += &mean.first;
            }
            expected /= means.len() as f64;
            let g = 1.0 - curve.survival_at(time);
            residuals.extend(deaths.rows.iter().map(|row| (g, &ordered.x.row(*row) - &expected)));
        });
        let d = residuals.len() as f64;
        let mean = residuals.iter().map(|(g, _)| g).sum::<f64>() / d;
        let spread: f64 = residuals.iter().map(|(g, _)| (g - mean).powi(2)).sum();
        let mut sum = Array1::<f64>::zeros(p);
        for (g, residual) in &residuals {
            sum.scaled_add(g - mean, residual);
        }
        // With all events at one time there is no trend.
        let share = |numerator: f64| if spread > 0.0 { d * numerator / spread } else { 0.0 };
        // Of the scaled covariates.
        let covariance = Array2::from_shape_fn((p, p), |(i, j)| self.covariance[[i, j]] * scale[i] * scale[j]);
        let moved = covariance.dot(&sum);
        let each = (0..p).map(|c| ChiSquareTest::new(share(moved[c].powi(2) / covariance[[c, c]]), 1)).collect();
        Ok((each, ChiSquareTest::new(share(sum.dot(&moved)), p)))
    }
}

/// Orders and scales; gives the deviation of every covariate.
fn prepared(
    patients: &[FollowUp],
    covariates: ArrayView2<'_, f64>,
    ties: Ties,
) -> Result<(Ordered, Array1<f64>), CoxError> {
    check(patients)?;
    if covariates.nrows() != patients.len() {
        return Err(CoxError::Lengths { patients: patients.len(), given: covariates.nrows() });
    }
    if let Some(((row, column), _)) = covariates.indexed_iter().find(|(_, v)| !v.is_finite()) {
        return Err(CoxError::NotANumber { row: row + 1, column: column + 1 });
    }
    if !patients.iter().any(|p| p.event) {
        return Err(CoxError::NoEvents);
    }
    let mean = covariates.mean_axis(Axis(0)).expect("there are patients");
    let scale = covariates.std_axis(Axis(0), 0.0);
    if let Some(column) = (0..scale.len()).find(|c| scale[*c] <= 1e-12 * (1.0 + mean[*c].abs())) {
        return Err(CoxError::Dependent(column + 1));
    }
    let mut rows: Vec<usize> = (0..patients.len()).collect();
    rows.sort_by(|a, b| patients[*b].time.total_cmp(&patients[*a].time));
    let x = Array2::from_shape_fn((rows.len(), scale.len()), |(i, j)| (covariates[[rows[i], j]] - mean[j]) / scale[j]);
    let ordered = Ordered {
        times: rows.iter().map(|row| patients[*row].time).collect(),
        events: rows.iter().map(|row| patients[*row].event).collect(),
        x,
        ties,
    };
    Ok((ordered, scale))
}
