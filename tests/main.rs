//! The promises of Hilum, one file each, in one test program.

mod support;

mod anatomy;
mod archive;
mod border_check;
mod cli;
mod cohort;
mod cohort_desk;
#[cfg(feature = "gui")]
mod cohort_window;
mod contours;
mod deidentify;
mod dicom;
#[cfg(feature = "gui")]
mod dist;
mod diunet;
mod features;
mod followup;
#[cfg(feature = "gui")]
mod followup_window;
#[cfg(feature = "gui")]
mod gpu;
mod import;
#[cfg(feature = "gui")]
mod interface;
mod journal;
#[cfg(feature = "gui")]
mod landmarks_window;
mod layering;
mod metrics;
mod nifti;
mod operations;
#[cfg(feature = "gui")]
mod operations_window;
#[cfg(feature = "gui")]
mod overlay_window;
mod overlays;
mod phantom;
mod population;
mod recurrence;
mod registration;
mod risk;
#[cfg(feature = "gui")]
mod risk_models;
mod scenarios;
mod segmentation;
mod settings;
#[cfg(feature = "gui")]
mod shaders;
#[cfg(feature = "gui")]
mod solid;
mod stations;
mod survival;
#[cfg(feature = "gui")]
mod tools_window;
#[cfg(feature = "gui")]
mod touch;
#[cfg(feature = "gui")]
mod ui;
#[cfg(feature = "gui")]
mod viewport;
#[cfg(feature = "gui")]
mod views;
mod words;
#[cfg(feature = "gui")]
mod words_window;
mod workbench;
