//! `hilum overlay`: PET and dose inside the structures of a case.

use super::case_args::{CaseArgs, remark};
use super::failure::Failure;
use super::output::{self, Table, number};
use super::terminal::Terminal;
use crate::dicom::{LoadedOverlay, OverlaySource, Prescription};
use crate::image::Quantity;
use crate::metrics::OverlayValues;
use crate::workbench::{Case, OverlayStyle, find_overlay};
use std::str::FromStr;

/// How every figure is meant; printed with them.
const DEFINITIONS: [&str; 5] = [
    "Inside a structure: the CT voxels whose centres lie inside its contours (even-odd), each with the trilinear value of the overlay at its centre and the volume of the voxel",
    "covered_percent: share of the structure's volume that has values; min, max, mean and the rest are of that share",
    "mean: weighted with the volumes of the voxels (SUVmean, Dmean); max: the highest voxel (SUVmax, Dmax)",
    "volumes, V: volume with at least the level, in percent of the covered volume and in cm3",
    "d98, d95, d50, d2: the highest dose that at least 98, 95, 50, 2 % of the covered volume have",
];

/// Read PET or dose inside the structures of a case
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum overlay /data/patient1
  hilum overlay /data/patient1 --overlay dose --levels 50,95,100 --json
  hilum overlay /data/patient1 --overlay dose --levels 20Gy,95%
  hilum overlay /data/patient1 --overlay PET --levels 2.5,4

The folder holds PET images, RTDOSE, RTPLAN and spatial registrations beside the CT; `hilum inspect` lists them, with the
reason where one cannot be shown. SUV is by body weight as the QIBA profile defines it; where an attribute that it needs is
missing, raw values are given and the remark names the attribute. 100 % of a dose is the highest dose that its plan prescribes
to a target, else the maximum of the dose.

JSON keys:
  overlay        {number, kind (pet, dose), description (null with --hide-identifiers), quantity (suv, raw_pet, dose,
                 relative_dose), unit, min, max, method, registrations (objects between it and the CT; 0: same frame of
                 reference), reference {dose, origin} (what counts as 100 %; null for PET), remarks}
  structures     [{name, role, volume_cm3, voxels, covered_percent, min, max, mean, d98, d95, d50, d2 (these seven in the unit of
                 the overlay, null where nothing is covered; the last four null for PET), volumes [{level, unit (%, Gy,
                 g/ml ...), value (the level in the unit of the overlay), cm3, percent}]}]
  definitions    what the figures mean, sentences
  research_only  a sentence")]
pub struct Overlay {
    #[command(flatten)]
    case: CaseArgs,
    /// Which overlay: its number as `hilum inspect` lists it, pet, dose, its description or UID; without it the first that can be shown
    #[arg(long, value_name = "NAME")]
    overlay: Option<String>,
    /// Levels for the volumes: numbers are percent of the reference for a dose and values for PET; write 45Gy for Gy
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    levels: Vec<Level>,
    /// The dose that counts as 100 %, Gy, instead of that of the plan
    #[arg(long, value_name = "GY", value_parser = parse_gray)]
    reference: Option<f64>,
    /// Leave out descriptions and paths
    #[arg(long)]
    hide_identifiers: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A level as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Level {
    Plain(f64),
    Percent(f64),
    Gray(f64),
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (number, make): (&str, fn(f64) -> Self) = if let Some(n) = text.strip_suffix('%') {
            (n, Self::Percent)
        } else if let Some(n) = text.strip_suffix("Gy").or_else(|| text.strip_suffix("gy")) {
            (n, Self::Gray)
        } else {
            (text, Self::Plain)
        };
        let value = number.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v > 0.0);
        value.map(make).ok_or_else(|| "write levels such as 95, 95% or 45Gy, above 0".to_owned())
    }
}

fn parse_gray(text: &str) -> Result<f64, String> {
    let gy = text.trim_end_matches("Gy").trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v > 0.0);
    gy.ok_or_else(|| "write a dose in Gy above 0, such as 60".to_owned())
}

#[derive(serde::Serialize)]
struct Report {
    overlay: About,
    structures: Vec<Row>,
    definitions: [&'static str; 5],
    research_only: &'static str,
}

#[derive(serde::Serialize)]
struct About {
    number: usize,
    kind: crate::dicom::OverlayKind,
    description: Option<String>,
    quantity: Quantity,
    unit: String,
    min: Option<f64>,
    max: Option<f64>,
    method: String,
    registrations: usize,
    reference: Option<Reference>,
    remarks: Vec<String>,
}

#[derive(serde::Serialize)]
struct Reference {
    dose: f64,
    origin: String,
}

#[derive(serde::Serialize)]
struct Row {
    name: String,
    role: String,
    volume_cm3: f64,
    voxels: usize,
    covered_percent: f64,
    min: Option<f64>,
    max: Option<f64>,
    mean: Option<f64>,
    d98: Option<f64>,
    d95: Option<f64>,
    d50: Option<f64>,
    d2: Option<f64>,
    volumes: Vec<VolumeAt>,
}

#[derive(serde::Serialize)]
struct VolumeAt {
    level: f64,
    unit: String,
    value: f64,
    cm3: f64,
    percent: f64,
}

/// A level in the unit that was asked for, and in that of the overlay.
struct Wanted {
    level: f64,
    unit: String,
    value: f64,
}

impl Overlay {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let opened = self.case.load_hiding(self.hide_identifiers, terminal)?;
        let sources = &opened.loaded.found.overlays;
        let source = match &self.overlay {
            Some(name) => find_overlay(sources, name),
            None => match sources.iter().find(|s| s.placement.is_ok()) {
                Some(source) => Ok(source),
                None => find_overlay(sources, "1"),
            },
        };
        let source = source.map_err(Failure::Refused)?;
        let mut loaded = source
            .load(terminal)
            .map_err(|e| if e.is_cancelled() { Failure::Cancelled } else { Failure::refused(e) })?;
        terminal.finish();
        if let Some(gy) = self.reference {
            if loaded.volume.quantity != Quantity::Dose {
                return Err(Failure::Usage("--reference is for a dose in Gy".into()));
            }
            loaded.reference = Some(Prescription { gy, origin: "given with --reference".into() });
        }
        let wanted = self.wanted(&loaded)?;
        let number = sources.iter().position(|s| std::ptr::eq(s, source)).map_or(0, |n| n + 1);
        let report = Report {
            overlay: self.about(number, source, &loaded),
            structures: rows(&opened.loaded.case, &loaded, &wanted),
            definitions: DEFINITIONS,
            research_only: crate::RESEARCH_ONLY,
        };
        if self.json { output::print_json(&report) } else { output::print(&report.text(&wanted)) }
    }

    fn wanted(&self, loaded: &LoadedOverlay) -> Result<Vec<Wanted>, Failure> {
        let volume = &loaded.volume;
        let reference = loaded.reference.as_ref().map(|r| r.gy).filter(|_| volume.quantity.is_dose());
        let defaults = match (reference, volume.quantity) {
            (Some(_), _) => OverlayStyle::LEVELS_PERCENT.map(Level::Percent).to_vec(),
            (None, Quantity::Suv) => vec![Level::Plain(2.5), Level::Plain(4.0)],
            (None, _) => Vec::new(),
        };
        let levels = if self.levels.is_empty() { &defaults } else { &self.levels };
        let level = |level: &Level| match (*level, reference) {
            (Level::Plain(p) | Level::Percent(p), Some(reference)) => {
                Ok(Wanted { level: p, unit: "%".into(), value: p / 100.0 * reference })
            }
            (Level::Plain(value), None) => Ok(Wanted { level: value, unit: volume.unit.clone(), value }),
            (Level::Gray(gy), _) if volume.quantity == Quantity::Dose => {
                Ok(Wanted { level: gy, unit: "Gy".into(), value: gy })
            }
            (Level::Gray(_), _) => Err(Failure::Usage("levels in Gy are for a dose in Gy".into())),
            (Level::Percent(_), None) => Err(Failure::Usage("levels in percent are for a dose".into())),
        };
        levels.iter().map(level).collect()
    }

    fn about(&self, number: usize, source: &OverlaySource, loaded: &LoadedOverlay) -> About {
        let volume = &loaded.volume;
        let range = volume.range();
        About {
            number,
            kind: source.kind,
            description: (!self.hide_identifiers).then(|| source.description.clone()),
            quantity: volume.quantity,
            unit: volume.unit.clone(),
            min: range.map(|r| r[0]),
            max: range.map(|r| r[1]),
            method: loaded.method.clone(),
            registrations: source.placement.as_ref().map_or(0, |p| p.registrations),
            reference: loaded.reference.as_ref().map(|r| Reference { dose: r.gy, origin: r.origin.clone() }),
            remarks: loaded.warnings.iter().map(|w| remark(w, self.hide_identifiers)).collect(),
        }
    }
}

fn rows(case: &Case, loaded: &LoadedOverlay, wanted: &[Wanted]) -> Vec<Row> {
    let is_dose = loaded.volume.quantity.is_dose();
    let row = |roi: &crate::structures::Roi| {
        let values = OverlayValues::inside(case.mask(roi.id), case.grid(), &loaded.volume);
        let dose = |percent: f64| values.at_least_in_percent(percent).filter(|_| is_dose);
        let covered_cm3 = values.volume_cm3() * values.covered();
        let at = |w: &Wanted| {
            let cm3 = values.volume_at_least_cm3(w.value);
            let percent = if covered_cm3 > 0.0 { cm3 / covered_cm3 * 100.0 } else { 0.0 };
            VolumeAt { level: w.level, unit: w.unit.clone(), value: w.value, cm3, percent }
        };
        Row {
            name: roi.name.clone(),
            role: roi.role.label(),
            volume_cm3: values.volume_cm3(),
            voxels: values.voxels(),
            covered_percent: values.covered() * 100.0,
            min: values.min(),
            max: values.max(),
            mean: values.mean(),
            d98: dose(98.0),
            d95: dose(95.0),
            d50: dose(50.0),
            d2: dose(2.0),
            volumes: wanted.iter().map(at).collect(),
        }
    };
    case.structures().rois.iter().map(row).collect()
}

impl Report {
    fn text(&self, wanted: &[Wanted]) -> String {
        let o = &self.overlay;
        let description = o.description.as_deref().filter(|d| !d.is_empty());
        let description = description.map(|d| format!(", {d}")).unwrap_or_default();
        let mut text = format!("Overlay {}: {}{description}, values in {}\n", o.number, o.kind, o.unit);
        text.push_str(&format!("{}\n", o.method));
        if o.registrations > 0 {
            text.push_str(&format!("Registered: it lies where {} registration object(s) put it\n", o.registrations));
        }
        if let Some(reference) = &o.reference {
            let unit = if o.quantity == Quantity::Dose { " Gy" } else { "" };
            text.push_str(&format!("100 % is {:.2}{unit}: {}\n", reference.dose, reference.origin));
        }
        for remark in &o.remarks {
            text.push_str(&format!("Remark: {remark}\n"));
        }
        let mut titles: Vec<String> = ["Name", ">cm3", ">Covered %", ">Min", ">Max", ">Mean"].map(str::to_owned).into();
        if o.reference.is_some() {
            titles.push(">D95".into());
        }
        titles
            .extend(wanted.iter().map(|w| format!(">V{} {}", number(Some(w.level), 1).trim_end_matches(".0"), w.unit)));
        let mut table = Table::new(&titles.iter().map(String::as_str).collect::<Vec<_>>());
        for row in &self.structures {
            let mut cells =
                vec![row.name.clone(), number(Some(row.volume_cm3), 2), number(Some(row.covered_percent), 1)];
            cells.extend([row.min, row.max, row.mean].map(|v| number(v, 2)));
            if o.reference.is_some() {
                cells.push(number(row.d95, 2));
            }
            cells.extend(row.volumes.iter().map(|v| number(Some(v.percent), 1)));
            table.row(cells);
        }
        text.push_str(&table.to_string());
        for definition in self.definitions {
            text.push_str(&format!("{definition}\n"));
        }
        text.push_str(&format!("{}\n", self.research_only));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_say_what_they_are_of() {
        assert_eq!("95".parse(), Ok(Level::Plain(95.0)));
        assert_eq!("95 %".parse(), Ok(Level::Percent(95.0)));
        assert_eq!("45Gy".parse(), Ok(Level::Gray(45.0)));
        assert!("x".parse::<Level>().is_err() && "-3".parse::<Level>().is_err());
        assert_eq!(parse_gray("60 Gy"), Ok(60.0));
    }
}
