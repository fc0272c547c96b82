//! The journals in a folder: which case each belongs to, what was edited, and whether it is in an exported file.

use super::frame::{End, Frame, Frames, Kind, UNFINISHED};
use super::record::{FORMAT, Identity, StepNote, time_of};
use crate::words::t;
use crate::workbench::edit::Touched;
use crate::workbench::history::StateId;
use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A journal of an earlier run, or of another window.
#[derive(Debug, Clone)]
pub struct FoundJournal {
    pub path: PathBuf,
    pub identity: Identity,
    /// Steps that count, oldest first: those that were taken back do not. Of a journal in use none.
    pub steps: Vec<StepNote>,
    /// Edits before the first of them, which the history no longer held.
    pub dropped: usize,
    /// When the last edit was made, taken back or done again.
    pub last: SystemTime,
    pub state: StateId,
    /// The state that was exported last.
    pub exported: Option<StateId>,
    /// A window or a command works on it now.
    pub in_use: bool,
    pub bytes: u64,
    /// How it ends; what follows a damaged place is not counted.
    pub end: End,
    /// The names of journals that this one replaces.
    replaces: Vec<String>,
}

impl FoundJournal {
    /// Edits that count.
    pub fn edits(&self) -> usize {
        self.dropped + self.steps.len()
    }

    /// Edits after the state that was exported last; all of them where that state is not on the way to the last one.
    pub fn unexported(&self) -> usize {
        let Some(exported) = self.exported else { return self.edits() };
        if exported == self.state {
            return 0;
        }
        let place = self.steps.iter().position(|step| step.state == exported);
        place.map_or(self.edits(), |place| self.steps.len() - place - 1)
    }

    /// True if there are edits that are in no exported file.
    pub fn is_unfinished(&self) -> bool {
        self.unexported() > 0
    }

    /// A short name that tells it from the others and nothing of the patient.
    pub fn id(&self) -> String {
        super::id_of(&self.path)
    }

    /// The structures that its steps touched, each once, in the order of their first touch.
    pub fn structures(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let names = self.steps.iter().flat_map(|s| &s.touched).map(|Touched { name, .. }| name.as_str());
        names.filter(|name| seen.insert(*name)).collect()
    }
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

/// Looks at one journal; of one in use only at which case it is.
///
/// # Errors
/// A file that is no journal, or one of a newer program; `UnexpectedEof` where not even its beginning was written, so
/// that no edit can have been in it.
pub fn look(path: &Path) -> io::Result<FoundJournal> {
    let file = File::open(path)?;
    let in_use = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let bytes = file.metadata()?.len();
    if bytes < super::frame::MAGIC.len() as u64 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut frames = Frames::new(BufReader::new(file))?;
    let first = beginning(&mut frames, Kind::Identity)?;
    let identity: Identity = first.value().map_err(|_| unreadable(&first))?;
    let mut journal = FoundJournal {
        path: path.to_owned(),
        identity,
        steps: Vec::new(),
        dropped: 0,
        last: time_of(first.at_ms),
        state: first.state,
        exported: None,
        in_use,
        bytes,
        end: End::Whole,
        replaces: Vec::new(),
    };
    if in_use {
        return Ok(journal);
    }
    journal.dropped = dropped(&beginning(&mut frames, Kind::Contents)?)?;
    let mut undone = Vec::new();
    for frame in frames.by_ref() {
        journal.take(&frame, &mut undone)?;
    }
    journal.end = frames.end().cloned().unwrap_or(End::Whole);
    Ok(journal)
}

/// The record with which a journal has to begin.
fn beginning(frames: &mut Frames<BufReader<File>>, kind: Kind) -> io::Result<Frame> {
    match frames.next() {
        Some(frame) if frame.kind == kind => Ok(frame),
        Some(_) => Err(damaged(t("it does not begin as a journal does"))),
        None => match frames.end() {
            Some(End::Torn { why, .. }) if *why != UNFINISHED => Err(damaged(t("its first records are damaged"))),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        },
    }
}

/// Why the first record cannot be used: it is of another version, or it is damaged.
fn unreadable(first: &Frame) -> io::Error {
    #[derive(serde::Deserialize)]
    struct Version {
        format: u32,
    }
    match first.value::<Version>() {
        Ok(version) if version.format > FORMAT => damaged(t("a newer version of this program wrote it")),
        _ => damaged(t("its first record is damaged")),
    }
}

fn dropped(contents: &Frame) -> io::Result<usize> {
    #[derive(serde::Deserialize)]
    struct Short {
        dropped: usize,
    }
    Ok(contents.value::<Short>()?.dropped)
}

impl FoundJournal {
    fn take(&mut self, frame: &Frame, undone: &mut Vec<StepNote>) -> io::Result<()> {
        match frame.kind {
            Kind::Step => {
                self.steps.push(StepNote::of(frame)?);
                undone.clear();
            }
            Kind::Undo => undone.extend(self.steps.pop()),
            Kind::Redo => self.steps.extend(undone.pop()),
            Kind::Exported => self.exported = Some(frame.state),
            Kind::Replaces => self.replaces.push(frame.value()?),
            Kind::Identity | Kind::Contents => return Err(damaged(t("it begins twice"))),
        }
        if matches!(frame.kind, Kind::Step | Kind::Undo | Kind::Redo) {
            (self.state, self.last) = (frame.state, self.last.max(time_of(frame.at_ms)));
        }
        Ok(())
    }
}

/// All journals of a folder, the newest first, and what is wrong with files that cannot be read.
pub fn find(folder: &Path) -> (Vec<FoundJournal>, Vec<(PathBuf, String)>) {
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    let Ok(entries) = std::fs::read_dir(folder) else { return (found, damaged) };
    for path in entries.filter_map(|e| Some(e.ok()?.path())) {
        if path.extension().is_none_or(|e| e != super::ENDING) {
            continue;
        }
        match look(&path) {
            Ok(journal) => found.push(journal),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => remove_empty(&path),
            // Another window has just removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => damaged.push((path, error.to_string())),
        }
    }
    found.sort_by_key(|j| std::cmp::Reverse(j.last));
    damaged.sort();
    // One that another holds as a whole is only there because a program ended before it could be removed.
    let replaced: BTreeSet<String> = found.iter().flat_map(|j| j.replaces.iter().cloned()).collect();
    found.retain(|j| j.path.file_name().is_none_or(|name| !replaced.contains(&*name.to_string_lossy())));
    (found, damaged)
}

/// A program ended while it wrote the first records, which hold no edit; unless it is about to write them now.
fn remove_empty(path: &Path) {
    let is_free = File::open(path).is_ok_and(|file| file.try_lock().is_ok());
    if is_free && let Err(error) = std::fs::remove_file(path) {
        tracing::warn!("an empty journal cannot be removed: {error}");
    }
}

/// Removes journals whose edits are all in exported files, or were all taken back.
pub fn prune(journals: &mut Vec<FoundJournal>) {
    journals
        .retain(|journal| journal.is_unfinished() || journal.in_use || std::fs::remove_file(&journal.path).is_err());
}

/// Removes a journal with its edits.
///
/// # Errors
/// A file that is no journal, one that is in use, and one that cannot be removed.
pub fn discard(path: &Path) -> io::Result<()> {
    if path.extension().is_none_or(|e| e != super::ENDING) {
        return Err(damaged(t("this is no journal of this program, nothing was removed")));
    }
    let file = File::open(path)?;
    if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return Err(damaged(t("another window has this case open, its edits were kept")));
    }
    std::fs::remove_file(path)
}
