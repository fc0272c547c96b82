//! The rings of a slice copied to its neighbour, and which slices still are such copies.

use super::{Command, Workbench};
use crate::contour::{Ring, SliceContours};
use crate::geometry::{ImagePlane, Orientation};
use crate::structures::RoiId;
use crate::tf;
use crate::words::{keep, t};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Slices that were filled by a copy and that nobody has worked on or accepted since.
#[derive(Debug, Default)]
pub(super) struct Copies(BTreeMap<(RoiId, usize), Arc<SliceContours>>);

impl Workbench {
    /// True if the contours of a structure on a slice are a copy of its neighbour's that nobody has reviewed: neither
    /// edited nor accepted as they are.
    pub fn is_copied(&self, roi: RoiId, k: usize) -> bool {
        let now = self.case.as_ref().and_then(|case| case.structures().get(roi)?.slices.get(&k));
        let copy = self.copies.0.get(&(roi, k));
        now.zip(copy).is_some_and(|(now, copy)| Arc::ptr_eq(now, copy))
    }

    /// The slices of a structure for which [`Self::is_copied`] holds.
    pub fn copied_slices(&self, roi: RoiId) -> Vec<usize> {
        self.copies.0.keys().filter(|(of, k)| *of == roi && self.is_copied(roi, *k)).map(|(_, k)| *k).collect()
    }

    /// The copied slices of a structure are right as they are.
    pub(super) fn accept_copies(&mut self, roi: RoiId) {
        self.copies.0.retain(|(of, _), _| *of != roi);
    }

    /// Copies the rings of the selected structure to the next slice towards the head or the feet, and goes there. Where
    /// contours are already, nothing is replaced.
    pub(super) fn copy_slice(&mut self, to_head: bool) {
        let roi = match self.editable() {
            Ok(roi) => roi,
            Err(refusal) => return self.notices.warning(refusal.to_string()),
        };
        let Some(case) = &mut self.case else { return };
        let Some(structure) = case.structures().get(roi) else { return };
        let grid = Arc::clone(case.grid());
        let k = self.view.axial_slice(&grid);
        let head = ImagePlane::through(&grid, Orientation::Axial, self.view.crosshair).normal;
        let up = (head.dot(grid.normal()) > 0.0) == to_head;
        let next = if up { k.checked_add(1).filter(|n| *n < grid.slices()) } else { k.checked_sub(1) };
        let Some(next) = next else {
            return self.notices.warning(t("This is the last slice of the scan on that side; nothing was copied"));
        };
        let Some(contours) = structure.slices.get(&k) else {
            let text = tf!("{name} has no contours on this slice; nothing was copied", name = structure.name);
            return self.notices.warning(text);
        };
        if structure.slices.contains_key(&next) {
            let text = tf!(
                "{name} has contours on the next slice already; nothing was copied, so that they stay",
                name = structure.name
            );
            return self.notices.warning(text);
        }
        // A copy is no contour of the source.
        let rings = contours.rings.iter().map(Ring::detached).collect();
        let label = format!("{} {}", keep("Copy slice of"), structure.name);
        let result =
            case.contour_edit(label, roi, vec![(next, SliceContours::new(rings))]).and_then(|edit| case.apply(edit));
        if result.is_ok()
            && let Some(copy) = case.structures().get(roi).and_then(|r| r.slices.get(&next))
        {
            self.copies.0.insert((roi, next), Arc::clone(copy));
        }
        self.report(result);
        self.execute(Command::Scroll { orientation: Orientation::Axial, steps: if to_head { 1 } else { -1 } });
    }
}
