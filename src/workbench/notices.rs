//! Messages to the user: a summary, details that open on demand, kept until dismissed.

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
    /// Why, what to do, files; one line each.
    pub details: Vec<String>,
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
        let summary = summary.into();
        match severity {
            Severity::Info => tracing::info!("{summary}"),
            Severity::Warning => tracing::warn!("{summary}"),
            Severity::Error => tracing::error!("{summary}"),
        }
        self.next += 1;
        self.all.push(Notice { id: self.next, severity, summary, details });
        if self.all.len() > Self::KEPT {
            self.all.remove(0);
        }
    }

    pub fn info(&mut self, summary: impl Into<String>) {
        self.push(Severity::Info, summary, Vec::new());
    }

    pub fn warning(&mut self, summary: impl Into<String>) {
        self.push(Severity::Warning, summary, Vec::new());
    }

    /// An error with its chain of causes as details.
    pub fn error(&mut self, summary: impl Into<String>, error: &dyn std::error::Error) {
        let mut details = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(next) = cause {
            details.push(next.to_string());
            cause = next.source();
        }
        self.push(Severity::Error, summary, details);
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
