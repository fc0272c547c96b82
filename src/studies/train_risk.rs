//! Training the risk model on a cohort, by both procedures, with its report and model card.

use super::risk_page;
use super::training_set::{NOT_AN_INPUT, TrainingSet};
use crate::features::{FEATURE_COUNT, FeatureDefinition};
use crate::kept;
use crate::progress::{Cancelled, Progress};
use crate::risk::{
    Baseline, BaselineReport, Developed, FeatureShare, KeepRule, MANIFEST_FILE, ModelFeature, NestedValidation,
    PaperConfig, PaperReport, PaperRun, Performance, PipelineConfig, PipelineError, Procedure, RecommendedReport,
    RiskManifest, RiskModel, RiskModelError, RiskReport, SubgroupReport, Table, TrainingPatients, ValidationSummary,
    auc, baseline_predictions, brier, delong, develop, enough_patients, leaky_validation, nested_validation,
    paper_procedure, stability,
};
use crate::survival::Interval;
use crate::words::keep;
use std::path::{Path, PathBuf};

pub const MODEL_CARD_FILE: &str = "MODEL_CARD.md";
pub const PAGE_FILE: &str = "report.html";

/// How to train.
#[derive(Debug, Clone, Default)]
pub struct TrainRiskConfig {
    /// Whose model is used; both are run.
    pub procedure: Procedure,
    pub pipeline: PipelineConfig,
    pub paper: PaperConfig,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct TrainedRisk {
    pub model: RiskModel,
    pub model_card: String,
    /// The report as an HTML page.
    pub page: String,
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum TrainRiskError {
    #[error("{}", crate::words::t("the procedure of the paper holds out patients who are all alike; add patients"))]
    Alike,
    #[error(transparent)]
    Pipeline(PipelineError),
    #[error("{}", crate::tf!("a risk model is there already, and was left as it is; choose another name, or let it be replaced: {path}", path = .0.display()))]
    Exists(PathBuf),
    #[error(transparent)]
    Model(#[from] RiskModelError),
    #[error("{}", crate::tf!("the file cannot be written ({source}); check the folder: {path}", source = .source, path = path.display()))]
    Write { path: PathBuf, source: std::io::Error },
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

impl TrainedRisk {
    /// Writes the model folder; a model that is there is replaced.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), TrainRiskError> {
        self.model.save(folder)?;
        for (file, text) in [(MODEL_CARD_FILE, &self.model_card), (PAGE_FILE, &self.page)] {
            let path = folder.join(file);
            std::fs::write(&path, text).map_err(|source| TrainRiskError::Write { path, source })?;
        }
        Ok(())
    }
}

/// Whether a model may be written into a folder.
///
/// # Errors
/// One is there and must not be replaced.
pub fn check_folder(folder: &Path, overwrite: bool) -> Result<(), TrainRiskError> {
    let is_there = folder.join(MANIFEST_FILE).exists();
    if is_there && !overwrite { Err(TrainRiskError::Exists(folder.to_owned())) } else { Ok(()) }
}

/// Whether these patients are enough for both procedures, before the long work.
///
/// # Errors
/// Too few with or without the event.
pub fn check_patients(set: &TrainingSet, config: &TrainRiskConfig) -> Result<(), TrainRiskError> {
    let (pipeline, paper) = (&config.pipeline, &config.paper);
    let folds = [pipeline.outer_folds, pipeline.inner_folds, paper.parts, paper.folds].into_iter().max().unwrap_or(2);
    Ok(enough_patients(&set.table, folds)?)
}

/// Trains as [`train`] and writes the model folder: command line and window alike. What stops it leaves the folder as it was.
///
/// # Errors
/// As [`train`]; a model is there already; a file cannot be written.
pub fn train_into(
    set: &TrainingSet,
    config: &TrainRiskConfig,
    folder: &Path,
    overwrite: bool,
    progress: &dyn Progress,
) -> Result<TrainedRisk, TrainRiskError> {
    check_folder(folder, overwrite)?;
    check_patients(set, config)?;
    let trained = train(set, config, progress)?;
    // Another program may have been faster.
    check_folder(folder, overwrite)?;
    trained.save(folder)?;
    Ok(trained)
}

/// Trains and judges by both procedures; writes nothing. The same set and configuration give the same model.
///
/// # Errors
/// Too few patients or events, nothing varies, or stopped.
pub fn train(
    set: &TrainingSet,
    config: &TrainRiskConfig,
    progress: &dyn Progress,
) -> Result<TrainedRisk, TrainRiskError> {
    let table = &set.table;
    let paper = paper_procedure(table, &config.paper, progress)?;
    let validation = nested_validation(table, &config.pipeline, progress)?;
    progress.report(keep("final model"), 0, 2);
    let all: Vec<usize> = (0..table.len()).collect();
    let recommended = develop(table, &all, &config.pipeline, config.pipeline.seed, progress)?;
    progress.report(keep("final model"), 1, 2);
    let leaky_auc = leaky_validation(table, &config.pipeline, progress)?;
    let report = report(set, config, &paper, &validation, &recommended, leaky_auc)?;
    let (used, rows) = match config.procedure {
        Procedure::Recommended => (&recommended, &all),
        Procedure::Paper => (&paper.model, &paper.train),
    };
    let manifest = manifest(set, config, used, rows, &validation, &report)?;
    let values: Vec<Vec<f64>> = rows
        .iter()
        .map(|row| {
            let value = |(f, fill): (&usize, &f64)| table.value(*row, *f).unwrap_or(*fill);
            used.features.iter().zip(&used.fills).map(value).collect()
        })
        .collect();
    let training = TrainingPatients { rows: values, outcome: rows.iter().map(|r| table.outcome()[*r]).collect() };
    let model = RiskModel::assemble(manifest, used.forest.to_json(), &training, &report)?;
    progress.report(keep("final model"), 2, 2);
    let model_card = model_card(&model);
    let page = risk_page::html(model.manifest(), model.report());
    Ok(TrainedRisk { model, model_card, page })
}

fn names(table: &Table, features: &[usize]) -> Vec<String> {
    features.iter().map(|f| table.names()[*f].clone()).collect()
}

fn report(
    set: &TrainingSet,
    config: &TrainRiskConfig,
    paper: &PaperRun,
    validation: &NestedValidation,
    recommended: &Developed,
    leaky_auc: f64,
) -> Result<RiskReport, TrainRiskError> {
    let table = &set.table;
    let (outcome, p) = (table.outcome(), validation.mean_predictions());
    let performance = Performance::of(outcome, &p, config.pipeline.seed).ok_or(TrainRiskError::Alike)?;
    let test_outcome: Vec<bool> = paper.test.iter().map(|r| outcome[*r]).collect();
    let selections: Vec<&[usize]> = validation.folds.iter().map(|f| f.features.as_slice()).collect();
    let mut shares: Vec<FeatureShare> = (0..table.names().len())
        .filter(|f| validation.selection_frequency[*f] > 0.0 || recommended.features.contains(f))
        .map(|f| FeatureShare {
            feature: table.names()[f].clone(),
            share: validation.selection_frequency[f],
            kept: recommended.features.contains(&f),
            missing: (0..table.len()).filter(|r| table.value(*r, f).is_none()).count() as f64 / table.len() as f64,
        })
        .collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share));
    Ok(RiskReport {
        cohort: set.name.clone(),
        simulated: set.simulated,
        endpoint: set.endpoint.words(set.simulated),
        flow: set.flow.clone(),
        patients: table.len(),
        events: table.events(),
        candidates: table.names().len(),
        procedure: config.procedure,
        recommended: RecommendedReport {
            steps: recommended_steps(&config.pipeline),
            config: config.pipeline.clone(),
            performance,
            repeat_aucs: validation.repeat_aucs(outcome),
            spread_over_repeats: spread(&validation.predictions),
            folds: validation.folds.clone(),
            filtered: recommended.filtered,
            curve: recommended.curve.clone(),
            features: names(table, &recommended.features),
            params: recommended.params,
            stability: stability(&selections, table.names().len()),
            shares,
        },
        paper: PaperReport {
            steps: paper_steps(&config.paper),
            config: config.paper.clone(),
            trained_on: paper.train.len(),
            performance: Performance::of(&test_outcome, &paper.predictions, config.paper.seed),
            filtered: paper.filtered,
            curve: paper.curve.clone(),
            features: names(table, &paper.model.features),
            params: paper.model.params,
        },
        leaky_auc,
        baselines: baselines().iter().map(|b| baseline(table, &config.pipeline, b)).collect(),
        subgroups: set.subgroups().into_iter().map(|(name, rows)| subgroup(name, &rows, outcome, &p)).collect(),
        truth: set.truth.clone(),
        true_features: set.true_features(),
    })
}

/// Mean over the patients of the standard deviation between the repeats.
fn spread(predictions: &[Vec<f64>]) -> f64 {
    let (n, patients) = (predictions.len() as f64, predictions[0].len());
    if predictions.len() < 2 {
        return 0.0;
    }
    let of = |r: usize| {
        let mean = predictions.iter().map(|p| p[r]).sum::<f64>() / n;
        (predictions.iter().map(|p| (p[r] - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
    };
    (0..patients).map(of).sum::<f64>() / patients as f64
}

fn recommended_steps(config: &PipelineConfig) -> Vec<String> {
    vec![
        kept!(
            "{repeats} times {outer} outer folds, stratified by outcome",
            repeats = config.repeats.max(1),
            outer = config.outer_folds
        ),
        keep("inside each outer fold, on its training part alone: missing values filled with median or mode").into(),
        kept!(
            "features that do not vary, and of two with Spearman |rho| above {limit} the weaker, left out",
            limit = config.correlation_limit
        ),
        kept!("elimination by importance, with {inner} inner folds", inner = config.inner_folds),
        match config.keep {
            KeepRule::OneStandardError => {
                keep("the fewest features whose inner AUC is within one standard error of the best").into()
            }
            KeepRule::Fixed(k) => kept!("{k} features kept", k),
        },
        kept!("grid search over {count} forests by the inner folds", count = config.grid.len()),
        keep("forest fitted, held-out patients predicted once; figures from each patient's mean over the repeats")
            .into(),
        keep("the model in use: the same steps on all patients").into(),
    ]
}

fn paper_steps(config: &PaperConfig) -> Vec<String> {
    vec![
        keep("standardised (changes no split of a tree)").into(),
        kept!(
            "of two features with Spearman |rho| above {limit} the weaker left out, by all patients",
            limit = config.correlation_limit
        ),
        kept!("one split: one part of {parts} held out, stratified by outcome", parts = config.parts),
        kept!(
            "elimination one by one on the rest, with {folds} folds, to {keep} features",
            folds = config.folds,
            keep = config.keep
        ),
        kept!(
            "grid search over {count} depths and numbers of trees by {folds} folds",
            count = config.grid.len(),
            folds = config.folds
        ),
        keep("forest fitted on the rest, held-out patients predicted once").into(),
        keep("limit of the correlation, grid and forest of the elimination are not published; these are ours").into(),
    ]
}

fn baselines() -> [Baseline; 3] {
    let four = ["ln10r_ctv_in_ln", "ln10l_ctv_in_ln", "ln4r_ctv_in_ln", "ln7_ctv_in_ln"];
    let clinical = ["c_age_gt60", "c_sex_male", "c_stage_t", "c_smoking_index", "g_gtv_maxdiam_mm"];
    [
        Baseline { name: keep("Tumor of 5 cm or more"), features: vec!["g_gtv_maxdiam_mm"], cut: Some(50.0) },
        Baseline {
            name: keep("Logistic regression on age, sex, T stage, smoking, size"),
            features: clinical.to_vec(),
            cut: None,
        },
        Baseline {
            name: keep("Logistic regression on the coverage of 10R, 10L, 4R and 7"),
            features: four.to_vec(),
            cut: None,
        },
    ]
}

fn baseline(table: &Table, config: &PipelineConfig, baseline: &Baseline) -> BaselineReport {
    let p = baseline_predictions(table, config, baseline);
    let outcome = table.outcome();
    BaselineReport {
        name: baseline.name.to_owned(),
        auc: p.as_ref().and_then(|p| auc(outcome, p)),
        interval: p.as_ref().and_then(|p| delong(outcome, p, 0.95)).map(|e| e.interval),
        brier: p.as_ref().map(|p| brier(outcome, p)),
    }
}

fn subgroup(name: &str, rows: &[usize], outcome: &[bool], p: &[f64]) -> SubgroupReport {
    let y: Vec<bool> = rows.iter().map(|r| outcome[*r]).collect();
    let q: Vec<f64> = rows.iter().map(|r| p[*r]).collect();
    let events = y.iter().filter(|y| **y).count();
    let n = rows.len().max(1) as f64;
    SubgroupReport {
        name: name.to_owned(),
        patients: rows.len(),
        events,
        auc: auc(&y, &q),
        interval: delong(&y, &q, 0.95).map(|e| e.interval),
        excess: (q.iter().sum::<f64>() - events as f64) / n,
    }
}

fn manifest(
    set: &TrainingSet,
    config: &TrainRiskConfig,
    used: &Developed,
    rows: &[usize],
    validation: &NestedValidation,
    report: &RiskReport,
) -> Result<RiskManifest, TrainRiskError> {
    let table = &set.table;
    let importance = used.forest.importances();
    let features = used.features.iter().enumerate().map(|(n, f)| {
        let known = rows.iter().filter_map(|r| table.value(*r, *f));
        let (min, max) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        ModelFeature {
            name: table.names()[*f].clone(),
            fill: used.fills[n],
            min,
            max,
            importance: importance[n],
            selection_frequency: validation.selection_frequency[*f],
        }
    });
    let procedure = config.procedure.name();
    let provenance = if set.simulated {
        kept!(
            "Trained on {n} simulated patients (synthetic anatomy and invented outcomes). Its figures say nothing about real patients.",
            n = rows.len()
        )
    } else {
        kept!(
            "Trained on {n} patients of the cohort \"{cohort}\", validated in no other one.",
            n = rows.len(),
            cohort = set.name
        )
    };
    let kind = if set.simulated { "simulated" } else { "cohort" };
    Ok(RiskManifest {
        format: 0,
        model_id: format!("{kind}-{}-{procedure}-p{}", table.len(), config.pipeline.seed),
        endpoint: set.endpoint.words(set.simulated),
        provenance,
        simulated: set.simulated,
        schema_sha256: String::new(),
        definition: FeatureDefinition::default(),
        features: features.collect(),
        patients: rows.len(),
        events: rows.iter().filter(|r| table.outcome()[**r]).count(),
        validation: summary(config, report)?,
        forest: used.params,
        procedure: config.procedure,
        smartcore_version: String::new(),
        forest_sha256: String::new(),
        training_sha256: String::new(),
        report_sha256: String::new(),
        model_sha256: String::new(),
    })
}

fn summary(config: &TrainRiskConfig, report: &RiskReport) -> Result<ValidationSummary, TrainRiskError> {
    let nested = &report.recommended;
    let (performance, method) = match config.procedure {
        Procedure::Recommended => {
            let (repeats, outer, inner) =
                (config.pipeline.repeats.max(1), config.pipeline.outer_folds, config.pipeline.inner_folds);
            let words = if repeats == 1 {
                kept!(
                    "Nested cross-validation: {repeats} x {outer} stratified outer folds, {inner} inner folds; imputation, filters, elimination and grid search inside each outer fold; figures from each patient's mean out-of-fold probability over one forest; the single forest that is used was trained on all patients and tested on none",
                    repeats,
                    outer,
                    inner
                )
            } else {
                kept!(
                    "Nested cross-validation: {repeats} x {outer} stratified outer folds, {inner} inner folds; imputation, filters, elimination and grid search inside each outer fold; figures from each patient's mean out-of-fold probability over {repeats} forests; the single forest that is used was trained on all patients and tested on none",
                    repeats,
                    outer,
                    inner
                )
            };
            (&nested.performance, words)
        }
        Procedure::Paper => {
            let performance = report.paper.performance.as_ref().ok_or(TrainRiskError::Alike)?;
            let words = kept!(
                "Procedure of the paper: one split, trained on {trained} and tested once on {tested} patients; the correlation filter saw all of them. Nested cross-validation of the recommended procedure on the same cohort: AUC {auc:.2}",
                trained = report.paper.trained_on,
                tested = performance.patients,
                auc = nested.performance.auc
            );
            (performance, words)
        }
    };
    let half = performance.thresholds.first().ok_or(TrainRiskError::Alike)?;
    let repeats = &nested.repeat_aucs;
    let mean = repeats.iter().sum::<f64>() / repeats.len().max(1) as f64;
    let variance = repeats.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / (repeats.len() as f64 - 1.0).max(1.0);
    let repeated = config.procedure == Procedure::Recommended;
    Ok(ValidationSummary {
        method,
        auc: performance.auc,
        auc_interval: performance.auc_interval.unwrap_or(Interval { lower: 0.0, upper: 1.0 }),
        auc_repeats_mean: repeated.then_some(mean),
        auc_repeats_sd: repeated.then_some(variance.sqrt()),
        brier: performance.brier,
        accuracy: half.accuracy.value.unwrap_or(0.0),
        accuracy_interval: half.accuracy.interval,
        calibration_intercept: performance.calibration_intercept,
        calibration_slope: performance.calibration_slope,
    })
}

/// The card as Markdown.
fn model_card(model: &RiskModel) -> String {
    let (m, r) = (model.manifest(), model.report());
    let v = &m.validation;
    let mut card = String::new();
    let number = |value: Option<f64>| value.map_or("no finite fit".to_owned(), |x| format!("{x:.2}"));
    let interval = |i: Option<Interval>| i.map_or_else(String::new, |i| format!("{:.3} to {:.3}", i.lower, i.upper));
    let mut line = |text: &str| {
        card.push_str(text);
        card.push('\n');
    };
    line("# Risk model card\n");
    if m.simulated {
        line(
            "**Simulated.** Every patient, anatomy and outcome behind this model was made by a program. It shows how live",
        );
        line("features and a risk figure work. It must not be used to plan, change or withhold treatment.\n");
    } else {
        line(
            "**Research and teaching only.** The figure is an association in one cohort. It must not be used to plan, change or",
        );
        line("withhold treatment.\n");
    }
    line("## What it is\n");
    line(&format!(
        "- A forest of {} regression trees on 0/1 outcomes (smartcore {}), {}, at least {} patients in a leaf.",
        m.forest.trees,
        m.smartcore_version,
        m.forest.max_splits.map_or("grown to the end".to_owned(), |s| format!("at most {s} splits deep")),
        m.forest.min_leaf
    ));
    line(&format!(
        "- Inputs: {} of the {FEATURE_COUNT} partition features (schema A, {}).",
        m.features.len(),
        &m.schema_sha256[..12]
    ));
    line(&format!("- Output: probability of the endpoint \"{}\".", m.endpoint));
    line(&format!("- Procedure: {}. Steps:", m.procedure.name()));
    for step in match m.procedure {
        Procedure::Paper => &r.paper.steps,
        Procedure::Recommended => &r.recommended.steps,
    } {
        line(&format!("  - {step}"));
    }
    line(
        "- Made by `hilum train risk`; the same cohort, options and seeds give the same files. All of them stand in report.json.\n",
    );
    line("## Patients\n");
    line(&format!("{}.\n", r.cohort.trim_end_matches('.')));
    for row in &r.flow {
        line(&format!("- {} {}", row.patients, row.what));
    }
    if let Some(truth) = &r.truth {
        line("\nThe truth behind them:\n");
        line("```text");
        line(truth);
        line("```");
    }
    line("\n## How well it predicts other patients of the same cohort\n");
    line(&format!("{}.\n", v.method));
    line("| measure | recommended, nested folds | paper, held-out patients |");
    line("| --- | --- | --- |");
    let (a, b) = (&r.recommended.performance, r.paper.performance.as_ref());
    let mut both = |what: &str, of: &dyn Fn(&Performance) -> String| {
        line(&format!("| {what} | {} | {} |", of(a), b.map_or("none".to_owned(), of)));
    };
    both("patients, events", &|p| format!("{}, {}", p.patients, p.events));
    both("AUC (95 %, DeLong)", &|p| format!("{:.3} ({})", p.auc, interval(p.auc_interval)));
    both("average precision", &|p| format!("{:.3}", p.average_precision));
    both("Brier score, scaled", &|p| format!("{:.3}, {:.3}", p.brier, p.scaled_brier));
    both("accuracy at 0.5 (95 %, Wilson)", &|p| {
        p.thresholds.first().map_or_else(String::new, |t| {
            let share = t.accuracy;
            format!("{:.3} ({})", share.value.unwrap_or(0.0), interval(Some(share.interval)))
        })
    });
    both("calibration intercept, slope", &|p| {
        format!("{}, {}", number(p.calibration_intercept), number(p.calibration_slope))
    });
    line(&format!(
        "\nAUC of single outer folds {}. With features selected on all patients before the folds, which leaks, the same data give {:.3}. Agreement of the selections between folds (Nogueira): {}.",
        fold_range(r),
        r.leaky_auc,
        number(r.recommended.stability)
    ));
    line(&format!(
        "With {} events on {} candidate features ({:.2} events each) a study of this size is at high risk of bias.\n",
        r.events,
        r.candidates,
        r.events as f64 / r.candidates as f64
    ));
    line("| plain model, same folds | AUC | 95 % | Brier |");
    line("| --- | --- | --- | --- |");
    for b in &r.baselines {
        let (auc, brier) = (number3(b.auc), number3(b.brier));
        line(&format!("| {} | {auc} | {} | {brier} |", b.name, interval(b.interval)));
    }
    line("\n## Inputs\n");
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
        "- Not validated on patients of another clinic. The published model (Shen et al. 2025: AUC 0.77, 27 features) is not available; this is not it. Two of its authors work for the vendor of the segmentation product used there.",
    );
    line(&format!("- `{NOT_AN_INPUT}` is left out: it describes the scanner."));
    line(
        "- training.json holds the inputs and outcomes of the training patients without who they are: Shapley values and the measure of unfamiliar patients need them.",
    );
    line(
        "- The contributions shown beside a figure are Shapley values of the trees: they describe this forest, not causes. Covering a station because a figure falls is no treatment decision.",
    );
    line("- A value outside the training range is listed beside the figure; the forest does not extrapolate.");
    card
}

fn number3(value: Option<f64>) -> String {
    value.map_or("none".to_owned(), |x| format!("{x:.3}"))
}

/// The lowest and highest AUC of an outer fold.
fn fold_range(report: &RiskReport) -> String {
    let areas = report.recommended.folds.iter().filter_map(|f| f.auc);
    let (low, high) = areas.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), a| (l.min(a), h.max(a)));
    format!("{low:.2} to {high:.2}")
}
