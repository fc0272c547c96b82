//! What one view shows in one frame, as plain data: plane, zoom, window, fills. Both renderers draw from it.

use super::SLOTS;
use super::overlay::OverlayLook;
use crate::geometry::{ImagePlane, PatientPoint, VoxelGrid};
use crate::image::{Sampling, Slab, SlabMode, WindowLevel};
use eframe::egui;
use glam::DVec3;
use std::sync::Arc;

/// How the voxels of one slot are tinted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Fill {
    /// sRGB.
    pub color: [u8; 3],
    /// 0 (not shown) to 1.
    pub opacity: f32,
    /// Striped: a proposal that nobody has accepted.
    pub hatched: bool,
}

/// Fill of every slot.
pub type Fills = Arc<[Fill; SLOTS]>;

/// Fills that show nothing.
pub fn no_fills() -> Fills {
    Arc::new([Fill::default(); SLOTS])
}

/// Width of a stripe and its gap together, in points.
pub const HATCH_PERIOD_POINTS: f32 = 6.0;

/// One view of the scan.
#[derive(Debug, Clone, PartialEq)]
pub struct SliceFrame {
    /// Number of the view on the screen, below [`super::VIEWS`].
    pub view: usize,
    pub plane: ImagePlane,
    /// The point at the middle of the view; projected onto the plane.
    pub center: PatientPoint,
    pub mm_per_point: f64,
    pub window: WindowLevel,
    pub sampling: Sampling,
    /// Values of the CT through a slab around the plane; fills and overlay stay those of the plane. The whole scan must be there.
    pub slab: Option<Slab>,
    /// sRGB, outside the scan.
    pub background: [u8; 3],
    pub fills: Fills,
    /// `None` draws no overlay, also where the renderer holds one.
    pub overlay: Option<Arc<OverlayLook>>,
}

/// The affine map from pixels, counted from the top left corner of the view, to the grid:
/// column, row and mm along the normal from the first slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GridFromPixel {
    pub at_corner: DVec3,
    pub per_pixel_x: DVec3,
    pub per_pixel_y: DVec3,
    /// The slice shown, where the view lies along the slices.
    pub slice: Option<usize>,
}

impl GridFromPixel {
    pub fn at(&self, x: f64, y: f64) -> DVec3 {
        self.at_corner + self.per_pixel_x * x + self.per_pixel_y * y
    }
}

/// How a pixel is made of the voxels of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    Nearest = 0,
    Linear = 1,
    Cubic = 2,
}

/// A slab in the units of [`GridFromPixel`]: columns (axis 0), rows (1) or mm along the normal (2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SlabRange {
    pub axis: usize,
    pub low: f64,
    pub high: f64,
    pub mode: SlabMode,
}

impl SliceFrame {
    /// The patient point at the top left corner of the view.
    pub(super) fn corner(&self, size_px: [f64; 2], mm_per_px: f64) -> PatientPoint {
        let plane = &self.plane;
        let center = plane.patient_from_plane(plane.plane_from_patient(self.center));
        center - plane.right * (size_px[0] / 2.0 * mm_per_px) - plane.down * (size_px[1] / 2.0 * mm_per_px)
    }

    /// The map for a view of `size_px` pixels (which need not be whole) with `mm_per_px`.
    pub fn grid_from_pixel(&self, grid: &VoxelGrid, size_px: [f64; 2], mm_per_px: f64) -> GridFromPixel {
        let plane = &self.plane;
        let (uv, n) = grid.plane_from_patient(self.corner(size_px, mm_per_px));
        let ij = grid.index_from_plane(uv);
        let along = |d: DVec3| grid.index_step(d * mm_per_px);
        let slice = (plane.normal.dot(grid.normal()).abs() > 0.5)
            .then(|| grid.nearest_slice(grid.plane_from_patient(plane.origin).1));
        GridFromPixel {
            at_corner: DVec3::new(ij.x, ij.y, n - grid.position_mm(0)),
            per_pixel_x: along(plane.right),
            per_pixel_y: along(plane.down),
            slice,
        }
    }

    /// How a pixel is made of voxels at `mm_per_px`.
    pub(super) fn kernel(&self, grid: &VoxelGrid, mm_per_px: f64) -> Kernel {
        let along = self.plane.normal.dot(grid.normal()).abs() > 0.5;
        let magnified = mm_per_px < Self::CUBIC_BELOW * grid.spacing_i_mm().min(grid.spacing_j_mm());
        match self.sampling {
            _ if self.slab.is_some() => Kernel::Linear,
            Sampling::Nearest => Kernel::Nearest,
            Sampling::Interpolated if along && magnified => Kernel::Cubic,
            Sampling::Interpolated => Kernel::Linear,
        }
    }

    /// Pixels smaller than this share of a voxel show the corners of linear interpolation.
    const CUBIC_BELOW: f64 = 0.75;

    /// Where the slab of this view lies within the scan.
    pub(super) fn slab_range(&self, grid: &VoxelGrid) -> Option<SlabRange> {
        let slab = self.slab?;
        let (uv, n) = grid.plane_from_patient(self.plane.origin);
        let at = grid.index_from_plane(uv);
        let facing = |d: DVec3| self.plane.normal.dot(d).abs() > 0.5;
        let ends = |size: usize| [-0.5, size as f64 - 0.5];
        let (axis, middle, mm, [least, most]) = if facing(grid.normal()) {
            let slice = grid.position_mm(grid.nearest_slice(n));
            (2, slice - grid.position_mm(0), 1.0, n_range(grid))
        } else if facing(grid.i_direction()) {
            (0, at.x, grid.spacing_i_mm(), ends(grid.columns()))
        } else {
            (1, at.y, grid.spacing_j_mm(), ends(grid.rows()))
        };
        let half = slab.thickness_mm.max(0.0) / 2.0 / mm;
        Some(SlabRange {
            axis,
            low: (middle - half).clamp(least, most),
            high: (middle + half).clamp(least, most),
            mode: slab.mode,
        })
    }

    pub(super) fn hatch_period_px(pixels_per_point: f32) -> f32 {
        (HATCH_PERIOD_POINTS * pixels_per_point).round().max(2.0)
    }
}

/// Positions, from the first slice, of what belongs to the scan: half the end slices' thickness beyond them.
pub(super) fn n_range(grid: &VoxelGrid) -> [f64; 2] {
    grid.extent_mm().map(|n| n - grid.position_mm(0))
}

/// A colour as the shader takes it.
pub(super) fn unit_rgb([r, g, b]: [u8; 3]) -> [f32; 3] {
    [r, g, b].map(|c| f32::from(c) / 255.0)
}

pub(super) fn color32([r, g, b]: [f64; 3]) -> egui::Color32 {
    let byte = |c: f64| (c * 255.0).round().clamp(0.0, 255.0) as u8;
    egui::Color32::from_rgba_premultiplied(byte(r), byte(g), byte(b), u8::MAX)
}
