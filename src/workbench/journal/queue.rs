//! What waits for the disk, in order, shared by the workbench and the writer of the journal.

use super::frame::{Frame, Kind};
use super::record::{CaseOrigin, RecordedContents, ms_of, step_frame};
use crate::workbench::case::Logged;
use crate::workbench::history::StateId;
use crate::workbench::{CaseImage, Trouble};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// The start of a journal.
pub(super) struct Begin {
    pub folder: PathBuf,
    pub image: CaseImage,
    pub origin: CaseOrigin,
    pub contents: RecordedContents,
    /// The state of the history before the first step.
    pub base: StateId,
}

/// What waits to be written.
#[derive(Clone)]
pub(super) enum Entry {
    /// A new file begins, which replaces the one that was written before.
    Begin(Arc<Begin>),
    Log(Logged, SystemTime),
    Exported(StateId, SystemTime),
    /// Everything of this other journal is in this one now: it may go.
    Replaces(PathBuf),
    /// Everything that a file before this one held has been handed over: that one may go.
    Complete,
}

impl Entry {
    /// True for what alone is no reason to make a file: a case that is only looked at leaves none.
    pub fn is_opening(&self) -> bool {
        matches!(self, Self::Begin(_) | Self::Complete)
    }

    pub fn bytes(&self) -> usize {
        match self {
            Self::Log(Logged::Step(step), _) => step.edit.bytes(),
            _ => 64,
        }
    }

    pub fn frame(&self) -> io::Result<Option<Frame>> {
        Ok(match self {
            Self::Begin(_) | Self::Complete => None,
            Self::Log(Logged::Step(step), _) => Some(step_frame(step)?),
            Self::Log(Logged::Undone(state), at) => Some(Frame::bare(Kind::Undo, ms_of(*at), *state)),
            Self::Log(Logged::Redone(state), at) => Some(Frame::bare(Kind::Redo, ms_of(*at), *state)),
            Self::Exported(state, at) => Some(Frame::bare(Kind::Exported, ms_of(*at), *state)),
            Self::Replaces(path) => Some(replaces(path)?),
        })
    }
}

/// The record that says that everything of another journal is in this one.
///
/// # Errors
/// Where the name cannot be written.
pub(super) fn replaces(path: &Path) -> io::Result<Frame> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Frame::of(Kind::Replaces, ms_of(SystemTime::now()), 0, &name)
}

/// How it stands with a journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalStatus {
    /// Edits that are not on the disk yet.
    pub waiting: usize,
    /// Why they are not, where that lasts.
    pub trouble: Option<Trouble>,
    /// Where it lies, once there is something in it.
    pub path: Option<PathBuf>,
    /// Its size on the disk.
    pub bytes: u64,
}

#[derive(Default)]
pub(super) struct Queue {
    pub waiting: VecDeque<Entry>,
    pub bytes: usize,
    /// Grows whenever the queue is made anew, so that what was under way then does not count.
    pub generation: u64,
    /// What is on the disk is not what should be there: all of it must be handed over again.
    pub restate: bool,
    pub finish: bool,
    /// Everything is in an exported file: at the end the journal goes.
    pub remove: bool,
    pub done: bool,
    pub trouble: Option<Trouble>,
    pub path: Option<PathBuf>,
    pub file_bytes: u64,
}

impl Queue {
    pub fn has_work(&self) -> bool {
        self.waiting.iter().any(|e| !e.is_opening())
    }

    fn edits(&self) -> usize {
        self.waiting.iter().filter(|e| matches!(e, Entry::Log(..))).count()
    }
}

/// What the workbench and the writer share. The lock is never held while the disk works.
#[derive(Default)]
pub(super) struct Shared {
    queue: Mutex<Queue>,
    pub changed: Condvar,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands something over. Where more than `most` bytes wait, all of it has to be handed over anew by
    /// [`Self::restate`], in the room that the history needs.
    pub fn push(&self, entry: Entry, most: usize) {
        let mut queue = self.lock();
        queue.bytes += entry.bytes();
        queue.waiting.push_back(entry);
        if queue.bytes > most {
            queue.waiting.clear();
            queue.bytes = 0;
            queue.generation += 1;
            queue.restate = true;
        }
        drop(queue);
        self.changed.notify_all();
    }

    /// Hands everything over anew, for a new file.
    pub fn restate(&self, entries: Vec<Entry>) {
        let mut queue = self.lock();
        queue.bytes = entries.iter().map(Entry::bytes).sum();
        queue.waiting = entries.into();
        queue.generation += 1;
        queue.restate = false;
        drop(queue);
        self.changed.notify_all();
    }

    /// True if [`Self::restate`] is asked for.
    pub fn wants_restate(&self) -> bool {
        self.lock().restate
    }

    pub fn status(&self) -> JournalStatus {
        let queue = self.lock();
        JournalStatus {
            waiting: queue.edits().max(usize::from(queue.restate)),
            trouble: queue.trouble.clone(),
            path: queue.path.clone(),
            bytes: queue.file_bytes,
        }
    }

    /// Nothing more will be handed over. `remove`: all of it is in an exported file, the journal goes.
    pub fn finish(&self, remove: bool) {
        let mut queue = self.lock();
        queue.finish = true;
        queue.remove = remove;
        drop(queue);
        self.changed.notify_all();
    }

    /// How many edits were given up, once the writer has ended.
    pub fn given_up(&self) -> Option<usize> {
        let queue = self.lock();
        queue.done.then(|| queue.edits().max(usize::from(queue.restate)))
    }

    /// Waits until the writer has ended, for a while at most.
    pub fn wait_until_done(&self, longest: Duration) {
        let queue = self.lock();
        drop(self.changed.wait_timeout_while(queue, longest, |q| !q.done));
    }

    /// Waits until everything was written, for a while at most; true if it was.
    pub fn wait_until_written(&self, longest: Duration) -> bool {
        let queue = self.lock();
        let waits = |q: &mut Queue| !q.done && (q.restate || q.has_work());
        self.changed.wait_timeout_while(queue, longest, waits).is_ok_and(|(_, timeout)| !timeout.timed_out())
    }
}
