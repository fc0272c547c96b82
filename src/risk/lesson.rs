//! What selection outside the folds does: the same procedure on pure noise, judged honestly and with the leak.

use super::discrimination::auc;
use super::folds::derived_seed;
use super::forest::{ForestParams, SplitCandidates};
use super::pipeline::{KeepRule, PipelineConfig, PipelineError, leaky_validation, nested_validation};
use super::table::Table;
use crate::progress::Progress;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// As many patients, recurrences and features as in the published study.
const PATIENTS: usize = 180;
const EVENTS: usize = 94;
const FEATURES: usize = 110;

/// AUC on values that have nothing to do with the outcome; the truth is one half.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseLesson {
    pub seed: u64,
    /// Everything inside the folds.
    pub nested: f64,
    /// Features selected on all patients, then the folds.
    pub leaky: f64,
}

/// Draws such a table and judges it both ways.
///
/// # Errors
/// Only [`PipelineError::Cancelled`] is to be expected.
pub fn noise_lesson(seed: u64, progress: &dyn Progress) -> Result<NoiseLesson, PipelineError> {
    let mut rng = ChaCha8Rng::seed_from_u64(derived_seed(seed, 77));
    let rows: Vec<Vec<Option<f64>>> =
        (0..PATIENTS).map(|_| (0..FEATURES).map(|_| Some(StandardNormal.sample(&mut rng))).collect()).collect();
    let mut outcome: Vec<bool> = (0..PATIENTS).map(|n| n < EVENTS).collect();
    outcome.shuffle(&mut rng);
    let names = (0..FEATURES).map(|n| format!("noise {n}")).collect();
    let table = Table::new(names, &rows, outcome).map_err(|e| PipelineError::Forest(e.to_string()))?;
    let forest = ForestParams { trees: 100, max_splits: None, min_leaf: 1, candidates: SplitCandidates::SquareRoot };
    let config = PipelineConfig {
        repeats: 1,
        keep: KeepRule::Fixed(27),
        elimination: forest,
        grid: vec![ForestParams { trees: 200, ..forest }],
        seed,
        ..PipelineConfig::default()
    };
    let nested = nested_validation(&table, &config, progress)?;
    let nested = auc(table.outcome(), &nested.predictions[0]).unwrap_or(0.5);
    Ok(NoiseLesson { seed, nested, leaky: leaky_validation(&table, &config, progress)? })
}
