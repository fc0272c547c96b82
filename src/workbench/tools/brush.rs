//! Brush and eraser: a disc or ball swept along the pointer's path, without gaps.

use super::{Cursor, EditMode, Shape, Tool, ToolAction, ToolContext, ToolEvent, ToolOptions};
use crate::geometry::{Orientation, PatientPoint};
use crate::words::{keep, t};

/// The solid that the brush sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum BrushShape {
    /// A disc in the plane of the view: one slice in axial views, one voxel deep in the others.
    Disc,
    /// A ball over several slices.
    Ball,
}

/// Whether drawing adds or erases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum PaintMode {
    /// Adds when it begins inside the structure or on a slice without it, erases when it begins outside.
    Auto,
    Add,
    Erase,
}

/// A stroke under way.
#[derive(Debug, Clone, Copy)]
struct Stroke {
    last: PatientPoint,
    orientation: Orientation,
    mode: EditMode,
}

/// Brush and eraser.
#[derive(Debug, Clone)]
pub(super) struct Brush {
    /// What it does whatever the options say.
    always: Option<EditMode>,
    stroke: Option<Stroke>,
}

impl Brush {
    pub fn new(always: Option<EditMode>) -> Self {
        Self { always, stroke: None }
    }
}

fn sweep(stroke: Stroke, to: PatientPoint, options: &ToolOptions) -> ToolAction {
    let (a, b, radius_mm) = (stroke.last, to, options.radius_mm);
    let shape = match (options.shape, stroke.orientation) {
        (BrushShape::Ball, _) => Shape::Ball { a, b, radius_mm },
        (BrushShape::Disc, Orientation::Axial) => Shape::AxialDisc { a, b, radius_mm },
        (BrushShape::Disc, orientation) => Shape::UprightDisc { orientation, a, b, radius_mm },
    };
    ToolAction::Edit { shape, mode: stroke.mode }
}

impl Tool for Brush {
    fn handle(&mut self, event: ToolEvent, context: &ToolContext<'_>) -> Vec<ToolAction> {
        match (self.stroke, event) {
            (None, ToolEvent::Press(pointer)) => {
                let mode = match self.always {
                    Some(mode) if pointer.keys.alt => mode.inverted(),
                    Some(mode) => mode,
                    None => context.mode(&pointer),
                };
                let stroke = Stroke { last: pointer.at, orientation: pointer.orientation, mode };
                self.stroke = Some(stroke);
                let label = if mode == EditMode::Add { keep("Brush") } else { keep("Erase") };
                vec![ToolAction::Begin { label }, sweep(stroke, pointer.at, context.options)]
            }
            (Some(stroke), ToolEvent::Drag { at }) => {
                if at == stroke.last {
                    return Vec::new();
                }
                self.stroke = Some(Stroke { last: at, ..stroke });
                vec![sweep(stroke, at, context.options)]
            }
            (Some(_), ToolEvent::Release) => {
                self.stroke = None;
                vec![ToolAction::Commit]
            }
            (Some(_), ToolEvent::Cancel) => {
                self.stroke = None;
                vec![ToolAction::Abort]
            }
            // A press during a stroke (another button, a lost release) and events without a stroke change nothing.
            _ => Vec::new(),
        }
    }

    fn hints(&self, options: &ToolOptions) -> Vec<(&'static str, &'static str)> {
        if self.stroke.is_some() {
            return vec![(t("Release"), t("finish the stroke")), (t("Esc"), t("take the stroke back"))];
        }
        let mode = match self.always {
            Some(EditMode::Add) => PaintMode::Add,
            Some(EditMode::Erase) => PaintMode::Erase,
            None => options.mode,
        };
        let (draw, other) = match mode {
            PaintMode::Add => (t("add"), t("erase")),
            PaintMode::Erase => (t("erase"), t("add")),
            PaintMode::Auto => (t("from inside adds, from outside erases"), t("the other way")),
        };
        vec![
            (t("Drag"), draw),
            (t("Alt drag"), other),
            ("<brush-smaller> <brush-larger>", t("smaller, larger")),
            (t("Shift wheel"), t("radius")),
        ]
    }

    fn is_active(&self) -> bool {
        self.stroke.is_some()
    }

    fn cursor(&self) -> Cursor {
        Cursor::Hidden
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Scan;
    use super::super::{Keys, Pointer};
    use super::*;
    use glam::DVec3;

    fn press(at: DVec3) -> ToolEvent {
        ToolEvent::Press(Pointer::new(at, Orientation::Axial))
    }

    #[test]
    fn a_stroke_begins_once_and_ends_once() {
        let (scan, mut brush) = (Scan::empty(), Brush::new(None));
        let mut handle = |event| brush.handle(event, &scan.context());
        assert!(matches!(
            handle(press(DVec3::ZERO))[..],
            [ToolAction::Begin { label: "Brush" }, ToolAction::Edit { .. }]
        ));
        assert!(handle(press(DVec3::ZERO)).is_empty());
        assert_eq!(handle(ToolEvent::Drag { at: DVec3::X }).len(), 1);
        assert!(handle(ToolEvent::Drag { at: DVec3::X }).is_empty());
        assert_eq!(handle(ToolEvent::Release), [ToolAction::Commit]);
        assert!(handle(ToolEvent::Release).is_empty() && !brush.is_active());
    }

    #[test]
    fn alt_inverts_and_escape_aborts() {
        let (scan, mut brush) = (Scan::empty(), Brush::new(None));
        let press = ToolEvent::Press(Pointer::new(DVec3::ZERO, Orientation::Coronal).with(Keys::ALT));
        let actions = brush.handle(press, &scan.context());
        assert!(matches!(actions[1], ToolAction::Edit { mode: EditMode::Erase, shape: Shape::UprightDisc { .. } }));
        assert_eq!(brush.handle(ToolEvent::Cancel, &scan.context()), [ToolAction::Abort]);
    }

    #[test]
    fn auto_is_decided_where_the_stroke_begins() {
        let mut scan = Scan::with_square(3, 20.0, 40.0);
        scan.options.mode = PaintMode::Auto;
        let mode_at = |x: f64, k: usize, keys: Keys| {
            let at = DVec3::new(x, 30.0, scan.z(k));
            let press = ToolEvent::Press(Pointer::new(at, Orientation::Axial).with(keys));
            match Brush::new(None).handle(press, &scan.context())[..] {
                [_, ToolAction::Edit { mode, .. }] => mode,
                ref other => panic!("{other:?}"),
            }
        };
        assert_eq!(mode_at(30.0, 3, Keys::NONE), EditMode::Add);
        assert_eq!(mode_at(10.0, 3, Keys::NONE), EditMode::Erase);
        assert_eq!(mode_at(10.0, 3, Keys::ALT), EditMode::Add);
        assert_eq!(mode_at(10.0, 4, Keys::NONE), EditMode::Add, "nothing is there that could be erased");
    }
}
