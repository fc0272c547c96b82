//! Contours for the missing slices of the selected structure, between drawn ones: shown before they are accepted, made
//! again after every edit, never part of the case until then.

use super::enter::ruled_edit;
use crate::contour::{self, SliceContours, Slices};
use crate::structures::{Roi, RoiId};
use crate::tf;
use crate::words::{keep, t};
use crate::workbench::Workbench;
use crate::workbench::jobs::{JobKey, Lane};
use crate::workbench::results::CaseResult;
use std::sync::Arc;

/// The id under which the preview is drawn; no ROI of a case reaches this number.
pub const PREVIEW: RoiId = RoiId(u32::MAX - 2);

/// The slices between two drawn ones, with the contours that they were made from.
#[derive(Debug, Clone)]
pub(in crate::workbench) struct Bridge {
    from: (usize, Arc<SliceContours>),
    to: (usize, Arc<SliceContours>),
    slices: Slices,
}

impl Bridge {
    /// Lies between these two, as they are now.
    fn spans(&self, slices: &Slices, [from, to]: [usize; 2]) -> bool {
        let is = |end: &(usize, Arc<SliceContours>), k: usize| {
            end.0 == k && slices.get(&k).is_some_and(|c| Arc::ptr_eq(c, &end.1))
        };
        is(&self.from, from) && is(&self.to, to)
    }
}

/// What is known of the missing slices of the selected structure.
#[derive(Debug)]
pub(in crate::workbench) struct InterpolationPreview {
    pub shown: bool,
    of: Option<(u64, RoiId)>,
    bridges: Vec<Bridge>,
    /// All of them as a structure to be drawn.
    roi: Option<Roi>,
    /// Pairs that a job works on.
    asked: Vec<(Arc<SliceContours>, Arc<SliceContours>)>,
}

impl Default for InterpolationPreview {
    fn default() -> Self {
        Self { shown: true, of: None, bridges: Vec::new(), roi: None, asked: Vec::new() }
    }
}

impl Workbench {
    /// Contours for the missing slices of the selected structure, as a structure to be drawn under [`PREVIEW`].
    pub fn interpolation_preview(&self) -> Option<&Roi> {
        let preview = &self.interpolation;
        let of = preview.of.filter(|_| preview.shown)?.1;
        preview.roi.as_ref().filter(|_| self.view.selected == Some(of) && self.is_shown(of))
    }

    /// True while contours for missing slices are shown.
    pub fn is_preview_shown(&self) -> bool {
        self.interpolation.shown
    }

    /// Follows the selected structure; what is missing is made by a job.
    pub(in crate::workbench) fn follow_preview(&mut self) {
        let Some(case) = &self.case else { return };
        let selected = self.view.selected.and_then(|id| case.structures().get(id));
        let Some(roi) = selected.filter(|_| self.interpolation.shown) else {
            self.interpolation = InterpolationPreview { shown: self.interpolation.shown, ..Default::default() };
            return;
        };
        let of = Some((self.case_count, roi.id));
        if self.interpolation.of != of {
            self.interpolation = InterpolationPreview { shown: true, of, ..Default::default() };
        }
        let preview = &mut self.interpolation;
        let pairs = contour::empty_between(&roi.slices, case.grid());
        let count = preview.bridges.len();
        preview.bridges.retain(|bridge| pairs.iter().any(|pair| bridge.spans(&roi.slices, *pair)));
        let missing: Vec<[usize; 2]> =
            pairs.into_iter().filter(|pair| !preview.bridges.iter().any(|b| b.spans(&roi.slices, *pair))).collect();
        if preview.bridges.len() != count {
            preview.assemble(roi);
        }
        // A stroke under way changes its slices with every event: its end is soon enough.
        if missing.is_empty() || case.in_transaction() {
            return;
        }
        let ends = |[from, to]: [usize; 2]| (Arc::clone(&roi.slices[&from]), Arc::clone(&roi.slices[&to]));
        let asked: Vec<_> = missing.iter().map(|pair| ends(*pair)).collect();
        let same = |a: &(Arc<SliceContours>, Arc<SliceContours>), b: &(Arc<SliceContours>, Arc<SliceContours>)| {
            Arc::ptr_eq(&a.0, &b.0) && Arc::ptr_eq(&a.1, &b.1)
        };
        let is_asked = asked.iter().all(|pair| preview.asked.iter().any(|other| same(pair, other)));
        // Also where it has failed: it would fail again.
        if is_asked {
            return;
        }
        preview.asked = asked;
        let (id, slices, grid) = (roi.id, roi.slices.clone(), Arc::clone(case.grid()));
        self.spawn_for_case(Lane::Live, JobKey::Interpolate, t("Fill empty slices"), None, move |_| {
            let bridge = |[from, to]: [usize; 2]| {
                let [from, to] = [from, to].map(|k| (k, Arc::clone(&slices[&k])));
                let slices = contour::interpolate_between((from.0, &from.1), (to.0, &to.1), &grid);
                Bridge { from, to, slices }
            };
            Ok(CaseResult::Interpolated { roi: id, bridges: missing.into_iter().map(bridge).collect() })
        });
    }

    /// Takes in contours for missing slices, where they still fit.
    pub(in crate::workbench) fn accept_bridges(&mut self, id: RoiId, bridges: Vec<Bridge>) {
        let Some(roi) = self.case.as_ref().and_then(|c| c.structures().get(id)) else { return };
        if self.interpolation.of != Some((self.case_count, id)) {
            return;
        }
        let preview = &mut self.interpolation;
        preview.asked.clear();
        preview.bridges.extend(bridges);
        preview.bridges.sort_by_key(|bridge| bridge.from.0);
        preview.assemble(roi);
    }

    /// The missing slices of the selected structure get their contours, as one step.
    pub(super) fn accept_preview(&mut self) {
        let id = match self.editable() {
            Ok(id) => id,
            Err(refusal) => return self.notices.warning(refusal.to_string()),
        };
        let Some(case) = &mut self.case else { return };
        let Some(roi) = case.structures().get(id) else { return };
        let (name, mut filled) = (roi.name.clone(), roi.slices.clone());
        let bridges = &self.interpolation.bridges;
        let mut count = 0;
        for [from, to] in contour::empty_between(&roi.slices, case.grid()) {
            let known = bridges.iter().find(|bridge| bridge.spans(&roi.slices, [from, to]));
            let slices = known.map_or_else(
                || contour::interpolate_between((from, &roi.slices[&from]), (to, &roi.slices[&to]), case.grid()),
                |bridge| bridge.slices.clone(),
            );
            count += slices.len();
            filled.extend(slices);
        }
        if count == 0 {
            return self.notices.info(tf!("{name} has no empty slices between drawn ones", name));
        }
        let edit = ruled_edit(case, &self.policy, keep("Interpolate"), id, filled);
        let result = edit.and_then(|edit| case.apply(edit));
        if result.is_ok() {
            let words = if count == 1 { t("1 slice").to_owned() } else { tf!("{slices} slices", slices = count) };
            self.notices.info(tf!("{name}: {words} filled between drawn ones; please look at them", name, words));
        }
        self.report(result);
    }
}

impl InterpolationPreview {
    fn assemble(&mut self, of: &Roi) {
        let slices: Slices = self.bridges.iter().flat_map(|b| b.slices.clone()).collect();
        self.roi = (!slices.is_empty()).then(|| {
            let name = tf!("{name}, not yet drawn", name = of.name);
            let mut roi = Roi::new(PREVIEW, name, of.color, of.role, of.provenance.clone());
            roi.slices = slices;
            roi
        });
    }
}
