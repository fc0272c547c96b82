//! `hilum train risk`: the risk model from a cohort, by the paper's procedure and by the recommended one.

use super::cohort::failure as store_failure;
use super::failure::Failure;
use super::output::{self, Table};
use super::terminal::Terminal;
use crate::cohort::CohortStore;
use crate::phantom::PhantomConfig;
use crate::risk::{FlowRow, Performance, Procedure};
use crate::studies::simulated_cohort::{Margins, SimulationError, simulate};
use crate::studies::train_risk::{self, TrainRiskConfig, TrainRiskError};
use crate::studies::training_set::{Endpoint, Event, TrainingSet, TrainingSetError};
use crate::survival::Interval;
use std::path::PathBuf;

/// Train the risk model on a cohort, by the paper's procedure and by the recommended one
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --cohort the patients are simulated by the program (as `hilum cohort simulate` does). Both procedures are always run and
reported side by side; --procedure says whose forest is used. The folder then holds manifest.json, forest.json, training.json
(inputs and outcomes of the patients, without who they are), report.json, report.html and MODEL_CARD.md. The same cohort, options
and seeds give the same files.

With --horizon the event counts up to so many months. Patients without the event who were observed for less are left out, and
counted; who died before without the event counts as free of it.

Examples:
  hilum train risk -o models/risk
  hilum train risk -o my-risk --cohort lung.hilum-cohort --horizon 36
  hilum train risk -o /tmp/risk --patients 60 --repeats 1 --procedure paper

JSON keys:
  folder         where the model lies
  model_id, forest_sha256
  procedure      whose forest is used
  endpoint       what is predicted, in words
  patients, events   it was trained on
  flow           [{what, patients}] from the cohort to the table
  features       number of features that the model uses
  auc            of the procedure, as method says
  auc_interval   95 % {lower, upper}
  brier, accuracy
  accuracy_interval   95 % {lower, upper}
  method         how it was validated, in words
  provenance     what it was trained on
  nested_auc     of the recommended procedure, in nested cross-validation
  paper_auc      of the paper's procedure, on the held-out patients; null if they are all alike
  leaky_auc      with features selected on all patients before the folds
  true_features_kept   of simulated patients: features of the model through which the known truth acts")]
pub struct Risk {
    /// The model folder to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// The cohort to train on; its features must have been computed (`hilum cohort compute`)
    #[arg(long, value_name = "COHORT", conflicts_with_all = ["patients", "seed"])]
    cohort: Option<PathBuf>,
    /// Whose forest is used
    #[arg(long, value_enum, value_name = "WHICH", default_value = "recommended")]
    procedure: ProcedureArg,
    /// What is predicted
    #[arg(long, value_enum, value_name = "EVENT", default_value = "recurrence")]
    endpoint: EventArg,
    /// Count the event up to so many months only
    #[arg(long, value_name = "MONTHS", value_parser = months)]
    horizon: Option<f64>,
    /// Simulated patients
    #[arg(long, value_name = "N", default_value_t = 180, value_parser = clap::value_parser!(u64).range(10..=100_000))]
    patients: u64,
    /// Seed of the simulated cohort
    #[arg(long, value_name = "N", default_value_t = 2025)]
    seed: u64,
    /// Seed of folds and forests
    #[arg(long, value_name = "N", default_value_t = 1)]
    pipeline_seed: u64,
    /// Repeats of the outer cross-validation
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    repeats: Option<u64>,
    /// Let the model replace one that is in the folder
    #[arg(long)]
    overwrite: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ProcedureArg {
    Paper,
    Recommended,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum EventArg {
    Recurrence,
    LocalFailure,
}

fn months(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|months| (1.0..=600.0).contains(months))
        .ok_or_else(|| "a number of months from 1 to 600 is needed".to_owned())
}

#[derive(serde::Serialize)]
struct RiskReport {
    folder: String,
    model_id: String,
    forest_sha256: String,
    procedure: Procedure,
    endpoint: String,
    patients: usize,
    events: usize,
    flow: Vec<FlowRow>,
    features: usize,
    auc: f64,
    auc_interval: Interval,
    brier: f64,
    accuracy: f64,
    accuracy_interval: Interval,
    method: String,
    provenance: String,
    nested_auc: f64,
    paper_auc: Option<f64>,
    leaky_auc: f64,
    true_features_kept: Vec<String>,
}

impl Risk {
    fn set(&self, terminal: &Terminal) -> Result<TrainingSet, Failure> {
        let event = match self.endpoint {
            EventArg::Recurrence => Event::Recurrence,
            EventArg::LocalFailure => Event::LocalFailure,
        };
        let endpoint = Endpoint { event, horizon_months: self.horizon };
        let set = match &self.cohort {
            Some(path) => {
                let store = CohortStore::open(path).map_err(store_failure)?;
                TrainingSet::of_store(&store, endpoint)
            }
            None => {
                let margins = Margins::scaled(self.patients as usize);
                let cohort =
                    simulate(&margins, self.seed, &PhantomConfig::population, terminal).map_err(|e| match e {
                        SimulationError::Cancelled(_) => Failure::Cancelled,
                        other => Failure::failed(other),
                    })?;
                TrainingSet::of_simulated(&cohort, endpoint)
            }
        };
        set.map_err(|error| match error {
            TrainingSetError::Store(error) => store_failure(error),
            TrainingSetError::Table(error) => Failure::failed(error),
        })
    }

    fn there_already(&self) -> Failure {
        Failure::Failed(format!(
            "the folder holds a model already, which was left as it is; choose another one or add --overwrite: {}",
            self.output.display()
        ))
    }

    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        train_risk::check_folder(&self.output, self.overwrite).map_err(|_| self.there_already())?;
        output::make_folder(&self.output)?;
        let set = self.set(terminal)?;
        let procedure = match self.procedure {
            ProcedureArg::Paper => Procedure::Paper,
            ProcedureArg::Recommended => Procedure::Recommended,
        };
        let mut config = TrainRiskConfig { procedure, ..TrainRiskConfig::default() };
        config.pipeline.seed = self.pipeline_seed;
        config.paper.seed = self.pipeline_seed;
        config.pipeline.repeats = self.repeats.map_or(config.pipeline.repeats, |r| r as usize);
        let flow = || set.flow.iter().map(|f| format!("{} {}", f.patients, f.what)).collect::<Vec<_>>().join(", ");
        let (folder, overwrite) = (&self.output, self.overwrite);
        let trained =
            train_risk::train_into(&set, &config, folder, overwrite, terminal).map_err(|error| match error {
                TrainRiskError::Cancelled(_) => Failure::Cancelled,
                TrainRiskError::Exists(_) => self.there_already(),
                TrainRiskError::Pipeline(_) | TrainRiskError::Alike => {
                    Failure::Refused(format!("{error} ({})", flow()))
                }
                other => Failure::failed(other),
            })?;
        terminal.finish();
        let (m, r) = (trained.model.manifest(), trained.model.report());
        let v = &m.validation;
        let kept = m.features.iter().map(|f| f.name.clone()).filter(|name| r.true_features.contains(name));
        let shown = RiskReport {
            folder: self.output.display().to_string(),
            model_id: m.model_id.clone(),
            forest_sha256: m.forest_sha256.clone(),
            procedure: m.procedure,
            endpoint: m.endpoint.clone(),
            patients: m.patients,
            events: m.events,
            flow: r.flow.clone(),
            features: m.features.len(),
            auc: v.auc,
            auc_interval: v.auc_interval,
            brier: v.brier,
            accuracy: v.accuracy,
            accuracy_interval: v.accuracy_interval,
            method: v.method.clone(),
            provenance: m.provenance.clone(),
            nested_auc: r.recommended.performance.auc,
            paper_auc: r.paper.performance.as_ref().map(|p| p.auc),
            leaky_auc: r.leaky_auc,
            true_features_kept: kept.collect(),
        };
        if self.json {
            return output::print_json(&shown);
        }
        let mut table = Table::new(&["Procedure", ">Judged on", ">AUC", "95 %", ">Features"]);
        let mut row = |name: &str, p: Option<&Performance>, features: usize| {
            let (n, auc) =
                p.map_or(("none".to_owned(), "none".to_owned()), |p| (p.patients.to_string(), format!("{:.3}", p.auc)));
            let interval = p.and_then(|p| p.auc_interval);
            let interval = interval.map_or_else(String::new, |i| format!("{:.3} to {:.3}", i.lower, i.upper));
            table.row([name.to_owned(), n, auc, interval, features.to_string()]);
        };
        row("recommended", Some(&r.recommended.performance), r.recommended.features.len());
        row("paper", r.paper.performance.as_ref(), r.paper.features.len());
        output::print(&format!(
            "{}: {}\n{}\n{table}with the leak of selecting on all patients first: AUC {:.3}\n{}\n{}\n{}\n",
            shown.model_id,
            shown.endpoint,
            flow(),
            shown.leaky_auc,
            shown.method,
            shown.provenance,
            shown.folder
        ))
    }
}
