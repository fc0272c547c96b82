//! `hilum seg` and `hilum nifti`: structures as masks that other programs read.

use super::case_args::{CaseArgs, find_roi};
use super::export::{ExportArgs, require_images};
use super::failure::Failure;
use super::output;
use super::terminal::Terminal;
use crate::contour::Mask;
use crate::dicom::{SegmentationRequest, SegmentationWriteError, write_segmentation};
use crate::files::{PutError, check_target};
use crate::nifti::WriteNiftiError;
use crate::progress::Progress;
use crate::structures::{Roi, RoiId};
use crate::workbench::{Case, ExportFormat, WrittenNifti, nifti_files, write_nifti};
use std::path::{Path, PathBuf};

/// Which structures.
#[derive(Debug, Clone, clap::Args)]
struct RoiArgs {
    /// Name of a structure, may be repeated; without it every structure that has contours
    #[arg(long = "roi", value_name = "NAME")]
    names: Vec<String>,
}

impl RoiArgs {
    fn choose(&self, case: &Case) -> Result<Vec<RoiId>, Failure> {
        if self.names.is_empty() {
            let drawn = case.structures().rois.iter().filter(|r| !r.slices.is_empty());
            return Ok(drawn.map(|r| r.id).collect());
        }
        let mut chosen = Vec::new();
        for name in &self.names {
            let id = find_roi(case, name)?;
            if !chosen.contains(&id) {
                chosen.push(id);
            }
        }
        Ok(chosen)
    }
}

/// Files that must never be overwritten.
fn refuse_target(case: &Case, path: &Path, overwrite: bool) -> Result<(), Failure> {
    check_target(path, overwrite, case.source_paths()).map_err(put_failure)
}

fn put_failure(error: PutError) -> Failure {
    match error {
        PutError::Exists(path) => Failure::Failed(format!(
            "the file exists already and was left as it is; choose another name or add --overwrite: {}",
            path.display()
        )),
        other => Failure::failed(other),
    }
}

/// Write structures as a DICOM segmentation, and prove that it reads back the same
#[derive(Debug, clap::Args)]
#[command(after_help = "\
One binary segment a structure, with the frames that hold voxels, referring to the images of the CT. A voxel is in if
its centre lies inside the contours. The file is written under another name, synced, read back, compared voxel by
voxel, and only then put in place.

Examples:
  hilum seg /data/patient1 -o structures.seg.dcm
  hilum seg /data/patient1 -o targets.dcm --roi GTVp --roi GTVn
  hilum seg --demo -o demo.dcm --json

JSON keys:
  path, sop_instance_uid, sha256, bytes, frames, notes,
  segments [number, name, frames, voxels, volume_cm3, algorithm_type, property, voxels_different]")]
pub struct Seg {
    #[command(flatten)]
    case: CaseArgs,
    #[command(flatten)]
    rois: RoiArgs,
    #[command(flatten)]
    export: ExportArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Seg {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        self.export.refuse_existing()?;
        let case = self.case.load(terminal)?.loaded.case;
        require_images(&case, ExportFormat::Segmentation)?;
        self.case.check_geometry(&case)?;
        let chosen = self.rois.choose(&case)?;
        refuse_target(&case, &self.export.output, self.export.overwrite)?;
        let rois: Vec<&Roi> = chosen.into_iter().filter_map(|id| case.structures().get(id)).collect();
        terminal.checkpoint()?;
        terminal.report("Writing and proving the segmentation", 0, 1);
        let request = SegmentationRequest {
            ct: &case.image.meta,
            grid: case.grid(),
            rois: &rois,
            label: "Hilum segmentation",
            overwrite: self.export.overwrite,
        };
        let proof = write_segmentation(&request, &self.export.output).map_err(|error| match error {
            SegmentationWriteError::Nothing => {
                Failure::Refused("nothing was written: none of the structures holds a voxel of the CT".into())
            }
            SegmentationWriteError::Put(error) => put_failure(error),
            other @ SegmentationWriteError::TooLarge(_) => Failure::refused(other),
        })?;
        terminal.finish();
        for note in &proof.notes {
            terminal.note(&format!("note: {note}"));
        }
        if self.json {
            return output::print_json(&proof);
        }
        output::print(&format!(
            "{} segments in {} frames, read back with 0 voxels different, SHA-256 {}\n{}\n",
            proof.segments.len(),
            proof.frames,
            proof.sha256.get(..16).unwrap_or_default(),
            proof.path.display()
        ))
    }
}

/// Write structures as NIfTI masks or one label volume, and optionally the CT
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Masks are uint8, 1 where the centre of the voxel lies inside the contours, with the position of the CT in sform and
qform. Each file is read back and compared before it gets its name. A CT with uneven slices is refused: NIfTI holds one
distance between slices.

Into a folder go a mask NAME.nii.gz for each structure, or with --labels the volume labels.nii.gz and its table
labels.csv (id,structure); with --ct also ct.nii.gz. Into a file .nii.gz or .nii goes one mask, or with --labels all.

Examples:
  hilum nifti /data/patient1 -o /tmp/masks --ct
  hilum nifti /data/patient1 -o gtvp.nii.gz --roi GTVp
  hilum nifti --demo -o stations.nii.gz --labels --roi LN_IASLC_04_R --roi LN_IASLC_07

JSON keys:
  files [file, content (mask, labels, label names or ct), structures [name, label, voxels, volume_cm3]]")]
pub struct Nifti {
    #[command(flatten)]
    case: CaseArgs,
    #[command(flatten)]
    rois: RoiArgs,
    /// A folder, or a file that ends in .nii.gz or .nii
    #[arg(short, long, value_name = "DIR|FILE")]
    output: PathBuf,
    /// One volume of labels instead of a mask for each structure
    #[arg(long)]
    labels: bool,
    /// Also write the CT, in Hounsfield units
    #[arg(long)]
    ct: bool,
    /// Replace files that are there
    #[arg(long)]
    overwrite: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, serde::Serialize)]
struct NiftiReport {
    files: Vec<WrittenNifti>,
}

fn write_failure(error: WriteNiftiError) -> Failure {
    match error {
        WriteNiftiError::Put(error) => put_failure(error),
        WriteNiftiError::Name(_) => Failure::Usage(error.to_string()),
        WriteNiftiError::Pack(_) => Failure::failed(error),
        WriteNiftiError::UnevenSlices { .. }
        | WriteNiftiError::TooLarge(_)
        | WriteNiftiError::Overlap { .. }
        | WriteNiftiError::TooManyLabels(_) => Failure::refused(error),
    }
}

impl Nifti {
    fn is_file(&self) -> bool {
        let name = self.output.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
        [".nii", ".nii.gz"].iter().any(|e| name.ends_with(e))
    }

    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let is_file = self.is_file();
        if is_file && self.ct {
            return Err(Failure::Usage("the CT needs a file of its own; give a folder with --output".into()));
        }
        if is_file && !self.labels && self.rois.names.len() != 1 {
            return Err(Failure::Usage(
                "a file holds one mask: name it with --roi, or give a folder, or add --labels for one label volume"
                    .into(),
            ));
        }
        if is_file && !self.overwrite {
            output::refuse_existing(&self.output)?;
        }
        let case = self.case.load(terminal)?.loaded.case;
        self.case.check_geometry(&case)?;
        let chosen: Vec<(&Roi, &Mask)> = self
            .rois
            .choose(&case)?
            .into_iter()
            .filter_map(|id| Some((case.structures().get(id)?, case.mask(id))))
            .collect();
        if chosen.is_empty() && !self.ct {
            return Err(Failure::Refused(
                "nothing was written: the case has no structures; add a structure set to CASE, or --ct for the CT alone"
                    .into(),
            ));
        }
        let files = nifti_files(&self.output, is_file, &chosen, self.labels, self.ct);
        // All or none: a name that is taken stops the work before it begins.
        for (path, _) in &files {
            refuse_target(&case, path, self.overwrite)?;
        }
        if !is_file {
            output::make_folder(&self.output)?;
        }
        let mut report = NiftiReport { files: Vec::new() };
        for (n, (path, content)) in files.iter().enumerate() {
            terminal.checkpoint()?;
            terminal.report("Writing and proving NIfTI", n, files.len());
            report.files.push(write_nifti(&case.image.volume, path, content, self.overwrite).map_err(write_failure)?);
        }
        terminal.finish();
        if self.json {
            return output::print_json(&report);
        }
        let lines: Vec<String> = report
            .files
            .iter()
            .map(|f| {
                let voxels: u64 = f.structures.iter().map(|s| s.voxels).sum();
                match f.content {
                    "mask" | "labels" => format!("{}: {voxels} voxels\n", f.file.display()),
                    _ => format!("{}\n", f.file.display()),
                }
            })
            .collect();
        output::print(&lines.concat())
    }
}
