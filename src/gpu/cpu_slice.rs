//! Slices drawn by the processor: the same picture as `shaders/slice.wgsl`, for adapters that cannot
//! hold the scan, and as the reference against which the shader is tested.

use super::frame::{GridFromPixel, Kernel, SlabRange, SliceFrame, color32, n_range, unit_rgb};
use super::mask_source::{MaskSource, SyncReport, check_slots};
use super::overlay::{OverlayLook, Squares};
use super::{GpuError, SLOTS};
use crate::contour::SliceMask;
use crate::geometry::{Revision, Rigid, VoxelGrid};
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

    /// Puts the overlay elsewhere.
    pub fn move_overlay(&mut self, ct_from_overlay: Rigid) {
        if let Some(overlay) = self.overlay.as_mut().filter(|o| o.ct_from_overlay != ct_from_overlay) {
            overlay.move_to(ct_from_overlay);
            self.generation += 1;
        }
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
            Over { values, look, map, squares: frame.squares(look, view_px, mm_per_px) }
        });
        let shading = Shading {
            scene: self,
            frame,
            map,
            overlay,
            n_range: n_range(&self.grid),
            background: unit_rgb(frame.background).map(f64::from),
            hatch_px: SliceFrame::hatch_period_px(pixels_per_point) as usize,
            kernel: frame.kernel(&self.grid, mm_per_px),
            slab: frame.slab_range(&self.grid).map(|range| self.slab(range)),
        };
        let [width, height] = size_px;
        let mut pixels = vec![egui::Color32::BLACK; width * height];
        pixels.par_chunks_mut(width.max(1)).enumerate().for_each(|(y, row)| shading.row(y, row));
        egui::ColorImage::new(size_px, pixels)
    }

    /// The slices around a position, mm from the first slice.
    fn around(&self, n: f64) -> SlicePair {
        let last = self.grid.slices() - 1;
        let k = self.grid.slice_index_from_position(n + self.grid.position_mm(0)).clamp(0.0, last as f64);
        let below = k.floor() as usize;
        SlicePair { below, above: (below + 1).min(last), fraction: k - k.floor() }
    }

    /// Ends of the slab, and every voxel centre or slice between them.
    fn slab(&self, range: SlabRange) -> SlabDepths {
        let first = self.grid.position_mm(0);
        let knots: Vec<f64> = if range.axis == 2 {
            self.grid.positions_mm().iter().map(|p| p - first).collect()
        } else {
            ((range.low.ceil() as i64)..=(range.high.floor() as i64)).map(|n| n as f64).collect()
        };
        let inside = knots.into_iter().filter(|d| *d > range.low && *d < range.high);
        let depths = std::iter::once(range.low).chain(inside).chain([range.high]);
        let at = |d: f64| if range.axis == 2 { self.around(d) } else { SlicePair::default() };
        SlabDepths { depths: depths.map(|d| (d, at(d))).collect(), range }
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
    kernel: Kernel,
    slab: Option<SlabDepths>,
}

/// The depths at which the values of a slab are read, ascending; for axis 2 with the slices there.
struct SlabDepths {
    range: SlabRange,
    depths: Vec<(f64, SlicePair)>,
}

/// Slices below and above a position, and how far it lies between them (0 to 1).
#[derive(Clone, Copy, Default)]
struct SlicePair {
    below: usize,
    above: usize,
    fraction: f64,
}

/// The overlay of a frame.
struct Over<'a> {
    values: &'a OverlayVolume,
    look: &'a OverlayLook,
    map: GridFromPixel,
    squares: Option<Squares>,
}

impl Over<'_> {
    fn shade(&self, x: f64, y: f64, under: [f64; 3]) -> [f64; 3] {
        if self.squares.is_some_and(|squares| !squares.show(x, y)) {
            return under;
        }
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
        let scene = self.scene;
        let (nearest, other, mut weight) = match self.map.slice {
            Some(k) => (k, k, 0.0),
            None => {
                if n < self.n_range[0] || n > self.n_range[1] {
                    return None;
                }
                let SlicePair { below, above, fraction } = scene.around(n);
                if fraction > 0.5 { (above, below, 1.0 - fraction) } else { (below, above, fraction) }
            }
        };
        if !scene.loaded[other] || self.kernel == Kernel::Nearest {
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
        let hu = match &self.slab {
            Some(slab) => self.through(slab, at),
            None => {
                let weights = Weights::new(at.x, at.y, rows, columns);
                let value = |slice: &[i16]| match self.kernel {
                    Kernel::Nearest => weights.nearest(slice),
                    Kernel::Linear => weights.of(slice),
                    Kernel::Cubic => weights.cubic(slice, rows, columns),
                };
                let hu = value(between.nearest);
                if between.weight > 0.0 { hu + (value(between.other) - hu) * between.weight } else { hu }
            }
        };
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

impl Shading<'_> {
    /// The value of a slab below the pixel at `at`, linear between the depths.
    fn through(&self, slab: &SlabDepths, at: glam::DVec3) -> f64 {
        let scene = self.scene;
        let [_, rows, columns] = scene.grid.shape();
        let here = scene.around(at.z);
        let value = |&(depth, there): &(f64, SlicePair)| {
            let (i, j, pair) = match slab.range.axis {
                0 => (depth, at.y, here),
                1 => (at.x, depth, here),
                _ => (at.x, at.y, there),
            };
            let weights = Weights::new(i, j, rows, columns);
            let below = weights.of(scene.slice(pair.below));
            if pair.fraction == 0.0 {
                return (depth, below);
            }
            (depth, below + (weights.of(scene.slice(pair.above)) - below) * pair.fraction)
        };
        slab.range.mode.combine(slab.depths.iter().map(value))
    }
}

/// Linear within a slice, clamped to the outermost voxel centres.
struct Weights {
    corners: [usize; 4],
    fraction: [f64; 2],
}

/// Catmull-Rom between the middle two of four values.
fn cubic([a, b, c, d]: [f64; 4], f: f64) -> f64 {
    let (f2, f3) = (f * f, f * f * f);
    a * (-0.5 * f + f2 - 0.5 * f3)
        + b * (1.0 - 2.5 * f2 + 1.5 * f3)
        + c * (0.5 * f + 2.0 * f2 - 1.5 * f3)
        + d * 0.5 * (f3 - f2)
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

    /// The voxel in which the point lies; a half belongs to the next one.
    fn nearest(&self, slice: &[i16]) -> f64 {
        let [fi, fj] = self.fraction.map(|f| usize::from(f >= 0.5));
        f64::from(slice[self.corners[2 * fj + fi]])
    }

    /// Cubic within the slice, held between the four voxels around.
    fn cubic(&self, slice: &[i16], rows: usize, columns: usize) -> f64 {
        let (i, j) = ((self.corners[0] % columns) as i64, (self.corners[0] / columns) as i64);
        let [fi, fj] = self.fraction;
        let voxel = |di: i64, dj: i64| {
            let (i, j) = ((i + di).clamp(0, columns as i64 - 1), (j + dj).clamp(0, rows as i64 - 1));
            f64::from(slice[j as usize * columns + i as usize])
        };
        let row = |dj: i64| cubic([-1, 0, 1, 2].map(|di| voxel(di, dj)), fi);
        let around = self.corners.map(|n| f64::from(slice[n]));
        let least = around.into_iter().fold(f64::INFINITY, f64::min);
        let most = around.into_iter().fold(f64::NEG_INFINITY, f64::max);
        cubic([-1, 0, 1, 2].map(row), fj).clamp(least, most)
    }

    fn of(&self, slice: &[i16]) -> f64 {
        let [a, b, c, d] = self.corners.map(|n| f64::from(slice[n]));
        let [fi, fj] = self.fraction;
        let (top, bottom) = (a + (b - a) * fi, c + (d - c) * fi);
        top + (bottom - top) * fj
    }
}
