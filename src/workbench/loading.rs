//! Opening a case: scan, CT slice by slice, structure sets; the same for the window and the command line.

use super::Trouble;
use super::case::{Case, CaseImage};
use super::jobs::JobError;
use super::live::Surroundings;
use super::opening::guessed;
use super::series::{SeriesChoice, SeriesList, find};
use crate::dicom::{self, CtError, CtMeta, ImportWarning, LoadStep, LoadedCt, ScanError, StructureSetFile};
use crate::geometry::{PatientPoint, VoxelGrid};
use crate::image::{CtVolume, WindowLevel};
use crate::phantom::{self, PhantomConfig};
use crate::progress::{Cancelled, Progress};
use crate::structures::{RoiId, StructureSet};
use ndarray::Array3;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// A case ready for the bench.
pub struct LoadedCase {
    pub case: Case,
    pub surroundings: Surroundings,
    /// Structure sets found, fitting this CT, and not loaded.
    pub other_structure_sets: Vec<StructureSetFile>,
    /// Import report.
    pub warnings: Vec<ImportWarning>,
    /// Structures whose role was only guessed from the name.
    pub uncertain_roles: BTreeSet<RoiId>,
    /// What to remember among the recent cases; empty for a case that was not read.
    pub opened: Vec<PathBuf>,
    /// The CT series of the folder, and which of them this is.
    pub found: SeriesList,
}

/// Why a case cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Ct(#[from] CtError),
    #[error("CT series {number} of {count} cannot be opened, choose another one of them: {source}")]
    OneOfSeveral { number: usize, count: usize, source: CtError },
    #[error("there is no such series in the folder ({wanted}); it holds {count} CT series, `hilum inspect` lists them")]
    NoSuchSeries { wanted: String, count: usize },
    #[error("cancelled")]
    Cancelled,
}

impl From<Cancelled> for OpenError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl OpenError {
    pub(super) fn into_job_error(self) -> JobError {
        if self.is_cancelled() { JobError::Cancelled } else { JobError::Failed(Trouble::of(&self)) }
    }

    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Scan(ScanError::Cancelled(_)) | Self::Ct(CtError::Cancelled(_)))
    }
}

/// What arrives while a case is read.
pub enum OpenStep {
    /// The series of the folder, before the first slice.
    Found(Box<SeriesList>),
    Ct(LoadStep),
}

/// A case while its slices arrive.
#[derive(Debug)]
pub struct Loading {
    /// Grows with every scan that begins to arrive; textures belong to one value of it.
    pub number: u64,
    pub grid: Arc<VoxelGrid>,
    pub meta: Arc<CtMeta>,
    /// HU `[k, j, i]`; slices that have not arrived are air.
    pub hu: Array3<i16>,
    /// Which slices have arrived, in the order of arrival.
    pub arrived: Vec<usize>,
    /// Crosshair and window of the case that was shown before.
    pub(super) before: (PatientPoint, WindowLevel),
}

impl Loading {
    pub(super) fn new(
        number: u64,
        grid: Arc<VoxelGrid>,
        meta: Arc<CtMeta>,
        before: (PatientPoint, WindowLevel),
    ) -> Self {
        let hu = Array3::from_elem(grid.shape(), CtVolume::OUTSIDE_HU);
        Self { number, grid, meta, hu, arrived: Vec::new(), before }
    }

    pub(super) fn add(&mut self, k: usize, hu: &[i16]) {
        let mut target = self.hu.index_axis_mut(ndarray::Axis(0), k);
        if let Some(target) = target.as_slice_mut().filter(|t| t.len() == hu.len()) {
            target.copy_from_slice(hu);
            self.arrived.push(k);
        }
    }

    pub(super) fn hu_at(&self, point: PatientPoint) -> Option<i16> {
        self.grid.containing_voxel(point).map(|at| self.hu[at])
    }
}

/// Reads the CT found in files and folders with the newest structure set that fits it. `on_step`
/// receives geometry and slices as they arrive; an error from it stops the work.
///
/// # Errors
/// No DICOM, no CT, unusable geometry, cancelled. Trouble with a structure set is a remark, not an error.
pub fn load_case(
    paths: &[PathBuf],
    progress: &dyn Progress,
    on_step: &mut dyn FnMut(LoadStep) -> Result<(), Cancelled>,
) -> Result<LoadedCase, OpenError> {
    load_series(paths, &SeriesChoice::Best, progress, &mut |step| match step {
        OpenStep::Ct(step) => on_step(step),
        OpenStep::Found(_) => Ok(()),
    })
}

/// As [`load_case`], with the choice among several CT series.
///
/// # Errors
/// As [`load_case`]; a series that is not there.
pub fn load_series(
    paths: &[PathBuf],
    choice: &SeriesChoice,
    progress: &dyn Progress,
    on_step: &mut dyn FnMut(OpenStep) -> Result<(), Cancelled>,
) -> Result<LoadedCase, OpenError> {
    let scan = dicom::scan(paths, progress)?;
    let mut warnings = scan.warnings.clone();
    let count = scan.series.len();
    let at = find(&scan, choice).ok_or_else(|| match choice {
        SeriesChoice::Best => OpenError::Ct(CtError::Empty),
        SeriesChoice::Number(number) => OpenError::NoSuchSeries { wanted: number.to_string(), count },
        SeriesChoice::Key(key) => OpenError::NoSuchSeries { wanted: key.clone(), count },
    })?;
    let series = &scan.series[at];
    let found = SeriesList::new(&scan, at);
    on_step(OpenStep::Found(Box::new(found.clone())))?;
    if count > 1 && *choice == SeriesChoice::Best {
        warnings.push(ImportWarning::warning(format!(
            "{count} CT series were found and number {} of them was opened; choose another one in the list of series, or with --series",
            at + 1
        )));
    }
    let mut stopped = false;
    let loaded = dicom::load_ct(series, progress, &mut |step| stopped |= on_step(OpenStep::Ct(step)).is_err());
    if stopped {
        return Err(OpenError::Cancelled);
    }
    let LoadedCt { volume, meta, warnings: ct_warnings } = loaded.map_err(|source| match source {
        CtError::Cancelled(_) => OpenError::Cancelled,
        source if count > 1 => OpenError::OneOfSeveral { number: at + 1, count, source },
        source => OpenError::Ct(source),
    })?;
    warnings.extend(ct_warnings);

    let mut structures = StructureSet::default();
    let mut sources = Vec::new();
    let mut others = Vec::new();
    let mut read = None;
    let mut files: Vec<&StructureSetFile> = scan.structure_sets_of(series);
    if files.is_empty() {
        // None belongs to this series: try them all the same, so that each refusal gives its reason.
        files = scan.structure_sets.iter().collect();
    } else {
        let (fitting, remarks) = scan.other_structure_sets_of(series);
        others.extend(fitting.into_iter().cloned());
        warnings.extend(remarks);
    }
    // The newest that can be read is loaded, the others are offered.
    files.sort_by(|a, b| (&b.date, &b.time).cmp(&(&a.date, &a.time)));
    let mut rest = Vec::new();
    for file in files {
        progress.checkpoint()?;
        if !sources.is_empty() {
            rest.push(file.clone());
            continue;
        }
        progress.report("Reading the structure set", 0, 1);
        match dicom::load_structure_set(&file.path, &volume.grid, &meta, 0) {
            Ok(set) => {
                structures.rois.clone_from(&set.rois);
                warnings.extend(set.warnings.iter().cloned());
                sources.push(Arc::clone(&set.source));
                read = Some(set);
            }
            Err(error) => warnings.push(error.to_warning()),
        }
    }
    others.splice(0..0, rest);
    let opened = paths.iter().map(|p| std::path::absolute(p).unwrap_or_else(|_| p.clone())).collect();
    progress.report("Measuring the structures", 0, 1);
    let case = Case::new(CaseImage { volume, meta: Arc::clone(&meta) }, structures, sources);
    let ids: Vec<RoiId> = case.structures().rois.iter().map(|r| r.id).collect();
    let uncertain_roles = read.iter().flat_map(|set| guessed(set, &ids)).collect();
    Ok(LoadedCase {
        surroundings: Surroundings::find(&case),
        case,
        other_structure_sets: others,
        warnings,
        uncertain_roles,
        opened,
        found,
    })
}

/// Makes the synthetic case of a seed; nothing is read from disk.
pub fn load_demo(seed: u64, progress: &dyn Progress) -> Result<LoadedCase, Cancelled> {
    let phantom = phantom::generate(&PhantomConfig::demo(seed), progress)?;
    let meta = CtMeta::synthetic("Phantom", seed, phantom.volume.grid.slices());
    let case = Case::new(CaseImage { volume: phantom.volume, meta: Arc::new(meta) }, phantom.structures, Vec::new());
    Ok(LoadedCase {
        surroundings: Surroundings::find(&case),
        case,
        other_structure_sets: Vec::new(),
        warnings: Vec::new(),
        uncertain_roles: BTreeSet::new(),
        opened: Vec::new(),
        found: SeriesList::default(),
    })
}
