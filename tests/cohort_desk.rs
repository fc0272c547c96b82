//! The cohort desk without a window: whatever the store refuses is told and nothing is lost, what is computed is kept and is the
//! same as on the command line, and the table of many patients shows the right rows.

use hilum::cohort::{
    CohortAbout, CohortStore, Column, Denominator, ImportRequest, PatientRecord, StoredFeatures, source_with,
};
use hilum::features::catalogue;
use hilum::structures::Station;
use hilum::workbench::cohort::{
    Beside, CohortCommand, CohortExport, ComputeOptions, Endpoint, FeatureState, OpenCohort, PatientTable, RowFilter,
    SurvivalChoice, TableColumn, TableQuery, covariates, definition, groups,
};
use hilum::workbench::jobs::{JobKey, JobMode};
use hilum::workbench::{Command, Notice, Severity, Workbench};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn hilum(args: &[&str]) {
    let out = assert_cmd::Command::cargo_bin("hilum").expect("built").args(args).output().expect("it starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A desk with an empty cohort, in a folder of its own.
struct Desk {
    folder: tempfile::TempDir,
    workbench: Workbench,
}

impl Desk {
    fn new(mode: JobMode) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let settings = Some(folder.path().join("settings.toml"));
        let mut desk = Self { workbench: Workbench::new(mode, settings), folder };
        let path = desk.path("a.hilum-cohort");
        desk.ask(CohortCommand::New { path, name: "Lungs".into() });
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Asks and takes in what comes of it.
    fn ask(&mut self, command: CohortCommand) {
        self.workbench.execute(Command::Cohort(command));
        self.workbench.poll();
    }

    fn import(&mut self, rows: &str, update: bool) {
        let table = self.path("t.csv");
        std::fs::write(&table, rows).expect("written");
        let cases = Some(self.path("cases"));
        self.ask(CohortCommand::Import(ImportRequest { table, cases, update }));
    }

    fn edit(&mut self, patient: &str, cells: &[(&str, &str)]) {
        let cells = cells.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        self.ask(CohortCommand::Edit { patient: patient.into(), cells });
    }

    fn open(&self) -> &OpenCohort {
        self.workbench.cohort().open().expect("a cohort is open")
    }

    fn patient(&self, id: &str) -> &PatientRecord {
        &self.open().patients[self.open().row(id).expect("there")]
    }

    fn on_disk(&self) -> Vec<PatientRecord> {
        CohortStore::open(&self.path("a.hilum-cohort")).and_then(|store| store.patients()).expect("whole")
    }

    fn last(&self) -> &Notice {
        self.workbench.notices().all().last().expect("something is told")
    }

    fn told(&self) -> String {
        format!("{}\n{}", self.last().summary, self.last().details.join("\n"))
    }
}

const ROWS: &str = "\
patient,sex,age_years,follow_up_months,died,recurred,recurrence_months,recurrence_stations,initial_stations,clinic
p1,m,61,30,1,1,12,10R,10R,north
p2,f,50,40.5,0,0,,,7,south
p10,m,,20,1,,,,10R; 4R,north
";

#[test]
fn patients_are_imported_edited_and_taken_back_and_the_disk_has_the_same() {
    let mut desk = Desk::new(JobMode::Inline);
    assert!(desk.open().patients.is_empty() && desk.open().about.name == "Lungs");
    desk.import(ROWS, false);
    assert!(desk.told().contains("Patients added: 3, changed: 0") && desk.told().contains("clinic"), "{}", desk.told());
    assert_eq!(*desk.open().patients, desk.on_disk());
    assert_eq!(desk.open().observed.map(Denominator::Involved, 0.95).get(Station::S10R).n, 1, "p10 is unknown");

    desk.edit("p10", &[("age_years", "70"), ("recurred", "1"), ("recurrence_months", "5"), ("clinic", "east")]);
    assert_eq!(desk.patient("p10").clinical.age_years, Some(70.0));
    assert_eq!(desk.patient("p10").extra["clinic"], "east");
    assert_eq!(*desk.open().patients, desk.on_disk());
    assert_eq!((desk.open().observed.recurring, desk.workbench.cohort().last_changed()), (2, Some("p10")));
    let column = desk.open().table.column(&TableColumn::Known(Column::Age)).expect("there");
    assert_eq!(desk.open().table.cell(2, column), "70");

    // Wrong cells are told by column, and nothing is changed.
    let before = desk.on_disk();
    desk.edit("p10", &[("age_years", "old"), ("recurrence_months", "90")]);
    let refused: Vec<&str> = desk.workbench.cohort().refused("p10").iter().map(|p| p.column.as_str()).collect();
    assert_eq!(refused, ["age_years", "recurrence_months"], "all that is wrong");
    desk.edit("p10", &[("recurrence_months", "90")]);
    assert!(desk.workbench.cohort().refused("p10")[0].reason.contains("after the end of follow-up"));
    assert!(desk.workbench.cohort().refused("p1").is_empty());
    assert_eq!(desk.on_disk(), before);

    desk.ask(CohortCommand::TakeBack);
    assert_eq!((desk.patient("p10").clinical.age_years, desk.workbench.cohort().last_changed()), (None, None));
    assert_eq!(*desk.open().patients, desk.on_disk());
    assert_eq!(desk.workbench.recent_cohorts(), [desk.path("a.hilum-cohort")]);
}

#[test]
fn what_the_store_refuses_is_told_and_nothing_is_lost() {
    let mut desk = Desk::new(JobMode::Inline);
    let path = desk.path("a.hilum-cohort");
    desk.import("patient,age_years\na,50\nb,old\na,60\n", false);
    let problems: Vec<String> = desk.workbench.cohort().problems().iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("row 2, age_years:") && problems[1].starts_with("row 3, patient:"), "{problems:?}");
    assert!(desk.on_disk().is_empty());
    desk.import(ROWS, false);
    assert!(desk.workbench.cohort().problems().is_empty(), "another table, another list");
    desk.import(ROWS, false);
    assert!(desk.told().contains("In the cohort already: 3") && !desk.told().contains("--"), "{}", desk.told());
    desk.import(&ROWS.replace("p2,f,50", "p2,f,51"), true);
    assert_eq!(desk.patient("p2").clinical.age_years, Some(51.0));
    desk.ask(CohortCommand::Import(ImportRequest { table: desk.path("nothing.csv"), ..Default::default() }));
    assert!(desk.last().severity == Severity::Error && desk.last().files == [desk.path("nothing.csv")]);

    // Another program has changed the patient whose cells are typed here.
    let mut other = CohortStore::open(&path).expect("opens");
    let now = other.patients().expect("read")[1].clone();
    let older = now.edited(&BTreeMap::from([("age_years".into(), "77".into())])).expect("can be");
    other.replace(&now, &older).expect("changed");
    desk.edit("p2", &[("age_years", "20")]);
    assert!(desk.told().contains("another program has changed this patient"), "{}", desk.told());
    assert_eq!(desk.on_disk()[1].clinical.age_years, Some(77.0));
    desk.ask(CohortCommand::Reload);
    assert_eq!(desk.patient("p2").clinical.age_years, Some(77.0));

    // Somebody writes and does not end.
    let held = Connection::open(&path).expect("opens");
    held.execute_batch("BEGIN IMMEDIATE").expect("held");
    desk.edit("p2", &[("age_years", "20")]);
    assert!(desk.told().contains("another program works on this cohort"), "{}", desk.told());
    assert_eq!(desk.patient("p2").clinical.age_years, Some(77.0), "what is shown is what is kept");
    held.execute_batch("ROLLBACK").expect("let go");

    // A file that is no cohort, or one of a newer version, leaves the open one where it is.
    let text_file = desk.path("notes.txt");
    std::fs::write(&text_file, "no cohort at all ".repeat(100)).expect("written");
    desk.ask(CohortCommand::Open(text_file.clone()));
    assert!(desk.told().contains("no cohort of Hilum") && desk.last().files == [text_file], "{}", desk.told());
    assert_eq!(desk.open().path, path);
    held.pragma_update(None, "user_version", 99).expect("set");
    desk.ask(CohortCommand::Reload);
    assert!(desk.told().contains("a newer version of Hilum made this cohort"), "{}", desk.told());
    held.pragma_update(None, "user_version", 1).expect("set");
    drop((held, other));
    let mut bytes = std::fs::read(&path).expect("read");
    let end = bytes.len();
    bytes[4096..end.min(12_288)].fill(0x5a);
    std::fs::write(desk.path("damaged"), bytes).expect("written");
    desk.ask(CohortCommand::Open(desk.path("damaged")));
    assert!(desk.told().contains("this cohort is damaged"), "{}", desk.told());
    assert_eq!(desk.open().patients.len(), 3);
    desk.ask(CohortCommand::Close);
    assert!(desk.workbench.cohort().open().is_none());
    desk.edit("p2", &[]);
    assert!(desk.told().contains("Open a cohort first"));
}

#[test]
fn features_are_out_of_date_as_soon_as_clinical_values_are_others() {
    let mut desk = Desk::new(JobMode::Inline);
    desk.import(ROWS, false);
    let path = desk.path("a.hilum-cohort");
    for id in ["p1", "p2"] {
        let source = source_with("a case", &desk.patient(id).clinical);
        let values = Ok(vec![Some(1.0); catalogue().len()]);
        let features = StoredFeatures { source, definition: definition(), values };
        CohortStore::open(&path).and_then(|mut store| store.keep_features(id, &features)).expect("kept");
    }
    desk.ask(CohortCommand::Reload);
    let state = |desk: &Desk, id: &str| {
        let open = desk.open();
        open.table.state(open.row(id).expect("there"), &open.features).clone()
    };
    // As the store tells it, and so the training and the map.
    let stored = |id: &str| {
        let store = CohortStore::open(&path).expect("opens");
        let (computed, features) = (store.computed().expect("read"), store.features().expect("read"));
        assert_eq!(computed[id].0, features[id].definition);
        computed[id].0 == definition()
    };
    assert_eq!((state(&desk, "p1"), state(&desk, "p2")), (FeatureState::Computed, FeatureState::Computed));

    desk.edit("p1", &[("follow_up_months", "31")]);
    assert!(state(&desk, "p1") == FeatureState::Computed && stored("p1"), "features do not follow from outcomes");
    desk.edit("p1", &[("age_years", "62")]);
    assert!(state(&desk, "p1") == FeatureState::Outdated && !stored("p1"), "at once");
    let open = desk.open();
    let rows = |filter| open.table.rows(&TableQuery { filter, ..Default::default() }, &open.features);
    assert_eq!((rows(RowFilter::Computed), rows(RowFilter::NotComputed)), (vec![1], vec![0]));
    let column = open.table.column(&TableColumn::Features).expect("there");
    let first = TableQuery { sort: Some((column, false)), ..Default::default() };
    assert_eq!(open.table.rows(&first, &open.features)[0], 0, "before those that wait, or have no case");
    let bars = open.table.histogram(&[0, 1], column, &open.features).expect("few").bars;
    assert_eq!(bars.iter().map(|bar| bar.count).collect::<Vec<_>>(), [1, 1]);

    desk.ask(CohortCommand::Reload);
    assert_eq!(state(&desk, "p1"), FeatureState::Outdated, "also when it is read again");
    desk.edit("p2", &[("sex", "m")]);
    assert!(state(&desk, "p2") == FeatureState::Outdated && !stored("p2"));
    desk.ask(CohortCommand::TakeBack);
    assert!(state(&desk, "p2") == FeatureState::Computed && stored("p2"), "they are of these values again");
    desk.import(&ROWS.replace("p2,f,50", "p2,f,51"), true);
    assert!(state(&desk, "p2") == FeatureState::Outdated && !stored("p2"), "an import changes them as well");
}

#[test]
fn tables_figures_and_copies_are_written_and_no_file_is_replaced_unasked() {
    let mut desk = Desk::new(JobMode::Inline);
    desk.import(ROWS, false);
    let export = |desk: &mut Desk, name: &str, what| {
        let path = desk.path(name);
        desk.ask(CohortCommand::Export { path: path.clone(), what, overwrite: false });
        path
    };
    let table = export(&mut desk, "again.csv", CohortExport::Patients);
    assert!(std::fs::read_to_string(&table).expect("written").contains("p2,,,female,50"));
    export(&mut desk, "again.csv", CohortExport::Patients);
    assert!(desk.told().contains("a file of this name exists"), "{}", desk.told());
    let copy = export(&mut desk, "copy.hilum-cohort", CohortExport::Copy);
    let copied = CohortStore::open(&copy).and_then(|store| store.patients()).expect("whole");
    assert_eq!(copied, *desk.open().patients);
    let path = desk.path("a.hilum-cohort");
    desk.ask(CohortCommand::Export { path, what: CohortExport::Patients, overwrite: true });
    assert_eq!(desk.on_disk().len(), 3, "the cohort is never replaced by a table: {}", desk.told());
    desk.ask(CohortCommand::Template { path: desk.path("template.csv"), overwrite: false });
    let template = std::fs::read_to_string(desk.path("template.csv")).expect("written");
    assert!(template.starts_with("patient,case,center,sex"), "{template}");

    export(&mut desk, "none.svg", CohortExport::SurvivalSvg);
    assert!(desk.told().contains("no curves"));
    let choice =
        SurvivalChoice { endpoint: Endpoint::Overall, group: Some("clinic".into()), covariates: Default::default() };
    desk.ask(CohortCommand::Survival(choice.clone()));
    assert!(desk.workbench.cohort().is_asked(&choice));
    let answer = desk.workbench.cohort().survival().expect("answered").expect("curves").clone();
    assert_eq!((answer.patients, answer.events, answer.groups.len()), (3, 2, 2));
    let svg = export(&mut desk, "figure.svg", CohortExport::SurvivalSvg);
    assert!(std::fs::read_to_string(svg).expect("written").contains("north: 2 events of 2"));
    export(&mut desk, "curves.csv", CohortExport::SurvivalCsv);
    desk.edit("p2", &[("died", "1")]);
    assert!(!desk.workbench.cohort().is_asked(&choice), "of patients as they were");
}

#[test]
fn another_cohort_or_the_publication_stands_beside() {
    let mut desk = Desk::new(JobMode::Inline);
    desk.import(ROWS, false);
    let other = desk.path("b");
    let mut store = CohortStore::create(&other, &CohortAbout { name: "Others".into(), simulated: true }).expect("made");
    store.import(&desk.open().patients, false).expect("added");
    drop(store);
    assert!(desk.workbench.recurrences_beside(Denominator::Patients).is_none());
    desk.ask(CohortCommand::SetBeside(Beside::Published));
    assert_eq!(desk.workbench.recurrences_beside(Denominator::Patients).expect("published").get(Station::S10R).n, 180);
    assert!(desk.workbench.recurrences_beside(Denominator::Involved).is_none(), "not published");
    desk.ask(CohortCommand::SetBeside(Beside::Cohort(other)));
    let map = desk.workbench.recurrences_beside(Denominator::Involved).expect("known");
    assert!(map.source == "Others, simulated" && map.get(Station::S10R).k == 1, "{}", map.source);
    desk.ask(CohortCommand::SetBeside(Beside::Cohort(desk.path("nothing"))));
    assert!(desk.told().contains("the file is not there"), "{}", desk.told());
    assert!(desk.workbench.recurrences_beside(Denominator::Patients).is_none());
}

#[test]
fn features_are_those_of_the_command_line_and_a_stopped_run_keeps_what_is_done() {
    let mut desk = Desk::new(JobMode::Threads);
    let settle = |desk: &mut Desk, done: &dyn Fn(&Workbench) -> bool| {
        for _ in 0..60_000 {
            desk.workbench.poll();
            if done(&desk.workbench) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        panic!("it never happened");
    };
    settle(&mut desk, &|w| w.cohort().open().is_some());
    let cases = desk.path("cases");
    std::fs::create_dir(&cases).expect("made");
    let size = ["--size", "96x96x46", "--spacing", "3.9x3.9x6"];
    hilum(&[&["phantom", "--seed", "1", "-o", text(&cases.join("p0"))], &size[..]].concat());
    let copy_of = |name: &str| {
        std::fs::create_dir(cases.join(name)).expect("made");
        for file in hilum::files::files_below(&cases.join("p0")).expect("readable") {
            let to = cases.join(name).join(&file);
            std::fs::create_dir_all(to.parent().expect("in a folder")).expect("made");
            std::fs::copy(cases.join("p0").join(&file), to).expect("copied");
        }
    };
    let count = 3 * rayon::current_num_threads().max(2);
    let mut rows = "patient,sex,age_years,t_stage,smoking_index,recurred\n".to_owned();
    for n in 0..count {
        if n > 0 {
            copy_of(&format!("p{n}"));
        }
        let _infallible = writeln!(rows, "p{n},m,{},T2,400,1", 50 + n);
    }
    std::fs::create_dir(cases.join("empty")).expect("made");
    rows += "empty,m,50,T2,1,1\nnowhere,m,50,T2,1,1\n";
    desk.import(&rows, false);
    settle(&mut desk, &|w| w.cohort().open().is_some_and(|open| !open.patients.is_empty()));
    assert_eq!(desk.open().features.iter().filter(|f| **f == FeatureState::NoCase).count(), 1);

    let computed = |w: &Workbench| {
        let open = w.cohort().open().expect("open");
        open.features.iter().filter(|f| **f == FeatureState::Computed).count()
    };
    desk.ask(CohortCommand::Compute(ComputeOptions::default()));
    settle(&mut desk, &|w| computed(w) > 0);
    let job = desk.workbench.jobs().into_iter().find(|j| j.key == JobKey::CohortCompute).expect("it runs");
    desk.workbench.execute(Command::CancelJob(job.id));
    settle(&mut desk, &|w| !w.is_running(JobKey::CohortCompute));
    let kept = computed(&desk.workbench);
    assert!(kept > 0 && kept < count, "{kept} of {count}");
    assert!(desk.told().contains(&format!("Cases whose features are kept: {kept}")), "{}", desk.told());

    desk.ask(CohortCommand::Compute(ComputeOptions::default()));
    settle(&mut desk, &|w| !w.is_running(JobKey::CohortCompute));
    let words = format!(
        "Cases gone through: {}, unchanged since: {kept}, patients without a case that is there: 1",
        count - kept + 1
    );
    assert!(desk.told().contains(&words) && desk.told().contains("Without features: 1"), "{}", desk.told());
    assert_eq!(computed(&desk.workbench), count);
    let failed = desk.open().row("empty").expect("there");
    assert!(matches!(&desk.open().features[failed], FeatureState::Failed(why) if why.contains("CT")));

    let (ours, theirs) = (desk.path("ours.csv"), desk.path("theirs.csv"));
    desk.ask(CohortCommand::Export { path: ours.clone(), what: CohortExport::Features, overwrite: false });
    settle(&mut desk, &|w| !w.is_running(JobKey::CohortWrite));
    let other = desk.path("b");
    hilum(&["cohort", "init", text(&other), "--name", "x"]);
    hilum(&["cohort", "import", text(&other), text(&desk.path("t.csv")), "--cases", text(&cases)]);
    hilum(&["cohort", "compute", text(&other), "--csv", text(&theirs)]);
    let [ours, theirs] = [ours, theirs].map(|path| std::fs::read_to_string(path).expect("written"));
    assert!(ours == theirs && ours.lines().count() == count + 3, "{ours}\n{theirs}");
}

/// Ten thousand patients of whom everything is known that the test asks for.
fn many() -> Vec<PatientRecord> {
    let of = |n: usize| {
        let mut patient = PatientRecord { id: format!("case-{n}"), ..PatientRecord::default() };
        patient.clinical.age_years = (!n.is_multiple_of(7)).then(|| 30.0 + ((n * 7919) % 600) as f64 / 10.0);
        patient.center = Some(["Munich", "Jinan", "Lyon"][n % 3].to_owned());
        patient.outcome.recurred = [None, Some(true), Some(false), Some(false)][n % 4];
        patient.outcome.died = Some(n.is_multiple_of(5));
        if n % 4 == 1 {
            patient.outcome.recurrence_stations.insert(Station::S4R);
        }
        patient
    };
    (0..10_000).map(of).collect()
}

#[test]
fn ten_thousand_patients_are_sorted_searched_and_filtered_rightly() {
    let patients = many();
    let table = PatientTable::new(&patients);
    let features: Vec<FeatureState> = (0..patients.len())
        .map(|n| match n % 10 {
            0 => FeatureState::Failed("no lungs".into()),
            1..=4 => FeatureState::Computed,
            5 => FeatureState::Outdated,
            _ => FeatureState::NotComputed,
        })
        .collect();
    let column = |column| table.column(&TableColumn::Known(column)).expect("there");
    let rows = |query: TableQuery| table.rows(&query, &features);
    assert_eq!(rows(TableQuery::default()), (0..10_000).collect::<Vec<_>>(), "as they were imported");

    let age = column(Column::Age);
    for largest_first in [false, true] {
        let sorted = rows(TableQuery { sort: Some((age, largest_first)), ..Default::default() });
        let ages: Vec<Option<f64>> = sorted.iter().map(|n| patients[*n].clinical.age_years).collect();
        let known = ages.iter().filter(|a| a.is_some()).count();
        assert!(ages[known..].iter().all(Option::is_none) && known == 10_000 - 1429, "missing ones last");
        let known: Vec<f64> = ages[..known].iter().map(|a| a.expect("known")).collect();
        assert!(known.is_sorted_by(|a, b| if largest_first { a >= b } else { a <= b }));
        // Of equals the one that was imported first.
        let pairs =
            sorted.windows(2).filter(|w| patients[w[0]].clinical.age_years == patients[w[1]].clinical.age_years);
        assert!(pairs.into_iter().all(|w| w[0] < w[1]));
    }
    let ids = rows(TableQuery { sort: Some((column(Column::Patient), true)), ..Default::default() });
    assert_eq!(ids, (0..10_000).rev().collect::<Vec<_>>(), "case-10 after case-9");

    let mut small = TableQuery { search: "  MUNICH case-12 ".into(), ..Default::default() };
    let wanted: Vec<usize> = (0..10_000).filter(|n| n % 3 == 0 && format!("case-{n}").contains("case-12")).collect();
    assert_eq!(rows(small.clone()), wanted);
    small.search = "nobody".into();
    assert!(rows(small).is_empty());

    let count = |filter| rows(TableQuery { filter, ..Default::default() }).len();
    assert_eq!(
        (count(RowFilter::Recurred), count(RowFilter::NotRecurred), count(RowFilter::RecurrenceUnknown)),
        (2500, 5000, 2500)
    );
    assert_eq!((count(RowFilter::Died), count(RowFilter::MissingIn(age))), (2000, 1429));
    assert_eq!(
        (count(RowFilter::Computed), count(RowFilter::NotComputed), count(RowFilter::Failed)),
        (4000, 5000, 1000)
    );
    assert_eq!((count(RowFilter::NoCase), count(RowFilter::Incomplete)), (0, 10_000), "nobody has a case");
    let features_column = table.column(&TableColumn::Features).expect("there");
    let by_state =
        rows(TableQuery { sort: Some((features_column, false)), filter: RowFilter::Died, ..Default::default() });
    assert!(by_state.len() == 2000 && matches!(features[by_state[0]], FeatureState::Failed(_)));

    let everybody = rows(TableQuery::default());
    let ages = table.histogram(&everybody, age, &features).expect("numbers");
    assert_eq!(
        (ages.missing, ages.bars.iter().map(|b| b.count).sum::<usize>(), ages.unit_width),
        (1429, 8571, Some(5.0))
    );
    let in_40s = patients.iter().filter(|p| p.clinical.age_years.is_some_and(|a| (40.0..45.0).contains(&a))).count();
    assert_eq!(ages.bars.iter().find(|b| b.from == 40.0).expect("there").count, in_40s);
    let centers = table.histogram(&everybody, column(Column::Center), &features).expect("words");
    assert_eq!(
        centers.bars.iter().map(|b| (b.label.as_str(), b.count)).collect::<Vec<_>>(),
        [("Jinan", 3333), ("Lyon", 3333), ("Munich", 3334)]
    );
    assert!(table.histogram(&everybody, column(Column::Patient), &features).is_none());
    assert_eq!(groups(&table), [("center".to_owned(), "Center".to_owned())]);
    assert_eq!(covariates(&table).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["center", "age_years"]);
}

/// `cargo test --release ... -- --ignored --nocapture how_long`: told, not judged.
#[test]
#[ignore = "tells times, proves nothing"]
fn how_long_queries_of_ten_thousand_patients_take() {
    let patients = many();
    let time = |what: &str, work: &mut dyn FnMut() -> usize| {
        let start = std::time::Instant::now();
        let found = work();
        println!("{what}: {:.1} ms ({found})", 1000.0 * start.elapsed().as_secs_f64());
    };
    let mut table = PatientTable::default();
    time("table", &mut || {
        table = PatientTable::new(&patients);
        table.len()
    });
    let features = vec![FeatureState::Computed; patients.len()];
    for column in [Column::Age, Column::Patient, Column::Center] {
        let sort = table.column(&TableColumn::Known(column)).map(|c| (c, true));
        let query = TableQuery { sort, ..Default::default() };
        time(&format!("sort by {}", column.name()), &mut || table.rows(&query, &features).len());
    }
    let query = TableQuery { search: "munich 12".into(), ..Default::default() };
    time("search", &mut || table.rows(&query, &features).len());
    let query = TableQuery { filter: RowFilter::Incomplete, ..Default::default() };
    time("filter", &mut || table.rows(&query, &features).len());
    let all = table.rows(&TableQuery::default(), &features);
    time("histogram", &mut || table.histogram(&all, 4, &features).map_or(0, |h| h.bars.len()));
    time("columns for groups", &mut || groups(&table).len() + covariates(&table).len());
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("a");
    let mut store = CohortStore::create(&path, &CohortAbout::default()).expect("made");
    time("import into the store", &mut || store.import(&patients, false).expect("imported").added);
    time("open", &mut || OpenCohort::read(&path).expect("read").patients.len());
    let after = patients[5].edited(&BTreeMap::from([("age_years".into(), "44".into())])).expect("can be");
    time("change a patient", &mut || store.replace(&patients[5], &after).map_or(0, |()| 1));
}
