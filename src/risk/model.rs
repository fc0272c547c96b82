//! The model file, and asking it: a probability with all that is needed to judge it, or a refusal.

use super::flat::FlatForest;
use super::forest::ForestParams;
use super::nearest::{Familiarity, Strangeness};
use super::report::{Procedure, RiskReport};
use crate::features::{FeatureDefinition, FeatureFlag, FeatureVector, SCHEMA_A_SHA256, feature_index, schema_sha256};
use crate::survival::Interval;
use crate::tf;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The version that can read the forests of this program.
pub const SMARTCORE_VERSION: &str = "0.7.0";
pub const MANIFEST_FILE: &str = "manifest.json";
pub const FOREST_FILE: &str = "forest.json";
pub const TRAINING_FILE: &str = "training.json";
pub const REPORT_FILE: &str = "report.json";
/// Version of the manifest's layout.
const FORMAT: u32 = 3;

/// One input of the forest.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFeature {
    pub name: String,
    /// Used where the value is missing: median or mode of the training patients.
    pub fill: f64,
    /// Smallest and largest value among the training patients.
    pub min: f64,
    pub max: f64,
    /// Share in the decrease of impurity, 0 to 1.
    pub importance: f64,
    /// Share of outer folds in which elimination kept it.
    pub selection_frequency: f64,
}

/// Name of the folder of the model that estimates where nothing else was chosen.
const USUAL: &str = "risk";

/// The folder of the shipped model, in [`crate::models_dir`].
pub fn default_model_dir() -> PathBuf {
    crate::models_dir().join(USUAL)
}

/// The risk models in the folders of a folder, the usual one first, then by name; of those that cannot be read, why. What holds
/// no forest is left out.
pub fn models_in(models: &Path) -> Vec<(PathBuf, Result<RiskManifest, RiskModelError>)> {
    let entries = std::fs::read_dir(models).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = entries.filter(|folder| folder.join(FOREST_FILE).exists()).collect();
    folders.sort_by_key(|folder| (*folder != models.join(USUAL), folder.clone()));
    folders.into_iter().map(|folder| (folder.clone(), RiskManifest::read(&folder))).collect()
}

fn read(folder: &Path, file: &'static str) -> Result<Vec<u8>, RiskModelError> {
    let path = folder.join(file);
    std::fs::read(&path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => RiskModelError::Missing { file, path },
        _ => RiskModelError::Io { file, path, source },
    })
}

/// The patients that a forest was trained on, without who they are: what covers, familiarity and a retraining need.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingPatients {
    /// `[patient][feature]`, the features of the manifest in their order, missing values filled in.
    pub rows: Vec<Vec<f64>>,
    pub outcome: Vec<bool>,
}

/// How well the procedure predicts.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationSummary {
    /// How it was done, in words.
    pub method: String,
    pub auc: f64,
    /// DeLong, 95 %.
    pub auc_interval: Interval,
    /// Mean and standard deviation over the repeats, where it was repeated.
    pub auc_repeats_mean: Option<f64>,
    pub auc_repeats_sd: Option<f64>,
    pub brier: f64,
    /// At a threshold of one half.
    pub accuracy: f64,
    /// Wilson, 95 %.
    pub accuracy_interval: Interval,
    pub calibration_intercept: Option<f64>,
    pub calibration_slope: Option<f64>,
}

/// What is known about a model besides its trees.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskManifest {
    pub format: u32,
    pub model_id: String,
    /// What was predicted, in words.
    pub endpoint: String,
    /// What it was trained on, in words; shown wherever its figures are.
    pub provenance: String,
    /// True if the training patients were simulated.
    pub simulated: bool,
    pub schema_sha256: String,
    pub definition: FeatureDefinition,
    pub features: Vec<ModelFeature>,
    pub patients: usize,
    pub events: usize,
    pub validation: ValidationSummary,
    pub forest: ForestParams,
    /// How it was made; its folds, grids, limits and seeds stand in the report.
    pub procedure: Procedure,
    pub smartcore_version: String,
    /// Of the forest file, of the training patients and of the report.
    pub forest_sha256: String,
    pub training_sha256: String,
    pub report_sha256: String,
    /// Of all that stands above and the forest file together, so that no name, fill or statement can change sides.
    pub model_sha256: String,
}

impl RiskManifest {
    /// Reads the manifest of a folder alone; whether the other files belong to it tells [`RiskModel::load`].
    ///
    /// # Errors
    /// It is not there, of a newer format, or not understood.
    pub fn read(folder: &Path) -> Result<Self, RiskModelError> {
        let path = || folder.join(MANIFEST_FILE);
        let refuse = |reason: String| RiskModelError::Manifest { reason, path: path() };
        // The version first, so that another layout is named as such.
        #[derive(serde::Deserialize)]
        struct Head {
            format: u32,
        }
        let manifest = read(folder, MANIFEST_FILE)?;
        let head: Head = serde_json::from_slice(&manifest).map_err(|e| refuse(e.to_string()))?;
        if head.format > FORMAT {
            return Err(RiskModelError::Newer { found: head.format, path: path() });
        }
        if head.format != FORMAT {
            return Err(refuse(tf!("layout {found} instead of {expected}", found = head.format, expected = FORMAT)));
        }
        serde_json::from_slice(&manifest).map_err(|e| refuse(e.to_string()))
    }

    /// What [`Self::model_sha256`] must be.
    fn bound_sha256(&self, forest_json: &[u8]) -> String {
        let unbound = Self { model_sha256: String::new(), ..self.clone() };
        let mut digest = Sha256::new();
        digest.update(serde_json::to_vec(&unbound).expect("numbers and texts only"));
        digest.update(b"\n");
        digest.update(forest_json);
        format!("{:x}", digest.finalize())
    }
}

/// Why a model file is refused.
#[derive(Debug, thiserror::Error)]
pub enum RiskModelError {
    #[error("{}", crate::tf!("the risk model has no {file}; train one with `hilum train risk` or choose another folder: {path}", file = .file, path = path.display()))]
    Missing { file: &'static str, path: PathBuf },
    #[error("{}", crate::tf!("{file} of the risk model cannot be read ({source}); check the folder: {path}", file = .file, source = .source, path = path.display()))]
    Io { file: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{}", crate::tf!("the manifest of the risk model is not understood ({reason}); train the model again: {path}", reason = .reason, path = path.display()))]
    Manifest { reason: String, path: PathBuf },
    #[error("{}", crate::tf!("a newer version of Hilum made this risk model (layout {found}); use it with that one: {path}", found = .found, path = path.display()))]
    Newer { found: u32, path: PathBuf },
    #[error("{}", crate::tf!("the risk model was made for another list of features (hash {found}, this program has {expected}); train it again: {path}", found = .found, expected = .expected, path = path.display()))]
    Schema { found: String, expected: String, path: PathBuf },
    #[error("{}", crate::tf!("{file} of the risk model does not belong to its manifest (hash {found}, expected {expected}); copy all files again: {path}", file = .file, found = .found, expected = .expected, path = path.display()))]
    Hash { file: &'static str, found: String, expected: String, path: PathBuf },
    #[error("{}", crate::tf!("the manifest of the risk model was changed after it was made (hash {found}, expected {expected}); copy all files again or train the model again: {path}", found = .found, expected = .expected, path = path.display()))]
    Changed { found: String, expected: String, path: PathBuf },
    #[error("{}", crate::tf!("the forest was written by smartcore {found}, but only {SMARTCORE_VERSION} can be read; train the model again: {path}", found = .found, SMARTCORE_VERSION = .SMARTCORE_VERSION, path = path.display()))]
    Version { found: String, path: PathBuf },
    #[error("{}", crate::tf!("the forest file is damaged ({reason}); train the model again: {path}", reason = .reason, path = path.display()))]
    Forest { reason: String, path: PathBuf },
    #[error("{}", crate::tf!("the risk model cannot be written ({source}); check the folder: {path}", source = .source, path = path.display()))]
    Write { path: PathBuf, source: std::io::Error },
}

/// Why no probability may be shown.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RiskRefusal {
    /// A flag of the feature vector forbids it.
    #[error("{}", crate::tf!("No risk figure: {value}", value = .0))]
    Features(FeatureFlag),
    #[error(
        "{}",
        crate::words::t(
            "No risk figure: the model was trained with other feature definitions than are set here; choose the default definitions"
        )
    )]
    Definition,
}

/// A value outside the range of the training patients.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfRange {
    pub feature: String,
    pub value: f64,
    pub min: f64,
    pub max: f64,
}

/// How much a feature moved the probability: its exact Shapley value in the trees (TreeSHAP). It describes the model, not the
/// disease.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    pub feature: String,
    /// As used: imputed where missing.
    pub value: f64,
    /// Change of the probability, from -1 to 1.
    pub change: f64,
    pub imputed: bool,
}

/// A probability, and what to know about it.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskEstimate {
    pub probability: f64,
    /// Standard deviation between the trees: how much they disagree, not a confidence interval.
    pub tree_sd: f64,
    /// Features that were missing and filled in.
    pub imputed: Vec<String>,
    pub out_of_range: Vec<OutOfRange>,
    /// How unlike the training patients the patient is as a whole.
    pub strangeness: Strangeness,
    /// Mean of the trees over the training patients, to which the contributions add.
    pub base: f64,
    /// Shapley values, largest change first.
    pub contributions: Vec<Contribution>,
}

/// The files beside the manifest, as they are.
#[derive(Clone, PartialEq)]
struct Files {
    forest: Vec<u8>,
    training: Vec<u8>,
    report: Vec<u8>,
}

/// A risk model ready to be asked.
#[derive(Clone, PartialEq)]
pub struct RiskModel {
    manifest: RiskManifest,
    forest: FlatForest,
    files: Files,
    report: RiskReport,
    familiarity: Familiarity,
    /// Position of each input in the feature vector.
    inputs: Vec<usize>,
}

impl std::fmt::Debug for RiskModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RiskModel").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

impl RiskModel {
    /// Puts a model together; format, versions and hashes are filled in here.
    pub fn assemble(
        mut manifest: RiskManifest,
        forest_json: Vec<u8>,
        training: &TrainingPatients,
        report: &RiskReport,
    ) -> Result<Self, RiskModelError> {
        let files = Files {
            forest: forest_json,
            training: serde_json::to_vec(training).expect("numbers only"),
            report: serde_json::to_vec(report).expect("numbers and texts only"),
        };
        manifest.format = FORMAT;
        manifest.schema_sha256 = schema_sha256();
        manifest.smartcore_version = SMARTCORE_VERSION.into();
        manifest.forest_sha256 = sha256(&files.forest);
        manifest.training_sha256 = sha256(&files.training);
        manifest.report_sha256 = sha256(&files.report);
        manifest.model_sha256 = manifest.bound_sha256(&files.forest);
        Self::checked(manifest, files, Path::new("(in memory)"))
    }

    /// Reads the files of a folder.
    pub fn load(folder: &Path) -> Result<Self, RiskModelError> {
        let manifest = RiskManifest::read(folder)?;
        let read = |file| read(folder, file);
        let files = Files { forest: read(FOREST_FILE)?, training: read(TRAINING_FILE)?, report: read(REPORT_FILE)? };
        Self::checked(manifest, files, folder)
    }

    fn checked(manifest: RiskManifest, files: Files, place: &Path) -> Result<Self, RiskModelError> {
        let manifest_path = || place.join(MANIFEST_FILE);
        let refuse = |reason: String| RiskModelError::Manifest { reason, path: manifest_path() };
        if manifest.schema_sha256 != SCHEMA_A_SHA256 {
            let (found, expected) = (manifest.schema_sha256.clone(), SCHEMA_A_SHA256.into());
            return Err(RiskModelError::Schema { found, expected, path: manifest_path() });
        }
        if manifest.smartcore_version != SMARTCORE_VERSION {
            return Err(RiskModelError::Version { found: manifest.smartcore_version.clone(), path: manifest_path() });
        }
        for (file, bytes, expected) in [
            (FOREST_FILE, &files.forest, &manifest.forest_sha256),
            (TRAINING_FILE, &files.training, &manifest.training_sha256),
            (REPORT_FILE, &files.report, &manifest.report_sha256),
        ] {
            let found = sha256(bytes);
            if found != *expected {
                return Err(RiskModelError::Hash { file, found, expected: expected.clone(), path: place.join(file) });
            }
        }
        let mut inputs = Vec::with_capacity(manifest.features.len());
        for f in &manifest.features {
            inputs
                .push(feature_index(&f.name).ok_or_else(|| refuse(tf!("there is no feature {name}", name = f.name)))?);
            if !(f.fill.is_finite() && f.min <= f.max) {
                return Err(refuse(tf!("the range of {name} is not in order", name = f.name)));
            }
        }
        let found = manifest.bound_sha256(&files.forest);
        if found != manifest.model_sha256 {
            let expected = manifest.model_sha256.clone();
            return Err(RiskModelError::Changed { found, expected, path: manifest_path() });
        }
        let damaged = |reason: String| RiskModelError::Forest { reason, path: place.join(FOREST_FILE) };
        let mut forest = FlatForest::from_json(&files.forest).map_err(damaged)?;
        if forest.features() != inputs.len() {
            return Err(damaged(tf!(
                "it has {found} inputs, the manifest names {expected}",
                found = forest.features(),
                expected = inputs.len()
            )));
        }
        let training: TrainingPatients = serde_json::from_slice(&files.training)
            .map_err(|e| refuse(tf!("{file}: {reason}", file = TRAINING_FILE, reason = e)))?;
        let report: RiskReport = serde_json::from_slice(&files.report)
            .map_err(|e| refuse(tf!("{file}: {reason}", file = REPORT_FILE, reason = e)))?;
        forest.count_covers(&training.rows).map_err(damaged)?;
        let familiarity = Familiarity::of(&training.rows);
        Ok(Self { manifest, forest, files, report, familiarity, inputs })
    }

    /// Writes the files into a folder, which is made if needed; each is written whole and then renamed.
    pub fn save(&self, folder: &Path) -> Result<(), RiskModelError> {
        let manifest = serde_json::to_vec_pretty(&self.manifest).expect("numbers and texts only");
        std::fs::create_dir_all(folder).map_err(|source| RiskModelError::Write { path: folder.into(), source })?;
        let files = &self.files;
        for (file, bytes) in [
            (FOREST_FILE, &files.forest),
            (TRAINING_FILE, &files.training),
            (REPORT_FILE, &files.report),
            (MANIFEST_FILE, &manifest),
        ] {
            write_whole(&folder.join(file), bytes)?;
        }
        Ok(())
    }

    pub fn manifest(&self) -> &RiskManifest {
        &self.manifest
    }
    pub fn forest(&self) -> &FlatForest {
        &self.forest
    }
    /// How it came about and how well its procedures predict.
    pub fn report(&self) -> &RiskReport {
        &self.report
    }

    /// The probability for a case.
    ///
    /// # Errors
    /// A refusal without a CTV, without stations, where the CTV touches none, or for other feature definitions.
    pub fn predict(&self, features: &FeatureVector) -> Result<RiskEstimate, RiskRefusal> {
        if let Some(flag) = features.stops().next() {
            return Err(RiskRefusal::Features(flag.clone()));
        }
        if features.definition != self.manifest.definition {
            return Err(RiskRefusal::Definition);
        }
        let raw: Vec<Option<f64>> = self.inputs.iter().map(|i| features.values[*i]).collect();
        let values: Vec<f64> = raw.iter().zip(&self.manifest.features).map(|(v, f)| v.unwrap_or(f.fill)).collect();
        let (probability, tree_sd) = self.forest.predict(&values);
        let (base, changes) = self.forest.shapley(&values);
        let mut imputed = Vec::new();
        let mut out_of_range = Vec::new();
        let mut contributions = Vec::with_capacity(values.len());
        for (n, f) in self.manifest.features.iter().enumerate() {
            match raw[n] {
                None => imputed.push(f.name.clone()),
                Some(value) if value < f.min || value > f.max => {
                    out_of_range.push(OutOfRange { feature: f.name.clone(), value, min: f.min, max: f.max });
                }
                Some(_) => {}
            }
            contributions.push(Contribution {
                feature: f.name.clone(),
                value: values[n],
                change: changes[n],
                imputed: raw[n].is_none(),
            });
        }
        contributions.sort_by(|a, b| b.change.abs().total_cmp(&a.change.abs()));
        let strangeness = self.familiarity.of_patient(&values);
        Ok(RiskEstimate { probability, tree_sd, imputed, out_of_range, strangeness, base, contributions })
    }

    /// The probability alone, for many variants of a case; `None` where there is none.
    pub fn probability(&self, features: &FeatureVector) -> Option<f64> {
        if features.stops().next().is_some() || features.definition != self.manifest.definition {
            return None;
        }
        let value = |(i, f): (&usize, &ModelFeature)| features.values[*i].unwrap_or(f.fill);
        let values: Vec<f64> = self.inputs.iter().zip(&self.manifest.features).map(value).collect();
        Some(self.forest.predict(&values).0)
    }
}

/// Writes beside the target, syncs and renames, so that a reader never sees half a file.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), RiskModelError> {
    use std::io::Write;
    let beside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|source| RiskModelError::Write { path: path.into(), source })
}
