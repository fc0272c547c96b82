//! The model folder: `manifest.json` says what the weights are, `weights.safetensors` holds them. Both must agree.

use super::calibration::Calibration;
use super::card::MODEL_CARD;
use super::confidence::Scaling;
use super::network::{Network, Variant};
use super::weights::Weights;
use crate::image::WindowLevel;
use crate::structures::{Provenance, Station};
use crate::tf;
use crate::words::t;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Version of the manifest's own layout.
const FORMAT: u32 = 1;
/// Softmax over background and 16 stations, sigmoid for the CTV.
pub const OUTPUT_MODE: &str = "softmax17+ctv";
pub(crate) const MANIFEST: &str = "manifest.json";

/// What a set of weights is, was trained on and wants as input.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ModelManifest {
    pub format: u32,
    pub model_id: String,
    pub variant: Variant,
    /// Station labels in the order of the channels after the background.
    pub classes: Vec<String>,
    pub output_mode: String,
    /// Pixel size of the network's input, mm.
    pub spacing_mm: f64,
    /// Pixels along each side of the input.
    pub crop: usize,
    /// Slices seen at once (K).
    pub slices: usize,
    /// Distance between them, mm.
    pub neighbor_mm: f64,
    /// CT numbers that become -1 to 1.
    pub window: WindowLevel,
    /// The signed distance to the GTV is cut here and divided by it, mm.
    pub distance_clip_mm: f64,
    /// True if the batch normalisation is folded into the convolutions.
    pub folded: bool,
    /// File name of the weights within the folder.
    pub weights: String,
    /// SHA-256 of that file, hexadecimal.
    pub sha256: String,
    /// One sentence on the data behind the weights, shown with every result.
    pub training_data: String,
    pub intended_use: String,
    /// The program that wrote the folder.
    pub program: String,
    pub training: TrainingSummary,
    /// How far its probabilities can be taken at their word; none where nobody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// How the weights were made and how they did on phantoms of seeds never trained on.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct TrainingSummary {
    /// Synthetic patients seen in training.
    pub training_cases: usize,
    pub first_seed: u64,
    /// How widely the phantoms differed, those of the validation too: "reference" or "population".
    #[serde(default = "reference")]
    pub phantoms: String,
    pub steps: usize,
    pub batch: usize,
    pub learning_rate: f64,
    pub minutes: f64,
    pub validation_seeds: Vec<u64>,
    /// Mean over stations of the mean volume DSC over validation cases.
    pub mean_dsc: f64,
    /// Mean volume DSC by station label.
    pub station_dsc: BTreeMap<String, f64>,
    pub ctv_dsc: f64,
    /// Patients beside the phantoms; none for weights of phantoms only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohort: Option<CohortSummary>,
    /// The options of the run; manifests of earlier versions do not tell them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<TrainingOptions>,
}

/// The patients behind a set of weights; no names, nothing that identifies them.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct CohortSummary {
    /// All of them, and those of them that were held out to judge by.
    pub patients: usize,
    pub held_out: usize,
    /// Their stations were drawn by the rules.
    pub by_rules: bool,
    /// Share of the samples.
    pub share: f64,
    /// What they are, in the words of who trained.
    pub note: String,
    /// Mean over stations of the mean volume DSC over the patients held out; `None` if none was.
    #[serde(default)]
    pub mean_dsc: Option<f64>,
    /// Mean volume DSC by station label.
    #[serde(default)]
    pub station_dsc: BTreeMap<String, f64>,
}

/// Earlier manifests do not say it: they knew nothing else.
fn reference() -> String {
    "reference".into()
}

/// What training was asked to do, besides what stands elsewhere in the manifest.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct TrainingOptions {
    /// The command line that asks for the same, with placeholders for folders.
    pub command: String,
    /// Most steps, and most minutes if there was such a limit.
    pub steps: usize,
    pub minutes: Option<f64>,
    /// Side of the patches, pixels.
    pub patch: usize,
    /// Phantoms held at a time.
    pub cases: usize,
    pub validation_cases: usize,
    pub validate_every_minutes: f64,
    pub seed: u64,
    /// SHA-256 of the checkpoint from which training went on; `None` where it began with random weights.
    pub resumed_from: Option<String>,
}

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("{}", crate::tf!("the model cannot be read: {file} is missing or unreadable ({source}); put the model folder back or point HILUM_MODELS to it: {path}", file = .file, source = .source, path = folder.display()))]
    Missing { file: String, folder: PathBuf, source: std::io::Error },
    #[error("{}", crate::tf!("the model was not loaded: its manifest cannot be understood ({reason}); use a model folder made by this version: {path}", reason = .reason, path = path.display()))]
    Manifest { reason: String, path: PathBuf },
    #[error("{}", crate::tf!("the model was not loaded: its classes are in the order {found} but this program needs {canonical_classes}; stations would be swapped, use a model with this order: {path}", found = .found, canonical_classes = canonical_classes().join(" "), path = path.display()))]
    ClassOrder { found: String, path: PathBuf },
    #[error("{}", crate::tf!("the model was not loaded: its weights have SHA-256 {found} but the manifest says {expected}, so they are damaged or belong to another model; copy the folder again: {path}", found = .found, expected = .expected, path = path.display()))]
    Hash { expected: String, found: String, path: PathBuf },
    #[error("{}", crate::tf!("the model was not loaded: its weights do not fit variant {variant}, {reason}; use the weights that belong to the manifest: {path}", variant = .variant, reason = .reason, path = path.display()))]
    Weights { variant: Variant, reason: String, path: PathBuf },
    #[error("{}", crate::tf!("the model could not be written ({source}); check the folder's permissions and free space: {path}", source = .source, path = path.display()))]
    Write { source: std::io::Error, path: PathBuf },
}

/// Labels of the stations in canonical order.
pub fn canonical_classes() -> Vec<String> {
    Station::all().map(|s| s.label().to_owned()).collect()
}

impl ModelManifest {
    /// A manifest with the program's input conventions and nothing said about training yet.
    pub fn new(model_id: impl Into<String>, variant: Variant, spacing_mm: f64, crop: usize) -> Self {
        Self {
            format: FORMAT,
            model_id: model_id.into(),
            variant,
            classes: canonical_classes(),
            output_mode: OUTPUT_MODE.into(),
            spacing_mm,
            crop,
            slices: variant.architecture().slices,
            neighbor_mm: 5.0,
            window: WindowLevel::MEDIASTINUM,
            distance_clip_mm: 50.0,
            folded: true,
            weights: "weights.safetensors".into(),
            sha256: String::new(),
            training_data: String::new(),
            intended_use: crate::RESEARCH_ONLY.into(),
            program: crate::PROGRAM.into(),
            training: TrainingSummary::default(),
            calibration: None,
        }
    }

    /// Reads `manifest.json` of a model folder and checks that this program can serve it.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&path).map_err(|source| ModelError::Missing {
            file: MANIFEST.into(),
            folder: folder.into(),
            source,
        })?;
        let refuse = |reason: String| ModelError::Manifest { reason, path: path.clone() };
        let manifest: Self = serde_json::from_str(&text).map_err(|e| refuse(e.to_string()))?;
        manifest.check(&path).map(|()| manifest)
    }

    /// Refuses what this program cannot serve; `path` only appears in messages.
    pub(crate) fn check(&self, path: &Path) -> Result<(), ModelError> {
        let refuse = |reason: String| Err(ModelError::Manifest { reason, path: path.into() });
        if self.format != FORMAT {
            return refuse(tf!("layout {found} instead of {expected}", found = self.format, expected = FORMAT));
        }
        if self.output_mode != OUTPUT_MODE {
            return refuse(tf!(
                "output \"{found}\" instead of \"{expected}\"",
                found = self.output_mode,
                expected = OUTPUT_MODE
            ));
        }
        if self.classes != canonical_classes() {
            return Err(ModelError::ClassOrder { found: self.classes.join(" "), path: path.into() });
        }
        let a = self.variant.architecture();
        if self.slices != a.slices {
            return refuse(tf!(
                "{found} input slices instead of the {expected} of {variant}",
                found = self.slices,
                expected = a.slices,
                variant = self.variant
            ));
        }
        if self.crop == 0 || self.crop > 1024 || !self.crop.is_multiple_of(a.side_multiple()) {
            return refuse(tf!(
                "a crop of {crop} pixels is no multiple of {multiple}",
                crop = self.crop,
                multiple = a.side_multiple()
            ));
        }
        let within = |x: f64, low: f64, high: f64| x >= low && x <= high;
        if !within(self.spacing_mm, 0.3, 10.0)
            || !within(self.neighbor_mm, 0.5, 20.0)
            || !within(self.distance_clip_mm, 1.0, 500.0)
            || !within(self.window.width_hu, 1.0, 5000.0)
            || !self.window.center_hu.is_finite()
        {
            return refuse(t("spacing, slice distance, distance clip or window are out of range").into());
        }
        if let Some(Scaling { temperature, background }) = self.calibration.as_ref().map(|c| c.scaling)
            && !(within(temperature, 0.01, 100.0) && within(background, -100.0, 100.0))
        {
            return refuse(t("the temperature or the background of the calibration is out of range").into());
        }
        if Path::new(&self.weights).components().count() != 1 {
            return refuse(tf!("weights file name \"{name}\" leaves the folder", name = self.weights));
        }
        Ok(())
    }

    /// Writes weights, model card and manifest: each to a temporary file, synced, then renamed, the manifest last.
    ///
    /// Fills in whether the weights are folded and their hash, and returns the manifest as written.
    pub fn write(&self, folder: &Path, weights: &Weights) -> Result<Self, ModelError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ModelError::Write { source, path }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let bytes = weights.to_safetensors_f16().map_err(|e| failed(folder)(std::io::Error::other(e.to_string())))?;
        let manifest = Self { folded: weights.folded(), sha256: sha256(&bytes), ..self.clone() };
        let path = folder.join(&manifest.weights);
        write_new(folder, &path, &bytes).map_err(failed(&path))?;
        manifest.write_beside(folder)?;
        Ok(manifest)
    }

    /// Writes model card and manifest beside weights that are there already.
    pub(crate) fn write_beside(&self, folder: &Path) -> Result<(), ModelError> {
        let text = serde_json::to_string_pretty(self).expect("a manifest is plain data") + "\n";
        for (name, contents) in [(MODEL_CARD, self.model_card()), (MANIFEST, text)] {
            let path = folder.join(name);
            write_new(folder, &path, contents.as_bytes()).map_err(|source| ModelError::Write { source, path })?;
        }
        Ok(())
    }
}

/// Writes beside the target, syncs, and renames over it.
pub(crate) fn write_new(folder: &Path, path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, contents)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// A model ready to run: manifest, network, and the threads it may use.
pub struct LoadedModel {
    manifest: ModelManifest,
    network: Network,
    threads: rayon::ThreadPool,
}

impl LoadedModel {
    /// Loads a model folder for use on all cores. Everything that does not fit is refused, nothing is guessed.
    ///
    /// # Errors
    /// See [`ModelError`].
    pub fn load(folder: &Path) -> Result<Self, ModelError> {
        let manifest = ModelManifest::read(folder)?;
        let path = folder.join(&manifest.weights);
        let bytes = std::fs::read(&path).map_err(|source| ModelError::Missing {
            file: manifest.weights.clone(),
            folder: folder.into(),
            source,
        })?;
        let found = sha256(&bytes);
        if found != manifest.sha256 {
            return Err(ModelError::Hash { expected: manifest.sha256, found, path });
        }
        let refuse = |reason| ModelError::Weights { variant: manifest.variant, reason, path: path.clone() };
        let architecture = manifest.variant.architecture();
        let weights = Weights::from_safetensors(&architecture, manifest.folded, &bytes).map_err(refuse)?;
        let network = Network::new(&architecture, &weights).map_err(|e| refuse(e.to_string()))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { manifest, network, threads: pool(cores) })
    }

    /// From parts that are in memory already (training validates this way).
    ///
    /// # Errors
    /// If the weights do not belong to the manifest's variant.
    pub fn new(manifest: ModelManifest, weights: &Weights) -> candle_core::Result<Self> {
        let network = Network::new(&manifest.variant.architecture(), weights)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { manifest, network, threads: pool(cores) })
    }

    /// Limits the threads that the network takes (the window leaves one core for itself).
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = pool(threads.max(1));
        self
    }

    pub fn manifest(&self) -> &ModelManifest {
        &self.manifest
    }
    pub fn network(&self) -> &Network {
        &self.network
    }
    pub(super) fn threads(&self) -> &rayon::ThreadPool {
        &self.threads
    }

    /// What is written beside every contour that this model draws.
    pub fn provenance(&self) -> Provenance {
        Provenance::Network {
            model_id: self.manifest.model_id.clone(),
            sha256: self.manifest.sha256.clone(),
            statement: self.manifest.training_data.clone(),
        }
    }
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|n| format!("diunet-{n}"))
        .build()
        .expect("threads can be started")
}

/// The networks in the folders of a folder, the usual one first. What is no network is left out.
pub fn networks_in(models: &Path) -> Vec<(PathBuf, ModelManifest)> {
    let entries = std::fs::read_dir(models).into_iter().flatten().filter_map(Result::ok);
    let networks = entries.filter_map(|entry| Some((entry.path(), ModelManifest::read(&entry.path()).ok()?)));
    let mut networks: Vec<(PathBuf, ModelManifest)> = networks.collect();
    networks.sort_by(|(a, _), (b, _)| (*a != models.join(USUAL), a).cmp(&(*b != models.join(USUAL), b)));
    networks
}

/// The folder of a network: the one given, or that of this name among those that come with the program.
pub fn network_folder(given: &Path) -> PathBuf {
    let shipped = crate::models_dir().join(given);
    if !given.is_dir() && shipped.is_dir() { shipped } else { given.to_owned() }
}

/// Name of the folder of the network that draws where nothing else was chosen.
const USUAL: &str = "diunet";

/// The folder of the shipped model, in [`crate::models_dir`].
pub fn default_model_dir() -> PathBuf {
    crate::models_dir().join(USUAL)
}

#[cfg(test)]
mod tests {
    use super::super::calibration::ReliabilityBin;
    use super::*;

    fn written() -> (tempfile::TempDir, ModelManifest) {
        let folder = tempfile::tempdir().unwrap();
        let weights = Weights::random(&Variant::Tiny.architecture(), 1).fold().unwrap();
        let manifest = ModelManifest::new("test", Variant::Tiny, 2.0, 64).write(folder.path(), &weights).unwrap();
        (folder, manifest)
    }

    fn change(folder: &Path, f: impl FnOnce(&mut ModelManifest)) {
        let mut manifest: ModelManifest =
            serde_json::from_str(&std::fs::read_to_string(folder.join(MANIFEST)).unwrap()).unwrap();
        f(&mut manifest);
        std::fs::write(folder.join(MANIFEST), serde_json::to_string(&manifest).unwrap()).unwrap();
    }

    fn refusal(folder: &Path) -> String {
        LoadedModel::load(folder).err().expect("the model must be refused").to_string()
    }

    #[test]
    fn what_was_written_loads_and_names_itself() {
        let (folder, manifest) = written();
        let model = LoadedModel::load(folder.path()).unwrap();
        assert_eq!(model.manifest(), &manifest);
        assert!(matches!(model.provenance(), Provenance::Network { sha256, .. } if sha256.len() == 64));
    }

    #[test]
    fn a_model_that_does_not_fit_is_refused_with_the_reason() {
        let (folder, _) = written();
        change(folder.path(), |m| m.classes.swap(6, 7));
        assert!(refusal(folder.path()).contains("1R 1L 2R 2L 3A 3P 4L 4R 5"));

        let (folder, _) = written();
        let mut bytes = std::fs::read(folder.path().join("weights.safetensors")).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(folder.path().join("weights.safetensors"), &bytes).unwrap();
        assert!(refusal(folder.path()).contains("SHA-256"));
        change(folder.path(), |m| m.sha256 = sha256(&bytes[..100]));
        std::fs::write(folder.path().join("weights.safetensors"), &bytes[..100]).unwrap();
        assert!(refusal(folder.path()).contains("not a readable safetensors file"));

        let (folder, _) = written();
        std::fs::remove_file(folder.path().join("weights.safetensors")).unwrap();
        assert!(refusal(folder.path()).contains("weights.safetensors is missing"));
        std::fs::remove_file(folder.path().join(MANIFEST)).unwrap();
        assert!(refusal(folder.path()).contains("manifest.json is missing"));

        let (folder, _) = written();
        change(folder.path(), |m| m.folded = false);
        assert!(refusal(folder.path()).contains("tensor ct.0.a.norm.gamma is missing"));
        change(folder.path(), |m| (m.folded, m.crop) = (true, 50));
        assert!(refusal(folder.path()).contains("50 pixels"));
        change(folder.path(), |m| (m.crop, m.output_mode) = (64, "sigmoid16+ctv".into()));
        assert!(refusal(folder.path()).contains("sigmoid16+ctv"));
        let scaling = Scaling { temperature: 0.0, background: 0.0 };
        let nothing = Calibration {
            scaling,
            phantoms: None,
            fitted_on: Vec::new(),
            tested_on: Vec::new(),
            expected_error: [0.0; 2],
            mean_log_loss: [0.0; 2],
            bins: Vec::new(),
            plain_background: ReliabilityBin::default(),
        };
        change(folder.path(), |m| (m.output_mode, m.calibration) = (OUTPUT_MODE.into(), Some(nothing)));
        assert!(refusal(folder.path()).contains("calibration is out of range"));
        std::fs::write(folder.path().join(MANIFEST), "{").unwrap();
        assert!(refusal(folder.path()).contains("cannot be understood"));
    }

    #[test]
    fn tensors_of_another_shape_are_refused_by_name() {
        let weights = Weights::random(&Variant::Tiny.architecture(), 1).fold().unwrap();
        let mut tensors = weights.tensors().clone();
        let turned = tensors["up.0.weight"].transpose(0, 1).unwrap().contiguous().unwrap();
        tensors.insert("up.0.weight".into(), turned);
        let refused = Weights::from_tensors(&Variant::Tiny.architecture(), true, tensors.clone()).unwrap_err();
        assert!(refused.contains("up.0.weight has shape [8, 16, 2, 2] instead of [16, 8, 2, 2]"), "{refused}");
        tensors.insert("extra".into(), tensors["up.0.bias"].clone());
        tensors.insert("up.0.weight".into(), weights.tensors()["up.0.weight"].clone());
        assert!(Weights::from_tensors(&Variant::Tiny.architecture(), true, tensors).unwrap_err().contains("extra"));
    }
}
