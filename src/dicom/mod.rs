//! DICOM in and out: finding and loading CT series, reading structure sets bit for bit, writing them
//! as new structure sets with a proof, writing synthetic CT series; PET, dose and registrations beside a CT.
//!
//! Data sets are kept as they stand in the file (`raw.rs`), because what nobody edited must leave as it
//! came. dicom-rs brings the dictionary, the character sets and the pixel codecs. Nothing here knows
//! about cases or windows.

mod beside;
mod changes;
mod charset;
mod codec;
mod conformance;
mod contours;
mod ct;
pub mod deidentify;
mod dose;
mod encapsulated;
mod enhanced;
mod file;
mod identity;
mod jpeg_2000;
mod jpeg_lossless;
mod jpeg_ls;
mod meta;
mod of_ct;
mod pet;
mod pixels;
mod proof;
mod provenance;
mod raw;
mod registration;
mod rle;
mod rtstruct_read;
mod rtstruct_remarks;
mod rtstruct_write;
mod scan;
mod seg;
mod seg_codes;
mod seg_write;
mod series;
mod stack;
mod suv;
mod uid;
mod value;
mod warning;
mod write_ct;

pub use beside::{Beside, LoadedOverlay, OverlayError, OverlayKind, OverlayPlacement, OverlaySource};
pub use changes::Change;
pub use conformance::{Comparison, Finding, FindingKind};
pub use ct::{CtError, LoadStep, LoadedCt, load_ct};
pub use dose::{DoseFile, PlanFile, Prescription};
pub use file::{ReadError, part10_head};
pub use identity::{FileIdentity, identify, reads_transfer_syntax, same_content};
pub use meta::{CtMeta, HeaderTexts, PatientInfo, SliceRef};
pub use proof::{
    ExportError, ExportProof, ProofCheck, ProofCheckError, ProofSection, ProofSource, RoiProof, check_export,
    export_structure_set, proof_path,
};
pub use registration::{RegistrationFile, RegistrationReadError, read_registration};
pub use rtstruct_read::{
    Approval, LoadedStructureSet, RoiSummary, SourceStructureSet, StructureSetError, load_structure_set,
};
pub use rtstruct_write::{ExportRequest, Repair};
pub use scan::{CtSeries, Scan, ScanError, StructureSetFile, look_through, scan};
pub use seg::{LoadedSegmentation, Segment, SegmentRois, SegmentationError, load_segmentation};
pub use seg_write::{SegmentProof, SegmentationProof, SegmentationRequest, SegmentationWriteError, write_segmentation};
pub use series::SeriesOutlook;
pub(crate) use uid::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};
pub use uid::{new_uid, uid_from_name};
pub(crate) use value::readable_name;
pub use warning::{ImportWarning, Severity};
pub use write_ct::{WriteCtError, write_ct_series};
