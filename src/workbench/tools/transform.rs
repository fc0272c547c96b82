//! Move, turn and scale: a ring with what lies in it, or with Shift the whole structure in the plane of the slices.

use super::{Cursor, HandleKind, LineStyle, Pointer, Preview, Tool, ToolAction, ToolContext, ToolEvent, ToolOptions};
use crate::contour::{self, BooleanOp, Ring, SliceContours};
use crate::geometry::PlanePoint;
use crate::words::{keep, t};
use glam::DVec2;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sizes that a drag can reach, as parts of the size before.
const SCALE: [f64; 2] = [0.05, 20.0];
/// The handle that turns stands this part of the height above the frame, at least this many mm.
const STEM: (f64, f64) = (0.18, 6.0);

/// What a drag does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Motion {
    Move,
    Turn,
    Scale,
}

/// What is taken hold of.
#[derive(Debug, Clone, PartialEq)]
struct Picked {
    k: usize,
    /// Rings of slice `k`; `None` for the whole structure.
    rings: Option<Vec<usize>>,
}

#[derive(Debug, Clone)]
struct Grip {
    picked: Picked,
    motion: Motion,
    from: PlanePoint,
    center: DVec2,
    /// The structure before.
    before: BTreeMap<usize, Arc<SliceContours>>,
    moved: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Transform {
    pointer: Option<Pointer>,
    grip: Option<Grip>,
}

/// The frame around what is picked, on its slice.
struct Frame {
    low: DVec2,
    high: DVec2,
}

impl Frame {
    fn around(picked: &Picked, contours: &SliceContours) -> Option<Self> {
        let rings = contours.rings.iter().enumerate();
        let chosen = rings.filter(|(n, _)| picked.rings.as_ref().is_none_or(|rings| rings.contains(n)));
        let [low, high] = SliceContours::new(chosen.map(|(_, r)| r.clone()).collect()).bounds()?;
        Some(Self { low: low.into(), high: high.into() })
    }

    fn center(&self) -> DVec2 {
        self.low.midpoint(self.high)
    }

    fn corners(&self) -> [DVec2; 4] {
        let (a, b) = (self.low, self.high);
        [a, DVec2::new(b.x, a.y), b, DVec2::new(a.x, b.y)]
    }

    fn top(&self) -> DVec2 {
        DVec2::new(self.center().x, self.low.y)
    }

    fn turn_handle(&self) -> DVec2 {
        let stem = ((self.high.y - self.low.y) * STEM.0).max(STEM.1);
        self.top() - DVec2::new(0.0, stem)
    }

    /// What a press at a point takes hold of.
    fn motion_at(&self, at: DVec2, reach_mm: f64) -> Option<Motion> {
        if self.turn_handle().distance(at) <= reach_mm {
            Some(Motion::Turn)
        } else if self.corners().iter().any(|c| c.distance(at) <= reach_mm) {
            Some(Motion::Scale)
        } else {
            None
        }
    }
}

/// What the pointer means: a handle of some ring's frame, else the ring under it.
fn under(pointer: &Pointer, context: &ToolContext<'_>) -> Option<(Picked, Motion, DVec2)> {
    if !ToolContext::is_axial(pointer.orientation) {
        return None;
    }
    let (k, uv) = context.on_slice(pointer.at);
    let contours = context.contours(k)?;
    let at = DVec2::from(uv);
    let with = |picked: Picked, motion: Motion| Frame::around(&picked, contours).map(|f| (picked, motion, f.center()));
    if pointer.keys.shift {
        let picked = Picked { k, rings: None };
        let motion = Frame::around(&picked, contours)?.motion_at(at, pointer.reach_mm);
        let inside = contour::ring_at(contours, uv, pointer.reach_mm).is_some();
        return with(picked, motion.or(inside.then_some(Motion::Move))?);
    }
    let depths = contour::ring_depths(contours);
    for (ring, _) in depths.iter().enumerate().filter(|(_, depth)| **depth % 2 == 0) {
        let picked = Picked { k, rings: Some(contour::ring_with_content(contours, ring)) };
        if let Some(motion) = Frame::around(&picked, contours)?.motion_at(at, pointer.reach_mm) {
            return with(picked, motion);
        }
    }
    let ring = contour::ring_at(contours, uv, pointer.reach_mm)?;
    with(Picked { k, rings: Some(contour::ring_with_content(contours, ring)) }, Motion::Move)
}

impl Grip {
    /// The change of a point of the plane by a drag to `to`.
    fn map(&self, to: PlanePoint) -> impl Fn(PlanePoint) -> PlanePoint + use<> {
        let (from, to, center) = (DVec2::from(self.from), DVec2::from(to), self.center);
        let (shift, factor) = match self.motion {
            Motion::Move => (to - from, DVec2::X),
            Motion::Turn => {
                let turn = (from - center).angle_to(to - center);
                (DVec2::ZERO, if turn.is_finite() { DVec2::from_angle(turn) } else { DVec2::X })
            }
            Motion::Scale => {
                let size = (to - center).length() / (from - center).length().max(1e-6);
                (DVec2::ZERO, DVec2::X * size.clamp(SCALE[0], SCALE[1]))
            }
        };
        // A product of complex numbers turns and scales at once.
        move |p: PlanePoint| (center + factor.rotate(DVec2::from(p) - center) + shift).into()
    }

    fn apply(&self, to: PlanePoint) -> Vec<(usize, SliceContours)> {
        let map = self.map(to);
        let moved = |ring: &Ring| Ring::new(ring.points().iter().map(|p| map(*p)));
        let slices = self.before.iter().filter(|(k, _)| self.picked.rings.is_none() || **k == self.picked.k);
        slices
            .map(|(&k, contours)| {
                let chosen = |n: usize| self.picked.rings.as_ref().is_none_or(|rings| rings.contains(&n));
                let part = |wanted: bool| contours.rings.iter().enumerate().filter(move |(n, _)| chosen(*n) == wanted);
                let still = SliceContours::new(part(false).map(|(_, r)| r.clone()).collect());
                let mut moving = SliceContours::new(part(true).map(|(_, r)| moved(r)).collect());
                if self.motion == Motion::Scale {
                    // Vertices of a ring made small meet on the lattice.
                    moving = contour::normalized(&moving);
                }
                let after = if still.is_empty() { moving } else { contour::boolean(&still, &moving, BooleanOp::Union) };
                (k, after)
            })
            .collect()
    }
}

impl Tool for Transform {
    fn handle(&mut self, event: ToolEvent, context: &ToolContext<'_>) -> Vec<ToolAction> {
        match event {
            ToolEvent::Press(pointer) if self.grip.is_none() => {
                self.pointer = Some(pointer);
                if !ToolContext::is_axial(pointer.orientation) {
                    return vec![ToolAction::Say(t("Rings are moved, turned and scaled in the axial view"))];
                }
                let Some((picked, motion, center)) = under(&pointer, context) else {
                    return vec![ToolAction::Say(t("There is no ring of the selected structure under the pointer"))];
                };
                let from = context.on_slice(pointer.at).1;
                let before = context.slices.clone();
                self.grip = Some(Grip { picked, motion, from, center, before, moved: false });
                Vec::new()
            }
            ToolEvent::Drag { at } => {
                let Some(grip) = &mut self.grip else { return Vec::new() };
                let to = context.on_slice(at).1;
                if !grip.moved && to == grip.from {
                    return Vec::new();
                }
                let replace = ToolAction::Replace(grip.apply(to));
                if std::mem::replace(&mut grip.moved, true) {
                    return vec![replace];
                }
                let label = match grip.motion {
                    Motion::Move => keep("Move"),
                    Motion::Turn => keep("Turn"),
                    Motion::Scale => keep("Scale"),
                };
                vec![ToolAction::Begin { label }, replace]
            }
            ToolEvent::Release => {
                let moved = self.grip.take().is_some_and(|grip| grip.moved);
                if moved { vec![ToolAction::Commit] } else { Vec::new() }
            }
            ToolEvent::Cancel => {
                let moved = self.grip.take().is_some_and(|grip| grip.moved);
                if moved { vec![ToolAction::Abort] } else { Vec::new() }
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
        if self.grip.is_some() {
            return vec![(t("Release"), t("leave it here")), (t("Esc"), t("take it back"))];
        }
        vec![
            (t("Drag a ring"), t("move it")),
            (t("Drag a corner"), t("scale it")),
            (t("Drag the knob"), t("turn it")),
            (t("Shift"), t("the whole structure")),
        ]
    }

    fn is_active(&self) -> bool {
        self.grip.is_some()
    }

    fn preview(&self, context: &ToolContext<'_>) -> Preview {
        let mut preview = Preview::default();
        if self.grip.is_some() {
            return preview;
        }
        let Some((picked, ..)) = self.pointer.and_then(|p| under(&p, context)) else { return preview };
        let Some(contours) = context.contours(picked.k) else { return preview };
        let Some(frame) = Frame::around(&picked, contours) else { return preview };
        let at = |p: DVec2| context.patient(picked.k, p.into());
        preview.line(frame.corners().map(at).to_vec(), true, LineStyle::Guide);
        preview.line(vec![at(frame.top()), at(frame.turn_handle())], false, LineStyle::Guide);
        for corner in frame.corners() {
            preview.handle(at(corner), HandleKind::Scale);
        }
        preview.handle(at(frame.turn_handle()), HandleKind::Rotate);
        preview
    }

    fn cursor(&self) -> Cursor {
        Cursor::Move
    }
}

#[cfg(test)]
mod tests {
    use super::super::Keys;
    use super::super::testing::Scan;
    use super::*;
    use crate::contour::area_mm2;
    use crate::geometry::Orientation;
    use glam::DVec3;

    fn drag(scan: &Scan, keys: Keys, from: [f64; 2], to: [f64; 2]) -> Vec<(usize, SliceContours)> {
        let mut tool = Transform::default();
        let at = |p: [f64; 2]| DVec3::new(p[0], p[1], scan.z(3));
        let press = Pointer::new(at(from), Orientation::Axial).with(keys);
        tool.handle(ToolEvent::Move(press), &scan.context());
        assert!(tool.preview(&scan.context()).handles.len() == 5);
        tool.handle(ToolEvent::Press(press), &scan.context());
        let actions = tool.handle(ToolEvent::Drag { at: at(to) }, &scan.context());
        assert_eq!(tool.handle(ToolEvent::Release, &scan.context()), [ToolAction::Commit]);
        match &actions[..] {
            [ToolAction::Begin { .. }, ToolAction::Replace(slices)] => slices.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_ring_is_moved_scaled_and_turned_about_its_middle() {
        let mut scan = Scan::with_square(3, 20.0, 40.0);
        scan.slices.insert(4, scan.slices[&3].clone());
        let moved = drag(&scan, Keys::NONE, [30.0, 30.0], [35.0, 28.0]);
        assert_eq!((moved.len(), moved[0].0), (1, 3));
        assert_eq!(moved[0].1.bounds(), Some([[25.0, 18.0], [45.0, 38.0]]));
        let scaled = drag(&scan, Keys::NONE, [40.0, 40.0], [45.0, 45.0]);
        assert!((area_mm2(&scaled[0].1) - 900.0).abs() < 0.1);
        // The knob stands 6 mm above the frame; an eighth of a turn stands the square on its corner.
        let turned = drag(&scan, Keys::NONE, [30.0, 14.0], [42.0, 18.0]);
        assert!((area_mm2(&turned[0].1) - 400.0).abs() < 0.1);
        let [low, high] = turned[0].1.bounds().expect("not empty");
        assert!((high[0] - low[0] - 20.0 * 2f64.sqrt()).abs() < 0.01);
        let whole = drag(&scan, Keys::SHIFT, [30.0, 30.0], [31.0, 30.0]);
        assert_eq!(whole.iter().map(|s| s.0).collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn a_ring_moved_onto_another_is_united_with_it_and_a_third_stays_as_it_is() {
        let mut scan = Scan::with_square(3, 20.0, 40.0);
        let mut rings = scan.slices[&3].rings.clone();
        let square =
            |low: f64, high: f64, n: u32| Ring::imported([[low, low], [high, low], [high, high], [low, high]], n);
        rings.extend([square(45.0, 50.0, 1), square(55.0, 60.0, 2)]);
        scan.slices.insert(3, Arc::new(SliceContours::new(rings)));
        let moved = drag(&scan, Keys::NONE, [47.0, 47.0], [40.0, 40.0]);
        assert_eq!(moved[0].1.rings.len(), 2);
        assert!(moved[0].1.rings.contains(&square(55.0, 60.0, 2)));
        assert!((area_mm2(&moved[0].1) - (400.0 + 25.0 + 25.0 - 4.0)).abs() < 0.1);
    }
}
