//! A risk model from the open cohort: who it would be trained on, and the training, by the function of `hilum train risk`.

use super::accept::CohortResult;
use crate::cohort::CohortStore;
use crate::risk::{FlowRow, Procedure};
use crate::studies::train_risk::{TrainRiskConfig, TrainRiskError, check_patients, train_into};
use crate::studies::training_set::{Endpoint, TrainingSet, TrainingSetError};
use crate::words::t;
use crate::workbench::jobs::{JobError, JobKey, Lane};
use crate::workbench::{ModelOrigin, ReadModel, Trouble, Workbench, spare_cores};
use std::path::PathBuf;

/// How a model is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainChoice {
    /// Whose forest is used; both procedures are run.
    pub procedure: Procedure,
    pub endpoint: Endpoint,
    /// Of the outer cross-validation.
    pub repeats: usize,
    /// Of folds and forests.
    pub seed: u64,
    /// Of the folder among the models that are trained here.
    pub name: String,
    /// A model of this name may be replaced.
    pub overwrite: bool,
}

impl Default for TrainChoice {
    fn default() -> Self {
        let TrainRiskConfig { procedure, pipeline, .. } = TrainRiskConfig::default();
        let (endpoint, name) = (Endpoint::default(), String::new());
        Self { procedure, endpoint, repeats: pipeline.repeats, seed: pipeline.seed, name, overwrite: false }
    }
}

impl TrainChoice {
    fn config(&self) -> TrainRiskConfig {
        let mut config = TrainRiskConfig { procedure: self.procedure, ..TrainRiskConfig::default() };
        (config.pipeline.seed, config.paper.seed, config.pipeline.repeats) = (self.seed, self.seed, self.repeats);
        config
    }
}

/// Who a model would be trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingPatients {
    pub flow: Vec<FlowRow>,
    /// Why they are not enough.
    pub refused: Option<String>,
}

/// The last question who there is, and what came of it.
pub(super) struct Counted {
    endpoint: Endpoint,
    revision: u64,
    answer: Option<Result<TrainingPatients, String>>,
}

/// What is known about training from the open cohort.
#[derive(Default)]
pub(super) struct Training {
    counted: Option<Counted>,
    failed: Option<String>,
}

impl super::CohortDesk {
    /// True if it was asked who there is at an endpoint in the cohort as it is.
    pub fn is_counted(&self, endpoint: Endpoint) -> bool {
        let revision = self.open.as_ref().map(|open| open.revision);
        let counted = self.training.counted.as_ref();
        counted.is_some_and(|counted| counted.endpoint == endpoint && Some(counted.revision) == revision)
    }

    /// Who there is at the endpoint that was asked for last, or why nobody can tell; `None` while they are counted.
    pub fn training_patients(&self) -> Option<Result<&TrainingPatients, &str>> {
        Some(self.training.counted.as_ref()?.answer.as_ref()?.as_ref().map_err(String::as_str))
    }

    /// Why the last training made no model.
    pub fn training_failed(&self) -> Option<&str> {
        self.training.failed.as_deref()
    }

    pub(super) fn take_counted(&mut self, endpoint: Endpoint, revision: u64, answer: Result<TrainingPatients, String>) {
        let asked = self.training.counted.as_mut().filter(|c| c.endpoint == endpoint && c.revision == revision);
        if let Some(asked) = asked {
            asked.answer = Some(answer);
        }
    }
}

impl From<TrainingSetError> for JobError {
    fn from(error: TrainingSetError) -> Self {
        match error {
            TrainingSetError::Store(error) => error.into(),
            TrainingSetError::Table(error) => Self::Failed(Trouble::of(&error)),
        }
    }
}

impl From<TrainRiskError> for JobError {
    fn from(error: TrainRiskError) -> Self {
        match error {
            TrainRiskError::Cancelled(_) => Self::Cancelled,
            error => Self::Failed(Trouble::of(&error)),
        }
    }
}

impl Workbench {
    /// Counts who of the open cohort there is at an endpoint.
    pub(super) fn count_patients(&mut self, cohort: PathBuf, choice: &TrainChoice) {
        let Some(revision) = self.cohort.open.as_ref().map(|open| open.revision) else { return };
        let (endpoint, config) = (choice.endpoint, choice.config());
        self.cohort.training.counted = Some(Counted { endpoint, revision, answer: None });
        self.cohort_job(Lane::Cohort, JobKey::CohortCount, t("Count the patients"), None, move |_| {
            let set = CohortStore::open(&cohort)
                .map_err(JobError::from)
                .and_then(|store| Ok(TrainingSet::of_store(&store, endpoint)?));
            let answer = set.map(|set| TrainingPatients {
                refused: check_patients(&set, &config).err().map(|error| error.to_string()),
                flow: set.flow,
            });
            let answer = answer.map_err(|error| error.to_string());
            Ok(CohortResult::Counted { endpoint, revision, answer })
        });
    }

    /// Trains a model from the open cohort and writes its folder.
    pub(super) fn train_risk_model(&mut self, cohort: PathBuf, choice: &TrainChoice) {
        let folder = match self.own_risk_model_folder(&choice.name) {
            Ok(folder) => folder,
            Err(why) => {
                self.notices.warning(why);
                return;
            }
        };
        self.cohort.training.failed = None;
        let (config, endpoint, overwrite) = (choice.config(), choice.endpoint, choice.overwrite);
        let subject = Some(folder.clone());
        self.cohort_job(Lane::Training, JobKey::CohortTrain, t("Train the risk model"), subject, move |context| {
            let set = TrainingSet::of_store(&CohortStore::open(&cohort)?, endpoint)?;
            // Threads of its own, one fewer than there are cores: window and live figures do not wait for it.
            let pool = rayon::ThreadPoolBuilder::new().num_threads(spare_cores()).build();
            let pool = pool.map_err(|error| JobError::Failed(Trouble::of(&error)))?;
            pool.install(|| train_into(&set, &config, &folder, overwrite, context))?;
            // What is shown is what lies there.
            Ok(CohortResult::Trained(ReadModel::load(folder, ModelOrigin::Own)?))
        });
    }

    pub(in crate::workbench) fn training_failed(&mut self, error: &JobError) {
        self.cohort.training.failed = match error {
            JobError::Cancelled => None,
            error => Some(error.to_string()),
        };
    }
}
