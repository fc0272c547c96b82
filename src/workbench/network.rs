//! The network in use: that of the settings, else the usual one that comes with the program.

use super::jobs::JobMode;
use super::{ModelState, Settings, Severity, Workbench};
use crate::diunet::{self, LoadedModel, ModelManifest};
use crate::words::t;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn load(folder: &Path, mode: JobMode) -> ModelState<LoadedModel> {
    LoadedModel::load(folder)
        .map(|model| match mode {
            // One core stays with the window.
            JobMode::Threads => model.with_threads(super::spare_cores()),
            JobMode::Inline | JobMode::Stepped => model,
        })
        .map(Arc::new)
        .map_err(|e| e.to_string())
}

/// The network that was chosen; if it cannot be used the usual one, with what is to be told.
pub(super) fn chosen(settings: &Settings, mode: JobMode) -> (ModelState<LoadedModel>, Option<String>) {
    match load(&settings.network_folder(), mode) {
        Err(problem) if settings.network.is_some() => (load(&diunet::default_model_dir(), mode), Some(problem)),
        model => (model, None),
    }
}

impl Workbench {
    /// The network in use, or why there is none.
    pub fn diunet(&self) -> &ModelState<LoadedModel> {
        &self.diunet
    }

    /// Networks to choose from: those that come with the program, the usual one first, and that of the settings.
    pub fn networks(&self) -> Vec<(PathBuf, ModelManifest)> {
        let mut networks = diunet::networks_in(&crate::models_dir());
        let folder = self.settings.network_folder();
        if networks.iter().all(|(other, _)| *other != folder)
            && let Ok(manifest) = ModelManifest::read(&folder)
        {
            networks.push((folder, manifest));
        }
        networks
    }

    /// Loads the network of a folder and remembers the choice; one that cannot be used changes nothing.
    pub(super) fn use_network(&mut self, folder: &Path) {
        match load(folder, self.jobs.mode()) {
            Err(problem) => {
                self.notices.push(
                    Severity::Error,
                    t("The network was not changed: this one cannot be used"),
                    vec![problem],
                );
            }
            Ok(model) => {
                let name = model.manifest().model_id.clone();
                self.diunet = Ok(model);
                self.change_settings(|settings| settings.set_network(folder));
                self.notices.info(crate::tf!("{name} draws from now on; what was drawn before stays", name));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, PreferenceCommand};
    use super::*;
    use crate::diunet::{Variant, Weights};

    #[test]
    fn a_network_of_ones_own_is_remembered_and_a_broken_one_changes_nothing() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (settings, own) = (folder.path().join("settings.toml"), folder.path().join("own"));
        let weights = Weights::random(&Variant::Tiny.architecture(), 1).fold().expect("folded");
        ModelManifest::new("of the clinic", Variant::Tiny, 3.0, 64).write(&own, &weights).expect("written");
        let id = |w: &Workbench| w.diunet().as_ref().expect("a network").manifest().model_id.clone();
        let choose = |w: &mut Workbench, folder: &Path| {
            w.execute(Command::Preference(PreferenceCommand::SetNetwork(folder.to_owned())));
        };

        let mut w = Workbench::new(JobMode::Inline, Some(settings.clone()));
        let usual = id(&w);
        choose(&mut w, &folder.path().join("nothing"));
        assert_eq!(id(&w), usual);
        assert_eq!(w.notices().all().last().expect("told").severity, Severity::Error);
        choose(&mut w, &own);
        assert_eq!(id(&w), "of the clinic");
        assert_eq!(w.networks().last().expect("listed").1.model_id, "of the clinic");

        let again = Workbench::new(JobMode::Inline, Some(settings.clone()));
        assert_eq!(id(&again), "of the clinic");
        std::fs::remove_file(own.join("weights.safetensors")).expect("removed");
        let mut broken = Workbench::new(JobMode::Inline, Some(settings.clone()));
        assert_eq!(id(&broken), usual, "the usual one instead");
        assert!(broken.notices().all().iter().any(|n| n.severity == Severity::Warning), "and it is told");
        choose(&mut broken, &diunet::default_model_dir());
        assert_eq!(Settings::load(&settings).expect("written").network, None);
    }
}
