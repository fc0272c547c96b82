//! Risk models in the window: trained from the open cohort, chosen, used in Review; what is broken changes nothing.

use crate::support::bench::made_case;
use crate::support::window::{Start, Window};
use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use hilum::cohort::{CohortStore, Outcome, PatientRecord, StoredFeatures};
use hilum::contour::{Ring, SliceContours};
use hilum::features::{FeatureDefinition, catalogue, definition_sha256};
use hilum::progress::Silent;
use hilum::risk::{ForestParams, KeepRule, PaperConfig, PipelineConfig, RiskModel, SplitCandidates, default_model_dir};
use hilum::structures::{Provenance, Roi, RoiId, Role, Station};
use hilum::studies::train_risk::{MODEL_CARD_FILE, PAGE_FILE, TrainRiskConfig, TrainRiskError, train_into};
use hilum::studies::training_set::{Endpoint, TrainingSet};
use hilum::words::{Language, speak};
use hilum::workbench::cohort::{CohortCommand, TrainChoice};
use hilum::workbench::jobs::JobMode;
use hilum::workbench::{Command, LoadedCase, PreferenceCommand, Settings, Severity, Workbench, Workspace};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A simulated cohort in which the even patients recurred and the size of the tumour tells of it; the last two cannot be used.
fn cohort(folder: &Path, patients: usize, recurred: impl Fn(usize) -> bool, varies: bool) -> PathBuf {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let definition = definition_sha256(&FeatureDefinition::default());
    let patients: Vec<(PatientRecord, StoredFeatures)> = (0..patients + 2)
        .map(|n| {
            let event = recurred(n);
            let known = (n != patients).then_some(event);
            let outcome = Outcome { recurred: known, ..Outcome::default() };
            let value = |name: &str, noise: f64| match name {
                _ if !varies => 1.0,
                "g_gtv_maxdiam_mm" => 30.0 + 20.0 * noise + if event { 15.0 } else { 0.0 },
                _ => 0.1 + noise,
            };
            let values = catalogue().iter().map(|f| Some(value(&f.name, rng.random_range(0.0..1.0)))).collect();
            let values = if n == patients + 1 { Err("no contours".to_owned()) } else { Ok(values) };
            let record = PatientRecord { id: format!("p{n}"), outcome, ..PatientRecord::default() };
            (record, StoredFeatures { source: format!("case {n}"), definition: definition.clone(), values })
        })
        .collect();
    let path = folder.join("lungs.hilum-cohort");
    CohortStore::create_simulated(&path, "Lungs: north/south", "size tells", &patients).expect("made");
    path
}

fn alternating(n: usize) -> bool {
    n.is_multiple_of(2)
}

/// A model of a cohort, made quickly.
fn trained(cohort: &Path, folder: &Path) -> Result<RiskModel, TrainRiskError> {
    let store = CohortStore::open(cohort).expect("opens");
    let set = TrainingSet::of_store(&store, Endpoint::default()).expect("a table");
    let forest = ForestParams { trees: 20, max_splits: Some(3), min_leaf: 3, candidates: SplitCandidates::SquareRoot };
    let pipeline = PipelineConfig {
        repeats: 1,
        keep: KeepRule::Fixed(4),
        elimination: forest,
        grid: vec![forest],
        ..PipelineConfig::default()
    };
    let paper = PaperConfig { elimination: forest, grid: vec![forest], ..PaperConfig::default() };
    let config = TrainRiskConfig { pipeline, paper, ..TrainRiskConfig::default() };
    train_into(&set, &config, folder, false, &Silent).map(|trained| trained.model)
}

/// A case for which there is a figure.
fn case() -> LoadedCase {
    let roi = |name: &str, role: Role, [a, b]: [f64; 2]| {
        let mut roi = Roi::new(RoiId(0), name, [1, 2, 3], role, Provenance::Drawn);
        let ring = Ring::new([[a, a], [b, a], [b, b], [a, b]]);
        for k in 3..8 {
            roi.slices.insert(k, Arc::new(SliceContours::new(vec![ring.clone()])));
        }
        roi
    };
    let station = Role::Station(Station::S10R);
    let rois = vec![
        roi("GTVp", Role::Gtvp, [22.0, 40.0]),
        roi("CTV", Role::Ctv, [18.0, 44.0]),
        roi("10R", station, [10.0, 50.0]),
    ];
    made_case(|_| 30, rois)
}

fn model_id(w: &Workbench) -> String {
    w.risk_model().as_ref().expect("a model").manifest().model_sha256.clone()
}

fn figure(w: &Workbench) -> f64 {
    let risk = w.live().and_then(|live| live.risk()).expect("a model");
    risk.value.as_ref().expect("an estimate").probability
}

fn last(w: &Workbench) -> (Severity, String) {
    let notice = w.notices().all().last().expect("told");
    (notice.severity, notice.summary.clone())
}

fn type_into(w: &mut Window, field: &str, text: &str) {
    w.harness.get_by_label(field).focus();
    w.settle();
    w.key(Modifiers::COMMAND, Key::A).type_text(text);
}

fn enabled(w: &Window, label: &str) -> bool {
    !w.harness.get_by_label(label).accesskit_node().is_disabled()
}

#[test]
fn a_model_is_trained_in_the_window_chosen_and_used_in_review() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = cohort(folder.path(), 40, alternating, true);
    let settings = folder.path().join("home/settings.toml");
    let start = Start { settings_path: Some(settings.clone()), size: Some([1600.0, 1000.0]), ..Start::default() };
    let gpu = std::env::var_os("HILUM_PICTURES").is_some();
    let mut w = Window::with_case(case(), Start { gpu, ..start });
    let (usual, before) = (model_id(w.workbench()), figure(w.workbench()));
    assert!(w.says("Comes with Hilum: 180 patients, 94 events, nested AUC 0.67 (0.60 to 0.75)"), "{}", w.all_text());
    w.send(Command::SetWorkspace(Workspace::Cohort)).click("Risk model");
    assert!(w.has("Comes with Hilum") && w.has("in use in Review") && !w.has("Use in Review"), "{}", w.all_text());
    assert!(!enabled(&w, "Train from this cohort…"), "no cohort is open");
    w.send(Command::Cohort(CohortCommand::Open(path.clone()))).click("Train from this cohort…");
    assert!(w.says("left out: features could not be computed"), "{}", w.all_text());
    let counted = |w: &Window| {
        let patients = w.workbench().cohort().training_patients().expect("counted").expect("a table");
        patients.flow.iter().map(|row| (row.what.clone(), row.patients)).collect::<Vec<_>>()
    };
    let expected = [
        ("in the cohort", 42),
        ("left out: whether it happened is not known", 1),
        ("left out: features could not be computed", 1),
        ("analysed", 40),
        ("with the event", 20),
    ];
    assert_eq!(counted(&w), expected.map(|(what, n)| (what.to_owned(), n)));
    // Nobody's follow-up is known, so that at a horizon nobody is left.
    w.click("Only up to");
    assert!(w.says("0 of 0 patients have the event: too few") && !enabled(&w, "Train"), "{}", w.all_text());
    w.click("Only up to");

    type_into(&mut w, "Name of the risk model", "a/b");
    assert!(w.says("A name has at most 60 characters") && !enabled(&w, "Train"));
    type_into(&mut w, "Name of the risk model", "Lungs");
    type_into(&mut w, "Repeats of the outer folds", "1");
    w.key(Modifiers::NONE, Key::Enter);
    w.picture("risk_training");
    assert!(enabled(&w, "Train"), "{}", w.all_text());
    w.activate("Train");
    let own = folder.path().join("home/risk-models/Lungs");
    let model = RiskModel::load(&own).unwrap_or_else(|e| panic!("{e}: {}", w.all_text()));
    assert!(own.join(PAGE_FILE).exists() && own.join(MODEL_CARD_FILE).exists());
    let report = model.report();
    assert_eq!((report.patients, report.events, report.recommended.config.repeats), (40, 20, 1));
    assert!(report.recommended.performance.auc > 0.6, "size tells: {}", report.recommended.performance.auc);
    // The report of the new one is shown at once; the other one still estimates.
    assert!(w.says("Trained on 40 simulated patients") && !w.has("Train"), "{}", w.all_text());
    assert_eq!((model_id(w.workbench()), figure(w.workbench())), (usual.clone(), before));
    w.picture("risk_trained");
    w.activate("Use in Review");
    assert_eq!(model_id(w.workbench()), model.manifest().model_sha256);
    assert_eq!(last(w.workbench()).1, "Another risk model estimates in Review from now on");
    let live = w.workbench().live().expect("a case");
    let expected = model.predict(&live.features().value).expect("an estimate");
    assert_eq!(
        (live.risk().map(|risk| risk.value.clone()), live.opened()),
        (Some(Ok(expected.clone())), Some(&expected))
    );
    assert!(expected.probability != before);
    w.send(Command::SetWorkspace(Workspace::Review));
    assert!(w.says("Lungs: 40 patients, 20 events, nested AUC"), "{}", w.all_text());
    assert!(w.workbench().live().and_then(|live| live.noise()).is_some(), "found again for the new model");
    assert_eq!(Settings::load(&settings).expect("read").risk_model_folder(), own);
    let again = Workbench::new(JobMode::Inline, Some(settings.clone()));
    assert_eq!(model_id(&again), model.manifest().model_sha256, "and after the next start");

    // A second one under the same name only where it may replace the first; it is in use at once, as its folder is.
    w.send(Command::SetWorkspace(Workspace::Cohort)).activate("Train from this cohort…");
    type_into(&mut w, "Name of the risk model", "Lungs");
    assert!(w.says("There is a model of this name") && !enabled(&w, "Train"), "{}", w.all_text());
    w.click("Replace the model of this name");
    assert!(enabled(&w, "Train"));
    let choice = TrainChoice { repeats: 1, seed: 7, name: "Lungs".into(), ..TrainChoice::default() };
    w.send(Command::Cohort(CohortCommand::Train(choice.clone())));
    assert!(w.says("a risk model is there already") && RiskModel::load(&own).expect("loads") == model);
    w.send(Command::Cohort(CohortCommand::Train(TrainChoice { overwrite: true, ..choice })));
    let second = RiskModel::load(&own).expect("loads");
    assert!(second != model && model_id(w.workbench()) == second.manifest().model_sha256);
    w.activate("Comes with Hilum").activate("Use in Review");
    assert_eq!((model_id(w.workbench()), figure(w.workbench())), (usual, before));
    assert_eq!(Settings::load(&settings).expect("read").risk_model, None);

    w.send(Command::SetIdentifiersHidden(true));
    let text = w.all_text();
    assert!(!text.contains("Lungs") && !text.contains("risk-models") && w.has("Risk model 2"), "{text}");
}

#[test]
fn patients_that_make_no_model_are_named_in_the_page() {
    let page = |cohort: &Path| {
        let settings_path = Some(cohort.with_file_name("settings.toml"));
        let mut w = Window::open(Start { settings_path, size: Some([1600.0, 1000.0]), ..Start::default() });
        w.send(Command::SetWorkspace(Workspace::Cohort)).send(Command::Cohort(CohortCommand::Open(cohort.to_owned())));
        w.click("Risk model").click("Train from this cohort…");
        w
    };
    for (patients, recurred, words) in [
        (16, alternating as fn(usize) -> bool, "8 of 16 patients have the event: too few for 5 folds"),
        (30, |_| true, "30 of 30 patients have the event: too few for 5 folds"),
    ] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let w = page(&cohort(folder.path(), patients, recurred, true));
        assert!(w.says(words) && !enabled(&w, "Train"), "{}", w.all_text());
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut w = page(&cohort(folder.path(), 30, alternating, false));
    w.activate("Train");
    assert!(w.says("No risk model was trained: no feature varies in the training part"), "{}", w.all_text());
    assert!(!folder.path().join("risk-models").exists(), "nothing is left behind");
}

#[test]
fn a_broken_or_newer_model_changes_nothing_and_is_told() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = cohort(folder.path(), 40, alternating, true);
    let (settings, own) = (folder.path().join("settings.toml"), folder.path().join("risk-models"));
    let model = trained(&path, &own.join("good")).expect("trains");
    assert!(matches!(trained(&path, &own.join("good")), Err(TrainRiskError::Exists(_))));
    for name in ["broken", "newer"] {
        model.save(&own.join(name)).expect("written");
    }
    let forest = std::fs::read_to_string(own.join("broken/forest.json")).expect("read");
    std::fs::write(own.join("broken/forest.json"), forest.replacen('1', "2", 1)).expect("written");
    let manifest = std::fs::read_to_string(own.join("newer/manifest.json")).expect("read");
    std::fs::write(own.join("newer/manifest.json"), manifest.replace("\"format\": 3", "\"format\": 4"))
        .expect("written");

    let mut w = Workbench::new(JobMode::Stepped, Some(settings.clone()));
    let known: Vec<(String, bool)> = w
        .known_risk_models()
        .into_iter()
        .map(|known| (known.folder.file_name().expect("a name").display().to_string(), known.manifest.is_ok()))
        .collect();
    let expected = [("risk", true), ("broken", true), ("good", true), ("newer", false)];
    assert_eq!(known, expected.map(|(name, whole)| (name.to_owned(), whole)));
    let usual = model_id(&w);
    let choose = |w: &mut Workbench, name: &str| {
        w.execute(Command::Preference(PreferenceCommand::SetRiskModel(own.join(name))));
    };
    for (name, why) in [("broken", "does not belong to its manifest"), ("newer", "a newer version"), ("none", "has no")]
    {
        choose(&mut w, name);
        for _ in 0..5 {
            w.poll();
        }
        let notice = w.notices().all().last().expect("told");
        assert_eq!(notice.summary, "The risk model was not changed: this one cannot be used");
        assert!(notice.severity == Severity::Error && notice.details.iter().any(|d| d.contains(why)), "{notice:?}");
        w.execute(Command::ShowRiskModel(own.join(name)));
        for _ in 0..5 {
            w.poll();
        }
        assert_eq!(last(&w), (Severity::Error, "This risk model cannot be shown".to_owned()));
        assert_eq!((model_id(&w), w.shown_risk_model().expect("one").folder), (usual.clone(), default_model_dir()));
    }
    assert!(!settings.exists(), "nothing was remembered");
    // A whole one is read beside the window: it is taken when it has been read, not before.
    choose(&mut w, "good");
    assert_eq!(model_id(&w), usual);
    w.poll();
    assert_eq!(model_id(&w), model.manifest().model_sha256);
    std::fs::remove_file(own.join("good/training.json")).expect("removed");
    let again = Workbench::new(JobMode::Inline, Some(settings));
    assert_eq!(model_id(&again), usual, "the usual one instead");
    let told = |n: &hilum::workbench::Notice| n.summary.starts_with("The risk model of the settings cannot be used");
    assert!(again.notices().all().iter().any(told));
}

#[test]
fn a_picked_folder_is_shown_and_the_page_is_chinese() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = cohort(folder.path(), 40, alternating, true);
    let elsewhere = folder.path().join("of another clinic");
    trained(&path, &elsewhere).expect("trains");
    let settings_path = Some(folder.path().join("home/settings.toml"));
    let answers = vec![Some(elsewhere.clone())];
    let gpu = std::env::var_os("HILUM_PICTURES").is_some();
    let mut w = Window::open(Start { settings_path, answers, size: Some([1100.0, 760.0]), gpu, ..Start::default() });
    w.send(Command::SetWorkspace(Workspace::Cohort)).send(Command::Cohort(CohortCommand::Open(path)));
    w.click("Risk model").activate("Another folder…");
    assert!(w.says("Trained on 40 simulated patients") && w.has("of another clinic"), "{}", w.all_text());
    w.activate("Train from this cohort…");
    w.send(Command::Preference(PreferenceCommand::SetLanguage(Language::Chinese)));
    w.send(Command::SetIdentifiersHidden(true));
    w.picture("risk_chinese");
    let stay = "hilum train risk Hilum CT CTV GTV AUC ROC TP FP FN TN PPV NPV MCC F1 Brier Wilson DeLong Nogueira rho Ctrl Page Down Brinkman mm cm";
    let mut wrong = Vec::new();
    for line in w.all_text().lines() {
        let words = line.split(|c: char| !(c.is_ascii_alphabetic() || c == '_')).filter(|w| w.len() > 2);
        let foreign: Vec<&str> = words.filter(|w| !stay.contains(w)).collect();
        if !foreign.is_empty() && !line.starts_with("Resize") && !line.starts_with("Lungs") {
            wrong.push(format!("{line} {foreign:?}"));
        }
    }
    speak(Language::English);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
