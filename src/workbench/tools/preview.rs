//! What a tool shows over the structures, in patient mm; `ui/viewport/preview.rs` paints it in every view.

use crate::geometry::PatientPoint;

/// How a line of a preview is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineStyle {
    /// Drawn, not yet part of the structure.
    Draft,
    /// The next piece, from the last point to the pointer.
    Next,
    /// What a click would take.
    Highlight,
    /// What would go away.
    Remove,
    /// An aid, such as the frame of a ring.
    Guide,
}

/// A line of a preview.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub points: Vec<PatientPoint>,
    pub closed: bool,
    pub style: LineStyle,
}

/// What a handle does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandleKind {
    Vertex,
    /// The vertex under the pointer.
    Hot,
    Scale,
    Rotate,
}

/// A place that can be taken hold of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Handle {
    pub at: PatientPoint,
    pub kind: HandleKind,
}

/// Lines, handles and words of a tool.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Preview {
    pub lines: Vec<Line>,
    pub handles: Vec<Handle>,
    pub labels: Vec<(PatientPoint, String)>,
}

impl Preview {
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.handles.is_empty() && self.labels.is_empty()
    }

    pub fn line(&mut self, points: Vec<PatientPoint>, closed: bool, style: LineStyle) {
        if points.len() > 1 {
            self.lines.push(Line { points, closed, style });
        }
    }

    pub fn handle(&mut self, at: PatientPoint, kind: HandleKind) {
        self.handles.push(Handle { at, kind });
    }
}
