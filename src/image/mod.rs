//! The CT volume in Hounsfield units, and how it is shown in grey; values that are laid over it.

mod color_map;
mod display;
mod isolines;
mod overlay;
mod slice_picture;
mod volume;
mod window;

pub use color_map::ColorMap;
pub use display::{Sampling, Slab, SlabMode};
pub use isolines::{Isoline, PlaneRaster, isolines};
pub use overlay::{OverlayVolume, Quantity, bounds_on};
pub use slice_picture::{Coverage, PictureFrame, SlicePicture};
pub use volume::CtVolume;
pub use window::WindowLevel;
