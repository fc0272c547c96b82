//! How much each feature moved a forest's probability: exact Shapley values of the trees (TreeSHAP, path dependent; Lundberg,
//! Erion and Lee 2018, algorithm 2). Base and contributions add up to the probability.

use super::flat::FlatForest;

/// A feature that was split on along a path.
#[derive(Debug, Clone, Copy)]
struct Step {
    feature: u32,
    /// Share of the training patients who would go on this way without knowing the feature.
    zero: f64,
    /// 1 if the patient goes this way, else 0.
    one: f64,
    /// Of the subsets of the features so far that have as many members as this step's place.
    weight: f64,
}

/// The step before the first split.
const ROOT: u32 = u32::MAX;

impl FlatForest {
    /// Mean over the trees of what they say when nothing is known of a patient, and what each feature adds to that for the
    /// patient with these values. The covers must have been counted.
    pub fn shapley(&self, values: &[f64]) -> (f64, Vec<f64>) {
        let mut contributions = vec![0.0; self.features()];
        let mut base = 0.0;
        let mut paths = Vec::new();
        for root in &self.roots {
            base += self.expectation(*root);
            let first = Step { feature: ROOT, zero: 1.0, one: 1.0, weight: 0.0 };
            self.descend(*root, values, &mut paths, 0, first, &mut contributions);
        }
        let n = self.trees() as f64;
        for c in &mut contributions {
            *c /= n;
        }
        (base / n, contributions)
    }

    /// Mean of the leaves, weighted by the training patients who end in them.
    fn expectation(&self, at: u32) -> f64 {
        let node = &self.nodes[at as usize];
        match node.split() {
            None => node.value,
            Some(children) => {
                let part = |child: u32| self.nodes[child as usize].cover / node.cover * self.expectation(child);
                children.map(part).iter().sum()
            }
        }
    }

    /// Goes through the tree below `at`; the path so far is `paths[begin..]`, to which `step` is added.
    fn descend(
        &self,
        at: u32,
        values: &[f64],
        paths: &mut Vec<Step>,
        begin: usize,
        step: Step,
        contributions: &mut [f64],
    ) {
        let end = paths.len();
        extend(paths, begin, step);
        let node = &self.nodes[at as usize];
        if let Some([hot, cold]) = node.children(values) {
            let (mut zero, mut one) = (1.0, 1.0);
            let known = paths[begin..].iter().position(|s| s.feature == node.feature);
            if let Some(k) = known {
                (zero, one) = (paths[begin + k].zero, paths[begin + k].one);
                unwind(paths, begin, k);
            }
            for (child, one) in [(hot, one), (cold, 0.0)] {
                let share = self.nodes[child as usize].cover / node.cover;
                let copy = paths.len();
                paths.extend_from_within(begin..);
                let step = Step { feature: node.feature, zero: zero * share, one, weight: 0.0 };
                self.descend(child, values, paths, copy, step, contributions);
                paths.truncate(copy);
            }
        } else {
            for k in 1..paths.len() - begin {
                let step = paths[begin + k];
                let weight = unwound_sum(&paths[begin..], k);
                contributions[step.feature as usize] += weight * (step.one - step.zero) * node.value;
            }
        }
        paths.truncate(end);
    }
}

/// Adds a step to the path `paths[begin..]`.
fn extend(paths: &mut Vec<Step>, begin: usize, step: Step) {
    let length = paths.len() - begin;
    paths.push(Step { weight: if length == 0 { 1.0 } else { 0.0 }, ..step });
    let path = &mut paths[begin..];
    let all = (length + 1) as f64;
    for i in (0..length).rev() {
        path[i + 1].weight += step.one * path[i].weight * (i + 1) as f64 / all;
        path[i].weight *= step.zero * (length - i) as f64 / all;
    }
}

/// Takes step `k` out of the path `paths[begin..]`, as if it had not been added.
fn unwind(paths: &mut Vec<Step>, begin: usize, k: usize) {
    let path = &mut paths[begin..];
    let last = path.len() - 1;
    let Step { zero, one, .. } = path[k];
    let all = path.len() as f64;
    let mut next = path[last].weight;
    for i in (0..last).rev() {
        if one == 0.0 {
            path[i].weight *= all / (zero * (last - i) as f64);
        } else {
            let before = path[i].weight;
            path[i].weight = next * all / ((i + 1) as f64 * one);
            next = before - path[i].weight * zero * (last - i) as f64 / all;
        }
    }
    for i in k..last {
        let Step { feature, zero, one, .. } = path[i + 1];
        path[i] = Step { feature, zero, one, weight: path[i].weight };
    }
    paths.pop();
}

/// Sum of the weights of the path without step `k`.
fn unwound_sum(path: &[Step], k: usize) -> f64 {
    let last = path.len() - 1;
    let Step { zero, one, .. } = path[k];
    let all = path.len() as f64;
    let mut next = path[last].weight;
    let mut sum = 0.0;
    for i in (0..last).rev() {
        let weight = if one == 0.0 {
            path[i].weight * all / (zero * (last - i) as f64)
        } else {
            let weight = next * all / ((i + 1) as f64 * one);
            next = path[i].weight - weight * zero * (last - i) as f64 / all;
            weight
        };
        sum += weight;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::forest::{FittedForest, ForestParams, SplitCandidates};
    use rand::Rng;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    /// What the tree says when only the features of `known` are known.
    fn value(forest: &FlatForest, at: u32, values: &[f64], known: u32) -> f64 {
        let node = &forest.nodes[at as usize];
        let Some([hot, cold]) = node.children(values) else { return node.value };
        if known >> node.feature & 1 == 1 {
            return value(forest, hot, values, known);
        }
        let part = |child: u32| forest.nodes[child as usize].cover / node.cover * value(forest, child, values, known);
        part(hot) + part(cold)
    }

    /// The definition, over all subsets.
    fn by_definition(forest: &FlatForest, values: &[f64]) -> Vec<f64> {
        let n = values.len();
        let of = |known: u32| forest.roots.iter().map(|r| value(forest, *r, values, known)).sum::<f64>();
        let factorial = |k: u32| (1..=k).map(f64::from).product::<f64>();
        (0..n)
            .map(|f| {
                let subsets = (0u32..1 << n).filter(|s| s >> f & 1 == 0);
                let sum: f64 = subsets
                    .map(|s| {
                        let size = s.count_ones();
                        let weight = factorial(size) * factorial(n as u32 - size - 1) / factorial(n as u32);
                        weight * (of(s | 1 << f) - of(s))
                    })
                    .sum();
                sum / forest.trees() as f64
            })
            .collect()
    }

    #[test]
    fn contributions_are_shapley_values_and_add_up() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for features in [1, 3, 6] {
            let rows: Vec<Vec<f64>> =
                (0..70).map(|_| (0..features).map(|_| rng.random_range(0..6) as f64).collect()).collect();
            let outcome: Vec<bool> =
                rows.iter().map(|r: &Vec<f64>| r[0] + r[features - 1] + rng.random_range(0.0..4.0) > 7.0).collect();
            let columns: Vec<Vec<f64>> = (0..features).map(|f| rows.iter().map(|r| r[f]).collect()).collect();
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            // Deep, so that a feature is split on more than once along a path.
            let params =
                ForestParams { trees: 8, max_splits: Some(9), min_leaf: 1, candidates: SplitCandidates::SquareRoot };
            let fitted = FittedForest::fit(&columns, &outcome, &params, 3).unwrap();
            let mut forest = FlatForest::from_json(&fitted.to_json()).unwrap();
            forest.count_covers(&rows).unwrap();
            for row in rows.iter().step_by(7) {
                let (base, contributions) = forest.shapley(row);
                let (p, _) = forest.predict(row);
                assert!((base + contributions.iter().sum::<f64>() - p).abs() < 1e-12);
                for (ours, expected) in contributions.iter().zip(by_definition(&forest, row)) {
                    assert!((ours - expected).abs() < 1e-12, "{ours} is not {expected} ({features} features)");
                }
            }
        }
    }

    #[test]
    fn other_patients_are_refused() {
        let columns: Vec<f64> = (0..40).map(f64::from).collect();
        let outcome: Vec<bool> = (0..40).map(|n| n > 20).collect();
        let params = ForestParams { trees: 5, max_splits: None, min_leaf: 1, candidates: SplitCandidates::SquareRoot };
        let fitted = FittedForest::fit(&[&columns], &outcome, &params, 1).unwrap();
        let mut forest = FlatForest::from_json(&fitted.to_json()).unwrap();
        assert!(forest.count_covers(&[vec![3.0]]).unwrap_err().contains("not those"));
        assert!(forest.count_covers(&[vec![3.0, 4.0]]).unwrap_err().contains("2 values"));
    }
}
