//! `hilum export` and `hilum mask`: structures as a proved RTSTRUCT, and one structure as an array.

use super::case_args::{CaseArgs, find_roi};
use super::failure::Failure;
use super::npy::mask_npy;
use super::output;
use super::terminal::Terminal;
use crate::dicom::ExportProof;
use crate::progress::Progress;
use crate::workbench::{self, Case, ExportFormat, format_refusal};
use std::path::PathBuf;

/// Where a structure set goes.
#[derive(Debug, Clone, clap::Args)]
pub struct ExportArgs {
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace the file if it is there (never a structure set that the case was read from)
    #[arg(long)]
    pub overwrite: bool,
}

impl ExportArgs {
    /// Fails before a long run rather than after it.
    pub fn refuse_existing(&self) -> Result<(), Failure> {
        if self.overwrite { Ok(()) } else { output::refuse_existing(&self.output) }
    }
}

/// Write the structures of a case as a new structure set, and prove that it reads back the same
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file is written under another name, synced, read back, compared ring by ring and voxel by voxel, and only then
put in place. Rings that nobody touched keep their points exactly. The status is UNAPPROVED. What the source had wrong
in headers and references is repaired where it is certain how; rings never.

The proof lies beside the set, NAME.proof.json for NAME.dcm, with the keys below (path is the name of the set); hilum
proof compares both later. It holds what the set itself holds of the patient, and no more: old and new values of
attributes, names of structures, UIDs. With --hide-identifiers these are left out.

Examples:
  hilum export /data/patient1 -o corrected.dcm
  hilum export --demo -o demo.dcm --json

JSON keys:
  format, version, program   what the proof is, the version of its form, and the program that wrote it
  path           file
  sop_instance_uid, sha256, bytes   of the file
  sources        structure sets from which structures came [{sop_instance_uid, sha256}]
  rois           one a structure [{name, number, contours, points, contours_identical (byte for byte those of the source),
                 voxels, voxels_different (after reading back: 0), volume_cm3, largest_deviation_mm}]
  contours, points
  rings_identical        contours that are the source's, byte for byte
  voxels_different       after reading back: 0
  largest_deviation_mm   of a vertex after reading back
  attributes_changed     all that differ from the source [{path (tags, items counted from 1), attribute, roi, before,
                 after (in words; null where the attribute is not there)}]
  repairs        headers and references that the source had wrong [{path, attribute, before, after, why}]
  conformance    the check of the RT Structure Set IOD against that of the source {introduced [{kind (error or warning),
                 path, attribute, roi_number, roi, text, value, part (of DICOM)}], inherited [{kind, path, attribute,
                 roi_number, roi, text, value, part}], repaired [{kind, path, attribute, roi_number, roi, text, value,
                 part}]}
  notes          remarks of the import, what was chosen, and what was left out or changed on the way")]
pub struct Export {
    #[command(flatten)]
    case: CaseArgs,
    #[command(flatten)]
    export: ExportArgs,
    /// Leave names, values and UIDs out of the proof and of what is printed
    #[arg(long)]
    hide_identifiers: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Refuses DICOM for a scan without DICOM images; asked before long work.
pub fn require_images(case: &Case, format: ExportFormat) -> Result<(), Failure> {
    format_refusal(&case.image.meta, format).map_or(Ok(()), |why| Err(Failure::Refused(why.into())))
}

/// Writes the structures of a case and proves them; `hidden` keeps identifiers out of the proof.
pub fn export_case(case: &Case, to: &ExportArgs, hidden: bool, terminal: &Terminal) -> Result<ExportProof, Failure> {
    if case.structures().rois.is_empty() {
        return Err(Failure::Refused(
            "nothing was exported: the case has no structures; add a structure set to CASE".into(),
        ));
    }
    require_images(case, ExportFormat::StructureSet)?;
    terminal.checkpoint()?;
    terminal.report("Writing and proving the structure set", 0, 1);
    workbench::export(&case.image, case.structures(), &case.sources, &to.output, to.overwrite, hidden)
        .map_err(Failure::failed)
}

impl Export {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        self.export.refuse_existing()?;
        let opened = self.case.load_hiding(self.hide_identifiers, terminal)?;
        opened.refuse_source(&self.export.output)?;
        let notes = opened.notes();
        let case = opened.loaded.case;
        require_images(&case, ExportFormat::StructureSet)?;
        self.case.check_geometry(&case)?;
        let mut proof = export_case(&case, &self.export, self.hide_identifiers, terminal)?;
        if self.hide_identifiers {
            proof = proof.without_identifiers();
        }
        proof.notes.splice(0..0, notes);
        terminal.finish();
        if self.json { output::print_json(&proof) } else { output::print(&format!("{}\n", proof.summary())) }
    }
}

/// Write the mask of one structure as a NumPy array
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The array is uint8 of shape (slices, rows, columns), 1 where the centre of the voxel lies inside the contours, slices
by ascending position along the normal of the slices.

Examples:
  hilum mask /data/patient1 --roi GTVp -o gtvp.npy
  hilum mask --demo --roi CTV -o ctv.npy --json

JSON keys:
  file, roi, dtype
  shape          slices, rows, columns
  voxels         inside
  volume_cm3     of them
  spacing_mm     row direction, column direction
  positions_mm   one a slice
  origin_mm      x, y, z of the centre of the first voxel
  directions     unit vectors of increasing column, row and slice index {row, column, slice}
  notes          remarks of the import, and what was chosen (a structure set among several, guessed roles)")]
pub struct MaskCommand {
    #[command(flatten)]
    case: CaseArgs,
    /// Name of the structure
    #[arg(long, value_name = "NAME")]
    roi: String,
    #[command(flatten)]
    export: ExportArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct MaskReport {
    file: String,
    roi: String,
    dtype: &'static str,
    shape: [usize; 3],
    voxels: u64,
    volume_cm3: f64,
    spacing_mm: [f64; 2],
    positions_mm: Vec<f64>,
    origin_mm: [f64; 3],
    directions: Directions,
    notes: Vec<String>,
}

#[derive(serde::Serialize)]
struct Directions {
    row: [f64; 3],
    column: [f64; 3],
    slice: [f64; 3],
}

impl MaskCommand {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        self.export.refuse_existing()?;
        let opened = self.case.load(terminal)?;
        opened.refuse_source(&self.export.output)?;
        let notes = opened.notes();
        let case = opened.loaded.case;
        let (grid, mask) = (case.grid(), case.mask(find_roi(&case, &self.roi)?));
        terminal.checkpoint()?;
        output::write_file(&self.export.output, &mask_npy(mask, grid), self.export.overwrite)?;
        let report = MaskReport {
            file: self.export.output.display().to_string(),
            roi: self.roi.clone(),
            dtype: "uint8",
            shape: grid.shape(),
            voxels: mask.count(),
            volume_cm3: mask.volume_cm3(grid),
            spacing_mm: [grid.spacing_i_mm(), grid.spacing_j_mm()],
            positions_mm: grid.positions_mm().to_vec(),
            origin_mm: grid.patient_from_voxel(0, 0.0, 0.0).to_array(),
            directions: Directions {
                row: grid.i_direction().to_array(),
                column: grid.j_direction().to_array(),
                slice: grid.normal().to_array(),
            },
            notes,
        };
        terminal.finish();
        if self.json {
            return output::print_json(&report);
        }
        let [k, j, i] = report.shape;
        output::print(&format!(
            "{}: {} voxels, {:.3} cm3, uint8 ({k}, {j}, {i})\n{}\n",
            report.roi, report.voxels, report.volume_cm3, report.file
        ))
    }
}
