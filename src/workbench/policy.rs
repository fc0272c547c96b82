//! What may be edited: data applied in one place, apart from every tool.

use crate::structures::{RoiId, StructureSet};
use std::collections::BTreeSet;

/// Rules that every edit of contours obeys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EditPolicy {
    /// ROIs that no tool may change.
    pub locked: BTreeSet<RoiId>,
}

/// Why a tool may not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("No structure is selected: choose one in the structure list, or add one")]
    NothingSelected,
    #[error("{0} is locked: unlock it in the structure list to edit it")]
    Locked(String),
    #[error("{0} is hidden: show it before editing, so that you see what you change")]
    Hidden(String),
}

impl EditPolicy {
    /// The ROI that may be edited, or why not.
    pub fn editable(
        &self,
        structures: &StructureSet,
        selected: Option<RoiId>,
        is_visible: impl Fn(RoiId) -> bool,
    ) -> Result<RoiId, Refusal> {
        let roi = selected.and_then(|id| structures.get(id)).ok_or(Refusal::NothingSelected)?;
        if self.locked.contains(&roi.id) {
            return Err(Refusal::Locked(roi.name.clone()));
        }
        if !is_visible(roi.id) {
            return Err(Refusal::Hidden(roi.name.clone()));
        }
        Ok(roi.id)
    }
}
