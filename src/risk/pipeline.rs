//! Making a forest and judging it honestly: imputation, filters, elimination and grid search all happen on the
//! training part of each fold (REFERENCE 4.3).

use super::discrimination::auc;
use super::folds::{derived_seed, others, stratified_folds};
use super::forest::{FittedForest, ForestParams, SplitCandidates};
use super::selection::{correlation_filter, eliminate, elimination_sizes};
use super::table::{Imputation, Table};
use crate::progress::{Cancelled, Progress};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Why no model can be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PipelineError {
    #[error(
        "{events} events among {patients} patients are too few for {folds} folds within folds; add patients or use fewer folds"
    )]
    TooFew { patients: usize, events: usize, folds: usize },
    #[error("no feature varies in the training part; check the table")]
    NoFeature,
    #[error("the forest could not be trained: {0}")]
    Forest(String),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl PipelineError {
    pub(super) fn forest(error: smartcore::error::Failed) -> Self {
        Self::Forest(error.to_string())
    }
}

/// How many features elimination keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepRule {
    /// The fewest whose inner mean AUC is within one standard error of the best.
    OneStandardError,
    /// Always so many, as the paper does with 27.
    Fixed(usize),
}

/// Choices of the pipeline; the defaults are those of REFERENCE 4.3, with a small grid.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PipelineConfig {
    pub outer_folds: usize,
    /// Times that the outer folds are drawn.
    pub repeats: usize,
    pub inner_folds: usize,
    /// Spearman |rho| above which two features count as copies.
    pub correlation_limit: f64,
    /// The forest by whose importances features are eliminated.
    pub elimination: ForestParams,
    pub keep: KeepRule,
    /// Forests among which the inner folds choose.
    pub grid: Vec<ForestParams>,
    pub seed: u64,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        let forest = |trees, max_splits, min_leaf| ForestParams {
            trees,
            max_splits: Some(max_splits),
            min_leaf,
            candidates: SplitCandidates::SquareRoot,
        };
        Self {
            outer_folds: 5,
            repeats: 5,
            inner_folds: 5,
            correlation_limit: 0.9,
            elimination: forest(100, 5, 3),
            keep: KeepRule::OneStandardError,
            grid: vec![forest(200, 3, 5), forest(200, 5, 3), forest(200, 5, 10)],
            seed: 1,
        }
    }
}

/// A model made from some patients.
#[derive(Debug)]
pub struct Developed {
    /// Positions of the features in the table, ascending; the forest has them in this order.
    pub features: Vec<usize>,
    /// Value for each of `features` where it is missing.
    pub fills: Vec<f64>,
    pub params: ForestParams,
    pub forest: FittedForest,
}

impl Developed {
    /// Probabilities of some patients of the table.
    fn predict(&self, table: &Table, rows: &[usize]) -> Result<Vec<f64>, PipelineError> {
        let columns: Vec<Vec<f64>> = self
            .features
            .iter()
            .zip(&self.fills)
            .map(|(f, fill)| {
                let column = table.column(*f);
                rows.iter().map(|r| if column[*r].is_nan() { *fill } else { column[*r] }).collect()
            })
            .collect();
        self.forest.predict(&slices(&columns))
    }
}

fn slices(columns: &[Vec<f64>]) -> Vec<&[f64]> {
    columns.iter().map(Vec::as_slice).collect()
}

fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, (variance / n).sqrt())
}

fn check(table: &Table, folds: usize) -> Result<(), PipelineError> {
    let (patients, events) = (table.len(), table.events());
    let rarer = events.min(patients - events);
    if folds < 2 || rarer < 2 * folds {
        return Err(PipelineError::TooFew { patients, events, folds });
    }
    Ok(())
}

/// The whole procedure on some patients of the table: impute, filter, eliminate, search, fit.
pub fn develop(
    table: &Table,
    rows: &[usize],
    config: &PipelineConfig,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Developed, PipelineError> {
    let (selected, imputation) = select(table, rows, config, seed, progress)?;
    let outcome = table.outcome_of(rows);
    let params = search(table, rows, &selected, config, derived_seed(seed, 2), progress)?;
    let columns = imputation.columns(table, rows, &selected);
    let forest = FittedForest::fit(&slices(&columns), &outcome, &params, derived_seed(seed, 3))?;
    let fills = selected.iter().map(|f| imputation.fills[*f]).collect();
    Ok(Developed { features: selected, fills, params, forest })
}

/// Filters and eliminates; gives positions in the table.
fn select(
    table: &Table,
    rows: &[usize],
    config: &PipelineConfig,
    seed: u64,
    progress: &dyn Progress,
) -> Result<(Vec<usize>, Imputation), PipelineError> {
    let imputation = Imputation::fit(table, rows);
    let outcome = table.outcome_of(rows);
    let all: Vec<usize> = (0..table.names().len()).collect();
    let columns = imputation.columns(table, rows, &all);
    let kept = correlation_filter(&columns, &outcome, config.correlation_limit);
    if kept.is_empty() {
        return Err(PipelineError::NoFeature);
    }
    let last = match config.keep {
        KeepRule::Fixed(k) => k.clamp(1, kept.len()),
        KeepRule::OneStandardError => 1,
    };
    let sizes = elimination_sizes(kept.len(), last);
    let size = match config.keep {
        KeepRule::Fixed(_) => last,
        KeepRule::OneStandardError => {
            // Mean inner AUC along the path of elimination.
            let folds = stratified_folds(&outcome, config.inner_folds, derived_seed(seed, 0));
            let mut areas = vec![Vec::new(); sizes.len()];
            for test in folds {
                let (test, train): (Vec<usize>, Vec<usize>) = {
                    let train = others(&(0..rows.len()).collect::<Vec<_>>(), &test);
                    (test.iter().map(|t| rows[*t]).collect(), train.iter().map(|t| rows[*t]).collect())
                };
                let inner = Imputation::fit(table, &train);
                let (train_columns, test_columns) =
                    (inner.columns(table, &train, &kept), inner.columns(table, &test, &kept));
                let test_outcome = table.outcome_of(&test);
                let mut step = 0;
                eliminate(
                    &train_columns,
                    &table.outcome_of(&train),
                    &config.elimination,
                    derived_seed(seed, 1),
                    &sizes,
                    |features, forest| {
                        progress.checkpoint()?;
                        let columns: Vec<&[f64]> = features.iter().map(|f| test_columns[*f].as_slice()).collect();
                        areas[step].extend(auc(&test_outcome, &forest.predict(&columns)?));
                        step += 1;
                        Ok::<(), PipelineError>(())
                    },
                )?;
            }
            let curve: Vec<(f64, f64)> = areas.iter().map(|a| mean_and_error(a)).collect();
            let best = curve.iter().fold(curve[0], |best, c| if c.0 > best.0 { *c } else { best });
            let at = curve.iter().rposition(|c| c.0 >= best.0 - best.1).expect("the best is among them");
            sizes[at]
        }
    };
    let path: Vec<usize> = sizes.into_iter().filter(|s| *s >= size).collect();
    let kept_columns: Vec<Vec<f64>> = kept.iter().map(|f| columns[*f].clone()).collect();
    let mut chosen = Vec::new();
    eliminate(&kept_columns, &outcome, &config.elimination, derived_seed(seed, 1), &path, |features, _| {
        progress.checkpoint()?;
        chosen = features.iter().map(|f| kept[*f]).collect();
        Ok::<(), PipelineError>(())
    })?;
    Ok((chosen, imputation))
}

/// The forest of the grid with the best inner mean AUC; the first of equals.
fn search(
    table: &Table,
    rows: &[usize],
    features: &[usize],
    config: &PipelineConfig,
    seed: u64,
    progress: &dyn Progress,
) -> Result<ForestParams, PipelineError> {
    let Some(first) = config.grid.first() else { return Ok(config.elimination) };
    if config.grid.len() == 1 {
        return Ok(*first);
    }
    let folds = stratified_folds(&table.outcome_of(rows), config.inner_folds, seed);
    let mut best = (f64::NEG_INFINITY, *first);
    for params in &config.grid {
        let mut areas = Vec::new();
        for test in &folds {
            progress.checkpoint()?;
            let test: Vec<usize> = test.iter().map(|t| rows[*t]).collect();
            let train = others(rows, &test);
            let imputation = Imputation::fit(table, &train);
            let columns = imputation.columns(table, &train, features);
            let forest = FittedForest::fit(&slices(&columns), &table.outcome_of(&train), params, seed)?;
            let columns = imputation.columns(table, &test, features);
            areas.extend(auc(&table.outcome_of(&test), &forest.predict(&slices(&columns))?));
        }
        let (mean, _) = mean_and_error(&areas);
        if mean > best.0 {
            best = (mean, *params);
        }
    }
    Ok(best.1)
}

/// What nested cross-validation found.
#[derive(Debug, Clone, PartialEq)]
pub struct NestedValidation {
    /// Out-of-fold probability by repeat and patient.
    pub predictions: Vec<Vec<f64>>,
    /// AUC of every outer fold, repeat after repeat.
    pub fold_aucs: Vec<f64>,
    /// Share of outer folds in which each feature of the table was kept.
    pub selection_frequency: Vec<f64>,
}

impl NestedValidation {
    /// Mean over the repeats for each patient.
    pub fn mean_predictions(&self) -> Vec<f64> {
        let n = self.predictions.len() as f64;
        (0..self.predictions[0].len()).map(|r| self.predictions.iter().map(|p| p[r]).sum::<f64>() / n).collect()
    }

    /// AUC of each repeat over all patients.
    pub fn repeat_aucs(&self, outcome: &[bool]) -> Vec<f64> {
        self.predictions.iter().filter_map(|p| auc(outcome, p)).collect()
    }
}

/// Repeated nested cross-validation: the whole of [`develop`] inside every outer fold.
pub fn nested_validation(
    table: &Table,
    config: &PipelineConfig,
    progress: &dyn Progress,
) -> Result<NestedValidation, PipelineError> {
    check(table, config.outer_folds.max(config.inner_folds))?;
    let jobs: Vec<(usize, Vec<usize>)> = (0..config.repeats.max(1))
        .flat_map(|repeat| {
            let folds =
                stratified_folds(table.outcome(), config.outer_folds, derived_seed(config.seed, 1000 + repeat as u64));
            folds.into_iter().map(move |test| (repeat, test))
        })
        .collect();
    let all: Vec<usize> = (0..table.len()).collect();
    let done = AtomicUsize::new(0);
    progress.report("nested cross-validation", 0, jobs.len());
    let results: Vec<(Vec<f64>, Vec<usize>)> = jobs
        .par_iter()
        .enumerate()
        .map(|(job, (_, test))| {
            let train = others(&all, test);
            let model = develop(table, &train, config, derived_seed(config.seed, job as u64), progress)?;
            let predictions = model.predict(table, test)?;
            progress.report("nested cross-validation", done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
            Ok((predictions, model.features))
        })
        .collect::<Result<_, PipelineError>>()?;
    let mut validation = NestedValidation {
        predictions: vec![vec![0.0; table.len()]; config.repeats.max(1)],
        fold_aucs: Vec::new(),
        selection_frequency: vec![0.0; table.names().len()],
    };
    for ((repeat, test), (predictions, features)) in jobs.iter().zip(&results) {
        for (row, p) in test.iter().zip(predictions) {
            validation.predictions[*repeat][*row] = *p;
        }
        validation.fold_aucs.extend(auc(&table.outcome_of(test), predictions));
        for f in features {
            validation.selection_frequency[*f] += 1.0 / jobs.len() as f64;
        }
    }
    Ok(validation)
}

/// The mistake to learn from: features are selected on all patients first, and only then validated in folds.
/// Gives the AUC over all patients, which is too high.
pub fn leaky_validation(table: &Table, config: &PipelineConfig, progress: &dyn Progress) -> Result<f64, PipelineError> {
    check(table, config.outer_folds.max(config.inner_folds))?;
    let all: Vec<usize> = (0..table.len()).collect();
    let (selected, _) = select(table, &all, config, config.seed, progress)?;
    let params = config.grid.first().copied().unwrap_or(config.elimination);
    let mut predictions = vec![0.0; table.len()];
    for test in stratified_folds(table.outcome(), config.outer_folds, derived_seed(config.seed, 1000)) {
        let train = others(&all, &test);
        let imputation = Imputation::fit(table, &train);
        let columns = imputation.columns(table, &train, &selected);
        let forest = FittedForest::fit(&slices(&columns), &table.outcome_of(&train), &params, config.seed)?;
        let columns = imputation.columns(table, &test, &selected);
        for (row, p) in test.iter().zip(forest.predict(&slices(&columns))?) {
            predictions[*row] = p;
        }
    }
    Ok(auc(table.outcome(), &predictions).unwrap_or(0.5))
}
