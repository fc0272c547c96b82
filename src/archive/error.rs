//! What can go wrong between this computer and an archive: one sentence each that says what failed, why, and
//! what to do.

use crate::progress::Cancelled;
use crate::words::t;
use std::path::Path;

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The user stopped it.
    Cancelled,
    /// The settings or what was asked for cannot be used.
    Request,
    /// The archive refused, or answered what cannot be used.
    Archive,
    /// The way to the archive: no connection, cut off, no answer.
    Connection,
    /// This computer: disk, permissions.
    Local,
}

/// A transfer that did not reach its end. Nothing of it was kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ArchiveError {
    pub cause: Cause,
    pub text: String,
    /// The status with which the archive refused.
    pub(super) status: Option<u16>,
}

impl ArchiveError {
    pub fn new(cause: Cause, text: impl Into<String>) -> Self {
        Self { cause, text: text.into(), status: None }
    }

    pub fn request(text: impl Into<String>) -> Self {
        Self::new(Cause::Request, text)
    }

    pub(super) fn archive(text: impl Into<String>) -> Self {
        Self::new(Cause::Archive, text)
    }

    pub(super) fn connection(text: impl Into<String>) -> Self {
        Self::new(Cause::Connection, text)
    }

    /// A file or folder that cannot be written or read; the path stands last.
    pub(super) fn local(what: &str, error: &std::io::Error, path: &Path) -> Self {
        let advice = match error.kind() {
            std::io::ErrorKind::StorageFull => t("the disk is full; free space or choose another folder"),
            std::io::ErrorKind::PermissionDenied => t("check the permissions or choose another folder"),
            _ => t("check folder, permissions and free space"),
        };
        Self::new(
            Cause::Local,
            crate::tf!("{what} ({error}); {advice}: {path}", what, error, advice, path = path.display()),
        )
    }

    pub fn is_cancelled(&self) -> bool {
        self.cause == Cause::Cancelled
    }
}

impl From<Cancelled> for ArchiveError {
    fn from(_: Cancelled) -> Self {
        Self::new(Cause::Cancelled, t("cancelled; nothing of this transfer was kept"))
    }
}
