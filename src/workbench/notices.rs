//! Messages to the user: a summary, details that open on demand, kept until dismissed.

use std::path::PathBuf;

/// An error in words, with the files it is about apart: file names can carry names of patients.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trouble {
    pub text: String,
    pub files: Vec<PathBuf>,
}

impl Trouble {
    /// The error with its causes. Every error of this program names its file last, after a colon.
    pub fn of(error: &dyn std::error::Error) -> Self {
        let mut all = Self::from_text(error.to_string());
        let mut cause = error.source();
        while let Some(next) = cause {
            let Self { text, files } = Self::from_text(next.to_string());
            if !all.text.contains(&text) {
                all.text = format!("{}: {text}", all.text);
            }
            all.files.extend(files.into_iter().filter(|f| !all.files.contains(f)).collect::<Vec<_>>());
            cause = next.source();
        }
        all
    }

    /// Words that name their files after a colon.
    pub fn from_text(text: String) -> Self {
        let file = |at: usize| {
            let tail = &text[at + 2..];
            let tail =
                tail.split_once([')', '）']).filter(|_| !tail.contains(['(', '（'])).map_or(tail, |(inner, _)| inner);
            std::path::Path::new(tail).is_absolute().then(|| (at, at + 2 + tail.len(), PathBuf::from(tail)))
        };
        let Some((from, to, path)) = text.rmatch_indices(": ").find_map(|(at, _)| file(at)) else {
            return Self { text, files: Vec::new() };
        };
        // A cause in parentheses can name a file of its own.
        let mut rest = Self::from_text(format!("{}{}", &text[..from], &text[to..]));
        rest.files.insert(0, path);
        rest
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Info,
    Warning,
    Error,
}

/// A message with its details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub id: u64,
    pub severity: Severity,
    /// What happened, one sentence without a full stop.
    pub summary: String,
    /// Why, and what to do; one line each, without names of files.
    pub details: Vec<String>,
    /// The files it is about.
    pub files: Vec<PathBuf>,
}

/// All messages of this run, newest last.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    all: Vec<Notice>,
    next: u64,
}

impl Notices {
    /// Older messages than this many are forgotten.
    const KEPT: usize = 200;

    pub fn push(&mut self, severity: Severity, summary: impl Into<String>, details: Vec<String>) {
        self.push_with_files(severity, summary, details, Vec::new());
    }

    /// A message about files.
    pub fn push_with_files(
        &mut self,
        severity: Severity,
        summary: impl Into<String>,
        details: Vec<String>,
        files: Vec<PathBuf>,
    ) {
        let summary = summary.into();
        match severity {
            Severity::Info => tracing::info!("{summary}"),
            Severity::Warning => tracing::warn!("{summary}"),
            Severity::Error => tracing::error!("{summary}"),
        }
        self.next += 1;
        self.all.push(Notice { id: self.next, severity, summary, details, files });
        if self.all.len() > Self::KEPT {
            self.all.remove(0);
        }
    }

    /// A message that a repeated cause would tell every frame: said once, until it is dismissed.
    pub fn push_once(&mut self, severity: Severity, summary: impl Into<String>) {
        let summary = summary.into();
        if !self.all.iter().any(|n| n.summary == summary) {
            self.push(severity, summary, Vec::new());
        }
    }

    pub fn info(&mut self, summary: impl Into<String>) {
        self.push(Severity::Info, summary, Vec::new());
    }

    pub fn warning(&mut self, summary: impl Into<String>) {
        self.push(Severity::Warning, summary, Vec::new());
    }

    /// An error with its causes as details.
    pub fn error(&mut self, summary: impl Into<String>, error: &dyn std::error::Error) {
        self.trouble(summary, Trouble::of(error));
    }

    /// Something that went wrong.
    pub fn trouble(&mut self, summary: impl Into<String>, trouble: Trouble) {
        self.push_with_files(Severity::Error, summary, vec![trouble.text], trouble.files);
    }

    pub fn all(&self) -> &[Notice] {
        &self.all
    }

    pub fn dismiss(&mut self, id: u64) {
        self.all.retain(|n| n.id != id);
    }

    pub fn clear(&mut self) {
        self.all.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stand_apart_from_the_words_of_an_error() {
        let split = |text: &str| Trouble::from_text(text.into());
        let one = split("no DICOM file; choose another: /data/Doe, Jane (2): b/c");
        assert_eq!(one.text, "no DICOM file; choose another");
        assert_eq!(one.files, [PathBuf::from("/data/Doe, Jane (2): b/c")]);
        let two = split("does not read back (it is cut off: /data/Jane/x.part); nothing was kept: /data/Jane/y.dcm");
        assert_eq!(two.text, "does not read back (it is cut off); nothing was kept");
        assert_eq!(two.files, ["/data/Jane/y.dcm", "/data/Jane/x.part"].map(PathBuf::from));
        let wide = split("读回不一致（文件不完整: /data/Jane/x.part）；什么都没有保留: /data/Jane/y.dcm");
        assert_eq!(wide.text, "读回不一致（文件不完整）；什么都没有保留");
        assert_eq!(wide.files, ["/data/Jane/y.dcm", "/data/Jane/x.part"].map(PathBuf::from));
        assert!(split("cancelled: by the user").files.is_empty());
        let damaged =
            crate::workbench::SettingsError::Read(std::io::Error::other("disk gone"), "/home/jane/settings".into());
        let trouble = Trouble::of(&damaged);
        assert!(!trouble.text.contains("jane") && trouble.text.ends_with(": disk gone"), "{}", trouble.text);
        assert_eq!(trouble.files, [PathBuf::from("/home/jane/settings")]);
    }

    #[test]
    fn a_repeated_cause_is_told_once_until_dismissed() {
        let mut notices = Notices::default();
        for _ in 0..3 {
            notices.push_once(Severity::Warning, "The graphics memory is full");
        }
        assert_eq!(notices.all().len(), 1);
        notices.clear();
        notices.push_once(Severity::Warning, "The graphics memory is full");
        assert_eq!(notices.all().len(), 1);
    }
}
