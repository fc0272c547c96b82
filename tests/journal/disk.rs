//! Disks that fill up, fail, or lose the folder: the user is told once, editing goes on, and nothing that was on the disk
//! is lost, nor anything at all once the disk works again.

use super::{Place, open, recover, stroke};
use hilum::structures::StructureSet;
use hilum::workbench::jobs::JobMode;
use hilum::workbench::journal::{Disk, FileSystem, JournalFile, find_journals, recover as recover_from};
use hilum::workbench::{Command, Workbench};
use proptest::prelude::*;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What the disk does not do at the moment.
#[derive(Debug)]
struct Faults {
    /// Bytes that still fit.
    room: AtomicU64,
    no_new_files: AtomicBool,
    no_sync: AtomicBool,
    /// Files cannot be cut either.
    no_cut: AtomicBool,
}

impl Default for Faults {
    fn default() -> Self {
        let off = || AtomicBool::new(false);
        Self { room: AtomicU64::new(u64::MAX), no_new_files: off(), no_sync: off(), no_cut: off() }
    }
}

impl Faults {
    fn heal(&self) {
        self.room.store(u64::MAX, Relaxed);
        for flag in [&self.no_new_files, &self.no_sync, &self.no_cut] {
            flag.store(false, Relaxed);
        }
    }

    fn refuse(flag: &AtomicBool) -> io::Result<()> {
        // EIO
        if flag.load(Relaxed) { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }
}

/// The file system with faults.
struct FaultyDisk(Arc<Faults>);

struct FaultyFile {
    file: Box<dyn JournalFile>,
    faults: Arc<Faults>,
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn JournalFile>> {
        if self.0.no_new_files.load(Relaxed) {
            // EROFS
            return Err(io::Error::from_raw_os_error(30));
        }
        Ok(Box::new(FaultyFile { file: FileSystem.create(path)?, faults: Arc::clone(&self.0) }))
    }
}

impl JournalFile for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.faults.room.load(Relaxed);
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let fits = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let written = self.file.append(&bytes[..fits])?;
        if room != u64::MAX {
            self.faults.room.store(room - written as u64, Relaxed);
        }
        Ok(written)
    }

    fn sync(&mut self) -> io::Result<()> {
        Faults::refuse(&self.faults.no_sync)?;
        self.file.sync()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        Faults::refuse(&self.faults.no_cut)?;
        self.file.cut(length)
    }

    fn is_in_place(&self, length: u64) -> bool {
        self.file.is_in_place(length)
    }
}

/// A case whose journal lies on a disk with faults.
fn faulty(place: &Place, mode: JobMode) -> (Workbench, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let mut w = Workbench::new(mode, Some(place.settings()));
    w.keep_journals_in(place.journals(), Arc::new(FaultyDisk(Arc::clone(&faults))), u64::MAX);
    if mode == JobMode::Inline {
        open(&mut w, &place.case());
    }
    (w, faults)
}

fn structures(w: &Workbench) -> StructureSet {
    w.case().expect("open").structures().clone()
}

/// What the first journal that would be offered after a crash now gives back.
fn after_a_crash(place: &Place) -> Option<StructureSet> {
    let copy = tempfile::tempdir().expect("temporary folder");
    for file in place.files() {
        std::fs::copy(&file, copy.path().join(file.file_name().expect("a name"))).expect("copied");
    }
    let (found, damaged) = find_journals(copy.path());
    assert!(damaged.is_empty(), "{damaged:?}");
    let path = &found.first()?.path;
    let recovered = recover_from(path, None, &hilum::progress::Silent, &mut |_| Ok(())).expect("readable");
    Some(recovered.loaded.case.structures().clone())
}

fn troubles(w: &Workbench) -> usize {
    w.notices().all().iter().filter(|n| n.summary.starts_with("Edits are not kept on the disk")).count()
}

fn is_over(w: &Workbench) -> bool {
    w.notices().all().iter().any(|n| n.summary == "All edits are kept on the disk again")
}

#[test]
fn a_disk_that_fills_up_is_told_once_and_everything_is_there_once_it_has_room_again() {
    let place = Place::new();
    let (mut w, faults) = faulty(&place, JobMode::Inline);
    for n in 0..3 {
        stroke(&mut w, n);
    }
    let kept = structures(&w);
    // Room for half a record.
    faults.room.store(60, Relaxed);
    for n in 3..8 {
        stroke(&mut w, n);
    }
    assert_eq!(w.case().expect("open").history().len(), 8, "editing goes on");
    assert!(!w.edits_are_kept() && w.journal_status().is_some_and(|s| s.waiting == 5));
    assert_eq!(troubles(&w), 1);
    let told = &w.notices().all().last().expect("told").details;
    assert!(told[0].contains("in memory only") && told[1].contains("make room"), "{told:?}");
    assert_eq!(after_a_crash(&place), Some(kept), "what was on the disk is still there, and nothing half");
    faults.heal();
    stroke(&mut w, 8);
    assert!(w.edits_are_kept() && is_over(&w) && troubles(&w) == 1);
    assert_eq!(after_a_crash(&place), Some(structures(&w)));
}

#[test]
fn a_failed_sync_is_not_believed_and_a_new_file_takes_all_of_it() {
    let place = Place::new();
    let (mut w, faults) = faulty(&place, JobMode::Inline);
    for n in 0..2 {
        stroke(&mut w, n);
    }
    let before = place.files();
    faults.no_sync.store(true, Relaxed);
    stroke(&mut w, 2);
    assert!(!w.edits_are_kept() && troubles(&w) == 1);
    assert!(place.files().contains(&before[0]), "the old file stays until a new one holds everything");
    faults.heal();
    stroke(&mut w, 3);
    assert!(w.edits_are_kept() && is_over(&w));
    let now = place.files();
    assert!(now.len() == 1 && now != before, "{now:?}");
    assert_eq!(after_a_crash(&place), Some(structures(&w)));
}

#[test]
fn a_folder_that_cannot_be_written_stops_nobody_and_is_used_once_it_can() {
    let place = Place::new();
    let (mut w, faults) = faulty(&place, JobMode::Inline);
    faults.no_new_files.store(true, Relaxed);
    for n in 0..3 {
        stroke(&mut w, n);
    }
    assert!(place.files().is_empty() && troubles(&w) == 1 && w.journal_status().is_some_and(|s| s.waiting == 3));
    faults.heal();
    w.poll();
    assert!(w.edits_are_kept() && is_over(&w));
    assert_eq!(after_a_crash(&place), Some(structures(&w)));
}

#[test]
fn a_journal_that_somebody_removed_or_cut_is_written_anew() {
    for harm in [
        |file: &Path| std::fs::remove_file(file),
        |file: &Path| std::fs::File::options().write(true).open(file)?.set_len(40),
    ] {
        let place = Place::new();
        let mut w = place.opened();
        for n in 0..3 {
            stroke(&mut w, n);
        }
        harm(&place.files()[0]).expect("harmed");
        stroke(&mut w, 3);
        w.poll();
        assert!(w.edits_are_kept());
        drop(w);
        let mut w = place.workbench();
        w.poll();
        recover(&mut w);
        assert_eq!(w.case().expect("recovered").history().len(), 4);
    }
}

#[test]
fn the_writer_in_its_own_thread_tries_again_by_itself() {
    let place = Place::new();
    let (mut w, faults) = faulty(&place, JobMode::Threads);
    w.execute(Command::Open(vec![place.case()]));
    let wait = |w: &mut Workbench, done: &dyn Fn(&Workbench) -> bool| {
        for _ in 0..20_000 {
            w.poll();
            if done(w) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("it never happened: {:?}", w.notices().all());
    };
    wait(&mut w, &|w| w.case().is_some());
    let roi = super::first(&w);
    w.execute(Command::SelectRoi(Some(roi)));
    w.execute(Command::SetTool(hilum::workbench::ToolKind::Brush));
    faults.room.store(10, Relaxed);
    for n in 0..3 {
        stroke(&mut w, n);
    }
    wait(&mut w, &|w| troubles(w) == 1);
    faults.heal();
    // Nothing is edited any more; the writer comes back to it all the same.
    wait(&mut w, &|w| w.edits_are_kept() && w.journal_status().is_some_and(|s| s.waiting == 0));
    assert!(w.wait_for_journal(Duration::from_secs(20)) && is_over(&w) && troubles(&w) == 1);
    assert_eq!(after_a_crash(&place), Some(structures(&w)));
}

#[test]
fn a_journal_that_has_grown_is_written_anew_without_what_is_forgotten() {
    let place = Place::new();
    let mut w = place.workbench();
    let limit = 16_000;
    w.keep_journals_in(place.journals(), Arc::new(FileSystem), limit);
    open(&mut w, &place.case());
    let (mut largest, mut written, mut last) = (0, 0, 0);
    for n in 0..200 {
        stroke(&mut w, n);
        if n % 5 > 0 {
            // The next stroke makes the history forget this one.
            w.execute(Command::Undo);
        }
        let bytes = w.journal_status().expect("a journal").bytes;
        written += bytes.saturating_sub(last);
        (largest, last) = (largest.max(bytes), bytes);
        assert_eq!(place.files().len(), 1);
        if n % 10 == 9 {
            assert_eq!(after_a_crash(&place), Some(structures(&w)));
        }
    }
    assert!(written > 2 * limit && largest < written, "{written} bytes were written, at most {largest} at a time");
    let steps = w.case().expect("open").history().len();
    drop(w);
    let mut w = place.workbench();
    w.poll();
    recover(&mut w);
    assert_eq!(w.case().expect("recovered").history().len(), steps);
}

#[derive(Debug, Clone)]
enum Event {
    Stroke,
    Undo,
    Redo,
    Room(u64),
    NoNewFiles,
    NoSync,
    NoCut,
    Heal,
    /// Somebody removes the files.
    Remove,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => Just(Event::Stroke),
        2 => Just(Event::Undo),
        1 => Just(Event::Redo),
        2 => (0u64..4000).prop_map(Event::Room),
        1 => Just(Event::NoNewFiles),
        1 => Just(Event::NoSync),
        1 => Just(Event::NoCut),
        3 => Just(Event::Heal),
        1 => Just(Event::Remove),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_disk_does_what_was_acknowledged_is_there(events in prop::collection::vec(event(), 1..24)) {
        let place = Place::new();
        let (mut w, faults) = faulty(&place, JobMode::Inline);
        let start = structures(&w);
        // What was acknowledged last, and what followed: more than promised may have reached the disk.
        let mut since: Vec<StructureSet> = Vec::new();
        for (n, event) in events.into_iter().enumerate() {
            match event {
                Event::Stroke => stroke(&mut w, n),
                Event::Undo => w.execute(Command::Undo),
                Event::Redo => w.execute(Command::Redo),
                Event::Room(bytes) => faults.room.store(bytes, Relaxed),
                Event::NoNewFiles => faults.no_new_files.store(true, Relaxed),
                Event::NoSync => faults.no_sync.store(true, Relaxed),
                Event::NoCut => faults.no_cut.store(true, Relaxed),
                Event::Heal => faults.heal(),
                Event::Remove => {
                    for file in place.files() {
                        std::fs::remove_file(file).expect("removed");
                    }
                    // Nobody can give back what somebody took; it is there again with the next attempt.
                    since.clear();
                }
            }
            w.poll();
            let status = w.journal_status().expect("a journal");
            if status.path.is_some() && status.waiting == 0 && status.trouble.is_none() {
                since = vec![structures(&w)];
            } else if !since.is_empty() {
                since.push(structures(&w));
            }
            let found = after_a_crash(&place);
            prop_assert!(since.is_empty() || found.is_some_and(|found| since.contains(&found)));
        }
        faults.heal();
        w.poll();
        let is_edited = w.journal_status().is_some_and(|s| s.path.is_some());
        let found = after_a_crash(&place).unwrap_or(start);
        prop_assert!(!is_edited || found == structures(&w));
    }
}
