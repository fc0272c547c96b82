//! A set of structures that was found, whatever its format: what is known of it, and how it is read onto a CT.

use super::ct::sentence;
use crate::dicom::{
    self, CtMeta, ImportWarning, LoadedStructureSet, SegmentationError, Severity, SourceStructureSet,
    StructureSetError, StructureSetFile,
};
use crate::geometry::VoxelGrid;
use crate::nifti::{self, LabelNames, LabelNamesError, LabelRois, NiftiError, NiftiLook, OntoGridError, file_stem};
use crate::progress::{Cancelled, Progress};
use crate::structures::{Roi, Role, free_name};
use crate::tf;
use crate::words::{carried, t};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A set of structures that was found.
#[derive(Debug, Clone)]
pub enum SetSource {
    /// A structure set or a segmentation.
    Dicom(StructureSetFile),
    /// A volume of labels, or the masks of a folder.
    Labels(LabelFiles),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum SetFormat {
    StructureSet,
    Segmentation,
    Nifti,
}

impl SetFormat {
    /// What it is called, in the language of this thread.
    pub fn words(self) -> &'static str {
        match self {
            Self::StructureSet => t("structure set"),
            Self::Segmentation => t("segmentation"),
            Self::Nifti => t("NIfTI labels"),
        }
    }
}

/// A NIfTI volume of labels, or several masks that lie in one folder.
#[derive(Debug, Clone)]
pub struct LabelFiles {
    paths: Vec<PathBuf>,
    files: Vec<NiftiLook>,
    label: String,
    names: Vec<String>,
}

/// Where structures came from that enter a case.
#[derive(Debug, Clone)]
pub enum SetOrigin {
    /// Kept whole: what nobody edits leaves as it came.
    StructureSet(Arc<SourceStructureSet>),
    Voxels(Arc<VoxelOrigin>),
}

/// Files whose voxels became structures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoxelOrigin {
    pub format: SetFormat,
    pub label: String,
    pub paths: Vec<PathBuf>,
}

/// A set on the slices of a CT.
#[derive(Debug, Clone)]
pub struct LoadedSet {
    /// `RoiId(0)`: the case gives the ids.
    pub rois: Vec<Roi>,
    /// Indices of the ROIs whose role is only a guess from the name.
    pub uncertain_roles: Vec<usize>,
    pub origin: SetOrigin,
    pub warnings: Vec<ImportWarning>,
}

/// Why a set cannot be read onto a CT.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    #[error(transparent)]
    StructureSet(#[from] StructureSetError),
    #[error(transparent)]
    Segmentation(#[from] SegmentationError),
    #[error(transparent)]
    Nifti(#[from] NiftiError),
    #[error("{source}: {}", path.display())]
    Onto { source: OntoGridError, path: PathBuf },
    #[error(transparent)]
    Names(#[from] LabelNamesError),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl SetError {
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_) | Self::Nifti(NiftiError::Cancelled(_)))
    }

    /// The same as a line of the import report, for a case that opens without this set.
    pub fn to_warning(&self) -> ImportWarning {
        let (reason, path) = match self {
            Self::StructureSet(error) => return error.to_warning(),
            Self::Segmentation(error) => (error.reason(), Some(error.path())),
            Self::Nifti(error) => (error.reason(), error.path()),
            Self::Onto { source, path } => (source.to_string(), Some(path.as_path())),
            Self::Names(error) => (error.reason(), Some(error.path())),
            Self::Cancelled(cancelled) => (cancelled.to_string(), None),
        };
        let files = path.into_iter().map(Path::to_owned).collect();
        ImportWarning::new(Severity::Warning, crate::tf!("Not loaded: {reason}", reason), files)
    }
}

impl LoadedSet {
    fn of_structure_set(set: LoadedStructureSet) -> Self {
        let LoadedStructureSet { rois, uncertain_roles, source, warnings, .. } = set;
        Self { rois, uncertain_roles, origin: SetOrigin::StructureSet(source), warnings }
    }

    /// Indices of the ROIs that have a role which was only guessed; the role Other says that nothing was.
    pub fn guessed(&self) -> impl Iterator<Item = usize> + '_ {
        let is_guess = |n: &usize| self.rois.get(*n).is_some_and(|r| r.role != Role::Other);
        self.uncertain_roles.iter().copied().filter(is_guess)
    }
}

impl SetSource {
    /// Its files.
    pub fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Dicom(file) => std::slice::from_ref(&file.path),
            Self::Labels(labels) => &labels.paths,
        }
    }

    pub fn format(&self) -> SetFormat {
        match self {
            Self::Dicom(file) if file.is_segmentation => SetFormat::Segmentation,
            Self::Dicom(_) => SetFormat::StructureSet,
            Self::Labels(_) => SetFormat::Nifti,
        }
    }

    /// What it is called, may be empty.
    pub fn label(&self) -> &str {
        match self {
            Self::Dicom(file) if file.label.is_empty() => &file.series_description,
            // What segmentations are called is seldom in the Content Label, a word in capitals.
            Self::Dicom(file) if file.is_segmentation && !file.series_description.is_empty() => {
                &file.series_description
            }
            Self::Dicom(file) => &file.label,
            Self::Labels(labels) => &labels.label,
        }
    }

    /// YYYYMMDD, may be empty.
    pub fn date(&self) -> &str {
        match self {
            Self::Dicom(file) => &file.date,
            Self::Labels(_) => "",
        }
    }

    pub fn roi_names(&self) -> &[String] {
        match self {
            Self::Dicom(file) => &file.roi_names,
            Self::Labels(labels) => &labels.names,
        }
    }

    /// Reads it onto the slices of a CT. `set` is the place that a structure set gets among those of the case.
    ///
    /// # Errors
    /// [`SetError`].
    pub fn load(
        &self,
        grid: &Arc<VoxelGrid>,
        meta: &CtMeta,
        set: usize,
        progress: &dyn Progress,
    ) -> Result<LoadedSet, SetError> {
        match self {
            Self::Dicom(file) => {
                progress.report(&tf!("Reading the {words}", words = self.format().words()), 0, 1);
                load_dicom(file.is_segmentation, &file.path, grid, meta, set)
            }
            Self::Labels(labels) => labels.load(grid, progress),
        }
    }
}

fn load_dicom(
    is_segmentation: bool,
    path: &Path,
    grid: &Arc<VoxelGrid>,
    meta: &CtMeta,
    set: usize,
) -> Result<LoadedSet, SetError> {
    if !is_segmentation {
        return Ok(LoadedSet::of_structure_set(dicom::load_structure_set(path, grid, meta, set)?));
    }
    let segmentation = dicom::load_segmentation(path, grid, meta)?;
    let rois = segmentation.rois(grid, path);
    let origin =
        VoxelOrigin { format: SetFormat::Segmentation, label: segmentation.label, paths: vec![path.to_owned()] };
    let mut warnings: Vec<ImportWarning> = segmentation.warnings.into_iter().chain(rois.warnings).collect();
    for warning in &mut warnings {
        warning.text = sentence(&warning.text);
        warning.files = vec![path.to_owned()];
    }
    Ok(LoadedSet {
        rois: rois.rois,
        uncertain_roles: rois.uncertain_roles,
        origin: SetOrigin::Voxels(Arc::new(origin)),
        warnings,
    })
}

/// Reads a set of structures from one file, whatever its format, onto the slices of a CT.
///
/// # Errors
/// [`SetError`].
pub fn load_set_file(
    path: &Path,
    grid: &Arc<VoxelGrid>,
    meta: &CtMeta,
    set: usize,
    progress: &dyn Progress,
) -> Result<LoadedSet, SetError> {
    if nifti::is_nifti(path) {
        return LabelFiles::new(vec![nifti::look(path, progress)?]).load(grid, progress);
    }
    match load_dicom(false, path, grid, meta, set) {
        Err(SetError::StructureSet(StructureSetError::NotAStructureSet { .. })) => {
            load_dicom(true, path, grid, meta, set)
        }
        loaded => loaded,
    }
}

impl LabelFiles {
    /// One file, or the masks of a folder.
    pub(super) fn new(files: Vec<NiftiLook>) -> Self {
        let paths: Vec<PathBuf> = files.iter().map(|f| f.path.clone()).collect();
        let first = paths.first().map(PathBuf::as_path).unwrap_or_else(|| Path::new(""));
        let folder = || first.parent().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
        let label = if paths.len() == 1 { file_stem(first) } else { folder().unwrap_or_else(|| "masks".into()) };
        let mut names: Vec<String> = Vec::new();
        for file in &files {
            let table = names_for(file).unwrap_or_default();
            let labels = labels_of(file);
            for l in &labels {
                let known = table.get(*l).or_else(|| file.names.get(*l)).map(str::to_owned);
                names.push(
                    known.unwrap_or_else(
                        || {
                            if labels.len() == 1 { file_stem(&file.path) } else { format!("Label {l}") }
                        },
                    ),
                );
            }
        }
        Self { paths, files, label, names }
    }

    pub(super) fn grids(&self) -> impl Iterator<Item = &VoxelGrid> {
        self.files.iter().map(|f| f.grid.as_ref())
    }

    fn load(&self, grid: &Arc<VoxelGrid>, progress: &dyn Progress) -> Result<LoadedSet, SetError> {
        let done = AtomicUsize::new(0);
        let read: Vec<Result<(LabelRois, Vec<String>), SetError>> = self
            .files
            .par_iter()
            .map(carried(|file| {
                progress.checkpoint()?;
                let rois = read_file(file, grid, progress);
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                if self.files.len() > 1 {
                    progress.report(t("Reading masks"), done, self.files.len());
                }
                rois
            }))
            .collect();
        let origin = VoxelOrigin { format: SetFormat::Nifti, label: self.label.clone(), paths: self.paths.clone() };
        let mut set = LoadedSet {
            rois: Vec::new(),
            uncertain_roles: Vec::new(),
            origin: SetOrigin::Voxels(Arc::new(origin)),
            warnings: Vec::new(),
        };
        let mut refused = Vec::new();
        for (file, read) in self.files.iter().zip(read) {
            match read {
                Ok((rois, notes)) => {
                    let first = set.rois.len();
                    set.uncertain_roles.extend(rois.uncertain_roles.iter().map(|n| first + n));
                    for mut roi in rois.rois {
                        roi.name = free_name(&roi.name, |taken| set.rois.iter().any(|r| r.name == taken));
                        set.rois.push(roi);
                    }
                    let remark =
                        |note: &String| ImportWarning::new(Severity::Warning, sentence(note), vec![file.path.clone()]);
                    set.warnings.extend(notes.iter().chain(&rois.notes).map(remark));
                }
                Err(error) if error.is_cancelled() => return Err(error),
                Err(error) => refused.push(error),
            }
        }
        // Masks of organs that are not in the scan are empty; only where nothing is left it is an error.
        set.warnings.extend(refused.iter().map(SetError::to_warning));
        match refused.into_iter().next() {
            Some(error) if set.rois.is_empty() => Err(error),
            _ => Ok(set),
        }
    }
}

fn labels_of(file: &NiftiLook) -> Vec<u16> {
    match &file.content {
        nifti::NiftiContent::Labels(labels) => labels.iter().copied().collect(),
        _ => Vec::new(),
    }
}

/// The names of the labels of a file, from a table beside it. A mask of ones is called as its file unless the table
/// is its own: the table of the folder counts the labels of another file.
fn names_for(file: &NiftiLook) -> Result<LabelNames, LabelNamesError> {
    let is_mask = labels_of(file).iter().all(|l| *l == 1);
    match LabelNames::table_beside(&file.path) {
        Some(table) if !is_mask || table.file_stem().is_some_and(|s| *s == *file_stem(&file.path)) => {
            LabelNames::read_csv(&table)
        }
        _ => Ok(LabelNames::default()),
    }
}

fn read_file(
    file: &NiftiLook,
    grid: &Arc<VoxelGrid>,
    progress: &dyn Progress,
) -> Result<(LabelRois, Vec<String>), SetError> {
    let mut notes = Vec::new();
    let names = names_for(file).unwrap_or_else(|error| {
        notes.push(error.reason());
        LabelNames::default()
    });
    let labels = nifti::read_labels_with(&file.path, progress)?;
    progress.checkpoint()?;
    let onto = labels.onto_grid(grid).map_err(|source| SetError::Onto { source, path: file.path.clone() })?;
    drop(labels);
    progress.checkpoint()?;
    let rois = onto.volume.rois_with(&names, &file.path, progress)?;
    notes.extend(onto.volume.notes);
    Ok((rois, notes))
}
