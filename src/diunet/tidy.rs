//! What is done to the network's labels before they are drawn: small islands go, small holes close.

use super::network::CLASSES;
use super::paste::SliceLogits;
use crate::contour::Components;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Islands smaller than this go, unless they are all there is of the structure, cm3.
const LEAST_ISLAND_CM3: f64 = 0.3;
/// Of a station also those smaller than this share of its largest part: a station is one place. A CTV may have several.
const LEAST_SHARE: f64 = 0.1;
/// Holes in a slice smaller than this are closed, mm2.
const LARGEST_HOLE_MM2: f64 = 100.0;

/// Tidies every station and the CTV over consecutive slices; `thickness_mm` is one value per slice.
/// Slices that others hold too are copied before they change. Returns the indices of the slices that changed.
pub fn tidy(slices: &mut [Arc<SliceLogits>], size: usize, spacing_mm: f64, thickness_mm: &[f64]) -> BTreeSet<usize> {
    let mut changed = BTreeSet::new();
    let area_mm2 = spacing_mm * spacing_mm;
    let mut labels: Vec<Vec<u8>> = slices.iter().map(|s| s.labels()).collect();
    for class in 1..CLASSES {
        for (k, pixel) in islands(&labels, class as u8, LEAST_SHARE, size, area_mm2, thickness_mm) {
            Arc::make_mut(&mut slices[k]).lower(class, pixel);
            changed.insert(k);
        }
        for &k in &changed {
            labels[k] = slices[k].labels();
        }
    }
    for (k, slice) in slices.iter_mut().enumerate() {
        for class in 1..CLASSES as u8 {
            for pixel in holes(&labels[k], class, size, area_mm2) {
                Arc::make_mut(slice).raise(usize::from(class), pixel);
                changed.insert(k);
            }
        }
    }
    let mut ctv: Vec<Vec<u8>> =
        slices.iter().map(|s| s.ctv.iter().map(|v| u8::from(*v > half::f16::ZERO)).collect()).collect();
    for (k, pixel) in islands(&ctv, 1, 0.0, size, area_mm2, thickness_mm) {
        Arc::make_mut(&mut slices[k]).flip_ctv(pixel);
        ctv[k][pixel] = 0;
        changed.insert(k);
    }
    for (k, slice) in slices.iter_mut().enumerate() {
        for pixel in holes(&ctv[k], 1, size, area_mm2) {
            Arc::make_mut(slice).flip_ctv(pixel);
            changed.insert(k);
        }
    }
    changed
}

/// Pixels `(slice, pixel)` of the islands of `class` that are too small (six neighbours).
fn islands(
    labels: &[Vec<u8>],
    class: u8,
    least_share: f64,
    size: usize,
    area_mm2: f64,
    thickness_mm: &[f64],
) -> Vec<(usize, usize)> {
    let area = size * size;
    let set: Vec<bool> = labels.iter().flatten().map(|label| *label == class).collect();
    let parts = Components::of([labels.len(), size, size], &set);
    let volumes_cm3 = parts.sums(size, |at| area_mm2 * thickness_mm[at / area] / 1000.0);
    let largest = volumes_cm3.iter().copied().fold(0.0, f64::max);
    let least = LEAST_ISLAND_CM3.max(least_share * largest).min(largest);
    let mut small = vec![false; set.len()];
    parts.paint(size, &mut small, |part| volumes_cm3[part] < least);
    (0..set.len()).filter(|at| small[*at]).map(|at| (at / area, at % area)).collect()
}

/// Background pixels of small holes within `class` (they reach neither the border of the image nor another class).
fn holes(labels: &[u8], class: u8, size: usize, area_mm2: f64) -> Vec<usize> {
    let mut holes = Vec::new();
    if !labels.contains(&class) {
        return holes;
    }
    let limit = (LARGEST_HOLE_MM2 / area_mm2) as usize;
    let mut seen = vec![false; labels.len()];
    for start in 0..labels.len() {
        if labels[start] != 0 || seen[start] {
            continue;
        }
        seen[start] = true;
        let (mut hole, mut next, mut closed) = (vec![start], 0, true);
        while next < hole.len() {
            let pixel = hole[next];
            next += 1;
            let (row, column) = (pixel / size, pixel % size);
            closed &= row > 0 && column > 0 && row + 1 < size && column + 1 < size;
            for p in in_plane(pixel, size) {
                if labels[p] == 0 {
                    if !seen[p] {
                        seen[p] = true;
                        hole.push(p);
                    }
                } else {
                    closed &= labels[p] == class;
                }
            }
        }
        if closed && hole.len() <= limit {
            holes.extend(hole);
        }
    }
    holes
}

/// The up to four neighbours of a pixel.
fn in_plane(pixel: usize, size: usize) -> impl Iterator<Item = usize> {
    let (row, column) = (pixel / size, pixel % size);
    [
        (row > 0).then(|| pixel - size),
        (row + 1 < size).then_some(pixel + size),
        (column > 0).then(|| pixel - 1),
        (column + 1 < size).then_some(pixel + 1),
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 20;

    fn slices(inside: impl Fn(usize, usize, usize) -> bool) -> Vec<Arc<SliceLogits>> {
        (0..3)
            .map(|k| {
                let mut stations = vec![0.0; CLASSES * SIZE * SIZE];
                let mut ctv = vec![-1.0; SIZE * SIZE];
                for pixel in 0..SIZE * SIZE {
                    if inside(k, pixel / SIZE, pixel % SIZE) {
                        stations[5 * SIZE * SIZE + pixel] = 2.0;
                        ctv[pixel] = 2.0;
                    }
                }
                Arc::new(SliceLogits::new(&stations, &ctv, SIZE))
            })
            .collect()
    }

    fn count(s: &[Arc<SliceLogits>]) -> (usize, usize) {
        let stations = s.iter().flat_map(|s| s.labels()).filter(|l| *l == 5).count();
        (stations, s.iter().flat_map(|s| &s.ctv).filter(|v| **v > half::f16::ZERO).count())
    }

    #[test]
    fn small_islands_go_and_small_holes_close() {
        // A block of 8x8 pixels with a hole of one pixel on every slice, and an island of four pixels on one.
        let block = |j: usize, i: usize| (2..10).contains(&j) && (2..10).contains(&i);
        let mut s = slices(|k, j, i| {
            (block(j, i) && (j, i) != (5, 5)) || (k == 1 && (14..16).contains(&j) && (14..16).contains(&i))
        });
        assert_eq!(count(&s), (63 * 3 + 4, 63 * 3 + 4));
        let changed = tidy(&mut s, SIZE, 2.0, &[5.0; 3]);
        assert_eq!(count(&s), (64 * 3, 64 * 3));
        assert_eq!(changed.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert!(tidy(&mut s, SIZE, 2.0, &[5.0; 3]).is_empty());
    }

    #[test]
    fn the_only_island_stays_however_small_and_large_holes_stay_open() {
        let mut s = slices(|k, j, i| k == 0 && j == 3 && i == 3);
        assert!(tidy(&mut s, SIZE, 2.0, &[5.0; 3]).is_empty());
        let mut s = slices(|_, j, i| {
            (1..19).contains(&j) && (1..19).contains(&i) && !((5..15).contains(&j) && (5..15).contains(&i))
        });
        assert!(tidy(&mut s, SIZE, 2.0, &[5.0; 3]).is_empty());
    }
}
