//! A page of help for each tool, for its tooltip, the Help menu and the command line.

use super::ToolKind;

/// What a tool is for and how it is used. The name of an action in angle brackets stands for its key
/// ([`Keymap::written_in`](crate::workbench::Keymap::written_in)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolHelp {
    pub title: &'static str,
    /// One sentence.
    pub purpose: &'static str,
    /// Gesture or key, and what it does.
    pub steps: &'static [(&'static str, &'static str)],
    /// What is good to know besides.
    pub notes: &'static [&'static str],
}

const ALT_AND_MODE: (&str, &str) = ("Alt", "the other way: erase instead of add");
const AUTO: &str = "Mode Auto (<brush-mode>) adds when you begin inside the structure or on a slice without it, and erases when you begin outside.";
const UPRIGHT: &str =
    "In sagittal and coronal views the area is one voxel deep and is cut by every slice that it meets.";
const RULES: &str = "The rules of the tool bar hold: range of CT numbers, only inside or outside a structure, stations that do not overlap.";

impl ToolKind {
    /// The page of help.
    pub fn help(self) -> ToolHelp {
        match self {
            Self::Navigate => ToolHelp {
                title: "Navigate",
                purpose: "Look around without changing anything.",
                steps: &[
                    ("Click", "move the crosshair of all views"),
                    ("Wheel", "slices"),
                    ("Ctrl wheel", "zoom at the pointer"),
                    ("Middle drag, Space drag", "pan"),
                    ("Right drag", "window and level"),
                ],
                notes: &["Ctrl click moves the crosshair with every other tool."],
            },
            Self::Brush => ToolHelp {
                title: "Brush",
                purpose: "Paint with a disc or a ball.",
                steps: &[
                    ("Drag", "paint"),
                    ALT_AND_MODE,
                    ("<brush-smaller> <brush-larger> or Shift wheel", "radius"),
                    ("<brush-ball>", "disc in the plane of the view, or ball over several slices"),
                    ("<toggle-band>", "only voxels within a range of CT numbers"),
                    ("Esc", "take the stroke back"),
                ],
                notes: &[AUTO, RULES, "The outline stays smooth at any zoom: strokes are areas in mm, not voxels."],
            },
            Self::Eraser => ToolHelp {
                title: "Eraser",
                purpose: "Take away with a disc or a ball.",
                steps: &[
                    ("Drag", "erase"),
                    ("Alt drag", "add"),
                    ("<brush-smaller> <brush-larger> or Shift wheel", "radius"),
                    ("<brush-ball>", "disc or ball"),
                ],
                notes: &["Vertices away from the stroke stay exactly where they are."],
            },
            Self::Freehand => ToolHelp {
                title: "Freehand",
                purpose: "Draw a line; the area that it encloses is added or erased.",
                steps: &[("Drag", "draw; the line is closed when you let go"), ALT_AND_MODE, ("Esc", "drop the line")],
                notes: &[
                    AUTO,
                    "To correct an outline, begin and end on it: the bulge is added, or the bite erased.",
                    UPRIGHT,
                    RULES,
                ],
            },
            Self::Polygon => ToolHelp {
                title: "Polygon",
                purpose: "Click the corners of an area; move vertices of outlines that are there.",
                steps: &[
                    ("Click", "next corner"),
                    ("Enter, double click or a click on the first corner", "close"),
                    ("Backspace", "last corner back"),
                    ("Drag a vertex", "move it"),
                    ("Shift press on an outline", "put a vertex in and drag it"),
                    ("Delete over a vertex", "remove it"),
                    ("Esc", "drop the corners"),
                ],
                notes: &[AUTO, "Rings that you do not touch stay bit for bit as they were imported.", UPRIGHT, RULES],
            },
            Self::Spline => ToolHelp {
                title: "Spline",
                purpose: "Click points; a smooth curve goes through all of them.",
                steps: &[
                    ("Click", "next point"),
                    ("Enter, double click or a click on the first point", "close"),
                    ("Backspace", "last point back"),
                    ("Drag a vertex", "move it"),
                    ("Esc", "drop the points"),
                ],
                notes: &["The curve keeps within 0.1 mm of what is stored.", AUTO, UPRIGHT, RULES],
            },
            Self::Nudge => ToolHelp {
                title: "Nudge",
                purpose: "Push the outline with a disc, as a finger pushes clay.",
                steps: &[
                    ("Drag from inside", "push the outline out"),
                    ("Drag from outside", "push it in"),
                    ("<brush-smaller> <brush-larger> or Shift wheel", "radius"),
                    ("<brush-ball>", "disc on one slice, or ball over several"),
                ],
                notes: &[
                    "Softness (tool bar) says how far beyond the disc the outline gives way.",
                    "Vertices out of reach stay exactly where they are; the outline never crosses itself.",
                ],
            },
            Self::Livewire => ToolHelp {
                title: "Livewire",
                purpose: "Click along an organ; the outline follows the edges of the image between the clicks.",
                steps: &[
                    ("Click on an edge", "begin"),
                    ("Move", "see the way along the edges"),
                    ("Click", "fix the way so far"),
                    ("Enter, double click or a click on the first point", "close along the edges"),
                    ("Backspace", "last point back"),
                ],
                notes: &["It looks about 80 voxels far: set points closer than that.", "Axial view only.", AUTO],
            },
            Self::Cut => ToolHelp {
                title: "Cut",
                purpose: "Draw a line across the structure; the smaller part goes away.",
                steps: &[
                    ("Drag across", "cut; what goes is shown in red before you let go"),
                    ("Alt", "the larger part goes"),
                    ("Shift", "cut all slices by the plane on the line"),
                    ("Esc", "do not cut"),
                ],
                notes: &[
                    "In sagittal and coronal views the plane on the line cuts the whole structure: its upper or lower end goes.",
                ],
            },
            Self::Flood => ToolHelp {
                title: "Flood fill",
                purpose: "Click a voxel; what is connected to it and about as bright is added.",
                steps: &[
                    ("Click", "fill on this slice"),
                    ("Shift click", "fill over all slices within the radius (tool bar)"),
                    ("Alt click", "erase instead"),
                ],
                notes: &["Tolerance (tool bar): how far CT numbers may be from that of the clicked voxel.", RULES],
            },
            Self::Delete => ToolHelp {
                title: "Delete ring",
                purpose: "Click a ring to delete it, or a hole to fill it.",
                steps: &[("Click a ring", "it goes with its holes"), ("Click in a hole", "it is filled")],
                notes: &["What a click takes is shown in red under the pointer."],
            },
            Self::Transform => ToolHelp {
                title: "Move, turn, scale",
                purpose: "Move, turn or scale a ring, or the whole structure in the plane of the slices.",
                steps: &[
                    ("Drag a ring", "move it with its holes"),
                    ("Drag a corner of the frame", "scale it about its middle"),
                    ("Drag the knob", "turn it about its middle"),
                    ("Shift", "the whole structure on all slices"),
                ],
                notes: &["A ring moved onto another one is united with it."],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use strum::IntoEnumIterator;

    #[test]
    fn every_tool_has_a_page_of_its_own() {
        let titles: HashSet<&str> = ToolKind::iter().map(|kind| kind.help().title).collect();
        assert_eq!(titles.len(), ToolKind::iter().count());
        for help in ToolKind::iter().map(ToolKind::help) {
            assert!(help.purpose.ends_with('.') && !help.steps.is_empty() && !help.notes.is_empty(), "{}", help.title);
        }
    }
}
