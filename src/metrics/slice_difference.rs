//! How two outlines of a structure differ on one slice: areas, and how far one lies outside and inside of the other.

use super::along::along_outline;
use crate::contour::{BooleanOp, SliceContours, area_mm2, boolean};

/// The difference of a test outline from a reference outline on one slice.
///
/// Distances are measured in the slice, from points at most [`Self::STEP_MM`] apart on either outline to the nearest point
/// of the other outline. They are `None` where one side encloses nothing.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct SliceDifference {
    pub reference_mm2: f64,
    pub test_mm2: f64,
    /// In the reference and not in the test.
    pub missed_mm2: f64,
    /// In the test and not in the reference.
    pub extra_mm2: f64,
    /// The greatest distance by which the test lies outside the reference, mm, at least 0.
    pub outward_mm: Option<f64>,
    /// The greatest distance by which the test lies inside the reference, mm, at least 0.
    pub inward_mm: Option<f64>,
}

impl SliceDifference {
    /// Points on the outlines are at most so far apart, mm.
    pub const STEP_MM: f64 = 1.0;

    /// Compares the rings of a slice.
    pub fn of(reference: &SliceContours, test: &SliceContours) -> Self {
        let apart = |a: &SliceContours, b: &SliceContours| area_mm2(&boolean(a, b, BooleanOp::Difference));
        let (reference_mm2, test_mm2) = (area_mm2(reference), area_mm2(test));
        let measured = along_outline(reference, test, Self::STEP_MM).zip(along_outline(test, reference, Self::STEP_MM));
        let reach = measured.filter(|_| reference_mm2 > 0.0 && test_mm2 > 0.0).map(|(of_test, of_reference)| {
            // A point of the reference outside the test is where the test lies inside the reference.
            let signed = of_test.iter().flatten().map(|p| p.mm);
            let signed = signed.chain(of_reference.iter().flatten().map(|p| -p.mm));
            signed.fold([0.0f64; 2], |[out, into], mm| [out.max(mm), into.max(-mm)])
        });
        Self {
            reference_mm2,
            test_mm2,
            missed_mm2: apart(reference, test),
            extra_mm2: apart(test, reference),
            outward_mm: reach.map(|[out, _]| out),
            inward_mm: reach.map(|[_, into]| into),
        }
    }

    /// The greatest distance between the outlines, mm; `None` where only one side encloses something.
    pub fn largest_mm(&self) -> Option<f64> {
        self.outward_mm.zip(self.inward_mm).map(|(a, b)| a.max(b))
    }

    /// True where only one side encloses something.
    pub fn is_one_sided(&self) -> bool {
        self.largest_mm().is_none() && self.reference_mm2 + self.test_mm2 > 0.0
    }

    /// True where the outlines are further apart than a tolerance, or only one side is there.
    pub fn exceeds(&self, tolerance_mm: f64) -> bool {
        self.is_one_sided() || self.largest_mm().is_some_and(|mm| mm > tolerance_mm)
    }

    /// Order by size: slices on which only one side is there come last, the larger by area; the others by distance.
    pub fn size(&self) -> (bool, f64) {
        match self.largest_mm() {
            Some(mm) => (false, mm),
            None => (self.is_one_sided(), self.reference_mm2 + self.test_mm2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::{Ring, capsule};

    fn disc(x: f64, radius: f64) -> SliceContours {
        SliceContours::new(vec![capsule([x, 4.0], [x, 4.0], radius)])
    }

    #[test]
    fn discs_differ_by_their_radii_and_a_shift_shows_on_both_sides() {
        let bigger = SliceDifference::of(&disc(0.0, 10.0), &disc(0.0, 13.0));
        assert!((bigger.outward_mm.expect("both") - 3.0).abs() < 0.03 && bigger.inward_mm.expect("both") < 1e-9);
        let ring = std::f64::consts::PI * (169.0 - 100.0);
        assert!((bigger.extra_mm2 - ring).abs() < 1.0 && bigger.missed_mm2 == 0.0, "{bigger:?}");
        let shifted = SliceDifference::of(&disc(0.0, 10.0), &disc(2.0, 10.0));
        assert!((shifted.outward_mm.expect("both") - 2.0).abs() < 0.05, "{shifted:?}");
        assert!((shifted.inward_mm.expect("both") - 2.0).abs() < 0.05, "{shifted:?}");
        assert!(shifted.exceeds(1.0) && !shifted.exceeds(2.5));
    }

    #[test]
    fn what_the_test_has_cut_off_is_measured_from_the_reference() {
        // A spike of 30 mm that the test lacks: no point of the test is far from the reference.
        let square = [[-5.0, -5.0], [5.0, -5.0], [5.0, 5.0], [-5.0, 5.0]];
        let spiked = [[-5.0, -5.0], [5.0, -5.0], [5.0, -1.0], [35.0, 0.0], [5.0, 1.0], [5.0, 5.0], [-5.0, 5.0]];
        let [reference, test] = [spiked.to_vec(), square.to_vec()].map(|p| SliceContours::new(vec![Ring::new(p)]));
        let found = SliceDifference::of(&reference, &test);
        assert_eq!((found.inward_mm, found.outward_mm), (Some(30.0), Some(0.0)));
        assert!((found.missed_mm2 - 30.0).abs() < 0.01 && found.extra_mm2 == 0.0);
    }

    #[test]
    fn the_middle_of_a_long_edge_counts() {
        // Only between its corners is the long side of the test far from the reference.
        let reference = [[0.0, 0.0], [50.0, 0.0], [50.0, 10.0], [25.0, 4.0], [0.0, 10.0]];
        let test = [[0.0, 0.0], [50.0, 0.0], [50.0, 10.0], [0.0, 10.0]];
        let [reference, test] = [reference.to_vec(), test.to_vec()].map(|p| SliceContours::new(vec![Ring::new(p)]));
        let found = SliceDifference::of(&reference, &test);
        let expected = 6.0 * 25.0 / 25f64.hypot(6.0);
        assert!((found.outward_mm.expect("both") - expected).abs() < 0.02, "{found:?} {expected}");
    }

    #[test]
    fn one_side_alone_comes_before_any_distance() {
        let alone = SliceDifference::of(&SliceContours::default(), &disc(0.0, 3.0));
        assert!(alone.is_one_sided() && alone.exceeds(1e9) && alone.largest_mm().is_none());
        assert!((alone.extra_mm2 - alone.test_mm2).abs() < 1e-9);
        assert!(alone.size() > SliceDifference::of(&disc(0.0, 60.0), &disc(0.0, 3.0)).size());
        let nothing = SliceDifference::of(&SliceContours::default(), &SliceContours::default());
        assert!(!nothing.is_one_sided() && !nothing.exceeds(0.0));
    }
}
