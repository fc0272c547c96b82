//! `hilum recurrence`: where the recurrence of a follow-up CT lies on the planning CT.

mod picture;
mod transform;

use super::analyze::png;
use super::case_args::{CaseArgs, FeatureArgs, ctv_used, find_roi, parse_role};
use super::export::{ExportArgs, export_case, require_images};
use super::failure::Failure;
use super::output::{self, Table, number};
use super::rule_args::RuleArgs;
use super::segment::segment_case;
use super::terminal::Terminal;
use crate::anatomy::draw_stations;
use crate::contour::Mask;
use crate::dicom::LoadedOverlay;
use crate::image::{Quantity, WindowLevel};
use crate::progress::Progress;
use crate::recurrence::{
    Coverage, Localisation, Moved, Pattern, PatternLimits, Plan, StationShare, describe_pattern, locate, move_contours,
    station_coverage,
};
use crate::registration::{Guide, SurfaceGap};
use crate::structures::{Provenance, Roi, RoiId, Role, Station};
use crate::workbench::{Case, CtvChoice, ExportFormat, SeriesChoice, find_overlay};
use picture::Board;
use std::path::PathBuf;
use std::str::FromStr;
use transform::{Transform, TransformArgs};

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
    stations: Option<StationSource>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum StationSource {
    Set,
    Rules,
    Network,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Confirmed(Option<Station>);

fn parse_source(text: &str) -> Result<StationSource, String> {
    match text.to_lowercase().as_str() {
        "set" => Ok(StationSource::Set),
        "rules" => Ok(StationSource::Rules),
        "network" => Ok(StationSource::Network),
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

/// Says that a station is no finding of the program.
const STATEMENT: &str = "a proposal by overlap of contours after a rigid registration: lungs and mediastinum move and shrink after treatment; a physicist looks at the images and confirms the station";

#[derive(serde::Serialize)]
struct RecurrenceRow {
    drawn_cm3: f64,
    volume_cm3: f64,
    outside_ct_cm3: f64,
    x: f64,
    y: f64,
    z: f64,
}

#[derive(serde::Serialize)]
struct Correction {
    shift_mm: [f64; 3],
    turn_degrees: [f64; 3],
}

#[derive(serde::Serialize)]
struct RegistrationRow {
    source: String,
    transform: [f64; 16],
    shift_mm: f64,
    turn_degrees: f64,
    correction: Option<Correction>,
    correlation: Option<f64>,
    shared_percent: Option<f64>,
    bone: Option<SurfaceGap>,
    lung: Option<SurfaceGap>,
    problem: Option<String>,
}

#[derive(serde::Serialize)]
struct StationRow {
    proposed: Option<Station>,
    nearest: Option<Station>,
    nearest_mm: Option<f64>,
    confirmed: Option<Station>,
    confirmed_none: bool,
    statement: &'static str,
}

#[derive(serde::Serialize)]
struct CtvRow {
    names: Vec<String>,
    inside_cm3: f64,
    inside_percent: f64,
    pattern: Pattern,
}

#[derive(serde::Serialize)]
struct DoseRow {
    reference_gy: f64,
    reference_origin: String,
    isodose_percent: f64,
    isodose_gy: f64,
    inside_cm3: f64,
    inside_percent: f64,
    pattern: Pattern,
    min_gy: Option<f64>,
    mean_gy: Option<f64>,
    max_gy: Option<f64>,
    covered_percent: f64,
}

#[derive(serde::Serialize)]
struct Report {
    structure: String,
    recurrence: RecurrenceRow,
    registration: RegistrationRow,
    stations_by: StationSource,
    stations: Vec<StationShare>,
    outside_cm3: f64,
    station: StationRow,
    ctv: Option<CtvRow>,
    dose: Option<DoseRow>,
    coverage: Vec<Coverage>,
    limits: PatternLimits,
    definitions: Vec<String>,
    checkerboard: Option<String>,
    proof: Option<serde_json::Value>,
    notes: Vec<String>,
    research_only: &'static str,
}

/// A dose in Gy with the level that counts as treated.
struct Treated {
    loaded: LoadedOverlay,
    reference_gy: f64,
    reference_origin: String,
    level_gy: f64,
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
        let ids = [&case, &later].map(|c| c.image.meta.patient.id.trim());
        if ids.iter().all(|id| !id.is_empty()) && ids[0] != ids[1] {
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
        let problem = match &transform.fit {
            Some(fit) => fit.problem(),
            None => Some("the two scans do not overlap".to_owned()),
        };
        if let Some(problem) = &problem {
            notes.push(format!("the registration is doubtful: {problem}"));
        }
        let drawn = later.structures().get(id).map(|roi| roi.slices.clone()).unwrap_or_default();
        let moved = move_contours(&drawn, later.grid(), case.grid(), &transform.planning_from_followup);
        if moved.outside_cm3 > 0.01 * moved.drawn_cm3 {
            notes.push(format!(
                "{:.1} of {:.1} cm3 of the recurrence lie beyond the planning CT and are not counted",
                moved.outside_cm3, moved.drawn_cm3
            ));
        }
        let (stations_by, stations) = self.stations(&mut case, &mut notes, terminal)?;
        let ctv = case.role_mask(Role::Ctv);
        let plan = Plan {
            grid: case.grid(),
            stations: &stations,
            ctv: &ctv,
            dose: treated.as_ref().map(|t| (&t.loaded.volume, t.level_gy)),
        };
        let found = locate(&moved.mask, &plan, &limits).ok_or_else(|| {
            Failure::Refused(
                "after the registration the recurrence lies beyond the planning CT; check the registration, or it cannot be placed on this plan".into(),
            )
        })?;
        let mut coverage = found.coverage.clone();
        if let Some(Confirmed(Some(station))) = self.confirm
            && coverage.iter().all(|c| c.station != station)
        {
            match station_coverage(station, &plan) {
                Some(more) => coverage.push(more),
                None => notes.push(format!("station {station}, which was confirmed, is not drawn on the planning CT")),
            }
        }
        let board = Board {
            planning: &case.image.volume,
            followup: &later.image.volume,
            planning_from_followup: transform.planning_from_followup,
            recurrence: &moved.mask,
            ctv: &ctv,
            window: if transform.guide == Guide::Lung { WindowLevel::LUNG } else { WindowLevel::MEDIASTINUM },
        };
        if let Some(path) = &self.checkerboard {
            terminal.checkpoint()?;
            output::write_file(path, &png(&board.draw(found.center))?, self.overwrite)?;
        }
        let names = ctv_used(&case).names;
        let proof = match &export {
            Some(export) => {
                add_recurrence(&mut case, &self.structure, &moved, &transform)?;
                Some(export_case(&case, export, self.hide_identifiers, terminal)?)
            }
            None => None,
        };
        terminal.finish();
        for note in notes.iter().filter(|n| !n.starts_with("planning: ") && !n.starts_with("follow-up: ")) {
            terminal.note(&format!("note: {note}"));
        }
        let report = Report {
            structure: self.structure.clone(),
            recurrence: recurrence_row(&found, &moved),
            registration: registration_row(&transform, &later, problem),
            stations_by,
            stations: found.stations.clone(),
            outside_cm3: found.outside_cm3,
            station: self.station_row(&found),
            ctv: found.ctv.map(|e| CtvRow {
                names,
                inside_cm3: e.inside_cm3,
                inside_percent: e.inside_percent,
                pattern: e.pattern,
            }),
            dose: self.dose_row(treated.as_ref(), &found),
            coverage,
            limits,
            definitions: definitions(&limits, self.isodose),
            checkerboard: self
                .checkerboard
                .as_ref()
                .filter(|_| !self.hide_identifiers)
                .map(|p| p.display().to_string()),
            proof: proof.as_ref().map(serde_json::to_value).transpose().map_err(Failure::failed)?,
            notes,
            research_only: crate::RESEARCH_ONLY,
        };
        if self.json {
            return output::print_json(&report);
        }
        let mut text = report.text();
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
        let level_gy = self.isodose / 100.0 * reference_gy;
        Ok(Some(Treated { loaded, reference_gy, reference_origin, level_gy }))
    }

    /// The masks of the stations.
    fn stations(
        &self,
        case: &mut Case,
        notes: &mut Vec<String>,
        terminal: &Terminal,
    ) -> Result<(StationSource, [Mask; Station::COUNT]), Failure> {
        let of_set = |case: &Case| -> [Mask; Station::COUNT] {
            std::array::from_fn(|n| {
                Station::from_index(n).map_or_else(Mask::default, |s| case.role_mask(Role::Station(s)))
            })
        };
        let has_own = case.structures().rois.iter().any(|r| r.role.is_station());
        let source = self.stations.unwrap_or(if has_own { StationSource::Set } else { StationSource::Rules });
        let masks = match source {
            StationSource::Set if has_own => of_set(case),
            StationSource::Set => {
                return Err(Failure::Refused(
                    "no structure of PLANNING is a station; name one with --role, or draw them with --stations rules or network"
                        .into(),
                ));
            }
            StationSource::Rules => {
                let set = draw_stations(&self.rules.sources(case, terminal)?).map_err(Failure::refused)?;
                notes.push(format!("stations by {}: {}", set.rules.title(), set.quality.label()));
                set.masks
            }
            StationSource::Network => {
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

    fn station_row(&self, found: &Localisation) -> StationRow {
        StationRow {
            proposed: found.main,
            nearest: found.nearest.filter(|_| found.main.is_none()).map(|n| n.0),
            nearest_mm: found.nearest.filter(|_| found.main.is_none()).map(|n| n.1),
            confirmed: self.confirm.and_then(|c| c.0),
            confirmed_none: self.confirm == Some(Confirmed(None)),
            statement: STATEMENT,
        }
    }

    fn dose_row(&self, treated: Option<&Treated>, found: &Localisation) -> Option<DoseRow> {
        let (treated, dose) = (treated?, found.dose?);
        Some(DoseRow {
            reference_gy: treated.reference_gy,
            reference_origin: treated.reference_origin.clone(),
            isodose_percent: self.isodose,
            isodose_gy: treated.level_gy,
            inside_cm3: dose.isodose.inside_cm3,
            inside_percent: dose.isodose.inside_percent,
            pattern: dose.isodose.pattern,
            min_gy: dose.min_gy,
            mean_gy: dose.mean_gy,
            max_gy: dose.max_gy,
            covered_percent: dose.covered_percent,
        })
    }
}

/// Mean of the voxels of a structure.
fn middle(case: &Case, id: RoiId) -> Option<crate::geometry::PatientPoint> {
    let (mut sum, mut n) = (glam::DVec3::ZERO, 0.0);
    for (&k, slice) in &case.mask(id).slices {
        for (j, i) in slice.voxels() {
            sum += case.grid().patient_from_voxel(k, j as f64, i as f64);
            n += 1.0;
        }
    }
    (n > 0.0).then(|| sum / n)
}

/// The moved recurrence as a structure of the planning case.
fn add_recurrence(case: &mut Case, name: &str, moved: &Moved, transform: &Transform) -> Result<(), Failure> {
    let (shift, turn) = transform.planning_from_followup.size();
    let recipe = format!(
        "\"{name}\" of the follow-up, moved by a rigid registration ({}; {turn:.1} degrees, {shift:.0} mm)",
        transform.source
    );
    let provenance = Provenance::Computed { recipe };
    let mut roi = Roi::new(case.new_id(), case.free_name(name), [255, 60, 60], Role::Other, provenance);
    roi.slices.clone_from(&moved.slices);
    let edit = case.add_edit("Add the recurrence", roi);
    case.apply(edit).map_err(Failure::failed)
}

fn recurrence_row(found: &Localisation, moved: &Moved) -> RecurrenceRow {
    RecurrenceRow {
        drawn_cm3: moved.drawn_cm3,
        volume_cm3: found.volume_cm3,
        outside_ct_cm3: moved.outside_cm3,
        x: found.center.x,
        y: found.center.y,
        z: found.center.z,
    }
}

fn registration_row(transform: &Transform, followup: &Case, problem: Option<String>) -> RegistrationRow {
    let motion = &transform.planning_from_followup;
    let center = followup.grid().center();
    let fit = transform.fit.as_ref();
    RegistrationRow {
        source: transform.source.clone(),
        transform: motion.rows(),
        shift_mm: motion.apply(center).distance(center),
        turn_degrees: motion.size().1,
        correction: transform
            .correction
            .map(|[shift, turn]| Correction { shift_mm: shift.to_array(), turn_degrees: turn.to_array() }),
        correlation: fit.map(|f| f.correlation),
        shared_percent: fit.map(|f| f.shared * 100.0),
        bone: fit.and_then(|f| f.bone),
        lung: fit.and_then(|f| f.lung),
        problem,
    }
}

fn definitions(limits: &PatternLimits, isodose: f64) -> Vec<String> {
    vec![
        "The recurrence on the planning CT: its contours, moved rigidly and cut by the planning slices; voxels whose centres lie inside"
            .into(),
        "stations: share of the volume of the recurrence in each; the largest is proposed. Less than 0.1 cm3 or 1 % is not counted"
            .into(),
        describe_pattern(limits, "the CTV"),
        describe_pattern(limits, &format!("the {isodose} % isodose")),
        "The usual limits are those of Lee et al. 1999 (80 and 20 %); Dawson et al. 2000 take 95 % for in field".into(),
        "coverage: what of the whole station lies inside the CTV or the isodose of this plan (actual over standard)".into(),
    ]
}

impl Report {
    fn text(&self) -> String {
        let r = &self.registration;
        let mut text = format!(
            "{}: {:.1} cm3 on the planning CT ({:.1} cm3 as drawn), its middle at {:.1}, {:.1}, {:.1} mm\n",
            self.structure,
            self.recurrence.volume_cm3,
            self.recurrence.drawn_cm3,
            self.recurrence.x,
            self.recurrence.y,
            self.recurrence.z
        );
        text.push_str(&format!(
            "Registration ({}): {:.1} mm, {:.2} degrees{}",
            r.source,
            r.shift_mm,
            r.turn_degrees,
            if r.correction.is_some() { ", corrected by hand" } else { "" }
        ));
        if let Some(correlation) = r.correlation {
            text.push_str(&format!("; correlation {correlation:.3}"));
        }
        for (what, gap) in [("bones", r.bone), ("lungs", r.lung)] {
            if let Some(gap) = gap {
                text.push_str(&format!("; {what} {:.1} mm apart (95 %: {:.1})", gap.mean_mm, gap.p95_mm));
            }
        }
        text.push('\n');
        if let Some(problem) = &r.problem {
            text.push_str(&format!("Doubtful: {problem}\n"));
        }
        let by = match self.stations_by {
            StationSource::Set => "the structure set",
            StationSource::Rules => "the rules",
            StationSource::Network => "the network",
        };
        text.push_str(&match (self.station.proposed, self.station.nearest) {
            (Some(station), _) => format!("Station proposed: {station} (stations by {by})\n"),
            (None, Some(nearest)) => format!(
                "Station proposed: none; the nearest is {nearest}, {:.1} mm away (stations by {by})\n",
                self.station.nearest_mm.unwrap_or_default()
            ),
            (None, None) => format!("Station proposed: none, and none within 80 mm (stations by {by})\n"),
        });
        let mut table =
            Table::new(&["Station", ">Recurrence cm3", ">%", ">Station cm3", ">In CTV cm3", ">%", ">In isodose %"]);
        for row in &self.coverage {
            let share = self.stations.iter().find(|s| s.station == row.station);
            table.row([
                row.station.to_string(),
                number(share.map(|s| s.cm3), 2),
                number(share.map(|s| s.percent), 1),
                number(Some(row.station_cm3), 1),
                number(row.ctv_cm3, 1),
                number(row.ctv_percent, 1),
                number(row.isodose_percent, 1),
            ]);
        }
        if !self.coverage.is_empty() {
            text.push_str(&table.to_string());
        }
        text.push_str(&format!("In no station: {:.2} cm3\n", self.outside_cm3));
        text.push_str(&match &self.ctv {
            Some(ctv) => {
                format!(
                    "By the CTV ({}): {}, {:.1} % inside\n",
                    ctv.names.join(", "),
                    ctv.pattern.label(),
                    ctv.inside_percent
                )
            }
            None => "By the CTV: no structure has that role; give one with --ctv\n".to_owned(),
        });
        if let Some(dose) = &self.dose {
            text.push_str(&format!(
                "By the {} % isodose ({:.1} Gy of {:.1} Gy, {}): {}, {:.1} % inside; dose in it {} to {} Gy, mean {}\n",
                dose.isodose_percent,
                dose.isodose_gy,
                dose.reference_gy,
                dose.reference_origin,
                dose.pattern.label(),
                dose.inside_percent,
                number(dose.min_gy, 1),
                number(dose.max_gy, 1),
                number(dose.mean_gy, 1)
            ));
        }
        for definition in &self.definitions {
            text.push_str(&format!("{definition}\n"));
        }
        text.push_str(&match (self.station.confirmed, self.station.confirmed_none) {
            (Some(station), _) => format!("Confirmed: {station}\n"),
            (None, true) => "Confirmed: in no station\n".to_owned(),
            (None, false) => "Not confirmed yet: look at the checkerboard, then add --confirm STATION\n".to_owned(),
        });
        text.push_str(&format!("The station is {STATEMENT}.\n"));
        text
    }
}
