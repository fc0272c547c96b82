//! Margins in six directions of the patient, exact in space and smooth in the plane.
//!
//! A structure is a stack of slabs: the rings of a slice, from half way to the slice below to half way to the one above.
//! It grows by an ellipsoid whose half axis may differ on each of the six sides: a point is inside if
//! `(dx / rx)² + (dy / ry)² + (dz / rz)² <= 1` for the way from some point of the structure, each radius that of the
//! side to which the way leads. Shrinking grows what is outside. The sum falls apart into axes, so that each is done on
//! its own, over as many neighbours as the margin reaches; the positions of the slices may be uneven.

use super::distance::half_steps;
use super::lines::{FAR, Lattice, gaps};
use super::{BooleanOp, SliceContours, Slices, boolean, trace};
use crate::geometry::VoxelGrid;
use ndarray::Array2;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Millimetres towards each side of the patient, none below zero.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Margins {
    pub left: f64,
    pub right: f64,
    pub anterior: f64,
    pub posterior: f64,
    pub superior: f64,
    pub inferior: f64,
}

impl Margins {
    /// The same on every side.
    pub fn uniform(mm: f64) -> Self {
        Self { left: mm, right: mm, anterior: mm, posterior: mm, superior: mm, inferior: mm }
    }

    /// The six values with the names of their sides.
    pub fn sides(&self) -> [(&'static str, f64); 6] {
        [
            ("left", self.left),
            ("right", self.right),
            ("anterior", self.anterior),
            ("posterior", self.posterior),
            ("superior", self.superior),
            ("inferior", self.inferior),
        ]
    }

    /// `None` if the sides differ.
    pub fn same_everywhere(&self) -> Option<f64> {
        self.sides().iter().all(|(_, mm)| *mm == self.left).then_some(self.left)
    }

    /// Radii towards smaller and larger i, j and slice position: which side of the patient that is follows from the
    /// directions of the grid (LPS: +x left, +y posterior, +z superior), whichever way the patient lay.
    fn along(&self, grid: &VoxelGrid) -> [[f64; 2]; 3] {
        let patient = [[self.right, self.left], [self.anterior, self.posterior], [self.inferior, self.superior]];
        let mut free = [true; 3];
        [grid.i_direction(), grid.j_direction(), grid.normal()].map(|direction| {
            let components = direction.to_array();
            let axis = (0..3)
                .filter(|&a| free[a])
                .max_by(|&a, &b| components[a].abs().total_cmp(&components[b].abs()))
                .expect("three directions have three axes");
            free[axis] = false;
            let [negative, positive] = patient[axis].map(|mm| mm.max(0.0));
            if components[axis] >= 0.0 { [negative, positive] } else { [positive, negative] }
        })
    }
}

/// A centre that is this much beyond the margin, as a part of it, is still within: rounding must not decide where a
/// distance is the margin itself.
const TOLERANCE: f64 = 1e-5;

/// The structure with the margins around it, within the grid.
pub fn grow(slices: &Slices, grid: &VoxelGrid, margins: &Margins) -> Slices {
    let [u, v, n] = margins.along(grid);
    let slabs = Slabs::of(grid);
    let mut fields: BTreeMap<usize, Field> = BTreeMap::new();
    let mut out = Slices::new();
    let (Some(first), Some(last)) = (slices.keys().next(), slices.keys().next_back()) else { return out };
    let finest_mm = grid.spacing_i_mm().min(grid.spacing_j_mm());
    for k in slabs.reached_from(*first, *last, n) {
        let sources: Vec<(usize, f64)> =
            slices.keys().filter_map(|&m| slabs.cost(m, k, n).map(|cost| (m, cost))).collect();
        fields.retain(|m, _| sources.iter().any(|(source, _)| source == m));
        let mut sum: Option<Field> = None;
        let mut exact: Vec<&Arc<SliceContours>> = Vec::new();
        for (m, cost) in sources {
            let field = match fields.entry(m) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(new) => {
                    let Some(field) = Field::around(&slices[&m], grid, [u, v]) else { continue };
                    new.insert(field)
                }
            };
            match &mut sum {
                Some(sum) => sum.lower(field, cost as f32),
                None => sum = Some(field.raised(cost as f32)),
            }
            // Where less than a pixel is left of the margin in this plane, the rings say better where it ends.
            let left = (1.0 - cost).max(0.0).sqrt() * u.iter().chain(&v).fold(f64::INFINITY, |a, b| a.min(*b));
            if left < finest_mm {
                exact.push(&slices[&m]);
            }
        }
        let Some(sum) = sum else { continue };
        let inward = Array2::from_shape_vec(sum.shape, sum.values).expect("one value a voxel").mapv(|x| -x.sqrt());
        let grown = trace(inward.view(), -(1.0 + TOLERANCE) as f32, grid, sum.first_ji);
        let grown = exact.into_iter().fold(grown, |all, rings| boolean(&all, rings, BooleanOp::Union));
        if !grown.is_empty() {
            out.insert(k, Arc::new(grown));
        }
    }
    out
}

/// What is left where the margins are taken off inside: the side `left` moves to the right, and so on. Where the scan
/// cuts the structure off it has no surface and keeps its place.
pub fn shrink(slices: &Slices, grid: &VoxelGrid, margins: &Margins) -> Slices {
    // What is outside grows towards the other side.
    let [u, v, n] = margins.along(grid).map(|[negative, positive]| [positive, negative]);
    let slabs = Slabs::of(grid);
    let smallest = u.iter().chain(&v).fold(f64::INFINITY, |a, b| a.min(*b));
    let finest_mm = grid.spacing_i_mm().min(grid.spacing_j_mm());
    let mut out = Slices::new();
    for (&k, rings) in slices {
        let Some((first_ji, shape)) = bounds(rings, grid, [[0.0; 2]; 2]) else { continue };
        let mut sum = Field { first_ji, shape, values: vec![FAR; shape[0] * shape[1]] };
        for m in 0..grid.slices() {
            let Some(cost) = slabs.cost(m, k, n) else { continue };
            match slices.get(&m) {
                Some(rings) => {
                    let outside = Field::of(&sum, rings, grid, [u, v], true);
                    sum.lower(&outside, cost as f32);
                }
                // All of that slice is outside.
                None => sum.values.iter_mut().for_each(|x| *x = x.min(cost as f32)),
            }
        }
        let depth = Array2::from_shape_vec(sum.shape, sum.values).expect("one value a voxel").mapv(f32::sqrt);
        let mut left = trace(depth.view(), (1.0 - TOLERANCE) as f32, grid, first_ji);
        if smallest < finest_mm {
            left = boolean(&left, rings, BooleanOp::Intersection);
        }
        if !left.is_empty() {
            out.insert(k, Arc::new(left));
        }
    }
    out
}

/// From where to where each slice reaches along the normal, mm.
struct Slabs {
    at: Vec<f64>,
    ends: Vec<[f64; 2]>,
}

impl Slabs {
    fn of(grid: &VoxelGrid) -> Self {
        let at = grid.positions_mm().to_vec();
        let ends = half_steps(&at).iter().zip(&at).map(|(half, z)| [z - half[0], z + half[1]]).collect();
        Self { at, ends }
    }

    /// The square of the way from slab `m` to the middle of slice `k` as a part of the radius; `None` beyond it.
    fn cost(&self, m: usize, k: usize, [down, up]: [f64; 2]) -> Option<f64> {
        let (way, radius) = match m.cmp(&k) {
            std::cmp::Ordering::Equal => return Some(0.0),
            std::cmp::Ordering::Less => (self.at[k] - self.ends[m][1], up),
            std::cmp::Ordering::Greater => (self.ends[m][0] - self.at[k], down),
        };
        (radius > 0.0 && way <= radius * (1.0 + TOLERANCE)).then(|| (way / radius).powi(2).min(1.0))
    }

    fn reached_from(&self, first: usize, last: usize, [down, up]: [f64; 2]) -> std::ops::Range<usize> {
        let low = self.ends[first][0] - down * (1.0 + TOLERANCE);
        let high = self.ends[last][1] + up * (1.0 + TOLERANCE);
        self.at.partition_point(|z| *z < low).min(first)..self.at.partition_point(|z| *z <= high).max(last + 1)
    }
}

/// Rows and columns of the grid that hold the rings and what is `reach` (towards smaller and larger u and v) around
/// them, with two pixels to spare; `None` where none is in the grid.
fn bounds(rings: &SliceContours, grid: &VoxelGrid, reach: [[f64; 2]; 2]) -> Option<([usize; 2], [usize; 2])> {
    let [low, high] = rings.bounds()?;
    let low = grid.index_from_plane([low[0] - reach[0][0], low[1] - reach[1][0]]).floor() - 2.0;
    let high = grid.index_from_plane([high[0] + reach[0][1], high[1] + reach[1][1]]).ceil() + 2.0;
    let range = |low: f64, high: f64, size: usize| {
        let (from, to) = (low.max(0.0), (high + 1.0).min(size as f64));
        (to > from).then_some((from as usize, (to - from) as usize))
    };
    let (j, rows) = range(low.y, high.y, grid.rows())?;
    let (i, columns) = range(low.x, high.x, grid.columns())?;
    Some(([j, i], [rows, columns]))
}

/// Squared parts of the margin over a part of a slice.
struct Field {
    first_ji: [usize; 2],
    /// Rows, columns.
    shape: [usize; 2],
    values: Vec<f32>,
}

impl Field {
    /// The way from the rings over all that the margin reaches.
    fn around(rings: &SliceContours, grid: &VoxelGrid, reach: [[f64; 2]; 2]) -> Option<Self> {
        let (first_ji, shape) = bounds(rings, grid, reach)?;
        Some(Self::of(&Self { first_ji, shape, values: Vec::new() }, rings, grid, reach, false))
    }

    /// The way from the rings, or from what is beside them, over the place of another field.
    fn of(place: &Self, rings: &SliceContours, grid: &VoxelGrid, reach: [[f64; 2]; 2], beside: bool) -> Self {
        let (first_ji, shape) = (place.first_ji, place.shape);
        let lattice = Lattice::of_grid(grid, first_ji, shape);
        let [rows, columns] = shape;
        let mut values = vec![FAR; rows * columns];
        let mut along = vec![FAR; rows * columns];
        for axis in 0..2 {
            along.fill(FAR);
            let step = |line: usize, n: usize| if axis == 0 { line * columns + n } else { n * columns + line };
            let count = [columns, rows][axis];
            let spacing = lattice.spacing[axis];
            // The image ends half a pixel beyond the last centres; what is beyond is on neither side.
            let low = grid.plane_from_index(-0.5, -0.5)[axis];
            let high = grid.plane_from_index(grid.columns() as f64 - 0.5, grid.rows() as f64 - 0.5)[axis];
            let origin = lattice.origin[axis];
            let mut used = vec![false; lattice.shape[axis]];
            for (line, inside) in lattice.intervals(rings, axis).into_iter().enumerate() {
                for [a, b] in if beside { gaps(&inside, [low, high]) } else { inside } {
                    used[line] = true;
                    let reached = reached(origin, spacing, count, [a, b], reach[axis]);
                    for n in reached {
                        let x = origin + n as f64 * spacing;
                        let part = if x < a {
                            (a - x) / reach[axis][0]
                        } else if x > b {
                            (x - b) / reach[axis][1]
                        } else {
                            0.0
                        };
                        let value = &mut along[step(line, n)];
                        *value = value.min((part * part).min(f64::from(FAR)) as f32);
                    }
                }
            }
            let taps = taps(lattice.spacing[1 - axis], reach[1 - axis]);
            if axis == 0 {
                across_rows(&along, &mut values, columns, &taps, &used);
            } else {
                along_rows(&along, &mut values, columns, &taps);
            }
        }
        Self { first_ji, shape, values }
    }

    /// The same with so much more everywhere.
    fn raised(&self, cost: f32) -> Self {
        let values = self.values.iter().map(|x| x + cost).collect();
        Self { first_ji: self.first_ji, shape: self.shape, values }
    }

    /// The lower of this and another with so much more, over both places.
    fn lower(&mut self, other: &Self, cost: f32) {
        let low: [usize; 2] = std::array::from_fn(|a| self.first_ji[a].min(other.first_ji[a]));
        let end = |field: &Self, a: usize| field.first_ji[a] + field.shape[a];
        let shape: [usize; 2] = std::array::from_fn(|a| end(self, a).max(end(other, a)) - low[a]);
        if low != self.first_ji || shape != self.shape {
            let mut wider = Self { first_ji: low, shape, values: vec![FAR; shape[0] * shape[1]] };
            wider.lower(self, 0.0);
            *self = wider;
        }
        let offset = [other.first_ji[0] - low[0], other.first_ji[1] - low[1]];
        for (j, row) in other.values.chunks_exact(other.shape[1]).enumerate() {
            let at = (j + offset[0]) * shape[1] + offset[1];
            lower_row(&mut self.values[at..at + row.len()], row, cost);
        }
    }
}

/// The points of a line that an interval reaches, and those next to them, where the outline is interpolated.
fn reached(origin: f64, spacing: f64, count: usize, [a, b]: [f64; 2], reach: [f64; 2]) -> std::ops::Range<usize> {
    let index = |x: f64| ((x - origin) / spacing).clamp(-1.0, count as f64 + 1.0);
    let spare = |mm: f64| if mm > 0.0 { mm + 1.5 * spacing } else { 0.0 };
    let from = index(a - spare(reach[0])).ceil().max(0.0) as usize;
    let to = (index(b + spare(reach[1])).floor() + 1.0).max(0.0) as usize;
    from.min(count)..to.min(count).max(from.min(count))
}

/// Steps across lines as far as the margin reaches and a little more, with their cost.
fn taps(spacing: f64, [negative, positive]: [f64; 2]) -> Vec<(isize, f32)> {
    let side = |radius: f64, sign: isize| {
        let count = if radius > 0.0 { (radius / spacing + 1.5).floor() as isize } else { 0 };
        (1..=count).map(move |n| (sign * n, (n as f64 * spacing / radius).powi(2).min(f64::from(FAR)) as f32))
    };
    std::iter::once((0, 0.0)).chain(side(negative, -1)).chain(side(positive, 1)).collect()
}

fn lower_row(out: &mut [f32], row: &[f32], cost: f32) {
    for (out, x) in out.iter_mut().zip(row) {
        let x = x + cost;
        if x < *out {
            *out = x;
        }
    }
}

fn across_rows(along: &[f32], values: &mut [f32], columns: usize, taps: &[(isize, f32)], used: &[bool]) {
    for (j, row) in along.chunks_exact(columns).enumerate().filter(|(j, _)| used[*j]) {
        for &(step, cost) in taps {
            if let Some(to) = j.checked_add_signed(step).filter(|to| *to < used.len()) {
                lower_row(&mut values[to * columns..(to + 1) * columns], row, cost);
            }
        }
    }
}

fn along_rows(along: &[f32], values: &mut [f32], columns: usize, taps: &[(isize, f32)]) {
    for (row, out) in along.chunks_exact(columns).zip(values.chunks_exact_mut(columns)) {
        for &(step, cost) in taps {
            let by = step.unsigned_abs();
            if by < columns {
                if step >= 0 {
                    lower_row(&mut out[by..], &row[..columns - by], cost);
                } else {
                    lower_row(&mut out[..columns - by], &row[by..], cost);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::{Ring, area_mm2};
    use glam::DVec3;
    use proptest::prelude::*;

    fn uneven(i_direction: DVec3) -> VoxelGrid {
        let z = vec![0.0, 2.0, 5.0, 6.5, 12.0, 15.0, 17.0];
        VoxelGrid::new(DVec3::new(5.0, -7.0, 0.0), i_direction, DVec3::Y, [0.9, 1.3], [30, 22], z).expect("valid grid")
    }

    /// A blob of eight corners and a hole on two slices each.
    fn any_structure() -> impl Strategy<Value = Vec<(usize, Vec<f64>)>> {
        proptest::collection::vec((1usize..6, proptest::collection::vec(1.5..5.0f64, 8)), 1..4)
    }

    fn structure(grid: &VoxelGrid, of: &[(usize, Vec<f64>)]) -> Slices {
        let center = grid.plane_from_index(14.6, 10.3);
        of.iter()
            .map(|(k, radii)| {
                let ring = |part: f64| {
                    Ring::new(radii.iter().enumerate().map(|(m, r)| {
                        let (s, c) = (std::f64::consts::TAU * m as f64 / 8.0 + 0.2).sin_cos();
                        [center[0] + part * r * c, center[1] + part * r * s]
                    }))
                };
                (*k, Arc::new(SliceContours::new(vec![ring(1.0), ring(0.3)])))
            })
            .collect()
    }

    /// The smallest squared part of the margin on the way from any point inside (or outside) to a voxel, by looking at
    /// points a fine step apart on every slab.
    fn brute_force(slices: &Slices, grid: &VoxelGrid, at: [usize; 3], radii: [[f64; 2]; 3], inside: bool) -> f64 {
        let [k, j, i] = at;
        let p = grid.plane_from_index(i as f64, j as f64);
        let slabs = Slabs::of(grid);
        let nothing = Arc::new(SliceContours::default());
        let mut best = f64::INFINITY;
        let part = |way: f64, radii: [f64; 2]| (way / if way >= 0.0 { radii[1] } else { radii[0] }).powi(2);
        for m in 0..grid.slices() {
            let Some(dz) = slabs.cost(m, k, radii[2]) else { continue };
            let rings = slices.get(&m).unwrap_or(&nothing);
            let step = 0.15;
            for a in -70i32..=70 {
                for b in -70i32..=70 {
                    let q = [p[0] + f64::from(a) * step, p[1] + f64::from(b) * step];
                    let cost = dz + part(p[0] - q[0], radii[0]) + part(p[1] - q[1], radii[1]);
                    if cost < best && rings.contains(q) == inside {
                        best = cost;
                    }
                }
            }
        }
        best
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]

        #[test]
        fn a_margin_is_what_brute_force_finds(
            shape in any_structure(), sides in proptest::array::uniform6(1.2..5.0f64), mirrored in any::<bool>(), out in any::<bool>(),
        ) {
            let g = uneven(if mirrored { DVec3::NEG_X } else { DVec3::X });
            let slices = structure(&g, &shape);
            let [left, right, anterior, posterior, superior, inferior] = sides;
            let margins = Margins { left, right, anterior, posterior, superior, inferior };
            let changed = if out { grow(&slices, &g, &margins) } else { shrink(&slices, &g, &margins) };
            let radii = margins.along(&g).map(|r| if out { r } else { [r[1], r[0]] });
            let nothing = Arc::new(SliceContours::default());
            for k in 0..g.slices() { for j in (0..22).step_by(2) { for i in (0..30).step_by(3) {
                let truth = brute_force(&slices, &g, [k, j, i], radii, out).sqrt();
                // Points a step apart are known to a step, outlines to a small part of a pixel.
                if (truth - 1.0).abs() > 0.2 / sides.iter().fold(f64::INFINITY, |a, b| a.min(*b)) {
                    let expected = if out { truth <= 1.0 } else {
                        truth >= 1.0 && slices.get(&k).is_some_and(|c| c.contains(g.plane_from_index(i as f64, j as f64)))
                    };
                    let found = changed.get(&k).unwrap_or(&nothing).contains(g.plane_from_index(i as f64, j as f64));
                    prop_assert_eq!(found, expected, "{:?} {}", [k, j, i], truth);
                }
            }}}
        }
    }

    fn disc(radius: f64) -> Arc<SliceContours> {
        let points = (0..120).map(|m| {
            let (s, c) = (std::f64::consts::TAU * f64::from(m) / 120.0).sin_cos();
            [radius * c + 0.3, radius * s - 0.2]
        });
        Arc::new(SliceContours::new(vec![Ring::new(points)]))
    }

    fn even() -> VoxelGrid {
        VoxelGrid::axial(DVec3::new(-40.0, -40.0, 0.0), [0.8, 0.8, 3.0], [101, 101, 20]).expect("valid grid")
    }

    #[test]
    fn a_disc_grows_to_the_cross_sections_of_the_sum_with_a_ball() {
        let g = even();
        let slices: Slices = [(9, disc(10.0)), (10, disc(10.0))].into();
        let grown = grow(&slices, &g, &Margins::uniform(8.0));
        // The slab ends 1.5 mm beyond slice 10: slices 11 and 12 lie 1.5 and 4.5 mm beyond it, 13 at 7.5.
        assert_eq!(
            grown.keys().copied().collect::<Vec<_>>(),
            (7..=12).chain([6, 13]).collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        );
        for (k, beyond) in [(10, 0.0f64), (11, 1.5), (12, 4.5), (13, 7.5)] {
            let radius = 10.0 + (64.0 - beyond * beyond).sqrt();
            let truth = std::f64::consts::PI * radius * radius;
            let found = area_mm2(&grown[&k]);
            assert!((found / truth - 1.0).abs() < 0.008, "{k}: {found} for {truth}");
            for p in grown[&k].rings[0].points() {
                assert!(((p[0] - 0.3).hypot(p[1] + 0.2) - radius).abs() < 0.08, "{k}: {p:?}");
            }
        }
        let back = shrink(&grown, &g, &Margins::uniform(8.0));
        let kept = area_mm2(&back[&10]) / area_mm2(&slices[&10]);
        assert!((kept - 1.0).abs() < 0.02, "{kept}");
    }

    #[test]
    fn each_side_goes_its_own_way_whichever_way_the_patient_lay() {
        let z: Vec<f64> = (0..20).map(|k| -57.0 + 3.0 * f64::from(k)).collect();
        // Feet first: columns run to the right, the normal to the feet.
        let feet_first = VoxelGrid::new(DVec3::new(40.0, -40.0, 57.0), DVec3::NEG_X, DVec3::Y, [0.8; 2], [101, 101], z)
            .expect("valid");
        for g in [even(), feet_first] {
            let square = |r: f64| Ring::new([[-r, -r], [r, -r], [r, r], [-r, r]]);
            let slices: Slices = [(10, Arc::new(SliceContours::new(vec![square(10.0)])))].into();
            let margins =
                Margins { left: 6.0, right: 0.0, anterior: 3.0, posterior: 9.0, superior: 6.0, inferior: 0.0 };
            let grown = grow(&slices, &g, &margins);
            let toward_head = if g.normal().z > 0.0 { vec![10, 11, 12] } else { vec![8, 9, 10] };
            assert_eq!(grown.keys().copied().collect::<Vec<_>>(), toward_head);
            let corners = grown[&10].bounds().expect("rings").map(|p| g.patient_from_plane(p, g.position_mm(10)));
            let (low, high) = (corners[0].min(corners[1]), corners[0].max(corners[1]));
            for (found, truth) in [(low.x, -10.0), (high.x, 16.0), (low.y, -13.0), (high.y, 19.0)] {
                assert!((found - truth).abs() < 0.05, "{found} for {truth}");
            }
        }
    }

    #[test]
    fn no_margin_changes_nothing_and_too_much_leaves_nothing() {
        let g = even();
        let slices: Slices = [(9, disc(10.0)), (10, disc(10.0))].into();
        for same in [grow(&slices, &g, &Margins::uniform(0.0)), shrink(&slices, &g, &Margins::uniform(0.0))] {
            assert_eq!(same.keys().copied().collect::<Vec<_>>(), [9, 10]);
            let changed = boolean(&same[&9], &slices[&9], BooleanOp::Xor);
            assert!(area_mm2(&changed) < 0.02, "{}", area_mm2(&changed));
        }
        assert!(shrink(&slices, &g, &Margins::uniform(11.0)).is_empty());
        assert!(grow(&Slices::new(), &g, &Margins::uniform(5.0)).is_empty());
    }

    #[test]
    fn the_image_ends_a_margin_and_does_not_shrink_what_it_cuts_off() {
        let g = even();
        let all: Slices = (0..20).map(|k| (k, disc(60.0))).collect();
        let shrunk = shrink(&all, &g, &Margins::uniform(5.0));
        assert_eq!(shrunk.len(), 20);
        assert!(area_mm2(&shrunk[&0]) > 80.0 * 80.0, "only the corners of the image are outside");
        let grown = grow(&shrunk, &g, &Margins::uniform(30.0));
        let [low, high] = grown[&3].bounds().expect("rings");
        assert!(low[0] >= -40.41 && high[0] <= 40.41, "{low:?} {high:?}");
    }
}
