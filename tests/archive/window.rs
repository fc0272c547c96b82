//! The Archive workspace, against a real Orthanc.

use super::orthanc::orthanc;
use super::{dicom_files, hilum, json, text};
use crate::support::bench::{PATIENT, PATIENT_ID, write_series};
use crate::support::window::{Start, Window};
use hilum::workbench::{ArchiveCommand, Command, ExportFormat, Workspace};

#[test]
fn a_study_is_found_retrieved_and_opened_and_names_can_be_hidden() {
    let Some(orthanc) = orthanc() else { return };
    let home = orthanc.home();
    let home = home.path();
    let made = home.join("made");
    write_series(&made, 77, "Mustermann thorax", false, (0..7).map(|k| 2.0 * f64::from(k)).collect());
    let stored = json(home, &["archive", "store", "local", text(&made)]);
    assert_eq!(stored["failed"].as_u64(), Some(0), "{stored}");
    let studies = home.join("studies");
    super::succeeded(&hilum(home, &["archive", "set", "--folder", text(&studies)]).output().expect("runs"));

    let settings_path = Some(home.join("settings.toml"));
    let mut w = Window::open(Start { settings_path, ..Start::default() });
    w.send(Command::SetWorkspace(Workspace::Archive));
    w.click("Settings").click("Test connection").settle();
    assert!(
        w.workbench().notices().all().iter().any(|n| n.summary.contains("local answers")),
        "{:?}",
        w.workbench().notices()
    );
    w.click("Enter Patient ID").type_text("PID-47*");
    w.click("Search").settle();
    let found = w.workbench().archive().found().expect("an answer").clone();
    assert_eq!(found.studies.len(), 1, "{found:?}");
    let uid = found.studies[0].study_instance_uid.clone();
    assert!(w.says("Mustermann"), "{}", w.all_text());
    w.picture("archive");

    // Nothing that identifies the patient can be read where that is hidden.
    w.send(Command::SetIdentifiersHidden(true));
    w.click("Show series of Patient 1").settle();
    let series = w.workbench().archive().series(&uid).expect("known").to_vec();
    let said = w.all_text();
    for secret in PATIENT.iter().chain(&[PATIENT_ID, "2021-03-04", &uid]) {
        assert!(!said.contains(*secret), "{secret}: {said}");
    }
    w.send(Command::SetIdentifiersHidden(false));

    let of = series.iter().find(|s| s.description == "Mustermann thorax").expect("the series");
    let command = ArchiveCommand::Retrieve { study: uid.clone(), series: Some(of.series_instance_uid.clone()) };
    w.send(Command::Archive(command)).settle();
    let retrieved = w.workbench().archive().retrieved().expect("retrieved").clone();
    assert_eq!((retrieved.instances, dicom_files(&retrieved.folder).len()), (7, 7));
    w.click("Open case").settle();
    assert_eq!(w.workbench().view.workspace, Workspace::Review);
    assert_eq!(w.case().grid().slices(), 7);

    // Exported and sent back, from the window as well.
    let export = home.join("out.dcm");
    w.send(Command::AddRoi { name: "GTVp".into(), role: hilum::structures::Role::Gtvp });
    w.send(Command::SetTool(hilum::workbench::ToolKind::Brush));
    let center = w.case().grid().center();
    w.click_view(hilum::geometry::Orientation::Axial, center);
    w.send(Command::Export { path: export.clone(), format: ExportFormat::StructureSet, overwrite: false }).settle();
    assert!(w.workbench().last_export().is_some(), "{:?}", w.workbench().notices());
    w.send(hilum::workbench::Action::SendExport).settle();
    let stored = w.workbench().archive().stored().expect("sent").clone();
    assert_eq!((stored.stored, stored.failed), (1, 0), "{stored:?}");
    assert!(w.says("Stored in the archive"), "{}", w.all_text());
    // A search that makes no sense is told.
    let query = hilum::archive::StudyQuery { from: "soon".into(), ..Default::default() };
    w.send(Command::Archive(ArchiveCommand::Search(query))).settle();
    assert!(w.workbench().notices().all().iter().any(|n| n.details.iter().any(|d| d.contains("no date"))));
}
