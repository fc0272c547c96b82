//! STOW-RS (DICOM PS3.18 section 10.5): files to an archive, with what it says of each.

use super::error::ArchiveError;
use super::http::Client;
use super::json;
use super::shelf::Uid;
use crate::dicom::FileIdentity;
use crate::progress::Progress;
use crate::tf;
use crate::words::t;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StoredInstance {
    pub file: PathBuf,
    pub sop_instance_uid: String,
    pub stored: bool,
    /// Why not, or what the archive changed; empty where there is nothing to say.
    pub remark: String,
}

/// What became of the files.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct StoreReport {
    pub stored: usize,
    pub failed: usize,
    pub instances: Vec<StoredInstance>,
    /// Files that are no DICOM, or not whole; they were not sent.
    pub not_sent: Vec<StoredInstance>,
}

/// The files of a request: few, so that progress shows and little is sent again, and not too many bytes.
const BATCH_FILES: usize = 16;
const BATCH_BYTES: u64 = 64 << 20;

/// Every file at and below the given paths, in order of their names; hidden files are left out.
///
/// # Errors
/// Where a path cannot be read, or nothing is there.
pub fn files_to_store(paths: &[PathBuf]) -> Result<Vec<PathBuf>, ArchiveError> {
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> = paths.iter().rev().cloned().collect();
    while let Some(path) = open.pop() {
        let cannot = |e: std::io::Error| {
            ArchiveError::request(tf!("a path cannot be read ({e}): {path}", e, path = path.display()))
        };
        if !std::fs::metadata(&path).map_err(cannot)?.is_dir() {
            files.push(path);
            continue;
        }
        let mut below = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            // A link may lead back to a folder above.
            let is_link = entry.file_type().is_ok_and(|t| t.is_symlink()) && entry.path().is_dir();
            if !is_link && !entry.file_name().to_string_lossy().starts_with('.') {
                below.push(entry.path());
            }
        }
        below.sort();
        open.extend(below.into_iter().rev());
    }
    if files.is_empty() {
        return Err(ArchiveError::request(t("there are no files to store; give DICOM files or folders with them")));
    }
    Ok(files)
}

/// Sends files and tells what became of each.
///
/// # Errors
/// Where nothing could be sent, or the connection failed before the archive answered. What it had acknowledged
/// before that is named in the sentence.
pub fn store(client: &Client, files: &[PathBuf], progress: &dyn Progress) -> Result<StoreReport, ArchiveError> {
    let mut report = StoreReport::default();
    let mut ready: VecDeque<(PathBuf, FileIdentity, u64)> = VecDeque::new();
    let mut known = BTreeSet::new();
    for (n, file) in files.iter().enumerate() {
        progress.checkpoint()?;
        progress.report(t("Checking files"), n, files.len());
        let once = |(identity, bytes): (FileIdentity, u64)| {
            // The archive could keep one of them only, and nobody would know which.
            let is_new = known.insert(identity.sop_instance_uid.clone());
            let remark = t("another of the files has the same SOP Instance UID, and only the first is sent");
            if is_new { Ok((identity, bytes)) } else { Err(remark.to_owned()) }
        };
        match checked(file).and_then(once) {
            Ok((identity, bytes)) => ready.push_back((file.clone(), identity, bytes)),
            Err(remark) => report.not_sent.push(StoredInstance {
                file: file.clone(),
                sop_instance_uid: String::new(),
                stored: false,
                remark,
            }),
        }
    }
    if ready.is_empty() {
        let first = report.not_sent.first();
        let why = first.map_or_else(String::new, |f| format!(" ({}: {})", f.remark, f.file.display()));
        return Err(ArchiveError::request(tf!("none of the files can be stored{why}; give whole DICOM files", why)));
    }
    let total = ready.len();
    while !ready.is_empty() {
        let done = report.instances.len();
        progress.report(t("Storing"), done, total);
        let mut batch = Vec::new();
        let mut size = 0;
        while let Some(next) = ready.front()
            && batch.len() < BATCH_FILES
            && (batch.is_empty() || size + next.2 <= BATCH_BYTES)
        {
            size += next.2;
            batch.extend(ready.pop_front());
        }
        let sent = progress.checkpoint().map_err(ArchiveError::from).and_then(|()| send(client, &batch));
        match sent {
            Ok(results) => report.instances.extend(results),
            Err(mut error) => {
                let stored = report.instances.iter().filter(|i| i.stored).count();
                error.text = match (error.is_cancelled(), stored) {
                    (true, 0) => t("cancelled; the archive has acknowledged no object").into(),
                    (true, n) => tf!("cancelled; the archive has acknowledged {n} of {total} objects", n, total),
                    (false, 0) => error.text,
                    (false, n) => {
                        tf!("{text} ({n} of {total} objects had been stored before)", text = error.text, n, total)
                    }
                };
                return Err(error);
            }
        }
    }
    progress.report(t("Storing"), total, total);
    report.stored = report.instances.iter().filter(|i| i.stored).count();
    report.failed = total - report.stored;
    Ok(report)
}

fn checked(file: &Path) -> Result<(FileIdentity, u64), String> {
    let identity = crate::dicom::identify(file).map_err(|e| e.to_string())?;
    for uid in [&identity.sop_instance_uid, &identity.study_instance_uid, &identity.series_instance_uid] {
        Uid::new(uid).map_err(|_| t("it has no valid UID").to_owned())?;
    }
    let bytes = std::fs::metadata(file).map_err(|e| e.to_string())?.len();
    let mut head = [0; 132];
    let has_head = File::open(file).and_then(|mut f| f.read_exact(&mut head)).is_ok() && head.ends_with(b"DICM");
    if has_head {
        Ok((identity, bytes))
    } else {
        Err(t("it has no file meta information, which DICOMweb needs").into())
    }
}

/// Sends some files in one request.
fn send(client: &Client, batch: &[(PathBuf, FileIdentity, u64)]) -> Result<Vec<StoredInstance>, ArchiveError> {
    let what = t("storing");
    let boundary = format!("hilum-{}", uuid::Uuid::new_v4().simple());
    let mut body = Body { pieces: VecDeque::new(), current: Cursor::new(Vec::new()), file: None, failed: None };
    for (path, _, bytes) in batch {
        let head = format!("\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n").into_bytes();
        body.pieces.push_back(Piece::Bytes(head));
        body.pieces.push_back(Piece::File(path.clone(), *bytes));
    }
    body.pieces.push_back(Piece::Bytes(format!("\r\n--{boundary}--\r\n").into_bytes()));
    let length = body.pieces.iter().map(Piece::len).sum();
    let content_type = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
    // 409: none was stored; the reasons are in the answer.
    let answer = client.post(what, "/studies", &content_type, "application/dicom+json", length, &mut body, &[400, 409]);
    if let Some((path, error)) = body.failed {
        return Err(ArchiveError::local(t("a file to store cannot be read"), &error, &path));
    }
    let answer = answer?;
    let status = answer.status;
    let sets = json::data_sets(client, what, answer)?;
    let mut results: BTreeMap<String, (bool, String)> = BTreeMap::new();
    for ds in &sets {
        for item in json::items(ds, "00081199") {
            let remark = json::number(item, "00081196").map_or_else(String::new, |code| {
                tf!("stored with a change or warning by the archive ({code}H)", code = format!("{code:04X}"))
            });
            results.insert(json::text(item, "00081155"), (true, remark));
        }
        for item in json::items(ds, "00081198") {
            let reason = json::number(item, "00081197").map_or_else(|| t("without a reason").to_owned(), reason_words);
            results.insert(json::text(item, "00081155"), (false, reason));
        }
    }
    if results.is_empty() && !status.is_success() {
        return Err(ArchiveError::archive(tf!(
            "storing failed: the archive refused the objects ({status}) and gave no reason; look in its log",
            status = status.as_u16()
        )));
    }
    Ok(batch
        .iter()
        .map(|(file, identity, _)| {
            let found = results.remove(&identity.sop_instance_uid);
            let (stored, remark) = found
                .unwrap_or_else(|| (false, t("the archive did not say whether it was stored; search for it").into()));
            StoredInstance { file: file.clone(), sop_instance_uid: identity.sop_instance_uid.clone(), stored, remark }
        })
        .collect())
}

/// Failure Reason (0008,1197) in words (PS3.18 table I.2-2, PS3.4 table B.2-1).
fn reason_words(code: u32) -> String {
    let words = match code {
        0x0110 => t("the archive could not process it"),
        0x0111 => t("an object of this UID is there already"),
        0x0112 => t("the archive knows no such object"),
        0x0117 => t("its SOP Instance UID is not valid"),
        0x0122 => t("the archive does not take this kind of object (SOP class)"),
        0x0124 => t("the user may not store objects"),
        0xA700..=0xA7FF => t("the archive has no space or memory left"),
        0xA900..=0xA9FF => t("its content does not fit its kind (SOP class)"),
        0xC122 => t("the archive does not take this transfer syntax"),
        0xC000..=0xCFFF => t("the archive cannot understand it"),
        _ => t("the archive refused it"),
    };
    format!("{words} ({code:04X}H)")
}

enum Piece {
    Bytes(Vec<u8>),
    File(PathBuf, u64),
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, bytes) => *bytes,
        }
    }
}

/// The body of a request, read from the files as it is sent.
struct Body {
    pieces: VecDeque<Piece>,
    current: Cursor<Vec<u8>>,
    /// With the bytes that are still to come of it.
    file: Option<(PathBuf, File, u64)>,
    failed: Option<(PathBuf, std::io::Error)>,
}

impl Body {
    fn fail(&mut self, path: PathBuf, error: std::io::Error) -> std::io::Error {
        let told = std::io::Error::new(error.kind(), error.to_string());
        self.failed = Some((path, error));
        told
    }
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.current.read(out)?;
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            if let Some((path, mut file, left)) = self.file.take().filter(|(_, _, left)| *left > 0) {
                let most = out.len().min(left as usize);
                return match file.read(&mut out[..most]) {
                    // It has shrunk meanwhile; the length was promised.
                    Ok(0) => Err(self.fail(path, ErrorKind::UnexpectedEof.into())),
                    Ok(n) => {
                        self.file = Some((path, file, left - n as u64));
                        Ok(n)
                    }
                    Err(e) => Err(self.fail(path, e)),
                };
            }
            match self.pieces.pop_front() {
                None => return Ok(0),
                Some(Piece::Bytes(bytes)) => self.current = Cursor::new(bytes),
                Some(Piece::File(path, bytes)) => match File::open(&path) {
                    Ok(file) => self.file = Some((path, file, bytes)),
                    Err(e) => return Err(self.fail(path, e)),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_words() {
        assert_eq!(reason_words(0xA700), "the archive has no space or memory left (A700H)");
        assert_eq!(reason_words(0x0122), "the archive does not take this kind of object (SOP class) (0122H)");
        assert_eq!(reason_words(1), "the archive refused it (0001H)");
    }
}
