//! A number that stands for the contours of a structure, to tell later whether they are still the same.

use super::{Ring, SliceContours, Slices};

/// Stands for the rings of a slice: the same after a way through a file, whatever the order of the rings, and another one
/// after any edit (but for one chance in 2^64). Coordinates count in steps of [`Ring::STEP_MM`].
pub fn slice_fingerprint(contours: &SliceContours) -> u64 {
    // Between steps where no file with a few decimals has its values, so that the last bit never decides.
    const BETWEEN: f64 = 0.5317;
    let steps = |x: f64| (x / Ring::STEP_MM + BETWEEN).floor() as i64 as u64;
    contours
        .rings
        .iter()
        .map(|ring| {
            ring.points().iter().fold(ring.points().len() as u64, |h, p| mixed(mixed(h, steps(p[0])), steps(p[1])))
        })
        .fold(0, u64::wrapping_add)
}

/// Stands for the contours of a structure, from the numbers of its slices.
pub fn fingerprint_of(slices: impl IntoIterator<Item = (usize, u64)>) -> u64 {
    slices.into_iter().fold(0, |h, (k, slice)| mixed(mixed(h, k as u64), slice))
}

/// Stands for the contours of a structure.
pub fn fingerprint(slices: &Slices) -> u64 {
    fingerprint_of(slices.iter().map(|(&k, c)| (k, slice_fingerprint(c))))
}

/// One more word into a number (the finalizer of SplitMix64).
pub fn mixed(h: u64, word: u64) -> u64 {
    let mut x = h.rotate_left(23) ^ word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn rings(of: &[f64]) -> SliceContours {
        SliceContours::new(of.iter().map(|r| Ring::new([[0.0, 0.0], [*r, 0.0], [*r, *r]])).collect())
    }

    #[test]
    fn it_follows_points_and_slices_and_not_the_order_of_rings() {
        let number = |k: usize, of: &[f64]| fingerprint(&Slices::from([(k, Arc::new(rings(of)))]));
        assert_eq!(number(3, &[1.0, 2.0]), number(3, &[2.0, 1.0]));
        let all = [number(3, &[1.0, 2.0]), number(4, &[1.0, 2.0]), number(3, &[1.0, 2.0001]), number(3, &[1.0])];
        for (n, a) in all.iter().enumerate() {
            assert!(all[n + 1..].iter().all(|b| a != b));
        }
        assert_eq!(number(3, &[1.0]), number(3, &[1.000_01]), "less than a step is no edit");
    }
}
