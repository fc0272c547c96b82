//! The journal: every finished edit is on the disk, and the case comes back as it was left, undo included; whatever
//! the disk does, however the program ends, on the command line and in the window.

mod crash;
mod disk;
mod history;
mod kept;
#[cfg(feature = "gui")]
mod window;

use crate::support::bench::{even, write_case};
use glam::DVec3;
use hilum::geometry::Orientation;
use hilum::structures::{RoiId, StructureSet};
use hilum::workbench::jobs::JobMode;
use hilum::workbench::journal::JournalCommand;
use hilum::workbench::tools::{Pointer, ToolEvent};
use hilum::workbench::{Command, ToolKind, Workbench};
use std::path::{Path, PathBuf};

/// A folder with a case and a place for settings and journals.
pub struct Place {
    pub folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self::with_sets(&["Plan"])
    }

    pub fn with_sets(labels: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        write_case(&folder.path().join("case"), labels, even());
        Self { folder }
    }

    pub fn case(&self) -> PathBuf {
        self.folder.path().join("case")
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn settings(&self) -> PathBuf {
        self.home().join("settings.toml")
    }

    pub fn journals(&self) -> PathBuf {
        self.home().join("journal")
    }

    /// The files of journals that lie there.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.journals()).into_iter().flatten();
        entries.map(|e| e.expect("readable").path()).collect()
    }

    pub fn workbench(&self) -> Workbench {
        Workbench::new(JobMode::Inline, Some(self.settings()))
    }

    /// The case opened, with a brush on its structure.
    pub fn opened(&self) -> Workbench {
        let mut w = self.workbench();
        open(&mut w, &self.case());
        w
    }

    /// A program that was ended in the middle of work: so many strokes, not exported.
    pub fn left(&self, strokes: usize) -> StructureSet {
        let mut w = self.opened();
        for n in 0..strokes {
            stroke(&mut w, n);
        }
        w.case().expect("open").structures().clone()
    }
}

pub fn open(w: &mut Workbench, case: &Path) {
    w.execute(Command::Open(vec![case.to_owned()]));
    // The case arrives, then the list of journals.
    w.poll();
    w.poll();
    let roi = first(w);
    w.execute(Command::SelectRoi(Some(roi)));
    w.execute(Command::SetTool(ToolKind::Brush));
}

pub fn first(w: &Workbench) -> RoiId {
    w.case().expect("open").structures().rois[0].id
}

/// A stroke of its own place for each number.
pub fn stroke(w: &mut Workbench, n: usize) {
    let at = DVec3::new(8.0 + (n * 5 % 48) as f64, 10.0 + (n * 11 % 40) as f64, 3.0 * (n * 7 % 12) as f64);
    w.execute(Command::Tool(ToolEvent::Press(Pointer::new(at, Orientation::Axial))));
    w.execute(Command::Tool(ToolEvent::Drag { at: at + DVec3::X * 3.0 }));
    w.execute(Command::Tool(ToolEvent::Release));
}

/// Opens the newest journal again.
pub fn recover(w: &mut Workbench) {
    let path = w.unfinished_journals().next().expect("offered").path.clone();
    w.execute(Command::Journal(JournalCommand::Recover(path)));
    w.poll();
}
