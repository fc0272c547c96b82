//! Results on standard output and in files: text tables, JSON, whole files put in place at once.

use super::Failure;
use crate::cohort::CohortStore;
use crate::files::files_below;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Prints results. A reader that has gone away (`| head`) is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("the results could not be printed: {error}")))
        }
        _ => Ok(()),
    }
}

/// A value as JSON for people and programs: indented, keys in the order of the fields.
pub fn json_text(value: &impl serde::Serialize) -> Result<String, Failure> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::Failed(format!("the results could not be written as JSON: {e}")))?;
    text.push('\n');
    Ok(text)
}

/// Prints a value as JSON.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    print(&json_text(value)?)
}

/// Writes a file under another name, syncs it, and puts it in place.
pub fn write_file(path: &Path, bytes: &[u8], overwrite: bool) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::Failed(format!(
            "a file could not be written: {error}; check folder, permissions and free space: {}",
            path.display()
        ))
    };
    if !overwrite {
        refuse_existing(path)?;
    }
    // A cohort is nowhere else, and no result of a command is worth one.
    if CohortStore::is_store(path) {
        return Err(Failure::Failed(format!(
            "this file is a cohort and was left as it is; choose another name: {}",
            path.display()
        )));
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|e| failed(&e))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(|e| failed(&e))?;
    share(file.path());
    file.persist(path).map_err(|e| failed(&e.error))?;
    Ok(())
}

/// Fails where a result would take the place of the file that it comes from.
pub fn refuse_input(path: &Path, input: &Path) -> Result<(), Failure> {
    let same = path.canonicalize().is_ok_and(|p| input.canonicalize().is_ok_and(|i| i == p));
    if same {
        return Err(Failure::Failed(format!(
            "this file is read and is never overwritten; choose another name: {}",
            path.display()
        )));
    }
    Ok(())
}

/// Fails where a file or folder is there already.
pub fn refuse_existing(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        let what = if path.is_dir() { "folder" } else { "file" };
        return Err(Failure::Failed(format!(
            "the {what} exists already and was left as it is; choose another name or add --overwrite: {}",
            path.display()
        )));
    }
    Ok(())
}

/// A temporary file is private; a result is as readable as other new files.
fn share(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)) {
            tracing::warn!("a result stays readable by its owner only: {error}");
        }
    }
    #[cfg(not(unix))]
    let _only_unix_has_modes = path;
}

/// Results that belong together: written into a hidden folder first, and put into their own as a whole.
pub struct Staged {
    target: PathBuf,
    hidden: tempfile::TempDir,
}

impl Staged {
    /// For results that shall stand in `target`, which need not exist.
    pub fn new(target: &Path) -> Result<Self, Failure> {
        // On the same disk, so that nothing is copied.
        let beside = if target.is_dir() {
            target
        } else {
            let parent = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            make_folder(parent)?;
            parent
        };
        let cannot = |e: std::io::Error| cannot_stage(&e, target);
        let hidden = tempfile::Builder::new().prefix(".hilum-").tempdir_in(beside).map_err(cannot)?;
        std::fs::create_dir(hidden.path().join("new")).map_err(cannot)?;
        Ok(Self { target: target.to_owned(), hidden })
    }

    /// Where the results are written until they are published.
    pub fn folder(&self) -> PathBuf {
        self.hidden.path().join("new")
    }

    /// Writes one result, such as `pictures/axial.png`.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.folder().join(name);
        if let Some(parent) = path.parent() {
            make_folder(parent)?;
        }
        write_file(&path, bytes, false)
    }

    /// Puts everything in place. `earlier` are files of an earlier run within the target that make way; any other file
    /// stays, and where one stands in the way nothing is changed.
    pub fn publish(self, earlier: &[PathBuf]) -> Result<(), Failure> {
        let cannot = |e: std::io::Error| cannot_stage(&e, &self.target);
        let new = self.folder();
        if !self.target.exists() {
            return std::fs::rename(&new, &self.target).map_err(cannot);
        }
        let old = self.hidden.path().join("old");
        let mut moved: Vec<(PathBuf, PathBuf)> = Vec::new();
        let mut shift = |from: PathBuf, to: PathBuf| -> std::io::Result<()> {
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent)?;
            }
            if to.exists() {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::AlreadyExists,
                    format!("{} is in the way", to.display()),
                ));
            }
            std::fs::rename(&from, &to)?;
            moved.push((from, to));
            Ok(())
        };
        let result = (|| {
            for file in earlier {
                shift(self.target.join(file), old.join(file))?;
            }
            for file in files_below(&new)? {
                shift(new.join(&file), self.target.join(&file))?;
            }
            Ok(())
        })();
        if result.is_err() {
            for (from, to) in moved.iter().rev() {
                if let Err(error) = std::fs::rename(to, from) {
                    tracing::warn!("an earlier result could not be put back: {error}");
                }
            }
        }
        result.map_err(cannot)
    }
}

fn cannot_stage(error: &std::io::Error, target: &Path) -> Failure {
    Failure::Failed(format!(
        "the results could not be put in place: {error}; check folder, permissions and free space: {}",
        target.display()
    ))
}

/// Makes a folder with its parents.
pub fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|e| {
        Failure::Failed(format!("the folder could not be made: {e}; choose another one: {}", path.display()))
    })
}

/// Columns of text, each as wide as its widest cell; numbers (right) and words (left) by `right`.
pub struct Table {
    head: Vec<String>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A column whose title starts with `>` is aligned to the right.
    pub fn new(titles: &[&str]) -> Self {
        Self {
            head: titles.iter().map(|t| t.trim_start_matches('>').to_owned()).collect(),
            right: titles.iter().map(|t| t.starts_with('>')).collect(),
            rows: Vec::new(),
        }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = |text: &str| text.chars().count();
        let widths: Vec<usize> = (0..self.head.len())
            .map(|c| self.rows.iter().chain([&self.head]).map(|r| r.get(c).map_or(0, |t| width(t))).max().unwrap_or(0))
            .collect();
        for row in [&self.head].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (c, cell) in row.iter().enumerate() {
                let pad = " ".repeat(widths[c] - width(cell));
                line.push_str("  ");
                if self.right[c] {
                    line.push_str(&pad);
                    line.push_str(cell);
                } else {
                    line.push_str(cell);
                    line.push_str(&pad);
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A count with its noun, such as 1 patient and 2 patients.
pub fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A number for people: `digits` decimals, a dash where it is missing or not finite.
pub fn number(value: Option<f64>, digits: usize) -> String {
    value.filter(|v| v.is_finite()).map_or_else(|| "-".into(), |v| format!("{v:.digits$}"))
}

/// JSON knows no infinity: a value that is not finite becomes null.
pub fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_numbers_right_and_words_left() {
        let mut table = Table::new(&["Name", ">cm3"]);
        table.row(["GTVp".into(), number(Some(7.31), 1)]);
        table.row(["主肿瘤".into(), number(None, 1)]);
        assert_eq!(table.to_string(), "  Name  cm3\n  GTVp  7.3\n  主肿瘤     -\n");
    }

    #[test]
    fn an_existing_file_is_kept_unless_told_otherwise() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("a.txt");
        write_file(&path, b"one", false).expect("new file");
        assert!(matches!(write_file(&path, b"two", false), Err(Failure::Failed(_))));
        assert_eq!(std::fs::read(&path).expect("there"), b"one");
        write_file(&path, b"two", true).expect("told to");
        assert_eq!(std::fs::read(&path).expect("there"), b"two");
        assert_eq!(std::fs::read_dir(dir.path()).expect("folder").count(), 1);
    }

    #[test]
    fn results_appear_as_a_whole_and_foreign_files_stay() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let target = dir.path().join("results");
        let names = || files_below(&target).expect("readable");
        let staged = Staged::new(&target).expect("staged");
        staged.write("a.txt", b"one").expect("written");
        staged.write("sub/b.txt", b"one").expect("written");
        assert!(!target.exists());
        staged.publish(&[]).expect("published");
        assert_eq!(names(), [PathBuf::from("a.txt"), PathBuf::from("sub/b.txt")]);

        std::fs::write(target.join("sub/mine.txt"), "mine").expect("written");
        let staged = Staged::new(&target).expect("staged");
        staged.write("a.txt", b"two").expect("written");
        staged.publish(&["a.txt".into(), "sub/b.txt".into()]).expect("published");
        assert_eq!(names(), [PathBuf::from("a.txt"), PathBuf::from("sub/mine.txt")]);
        assert_eq!(std::fs::read(target.join("a.txt")).expect("there"), b"two");

        // A file in the way: nothing changes.
        let staged = Staged::new(&target).expect("staged");
        staged.write("a.txt", b"three").expect("written");
        staged.write("sub/mine.txt", b"three").expect("written");
        let error = staged.publish(&["a.txt".into()]).expect_err("mine is in the way");
        assert!(matches!(&error, Failure::Failed(text) if text.contains("mine.txt is in the way")), "{error:?}");
        assert_eq!(names(), [PathBuf::from("a.txt"), PathBuf::from("sub/mine.txt")]);
        assert_eq!(std::fs::read(target.join("a.txt")).expect("there"), b"two");
        assert_eq!(std::fs::read_dir(dir.path()).expect("folder").count(), 1);
    }
}
