//! The shapes a brush leaves: a disc swept in the plane of a slice, and the sections that slices
//! make through a swept sphere and through a disc swept in another plane. All of them are convex.

use super::simplify::thinned;
use super::{Ring, SliceContours};
use crate::geometry::{PatientPoint, PlanePoint, VoxelGrid};
use glam::{DVec2, DVec3};

/// How far a straight edge may lie inside the arc it stands for, mm.
const CHORD_ERROR_MM: f64 = 0.02;
/// Most vertices of one brush shape.
const MOST_POINTS: usize = 128;

/// Corners of the regular polygon that stands for a disc: a multiple of four.
fn disc_corners(radius_mm: f64) -> usize {
    let by_error = if radius_mm > CHORD_ERROR_MM {
        (std::f64::consts::PI / (1.0 - CHORD_ERROR_MM / radius_mm).acos()).ceil() as usize
    } else {
        0
    };
    by_error.next_multiple_of(4).clamp(12, MOST_POINTS - 4)
}

/// A disc swept from `a` to `b` in the plane of a slice; a plain disc if they coincide. The corners lie on the
/// circle and have the same directions for every stroke, so that consecutive capsules share the disc between them
/// and leave no notches.
pub fn capsule(a: PlanePoint, b: PlanePoint, radius_mm: f64) -> Ring {
    Ring::new(capsule_points(a.into(), b.into(), radius_mm, disc_corners(radius_mm)).into_iter().map(Into::into))
}

/// The sum of a segment and a regular polygon, in order of direction.
fn capsule_points(a: DVec2, b: DVec2, radius_mm: f64, corners: usize) -> Vec<DVec2> {
    let along = b - a;
    let corner = |m: usize| DVec2::from_angle(std::f64::consts::TAU * m as f64 / corners as f64) * radius_mm;
    if along.length() < Ring::STEP_MM {
        return (0..corners).map(|m| b + corner(m)).collect();
    }
    // Of every corner's two copies the one further along the stroke is on the outline ahead, the other behind; where
    // the outline changes over, both are.
    let ahead = |m: usize| (corner(m + 1) - corner(m)).perp_dot(along) < 0.0;
    let mut points = Vec::with_capacity(corners + 2);
    for m in 0..corners {
        let (before, after) = (ahead(m + corners - 1), ahead(m));
        let end = |is_ahead: bool| if is_ahead { b } else { a };
        points.push(end(before) + corner(m));
        if before != after {
            points.push(end(after) + corner(m));
        }
    }
    points
}

/// The section that slice `k` makes through a ball swept from `a` to `b`; `None` if the slice misses it.
///
/// Seen from its normal `e`, the outline's point is where the disc that the ball at `t` leaves in the plane (radius
/// `sqrt(r2 - d2)`, `d` the height of its centre over the plane) reaches furthest, which has a closed form.
pub fn swept_sphere_section(
    grid: &VoxelGrid,
    a: PatientPoint,
    b: PatientPoint,
    radius_mm: f64,
    k: usize,
) -> Option<SliceContours> {
    let plane_mm = grid.position_mm(k);
    let ((a2, an), (b2, bn)) = (grid.plane_from_patient(a), grid.plane_from_patient(b));
    let (a2, along) = (DVec2::from(a2), DVec2::from(b2) - DVec2::from(a2));
    let (height, climb) = (an - plane_mm, bn - an);
    let disc = |t: f64| (a2 + along * t, (radius_mm.powi(2) - (height + climb * t).powi(2)).max(0.0).sqrt());
    let outline = if climb.abs() < 1e-9 {
        let (_, radius) = disc(0.0);
        if radius <= 0.0 {
            return None;
        }
        capsule_points(a2, a2 + along, radius, disc_corners(radius))
    } else {
        // The part of the stroke that reaches the plane.
        let (t0, t1) = ((-radius_mm - height) / climb, (radius_mm - height) / climb);
        let (from, to) = (t0.min(t1).max(0.0), t0.max(t1).min(1.0));
        if from > to {
            return None;
        }
        let support = |e: DVec2| {
            let slope = e.dot(along) / climb;
            let t = (radius_mm * slope / (1.0 + slope * slope).sqrt() - height) / climb;
            let (center, radius) = disc(t.clamp(from, to));
            center + e * radius
        };
        convex_outline(support, disc_corners(radius_mm) / 2)
    };
    enclosing(outline)
}

/// The section that slice `k` makes through a flat solid: a disc swept from `a` to `b` in the plane with this unit
/// normal (the plane of a sagittal, coronal or oblique view), `half_depth_mm` thick to both sides. `None` if the slice
/// misses it.
pub fn swept_disc_section(
    grid: &VoxelGrid,
    plane_normal: DVec3,
    a: PatientPoint,
    b: PatientPoint,
    radius_mm: f64,
    half_depth_mm: f64,
    k: usize,
) -> Option<SliceContours> {
    let right = plane_normal.any_orthonormal_vector();
    let down = plane_normal.cross(right);
    let along = b - a;
    let end = DVec2::new(along.dot(right), along.dot(down));
    let parallel = plane_normal.dot(grid.normal()).abs() > 1.0 - 1e-9;
    // Where the slice cuts along the solid's height, the corners' error is seen at a grazing angle: many corners.
    let corners = if parallel { disc_corners(radius_mm) } else { 1024 };
    let rim = capsule_points(DVec2::ZERO, end, radius_mm, corners);
    let corner = |p: DVec2, side: f64| a + right * p.x + down * p.y + plane_normal * (side * half_depth_mm);
    let mut section = Vec::new();
    let mut cut = |p: PatientPoint, q: PatientPoint| {
        let ((p2, pn), (q2, qn)) = (grid.plane_from_patient(p), grid.plane_from_patient(q));
        let (p2, q2) = (DVec2::from(p2), DVec2::from(q2));
        let (hp, hq) = (pn - grid.position_mm(k), qn - grid.position_mm(k));
        if hp == 0.0 {
            section.push(p2);
        }
        if hp * hq < 0.0 {
            section.push(p2.lerp(q2, hp / (hp - hq)));
        }
    };
    for (m, &p) in rim.iter().enumerate() {
        let next = rim[(m + 1) % rim.len()];
        cut(corner(p, -1.0), corner(p, 1.0));
        cut(corner(p, -1.0), corner(next, -1.0));
        cut(corner(p, 1.0), corner(next, 1.0));
    }
    enclosing(convex_hull(section))
}

/// A section as contours, unless it is too small to enclose anything.
fn enclosing(outline: Vec<DVec2>) -> Option<SliceContours> {
    let points: Vec<PlanePoint> = outline.into_iter().map(Into::into).collect();
    let ring = Ring::new(thinned(&points, CHORD_ERROR_MM / 4.0));
    (!ring.is_degenerate()).then(|| SliceContours::new(vec![ring]))
}

/// The outline of a convex shape given by its point of furthest reach in every direction, refined where two
/// neighbouring points and the corner of their tangents show that a straight edge would cut off too much.
fn convex_outline(support: impl Fn(DVec2) -> DVec2, directions: usize) -> Vec<DVec2> {
    let at = |angle: f64| (angle, support(DVec2::from_angle(angle)));
    let mut points = Vec::new();
    for m in 0..directions {
        let step = std::f64::consts::TAU / directions as f64;
        let (from, to) = (at(step * m as f64), at(step * (m + 1) as f64));
        points.push(from.1);
        refine(&at, from, to, 16, &mut points);
    }
    points
}

type Tangent = (f64, DVec2);

fn refine(at: &impl Fn(f64) -> Tangent, from: Tangent, to: Tangent, depth: usize, points: &mut Vec<DVec2>) {
    let chord = to.1 - from.1;
    // Height over the chord of the corner where both tangents meet: the outline lies below it, about half way.
    let (e, f) = (DVec2::from_angle(from.0), DVec2::from_angle(to.0));
    let turn = e.perp_dot(f);
    let length = chord.length();
    if depth == 0 || length < CHORD_ERROR_MM || turn.abs() < 1e-12 {
        return;
    }
    let to_corner = chord.dot(f) / turn;
    let height = (e.perp() * to_corner).perp_dot(chord).abs() / length;
    if height <= 2.0 * CHORD_ERROR_MM {
        return;
    }
    let middle = at(f64::midpoint(from.0, to.0));
    refine(at, from, middle, depth - 1, points);
    points.push(middle.1);
    refine(at, middle, to, depth - 1, points);
}

/// Convex hull, from +u to +v (Andrew's monotone chain).
fn convex_hull(mut points: Vec<DVec2>) -> Vec<DVec2> {
    points.sort_by(|p, q| p.x.total_cmp(&q.x).then(p.y.total_cmp(&q.y)));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let half = |ordered: &mut dyn Iterator<Item = DVec2>| {
        let mut hull: Vec<DVec2> = Vec::new();
        for p in ordered {
            while let [.., o, q] = hull[..]
                && (q - o).perp_dot(p - o) <= 0.0
            {
                hull.pop();
            }
            hull.push(p);
        }
        hull.pop();
        hull
    };
    let mut hull = half(&mut points.iter().copied());
    hull.extend(half(&mut points.iter().rev().copied()));
    hull
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::area_mm2;
    use proptest::prelude::*;
    use std::f64::consts::PI;

    /// 2.5 mm slices of a tilted scan, so that nothing leans on patient axes.
    fn tilted() -> VoxelGrid {
        let (s, c) = 0.3f64.sin_cos();
        VoxelGrid::new(
            DVec3::new(-50.0, -50.0, 0.0),
            DVec3::X,
            DVec3::new(0.0, c, s),
            [1.0; 2],
            [100, 100],
            (0..40).map(|k| -50.0 + 2.5 * f64::from(k)).collect(),
        )
        .expect("valid grid")
    }

    fn distance_to_stroke(p: DVec3, a: DVec3, b: DVec3) -> f64 {
        let ab = b - a;
        let t = if ab.length_squared() > 0.0 { ((p - a).dot(ab) / ab.length_squared()).clamp(0.0, 1.0) } else { 0.0 };
        (p - a - ab * t).length()
    }

    /// The section is right to `tolerance_mm` if on rays from its middle its border is where the solid's is.
    fn check_section(
        grid: &VoxelGrid,
        k: usize,
        section: &SliceContours,
        tolerance_mm: f64,
        inside: impl Fn(DVec3) -> bool,
    ) -> Result<(), TestCaseError> {
        let [low, high] = section.bounds().expect("a section has points");
        let middle = DVec2::from(low).midpoint(DVec2::from(high));
        let in_patient = |p: DVec2| grid.patient_from_plane(p.into(), grid.position_mm(k));
        prop_assert!(section.rings.len() == 1 && section.rings[0].points().len() <= MOST_POINTS);
        let points = section.rings[0].points();
        for p in points {
            // Just inside every vertex is inside, just outside is outside.
            let p = DVec2::from(*p);
            let outward = (p - middle).normalize_or_zero() * tolerance_mm;
            prop_assert!(inside(in_patient(p - outward)), "{p} is too far out");
            prop_assert!(!inside(in_patient(p + outward)), "{p} is too far in");
        }
        for (a, b) in section.rings[0].edges() {
            let (a, b) = (DVec2::from(a), DVec2::from(b));
            let p = a.midpoint(b);
            let outward = (a - b).perp().normalize_or_zero() * tolerance_mm;
            prop_assert!(!inside(in_patient(p + outward)), "the edge at {p} cuts off too much");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_capsule_is_every_point_within_the_radius(
            a in [-30.0..30.0f64, -30.0..30.0f64], b in [-30.0..30.0f64, -30.0..30.0f64], radius in 0.3..60.0f64, same in any::<bool>(),
        ) {
            let b = if same { a } else { b };
            let ring = capsule(a, b, radius);
            prop_assert!(ring.points().len() <= MOST_POINTS && ring.signed_area_mm2() > 0.0);
            for (p, q) in ring.edges() {
                let (p, q) = (DVec2::from(p).extend(0.0), DVec2::from(q).extend(0.0));
                let (a, b) = (DVec2::from(a).extend(0.0), DVec2::from(b).extend(0.0));
                prop_assert!((distance_to_stroke(p, a, b) - radius).abs() < CHORD_ERROR_MM + 2e-4);
                prop_assert!((distance_to_stroke(p.midpoint(q), a, b) - radius).abs() < CHORD_ERROR_MM + 2e-4);
            }
        }

        #[test]
        fn a_slice_through_a_swept_ball_is_exact(
            a in [-20.0..20.0f64, -20.0..20.0f64, -20.0..20.0f64], b in [-20.0..20.0f64, -20.0..20.0f64, -20.0..20.0f64],
            radius in 1.0..15.0f64, k in 5usize..35,
        ) {
            let (a, b) = (DVec3::from(a), DVec3::from(b));
            let g = tilted();
            let inside = |p: DVec3| distance_to_stroke(p, a, b) <= radius;
            match swept_sphere_section(&g, a, b, radius, k) {
                Some(section) => check_section(&g, k, &section, 0.05, inside)?,
                None => for m in 0..=200 {
                    // The point of the plane below or above the stroke is outside for every part of it.
                    let (uv, _) = g.plane_from_patient(a.lerp(b, f64::from(m) / 200.0));
                    prop_assert!(distance_to_stroke(g.patient_from_plane(uv, g.position_mm(k)), a, b) > radius - 0.01);
                }
            }
        }

        #[test]
        fn a_slice_through_a_disc_with_depth_is_exact(
            normal in [-1.0..1.0f64, -1.0..1.0f64, -1.0..1.0f64], end in [-20.0..20.0f64, -20.0..20.0f64],
            radius in 1.0..15.0f64, half_depth in 0.5..4.0f64, k in 10usize..30,
        ) {
            prop_assume!(DVec3::from(normal).length() > 0.1);
            let g = tilted();
            let normal = DVec3::from(normal).normalize();
            let right = normal.any_orthonormal_vector();
            let a = DVec3::new(1.0, -2.0, 3.0);
            let b = a + right * end[0] + normal.cross(right) * end[1];
            let within = |p: DVec3, slack: f64| {
                let depth = (p - a).dot(normal);
                depth.abs() <= half_depth + slack && distance_to_stroke(p - normal * depth, a, b) <= radius + slack
            };
            let inside = |p: DVec3| within(p, 0.0);
            if let Some(section) = swept_disc_section(&g, normal, a, b, radius, half_depth, k) {
                // Corners stand out further than the tolerance along the ray: only the sides are compared.
                let ring = &section.rings[0];
                prop_assert!(ring.points().len() <= 2 * MOST_POINTS);
                for (p, q) in ring.edges() {
                    let (p, q) = (DVec2::from(p), DVec2::from(q));
                    let outward = (p - q).perp().normalize_or_zero() * 0.05;
                    let at = |p: DVec2| g.patient_from_plane(p.into(), g.position_mm(k));
                    prop_assert!(!inside(at(p.midpoint(q) + outward)));
                    if ring.signed_area_mm2() > 1.0 && p.distance(q) > 0.2 {
                        // In a tip thinner than the step, the step comes out on the other side by as much.
                        prop_assert!(within(at(p.midpoint(q) - outward), 0.05));
                    }
                }
            }
        }
    }

    #[test]
    fn a_ball_over_a_slice_leaves_a_disc_and_a_high_one_nothing() {
        let g = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 3.0], [64, 64, 10]).expect("valid grid");
        let at = |z: f64| DVec3::new(30.0, 30.0, z);
        let section = swept_sphere_section(&g, at(12.0), at(12.0), 5.0, 5).expect("9 mm is within 5 mm of 12");
        assert!((area_mm2(&section) / (PI * 16.0) - 1.0).abs() < 0.01);
        assert_eq!(swept_sphere_section(&g, at(12.0), at(12.0), 5.0, 2), None);
        // Swept through the slices, the widest part counts.
        let section = swept_sphere_section(&g, at(6.0), at(18.0), 5.0, 4).expect("the stroke passes the slice");
        assert!((area_mm2(&section) / (PI * 25.0) - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_disc_in_a_sagittal_plane_leaves_its_chord_times_the_depth() {
        let g = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 3.0], [64, 64, 10]).expect("valid grid");
        let a = DVec3::new(30.0, 30.0, 15.0);
        let section = swept_disc_section(&g, DVec3::X, a, a, 5.0, 0.5, 4).expect("12 mm is within 5 mm of 15");
        let [low, high] = section.bounds().expect("a rectangle");
        for (x, y) in low.into_iter().chain(high).zip([29.5, 26.0, 30.5, 34.0]) {
            assert!((x - y).abs() < 2e-3, "{x} for {y}");
        }
        assert_eq!(section.rings[0].points().len(), 4);
        assert_eq!(swept_disc_section(&g, DVec3::X, a, a, 5.0, 0.5, 2), None);
        // In the plane of the slices it is the capsule.
        let flat = swept_disc_section(&g, DVec3::Z, a, a + DVec3::X * 7.0, 5.0, 1.0, 5).expect("on the slice");
        assert!((area_mm2(&flat) - capsule([30.0, 30.0], [37.0, 30.0], 5.0).signed_area_mm2()).abs() < 0.1);
    }
}
