//! Reading volumes: CT numbers, and labels.

use super::axes::Axes;
use super::file::{NiftiError, Opened, open};
use super::header::Placement;
use super::names::{LabelNames, names_in_extensions};
use crate::geometry::VoxelGrid;
use crate::image::CtVolume;
use crate::progress::{Progress, Silent};
use crate::tf;
use crate::words::t;
use ndarray::Array3;
use std::path::Path;
use std::sync::Arc;

/// A CT read from a NIfTI file.
#[derive(Debug, Clone)]
pub struct NiftiCt {
    pub volume: CtVolume,
    /// What the position in the patient comes from; unknown with [`Placement::Pixdim`], and then networks
    /// and exports should wait until somebody has looked.
    pub placement: Placement,
    /// What had to be guessed, converted or left out, a sentence each.
    pub notes: Vec<String>,
}

/// A volume of labels read from a NIfTI file; 0 is background.
#[derive(Debug, Clone)]
pub struct LabelVolume {
    pub grid: Arc<VoxelGrid>,
    /// `[k, j, i]`.
    pub labels: Array3<u16>,
    pub placement: Placement,
    /// Names that the file itself holds (TotalSegmentator and Connectome Workbench write them).
    pub names: LabelNames,
    /// What had to be guessed, converted or left out, a sentence each.
    pub notes: Vec<String>,
}

/// Reads a CT: `.nii` or `.nii.gz`, NIfTI-1 or 2. Values count as Hounsfield units.
///
/// Columns run to the patient's left, rows to the back and slices to the head, whatever the order in the
/// file; oblique rotations are kept in the directions of the grid. Geometry comes from the sform, else the
/// qform, else the voxel sizes alone (with a note).
///
/// # Errors
/// [`NiftiError`] for files that are cut off, sheared, larger than the limit, or hold something else.
pub fn read_ct(path: &Path) -> Result<NiftiCt, NiftiError> {
    read_ct_slices(path, &Silent, &mut |_, _| {})
}

/// As [`read_ct`], for a window: `on_slice` gets the HU of each slice `k`, row by row, as soon as it is complete, in
/// the order of the file. A file whose slices are not stored one after the other gives none.
///
/// # Errors
/// As [`read_ct`]; [`NiftiError::Cancelled`].
pub fn read_ct_slices(
    path: &Path,
    progress: &dyn Progress,
    on_slice: &mut dyn FnMut(usize, &[i16]),
) -> Result<NiftiCt, NiftiError> {
    let mut counts = HuCounts::default();
    let (grid, hu, opened) = read(path, t("Loading CT"), progress, &mut |v| Ok(counts.hu(v)), on_slice)?;
    let mut notes = opened.notes;
    counts.describe(hu.len(), &mut notes);
    Ok(NiftiCt { volume: CtVolume::new(Arc::new(grid), hu), placement: opened.placement, notes })
}

/// Reads a volume of labels (also a mask of 0 and 1), as [`read_ct`] reads a CT.
///
/// # Errors
/// [`NiftiError`], also where a value is no label: a fraction, negative, or above 65535.
pub fn read_labels(path: &Path) -> Result<LabelVolume, NiftiError> {
    read_labels_with(path, &Silent)
}

/// As [`read_labels`]; it can be stopped.
///
/// # Errors
/// As [`read_labels`]; [`NiftiError::Cancelled`].
pub fn read_labels_with(path: &Path, progress: &dyn Progress) -> Result<LabelVolume, NiftiError> {
    let mut not_numbers = 0u64;
    let (grid, labels, opened) = read(
        path,
        t("Reading labels"),
        progress,
        &mut |v| {
            if v.is_nan() {
                not_numbers += 1;
                return Ok(0);
            }
            let whole = v.round();
            // Labels scaled by a slope or stored as float32 come out whole but for rounding.
            if (v - whole).abs() > 1e-3 {
                return Err(tf!(
                    "it holds the value {v}, which is no label; make a mask of it first (0.5 and more, say)",
                    v
                ));
            }
            if !(0.0..=f64::from(u16::MAX)).contains(&whole) {
                return Err(tf!("it holds the value {v}; labels are whole numbers from 0 to 65535", v));
            }
            Ok(whole as u16)
        },
        &mut |_, _| {},
    )?;
    let mut notes = opened.notes;
    if not_numbers > 0 {
        notes.push(tf!("{not_numbers} voxels hold no number and count as background", not_numbers));
    }
    Ok(LabelVolume { grid: Arc::new(grid), labels, placement: opened.placement, names: opened.names, notes })
}

/// What remains of a file apart from its voxels.
struct Rest {
    placement: Placement,
    names: LabelNames,
    notes: Vec<String>,
}

/// Reads all voxels into an array `[k, j, i]`; `on_slice` as in [`read_ct_slices`].
fn read<T: Copy + Default>(
    path: &Path,
    stage: &str,
    progress: &dyn Progress,
    convert: &mut dyn FnMut(f64) -> Result<T, String>,
    on_slice: &mut dyn FnMut(usize, &[T]),
) -> Result<(VoxelGrid, Array3<T>, Rest), NiftiError> {
    let opened: Opened = open(path)?;
    let unusable = |why: String| NiftiError::Unusable { why, path: path.to_owned() };
    let axes = Axes::of(&opened.header).map_err(unusable)?;
    let mut notes = opened.header.notes.clone();
    notes.extend(axes.notes.iter().cloned());
    let rest = Rest { placement: opened.header.placement, names: names_in_extensions(&opened.extensions), notes };
    let (start, steps) = (axes.start, axes.steps);
    // Zeros of the operating system: memory is used as voxels arrive, not before.
    let mut voxels = vec![T::default(); opened.header.voxel_count()];
    let [_, ny, nz] = opened.header.size;
    let per_slice = axes.grid.rows() * axes.grid.columns();
    let in_slices = steps[2].unsigned_abs() == per_slice;
    opened.for_each_row(progress, &mut |y, z, values| {
        let first = start + steps[1] * y as isize + steps[2] * z as isize;
        let mut at = first;
        // Most rows of a mask are background.
        let background = if values.iter().all(|v| *v == 0.0) { Some(convert(0.0)?) } else { None };
        for v in values {
            voxels[at as usize] = match background {
                Some(same) => same,
                None => convert(*v)?,
            };
            at += steps[0];
        }
        if y + 1 == ny {
            progress.report(stage, z + 1, nz);
            if in_slices {
                let k = first as usize / per_slice;
                on_slice(k, &voxels[k * per_slice..][..per_slice]);
            }
        }
        Ok(())
    })?;
    let array = Array3::from_shape_vec(axes.grid.shape(), voxels).map_err(|e| unusable(e.to_string()))?;
    Ok((axes.grid, array, rest))
}

/// What happens to values on their way to Hounsfield units.
#[derive(Debug)]
struct HuCounts {
    not_numbers: u64,
    rounded: u64,
    clamped: u64,
    low: f64,
    high: f64,
}

impl Default for HuCounts {
    fn default() -> Self {
        Self { not_numbers: 0, rounded: 0, clamped: 0, low: f64::INFINITY, high: f64::NEG_INFINITY }
    }
}

impl HuCounts {
    fn hu(&mut self, v: f64) -> i16 {
        if v.is_nan() {
            self.not_numbers += 1;
            return CtVolume::OUTSIDE_HU;
        }
        self.low = self.low.min(v);
        self.high = self.high.max(v);
        let whole = v.round();
        self.rounded += u64::from((v - whole).abs() > 1e-3);
        self.clamped += u64::from(!(f64::from(i16::MIN)..=f64::from(i16::MAX)).contains(&whole));
        // The cast saturates.
        whole as i16
    }

    fn describe(&self, voxels: usize, notes: &mut Vec<String>) {
        if self.not_numbers > 0 {
            notes.push(tf!(
                "{n} of {voxels} voxels hold no number and count as {hu} HU",
                n = self.not_numbers,
                voxels,
                hu = CtVolume::OUTSIDE_HU
            ));
        }
        if self.rounded > 0 {
            notes.push(tf!("{n} of {voxels} values were rounded to whole HU", n = self.rounded, voxels));
        }
        if self.clamped > 0 {
            notes.push(tf!("{n} values beyond 16 bit were clamped", n = self.clamped));
        }
        // Every CT of a body holds air and soft tissue.
        if self.low > -300.0 || self.high < 0.0 {
            notes.push(tf!(
                "values run from {low} to {high}, which does not look like Hounsfield units; is it a CT?",
                low = self.low,
                high = self.high
            ));
        }
    }
}
