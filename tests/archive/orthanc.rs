//! With a real Orthanc and its DICOMweb plugin.

use super::{assert_same, dicom_files, hilum, json, names, refusal, succeeded, text, wait_until};
use crate::support::bench::{even, write_case};
use crate::support::test_data;
use std::io::BufRead as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

/// A running archive. It ends, and its folder goes, when the test program ends, however that ends: its guard reads
/// from a pipe that only this program holds open.
pub struct Orthanc {
    _guard: Child,
    http: u16,
    pub dicom: u16,
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.local_addr()).expect("a free port").port()
}

static ORTHANC: LazyLock<Option<Orthanc>> = LazyLock::new(Orthanc::start);

/// One archive for all tests; `None` where it is not installed (a failure under CI).
pub fn orthanc() -> Option<&'static Orthanc> {
    ORTHANC.as_ref()
}

impl Orthanc {
    fn start() -> Option<Self> {
        let program = ["/usr/sbin/Orthanc", "/usr/bin/Orthanc", "/usr/local/sbin/Orthanc"];
        let plugin = [
            "/usr/share/orthanc/plugins/libOrthancDicomWeb.so",
            "/usr/local/share/orthanc/plugins/libOrthancDicomWeb.so",
        ];
        let first = |paths: &[&'static str]| paths.iter().copied().find(|p| Path::new(p).exists());
        let (Some(program), Some(plugin)) = (first(&program), first(&plugin)) else {
            assert!(
                std::env::var_os("CI").is_none(),
                "under CI orthanc and orthanc-dicomweb must be installed (make test does it)"
            );
            eprintln!("skipped: no archive is installed (Debian: orthanc, orthanc-dicomweb)");
            return None;
        };
        let folder = tempfile::tempdir().expect("temporary folder").keep();
        let (http, dicom) = (free_port(), free_port());
        let settings = serde_json::json!({
            "Name": "made for a test", "StorageDirectory": folder.join("db"), "IndexDirectory": folder.join("db"),
            "TemporaryDirectory": &folder, "HttpPort": http, "DicomPort": dicom, "DicomAet": "ORTHANC",
            "RemoteAccessAllowed": false, "AuthenticationEnabled": true, "RegisteredUsers": {"tester": "secret"},
            "Plugins": [plugin], "DicomWeb": {"Enable": true, "Root": "/dicom-web/"}, "SyncStorageArea": false,
            "DicomAssociationCloseDelay": 0,
        });
        std::fs::write(folder.join("settings.json"), settings.to_string()).expect("written");
        let script = "\"$0\" \"$1/settings.json\" >\"$1/log\" 2>&1 & cat >/dev/null; kill $!; wait $!; rm -rf \"$1\"";
        let guard = Command::new("sh")
            .args(["-c", script, program])
            .arg(&folder)
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let orthanc = Self { _guard: guard, http, dicom };
        let is_up = || orthanc.rest("/plugins/dicom-web", None).is_some();
        wait_until("the start of Orthanc", is_up);
        Some(orthanc)
    }

    /// Asks its own interface, which is not DICOMweb.
    fn rest(&self, path: &str, put: Option<&str>) -> Option<String> {
        // "tester:secret"
        let authorization = "Basic dGVzdGVyOnNlY3JldA==";
        let url = format!("http://127.0.0.1:{}{path}", self.http);
        let answer = match put {
            None => ureq::get(&url).header("Authorization", authorization).call(),
            Some(body) if body.starts_with('[') => ureq::put(&url).header("Authorization", authorization).send(body),
            Some(body) => ureq::post(&url).header("Authorization", authorization).send(body),
        };
        answer.ok()?.body_mut().read_to_string().ok()
    }

    /// Settings of the program that name this archive "local".
    pub fn home(&self) -> tempfile::TempDir {
        let home = tempfile::tempdir().expect("temporary folder");
        let url = format!("http://127.0.0.1:{}/dicom-web/", self.http);
        let add = ["archive", "add", "local", &url, "--user", "tester", "--password-env", "HILUM_TEST_PASSWORD"];
        succeeded(&hilum(home.path(), &add).output().expect("runs"));
        // For this process and the programs that it starts; the settings name a variable, tests give it by a file.
        let file = home.path().join("settings.toml");
        let settings = std::fs::read_to_string(&file).expect("settings");
        let kept = settings.replace("environment = \"HILUM_TEST_PASSWORD\"", "settings = \"secret\"");
        assert_ne!(settings, kept);
        std::fs::write(&file, kept).expect("written");
        home
    }
}

#[test]
fn a_real_study_comes_back_bit_for_bit() {
    let (Some(orthanc), Some(case)) = (orthanc(), test_data("rtutils-phantom/sample")) else { return };
    let home = orthanc.home();
    let home = home.path();
    let echo = json(home, &["archive", "echo", "local"]);
    crate::cli::check_documented("archive echo", &echo);
    let stored = json(home, &["archive", "store", "local", text(&case)]);
    crate::cli::check_documented("archive store", &stored);
    assert_eq!((stored["stored"].as_u64(), stored["failed"].as_u64()), (Some(6), Some(0)), "{stored}");
    let found = json(home, &["archive", "query", "local", "--name", "phantom_ex*", "--modality", "ct"]);
    crate::cli::check_documented("archive query", &found);
    let study = &found["studies"][0];
    assert_eq!(study["patient_name"], "PHANTOM_EXAMPLE", "{found}");
    let uid = study["study_instance_uid"].as_str().expect("a UID");
    let series = json(home, &["archive", "query", "local", "--study", uid]);
    crate::cli::check_documented("archive query", &series);
    let of = |modality: &str| {
        series["series"]
            .as_array()
            .and_then(|a| a.iter().find(|s| s["modality"] == modality))
            .expect("a series")
            .clone()
    };
    // The CT alone, then all of it: what is known stays.
    let ct = of("CT");
    let ct = ct["series_instance_uid"].as_str().expect("a UID");
    let first = json(home, &["archive", "retrieve", "local", uid, "--series", ct]);
    crate::cli::check_documented("archive retrieve", &first);
    assert_eq!((first["instances"].as_u64(), first["known"].as_u64()), (Some(5), Some(0)), "{first}");
    let all = json(home, &["archive", "retrieve", "local", uid]);
    assert_eq!((all["instances"].as_u64(), all["known"].as_u64()), (Some(6), Some(5)), "{all}");
    let folder = PathBuf::from(all["folder"].as_str().expect("a folder"));
    assert_eq!(folder, home.join("archive").join(uid));
    assert_same(&case, &folder);
    assert_eq!(names(&home.join("archive")), [".hilum-lock", uid]);

    // One object of this UID with other content: both are kept, and it is told.
    let file = &dicom_files(&folder)[0];
    let mut bytes = std::fs::read(file).expect("there");
    *bytes.last_mut().expect("bytes") ^= 1;
    std::fs::write(file, &bytes).expect("written");
    let again = json(home, &["archive", "retrieve", "local", uid]);
    assert_eq!(
        (again["known"].as_u64(), again["other_content"].as_array().map(Vec::len)),
        (Some(5), Some(1)),
        "{again}"
    );
    assert_eq!(std::fs::read(file).expect("there"), bytes, "a file was replaced");
    let other = PathBuf::from(again["other_content"][0].as_str().expect("a path"));
    assert!(hilum::dicom::identify(&other).is_ok() && other.parent() != Some(&folder), "{}", other.display());
}

#[test]
fn a_corrected_structure_set_goes_to_the_archive_and_comes_back() {
    let Some(orthanc) = orthanc() else { return };
    let Some(case) = test_data("4dlung-113") else { return };
    let home = orthanc.home();
    let home = home.path();
    let stored = json(home, &["archive", "store", "local", text(&case)]);
    assert_eq!(stored["failed"].as_u64(), Some(0), "{stored}");
    assert!(
        stored["not_sent"]
            .as_array()
            .is_some_and(|a| a.iter().any(|f| f["remark"].as_str().is_some_and(|r| r.contains("no DICOM"))))
    );
    let found = json(home, &["archive", "query", "local", "--id", "113_HM10395"]);
    let uid = found["studies"][0]["study_instance_uid"].as_str().expect("a study");
    let first = json(home, &["archive", "retrieve", "local", uid]);
    let folder = first["folder"].as_str().expect("a folder");
    assert_same(&case, Path::new(folder));
    // Exported from what was retrieved, stored, and retrieved again by its series.
    let set = home.join("corrected.dcm");
    let proof = json(home, &["export", folder, "-o", text(&set)]);
    let stored = json(home, &["archive", "store", "local", text(&set)]);
    assert_eq!(stored["stored"].as_u64(), Some(1), "{stored}");
    let all = json(home, &["archive", "retrieve", "local", uid]);
    assert_eq!(all["instances"].as_u64(), first["instances"].as_u64().map(|n| n + 1));
    let name = format!("{}.dcm", proof["sop_instance_uid"].as_str().expect("a UID"));
    let back = Path::new(folder).join(name);
    let ct = super::load(Path::new(folder)).0;
    let [a, b] =
        [&set, &back].map(|p| hilum::dicom::load_structure_set(p, &ct.volume.grid, &ct.meta, 0).expect("loads"));
    for (x, y) in a.rois.iter().zip(&b.rois) {
        assert_eq!((&x.name, &x.slices), (&y.name, &y.slices));
    }
    assert!(a.rois.len() == b.rois.len() && !a.rois.is_empty());
}

#[test]
fn searches_are_narrowed_paged_and_refused_in_words() {
    let Some(orthanc) = orthanc() else { return };
    let home = orthanc.home();
    let home = home.path();
    let made = home.join("made");
    for seed in ["31", "32", "33"] {
        let folder = made.join(seed);
        let args = [
            "phantom",
            "-o",
            text(&folder),
            "--seed",
            seed,
            "--size",
            "64x64x30",
            "--spacing",
            "5.5x5.5x9",
            "--no-structures",
        ];
        succeeded(&hilum(home, &args).output().expect("runs"));
    }
    write_case(&made.join("named"), &["Plan"], even());
    let stored = json(home, &["archive", "store", "local", text(&made)]);
    assert_eq!(stored["failed"].as_u64(), Some(0), "{stored}");
    let ids = |args: &[&str]| -> (Vec<String>, bool) {
        let found = json(home, &[&["archive", "query", "local"], args].concat());
        let studies = found["studies"].as_array().expect("studies").clone();
        let ids = studies.iter().map(|s| s["patient_id"].as_str().expect("an ID").to_owned()).collect();
        (ids, found["more"].as_bool().expect("a flag"))
    };
    let mut three = ids(&["--id", "HILUM-SYNTHETIC-3?"]).0;
    three.sort();
    assert_eq!(three, ["HILUM-SYNTHETIC-31", "HILUM-SYNTHETIC-32", "HILUM-SYNTHETIC-33"]);
    let (first, more) = ids(&["--id", "HILUM-SYNTHETIC-3?", "--limit", "2"]);
    let (rest, end) = ids(&["--id", "HILUM-SYNTHETIC-3?", "--limit", "2", "--offset", "2"]);
    assert!(more && !end && first.len() == 2 && rest.len() == 1);
    let mut both = [first, rest].concat();
    both.sort();
    assert_eq!(both, three);
    for (args, found) in [
        (&["--name", "muster"][..], 1),
        (&["--name", "*erika*"], 1),
        (&["--name", "Mustermann, Erika"], 1),
        (&["--name", "mustermann^e"], 1),
        (&["--name", "Nobody*"], 0),
        (&["--id", "PID-4711", "--from", "2021-03-04", "--to", "2021-03-04"], 1),
        (&["--id", "PID-4711", "--from", "2021-03-05"], 0),
        (&["--id", "PID-4711", "--to", "2021-03-03"], 0),
        (&["--id", "PID-4711", "--modality", "RTSTRUCT"], 1),
        (&["--id", "PID-4711", "--modality", "PT"], 0),
    ] {
        assert_eq!(ids(args).0.len(), found, "{args:?}");
    }
    for (args, words) in [
        (&["archive", "query", "local", "--from", "soon"][..], "no date"),
        (&["archive", "query", "elsewhere"], "there are: local"),
        (&["archive", "retrieve", "local", "1.2.3.4.5"], "no such study"),
        (&["archive", "retrieve", "local", "../../etc"], "no UID"),
        (&["archive", "store", "local", "/nowhere"], "cannot be read"),
    ] {
        let (code, error) = refusal(home, args);
        assert!(code == 3 && error.contains(words), "{args:?}: {code} {error}");
    }
    // A wrong password, and none.
    let file = home.join("settings.toml");
    let settings = std::fs::read_to_string(&file).expect("settings");
    std::fs::write(&file, settings.replace("\"secret\"", "\"wrong\"")).expect("written");
    let (code, error) = refusal(home, &["archive", "echo", "local"]);
    assert!(code == 3 && error.contains("401") && !error.contains("wrong"), "{code} {error}");
}

#[test]
fn objects_are_received_from_storescu_and_from_orthanc() {
    let Some(orthanc) = orthanc() else { return };
    let home = orthanc.home();
    let home = home.path();
    let case = home.join("case");
    let args = ["phantom", "-o", text(&case), "--seed", "41", "--size", "64x64x30", "--spacing", "5.5x5.5x9"];
    succeeded(&hilum(home, &args).output().expect("runs"));
    let count = dicom_files(&case).len();
    let shelf = home.join("incoming");
    let mut child = hilum(home, &["archive", "receive", "--port", "0", "--folder", text(&shelf), "--json"])
        .args(["--objects", &(2 * count).to_string(), "--seconds", "60", "--ae-title", "RECEIVER"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut errors = std::io::BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    errors.read_line(&mut line).expect("a line");
    let port = line.split("at port ").nth(1).and_then(|l| l.split(',').next()).expect("a port").to_owned();
    // dcmtk first, then Orthanc with the same objects.
    let sent =
        Command::new("storescu").args(["-aec", "RECEIVER", "127.0.0.1", &port]).args(dicom_files(&case)).output();
    let Ok(sent) = sent else {
        assert!(std::env::var_os("CI").is_none(), "under CI dcmtk must be installed (make test does it)");
        child.kill().expect("killed");
        child.wait().expect("ended");
        return;
    };
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    let refused = Command::new("storescu")
        .args(["-aec", "OTHER", "127.0.0.1", &port])
        .args(dicom_files(&case))
        .output()
        .expect("runs");
    assert!(!refused.status.success(), "another AE title was let in");
    let send_home = ["-aec", "ORTHANC", "127.0.0.1", &orthanc.dicom.to_string()];
    assert!(Command::new("storescu").args(send_home).args(dicom_files(&case)).output().expect("runs").status.success());
    orthanc
        .rest("/modalities/receiver", Some(&format!("[\"RECEIVER\", \"127.0.0.1\", {port}]")))
        .expect("it is known now");
    let study = hilum::dicom::identify(&dicom_files(&case)[0]).expect("DICOM").study_instance_uid;
    let query = format!("{{\"Level\":\"Study\",\"Query\":{{\"StudyInstanceUID\":\"{study}\"}}}}");
    let found = orthanc.rest("/tools/find", Some(&query)).expect("an answer");
    let id: Vec<String> = serde_json::from_str(&found).expect("JSON");
    let answer = orthanc.rest("/modalities/receiver/store", Some(&id[0])).expect("Orthanc has sent");
    assert!(answer.contains("\"FailedInstancesCount\" : 0"), "{answer}");
    let out = child.wait_with_output().expect("ends");
    let lines: Vec<serde_json::Value> =
        String::from_utf8_lossy(&out.stdout).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert!(out.status.success());
    let of = |state: &str| lines.iter().filter(|l| l["state"] == state).count();
    assert_eq!((of("new"), of("known")), (count, count), "{lines:?}");
    assert_same(&case, &shelf.join(&study));
    assert_eq!(names(&shelf), [".hilum-lock", &study]);
}
