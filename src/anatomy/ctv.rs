//! A proposed clinical target volume where a case has none: GTV plus a margin, kept out of lung and
//! bone. A starting point to be corrected, never a recommendation.

use super::bone::{CORTEX_ABOVE_HU, bone_bodies};
use crate::contour::{self, Mask, SliceContours, SliceMask};
use crate::geometry::VoxelGrid;
use crate::image::CtVolume;
use crate::structures::{Roi, Role, StructureSet};
use ndarray::Array3;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Margin of the proposal, mm: the upper end of the 5 to 8 mm that nodal recommendations name.
pub const CTV_MARGIN_MM: f64 = 8.0;

/// Below this a voxel is lung or airway: between parenchyma (-850 to -500) and soft tissue (0 to 80).
const AIR_BELOW_HU: i16 = -350;
/// Strands thinner than twice this are vessels inside the lung, not target.
const OPENING_MM: f64 = 2.0;

/// Pockets within the target up to this area are filled, mm2.
const HOLE_MM2: f64 = 100.0;

/// Bones are looked for so far beyond the margin, so that their shells close: in the slice, and along the normal, mm.
const AROUND_MM: [f64; 2] = [30.0, 15.0];

/// Contours of the proposal and how they were made.
#[derive(Debug, Clone)]
pub struct CtvProposal {
    pub slices: BTreeMap<usize, Arc<SliceContours>>,
    pub recipe: String,
}

/// GTV expanded by `margin_mm` in space, minus lung, whole bones (marrow included) and `spared`, such as
/// [`drawn_bones`]; what an opening of 2 mm removes (vessel strands in the lung) stays out, the GTV itself stays in.
pub fn propose_ctv(volume: &CtVolume, gtv: &Mask, spared: &Mask, margin_mm: f64) -> CtvProposal {
    let grid = &volume.grid;
    let grown = contour::expand(gtv, grid, margin_mm);
    let bones = match grown.bounds() {
        Some(target) => bone_bodies(volume, with_surroundings(target, grid)).union(spared).difference(gtv),
        None => Mask::default(),
    };
    let soft = keep_soft_tissue(volume, &grown).difference(&bones);
    let opened = contour::expand(&contour::expand(&soft, grid, -OPENING_MM), grid, OPENING_MM).intersection(&soft);
    let mut target = connected_to(&opened.union(gtv), gtv, grid);
    for slice in target.slices.values_mut() {
        *slice = Arc::new(without_small_holes(slice, grid, HOLE_MM2));
    }
    // A rib that the target surrounds is no speck of calcium.
    let target = target.difference(&bones);
    CtvProposal {
        slices: contour::contours_from_mask(grid, &target),
        recipe: format!(
            "GTV + {margin_mm} mm, kept out of lung and bone{}",
            if spared.is_empty() { "" } else { " (found and drawn)" }
        ),
    }
}

/// The bones that a structure set holds, by their names.
pub fn drawn_bone_rois(structures: &StructureSet) -> impl Iterator<Item = &Roi> {
    const WORDS: [&str; 10] =
        ["vertebra", "vertebral", "sternum", "manubrium", "rib", "clavic", "scapula", "humerus", "humeral", "bone"];
    let is_bone = |name: &str| {
        let lower = name.to_lowercase();
        let mut words = lower.split(|c: char| !c.is_alphabetic());
        words.any(|word| {
            WORDS.iter().any(|w| if *w == "rib" { matches!(word, "rib" | "ribs") } else { word.starts_with(w) })
        })
    };
    structures.with_role(Role::Organ).filter(move |roi| is_bone(&roi.name))
}

/// All of [`drawn_bone_rois`] as one mask.
pub fn drawn_bones(structures: &StructureSet, grid: &VoxelGrid) -> Mask {
    drawn_bone_rois(structures).fold(Mask::default(), |all, roi| all.union(&contour::rasterize(grid, &roi.slices)))
}

/// A box and [`AROUND_MM`] on every side, within the grid.
fn with_surroundings([low, high]: [[usize; 3]; 2], grid: &VoxelGrid) -> [[usize; 3]; 2] {
    let positions = grid.positions_mm();
    let (from, to) = (positions[low[0]] - AROUND_MM[1], positions[high[0]] + AROUND_MM[1]);
    let [rows, columns] =
        [grid.spacing_j_mm(), grid.spacing_i_mm()].map(|spacing| (AROUND_MM[0] / spacing).ceil() as usize);
    let first = positions.partition_point(|p| *p < from);
    let last = positions.partition_point(|p| *p <= to).saturating_sub(1);
    [
        [first, low[1].saturating_sub(rows), low[2].saturating_sub(columns)],
        [last, (high[1] + rows).min(grid.rows() - 1), (high[2] + columns).min(grid.columns() - 1)],
    ]
}

fn keep_soft_tissue(volume: &CtVolume, mask: &Mask) -> Mask {
    let mut kept = mask.clone();
    for (k, slice) in &mut kept.slices {
        let mut soft = SliceMask::with_rows(slice.columns(), slice.row_range().start, slice.row_range().len());
        for (j, i) in slice.voxels() {
            if (AIR_BELOW_HU..=CORTEX_ABOVE_HU).contains(&volume.hu[[*k, j, i]]) {
                soft.set(j, i);
            }
        }
        *slice = Arc::new(soft);
    }
    kept.slices.retain(|_, s| !s.is_empty());
    kept
}

/// Fills pockets of background up to `hole_mm2` that the slice encloses: bubbles and specks of calcium in a target.
pub(super) fn without_small_holes(slice: &SliceMask, grid: &VoxelGrid, hole_mm2: f64) -> SliceMask {
    let Some([lo, hi]) = slice.bounds() else { return slice.clone() };
    let (rows, columns) = (hi.0 - lo.0 + 1, hi.1 - lo.1 + 1);
    let limit = (hole_mm2 / (grid.spacing_i_mm() * grid.spacing_j_mm())) as usize;
    let mut seen = vec![false; rows * columns];
    let mut filled = slice.clone();
    for start in 0..rows * columns {
        if seen[start] || slice.get(lo.0 + start / columns, lo.1 + start % columns) {
            continue;
        }
        seen[start] = true;
        let (mut pocket, mut enclosed, mut at) = (vec![start], true, 0);
        while let Some(&here) = pocket.get(at) {
            at += 1;
            let (j, i) = (here / columns, here % columns);
            enclosed &= j > 0 && i > 0 && j + 1 < rows && i + 1 < columns;
            let neighbors = [(j.wrapping_sub(1), i), (j + 1, i), (j, i.wrapping_sub(1)), (j, i + 1)];
            for (nj, ni) in neighbors {
                if nj < rows && ni < columns && !seen[nj * columns + ni] && !slice.get(lo.0 + nj, lo.1 + ni) {
                    seen[nj * columns + ni] = true;
                    pocket.push(nj * columns + ni);
                }
            }
        }
        if enclosed && pocket.len() <= limit {
            for here in pocket {
                filled.set(lo.0 + here / columns, lo.1 + here % columns);
            }
        }
    }
    filled
}

/// The parts of `mask` that touch `seed` through faces of voxels.
fn connected_to(mask: &Mask, seed: &Mask, grid: &VoxelGrid) -> Mask {
    let Some([lo, hi]) = mask.bounds() else { return Mask::default() };
    let size: [usize; 3] = std::array::from_fn(|a| hi[a] - lo[a] + 1);
    let mut reached = Array3::from_elem(size, false);
    let mut open: Vec<[usize; 3]> = Vec::new();
    for (&k, slice) in &seed.intersection(mask).slices {
        for (j, i) in slice.voxels() {
            reached[[k - lo[0], j - lo[1], i - lo[2]]] = true;
            open.push([k, j, i]);
        }
    }
    while let Some(at) = open.pop() {
        for axis in 0..3 {
            for step in [-1_i64, 1] {
                let mut next = at;
                let moved = at[axis] as i64 + step;
                if moved < lo[axis] as i64 || moved > hi[axis] as i64 {
                    continue;
                }
                next[axis] = moved as usize;
                let local: [usize; 3] = std::array::from_fn(|a| next[a] - lo[a]);
                if !reached[local] && mask.get(next[0], next[1], next[2]) {
                    reached[local] = true;
                    open.push(next);
                }
            }
        }
    }
    let mut out = Mask::default();
    for (k, plane) in reached.outer_iter().enumerate() {
        let mut slice = SliceMask::with_rows(grid.columns(), lo[1], size[1]);
        for ((j, i), inside) in plane.indexed_iter() {
            if *inside {
                slice.set(j + lo[1], i + lo[2]);
            }
        }
        if !slice.is_empty() {
            out.slices.insert(k + lo[0], Arc::new(slice));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    #[test]
    fn small_holes_are_filled_and_large_ones_stay() {
        let grid = VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 1.0], [60, 60, 1]).expect("valid grid");
        let dense: Vec<bool> = (0..3600)
            .map(|n| {
                let (j, i) = (n / 60, n % 60);
                let block = (5..55).contains(&j) && (5..55).contains(&i);
                let small = (10..14).contains(&j) && (10..14).contains(&i);
                let large = (20..40).contains(&j) && (20..40).contains(&i);
                block && !small && !large
            })
            .collect();
        let filled = without_small_holes(&SliceMask::from_dense(60, &dense), &grid, HOLE_MM2);
        assert!(filled.get(12, 12) && !filled.get(30, 30) && !filled.get(2, 2));
        assert_eq!(filled.count(), 2500 - 400);
    }

    #[test]
    fn the_proposal_grows_by_the_margin_and_stays_out_of_lung_and_bone() {
        let grid = Arc::new(VoxelGrid::axial(DVec3::ZERO, [1.0, 1.0, 2.0], [80, 80, 40]).expect("valid grid"));
        // Soft tissue, with lung at i >= 50 and bone at i < 28; a 10 mm ball as GTV at the centre.
        let hu = Array3::from_shape_fn(grid.shape(), |(_, _, i)| {
            if i >= 50 {
                -800
            } else if i < 28 {
                700
            } else {
                30
            }
        });
        let volume = CtVolume::new(Arc::clone(&grid), hu);
        let ball = Array3::from_shape_fn(grid.shape(), |(k, j, i)| {
            let d = DVec3::new(i as f64 - 40.0, j as f64 - 40.0, 2.0 * (k as f64 - 20.0));
            d.length() <= 10.0
        });
        let gtv = Mask::from_dense(&ball);
        let proposal = propose_ctv(&volume, &gtv, &Mask::default(), 8.0);
        let ctv = contour::rasterize(&grid, &proposal.slices);
        assert!(gtv.difference(&ctv).is_empty(), "the GTV stays inside");
        let [lo, hi] = ctv.bounds().expect("not empty");
        assert!((57..=58).contains(&hi[1]) && (22..=23).contains(&lo[1]), "8 mm to front and back: {lo:?} {hi:?}");
        assert!(hi[2] <= 50 && lo[2] >= 28, "not in lung or bone: {lo:?} {hi:?}");
        assert!(hi[0] == 29 || hi[0] == 28, "8 mm = 4 slices above: {hi:?}");
    }
}
