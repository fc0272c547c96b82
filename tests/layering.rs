//! Who may use whom: a module uses only floors below its own; the edges within a floor are listed
//! here, each with its reason. And the promises of the floors: no files, threads or clocks on the
//! ground floor, no window types in the workbench.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const FLOORS: &[&[&str]] = &[
    &["words"],
    &["geometry", "image", "contour", "structures", "metrics", "progress"],
    &[
        "dicom",
        "anatomy",
        "phantom",
        "diunet",
        "features",
        "risk",
        "survival",
        "cohort",
        "teaching",
        "nifti",
        "files",
        "archive",
        "registration",
        "recurrence",
    ],
    &["studies", "import"],
    &["workbench"],
    &["gpu", "ui", "cli"],
];

/// Edges within a floor.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("image", "geometry", "a volume lies on a grid"),
    ("contour", "geometry", "rings lie in the planes of a grid"),
    ("structures", "contour", "an ROI holds contours"),
    ("metrics", "contour", "metrics compare masks and contours"),
    ("metrics", "image", "values of an overlay inside a mask"),
    ("metrics", "geometry", "distances need the grid's spacing"),
    ("structures", "geometry", "a mask becomes an ROI on a grid"),
    ("nifti", "files", "files are put in place as a whole"),
    ("archive", "dicom", "what arrives is checked to be a whole DICOM file of the right UIDs"),
    ("dicom", "files", "files are put in place as a whole"),
    ("phantom", "anatomy", "the synthetic stations come from the rules that draw the real ones"),
    ("diunet", "anatomy", "the guided network is told where the landmarks are"),
    ("risk", "features", "the model reads a feature vector"),
    ("risk", "survival", "accuracy is reported with a Wilson interval"),
    ("cohort", "features", "a patient has the clinical part of the features"),
    ("cohort", "survival", "counts are reported with a Wilson interval"),
    ("ui", "gpu", "views are drawn by the renderer"),
    ("cli", "ui", "`open` and `screenshot` show the window"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("readable folder") {
        let path = entry.expect("readable entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// (module, file, text without comments and test modules).
fn modules() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files
        .into_iter()
        .filter_map(|file| {
            let relative = file.strip_prefix(&root).expect("below src").to_owned();
            let mut parts = relative.components();
            let module = parts.next()?.as_os_str().to_string_lossy().into_owned();
            parts.next()?;
            let text = std::fs::read_to_string(&file).expect("readable source");
            let product = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let code: String =
                product.lines().map(|l| l.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
            Some((module, relative, code))
        })
        .collect()
}

fn floor(module: &str) -> usize {
    FLOORS.iter().position(|f| f.contains(&module)).unwrap_or_else(|| panic!("{module} stands on no floor"))
}

/// Names of modules after every `crate::`, also in a group such as `use crate::{a, b::c}`.
fn used(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            let mut at_start = true;
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => at_start = true,
                    c if is_word(c) && depth == 0 && at_start => word.push(c),
                    c if c.is_whitespace() => continue,
                    _ => {
                        if !word.is_empty() {
                            found.insert(std::mem::take(&mut word));
                        }
                        at_start = false;
                    }
                }
                if c == ',' && !word.is_empty() {
                    found.insert(std::mem::take(&mut word));
                }
            }
            if !word.is_empty() {
                found.insert(word);
            }
        } else {
            found.insert(rest.chars().take_while(|c| is_word(*c)).collect());
        }
    }
    found.retain(|w| FLOORS.iter().any(|f| f.contains(&w.as_str())));
    found
}

#[test]
fn modules_use_only_what_lies_below() {
    let mut wrong = Vec::new();
    for (module, file, code) in modules() {
        for other in used(&code) {
            let allowed = other == module
                || floor(&other) < floor(&module)
                || ALLOWED.iter().any(|(a, b, _)| *a == module && *b == other);
            if !allowed {
                wrong.push(format!("{} uses crate::{other}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_allowed_edge_is_used() {
    let edges: BTreeSet<(String, String)> =
        modules().iter().flat_map(|(m, _, code)| used(code).into_iter().map(|o| (m.clone(), o))).collect();
    let idle: Vec<_> =
        ALLOWED.iter().filter(|(a, b, _)| !edges.contains(&((*a).to_owned(), (*b).to_owned()))).collect();
    assert!(idle.is_empty(), "edges that nobody uses any more: {idle:?}");
}

fn forbid(modules_named: &[&str], words: &[&str]) {
    let mut wrong = Vec::new();
    for (module, file, code) in modules() {
        if modules_named.contains(&module.as_str()) {
            for word in words {
                if code.contains(word) {
                    wrong.push(format!("{} mentions {word}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_lowest_floors_touch_no_file_thread_or_clock() {
    forbid(
        &[FLOORS[0], FLOORS[1]].concat(),
        &["std::fs", "std::thread", "std::time", "rayon", "File::", "Instant", "SystemTime"],
    );
}

#[test]
fn the_workbench_knows_no_window() {
    forbid(&["workbench"], &["egui", "wgpu", "rfd::", "eframe"]);
}

#[test]
fn only_the_jobs_start_threads() {
    let mut wrong = Vec::new();
    for (module, file, code) in modules() {
        // The training makes its next phantoms beside the steps; it is a command of its own, without a window.
        let is_jobs = file.ends_with("workbench/jobs.rs") || file.ends_with("studies/train_diunet/mod.rs");
        if (code.contains("thread::spawn") || code.contains("thread::Builder")) && !is_jobs {
            wrong.push(format!("{module}: {}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "threads are started outside the jobs and the training:\n{}", wrong.join("\n"));
}
