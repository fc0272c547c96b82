//! The archive desk: searches, transfers and the receiver as the window asks for them, each a job; and the settings
//! for that. Nothing here touches the open case.

use super::jobs::{JobContext, JobError, JobKey, Lane};
use super::results::JobResult;
use super::{Severity, Trouble, Workbench};
use crate::archive::{
    ArchiveError, Client, Limits, Placed, Received, Receiver, ReceiverEvent, ReceiverSettings, Remote, Retrieved,
    Secret, SeriesRecord, Shelf, StoreReport, StudyList, StudyQuery, Uid, files_to_store, retrieve, store,
};
use crate::tf;
use crate::words::t;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Requests of the Archive workspace.
#[derive(Debug, Clone, PartialEq)]
pub enum ArchiveCommand {
    /// Works with the archive of this name from now on.
    Choose(String),
    /// Puts an archive in the settings, in the place of one of the same name.
    Save(Remote),
    Remove(String),
    /// The password or token of an archive, until the program ends.
    Password {
        name: String,
        secret: Secret,
    },
    Test,
    Search(StudyQuery),
    ListSeries(String),
    Retrieve {
        study: String,
        series: Option<String>,
    },
    /// Stores files in the chosen archive.
    Store(Vec<PathBuf>),
    /// Starts or ends the receiver.
    Receive(bool),
    SetReceiver(ReceiverSettings),
    /// Where studies are kept; `None` for the usual folder.
    SetFolder(Option<PathBuf>),
}

/// The receiver while it listens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receiving {
    pub ae_title: String,
    pub port: u16,
    /// Objects that have come.
    pub objects: usize,
    /// The last of them, newest first.
    pub last: Vec<Received>,
}

/// What the Archive workspace shows.
#[derive(Debug, Default)]
pub struct ArchiveDesk {
    chosen: Option<String>,
    passwords: BTreeMap<String, Secret>,
    found: Option<StudyList>,
    series: BTreeMap<String, Vec<SeriesRecord>>,
    retrieved: Option<Retrieved>,
    stored: Option<StoreReport>,
    receiving: Option<Receiving>,
}

impl ArchiveDesk {
    const LAST_KEPT: usize = 50;

    /// What the last search found.
    pub fn found(&self) -> Option<&StudyList> {
        self.found.as_ref()
    }
    /// The series of a study, once they are known.
    pub fn series(&self, study: &str) -> Option<&[SeriesRecord]> {
        self.series.get(study).map(Vec::as_slice)
    }
    /// The last study that was retrieved.
    pub fn retrieved(&self) -> Option<&Retrieved> {
        self.retrieved.as_ref()
    }
    /// What became of the files that were stored last.
    pub fn stored(&self) -> Option<&StoreReport> {
        self.stored.as_ref()
    }
    /// The receiver, while it listens.
    pub fn receiving(&self) -> Option<&Receiving> {
        self.receiving.as_ref()
    }
}

/// Result of a job for the desk.
pub(super) enum ArchiveResult {
    Answers(String),
    Found(StudyList),
    Series { study: String, series: Vec<SeriesRecord> },
    Retrieved(Box<Retrieved>),
    Stored(StoreReport),
    Listening(Receiving),
    Told(ReceiverEvent),
    Closed,
}

impl From<ArchiveError> for JobError {
    fn from(error: ArchiveError) -> Self {
        if error.is_cancelled() { Self::Cancelled } else { Self::Failed(Trouble::of(&error)) }
    }
}

impl Workbench {
    pub fn archive(&self) -> &ArchiveDesk {
        &self.archive
    }

    /// The archive that is worked with: the chosen one, else the first.
    pub fn chosen_archive(&self) -> Option<&Remote> {
        let archives = &self.settings.archives;
        let chosen = self.archive.chosen.as_ref().and_then(|name| archives.by_name(name));
        chosen.or_else(|| archives.remotes.first())
    }

    /// True where the chosen archive needs a password that has not been given yet.
    pub fn needs_archive_password(&self) -> bool {
        self.chosen_archive().is_some_and(|r| r.sign_in.asks() && !self.archive.passwords.contains_key(&r.name))
    }

    pub(super) fn archive_command(&mut self, command: ArchiveCommand) {
        match command {
            ArchiveCommand::Choose(name) => {
                if self.chosen_archive().is_none_or(|r| r.name != name) {
                    self.archive.found = None;
                    self.archive.series.clear();
                }
                self.archive.chosen = Some(name);
            }
            ArchiveCommand::Save(remote) => match remote.check() {
                Ok(()) => {
                    if let Some(warning) = remote.open_password_warning() {
                        self.notices.warning(warning);
                    }
                    self.archive.chosen = Some(remote.name.clone());
                    self.change_settings(|settings| settings.archives.put(remote));
                }
                Err(error) => self.notices.warning(error.text),
            },
            ArchiveCommand::Remove(name) => {
                self.archive.passwords.remove(&name);
                self.change_settings(|settings| settings.archives.remotes.retain(|r| r.name != name));
            }
            ArchiveCommand::Password { name, secret } => drop(self.archive.passwords.insert(name, secret)),
            ArchiveCommand::Test => {
                let Some(name) = self.chosen_archive().map(|r| r.name.clone()) else { return };
                self.ask_archive(Lane::Network, JobKey::ArchiveSearch, t("Test the connection"), move |client, _| {
                    client.echo().map(|()| ArchiveResult::Answers(name))
                });
            }
            ArchiveCommand::Search(query) => {
                self.ask_archive(Lane::Network, JobKey::ArchiveSearch, t("Search the archive"), move |client, _| {
                    client.studies(&query).map(ArchiveResult::Found)
                });
            }
            ArchiveCommand::ListSeries(study) => {
                self.ask_archive(Lane::Network, JobKey::ArchiveSeries, t("List the series"), move |client, _| {
                    let series = client.series(&Uid::new(&study)?)?;
                    Ok(ArchiveResult::Series { study, series })
                });
            }
            ArchiveCommand::Retrieve { study, series } => {
                let folder = self.settings.archives.shelf_folder();
                let title = if series.is_some() { t("Retrieve a series") } else { t("Retrieve a study") };
                self.ask_archive(Lane::Network, JobKey::Retrieve, title, move |client, context| {
                    let (shelf, study) = (Shelf::open(&folder)?, Uid::new(&study)?);
                    let series = series.as_deref().map(Uid::new).transpose()?;
                    let retrieved = retrieve(client, &shelf, &study, series.as_ref(), context)?;
                    Ok(ArchiveResult::Retrieved(Box::new(retrieved)))
                });
            }
            ArchiveCommand::Store(paths) => {
                self.ask_archive(Lane::Network, JobKey::Store, t("Send to the archive"), move |client, context| {
                    let report = store(client, &files_to_store(&paths)?, context);
                    // What the archive acknowledged before the user stopped must be said.
                    report
                        .map(ArchiveResult::Stored)
                        .map_err(|e| if e.is_cancelled() { ArchiveError::request(e.text) } else { e })
                });
            }
            ArchiveCommand::Receive(true) => self.start_receiver(),
            ArchiveCommand::Receive(false) => {
                self.jobs.dismiss_key(JobKey::Receive);
                self.archive.receiving = None;
            }
            ArchiveCommand::SetReceiver(receiver) => match receiver.check() {
                Ok(()) => {
                    self.change_settings(|settings| settings.archives.receiver = receiver);
                }
                Err(error) => self.notices.warning(error.text),
            },
            ArchiveCommand::SetFolder(folder) => {
                self.change_settings(|settings| settings.archives.folder = folder);
            }
        }
    }

    /// Starts a job with a connection to the chosen archive.
    fn ask_archive(
        &mut self,
        lane: Lane,
        key: JobKey,
        title: &str,
        work: impl FnOnce(&Client, &JobContext<JobResult>) -> Result<ArchiveResult, ArchiveError> + Send + 'static,
    ) {
        let Some(remote) = self.chosen_archive().cloned() else {
            self.notices.warning(t("No archive is set up; add one in the Archive workspace"));
            return;
        };
        let asked = self.archive.passwords.get(&remote.name).cloned();
        let spawned = self.jobs.spawn(lane, key, title, move |context| {
            let secret = remote.sign_in.secret(asked.as_ref())?;
            let client = Client::new(&remote, secret.as_ref(), Limits::default(), context.stop())?;
            Ok(JobResult::Archive(work(&client, context)?))
        });
        if let Err(error) = spawned {
            self.notices.warning(error.to_string());
        }
    }

    fn start_receiver(&mut self) {
        let (settings, folder) = (self.settings.archives.receiver.clone(), self.settings.archives.shelf_folder());
        let spawned = self.jobs.spawn(Lane::Receiver, JobKey::Receive, t("Receive"), move |context| {
            let shelf = Shelf::open(&folder)?;
            let receiver = Receiver::bind(&settings, &shelf)?;
            let (ae_title, port) = (settings.ae_title, receiver.port());
            context.send(JobResult::Archive(ArchiveResult::Listening(Receiving {
                ae_title,
                port,
                ..Default::default()
            })))?;
            receiver.run(&context.stop(), &mut |event| {
                // Where the window is gone, so is the receiver, at its next look.
                let _nobody_listens = context.send(JobResult::Archive(ArchiveResult::Told(event)));
            });
            Ok(JobResult::Archive(ArchiveResult::Closed))
        });
        if let Err(error) = spawned {
            self.notices.warning(error.to_string());
        }
    }

    pub(super) fn accept_archive(&mut self, result: ArchiveResult) {
        match result {
            ArchiveResult::Answers(name) => self.notices.info(tf!("{name} answers as a DICOMweb service", name)),
            ArchiveResult::Found(list) => {
                self.archive.series.clear();
                self.archive.found = Some(list);
            }
            ArchiveResult::Series { study, series } => drop(self.archive.series.insert(study, series)),
            ArchiveResult::Retrieved(retrieved) => {
                let summary = tf!(
                    "Retrieved {instances} objects, {megabytes:.1} MB",
                    instances = retrieved.instances,
                    megabytes = retrieved.bytes as f64 / 1e6
                );
                let mut details = retrieved.notes.clone();
                let mut severity = Severity::Info;
                if !retrieved.other_content.is_empty() {
                    severity = Severity::Warning;
                    let count = retrieved.other_content.len();
                    details.push(tf!(
                        "{count} objects were there already with other content; nothing was replaced, and the new ones \
                         stand in a folder beside the study",
                        count
                    ));
                }
                let files = [vec![retrieved.folder.clone()], retrieved.other_content.clone()].concat();
                self.notices.push_with_files(severity, summary, details, files);
                self.archive.retrieved = Some(*retrieved);
            }
            ArchiveResult::Stored(report) => {
                let summary = tf!(
                    "{stored} objects stored in the archive, {failed} refused",
                    stored = report.stored,
                    failed = report.failed
                );
                let severity = if report.failed == 0 { Severity::Info } else { Severity::Warning };
                let refused = report.instances.iter().chain(&report.not_sent).filter(|i| !i.remark.is_empty());
                let (details, files) = refused.map(|i| (i.remark.clone(), i.file.clone())).unzip();
                self.notices.push_with_files(severity, summary, details, files);
                self.archive.stored = Some(report);
            }
            ArchiveResult::Listening(receiving) => self.archive.receiving = Some(receiving),
            ArchiveResult::Told(ReceiverEvent::Received(object)) => {
                if let Placed::Beside(path) = &object.placed {
                    let words = t("An object was received that is there already with other content; both are kept");
                    self.notices.push_with_files(Severity::Warning, words, Vec::new(), vec![path.clone()]);
                }
                if let Some(receiving) = &mut self.archive.receiving {
                    receiving.objects += 1;
                    receiving.last.insert(0, *object);
                    receiving.last.truncate(ArchiveDesk::LAST_KEPT);
                }
            }
            ArchiveResult::Told(ReceiverEvent::Refused(why)) => {
                self.notices.push(Severity::Warning, t("Something was not received"), vec![why]);
            }
            ArchiveResult::Told(ReceiverEvent::Released { from, objects }) if objects > 0 => {
                self.notices.info(tf!("Received {objects} objects from {from}", objects, from));
            }
            ArchiveResult::Told(ReceiverEvent::Released { .. }) => {}
            ArchiveResult::Closed => self.archive.receiving = None,
        }
    }

    /// Every word of an archive's answers that names a patient.
    pub fn archive_names(&self) -> impl Iterator<Item = &str> {
        let studies = self.archive.found.iter().flat_map(|f| &f.studies);
        studies
            .flat_map(|s| {
                [&s.patient_name, &s.patient_id, &s.birth_date, &s.study_date, &s.description, &s.accession_number]
            })
            .map(String::as_str)
    }
}
