//! Cumulative incidence where other events compete: the Aalen-Johansen estimate. One less Kaplan-Meier overstates recurrence
//! where patients die without one.

use super::kaplan_meier::{FollowUp, KaplanMeierError, check};
use super::normal::two_sided_z;
use super::proportion::Interval;

/// What ended the observation of a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Ending {
    Censored,
    /// The event of interest.
    Event,
    /// Another one after which the event of interest cannot be seen any more.
    Competing,
}

/// The incidence just after a time at which something happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IncidenceStep {
    pub time: f64,
    /// Under observation just before.
    pub at_risk: usize,
    pub events: usize,
    pub competing: usize,
    pub censored: usize,
    /// Probability that the event of interest has happened.
    pub incidence: f64,
    /// Of [`Self::incidence`] (delta method, Marubini and Valsecchi 1995).
    pub standard_error: f64,
}

/// A cumulative incidence.
#[derive(Debug, Clone, PartialEq)]
pub struct CumulativeIncidence {
    pub steps: Vec<IncidenceStep>,
}

impl CumulativeIncidence {
    /// Estimates it; censoring at the time of an event counts as just after it.
    ///
    /// # Errors
    /// No patient, or times that are no times.
    pub fn estimate(patients: &[(f64, Ending)]) -> Result<Self, KaplanMeierError> {
        let as_any: Vec<FollowUp> = patients
            .iter()
            .map(|(time, ending)| FollowUp { time: *time, event: *ending != Ending::Censored })
            .collect();
        check(&as_any)?;
        let mut sorted = patients.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut at_risk, mut survival, mut incidence) = (sorted.len(), 1.0, 0.0);
        // Sums over the times so far, so that the variance at each time takes one step:
        // Var F(t) = sum of [F(t) - F(i)]^2 a(i) + b(i) - 2 [F(t) - F(i)] c(i)
        let (mut a, mut fa, mut ffa, mut b, mut c, mut fc) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        let mut steps = Vec::new();
        for group in sorted.chunk_by(|a, b| a.0 == b.0) {
            let count = |wanted: Ending| group.iter().filter(|(_, ending)| *ending == wanted).count();
            let (events, competing) = (count(Ending::Event), count(Ending::Competing));
            let (n, d1, d) = (at_risk as f64, events as f64, (events + competing) as f64);
            let before: f64 = survival;
            incidence += before * d1 / n;
            survival *= 1.0 - d / n;
            // After the last patient nothing more happens, so that its infinite weight meets a difference of nothing.
            let weight = if d < n { d / (n * (n - d)) } else { 0.0 };
            let covariance = before * d1 / (n * n);
            a += weight;
            fa += incidence * weight;
            ffa += incidence * incidence * weight;
            b += before * before * d1 * (n - d1) / (n * n * n);
            c += covariance;
            fc += incidence * covariance;
            let variance = incidence * incidence * a - 2.0 * incidence * fa + ffa + b - 2.0 * (incidence * c - fc);
            steps.push(IncidenceStep {
                time: group[0].0,
                at_risk,
                events,
                competing,
                censored: group.len() - events - competing,
                incidence,
                standard_error: variance.max(0.0).sqrt(),
            });
            at_risk -= group.len();
        }
        Ok(Self { steps })
    }

    fn step_at(&self, time: f64) -> Option<&IncidenceStep> {
        self.steps[..self.steps.partition_point(|s| s.time <= time)].last()
    }

    /// Probability that the event of interest has happened up to and including `time`.
    pub fn at(&self, time: f64) -> f64 {
        self.step_at(time).map_or(0.0, |s| s.incidence)
    }

    pub fn standard_error_at(&self, time: f64) -> f64 {
        self.step_at(time).map_or(0.0, |s| s.standard_error)
    }

    /// Interval of [`Self::at`] on log(-log F); nothing to nothing before the first event.
    pub fn interval_at(&self, time: f64, confidence: f64) -> Interval {
        let (f, se) = (self.at(time), self.standard_error_at(time));
        if f <= 0.0 || f >= 1.0 {
            return Interval { lower: f, upper: f };
        }
        let width = two_sided_z(confidence) * se / (f * f.ln());
        Interval { lower: f.powf((-width).exp()), upper: f.powf(width.exp()) }
    }
}
