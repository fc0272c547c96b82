//! Import: which CTs and which sets of structures lie in files and folders, whatever their format, which set belongs
//! to which CT, and how each is read. DICOM series, structure sets and segmentations come from [`crate::dicom`],
//! volumes and labels from [`crate::nifti`]; above this floor nobody asks for the format.

mod belonging;
mod ct;
mod find;
mod sets;

pub use ct::{CtOutlook, CtSource, ImportError, MiddleSlice, NiftiCtFile};
pub use find::{FindError, Findings, Fitting, find};
pub use sets::{LabelFiles, LoadedSet, SetError, SetFormat, SetOrigin, SetSource, VoxelOrigin, load_set_file};
