//! The Kaplan-Meier estimate with Greenwood's variance.

use super::normal::two_sided_z;
use super::proportion::Interval;

/// One patient: time to the event or to the last contact.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FollowUp {
    /// In any unit, not negative.
    pub time: f64,
    /// False = censored.
    pub event: bool,
}

/// How the interval of a survival probability is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConfidenceTransform {
    /// On log S, the default of R's survival.
    #[default]
    Log,
    /// On log(-log S), the default of lifelines.
    LogLog,
    Plain,
}

/// The curve just after a time at which somebody had the event or was censored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KaplanMeierStep {
    pub time: f64,
    /// Under observation just before.
    pub at_risk: usize,
    pub events: usize,
    pub censored: usize,
    pub survival: f64,
    /// Greenwood's sum of d / (n (n - d)): the variance of log S.
    pub log_variance: f64,
}

/// Why there is no curve.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum KaplanMeierError {
    #[error("there is no patient to draw a survival curve from")]
    Empty,
    #[error("follow-up times must be numbers from 0 upward, but patient {row} has {time}")]
    BadTime { row: usize, time: f64 },
}

/// Refuses what no estimate can be made of.
pub(super) fn check(patients: &[FollowUp]) -> Result<(), KaplanMeierError> {
    if patients.is_empty() {
        return Err(KaplanMeierError::Empty);
    }
    match patients.iter().position(|p| !(p.time >= 0.0 && p.time.is_finite())) {
        Some(row) => Err(KaplanMeierError::BadTime { row: row + 1, time: patients[row].time }),
        None => Ok(()),
    }
}

/// A mean with its standard error.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct RestrictedMean {
    /// Mean time without the event up to the horizon: the area under the curve.
    pub mean: f64,
    pub standard_error: f64,
}

/// A Kaplan-Meier curve.
#[derive(Debug, Clone, PartialEq)]
pub struct KaplanMeier {
    pub steps: Vec<KaplanMeierStep>,
}

impl KaplanMeier {
    /// Estimates the curve; censoring at the time of an event counts as just after it.
    pub fn estimate(patients: &[FollowUp]) -> Result<Self, KaplanMeierError> {
        check(patients)?;
        let mut sorted = patients.to_vec();
        sorted.sort_by(|a, b| a.time.total_cmp(&b.time));
        let (mut survival, mut log_variance) = (1.0, 0.0);
        let mut at_risk = sorted.len();
        let mut steps = Vec::new();
        for group in sorted.chunk_by(|a, b| a.time == b.time) {
            let events = group.iter().filter(|p| p.event).count();
            let (n, d) = (at_risk as f64, events as f64);
            survival *= 1.0 - d / n;
            // After the last one at risk has had the event S is 0 and has no variance of its logarithm.
            log_variance += if d < n { d / (n * (n - d)) } else { f64::INFINITY };
            steps.push(KaplanMeierStep {
                time: group[0].time,
                at_risk,
                events,
                censored: group.len() - events,
                survival,
                log_variance,
            });
            at_risk -= group.len();
        }
        Ok(Self { steps })
    }

    /// The curve of the follow-up itself: who had the event counts as censored, and the other way round. Its median is that
    /// of the follow-up (reverse Kaplan-Meier, Schemper and Smith 1996).
    pub fn of_follow_up(patients: &[FollowUp]) -> Result<Self, KaplanMeierError> {
        Self::estimate(&patients.iter().map(|p| FollowUp { event: !p.event, ..*p }).collect::<Vec<_>>())
    }

    /// The number under observation just before `time`.
    pub fn at_risk(&self, time: f64) -> usize {
        self.steps.iter().find(|s| s.time >= time).map_or(0, |s| s.at_risk)
    }

    /// False after the last observation of a curve that has not come down to 0: what lies beyond nobody saw.
    pub fn is_observed(&self, time: f64) -> bool {
        self.steps.last().is_some_and(|last| time <= last.time || last.survival <= 0.0)
    }

    /// Restricted mean survival time; `None` where nobody was observed up to the horizon, so that the curve ends before it.
    pub fn restricted_mean(&self, horizon: f64) -> Option<RestrictedMean> {
        if !self.is_observed(horizon) {
            return None;
        }
        // The steps with the area under the curve from each to the next one, or to the horizon.
        let (mut at, mut height, mut areas) = (0.0, 1.0, Vec::new());
        for step in self.steps.iter().take_while(|s| s.time < horizon) {
            areas.push(height * (step.time - at));
            (at, height) = (step.time, step.survival);
        }
        areas.push(height * (horizon - at));
        let mean = areas.iter().sum();
        let (mut rest, mut variance) = (0.0, 0.0);
        for (step, area) in self.steps.iter().zip(areas.iter().skip(1)).rev() {
            rest += area;
            let (n, d) = (step.at_risk as f64, step.events as f64);
            if d < n {
                variance += rest * rest * d / (n * (n - d));
            }
        }
        Some(RestrictedMean { mean, standard_error: f64::sqrt(variance) })
    }

    fn step_at(&self, time: f64) -> Option<&KaplanMeierStep> {
        self.steps[..self.steps.partition_point(|s| s.time <= time)].last()
    }

    /// Probability of no event up to and including `time`.
    pub fn survival_at(&self, time: f64) -> f64 {
        self.step_at(time).map_or(1.0, |s| s.survival)
    }

    /// Greenwood's standard error of [`Self::survival_at`].
    pub fn standard_error_at(&self, time: f64) -> f64 {
        self.step_at(time).map_or(0.0, |s| if s.survival > 0.0 { s.survival * s.log_variance.sqrt() } else { 0.0 })
    }

    /// Interval of [`Self::survival_at`]; `None` once S is 0.
    pub fn interval_at(&self, time: f64, confidence: f64, transform: ConfidenceTransform) -> Option<Interval> {
        match self.step_at(time) {
            None => Some(Interval { lower: 1.0, upper: 1.0 }),
            Some(step) => Self::interval(step, two_sided_z(confidence), transform),
        }
    }

    fn interval(step: &KaplanMeierStep, z: f64, transform: ConfidenceTransform) -> Option<Interval> {
        let s = step.survival;
        if s <= 0.0 {
            return None;
        }
        if step.log_variance == 0.0 {
            return Some(Interval { lower: s, upper: s });
        }
        let width = z * step.log_variance.sqrt();
        let (lower, upper) = match transform {
            ConfidenceTransform::Log => (s * (-width).exp(), s * width.exp()),
            ConfidenceTransform::LogLog => {
                let scaled = width / s.ln();
                (s.powf((-scaled).exp()), s.powf(scaled.exp()))
            }
            ConfidenceTransform::Plain => (s - s * width, s + s * width),
        };
        Some(Interval { lower: lower.max(0.0), upper: upper.min(1.0) })
    }

    /// First time at which the curve is at most one half; the middle of the step if it runs exactly there.
    /// `None` if the curve stays above.
    pub fn median(&self) -> Option<f64> {
        let drops: Vec<&KaplanMeierStep> = self.steps.iter().filter(|s| s.events > 0).collect();
        let at = drops.iter().position(|s| s.survival <= 0.5 + 1e-12)?;
        if (drops[at].survival - 0.5).abs() <= 1e-12 {
            let end = drops.get(at + 1).copied().or(self.steps.last())?;
            return Some(f64::midpoint(drops[at].time, end.time));
        }
        Some(drops[at].time)
    }

    /// Interval of the median: where the limits of the curve reach one half (Brookmeyer and Crowley).
    /// A limit that never does is `None`.
    pub fn median_interval(&self, confidence: f64, transform: ConfidenceTransform) -> (Option<f64>, Option<f64>) {
        let z = two_sided_z(confidence);
        let first = |limit: fn(&Interval) -> f64| {
            self.steps.iter().filter(|s| s.events > 0).find_map(|s| {
                let interval = Self::interval(s, z, transform)?;
                (limit(&interval) <= 0.5).then_some(s.time)
            })
        };
        (first(|i| i.lower), first(|i| i.upper))
    }
}
