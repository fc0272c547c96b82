//! The border check of the open case: its station contours against the map of the rules, kept in step with every edit. After
//! one only the stations whose contours changed are checked again, and how all lie to each other.

use crate::anatomy::{AnatomySources, Finding, FindingKind, Quality, RuleMap, check_overlaps, check_station};
use crate::contour::Mask;
use crate::geometry::Revision;
use crate::structures::{RoiId, Role, Station};
use crate::teaching::Phase;
use crate::words::t;
use crate::workbench::jobs::{JobKey, Lane};
use crate::workbench::results::CaseResult;
use crate::workbench::view::clamped;
use crate::workbench::{Case, Workbench};
use rayon::prelude::*;
use std::sync::Arc;

type Masks = [Mask; Station::COUNT];

/// What the border check has found.
#[derive(Debug, Default)]
pub struct BorderCheck {
    /// The map and the contours that it is of.
    of: Option<(Arc<RuleMap>, Box<Masks>)>,
    stations: [Vec<Finding>; Station::COUNT],
    overlaps: Vec<Finding>,
    /// All of them, station by station, what differs most first.
    findings: Vec<Finding>,
    revision: Revision,
    /// The map and the revision with which a job was lost.
    failed: Option<(Arc<RuleMap>, Revision)>,
    /// The finding that was gone to last.
    chosen: Option<(Station, FindingKind, bool)>,
}

/// What a job has checked.
pub(in crate::workbench) struct CheckedStations {
    map: Arc<RuleMap>,
    masks: Box<Masks>,
    revision: Revision,
    stations: Vec<(Station, Vec<Finding>)>,
    overlaps: Vec<Finding>,
}

impl BorderCheck {
    /// The revision of the contours that the findings are of.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The number of the finding that was gone to last.
    pub fn chosen(&self) -> Option<usize> {
        self.findings.iter().position(|finding| self.chosen == Some(key(finding)))
    }

    /// What the rules that were checked against rest on.
    pub fn quality(&self) -> Option<Quality> {
        self.of.as_ref().map(|(map, _)| map.stations.quality)
    }

    /// The name of the rules that were checked against.
    pub fn rules(&self) -> Option<&str> {
        self.of.as_ref().map(|(map, _)| map.stations.rules.name.as_str())
    }
}

/// What stays the same about a finding while its figures change.
fn key(finding: &Finding) -> (Station, FindingKind, bool) {
    (finding.station, finding.kind, finding.amount > 0.0)
}

/// The masks of all structures with the role of a station.
fn station_masks(case: &Case) -> Box<Masks> {
    let mut masks: Box<Masks> = Box::new(std::array::from_fn(|_| Mask::default()));
    for roi in &case.structures().rois {
        if let Role::Station(station) = roi.role {
            let mask = &mut masks[station.index()];
            *mask = if mask.is_empty() { case.mask(roi.id).clone() } else { mask.union(case.mask(roi.id)) };
        }
    }
    masks
}

fn check(
    map: Arc<RuleMap>,
    masks: Box<Masks>,
    sources: &AnatomySources,
    revision: Revision,
    wanted: &[Station],
) -> CheckedStations {
    let one = |station: &Station| (*station, check_station(&map, &sources.grid, *station, &masks[station.index()]));
    let (stations, overlaps) =
        rayon::join(|| wanted.par_iter().map(one).collect(), || check_overlaps(&map, sources, &masks));
    CheckedStations { map, masks, revision, stations, overlaps }
}

impl Workbench {
    /// The findings of the border check, station by station, what differs most first. None where the landmarks are
    /// not known, the case has no station contours, or an exercise hides its reference.
    pub fn border_findings(&self) -> &[Finding] {
        let conceals = self.exercise.is_some_and(|e| e.phase == Phase::Contouring);
        if conceals || !self.has_station_contours() { &[] } else { &self.anatomy.check.findings }
    }

    /// True if any structure with contours has the role of a station.
    pub fn has_station_contours(&self) -> bool {
        let rois = self.case.iter().flat_map(|case| &case.structures().rois);
        rois.into_iter().any(|roi| matches!(roi.role, Role::Station(_)) && !roi.slices.is_empty())
    }

    /// True if the findings are those of the contours and landmarks as they are now.
    pub fn is_check_fresh(&self) -> bool {
        let (Some(case), Some(map)) = (&self.case, self.rule_map()) else { return false };
        let check = &self.anatomy.check;
        check.revision == case.revision() && check.of.as_ref().is_some_and(|(of, _)| Arc::ptr_eq(of, map))
    }

    /// Checks again what has changed, by a job; a stroke under way is checked at its end.
    pub(in crate::workbench) fn follow_check(&mut self) {
        let (Some(case), Some(known)) = (&self.case, self.anatomy.known.clone()) else { return };
        let Some(map) = self.rule_map().cloned() else { return };
        if self.is_check_fresh() || case.in_transaction() || self.jobs.is_running(JobKey::BorderCheck) {
            return;
        }
        let revision = case.revision();
        let same_map = |of: &Arc<RuleMap>| Arc::ptr_eq(of, &map);
        if self.anatomy.check.failed.as_ref().is_some_and(|(of, at)| same_map(of) && *at == revision) {
            return;
        }
        let masks = station_masks(case);
        let before = self.anatomy.check.of.as_ref().filter(|(of, _)| same_map(of)).map(|(_, masks)| masks);
        let changed = |s: &Station| before.is_none_or(|before| before[s.index()] != masks[s.index()]);
        let wanted: Vec<Station> = Station::all().filter(changed).collect();
        if wanted.is_empty() {
            self.anatomy.check.revision = revision;
            return;
        }
        self.spawn_for_case(Lane::Live, JobKey::BorderCheck, t("Border check"), None, move |_| {
            Ok(CaseResult::Checked(Box::new(check(map, masks, &known.sources, revision, &wanted))))
        });
    }

    pub(in crate::workbench) fn accept_check(&mut self, checked: CheckedStations) {
        let check = &mut self.anatomy.check;
        for (station, findings) in checked.stations {
            check.stations[station.index()] = findings;
        }
        check.overlaps = checked.overlaps;
        check.of = Some((checked.map, checked.masks));
        check.revision = checked.revision;
        let mut all: Vec<Finding> = check.stations.iter().flatten().chain(&check.overlaps).cloned().collect();
        all.sort_by(|a, b| a.station.cmp(&b.station).then(b.weight().total_cmp(&a.weight())));
        check.findings = all;
    }

    /// A job has ended without a result: with the same contours it would do so again.
    pub(in crate::workbench) fn check_failed(&mut self) {
        let (Some(case), Some(map)) = (&self.case, self.rule_map().cloned()) else { return };
        let failed = Some((map, case.revision()));
        self.anatomy.check.failed = failed;
    }

    pub(super) fn go_to_finding(&mut self, n: usize) {
        let (Some(finding), Some(grid)) = (self.border_findings().get(n).cloned(), self.grid()) else { return };
        self.view.crosshair = clamped(&grid, finding.at);
        if let Some(roi) = self.station_roi(finding.station) {
            self.drop_draft();
            self.view.selected = Some(roi);
        }
        self.anatomy.check.chosen = Some(key(&finding));
    }

    pub(super) fn next_finding(&mut self, forward: bool) {
        let count = self.border_findings().len();
        if count == 0 {
            return self.notices.info(t("The border check has nothing to tell"));
        }
        let next = match (self.anatomy.check.chosen(), forward) {
            (Some(n), true) => (n + 1) % count,
            (Some(n), false) => (n + count - 1) % count,
            (None, true) => 0,
            (None, false) => count - 1,
        };
        self.go_to_finding(next);
    }

    /// The structure of a station, the selected one first.
    fn station_roi(&self, station: Station) -> Option<RoiId> {
        let case = self.case.as_ref()?;
        let of_station: Vec<RoiId> = case.structures().with_role(Role::Station(station)).map(|roi| roi.id).collect();
        let selected = self.view.selected.filter(|id| of_station.contains(id));
        selected.or(of_station.first().copied())
    }
}
