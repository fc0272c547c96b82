//! The loop tool, edit, undo, features runs without a window; every stroke is one step; undo to the
//! start and redo to the end reproduce every contour bit for bit.

use crate::support::bench::{Bench, PATIENT_ID, even, small_case, write_case, write_series, write_three_series};
use glam::DVec3;
use hilum::geometry::Orientation;
use hilum::structures::{Generation, Provenance, Role, Station, StructureSet};
use hilum::workbench::jobs::JobMode;
use hilum::workbench::tools::{BrushShape, Pointer, ToolEvent};
use hilum::workbench::{
    Action, Case, Command, EditPolicy, ExportFormat, FrameRelation, READING, RoiAttributes, Shown, TeachCommand,
    ToolKind, Workbench, Workspace, segmentation_edit,
};
use proptest::prelude::*;
use std::sync::Arc;

fn bench() -> Bench {
    Bench::new(small_case(&[("GTVp", Role::Gtvp), ("CTV", Role::Ctv), ("LN_IASLC_07", Role::Station(Station::S7))]))
}

/// On slice 5, a little off the voxel centres so that no edge falls on one.
const CENTER: DVec3 = DVec3::new(32.3, 32.2, 15.0);

#[test]
fn a_stroke_is_one_step_and_has_the_volume_of_its_path() {
    let mut b = bench();
    b.select("CTV").run(Command::SetBrushRadius(5.0));
    b.stroke(ToolKind::Brush, Orientation::Axial, &[CENTER, CENTER + DVec3::X * 6.0, CENTER + DVec3::X * 20.0]);
    assert_eq!(b.case().history().len(), 1);
    // Capsule of radius 5 and length 20 on one slice of 3 mm.
    let expected = (std::f64::consts::PI * 25.0 + 200.0) * 3.0 / 1000.0;
    let found = b.volume_cm3("CTV");
    assert!((found / expected - 1.0).abs() < 0.04, "{found} against {expected}");
    assert_eq!(b.roi("CTV").slices.keys().copied().collect::<Vec<_>>(), [5]);
    b.run(Command::Undo);
    assert!(b.roi("CTV").slices.is_empty() && b.case().history().undo_label().is_none());
    b.run(Command::Redo);
    assert_eq!(b.volume_cm3("CTV"), found);
}

#[test]
fn fast_strokes_leave_no_gaps() {
    let mut b = bench();
    b.select("CTV").run(Command::SetBrushRadius(3.0));
    b.stroke(ToolKind::Brush, Orientation::Axial, &[DVec3::new(8.0, 32.0, 15.0), DVec3::new(56.0, 32.0, 15.0)]);
    let mask = b.case().mask(b.roi("CTV").id);
    assert!((8..=56).all(|i| mask.get(5, 32, i)));
}

#[test]
fn sagittal_and_coronal_strokes_cut_every_slice_they_meet() {
    for orientation in [Orientation::Sagittal, Orientation::Coronal] {
        let mut b = bench();
        b.select("CTV").run(Command::SetTool(ToolKind::Brush)).run(Command::SetBrushRadius(7.0));
        b.stroke(ToolKind::Brush, orientation, &[CENTER]);
        let slices: Vec<usize> = b.roi("CTV").slices.keys().copied().collect();
        assert_eq!(slices, [3, 4, 5, 6, 7], "{orientation}: 7 mm above and below slice 5 at 3 mm");
        // One voxel deep: a disc of radius 7 mm and 1 mm thickness.
        let expected = std::f64::consts::PI * 49.0 / 1000.0;
        let found = b.volume_cm3("CTV");
        assert!((found / expected - 1.0).abs() < 0.15, "{orientation}: {found} against {expected}");
    }
}

#[test]
fn the_ball_brush_makes_a_ball() {
    let mut b = bench();
    b.select("CTV").run(Command::SetTool(ToolKind::Brush)).run(Command::SetBrushRadius(10.0));
    b.run(Command::SetBrushShape(BrushShape::Ball));
    b.stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    let expected = 4.0 / 3.0 * std::f64::consts::PI;
    let found = b.volume_cm3("CTV");
    assert!((found / expected - 1.0).abs() < 0.05, "{found} against {expected}");
}

#[test]
fn the_eraser_takes_away_and_a_stroke_without_effect_makes_no_step() {
    let mut b = bench();
    b.select("CTV").run(Command::SetBrushRadius(8.0));
    b.stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    b.stroke(ToolKind::Eraser, Orientation::Axial, &[DVec3::new(5.0, 5.0, 15.0)]);
    b.stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    assert_eq!(b.case().history().len(), 1);
    b.run(Command::SetBrushRadius(3.0));
    b.stroke(ToolKind::Eraser, Orientation::Axial, &[CENTER]);
    let mask = b.case().mask(b.roi("CTV").id);
    assert!(!mask.get(5, 32, 32) && mask.get(5, 32, 38), "a hole in the middle");
    assert_eq!(b.roi("CTV").slices[&5].rings.len(), 2);
}

#[test]
fn escape_takes_a_stroke_back_and_locked_or_hidden_structures_refuse() {
    let mut b = bench();
    b.select("CTV").run(Command::SetTool(ToolKind::Brush));
    b.run(Command::Tool(ToolEvent::Press(Pointer::new(CENTER, Orientation::Axial))));
    assert!(!b.roi("CTV").slices.is_empty());
    b.run(Command::Tool(ToolEvent::Cancel));
    assert!(b.roi("CTV").slices.is_empty() && b.case().history().is_empty());
    let roi = b.roi("CTV").id;
    for forbid in [Command::SetLocked { roi, locked: true }, Command::SetVisible { roi, visible: false }] {
        b.run(forbid);
        b.stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
        assert!(b.roi("CTV").slices.is_empty());
        assert!(!b.workbench.notices().all().is_empty());
        b.run(Command::SetLocked { roi, locked: false });
    }
}

#[test]
fn an_edit_changes_the_generation_and_undo_restores_it() {
    let mut loaded = small_case(&[]);
    let mut roi = hilum::structures::Roi::new(
        loaded.case.new_id(),
        "LN_IASLC_07",
        [0, 0, 0],
        Role::Station(Station::S7),
        hilum::structures::Provenance::Phantom { seed: 1 },
    );
    roi.generation = Generation::Automatic;
    let edit = loaded.case.add_edit("add", roi);
    loaded.case.apply(edit).expect("fits");
    let mut b = Bench::new(loaded);
    b.select("LN_IASLC_07").stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    assert_eq!(b.roi("LN_IASLC_07").generation, Generation::Semiautomatic);
    b.run(Command::Undo);
    assert_eq!(b.roi("LN_IASLC_07").generation, Generation::Automatic);
}

#[test]
fn features_follow_the_brush() {
    let mut b = bench();
    b.run(Command::SetBrushRadius(10.0));
    b.select("LN_IASLC_07").stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    b.select("CTV").stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    let value = |b: &Bench, name: &str| b.workbench.live().expect("live").features().value.get(name);
    assert_eq!(value(&b, "ln7_ctv_in_ln"), Some(1.0));
    b.run(Command::SetBrushRadius(10.0));
    b.stroke(ToolKind::Eraser, Orientation::Axial, &[CENTER + DVec3::X * 10.0]);
    let share = value(&b, "ln7_ctv_in_ln").expect("defined");
    assert!(share > 0.3 && share < 0.7, "{share}");
    b.run(Command::Undo);
    assert_eq!(value(&b, "ln7_ctv_in_ln"), Some(1.0));
}

#[test]
fn names_roles_and_deletions_are_undone_too() {
    let mut b = bench();
    let id = b.roi("CTV").id;
    b.run(Command::ClearNotices);
    b.run(Command::Rename { roi: id, name: "CTVp".into() });
    b.run(Command::Rename { roi: id, name: "GTVp".into() });
    assert_eq!(b.workbench.notices().all().len(), 1, "a name in use is refused");
    b.run(Command::SetRole { roi: id, role: Role::Other });
    b.run(Command::DeleteRoi(id));
    assert!(b.case().structures().get(id).is_none());
    b.run(Command::Undo).run(Command::Undo).run(Command::Undo);
    assert_eq!((b.roi("CTV").id, b.roi("CTV").role), (id, Role::Ctv));
}

#[test]
fn teaching_hides_the_reference_until_compared() {
    let mut b = bench();
    b.run(Command::SetBrushRadius(10.0));
    b.select("CTV").stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    let reference = b.roi("CTV").id;
    b.run(Command::Teach(TeachCommand::Start(reference)));
    assert!(!b.workbench.is_shown(reference));
    b.stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    b.run(Command::Teach(TeachCommand::Compare));
    assert!(b.workbench.is_shown(reference));
    let score = b.workbench.score().expect("compared").value.clone();
    assert_eq!((score.comparison.dsc, score.missed_cm3, score.extra_cm3), (1.0, 0.0, 0.0));
    // While comparing, a correction is scored at once.
    b.stroke(ToolKind::Eraser, Orientation::Axial, &[CENTER + DVec3::X * 8.0]);
    assert!(b.workbench.score().expect("compared").value.missed_cm3 > 0.0);
}

#[test]
fn a_folder_without_images_is_a_message_and_the_case_stays() {
    let mut b = bench();
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("note.txt"), "nothing here").expect("written");
    b.run(Command::Open(vec![folder.path().into()]));
    let notice = b.workbench.notices().all().last().expect("a message").clone();
    assert_eq!(notice.summary, "The case could not be opened");
    assert!(notice.details[0].contains("no DICOM file among 1 files"), "{:?}", notice.details);
    assert_eq!(b.case().structures().rois.len(), 3);
}

/// The stroke's first event.
fn press() -> Command {
    Command::Tool(ToolEvent::Press(Pointer::new(CENTER, Orientation::Axial)))
}

/// A small case on the bench, and a folder with another patient's.
fn stepped() -> (Bench, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("temporary folder");
    write_case(folder.path(), &["First", "Second"], even());
    let mut b = Bench::with_mode(JobMode::Stepped, small_case(&[("GTVp", Role::Gtvp), ("CTV", Role::Ctv)]));
    b.run(Command::SetCrosshair(DVec3::new(10.0, 12.0, 6.0)));
    (b, folder)
}

#[test]
fn a_load_that_is_cancelled_leaves_the_open_case_as_it_was() {
    let (mut b, folder) = stepped();
    let crosshair = b.workbench.view.crosshair;
    assert_eq!(b.workbench.shown(), Some(Shown::Case(1)));
    b.only(Command::Open(vec![folder.path().into()])).poll_until(|w| w.loading().is_some());
    assert_eq!(b.workbench.shown(), Some(Shown::Loading(1)));
    assert_eq!(b.workbench.case_count(), 1);
    assert_ne!(b.workbench.view.crosshair, crosshair);
    // Nothing of the open case is changed under the picture of another one.
    let revision = b.case().revision();
    let roi = b.roi("CTV").id;
    for command in [
        press(),
        Command::SetRole { roi, role: Role::Other },
        Command::DeleteRoi(roi),
        Command::AddRoi { name: "x".into(), role: Role::Other },
        Command::Segment,
        Command::GoToRoi(roi),
        Command::Export { path: folder.path().join("x.dcm"), format: ExportFormat::StructureSet, overwrite: false },
    ] {
        b.only(command.clone());
        assert_eq!(b.message(), READING, "{command:?}");
    }
    for action in [Action::Export, Action::Segment, Action::ToolBrush, Action::DeleteSelected, Action::Undo] {
        assert_eq!(b.workbench.refusal(action), Some(READING), "{action:?}");
    }
    assert!(b.workbench.refusal(Action::SliceUp).is_none());
    assert_eq!(b.case().revision(), revision);
    let job = b.workbench.jobs()[0].id;
    b.only(Command::CancelJob(job)).poll_until(|w| w.loading().is_none());
    assert_eq!((b.workbench.shown(), b.workbench.view.crosshair), (Some(Shown::Case(1)), crosshair));
    b.run(Command::SetTool(ToolKind::Brush));
    assert_eq!(b.workbench.tool(), ToolKind::Brush);
}

#[test]
fn a_load_that_is_replaced_by_another_one_says_nothing_and_changes_nothing() {
    let (mut b, folder) = stepped();
    let paths = vec![folder.path().to_path_buf()];
    b.only(Command::Open(paths.clone())).poll_until(|w| w.loading().is_some());
    b.run(Command::ClearNotices);
    b.only(Command::Open(paths));
    assert_eq!(b.workbench.shown(), Some(Shown::Case(1)), "the picture of the first is gone");
    b.poll_until(|w| w.case_count() == 2);
    assert!(b.workbench.notices().all().iter().all(|n| !n.summary.contains("Cancelled")));
    assert_eq!(b.workbench.jobs().len(), 0);
}

#[test]
fn changes_made_after_it_was_agreed_to_open_are_not_lost_without_asking() {
    let (mut b, folder) = stepped();
    b.only(Command::Open(vec![folder.path().into()]));
    b.workbench.execute(Command::SelectRoi(Some(b.roi("CTV").id)));
    b.workbench.execute(Command::SetTool(ToolKind::Brush));
    b.workbench.execute(press());
    b.poll_until(Workbench::has_arrived);
    assert_eq!(b.workbench.case_count(), 1);
    assert!(!b.roi("CTV").slices.is_empty() && !b.case().in_transaction());
    b.run(Command::DropArrived);
    assert!(!b.workbench.has_arrived() && b.workbench.case_count() == 1);
    b.only(Command::Open(vec![folder.path().into()])).poll_until(|w| w.case_count() == 2);
    assert_eq!(b.case().image.meta.patient.id, PATIENT_ID);
}

#[test]
fn an_export_says_which_contours_are_safe_and_cancelling_it_hides_no_file() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut b = Bench::with_mode(JobMode::Stepped, small_case(&[("CTV", Role::Ctv)]));
    b.select("CTV").stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    let exported = b.case().revision();
    let path = folder.path().join("RS.dcm");
    b.only(Command::Export { path: path.clone(), format: ExportFormat::StructureSet, overwrite: false });
    // A second export is refused; it says nothing about what the first one holds.
    b.only(Command::Tool(ToolEvent::Cancel));
    b.workbench.execute(Command::AddRoi { name: "more".into(), role: Role::Other });
    b.only(Command::Export {
        path: folder.path().join("RS2.dcm"),
        format: ExportFormat::StructureSet,
        overwrite: false,
    });
    assert!(b.message().contains("still running"), "{}", b.message());
    let job = b.workbench.jobs()[0].id;
    b.only(Command::CancelJob(job)).poll_until(|w| w.jobs().is_empty());
    assert!(path.exists());
    assert!(b.message().starts_with("Exported and read back"), "{}", b.message());
    assert_eq!(b.workbench.last_export().map(|e| e.revision), Some(exported));
    assert!(b.workbench.has_unexported_changes());
    b.run(Command::Undo);
    // Undo leads back to the very contours that were exported, and away from them again.
    assert!(!b.workbench.has_unexported_changes());
    b.run(Command::Redo);
    assert!(b.workbench.has_unexported_changes());
}

#[test]
fn a_result_of_a_closed_case_never_enters_the_next_one() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut b = Bench::with_mode(JobMode::Stepped, small_case(&[("CTV", Role::Ctv)]));
    b.only(Command::Export {
        path: folder.path().join("RS.dcm"),
        format: ExportFormat::StructureSet,
        overwrite: false,
    });
    b.workbench.take_case(small_case(&[("CTV", Role::Ctv)]));
    b.poll_until(|w| w.jobs().is_empty());
    assert!(b.message().starts_with("Exported") && b.workbench.last_export().is_none());
}

#[test]
fn what_ends_a_stroke_keeps_it_and_a_stroke_stays_with_its_structure() {
    let mut b = bench();
    for other in [
        Command::SetTool(ToolKind::Eraser),
        Command::AddRoi { name: "x".into(), role: Role::Other },
        Command::SelectRoi(None),
        Command::ProposeCtv,
        Command::Teach(TeachCommand::Start(b.roi("GTVp").id)),
    ] {
        b.select("GTVp").run(Command::SetTool(ToolKind::Brush)).run(press());
        let steps = b.case().history().len();
        let drawn = b.roi("GTVp").slices.len();
        assert!(b.case().in_transaction() && drawn == 1, "{other:?}");
        b.run(other.clone());
        assert!(!b.case().in_transaction(), "{other:?}");
        assert_eq!(b.roi("GTVp").slices.len(), 1, "{other:?}");
        assert_eq!(b.case().history().undo_label().map(|_| ()), Some(()));
        assert!(b.case().history().len() > steps);
        while b.case().history().undo_label().is_some() {
            b.run(Command::Undo);
        }
        b.run(Command::Teach(TeachCommand::Stop));
    }
}

#[test]
fn another_structure_set_enters_as_one_step_with_its_source_and_its_remarks() {
    let folder = tempfile::tempdir().expect("temporary folder");
    write_case(folder.path(), &["First", "Second"], even());
    let mut b = bench();
    b.run(Command::Open(vec![folder.path().into()]));
    let offered = |b: &Bench| b.workbench.other_structure_sets().map(|(n, _)| n).collect::<Vec<_>>();
    assert_eq!((offered(&b).len(), b.case().sources.len()), (1, 1));
    let (number, rois) = (offered(&b)[0], b.case().structures().rois.len());
    b.run(Command::AddStructureSet(number));
    assert_eq!((offered(&b).len(), b.case().sources.len()), (0, 2));
    let added = b.case().structures().rois.last().expect("added").clone();
    assert_eq!((b.case().structures().rois.len(), added.source.map(|s| s.set)), (rois + 1, Some(1)));
    assert!(b.workbench.is_role_uncertain(&added), "a role guessed from \"Tumor\" is to be confirmed");
    assert!(b.message().starts_with("Added 1 structure"), "{}", b.message());
    b.run(Command::Undo);
    assert_eq!((offered(&b).len(), b.case().sources.len()), (1, 1));
    b.run(Command::Redo);
    assert_eq!((offered(&b).len(), b.case().sources.len()), (0, 2));
    b.run(Command::SetRole { roi: added.id, role: added.role });
    assert!(!b.workbench.is_role_uncertain(&added));
}

#[test]
fn doubtful_geometry_holds_network_and_export_until_it_is_acknowledged() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let gap = (0..12).map(|k| 3.0 * f64::from(k) + if k > 5 { 3.0 } else { 0.0 }).collect();
    write_case(folder.path(), &["First"], gap);
    let mut b = bench();
    b.run(Command::Open(vec![folder.path().into()]));
    assert!(b.workbench.geometry_warning().is_some());
    let path = folder.path().join("out.dcm");
    for action in [Action::Export, Action::Segment] {
        assert!(b.workbench.refusal(action).is_some_and(|why| why.contains("acknowledge")), "{action:?}");
    }
    b.run(Command::Export { path: path.clone(), format: ExportFormat::StructureSet, overwrite: false });
    assert!(!path.exists() && b.message().contains("acknowledge"));
    b.run(Command::AcknowledgeGeometry);
    b.run(Command::Export { path: path.clone(), format: ExportFormat::StructureSet, overwrite: false });
    assert!(path.exists(), "{}", b.message());
    b.run(Command::Open(vec![folder.path().into()]));
    assert!(b.workbench.refusal(Action::Export).is_some(), "it holds for one case");
}

/// A result of a network: one station with a ring.
fn network_result(station: Station) -> hilum::diunet::Segmentation {
    let mut stations: [std::collections::BTreeMap<_, _>; Station::COUNT] = Default::default();
    let ring = hilum::contour::Ring::new([[20.0, 20.0], [40.0, 20.0], [40.0, 40.0]]);
    stations[station.index()].insert(5, std::sync::Arc::new(hilum::contour::SliceContours::new(vec![ring])));
    hilum::diunet::Segmentation {
        stations,
        ctv: Default::default(),
        slices_run: 0..12,
        slices_recalled: 0,
        recall: Default::default(),
        uncertainty: None,
        lungs: hilum::diunet::LungRegion { slices: 0..12, center: [32.0; 2], volume_cm3: 1.0 },
        seconds: 1.0,
        provenance: hilum::structures::Provenance::Network {
            model_id: "net".into(),
            sha256: String::new(),
            statement: "synthetic".into(),
        },
        warnings: Vec::new(),
    }
}

#[test]
fn a_new_network_run_replaces_only_what_nobody_has_touched() {
    let result = network_result(Station::S7);
    let fresh = || {
        let mut case = small_case(&[]).case;
        let (edit, _) = segmentation_edit(&mut case, &result, &EditPolicy::default());
        case.apply(edit).expect("fits");
        case
    };
    let again = |mut case: Case, policy: &EditPolicy| {
        let (edit, _) = segmentation_edit(&mut case, &result, policy);
        case.apply(edit).expect("fits");
        case.structures().rois.len()
    };
    assert_eq!(again(fresh(), &EditPolicy::default()), 1);
    let first = fresh();
    let id = first.structures().rois[0].id;
    let locked = EditPolicy { locked: [id].into(), ..EditPolicy::default() };
    assert_eq!(again(first, &locked), 2, "locked");
    let touches: [fn(&mut RoiAttributes); 3] =
        [|a| a.name = "7 checked".into(), |a| a.role = Role::Other, |a| a.color = [1, 2, 3]];
    for touch in touches {
        let mut case = fresh();
        let edit = case.attributes_edit("touch", id, touch).expect("there");
        case.apply(edit).expect("fits");
        assert_eq!(again(case, &EditPolicy::default()), 2);
    }
}

#[test]
fn a_proposed_ctv_takes_the_place_of_the_other_in_the_same_step() {
    let mut b = bench();
    b.run(Command::SetBrushRadius(6.0));
    b.select("GTVp").stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    b.select("CTV").stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    b.run(Command::ProposeCtv);
    let ctvs: Vec<&str> = b.case().structures().with_role(Role::Ctv).map(|r| r.name.as_str()).collect();
    assert_eq!(ctvs, ["CTV proposed"]);
    assert_eq!(b.roi("CTV").role, Role::Other);
    b.run(Command::Undo);
    assert_eq!(b.roi("CTV").role, Role::Ctv);
    assert!(b.case().structures().by_name("CTV proposed").is_none());
}

#[test]
fn a_proposed_ctv_keeps_out_of_bones_that_are_drawn() {
    let mut b = Bench::new(small_case(&[("GTVp", Role::Gtvp), ("Vertebra_c40", Role::Organ)]));
    b.run(Command::SetBrushRadius(6.0));
    b.select("GTVp").stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    b.run(Command::ProposeCtv).run(Command::Undo);
    // Soft tissue by its HU: only the drawing says that it is bone.
    b.select("Vertebra_c40").stroke(ToolKind::Brush, Orientation::Axial, &[CENTER + DVec3::X * 13.0]);
    b.run(Command::ProposeCtv);
    let (ctv, bone) = (b.case().mask(b.roi("CTV proposed").id), b.case().mask(b.roi("Vertebra_c40").id));
    assert!(ctv.intersection(bone).count() <= 2 && bone.count() > 50);
    let recipe = "GTV + 8 mm, kept out of lung and bone (found and drawn)".to_owned();
    assert_eq!(b.roi("CTV proposed").provenance, Provenance::Proposed { recipe });
}

#[test]
fn the_score_of_an_exercise_is_marked_while_a_newer_one_is_worked_out() {
    let mut b = Bench::with_mode(JobMode::Stepped, small_case(&[("CTV", Role::Ctv)]));
    b.select("CTV").stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    let reference = b.roi("CTV").id;
    b.run(Command::Teach(TeachCommand::Start(reference)));
    b.stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    b.only(Command::Teach(TeachCommand::Compare));
    assert!(b.workbench.score().is_none(), "it is a job");
    b.poll_until(|w| w.score().is_some());
    let first = b.workbench.score().expect("compared").revision;
    b.only(Command::SetTool(ToolKind::Eraser)).only(press());
    let stale = b.workbench.score().expect("the old one stays").revision;
    assert!(stale == first && stale < b.case().revision());
    b.only(Command::Tool(ToolEvent::Release));
    b.poll_until(|w| w.score().map(|s| s.revision) == w.case().map(Case::revision));
    assert!(b.workbench.score().expect("compared").value.missed_cm3 > 0.0);
}

#[test]
fn a_tumour_is_central_by_all_parts_of_the_airway_as_they_are_now() {
    let rois = [("GTVp", Role::Gtvp), ("CTV", Role::Ctv), ("Trachea", Role::Organ), ("Bronchus_L", Role::Organ)];
    let mut b = Bench::new(small_case(&rois));
    let central = |b: &Bench| b.workbench.live().expect("live").features().value.get("g_central");
    b.run(Command::SetBrushRadius(3.0));
    b.select("CTV").stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
    b.select("GTVp").stroke(ToolKind::Brush, Orientation::Axial, &[DVec3::new(58.3, 32.2, 15.0)]);
    assert_eq!(central(&b), None, "no airway is drawn");
    b.select("Trachea").stroke(ToolKind::Brush, Orientation::Axial, &[DVec3::new(6.3, 32.2, 15.0)]);
    assert_eq!(central(&b), None, "far from the trachea, and nothing is known of the bronchi");
    b.select("Bronchus_L").stroke(ToolKind::Brush, Orientation::Axial, &[DVec3::new(10.3, 20.2, 15.0)]);
    assert_eq!(central(&b), Some(0.0));
    b.stroke(ToolKind::Brush, Orientation::Axial, &[DVec3::new(40.3, 32.2, 15.0)]);
    assert_eq!(central(&b), Some(1.0));
    b.run(Command::Undo);
    assert_eq!(central(&b), Some(0.0));
    let bronchus = b.roi("Bronchus_L").id;
    b.run(Command::Rename { roi: bronchus, name: "Vessel".into() });
    assert_eq!(central(&b), None);
    b.run(Command::Undo).run(Command::DeleteRoi(bronchus));
    assert_eq!(central(&b), None);
}

#[test]
fn features_are_out_of_date_until_the_airway_is_measured_again() {
    let mut b = Bench::with_mode(JobMode::Stepped, small_case(&[("GTVp", Role::Gtvp), ("Airway", Role::Organ)]));
    b.run(Command::SelectRoi(Some(b.roi("Airway").id))).run(Command::SetTool(ToolKind::Brush));
    b.only(press());
    assert!(b.workbench.live().expect("live").features().revision < b.case().revision());
    b.only(Command::Tool(ToolEvent::Release));
    b.poll_until(|w| w.live().map(|l| l.features().revision) == w.case().map(Case::revision));
}

#[test]
fn going_to_a_structure_without_contours_says_so() {
    let mut b = bench();
    let roi = b.roi("CTV").id;
    b.run(Command::GoToRoi(roi));
    assert_eq!(b.message(), "CTV has no contours yet");
    b.run(Command::SelectRoi(Some(roi)));
    assert!(b.workbench.refusal(Action::GoToSelected).is_some());
    b.run(Command::SetWorkspace(Workspace::Cohort));
    for action in [Action::ToolBrush, Action::SliceUp, Action::HideAll, Action::FitViews] {
        assert!(b.workbench.refusal(action).is_some_and(|why| why.contains("workspace")), "{action:?}");
    }
}

#[test]
fn files_and_folders_opened_together_are_remembered_together() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (ct, set) = (folder.path().join("a/ct"), folder.path().join("b"));
    write_case(&ct, &["First"], even());
    std::fs::create_dir_all(&set).expect("a folder");
    std::fs::rename(ct.join("RS0.dcm"), set.join("RS0.dcm")).expect("moved");
    let mut b = bench();
    b.run(Command::Open(vec![ct.clone(), set.clone()]));
    assert_eq!(b.case().sources.len(), 1, "{}", b.message());
    assert_eq!(b.workbench.settings().recent[0].paths(), [ct, set]);
}

/// Number, slices, spacing, relation to the open series, structure sets and whether its geometry is doubtful.
fn offered(w: &Workbench) -> Vec<(usize, usize, String, FrameRelation, usize, bool)> {
    let row = |s: &hilum::workbench::FoundSeries| {
        let spacing = s.spacing_words().unwrap_or_default();
        (s.number, s.slices, spacing, s.frame, s.structure_sets, !s.doubts.is_empty())
    };
    w.series().series.iter().map(row).collect()
}

#[test]
fn the_other_series_of_a_folder_are_offered_and_open_with_what_belongs_to_them() {
    use FrameRelation::{Other, Same};
    let folder = tempfile::tempdir().expect("temporary folder");
    write_three_series(folder.path());
    let mut b = bench();
    b.run(Command::Open(vec![folder.path().into()]));
    // The one with the structure set, though it is not the largest.
    assert_eq!((b.case().grid().slices(), b.case().structures().rois.len()), (12, 1), "{}", b.message());
    let list = offered(&b.workbench);
    assert_eq!(
        list,
        [
            (1, 14, "3 to 6 mm".into(), Same, 0, true),
            (2, 12, "3 mm".into(), Same, 1, false),
            (3, 8, "1.25 mm".into(), Other, 0, false)
        ]
    );
    let series = b.workbench.series().series.clone();
    assert_eq!(b.workbench.series().opened().map(|s| s.number), Some(2));
    assert_eq!(series[0].doubts[0].files.len(), 2, "the gap is named by both of its files");
    b.poll_until(|w| w.series().series.iter().all(|s| w.thumbnail(s).is_some()));
    let pictures = |b: &Bench| -> Vec<_> {
        let of = |s| b.workbench.thumbnail(s).map(|t| Arc::clone(t.picture.as_ref().expect("a picture")));
        series.iter().map(of).collect::<Option<Vec<_>>>().expect("all are made")
    };
    let made = pictures(&b);
    let center = |n: usize| made[n].rgb[made[n].rgb.len() / 2 + 3 * 64];
    assert_eq!(made[2].size_px, [128, 128]);
    assert!(center(2) > 100 && made[2].rgb[0] == 0, "tissue in the middle, air in the corner");

    // The other frame of reference: the structure set is listed with its reason and cannot be loaded.
    b.run(Command::OpenSeries(series[2].key.clone()));
    assert_eq!((b.case().grid().slices(), b.case().structures().rois.len()), (8, 0));
    assert_eq!(b.workbench.other_structure_sets().count(), 0);
    let foreign = &b.workbench.series().foreign_sets;
    assert_eq!((foreign.len(), foreign[0].set.label()), (1, "Plan"));
    assert_eq!(foreign[0].series, Some((series[1].key.clone(), 2)));
    assert_eq!(offered(&b.workbench).iter().map(|s| s.3).collect::<Vec<_>>(), [Other, Other, Same]);
    assert!(pictures(&b).iter().zip(&made).all(|(a, b)| Arc::ptr_eq(a, b)), "pictures are made once");
    b.run(Command::OpenSeries(series[2].key.clone()));
    assert_eq!(b.message(), "This series is open");
    b.run(Command::OpenSeries("1.2.3".into()));
    assert!(b.message().contains("not in the folder"), "{}", b.message());

    // The same frame: the set is offered. Doubtful geometry holds network and export.
    b.run(Command::OpenSeries(series[0].key.clone()));
    assert_eq!((b.case().grid().slices(), b.case().sources.len()), (14, 1));
    assert!(b.workbench.refusal(Action::Segment).is_some_and(|why| why.contains("doubtful")));
    assert!(b.workbench.series().foreign_sets.is_empty());

    // Only the folder is remembered: it opens with the best series again.
    let recent = b.workbench.settings().recent.clone();
    assert_eq!((recent.len(), recent[0].paths()), (1, &[folder.path().to_path_buf()][..]));
    b.run(Command::Open(recent[0].paths().to_vec()));
    assert_eq!(b.workbench.series().opened().map(|s| s.number), Some(2));
    b.run(Command::OpenDemo { seed: 1 });
    assert!(b.workbench.series().series.is_empty() && b.workbench.thumbnail(&series[0]).is_none());
}

#[test]
fn while_a_series_is_read_the_others_can_be_chosen_and_cancelling_goes_back() {
    let folder = tempfile::tempdir().expect("temporary folder");
    write_three_series(folder.path());
    let mut b = Bench::with_mode(JobMode::Stepped, small_case(&[("CTV", Role::Ctv)]));
    b.only(Command::Open(vec![folder.path().into()])).poll_until(|w| w.loading().is_some());
    let keys: Vec<String> = b.workbench.series().series.iter().map(|s| s.key.clone()).collect();
    assert_eq!((keys.len(), b.workbench.series().open), (3, Some(1)));
    b.only(Command::OpenSeries(keys[2].clone())).poll_until(|w| w.case_count() == 2);
    assert_eq!((b.case().grid().slices(), b.workbench.series().open), (8, Some(2)));
    b.only(Command::OpenSeries(keys[0].clone())).poll_until(|w| w.loading().is_some());
    assert_eq!(b.workbench.series().open, Some(0));
    let job = b.workbench.jobs()[0].id;
    b.only(Command::CancelJob(job)).poll_until(|w| w.loading().is_none());
    assert_eq!((b.case().grid().slices(), b.workbench.series().open), (8, Some(2)));
}

#[test]
fn where_the_best_series_cannot_be_opened_the_others_are_offered() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let broken = folder.path().join("broken");
    write_series(&broken, 4, "Broken", true, even());
    write_series(&folder.path().join("whole"), 5, "Whole", false, vec![0.0, 2.0, 4.0]);
    for entry in std::fs::read_dir(&broken).expect("readable").flatten() {
        let bytes = std::fs::read(entry.path()).expect("readable");
        std::fs::write(entry.path(), &bytes[..bytes.len() - 1000]).expect("written");
    }
    let mut workbench = Workbench::new(JobMode::Inline, None);
    workbench.execute(Command::Open(vec![folder.path().into()]));
    workbench.poll();
    workbench.poll();
    let list = workbench.series().clone();
    assert!(workbench.case().is_none() && list.open.is_none() && list.series.len() == 2);
    let why = list.series[0].unusable.as_ref().expect("it is broken");
    assert!(why.text.contains("cut off") && !why.text.contains("broken"), "{why}");
    assert!(workbench.notices().all().iter().any(|n| n.details.iter().any(|d| d.contains("choose another one"))));
    workbench.execute(Command::OpenSeries(list.series[0].key.clone()));
    assert!(workbench.notices().all().last().is_some_and(|n| n.summary.contains("form no volume")));
    workbench.execute(Command::OpenSeries(list.series[1].key.clone()));
    workbench.poll();
    assert_eq!(workbench.case().map(|c| c.grid().slices()), Some(3));
}

/// A random step of a session.
#[derive(Debug, Clone)]
enum Step {
    Stroke { tool: bool, orientation: usize, roi: usize, points: Vec<[f64; 3]>, radius: f64, ball: bool },
    Undo,
    Redo,
    Role(usize, Role),
    Rename(usize, &'static str),
    Delete(usize),
    Add(&'static str, Role),
}

fn step() -> impl Strategy<Value = Step> {
    let point = [5.0..58.0, 5.0..58.0, 0.0..33.0_f64];
    prop_oneof![
        8 => (any::<bool>(), 0usize..3, 0usize..5, proptest::collection::vec(point, 1..4), 1.0..9.0, any::<bool>())
            .prop_map(|(tool, orientation, roi, points, radius, ball)| Step::Stroke { tool, orientation, roi, points, radius, ball }),
        2 => Just(Step::Undo),
        1 => Just(Step::Redo),
        1 => (0usize..5, prop_oneof![Just(Role::Gtvp), Just(Role::Gtvn), Just(Role::Organ)])
            .prop_map(|(n, role)| Step::Role(n, role)),
        1 => (0usize..5, prop_oneof![Just("PBT"), Just("Heart"), Just("Trachea 2")])
            .prop_map(|(n, name)| Step::Rename(n, name)),
        1 => (0usize..5).prop_map(Step::Delete),
        1 => prop_oneof![Just(("Airway", Role::Organ)), Just(("GTVp 2", Role::Gtvp))]
            .prop_map(|(name, role)| Step::Add(name, role)),
    ]
}

fn nth(b: &Bench, n: usize) -> Option<hilum::structures::RoiId> {
    b.case().structures().rois.get(n).map(|r| r.id)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn undo_to_the_start_and_redo_to_the_end_reproduce_every_contour(steps in proptest::collection::vec(step(), 1..14)) {
        // Every step compares the live features with a full count, see the bench.
        let mut b = Bench::new(small_case(&[
            ("GTVp", Role::Gtvp),
            ("CTV", Role::Ctv),
            ("LN_IASLC_07", Role::Station(Station::S7)),
            ("Trachea", Role::Organ),
            ("Bronchus_L", Role::Organ),
        ]));
        let start = b.case().structures().clone();
        for step in steps {
            match step {
                Step::Undo => { b.run(Command::Undo); }
                Step::Redo => { b.run(Command::Redo); }
                Step::Add(name, role) => { b.run(Command::AddRoi { name: name.into(), role }); }
                Step::Role(n, role) => if let Some(roi) = nth(&b, n) {
                    b.run(Command::SetRole { roi, role });
                },
                Step::Rename(n, name) => if let Some(roi) = nth(&b, n) {
                    b.run(Command::Rename { roi, name: name.into() });
                },
                Step::Delete(n) => if let Some(roi) = nth(&b, n) {
                    b.run(Command::DeleteRoi(roi));
                },
                Step::Stroke { tool, orientation, roi, points, radius, ball } => {
                    let Some(id) = nth(&b, roi) else { continue };
                    b.run(Command::SelectRoi(Some(id))).run(Command::SetBrushRadius(radius));
                    b.run(Command::SetBrushShape(if ball { BrushShape::Ball } else { BrushShape::Disc }));
                    let orientation = [Orientation::Axial, Orientation::Sagittal, Orientation::Coronal][orientation];
                    let points: Vec<DVec3> = points.into_iter().map(DVec3::from_array).collect();
                    b.stroke(if tool { ToolKind::Brush } else { ToolKind::Eraser }, orientation, &points);
                }
            }
        }
        let end: StructureSet = b.case().structures().clone();
        let mut undone = 0;
        while b.case().history().undo_label().is_some() {
            b.run(Command::Undo);
            undone += 1;
        }
        prop_assert_eq!(b.case().structures(), &start);
        for _ in 0..undone {
            b.run(Command::Redo);
        }
        prop_assert_eq!(b.case().structures(), &end);
    }
}

#[test]
fn a_difference_of_whole_sets_is_measured_beside_the_window_and_keeps_up_with_edits() {
    let measured = |mode| {
        let mut b = Bench::with_mode(mode, small_case(&[("CTV", Role::Ctv)]));
        b.select("CTV").run(Command::SetBrushRadius(18.0)).run(Command::SetBrushShape(BrushShape::Ball));
        b.stroke(ToolKind::Brush, Orientation::Axial, &[CENTER]);
        let show = b.workbench.command_for(Action::ToggleDifference).expect("it can be shown");
        b.only(show);
        let waiting = b.workbench.differences().expect("shown").waiting();
        // An edit meanwhile: its slice is another one when the job is done.
        b.only(Command::SetBrushShape(BrushShape::Disc)).only(Command::SetTool(ToolKind::Eraser));
        b.only(Command::SetBrushRadius(3.0)).only(press()).only(Command::Tool(ToolEvent::Release));
        b.poll_until(|w| w.differences().is_some_and(|d| d.waiting() == 0));
        let pair = b.workbench.differences().expect("shown").pairs()[0].clone();
        let slices = pair.slices().map(|(k, d)| (k, d.missed_mm2, d.extra_mm2)).collect::<Vec<_>>();
        let areas = b.roi("CTV").slices.iter().map(|(k, c)| (*k, hilum::contour::area_mm2(c))).collect::<Vec<_>>();
        (waiting, slices, areas)
    };
    let (waiting, slices, areas) = measured(JobMode::Stepped);
    assert!(waiting > 8, "a job has it: {waiting}");
    assert_eq!(slices.iter().map(|(k, _, extra)| (*k, *extra)).collect::<Vec<_>>(), areas);
    let at_once = measured(JobMode::Inline);
    assert_eq!(at_once, (0, slices, areas));
}
