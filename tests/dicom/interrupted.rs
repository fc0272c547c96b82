//! Exports that end before their time: the file that was there stays whole, or the new one is.

use super::load_folder;
use super::made_sets::{Syntax, closed, file, roi, structure_set};
use super::odd_series::write_stack;
use super::odd_sets::load_made;
use glam::DVec3;
use hilum::dicom::{LoadedCt, check_export, scan};
use hilum::geometry::VoxelGrid;
use hilum::progress::Silent;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// A case whose export is some megabytes, so that writing and proving it takes a while.
struct BigCase {
    folder: tempfile::TempDir,
    ct: LoadedCt,
}

/// The set and its proof.
const OWN: [&str; 2] = ["export.dcm", "export.proof.json"];

const POINTS: usize = 6 * 12 * 1500;

fn big_case() -> BigCase {
    let folder = tempfile::tempdir().expect("temporary folder");
    let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.0], [64, 64, 12]).expect("a grid");
    let case = folder.path().join("case");
    write_stack(&case, grid, 1, 1);
    let ct = load_folder(&case).1;
    let ring = |k: usize, radius: f64| {
        let point = |n: usize| {
            let a = std::f64::consts::TAU * n as f64 / 1500.0;
            [32.0 + radius * a.cos(), 32.0 + radius * a.sin(), 2.0 * k as f64].map(|x| (x * 1e4).round() / 1e4)
        };
        closed(&(0..1500).map(point).collect::<Vec<_>>())
    };
    let rois = (0..6).map(|n| roi(&format!("ROI {n}"), (0..12).map(|k| ring(k, 8.0 + 3.0 * n as f64)).collect()));
    std::fs::write(case.join("set.dcm"), file(&structure_set(&ct.meta, rois.collect()), Syntax::Implicit))
        .expect("written");
    std::fs::create_dir(folder.path().join("out")).expect("folder");
    BigCase { folder, ct }
}

impl BigCase {
    fn case(&self) -> PathBuf {
        self.folder.path().join("case")
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("out/export.dcm")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("hilum"));
        command.arg("export").arg(self.case()).arg("--output").arg(self.target()).arg("--overwrite");
        command
    }

    fn export(&self) -> Vec<u8> {
        let out = self.command().output().expect("runs");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        std::fs::read(self.target()).expect("written")
    }

    /// A proof that lies beside the target belongs to it; whether there is one.
    fn has_its_proof(&self) -> bool {
        let Ok(text) = std::fs::read_to_string(self.folder.path().join("out/export.proof.json")) else { return false };
        let proof: serde_json::Value = serde_json::from_str(&text).expect("whole");
        let check = check_export(&self.target(), None).expect("both are there");
        assert!(check.agrees && proof["sha256"] == check.sha256.as_str(), "{:?}", check.differences);
        true
    }

    fn is_whole(&self, path: &Path) -> bool {
        load_made(path, &self.ct).is_ok_and(|set| set.summaries.iter().map(|s| s.points).sum::<usize>() == POINTS)
    }

    /// Names in the folder of the target.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("out")).expect("readable").flatten();
        let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

#[test]
fn an_export_that_is_killed_leaves_the_old_file_or_the_new_one() {
    let case = big_case();
    let mut old = case.export();
    let start = Instant::now();
    assert_ne!(case.export(), old, "every export has its own UID");
    old = std::fs::read(case.target()).expect("there");
    let usual = start.elapsed();
    let (mut kept, mut replaced) = (0, 0);
    for n in 0..24u32 {
        let mut child = case.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        // From the start to the end, most of them in the second half, where files are written.
        let share = 0.2 + 0.85 * f64::from(n * 7 % 24) / 24.0;
        std::thread::sleep(usual.mul_f64(share));
        // SIGKILL on Unix.
        child.kill().expect("killed or gone");
        child.wait().expect("ended");
        let now = std::fs::read(case.target()).expect("there is a file at any time");
        case.has_its_proof();
        if now == old {
            kept += 1;
        } else {
            assert!(case.is_whole(&case.target()), "killed after {share:.2} of {usual:?}");
            replaced += 1;
            old = now;
        }
    }
    assert!(kept > 0, "{kept} kept, {replaced} replaced");
    // What the killed ones left is no structure set, and goes with a later export.
    let left: Vec<String> = case.names().into_iter().filter(|n| !OWN.contains(&n.as_str())).collect();
    assert!(left.iter().all(|n| n.starts_with(".hilum-")), "{left:?}");
    let out = case.folder.path().join("out");
    let copy = out.join(".hilum-abc123.part");
    std::fs::copy(case.target(), &copy).expect("copied");
    let found = scan(&[case.case(), out.clone()], &Silent).expect("there is a CT");
    assert_eq!(found.structure_sets.len(), 2, "the source and the export: {:?}", found.structure_sets);
    let long_ago = SystemTime::now() - Duration::from_hours(2);
    for name in left.iter().map(String::as_str).chain([".hilum-abc123.part"]) {
        let part = std::fs::File::options().write(true).open(out.join(name)).expect("opens");
        part.set_modified(long_ago).expect("set");
    }
    case.export();
    assert_eq!(case.names(), OWN);
    assert!(case.has_its_proof());
}

fn assert_failed_cleanly(run: &Output, why: &str) {
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{said}");
    let errors: Vec<&str> = said.lines().filter(|l| l.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    for part in ["cannot be written", why, "untouched", "export.dcm"] {
        assert!(errors[0].contains(part), "{part}: {said}");
    }
}

#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_leaves_the_old_file_and_nothing_else() {
    let case = big_case();
    let old = b"an older export".to_vec();
    std::fs::write(case.target(), &old).expect("written");
    // No file may grow beyond 64 blocks; the signal that would end the program is ignored, so that writing fails.
    let inner = case.command();
    let limited = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(inner.get_program()).args(inner.get_args());
        command.env("OUT", case.target().parent().expect("a folder"));
        command.output().expect("runs")
    };
    let run = limited("trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"");
    assert_failed_cleanly(&run, "File too large");
    assert_eq!(std::fs::read(case.target()).expect("there"), old);
    assert_eq!(case.names(), ["export.dcm"]);

    // A real full disk, where this user may mount one: in a namespace of its own, which ends with the command.
    let script = "unshare -m true 2>/dev/null || exit 77
        exec unshare -m sh -c 'mount -t tmpfs -o size=256k none \"$OUT\" 2>/dev/null || exit 77
        echo older >\"$OUT/export.dcm\"; \"$0\" \"$@\"; code=$?
        [ \"$(ls -A \"$OUT\")\" = export.dcm ] && [ \"$(cat \"$OUT/export.dcm\")\" = older ] || exit 88
        exit $code' \"$0\" \"$@\"";
    let run = limited(script);
    if run.status.code() == Some(77) {
        eprintln!("only the limit of a file was tried: this user may not mount a small disk");
    } else {
        assert_failed_cleanly(&run, "No space left");
    }
    assert_eq!(std::fs::read(case.target()).expect("there"), old);
}
