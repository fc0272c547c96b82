//! Connected parts of a tumour and the largest diameter of the largest one, kept slice by slice.
//!
//! An edit labels its own slice again and links it to the two neighbours; the parts in 3D are then joined
//! from these few labels whenever the diameter is asked for. Voxels are connected through faces.

use super::diameter::{hull, hull_diameter};
use crate::contour::{SliceContours, SliceMask};
use crate::geometry::{PlanePoint, VoxelGrid};
use std::collections::BTreeMap;

/// Columns `start..end` of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub row: usize,
    pub start: usize,
    pub end: usize,
}

/// The runs of a mask by row and column.
pub(super) fn runs(mask: &SliceMask) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::new();
    for row in mask.row_range() {
        let first_of_row = out.len();
        for (w, &word) in mask.row(row).iter().enumerate() {
            let mut left = word;
            while left != 0 {
                let low = left.trailing_zeros() as usize;
                let length = (left >> low).trailing_ones() as usize;
                left = if low + length == 64 { 0 } else { left & (u64::MAX << (low + length)) };
                let (start, end) = (w * 64 + low, w * 64 + low + length);
                match out[first_of_row..].last_mut() {
                    Some(previous) if previous.end == start => previous.end = end,
                    _ => out.push(Run { row, start, end }),
                }
            }
        }
    }
    out
}

/// Disjoint sets over `0..n`; the smallest member stands for its set.
struct Sets(Vec<usize>);

impl Sets {
    fn new(n: usize) -> Self {
        Self((0..n).collect())
    }

    fn find(&mut self, mut a: usize) -> usize {
        while self.0[a] != a {
            self.0[a] = self.0[self.0[a]];
            a = self.0[a];
        }
        a
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b)] = a.min(b);
    }
}

/// Calls `f` with the indices of each pair of runs that share a column, row `a.row + shift` against `b.row`.
fn each_overlap(a: &[Run], b: &[Run], shift: usize, mut f: impl FnMut(usize, usize)) {
    let mut from = 0;
    for (ia, ra) in a.iter().enumerate() {
        while from < b.len() && (b[from].row, b[from].end) <= (ra.row + shift, ra.start) {
            from += 1;
        }
        let mut ib = from;
        while ib < b.len() && b[ib].row == ra.row + shift && b[ib].start < ra.end {
            if b[ib].end > ra.start {
                f(ia, ib);
            }
            ib += 1;
        }
    }
}

/// A connected part of one slice.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    voxels: usize,
    /// Convex hull of its contour points, mm.
    hull: Vec<PlanePoint>,
    diameter_mm: f64,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct SlicePieces {
    runs: Vec<Run>,
    /// The piece of each run.
    piece_of: Vec<usize>,
    pieces: Vec<Piece>,
    /// `(piece of the slice below, piece of this slice)` that touch; empty if the slice below has none.
    links_below: Vec<(usize, usize)>,
}

impl SlicePieces {
    fn new(grid: &VoxelGrid, mask: &SliceMask, contours: &[&SliceContours]) -> Self {
        let runs = runs(mask);
        let mut sets = Sets::new(runs.len());
        each_overlap(&runs, &runs, 1, |a, b| sets.join(a, b));
        let mut piece_of = Vec::with_capacity(runs.len());
        let mut roots = Vec::new();
        let mut voxels = Vec::new();
        for (r, run) in runs.iter().enumerate() {
            let root = sets.find(r);
            // A root is the first run of its piece, so it is met before the others.
            let piece = roots.iter().position(|x| *x == root).unwrap_or_else(|| {
                roots.push(root);
                voxels.push(0);
                roots.len() - 1
            });
            voxels[piece] += run.end - run.start;
            piece_of.push(piece);
        }
        let mut slice = Self { runs, piece_of, pieces: Vec::new(), links_below: Vec::new() };
        let points = slice.share_points(grid, contours, voxels.len());
        slice.pieces = voxels
            .into_iter()
            .zip(points)
            .map(|(voxels, points)| {
                let hull = hull(points);
                Piece { voxels, diameter_mm: hull_diameter(&hull), hull }
            })
            .collect();
        slice
    }

    /// The piece that holds a voxel.
    fn piece_at(&self, row: usize, column: usize) -> Option<usize> {
        let after = self.runs.partition_point(|r| (r.row, r.start) <= (row, column));
        let at = after.checked_sub(1)?;
        (self.runs[at].row == row && column < self.runs[at].end).then(|| self.piece_of[at])
    }

    /// The piece of the voxel nearest to a point, looking two voxels far.
    fn piece_near(&self, grid: &VoxelGrid, point: PlanePoint) -> Option<usize> {
        let index = grid.index_from_plane(point);
        let mut best: Option<(f64, usize)> = None;
        for row in -2..=2 {
            for column in -2..=2 {
                let (j, i) = (index.y.round() + f64::from(row), index.x.round() + f64::from(column));
                if j < 0.0 || i < 0.0 {
                    continue;
                }
                if let Some(piece) = self.piece_at(j as usize, i as usize) {
                    let d = (j - index.y).hypot(i - index.x);
                    if best.is_none_or(|(nearest, _)| d < nearest) {
                        best = Some((d, piece));
                    }
                }
            }
        }
        best.map(|(_, piece)| piece)
    }

    /// Contour points by piece. A point belongs to the piece beside it, a spike to the piece of most points of
    /// its ring; a ring that encloses no voxel centre belongs nowhere. A piece that no contour describes gets
    /// the centres of its outermost voxels.
    fn share_points(&self, grid: &VoxelGrid, contours: &[&SliceContours], count: usize) -> Vec<Vec<PlanePoint>> {
        let mut shared = vec![Vec::new(); count];
        let rings: Vec<_> = contours.iter().flat_map(|c| &c.rings).filter(|r| r.points().len() > 2).collect();
        if let ([ring], 1) = (rings.as_slice(), count) {
            shared[0].extend_from_slice(ring.points());
            return shared;
        }
        for ring in rings {
            let near: Vec<Option<usize>> = ring.points().iter().map(|p| self.piece_near(grid, *p)).collect();
            let mut votes = vec![0usize; count];
            for piece in near.iter().flatten() {
                votes[*piece] += 1;
            }
            let most = votes.iter().copied().max().unwrap_or(0);
            let Some(main) = votes.iter().position(|v| *v == most && most > 0) else { continue };
            for (point, piece) in ring.points().iter().zip(near) {
                shared[piece.unwrap_or(main)].push(*point);
            }
        }
        let described: Vec<bool> = shared.iter().map(|points| !points.is_empty()).collect();
        for (run, piece) in self.runs.iter().zip(&self.piece_of) {
            if !described[*piece] {
                let at = |i: usize| grid.plane_from_index(i as f64, run.row as f64);
                shared[*piece].extend([at(run.start), at(run.end - 1)]);
            }
        }
        shared
    }

    fn link_below(&mut self, below: Option<&Self>) {
        self.links_below.clear();
        let Some(below) = below else { return };
        each_overlap(&below.runs, &self.runs, 0, |a, b| {
            self.links_below.push((below.piece_of[a], self.piece_of[b]));
        });
        self.links_below.sort_unstable();
        self.links_below.dedup();
    }
}

/// A tumour as its connected pieces on every slice.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Lesion {
    slices: BTreeMap<usize, SlicePieces>,
}

impl Lesion {
    pub fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }

    pub fn update_slice(&mut self, grid: &VoxelGrid, k: usize, mask: Option<&SliceMask>, contours: &[&SliceContours]) {
        match mask.filter(|m| !m.is_empty()) {
            Some(mask) => {
                let mut slice = SlicePieces::new(grid, mask, contours);
                slice.link_below(k.checked_sub(1).and_then(|b| self.slices.get(&b)));
                self.slices.insert(k, slice);
            }
            None => {
                self.slices.remove(&k);
            }
        }
        if let Some(mut above) = self.slices.remove(&(k + 1)) {
            above.link_below(self.slices.get(&k));
            self.slices.insert(k + 1, above);
        }
    }

    /// Largest diameter within a slice of the part with the largest volume, mm; 0 without voxels.
    pub fn largest_diameter_mm(&self, grid: &VoxelGrid) -> f64 {
        // Number the pieces over all slices.
        let mut first = Vec::with_capacity(self.slices.len());
        let mut total = 0;
        for slice in self.slices.values() {
            first.push(total);
            total += slice.pieces.len();
        }
        if total == 0 {
            return 0.0;
        }
        let mut sets = Sets::new(total);
        for (n, slice) in self.slices.values().enumerate() {
            for (below, here) in &slice.links_below {
                sets.join(first[n - 1] + below, first[n] + here);
            }
        }
        let mut volume = vec![0.0; total];
        for (n, (&k, slice)) in self.slices.iter().enumerate() {
            for (p, piece) in slice.pieces.iter().enumerate() {
                volume[sets.find(first[n] + p)] += piece.voxels as f64 * grid.voxel_mm3(k);
            }
        }
        let mut largest = 0;
        for (n, v) in volume.iter().enumerate() {
            if *v > volume[largest] {
                largest = n;
            }
        }
        let mut diameter: f64 = 0.0;
        for (n, slice) in self.slices.values().enumerate() {
            let of_largest: Vec<&Piece> = (0..slice.pieces.len())
                .filter(|p| sets.find(first[n] + p) == largest)
                .map(|p| &slice.pieces[p])
                .collect();
            let here = match of_largest.as_slice() {
                [] => 0.0,
                [piece] => piece.diameter_mm,
                // Joined above or below: one tumour, measured across all of it.
                many => hull_diameter(&hull(many.iter().flat_map(|p| p.hull.iter().copied()).collect())),
            };
            diameter = diameter.max(here);
        }
        diameter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::Ring;
    use crate::geometry::PatientPoint;
    use proptest::prelude::*;

    fn grid() -> VoxelGrid {
        VoxelGrid::axial(PatientPoint::ZERO, [1.0, 1.0, 2.0], [80, 40, 8]).unwrap()
    }

    /// Boxes `[j0, j1, i0, i1)` as a mask, and the rings through their voxel borders.
    fn boxes(list: &[[usize; 4]]) -> (SliceMask, SliceContours) {
        let mut dense = vec![false; 80 * 40];
        let mut rings = Vec::new();
        for [j0, j1, i0, i1] in list {
            for j in *j0..*j1 {
                dense[j * 80 + i0..j * 80 + i1].fill(true);
            }
            let [a, b, c, d] = [*i0, *i1, *j0, *j1].map(|x| x as f64 - 0.5);
            rings.push(Ring::new([[a, c], [b, c], [b, d], [a, d]]));
        }
        (SliceMask::from_dense(80, &dense), SliceContours::new(rings))
    }

    #[test]
    fn the_largest_part_counts_not_the_longest() {
        let grid = grid();
        let mut lesion = Lesion::default();
        // A long thin part on one slice, a compact one on two.
        let (mask, contours) = boxes(&[[0, 1, 0, 70], [10, 30, 10, 25]]);
        lesion.update_slice(&grid, 3, Some(&mask), &[&contours]);
        let (mask, contours) = boxes(&[[10, 30, 10, 25]]);
        lesion.update_slice(&grid, 4, Some(&mask), &[&contours]);
        assert_eq!(lesion.largest_diameter_mm(&grid), 25.0);
        lesion.update_slice(&grid, 4, None, &[]);
        assert_eq!(lesion.largest_diameter_mm(&grid), 25.0);
        lesion.update_slice(&grid, 3, None, &[]);
        assert!(lesion.is_empty() && lesion.largest_diameter_mm(&grid) == 0.0);
    }

    #[test]
    fn two_legs_of_one_tumour_are_measured_across() {
        let grid = grid();
        let mut lesion = Lesion::default();
        let (legs, leg_contours) = boxes(&[[0, 12, 0, 10], [0, 12, 20, 30]]);
        lesion.update_slice(&grid, 2, Some(&legs), &[&leg_contours]);
        assert!((lesion.largest_diameter_mm(&grid) - 10f64.hypot(12.0)).abs() < 1e-12);
        let (bridge, bridge_contours) = boxes(&[[0, 12, 0, 30]]);
        lesion.update_slice(&grid, 1, Some(&bridge), &[&bridge_contours]);
        assert!((lesion.largest_diameter_mm(&grid) - 30f64.hypot(12.0)).abs() < 1e-12);
        // A slice between them cuts the link again.
        lesion.update_slice(&grid, 2, None, &[]);
        lesion.update_slice(&grid, 3, Some(&legs), &[&leg_contours]);
        lesion.update_slice(&grid, 1, Some(&boxes(&[[20, 22, 0, 30]]).0), &[]);
        assert!((lesion.largest_diameter_mm(&grid) - 10f64.hypot(12.0)).abs() < 1e-12);
    }

    #[test]
    fn without_contours_voxel_centres_are_measured_and_specks_without_voxels_are_not() {
        let grid = grid();
        let mut lesion = Lesion::default();
        let (mask, mut contours) = boxes(&[[0, 4, 0, 4]]);
        lesion.update_slice(&grid, 0, Some(&mask), &[]);
        assert_eq!(lesion.largest_diameter_mm(&grid), 3f64.hypot(3.0));
        contours.rings.push(Ring::new([[60.2, 30.2], [60.4, 30.2], [60.3, 30.4]]));
        lesion.update_slice(&grid, 0, Some(&mask), &[&contours]);
        assert_eq!(lesion.largest_diameter_mm(&grid), 4f64.hypot(4.0));
    }

    /// Label by flood fill, for comparison.
    fn flood(dense: &ndarray::Array3<bool>) -> usize {
        let mut seen = ndarray::Array3::from_elem(dense.dim(), false);
        let mut largest = 0;
        let (nk, nj, ni) = dense.dim();
        for start in ndarray::indices(dense.dim()) {
            let start = [start.0, start.1, start.2];
            if !dense[start] || seen[start] {
                continue;
            }
            seen[start] = true;
            let mut open = vec![start];
            let mut size = 0;
            while let Some([k, j, i]) = open.pop() {
                size += 1;
                let neighbours = [
                    [k.wrapping_sub(1), j, i],
                    [k + 1, j, i],
                    [k, j.wrapping_sub(1), i],
                    [k, j + 1, i],
                    [k, j, i.wrapping_sub(1)],
                    [k, j, i + 1],
                ];
                for at in neighbours {
                    if at[0] < nk && at[1] < nj && at[2] < ni && dense[at] && !seen[at] {
                        seen[at] = true;
                        open.push(at);
                    }
                }
            }
            largest = largest.max(size);
        }
        largest
    }

    proptest! {
        #[test]
        fn pieces_and_links_make_the_parts_of_a_flood_fill(bits in proptest::collection::vec(0u8..5, 4 * 6 * 70), order in 0usize..24) {
            let dense = ndarray::Array3::from_shape_vec((4, 6, 70), bits.iter().map(|b| *b < 2).collect()).unwrap();
            let grid = VoxelGrid::axial(PatientPoint::ZERO, [1.0; 3], [70, 6, 4]).unwrap();
            let mut lesion = Lesion::default();
            // Any order of updates, one slice twice.
            for k in [order % 4, (order / 4 + 1) % 4, 0, 1, 2, 3] {
                let flat: Vec<bool> = dense.index_axis(ndarray::Axis(0), k).iter().copied().collect();
                lesion.update_slice(&grid, k, Some(&SliceMask::from_dense(70, &flat)), &[]);
            }
            let mut sets = Sets::new(4 * 6 * 70);
            let stride = 6 * 70;
            for (k, slice) in &lesion.slices {
                for (below, here) in &slice.links_below {
                    sets.join((k - 1) * stride + below, k * stride + here);
                }
            }
            let mut size = vec![0; 4 * stride];
            for (k, slice) in &lesion.slices {
                for (p, piece) in slice.pieces.iter().enumerate() {
                    size[sets.find(k * stride + p)] += piece.voxels;
                }
            }
            prop_assert_eq!(size.into_iter().max().unwrap_or(0), flood(&dense));
        }

        #[test]
        fn runs_hold_exactly_the_voxels(bits in proptest::collection::vec(any::<bool>(), 3 * 130)) {
            let mask = SliceMask::from_dense(130, &bits);
            let from_runs: Vec<(usize, usize)> =
                runs(&mask).iter().flat_map(|r| (r.start..r.end).map(|i| (r.row, i))).collect();
            prop_assert_eq!(from_runs, mask.voxels().collect::<Vec<_>>());
        }
    }
}
