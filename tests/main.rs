//! The promises of Hilum, one file each, in one test program.

mod support;

mod contours;
mod dicom;
mod diunet;
mod features;
mod metrics;
mod phantom;
mod risk;

#[cfg(feature = "gui")]
mod gpu;
#[cfg(feature = "gui")]
mod shaders;
#[cfg(feature = "gui")]
mod viewport;
