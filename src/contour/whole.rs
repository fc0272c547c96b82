//! Whole structures: unions, intersections and differences of their rings, slice by slice, exact.

use super::{BooleanOp, Ring, SliceContours, boolean, simplify_slice};
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
                Some(clip) => rings = same_or_new(&rings, boolean(&rings, clip, op)),
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

/// The slice as it was where nothing has changed.
fn same_or_new(before: &Arc<SliceContours>, after: SliceContours) -> Arc<SliceContours> {
    if **before == after { Arc::clone(before) } else { Arc::new(after) }
}

/// What came after, with what was added taken back wherever it is outside all of `inside` (none: nowhere) or inside one
/// of `outside`. What was there before stays.
pub fn limited(before: &Slices, after: &Slices, inside: &[&Slices], outside: &[&Slices]) -> Slices {
    let nothing = Arc::new(SliceContours::default());
    let mut out = Slices::new();
    for (&k, rings) in after {
        let at = |slices: &Slices| slices.get(&k).cloned().unwrap_or_else(|| Arc::clone(&nothing));
        let added = boolean(rings, &at(before), BooleanOp::Difference);
        let mut refused = SliceContours::default();
        if !inside.is_empty() {
            refused = inside.iter().fold(added.clone(), |left, c| boolean(&left, &at(c), BooleanOp::Difference));
        }
        for c in outside.iter().filter_map(|slices| slices.get(&k)) {
            let met = boolean(&added, c, BooleanOp::Intersection);
            refused = boolean(&refused, &met, BooleanOp::Union);
        }
        let left = same_or_new(rings, boolean(rings, &refused, BooleanOp::Difference));
        if !left.is_empty() {
            out.insert(k, left);
        }
    }
    out
}

/// All rings with fewer vertices (see [`simplify_slice`]); slices that lose none are the same.
pub fn simplify_slices(slices: &Slices, tolerance_mm: f64) -> Slices {
    slices.iter().map(|(&k, c)| (k, same_or_new(c, simplify_slice(c, tolerance_mm)))).collect()
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
        let apart = stack(&[(1, 20.0, 30.0)]);
        assert!(
            Arc::ptr_eq(&combine(BooleanOp::Difference, &[&a, &apart])[&1], &a[&1]),
            "nothing changed there either"
        );
        assert!(combine(BooleanOp::Union, &[]).is_empty());
    }

    #[test]
    fn limits_take_back_what_was_added_and_nothing_else() {
        let before = stack(&[(1, 0.0, 10.0)]);
        let after = stack(&[(1, -5.0, 15.0), (2, 0.0, 10.0)]);
        let [body, organ] = [stack(&[(1, -50.0, 12.0)]), stack(&[(1, -50.0, 2.0), (2, 5.0, 15.0)])];
        assert_eq!(areas(&limited(&before, &after, &[&body], &[])), [(1, 17.0 * 17.0)]);
        let spared = limited(&before, &after, &[], &[&organ]);
        // On slice 1 the organ holds 7 x 7 of the grown square; 2 x 2 of them were there before.
        assert_eq!(areas(&spared), [(1, 400.0 - 49.0 + 4.0), (2, 75.0)]);
        let both = limited(&before, &after, &[&body, &stack(&[(2, 0.0, 20.0)])], &[&organ]);
        assert_eq!(areas(&both), [(1, 289.0 - 49.0 + 4.0), (2, 75.0)]);
        assert!(Arc::ptr_eq(&limited(&before, &after, &[], &[])[&1], &after[&1]));
        let shrunk = stack(&[(1, 2.0, 8.0)]);
        assert_eq!(limited(&before, &shrunk, &[], &[&organ]), shrunk);
    }

    #[test]
    fn structures_lose_vertices_only_where_there_are_some_to_lose() {
        let mut some = stack(&[(1, 0.0, 10.0)]);
        let ring = Ring::imported([[0.0, 0.0], [5.0, 0.001], [10.0, 0.0], [10.0, 10.0]], 3);
        some.insert(2, Arc::new(SliceContours::new(vec![ring])));
        let less = simplify_slices(&some, 0.1);
        assert!(Arc::ptr_eq(&less[&1], &some[&1]));
        assert_eq!((less[&2].rings[0].points().len(), less[&2].rings[0].source_contour()), (3, None));
    }

    #[test]
    fn what_an_earlier_structure_holds_is_taken_from_later_ones() {
        let order = [stack(&[(1, 0.0, 10.0)]), stack(&[(1, 5.0, 15.0)]), stack(&[(1, 0.0, 20.0), (2, 0.0, 1.0)])];
        let resolved = resolve_overlaps(&[&order[0], &order[1], &order[2]]);
        let found: Vec<_> = resolved.iter().map(areas).collect();
        assert_eq!(found, [vec![(1, 100.0)], vec![(1, 75.0)], vec![(1, 225.0), (2, 1.0)]]);
    }
}
