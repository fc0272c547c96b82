//! Whole structures: unions, intersections and differences of their rings, slice by slice, exact.

use super::{BooleanOp, Ring, SliceContours, boolean};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The contours of one structure by slice index; a slice without rings has no entry.
pub type Slices = BTreeMap<usize, Arc<SliceContours>>;

/// Combines any number of structures from the first to the last: the difference takes all others from the first one, and
/// the exclusive-or keeps what an odd number of them holds. Slices that the operation does not change are the first
/// structure's own.
pub fn combine(op: BooleanOp, parts: &[&Slices]) -> Slices {
    let Some((first, others)) = parts.split_first() else { return Slices::new() };
    let mut all: BTreeSet<usize> = first.keys().copied().collect();
    if matches!(op, BooleanOp::Union | BooleanOp::Xor) {
        all.extend(others.iter().flat_map(|o| o.keys().copied()));
    }
    let nothing = Arc::new(SliceContours::default());
    let mut out = Slices::new();
    for k in all {
        let mut rings = Arc::clone(first.get(&k).unwrap_or(&nothing));
        for other in others {
            match other.get(&k) {
                Some(clip) => rings = Arc::new(boolean(&rings, clip, op)),
                None if op == BooleanOp::Intersection => rings = Arc::clone(&nothing),
                None => {}
            }
        }
        if !rings.is_empty() {
            out.insert(k, rings);
        }
    }
    out
}

/// The same rings as rings of another structure: they are no contours of its source.
pub fn without_sources(slices: &Slices) -> Slices {
    let plain = |ring: &Ring| Ring::exact(ring.points().to_vec());
    slices.iter().map(|(&k, c)| (k, Arc::new(SliceContours::new(c.rings.iter().map(plain).collect())))).collect()
}

/// Gives every place to one structure: what an earlier one in `order` holds is taken from all later ones. Returns the
/// structures in the same order.
pub fn resolve_overlaps(order: &[&Slices]) -> Vec<Slices> {
    let mut taken = Slices::new();
    let mut out: Vec<Slices> = Vec::new();
    for &slices in order {
        let own = combine(BooleanOp::Difference, &[slices, &taken]);
        taken = combine(BooleanOp::Union, &[&taken, slices]);
        out.push(own);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::area_mm2;

    fn square(low: f64, high: f64) -> SliceContours {
        SliceContours::new(vec![Ring::new([[low, low], [high, low], [high, high], [low, high]])])
    }

    fn stack(of: &[(usize, f64, f64)]) -> Slices {
        of.iter().map(|&(k, a, b)| (k, Arc::new(square(a, b)))).collect()
    }

    fn areas(slices: &Slices) -> Vec<(usize, f64)> {
        slices.iter().map(|(&k, c)| (k, area_mm2(c))).collect()
    }

    #[test]
    fn structures_are_combined_slice_by_slice() {
        let a = stack(&[(1, 0.0, 10.0), (2, 0.0, 10.0)]);
        let b = stack(&[(2, 5.0, 15.0), (3, 0.0, 4.0)]);
        let c = stack(&[(2, 8.0, 9.0)]);
        assert_eq!(areas(&combine(BooleanOp::Union, &[&a, &b, &c])), [(1, 100.0), (2, 175.0), (3, 16.0)]);
        assert_eq!(areas(&combine(BooleanOp::Intersection, &[&a, &b, &c])), [(2, 1.0)]);
        assert_eq!(areas(&combine(BooleanOp::Difference, &[&a, &b, &c])), [(1, 100.0), (2, 75.0)]);
        assert_eq!(areas(&combine(BooleanOp::Xor, &[&a, &b, &c])), [(1, 100.0), (2, 151.0), (3, 16.0)]);
        assert!(Arc::ptr_eq(&combine(BooleanOp::Difference, &[&a, &b])[&1], &a[&1]), "nothing changed there");
        assert!(combine(BooleanOp::Union, &[]).is_empty());
    }

    #[test]
    fn what_an_earlier_structure_holds_is_taken_from_later_ones() {
        let order = [stack(&[(1, 0.0, 10.0)]), stack(&[(1, 5.0, 15.0)]), stack(&[(1, 0.0, 20.0), (2, 0.0, 1.0)])];
        let resolved = resolve_overlaps(&[&order[0], &order[1], &order[2]]);
        let found: Vec<_> = resolved.iter().map(areas).collect();
        assert_eq!(found, [vec![(1, 100.0)], vec![(1, 75.0)], vec![(1, 225.0), (2, 1.0)]]);
    }
}
