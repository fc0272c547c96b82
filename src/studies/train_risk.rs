//! Training the risk model that comes with the program, on simulated patients, with its model card.

use super::simulated_cohort::{SimulatedCohort, TRUTH, simulate};
use crate::features::{FEATURE_COUNT, FeatureDefinition, FeatureInfo, catalogue};
use crate::phantom::PhantomConfig;
use crate::progress::{Cancelled, Progress};
use crate::risk::{
    Confusion, KeepRule, ModelFeature, NestedValidation, PipelineConfig, PipelineError, RiskManifest, RiskModel,
    RiskModelError, Table, TableError, ValidationSummary, brier, calibration, delong, develop, nested_validation,
};
use crate::survival::wilson_interval;
use std::path::PathBuf;

pub const MODEL_CARD_FILE: &str = "MODEL_CARD.md";

/// Not an input: a property of the scanner, not of the patient.
const NOT_AN_INPUT: &str = "g_voxel_mm3";

/// What to train and where to put it.
#[derive(Debug, Clone)]
pub struct TrainRiskConfig {
    pub patients: usize,
    /// How many of them recur.
    pub events: usize,
    /// Of the cohort; the pipeline has its own.
    pub seed: u64,
    pub pipeline: PipelineConfig,
    /// Gets manifest, forest and model card; an existing model there is replaced.
    pub out_dir: PathBuf,
}

impl TrainRiskConfig {
    /// The size of the published cohort: 180 patients, 94 recurrences.
    pub fn published_size(out_dir: PathBuf) -> Self {
        Self { patients: 180, events: 94, seed: 2025, pipeline: PipelineConfig::default(), out_dir }
    }
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct TrainRiskReport {
    pub model: RiskModel,
    pub validation: NestedValidation,
    /// Phantoms left out because their CTV touched no station.
    pub excluded: usize,
    pub model_card: String,
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum TrainRiskError {
    #[error("{events} recurrences among {patients} patients are not possible; ask for fewer")]
    Events { patients: usize, events: usize },
    #[error("only {usable} of {wanted} simulated patients have a CTV that touches a station")]
    TooFewUsable { usable: usize, wanted: usize },
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Pipeline(PipelineError),
    #[error(transparent)]
    Model(#[from] RiskModelError),
    #[error("the model card cannot be written ({source}); check the folder: {}", path.display())]
    Card { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<PipelineError> for TrainRiskError {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::Cancelled(c) => Self::Cancelled(c),
            other => Self::Pipeline(other),
        }
    }
}

/// Simulates a cohort, trains, validates and writes the model folder. Nothing is written if it is cancelled.
pub fn train(config: &TrainRiskConfig, progress: &dyn Progress) -> Result<TrainRiskReport, TrainRiskError> {
    if config.events >= config.patients {
        return Err(TrainRiskError::Events { patients: config.patients, events: config.events });
    }
    let cohort = simulate(config.patients, config.events, config.seed, &PhantomConfig::training, progress)?;
    let report = train_on(&cohort, config, progress)?;
    report.model.save(&config.out_dir)?;
    let path = config.out_dir.join(MODEL_CARD_FILE);
    std::fs::write(&path, &report.model_card).map_err(|source| TrainRiskError::Card { path, source })?;
    Ok(report)
}

/// Trains and validates on a cohort at hand; writes nothing.
pub fn train_on(
    cohort: &SimulatedCohort,
    config: &TrainRiskConfig,
    progress: &dyn Progress,
) -> Result<TrainRiskReport, TrainRiskError> {
    if cohort.patients.len() < config.patients {
        return Err(TrainRiskError::TooFewUsable { usable: cohort.patients.len(), wanted: config.patients });
    }
    let inputs: Vec<&FeatureInfo> = catalogue().iter().filter(|f| f.name != NOT_AN_INPUT).collect();
    let rows: Vec<Vec<Option<f64>>> =
        cohort.patients.iter().map(|p| inputs.iter().map(|f| p.features.values[f.index]).collect()).collect();
    let names = inputs.iter().map(|f| f.name.clone()).collect();
    let table = Table::new(names, &rows, cohort.patients.iter().map(|p| p.recurred).collect())?;
    let validation = nested_validation(&table, &config.pipeline, progress)?;
    progress.report("final model", 0, 1);
    let all: Vec<usize> = (0..table.len()).collect();
    let final_model = develop(&table, &all, &config.pipeline, config.pipeline.seed, progress)?;
    let importance = final_model.forest.importances();
    let features = final_model
        .features
        .iter()
        .enumerate()
        .map(|(n, f)| {
            let known = rows.iter().filter_map(|row| row[*f]);
            ModelFeature {
                name: inputs[*f].name.clone(),
                fill: final_model.fills[n],
                min: known.clone().fold(f64::INFINITY, f64::min),
                max: known.fold(f64::NEG_INFINITY, f64::max),
                importance: importance[n],
                selection_frequency: validation.selection_frequency[*f],
            }
        })
        .collect();
    let manifest = RiskManifest {
        format: 0,
        model_id: format!("simulated-{}-{}-p{}", config.patients, config.seed, config.pipeline.seed),
        endpoint: "Any recurrence (simulated)".into(),
        provenance: format!(
            "Trained on {} simulated patients (synthetic anatomy and invented outcomes). Its figures say nothing about real patients.",
            table.len()
        ),
        simulated: true,
        schema_sha256: String::new(),
        definition: FeatureDefinition::default(),
        features,
        patients: table.len(),
        events: table.events(),
        validation: summary(&table, &validation, &config.pipeline),
        forest: final_model.params,
        pipeline: config.pipeline.clone(),
        seed: config.seed,
        smartcore_version: String::new(),
        forest_sha256: String::new(),
        model_sha256: String::new(),
    };
    let model = RiskModel::assemble(manifest, final_model.forest.to_json())?;
    progress.report("final model", 1, 1);
    let model_card = model_card(&model, &validation, config, cohort.excluded);
    Ok(TrainRiskReport { model, validation, excluded: cohort.excluded, model_card })
}

fn summary(table: &Table, validation: &NestedValidation, pipeline: &PipelineConfig) -> ValidationSummary {
    let (outcome, p) = (table.outcome(), validation.mean_predictions());
    let estimate = delong(outcome, &p, 0.95).expect("the folds hold both classes");
    let areas = validation.repeat_aucs(outcome);
    let mean = areas.iter().sum::<f64>() / areas.len() as f64;
    let variance = areas.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / (areas.len() as f64 - 1.0).max(1.0);
    let confusion = Confusion::at(outcome, &p, 0.5);
    let fit = calibration(outcome, &p);
    ValidationSummary {
        method: format!(
            "Nested cross-validation: {} x {} stratified outer folds, {} inner folds; imputation, filters, elimination and grid search inside each outer fold; figures from each patient's mean out-of-fold probability over {}; the single forest that is used was trained on all patients and tested on none",
            pipeline.repeats.max(1),
            pipeline.outer_folds,
            pipeline.inner_folds,
            match pipeline.repeats.max(1) {
                1 => "one forest".to_owned(),
                n => format!("{n} forests"),
            }
        ),
        auc: estimate.auc,
        auc_interval: estimate.interval,
        auc_repeats_mean: mean,
        auc_repeats_sd: variance.sqrt(),
        brier: brier(outcome, &p),
        accuracy: confusion.accuracy(),
        accuracy_interval: wilson_interval(confusion.correct() as u64, confusion.total() as u64, 0.95),
        calibration_intercept: fit.map(|c| c.intercept),
        calibration_slope: fit.map(|c| c.slope),
    }
}

/// The card as Markdown.
fn model_card(model: &RiskModel, validation: &NestedValidation, config: &TrainRiskConfig, excluded: usize) -> String {
    let m = model.manifest();
    let v = &m.validation;
    let mut card = String::new();
    let spread = |values: &[f64]| {
        let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), a| (l.min(*a), h.max(*a)));
        format!("{low:.2} to {high:.2}")
    };
    let number = |value: Option<f64>| value.map_or("no finite fit".to_owned(), |x| format!("{x:.2}"));
    let mut line = |text: &str| {
        card.push_str(text);
        card.push('\n');
    };
    line("# Risk model card\n");
    line(
        "**Simulated.** Every patient, anatomy and outcome behind this model was made by a program. It shows how live",
    );
    line("features and a risk figure work. It must not be used to plan, change or withhold treatment.\n");
    line("## What it is\n");
    line(&format!(
        "- A forest of {} regression trees on 0/1 outcomes (smartcore {}), at most {} splits deep, at least {} patients in a leaf.",
        m.forest.trees,
        m.smartcore_version,
        m.forest.max_splits.map_or("any number of".to_owned(), |s| s.to_string()),
        m.forest.min_leaf
    ));
    line(&format!(
        "- Inputs: {} of the {FEATURE_COUNT} partition features (schema A, {}).",
        m.features.len(),
        &m.schema_sha256[..12]
    ));
    line(&format!(
        "- Chosen by: Spearman limit {}, elimination by {}, {} forests in the grid, {} inner folds; all settings stand in the manifest.",
        m.pipeline.correlation_limit,
        match m.pipeline.keep {
            KeepRule::OneStandardError => "the one-standard-error rule".to_owned(),
            KeepRule::Fixed(n) => format!("a fixed number of {n}"),
        },
        m.pipeline.grid.len(),
        m.pipeline.inner_folds
    ));
    line(&format!("- Output: probability of the endpoint \"{}\".", m.endpoint));
    line(&format!(
        "- Made by `hilum train risk`, cohort seed {}, pipeline seed {}; the same seeds give the same file.\n",
        m.seed, config.pipeline.seed
    ));
    line("## Patients\n");
    line(&format!(
        "- {} simulated patients, {} with recurrence; {excluded} phantoms were left out because their CTV touched no station.",
        m.patients, m.events
    ));
    line(
        "- Anatomy: synthetic thoraces with tumor, nodes and CTV; stations by the rule engine. Features are counted as on a real case.",
    );
    line(
        "- Clinical values: share of men (133 of 180) and median age (60 years) as published; T stage from the size, one in four a class higher; smoking invented and missing in 6 %.",
    );
    line("- Outcome: drawn from this truth (log odds); sex, age, smoking and everything else have no effect.\n");
    line("| term | log odds |");
    line("| --- | --- |");
    for term in TRUTH {
        line(&format!("| {} | {:.2} |", term.what, term.log_odds));
    }
    line("\n## How well it predicts other simulated patients\n");
    line(&format!("{}.\n", v.method));
    line(&format!(
        "These figures belong to the procedure, not to the forest in this folder. Each patient's probability is the mean over {} forests that never saw the patient, and a mean of forests predicts a little better than one: a single forest, as it is used here, is better described by the mean over repeats ({:.3}). The forest in this folder was trained on all {} patients, so nobody is left to test it on.\n",
        config.pipeline.repeats.max(1),
        v.auc_repeats_mean,
        m.patients
    ));
    line("| measure | value | 95 % interval |");
    line("| --- | --- | --- |");
    line(&format!(
        "| AUC of the mean over repeats | {:.3} | {:.3} to {:.3} (DeLong) |",
        v.auc, v.auc_interval.lower, v.auc_interval.upper
    ));
    line(&format!(
        "| AUC of one forest a patient, mean and SD over repeats | {:.3}, {:.3} | |",
        v.auc_repeats_mean, v.auc_repeats_sd
    ));
    line(&format!("| AUC of single folds | {} | |", spread(&validation.fold_aucs)));
    line(&format!("| Brier score | {:.3} | |", v.brier));
    line(&format!(
        "| Accuracy at 0.5 | {:.3} | {:.3} to {:.3} (Wilson) |",
        v.accuracy, v.accuracy_interval.lower, v.accuracy_interval.upper
    ));
    line(&format!(
        "| Calibration intercept, slope | {}, {} | |",
        number(v.calibration_intercept),
        number(v.calibration_slope)
    ));
    line(&format!(
        "\nThe interval of the AUC takes the patients as the only source of chance. With {} events on {} candidate features ({:.2} events each) a real study of this size would be at high risk of bias.\n",
        m.events,
        FEATURE_COUNT - 1,
        m.events as f64 / (FEATURE_COUNT - 1) as f64
    ));
    line("## Inputs\n");
    line("| feature | importance | kept in folds | training range | if missing |");
    line("| --- | --- | --- | --- | --- |");
    let mut order: Vec<&ModelFeature> = m.features.iter().collect();
    order.sort_by(|a, b| b.importance.total_cmp(&a.importance));
    for f in order {
        line(&format!(
            "| `{}` | {:.3} | {:.0} % | {:.3} to {:.3} | {:.3} |",
            f.name,
            f.importance,
            100.0 * f.selection_frequency,
            f.min,
            f.max,
            f.fill
        ));
    }
    line("\n## Limits\n");
    line(
        "- Not validated on any patient. The published model (Shen et al. 2025: AUC 0.77, 27 features) is not available; this is not it. Two of its authors work for the vendor of the segmentation product used there.",
    );
    line(&format!("- `{NOT_AN_INPUT}` is left out: it describes the scanner."));
    line(
        "- The contributions shown beside a figure are path contributions (Saabas): they describe this forest, not causes. Drawing a contour differently to change the figure is no treatment decision.",
    );
    line("- A value outside the training range is listed beside the figure; the forest does not extrapolate.");
    card
}
