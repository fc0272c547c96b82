//! Undo and redo within a budget of bytes.

use super::Edit;
use super::edit::Touched;
use std::collections::VecDeque;
use std::time::SystemTime;

/// The place of the case among its steps: the serial number of the step that was done last, 0 at the beginning.
/// Numbers are never given twice, so that two states of one number are the same.
pub type StateId = u64;

/// A finished edit with its number, the time when it was made, and what it did in short.
#[derive(Debug, Clone)]
pub struct Step {
    /// The state that it leads to.
    pub state: StateId,
    pub at: SystemTime,
    pub edit: Edit,
    pub touched: Vec<Touched>,
}

/// Steps that can be taken back and steps that can be done again.
#[derive(Debug, Clone)]
pub struct History {
    done: VecDeque<Step>,
    undone: Vec<Step>,
    /// The state before the oldest step that is kept, and how many steps were dropped before it.
    base: StateId,
    dropped: usize,
    next: StateId,
    bytes: usize,
    budget_bytes: usize,
}

impl Default for History {
    fn default() -> Self {
        Self::with_budget(Self::USUAL_BUDGET)
    }
}

impl History {
    /// Bytes that steps may hold unless the settings say otherwise.
    pub const USUAL_BUDGET: usize = 256 << 20;

    pub fn with_budget(budget_bytes: usize) -> Self {
        Self { done: VecDeque::new(), undone: Vec::new(), base: 0, dropped: 0, next: 1, bytes: 0, budget_bytes }
    }

    /// Records a step finished now; what was undone is forgotten, the oldest steps go when the budget is spent.
    pub(super) fn push(&mut self, edit: Edit, touched: Vec<Touched>) -> &Step {
        self.push_step(Step { state: self.next, at: SystemTime::now(), edit, touched })
    }

    /// As [`Self::push`], for a step that was finished in an earlier run.
    pub(super) fn push_step(&mut self, step: Step) -> &Step {
        for forgotten in self.undone.drain(..) {
            self.bytes -= forgotten.edit.bytes();
        }
        self.next = self.next.max(step.state) + 1;
        self.bytes += step.edit.bytes();
        self.done.push_back(step);
        self.trim();
        &self.done[self.done.len() - 1]
    }

    fn trim(&mut self) {
        while self.bytes > self.budget_bytes && self.done.len() > 1 {
            if let Some(oldest) = self.done.pop_front() {
                self.bytes -= oldest.edit.bytes();
                self.base = oldest.state;
                self.dropped += 1;
            }
        }
    }

    /// Takes the last step off the stack, to be applied in reverse.
    pub(super) fn take_undo(&mut self) -> Option<Edit> {
        let step = self.done.pop_back()?;
        let inverse = step.edit.inverse();
        self.undone.push(step);
        Some(inverse)
    }

    /// Takes the last undone step, to be applied again.
    pub(super) fn take_redo(&mut self) -> Option<Edit> {
        let step = self.undone.pop()?;
        let edit = step.edit.clone();
        self.done.push_back(step);
        Some(edit)
    }

    /// Where the case is now.
    pub fn state(&self) -> StateId {
        self.done.back().map_or(self.base, |step| step.state)
    }

    /// The state before the oldest step that can be taken back.
    pub fn base(&self) -> StateId {
        self.base
    }

    /// How many steps lie behind the base because the budget was spent; they can no longer be taken back.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Starts behind `base`, as a history of which earlier steps are no longer known.
    pub(super) fn begin_at(&mut self, base: StateId, dropped: usize) {
        (self.base, self.dropped) = (base, dropped);
        self.next = self.next.max(base + 1);
    }

    /// Steps that can be taken back, oldest first.
    pub fn done(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.done.iter()
    }

    /// Steps that can be done again, the next one first.
    pub fn undone(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.undone.iter().rev()
    }

    /// A step by its place among all that are kept, those that can be done again last.
    pub fn step(&self, place: usize) -> Option<&Step> {
        self.done.get(place).or_else(|| {
            let undone = place.checked_sub(self.done.len())?;
            self.undone.get(self.undone.len().checked_sub(undone + 1)?)
        })
    }

    /// Steps to go from here to a state: negative to take back, positive to do again; `None` if it cannot be reached.
    pub fn way_to(&self, state: StateId) -> Option<isize> {
        if state == self.state() {
            return Some(0);
        }
        if state == self.base {
            return Some(-(self.done.len() as isize));
        }
        let back = self.done.iter().rev().position(|s| s.state == state).map(|n| -(n as isize));
        back.or_else(|| self.undone().position(|s| s.state == state).map(|n| n as isize + 1))
    }

    /// Label of the step that undo would take back.
    pub fn undo_label(&self) -> Option<&str> {
        self.done.back().map(|s| s.edit.label.as_str())
    }

    /// Label of the step that redo would do again.
    pub fn redo_label(&self) -> Option<&str> {
        self.undone.last().map(|s| s.edit.label.as_str())
    }

    /// Number of steps that can be taken back.
    pub fn len(&self) -> usize {
        self.done.len()
    }

    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// Memory held by all steps, bytes; contours that steps share are counted with each.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn budget_bytes(&self) -> usize {
        self.budget_bytes
    }

    /// Sets the budget; the oldest steps go where it is spent already.
    pub(super) fn set_budget(&mut self, bytes: usize) {
        self.budget_bytes = bytes;
        self.trim();
    }
}
