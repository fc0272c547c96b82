//! De-identification of files from the window: what is asked for, and what came of it last.

use super::jobs::{JobError, JobKey, Lane};
use super::notices::Trouble;
use super::results::JobResult;
use super::{Severity, Workbench};
use crate::dicom::deidentify::{DeidentifyError, DeidentifyOptions, DeidentifyReport, Secret, SecretError, deidentify};
use crate::words::t;
use std::path::PathBuf;
use std::sync::Arc;

/// Copies of these files and folders without the people in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeidentifyRequest {
    pub sources: Vec<PathBuf>,
    /// The folder to make, new or empty.
    pub output: PathBuf,
    pub options: DeidentifyOptions,
    /// Without one the replacements are new every time.
    pub secret_file: Option<PathBuf>,
}

/// The last run that came to its end.
#[derive(Debug, Clone)]
pub struct Deidentified {
    pub report: Arc<DeidentifyReport>,
    pub output: PathBuf,
}

impl From<DeidentifyError> for JobError {
    fn from(error: DeidentifyError) -> Self {
        match error {
            DeidentifyError::Cancelled(_) => Self::Cancelled,
            other => Self::Failed(Trouble::of(&other)),
        }
    }
}

impl From<SecretError> for JobError {
    fn from(error: SecretError) -> Self {
        Self::Failed(Trouble::of(&error))
    }
}

impl Workbench {
    /// Files and folders of the open case.
    pub fn opened_paths(&self) -> &[PathBuf] {
        &self.opened
    }

    /// What the last de-identification did.
    pub fn deidentified(&self) -> Option<&Deidentified> {
        self.deidentified.as_ref()
    }

    pub(super) fn deidentify(&mut self, request: DeidentifyRequest) {
        let spawned = self.jobs.spawn_about(
            Lane::Copies,
            JobKey::Deidentify,
            t("De-identify"),
            request.sources.first().cloned(),
            move |context| {
                let secret = request.secret_file.as_deref().map_or_else(|| Ok(Secret::random()), Secret::read)?;
                let DeidentifyRequest { sources, output, options, .. } = request;
                let report = Arc::new(deidentify(&sources, &output, &options, &secret, context)?);
                Ok(JobResult::Deidentified(Deidentified { report, output }))
            },
        );
        if let Err(error) = spawned {
            self.notices.warning(error.to_string());
        }
    }

    pub(super) fn accept_deidentified(&mut self, done: Deidentified) {
        let (report, output) = (&done.report, done.output.clone());
        let skipped = report.skipped.iter().map(|file| file.path.clone());
        let severity = if report.skipped.is_empty() { Severity::Info } else { Severity::Warning };
        let files = std::iter::once(output).chain(skipped).collect();
        self.notices.push_with_files(severity, report.summary(), report.remarks(), files);
        self.deidentified = Some(done);
    }
}
