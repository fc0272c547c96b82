//! A clinic's own cohort as window and command line work with it: its features, its table, questions about survival, and the
//! desk behind the Cohort workspace.

mod accept;
mod command;
mod desk;
mod features;
mod open;
mod survival;
mod table;
mod training;
mod trouble;

pub(super) use accept::CohortResult;
pub use command::{Beside, CohortCommand, CohortExport};
pub use desk::CohortDesk;
pub use features::{ComputeError, ComputeOptions, ComputeReport, Contour, compute_features, definition, features_csv};
pub use open::OpenCohort;
pub use survival::{Endpoint, SurvivalChoice, covariates, groups};
pub use table::{Bar, FeatureState, Histogram, PatientTable, RowFilter, TableColumn, TableQuery, lacks};
pub use training::{TrainChoice, TrainingPatients};
