//! Undo and redo within a budget of bytes.

use super::Edit;
use std::collections::VecDeque;

/// Steps that can be taken back and steps that can be done again.
#[derive(Debug, Clone)]
pub struct History {
    done: VecDeque<Edit>,
    undone: Vec<Edit>,
    bytes: usize,
    budget_bytes: usize,
}

impl Default for History {
    fn default() -> Self {
        Self::with_budget(256 << 20)
    }
}

impl History {
    pub fn with_budget(budget_bytes: usize) -> Self {
        Self { done: VecDeque::new(), undone: Vec::new(), bytes: 0, budget_bytes }
    }

    /// Records a finished step; what was undone is forgotten, the oldest steps go when the budget is spent.
    pub(super) fn push(&mut self, edit: Edit) {
        for forgotten in self.undone.drain(..) {
            self.bytes -= forgotten.bytes();
        }
        self.bytes += edit.bytes();
        self.done.push_back(edit);
        while self.bytes > self.budget_bytes && self.done.len() > 1 {
            if let Some(oldest) = self.done.pop_front() {
                self.bytes -= oldest.bytes();
            }
        }
    }

    /// Takes the last step off the stack, to be applied in reverse.
    pub(super) fn take_undo(&mut self) -> Option<Edit> {
        let edit = self.done.pop_back()?;
        self.undone.push(edit.clone());
        Some(edit.inverse())
    }

    /// Takes the last undone step, to be applied again.
    pub(super) fn take_redo(&mut self) -> Option<Edit> {
        let edit = self.undone.pop()?;
        self.done.push_back(edit.clone());
        Some(edit)
    }

    /// Label of the step that undo would take back.
    pub fn undo_label(&self) -> Option<&str> {
        self.done.back().map(|e| e.label.as_str())
    }

    /// Label of the step that redo would do again.
    pub fn redo_label(&self) -> Option<&str> {
        self.undone.last().map(|e| e.label.as_str())
    }

    /// Number of steps that can be taken back.
    pub fn len(&self) -> usize {
        self.done.len()
    }

    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// Memory held by all steps, bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
