//! A workbench over a small case made in memory, driven as a user would, with the invariants
//! checked after every command.

use glam::DVec3;
use hilum::dicom::CtMeta;
use hilum::geometry::{Orientation, PatientPoint, VoxelGrid};
use hilum::image::CtVolume;
use hilum::structures::{Provenance, Roi, RoiId, Role, StructureSet};
use hilum::workbench::jobs::JobMode;
use hilum::workbench::tools::ToolEvent;
use hilum::workbench::{Case, CaseImage, Command, LoadedCase, Surroundings, ToolKind, Workbench};
use ndarray::Array3;
use std::sync::Arc;

/// 64 x 64 x 12 voxels of 1 x 1 x 3 mm of soft tissue, with ROIs of these names and roles without contours.
pub fn small_case(rois: &[(&str, Role)]) -> LoadedCase {
    let grid = Arc::new(VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 3.0], [64, 64, 12]).expect("valid grid"));
    let volume = CtVolume::new(Arc::clone(&grid), Array3::from_elem(grid.shape(), 30));
    let meta = Arc::new(CtMeta::synthetic("Bench", 1, grid.slices()));
    let rois =
        rois.iter().map(|(name, role)| Roi::new(RoiId(0), *name, [200, 80, 80], *role, Provenance::Drawn)).collect();
    let case = Case::new(CaseImage { volume, meta }, StructureSet { rois }, Vec::new());
    LoadedCase {
        surroundings: Surroundings::find(&case),
        case,
        other_structure_sets: Vec::new(),
        warnings: Vec::new(),
        uncertain_roles: Vec::new(),
        opened: None,
    }
}

/// A workbench that checks itself.
pub struct Bench {
    pub workbench: Workbench,
}

impl Bench {
    pub fn new(loaded: LoadedCase) -> Self {
        let mut workbench = Workbench::new(JobMode::Inline, None);
        workbench.take_case(loaded);
        let bench = Self { workbench };
        bench.check();
        bench
    }

    pub fn case(&self) -> &Case {
        self.workbench.case().expect("a case is open")
    }

    pub fn roi(&self, name: &str) -> &Roi {
        self.case().structures().by_name(name).unwrap_or_else(|| panic!("no structure {name}"))
    }

    pub fn volume_cm3(&self, name: &str) -> f64 {
        self.case().mask(self.roi(name).id).volume_cm3(self.case().grid())
    }

    /// Performs a command and checks the case.
    pub fn run(&mut self, command: Command) -> &mut Self {
        self.workbench.execute(command);
        self.workbench.poll();
        self.check();
        self
    }

    pub fn select(&mut self, name: &str) -> &mut Self {
        let id = self.roi(name).id;
        self.run(Command::SelectRoi(Some(id)))
    }

    /// One stroke with a tool through points of patient space.
    pub fn stroke(&mut self, tool: ToolKind, orientation: Orientation, points: &[PatientPoint]) -> &mut Self {
        self.run(Command::SetTool(tool));
        self.run(Command::Tool(ToolEvent::Press { at: points[0], orientation, inverted: false }));
        for at in &points[1..] {
            self.run(Command::Tool(ToolEvent::Drag { at: *at }));
        }
        self.run(Command::Tool(ToolEvent::Release))
    }

    fn check(&self) {
        let case = self.case();
        case.check_invariants().unwrap_or_else(|problem| panic!("{problem}"));
        if let Some(live) = self.workbench.live() {
            assert_eq!(live.features().revision, case.revision(), "features are current");
        }
    }
}
