//! The cohort store: all of an import or nothing, whatever the table says and the disk does, and words for all that is wrong.

use crate::cli::check_documented;
use assert_cmd::Command;
use hilum::cohort::{CohortAbout, CohortStore, Column, StoreError, StoredFeatures};
use hilum::features::{FeatureDefinition, definition_sha256, feature_index};
use hilum::structures::Station;
use rusqlite::Connection;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn hilum(args: &[&str]) -> (i32, String, String) {
    let out =
        Command::cargo_bin("hilum").expect("built").args(args).env_remove("HILUM_LOG").output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (out.status.code().expect("not killed"), text(out.stdout), text(out.stderr))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A folder with an empty cohort.
fn cohort() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("a.hilum-cohort");
    let (code, _, error) = hilum(&["cohort", "init", text(&path), "--name", "Lungs"]);
    assert_eq!((code, error.as_str()), (0, ""));
    (folder, path)
}

fn table(folder: &Path, rows: &str) -> PathBuf {
    let path = folder.join("t.csv");
    std::fs::write(&path, rows).expect("written");
    path
}

/// So many patients.
fn many(count: usize) -> String {
    let mut rows =
        "patient,sex,age_years,follow_up_months,died,recurred,recurrence_months,recurrence_stations,note\n".to_owned();
    for n in 0..count {
        let recurred = u8::from(n % 2 == 0);
        let (months, stations) = if n % 2 == 0 { (format!("{}.5", n % 20), "4R; 10R") } else { Default::default() };
        let sex = ["m", "female"][n % 2];
        let _infallible = writeln!(
            rows,
            "p{n},{sex},{},{},{},{recurred},{months},{stations},row {n}",
            40 + n % 40,
            21 + n % 50,
            n % 3 / 2
        );
    }
    rows
}

fn count(path: &Path) -> usize {
    CohortStore::open(path).and_then(|store| store.patients()).expect("whole").len()
}

#[test]
fn a_table_is_imported_listed_changed_and_exported_as_it_was() {
    let (folder, path) = cohort();
    std::fs::create_dir(folder.path().join("p0")).expect("made");
    let csv = table(folder.path(), &many(50));
    let import = ["cohort", "import", text(&path), text(&csv), "--cases", text(folder.path())];
    let (code, out, error) = hilum(&[&import[..], &["--json"]].concat());
    assert_eq!(code, 0, "{error}");
    let report: Value = serde_json::from_str(&out).expect("JSON");
    check_documented("cohort import", &report);
    assert_eq!((report["added"].as_u64(), report["without_case"].as_array().map(Vec::len)), (Some(50), Some(49)));
    assert_eq!(report["extra"][0], "note");
    let (code, _, error) = hilum(&import);
    assert!(code == 3 && error.contains("already in the cohort: 50 patients; nothing was imported"), "{error}");
    assert!(error.contains("p9, ...") && !error.contains("p20"), "{error}");

    let store = CohortStore::open(&path).expect("opens");
    let patients = store.patients().expect("read");
    assert_eq!(
        patients[0].outcome.recurrence_stations.iter().copied().collect::<Vec<_>>(),
        [Station::S4R, Station::S10R]
    );
    assert_eq!(patients[0].case.as_deref(), Some(folder.path().join("p0").as_path()));
    assert_eq!(
        (patients[7].id.as_str(), patients[7].cell(Column::Sex).as_str()),
        ("p7", "female"),
        "in the order of the table"
    );
    drop(store);

    let changed = many(50).replace("p7,female,47", "p7,female,48") + "new,,,,,,,,\n";
    table(folder.path(), &changed);
    let (code, out, error) = hilum(&[&import[..], &["--update"]].concat());
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(out.contains("1 patient added, 1 changed, 49 unchanged"), "{out}");
    let (_, out, _) = hilum(&["cohort", "list", text(&path), "--json"]);
    let list: Value = serde_json::from_str(&out).expect("JSON");
    check_documented("cohort list", &list);
    assert_eq!((list["name"].as_str(), list["patients"].as_array().map(Vec::len)), (Some("Lungs"), Some(51)));
    assert_eq!(list["patients"][7]["age_years"], "48");

    let again = folder.path().join("again.csv");
    let (code, _, error) = hilum(&["cohort", "export", text(&path), "-o", text(&again)]);
    assert_eq!((code, error.as_str()), (0, ""));
    let second = folder.path().join("b.hilum-cohort");
    hilum(&["cohort", "init", text(&second), "--name", "Lungs"]);
    let (code, _, error) = hilum(&["cohort", "import", text(&second), text(&again)]);
    assert_eq!((code, error.as_str()), (0, ""));
    let [a, b] = [&path, &second].map(|p| CohortStore::open(p).and_then(|s| s.patients()).expect("read"));
    assert_eq!(a, b);
    let copy = folder.path().join("copy.hilum-cohort");
    let backup = ["cohort", "backup", text(&path), "-o", text(&copy)];
    assert_eq!((hilum(&backup).0, count(&copy)), (0, 51));
    assert!(
        hilum(&backup).0 == 1 && hilum(&["cohort", "init", text(&path), "--name", "x"]).0 == 1,
        "nothing is replaced"
    );
    let (_, out, _) = hilum(&["cohort", "template"]);
    assert!(out.contains("recurrence_stations") && out.contains("months from the start of radiotherapy"), "{out}");
}

#[test]
fn a_table_with_anything_wrong_is_told_by_row_and_not_imported() {
    let (folder, path) = cohort();
    let refused = |rows: &str, code_wanted: i32, wanted: &[&str]| {
        let csv = table(folder.path(), rows);
        let (code, _, error) = hilum(&["cohort", "import", text(&path), text(&csv)]);
        assert_eq!(code, code_wanted, "{error}");
        for words in wanted {
            assert!(error.contains(words), "{words}: {error}");
        }
        assert_eq!(count(&path), 0);
    };
    refused(
        "patient,age_years,recurrence_stations\na,50,10R\nb,old,99\na,60,\n",
        3,
        &[
            "3 cells cannot be used, and nothing was imported",
            "row 2, age_years: \"old\" is no number from 0 to 120",
            "row 2, recurrence_stations: \"99\" is no station",
            "row 3, patient: \"a\" is in row 1 already",
        ],
    );
    refused("name,age_years\na,50\n", 3, &["patient: there is no such column; the columns are name, age_years"]);
    refused("patient;start_date;death_date\na;2024-05-02;2023-01-01\n", 3, &["it lies before start_date"]);
    refused("patient,age_years\na\n", 1, &["the table could not be read"]);
    let many: String = (0..80).map(|n| format!("p{n},x\n")).collect();
    refused(&format!("patient,age_years\n{many}"), 3, &["80 cells", "... and 30 more"]);
}

#[test]
fn files_that_are_no_cohort_are_told_apart_and_left_alone() {
    let (folder, path) = cohort();
    let list = |path: &Path| {
        let (code, _, error) = hilum(&["cohort", "list", text(path)]);
        (code, error)
    };
    let other = folder.path().join("other");
    let (code, error) = list(&other);
    assert!(code == 3 && error.contains("there is no cohort; make one with `hilum cohort init`"), "{error}");
    std::fs::write(&other, "some text that is long enough to have a header, but of another kind of file ".repeat(20))
        .expect("written");
    let before = std::fs::read(&other).expect("read");
    let (code, error) = list(&other);
    assert!(code == 3 && error.contains("this is no cohort of Hilum"), "{error}");
    assert_eq!(std::fs::read(&other).expect("read"), before);
    let database = folder.path().join("database");
    Connection::open(&database).and_then(|c| c.execute_batch("CREATE TABLE t (x)")).expect("made");
    assert!(list(&database).1.contains("this is no cohort of Hilum"));

    let version = |n: i64| Connection::open(&path).and_then(|c| c.pragma_update(None, "user_version", n)).expect("set");
    version(99);
    let (code, error) = list(&path);
    assert!(
        code == 3 && error.contains("a newer version of Hilum made this cohort (its tables are of version 99)"),
        "{error}"
    );
    version(1);
    assert_eq!(list(&path).0, 0);

    // Somebody else writes and does not end.
    let held = Connection::open(&path).expect("opens");
    held.execute_batch("BEGIN IMMEDIATE").expect("held");
    let csv = table(folder.path(), &many(3));
    let (code, _, error) = hilum(&["cohort", "import", text(&path), text(&csv)]);
    assert!(code == 1 && error.contains("another program works on this cohort; try again"), "{error}");
    held.execute_batch("ROLLBACK").expect("let go");
    drop(held);
    assert_eq!(hilum(&["cohort", "import", text(&path), text(&csv)]).0, 0);

    let mut bytes = std::fs::read(&path).expect("read");
    let end = bytes.len();
    bytes[4096..end.min(12_288)].fill(0x5a);
    std::fs::write(&path, bytes).expect("written");
    let (code, error) = list(&path);
    assert!(code == 3 && error.contains("this cohort is damaged"), "{error}");
}

#[test]
fn features_are_kept_beside_patients_and_go_with_them() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("a");
    let about = CohortAbout { name: "x".into(), simulated: true };
    let mut store = CohortStore::create(&path, &about).expect("made");
    assert_eq!(store.about().expect("read"), about);
    let patient = hilum::cohort::PatientRecord { id: "p".into(), ..Default::default() };
    store.import(std::slice::from_ref(&patient), false).expect("added");
    let features = |values| StoredFeatures { source: "abc".into(), definition: "1".into(), values };
    let known = features(Ok(vec![Some(0.1 + 0.2), None, Some(-3.0)]));
    store.keep_features("p", &features(Err("no lungs".into()))).expect("kept");
    store.keep_features("p", &known).expect("kept");
    assert_eq!(store.features().expect("read")["p"], known, "to the last digit");
    assert!(matches!(store.keep_features("q", &known), Err(StoreError::NoPatient(_))));
    store.remove("p").expect("removed");
    assert!(store.features().expect("read").is_empty());
    assert!(matches!(store.remove("p"), Err(StoreError::NoPatient(_))));
}

#[test]
fn a_killed_import_and_a_full_disk_leave_what_was_there() {
    let (folder, path) = cohort();
    let small = table(folder.path(), &many(5));
    assert_eq!(hilum(&["cohort", "import", text(&path), text(&small)]).0, 0);
    let csv = folder.path().join("many.csv");
    std::fs::write(&csv, many(20_000).replace("\np", "\nq")).expect("written");
    let program = assert_cmd::cargo::cargo_bin("hilum");
    let mut killed = 0;
    for n in 0..12_u64 {
        let mut child = std::process::Command::new(&program)
            .args(["cohort", "import", text(&path), text(&csv)])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        std::thread::sleep(Duration::from_millis(20 + 60 * n));
        if child.try_wait().expect("asked").is_none() {
            killed += 1;
        }
        let _may_have_ended = child.kill();
        child.wait().expect("it ended");
        let now = count(&path);
        assert!(now == 5 || now == 20_005, "{now}");
        if now > 5 {
            break;
        }
    }
    assert!(killed > 0, "no import was killed");

    // A limit on the size of files stands for a full disk.
    let (folder, path) = cohort();
    let small = table(folder.path(), &many(5));
    assert_eq!(hilum(&["cohort", "import", text(&path), text(&small)]).0, 0);
    let script = r#"trap '' XFSZ; ulimit -f 200; exec "$0" cohort import "$1" "$2""#;
    let out = std::process::Command::new("bash")
        .args(["-c", script, text(&program), text(&path), text(&csv)])
        .output()
        .expect("bash starts");
    let error = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{error}");
    assert!(error.contains("the cohort could not be written, and is as it was"), "{error}");
    assert_eq!(count(&path), 5);
    let (code, _, error) = hilum(&["cohort", "import", text(&path), text(&csv)]);
    assert_eq!((code, error.as_str()), (0, ""), "with room it goes on");
    assert_eq!(count(&path), 20_005);
}

#[test]
fn a_cohort_has_its_own_map_beside_the_published_one_and_its_survival() {
    let (folder, path) = cohort();
    let mut rows = many(60).replace("note\n", "initial_stations\n");
    for n in 0..60 {
        rows = rows.replace(&format!("row {n}\n"), if n % 3 == 0 { "10R; 7\n" } else { "7\n" });
    }
    let rows = rows.replace("p1,female,41,22,0,0,", "p1,female,41,22,0,,");
    let csv = table(folder.path(), &rows);
    assert_eq!(hilum(&["cohort", "import", text(&path), text(&csv)]).0, 0);
    let map = |more: &[&str]| {
        let (code, out, error) = hilum(&[&["cohort", "map", text(&path), "--json"], more].concat());
        assert_eq!(code, 0, "{error}");
        let map: Value = serde_json::from_str(&out).expect("JSON");
        check_documented("cohort map", &map);
        map
    };
    let station = |map: &Value, list: &str, name: &str| -> Value {
        let all = if list.is_empty() { &map["stations"] } else { &map["beside"][list] };
        all.as_array().expect("a list").iter().find(|s| s["station"] == name).expect("there").clone()
    };
    let counts = |s: &Value| (s["k"].as_u64().expect("k"), s["n"].as_u64().expect("n"));
    let all = map(&["--share-of", "all"]);
    assert_eq!(all["counts"]["unknown"], 1);
    assert_eq!((counts(&station(&all, "", "10R")), counts(&station(&all, "", "7"))), ((30, 59), (0, 59)));
    assert_eq!(all["inconsistencies"].as_array().map(Vec::len), Some(0), "nothing of the publication");
    let involved = map(&["--share-of", "involved"]);
    assert_eq!(counts(&station(&involved, "", "10R")), (10, 20));
    assert_eq!(station(&involved, "", "1R")["share"], Value::Null);
    let row = involved["initial"].as_array().expect("a list").iter().find(|i| i["station"] == "10R").expect("there");
    assert_eq!((row["patients"].as_u64(), row["to"][0]["patients"].as_u64()), (Some(20), Some(10)));

    let beside = map(&["--share-of", "patients", "--beside", "published"]);
    assert_eq!(counts(&station(&beside, "stations", "10R")), (50, 94));
    let d = station(&beside, "differences", "10R");
    // scipy 1.17: fisher_exact([[30, 0], [50, 44]])
    assert!((d["p"].as_f64().expect("tested") - 3.031_390_831_9e-7).abs() < 1e-15, "{d}");
    assert!((d["difference"].as_f64().expect("known") - (50.0 / 94.0 - 1.0)).abs() < 1e-12);
    assert!(d["p_adjusted"].as_f64() >= d["p"].as_f64());
    let events = map(&["--beside", "published"]);
    assert_eq!(station(&events, "differences", "10R")["p"], Value::Null, "events are not independent");
    let (code, _, error) = hilum(&["cohort", "map", text(&path), "--beside", "published", "--share-of", "involved"]);
    assert!(code == 3 && error.contains("the publication does not say"), "{error}");

    let ask = ["survival", text(&path), "--time", "recurrence_free_months", "--event", "recurred"];
    let (code, out, error) = hilum(&[&ask[..], &["--competing", "died", "--group", "sex", "--at", "12"]].concat());
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("59 patients, 30 events") && out.contains("1 row (2)") && out.contains("female"), "{out}");
    let (code, out, error) =
        hilum(&["survival", text(&path), "--time", "progression_free_months", "--event", "progressed"]);
    assert!(code == 0 && out.contains("patients"), "{error}");
}

#[test]
fn features_of_all_cases_are_computed_kept_and_computed_again_where_something_changed() {
    let (folder, path) = cohort();
    let cases = folder.path().join("cases");
    std::fs::create_dir(&cases).expect("made");
    let phantom = |name: &str, seed: &str| {
        let size = ["--size", "96x96x46", "--spacing", "3.9x3.9x6"];
        let out = cases.join(name);
        let (code, _, error) = hilum(&[&["phantom", "--seed", seed, "-o", text(&out)], &size[..]].concat());
        assert_eq!(code, 0, "{error}");
    };
    phantom("a", "1");
    phantom("b", "4");
    std::fs::create_dir(cases.join("c")).expect("made");
    let rows = "patient,sex,age_years,t_stage,smoking_index,recurred\na,m,61,T2,400,1\nb,f,50,T3,0,0\nc,m,70,T1,,0\nd,f,44,T4,,1\n";
    let csv = table(folder.path(), rows);
    assert_eq!(hilum(&["cohort", "import", text(&path), text(&csv), "--cases", text(&cases)]).0, 0);
    let features = folder.path().join("features.csv");
    let compute = |more: &[&str]| {
        let (code, out, error) = hilum(&[&["cohort", "compute", text(&path), "--json"], more].concat());
        assert_eq!(code, 0, "{error}");
        let report: Value = serde_json::from_str(&out).expect("JSON");
        check_documented("cohort compute", &report);
        let numbers = ["computed", "kept", "without_case"].map(|key| report[key].as_u64().expect("a number"));
        (numbers, report["failed"].clone())
    };
    let (numbers, failed) = compute(&["--csv", text(&features)]);
    assert_eq!(numbers, [3, 0, 1]);
    assert_eq!((failed.as_array().map(Vec::len), failed[0]["patient"].as_str()), (Some(1), Some("c")), "{failed}");
    assert!(failed[0]["reason"].as_str().is_some_and(|why| why.contains("CT")), "{failed}");
    // The same as one by one.
    let clinical = ["--clinical", "sex=m,age=61,t=2,smoking=400"];
    let (_, out, _) = hilum(&[&["features", text(&cases.join("a")), "--json"], &clinical[..]].concat());
    let alone: Value = serde_json::from_str(&out).expect("JSON");
    let mut reader = csv::Reader::from_path(&features).expect("readable");
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("rows");
    assert_eq!((rows.len(), rows[0].len(), &rows[0][1], &rows[2][2]), (4, 112, "1", ""));
    for (n, feature) in alone["features"].as_array().expect("a list").iter().enumerate() {
        assert_eq!(rows[0][n + 2].parse::<f64>().ok(), feature["value"].as_f64(), "{feature}");
    }
    assert_eq!(compute(&[]).0, [0, 3, 1], "nothing has changed");
    // Somebody has grown older.
    table(folder.path(), &rows_older(&csv));
    let import = ["cohort", "import", text(&path), text(&csv), "--cases", text(&cases), "--update"];
    assert_eq!(hilum(&import).0, 0);
    assert_eq!(compute(&[]).0, [1, 2, 1]);
    assert_eq!(compute(&["--again"]).0, [3, 0, 1]);
}

fn rows_older(csv: &Path) -> String {
    std::fs::read_to_string(csv).expect("read").replace("b,f,50", "b,f,51")
}

#[test]
fn a_simulated_cohort_says_so_everywhere_and_its_truth_is_written_down() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (path, model) = (folder.path().join("s.hilum-cohort"), folder.path().join("model"));
    let simulate = ["cohort", "simulate", text(&path), "--patients", "16", "--seed", "3", "--json"];
    let (code, out, error) = hilum(&simulate);
    assert_eq!(code, 0, "{error}");
    let report: Value = serde_json::from_str(&out).expect("JSON");
    check_documented("cohort simulate", &report);
    assert_eq!(report["margins"]["recurring"].as_u64(), Some(8));
    let (code, _, error) = hilum(&simulate);
    assert!(code == 1 && error.contains("s.hilum-cohort"), "a file that is there stays: {error}");
    let (_, out, _) = hilum(&["cohort", "list", text(&path)]);
    assert!(out.contains("16 simulated patients, seed 3, simulated: 16 patients"), "{out}");
    assert!(out.contains("+1.0000  GTV reaches station 10R") && out.contains("Nothing here was observed"), "{out}");
    let (_, out, _) = hilum(&["cohort", "map", text(&path), "--json"]);
    assert!(out.contains("simulated"), "{out}");
    let store = CohortStore::open(&path).expect("opens");
    assert!(store.about().expect("read").simulated);
    assert_eq!(store.features().expect("read").values().filter(|f| f.values.is_ok()).count(), 16);

    // Which stations the CTV covers is read off the features.
    let (features, definition) = (store.features().expect("read"), definition_sha256(&FeatureDefinition::default()));
    let coverage = store.coverage(&definition).expect("read");
    assert_eq!((coverage.len(), store.coverage("older").expect("read").len()), (16, 0));
    for (patient, shares) in &coverage {
        let values = features[patient].values.as_ref().expect("computed");
        for station in Station::all() {
            let name = format!("ln{}_ctv_in_ln", station.label().to_lowercase());
            assert_eq!(
                shares[station.index()],
                values[feature_index(&name).expect("a feature")],
                "{patient} {station}"
            );
        }
    }
    let (_, out, _) = hilum(&["cohort", "map", text(&path), "--share-of", "covered", "--json"]);
    let map: Value = serde_json::from_str(&out).expect("JSON");
    let covered = coverage.values().filter(|s| s[Station::S10R.index()].is_some_and(|share| share >= 0.5)).count();
    let row = map["stations"].as_array().and_then(|all| all.iter().find(|s| s["station"] == "10R")).expect("there");
    assert_eq!(row["n"].as_u64(), Some(covered as u64));

    let (code, out, error) = hilum(&[&survival_of(&path)[..], &["--covariates", "size_5_cm", "--json"]].concat());
    assert_eq!(code, 0, "{error}");
    let survival: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((survival["events"].as_u64(), survival["simulated"].as_bool()), (Some(8), Some(true)), "{survival}");

    let table = |name: &str, args: &[&str], option: &str| -> PathBuf {
        let csv = folder.path().join(name);
        let (code, out, error) = hilum(&[args, &[option, text(&csv)]].concat());
        assert_eq!(code, 0, "{out} {error}");
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(&csv).expect("readable");
        assert_eq!(reader.headers().expect("a header").iter().next_back(), Some("simulated"), "{name}");
        let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
        assert!(!rows.is_empty() && rows.iter().all(|row| row.iter().next_back() == Some("1")), "{name}");
        csv
    };
    let patients = table("patients.csv", &["cohort", "export", text(&path)], "-o");
    table("features.csv", &["cohort", "compute", text(&path)], "--csv");
    table("map.csv", &["cohort", "map", text(&path)], "--csv");
    table("curves.csv", &survival_of(&path), "--csv");
    // The label is read from a table as from a cohort, and goes into the figures.
    let svg = folder.path().join("curves.svg");
    let (_, out, _) = hilum(&[&survival_of(&patients_with_times(&patients))[..], &["--svg", text(&svg)]].concat());
    assert!(out.starts_with("Simulated, not observed: 16 patients"), "{out}");
    assert!(std::fs::read_to_string(&svg).expect("written").contains("Simulated, not observed."));

    let (code, _, error) = hilum(&["train", "risk", "--cohort", text(&path), "--repeats", "1", "-o", text(&model)]);
    assert!(code == 3 && error.contains("16 analysed"), "too few for the folds: {error}");
    assert!(!model.join("manifest.json").exists());
}

fn survival_of(file: &Path) -> [&str; 6] {
    ["survival", text(file), "--time", "recurrence_free_months", "--event", "recurred"]
}

/// The table again, its follow-up under the name that a cohort has for it.
fn patients_with_times(csv: &Path) -> PathBuf {
    let rows = std::fs::read_to_string(csv).expect("read").replacen("follow_up_months", "recurrence_free_months", 1);
    let again = csv.with_extension("times.csv");
    std::fs::write(&again, rows).expect("written");
    again
}

#[test]
fn simulated_patients_keep_their_label_through_tables_and_are_never_mixed_with_observed_ones() {
    let (folder, path) = cohort();
    let import = |cohort: &Path, rows: &str| {
        let csv = table(folder.path(), rows);
        let (code, out, error) = hilum(&["cohort", "import", text(cohort), text(&csv), "--update"]);
        (code, out + &error)
    };
    // An empty cohort becomes simulated with what is imported first, and its patients do not carry it one by one.
    let (code, said) = import(&path, "patient,sex,recurred,recurrence_stations,simulated\na,m,1,4R,1\nb,f,0,,yes\n");
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("without a meaning"), "{said}");
    let about = |path: &Path| CohortStore::open(path).and_then(|store| store.about()).expect("whole");
    assert!(about(&path).simulated);
    let (_, map, _) = hilum(&["cohort", "map", text(&path)]);
    assert!(map.contains("Lungs, simulated"), "{map}");
    let csv = folder.path().join("out.csv");
    assert_eq!(hilum(&["cohort", "export", text(&path), "-o", text(&csv)]).0, 0);
    let rows = std::fs::read_to_string(&csv).expect("read");
    assert_eq!(
        import(&path, &rows),
        (
            0,
            "0 patients added, 0 changed, 2 unchanged\n\
        no case that is there, and so no features: 2 patients\n"
                .into()
        )
    );

    let (code, said) = import(&path, "patient,sex\nc,m\n");
    assert!(code == 3 && said.contains("row 1, simulated: the patients of this cohort are simulated"), "{said}");
    let (code, said) = import(&path, "patient,simulated\nc,1\nd,\n");
    assert!(
        code == 3 && said.contains("row 2, simulated: simulated and observed patients stand in one table"),
        "{said}"
    );
    let (code, said) = import(&path, "patient,simulated\nc,maybe\n");
    assert!(code == 3 && said.contains("row 1, simulated: \"maybe\" is neither 1 nor 0"), "{said}");
    assert_eq!(count(&path), 2);

    let real = folder.path().join("real.hilum-cohort");
    assert_eq!(hilum(&["cohort", "init", text(&real), "--name", "Real"]).0, 0);
    assert_eq!(import(&real, "patient,sex\nc,m\n").0, 0);
    let (code, said) = import(&real, &rows);
    assert!(code == 3 && said.contains("these patients are simulated and those of the cohort are not"), "{said}");
    assert!(count(&real) == 1 && !about(&real).simulated);
    assert_eq!(hilum(&["cohort", "export", text(&real), "-o", text(&csv), "--overwrite"]).0, 0);
    assert!(!std::fs::read_to_string(&csv).expect("read").contains("simulated"), "observed patients need no label");

    // A change of one patient is none of the label.
    let mut store = CohortStore::open(&path).expect("opens");
    let before = store.patients().expect("read").remove(0);
    let after = before.edited(&[("age_years".to_owned(), "60".to_owned())].into()).expect("a number");
    assert!(before.simulated && after.simulated);
    store.replace(&before, &after).expect("it is as it was");
    assert_eq!(store.patients().expect("read")[0], after);
}

#[test]
fn a_column_that_stands_there_twice_is_refused() {
    let (folder, path) = cohort();
    for (header, column) in [("patient,sex,Sex", "Sex"), ("patient,note,note", "note"), ("patient,died, DIED", "DIED")]
    {
        let csv = table(folder.path(), &format!("{header}\na,1,0\n"));
        let (code, _, error) = hilum(&["cohort", "import", text(&path), text(&csv)]);
        assert!(code == 3 && error.contains(&format!("row 0, {column}: the column stands there twice")), "{error}");
    }
    // Columns without a name, as spreadsheets leave them behind, are none.
    let csv = table(folder.path(), "patient,sex,,\na,m,,\n");
    assert_eq!(hilum(&["cohort", "import", text(&path), text(&csv)]).0, 0);
    assert_eq!(count(&path), 1);
}

#[test]
fn no_result_takes_the_place_of_a_cohort_or_of_the_table_that_it_comes_from() {
    let (folder, path) = cohort();
    let csv = table(folder.path(), &many(9));
    assert_eq!(hilum(&["cohort", "import", text(&path), text(&csv)]).0, 0);
    let (a, t) = (text(&path), text(&csv));
    let survival = ["--time", "follow_up_months", "--event", "died", "--overwrite"];
    let commands = [
        vec!["cohort", "export", a, "-o", a, "--overwrite"],
        vec!["cohort", "template", "-o", a, "--overwrite"],
        vec!["cohort", "compute", a, "--csv", a, "--overwrite"],
        vec!["cohort", "map", a, "--csv", a, "--overwrite"],
        [&["survival", t, "--csv", a][..], &survival].concat(),
        [&["survival", t, "--csv", t][..], &survival].concat(),
    ];
    let before = std::fs::read(&csv).expect("read");
    for command in commands {
        let (code, out, error) = hilum(&command);
        assert!(code == 1 && error.contains("choose another name"), "{command:?}: {code} {out} {error}");
    }
    assert_eq!((count(&path), std::fs::read(&csv).expect("read")), (9, before));
}

#[test]
fn the_map_is_written_as_figures_and_table_with_cohort_center_and_day() {
    let (folder, path) = cohort();
    let rows = "patient,center,recurred,recurrence_stations\na,North & Co,1,4R; 7\nb,South,1,4R\nc,South,0,\n";
    let (code, _, error) = hilum(&["cohort", "import", text(&path), text(&table(folder.path(), rows))]);
    assert_eq!(code, 0, "{error}");
    let files = ["map.svg", "map.png", "map.csv"].map(|name| folder.path().join(name));
    let [svg, png, csv] = files.each_ref().map(|file| text(file));
    let args = ["cohort", "map", text(&path), "--share-of", "all", "--svg", svg, "--png", png, "--csv", csv];
    let (code, _, error) = hilum(&args);
    assert_eq!((code, error.as_str()), (0, ""));

    let figure = std::fs::read_to_string(svg).expect("written");
    assert!(figure.starts_with("<svg ") && figure.ends_with("</svg>\n"));
    assert_eq!(figure.matches("<title>").count(), Station::COUNT);
    for words in ["Lungs", "North &amp; Co, South", ">2/3<", ">66.7 %<", "Drawn on 20", hilum::RESEARCH_ONLY] {
        assert!(figure.contains(words), "{words} is missing");
    }
    let picture = image::open(png).expect("a picture").to_rgb8();
    assert!(picture.width() == 1280 && picture.height() > 1280, "{:?}", picture.dimensions());
    // The field of 4R is the darkest, that of 7 lighter, and one without a recurrence nearly white. Over the drawing stand
    // five lines.
    let at = |x: f64, y: f64| picture.get_pixel((x * 10.0) as u32, ((y + 2.9 * 5.8) * 10.0) as u32).0;
    let [most, less, none] = [at(32.5, 44.0), at(43.5, 71.0), at(11.9, 73.0)];
    assert_eq!((most, none), ([230, 140, 20], [250; 3]));
    assert!(less[2] > most[2] && less[2] < none[2], "{less:?}");

    let shares = std::fs::read_to_string(csv).expect("written");
    assert!(shares.contains("# Centers: North & Co, South\n"), "{shares}");
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(shares.as_bytes());
    assert_eq!(reader.headers().expect("a header"), vec!["station", "name", "k", "n", "share", "lower", "upper"]);
    let rows: Vec<csv::StringRecord> = reader.records().map(|r| r.expect("a row")).collect();
    let paratracheal = rows.iter().find(|r| &r[0] == "4R").expect("a row of 4R");
    // statsmodels 0.15.0, proportion_confint(2, 3, method="wilson"): (0.207660, 0.938508)
    assert_eq!((&paratracheal[2], &paratracheal[3], rows.len()), ("2", "3", Station::COUNT));
    let near = |text: &str, value: f64| (text.parse::<f64>().expect("a number") - value).abs() < 5e-6;
    assert!(near(&paratracheal[5], 0.207_660) && near(&paratracheal[6], 0.938_508), "{paratracheal:?}");

    let (code, _, error) = hilum(&args);
    assert!(code == 1 && error.contains("--overwrite"), "{code} {error}");
}
