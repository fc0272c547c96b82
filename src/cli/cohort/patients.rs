//! `hilum cohort init`, `template`, `import`, `list`, `export` and `backup`: the patients of a clinic's own cohort.

use crate::cli::failure::Failure;
use crate::cli::output::{self, Table};
use crate::cohort::{CohortAbout, CohortStore, Column, PatientRecord, Sheet, StoreError};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use strum::IntoEnumIterator;

/// Problems that are printed one by one.
const LISTED: usize = 50;

pub fn failure(error: StoreError) -> Failure {
    match error {
        StoreError::Exists(_) | StoreError::Write { .. } | StoreError::Locked(_) => Failure::failed(error),
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
            let names: Vec<&str> = Column::iter().map(Column::name).collect();
            return output::write_file(path, (names.join(",") + "\n").as_bytes(), self.overwrite);
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
        let sheet = Sheet::read(&self.table).map_err(Failure::failed)?;
        let mut patients = sheet.patients().map_err(|problems| {
            let mut lines: Vec<String> = problems.iter().take(LISTED).map(ToString::to_string).collect();
            if problems.len() > LISTED {
                lines.push(format!("... and {} more", problems.len() - LISTED));
            }
            let count = problems.len();
            Failure::Refused(format!("{count} cells cannot be used, and nothing was imported:\n{}", lines.join("\n")))
        })?;
        let beside = self.table.parent().unwrap_or(Path::new("."));
        for patient in &mut patients {
            self.find_case(patient, beside);
        }
        let imported = store.import(&patients, self.update).map_err(failure)?;
        let without_case = patients.iter().filter(|p| !p.case.as_ref().is_some_and(|c| c.exists()));
        let report = ImportReport {
            added: imported.added,
            changed: imported.changed,
            unchanged: imported.unchanged,
            without_case: without_case.map(|p| p.id.clone()).collect(),
            extra: sheet.columns().iter().filter(|name| Column::named(name).is_none()).cloned().collect(),
        };
        if self.json {
            return output::print_json(&report);
        }
        let mut text = format!(
            "{} patients were added, {} changed, {} are as they were\n",
            report.added, report.changed, report.unchanged
        );
        if !report.without_case.is_empty() {
            let _infallible = writeln!(
                text,
                "{} have no case that is there: their features cannot be computed",
                report.without_case.len()
            );
        }
        if !report.extra.is_empty() {
            let _infallible = writeln!(text, "kept without a meaning of their own: {}", report.extra.join(", "));
        }
        output::print(&text)
    }

    /// A case lies where the table says, from its folder, or in the folder of the cases under the name of the patient.
    fn find_case(&self, patient: &mut PatientRecord, beside: &Path) {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        patient.case = match (&patient.case, &self.cases) {
            (Some(case), _) => Some(absolute(beside.join(case))),
            (None, Some(cases)) => Some(absolute(cases.join(&patient.id))).filter(|path| path.exists()),
            (None, None) => None,
        };
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

/// Columns in which something is kept.
fn kept() -> impl Iterator<Item = Column> {
    let dates = [Column::Start, Column::RecurrenceDate, Column::DeathDate, Column::LastContact];
    Column::iter().filter(move |column| !dates.contains(column))
}

impl List {
    pub fn run(&self) -> Result<(), Failure> {
        let store = CohortStore::open(&self.cohort).map_err(failure)?;
        let (about, patients) = (store.about().map_err(failure)?, store.patients().map_err(failure)?);
        let remark = store.remark().map_err(failure)?;
        if self.json {
            let row = |patient: &PatientRecord| {
                let cells = kept().map(|column| (column.name().to_owned(), patient.cell(column).into()));
                let extra = serde_json::json!(patient.extra);
                cells.chain([("extra".to_owned(), extra)]).collect()
            };
            let patients = patients.iter().map(row).collect();
            return output::print_json(&ListReport { name: about.name, simulated: about.simulated, remark, patients });
        }
        let shown: Vec<Column> = kept().filter(|c| patients.iter().any(|p| !p.cell(*c).is_empty())).collect();
        let mut table = Table::new(&shown.iter().map(|c| c.name()).collect::<Vec<_>>());
        for patient in &patients {
            table.row(shown.iter().map(|column| patient.cell(*column)).collect::<Vec<_>>());
        }
        let simulated = if about.simulated { ", simulated" } else { "" };
        let remark = remark.map_or_else(String::new, |text| format!("{text}\n"));
        output::print(&format!("{}{simulated}: {} patients\n{remark}{table}", about.name, patients.len()))
    }
}

/// Write the patients of a cohort as a table that can be imported again
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum cohort export lung.hilum-cohort -o patients.csv

Dates were turned into months when the patients were imported.")]
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
        let table = table(&patients).map_err(Failure::failed)?;
        output::write_file(&self.output, &table, self.overwrite)?;
        output::print(&format!("{} patients were written: {}\n", patients.len(), self.output.display()))
    }
}

fn table(patients: &[PatientRecord]) -> Result<Vec<u8>, csv::Error> {
    let mut extra: Vec<&String> = patients.iter().flat_map(|p| p.extra.keys()).collect();
    extra.sort();
    extra.dedup();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(kept().map(|column| column.name().to_owned()).chain(extra.iter().map(|name| (*name).clone())))?;
    for patient in patients {
        let of_extra = extra.iter().map(|name| patient.extra.get(*name).cloned().unwrap_or_default());
        writer.write_record(kept().map(|column| patient.cell(column)).chain(of_extra))?;
    }
    writer.into_inner().map_err(|e| e.into_error().into())
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
