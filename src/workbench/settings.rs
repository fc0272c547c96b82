//! Settings kept between runs: recent cases and switches, as TOML in the user's configuration folder.

use super::Display;
use crate::anatomy::RuleSet;
use crate::archive::Archives;
use crate::diunet;
use crate::risk;
use crate::words::Language;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was opened: a folder, or several files and folders.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum RecentCase {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

impl RecentCase {
    pub fn paths(&self) -> &[PathBuf] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Several(paths) => paths,
        }
    }
}

/// What is remembered between runs.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Cases opened before, newest first.
    pub recent: Vec<RecentCase>,
    pub identifiers_hidden: bool,
    /// Memory that undo may hold, MB; the usual where it is not set.
    pub history_mb: Option<u32>,
    /// Edits are kept in memory only, nothing of them on the disk until they are exported.
    pub no_journal: bool,
    /// English where nothing was chosen.
    pub language: Option<Language>,
    /// Size of the interface, percent of the usual one.
    pub scale_percent: Option<u32>,
    /// The risk of the risk model is not shown.
    pub risk_hidden: bool,
    /// Nor while a tool that draws is chosen, so that it does not steer the hand.
    pub risk_hidden_while_contouring: bool,
    /// The tour has been taken or declined.
    pub tour_seen: bool,
    /// Folder of the network that draws stations, or its name among those that come with the program; the usual one
    /// where not set.
    pub network: Option<PathBuf>,
    /// Folder of the risk model in Review, or its name among those that come with the program; the usual one where not set.
    pub risk_model: Option<PathBuf>,
    /// Rules of the stations in the window, by name; the IASLC map where not set. Then the switches of theirs that were
    /// turned.
    pub rules: Option<String>,
    pub rule_switches: BTreeMap<String, bool>,
    /// Cohorts opened before, newest first.
    pub cohorts: Vec<PathBuf>,
    pub archives: Archives,
    /// Layout and drawing of the views.
    pub views: Display,
    /// Keys of actions that differ from the usual ones, by the names of the actions.
    pub keys: BTreeMap<String, Vec<String>>,
}

/// Settings that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("{}", crate::tf!("the settings file is damaged and was set aside; the program starts with defaults: {path}", path = .1.display()))]
    Damaged(#[source] toml::de::Error, PathBuf),
    #[error("{}", crate::tf!("the settings could not be saved; check the folder's permissions and free space: {path}", path = .1.display()))]
    Write(#[source] std::io::Error, PathBuf),
    #[error("{}", crate::tf!("the settings file could not be read; the program starts with defaults: {path}", path = .1.display()))]
    Read(#[source] std::io::Error, PathBuf),
}

impl Settings {
    /// Limits of [`Self::history_mb`].
    pub const LEAST_HISTORY_MB: u32 = 16;
    pub const MOST_HISTORY_MB: u32 = 8192;
    /// Steps of [`Self::scale_percent`].
    pub const SCALES: [u32; 8] = [100, 110, 125, 150, 175, 200, 225, 250];
    const RECENT_KEPT: usize = 12;
    const PATHS_KEPT: usize = 16;

    /// The settings file: in HILUM_HOME if that is set, else in the user's configuration folder.
    pub fn default_path() -> Option<PathBuf> {
        if let Some(home) = std::env::var_os("HILUM_HOME") {
            return Some(PathBuf::from(home).join("settings.toml"));
        }
        directories::ProjectDirs::from("org", "hilum", "hilum").map(|d| d.config_dir().join("settings.toml"))
    }

    pub fn language(&self) -> Language {
        self.language.unwrap_or_default()
    }

    /// Size of the interface, percent.
    pub fn scale_percent(&self) -> u32 {
        let [least, .., most] = Self::SCALES;
        self.scale_percent.unwrap_or(least).clamp(least, most)
    }

    /// The folder of the network that draws stations.
    pub fn network_folder(&self) -> PathBuf {
        self.network.as_deref().map_or_else(diunet::default_model_dir, |choice| crate::models_dir().join(choice))
    }

    /// Those that come with the program are kept by name: another version of it may lie elsewhere.
    pub fn set_network(&mut self, folder: &Path) {
        let choice = folder.strip_prefix(crate::models_dir()).unwrap_or(folder);
        self.network = (folder != diunet::default_model_dir()).then(|| choice.to_owned());
    }

    /// The folder of the risk model in Review.
    pub fn risk_model_folder(&self) -> PathBuf {
        self.risk_model.as_deref().map_or_else(risk::default_model_dir, |choice| crate::models_dir().join(choice))
    }

    /// As [`Self::set_network`], for the risk model.
    pub fn set_risk_model(&mut self, folder: &Path) {
        let choice = folder.strip_prefix(crate::models_dir()).unwrap_or(folder);
        self.risk_model = (folder != risk::default_model_dir()).then(|| choice.to_owned());
    }

    /// The rules by which stations are drawn and checked. What this version does not know is left out.
    pub fn rule_set(&self) -> Arc<RuleSet> {
        let named = self.rules.as_deref().and_then(|key| RuleSet::by_key(key).ok());
        let mut rules = named.unwrap_or_else(RuleSet::iaslc_2009);
        for (switch, on) in &self.rule_switches {
            if let Ok(turned) = rules.with_switch(switch, *on) {
                rules = Arc::new(turned);
            }
        }
        rules
    }

    /// Reads the file; a missing one gives the defaults.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(SettingsError::Read(error, path.into())),
        };
        toml::from_str(&text).map_err(|error| {
            let aside = path.with_extension("damaged.toml");
            if let Err(error) = std::fs::rename(path, &aside) {
                tracing::warn!("cannot set the damaged settings aside: {error}");
            }
            SettingsError::Damaged(error, aside)
        })
    }

    /// Writes the file anew and puts it in place at once.
    pub fn save(&self, path: &Path) -> Result<(), SettingsError> {
        let wrap = |error| SettingsError::Write(error, path.into());
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(wrap)?;
        let text = toml::to_string_pretty(self).map_err(|e| wrap(std::io::Error::other(e)))?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(wrap)?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(wrap)?;
        file.as_file().sync_all().map_err(wrap)?;
        file.persist(path).map_err(|e| wrap(e.error))?;
        Ok(())
    }

    /// Puts a cohort first in the list of those opened before.
    pub fn remember_cohort(&mut self, path: PathBuf) {
        const KEPT: usize = 6;
        self.cohorts.retain(|other| *other != path);
        self.cohorts.insert(0, path);
        self.cohorts.truncate(KEPT);
    }

    /// Puts what was opened first in the list of recent cases.
    pub fn remember(&mut self, mut paths: Vec<PathBuf>) {
        // Many files of one folder are most likely all of it.
        if paths.len() > Self::PATHS_KEPT
            && let Some(folder) = paths[0].parent().map(Path::to_path_buf)
            && paths.iter().all(|p| p.parent() == Some(&folder))
        {
            paths = vec![folder];
        }
        let case = if paths.len() == 1 { RecentCase::One(paths.remove(0)) } else { RecentCase::Several(paths) };
        self.recent.retain(|c| *c != case);
        self.recent.insert(0, case);
        self.recent.truncate(Self::RECENT_KEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_and_damage_is_set_aside() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("a/settings.toml");
        let mut settings = Settings::load(&path).expect("missing file gives defaults");
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        for names in [&["x"][..], &["y", "z"], &["x"]] {
            settings.remember(paths(names));
        }
        settings.save(&path).expect("saved");
        let recent = Settings::load(&path).expect("read").recent;
        let found: Vec<&[PathBuf]> = recent.iter().map(RecentCase::paths).collect();
        assert_eq!(found, [paths(&["x"]), paths(&["y", "z"])]);
        std::fs::write(&path, "recent = [\"of an older version\"]").expect("written");
        assert_eq!(Settings::load(&path).expect("read").recent[0].paths(), paths(&["of an older version"]));
        std::fs::write(&path, "recent = 3").expect("written");
        assert!(matches!(Settings::load(&path), Err(SettingsError::Damaged(..))));
        assert!(!path.exists() && dir.path().join("a/settings.damaged.toml").exists());
    }
}
