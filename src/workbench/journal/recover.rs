//! Recovery: the scan and the sets of a journal are read again, must be the same, and the edits are replayed.

use super::frame::{End, Frame, Frames, Kind, UNFINISHED};
use super::record::{CaseOrigin, FORMAT, Identity, RecordedContents, RecordedSource, slices_of, step_of};
use crate::dicom::{ImportWarning, Severity, SourceStructureSet};
use crate::geometry::VoxelGrid;
use crate::import::{Findings, SetOrigin, SetSource, VoxelOrigin};
use crate::progress::{Cancelled, Progress};
use crate::tf;
use crate::words::t;
use crate::workbench::case::CaseContents;
use crate::workbench::history::StateId;
use crate::workbench::loading::{OpenStep, Scan, load_scan};
use crate::workbench::{Case, CaseImage, LoadedCase, OpenError, SeriesChoice, SeriesList, Surroundings, load_demo};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the case of a journal cannot be opened again. The journal is as it was.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{}", crate::tf!("the journal cannot be read ({source}): {path}", source = .source, path = path.display()))]
    Read { source: std::io::Error, path: PathBuf },
    #[error("{}", crate::tf!("the journal is damaged before its first edit, nothing can be taken from it: {path}", path = .0.display()))]
    Damaged(PathBuf),
    #[error("{}", crate::tf!("a newer version of Hilum wrote this journal ({program}); open it with that one: {path}", program = .program, path = path.display()))]
    Newer { program: String, path: PathBuf },
    #[error("{}", crate::tf!("another window has this case open; close it there first: {path}", path = .0.display()))]
    InUse(PathBuf),
    #[error("{}", crate::tf!("{missing} of {all} files of the CT are no longer there; put them back, or give the folder where they lie now with `hilum journal export --from`: {path}", missing = .missing, all = .all, path = path.display()))]
    Missing { missing: usize, all: usize, path: PathBuf },
    #[error("{}", crate::tf!("{changed} of {all} images of the CT are not those on which was drawn, so the edits were not laid over them; put the right files back: {path}", changed = .changed, all = .all, path = path.display()))]
    Changed { changed: usize, all: usize, path: PathBuf },
    #[error("{}", crate::tf!("the CT has other slices or another place than the one on which was drawn, so the edits were not laid over it: {path}", path = .0.display()))]
    OtherCt(PathBuf),
}

/// A case as it was left, with its history.
pub struct RecoveredCase {
    pub loaded: LoadedCase,
    /// The journal that it comes from.
    pub journal: PathBuf,
    /// The state that was exported last, if it was.
    pub exported: Option<StateId>,
    /// False where something of the journal could not be taken; the remarks among the warnings say what.
    pub is_whole: bool,
}

/// A journal as it lies on the disk.
pub struct ReadJournal {
    pub identity: Identity,
    pub contents: RecordedContents,
    /// State before the first step.
    pub base: StateId,
    /// What follows the first two records.
    pub frames: Vec<Frame>,
    pub end: End,
    /// Held while it is recovered: nobody begins to write it meanwhile.
    _lock: File,
}

/// Reads a journal to its end, or to where it is damaged.
///
/// # Errors
/// [`JournalError`] where not even its beginning can be used, or another program works on it.
pub fn read(path: &Path) -> Result<ReadJournal, JournalError> {
    let cannot = |source: std::io::Error| JournalError::Read { source, path: path.to_owned() };
    let file = File::open(path).map_err(cannot)?;
    match file.try_lock_shared() {
        Ok(()) | Err(TryLockError::Error(_)) => {}
        Err(TryLockError::WouldBlock) => return Err(JournalError::InUse(path.to_owned())),
    }
    let mut frames = Frames::new(BufReader::new(file.try_clone().map_err(cannot)?)).map_err(cannot)?;
    let damaged = || JournalError::Damaged(path.to_owned());
    let first = frames.next().filter(|f| f.kind == Kind::Identity).ok_or_else(damaged)?;
    let version: Version = first.value().map_err(|_| damaged())?;
    if version.format > FORMAT {
        return Err(JournalError::Newer { program: version.program, path: path.to_owned() });
    }
    let identity = first.value().map_err(|_| damaged())?;
    let second = frames.next().filter(|f| f.kind == Kind::Contents).ok_or_else(damaged)?;
    let contents = second.value().map_err(|_| damaged())?;
    let rest: Vec<Frame> = frames.by_ref().collect();
    let end = frames.end().cloned().unwrap_or(End::Whole);
    Ok(ReadJournal { identity, contents, base: second.state, frames: rest, end, _lock: file })
}

/// What every version of a journal tells of itself.
#[derive(serde::Deserialize)]
struct Version {
    format: u32,
    #[serde(default)]
    program: String,
}

/// Opens the case of a journal again: reads the CT and the sets, and replays the edits. `from` names where the files
/// lie now, if not where they were. Slices are handed over as they arrive.
///
/// # Errors
/// [`JournalError`], and those of reading the CT; what is only about a set or the tail of the journal is a remark.
pub fn recover(
    path: &Path,
    from: Option<&[PathBuf]>,
    progress: &dyn Progress,
    on_step: &mut dyn FnMut(OpenStep) -> Result<(), Cancelled>,
) -> Result<RecoveredCase, OpenError> {
    progress.report(t("Reading the journal"), 0, 1);
    let journal = read(path)?;
    let origin = match (&journal.identity.origin, from) {
        (CaseOrigin::Files { series, .. }, Some(from)) => {
            CaseOrigin::Files { paths: from.to_vec(), series: series.clone() }
        }
        (origin, _) => origin.clone(),
    };
    let scan = match &origin {
        CaseOrigin::Demo { seed } => FoundScan::demo(*seed, progress)?,
        CaseOrigin::Files { paths, series } => {
            if from.is_none() {
                check_files(&journal.identity)?;
            }
            FoundScan::read(paths, series, progress, on_step)?
        }
    };
    progress.report(t("Comparing the CT with the journal"), 0, 1);
    check_scan(&journal.identity, &scan.image)?;
    let mut warnings = scan.warnings;
    let mut sets = Sets::read(&journal, &scan.findings, &mut warnings);
    let mut contents = CaseContents {
        structures: journal.contents.structures.clone(),
        clinical: journal.contents.clinical.clone(),
        landmarks: journal.contents.landmarks.clone(),
        ..CaseContents::default()
    };
    for source in &journal.contents.sources {
        match sets.origin(source) {
            Some(SetOrigin::StructureSet(set)) => contents.sources.push(set),
            Some(SetOrigin::Voxels(files)) => contents.voxel_sources.push(files),
            None => {}
        }
    }
    if sets.is_incomplete {
        contents.structures.rois.iter_mut().for_each(|roi| roi.source = None);
    }
    let mut case = Case::begin_replay(scan.image, contents, journal.contents.next_id);
    case.history_mut().begin_at(journal.base, journal.contents.dropped);
    let mut exported = None;
    let mut is_whole = true;
    for (n, frame) in journal.frames.iter().enumerate() {
        if n % 64 == 0 {
            progress.checkpoint()?;
            progress.report(t("Replaying edits"), n, journal.frames.len());
        }
        match replay(&mut case, frame, &mut sets) {
            Ok(()) if frame.kind == Kind::Exported => exported = Some(frame.state),
            Ok(()) => {}
            Err(why) => {
                is_whole = false;
                let left = journal.frames.len() - n;
                warnings.push(remark(tf!("The last {left} records of the journal were left out, one of them cannot be replayed: {why}; the journal is kept", left, why), path));
                break;
            }
        }
    }
    if let End::Torn { bytes, why } = journal.end {
        is_whole &= why == UNFINISHED;
        warnings
            .push(remark(tf!("The end of the journal was left out, {bytes} bytes: {why}", bytes, why = t(why)), path));
    }
    progress.report(t("Measuring the structures"), 0, 1);
    case.end_replay();
    let opened = match origin {
        CaseOrigin::Files { paths, .. } => paths,
        CaseOrigin::Demo { .. } => Vec::new(),
    };
    let there = case.structures();
    let uncertain_roles =
        journal.contents.uncertain_roles.iter().copied().filter(|id| there.get(*id).is_some()).collect();
    let loaded = LoadedCase {
        surroundings: Surroundings::find(&case),
        case,
        other_structure_sets: scan.others,
        warnings,
        uncertain_roles,
        opened,
        found: scan.found,
    };
    Ok(RecoveredCase { loaded, journal: path.to_owned(), exported, is_whole })
}

fn remark(text: String, path: &Path) -> ImportWarning {
    ImportWarning::new(Severity::Warning, text, vec![path.to_owned()])
}

fn replay(case: &mut Case, frame: &Frame, sets: &mut Sets) -> Result<(), String> {
    match frame.kind {
        Kind::Step => {
            let origin = &mut |source: &RecordedSource| sets.origin(source);
            let mut step =
                step_of(frame, case.structures(), case.clinical(), origin).map_err(|error| error.to_string())?;
            if sets.is_incomplete {
                step.edit.forget_sources();
            }
            case.replay(step).map_err(|error| error.to_string())?;
        }
        Kind::Undo => drop(case.undo().ok_or(t("there is nothing to take back"))?),
        Kind::Redo => drop(case.redo().ok_or(t("there is nothing to do again"))?),
        Kind::Exported | Kind::Replaces => return Ok(()),
        Kind::Identity | Kind::Contents => return Err(t("a second beginning").into()),
    }
    if case.history().state() == frame.state {
        Ok(())
    } else {
        Err(t("the steps before it are not those of the journal").into())
    }
}

/// The scan of a journal, and what else lies beside it.
struct FoundScan {
    image: CaseImage,
    findings: Findings,
    others: Vec<SetSource>,
    found: SeriesList,
    warnings: Vec<ImportWarning>,
}

impl FoundScan {
    fn demo(seed: u64, progress: &dyn Progress) -> Result<Self, OpenError> {
        let LoadedCase { case, warnings, found, .. } = load_demo(seed, progress)?;
        Ok(Self { image: case.image, findings: Findings::default(), others: Vec::new(), found, warnings })
    }

    fn read(
        paths: &[PathBuf],
        series: &str,
        progress: &dyn Progress,
        on_step: &mut dyn FnMut(OpenStep) -> Result<(), Cancelled>,
    ) -> Result<Self, OpenError> {
        let choice = if series.is_empty() { SeriesChoice::Best } else { SeriesChoice::Key(series.to_owned()) };
        let Scan { findings, at, found, volume, meta, warnings } = load_scan(paths, &choice, progress, on_step)?;
        let fitting = findings.sets_for(at);
        let others = fitting.first.into_iter().chain(fitting.asked_for).chain(fitting.offered).cloned().collect();
        Ok(Self { image: CaseImage { volume, meta }, findings, others, found, warnings })
    }
}

fn check_files(identity: &Identity) -> Result<(), JournalError> {
    let mut missing = identity.slices.iter().filter(|s| !s.path.exists()).peekable();
    let Some(first) = missing.peek().map(|s| s.path.clone()) else { return Ok(()) };
    Err(JournalError::Missing { missing: missing.count(), all: identity.slices.len(), path: first })
}

fn check_scan(identity: &Identity, image: &CaseImage) -> Result<(), JournalError> {
    let first = image.meta.slices.first().map(|s| s.path.clone()).unwrap_or_default();
    let same_grid = |grid: &VoxelGrid| *grid == identity.grid;
    if !same_grid(&image.volume.grid) || image.meta.slices.len() != identity.slices.len() {
        return Err(JournalError::OtherCt(first));
    }
    let now = slices_of(image);
    let is_same = |(a, b): &(&super::record::RecordedSlice, &super::record::RecordedSlice)| {
        a.sop_instance_uid == b.sop_instance_uid && a.values == b.values
    };
    let changed: Vec<PathBuf> =
        now.iter().zip(&identity.slices).filter(|pair| !is_same(pair)).map(|(now, _)| now.path.clone()).collect();
    match changed.first() {
        Some(path) => Err(JournalError::Changed { changed: changed.len(), all: now.len(), path: path.clone() }),
        None => Ok(()),
    }
}

/// The sets of structures of a journal, read again. Contours come from the journal; the sets are needed to export in
/// place, and only if they are what they were.
struct Sets {
    read: BTreeMap<String, Arc<SourceStructureSet>>,
    voxels: Vec<Arc<VoxelOrigin>>,
    /// One of the structure sets is not what it was: places in the list of sets no longer count, so that every
    /// structure stands for itself.
    is_incomplete: bool,
}

impl Sets {
    fn read(journal: &ReadJournal, findings: &Findings, warnings: &mut Vec<ImportWarning>) -> Self {
        let mut sets = Self { read: BTreeMap::new(), voxels: Vec::new(), is_incomplete: false };
        let added = journal.frames.iter().filter(|f| f.kind == Kind::Step).flat_map(super::record::sources_of);
        for source in journal.contents.sources.iter().cloned().chain(added) {
            let RecordedSource::StructureSet { path, sha256 } = source else { continue };
            if sets.read.contains_key(&sha256) {
                continue;
            }
            let found = findings.sets.iter().filter(|s| matches!(s, SetSource::Dicom(_))).flat_map(SetSource::paths);
            let same = |path: &Path| SourceStructureSet::open(path).ok().filter(|set| set.sha256 == sha256);
            match std::iter::once(&path).chain(found).find_map(|path| same(path)) {
                Some(set) => drop(sets.read.insert(sha256, Arc::new(set))),
                None => {
                    let what = if path.exists() { t("has changed") } else { t("is no longer there") };
                    warnings.push(remark(tf!("A structure set of this case {what}: all contours are as they were left, but they will be exported as a new set and not in place of this one", what), &path));
                    sets.is_incomplete = true;
                }
            }
        }
        sets
    }

    /// The set of a record; the same value for the same set, so that taking back its import finds it.
    fn origin(&mut self, source: &RecordedSource) -> Option<SetOrigin> {
        match source {
            RecordedSource::StructureSet { .. } if self.is_incomplete => None,
            RecordedSource::StructureSet { sha256, .. } => self.read.get(sha256).cloned().map(SetOrigin::StructureSet),
            RecordedSource::Voxels { format, label, paths } => {
                let origin = VoxelOrigin { format: *format, label: label.clone(), paths: paths.clone() };
                if let Some(known) = self.voxels.iter().find(|v| ***v == origin) {
                    return Some(SetOrigin::Voxels(Arc::clone(known)));
                }
                let origin = Arc::new(origin);
                self.voxels.push(Arc::clone(&origin));
                Some(SetOrigin::Voxels(origin))
            }
        }
    }
}
