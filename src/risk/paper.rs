//! The procedure as the paper tells it (Shen et al. 2025; REFERENCE 4.1): filter, one split in 80 and 20 %, elimination to 27
//! features and grid search by five folds on the larger part, one test on the smaller. Kept beside the recommended one so that
//! both are seen.

use super::folds::{derived_seed, others, stratified_folds};
use super::forest::{ForestParams, SplitCandidates};
use super::pipeline::{
    CurvePoint, Developed, Elimination, KeepRule, PipelineError, enough_patients, filter, fit, search,
};
use super::table::Table;
use crate::progress::Progress;
use crate::words::keep;

/// Choices of the procedure; those that the paper leaves open are ours.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PaperConfig {
    /// Spearman |rho| above which two features count as copies; not published.
    pub correlation_limit: f64,
    /// One part of so many is held out: 5 for 80 and 20 %.
    pub parts: usize,
    /// Folds of elimination and grid search.
    pub folds: usize,
    /// Features that are kept.
    pub keep: usize,
    /// The forest by whose importances features are eliminated; not published.
    pub elimination: ForestParams,
    /// Depths and numbers of trees among which the folds choose; not published.
    pub grid: Vec<ForestParams>,
    pub seed: u64,
}

impl Default for PaperConfig {
    fn default() -> Self {
        let forest = |trees, max_splits| ForestParams {
            trees,
            max_splits,
            min_leaf: 1,
            candidates: SplitCandidates::SquareRoot,
        };
        let grid = [100, 200, 500].into_iter();
        Self {
            correlation_limit: 0.9,
            parts: 5,
            folds: 5,
            keep: 27,
            elimination: forest(100, None),
            grid: grid.flat_map(|trees| [Some(3), Some(5), Some(8), None].map(|d| forest(trees, d))).collect(),
            seed: 1,
        }
    }
}

/// What it gave.
#[derive(Debug)]
pub struct PaperRun {
    /// Features that passed the filter, which saw all patients.
    pub filtered: usize,
    /// Mean AUC of the folds along the elimination.
    pub curve: Vec<CurvePoint>,
    pub train: Vec<usize>,
    pub test: Vec<usize>,
    /// Trained on `train`.
    pub model: Developed,
    /// Probabilities of `test`.
    pub predictions: Vec<f64>,
}

/// Runs it.
///
/// # Errors
/// Too few patients or events, nothing varies, or stopped.
pub fn paper_procedure(
    table: &Table,
    config: &PaperConfig,
    progress: &dyn Progress,
) -> Result<PaperRun, PipelineError> {
    const STAGE: &str = keep("procedure of the paper");
    enough_patients(table, config.parts.max(config.folds))?;
    progress.report(STAGE, 0, 3);
    let all: Vec<usize> = (0..table.len()).collect();
    // Standardising comes first in the paper; it changes no split of a tree.
    let kept = filter(table, &all, config.correlation_limit)?;
    let test = stratified_folds(table.outcome(), config.parts, derived_seed(config.seed, 10)).swap_remove(0);
    let train = others(&all, &test);
    let elimination = Elimination {
        forest: config.elimination,
        folds: config.folds,
        keep: KeepRule::Fixed(config.keep),
        one_by_one: true,
        with_curve: true,
        seed: derived_seed(config.seed, 11),
    };
    let (features, curve) = elimination.run(table, &train, &kept, progress)?;
    progress.report(STAGE, 1, 3);
    let params = search(table, &train, &features, &config.grid, config.folds, derived_seed(config.seed, 12), progress)?
        .unwrap_or(config.elimination);
    progress.report(STAGE, 2, 3);
    let model = fit(table, &train, features, params, derived_seed(config.seed, 13))?;
    let predictions = model.predict(table, &test)?;
    progress.report(STAGE, 3, 3);
    Ok(PaperRun { filtered: kept.len(), curve, train, test, model, predictions })
}
