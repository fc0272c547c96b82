//! `hilum cohort compute`: the features of every case of a cohort, each by the way that a single case goes.

use super::patients::failure;
use crate::anatomy::draw_stations;
use crate::cli::case_args::{CaseArgs, CtvChoice, FeatureArgs};
use crate::cli::failure::Failure;
use crate::cli::output::{self, Table, files_below};
use crate::cli::rule_args::anatomy_of;
use crate::cli::segment::segment_case;
use crate::cli::stations::add_stations;
use crate::cli::terminal::Terminal;
use crate::cohort::{CohortStore, PatientRecord, StoredFeatures};
use crate::diunet::{self, ModelManifest};
use crate::features::{FeatureDefinition, catalogue};
use crate::progress::Progress;
use crate::structures::{Role, Station};
use crate::workbench::{Case, Live, LoadedCase};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Compute the features of the cases of a cohort; what has not changed since is not computed again
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum cohort compute lung.hilum-cohort
  hilum cohort compute lung.hilum-cohort --contour network --ctv proposed
  hilum cohort compute lung.hilum-cohort --csv features.csv

A case that fails is listed with its reason, and the others go on. What is done is kept when the command is stopped. A case is
computed again when its files, its clinical values, the options, the network or the definition of the features have changed.

JSON keys:
  computed, kept, without_case  patients whose case was gone through (failed ones too), has not changed since, or is not there
  failed                        [{patient, reason}]")]
pub struct Compute {
    /// The cohort
    #[arg(value_name = "COHORT")]
    cohort: PathBuf,
    /// Who draws the stations of cases that have none
    #[arg(long, value_enum, default_value = "nobody", value_name = "WHO")]
    contour: Contour,
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
enum Contour {
    Nobody,
    Network,
    Rules,
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
        let folder = self.model.as_deref().map_or_else(diunet::default_model_dir, diunet::network_folder);
        // A wrong model fails before long work, and its hash tells when it is another one.
        let network = match self.contour {
            Contour::Network => Some((ModelManifest::read(&folder).map_err(Failure::refused)?.sha256, folder)),
            Contour::Nobody | Contour::Rules => None,
        };
        let mut store = CohortStore::open(&self.cohort).map_err(failure)?;
        let (patients, known) = (store.patients().map_err(failure)?, store.features().map_err(failure)?);
        let definition = definition();
        let mut report = Report { computed: 0, kept: 0, without_case: 0, failed: Vec::new() };
        let mut wanted: Vec<(&PatientRecord, &Path, String)> = Vec::new();
        for patient in &patients {
            let Some(case) = patient.case.as_deref().filter(|case| case.exists()) else {
                report.without_case += 1;
                continue;
            };
            let source = self.source(case, patient, network.as_ref().map(|(sha256, _)| sha256.as_str()));
            let same = known.get(&patient.id).is_some_and(|f| f.source == source && f.definition == definition);
            if same && !self.again {
                report.kept += 1;
            } else {
                wanted.push((patient, case, source));
            }
        }
        let total = wanted.len();
        for part in wanted.chunks(rayon::current_num_threads()) {
            terminal.report("Computing features", report.computed, total);
            if terminal.is_cancelled() {
                return Err(stopped(report.computed));
            }
            let found: Vec<Result<Vec<Option<f64>>, Failure>> = part
                .par_iter()
                .map(|(patient, case, _)| self.features(case, patient, network.as_ref().map(|(_, f)| f.as_path())))
                .collect();
            for ((patient, _, source), found) in part.iter().zip(found) {
                let values = match found {
                    Ok(values) => Ok(values),
                    Err(Failure::Cancelled) => return Err(stopped(report.computed)),
                    Err(Failure::Failed(why) | Failure::Refused(why) | Failure::Usage(why) | Failure::Stopped(why)) => {
                        Err(why)
                    }
                };
                let features = StoredFeatures { source: source.clone(), definition: definition.clone(), values };
                store.keep_features(&patient.id, &features).map_err(failure)?;
                report.computed += 1;
            }
        }
        terminal.finish();
        let features = store.features().map_err(failure)?;
        for patient in &patients {
            if let Some(Err(reason)) = features.get(&patient.id).map(|f| &f.values) {
                report.failed.push(Failed { patient: patient.id.clone(), reason: reason.clone() });
            }
        }
        if let Some(path) = &self.csv {
            let table = table(&patients, &features).map_err(Failure::failed)?;
            output::write_file(path, &table, self.overwrite)?;
        }
        if self.json {
            output::print_json(&report)
        } else {
            output::print(&words(&report, features.values().filter(|f| f.values.is_ok()).count()))
        }
    }

    /// Hash of all that the features of a case follow from, but for their definition: its files by name, size and time of
    /// their last change, what is known of the patient, and who draws.
    fn source(&self, case: &Path, patient: &PatientRecord, network: Option<&str>) -> String {
        let mut hash = Sha256::new();
        let files = if case.is_dir() { files_below(case).unwrap_or_default() } else { vec![PathBuf::new()] };
        for file in files {
            let path = if file.as_os_str().is_empty() { case.to_owned() } else { case.join(&file) };
            let about = std::fs::metadata(&path).ok();
            let changed =
                about.as_ref().and_then(|a| a.modified().ok()).and_then(|t| t.duration_since(UNIX_EPOCH).ok());
            let size = about.map_or(0, |a| a.len());
            hash.update(format!("{}\n{size} {:?}\n", file.display(), changed.map(|c| c.as_nanos())));
        }
        hash.update(serde_json::to_vec(&patient.clinical).expect("plain data"));
        hash.update(format!("{:?} {:?} {network:?}", self.contour, self.ctv));
        format!("{:x}", hash.finalize())
    }

    fn features(
        &self,
        path: &Path,
        patient: &PatientRecord,
        network: Option<&Path>,
    ) -> Result<Vec<Option<f64>>, Failure> {
        let args = CaseArgs::of(path);
        // One of many: what it is at is not shown, but it stops when asked.
        let quiet = Terminal::new(true);
        let LoadedCase { mut case, surroundings, .. } = args.load_quietly(true, &quiet)?.loaded;
        args.check_geometry(&case)?;
        if !has_stations(&case) {
            match (self.contour, network) {
                (Contour::Network, Some(folder)) => drop(segment_case(&mut case, folder, &quiet)?),
                (Contour::Rules, _) => {
                    let set = draw_stations(&anatomy_of(&case, &quiet)?).map_err(Failure::refused)?;
                    add_stations(&mut case, &set)?;
                }
                _ => return Err(Failure::Refused("the case has no stations; let them be drawn with --contour".into())),
            }
        }
        FeatureArgs { ctv: self.ctv.clone(), clinical: Some(patient.clinical.clone()) }.apply(&mut case, &quiet)?;
        let live = Live::new(&case, surroundings, None);
        let features = &live.features().value;
        match features.stops().next() {
            Some(flag) => Err(Failure::Refused(flag.to_string())),
            None => Ok(features.values.to_vec()),
        }
    }
}

fn has_stations(case: &Case) -> bool {
    Station::all().any(|station| case.structures().with_role(Role::Station(station)).next().is_some())
}

/// The definition of the features as it is kept beside them.
fn definition() -> String {
    let names: Vec<&str> = catalogue().iter().map(|feature| feature.name.as_str()).collect();
    let text = format!("{:?} {names:?}", FeatureDefinition::default());
    format!("{:x}", Sha256::digest(text))
}

fn stopped(computed: usize) -> Failure {
    Failure::Stopped(format!("the features of {computed} cases are kept; run the command again to go on"))
}

/// One row a patient with the outcome that is known, empty where there are no features.
fn table(
    patients: &[PatientRecord],
    features: &std::collections::BTreeMap<String, StoredFeatures>,
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = catalogue().iter().map(|feature| feature.name.as_str());
    writer.write_record(["patient", "recurred"].into_iter().chain(names))?;
    for patient in patients {
        let recurred = patient.outcome.recurred.map_or_else(String::new, |r| u8::from(r).to_string());
        let values = features.get(&patient.id).and_then(|f| f.values.as_ref().ok());
        let cells = (0..catalogue().len()).map(|n| {
            let value = values.and_then(|values| values.get(n).copied().flatten());
            value.map_or_else(String::new, |v| v.to_string())
        });
        writer.write_record([patient.id.clone(), recurred].into_iter().chain(cells))?;
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}

/// `known`: patients with features.
fn words(report: &Report, known: usize) -> String {
    let mut text = format!(
        "{} cases were gone through, {} have not changed since, {} patients have no case that is there; features are known of {known}\n",
        report.computed, report.kept, report.without_case
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
