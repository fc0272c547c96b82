//! The disk under a journal, behind a trait so that tests can let it fail.

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;

/// Where journals are made.
pub trait Disk: Send + Sync {
    /// Makes a new journal, locked as long as the value lives; the folder is made if need be.
    ///
    /// # Errors
    /// Where it cannot be made, or is there already.
    fn create(&self, path: &Path) -> io::Result<Box<dyn JournalFile>>;
}

/// A journal that is being written.
pub trait JournalFile: Send {
    /// Writes at the end, perhaps not everything; tells how many bytes it took.
    ///
    /// # Errors
    /// As any disk.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Returns once everything that was appended is on the disk.
    ///
    /// # Errors
    /// Then nobody knows which of it is.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts what lies behind `length` bytes.
    ///
    /// # Errors
    /// As any disk.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// True if a file of `length` bytes still lies under the name that it was given.
    fn is_in_place(&self, length: u64) -> bool;
}

/// The file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileSystem;

struct RealFile {
    file: File,
    path: std::path::PathBuf,
}

impl Disk for FileSystem {
    fn create(&self, path: &Path) -> io::Result<Box<dyn JournalFile>> {
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let mut options = File::options();
        options.append(true).create_new(true);
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            // Contours and names of patients are for the user alone.
            use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
            options.mode(0o600);
            builder.mode(0o700);
        }
        builder.create(folder)?;
        #[cfg(unix)]
        keep_others_out(folder);
        let file = options.open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            // Some network drives know no locks; the name is new, nobody else has it.
            Err(TryLockError::Error(error)) => tracing::warn!("a journal cannot be locked: {error}"),
            Err(TryLockError::WouldBlock) => {
                // Somebody who looks at all journals was quicker; the next attempt makes another one.
                std::fs::remove_file(path)?;
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        // The name is durable once the folder is; not every file system can do that.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(Box::new(RealFile { file, path: path.to_owned() }))
    }
}

/// A folder that was there before with looser permissions gets those of a new one.
#[cfg(unix)]
fn keep_others_out(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(now) = std::fs::metadata(folder).map(|m| m.permissions()) else { return };
    if now.mode() & 0o077 != 0
        && let Err(error) = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
    {
        tracing::warn!("other users of this computer may see which journals there are: {error}");
    }
}

impl JournalFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn is_in_place(&self, length: u64) -> bool {
        let (Ok(there), Ok(ours)) = (std::fs::metadata(&self.path), self.file.metadata()) else { return false };
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            if (there.dev(), there.ino()) != (ours.dev(), ours.ino()) {
                return false;
            }
        }
        there.len() == length && ours.len() == length
    }
}
