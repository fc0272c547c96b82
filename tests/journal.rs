//! The journal: every finished edit is on the disk, and the case comes back as it was left, undo included.

use crate::support::bench::{even, write_case};
use glam::DVec3;
use hilum::geometry::Orientation;
use hilum::structures::Role;
use hilum::workbench::jobs::JobMode;
use hilum::workbench::journal::JournalCommand;
use hilum::workbench::tools::{Pointer, ToolEvent};
use hilum::workbench::{Command, ToolKind, Workbench};

fn stroke(w: &mut Workbench, x: f64) {
    let at = DVec3::new(x, 30.0, 15.0);
    w.execute(Command::Tool(ToolEvent::Press(Pointer::new(at, Orientation::Axial))));
    w.execute(Command::Tool(ToolEvent::Drag { at: at + DVec3::X * 3.0 }));
    w.execute(Command::Tool(ToolEvent::Release));
}

#[test]
fn a_case_that_was_not_closed_comes_back_as_it_was_with_its_history() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let settings = folder.path().join("home/settings.toml");
    let data = folder.path().join("case");
    write_case(&data, &["Plan"], even());
    let mut w = Workbench::new(JobMode::Inline, Some(settings.clone()));
    w.execute(Command::Open(vec![data]));
    w.poll();
    let roi = w.case().expect("open").structures().rois[0].id;
    w.execute(Command::SelectRoi(Some(roi)));
    w.execute(Command::SetTool(ToolKind::Brush));
    for n in 0..4 {
        stroke(&mut w, 18.0 + 4.0 * f64::from(n));
    }
    w.execute(Command::Rename { roi, name: "Renamed".into() });
    w.execute(Command::SetRole { roi, role: Role::Gtvn });
    w.execute(Command::SetColor { roi, color: [1, 2, 3] });
    w.execute(Command::AddRoi { name: "Second".into(), role: Role::Other });
    w.execute(Command::DeleteRoi(roi));
    w.execute(Command::Undo);
    w.execute(Command::Undo);
    w.execute(Command::Redo);
    let case = w.case().expect("open");
    let (left, state, steps) = (case.structures().clone(), case.history().state(), case.history().len());
    assert!(w.edits_are_kept() && w.journal_status().is_some_and(|s| s.waiting == 0 && s.path.is_some()));
    // Not closed: as after a crash nothing more is written, and the lock is gone.
    drop(w);

    let mut w = Workbench::new(JobMode::Inline, Some(settings));
    w.poll();
    let path = w.unfinished_journals().next().expect("offered").path.clone();
    w.execute(Command::Journal(JournalCommand::Recover(path)));
    w.poll();
    let case = w.case().expect("recovered");
    case.check_invariants().expect("masks follow contours");
    assert_eq!(*case.structures(), left);
    assert_eq!((case.history().state(), case.history().len()), (state, steps));
    assert!(w.has_unexported_changes());
    while w.case().is_some_and(|c| c.history().undo_label().is_some()) {
        w.execute(Command::Undo);
        w.case().expect("open").check_invariants().expect("masks follow contours");
    }
    assert_eq!(w.case().expect("open").structures().rois[0].name, "Tumor 0");
}
