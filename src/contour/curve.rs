//! Smooth closed curves through given points.

use glam::DVec3;

/// A closed curve through all points, in their order, as points so near each other that straight lines between them stay
/// within about `chord_error_mm` of it. Centripetal Catmull-Rom: no loops and no cusps between points, however uneven
/// their distances (Yuksel, Schaefer and Keyser, Parameterization and Applications of Catmull-Rom Curves, 2011).
/// Fewer than three points come back as they are.
pub fn closed_curve(points: &[DVec3], chord_error_mm: f64) -> Vec<DVec3> {
    let mut corners = points.to_vec();
    corners.dedup();
    while corners.len() > 1 && corners.first() == corners.last() {
        corners.pop();
    }
    let n = corners.len();
    if n < 3 {
        return corners;
    }
    let mut curve = Vec::new();
    for m in 0..n {
        let piece = Piece::new([corners[(m + n - 1) % n], corners[m], corners[(m + 1) % n], corners[(m + 2) % n]]);
        curve.push(corners[m]);
        piece.refine([0.0, 1.0], [corners[m], corners[(m + 1) % n]], chord_error_mm, 10, &mut curve);
    }
    curve
}

/// The curve between the two middle ones of four points.
struct Piece {
    points: [DVec3; 4],
    knots: [f64; 4],
}

impl Piece {
    fn new(points: [DVec3; 4]) -> Self {
        let mut knots = [0.0; 4];
        for m in 1..4 {
            knots[m] = knots[m - 1] + points[m - 1].distance(points[m]).sqrt().max(1e-9);
        }
        Self { points, knots }
    }

    /// The point at `t` from 0 to 1 between the middle points (Barry and Goldman's pyramid).
    fn at(&self, t: f64) -> DVec3 {
        let (p, k) = (&self.points, &self.knots);
        let t = k[1] + (k[2] - k[1]) * t;
        let mix = |a: DVec3, b: DVec3, from: f64, to: f64| (a * (to - t) + b * (t - from)) / (to - from);
        let a = [mix(p[0], p[1], k[0], k[1]), mix(p[1], p[2], k[1], k[2]), mix(p[2], p[3], k[2], k[3])];
        let b = [mix(a[0], a[1], k[0], k[2]), mix(a[1], a[2], k[1], k[3])];
        mix(b[0], b[1], k[1], k[2])
    }

    fn refine(&self, [from, to]: [f64; 2], [a, b]: [DVec3; 2], error_mm: f64, depth: usize, curve: &mut Vec<DVec3>) {
        let chord = b - a;
        let off = |t: f64| {
            let p = self.at(from + (to - from) * t) - a;
            let along = if chord.length_squared() > 0.0 {
                (p.dot(chord) / chord.length_squared()).clamp(0.0, 1.0)
            } else {
                0.0
            };
            (p - chord * along).length()
        };
        if depth == 0 || [0.25, 0.5, 0.75].into_iter().all(|t| off(t) <= error_mm) {
            return;
        }
        let middle = f64::midpoint(from, to);
        let m = self.at(middle);
        self.refine([from, middle], [a, m], error_mm, depth - 1, curve);
        curve.push(m);
        self.refine([middle, to], [m, b], error_mm, depth - 1, curve);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_through_every_point_and_is_round_between_them() {
        let on_circle = |n: usize, of: usize| {
            let (s, c) = (std::f64::consts::TAU * n as f64 / of as f64).sin_cos();
            DVec3::new(20.0 * c, 20.0 * s, 3.0)
        };
        let points: Vec<DVec3> = (0..12).map(|n| on_circle(n, 12)).collect();
        let curve = closed_curve(&points, 0.1);
        assert!(points.iter().all(|p| curve.contains(p)));
        for (a, b) in curve.iter().zip(curve.iter().cycle().skip(1)) {
            let middle = a.midpoint(*b).truncate().length();
            assert!((middle - 20.0).abs() < 0.25 && (a.z - 3.0).abs() < 1e-9, "{middle}");
        }
        assert!(curve.len() < 200, "{}", curve.len());
    }

    #[test]
    fn uneven_and_repeated_points_make_no_loops() {
        let points = [[0.0, 0.0], [0.0, 0.0], [1.0, 0.2], [40.0, 0.0], [41.0, 30.0], [0.0, 30.0], [0.0, 0.0]];
        let points: Vec<DVec3> = points.iter().map(|p| DVec3::new(p[0], p[1], 0.0)).collect();
        let curve = closed_curve(&points, 0.1);
        let flat = |p: &DVec3| [p.x, p.y];
        let ring = crate::contour::Ring::new(curve.iter().map(flat));
        assert_eq!(crate::contour::untangled(&ring).len(), 1);
        assert!(curve.iter().all(|p| p.is_finite()));
        assert_eq!(closed_curve(&points[..2], 0.1).len(), 1);
    }
}
