//! The packages of `scripts/dist`: installed away from the source tree the program finds its models, tells their hashes,
//! and opens its window; removed, it leaves nothing.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

struct Packages {
    folder: tempfile::TempDir,
    deb: PathBuf,
    archive: PathBuf,
}

/// Packs the program that the tests were built with; `None` where a tool is missing, which fails under CI.
fn packages() -> Option<Packages> {
    let missing = ["dpkg", "dpkg-deb", "strip", "python3", "tar"].into_iter().find(|tool| !is_there(tool));
    if let Some(tool) = missing {
        assert!(std::env::var_os("CI").is_none(), "under CI the tools must be present: {tool} is missing");
        eprintln!("skipped: {tool} is not installed");
        return None;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/dist"))
        .args(["--fast", "--binary", env!("CARGO_BIN_EXE_hilum"), "--out"])
        .arg(folder.path())
        .output();
    let printed = said(out.expect("the script starts"));
    let mut files = printed.lines().map(PathBuf::from);
    let (deb, archive) = (files.next().expect("a package"), files.next().expect("an archive"));
    Some(Packages { folder, deb, archive })
}

fn is_there(tool: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {tool}")])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// Standard output of something that must succeed.
fn said(out: Output) -> String {
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text")
}

/// The installed program in the folder of a user who has never run it.
fn program(path: &Path, home: &Path) -> Command {
    let mut command = Command::new(path);
    command.current_dir(home).env_remove("HILUM_MODELS").env("HILUM_HOME", home).env("HOME", home);
    command
}

fn weights_hash() -> String {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/models/diunet/manifest.json")).expect("there");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    manifest["sha256"].as_str().expect("a hash").to_owned()
}

fn check_version(path: &Path, prefix: &Path, home: &Path) {
    let version = said(program(path, home).arg("--version").output().expect("it starts"));
    let models = prefix.join("share/hilum/models");
    assert!(version.contains(&format!("models      {}\n", models.display())), "{version}");
    assert!(version.contains(&weights_hash()) && version.contains("Not a medical device"), "{version}");
}

#[test]
fn the_packages_install_run_and_leave_nothing_behind() {
    let Some(packages) = packages() else { return };
    let (root, home) = (packages.folder.path().join("root"), packages.folder.path().join("home"));
    std::fs::create_dir_all(&home).expect("made");

    // The archive, from any folder.
    let anywhere = packages.folder.path().join("any where");
    std::fs::create_dir_all(&anywhere).expect("made");
    let tar = Command::new("tar").arg("-xzf").arg(&packages.archive).arg("-C").arg(&anywhere).output();
    said(tar.expect("tar starts"));
    let mut trees = std::fs::read_dir(&anywhere).expect("readable").flatten();
    let tree = trees.next().expect("one folder").path().canonicalize().expect("there");
    assert!(trees.next().is_none());
    check_version(&tree.join("bin/hilum"), &tree, &home);
    // Models that are gone are named where they should be.
    std::fs::rename(tree.join("share/hilum/models/diunet"), tree.join("moved")).expect("moved");
    let version = said(program(&tree.join("bin/hilum"), &home).arg("--version").output().expect("it starts"));
    assert!(version.contains("DiUnet      the model cannot be read") && version.contains("HILUM_MODELS"), "{version}");

    // The package, by dpkg, into a root of its own.
    for folder in ["var/lib/dpkg/updates", "var/lib/dpkg/info", "var/lib/dpkg/triggers"] {
        std::fs::create_dir_all(root.join(folder)).expect("made");
    }
    std::fs::write(root.join("var/lib/dpkg/status"), "").expect("written");
    let dpkg = |args: &[&str]| {
        let mut command = Command::new("dpkg");
        command.arg(format!("--root={}", root.display())).args([
            "--force-not-root",
            "--force-depends",
            "--no-triggers",
        ]);
        said(command.args(args).output().expect("dpkg starts"))
    };
    dpkg(&["-i", packages.deb.to_str().expect("UTF-8")]);
    let listed = dpkg(&["-L", "hilum"]);
    for file in [
        "/usr/bin/hilum",
        "/usr/share/applications/hilum.desktop",
        "/usr/share/mime/packages/hilum.xml",
        "/usr/share/icons/hicolor/scalable/apps/hilum.svg",
        "/usr/share/man/man1/hilum.1.gz",
        "/usr/share/hilum/models/diunet/weights.safetensors",
        "/usr/share/hilum/models/diunet/MODEL_CARD.md",
        "/usr/share/hilum/models/diunet-with-lidc/MODEL_CARD.md",
        "/usr/share/hilum/models/risk/forest.json",
        "/usr/share/doc/hilum/copyright",
        "/usr/share/doc/hilum/licences-of-crates.txt.gz",
        "/usr/share/doc/hilum/FONT-LICENSE-Inter.txt",
    ] {
        assert!(listed.lines().any(|l| l == file), "{file} is not in the package:\n{listed}");
    }
    let usr = root.join("usr").canonicalize().expect("there");
    let installed = usr.join("bin/hilum");
    check_version(&installed, &usr, &home);
    open_window(&installed, &home);
    dpkg(&["-r", "hilum"]);
    let left = Command::new("find").arg(root.join("usr")).args(["-type", "f"]).output().expect("find starts");
    assert_eq!(String::from_utf8_lossy(&left.stdout), "", "files are left behind");
}

/// Ends with the test, however it ends.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _it_may_have_ended = self.0.kill();
        let _status = self.0.wait();
    }
}

/// The window comes up on a screen of its own, and closes by its key.
fn open_window(installed: &Path, home: &Path) {
    if let Some(tool) = ["Xvfb", "xdotool"].into_iter().find(|tool| !is_there(tool)) {
        assert!(std::env::var_os("CI").is_none(), "under CI the tools must be present: {tool} is missing");
        eprintln!("skipped: the window was not opened, {tool} is not installed");
        return;
    }
    let mut server = Command::new("Xvfb");
    // By itself the server begins anew when its last client has gone (the tool that looks for the window), and refuses the
    // program meanwhile.
    server.args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"]);
    let mut server = Stopped(server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("Xvfb starts"));
    let mut number = String::new();
    let pipe = server.0.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(pipe), &mut number).expect("a display");
    let display = format!(":{}", number.trim());

    let mut window = program(installed, home);
    window.env("DISPLAY", &display).env_remove("WAYLAND_DISPLAY").env("XDG_RUNTIME_DIR", home);
    let log = std::fs::File::create(home.join("log")).expect("made");
    let mut window = Stopped(window.stdout(Stdio::null()).stderr(log).spawn().expect("the program starts"));
    let errors = || std::fs::read_to_string(home.join("log")).unwrap_or_default();
    let find = || {
        let mut tool = Command::new("xdotool");
        let out = tool.env("DISPLAY", &display).args(["search", "--onlyvisible", "--name", "^Hilum"]).output();
        String::from_utf8_lossy(&out.expect("xdotool starts").stdout).lines().next().map(str::to_owned)
    };
    let begin = Instant::now();
    let id = loop {
        if let Some(id) = find() {
            break id;
        }
        assert!(window.0.try_wait().expect("known").is_none(), "the program ended: {}", errors());
        assert!(begin.elapsed() < Duration::from_mins(2), "no window came: {}", errors());
        std::thread::sleep(Duration::from_millis(200));
    };
    let quit = Command::new("xdotool").env("DISPLAY", &display).args(["windowfocus", &id, "key", "ctrl+q"]).output();
    said(quit.expect("xdotool starts"));
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = window.0.try_wait().expect("known") {
            break status;
        }
        assert!(begin.elapsed() < Duration::from_mins(1), "the window did not close: {}", errors());
        std::thread::sleep(Duration::from_millis(200));
    };
    assert!(status.success(), "{status}: {}", errors());
}
