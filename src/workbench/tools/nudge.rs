//! Nudge: a disc that pushes outlines away, as a finger pushes clay.

use super::{BrushShape, Cursor, Tool, ToolAction, ToolContext, ToolEvent, ToolOptions};
use crate::contour::{self, SliceContours};
use crate::geometry::PatientPoint;
use crate::words::{keep, t};

const AXIAL_ONLY: &str = keep("Nudging with a disc works in the axial view; choose the ball (D) to nudge in this one");

#[derive(Debug, Clone, Default)]
pub(super) struct Nudge {
    last: Option<PatientPoint>,
}

/// The slices as the disc or ball leaves them.
fn push(from: PatientPoint, to: PatientPoint, context: &ToolContext<'_>) -> Vec<(usize, SliceContours)> {
    let ToolOptions { radius_mm, softness, .. } = *context.options;
    let grid = context.grid();
    let ((a, _), (b, height)) = (grid.plane_from_patient(from), grid.plane_from_patient(to));
    let near = match context.options.shape {
        BrushShape::Disc => {
            let k = grid.nearest_slice(height);
            k..=k
        }
        BrushShape::Ball => grid.nearest_slice(height - radius_mm)..=grid.nearest_slice(height + radius_mm),
    };
    near.filter_map(|k| {
        let radius_mm = match context.options.shape {
            BrushShape::Disc => radius_mm,
            BrushShape::Ball => {
                let off = grid.position_mm(k) - height;
                (radius_mm * radius_mm - off * off).max(0.0).sqrt()
            }
        };
        if radius_mm < 0.25 {
            return None;
        }
        contour::nudge(context.contours(k)?, a, b, radius_mm, softness).map(|after| (k, after))
    })
    .collect()
}

impl Tool for Nudge {
    fn handle(&mut self, event: ToolEvent, context: &ToolContext<'_>) -> Vec<ToolAction> {
        match (self.last, event) {
            (None, ToolEvent::Press(pointer)) => {
                if !context.is_ball() && !ToolContext::is_axial(pointer.orientation) {
                    return vec![ToolAction::Say(AXIAL_ONLY)];
                }
                self.last = Some(pointer.at);
                vec![
                    ToolAction::Begin { label: keep("Nudge") },
                    ToolAction::Replace(push(pointer.at, pointer.at, context)),
                ]
            }
            (Some(last), ToolEvent::Drag { at }) if at != last => {
                self.last = Some(at);
                vec![ToolAction::Replace(push(last, at, context))]
            }
            (Some(_), ToolEvent::Release) => {
                self.last = None;
                vec![ToolAction::Commit]
            }
            (Some(_), ToolEvent::Cancel) => {
                self.last = None;
                vec![ToolAction::Abort]
            }
            _ => Vec::new(),
        }
    }

    fn hints(&self, _options: &ToolOptions) -> Vec<(&'static str, &'static str)> {
        if self.last.is_some() {
            return vec![(t("Release"), t("finish")), (t("Esc"), t("take it back"))];
        }
        vec![
            (t("Drag from inside"), t("push the outline out")),
            (t("from outside"), t("push it in")),
            ("<brush-smaller> <brush-larger>", t("smaller, larger")),
            ("<brush-ball>", t("disc or ball")),
        ]
    }

    fn is_active(&self) -> bool {
        self.last.is_some()
    }

    fn cursor(&self) -> Cursor {
        Cursor::Hidden
    }
}

#[cfg(test)]
mod tests {
    use super::super::Pointer;
    use super::super::testing::Scan;
    use super::*;
    use crate::geometry::Orientation;
    use glam::DVec3;

    #[test]
    fn a_disc_pushes_its_slice_and_a_ball_its_neighbours_too() {
        let mut scan = Scan::with_square(3, 20.0, 40.0);
        scan.slices.insert(4, scan.slices[&3].clone());
        let from = DVec3::new(37.0, 30.0, scan.z(3));
        let pushed = |scan: &Scan| push(from, from + DVec3::X * 5.0, &scan.context());
        assert_eq!(pushed(&scan).iter().map(|s| s.0).collect::<Vec<_>>(), [3]);
        scan.options.shape = BrushShape::Ball;
        let slices = pushed(&scan);
        assert_eq!(slices.iter().map(|s| s.0).collect::<Vec<_>>(), [3, 4]);
        let right = |n: usize| slices[n].1.bounds().expect("not empty")[1][0];
        assert!(right(0) > right(1) && right(1) > 40.0);
    }

    #[test]
    fn a_disc_in_another_view_is_refused_with_a_sentence() {
        let (scan, mut tool) = (Scan::with_square(3, 20.0, 40.0), Nudge::default());
        let press = ToolEvent::Press(Pointer::new(DVec3::new(37.0, 30.0, 9.0), Orientation::Coronal));
        assert_eq!(tool.handle(press, &scan.context()), [ToolAction::Say(AXIAL_ONLY)]);
        assert!(!tool.is_active());
    }
}
