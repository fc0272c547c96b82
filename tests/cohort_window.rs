//! The Cohort workspace in the window: found by accessible names, driven by pointer and keys.

use crate::support::bench::made_case;
use crate::support::window::{Start, Window};
use eframe::egui::accesskit::Role as Kind;
use eframe::egui::{DroppedFile, Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use hilum::cohort::{
    CohortAbout, CohortStore, Column, Denominator, ImportRequest, PatientRecord, PublishedRecurrence, RecurrenceMap,
    Sheet, import_table,
};
use hilum::contour::{Ring, SliceContours};
use hilum::structures::{Provenance, Roi, RoiId, Role, Station};
use hilum::words::{Language, speak};
use hilum::workbench::cohort::CohortCommand;
use hilum::workbench::{Command, PreferenceCommand, Workspace};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use strum::IntoEnumIterator as _;

/// Rows of so many patients: half of them recurred, every third died, some things are missing.
fn rows(count: usize) -> String {
    let mut rows =
        "patient,center,sex,age_years,t_stage,smoking_index,initial_stations,follow_up_months,died,recurred,\
                    recurrence_months,recurrence_stations,histology\n"
            .to_owned();
    let all: Vec<Station> = Station::all().collect();
    for n in 0..count {
        let recurred = n % 2 == 0;
        let follow_up = 6.0 + ((n * 37) % 540) as f64 / 10.0;
        let (months, stations) = if recurred {
            let first = all[(n * 7) % 16];
            let second = if n % 4 == 0 { "; 10R" } else { "" };
            (format!("{:.1}", follow_up * (0.3 + (n % 7) as f64 / 12.0)), format!("{first}{second}"))
        } else {
            Default::default()
        };
        let age = if n % 11 == 0 { String::new() } else { (44 + (n * 13) % 40).to_string() };
        let known = if n % 17 == 3 { "" } else { ["0", "1"][usize::from(recurred)] };
        let (months, stations) = if known.is_empty() { Default::default() } else { (months, stations) };
        let _infallible = writeln!(
            rows,
            "p{n},{},{},{age},T{},{},{}; 7,{follow_up},{},{known},{months},{stations},{}",
            ["north", "south"][n % 2],
            ["m", "f"][(n / 2) % 2],
            1 + n % 4,
            (n * 53) % 1200,
            all[(n * 5) % 16],
            u8::from(n % 3 == 0),
            ["small cell", "combined"][n % 5 / 4],
        );
    }
    rows
}

/// A cohort of so many patients.
fn cohort(folder: &Path, count: usize, simulated: bool) -> PathBuf {
    let (path, table) = (folder.join("lungs.hilum-cohort"), folder.join("patients.csv"));
    let mut rows = rows(count);
    if simulated {
        rows =
            rows.replacen('\n', ",simulated\n", 1).replace("combined\n", "combined,1\n").replace("cell\n", "cell,1\n");
    }
    std::fs::write(&table, rows).expect("written");
    let about = CohortAbout { name: "Lungs 2019 to 2023".into(), simulated };
    let mut store = CohortStore::create(&path, &about).expect("made");
    import_table(&mut store, &ImportRequest { table, ..Default::default() }).expect("imported");
    path
}

/// Pages as they are seen, to be looked at.
fn pictures(w: &mut Window, name: &str) {
    for page in ["Recurrence map", "Patients", "Survival curves"] {
        w.click(page);
        w.picture(&format!("{name}_{page}"));
    }
}

fn window(path: &Path, start: Start) -> Window {
    // For pictures that are looked at: `HILUM_PICTURES=folder`.
    let gpu = std::env::var_os("HILUM_PICTURES").is_some();
    let mut w = Window::open(Start { gpu, ..start });
    w.send(Command::SetWorkspace(Workspace::Cohort)).send(Command::Cohort(CohortCommand::Open(path.to_owned())));
    w
}

fn on_disk(path: &Path) -> Vec<PatientRecord> {
    CohortStore::open(path).and_then(|store| store.patients()).expect("whole")
}

/// What a field of text holds.
fn type_into(w: &mut Window, field: &str, text: &str) {
    w.harness.get_by_label(field).focus();
    w.settle();
    w.key(Modifiers::COMMAND, Key::A).type_text(text);
}

#[test]
fn a_cohort_is_made_filled_from_a_table_and_its_wrong_cells_are_listed() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (path, wrong, right) =
        (folder.path().join("new"), folder.path().join("wrong.csv"), folder.path().join("right.csv"));
    std::fs::write(&wrong, "patient,age_years\na,50\nb,old\n").expect("written");
    std::fs::write(&right, rows(30)).expect("written");
    let answers = vec![Some(folder.path().join("template.csv")), Some(path.clone()), Some(wrong), Some(right)];
    let mut w = Window::open(Start { answers, ..Start::default() });
    w.click("Cohort").click("Patients");
    assert!(w.says("Patients of your own") && w.says("recurrence_stations"), "how to begin");
    w.click("Save a template…");
    assert!(folder.path().join("template.csv").exists());
    w.click("New cohort…");
    w.harness.get_by_label("Name of the new cohort").focus();
    w.settle();
    w.type_text("Lungs").click("Choose its file…");
    let path = path.with_extension("hilum-cohort");
    assert!(path.exists() && w.has("Lungs") && w.says("No patients yet"), "{}", w.all_text());

    w.click("Import…").click("Choose table…").click("Import");
    assert!(w.says("One cell cannot be used, and nothing was imported"));
    assert!(w.says("Row 2, Age: \"old\" is no number from 0 to 120"), "{}", w.all_text());
    assert!(on_disk(&path).is_empty());
    w.click("Choose table…").click("Import");
    assert!(w.says("30 of 30") && !w.has("Import patients from a table") && !w.says("Row 2, Age"), "{}", w.all_text());
    assert_eq!(on_disk(&path).len(), 30);
}

#[test]
fn patients_are_found_sorted_changed_and_taken_back() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = cohort(folder.path(), 40, true);
    let mut w = window(&path, Start { size: Some([1600.0, 1000.0]), ..Start::default() });
    w.click("Patients");
    assert!(w.has("Simulated, not observed") && w.says("Research and education only"));
    assert!(w.has("Row of p3") && w.says("Table of patients, 40 rows"));
    assert!(w.says("Distribution of Age:") && w.says("missing: 4"), "{}", w.all_text());
    w.click("Sort by Smoking index");
    assert!(w.says("Distribution of Smoking index:"), "the sorted column is shown");
    type_into(&mut w, "Search patients", "p39");
    assert!(w.says("1 of 40") && w.has("Row of p39") && !w.has("Row of p3"));
    w.click("Show all");
    w.click("Which patients are shown");
    w.click("Recurrence unknown");
    assert!(w.says("3 of 40") && w.has("Row of p3") && w.has("Row of p20"), "{}", w.all_text());
    w.click("Show all");

    w.click("Row of p5");
    assert!(w.has("Age of the patient") && w.has("Died: no"));
    type_into(&mut w, "Age of the patient", "old");
    w.click("Died: yes").click("Save patient");
    assert!(w.says("\"old\" is no number") && on_disk(&path)[5].outcome.died == Some(false), "nothing by halves");
    type_into(&mut w, "Age of the patient", "77");
    w.click("Row of p6");
    assert!(w.says("1 other patients have changes that are not saved"));
    w.click("Row of p5").key(Modifiers::COMMAND, Key::Enter);
    let saved = &on_disk(&path)[5];
    assert_eq!((saved.clinical.age_years, saved.outcome.died), (Some(77.0), Some(true)));
    assert!(!w.says("not saved") && !w.says("is no number"), "{}", w.all_text());
    w.click("Take back the change of p5");
    assert_eq!(on_disk(&path)[5].outcome.died, Some(false));
    w.picture("cohort_patients");
}

#[test]
fn the_table_is_walked_with_keys_and_the_case_opens_in_review() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = cohort(folder.path(), 300, false);
    let mut w = window(&path, Start::default());
    w.click("Patients").click("Row of p0");
    for _ in 0..3 {
        w.key(Modifiers::NONE, Key::ArrowDown);
    }
    assert!(w.has("p3"), "the selected patient is shown beside the table: {}", w.all_text());
    w.key(Modifiers::NONE, Key::End);
    assert!(w.has("Row of p299"), "it follows");
    w.key(Modifiers::NONE, Key::ArrowDown).key(Modifiers::NONE, Key::PageUp).key(Modifiers::NONE, Key::Home);
    assert!(w.has("Row of p0") && !w.has("Row of p299"));
    // A patient without a case opens nothing.
    w.key(Modifiers::NONE, Key::Enter);
    assert_eq!(w.workbench().view.workspace, Workspace::Cohort);
    w.key(Modifiers::COMMAND, Key::PageDown);
    assert!(w.says("Without the event: ") && !w.has("Row of p0"));
    w.key(Modifiers::COMMAND, Key::PageUp);
    assert!(w.has("Row of p0"));

    let patients = on_disk(&path);
    let case = folder.path().join("case of p0");
    let grid = hilum::geometry::VoxelGrid::axial(glam::DVec3::ZERO, [2.0, 2.0, 3.0], [16, 16, 6]).expect("a grid");
    let volume = hilum::image::CtVolume::new(std::sync::Arc::new(grid.clone()), ndarray::Array3::zeros(grid.shape()));
    let meta = hilum::dicom::CtMeta::synthetic("Cohort", 1, 6);
    std::fs::create_dir(&case).expect("made");
    hilum::dicom::write_ct_series(&volume, &meta, &case, &hilum::progress::Silent).expect("written");
    let after = PatientRecord { case: Some(case), ..patients[0].clone() };
    CohortStore::open(&path).and_then(|mut store| store.replace(&patients[0], &after)).expect("changed");
    w.send(Command::Cohort(CohortCommand::Reload));
    w.click("Row of p0").key(Modifiers::NONE, Key::Enter);
    assert!(w.workbench().case().is_some() && w.workbench().view.workspace == Workspace::Review);
}

#[test]
fn the_map_of_a_cohort_stands_beside_the_publication_with_the_difference_tested() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = cohort(folder.path(), 200, false);
    let mut w = window(&path, Start { size: Some([1600.0, 1000.0]), ..Start::default() });
    let patients = on_disk(&path);
    let known = patients.iter().filter(|p| p.outcome.recurred.is_some()).count();
    let in_10r = patients.iter().filter(|p| p.outcome.recurrence_stations.contains(&Station::S10R)).count();
    assert!(!w.says("What does not add up"), "nothing of the publication");
    w.click(&format!("{known} patients in all"));
    assert!(w.has(&format!("Station 10R: {in_10r} of {known}")), "{}", w.all_text());
    let involved = patients.iter().filter(|p| p.outcome.recurred.is_some());
    let involved = involved.filter(|p| p.initial_stations.contains(&Station::S10R)).count();
    w.click("Patients with disease in the station");
    assert!(
        w.says(&format!("of {involved}")) && w.says(&format!("From 10R ({involved} patients):")),
        "{}",
        w.all_text()
    );
    w.click(&format!("{known} patients in all")).click("Beside: Publication");
    assert!(w.has("Station 10R: 50 of 180") && w.has(&format!("Station 10R: {in_10r} of {known}")));
    assert!(w.says("Fisher's exact test") && w.has("p (Holm)") && w.says("What does not add up"));
    w.picture("cohort_beside");
    w.click(&format!("{} recurrences", w.workbench().cohort().open().expect("open").observed.events));
    assert!(w.says("Not tested") && w.has("not tested"));
    w.click("The publication");
    assert!(w.says("170 recurrences over 16 stations") && !w.has("Beside: Publication"));
}

#[test]
fn survival_shows_curves_tests_and_hazards_and_is_exported() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = cohort(folder.path(), 200, true);
    let svg = folder.path().join("figure.svg");
    let answers = vec![Some(svg.clone())];
    let mut w = window(&path, Start { answers, size: Some([1600.0, 1000.0]), ..Start::default() });
    w.click("Survival curves");
    let question = hilum::workbench::cohort::SurvivalChoice::default().question();
    let expected = hilum::studies::survival::survival(&Sheet::of_patients(&on_disk(&path)), &question).expect("curves");
    assert!(w.says(&format!("{} patients, {} events", expected.patients, expected.events)), "{}", w.all_text());
    w.click("Column whose groups are compared").click("Sex");
    assert!(w.says("Log-rank test: p") && w.says("Male:") && w.says("Without the event: "), "{}", w.all_text());
    w.click("Age as a covariate").click("Sex as a covariate");
    assert!(w.says("Hazard ratios (proportional hazards") && w.has("1 (reference)"), "{}", w.all_text());
    w.click("Freedom from recurrence");
    assert!(w.says("Cumulative incidence of recurrence") && w.says("With a recurrence: "));
    w.picture("cohort_survival");
    w.click("Figure (SVG)");
    let svg = std::fs::read_to_string(svg).expect("written");
    assert!(svg.contains("Without recurred") && svg.contains("Simulated, not observed"), "{svg}");
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|e| e.to_string())
    }
}

#[test]
fn tables_and_cohorts_can_be_dropped_on_the_workspace() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = cohort(folder.path(), 12, false);
    let more = folder.path().join("more.csv");
    std::fs::write(&more, rows(14).replace("\np", "\nq")).expect("written");
    let mut w = Window::open(Start::default());
    w.send(Command::SetWorkspace(Workspace::Cohort));
    let drop = |w: &mut Window, path: &Path| {
        w.harness.input_mut().dropped_files.push(std::sync::Arc::new(Dropped(path.to_owned())));
        w.settle();
    };
    drop(&mut w, &more);
    assert!(w.says("A table waits to be imported"), "{}", w.all_text());
    drop(&mut w, &path);
    w.click("Import");
    assert!(
        w.says("26 of 26") && w.workbench().cohort().open().expect("open").patients.len() == 26,
        "{}",
        w.all_text()
    );
    w.send(Command::SetWorkspace(Workspace::Review));
    drop(&mut w, &more);
    assert!(w.workbench().notices().all().last().is_some_and(|n| n.summary == "The case could not be opened"));
}

#[test]
fn small_windows_have_room_for_all_pages() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = cohort(folder.path(), 120, false);
    let settings_path = Some(folder.path().join("settings.toml"));
    let mut w = window(&path, Start { size: Some([1100.0, 760.0]), settings_path, ..Start::default() });
    w.click("Patients").click("Row of p4").click("Survival curves");
    w.click("Column whose groups are compared").click("Center").click("Age as a covariate");
    pictures(&mut w, "cohort_small");
    w.send(Command::Cohort(CohortCommand::Close));
    w.click("Patients").picture("cohort_small_empty");
    assert!(w.says("Patients of your own") && w.says("Opened before"));
}

#[test]
fn hidden_identifiers_hide_patients_cases_and_what_was_typed() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = cohort(folder.path(), 30, false);
    let mut w = window(&path, Start::default());
    w.click("Patients").click("Row of p4");
    w.send(Command::Cohort(CohortCommand::Edit {
        patient: "p4".into(),
        cells: [("age_years".into(), "Doe".into())].into(),
    }));
    assert!(w.says("\"Doe\" is no number"));
    w.send(Command::SetIdentifiersHidden(true));
    let check = |w: &Window| {
        let text = w.all_text();
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
        for secret in ["p4", "Doe", "north", "Lungs", "small", "lungs"] {
            assert!(!words.contains(&secret), "{secret}: {text}");
        }
    };
    check(&w);
    assert!(w.has("Row of Patient 5"));
    w.click("Survival curves").click("Column whose groups are compared").click("Center");
    w.click("Center as a covariate").click("histology as a covariate");
    assert!(w.says("Group 1:") && w.says("Center: Group 1"), "{}", w.all_text());
    check(&w);
}

#[test]
fn the_cohort_in_chinese_has_no_english_left() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = cohort(folder.path(), 40, true);
    let mut w = window(&path, Start { size: Some([1600.0, 1000.0]), ..Start::default() });
    w.send(Command::Preference(PreferenceCommand::SetLanguage(Language::Chinese)));
    w.send(Command::SetIdentifiersHidden(true));
    let stay = "Hilum CT CTV GTV CSV SVG NA Wilson Fisher Holm Newcombe Kaplan Meier Efron Peto Prentice Harrell Brinkman Review AUC ROC Brier PPV NPV MCC Nogueira rho `hilum train risk` \
                Ctrl Enter Page Down initial_stations";
    let columns: Vec<&str> = Column::iter().map(Column::name).collect();
    let mut wrong = Vec::new();
    let pages = ["复发图", "患者列表", "生存曲线", "风险模型"];
    for page in pages {
        w.harness.get_all_by_label(page).next().expect("a page").click();
        w.settle();
        if page == "患者列表" {
            w.click("患者 3 所在行");
        }
        for line in w.all_text().lines() {
            let words = line.split(|c: char| !(c.is_ascii_alphabetic() || c == '_')).filter(|w| w.len() > 2);
            let foreign: Vec<&str> =
                words.filter(|w| !stay.contains(w) && !columns.contains(w) && *w != "histology").collect();
            if !foreign.is_empty() && !line.starts_with("Resize") {
                wrong.push(format!("{page}: {line} {foreign:?}"));
            }
        }
    }
    speak(Language::English);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_risk_model_shows_both_procedures_and_noise_teaches() {
    let mut w = Window::open(Start { size: Some([1600.0, 1000.0]), ..Start::default() });
    w.send(Command::SetWorkspace(Workspace::Cohort));
    w.click("Risk model");
    assert!(w.says("simulated patients") && w.says("Research and education only"), "{}", w.all_text());
    assert!(w.says("As the paper, held-out patients") && w.has("ROC with its 95 % band") && w.has("Decision curve"));
    assert!(w.says("Tumor of 5 cm or more") && w.says("Older than 60 years"));
    assert!(!w.says("Last draw"));
    w.activate("Draw noise and judge");
    let lesson = *w.workbench().lessons().first().expect("drawn");
    assert!(w.says(&format!("Last draw: {:.2} inside the folds", lesson.nested)) && w.has("AUC on pure noise"));
}

#[test]
fn a_map_is_shown_on_the_stations_of_the_open_patient_and_taken_away() {
    let mut w = Window::open(Start { size: Some([1600.0, 1000.0]), ..Start::default() });
    w.send(Command::SetWorkspace(Workspace::Cohort));
    w.send(Command::ProjectMap(Some(Box::new(published()))));
    assert!(w.workbench().projection().is_none(), "there are no stations");
    let mut station = Roi::new(RoiId(0), "10R", [1, 2, 3], Role::Station(Station::S10R), Provenance::Drawn);
    let ring = Ring::new([[10.0, 10.0], [50.0, 10.0], [50.0, 50.0], [10.0, 50.0]]);
    station.slices.insert(5, Arc::new(SliceContours::new(vec![ring])));
    let gtv = Roi::new(RoiId(0), "GTVp", [1, 2, 3], Role::Gtvp, Provenance::Drawn);
    let mut w = Window::with_case(
        made_case(|_| 30, vec![station, gtv]),
        Start { size: Some([1600.0, 1000.0]), ..Start::default() },
    );
    w.send(Command::SetWorkspace(Workspace::Cohort)).activate("Show on the open patient");
    assert_eq!(w.workbench().view.workspace, Workspace::Review);
    assert_eq!(w.workbench().projection().map(|map| map.get(Station::S10R).k), Some(50));
    assert!(w.says("Where others recurred") && w.says("50/170"), "{}", w.all_text());
    w.activate("Take the map away");
    assert!(w.workbench().projection().is_none() && !w.says("Where others recurred"));
}

fn published() -> RecurrenceMap {
    PublishedRecurrence::built_in().map(Denominator::Events, 0.95).expect("published")
}

/// `cargo test --release ... -- --ignored --nocapture how_long_a_frame`: told, not judged.
#[test]
#[ignore = "tells times, proves nothing"]
fn how_long_a_frame_of_ten_thousand_patients_takes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = cohort(folder.path(), 10_000, false);
    let mut w = window(&path, Start { size: Some([1600.0, 1000.0]), ..Start::default() });
    for page in ["Recurrence map", "Survival curves", "Patients"] {
        w.harness.get_by_role_and_label(Kind::Button, page).click();
        w.harness.run_steps(5);
        let start = std::time::Instant::now();
        w.harness.run_steps(60);
        println!("{page}: {:.1} ms a frame", 1000.0 * start.elapsed().as_secs_f64() / 60.0);
    }
    let start = std::time::Instant::now();
    w.harness.get_by_label("Sort by Age").click();
    w.harness.run_steps(2);
    println!("sort and two frames: {:.1} ms", 1000.0 * start.elapsed().as_secs_f64());
}
