//! Polygon and spline: an outline through clicked points, and the vertices of outlines that are there already.

use super::draft::{Draft, OTHER_PLANE, TOO_FEW};
use super::freehand::area_hints;
use super::{
    Cursor, EditMode, HandleKind, LineStyle, Pointer, Preview, Tool, ToolAction, ToolContext, ToolEvent, ToolOptions,
};
use crate::contour::{self, SliceContours};
use crate::geometry::PatientPoint;
use crate::words::{keep, t};
use std::sync::Arc;

/// How far a straight piece may lie from the spline, mm.
const CHORD_ERROR_MM: f64 = 0.1;
/// Part of the pointer's reach within which a vertex is taken rather than a new outline begun.
const VERTEX_REACH: f64 = 0.6;

/// A vertex of the structure.
#[derive(Debug, Clone, Copy, PartialEq)]
struct VertexAt {
    k: usize,
    ring: usize,
    vertex: usize,
}

/// A vertex that is being dragged.
#[derive(Debug, Clone)]
struct Grip {
    at: VertexAt,
    /// The slice before, with the new vertex if one was put in.
    before: Arc<SliceContours>,
    /// The slice with the vertex where it was dragged.
    wanted: SliceContours,
    moved: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Outline {
    smooth: bool,
    draft: Option<Draft>,
    grip: Option<Grip>,
    pointer: Option<Pointer>,
}

impl Outline {
    pub fn new(smooth: bool) -> Self {
        Self { smooth, draft: None, grip: None, pointer: None }
    }

    fn path(&self, points: &[PatientPoint]) -> Vec<PatientPoint> {
        if self.smooth { contour::closed_curve(points, CHORD_ERROR_MM) } else { points.to_vec() }
    }

    fn finish(&mut self) -> Vec<ToolAction> {
        let Some(draft) = &self.draft else { return Vec::new() };
        if draft.points.len() < 3 {
            return vec![ToolAction::Say(TOO_FEW)];
        }
        let actions =
            draft.actions(if self.smooth { keep("Spline") } else { keep("Polygon") }, self.path(&draft.points));
        self.draft = None;
        actions
    }

    fn press(&mut self, pointer: Pointer, context: &ToolContext<'_>) -> Vec<ToolAction> {
        match &mut self.draft {
            Some(draft) if !draft.holds(&pointer, context.grid()) => return vec![ToolAction::Say(OTHER_PLANE)],
            Some(draft) if draft.closes(&pointer) => return self.finish(),
            Some(draft) if draft.repeats(&pointer) => {}
            Some(draft) => draft.points.push(pointer.at),
            None => {
                if let Some(at) = vertex_under(&pointer, context)
                    && let Some(before) = context.contours(at.k)
                {
                    let wanted = SliceContours::clone(before);
                    self.grip = Some(Grip { at, before: Arc::clone(before), wanted, moved: false });
                } else if pointer.keys.shift
                    && let Some((at, before)) = inserted(&pointer, context)
                {
                    let slices = vec![(at.k, before.clone())];
                    self.grip = Some(Grip { at, before: Arc::new(before.clone()), wanted: before, moved: true });
                    return vec![ToolAction::Begin { label: keep("New vertex") }, ToolAction::Replace(slices)];
                } else {
                    self.draft = Some(Draft::begin(&pointer, context));
                }
            }
        }
        Vec::new()
    }

    fn drag(&mut self, to: PatientPoint, context: &ToolContext<'_>) -> Vec<ToolAction> {
        let Some(grip) = &mut self.grip else { return Vec::new() };
        let VertexAt { k, ring, vertex } = grip.at;
        let (_, uv) = context.on_slice(to);
        let mut after = SliceContours::clone(&grip.before);
        after.rings[ring] = contour::move_vertex(&after.rings[ring], vertex, uv);
        grip.wanted = after.clone();
        let mut actions = Vec::new();
        if !grip.moved {
            grip.moved = true;
            actions.push(ToolAction::Begin { label: keep("Vertex") });
        }
        actions.push(ToolAction::Replace(vec![(k, after)]));
        actions
    }

    /// What a vertex crossed is taken apart once it is let go, and what it met is united with its ring.
    fn release(&mut self) -> Vec<ToolAction> {
        let Some(Grip { at: VertexAt { k, ring, .. }, before, wanted, moved: true }) = self.grip.take() else {
            return Vec::new();
        };
        let settled = contour::settled(&wanted, ring, &before);
        let mut actions = Vec::new();
        if settled != wanted {
            actions.push(ToolAction::Replace(vec![(k, settled)]));
        }
        actions.push(ToolAction::Commit);
        actions
    }

    fn step_back(&mut self, context: &ToolContext<'_>) -> Vec<ToolAction> {
        if let Some(draft) = &mut self.draft {
            draft.points.pop();
            if draft.points.is_empty() {
                self.draft = None;
            }
            return Vec::new();
        }
        let Some(at) = self.pointer.and_then(|p| vertex_under(&p, context)).filter(|_| self.grip.is_none()) else {
            return Vec::new();
        };
        let Some(before) = context.contours(at.k) else { return Vec::new() };
        let mut after = SliceContours::clone(before);
        match contour::remove_vertex(&after.rings[at.ring], at.vertex) {
            None => {
                vec![ToolAction::Say(t("A ring keeps at least three vertices; the tool Delete ring removes it whole"))]
            }
            Some(ring) => {
                after.rings[at.ring] = ring;
                let begin = ToolAction::Begin { label: keep("Remove vertex") };
                let settled = contour::settled(&after, at.ring, before);
                vec![begin, ToolAction::Replace(vec![(at.k, settled)]), ToolAction::Commit]
            }
        }
    }
}

fn vertex_under(pointer: &Pointer, context: &ToolContext<'_>) -> Option<VertexAt> {
    if !ToolContext::is_axial(pointer.orientation) {
        return None;
    }
    let (k, uv) = context.on_slice(pointer.at);
    let (ring, vertex) = contour::nearest_vertex(context.contours(k)?, uv, pointer.reach_mm * VERTEX_REACH)?;
    Some(VertexAt { k, ring, vertex })
}

/// The slice with a new vertex where the pointer is on an edge.
fn inserted(pointer: &Pointer, context: &ToolContext<'_>) -> Option<(VertexAt, SliceContours)> {
    if !ToolContext::is_axial(pointer.orientation) {
        return None;
    }
    let (k, uv) = context.on_slice(pointer.at);
    let mut after = SliceContours::clone(context.contours(k)?);
    let (ring, edge, _) = contour::nearest_edge(&after, uv, pointer.reach_mm)?;
    after.rings[ring] = contour::insert_vertex(&after.rings[ring], edge, uv);
    Some((VertexAt { k, ring, vertex: edge + 1 }, after))
}

impl Tool for Outline {
    fn handle(&mut self, event: ToolEvent, context: &ToolContext<'_>) -> Vec<ToolAction> {
        match event {
            ToolEvent::Press(pointer) if self.grip.is_none() => {
                self.pointer = Some(pointer);
                self.press(pointer, context)
            }
            ToolEvent::Press(_) => Vec::new(),
            ToolEvent::Drag { at } => {
                if let Some(pointer) = &mut self.pointer {
                    pointer.at = at;
                }
                self.drag(at, context)
            }
            ToolEvent::Release => self.release(),
            ToolEvent::Move(pointer) => {
                self.pointer = Some(pointer);
                Vec::new()
            }
            ToolEvent::Leave => {
                self.pointer = None;
                Vec::new()
            }
            ToolEvent::Finish => self.finish(),
            ToolEvent::StepBack => self.step_back(context),
            ToolEvent::Cancel => {
                self.draft = None;
                let moved = self.grip.take().is_some_and(|grip| grip.moved);
                if moved { vec![ToolAction::Abort] } else { Vec::new() }
            }
        }
    }

    fn hints(&self, options: &ToolOptions) -> Vec<(&'static str, &'static str)> {
        if self.grip.is_some() {
            return vec![(t("Release"), t("leave the vertex here")), (t("Esc"), t("take it back"))];
        }
        if let Some(draft) = &self.draft {
            let close = if draft.mode == EditMode::Add { t("close and add") } else { t("close and erase") };
            return vec![
                (t("Click"), t("next point")),
                (t("Enter"), close),
                (t("Backspace"), t("last point back")),
                (t("Esc"), t("drop")),
            ];
        }
        let mut hints = area_hints(options.mode, t("Click"));
        hints.extend([
            (t("Drag a vertex"), t("move it")),
            (t("Shift press on an outline"), t("new vertex")),
            (t("Delete"), t("vertex away")),
        ]);
        hints
    }

    fn is_active(&self) -> bool {
        self.grip.is_some()
    }

    fn draft_points(&self) -> usize {
        self.draft.as_ref().map_or(0, |d| d.points.len())
    }

    fn preview(&self, context: &ToolContext<'_>) -> Preview {
        let mut preview = Preview::default();
        if let Some(draft) = &self.draft {
            let style = if draft.mode == EditMode::Add { LineStyle::Draft } else { LineStyle::Remove };
            let next = self.pointer.filter(|p| draft.holds(p, context.grid()) && !draft.repeats(p) && !draft.closes(p));
            if self.smooth {
                let points: Vec<PatientPoint> = draft.points.iter().copied().chain(next.map(|p| p.at)).collect();
                preview.line(self.path(&points), points.len() > 2, style);
            } else {
                preview.line(draft.points.clone(), false, style);
                if let (Some(next), Some(last)) = (next, draft.points.last()) {
                    preview.line(vec![*last, next.at, draft.points[0]], false, LineStyle::Next);
                }
            }
            let closing = self.pointer.is_some_and(|p| draft.closes(&p));
            for (n, p) in draft.points.iter().enumerate() {
                preview.handle(*p, if n == 0 && closing { HandleKind::Hot } else { HandleKind::Vertex });
            }
            return preview;
        }
        let Some(pointer) = self.pointer.filter(|p| ToolContext::is_axial(p.orientation)) else { return preview };
        let (k, uv) = context.on_slice(pointer.at);
        let Some(contours) = context.contours(k) else { return preview };
        let hot = match &self.grip {
            Some(grip) => Some((grip.at.ring, grip.at.vertex)),
            None => contour::nearest_vertex(contours, uv, pointer.reach_mm * VERTEX_REACH),
        };
        for (n, ring) in contours.rings.iter().enumerate() {
            for (m, p) in ring.points().iter().enumerate() {
                if (p[0] - uv[0]).hypot(p[1] - uv[1]) <= 5.0 * pointer.reach_mm {
                    let kind = if hot == Some((n, m)) { HandleKind::Hot } else { HandleKind::Vertex };
                    preview.handle(context.patient(k, *p), kind);
                }
            }
        }
        preview
    }

    fn cursor(&self) -> Cursor {
        if self.grip.is_some() { Cursor::Move } else { Cursor::Cross }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Scan;
    use super::super::{Keys, Shape};
    use super::*;
    use crate::geometry::Orientation;
    use glam::DVec3;

    fn at(scan: &Scan, x: f64, y: f64) -> Pointer {
        Pointer::new(DVec3::new(x, y, scan.z(3)), Orientation::Axial)
    }

    #[test]
    fn clicks_make_an_outline_that_enter_closes() {
        let (scan, mut tool) = (Scan::with_square(3, 20.0, 40.0), Outline::new(false));
        let click = |tool: &mut Outline, x: f64, y: f64| {
            let actions = tool.handle(ToolEvent::Press(at(&scan, x, y)), &scan.context());
            tool.handle(ToolEvent::Release, &scan.context());
            actions
        };
        assert!(click(&mut tool, 25.0, 25.0).is_empty() && tool.draft_points() > 0 && !tool.is_active());
        click(&mut tool, 50.0, 25.0);
        assert_eq!(tool.handle(ToolEvent::Finish, &scan.context()), [ToolAction::Say(TOO_FEW)]);
        click(&mut tool, 50.0, 50.0);
        click(&mut tool, 50.0, 50.1);
        click(&mut tool, 1.0, 1.0);
        tool.handle(ToolEvent::StepBack, &scan.context());
        let elsewhere = Pointer::new(DVec3::new(30.0, 30.0, scan.z(4)), Orientation::Axial);
        assert_eq!(tool.handle(ToolEvent::Press(elsewhere), &scan.context()), [ToolAction::Say(OTHER_PLANE)]);
        // A click at the first point closes as well as Enter does.
        let actions = click(&mut tool, 25.5, 25.5);
        assert!(tool.draft_points() == 0);
        let ToolAction::Edit { shape: Shape::Area { path, .. }, mode: EditMode::Add } = &actions[1] else {
            panic!("{actions:?}")
        };
        assert_eq!(path.len(), 3);
    }

    #[test]
    fn a_vertex_is_dragged_put_in_and_removed() {
        let (scan, mut tool) = (Scan::with_square(3, 20.0, 40.0), Outline::new(false));
        let before = scan.slices[&3].rings[0].clone();
        tool.handle(ToolEvent::Press(at(&scan, 40.3, 40.3)), &scan.context());
        assert!(tool.is_active());
        let actions = tool.handle(ToolEvent::Drag { at: at(&scan, 45.0, 46.0).at }, &scan.context());
        let [ToolAction::Begin { .. }, ToolAction::Replace(slices)] = &actions[..] else { panic!("{actions:?}") };
        let points = slices[0].1.rings[0].points();
        assert_eq!((points[2], points[0], points[1]), ([45.0, 46.0], before.points()[0], before.points()[1]));
        assert_eq!(tool.handle(ToolEvent::Cancel, &scan.context()), [ToolAction::Abort]);
        // A click on a vertex without movement is no step.
        tool.handle(ToolEvent::Press(at(&scan, 40.3, 40.3)), &scan.context());
        assert!(tool.handle(ToolEvent::Release, &scan.context()).is_empty());
        let press = ToolEvent::Press(at(&scan, 30.0, 19.5).with(Keys::SHIFT));
        let actions = tool.handle(press, &scan.context());
        let [_, ToolAction::Replace(slices)] = &actions[..] else { panic!("{actions:?}") };
        assert_eq!(slices[0].1.rings[0].points()[1], [30.0, 19.5]);
        assert_eq!(tool.handle(ToolEvent::Release, &scan.context()), [ToolAction::Commit]);
        tool.handle(ToolEvent::Move(at(&scan, 40.3, 40.3)), &scan.context());
        let actions = tool.handle(ToolEvent::StepBack, &scan.context());
        let [_, ToolAction::Replace(slices), ToolAction::Commit] = &actions[..] else { panic!("{actions:?}") };
        assert_eq!(slices[0].1.rings[0].points().len(), 3);
    }
}
