//! Analytic solids and their distance fields on one slice.
//!
//! A solid is a union of round cones (vessels, bronchi) and ellipsoids; distances are mm in the
//! reference thorax, negative inside, exact for cones and first order for ellipsoids.

use glam::{Mat3, Vec3};

/// One convex piece of a solid.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// A swept sphere from `a` to `b` whose radius changes evenly; x and y are divided by `squash` first.
    Cone { a: Vec3, b: Vec3, ra: f32, rb: f32, squash: [f32; 2] },
    /// An ellipsoid; the columns of `axes` are its directions.
    Ellipsoid { center: Vec3, axes: Mat3, semi: Vec3 },
}

impl Part {
    /// Signed distance of a point, mm.
    pub fn distance(&self, p: Vec3) -> f32 {
        match *self {
            Self::Cone { a, b, ra, rb, squash } => {
                let s = Vec3::new(1.0 / squash[0], 1.0 / squash[1], 1.0);
                let (ab, ap) = ((b - a) * s, (p - a) * s);
                let t = (ap.dot(ab) / ab.length_squared().max(1e-6)).clamp(0.0, 1.0);
                (ap - ab * t).length() - (ra + t * (rb - ra))
            }
            Self::Ellipsoid { center, axes, semi } => {
                let q = axes.transpose() * (p - center);
                let k0 = (q / semi).length();
                let k1 = (q / (semi * semi)).length();
                if k1 < 1e-6 { -semi.min_element() } else { k0 * (k0 - 1.0) / k1 }
            }
        }
    }

    /// Box of the points nearer than `reach` mm.
    fn bounds(&self, reach: f32) -> (Vec3, Vec3) {
        match *self {
            Self::Cone { a, b, ra, rb, squash } => {
                let r = Vec3::new(squash[0], squash[1], 1.0).max(Vec3::ONE) * (ra.max(rb) + reach);
                (a.min(b) - r, a.max(b) + r)
            }
            Self::Ellipsoid { center, axes, semi } => {
                // Half width along a patient axis: the norm of the semi-axes' components.
                let m = axes * Mat3::from_diagonal(semi);
                let half = Vec3::new(m.row(0).length(), m.row(1).length(), m.row(2).length()) + Vec3::splat(reach);
                (center - half, center + half)
            }
        }
    }

    /// Box at the height of a slice, tighter for cones than [`Self::bounds`]; `None` where it is not reached.
    fn bounds_at(&self, z: f32, reach: f32) -> Option<(Vec3, Vec3)> {
        let (low, high) = self.bounds(reach);
        if z < low.z || z > high.z {
            return None;
        }
        if let Self::Cone { a, b, ra, rb, squash } = *self {
            let r = ra.max(rb) + reach;
            let dz = (a.z.min(b.z) - z).max(z - a.z.max(b.z)).max(0.0);
            let half = (r * r - dz * dz).max(0.0).sqrt();
            let s = Vec3::new(squash[0].max(1.0), squash[1].max(1.0), 0.0) * half;
            return Some((a.min(b) - s, a.max(b) + s));
        }
        Some((low, high))
    }
}

/// A union of parts.
#[derive(Debug, Clone, Default)]
pub struct Solid {
    pub parts: Vec<Part>,
    /// Parts melt into each other over this length, mm; 0 is the plain union.
    pub blend_mm: f32,
}

impl Solid {
    /// A tube through `(x, y, z, radius)`, smooth (Catmull-Rom), cut into pieces of about 5 mm.
    pub fn tube(points: &[[f32; 4]]) -> Self {
        Self::squashed_tube(points, [1.0, 1.0])
    }

    /// A tube whose cross section is stretched along x and y.
    pub fn squashed_tube(points: &[[f32; 4]], squash: [f32; 2]) -> Self {
        let path = smooth_path(points, 5.0);
        let parts = path
            .windows(2)
            .map(|w| Part::Cone {
                a: Vec3::new(w[0][0], w[0][1], w[0][2]),
                b: Vec3::new(w[1][0], w[1][1], w[1][2]),
                ra: w[0][3],
                rb: w[1][3],
                squash,
            })
            .collect();
        Self { parts, blend_mm: 0.0 }
    }

    /// An ellipsoid with axes along the patient's.
    pub fn ellipsoid(center: [f32; 3], semi: [f32; 3]) -> Self {
        Self::turned_ellipsoid(center, semi, Mat3::IDENTITY)
    }

    pub fn turned_ellipsoid(center: [f32; 3], semi: [f32; 3], axes: Mat3) -> Self {
        let part = Part::Ellipsoid { center: center.into(), axes, semi: semi.into() };
        Self { parts: vec![part], blend_mm: 0.0 }
    }

    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.parts.extend(other.parts);
        self
    }

    /// Signed distance of a point, mm; a large number without parts.
    pub fn distance(&self, p: Vec3) -> f32 {
        if self.blend_mm > 0.0 {
            let sum: f32 = self.parts.iter().map(|part| (-part.distance(p) / self.blend_mm).exp()).sum();
            return if sum > 0.0 { -self.blend_mm * sum.ln() } else { FAR_MM };
        }
        self.parts.iter().map(|part| part.distance(p)).fold(FAR_MM, f32::min)
    }

    /// Center line points `(x, y, z, radius)` of the tube, in order.
    pub fn center_line(&self) -> impl Iterator<Item = [f32; 4]> + '_ {
        let point = |p: Vec3, r: f32| [p.x, p.y, p.z, r];
        self.parts.iter().filter_map(move |part| match *part {
            Part::Cone { a, ra, .. } => Some(point(a, ra)),
            Part::Ellipsoid { .. } => None,
        })
    }
}

/// Distance where nothing was computed, mm.
pub const FAR_MM: f32 = 1e3;

/// Points along a Catmull-Rom spline through `points`, about `step` apart; all four numbers interpolated.
pub fn smooth_path(points: &[[f32; 4]], step: f32) -> Vec<[f32; 4]> {
    let n = points.len();
    let mut out = Vec::new();
    for s in 0..n - 1 {
        let get = |k: isize| points[k.clamp(0, n as isize - 1) as usize];
        let (p0, p1, p2, p3) = (get(s as isize - 1), points[s], points[s + 1], get(s as isize + 2));
        let length = (0..3).map(|c| (p2[c] - p1[c]).powi(2)).sum::<f32>().sqrt();
        let pieces = (length / step).ceil().max(1.0) as usize;
        for m in 0..pieces {
            let t = m as f32 / pieces as f32;
            out.push(std::array::from_fn(|c| {
                0.5 * (2.0 * p1[c]
                    + (p2[c] - p0[c]) * t
                    + (2.0 * p0[c] - 5.0 * p1[c] + 4.0 * p2[c] - p3[c]) * t * t
                    + (3.0 * p1[c] - p0[c] - 3.0 * p2[c] + p3[c]) * t * t * t)
            }));
        }
    }
    out.push(points[n - 1]);
    out
}

/// The pixels of one slice in reference coordinates.
#[derive(Debug)]
pub struct Plane {
    pub columns: usize,
    pub rows: usize,
    /// Reference height of the slice, mm.
    pub z: f32,
    /// Reference x and y of every pixel, row major.
    pub x: Vec<f32>,
    pub y: Vec<f32>,
    /// Reference x of column 0 and mm per column before the small local warp; likewise y.
    pub x0: f32,
    pub dx: f32,
    pub y0: f32,
    pub dy: f32,
    /// The part of `y0` that follows the spine; the table does not.
    pub shift_y: f32,
    /// Largest size of the local warp, mm.
    pub slack: f32,
}

impl Plane {
    /// Columns and rows that a box can touch.
    fn window(&self, low: Vec3, high: Vec3) -> Option<[usize; 4]> {
        let range = |low: f32, high: f32, first: f32, step: f32, n: usize| {
            let a = ((low - self.slack - first) / step).floor().max(0.0) as usize;
            let b = ((high + self.slack - first) / step).ceil() + 1.0;
            let b = (b.max(0.0) as usize).min(n);
            (a < b).then_some((a, b))
        };
        let (i0, i1) = range(low.x, high.x, self.x0, self.dx, self.columns)?;
        let (j0, j1) = range(low.y, high.y, self.y0, self.dy, self.rows)?;
        Some([i0, i1, j0, j1])
    }
}

/// Distances to one solid over a window of a slice; far away outside it.
#[derive(Debug, Default)]
pub struct Field {
    i0: usize,
    i1: usize,
    j0: usize,
    j1: usize,
    mm: Vec<f32>,
}

impl Field {
    /// The field of a solid, right where it is below `reach` mm.
    pub fn new(solid: &Solid, plane: &Plane, reach: f32) -> Self {
        let boxes: Vec<(usize, [usize; 4])> = solid
            .parts
            .iter()
            .enumerate()
            .filter_map(|(n, part)| {
                let (low, high) = part.bounds_at(plane.z, reach)?;
                Some((n, plane.window(low, high)?))
            })
            .collect();
        let Some([i0, i1, j0, j1]) = boxes
            .iter()
            .map(|(_, w)| *w)
            .reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].max(b[3])])
        else {
            return Self::default();
        };
        let width = i1 - i0;
        let blend = solid.blend_mm;
        let start = if blend > 0.0 { 0.0 } else { FAR_MM };
        let mut mm = vec![start; width * (j1 - j0)];
        for (n, [a, b, c, d]) in boxes {
            let part = solid.parts[n];
            for j in c..d {
                let row = &mut mm[(j - j0) * width + a - i0..(j - j0) * width + b - i0];
                let at = j * plane.columns;
                let (xs, ys) = (&plane.x[at + a..at + b], &plane.y[at + a..at + b]);
                if blend > 0.0 {
                    for ((out, &x), &y) in row.iter_mut().zip(xs).zip(ys) {
                        *out += (-part.distance(Vec3::new(x, y, plane.z)) / blend).exp();
                    }
                } else {
                    for ((out, &x), &y) in row.iter_mut().zip(xs).zip(ys) {
                        *out = out.min(part.distance(Vec3::new(x, y, plane.z)));
                    }
                }
            }
        }
        if blend > 0.0 {
            for value in &mut mm {
                *value = if *value > 0.0 { -blend * value.ln() } else { FAR_MM };
            }
        }
        Self { i0, i1, j0, j1, mm }
    }

    /// Signed distance at a pixel.
    #[inline]
    pub fn at(&self, j: usize, i: usize) -> f32 {
        if j < self.j0 || j >= self.j1 || i < self.i0 || i >= self.i1 {
            FAR_MM
        } else {
            self.mm[(j - self.j0) * (self.i1 - self.i0) + i - self.i0]
        }
    }

    /// Rows, columns and values of the window, row by row.
    pub fn rows(&self) -> impl Iterator<Item = (usize, usize, &[f32])> {
        let width = (self.i1 - self.i0).max(1);
        self.mm.chunks(width).enumerate().map(move |(n, row)| (self.j0 + n, self.i0, row))
    }

    pub fn is_empty(&self) -> bool {
        self.mm.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_a_tube_and_an_ellipsoid_are_right_on_their_axes() {
        let tube = Solid::tube(&[[0.0, 0.0, 0.0, 5.0], [0.0, 0.0, 40.0, 5.0]]);
        assert!((tube.distance(Vec3::new(8.0, 0.0, 20.0)) - 3.0).abs() < 1e-4);
        assert!((tube.distance(Vec3::new(0.0, 0.0, 47.0)) - 2.0).abs() < 1e-4);
        let egg = Solid::ellipsoid([0.0; 3], [10.0, 20.0, 30.0]);
        assert!(egg.distance(Vec3::new(10.0, 0.0, 0.0)).abs() < 1e-4);
        assert!((egg.distance(Vec3::new(0.0, 22.0, 0.0)) - 2.0).abs() < 0.2);
    }

    #[test]
    fn the_field_of_a_slice_agrees_with_the_distance_of_points() {
        let (columns, rows) = (40, 30);
        let mut plane = Plane {
            columns,
            rows,
            z: 3.0,
            x: Vec::new(),
            y: Vec::new(),
            x0: -20.0,
            dx: 1.0,
            y0: -15.0,
            dy: 1.0,
            shift_y: 0.0,
            slack: 1.0,
        };
        for j in 0..rows {
            for i in 0..columns {
                plane.x.push(-20.0 + i as f32 + (j as f32).sin());
                plane.y.push(-15.0 + j as f32);
            }
        }
        let solid = Solid::tube(&[[-6.0, 0.0, 0.0, 4.0], [5.0, 2.0, 8.0, 3.0], [9.0, 6.0, 2.0, 2.0]]);
        let field = Field::new(&solid, &plane, 5.0);
        for j in 0..rows {
            for i in 0..columns {
                let at = j * columns + i;
                let exact = solid.distance(Vec3::new(plane.x[at], plane.y[at], 3.0));
                if exact < 5.0 {
                    assert!((field.at(j, i) - exact).abs() < 1e-4, "{j} {i}");
                } else {
                    assert!(field.at(j, i) >= 5.0 - 1e-3);
                }
            }
        }
    }
}
