//! The renderer of CT slices: a GPU path (3D textures, WGSL) and a CPU path that draws the same picture.
//!
//! It knows grids, CT numbers, masks and colours, and nothing of the workbench or of panels. A caller
//! fills a [`SliceRenderer`] (grid, slices, masks by revision) from its logic, never from a paint
//! callback, and paints [`SliceFrame`]s, which are plain data.

mod callback;
mod context;
mod cpu_slice;
mod device;
mod frame;
mod mask_source;
mod overlay;
mod renderer;
pub mod shaders;
mod solid;
mod textures;
mod uniforms;

pub use context::Gpu;
pub use cpu_slice::CpuScene;
pub use device::{device_descriptor, has_adapter, wgpu_setup};
pub use frame::{Fill, Fills, GridFromPixel, SliceFrame, no_fills};
pub use mask_source::{MaskSource, SyncReport, VoxelBox};
pub use overlay::{OverlayLook, STOPS};
pub use renderer::SliceRenderer;
pub use solid::{SolidCut, SolidFrame, SolidUniforms};
pub use uniforms::SliceUniforms;

/// Structures that can be filled at the same time: one bit each in the two words of a voxel.
pub const SLOTS: usize = 64;

/// Views that can be on the screen at the same time.
pub const VIEWS: usize = 8;

/// Why the GPU cannot show something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    #[error("{}", crate::tf!("the graphics adapter holds 3D textures of at most {limit} voxels a side, this scan has {columns} x {rows} x {slices}; slices are drawn by the processor instead", limit = .limit, columns = .columns, rows = .rows, slices = .slices))]
    ScanTooLarge { limit: u32, columns: usize, rows: usize, slices: usize },
    #[error("{}", crate::tf!("the graphics memory does not suffice for {what} ({megabytes} MB); slices are drawn by the processor instead", what = .what, megabytes = .megabytes))]
    OutOfMemory { what: &'static str, megabytes: u64 },
    #[error("{}", crate::tf!("{found} structures cannot be filled at the same time, {SLOTS} can; hide some of them", found = .found, SLOTS = .SLOTS))]
    TooManySlots { found: usize },
}
