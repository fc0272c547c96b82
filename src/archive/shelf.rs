//! The shelf: the folder of this computer where studies from archives are kept, a folder for each study, a file
//! for each object. What is still arriving lies in hidden folders, locked by the program that fills them; what
//! an interrupted transfer left there is removed when the shelf is next opened.

use super::error::ArchiveError;
use crate::dicom::FileIdentity;
use crate::words::t;
use sha2::Digest as _;
use std::fs::{File, TryLockError};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A UID (PS3.5 section 9) that has been checked, so that it can be part of a path or an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(String);

impl Uid {
    /// # Errors
    /// For anything but numbers and points, at most 64 characters.
    pub fn new(text: &str) -> Result<Self, ArchiveError> {
        let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if text.len() <= 64 && text.split('.').all(number) {
            return Ok(Self(text.to_owned()));
        }
        Err(ArchiveError::archive(crate::tf!(
            "\"{text}\" is no UID (numbers and points, at most 64 characters); nothing of it was kept",
            text = super::http::limited(text)
        )))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Uid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What became of an object that was put on the shelf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    New(PathBuf),
    /// The same object was there already.
    Known(PathBuf),
    /// An object of the same UID with other content was there; this one stands in a folder beside the study.
    Beside(PathBuf),
}

/// The folder where studies are kept.
#[derive(Debug, Clone)]
pub struct Shelf {
    root: PathBuf,
}

/// Start of the names of hidden folders; files below are not looked at when a folder is opened as a case.
const ARRIVING: &str = ".hilum-arriving-";
const LOCK: &str = ".hilum-lock";
/// In a hidden folder: its files are whole and on their way into the study of this name.
const WHOLE: &str = "whole";
const FILES: &str = "files";

impl Shelf {
    /// Opens the folder, makes it if need be, and clears what interrupted transfers have left.
    ///
    /// # Errors
    /// Where the folder cannot be made or written.
    pub fn open(root: &Path) -> Result<Self, ArchiveError> {
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        std::fs::create_dir_all(&root)
            .map_err(|e| ArchiveError::local(t("the folder for studies cannot be made"), &e, &root))?;
        let shelf = Self { root };
        shelf.clear()?;
        Ok(shelf)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn study_folder(&self, study: &Uid) -> PathBuf {
        self.root.join(study.as_str())
    }

    /// Held while hidden folders are made or cleared, so that nobody clears a folder that is not locked yet.
    fn guard(&self) -> Result<File, ArchiveError> {
        let path = self.root.join(LOCK);
        let cannot =
            |e: &std::io::Error| ArchiveError::local(t("the folder for studies cannot be used"), e, &self.root);
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(|e| cannot(&e))?;
        file.lock().map_err(|e| cannot(&e))?;
        Ok(file)
    }

    /// Removes what interrupted transfers have left; files that were whole already go on into their study.
    fn clear(&self) -> Result<(), ArchiveError> {
        let _guard = self.guard()?;
        let cannot =
            |e: std::io::Error| ArchiveError::local(t("the folder for studies cannot be read"), &e, &self.root);
        for entry in std::fs::read_dir(&self.root).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            let folder = entry.path();
            if !entry.file_name().to_string_lossy().starts_with(ARRIVING) {
                continue;
            }
            let lock = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK));
            match lock.map(|file| (file.try_lock(), file)) {
                Ok((Ok(()), _held)) => {
                    if let Ok(study) = std::fs::read_to_string(folder.join(WHOLE))
                        && let Ok(study) = Uid::new(&study)
                        && let Err(error) = self.merge(&folder.join(FILES), &study)
                    {
                        tracing::warn!("a study could not be put in place: {error}");
                        continue;
                    }
                    if let Err(error) = std::fs::remove_dir_all(&folder) {
                        tracing::warn!("what an interrupted transfer left cannot be removed: {error}");
                    }
                }
                Ok((Err(TryLockError::WouldBlock), _)) => {}
                Ok((Err(TryLockError::Error(error)), _)) | Err(error) => {
                    tracing::warn!("what an interrupted transfer left cannot be removed: {error}");
                }
            }
        }
        Ok(())
    }

    /// A hidden folder for what arrives.
    pub(super) fn arriving(&self) -> Result<Arriving, ArchiveError> {
        let _guard = self.guard()?;
        let folder = self.root.join(format!("{ARRIVING}{}", uuid::Uuid::new_v4().simple()));
        let cannot =
            |e: std::io::Error| ArchiveError::local(t("nothing can be written for this transfer"), &e, &folder);
        std::fs::create_dir(&folder).map_err(cannot)?;
        // From here on it goes away with the value.
        let mut arriving = Arriving { shelf: self.clone(), folder: folder.clone(), lock: None };
        std::fs::create_dir(folder.join(FILES)).map_err(cannot)?;
        let lock = File::create(folder.join(LOCK)).map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => arriving.lock = Some(lock),
            Err(TryLockError::Error(e)) => return Err(cannot(e)),
            Err(TryLockError::WouldBlock) => return Err(cannot(std::io::ErrorKind::WouldBlock.into())),
        }
        Ok(arriving)
    }

    /// Puts every file of a folder into a study, each by itself.
    fn merge(&self, files: &Path, study: &Uid) -> Result<Vec<Placed>, ArchiveError> {
        let cannot = |e: std::io::Error| ArchiveError::local(t("the study cannot be put in place"), &e, files);
        let mut placed = Vec::new();
        let mut entries: Vec<PathBuf> = std::fs::read_dir(files)
            .map_err(cannot)?
            .map(|e| e.map(|e| e.path()))
            .collect::<Result<_, _>>()
            .map_err(cannot)?;
        entries.sort();
        for file in entries {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            placed.push(self.place(&file, study, &Uid::new(&name)?)?);
        }
        Ok(placed)
    }

    /// Puts one whole file of the hidden folder into its study. A file that is there is never replaced.
    fn place(&self, file: &Path, study: &Uid, instance: &Uid) -> Result<Placed, ArchiveError> {
        let target = self.study_folder(study).join(format!("{instance}.dcm"));
        if put(file, &target)? {
            return Ok(Placed::New(target));
        }
        let cannot = |e: std::io::Error| ArchiveError::local(t("a file cannot be compared with another"), &e, &target);
        if crate::dicom::same_content(file, &target).map_err(|e| cannot(std::io::Error::other(e)))? {
            return Ok(Placed::Known(target));
        }
        let hash = file_hash(file).map_err(cannot)?;
        let code: String = hash.iter().take(6).map(|b| format!("{b:02x}")).collect();
        let beside = self.root.join(format!("{study}-other-content")).join(format!("{instance}.{code}.dcm"));
        put(file, &beside)?;
        Ok(Placed::Beside(beside))
    }
}

/// Gives a file its name, and its folder if need be; false where the name is taken.
fn put(file: &Path, target: &Path) -> Result<bool, ArchiveError> {
    let cannot = |e: std::io::Error| ArchiveError::local(t("an object cannot be put in place"), &e, target);
    let folder = target.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(cannot)?;
    let path = tempfile::TempPath::try_from_path(file).map_err(cannot)?;
    match path.persist_noclobber(target) {
        Ok(()) => {
            sync_folder(folder);
            Ok(true)
        }
        Err(e) if target.exists() => {
            // It is compared with the one that is there.
            let _stays = e.path.keep();
            Ok(false)
        }
        // Some network drives cannot rename without replacing; there was nothing to replace.
        Err(e) => e.path.persist(target).map(|()| true).map_err(|e| cannot(e.error)),
    }
}

/// A new name is durable once its folder is; not every file system can do that, and the file itself is.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

fn file_hash(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().to_vec()),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// A hidden folder of this program for a transfer; it goes away with the value.
#[derive(Debug)]
pub(super) struct Arriving {
    shelf: Shelf,
    folder: PathBuf,
    lock: Option<File>,
}

impl Arriving {
    /// A new empty file of any name.
    pub fn file(&self, name: &str) -> Result<(PathBuf, File), ArchiveError> {
        let path = self.folder.join(name);
        let file = File::create_new(&path)
            .map_err(|e| ArchiveError::local(t("an object that arrives cannot be written"), &e, &path))?;
        Ok((path, file))
    }

    /// Keeps a file for [`Self::publish`]; false where one of this instance is there already.
    pub fn keep(&self, file: &Path, instance: &Uid) -> Result<bool, ArchiveError> {
        put(file, &self.folder.join(FILES).join(format!("{instance}.dcm")))
    }

    /// Puts one whole file on the shelf at once.
    pub fn place(&self, file: &Path, identity: &FileIdentity) -> Result<Placed, ArchiveError> {
        let (study, instance) = (Uid::new(&identity.study_instance_uid)?, Uid::new(&identity.sop_instance_uid)?);
        let placed = self.shelf.place(file, &study, &instance)?;
        if let Placed::Known(_) = placed {
            // What is there already stays; the copy goes.
            let _goes_with_the_folder = std::fs::remove_file(file);
        }
        Ok(placed)
    }

    /// Puts all kept files on the shelf as one study: by one step where the study is new, else each by itself, and
    /// where the program is killed meanwhile the rest follows when the shelf is next opened.
    pub fn publish(self, study: &Uid) -> Result<Vec<Placed>, ArchiveError> {
        let (files, target) = (self.folder.join(FILES), self.shelf.study_folder(study));
        sync_folder(&files);
        if !target.exists() && std::fs::rename(&files, &target).is_ok() {
            sync_folder(&self.shelf.root);
            let names = std::fs::read_dir(&target).into_iter().flatten().flatten();
            let mut placed: Vec<PathBuf> = names.map(|e| e.path()).collect();
            placed.sort();
            return Ok(placed.into_iter().map(Placed::New).collect());
        }
        let (path, mut mark) = self.file(".whole")?;
        std::io::Write::write_all(&mut mark, study.as_str().as_bytes())
            .and_then(|()| mark.sync_all())
            .and_then(|()| std::fs::rename(&path, self.folder.join(WHOLE)))
            .map_err(|e| ArchiveError::local(t("the study cannot be put in place"), &e, &path))?;
        self.shelf.merge(&files, study)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        // Windows removes no open file.
        self.lock = None;
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!("the folder of a transfer cannot be removed: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_and_points_become_names() {
        for good in ["1", "1.2.840.10008", "2.25.0", &"1".repeat(64)] {
            assert!(Uid::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "1..2", ".1", "1.", "../1", "1/2", "1\\2", "1.2 ", "a", "-1", &"1".repeat(65), "١"]
        {
            assert!(Uid::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_an_interrupted_transfer_left_goes_and_what_arrives_stays() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let shelf = Shelf::open(dir.path()).expect("opens");
        let alive = shelf.arriving().expect("a folder");
        alive.file("0").expect("a file");
        // As a program that was killed leaves it: no lock is held.
        let dead = dir.path().join(format!("{ARRIVING}dead"));
        std::fs::create_dir_all(dead.join(FILES)).expect("made");
        std::fs::write(dead.join(FILES).join("1.2.dcm"), b"half").expect("written");
        Shelf::open(dir.path()).expect("opens");
        assert!(!dead.exists() && alive.folder.exists());
        // Killed while whole files were on their way into a study that was there before.
        std::fs::create_dir_all(dead.join(FILES)).expect("made");
        std::fs::create_dir(dir.path().join("9.9")).expect("made");
        std::fs::write(dead.join(FILES).join("1.2.dcm"), b"whole").expect("written");
        std::fs::write(dead.join(WHOLE), b"9.9").expect("written");
        Shelf::open(dir.path()).expect("opens");
        assert_eq!(std::fs::read(dir.path().join("9.9/1.2.dcm")).expect("there"), b"whole");
        assert!(!dead.exists());
        let folder = alive.folder.clone();
        drop(alive);
        assert!(!folder.exists());
    }
}
