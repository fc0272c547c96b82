//! The uniform block of `shaders/slice.wgsl`, field by field. `tests/shaders.rs` compares sizes and
//! offsets with the layout that naga computes from the shader.

use super::SLOTS;
use super::overlay::STOPS;

/// Must match `SliceUniforms` in `shaders/common/grid.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct SliceUniforms {
    pub at_corner: [f32; 4],
    pub per_pixel_x: [f32; 4],
    pub per_pixel_y: [f32; 4],
    pub corner_px: [f32; 2],
    pub n_range: [f32; 2],
    pub size: [u32; 4],
    pub mask_first: [i32; 4],
    pub mask_size: [i32; 4],
    pub window: [f32; 4],
    pub background: [f32; 4],
    pub hatched: [u32; 4],
    pub slab: [f32; 4],
    pub sampling: [u32; 4],
    pub overlay_at_corner: [f32; 4],
    pub overlay_per_pixel_x: [f32; 4],
    pub overlay_per_pixel_y: [f32; 4],
    pub overlay_size: [u32; 4],
    pub overlay_shade: [f32; 4],
    pub overlay_range: [f32; 4],
    pub overlay_stops: [[f32; 4]; STOPS],
    pub fills: [[f32; 4]; SLOTS],
}

impl SliceUniforms {
    /// In `size[3]`: the view crosses the slices.
    pub const NO_SLICE: u32 = u32::MAX;

    /// Name and byte offset of every field, for the layout test.
    pub const FIELDS: [(&str, usize); 21] = [
        ("at_corner", std::mem::offset_of!(Self, at_corner)),
        ("per_pixel_x", std::mem::offset_of!(Self, per_pixel_x)),
        ("per_pixel_y", std::mem::offset_of!(Self, per_pixel_y)),
        ("corner_px", std::mem::offset_of!(Self, corner_px)),
        ("n_range", std::mem::offset_of!(Self, n_range)),
        ("size", std::mem::offset_of!(Self, size)),
        ("mask_first", std::mem::offset_of!(Self, mask_first)),
        ("mask_size", std::mem::offset_of!(Self, mask_size)),
        ("window", std::mem::offset_of!(Self, window)),
        ("background", std::mem::offset_of!(Self, background)),
        ("hatched", std::mem::offset_of!(Self, hatched)),
        ("slab", std::mem::offset_of!(Self, slab)),
        ("sampling", std::mem::offset_of!(Self, sampling)),
        ("overlay_at_corner", std::mem::offset_of!(Self, overlay_at_corner)),
        ("overlay_per_pixel_x", std::mem::offset_of!(Self, overlay_per_pixel_x)),
        ("overlay_per_pixel_y", std::mem::offset_of!(Self, overlay_per_pixel_y)),
        ("overlay_size", std::mem::offset_of!(Self, overlay_size)),
        ("overlay_shade", std::mem::offset_of!(Self, overlay_shade)),
        ("overlay_range", std::mem::offset_of!(Self, overlay_range)),
        ("overlay_stops", std::mem::offset_of!(Self, overlay_stops)),
        ("fills", std::mem::offset_of!(Self, fills)),
    ];
}
