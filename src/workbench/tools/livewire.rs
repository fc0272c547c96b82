//! Livewire: an outline that follows the edges of the image from click to click.

use super::draft::{Draft, OTHER_PLANE, TOO_FEW};
use super::freehand::area_hints;
use super::{EditMode, HandleKind, LineStyle, Pointer, Preview, Tool, ToolAction, ToolContext, ToolEvent, ToolOptions};
use crate::contour::{self, Ring, Wire};
use crate::geometry::PatientPoint;
use crate::words::{keep, t};

#[derive(Debug, Clone, Default)]
pub(super) struct Livewire {
    /// The clicked points.
    draft: Option<Draft>,
    /// The way from each clicked point to the next one, both left out; one fewer than points.
    legs: Vec<Vec<PatientPoint>>,
    /// The ways from the last point.
    wire: Option<Wire>,
    pointer: Option<Pointer>,
    /// The way to the pointer.
    next: Vec<PatientPoint>,
}

impl Livewire {
    /// The way from the last point to another one.
    fn way_to(&self, to: PatientPoint, context: &ToolContext<'_>) -> Vec<PatientPoint> {
        let (k, uv) = context.on_slice(to);
        let way = self.wire.as_ref().map(|wire| wire.way_to(context.grid(), uv)).unwrap_or_default();
        way.into_iter().map(|p| context.patient(k, p)).collect()
    }

    /// Begins the search from the last point.
    fn search(&mut self, context: &ToolContext<'_>) {
        self.wire = self.draft.as_ref().and_then(|d| d.points.last()).and_then(|last| {
            let (k, uv) = context.on_slice(*last);
            Wire::from(context.grid(), context.volume.hu.index_axis(ndarray::Axis(0), k), uv)
        });
        self.next.clear();
    }

    fn path(&self) -> Vec<PatientPoint> {
        let points = self.draft.iter().flat_map(|d| &d.points);
        let mut path = Vec::new();
        for (n, point) in points.enumerate() {
            path.push(*point);
            path.extend(self.legs.get(n).into_iter().flatten());
        }
        path
    }

    fn finish(&mut self, context: &ToolContext<'_>) -> Vec<ToolAction> {
        let Some(draft) = &self.draft else { return Vec::new() };
        if draft.points.len() < 2 {
            return vec![ToolAction::Say(TOO_FEW)];
        }
        let mut path = self.path();
        path.extend(self.way_to(draft.points[0], context));
        let path = largest_part(path, context);
        let actions = draft.actions(keep("Livewire"), path);
        *self = Self { pointer: self.pointer, ..Self::default() };
        actions
    }

    fn press(&mut self, pointer: Pointer, context: &ToolContext<'_>) -> Vec<ToolAction> {
        if !ToolContext::is_axial(pointer.orientation) {
            return vec![ToolAction::Say(t("The livewire works in the axial view"))];
        }
        match &self.draft {
            Some(draft) if !draft.holds(&pointer, context.grid()) => return vec![ToolAction::Say(OTHER_PLANE)],
            Some(draft) if draft.closes(&pointer) => return self.finish(context),
            Some(draft) if draft.repeats(&pointer) => return Vec::new(),
            Some(_) => {
                let leg = self.way_to(pointer.at, context);
                self.legs.push(leg);
                if let Some(draft) = &mut self.draft {
                    draft.points.push(pointer.at);
                }
            }
            None => self.draft = Some(Draft::begin(&pointer, context)),
        }
        self.search(context);
        Vec::new()
    }
}

/// Ways along the same edge may cross a little where they meet: the outline of the largest area that the path runs around,
/// without the slivers beside it.
fn largest_part(path: Vec<PatientPoint>, context: &ToolContext<'_>) -> Vec<PatientPoint> {
    let k = context.on_slice(path[0]).0;
    let parts = contour::enclosed(path.iter().map(|p| context.on_slice(*p).1)).rings;
    let size = |ring: &Ring| ring.signed_area_mm2().abs();
    match parts.iter().max_by(|a, b| size(a).total_cmp(&size(b))) {
        Some(largest) if parts.len() > 1 => largest.points().iter().map(|p| context.patient(k, *p)).collect(),
        _ => path,
    }
}

impl Tool for Livewire {
    fn handle(&mut self, event: ToolEvent, context: &ToolContext<'_>) -> Vec<ToolAction> {
        match event {
            ToolEvent::Press(pointer) => return self.press(pointer, context),
            ToolEvent::Move(pointer) => {
                let inside = self.draft.as_ref().is_some_and(|d| d.holds(&pointer, context.grid()));
                self.next = if inside { self.way_to(pointer.at, context) } else { Vec::new() };
                self.pointer = Some(pointer).filter(|_| inside);
            }
            ToolEvent::Leave => {
                self.pointer = None;
                self.next.clear();
            }
            ToolEvent::Finish => return self.finish(context),
            ToolEvent::StepBack => {
                if let Some(draft) = &mut self.draft {
                    draft.points.pop();
                    self.legs.pop();
                    if draft.points.is_empty() {
                        self.draft = None;
                    }
                    self.search(context);
                }
            }
            ToolEvent::Cancel => *self = Self::default(),
            ToolEvent::Drag { .. } | ToolEvent::Release => {}
        }
        Vec::new()
    }

    fn hints(&self, options: &ToolOptions) -> Vec<(&'static str, &'static str)> {
        match &self.draft {
            Some(draft) => {
                let close = if draft.mode == EditMode::Add { t("close and add") } else { t("close and erase") };
                vec![
                    (t("Click"), t("fix the way so far")),
                    (t("Enter"), close),
                    (t("Backspace"), t("last point back")),
                    (t("Esc"), t("drop")),
                ]
            }
            None => area_hints(options.mode, t("Click on an edge")),
        }
    }

    fn is_active(&self) -> bool {
        false
    }

    fn draft_points(&self) -> usize {
        self.draft.as_ref().map_or(0, |d| d.points.len())
    }

    fn preview(&self, _context: &ToolContext<'_>) -> Preview {
        let mut preview = Preview::default();
        let Some(draft) = &self.draft else { return preview };
        let style = if draft.mode == EditMode::Add { LineStyle::Draft } else { LineStyle::Remove };
        preview.line(self.path(), false, style);
        if let (Some(pointer), Some(last)) = (self.pointer, draft.points.last()) {
            let way = [*last].into_iter().chain(self.next.iter().copied()).chain([pointer.at]).collect();
            preview.line(way, false, LineStyle::Next);
        }
        let closing = self.pointer.is_some_and(|p| draft.closes(&p));
        for (n, p) in draft.points.iter().enumerate() {
            preview.handle(*p, if n == 0 && closing { HandleKind::Hot } else { HandleKind::Vertex });
        }
        preview
    }
}

#[cfg(test)]
mod tests {
    use super::super::Shape;
    use super::super::testing::Scan;
    use super::*;
    use crate::contour::{area_mm2, enclosed};
    use crate::geometry::Orientation;
    use crate::image::CtVolume;
    use glam::DVec3;
    use std::sync::Arc;

    #[test]
    fn slivers_beside_the_outline_are_left_out() {
        let scan = Scan::empty();
        let at = |x: f64, y: f64| DVec3::new(x, y, scan.z(3));
        // The last leg crosses the first one and comes back.
        let path = vec![at(10.0, 10.0), at(30.0, 10.0), at(30.0, 30.0), at(12.0, 30.0), at(12.0, 9.0), at(10.0, 9.0)];
        assert_eq!(enclosed(path.iter().map(|p| [p.x, p.y])).rings.len(), 2);
        let kept = largest_part(path, &scan.context());
        assert_eq!(area_mm2(&enclosed(kept.iter().map(|p| [p.x, p.y]))), 18.0 * 20.0);
    }

    #[test]
    fn three_clicks_on_a_disc_outline_it() {
        let mut scan = Scan::empty();
        let hu = ndarray::Array3::from_shape_fn(scan.volume.grid.shape(), |(_, j, i)| {
            let r = (j as f64 - 32.0).hypot(i as f64 - 32.0);
            (-800.0 + 840.0 * (18.5 - r).clamp(0.0, 1.0)) as i16
        });
        scan.volume = CtVolume::new(Arc::clone(&scan.volume.grid), hu);
        let mut tool = Livewire::default();
        let at = |turn: f64| {
            let (s, c) = (std::f64::consts::TAU * turn).sin_cos();
            Pointer::new(DVec3::new(32.0 + 18.0 * c, 32.0 + 18.0 * s, scan.z(3)), Orientation::Axial)
        };
        for turn in [0.0, 0.3, 0.65] {
            assert!(tool.handle(ToolEvent::Press(at(turn)), &scan.context()).is_empty());
        }
        tool.handle(ToolEvent::Move(at(0.8)), &scan.context());
        assert!(tool.next.len() > 10 && tool.preview(&scan.context()).lines.len() == 2);
        let actions = tool.handle(ToolEvent::Finish, &scan.context());
        let ToolAction::Edit { shape: Shape::Area { path, .. }, .. } = &actions[1] else { panic!("{actions:?}") };
        let area = area_mm2(&enclosed(path.iter().map(|p| [p.x, p.y])));
        let expected = std::f64::consts::PI * 18.0 * 18.0;
        assert!((area / expected - 1.0).abs() < 0.06, "{area} against {expected}");
        assert!(tool.draft_points() == 0);
    }
}
