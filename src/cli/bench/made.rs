//! A case on the disk for measurements that open one, and a sequence of edits that is the same every time.

use crate::cli::failure::Failure;
use crate::contour::{Ring, SliceContours};
use crate::dicom::{CtMeta, ExportRequest, export_structure_set, write_ct_series};
use crate::geometry::{Orientation, VoxelGrid};
use crate::image::CtVolume;
use crate::progress::Progress;
use crate::structures::{Provenance, Roi, RoiId, Role, StructureSet};
use crate::workbench::tools::{Keys, Pointer, ToolEvent};
use crate::workbench::{Case, Command, ToolKind, Workbench};
use glam::DVec3;
use ndarray::Array3;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SPACING_MM: [f64; 3] = [1.0, 1.0, 3.0];
/// A case that is not open by then does not open.
pub const LONGEST_OPENING: Duration = Duration::from_mins(1);
/// Points of the rings that the case begins with.
const POINTS: usize = 240;

/// Writes a CT of so many columns, rows and slices, with a structure set of two structures.
pub fn write(folder: &Path, size: [usize; 3], progress: &dyn Progress) -> Result<(), Failure> {
    let grid = Arc::new(VoxelGrid::axial(DVec3::ZERO, SPACING_MM, size).map_err(Failure::failed)?);
    let volume = CtVolume::new(Arc::clone(&grid), Array3::from_shape_fn(grid.shape(), |(k, j, i)| (k + j + i) as i16));
    let meta = CtMeta::synthetic("Benchmark", 0, grid.slices());
    write_ct_series(&volume, &meta, folder, progress).map_err(Failure::failed)?;
    let structures = StructureSet { rois: vec![roi(1, "GTVp", Role::Gtvp, size), roi(2, "CTV", Role::Ctv, size)] };
    let request = ExportRequest {
        ct: &meta,
        grid: &grid,
        structures: &structures,
        sources: &[],
        label: "Benchmark",
        description: "",
        overwrite: false,
        hide_identifiers: false,
    };
    export_structure_set(&request, &folder.join("structures.dcm")).map_err(Failure::failed)?;
    Ok(())
}

fn roi(id: u32, name: &str, role: Role, [columns, rows, slices]: [usize; 3]) -> Roi {
    let middle = [columns as f64 / 2.0, rows as f64 / 2.0];
    let radius_mm = columns.min(rows) as f64 * (0.15 + 0.05 * f64::from(id));
    let ring = Ring::new((0..POINTS).map(|n| {
        let angle = std::f64::consts::TAU * n as f64 / POINTS as f64;
        let r = radius_mm * (1.0 + 0.1 * (5.0 * angle).sin());
        [middle[0] + r * angle.cos(), middle[1] + r * angle.sin()]
    }));
    let contours = Arc::new(SliceContours::new(vec![ring]));
    let mut roi = Roi::new(RoiId(id), name, [200, 80, 80], role, Provenance::Drawn);
    roi.slices = (slices / 4..slices * 3 / 4).map(|k| (k, Arc::clone(&contours))).collect();
    roi
}

/// Opens a case and waits until it is there.
pub fn open(workbench: &mut Workbench, case: &Path, longest: Duration) -> Result<(), Failure> {
    workbench.execute(Command::Open(vec![case.to_owned()]));
    let begun = Instant::now();
    while workbench.case().is_none() {
        if begun.elapsed() > longest {
            let said: Vec<&str> = workbench.notices().all().iter().map(|n| n.summary.as_str()).collect();
            return Err(Failure::Failed(format!("the case could not be opened: {}", said.join("; "))));
        }
        workbench.poll();
        std::thread::sleep(Duration::from_millis(1));
    }
    workbench.execute(Command::SetTool(ToolKind::Brush));
    Ok(())
}

/// Edit number `n` of a sequence that is the same every time: strokes, and all else that makes a step.
pub fn act(workbench: &mut Workbench, n: usize) {
    let Some((first, last)) = workbench.case().and_then(|case| {
        let rois = &case.structures().rois;
        Some((rois.first()?.id, rois.last()?.id))
    }) else {
        return;
    };
    match n % 16 {
        2 => workbench.execute(Command::AddRoi { name: format!("Added {n}"), role: Role::Other }),
        4 => workbench.execute(Command::Rename { roi: first, name: format!("Target {n}") }),
        6 => workbench.execute(Command::SetColor { roi: first, color: [n as u8, 90, 160] }),
        8 | 9 | 13 => workbench.execute(Command::Undo),
        10 => workbench.execute(Command::Redo),
        12 if last != first => workbench.execute(Command::DeleteRoi(last)),
        14 => workbench.execute(Command::SetRole { roi: last, role: Role::Organ }),
        _ => stroke(workbench, first, n),
    }
}

/// A stroke across the border of a structure, moving on with every number; every other one erases.
pub fn stroke(workbench: &mut Workbench, roi: RoiId, n: usize) {
    let Some(grid) = workbench.case().map(|case| Arc::clone(case.grid())) else { return };
    let (columns, rows) = (grid.columns() as f64, grid.rows() as f64);
    let slices = grid.slices();
    let k = slices / 4 + (n * 7) % (slices / 2).max(1);
    let at = |step: usize| {
        let angle = n as f64 * 0.7 + step as f64 * 0.04;
        let radius_mm = columns.min(rows) * (0.2 + 0.02 * (step as f64 * 1.3).sin());
        let [x, y] = [columns / 2.0 + radius_mm * angle.cos(), rows / 2.0 + radius_mm * angle.sin()];
        grid.patient_from_plane([x, y], grid.position_mm(k))
    };
    let keys = if n.is_multiple_of(2) { Keys::NONE } else { Keys::ALT };
    workbench.execute(Command::SelectRoi(Some(roi)));
    workbench.execute(Command::SetBrushRadius(4.0));
    workbench.execute(Command::Tool(ToolEvent::Press(Pointer::new(at(0), Orientation::Axial).with(keys))));
    for step in 1..6 {
        workbench.execute(Command::Tool(ToolEvent::Drag { at: at(step) }));
    }
    workbench.execute(Command::Tool(ToolEvent::Release));
}

/// What a case holds and where it is in its history, as a checksum.
pub fn fingerprint(case: &Case) -> Result<String, Failure> {
    let mut hash = Sha256::new();
    hash.update(serde_json::to_vec(case.structures()).map_err(Failure::failed)?);
    hash.update(case.history().state().to_le_bytes());
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}
