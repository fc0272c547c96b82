//! `hilum cohort map`: recurrences by station, published or of a cohort of one's own, alone or side by side.

use super::map_figure::MapFigure;
use super::patients::failure;
use crate::cli::analyze::png;
use crate::cli::failure::Failure;
use crate::cli::output::{self, Table, plural};
use crate::cohort::{
    CohortStore, Denominator, ObservedRecurrence, PublishedRecurrence, RecurrenceMap, StationDifference,
    StationRecurrence, differences, inconsistencies,
};
use crate::structures::Station;
use crate::survival::Interval;
use crate::workbench::cohort::definition;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Show recurrences by station with Wilson intervals: as published, or of a cohort
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum cohort map
  hilum cohort map lung.hilum-cohort --share-of involved
  hilum cohort map lung.hilum-cohort --beside published --share-of patients --json
  hilum cohort map lung.hilum-cohort --svg map.svg --png map.png --csv map.csv

The figures show the schematic of the window with cohort, centers, the day on which they were drawn, and counts; the table
has the same lines as comments (#), and of a simulated cohort a last column, simulated. The cohort keeps months and no dates of
treatment.

Two cohorts are compared by Fisher's exact test where the share is one of patients; p values are raised for sixteen tests by Holm's
way. Recurrences of one patient belong together, so that shares of events are not tested.

JSON keys:
  source           where the counts come from
  share_of         events (all recurrences), patients (those who recurred), all (all patients), involved (those with
                   disease in the station before treatment), or covered (those with features whose CTV covered at least half of
                   the station)
  confidence       of the intervals
  counts           null for the publication {patients, unknown (whether they recurred), recurring, without_station, events}
  stations         in canonical order [{station, name, k, n, share (null for 0 of 0), lower, upper}]
  beside           null without --beside {source, stations [{station, name, k, n, share, lower, upper}], differences [{station,
                   difference (of the second less the first), lower, upper, p (null for events), p_adjusted}]}
  initial          of a cohort: stations with disease before treatment, and where these patients recurred [{station, patients,
                   to [{station, patients}]}]
  note             what to keep in mind with this share
  inconsistencies  what does not add up in the publication [{title, reported, problem, treatment}]")]
pub struct Map {
    /// A cohort; without one the publication
    #[arg(value_name = "COHORT")]
    cohort: Option<String>,
    /// Another cohort beside it, or "published"
    #[arg(long, value_name = "COHORT|published", requires = "cohort")]
    beside: Option<String>,
    /// What the counts are a share of
    #[arg(long, value_enum, default_value = "events", value_name = "WHAT")]
    share_of: ShareOf,
    /// Write the schematic with the shares as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the schematic with the shares as PNG
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Write the shares as a table
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Replace these files if they are there
    #[arg(long)]
    overwrite: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum ShareOf {
    Events,
    Patients,
    All,
    Involved,
    Covered,
}

impl From<ShareOf> for Denominator {
    fn from(share: ShareOf) -> Self {
        match share {
            ShareOf::Events => Self::Events,
            ShareOf::Patients => Self::RecurringPatients,
            ShareOf::All => Self::Patients,
            ShareOf::Involved => Self::Involved,
            ShareOf::Covered => Self::Covered,
        }
    }
}

#[derive(serde::Serialize)]
struct Report {
    source: String,
    share_of: ShareOf,
    confidence: f64,
    counts: Option<Counts>,
    stations: Vec<Row>,
    beside: Option<Beside>,
    initial: Vec<Initial>,
    note: &'static str,
    inconsistencies: Vec<Statement>,
}

#[derive(serde::Serialize)]
struct Counts {
    patients: u64,
    unknown: u64,
    recurring: u64,
    without_station: u64,
    events: u64,
}

#[derive(serde::Serialize)]
struct Row {
    station: &'static str,
    name: &'static str,
    k: u64,
    n: u64,
    share: Option<f64>,
    lower: f64,
    upper: f64,
}

#[derive(serde::Serialize)]
struct Beside {
    source: String,
    stations: Vec<Row>,
    differences: Vec<Difference>,
}

#[derive(serde::Serialize)]
struct Difference {
    station: &'static str,
    difference: Option<f64>,
    lower: f64,
    upper: f64,
    p: Option<f64>,
    p_adjusted: Option<f64>,
}

#[derive(serde::Serialize)]
struct Initial {
    station: &'static str,
    patients: u64,
    to: Vec<To>,
}

#[derive(serde::Serialize)]
struct To {
    station: &'static str,
    patients: u64,
}

#[derive(serde::Serialize)]
struct Statement {
    title: &'static str,
    reported: &'static str,
    problem: &'static str,
    treatment: &'static str,
}

/// Where a map comes from.
enum Source {
    Published(PublishedRecurrence),
    Cohort { observed: Box<ObservedRecurrence>, centers: BTreeSet<String> },
}

const CONFIDENCE: f64 = 0.95;

impl Source {
    fn read(name: Option<&str>) -> Result<Self, Failure> {
        match name {
            None | Some("published") => Ok(Self::Published(PublishedRecurrence::built_in())),
            Some(path) => {
                let store = CohortStore::open(Path::new(path)).map_err(failure)?;
                let (about, patients) = (store.about().map_err(failure)?, store.patients().map_err(failure)?);
                let coverage = store.coverage(&definition()).map_err(failure)?;
                let centers = patients.iter().filter_map(|p| p.center.clone()).collect();
                Ok(Self::Cohort { observed: Box::new(ObservedRecurrence::of(about, &patients, &coverage)), centers })
            }
        }
    }

    fn map(&self, share: ShareOf) -> Result<RecurrenceMap, Failure> {
        match self {
            Self::Cohort { observed, .. } => Ok(observed.map(share.into(), CONFIDENCE)),
            Self::Published(table) => table.map(share.into(), CONFIDENCE).ok_or_else(|| {
                Failure::Refused(
                    "the publication does not say in which stations the disease of its patients was before treatment, nor which were covered; choose another share with --share-of"
                        .to_owned(),
                )
            }),
        }
    }

    /// What stands above a figure: what of, share, counts and centers, and when it was drawn.
    fn lines(&self, map: &RecurrenceMap) -> Vec<String> {
        let mut lines = vec![map.source.clone(), format!("Recurrences by station, share {}", map.denominator.label())];
        if let Self::Cohort { observed, centers } = self {
            lines.push(format!(
                "{}, {} recurred, {} in stations",
                plural(observed.patients as usize, "patient", "patients"),
                observed.recurring,
                plural(observed.events as usize, "recurrence", "recurrences")
            ));
            let centers: Vec<&str> = centers.iter().map(String::as_str).collect();
            let words = if centers.is_empty() { "not stated".to_owned() } else { centers.join(", ") };
            lines.push(format!("Centers: {words}"));
        }
        lines.push(format!("Drawn on {} by {}", chrono::Local::now().format("%Y-%m-%d"), crate::PROGRAM));
        lines
    }

    fn observed(&self) -> Option<&ObservedRecurrence> {
        match self {
            Self::Cohort { observed, .. } => Some(observed),
            Self::Published(_) => None,
        }
    }
}

fn row(s: &StationRecurrence) -> Row {
    Row {
        station: s.station.label(),
        name: s.station.name(),
        k: s.k,
        n: s.n,
        share: (s.n > 0).then_some(s.proportion),
        lower: s.interval.lower,
        upper: s.interval.upper,
    }
}

/// A difference for JSON.
fn difference(d: &StationDifference) -> Difference {
    Difference {
        station: d.station.label(),
        difference: d.difference,
        lower: d.interval.lower,
        upper: d.interval.upper,
        p: d.p,
        p_adjusted: d.p_adjusted,
    }
}

impl Map {
    pub fn run(&self) -> Result<(), Failure> {
        for path in [&self.svg, &self.png, &self.csv].into_iter().flatten().filter(|_| !self.overwrite) {
            output::refuse_existing(path)?;
        }
        let source = Source::read(self.cohort.as_deref())?;
        let map = source.map(self.share_of)?;
        self.write_figures(&source, &map)?;
        let beside = match &self.beside {
            None => None,
            Some(name) => Some(Source::read(Some(name))?.map(self.share_of)?),
        };
        let tells_publication =
            source.observed().is_none() || self.beside.as_deref().is_some_and(|name| name == "published");
        if self.json {
            output::print_json(&self.report(&source, &map, beside.as_ref(), tells_publication))
        } else {
            output::print(&words(&source, &map, beside.as_ref(), tells_publication))
        }
    }

    fn write_figures(&self, source: &Source, map: &RecurrenceMap) -> Result<(), Failure> {
        let simulated = source.observed().is_some_and(|o| o.about.simulated);
        let figure = MapFigure { map, lines: source.lines(map), simulated };
        if let Some(path) = &self.svg {
            output::write_file(path, figure.svg().as_bytes(), self.overwrite)?;
        }
        if let Some(path) = &self.png {
            output::write_file(path, &png(&figure.picture())?, self.overwrite)?;
        }
        if let Some(path) = &self.csv {
            output::write_file(path, &figure.csv().map_err(Failure::failed)?, self.overwrite)?;
        }
        Ok(())
    }

    fn report(
        &self,
        source: &Source,
        map: &RecurrenceMap,
        beside: Option<&RecurrenceMap>,
        tells_publication: bool,
    ) -> Report {
        let statements = inconsistencies().iter().filter(|_| tells_publication).map(|i| Statement {
            title: &i.title,
            reported: &i.reported,
            problem: &i.problem,
            treatment: &i.treatment,
        });
        Report {
            source: map.source.clone(),
            share_of: self.share_of,
            confidence: map.confidence,
            counts: source.observed().map(|o| Counts {
                patients: o.patients,
                unknown: o.unknown,
                recurring: o.recurring,
                without_station: o.without_station,
                events: o.events,
            }),
            stations: map.stations.iter().map(row).collect(),
            beside: beside.map(|other| Beside {
                source: other.source.clone(),
                stations: other.stations.iter().map(row).collect(),
                differences: differences(map, other).iter().map(difference).collect(),
            }),
            initial: source.observed().map(initial).unwrap_or_default(),
            note: map.denominator.note(),
            inconsistencies: statements.collect(),
        }
    }
}

/// Initial stations that any patient had, with the stations in which these recurred.
fn initial(observed: &ObservedRecurrence) -> Vec<Initial> {
    let involved = observed.map(Denominator::Involved, CONFIDENCE);
    let of = |station: Station| Initial {
        station: station.label(),
        patients: involved.get(station).n,
        to: Station::all()
            .map(|to| To { station: to.label(), patients: observed.from_to[station.index()][to.index()] })
            .filter(|to| to.patients > 0)
            .collect(),
    };
    Station::all().map(of).filter(|initial| initial.patients > 0).collect()
}

fn interval_words(interval: Interval) -> String {
    format!("{:.1} to {:.1} %", 100.0 * interval.lower, 100.0 * interval.upper)
}

fn words(source: &Source, map: &RecurrenceMap, beside: Option<&RecurrenceMap>, tells_publication: bool) -> String {
    let mut text = format!("Recurrences by station, share {}\n{}\n", map.denominator.label(), map.source);
    if let Some(o) = source.observed() {
        let _infallible = writeln!(
            text,
            "{}, {} of them recurred, with {} over the stations; not known whether they recurred: {}; recurred in unknown stations: {}",
            plural(o.patients as usize, "patient", "patients"),
            o.recurring,
            plural(o.events as usize, "recurrence", "recurrences"),
            o.unknown,
            o.without_station
        );
    }
    let mut titles = vec!["Station", "Name", ">Count", ">Share", ">95 % interval"];
    if let Some(other) = beside {
        let _infallible = writeln!(text, "beside: {}", other.source);
        titles.extend([">Beside", ">Share", ">Difference", ">95 % interval", ">p (Holm)"]);
    }
    let mut table = Table::new(&titles);
    let compared = beside.map(|other| differences(map, other));
    for (n, s) in map.stations.iter().enumerate() {
        let mut cells = vec![
            s.station.label().to_owned(),
            s.station.name().to_owned(),
            format!("{} of {}", s.k, s.n),
            s.percent_label(),
            interval_words(s.interval),
        ];
        if let (Some(other), Some(compared)) = (beside, &compared) {
            let (b, d) = (&other.stations[n], &compared[n]);
            cells.extend([
                format!("{} of {}", b.k, b.n),
                b.percent_label(),
                d.difference.map_or_else(String::new, |d| format!("{:+.1} %", 100.0 * d)),
                interval_words(d.interval),
                d.p_adjusted.map_or_else(|| "not tested".to_owned(), |p| format!("{p:.3}")),
            ]);
        }
        table.row(cells);
    }
    let _infallible = writeln!(text, "\n{table}\n{}", map.denominator.note());
    if let Some(observed) = source.observed() {
        let rows = initial(observed);
        if !rows.is_empty() {
            let _infallible = writeln!(
                text,
                "\nFrom the stations with disease before treatment to those of the recurrence, patients:"
            );
        }
        for row in rows {
            let to: Vec<String> = row.to.iter().map(|to| format!("{} {}", to.station, to.patients)).collect();
            let to = if to.is_empty() { "none".to_owned() } else { to.join(", ") };
            let _infallible = writeln!(text, "- {} ({}): {to}", row.station, row.patients);
        }
    }
    if tells_publication {
        let _infallible = writeln!(text, "\nWhat does not add up in the publication:");
        for i in inconsistencies() {
            let _infallible =
                writeln!(text, "- {}\n  Reported: {}\n  {} {}", i.title, i.reported, i.problem, i.treatment);
        }
    }
    text
}
