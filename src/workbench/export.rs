//! Export: structures as new files in one of four formats, through one door. Each file is read back and compared
//! before it gets its name, and none of the files of the case is ever overwritten.

use super::{Case, CaseImage};
use crate::contour::Mask;
use crate::dicom::{
    self, Comparison, CtMeta, ExportError, ExportProof, ExportRequest, ProofSection, SegmentationProof,
    SegmentationRequest, SegmentationWriteError, SourceStructureSet,
};
use crate::files::{PutError, check_target, put_in_place};
use crate::image::CtVolume;
use crate::nifti::{self, NamedMask, WriteNiftiError};
use crate::progress::{Cancelled, Progress};
use crate::structures::{Roi, StructureSet, free_name};
use crate::tf;
use crate::words::{keep, t};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumIter)]
pub enum ExportFormat {
    /// RTSTRUCT: contours, exactly as they are.
    #[default]
    StructureSet,
    /// DICOM SEG: the voxels whose centres lie inside.
    Segmentation,
    /// A folder with a mask for each structure.
    Masks,
    /// One volume of labels, with the table of their names beside it.
    Labels,
}

impl ExportFormat {
    pub fn label(self) -> &'static str {
        match self {
            Self::StructureSet => t("Structure set (RTSTRUCT)"),
            Self::Segmentation => t("Segmentation (DICOM SEG)"),
            Self::Masks => t("NIfTI masks"),
            Self::Labels => t("NIfTI label volume"),
        }
    }

    /// What is asked for on a button.
    pub fn verb(self) -> &'static str {
        match self {
            Self::StructureSet => t("Export structure set…"),
            Self::Segmentation => t("Export segmentation…"),
            Self::Masks => t("Export masks…"),
            Self::Labels => t("Export label volume…"),
        }
    }

    /// The name that is written must end so; a folder has no ending.
    pub fn ending(self) -> Option<&'static str> {
        match self {
            Self::StructureSet | Self::Segmentation => Some("dcm"),
            Self::Masks => None,
            Self::Labels => Some("nii.gz"),
        }
    }

    /// Contours leave as they are, and opening the file brings the work back.
    pub fn keeps_contours(self) -> bool {
        self == Self::StructureSet
    }

    fn is_dicom(self) -> bool {
        matches!(self, Self::StructureSet | Self::Segmentation)
    }
}

/// Why the CT of a NIfTI file has no structure set.
pub const NO_DICOM_CT: &str = keep(
    "This CT was read from a NIfTI file, and a DICOM structure set or segmentation must refer to DICOM images: export NIfTI masks, or write the case as DICOM first with `hilum dicom` and open that",
);

/// Why this format cannot be written for a scan.
pub fn format_refusal(meta: &CtMeta, format: ExportFormat) -> Option<&'static str> {
    (meta.from_nifti && format.is_dicom()).then_some(NO_DICOM_CT)
}

/// Why nothing was exported. What was there before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ExportFailure {
    #[error("{}", crate::words::t(NO_DICOM_CT))]
    NoDicomCt,
    #[error("{}", crate::words::t("there is no structure with contours to export"))]
    Nothing,
    #[error(transparent)]
    StructureSet(#[from] ExportError),
    #[error(transparent)]
    Segmentation(#[from] SegmentationWriteError),
    #[error(transparent)]
    Nifti(#[from] WriteNiftiError),
    #[error(transparent)]
    Put(#[from] PutError),
    #[error("{}", crate::tf!("the folder cannot be made ({source}); choose another one: {path}", source = .source, path = path.display()))]
    Folder { source: std::io::Error, path: PathBuf },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// What is exported: a snapshot of a case.
#[derive(Debug, Clone)]
pub struct ExportSource {
    pub image: CaseImage,
    pub structures: StructureSet,
    /// In the order of the structures.
    masks: Vec<Mask>,
    sources: Vec<Arc<SourceStructureSet>>,
    /// Files that are never overwritten.
    protected: Vec<PathBuf>,
}

impl ExportSource {
    pub fn of(case: &Case) -> Self {
        let structures = case.structures().clone();
        let masks = structures.rois.iter().map(|r| case.mask(r.id).clone()).collect();
        let mut protected: Vec<PathBuf> = case.source_paths().map(Path::to_owned).collect();
        protected.dedup();
        Self { image: case.image.clone(), structures, masks, sources: case.sources.clone(), protected }
    }

    fn drawn(&self) -> impl Iterator<Item = (&Roi, &Mask)> {
        self.structures.rois.iter().zip(&self.masks).filter(|(roi, _)| !roi.slices.is_empty())
    }

    fn check_target(&self, path: &Path, overwrite: bool) -> Result<(), PutError> {
        check_target(path, overwrite, self.protected.iter().map(PathBuf::as_path))
    }
}

/// Evidence that what was exported is what was on the screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Exported {
    StructureSet(Box<ExportProof>),
    Segmentation(Box<SegmentationProof>),
    Nifti(NiftiProof),
}

/// NIfTI files that were read back with the same voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct NiftiProof {
    /// The folder, or the one file.
    pub path: PathBuf,
    pub files: Vec<WrittenNifti>,
}

/// One file of a NIfTI export.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct WrittenNifti {
    pub file: PathBuf,
    /// mask, labels, label names or ct.
    pub content: &'static str,
    pub structures: Vec<WrittenStructure>,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct WrittenStructure {
    pub name: String,
    /// Its value in a volume of labels.
    pub label: usize,
    pub voxels: u64,
    pub volume_cm3: f64,
}

impl Exported {
    pub fn path(&self) -> &Path {
        match self {
            Self::StructureSet(proof) => &proof.path,
            Self::Segmentation(proof) => &proof.path,
            Self::Nifti(proof) => &proof.path,
        }
    }

    pub fn is_dicom(&self) -> bool {
        !matches!(self, Self::Nifti(_))
    }

    pub fn format_keeps_contours(&self) -> bool {
        matches!(self, Self::StructureSet(_))
    }

    /// False where the new file breaks the standard in a place where its source did not.
    pub fn is_clean(&self) -> bool {
        match self {
            Self::StructureSet(proof) => Comparison::errors(&proof.conformance.introduced) == 0,
            Self::Segmentation(_) | Self::Nifti(_) => true,
        }
    }

    /// The whole proof, part by part; without names, values and UIDs where identifiers are hidden.
    pub fn sections(&self, hide_identifiers: bool) -> Vec<ProofSection> {
        match self {
            Self::StructureSet(proof) if hide_identifiers => proof.without_identifiers().sections(),
            Self::StructureSet(proof) => proof.sections(),
            Self::Segmentation(_) | Self::Nifti(_) => {
                vec![ProofSection { title: t("Structures").into(), lines: self.lines() }]
            }
        }
    }

    /// What the comparison found, in one line.
    pub fn summary(&self) -> String {
        match self {
            Self::StructureSet(proof) => proof.summary(),
            Self::Segmentation(proof) => {
                let different: u64 = proof.segments.iter().map(|s| s.voxels_different).sum();
                tf!(
                    "Exported and read back: {different} voxels different, {segments} segments in {frames} frames",
                    different,
                    segments = proof.segments.len(),
                    frames = proof.frames
                )
            }
            Self::Nifti(proof) => {
                let structures: usize = proof.files.iter().map(|f| f.structures.len()).sum();
                let noun = if proof.files.len() == 1 { t("file") } else { t("files") };
                tf!(
                    "Exported and read back: 0 voxels different, {structures} structures in {files} {noun}",
                    structures,
                    files = proof.files.len(),
                    noun
                )
            }
        }
    }

    /// The details without the files, which stand apart.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::StructureSet(proof) => {
                let path = proof.path.display().to_string();
                proof.details().into_iter().filter(|line| !line.contains(&path)).collect()
            }
            Self::Segmentation(proof) => {
                let segment = |s: &dicom::SegmentProof| {
                    tf!(
                        "{name}: {voxels} voxels, {volume_cm3:.3} cm3, {property}",
                        name = s.name,
                        voxels = s.voxels,
                        volume_cm3 = s.volume_cm3,
                        property = s.property
                    )
                };
                let mut lines =
                    vec![tf!("{bytes} bytes, SHA-256 {sha256}", bytes = proof.bytes, sha256 = proof.sha256)];
                lines.extend(proof.segments.iter().map(segment).chain(proof.notes.iter().cloned()));
                lines
            }
            Self::Nifti(proof) => {
                let structures = proof.files.iter().flat_map(|f| &f.structures);
                structures
                    .map(|s| {
                        tf!(
                            "{name}: {voxels} voxels, {volume_cm3:.3} cm3",
                            name = s.name,
                            voxels = s.voxels,
                            volume_cm3 = s.volume_cm3
                        )
                    })
                    .collect()
            }
        }
    }
}

/// Writes the structures of a case as a new structure set and proves it. The proof beside it leaves out names where
/// identifiers are hidden.
///
/// # Errors
/// [`ExportError`].
pub fn export(
    image: &CaseImage,
    structures: &StructureSet,
    sources: &[Arc<SourceStructureSet>],
    path: &Path,
    overwrite: bool,
    hide_identifiers: bool,
) -> Result<ExportProof, ExportError> {
    let request = ExportRequest {
        ct: &image.meta,
        grid: &image.volume.grid,
        structures,
        sources,
        label: "Hilum",
        description: "",
        overwrite,
        hide_identifiers,
    };
    dicom::export_structure_set(&request, path)
}

/// Writes a case in a format and proves it. `path` is a file, or the folder of [`ExportFormat::Masks`].
///
/// # Errors
/// [`ExportFailure`].
pub fn export_as(
    source: &ExportSource,
    format: ExportFormat,
    path: &Path,
    overwrite: bool,
    progress: &dyn Progress,
) -> Result<Exported, ExportFailure> {
    let CaseImage { volume, meta } = &source.image;
    if format_refusal(meta, format).is_some() {
        return Err(ExportFailure::NoDicomCt);
    }
    progress.checkpoint()?;
    let drawn: Vec<(&Roi, &Mask)> = source.drawn().collect();
    match format {
        ExportFormat::StructureSet => {
            source.check_voxel_sources(path)?;
            let proof = export(&source.image, &source.structures, &source.sources, path, overwrite, false)?;
            Ok(Exported::StructureSet(Box::new(proof)))
        }
        _ if drawn.is_empty() => Err(ExportFailure::Nothing),
        ExportFormat::Segmentation => {
            source.check_target(path, overwrite)?;
            let rois: Vec<&Roi> = drawn.into_iter().map(|(roi, _)| roi).collect();
            let grid = &volume.grid;
            let request = SegmentationRequest { ct: meta, grid, rois: &rois, label: "Hilum segmentation", overwrite };
            Ok(Exported::Segmentation(Box::new(dicom::write_segmentation(&request, path)?)))
        }
        ExportFormat::Masks | ExportFormat::Labels => {
            let is_folder = format == ExportFormat::Masks;
            let files = nifti_files(path, !is_folder, &drawn, !is_folder, false);
            for (file, _) in &files {
                source.check_target(file, overwrite)?;
            }
            if is_folder {
                let folder = |source: std::io::Error| ExportFailure::Folder { source, path: path.to_owned() };
                std::fs::create_dir_all(path).map_err(folder)?;
            }
            let mut written = Vec::new();
            for (n, (file, content)) in files.iter().enumerate() {
                // Once it has begun all of it is written.
                progress.report(t("Writing and proving NIfTI"), n, files.len());
                written.push(write_nifti(volume, file, content, overwrite)?);
            }
            Ok(Exported::Nifti(NiftiProof { path: path.to_owned(), files: written }))
        }
    }
}

impl ExportSource {
    /// The writer of structure sets knows the sets and the images; what came from voxels is looked after here.
    fn check_voxel_sources(&self, path: &Path) -> Result<(), PutError> {
        match self.check_target(path, true) {
            Err(error @ PutError::WouldOverwriteSource(_)) => Err(error),
            _ => Ok(()),
        }
    }
}

/// What a NIfTI file is to hold.
#[derive(Debug)]
pub enum NiftiContent<'a> {
    Mask(NamedMask<'a>),
    Labels(Vec<NamedMask<'a>>),
    /// The names of the labels.
    Table(String),
    Ct,
}

/// What goes into which file. Into the file `target` go labels or the one mask, into a folder all.
pub fn nifti_files<'a>(
    target: &Path,
    is_file: bool,
    chosen: &[(&'a Roi, &'a Mask)],
    as_labels: bool,
    with_ct: bool,
) -> Vec<(PathBuf, NiftiContent<'a>)> {
    let named = |(roi, mask): &(&'a Roi, &'a Mask)| NamedMask { name: &roi.name, mask };
    let all: Vec<NamedMask> = chosen.iter().map(named).collect();
    let mut files = Vec::new();
    if as_labels && !all.is_empty() {
        let path = if is_file { target.to_owned() } else { target.join("labels.nii.gz") };
        let (table, text) = nifti::label_table(&path, &all);
        files.push((path, NiftiContent::Labels(all)));
        files.push((table, NiftiContent::Table(text)));
    } else if is_file {
        files.extend(all.into_iter().map(|m| (target.to_owned(), NiftiContent::Mask(m))));
    } else {
        let mut taken = vec!["ct".to_owned()];
        for mask in all {
            let name = free_name(&file_name(mask.name), |n| taken.contains(&n.to_lowercase()));
            taken.push(name.to_lowercase());
            files.push((target.join(format!("{name}.nii.gz")), NiftiContent::Mask(mask)));
        }
    }
    if with_ct {
        files.push((target.join("ct.nii.gz"), NiftiContent::Ct));
    }
    files
}

/// Writes one file and proves it.
///
/// # Errors
/// [`WriteNiftiError`].
pub fn write_nifti(
    volume: &CtVolume,
    path: &Path,
    content: &NiftiContent,
    overwrite: bool,
) -> Result<WrittenNifti, WriteNiftiError> {
    let grid = &volume.grid;
    let (what, masks): (&'static str, &[NamedMask]) = match content {
        NiftiContent::Mask(one) => {
            nifti::write_mask(path, grid, one.mask, overwrite)?;
            ("mask", std::slice::from_ref(one))
        }
        NiftiContent::Labels(all) => {
            nifti::write_labels(path, grid, all, overwrite)?;
            ("labels", all)
        }
        NiftiContent::Table(text) => {
            put_in_place(path, text.as_bytes(), overwrite, |file| match std::fs::read(file) {
                Ok(bytes) if bytes == text.as_bytes() => Ok(()),
                Ok(_) => Err(t("the disk gives back other bytes").into()),
                Err(error) => Err(error.to_string()),
            })?;
            ("label names", &[])
        }
        NiftiContent::Ct => {
            nifti::write_ct(path, volume, overwrite)?;
            ("ct", &[])
        }
    };
    let structures = masks.iter().enumerate().map(|(n, m)| WrittenStructure {
        name: m.name.to_owned(),
        label: n + 1,
        voxels: m.mask.count(),
        volume_cm3: m.mask.volume_cm3(grid),
    });
    Ok(WrittenNifti { file: path.to_owned(), content: what, structures: structures.collect() })
}

/// A structure's name as the name of a file on any system.
fn file_name(name: &str) -> String {
    let safe: String = name
        .trim()
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_' | '+' | ' ' | '.') { c } else { '_' })
        .take(80)
        .collect();
    let safe = safe.trim_matches(['.', ' ']);
    if safe.is_empty() { "structure".into() } else { safe.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_names_of_files() {
        for (name, expected) in [
            ("GTVp", "GTVp"),
            ("a/b:c", "a_b_c"),
            ("../up", "_up"),
            ("", "structure"),
            ("..", "structure"),
            ("食道 1", "食道 1"),
        ] {
            assert_eq!(file_name(name), expected);
        }
    }
}
