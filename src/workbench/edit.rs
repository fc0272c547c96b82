//! An edit: a list of changes, each with what was before and what comes after, so that undo is the
//! same list turned round through the same door ([`super::Case::apply`]).

use crate::anatomy::{Landmark, LandmarkId, Landmarks};
use crate::contour::SliceContours;
use crate::features::ClinicalValues;
use crate::import::SetOrigin;
use crate::structures::{Derivation, Generation, Provenance, Roi, RoiId, Role, StructureSet};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is said about an ROI besides its contours.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RoiAttributes {
    pub name: String,
    pub color: [u8; 3],
    pub role: Role,
    pub generation: Generation,
    pub provenance: Provenance,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derivation: Option<Arc<Derivation>>,
}

impl RoiAttributes {
    pub fn of(roi: &Roi) -> Self {
        Self {
            name: roi.name.clone(),
            color: roi.color,
            role: roi.role,
            generation: roi.generation,
            provenance: roi.provenance.clone(),
            derivation: roi.derivation.clone(),
        }
    }

    pub(super) fn set(self, roi: &mut Roi) {
        let Self { name, color, role, generation, provenance, derivation } = self;
        roi.name = name;
        roi.color = color;
        roi.role = role;
        roi.generation = generation;
        roi.provenance = provenance;
        roi.derivation = derivation;
    }
}

/// What a step did to one structure, for people: the history and the offers of journals show it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Touched {
    pub roi: RoiId,
    /// Its name when the step was done.
    pub name: String,
    /// The slices whose contours changed, ascending; none where only something else about it changed.
    pub slices: Vec<usize>,
}

/// Where structures came from; equal to itself only.
#[derive(Debug, Clone)]
pub struct Source(pub SetOrigin);

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (SetOrigin::StructureSet(a), SetOrigin::StructureSet(b)) => Arc::ptr_eq(a, b),
            (SetOrigin::Voxels(a), SetOrigin::Voxels(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// One reversible change of a case. The journal writes what comes after; what was before, the case knows when the
/// change is replayed, and sources are written as references (`journal/record.rs`).
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Change {
    /// The contours of one ROI on one slice; `None` = no contours there.
    Slice {
        roi: RoiId,
        k: usize,
        #[serde(skip)]
        before: Option<Arc<SliceContours>>,
        after: Option<Arc<SliceContours>>,
    },
    /// An ROI enters the list at `index`.
    Add {
        index: usize,
        roi: Arc<Roi>,
    },
    /// An ROI leaves the list; it is kept here whole.
    Remove {
        index: usize,
        roi: Arc<Roi>,
    },
    Attributes {
        roi: RoiId,
        before: RoiAttributes,
        after: RoiAttributes,
    },
    Clinical {
        before: ClinicalValues,
        after: ClinicalValues,
    },
    /// Where the user has put a landmark; `None` = where it was found or estimated.
    Landmark {
        id: LandmarkId,
        before: Option<Landmark>,
        after: Option<Landmark>,
    },
    /// A source of structures joins those of the case, as the last of its kind.
    #[serde(skip)]
    AddSource(Source),
    /// The last source of its kind leaves.
    #[serde(skip)]
    RemoveSource(Source),
}

impl Change {
    /// Does to a list of structures, clinical values and landmarks of the user what the change says; sources, masks and
    /// everything else derived are the case's.
    pub(super) fn perform(
        &self,
        structures: &mut StructureSet,
        clinical: &mut ClinicalValues,
        landmarks: &mut Landmarks,
    ) {
        match self {
            Self::Slice { roi, k, after, .. } => {
                let Some(target) = structures.get_mut(*roi) else { return };
                match after {
                    Some(contours) => target.slices.insert(*k, Arc::clone(contours)),
                    None => target.slices.remove(k),
                };
            }
            Self::Add { index, roi } => {
                structures.rois.insert((*index).min(structures.rois.len()), (**roi).clone());
            }
            Self::Remove { roi, .. } => structures.rois.retain(|r| r.id != roi.id),
            Self::Attributes { roi, after, .. } => {
                if let Some(target) = structures.get_mut(*roi) {
                    after.clone().set(target);
                }
            }
            Self::Clinical { after, .. } => *clinical = after.clone(),
            Self::Landmark { id, after: Some(after), .. } => landmarks.insert(*id, *after),
            Self::Landmark { id, after: None, .. } => drop(landmarks.remove(*id)),
            Self::AddSource(_) | Self::RemoveSource(_) => {}
        }
    }

    /// The change that takes this one back.
    fn inverse(&self) -> Self {
        match self.clone() {
            Self::Slice { roi, k, before, after } => Self::Slice { roi, k, before: after, after: before },
            Self::Add { index, roi } => Self::Remove { index, roi },
            Self::Remove { index, roi } => Self::Add { index, roi },
            Self::Attributes { roi, before, after } => Self::Attributes { roi, before: after, after: before },
            Self::Clinical { before, after } => Self::Clinical { before: after, after: before },
            Self::Landmark { id, before, after } => Self::Landmark { id, before: after, after: before },
            Self::AddSource(source) => Self::RemoveSource(source),
            Self::RemoveSource(source) => Self::AddSource(source),
        }
    }

    /// True where nothing differs.
    pub(super) fn is_noop(&self) -> bool {
        match self {
            Self::Slice { before, after, .. } => before == after,
            Self::Attributes { before, after, .. } => before == after,
            Self::Clinical { before, after } => before == after,
            Self::Landmark { before, after, .. } => before == after,
            Self::Add { .. } | Self::Remove { .. } | Self::AddSource(_) | Self::RemoveSource(_) => false,
        }
    }

    /// Memory that keeping this change costs, bytes, as counted by the history budget.
    fn bytes(&self) -> usize {
        let contours = |c: &Option<Arc<SliceContours>>| {
            c.iter().flat_map(|s| &s.rings).map(|r| 64 + 16 * r.points().len()).sum::<usize>()
        };
        64 + match self {
            Self::Slice { before, after, .. } => contours(before) + contours(after),
            Self::Add { roi, .. } | Self::Remove { roi, .. } => {
                roi.slices.values().map(|s| contours(&Some(Arc::clone(s)))).sum()
            }
            Self::Landmark { .. } => 128,
            Self::Attributes { .. } | Self::Clinical { .. } | Self::AddSource(_) | Self::RemoveSource(_) => 512,
        }
    }
}

/// A named list of changes: one step of undo.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// What the user did, e.g. "Brush GTVp".
    pub label: String,
    pub changes: Vec<Change>,
}

impl Edit {
    pub fn new(label: impl Into<String>, changes: Vec<Change>) -> Self {
        Self { label: label.into(), changes }
    }

    /// The edit that takes this one back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        Self { label: self.label.clone(), changes: self.changes.iter().rev().map(Change::inverse).collect() }
    }

    pub fn is_noop(&self) -> bool {
        self.changes.iter().all(Change::is_noop)
    }

    pub fn bytes(&self) -> usize {
        self.changes.iter().map(Change::bytes).sum()
    }

    /// Adds later changes, merging those to the same slice or ROI so that a stroke stays one small step.
    pub(super) fn absorb(&mut self, changes: Vec<Change>) {
        for change in changes {
            let merged = match &change {
                Change::Slice { roi, k, after, .. } => self.changes.iter_mut().rev().find_map(|c| match c {
                    Change::Slice { roi: r, k: s, after: a, .. } if r == roi && s == k => {
                        a.clone_from(after);
                        Some(())
                    }
                    _ => None,
                }),
                Change::Attributes { roi, after, .. } => self.changes.iter_mut().rev().find_map(|c| match c {
                    Change::Attributes { roi: r, after: a, .. } if r == roi => {
                        a.clone_from(after);
                        Some(())
                    }
                    _ => None,
                }),
                _ => None,
            };
            if merged.is_none() {
                self.changes.push(change);
            }
        }
    }

    /// The structures and slices that this edit touches, each once; a structure without contours stands alone. Names
    /// are those of `structures`, or of the edit itself for what it adds or removes.
    pub fn touched(&self, structures: &StructureSet) -> Vec<Touched> {
        let mut all: BTreeMap<RoiId, BTreeSet<usize>> = BTreeMap::new();
        for change in &self.changes {
            match change {
                Change::Slice { roi, k, .. } => {
                    all.entry(*roi).or_default().insert(*k);
                }
                Change::Add { roi, .. } | Change::Remove { roi, .. } => {
                    all.entry(roi.id).or_default().extend(roi.slices.keys());
                }
                Change::Attributes { roi, .. } => {
                    all.entry(*roi).or_default();
                }
                Change::Clinical { .. } | Change::Landmark { .. } | Change::AddSource(_) | Change::RemoveSource(_) => {}
            }
        }
        let name_in_edit = |id: RoiId| {
            self.changes.iter().find_map(|change| match change {
                Change::Add { roi, .. } | Change::Remove { roi, .. } if roi.id == id => Some(&roi.name),
                _ => None,
            })
        };
        let name = |id: RoiId| structures.get(id).map(|r| &r.name).or_else(|| name_in_edit(id)).cloned();
        all.into_iter()
            .map(|(roi, slices)| Touched {
                roi,
                name: name(roi).unwrap_or_default(),
                slices: slices.into_iter().collect(),
            })
            .collect()
    }

    /// Cuts the structures that it adds or removes off from the sets that they were read from.
    pub(super) fn forget_sources(&mut self) {
        for change in &mut self.changes {
            if let Change::Add { roi, .. } | Change::Remove { roi, .. } = change {
                Arc::make_mut(roi).source = None;
            }
        }
    }
}
