//! The cohort desk: the cohort that is open, the one beside it, and all that the Cohort workspace asks for, each a job.
//! Nothing here touches the open case.

use super::features::{ComputeError, ComputeOptions, ComputeReport, compute_features, definition, features_csv};
use super::survival::SurvivalChoice;
use super::table::{FeatureState, PatientTable};
use crate::cohort::{
    CellProblem, CohortAbout, CohortStore, Coverage, ImportError, ImportReport, ImportRequest, ObservedRecurrence,
    PatientRecord, PublishedRecurrence, Sheet, StoreError, import_table, patients_csv, template_csv,
};
use crate::files::{PutError, check_target, put_in_place};
use crate::studies::survival::{self, SurvivalAnswer, SurvivalError, survival};
use crate::tf;
use crate::words::t;
use crate::workbench::jobs::{JobContext, JobError, JobKey, Lane};
use crate::workbench::results::JobResult;
use crate::workbench::{Severity, Trouble, Workbench};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Requests of the Cohort workspace.
#[derive(Debug, Clone, PartialEq)]
pub enum CohortCommand {
    Open(PathBuf),
    /// Makes an empty cohort and opens it.
    New {
        path: PathBuf,
        name: String,
    },
    /// Reads the open cohort again: another program may have changed it.
    Reload,
    Close,
    Import(ImportRequest),
    /// The list of wrong cells has been read.
    ForgetProblems,
    /// An empty table to fill in.
    Template {
        path: PathBuf,
        overwrite: bool,
    },
    /// Changes some cells of a patient, by the names of their columns.
    Edit {
        patient: String,
        cells: BTreeMap<String, String>,
    },
    /// Takes the last change of a patient back.
    TakeBack,
    Compute(ComputeOptions),
    Export {
        path: PathBuf,
        what: CohortExport,
        overwrite: bool,
    },
    /// What stands beside the map.
    SetBeside(Beside),
    Survival(SurvivalChoice),
}

/// What is written of a cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CohortExport {
    /// The table that can be imported again.
    Patients,
    /// The features, one row a patient.
    Features,
    /// The whole cohort in another file.
    Copy,
    /// The figure of the survival that is shown.
    SurvivalSvg,
    /// The steps of its curves.
    SurvivalCsv,
}

impl CohortExport {
    /// The name that is written must end so.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Patients | Self::Features | Self::SurvivalCsv => "csv",
            Self::Copy => "hilum-cohort",
            Self::SurvivalSvg => "svg",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Patients => t("Patients as a table (CSV)"),
            Self::Features => t("Features as a table (CSV)"),
            Self::Copy => t("Copy of the whole cohort"),
            Self::SurvivalSvg => t("Figure (SVG)"),
            Self::SurvivalCsv => t("Steps of the curves (CSV)"),
        }
    }
}

/// Another set of recurrences beside the one that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Beside {
    #[default]
    Nothing,
    Published,
    Cohort(PathBuf),
}

/// A cohort as it was read, with what has changed since.
pub struct OpenCohort {
    pub path: PathBuf,
    pub about: CohortAbout,
    pub patients: Arc<Vec<PatientRecord>>,
    /// By patient.
    pub features: Vec<FeatureState>,
    pub table: PatientTable,
    pub observed: ObservedRecurrence,
    /// As far as features were computed when it was read or since.
    pub coverage: Coverage,
    /// Grows with every change, also from one cohort to the next.
    pub revision: u64,
    /// The revision at which patients changed last: features that are computed change no survival.
    pub patients_revision: u64,
}

impl OpenCohort {
    /// Reads a cohort and looks which cases are there.
    ///
    /// # Errors
    /// As [`CohortStore::open`].
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let store = CohortStore::open(path)?;
        let (about, patients) = (store.about()?, store.patients()?);
        let (computed, definition) = (store.computed()?, definition());
        let coverage = store.coverage(&definition)?;
        let state = |patient: &PatientRecord| match computed.get(&patient.id) {
            Some((_, Some(why))) => FeatureState::Failed(why.clone()),
            Some((of, None)) if *of == definition => FeatureState::Computed,
            Some(_) => FeatureState::Outdated,
            None if patient.case.as_ref().is_some_and(|case| case.exists()) => FeatureState::NotComputed,
            None => FeatureState::NoCase,
        };
        Ok(Self {
            path: path.to_owned(),
            features: patients.iter().map(state).collect(),
            table: PatientTable::new(&patients),
            observed: ObservedRecurrence::of(about.clone(), &patients, &coverage),
            coverage,
            about,
            patients: Arc::new(patients),
            revision: 0,
            patients_revision: 0,
        })
    }

    /// The row of a patient.
    pub fn row(&self, id: &str) -> Option<usize> {
        self.patients.iter().position(|patient| patient.id == id)
    }
}

/// The last question about survival, and what came of it.
struct Asked {
    choice: SurvivalChoice,
    revision: u64,
    answer: Option<Result<Arc<SurvivalAnswer>, String>>,
}

/// What the Cohort workspace shows.
#[derive(Default)]
pub struct CohortDesk {
    open: Option<OpenCohort>,
    revisions: u64,
    beside: Beside,
    /// The cohort beside, once it is read.
    other: Option<Box<ObservedRecurrence>>,
    problems: Vec<CellProblem>,
    /// What is wrong with cells that were typed, of this patient.
    refused: Option<(String, Vec<CellProblem>)>,
    /// The last changed patient: before and after.
    last_change: Option<Box<(PatientRecord, PatientRecord)>>,
    survival: Option<Asked>,
}

impl CohortDesk {
    pub fn open(&self) -> Option<&OpenCohort> {
        self.open.as_ref()
    }
    /// What is wrong with the table that was to be imported last.
    pub fn problems(&self) -> &[CellProblem] {
        &self.problems
    }
    /// What is wrong with the cells that were typed last for a patient.
    pub fn refused(&self, patient: &str) -> &[CellProblem] {
        self.refused.as_ref().filter(|(of, _)| of == patient).map_or(&[], |(_, problems)| problems)
    }
    /// The patient whose change can be taken back.
    pub fn last_changed(&self) -> Option<&str> {
        self.last_change.as_ref().map(|change| change.0.id.as_str())
    }
    pub fn beside(&self) -> &Beside {
        &self.beside
    }
    /// The cohort beside, once it is read.
    pub fn other(&self) -> Option<&ObservedRecurrence> {
        self.other.as_deref()
    }
    /// True if this was asked about the cohort as it is.
    pub fn is_asked(&self, choice: &SurvivalChoice) -> bool {
        let revision = self.open.as_ref().map(|open| open.patients_revision);
        self.survival.as_ref().is_some_and(|asked| asked.choice == *choice && Some(asked.revision) == revision)
    }
    /// The answer to the question that was asked last, or why there is none; `None` while it is computed.
    pub fn survival(&self) -> Option<Result<&Arc<SurvivalAnswer>, &str>> {
        Some(self.survival.as_ref()?.answer.as_ref()?.as_ref().map_err(String::as_str))
    }

    fn changed(&mut self) {
        self.computed();
        if let Some(open) = &mut self.open {
            open.patients_revision = open.revision;
        }
    }

    /// Only features have changed.
    fn computed(&mut self) {
        self.revisions += 1;
        if let Some(open) = &mut self.open {
            open.revision = self.revisions;
        }
    }
}

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
}

/// What a store says, in the words of the window, its file apart.
fn trouble(error: &StoreError) -> Trouble {
    let (text, path) = match error {
        StoreError::Exists(path) => {
            (t("there is a file already, which was left as it is; choose another name").to_owned(), Some(path))
        }
        StoreError::Missing(path) => (t("the file is not there").to_owned(), Some(path)),
        StoreError::Foreign(path) => (t("this is no cohort of Hilum; it was left as it is").to_owned(), Some(path)),
        StoreError::Newer { version, path } => {
            let text = tf!(
                "a newer version of Hilum made this cohort (its tables are of version {version}); open it with that one",
                version
            );
            (text, Some(path))
        }
        StoreError::Locked(path) => {
            (t("another program works on this cohort; try again when it has ended").to_owned(), Some(path))
        }
        StoreError::Damaged { what, path } => {
            let text = tf!(
                "this cohort is damaged ({what}); use a copy: one lies beside it if it was brought to a newer version, others are made by Export",
                what
            );
            (text, Some(path))
        }
        StoreError::Write { source, path } => {
            let text = tf!(
                "the cohort could not be written, and is as it was ({source}); check permissions and free space",
                source
            );
            (text, Some(path))
        }
        StoreError::Known(ids) => {
            let text = tf!(
                "{count} patients are in the cohort already; choose to replace what is known of them, or leave them out of the table",
                count = ids.len()
            );
            (text, None)
        }
        StoreError::NoPatient(_) => (t("the patient is not in the cohort any more; read it again").to_owned(), None),
        StoreError::Changed(_) => {
            let text =
                t("another program has changed this patient meanwhile, which was left as it is; read the cohort again");
            (text.to_owned(), None)
        }
    };
    Trouble { text, files: path.cloned().into_iter().collect() }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::Failed(trouble(&error))
    }
}

impl From<ComputeError> for JobError {
    fn from(error: ComputeError) -> Self {
        match error {
            ComputeError::Store(error) => error.into(),
            ComputeError::Network(error) => Self::Failed(Trouble::of(&error)),
        }
    }
}

impl From<PutError> for JobError {
    fn from(error: PutError) -> Self {
        Self::Failed(Trouble::of(&error))
    }
}

impl From<csv::Error> for JobError {
    fn from(error: csv::Error) -> Self {
        Self::Failed(Trouble::of(&error))
    }
}

/// Why there are no curves, in the words of the window.
fn survival_words(error: &SurvivalError) -> String {
    match error {
        SurvivalError::Nobody(_) => t("No patient has both a time and whether the event happened").to_owned(),
        SurvivalError::Groups(_) => t("A comparison needs patients of at least two groups with events").to_owned(),
        other => other.to_string(),
    }
}

fn write(path: &Path, bytes: &[u8], overwrite: bool, cohort: Option<&Path>) -> Result<(), JobError> {
    check_target(path, overwrite, cohort.into_iter())?;
    Ok(put_in_place(path, bytes, overwrite, |file| match std::fs::read(file) {
        Ok(read) if read == bytes => Ok(()),
        Ok(_) => Err(t("it reads back differently").to_owned()),
        Err(error) => Err(error.to_string()),
    })?)
}

type Context = JobContext<JobResult>;

impl Workbench {
    pub fn cohort(&self) -> &CohortDesk {
        &self.cohort
    }

    /// Cohorts that were opened before, newest first.
    pub fn recent_cohorts(&self) -> &[PathBuf] {
        &self.settings.cohorts
    }

    pub(in crate::workbench) fn cohort_command(&mut self, command: CohortCommand) {
        let open = self.cohort.open.as_ref().map(|open| open.path.clone());
        match command {
            CohortCommand::Open(path) => self.read_cohort(&path),
            CohortCommand::Reload => {
                if let Some(path) = open {
                    self.read_cohort(&path);
                }
            }
            CohortCommand::New { path, name } => {
                let about = CohortAbout { name, simulated: false };
                self.cohort_job(Lane::Cohort, JobKey::CohortOpen, t("Make a cohort"), Some(path.clone()), move |_| {
                    CohortStore::create(&path, &about)?;
                    Ok(CohortResult::Opened(Box::new(OpenCohort::read(&path)?)))
                });
            }
            CohortCommand::Close => {
                self.jobs.dismiss_key(JobKey::CohortCompute);
                self.cohort = CohortDesk { revisions: self.cohort.revisions, ..CohortDesk::default() };
            }
            CohortCommand::ForgetProblems => self.cohort.problems.clear(),
            CohortCommand::Template { path, overwrite } => {
                self.cohort_job(Lane::Cohort, JobKey::CohortWrite, t("Write a template"), None, move |_| {
                    write(&path, &template_csv(), overwrite, open.as_deref())?;
                    Ok(CohortResult::Written(path))
                });
            }
            CohortCommand::SetBeside(beside) => self.set_beside(beside),
            CohortCommand::Import(_)
            | CohortCommand::Edit { .. }
            | CohortCommand::TakeBack
            | CohortCommand::Compute(_)
            | CohortCommand::Export { .. }
            | CohortCommand::Survival(_) => match open {
                Some(path) => self.open_cohort_command(command, path),
                None => self.notices.warning(t("Open a cohort first")),
            },
        }
    }

    fn open_cohort_command(&mut self, command: CohortCommand, cohort: PathBuf) {
        match command {
            CohortCommand::Import(request) => {
                self.cohort.problems.clear();
                let about = Some(request.table.clone());
                self.cohort_job(Lane::Cohort, JobKey::CohortImport, t("Import patients"), about, move |_| {
                    let mut store = CohortStore::open(&cohort)?;
                    match import_table(&mut store, &request) {
                        Ok(report) => {
                            let cohort = Box::new(OpenCohort::read(&cohort)?);
                            Ok(CohortResult::Imported { report, cohort })
                        }
                        Err(ImportError::Cells(problems)) => Ok(CohortResult::Problems(problems)),
                        Err(ImportError::Sheet(error)) => Err(JobError::Failed(Trouble::of(&error))),
                        Err(ImportError::Store(error)) => Err(error.into()),
                    }
                });
            }
            CohortCommand::Edit { patient, cells } => self.edit_patient(cohort, &patient, cells),
            CohortCommand::TakeBack => {
                let Some(change) = self.cohort.last_change.take() else { return };
                let (before, after) = *change;
                self.change_patient(cohort, after, before, true);
            }
            CohortCommand::Compute(options) => {
                let title = t("Compute the features of the cohort");
                self.cohort_job(
                    Lane::CohortCases,
                    JobKey::CohortCompute,
                    title,
                    Some(cohort.clone()),
                    move |context| {
                        let mut store = CohortStore::open(&cohort)?;
                        let report = compute_features(&mut store, &options, context, &mut |patient, features| {
                            let state = match &features.values {
                                Ok(_) => FeatureState::Computed,
                                Err(why) => FeatureState::Failed(why.clone()),
                            };
                            let (path, patient) = (cohort.clone(), patient.to_owned());
                            let result = CohortResult::Features { path, patient, state };
                            // Once it is stopped nobody listens; what was kept is read at the end.
                            let _stopped = context.send(JobResult::Cohort(result));
                        })?;
                        Ok(CohortResult::Computed { report, cohort: Box::new(OpenCohort::read(&cohort)?) })
                    },
                );
            }
            CohortCommand::Export { path, what, overwrite } => self.export_cohort(cohort, path, what, overwrite),
            CohortCommand::Survival(choice) => {
                let Some(open) = &self.cohort.open else { return };
                let (patients, revision) = (Arc::clone(&open.patients), open.patients_revision);
                let asked = Asked { choice: choice.clone(), revision, answer: None };
                self.cohort.survival = Some(asked);
                self.cohort_job(Lane::Cohort, JobKey::CohortSurvival, t("Survival"), None, move |_| {
                    let answer = survival(&Sheet::of_patients(&patients), &choice.question());
                    let answer = answer.map(Arc::new).map_err(|error| survival_words(&error));
                    Ok(CohortResult::Survival { revision, choice, answer })
                });
            }
            _ => {}
        }
    }

    /// Starts a job of the desk.
    fn cohort_job(
        &mut self,
        lane: Lane,
        key: JobKey,
        title: &str,
        subject: Option<PathBuf>,
        work: impl FnOnce(&Context) -> Result<CohortResult, JobError> + Send + 'static,
    ) {
        let spawned =
            self.jobs.spawn_about(lane, key, title, subject, move |context| Ok(JobResult::Cohort(work(context)?)));
        if let Err(error) = spawned {
            self.notices.warning(error.to_string());
        }
    }

    fn read_cohort(&mut self, path: &Path) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.cohort_job(Lane::Cohort, JobKey::CohortOpen, t("Open the cohort"), Some(path.clone()), move |_| {
            Ok(CohortResult::Opened(Box::new(OpenCohort::read(&path)?)))
        });
    }

    fn edit_patient(&mut self, cohort: PathBuf, patient: &str, cells: BTreeMap<String, String>) {
        let Some(open) = &self.cohort.open else { return };
        let Some(before) = open.row(patient).map(|row| open.patients[row].clone()) else { return };
        self.cohort.refused = None;
        match before.edited(&cells) {
            Ok(after) if after == before => {}
            Ok(after) => self.change_patient(cohort, before, after, false),
            Err(problems) => self.cohort.refused = Some((before.id, problems)),
        }
    }

    fn change_patient(&mut self, cohort: PathBuf, before: PatientRecord, after: PatientRecord, is_back: bool) {
        self.cohort_job(Lane::Cohort, JobKey::CohortEdit, t("Change a patient"), None, move |_| {
            CohortStore::open(&cohort)?.replace(&before, &after)?;
            let (before, after) = (Box::new(before), Box::new(after));
            Ok(CohortResult::Changed { path: cohort, before, after, is_back })
        });
    }

    fn set_beside(&mut self, beside: Beside) {
        self.cohort.beside = beside.clone();
        self.cohort.other = None;
        self.jobs.dismiss_key(JobKey::CohortBeside);
        if let Beside::Cohort(path) = beside {
            let title = t("Read the cohort beside");
            self.cohort_job(Lane::Cohort, JobKey::CohortBeside, title, Some(path.clone()), move |_| {
                let store = CohortStore::open(&path)?;
                let coverage = store.coverage(&definition())?;
                let observed = Box::new(ObservedRecurrence::of(store.about()?, &store.patients()?, &coverage));
                Ok(CohortResult::Other { path, observed })
            });
        }
    }

    fn export_cohort(&mut self, cohort: PathBuf, path: PathBuf, what: CohortExport, overwrite: bool) {
        let shown = match (what, &self.cohort.survival) {
            (
                CohortExport::SurvivalSvg | CohortExport::SurvivalCsv,
                Some(Asked { choice, answer: Some(Ok(answer)), .. }),
            ) => Some((choice.question(), Arc::clone(answer))),
            (CohortExport::SurvivalSvg | CohortExport::SurvivalCsv, _) => {
                self.notices.warning(t("There are no curves to export"));
                return;
            }
            _ => None,
        };
        let simulated = self.cohort.open.as_ref().is_some_and(|open| open.about.simulated);
        self.cohort_job(Lane::Cohort, JobKey::CohortWrite, t("Export"), Some(path.clone()), move |_| {
            let bytes = match (what, shown) {
                (CohortExport::Copy, _) => {
                    CohortStore::open(&cohort)?.backup(&path)?;
                    return Ok(CohortResult::Written(path));
                }
                (CohortExport::SurvivalSvg, Some((question, answer))) => {
                    survival::drawing(&question, &answer, simulated).svg().into_bytes()
                }
                (_, Some((question, answer))) => survival::csv(&question, &answer)?,
                (CohortExport::Features, None) => {
                    let store = CohortStore::open(&cohort)?;
                    features_csv(&store.patients()?, &store.features()?)?
                }
                (_, None) => patients_csv(&CohortStore::open(&cohort)?.patients()?)?,
            };
            write(&path, &bytes, overwrite, Some(&cohort))?;
            Ok(CohortResult::Written(path))
        });
    }

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
                    "{added} patients were added, {changed} changed, {unchanged} are as they were",
                    added = counts.added,
                    changed = counts.changed,
                    unchanged = counts.unchanged
                );
                let mut details = Vec::new();
                if !report.without_case.is_empty() {
                    let count = report.without_case.len();
                    details.push(tf!("{count} have no case that is there: their features cannot be computed", count));
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
            tf!("Stopped; the features of {computed} cases are kept, and the next run goes on from there", computed)
        } else {
            tf!(
                "{computed} cases were gone through, {kept} have not changed since, {without} patients have no case that is there",
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
            details.push(tf!("{count} have no features; why stands in their rows", count));
        }
        self.notices.push(severity, summary, details);
    }

    /// The recurrences beside, at a denominator; `None` where there are none or they do not know it.
    pub fn recurrences_beside(&self, denominator: crate::cohort::Denominator) -> Option<crate::cohort::RecurrenceMap> {
        const CONFIDENCE: f64 = 0.95;
        match &self.cohort.beside {
            Beside::Nothing => None,
            Beside::Published => PublishedRecurrence::built_in().map(denominator, CONFIDENCE),
            Beside::Cohort(_) => Some(self.cohort.other.as_ref()?.map(denominator, CONFIDENCE)),
        }
    }
}
