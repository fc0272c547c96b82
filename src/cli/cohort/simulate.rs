//! `hilum cohort simulate`: a cohort whose truth is known, with the margins of the published one.

use super::patients::failure;
use crate::cli::failure::Failure;
use crate::cli::output::{self, plural};
use crate::cli::terminal::Terminal;
use crate::cohort::{CohortStore, StoredFeatures, source_with};
use crate::dicom::{self, CtMeta, WriteCtError};
use crate::features::{FeatureDefinition, definition_sha256};
use crate::phantom::{PhantomConfig, generate};
use crate::progress::{Cancelled, Progress, Silent};
use crate::studies::simulated_cohort::{Margins, SimulatedCohort, SimulationError, TRUE_FEATURES, TRUTH, simulate};
use crate::workbench::{self, CaseImage};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Make a cohort of simulated patients whose truth is known
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum cohort simulate simulated.hilum-cohort --seed 1
  hilum cohort simulate small.hilum-cohort --seed 1 --patients 40 --cases cases

Anatomies and targets are synthetic, features are counted as on a real case, and what became of the patients is drawn from a
truth that is written into the cohort (`hilum cohort list` shows it). The numbers of patients are those of Shen et al. 2025:
133 of 180 men, 142 central tumors, 94 with recurrence, 170 recurrences over the stations, follow-up 36 months; for other numbers
of patients in proportion. The same seed gives the same cohort. Nothing in it was observed in a patient.

JSON keys:
  cohort        the file
  seed          of the draw
  margins       {patients, men, central, recurring, stations (patients with a recurrence in each, in the order of the stations),
                concurrent_chemoradiotherapy, mixed_pathology, paraneoplastic (SIADH, Lambert-Eaton, ectopic ACTH, anti-GABA),
                median_age_years, median_follow_up_months}
  events        recurrences over all stations
  hazard_ratio  of tumors of 5 cm or more, alone in Cox's model
  unusable      phantoms left out because their CTV touches no station or the scan shows too little
  surplus       phantoms left out because there were enough central or peripheral tumors
  truth         [{what, log_hazard}]
  true_features features that the truth acts through")]
pub struct Simulate {
    /// The file to make
    #[arg(value_name = "COHORT")]
    cohort: PathBuf,
    /// Seed of the draw
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Number of patients
    #[arg(long, value_name = "N", default_value_t = 180, value_parser = clap::value_parser!(u64).range(10..=100_000))]
    patients: u64,
    /// Write the case of every patient as DICOM, each into a folder of its own in this one
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct TruthRow {
    what: &'static str,
    log_hazard: f64,
}

#[derive(serde::Serialize)]
struct Report<'a> {
    cohort: String,
    seed: u64,
    margins: &'a Margins,
    events: usize,
    hazard_ratio: Option<f64>,
    unusable: usize,
    surplus: usize,
    truth: Vec<TruthRow>,
    true_features: [&'static str; TRUE_FEATURES.len()],
}

impl Simulate {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        output::refuse_existing(&self.cohort)?;
        if let Some(cases) = self.cases.as_deref().filter(|cases| cases.exists()) {
            return Err(Failure::Failed(format!(
                "the folder is there already and was left as it is; choose another one for the cases: {}",
                cases.display()
            )));
        }
        let margins = Margins::scaled(self.patients as usize);
        let mut cohort = simulate(&margins, self.seed, &PhantomConfig::population, terminal).map_err(refused)?;
        if let Some(cases) = &self.cases {
            write_cases(&mut cohort, cases, terminal)?;
        }
        let definition = definition_sha256(&FeatureDefinition::default());
        let patients: Vec<_> = cohort
            .patients
            .iter()
            .map(|p| {
                let source = source_with(&format!("phantom {}", p.phantom_seed), &p.record.clinical);
                let values = Ok(p.features.values.to_vec());
                (p.record.clone(), StoredFeatures { source, definition: definition.clone(), values })
            })
            .collect();
        let name = format!("{} simulated patients, seed {}", margins.patients, self.seed);
        CohortStore::create_simulated(&self.cohort, &name, &cohort.truth(), &patients).map_err(failure)?;
        terminal.finish();
        let report = Report {
            cohort: self.cohort.display().to_string(),
            seed: self.seed,
            margins: &margins,
            events: margins.events(),
            hazard_ratio: cohort.hazard_ratio,
            unusable: cohort.unusable,
            surplus: cohort.surplus,
            truth: TRUTH.iter().map(|t| TruthRow { what: t.what, log_hazard: t.log_hazard }).collect(),
            true_features: TRUE_FEATURES,
        };
        if self.json {
            return output::print_json(&report);
        }
        output::print(&format!(
            "{}, {} with recurrence, {} over the stations: {}\n{}\n",
            plural(margins.patients, "patient", "patients"),
            margins.recurring,
            plural(report.events, "recurrence", "recurrences"),
            report.cohort,
            cohort.truth()
        ))
    }
}

fn refused(error: SimulationError) -> Failure {
    match error {
        SimulationError::Cancelled(_) => Failure::Cancelled,
        SimulationError::TooFew(_) => Failure::Usage(error.to_string()),
        SimulationError::Unusable { .. } => Failure::failed(error),
    }
}

/// Writes the cases and tells the patients where they lie; a folder that was begun goes when it fails.
fn write_cases(cohort: &mut SimulatedCohort, folder: &Path, terminal: &Terminal) -> Result<(), Failure> {
    let folder = std::path::absolute(folder).map_err(Failure::failed)?;
    let done = AtomicUsize::new(0);
    let count = cohort.patients.len();
    let written: Result<(), Failure> = cohort.patients.par_iter_mut().try_for_each(|patient| {
        let case = folder.join(&patient.record.id);
        let stopped = |_: Cancelled| Failure::Cancelled;
        terminal.checkpoint().map_err(stopped)?;
        let phantom = generate(&PhantomConfig::population(patient.phantom_seed), &Silent).map_err(stopped)?;
        let meta = CtMeta::synthetic("Phantom", patient.phantom_seed, phantom.volume.grid.slices());
        dicom::write_ct_series(&phantom.volume, &meta, &case.join("ct"), &Silent).map_err(|error| match error {
            WriteCtError::Cancelled(_) => Failure::Cancelled,
            other => Failure::failed(other),
        })?;
        let image = CaseImage { volume: phantom.volume.clone(), meta: Arc::new(meta) };
        workbench::export(&image, &phantom.structures, &[], &case.join("structures.dcm"), false, false)
            .map_err(Failure::failed)?;
        patient.record.case = Some(case);
        terminal.report("Writing cases", done.fetch_add(1, Ordering::Relaxed) + 1, count);
        Ok(())
    });
    if written.is_err() {
        let _the_reason_is_told = std::fs::remove_dir_all(&folder);
    }
    written
}
