//! Recurrence by station in a cohort of one's own: counts, what they are a share of, and from which initial stations they came.

use super::patient::PatientRecord;
use super::recurrence::{COVERED, Denominator, RecurrenceMap, StationRecurrence};
use super::store::{CohortAbout, Coverage};
use crate::structures::Station;

/// What a cohort says about recurrence by station.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedRecurrence {
    pub about: CohortAbout,
    pub patients: u64,
    /// Of whom it is not known whether they recurred; they count nowhere.
    pub unknown: u64,
    pub recurring: u64,
    /// Who recurred in stations that are not known: among the recurring, without an event.
    pub without_station: u64,
    /// Recurrences over all stations.
    pub events: u64,
    /// Patients who recurred in each station.
    counts: [u64; Station::COUNT],
    /// Patients whose initial disease was in each station, and of these those who recurred there.
    involved: [[u64; 2]; Station::COUNT],
    /// Patients whose CTV covered each station, and of these those who recurred there.
    covered: [[u64; 2]; Station::COUNT],
    /// By initial station and station of the recurrence: patients.
    pub from_to: [[u64; Station::COUNT]; Station::COUNT],
}

impl ObservedRecurrence {
    /// `coverage`: as far as features are computed.
    pub fn of(about: CohortAbout, patients: &[PatientRecord], coverage: &Coverage) -> Self {
        let mut observed = Self {
            about,
            patients: patients.len() as u64,
            unknown: 0,
            recurring: 0,
            without_station: 0,
            events: 0,
            counts: [0; Station::COUNT],
            involved: [[0; 2]; Station::COUNT],
            covered: [[0; 2]; Station::COUNT],
            from_to: [[0; Station::COUNT]; Station::COUNT],
        };
        for patient in patients {
            let stations = &patient.outcome.recurrence_stations;
            let recurred = patient.outcome.recurred.or((!stations.is_empty()).then_some(true));
            match recurred {
                None => {
                    observed.unknown += 1;
                    continue;
                }
                Some(false) => {}
                Some(true) => {
                    observed.recurring += 1;
                    observed.without_station += u64::from(stations.is_empty());
                }
            }
            observed.events += stations.len() as u64;
            for station in stations {
                observed.counts[station.index()] += 1;
            }
            for (n, share) in coverage.get(&patient.id).into_iter().flatten().enumerate() {
                if share.is_some_and(|share| share >= COVERED) {
                    observed.covered[n][0] += 1;
                    observed.covered[n][1] += u64::from(stations.iter().any(|station| station.index() == n));
                }
            }
            for initial in &patient.initial_stations {
                let row = initial.index();
                observed.involved[row][0] += 1;
                observed.involved[row][1] += u64::from(stations.contains(initial));
                for station in stations {
                    observed.from_to[row][station.index()] += 1;
                }
            }
        }
        observed
    }

    /// Patients of whom it is known whether they recurred.
    pub fn known(&self) -> u64 {
        self.patients - self.unknown
    }

    /// Patients with disease in a station before treatment, of whom it is known whether they recurred.
    pub fn involved(&self, station: Station) -> u64 {
        self.involved[station.index()][0]
    }

    /// The proportions, at a confidence such as 0.95.
    pub fn map(&self, denominator: Denominator, confidence: f64) -> RecurrenceMap {
        let stations = Station::all()
            .map(|station| {
                let count = self.counts[station.index()];
                let [involved, again] = self.involved[station.index()];
                let [covered, nevertheless] = self.covered[station.index()];
                let (k, n) = match denominator {
                    Denominator::Events => (count, self.events),
                    Denominator::RecurringPatients => (count, self.recurring),
                    Denominator::Patients => (count, self.known()),
                    Denominator::Involved => (again, involved),
                    Denominator::Covered => (nevertheless, covered),
                };
                StationRecurrence::new(station, k, n, confidence)
            })
            .collect();
        let simulated = if self.about.simulated { ", simulated" } else { "" };
        let source = format!("{}{simulated}", self.about.name);
        RecurrenceMap { denominator, confidence, source, stations }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patient_counts_once_a_station_and_the_unknown_nowhere() {
        let patient = |id: &str, recurred: Option<bool>, initial: &[Station], again: &[Station]| {
            let mut patient = PatientRecord { id: id.into(), ..PatientRecord::default() };
            patient.initial_stations = initial.iter().copied().collect();
            patient.outcome.recurred = recurred;
            patient.outcome.recurrence_stations = again.iter().copied().collect();
            patient
        };
        use Station::{S4R, S7, S10R};
        let patients = [
            patient("a", Some(true), &[S4R, S7], &[S4R, S10R]),
            patient("b", Some(true), &[S4R], &[]),
            patient("c", Some(false), &[S7], &[]),
            patient("d", None, &[S4R], &[]),
            // The stations say it.
            patient("e", None, &[], &[S10R]),
        ];
        let mut shares = [None; Station::COUNT];
        (shares[S10R.index()], shares[S4R.index()], shares[S7.index()]) = (Some(0.5), Some(0.49), Some(0.9));
        let coverage = [("a".to_owned(), shares), ("c".to_owned(), shares), ("d".to_owned(), shares)].into();
        let observed = ObservedRecurrence::of(CohortAbout::default(), &patients, &coverage);
        assert_eq!((observed.patients, observed.unknown, observed.recurring, observed.without_station), (5, 1, 3, 1));
        let map = |denominator| observed.map(denominator, 0.95);
        let of = |denominator, station: Station| (map(denominator).get(station).k, map(denominator).get(station).n);
        assert_eq!(of(Denominator::Events, S10R), (2, 3));
        assert_eq!(of(Denominator::RecurringPatients, S10R), (2, 3));
        assert_eq!(of(Denominator::Patients, S10R), (2, 4));
        assert_eq!(of(Denominator::Involved, S4R), (1, 2));
        assert_eq!(of(Denominator::Involved, S10R), (0, 0));
        assert_eq!(of(Denominator::Covered, S10R), (1, 2), "a and c; of d nothing is known");
        assert_eq!((of(Denominator::Covered, S4R), of(Denominator::Covered, S7)), ((0, 0), (0, 2)));
        assert_eq!(map(Denominator::Involved).get(S10R).percent_label(), "none");
        assert_eq!(observed.from_to[S7.index()][S4R.index()], 1);
        assert_eq!(observed.from_to[S4R.index()][S4R.index()], 1);
    }
}
