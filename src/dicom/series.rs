//! A CT series at a glance, before any of its pixels are read: how its slices lie, what is doubtful about
//! them, and the slice in the middle as a series of its own, for a small picture.

use super::ct::{CtError, load_ct};
use super::scan::CtSeries;
use super::stack::Stack;
use super::warning::{ImportWarning, Severity};
use crate::geometry::VoxelGrid;
use crate::image::CtVolume;
use crate::progress::Progress;
use std::collections::BTreeMap;

/// How the slices of a series lie.
#[derive(Debug, Clone)]
pub struct SeriesOutlook {
    /// Slices of the volume; what cannot be used is not counted.
    pub slices: usize,
    /// Least and greatest distance between slices that follow each other, mm; `None` for a single image.
    pub spacing_mm: Option<[f64; 2]>,
    pub grid: VoxelGrid,
    /// What makes the geometry doubtful.
    pub doubts: Vec<ImportWarning>,
    /// The slice in the middle, as a series of its own.
    pub middle: CtSeries,
}

impl CtSeries {
    /// Orders the slices by their headers, as loading would.
    ///
    /// # Errors
    /// The reason why the series cannot be opened.
    pub fn outlook(&self) -> Result<SeriesOutlook, CtError> {
        let Stack { mut slices, grid, mut warnings } = Stack::build(self, &BTreeMap::new())?;
        warnings.retain(|w| w.severity == Severity::Geometry);
        let count = slices.len();
        let distances = (1..count).map(|k| grid.position_mm(k) - grid.position_mm(k - 1));
        let spacing_mm = distances.fold(None, |range: Option<[f64; 2]>, d| {
            Some(range.map_or([d, d], |[least, most]| [least.min(d), most.max(d)]))
        });
        let middle = Self { slices: vec![slices.swap_remove(count / 2)], ..self.clone() };
        Ok(SeriesOutlook { slices: count, spacing_mm, grid, doubts: warnings, middle })
    }

    /// The pixels of the series; for the one in the middle a single slice.
    ///
    /// # Errors
    /// [`CtError`].
    pub fn pixels(&self, progress: &dyn Progress) -> Result<CtVolume, CtError> {
        load_ct(self, progress, &mut |_| {}).map(|loaded| loaded.volume)
    }
}
