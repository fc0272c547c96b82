//! The synthetic case on which editing is measured, and its strokes: 512 x 512 x 200 voxels (or as many slices as asked
//! for), sixteen stations, GTVp, GTVn and a CTV of 400-point rings, painted through the workbench as the window does.

use crate::contour::{Ring, SliceContours};
use crate::dicom::CtMeta;
use crate::features::FeatureContext;
use crate::geometry::{Orientation, PatientPoint, PlanePoint, VoxelGrid};
use crate::image::CtVolume;
use crate::structures::{Provenance, Roi, RoiId, Role, Station, StructureSet, role_color, station_color};
use crate::workbench::jobs::JobMode;
use crate::workbench::tools::{self, BrushShape, EditMode, Keys, Pointer, Shape, ToolEvent};
use crate::workbench::{Case, CaseImage, CentralZone, Command, LoadedCase, Surroundings, ToolKind, Workbench};
use glam::DVec3;
use ndarray::Array3;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SIZE: [usize; 2] = [512, 512];
const SLICES: usize = 200;
const SPACING_MM: [f64; 3] = [0.9766, 0.9766, 2.0];
const CTV_SLICES: Range<usize> = 60..140;
const CENTER: PlanePoint = [250.0, 240.0];
const SAMPLES: usize = 20;

/// A workbench with the case, ready to paint on its CTV.
pub struct LiveBench {
    bench: Workbench,
    target: RoiId,
    strokes: usize,
}

impl Default for LiveBench {
    fn default() -> Self {
        Self::new()
    }
}

impl LiveBench {
    pub fn new() -> Self {
        let loaded = loaded(structures(), SLICES);
        let target = loaded.case.structures().with_role(Role::Ctv).map(|r| r.id).next().expect("the case has a CTV");
        let mut bench = Workbench::new(JobMode::Inline, None);
        bench.take_case(loaded);
        bench.execute(Command::SelectRoi(Some(target)));
        bench.execute(Command::SetTool(ToolKind::Brush));
        bench.execute(Command::SetBrushRadius(9.0));
        Self { bench, target, strokes: 0 }
    }

    pub fn case(&self) -> Option<&Case> {
        self.bench.case()
    }

    /// The structure that is painted on.
    pub fn target(&self) -> RoiId {
        self.target
    }

    /// True if a risk model takes part.
    pub fn has_risk(&self) -> bool {
        self.bench.live().is_some_and(|live| live.risk().is_some())
    }

    /// The case in words.
    pub fn describe(&self) -> String {
        format!(
            "{} x {} x {} voxels, {} structures",
            SIZE[0],
            SIZE[1],
            SLICES,
            self.case().map_or(0, |c| c.structures().rois.len())
        )
    }

    /// Paints one stroke across the border of the CTV, as press, drags and release: the time from each
    /// event until contours, masks, features and risk are current. Every fourth stroke uses the ball,
    /// every second erases.
    ///
    /// # Errors
    /// If a result is not current after an event, which would make the times worthless.
    pub fn stroke(&mut self) -> Result<Vec<Duration>, String> {
        let ball = self.strokes % 4 == 3;
        self.bench.execute(Command::SetBrushShape(if ball { BrushShape::Ball } else { BrushShape::Disc }));
        let path = self.next_path();
        let keys = if self.strokes.is_multiple_of(2) { Keys::ALT } else { Keys::NONE };
        let mut events = vec![ToolEvent::Press(Pointer::new(path[0], Orientation::Axial).with(keys))];
        events.extend(path[1..].iter().map(|at| ToolEvent::Drag { at: *at }));
        events.push(ToolEvent::Release);
        let before = self.bench.case().map(Case::revision);
        let mut times = Vec::with_capacity(events.len());
        for event in events {
            let start = Instant::now();
            self.bench.execute(Command::Tool(event));
            times.push(start.elapsed());
            self.check_current()?;
        }
        if self.bench.case().map(Case::revision) == before {
            return Err("a stroke changed nothing; the measurement is void".into());
        }
        Ok(times)
    }

    /// Applies a whole stroke to the case and commits it, without features and risk.
    ///
    /// # Errors
    /// If the case refuses the edit.
    pub fn bare_stroke(&mut self) -> Result<Duration, String> {
        let path = self.next_path();
        let mode = if self.strokes.is_multiple_of(2) { EditMode::Erase } else { EditMode::Add };
        // A copy shares all contours and masks; the stroke goes to the copy, and the next one starts afresh.
        let mut case = self.bench.case().ok_or("no case")?.clone();
        let grid = Arc::clone(case.grid());
        let start = Instant::now();
        case.begin("Brush");
        for pair in path.windows(2) {
            let shape = Shape::AxialDisc { a: pair[0], b: pair[1], radius_mm: 9.0 };
            let roi = case.structures().get(self.target).ok_or("no CTV")?;
            let slices = tools::apply_shape(&roi.slices, &grid, &shape, mode);
            let edit = case.contour_edit("", self.target, slices).map_err(|e| e.to_string())?;
            case.apply(edit).map_err(|e| e.to_string())?;
        }
        case.commit();
        let time = start.elapsed();
        if case.history().undo_label().is_none() {
            return Err("a stroke changed nothing; the measurement is void".into());
        }
        Ok(time)
    }

    fn check_current(&self) -> Result<(), String> {
        let (Some(case), Some(live)) = (self.bench.case(), self.bench.live()) else { return Err("no case".into()) };
        let risk_current = live.risk().is_none_or(|r| r.revision == case.revision());
        if live.features().revision != case.revision() || !risk_current {
            return Err("features or risk were not current after an event; the measurement is void".into());
        }
        Ok(())
    }

    /// Points along the border of the CTV, moving on with every stroke.
    fn next_path(&mut self) -> Vec<PatientPoint> {
        self.strokes += 1;
        let n = self.strokes;
        let k = CTV_SLICES.start + 2 + (n * 7) % (CTV_SLICES.len() - 4);
        let turn = n as f64 * 0.7;
        (0..SAMPLES)
            .map(|s| {
                let angle = turn + s as f64 * 0.03;
                let radius = ctv_radius_mm(angle) + 3.0 * (s as f64 * 0.9).sin();
                DVec3::new(CENTER[0] + radius * angle.cos(), CENTER[1] + radius * angle.sin(), k as f64 * SPACING_MM[2])
            })
            .collect()
    }
}

/// The case as if it had been read.
fn loaded(structures: StructureSet, slices: usize) -> LoadedCase {
    let size = [SIZE[0], SIZE[1], slices];
    let grid = Arc::new(VoxelGrid::axial(DVec3::ZERO, SPACING_MM, size).expect("the sizes above make a grid"));
    let volume = CtVolume::new(Arc::clone(&grid), Array3::from_elem(grid.shape(), 30));
    let meta = Arc::new(CtMeta::synthetic("Benchmark", 0, grid.slices()));
    let case = Case::new(CaseImage { volume, meta }, structures, Vec::new());
    let central_zone = case.role_mask(Role::Station(Station::S7));
    let context = FeatureContext { tracheal_midline_x_mm: Some(CENTER[0]), ..FeatureContext::default() };
    LoadedCase {
        case,
        surroundings: Surroundings { context, zone: CentralZone::given(central_zone) },
        other_structure_sets: Vec::new(),
        warnings: Vec::new(),
        uncertain_roles: Default::default(),
        opened: Vec::new(),
        found: Default::default(),
    }
}

/// The same case with so many structures, the CTV first, on every slice that the CTV meets.
#[cfg(feature = "gui")]
pub(super) fn crowded(count: usize) -> LoadedCase {
    crowded_scan(count, SLICES)
}

/// The same with another number of slices, at least 160.
#[cfg(feature = "gui")]
pub(super) fn crowded_scan(count: usize, slices: usize) -> LoadedCase {
    let mut rois = structures().rois;
    rois.sort_by_key(|roi| roi.role != Role::Ctv);
    for n in rois.len()..count {
        // Organs in a ring around the middle, each as finely drawn as a contour tool leaves it.
        let angle = n as f64 * 2.4;
        let reach = 60.0 + 5.0 * (n % 9) as f64;
        let center = [CENTER[0] + reach * angle.cos(), CENTER[1] + reach * angle.sin()];
        let outline = ring(center, 260, |a| 22.0 + 4.0 * (5.0 * a + angle).sin());
        let color = station_color(Station::all().nth(n % 16).expect("there are sixteen stations"));
        let mut roi = Roi::new(RoiId(0), format!("Organ {n}"), color, Role::Organ, Provenance::Drawn);
        roi.slices = solid(CTV_SLICES, &outline);
        rois.push(roi);
    }
    rois.truncate(count);
    loaded(StructureSet { rois }, slices)
}

fn ctv_radius_mm(angle: f64) -> f64 {
    48.0 + 5.0 * (3.0 * angle).sin() + 2.0 * (11.0 * angle).cos()
}

/// A wavy ring, as drawn outlines are.
fn ring(center: PlanePoint, points: usize, radius_mm: impl Fn(f64) -> f64) -> Ring {
    Ring::new((0..points).map(|n| {
        let angle = std::f64::consts::TAU * n as f64 / points as f64;
        let r = radius_mm(angle);
        [center[0] + r * angle.cos(), center[1] + r * angle.sin()]
    }))
}

fn solid(slices: Range<usize>, ring: &Ring) -> BTreeMap<usize, Arc<SliceContours>> {
    let contours = Arc::new(SliceContours::new(vec![ring.clone()]));
    slices.map(|k| (k, Arc::clone(&contours))).collect()
}

fn structures() -> StructureSet {
    let mut rois = Vec::new();
    let mut add = |name: &str, role: Role, color: [u8; 3], slices| {
        let mut roi = Roi::new(RoiId(0), name, color, role, Provenance::Drawn);
        roi.slices = slices;
        rois.push(roi);
    };
    add(
        "GTVp",
        Role::Gtvp,
        role_color(Role::Gtvp),
        solid(85..110, &ring([270.0, 250.0], 200, |a| 20.0 + 2.0 * (5.0 * a).sin())),
    );
    add("GTVn", Role::Gtvn, role_color(Role::Gtvn), solid(95..105, &ring([228.0, 232.0], 120, |_| 8.0)));
    add("CTV", Role::Ctv, role_color(Role::Ctv), solid(CTV_SLICES, &ring(CENTER, 400, ctv_radius_mm)));
    for station in Station::all() {
        // Two rows of stations side by side, eight levels that overlap the CTV more or less.
        let (side, level) = (station.index() % 2, station.index() / 2);
        let center = [CENTER[0] + if side == 0 { -24.0 } else { 24.0 }, CENTER[1] + 4.0 * (level % 3) as f64];
        let first = 48 + 12 * level;
        let outline = ring(center, 220, |a| 17.0 + 3.0 * (4.0 * a).sin());
        add(station.export_name(), Role::Station(station), station_color(station), solid(first..first + 14, &outline));
    }
    StructureSet { rois }
}
