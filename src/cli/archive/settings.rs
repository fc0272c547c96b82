//! `hilum archive add`, `remove`, `list`, `set`: which archives there are, and how this computer receives.

use super::{Failure, Terminal, ask, change_settings, load_settings, output, remote};
use crate::archive::{PasswordFrom, Remote, SignIn};
use std::path::PathBuf;

/// Add an archive, or change one
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A password or token is asked for whenever it is needed, unless --password-env names an environment variable that holds
it, or --keep-password writes it into the settings file (settings.toml of HILUM_HOME or of the user's configuration
folder), which is then readable for its owner only, but not encrypted.

Examples:
  hilum archive add local http://localhost:8042/dicom-web
  hilum archive add clinic https://pacs.example.org/dicom-web --user jane --password-env PACS_PASSWORD
  hilum archive add cloud https://dicom.example.org/v1 --bearer --password-env TOKEN --ca authority.pem")]
pub struct Add {
    /// A name for the archive
    name: String,
    /// Address of its DICOMweb service
    url: String,
    /// User name, for HTTP Basic authentication
    #[arg(long, value_name = "USER", conflicts_with = "bearer")]
    user: Option<String>,
    /// Sign in with a bearer token
    #[arg(long)]
    bearer: bool,
    /// The environment variable that holds the password or token
    #[arg(long, value_name = "VARIABLE", conflicts_with = "keep_password")]
    password_env: Option<String>,
    /// Ask for the password or token now and write it into the settings file
    #[arg(long)]
    keep_password: bool,
    /// Certificates (PEM) of the authority that signed the archive's certificate [default: those of the system]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Add {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        if (self.password_env.is_some() || self.keep_password) && self.user.is_none() && !self.bearer {
            return Err(Failure::Usage("a password needs --user, a token --bearer".into()));
        }
        let source = match &self.password_env {
            Some(variable) => PasswordFrom::Environment(variable.clone()),
            None if self.keep_password => PasswordFrom::Settings(ask(&format!("Password for {}", self.name))?),
            None => PasswordFrom::Ask,
        };
        let sign_in = match &self.user {
            Some(user) => SignIn::Basic { user: user.clone(), password: source },
            None if self.bearer => SignIn::Bearer { token: source },
            None => SignIn::Nobody,
        };
        let ca_file = self.ca.as_ref().map(|p| std::path::absolute(p).unwrap_or_else(|_| p.clone()));
        let remote = Remote { name: self.name.clone(), url: self.url.clone(), sign_in, ca_file };
        remote.check()?;
        if let Some(warning) = remote.open_password_warning() {
            terminal.note(&format!("warning: {warning}"));
        }
        let path = change_settings(|settings| {
            settings.archives.put(remote);
            Ok(())
        })?;
        if self.keep_password {
            terminal.note(&format!("the password is kept, readable for you only, in {}", path.display()));
        }
        output::print(&format!("{} is set up; test it with `hilum archive echo {}`\n", self.name, self.name))
    }
}

/// Remove an archive from the settings; nothing changes in the archive
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum archive remove clinic")]
pub struct Remove {
    /// Its name
    name: String,
}

impl Remove {
    pub fn run(&self) -> Result<(), Failure> {
        change_settings(|settings| {
            remote(settings, &self.name)?;
            settings.archives.remotes.retain(|r| r.name != self.name);
            Ok(())
        })?;
        output::print(&format!("{} was removed\n", self.name))
    }
}

/// List the archives, the receiver, and where studies are kept
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum archive list
  hilum archive list --json

JSON keys:
  archives       one each [{name, url, sign_in (none, basic or bearer), user, password (none, environment, ask or settings),
                 ca_file}]
  folder         where studies are kept
  ae_title, port, any_network   of the receiver")]
pub struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct ListReport {
    archives: Vec<ListedRemote>,
    folder: String,
    ae_title: String,
    port: u16,
    any_network: bool,
}

#[derive(serde::Serialize)]
struct ListedRemote {
    name: String,
    url: String,
    sign_in: &'static str,
    user: Option<String>,
    password: &'static str,
    ca_file: Option<PathBuf>,
}

impl ListedRemote {
    fn of(remote: &Remote) -> Self {
        let source = |from: &PasswordFrom| match from {
            PasswordFrom::Environment(_) => "environment",
            PasswordFrom::Ask => "ask",
            PasswordFrom::Settings(_) => "settings",
        };
        let (sign_in, user, password) = match &remote.sign_in {
            SignIn::Nobody => ("none", None, "none"),
            SignIn::Basic { user, password } => ("basic", Some(user.clone()), source(password)),
            SignIn::Bearer { token } => ("bearer", None, source(token)),
        };
        let (name, url, ca_file) = (remote.name.clone(), remote.url.clone(), remote.ca_file.clone());
        Self { name, url, sign_in, user, password, ca_file }
    }
}

impl List {
    pub fn run(&self) -> Result<(), Failure> {
        let archives = load_settings()?.archives;
        let report = ListReport {
            archives: archives.remotes.iter().map(ListedRemote::of).collect(),
            folder: archives.shelf_folder().display().to_string(),
            ae_title: archives.receiver.ae_title.clone(),
            port: archives.receiver.port,
            any_network: archives.receiver.any_network,
        };
        if self.json {
            return output::print_json(&report);
        }
        let mut table = output::Table::new(&["Name", "Address", "Sign-in", "User", "Password"]);
        for remote in &report.archives {
            let user = remote.user.clone().unwrap_or_else(|| "-".into());
            table.row([&remote.name, &remote.url, remote.sign_in, &user, remote.password].map(str::to_owned));
        }
        let reach = if report.any_network { "every network" } else { "this computer only" };
        output::print(&format!(
            "{}Receiver: {} at port {}, {reach}\nStudies are kept in {}\n",
            if report.archives.is_empty() { "No archives are set up\n".to_owned() } else { table.to_string() },
            report.ae_title,
            report.port,
            report.folder
        ))
    }
}

/// Change the receiver and the folder where studies are kept
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum archive set --folder /data/studies
  hilum archive set --ae-title REVIEW1 --port 11112")]
pub struct Set {
    /// The folder where studies are kept
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// AE title of the receiver
    #[arg(long, value_name = "TITLE")]
    ae_title: Option<String>,
    /// Port of the receiver
    #[arg(long)]
    port: Option<u16>,
    /// Receive from every network (true), or from this computer only (false)
    #[arg(long, value_name = "TRUE|FALSE")]
    any_network: Option<bool>,
}

impl Set {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        change_settings(|settings| {
            let archives = &mut settings.archives;
            if let Some(folder) = &self.folder {
                archives.folder = Some(std::path::absolute(folder).unwrap_or_else(|_| folder.clone()));
            }
            if let Some(title) = &self.ae_title {
                archives.receiver.ae_title.clone_from(title);
            }
            archives.receiver.port = self.port.unwrap_or(archives.receiver.port);
            archives.receiver.any_network = self.any_network.unwrap_or(archives.receiver.any_network);
            Ok(archives.receiver.check()?)
        })?;
        if self.any_network == Some(true) {
            terminal.note("warning: the receiver will take objects from anybody who can reach this computer");
        }
        List { json: false }.run()
    }
}
