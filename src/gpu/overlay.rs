//! The overlay of a view: how its values are coloured, as plain data, and its texture on the GPU.

use super::GpuError;
use super::device::DeviceErrors;
use super::frame::{GridFromPixel, SliceFrame, unit_rgb};
use super::textures::{texture_3d, write};
use crate::geometry::{Rigid, VoxelGrid};
use crate::image::OverlayVolume;
use crate::words::t;
use eframe::egui_wgpu::wgpu;
use std::sync::Arc;

/// Most colours of a look.
pub const STOPS: usize = 17;

/// How the values of an overlay become colours over the CT.
#[derive(Debug, Clone, PartialEq)]
pub struct OverlayLook {
    /// 0 to 1.
    pub opacity: f32,
    /// Value and sRGB colour, ascending, at most [`STOPS`]. Below the first nothing is drawn.
    pub stops: Vec<(f32, [u8; 3])>,
    /// One colour from stop to stop instead of a mixture.
    pub banded: bool,
    /// The opacity rises from nothing at the first stop to all of it here; at or below the first stop it is all there.
    pub full_at: f32,
    /// Shown in every other square of this side only, mm; the squares lie still in the patient.
    pub squares_mm: Option<f64>,
}

/// The squares of a view: column and row of its corner, and how many of them a pixel is wide.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Squares {
    pub at_corner: [f64; 2],
    pub per_pixel: f64,
}

impl Squares {
    /// True where the overlay is shown. The shader does the same.
    pub fn show(&self, x: f64, y: f64) -> bool {
        let [u, v] = self.at_corner;
        let sum = (u + x * self.per_pixel).floor() + (v + y * self.per_pixel).floor();
        sum.rem_euclid(2.0) >= 0.5
    }
}

impl OverlayLook {
    /// Colour (0 to 1) and opacity of a value. The shader does the same.
    pub(super) fn color(&self, value: f64) -> Option<([f64; 3], f64)> {
        let first = f64::from(self.stops.first()?.0);
        if value < first {
            return None;
        }
        let last = self.stops.len() - 1;
        let n = self.stops.iter().rposition(|(v, _)| f64::from(*v) <= value)?;
        let color = |n: usize| unit_rgb(self.stops[n].1).map(f64::from);
        let color = if self.banded || n == last {
            color(n)
        } else {
            let (low, high) = (f64::from(self.stops[n].0), f64::from(self.stops[n + 1].0));
            let t = (value - low) / (high - low);
            let (a, b) = (color(n), color(n + 1));
            std::array::from_fn(|c| a[c] + (b[c] - a[c]) * t)
        };
        let rise = f64::from(self.full_at) - first;
        let share = if rise > 0.0 { ((value - first) / rise).min(1.0) } else { 1.0 };
        Some((color, f64::from(self.opacity) * share))
    }
}

impl SliceFrame {
    /// Where the squares of a look lie.
    pub(super) fn squares(&self, look: &OverlayLook, size_px: [f64; 2], mm_per_px: f64) -> Option<Squares> {
        let side = look.squares_mm.filter(|mm| *mm > 0.0)?;
        let corner = self.corner(size_px, mm_per_px);
        // A whole number of pairs less keeps single floats exact enough for the shader.
        let along = |d: glam::DVec3| (corner.dot(d) / side).rem_euclid(2.0);
        let at_corner = [along(self.plane.right), along(self.plane.down)];
        Some(Squares { at_corner, per_pixel: mm_per_px / side })
    }

    /// The map from pixels to an overlay: column, row and mm along the normal from its first slice.
    pub(super) fn overlay_from_pixel(
        &self,
        grid: &VoxelGrid,
        overlay_from_ct: &Rigid,
        size_px: [f64; 2],
        mm_per_px: f64,
    ) -> GridFromPixel {
        let corner = overlay_from_ct.apply(self.corner(size_px, mm_per_px));
        let along = |d| grid.index_step(overlay_from_ct.turn(d) * mm_per_px);
        let (uv, n) = grid.plane_from_patient(corner);
        let ij = grid.index_from_plane(uv);
        GridFromPixel {
            at_corner: glam::DVec3::new(ij.x, ij.y, n - grid.position_mm(0)),
            per_pixel_x: along(self.plane.right),
            per_pixel_y: along(self.plane.down),
            slice: None,
        }
    }
}

/// The values of an overlay as single floats, and the table of its slices.
pub(super) struct OverlayTexture {
    pub grid: Arc<VoxelGrid>,
    pub overlay_from_ct: Rigid,
    pub texture: wgpu::Texture,
    pub table: wgpu::Texture,
}

impl OverlayTexture {
    pub fn new(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        errors: &DeviceErrors,
        overlay: &OverlayVolume,
    ) -> Result<Self, GpuError> {
        let grid = Arc::clone(&overlay.grid);
        let [slices, rows, columns] = grid.shape();
        let limit = device.limits().max_texture_dimension_3d;
        if [slices, rows, columns].iter().any(|&n| n > limit as usize) {
            return Err(GpuError::ScanTooLarge { limit, columns, rows, slices });
        }
        let megabytes = grid.voxel_count() as u64 * 4 / 1_000_000;
        let texture = errors
            .allocate(|| texture_3d(device, "overlay", grid.shape(), wgpu::TextureFormat::R32Float))
            .ok_or(GpuError::OutOfMemory { what: t("the overlay"), megabytes })?;
        for (k, slice) in overlay.values.outer_iter().enumerate() {
            let values = slice.to_slice().expect("an overlay lies in standard layout");
            write(queue, &texture, [k, 0, 0], bytemuck::cast_slice(values), [rows, columns]);
        }
        let first = grid.position_mm(0);
        let positions: Vec<[f32; 2]> = grid.positions_mm().iter().map(|p| [(p - first) as f32, 1.0]).collect();
        let table = super::textures::slice_table(device, slices);
        write(queue, &table, [0, 0, 0], bytemuck::cast_slice(&positions), [1, slices]);
        Ok(Self { grid, overlay_from_ct: *overlay.overlay_from_ct(), texture, table })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_alternate_along_both_axes() {
        let squares = Squares { at_corner: [0.5, 1.25], per_pixel: 0.1 };
        let row = |y: f64| (0..4).map(|n| squares.show(f64::from(n) * 10.0 + 0.5, y)).collect::<Vec<_>>();
        assert_eq!(row(0.5), [true, false, true, false]);
        assert_eq!(row(10.5), [false, true, false, true]);
        assert!(squares.show(4.9, 0.5) && !squares.show(5.1, 0.5), "the corner lies in the middle of a square");
    }

    #[test]
    fn values_become_colors_by_stops() {
        let mut look = OverlayLook {
            opacity: 0.5,
            stops: vec![(1.0, [0, 0, 0]), (3.0, [255, 0, 0]), (5.0, [255, 255, 0])],
            banded: false,
            full_at: 2.0,
            squares_mm: None,
        };
        assert_eq!(look.color(0.99), None);
        assert_eq!(look.color(1.5), Some(([0.25, 0.0, 0.0], 0.25)), "half way to full opacity");
        assert_eq!(look.color(4.0), Some(([1.0, 0.5, 0.0], 0.5)));
        assert_eq!(look.color(99.0), Some(([1.0, 1.0, 0.0], 0.5)));
        look.banded = true;
        look.full_at = 0.0;
        assert_eq!(look.color(1.0), Some(([0.0, 0.0, 0.0], 0.5)));
        assert_eq!(look.color(4.999), Some(([1.0, 0.0, 0.0], 0.5)));
        look.stops.clear();
        assert_eq!(look.color(4.0), None);
    }
}
