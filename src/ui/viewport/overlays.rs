//! What lies over the image: letters, scale bar, texts, crosshair, brush, gaps.

use super::transform::ViewTransform;
use super::{Brush, ViewInput};
use crate::geometry::{ImagePlane, Orientation, PatientPoint, VoxelGrid};
use crate::image::{Sampling, WindowLevel};
use crate::tf;
use crate::ui::theme;
use crate::words::{t, told};
use eframe::egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Vec2, pos2, vec2};

/// A number with a true minus sign and no negative zero.
pub fn signed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let zero = text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.');
    if zero { text.trim_start_matches('-').to_owned() } else { text.replace('-', "\u{2212}") }
}

/// Text that stands on any image.
pub(in crate::ui) fn text(
    painter: &Painter,
    at: Pos2,
    anchor: Align2,
    words: &str,
    font: FontId,
    color: Color32,
) -> Rect {
    let galley = painter.layout_no_wrap(words.to_owned(), font, color);
    let rect = anchor.anchor_size(at, galley.size());
    // A dark edge all around: the words may lie on bone or on air.
    for (x, y) in [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (-0.7, -0.7), (0.7, -0.7), (-0.7, 0.7), (1.0, 1.0)]
    {
        let at = rect.min + vec2(x, y);
        painter.galley_with_override_text_color(at, galley.clone(), theme::OVERLAY_SHADOW);
    }
    painter.galley(rect.min, galley, color);
    rect
}

const MARGIN: f32 = theme::SPACE_2;

pub(super) fn letters(painter: &Painter, view: &ViewTransform) {
    // In a very narrow view the upper letter stands below the name of the view.
    let top = if view.rect.width() < 150.0 { 18.0 } else { 0.0 };
    letters_of(painter, view.rect.with_min_y(view.rect.top() + top), &view.plane);
}

/// The letters of the directions of a plane at the edges of a view.
pub(in crate::ui) fn letters_of(painter: &Painter, rect: Rect, plane: &ImagePlane) {
    let [left, right, top, bottom] = plane.letters();
    let r = rect.shrink(MARGIN);
    let font = theme::strong(theme::SIZE_BODY);
    for (at, anchor, letter) in [
        (r.left_center(), Align2::LEFT_CENTER, left),
        (r.right_center(), Align2::RIGHT_CENTER, right),
        (r.center_top(), Align2::CENTER_TOP, top),
        (r.center_bottom(), Align2::CENTER_BOTTOM, bottom),
    ] {
        text(painter, at, anchor, &letter, font.clone(), theme::OVERLAY_TEXT_DIM);
    }
}

/// Where the scale bar begins: right of the letter in the middle of the lower edge, points.
const BAR_FROM_CENTER: f32 = 24.0;
/// Room for the coordinates of a point, points.
const PLACE_WIDTH: f32 = 130.0;

/// The longest round length that takes at most a quarter of the view, mm.
fn scale_bar_mm(view: &ViewTransform) -> Option<f64> {
    let room = f64::from(view.rect.width()) * view.mm_per_point / 4.0;
    [200.0, 100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0].into_iter().find(|mm| *mm <= room)
}

pub(super) fn scale_bar(painter: &Painter, view: &ViewTransform) {
    let Some(mm) = scale_bar_mm(view) else { return };
    let length = view.points(mm);
    // Beside the letter in the middle of the lower edge.
    let y = view.rect.bottom() - MARGIN - 3.0;
    let x0 = view.rect.center().x + BAR_FROM_CENTER;
    let x1 = x0 + length;
    for (stroke, grow) in [(Stroke::new(3.5, theme::OVERLAY_SHADOW), 0.8), (Stroke::new(1.5, theme::OVERLAY_TEXT), 0.0)]
    {
        painter.hline(x0 - grow..=x1 + grow, y, stroke);
        painter.vline(x0, y - 4.0 - grow..=y + grow, stroke);
        painter.vline(x1, y - 4.0 - grow..=y + grow, stroke);
    }
    let font = theme::regular(theme::SIZE_SMALL);
    text(
        painter,
        pos2(f32::midpoint(x0, x1), y - 4.0),
        Align2::CENTER_BOTTOM,
        &format!("{mm} mm"),
        font,
        theme::OVERLAY_TEXT,
    );
}

/// Lines through the crosshair with a gap, so that they hide nothing where it matters.
pub(super) fn crosshair(painter: &Painter, view: &ViewTransform, at: PatientPoint) {
    const GAP: f32 = 12.0;
    let c = view.screen_from_patient(at);
    let c = pos2(painter.round_to_pixel_center(c.x), painter.round_to_pixel_center(c.y));
    let r = view.rect;
    let stroke = Stroke::new(1.0, theme::CROSSHAIR);
    for (from, to) in [(r.left(), c.x - GAP), (c.x + GAP, r.right())] {
        if to > from {
            painter.hline(from..=to, c.y, stroke);
        }
    }
    for (from, to) in [(r.top(), c.y - GAP), (c.y + GAP, r.bottom())] {
        if to > from {
            painter.vline(c.x, from..=to, stroke);
        }
    }
}

/// The position of the plane along its normal in words: slice and z, or x or y.
pub fn position_words(grid: &VoxelGrid, view: &ViewTransform) -> [String; 2] {
    let p = view.plane.origin;
    match view.plane.orientation {
        Orientation::Axial => {
            let k = grid.nearest_slice(grid.plane_from_patient(p).1);
            let z = grid.patient_from_voxel(k, 0.0, 0.0).z;
            [tf!("Slice {n} of {slices}", n = k + 1, slices = grid.slices()), format!("z {} mm", signed(z, 1))]
        }
        Orientation::Sagittal => [String::new(), format!("x {} mm", signed(p.x, 1))],
        Orientation::Coronal => [String::new(), format!("y {} mm", signed(p.y, 1))],
    }
}

pub fn window_words(window: WindowLevel) -> String {
    format!("W {}  L {}", signed(window.width_hu, 0), signed(window.center_hu, 0))
}

/// How far a text in a corner of a narrow view gives way to the letter in the middle of the edge, points.
fn clear_of_letter(painter: &Painter, view: &ViewTransform, words: &str, font: &FontId) -> f32 {
    const LETTER: f32 = 12.0;
    let width = painter.layout_no_wrap(words.to_owned(), font.clone(), theme::OVERLAY_TEXT).size().x;
    if MARGIN + width + LETTER > view.rect.width() / 2.0 { 18.0 } else { 0.0 }
}

/// The four corners. In a small view only what is needed to read it.
pub(super) fn texts(
    painter: &Painter,
    view: &ViewTransform,
    input: &ViewInput<'_>,
    hovered: Option<(PatientPoint, Option<i16>)>,
) {
    let r = view.rect.shrink(MARGIN);
    let small = theme::regular(theme::SIZE_SMALL);
    let roomy = view.rect.width() > 260.0 && view.rect.height() > 180.0;
    let (bright, dim) = (theme::OVERLAY_TEXT, theme::OVERLAY_TEXT_DIM);
    let plane = view.plane.orientation.to_string();
    let name = told(input.extras.title.unwrap_or(&plane));
    let title = text(painter, r.left_top(), Align2::LEFT_TOP, name, theme::strong(theme::SIZE_BODY), bright);
    if let Some(patient) = input.patient.filter(|_| roomy) {
        text(painter, title.left_bottom() + vec2(0.0, 2.0), Align2::LEFT_TOP, patient, small.clone(), dim);
    }
    let mut corner = r.right_top();
    if roomy {
        let name = input.extras.window_name.map(|n| format!("{n}  ")).unwrap_or_default();
        let words = format!("{name}{}", window_words(input.window));
        corner.y += clear_of_letter(painter, view, &words, &small);
        let at = text(painter, corner, Align2::RIGHT_TOP, &words, small.clone(), dim);
        corner = at.right_bottom() + vec2(0.0, 2.0);
    }
    if let Some(slab) = input.slab {
        // Always: such a picture is not a slice.
        let font = theme::strong(theme::SIZE_BODY);
        let at = text(painter, corner, Align2::RIGHT_TOP, &slab.words(), font, theme::WARNING);
        corner = at.right_bottom() + vec2(0.0, 2.0);
    }
    if input.sampling == Sampling::Nearest && input.slab.is_none() && roomy {
        text(painter, corner, Align2::RIGHT_TOP, t("Raw voxels"), small.clone(), dim);
    }
    let [slice, position] = position_words(input.grid, view);
    let foot = r.left_bottom() - vec2(0.0, clear_of_letter(painter, view, &position, &small));
    let low = text(painter, foot, Align2::LEFT_BOTTOM, &position, small.clone(), bright);
    if roomy && !slice.is_empty() {
        text(painter, low.left_top() - vec2(0.0, 2.0), Align2::LEFT_BOTTOM, &slice, small.clone(), dim);
    }
    if let Some((p, hu)) = hovered.filter(|_| roomy) {
        let mut at = r.right_bottom();
        let bar_end =
            scale_bar_mm(view).map_or(r.left(), |mm| view.rect.center().x + BAR_FROM_CENTER + view.points(mm));
        // In a narrow view the scale bar comes first; the status bar tells the place too.
        if r.right() - bar_end > PLACE_WIDTH {
            let place = format!("{}, {}, {}", signed(p.x, 1), signed(p.y, 1), signed(p.z, 1));
            at = text(painter, at, Align2::RIGHT_BOTTOM, &place, small, dim).right_top() - vec2(0.0, 2.0);
        }
        if let Some(hu) = hu {
            let words = format!("{} HU", signed(f64::from(hu), 0));
            at = text(painter, at, Align2::RIGHT_BOTTOM, &words, theme::strong(theme::SIZE_BODY), bright).right_top();
        }
        if let Some(words) = input.overlay.as_ref().and_then(|o| (o.words)(p)) {
            text(painter, at, Align2::RIGHT_BOTTOM, &words, theme::strong(theme::SIZE_BODY), bright);
        }
    }
}

/// The brush as a circle of its true size: whole under the pointer, its section elsewhere.
pub(super) fn brush(painter: &Painter, view: &ViewTransform, brush: &Brush, pointer: Option<Pos2>) {
    let (center, radius_mm) = match (pointer, brush.sphere_at) {
        (Some(at), _) => (at, brush.radius_mm),
        (None, Some(p)) => {
            let depth = view.depth_mm(p);
            if depth.abs() >= brush.radius_mm {
                return;
            }
            (view.screen_from_patient(p), (brush.radius_mm.powi(2) - depth * depth).sqrt())
        }
        (None, None) => return,
    };
    let radius = view.points(radius_mm).max(1.5);
    let color = if brush.erase { theme::BRUSH_ERASE } else { theme::BRUSH_ADD };
    painter.circle_stroke(center, radius, Stroke::new(3.0, theme::OVERLAY_SHADOW));
    painter.circle_stroke(center, radius, Stroke::new(1.25, color));
    if brush.erase {
        // A sign of its own, not colour alone.
        let half = (radius * 0.5).min(5.0);
        painter.hline(center.x - half..=center.x + half, center.y, Stroke::new(1.5, color));
    } else {
        painter.circle_filled(center, 1.25, color);
    }
}

/// Bands where slices are missing, across the views that cross the slices.
pub(super) fn gaps(painter: &Painter, view: &ViewTransform, input: &ViewInput<'_>) {
    let grid = input.grid;
    if view.plane.normal.dot(grid.normal()).abs() > 0.5 {
        return;
    }
    for &[from, to] in input.gaps_mm {
        let y =
            |n: f64| view.screen_from_patient(grid.center() + grid.normal() * (n - grid.center().dot(grid.normal()))).y;
        let (a, b) = (y(from), y(to));
        let band = Rect::from_min_max(pos2(view.rect.left(), a.min(b)), pos2(view.rect.right(), a.max(b)));
        painter.rect_filled(band, 0.0, theme::GAP);
        let stroke = Stroke::new(1.0, theme::GAP_LINE);
        for line in [band.top(), band.bottom()] {
            let ends = [pos2(band.left(), line), pos2(band.right(), line)];
            painter.extend(Shape::dashed_line(&ends, stroke, 6.0, 4.0));
        }
        if band.height() > 14.0 {
            let words = tf!("{gap} mm without slices", gap = signed(to - from, 1));
            text(
                painter,
                band.right_center() - vec2(24.0, 0.0),
                Align2::RIGHT_CENTER,
                &words,
                theme::regular(theme::SIZE_SMALL),
                theme::OVERLAY_TEXT,
            );
        }
    }
}

/// The edge of the view in use.
pub(super) fn edge(painter: &Painter, rect: Rect, active: bool) {
    let color = if active { theme::LINE_STRONG } else { theme::LINE };
    painter.rect_stroke(rect, 0.0, Stroke::new(1.0, color), StrokeKind::Inside);
}

/// Words in the middle of a view without an image.
pub fn notice(painter: &Painter, rect: Rect, words: &str) {
    let galley =
        painter.layout(words.to_owned(), theme::regular(theme::SIZE_BODY), theme::TEXT_FAINT, rect.width() - 40.0);
    painter.galley(rect.center() - galley.size() / 2.0 + Vec2::ZERO, galley, theme::TEXT_FAINT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_true_minus_and_no_negative_zero() {
        assert_eq!(signed(-3.25, 1), "\u{2212}3.2");
        assert_eq!(signed(-0.04, 1), "0.0");
        assert_eq!(signed(12.0, 0), "12");
    }
}
