//! The case: one patient's CT with its structures, the masks derived from them, and the one door
//! ([`Case::apply`]) through which every change goes.

mod replay;
mod steps;

use super::history::{StateId, Step};
use super::{Change, Edit, History, RoiAttributes};
use crate::anatomy::{Landmark, LandmarkId, Landmarks};
use crate::contour::{self, Mask, SliceContours, SliceMask};
use crate::dicom::{CtMeta, SourceStructureSet};
use crate::features::ClinicalValues;
use crate::geometry::{Revision, VoxelGrid};
use crate::image::CtVolume;
use crate::import::{SetOrigin, VoxelOrigin};
use crate::structures::{self, Roi, RoiId, Role, StructureSet};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An edit that does not fit the case; nothing was changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EditError {
    #[error("{}", crate::words::t("the structure is no longer there; nothing was changed"))]
    NoSuchRoi,
    #[error("{}", crate::tf!("slice {k} of {roi} has changed meanwhile; nothing was changed, please repeat the step", k = .k, roi = .roi))]
    Stale { roi: String, k: usize },
    #[error("{}", crate::tf!("slice {value} lies outside the scan; nothing was changed", value = .0))]
    NoSuchSlice(usize),
    #[error("{}", crate::tf!("a structure named \"{value}\" exists already; choose another name", value = .0))]
    NameTaken(String),
}

/// Contours of one ROI that changed at a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedSlices {
    pub revision: Revision,
    pub roi: RoiId,
    pub slices: Vec<usize>,
}

/// What happened to the history of a case, in order, for the journal.
#[derive(Debug, Clone)]
pub(super) enum Logged {
    Step(Step),
    /// A step was taken back, to this state.
    Undone(StateId),
    Redone(StateId),
}

/// The contents of a case at some moment, without its scan and what is derived.
#[derive(Debug, Clone, Default)]
pub struct CaseContents {
    pub structures: StructureSet,
    pub clinical: ClinicalValues,
    pub landmarks: Landmarks,
    pub sources: Vec<Arc<SourceStructureSet>>,
    pub voxel_sources: Vec<Arc<VoxelOrigin>>,
}

/// What never changes while a case is open, shared with jobs.
#[derive(Debug, Clone)]
pub struct CaseImage {
    pub volume: CtVolume,
    pub meta: Arc<CtMeta>,
}

/// A patient's scan with its structures. Everything derived is kept in step with the contours.
#[derive(Debug, Clone)]
pub struct Case {
    pub image: CaseImage,
    /// Source structure sets, for export in place of the original data.
    pub sources: Vec<Arc<SourceStructureSet>>,
    /// Segmentations and label volumes whose voxels became structures.
    pub voxel_sources: Vec<Arc<VoxelOrigin>>,
    structures: StructureSet,
    masks: BTreeMap<RoiId, Mask>,
    clinical: ClinicalValues,
    landmarks: Landmarks,
    revision: Revision,
    changes: Vec<ChangedSlices>,
    history: History,
    open: Option<Edit>,
    next_id: u32,
    /// What the journal has not taken yet; `None` where there is none.
    log: Option<Vec<Logged>>,
    /// While many steps are done in a row, masks wait until the last one.
    deferred: Option<steps::Deferred>,
}

impl Case {
    /// A case with structures as they were read; masks are made here. ROI ids are given anew, in order.
    pub fn new(image: CaseImage, structures: StructureSet, sources: Vec<Arc<SourceStructureSet>>) -> Self {
        let mut case = Self {
            image,
            sources,
            voxel_sources: Vec::new(),
            structures: StructureSet::default(),
            masks: BTreeMap::new(),
            clinical: ClinicalValues::default(),
            landmarks: Landmarks::default(),
            revision: Revision::default(),
            changes: Vec::new(),
            history: History::default(),
            open: None,
            next_id: 1,
            log: None,
            deferred: None,
        };
        for roi in structures.rois {
            let id = case.new_id();
            case.insert(case.structures.rois.len(), Roi { id, ..roi });
        }
        case
    }

    pub fn grid(&self) -> &Arc<VoxelGrid> {
        &self.image.volume.grid
    }
    pub fn structures(&self) -> &StructureSet {
        &self.structures
    }
    pub fn clinical(&self) -> &ClinicalValues {
        &self.clinical
    }
    /// Where the user has put landmarks of the anatomy.
    pub fn landmarks(&self) -> &Landmarks {
        &self.landmarks
    }
    pub fn revision(&self) -> Revision {
        self.revision
    }
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The files of the sets of structures that were read.
    pub fn set_paths(&self) -> impl Iterator<Item = &Path> {
        let sets = self.sources.iter().map(|s| s.path.as_path());
        sets.chain(self.voxel_sources.iter().flat_map(|s| s.paths.iter().map(PathBuf::as_path)))
    }

    /// Every file of which the case was made; none of them is ever overwritten.
    pub fn source_paths(&self) -> impl Iterator<Item = &Path> {
        self.image.meta.slices.iter().map(|s| s.path.as_path()).chain(self.set_paths())
    }

    /// The mask of an ROI: voxel centre inside its contours. Empty for an unknown id.
    pub fn mask(&self, id: RoiId) -> &Mask {
        static EMPTY: Mask = Mask { slices: BTreeMap::new() };
        self.masks.get(&id).unwrap_or(&EMPTY)
    }

    /// The union of the masks of all ROIs with this role.
    pub fn role_mask(&self, role: Role) -> Mask {
        let mut masks = self.structures.with_role(role).map(|r| self.mask(r.id));
        let first = masks.next().cloned().unwrap_or_default();
        masks.fold(first, |a, b| a.union(b))
    }

    /// GTVp and GTVn together.
    pub fn gtv_mask(&self) -> Mask {
        self.role_mask(Role::Gtvp).union(&self.role_mask(Role::Gtvn))
    }

    /// Mask of one slice over all ROIs with a role.
    pub fn role_slice(&self, role: Role, k: usize) -> Option<Arc<SliceMask>> {
        self.structures
            .with_role(role)
            .filter_map(|r| self.mask(r.id).slices.get(&k).cloned())
            .reduce(|a, b| Arc::new(a.combine(&b, |x, y| x | y)))
    }

    /// An id never used in this case before.
    pub fn new_id(&mut self) -> RoiId {
        self.next_id += 1;
        RoiId(self.next_id - 1)
    }

    /// The slices of each ROI that changed after `since`, oldest first.
    pub fn changes_since(&self, since: Revision) -> &[ChangedSlices] {
        let first = self.changes.partition_point(|c| c.revision <= since);
        &self.changes[first..]
    }

    /// A name not yet in use: `wanted`, else `wanted 2`, `wanted 3` ...
    pub fn free_name(&self, wanted: &str) -> String {
        structures::free_name(wanted, |name| self.structures.by_name(name).is_some())
    }

    /// Applies an edit as one step of undo, or as part of the open transaction. An edit without
    /// effect leaves no step.
    ///
    /// # Errors
    /// If the edit does not fit the case as it is now; then nothing is changed.
    pub fn apply(&mut self, edit: Edit) -> Result<(), EditError> {
        if edit.is_noop() {
            return Ok(());
        }
        self.validate(&edit)?;
        self.perform(&edit.changes);
        match &mut self.open {
            Some(open) => open.absorb(edit.changes),
            None => self.push(edit),
        }
        Ok(())
    }

    /// The edit that gives an ROI new contours on some slices, with its generation following the truth.
    pub fn contour_edit(
        &self,
        label: impl Into<String>,
        id: RoiId,
        slices: Vec<(usize, SliceContours)>,
    ) -> Result<Edit, EditError> {
        let roi = self.structures.get(id).ok_or(EditError::NoSuchRoi)?;
        let mut changes = Vec::new();
        for (k, after) in slices {
            let before = roi.slices.get(&k).cloned();
            let after = (!after.is_empty()).then(|| Arc::new(after));
            if before.as_deref() != after.as_deref() {
                changes.push(Change::Slice { roi: id, k, before, after });
            }
        }
        if !changes.is_empty() {
            let before = RoiAttributes::of(roi);
            let after = RoiAttributes { generation: roi.generation.edited(), ..before.clone() };
            if before != after {
                changes.push(Change::Attributes { roi: id, before, after });
            }
        }
        Ok(Edit::new(label, changes))
    }

    /// The edit that adds an ROI at the end of the list.
    pub fn add_edit(&self, label: impl Into<String>, roi: Roi) -> Edit {
        Edit::new(label, vec![Change::Add { index: self.structures.rois.len(), roi: Arc::new(roi) }])
    }

    /// The edit that puts landmarks elsewhere, or with `None` back to where they were found or estimated.
    pub fn landmarks_edit(
        &self,
        label: impl Into<String>,
        moves: impl IntoIterator<Item = (LandmarkId, Option<Landmark>)>,
    ) -> Edit {
        let change = |(id, after)| Change::Landmark { id, before: self.landmarks.get(id).copied(), after };
        Edit::new(label, moves.into_iter().map(change).collect())
    }

    /// The edit that removes an ROI.
    pub fn remove_edit(&self, label: impl Into<String>, id: RoiId) -> Result<Edit, EditError> {
        let index = self.structures.rois.iter().position(|r| r.id == id).ok_or(EditError::NoSuchRoi)?;
        Ok(Edit::new(label, vec![Change::Remove { index, roi: Arc::new(self.structures.rois[index].clone()) }]))
    }

    /// The edit that changes what is said about an ROI.
    pub fn attributes_edit(
        &self,
        label: impl Into<String>,
        id: RoiId,
        change: impl FnOnce(&mut RoiAttributes),
    ) -> Result<Edit, EditError> {
        let roi = self.structures.get(id).ok_or(EditError::NoSuchRoi)?;
        let before = RoiAttributes::of(roi);
        let mut after = before.clone();
        change(&mut after);
        if after.name != before.name && self.structures.by_name(&after.name).is_some() {
            return Err(EditError::NameTaken(after.name));
        }
        Ok(Edit::new(label, vec![Change::Attributes { roi: id, before, after }]))
    }

    /// Everything derived equals what a fresh derivation gives; checked after every step in tests.
    pub fn check_invariants(&self) -> Result<(), String> {
        let ids: BTreeSet<RoiId> = self.structures.rois.iter().map(|r| r.id).collect();
        if ids.len() != self.structures.rois.len() {
            return Err("two ROIs share an id".into());
        }
        if self.masks.keys().copied().collect::<BTreeSet<_>>() != ids {
            return Err("masks and ROIs differ".into());
        }
        for roi in &self.structures.rois {
            if let Some((k, _)) = roi.slices.iter().find(|(k, s)| s.is_empty() || **k >= self.grid().slices()) {
                return Err(format!("slice {k} of {} is empty or outside the scan", roi.name));
            }
            if contour::rasterize(self.grid(), &roi.slices) != self.masks[&roi.id] {
                return Err(format!("the mask of {} is not that of its contours", roi.name));
            }
        }
        Ok(())
    }

    fn validate(&self, edit: &Edit) -> Result<(), EditError> {
        // ROIs that this very edit adds can be changed by its later entries.
        let mut added: BTreeSet<RoiId> = BTreeSet::new();
        for change in &edit.changes {
            match change {
                Change::Slice { roi, k, before, .. } => {
                    if *k >= self.grid().slices() {
                        return Err(EditError::NoSuchSlice(*k));
                    }
                    if !added.contains(roi) {
                        let now = self.structures.get(*roi).ok_or(EditError::NoSuchRoi)?;
                        if now.slices.get(k).map(AsRef::as_ref) != before.as_deref() {
                            return Err(EditError::Stale { roi: now.name.clone(), k: *k });
                        }
                    }
                }
                Change::Add { roi, .. } => {
                    added.insert(roi.id);
                }
                Change::Remove { roi, .. } => {
                    self.structures.get(roi.id).ok_or(EditError::NoSuchRoi)?;
                }
                Change::Attributes { roi, .. } => {
                    if !added.contains(roi) {
                        self.structures.get(*roi).ok_or(EditError::NoSuchRoi)?;
                    }
                }
                Change::Clinical { .. } | Change::Landmark { .. } | Change::AddSource(_) | Change::RemoveSource(_) => {}
            }
        }
        Ok(())
    }

    /// Performs changes that are known to fit, and brings masks and the change log in step.
    fn perform(&mut self, changes: &[Change]) {
        self.revision = self.revision.next();
        let mut touched: BTreeMap<RoiId, BTreeSet<usize>> = BTreeMap::new();
        for change in changes {
            change.perform(&mut self.structures, &mut self.clinical, &mut self.landmarks);
            match change {
                Change::Slice { roi, k, .. } => {
                    touched.entry(*roi).or_default().insert(*k);
                }
                Change::Add { roi, .. } => {
                    touched.entry(roi.id).or_default().extend(roi.slices.keys());
                    self.masks.insert(roi.id, Mask::default());
                    self.next_id = self.next_id.max(roi.id.0 + 1);
                }
                Change::Remove { roi, .. } => {
                    touched.entry(roi.id).or_default().extend(roi.slices.keys());
                    self.masks.remove(&roi.id);
                }
                Change::Attributes { roi, before, after } => {
                    // A new role changes which features the voxels count for.
                    if let Some(target) = self.structures.get(*roi).filter(|_| before.role != after.role) {
                        touched.entry(*roi).or_default().extend(target.slices.keys());
                    }
                }
                Change::Clinical { .. } | Change::Landmark { .. } => {}
                Change::AddSource(source) => match &source.0 {
                    SetOrigin::StructureSet(set) => self.sources.push(Arc::clone(set)),
                    SetOrigin::Voxels(files) => self.voxel_sources.push(Arc::clone(files)),
                },
                Change::RemoveSource(source) => match &source.0 {
                    SetOrigin::StructureSet(set) => self.sources.retain(|s| !Arc::ptr_eq(s, set)),
                    SetOrigin::Voxels(files) => self.voxel_sources.retain(|s| !Arc::ptr_eq(s, files)),
                },
            }
        }
        self.derive_all(touched);
    }

    /// Rasterises the touched slices of an ROI again.
    fn derive(&mut self, id: RoiId, slices: &BTreeSet<usize>) {
        let (Some(roi), Some(mask)) = (self.structures.get(id), self.masks.get_mut(&id)) else { return };
        for k in slices {
            let slice = roi.slices.get(k).map(|c| contour::rasterize_slice(&self.image.volume.grid, c));
            match slice.filter(|s| !s.is_empty()) {
                Some(slice) => mask.slices.insert(*k, Arc::new(slice)),
                None => mask.slices.remove(k),
            };
        }
    }

    /// What the case holds from the beginning: performed without a step of undo.
    pub(super) fn begin_with(&mut self, edit: Edit) {
        self.perform(&edit.changes);
    }

    fn insert(&mut self, index: usize, roi: Roi) {
        self.perform(&[Change::Add { index, roi: Arc::new(roi) }]);
    }
}
