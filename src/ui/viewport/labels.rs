//! Names beside the contours: placed without overlaps, each with a thin line to its contour where it stands apart.

use super::transform::ViewTransform;
use super::{Polyline, ViewStructure, overlays};
use crate::ui::theme;
use eframe::egui::{Align2, Color32, Painter, Pos2, Rect, Stroke, Vec2, pos2, vec2};

/// A name and the contour that it belongs to.
pub(super) struct Wanted {
    pub words: String,
    pub color: Color32,
    /// Around the contour on the screen.
    pub around: Rect,
}

/// What a structure with these outlines is called, if it can be seen.
pub(super) fn wanted(view: &ViewTransform, structure: &ViewStructure<'_>, lines: &[Polyline]) -> Option<Wanted> {
    // The largest part stands for all of them.
    let boxes = lines.iter().map(|line| {
        line.points.iter().fold(Rect::NOTHING, |all, p| all.union(Rect::from_pos(view.screen_from_plane(*p))))
    });
    let largest = boxes.max_by(|a, b| a.area().total_cmp(&b.area()))?;
    let around = largest.intersect(view.rect);
    let is_seen = around.is_positive() && !structure.label.is_empty();
    is_seen.then(|| Wanted { words: structure.label.to_owned(), color: theme::legible(structure.roi.color), around })
}

/// Rectangles for labels of these sizes beside what they name, inside `bounds`, none over another or over
/// `taken`; `None` where there is no room.
pub fn place(wanted: &[(Rect, Vec2)], bounds: Rect, taken: &[Rect]) -> Vec<Option<Rect>> {
    const DIRECTIONS: [[f32; 2]; 8] =
        [[1.0, -1.0], [1.0, 0.0], [-1.0, -1.0], [-1.0, 0.0], [0.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [0.0, 1.0]];
    let mut placed: Vec<Rect> = taken.to_vec();
    let mut result = vec![None; wanted.len()];
    // Small contours have the fewest places to choose from.
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].0.area().total_cmp(&wanted[*b].0.area()));
    for n in order {
        let (around, size) = wanted[n];
        let free = |rect: &Rect, placed: &[Rect]| {
            bounds.contains_rect(*rect) && placed.iter().all(|p| !p.expand(1.0).intersects(*rect))
        };
        let beside = [6.0, 18.0, 34.0, 54.0, 80.0, 110.0].into_iter().flat_map(|apart| {
            DIRECTIONS.into_iter().map(move |[x, y]| {
                let half = around.size() / 2.0;
                let by = vec2(x * (half.x + apart + size.x / 2.0), y * (half.y + apart * 0.6 + size.y / 2.0));
                Rect::from_center_size(around.center() + by, size)
            })
        });
        // Where all of that is taken or outside: down the edge that is nearer.
        let x = if around.center().x > bounds.center().x { bounds.right() - size.x } else { bounds.left() };
        let rows = (bounds.height() / (size.y + 2.0)).max(0.0) as usize;
        let edge = (0..rows).map(|row| Rect::from_min_size(pos2(x, bounds.top() + row as f32 * (size.y + 2.0)), size));
        let found = beside.chain(edge).find(|rect| free(rect, &placed));
        placed.extend(found);
        result[n] = found;
    }
    result
}

pub(super) fn paint(painter: &Painter, view: &ViewTransform, wanted: &[Wanted]) {
    let font = theme::regular(theme::SIZE_SMALL + 1.0);
    let sizes: Vec<(Rect, Vec2)> = wanted
        .iter()
        .map(|w| {
            let galley = painter.layout_no_wrap(w.words.clone(), font.clone(), w.color);
            (w.around, galley.size())
        })
        .collect();
    let r = view.rect;
    let corner = |x: f32, y: f32| Rect::from_center_size(pos2(x, y), vec2(220.0, 90.0));
    let corners = [
        corner(r.left(), r.top()),
        corner(r.right(), r.top()),
        corner(r.left(), r.bottom()),
        corner(r.right(), r.bottom()),
    ];
    for (wanted, rect) in wanted.iter().zip(place(&sizes, r.shrink(20.0), &corners)) {
        let Some(rect) = rect else { continue };
        let near = |p: Pos2, rect: Rect| rect.clamp(p);
        let from = near(wanted.around.center(), rect);
        let to = near(from, wanted.around);
        if from.distance(to) > 8.0 {
            painter.line_segment([from, to], Stroke::new(2.5, theme::OVERLAY_SHADOW));
            painter.line_segment([from, to], Stroke::new(1.0, wanted.color));
        }
        overlays::text(painter, rect.min, Align2::LEFT_TOP, &wanted.words, font.clone(), wanted.color);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_labels_find_room_and_none_lies_over_another() {
        let bounds = Rect::from_min_size(pos2(0.0, 0.0), vec2(800.0, 700.0));
        let wanted: Vec<(Rect, Vec2)> = (0..40)
            .map(|n| {
                let at = pos2(300.0 + 12.0 * (n % 8) as f32, 250.0 + 15.0 * (n / 8) as f32);
                (Rect::from_center_size(at, Vec2::splat(20.0)), vec2(70.0, 14.0))
            })
            .collect();
        let taken = [Rect::from_min_size(pos2(0.0, 0.0), vec2(200.0, 50.0))];
        let placed: Vec<Rect> = place(&wanted, bounds, &taken).into_iter().flatten().collect();
        assert_eq!(placed.len(), 40);
        for (n, a) in placed.iter().enumerate() {
            assert!(bounds.contains_rect(*a) && !a.intersects(taken[0]));
            assert!(placed[n + 1..].iter().all(|b| !a.intersects(*b)), "{a:?}");
        }
        assert_eq!(place(&wanted[..1], Rect::from_min_size(pos2(0.0, 0.0), Vec2::splat(30.0)), &[]), [None]);
    }
}
