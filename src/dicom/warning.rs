//! What the import report says: partial trouble that did not stop the work, with the files it is about.

use std::path::PathBuf;

/// How much a warning matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Info,
    /// Something was left out or had to be guessed.
    Warning,
    /// The geometry of the scan is doubtful (a missing slice, say): shown as a banner, and networks and
    /// export wait until somebody has acknowledged it.
    Geometry,
}

/// One line of the import report.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImportWarning {
    pub severity: Severity,
    pub text: String,
    /// The files it is about, where it is about files.
    pub files: Vec<PathBuf>,
}

impl ImportWarning {
    /// Frames of one file name it once.
    pub(crate) fn new(severity: Severity, text: impl Into<String>, mut files: Vec<PathBuf>) -> Self {
        files.dedup();
        Self { severity, text: text.into(), files }
    }

    pub(crate) fn info(text: impl Into<String>) -> Self {
        Self::new(Severity::Info, text, Vec::new())
    }

    pub(crate) fn warning(text: impl Into<String>) -> Self {
        Self::new(Severity::Warning, text, Vec::new())
    }
}

impl std::fmt::Display for ImportWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)?;
        match self.files.as_slice() {
            [] => Ok(()),
            [one] => write!(f, ": {}", one.display()),
            [first, second] => write!(f, ": {} and {}", first.display(), second.display()),
            [first, rest @ ..] => write!(f, ": {} and {} more files", first.display(), rest.len()),
        }
    }
}
