//! Opening a case: scan, CT slice by slice, structure sets; the same for the window and the command line.

use super::Trouble;
use super::case::{Case, CaseImage};
use super::jobs::JobError;
use super::live::Surroundings;
use super::outcome::entered;
use super::series::{SeriesChoice, SeriesList, find};
use crate::dicom::{CtError, CtMeta, ImportWarning, LoadStep, LoadedCt};
use crate::geometry::{PatientPoint, VoxelGrid};
use crate::image::{CtVolume, WindowLevel};
use crate::import::{self, FindError, ImportError, LoadedSet, SetError, SetSource};
use crate::phantom::{self, PhantomConfig};
use crate::progress::{Cancelled, Progress};
use crate::structures::{RoiId, StructureSet};
use crate::tf;
use crate::words::t;
use ndarray::Array3;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// A case ready for the bench.
pub struct LoadedCase {
    pub case: Case,
    pub surroundings: Surroundings,
    /// Sets of structures found, fitting this CT, and not loaded.
    pub other_structure_sets: Vec<SetSource>,
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
    Find(#[from] FindError),
    #[error(transparent)]
    Ct(#[from] ImportError),
    /// A file that was named could not be read.
    #[error(transparent)]
    Set(#[from] SetError),
    #[error("{}", crate::tf!("CT series {number} of {count} cannot be opened, choose another one of them: {source}", number = .number, count = .count, source = .source))]
    OneOfSeveral { number: usize, count: usize, source: ImportError },
    #[error("{}", crate::tf!("there is no such series in the folder ({wanted}); it holds {count} CT series, `hilum inspect` lists them", wanted = .wanted, count = .count))]
    NoSuchSeries { wanted: String, count: usize },
    /// The case of a journal.
    #[error(transparent)]
    Journal(#[from] super::journal::JournalError),
    #[error("{}", crate::words::t("cancelled"))]
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
        match self {
            Self::Cancelled => true,
            Self::Find(error) => error.is_cancelled(),
            Self::Ct(error) | Self::OneOfSeveral { source: error, .. } => error.is_cancelled(),
            Self::Set(error) => error.is_cancelled(),
            Self::NoSuchSeries { .. } | Self::Journal(_) => false,
        }
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

/// Reads the CT found in files and folders with the newest structure set that fits it, or where there is none with a
/// segmentation or NIfTI labels, and with those that were named. `on_step` receives geometry and slices as they
/// arrive; an error from it stops the work.
///
/// # Errors
/// No CT, unusable geometry, a NIfTI file or segmentation that was named and cannot be read, cancelled. Trouble with
/// a set that was only found is a remark, not an error.
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
    let Scan { findings, at, found, volume, meta, mut warnings } = load_scan(paths, choice, progress, on_step)?;

    let fitting = findings.sets_for(at);
    warnings.extend(fitting.remarks);
    let mut read: Vec<LoadedSet> = Vec::new();
    let mut others: Vec<SetSource> = Vec::new();
    for set in fitting.first {
        progress.checkpoint()?;
        if !read.is_empty() {
            others.push(set.clone());
            continue;
        }
        match set.load(&volume.grid, &meta, 0, progress) {
            Ok(set) => read.push(set),
            Err(error) if error.is_cancelled() => return Err(OpenError::Cancelled),
            Err(error) => warnings.push(error.to_warning()),
        }
    }
    for set in fitting.asked_for {
        progress.checkpoint()?;
        read.push(set.load(&volume.grid, &meta, read.len(), progress)?);
    }
    others.extend(fitting.offered.into_iter().cloned());

    let opened = paths.iter().map(|p| std::path::absolute(p).unwrap_or_else(|_| p.clone())).collect();
    progress.report(t("Measuring the structures"), 0, 1);
    let mut case = Case::new(CaseImage { volume, meta: Arc::clone(&meta) }, StructureSet::default(), Vec::new());
    let mut uncertain_roles = BTreeSet::new();
    for set in read {
        progress.checkpoint()?;
        let ids = entered(&mut case, &set);
        uncertain_roles.extend(set.guessed().filter_map(|n| ids.get(n).copied()));
        warnings.extend(set.warnings);
    }
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

/// A CT and what was found beside it.
pub(super) struct Scan {
    pub findings: import::Findings,
    /// Which of the CTs it is.
    pub at: usize,
    pub found: SeriesList,
    pub volume: CtVolume,
    pub meta: Arc<CtMeta>,
    pub warnings: Vec<ImportWarning>,
}

/// Finds the CTs of files and folders, and reads the chosen one.
pub(super) fn load_scan(
    paths: &[PathBuf],
    choice: &SeriesChoice,
    progress: &dyn Progress,
    on_step: &mut dyn FnMut(OpenStep) -> Result<(), Cancelled>,
) -> Result<Scan, OpenError> {
    let findings = import::find(paths, progress)?;
    let mut warnings = findings.warnings.clone();
    let count = findings.cts.len();
    let at = find(&findings, choice).ok_or_else(|| match choice {
        SeriesChoice::Best => OpenError::Ct(CtError::Empty.into()),
        SeriesChoice::Number(number) => OpenError::NoSuchSeries { wanted: number.to_string(), count },
        SeriesChoice::Key(key) => OpenError::NoSuchSeries { wanted: key.clone(), count },
    })?;
    let found = SeriesList::new(&findings, at);
    on_step(OpenStep::Found(Box::new(found.clone())))?;
    if count > 1 && *choice == SeriesChoice::Best {
        warnings.push(ImportWarning::warning(tf!("{count} CT series were found and number {n} of them was opened; choose another one in the list of series, or with --series", count, n = at + 1)));
    }
    let loaded = findings.cts[at].load(progress, &mut |step| on_step(OpenStep::Ct(step)));
    let LoadedCt { volume, meta, warnings: ct_warnings } = loaded.map_err(|source| match source {
        source if source.is_cancelled() => OpenError::Cancelled,
        source if count > 1 => OpenError::OneOfSeveral { number: at + 1, count, source },
        source => OpenError::Ct(source),
    })?;
    warnings.extend(ct_warnings);
    Ok(Scan { findings, at, found, volume, meta, warnings })
}

/// The seed of a case that [`load_demo`] made.
pub(super) fn demo_seed(meta: &CtMeta) -> Option<u64> {
    let seed = meta.patient.id.rsplit('-').next()?.parse().ok()?;
    let made = CtMeta::synthetic("Phantom", seed, meta.slices.len());
    (*meta == made).then_some(seed)
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
