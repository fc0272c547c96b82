//! `hilum dicom`: a case that was read from NIfTI as a DICOM series with its structure set, so that structure sets
//! and segmentations have images to refer to.

use super::case_args::CaseArgs;
use super::failure::Failure;
use super::output;
use super::terminal::Terminal;
use crate::dicom::{self, WriteCtError};
use crate::progress::Progress;
use crate::workbench::{self, Case, CaseImage, load_case};
use std::path::PathBuf;
use std::sync::Arc;

/// Write a NIfTI case as a DICOM CT series with its structure set
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The folder then holds
  ct/CT_0001.dcm ...   the CT series
  structures.dcm       the structures of the case, if it has any
All of it is read back and compared before the folder gets its name. A NIfTI file names no patient: name and ID are
empty. The UIDs are made of the file, so that the same file gives the same series.

Examples:
  hilum dicom ct.nii.gz organs.nii.gz -o /tmp/dicom
  hilum dicom /data/nifti_case -o /tmp/dicom --json

JSON keys:
  folder               where it was written
  files                number of CT images
  series_instance_uid  of the CT
  structure_set        file or null
  rois                 number of structures written
  voxels_different     in CT and structures, after reading back: 0
  notes                remarks of the import, and what was chosen")]
pub struct ToDicom {
    #[command(flatten)]
    case: CaseArgs,
    /// The folder to write into; it is made
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Report {
    folder: String,
    files: usize,
    series_instance_uid: String,
    structure_set: Option<String>,
    rois: usize,
    voxels_different: u64,
    notes: Vec<String>,
}

const CT: &str = "ct";
const STRUCTURES: &str = "structures.dcm";

impl ToDicom {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        output::refuse_existing(&self.output)?;
        let opened = self.case.load(terminal)?;
        let notes = opened.notes();
        let case = opened.loaded.case;
        self.case.check_geometry(&case)?;
        if !case.image.meta.from_nifti {
            return Err(Failure::Refused(
                "the CT of this case is DICOM already; write its structures with `hilum export`".into(),
            ));
        }
        let staged = output::Staged::new(&self.output)?;
        let written = dicom::write_ct_series(&case.image.volume, &case.image.meta, &staged.folder().join(CT), terminal)
            .map_err(|error| match error {
                WriteCtError::Cancelled(_) => Failure::Cancelled,
                other => Failure::failed(other),
            })?;
        let has_structures = !case.structures().rois.is_empty();
        if has_structures {
            terminal.report("Writing and proving the structure set", 0, 1);
            let mut meta = case.image.meta.as_ref().clone();
            meta.from_nifti = false;
            let image = CaseImage { volume: case.image.volume.clone(), meta: Arc::new(meta) };
            let path = staged.folder().join(STRUCTURES);
            workbench::export(&image, case.structures(), &[], &path, false, false).map_err(Failure::failed)?;
        }
        let back = load_case(&[staged.folder()], terminal, &mut |_| terminal.checkpoint()).map_err(Failure::failed)?;
        let voxels_different = compare(&case, &back.case)
            .map_err(|why| Failure::Failed(format!("what was written does not read back ({why}); nothing was kept")))?;
        terminal.checkpoint()?;
        staged.publish(&[])?;
        terminal.finish();
        let report = Report {
            folder: self.output.display().to_string(),
            files: written.len(),
            series_instance_uid: case.image.meta.series_instance_uid.clone(),
            structure_set: has_structures.then(|| self.output.join(STRUCTURES).display().to_string()),
            rois: case.structures().rois.len(),
            voxels_different,
            notes,
        };
        if self.json {
            return output::print_json(&report);
        }
        output::print(&format!(
            "{} CT images and {} structures, read back with 0 voxels different\n{}\n",
            report.files, report.rois, report.folder
        ))
    }
}

/// 0, the number of voxels that differ, or what else does.
fn compare(case: &Case, back: &Case) -> Result<u64, String> {
    const SAME_MM: f64 = 0.01;
    let (a, b) = (case.grid(), back.grid());
    if a.shape() != b.shape() {
        return Err("it has another number of voxels".into());
    }
    let [k, j, i] = a.shape().map(|n| n - 1);
    for (k, j, i) in [(0, 0, 0), (0, j, i), (k, 0, i), (k, j, 0), (k, j, i)] {
        let at = |grid: &crate::geometry::VoxelGrid| grid.patient_from_voxel(k, j as f64, i as f64);
        let apart_mm = (at(a) - at(b)).length();
        if apart_mm > SAME_MM {
            return Err(format!("a voxel lies {apart_mm:.3} mm from its place"));
        }
    }
    let hu = case.image.volume.hu.iter().zip(back.image.volume.hu.iter()).filter(|(a, b)| a != b).count() as u64;
    let mut different = hu;
    for roi in &case.structures().rois {
        let read = back.structures().by_name(&roi.name).ok_or("a structure is missing")?;
        different += case.mask(roi.id).combine(back.mask(read.id), |a, b| a ^ b).count();
    }
    if different > 0 { Err(format!("{different} voxels differ")) } else { Ok(0) }
}
