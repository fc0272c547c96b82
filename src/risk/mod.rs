//! The recurrence risk model: a forest on 0/1 outcomes, how it is made, judged, stored and asked.
//!
//! [`RiskModel`] is loaded from a manifest and a forest file and gives a [`RiskEstimate`] for a feature vector,
//! or says why it must not. [`nested_validation`] and [`develop`] are the training side: everything that looks at
//! the data happens inside the folds.

mod discrimination;
mod flat;
mod folds;
mod forest;
mod model;
mod pipeline;
mod scores;
mod selection;
mod table;

pub use discrimination::{AucEstimate, auc, delong};
pub use flat::FlatForest;
pub use folds::stratified_folds;
pub use forest::{FittedForest, ForestParams, SplitCandidates};
pub use model::{
    Contribution, FOREST_FILE, MANIFEST_FILE, ModelFeature, OutOfRange, RiskEstimate, RiskManifest, RiskModel,
    RiskModelError, RiskRefusal, SMARTCORE_VERSION, ValidationSummary, default_model_dir,
};
pub use pipeline::{
    Developed, KeepRule, NestedValidation, PipelineConfig, PipelineError, develop, leaky_validation, nested_validation,
};
pub use scores::{
    Calibration, Confusion, average_precision, brier, calibration, calibration_in_the_large, log_loss, net_benefit,
};
pub use selection::{correlation_filter, spearman};
pub use table::{Table, TableError};
