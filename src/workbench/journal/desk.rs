//! What the workbench does with journals: it begins one with each case, hands over what happened after every command,
//! tells when the disk fails, and looks which journals of earlier runs there are.

use super::disk::{Disk, FileSystem};
use super::offers::{self, FoundJournal};
use super::record::{CaseOrigin, RecordedContents};
use super::recover::{RecoveredCase, recover};
use super::writer::{Begin, Entry, JournalStatus, Shared, Writer};
use super::{JournalCommand, folder_for};
use crate::workbench::case::Logged;
use crate::workbench::history::StateId;
use crate::workbench::jobs::{JobKey, JobMode, Lane};
use crate::workbench::loading::{OpenStep, demo_seed};
use crate::workbench::results::JobResult;
use crate::workbench::{Case, Severity, Workbench};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The journals of a workbench.
pub(in crate::workbench) struct Journal {
    folder: Option<PathBuf>,
    disk: Arc<dyn Disk>,
    current: Option<Current>,
    /// Of cases that are closed, while the last of them is written.
    closing: Vec<Arc<Shared>>,
    found: Vec<FoundJournal>,
    /// The user does not want to go on with what is known of the open case.
    declined: bool,
}

/// The journal of the open case.
struct Current {
    shared: Arc<Shared>,
    /// Where jobs run at once.
    inline: Option<Writer>,
    origin: CaseOrigin,
    in_trouble: bool,
}

impl Journal {
    pub fn new(settings: Option<&Path>) -> Self {
        Self {
            folder: settings.and_then(folder_for),
            disk: Arc::new(FileSystem),
            current: None,
            closing: Vec::new(),
            found: Vec::new(),
            declined: false,
        }
    }

    fn push(&self, entry: Entry, most: usize) {
        if let Some(current) = &self.current {
            current.shared.push(entry, most);
        }
    }
}

impl Drop for Journal {
    /// The program ends: what waits gets its chance.
    fn drop(&mut self) {
        const LONGEST: Duration = Duration::from_secs(4);
        if let Some(current) = self.current.take() {
            current.shared.finish();
            if current.inline.is_none() {
                self.closing.push(current.shared);
            }
        }
        for shared in &self.closing {
            shared.wait_until_done(LONGEST);
        }
    }
}

impl Workbench {
    /// Keeps journals in another folder, on another disk: for tests. Counts from the next case on.
    pub fn keep_journals_in(&mut self, folder: PathBuf, disk: Arc<dyn Disk>) {
        self.journal.folder = Some(folder);
        self.journal.disk = disk;
        self.look_for_journals();
    }

    /// How it stands with the journal of the open case; `None` where there is none.
    pub fn journal_status(&self) -> Option<JournalStatus> {
        self.journal.current.as_ref().map(|c| c.shared.status())
    }

    /// True if the edits of the open case outlive a crash and the end of the program.
    pub fn edits_are_kept(&self) -> bool {
        self.journal_status().is_some_and(|status| status.trouble.is_none())
    }

    /// Journals of earlier runs with edits that are in no exported file, the newest first.
    pub fn unfinished_journals(&self) -> impl Iterator<Item = &FoundJournal> {
        self.journal.found.iter().filter(|j| j.is_unfinished() && !j.in_use && !self.is_current(&j.path))
    }

    /// The newest journal of an earlier run of the open case, while nothing was edited in this one.
    pub fn journal_of_case(&self) -> Option<&FoundJournal> {
        let case = self.shown_case().filter(|c| c.history().state() == 0 && c.history().undone().next().is_none())?;
        let is_of_case = |j: &&FoundJournal| {
            j.edits > 0
                && !j.in_use
                && !self.is_current(&j.path)
                && j.identity.series_instance_uid == case.image.meta.series_instance_uid
                && j.identity.grid == **case.grid()
        };
        self.journal.found.iter().filter(|_| !self.journal.declined).find(is_of_case)
    }

    fn is_current(&self, path: &Path) -> bool {
        self.journal_status().is_some_and(|s| s.path.as_deref() == Some(path))
    }

    pub(in crate::workbench) fn journal_command(&mut self, command: JournalCommand) {
        match command {
            JournalCommand::Recover(path) => self.recover(path),
            JournalCommand::Discard(path) => {
                // Whatever is asked: only a journal, and none that somebody works on.
                match offers::look(&path) {
                    Ok(found) if found.in_use => {
                        self.notices.warning("Another window has this case open; its edits were kept");
                    }
                    Ok(_) => {
                        if let Err(error) = std::fs::remove_file(&path) {
                            self.notices.error("The edits could not be discarded", &error);
                        }
                    }
                    Err(error) => self.notices.error("The edits could not be discarded", &error),
                }
                self.look_for_journals();
            }
            JournalCommand::Look => self.look_for_journals(),
            JournalCommand::Decline => self.journal.declined = true,
        }
    }

    /// Looks which journals there are, as a job.
    pub(in crate::workbench) fn look_for_journals(&mut self) {
        let Some(folder) = self.journal.folder.clone() else { return };
        let work = move |_: &_| {
            let (mut found, damaged) = offers::find(&folder);
            offers::prune(&mut found);
            Ok(JobResult::Journals { found, damaged })
        };
        let spawned = self.jobs.spawn(Lane::Pictures, JobKey::Journals, "Look for unfinished cases", work);
        if let Err(error) = spawned {
            tracing::warn!("{error}");
        }
    }

    pub(in crate::workbench) fn accept_journals(&mut self, found: Vec<FoundJournal>, damaged: Vec<(PathBuf, String)>) {
        self.journal.found = found;
        for (path, why) in damaged {
            let known = |n: &crate::workbench::Notice| n.files.contains(&path);
            if !self.notices.all().iter().any(known) {
                self.notices.push_with_files(
                    Severity::Warning,
                    "A journal of an earlier run cannot be read and was left as it is",
                    vec![why],
                    vec![path],
                );
            }
        }
    }

    fn recover(&mut self, path: PathBuf) {
        if self.is_current(&path) {
            self.notices.info("This case is open already");
            return;
        }
        let subject = vec![path.clone()];
        self.start_opening("Open again", subject, move |context| {
            let recovered = recover(&path, None, context, &mut |step| {
                context.send(match step {
                    OpenStep::Found(found) => JobResult::Found(found),
                    OpenStep::Ct(step) => JobResult::LoadStep(step),
                })
            })?;
            Ok(recovered)
        });
    }

    /// Begins the journal of a case that has come onto the bench.
    pub(in crate::workbench) fn begin_journal(&mut self, recovered: Option<&RecoveredFrom>) {
        self.end_journal();
        self.journal.declined = recovered.is_some();
        let Some(case) = &mut self.case else { return };
        let origin = match (demo_seed(&case.image.meta), &self.opened[..]) {
            (Some(seed), []) => CaseOrigin::Demo { seed },
            (_, []) => return,
            (_, paths) => CaseOrigin::Files {
                paths: paths.to_vec(),
                series: self.found.opened().map(|s| s.key.clone()).unwrap_or_default(),
            },
        };
        if self.journal.folder.is_none() {
            return;
        }
        case.keep_log();
        let shared = Arc::new(Shared::default());
        let writer = Writer::new(Arc::clone(&self.journal.disk));
        let is_inline = self.jobs.mode() != JobMode::Threads;
        let mut current = Current { shared: Arc::clone(&shared), inline: None, origin, in_trouble: false };
        if is_inline {
            current.inline = Some(writer);
        } else {
            let spawned = self.jobs.spawn(Lane::Journal, JobKey::Journal, "Journal", move |context| {
                writer.run(&shared, &|| context.wake());
                Ok(JobResult::JournalEnded)
            });
            if let Err(error) = spawned {
                tracing::error!("the journal cannot be written: {error}");
                return;
            }
        }
        self.journal.current = Some(current);
        self.restate_journal();
        if let Some(recovered) = recovered {
            let most = usize::MAX;
            if let Some(state) = recovered.exported {
                self.journal.push(Entry::Exported(state, SystemTime::now()), most);
            }
            if recovered.is_whole {
                self.journal.push(Entry::Replaces(recovered.journal.clone()), most);
            }
        }
        self.keep_journal();
        self.look_for_journals();
    }

    /// The case is closed; what of it waits is still written.
    fn end_journal(&mut self) {
        let Some(mut current) = self.journal.current.take() else { return };
        current.shared.finish();
        match &mut current.inline {
            Some(writer) => drop(writer.pump(&current.shared)),
            None => self.journal.closing.push(current.shared),
        }
    }

    /// Hands the whole case over anew: as it was before the oldest step that is kept, and all steps.
    fn restate_journal(&mut self) {
        let (Some(case), Some(folder), Some(current)) = (&mut self.case, &self.journal.folder, &self.journal.current)
        else {
            return;
        };
        // What the log holds is among the steps.
        case.take_log();
        current.shared.restate(entries_of(case, folder, &current.origin, &self.uncertain_roles));
        if let Some(state) = self.saved.filter(|_| current.shared.status().path.is_some()) {
            current.shared.push(Entry::Exported(state, SystemTime::now()), usize::MAX);
        }
    }

    /// Hands over what happened since this was last called, and tells when the disk fails or works again.
    pub(in crate::workbench) fn keep_journal(&mut self) {
        self.tell_of_closed_journals();
        let Some(case) = &mut self.case else { return };
        let most = case.history().budget_bytes() * 2 + (64 << 20);
        let now = SystemTime::now();
        for logged in case.take_log() {
            self.journal.push(Entry::Log(logged, now), most);
        }
        // Once for what waits, and once more where all of it had to be handed over again.
        for _ in 0..2 {
            if let Some(Current { shared, inline: Some(writer), .. }) = &mut self.journal.current {
                writer.pump(shared);
            }
            if !self.journal.current.as_ref().is_some_and(|c| c.shared.wants_restate()) {
                break;
            }
            self.restate_journal();
        }
        self.tell_of_journal();
    }

    /// The contours of this state are safe in a file.
    pub(in crate::workbench) fn journal_export(&mut self, state: StateId) {
        self.journal.push(Entry::Exported(state, SystemTime::now()), usize::MAX);
        self.keep_journal();
    }

    fn tell_of_journal(&mut self) {
        let Some(current) = &mut self.journal.current else { return };
        let JournalStatus { waiting, trouble, path } = current.shared.status();
        match trouble {
            Some(trouble) if !current.in_trouble => {
                current.in_trouble = true;
                let folder = self.journal.folder.clone();
                let files = path.or(folder).into_iter().collect();
                let what = if waiting == 1 { "1 edit is".to_owned() } else { format!("{waiting} edits are") };
                self.notices.push_with_files(
                    Severity::Error,
                    "Edits are not kept on the disk at the moment: export soon",
                    vec![
                        format!("{what} in memory only; why: {}", trouble.text),
                        "You can go on editing. Writing is tried again all the time, with everything that is missing; make room on the disk, or give the folder back".to_owned(),
                    ],
                    files,
                );
            }
            None if current.in_trouble => {
                current.in_trouble = false;
                self.notices.info("All edits are kept on the disk again");
            }
            _ => {}
        }
    }

    fn tell_of_closed_journals(&mut self) {
        let mut lost = 0;
        self.journal.closing.retain(|shared| match shared.given_up() {
            Some(given_up) => {
                lost += given_up;
                false
            }
            None => true,
        });
        if lost > 0 {
            self.notices.push(
                Severity::Error,
                format!("The last {lost} edits of the case that was closed could not be kept on the disk"),
                Vec::new(),
            );
        }
    }

    /// The writer of the open case broke off.
    pub(in crate::workbench) fn journal_broke_off(&mut self) {
        self.journal.current = None;
    }

    /// Waits until everything is on the disk, for a while at most; true if it is.
    pub fn wait_for_journal(&self, longest: Duration) -> bool {
        let current = self.journal.current.as_ref();
        current.is_none_or(|c| c.inline.is_some() || c.shared.wait_until_written(longest))
    }
}

/// Everything of a case as entries of a new journal.
fn entries_of(
    case: &Case,
    folder: &Path,
    origin: &CaseOrigin,
    uncertain: &std::collections::BTreeSet<crate::structures::RoiId>,
) -> Vec<Entry> {
    let history = case.history();
    let uncertain = uncertain.iter().copied().collect();
    let contents = RecordedContents::of(&case.contents_at_base(), case.next_id(), uncertain, history.dropped());
    let begin = Begin {
        folder: folder.to_owned(),
        image: case.image.clone(),
        origin: origin.clone(),
        contents,
        base: history.base(),
    };
    let step = |step: &crate::workbench::history::Step| Entry::Log(Logged::Step(step.clone()), step.at);
    let mut entries = vec![Entry::Begin(Arc::new(begin))];
    entries.extend(history.done().map(step));
    entries.extend(history.undone().map(step));
    // Steps that were taken back are written as done and taken back, the last one first.
    let undone: Vec<StateId> = history.undone().map(|s| s.state).collect();
    let states = std::iter::once(history.state()).chain(undone);
    let states: Vec<StateId> = states.collect();
    let back = states.iter().rev().skip(1);
    entries.extend(back.map(|state| Entry::Log(Logged::Undone(*state), SystemTime::now())));
    entries
}

/// Where a case was recovered from.
#[derive(Debug, Clone)]
pub(in crate::workbench) struct RecoveredFrom {
    pub journal: PathBuf,
    pub exported: Option<StateId>,
    pub is_whole: bool,
}

impl RecoveredFrom {
    pub fn of(recovered: &RecoveredCase) -> Self {
        Self { journal: recovered.journal.clone(), exported: recovered.exported, is_whole: recovered.is_whole }
    }
}
