//! A case as it was in an earlier run: its contents at some moment, and the edits that are replayed onto them.

use super::{Case, CaseContents, CaseImage, EditError, Logged};
use crate::contour::{self, Mask};
use crate::import::SetOrigin;
use crate::structures::StructureSet;
use crate::workbench::edit::Source;
use crate::workbench::history::Step;
use crate::workbench::{Change, History};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Case {
    /// A case as it was at some moment, with the ids that its structures had; edits are replayed onto it until
    /// [`Self::end_replay`].
    pub(in crate::workbench) fn begin_replay(image: CaseImage, contents: CaseContents, next_id: u32) -> Self {
        let mut case = Self::new(image, StructureSet::default(), contents.sources);
        case.deferred = Some(BTreeMap::new());
        case.voxel_sources = contents.voxel_sources;
        case.clinical = contents.clinical;
        case.landmarks = contents.landmarks;
        case.next_id = contents.structures.next_id().0.max(next_id);
        case.structures = contents.structures;
        case.masks = case.structures.rois.iter().map(|r| (r.id, Mask::default())).collect();
        case.history = History::with_budget(usize::MAX);
        case
    }

    /// The last edit was replayed: masks are made.
    pub(in crate::workbench) fn end_replay(&mut self) {
        self.deferred = None;
        let grid = &self.image.volume.grid;
        self.masks = self.structures.rois.iter().map(|r| (r.id, contour::rasterize(grid, &r.slices))).collect();
        self.history.set_budget(History::USUAL_BUDGET);
    }

    /// Replays a step of an earlier run.
    pub(in crate::workbench) fn replay(&mut self, step: Step) -> Result<(), EditError> {
        self.validate(&step.edit)?;
        self.perform(&step.edit.changes);
        self.history.push_step(step);
        Ok(())
    }

    pub(in crate::workbench) fn history_mut(&mut self) -> &mut History {
        &mut self.history
    }

    /// What the case held before the oldest step that can be taken back.
    pub(in crate::workbench) fn contents_at_base(&self) -> CaseContents {
        let mut contents = CaseContents {
            structures: self.structures.clone(),
            clinical: self.clinical.clone(),
            landmarks: self.landmarks.clone(),
            sources: self.sources.clone(),
            voxel_sources: self.voxel_sources.clone(),
        };
        let open = self.open.iter();
        for edit in open.chain(self.history.done().rev().map(|step| &step.edit)) {
            for change in edit.inverse().changes {
                change.perform(&mut contents.structures, &mut contents.clinical, &mut contents.landmarks);
                match &change {
                    Change::RemoveSource(Source(SetOrigin::StructureSet(set))) => {
                        contents.sources.retain(|s| !Arc::ptr_eq(s, set));
                    }
                    Change::RemoveSource(Source(SetOrigin::Voxels(files))) => {
                        contents.voxel_sources.retain(|s| !Arc::ptr_eq(s, files));
                    }
                    _ => {}
                }
            }
        }
        contents
    }

    /// The id that the next structure gets.
    pub(in crate::workbench) fn next_id(&self) -> u32 {
        self.next_id
    }

    /// From now on what happens to the history is noted for [`Self::take_log`].
    pub(in crate::workbench) fn keep_log(&mut self) {
        self.log = Some(Vec::new());
    }

    /// What happened to the history since this was last asked, in order.
    pub(in crate::workbench) fn take_log(&mut self) -> Vec<Logged> {
        self.log.as_mut().map(std::mem::take).unwrap_or_default()
    }
}
