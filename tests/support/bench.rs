//! A workbench over a small case made in memory, driven as a user would, with the invariants
//! checked after every command.

use glam::DVec3;
use hilum::contour::{Ring, SliceContours};
use hilum::dicom::{CtMeta, ExportRequest, export_structure_set, write_ct_series};
use hilum::geometry::{Orientation, PatientPoint, VoxelGrid};
use hilum::image::CtVolume;
use hilum::progress::Silent;
use hilum::structures::{Provenance, Roi, RoiId, Role, StructureSet};
use hilum::workbench::jobs::{JobKey, JobMode};
use hilum::workbench::tools::{Pointer, ToolEvent};
use hilum::workbench::{Case, CaseImage, Command, Live, LoadedCase, Surroundings, ToolKind, Workbench};
use ndarray::Array3;
use std::path::Path;
use std::sync::Arc;

/// 64 x 64 x 12 voxels of 1 x 1 x 3 mm of soft tissue, with ROIs of these names and roles without contours.
pub fn small_case(rois: &[(&str, Role)]) -> LoadedCase {
    let roi = |(name, role): &(&str, Role)| Roi::new(RoiId(0), *name, [200, 80, 80], *role, Provenance::Drawn);
    made_case(|_| 30, rois.iter().map(roi).collect())
}

/// 64 x 64 x 12 voxels of 1 x 1 x 3 mm with these CT numbers at `[k, j, i]`.
pub fn made_case(hu: impl Fn([usize; 3]) -> i16, rois: Vec<Roi>) -> LoadedCase {
    let grid = Arc::new(VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 3.0], [64, 64, 12]).expect("valid grid"));
    let hu = Array3::from_shape_fn(grid.shape(), |(k, j, i)| hu([k, j, i]));
    loaded(CtVolume::new(Arc::clone(&grid), hu), rois, Surroundings::find)
}

/// A case of a scan made in memory.
pub fn loaded(volume: CtVolume, rois: Vec<Roi>, surroundings: impl Fn(&Case) -> Surroundings) -> LoadedCase {
    let meta = Arc::new(CtMeta::synthetic("Bench", 1, volume.grid.slices()));
    let case = Case::new(CaseImage { volume, meta }, StructureSet { rois }, Vec::new());
    LoadedCase {
        surroundings: surroundings(&case),
        case,
        other_structure_sets: Vec::new(),
        warnings: Vec::new(),
        uncertain_roles: Default::default(),
        opened: Vec::new(),
        found: Default::default(),
    }
}

/// Who the patient of [`write_case`] is; nothing of it may be read where identifiers are hidden.
pub const PATIENT: [&str; 2] = ["Mustermann", "Erika"];
pub const PATIENT_ID: &str = "PID-4711";

/// Writes the small case as DICOM of a named patient: a CT series, and one structure set for each label.
pub fn write_case(folder: &Path, labels: &[&str], positions_mm: Vec<f64>) {
    let LoadedCase { case, .. } = small_case(&[("CTV", Role::Ctv)]);
    let shape = [64, 64];
    let grid = VoxelGrid::new(DVec3::ZERO, DVec3::X, DVec3::Y, [1.0; 2], shape, positions_mm).expect("valid grid");
    let grid = Arc::new(grid);
    let volume = CtVolume::new(Arc::clone(&grid), Array3::from_elem(grid.shape(), 30));
    let mut meta = CtMeta::synthetic("Bench", 1, grid.slices());
    meta.patient.dicom_name = PATIENT.join("^");
    meta.patient.id = PATIENT_ID.into();
    meta.patient.birth_date = "19571123".into();
    meta.study_date = "20210304".into();
    write_ct_series(&volume, &meta, folder, &Silent).expect("written");
    for (n, label) in labels.iter().enumerate() {
        let mut structures = case.structures().clone();
        structures.rois[0].name = format!("Tumor {n}");
        let ring = Ring::new([[20.0, 20.0], [40.0, 20.0], [40.0, 40.0], [20.0, 40.0]]);
        structures.rois[0].slices.insert(5, Arc::new(SliceContours::new(vec![ring])));
        let request = ExportRequest {
            ct: &meta,
            grid: &grid,
            structures: &structures,
            sources: &[],
            label,
            description: "",
            overwrite: false,
            hide_identifiers: false,
        };
        export_structure_set(&request, &folder.join(format!("RS{n}.dcm"))).expect("exported");
    }
}

/// Three series of one patient in one folder: a large one with a missing slice (number 1), the one on which
/// the structure set "Plan" was drawn (number 2), and a small one of another frame of reference (number 3).
pub fn write_three_series(folder: &Path) {
    let planning = folder.join("planning");
    write_case(&planning, &["Plan"], even());
    let gap = (0..14).map(|k| 3.0 * f64::from(k) + if k > 6 { 3.0 } else { 0.0 }).collect();
    write_series(&folder.join("diagnostic"), 2, "Mustermann diagnostic", true, gap);
    write_series(
        &folder.join("follow up"),
        3,
        "Mustermann follow up",
        false,
        (0..8).map(|k| 1.25 * f64::from(k)).collect(),
    );
}

/// Another CT series of the patient of [`write_case`].
pub fn write_series(folder: &Path, seed: u64, description: &str, same_frame: bool, positions_mm: Vec<f64>) {
    let grid = VoxelGrid::new(DVec3::ZERO, DVec3::X, DVec3::Y, [1.0; 2], [64, 64], positions_mm).expect("valid grid");
    let grid = Arc::new(grid);
    let round = |(_, j, i): (usize, usize, usize)| {
        if (i as i32 - 32).pow(2) + (j as i32 - 32).pow(2) < 700 { 40 } else { -900 }
    };
    let volume = CtVolume::new(Arc::clone(&grid), Array3::from_shape_fn(grid.shape(), round));
    let first = CtMeta::synthetic("Bench", 1, 1);
    let mut meta = CtMeta::synthetic("Bench", seed, grid.slices());
    meta.patient.dicom_name = PATIENT.join("^");
    meta.patient.id = PATIENT_ID.into();
    meta.study_date = "20210304".into();
    meta.study_instance_uid = first.study_instance_uid;
    if same_frame {
        meta.frame_of_reference_uid = first.frame_of_reference_uid;
    }
    meta.series_description = description.into();
    write_ct_series(&volume, &meta, folder, &Silent).expect("written");
}

/// Evenly spaced slices for [`write_case`].
pub fn even() -> Vec<f64> {
    (0..12).map(|k| 3.0 * f64::from(k)).collect()
}

/// A workbench that checks itself.
pub struct Bench {
    pub workbench: Workbench,
}

impl Bench {
    pub fn new(loaded: LoadedCase) -> Self {
        Self::with_mode(JobMode::Inline, loaded)
    }

    pub fn with_mode(mode: JobMode, loaded: LoadedCase) -> Self {
        let mut workbench = Workbench::new(mode, None);
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

    /// The newest message.
    pub fn message(&self) -> &str {
        self.workbench.notices().all().last().map_or("", |n| n.summary.as_str())
    }

    /// Performs a command without taking in what jobs have done.
    pub fn only(&mut self, command: Command) -> &mut Self {
        self.workbench.execute(command);
        self
    }

    /// Takes in what jobs have done, one event at a time, until a condition holds.
    pub fn poll_until(&mut self, done: impl Fn(&Workbench) -> bool) -> &mut Self {
        for _ in 0..200 {
            if done(&self.workbench) {
                return self;
            }
            self.workbench.poll();
        }
        panic!("it never happened; the newest message is {:?}", self.message());
    }

    /// One stroke with a tool through points of patient space.
    pub fn stroke(&mut self, tool: ToolKind, orientation: Orientation, points: &[PatientPoint]) -> &mut Self {
        self.run(Command::SetTool(tool));
        self.run(Command::Tool(ToolEvent::Press(Pointer::new(points[0], orientation))));
        for at in &points[1..] {
            self.run(Command::Tool(ToolEvent::Drag { at: *at }));
        }
        self.run(Command::Tool(ToolEvent::Release))
    }

    fn check(&self) {
        let case = self.case();
        case.check_invariants().unwrap_or_else(|problem| panic!("{problem}"));
        if let Some(live) = self.workbench.live().filter(|_| !self.workbench.is_running(JobKey::Airway)) {
            assert_eq!(live.features().revision, case.revision(), "features are current");
            let fresh = Live::new(case, Surroundings::find(case), None);
            assert_eq!(live.features().value, fresh.features().value, "features are those of a full count");
        }
    }
}
