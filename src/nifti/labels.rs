//! Labels on the slices of a scan, and as structures.

use super::names::{LabelNames, file_stem};
use super::read::LabelVolume;
use crate::contour::{Mask, SliceMask};
use crate::geometry::VoxelGrid;
use crate::progress::{Cancelled, Progress, Silent};
use crate::structures::{Provenance, Roi, RoiId, Role, free_name, organ_color, propose_role, role_color};
use crate::words::{carried, t};
use glam::DVec3;
use ndarray::{Array3, ArrayView2, Axis};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Voxel centres nearer than this are the same place, mm: what the float32 of NIfTI-1 leaves of a position.
pub const SAME_MM: f64 = 1e-3;

/// Why labels cannot be brought onto a scan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OntoGridError {
    #[error("{}", crate::words::t("the volume holds no label, only background"))]
    Empty,
    #[error("{}", crate::tf!("none of the {voxels} labelled voxels lies in the scan; do labels and CT belong to the same patient and examination?", voxels = .voxels))]
    Elsewhere { voxels: u64 },
}

/// Labels on the grid of a scan.
#[derive(Debug, Clone)]
pub struct LabelsOnGrid {
    pub volume: LabelVolume,
    /// True where every voxel of the scan has its own voxel in the labels, within 1e-3 mm, and no label was
    /// lost. Otherwise the notes of the volume say what was done.
    pub exact: bool,
}

/// Labels as structures; `RoiId(0)`: the case gives the ids.
#[derive(Debug, Clone)]
pub struct LabelRois {
    /// In the order of the labels.
    pub rois: Vec<Roi>,
    /// Indices of the ROIs whose role is only a guess from the name.
    pub uncertain_roles: Vec<usize>,
    /// Voxels that the contours give differently from the labels, over all ROIs (0 but for a defect).
    pub voxels_different: u64,
    pub notes: Vec<String>,
}

/// Indices `(k, j, i)` of a regular grid: linear in space, unlike those of a grid with uneven slices.
struct Lattice<'a> {
    grid: &'a VoxelGrid,
    /// Distance between neighbours along k, j, i, mm.
    spacing: DVec3,
}

impl<'a> Lattice<'a> {
    fn of(grid: &'a VoxelGrid) -> Self {
        let slice = if grid.slices() > 1 { grid.position_mm(1) - grid.position_mm(0) } else { 1.0 };
        Self { grid, spacing: DVec3::new(slice, grid.spacing_j_mm(), grid.spacing_i_mm()) }
    }

    fn index(&self, patient: DVec3) -> DVec3 {
        let (uv, n) = self.grid.plane_from_patient(patient);
        let ij = self.grid.index_from_plane(uv);
        DVec3::new((n - self.grid.position_mm(0)) / self.spacing.x, ij.y, ij.x)
    }

    /// The change of index along a direction of this length.
    fn step(&self, along: DVec3) -> DVec3 {
        DVec3::new(
            along.dot(self.grid.normal()),
            along.dot(self.grid.j_direction()),
            along.dot(self.grid.i_direction()),
        ) / self.spacing
    }

    fn distance_to_voxel_mm(&self, index: DVec3) -> f64 {
        ((index - index.round()) * self.spacing).length()
    }

    fn voxel(&self, index: DVec3) -> Option<[usize; 3]> {
        let at = index.round();
        let shape = self.grid.shape();
        let inside = (0..3).all(|a| at[a] >= 0.0 && at[a] < shape[a] as f64);
        inside.then_some([at.x as usize, at.y as usize, at.z as usize])
    }
}

/// The rows of a target slice in the indices of a source: the first voxel of the slice, and a step along j and i.
struct SlicePath {
    first: DVec3,
    along_j: DVec3,
    along_i: DVec3,
}

impl SlicePath {
    /// The slice of the source that has the same rows and columns, for paths that run from voxel to voxel.
    fn same_slice(&self, source: &Lattice, rows_columns: [usize; 2]) -> Option<usize> {
        let [slices, rows, columns] = source.grid.shape();
        let first = self.first.round();
        let is_same = rows_columns == [rows, columns]
            && (first.y, first.z) == (0.0, 0.0)
            && self.along_j.round() == DVec3::Y
            && self.along_i.round() == DVec3::Z;
        (is_same && first.x >= 0.0 && first.x < slices as f64).then_some(first.x as usize)
    }
}

impl LabelVolume {
    /// The labels at the voxel centres of a scan. Where the grids coincide (flips and swapped axes included)
    /// voxels are copied; elsewhere each centre takes the label of the voxel in which it lies, and a note says so.
    ///
    /// # Errors
    /// [`OntoGridError`].
    pub fn onto_grid(&self, target: &Arc<VoxelGrid>) -> Result<LabelsOnGrid, OntoGridError> {
        let labelled = count(&self.labels);
        if labelled == 0 {
            return Err(OntoGridError::Empty);
        }
        let source = Lattice::of(&self.grid);
        let [slices, rows, columns] = target.shape();
        let path = |k: usize| SlicePath {
            first: source.index(target.patient_from_voxel(k, 0.0, 0.0)),
            along_j: source.step(target.j_direction() * target.spacing_j_mm()),
            along_i: source.step(target.i_direction() * target.spacing_i_mm()),
        };
        let coincide = (0..slices).all(|k| is_on_lattice(&source, &path(k), rows, columns));
        let mut labels = Array3::<u16>::zeros(target.shape());
        let largest_mm = labels
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .enumerate()
            .map(|(k, mut slice)| {
                let path = path(k);
                // The usual case: the slice is one of the labels', voxel for voxel.
                if coincide && let Some(same) = path.same_slice(&source, [rows, columns]) {
                    slice.assign(&self.labels.index_axis(Axis(0), same));
                    return 0.0;
                }
                let mut largest: f64 = 0.0;
                for ((j, i), label) in slice.indexed_iter_mut() {
                    let index = path.first + path.along_j * j as f64 + path.along_i * i as f64;
                    if let Some(at) = source.voxel(index) {
                        *label = self.labels[at];
                        largest = largest.max(source.distance_to_voxel_mm(index));
                    }
                }
                largest
            })
            .reduce(|| 0.0, f64::max);
        let kept = count(&labels);
        if kept == 0 {
            return Err(OntoGridError::Elsewhere { voxels: labelled });
        }
        let mut notes = self.notes.clone();
        let volume = Self {
            grid: Arc::clone(target),
            labels,
            placement: self.placement,
            names: self.names.clone(),
            notes: Vec::new(),
        };
        if coincide {
            if kept < labelled {
                notes.push(crate::tf!(
                    "{outside} of {labelled} labelled voxels lie outside the slices of the CT and were left out",
                    outside = labelled - kept,
                    labelled
                ));
            }
        } else {
            notes.push(crate::tf!(
                "the voxels of the labels are not those of the CT: each CT voxel took the label of the nearest one \
                 (up to {largest_mm:.3} mm away), and the labelled volume changed from {before:.3} to {now:.3} cm3",
                largest_mm,
                before = labelled_cm3(self),
                now = labelled_cm3(&volume)
            ));
        }
        Ok(LabelsOnGrid { volume: Self { notes, ..volume }, exact: coincide && kept == labelled })
    }

    /// The voxels of every label that occurs.
    pub fn masks(&self) -> BTreeMap<u16, Mask> {
        let slices: Vec<BTreeMap<u16, SliceMask>> =
            self.labels.axis_iter(Axis(0)).into_par_iter().map(|slice| slice_masks(slice)).collect();
        let mut masks: BTreeMap<u16, Mask> = BTreeMap::new();
        for (k, slice) in slices.into_iter().enumerate() {
            for (label, mask) in slice {
                masks.entry(label).or_default().slices.insert(k, Arc::new(mask));
            }
        }
        masks
    }

    /// The labels as structures with smooth outlines that rasterize back to exactly the same voxels.
    ///
    /// Names come from `names`, else from the file itself; a lone label without a name is called as the file,
    /// others "Label 5". Roles are proposed from the names. `path` is only named, not read.
    pub fn rois(&self, names: &LabelNames, path: &Path) -> LabelRois {
        self.rois_with(names, path, &Silent).expect("Silent never asks to stop")
    }

    /// As [`Self::rois`]; it can be stopped.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn rois_with(&self, names: &LabelNames, path: &Path, progress: &dyn Progress) -> Result<LabelRois, Cancelled> {
        let masks: Vec<(u16, Mask)> = self.masks().into_iter().collect();
        let lone = masks.len() == 1;
        let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let mut out =
            LabelRois { rois: Vec::new(), uncertain_roles: Vec::new(), voxels_different: 0, notes: Vec::new() };
        let mut unnamed = Vec::new();
        for (n, (label, _)) in masks.iter().enumerate() {
            let known = names.get(*label).or_else(|| self.names.get(*label)).map(str::to_owned);
            let name = known.unwrap_or_else(|| {
                if lone {
                    file_stem(path)
                } else {
                    unnamed.push(label.to_string());
                    format!("Label {label}")
                }
            });
            let name = free_name(&name, |taken| out.rois.iter().any(|r: &Roi| r.name == taken));
            let proposal = propose_role(&name, "");
            if !proposal.certain {
                out.uncertain_roles.push(n);
            }
            let color = match proposal.role {
                Role::Organ => organ_color(&name),
                Role::Other => HUES[n % HUES.len()],
                role => role_color(role),
            };
            let provenance = Provenance::Traced { label: format!("NIfTI label {label}"), file: file.clone() };
            out.rois.push(Roi::new(RoiId(0), name, color, proposal.role, provenance));
        }
        if !unnamed.is_empty() {
            out.notes.push(crate::tf!(
                "no name is known for the labels {labels}; put a table with the columns id,structure beside the file",
                labels = unnamed.join(", ")
            ));
        }
        let done = AtomicUsize::new(0);
        let traced: Vec<(Roi, u64)> = std::mem::take(&mut out.rois)
            .into_par_iter()
            .zip(&masks)
            .map(carried(|(roi, (_, mask)): (Roi, &(u16, Mask))| {
                progress.checkpoint()?;
                let traced = roi.with_mask(&self.grid, mask);
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                if !lone {
                    progress.report(t("Tracing the labels"), done, masks.len());
                }
                Ok(traced)
            }))
            .collect::<Result<_, Cancelled>>()?;
        for (roi, different) in traced {
            if different > 0 {
                out.notes.push(crate::tf!(
                    "the contours of \"{name}\" differ from its label in {different} voxels",
                    name = roi.name,
                    different
                ));
            }
            out.voxels_different += different;
            out.rois.push(roi);
        }
        Ok(out)
    }
}

/// Colors for labels that say nothing about themselves.
const HUES: [[u8; 3]; 8] = [
    [240, 228, 66],
    [86, 180, 233],
    [230, 159, 0],
    [204, 121, 167],
    [0, 158, 115],
    [213, 94, 0],
    [153, 204, 255],
    [178, 223, 138],
];

/// True if every voxel centre of the slice is a voxel centre of the source's lattice, and neighbours are neighbours.
fn is_on_lattice(source: &Lattice, path: &SlicePath, rows: usize, columns: usize) -> bool {
    let runs = |step: DVec3, n: usize| {
        let whole = step.round();
        let error_mm = ((step - whole) * source.spacing).length() * (n.saturating_sub(1)) as f64;
        error_mm <= 2.0 * SAME_MM && (n < 2 || whole.abs().element_sum() == 1.0)
    };
    let corners = [(0, 0), (rows - 1, 0), (0, columns - 1), (rows - 1, columns - 1)];
    runs(path.along_j, rows)
        && runs(path.along_i, columns)
        && corners.into_iter().all(|(j, i)| {
            source.distance_to_voxel_mm(path.first + path.along_j * j as f64 + path.along_i * i as f64) <= SAME_MM
        })
}

fn count(labels: &Array3<u16>) -> u64 {
    let labelled = |slice: &[u16]| slice.iter().filter(|l| **l != 0).count() as u64;
    labels.as_slice().map_or_else(|| labels.iter().filter(|l| **l != 0).count() as u64, labelled)
}

fn labelled_cm3(volume: &LabelVolume) -> f64 {
    let slices = volume.labels.outer_iter().enumerate();
    slices.map(|(k, s)| s.iter().filter(|l| **l != 0).count() as f64 * volume.grid.voxel_mm3(k)).sum::<f64>() / 1000.0
}

fn slice_masks(slice: ArrayView2<u16>) -> BTreeMap<u16, SliceMask> {
    let columns = slice.ncols();
    let mut rows: BTreeMap<u16, [usize; 2]> = BTreeMap::new();
    for (j, row) in slice.outer_iter().enumerate() {
        let mut before = 0;
        for &label in row {
            if label != before && label != 0 {
                rows.entry(label).or_insert([j, j])[1] = j;
            }
            before = label;
        }
    }
    let empty = |[first, last]: [usize; 2]| SliceMask::with_rows(columns, first, last + 1 - first);
    let mut masks: BTreeMap<u16, SliceMask> = rows.into_iter().map(|(label, r)| (label, empty(r))).collect();
    for ((j, i), label) in slice.indexed_iter() {
        if *label != 0
            && let Some(mask) = masks.get_mut(label)
        {
            mask.set(j, i);
        }
    }
    masks
}
