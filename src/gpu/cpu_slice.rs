//! Slices drawn by the processor: the same picture as `shaders/slice.wgsl`, for adapters that cannot
//! hold the scan, and as the reference against which the shader is tested.

use super::frame::{GridFromPixel, SliceFrame, color32, n_range, unit_rgb};
use super::mask_source::{MaskSource, SyncReport, check_slots};
use super::{GpuError, SLOTS};
use crate::contour::SliceMask;
use crate::geometry::{Revision, VoxelGrid};
use crate::image::CtVolume;
use crate::structures::RoiId;
use eframe::egui;
use ndarray::Array3;
use rayon::prelude::*;
use std::sync::Arc;

/// A scan and its masks as the processor draws them.
pub struct CpuScene {
    grid: Arc<VoxelGrid>,
    hu: Arc<Array3<i16>>,
    loaded: Vec<bool>,
    /// Per slice, the slots that hold voxels there.
    masks: Vec<Vec<(usize, Arc<SliceMask>)>>,
    synced: Option<(Revision, Vec<RoiId>)>,
    /// Counts changes, so that a drawn picture can be kept.
    generation: u64,
}

impl CpuScene {
    /// A scan, no slice of which is loaded yet.
    pub fn new(grid: Arc<VoxelGrid>) -> Self {
        let hu = Arc::new(Array3::from_elem(grid.shape(), CtVolume::OUTSIDE_HU));
        let slices = grid.slices();
        Self {
            hu,
            loaded: vec![false; slices],
            masks: vec![Vec::new(); slices],
            synced: None,
            generation: 0,
            grid,
        }
    }

    /// A scan that is there; its voxels are shared.
    pub fn from_volume(volume: &CtVolume) -> Self {
        let slices = volume.grid.slices();
        Self {
            grid: Arc::clone(&volume.grid),
            hu: Arc::clone(&volume.hu),
            loaded: vec![true; slices],
            masks: vec![Vec::new(); slices],
            synced: None,
            generation: 0,
        }
    }

    /// Sets the CT numbers of slice `k`, row by row.
    pub fn upload_slice(&mut self, k: usize, hu: &[i16]) {
        let volume = Arc::make_mut(&mut self.hu);
        let mut slice = volume.index_axis_mut(ndarray::Axis(0), k);
        assert_eq!(hu.len(), slice.len(), "a slice has rows x columns values");
        for (to, from) in slice.iter_mut().zip(hu) {
            *to = *from;
        }
        self.loaded[k] = true;
        self.generation += 1;
    }

    /// Brings the masks to the revision of the source; they are shared, not copied.
    pub fn sync_masks(&mut self, source: &dyn MaskSource) -> Result<SyncReport, GpuError> {
        check_slots(source)?;
        let revision = source.revision();
        let changed = match &self.synced {
            Some((since, slots)) if slots == source.slots() => {
                if *since == revision {
                    return Ok(SyncReport::default());
                }
                source.changed_slices(*since)
            }
            _ => None,
        };
        let changed = changed.unwrap_or_else(|| (0..self.grid.slices()).collect());
        for &k in &changed {
            self.masks[k] = (0..source.slots().len().min(SLOTS))
                .filter_map(|slot| source.slice(slot, k).map(|m| (slot, Arc::clone(m))))
                .collect();
        }
        self.synced = Some((revision, source.slots().to_vec()));
        self.generation += 1;
        Ok(SyncReport { slices: changed.len(), ..SyncReport::default() })
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Draws a frame of `size_px` whole pixels; `view_px` is the true size of the view, which may end within a pixel.
    pub fn draw(
        &self,
        frame: &SliceFrame,
        size_px: [usize; 2],
        view_px: [f64; 2],
        pixels_per_point: f32,
    ) -> egui::ColorImage {
        let map = frame.grid_from_pixel(&self.grid, view_px, frame.mm_per_point / f64::from(pixels_per_point));
        let shading = Shading {
            scene: self,
            frame,
            map,
            n_range: n_range(&self.grid),
            background: unit_rgb(frame.background).map(f64::from),
            hatch_px: SliceFrame::hatch_period_px(pixels_per_point) as usize,
        };
        let [width, height] = size_px;
        let mut pixels = vec![egui::Color32::BLACK; width * height];
        pixels.par_chunks_mut(width.max(1)).enumerate().for_each(|(y, row)| {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = color32(shading.shade(x, y));
            }
        });
        egui::ColorImage::new(size_px, pixels)
    }
}

struct Shading<'a> {
    scene: &'a CpuScene,
    frame: &'a SliceFrame,
    map: GridFromPixel,
    n_range: [f64; 2],
    background: [f64; 3],
    hatch_px: usize,
}

impl Shading<'_> {
    fn shade(&self, x: usize, y: usize) -> [f64; 3] {
        let grid = &*self.scene.grid;
        let at = self.map.at(x as f64 + 0.5, y as f64 + 0.5);
        let [_, rows, columns] = grid.shape();
        if at.x < -0.5 || at.y < -0.5 || at.x >= columns as f64 - 0.5 || at.y >= rows as f64 - 0.5 {
            return self.background;
        }
        let (nearest, other, weight) = match self.map.slice {
            Some(k) => (k, k, 0.0),
            None => {
                if at.z < self.n_range[0] || at.z > self.n_range[1] {
                    return self.background;
                }
                let k = grid
                    .slice_index_from_position(at.z + grid.position_mm(0))
                    .clamp(0.0, (grid.slices() - 1) as f64);
                let (below, fraction) = (k.floor() as usize, k - k.floor());
                let above = (below + 1).min(grid.slices() - 1);
                if fraction > 0.5 { (above, below, 1.0 - fraction) } else { (below, above, fraction) }
            }
        };
        if !self.scene.loaded[nearest] {
            return self.background;
        }
        let mut hu = self.in_slice(at.x, at.y, nearest);
        if weight > 0.0 && self.scene.loaded[other] {
            hu = hu * (1.0 - weight) + self.in_slice(at.x, at.y, other) * weight;
        }
        let mut color = [self.frame.window.grey(hu); 3];
        let (i, j) = ((at.x + 0.5).floor() as usize, (at.y + 0.5).floor() as usize);
        for (slot, mask) in &self.scene.masks[nearest] {
            let fill = &self.frame.fills[*slot];
            if fill.opacity <= 0.0 || !mask.get(j, i) {
                continue;
            }
            if fill.hatched && ((x + y) % self.hatch_px) * 2 >= self.hatch_px {
                continue;
            }
            let (rgb, opacity) = (unit_rgb(fill.color), f64::from(fill.opacity));
            color = std::array::from_fn(|c| color[c] * (1.0 - opacity) + f64::from(rgb[c]) * opacity);
        }
        color
    }

    /// Linear within a slice, clamped to the outermost voxel centres.
    fn in_slice(&self, i: f64, j: f64, k: usize) -> f64 {
        let [_, rows, columns] = self.scene.grid.shape();
        let axis = |x: f64, n: usize| {
            let x = x.clamp(0.0, (n - 1) as f64);
            let low = x.floor() as usize;
            (low, (low + 1).min(n - 1), x - low as f64)
        };
        let ((i0, i1, fi), (j0, j1, fj)) = (axis(i, columns), axis(j, rows));
        let get = |j: usize, i: usize| f64::from(self.scene.hu[[k, j, i]]);
        let top = get(j0, i0) * (1.0 - fi) + get(j0, i1) * fi;
        let bottom = get(j1, i0) * (1.0 - fi) + get(j1, i1) * fi;
        top * (1.0 - fj) + bottom * fj
    }
}
