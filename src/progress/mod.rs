//! How long work tells what it has done and learns that it should stop.
//!
//! A capability takes `&dyn Progress`; the window, the command line and the tests each bring their
//! own. Nothing here knows about threads or screens.

/// The work was cancelled by the user; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", crate::words::t("cancelled"))]
pub struct Cancelled;

/// Receiver of progress reports.
pub trait Progress: Sync {
    /// `done` of `total` units (files, slices, trees ...) of `stage` are finished.
    fn report(&self, stage: &str, done: usize, total: usize);

    /// True once the user asked to stop.
    fn is_cancelled(&self) -> bool {
        false
    }

    /// Call wherever a second can pass.
    fn checkpoint(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}

/// Progress that nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _stage: &str, _done: usize, _total: usize) {}
}
