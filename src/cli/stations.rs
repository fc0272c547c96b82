//! `hilum stations`: the sixteen stations drawn by the rules, as a new structure set, with what each rests on.

use super::case_args::CaseArgs;
use super::export::{ExportArgs, export_case, require_images};
use super::failure::Failure;
use super::output::{self, Table};
use super::rule_args::RuleArgs;
use super::terminal::Terminal;
use crate::anatomy::{
    LandmarkId, Landmarks, NodeReadout, Quality, Side, StationSet, draw_stations, read_nodes, side_of_primary,
};
use crate::geometry::VoxelGrid;
use crate::structures::{Role, Station, StationGrouping};
use crate::workbench::{Case, ExportFormat, add_rule_stations};
use std::path::PathBuf;

/// Draw the sixteen stations of the IASLC map by its rules and write a new structure set
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Body, lungs, airway and bones are found in the CT. Structures of the case with known names (those of TotalSegmentator v2
and of TG-263) are taken as organs: vessels, heart, esophagus, bones; landmarks on them are read off, the others are
estimated from the carina. Where no great vessels are known, straight lines stand in for their borders, and vessels are
not cut out of the stations. The GTVp is no part of a station. What is drawn is a place to begin, to be looked at slice by slice.

Stations that the case has stay; those of the rules are added beside them as zRule_... . Without -o nothing is written.
The description of every structure names rules, version, quality and landmarks. The file is proved by reading it back.

With a GTVn the stations that it touches are listed, and with the side of the GTVp (or --side) the N category that follows
from the map: a read-out of contours, and no staging.

Examples:
  hilum stations /data/patient1 -o stations.dcm
  hilum stations /data/patient1 --landmark z_azy=-93 --landmark z_archB=-80 -o stations.dcm
  hilum stations /data/patient1 --rules michigan-2005 --group chapet12 --json
  hilum stations --demo --switch st8_from_carina

JSON keys:
  rules          {key, name, version, switches [{key, text, on}]}
  quality        organs, estimated_landmarks, vessels_by_numbers or airway_only
  quality_words  the same in words
  landmarks      [{key, name, x, y, z (patient mm), source (found, structure, user, estimated), spread_mm}]
  stations       [{station, name (of the structure, or null where nothing was drawn), volume_cm3, slices, first_slice,
                 last_slice (from 1), top_z, bottom_z (of these slices, mm), superior and inferior {z, landmark, source,
                 text}}]
  groups         of --group [{label, stations, volume_cm3}]
  nodes          null without a GTVn {touched [{station, cm3}], outside_cm3 (of the GTVn in no station), side (of the
                 primary, or null), category (N1, N2a, N2b, N3 or null), statement}
  proof          as printed by hilum export --json, or null
  notes          remarks of the import, and what was chosen
  research_only  a sentence")]
pub struct StationsCommand {
    #[command(flatten)]
    case: CaseArgs,
    #[command(flatten)]
    rules: RuleArgs,
    /// How the stations are counted: atomic16, paper14 (without 11), merged14 (10 with 11), chapet12 or zones
    #[arg(long, value_name = "KEY", default_value = "atomic16", value_parser = parse_group)]
    group: &'static StationGrouping,
    /// Side of the primary, where no GTVp tells it
    #[arg(long, value_name = "right|left", value_parser = parse_side)]
    side: Option<Side>,
    /// The structure set to write
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there (never a structure set that the case was read from)
    #[arg(long, requires = "output")]
    overwrite: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_group(text: &str) -> Result<&'static StationGrouping, String> {
    let keys = || StationGrouping::all().iter().map(|g| g.key).collect::<Vec<_>>().join(", ");
    StationGrouping::by_key(text).ok_or_else(|| format!("there is no grouping \"{text}\"; there are {}", keys()))
}

fn parse_side(text: &str) -> Result<Side, String> {
    match text {
        "right" | "r" => Ok(Side::Right),
        "left" | "l" => Ok(Side::Left),
        _ => Err("write right or left".into()),
    }
}

#[derive(serde::Serialize)]
struct SwitchRow {
    key: String,
    text: String,
    on: bool,
}

#[derive(serde::Serialize)]
struct RulesUsed {
    key: String,
    name: String,
    version: u32,
    switches: Vec<SwitchRow>,
}

#[derive(serde::Serialize)]
struct LandmarkRow {
    key: &'static str,
    name: &'static str,
    x: f64,
    y: f64,
    z: f64,
    source: &'static str,
    spread_mm: Option<f64>,
}

#[derive(serde::Serialize)]
struct LimitRow {
    z: f64,
    landmark: &'static str,
    source: Option<&'static str>,
    text: String,
}

#[derive(serde::Serialize)]
struct StationRow {
    station: &'static str,
    name: Option<String>,
    volume_cm3: f64,
    slices: usize,
    first_slice: Option<usize>,
    last_slice: Option<usize>,
    top_z: Option<f64>,
    bottom_z: Option<f64>,
    superior: LimitRow,
    inferior: LimitRow,
}

#[derive(serde::Serialize)]
struct GroupRow {
    label: &'static str,
    stations: Vec<&'static str>,
    volume_cm3: f64,
}

#[derive(serde::Serialize)]
struct Touched {
    station: &'static str,
    cm3: f64,
}

#[derive(serde::Serialize)]
struct NodesReport {
    touched: Vec<Touched>,
    outside_cm3: f64,
    side: Option<&'static str>,
    category: Option<&'static str>,
    statement: &'static str,
}

#[derive(serde::Serialize)]
struct Report {
    rules: RulesUsed,
    quality: &'static str,
    quality_words: &'static str,
    landmarks: Vec<LandmarkRow>,
    stations: Vec<StationRow>,
    groups: Vec<GroupRow>,
    nodes: Option<NodesReport>,
    proof: Option<serde_json::Value>,
    notes: Vec<String>,
    research_only: &'static str,
}

const NO_STAGING: &str =
    "a read-out of contours by the IASLC map (TNM 9); staging rests on imaging, pathology and judgement";

/// To the micrometer and to the cubic millimeter: more digits say nothing.
fn round(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0
}

impl StationsCommand {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let export =
            self.output.as_ref().map(|output| ExportArgs { output: output.clone(), overwrite: self.overwrite });
        if let Some(export) = &export {
            export.refuse_existing()?;
        }
        self.rules.rules()?;
        let opened = self.case.load(terminal)?;
        if let Some(path) = &self.output {
            opened.refuse_source(path)?;
            require_images(&opened.loaded.case, ExportFormat::StructureSet)?;
            self.case.check_geometry(&opened.loaded.case)?;
        }
        let notes = opened.notes();
        let mut case = opened.loaded.case;
        let sources = self.rules.sources(&case, terminal)?;
        let set = draw_stations(&sources).map_err(Failure::refused)?;
        let readout = self.readout(&case, &set);
        let names = if export.is_some() {
            add_rule_stations(&mut case, &set).map_err(Failure::failed)?
        } else {
            Default::default()
        };
        let proof = match &export {
            Some(export) => Some(export_case(&case, export, false, terminal)?),
            None => None,
        };
        terminal.finish();
        let grid = case.grid();
        let stations: Vec<StationRow> =
            Station::all().map(|s| station_row(&set, grid, s, names[s.index()].clone())).collect();
        let groups = self.group.groups.iter().map(|(label, of_group)| GroupRow {
            label,
            stations: of_group.iter().map(|s| s.label()).collect(),
            volume_cm3: round(of_group.iter().map(|s| set.masks[s.index()].volume_cm3(grid)).sum()),
        });
        let report = Report {
            rules: RulesUsed {
                key: set.rules.key.clone(),
                name: set.rules.name.clone(),
                version: set.rules.version,
                switches: set
                    .rules
                    .switches()
                    .map(|(key, text, on)| SwitchRow { key: key.into(), text: text.into(), on })
                    .collect(),
            },
            quality: quality_key(set.quality),
            quality_words: set.quality.label(),
            landmarks: landmark_rows(&set.landmarks),
            groups: groups.collect(),
            stations,
            nodes: readout.as_ref().map(nodes_report),
            proof: proof.as_ref().map(serde_json::to_value).transpose().map_err(Failure::failed)?,
            notes,
            research_only: crate::RESEARCH_ONLY,
        };
        if self.json {
            return output::print_json(&report);
        }
        let mut words = text(&report, &set, self.group);
        if let Some(proof) = &proof {
            words.push_str(&format!("{}\n", proof.summary()));
        }
        output::print(&format!("{words}{}\n", crate::RESEARCH_ONLY))
    }

    fn readout(&self, case: &Case, set: &StationSet) -> Option<NodeReadout> {
        let gtvn = case.role_mask(Role::Gtvn);
        if gtvn.is_empty() {
            return None;
        }
        let midline = set.landmarks.get(LandmarkId::Carina).map_or(0.0, |l| l.position.x);
        let side = self.side.or_else(|| side_of_primary(&case.role_mask(Role::Gtvp), case.grid(), midline));
        Some(read_nodes(&set.masks, &gtvn, case.grid(), side))
    }
}

fn quality_key(quality: Quality) -> &'static str {
    match quality {
        Quality::Organs => "organs",
        Quality::EstimatedLandmarks => "estimated_landmarks",
        Quality::VesselsByNumbers => "vessels_by_numbers",
        Quality::AirwayOnly => "airway_only",
    }
}

fn landmark_rows(landmarks: &Landmarks) -> Vec<LandmarkRow> {
    let row = |(id, l): (LandmarkId, &crate::anatomy::Landmark)| LandmarkRow {
        key: id.key(),
        name: id.label(),
        x: round(l.position.x),
        y: round(l.position.y),
        z: round(l.position.z),
        source: l.source.key(),
        spread_mm: l.spread_mm.map(round),
    };
    landmarks.iter().map(row).collect()
}

fn station_row(set: &StationSet, grid: &VoxelGrid, station: Station, name: Option<String>) -> StationRow {
    let mask = &set.masks[station.index()];
    let (row, band) = (set.rules.station(station), &set.bands[station.index()]);
    let limit = |z: f64, id: LandmarkId, text: &str| LimitRow {
        z: round(z),
        landmark: id.key(),
        source: set.landmarks.get(id).map(|l| l.source.key()),
        text: text.to_owned(),
    };
    let heights = || mask.slices.keys().map(|k| round(grid.patient_from_voxel(*k, 0.0, 0.0).z));
    StationRow {
        station: station.label(),
        name: name.filter(|_| !mask.is_empty()),
        volume_cm3: round(mask.volume_cm3(grid).max(0.0)),
        slices: mask.slices.len(),
        first_slice: mask.slices.keys().next().map(|k| k + 1),
        last_slice: mask.slices.keys().next_back().map(|k| k + 1),
        top_z: heights().reduce(f64::max),
        bottom_z: heights().reduce(f64::min),
        superior: limit(band.superior_mm, band.superior, &row.superior.text),
        inferior: limit(band.inferior_mm, band.inferior, &row.inferior.text),
    }
}

fn nodes_report(readout: &NodeReadout) -> NodesReport {
    NodesReport {
        touched: readout.touched.iter().map(|(s, cm3)| Touched { station: s.label(), cm3: round(*cm3) }).collect(),
        outside_cm3: round(readout.outside_cm3.max(0.0)),
        side: readout.side.map(Side::key),
        category: readout.category.map(crate::anatomy::NodeCategory::label),
        statement: NO_STAGING,
    }
}

fn text(report: &Report, set: &StationSet, group: &StationGrouping) -> String {
    let mut table = Table::new(&["Station", "> cm3", "> Slices", "> z from", "> to", "Limits"]);
    for row in &report.stations {
        let end = |limit: &LimitRow| format!("{} ({})", limit.text, limit.source.unwrap_or("-"));
        let number = |z: Option<f64>| output::number(z, 1);
        table.row([
            row.station.to_owned(),
            format!("{:.1}", row.volume_cm3),
            row.slices.to_string(),
            number(row.top_z),
            number(row.bottom_z),
            format!("{} to {}", end(&row.superior), end(&row.inferior)),
        ]);
    }
    let mut words = format!("{table}\n{}; {}\n", set.rules.title(), set.quality.label());
    if group.key != "atomic16" {
        let groups: Vec<String> = report.groups.iter().map(|g| format!("{} {:.1}", g.label, g.volume_cm3)).collect();
        words.push_str(&format!("Counted as {}, cm3: {}\n", group.name, groups.join(", ")));
    }
    if let Some(nodes) = &report.nodes {
        let touched: Vec<String> = nodes.touched.iter().map(|t| format!("{} ({:.1} cm3)", t.station, t.cm3)).collect();
        let touched = if touched.is_empty() { "no station".to_owned() } else { touched.join(", ") };
        let category = match (nodes.category, nodes.side) {
            (Some(category), Some(side)) => format!("{category} for a primary on the {side}"),
            (Some(category), None) => category.to_owned(),
            (None, None) => "no N category: the side of the primary is not known; give it with --side".to_owned(),
            (None, Some(_)) => "no N category".to_owned(),
        };
        let outside = nodes.outside_cm3;
        words.push_str(&format!(
            "The GTVn touches {touched}; {outside:.1} cm3 lie in none. {category}: {}\n",
            nodes.statement
        ));
    }
    words
}
