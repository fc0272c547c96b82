//! `hilum archive`: studies from and to an archive (PACS), and the settings for that.

mod settings;
mod transfer;

use super::failure::Failure;
use super::output;
use super::terminal::Terminal;
use crate::archive::{ArchiveError, Cause, Client, Limits, Remote, Secret, Shelf};
use crate::workbench::{Settings, error_chain};
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub enum Archive {
    Add(settings::Add),
    Remove(settings::Remove),
    List(settings::List),
    Set(settings::Set),
    Echo(transfer::Echo),
    Query(transfer::Query),
    Retrieve(transfer::Retrieve),
    Store(transfer::Store),
    Receive(transfer::Receive),
}

impl Archive {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        match self {
            Self::Add(c) => c.run(terminal),
            Self::Remove(c) => c.run(),
            Self::List(c) => c.run(),
            Self::Set(c) => c.run(terminal),
            Self::Echo(c) => c.run(terminal),
            Self::Query(c) => c.run(terminal),
            Self::Retrieve(c) => c.run(terminal),
            Self::Store(c) => c.run(terminal),
            Self::Receive(c) => c.run(terminal),
        }
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        match error.cause {
            Cause::Cancelled => Self::Stopped(error.text.trim_start_matches("cancelled; ").to_owned()),
            Cause::Request | Cause::Archive => Self::Refused(error.text),
            Cause::Connection | Cause::Local => Self::Failed(error.text),
        }
    }
}

fn settings_path() -> Result<PathBuf, Failure> {
    Settings::default_path().ok_or_else(|| {
        Failure::Failed("there is no folder for settings on this computer; name one in HILUM_HOME".into())
    })
}

fn load_settings() -> Result<Settings, Failure> {
    Settings::load(&settings_path()?).map_err(|e| Failure::Refused(error_chain(&e)))
}

fn change_settings(change: impl FnOnce(&mut Settings) -> Result<(), Failure>) -> Result<PathBuf, Failure> {
    let mut settings = load_settings()?;
    change(&mut settings)?;
    let path = settings_path()?;
    settings.save(&path).map_err(Failure::failed)?;
    Ok(path)
}

/// The archive of a name, with the hint what there is.
fn remote<'a>(settings: &'a Settings, name: &str) -> Result<&'a Remote, Failure> {
    settings.archives.by_name(name).ok_or_else(|| {
        let names: Vec<&str> = settings.archives.remotes.iter().map(|r| r.name.as_str()).collect();
        let hint = if names.is_empty() {
            "none is set up; add it with `hilum archive add NAME URL`".to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        };
        Failure::Refused(format!("no archive is called \"{name}\"; {hint}"))
    })
}

/// Asks on the terminal, without showing what is typed.
fn ask(what: &str) -> Result<Secret, Failure> {
    rpassword::prompt_password(format!("{what}: ")).map(Secret::new).map_err(|error| {
        Failure::Refused(format!(
            "no password could be asked for ({error}); name an environment variable that holds it with \
             `hilum archive add ... --password-env VARIABLE`"
        ))
    })
}

/// Connects to the archive of a name.
fn connect(settings: &Settings, name: &str, wait: Option<f64>, terminal: &Terminal) -> Result<Client, Failure> {
    let remote = remote(settings, name)?;
    if let Some(warning) = remote.open_password_warning() {
        terminal.note(&format!("warning: {warning}"));
    }
    let asked = if remote.sign_in.asks() { Some(ask(&format!("Password for {name}"))?) } else { None };
    let secret = remote.sign_in.secret(asked.as_ref())?;
    let mut limits = Limits::default();
    if let Some(seconds) = wait {
        limits.idle = std::time::Duration::from_secs_f64(seconds);
        limits.connect = limits.connect.min(limits.idle);
    }
    Ok(Client::new(remote, secret.as_ref(), limits, Terminal::stop())?)
}

/// The folder for studies.
fn shelf(settings: &Settings, chosen: Option<&PathBuf>) -> Result<Shelf, Failure> {
    let folder = chosen.cloned().unwrap_or_else(|| settings.archives.shelf_folder());
    Ok(Shelf::open(&folder)?)
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.1..=3600.0).contains(&value) => Ok(value),
        _ => Err("write a number of seconds from 0.1 to 3600".into()),
    }
}
