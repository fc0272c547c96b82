//! The CT volume in Hounsfield units, and how it is shown in grey.

mod slice_picture;
mod volume;
mod window;

pub use slice_picture::{Coverage, PictureFrame, SlicePicture};
pub use volume::CtVolume;
pub use window::WindowLevel;
