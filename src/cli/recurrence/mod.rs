//! `hilum recurrence`: where the recurrence of a follow-up CT lies on the planning CT.

mod picture;
mod text;
mod transform;

use super::analyze::png;
use super::case_args::{CaseArgs, FeatureArgs, ctv_used, find_roi, parse_role};
use super::export::{ExportArgs, export_case, require_images};
use super::failure::Failure;
use super::output;
use super::rule_args::RuleArgs;
use super::segment::segment_case;
use super::terminal::Terminal;
use crate::anatomy::draw_stations;
use crate::contour::Mask;
use crate::image::{Quantity, WindowLevel};
use crate::progress::Progress;
use crate::recurrence::PatternLimits;
use crate::registration::Guide;
use crate::structures::{Role, Station};
use crate::workbench::followup::{
    Confirmed, Facts, PlanSide, RecurrenceReport, StationsBy, Treated, middle, names_another, place, recurrence_edit,
    station_masks,
};
use crate::workbench::{Case, CtvChoice, ExportFormat, SeriesChoice, find_overlay};
use picture::Board;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use transform::TransformArgs;

/// Find where a recurrence lies: station, pattern by CTV and isodose, coverage of its station
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The follow-up CT is laid over the planning CT by a rigid registration (bone, lung or body), the contour of the recurrence is
moved with it, and compared with stations, CTV and dose of the plan. Look at the checkerboard (--checkerboard) before you
believe a figure; correct by hand with --shift and --turn, or give the registration of your planning system (--transform).
Two scans that do not fit are refused.

The station is a proposal: a physicist looks at it and confirms it with --confirm, which is kept in the JSON. Many such files
become the counts of a cohort with hilum cohort recurrences.

Examples:
  hilum recurrence /data/p1/plan /data/p1/followup --structure GTVrec --checkerboard p1.png
  hilum recurrence /data/p1/plan /data/p1/followup --structure GTVrec --shift 0,0,3 --confirm 4R --json > p1.json
  hilum recurrence plan followup --structure Recurrence --transform reg.dcm --in-field 95 -o moved.dcm

JSON keys:
  structure      name of the recurrence in the follow-up
  recurrence     {drawn_cm3, volume_cm3 (on the planning CT), outside_ct_cm3 (beyond the planning CT), x, y, z (its middle,
                 patient mm)}
  registration   {source (bone, lung, body, none or file), transform (sixteen numbers row by row: points of the follow-up to
                 points of the planning CT), shift_mm, turn_degrees (how much it moves the middle of the follow-up CT, and its
                 whole turn), correction {shift_mm, turn_degrees} (by hand, x, y, z, or null), correlation (of the CT numbers
                 that were compared), shared_percent (of them in both scans), bone {mean_mm, p95_mm, points} (between the
                 surfaces of the bones), lung {mean_mm, p95_mm, points} (all four null where nothing could be measured),
                 problem (why the fit is doubtful, or null)}
  stations_by    set, rules or network
  stations       what of the recurrence lies in each [{station, cm3, percent}]
  outside_cm3    of the recurrence in no station
  station        {proposed (the largest share, or null), nearest, nearest_mm (where it touches none; null farther than 80 mm),
                 confirmed (by --confirm, or null), confirmed_none (true for --confirm none), statement}
  ctv            null without a CTV {names, inside_cm3, inside_percent (of the recurrence), pattern (in_field, marginal,
                 out_of_field)}
  dose           null without a dose in Gy {reference_gy (100 %), reference_origin, isodose_percent, isodose_gy, inside_cm3,
                 inside_percent, pattern, min_gy, mean_gy, max_gy (in the recurrence), covered_percent (of the recurrence with
                 a known dose)}
  coverage       of the stations that it touches and of the confirmed one [{station, station_cm3, ctv_cm3, ctv_percent,
                 isodose_cm3, isodose_percent}] (null without CTV or dose)
  limits         {in_field, out_of_field} (percent)
  definitions    what the figures mean, sentences
  checkerboard   the picture that was written, or null
  proof          as printed by hilum export --json, or null
  notes          remarks of both imports, and what was chosen
  research_only  a sentence")]
pub struct RecurrenceCommand {
    /// Folder or file with the planning CT, its structures and dose
    #[arg(value_name = "PLANNING")]
    planning: PathBuf,
    /// Folder or file with the follow-up CT and the recurrence
    #[arg(value_name = "FOLLOWUP")]
    followup: PathBuf,
    /// Name of the recurrence in the follow-up
    #[arg(long, value_name = "NAME")]
    structure: String,
    /// Which CT series of PLANNING, if it holds several
    #[arg(long, value_name = "UID|NUMBER")]
    planning_series: Option<SeriesChoice>,
    /// Which CT series of FOLLOWUP, if it holds several
    #[arg(long, value_name = "UID|NUMBER")]
    followup_series: Option<SeriesChoice>,
    /// Give a structure of PLANNING a role: gtvp, gtvn, ctv, organ, other, or a station such as 4R
    #[arg(long = "role", value_name = "ROI=ROLE", value_parser = parse_role)]
    roles: Vec<(String, Role)>,
    /// Go on although the import doubts the geometry of a scan (a missing slice, say)
    #[arg(long)]
    accept_geometry: bool,
    #[command(flatten)]
    transform: TransformArgs,
    /// Who draws the stations: the structures of PLANNING, the rules or the network; without it its structures, else the rules
    #[arg(long, value_name = "set|rules|network", value_parser = parse_source)]
    stations: Option<StationsBy>,
    /// Folder of the network, or the name of one that comes with the program
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    #[command(flatten)]
    rules: RuleArgs,
    /// The CTV: the name of a structure of PLANNING; without it the structures with role CTV
    #[arg(long, value_name = "NAME")]
    ctv: Option<String>,
    /// Which dose, as hilum overlay takes it; without it the first in Gy
    #[arg(long, value_name = "NAME", conflicts_with = "no_dose")]
    dose: Option<String>,
    /// Leave the dose out
    #[arg(long)]
    no_dose: bool,
    /// The dose that counts as 100 %, Gy, instead of that of the plan
    #[arg(long, value_name = "GY", value_parser = positive)]
    prescription: Option<f64>,
    /// The isodose that counts as treated, percent
    #[arg(long, value_name = "PERCENT", default_value = "95", value_parser = positive)]
    isodose: f64,
    /// In field from this share of the recurrence inside on, percent of its volume
    #[arg(long, value_name = "PERCENT", default_value_t = PatternLimits::default().in_field, value_parser = percent)]
    in_field: f64,
    /// Out of field below this share
    #[arg(long, value_name = "PERCENT", default_value_t = PatternLimits::default().out_of_field, value_parser = percent)]
    out_of_field: f64,
    /// The station as you confirm it, such as 4R, or none
    #[arg(long, value_name = "STATION|none", value_parser = parse_confirmed)]
    confirm: Option<Confirmed>,
    /// Write a picture: both scans in squares through the recurrence, axial, coronal and sagittal
    #[arg(long, value_name = "FILE.png")]
    checkerboard: Option<PathBuf>,
    /// Write the structures of PLANNING with the moved recurrence as a new structure set
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace these files if they are there (never a file of the cases)
    #[arg(long)]
    overwrite: bool,
    /// Leave paths, labels and dates out
    #[arg(long)]
    hide_identifiers: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_source(text: &str) -> Result<StationsBy, String> {
    match text.to_lowercase().as_str() {
        "set" => Ok(StationsBy::Set),
        "rules" => Ok(StationsBy::Rules),
        "network" => Ok(StationsBy::Network),
        _ => Err("write set, rules or network".into()),
    }
}

fn parse_confirmed(text: &str) -> Result<Confirmed, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Confirmed(None));
    }
    Station::from_str(text).map(|s| Confirmed(Some(s))).map_err(|e| format!("{e}; or write none"))
}

fn positive(text: &str) -> Result<f64, String> {
    let value = text.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v > 0.0);
    value.ok_or_else(|| "write a number above 0".to_owned())
}

fn percent(text: &str) -> Result<f64, String> {
    let value = text.trim().parse::<f64>().ok().filter(|v| (0.0..=100.0).contains(v));
    value.ok_or_else(|| "write a number from 0 to 100".to_owned())
}

impl RecurrenceCommand {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let limits = PatternLimits { in_field: self.in_field, out_of_field: self.out_of_field };
        if limits.in_field < limits.out_of_field {
            return Err(Failure::Usage("--in-field must not be less than --out-of-field".into()));
        }
        let export =
            self.output.as_ref().map(|output| ExportArgs { output: output.clone(), overwrite: self.overwrite });
        let targets: Vec<&PathBuf> = self.output.iter().chain(&self.checkerboard).collect();
        for target in targets.iter().filter(|_| !self.overwrite) {
            output::refuse_existing(target)?;
        }
        self.rules.rules()?;
        let planning_args = CaseArgs {
            series: self.planning_series.clone(),
            roles: self.roles.clone(),
            accept_geometry: self.accept_geometry,
            ..CaseArgs::of(&self.planning)
        };
        let followup_args = CaseArgs {
            series: self.followup_series.clone(),
            accept_geometry: self.accept_geometry,
            ..CaseArgs::of(&self.followup)
        };
        let planning = planning_args.load_hiding(self.hide_identifiers, terminal)?;
        let mut followup = followup_args.load_quietly(self.hide_identifiers, terminal)?;
        // Of the follow-up only the recurrence is used, whatever its name may mean.
        followup.choices.retain(|choice| !choice.starts_with("roles were guessed"));
        for remark in followup.notes() {
            terminal.note(&format!("follow-up: {remark}"));
        }
        for target in &targets {
            planning.refuse_source(target)?;
            followup.refuse_source(target)?;
        }
        let mut notes: Vec<String> = planning.notes().into_iter().map(|n| format!("planning: {n}")).collect();
        notes.extend(followup.notes().into_iter().map(|n| format!("follow-up: {n}")));
        let overlays = planning.loaded.found.overlays.clone();
        let (mut case, later) = (planning.loaded.case, followup.loaded.case);
        planning_args.check_geometry(&case)?;
        followup_args.check_geometry(&later)?;
        if export.is_some() {
            require_images(&case, ExportFormat::StructureSet)?;
        }
        if names_another(&case, &later) {
            notes.push("the two CTs name different patients: check that they are of one".into());
        }
        let id = find_roi(&later, &self.structure)?;
        let middle = middle(&later, id).ok_or_else(|| {
            Failure::Refused(format!(
                "\"{}\" has no contours in the follow-up; draw the recurrence there",
                self.structure
            ))
        })?;
        if let Some(name) = &self.ctv {
            let choice = FeatureArgs { ctv: Some(CtvChoice::Named(name.clone())), clinical: None };
            choice.apply(&mut case, terminal)?;
        }
        let treated = if self.no_dose { None } else { self.treated(&overlays, &mut notes, terminal)? };
        let transform = self.transform.find(&case, &later, middle, terminal)?;
        let (stations_by, stations) = self.stations(&mut case, &mut notes, terminal)?;
        let plan = PlanSide {
            grid: Arc::clone(case.grid()),
            stations: Box::new(stations),
            stations_by,
            ctv: case.role_mask(Role::Ctv),
            ctv_names: ctv_used(&case).names,
            treated,
            limits,
        };
        let drawn = later.structures().get(id).map(|roi| roi.slices.clone()).unwrap_or_default();
        let planning_from_followup = transform.motion.planning_from_followup(middle);
        let placement = place(&drawn, later.grid(), &planning_from_followup, plan);
        let found = placement.found.as_ref().ok_or_else(|| {
            Failure::Refused(
                "after the registration the recurrence lies beyond the planning CT; check the registration, or it cannot be placed on this plan".into(),
            )
        })?;
        let is_lung = transform.motion.source.guide() == Guide::Lung;
        let board = Board {
            planning: &case.image.volume,
            followup: &later.image.volume,
            planning_from_followup,
            recurrence: &placement.moved.mask,
            ctv: &placement.plan.ctv,
            window: if is_lung { WindowLevel::LUNG } else { WindowLevel::MEDIASTINUM },
        };
        if let Some(path) = &self.checkerboard {
            terminal.checkpoint()?;
            output::write_file(path, &png(&board.draw(found.center))?, self.overwrite)?;
        }
        let mut report = RecurrenceReport::new(Facts {
            structure: &self.structure,
            placement: &placement,
            found,
            motion: &transform.motion,
            middle,
            followup: later.grid(),
            fit: transform.fit.as_ref(),
            confirmed: self.confirm,
            notes,
        });
        report.checkerboard =
            self.checkerboard.as_ref().filter(|_| !self.hide_identifiers).map(|p| p.display().to_string());
        let proof = match &export {
            Some(export) => {
                let edit = recurrence_edit(&mut case, &self.structure, &placement.moved, &transform.motion, middle);
                case.apply(edit).map_err(Failure::failed)?;
                Some(export_case(&case, export, self.hide_identifiers, terminal)?)
            }
            None => None,
        };
        report.proof = proof.as_ref().map(serde_json::to_value).transpose().map_err(Failure::failed)?;
        terminal.finish();
        let of_import = |n: &&String| n.starts_with("planning: ") || n.starts_with("follow-up: ");
        for note in report.notes.iter().filter(|n| !of_import(n)) {
            terminal.note(&format!("note: {note}"));
        }
        if self.json {
            return output::print_json(&report);
        }
        let mut text = text::of(&report);
        if let Some(proof) = &proof {
            text.push_str(&format!("{}\n", proof.summary()));
        }
        output::print(&format!("{text}{}\n", crate::RESEARCH_ONLY))
    }

    /// The dose that counts, with the level of the isodose.
    fn treated(
        &self,
        overlays: &[crate::dicom::OverlaySource],
        notes: &mut Vec<String>,
        terminal: &Terminal,
    ) -> Result<Option<Treated>, Failure> {
        let source = match &self.dose {
            Some(name) => find_overlay(overlays, name).map_err(Failure::Refused)?,
            None => {
                let doses = || overlays.iter().filter(|o| o.kind == crate::dicom::OverlayKind::Dose);
                let Some(source) = doses().find(|o| o.placement.is_ok()) else {
                    let reasons = doses().filter_map(|o| o.placement.as_ref().err());
                    notes.extend(reasons.map(|why| format!("a dose was left out: {why}")));
                    if self.prescription.is_some() {
                        return Err(Failure::Usage("--prescription is for a dose, and PLANNING has none".into()));
                    }
                    return Ok(None);
                };
                source
            }
        };
        let loaded = source
            .load(terminal)
            .map_err(|e| if e.is_cancelled() { Failure::Cancelled } else { Failure::refused(e) })?;
        if loaded.volume.quantity != Quantity::Dose {
            if self.dose.is_some() {
                return Err(Failure::Refused(
                    "the pattern by an isodose needs a dose in Gy; choose another one".into(),
                ));
            }
            notes.push("the dose was left out: it is not in Gy".into());
            return Ok(None);
        }
        notes.extend(loaded.warnings.iter().map(|w| super::case_args::remark(w, self.hide_identifiers)));
        let (reference_gy, reference_origin) = match (self.prescription, &loaded.reference) {
            (Some(gy), _) => (gy, "given with --prescription".to_owned()),
            (None, Some(reference)) => (reference.gy, reference.origin.clone()),
            (None, None) => {
                notes.push("the dose was left out: it has no value, and no prescription is known".into());
                return Ok(None);
            }
        };
        let isodose_percent = self.isodose;
        Ok(Some(Treated { loaded: Arc::new(loaded), reference_gy, reference_origin, isodose_percent }))
    }

    /// The masks of the stations.
    fn stations(
        &self,
        case: &mut Case,
        notes: &mut Vec<String>,
        terminal: &Terminal,
    ) -> Result<(StationsBy, [Mask; Station::COUNT]), Failure> {
        let has_own = case.structures().rois.iter().any(|r| r.role.is_station());
        let source = self.stations.unwrap_or(if has_own { StationsBy::Set } else { StationsBy::Rules });
        let masks = match source {
            StationsBy::Set if has_own => *station_masks(case),
            StationsBy::Set => {
                return Err(Failure::Refused(
                    "no structure of PLANNING is a station; name one with --role, or draw them with --stations rules or network"
                        .into(),
                ));
            }
            StationsBy::Rules => {
                let set = draw_stations(&self.rules.sources(case, terminal)?).map_err(Failure::refused)?;
                notes.push(format!("stations by {}: {}", set.rules.title(), set.quality.label()));
                set.masks
            }
            StationsBy::Network => {
                let folder =
                    self.model.as_deref().map_or_else(crate::diunet::default_model_dir, crate::diunet::network_folder);
                // On a copy: what the network draws is no part of the planning case.
                let mut drawn = case.clone();
                let segmented = segment_case(&mut drawn, &folder, terminal)?;
                notes.push(format!(
                    "stations by the network {}: {}",
                    segmented.model.model_id, segmented.model.statement
                ));
                let mut masks: [Mask; Station::COUNT] = Default::default();
                for (station, id) in &segmented.drawn {
                    masks[station.index()] = drawn.mask(*id).clone();
                }
                masks
            }
        };
        Ok((source, masks))
    }
}
