//! `hilum features` and `hilum risk`: the 110 features of a case, and the model's figure with its provenance.

use super::case_args::{CaseArgs, CtvUsed, FeatureArgs, ctv_used};
use super::failure::Failure;
use super::inspect::provenance;
use super::output::{self, Table, number};
use super::terminal::Terminal;
use crate::features::{FeatureDefinition, FeatureFlag, FeatureInfo, FeatureVector, FlagLevel, schema_sha256};
use crate::risk::{self, RiskEstimate, RiskManifest, RiskModel, ValidationSummary};
use crate::structures::{Role, Station};
use crate::workbench::{Case, Live, LoadedCase, risk_model_folder};
use std::path::PathBuf;

/// Compute the 110 features of a case
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum features /data/patient1
  hilum features /data/patient1 --ctv proposed --clinical sex=m,age=63,t=3,smoking=800 --json
  hilum features --demo --csv features.csv

A case without CTV has no features: they are all missing, with the flag ctv_empty.

The table of --csv has the columns index, name, value (empty = missing), unit, description, flag (codes of the flags
that concern the value).

JSON keys:
  schema         name of the list of features
  schema_sha256  its hash
  definition     the rules that the list leaves open {touch {volume (cm3)}, denominator}
  ctv            what was taken as CTV {source (structure, proposed, none), names, recipe}
  gtv            names of the structures taken as GTV
  stations       the structures taken as stations [{station, name, provenance}]
  series_uid     of the CT; null where identifiers are hidden
  program        name and version
  features       in order [{index (from 1), name, value (null = missing), unit, description, flag (codes)}]
  flags          [{code, level (note, warning, stop), text}]
  notes          remarks of the import, and what was chosen (structure set, guessed roles)
  research_only  a sentence")]
pub struct Features {
    #[command(flatten)]
    case: CaseArgs,
    #[command(flatten)]
    options: FeatureArgs,
    /// Also write the features as a table
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Let --csv replace a file
    #[arg(long)]
    overwrite: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Estimate the risk of the event that the model was trained for, such as a recurrence; its patients were simulated
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum risk /data/patient1 --ctv proposed
  hilum risk --demo --clinical sex=m,age=63,t=3,smoking=800 --json

No figure is given without a CTV, or where the CTV touches no station; the exit code is 3 then.

JSON keys:
  risk           0 to 1, or null
  refused        why there is no figure, or null
  ctv            what was taken as CTV {source (structure, proposed, none), names, recipe}
  gtv            names of the structures taken as GTV
  stations       the structures taken as stations [{station, name, provenance}]
  series_uid     of the CT; null where identifiers are hidden
  program        name and version
  model          {model_id, endpoint (what is predicted), provenance (what it was trained on), simulated, patients,
                 events, forest_sha256, validation {method, auc, auc_interval {lower, upper}, auc_repeats_mean,
                 auc_repeats_sd (null for the paper's procedure), brier, accuracy, accuracy_interval {lower, upper}, calibration_intercept,
                 calibration_slope}}
  tree_sd        standard deviation between the trees; not a confidence interval
  base           where every patient starts: the mean of the trees over the training patients
  contributions  Shapley values, which add up with the base to the risk, largest first [{feature, value, change, imputed}]
  imputed        names of features that were missing and filled in
  out_of_range   outside of the training patients [{feature, value, min, max}]
  unfamiliar     null without a figure {value (mean distance to the five nearest training patients, standard deviations), rank
                 (share of these who are nearer to each other), out (more than 99 %), feature (what is strangest)}
  flags          [{code, level (note, warning, stop), text}]
  notes          remarks of the import, and what was chosen (structure set, guessed roles)
  research_only  a sentence")]
pub struct Risk {
    #[command(flatten)]
    case: CaseArgs,
    #[command(flatten)]
    options: FeatureArgs,
    /// Folder of the risk model, or the name of one that comes with the program or was trained in the window
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What figures were made from, besides the CTV.
#[derive(Clone, serde::Serialize)]
pub struct Basis {
    gtv: Vec<String>,
    pub stations: Vec<StationUsed>,
    series_uid: Option<String>,
    program: &'static str,
}

/// A structure that was taken as a station.
#[derive(Clone, serde::Serialize)]
pub struct StationUsed {
    station: &'static str,
    name: String,
    provenance: String,
}

impl Basis {
    pub fn of(case: &Case, hidden: bool) -> Self {
        let set = case.structures();
        let gtv = set.with_role(Role::Gtvp).chain(set.with_role(Role::Gtvn)).map(|r| r.name.clone()).collect();
        let stations = Station::all().flat_map(|station| {
            set.with_role(Role::Station(station)).map(move |roi| StationUsed {
                station: station.label(),
                name: roi.name.clone(),
                provenance: provenance(roi, hidden),
            })
        });
        Self {
            gtv,
            stations: stations.collect(),
            series_uid: (!hidden).then(|| case.image.meta.series_instance_uid.clone()),
            program: crate::PROGRAM,
        }
    }

    /// Which stations were used, and where they came from, in words.
    pub fn stations_sentence(&self) -> String {
        let mut by_origin: Vec<(&str, Vec<&str>)> = Vec::new();
        for s in &self.stations {
            let label = s.station;
            match by_origin.iter_mut().find(|(origin, _)| *origin == s.provenance) {
                Some((_, labels)) => labels.push(label),
                None => by_origin.push((&s.provenance, vec![label])),
            }
        }
        if by_origin.is_empty() {
            return "none".into();
        }
        let parts: Vec<String> =
            by_origin.iter().map(|(origin, labels)| format!("{} ({origin})", labels.join(" "))).collect();
        parts.join("; ")
    }
}

/// Features as `hilum features --json` prints them.
#[derive(serde::Serialize)]
pub struct FeatureReport {
    schema: &'static str,
    schema_sha256: String,
    definition: FeatureDefinition,
    pub ctv: CtvUsed,
    #[serde(flatten)]
    pub basis: Basis,
    features: Vec<FeatureRow>,
    pub flags: Vec<Flag>,
    notes: Vec<String>,
    research_only: &'static str,
}

#[derive(serde::Serialize)]
struct FeatureRow {
    index: usize,
    name: &'static str,
    value: Option<f64>,
    unit: &'static str,
    description: &'static str,
    flag: Vec<&'static str>,
}

/// The codes of the flags that concern one feature.
fn flags_of(info: &FeatureInfo, flags: &[FeatureFlag]) -> Vec<&'static str> {
    let concerns = |flag: &&FeatureFlag| match flag {
        FeatureFlag::CtvEmpty => true,
        FeatureFlag::NoStations | FeatureFlag::StationsOverlap { .. } => info.station.is_some(),
        FeatureFlag::IdeaEmpty => info.name.contains("idea"),
        FeatureFlag::GtvEmpty => info.name.contains("gtv"),
        FeatureFlag::StationOutOfScan(s) | FeatureFlag::StationEmpty(s) => info.station == Some(*s),
        FeatureFlag::GtvOutsideCtv { .. } => info.name.contains("gtv") || info.name.contains("mar_"),
        FeatureFlag::MidlineUnknown => info.name == "g_gtv_side",
        FeatureFlag::CentralUnknown => info.name == "g_central",
        FeatureFlag::ClinicalMissing { feature } => info.name == *feature,
    };
    flags.iter().filter(concerns).map(FeatureFlag::code).collect()
}

/// A flag in words.
#[derive(Clone, serde::Serialize)]
pub struct Flag {
    pub code: &'static str,
    pub level: &'static str,
    pub text: String,
}

impl Flag {
    fn of(flag: &FeatureFlag) -> Self {
        let level = match flag.level() {
            FlagLevel::Note => "note",
            FlagLevel::Warning => "warning",
            FlagLevel::Stop => "stop",
        };
        Self { code: flag.code(), level, text: flag.to_string() }
    }
}

impl FeatureReport {
    pub fn of(case: &Case, features: &FeatureVector, notes: Vec<String>, hidden: bool) -> Self {
        Self {
            schema: "A",
            schema_sha256: schema_sha256(),
            definition: features.definition,
            ctv: ctv_used(case),
            basis: Basis::of(case, hidden),
            features: features
                .named()
                .map(|(info, value)| FeatureRow {
                    index: info.index + 1,
                    name: &info.name,
                    value: value.and_then(output::finite),
                    unit: info.unit,
                    description: &info.description,
                    flag: flags_of(info, &features.flags),
                })
                .collect(),
            flags: features.flags.iter().map(Flag::of).collect(),
            notes,
            research_only: crate::RESEARCH_ONLY,
        }
    }

    /// One row a feature: index, name, value (empty = missing), unit, description, flag.
    pub fn csv(&self) -> Result<Vec<u8>, Failure> {
        let failed =
            |e: &dyn std::fmt::Display| Failure::Failed(format!("the features could not be written as CSV: {e}"));
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["index", "name", "value", "unit", "description", "flag"]).map_err(|e| failed(&e))?;
        for f in &self.features {
            let value = f.value.map(|v| v.to_string()).unwrap_or_default();
            writer
                .write_record([&f.index.to_string(), f.name, &value, f.unit, f.description, &f.flag.join(" ")])
                .map_err(|e| failed(&e))?;
        }
        writer.into_inner().map_err(|e| failed(&e))
    }

    fn text(&self) -> String {
        let mut table = Table::new(&[">No", "Name", ">Value", "Unit"]);
        for f in &self.features {
            table.row([f.index.to_string(), f.name.into(), number(f.value, 5), f.unit.into()]);
        }
        let mut text = format!("CTV: {}\nStations: {}\n{table}", self.ctv.sentence(), self.basis.stations_sentence());
        for flag in &self.flags {
            text.push_str(&format!("{}: {}\n", flag.level, flag.text));
        }
        text.push_str(crate::RESEARCH_ONLY);
        text.push('\n');
        text
    }
}

impl CtvUsed {
    /// Which CTV was used, in words.
    pub fn sentence(&self) -> String {
        match (&self.recipe, self.names.is_empty()) {
            (Some(recipe), _) => format!("{} (a proposal: {recipe})", self.names.join(" + ")),
            (None, false) => self.names.join(" + "),
            (None, true) => "none".into(),
        }
    }
}

impl Features {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        if let (Some(path), false) = (&self.csv, self.overwrite) {
            output::refuse_existing(path)?;
        }
        let opened = self.case.load(terminal)?;
        if let Some(path) = &self.csv {
            opened.refuse_source(path)?;
        }
        let notes = opened.notes();
        let LoadedCase { mut case, surroundings, .. } = opened.loaded;
        self.options.apply(&mut case, terminal)?;
        let live = Live::new(&case, surroundings, None);
        let report = FeatureReport::of(&case, &live.features().value, notes, false);
        if let Some(path) = &self.csv {
            output::write_file(path, &report.csv()?, self.overwrite)?;
        }
        terminal.finish();
        if self.json { output::print_json(&report) } else { output::print(&report.text()) }
    }
}

/// The risk as `hilum risk --json` prints it and `hilum analyze` writes it.
#[derive(serde::Serialize)]
pub struct RiskReport {
    pub risk: Option<f64>,
    pub refused: Option<String>,
    pub ctv: CtvUsed,
    #[serde(flatten)]
    basis: Basis,
    pub model: ModelCard,
    tree_sd: Option<f64>,
    base: Option<f64>,
    pub imputed: Vec<String>,
    pub out_of_range: Vec<OutOfRangeRow>,
    pub unfamiliar: Option<Unfamiliar>,
    contributions: Vec<ContributionRow>,
    flags: Vec<Flag>,
    notes: Vec<String>,
    research_only: &'static str,
}

/// What the manifest says about the risk model.
#[derive(Clone, serde::Serialize)]
pub struct ModelCard {
    pub model_id: String,
    pub endpoint: String,
    pub provenance: String,
    pub simulated: bool,
    pub patients: usize,
    pub events: usize,
    pub forest_sha256: String,
    pub validation: ValidationSummary,
}

#[derive(serde::Serialize)]
pub struct OutOfRangeRow {
    pub feature: String,
    pub value: f64,
    pub min: f64,
    pub max: f64,
}

#[derive(serde::Serialize)]
pub struct Unfamiliar {
    value: f64,
    rank: f64,
    pub out: bool,
    pub feature: String,
}

#[derive(serde::Serialize)]
struct ContributionRow {
    feature: String,
    value: f64,
    change: f64,
    imputed: bool,
}

impl ModelCard {
    fn of(manifest: &RiskManifest) -> Self {
        Self {
            model_id: manifest.model_id.clone(),
            endpoint: manifest.endpoint.clone(),
            provenance: manifest.provenance.clone(),
            simulated: manifest.simulated,
            patients: manifest.patients,
            events: manifest.events,
            forest_sha256: manifest.forest_sha256.clone(),
            validation: manifest.validation.clone(),
        }
    }

    /// What stands beside every figure.
    pub fn statement(&self) -> String {
        // A manifest that forgets to say so must not hide it.
        let unsaid = self.simulated && !self.provenance.to_lowercase().contains("simulated patients");
        let v = &self.validation;
        format!(
            "{}{} {} patients, {} with the event. AUC {:.2} (95 % {:.2} to {:.2}). {}.",
            if unsaid { "Trained on simulated patients. " } else { "" },
            self.provenance,
            self.patients,
            self.events,
            v.auc,
            v.auc_interval.lower,
            v.auc_interval.upper,
            v.method.trim_end_matches('.')
        )
    }
}

impl RiskReport {
    pub fn of(case: &Case, features: &FeatureVector, model: &RiskModel, notes: Vec<String>, hidden: bool) -> Self {
        let mut report = Self {
            risk: None,
            refused: None,
            ctv: ctv_used(case),
            basis: Basis::of(case, hidden),
            model: ModelCard::of(model.manifest()),
            tree_sd: None,
            base: None,
            imputed: Vec::new(),
            out_of_range: Vec::new(),
            unfamiliar: None,
            contributions: Vec::new(),
            flags: features.flags.iter().map(Flag::of).collect(),
            notes,
            research_only: crate::RESEARCH_ONLY,
        };
        match model.predict(features) {
            Ok(estimate) => report.take(estimate, model.manifest()),
            Err(refusal) => report.refused = Some(refusal.to_string()),
        }
        report
    }

    fn take(&mut self, estimate: RiskEstimate, manifest: &RiskManifest) {
        let strange = &estimate.strangeness;
        self.unfamiliar = Some(Unfamiliar {
            value: strange.distance,
            rank: strange.rank,
            out: strange.is_out(),
            feature: manifest.features.get(strange.feature).map(|f| f.name.clone()).unwrap_or_default(),
        });
        self.risk = Some(estimate.probability);
        self.tree_sd = Some(estimate.tree_sd);
        self.base = Some(estimate.base);
        self.imputed = estimate.imputed;
        self.out_of_range = estimate
            .out_of_range
            .into_iter()
            .map(|o| OutOfRangeRow { feature: o.feature, value: o.value, min: o.min, max: o.max })
            .collect();
        self.contributions = estimate
            .contributions
            .into_iter()
            .map(|c| ContributionRow { feature: c.feature, value: c.value, change: c.change, imputed: c.imputed })
            .collect();
    }

    /// The figure or the refusal, in a line.
    pub fn sentence(&self) -> String {
        match (self.risk, &self.refused) {
            (Some(risk), _) => format!("{:.0} % ({})", 100.0 * risk, self.model.endpoint),
            (None, Some(why)) => why.clone(),
            (None, None) => "no figure".into(),
        }
    }

    /// What makes the figure doubtful, one sentence each.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if !self.imputed.is_empty() {
            doubts.push(format!("Missing, filled in from the training patients: {}", self.imputed.join(", ")));
        }
        for o in &self.out_of_range {
            doubts.push(format!(
                "{} = {:.3} lies outside the training patients ({:.3} to {:.3})",
                o.feature, o.value, o.min, o.max
            ));
        }
        if let Some(strange) = self.unfamiliar.as_ref().filter(|u| u.out) {
            doubts.push(format!("Unlike the training patients as a whole, most of all by {}", strange.feature));
        }
        doubts
    }

    fn text(&self) -> String {
        let mut text = format!(
            "Risk: {}\nCTV: {}\nStations: {}\n",
            self.sentence(),
            self.ctv.sentence(),
            self.basis.stations_sentence()
        );
        for doubt in self.doubts() {
            text.push_str(&format!("warning: {doubt}\n"));
        }
        for flag in &self.flags {
            text.push_str(&format!("{}: {}\n", flag.level, flag.text));
        }
        if self.risk.is_some() {
            let mut table = Table::new(&["Moved the figure most", ">Value", ">Change, points"]);
            for c in self.contributions.iter().take(8) {
                let value = format!("{:.4}{}", c.value, if c.imputed { " (filled in)" } else { "" });
                table.row([c.feature.clone(), value, format!("{:+.1}", 100.0 * c.change)]);
            }
            text.push_str(&table.to_string());
        }
        text.push_str(&format!("{}\n{}\n", self.model.statement(), crate::RESEARCH_ONLY));
        text
    }
}

impl Risk {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let folder = self.model.as_deref().map_or_else(risk::default_model_dir, risk_model_folder);
        let model = RiskModel::load(&folder).map_err(Failure::refused)?;
        let opened = self.case.load(terminal)?;
        let notes = opened.notes();
        let LoadedCase { mut case, surroundings, .. } = opened.loaded;
        self.options.apply(&mut case, terminal)?;
        let live = Live::new(&case, surroundings, None);
        let report = RiskReport::of(&case, &live.features().value, &model, notes, false);
        terminal.finish();
        if self.json {
            output::print_json(&report)?;
        } else {
            output::print(&report.text())?;
        }
        match &report.refused {
            Some(why) => Err(Failure::Refused(why.clone())),
            None => Ok(()),
        }
    }
}
