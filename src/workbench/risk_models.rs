//! The risk models: the one that estimates in Review, which is that of the settings or else the usual one, those to choose from,
//! and the one whose report is shown.

use super::jobs::{JobKey, Lane};
use super::results::JobResult;
use super::{ModelState, Settings, Trouble, Workbench};
use crate::risk::{self, MANIFEST_FILE, RiskManifest, RiskModel, RiskModelError, models_in};
use crate::words::t;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folder of the models that were trained here, beside the settings.
const OWN: &str = "risk-models";

/// The folder of a risk model: the one given, or that of this name among those that come with the program or were trained in
/// the window.
pub fn risk_model_folder(given: &Path) -> PathBuf {
    let own = Settings::default_path().map(|settings| own_models(&settings).join(given));
    let mut named = std::iter::once(crate::models_dir().join(given)).chain(own).filter(|folder| folder.is_dir());
    let given_is_there = given.is_dir();
    named.next().filter(|_| !given_is_there).unwrap_or_else(|| given.to_owned())
}

/// Where a model is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelOrigin {
    /// It comes with the program.
    Shipped,
    /// Trained in the window.
    Own,
    /// A folder that the user has chosen.
    Elsewhere,
}

impl ModelOrigin {
    fn of(folder: &Path, settings_path: Option<&Path>) -> Self {
        let is_in = |models: Option<PathBuf>| folder.parent().is_some_and(|parent| Some(parent) == models.as_deref());
        if is_in(Some(crate::models_dir())) {
            Self::Shipped
        } else if is_in(settings_path.map(own_models)) {
            Self::Own
        } else {
            Self::Elsewhere
        }
    }
}

fn own_models(settings_path: &Path) -> PathBuf {
    settings_path.with_file_name(OWN)
}

/// A model to choose from.
#[derive(Debug, Clone)]
pub struct KnownRiskModel {
    pub folder: PathBuf,
    pub origin: ModelOrigin,
    /// Why it cannot be read, without its files.
    pub manifest: Result<RiskManifest, String>,
}

/// A model with the folder that it was read from.
#[derive(Debug, Clone)]
pub struct ReadModel {
    pub folder: PathBuf,
    pub origin: ModelOrigin,
    pub model: Arc<RiskModel>,
}

impl ReadModel {
    pub(super) fn load(folder: PathBuf, origin: ModelOrigin) -> Result<Self, RiskModelError> {
        let model = Arc::new(RiskModel::load(&folder)?);
        Ok(Self { folder, origin, model })
    }
}

/// A model that a job has read, and what for.
pub(super) struct ReadRiskModel {
    read: ReadModel,
    /// It estimates from now on.
    is_to_be_used: bool,
}

/// The models of the window.
pub(super) struct RiskModels {
    used: ModelState<RiskModel>,
    folder: PathBuf,
    origin: ModelOrigin,
    shown: Option<ReadModel>,
    /// Grows whenever there may be other ones to choose from.
    revision: u64,
}

fn load(folder: &Path) -> ModelState<RiskModel> {
    RiskModel::load(folder).map(Arc::new).map_err(|e| e.to_string())
}

impl RiskModels {
    /// The model that was chosen; if it cannot be used the usual one, with what is to be told.
    pub fn chosen(settings: &Settings, settings_path: Option<&Path>) -> (Self, Option<String>) {
        let folder = settings.risk_model_folder();
        let (folder, used, problem) = match load(&folder) {
            Err(problem) if settings.risk_model.is_some() => {
                let usual = risk::default_model_dir();
                let used = load(&usual);
                (usual, used, Some(problem))
            }
            used => (folder, used, None),
        };
        let origin = ModelOrigin::of(&folder, settings_path);
        (Self { used, folder, origin, shown: None, revision: 0 }, problem)
    }

    /// The model in use, or why there is none.
    pub fn used(&self) -> &ModelState<RiskModel> {
        &self.used
    }

    /// For who is content without one.
    pub fn used_model(&self) -> Option<&RiskModel> {
        self.used.as_deref().ok()
    }
}

impl Workbench {
    /// The risk model that estimates in Review, or why there is none.
    pub fn risk_model(&self) -> &ModelState<RiskModel> {
        self.risk_models.used()
    }

    /// The same with its folder.
    pub fn used_risk_model(&self) -> Option<ReadModel> {
        let RiskModels { used, folder, origin, .. } = &self.risk_models;
        let model = Arc::clone(used.as_ref().ok()?);
        Some(ReadModel { folder: folder.clone(), origin: *origin, model })
    }

    /// The risk model whose report is shown: the one asked for last, else the one in use.
    pub fn shown_risk_model(&self) -> Option<ReadModel> {
        self.risk_models.shown.clone().or_else(|| self.used_risk_model())
    }

    /// Another number wherever there may be other models to choose from than before.
    pub fn risk_models_revision(&self) -> u64 {
        self.risk_models.revision
    }

    /// Risk models to choose from: those that come with the program, those trained here, and folders that were chosen. Reads
    /// their manifests.
    pub fn known_risk_models(&self) -> Vec<KnownRiskModel> {
        let own = self.own_risk_models();
        let of = |models: &Path, origin: ModelOrigin| {
            models_in(models).into_iter().map(move |(folder, manifest)| KnownRiskModel {
                folder,
                origin,
                manifest: manifest.map_err(|e| Trouble::of(&e).text),
            })
        };
        let mut known: Vec<KnownRiskModel> = of(&crate::models_dir(), ModelOrigin::Shipped).collect();
        known.extend(own.iter().flat_map(|own| of(own, ModelOrigin::Own)));
        for ReadModel { folder, origin, model } in
            self.used_risk_model().into_iter().chain(self.risk_models.shown.clone())
        {
            if known.iter().all(|other| other.folder != folder) {
                known.push(KnownRiskModel { folder, origin, manifest: Ok(model.manifest().clone()) });
            }
        }
        known
    }

    /// Where models that are trained here lie; `None` where nothing is remembered.
    fn own_risk_models(&self) -> Option<PathBuf> {
        self.settings_path.as_deref().map(own_models)
    }

    /// The folder of a model of this name that is trained here.
    ///
    /// # Errors
    /// Words for a name that cannot be that of a folder, and where nothing is remembered.
    pub fn own_risk_model_folder(&self, name: &str) -> Result<PathBuf, &'static str> {
        const LONGEST: usize = 60;
        let name = name.trim();
        let is_wrong = |c: char| c.is_control() || r#"/\:*?"<>|"#.contains(c);
        if name.is_empty() {
            Err(t("Give the model a name"))
        } else if name.starts_with('.')
            || name.ends_with('.')
            || name.contains(is_wrong)
            || name.chars().count() > LONGEST
        {
            Err(t("A name has at most 60 characters, none of / \\ : * ? \" < > |, and no full stop at either end"))
        } else {
            let own = self.own_risk_models().ok_or_else(|| t("No folder is known to keep it in; set HILUM_HOME"))?;
            Ok(own.join(name))
        }
    }

    /// True if a model lies in that folder.
    pub fn is_risk_model_there(&self, folder: &Path) -> bool {
        folder.join(MANIFEST_FILE).exists()
    }

    /// Reads a model to show its report; one that cannot be read changes nothing.
    pub(super) fn show_risk_model(&mut self, folder: PathBuf) {
        if self.risk_models.folder == folder && self.risk_models.used.is_ok() {
            self.jobs.dismiss_key(JobKey::ShowRiskModel);
            self.risk_models.shown = None;
        } else {
            self.read_risk_model(JobKey::ShowRiskModel, folder);
        }
    }

    /// Reads the model of a folder, lets it estimate and remembers the choice; one that cannot be used changes nothing.
    pub(super) fn use_risk_model(&mut self, folder: &Path) {
        match &self.risk_models.shown {
            Some(shown) if shown.folder == folder => {
                let shown = shown.clone();
                self.jobs.dismiss_key(JobKey::UseRiskModel);
                self.take_risk_model(shown);
            }
            _ => self.read_risk_model(JobKey::UseRiskModel, folder.to_owned()),
        }
    }

    fn read_risk_model(&mut self, key: JobKey, folder: PathBuf) {
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let (subject, origin) = (Some(folder.clone()), ModelOrigin::of(&folder, self.settings_path.as_deref()));
        let spawned = self.jobs.spawn_about(Lane::Models, key, t("Read the risk model"), subject, move |_| {
            let read = ReadModel::load(folder, origin)?;
            Ok(JobResult::RiskModel(ReadRiskModel { read, is_to_be_used: key == JobKey::UseRiskModel }))
        });
        if let Err(error) = spawned {
            self.notices.warning(error.to_string());
        }
    }

    pub(super) fn accept_risk_model(&mut self, ReadRiskModel { read, is_to_be_used }: ReadRiskModel) {
        if is_to_be_used {
            self.take_risk_model(read);
        } else {
            self.offer_risk_model(read);
        }
    }

    /// A model that was read or trained is shown; where it lies in the place of the one in use, it is used.
    pub(super) fn offer_risk_model(&mut self, read: ReadModel) {
        self.risk_models.revision += 1;
        let is_new = self.risk_models.used.as_ref().is_ok_and(|used| **used != *read.model);
        if read.folder == self.risk_models.folder && is_new {
            self.take_risk_model(read);
        } else {
            self.risk_models.shown = Some(read);
        }
    }

    /// The live figure follows at once; its noise floor is found again.
    fn take_risk_model(&mut self, read: ReadModel) {
        let ReadModel { folder, origin, model } = read;
        let models = &mut self.risk_models;
        models.revision += 1;
        (models.used, models.origin) = (Ok(model), origin);
        models.folder.clone_from(&folder);
        if models.shown.as_ref().is_some_and(|shown| shown.folder == folder) {
            models.shown = None;
        }
        self.jobs.dismiss_key(JobKey::NoiseFloor);
        if let Some(live) = &mut self.live {
            live.judge_again(models.used_model());
        }
        self.change_settings(|settings| settings.set_risk_model(&folder));
        self.notices.info(t("Another risk model estimates in Review from now on"));
    }
}
