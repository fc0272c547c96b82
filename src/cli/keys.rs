//! `hilum keys` and `hilum settings`: the key map and the other settings of the window, without it.

use super::failure::Failure;
use super::output::{self, Table};
use crate::diunet::{self, LoadedModel};
use crate::risk::RiskModel;
use crate::words::Language;
use crate::workbench::{Action, Keymap, Settings, read_keys, risk_model_folder, write_keys};
use std::path::{Path, PathBuf};
use strum::IntoEnumIterator;

/// List, import, export or reset the keys of the window
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum keys
  hilum keys --json
  hilum keys --export keys.toml
  hilum keys --import keys.toml
  hilum keys --reset

A file of keys holds a table [keys] with lines such as undo = [\"Ctrl+Z\"]; Ctrl stands for Cmd on macOS. Actions that
are left out keep their usual keys. A file with a mistake is refused as a whole.

JSON keys:
  file     the settings file that holds what was changed
  actions  [{action, label, menu, keys, usual, changed}] (action is the name in files of keys; the first of the keys is
           the one that menus show; usual are those that it has until the user changes them)")]
pub struct Keys {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write all keys into a file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "import", "reset"])]
    export: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "export")]
    overwrite: bool,
    /// Take the keys from a file
    #[arg(long, value_name = "FILE", conflicts_with = "reset")]
    import: Option<PathBuf>,
    /// Take the usual keys again
    #[arg(long)]
    reset: bool,
}

#[derive(serde::Serialize)]
struct KeysReport {
    file: PathBuf,
    actions: Vec<Row>,
}

#[derive(serde::Serialize)]
struct Row {
    action: &'static str,
    label: &'static str,
    menu: &'static str,
    keys: Vec<String>,
    usual: Vec<String>,
    changed: bool,
}

impl Keys {
    pub fn run(&self) -> Result<(), Failure> {
        let path = settings_path()?;
        let mut settings = load(&path)?;
        if let Some(file) = &self.import {
            settings.keys = read_keys(file).map_err(|e| Failure::Refused(e.to_string()))?.changes();
        } else if self.reset {
            settings.keys.clear();
        }
        if self.import.is_some() || self.reset {
            settings.save(&path).map_err(|e| Failure::Failed(e.to_string()))?;
        }
        let (keymap, wrong) = Keymap::from_changes(&settings.keys);
        for error in wrong {
            super::terminal::say(&error.to_string());
        }
        if let Some(file) = &self.export {
            write_keys(&keymap, file, self.overwrite).map_err(|e| Failure::Failed(e.to_string()))?;
            return output::print(&format!("{}\n", file.display()));
        }
        let actions = Action::iter().map(|action| row(&keymap, action)).collect();
        let report = KeysReport { file: path, actions };
        if self.json { output::print_json(&report) } else { output::print(&table(&report.actions)) }
    }
}

fn row(keymap: &Keymap, action: Action) -> Row {
    Row {
        action: action.name(),
        label: action.label().trim_end_matches('…'),
        menu: action.row().menu.label(),
        keys: keymap.keys(action).iter().map(|k| k.portable()).collect(),
        usual: action.usual_keys().iter().map(|k| k.portable()).collect(),
        changed: keymap.is_changed(action),
    }
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new(&["Keys", "Action", "Name", "Menu", ""]);
    for row in rows {
        let changed = if row.changed { "changed" } else { "" };
        table.row([row.keys.join(", "), row.label.into(), row.action.into(), row.menu.into(), changed.into()]);
    }
    table.to_string()
}

/// Show or change language, size, memory of undo and what the window shows
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum settings
  hilum settings --language zh-CN --scale 150
  hilum settings --undo-memory 512 --risk hide
  hilum settings --network /data/own
  hilum settings --risk-model \"Small cell, 36 months\"
  hilum settings --json

JSON keys:
  file         the settings file
  language     en or zh-CN
  scale        size of the interface, percent
  undo_memory  memory that undo may hold, MB; null for the usual
  risk         show or hide
  risk_while_contouring  the same while a tool that draws is chosen
  tour         false once the tour has been taken or declined
  network      folder of the network that draws stations in the window
  risk_model   folder of the risk model that estimates in Review")]
pub struct SettingsCommand {
    /// Language of the window: en or zh-CN
    #[arg(long, value_name = "TAG")]
    language: Option<Language>,
    /// Size of the interface, percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(100..=250))]
    scale: Option<u32>,
    /// Memory that undo may hold, MB
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(16..=8192))]
    undo_memory: Option<u32>,
    /// Show or hide the risk of the risk model
    #[arg(long, value_name = "WHAT")]
    risk: Option<Shown>,
    /// Show or hide it while a tool that draws is chosen, so that it does not steer the hand
    #[arg(long, value_name = "WHAT")]
    risk_while_contouring: Option<Shown>,
    /// Show the tour at the next start, or not
    #[arg(long, value_name = "WHAT")]
    tour: Option<Shown>,
    /// Network that draws stations in the window: a folder, or the name of one that comes with the program
    #[arg(long, value_name = "DIR")]
    network: Option<PathBuf>,
    /// Risk model in Review: a folder, or the name of one that comes with the program or was trained in the window
    #[arg(long, value_name = "NAME|DIR")]
    risk_model: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Shown {
    Show,
    Hide,
}

#[derive(serde::Serialize)]
struct Report {
    file: PathBuf,
    language: &'static str,
    scale: u32,
    undo_memory: Option<u32>,
    risk: Shown,
    risk_while_contouring: Shown,
    tour: bool,
    network: PathBuf,
    risk_model: PathBuf,
}

impl SettingsCommand {
    pub fn run(&self) -> Result<(), Failure> {
        let path = settings_path()?;
        let before = load(&path)?;
        let mut settings = before.clone();
        settings.language = self.language.or(settings.language);
        settings.scale_percent = self.scale.or(settings.scale_percent);
        settings.history_mb = self.undo_memory.or(settings.history_mb);
        settings.risk_hidden = self.risk.map_or(settings.risk_hidden, |r| r == Shown::Hide);
        let hidden = settings.risk_hidden_while_contouring;
        settings.risk_hidden_while_contouring = self.risk_while_contouring.map_or(hidden, |r| r == Shown::Hide);
        settings.tour_seen = self.tour.map_or(settings.tour_seen, |t| t == Shown::Hide);
        if let Some(given) = &self.network {
            let folder = diunet::network_folder(given);
            LoadedModel::load(&folder).map_err(Failure::refused)?;
            settings.set_network(&std::path::absolute(&folder).unwrap_or(folder));
        }
        if let Some(given) = &self.risk_model {
            let folder = risk_model_folder(given);
            RiskModel::load(&folder).map_err(Failure::refused)?;
            settings.set_risk_model(&std::path::absolute(&folder).unwrap_or(folder));
        }
        if settings != before {
            settings.save(&path).map_err(|e| Failure::Failed(e.to_string()))?;
        }
        let report = Report {
            file: path,
            language: settings.language().tag(),
            scale: settings.scale_percent(),
            undo_memory: settings.history_mb,
            risk: shown(settings.risk_hidden),
            risk_while_contouring: shown(settings.risk_hidden_while_contouring),
            tour: !settings.tour_seen,
            network: settings.network_folder(),
            risk_model: settings.risk_model_folder(),
        };
        if self.json { output::print_json(&report) } else { output::print(&words(&report)) }
    }
}

fn shown(hidden: bool) -> Shown {
    if hidden { Shown::Hide } else { Shown::Show }
}

fn words(report: &Report) -> String {
    let undo = report.undo_memory.map_or_else(|| "usual".to_owned(), |mb| format!("{mb} MB"));
    format!(
        "language     {}\nscale        {} %\nundo memory  {undo}\nrisk         {}\ntour         {}\nnetwork      {}\nrisk model   {}\nfile         {}\n",
        report.language,
        report.scale,
        match (report.risk, report.risk_while_contouring) {
            (Shown::Hide, _) => "hidden",
            (Shown::Show, Shown::Hide) => "hidden while contouring",
            (Shown::Show, Shown::Show) => "shown",
        },
        if report.tour { "at the next start" } else { "seen" },
        report.network.display(),
        report.risk_model.display(),
        report.file.display(),
    )
}

fn settings_path() -> Result<PathBuf, Failure> {
    Settings::default_path().ok_or_else(|| {
        Failure::Failed("no folder for settings is known; set HILUM_HOME to one that can be written".into())
    })
}

fn load(path: &Path) -> Result<Settings, Failure> {
    Settings::load(path).map_err(|e| Failure::Failed(e.to_string()))
}
