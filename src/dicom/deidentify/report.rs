//! What a run did, without any original identifier: it lies beside the files and may travel with them.

use crate::tf;
use crate::words::{t, told};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Elements by what was done to them, over all depths of a data set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Removed by the profile.
    pub removed: usize,
    /// Private attributes, removed.
    pub private_removed: usize,
    pub emptied: usize,
    /// By a dummy value or the new patient.
    pub replaced: usize,
    /// Texts kept without the words that identify.
    pub cleaned: usize,
    /// UIDs replaced.
    pub uids: usize,
    pub dates_shifted: usize,
    pub roi_names_replaced: usize,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.removed += other.removed;
        self.private_removed += other.private_removed;
        self.emptied += other.emptied;
        self.replaced += other.replaced;
        self.cleaned += other.cleaned;
        self.uids += other.uids;
        self.dates_shifted += other.dates_shifted;
        self.roi_names_replaced += other.roi_names_replaced;
    }
}

/// One file of the output.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeidentifiedFile {
    /// Name in the output folder.
    pub file: String,
    pub kind: &'static str,
    pub counts: Counts,
    pub warnings: BTreeSet<&'static str>,
}

/// A file that was not copied. Its name may identify somebody, so the written report leaves it out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SkippedFile {
    #[serde(skip)]
    pub path: PathBuf,
    pub reason: &'static str,
    /// What exactly was wrong; it may quote the file.
    #[serde(skip)]
    pub detail: String,
}

impl std::fmt::Display for SkippedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(told(self.reason))?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

/// A code of the de-identification method, from PS3.16 CID 7050.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MethodCode {
    pub code: &'static str,
    pub meaning: &'static str,
}

/// The report of a run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeidentifyReport {
    pub program: &'static str,
    pub profile: &'static str,
    pub methods: Vec<MethodCode>,
    /// Patients told apart by Patient ID, or by name where there is none.
    pub patients: usize,
    /// Words of names and numbers that were searched for in text that is kept.
    pub identifiers_searched: usize,
    pub totals: Counts,
    pub files: Vec<DeidentifiedFile>,
    /// Files that were not copied.
    pub skipped: Vec<SkippedFile>,
    /// What this run does not vouch for.
    pub limits: Vec<&'static str>,
}

impl DeidentifyReport {
    /// What was done, in one line.
    pub fn summary(&self) -> String {
        let not = match self.skipped.len() {
            0 => String::new(),
            n => tf!(", {n} not copied", n),
        };
        let files = match self.files.len() {
            1 => t("1 file").to_owned(),
            files => tf!("{files} files", files),
        };
        let patients = match self.patients {
            1 => t("1 patient").to_owned(),
            n => tf!("{n} patients", n),
        };
        tf!("De-identified {files} of {patients}{not}", files, patients, not)
    }

    /// What to know of the run: warnings, how many files were left out, what it does not vouch for.
    pub fn remarks(&self) -> Vec<String> {
        let warnings: BTreeSet<&str> = self.files.iter().flat_map(|f| &f.warnings).copied().collect();
        let noted = warnings.into_iter().map(|warning| {
            let files = self.files.iter().filter(|f| f.warnings.contains(warning)).count();
            tf!("Note ({files} files): {warning}", files, warning = told(warning))
        });
        let mut lines: Vec<String> = noted.collect();
        if !self.skipped.is_empty() {
            lines.push(tf!("{n} files were not copied", n = self.skipped.len()));
        }
        lines.extend(self.limits.iter().map(|limit| tf!("Keep in mind: {limit}", limit = told(limit))));
        lines
    }
}
