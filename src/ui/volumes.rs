//! Volumes of the structures as the list shows them, measured again only where contours changed.

use crate::geometry::Revision;
use crate::structures::RoiId;
use crate::workbench::Case;
use std::collections::BTreeMap;

/// Volumes of a case at a revision, cm3.
#[derive(Debug, Default)]
pub struct Volumes {
    case_count: u64,
    synced: Option<Revision>,
    cm3: BTreeMap<RoiId, f64>,
}

impl Volumes {
    /// Brings the volumes to the revision of the case.
    pub fn sync(&mut self, case: &Case, case_count: u64) {
        if self.case_count != case_count {
            *self = Self { case_count, ..Self::default() };
        }
        if self.synced == Some(case.revision()) {
            return;
        }
        if let Some(since) = self.synced {
            for change in case.changes_since(since) {
                self.cm3.remove(&change.roi);
            }
        }
        let structures = case.structures();
        self.cm3.retain(|id, _| structures.get(*id).is_some());
        for roi in &structures.rois {
            self.cm3.entry(roi.id).or_insert_with(|| case.mask(roi.id).volume_cm3(case.grid()));
        }
        self.synced = Some(case.revision());
    }

    /// 0 for an unknown ROI.
    pub fn cm3(&self, roi: RoiId) -> f64 {
        self.cm3.get(&roi).copied().unwrap_or(0.0)
    }
}
