//! Studies to and from an archive: a real Orthanc on this computer, and servers that misbehave.

mod broken;
mod made_server;
mod orthanc;
mod receiver;
#[cfg(feature = "gui")]
mod window;

use hilum::archive::{Client, Limits, Remote, never};
use hilum::dicom::{LoadedCt, LoadedStructureSet, load_ct, load_structure_set, scan};
use hilum::progress::Silent;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The program with settings of its own.
fn hilum(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("hilum"));
    command.args(args).env("HILUM_HOME", home).env_remove("HILUM_LOG");
    command
}

fn succeeded(out: &Output) -> String {
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// What a command prints with `--json`.
fn json(home: &Path, args: &[&str]) -> serde_json::Value {
    let text = succeeded(&hilum(home, &[args, &["--json"]].concat()).output().expect("runs"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?} prints no JSON ({e}): {text}"))
}

/// Exit code and the one sentence of a command that must fail.
fn refusal(home: &Path, args: &[&str]) -> (i32, String) {
    let out = hilum(home, args).output().expect("runs");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let errors: Vec<&str> = said.lines().filter(|l| l.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{args:?}: {said}");
    (out.status.code().expect("an exit code"), errors[0].to_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

fn client(url: &str, idle: Duration) -> Client {
    let remote = Remote { name: "made".into(), url: url.into(), ..Remote::default() };
    Client::new(&remote, None, Limits { connect: Duration::from_secs(5), idle }, never()).expect("a client")
}

/// The CT of a folder and its first structure set.
fn load(folder: &Path) -> (LoadedCt, LoadedStructureSet) {
    let found = scan(&[folder.to_owned()], &Silent).expect("a CT is there");
    let ct = load_ct(found.series.first().expect("a series"), &Silent, &mut |_| {}).expect("it loads");
    let set = &found.structure_sets.first().expect("a structure set").path;
    let set = load_structure_set(set, &ct.volume.grid, &ct.meta, 0).expect("it loads");
    (ct, set)
}

/// Voxels and contours are the same bit for bit.
fn assert_same(a: &Path, b: &Path) {
    let ((ct_a, set_a), (ct_b, set_b)) = (load(a), load(b));
    assert_eq!(ct_a.volume.grid, ct_b.volume.grid);
    assert!(ct_a.volume.hu == ct_b.volume.hu, "voxels differ");
    assert_eq!(set_a.rois.len(), set_b.rois.len());
    assert!(!set_a.rois.is_empty());
    for (x, y) in set_a.rois.iter().zip(&set_b.rois) {
        assert_eq!((&x.name, &x.slices), (&y.name, &y.slices));
    }
}

/// Everything in a folder by name, hidden or not.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Nothing but the lock lies on the shelf.
fn assert_empty(shelf: &Path) {
    assert!(names(shelf).iter().all(|n| n == ".hilum-lock"), "{:?}", names(shelf));
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} did not happen within 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// DICOM files of a folder and those below.
fn dicom_files(folder: &Path) -> Vec<PathBuf> {
    let files = hilum::archive::files_to_store(&[folder.to_owned()]).expect("readable");
    files.into_iter().filter(|p| hilum::dicom::identify(p).is_ok()).collect()
}
