//! NIfTI in and out: CT and label volumes (`.nii`, `.nii.gz`; NIfTI-1 and 2), every voxel at its place in
//! the patient.
//!
//! The axes of a file may run anyhow; here columns run to the patient's left, rows to the back and slices
//! to the head, as far as the axes allow. Labels become structures through the tracer of
//! [`crate::contour`], whose outlines rasterize back to exactly the same voxels.

mod axes;
mod file;
mod header;
mod labels;
mod look;
mod names;
mod read;
mod write;

pub use file::{NiftiError, is_nifti};
pub use header::{NO_PLACE, Placement};
pub use labels::{LabelRois, LabelsOnGrid, OntoGridError, SAME_MM};
pub use look::{NiftiContent, NiftiLook, look};
pub use names::{LabelNames, LabelNamesError, file_stem};
pub use read::{LabelVolume, NiftiCt, read_ct, read_ct_slices, read_labels, read_labels_with};
pub use write::{NamedMask, WriteNiftiError, label_table, write_ct, write_labels, write_mask};
