//! How a command ends: exit codes, and one `error:` line that says what failed, why, and what to do.

use super::terminal::say;
use crate::progress::Cancelled;
use crate::workbench::error_chain;
use std::process::ExitCode;

/// A command that did not reach its end.
#[derive(Debug)]
pub enum Failure {
    /// Exit code 1: something broke on the way (disk full, file exists).
    Failed(String),
    /// Exit code 2: the command line makes no sense.
    Usage(String),
    /// Exit code 3: the input cannot be used (no CT, other frame of reference, wrong model, no CTV).
    Refused(String),
    /// Exit code 4: the user stopped it.
    Cancelled,
    /// Exit code 4: the user stopped it, and something was kept; what, in words.
    Stopped(String),
}

impl Failure {
    pub fn failed(error: impl std::error::Error) -> Self {
        Self::Failed(error_chain(&error))
    }

    pub fn refused(error: impl std::error::Error) -> Self {
        Self::Refused(error_chain(&error))
    }

    pub fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused(_) => 3,
            Self::Cancelled | Self::Stopped(_) => 4,
        }
    }

    /// Tells the user and gives the exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Failed(text) | Self::Usage(text) | Self::Refused(text) => say(&format!("error: {text}")),
            Self::Cancelled => say("cancelled: nothing more was written"),
            Self::Stopped(kept) => say(&format!("cancelled: {kept}")),
        }
        ExitCode::from(self.code())
    }
}

impl From<Cancelled> for Failure {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(format!("{error:#}"))
    }
}
