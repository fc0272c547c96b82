//! The strip beside a view in which a slice is chosen: where the view is, where the active structure
//! has contours, and where slices are missing. Beside an axial view it has a column for each of three things,
//! told apart by place and shape, not by colour alone: contours (blocks; frames where the structure has a gap),
//! changes (arrow heads), and slices not yet looked at (a dotted line; rings where something was only copied).

use super::chart;
use super::overlays::signed;
use super::transform::ViewTransform;
use super::{ViewEvent, ViewInput};
use crate::geometry::{Orientation, PatientPoint, VoxelGrid};
use crate::tf;
use crate::ui::theme;
use crate::words::{t, told};
use eframe::egui::{self, Color32, Painter, Rect, Response, Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2};
use glam::DVec3;

/// What is known of the slices, for the strip of an axial view; by slice number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SliceMarks {
    /// Without contours between contours of the active structure.
    pub gaps: Vec<bool>,
    /// Names of structures that differ from what was opened.
    pub edited: Vec<Vec<String>>,
    pub seen: Vec<bool>,
    /// Copied from another slice and not yet reviewed.
    pub copied: Vec<bool>,
}

impl SliceMarks {
    fn at(list: &[bool], k: usize) -> bool {
        list.get(k).copied().unwrap_or(false)
    }
}

/// Width of the strip of a view, points.
pub(super) fn width(orientation: Orientation, with_chart: bool) -> f32 {
    match orientation {
        Orientation::Axial => MARKS + if with_chart { chart::WIDTH } else { 0.0 },
        _ => 12.0,
    }
}

/// Width of the three columns of marks, points.
const MARKS: f32 = 30.0;

/// The positions that a plane can take along its normal, mm.
fn range_mm(grid: &VoxelGrid, normal: DVec3) -> [f64; 2] {
    let [slices, rows, columns] = grid.shape();
    let ends = [
        grid.patient_from_voxel(0, 0.0, 0.0),
        grid.patient_from_voxel(slices - 1, (rows - 1) as f64, (columns - 1) as f64),
    ]
    .map(|p| p.dot(normal));
    [ends[0].min(ends[1]), ends[0].max(ends[1])]
}

/// From positions along the normal to the strip.
struct Track<'a> {
    grid: &'a VoxelGrid,
    normal: DVec3,
    rect: Rect,
    low: f64,
    span: f64,
}

impl Track<'_> {
    /// The end toward which the normal points is up: the head in axial views.
    fn y(&self, mm: f64) -> f32 {
        self.rect.bottom() - ((mm - self.low) / self.span) as f32 * self.rect.height()
    }

    fn mm(&self, y: f32) -> f64 {
        self.low + f64::from((self.rect.bottom() - y) / self.rect.height()).clamp(0.0, 1.0) * self.span
    }

    /// From the upper to the lower end of slices `first..=last`, at least `least` points.
    fn y_range(&self, first: usize, last: usize, least: f32) -> [f32; 2] {
        let edge = |k: usize, sign: f64| self.y(self.along(k) + sign * self.grid.thickness_mm(k) / 2.0);
        let all = [edge(first, -1.0), edge(first, 1.0), edge(last, -1.0), edge(last, 1.0)];
        let top = all.iter().copied().fold(f32::INFINITY, f32::min).max(self.rect.top() - 3.0);
        let bottom = all.iter().copied().fold(f32::NEG_INFINITY, f32::max).min(self.rect.bottom() + 3.0);
        let grow = ((least - (bottom - top)) / 2.0).max(0.0);
        [top - grow, bottom + grow]
    }

    fn along(&self, k: usize) -> f64 {
        let p: PatientPoint = self.grid.patient_from_voxel(k, 0.0, 0.0);
        p.dot(self.normal)
    }

    fn slice_at(&self, y: f32) -> usize {
        let mm = self.mm(y) * self.normal.dot(self.grid.normal()).signum();
        self.grid.nearest_slice(mm)
    }
}

/// Neighbouring slices that fit, as first and last.
fn runs(slices: usize, fits: impl Fn(usize) -> bool) -> Vec<[usize; 2]> {
    let mut found: Vec<[usize; 2]> = Vec::new();
    for k in (0..slices).filter(|k| fits(*k)) {
        match found.last_mut() {
            Some(run) if run[1] + 1 == k => run[1] = k,
            _ => found.push([k, k]),
        }
    }
    found
}

/// Draws the strip and tells where it was clicked or dragged to.
pub(super) fn show(ui: &Ui, rect: Rect, view: &ViewTransform, input: &ViewInput<'_>) -> (Response, Option<ViewEvent>) {
    let plane = &view.plane;
    let axial = plane.orientation == Orientation::Axial;
    let id = ui.scope_id().with(("scrubber", plane.orientation));
    let response = ui.interact(rect, id, egui::Sense::click_and_drag());
    let here = plane.origin.dot(plane.normal);
    let name = told(&format!("{} position", plane.orientation)).to_owned();
    response.widget_info(|| WidgetInfo::slider(true, here, &name));
    let [low, high] = range_mm(input.grid, plane.normal);
    let track = Track {
        grid: input.grid,
        normal: plane.normal,
        rect: rect.shrink2(egui::vec2(0.0, 4.0)),
        low,
        span: (high - low).max(1e-9),
    };
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, theme::SUNKEN);
    if axial {
        let (bars, columns) = rect.split_left_right_at_x(rect.right() - MARKS);
        if let Some((differences, full_mm)) = input.extras.differences {
            chart::paint(&painter, bars, differences, full_mm, |k| track.y_range(k, k, 1.0));
        }
        marks(&painter, columns, &track, input);
        let sign = plane.normal.dot(input.grid.normal()).signum();
        for &[from, to] in input.gaps_mm {
            let (a, b) = (track.y(from * sign), track.y(to * sign));
            let band = Rect::from_min_max(pos2(rect.left(), a.min(b)), pos2(rect.right(), a.max(b)));
            painter.rect_filled(band, 0.0, theme::GAP_LINE);
        }
    }
    let hot = response.hovered() || response.dragged();
    let color = if hot { theme::TEXT } else { theme::ACCENT };
    let y = track.y(here).clamp(rect.top() + 1.0, rect.bottom() - 1.0);
    painter.hline(rect.x_range(), y, Stroke::new(4.5, theme::SUNKEN));
    painter.hline(rect.x_range(), y, Stroke::new(2.5, color));
    let goal = response
        .interact_pointer_pos()
        .filter(|_| response.is_pointer_button_down_on() || response.dragged())
        .map(|at| track.mm(at.y))
        .filter(|goal| (goal - here).abs() > 1e-6)
        .map(|goal| ViewEvent::GoTo(plane.origin + plane.normal * (goal - here)));
    let response = response.on_hover_cursor(egui::CursorIcon::ResizeVertical);
    let response = match response.hover_pos().filter(|_| axial) {
        Some(at) => response.on_hover_text_at_pointer(words(input, track.slice_at(at.y))),
        None => response,
    };
    (response, goal)
}

fn marks(painter: &Painter, rect: Rect, track: &Track<'_>, input: &ViewInput<'_>) {
    let slices = input.grid.slices();
    let marks = input.extras.marks;
    let column = |from: f32, to: f32, [top, bottom]: [f32; 2]| {
        Rect::from_min_max(pos2(rect.left() + from, top), pos2(rect.left() + to, bottom))
    };
    if let Some(active) = input.structures.iter().find(|s| s.active) {
        let color = theme::faded(theme::legible(active.roi.color), 0.85);
        for [first, last] in runs(slices, |k| active.roi.slices.contains_key(&k)) {
            painter.rect_filled(column(3.0, 13.0, track.y_range(first, last, 1.0)), 0.0, color);
        }
        for [first, last] in runs(slices, |k| marks.is_some_and(|m| SliceMarks::at(&m.gaps, k))) {
            let frame = column(3.5, 12.5, track.y_range(first, last, 4.0));
            painter.rect_filled(frame, 0.0, theme::SUNKEN);
            painter.rect_stroke(frame, 0.0, Stroke::new(1.0, theme::WARNING), StrokeKind::Inside);
            painter.line_segment([frame.left_bottom(), frame.right_top()], Stroke::new(1.0, theme::WARNING));
        }
    }
    let Some(marks) = marks else { return };
    for [first, last] in runs(slices, |k| marks.edited.get(k).is_some_and(|names| !names.is_empty())) {
        let bar = column(15.0, 17.0, track.y_range(first, last, 2.0));
        painter.rect_filled(bar, 0.0, theme::TEXT);
        let (x, y) = (rect.left() + 21.0, bar.center().y);
        let head = vec![pos2(x - 6.0, y), pos2(x, y - 4.0), pos2(x, y + 4.0)];
        painter.add(Shape::convex_polygon(head, theme::TEXT, Stroke::NONE));
    }
    for [first, last] in runs(slices, |k| !SliceMarks::at(&marks.seen, k)) {
        let [top, bottom] = track.y_range(first, last, 1.5);
        dotted(painter, rect.left() + 25.5, [top, bottom], theme::INFO);
    }
    for [first, last] in runs(slices, |k| SliceMarks::at(&marks.copied, k)) {
        let [top, bottom] = track.y_range(first, last, 2.0);
        let at = pos2(rect.left() + 25.5, f32::midpoint(top, bottom));
        painter.circle(at, 3.0, theme::SUNKEN, Stroke::new(1.5, theme::WARNING));
    }
}

fn dotted(painter: &Painter, x: f32, [top, bottom]: [f32; 2], color: Color32) {
    const STEP: f32 = 4.0;
    let mut y = top;
    while y < bottom {
        let dot = Rect::from_min_max(pos2(x - 1.25, y), pos2(x + 1.25, (y + 2.0).min(bottom)));
        painter.rect_filled(dot, 0.0, color);
        y += STEP;
    }
}

/// What is there, and what the shapes mean.
fn words(input: &ViewInput<'_>, k: usize) -> String {
    let z = input.grid.patient_from_voxel(k, 0.0, 0.0).z;
    let mut lines =
        vec![tf!("Slice {n} of {slices}, z {z} mm", n = k + 1, slices = input.grid.slices(), z = signed(z, 1))];
    lines.extend(input.extras.differences.and_then(|(bars, _)| bars.get(k)?.words()));
    let marks = input.extras.marks;
    if let Some(active) = input.structures.iter().find(|s| s.active) {
        let gap = marks.is_some_and(|m| SliceMarks::at(&m.gaps, k));
        let what = if active.roi.slices.contains_key(&k) {
            t("has contours here (block)")
        } else if gap {
            t("has a gap here (crossed frame)")
        } else {
            t("has no contours here")
        };
        let name = if active.label.is_empty() { t("The selected structure") } else { active.label };
        lines.push(format!("{name} {what}"));
    }
    if let Some(marks) = marks {
        if let Some(names) = marks.edited.get(k).filter(|names| !names.is_empty()) {
            let shown = names.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if names.len() > 3 { tf!(" and {n} more", n = names.len() - 3) } else { String::new() };
            lines.push(tf!("Changed since it was opened (arrow head): {shown}{more}", shown, more));
        }
        if SliceMarks::at(&marks.copied, k) {
            lines.push(t("Copied from another slice and not yet reviewed (ring)").into());
        }
        lines.push(if SliceMarks::at(&marks.seen, k) {
            t("Looked at").into()
        } else {
            t("Not yet looked at (dotted line)").into()
        });
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_drawn_as_one() {
        assert_eq!(runs(9, |k| [0, 1, 4, 7, 8].contains(&k)), [[0, 1], [4, 4], [7, 8]]);
        assert!(runs(0, |_| true).is_empty() && runs(5, |_| false).is_empty());
    }
}
