//! What the renderers need to know about masks, and how the bits of a slice are packed for the GPU.

use super::{GpuError, SLOTS};
use crate::contour::SliceMask;
use crate::geometry::{Revision, VoxelGrid};
use crate::structures::RoiId;
use std::ops::Range;
use std::sync::Arc;

/// The masks to show, in up to [`SLOTS`] slots, at a revision.
///
/// A renderer remembers the revision and the slots that it has; a frame that is never painted costs nothing and
/// the next sync makes up for it.
pub trait MaskSource {
    /// Grows with every change of any mask.
    fn revision(&self) -> Revision;

    /// The structure of every slot, at most [`SLOTS`]. Where the list changes, everything is sent again.
    fn slots(&self) -> &[RoiId];

    /// The slices in which any slot may have changed after `since`; `None` if that is not known (all).
    fn changed_slices(&self, since: Revision) -> Option<Vec<usize>>;

    /// The mask of a slot on slice `k`, `None` where it is empty.
    fn slice(&self, slot: usize, k: usize) -> Option<&Arc<SliceMask>>;
}

/// What a sync did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncReport {
    /// Slices sent.
    pub slices: usize,
    /// Bytes sent.
    pub bytes: u64,
    /// The texture was made anew because the structures outgrew it.
    pub reallocated: bool,
}

/// A box of voxels, `[k, j, i]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VoxelBox {
    pub first: [usize; 3],
    pub size: [usize; 3],
}

impl VoxelBox {
    pub fn is_empty(&self) -> bool {
        self.size.contains(&0)
    }

    fn end(&self, axis: usize) -> usize {
        self.first[axis] + self.size[axis]
    }

    pub fn contains(&self, other: &Self) -> bool {
        other.is_empty()
            || (0..3).all(|a| self.first[a] <= other.first[a] && other.end(a) <= self.end(a) && !self.is_empty())
    }

    pub fn union(&self, other: &Self) -> Self {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => *other,
            (_, true) => *self,
            _ => {
                let first: [usize; 3] = std::array::from_fn(|a| self.first[a].min(other.first[a]));
                Self { first, size: std::array::from_fn(|a| self.end(a).max(other.end(a)) - first[a]) }
            }
        }
    }

    /// Grown by a margin per axis, within the grid.
    pub fn grown(&self, margin: [usize; 3], grid: &VoxelGrid) -> Self {
        if self.is_empty() {
            return *self;
        }
        let shape = grid.shape();
        let first: [usize; 3] = std::array::from_fn(|a| self.first[a].saturating_sub(margin[a]));
        Self { first, size: std::array::from_fn(|a| (self.end(a) + margin[a]).min(shape[a]) - first[a]) }
    }

    pub fn voxels(&self) -> u64 {
        self.size.iter().map(|&s| s as u64).product()
    }

    pub fn slices(&self) -> Range<usize> {
        self.first[0]..self.end(0)
    }
    pub fn rows(&self) -> Range<usize> {
        self.first[1]..self.end(1)
    }
    pub fn columns(&self) -> Range<usize> {
        self.first[2]..self.end(2)
    }
}

/// The box of one slice mask: the rows it may hold and the columns it holds (64 at a time).
fn slice_box(mask: &SliceMask, k: usize) -> VoxelBox {
    let rows = mask.row_range();
    let mut any = vec![0u64; mask.columns().div_ceil(64)];
    for j in rows.clone() {
        for (word, &bits) in any.iter_mut().zip(mask.row(j)) {
            *word |= bits;
        }
    }
    let first = any.iter().enumerate().find(|(_, w)| **w != 0).map(|(n, w)| n * 64 + w.trailing_zeros() as usize);
    let last = any.iter().enumerate().rfind(|(_, w)| **w != 0).map(|(n, w)| n * 64 + 63 - w.leading_zeros() as usize);
    match (first, last) {
        (Some(first), Some(last)) => {
            VoxelBox { first: [k, rows.start, first], size: [1, rows.len(), last + 1 - first] }
        }
        _ => VoxelBox::default(),
    }
}

/// The union of all slots over some slices.
pub(super) fn bounds(source: &dyn MaskSource, slices: impl Iterator<Item = usize>) -> VoxelBox {
    let slots = source.slots().len().min(SLOTS);
    slices
        .flat_map(|k| (0..slots).filter_map(move |slot| source.slice(slot, k).map(|m| slice_box(m, k))))
        .fold(VoxelBox::default(), |all, one| all.union(&one))
}

/// Rows of slice `k` that hold any bit, within the box.
pub(super) fn rows_in_use(source: &dyn MaskSource, k: usize, within: &VoxelBox) -> Range<usize> {
    let slots = source.slots().len().min(SLOTS);
    let all = (0..slots)
        .filter_map(|slot| source.slice(slot, k).map(|m| m.row_range()))
        .filter(|r| !r.is_empty())
        .reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
        .unwrap_or(0..0);
    all.start.max(within.rows().start)..all.end.min(within.rows().end).max(all.start.max(within.rows().start))
}

/// Two words a voxel for `rows` of slice `k` over the columns of the box, row by row.
pub(super) fn pack(source: &dyn MaskSource, k: usize, rows: &Range<usize>, within: &VoxelBox) -> Vec<[u32; 2]> {
    let columns = within.columns();
    let mut words = vec![[0u32; 2]; rows.len() * columns.len()];
    for slot in 0..source.slots().len().min(SLOTS) {
        let Some(mask) = source.slice(slot, k) else { continue };
        let (half, bit) = (slot / 32, 1u32 << (slot % 32));
        let shared = mask.row_range().start.max(rows.start)..mask.row_range().end.min(rows.end);
        for j in shared {
            let line = &mut words[(j - rows.start) * columns.len()..(j + 1 - rows.start) * columns.len()];
            for (w, &row_bits) in mask.row(j).iter().enumerate() {
                let mut left = row_bits;
                while left != 0 {
                    let i = w * 64 + left.trailing_zeros() as usize;
                    left &= left - 1;
                    if columns.contains(&i) {
                        line[i - columns.start][half] |= bit;
                    }
                }
            }
        }
    }
    words
}

/// Cells between voxel centres along the sides of a block, by which the 3D view skips what is empty or the same all over.
pub(super) const BLOCK: usize = 8;

/// For every block of a slice, row by row: the bits of any of its voxels (two words), and those of all (two words).
/// `words` are those of `rows`; there is nothing in the others. Neighbouring blocks share the voxels between them.
pub(super) fn block_words(words: &[[u32; 2]], rows: Range<usize>, [height, width]: [usize; 2]) -> Vec<[u32; 4]> {
    let along = |voxels: usize| voxels.saturating_sub(1).div_ceil(BLOCK).max(1);
    let reach = |block: usize, voxels: usize| block * BLOCK..(block * BLOCK + BLOCK + 1).min(voxels);
    let mut blocks = Vec::with_capacity(along(height) * along(width));
    for bj in 0..along(height) {
        let high = reach(bj, height);
        let used = high.start.max(rows.start)..high.end.min(rows.end);
        for bi in 0..along(width) {
            let mut block = [0, 0, u32::MAX, u32::MAX];
            for j in used.clone() {
                let line = &words[(j - rows.start) * width..(j - rows.start + 1) * width];
                for [low, high] in &line[reach(bi, width)] {
                    block = [block[0] | low, block[1] | high, block[2] & low, block[3] & high];
                }
            }
            if used.len() < high.len() {
                block = [block[0], block[1], 0, 0];
            }
            blocks.push(block);
        }
    }
    blocks
}

/// Refuses more slots than a voxel has bits.
pub(super) fn check_slots(source: &dyn MaskSource) -> Result<(), GpuError> {
    let found = source.slots().len();
    if found > SLOTS { Err(GpuError::TooManySlots { found }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Two {
        ids: Vec<RoiId>,
        masks: Vec<Arc<SliceMask>>,
    }

    impl MaskSource for Two {
        fn revision(&self) -> Revision {
            Revision(1)
        }
        fn slots(&self) -> &[RoiId] {
            &self.ids
        }
        fn changed_slices(&self, _: Revision) -> Option<Vec<usize>> {
            None
        }
        fn slice(&self, slot: usize, k: usize) -> Option<&Arc<SliceMask>> {
            (k == 3).then(|| self.masks.get(slot)).flatten()
        }
    }

    fn mask(at: &[(usize, usize)]) -> Arc<SliceMask> {
        let mut m = SliceMask::with_rows(100, 2, 8);
        for &(j, i) in at {
            m.set(j, i);
        }
        Arc::new(m)
    }

    #[test]
    fn bits_of_all_slots_meet_in_two_words() {
        let mut masks = vec![mask(&[(4, 70)]); 40];
        masks[0] = mask(&[(4, 70), (5, 66)]);
        masks[39] = mask(&[(5, 66), (6, 65)]);
        let source = Two { ids: (0..40).map(RoiId).collect(), masks };
        let all = bounds(&source, 0..5);
        assert_eq!(all, VoxelBox { first: [3, 2, 65], size: [1, 8, 6] });
        let rows = rows_in_use(&source, 3, &all);
        assert_eq!(rows, 2..10);
        let words = pack(&source, 3, &(4..7), &all);
        let at = |j: usize, i: usize| words[(j - 4) * 6 + i - 65];
        assert_eq!(at(4, 70), [u32::MAX, 0x7f]);
        assert_eq!(at(5, 66), [1, 0x80]);
        assert_eq!(at(6, 65), [0, 0x80]);
        assert_eq!(words.iter().filter(|w| **w != [0, 0]).count(), 3);
    }

    #[test]
    fn blocks_tell_what_any_and_what_all_of_their_voxels_hold() {
        // 18 x 20 voxels: 3 blocks down (rows 0-8, 8-16, 16-17), 3 across (columns 0-8, 8-16, 16-19).
        let [height, width] = [18, 20];
        let rows = 3..18;
        let at = |j: usize, i: usize| [u32::from(j >= 8 && i >= 8), u32::from(j == 4 && i == 8) << 7];
        let words: Vec<[u32; 2]> = rows.clone().flat_map(|j| (0..width).map(move |i| at(j, i))).collect();
        let blocks = block_words(&words, rows, [height, width]);
        assert_eq!(blocks.len(), 9);
        assert_eq!(blocks[0], [1, 1 << 7, 0, 0], "the corner 8, 8 and the voxel 4, 8 belong to it too");
        assert_eq!(blocks[1], [1, 1 << 7, 0, 0]);
        assert_eq!(blocks[4], [1, 0, 1, 0], "all of it is inside");
        assert_eq!(blocks[8], [1, 0, 1, 0], "the last one is small");
        assert_eq!(block_words(&[], 0..0, [9, 9]), [[0; 4]]);
    }

    #[test]
    fn boxes_grow_only_within_the_grid() {
        let grid = VoxelGrid::axial(glam::DVec3::ZERO, [1.0; 3], [20, 10, 5]).expect("valid grid");
        let b = VoxelBox { first: [1, 8, 3], size: [2, 1, 2] }.grown([4, 4, 4], &grid);
        assert_eq!(b, VoxelBox { first: [0, 4, 0], size: [5, 6, 9] });
        assert!(b.contains(&VoxelBox { first: [4, 9, 8], size: [1, 1, 1] }));
        assert!(!b.contains(&VoxelBox { first: [4, 9, 9], size: [1, 1, 1] }));
        assert!(b.contains(&VoxelBox::default()));
    }
}
