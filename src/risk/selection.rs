//! Which features a forest is given: no constants, no near-copies, then backward elimination by importance.

use super::discrimination::{auc, mid_ranks};
use super::folds::derived_seed;
use super::forest::{FittedForest, ForestParams};

/// Ranks scaled to mean 0 and length 1; `None` for a constant.
fn unit_ranks(values: &[f64]) -> Option<Vec<f64>> {
    let ranks = mid_ranks(values);
    let mean = ranks.iter().sum::<f64>() / ranks.len() as f64;
    let length = ranks.iter().map(|r| (r - mean).powi(2)).sum::<f64>().sqrt();
    (length > 1e-9).then(|| ranks.iter().map(|r| (r - mean) / length).collect())
}

/// Spearman's rank correlation with mid-ranks; `None` if one of them is constant.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (unit_ranks(a)?, unit_ranks(b)?);
    Some(a.iter().zip(&b).map(|(x, y)| x * y).sum())
}

/// Positions of the columns that vary and are no near-copy of a stronger one, ascending.
///
/// Of two with |rho| above `limit` the one that separates the outcome worse alone (AUC nearer to one half) goes,
/// of equals the later one: columns are taken strongest first, unless too close to one already taken.
pub fn correlation_filter(columns: &[Vec<f64>], outcome: &[bool], limit: f64) -> Vec<usize> {
    let mut order: Vec<(f64, usize, Vec<f64>)> = columns
        .iter()
        .enumerate()
        .filter_map(|(f, column)| {
            let strength = auc(outcome, column).map_or(0.0, |a| (a - 0.5).abs());
            unit_ranks(column).map(|ranks| (strength, f, ranks))
        })
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut kept: Vec<(usize, Vec<f64>)> = Vec::new();
    for (_, f, ranks) in order {
        let near = |other: &Vec<f64>| ranks.iter().zip(other).map(|(x, y)| x * y).sum::<f64>().abs() > limit;
        if !kept.iter().any(|(_, other)| near(other)) {
            kept.push((f, ranks));
        }
    }
    let mut positions: Vec<usize> = kept.into_iter().map(|(f, _)| f).collect();
    positions.sort_unstable();
    positions
}

/// The sizes through which elimination goes: one less each step, above 40 a tenth unless `one_by_one`, ending at `last`.
pub(super) fn elimination_sizes(from: usize, last: usize, one_by_one: bool) -> Vec<usize> {
    let mut sizes = vec![from];
    let mut size = from;
    while size > last.max(1) {
        let step = if size > 40 && !one_by_one { (size / 10).min(size - 40).max(1) } else { 1 };
        size = (size - step).max(last.max(1));
        sizes.push(size);
    }
    sizes
}

/// Fits at each of `sizes` (descending, the first being all columns), drops the least important columns down to
/// the next size, and hands each fitted set to `visit` with the positions of its columns.
pub(super) fn eliminate<E>(
    columns: &[Vec<f64>],
    outcome: &[bool],
    params: &ForestParams,
    seed: u64,
    sizes: &[usize],
    mut visit: impl FnMut(&[usize], &FittedForest) -> Result<(), E>,
) -> Result<(), E>
where
    E: From<super::pipeline::PipelineError>,
{
    let mut features: Vec<usize> = (0..columns.len()).collect();
    for (step, size) in sizes.iter().enumerate() {
        debug_assert_eq!(*size, features.len());
        let chosen: Vec<&[f64]> = features.iter().map(|f| columns[*f].as_slice()).collect();
        let forest = FittedForest::fit(&chosen, outcome, params, derived_seed(seed, step as u64))?;
        visit(&features, &forest)?;
        if let Some(next) = sizes.get(step + 1) {
            let importance = forest.importances();
            let mut order: Vec<usize> = (0..features.len()).collect();
            // Of equals the later column goes first.
            order.sort_by(|a, b| importance[*b].total_cmp(&importance[*a]).then(a.cmp(b)));
            order.truncate(*next);
            order.sort_unstable();
            features = order.into_iter().map(|o| features[o]).collect();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spearman_follows_ranks() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert!((spearman(&a, &[1.0, 8.0, 27.0, 64.0, 125.0]).unwrap() - 1.0).abs() < 1e-12);
        assert!((spearman(&a, &[5.0, 4.0, 3.0, 1.0, 2.0]).unwrap() + 0.9).abs() < 1e-12);
        assert_eq!(spearman(&a, &[7.0; 5]), None);
    }

    #[test]
    fn of_near_copies_the_stronger_stays_and_constants_go() {
        let outcome: Vec<bool> = (0..40).map(|n| n >= 20).collect();
        let strong: Vec<f64> = (0..40).map(f64::from).collect();
        let mut weaker = strong.clone();
        weaker.swap(18, 22);
        let other: Vec<f64> = (0..40).map(|n| f64::from(n * 17 % 40)).collect();
        let constant = vec![3.0; 40];
        let kept = correlation_filter(&[constant, weaker, other, strong.clone(), strong], &outcome, 0.9);
        assert_eq!(kept, [2, 3]);
    }

    #[test]
    fn elimination_goes_by_tenths_and_then_one_by_one() {
        let sizes = elimination_sizes(110, 27, false);
        assert_eq!(sizes[..5], [110, 99, 90, 81, 73]);
        assert!(sizes.contains(&40) && sizes.contains(&39) && sizes.last() == Some(&27));
        assert_eq!(elimination_sizes(1, 1, false), [1]);
        assert_eq!(elimination_sizes(110, 27, true).len(), 84);
    }
}
