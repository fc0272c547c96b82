//! Connected parts of a set of voxels, found run by run, and square windows in a slice.

/// Neighbouring voxels of a row that belong to the set.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// `k * rows + j`.
    pub row: usize,
    pub start: usize,
    /// Behind the last one.
    pub end: usize,
    pub label: usize,
}

/// The parts of a set, joined over faces.
#[derive(Debug, Default)]
pub struct Components {
    /// In the order of the voxels.
    pub runs: Vec<Run>,
    /// Voxels of every part.
    pub sizes: Vec<usize>,
}

impl Components {
    /// Parts of `set` (`[k, j, i]` of the shape).
    pub fn of([slices, rows, columns]: [usize; 3], set: &[bool]) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut first_of_row = vec![0; slices * rows + 1];
        for row in 0..slices * rows {
            first_of_row[row] = runs.len();
            let line = &set[row * columns..(row + 1) * columns];
            let mut i = 0;
            while let Some(start) = line[i..].iter().position(|&x| x).map(|n| n + i) {
                let end = line[start..].iter().position(|&x| !x).map_or(columns, |n| n + start);
                runs.push(Run { row, start, end, label: runs.len() });
                i = end;
            }
        }
        first_of_row[slices * rows] = runs.len();
        let mut parent: Vec<usize> = (0..runs.len()).collect();
        fn root(parent: &mut [usize], mut n: usize) -> usize {
            while parent[n] != n {
                parent[n] = parent[parent[n]];
                n = parent[n];
            }
            n
        }
        let mut join = |above: usize, row: usize| {
            let (mut a, mut b) = (first_of_row[above], first_of_row[row]);
            while a < first_of_row[above + 1] && b < first_of_row[row + 1] {
                if runs[a].start < runs[b].end && runs[b].start < runs[a].end {
                    let (ra, rb) = (root(&mut parent, a), root(&mut parent, b));
                    let (low, high) = (ra.min(rb), ra.max(rb));
                    parent[high] = low;
                }
                if runs[a].end <= runs[b].end {
                    a += 1;
                } else {
                    b += 1;
                }
            }
        };
        for row in 0..slices * rows {
            if row % rows > 0 {
                join(row - 1, row);
            }
            if row >= rows {
                join(row - rows, row);
            }
        }
        let mut label_of_root = vec![usize::MAX; runs.len()];
        let mut sizes = Vec::new();
        for n in 0..runs.len() {
            let r = root(&mut parent, n);
            if label_of_root[r] == usize::MAX {
                label_of_root[r] = sizes.len();
                sizes.push(0);
            }
            runs[n].label = label_of_root[r];
            sizes[runs[n].label] += runs[n].end - runs[n].start;
        }
        Self { runs, sizes }
    }

    /// The part with the most voxels.
    pub fn largest(&self) -> Option<usize> {
        (0..self.sizes.len()).max_by_key(|&n| self.sizes[n])
    }

    /// Places of all voxels.
    pub fn pixels(&self, columns: usize) -> impl Iterator<Item = usize> + '_ {
        self.runs.iter().flat_map(move |run| run.row * columns + run.start..run.row * columns + run.end)
    }

    /// Places of the voxels of a part.
    pub fn pixels_of(&self, columns: usize, label: usize) -> impl Iterator<Item = usize> + '_ {
        let runs = self.runs.iter().filter(move |run| run.label == label);
        runs.flat_map(move |run| run.row * columns + run.start..run.row * columns + run.end)
    }

    /// The part that holds most of the places.
    pub fn largest_overlap(&self, columns: usize, places: impl Iterator<Item = usize>) -> Option<usize> {
        let mut counts = vec![0usize; self.sizes.len()];
        for at in places {
            let (row, i) = (at / columns, at % columns);
            let first = self.runs.partition_point(|run| run.row < row);
            let runs = self.runs[first..].iter().take_while(|run| run.row == row);
            if let Some(run) = runs.into_iter().find(|run| (run.start..run.end).contains(&i)) {
                counts[run.label] += 1;
            }
        }
        (0..counts.len()).filter(|&n| counts[n] > 0).max_by_key(|&n| counts[n])
    }

    /// Sets the voxels of all parts that `keep` wants.
    pub fn paint(&self, columns: usize, out: &mut [bool], keep: impl Fn(usize) -> bool) {
        for run in self.runs.iter().filter(|run| keep(run.label)) {
            out[run.row * columns + run.start..run.row * columns + run.end].fill(true);
        }
    }
}

/// How many voxels of the set lie in the window of `rx` columns and `ry` rows to every side, against the size of the
/// window within the slice: calls `out(at, found, of)`. Where no voxel of the set is near, it is not called.
pub fn windows(rows: usize, columns: usize, set: &[bool], [rx, ry]: [usize; 2], mut out: impl FnMut(usize, u32, u32)) {
    let Some([first_row, last_row, first, last]) = bounds(columns, set) else { return };
    let (top, bottom) = (first_row.saturating_sub(ry), (last_row + ry + 1).min(rows));
    let (left, right) = (first.saturating_sub(rx), (last + rx + 1).min(columns));
    let width = right - left + 1;
    let mut sums = vec![0u32; (bottom - top + 1) * width];
    for j in top..bottom {
        let (before, line) = sums[(j - top) * width..(j - top + 2) * width].split_at_mut(width);
        let mut count = 0;
        for ((x, above), sum) in
            set[j * columns + left..j * columns + right].iter().zip(&before[1..]).zip(&mut line[1..])
        {
            count += u32::from(*x);
            *sum = above + count;
        }
    }
    for j in top..bottom {
        let (j0, j1) = (j.saturating_sub(ry), (j + ry + 1).min(rows));
        let upper = &sums[(j0.max(top) - top) * width..][..width];
        let lower = &sums[(j1.min(bottom) - top) * width..][..width];
        for i in left..right {
            let (i0, i1) = (i.saturating_sub(rx), (i + rx + 1).min(columns));
            let (a, b) = (i0.max(left) - left, i1.min(right) - left);
            let found = lower[b] + upper[a] - lower[a] - upper[b];
            out(j * columns + i, found, ((j1 - j0) * (i1 - i0)) as u32);
        }
    }
}

/// First and last row, first and last column of a set in a slice.
pub fn bounds(columns: usize, set: &[bool]) -> Option<[usize; 4]> {
    let (first_row, last_row) = (set.iter().position(|&x| x)? / columns, set.iter().rposition(|&x| x)? / columns);
    let (mut first, mut last) = (columns, 0);
    for line in set[first_row * columns..(last_row + 1) * columns].chunks(columns) {
        if let Some(i) = line[..first].iter().position(|&x| x) {
            first = i;
        }
        if let Some(i) = line[last..].iter().rposition(|&x| x) {
            last += i;
        }
    }
    // The first voxel of a row may lie behind the last of all that came before.
    Some([first_row, last_row, first.min(last), last])
}

/// Closes gaps of up to twice the window in a slice, then fills what is enclosed.
pub fn close_and_fill(rows: usize, columns: usize, set: &mut [bool], radius: [usize; 2]) {
    let mut wide = vec![false; set.len()];
    windows(rows, columns, set, radius, |at, found, _| wide[at] = found > 0);
    windows(rows, columns, &wide, radius, |at, found, of| set[at] |= found == of);
    fill_holes(rows, columns, set);
}

/// Fills what is enclosed in a slice.
pub fn fill_holes(rows: usize, columns: usize, set: &mut [bool]) {
    let Some([top, bottom, left, right]) = bounds(columns, set) else { return };
    let (height, width) = (bottom + 1 - top, right + 1 - left);
    debug_assert!(bottom < rows);
    let line = |j: usize| (top + j) * columns + left..(top + j) * columns + left + width;
    let empty: Vec<bool> = (0..height).flat_map(|j| &set[line(j)]).map(|x| !x).collect();
    let parts = Components::of([1, height, width], &empty);
    let mut open = vec![false; parts.sizes.len()];
    for run in &parts.runs {
        if run.row == 0 || run.row + 1 == height || run.start == 0 || run.end == width {
            open[run.label] = true;
        }
    }
    for run in parts.runs.iter().filter(|run| !open[run.label]) {
        let start = line(run.row).start;
        set[start + run.start..start + run.end].fill(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(lines: &[&str]) -> Vec<bool> {
        lines.iter().flat_map(|l| l.chars().map(|c| c == '#')).collect()
    }

    #[test]
    fn parts_join_over_faces_and_over_slices_only() {
        let two = set(&["#.#", ".#.", "#..", "...", "..#", "##."]);
        let flat = Components::of([1, 6, 3], &two);
        assert_eq!(flat.sizes.len(), 6);
        let solid = Components::of([2, 3, 3], &two);
        // The first column of the third row lies under that of the sixth.
        assert_eq!(solid.sizes, [1, 1, 1, 3, 1]);
        assert_eq!(solid.largest(), Some(3));
        let u = Components::of([1, 2, 3], &set(&["#.#", "###"]));
        assert_eq!(u.sizes, [5]);
    }

    #[test]
    fn gaps_close_and_holes_fill_but_bays_stay() {
        let mut ring = set(&["......", ".####.", ".#..#.", ".####.", "......"]);
        fill_holes(5, 6, &mut ring);
        assert_eq!(ring.iter().filter(|x| **x).count(), 12);
        let mut bay = set(&["......", ".####.", ".#....", ".####.", "......"]);
        fill_holes(5, 6, &mut bay);
        assert_eq!(bay.iter().filter(|x| **x).count(), 9);
        close_and_fill(5, 6, &mut bay, [1, 1]);
        assert!(bay[2 * 6 + 2] && bay[2 * 6 + 3]);
    }
}
