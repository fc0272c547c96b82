//! `hilum compare`: how well the structures of two structure sets of one scan agree.

use super::case_args::CaseArgs;
use super::failure::Failure;
use super::output::{self, Table, number};
use super::terminal::Terminal;
use crate::contour::{self, Mask};
use crate::geometry::VoxelGrid;
use crate::import::{LoadedSet, load_set_file};
use crate::metrics::{self, Comparison, SliceDifference};
use crate::progress::Progress;
use crate::structures::{Roi, RoiPair, RoiPairs};
use crate::workbench::{Case, Differences};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Compare two structure sets drawn on the same CT
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Structures are paired by name; those left over by role (GTVp, GTVn, CTV, station), where each side has just one.
Masks are made on the CT of CASE (voxel centre inside). The reference is the approved or expert contour.

Examples:
  hilum compare /data/patient1/ct --reference expert.dcm --test auto.dcm
  hilum compare /data/patient1/ct --reference expert.dcm --test auto.dcm --roi GTVp --json

JSON keys:
  pairs          [{reference, test (names), paired_by (name or role), role, metrics {reference_cm3, test_cm3, dsc, jaccard,
                 sensitivity, precision, volume_ratio, mean_reference_to_test_mm, mean_test_to_reference_mm, msd_mm,
                 hd_mm, hd95_mm, surface_dsc [{tolerance_mm, value}], added_path [{tolerance_mm, pixels, mm, relative}],
                 centroid_shift_mm (x, y, z), superior {slices, mm}, inferior {slices, mm}}, slices [{slice (from 1),
                 z_mm, reference_mm2, test_mm2, missed_mm2, extra_mm2, outward_mm, inward_mm}]}]; null where a measure
                 does not exist (an empty structure, one side without contours), and slices without --slices
  unpaired_reference, unpaired_test   names
  definitions    what each measure means [{measure, definition}]
  notes          remarks of the import of the CT and of both structure sets")]
pub struct Compare {
    #[command(flatten)]
    case: CaseArgs,
    /// The reference: a structure set, a DICOM segmentation, or NIfTI labels
    #[arg(long, value_name = "FILE")]
    reference: PathBuf,
    /// The set to be judged, of any of these formats
    #[arg(long, value_name = "FILE")]
    test: PathBuf,
    /// Compare only the structure of this name (may be repeated)
    #[arg(long, value_name = "NAME")]
    roi: Vec<String>,
    /// Compare every slice too, in the plane of the slice (JSON only)
    #[arg(long, requires = "json")]
    slices: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Report {
    pairs: Vec<PairReport>,
    unpaired_reference: Vec<String>,
    unpaired_test: Vec<String>,
    definitions: Vec<Definition>,
    notes: Vec<String>,
}

#[derive(serde::Serialize)]
struct PairReport {
    reference: String,
    test: String,
    paired_by: &'static str,
    role: String,
    metrics: Comparison,
    slices: Option<Vec<SliceReport>>,
}

#[derive(serde::Serialize)]
struct SliceReport {
    slice: usize,
    z_mm: f64,
    #[serde(flatten)]
    difference: SliceDifference,
}

/// The differences of a pair, slice by slice.
fn slice_reports(a: &Roi, b: &Roi, grid: &VoxelGrid) -> Vec<SliceReport> {
    let slices: BTreeSet<usize> = a.slices.keys().chain(b.slices.keys()).copied().collect();
    let contours = |roi: &Roi, k: usize| roi.slices.get(&k).map(|c| (**c).clone()).unwrap_or_default();
    let report = |k: usize| SliceReport {
        slice: k + 1,
        z_mm: grid.patient_from_voxel(k, 0.0, 0.0).z,
        difference: SliceDifference::of(&contours(a, k), &contours(b, k)),
    };
    slices.into_iter().map(report).collect()
}

#[derive(serde::Serialize)]
struct Definition {
    measure: &'static str,
    definition: &'static str,
}

const DEFINITIONS: [(&str, &str); 12] = [
    ("dsc", "volumetric Dice coefficient, 2 |A and B| / (|A| + |B|); 1 if both are empty"),
    ("jaccard", "|A and B| / |A or B|"),
    ("sensitivity", "part of the reference that the test covers"),
    ("precision", "part of the test that lies in the reference"),
    ("volume_ratio", "test volume / reference volume"),
    ("mean_..._mm", "area-weighted mean distance from one surface to the other, mm"),
    ("msd_mm", "mean of the two directed mean surface distances, mm"),
    ("hd_mm", "Hausdorff distance: the greater of the two largest directed surface distances, mm"),
    ("hd95_mm", "the greater of the two directed area-weighted 95th percentiles, mm"),
    ("surface_dsc", "share of both surfaces within the tolerance of the other (Nikolov 2021)"),
    (
        "added_path",
        "reference outline without test outline within the tolerance: pixels, mm, and relative to the whole reference outline (Vaassen 2020)",
    ),
    (
        "centroid_shift_mm, superior, inferior",
        "from reference to test: centroid in mm (LPS), outermost slices toward head and feet, positive toward the head",
    ),
];

impl Compare {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        // Only the images of CASE are used, whichever structure set lies beside them.
        let opened = self.case.load_quietly(false, terminal)?;
        let mut notes = opened.remarks;
        for remark in &notes {
            terminal.note(&format!("warning: {remark}"));
        }
        let case = opened.loaded.case;
        let reference = self.side("reference", &self.reference, &case, &mut notes, terminal)?;
        let test = self.side("test", &self.test, &case, &mut notes, terminal)?;
        let RoiPairs { paired, unpaired_reference, unpaired_test } = RoiPairs::of(&reference, &test);
        if paired.is_empty() {
            return Err(Failure::Refused(format!(
                "no structure of one set has a counterpart in the other; the reference has {}, the test {}",
                names(&reference),
                names(&test)
            )));
        }
        let count = paired.len();
        let mut pairs = Vec::with_capacity(count);
        for (n, RoiPair { reference: a, test: b, paired_by }) in paired.into_iter().enumerate() {
            terminal.checkpoint()?;
            terminal.report("Comparing structures", n, count);
            let mask = |roi: &Roi| -> Mask { contour::rasterize(case.grid(), &roi.slices) };
            pairs.push(PairReport {
                reference: a.name.clone(),
                test: b.name.clone(),
                paired_by,
                role: a.role.label(),
                metrics: metrics::compare(&mask(a), &mask(b), case.grid()),
                slices: self.slices.then(|| slice_reports(a, b, case.grid())),
            });
        }
        let of_slices = Differences::DEFINITIONS.into_iter().filter(|_| self.slices);
        let definitions = DEFINITIONS.into_iter().chain(of_slices);
        let definitions = definitions.map(|(measure, definition)| Definition { measure, definition }).collect();
        let report = Report { pairs, unpaired_reference, unpaired_test, definitions, notes };
        terminal.finish();
        if self.json { output::print_json(&report) } else { output::print(&report.text()) }
    }

    /// The structures of one file, those of --roi if given.
    fn side(
        &self,
        which: &str,
        path: &Path,
        case: &Case,
        notes: &mut Vec<String>,
        terminal: &Terminal,
    ) -> Result<Vec<Roi>, Failure> {
        terminal.checkpoint()?;
        terminal.report("Reading structure sets", 0, 2);
        let loaded = load_set_file(path, case.grid(), &case.image.meta, 0, terminal);
        let LoadedSet { mut rois, warnings, .. } =
            loaded.map_err(|e| if e.is_cancelled() { Failure::Cancelled } else { Failure::refused(e) })?;
        for warning in &warnings {
            terminal.note(&format!("warning: {which}: {warning}"));
            notes.push(format!("{which}: {warning}"));
        }
        if !self.roi.is_empty() {
            if let Some(missing) = self.roi.iter().find(|n| rois.iter().all(|r| r.name != **n)) {
                return Err(Failure::Refused(format!(
                    "no structure is named \"{missing}\"; the set has {}: {}",
                    names(&rois),
                    path.display()
                )));
            }
            rois.retain(|r| self.roi.contains(&r.name));
        }
        Ok(rois)
    }
}

fn names(rois: &[Roi]) -> String {
    if rois.is_empty() {
        return "none".into();
    }
    rois.iter().map(|r| r.name.as_str()).collect::<Vec<_>>().join(", ")
}

impl Report {
    fn text(&self) -> String {
        let mut table = Table::new(&[
            "Reference",
            "Test",
            ">Ref cm3",
            ">Test cm3",
            ">DSC",
            ">HD95 mm",
            ">MSD mm",
            ">sDSC 3 mm",
            ">APL mm",
        ]);
        for p in &self.pairs {
            let m = &p.metrics;
            table.row([
                p.reference.clone(),
                p.test.clone(),
                number(Some(m.reference_cm3), 2),
                number(Some(m.test_cm3), 2),
                number((!m.both_empty()).then_some(m.dsc), 4),
                number(m.hd95_mm, 2),
                number(m.msd_mm, 2),
                number(m.surface_dsc_at(3.0), 4),
                number(m.added_path.first().map(|a| a.mm), 1),
            ]);
        }
        let mut text = table.to_string();
        for (what, names) in [("the reference", &self.unpaired_reference), ("the test", &self.unpaired_test)] {
            if !names.is_empty() {
                text.push_str(&format!("Only in {what}: {}\n", names.join(", ")));
            }
        }
        text.push_str(
            "DSC: volumetric Dice; HD95: greater directed 95th percentile of the surface distance; MSD: mean surface distance;\nsDSC: surface Dice at 3 mm; APL: added path length, exact. All definitions: --json\n",
        );
        text
    }
}
