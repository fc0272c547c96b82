//! Contours for the empty slices between drawn ones, by the shapes of both (signed distance, Raya and Udupa 1990).
//!
//! Islands of two drawn slices that lie above each other belong together, however they branch; what belongs together is
//! laid over each other by its centre where that fits better, so that an oblique tube stays as wide as it is. Between
//! them the signed distances are mixed by the true positions of the slices, and traced. An island that ends at a
//! neighbour without it closes within its own half width.

use super::lines::{Lattice, signed_distance_mm};
use super::tidy::{islands, overlap};
use super::{BooleanOp, Ring, SliceContours, Slices, area_mm2, boolean, trace};
use crate::geometry::{PlanePoint, VoxelGrid};
use glam::DVec3;
use std::sync::Arc;

/// Contours that are not drawn yet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Interpolation {
    /// Slices between drawn ones, and none that is drawn.
    pub slices: Slices,
    /// How many empty slices lie between drawn ones: where both neighbours end, fewer get contours.
    pub empty: usize,
}

/// Fills the empty slices between drawn ones.
pub fn interpolate(slices: &Slices, grid: &VoxelGrid) -> Interpolation {
    let mut out = Interpolation::default();
    for [from, to] in empty_between(slices, grid) {
        out.empty += to - from - 1;
        out.slices.append(&mut interpolate_between((from, &slices[&from]), (to, &slices[&to]), grid));
    }
    out
}

/// The pairs of drawn slices with empty ones between them.
pub fn empty_between(slices: &Slices, grid: &VoxelGrid) -> Vec<[usize; 2]> {
    let drawn: Vec<usize> = slices.keys().copied().filter(|k| *k < grid.slices()).collect();
    drawn.windows(2).filter(|pair| pair[1] > pair[0] + 1).map(|pair| [pair[0], pair[1]]).collect()
}

/// The slices between two drawn ones, each given with its index.
pub fn interpolate_between(
    (from, below): (usize, &SliceContours),
    (to, above): (usize, &SliceContours),
    grid: &VoxelGrid,
) -> Slices {
    let groups = groups(below, above);
    let positions = [grid.position_mm(from), grid.position_mm(to)];
    let bridges: Vec<Bridge> = groups.iter().filter_map(|[a, b]| Bridge::new(a, b, positions, grid)).collect();
    let mut out = Slices::new();
    for k in from + 1..to {
        let pieces = bridges.iter().map(|bridge| bridge.at(grid.position_mm(k)));
        let all = pieces.reduce(|all, piece| boolean(&all, &piece, BooleanOp::Union)).unwrap_or_default();
        if !all.is_empty() {
            out.insert(k, Arc::new(all));
        }
    }
    out
}

/// What belongs together of two slices: islands above each other, directly or through others, and of the rest those
/// that are nearest to each other and not too far apart.
fn groups(below: &SliceContours, above: &SliceContours) -> Vec<[SliceContours; 2]> {
    let sides = [islands(below), islands(above)];
    let mut groups: Vec<[Vec<usize>; 2]> = (0..sides[0].len()).map(|a| [vec![a], Vec::new()]).collect();
    for (b, piece) in sides[1].iter().enumerate() {
        let (met, mut rest): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|g| g[0].iter().any(|&a| overlap(&sides[0][a], piece)));
        let mut joined = met.into_iter().fold([Vec::new(), Vec::new()], |[mut x, mut y], [a, b]| {
            x.extend(a);
            y.extend(b);
            [x, y]
        });
        joined[1].push(b);
        rest.push(joined);
        groups = rest;
    }
    // Islands without a partner: a tube that has moved by more than its width.
    loop {
        let alone = |side: usize| {
            let other = 1 - side;
            groups.iter().enumerate().filter(move |(_, g)| g[other].is_empty()).map(|(n, _)| n).collect::<Vec<_>>()
        };
        let mut best: Option<(f64, usize, usize)> = None;
        for &x in &alone(0) {
            for &y in &alone(1) {
                let (a, b) = (&sides[0][groups[x][0][0]], &sides[1][groups[y][1][0]]);
                let (p, q) = (centroid(a), centroid(b));
                let apart = (p[0] - q[0]).hypot(p[1] - q[1]);
                let widths = [a, b].map(|c| 2.0 * (area_mm2(c) / std::f64::consts::PI).sqrt());
                if apart <= 1.5 * f64::midpoint(widths[0], widths[1]) && best.is_none_or(|(least, ..)| apart < least) {
                    best = Some((apart, x, y));
                }
            }
        }
        let Some((_, x, y)) = best else { break };
        let taken = std::mem::take(&mut groups[y][1]);
        groups[x][1] = taken;
        groups.remove(y);
    }
    let gathered = |side: usize, members: &[usize]| {
        SliceContours::new(members.iter().flat_map(|&m| sides[side][m].rings.clone()).collect())
    };
    groups.iter().map(|g| [gathered(0, &g[0]), gathered(1, &g[1])]).collect()
}

/// Centre of the area.
fn centroid(contours: &SliceContours) -> PlanePoint {
    let (mut area, mut sum) = (0.0, [0.0; 2]);
    let origin = contours.bounds().map_or([0.0; 2], |b| b[0]);
    for (a, b) in contours.rings.iter().flat_map(Ring::edges) {
        let (a, b) = ([a[0] - origin[0], a[1] - origin[1]], [b[0] - origin[0], b[1] - origin[1]]);
        let cross = a[0] * b[1] - b[0] * a[1];
        area += cross / 2.0;
        sum = [sum[0] + (a[0] + b[0]) * cross / 6.0, sum[1] + (a[1] + b[1]) * cross / 6.0];
    }
    if area.abs() < 1e-9 { origin } else { [origin[0] + sum[0] / area, origin[1] + sum[1] / area] }
}

fn moved(contours: &SliceContours, by: [f64; 2]) -> SliceContours {
    let ring = |r: &Ring| Ring::new(r.points().iter().map(|p| [p[0] + by[0], p[1] + by[1]]));
    SliceContours::new(contours.rings.iter().map(ring).collect())
}

/// Both ends of a group, each around its own centre.
struct Bridge {
    positions: [f64; 2],
    centers: [PlanePoint; 2],
    /// `None` where the group is not on that slice.
    fields: [Option<ndarray::Array2<f32>>; 2],
    /// A lattice of the plane, as a grid of one slice.
    lattice: VoxelGrid,
}

impl Bridge {
    fn new(a: &SliceContours, b: &SliceContours, positions: [f64; 2], grid: &VoxelGrid) -> Option<Self> {
        let ends = [a, b];
        let mut centers = ends.map(centroid);
        if a.is_empty() {
            centers[0] = centers[1];
        } else if b.is_empty() {
            centers[1] = centers[0];
        } else {
            let shared = |move_b: [f64; 2]| {
                let b = moved(b, move_b);
                area_mm2(&boolean(a, &b, BooleanOp::Intersection)) / area_mm2(&boolean(a, &b, BooleanOp::Union))
            };
            let onto = [centers[0][0] - centers[1][0], centers[0][1] - centers[1][1]];
            if shared(onto) < shared([0.0; 2]) - 1e-6 {
                centers[1] = centers[0];
            }
        }
        let own: [SliceContours; 2] = std::array::from_fn(|n| moved(ends[n], [-centers[n][0], -centers[n][1]]));
        let bounds = own
            .iter()
            .filter_map(SliceContours::bounds)
            .reduce(|[a, b], [c, d]| [[a[0].min(c[0]), a[1].min(c[1])], [b[0].max(d[0]), b[1].max(d[1])]])?;
        // Small islands are sampled more finely than the scan.
        let smallest = ends.iter().filter(|c| !c.is_empty()).map(|c| area_mm2(c)).fold(f64::INFINITY, f64::min);
        let spacing = grid.spacing_i_mm().min(grid.spacing_j_mm()).min(smallest.sqrt() / 12.0).max(0.2);
        let origin = bounds[0].map(|x| x - 2.0 * spacing);
        let shape = [1, 0].map(|axis: usize| ((bounds[1][axis] - origin[axis]) / spacing).ceil() as usize + 3);
        let lattice = Lattice { origin, spacing: [spacing; 2], shape };
        let fields = own.map(|c| (!c.is_empty()).then(|| signed_distance_mm(&c, &lattice)));
        let lattice =
            VoxelGrid::axial(DVec3::new(origin[0], origin[1], 0.0), [spacing, spacing, 1.0], [shape[1], shape[0], 1]);
        Some(Self { positions, centers, fields, lattice: lattice.ok()? })
    }

    /// The contours at a position between both ends.
    fn at(&self, position_mm: f64) -> SliceContours {
        let gap = self.positions[1] - self.positions[0];
        let part = (position_mm - self.positions[0]) / gap;
        let [a, b] = self.centers;
        let center = [a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])];
        let closing = |field: &ndarray::Array2<f32>, way: f64| {
            let depth = field.iter().fold(0.0f32, |a, b| a.max(*b));
            let lost = way as f32 * (depth / gap as f32).max(1.0);
            field.mapv(|x| x - lost)
        };
        let field = match &self.fields {
            [Some(a), Some(b)] => {
                let part = part as f32;
                ndarray::Zip::from(a).and(b).map_collect(|a, b| (1.0 - part) * a + part * b)
            }
            [Some(a), None] => closing(a, part * gap),
            [None, Some(b)] => closing(b, (1.0 - part) * gap),
            [None, None] => return SliceContours::default(),
        };
        moved(&trace(field.view(), 0.0, &self.lattice, [0, 0]), center)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::volume_mm3;

    fn circle(u: f64, v: f64, radius: f64) -> Ring {
        Ring::new((0..180).map(|m| {
            let (s, c) = (std::f64::consts::TAU * f64::from(m) / 180.0).sin_cos();
            [u + radius * c, v + radius * s]
        }))
    }

    fn grid() -> VoxelGrid {
        let mut z = 0.0;
        let positions = (0..31)
            .map(|k| {
                z += if k % 3 == 0 { 1.0 } else { 2.5 };
                z
            })
            .collect();
        VoxelGrid::new(DVec3::new(-50.0, -50.0, 0.0), DVec3::X, DVec3::Y, [0.98; 2], [104, 104], positions)
            .expect("valid grid")
    }

    /// The truth on every slice, and what is left when only every fourth one is drawn.
    fn check(shape: impl Fn(f64) -> Vec<Ring>, what: &str) -> Slices {
        let g = grid();
        let all: Slices = (0..29).map(|k| (k, Arc::new(SliceContours::new(shape(g.position_mm(k)))))).collect();
        let drawn: Slices = all.iter().filter(|(k, _)| *k % 4 == 0).map(|(k, c)| (*k, Arc::clone(c))).collect();
        let found = interpolate(&drawn, &g);
        assert_eq!(found.empty, 21);
        assert!(found.slices.keys().all(|k| !drawn.contains_key(k)), "never over a drawn slice");
        let mut filled = drawn;
        filled.extend(found.slices.clone());
        let (volume, truth) = (volume_mm3(&filled, &g), volume_mm3(&all, &g));
        assert!((volume / truth - 1.0).abs() < 0.01, "{what}: {volume} for {truth}");
        let wrong: Slices = all.iter().map(|(k, c)| (*k, Arc::new(boolean(c, &filled[k], BooleanOp::Xor)))).collect();
        let wrong = volume_mm3(&wrong, &g) / truth;
        assert!(wrong < 0.03, "{what}: {wrong} of the volume lies elsewhere");
        found.slices
    }

    #[test]
    fn cones_keep_their_volume_straight_and_oblique_over_uneven_slices() {
        check(|z| vec![circle(0.0, 0.0, 25.0 - 0.3 * z)], "straight");
        check(|z| vec![circle(0.6 * z - 18.0, 10.0 - 0.3 * z, 22.0 - 0.25 * z)], "oblique");
    }

    #[test]
    fn a_tube_with_a_wall_keeps_its_hole() {
        let found = check(|z| vec![circle(0.0, 0.0, 25.0 - 0.3 * z), circle(1.0, 0.0, 12.0 - 0.15 * z)], "tube");
        assert!(found.values().all(|c| c.rings.len() == 2));
    }

    #[test]
    fn a_branch_keeps_its_volume() {
        let g = grid();
        check(
            |z| {
                let apart = (0.55 * z - 8.0).max(0.0);
                let [a, b] = [-apart, apart].map(|u| SliceContours::new(vec![circle(u, 0.0, 13.0)]));
                boolean(&a, &b, BooleanOp::Union).rings
            },
            "branch",
        );
        let two: Slices = [
            (0, Arc::new(SliceContours::new(vec![circle(0.0, 0.0, 15.0)]))),
            (6, Arc::new(SliceContours::new(vec![circle(-10.0, 0.0, 6.0), circle(10.0, 0.0, 6.0)]))),
        ]
        .into();
        let found = interpolate(&two, &g).slices;
        assert_eq!((found[&1].rings.len(), found[&5].rings.len()), (1, 2));
    }

    #[test]
    fn an_island_that_ends_closes_and_one_that_moves_is_followed() {
        let g = grid();
        let slices: Slices = [
            (4, Arc::new(SliceContours::new(vec![circle(0.0, 0.0, 20.0), circle(-40.0, 0.0, 4.0)]))),
            (8, Arc::new(SliceContours::new(vec![circle(0.0, 0.0, 20.0)]))),
            (12, Arc::new(SliceContours::new(vec![circle(0.0, 30.0, 14.0)]))),
        ]
        .into();
        let found = interpolate(&slices, &g).slices;
        let islands_at = |k: usize| islands(&found[&k]).iter().map(area_mm2).collect::<Vec<_>>();
        assert_eq!((islands_at(5).len(), islands_at(7).len()), (2, 1));
        let small = islands_at(5).into_iter().fold(f64::INFINITY, f64::min);
        assert!(small < std::f64::consts::PI * 9.1, "it closes within its half width: {small}");
        let middle = centroid(&found[&10]);
        let part = (g.position_mm(10) - g.position_mm(8)) / (g.position_mm(12) - g.position_mm(8));
        assert!((middle[1] - 30.0 * part).abs() < 0.3, "{middle:?}");
        let radius = (area_mm2(&found[&10]) / std::f64::consts::PI).sqrt();
        assert!((radius - (20.0 - 6.0 * part)).abs() < 0.2, "{radius}");
        assert_eq!(interpolate(&Slices::new(), &g), Interpolation::default());
    }
}
