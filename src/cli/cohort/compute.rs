//! `hilum cohort compute`: the features of every case of a cohort, each by the way that a single case goes.

use super::patients::failure;
use crate::cli::failure::Failure;
use crate::cli::output::{self, Table, plural};
use crate::cli::terminal::Terminal;
use crate::cohort::CohortStore;
use crate::diunet;
use crate::workbench::CtvChoice;
use crate::workbench::cohort::{ComputeError, ComputeOptions, Contour, compute_features, features_csv};
use std::path::PathBuf;

/// Compute the features of the cases of a cohort; what has not changed since is not computed again
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum cohort compute lung.hilum-cohort
  hilum cohort compute lung.hilum-cohort --contour network --ctv proposed
  hilum cohort compute lung.hilum-cohort --csv features.csv

A case that fails is listed with its reason, and the others go on. What is done is kept when the command is stopped. A case is
computed again when its files, its clinical values, the options, the network or the definition of the features have changed.
The last column of a table of simulated patients, simulated, holds 1.

JSON keys:
  computed, kept, without_case  patients whose case was gone through (failed ones too), has not changed since, or is not there
  failed                        [{patient, reason}]")]
pub struct Compute {
    /// The cohort
    #[arg(value_name = "COHORT")]
    cohort: PathBuf,
    /// Who draws the stations of cases that have none
    #[arg(long, value_enum, default_value = "nobody", value_name = "WHO")]
    contour: Who,
    /// The CTV: the name of a structure, or "proposed"; without it the structures with role CTV
    #[arg(long, value_name = "NAME|proposed")]
    ctv: Option<CtvChoice>,
    /// Folder of the network, or the name of one that comes with the program
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Compute all of them again
    #[arg(long)]
    again: bool,
    /// Also write the features as a table: one row a patient
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Let --csv replace a file
    #[arg(long)]
    overwrite: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Who {
    Nobody,
    Network,
    Rules,
}

impl From<Who> for Contour {
    fn from(who: Who) -> Self {
        match who {
            Who::Nobody => Self::Nobody,
            Who::Network => Self::Network,
            Who::Rules => Self::Rules,
        }
    }
}

#[derive(serde::Serialize)]
struct Report {
    computed: usize,
    kept: usize,
    without_case: usize,
    failed: Vec<Failed>,
}

#[derive(serde::Serialize)]
struct Failed {
    patient: String,
    reason: String,
}

impl Compute {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        if let (Some(path), false) = (&self.csv, self.overwrite) {
            output::refuse_existing(path)?;
        }
        let options = ComputeOptions {
            contour: self.contour.into(),
            ctv: self.ctv.clone(),
            network: self.model.as_deref().map(diunet::network_folder),
            again: self.again,
        };
        let mut store = CohortStore::open(&self.cohort).map_err(failure)?;
        let done = compute_features(&mut store, &options, terminal, &mut |_, _| {}).map_err(|error| match error {
            ComputeError::Store(error) => failure(error),
            ComputeError::Network(error) => Failure::refused(error),
        })?;
        if done.stopped {
            let computed = done.computed;
            return Err(Failure::Stopped(format!(
                "the features of {} are kept; run the command again to go on",
                plural(computed, "case", "cases")
            )));
        }
        terminal.finish();
        let (patients, features) = (store.patients().map_err(failure)?, store.features().map_err(failure)?);
        if let Some(path) = &self.csv {
            let table = features_csv(&patients, &features).map_err(Failure::failed)?;
            output::write_file(path, &table, self.overwrite)?;
        }
        let failed = done.failed.into_iter().map(|(patient, reason)| Failed { patient, reason }).collect();
        let report = Report { computed: done.computed, kept: done.kept, without_case: done.without_case, failed };
        if self.json {
            output::print_json(&report)
        } else {
            output::print(&words(&report, features.values().filter(|f| f.values.is_ok()).count()))
        }
    }
}

/// `known`: patients with features.
fn words(report: &Report, known: usize) -> String {
    let mut text = format!(
        "{} gone through, {} unchanged since, {} without a case that is there; features are known of {known}\n",
        plural(report.computed, "case", "cases"),
        report.kept,
        plural(report.without_case, "patient", "patients")
    );
    if !report.failed.is_empty() {
        let mut table = Table::new(&["Patient", "Why there are no features"]);
        for failed in &report.failed {
            table.row([failed.patient.clone(), failed.reason.clone()]);
        }
        text.push_str(&table.to_string());
    }
    text
}
