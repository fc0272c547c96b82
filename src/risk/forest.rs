//! The forest itself: smartcore's regression forest on 0/1 outcomes, whose mean leaf value is a probability.

use super::pipeline::PipelineError;
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

type Forest = RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;

/// How many features a split may choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitCandidates {
    SquareRoot,
    Third,
}

impl SplitCandidates {
    fn of(self, features: usize) -> usize {
        match self {
            Self::SquareRoot => (features as f64).sqrt() as usize,
            Self::Third => features / 3,
        }
        .max(1)
    }
}

/// Size and shape of a forest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ForestParams {
    pub trees: usize,
    /// Splits between root and leaf at most; `None` = as many as the leaf size allows.
    pub max_splits: Option<u16>,
    /// Training samples in a leaf at least.
    pub min_leaf: usize,
    pub candidates: SplitCandidates,
}

/// A trained forest.
#[derive(Debug)]
pub struct FittedForest {
    forest: Forest,
}

fn matrix(columns: &[&[f64]]) -> Result<DenseMatrix<f64>, PipelineError> {
    let rows = columns.first().map_or(0, |c| c.len());
    DenseMatrix::new(rows, columns.len(), columns.concat(), true).map_err(PipelineError::forest)
}

impl FittedForest {
    /// Trains on `columns[feature][patient]` without gaps.
    pub fn fit(columns: &[&[f64]], outcome: &[bool], params: &ForestParams, seed: u64) -> Result<Self, PipelineError> {
        let y: Vec<f64> = outcome.iter().map(|y| f64::from(u8::from(*y))).collect();
        let parameters = RandomForestRegressorParameters {
            // smartcore counts the levels of nodes, the leaves included.
            max_depth: params.max_splits.map(|splits| splits.saturating_add(1)),
            min_samples_leaf: params.min_leaf.max(1),
            min_samples_split: 2,
            n_trees: params.trees,
            m: Some(params.candidates.of(columns.len())),
            keep_samples: false,
            seed,
        };
        let forest = Forest::fit(&matrix(columns)?, &y, parameters).map_err(PipelineError::forest)?;
        Ok(Self { forest })
    }

    /// Probability of each patient of `columns[feature][patient]`.
    pub fn predict(&self, columns: &[&[f64]]) -> Result<Vec<f64>, PipelineError> {
        self.forest.predict(&matrix(columns)?).map_err(PipelineError::forest)
    }

    /// Share of each feature in the decrease of impurity; they sum to 1 (or are all 0).
    pub fn importances(&self) -> Vec<f64> {
        self.forest.compute_feature_importances().expect("the forest is fitted")
    }

    /// The forest in smartcore's own form, as the model file holds it.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.forest).expect("numbers and lists only")
    }
}
