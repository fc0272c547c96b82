//! `hilum inspect`: what a case holds.

use super::case_args::{CaseArgs, Opened, remark};
use super::failure::Failure;
use super::output::{self, Table, number};
use super::terminal::Terminal;
use crate::dicom::{ImportWarning, OverlayKind, OverlaySource, Severity};
use crate::import::SetSource;
use crate::structures::{Generation, Provenance, Roi, Station};
use crate::workbench::{Case, FoundSeries, FrameRelation};
use std::fmt::Write;

/// Show patient, geometry, structures and remarks of a case
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum inspect /data/patient1
  hilum inspect /data/patient1/ct /data/patient1/rtstruct.dcm --json
  hilum inspect /data/patient1 --series 2
  hilum inspect --demo

JSON keys:
  patient        {name, id, sex, birth_date, age_years}; null with --hide-identifiers
  series         of the CT {description, study_date, series_instance_uid, frame_of_reference_uid (these four null with
                 --hide-identifiers), patient_position, manufacturer, synthetic, slices, rows, columns, spacing_mm (row
                 direction, column direction), thickness_mm {min, median, max}, first_position_mm, last_position_mm,
                 evenly_spaced, axial}
  all_series     the CT series of the folder, for --series [{number, open (true for the one above), description, date,
                 series_instance_uid (these three null with --hide-identifiers), slices, spacing_mm (least and greatest
                 distance of the slices; null for one image), frame_of_reference (same, other, unknown: to the one above),
                 structure_sets (how many belong to it), geometry (sound, doubtful, unusable), reasons (of the doubt)}]
  structures     [{name, role, station (label or null), color (r, g, b), contours, slices, points, volume_cm3, generation,
                 provenance}]
  other_structure_sets   found and not loaded [{format (structure set, segmentation, NIfTI labels), label, file}], the last
                 two null with --hide-identifiers; of masks in one folder the first file is named
  foreign_structure_sets of another frame of reference than the CT or beside it, never loaded onto it [{format, label, file
                 (these two null with --hide-identifiers), series (number of the one it belongs to, or null), reason}]
  overlays               PET and doses beside the CT [{number, kind (pet, dose, registration), description, date, uid (these
                 three null with --hide-identifiers), details, shown (whether it can be laid over the CT), registrations (how
                 many objects lie between, 0 in the same frame of reference), reason (why it cannot, or null)}]
  uncertain_roles        names of structures whose role was only guessed from the name
  warnings       the import report [{severity (info, warning, geometry), text}]
  notes          what was chosen: a structure set among several, roles of targets and stations guessed from names")]
pub struct Inspect {
    #[command(flatten)]
    case: CaseArgs,
    /// Leave out name, ID, dates, UIDs, file names, descriptions of series and labels of structure sets
    #[arg(long)]
    hide_identifiers: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Report {
    patient: Option<Patient>,
    series: Series,
    all_series: Vec<SeriesRow>,
    structures: Vec<Structure>,
    other_structure_sets: Vec<OtherSet>,
    foreign_structure_sets: Vec<ForeignRow>,
    overlays: Vec<OverlayRow>,
    uncertain_roles: Vec<String>,
    warnings: Vec<Warning>,
    notes: Vec<String>,
}

#[derive(serde::Serialize)]
struct Patient {
    name: String,
    id: String,
    sex: String,
    birth_date: String,
    age_years: Option<u32>,
}

#[derive(serde::Serialize)]
struct Series {
    description: Option<String>,
    study_date: Option<String>,
    series_instance_uid: Option<String>,
    frame_of_reference_uid: Option<String>,
    patient_position: String,
    manufacturer: String,
    synthetic: bool,
    slices: usize,
    rows: usize,
    columns: usize,
    spacing_mm: [f64; 2],
    thickness_mm: Thickness,
    first_position_mm: f64,
    last_position_mm: f64,
    evenly_spaced: bool,
    axial: bool,
}

#[derive(serde::Serialize)]
struct SeriesRow {
    number: usize,
    open: bool,
    description: Option<String>,
    date: Option<String>,
    series_instance_uid: Option<String>,
    slices: usize,
    spacing_mm: Option<[f64; 2]>,
    #[serde(skip)]
    spacing: String,
    frame_of_reference: &'static str,
    structure_sets: usize,
    geometry: &'static str,
    reasons: Vec<String>,
}

impl SeriesRow {
    fn of(series: &FoundSeries, open: bool, hidden: bool) -> Self {
        let shown = |text: &str| (!hidden).then(|| text.to_owned());
        let doubts = series.doubts.iter().map(|w| remark(w, hidden));
        Self {
            number: series.number,
            open,
            description: shown(&series.description),
            date: shown(&series.date),
            series_instance_uid: shown(&series.key),
            slices: series.slices,
            spacing_mm: series.spacing_mm,
            spacing: series.spacing_words().unwrap_or_else(|| "-".into()),
            frame_of_reference: match series.frame {
                FrameRelation::Same => "same",
                FrameRelation::Other => "other",
                FrameRelation::Unknown => "unknown",
            },
            structure_sets: series.structure_sets,
            geometry: match (&series.unusable, series.doubts.is_empty()) {
                (Some(_), _) => "unusable",
                (None, false) => "doubtful",
                (None, true) => "sound",
            },
            reasons: series.unusable.iter().map(|t| t.text.clone()).chain(doubts).collect(),
        }
    }
}

#[derive(serde::Serialize)]
struct ForeignRow {
    format: &'static str,
    label: Option<String>,
    file: Option<String>,
    series: Option<usize>,
    reason: &'static str,
}

#[derive(serde::Serialize)]
struct OverlayRow {
    number: usize,
    kind: OverlayKind,
    description: Option<String>,
    date: Option<String>,
    uid: Option<String>,
    details: String,
    shown: bool,
    registrations: usize,
    reason: Option<String>,
}

impl OverlayRow {
    fn of((n, source): (usize, &OverlaySource), hidden: bool) -> Self {
        let shown = |text: &str| (!hidden).then(|| text.to_owned());
        Self {
            number: n + 1,
            kind: source.kind,
            description: shown(&source.description),
            date: shown(&source.date),
            uid: shown(&source.key),
            details: source.details.clone(),
            shown: source.placement.is_ok(),
            registrations: source.placement.as_ref().map_or(0, |p| p.registrations),
            reason: source.placement.as_ref().err().cloned(),
        }
    }

    fn text(&self) -> String {
        let description = self.description.as_deref().filter(|d| !d.is_empty());
        let description = description.map(|d| format!(" \"{d}\"")).unwrap_or_default();
        let details = if self.details.is_empty() { String::new() } else { format!(", {}", self.details) };
        let place = match (&self.reason, self.registrations) {
            (Some(why), _) => format!("not shown: {why}"),
            (None, 0) => "same frame of reference".to_owned(),
            (None, n) => format!("through {n} registration object(s)"),
        };
        format!("Overlay {}: {}{description}{details}; {place}\n", self.number, self.kind)
    }
}

#[derive(serde::Serialize)]
struct Thickness {
    min: f64,
    median: f64,
    max: f64,
}

/// One structure as listed by `inspect` and in reports.
#[derive(serde::Serialize)]
pub struct Structure {
    pub name: String,
    pub role: String,
    pub station: Option<Station>,
    pub color: [u8; 3],
    pub contours: usize,
    pub slices: usize,
    pub points: usize,
    pub volume_cm3: f64,
    pub generation: &'static str,
    pub provenance: String,
}

#[derive(serde::Serialize)]
struct Warning {
    severity: &'static str,
    text: String,
}

impl Warning {
    fn of(warning: &ImportWarning, hidden: bool) -> Self {
        let severity = match warning.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Geometry => "geometry",
        };
        Self { severity, text: remark(warning, hidden) }
    }
}

#[derive(serde::Serialize)]
struct OtherSet {
    format: &'static str,
    label: Option<String>,
    file: Option<String>,
}

/// The file of a set, the first of several.
fn file_name(set: &SetSource) -> String {
    set.paths().first().and_then(|p| p.file_name()).map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Slices whose distance differs by less than this are evenly spaced, mm (rounding of decimal strings).
const EVEN_WITHIN_MM: f64 = 0.01;

impl Inspect {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let opened = self.case.load_quietly(self.hide_identifiers, terminal)?;
        let report = Report::of(&opened, self.hide_identifiers);
        terminal.finish();
        if self.json { output::print_json(&report) } else { output::print(&report.text()) }
    }
}

impl Report {
    fn of(opened: &Opened, hidden: bool) -> Self {
        let loaded = &opened.loaded;
        let (grid, meta) = (loaded.case.grid(), &loaded.case.image.meta);
        let shown = |text: &str| (!hidden).then(|| text.to_owned());
        let thickness: Vec<f64> = (0..grid.slices()).map(|k| grid.thickness_mm(k)).collect();
        let (min, max) = thickness.iter().fold((f64::MAX, 0.0_f64), |(lo, hi), t| (lo.min(*t), hi.max(*t)));
        Self {
            patient: (!hidden).then(|| Patient {
                name: meta.patient.name.clone(),
                id: meta.patient.id.clone(),
                sex: meta.patient.sex.clone(),
                birth_date: meta.patient.birth_date.clone(),
                age_years: meta.patient.age_years,
            }),
            series: Series {
                description: shown(&meta.series_description),
                study_date: shown(&meta.study_date),
                series_instance_uid: shown(&meta.series_instance_uid),
                frame_of_reference_uid: shown(&meta.frame_of_reference_uid),
                patient_position: meta.patient_position.clone(),
                manufacturer: meta.manufacturer.clone(),
                synthetic: meta.is_synthetic,
                slices: grid.slices(),
                rows: grid.rows(),
                columns: grid.columns(),
                spacing_mm: [grid.spacing_i_mm(), grid.spacing_j_mm()],
                thickness_mm: Thickness { min, median: grid.median_thickness_mm(), max },
                first_position_mm: grid.position_mm(0),
                last_position_mm: grid.position_mm(grid.slices() - 1),
                evenly_spaced: max - min < EVEN_WITHIN_MM,
                axial: grid.is_axial(),
            },
            all_series: (loaded.found.series.iter().enumerate())
                .map(|(n, s)| SeriesRow::of(s, loaded.found.open == Some(n), hidden))
                .collect(),
            structures: structures(&loaded.case, hidden),
            other_structure_sets: loaded
                .other_structure_sets
                .iter()
                .map(|s| OtherSet { format: s.format().words(), label: shown(s.label()), file: shown(&file_name(s)) })
                .collect(),
            foreign_structure_sets: (loaded.found.foreign_sets.iter())
                .map(|s| ForeignRow {
                    format: s.set.format().words(),
                    label: shown(s.set.label()),
                    file: shown(&file_name(&s.set)),
                    series: s.series.as_ref().map(|(_, number)| *number),
                    reason: s.reason(),
                })
                .collect(),
            overlays: loaded.found.overlays.iter().enumerate().map(|o| OverlayRow::of(o, hidden)).collect(),
            uncertain_roles: (loaded.case.structures().rois.iter())
                .filter(|r| loaded.uncertain_roles.contains(&r.id))
                .map(|r| r.name.clone())
                .collect(),
            warnings: loaded.warnings.iter().map(|w| Warning::of(w, hidden)).collect(),
            notes: opened.choices.clone(),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |label: &str, value: String| {
            let _infallible = writeln!(text, "{label:<12}{value}");
        };
        if let Some(p) = &self.patient {
            let facts: Vec<String> = [
                p.name.clone(),
                p.id.clone(),
                p.sex.clone(),
                p.age_years.map(|a| format!("{a} years")).unwrap_or_default(),
            ]
            .into_iter()
            .filter(|f| !f.is_empty())
            .collect();
            line("Patient", if facts.is_empty() { "not stated".into() } else { facts.join(", ") });
        }
        let s = &self.series;
        let date = s.study_date.as_deref().filter(|d| !d.is_empty()).map(|d| format!(", {d}")).unwrap_or_default();
        let synthetic = if s.synthetic { " (synthetic)" } else { "" };
        line("Series", format!("{}{synthetic}{date}", s.description.as_deref().unwrap_or("(hidden)")));
        let thickness = if s.evenly_spaced {
            format!("{:.3}", s.thickness_mm.median)
        } else {
            format!("{:.3} to {:.3} (uneven)", s.thickness_mm.min, s.thickness_mm.max)
        };
        line(
            "Geometry",
            format!(
                "{} slices of {} x {}, voxels {:.4} x {:.4} x {thickness} mm, positions {:.2} to {:.2} mm{}",
                s.slices,
                s.columns,
                s.rows,
                s.spacing_mm[0],
                s.spacing_mm[1],
                s.first_position_mm,
                s.last_position_mm,
                if s.axial { "" } else { ", not axial" }
            ),
        );
        if self.all_series.len() > 1 {
            line("All series", format!("{}, choose with --series", self.all_series.len()));
            let mut table = Table::new(&[
                ">No",
                "Open",
                "Description",
                "Date",
                ">Slices",
                ">Spacing",
                "Frame",
                ">Sets",
                "Geometry",
            ]);
            for s in &self.all_series {
                table.row([
                    s.number.to_string(),
                    if s.open { "open" } else { "" }.to_owned(),
                    s.description.clone().unwrap_or_default(),
                    s.date.clone().unwrap_or_default(),
                    s.slices.to_string(),
                    s.spacing.clone(),
                    s.frame_of_reference.to_owned(),
                    s.structure_sets.to_string(),
                    s.geometry.to_owned(),
                ]);
            }
            text.push_str(&table.to_string());
            for s in &self.all_series {
                for reason in &s.reasons {
                    text.push_str(&format!("Series {} is {}: {reason}\n", s.number, s.geometry));
                }
            }
        }
        let mut line = |label: &str, value: String| {
            let _infallible = writeln!(text, "{label:<12}{value}");
        };
        if self.structures.is_empty() {
            line("Structures", "none".into());
        } else {
            line("Structures", self.structures.len().to_string());
            let mut table = Table::new(&["Name", "Role", ">Contours", ">Slices", ">cm3", "Origin"]);
            for s in &self.structures {
                table.row([
                    s.name.clone(),
                    s.role.clone(),
                    s.contours.to_string(),
                    s.slices.to_string(),
                    number(Some(s.volume_cm3), 2),
                    s.provenance.clone(),
                ]);
            }
            text.push_str(&table.to_string());
        }
        for other in &self.other_structure_sets {
            if let (Some(label), Some(file)) = (&other.label, &other.file) {
                text.push_str(&format!("Also there: {} \"{label}\" ({file})\n", other.format));
            }
        }
        for set in &self.foreign_structure_sets {
            let name = match (&set.label, &set.file) {
                (Some(label), Some(file)) => format!(" \"{label}\" ({file})"),
                _ => String::new(),
            };
            let home = set.series.map(|n| format!("; it belongs to series {n}")).unwrap_or_default();
            text.push_str(&format!("Not for this CT: {}{name}: {}{home}\n", set.format, set.reason));
        }
        for overlay in &self.overlays {
            text.push_str(&overlay.text());
        }
        if !self.uncertain_roles.is_empty() {
            text.push_str(&format!(
                "Role only guessed from the name, please check: {}\n",
                self.uncertain_roles.join(", ")
            ));
        }
        for note in &self.notes {
            text.push_str(&format!("Note: {note}\n"));
        }
        for warning in &self.warnings {
            text.push_str(&format!("Remark ({}): {}\n", warning.severity, warning.text));
        }
        text
    }
}

/// The structures of a case in the order of its list.
pub fn structures(case: &Case, hidden: bool) -> Vec<Structure> {
    case.structures()
        .rois
        .iter()
        .map(|roi| Structure {
            name: roi.name.clone(),
            role: roi.role.label(),
            station: match roi.role {
                crate::structures::Role::Station(station) => Some(station),
                _ => None,
            },
            color: roi.color,
            contours: roi.ring_count(),
            slices: roi.slices.len(),
            points: roi.slices.values().flat_map(|s| &s.rings).map(|r| r.points().len()).sum(),
            volume_cm3: case.mask(roi.id).volume_cm3(case.grid()),
            generation: generation(roi.generation),
            provenance: provenance(roi, hidden),
        })
        .collect()
}

fn generation(generation: Generation) -> &'static str {
    match generation {
        Generation::Unknown => "UNKNOWN",
        other => other.dicom(),
    }
}

/// Where the contours of a structure came from, in words. The label of a structure set may name the patient.
pub fn provenance(roi: &Roi, hidden: bool) -> String {
    match &roi.provenance {
        Provenance::Imported { .. } if hidden => "structure set".into(),
        Provenance::Imported { label, .. } => format!("structure set \"{label}\""),
        Provenance::Traced { .. } if hidden => "voxels of a file".into(),
        Provenance::Traced { label, file } => format!("voxels of \"{label}\" ({file})"),
        Provenance::Network { model_id, .. } => format!("network {model_id}"),
        Provenance::Proposed { recipe } => format!("proposed: {recipe}"),
        Provenance::Computed { recipe } => format!("computed: {recipe}"),
        Provenance::Phantom { seed } => format!("synthetic, seed {seed}"),
        Provenance::Drawn => "drawn".into(),
    }
}
