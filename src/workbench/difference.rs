//! The difference between two sets of structures of the case: pairs, slice by slice, measured again only where contours
//! changed. It lies beside the case and changes nothing of it.

use super::display::{CompareSide, source_of};
use super::jobs::{JobKey, JobMode, Lane};
use super::results::CaseResult;
use super::{Case, Coverage, Workbench};
use crate::contour::SliceContours;
use crate::geometry::Revision;
use crate::metrics::SliceDifference;
use crate::progress::Progress as _;
use crate::structures::{Roi, RoiId, RoiPairs};
use crate::teaching::{Exercise, Phase};
use crate::words::{keep, t};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is compared: the reference, and what is judged by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    pub reference: CompareSide,
    pub test: CompareSide,
}

/// A structure of the reference and the one that is judged by it.
#[derive(Debug, Clone)]
pub struct DifferencePair {
    pub reference: Roi,
    pub test: Roi,
    slices: BTreeMap<usize, Measured>,
    /// Slices that are not measured yet.
    waiting: BTreeSet<usize>,
}

/// The difference on a slice, and the contours of which it is.
#[derive(Debug, Clone)]
struct Measured {
    of: [Option<Arc<SliceContours>>; 2],
    value: SliceDifference,
}

impl Measured {
    fn is_of(&self, contours: &[Option<Arc<SliceContours>>; 2]) -> bool {
        same_both(&self.of, contours)
    }
}

impl DifferencePair {
    fn new(reference: &Roi, test: &Roi) -> Self {
        let (reference, test) = (reference.clone(), test.clone());
        Self { reference, test, slices: BTreeMap::new(), waiting: BTreeSet::new() }
    }

    fn ids(&self) -> [RoiId; 2] {
        [self.reference.id, self.test.id]
    }

    /// The difference on every slice on which the contours are not the same ones.
    pub fn slices(&self) -> impl Iterator<Item = (usize, &SliceDifference)> {
        self.slices.iter().map(|(k, m)| (*k, &m.value))
    }

    /// Contours of the reference and of the other on a slice.
    pub fn contours(&self, k: usize) -> [Option<&Arc<SliceContours>>; 2] {
        [self.reference.slices.get(&k), self.test.slices.get(&k)]
    }

    /// The slice with the largest difference, if they differ at all.
    pub fn largest(&self) -> Option<(usize, &SliceDifference)> {
        let differing = self.slices().filter(|(_, d)| d.exceeds(0.0));
        differing.max_by(|(_, a), (_, b)| a.size().0.cmp(&b.size().0).then(a.size().1.total_cmp(&b.size().1)))
    }

    /// True if one of the two is this structure.
    pub fn is_of(&self, roi: RoiId) -> bool {
        self.reference.id == roi || self.test.id == roi
    }
}

/// The pairs of what is compared, at a revision.
#[derive(Debug, Clone)]
pub struct Differences {
    compared: Compared,
    exercise: Option<Exercise>,
    at: (u64, Revision),
    pairs: Vec<DifferencePair>,
    /// What a job measures, or has failed to measure.
    asked: BTreeMap<([RoiId; 2], usize), [Option<Arc<SliceContours>>; 2]>,
    /// The job has failed.
    failed: bool,
}

impl Differences {
    /// What counts as a difference for the keys, mm, before the user says otherwise.
    pub const USUAL_TOLERANCE_MM: f64 = 1.0;
    pub const TOLERANCES_MM: std::ops::RangeInclusive<f64> = 0.0..=30.0;

    /// What each figure means, for the panel and the command line.
    pub const DEFINITIONS: [(&'static str, &'static str); 4] = [
        (
            "outward_mm",
            keep("the greatest distance by which the judged outline lies outside the reference on the slice, mm"),
        ),
        ("inward_mm", keep("the greatest distance by which it lies inside the reference, mm")),
        (
            "distance",
            keep(
                "in the plane of the slice, from points at most 1 mm apart on either outline to the nearest point of the other; none where only one of the two has contours",
            ),
        ),
        ("missed_mm2, extra_mm2", keep("area of the reference alone, and of the judged structure alone, mm²")),
    ];

    pub fn compared(&self) -> &Compared {
        &self.compared
    }

    /// True while it is that of an exercise's attempt from its reference.
    pub fn is_exercise(&self) -> bool {
        self.exercise.is_some()
    }

    pub fn pairs(&self) -> &[DifferencePair] {
        &self.pairs
    }

    /// The pair of the selected structure, or all where it has none.
    pub fn of_interest(&self, selected: Option<RoiId>) -> impl Iterator<Item = &DifferencePair> {
        let selected = selected.filter(|id| self.pairs.iter().any(|p| p.is_of(*id)));
        self.pairs.iter().filter(move |pair| selected.is_none_or(|id| pair.is_of(id)))
    }

    /// Slices on which a pair of interest differs by more than a tolerance.
    pub fn slices_beyond(&self, selected: Option<RoiId>, tolerance_mm: f64) -> BTreeSet<usize> {
        let slices = self.of_interest(selected).flat_map(DifferencePair::slices);
        slices.filter(|(_, d)| d.exceeds(tolerance_mm)).map(|(k, _)| k).collect()
    }

    /// The slice with the largest difference of the pairs of interest.
    pub fn largest(&self, selected: Option<RoiId>) -> Option<usize> {
        let all = self.of_interest(selected).filter_map(DifferencePair::largest);
        all.max_by(|(_, a), (_, b)| a.size().0.cmp(&b.size().0).then(a.size().1.total_cmp(&b.size().1))).map(|(k, _)| k)
    }

    /// How many slices are not measured yet.
    pub fn waiting(&self) -> usize {
        self.pairs.iter().map(|p| p.waiting.len()).sum()
    }

    /// True while a job measures them.
    pub fn is_measuring(&self) -> bool {
        self.waiting() > 0 && !self.failed
    }

    /// Takes over what is known of the contours of former pairs; the rest of the slices waits.
    fn take_over(&mut self, before: &[DifferencePair]) {
        for pair in &mut self.pairs {
            let old = before.iter().find(|p| p.ids() == pair.ids());
            let slices: BTreeSet<usize> =
                pair.reference.slices.keys().chain(pair.test.slices.keys()).copied().collect();
            for k in slices {
                let of = pair.contours(k).map(Option::<&Arc<_>>::cloned);
                if of[0].is_some() && same(of[0].as_ref(), of[1].as_ref()) {
                    continue;
                }
                match old.and_then(|p| p.slices.get(&k)).filter(|m| m.is_of(&of)) {
                    Some(measured) => drop(pair.slices.insert(k, measured.clone())),
                    None => drop(pair.waiting.insert(k)),
                }
            }
        }
    }

    /// The slices that wait, without those that were asked for.
    fn wanted(&self) -> Vec<Asked> {
        let all = self.pairs.iter().flat_map(|pair| {
            let asked =
                |k: &usize| Asked { pair: pair.ids(), k: *k, of: pair.contours(*k).map(Option::<&Arc<_>>::cloned) };
            pair.waiting.iter().map(asked)
        });
        all.filter(|a| self.asked.get(&(a.pair, a.k)).is_none_or(|of| !same_both(&a.of, of))).collect()
    }

    /// Takes in what was measured, where the contours are still the same.
    fn take_in(&mut self, slices: Vec<MeasuredSlice>) {
        for MeasuredSlice { pair, k, measured } in slices {
            let Some(pair) = self.pairs.iter_mut().find(|p| p.ids() == pair) else { continue };
            if measured.is_of(&pair.contours(k).map(Option::<&Arc<_>>::cloned)) && pair.waiting.remove(&k) {
                pair.slices.insert(k, measured);
            }
        }
    }
}

/// A slice of a pair that is to be measured.
#[derive(Debug, Clone)]
struct Asked {
    pair: [RoiId; 2],
    k: usize,
    of: [Option<Arc<SliceContours>>; 2],
}

impl Asked {
    fn measure(&self) -> MeasuredSlice {
        let nothing = SliceContours::default();
        let [reference, test] = self.of.each_ref().map(|c| c.as_deref().unwrap_or(&nothing));
        let value = SliceDifference::of(reference, test);
        MeasuredSlice { pair: self.pair, k: self.k, measured: Measured { of: self.of.clone(), value } }
    }
}

/// A slice of a pair that was measured.
#[derive(Debug)]
pub(super) struct MeasuredSlice {
    pair: [RoiId; 2],
    k: usize,
    measured: Measured,
}

/// Contours that nobody touched are the same contours.
fn same(a: Option<&Arc<SliceContours>>, b: Option<&Arc<SliceContours>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

fn same_both(a: &[Option<Arc<SliceContours>>; 2], b: &[Option<Arc<SliceContours>>; 2]) -> bool {
    same(a[0].as_ref(), b[0].as_ref()) && same(a[1].as_ref(), b[1].as_ref())
}

/// The structures of a side of a comparison.
pub(super) fn rois_of<'a>(case: &'a Case, coverage: &'a Coverage, side: &CompareSide) -> Vec<&'a Roi> {
    match side {
        CompareSide::Now => case.structures().rois.iter().collect(),
        CompareSide::AsOpened => coverage.as_opened().collect(),
        CompareSide::Source(source) => case.structures().rois.iter().filter(|r| source_of(r) == *source).collect(),
    }
}

/// A name without the number that another structure of the same name has cost it.
fn plain_name(name: &str) -> &str {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() < name.len() { stem.strip_suffix(' ').unwrap_or(name) } else { name }
}

fn pairs_of(case: &Case, coverage: &Coverage, compared: &Compared) -> Vec<DifferencePair> {
    let pair = DifferencePair::new;
    let reference = rois_of(case, coverage, &compared.reference);
    let test = rois_of(case, coverage, &compared.test);
    let by_identity = [&compared.reference, &compared.test].iter().all(|s| !matches!(s, CompareSide::Source(_)));
    if by_identity {
        let same = |a: &&Roi| test.iter().find(|b| b.id == a.id).map(|b| pair(a, b));
        return reference.iter().filter_map(same).collect();
    }
    // A structure is not compared with itself.
    let ids: BTreeSet<RoiId> = match &compared.reference {
        CompareSide::Source(_) => reference.iter().map(|r| r.id).collect(),
        _ => test.iter().map(|r| r.id).collect(),
    };
    let others = |rois: &[&'_ Roi], is_all: bool| -> Vec<Roi> {
        rois.iter().filter(|r| !is_all || !ids.contains(&r.id)).map(|r| (*r).clone()).collect()
    };
    let reference = others(&reference, !matches!(compared.reference, CompareSide::Source(_)));
    let test = others(&test, !matches!(compared.test, CompareSide::Source(_)));
    let found = RoiPairs::of(&reference, &test);
    let mut pairs: Vec<DifferencePair> = found.paired.iter().map(|p| pair(p.reference, p.test)).collect();
    // Two sets of one case cannot both call a structure "Heart": the later one has become "Heart 2".
    let left = |rois: &[Roi], names: &[String]| -> Vec<Roi> {
        rois.iter().filter(|r| names.contains(&r.name)).cloned().collect()
    };
    let rest = left(&test, &found.unpaired_test);
    for a in &left(&reference, &found.unpaired_reference) {
        let mut alike = rest.iter().filter(|b| {
            let [x, y] = [plain_name(&a.name), plain_name(&b.name)];
            x == y && (x == a.name || y == b.name)
        });
        if let (Some(b), None) = (alike.next(), alike.next()) {
            pairs.push(pair(a, b));
        }
    }
    pairs
}

impl Workbench {
    /// The difference that is shown, if any.
    pub fn differences(&self) -> Option<&Differences> {
        self.differences.as_ref().filter(|_| self.loading.is_none())
    }

    /// What the key compares: what was compared last, else what was changed, else the first two sources.
    pub fn usual_comparison(&self) -> Compared {
        if let Some(last) = &self.view.compared {
            return last.clone();
        }
        let sources = self.sources();
        let changed = self.case.iter().flat_map(|c| &c.structures().rois).any(|r| self.coverage.is_edited(r.id));
        match sources.as_slice() {
            [first, second, ..] if !changed => {
                let [reference, test] = [first, second].map(|s| CompareSide::Source(s.clone()));
                Compared { reference, test }
            }
            _ => Compared { reference: CompareSide::AsOpened, test: CompareSide::Now },
        }
    }

    /// Brings the difference to the case. While an exercise is compared, it is that of the attempt from its reference.
    pub(super) fn follow_difference(&mut self) {
        let exercise = self.exercise.filter(|e| e.phase == Phase::Comparing);
        let (Some(case), Some(compared)) = (&self.case, self.wanted_comparison(exercise.is_some())) else {
            self.differences = None;
            return;
        };
        let at = (self.case_count, case.revision());
        let fresh = |d: &Differences| d.at == at && d.compared == compared && d.exercise == exercise;
        if self.differences.as_ref().is_some_and(fresh) {
            // What waited for the job of another case.
            return self.measure_differences();
        }
        let before = self.differences.take();
        let pairs = match exercise {
            Some(exercise) => {
                let [reference, test] = [exercise.reference, exercise.attempt].map(|id| case.structures().get(id));
                reference.zip(test).map(|(a, b)| DifferencePair::new(a, b)).into_iter().collect()
            }
            None => pairs_of(case, &self.coverage, &compared),
        };
        let (before, asked, failed) = before.map_or_else(Default::default, |d| (d.pairs, d.asked, d.failed));
        let mut differences = Differences { compared, exercise, at, pairs, asked, failed };
        differences.take_over(&before);
        self.differences = Some(differences);
        self.measure_differences();
    }

    /// Measures the slices that wait: the few of an edit at once, whole sets by a job.
    fn measure_differences(&mut self) {
        /// About what a frame has time for.
        const AT_ONCE: usize = 8;
        let is_inline = self.jobs.mode() == JobMode::Inline;
        let Some(differences) = &mut self.differences else { return };
        let wanted = differences.wanted();
        if is_inline || wanted.len() <= AT_ONCE {
            let measured = wanted.par_iter().map(Asked::measure).collect();
            differences.take_in(measured);
        } else if !self.jobs.is_running(JobKey::Difference) {
            differences.asked = wanted.iter().map(|a| ((a.pair, a.k), a.of.clone())).collect();
            differences.failed = false;
            self.spawn_for_case(Lane::Live, JobKey::Difference, t("Measure the difference"), None, move |context| {
                let mut measured = Vec::with_capacity(wanted.len());
                for some in wanted.chunks(16) {
                    context.checkpoint()?;
                    measured.par_extend(some.par_iter().map(Asked::measure));
                }
                Ok(CaseResult::Differences(measured))
            });
        }
    }

    /// The job has ended without a result.
    pub(super) fn difference_failed(&mut self) {
        if let Some(differences) = &mut self.differences {
            differences.failed = true;
        }
    }

    /// Takes in what a job has measured.
    pub(super) fn accept_differences(&mut self, measured: Vec<MeasuredSlice>) {
        if let Some(differences) = &mut self.differences {
            differences.asked.clear();
            differences.take_in(measured);
        }
        self.measure_differences();
    }

    fn wanted_comparison(&self, in_exercise: bool) -> Option<Compared> {
        if in_exercise {
            return Some(Compared { reference: CompareSide::AsOpened, test: CompareSide::Now });
        }
        // A hidden reference must not be told by the difference from it.
        let is_open = self.view.shows_difference && self.exercise.is_none();
        self.view.compared.clone().filter(|_| is_open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_after_a_space_is_dropped_from_a_name() {
        assert_eq!(["Heart 2", "Heart", "T4", "Node 12", "7"].map(plain_name), ["Heart", "Heart", "T4", "Node", "7"]);
    }
}
