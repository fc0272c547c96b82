//! All that is known of how a risk model came about and how well its procedures predict: written beside the model, shown in the
//! window and as a page. Both procedures are always in it.

use super::forest::ForestParams;
use super::paper::PaperConfig;
use super::performance::Performance;
use super::pipeline::{CurvePoint, FoldRecord, PipelineConfig};
use crate::survival::Interval;

/// How a model is made and judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Procedure {
    /// One split, 27 features, as Shen et al. 2025 describe it.
    Paper,
    /// Everything inside the folds, repeated.
    #[default]
    Recommended,
}

impl Procedure {
    pub fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Recommended => "recommended",
        }
    }
}

/// Patients at a step from the cohort to the table, or why some left.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FlowRow {
    pub what: String,
    pub patients: usize,
}

/// How often a feature was kept.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FeatureShare {
    pub feature: String,
    /// Of the outer folds.
    pub share: f64,
    /// In the recommended model of all patients.
    pub kept: bool,
    /// Share of the training patients in whom the value is missing.
    pub missing: f64,
}

/// Nested cross-validation and the model that the same procedure makes of all patients.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RecommendedReport {
    /// In order.
    pub steps: Vec<String>,
    pub config: PipelineConfig,
    /// Of each patient's mean probability out of the folds.
    pub performance: Performance,
    /// AUC of each repeat over all patients.
    pub repeat_aucs: Vec<f64>,
    /// Mean over the patients of the standard deviation of their probabilities between the repeats.
    pub spread_over_repeats: f64,
    pub folds: Vec<FoldRecord>,
    /// On all patients: features that passed the filters, the curve of elimination, what was kept, the forest.
    pub filtered: usize,
    pub curve: Vec<CurvePoint>,
    pub features: Vec<String>,
    pub params: ForestParams,
    /// Agreement of the selections between the folds, 1 if always the same, about 0 if by chance (Nogueira, Sechidis and Brown
    /// 2018); `None` where all or nothing was kept.
    pub stability: Option<f64>,
    /// All features that were kept at least once, most often first.
    pub shares: Vec<FeatureShare>,
}

/// The procedure of the paper.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PaperReport {
    /// In order.
    pub steps: Vec<String>,
    pub config: PaperConfig,
    pub trained_on: usize,
    /// Of the patients who were held out; `None` if they are all alike.
    pub performance: Option<Performance>,
    pub filtered: usize,
    pub curve: Vec<CurvePoint>,
    pub features: Vec<String>,
    pub params: ForestParams,
}

/// A plain model to compare with, judged in the same outer folds.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BaselineReport {
    pub name: String,
    /// `None` where it cannot be fitted.
    pub auc: Option<f64>,
    pub interval: Option<Interval>,
    pub brier: Option<f64>,
}

/// Some of the patients.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SubgroupReport {
    pub name: String,
    pub patients: usize,
    pub events: usize,
    /// `None` if they are all alike.
    pub auc: Option<f64>,
    pub interval: Option<Interval>,
    /// Mean probability less share of events: above 0 the probabilities are too high.
    pub excess: f64,
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RiskReport {
    pub cohort: String,
    pub simulated: bool,
    pub endpoint: String,
    pub flow: Vec<FlowRow>,
    pub patients: usize,
    pub events: usize,
    /// Features that could be chosen.
    pub candidates: usize,
    /// The one whose model is used.
    pub procedure: Procedure,
    pub recommended: RecommendedReport,
    pub paper: PaperReport,
    /// AUC over all patients when features are selected on all of them before the folds: what the leak is worth.
    pub leaky_auc: f64,
    pub baselines: Vec<BaselineReport>,
    pub subgroups: Vec<SubgroupReport>,
    /// What stands behind simulated patients.
    pub truth: Option<String>,
    /// Of simulated patients: features through which the truth acts.
    pub true_features: Vec<String>,
}

/// Agreement between selections of some of `features` features (Nogueira, Sechidis and Brown 2018); `None` where it is not
/// defined: fewer than two selections, or all of them of everything or of nothing.
pub fn stability(selections: &[&[usize]], features: usize) -> Option<f64> {
    let (m, d) = (selections.len() as f64, features as f64);
    if selections.len() < 2 {
        return None;
    }
    let mut counts = vec![0.0; features];
    for f in selections.iter().flat_map(|s| s.iter()) {
        counts[*f] += 1.0;
    }
    let mean_kept = counts.iter().sum::<f64>() / m;
    let chance = mean_kept / d * (1.0 - mean_kept / d);
    let variance = counts.iter().map(|c| c / m).map(|p| m / (m - 1.0) * p * (1.0 - p)).sum::<f64>() / d;
    (chance > 0.0).then(|| 1.0 - variance / chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stability_is_one_for_equals_and_about_nothing_for_chance() {
        assert_eq!(stability(&[&[0, 3], &[0, 3], &[0, 3]], 10), Some(1.0));
        assert_eq!(stability(&[&[0]], 10), None);
        assert_eq!(stability(&[&[], &[]], 10), None);
        // By hand: p = 1, 1/2, 1/2 of three features, two selections of two: s2 = 0, 1/2, 1/2; 1 - (1/3) / (2/3 1/3) = -1/2.
        let value = stability(&[&[0, 1], &[0, 2]], 3).unwrap();
        assert!((value + 0.5).abs() < 1e-12, "{value}");
    }
}
