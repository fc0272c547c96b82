//! The cohort desk: the cohort that is open, the one beside it, and all that the Cohort workspace asks for, each a job.
//! Nothing here touches the open case.

use super::accept::CohortResult;
use super::command::{Beside, CohortCommand, CohortExport};
use super::features::{compute_features, definition, features_csv};
use super::open::OpenCohort;
use super::survival::SurvivalChoice;
use super::table::FeatureState;
use super::training::Training;
use super::trouble::survival_words;
use crate::cohort::{
    CellProblem, CohortAbout, CohortStore, ImportError, ObservedRecurrence, PatientRecord, PublishedRecurrence, Sheet,
    import_table, patients_csv, template_csv,
};
use crate::files::{check_target, put_in_place};
use crate::studies::survival::{self, SurvivalAnswer, survival};
use crate::words::t;
use crate::workbench::jobs::{JobContext, JobError, JobKey, Lane};
use crate::workbench::results::JobResult;
use crate::workbench::{Trouble, Workbench};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The last question about survival, and what came of it.
pub(super) struct Asked {
    pub choice: SurvivalChoice,
    pub revision: u64,
    pub answer: Option<Result<Arc<SurvivalAnswer>, String>>,
}

/// What the Cohort workspace shows.
#[derive(Default)]
pub struct CohortDesk {
    pub(super) open: Option<OpenCohort>,
    pub(super) revisions: u64,
    pub(super) beside: Beside,
    /// The cohort beside, once it is read.
    pub(super) other: Option<Box<ObservedRecurrence>>,
    pub(super) problems: Vec<CellProblem>,
    /// What is wrong with cells that were typed, of this patient.
    pub(super) refused: Option<(String, Vec<CellProblem>)>,
    /// The last changed patient: before and after.
    pub(super) last_change: Option<Box<(PatientRecord, PatientRecord)>>,
    pub(super) survival: Option<Asked>,
    pub(super) training: Training,
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

    pub(super) fn changed(&mut self) {
        self.computed();
        if let Some(open) = &mut self.open {
            open.patients_revision = open.revision;
        }
    }

    /// Only features have changed.
    pub(super) fn computed(&mut self) {
        self.revisions += 1;
        if let Some(open) = &mut self.open {
            open.revision = self.revisions;
        }
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
            | CohortCommand::Survival(_)
            | CohortCommand::CountPatients(_)
            | CohortCommand::Train(_) => match open {
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
            CohortCommand::CountPatients(choice) => self.count_patients(cohort, &choice),
            CohortCommand::Train(choice) => self.train_risk_model(cohort, &choice),
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

    /// The patient of the open cohort whose case is open.
    pub fn patient_of_case(&self) -> Option<&PatientRecord> {
        let open = self.cohort.open.as_ref().filter(|_| self.case.is_some())?;
        let is_open = |case: &PathBuf| std::path::absolute(case).is_ok_and(|case| self.opened.contains(&case));
        open.patients.iter().find(|patient| patient.case.as_ref().is_some_and(is_open))
    }

    /// Starts a job of the desk.
    pub(super) fn cohort_job(
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
