//! Which slices were looked at, which differ from what was opened, and where the next slice of a kind lies.

use super::Case;
use crate::contour::SliceContours;
use crate::geometry::Revision;
use crate::structures::{Roi, RoiId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What to go to next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    /// A slice with contours of the selected structure.
    Contour(Toward),
    /// A slice on which some structure differs from what was opened.
    Edited(Toward),
    /// A slice that was not yet looked at; after the last one the search begins again at the other end.
    Unseen(Toward),
    /// The next slice towards the head, and then from the feet, that lies without contours between contours of the
    /// selected structure.
    Gap,
}

/// A direction through the slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toward {
    Head,
    Feet,
}

/// The ledger of a case: not part of it, not undone.
#[derive(Debug, Default)]
pub struct Coverage {
    /// The case that it is of.
    case_count: u64,
    seen: Vec<bool>,
    revision: Revision,
    /// Every structure as it entered the case.
    as_opened: BTreeMap<RoiId, Roi>,
    /// The contours at the last look.
    last: BTreeMap<RoiId, BTreeMap<usize, Arc<SliceContours>>>,
    edited: BTreeSet<(usize, RoiId)>,
}

impl Coverage {
    /// How long a slice must be shown to count as looked at, seconds.
    pub const LOOK_S: f64 = 0.5;

    /// Follows the case; true if it is a new one. A slice that changes while another one is shown has to be looked
    /// at again.
    pub(super) fn follow(&mut self, case: &Case, case_count: u64, shown: usize) -> bool {
        let is_new = self.case_count != case_count;
        if is_new {
            *self = Self { case_count, revision: case.revision(), ..Self::default() };
            self.seen = vec![false; case.grid().slices()];
        } else if self.revision == case.revision() {
            return false;
        }
        for roi in &case.structures().rois {
            self.as_opened.entry(roi.id).or_insert_with(|| roi.clone());
            if is_new {
                self.last.insert(roi.id, roi.slices.clone());
            }
        }
        for change in case.changes_since(self.revision) {
            let now = case.structures().get(change.roi);
            let before = self.as_opened.get(&change.roi);
            for &k in &change.slices {
                let new = now.and_then(|r| r.slices.get(&k));
                if now.is_none() || same(before.and_then(|r| r.slices.get(&k)), new) {
                    self.edited.remove(&(k, change.roi));
                } else {
                    self.edited.insert((k, change.roi));
                }
                let known = self.last.get(&change.roi).and_then(|slices| slices.get(&k));
                if let Some(seen) = self.seen.get_mut(k).filter(|_| k != shown && !same(known, new)) {
                    *seen = false;
                }
            }
            self.last.insert(change.roi, now.map(|r| r.slices.clone()).unwrap_or_default());
        }
        self.revision = case.revision();
        is_new
    }

    /// Slice `k` was shown for so many seconds.
    pub(super) fn shown(&mut self, k: usize, seconds: f64) {
        if let Some(seen) = self.seen.get_mut(k).filter(|_| seconds >= Self::LOOK_S) {
            *seen = true;
        }
    }

    pub fn is_seen(&self, k: usize) -> bool {
        self.seen.get(k).copied().unwrap_or(false)
    }

    /// How many slices were looked at.
    pub fn seen_count(&self) -> usize {
        self.seen.iter().filter(|s| **s).count()
    }

    /// The structures that differ on a slice from what was opened.
    pub fn edited_on(&self, k: usize) -> impl Iterator<Item = RoiId> + '_ {
        self.edited.range((k, RoiId(0))..=(k, RoiId(u32::MAX))).map(|(_, roi)| *roi)
    }

    /// True if the structure differs anywhere from what was opened.
    pub fn is_edited(&self, roi: RoiId) -> bool {
        self.edited.iter().any(|(_, id)| *id == roi)
    }

    /// Every structure as it entered the case.
    pub fn as_opened(&self) -> impl Iterator<Item = &Roi> {
        self.as_opened.values()
    }

    /// The slice that a jump from slice `from` leads to. `up` is true where slice numbers grow towards the head.
    pub fn target(&self, jump: Jump, roi: Option<&Roi>, from: usize, up: bool) -> Option<usize> {
        let slices = self.seen.len();
        let has = |k: usize| roi.is_some_and(|r| r.slices.contains_key(&k));
        let ascending = |toward| (toward == Toward::Head) == up;
        match jump {
            Jump::Contour(toward) => next(slices, from, ascending(toward), false, has),
            Jump::Edited(toward) => {
                next(slices, from, ascending(toward), false, |k| self.edited_on(k).next().is_some())
            }
            Jump::Unseen(toward) => next(slices, from, ascending(toward), true, |k| !self.is_seen(k)),
            Jump::Gap => {
                let gaps: BTreeSet<usize> = gaps(roi?).collect();
                next(slices, from, up, true, |k| gaps.contains(&k))
            }
        }
    }
}

fn same(a: Option<&Arc<SliceContours>>, b: Option<&Arc<SliceContours>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// Slices without contours between slices with contours of a structure.
pub fn gaps(roi: &Roi) -> impl Iterator<Item = usize> + '_ {
    let first = roi.slices.keys().next().copied().unwrap_or(0);
    let last = roi.slices.keys().next_back().copied().unwrap_or(0);
    (first..last).filter(|k| !roi.slices.contains_key(k))
}

/// The nearest slice beyond `from` that fits; with `wraps` also from the other end up to it.
pub(super) fn next(
    slices: usize,
    from: usize,
    ascending: bool,
    wraps: bool,
    fits: impl Fn(usize) -> bool,
) -> Option<usize> {
    let (beyond, behind) = (from + 1..slices, 0..from.min(slices));
    let found = if ascending { beyond.clone().find(|k| fits(*k)) } else { behind.clone().rev().find(|k| fits(*k)) };
    let again = || if ascending { behind.clone().find(|k| fits(*k)) } else { beyond.clone().rev().find(|k| fits(*k)) };
    found.or_else(|| if wraps { again() } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::Ring;
    use crate::structures::{Provenance, Role};

    fn roi(slices: &[usize]) -> Roi {
        let mut roi = Roi::new(RoiId(1), "x", [255; 3], Role::Other, Provenance::Drawn);
        let ring = Ring::new([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]);
        roi.slices = slices.iter().map(|k| (*k, Arc::new(SliceContours::new(vec![ring.clone()])))).collect();
        roi
    }

    #[test]
    fn jumps_go_to_the_nearest_slice_of_their_kind() {
        let mut ledger = Coverage { seen: vec![true; 10], ..Coverage::default() };
        ledger.seen[1] = false;
        ledger.seen[8] = false;
        let roi = roi(&[2, 3, 6, 7]);
        let to = |jump, from| ledger.target(jump, Some(&roi), from, true);
        use Toward::{Feet, Head};
        assert_eq!([to(Jump::Contour(Head), 3), to(Jump::Contour(Feet), 6)], [Some(6), Some(3)]);
        assert_eq!([to(Jump::Contour(Head), 7), to(Jump::Contour(Feet), 2)], [None, None]);
        assert_eq!([to(Jump::Contour(Head), 0), to(Jump::Contour(Feet), 9)], [Some(2), Some(7)]);
        assert_eq!([to(Jump::Gap, 0), to(Jump::Gap, 4), to(Jump::Gap, 5)], [Some(4), Some(5), Some(4)]);
        assert_eq!([to(Jump::Unseen(Head), 2), to(Jump::Unseen(Head), 8)], [Some(8), Some(1)], "round and round");
        assert_eq!([to(Jump::Unseen(Feet), 8), to(Jump::Unseen(Feet), 1)], [Some(1), Some(8)]);
        assert_eq!(to(Jump::Edited(Head), 0), None);
        assert_eq!(ledger.target(Jump::Contour(Head), Some(&roi), 3, false), Some(2), "slices from head to feet");
    }

    #[test]
    fn a_slice_counts_as_seen_after_half_a_second() {
        let mut ledger = Coverage { seen: vec![false; 3], ..Coverage::default() };
        ledger.shown(1, 0.49);
        assert!(!ledger.is_seen(1));
        ledger.shown(1, 0.5);
        ledger.shown(7, 9.0);
        assert!(ledger.is_seen(1) && !ledger.is_seen(7) && ledger.seen_count() == 1);
    }

    #[test]
    fn gaps_lie_between_contours_only() {
        assert_eq!(gaps(&roi(&[2, 5, 6])).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(gaps(&roi(&[4])).count() + gaps(&roi(&[])).count(), 0);
    }
}
