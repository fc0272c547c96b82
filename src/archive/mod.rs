//! An archive (PACS) as the source and the goal of studies: query, retrieve and store by DICOMweb
//! (QIDO-RS, WADO-RS, STOW-RS of DICOM PS3.18), receive by C-STORE (PS3.4 annex B), and the shelf on this
//! computer where studies that came from an archive are kept.
//!
//! Nothing that a server says is trusted: UIDs are checked before they become names, sizes are bounded, and
//! a study is put on the shelf only once it is whole.

mod address;
mod cstore;
mod dicomweb;
mod dimse;
mod error;
mod http;
mod json;
mod multipart;
mod retrieve;
mod shelf;
mod store;

pub use address::{Archives, PasswordFrom, ReceiverSettings, Remote, Secret, SignIn};
pub use cstore::{ACCEPTED_CLASSES, Received, Receiver, ReceiverEvent};
pub use dicomweb::{SeriesRecord, StudyList, StudyQuery, StudyRecord, check_date};
pub use error::{ArchiveError, Cause};
pub use http::{Client, Limits, Stop, never};
pub use retrieve::{Retrieved, retrieve};
pub use shelf::{Placed, Shelf, Uid};
pub use store::{StoreReport, StoredInstance, files_to_store, store};
