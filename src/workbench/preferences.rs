//! What the user prefers: language, size of the interface, keys, what is shown. Changed by commands, kept in the settings.

use super::action_table::Action;
use super::commands::Command;
use super::keymap::Shortcut;
use super::keymap::{Keymap, KeymapError};
use super::settings::Settings;
use super::{Severity, Workbench};
use crate::files::{PutError, put_in_place};
use crate::words::{self, Language, t};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A preference to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreferenceCommand {
    SetLanguage(Language),
    /// Percent of the usual size, kept within [`Settings::SCALES`].
    SetScale(u32),
    /// Whether the risk of the risk model is shown.
    SetRiskHidden(bool),
    /// Whether it is hidden while a tool that draws is chosen.
    SetRiskHiddenWhileContouring(bool),
    /// The keys of an action; whoever had them loses them.
    SetKeys {
        action: Action,
        keys: Vec<Shortcut>,
    },
    /// Back to the usual keys, of one action or of all.
    ResetKeys(Option<Action>),
    /// `overwrite`: somebody agreed that a file of this name is replaced.
    ExportKeys {
        path: PathBuf,
        overwrite: bool,
    },
    ImportKeys(PathBuf),
    /// The tour has been taken or declined.
    SetTourSeen(bool),
    /// The folder of the network that draws stations.
    SetNetwork(PathBuf),
    /// The folder of the risk model in Review.
    SetRiskModel(PathBuf),
    /// The rules of the stations, by name, as they come.
    SetRuleSet(String),
    /// Another reading of one border of these rules.
    SetRuleSwitch {
        switch: String,
        on: bool,
    },
}

/// A key map file that could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error(transparent)]
    Write(#[from] PutError),
    #[error("{}", crate::tf!("the key map could not be read ({value}): {path}", value = .0, path = .1.display()))]
    Read(#[source] std::io::Error, PathBuf),
    #[error("{}", crate::tf!("the key map was not taken, the keys are as they were ({value}): {path}", value = .0, path = .1.display()))]
    Wrong(KeymapError, PathBuf),
}

/// Writes all keys into a file that reads back the same.
///
/// # Errors
/// [`KeyFileError::Write`].
pub fn write_keys(keymap: &Keymap, path: &Path, overwrite: bool) -> Result<(), KeyFileError> {
    let proof = |written: &Path| match read_keys(written) {
        Ok(again) if again == *keymap => Ok(()),
        Ok(_) => Err(t("other keys come back").to_owned()),
        Err(error) => Err(error.to_string()),
    };
    Ok(put_in_place(path, keymap.to_toml().as_bytes(), overwrite, proof)?)
}

/// Reads a file of keys.
///
/// # Errors
/// [`KeyFileError::Read`], [`KeyFileError::Wrong`].
pub fn read_keys(path: &Path) -> Result<Keymap, KeyFileError> {
    let text = std::fs::read_to_string(path).map_err(|e| KeyFileError::Read(e, path.to_owned()))?;
    Keymap::from_toml(&text).map_err(|e| KeyFileError::Wrong(e, path.to_owned()))
}

impl Workbench {
    /// The keys in use.
    pub fn keymap(&self) -> &Keymap {
        &self.keymap
    }

    pub(super) fn preference(&mut self, command: PreferenceCommand) {
        match command {
            PreferenceCommand::SetLanguage(language) => {
                words::speak(language);
                self.change_settings(|s| s.language = Some(language));
            }
            PreferenceCommand::SetScale(percent) => {
                let [least, .., most] = Settings::SCALES;
                self.change_settings(|s| s.scale_percent = Some(percent.clamp(least, most)));
            }
            PreferenceCommand::SetRiskHidden(hidden) => self.change_settings(|s| s.risk_hidden = hidden),
            PreferenceCommand::SetRiskHiddenWhileContouring(hidden) => {
                self.change_settings(|s| s.risk_hidden_while_contouring = hidden);
            }
            PreferenceCommand::SetRuleSet(key) => self.change_settings(|s| {
                (s.rules, s.rule_switches) = (Some(key), BTreeMap::new());
            }),
            PreferenceCommand::SetRuleSwitch { switch, on } => {
                self.change_settings(|s| {
                    s.rule_switches.insert(switch, on);
                });
            }
            PreferenceCommand::SetNetwork(folder) => self.use_network(&folder),
            PreferenceCommand::SetRiskModel(folder) => self.use_risk_model(&folder),
            PreferenceCommand::SetTourSeen(seen) => self.change_settings(|s| s.tour_seen = seen),
            PreferenceCommand::SetKeys { action, keys } => self.change_keys(|map| map.set(action, &keys)),
            PreferenceCommand::ResetKeys(action) => self.change_keys(|map| {
                map.reset(action);
                Ok(())
            }),
            PreferenceCommand::ExportKeys { path, overwrite } => match write_keys(&self.keymap, &path, overwrite) {
                Ok(()) => {
                    self.notices.push_with_files(Severity::Info, t("The keys were written"), Vec::new(), vec![path]);
                }
                Err(error) => self.notices.error(t("The keys were not written"), &error),
            },
            PreferenceCommand::ImportKeys(path) => match read_keys(&path) {
                Ok(map) => {
                    self.change_keys(|keys| {
                        *keys = map;
                        Ok(())
                    });
                    self.notices.info(t("The keys of the file are in use"));
                }
                Err(error) => self.notices.error(t("The keys were not read"), &error),
            },
        }
    }

    fn change_keys(&mut self, change: impl FnOnce(&mut Keymap) -> Result<(), KeymapError>) {
        let mut result = Ok(());
        self.change_settings(|settings| {
            let (mut map, _told_at_the_start) = Keymap::from_changes(&settings.keys);
            result = change(&mut map);
            settings.keys = map.changes();
        });
        self.keymap = Keymap::from_changes(&self.settings.keys).0;
        if let Err(error) = result {
            self.notices.warning(error.to_string());
        }
    }

    /// The command of an action that changes the size of the interface.
    pub(super) fn scale_command(&self, action: Action) -> Option<Command> {
        let now = self.settings.scale_percent();
        let percent = match action {
            Action::LargerInterface => Settings::SCALES.into_iter().find(|s| *s > now)?,
            Action::SmallerInterface => Settings::SCALES.into_iter().rev().find(|s| *s < now)?,
            _ => Settings::SCALES[0],
        };
        Some(Command::Preference(PreferenceCommand::SetScale(percent)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench::jobs::JobMode;

    fn set(workbench: &mut Workbench, command: PreferenceCommand) {
        workbench.execute(Command::Preference(command));
    }

    #[test]
    fn preferences_survive_and_a_wrong_key_in_the_file_is_told() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("settings.toml");
        let mut w = Workbench::new(JobMode::Inline, Some(path.clone()));
        let f9: Shortcut = "F9".parse().expect("a key");
        set(&mut w, PreferenceCommand::SetKeys { action: Action::ToolBrush, keys: vec![f9] });
        set(&mut w, PreferenceCommand::SetScale(900));
        set(&mut w, PreferenceCommand::SetRiskHidden(true));
        set(&mut w, PreferenceCommand::SetLanguage(Language::Chinese));
        assert_eq!(words::language(), Language::Chinese);
        set(&mut w, PreferenceCommand::SetLanguage(Language::English));
        let again = Workbench::new(JobMode::Inline, Some(path.clone()));
        assert_eq!(again.keymap().keys(Action::ToolBrush), [f9]);
        assert_eq!(again.settings().scale_percent(), 250);
        assert!(again.settings().risk_hidden && again.settings().language() == Language::English);
        let text = std::fs::read_to_string(&path).expect("there");
        std::fs::write(&path, text.replace("\"F9\"", "\"Hyper+9\"")).expect("written");
        let damaged = Workbench::new(JobMode::Inline, Some(path));
        assert!(damaged.notices().all().iter().any(|n| format!("{n:?}").contains("Hyper+9")));
        assert!(damaged.keymap().keys(Action::ToolBrush).is_empty());
    }

    #[test]
    fn keys_go_into_a_file_and_come_back_from_it() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("keys.toml");
        let mut w = Workbench::new(JobMode::Inline, None);
        let usual = w.keymap().clone();
        let f9: Shortcut = "F9".parse().expect("a key");
        set(&mut w, PreferenceCommand::SetKeys { action: Action::Undo, keys: vec![f9] });
        let mine = w.keymap().clone();
        set(&mut w, PreferenceCommand::ExportKeys { path: file.clone(), overwrite: true });
        set(&mut w, PreferenceCommand::ResetKeys(None));
        assert_eq!(*w.keymap(), usual);
        set(&mut w, PreferenceCommand::ImportKeys(file.clone()));
        assert_eq!(*w.keymap(), mine);
        std::fs::write(&file, "[keys]\nundo = [\"nothing\"]").expect("written");
        set(&mut w, PreferenceCommand::ImportKeys(file));
        assert_eq!(*w.keymap(), mine);
        assert_eq!(w.notices().all().last().map(|n| n.severity), Some(Severity::Error));
    }

    #[test]
    fn the_interface_grows_and_shrinks_in_steps() {
        let mut w = Workbench::new(JobMode::Inline, None);
        assert!(w.refusal(Action::SmallerInterface).is_some());
        for expected in [110, 125, 150, 175, 200, 225, 250, 250] {
            if let Some(command) = w.command_for(Action::LargerInterface) {
                w.execute(command);
            }
            assert_eq!(w.settings().scale_percent(), expected);
        }
        assert!(w.refusal(Action::LargerInterface).is_some());
        let command = w.command_for(Action::UsualInterface).expect("always there");
        w.execute(command);
        assert_eq!(w.settings().scale_percent(), 100);
    }
}
