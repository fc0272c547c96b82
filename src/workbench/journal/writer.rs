//! The writer of a journal: how what waits gets to the disk. What cannot be written stays in the queue and is tried
//! again; nothing is written out of order, and nothing after a gap.

use super::disk::{Disk, JournalFile};
use super::frame::{Frame, Kind, MAGIC};
use super::queue::{Begin, Entry, Queue, Shared, replaces};
use super::record::{Identity, ms_of};
use crate::words::t;
use crate::workbench::Trouble;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Why nothing was written.
enum Failure {
    /// The file is as it was; the same can be tried again.
    Again(io::Error),
    /// Nobody knows what the file holds.
    Lost(io::Error),
}

struct OpenFile {
    file: Box<dyn JournalFile>,
    path: PathBuf,
    /// Whole records.
    length: u64,
    records: u64,
    /// Something of a failed attempt may lie behind them.
    dirty: bool,
}

/// Writes what [`Shared`] holds.
pub(super) struct Writer {
    disk: Arc<dyn Disk>,
    open: Option<OpenFile>,
    /// Files that go once a new one holds all that they held.
    older: Vec<PathBuf>,
    /// The first records of a journal whose first step has not come yet.
    prepared: Option<(Arc<Begin>, Vec<Frame>)>,
}

impl Writer {
    /// Edits in one write.
    const BATCH: usize = 256;
    const BATCH_BYTES: usize = 16 << 20;
    /// How long it waits before it tries again, or looks whether the file is still there.
    const PAUSE: Duration = Duration::from_millis(700);

    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, open: None, older: Vec::new(), prepared: None }
    }

    /// Writes until the journal is finished; `tell` is called whenever its status changed.
    pub fn run(mut self, shared: &Shared, tell: &dyn Fn()) {
        let mut told = shared.status().trouble;
        loop {
            let failed = self.pump(shared);
            let status = shared.status();
            if status.trouble != told || shared.wants_restate() {
                told = status.trouble;
                tell();
            }
            let queue = shared.lock();
            if queue.finish && (failed || !queue.has_work()) {
                let remove = queue.remove;
                drop(queue);
                if remove {
                    self.remove();
                }
                shared.lock().done = true;
                break;
            }
            // After trouble it waits for the time; else for something to write.
            let generation = queue.generation;
            let waits = |q: &mut Queue| !q.finish && q.generation == generation && (failed || !q.has_work());
            drop(shared.changed.wait_timeout_while(queue, Self::PAUSE, waits));
        }
        shared.changed.notify_all();
    }

    /// Writes everything that waits; true where something is left because of trouble.
    pub fn pump(&mut self, shared: &Shared) -> bool {
        loop {
            let (batch, generation) = {
                let queue = shared.lock();
                if queue.restate {
                    return true;
                }
                let mut bytes = 0;
                let fits = |e: &&Entry| {
                    bytes += e.bytes();
                    bytes <= Self::BATCH_BYTES
                };
                let first = queue.waiting.iter().take(1);
                let rest = queue.waiting.iter().skip(1).take(Self::BATCH).take_while(fits);
                (first.chain(rest).cloned().collect::<Vec<_>>(), queue.generation)
            };
            if let [Entry::Begin(begin), rest @ ..] = &batch[..]
                && rest.iter().all(Entry::is_opening)
            {
                if let Err(error) = self.prepare(begin) {
                    return Self::failed(shared, generation, &Failure::Again(error), None);
                }
                return false;
            }
            if batch.is_empty() {
                let is_there = self.open.as_ref().is_none_or(|o| o.file.is_in_place(o.length));
                if !is_there {
                    return Self::failed(shared, generation, &Failure::Lost(gone()), self.open.as_ref());
                }
                return false;
            }
            match self.write(&batch) {
                Ok(()) => {
                    let mut queue = shared.lock();
                    queue.path = self.open.as_ref().map(|o| o.path.clone());
                    queue.file_bytes = self.open.as_ref().map_or(0, |o| o.length);
                    if queue.generation == generation {
                        for entry in queue.waiting.drain(..batch.len()).collect::<Vec<_>>() {
                            queue.bytes = queue.bytes.saturating_sub(entry.bytes());
                        }
                    }
                    queue.trouble = None;
                    drop(queue);
                    shared.changed.notify_all();
                }
                Err(failure) => return Self::failed(shared, generation, &failure, self.open.as_ref()),
            }
        }
    }

    fn failed(shared: &Shared, generation: u64, failure: &Failure, open: Option<&OpenFile>) -> bool {
        let (Failure::Again(error) | Failure::Lost(error)) = failure;
        let mut queue = shared.lock();
        let files = open.map(|o| o.path.clone()).into_iter().collect();
        queue.trouble = Some(Trouble { text: error.to_string(), files });
        if matches!(failure, Failure::Lost(_)) && queue.generation == generation {
            queue.restate = true;
        }
        true
    }

    fn prepare(&mut self, begin: &Arc<Begin>) -> io::Result<&[Frame]> {
        if self.prepared.as_ref().is_none_or(|(of, _)| !Arc::ptr_eq(of, begin)) {
            let at_ms = ms_of(SystemTime::now());
            let identity = Identity::of(&begin.image, begin.origin.clone());
            let frames = vec![
                Frame::of(Kind::Identity, at_ms, begin.base, &identity)?,
                Frame::of(Kind::Contents, at_ms, begin.base, &begin.contents)?,
            ];
            self.prepared = Some((Arc::clone(begin), frames));
        }
        Ok(self.prepared.as_ref().map_or(&[], |(_, frames)| frames))
    }

    fn write(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        let disk = Arc::clone(&self.disk);
        let mut replaced: Vec<PathBuf> = Vec::new();
        let mut frames: Vec<Frame> = Vec::new();
        if let Some(Entry::Begin(begin)) = batch.first() {
            frames = self.prepare(begin).map_err(Failure::Again)?.to_vec();
            let name = format!("{}.{}", uuid::Uuid::new_v4().simple(), super::ENDING);
            let path = begin.folder.join(name);
            let file = disk.create(&path).map_err(Failure::Again)?;
            self.older.extend(self.open.take().map(|o| o.path));
            self.open = Some(OpenFile { file, path, length: 0, records: 0, dirty: false });
        }
        for entry in batch {
            frames.extend(entry.frame().map_err(Failure::Again)?);
            match entry {
                Entry::Replaces(path) => replaced.push(path.clone()),
                Entry::Complete => {
                    for path in &self.older {
                        frames.push(replaces(path).map_err(Failure::Again)?);
                        replaced.push(path.clone());
                    }
                }
                Entry::Begin(_) | Entry::Log(..) | Entry::Exported(..) => {}
            }
        }
        let Some(open) = &mut self.open else { return Err(Failure::Lost(gone())) };
        match open.add(&frames) {
            Ok(()) => {}
            Err(failure) if open.length == 0 => {
                // The new file is not there yet: the next attempt makes another one, and the old one is still there.
                if let Some(open) = self.open.take() {
                    remove(&open.path);
                }
                let (Failure::Again(error) | Failure::Lost(error)) = failure;
                return Err(Failure::Again(error));
            }
            Err(failure) => return Err(failure),
        }
        // What is replaced goes once all of its replacement is on the disk, never before.
        self.older.retain(|path| !replaced.contains(path));
        for path in &replaced {
            remove(path);
        }
        Ok(())
    }

    /// Everything that was written is in an exported file: it goes.
    pub fn remove(&mut self) {
        self.older.drain(..).chain(self.open.take().map(|o| o.path)).for_each(|path| remove(&path));
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, t("the file was removed or changed by somebody else"))
}

fn remove(path: &Path) {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!("a journal that was replaced cannot be removed: {error}");
        }
        _ => {}
    }
}

impl OpenFile {
    /// Adds records, and returns once they are on the disk.
    fn add(&mut self, frames: &[Frame]) -> Result<(), Failure> {
        if self.dirty {
            self.file.cut(self.length).map_err(Failure::Again)?;
            self.dirty = false;
        }
        if !self.file.is_in_place(self.length) {
            return Err(Failure::Lost(gone()));
        }
        let mut bytes = if self.length == 0 { MAGIC.to_vec() } else { Vec::new() };
        for (n, frame) in frames.iter().enumerate() {
            bytes.extend(frame.bytes(self.records + n as u64));
        }
        let mut rest = bytes.as_slice();
        self.dirty = true;
        while !rest.is_empty() {
            match self.file.append(rest) {
                Ok(0) => return Err(self.take_back(io::ErrorKind::WriteZero.into())),
                Ok(n) => rest = &rest[n.min(rest.len())..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.take_back(error)),
            }
        }
        // After a failed sync nobody knows what is on the disk, and the next one can succeed all the same.
        self.file.sync().map_err(Failure::Lost)?;
        self.dirty = false;
        self.length += bytes.len() as u64;
        self.records += frames.len() as u64;
        if self.file.is_in_place(self.length) { Ok(()) } else { Err(Failure::Lost(gone())) }
    }

    fn take_back(&mut self, error: io::Error) -> Failure {
        if self.file.cut(self.length).is_ok() {
            self.dirty = false;
        }
        Failure::Again(error)
    }
}
