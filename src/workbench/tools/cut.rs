//! Cut: everything of the structure on one side of a line goes away.
//!
//! The line is drawn over the structure and cuts as far as the structure reaches. The smaller part goes; with Alt the
//! larger one. In axial views one slice is cut, with Shift all slices by the plane that stands on the line; in the other
//! views the plane that stands on the line cuts the whole structure, so that its upper or lower end goes.

use super::{EditMode, LineStyle, Pointer, Preview, Shape, Tool, ToolAction, ToolContext, ToolEvent, ToolOptions};
use crate::contour::{self, BooleanOp, Ring, SliceContours};
use crate::geometry::{ImagePlane, PatientPoint};
use crate::words::{keep, t};
use glam::{DVec2, DVec3};

/// A line shorter than this is a click, mm.
const SHORTEST_MM: f64 = 2.0;

#[derive(Debug, Clone, Default)]
pub(super) struct Cut {
    line: Option<(Pointer, PatientPoint)>,
}

/// What a line takes away, by slice: pieces of the structure.
fn taken(from: &Pointer, to: PatientPoint, context: &ToolContext<'_>) -> Vec<(usize, SliceContours)> {
    let grid = context.grid();
    let plane = ImagePlane::through(grid, from.orientation, from.at);
    let across = plane.normal.cross(to - from.at).normalize_or_zero();
    let one_slice = ToolContext::is_axial(from.orientation) && !from.keys.shift;
    let k = context.on_slice(from.at).0;
    let slices = context.slices.iter().filter(|(n, _)| !one_slice || **n == k);
    let mut sides = [Vec::new(), Vec::new()];
    let mut volumes = [0.0, 0.0];
    for (&k, contours) in slices {
        let position = grid.normal() * grid.position_mm(k);
        let normal = DVec2::new(across.dot(grid.i_direction()), across.dot(grid.j_direction()));
        let offset = across.dot(position - from.at);
        let [near, far] = halves(contours, normal, offset);
        for (n, part) in [near, far].into_iter().enumerate() {
            volumes[n] += contour::area_mm2(&part) * grid.thickness_mm(k);
            if !part.is_empty() {
                sides[n].push((k, part));
            }
        }
    }
    let smaller = usize::from(volumes[1] < volumes[0]);
    let goes = if from.keys.alt { 1 - smaller } else { smaller };
    // A line beside the structure cuts nothing.
    if volumes[1 - goes] <= 0.0 { Vec::new() } else { std::mem::take(&mut sides[goes]) }
}

/// The parts of contours where `p . normal + offset` is positive, and where it is not.
fn halves(contours: &SliceContours, normal: DVec2, offset: f64) -> [SliceContours; 2] {
    let none = SliceContours::default;
    let Some([low, high]) = contours.bounds() else { return [none(), none()] };
    let length = normal.length();
    let middle = DVec2::from(low).midpoint(DVec2::from(high));
    let reach = DVec2::from(low).distance(DVec2::from(high)) + 10.0;
    let depth = normal.dot(middle) + offset;
    if length < 1e-9 || (depth / length).abs() > reach {
        return if depth > 0.0 { [contours.clone(), none()] } else { [none(), contours.clone()] };
    }
    let out = normal / length;
    let (foot, along) = (middle - out * (depth / length), out.perp() * 2.0 * reach);
    let corners = [foot + along, foot - along, foot - along + out * 3.0 * reach, foot + along + out * 3.0 * reach];
    let half_plane = SliceContours::new(vec![Ring::new(corners.map(Into::into))]);
    [
        contour::boolean(contours, &half_plane, BooleanOp::Intersection),
        contour::boolean(contours, &half_plane, BooleanOp::Difference),
    ]
}

impl Tool for Cut {
    fn handle(&mut self, event: ToolEvent, context: &ToolContext<'_>) -> Vec<ToolAction> {
        match event {
            ToolEvent::Press(pointer) if self.line.is_none() => self.line = Some((pointer, pointer.at)),
            ToolEvent::Drag { at } => {
                if let Some((_, to)) = &mut self.line {
                    *to = at;
                }
            }
            ToolEvent::Release => {
                if let Some((from, to)) = self.line.take().filter(|(from, to)| from.at.distance(*to) >= SHORTEST_MM) {
                    let pieces = taken(&from, to, context);
                    if pieces.is_empty() {
                        return vec![ToolAction::Say(t("The line does not cross the structure; draw it right across"))];
                    }
                    let shape = Shape::Slices(pieces);
                    let edit = ToolAction::Edit { shape, mode: EditMode::Erase };
                    return vec![ToolAction::Begin { label: keep("Cut") }, edit, ToolAction::Commit];
                }
            }
            ToolEvent::Cancel => self.line = None,
            _ => {}
        }
        Vec::new()
    }

    fn hints(&self, _options: &ToolOptions) -> Vec<(&'static str, &'static str)> {
        if self.line.is_some() {
            return vec![(t("Release"), t("cut the red part away")), (t("Esc"), t("do not cut"))];
        }
        vec![
            (t("Drag across"), t("cut the smaller part away")),
            (t("Alt"), t("the larger part")),
            (t("Shift"), t("on all slices")),
            (t("In sagittal and coronal views"), t("cut the whole structure")),
        ]
    }

    fn is_active(&self) -> bool {
        self.line.is_some()
    }

    fn preview(&self, context: &ToolContext<'_>) -> Preview {
        let mut preview = Preview::default();
        let Some((from, to)) = &self.line else { return preview };
        let along: DVec3 = (*to - from.at).normalize_or_zero() * 500.0;
        preview.line(vec![from.at - along, *to + along], false, LineStyle::Guide);
        preview.line(vec![from.at, *to], false, LineStyle::Highlight);
        if from.at.distance(*to) >= SHORTEST_MM {
            for (k, part) in taken(from, *to, context) {
                for ring in &part.rings {
                    let points = ring.points().iter().map(|p| context.patient(k, *p)).collect();
                    preview.line(points, true, LineStyle::Remove);
                }
            }
        }
        preview
    }
}

#[cfg(test)]
mod tests {
    use super::super::Keys;
    use super::super::testing::Scan;
    use super::*;
    use crate::contour::area_mm2;
    use crate::geometry::Orientation;

    fn cut(scan: &Scan, orientation: Orientation, keys: Keys, from: DVec3, to: DVec3) -> Vec<(usize, f64)> {
        let mut tool = Cut::default();
        tool.handle(ToolEvent::Press(Pointer::new(from, orientation).with(keys)), &scan.context());
        tool.handle(ToolEvent::Drag { at: to }, &scan.context());
        match &tool.handle(ToolEvent::Release, &scan.context())[..] {
            [_, ToolAction::Edit { shape: Shape::Slices(slices), .. }, _] => {
                slices.iter().map(|(k, c)| (*k, (area_mm2(c) * 10.0).round() / 10.0)).collect()
            }
            _ => Vec::new(),
        }
    }

    #[test]
    fn the_smaller_part_goes_whichever_way_the_line_is_drawn() {
        let mut scan = Scan::with_square(3, 20.0, 40.0);
        for k in 4..8 {
            scan.slices.insert(k, scan.slices[&3].clone());
        }
        let at = |x: f64, y: f64| DVec3::new(x, y, scan.z(3));
        let (from, to) = (at(35.0, 15.0), at(35.0, 45.0));
        let axial = Orientation::Axial;
        assert_eq!(cut(&scan, axial, Keys::NONE, from, to), [(3, 100.0)]);
        assert_eq!(cut(&scan, axial, Keys::NONE, to, from), [(3, 100.0)]);
        assert_eq!(cut(&scan, axial, Keys::ALT, from, to), [(3, 300.0)]);
        assert_eq!(cut(&scan, axial, Keys::SHIFT, from, to), [3, 4, 5, 6, 7].map(|k| (k, 100.0)));
        assert!(cut(&scan, axial, Keys::NONE, at(50.0, 15.0), at(50.0, 45.0)).is_empty(), "beside the structure");
        assert!(cut(&scan, axial, Keys::NONE, from, from).is_empty(), "a click");
    }

    #[test]
    fn a_line_in_a_coronal_view_cuts_an_end_off() {
        let mut scan = Scan::with_square(3, 20.0, 40.0);
        for k in 4..8 {
            scan.slices.insert(k, scan.slices[&3].clone());
        }
        let between = f64::midpoint(scan.z(5), scan.z(6));
        let found = cut(
            &scan,
            Orientation::Coronal,
            Keys::NONE,
            DVec3::new(10.0, 30.0, between),
            DVec3::new(50.0, 30.0, between),
        );
        assert_eq!(found, [(6, 400.0), (7, 400.0)]);
    }
}
