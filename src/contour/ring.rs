//! Rings and the rings of one slice.

use crate::geometry::PlanePoint;
use std::sync::Arc;

/// A closed polygon in the plane of a slice, mm, the first point not repeated at the end.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Ring {
    points: Arc<[PlanePoint]>,
    /// Index of the contour in the source structure set, while the ring is unedited.
    source: Option<u32>,
}

impl Ring {
    /// Steps to which new vertices are rounded, mm: what DICOM's 16 byte decimals can hold.
    pub const STEP_MM: f64 = 1e-4;

    /// A ring drawn or computed here; every vertex is rounded to [`Self::STEP_MM`].
    pub fn new(points: impl IntoIterator<Item = PlanePoint>) -> Self {
        let round = |x: f64| (x / Self::STEP_MM).round() / (1.0 / Self::STEP_MM).round();
        Self { points: points.into_iter().map(|[u, v]| [round(u), round(v)]).collect(), source: None }
    }

    /// A ring as it stands in the source; the points are kept exactly.
    pub fn imported(points: impl IntoIterator<Item = PlanePoint>, source_contour: u32) -> Self {
        Self { points: points.into_iter().collect(), source: Some(source_contour) }
    }

    /// Points that are already what they should be: vertices of other rings, or on the lattice of [`Self::STEP_MM`].
    pub(super) fn exact(points: Vec<PlanePoint>) -> Self {
        Self { points: points.into(), source: None }
    }

    /// The same points as a ring that is no contour of the source any more, as on another slice.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self { points: Arc::clone(&self.points), source: None }
    }

    pub fn points(&self) -> &[PlanePoint] {
        &self.points
    }

    /// Index of the contour in its ROI's Contour Sequence, if this ring is unedited since import.
    pub fn source_contour(&self) -> Option<u32> {
        self.source
    }

    /// Area with sign, mm2: positive if the vertices run from +u to +v.
    pub fn signed_area_mm2(&self) -> f64 {
        let p = &self.points;
        if p.len() < 3 {
            return 0.0;
        }
        let o = p[0];
        let mut twice = 0.0;
        for k in 1..p.len() - 1 {
            let (a, b) = (p[k], p[k + 1]);
            twice += (a[0] - o[0]) * (b[1] - o[1]) - (b[0] - o[0]) * (a[1] - o[1]);
        }
        twice / 2.0
    }

    /// Length of the closed outline, mm.
    pub fn perimeter_mm(&self) -> f64 {
        self.edges().map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).sum()
    }

    /// The edges, the closing one last.
    pub fn edges(&self) -> impl Iterator<Item = (PlanePoint, PlanePoint)> + '_ {
        let n = self.points.len();
        (0..n).map(move |k| (self.points[k], self.points[(k + 1) % n]))
    }

    /// Smallest and largest u and v, `None` without points.
    pub fn bounds(&self) -> Option<[PlanePoint; 2]> {
        let first = *self.points.first()?;
        Some(self.points.iter().fold([first, first], |[lo, hi], p| {
            [[lo[0].min(p[0]), lo[1].min(p[1])], [hi[0].max(p[0]), hi[1].max(p[1])]]
        }))
    }

    /// Fewer than three points or no area: kept for export, but it encloses nothing.
    pub fn is_degenerate(&self) -> bool {
        self.points.len() < 3 || self.signed_area_mm2().abs() < 1e-6
    }
}

/// All rings of one ROI on one slice; inside is where an odd number of rings encloses.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct SliceContours {
    pub rings: Vec<Ring>,
}

impl SliceContours {
    pub fn new(rings: Vec<Ring>) -> Self {
        Self { rings }
    }

    pub fn is_empty(&self) -> bool {
        self.rings.is_empty()
    }

    /// Even-odd test of a point of the plane. A point on an edge belongs to the side of larger u or v (half-open).
    pub fn contains(&self, [u, v]: PlanePoint) -> bool {
        let mut inside = false;
        for ring in &self.rings {
            for (a, b) in ring.edges() {
                if (a[1] > v) != (b[1] > v) && u < a[0] + (v - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) {
                    inside = !inside;
                }
            }
        }
        inside
    }

    /// Smallest and largest u and v over all rings.
    pub fn bounds(&self) -> Option<[PlanePoint; 2]> {
        self.rings
            .iter()
            .filter_map(Ring::bounds)
            .reduce(|[lo, hi], [l, h]| [[lo[0].min(l[0]), lo[1].min(l[1])], [hi[0].max(h[0]), hi[1].max(h[1])]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_outside_and_an_island_in_it_inside() {
        let square = |h: f64| Ring::new([[-h, -h], [h, -h], [h, h], [-h, h]]);
        let c = SliceContours::new(vec![square(10.0), square(5.0), square(2.0)]);
        assert!(c.contains([7.0, 0.0]) && !c.contains([3.0, 0.0]) && c.contains([0.0, 0.0]));
        assert_eq!(c.rings[0].signed_area_mm2(), 400.0);
        assert_eq!(c.rings[0].perimeter_mm(), 80.0);
    }

    #[test]
    fn new_vertices_are_rounded_and_imported_ones_kept() {
        let p = [[0.123_456_789, 2.0], [1.0, 0.0], [0.0, 0.0]];
        assert_eq!(Ring::new(p).points()[0][0], 0.1235);
        assert_eq!(Ring::imported(p, 0).points()[0][0], 0.123_456_789);
    }
}
