//! Training DiUnet-R on generated phantoms, and if there are any on the patients of a cohort, on the CPU:
//! `hilum train diunet`.
//!
//! Phantoms of ever new seeds are made by a thread beside the training; samples are prepared by the code that inference
//! uses. Validation phantoms have seeds that training never uses. The best weights so far are always on disk.

mod cases;
mod checkpoint;
mod patients;
mod smooth;
mod validation;

pub use cases::phantom;
pub use patients::{CohortConfig, Patient, Pool, held_out};
pub use validation::{Scores, station_scores};

use crate::diunet::{
    AdamW, CLASSES, CohortSummary, LoadedModel, LossWeights, Losses, MANIFEST, ModelError, ModelManifest, Network,
    TrainingOptions, TrainingSummary, Variant, Weights, loss_and_gradient,
};
use crate::phantom::{PhantomError, Variation};
use crate::progress::{Progress, Silent};
use candle_core::{Device, Tensor, Var};
use cases::{Ring, Sample, TrainingCase, Truth};
use checkpoint::{CHECKPOINT, Count};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Seeds of phantoms kept for validation begin here; training seeds stay below.
pub const FIRST_VALIDATION_SEED: u64 = 1_000_000;
/// Weight of the old value in the running statistics of the normalisation.
const STATISTICS_MEMORY: f64 = 0.9;
/// Samples drawn from a case before a newer one may replace it.
const SAMPLES_PER_CASE: usize = 150;

/// What to train and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainConfig {
    pub model_id: String,
    pub variant: Variant,
    /// Pixel size and side of the network's input.
    pub spacing_mm: f64,
    pub crop: usize,
    /// Side of the patches that the network learns from (the crop, if that is smaller): it has no fixed input size.
    pub patch: usize,
    /// Training ends after this many steps ...
    pub steps: usize,
    /// ... or, if given, when this much time has passed, whichever is first. The learning rate follows the nearer end.
    /// Both count the runs before that it goes on from.
    pub minutes: Option<f64>,
    pub batch: usize,
    pub learning_rate: f64,
    /// How widely the phantoms differ, those for validation too.
    pub phantoms: Variation,
    /// Phantoms held at a time.
    pub cases: usize,
    /// Seed of the first training phantom; the following ones count up.
    pub first_seed: u64,
    pub validation_cases: usize,
    /// Minutes between validations.
    pub validate_every_minutes: f64,
    /// Seed of the first weights and of the samples drawn.
    pub seed: u64,
    /// The model folder to write; it also holds the checkpoint.
    pub out_dir: PathBuf,
    /// Go on from the checkpoint of an earlier run: the file, or the folder that holds it.
    pub resume: Option<PathBuf>,
    /// Replace a model that is in `out_dir` already.
    pub overwrite: bool,
    /// Patients beside the phantoms.
    pub cohort: Option<CohortConfig>,
}

impl TrainConfig {
    /// The settings of a run for which nothing else is asked. Those behind a set of weights stand in its manifest.
    pub fn new(out_dir: PathBuf) -> Self {
        Self {
            model_id: "diunet-r-fast25d-synthetic".into(),
            variant: Variant::Fast25d,
            spacing_mm: 2.3,
            crop: 128,
            patch: 96,
            steps: 6000,
            minutes: None,
            batch: 8,
            learning_rate: 2e-3,
            phantoms: Variation::Population,
            cases: 48,
            first_seed: 10_000,
            validation_cases: 4,
            validate_every_minutes: 5.0,
            seed: 1,
            out_dir,
            resume: None,
            overwrite: false,
            cohort: None,
        }
    }
}

/// One line of the training curve.
#[derive(Debug, Clone, PartialEq)]
pub struct CurvePoint {
    pub step: usize,
    pub minutes: f64,
    /// Means since the last point.
    pub losses: Losses,
    /// Over phantoms and patients held out, if there are any: the mean of both means.
    pub mean_dsc: f64,
}

/// What came out.
#[derive(Debug, Clone)]
pub struct TrainReport {
    /// As written beside the best weights.
    pub manifest: ModelManifest,
    pub curve: Vec<CurvePoint>,
    /// The user stopped it; the best weights so far were kept.
    pub cancelled: bool,
}

/// Why training did not end well.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("training cannot start: {0}; change the setting")]
    Setting(String),
    #[error("training cannot go on from the checkpoint: {reason}; start anew or give another one: {}", path.display())]
    Resume { reason: String, path: PathBuf },
    #[error(
        "the folder holds a model already, which was left as it is; choose another one, go on from its checkpoint with --resume, or add --overwrite: {}", .0.display()
    )]
    Occupied(PathBuf),
    #[error(
        "the folder holds a model that cannot be compared with this run ({reason}), so the better one would not be known; choose another folder or add --overwrite: {}", path.display()
    )]
    NotComparable { reason: String, path: PathBuf },
    #[error("training stopped before the first validation; nothing was written")]
    CancelledEarly,
    #[error("training failed in the network ({0}); report this with the settings")]
    Network(#[from] candle_core::Error),
    #[error("training failed: no phantom could be made for seeds from {0}")]
    NoCases(u64),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("the checkpoint could not be written ({source}); check permissions and free space: {}", path.display())]
    Checkpoint { source: std::io::Error, path: PathBuf },
}

/// The weights in training: variables, running statistics, and the moving average of both.
struct Learner {
    manifest: ModelManifest,
    variables: BTreeMap<String, Var>,
    /// Running means and variances by name.
    statistics: BTreeMap<String, Tensor>,
    average: BTreeMap<String, Vec<f32>>,
    optimizer: AdamW,
    steps: usize,
    /// SHA-256 of the checkpoint that it began with.
    resumed_from: Option<String>,
}

impl Learner {
    fn new(manifest: ModelManifest, start: &Weights) -> candle_core::Result<Self> {
        let (mut variables, mut statistics, mut average) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for spec in manifest.variant.architecture().tensors(false) {
            let tensor = start.get(&spec.name)?;
            average.insert(spec.name.clone(), tensor.flatten_all()?.to_vec1::<f32>()?);
            if spec.trained {
                variables.insert(spec.name, Var::from_tensor(&tensor)?);
            } else {
                statistics.insert(spec.name, tensor);
            }
        }
        Ok(Self { manifest, variables, statistics, average, optimizer: AdamW::new(1e-4), steps: 0, resumed_from: None })
    }

    fn weights(&self) -> Weights {
        let variables = self.variables.iter().map(|(n, v)| (n.clone(), v.as_tensor().clone()));
        let all = variables.chain(self.statistics.iter().map(|(n, t)| (n.clone(), t.clone()))).collect();
        Weights::from_tensors(&self.manifest.variant.architecture(), false, all).expect("made from the same list")
    }

    fn averaged(&self) -> Weights {
        let shapes = self.manifest.variant.architecture().tensors(false);
        let all = shapes.into_iter().map(|spec| {
            let values = self.average[&spec.name].clone();
            (spec.name, Tensor::from_vec(values, spec.shape, &Device::Cpu).expect("kept with its shape"))
        });
        Weights::from_tensors(&self.manifest.variant.architecture(), false, all.collect())
            .expect("made from the same list")
    }

    fn step(&mut self, batch: &[Sample], side: usize, weights: &LossWeights, rate: f32) -> candle_core::Result<Losses> {
        let architecture = self.manifest.variant.architecture();
        let n = batch.len();
        let join = |part: fn(&Sample) -> &Vec<f32>, channels: usize| {
            let values: Vec<f32> = batch.iter().flat_map(|s| part(s).iter().copied()).collect();
            Tensor::from_vec(values, (n, channels, side, side), &Device::Cpu)
        };
        let ct = join(|s| &s.ct, architecture.ct_channels())?;
        let gtv = join(|s| &s.gtv, architecture.gtv_channels())?;
        let labels: Vec<u8> = batch.iter().flat_map(|s| s.labels.iter().copied()).collect();
        let in_ctv: Vec<u8> = batch.iter().flat_map(|s| s.in_ctv.iter().copied()).collect();

        let network = Network::new(&architecture, &self.weights())?;
        let (logits, statistics) = network.forward_training(&ct, &gtv)?;
        let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        let (losses, for_stations, for_ctv) =
            loss_and_gradient(&flat(&logits.stations)?, &flat(&logits.ctv)?, &labels, &in_ctv, side * side, weights);
        // The sum of logits times the loss's gradient has that gradient.
        let for_stations = Tensor::from_vec(for_stations, logits.stations.shape(), &Device::Cpu)?;
        let for_ctv = Tensor::from_vec(for_ctv, logits.ctv.shape(), &Device::Cpu)?;
        let surrogate = logits.stations.mul(&for_stations)?.sum_all()?.add(&logits.ctv.mul(&for_ctv)?.sum_all()?)?;
        let gradients = surrogate.backward()?;
        self.optimizer.step(&self.variables, &gradients, rate)?;
        self.steps += 1;

        for (name, of_batch) in statistics {
            for (part, values) in [("mean", of_batch.mean), ("variance", of_batch.variance)] {
                let key = format!("{name}.norm.{part}");
                let new = Tensor::from_vec(values.clone(), values.len(), &Device::Cpu)?;
                let old = &self.statistics[&key];
                let mixed = ((old * STATISTICS_MEMORY)? + (new * (1.0 - STATISTICS_MEMORY))?)?;
                self.statistics.insert(key, mixed);
            }
        }
        // A short memory at first: the first weights are random.
        let memory = (1.0 - 1.0 / (1.0 + self.steps as f32 / 8.0)).min(0.995);
        let tensors = self.variables.iter().map(|(n, v)| (n, v.as_tensor())).chain(&self.statistics);
        for (name, tensor) in tensors {
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            let average = self.average.get_mut(name).expect("made from the same list");
            average.par_chunks_mut(1 << 15).zip(values.par_chunks(1 << 15)).for_each(|(a, v)| {
                a.iter_mut().zip(v).for_each(|(a, v)| *a += (v - *a) * (1.0 - memory));
            });
        }
        Ok(losses)
    }
}

/// The manifest of the model to be: what the network wants as input. For [`Pool::add`].
///
/// # Errors
/// [`TrainError::Setting`] for settings that cannot lead to a model.
pub fn manifest_to_be(config: &TrainConfig) -> Result<ModelManifest, TrainError> {
    checked(&TrainConfig { patch: config.patch.min(config.crop), ..config.clone() })
}

/// Trains and writes the best weights with their manifest into `out_dir`. `pool` holds the patients, none without a cohort.
///
/// # Errors
/// See [`TrainError`]. Cancelling after the first step is no error: the best weights so far are kept.
pub fn train(config: &TrainConfig, pool: &Pool, progress: &dyn Progress) -> Result<TrainReport, TrainError> {
    let config = &TrainConfig { patch: config.patch.min(config.crop), ..config.clone() };
    let manifest = checked(config)?;
    let holds_model = [MANIFEST, CHECKPOINT].iter().any(|name| config.out_dir.join(name).exists());
    if holds_model && config.resume.is_none() && !config.overwrite {
        return Err(TrainError::Occupied(config.out_dir.clone()));
    }
    let best = if config.resume.is_some() { best_before(config, pool)? } else { None };
    let (learner, before) = match &config.resume {
        None => {
            let start = Weights::random(&config.variant.architecture(), config.seed);
            (Learner::new(manifest.clone(), &start)?, Count::default())
        }
        Some(path) => checkpoint::read(path, manifest.clone())?,
    };
    if before.steps >= config.steps || config.minutes.is_some_and(|m| before.minutes >= m) {
        let (steps, minutes) = (before.steps, before.minutes);
        return refuse(format!(
            "the checkpoint has had {steps} steps in {minutes:.1} minutes, and no more were asked for in all runs together"
        ));
    }
    let ring = Mutex::new(Ring::new(config.cases));
    let (drawn, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        // Also when the training panics: the scope waits for the thread.
        let _stop = StopOnDrop(&stop);
        let making = std::thread::Builder::new()
            .name("phantoms".into())
            .spawn_scoped(scope, || make_cases(config, &manifest, before.cases, &ring, &drawn, &stop));
        let Ok(making) = making else { return Err(TrainError::NoCases(config.first_seed)) };
        let result = run(config, learner, before, best, pool, &ring, &drawn, &|| !making.is_finished(), progress);
        stop.store(true, Ordering::Relaxed);
        if making.join().is_err() {
            tracing::warn!("the thread that makes phantoms has failed; training used those that were there");
        }
        result
    })
}

/// Sets the flag when it goes, however that comes about.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn refuse<T>(reason: String) -> Result<T, TrainError> {
    Err(TrainError::Setting(reason))
}

/// Refuses settings that cannot lead to a model, before anything is made; gives the manifest to be.
fn checked(config: &TrainConfig) -> Result<ModelManifest, TrainError> {
    let multiple = config.variant.architecture().side_multiple();
    let mut manifest = ModelManifest::new(&config.model_id, config.variant, config.spacing_mm, config.crop);
    manifest.training_data = statement(config.cohort.as_ref());
    match manifest.check(&config.out_dir) {
        Ok(()) => {}
        Err(ModelError::Manifest { reason, .. }) => return refuse(reason),
        Err(other) => return Err(other.into()),
    }
    if config.patch == 0 || !config.patch.is_multiple_of(multiple) {
        return refuse(format!("the patch of {} pixels must be a multiple of {multiple}", config.patch));
    }
    if config.batch == 0 || config.steps == 0 || config.cases == 0 || config.validation_cases == 0 {
        return refuse("batch, steps, cases and validation cases must be at least 1".into());
    }
    if !config.learning_rate.is_finite() || config.learning_rate <= 0.0 || config.learning_rate > 1.0 {
        return refuse(format!("the learning rate of {} must lie between 0 and 1", config.learning_rate));
    }
    if config.minutes.is_some_and(|m| !m.is_finite() || m <= 0.0)
        || !config.validate_every_minutes.is_finite()
        || config.validate_every_minutes < 0.0
    {
        return refuse("the minutes must be positive numbers".into());
    }
    if let Some(cohort) = &config.cohort {
        if cohort.patients == 0 {
            return refuse("the cohort has no patient".into());
        }
        if !(0.0..=1.0).contains(&cohort.share) {
            return refuse(format!("the share of the cohort of {} must lie between 0 and 1", cohort.share));
        }
    }
    if config.first_seed >= FIRST_VALIDATION_SEED {
        return refuse(format!("training seeds must lie below {FIRST_VALIDATION_SEED}"));
    }
    Ok(manifest)
}

/// One sentence on the data, shown with every result.
fn statement(cohort: Option<&CohortConfig>) -> String {
    let Some(cohort) = cohort else {
        return "Synthetic phantoms only: made by this program's phantom generator, stations by its rule engine; no patient"
            .into();
    };
    let patients = if cohort.patients == 1 { "1 patient".to_owned() } else { format!("{} patients", cohort.patients) };
    format!(
        "Synthetic phantoms and {patients} ({}), the patients' stations {}",
        cohort.note.trim().trim_end_matches('.'),
        if cohort.by_rules {
            "drawn by this program's rules, not by a person"
        } else {
            "as their structure sets have them"
        }
    )
}

fn validation_seeds(config: &TrainConfig) -> Vec<u64> {
    (0..config.validation_cases as u64).map(|n| FIRST_VALIDATION_SEED + n).collect()
}

/// The model that is in the folder, if this run may only replace it by a better one.
fn best_before(config: &TrainConfig, pool: &Pool) -> Result<Option<ModelManifest>, TrainError> {
    let folder = &config.out_dir;
    if !folder.join(MANIFEST).exists() {
        return Ok(None);
    }
    let reason = match LoadedModel::load(folder) {
        Err(error) => error.to_string(),
        Ok(model) if model.manifest().variant != config.variant => format!("it is a {}", model.manifest().variant),
        Ok(model) if model.manifest().training.validation_seeds != validation_seeds(config) => {
            format!("it was judged on {} phantoms", model.manifest().training.validation_seeds.len())
        }
        Ok(model)
            if model.manifest().training.cohort.as_ref().map(|c| [c.patients, c.held_out])
                != config.cohort.as_ref().map(|c| [c.patients, pool.held_out.len()]) =>
        {
            "it was judged on other patients".into()
        }
        Ok(model) if model.manifest().training.phantoms != config.phantoms.to_string() => {
            format!("it was judged on phantoms of the {}", model.manifest().training.phantoms)
        }
        Ok(model) => return Ok(Some(model.manifest().clone())),
    };
    if config.overwrite { Ok(None) } else { Err(TrainError::NotComparable { reason, path: folder.clone() }) }
}

/// The command line that asks for the same training.
fn command(config: &TrainConfig) -> String {
    let mut words = vec![
        "hilum train diunet -o DIR".to_owned(),
        format!("--model-id {}", config.model_id),
        format!("--variant {}", config.variant),
        format!("--steps {}", config.steps),
    ];
    words.extend(config.minutes.map(|m| format!("--minutes {m}")));
    words.extend([
        format!("--batch {}", config.batch),
        format!("--learning-rate {}", config.learning_rate),
        format!("--spacing-mm {}", config.spacing_mm),
        format!("--crop {}", config.crop),
        format!("--patch {}", config.patch),
        format!("--phantoms {}", config.phantoms),
        format!("--cases {}", config.cases),
        format!("--validation-cases {}", config.validation_cases),
        format!("--validate-every-minutes {}", config.validate_every_minutes),
        format!("--first-seed {}", config.first_seed),
        format!("--seed {}", config.seed),
    ]);
    if let Some(cohort) = &config.cohort {
        words.extend(["--cohort COHORT".to_owned(), format!("--cohort-share {}", cohort.share)]);
        words.extend(cohort.by_rules.then(|| "--rules".to_owned()));
    }
    words.extend(config.resume.is_some().then(|| "--resume CHECKPOINT".to_owned()));
    words.join(" ")
}

/// Fills the ring with phantoms of ever new seeds, no faster than samples are drawn from them.
fn make_cases(
    config: &TrainConfig,
    manifest: &ModelManifest,
    made_before: usize,
    ring: &Mutex<Ring>,
    drawn: &AtomicUsize,
    stop: &AtomicBool,
) {
    let stopped = Stopped(stop);
    for seed in config.first_seed + made_before as u64..FIRST_VALIDATION_SEED {
        loop {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let added = lock(ring).added;
            if added < config.cases || drawn.load(Ordering::Relaxed) > (added + 1 - config.cases) * SAMPLES_PER_CASE {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let case = match phantom(config.phantoms, seed, &stopped) {
            Ok((phantom, gtv)) => {
                let truth = Truth { stations: &phantom.station_masks, ctv: &phantom.ctv, blood: None };
                TrainingCase::new(manifest, &phantom.volume, &gtv, &truth)
            }
            Err(PhantomError::Cancelled(_)) => return,
            Err(PhantomError::TooSmall(_)) => None,
        };
        match case {
            Some(case) => lock(ring).add(case),
            None => tracing::warn!(seed, "no lungs were found in a training phantom; it is left out"),
        }
    }
}

/// Progress of the background thread: watched by nobody, stopped with the training.
struct Stopped<'a>(&'a AtomicBool);

impl Progress for Stopped<'_> {
    fn report(&self, _stage: &str, _done: usize, _total: usize) {}
    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn lock(ring: &Mutex<Ring>) -> std::sync::MutexGuard<'_, Ring> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The training itself, on the calling thread and its pool.
fn run(
    config: &TrainConfig,
    mut learner: Learner,
    before: Count,
    mut best: Option<ModelManifest>,
    pool: &Pool,
    ring: &Mutex<Ring>,
    drawn: &AtomicUsize,
    is_making: &dyn Fn() -> bool,
    progress: &dyn Progress,
) -> Result<TrainReport, TrainError> {
    let start = Instant::now();
    let minutes = || before.minutes + start.elapsed().as_secs_f64() / 60.0;
    // Enough cases for a first look at the frequencies and for batches that are not all of one patient.
    let enough = config.cases.min(8);
    loop {
        let ready = lock(ring).cases().len();
        progress.report("Making phantoms", ready.min(enough), enough);
        if ready >= enough {
            break;
        }
        if !is_making() && lock(ring).cases().len() < enough {
            return Err(TrainError::NoCases(config.first_seed));
        }
        if progress.is_cancelled() {
            return Err(TrainError::CancelledEarly);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut counts = [0; CLASSES];
    lock(ring).cases().iter().for_each(|c| c.count_classes(&mut counts));
    let weights = LossWeights::from_counts(&counts);
    let validation = validation_seeds(config);

    // Another stream after every resumption: the samples before it are not drawn again.
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed ^ 0x7261_6e64);
    rng.set_stream(before.steps as u64);
    let mut curve: Vec<CurvePoint> = Vec::new();
    let (mut sum, mut since, mut last_validation) = (Losses::default(), 0usize, minutes());
    let done_part = |step: usize| {
        let by_time = config.minutes.map_or(0.0, |m| minutes() / m);
        (step as f64 / config.steps as f64).max(by_time)
    };
    let mut step = before.steps;
    let mut cancelled = false;
    loop {
        let part = done_part(step);
        cancelled |= progress.is_cancelled();
        let finished = part >= 1.0 || cancelled;
        if finished || minutes() - last_validation >= config.validate_every_minutes {
            if cancelled && since == 0 {
                break;
            }
            progress.report("Validating", step, config.steps);
            let count = Count { steps: step, cases: before.cases + lock(ring).added, minutes: minutes() };
            checkpoint::write(&config.out_dir, &learner, count)?;
            let point = validate(config, &learner, pool, &validation, summary(config, &learner, count), &mut best)?;
            let n = since.max(1) as f32;
            let losses = Losses { cross_entropy: sum.cross_entropy / n, dice: sum.dice / n, ctv: sum.ctv / n };
            tracing::info!(step, minutes = minutes(), loss = losses.total(), mean_dsc = point, "validated");
            curve.push(CurvePoint { step, minutes: minutes(), losses, mean_dsc: point });
            (sum, since, last_validation) = (Losses::default(), 0, minutes());
        }
        if finished {
            break;
        }
        progress.report("Training", (part * 1000.0) as usize, 1000);
        let batch: Vec<Sample> = {
            let cases: Vec<Arc<TrainingCase>> = lock(ring).cases().to_vec();
            let share = config.cohort.as_ref().filter(|_| !pool.cases.is_empty()).map_or(0.0, |c| c.share);
            let picks: Vec<(&TrainingCase, u64)> = (0..config.batch)
                .map(|_| {
                    let from = if share > 0.0 && rng.random_bool(share) { &pool.cases } else { &cases };
                    (&*from[rng.random_range(0..from.len())], rng.random())
                })
                .collect();
            picks
                .into_par_iter()
                .map(|(case, seed)| case.sample(&learner.manifest, config.patch, &mut ChaCha8Rng::seed_from_u64(seed)))
                .collect()
        };
        drawn.fetch_add(batch.len(), Ordering::Relaxed);
        let warm = ((step + 1) as f64 / 50.0).min(1.0);
        let rate = warm * (1e-5 + (config.learning_rate - 1e-5) * 0.5 * (1.0 + (std::f64::consts::PI * part).cos()));
        let losses = learner.step(&batch, config.patch, &weights, rate as f32)?;
        sum.cross_entropy += losses.cross_entropy;
        sum.dice += losses.dice;
        sum.ctv += losses.ctv;
        since += 1;
        step += 1;
        if step.is_multiple_of(50) {
            tracing::info!(step, minutes = minutes(), loss = sum.total() / since as f32, "training");
        }
    }
    let manifest = best.ok_or(TrainError::CancelledEarly)?;
    Ok(TrainReport { manifest, curve, cancelled })
}

fn summary(config: &TrainConfig, learner: &Learner, count: Count) -> TrainingSummary {
    TrainingSummary {
        training_cases: count.cases,
        first_seed: config.first_seed,
        phantoms: config.phantoms.to_string(),
        steps: count.steps,
        batch: config.batch,
        learning_rate: config.learning_rate,
        minutes: count.minutes,
        options: Some(TrainingOptions {
            command: command(config),
            steps: config.steps,
            minutes: config.minutes,
            patch: config.patch,
            cases: config.cases,
            validation_cases: config.validation_cases,
            validate_every_minutes: config.validate_every_minutes,
            seed: config.seed,
            resumed_from: learner.resumed_from.clone(),
        }),
        ..TrainingSummary::default()
    }
}

/// Scores the averaged weights on the validation phantoms and the patients held out, and writes the model if it is the
/// best so far.
fn validate(
    config: &TrainConfig,
    learner: &Learner,
    pool: &Pool,
    seeds: &[u64],
    summary: TrainingSummary,
    best: &mut Option<ModelManifest>,
) -> Result<f64, TrainError> {
    let averaged = learner.averaged();
    let folded = averaged.fold()?;
    let model = LoadedModel::new(learner.manifest.clone(), &folded)?;
    let scores = validation::validate(&model, config.phantoms, seeds, &Silent);
    let mut of_patients = Scores::default();
    for subject in pool.subjects() {
        of_patients.add(&model, &subject, &Silent);
    }
    let judged = !of_patients.stations.is_empty();
    let cohort = config.cohort.as_ref().map(|cohort| CohortSummary {
        patients: cohort.patients,
        held_out: pool.held_out.len(),
        by_rules: cohort.by_rules,
        share: cohort.share,
        note: cohort.note.clone(),
        mean_dsc: judged.then(|| of_patients.mean_dsc()),
        station_dsc: of_patients.by_label(),
    });
    let both = |phantoms: f64, patients: Option<f64>| patients.map_or(phantoms, |p| f64::midpoint(phantoms, p));
    let score = both(scores.mean_dsc(), cohort.as_ref().and_then(|c| c.mean_dsc));
    let before = best.as_ref().map(|b| &b.training);
    let better = before.is_none_or(|b| score > both(b.mean_dsc, b.cohort.as_ref().and_then(|c| c.mean_dsc)));
    if better {
        let manifest = ModelManifest {
            training: TrainingSummary {
                validation_seeds: seeds.to_vec(),
                mean_dsc: scores.mean_dsc(),
                station_dsc: scores.by_label(),
                ctv_dsc: scores.mean_ctv(),
                cohort,
                ..summary
            },
            ..learner.manifest.clone()
        };
        *best = Some(manifest.write(&config.out_dir, &folded)?);
    }
    Ok(score)
}
