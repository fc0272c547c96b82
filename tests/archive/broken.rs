//! Transfers that fail in the middle leave nothing, and say in one sentence what happened.

use super::made_server::{MadeServer, Manner, Study};
use super::{assert_empty, client, hilum, names, text, wait_until};
use crate::support::bench::write_case;
use hilum::archive::{ArchiveError, Cause, Client, Limits, Remote, Shelf, Uid, retrieve};
use hilum::progress::{Progress, Silent};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

static STUDY: LazyLock<Study> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("temporary folder");
    write_case(folder.path(), &[], (0..6).map(|k| 3.0 * f64::from(k)).collect());
    Study::of(folder.path())
});

fn fetch(study: &Study, manner: Manner, shelf: &Path) -> Result<usize, ArchiveError> {
    let server = MadeServer::start(study.clone(), manner);
    let client = client(&server.url, Duration::from_millis(700));
    let shelf = Shelf::open(shelf).expect("opens");
    retrieve(&client, &shelf, &Uid::new(&study.uid)?, None, &Silent).map(|r| r.instances)
}

/// The file of a study with another value of the same length in the place of a UID.
fn with_uid(file: &[u8], uid: &str, other: &str) -> Vec<u8> {
    let other = format!("{other:\0<width$}", width = uid.len());
    assert_eq!(other.len(), uid.len());
    let at: Vec<usize> =
        file.windows(uid.len()).enumerate().filter(|(_, w)| *w == uid.as_bytes()).map(|(n, _)| n).collect();
    assert!(!at.is_empty());
    let mut out = file.to_vec();
    for at in at {
        out[at..at + uid.len()].copy_from_slice(other.as_bytes());
    }
    out
}

#[test]
fn whatever_an_archive_does_wrong_nothing_is_kept_and_it_is_said() {
    let study = &*STUDY;
    let file = &study.files[0];
    let whole: usize = study.files.iter().map(Vec::len).sum();
    let other_study = with_uid(file, &study.uid, "1.2.3");
    let climbing = with_uid(file, &study.instances[0], "../../../evil");
    let html = "<html><body>Sign in</body></html>";
    let stranger = "http://192.0.2.1/dicom-web/studies";
    for (manner, cause, words) in [
        (Manner::Cut(whole / 2), Cause::Connection, "objects of this series had come"),
        (Manner::Stalls(whole / 2), Cause::Connection, "has not answered for 0.7 s"),
        (Manner::Silent, Cause::Connection, "has not answered for 0.7 s"),
        (Manner::OneLess, Cause::Archive, "sent 5 of the 6 objects"),
        (Manner::Twice, Cause::Archive, "twice"),
        (Manner::Shortened, Cause::Archive, "not whole"),
        (Manner::Other(other_study), Cause::Archive, "not asked for"),
        (Manner::Other(climbing), Cause::Archive, "is no UID"),
        (Manner::Other(html.into()), Cause::Archive, "no DICOM"),
        (Manner::Says("text/html; charset=utf-8", html), Cause::Archive, "a web page (HTML) instead of DICOM"),
        (Manner::Says("application/json", html), Cause::Archive, "JSON that is damaged"),
        (Manner::Status(302, stranger), Cause::Archive, "sends on to another server"),
        (Manner::Status(302, "BASE/again"), Cause::Archive, "redirects in a circle"),
        (Manner::Status(401, ""), Cause::Archive, "asks for a user name and password (401)"),
        (Manner::Status(403, ""), Cause::Archive, "does not allow this to the user (403)"),
        (Manner::Status(404, ""), Cause::Archive, "(404)"),
        (Manner::Status(413, ""), Cause::Archive, "takes no files of this size (413)"),
        (Manner::Status(500, ""), Cause::Archive, "internal error"),
        (Manner::Status(503, ""), Cause::Archive, "too busy"),
    ] {
        let shelf = tempfile::tempdir().expect("temporary folder");
        let error = fetch(study, manner.clone(), shelf.path()).expect_err("it fails");
        assert!(error.cause == cause && error.text.contains(words), "{manner:?}: {error:?}");
        assert_empty(shelf.path());
    }
    // Names that climb out of the folder come in a list as well.
    for bad in ["../../../evil", "..", "1.2/3", ""] {
        let shelf = tempfile::tempdir().expect("temporary folder");
        let mut lying = study.clone();
        lying.instances[2] = bad.into();
        assert!(fetch(&lying, Manner::Whole, shelf.path()).is_err(), "{bad}");
        assert_empty(shelf.path());
    }
    let shelf = tempfile::tempdir().expect("temporary folder");
    assert_eq!(fetch(study, Manner::OwnSyntax, shelf.path()), Ok(6));
    assert_eq!(names(shelf.path()), [".hilum-lock", &study.uid]);
    assert_eq!(names(&shelf.path().join(&study.uid)).len(), 6);
    let nobody = client("http://127.0.0.1:1/dicom-web", Duration::from_secs(1)).echo().expect_err("nobody listens");
    assert!(nobody.cause == Cause::Connection && nobody.text.contains("nothing listens"), "{nobody}");
}

#[test]
fn a_password_goes_to_its_own_server_only() {
    let server = MadeServer::start(STUDY.clone(), Manner::Status(302, "http://127.0.0.1:9/dicom-web"));
    let sign_in = hilum::archive::SignIn::Bearer { token: hilum::archive::PasswordFrom::Ask };
    let remote = Remote { name: "made".into(), url: server.url.clone(), sign_in, ca_file: None };
    let secret = hilum::archive::Secret::new("T0ken");
    let client = Client::new(&remote, Some(&secret), Limits::default(), hilum::archive::never()).expect("a client");
    let error = client.echo().expect_err("it is sent on");
    assert!(error.text.contains("another server"), "{error}");
    let seen = server.seen.lock().expect("no panic").join("\n").to_ascii_lowercase();
    assert!(seen.contains("authorization: bearer t0ken"), "{seen}");
}

/// Stops when the first objects have come.
struct StopsSoon(Arc<AtomicBool>);

impl Progress for StopsSoon {
    fn report(&self, _: &str, done: usize, _: usize) {
        if done >= 2 {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_transfer_that_is_stopped_ends_at_once_and_leaves_nothing() {
    let study = &*STUDY;
    let whole: usize = study.files.iter().map(Vec::len).sum();
    let server = MadeServer::start(study.clone(), Manner::Stalls(whole / 2));
    let flag = Arc::new(AtomicBool::new(false));
    let (progress, asked) = (StopsSoon(Arc::clone(&flag)), Arc::clone(&flag));
    let remote = Remote { name: "made".into(), url: server.url, ..Remote::default() };
    let stop: hilum::archive::Stop = Arc::new(move || asked.load(Ordering::Relaxed));
    let client = Client::new(&remote, None, Limits::default(), stop).expect("a client");
    let folder = tempfile::tempdir().expect("temporary folder");
    let shelf = Shelf::open(folder.path()).expect("opens");
    let start = Instant::now();
    let error = retrieve(&client, &shelf, &Uid::new(&study.uid).expect("a UID"), None, &progress).expect_err("stopped");
    assert!(error.is_cancelled() && start.elapsed() < Duration::from_secs(5), "{error:?} after {:?}", start.elapsed());
    assert_empty(folder.path());
}

#[test]
fn a_program_that_is_killed_leaves_nothing_that_is_seen_and_the_next_start_clears_it() {
    let study = &*STUDY;
    let whole: usize = study.files.iter().map(Vec::len).sum();
    let server = MadeServer::start(study.clone(), Manner::Stalls(whole / 2));
    let home = tempfile::tempdir().expect("temporary folder");
    let home = home.path();
    super::succeeded(&hilum(home, &["archive", "add", "made", &server.url]).output().expect("runs"));
    let mut child = hilum(home, &["archive", "retrieve", "made", &study.uid])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let shelf = home.join("archive");
    let arriving = || names(&shelf).into_iter().find(|n| n.starts_with(".hilum-arriving-"));
    wait_until("the arrival of objects", || arriving().is_some_and(|n| names(&shelf.join(n).join("files")).len() >= 2));
    // What arrives is left alone by others, and is no case.
    Shelf::open(&shelf).expect("opens");
    assert!(arriving().is_some() && hilum::dicom::scan(std::slice::from_ref(&shelf), &Silent).is_err());
    // SIGKILL on Unix.
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(arriving().is_some() && !names(&shelf).contains(&study.uid), "{:?}", names(&shelf));
    Shelf::open(&shelf).expect("opens");
    assert_empty(&shelf);
}

#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_leaves_nothing_of_the_study() {
    let server = MadeServer::start(STUDY.clone(), Manner::Whole);
    let home = tempfile::tempdir().expect("temporary folder");
    let home = home.path();
    super::succeeded(&hilum(home, &["archive", "add", "made", &server.url]).output().expect("runs"));
    // No file may grow beyond 8 blocks; the signal that would end the program is ignored, so that writing fails.
    let inner = hilum(home, &["archive", "retrieve", "made", &STUDY.uid]);
    let out = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(inner.get_program())
        .args(inner.get_args())
        .env("HILUM_HOME", home)
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(1) && said.contains("cannot be written (File too large"), "{said}");
    assert_empty(&home.join("archive"));
}

#[test]
fn settings_keep_a_password_for_their_owner_only_and_lists_hide_it() {
    let home = tempfile::tempdir().expect("temporary folder");
    let home = home.path();
    let run = |args: &[&str]| super::succeeded(&hilum(home, args).output().expect("runs"));
    run(&["archive", "add", "a", "http://pacs.example.org/dicom-web", "--user", "jane", "--password-env", "NOWHERE"]);
    run(&["archive", "add", "b", "https://pacs.example.org/dicom-web"]);
    run(&["archive", "set", "--folder", text(&home.join("studies")), "--ae-title", "REVIEW1", "--port", "11113"]);
    let file = home.join("settings.toml");
    let settings =
        std::fs::read_to_string(&file).expect("settings").replace("environment = \"NOWHERE\"", "settings = \"s3cret\"");
    std::fs::write(&file, settings).expect("written");
    let list = super::json(home, &["archive", "list"]);
    crate::cli::check_documented("archive list", &list);
    assert!(!list.to_string().contains("s3cret"), "{list}");
    assert_eq!(
        (&list["ae_title"], &list["port"], &list["archives"][0]["password"]),
        (&"REVIEW1".into(), &11113.into(), &"settings".into())
    );
    run(&["archive", "remove", "b"]);
    assert!(std::fs::read_to_string(&file).expect("settings").contains("s3cret"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    }
    let (code, error) = super::refusal(home, &["archive", "add", "c", "http://jane:pw@host/x"]);
    assert!(code == 3 && error.contains("--user") && !error.contains("pw@"), "{code} {error}");
    let out = hilum(home, &["archive", "add", "d", "http://pacs.example.org/x", "--bearer"]).output().expect("runs");
    assert!(String::from_utf8_lossy(&out.stderr).contains("readable by others"), "no warning");
}
