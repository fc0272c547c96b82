//! Islands, holes and specks of a structure: found from its rings, removed or filled without touching any other ring.

use super::boolean::normalized_rings;
use super::{BooleanOp, Ring, SliceContours, Slices, area_mm2, boolean};
use crate::geometry::VoxelGrid;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Volume of the rings: their areas times the thickness of the slices, mm3.
pub fn volume_mm3(slices: &Slices, grid: &VoxelGrid) -> f64 {
    slices.iter().map(|(&k, contours)| area_mm2(contours) * grid.thickness_mm(k)).sum()
}

/// The separate pieces of a slice, each an outline with its holes. Rings that enclose nothing belong to none.
pub fn islands(contours: &SliceContours) -> Vec<SliceContours> {
    let (outlines, holes): (Vec<Ring>, Vec<Ring>) =
        normalized_rings(contours).into_iter().partition(|ring| ring.signed_area_mm2() > 0.0);
    let mut pieces: Vec<SliceContours> = outlines.into_iter().map(|ring| SliceContours::new(vec![ring])).collect();
    for hole in holes {
        // The smallest outline around it; a vertex may lie on the outline, so that the most of them decide.
        let owner = pieces
            .iter_mut()
            .filter(|piece| {
                let outline = SliceContours::new(vec![piece.rings[0].clone()]);
                let inside = hole.points().iter().filter(|p| outline.contains(**p)).count();
                2 * inside > hole.points().len()
            })
            .min_by(|a, b| a.rings[0].signed_area_mm2().total_cmp(&b.rings[0].signed_area_mm2()));
        if let Some(piece) = owner {
            piece.rings.push(hole);
        }
    }
    pieces
}

/// True where two pieces of neighbouring slices lie above each other.
pub(super) fn overlap(a: &SliceContours, b: &SliceContours) -> bool {
    let (Some([a_low, a_high]), Some([b_low, b_high])) = (a.bounds(), b.bounds()) else { return false };
    (0..2).all(|axis| a_low[axis] < b_high[axis] && b_low[axis] < a_high[axis])
        && !boolean(a, b, BooleanOp::Intersection).is_empty()
}

/// The structure without the pieces of slices that are not wanted.
fn keep(slices: &Slices, wanted: impl Fn(usize, usize) -> bool) -> Slices {
    let mut out = Slices::new();
    for (&k, contours) in slices {
        let unwanted: Vec<SliceContours> =
            islands(contours).into_iter().enumerate().filter(|(n, _)| !wanted(k, *n)).map(|(_, piece)| piece).collect();
        let left = if unwanted.is_empty() {
            Arc::clone(contours)
        } else {
            Arc::new(unwanted.iter().fold((**contours).clone(), |c, piece| without(&c, piece)))
        };
        if !left.is_empty() {
            out.insert(k, left);
        }
    }
    out
}

/// The rings without those of a piece; by geometry where the piece is no ring of its own (crossing rings).
fn without(contours: &SliceContours, piece: &SliceContours) -> SliceContours {
    let is_of_piece = |ring: &Ring| piece.rings.iter().any(|r| same_points(r, ring));
    let (gone, left): (Vec<&Ring>, Vec<&Ring>) = contours.rings.iter().partition(|ring| is_of_piece(ring));
    if gone.len() == piece.rings.len() {
        SliceContours::new(left.into_iter().cloned().collect())
    } else {
        boolean(contours, piece, BooleanOp::Difference)
    }
}

fn same_points(a: &Ring, b: &Ring) -> bool {
    a.points().len() == b.points().len() && a.points().iter().all(|p| b.points().contains(p))
}

/// Volume in space of each connected part, mm3, by the pieces of the slices: `(slice, number of the piece)`.
type Parts = Vec<(f64, Vec<(usize, usize)>)>;

fn parts(slices: &Slices, grid: &VoxelGrid) -> Parts {
    let pieces: BTreeMap<usize, Vec<SliceContours>> = slices.iter().map(|(&k, c)| (k, islands(c))).collect();
    let names: Vec<(usize, usize)> = pieces.iter().flat_map(|(&k, all)| (0..all.len()).map(move |n| (k, n))).collect();
    let mut parent: Vec<usize> = (0..names.len()).collect();
    fn root(parent: &mut [usize], mut at: usize) -> usize {
        while parent[at] != at {
            parent[at] = parent[parent[at]];
            at = parent[at];
        }
        at
    }
    for (a, &(k, n)) in names.iter().enumerate() {
        for (b, &(l, m)) in names.iter().enumerate().skip(a + 1).take_while(|(_, (l, _))| *l <= k + 1) {
            if l == k + 1 && overlap(&pieces[&k][n], &pieces[&l][m]) {
                let (a, b) = (root(&mut parent, a), root(&mut parent, b));
                parent[a] = b;
            }
        }
    }
    let mut found: BTreeMap<usize, (f64, Vec<(usize, usize)>)> = BTreeMap::new();
    for (at, &(k, n)) in names.iter().enumerate() {
        let part = found.entry(root(&mut parent, at)).or_default();
        part.0 += area_mm2(&pieces[&k][n]) * grid.thickness_mm(k);
        part.1.push((k, n));
    }
    found.into_values().collect()
}

/// The structure without parts smaller than so much; parts are connected over neighbouring slices.
pub fn keep_islands(slices: &Slices, grid: &VoxelGrid, at_least_mm3: f64) -> Slices {
    let kept: Vec<(usize, usize)> = parts(slices, grid)
        .into_iter()
        .filter(|(mm3, _)| *mm3 >= at_least_mm3)
        .flat_map(|(_, pieces)| pieces)
        .collect();
    keep(slices, |k, n| kept.contains(&(k, n)))
}

/// The largest connected part alone.
pub fn largest_island(slices: &Slices, grid: &VoxelGrid) -> Slices {
    let largest = parts(slices, grid).into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let kept = largest.map(|(_, pieces)| pieces).unwrap_or_default();
    keep(slices, |k, n| kept.contains(&(k, n)))
}

/// The structure without pieces of a slice smaller than so much, whatever lies above or below them.
pub fn without_specks(slices: &Slices, at_least_mm2: f64) -> Slices {
    let areas: BTreeMap<usize, Vec<f64>> =
        slices.iter().map(|(&k, c)| (k, islands(c).iter().map(area_mm2).collect())).collect();
    keep(slices, |k, n| areas[&k][n] >= at_least_mm2)
}

/// The structure with its holes up to so much filled, with what lies in them; all of them without a limit.
pub fn fill_holes(slices: &Slices, up_to_mm2: Option<f64>) -> Slices {
    let limit = up_to_mm2.unwrap_or(f64::INFINITY);
    slices
        .iter()
        .map(|(&k, contours)| {
            let pieces = islands(contours);
            let holes: Vec<Ring> = pieces
                .iter()
                .flat_map(|piece| piece.rings.iter().skip(1))
                .filter(|hole| hole.signed_area_mm2().abs() <= limit)
                .map(|hole| Ring::exact(hole.points().to_vec()))
                .collect();
            let filled = holes.into_iter().fold(None, |all: Option<SliceContours>, hole| {
                let hole = SliceContours::new(vec![hole]);
                Some(boolean(all.as_ref().unwrap_or(contours), &hole, BooleanOp::Union))
            });
            (k, filled.map_or_else(|| Arc::clone(contours), Arc::new))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    fn square(u: f64, half: f64, source: u32) -> Ring {
        Ring::imported([[u - half, -half], [u + half, -half], [u + half, half], [u - half, half]], source)
    }

    fn stack(of: Vec<(usize, Vec<Ring>)>) -> Slices {
        of.into_iter().map(|(k, rings)| (k, Arc::new(SliceContours::new(rings)))).collect()
    }

    /// A large part with a hole and an island in the hole; a small one beside it on two slices.
    fn some() -> Slices {
        stack(vec![
            (1, vec![square(0.0, 20.0, 0), square(0.0, 10.0, 1), square(0.0, 2.0, 2)]),
            (2, vec![square(0.0, 20.0, 3), square(40.0, 5.0, 4)]),
            (3, vec![square(42.0, 5.0, 5)]),
            (6, vec![square(0.0, 1.0, 6)]),
        ])
    }

    fn grid() -> VoxelGrid {
        VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.0], [8, 8, 10]).expect("valid grid")
    }

    #[test]
    fn pieces_are_outlines_with_their_holes() {
        let areas: Vec<f64> = islands(&some()[&1]).iter().map(area_mm2).collect();
        assert_eq!(areas, [1600.0 - 400.0, 16.0]);
    }

    #[test]
    fn small_parts_go_and_the_rest_keeps_its_rings() {
        let (g, before) = (grid(), some());
        assert!((volume_mm3(&before, &g) - 2.0 * (1216.0 + 1700.0 + 100.0 + 4.0)).abs() < 1e-6);
        let after = keep_islands(&before, &g, 100.0);
        assert_eq!(after.keys().copied().collect::<Vec<_>>(), [1, 2, 3], "the part of 400 mm3 over two slices stays");
        assert!(Arc::ptr_eq(&after[&3], &before[&3]));
        assert_eq!(after[&1].rings.len(), 3, "what lies above a large part belongs to it");
        let after = keep_islands(&before, &g, 401.0);
        assert_eq!(after.keys().copied().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(after[&2].rings, [before[&2].rings[0].clone()], "with its source");
        assert_eq!(largest_island(&before, &g), after);
        let after = without_specks(&before, 20.0);
        assert_eq!((after[&1].rings.len(), after.len()), (2, 3));
    }

    #[test]
    fn holes_are_filled_up_to_an_area() {
        let filled = fill_holes(&some(), Some(399.0));
        assert_eq!(filled, some());
        let filled = fill_holes(&some(), None);
        assert_eq!(area_mm2(&filled[&1]), 1600.0);
        assert_eq!(filled[&1].rings, [square(0.0, 20.0, 0)]);
        assert_eq!(filled[&2], some()[&2]);
    }
}
