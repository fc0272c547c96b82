//! A clinic's own cohort as window and command line work with it: its features, its table, questions about survival, and the
//! desk behind the Cohort workspace.

mod desk;
mod features;
mod survival;
mod table;

pub(super) use desk::CohortResult;
pub use desk::{Beside, CohortCommand, CohortDesk, CohortExport, OpenCohort};
pub use features::{ComputeError, ComputeOptions, ComputeReport, Contour, compute_features, definition, features_csv};
pub use survival::{Endpoint, SurvivalChoice, covariates, groups};
pub use table::{Bar, FeatureState, Histogram, PatientTable, RowFilter, TableColumn, TableQuery, lacks};
