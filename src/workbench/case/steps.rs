//! Steps of a case: transactions, undo, redo, and the way to any state of the history.

use super::{Case, ChangedSlices, Logged};
use crate::structures::RoiId;
use crate::workbench::Edit;
use crate::workbench::history::StateId;
use std::collections::{BTreeMap, BTreeSet};

/// The slices of each structure whose masks are made once all changes are done.
pub(super) type Deferred = BTreeMap<RoiId, BTreeSet<usize>>;

impl Case {
    /// A finished edit becomes a step.
    pub(super) fn push(&mut self, edit: Edit) {
        let touched = edit.touched(&self.structures);
        let step = self.history.push(edit, touched);
        if let Some(log) = &mut self.log {
            log.push(Logged::Step(step.clone()));
        }
    }

    /// Opens a transaction: what is applied until [`Self::commit`] becomes one step.
    pub fn begin(&mut self, label: impl Into<String>) {
        self.commit();
        self.open = Some(Edit::new(label, Vec::new()));
    }

    /// True between [`Self::begin`] and [`Self::commit`] or [`Self::abort`].
    pub fn in_transaction(&self) -> bool {
        self.open.is_some()
    }

    /// Ends the open transaction as one step of undo; without effect there is no step.
    pub fn commit(&mut self) {
        if let Some(mut edit) = self.open.take()
            && !edit.is_noop()
        {
            edit.changes.shrink_to_fit();
            self.push(edit);
        }
    }

    /// Takes back everything since [`Self::begin`].
    pub fn abort(&mut self) {
        if let Some(edit) = self.open.take() {
            self.perform(&edit.inverse().changes);
        }
    }

    /// Takes back the last step. Returns it as performed, for the view to jump to.
    pub fn undo(&mut self) -> Option<Edit> {
        self.commit();
        let edit = self.history.take_undo()?;
        self.perform(&edit.changes);
        if let Some(log) = &mut self.log {
            log.push(Logged::Undone(self.history.state()));
        }
        Some(edit)
    }

    /// Does the last undone step again.
    pub fn redo(&mut self) -> Option<Edit> {
        self.commit();
        let edit = self.history.take_redo()?;
        self.perform(&edit.changes);
        if let Some(log) = &mut self.log {
            log.push(Logged::Redone(self.history.state()));
        }
        Some(edit)
    }

    /// Takes back or does again as many steps as lead to a state; masks are made once, at the end. Returns the last
    /// of them as performed; `None` where the state cannot be reached, or is the present one.
    pub fn go_to(&mut self, state: StateId) -> Option<Edit> {
        self.commit();
        let way = self.history.way_to(state).filter(|way| *way != 0)?;
        let outer = self.deferred.replace(Deferred::default());
        let mut last = None;
        for _ in 0..way.unsigned_abs() {
            last = if way < 0 { self.undo() } else { self.redo() };
        }
        let touched = std::mem::replace(&mut self.deferred, outer).unwrap_or_default();
        self.derive_all(touched);
        last
    }

    /// Makes the masks of touched slices, or notes them where that is put off.
    pub(super) fn derive_all(&mut self, touched: Deferred) {
        if let Some(deferred) = &mut self.deferred {
            for (roi, slices) in touched {
                deferred.entry(roi).or_default().extend(slices);
            }
            return;
        }
        for (roi, slices) in touched {
            self.derive(roi, &slices);
            self.changes.push(ChangedSlices { revision: self.revision, roi, slices: slices.into_iter().collect() });
        }
    }
}
