//! Volumes of the structures as the list shows them, measured again only in the slices that changed.

use crate::geometry::Revision;
use crate::structures::RoiId;
use crate::workbench::Case;
use std::collections::BTreeMap;

/// Volumes of a case at a revision.
#[derive(Debug, Default)]
pub struct Volumes {
    case_count: u64,
    synced: Option<Revision>,
    /// Of each ROI by slice, mm3.
    slices_mm3: BTreeMap<RoiId, BTreeMap<usize, f64>>,
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
        let structures = case.structures();
        if let Some(since) = self.synced {
            for change in case.changes_since(since) {
                self.cm3.remove(&change.roi);
                let (Some(known), Some(_)) = (self.slices_mm3.get_mut(&change.roi), structures.get(change.roi)) else {
                    continue;
                };
                let mask = case.mask(change.roi);
                for &k in &change.slices {
                    match mask.slices.get(&k) {
                        Some(slice) => known.insert(k, slice.count() as f64 * case.grid().voxel_mm3(k)),
                        None => known.remove(&k),
                    };
                }
            }
        }
        self.cm3.retain(|id, _| structures.get(*id).is_some());
        self.slices_mm3.retain(|id, _| structures.get(*id).is_some());
        for roi in &structures.rois {
            let measure = || {
                let slices = case.mask(roi.id).slices.iter();
                slices.map(|(&k, slice)| (k, slice.count() as f64 * case.grid().voxel_mm3(k))).collect()
            };
            let slices = self.slices_mm3.entry(roi.id).or_insert_with(measure);
            self.cm3.entry(roi.id).or_insert_with(|| slices.values().sum::<f64>() / 1000.0);
        }
        self.synced = Some(case.revision());
    }

    /// 0 for an unknown ROI.
    pub fn cm3(&self, roi: RoiId) -> f64 {
        self.cm3.get(&roi).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Orientation, PatientPoint};
    use crate::structures::Role;
    use crate::workbench::jobs::JobMode;
    use crate::workbench::tools::{Pointer, ToolEvent};
    use crate::workbench::{Command, ToolKind, Workbench, load_demo};

    #[test]
    fn volumes_follow_strokes_undo_and_removal_slice_by_slice() {
        let mut w = Workbench::new(JobMode::Inline, None);
        w.take_case(load_demo(2, &crate::progress::Silent).expect("made"));
        let mut volumes = Volumes::default();
        let mut check = |w: &Workbench| {
            let case = w.case().expect("open");
            volumes.sync(case, 1);
            for roi in &case.structures().rois {
                let whole = case.mask(roi.id).volume_cm3(case.grid());
                assert!((volumes.cm3(roi.id) - whole).abs() < 1e-9 * whole.max(1.0), "{}", roi.name);
            }
            assert_eq!(volumes.slices_mm3.len(), case.structures().rois.len());
        };
        check(&w);
        let id = w.case().expect("open").structures().with_role(Role::Ctv).next().expect("a CTV").id;
        w.execute(Command::SelectRoi(Some(id)));
        w.execute(Command::GoToRoi(id));
        w.execute(Command::SetTool(ToolKind::Brush));
        let at = w.view.crosshair + PatientPoint::new(30.0, 0.0, 0.0);
        let to = at + PatientPoint::new(12.0, 6.0, 0.0);
        let press = ToolEvent::Press(Pointer::new(at, Orientation::Axial));
        for event in [press, ToolEvent::Drag { at: to }, ToolEvent::Release] {
            w.execute(Command::Tool(event));
            check(&w);
        }
        w.execute(Command::Undo);
        check(&w);
        w.execute(Command::DeleteRoi(id));
        check(&w);
        w.execute(Command::Undo);
        check(&w);
    }
}
