//! Counts of recurrences by station, as proportions with Wilson intervals.

use crate::structures::Station;
use crate::survival::{Interval, wilson_interval};
use crate::words::t;
use std::collections::BTreeMap;

/// The published table.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedRecurrence {
    pub source: String,
    /// All recurrences; a patient can have several.
    pub events: u64,
    pub recurring_patients: u64,
    pub patients: u64,
    counts: BTreeMap<String, u64>,
}

/// Why a table of counts is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecurrenceError {
    #[error("the recurrence table cannot be read: {0}")]
    Unreadable(String),
    #[error("the recurrence table lacks station {0}")]
    MissingStation(Station),
    #[error("the recurrence table names \"{0}\", which is no station")]
    UnknownStation(String),
    #[error("the station counts add up to {sum}, but the table states {stated} events")]
    WrongSum { sum: u64, stated: u64 },
    #[error("{count} recurrences in station {station} are more than the {patients} recurring patients")]
    MoreThanPatients { station: Station, count: u64, patients: u64 },
}

impl PublishedRecurrence {
    /// The table of Shen et al. 2025 that comes with the program.
    pub fn built_in() -> Self {
        Self::parse(include_str!("../../assets/cohort/published_recurrence.toml"))
            .expect("the built-in table is tested")
    }

    /// Reads a table and checks that it is complete and adds up.
    pub fn parse(text: &str) -> Result<Self, RecurrenceError> {
        let table: Self = toml::from_str(text).map_err(|e| RecurrenceError::Unreadable(e.message().to_owned()))?;
        if let Some(name) = table.counts.keys().find(|name| name.parse::<Station>().is_err()) {
            return Err(RecurrenceError::UnknownStation(name.clone()));
        }
        for station in Station::all() {
            let count = *table.counts.get(station.label()).ok_or(RecurrenceError::MissingStation(station))?;
            if count > table.recurring_patients {
                let patients = table.recurring_patients;
                return Err(RecurrenceError::MoreThanPatients { station, count, patients });
            }
        }
        let sum = table.counts.values().sum();
        if sum != table.events {
            return Err(RecurrenceError::WrongSum { sum, stated: table.events });
        }
        Ok(table)
    }

    pub fn count(&self, station: Station) -> u64 {
        self.counts[station.label()]
    }

    /// The proportions, at a confidence such as 0.95; `None` for what was not published.
    pub fn map(&self, denominator: Denominator, confidence: f64) -> Option<RecurrenceMap> {
        let n = match denominator {
            Denominator::Events => self.events,
            Denominator::RecurringPatients => self.recurring_patients,
            Denominator::Patients => self.patients,
            Denominator::Involved | Denominator::Covered => return None,
        };
        let of = |station| StationRecurrence::new(station, self.count(station), n, confidence);
        let stations = Station::all().map(of).collect();
        Some(RecurrenceMap { denominator, confidence, source: self.source.clone(), stations })
    }
}

/// What the counts are a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumIter)]
pub enum Denominator {
    /// Of all recurrences: where do they lie?
    #[default]
    Events,
    /// Of the patients who recurred: how many had one here?
    RecurringPatients,
    /// Of all patients of whom it is known whether they recurred.
    Patients,
    /// Of the patients whose disease was in the station before treatment: how many had one there again?
    Involved,
    /// Of the patients whose CTV covered at least half of the station: how many had one there all the same?
    Covered,
}

/// Share of a station inside the CTV from which it counts as covered.
pub(super) const COVERED: f64 = 0.5;

impl Denominator {
    /// True where every station has a denominator of its own, which the publication does not tell.
    pub fn is_by_station(self) -> bool {
        matches!(self, Self::Involved | Self::Covered)
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Events => t("of all recurrences"),
            Self::RecurringPatients => t("of the patients who recurred"),
            Self::Patients => t("of all patients"),
            Self::Involved => t("of the patients with disease in the station before treatment"),
            Self::Covered => t("of the patients whose CTV covered at least half of the station"),
        }
    }

    /// What to keep in mind with it.
    pub fn note(self) -> &'static str {
        match self {
            Self::Events => t(
                "A patient can recur in several stations, so the events are not independent and the intervals are too narrow",
            ),
            Self::RecurringPatients => {
                t("Assumes at most one event per station and patient; the shares add up to more than 100 %")
            }
            Self::Patients => t(
                "Counts patients as recurred or not, however long they were followed; survival statistics take the time into account",
            ),
            Self::Involved => t("Every station has its own denominator, which may be small"),
            Self::Covered => t(
                "Every station has its own denominator, of patients with computed features; large tumors have large CTVs, so that it says nothing about the effect of covering a station",
            ),
        }
    }
}

/// One station of a map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StationRecurrence {
    pub station: Station,
    pub k: u64,
    pub n: u64,
    /// k / n.
    pub proportion: f64,
    /// Wilson score interval.
    pub interval: Interval,
}

impl StationRecurrence {
    /// `k` of `n`, with nothing known where `n` is 0.
    pub(super) fn new(station: Station, k: u64, n: u64, confidence: f64) -> Self {
        let proportion = if n > 0 { k as f64 / n as f64 } else { 0.0 };
        Self { station, k, n, proportion, interval: wilson_interval(k, n, confidence) }
    }

    /// Percent for a label; none at all is no zero risk, so 0 is written as the upper limit.
    pub fn percent_label(&self) -> String {
        if self.n == 0 {
            t("none").to_owned()
        } else if self.k == 0 {
            format!("< {:.1} %", 100.0 * self.interval.upper)
        } else {
            format!("{:.1} %", 100.0 * self.proportion)
        }
    }
}

/// Recurrence by station.
#[derive(Debug, Clone, PartialEq)]
pub struct RecurrenceMap {
    pub denominator: Denominator,
    pub confidence: f64,
    pub source: String,
    /// In canonical order.
    pub stations: Vec<StationRecurrence>,
}

impl RecurrenceMap {
    pub fn get(&self, station: Station) -> &StationRecurrence {
        &self.stations[station.index()]
    }

    /// The stations together: k, n, share.
    pub fn share(&self, stations: &[Station]) -> (u64, u64, f64) {
        let k = stations.iter().map(|s| self.get(*s).k).sum::<u64>();
        let n = self.stations[0].n;
        (k, n, k as f64 / n as f64)
    }
}
