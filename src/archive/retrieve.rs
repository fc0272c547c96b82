//! WADO-RS (DICOM PS3.18 section 10.4): a study or a series as the archive stored it, streamed to disk and put on
//! the shelf once it is whole.

use super::dicomweb::{Expected, SeriesRecord};
use super::error::{ArchiveError, Cause};
use super::http::{Answer, Client};
use super::json::not_dicomweb;
use super::multipart::{Limited, Parts, parameter};
use super::shelf::{Arriving, Placed, Shelf, Uid};
use crate::progress::Progress;
use crate::tf;
use crate::words::t;
use std::collections::BTreeSet;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// More than any object has that this program reads.
const MOST_OBJECT: u64 = 8 << 30;

/// A study or series that has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Retrieved {
    pub study_instance_uid: String,
    /// Where the study lies.
    pub folder: PathBuf,
    pub instances: usize,
    /// Instances that were on the shelf before.
    pub known: usize,
    /// Instances that differ from those of the same UID on the shelf; they stand here.
    pub other_content: Vec<PathBuf>,
    pub bytes: u64,
    /// What was noticed on the way.
    pub notes: Vec<String>,
}

/// Retrieves a study, or one series of it.
///
/// # Errors
/// What went wrong; then nothing of the transfer is kept.
pub fn retrieve(
    client: &Client,
    shelf: &Shelf,
    study: &Uid,
    series: Option<&Uid>,
    progress: &dyn Progress,
) -> Result<Retrieved, ArchiveError> {
    progress.report(t("Asking what the study holds"), 0, 0);
    let mut wanted = client.series(study)?;
    if let Some(series) = series {
        wanted.retain(|s| s.series_instance_uid == series.as_str());
    }
    if wanted.is_empty() {
        return Err(ArchiveError::archive(if series.is_some() {
            t("the archive has no such series; search again")
        } else {
            t("the archive has no such study; search again")
        }));
    }
    let mut expected = Vec::new();
    for series in &wanted {
        progress.checkpoint()?;
        expected.push(client.expected(study, series)?);
    }
    let mut transfer = Transfer {
        client,
        study,
        arriving: shelf.arriving()?,
        done: 0,
        total: expected.iter().map(Expected::len).sum(),
        bytes: 0,
        notes: Vec::new(),
        progress,
    };
    for (series, expected) in wanted.iter().zip(&expected) {
        transfer.series(series, expected)?;
    }
    let Transfer { arriving, done, bytes, notes, .. } = transfer;
    progress.checkpoint()?;
    let placed = arriving.publish(study)?;
    let known = placed.iter().filter(|p| matches!(p, Placed::Known(_))).count();
    let beside = placed.into_iter().filter_map(|p| match p {
        Placed::Beside(path) => Some(path),
        Placed::New(_) | Placed::Known(_) => None,
    });
    Ok(Retrieved {
        study_instance_uid: study.to_string(),
        folder: shelf.study_folder(study),
        instances: done,
        known,
        other_content: beside.collect(),
        bytes,
        notes,
    })
}

struct Transfer<'a> {
    client: &'a Client,
    study: &'a Uid,
    arriving: Arriving,
    done: usize,
    total: usize,
    bytes: u64,
    notes: Vec<String>,
    progress: &'a dyn Progress,
}

fn what() -> &'static str {
    t("the retrieval")
}

impl Transfer<'_> {
    fn series(&mut self, series: &SeriesRecord, expected: &Expected) -> Result<(), ArchiveError> {
        let uid = Uid::new(&series.series_instance_uid)?;
        let path = format!("/studies/{}/series/{uid}", self.study);
        let answer = self.ask(&path)?;
        let mut got = BTreeSet::new();
        let media = answer.media_type();
        match (media.as_str(), parameter(&answer.content_type, "boundary")) {
            ("multipart/related", Some(boundary)) => {
                let source = answer.body.into_with_config().limit(u64::MAX).reader();
                let mut parts = Parts::new(source, &boundary);
                while let Some(header) = parts.next_part().map_err(|e| self.broken(&e, got.len(), expected))? {
                    check_part_type(&header)?;
                    self.object(&uid, expected, &mut got, |out| parts.copy(out))?;
                }
            }
            // One instance may come without an envelope.
            ("application/dicom", _) => {
                let mut source = answer.body.into_with_config().limit(u64::MAX).reader();
                self.object(&uid, expected, &mut got, |out| copy(&mut source, out))?;
            }
            (other, _) => return Err(not_dicomweb(what(), other)),
        }
        if got.len() != expected.len() {
            return Err(incomplete(got.len(), expected.len()));
        }
        Ok(())
    }

    /// Asks for files as they are stored, and where an archive refuses that, as it will give them.
    fn ask(&mut self, path: &str) -> Result<Answer, ArchiveError> {
        const STORED: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
        const ANY: &str = "multipart/related; type=\"application/dicom\"";
        match self.client.get(what(), path, STORED) {
            Err(error) if error.cause == Cause::Archive && matches!(error.status, Some(400 | 406 | 415)) => {
                let answer = self.client.get(what(), path, ANY)?;
                let note =
                    t("the archive does not send pixels as they are stored; it chose the transfer syntax itself");
                if !self.notes.iter().any(|n| n == note) {
                    self.notes.push(note.to_owned());
                }
                Ok(answer)
            }
            other => other,
        }
    }

    /// Writes one object, checks that it is whole and the right one, and keeps it in the hidden folder.
    fn object(
        &mut self,
        series: &Uid,
        expected: &Expected,
        got: &mut BTreeSet<Uid>,
        copy: impl FnOnce(&mut dyn Write) -> std::io::Result<u64>,
    ) -> Result<(), ArchiveError> {
        self.progress.checkpoint()?;
        self.progress.report(t("Retrieving"), self.done, self.total);
        if got.len() >= expected.len() {
            return Err(ArchiveError::archive(tf!(
                "{what} failed: the archive sent more objects than the {expected} that it had named; search again",
                what = what(),
                expected = expected.len()
            )));
        }
        let (path, file) = self.arriving.file(&self.done.to_string())?;
        let mut out = Recorder { out: BufWriter::new(Limited { left: MOST_OBJECT, to: file }), failed: None };
        let copied = copy(&mut out);
        let flushed = out.flush();
        if let Some(error) = out.failed {
            return Err(ArchiveError::local(t("an object that arrives cannot be written"), &error, &path));
        }
        let bytes = copied.map_err(|e| self.broken(&e, got.len(), expected))?;
        let cannot = |e: std::io::Error| ArchiveError::local(t("an object that arrives cannot be written"), &e, &path);
        flushed.map_err(cannot)?;
        let limited = out.out.into_inner().map_err(|e| cannot(e.into_error()))?;
        limited.to.sync_data().map_err(cannot)?;
        let instance = self.check(&path, series, expected)?;
        if !self.arriving.keep(&path, &instance)? || !got.insert(instance) {
            return Err(ArchiveError::archive(tf!(
                "{what} failed: the archive sent an object twice; ask its administrator",
                what = what()
            )));
        }
        self.bytes += bytes;
        self.done += 1;
        self.progress.report(t("Retrieving"), self.done, self.total);
        Ok(())
    }

    fn check(&self, path: &Path, series: &Uid, expected: &Expected) -> Result<Uid, ArchiveError> {
        let identity = crate::dicom::identify(path).map_err(|e| {
            ArchiveError::archive(tf!(
                "{what} failed: object {n} of {total} is not whole or no DICOM ({e}); try again, and where it happens \
                 again ask the administrator of the archive",
                what = what(),
                n = self.done + 1,
                total = self.total,
                e
            ))
        })?;
        let instance = Uid::new(&identity.sop_instance_uid)?;
        let asked = match expected {
            Expected::Instances(all) => all.contains(&instance),
            Expected::Count(_) => true,
        };
        let fits = asked
            && identity.study_instance_uid == self.study.as_str()
            && identity.series_instance_uid == series.as_str();
        if !fits {
            return Err(ArchiveError::archive(tf!(
                "{what} failed: the archive sent an object that was not asked for; search again",
                what = what()
            )));
        }
        Ok(instance)
    }

    fn broken(&self, error: &std::io::Error, got: usize, expected: &Expected) -> ArchiveError {
        let mut broken = self.client.cut(what(), error);
        if !broken.is_cancelled() {
            broken.text.push_str(&tf!(
                " ({got} of {expected} objects of this series had come)",
                got,
                expected = expected.len()
            ));
        }
        broken
    }
}

fn incomplete(got: usize, expected: usize) -> ArchiveError {
    ArchiveError::archive(tf!(
        "{what} failed: the archive sent {got} of the {expected} objects that it had named; try again, and where it \
         happens again ask its administrator",
        what = what(),
        got,
        expected
    ))
}

fn check_part_type(header: &str) -> Result<(), ArchiveError> {
    let line =
        header.lines().filter_map(|l| l.split_once(':')).find(|(k, _)| k.trim().eq_ignore_ascii_case("content-type"));
    let media = line.map(|(_, v)| v.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match media.as_deref() {
        None | Some("application/dicom" | "application/octet-stream") => Ok(()),
        Some(other) => Err(not_dicomweb(what(), other)),
    }
}

fn copy(source: &mut dyn Read, out: &mut dyn Write) -> std::io::Result<u64> {
    let mut buffer = vec![0; 64 << 10];
    let mut copied = 0;
    loop {
        match source.read(&mut buffer)? {
            0 => return Ok(copied),
            n => {
                out.write_all(&buffer[..n])?;
                copied += n as u64;
            }
        }
    }
}

/// Tells an error of the disk from one of the network.
struct Recorder<W> {
    out: W,
    failed: Option<std::io::Error>,
}

impl<W: Write> Write for Recorder<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.write_all(bytes).map(|()| bytes.len()).inspect_err(|e| {
            let copy = e
                .raw_os_error()
                .map_or_else(|| std::io::Error::new(e.kind(), e.to_string()), std::io::Error::from_raw_os_error);
            self.failed.get_or_insert(copy);
        })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
