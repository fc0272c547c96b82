//! Undo, redo and the way to any state of the history, and where the views go then: to what changed.

use super::anatomy::AnatomyCommand;
use super::edit::Change;
use super::{Case, Edit, History, Settings, StateId, Workbench};
use crate::contour::SliceContours;
use crate::geometry::{PatientPoint, PlanePoint, VoxelGrid};
use crate::words::t;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Workbench {
    /// Performs steps of the history; what they changed comes into view, if it is not there already.
    pub(super) fn travel(&mut self, steps: impl FnOnce(&mut Case) -> Option<Edit>) {
        let Some(case) = &mut self.case else { return };
        let Some(edit) = steps(case) else { return };
        let structures = case.structures();
        if self.view.selected.is_some_and(|id| structures.get(id).is_none()) {
            self.view.selected = None;
        }
        if let Some(exercise) = self.exercise
            && [exercise.reference, exercise.attempt].iter().any(|id| structures.get(*id).is_none())
        {
            self.exercise = None;
            self.score = None;
        }
        let here = self.view.axial_slice(case.grid());
        if let Some(point) = place_of(&edit, case.grid(), here) {
            self.view.crosshair = point;
        }
        // The place of a landmark that goes back to where it was found is known to the anatomy only.
        let moved = edit.changes.iter().find_map(|change| match change {
            Change::Landmark { id, .. } => Some(*id),
            _ => None,
        });
        self.follow_anatomy();
        if let Some(id) = moved {
            self.anatomy_command(AnatomyCommand::GoTo(id));
        }
    }

    /// Takes back or does again as many steps as lead to a state.
    pub(super) fn go_to_state(&mut self, state: StateId) {
        match self.case.as_ref().map(|c| c.history().way_to(state)) {
            None | Some(Some(0)) => {}
            Some(None) => self.notices.warning(t("This step can no longer be reached; nothing was changed")),
            Some(Some(_)) => self.travel(|case| case.go_to(state)),
        }
    }

    pub(super) fn set_history_budget(&mut self, megabytes: u32) {
        let megabytes = megabytes.clamp(Settings::LEAST_HISTORY_MB, Settings::MOST_HISTORY_MB);
        self.change_settings(|settings| settings.history_mb = Some(megabytes));
        self.apply_history_budget();
    }

    pub(super) fn apply_history_budget(&mut self) {
        let bytes = self.settings.history_mb.map_or(History::USUAL_BUDGET, |mb| (mb as usize) << 20);
        if let Some(case) = &mut self.case {
            case.history_mut().set_budget(bytes);
        }
    }
}

/// The middle of the contours that an edit changes, on the slice nearest to `here`; `None` where that is `here`, or
/// where no contours change.
fn place_of(edit: &Edit, grid: &VoxelGrid, here: usize) -> Option<PatientPoint> {
    let mut slices: BTreeMap<usize, Vec<&Arc<SliceContours>>> = BTreeMap::new();
    for change in &edit.changes {
        match change {
            Change::Slice { k, before, after, .. } => {
                slices.entry(*k).or_default().extend(before.iter().chain(after));
            }
            Change::Add { roi, .. } | Change::Remove { roi, .. } => {
                roi.slices.iter().for_each(|(k, contours)| slices.entry(*k).or_default().push(contours));
            }
            _ => {}
        }
    }
    let (k, contours) = slices.into_iter().min_by_key(|(k, _)| k.abs_diff(here)).filter(|(k, _)| *k != here)?;
    let points = contours.iter().flat_map(|c| &c.rings).flat_map(|ring| ring.points());
    let [lo, hi] = points.fold(None::<[PlanePoint; 2]>, |bounds, p| {
        Some(
            bounds
                .map_or([*p, *p], |[lo, hi]| [[lo[0].min(p[0]), lo[1].min(p[1])], [hi[0].max(p[0]), hi[1].max(p[1])]]),
        )
    })?;
    let middle = [f64::midpoint(lo[0], hi[0]), f64::midpoint(lo[1], hi[1])];
    Some(grid.patient_from_plane(middle, grid.position_mm(k)))
}
