//! Outlines of structures in a view: the rings themselves along the slices, their cut across them.
//!
//! Across the slices every slice gives the intervals that lie inside (even-odd). Where one interval
//! continues as one in the next slice the two are joined by straight lines; where intervals begin,
//! end, split or merge the outline steps half way between the slices, as the voxels do.

use crate::contour::SliceContours;
use crate::geometry::{ImagePlane, VoxelGrid};
use crate::structures::{Roi, RoiId};
use glam::{DVec2, DVec3};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A line in the coordinates of the plane, mm.
#[derive(Debug, Clone, PartialEq)]
pub struct Polyline {
    pub points: Vec<DVec2>,
    pub closed: bool,
}

/// True where the plane lies along the acquired slices.
pub fn along_slices(grid: &VoxelGrid, plane: &ImagePlane) -> bool {
    plane.normal.dot(grid.normal()).abs() > 0.5
}

/// The rings of a slice in the plane.
pub fn along(grid: &VoxelGrid, plane: &ImagePlane, contours: &SliceContours) -> Vec<Polyline> {
    let n = plane.origin.dot(grid.normal());
    let base = plane.plane_from_patient(grid.patient_from_plane([0.0, 0.0], n));
    let direction = |d: DVec3| DVec2::new(d.dot(plane.right), d.dot(plane.down));
    let (u_axis, v_axis) = (direction(grid.i_direction()), direction(grid.j_direction()));
    contours
        .rings
        .iter()
        .filter(|r| r.points().len() > 1)
        .map(|ring| Polyline {
            points: ring.points().iter().map(|&[u, v]| base + u_axis * u + v_axis * v).collect(),
            closed: true,
        })
        .collect()
}

/// The line in which a view crosses the slices: `u` or `v` is constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CutLine {
    /// 0: `u` is constant, 1: `v` is.
    axis: usize,
    at_mm: f64,
}

impl CutLine {
    /// Where a plane across the slices meets them.
    pub fn new(grid: &VoxelGrid, plane: &ImagePlane) -> Self {
        let axis = usize::from(plane.normal.dot(grid.i_direction()).abs() < 0.5);
        let (uv, _) = grid.plane_from_patient(plane.origin);
        Self { axis, at_mm: uv[axis] }
    }

    /// Intervals of the other coordinate that lie inside, ascending (even-odd, as [`SliceContours::contains`]).
    pub fn intervals(&self, contours: &SliceContours) -> Vec<[f64; 2]> {
        let (axis, other) = (self.axis, 1 - self.axis);
        let mut crossings: Vec<f64> = contours
            .rings
            .iter()
            .flat_map(|ring| ring.edges())
            .filter(|(a, b)| (a[axis] > self.at_mm) != (b[axis] > self.at_mm))
            .map(|(a, b)| a[other] + (self.at_mm - a[axis]) / (b[axis] - a[axis]) * (b[other] - a[other]))
            .collect();
        crossings.sort_by(f64::total_cmp);
        crossings.chunks_exact(2).map(|pair| [pair[0], pair[1]]).filter(|[a, b]| b > a).collect()
    }
}

/// Lines between `(t, n)`: the coordinate along the cut, the position along the normal.
type Segment = [[f64; 2]; 2];

/// The outline across the slices from the intervals of each.
fn join(grid: &VoxelGrid, levels: &BTreeMap<usize, Vec<[f64; 2]>>) -> Vec<Segment> {
    let mut segments = Vec::new();
    let empty = Vec::new();
    let last = grid.slices() - 1;
    for (&k, inside) in levels {
        let n = grid.position_mm(k);
        if k == 0 {
            step(&[], inside, [n - grid.thickness_mm(0), n], &mut segments);
        } else if !levels.contains_key(&(k - 1)) {
            step(&[], inside, [grid.position_mm(k - 1), n], &mut segments);
        }
        if k == last {
            step(inside, &[], [n, n + grid.thickness_mm(last)], &mut segments);
        } else {
            let above = levels.get(&(k + 1)).unwrap_or(&empty);
            let positions = [n, grid.position_mm(k + 1)];
            for (from, to) in components(inside, above) {
                match (from.as_slice(), to.as_slice()) {
                    ([a], [b]) => {
                        segments.push([[a[0], positions[0]], [b[0], positions[1]]]);
                        segments.push([[a[1], positions[0]], [b[1], positions[1]]]);
                    }
                    _ => step(&from, &to, positions, &mut segments),
                }
            }
        }
    }
    segments
}

/// Sides up to the middle between two positions, and what differs there.
fn step(below: &[[f64; 2]], above: &[[f64; 2]], [from, to]: [f64; 2], segments: &mut Vec<Segment>) {
    let middle = f64::midpoint(from, to);
    for t in below.iter().flatten() {
        segments.push([[*t, from], [*t, middle]]);
    }
    for t in above.iter().flatten() {
        segments.push([[*t, middle], [*t, to]]);
    }
    let mut ends: Vec<f64> = below.iter().chain(above).flatten().copied().collect();
    ends.sort_by(f64::total_cmp);
    for pair in ends.chunks_exact(2).filter(|p| p[1] > p[0]) {
        segments.push([[pair[0], middle], [pair[1], middle]]);
    }
}

/// Groups of intervals of two neighbouring slices that overlap, directly or through others.
fn components(below: &[[f64; 2]], above: &[[f64; 2]]) -> Vec<(Vec<[f64; 2]>, Vec<[f64; 2]>)> {
    let mut all: Vec<([f64; 2], bool)> =
        below.iter().map(|i| (*i, false)).chain(above.iter().map(|i| (*i, true))).collect();
    all.sort_by(|a, b| a.0[0].total_cmp(&b.0[0]));
    let mut groups: Vec<(Vec<[f64; 2]>, Vec<[f64; 2]>)> = Vec::new();
    let mut reach = f64::NEG_INFINITY;
    for (interval, upper) in all {
        if interval[0] >= reach {
            groups.push((Vec::new(), Vec::new()));
        }
        reach = reach.max(interval[1]);
        let group = groups.last_mut().expect("the first interval opens a group");
        if upper { group.1.push(interval) } else { group.0.push(interval) }
    }
    groups
}

/// Puts segments that share an end together.
fn chain(segments: &[Segment]) -> Vec<(Vec<[f64; 2]>, bool)> {
    let key = |p: &[f64; 2]| [(p[0] * 1e5).round() as i64, (p[1] * 1e5).round() as i64];
    let mut at: BTreeMap<[i64; 2], Vec<usize>> = BTreeMap::new();
    for (s, ends) in segments.iter().enumerate() {
        for end in ends {
            at.entry(key(end)).or_default().push(s);
        }
    }
    let mut used = vec![false; segments.len()];
    let mut lines = Vec::new();
    for start in 0..segments.len() {
        if used[start] {
            continue;
        }
        used[start] = true;
        let mut line = segments[start].to_vec();
        // Forward from the end, then backward from the start.
        for _ in 0..2 {
            loop {
                let end = *line.last().expect("a line has two points");
                let next = at.get(&key(&end)).and_then(|all| all.iter().copied().find(|&s| !used[s]));
                let Some(next) = next else { break };
                used[next] = true;
                let [a, b] = segments[next];
                line.push(if key(&a) == key(&end) { b } else { a });
            }
            line.reverse();
        }
        let closed = line.len() > 2 && key(&line[0]) == key(line.last().expect("not empty"));
        if closed {
            line.pop();
        }
        lines.push((line, closed));
    }
    lines
}

/// Keeps the cut of every structure as long as its rings and the plane stay the same.
#[derive(Default)]
pub struct CutCache {
    rois: BTreeMap<RoiId, Cut>,
}

struct Cut {
    line: CutLine,
    slices: BTreeMap<usize, (Arc<SliceContours>, Vec<[f64; 2]>)>,
    outline: Vec<(Vec<[f64; 2]>, bool)>,
}

impl CutCache {
    /// Forgets structures that are no longer shown.
    pub fn keep_only(&mut self, ids: &[RoiId]) {
        self.rois.retain(|id, _| ids.contains(id));
    }

    /// The outline of a structure across the slices.
    pub fn across(&mut self, grid: &VoxelGrid, plane: &ImagePlane, roi: &Roi) -> Vec<Polyline> {
        let line = CutLine::new(grid, plane);
        let cut = self.rois.entry(roi.id).or_insert_with(|| Cut { line, slices: BTreeMap::new(), outline: Vec::new() });
        if cut.line != line {
            cut.line = line;
            cut.slices.clear();
            cut.outline.clear();
        }
        let is_known = cut.slices.len() == roi.slices.len()
            && cut.slices.iter().zip(&roi.slices).all(|((k, (known, _)), (j, now))| k == j && Arc::ptr_eq(known, now));
        if !is_known {
            for (&k, contours) in &roi.slices {
                if !cut.slices.get(&k).is_some_and(|(known, _)| Arc::ptr_eq(known, contours)) {
                    cut.slices.insert(k, (Arc::clone(contours), line.intervals(contours)));
                }
            }
            cut.slices.retain(|k, _| roi.slices.contains_key(k));
            let levels: BTreeMap<usize, Vec<[f64; 2]>> = cut
                .slices
                .iter()
                .filter(|(k, (_, inside))| !inside.is_empty() && **k < grid.slices())
                .map(|(&k, (_, inside))| (k, inside.clone()))
                .collect();
            cut.outline = chain(&join(grid, &levels));
        }
        let place = |&[t, n]: &[f64; 2]| {
            let uv = if line.axis == 0 { [line.at_mm, t] } else { [t, line.at_mm] };
            plane.plane_from_patient(grid.patient_from_plane(uv, n))
        };
        cut.outline
            .iter()
            .map(|(points, closed)| Polyline { points: points.iter().map(place).collect(), closed: *closed })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::Ring;
    use crate::geometry::Orientation;
    use crate::structures::{Provenance, Role};

    fn grid() -> VoxelGrid {
        VoxelGrid::new(DVec3::ZERO, DVec3::X, DVec3::Y, [1.0, 1.0], [64, 64], vec![0.0, 3.0, 6.0, 12.0, 18.0])
            .expect("valid grid")
    }

    fn square(u: f64, v: f64, half: f64) -> Ring {
        Ring::new([[u - half, v - half], [u + half, v - half], [u + half, v + half], [u - half, v + half]])
    }

    fn roi(slices: Vec<(usize, Vec<Ring>)>) -> Roi {
        let mut roi = Roi::new(RoiId(1), "x", [255; 3], Role::Other, Provenance::Drawn);
        roi.slices = slices.into_iter().map(|(k, rings)| (k, Arc::new(SliceContours::new(rings)))).collect();
        roi
    }

    /// Area of closed lines by the even-odd rule, where none crosses another.
    fn area(lines: &[Polyline]) -> f64 {
        lines
            .iter()
            .map(|l| {
                assert!(l.closed, "an outline closes");
                let p = &l.points;
                (0..p.len()).map(|k| p[k].perp_dot(p[(k + 1) % p.len()])).sum::<f64>().abs() / 2.0
            })
            .sum()
    }

    fn cut(roi: &Roi, orientation: Orientation, at: DVec3) -> Vec<Polyline> {
        let g = grid();
        CutCache::default().across(&g, &ImagePlane::through(&g, orientation, at), roi)
    }

    #[test]
    fn a_cut_gives_the_intervals_inside_with_holes() {
        let contours = SliceContours::new(vec![square(20.0, 20.0, 10.0), square(20.0, 20.0, 4.0)]);
        let g = grid();
        let line = CutLine::new(&g, &ImagePlane::through(&g, Orientation::Sagittal, DVec3::new(21.0, 0.0, 0.0)));
        assert_eq!(line.intervals(&contours), [[10.0, 16.0], [24.0, 30.0]]);
        let line = CutLine::new(&g, &ImagePlane::through(&g, Orientation::Coronal, DVec3::new(0.0, 29.0, 0.0)));
        assert_eq!(line.intervals(&contours), [[10.0, 30.0]]);
    }

    #[test]
    fn a_block_has_the_height_of_its_slices_at_their_true_positions() {
        let block = roi((0..5).map(|k| (k, vec![square(20.0, 20.0, 10.0)])).collect());
        for orientation in [Orientation::Sagittal, Orientation::Coronal] {
            let lines = cut(&block, orientation, DVec3::new(20.0, 20.0, 0.0));
            assert_eq!(lines.len(), 1);
            // 18 mm between the end slices and half the end thicknesses, 1.5 and 3 mm.
            assert!((area(&lines) - 20.0 * 22.5).abs() < 1e-9, "{orientation}: {}", area(&lines));
        }
        let single = roi(vec![(2, vec![square(20.0, 20.0, 10.0)])]);
        let lines = cut(&single, Orientation::Coronal, DVec3::new(20.0, 20.0, 0.0));
        assert!((area(&lines) - 20.0 * 4.5).abs() < 1e-9, "half of 3 mm below and half of 6 mm above");
    }

    #[test]
    fn a_branch_and_a_hole_keep_the_area_of_the_slabs() {
        // One interval of 20 mm continues as two of 6 mm: the outline steps half way.
        let branch =
            roi(vec![(1, vec![square(20.0, 20.0, 10.0)]), (2, vec![square(13.0, 20.0, 3.0), square(27.0, 20.0, 3.0)])]);
        let lines = cut(&branch, Orientation::Coronal, DVec3::new(20.0, 20.0, 0.0));
        assert!((area(&lines) - (20.0 * 3.0 + 2.0 * 6.0 * 4.5)).abs() < 1e-9, "{}", area(&lines));
        let shell = roi(vec![(1, vec![square(20.0, 20.0, 10.0), square(20.0, 20.0, 5.0)])]);
        let lines = cut(&shell, Orientation::Coronal, DVec3::new(20.0, 20.0, 0.0));
        assert_eq!(lines.len(), 2);
        assert!((area(&lines) - 10.0 * 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_shrinking_structure_is_joined_smoothly() {
        let cone = roi(vec![(1, vec![square(20.0, 20.0, 9.0)]), (2, vec![square(20.0, 20.0, 5.0)])]);
        let lines = cut(&cone, Orientation::Coronal, DVec3::new(20.0, 20.0, 0.0));
        let trapezium = f64::midpoint(18.0, 10.0) * 3.0;
        assert!((area(&lines) - (18.0 * 1.5 + trapezium + 10.0 * 3.0)).abs() < 1e-9);
    }

    #[test]
    fn rings_lie_on_their_own_points() {
        let g = grid();
        let plane = ImagePlane::through(&g, Orientation::Axial, DVec3::new(5.0, 7.0, 6.0));
        let lines = along(&g, &plane, &SliceContours::new(vec![square(20.0, 20.0, 10.0)]));
        let back: Vec<DVec3> = lines[0].points.iter().map(|p| plane.patient_from_plane(*p)).collect();
        assert_eq!(back[0], DVec3::new(10.0, 10.0, 6.0));
        assert_eq!(back[2], DVec3::new(30.0, 30.0, 6.0));
    }

    #[test]
    fn the_cache_notices_an_edited_slice_and_a_moved_plane() {
        let g = grid();
        let mut cache = CutCache::default();
        let mut r = roi((0..5).map(|k| (k, vec![square(20.0, 20.0, 10.0)])).collect());
        let at = |v: f64| ImagePlane::through(&g, Orientation::Coronal, DVec3::new(20.0, v, 0.0));
        let before = area(&cache.across(&g, &at(20.0), &r));
        assert_eq!(area(&cache.across(&g, &at(20.0), &r)), before);
        r.slices.insert(2, Arc::new(SliceContours::new(vec![square(20.0, 20.0, 2.0)])));
        assert!(area(&cache.across(&g, &at(20.0), &r)) < before);
        r.slices.clear();
        assert!(cache.across(&g, &at(20.0), &r).is_empty());
        r.slices.insert(2, Arc::new(SliceContours::new(vec![square(20.0, 20.0, 2.0)])));
        assert!(cache.across(&g, &at(50.0), &r).is_empty());
    }
}
