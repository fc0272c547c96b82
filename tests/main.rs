//! The promises of Hilum, one file each, in one test program.

mod support;

mod contours;
mod dicom;
mod diunet;
mod features;
mod layering;
mod metrics;
mod phantom;
mod risk;
mod workbench;
