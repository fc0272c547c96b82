//! Plain models to compare a forest with, fitted and judged in the same outer folds.

use super::folds::{derived_seed, others, stratified_folds};
use super::logistic::Logistic;
use super::pipeline::{PipelineConfig, slices};
use super::table::{Imputation, Table};

/// A plain model.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    pub name: &'static str,
    /// Names of its features.
    pub features: Vec<&'static str>,
    /// One value and the border at which it is cut into low and high; else the features go into a logistic regression.
    pub cut: Option<f64>,
}

/// Mean out-of-fold probabilities over the repeats, in the folds of the nested validation. `None` where the table lacks a
/// feature or no fit is found.
pub fn baseline_predictions(table: &Table, config: &PipelineConfig, baseline: &Baseline) -> Option<Vec<f64>> {
    let position = |name: &&str| table.names().iter().position(|n| n == name);
    let features: Vec<usize> = baseline.features.iter().map(position).collect::<Option<_>>()?;
    let all: Vec<usize> = (0..table.len()).collect();
    let repeats = config.repeats.max(1);
    let mut predictions = vec![0.0; table.len()];
    for repeat in 0..repeats {
        let seed = derived_seed(config.seed, 1000 + repeat as u64);
        for test in stratified_folds(table.outcome(), config.outer_folds, seed) {
            let train = others(&all, &test);
            let imputation = Imputation::fit(table, &train);
            let mut columns = [&train, &test].map(|rows| imputation.columns(table, rows, &features));
            if let Some(border) = baseline.cut {
                for value in columns.iter_mut().flatten().flatten() {
                    *value = f64::from(u8::from(*value >= border));
                }
            }
            let fit = Logistic::fit(&slices(&columns[0]), &table.outcome_of(&train))?;
            for (row, p) in test.iter().zip(fit.predict(&slices(&columns[1]))) {
                predictions[*row] += p / repeats as f64;
            }
        }
    }
    Some(predictions)
}
