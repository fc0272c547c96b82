//! `hilum bench risk`: the procedure of the paper on a table of its size, with two threads, and the same in scikit-learn where that
//! is installed; then a prediction, its contributions and the noise floor.

use super::{Bench, percentile};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::terminal::Terminal;
use crate::features::FeatureVector;
use crate::progress::{Progress, Silent};
use crate::risk::{PaperConfig, RiskModel, Table, auc, default_model_dir, paper_procedure};
use crate::workbench::{Live, NoiseSurvey, Workbench, load_demo};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::fmt::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const THREADS: usize = 2;
/// The peer, beside the other programs that Hilum is compared with.
const PEER: &str = include_str!("../../../benches/compare/risk.py");
/// As many as in the published study.
const PATIENTS: usize = 180;
const FEATURES: usize = 110;

#[derive(serde::Serialize)]
struct Peer {
    name: String,
    seconds: f64,
    /// Time of Hilum to that of the peer.
    ratio: f64,
    prediction_ms: f64,
    auc: f64,
}

#[derive(serde::Deserialize)]
struct Measured {
    name: String,
    seconds: f64,
    prediction_ms: f64,
    auc: f64,
}

#[derive(serde::Serialize)]
struct Report {
    name: &'static str,
    optimized: bool,
    seconds: f64,
    auc: Option<f64>,
    filtered: usize,
    prediction_ms: f64,
    contributions_ms: f64,
    noise_floor_ms: f64,
    peer: Option<Peer>,
}

impl Bench {
    pub(super) fn risk(&self, terminal: &Terminal) -> Result<(), Failure> {
        let table = table()?;
        let threads = rayon::ThreadPoolBuilder::new().num_threads(THREADS).build().map_err(Failure::failed)?;
        terminal.report("The procedure of the paper", 0, 1);
        let start = Instant::now();
        let run =
            threads.install(|| paper_procedure(&table, &PaperConfig::default(), &Silent)).map_err(Failure::failed)?;
        let seconds = start.elapsed().as_secs_f64();
        let outcome: Vec<bool> = run.test.iter().map(|r| table.outcome()[*r]).collect();
        terminal.report("The same in scikit-learn", 0, 1);
        let peer = peer(&table, seconds);
        let model = RiskModel::load(&default_model_dir()).map_err(Failure::refused)?;
        let loaded = load_demo(Workbench::DEMO_SEED, &Silent)?;
        let live = Live::new(&loaded.case, loaded.surroundings, Some(&model));
        let features = live.features().value.clone();
        let repeat = self.repeat.unwrap_or(200);
        let prediction_ms = median_ms(repeat, || model.probability(&features));
        let contributions_ms = contributions(&model, &features, repeat)?;
        let survey = NoiseSurvey::of(&loaded.case, &live, Arc::new(model));
        let noise_floor_ms = median_ms(5, || threads.install(|| survey.find()));
        terminal.finish();
        let report = Report {
            name: "risk",
            optimized: !cfg!(debug_assertions),
            seconds,
            auc: auc(&outcome, &run.predictions),
            filtered: run.filtered,
            prediction_ms,
            contributions_ms,
            noise_floor_ms,
            peer,
        };
        if self.json {
            return output::print_json(&report);
        }
        let beside = report.peer.as_ref().map_or_else(
            || "scikit-learn did not run: it is not installed, or HILUM_LOG=warn tells why".to_owned(),
            |p| format!("{} takes {:.1} s (ratio {:.2})", p.name, p.seconds, p.ratio),
        );
        output::print(&format!(
            "the procedure of the paper: {seconds:.1} s; {beside}\none prediction {:.4} ms, with contributions {:.3} ms, noise floor of the demo case {:.0} ms\n",
            report.prediction_ms, report.contributions_ms, report.noise_floor_ms
        ))
    }
}

fn contributions(model: &RiskModel, features: &FeatureVector, repeat: u32) -> Result<f64, Failure> {
    model.predict(features).map_err(|e| Failure::Failed(e.to_string()))?;
    Ok(median_ms(repeat, || model.predict(features)))
}

fn median_ms<T>(repeat: u32, mut work: impl FnMut() -> T) -> f64 {
    let mut samples: Vec<Duration> = (0..repeat)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed()
        })
        .collect();
    samples.sort();
    percentile(&samples, 0.5).unwrap_or_default().as_secs_f64() * 1e3
}

/// Values of which some follow from others, as those of a station do, and an outcome that hangs on a few.
fn table() -> Result<Table, Failure> {
    let mut rng = ChaCha8Rng::seed_from_u64(180_110);
    let mut rows = Vec::with_capacity(PATIENTS);
    let mut outcome = Vec::with_capacity(PATIENTS);
    for _ in 0..PATIENTS {
        let mut row: Vec<f64> = (0..FEATURES).map(|_| rng.random_range(-1.0..1.0)).collect();
        for f in (0..FEATURES).step_by(4) {
            row[f + 1] = row[f] + 0.2 * row[f + 1];
        }
        outcome.push(row[0] + row[8] - row[16] + rng.random_range(-1.5..1.5) > 0.0);
        rows.push(row.into_iter().map(Some).collect());
    }
    let names = (0..FEATURES).map(|n| format!("f{n}")).collect();
    Table::new(names, &rows, outcome).map_err(Failure::failed)
}

/// `None` where scikit-learn is not installed; anything else that fails is told.
fn peer(table: &Table, seconds: f64) -> Option<Peer> {
    let python = std::env::var_os("HILUM_PYTHON").unwrap_or_else(|| "python3".into());
    let there = Command::new(&python).args(["-c", "import numpy, sklearn"]).output();
    if !there.is_ok_and(|out| out.status.success()) {
        return None;
    }
    match ask_peer(&python, table) {
        Ok(m) => Some(Peer {
            name: m.name,
            ratio: seconds / m.seconds,
            seconds: m.seconds,
            prediction_ms: m.prediction_ms,
            auc: m.auc,
        }),
        Err(why) => {
            tracing::warn!("scikit-learn is there, but did not run: {why}");
            None
        }
    }
}

fn ask_peer(python: &std::ffi::OsStr, table: &Table) -> Result<Measured, String> {
    let place = tempfile::tempdir().map_err(|e| e.to_string())?;
    let path = |name: &str| place.path().join(name);
    let mut text = table.names().join(",") + ",outcome\n";
    for row in 0..table.len() {
        for f in 0..table.names().len() {
            let _infallible = write!(text, "{},", table.value(row, f).unwrap_or(0.0));
        }
        let _infallible = writeln!(text, "{}", u8::from(table.outcome()[row]));
    }
    std::fs::write(path("table.csv"), text).map_err(|e| e.to_string())?;
    std::fs::write(path("peer.py"), PEER).map_err(|e| e.to_string())?;
    let out = Command::new(python).args(["peer.py", "table.csv"].map(path)).output().map_err(|e| e.to_string())?;
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).trim().to_owned());
    }
    serde_json::from_slice(&out.stdout).map_err(|e| e.to_string())
}
