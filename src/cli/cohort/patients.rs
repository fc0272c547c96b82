//! `hilum cohort init`, `template`, `import`, `list`, `export` and `backup`: the patients of a clinic's own cohort.

use crate::cli::failure::Failure;
use crate::cli::output::{self, Table, plural};
use crate::cohort::{
    CohortAbout, CohortStore, Column, ImportError, ImportRequest, PatientRecord, StoreError, import_table,
    patients_csv, template_csv,
};
use std::fmt::Write as _;
use std::path::PathBuf;
use strum::IntoEnumIterator;

/// Problems that are printed one by one.
const LISTED: usize = 50;

pub fn failure(error: StoreError) -> Failure {
    match error {
        // The words hold the reason already.
        StoreError::Write { .. } => Failure::Failed(error.to_string()),
        StoreError::Exists(_) | StoreError::Locked(_) | StoreError::Changed(_) => Failure::failed(error),
        StoreError::NoPatient(_) => Failure::Usage(error.to_string()),
        other => Failure::refused(other),
    }
}

/// Make an empty cohort
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum cohort init lung.hilum-cohort --name \"Small cell, 2019 to 2023\"

A cohort is one file with the patients and all that is computed of them. It holds what you import: use pseudonyms.")]
pub struct Init {
    /// The file to make
    #[arg(value_name = "COHORT")]
    cohort: PathBuf,
    /// What the cohort is
    #[arg(long, value_name = "TEXT")]
    name: String,
}

impl Init {
    pub fn run(&self) -> Result<(), Failure> {
        let about = CohortAbout { name: self.name.clone(), simulated: false };
        CohortStore::create(&self.cohort, &about).map_err(failure)?;
        output::print(&format!("an empty cohort was made: {}\n", self.cohort.display()))
    }
}

/// Print a table to fill in: the columns of clinical data and what their cells hold
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum cohort template
  hilum cohort template -o patients.csv

Columns may be left out, but for patient; further ones are kept and can be used in statistics. Cells that are empty, NA or unknown
are missing.")]
pub struct Template {
    /// Write an empty table
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    overwrite: bool,
}

impl Template {
    pub fn run(&self) -> Result<(), Failure> {
        if let Some(path) = &self.output {
            return output::write_file(path, &template_csv(), self.overwrite);
        }
        let mut table = Table::new(&["Column", "What its cells hold"]);
        for column in Column::iter() {
            table.row([column.name().to_owned(), column.description().to_owned()]);
        }
        output::print(&table.to_string())
    }
}

/// Read patients from a table of clinical data, all of them or none
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum cohort import lung.hilum-cohort patients.csv
  hilum cohort import lung.hilum-cohort patients.csv --cases /data/cases --update

`hilum cohort template` lists the columns. What cannot be is told by row and column, and then nothing is imported.

JSON keys:
  added, changed, unchanged  patients
  without_case               patients whose case is not known or not there
  extra                      columns that the program gives no meaning to; they are kept")]
pub struct Import {
    /// The cohort
    #[arg(value_name = "COHORT")]
    cohort: PathBuf,
    /// The table
    #[arg(value_name = "CSV")]
    table: PathBuf,
    /// Folder of the cases: one folder or file a patient, named as the patient
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// Replace what is known of patients that are in the cohort already
    #[arg(long)]
    update: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct ImportReport {
    added: usize,
    changed: usize,
    unchanged: usize,
    without_case: Vec<String>,
    extra: Vec<String>,
}

impl Import {
    pub fn run(&self) -> Result<(), Failure> {
        let mut store = CohortStore::open(&self.cohort).map_err(failure)?;
        let request = ImportRequest { table: self.table.clone(), cases: self.cases.clone(), update: self.update };
        let done = import_table(&mut store, &request).map_err(|error| match error {
            ImportError::Sheet(error) => Failure::failed(error),
            ImportError::Store(error) => failure(error),
            ImportError::Cells(problems) => {
                let mut lines: Vec<String> = problems.iter().take(LISTED).map(ToString::to_string).collect();
                if problems.len() > LISTED {
                    lines.push(format!("... and {} more", problems.len() - LISTED));
                }
                let cells = plural(problems.len(), "cell", "cells");
                Failure::Refused(format!("{cells} cannot be used, and nothing was imported:\n{}", lines.join("\n")))
            }
        })?;
        let report = ImportReport {
            added: done.counts.added,
            changed: done.counts.changed,
            unchanged: done.counts.unchanged,
            without_case: done.without_case,
            extra: done.extra,
        };
        if self.json {
            return output::print_json(&report);
        }
        let mut text = format!(
            "{} added, {} changed, {} unchanged\n",
            plural(report.added, "patient", "patients"),
            report.changed,
            report.unchanged
        );
        if !report.without_case.is_empty() {
            let _infallible = writeln!(
                text,
                "no case that is there, and so no features: {}",
                plural(report.without_case.len(), "patient", "patients")
            );
        }
        if !report.extra.is_empty() {
            let _infallible = writeln!(text, "kept without a meaning of their own: {}", report.extra.join(", "));
        }
        output::print(&text)
    }
}

/// List the patients of a cohort
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum cohort list lung.hilum-cohort
  hilum cohort list lung.hilum-cohort --json

JSON keys:
  name       what the cohort is
  simulated  made by the program, not observed
  remark     what stands behind the patients: the truth of simulated ones; null for others
  patients   [{patient, case, center, sex, age_years, t_stage, smoking_index, central, initial_stations, follow_up_months, died,
             recurred, recurrence_months, recurrence_stations, local_failure (texts, empty where nothing is known), extra
             {column: text}}]")]
pub struct List {
    /// The cohort
    #[arg(value_name = "COHORT")]
    cohort: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct ListReport {
    name: String,
    simulated: bool,
    remark: Option<String>,
    patients: Vec<serde_json::Map<String, serde_json::Value>>,
}

impl List {
    pub fn run(&self) -> Result<(), Failure> {
        let store = CohortStore::open(&self.cohort).map_err(failure)?;
        let (about, patients) = (store.about().map_err(failure)?, store.patients().map_err(failure)?);
        let remark = store.remark().map_err(failure)?;
        if self.json {
            let row = |patient: &PatientRecord| {
                let cells = Column::kept().map(|column| (column.name().to_owned(), patient.cell(column).into()));
                let extra = serde_json::json!(patient.extra);
                cells.chain([("extra".to_owned(), extra)]).collect()
            };
            let patients = patients.iter().map(row).collect();
            return output::print_json(&ListReport { name: about.name, simulated: about.simulated, remark, patients });
        }
        let shown: Vec<Column> = Column::kept().filter(|c| patients.iter().any(|p| !p.cell(*c).is_empty())).collect();
        let mut table = Table::new(&shown.iter().map(|c| c.name()).collect::<Vec<_>>());
        for patient in &patients {
            table.row(shown.iter().map(|column| patient.cell(*column)).collect::<Vec<_>>());
        }
        let simulated = if about.simulated { ", simulated" } else { "" };
        let remark = remark.map_or_else(String::new, |text| format!("{text}\n"));
        output::print(&format!(
            "{}{simulated}: {}\n{remark}{table}",
            about.name,
            plural(patients.len(), "patient", "patients")
        ))
    }
}

/// Write the patients of a cohort as a table that can be imported again
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum cohort export lung.hilum-cohort -o patients.csv

Dates were turned into months when the patients were imported. Of simulated patients the last column, simulated, holds 1; a cohort
into which they are imported is simulated, and observed patients are refused there.")]
pub struct Export {
    /// The cohort
    #[arg(value_name = "COHORT")]
    cohort: PathBuf,
    /// The table to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    overwrite: bool,
}

impl Export {
    pub fn run(&self) -> Result<(), Failure> {
        if !self.overwrite {
            output::refuse_existing(&self.output)?;
        }
        let store = CohortStore::open(&self.cohort).map_err(failure)?;
        let patients = store.patients().map_err(failure)?;
        let table = patients_csv(&patients).map_err(Failure::failed)?;
        output::write_file(&self.output, &table, self.overwrite)?;
        output::print(&format!(
            "{} written: {}\n",
            plural(patients.len(), "patient", "patients"),
            self.output.display()
        ))
    }
}

/// Copy a cohort as a whole while it may be in use
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum cohort backup lung.hilum-cohort -o lung-2026-11.hilum-cohort")]
pub struct Backup {
    /// The cohort
    #[arg(value_name = "COHORT")]
    cohort: PathBuf,
    /// The copy to make
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl Backup {
    pub fn run(&self) -> Result<(), Failure> {
        CohortStore::open(&self.cohort).and_then(|store| store.backup(&self.output)).map_err(failure)?;
        output::print(&format!("copied: {}\n", self.output.display()))
    }
}
