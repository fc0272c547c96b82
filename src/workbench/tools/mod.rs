//! Tools are small state machines: what the pointer did goes in, in patient mm, and `Begin`, `Edit`, `Replace`,
//! `Commit` or `Abort` come out. Hints, cursor and preview follow from the state, so they can never be out of date; the
//! output depends on the events and the context alone, so that recorded events replay to the same contours.

mod brush;
mod context;
mod cut;
mod draft;
mod flood;
mod freehand;
mod help;
mod livewire;
mod nudge;
mod outline;
mod preview;
mod remove;
mod shape;
#[cfg(test)]
mod testing;
mod toolbox;
mod transform;

pub use brush::{BrushShape, PaintMode};
pub use context::ToolContext;
pub use help::ToolHelp;
pub use preview::{Handle, HandleKind, Line, LineStyle, Preview};
pub use shape::{Shape, apply_shape};
pub use toolbox::{ToolBox, ToolKind, ToolOptions};

use crate::contour::SliceContours;
use crate::geometry::{Orientation, PatientPoint};

/// Whether a shape is added to the structure or taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum EditMode {
    Add,
    Erase,
}

impl EditMode {
    /// The other one.
    #[must_use]
    pub fn inverted(self) -> Self {
        match self {
            Self::Add => Self::Erase,
            Self::Erase => Self::Add,
        }
    }
}

/// The keys held while the pointer does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Keys {
    pub alt: bool,
    pub shift: bool,
}

impl Keys {
    pub const NONE: Self = Self { alt: false, shift: false };
    pub const ALT: Self = Self { alt: true, shift: false };
    pub const SHIFT: Self = Self { alt: false, shift: true };
}

/// The pointer over a view.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Pointer {
    /// Where it is, in the plane of the view.
    pub at: PatientPoint,
    #[serde(default = "axial")]
    pub orientation: Orientation,
    #[serde(default)]
    pub keys: Keys,
    /// How near a vertex or a handle must be to be meant, mm: it depends on the zoom.
    #[serde(default = "usual_reach_mm")]
    pub reach_mm: f64,
}

fn axial() -> Orientation {
    Orientation::Axial
}

fn usual_reach_mm() -> f64 {
    Pointer::USUAL_REACH_MM
}

impl Pointer {
    /// The reach where no screen says otherwise, mm.
    pub const USUAL_REACH_MM: f64 = 2.0;

    /// A pointer without keys and with the usual reach.
    pub fn new(at: PatientPoint, orientation: Orientation) -> Self {
        Self { at, orientation, keys: Keys::NONE, reach_mm: Self::USUAL_REACH_MM }
    }

    #[must_use]
    pub fn with(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }
}

/// What the pointer did over a view.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolEvent {
    /// The primary button went down.
    Press(Pointer),
    /// The pointer moved with the button down.
    Drag { at: PatientPoint },
    /// The button went up.
    Release,
    /// The pointer moved with the button up. It changes the preview, and what [`Self::StepBack`] is about; no contour.
    Move(Pointer),
    /// The pointer left the views.
    Leave,
    /// Enter, or a double click.
    Finish,
    /// Backspace or Delete: the last point of a draft, or the vertex under the pointer, goes.
    StepBack,
    /// Esc, or the view lost the pointer.
    Cancel,
}

/// What a tool asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolAction {
    /// A stroke begins; all edits until `Commit` are one step of undo.
    Begin {
        label: &'static str,
    },
    /// A solid is added to the structure or taken from it.
    Edit {
        shape: Shape,
        mode: EditMode,
    },
    /// Slices of the structure become these contours.
    Replace(Vec<(usize, SliceContours)>),
    Commit,
    Abort,
    /// Why the tool did nothing, and what to do.
    Say(&'static str),
}

/// How the pointer looks while a tool waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cursor {
    #[default]
    Cross,
    /// The tool draws its own outline under the pointer.
    Hidden,
    /// Something under the pointer can be clicked.
    Hand,
    /// Something under the pointer can be moved.
    Move,
}

/// A pointer tool.
pub trait Tool {
    /// Takes an event to the next state and says what to do.
    fn handle(&mut self, event: ToolEvent, context: &ToolContext<'_>) -> Vec<ToolAction>;

    /// What the user can do in the present state, as (keys or gesture, effect).
    fn hints(&self, options: &ToolOptions) -> Vec<(&'static str, &'static str)>;

    /// True between press and release.
    fn is_active(&self) -> bool;

    /// How many points are collected over several clicks: nothing of the case has changed yet.
    fn draft_points(&self) -> usize {
        0
    }

    /// What the views show of the tool over the structures.
    fn preview(&self, _context: &ToolContext<'_>) -> Preview {
        Preview::default()
    }

    fn cursor(&self) -> Cursor {
        Cursor::Cross
    }
}
