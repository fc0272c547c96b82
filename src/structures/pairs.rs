//! Which structure of one set is meant by which of another.

use super::{Roi, Role};
use std::collections::BTreeSet;

/// Two structures that mean the same.
#[derive(Debug, Clone, Copy)]
pub struct RoiPair<'a> {
    pub reference: &'a Roi,
    pub test: &'a Roi,
    /// "name" or "role".
    pub paired_by: &'static str,
}

/// The pairs of two sets, and the names of those that are left.
#[derive(Debug, Default)]
pub struct RoiPairs<'a> {
    pub paired: Vec<RoiPair<'a>>,
    pub unpaired_reference: Vec<String>,
    pub unpaired_test: Vec<String>,
}

impl<'a> RoiPairs<'a> {
    /// Pairs by name, then by a role that is left once on each side.
    pub fn of(reference: impl IntoIterator<Item = &'a Roi>, test: impl IntoIterator<Item = &'a Roi>) -> Self {
        let reference: Vec<&Roi> = reference.into_iter().collect();
        let test: Vec<&Roi> = test.into_iter().collect();
        let mut paired = Vec::new();
        let (mut used_a, mut used_b) = (BTreeSet::new(), BTreeSet::new());
        for (n, a) in reference.iter().enumerate() {
            if let Some(m) = (0..test.len()).find(|m| test[*m].name == a.name && !used_b.contains(m)) {
                paired.push(RoiPair { reference: a, test: test[m], paired_by: "name" });
                used_a.insert(n);
                used_b.insert(m);
            }
        }
        for role in Role::all() {
            if matches!(role, Role::Organ | Role::Other) {
                continue;
            }
            let left = |rois: &[&Roi], used: &BTreeSet<usize>| -> Vec<usize> {
                (0..rois.len()).filter(|n| rois[*n].role == role && !used.contains(n)).collect()
            };
            if let (&[n], &[m]) = (left(&reference, &used_a).as_slice(), left(&test, &used_b).as_slice()) {
                paired.push(RoiPair { reference: reference[n], test: test[m], paired_by: "role" });
                used_a.insert(n);
                used_b.insert(m);
            }
        }
        let rest = |rois: &[&Roi], used: &BTreeSet<usize>| {
            rois.iter().enumerate().filter(|(n, _)| !used.contains(n)).map(|(_, r)| r.name.clone()).collect()
        };
        Self { paired, unpaired_reference: rest(&reference, &used_a), unpaired_test: rest(&test, &used_b) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structures::{Provenance, RoiId, Station};

    fn roi(name: &str, role: Role) -> Roi {
        Roi::new(RoiId(0), name, [0; 3], role, Provenance::Drawn)
    }

    #[test]
    fn names_pair_first_and_roles_only_where_they_are_unique() {
        let s4r = Role::Station(Station::S4R);
        let reference = [roi("GTVp", Role::Gtvp), roi("4R", s4r), roi("nodeA", Role::Gtvn), roi("nodeB", Role::Gtvn)];
        let test =
            [roi("LN_IASLC_04_R", s4r), roi("GTVp", Role::Other), roi("node", Role::Gtvn), roi("x", Role::Other)];
        let pairs = RoiPairs::of(&reference, &test);
        let found: Vec<_> =
            pairs.paired.iter().map(|p| (p.reference.name.as_str(), p.test.name.as_str(), p.paired_by)).collect();
        assert_eq!(found, [("GTVp", "GTVp", "name"), ("4R", "LN_IASLC_04_R", "role")]);
        assert_eq!(pairs.unpaired_reference, ["nodeA", "nodeB"]);
        assert_eq!(pairs.unpaired_test, ["node", "x"]);
    }
}
