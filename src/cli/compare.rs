//! `hilum compare`: how well the structures of two structure sets of one scan agree.

use super::case_args::CaseArgs;
use super::failure::Failure;
use super::output::{self, Table, number};
use super::terminal::Terminal;
use crate::contour::{self, Mask};
use crate::import::{LoadedSet, load_set_file};
use crate::metrics::{self, Comparison};
use crate::progress::Progress;
use crate::structures::{Roi, Role};
use crate::workbench::Case;
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
                 centroid_shift_mm (x, y, z), superior {slices, mm}, inferior {slices, mm}}}]; null where a measure does
                 not exist (an empty structure)
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
        let Pairs { paired, unpaired_reference, unpaired_test } = pair(&reference, &test);
        if paired.is_empty() {
            return Err(Failure::Refused(format!(
                "no structure of one set has a counterpart in the other; the reference has {}, the test {}",
                names(&reference),
                names(&test)
            )));
        }
        let count = paired.len();
        let mut pairs = Vec::with_capacity(count);
        for (n, (a, b, paired_by)) in paired.into_iter().enumerate() {
            terminal.checkpoint()?;
            terminal.report("Comparing structures", n, count);
            let mask = |roi: &Roi| -> Mask { contour::rasterize(case.grid(), &roi.slices) };
            pairs.push(PairReport {
                reference: a.name.clone(),
                test: b.name.clone(),
                paired_by,
                role: a.role.label(),
                metrics: metrics::compare(&mask(a), &mask(b), case.grid()),
            });
        }
        let definitions = DEFINITIONS.map(|(measure, definition)| Definition { measure, definition }).into();
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

struct Pairs<'a> {
    paired: Vec<(&'a Roi, &'a Roi, &'static str)>,
    unpaired_reference: Vec<String>,
    unpaired_test: Vec<String>,
}

/// Pairs by name, then by a role that is left once on each side.
fn pair<'a>(reference: &'a [Roi], test: &'a [Roi]) -> Pairs<'a> {
    let mut paired: Vec<(&Roi, &Roi, &'static str)> = Vec::new();
    let (mut used_a, mut used_b) = (BTreeSet::new(), BTreeSet::new());
    for (n, a) in reference.iter().enumerate() {
        if let Some(m) = (0..test.len()).find(|m| test[*m].name == a.name && !used_b.contains(m)) {
            paired.push((a, &test[m], "name"));
            used_a.insert(n);
            used_b.insert(m);
        }
    }
    for role in Role::all() {
        if matches!(role, Role::Organ | Role::Other) {
            continue;
        }
        let left = |rois: &[Roi], used: &BTreeSet<usize>| -> Vec<usize> {
            (0..rois.len()).filter(|n| rois[*n].role == role && !used.contains(n)).collect()
        };
        if let (&[n], &[m]) = (left(reference, &used_a).as_slice(), left(test, &used_b).as_slice()) {
            paired.push((&reference[n], &test[m], "role"));
            used_a.insert(n);
            used_b.insert(m);
        }
    }
    let rest = |rois: &[Roi], used: &BTreeSet<usize>| {
        rois.iter().enumerate().filter(|(n, _)| !used.contains(n)).map(|(_, r)| r.name.clone()).collect()
    };
    Pairs { paired, unpaired_reference: rest(reference, &used_a), unpaired_test: rest(test, &used_b) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structures::{Provenance, RoiId, Station};

    fn roi(name: &str, role: Role) -> Roi {
        Roi::new(RoiId(0), name, [0; 3], role, Provenance::Drawn)
    }

    #[test]
    fn names_pair_first_and_roles_only_where_they_are_unique() {
        let s4r = Role::Station(Station::S4R);
        let reference = [roi("GTVp", Role::Gtvp), roi("4R", s4r), roi("nodeA", Role::Gtvn), roi("nodeB", Role::Gtvn)];
        let test =
            [roi("LN_IASLC_04_R", s4r), roi("GTVp", Role::Other), roi("node", Role::Gtvn), roi("x", Role::Other)];
        let pairs = pair(&reference, &test);
        let found: Vec<_> = pairs.paired.iter().map(|(a, b, by)| (a.name.as_str(), b.name.as_str(), *by)).collect();
        assert_eq!(found, [("GTVp", "GTVp", "name"), ("4R", "LN_IASLC_04_R", "role")]);
        assert_eq!(pairs.unpaired_reference, ["nodeA", "nodeB"]);
        assert_eq!(pairs.unpaired_test, ["node", "x"]);
    }
}
