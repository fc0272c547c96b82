//! Derived structures: whether each is still what its recipe gives, and how it is brought up to date. The state follows
//! from the contours alone (fingerprints of the inputs and of the result), so that undo and redo need no word of it.

use super::{Inputs, OperationRefusal, Work, WorkKind};
use crate::contour::{self, SliceContours, Slices};
use crate::geometry::Revision;
use crate::structures::{Derivation, DerivedState, Recipe, Roi, RoiId, StructureSet};
use crate::tf;
use crate::words::{keep, t};
use crate::workbench::history::StateId;
use crate::workbench::jobs::{JobKey, Lane};
use crate::workbench::results::CaseResult;
use crate::workbench::{Case, EditError, RoiAttributes, Workbench};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What is known of the derived structures of the open case, at a revision.
#[derive(Debug, Default)]
pub struct Derivations {
    case_count: u64,
    revision: Option<Revision>,
    states: BTreeMap<RoiId, DerivedState>,
    /// Of every slice that was asked for, with the contours that the number stands for.
    prints: BTreeMap<(RoiId, usize), (Arc<SliceContours>, u64)>,
    /// The newest step so far: only edits later than it make live structures follow, never undo and redo.
    newest: StateId,
    /// A later edit was made and not everything that follows has been made again.
    is_due: bool,
    /// What is still to be made again on request.
    wanted: VecDeque<RoiId>,
}

/// Stands for the contours of all inputs, in order.
pub(super) fn inputs_fingerprint<'a>(inputs: impl Iterator<Item = &'a Slices>) -> u64 {
    inputs.fold(0, |h, slices| contour::mixed(h, contour::fingerprint(slices)))
}

/// What is remembered of a structure that was just made.
pub(in crate::workbench) fn derivation_of(recipe: Recipe, structures: &StructureSet, result: &Slices) -> Derivation {
    let nothing = Slices::new();
    let slices = |id| structures.get(id).map_or(&nothing, |roi| &roi.slices);
    let inputs = inputs_fingerprint(recipe.inputs().map(slices));
    Derivation { inputs, result: contour::fingerprint(result), live: false, recipe }
}

/// True where a structure is another one or is derived from it, also through others.
pub(super) fn is_made_of(structures: &StructureSet, roi: RoiId, other: RoiId) -> bool {
    let mut open = vec![roi];
    let mut seen = Vec::new();
    while let Some(id) = open.pop() {
        if id == other {
            return true;
        }
        if !seen.contains(&id) {
            seen.push(id);
            let derivation = structures.get(id).and_then(|roi| roi.derivation.as_ref());
            open.extend(derivation.iter().flat_map(|d| d.recipe.inputs()));
        }
    }
    false
}

impl Derivations {
    /// What a derived structure is; `None` for one that is not derived.
    pub fn state(&self, roi: RoiId) -> Option<DerivedState> {
        self.states.get(&roi).copied()
    }

    /// Follows the case.
    fn follow(&mut self, case: &Case, case_count: u64) {
        if self.case_count != case_count {
            *self = Self { case_count, newest: case.history().state(), ..Self::default() };
        }
        if self.revision == Some(case.revision()) {
            return;
        }
        self.revision = Some(case.revision());
        let structures = case.structures();
        let derived = structures.rois.iter().filter_map(|roi| Some((roi, roi.derivation.as_deref()?)));
        self.states = derived.map(|(roi, d)| (roi.id, self.state_of(structures, roi, d))).collect();
        if self.states.is_empty() {
            self.prints.clear();
        }
    }

    fn state_of(&mut self, structures: &StructureSet, roi: &Roi, derivation: &Derivation) -> DerivedState {
        if self.fingerprint(roi) != derivation.result {
            return DerivedState::Overridden;
        }
        let mut inputs = 0;
        for id in derivation.recipe.inputs() {
            let Some(input) = structures.get(id) else { return DerivedState::InputGone };
            inputs = contour::mixed(inputs, self.fingerprint(input));
        }
        if inputs == derivation.inputs { DerivedState::UpToDate } else { DerivedState::Stale }
    }

    /// As [`contour::fingerprint`], from the numbers of slices that are known already.
    fn fingerprint(&mut self, roi: &Roi) -> u64 {
        contour::fingerprint_of(roi.slices.iter().map(|(&k, contours)| {
            let known = self.prints.entry((roi.id, k)).or_insert_with(|| (Arc::default(), 0));
            if !Arc::ptr_eq(&known.0, contours) {
                *known = (Arc::clone(contours), contour::slice_fingerprint(contours));
            }
            (k, known.1)
        }))
    }

    /// The next live structure that has to be made again: none whose own inputs have to be first.
    fn next_live(&self, case: &Case, is_locked: impl Fn(RoiId) -> bool) -> Option<(RoiId, Recipe)> {
        let structures = case.structures();
        let is_due = |roi: &Roi| {
            self.state(roi.id) == Some(DerivedState::Stale)
                && roi.derivation.as_ref().is_some_and(|d| d.live)
                && !is_locked(roi.id)
        };
        let due: Vec<&Roi> = structures.rois.iter().filter(|roi| is_due(roi)).collect();
        let first =
            |roi: &&&Roi| !due.iter().any(|other| other.id != roi.id && is_made_of(structures, roi.id, other.id));
        let roi = due.iter().find(first)?;
        Some((roi.id, roi.derivation.as_ref()?.recipe.clone()))
    }
}

impl Workbench {
    /// Whether a derived structure is what its recipe gives; `None` for one that is not derived.
    pub fn derived_state(&self, roi: RoiId) -> Option<DerivedState> {
        self.derivations.state(roi)
    }

    /// How a structure is made, in words.
    pub fn recipe_words(&self, roi: &Roi) -> Option<String> {
        let structures = self.case.as_ref()?.structures();
        let name = |id| structures.get(id).map_or_else(|| t("a deleted structure").into(), |roi| roi.name.clone());
        Some(roi.derivation.as_ref()?.recipe.told(name))
    }

    /// Follows the contours, and makes live structures again after an edit.
    pub(in crate::workbench) fn follow_derivations(&mut self) {
        let Some(case) = &self.case else { return };
        self.derivations.follow(case, self.case_count);
        if case.in_transaction() {
            return;
        }
        if case.history().state() > self.derivations.newest {
            self.derivations.newest = case.history().state();
            self.derivations.is_due = true;
        }
        if !self.derivations.is_due || self.jobs.is_running(JobKey::Operate) || self.jobs.is_running(JobKey::Derive) {
            return;
        }
        // What comes of it is a new step, after which the next is looked for; what fails is not tried again.
        self.derivations.is_due = false;
        let next = self.derivations.next_live(case, |id| self.policy.locked.contains(&id));
        let Some((roi, recipe)) = next else { return };
        let Some(inputs) = Inputs::of(case, &recipe) else { return };
        let work = Work { kind: WorkKind::Update { roi, recipe, live: true }, inputs };
        self.spawn_for_case(Lane::Live, JobKey::Derive, t("Update derived structure"), None, move |_| {
            Ok(CaseResult::Operated(Box::new(work.run())))
        });
    }

    fn recipe_of(&self, id: RoiId) -> Result<(&Roi, &Derivation), OperationRefusal> {
        let case = self.case.as_ref().ok_or(OperationRefusal::Gone)?;
        let roi = case.structures().get(id).ok_or(OperationRefusal::Gone)?;
        let derivation = roi.derivation.as_deref().ok_or_else(|| OperationRefusal::NotDerived(roi.name.clone()))?;
        Ok((roi, derivation))
    }

    pub(super) fn update_derived(&mut self, id: RoiId) -> Result<(), OperationRefusal> {
        let (roi, derivation) = self.recipe_of(id)?;
        let (name, recipe) = (roi.name.clone(), derivation.recipe.clone());
        if self.derived_state(id) == Some(DerivedState::InputGone) {
            return Err(OperationRefusal::InputGone(name));
        }
        if self.policy.locked.contains(&id) {
            return Err(OperationRefusal::Locked(name));
        }
        let inputs = self.inputs_of(&recipe).map_err(|_| OperationRefusal::InputGone(name))?;
        self.start(Work { kind: WorkKind::Update { roi: id, recipe, live: false }, inputs })
    }

    /// The next edit is not awaited: what was made again does not fit any more.
    pub(super) fn derive_again(&mut self) {
        self.derivations.is_due = true;
    }

    /// The derived structures that an update of all makes again.
    pub fn stale_structures(&self) -> Vec<RoiId> {
        let states = &self.derivations.states;
        let stale = states.iter().filter(|(_, state)| **state == DerivedState::Stale).map(|(id, _)| *id);
        stale.filter(|id| !self.policy.locked.contains(id)).collect()
    }

    pub(super) fn update_all_derived(&mut self) -> Result<(), OperationRefusal> {
        let structures = self.case.as_ref().ok_or(OperationRefusal::Gone)?.structures().clone();
        let mut stale = self.stale_structures();
        // Those that others are made of come first.
        let depth = |id: &RoiId| structures.rois.iter().filter(|r| is_made_of(&structures, *id, r.id)).count();
        stale.sort_by_key(depth);
        self.derivations.wanted = stale.into();
        self.update_next();
        Ok(())
    }

    /// Goes on with an update of all.
    pub(super) fn update_next(&mut self) {
        if let Some(case) = &self.case {
            self.derivations.follow(case, self.case_count);
        }
        while let Some(id) = self.derivations.wanted.pop_front() {
            if self.derived_state(id) != Some(DerivedState::Stale) {
                continue;
            }
            match self.update_derived(id) {
                Ok(()) => return,
                Err(refusal) => self.notices.warning(tf!("{refusal}; nothing was changed", refusal)),
            }
        }
    }

    fn change_derivation(
        &mut self,
        id: RoiId,
        label: &str,
        change: impl FnOnce(&mut RoiAttributes),
    ) -> Result<(), OperationRefusal> {
        let (roi, _) = self.recipe_of(id)?;
        let label = format!("{label} {}", roi.name);
        let Some(case) = &mut self.case else { return Ok(()) };
        let result: Result<(), EditError> = case.attributes_edit(label, id, change).and_then(|edit| case.apply(edit));
        self.report(result);
        Ok(())
    }

    pub(super) fn set_live(&mut self, id: RoiId, live: bool) -> Result<(), OperationRefusal> {
        let label = if live { keep("Keep up to date") } else { keep("Do not keep up to date") };
        self.change_derivation(id, label, |a| {
            if let Some(derivation) = &mut a.derivation {
                Arc::make_mut(derivation).live = live;
            }
        })
    }

    pub(super) fn detach(&mut self, id: RoiId) -> Result<(), OperationRefusal> {
        self.change_derivation(id, keep("Forget the recipe of"), |a| a.derivation = None)
    }
}
