//! Connected parts of a set of voxels, found run by run.

/// Neighbouring voxels of a row that belong to the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    /// What `of(place)` adds up to over the voxels of each part; a place is `(k * rows + j) * columns + i`.
    pub fn sums(&self, columns: usize, of: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.sizes.len()];
        for run in &self.runs {
            let voxels = run.row * columns + run.start..run.row * columns + run.end;
            sums[run.label] += voxels.map(&of).sum::<f64>();
        }
        sums
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
}
