//! `hilum archive echo`, `query`, `retrieve`, `store`, `receive`.

use super::{Failure, Terminal, connect, load_settings, output, seconds, shelf};
use crate::archive::{
    Placed, Receiver, ReceiverEvent, SeriesRecord, StudyQuery, StudyRecord, Uid, files_to_store, retrieve, store,
};
use crate::progress::Progress as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Test the connection to an archive
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum archive echo clinic
  hilum archive echo clinic --json

JSON keys:
  archive        name
  answers        true
  seconds        until the answer was there")]
pub struct Echo {
    /// Name of the archive
    archive: String,
    /// Give up after so many seconds without a byte from the archive
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    wait: Option<f64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct EchoReport<'a> {
    archive: &'a str,
    answers: bool,
    seconds: f64,
}

impl Echo {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let client = connect(&load_settings()?, &self.archive, self.wait, terminal)?;
        let start = Instant::now();
        client.echo()?;
        let seconds = start.elapsed().as_secs_f64();
        terminal.finish();
        if self.json {
            return output::print_json(&EchoReport { archive: &self.archive, answers: true, seconds });
        }
        output::print(&format!("{} answers as a DICOMweb service, after {seconds:.2} s\n", self.archive))
    }
}

/// Search for studies, or list the series of one
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A name without a wild card is taken as its beginning; * stands for any letters, ? for one.

Examples:
  hilum archive query clinic --name 'Doe*' --modality CT
  hilum archive query clinic --id 4711 --from 2024-01-01 --json
  hilum archive query clinic --study 1.2.840.113619.2.55

JSON keys:
  archive        name
  studies        newest first [{study_instance_uid, patient_name, patient_id, birth_date, study_date, description,
                 accession_number, modalities, series, instances (null where the archive does not say)}]
  more           true where the archive has more studies than --limit
  series         of --study [{series_instance_uid, number, modality, description, instances}]")]
pub struct Query {
    /// Name of the archive
    archive: String,
    /// Patient's name
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    name: String,
    /// Patient ID
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    id: String,
    /// First day of the study, such as 2024-03-01
    #[arg(long, value_name = "DATE", default_value = "", hide_default_value = true)]
    from: String,
    /// Last day of the study
    #[arg(long, value_name = "DATE", default_value = "", hide_default_value = true)]
    to: String,
    /// A modality of the study, such as CT or RTSTRUCT
    #[arg(long, default_value = "", hide_default_value = true)]
    modality: String,
    /// At most so many studies
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Leave out so many studies at the start
    #[arg(long, default_value_t = 0)]
    offset: u32,
    /// List the series of this study instead
    #[arg(long, value_name = "UID", conflicts_with_all = ["name", "id", "from", "to", "modality"])]
    study: Option<String>,
    /// Give up after so many seconds without a byte from the archive
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    wait: Option<f64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct QueryReport<'a> {
    archive: &'a str,
    studies: Vec<StudyRecord>,
    more: bool,
    series: Vec<SeriesRecord>,
}

fn count(value: Option<usize>) -> String {
    value.map_or_else(|| "-".into(), |n| n.to_string())
}

impl Query {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let client = connect(&load_settings()?, &self.archive, self.wait, terminal)?;
        let mut report = QueryReport { archive: &self.archive, studies: Vec::new(), more: false, series: Vec::new() };
        if let Some(study) = &self.study {
            report.series = client.series(&Uid::new(study)?)?;
        } else {
            let list = client.studies(&StudyQuery {
                patient_name: self.name.clone(),
                patient_id: self.id.clone(),
                from: self.from.clone(),
                to: self.to.clone(),
                modality: self.modality.clone(),
                offset: self.offset as usize,
                limit: self.limit as usize,
            })?;
            (report.studies, report.more) = (list.studies, list.more);
        }
        terminal.finish();
        if self.json {
            return output::print_json(&report);
        }
        let mut text;
        if self.study.is_some() {
            let mut table = output::Table::new(&[">Number", "Modality", "Description", ">Objects", "Series UID"]);
            for s in &report.series {
                let instances = count(s.instances);
                table.row(
                    [&s.number, &s.modality, &s.description, &instances, &s.series_instance_uid].map(Clone::clone),
                );
            }
            text = table.to_string();
        } else {
            let mut table =
                output::Table::new(&["Date", "Name", "ID", "Description", "Modalities", ">Objects", "Study UID"]);
            for s in &report.studies {
                let (modalities, instances) = (s.modalities.join(" "), count(s.instances));
                let cells = [&s.study_date, &s.patient_name, &s.patient_id, &s.description, &modalities, &instances];
                table.row(cells.into_iter().chain([&s.study_instance_uid]).cloned());
            }
            text = table.to_string();
            if report.studies.is_empty() {
                text = "No study matches\n".into();
            }
        }
        if report.more {
            text.push_str("There are more; narrow the search, or raise --limit\n");
        }
        output::print(&text)
    }
}

/// Retrieve a study, or one series of it, into the folder where studies are kept
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Objects come as the archive stored them. They are kept in a hidden folder until all that the archive had named are
there, whole and right; a transfer that fails or is stopped leaves nothing. A file that is there already is never
replaced: an object of the same UID with other content is kept in a folder beside the study, and told.

Examples:
  hilum archive retrieve clinic 1.2.840.113619.2.55
  hilum archive retrieve clinic 1.2.840.113619.2.55 --series 1.2.840.113619.2.55.3 --json

JSON keys:
  study_instance_uid
  folder         where the study lies
  instances      that were retrieved
  known          of them that were there already
  other_content  files of the same UID as one that is there, with other content
  bytes          that came
  notes          what was noticed on the way")]
pub struct Retrieve {
    /// Name of the archive
    archive: String,
    /// Study Instance UID
    #[arg(value_name = "UID")]
    study: String,
    /// One series only
    #[arg(long, value_name = "UID")]
    series: Option<String>,
    /// The folder where studies are kept [default: that of the settings]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Give up after so many seconds without a byte from the archive
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    wait: Option<f64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Retrieve {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let settings = load_settings()?;
        let study = Uid::new(&self.study)?;
        let series = self.series.as_deref().map(Uid::new).transpose()?;
        let shelf = shelf(&settings, self.folder.as_ref())?;
        let client = connect(&settings, &self.archive, self.wait, terminal)?;
        let report = retrieve(&client, &shelf, &study, series.as_ref(), terminal)?;
        terminal.finish();
        for note in &report.notes {
            terminal.note(&format!("note: {note}"));
        }
        for path in &report.other_content {
            let text = "warning: an object of this UID was there with other content; the new one is kept beside it";
            terminal.note(&format!("{text}: {}", path.display()));
        }
        if self.json {
            return output::print_json(&report);
        }
        let known = if report.known == 0 { String::new() } else { format!(", {} of them known", report.known) };
        output::print(&format!(
            "{} objects{known}, {:.1} MB\n{}\n",
            report.instances,
            report.bytes as f64 / 1e6,
            report.folder.display()
        ))
    }
}

/// Store files in an archive
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The archive says of each object whether it was stored. Files that are no whole DICOM files are not sent.

Examples:
  hilum archive store clinic corrected.dcm
  hilum archive store clinic /data/patient1 --json

JSON keys:
  stored, failed   objects
  instances      one each [{file, sop_instance_uid, stored, remark (why not, or what the archive changed)}]
  not_sent       files that could not be sent [{file, sop_instance_uid, stored, remark}]")]
pub struct Store {
    /// Name of the archive
    archive: String,
    /// Files and folders
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Give up after so many seconds without a byte from the archive
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    wait: Option<f64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Store {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let files = files_to_store(&self.paths)?;
        let client = connect(&load_settings()?, &self.archive, self.wait, terminal)?;
        let report = store(&client, &files, terminal)?;
        terminal.finish();
        for file in &report.not_sent {
            terminal.note(&format!("not sent: {}: {}", file.remark, file.file.display()));
        }
        if self.json {
            output::print_json(&report)?;
        } else {
            let remarks = report.instances.iter().filter(|i| !i.remark.is_empty());
            let lines: String = remarks.map(|i| format!("{}: {}\n", i.remark, i.file.display())).collect();
            output::print(&format!("{lines}{} objects stored, {} refused\n", report.stored, report.failed))?;
        }
        match report.instances.iter().find(|i| !i.stored) {
            None => Ok(()),
            Some(first) => Err(Failure::Refused(format!(
                "{} of {} objects were not stored: {}: {}",
                report.failed,
                report.instances.len(),
                first.remark,
                first.file.display()
            ))),
        }
    }
}

/// Receive objects that others send by C-STORE, until Ctrl-C
#[derive(Debug, clap::Args)]
#[command(after_help = "\
CT, PET, RTSTRUCT, RTDOSE, RTPLAN, segmentations and registrations are taken, in every transfer syntax that can be read.
An object is acknowledged when it stands in the folder as a whole.

Examples:
  hilum archive receive
  hilum archive receive --port 11113 --folder /data/incoming --json

JSON: one object a line for each DICOM object, as it comes:
  study_instance_uid, sop_instance_uid, modality
  from           AE title of the sender
  file           where it lies
  state          new, known (the same was there), or other_content (kept beside one of the same UID)")]
pub struct Receive {
    /// AE title [default: that of the settings]
    #[arg(long, value_name = "TITLE")]
    ae_title: Option<String>,
    /// Port [default: that of the settings]
    #[arg(long)]
    port: Option<u16>,
    /// Listen on every network, not on this computer only
    #[arg(long)]
    any_network: bool,
    /// The folder where studies are kept [default: that of the settings]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// End after so many objects, when their sender has ended its association
    #[arg(long, value_name = "NUMBER")]
    objects: Option<usize>,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct ReceivedLine<'a> {
    study_instance_uid: &'a str,
    sop_instance_uid: &'a str,
    modality: &'a str,
    from: &'a str,
    file: String,
    state: &'static str,
}

impl Receive {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let settings = load_settings()?;
        let mut receiver = settings.archives.receiver.clone();
        if let Some(title) = &self.ae_title {
            receiver.ae_title.clone_from(title);
        }
        receiver.port = self.port.unwrap_or(receiver.port);
        receiver.any_network |= self.any_network;
        let shelf = shelf(&settings, self.folder.as_ref())?;
        let service = Receiver::bind(&receiver, &shelf)?;
        let reach = if receiver.any_network { "every network" } else { "this computer only" };
        terminal.note(&format!(
            "receiving as {} at port {}, {reach}, into {}; Ctrl-C ends",
            receiver.ae_title,
            service.port(),
            shelf.root().display()
        ));
        // Those of associations that have ended: a sender is not cut off after its last object.
        let ended = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (counted, most) = (std::sync::Arc::clone(&ended), self.objects);
        let (stop, start, longest) = (Terminal::stop(), Instant::now(), self.seconds.map(Duration::from_secs));
        let ends: crate::archive::Stop = std::sync::Arc::new(move || {
            stop()
                || most.is_some_and(|most| counted.load(std::sync::atomic::Ordering::Relaxed) >= most)
                || longest.is_some_and(|longest| start.elapsed() >= longest)
        });
        let (mut failed, mut taken) = (Ok(()), 0);
        service.run(&ends, &mut |event| match event {
            ReceiverEvent::Received(object) => {
                taken += 1;
                terminal.report("Objects received", taken, 0);
                let (state, path) = match &object.placed {
                    Placed::New(path) => ("new", path),
                    Placed::Known(path) => ("known", path),
                    Placed::Beside(path) => ("other_content", path),
                };
                let line = ReceivedLine {
                    study_instance_uid: &object.study_instance_uid,
                    sop_instance_uid: &object.sop_instance_uid,
                    modality: &object.modality,
                    from: &object.from,
                    file: path.display().to_string(),
                    state,
                };
                let text = if self.json {
                    serde_json::to_string(&line).map_err(|e| Failure::Failed(e.to_string()))
                } else {
                    Ok(format!("{} {} from {}: {}", line.modality, line.state, line.from, line.file))
                };
                let printed = text.and_then(|text| output::print(&format!("{text}\n")));
                if printed.is_err() && failed.is_ok() {
                    failed = printed;
                }
            }
            ReceiverEvent::Refused(why) => terminal.note(&format!("note: {why}")),
            ReceiverEvent::Released { from, objects } => {
                ended.fetch_add(objects, std::sync::atomic::Ordering::Relaxed);
                terminal.note(&format!("{from} has ended its association after {objects} objects"));
            }
        });
        terminal.finish();
        failed
    }
}
