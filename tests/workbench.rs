//! The loop tool, edit, undo, features runs without a window; every stroke is one step; undo to the
//! start and redo to the end reproduce every contour bit for bit.

use crate::support::bench::{Bench, small_case};
use glam::DVec3;
use hilum::geometry::Orientation;
use hilum::structures::{Generation, Role, Station, StructureSet};
use hilum::workbench::tools::{BrushShape, ToolEvent};
use hilum::workbench::{Command, TeachCommand, ToolKind};
use proptest::prelude::*;

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
    b.run(Command::Tool(ToolEvent::Press { at: CENTER, orientation: Orientation::Axial, inverted: false }));
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

/// A random step of a session.
#[derive(Debug, Clone)]
enum Step {
    Stroke { tool: bool, orientation: usize, roi: usize, points: Vec<[f64; 3]>, radius: f64, ball: bool },
    Undo,
    Redo,
    Role(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let point = [5.0..58.0, 5.0..58.0, 0.0..33.0_f64];
    prop_oneof![
        6 => (any::<bool>(), 0usize..3, 0usize..3, proptest::collection::vec(point, 1..4), 1.0..9.0, any::<bool>())
            .prop_map(|(tool, orientation, roi, points, radius, ball)| Step::Stroke { tool, orientation, roi, points, radius, ball }),
        2 => Just(Step::Undo),
        1 => Just(Step::Redo),
        1 => (0usize..3).prop_map(Step::Role),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn undo_to_the_start_and_redo_to_the_end_reproduce_every_contour(steps in proptest::collection::vec(step(), 1..14)) {
        let mut b = bench();
        let start = b.case().structures().clone();
        for step in steps {
            match step {
                Step::Undo => { b.run(Command::Undo); }
                Step::Redo => { b.run(Command::Redo); }
                Step::Role(n) => {
                    let roi = b.case().structures().rois[n].id;
                    b.run(Command::SetRole { roi, role: Role::Gtvn });
                }
                Step::Stroke { tool, orientation, roi, points, radius, ball } => {
                    let id = b.case().structures().rois[roi].id;
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
