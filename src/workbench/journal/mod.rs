//! The journal: every finished edit of the open case goes to a file at once, so that a crash costs nothing. An
//! append-only file a case in the user's data folder; at the next start unfinished ones are offered, and opening one
//! reads the CT and the sets again and replays the edits, undo included. A journal exists only as long as it holds edits
//! that are in no exported file: it goes when its case is closed after an export, and never silently before.
//!
//! `frame` is the framing, `record` what the records hold, `queue` what waits, `disk` and `writer` bring it to the disk,
//! `offers` lists journals, `recover` opens them; `keep` and `desk` are the part of the workbench.

mod desk;
mod disk;
mod frame;
mod keep;
mod offers;
mod queue;
mod record;
mod recover;
mod writer;

pub(super) use desk::{Journal, RecoveredFrom};
pub use disk::{Disk, FileSystem, JournalFile};
pub use frame::{End, Frame, Frames, Kind};
pub use offers::{
    FoundJournal, discard as discard_journal, find as find_journals, look as look_at_journal, prune as prune_journals,
};
pub use queue::JournalStatus;
pub use record::{CaseOrigin, Identity, RecordedSlice, StepNote, time_of};
pub use recover::{JournalError, ReadJournal, RecoveredCase, read as read_journal, recover};

use super::Settings;
use std::path::{Path, PathBuf};

/// Ending of the names of journals.
pub const ENDING: &str = "hilum-journal";

/// What the journals can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalCommand {
    /// Opens the case of a journal as it was left.
    Recover(PathBuf),
    /// Removes a journal with its edits.
    Discard(PathBuf),
    /// Looks again which journals there are.
    Look,
    /// Offers no longer what is known of the case that is open.
    Decline,
}

/// The folder of journals that belongs to a settings file: in the user's data folder for the user's own settings, else
/// beside them.
pub fn folder_for(settings: &Path) -> Option<PathBuf> {
    let is_usual = std::env::var_os("HILUM_HOME").is_none() && Settings::default_path().as_deref() == Some(settings);
    if is_usual {
        return directories::ProjectDirs::from("org", "hilum", "hilum").map(|d| d.data_dir().join("journal"));
    }
    settings.parent().map(|folder| folder.join("journal"))
}

/// The user's folder of journals: in HILUM_HOME if that is set, else in the data folder.
pub fn default_folder() -> Option<PathBuf> {
    folder_for(&Settings::default_path()?)
}

/// The short name of a journal: the beginning of the name of its file, which is random.
pub fn id_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().chars().take(8).collect()
}
