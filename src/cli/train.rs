//! `hilum train`: the models that come with the program are made by these commands.

use super::failure::Failure;
use super::known_case::known_case;
use super::output;
use super::terminal::Terminal;
use super::train_risk::Risk;
use crate::diunet::{Calibration, CohortSummary, LoadedModel, ModelManifest, Variant};
use crate::phantom::Variation;
use crate::structures::Station;
use crate::studies::calibrate::{CalibrationError, calibrate};
use crate::studies::train_diunet::{
    self, CohortConfig, FIRST_VALIDATION_SEED, Patient, Pool, TrainConfig, TrainError, held_out, manifest_to_be,
};
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub enum Train {
    Diunet(Box<Diunet>),
    Calibration(CalibrationArgs),
    Risk(Box<Risk>),
}

impl Train {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        match self {
            Self::Diunet(c) => c.run(terminal),
            Self::Calibration(c) => c.run(terminal),
            Self::Risk(c) => c.run(terminal),
        }
    }
}

/// Train the network on generated phantoms, and on the patients of a cohort
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The folder then holds manifest.json with all options, weights.safetensors (the best so far at any time), MODEL_CARD.md
and a checkpoint to resume from. Ctrl-C stops early (exit code 4) and keeps the best weights. A model that is there is
replaced only with --overwrite, or with --resume where this one does better on the same phantoms.

With --cohort the network learns from patients too: every folder in DIR is a case with a CT and its structures, stations
and if there are any GTV and CTV. Every fifth patient is held out (none of a single one), and the card tells how the
weights do on them. A station that a patient lacks is learned as background. Scans are deformed and their contrast is
changed at random. The card and every result say that patients are behind the weights; their names are kept nowhere.
A case that cannot be used is listed with the reason, and left out.

Examples:
  hilum train diunet -o models/diunet --minutes 120
  hilum train diunet -o models/diunet --resume models/diunet --minutes 180
  hilum train diunet -o /tmp/tiny --variant tiny --steps 200 --batch 2 --cases 2
  hilum train diunet -o /data/own --resume models/diunet --steps 16000 --cohort /data/cohort --cohort-note Lungs-of-2026

JSON keys:
  folder       where the model lies
  model_id, sha256
  steps, minutes   that led to the best weights
  mean_dsc     mean over stations on the validation phantoms
  station_dsc  by station {label: value}
  ctv_dsc      of the CTV output
  cohort       null, or {patients, held_out, by_rules, share, note, mean_dsc (of the patients held out, if any), station_dsc
               {label: value}}
  left_out     cases of the cohort that are of no use [{name, reason}]
  cancelled    true if it was stopped early
  curve        the validations [{step, minutes, mean_dsc}]")]
pub struct Diunet {
    /// The model folder to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// tiny, fast25d, guided25d (as fast25d, and told where the landmarks lie), std25d or literal2d
    #[arg(long, value_name = "NAME", value_parser = parse_variant)]
    variant: Option<Variant>,
    /// Name of the model
    #[arg(long, value_name = "NAME")]
    model_id: Option<String>,
    /// Training ends after this many steps, those before --resume included
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// ... or after this time, that before --resume included
    #[arg(long, value_name = "M")]
    minutes: Option<f64>,
    /// Samples a step
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    #[arg(long, value_name = "X", help = "Learning rate at the start")]
    learning_rate: Option<f64>,
    /// Pixel size of the network's input, mm
    #[arg(long, value_name = "MM")]
    spacing_mm: Option<f64>,
    /// Pixels along each side of the network's input
    #[arg(long, value_name = "N")]
    crop: Option<usize>,
    /// Pixels along each side of the patches that it learns from, at most those of --crop
    #[arg(long, value_name = "N")]
    patch: Option<usize>,
    /// How widely the phantoms differ: population, or reference (one thorax, one scanner)
    #[arg(long, value_name = "NAME", value_parser = parse_phantoms)]
    phantoms: Option<Variation>,
    /// Phantoms held at a time
    #[arg(long, value_name = "N")]
    cases: Option<usize>,
    /// Phantoms of unseen seeds on which the network is judged
    #[arg(long, value_name = "N")]
    validation_cases: Option<usize>,
    /// Minutes between validations
    #[arg(long, value_name = "M")]
    validate_every_minutes: Option<f64>,
    /// Seed of the first training phantom
    #[arg(long, value_name = "N")]
    first_seed: Option<u64>,
    /// Seed of the first weights and of the samples
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Go on from the checkpoint of this folder or file
    #[arg(long, value_name = "PATH")]
    resume: Option<PathBuf>,
    /// Replace a model that is in the folder
    #[arg(long)]
    overwrite: bool,
    /// Learn from patients too: a folder with one folder a patient
    #[arg(long, value_name = "DIR")]
    cohort: Option<PathBuf>,
    /// What the patients are, for the model card; no names
    #[arg(long, value_name = "TEXT", requires = "cohort")]
    cohort_note: Option<String>,
    /// Share of the samples that are of patients
    #[arg(long, value_name = "X", requires = "cohort", default_value_t = 0.5)]
    cohort_share: f64,
    /// Take the stations that the rules draw for those of the patients
    #[arg(long, requires = "cohort")]
    rules: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_variant(text: &str) -> Result<Variant, String> {
    text.parse().map_err(|_unknown| "the variants are tiny, fast25d, guided25d, std25d and literal2d".to_owned())
}

fn parse_phantoms(text: &str) -> Result<Variation, String> {
    text.parse().map_err(|_unknown| "the phantoms are those of the population or the reference".to_owned())
}

#[derive(serde::Serialize)]
struct DiunetReport {
    folder: String,
    model_id: String,
    sha256: String,
    steps: usize,
    minutes: f64,
    mean_dsc: f64,
    station_dsc: std::collections::BTreeMap<String, f64>,
    ctv_dsc: f64,
    cohort: Option<CohortSummary>,
    left_out: Vec<LeftOut>,
    cancelled: bool,
    curve: Vec<CurveRow>,
}

#[derive(serde::Serialize)]
struct LeftOut {
    name: String,
    reason: String,
}

#[derive(serde::Serialize)]
struct CurveRow {
    step: usize,
    minutes: f64,
    mean_dsc: f64,
}

fn train_failure(error: TrainError) -> Failure {
    match error {
        TrainError::CancelledEarly => Failure::Cancelled,
        TrainError::Setting(_) => Failure::Usage(error.to_string()),
        TrainError::Resume { .. } => Failure::refused(error),
        other => Failure::failed(other),
    }
}

impl Diunet {
    fn config(&self) -> TrainConfig {
        let usual = TrainConfig::new(self.output.clone());
        let variant = self.variant.unwrap_or(usual.variant);
        let model_id = self.model_id.clone().unwrap_or_else(|| {
            if variant == usual.variant { usual.model_id.clone() } else { format!("diunet-r-{variant}-synthetic") }
        });
        TrainConfig {
            model_id,
            variant,
            steps: self.steps.unwrap_or(usual.steps),
            minutes: self.minutes,
            batch: self.batch.unwrap_or(usual.batch),
            learning_rate: self.learning_rate.unwrap_or(usual.learning_rate),
            spacing_mm: self.spacing_mm.unwrap_or(usual.spacing_mm),
            crop: self.crop.unwrap_or(usual.crop),
            patch: self.patch.unwrap_or(usual.patch),
            phantoms: self.phantoms.unwrap_or(usual.phantoms),
            cases: self.cases.unwrap_or(usual.cases),
            validation_cases: self.validation_cases.unwrap_or(usual.validation_cases),
            validate_every_minutes: self.validate_every_minutes.unwrap_or(usual.validate_every_minutes),
            first_seed: self.first_seed.unwrap_or(usual.first_seed),
            seed: self.seed.unwrap_or(usual.seed),
            resume: self.resume.clone(),
            overwrite: self.overwrite,
            out_dir: usual.out_dir,
            cohort: self.cohort.as_ref().map(|_| CohortConfig {
                note: self.cohort_note.clone().unwrap_or_else(|| "a cohort of which nothing more is known".into()),
                by_rules: self.rules,
                share: self.cohort_share,
                patients: 1,
            }),
        }
    }

    /// Reads the patients one by one; those that are of no use are listed.
    fn patients(&self, config: &TrainConfig, terminal: &Terminal) -> Result<(Pool, Vec<LeftOut>), Failure> {
        let (mut pool, mut left_out) = (Pool::default(), Vec::new());
        let Some(folder) = &self.cohort else { return Ok((pool, left_out)) };
        let manifest = manifest_to_be(config).map_err(train_failure)?;
        let listed = std::fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let listed = listed.map_err(|error| {
            Failure::Refused(format!(
                "the folder of the cohort could not be read ({error}); give the folder that holds one folder a patient: {}",
                folder.display()
            ))
        })?;
        let mut folders: Vec<PathBuf> = listed.into_iter().map(|e| e.path()).filter(|path| path.is_dir()).collect();
        folders.sort();
        let held_out = held_out(folders.len(), config.seed);
        for (n, path) in folders.iter().enumerate() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let reason = match known_case(path, self.rules, true, &[], terminal) {
                Err(Failure::Failed(reason) | Failure::Usage(reason) | Failure::Refused(reason)) => reason,
                Err(stopped) => return Err(stopped),
                Ok(Err(reason)) => reason,
                Ok(Ok(patient)) => {
                    let missing: Vec<&str> =
                        Station::all().filter(|s| patient.stations[s.index()].is_empty()).map(Station::label).collect();
                    if !missing.is_empty() {
                        let missing = missing.join(", ");
                        terminal
                            .note(&format!("warning: {name} has no {missing}; they are learned as background there"));
                    }
                    let patient = Patient { name: name.clone(), ..patient };
                    match pool.add(&manifest, patient, held_out.contains(&n)) {
                        Ok(()) => continue,
                        Err(error) => error.to_string(),
                    }
                }
            };
            terminal.note(&format!("warning: {name} is left out: {reason}"));
            left_out.push(LeftOut { name, reason });
        }
        if pool.count()[0] == 0 {
            return Err(Failure::Refused(format!(
                "no patient of the cohort can be learned from; every folder in it must be a case with a CT and stations: {}",
                folder.display()
            )));
        }
        Ok((pool, left_out))
    }

    fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let mut config = self.config();
        let (pool, left_out) = self.patients(&config, terminal)?;
        if let Some(cohort) = &mut config.cohort {
            cohort.patients = pool.count().iter().sum();
        }
        let report = train_diunet::train(&config, &pool, terminal).map_err(train_failure)?;
        terminal.finish();
        let (m, t) = (&report.manifest, &report.manifest.training);
        let shown = DiunetReport {
            folder: self.output.display().to_string(),
            model_id: m.model_id.clone(),
            sha256: m.sha256.clone(),
            steps: t.steps,
            minutes: t.minutes,
            mean_dsc: t.mean_dsc,
            station_dsc: t.station_dsc.clone(),
            ctv_dsc: t.ctv_dsc,
            cohort: t.cohort.clone(),
            left_out,
            cancelled: report.cancelled,
            curve: report
                .curve
                .iter()
                .map(|p| CurveRow { step: p.step, minutes: p.minutes, mean_dsc: p.mean_dsc })
                .collect(),
        };
        let kept = || format!("stopped early; the best weights so far are kept in {}", shown.folder);
        if self.json {
            output::print_json(&shown)?;
            return if shown.cancelled { Err(Failure::Stopped(kept())) } else { Ok(()) };
        }
        let of_patients = shown.cohort.as_ref().and_then(|c| Some((c.mean_dsc?, c.held_out)));
        let of_patients =
            of_patients.map_or_else(String::new, |(dsc, n)| format!(", {dsc:.3} on {n} patients held out"));
        output::print(&format!(
            "{}: mean DSC over stations {:.3} on {} phantoms of unseen seeds{of_patients}, {} steps in {:.1} minutes{}\n{}\n{}\n",
            shown.model_id,
            shown.mean_dsc,
            t.validation_seeds.len(),
            shown.steps,
            shown.minutes,
            if shown.cancelled { ", stopped early" } else { "" },
            m.training_data,
            shown.folder
        ))?;
        if shown.cancelled { Err(Failure::Stopped(kept())) } else { Ok(()) }
    }
}

/// Calibrate the probabilities of a network on phantoms that it has not seen
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A temperature and a shift of the background's logit are found on half of the phantoms and judged on the other half. They
are written into manifest.json and MODEL_CARD.md of the model folder; the weights stay as they are.

Examples:
  hilum train calibration models/diunet
  hilum train calibration models/diunet --phantoms 20 --json

JSON keys:
  folder          the model folder
  calibration     {temperature (logits are divided by it), background (added to its logit), phantoms (reference or
                  population), fitted_on (seeds), tested_on (seeds), expected_error (expected calibration error, without the scaling and with it), mean_log_loss
                  (the same), bins [{voxels, probability (mean, of what was drawn), right (share)}], plain_background
                  {voxels, probability, right} (taken for background with more than 99 %, in none of the others)}")]
pub struct CalibrationArgs {
    /// The model folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// So many phantoms, half of them to judge by
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u64).range(2..=1000))]
    phantoms: u64,
    /// How widely the phantoms differ: population, or reference (one thorax, one scanner)
    #[arg(long, value_name = "NAME", default_value_t = Variation::Population)]
    of: Variation,
    /// Seed of the first phantom; none may have been seen in training or its validation
    #[arg(long, value_name = "N", default_value_t = FIRST_VALIDATION_SEED + 1000)]
    first_seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct CalibrationReport {
    folder: String,
    calibration: Calibration,
}

impl CalibrationArgs {
    fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let model = LoadedModel::load(&self.folder).map_err(Failure::refused)?;
        let seeds: Vec<u64> = (0..self.phantoms).map(|n| self.first_seed.saturating_add(n)).collect();
        let (fit, test) = seeds.split_at(seeds.len() / 2);
        let calibration = calibrate(&model, self.of, fit, test, terminal).map_err(|error| match error {
            CalibrationError::Cancelled => Failure::Cancelled,
            CalibrationError::Seen(_) => Failure::Usage(error.to_string()),
            other => Failure::refused(other),
        })?;
        let manifest = ModelManifest { calibration: Some(calibration.clone()), ..model.manifest().clone() };
        manifest.write_beside(&self.folder).map_err(Failure::failed)?;
        terminal.finish();
        let shown = CalibrationReport { folder: self.folder.display().to_string(), calibration };
        if self.json {
            return output::print_json(&shown);
        }
        let c = &shown.calibration;
        output::print(&format!(
            "temperature {:.3}, background {:+.3}; expected calibration error {:.4} without, {:.4} with them, on {} phantoms of unseen seeds\n{}\n",
            c.scaling.temperature,
            c.scaling.background,
            c.expected_error[0],
            c.expected_error[1],
            c.tested_on.len(),
            shown.folder
        ))
    }
}
