//! What the workbench does with journals: which there are, how one is opened again, and how one is discarded.

use super::disk::{Disk, FileSystem};
use super::keep::Current;
use super::offers::{self, FoundJournal};
use super::queue::{Entry, JournalStatus, Shared};
use super::recover::{RecoveredCase, recover};
use super::{JournalCommand, folder_for};
use crate::words::t;
use crate::workbench::history::StateId;
use crate::workbench::jobs::{JobKey, Lane};
use crate::workbench::loading::OpenStep;
use crate::workbench::results::JobResult;
use crate::workbench::{Severity, Workbench};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The journals of a workbench.
pub(in crate::workbench) struct Journal {
    pub(super) folder: Option<PathBuf>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) current: Option<Current>,
    /// Of cases that are closed, while the last of them is written.
    pub(super) closing: Vec<Arc<Shared>>,
    found: Vec<FoundJournal>,
    /// The user does not want to go on with what is known of the open case.
    pub(super) declined: bool,
    /// Bytes below which no journal is written anew because it has grown.
    pub(super) rewrite_above: u64,
    /// Everything of the open case is in an exported file, or as it was opened.
    pub(super) is_safe: bool,
}

impl Journal {
    /// `settings` is the file beside which journals are kept; without one there are none.
    pub fn new(settings: Option<&Path>) -> Self {
        Self {
            folder: settings.and_then(folder_for),
            disk: Arc::new(FileSystem),
            current: None,
            closing: Vec::new(),
            found: Vec::new(),
            declined: false,
            rewrite_above: 64 << 20,
            is_safe: true,
        }
    }

    pub(super) fn push(&self, entry: Entry, most: usize) {
        if let Some(current) = &self.current {
            current.shared.push(entry, most);
        }
    }

    /// Ends the journal of the open case: what waits is still written, and where all of it is safe the file goes.
    pub(super) fn end(&mut self) {
        let Some(mut current) = self.current.take() else { return };
        current.shared.finish(self.is_safe);
        match &mut current.inline {
            Some(writer) => {
                writer.pump(&current.shared);
                if self.is_safe {
                    writer.remove();
                }
            }
            None => self.closing.push(current.shared),
        }
    }
}

impl Drop for Journal {
    /// The program ends: what waits gets its chance.
    fn drop(&mut self) {
        const LONGEST: Duration = Duration::from_secs(4);
        self.end();
        for shared in &self.closing {
            shared.wait_until_done(LONGEST);
        }
    }
}

impl Workbench {
    /// Keeps journals in another folder, on another disk, and writes them anew when they are larger than so many bytes:
    /// for tests. Counts from the next case on.
    pub fn keep_journals_in(&mut self, folder: PathBuf, disk: Arc<dyn Disk>, rewrite_above: u64) {
        self.journal.folder = Some(folder);
        self.journal.disk = disk;
        self.journal.rewrite_above = rewrite_above;
        self.look_for_journals();
    }

    /// The folder of the journals; `None` where none are kept.
    pub fn journal_folder(&self) -> Option<&Path> {
        self.journal.folder.as_deref()
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

    /// The newest journal of an earlier run of the open case with edits that are in no exported file, while nothing was
    /// edited in this one.
    pub fn journal_of_case(&self) -> Option<&FoundJournal> {
        let case = self.shown_case().filter(|c| c.history().state() == 0 && c.history().undone().next().is_none())?;
        let is_of_case = |j: &&FoundJournal| {
            j.identity.series_instance_uid == case.image.meta.series_instance_uid && j.identity.grid == **case.grid()
        };
        self.unfinished_journals().filter(|_| !self.journal.declined).find(is_of_case)
    }

    fn is_current(&self, path: &Path) -> bool {
        self.journal_status().is_some_and(|s| s.path.as_deref() == Some(path))
    }

    pub(in crate::workbench) fn journal_command(&mut self, command: JournalCommand) {
        match command {
            JournalCommand::Recover(path) => self.recover(path),
            JournalCommand::Discard(path) => {
                match offers::discard(&path) {
                    Ok(()) => self.notices.info(t("The edits were discarded")),
                    Err(error) => self.notices.error(t("The edits could not be discarded"), &error),
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
        let spawned = self.jobs.spawn(Lane::Pictures, JobKey::Journals, t("Look for unfinished cases"), work);
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
                    t("A journal of an earlier run cannot be read and was left as it is"),
                    vec![why, t("`hilum journal list` names it, `hilum journal discard` removes it").to_owned()],
                    vec![path],
                );
            }
        }
    }

    fn recover(&mut self, path: PathBuf) {
        if self.is_current(&path) {
            self.notices.info(t("This case is open already"));
            return;
        }
        // The name of a journal says nothing; the job has none to show.
        self.start_opening(t("Open the case as it was left"), Vec::new(), move |context| {
            let recovered = recover(&path, None, context, &mut |step| {
                context.send(match step {
                    OpenStep::Found(found) => JobResult::Found(found),
                    OpenStep::Ct(step) => JobResult::LoadStep(step),
                })
            })?;
            Ok(recovered)
        });
    }
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
