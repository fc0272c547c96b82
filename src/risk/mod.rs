//! The recurrence risk model: a forest on 0/1 outcomes, how it is made, judged, stored and asked.
//!
//! [`RiskModel`] is loaded from a manifest and a forest file and gives a [`RiskEstimate`] for a feature vector,
//! or says why it must not. [`nested_validation`] and [`develop`] are the training side: everything that looks at
//! the data happens inside the folds.

mod baseline;
mod discrimination;
mod flat;
mod folds;
mod forest;
mod lesson;
mod logistic;
mod model;
mod nearest;
mod paper;
mod performance;
mod pipeline;
mod report;
mod scores;
mod selection;
mod shap;
mod table;

pub use baseline::{Baseline, baseline_predictions};
pub use discrimination::{AucEstimate, auc, delong};
pub use flat::FlatForest;
pub use folds::stratified_folds;
pub use forest::{FittedForest, ForestParams, SplitCandidates};
pub use lesson::{NoiseLesson, noise_lesson};
pub use model::{
    Contribution, FOREST_FILE, MANIFEST_FILE, ModelFeature, OutOfRange, REPORT_FILE, RiskEstimate, RiskManifest,
    RiskModel, RiskModelError, RiskRefusal, SMARTCORE_VERSION, TRAINING_FILE, TrainingPatients, ValidationSummary,
    default_model_dir, models_in,
};
pub use nearest::Strangeness;
pub use paper::{PaperConfig, PaperRun, paper_procedure};
pub use performance::{CalibrationBin, DecisionPoint, Performance, PrecisionPoint, RocPoint, Share, ThresholdRow};
pub use pipeline::{
    CurvePoint, Developed, FoldRecord, KeepRule, NestedValidation, PipelineConfig, PipelineError, develop,
    enough_patients, leaky_validation, nested_validation,
};
pub use report::{
    BaselineReport, FeatureShare, FlowRow, PaperReport, Procedure, RecommendedReport, RiskReport, SubgroupReport,
    stability,
};
pub use scores::{
    Calibration, Confusion, average_precision, brier, calibration, calibration_in_the_large, log_loss, net_benefit,
};
pub use selection::{correlation_filter, spearman};
pub use table::{Table, TableError};
