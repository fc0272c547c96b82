//! The body in a CT, from CT numbers alone: the largest piece of soft tissue without table and clothes, filled.

use super::components::windows;
use super::working::Working;
use crate::contour::Components;
use rayon::prelude::*;

/// Denser than this is tissue, not lung, foam or cloth.
const SOFT_HU: i16 = -350;
/// Thinner shells (table, cloth, masks) are no body, half of it in mm.
const HALF_SHELL_MM: f64 = 4.0;
/// A larger enclosed area of pure air may be room air between arm and chest, mm2.
const ROOM_MM2: f64 = 900.0;
/// Pure air; lung lies above.
const ROOM_HU: i64 = -950;
/// Enclosed room air overlaps by this share with the room on a neighbouring slice.
const ROOM_OVERLAP: f64 = 0.2;
/// A slice with less than this share of what its neighbourhood usually has lies open somewhere.
const WHOLE: f64 = 0.93;
/// The neighbourhood, to each side, mm.
const MEND_MM: f64 = 30.0;

/// The voxels of the body, lungs and all that is enclosed on a slice included. `None` if there is no tissue.
pub fn find_body(w: &Working) -> Option<Vec<bool>> {
    let [_, rows, columns] = w.shape;
    let radius = [(HALF_SHELL_MM / w.dx).round().max(1.0) as usize, (HALF_SHELL_MM / w.dy).round().max(1.0) as usize];
    let mut solid = vec![false; w.hu.len()];
    solid.par_chunks_mut(w.area()).enumerate().for_each(|(k, out)| {
        let soft: Vec<bool> = w.slice(k).iter().map(|&hu| hu > SOFT_HU).collect();
        windows(rows, columns, &soft, radius, |at, found, of| out[at] = found == of);
    });
    let parts = Components::of(w.shape, &solid);
    let largest = parts.largest()?;
    let mut body = vec![false; w.hu.len()];
    parts.paint(columns, &mut body, |label| label == largest);
    // Back to the true border, and filled. What is enclosed and full of pure air is looked at below.
    let rooms: Vec<Vec<Vec<usize>>> = body
        .par_chunks_mut(w.area())
        .enumerate()
        .map(|(k, out)| {
            if !out.contains(&true) {
                return Vec::new();
            }
            let core = out.to_vec();
            let hu = w.slice(k);
            windows(rows, columns, &core, radius.map(|r| r + 1), |at, found, _| {
                out[at] = found > 0 && hu[at] > SOFT_HU;
            });
            fill(w, hu, out)
        })
        .collect();
    open_rooms(w, &mut body, &rooms);
    mend(w, &mut body);
    Some(body)
}

/// Where the chest wall is too thin on a slice, the lung behind it lies open there, and the body is smaller than above and
/// below. It gets back what is body on the next whole slices on both sides.
fn mend(w: &Working, body: &mut [bool]) {
    let area = w.area();
    let counts: Vec<usize> = body.par_chunks(area).map(|slice| slice.iter().filter(|b| **b).count()).collect();
    let near = |k: usize| {
        let from = w.depth_mm.partition_point(|d| *d < w.depth_mm[k] - MEND_MM);
        from..w.depth_mm.partition_point(|d| *d <= w.depth_mm[k] + MEND_MM)
    };
    let whole: Vec<bool> = (0..counts.len())
        .map(|k| {
            let mut usual = counts[near(k)].to_vec();
            usual.sort_unstable();
            counts[k] as f64 >= WHOLE * usual[usual.len() / 2] as f64
        })
        .collect();
    for k in (0..counts.len()).filter(|&k| !whole[k]) {
        let range = near(k);
        let above = (range.start..k).rev().find(|&n| whole[n]);
        let below = (k + 1..range.end).find(|&n| whole[n]);
        if let Some((above, below)) = above.zip(below) {
            for at in 0..area {
                body[k * area + at] |= body[above * area + at] && body[below * area + at];
            }
        }
    }
}

/// Fills what is enclosed; gives the enclosed areas that hold nothing but air.
fn fill(w: &Working, hu: &[i16], out: &mut [bool]) -> Vec<Vec<usize>> {
    let [_, rows, columns] = w.shape;
    let empty: Vec<bool> = out.iter().map(|s| !s).collect();
    let parts = Components::of([1, rows, columns], &empty);
    let mut open = vec![false; parts.sizes.len()];
    let mut sums = vec![0i64; parts.sizes.len()];
    for run in &parts.runs {
        if run.row == 0 || run.row + 1 == rows || run.start == 0 || run.end == columns {
            open[run.label] = true;
        }
        let line = run.row * columns;
        sums[run.label] += hu[line + run.start..line + run.end].iter().map(|&h| i64::from(h)).sum::<i64>();
    }
    parts.paint(columns, out, |label| !open[label]);
    let least = (ROOM_MM2 / w.pixel_mm2()) as usize;
    let is_room =
        |label: usize| !open[label] && parts.sizes[label] > least && sums[label] < ROOM_HU * parts.sizes[label] as i64;
    (0..parts.sizes.len())
        .filter(|&label| is_room(label))
        .map(|label| {
            let runs = parts.runs.iter().filter(|run| run.label == label);
            runs.flat_map(|run| run.row * columns + run.start..run.row * columns + run.end).collect()
        })
        .collect()
}

/// Takes room air out that an arm beside the chest encloses on some slices: it goes on as room on the next one.
fn open_rooms(w: &Working, body: &mut [bool], rooms: &[Vec<Vec<usize>>]) {
    let area = w.area();
    let mut pass = |k: usize, neighbor: usize| {
        for room in &rooms[k] {
            let outside = room.iter().filter(|&&at| !body[neighbor * area + at]).count();
            if outside as f64 > ROOM_OVERLAP * room.len() as f64 {
                for at in room {
                    body[k * area + at] = false;
                }
            }
        }
    };
    for k in 1..rooms.len() {
        pass(k, k - 1);
    }
    for k in (1..rooms.len()).rev() {
        pass(k - 1, k);
    }
}
