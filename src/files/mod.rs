//! New files, there as a whole or not at all: written under another name, synced, read back and
//! checked, and only then given their name.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Why nothing was written. The target is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    #[error("{}", crate::tf!("a file of this name exists; choose another name or allow it to be replaced: {path}", path = .0.display()))]
    Exists(PathBuf),
    #[error("{}", crate::tf!("this file is one of the sources of the case and is never overwritten; choose another name: {path}", path = .0.display()))]
    WouldOverwriteSource(PathBuf),
    #[error("{}", crate::tf!("the file cannot be written ({source}); check folder, permissions and free space: {path}", source = .source, path = path.display()))]
    Io { source: std::io::Error, path: PathBuf },
    #[error("{}", crate::tf!("the file that was written does not read back as it was meant ({why}); nothing was kept: {path}", why = .why, path = path.display()))]
    NotProven { why: String, path: PathBuf },
}

/// Refuses a target that is one of `sources`, or that exists and may not be replaced. Asked before long work too.
///
/// # Errors
/// [`PutError::WouldOverwriteSource`], [`PutError::Exists`].
pub fn check_target<'a>(
    path: &Path,
    overwrite: bool,
    mut sources: impl Iterator<Item = &'a Path>,
) -> Result<(), PutError> {
    let Ok(target) = path.canonicalize() else { return Ok(()) };
    if sources.any(|s| s.canonicalize().is_ok_and(|s| s == target)) {
        return Err(PutError::WouldOverwriteSource(path.to_owned()));
    }
    if !overwrite || target.is_dir() {
        return Err(PutError::Exists(path.to_owned()));
    }
    Ok(())
}

/// Writes `bytes` beside the target, syncs them, lets `proof` read the file and say what is wrong with
/// it, and puts the file in place.
///
/// # Errors
/// [`PutError`]; the target is then as it was.
pub fn put_in_place(
    path: &Path,
    bytes: &[u8],
    overwrite: bool,
    proof: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<(), PutError> {
    let io = |source: std::io::Error| PutError::Io { source, path: path.to_owned() };
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    // The reader may tell formats apart by the ending, so the temporary file keeps it.
    let ending = path.file_name().map_or_else(String::new, |n| format!("-{}", n.to_string_lossy()));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".hilum-").suffix(&ending);
    #[cfg(unix)]
    {
        // As any other new file; the user's umask applies.
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder).map_err(io)?;
    file.write_all(bytes).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    proof(file.path()).map_err(|why| PutError::NotProven { why, path: path.to_owned() })?;
    if overwrite {
        file.persist(path).map_err(|e| io(e.error))?;
    } else {
        match file.persist_noclobber(path) {
            Ok(_) => {}
            Err(_) if path.exists() => return Err(PutError::Exists(path.to_owned())),
            // Some network drives cannot rename without replacing; there was nothing to replace.
            Err(e) => drop(e.file.persist(path).map_err(|e| io(e.error))?),
        }
    }
    // The new name is durable once the folder is; not every file system can do that, and the file itself is.
    if let Ok(folder) = std::fs::File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Files below a folder, as paths relative to it.
pub fn files_below(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let (mut files, mut open) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(relative) = open.pop() {
        for entry in std::fs::read_dir(folder.join(&relative))? {
            let entry = entry?;
            let path = relative.join(entry.file_name());
            if entry.file_type()?.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_proven_or_not_at_all() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a.bin");
        let read = |p: &Path| std::fs::read(p).expect("there");
        let refused = put_in_place(&path, b"one", false, |_| Err("it is too short".into()));
        assert!(matches!(&refused, Err(PutError::NotProven { why, .. }) if why == "it is too short"));
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);
        put_in_place(&path, b"one", false, |p| {
            assert_eq!(read(p), b"one");
            Ok(())
        })
        .expect("written");
        assert!(matches!(put_in_place(&path, b"two", false, |_| Ok(())), Err(PutError::Exists(_))));
        assert_eq!(read(&path), b"one");
        put_in_place(&path, b"two", true, |_| Ok(())).expect("replaced");
        assert_eq!(read(&path), b"two");
        let sources = [path.as_path()];
        assert!(matches!(check_target(&path, true, sources.into_iter()), Err(PutError::WouldOverwriteSource(_))));
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1);
    }
}
