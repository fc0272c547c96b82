//! Square windows in a slice, gaps closed and holes filled.

use crate::contour::Components;

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
