//! What the jobs of the cohort desk bring back, and what of it is taken in.

use super::command::Beside;
use super::desk::CohortDesk;
use super::features::ComputeReport;
use super::open::OpenCohort;
use super::survival::SurvivalChoice;
use super::table::FeatureState;
use super::training::TrainingPatients;
use crate::cohort::{CellProblem, ImportReport, ObservedRecurrence, PatientRecord};
use crate::studies::survival::SurvivalAnswer;
use crate::studies::training_set::Endpoint;
use crate::tf;
use crate::words::t;
use crate::workbench::jobs::JobKey;
use crate::workbench::{ReadModel, Severity, Workbench};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Result of a job for the desk.
pub(in crate::workbench) enum CohortResult {
    Opened(Box<OpenCohort>),
    Imported {
        report: ImportReport,
        cohort: Box<OpenCohort>,
    },
    /// Nothing was imported.
    Problems(Vec<CellProblem>),
    Changed {
        path: PathBuf,
        before: Box<PatientRecord>,
        after: Box<PatientRecord>,
        is_back: bool,
    },
    /// Of one patient.
    Features {
        path: PathBuf,
        patient: String,
        state: FeatureState,
    },
    Computed {
        report: ComputeReport,
        cohort: Box<OpenCohort>,
    },
    Written(PathBuf),
    Other {
        path: PathBuf,
        observed: Box<ObservedRecurrence>,
    },
    Survival {
        revision: u64,
        choice: SurvivalChoice,
        answer: Result<Arc<SurvivalAnswer>, String>,
    },
    /// Who would be trained on.
    Counted {
        endpoint: Endpoint,
        revision: u64,
        answer: Result<TrainingPatients, String>,
    },
    Trained(ReadModel),
}

impl Workbench {
    /// The open cohort, if it is that of a file.
    fn cohort_of(&mut self, path: &Path) -> Option<&mut OpenCohort> {
        self.cohort.open.as_mut().filter(|open| open.path == path)
    }

    pub(in crate::workbench) fn accept_cohort(&mut self, result: CohortResult) {
        match result {
            CohortResult::Opened(cohort) => {
                if self.cohort_of(&cohort.path).is_none() {
                    // What a run for another cohort has done is kept in its file.
                    self.jobs.dismiss_key(JobKey::CohortCompute);
                    let (beside, other) = (std::mem::take(&mut self.cohort.beside), self.cohort.other.take());
                    self.cohort =
                        CohortDesk { revisions: self.cohort.revisions, beside, other, ..CohortDesk::default() };
                    let path = cohort.path.clone();
                    self.change_settings(|settings| settings.remember_cohort(path));
                }
                self.cohort.last_change = None;
                self.cohort.open = Some(*cohort);
                self.cohort.changed();
            }
            CohortResult::Imported { report, cohort } => {
                let counts = report.counts;
                let summary = tf!(
                    "Patients added: {added}, changed: {changed}, as they were: {unchanged}",
                    added = counts.added,
                    changed = counts.changed,
                    unchanged = counts.unchanged
                );
                let mut details = Vec::new();
                if !report.without_case.is_empty() {
                    let count = report.without_case.len();
                    details
                        .push(tf!("Without a case that is there, so that no features can be computed: {count}", count));
                }
                if !report.extra.is_empty() {
                    let columns = report.extra.join(", ");
                    details.push(tf!("Kept without a meaning of their own: {columns}", columns));
                }
                self.notices.push(Severity::Info, summary, details);
                if self.cohort_of(&cohort.path).is_some() {
                    self.cohort.last_change = None;
                    self.cohort.open = Some(*cohort);
                    self.cohort.changed();
                }
            }
            CohortResult::Problems(problems) => {
                let count = problems.len();
                self.notices.warning(if count == 1 {
                    t("One cell cannot be used, and nothing was imported").to_owned()
                } else {
                    tf!("{count} cells cannot be used, and nothing was imported", count)
                });
                self.cohort.problems = problems;
            }
            CohortResult::Changed { path, before, after, is_back } => {
                if let Some(open) = self.cohort_of(&path)
                    && let Some(row) = open.row(&after.id)
                {
                    Arc::make_mut(&mut open.patients)[row] = (*after).clone();
                    open.table.set(row, &after);
                    open.observed = ObservedRecurrence::of(open.about.clone(), &open.patients, &open.coverage);
                    let is_there = after.case.as_ref().is_some_and(|case| case.exists());
                    let state = &mut open.features[row];
                    match state {
                        FeatureState::NoCase if is_there => *state = FeatureState::NotComputed,
                        FeatureState::NotComputed if !is_there => *state = FeatureState::NoCase,
                        _ => {}
                    }
                    self.cohort.last_change = (!is_back).then(|| Box::new((*before, *after)));
                    self.cohort.changed();
                }
            }
            CohortResult::Features { path, patient, state } => {
                if let Some(open) = self.cohort_of(&path)
                    && let Some(row) = open.row(&patient)
                {
                    open.features[row] = state;
                    self.cohort.computed();
                }
            }
            CohortResult::Computed { report, cohort } => {
                self.tell_computed(&report);
                if let Some(open) = self.cohort_of(&cohort.path) {
                    let (is_same, before) = (open.patients == cohort.patients, open.patients_revision);
                    *open = OpenCohort { patients_revision: before, ..*cohort };
                    if is_same { self.cohort.computed() } else { self.cohort.changed() }
                }
            }
            CohortResult::Written(path) => {
                self.notices.push_with_files(Severity::Info, t("Written"), Vec::new(), vec![path]);
            }
            CohortResult::Other { path, observed } => {
                if self.cohort.beside == Beside::Cohort(path) {
                    self.cohort.other = Some(observed);
                }
            }
            CohortResult::Counted { endpoint, revision, answer } => {
                self.cohort.take_counted(endpoint, revision, answer);
            }
            CohortResult::Trained(read) => {
                let files = vec![read.folder.clone()];
                self.notices.push_with_files(Severity::Info, t("The risk model was trained"), Vec::new(), files);
                self.offer_risk_model(read);
            }
            CohortResult::Survival { revision, choice, answer } => {
                let wanted = self.cohort.survival.as_mut();
                if let Some(asked) = wanted.filter(|a| a.choice == choice && a.revision == revision) {
                    asked.answer = Some(answer);
                }
            }
        }
    }

    fn tell_computed(&mut self, report: &ComputeReport) {
        let computed = report.computed;
        let summary = if report.stopped {
            tf!("Stopped; the next run goes on from there. Cases whose features are kept: {computed}", computed)
        } else {
            tf!(
                "Cases gone through: {computed}, unchanged since: {kept}, patients without a case that is there: {without}",
                computed,
                kept = report.kept,
                without = report.without_case
            )
        };
        let mut details = Vec::new();
        let mut severity = Severity::Info;
        if !report.failed.is_empty() && !report.stopped {
            severity = Severity::Warning;
            let count = report.failed.len();
            details.push(tf!("Without features: {count}; why stands in their rows", count));
        }
        self.notices.push(severity, summary, details);
    }
}
