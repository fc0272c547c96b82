//! The checkpoint of a training: everything that it needs to go on as if it had not stopped.

use super::{Learner, TrainError};
use crate::diunet::{AdamW, ModelManifest, Weights, sha256, write_new};
use candle_core::{Device, Tensor};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// What is counted over all runs of a training.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Count {
    pub steps: usize,
    /// Phantoms made; the next seed follows them.
    pub cases: usize,
    pub minutes: f64,
}

/// Values, moving averages and both moments of the optimizer, each tensor under a prefix.
const PARTS: [&str; 4] = ["value.", "average.", "first.", "second."];

/// Writes the state of the learner into `folder`; an older checkpoint there stays whole until the new one is.
///
/// # Errors
/// [`TrainError::Checkpoint`] if the folder cannot be written.
pub fn write(folder: &Path, learner: &Learner, count: Count) -> Result<(), TrainError> {
    let path = folder.join(CHECKPOINT);
    let failed = |source: std::io::Error| TrainError::Checkpoint { source, path: path.clone() };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let flat = |values: &[f32]| Tensor::from_vec(values.to_vec(), values.len(), &Device::Cpu);
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    let [value, average, first, second] = PARTS;
    for (name, tensor) in learner.weights().tensors() {
        tensors.push((format!("{value}{name}"), tensor.contiguous()?));
        tensors.push((format!("{average}{name}"), flat(&learner.average[name])?));
    }
    for (name, (m1, m2)) in learner.optimizer.moments() {
        tensors.push((format!("{first}{name}"), flat(m1)?));
        tensors.push((format!("{second}{name}"), flat(m2)?));
    }
    let counted = HashMap::from([
        ("steps".to_owned(), count.steps.to_string()),
        ("cases".to_owned(), count.cases.to_string()),
        ("minutes".to_owned(), count.minutes.to_string()),
    ]);
    let bytes =
        safetensors::serialize(tensors, Some(counted)).map_err(|e| failed(std::io::Error::other(e.to_string())))?;
    write_new(folder, &path, &bytes).map_err(failed)
}

/// The learner of a checkpoint (the file, or the folder that holds it), and what it has counted.
///
/// # Errors
/// [`TrainError::Resume`] for a file that is not a checkpoint of this network.
pub fn read(path: &Path, manifest: ModelManifest) -> Result<(Learner, Count), TrainError> {
    let path = if path.is_dir() { path.join(CHECKPOINT) } else { path.to_owned() };
    parse(&path, manifest).map_err(|reason| TrainError::Resume { reason, path })
}

fn parse(path: &Path, manifest: ModelManifest) -> Result<(Learner, Count), String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).map_err(|e| e.to_string())?;
    let counted = header.metadata().as_ref().ok_or("it does not say how far training had come")?;
    let number = |key: &str| -> Result<f64, String> {
        let text = counted.get(key).ok_or_else(|| format!("it does not tell the {key}"))?;
        let parsed: f64 = text.parse().map_err(|_unreadable| format!("its {key} are \"{text}\""))?;
        if parsed.is_finite() && parsed >= 0.0 { Ok(parsed) } else { Err(format!("its {key} are \"{text}\"")) }
    };
    let count =
        Count { steps: number("steps")? as usize, cases: number("cases")? as usize, minutes: number("minutes")? };

    let found = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|e| e.to_string())?;
    let mut parts: [BTreeMap<String, Tensor>; 4] = std::array::from_fn(|_| BTreeMap::new());
    let mut found: Vec<(String, Tensor)> = found.into_iter().collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, tensor) in found {
        let part = PARTS.iter().position(|p| name.starts_with(p)).ok_or_else(|| format!("tensor {name} is unknown"))?;
        parts[part].insert(name[PARTS[part].len()..].to_owned(), tensor);
    }
    let [values, average, first, second] = parts;
    let architecture = manifest.variant.architecture();
    let weights = Weights::from_tensors(&architecture, false, values)?;
    let numbers = |all: &BTreeMap<String, Tensor>, name: &str, n: usize| -> Result<Vec<f32>, String> {
        let tensor = all.get(name).ok_or_else(|| format!("a part of tensor {name} is missing"))?;
        let values = tensor.flatten_all().and_then(|t| t.to_vec1::<f32>()).map_err(|e| e.to_string())?;
        if values.len() == n { Ok(values) } else { Err(format!("a part of tensor {name} has {} values", values.len())) }
    };
    let mut learner = Learner::new(manifest, &weights).map_err(|e| e.to_string())?;
    let mut moments = BTreeMap::new();
    for spec in architecture.tensors(false) {
        let n = spec.shape.iter().product();
        learner.average.insert(spec.name.clone(), numbers(&average, &spec.name, n)?);
        if first.contains_key(&spec.name) {
            moments.insert(spec.name.clone(), (numbers(&first, &spec.name, n)?, numbers(&second, &spec.name, n)?));
        }
    }
    learner.optimizer = AdamW::resumed(learner.optimizer.weight_decay, count.steps, moments);
    learner.steps = count.steps;
    learner.resumed_from = Some(sha256(&bytes));
    Ok((learner, count))
}
