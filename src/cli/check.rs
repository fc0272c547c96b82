//! `hilum check`: the station contours of a case held against the rules.

use super::case_args::CaseArgs;
use super::failure::Failure;
use super::output::{self, Table};
use super::rule_args::RuleArgs;
use super::terminal::Terminal;
use crate::anatomy::{Finding, FindingKind, Quality, borders, check_stations, draw_rule_map};
use crate::contour::Mask;
use crate::structures::{Role, Station};
use std::time::Instant;

/// Hold the station contours of a case against the rules of the IASLC map, border by border
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Body, lungs, airway and bones are found in the CT; structures with known names (those of TotalSegmentator v2 and of TG-263)
are taken as organs, and landmarks are read off them. Without great vessels straight lines stand in for their borders and
landmarks on them are estimated from the carina: read the differences as places to look at. A difference never says who
is right. Within a slice up to 3 mm, and one slice at a limit, are not told.

Examples:
  hilum check /data/patient1
  hilum check /data/patient1 --json
  hilum check /data/patient1 --landmark z_azy=-93

JSON: quality, rules (name), rules_version, seconds, and findings, a list of
  station        such as 4R
  kind           absent, superior, inferior, missing, border, overlap, gap, organ
  with           the border in words, the other station or the organ, or null
  mm             beyond the border (positive) or short of it; null for volumes
  cm3            of overlap, gap and organ, or null
  slices         count
  first_slice, last_slice   from 1
  x, y, z        where it is most so, patient mm
  landmark, source          what the limit rests on, or null
  words          a sentence")]
pub struct CheckCommand {
    #[command(flatten)]
    case: CaseArgs,
    #[command(flatten)]
    rules: RuleArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Row {
    station: &'static str,
    kind: &'static str,
    with: Option<String>,
    mm: Option<f64>,
    cm3: Option<f64>,
    slices: usize,
    first_slice: Option<usize>,
    last_slice: Option<usize>,
    x: f64,
    y: f64,
    z: f64,
    landmark: Option<&'static str>,
    source: Option<&'static str>,
    words: String,
}

#[derive(serde::Serialize)]
struct Report {
    quality: &'static str,
    rules: String,
    rules_version: u32,
    seconds: f64,
    findings: Vec<Row>,
}

impl CheckCommand {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        self.rules.rules()?;
        let opened = self.case.load(terminal)?;
        let case = &opened.loaded.case;
        let masks: [Mask; Station::COUNT] = std::array::from_fn(|n| {
            let role = Station::from_index(n).map(Role::Station);
            let of_station = case.structures().rois.iter().filter(|roi| Some(roi.role) == role);
            of_station.fold(Mask::default(), |all, roi| all.union(case.mask(roi.id)))
        });
        if masks.iter().all(Mask::is_empty) {
            return Err(Failure::Refused(
                "no structure of this case has contours and the role of a station; name structures such as LN_4R, or run \
                 `hilum segment` first"
                    .to_owned(),
            ));
        }
        let sources = self.rules.sources(case, terminal)?;
        let start = Instant::now();
        let map = draw_rule_map(&sources).map_err(Failure::refused)?;
        let rules = sources.rules.name.clone();
        let findings: Vec<Row> =
            check_stations(&map, &sources, &masks).into_iter().map(|finding| row(&finding, &rules)).collect();
        let seconds = (start.elapsed().as_secs_f64() * 1e3).round() / 1e3;
        let quality = map.stations.quality;
        let report =
            Report { quality: quality.label(), rules, rules_version: sources.rules.version, seconds, findings };
        terminal.finish();
        if self.json { output::print_json(&report) } else { output::print(&text(&report, quality)) }
    }
}

fn row(finding: &Finding, rules: &str) -> Row {
    let round = |x: f64| (x * 1000.0).round() / 1000.0;
    let (kind, with, is_volume) = match finding.kind {
        FindingKind::Absent => ("absent", None, false),
        FindingKind::Superior => ("superior", None, false),
        FindingKind::Inferior => ("inferior", None, false),
        FindingKind::Missing => ("missing", None, false),
        FindingKind::Border(n) => ("border", Some(borders(finding.station)[usize::from(n)].text.to_owned()), false),
        FindingKind::Overlap(other) => ("overlap", Some(other.label().to_owned()), true),
        FindingKind::Gap(other) => ("gap", Some(other.label().to_owned()), true),
        FindingKind::Organ(organ) => ("organ", Some(organ.name().to_owned()), true),
    };
    Row {
        station: finding.station.label(),
        kind,
        with,
        mm: (!is_volume).then(|| round(finding.amount)),
        cm3: is_volume.then(|| round(finding.amount)),
        slices: finding.slices.len(),
        first_slice: finding.slices.first().map(|k| k + 1),
        last_slice: finding.slices.last().map(|k| k + 1),
        x: round(finding.at.x),
        y: round(finding.at.y),
        z: round(finding.at.z),
        landmark: finding.landmark.map(|(id, _)| id.key()),
        source: finding.landmark.map(|(_, source)| source.key()),
        words: finding.words(rules),
    }
}

fn text(report: &Report, quality: Quality) -> String {
    if report.findings.is_empty() {
        return format!("{}, {}: no difference above the tolerances\n", report.rules, quality.label());
    }
    let mut table = Table::new(&["Station", "Difference", "Slices", "z mm"]);
    for row in &report.findings {
        // The rules stand below the table, once.
        let words = row.words.replacen(&format!("; {}", report.rules), "", 1);
        let slices = match (row.first_slice, row.last_slice) {
            (Some(a), Some(b)) if a != b => format!("{a} to {b}"),
            (Some(a), _) => a.to_string(),
            _ => "-".to_owned(),
        };
        table.row([row.station.to_owned(), words, slices, format!("{:.1}", row.z)]);
    }
    format!("{table}\n{}, {}; compared in {:.2} s\n", report.rules, quality.label(), report.seconds)
}
