//! Results on standard output and in files: text tables, JSON, whole files put in place at once.

use super::Failure;
use std::io::Write;
use std::path::Path;

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
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|e| failed(&e))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(|e| failed(&e))?;
    share(file.path(), 0o644);
    file.persist(path).map_err(|e| failed(&e.error))?;
    Ok(())
}

/// Fails where a file is there already.
pub fn refuse_existing(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Err(Failure::Failed(format!(
            "the file exists already and was left as it is; choose another name or add --overwrite: {}",
            path.display()
        )));
    }
    Ok(())
}

/// Temporary files and folders are private; a result is as readable as other new ones.
fn share(path: &Path, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)) {
            tracing::warn!("a result stays readable by its owner only: {error}");
        }
    }
    #[cfg(not(unix))]
    let _only_unix_has_modes = (path, mode);
}

/// Makes a folder that was made as a temporary one readable for others.
pub fn share_folder(path: &Path) {
    share(path, 0o755);
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
}
