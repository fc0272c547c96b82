//! A follow-up CT beside the open case, on the workbench: read, registered, corrected, confirmed, kept. The command line tells
//! the same of the same two scans.

use crate::recurrence::{PATIENT, given, hilum, locate, text};
use crate::support::bench::Bench;
use glam::DVec3;
use hilum::cohort::{CohortAbout, CohortStore, PatientRecord};
use hilum::dicom::OverlayKind;
use hilum::progress::Silent;
use hilum::recurrence::PatternLimits;
use hilum::structures::Station;
use hilum::workbench::cohort::CohortCommand;
use hilum::workbench::followup::{
    Confirmed, Correction, FollowUpCommand as FollowUp, MotionSource, RECURRENCE, StationsBy,
};
use hilum::workbench::jobs::JobMode;
use hilum::workbench::{Command, SeriesChoice, Workbench, load_case};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn bench() -> Bench {
    let plan = PATIENT.folder.path().join("plan");
    Bench::new(load_case(&[plan], &Silent, &mut |_| Ok(())).unwrap_or_else(|e| panic!("{e}")))
}

fn ready(w: &Workbench) -> bool {
    w.is_placement_fresh() && w.follow_up().is_some_and(|f| f.fit().is_some())
}

impl Bench {
    fn follow(&mut self, command: FollowUp) -> &mut Self {
        self.run(Command::FollowUp(command)).poll_until(ready)
    }

    fn open(&mut self, folder: &Path) -> &mut Self {
        self.run(Command::FollowUp(FollowUp::Open { paths: vec![folder.to_path_buf()], series: SeriesChoice::Best }))
    }

    fn report(&self) -> Value {
        serde_json::to_value(self.workbench.recurrence_report().expect("ready")).expect("JSON")
    }
}

#[test]
fn the_workbench_tells_the_same_as_the_command_line_and_changes_nothing_of_the_case() {
    let mut bench = bench();
    let (before, overlays) = (bench.case().revision(), bench.workbench.overlays().len());
    bench.open(&PATIENT.folder.path().join("later")).poll_until(ready);
    let follow_up = bench.workbench.follow_up().expect("open");
    assert_eq!(follow_up.recurrence().map(|r| r.name.as_str()), Some("GTVrec"), "the likely one is taken at first");
    assert!(matches!(follow_up.motion().source, MotionSource::Found(_)) && follow_up.refused().is_none());
    assert!(bench.workbench.overlays().iter().any(|o| o.source.kind == OverlayKind::Dose && o.loaded.is_some()));
    let (overlay, loaded) = bench.workbench.shown_overlay().expect("laid over the CT");
    assert_eq!(overlay.source.kind, OverlayKind::FollowUp);
    assert_eq!(loaded.volume.ct_from_overlay, follow_up.planning_from_followup());
    let outline = bench.workbench.recurrence_outline().expect("outlined");
    assert!(outline.id == RECURRENCE && !outline.slices.is_empty());
    let placement = follow_up.placement().expect("placed");
    assert_eq!(placement.plan.stations_by, StationsBy::Set);
    let found = placement.found.as_ref().expect("on the plan");
    assert_eq!(found.main, Some(Station::S7));
    assert!(found.center.distance(PATIENT.center) < 1.5, "{} {}", found.center, PATIENT.center);
    assert!(bench.workbench.view.crosshair.distance(PATIENT.center) < 6.0, "the views go there");

    let (here, there) = (bench.report(), locate(&[]));
    for key in
        ["structure", "recurrence", "registration", "stations_by", "stations", "station", "ctv", "dose", "coverage"]
    {
        assert_eq!(here[key], there[key], "{key}");
    }
    assert_eq!(bench.case().revision(), before);
    assert!(!bench.workbench.has_unexported_changes());

    bench.run(Command::FollowUp(FollowUp::Close));
    assert!(bench.workbench.follow_up().is_none() && bench.workbench.recurrence_outline().is_none());
    assert_eq!(bench.workbench.overlays().len(), overlays);
    assert!(bench.workbench.shown_overlay().is_none());
}

#[test]
fn a_correction_makes_figures_stale_and_a_confirmation_void() {
    let mut bench = bench();
    bench.open(&PATIENT.folder.path().join("later")).poll_until(ready);
    bench.follow(FollowUp::ReadRegistration(given()));
    let center = |b: &Bench| {
        let placement = b.workbench.follow_up().and_then(|f| f.placement()).expect("placed");
        placement.found.as_ref().expect("on the plan").center
    };
    let fit = |b: &Bench| b.workbench.follow_up().and_then(|f| f.fit().flatten()).expect("measured").correlation;
    let (exact, good) = (center(&bench), fit(&bench));
    assert!(exact.distance(PATIENT.center) < 1.0);
    bench.follow(FollowUp::Confirm(Confirmed(Some(Station::S7))));
    assert_eq!(bench.report()["station"]["confirmed"], "7");

    let correction = Correction { shift_mm: DVec3::new(0.0, 0.0, 12.0), ..Correction::default() };
    bench.only(Command::FollowUp(FollowUp::Correct(correction)));
    assert!(!bench.workbench.is_placement_fresh(), "until the job has found the place anew");
    assert!(bench.workbench.recurrence_report().is_none(), "stale figures are not written");
    bench.poll_until(ready);
    assert!((center(&bench) - exact - DVec3::new(0.0, 0.0, 12.0)).length() < 1.0);
    assert!(fit(&bench) < good - 0.2, "a wrong correction shows in the fit");
    assert!(bench.workbench.follow_up().is_some_and(|f| matches!(f.confirmed(), Some((_, false)))));
    assert!(bench.report()["station"]["confirmed"].is_null());
    // Back as it was, what was confirmed holds again.
    bench.follow(FollowUp::Correct(Correction::default()));
    assert_eq!(bench.report()["station"]["confirmed"], "7");

    let marginal = bench.report()["dose"]["pattern"].clone();
    assert_eq!(marginal, "marginal");
    bench.follow(FollowUp::SetLimits(PatternLimits { in_field: 60.0, out_of_field: 60.0 }));
    bench.follow(FollowUp::SetIsodose(60.0));
    assert_eq!(bench.report()["dose"]["pattern"], "in_field", "40 of 60 Gy is inside the 60 % isodose");
    let far = Correction { shift_mm: DVec3::new(0.0, 0.0, 1e6), ..Correction::default() };
    bench.follow(FollowUp::Correct(far));
    assert!(center(&bench).distance(exact) < 1e-9, "a typing error moves nothing");

    bench.run(Command::FollowUp(FollowUp::AsTheyStand)).poll_until(ready);
    let placement = bench.workbench.follow_up().and_then(|f| f.placement()).expect("placed");
    assert!(placement.found.is_none() && bench.workbench.recurrence_report().is_none(), "as both stand they lie apart");
}

#[test]
fn the_recurrence_becomes_a_structure_as_one_step_and_its_figures_a_file_of_a_cohort() {
    let mut bench = bench();
    bench.open(&PATIENT.folder.path().join("later")).poll_until(ready);
    let structures = bench.case().structures().rois.len();
    bench.run(Command::FollowUp(FollowUp::AddToStructures));
    let added = bench.case().structures().by_name("GTVrec").expect("there").id;
    assert!(bench.case().mask(added).volume_cm3(bench.case().grid()) > 3.0);
    bench.run(Command::Undo);
    assert_eq!(bench.case().structures().rois.len(), structures);

    bench.poll_until(ready).follow(FollowUp::Confirm(Confirmed(Some(Station::S7))));
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("p1.json");
    let save = |path: &Path| Command::FollowUp(FollowUp::Save { path: path.to_path_buf(), overwrite: false });
    bench.run(save(&path));
    assert_eq!(bench.message(), "The figures were saved");
    let (code, out, errors) = hilum(&["cohort", "recurrences", text(&path), "--json"]);
    assert_eq!(code, 0, "{errors}");
    let all: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&all["recurrences"], &all["confirmed"]), (&1.into(), &1.into()));
    bench.run(save(&path));
    assert_eq!(bench.message(), "Nothing was written", "what is there is kept");
    // The registration that was saved is taken again.
    let motion = bench.workbench.follow_up().expect("open").planning_from_followup();
    bench.follow(FollowUp::AsTheyStand).follow(FollowUp::ReadRegistration(path));
    let again = bench.workbench.follow_up().expect("open").planning_from_followup();
    assert!(again.apply(PATIENT.center).distance(motion.apply(PATIENT.center)) < 1e-6);
}

#[test]
fn a_follow_up_that_cannot_be_used_says_why_and_the_case_stays() {
    let mut bench = bench();
    let name = bench.case().image.meta.patient.name.clone();
    bench.open(&PathBuf::from("nowhere"));
    assert_eq!(bench.message(), "The follow-up CT could not be read");
    assert!(bench.workbench.follow_up().is_none());
    bench.run(Command::FollowUp(FollowUp::AddToStructures));
    assert_eq!(bench.message(), "Open a follow-up CT first");

    // Without contours there is nothing to place, but the scans are registered and can be looked at.
    let ct = PATIENT.folder.path().join("later/ct");
    bench.open(&ct).poll_until(|w| w.follow_up().is_some_and(|f| f.fit().is_some()));
    let follow_up = bench.workbench.follow_up().expect("open");
    assert!(follow_up.recurrence().is_none() && follow_up.candidates().next().is_none());
    assert!(bench.workbench.shown_overlay().is_some() && follow_up.placement().is_none());
    bench.run(Command::FollowUp(FollowUp::Confirm(Confirmed(None))));
    assert!(bench.message().starts_with("Choose the recurrence first"), "{}", bench.message());

    // A registration that is none: the one that was found stays.
    let motion = follow_motion(&bench);
    let words = PATIENT.folder.path().join("later-words.txt");
    std::fs::write(&words, "no registration").expect("written");
    bench.run(Command::FollowUp(FollowUp::ReadRegistration(words)));
    assert_eq!(bench.message(), "The follow-up CT was not registered");
    assert_eq!(follow_motion(&bench), motion);
    assert_eq!(bench.case().image.meta.patient.name, name);

    // Another case takes it away.
    let plan = PATIENT.folder.path().join("plan");
    bench.run(Command::Open(vec![plan])).poll_until(|w| w.loading().is_none() && w.follow_up().is_none());
    assert!(bench.workbench.overlays().iter().all(|o| o.source.kind != OverlayKind::FollowUp));
}

fn follow_motion(bench: &Bench) -> hilum::geometry::Rigid {
    bench.workbench.follow_up().expect("open").planning_from_followup()
}

#[test]
fn a_confirmed_station_is_entered_for_the_patient_of_an_open_cohort() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("clinic.hilum-cohort");
    let about = CohortAbout { name: "Clinic".into(), simulated: false };
    let plan = PATIENT.folder.path().join("plan");
    let mut patient = PatientRecord { id: "P1".into(), case: Some(plan.clone()), ..PatientRecord::default() };
    patient.outcome.recurrence_stations.insert(Station::S10R);
    patient.outcome.recurred = Some(true);
    let other = PatientRecord { id: "P2".into(), ..PatientRecord::default() };
    CohortStore::create(&path, &about).and_then(|mut store| store.import(&[patient, other], false)).expect("made");

    let mut workbench = Workbench::new(JobMode::Inline, None);
    workbench.execute(Command::Open(vec![plan]));
    let mut bench = Bench { workbench };
    bench.poll_until(|w| w.case().is_some());
    bench.open(&PATIENT.folder.path().join("later")).poll_until(ready);
    bench.follow(FollowUp::Confirm(Confirmed(Some(Station::S7))));
    bench.run(Command::FollowUp(FollowUp::EnterInCohort));
    assert_eq!(bench.message(), "The open case is that of no patient of the open cohort");
    bench.run(Command::Cohort(CohortCommand::Open(path.clone()))).poll_until(|w| w.patient_of_case().is_some());
    bench.run(Command::FollowUp(FollowUp::TakeBack)).run(Command::FollowUp(FollowUp::EnterInCohort));
    assert_eq!(bench.message(), "Confirm a station first");

    bench.follow(FollowUp::Confirm(Confirmed(Some(Station::S7))));
    bench.run(Command::FollowUp(FollowUp::EnterInCohort));
    let knows = |w: &Workbench| w.patient_of_case().map(|p| p.outcome.recurrence_stations.clone());
    bench.poll_until(|w| knows(w).is_some_and(|s| s.contains(&Station::S7)));
    let kept = CohortStore::open(&path).and_then(|store| store.patients()).expect("read");
    let stations = |id: &str| kept.iter().find(|p| p.id == id).expect("there").outcome.recurrence_stations.clone();
    assert_eq!(stations("P1"), [Station::S7, Station::S10R].into(), "the one that was known stays");
    assert!(stations("P2").is_empty());
    bench.run(Command::Cohort(CohortCommand::TakeBack));
    bench.poll_until(|w| knows(w).is_some_and(|s| !s.contains(&Station::S7)));
}
