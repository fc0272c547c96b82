//! `hilum evaluate`: how well a network draws the stations of cases whose stations are known.

use super::failure::Failure;
use super::known_case::known_case;
use super::output::{self, Table, number};
use super::rule_args::{Place, parse_landmark};
use super::terminal::Terminal;
use crate::anatomy::LandmarkId;
use crate::diunet::{self, LoadedModel, SegmentError};
use crate::phantom::{PhantomError, Variation};
use crate::structures::Station;
use crate::studies::evaluate::{CaseScores, StationScore, Subject, evaluate, mean, over_cases};
use crate::studies::train_diunet::{FIRST_VALIDATION_SEED, Patient, phantom};
use std::path::PathBuf;

/// Judge the network on cases whose stations are known
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every CASE is a folder with a CT and its structures. The reference is the stations of the case, or with --rules those
that the rules draw on the anatomy found in the scan: this is agreement with rules, and not accuracy. Phantoms have
seeds from 1002000 upwards unless told otherwise; training takes seeds below 1000000, its validation those just above.

Examples:
  hilum evaluate --phantoms 20
  hilum evaluate /data/patient1 /data/patient2 --json
  hilum evaluate /data/patient1 --rules --compare-gtv
  hilum evaluate /data/patient1 --rules --landmark z_azy=-912 --landmark z_car=4.8,119.4,-920.5

JSON keys:
  model          {model_id, sha256, statement (what the network was trained on)}
  reference      structures, rules or phantoms
  cases          [{name, mean_dsc, stations [{station, reference_cm3, found_cm3, dsc, hd95_mm, surface_dsc_3mm, superior_mm,
                 inferior_mm}], extra (stations found and not in the reference), islands (pieces of at least 0.3 cm3 that
                 touch no station of the reference), ctv_dsc, margin_ctv_dsc (of the GTV with the
                 usual margin, where there is a CTV to compare with), near_gtv {with, without} (mean DSC of stations within 20 mm
                 of the GTV, with it and with an empty one; null without --compare-gtv), seconds, slices}]
  stations       means over cases [{station, cases, dsc, hd95_mm, surface_dsc_3mm, superior_mm, inferior_mm}]
  mean_dsc       over stations
  near_gtv       means over cases {with, without}, or null
  ctv_dsc, margin_ctv_dsc   means over cases, or null
  skipped        cases that were refused [{name, reason}]
  research_only  a sentence")]
pub struct EvaluateCommand {
    /// Folders, each with a CT and its structures
    #[arg(value_name = "CASE", required_unless_present = "phantoms", conflicts_with = "phantoms")]
    cases: Vec<PathBuf>,
    /// Take the stations that the rules draw as the reference
    #[arg(long, conflicts_with = "phantoms")]
    rules: bool,
    /// For the rules, place a landmark of a single CASE by its short name (hilum landmarks lists them): three numbers in
    /// patient mm, or z alone for a level
    #[arg(long = "landmark", value_name = "NAME=X,Y,Z", value_parser = parse_landmark, allow_hyphen_values = true, requires = "rules")]
    landmarks: Vec<(LandmarkId, Place)>,
    /// So many phantoms instead of CASE
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    phantoms: Option<u64>,
    /// Seed of the first phantom
    #[arg(long, value_name = "N", requires = "phantoms", default_value_t = FIRST_VALIDATION_SEED + 2000)]
    first_seed: u64,
    /// How widely the phantoms differ: population, or reference (one thorax, one scanner)
    #[arg(long, value_name = "NAME", requires = "phantoms", default_value_t = Variation::Population)]
    of: Variation,
    /// Run the network without the GTV too, and compare both near the GTV
    #[arg(long)]
    compare_gtv: bool,
    /// Folder of the network, or the name of one that comes with the program
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Model {
    model_id: String,
    sha256: String,
    statement: String,
}

#[derive(serde::Serialize)]
struct StationRow {
    station: &'static str,
    reference_cm3: f64,
    found_cm3: f64,
    dsc: f64,
    hd95_mm: Option<f64>,
    surface_dsc_3mm: Option<f64>,
    superior_mm: Option<f64>,
    inferior_mm: Option<f64>,
}

#[derive(serde::Serialize)]
struct Near {
    with: f64,
    without: f64,
}

#[derive(serde::Serialize)]
struct CaseRow {
    name: String,
    mean_dsc: Option<f64>,
    stations: Vec<StationRow>,
    extra: Vec<&'static str>,
    islands: usize,
    ctv_dsc: Option<f64>,
    margin_ctv_dsc: Option<f64>,
    near_gtv: Option<Near>,
    seconds: f64,
    slices: usize,
}

#[derive(serde::Serialize)]
struct MeanRow {
    station: &'static str,
    cases: usize,
    dsc: Option<f64>,
    hd95_mm: Option<f64>,
    surface_dsc_3mm: Option<f64>,
    superior_mm: Option<f64>,
    inferior_mm: Option<f64>,
}

#[derive(serde::Serialize)]
struct Skipped {
    name: String,
    reason: String,
}

#[derive(serde::Serialize)]
struct Report {
    model: Model,
    reference: &'static str,
    cases: Vec<CaseRow>,
    stations: Vec<MeanRow>,
    mean_dsc: Option<f64>,
    near_gtv: Option<Near>,
    ctv_dsc: Option<f64>,
    margin_ctv_dsc: Option<f64>,
    skipped: Vec<Skipped>,
    research_only: &'static str,
}

impl EvaluateCommand {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        if !self.landmarks.is_empty() && self.cases.len() != 1 {
            return Err(Failure::Usage("landmarks are placed in one scan: give one CASE with --landmark".into()));
        }
        let folder = self.model.as_deref().map_or_else(diunet::default_model_dir, diunet::network_folder);
        let model = LoadedModel::load(&folder).map_err(Failure::refused)?;
        let mut scores: Vec<CaseScores> = Vec::new();
        let mut skipped: Vec<Skipped> = Vec::new();
        if let Some(count) = self.phantoms {
            for seed in self.first_seed..self.first_seed.saturating_add(count) {
                self.phantom(&model, seed, &mut scores, &mut skipped, terminal)?;
            }
        } else {
            for case in &self.cases {
                self.case(&model, case, &mut scores, &mut skipped, terminal)?;
            }
        }
        terminal.finish();
        for s in &skipped {
            terminal.note(&format!("warning: {} is left out: {}", s.name, s.reason));
        }
        if scores.is_empty() {
            return Err(Failure::Refused("no case could be judged; the reasons stand above".into()));
        }
        let report = self.report(&model, &scores, skipped);
        if self.json { output::print_json(&report) } else { output::print(&text(&report)) }
    }

    fn phantom(
        &self,
        model: &LoadedModel,
        seed: u64,
        scores: &mut Vec<CaseScores>,
        skipped: &mut Vec<Skipped>,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let name = format!("phantom {seed}");
        let (phantom, gtv) = match phantom(self.of, seed, terminal) {
            Ok(made) => made,
            Err(PhantomError::Cancelled(_)) => return Err(Failure::Cancelled),
            Err(error @ PhantomError::TooSmall(_)) => {
                skipped.push(Skipped { name, reason: error.to_string() });
                return Ok(());
            }
        };
        let (stations, ctv) = (phantom.station_masks, phantom.ctv);
        let subject = Subject { name, volume: &phantom.volume, gtv, stations, ctv };
        self.judge(model, &subject, scores, skipped, terminal)
    }

    fn case(
        &self,
        model: &LoadedModel,
        path: &std::path::Path,
        scores: &mut Vec<CaseScores>,
        skipped: &mut Vec<Skipped>,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let known = match known_case(path, self.rules, false, &self.landmarks, terminal)? {
            Ok(known) => known,
            Err(reason) => {
                skipped.push(Skipped { name: path.display().to_string(), reason });
                return Ok(());
            }
        };
        let Patient { name, volume, gtv, ctv, stations, .. } = known;
        let subject = Subject { name, volume: &volume, gtv, stations, ctv };
        self.judge(model, &subject, scores, skipped, terminal)
    }

    fn judge(
        &self,
        model: &LoadedModel,
        subject: &Subject<'_>,
        scores: &mut Vec<CaseScores>,
        skipped: &mut Vec<Skipped>,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        match evaluate(model, subject, self.compare_gtv, terminal) {
            Ok(score) => scores.push(score),
            Err(SegmentError::Cancelled) => return Err(Failure::Cancelled),
            Err(error) => skipped.push(Skipped { name: subject.name.clone(), reason: error.to_string() }),
        }
        Ok(())
    }

    fn report(&self, model: &LoadedModel, scores: &[CaseScores], skipped: Vec<Skipped>) -> Report {
        let manifest = model.manifest();
        let means: Vec<MeanRow> = Station::all().map(|station| mean_row(scores, station)).collect();
        let near: Vec<[f64; 2]> = scores.iter().filter_map(|c| c.near_gtv).collect();
        let both = mean(near.iter().map(|n| n[0])).zip(mean(near.iter().map(|n| n[1])));
        Report {
            model: Model {
                model_id: manifest.model_id.clone(),
                sha256: manifest.sha256.clone(),
                statement: manifest.training_data.clone(),
            },
            reference: match (self.phantoms, self.rules) {
                (Some(_), _) => "phantoms",
                (None, true) => "rules",
                (None, false) => "structures",
            },
            mean_dsc: mean(means.iter().filter_map(|m| m.dsc)).map(round),
            stations: means,
            near_gtv: both.map(|(with, without)| Near { with: round(with), without: round(without) }),
            ctv_dsc: mean(scores.iter().filter_map(|c| c.ctv_dsc)).map(round),
            margin_ctv_dsc: mean(scores.iter().filter_map(|c| c.margin_ctv_dsc)).map(round),
            cases: scores.iter().map(case_row).collect(),
            skipped,
            research_only: crate::RESEARCH_ONLY,
        }
    }
}

fn round(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0
}

fn mean_row(scores: &[CaseScores], station: Station) -> MeanRow {
    let over = |measure: fn(&StationScore) -> Option<f64>| over_cases(scores, station, measure).0.map(round);
    MeanRow {
        station: station.label(),
        cases: over_cases(scores, station, |s| Some(s.dsc)).1,
        dsc: over(|s| Some(s.dsc)),
        hd95_mm: over(|s| s.hd95_mm),
        surface_dsc_3mm: over(|s| s.surface_dsc),
        superior_mm: over(|s| s.superior_mm),
        inferior_mm: over(|s| s.inferior_mm),
    }
}

fn case_row(case: &CaseScores) -> CaseRow {
    let station = |s: &StationScore| StationRow {
        station: s.station.label(),
        reference_cm3: round(s.reference_cm3),
        found_cm3: round(s.found_cm3),
        dsc: round(s.dsc),
        hd95_mm: s.hd95_mm.map(round),
        surface_dsc_3mm: s.surface_dsc.map(round),
        superior_mm: s.superior_mm.map(round),
        inferior_mm: s.inferior_mm.map(round),
    };
    CaseRow {
        name: case.name.clone(),
        mean_dsc: case.mean_dsc().map(round),
        stations: case.stations.iter().map(station).collect(),
        extra: case.extra.iter().map(|s| s.label()).collect(),
        islands: case.islands,
        ctv_dsc: case.ctv_dsc.map(round),
        margin_ctv_dsc: case.margin_ctv_dsc.map(round),
        near_gtv: case.near_gtv.map(|[with, without]| Near { with: round(with), without: round(without) }),
        seconds: round(case.seconds),
        slices: case.slices,
    }
}

fn text(report: &Report) -> String {
    let mut text = format!("{}: {}\n\n", report.model.model_id, report.model.statement);
    let mut cases = Table::new(&["Case", ">Mean DSC", "Missing", ">Islands", ">Seconds"]);
    for case in &report.cases {
        let missing: Vec<&str> = case.stations.iter().filter(|s| s.found_cm3 == 0.0).map(|s| s.station).collect();
        cases.row([
            case.name.clone(),
            number(case.mean_dsc, 3),
            if missing.is_empty() { "-".to_owned() } else { missing.join(" ") },
            case.islands.to_string(),
            format!("{:.1}", case.seconds),
        ]);
    }
    text.push_str(&cases.to_string());
    let mut table =
        Table::new(&["Station", ">Cases", ">DSC", ">HD95 mm", ">SDSC 3 mm", ">Superior mm", ">Inferior mm"]);
    for row in &report.stations {
        table.row([
            row.station.to_owned(),
            row.cases.to_string(),
            number(row.dsc, 3),
            number(row.hd95_mm, 1),
            number(row.surface_dsc_3mm, 3),
            number(row.superior_mm, 1),
            number(row.inferior_mm, 1),
        ]);
    }
    text.push_str(&format!("\n{table}\nMean DSC over stations {}\n", number(report.mean_dsc, 3)));
    if let Some(near) = &report.near_gtv {
        text.push_str(&format!(
            "Within 20 mm of the GTV: {:.3} with the GTV, {:.3} with an empty one\n",
            near.with, near.without
        ));
    }
    if report.ctv_dsc.is_some() {
        text.push_str(&format!(
            "CTV: DSC {} of the network's, {} of the GTV with the usual margin\n",
            number(report.ctv_dsc, 3),
            number(report.margin_ctv_dsc, 3)
        ));
    }
    if report.reference == "rules" {
        text.push_str("The reference was drawn by the rules: this is agreement with them, and not accuracy.\n");
    }
    text.push_str(report.research_only);
    text.push('\n');
    text
}
