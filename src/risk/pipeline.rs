//! Making a forest and judging it honestly: imputation, filters, elimination and grid search all happen on the
//! training part of each fold (REFERENCE 4.3).

use super::discrimination::auc;
use super::folds::{derived_seed, others, stratified_folds};
use super::forest::{FittedForest, ForestParams, SplitCandidates};
use super::selection::{correlation_filter, eliminate, elimination_sizes};
use super::table::{Imputation, Table};
use crate::progress::{Cancelled, Progress};
use crate::words::keep;
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Why no model can be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PipelineError {
    #[error("{}", crate::tf!("{events} of {patients} patients have the event: too few for {folds} folds within folds, which need {least} with it and {least} without; add patients, or choose another endpoint or horizon", events = .events, patients = .patients, folds = .folds, least = 2 * .folds))]
    TooFew { patients: usize, events: usize, folds: usize },
    #[error("{}", crate::words::t("no feature varies in the training part; check the table"))]
    NoFeature,
    #[error("{}", crate::tf!("the forest could not be trained: {reason}", reason = .0))]
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

/// Mean inner AUC with so many features.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CurvePoint {
    pub features: usize,
    pub auc: f64,
    /// Of the mean over the folds.
    pub standard_error: f64,
}

/// A model made from some patients.
#[derive(Debug)]
pub struct Developed {
    /// Features that passed the filters.
    pub filtered: usize,
    /// Along the path of elimination, most features first; empty where the number of features is fixed.
    pub curve: Vec<CurvePoint>,
    /// Positions of the features in the table, ascending; the forest has them in this order.
    pub features: Vec<usize>,
    /// Value for each of `features` where it is missing.
    pub fills: Vec<f64>,
    pub params: ForestParams,
    pub forest: FittedForest,
}

impl Developed {
    /// Probabilities of some patients of the table.
    pub(super) fn predict(&self, table: &Table, rows: &[usize]) -> Result<Vec<f64>, PipelineError> {
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

pub(super) fn slices(columns: &[Vec<f64>]) -> Vec<&[f64]> {
    columns.iter().map(Vec::as_slice).collect()
}

pub(super) fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, (variance / n).sqrt())
}

/// Whether a table has enough patients with and without the event for folds within folds.
///
/// # Errors
/// [`PipelineError::TooFew`].
pub fn enough_patients(table: &Table, folds: usize) -> Result<(), PipelineError> {
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
    let kept = filter(table, rows, config.correlation_limit)?;
    let selection = Elimination {
        forest: config.elimination,
        folds: config.inner_folds,
        keep: config.keep,
        one_by_one: false,
        with_curve: config.keep == KeepRule::OneStandardError,
        seed,
    };
    let (features, curve) = selection.run(table, rows, &kept, progress)?;
    let params = search(table, rows, &features, &config.grid, config.inner_folds, derived_seed(seed, 2), progress)?
        .unwrap_or(config.elimination);
    fit(table, rows, features, params, derived_seed(seed, 3)).map(|d| Developed { filtered: kept.len(), curve, ..d })
}

/// A forest on some patients and features.
pub(super) fn fit(
    table: &Table,
    rows: &[usize],
    features: Vec<usize>,
    params: ForestParams,
    seed: u64,
) -> Result<Developed, PipelineError> {
    let imputation = Imputation::fit(table, rows);
    let columns = imputation.columns(table, rows, &features);
    let forest = FittedForest::fit(&slices(&columns), &table.outcome_of(rows), &params, seed)?;
    let fills = features.iter().map(|f| imputation.fills[*f]).collect();
    Ok(Developed { filtered: features.len(), curve: Vec::new(), features, fills, params, forest })
}

/// The features that vary and are no near-copies, by some patients.
pub(super) fn filter(table: &Table, rows: &[usize], limit: f64) -> Result<Vec<usize>, PipelineError> {
    let all: Vec<usize> = (0..table.names().len()).collect();
    let columns = Imputation::fit(table, rows).columns(table, rows, &all);
    let kept = correlation_filter(&columns, &table.outcome_of(rows), limit);
    if kept.is_empty() { Err(PipelineError::NoFeature) } else { Ok(kept) }
}

/// How features are eliminated.
pub(super) struct Elimination {
    pub forest: ForestParams,
    pub folds: usize,
    pub keep: KeepRule,
    /// One feature less each step, also where there are many.
    pub one_by_one: bool,
    /// The curve is wanted even where the number of features is fixed.
    pub with_curve: bool,
    pub seed: u64,
}

impl Elimination {
    /// Positions of the features that stay, of `kept`, and the curve.
    pub fn run(
        &self,
        table: &Table,
        rows: &[usize],
        kept: &[usize],
        progress: &dyn Progress,
    ) -> Result<(Vec<usize>, Vec<CurvePoint>), PipelineError> {
        let last = match self.keep {
            KeepRule::Fixed(k) => k.clamp(1, kept.len()),
            KeepRule::OneStandardError => 1,
        };
        let sizes = elimination_sizes(kept.len(), last, self.one_by_one);
        let outcome = table.outcome_of(rows);
        let folds = if self.with_curve {
            stratified_folds(&outcome, self.folds, derived_seed(self.seed, 0))
        } else {
            Vec::new()
        };
        // The folds, and last the path on all of the patients.
        let parts: Vec<Option<Vec<usize>>> = folds.into_iter().map(Some).chain([None]).collect();
        let paths: Vec<Vec<(Vec<usize>, Option<f64>)>> = parts
            .into_par_iter()
            .map(|test| {
                let test: Vec<usize> = test.unwrap_or_default().into_iter().map(|t| rows[t]).collect();
                let train = others(rows, &test);
                let imputation = Imputation::fit(table, &train);
                let columns = imputation.columns(table, &train, kept);
                let (test_columns, test_outcome) = (imputation.columns(table, &test, kept), table.outcome_of(&test));
                let mut path = Vec::with_capacity(sizes.len());
                eliminate(
                    &columns,
                    &table.outcome_of(&train),
                    &self.forest,
                    derived_seed(self.seed, 1),
                    &sizes,
                    |features, forest| {
                        progress.checkpoint()?;
                        let area = if test.is_empty() {
                            None
                        } else {
                            let columns: Vec<&[f64]> = features.iter().map(|f| test_columns[*f].as_slice()).collect();
                            auc(&test_outcome, &forest.predict(&columns)?)
                        };
                        path.push((features.iter().map(|f| kept[*f]).collect(), area));
                        Ok::<(), PipelineError>(())
                    },
                )?;
                Ok(path)
            })
            .collect::<Result<_, PipelineError>>()?;
        let (whole, folds) = paths.split_last().expect("the path on all is there");
        let curve: Vec<CurvePoint> = sizes
            .iter()
            .enumerate()
            .filter(|_| !folds.is_empty())
            .map(|(step, size)| {
                let areas: Vec<f64> = folds.iter().filter_map(|path| path[step].1).collect();
                let (auc, standard_error) = mean_and_error(&areas);
                CurvePoint { features: *size, auc, standard_error }
            })
            .collect();
        let step = match self.keep {
            KeepRule::Fixed(_) => sizes.len() - 1,
            KeepRule::OneStandardError => {
                let best = curve.iter().fold(curve[0], |best, c| if c.auc > best.auc { *c } else { best });
                let near = |c: &CurvePoint| c.auc >= best.auc - best.standard_error;
                curve.iter().rposition(near).expect("the best is among them")
            }
        };
        Ok((whole[step].0.clone(), curve))
    }
}

/// The forest of the grid with the best inner mean AUC, the first of equals; `None` for an empty grid.
pub(super) fn search(
    table: &Table,
    rows: &[usize],
    features: &[usize],
    grid: &[ForestParams],
    folds: usize,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Option<ForestParams>, PipelineError> {
    if grid.len() < 2 {
        return Ok(grid.first().copied());
    }
    let folds = stratified_folds(&table.outcome_of(rows), folds, seed);
    let trials: Vec<(usize, usize)> = (0..grid.len()).flat_map(|g| (0..folds.len()).map(move |f| (g, f))).collect();
    let areas: Vec<Option<f64>> = trials
        .par_iter()
        .map(|(g, f)| {
            progress.checkpoint()?;
            let test: Vec<usize> = folds[*f].iter().map(|t| rows[*t]).collect();
            let train = others(rows, &test);
            let imputation = Imputation::fit(table, &train);
            let columns = imputation.columns(table, &train, features);
            let forest = FittedForest::fit(&slices(&columns), &table.outcome_of(&train), &grid[*g], seed)?;
            let columns = imputation.columns(table, &test, features);
            Ok(auc(&table.outcome_of(&test), &forest.predict(&slices(&columns))?))
        })
        .collect::<Result<_, PipelineError>>()?;
    let mut best = (f64::NEG_INFINITY, grid[0]);
    for (params, areas) in grid.iter().zip(areas.chunks(folds.len())) {
        let areas: Vec<f64> = areas.iter().flatten().copied().collect();
        let (mean, _) = mean_and_error(&areas);
        if mean > best.0 {
            best = (mean, *params);
        }
    }
    Ok(Some(best.1))
}

/// One outer fold.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FoldRecord {
    /// Both from 0.
    pub repeat: usize,
    pub fold: usize,
    /// Held out.
    pub patients: usize,
    pub events: usize,
    /// Of those held out; `None` if they are all alike.
    pub auc: Option<f64>,
    /// Positions of the features in the table.
    pub features: Vec<usize>,
    pub params: ForestParams,
}

/// What nested cross-validation found.
#[derive(Debug, Clone, PartialEq)]
pub struct NestedValidation {
    /// Out-of-fold probability by repeat and patient.
    pub predictions: Vec<Vec<f64>>,
    /// Every outer fold, repeat after repeat.
    pub folds: Vec<FoldRecord>,
    /// Share of outer folds in which each feature of the table was kept.
    pub selection_frequency: Vec<f64>,
}

impl NestedValidation {
    /// Mean over the repeats for each patient.
    pub fn mean_predictions(&self) -> Vec<f64> {
        let n = self.predictions.len() as f64;
        (0..self.predictions[0].len()).map(|r| self.predictions.iter().map(|p| p[r]).sum::<f64>() / n).collect()
    }

    /// AUC of every outer fold.
    pub fn fold_aucs(&self) -> Vec<f64> {
        self.folds.iter().filter_map(|fold| fold.auc).collect()
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
    enough_patients(table, config.outer_folds.max(config.inner_folds))?;
    let jobs: Vec<(usize, Vec<usize>)> = (0..config.repeats.max(1))
        .flat_map(|repeat| {
            let folds =
                stratified_folds(table.outcome(), config.outer_folds, derived_seed(config.seed, 1000 + repeat as u64));
            folds.into_iter().map(move |test| (repeat, test))
        })
        .collect();
    let all: Vec<usize> = (0..table.len()).collect();
    let done = AtomicUsize::new(0);
    progress.report(keep("nested cross-validation"), 0, jobs.len());
    let results: Vec<(Vec<f64>, Developed)> = jobs
        .par_iter()
        .enumerate()
        .map(|(job, (_, test))| {
            let train = others(&all, test);
            let model = develop(table, &train, config, derived_seed(config.seed, job as u64), progress)?;
            let predictions = model.predict(table, test)?;
            progress.report(keep("nested cross-validation"), done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
            Ok((predictions, model))
        })
        .collect::<Result<_, PipelineError>>()?;
    let mut validation = NestedValidation {
        predictions: vec![vec![0.0; table.len()]; config.repeats.max(1)],
        folds: Vec::new(),
        selection_frequency: vec![0.0; table.names().len()],
    };
    for (job, ((repeat, test), (predictions, model))) in jobs.iter().zip(results).enumerate() {
        for (row, p) in test.iter().zip(&predictions) {
            validation.predictions[*repeat][*row] = *p;
        }
        for f in &model.features {
            validation.selection_frequency[*f] += 1.0 / jobs.len() as f64;
        }
        let outcome = table.outcome_of(test);
        validation.folds.push(FoldRecord {
            repeat: *repeat,
            fold: job % config.outer_folds,
            patients: test.len(),
            events: outcome.iter().filter(|y| **y).count(),
            auc: auc(&outcome, &predictions),
            features: model.features,
            params: model.params,
        });
    }
    Ok(validation)
}

/// The mistake to learn from: features are selected on all patients first, and only then validated in folds.
/// Gives the AUC over all patients, which is too high.
pub fn leaky_validation(table: &Table, config: &PipelineConfig, progress: &dyn Progress) -> Result<f64, PipelineError> {
    enough_patients(table, config.outer_folds.max(config.inner_folds))?;
    let all: Vec<usize> = (0..table.len()).collect();
    let selected = develop(table, &all, config, config.seed, progress)?.features;
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
