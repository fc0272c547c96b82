//! Union, difference, intersection and exclusive-or of the rings of a slice, on a lattice of
//! [`Ring::STEP_MM`]. i_overlay does the geometry in whole lattice steps; here its answer gets back
//! the exact input vertices, and rings that the operation did not change stay the same rings.

use super::{Ring, SliceContours};
use crate::geometry::PlanePoint;
use i_overlay::core::fill_rule::FillRule;
use i_overlay::core::overlay::{IntOverlayOptions, Overlay, ShapeType};
use i_overlay::core::overlay_rule::OverlayRule;
use i_overlay::core::solver::Solver;
use i_overlay::i_float::int::point::IntPoint;

/// How two sets of rings are combined; both are filled by the even-odd rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum BooleanOp {
    Union,
    /// Subject without clip.
    Difference,
    Intersection,
    Xor,
}

/// Output rings with less area than this, mm2, or narrower than [`SLIVER_WIDTH_MM`] are dropped: they are the
/// lattice's answer to outlines that run along each other, thinner than any contour means to be.
const SLIVER_AREA_MM2: f64 = 1e-3;
const SLIVER_WIDTH_MM: f64 = 1e-3;

/// A new vertex nearer than this to the line between its neighbours carries no shape; it is where an
/// edge of the result was cut by an edge that is gone.
const COLLINEAR_MM: f64 = 1.5 * Ring::STEP_MM;

/// Combines the rings of a slice with others.
///
/// Vertices of the result that were vertices of the input have exactly their old coordinates; new ones are
/// rounded to [`Ring::STEP_MM`]. Rings of the subject whose bounds no ring of the clip meets, and rings that come
/// out with the same vertices, are returned as they were, with [`Ring::source_contour`]. Holes come out as rings of
/// their own. Rings that enclose nothing (imported points and lines) stay unless the clip meets them.
pub fn boolean(subject: &SliceContours, clip: &SliceContours, op: BooleanOp) -> SliceContours {
    let (touched, apart) = split_by_contact(subject, clip);
    let (touching, clip_apart) = split_by_contact(clip, subject);
    // Where a ring apart from the other side is, the other side is not. Union and exclusive-or leave everything there as
    // it is, so that the ring can be added afterwards by the even-odd rule; so does the difference for rings of the
    // subject. The intersection has no part in it.
    let mut rings = if touched.is_empty() { Vec::new() } else { overlay(&touched, &touching, op) };
    if op != BooleanOp::Intersection && !apart.is_empty() {
        // In the order of the subject, so that an edit in one place does not shuffle the rest.
        let place = |ring: &Ring| subject.rings.iter().position(|r| r == ring).unwrap_or(usize::MAX);
        rings.extend(apart.into_iter().cloned());
        rings.sort_by_key(place);
    }
    if matches!(op, BooleanOp::Union | BooleanOp::Xor) {
        // The source of these rings is not a contour of this structure.
        rings
            .extend(clip_apart.into_iter().filter(|r| r.points().len() >= 3).map(|r| Ring::exact(r.points().to_vec())));
    }
    SliceContours::new(rings)
}

/// The rings whose bounds meet those of a ring of the others, and the rest.
fn split_by_contact<'a>(rings: &'a SliceContours, others: &SliceContours) -> (Vec<&'a Ring>, Vec<&'a Ring>) {
    let bounds: Vec<_> = others.rings.iter().filter_map(Ring::bounds).collect();
    rings.rings.iter().partition(|r| r.bounds().is_some_and(|b| bounds.iter().any(|other| overlap(b, *other))))
}

/// The area enclosed by the even-odd rule, mm2: rings less their holes, overlaps of rings counted as outside.
pub fn area_mm2(contours: &SliceContours) -> f64 {
    normalized_rings(contours).iter().map(Ring::signed_area_mm2).sum()
}

/// The same region as rings that do not cross: outlines run from +u to +v, holes the other way.
pub(super) fn normalized_rings(contours: &SliceContours) -> Vec<Ring> {
    let rings: Vec<&Ring> = contours.rings.iter().collect();
    oriented(&rings, &[], OverlayRule::Subject, FillRule::EvenOdd)
}

/// What a closed path runs around, however often and in whichever direction, with vertices on the lattice: the area that a
/// drawn line means, also where it crosses itself.
pub fn enclosed(path: impl IntoIterator<Item = PlanePoint>) -> SliceContours {
    let ring = Ring::new(path);
    SliceContours::new(oriented(&[&ring], &[], OverlayRule::Subject, FillRule::NonZero))
}

/// Rings that may cross themselves or each other as rings that do not, filled by the even-odd rule; vertices keep their
/// exact coordinates.
pub fn normalized(contours: &SliceContours) -> SliceContours {
    SliceContours::new(normalized_rings(contours))
}

fn overlap(a: [PlanePoint; 2], b: [PlanePoint; 2]) -> bool {
    (0..2).all(|axis| a[0][axis] <= b[1][axis] && b[0][axis] <= a[1][axis])
}

fn overlay(subject: &[&Ring], clip: &[&Ring], op: BooleanOp) -> Vec<Ring> {
    let rule = match op {
        BooleanOp::Union => OverlayRule::Union,
        BooleanOp::Difference => OverlayRule::Difference,
        BooleanOp::Intersection => OverlayRule::Intersect,
        BooleanOp::Xor => OverlayRule::Xor,
    };
    oriented(subject, clip, rule, FillRule::EvenOdd)
        .into_iter()
        .map(|ring| subject.iter().find(|s| same_outline(s.points(), ring.points())).map_or(ring, |&s| s.clone()))
        .collect()
}

/// The result of i_overlay with input vertices restored and slivers dropped; outlines have positive area, holes negative.
fn oriented(subject: &[&Ring], clip: &[&Ring], rule: OverlayRule, fill: FillRule) -> Vec<Ring> {
    let originals = Originals::new(subject.iter().chain(clip));
    let count = subject.iter().chain(clip).map(|r| r.points().len()).sum();
    // Collinear vertices of the input are somebody's vertices: they stay.
    let mut engine = Overlay::<i32>::new_custom(count, IntOverlayOptions::keep_all_points(), Solver::default());
    for (rings, shape) in [(subject, ShapeType::Subject), (clip, ShapeType::Clip)] {
        for ring in rings {
            engine.add_path_iter(ring.points().iter().copied().map(lattice_point), shape);
        }
    }
    let shapes = engine.overlay(rule, fill);
    shapes.into_iter().flatten().filter_map(|contour| originals.ring(&contour)).collect()
}

/// The lattice reaches to ±100 m; what lies beyond (a broken import) is pulled to its border.
fn lattice_point([u, v]: PlanePoint) -> IntPoint<i32> {
    let step = |x: f64| (x / Ring::STEP_MM).round().clamp(-1e9, 1e9) as i32;
    IntPoint::new(step(u), step(v))
}

/// The exact coordinates of the input vertices, sorted by lattice point.
struct Originals(Vec<((i32, i32), PlanePoint)>);

impl Originals {
    fn new<'a>(rings: impl Iterator<Item = &'a &'a Ring>) -> Self {
        let mut all: Vec<_> = rings
            .flat_map(|r| r.points())
            .map(|&p| {
                let at = lattice_point(p);
                ((at.x, at.y), p)
            })
            .collect();
        all.sort_by_key(|(at, _)| *at);
        // Of vertices closer than the lattice can tell apart the first one given stands for all.
        all.dedup_by_key(|(at, _)| *at);
        Self(all)
    }

    fn find(&self, at: IntPoint<i32>) -> Option<PlanePoint> {
        self.0.binary_search_by_key(&(at.x, at.y), |(k, _)| *k).ok().map(|n| self.0[n].1)
    }

    /// A ring of the result, or nothing if it is a sliver.
    fn ring(&self, contour: &[IntPoint<i32>]) -> Option<Ring> {
        let vertices: Vec<(PlanePoint, bool)> = contour
            .iter()
            .map(|&at| match self.find(at) {
                Some(p) => (p, true),
                None => ([on_lattice(at.x), on_lattice(at.y)], false),
            })
            .collect();
        let ring = Ring::exact(without_shapeless(&vertices));
        let (area, perimeter) = (ring.signed_area_mm2().abs(), ring.perimeter_mm());
        (ring.points().len() >= 3 && area >= SLIVER_AREA_MM2 && 2.0 * area >= SLIVER_WIDTH_MM * perimeter)
            .then_some(ring)
    }
}

/// The outline without new vertices that carry no shape. One after the other: two of them side by side
/// (a corner cut by a step of the lattice) may each lie on the line between its neighbours and yet be the corner.
fn without_shapeless(vertices: &[(PlanePoint, bool)]) -> Vec<PlanePoint> {
    let n = vertices.len();
    // The outline begins where a vertex certainly stays.
    let start = vertices.iter().position(|(_, is_input)| *is_input).unwrap_or(0);
    let mut kept: Vec<PlanePoint> = Vec::with_capacity(n);
    let mut skipped: Vec<PlanePoint> = Vec::new();
    for m in 0..n {
        let (p, is_input) = vertices[(start + m) % n];
        let next = vertices[(start + m + 1) % n].0;
        skipped.push(p);
        let carries_shape = kept
            .last()
            .is_none_or(|last| skipped.iter().any(|s| distance_to_segment_mm(*s, *last, next) > COLLINEAR_MM));
        if is_input || carries_shape {
            kept.push(p);
            skipped.clear();
        }
    }
    kept
}

/// The coordinate that [`Ring::new`] gives to a lattice point, mm.
fn on_lattice(step: i32) -> f64 {
    f64::from(step) / (1.0 / Ring::STEP_MM).round()
}

/// Distance of a point from a segment, mm.
pub(crate) fn distance_to_segment_mm(p: PlanePoint, a: PlanePoint, b: PlanePoint) -> f64 {
    let (d, e) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let length2 = d[0] * d[0] + d[1] * d[1];
    let t = if length2 > 0.0 { ((e[0] * d[0] + e[1] * d[1]) / length2).clamp(0.0, 1.0) } else { 0.0 };
    (e[0] - t * d[0]).hypot(e[1] - t * d[1])
}

/// The same cyclic sequence of vertices, in either direction; a first point repeated at the end does not count.
fn same_outline(source: &[PlanePoint], ring: &[PlanePoint]) -> bool {
    let source = match source {
        [first, .., last] if first == last => &source[..source.len() - 1],
        all => all,
    };
    let n = source.len();
    if n != ring.len() || n == 0 {
        return false;
    }
    let Some(start) = ring.iter().position(|p| *p == source[0]) else { return false };
    (0..n).all(|m| source[m] == ring[(start + m) % n]) || (0..n).all(|m| source[m] == ring[(start + n - m) % n])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::{capsule, rasterize_slice};
    use crate::geometry::VoxelGrid;
    use glam::DVec3;
    use proptest::prelude::*;

    const OPS: [BooleanOp; 4] = [BooleanOp::Union, BooleanOp::Difference, BooleanOp::Intersection, BooleanOp::Xor];

    fn square(lo: f64, hi: f64, source: u32) -> Ring {
        Ring::imported([[lo, lo], [hi, lo], [hi, hi], [lo, hi]], source)
    }

    /// Any polygons: crossing themselves and each other, with more decimals than the lattice has.
    fn any_contours() -> impl Strategy<Value = SliceContours> {
        let scribble = proptest::collection::vec((0.0..40.0f64, 0.0..40.0f64).prop_map(|(u, v)| [u, v]), 3..10);
        let star =
            (8.0..32.0f64, 8.0..32.0f64, proptest::collection::vec(1.0..14.0f64, 5..40)).prop_map(|(u, v, r)| {
                let n = r.len() as f64;
                r.iter()
                    .enumerate()
                    .map(|(m, r)| {
                        let (s, c) = (std::f64::consts::TAU * m as f64 / n).sin_cos();
                        [u + r * c, v + r * s]
                    })
                    .collect::<Vec<_>>()
            });
        proptest::collection::vec(prop_oneof![scribble, star], 0..4).prop_map(|rings| {
            SliceContours::new(rings.into_iter().enumerate().map(|(n, r)| Ring::imported(r, n as u32)).collect())
        })
    }

    /// Within the radius of a disc of [`SLIVER_AREA_MM2`]: no point of a dropped sliver is deeper inside it.
    fn near_an_edge(contours: &[&SliceContours], p: PlanePoint) -> bool {
        contours
            .iter()
            .flat_map(|c| &c.rings)
            .flat_map(Ring::edges)
            .any(|(a, b)| distance_to_segment_mm(p, a, b) < (SLIVER_AREA_MM2 / std::f64::consts::PI).sqrt() + 1e-3)
    }

    /// Found by the property below: a part of the clip beyond a long edge of the subject was lost.
    #[test]
    fn a_part_beyond_a_long_edge_is_kept() {
        let a = SliceContours::new(vec![Ring::imported(
            [[0.0, 0.0], [31.850368766837175, 0.0], [0.0, 20.47318006428223]],
            0,
        )]);
        let b = SliceContours::new(vec![
            Ring::imported(
                [
                    [15.201017256112873, 6.357937559649661],
                    [8.360773986055955, 35.73040407927037],
                    [6.979995691180731, 14.554825748914425],
                    [22.707775789851237, 12.284987035056101],
                ],
                0,
            ),
            Ring::imported(
                [
                    [0.0, 25.497343998116147],
                    [12.906677244639896, 13.211789587893076],
                    [39.440791045671496, 30.77090085253563],
                ],
                1,
            ),
        ]);
        assert!(boolean(&a, &b, BooleanOp::Union).contains([14.31, 11.59]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn the_result_is_the_combination_of_the_masks(a in any_contours(), b in any_contours()) {
            let g = VoxelGrid::axial(DVec3::ZERO, [0.53, 0.61, 1.0], [76, 66, 1]).expect("valid grid");
            let (ma, mb) = (rasterize_slice(&g, &a), rasterize_slice(&g, &b));
            for op in OPS {
                let result = boolean(&a, &b, op);
                let expected = ma.combine(&mb, |x, y| match op {
                    BooleanOp::Union => x | y,
                    BooleanOp::Difference => x & !y,
                    BooleanOp::Intersection => x & y,
                    BooleanOp::Xor => x ^ y,
                });
                let wrong = rasterize_slice(&g, &result).combine(&expected, |x, y| x ^ y);
                for (j, i) in wrong.voxels() {
                    let p = g.plane_from_index(i as f64, j as f64);
                    prop_assert!(near_an_edge(&[&a, &b], p), "{op:?} at {p:?}");
                }
            }
        }

        #[test]
        fn areas_obey_their_laws(a in any_contours(), b in any_contours()) {
            let area = |op| area_mm2(&boolean(&a, &b, op));
            let (union, both) = (area(BooleanOp::Union), area(BooleanOp::Intersection));
            let close = |x: f64, y: f64| (x - y).abs() < 0.05;
            prop_assert!(close(union + both, area_mm2(&a) + area_mm2(&b)));
            prop_assert!(close(area(BooleanOp::Difference), area_mm2(&a) - both));
            prop_assert!(close(area(BooleanOp::Xor), union - both));
            prop_assert!(both >= 0.0 && union >= both - 0.05);
        }

        #[test]
        fn repeating_a_union_or_a_difference_changes_nothing(a in any_contours(), b in any_contours()) {
            for op in [BooleanOp::Union, BooleanOp::Difference] {
                let once = boolean(&a, &b, op);
                let twice = boolean(&once, &b, op);
                prop_assert!((area_mm2(&once) - area_mm2(&twice)).abs() < 0.02);
                let changed = area_mm2(&boolean(&once, &twice, BooleanOp::Xor));
                prop_assert!(changed < 0.02, "{op:?}: {changed}");
            }
        }

        #[test]
        fn every_vertex_is_an_input_vertex_or_on_the_lattice(a in any_contours(), b in any_contours()) {
            let inputs: Vec<PlanePoint> = a.rings.iter().chain(&b.rings).flat_map(|r| r.points()).copied().collect();
            for op in OPS {
                for ring in boolean(&a, &b, op).rings {
                    for p in ring.points() {
                        prop_assert!(inputs.contains(p) || Ring::new([*p]).points()[0] == *p, "{p:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn vertices_away_from_a_stroke_stay_exactly_where_they_were() {
        let circle: Vec<PlanePoint> = (0..400)
            .map(|m| {
                let (s, c) = (std::f64::consts::TAU * f64::from(m) / 400.0).sin_cos();
                [100.123_456_7 + 30.0 * c, -40.765_432_1 + 30.0 * s]
            })
            .collect();
        let stroke = capsule([130.0, -41.0], [131.0, -38.0], 5.0);
        let subject = SliceContours::new(vec![Ring::imported(circle.iter().copied(), 3)]);
        let result = boolean(&subject, &SliceContours::new(vec![stroke.clone()]), BooleanOp::Union);
        assert_eq!(result.rings.len(), 1);
        let points = result.rings[0].points();
        let outside = SliceContours::new(vec![stroke]);
        let untouched: Vec<&PlanePoint> = circle.iter().filter(|p| !outside.contains(**p)).collect();
        assert!(untouched.len() > 330 && untouched.iter().all(|p| points.contains(p)));
        assert_eq!(result.rings[0].source_contour(), None);
    }

    #[test]
    fn rings_that_do_not_change_keep_points_order_and_source() {
        let subject = SliceContours::new(vec![square(0.0, 10.0, 4), square(20.0, 30.0, 5), square(22.0, 28.0, 6)]);
        let at = |lo, hi| SliceContours::new(vec![Ring::new([[lo, lo], [hi, lo], [hi, hi], [lo, hi]])]);
        let sources = |c: &SliceContours| c.rings.iter().map(|r| r.source_contour()).collect::<Vec<_>>();
        // Far away; inside what is there already; erasing where nothing is.
        assert_eq!(boolean(&subject, &SliceContours::default(), BooleanOp::Union), subject);
        assert_eq!(boolean(&subject, &at(2.0, 3.0), BooleanOp::Union), subject);
        assert_eq!(boolean(&subject, &at(40.0, 41.0), BooleanOp::Difference), subject);
        let erased_in_hole = boolean(&subject, &at(23.0, 24.0), BooleanOp::Difference);
        assert_eq!(sources(&erased_in_hole), [Some(4), Some(5), Some(6)]);
        // An edit of one ring leaves the others, and an island in the hole changes neither outline nor hole.
        assert_eq!(sources(&boolean(&subject, &at(9.0, 12.0), BooleanOp::Union)), [Some(5), Some(6), None]);
        let island = boolean(&subject, &at(24.0, 26.0), BooleanOp::Union);
        assert_eq!(sources(&island), [Some(4), Some(5), Some(6), None]);
        assert!((area_mm2(&island) - (100.0 + 100.0 - 36.0 + 4.0)).abs() < 1e-9);
    }

    #[test]
    fn a_hole_punched_by_the_eraser_is_a_ring_of_its_own() {
        let subject = SliceContours::new(vec![square(0.0, 10.0, 0)]);
        let hole = SliceContours::new(vec![Ring::new([[4.0, 4.0], [6.0, 4.0], [6.0, 6.0], [4.0, 6.0]])]);
        let result = boolean(&subject, &hole, BooleanOp::Difference);
        assert_eq!(result.rings.len(), 2);
        assert_eq!(result.rings[0].source_contour(), Some(0));
        assert_eq!(area_mm2(&result), 96.0);
        assert!(!result.contains([5.0, 5.0]));
    }

    #[test]
    fn points_and_lines_of_the_source_hide_nothing_and_go_when_they_are_painted_over() {
        let point = Ring::imported([[5.0, 5.0]], 1);
        let line = Ring::imported([[50.0, 50.0], [60.0, 60.0]], 2);
        let subject = SliceContours::new(vec![point, square(0.0, 10.0, 3), line.clone()]);
        let clip = SliceContours::new(vec![capsule([10.0, 5.0], [10.0, 5.0], 8.0)]);
        let result = boolean(&subject, &clip, BooleanOp::Union);
        assert_eq!(result.rings.len(), 2);
        assert!(result.rings.contains(&line) && result.contains([1.0, 1.0]) && result.contains([17.0, 5.0]));
    }

    #[test]
    fn outlines_that_run_along_each_other_leave_no_slivers() {
        let subject = SliceContours::new(vec![square(0.0, 10.0, 0)]);
        let nearly = SliceContours::new(vec![Ring::imported(
            [[0.0, 0.000_2], [10.000_3, -0.000_2], [9.999_8, 10.0], [0.000_1, 9.999_9]],
            0,
        )]);
        for op in [BooleanOp::Difference, BooleanOp::Xor] {
            assert!(boolean(&subject, &nearly, op).is_empty(), "{op:?}");
        }
        assert_eq!(boolean(&subject, &nearly, BooleanOp::Union).rings.len(), 1);
    }

    #[test]
    fn a_long_stroke_has_no_notches_and_few_vertices() {
        let mut painted = SliceContours::default();
        let at = |m: i32| [f64::from(m), 10.0 * (f64::from(m) / 15.0).sin()];
        for m in 0..60 {
            painted = boolean(&painted, &SliceContours::new(vec![capsule(at(m), at(m + 1), 6.0)]), BooleanOp::Union);
        }
        assert_eq!(painted.rings.len(), 1);
        assert!(painted.rings[0].points().len() < 330, "{}", painted.rings[0].points().len());
        for m in 0..60 {
            assert!(painted.contains(at(m)));
        }
    }

    #[test]
    fn rings_of_the_clip_that_meet_nothing_are_taken_over_exactly() {
        let subject = SliceContours::new(vec![square(0.0, 10.0, 0)]);
        let point = |m: i32| [50.0 + 0.012_345_678 * f64::from(m), 50.0 + f64::from(m % 2)];
        let other = SliceContours::new(vec![Ring::imported((0..40).map(point).chain([[50.1, 60.0]]), 9)]);
        let result = boolean(&subject, &other, BooleanOp::Union);
        assert_eq!(result.rings[0], subject.rings[0]);
        assert_eq!(result.rings[1].points(), other.rings[0].points());
        assert_eq!(result.rings[1].source_contour(), None);
        assert_eq!(boolean(&subject, &other, BooleanOp::Difference), subject);
        assert!(boolean(&subject, &other, BooleanOp::Intersection).is_empty());
    }

    #[test]
    fn overlapping_rings_enclose_by_the_even_odd_rule() {
        let c = SliceContours::new(vec![square(0.0, 10.0, 0), square(5.0, 15.0, 1)]);
        assert_eq!(area_mm2(&c), 150.0);
        // A figure of eight: its signed area is zero, what it encloses is not.
        let eight = Ring::imported([[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]], 0);
        assert_eq!(area_mm2(&SliceContours::new(vec![eight])), 2.0);
    }
}
