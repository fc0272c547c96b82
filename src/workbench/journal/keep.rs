//! The journal of the open case: it begins with the case, takes what happened after every command, says once when the
//! disk fails, is written anew when it has grown, and ends with the case.

use super::desk::RecoveredFrom;
use super::queue::{Begin, Entry, JournalStatus, Shared};
use super::record::{CaseOrigin, RecordedContents};
use super::writer::Writer;
use crate::structures::RoiId;
use crate::tf;
use crate::words::t;
use crate::workbench::case::Logged;
use crate::workbench::history::{StateId, Step};
use crate::workbench::jobs::{JobKey, JobMode, Lane};
use crate::workbench::loading::demo_seed;
use crate::workbench::results::JobResult;
use crate::workbench::{Case, Severity, Workbench};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The journal of the open case.
pub(super) struct Current {
    pub shared: Arc<Shared>,
    /// Where jobs run at once.
    pub inline: Option<Writer>,
    origin: CaseOrigin,
    in_trouble: bool,
    /// The journal from which the case was recovered: it goes once all of it is in this one.
    replaces: Option<PathBuf>,
    /// Size on the disk at which it is written anew, without what the history no longer holds; `None` while it is.
    compact_at: Option<u64>,
}

impl Workbench {
    /// Begins the journal of a case that has come onto the bench.
    pub(in crate::workbench) fn begin_journal(&mut self, recovered: Option<&RecoveredFrom>) {
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
        if self.journal.folder.is_none() || self.settings.no_journal {
            return;
        }
        case.keep_log();
        let shared = Arc::new(Shared::default());
        let writer = Writer::new(Arc::clone(&self.journal.disk));
        let mut current = Current {
            shared: Arc::clone(&shared),
            inline: None,
            origin,
            in_trouble: false,
            replaces: recovered.filter(|r| r.is_whole).map(|r| r.journal.clone()),
            compact_at: Some(self.journal.rewrite_above),
        };
        if self.jobs.mode() == JobMode::Threads {
            let spawned = self.jobs.spawn(Lane::Journal, JobKey::Journal, t("Journal"), move |context| {
                writer.run(&shared, &|| context.wake());
                Ok(JobResult::JournalEnded)
            });
            if let Err(error) = spawned {
                tracing::error!("the journal cannot be written: {error}");
                return;
            }
        } else {
            current.inline = Some(writer);
        }
        self.journal.current = Some(current);
        self.restate_journal();
        self.keep_journal();
        self.look_for_journals();
    }

    /// The case is about to be closed: what of it waits is still written.
    pub(in crate::workbench) fn end_journal(&mut self) {
        self.keep_journal();
        self.journal.end();
    }

    /// Hands the whole case over anew: as it was before the oldest step that is kept, and all steps.
    fn restate_journal(&mut self) {
        let (Some(case), Some(folder), Some(current)) = (&mut self.case, &self.journal.folder, &self.journal.current)
        else {
            return;
        };
        // What the log holds is among the steps.
        case.take_log();
        let mut entries = entries_of(case, folder, &current.origin, &self.uncertain_roles);
        entries.extend(self.saved.map(|state| Entry::Exported(state, SystemTime::now())));
        entries.extend(current.replaces.clone().map(Entry::Replaces));
        entries.push(Entry::Complete);
        current.shared.restate(entries);
    }

    /// Hands over what happened since this was last called, and tells when the disk fails or works again.
    pub(in crate::workbench) fn keep_journal(&mut self) {
        self.tell_of_closed_journals();
        self.journal.is_safe = !self.has_unexported_changes();
        let Some(case) = &mut self.case else { return };
        let most = case.history().budget_bytes() * 2 + (64 << 20);
        let now = SystemTime::now();
        for logged in case.take_log() {
            self.journal.push(Entry::Log(logged, now), most);
        }
        self.compact_journal();
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

    /// The journal only grows, also by steps that the history has dropped or forgotten. Once it has doubled it is
    /// written anew, so that it stays within twice of what the history holds.
    fn compact_journal(&mut self) {
        let Some(current) = &mut self.journal.current else { return };
        let status = current.shared.status();
        if status.waiting > 0 || status.trouble.is_some() {
            return;
        }
        match current.compact_at {
            Some(limit) if status.bytes > limit => {
                current.compact_at = None;
                self.restate_journal();
            }
            None => current.compact_at = Some(self.journal.rewrite_above.max(2 * status.bytes)),
            Some(_) => {}
        }
    }

    /// The contours of this state are safe in a file.
    pub(in crate::workbench) fn journal_export(&mut self, state: StateId) {
        // Of a case that nobody edited there is no journal, and need not be one.
        if self.journal_status().is_none_or(|status| status.path.is_none() && status.waiting == 0) {
            return;
        }
        self.journal.push(Entry::Exported(state, SystemTime::now()), usize::MAX);
        self.keep_journal();
    }

    fn tell_of_journal(&mut self) {
        let Some(current) = &mut self.journal.current else { return };
        let JournalStatus { waiting, trouble, path, .. } = current.shared.status();
        match trouble {
            Some(trouble) if !current.in_trouble => {
                current.in_trouble = true;
                let files = path.or(self.journal.folder.clone()).into_iter().collect();
                let what = if waiting == 1 { t("1 edit is").to_owned() } else { tf!("{waiting} edits are", waiting) };
                self.notices.push_with_files(
                    Severity::Error,
                    t("Edits are not kept on the disk at the moment: export soon"),
                    vec![
                        tf!("{what} in memory only; why: {text}", what, text = trouble.text),
                        t("You can go on editing. Writing is tried again all the time, with everything that is missing; make room on the disk, or give the folder back").to_owned(),
                    ],
                    files,
                );
            }
            None if current.in_trouble => {
                current.in_trouble = false;
                self.notices.info(t("All edits are kept on the disk again"));
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
                tf!("The last {lost} edits of the case that was closed could not be kept on the disk", lost),
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
fn entries_of(case: &Case, folder: &Path, origin: &CaseOrigin, uncertain: &BTreeSet<RoiId>) -> Vec<Entry> {
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
    let step = |step: &Step| Entry::Log(Logged::Step(step.clone()), step.at);
    let mut entries = vec![Entry::Begin(Arc::new(begin))];
    entries.extend(history.done().map(step));
    entries.extend(history.undone().map(step));
    // Steps that were taken back are written as done and taken back, the last one first.
    let states: Vec<StateId> =
        std::iter::once(history.state()).chain(history.undone().map(|step| step.state)).collect();
    let back = states.iter().rev().skip(1);
    entries.extend(back.map(|state| Entry::Log(Logged::Undone(*state), SystemTime::now())));
    entries
}
