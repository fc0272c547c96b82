//! Lines on the screen without the points that nobody can see: a finely drawn contour has several in a pixel, and each
//! one costs the painter a corner.

use super::{Polyline, ViewTransform};
use eframe::egui::{Pos2, Vec2};

/// How far what is drawn may lie from a point of the line, points: a tenth of what the eye can tell apart.
const TOLERANCE: f32 = 0.07;

/// Places on the screen of a line; every point of it lies within 0.1 points of what is returned.
pub(super) fn on_screen(view: &ViewTransform, line: &Polyline) -> Vec<Pos2> {
    thinned(line.points.iter().map(|p| view.screen_from_plane(*p)))
}

fn thinned(line: impl ExactSizeIterator<Item = Pos2>) -> Vec<Pos2> {
    let mut kept: Vec<Pos2> = Vec::with_capacity(line.len() / 2 + 2);
    let mut run: Option<Run> = None;
    for at in line {
        let Some(&from) = kept.last() else {
            kept.push(at);
            continue;
        };
        let goes_on = run.as_mut().is_some_and(|run| run.take(from, at));
        if !goes_on {
            let from = run.map_or(from, |run| {
                kept.push(run.end);
                run.end
            });
            run = Some(Run::new(from, at));
        }
    }
    kept.extend(run.map(|run| run.end));
    kept
}

/// A part of a line that is drawn as one straight piece: directions from its first point that pass all others closely.
#[derive(Debug, Clone, Copy)]
struct Run {
    end: Pos2,
    length: f32,
    /// The outermost directions; `None` as long as every one does.
    cone: Option<[Vec2; 2]>,
}

fn cross(a: Vec2, b: Vec2) -> f32 {
    a.x * b.y - a.y * b.x
}

/// Directions from a point that pass another one, which lies at `v`, within the tolerance.
fn cone(v: Vec2, length: f32) -> Option<[Vec2; 2]> {
    (length > 1.4 * TOLERANCE).then(|| {
        let sine = TOLERANCE / length;
        let cosine = (1.0 - sine * sine).sqrt();
        let turned = |sine: f32| Vec2::new(v.x * cosine - v.y * sine, v.x * sine + v.y * cosine);
        [turned(-sine), turned(sine)]
    })
}

impl Run {
    fn new(from: Pos2, end: Pos2) -> Self {
        let v = end - from;
        let length = v.length();
        Self { end, length, cone: cone(v, length) }
    }

    /// Goes on to another point if all points between stay close; it never turns back.
    fn take(&mut self, from: Pos2, at: Pos2) -> bool {
        let v = at - from;
        let length = v.length();
        let within = |[first, last]: [Vec2; 2]| cross(first, v) >= 0.0 && cross(v, last) >= 0.0 && first.dot(v) > 0.0;
        if length < self.length || !self.cone.is_none_or(within) {
            return false;
        }
        let narrowed = match (self.cone, cone(v, length)) {
            (Some([first, last]), Some([other_first, other_last])) => Some([
                if cross(first, other_first) > 0.0 { other_first } else { first },
                if cross(other_last, last) > 0.0 { other_last } else { last },
            ]),
            (known, new) => known.or(new),
        };
        *self = Self { end: at, length, cone: narrowed };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn distance(p: Pos2, a: Pos2, b: Pos2) -> f32 {
        let along = b - a;
        let t = if along.length_sq() == 0.0 { 0.0 } else { ((p - a).dot(along) / along.length_sq()).clamp(0.0, 1.0) };
        (p - (a + along * t)).length()
    }

    /// Every point lies beside the pieces that are drawn, in their order.
    fn worst(line: &[Pos2], drawn: &[Pos2]) -> f32 {
        let mut piece = 0;
        let mut worst: f32 = 0.0;
        for &p in line {
            while piece + 2 < drawn.len() && distance(p, drawn[piece], drawn[piece + 1]) > 0.1 {
                piece += 1;
            }
            worst = worst.max(distance(p, drawn[piece], drawn[(piece + 1).min(drawn.len() - 1)]));
        }
        worst
    }

    #[test]
    fn a_fine_circle_keeps_its_shape_with_a_part_of_its_points() {
        let line: Vec<Pos2> = (0..=720)
            .map(|n| (n as f32).to_radians() / 2.0)
            .map(|a| Pos2::new(300.0 + 90.0 * a.cos(), 200.0 + 90.0 * a.sin()))
            .collect();
        let drawn = thinned(line.iter().copied());
        assert!(drawn.len() < line.len() / 5, "{}", drawn.len());
        assert!(worst(&line, &drawn) <= 0.1);
        assert_eq!((drawn.first(), drawn.last()), (line.first(), line.last()));
    }

    #[test]
    fn corners_ends_and_turns_stay() {
        let at = |points: &[[f32; 2]]| points.iter().map(|p| Pos2::from(*p)).collect::<Vec<_>>();
        let corner = at(&[[0.0, 0.0], [5.0, 0.0], [9.0, 0.0], [9.0, 4.0], [9.0, 9.0]]);
        assert_eq!(thinned(corner.into_iter()), at(&[[0.0, 0.0], [9.0, 0.0], [9.0, 9.0]]));
        let back = at(&[[0.0, 0.0], [9.0, 0.0], [3.0, 0.0], [9.0, 0.0]]);
        assert_eq!(thinned(back.clone().into_iter()), back);
        assert_eq!(thinned(at(&[[1.0, 1.0]]).into_iter()), at(&[[1.0, 1.0]]));
        assert!(thinned(std::iter::empty()).is_empty());
    }

    proptest! {
        #[test]
        fn no_point_of_any_line_lies_away_from_what_is_drawn(
            steps in proptest::collection::vec((-3.0f32..3.0, -3.0f32..3.0), 1..80),
            scale in 0.01f32..3.0,
        ) {
            let mut at = Pos2::new(400.0, 300.0);
            let line: Vec<Pos2> = steps.iter().map(|&(x, y)| {
                at += Vec2::new(x, y) * scale;
                at
            }).collect();
            let drawn = thinned(line.iter().copied());
            prop_assert!(worst(&line, &drawn) <= 0.101, "{}", worst(&line, &drawn));
        }
    }
}
