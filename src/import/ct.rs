//! A CT that was found, DICOM series or NIfTI file: what its headers say, and how it is loaded.

use crate::dicom::{self, CtError, CtMeta, CtSeries, ImportWarning, LoadStep, LoadedCt, Severity, SliceRef};
use crate::geometry::{GridError, VoxelGrid};
use crate::image::CtVolume;
use crate::nifti::{self, NiftiCt, NiftiError, NiftiLook, Placement, file_stem};
use crate::progress::{Cancelled, Progress};
use crate::words::told;
use dicom_dictionary_std::uids;
use ndarray::s;
use sha2::Digest as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a CT cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Dicom(#[from] CtError),
    #[error(transparent)]
    Nifti(#[from] NiftiError),
    #[error("{}", crate::tf!("the slice in the middle has no place: {value}", value = .0))]
    Grid(#[from] GridError),
}

impl ImportError {
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Dicom(CtError::Cancelled(_)) | Self::Nifti(NiftiError::Cancelled(_)))
    }
}

/// A CT that was found.
#[derive(Debug, Clone)]
pub enum CtSource {
    Dicom(CtSeries),
    Nifti(NiftiCtFile),
}

/// A NIfTI file that is taken as a CT.
#[derive(Debug, Clone)]
pub struct NiftiCtFile {
    pub path: PathBuf,
    pub grid: Arc<VoxelGrid>,
    pub placement: Placement,
    /// Of the file, hexadecimal: its UIDs are made of it, so that a copy of the file has the same.
    sha256: String,
}

/// A CT at a glance, before its voxels are read.
#[derive(Debug, Clone)]
pub struct CtOutlook {
    /// Slices of the volume; what cannot be used is not counted.
    pub slices: usize,
    /// Least and greatest distance between slices that follow each other, mm; `None` for a single image.
    pub spacing_mm: Option<[f64; 2]>,
    /// What makes the geometry doubtful.
    pub doubts: Vec<ImportWarning>,
    pub middle: MiddleSlice,
}

/// The slice in the middle of a CT, for a small picture.
#[derive(Debug, Clone)]
pub enum MiddleSlice {
    Dicom(Arc<CtSeries>),
    /// All of the file must be unpacked for it.
    Nifti(PathBuf),
}

impl MiddleSlice {
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Dicom(series) => series.paths().next(),
            Self::Nifti(path) => Some(path),
        }
    }

    /// The slice as a volume of its own.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn pixels(&self, progress: &dyn Progress) -> Result<CtVolume, ImportError> {
        let path = match self {
            Self::Dicom(series) => return Ok(series.pixels(progress)?),
            Self::Nifti(path) => path,
        };
        let NiftiCt { volume, .. } = nifti::read_ct_slices(path, progress, &mut |_, _| {})?;
        let grid = &volume.grid;
        let k = grid.slices() / 2;
        let slice = VoxelGrid::new(
            grid.patient_from_voxel(k, 0.0, 0.0),
            grid.i_direction(),
            grid.j_direction(),
            [grid.spacing_i_mm(), grid.spacing_j_mm()],
            [grid.columns(), grid.rows()],
            vec![grid.position_mm(k)],
        )?;
        Ok(CtVolume::new(Arc::new(slice), volume.hu.slice(s![k..=k, .., ..]).to_owned()))
    }
}

impl NiftiCtFile {
    /// The file that was looked at; it is read once more for its identity.
    ///
    /// # Errors
    /// [`NiftiError::Io`].
    pub(super) fn new(look: NiftiLook) -> Result<Self, NiftiError> {
        let NiftiLook { path, grid, placement, .. } = look;
        let mut hash = sha2::Sha256::new();
        std::fs::File::open(&path)
            .and_then(|mut file| std::io::copy(&mut file, &mut hash))
            .map_err(|source| NiftiError::Io { source, path: path.clone() })?;
        let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        Ok(Self { path, grid, placement, sha256 })
    }

    fn uid(&self, what: &str) -> String {
        dicom::uid_from_name(&format!("NIfTI {} {what}", self.sha256))
    }

    /// A NIfTI file knows of no patient and no study.
    fn meta(&self) -> CtMeta {
        let slice = |k: usize| SliceRef {
            sop_class_uid: uids::CT_IMAGE_STORAGE.into(),
            sop_instance_uid: self.uid(&format!("slice {k}")),
            path: self.path.clone(),
            instance_number: i32::try_from(k + 1).ok(),
            frame: None,
        };
        CtMeta {
            study_instance_uid: self.uid("study"),
            series_instance_uid: self.uid("series"),
            frame_of_reference_uid: self.uid("frame"),
            series_description: file_stem(&self.path),
            slices: (0..self.grid.slices()).map(slice).collect(),
            from_nifti: true,
            geometry_safe: self.placement != Placement::Pixdim,
            ..CtMeta::default()
        }
    }

    fn load(
        &self,
        progress: &dyn Progress,
        on_step: &mut dyn FnMut(LoadStep) -> Result<(), Cancelled>,
    ) -> Result<LoadedCt, ImportError> {
        let meta = Arc::new(self.meta());
        let stopped = |stop: Result<(), Cancelled>| stop.map_err(NiftiError::Cancelled);
        stopped(on_step(LoadStep::Grid { grid: Arc::clone(&self.grid), meta: Arc::clone(&meta) }))?;
        let mut end = Ok(());
        let read = nifti::read_ct_slices(&self.path, progress, &mut |k, hu| {
            if end.is_ok() {
                end = on_step(LoadStep::Slice { k, hu: hu.to_vec() });
            }
        })?;
        stopped(end)?;
        let NiftiCt { volume, notes, .. } = read;
        let warnings = notes.iter().map(|note| self.remark(note)).collect();
        Ok(LoadedCt { volume, meta, warnings })
    }

    fn remark(&self, note: &str) -> ImportWarning {
        let severity = if note == nifti::NO_PLACE { Severity::Geometry } else { Severity::Warning };
        ImportWarning::new(severity, sentence(told(note)), vec![self.path.clone()])
    }
}

/// With a capital letter, as the import report has it.
pub(super) fn sentence(note: &str) -> String {
    let mut chars = note.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

impl CtSource {
    /// Number of images, or of slices.
    pub fn len(&self) -> usize {
        match self {
            Self::Dicom(series) => series.len(),
            Self::Nifti(file) => file.grid.slices(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn is_nifti(&self) -> bool {
        matches!(self, Self::Nifti(_))
    }

    pub fn study_instance_uid(&self) -> String {
        match self {
            Self::Dicom(series) => series.study_instance_uid.clone(),
            Self::Nifti(file) => file.uid("study"),
        }
    }

    pub fn series_instance_uid(&self) -> String {
        match self {
            Self::Dicom(series) => series.series_instance_uid.clone(),
            Self::Nifti(file) => file.uid("series"),
        }
    }

    pub fn frame_of_reference_uid(&self) -> String {
        match self {
            Self::Dicom(series) => series.frame_of_reference_uid.clone(),
            Self::Nifti(file) => file.uid("frame"),
        }
    }

    /// Of a NIfTI file its name.
    pub fn description(&self) -> String {
        match self {
            Self::Dicom(series) => series.description.clone(),
            Self::Nifti(file) => file_stem(&file.path),
        }
    }

    /// YYYYMMDD, may be empty.
    pub fn date(&self) -> &str {
        match self {
            Self::Dicom(series) => &series.date,
            Self::Nifti(_) => "",
        }
    }

    /// Where its voxels lie; `None` where they form no volume.
    pub fn grid(&self) -> Option<Arc<VoxelGrid>> {
        match self {
            Self::Dicom(series) => series.outlook().ok().map(|o| Arc::new(o.grid)),
            Self::Nifti(file) => Some(Arc::clone(&file.grid)),
        }
    }

    /// # Errors
    /// The reason why it cannot be opened.
    pub fn outlook(&self) -> Result<CtOutlook, ImportError> {
        Ok(match self {
            Self::Dicom(series) => {
                let outlook = series.outlook()?;
                CtOutlook {
                    slices: outlook.slices,
                    spacing_mm: outlook.spacing_mm,
                    doubts: outlook.doubts,
                    middle: MiddleSlice::Dicom(Arc::new(outlook.middle)),
                }
            }
            Self::Nifti(file) => {
                let grid = &file.grid;
                let spacing = (grid.slices() > 1).then(|| grid.position_mm(1) - grid.position_mm(0));
                let no_place = file.placement == Placement::Pixdim;
                CtOutlook {
                    slices: grid.slices(),
                    spacing_mm: spacing.map(|mm| [mm, mm]),
                    doubts: no_place.then(|| file.remark(nifti::NO_PLACE)).into_iter().collect(),
                    middle: MiddleSlice::Nifti(file.path.clone()),
                }
            }
        })
    }

    /// Loads it; an error of `on_step` stops the work.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn load(
        &self,
        progress: &dyn Progress,
        on_step: &mut dyn FnMut(LoadStep) -> Result<(), Cancelled>,
    ) -> Result<LoadedCt, ImportError> {
        match self {
            Self::Dicom(series) => {
                let mut end = Ok(());
                let loaded = dicom::load_ct(series, progress, &mut |step| {
                    if end.is_ok() {
                        end = on_step(step);
                    }
                });
                end.map_err(CtError::Cancelled)?;
                Ok(loaded?)
            }
            Self::Nifti(file) => file.load(progress, on_step),
        }
    }
}
