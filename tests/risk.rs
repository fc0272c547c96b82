//! Promises about risk, survival and the recurrence map: golden numbers, honest validation, and a model file that
//! is refused when it does not fit.

use hilum::cohort::{Denominator, PatientRecord, PublishedRecurrence, RecurrenceError, inconsistencies};
use hilum::features::*;
use hilum::progress::{Progress, Silent};
use hilum::risk::*;
use hilum::structures::Station;
use hilum::studies::simulated_cohort::{Margins, SimulationError, simulate};
use hilum::studies::train_risk::{TrainRiskConfig, train};
use hilum::studies::training_set::{Endpoint, Event, TrainingSet};
use hilum::survival::*;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::path::Path;

fn close(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value} is not {expected}");
}

// ---- Scores: the twenty cases of REFERENCE 4.5 ------------------------------------------------------------------
//
// The golden values come from this program (Python 3.11, numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1):
//
// # pip install numpy scikit-learn lifelines
// import numpy as np
// from sklearn import metrics as m
// from scipy.optimize import root
// y = np.array([int(c) for c in "10110010101001100101"])
// p = np.array([.91,.12,.66,.75,.42,.35,.58,.61,.83,.22,.49,.50,.15,.71,.38,.27,.66,.94,.05,.55])
// a, b = p[y == 1], p[y == 0]
// psi = (a[:, None] > b) + 0.5 * (a[:, None] == b)  # DeLong 1988
// se = np.sqrt(psi.mean(1).var(ddof=1) / len(a) + psi.mean(0).var(ddof=1) / len(b))
// auc = m.roc_auc_score(y, p); q = p >= 0.5
// print("AUC %.4f SE %.7f CI %.4f %.4f" % (auc, se, auc - 1.959964 * se, auc + 1.959964 * se))
// print("AP %.7f Brier %.6f log loss %.7f" % (m.average_precision_score(y, p), m.brier_score_loss(y, p), m.log_loss(y, p)))
// print("TN FP FN TP", m.confusion_matrix(y, q).ravel(), "accuracy %.2f kappa %.2f MCC %.7f F1 %.7f balanced %.2f" % (
//     m.accuracy_score(y, q), m.cohen_kappa_score(y, q), m.matthews_corrcoef(y, q), m.f1_score(y, q), m.balanced_accuracy_score(y, q)))
// for t in (0.2, 0.5, 0.7):
//     w = t / (1 - t); hit = p >= t
//     print("net benefit %.1f: %.4f, all %.4f" % (t, (hit & (y == 1)).mean() - w * (hit & (y == 0)).mean(), y.mean() - w * (1 - y.mean())))
// logit = np.log(p / (1 - p)); s = lambda z: 1 / (1 + np.exp(-z))
// fit = root(lambda c: [(y - s(c[0] + c[1] * logit)).sum(), ((y - s(c[0] + c[1] * logit)) * logit).sum()], [0, 1], tol=1e-13)
// print("intercept %.7f slope %.7f, in the large %.7f" % (*fit.x, root(lambda c: (y - s(c + logit)).sum(), 0, tol=1e-13).x[0]))

const OUTCOME: [u8; 20] = [1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1];
const PROBABILITY: [f64; 20] = [
    0.91, 0.12, 0.66, 0.75, 0.42, 0.35, 0.58, 0.61, 0.83, 0.22, 0.49, 0.50, 0.15, 0.71, 0.38, 0.27, 0.66, 0.94, 0.05,
    0.55,
];

#[test]
fn twenty_cases_give_the_golden_scores() {
    let y = OUTCOME.map(|y| y == 1);
    let p = PROBABILITY;
    let estimate = delong(&y, &p, 0.95).expect("both classes");
    close(estimate.auc, 0.885, 1e-12);
    close(estimate.standard_error, 0.0730677, 5e-8);
    close(estimate.interval.lower, 0.7418, 5e-5);
    assert_eq!(estimate.interval.upper, 1.0, "1.0282 is clipped");
    close(average_precision(&y, &p), 0.8899206, 5e-8);
    close(brier(&y, &p), 0.142175, 1e-12);
    close(log_loss(&y, &p), 0.4402797, 5e-8);
    let c = Confusion::at(&y, &p, 0.5);
    assert_eq!((c.true_positive, c.false_positive, c.false_negative, c.true_negative), (8, 3, 2, 7));
    close(c.accuracy(), 0.75, 1e-12);
    close(c.kappa(), 0.5, 1e-12);
    close(c.matthews(), 0.5025189, 5e-8);
    close(c.f1(), 0.7619048, 5e-8);
    close(c.balanced_accuracy(), 0.75, 1e-12);
    for (threshold, benefit) in [(0.2, 0.4125), (0.5, 0.25), (0.7, 0.25)] {
        close(net_benefit(&y, &p, threshold), benefit, 1e-12);
    }
    for (threshold, treat_all) in [(0.2, 0.375), (0.5, 0.0), (0.7, -0.6667)] {
        close(net_benefit(&y, &[1.0; 20], threshold), treat_all, 5e-5);
    }
    let fit = calibration(&y, &p).expect("a fit exists");
    close(fit.intercept, -0.1244429, 5e-8);
    close(fit.slope, 2.0300763, 5e-8);
    close(calibration_in_the_large(&y, &p).expect("a fit exists"), -0.0404541, 5e-8);
    assert_eq!(calibration(&[true, false], &[0.9, 0.1]), None, "separated classes have no finite slope");
}

// ---- Pipeline ---------------------------------------------------------------------------------------------------

/// Patients of pure noise, or with a signal in the first two features.
fn table(patients: usize, features: usize, seed: u64, signal: f64) -> Table {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rows = Vec::new();
    let mut outcome = Vec::new();
    for n in 0..patients {
        let mut row: Vec<f64> = (0..features).map(|_| rng.random_range(0.0..1.0)).collect();
        let event = n % 2 == 0;
        if event {
            row[0] += signal;
            row[1] += signal;
        }
        rows.push(row.into_iter().map(Some).collect());
        outcome.push(event);
    }
    Table::new((0..features).map(|f| format!("f{f}")).collect(), &rows, outcome).expect("a whole table")
}

fn quick(keep: KeepRule, seed: u64) -> PipelineConfig {
    let forest = ForestParams { trees: 30, max_splits: Some(4), min_leaf: 3, candidates: SplitCandidates::SquareRoot };
    PipelineConfig {
        outer_folds: 5,
        repeats: 1,
        inner_folds: 3,
        elimination: forest,
        keep,
        grid: vec![ForestParams { trees: 60, ..forest }],
        seed,
        ..Default::default()
    }
}

#[test]
fn noise_stays_noise_in_nested_validation_and_looks_like_signal_when_selection_leaks() {
    let (mut nested, mut leaky) = (Vec::new(), Vec::new());
    for seed in 1..=3 {
        let table = table(120, 110, seed, 0.0);
        let config = quick(KeepRule::Fixed(10), seed);
        let honest = nested_validation(&table, &config, &Silent).expect("trains");
        nested.push(auc(table.outcome(), &honest.predictions[0]).expect("both classes"));
        leaky.push(leaky_validation(&table, &config, &Silent).expect("trains"));
    }
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    assert!(nested.iter().all(|a| (0.35..=0.65).contains(a)), "{nested:?}");
    assert!(mean(&leaky) > 0.65 && mean(&leaky) > mean(&nested) + 0.1, "{leaky:?} beside {nested:?}");
}

/// As the shipped model is made: the number of features and the forest are chosen too, by inner folds.
#[test]
fn noise_stays_noise_when_the_folds_also_choose_how_many_features_and_which_forest() {
    let mut areas = Vec::new();
    for seed in 1..=2 {
        let table = table(90, 40, 100 + seed, 0.0);
        let mut config = quick(KeepRule::OneStandardError, seed);
        config.elimination.trees = 20;
        config.grid.push(ForestParams { max_splits: Some(2), min_leaf: 8, ..config.grid[0] });
        let honest = nested_validation(&table, &config, &Silent).expect("trains");
        areas.push(auc(table.outcome(), &honest.predictions[0]).expect("both classes"));
    }
    assert!(areas.iter().all(|a| (0.35..=0.65).contains(a)), "{areas:?}");
}

#[test]
fn a_signal_is_found_and_its_features_are_kept() {
    let table = table(80, 12, 9, 0.6);
    let config = quick(KeepRule::OneStandardError, 4);
    let validation = nested_validation(&table, &config, &Silent).expect("trains");
    let area = auc(table.outcome(), &validation.predictions[0]).expect("both classes");
    assert!(area > 0.85, "{area}");
    assert!(validation.selection_frequency[..2].iter().sum::<f64>() > 1.0, "{:?}", validation.selection_frequency);
    assert!(validation.selection_frequency[2..].iter().all(|f| *f < 0.7), "{:?}", validation.selection_frequency);
    assert_eq!(
        validation,
        nested_validation(&table, &config, &Silent).expect("trains"),
        "the same seed, the same result"
    );
}

struct Stopped;
impl Progress for Stopped {
    fn report(&self, _stage: &str, _done: usize, _total: usize) {}
    fn is_cancelled(&self) -> bool {
        true
    }
}

#[test]
fn training_stops_when_asked_and_says_when_patients_are_too_few() {
    let config = quick(KeepRule::Fixed(3), 1);
    let result = nested_validation(&table(60, 6, 1, 0.0), &config, &Stopped);
    assert!(matches!(result, Err(PipelineError::Cancelled(_))), "{result:?}");
    let result = nested_validation(&table(12, 6, 1, 0.0), &config, &Silent);
    assert!(matches!(result, Err(PipelineError::TooFew { patients: 12, events: 6, folds: 5 })), "{result:?}");
}

// ---- Model file -------------------------------------------------------------------------------------------------

const INPUTS: [&str; 4] = ["ln10r_ctv_in_ln", "g_gtv_maxdiam_mm", "g_central", "c_stage_t"];

/// A forest on four features, its training columns, and the file made of it.
fn small_model() -> (RiskModel, FittedForest, Vec<Vec<f64>>) {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let n = 120;
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); 4];
    let mut outcome = Vec::new();
    for _ in 0..n {
        let row = [
            rng.random_range(0.0..0.8),
            rng.random_range(15.0..90.0),
            f64::from(rng.random_range(0..2u8)),
            f64::from(rng.random_range(1..5u8)),
        ];
        outcome.push(row[0] + row[1] / 90.0 + rng.random_range(-0.5..0.5) > 0.9);
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    let params = ForestParams { trees: 50, max_splits: Some(5), min_leaf: 3, candidates: SplitCandidates::SquareRoot };
    let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let forest = FittedForest::fit(&slices, &outcome, &params, 7).expect("trains");
    let interval = Interval { lower: 0.7, upper: 0.9 };
    let manifest = RiskManifest {
        format: 0,
        model_id: "test".into(),
        endpoint: "any recurrence".into(),
        provenance: "made for a test".into(),
        simulated: true,
        schema_sha256: String::new(),
        definition: FeatureDefinition::default(),
        features: INPUTS
            .iter()
            .zip(&columns)
            .map(|(name, column)| ModelFeature {
                name: (*name).into(),
                fill: 2.0,
                min: column.iter().copied().fold(f64::INFINITY, f64::min),
                max: column.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                importance: 0.25,
                selection_frequency: 1.0,
            })
            .collect(),
        patients: n,
        events: outcome.iter().filter(|y| **y).count(),
        validation: ValidationSummary {
            method: "none".into(),
            auc: 0.8,
            auc_interval: interval,
            auc_repeats_mean: Some(0.8),
            auc_repeats_sd: Some(0.01),
            brier: 0.2,
            accuracy: 0.7,
            accuracy_interval: interval,
            calibration_intercept: None,
            calibration_slope: None,
        },
        forest: params,
        procedure: Procedure::Recommended,
        smartcore_version: String::new(),
        forest_sha256: String::new(),
        training_sha256: String::new(),
        report_sha256: String::new(),
        model_sha256: String::new(),
    };
    let rows = (0..n).map(|r| columns.iter().map(|c| c[r]).collect()).collect();
    let training = TrainingPatients { rows, outcome: outcome.clone() };
    let report = small_report(&outcome, &forest.predict(&slices).expect("predicts"), params);
    (RiskModel::assemble(manifest, forest.to_json(), &training, &report).expect("fits together"), forest, columns)
}

/// What a model file has to say about its making, with probabilities at hand.
fn small_report(outcome: &[bool], p: &[f64], params: ForestParams) -> RiskReport {
    let performance = Performance::of(outcome, p, 1).expect("both outcomes");
    let events = outcome.iter().filter(|y| **y).count();
    RiskReport {
        cohort: "test".into(),
        simulated: true,
        endpoint: "any recurrence".into(),
        flow: vec![FlowRow { what: "in the cohort".into(), patients: outcome.len() }],
        patients: outcome.len(),
        events,
        candidates: 4,
        procedure: Procedure::Recommended,
        recommended: RecommendedReport {
            steps: Vec::new(),
            config: PipelineConfig::default(),
            performance: performance.clone(),
            repeat_aucs: vec![performance.auc],
            spread_over_repeats: 0.0,
            folds: Vec::new(),
            filtered: 4,
            curve: Vec::new(),
            features: INPUTS.map(String::from).to_vec(),
            params,
            stability: None,
            shares: Vec::new(),
        },
        paper: PaperReport {
            steps: Vec::new(),
            config: PaperConfig::default(),
            trained_on: outcome.len(),
            performance: Some(performance),
            filtered: 4,
            curve: Vec::new(),
            features: INPUTS.map(String::from).to_vec(),
            params,
        },
        leaky_auc: 0.8,
        baselines: Vec::new(),
        subgroups: Vec::new(),
        truth: None,
        true_features: Vec::new(),
    }
}

#[test]
fn the_flat_forest_gives_the_probabilities_of_smartcore() {
    let (model, forest, columns) = small_model();
    let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let expected = forest.predict(&slices).expect("predicts");
    for (row, expected) in expected.iter().enumerate() {
        let values: Vec<f64> = columns.iter().map(|c| c[row]).collect();
        let (p, sd) = model.forest().predict(&values);
        assert!((p - expected).abs() < 1e-12 && (0.0..=0.6).contains(&sd));
        let (base, contributions) = model.forest().shapley(&values);
        close(base + contributions.iter().sum::<f64>(), *expected, 1e-12);
    }
}

/// Station 10R with a CTV in it, as a feature vector.
fn vector(ctv: bool, stations: bool, clinical: &ClinicalValues) -> FeatureVector {
    block_vector(ctv.then_some([4, 9]), stations, clinical)
}

/// A CTV clear of the station.
fn clear_vector() -> FeatureVector {
    block_vector(Some([20, 30]), true, &ClinicalValues::default())
}

/// A CTV over some columns; the station fills columns 2 to 11.
fn block_vector(ctv: Option<[usize; 2]>, stations: bool, clinical: &ClinicalValues) -> FeatureVector {
    use hilum::contour::Mask;
    let grid = hilum::geometry::VoxelGrid::axial(glam::DVec3::ZERO, [1.0; 3], [40, 20, 12]).expect("valid grid");
    let cube = |i0: usize, i1: usize| {
        let mut dense = ndarray::Array3::from_elem([12, 20, 40], false);
        dense.slice_mut(ndarray::s![1..11, 2..12, i0..i1]).fill(true);
        Mask::from_dense(&dense)
    };
    let (station, ctv_mask) = (cube(2, 12), ctv.map_or_else(Mask::default, |[i0, i1]| cube(i0, i1)));
    let mut masks = CaseMasks { ctv: Some(&ctv_mask), gtvp: Some(&ctv_mask), ..Default::default() };
    if stations {
        masks.stations[Station::S10R.index()] = Some(&station);
    }
    LiveFeatures::from_masks(&grid, &masks).features(clinical, &FeatureContext::default())
}

#[test]
fn an_estimate_names_what_was_imputed_and_what_lies_outside() {
    let (model, ..) = small_model();
    let clinical = ClinicalValues { central: Some(true), ..Default::default() };
    let estimate = model.predict(&vector(true, true, &clinical)).expect("an estimate");
    assert_eq!(estimate.imputed, ["c_stage_t"]);
    let outside: Vec<&str> = estimate.out_of_range.iter().map(|o| o.feature.as_str()).collect();
    assert_eq!(outside, ["g_gtv_maxdiam_mm"], "a tumour of 10 mm is smaller than any in training");
    let sum: f64 = estimate.contributions.iter().map(|c| c.change).sum();
    close(estimate.base + sum, estimate.probability, 1e-12);
    assert!(estimate.contributions.windows(2).all(|w| w[0].change.abs() >= w[1].change.abs()));
}

/// A station outside the scan has no features; the model then takes the value of its training patients, and says so.
#[test]
fn a_station_outside_the_scan_is_filled_in_and_named() {
    let (model, ..) = small_model();
    let mut vector = vector(true, true, &ClinicalValues { central: Some(true), ..Default::default() });
    for suffix in RATIO_SUFFIXES {
        vector.values[feature_index(&format!("ln10r_{suffix}")).expect("a feature")] = None;
    }
    let estimate = model.predict(&vector).expect("an estimate");
    assert_eq!(estimate.imputed, ["ln10r_ctv_in_ln", "c_stage_t"]);
    let filled = estimate.contributions.iter().find(|c| c.feature == "ln10r_ctv_in_ln").expect("an input");
    assert!(filled.imputed && filled.value == 2.0);
}

/// Without GTV the margin is the CTV, and always CTV less GTV: of exact copies one stays.
#[test]
fn the_filter_copes_with_families_that_follow_from_each_other() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let outcome: Vec<bool> = (0..60).map(|n| n % 3 == 0).collect();
    let ctv: Vec<f64> = outcome.iter().map(|y| rng.random_range(0.0..0.5) + if *y { 0.3 } else { 0.0 }).collect();
    let gtv: Vec<f64> = ctv.iter().map(|c| c * rng.random_range(0.0..1.0)).collect();
    let margin: Vec<f64> = ctv.iter().zip(&gtv).map(|(c, g)| c - g).collect();
    let idea: Vec<f64> = ctv.iter().map(|c| c / 3.0).collect();
    let kept = correlation_filter(&[ctv.clone(), gtv, margin, idea, ctv.clone(), vec![0.0; 60]], &outcome, 0.9);
    assert!(kept.contains(&0) && kept.iter().all(|k| *k < 3), "{kept:?}");
}

#[test]
fn without_a_ctv_or_touched_stations_there_is_no_figure() {
    let (model, ..) = small_model();
    let none = ClinicalValues::default();
    assert_eq!(model.predict(&vector(false, true, &none)), Err(RiskRefusal::Features(FeatureFlag::CtvEmpty)));
    assert_eq!(model.predict(&vector(true, false, &none)), Err(RiskRefusal::Features(FeatureFlag::NoStations)));
    // The CTV stands clear of the only station that is drawn: the ideaCTV is empty.
    assert_eq!(model.predict(&clear_vector()), Err(RiskRefusal::Features(FeatureFlag::IdeaEmpty)));
    let mut other = vector(true, true, &none);
    other.definition.touch = TouchRule::OneVoxel;
    assert_eq!(model.predict(&other), Err(RiskRefusal::Definition));
}

#[test]
fn a_model_folder_reads_back_and_a_wrong_one_is_refused_with_the_reason() {
    let (model, ..) = small_model();
    let folder = tempfile::tempdir().expect("a temporary folder");
    model.save(folder.path()).expect("writes");
    assert_eq!(RiskModel::load(folder.path()).expect("reads"), model);

    let file = |name: &str| folder.path().join(name);
    let manifest = std::fs::read_to_string(file(MANIFEST_FILE)).expect("readable");
    let with_manifest = |text: &str| {
        std::fs::write(file(MANIFEST_FILE), text).expect("written");
        let error = RiskModel::load(folder.path()).expect_err("refused");
        std::fs::write(file(MANIFEST_FILE), &manifest).expect("written");
        error
    };
    let changed = |from: &str, to: &str| {
        assert!(manifest.contains(from), "{from}");
        with_manifest(&manifest.replace(from, to))
    };
    assert!(matches!(changed("49a9c992", "00000000"), RiskModelError::Schema { .. }));
    assert!(matches!(changed("\"0.7.0\"", "\"0.6.0\""), RiskModelError::Version { .. }));
    assert!(matches!(changed("ln10r_ctv_in_ln", "ln99_ctv_in_ln"), RiskModelError::Manifest { .. }));
    let older = changed("\"format\": 3", "\"format\": 2").to_string();
    assert!(older.contains("layout 2 instead of 3"), "{older}");
    // Names that are all known, but not in the order of the forest; a fill; what it was trained on.
    let swapped = manifest.replace("g_central", "?").replace("c_stage_t", "g_central").replace('?', "c_stage_t");
    let error = with_manifest(&swapped);
    assert!(matches!(error, RiskModelError::Changed { .. }), "{error}");
    for (from, to) in [
        ("\"fill\": 2.0", "\"fill\": 3.0"),
        ("\"simulated\": true", "\"simulated\": false"),
        ("\"recommended\"", "\"paper\""),
    ] {
        assert!(matches!(changed(from, to), RiskModelError::Changed { .. }), "{from}");
    }
    for name in [FOREST_FILE, TRAINING_FILE, REPORT_FILE] {
        let whole = std::fs::read(file(name)).expect("readable");
        let mut other = whole.clone();
        let digit = other.iter().rposition(u8::is_ascii_digit).expect("a digit");
        other[digit] ^= 1;
        std::fs::write(file(name), &other).expect("written");
        let error = RiskModel::load(folder.path()).expect_err("refused");
        assert!(matches!(error, RiskModelError::Hash { .. }), "{error}");
        assert!(error.to_string().ends_with(name), "{error}");
        std::fs::remove_file(file(name)).expect("removes");
        let error = RiskModel::load(folder.path()).expect_err("refused");
        assert!(matches!(error, RiskModelError::Missing { .. }) && error.to_string().contains("hilum train risk"));
        std::fs::write(file(name), &whole).expect("written");
    }
    assert_eq!(RiskModel::load(folder.path()).expect("reads again"), model);
}

#[test]
fn a_forest_that_would_loop_or_leave_its_lists_is_refused() {
    let tree = |nodes: &str| {
        let text =
            format!(r#"{{"forest_regressor":{{"trees":[{{"nodes":[{nodes}]}}],"num_features":2,"samples":null}}}}"#);
        FlatForest::from_json(text.as_bytes())
    };
    let leaf = r#"{"output":0.5,"split_feature":0,"split_value":null,"split_score":null,"true_child":null,"false_child":null}"#;
    let split = |feature: usize, left: usize, right: usize| {
        format!(
            r#"{{"output":0.5,"split_feature":{feature},"split_value":0.1,"split_score":1.0,"true_child":{left},"false_child":{right}}}"#
        )
    };
    assert!(tree(&format!("{},{leaf},{leaf}", split(1, 1, 2))).is_ok());
    assert!(tree(&format!("{},{leaf},{leaf}", split(1, 0, 2))).is_err());
    assert!(tree(&format!("{},{leaf},{leaf}", split(1, 1, 3))).is_err());
    assert!(tree(&format!("{},{leaf},{leaf}", split(2, 1, 2))).is_err());
    assert!(tree("").is_err() && FlatForest::from_json(b"{}").is_err());
    assert!(tree(&leaf.replace("0.5", "1.5")).is_err());
}

// ---- Survival ---------------------------------------------------------------------------------------------------
//
// The golden values come from this program (Python 3.11, numpy 2.4.6, pandas 2.3.3, lifelines 0.30.3); it confirms
// those of R's survival (conf.type "log" and "log-log") in REFERENCE 6.2:
//
// # pip install lifelines
// import numpy as np, pandas as pd
// from lifelines import KaplanMeierFitter
// from lifelines.utils import median_survival_times
// def show(name, time, event, at):
//     k = KaplanMeierFitter().fit(time, event)
//     ev = k.event_table[k.event_table.observed > 0]
//     green = (ev.observed / (ev.at_risk * (ev.at_risk - ev.observed))).cumsum()  # Greenwood
//     se_log = lambda t: np.sqrt(green[green.index <= t].iloc[-1])
//     low, high = ([t for t in ev.index if k.predict(t) * np.exp(s * 1.959964 * se_log(t)) <= 0.5] for s in (-1, 1))
//     print(name, len(time), int(sum(event)), "median", k.median_survival_time_, "log", min(low), min(high, default=None),
//           "log-log", *median_survival_times(k.confidence_interval_).values[0])
//     for t in at:
//         s, e = k.predict(t), se_log(t)
//         print("  %g: %.4f SE %.4f log %.4f %.4f" % (t, s, s * e, s * np.exp(-1.959964 * e), s * np.exp(1.959964 * e)))
// def parse(s): return [float(x.strip("+")) for x in s.split()], [x[-1] != "+" for x in s.split()]
// show("6-MP", *parse("6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"), (6, 7, 10, 13, 16, 22, 23))
// show("placebo", *parse("1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"), ())
// d = pd.read_csv("ncctg_lung.csv")
// for name, g in [("all", d), ("men", d[d.sex == 1]), ("women", d[d.sex == 2])]:
//     show(name, g.time, g.status, (180, 365, 730))

fn follow_ups(text: &str) -> Vec<FollowUp> {
    text.split_whitespace()
        .map(|t| FollowUp { time: t.trim_end_matches('+').parse().expect("a number"), event: !t.ends_with('+') })
        .collect()
}

#[test]
fn freireich_6_mp_gives_the_textbook_curve() {
    let treated = follow_ups("6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+");
    let placebo = follow_ups("1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23");
    let curve = KaplanMeier::estimate(&treated).expect("patients");
    for (time, survival) in
        [(6.0, 0.8571), (7.0, 0.8067), (10.0, 0.7529), (13.0, 0.6902), (16.0, 0.6275), (22.0, 0.5378), (23.0, 0.4482)]
    {
        close(curve.survival_at(time), survival, 5e-5);
    }
    assert_eq!((curve.survival_at(5.9), curve.survival_at(100.0)), (1.0, curve.survival_at(23.0)));
    assert_eq!(curve.median(), Some(23.0));
    let curve = KaplanMeier::estimate(&placebo).expect("patients");
    assert_eq!((curve.median(), curve.survival_at(23.0)), (Some(8.0), 0.0));
    assert_eq!(curve.interval_at(23.0, 0.95, ConfidenceTransform::Log), None);
}

#[test]
fn ncctg_lung_gives_the_medians_of_r_and_of_lifelines() {
    let Some(path) = crate::support::test_data("survival-tables/ncctg_lung.csv") else { return };
    let mut reader = csv::Reader::from_path(path).expect("readable");
    let rows: Vec<(u8, FollowUp)> = reader
        .records()
        .map(|r| {
            let r = r.expect("a row");
            (r[4].parse().expect("sex"), FollowUp { time: r[1].parse().expect("time"), event: &r[2] == "1" })
        })
        .collect();
    assert_eq!((rows.len(), rows.iter().filter(|r| r.1.event).count()), (228, 165));
    let golden = [
        (
            None,
            [310.0, 285.0, 363.0],
            [284.0, 361.0],
            [(180.0, 0.7217, 0.0298), (365.0, 0.4092, 0.0358), (730.0, 0.1157, 0.0283)],
            [0.3447, 0.4858],
        ),
        (
            Some(1),
            [270.0, 212.0, 310.0],
            [210.0, 306.0],
            [(180.0, 0.6445, 0.0408), (365.0, 0.3361, 0.0434), (730.0, 0.0781, 0.0276)],
            [0.2609, 0.4329],
        ),
        (
            Some(2),
            [426.0, 348.0, 550.0],
            [345.0, 524.0],
            [(180.0, 0.8424, 0.0387), (365.0, 0.5265, 0.0597), (730.0, 0.1872, 0.0621)],
            [0.4215, 0.6576],
        ),
    ];
    for (sex, [median, lower, upper], log_log, points, year) in golden {
        let patients: Vec<FollowUp> = rows.iter().filter(|r| sex.is_none_or(|s| s == r.0)).map(|r| r.1).collect();
        let curve = KaplanMeier::estimate(&patients).expect("patients");
        assert_eq!(curve.median(), Some(median));
        assert_eq!(curve.median_interval(0.95, ConfidenceTransform::Log), (Some(lower), Some(upper)));
        let (lower, upper) = curve.median_interval(0.95, ConfidenceTransform::LogLog);
        assert_eq!([lower, upper], log_log.map(Some));
        for (time, survival, error) in points {
            close(curve.survival_at(time), survival, 5e-5);
            close(curve.standard_error_at(time), error, 5e-5);
        }
        let interval = curve.interval_at(365.0, 0.95, ConfidenceTransform::Log).expect("someone is left");
        close(interval.lower, year[0], 5e-5);
        close(interval.upper, year[1], 5e-5);
    }
}

#[test]
fn impossible_follow_up_is_refused() {
    assert_eq!(KaplanMeier::estimate(&[]), Err(KaplanMeierError::Empty));
    let error = KaplanMeier::estimate(&[FollowUp { time: -1.0, event: true }]).expect_err("refused");
    assert_eq!(error.to_string(), "follow-up times must be numbers from 0 upward, but patient 1 has -1");
}

#[test]
fn the_published_hazard_ratio_fits_its_interval_and_p_value() {
    let check = check_hazard_ratio(1.635, 1.055, 2.536, 0.95).expect("in order");
    close(check.se_log, 0.2237, 5e-5);
    close(check.z, 2.1974, 5e-5);
    close(check.p, 0.0280, 5e-5);
    close(check.geometric_middle, 1.6357, 5e-5);
    assert_eq!(check_hazard_ratio(1.0, 1.2, 2.0, 0.95), None);
}

#[test]
fn wilson_intervals_are_the_published_ones() {
    // 28 of 36 (REFERENCE 4.2), and none of 94 (REQUIREMENTS D7).
    let i = wilson_interval(28, 36, 0.95);
    close(i.lower, 0.619, 5e-4);
    close(i.upper, 0.883, 5e-4);
    let none = wilson_interval(0, 94, 0.95);
    assert_eq!(none.lower, 0.0);
    close(none.upper, 0.0393, 5e-5);
    let all = wilson_interval(94, 94, 0.95);
    assert_eq!(all.upper, 1.0);
    close(all.lower, 1.0 - none.upper, 1e-12);
    assert_eq!(wilson_interval(0, 0, 0.95), Interval { lower: 0.0, upper: 1.0 });
}

// ---- Cohort -----------------------------------------------------------------------------------------------------

#[test]
fn the_published_recurrences_add_up() {
    let table = PublishedRecurrence::built_in();
    assert_eq!((table.events, table.recurring_patients, table.patients), (170, 94, 180));
    let map = table.map(Denominator::Events, 0.95).expect("published");
    assert_eq!(map.stations.iter().map(|s| s.k).sum::<u64>(), 170);
    let (k, n, share) = map.share(&[Station::S10R, Station::S10L, Station::S4R, Station::S7]);
    assert_eq!((k, n), (115, 170));
    close(share, 0.6765, 5e-5);
    close(map.get(Station::S10R).proportion, 0.2941, 5e-5);
    let patients = table.map(Denominator::RecurringPatients, 0.95).expect("published");
    close(patients.get(Station::S10R).proportion, 0.5319, 5e-5);
    assert_eq!(patients.get(Station::S3P).percent_label(), "< 3.9 %", "none is not zero risk");
    assert_eq!(map.get(Station::S7).percent_label(), "10.6 %");
    assert!(map.stations.iter().all(|s| s.interval.lower <= s.proportion && s.proportion <= s.interval.upper));
}

#[test]
fn a_recurrence_table_that_does_not_add_up_is_refused() {
    let text = include_str!("../assets/cohort/published_recurrence.toml");
    let refused = |from: &str, to: &str| PublishedRecurrence::parse(&text.replace(from, to)).expect_err("refused");
    assert_eq!(refused("4R = 24", "4R = 25"), RecurrenceError::WrongSum { sum: 171, stated: 170 });
    assert_eq!(refused("4R = 24\n", ""), RecurrenceError::MissingStation(Station::S4R));
    assert_eq!(refused("4R = 24", "4X = 24"), RecurrenceError::UnknownStation("4X".into()));
    assert!(matches!(refused("4R = 24", "4R = 95"), RecurrenceError::MoreThanPatients { count: 95, .. }));
}

#[test]
fn every_inconsistency_says_what_why_and_what_then() {
    let list = inconsistencies();
    assert_eq!(list.len(), 8);
    for entry in list {
        for text in [&entry.title, &entry.reported, &entry.problem, &entry.treatment] {
            assert!(text.len() > 15, "{entry:?}");
        }
    }
    // The arithmetic in the words.
    close(0.611f64.ln() / 0.867f64.ln(), 3.45, 5e-3);
    close((1.0f64 - 0.611) * 180.0, 70.0, 0.1);
}

// ---- Training and the model that comes with the program ---------------------------------------------------------

/// Coarse phantoms, made quickly.
fn coarse(seed: u64) -> hilum::phantom::PhantomConfig {
    hilum::phantom::PhantomConfig::new(seed, [64, 64, 36], [6.0, 6.0, 8.0])
}

#[test]
fn simulated_patients_have_the_published_numbers_and_follow_the_written_truth() {
    let published = Margins::published();
    assert_eq!((published.patients, published.men, published.central, published.recurring), (180, 133, 142, 94));
    assert_eq!((published.events(), Margins::scaled(180)), (170, published));
    let margins = Margins::scaled(30);
    let cohort = simulate(&margins, 3, &coarse, &Silent).expect("makes patients");
    let count = |holds: &dyn Fn(&PatientRecord) -> bool| cohort.patients.iter().filter(|p| holds(&p.record)).count();
    assert_eq!(cohort.patients.len(), 30);
    assert_eq!(count(&|p| p.clinical.sex == Some(Sex::Male)), margins.men);
    assert_eq!(count(&|p| p.clinical.central == Some(true)), margins.central);
    assert_eq!(count(&|p| p.outcome.recurred == Some(true)), margins.recurring);
    assert_eq!(count(&|p| p.extra["concurrent_chemoradiotherapy"] == "1"), margins.concurrent_chemoradiotherapy);
    for station in Station::all() {
        let found = count(&|p| p.outcome.recurrence_stations.contains(&station));
        assert_eq!(found, margins.stations[station.index()], "{station}");
    }
    let mut ages: Vec<f64> = cohort.patients.iter().filter_map(|p| p.record.clinical.age_years).collect();
    ages.sort_by(f64::total_cmp);
    assert_eq!(ages[15], 60.0);
    let follow_up: Vec<FollowUp> = cohort
        .patients
        .iter()
        .map(|p| &p.record.outcome)
        .map(|o| FollowUp { time: o.follow_up_months.expect("known"), event: o.died == Some(true) })
        .collect();
    assert_eq!(KaplanMeier::of_follow_up(&follow_up).expect("a curve").median(), Some(36.0));
    for patient in &cohort.patients {
        let outcome = &patient.record.outcome;
        assert_eq!(outcome.recurred, Some(!outcome.recurrence_stations.is_empty()), "each recurs somewhere");
        assert_eq!(outcome.recurred, Some(outcome.recurrence_months.is_some()));
        assert!(outcome.recurrence_months.is_none_or(|m| Some(m) <= outcome.follow_up_months));
        assert_eq!(patient.record.clinical.central, patient.features.partition.near_airway);
    }
    let mean = |recurred: bool| {
        let of = cohort.patients.iter().filter(|p| p.record.outcome.recurred == Some(recurred));
        let of: Vec<f64> = of.map(|p| p.log_hazard).collect();
        of.iter().sum::<f64>() / of.len() as f64
    };
    assert!(mean(true) > mean(false), "the outcome follows the written truth");
    assert!(cohort.truth().contains("+1.0000  GTV reaches station 10R"), "{}", cohort.truth());
    let again = simulate(&margins, 3, &coarse, &Silent).expect("makes patients");
    for (a, b) in cohort.patients.iter().zip(&again.patients) {
        assert_eq!((&a.features, &a.record), (&b.features, &b.record));
    }
    assert!(matches!(simulate(&margins, 3, &coarse, &Stopped), Err(SimulationError::Cancelled(_))));
    assert!(matches!(simulate(&Margins::scaled(9), 3, &coarse, &Silent), Err(SimulationError::TooFew(9))));
}

#[test]
fn both_procedures_train_on_a_cohort_and_the_model_says_so() {
    let cohort = simulate(&Margins::scaled(40), 3, &coarse, &Silent).expect("makes patients");
    let set = TrainingSet::of_simulated(&cohort, Endpoint::default()).expect("a table");
    let forest = quick(KeepRule::Fixed(4), 3).elimination;
    let mut config = TrainRiskConfig {
        pipeline: PipelineConfig { outer_folds: 3, ..quick(KeepRule::Fixed(4), 3) },
        paper: PaperConfig { keep: 6, elimination: forest, grid: vec![forest], folds: 3, ..PaperConfig::default() },
        ..TrainRiskConfig::default()
    };
    let trained = train(&set, &config, &Silent).expect("trains");
    let (manifest, report) = (trained.model.manifest(), trained.model.report());
    assert!(manifest.simulated && manifest.provenance.contains("simulated patients"));
    assert_eq!((manifest.patients, manifest.events, manifest.features.len()), (40, 21, 4));
    assert!(manifest.features.iter().all(|f| f.name != "g_voxel_mm3"));
    assert_eq!(manifest.model_id, "simulated-40-recommended-p3");
    assert_eq!((&report.recommended.config, &report.paper.config), (&config.pipeline, &config.paper));
    assert_eq!((report.recommended.folds.len(), report.recommended.features.len()), (3, 4));
    assert_eq!((report.paper.trained_on, report.paper.features.len()), (32, 6));
    assert_eq!(report.paper.performance.as_ref().map(|p| p.patients), Some(8));
    assert_eq!(report.baselines.len(), 3);
    assert!(report.baselines.iter().all(|b| b.auc.is_some()));
    assert!(trained.model_card.contains("tested on none") && trained.model_card.contains("**Simulated.**"));
    assert!(trained.model_card.contains("+1.0000  GTV reaches station 10R"));
    for words in [
        "ROC with 95 % band",
        "Decision curve",
        "TRIPOD+AI",
        "27 Usability",
        "Procedure of the paper",
        "simulated patients",
    ] {
        assert!(trained.page.contains(words), "{words}");
    }
    let again = train(&set, &config, &Silent).expect("trains");
    assert!(again.model == trained.model && again.page == trained.page, "the same seeds, the same model");
    for patient in &cohort.patients {
        let estimate = trained.model.predict(&patient.features).expect("an estimate");
        assert!((0.0..=1.0).contains(&estimate.probability) && estimate.out_of_range.is_empty());
        close(trained.model.probability(&patient.features).expect("a figure"), estimate.probability, 0.0);
    }
    config.procedure = Procedure::Paper;
    let paper = train(&set, &config, &Silent).expect("trains");
    let manifest = paper.model.manifest();
    assert_eq!((manifest.patients, manifest.features.len(), manifest.procedure), (32, 6, Procedure::Paper));
    assert!(manifest.validation.method.contains("tested once on 8 patients"), "{}", manifest.validation.method);
    assert_eq!(paper.model.report().recommended, report.recommended, "the other one stays visible");
}

#[test]
fn who_cannot_be_judged_at_a_horizon_is_left_out_and_counted() {
    let cohort = simulate(&Margins::scaled(30), 5, &coarse, &Silent).expect("makes patients");
    let set = |endpoint: Endpoint| TrainingSet::of_simulated(&cohort, endpoint).expect("a table");
    let horizon = 24.0;
    let whole = set(Endpoint::default());
    assert_eq!((whole.table.len(), whole.table.events()), (30, 16));
    let cut = set(Endpoint { horizon_months: Some(horizon), ..Endpoint::default() });
    let outcomes = || cohort.patients.iter().map(|p| &p.record.outcome);
    let by_then = outcomes().filter(|o| o.recurrence_months.is_some_and(|m| m <= horizon)).count();
    let lost = outcomes()
        .filter(|o| {
            o.recurred == Some(false) && o.died == Some(false) && o.follow_up_months.is_some_and(|m| m < horizon)
        })
        .count();
    assert!(by_then > 0 && by_then < 16 && lost > 0, "{by_then} {lost}");
    assert_eq!((cut.table.events(), cut.table.len()), (by_then, 30 - lost));
    let row = cut.flow.iter().find(|f| f.what.contains("observed for less than the horizon")).expect("told");
    assert_eq!(row.patients, lost);
    assert_eq!(cut.flow.last().map(|f| (f.what.as_str(), f.patients)), Some(("with the event", by_then)));
    let local = set(Endpoint { event: Event::LocalFailure, ..Endpoint::default() });
    assert_eq!(local.table.events(), outcomes().filter(|o| o.local_failure == Some(true)).count());
}

#[test]
fn the_model_that_comes_with_the_program_loads_and_names_its_patients() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/risk");
    let model = RiskModel::load(&folder).expect("loads");
    let manifest = model.manifest();
    assert!(manifest.simulated && manifest.provenance.contains("simulated"));
    assert_eq!((manifest.patients, manifest.events), (180, 94));
    let report = model.report();
    assert_eq!(report.recommended.config, PipelineConfig::default(), "made by `hilum train risk` as it stands");
    assert_eq!(report.paper.config, PaperConfig::default());
    assert!(report.truth.is_some() && report.recommended.folds.len() == 25);
    let interval = manifest.validation.auc_interval;
    assert!(
        interval.lower > 0.5 && interval.lower < manifest.validation.auc && manifest.validation.auc < interval.upper
    );
    let size = std::fs::metadata(folder.join(FOREST_FILE)).expect("there").len();
    assert!(size < 1_500_000, "{size} bytes");
    let card = std::fs::read_to_string(folder.join("MODEL_CARD.md")).expect("there");
    assert!(card.contains("**Simulated.**") && card.contains(&format!("{:.3}", manifest.validation.auc)));
    let estimate = model.predict(&vector(true, true, &ClinicalValues::default())).expect("an estimate");
    assert!((0.0..=1.0).contains(&estimate.probability));
}

/// The forest of smartcore on fixed features and folds is as good as that of scikit-learn (tests/fixtures/risk_forest.py).
#[test]
fn the_forest_is_as_good_as_that_of_scikit_learn_on_the_same_folds() {
    #[derive(serde::Deserialize)]
    struct Golden {
        seeds: u64,
        mean_auc: f64,
        rows: Vec<Vec<f64>>,
        outcome: Vec<u8>,
        fold: Vec<usize>,
    }
    let golden: Golden = serde_json::from_str(include_str!("fixtures/risk_forest.json")).expect("a golden file");
    let outcome: Vec<bool> = golden.outcome.iter().map(|y| *y == 1).collect();
    let params = ForestParams { trees: 200, max_splits: Some(5), min_leaf: 3, candidates: SplitCandidates::SquareRoot };
    let mut areas = Vec::new();
    for seed in 0..golden.seeds {
        for fold in 0..5 {
            let part = |inside: bool| -> (Vec<Vec<f64>>, Vec<bool>) {
                let rows: Vec<usize> = (0..outcome.len()).filter(|r| (golden.fold[*r] == fold) == inside).collect();
                let columns = (0..golden.rows[0].len()).map(|f| rows.iter().map(|r| golden.rows[*r][f]).collect());
                (columns.collect(), rows.iter().map(|r| outcome[*r]).collect())
            };
            let ((train, train_outcome), (test, test_outcome)) = (part(false), part(true));
            let train: Vec<&[f64]> = train.iter().map(Vec::as_slice).collect();
            let test: Vec<&[f64]> = test.iter().map(Vec::as_slice).collect();
            let forest = FittedForest::fit(&train, &train_outcome, &params, seed * 1000).expect("trains");
            areas.extend(auc(&test_outcome, &forest.predict(&test).expect("predicts")));
        }
    }
    let mean = areas.iter().sum::<f64>() / areas.len() as f64;
    assert!((mean - golden.mean_auc).abs() < 0.02, "{mean} beside {}", golden.mean_auc);
}

#[test]
fn pure_noise_teaches_what_the_leak_does() {
    let lesson = noise_lesson(1, &Silent).expect("judged");
    assert!((0.35..=0.65).contains(&lesson.nested), "{lesson:?}");
    assert!(lesson.leaky > lesson.nested + 0.05 && lesson.leaky > 0.6, "{lesson:?}");
    assert_eq!(lesson, noise_lesson(1, &Silent).expect("judged"));
}
