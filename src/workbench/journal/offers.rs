//! The journals in a folder: which case each belongs to and how far it is, known without reading all of it.

use super::frame::{Frames, Kind};
use super::record::{FORMAT, Identity, time_of};
use crate::workbench::history::StateId;
use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A journal of an earlier run.
#[derive(Debug, Clone)]
pub struct FoundJournal {
    pub path: PathBuf,
    pub identity: Identity,
    /// Edits that count: those that were taken back do not.
    pub edits: usize,
    /// When the last record was written.
    pub last: SystemTime,
    pub state: StateId,
    /// The state that was exported last.
    pub exported: Option<StateId>,
    /// A window or a command works on it now.
    pub in_use: bool,
    pub bytes: u64,
}

impl FoundJournal {
    /// True if there are edits that are in no exported file.
    pub fn is_unfinished(&self) -> bool {
        self.edits > 0 && self.exported != Some(self.state)
    }
}

/// Journals that are kept although everything of them was exported.
const KEPT: usize = 10;

/// Looks at one journal.
///
/// # Errors
/// A file that is no journal, or one of a newer program.
pub fn look(path: &Path) -> io::Result<FoundJournal> {
    let file = File::open(path)?;
    let in_use = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let bytes = file.metadata()?.len();
    let mut frames = Frames::new(BufReader::new(file))?;
    let damaged = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let first = frames.next().filter(|f| f.kind == Kind::Identity);
    let first = first.ok_or_else(|| damaged("its first record is damaged"))?;
    let identity: Identity = first.value()?;
    if identity.format > FORMAT {
        return Err(damaged("a newer version of this program wrote it"));
    }
    let (mut done, mut undone, mut last, mut state, mut exported) = (0_usize, 0_usize, first.at_ms, first.state, None);
    while let Some(frame) = frames.skim() {
        match frame.kind {
            Kind::Step => (done, undone) = (done + 1, 0),
            Kind::Undo => (done, undone) = (done.saturating_sub(1), undone + 1),
            Kind::Redo => (done, undone) = (done + 1, undone.saturating_sub(1)),
            Kind::Exported => exported = Some(frame.state),
            Kind::Identity | Kind::Contents | Kind::Replaces => {}
        }
        if matches!(frame.kind, Kind::Step | Kind::Undo | Kind::Redo) {
            (state, last) = (frame.state, frame.at_ms);
        }
    }
    // What was dropped before the first step counts as edited too.
    let edits = done + usize::from(done == 0 && state != 0);
    Ok(FoundJournal { path: path.to_owned(), identity, edits, last: time_of(last), state, exported, in_use, bytes })
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
            // The writer of another window may be about to write the first record, or has just removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => damaged.push((path, error.to_string())),
        }
    }
    found.sort_by_key(|j| std::cmp::Reverse(j.last));
    damaged.sort();
    // One that another holds as a whole is only there because a program ended before it could be removed.
    let replaced: BTreeSet<String> = found.iter().flat_map(|j| replaced_by(&j.path)).collect();
    found.retain(|j| j.path.file_name().is_none_or(|name| !replaced.contains(&*name.to_string_lossy())));
    (found, damaged)
}

/// The names of the journals that this one replaces.
fn replaced_by(path: &Path) -> Vec<String> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    let Ok(mut frames) = Frames::new(BufReader::new(file)) else { return Vec::new() };
    let mut has_any = false;
    while let Some(frame) = frames.skim() {
        has_any |= frame.kind == Kind::Replaces;
    }
    if !has_any {
        return Vec::new();
    }
    let Ok(frames) = File::open(path).map(BufReader::new).and_then(Frames::new) else { return Vec::new() };
    frames.filter(|f| f.kind == Kind::Replaces).filter_map(|f| f.value().ok()).collect()
}

/// Removes journals of which nothing is at stake, but the newest few.
pub fn prune(journals: &mut Vec<FoundJournal>) {
    let mut finished = 0;
    journals.retain(|journal| {
        if journal.is_unfinished() || journal.in_use {
            return true;
        }
        finished += 1;
        finished <= KEPT || std::fs::remove_file(&journal.path).is_err()
    });
}
