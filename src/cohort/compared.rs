//! Two recurrence maps side by side: differences by station, tested where the shares are shares of patients.

use super::recurrence::{Denominator, RecurrenceMap};
use crate::structures::Station;
use crate::survival::{Interval, difference_interval, fisher_exact, holm};

/// The share of the second map less that of the first, in a station.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StationDifference {
    pub station: Station,
    /// `None` where one of them has nobody to share among.
    pub difference: Option<f64>,
    /// Newcombe's interval from the two Wilson intervals.
    pub interval: Interval,
    /// Fisher's exact test; `None` for shares of events, which are not independent.
    pub p: Option<f64>,
    /// Raised for the tests of all stations by Holm's way.
    pub p_adjusted: Option<f64>,
}

/// Station by station, the second map less the first; both have the same denominator.
pub fn differences(first: &RecurrenceMap, second: &RecurrenceMap) -> Vec<StationDifference> {
    let pairs: Vec<([u64; 2], [u64; 2])> =
        first.stations.iter().zip(&second.stations).map(|(a, b)| ([a.k, a.n], [b.k, b.n])).collect();
    let is_tested = first.denominator != Denominator::Events;
    let p: Vec<f64> = pairs.iter().map(|(a, b)| fisher_exact(*a, *b)).collect();
    let adjusted = holm(&p);
    Station::all()
        .zip(&pairs)
        .enumerate()
        .map(|(n, (station, (a, b)))| {
            let share = |[k, n]: [u64; 2]| (n > 0).then(|| k as f64 / n as f64);
            StationDifference {
                station,
                difference: share(*b).zip(share(*a)).map(|(b, a)| b - a),
                interval: difference_interval(*a, *b, first.confidence),
                p: is_tested.then_some(p[n]),
                p_adjusted: is_tested.then_some(adjusted[n]),
            }
        })
        .collect()
}
