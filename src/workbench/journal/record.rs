//! What the records of a journal hold: which case it is, what it held at first, and edits without what the case knows.

use super::frame::{Frame, Kind};
use crate::anatomy::Landmarks;
use crate::dicom::SourceStructureSet;
use crate::features::ClinicalValues;
use crate::geometry::VoxelGrid;
use crate::import::{SetFormat, SetOrigin, VoxelOrigin};
use crate::structures::{RoiId, StructureSet};
use crate::workbench::case::CaseContents;
use crate::workbench::edit::{Source, Touched};
use crate::workbench::history::{StateId, Step};
use crate::workbench::{CaseImage, Change, Edit};
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Version of the records; a program reads those of its own and of older ones.
pub const FORMAT: u32 = 2;

/// Where a case comes from, enough to open it again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CaseOrigin {
    /// Files and folders that were opened, and the series of them.
    Files { paths: Vec<PathBuf>, series: String },
    /// The synthetic case of a seed.
    Demo { seed: u64 },
}

/// One slice of the scan on which was drawn.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RecordedSlice {
    pub sop_instance_uid: String,
    /// Empty for a synthetic case.
    pub path: PathBuf,
    /// SHA-256 of its values in HU, the first 16 bytes, hexadecimal.
    pub values: String,
}

/// Which case a journal belongs to.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    pub format: u32,
    /// The program that wrote it.
    pub program: String,
    pub origin: CaseOrigin,
    /// Name of the patient, as people read it.
    pub patient: String,
    pub description: String,
    pub series_instance_uid: String,
    pub grid: VoxelGrid,
    pub slices: Vec<RecordedSlice>,
}

impl Identity {
    /// Of a case; reads every voxel once.
    pub fn of(image: &CaseImage, origin: CaseOrigin) -> Self {
        let meta = &image.meta;
        Self {
            format: FORMAT,
            program: crate::PROGRAM.to_owned(),
            origin,
            patient: meta.patient.name.clone(),
            description: meta.series_description.clone(),
            series_instance_uid: meta.series_instance_uid.clone(),
            grid: (*image.volume.grid).clone(),
            slices: slices_of(image),
        }
    }
}

/// The slices of a scan, with the checksums of their values.
pub fn slices_of(image: &CaseImage) -> Vec<RecordedSlice> {
    let slice = |k: usize| {
        let values = image.volume.hu.index_axis(ndarray::Axis(0), k);
        let bytes: Vec<u8> = values.iter().flat_map(|hu| hu.to_le_bytes()).collect();
        let hash = Sha256::digest(&bytes);
        let file = image.meta.slices.get(k);
        RecordedSlice {
            sop_instance_uid: file.map(|s| s.sop_instance_uid.clone()).unwrap_or_default(),
            path: file.map(|s| s.path.clone()).unwrap_or_default(),
            values: hash.iter().take(16).map(|b| format!("{b:02x}")).collect(),
        }
    };
    (0..image.volume.grid.slices()).into_par_iter().map(slice).collect()
}

/// A set of structures that was read.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum RecordedSource {
    /// It is read again, and must be the same.
    StructureSet {
        path: PathBuf,
        sha256: String,
    },
    Voxels {
        format: SetFormat,
        label: String,
        paths: Vec<PathBuf>,
    },
}

impl RecordedSource {
    fn of(origin: &SetOrigin) -> Self {
        match origin {
            SetOrigin::StructureSet(set) => Self::of_set(set),
            SetOrigin::Voxels(files) => Self::of_voxels(files),
        }
    }

    fn of_set(set: &SourceStructureSet) -> Self {
        Self::StructureSet { path: set.path.clone(), sha256: set.sha256.clone() }
    }

    fn of_voxels(files: &VoxelOrigin) -> Self {
        Self::Voxels { format: files.format, label: files.label.clone(), paths: files.paths.clone() }
    }
}

/// What a case held before the first step of a journal.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RecordedContents {
    pub structures: StructureSet,
    pub clinical: ClinicalValues,
    /// Since version 2.
    #[serde(default)]
    pub landmarks: Landmarks,
    pub sources: Vec<RecordedSource>,
    pub next_id: u32,
    /// Structures whose role was only guessed.
    pub uncertain_roles: Vec<RoiId>,
    /// Steps that were dropped before, because the budget of the history was spent.
    pub dropped: usize,
}

impl RecordedContents {
    pub fn of(contents: &CaseContents, next_id: u32, uncertain_roles: Vec<RoiId>, dropped: usize) -> Self {
        let sets = contents.sources.iter().map(|set| RecordedSource::of_set(set));
        let voxels = contents.voxel_sources.iter().map(|files| RecordedSource::of_voxels(files));
        Self {
            structures: contents.structures.clone(),
            clinical: contents.clinical.clone(),
            landmarks: contents.landmarks.clone(),
            sources: sets.chain(voxels).collect(),
            next_id,
            uncertain_roles,
            dropped,
        }
    }
}

/// A change as it is written.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
enum RecordedChange {
    AddSource(RecordedSource),
    RemoveSource(RecordedSource),
    Of(Change),
}

/// A step as it is written.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct RecordedEdit {
    label: String,
    touched: Vec<Touched>,
    changes: Vec<RecordedChange>,
}

/// Milliseconds since 1970.
pub fn ms_of(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

/// The moment of these milliseconds.
pub fn time_of(at_ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(at_ms)
}

/// A step as a record.
///
/// # Errors
/// Where a number of it cannot be written.
pub fn step_frame(step: &Step) -> io::Result<Frame> {
    let record = |change: &Change| match change {
        Change::AddSource(source) => RecordedChange::AddSource(RecordedSource::of(&source.0)),
        Change::RemoveSource(source) => RecordedChange::RemoveSource(RecordedSource::of(&source.0)),
        other => RecordedChange::Of(other.clone()),
    };
    let edit = RecordedEdit {
        label: step.edit.label.clone(),
        touched: step.touched.clone(),
        changes: step.edit.changes.iter().filter(|c| !c.is_noop()).map(record).collect(),
    };
    Frame::of(Kind::Step, ms_of(step.at), step.state, &edit)
}

/// The sets that the step of a record reads.
pub fn sources_of(frame: &Frame) -> Vec<RecordedSource> {
    // Most edits are long and import nothing: their changes are passed over.
    #[derive(serde::Deserialize)]
    enum Sourced {
        AddSource(RecordedSource),
        RemoveSource(RecordedSource),
        Of(serde::de::IgnoredAny),
    }
    #[derive(serde::Deserialize)]
    struct Sources {
        changes: Vec<Sourced>,
    }
    let changes = frame.value::<Sources>().map(|s| s.changes).unwrap_or_default();
    let source = |change| match change {
        Sourced::AddSource(source) | Sourced::RemoveSource(source) => Some(source),
        Sourced::Of(_) => None,
    };
    changes.into_iter().filter_map(source).collect()
}

/// The step of a record, onto contents as they are at that moment. `origin` gives the source of a set, `None` where it
/// is left out.
///
/// # Errors
/// A record that does not fit the contents.
pub fn step_of(
    frame: &Frame,
    structures: &StructureSet,
    clinical: &ClinicalValues,
    origin: &mut dyn FnMut(&RecordedSource) -> Option<SetOrigin>,
) -> io::Result<Step> {
    let RecordedEdit { label, touched, changes: recorded } = frame.value()?;
    let (mut structures, mut clinical, mut landmarks) = (structures.clone(), clinical.clone(), Landmarks::default());
    let mut changes = Vec::with_capacity(recorded.len());
    for change in recorded {
        let change = match change {
            RecordedChange::AddSource(source) => match origin(&source) {
                Some(origin) => Change::AddSource(Source(origin)),
                None => continue,
            },
            RecordedChange::RemoveSource(source) => match origin(&source) {
                Some(origin) => Change::RemoveSource(Source(origin)),
                None => continue,
            },
            RecordedChange::Of(Change::Slice { roi, k, after, .. }) => {
                let before = structures.get(roi).and_then(|r| r.slices.get(&k)).cloned();
                Change::Slice { roi, k, before, after }
            }
            RecordedChange::Of(Change::Remove { index, roi }) => {
                let now = structures.get(roi.id).cloned();
                Change::Remove { index, roi: now.map_or(roi, Arc::new) }
            }
            RecordedChange::Of(other) => other,
        };
        change.perform(&mut structures, &mut clinical, &mut landmarks);
        changes.push(change);
    }
    Ok(Step { state: frame.state, at: time_of(frame.at_ms), edit: Edit::new(label, changes), touched })
}

/// A step in short, as the record tells it without its contours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepNote {
    pub state: StateId,
    pub at: SystemTime,
    pub label: String,
    pub touched: Vec<Touched>,
}

impl StepNote {
    /// Of the record of a step.
    ///
    /// # Errors
    /// A record of something else.
    pub fn of(frame: &Frame) -> io::Result<Self> {
        #[derive(serde::Deserialize)]
        struct Short {
            label: String,
            touched: Vec<Touched>,
        }
        let Short { label, touched } = frame.value()?;
        Ok(Self { state: frame.state, at: time_of(frame.at_ms), label, touched })
    }
}
