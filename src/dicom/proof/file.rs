//! The proof as a file beside the set, and the order in which both get their names.
//!
//! The set first, then its proof; an older proof goes before. So whatever ends the program, there is never a
//! proof beside a set that it does not belong to, and a set without proof is still one that was proved. The
//! proof names the SHA-256 of its set besides.

use super::{ExportError, ExportProof};
use crate::dicom::file::{UNFINISHED, is_unfinished};
use crate::dicom::rtstruct_write::ExportRequest;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What a proof says that it is.
pub const PROOF_FORMAT: &str = "Hilum export proof";
/// Version of the form of a proof. A reader of this version reads all up to it.
pub const PROOF_VERSION: u32 = 1;
/// A larger file is no proof.
const MAX_BYTES: u64 = 256 << 20;

/// Where the proof of a structure set lies: `set.dcm` has `set.proof.json`, any other name gets the ending added.
pub fn proof_path(set: &Path) -> PathBuf {
    let name = set.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = if name.to_lowercase().ends_with(".dcm") { &name[..name.len() - 4] } else { &name };
    set.with_file_name(format!("{stem}.proof.json"))
}

/// Reads a proof.
///
/// # Errors
/// Why the file is none, in words.
pub(super) fn read_proof(path: &Path) -> Result<ExportProof, String> {
    let size = path.metadata().map_err(|e| e.to_string())?.len();
    if size > MAX_BYTES {
        return Err("it is too large".into());
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| format!("it is no JSON: {e}"))?;
    if value["format"] != PROOF_FORMAT {
        return Err("it does not say that it is an export proof".into());
    }
    match value["version"].as_u64() {
        Some(version) if version <= u64::from(PROOF_VERSION) => {}
        Some(version) => return Err(format!("a newer program wrote it (version {version}); use that program")),
        None => return Err("it has no version".into()),
    }
    serde_json::from_value(value).map_err(|e| format!("it is damaged: {e}"))
}

pub(super) fn check_target(request: &ExportRequest, path: &Path) -> Result<(), ExportError> {
    check_proof_target(request, path)?;
    let Ok(target) = path.canonicalize() else { return Ok(()) };
    let sources = request.sources.iter().map(|s| s.path.as_path());
    let images = request.ct.slices.iter().map(|s| s.path.as_path());
    if sources.chain(images).any(|p| p.canonicalize().is_ok_and(|p| p == target)) {
        return Err(ExportError::WouldOverwriteSource(path.to_owned()));
    }
    if !request.overwrite || target.is_dir() {
        return Err(ExportError::Exists(path.to_owned()));
    }
    Ok(())
}

/// A file where the proof will lie must be a proof: of the set that is replaced, or of one that is gone.
fn check_proof_target(request: &ExportRequest, path: &Path) -> Result<(), ExportError> {
    let proof = proof_path(path);
    let may_go = request.overwrite || !path.exists();
    if !proof.exists() || may_go && read_proof(&proof).is_ok() { Ok(()) } else { Err(ExportError::Exists(proof)) }
}

/// Writes the set under another name, lets `prove` look at it, and puts set and proof in place.
pub(super) fn put_both(
    request: &ExportRequest,
    path: &Path,
    bytes: &[u8],
    prove: impl FnOnce(&Path) -> Result<ExportProof, ExportError>,
) -> Result<ExportProof, ExportError> {
    let io = |source: std::io::Error| ExportError::Io { source, path: path.to_owned() };
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let write = |bytes: &[u8]| -> std::io::Result<tempfile::NamedTempFile> {
        let mut file = temporary_file(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    let set = write(bytes).map_err(io)?;
    let proof = prove(set.path())?;
    let kept = if request.hide_identifiers { proof.without_identifiers() } else { proof.clone() };
    // The folder may be named after the patient; the file lies beside the set.
    let name = path.file_name().filter(|_| !request.hide_identifiers).unwrap_or_default();
    let kept = ExportProof { path: PathBuf::from(name.to_string_lossy().into_owned()), ..kept };
    let text = serde_json::to_vec_pretty(&kept).map_err(|e| io(e.into()))?;
    let beside = write(&text).map_err(io)?;
    let proof_path = proof_path(path);
    match std::fs::remove_file(&proof_path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io(e)),
        _ => {}
    }
    if request.overwrite {
        set.persist(path).map_err(|e| io(e.error))?;
    } else {
        match set.persist_noclobber(path) {
            Ok(_) => {}
            Err(_) if path.exists() => return Err(ExportError::Exists(path.to_owned())),
            // Some network drives cannot rename without replacing; there was nothing to replace.
            Err(e) => drop(e.file.persist(path).map_err(|e| io(e.error))?),
        }
    }
    let kept = beside.persist(&proof_path);
    remove_leftovers(folder);
    // The new names are durable once the folder is; not every file system can do that, and the files themselves are.
    if let Ok(folder) = std::fs::File::open(folder) {
        let _ = folder.sync_all();
    }
    kept.map_err(|e| ExportError::ProofNotKept { source: e.error, path: path.to_owned() })?;
    Ok(proof)
}

fn temporary_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED[0]).suffix(UNFINISHED[1]);
    #[cfg(unix)]
    {
        // As any other new file; the user's umask applies.
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Removes what exports left that were killed before they were proved. A running one is younger.
fn remove_leftovers(folder: &Path) {
    const OLD: std::time::Duration = std::time::Duration::from_hours(1);
    let is_old = |path: &Path| {
        let written = path.metadata().and_then(|m| m.modified());
        written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > OLD))
    };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if is_unfinished(&path) && path.is_file() && is_old(&path) {
            // One that cannot be removed does no harm: nothing reads it.
            let _ = std::fs::remove_file(path);
        }
    }
}

const HIDDEN: &str = "[hidden]";

impl ExportProof {
    /// The same without anything that may name the patient: no path, UID, name of a structure or value.
    #[must_use]
    pub fn without_identifiers(&self) -> Self {
        let mut proof = self.clone();
        proof.path = PathBuf::new();
        proof.sop_instance_uid.clear();
        proof.sources.iter_mut().for_each(|s| s.sop_instance_uid.clear());
        proof.rois.iter_mut().for_each(|r| r.name.clear());
        for change in &mut proof.attributes_changed {
            change.roi.clear();
            for value in [&mut change.before, &mut change.after].into_iter().flatten() {
                HIDDEN.clone_into(value);
            }
        }
        for repair in &mut proof.repairs {
            for value in [&mut repair.before, &mut repair.after] {
                *value = without_quotes(value);
            }
        }
        let conformance = &mut proof.conformance;
        let lists = [&mut conformance.introduced, &mut conformance.inherited, &mut conformance.repaired];
        for finding in lists.into_iter().flatten() {
            finding.roi.clear();
            finding.value.clear();
        }
        for note in &mut proof.notes {
            *note = without_quotes(note);
        }
        proof
    }
}

/// A sentence without what it quotes.
fn without_quotes(text: &str) -> String {
    text.split('"').enumerate().map(|(n, part)| if n % 2 == 0 { part } else { HIDDEN }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_lies_beside_its_set_under_a_name_of_its_own() {
        let name = |set: &str| proof_path(Path::new(set)).display().to_string();
        assert_eq!(name("/a/set.dcm"), "/a/set.proof.json");
        assert_eq!(name("/a/Set.DCM"), "/a/Set.proof.json");
        assert_eq!(name("1.2.840.10008"), "1.2.840.10008.proof.json");
        assert_eq!(name("/a.dcm/set"), "/a.dcm/set.proof.json");
    }

    #[test]
    fn what_a_sentence_quotes_is_hidden() {
        assert_eq!(without_quotes("2 structures of \"Doe\" were left out"), "2 structures of [hidden] were left out");
    }
}
