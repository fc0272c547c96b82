//! Slices drawn by the processor: the same picture as `shaders/slice.wgsl`, for adapters that cannot
//! hold the scan, and as the reference against which the shader is tested.

use super::frame::{GridFromPixel, SliceFrame, color32, n_range, unit_rgb};
use super::mask_source::{MaskSource, SyncReport, check_slots};
use super::overlay::OverlayLook;
use super::{GpuError, SLOTS};
use crate::contour::SliceMask;
use crate::geometry::{Revision, VoxelGrid};
use crate::image::{CtVolume, OverlayVolume};
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
    overlay: Option<OverlayVolume>,
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
            overlay: None,
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
            overlay: None,
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

    /// Holds an overlay; its voxels are shared.
    pub fn set_overlay(&mut self, overlay: Option<OverlayVolume>) {
        self.overlay = overlay;
        self.generation += 1;
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
        let mm_per_px = frame.mm_per_point / f64::from(pixels_per_point);
        let map = frame.grid_from_pixel(&self.grid, view_px, mm_per_px);
        let overlay = self.overlay.as_ref().zip(frame.overlay.as_deref());
        let overlay = overlay.map(|(values, look)| {
            let map = frame.overlay_from_pixel(&values.grid, values.overlay_from_ct(), view_px, mm_per_px);
            Over { values, look, map }
        });
        let shading = Shading {
            scene: self,
            frame,
            map,
            overlay,
            n_range: n_range(&self.grid),
            background: unit_rgb(frame.background).map(f64::from),
            hatch_px: SliceFrame::hatch_period_px(pixels_per_point) as usize,
        };
        let [width, height] = size_px;
        let mut pixels = vec![egui::Color32::BLACK; width * height];
        pixels.par_chunks_mut(width.max(1)).enumerate().for_each(|(y, row)| shading.row(y, row));
        egui::ColorImage::new(size_px, pixels)
    }

    /// The CT numbers of a slice, row by row.
    fn slice(&self, k: usize) -> &[i16] {
        let size = self.grid.rows() * self.grid.columns();
        let all = self.hu.as_slice().expect("a volume lies in standard layout");
        &all[k * size..(k + 1) * size]
    }
}

struct Shading<'a> {
    scene: &'a CpuScene,
    frame: &'a SliceFrame,
    map: GridFromPixel,
    overlay: Option<Over<'a>>,
    n_range: [f64; 2],
    background: [f64; 3],
    hatch_px: usize,
}

/// The overlay of a frame.
struct Over<'a> {
    values: &'a OverlayVolume,
    look: &'a OverlayLook,
    map: GridFromPixel,
}

impl Over<'_> {
    fn shade(&self, x: f64, y: f64, under: [f64; 3]) -> [f64; 3] {
        let at = self.map.at(x, y);
        let value = self.values.value_at(at.x, at.y, at.z + self.values.grid.position_mm(0));
        match value.and_then(|v| self.look.color(v)) {
            Some((color, opacity)) => std::array::from_fn(|c| under[c] * (1.0 - opacity) + color[c] * opacity),
            None => under,
        }
    }
}

/// The slices that a row of pixels shows: `other` counts with `weight`.
struct Between<'a> {
    nearest: &'a [i16],
    other: &'a [i16],
    weight: f64,
    masks: &'a [(usize, Arc<SliceMask>)],
}

impl<'a> Shading<'a> {
    fn row(&self, y: usize, pixels: &mut [egui::Color32]) {
        // Views lie along the axes of the grid: a row of pixels keeps its position along the normal.
        let Some(between) = self.slices_at(self.map.at(0.5, y as f64 + 0.5).z) else {
            pixels.fill(color32(self.background));
            return;
        };
        for (x, pixel) in pixels.iter_mut().enumerate() {
            *pixel = color32(self.shade(x, y, &between));
        }
    }

    /// `None` outside the scan, or where the nearest slice is not loaded.
    fn slices_at(&self, n: f64) -> Option<Between<'a>> {
        let (scene, grid) = (self.scene, &*self.scene.grid);
        let (nearest, other, mut weight) = match self.map.slice {
            Some(k) => (k, k, 0.0),
            None => {
                if n < self.n_range[0] || n > self.n_range[1] {
                    return None;
                }
                let last = grid.slices() - 1;
                let k = grid.slice_index_from_position(n + grid.position_mm(0)).clamp(0.0, last as f64);
                let (below, fraction) = (k.floor() as usize, k - k.floor());
                let above = (below + 1).min(last);
                if fraction > 0.5 { (above, below, 1.0 - fraction) } else { (below, above, fraction) }
            }
        };
        if !scene.loaded[other] {
            weight = 0.0;
        }
        scene.loaded[nearest].then(|| Between {
            nearest: scene.slice(nearest),
            other: scene.slice(other),
            weight,
            masks: &scene.masks[nearest],
        })
    }

    fn shade(&self, x: usize, y: usize, between: &Between<'_>) -> [f64; 3] {
        let at = self.map.at(x as f64 + 0.5, y as f64 + 0.5);
        let [_, rows, columns] = self.scene.grid.shape();
        if at.x < -0.5 || at.y < -0.5 || at.x >= columns as f64 - 0.5 || at.y >= rows as f64 - 0.5 {
            return self.background;
        }
        let weights = Weights::new(at.x, at.y, rows, columns);
        let mut hu = weights.of(between.nearest);
        if between.weight > 0.0 {
            hu += (weights.of(between.other) - hu) * between.weight;
        }
        let mut color = [self.frame.window.grey(hu); 3];
        if let Some(overlay) = &self.overlay {
            color = overlay.shade(x as f64 + 0.5, y as f64 + 0.5, color);
        }
        let (i, j) = ((at.x + 0.5).floor() as usize, (at.y + 0.5).floor() as usize);
        for (slot, mask) in between.masks {
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
}

/// Linear within a slice, clamped to the outermost voxel centres.
struct Weights {
    corners: [usize; 4],
    fraction: [f64; 2],
}

impl Weights {
    fn new(i: f64, j: f64, rows: usize, columns: usize) -> Self {
        let axis = |x: f64, n: usize| {
            let x = x.clamp(0.0, (n - 1) as f64);
            let low = x.floor() as usize;
            (low, (low + 1).min(n - 1), x - low as f64)
        };
        let ((i0, i1, fi), (j0, j1, fj)) = (axis(i, columns), axis(j, rows));
        let corners = [j0 * columns + i0, j0 * columns + i1, j1 * columns + i0, j1 * columns + i1];
        Self { corners, fraction: [fi, fj] }
    }

    fn of(&self, slice: &[i16]) -> f64 {
        let [a, b, c, d] = self.corners.map(|n| f64::from(slice[n]));
        let [fi, fj] = self.fraction;
        let (top, bottom) = (a + (b - a) * fi, c + (d - c) * fi);
        top + (bottom - top) * fj
    }
}
