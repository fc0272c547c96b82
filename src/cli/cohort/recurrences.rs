//! `hilum cohort recurrences`: the recurrences of many patients together, from the files of `hilum recurrence --json`.

use crate::cli::failure::Failure;
use crate::cli::output::{self, Table, number, plural};
use crate::recurrence::{PatientRecurrence, Pattern, Spread, Summary, summarise};
use crate::structures::Station;
use std::path::{Path, PathBuf};

/// Count patterns and coverage over recurrences that were located one by one
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads what hilum recurrence --json printed, one file a recurrence. The station that counts is the confirmed one, else the
proposed. Coverage is what of the whole recurrent station lay inside the CTV of its plan (actual over standard).

Examples:
  hilum cohort recurrences located/*.json
  hilum cohort recurrences p1.json p2.json p3.json --json

JSON keys:
  recurrences     how many
  confirmed       of them with a station, or none, that was confirmed
  without_station in no station
  patterns        [{pattern (in_field, marginal, out_of_field), by_ctv, by_isodose (counts)}]
  ctv_percent     of the recurrent stations inside the CTV over all patients, null without any {n, min, q1, median, q3, max,
                  mean, values (ascending)}
  stations        with recurrences, in canonical order [{station, recurrences, ctv_percent {n, min, q1, median, q3, max, mean,
                  values}}]
  limits          the limits of the patterns in the files, each once [{in_field, out_of_field}]
  notes           what does not go together
  research_only   a sentence")]
pub struct Recurrences {
    /// Files of hilum recurrence --json
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is read of a file.
#[derive(serde::Deserialize)]
struct Located {
    station: LocatedStation,
    ctv: Option<Inside>,
    dose: Option<Inside>,
    coverage: Vec<Covered>,
    limits: Limits,
}

#[derive(serde::Deserialize)]
struct LocatedStation {
    proposed: Option<Station>,
    confirmed: Option<Station>,
    confirmed_none: bool,
}

#[derive(serde::Deserialize)]
struct Inside {
    pattern: Pattern,
}

#[derive(serde::Deserialize)]
struct Covered {
    station: Station,
    ctv_percent: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
struct Limits {
    in_field: f64,
    out_of_field: f64,
}

#[derive(serde::Serialize)]
struct Report {
    #[serde(flatten)]
    summary: Summary,
    limits: Vec<Limits>,
    notes: Vec<String>,
    research_only: &'static str,
}

impl Located {
    fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Failure::Failed(format!("a file cannot be read ({e}): {}", path.display())))?;
        serde_json::from_str(&text).map_err(|e| {
            Failure::Refused(format!(
                "this is no result of hilum recurrence --json ({e}); give the files that it printed: {}",
                path.display()
            ))
        })
    }

    fn patient(&self) -> PatientRecurrence {
        let confirmed = self.station.confirmed_none || self.station.confirmed.is_some();
        let station = if confirmed { self.station.confirmed } else { self.station.proposed };
        let coverage = self.coverage.iter().find(|c| Some(c.station) == station);
        PatientRecurrence {
            station,
            confirmed,
            by_ctv: self.ctv.as_ref().map(|c| c.pattern),
            by_isodose: self.dose.as_ref().map(|d| d.pattern),
            ctv_percent: coverage.and_then(|c| c.ctv_percent),
        }
    }
}

impl Recurrences {
    pub fn run(&self) -> Result<(), Failure> {
        let located = self.files.iter().map(|path| Located::read(path)).collect::<Result<Vec<_>, _>>()?;
        let patients: Vec<PatientRecurrence> = located.iter().map(Located::patient).collect();
        let mut limits: Vec<Limits> = Vec::new();
        for found in &located {
            if !limits.contains(&found.limits) {
                limits.push(found.limits);
            }
        }
        let summary = summarise(&patients);
        let mut notes = Vec::new();
        if limits.len() > 1 {
            notes.push("the patterns were told by different limits; locate all recurrences with the same".to_owned());
        }
        if summary.confirmed < summary.recurrences {
            let open = summary.recurrences - summary.confirmed;
            notes.push(format!("{open} of {} stations are proposals that nobody confirmed", summary.recurrences));
        }
        let report = Report { summary, limits, notes, research_only: crate::RESEARCH_ONLY };
        if self.json { output::print_json(&report) } else { output::print(&report.text()) }
    }
}

fn cells(spread: Option<&Spread>) -> [String; 5] {
    let of = |value: fn(&Spread) -> f64| number(spread.map(value), 1);
    [of(|s| s.min), of(|s| s.q1), of(|s| s.median), of(|s| s.q3), of(|s| s.max)]
}

impl Report {
    fn text(&self) -> String {
        let s = &self.summary;
        let mut text = format!(
            "{}, {} confirmed, {} in no station\n",
            plural(s.recurrences, "recurrence", "recurrences"),
            s.confirmed,
            s.without_station
        );
        let mut table = Table::new(&["Pattern", ">By CTV", ">By isodose"]);
        for row in &s.patterns {
            table.row([row.pattern.label().to_owned(), row.by_ctv.to_string(), row.by_isodose.to_string()]);
        }
        text.push_str(&table.to_string());
        for limits in &self.limits {
            text.push_str(&format!(
                "in field from {} % of the recurrence inside on, out of field below {} %\n",
                limits.in_field, limits.out_of_field
            ));
        }
        text.push_str("What of the recurrent station lay inside the CTV, %\n");
        let mut table = Table::new(&["Station", ">n", ">Min", ">Q1", ">Median", ">Q3", ">Max"]);
        for row in &s.stations {
            let mut line = vec![row.station.to_string(), row.recurrences.to_string()];
            line.extend(cells(row.ctv_percent.as_ref()));
            table.row(line);
        }
        let mut line = vec!["all".to_owned(), (s.recurrences - s.without_station).to_string()];
        line.extend(cells(s.ctv_percent.as_ref()));
        table.row(line);
        text.push_str(&table.to_string());
        for note in &self.notes {
            text.push_str(&format!("Note: {note}\n"));
        }
        text.push_str(&format!("{}\n", self.research_only));
        text
    }
}
