//! Stratified folds.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A seed for one part of a computation, far from those of the other parts (splitmix64).
pub(super) fn derived_seed(seed: u64, part: u64) -> u64 {
    let mut z = seed.wrapping_add(part.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Shares `0..outcome.len()` out into `folds` test sets. Events, and patients in all, differ by at most one
/// between folds; the rows of each fold are in ascending order.
pub fn stratified_folds(outcome: &[bool], folds: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut out = vec![Vec::new(); folds.max(1)];
    let mut next = 0;
    for class in [true, false] {
        let mut rows: Vec<usize> = (0..outcome.len()).filter(|r| outcome[*r] == class).collect();
        rows.shuffle(&mut rng);
        for row in rows {
            out[next % folds.max(1)].push(row);
            next += 1;
        }
    }
    for fold in &mut out {
        fold.sort_unstable();
    }
    out
}

/// The rows that are not in `test`, of `rows` (both ascending or not).
pub(super) fn others(rows: &[usize], test: &[usize]) -> Vec<usize> {
    rows.iter().filter(|r| !test.contains(r)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn folds_share_out_every_row_evenly(outcome in proptest::collection::vec(any::<bool>(), 0..120), k in 2usize..8, seed: u64) {
            let folds = stratified_folds(&outcome, k, seed);
            let mut all: Vec<usize> = folds.iter().flatten().copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..outcome.len()).collect::<Vec<_>>());
            for count in [
                folds.iter().map(Vec::len).collect::<Vec<_>>(),
                folds.iter().map(|f| f.iter().filter(|r| outcome[**r]).count()).collect(),
                folds.iter().map(|f| f.iter().filter(|r| !outcome[**r]).count()).collect(),
            ] {
                prop_assert!(count.iter().max().unwrap() - count.iter().min().unwrap() <= 1);
            }
            prop_assert_eq!(&folds, &stratified_folds(&outcome, k, seed));
        }
    }
}
