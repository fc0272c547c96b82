//! `hilum cohort map`: recurrences by station, as the Cohort workspace shows them.

use crate::cli::failure::Failure;
use crate::cli::output::{self, Table};
use crate::cohort::{Denominator, PublishedRecurrence, RecurrenceMap, inconsistencies};
use std::fmt::Write;

/// Show the published recurrences by station with Wilson intervals
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum cohort map
  hilum cohort map --share-of patients --json

JSON keys:
  source           where the counts come from
  share_of         events (all recurrences) or patients (those who recurred)
  confidence       of the intervals
  stations         in canonical order [{station, name, k, n, share, lower, upper}]
  note             what to keep in mind with this share
  inconsistencies  what does not add up in the publication [{title, reported, problem, treatment}]")]
pub struct Map {
    /// What the counts are a share of
    #[arg(long, value_enum, default_value = "events", value_name = "WHAT")]
    share_of: ShareOf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum ShareOf {
    Events,
    Patients,
}

#[derive(serde::Serialize)]
struct Report {
    source: String,
    share_of: ShareOf,
    confidence: f64,
    stations: Vec<Row>,
    note: &'static str,
    inconsistencies: Vec<Statement>,
}

#[derive(serde::Serialize)]
struct Row {
    station: &'static str,
    name: &'static str,
    k: u64,
    n: u64,
    share: f64,
    lower: f64,
    upper: f64,
}

#[derive(serde::Serialize)]
struct Statement {
    title: &'static str,
    reported: &'static str,
    problem: &'static str,
    treatment: &'static str,
}

impl Map {
    const CONFIDENCE: f64 = 0.95;

    pub fn run(&self) -> Result<(), Failure> {
        let denominator = match self.share_of {
            ShareOf::Events => Denominator::Events,
            ShareOf::Patients => Denominator::RecurringPatients,
        };
        let map = PublishedRecurrence::built_in().map(denominator, Self::CONFIDENCE);
        if self.json { output::print_json(&self.report(&map)) } else { output::print(&words(&map)) }
    }

    fn report(&self, map: &RecurrenceMap) -> Report {
        let stations = map.stations.iter().map(|s| Row {
            station: s.station.label(),
            name: s.station.name(),
            k: s.k,
            n: s.n,
            share: s.proportion,
            lower: s.interval.lower,
            upper: s.interval.upper,
        });
        let statements = inconsistencies().iter().map(|i| Statement {
            title: &i.title,
            reported: &i.reported,
            problem: &i.problem,
            treatment: &i.treatment,
        });
        Report {
            source: map.source.clone(),
            share_of: self.share_of,
            confidence: map.confidence,
            stations: stations.collect(),
            note: map.denominator.note(),
            inconsistencies: statements.collect(),
        }
    }
}

fn words(map: &RecurrenceMap) -> String {
    let mut table = Table::new(&["Station", "Name", ">Count", ">Share", ">95 % interval"]);
    for s in &map.stations {
        table.row([
            s.station.label().to_owned(),
            s.station.name().to_owned(),
            format!("{} of {}", s.k, s.n),
            s.percent_label(),
            format!("{:.1} to {:.1} %", 100.0 * s.interval.lower, 100.0 * s.interval.upper),
        ]);
    }
    let mut text = format!("Recurrences by station, share {}\n{}\n\n{table}", map.denominator.label(), map.source);
    let _infallible = writeln!(text, "\n{}\n\nWhat does not add up in the publication:", map.denominator.note());
    for i in inconsistencies() {
        let _infallible = writeln!(text, "- {}\n  Reported: {}\n  {} {}", i.title, i.reported, i.problem, i.treatment);
    }
    text
}
