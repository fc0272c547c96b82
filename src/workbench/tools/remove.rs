//! Delete a ring by a click: an island goes with its holes, a hole is filled.

use super::{Cursor, LineStyle, Pointer, Preview, Tool, ToolAction, ToolContext, ToolEvent, ToolOptions};
use crate::contour::{self, SliceContours};
use crate::words::{keep, t};

#[derive(Debug, Clone, Default)]
pub(super) struct Remove {
    pointer: Option<Pointer>,
}

/// The slice, and the rings of it that a click takes away.
fn under(pointer: &Pointer, context: &ToolContext<'_>) -> Option<(usize, Vec<usize>)> {
    if !ToolContext::is_axial(pointer.orientation) {
        return None;
    }
    let (k, uv) = context.on_slice(pointer.at);
    let contours = context.contours(k)?;
    let ring = contour::ring_at(contours, uv, pointer.reach_mm)?;
    Some((k, contour::ring_with_content(contours, ring)))
}

impl Tool for Remove {
    fn handle(&mut self, event: ToolEvent, context: &ToolContext<'_>) -> Vec<ToolAction> {
        match event {
            ToolEvent::Press(pointer) => {
                self.pointer = Some(pointer);
                if !ToolContext::is_axial(pointer.orientation) {
                    return vec![ToolAction::Say(t("Rings are deleted in the axial view"))];
                }
                let Some((k, rings)) = under(&pointer, context) else {
                    return vec![ToolAction::Say(t("There is no ring of the selected structure under the pointer"))];
                };
                let Some(before) = context.contours(k) else { return Vec::new() };
                let kept = before.rings.iter().enumerate().filter(|(n, _)| !rings.contains(n)).map(|(_, r)| r.clone());
                let after = SliceContours::new(kept.collect());
                vec![
                    ToolAction::Begin { label: keep("Delete ring") },
                    ToolAction::Replace(vec![(k, after)]),
                    ToolAction::Commit,
                ]
            }
            ToolEvent::Move(pointer) => {
                self.pointer = Some(pointer);
                Vec::new()
            }
            ToolEvent::Leave => {
                self.pointer = None;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn hints(&self, _options: &ToolOptions) -> Vec<(&'static str, &'static str)> {
        vec![(t("Click a ring"), t("delete it with its holes")), (t("Click a hole"), t("fill it"))]
    }

    fn is_active(&self) -> bool {
        false
    }

    fn preview(&self, context: &ToolContext<'_>) -> Preview {
        let mut preview = Preview::default();
        if let Some((k, rings)) = self.pointer.and_then(|p| under(&p, context))
            && let Some(contours) = context.contours(k)
        {
            for ring in rings {
                let points = contours.rings[ring].points().iter().map(|p| context.patient(k, *p)).collect();
                preview.line(points, true, LineStyle::Remove);
            }
        }
        preview
    }

    fn cursor(&self) -> Cursor {
        Cursor::Hand
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Scan;
    use super::*;
    use crate::contour::Ring;
    use crate::geometry::Orientation;
    use glam::DVec3;
    use std::sync::Arc;

    #[test]
    fn an_island_goes_with_its_holes_and_a_hole_is_filled() {
        let mut scan = Scan::with_square(3, 10.0, 50.0);
        let square = |low: f64, high: f64| Ring::new([[low, low], [high, low], [high, high], [low, high]]);
        let mut rings = scan.slices[&3].rings.clone();
        rings.extend([square(20.0, 40.0), square(25.0, 35.0), square(55.0, 60.0)]);
        scan.slices.insert(3, Arc::new(SliceContours::new(rings)));
        let left = |x: f64, y: f64| {
            let at = Pointer { reach_mm: 1.0, ..Pointer::new(DVec3::new(x, y, scan.z(3)), Orientation::Axial) };
            match &Remove::default().handle(ToolEvent::Press(at), &scan.context())[..] {
                [_, ToolAction::Replace(slices), ToolAction::Commit] => slices[0].1.rings.len(),
                _ => 0,
            }
        };
        assert_eq!(left(57.0, 57.0), 3);
        assert_eq!(left(15.0, 15.0), 2, "outline and hole; the island in the hole stays");
        assert_eq!(left(22.0, 22.0), 2, "the hole, and the island that it joins");
        assert_eq!(left(30.0, 30.0), 3);
        assert_eq!(left(5.0, 5.0), 0, "nothing there");
    }
}
