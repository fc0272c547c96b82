//! Freehand: the area that a drawn line encloses.

use super::draft::Draft;
use super::{EditMode, LineStyle, PaintMode, Preview, Tool, ToolAction, ToolContext, ToolEvent, ToolOptions};
use crate::words::{keep, t};

/// Points nearer than this to the last one are not kept, mm.
const STEP_MM: f64 = 0.1;

#[derive(Debug, Clone, Default)]
pub(super) struct Freehand {
    draft: Option<Draft>,
}

impl Tool for Freehand {
    fn handle(&mut self, event: ToolEvent, context: &ToolContext<'_>) -> Vec<ToolAction> {
        match event {
            ToolEvent::Press(pointer) if self.draft.is_none() => self.draft = Some(Draft::begin(&pointer, context)),
            ToolEvent::Drag { at } => {
                if let Some(draft) = &mut self.draft
                    && draft.points.last().is_none_or(|last| last.distance(at) >= STEP_MM)
                {
                    draft.points.push(at);
                }
            }
            ToolEvent::Release => {
                if let Some(draft) = self.draft.take().filter(|d| d.points.len() > 2) {
                    return draft.actions(keep("Freehand"), draft.points.clone());
                }
            }
            ToolEvent::Cancel => self.draft = None,
            _ => {}
        }
        Vec::new()
    }

    fn hints(&self, options: &ToolOptions) -> Vec<(&'static str, &'static str)> {
        match &self.draft {
            Some(draft) if draft.mode == EditMode::Add => {
                vec![(t("Release"), t("close the line and add")), (t("Esc"), t("drop it"))]
            }
            Some(_) => vec![(t("Release"), t("close the line and erase")), (t("Esc"), t("drop it"))],
            None => area_hints(options.mode, t("Drag")),
        }
    }

    fn is_active(&self) -> bool {
        self.draft.is_some()
    }

    fn preview(&self, _context: &ToolContext<'_>) -> Preview {
        let mut preview = Preview::default();
        if let Some(draft) = &self.draft {
            let style = if draft.mode == EditMode::Add { LineStyle::Draft } else { LineStyle::Remove };
            preview.line(draft.points.clone(), false, style);
            if let [first, .., last] = draft.points[..] {
                preview.line(vec![last, first], false, LineStyle::Next);
            }
        }
        preview
    }
}

/// What a tool that draws an area does, for its hints.
pub(super) fn area_hints(mode: PaintMode, gesture: &'static str) -> Vec<(&'static str, &'static str)> {
    let (draw, other) = match mode {
        PaintMode::Add => (t("add an area"), t("erase one")),
        PaintMode::Erase => (t("erase an area"), t("add one")),
        PaintMode::Auto => (t("from inside adds, from outside erases"), t("the other way")),
    };
    vec![(gesture, draw), (t("Alt"), other), ("<brush-mode>", t("Auto, Add, Erase"))]
}

#[cfg(test)]
mod tests {
    use super::super::testing::Scan;
    use super::super::{Pointer, Shape};
    use super::*;
    use crate::geometry::Orientation;
    use glam::DVec3;

    #[test]
    fn a_line_is_closed_at_release_and_a_click_draws_nothing() {
        let (scan, mut tool) = (Scan::with_square(3, 20.0, 40.0), Freehand::default());
        let at = |x: f64, y: f64| DVec3::new(x, y, scan.z(3));
        let press = ToolEvent::Press(Pointer::new(at(30.0, 30.0), Orientation::Axial));
        assert!(tool.handle(press, &scan.context()).is_empty() && tool.is_active());
        assert!(tool.handle(ToolEvent::Release, &scan.context()).is_empty() && !tool.is_active());
        tool.handle(press, &scan.context());
        for p in [at(50.0, 30.0), at(50.0, 30.01), at(50.0, 35.0), at(30.0, 35.0)] {
            tool.handle(ToolEvent::Drag { at: p }, &scan.context());
        }
        assert_eq!(tool.preview(&scan.context()).lines.len(), 2);
        let actions = tool.handle(ToolEvent::Release, &scan.context());
        let [ToolAction::Begin { .. }, ToolAction::Edit { shape: Shape::Area { path, .. }, mode }, ToolAction::Commit] =
            &actions[..]
        else {
            panic!("{actions:?}")
        };
        assert_eq!((path.len(), *mode), (4, EditMode::Add));
        tool.handle(press, &scan.context());
        assert!(tool.handle(ToolEvent::Cancel, &scan.context()).is_empty() && !tool.is_active());
    }
}
