//! Masks as bits: a voxel is in if its centre is inside the contours.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Bits of one slice over the rows that hold any; bit `i % 64` of word `i / 64` of a row is column `i`.
///
/// Two masks are equal if they hold the same voxels, however many empty rows they store.
#[derive(Debug, Clone, Default)]
pub struct SliceMask {
    columns: usize,
    first_row: usize,
    words_per_row: usize,
    words: Vec<u64>,
}

impl PartialEq for SliceMask {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.row_range(), other.row_range());
        (a.start.min(b.start)..a.end.max(b.end)).all(|j| {
            let (x, y) = (self.row(j), other.row(j));
            (0..x.len().max(y.len())).all(|w| x.get(w).unwrap_or(&0) == y.get(w).unwrap_or(&0))
        })
    }
}

impl Eq for SliceMask {}

impl SliceMask {
    /// An empty mask able to hold rows `first_row..first_row + rows`.
    pub fn with_rows(columns: usize, first_row: usize, rows: usize) -> Self {
        let words_per_row = columns.div_ceil(64);
        Self { columns, first_row, words_per_row, words: vec![0; words_per_row * rows] }
    }

    /// From a dense row-major slice, true = inside.
    pub fn from_dense(columns: usize, dense: &[bool]) -> Self {
        let rows = dense.len() / columns;
        let used: Vec<usize> = (0..rows).filter(|j| dense[j * columns..(j + 1) * columns].contains(&true)).collect();
        let (Some(&first), Some(&last)) = (used.first(), used.last()) else {
            return Self { columns, ..Self::default() };
        };
        let mut mask = Self::with_rows(columns, first, last + 1 - first);
        for j in first..=last {
            for i in 0..columns {
                if dense[j * columns + i] {
                    mask.set(j, i);
                }
            }
        }
        mask
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The rows that may hold bits.
    pub fn row_range(&self) -> std::ops::Range<usize> {
        self.first_row..self.first_row + self.words.len().checked_div(self.words_per_row).unwrap_or(0)
    }

    /// The words of row `j`; empty outside [`Self::row_range`].
    pub fn row(&self, j: usize) -> &[u64] {
        if self.row_range().contains(&j) {
            let at = (j - self.first_row) * self.words_per_row;
            &self.words[at..at + self.words_per_row]
        } else {
            &[]
        }
    }

    /// Mutable words of row `j`, which must lie in [`Self::row_range`].
    pub fn row_mut(&mut self, j: usize) -> &mut [u64] {
        let at = (j - self.first_row) * self.words_per_row;
        &mut self.words[at..at + self.words_per_row]
    }

    /// Sets a voxel of a row within [`Self::row_range`].
    pub fn set(&mut self, j: usize, i: usize) {
        self.row_mut(j)[i / 64] |= 1 << (i % 64);
    }

    /// Toggles columns `i0..i1` of row `j`, which must lie in [`Self::row_range`].
    pub fn toggle_run(&mut self, j: usize, i0: usize, i1: usize) {
        if i0 >= i1 {
            return;
        }
        let row = self.row_mut(j);
        let (w0, w1) = (i0 / 64, (i1 - 1) / 64);
        let low = u64::MAX << (i0 % 64);
        let high = u64::MAX >> (63 - (i1 - 1) % 64);
        if w0 == w1 {
            row[w0] ^= low & high;
        } else {
            row[w0] ^= low;
            for word in &mut row[w0 + 1..w1] {
                *word ^= u64::MAX;
            }
            row[w1] ^= high;
        }
    }

    pub fn get(&self, j: usize, i: usize) -> bool {
        self.row(j).get(i / 64).is_some_and(|w| w >> (i % 64) & 1 == 1)
    }

    /// Number of voxels inside.
    pub fn count(&self) -> u64 {
        self.words.iter().map(|w| u64::from(w.count_ones())).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|w| *w == 0)
    }

    /// The same voxels without empty rows at the top and the bottom.
    pub fn trimmed(mut self) -> Self {
        let rows = self.row_range();
        let used = |j: &usize| self.row(*j).iter().any(|w| *w != 0);
        let Some(first) = rows.clone().find(used) else { return Self { columns: self.columns, ..Self::default() } };
        let last = rows.clone().rfind(used).unwrap_or(first);
        let words = (first - rows.start) * self.words_per_row..(last + 1 - rows.start) * self.words_per_row;
        if words.len() < self.words.len() {
            self.words = self.words[words].to_vec();
            self.first_row = first;
        }
        self
    }

    /// Rows that both masks may hold.
    fn shared_rows(&self, other: &Self) -> std::ops::Range<usize> {
        let (a, b) = (self.row_range(), other.row_range());
        a.start.max(b.start)..a.end.min(b.end)
    }

    /// Number of voxels in both.
    pub fn count_and(&self, other: &Self) -> u64 {
        self.shared_rows(other)
            .map(|j| self.row(j).iter().zip(other.row(j)).map(|(a, b)| u64::from((a & b).count_ones())).sum::<u64>())
            .sum()
    }

    /// Combines word by word over the rows of both; `f(0, 0)` must be 0.
    pub fn combine(&self, other: &Self, f: impl Fn(u64, u64) -> u64) -> Self {
        let (a, b) = (self.row_range(), other.row_range());
        let rows = match (a.is_empty(), b.is_empty()) {
            (true, true) => 0..0,
            (true, false) => b,
            (false, true) => a,
            (false, false) => a.start.min(b.start)..a.end.max(b.end),
        };
        let mut out = Self::with_rows(self.columns.max(other.columns), rows.start, rows.len());
        for j in rows {
            let (ra, rb) = (self.row(j), other.row(j));
            for (w, word) in out.row_mut(j).iter_mut().enumerate() {
                *word = f(ra.get(w).copied().unwrap_or(0), rb.get(w).copied().unwrap_or(0));
            }
        }
        out
    }

    /// `(row, column)` of every voxel inside, in order.
    pub fn voxels(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.row_range().flat_map(move |j| {
            self.row(j).iter().enumerate().flat_map(move |(w, &word)| {
                let mut left = word;
                std::iter::from_fn(move || {
                    (left != 0).then(|| {
                        let bit = left.trailing_zeros() as usize;
                        left &= left - 1;
                        (j, w * 64 + bit)
                    })
                })
            })
        })
    }

    /// Smallest and largest `(row, column)` inside.
    pub fn bounds(&self) -> Option<[(usize, usize); 2]> {
        self.voxels().fold(None, |b: Option<[(usize, usize); 2]>, (j, i)| {
            Some(b.map_or([(j, i), (j, i)], |[lo, hi]| [(lo.0.min(j), lo.1.min(i)), (hi.0.max(j), hi.1.max(i))]))
        })
    }
}

/// The mask of one structure over a grid; only slices that hold voxels have an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mask {
    pub slices: BTreeMap<usize, Arc<SliceMask>>,
}

impl Mask {
    /// From a dense `[k, j, i]` array, true = inside.
    pub fn from_dense(dense: &ndarray::Array3<bool>) -> Self {
        let (_, _, columns) = dense.dim();
        let mut slices = BTreeMap::new();
        for (k, slice) in dense.outer_iter().enumerate() {
            let owned = slice.as_standard_layout();
            let mask = SliceMask::from_dense(columns, owned.as_slice().expect("standard layout"));
            if !mask.is_empty() {
                slices.insert(k, Arc::new(mask));
            }
        }
        Self { slices }
    }

    /// Dense `[k, j, i]` array of the given shape, true = inside.
    pub fn to_dense(&self, shape: [usize; 3]) -> ndarray::Array3<bool> {
        let mut dense = ndarray::Array3::from_elem(shape, false);
        for (&k, slice) in &self.slices {
            for (j, i) in slice.voxels() {
                dense[[k, j, i]] = true;
            }
        }
        dense
    }

    pub fn get(&self, k: usize, j: usize, i: usize) -> bool {
        self.slices.get(&k).is_some_and(|s| s.get(j, i))
    }

    pub fn is_empty(&self) -> bool {
        self.slices.values().all(|s| s.is_empty())
    }

    /// Number of voxels inside.
    pub fn count(&self) -> u64 {
        self.slices.values().map(|s| s.count()).sum()
    }

    /// Volume, cm3: voxels times pixel area times the true thickness of each slice.
    pub fn volume_cm3(&self, grid: &crate::geometry::VoxelGrid) -> f64 {
        self.slices.iter().map(|(&k, s)| s.count() as f64 * grid.voxel_mm3(k)).sum::<f64>() / 1000.0
    }

    /// Combines slice by slice; `f(0, 0)` must be 0.
    pub fn combine(&self, other: &Self, f: impl Fn(u64, u64) -> u64) -> Self {
        let keys: std::collections::BTreeSet<usize> = self.slices.keys().chain(other.slices.keys()).copied().collect();
        let none = Arc::new(SliceMask::default());
        let slices = keys
            .into_iter()
            .map(|k| {
                let (a, b) = (self.slices.get(&k).unwrap_or(&none), other.slices.get(&k).unwrap_or(&none));
                (k, Arc::new(a.combine(b, &f)))
            })
            .filter(|(_, s)| !s.is_empty())
            .collect();
        Self { slices }
    }

    pub fn union(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a | b)
    }
    pub fn intersection(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a & b)
    }
    pub fn difference(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a & !b)
    }

    /// Smallest and largest `[k, j, i]` inside.
    pub fn bounds(&self) -> Option<[[usize; 3]; 2]> {
        self.slices.iter().filter_map(|(&k, s)| s.bounds().map(|[lo, hi]| [[k, lo.0, lo.1], [k, hi.0, hi.1]])).reduce(
            |[lo, hi], [l, h]| [std::array::from_fn(|a| lo[a].min(l[a])), std::array::from_fn(|a| hi[a].max(h[a]))],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn dense_and_bits_agree(bits in proptest::collection::vec(any::<bool>(), 3 * 130), other in proptest::collection::vec(any::<bool>(), 3 * 130)) {
            let (a, b) = (SliceMask::from_dense(130, &bits), SliceMask::from_dense(130, &other));
            let both = bits.iter().zip(&other).filter(|(x, y)| **x && **y).count() as u64;
            prop_assert_eq!(a.count(), bits.iter().filter(|x| **x).count() as u64);
            prop_assert_eq!(a.count_and(&b), both);
            prop_assert_eq!(a.combine(&b, |x, y| x & y).count(), both);
            for (n, bit) in bits.iter().enumerate() {
                prop_assert_eq!(a.get(n / 130, n % 130), *bit);
            }
            prop_assert_eq!(a.voxels().count() as u64, a.count());
        }

        #[test]
        fn runs_toggle_exactly_their_columns(i0 in 0usize..200, len in 0usize..200) {
            let i1 = (i0 + len).min(200);
            let mut m = SliceMask::with_rows(200, 5, 1);
            m.toggle_run(5, i0, i1);
            for i in 0..200 {
                prop_assert_eq!(m.get(5, i), i >= i0 && i < i1);
            }
        }
    }
}
