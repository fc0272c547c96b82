//! What panels ask for. They read the workbench and send; the window performs between frames.

use super::picker::Pick;
use crate::workbench::{Action, Command};
use std::cell::RefCell;
use std::path::PathBuf;

/// Something that a panel wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// For the workbench.
    Command(Command),
    /// A row of the action table, wherever it is answered.
    Action(Action),
    Window(WindowRequest),
}

/// What the window itself answers.
#[derive(Debug, Clone, PartialEq)]
pub enum WindowRequest {
    /// Opens a case, after asking where edits would be lost.
    Open(Opening),
    /// Opens the case of a journal as it was left, then asks where to export it.
    ExportJournal(PathBuf),
    /// Shows one view alone, or all again.
    Maximize(Option<usize>),
    ShowMessages(bool),
    ShowImportReport(bool),
    ShowHistory(bool),
    Copy(String),
    /// The key of an action that cannot run now was pressed.
    Refused(Action),
    /// Opens a file dialog.
    Pick(Pick),
}

/// What to open.
#[derive(Debug, Clone, PartialEq)]
pub enum Opening {
    Paths(Vec<PathBuf>),
    /// Another series of the folder that is open, by its key.
    Series(String),
    Demo,
    /// The case of a journal, as it was left.
    Journal(PathBuf),
}

impl From<Command> for Request {
    fn from(command: Command) -> Self {
        Self::Command(command)
    }
}
impl From<Action> for Request {
    fn from(action: Action) -> Self {
        Self::Action(action)
    }
}
impl From<WindowRequest> for Request {
    fn from(request: WindowRequest) -> Self {
        Self::Window(request)
    }
}

/// Collects the requests of a frame.
#[derive(Debug, Default)]
pub struct CommandSender(RefCell<Vec<Request>>);

impl CommandSender {
    pub fn send(&self, request: impl Into<Request>) {
        self.0.borrow_mut().push(request.into());
    }

    /// Everything sent since the last call, in order.
    pub fn take(&self) -> Vec<Request> {
        self.0.take()
    }

    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}
