//! `hilum --version`: the program and the models that it would use, each with the hash of its weights as they lie on disk.

use crate::diunet::{LoadedModel, default_model_dir, networks_in};
use crate::risk::RiskModel;
use std::path::Path;

/// True if the models are asked for as well: `--version`, where `-V` asks for the program alone.
pub fn is_long() -> bool {
    std::env::args_os().skip(1).any(|word| word == "--version")
}

/// Program, models with their hashes, and what they are for. A model that cannot be used is named with the reason.
pub fn text() -> String {
    let folder = crate::models_dir();
    // Loading compares the weights with the hash in the manifest.
    let network = |folder: &Path| match LoadedModel::load(folder) {
        Ok(model) => format!("{}, sha256 {}", model.manifest().model_id, model.manifest().sha256),
        Err(error) => error.to_string(),
    };
    let usual = default_model_dir();
    let others = networks_in(&folder).into_iter().filter(|(other, _)| *other != usual);
    let diunet: Vec<String> =
        std::iter::once(network(&usual)).chain(others.map(|(other, _)| network(&other))).collect();
    let diunet = diunet.join("\n            ");
    let risk = match RiskModel::load(&folder.join("risk")) {
        Ok(model) => format!("{}, sha256 {}", model.manifest().model_id, model.manifest().forest_sha256),
        Err(error) => error.to_string(),
    };
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "hilum {version}\nmodels      {}\nDiUnet      {diunet}\nrisk model  {risk}\n{}\n",
        folder.display(),
        crate::RESEARCH_ONLY
    )
}
