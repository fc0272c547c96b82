//! The CT volume in Hounsfield units, and how it is shown in grey.

mod volume;
mod window;

pub use volume::CtVolume;
pub use window::WindowLevel;
