//! What may be edited: rules applied in one place, apart from every tool.

use super::tools::EditMode;
use crate::contour::{self, BooleanOp, SliceContours};
use crate::image::CtVolume;
use crate::structures::{Roi, RoiId, StructureSet};
use crate::words::keep;
use std::collections::BTreeSet;

/// The CT numbers that may be added: those from `low_hu` to `high_hu`, or where `inverted` all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HuBand {
    pub on: bool,
    pub inverted: bool,
    pub low_hu: i16,
    pub high_hu: i16,
}

impl Default for HuBand {
    /// Soft tissue, off.
    fn default() -> Self {
        let [low_hu, high_hu] = Self::PRESETS[0].1;
        Self { on: false, inverted: false, low_hu, high_hu }
    }
}

impl HuBand {
    /// CT numbers that can be asked for, HU.
    pub const LIMITS_HU: [i16; 2] = [-1024, 3071];
    /// Ranges that are often wanted, HU.
    pub const PRESETS: [(&str, [i16; 2]); 5] = [
        (keep("Soft tissue"), [-50, 150]),
        (keep("Lung"), [-1000, -400]),
        (keep("Fat"), [-150, -30]),
        (keep("Contrast"), [150, 500]),
        (keep("Bone"), [200, 2000]),
    ];

    /// What the key makes of it: off, within the range, outside it, and off again.
    #[must_use]
    pub fn next(self) -> Self {
        match (self.on, self.inverted) {
            (false, _) => Self { on: true, inverted: false, ..self },
            (true, false) => Self { inverted: true, ..self },
            (true, true) => Self { on: false, inverted: false, ..self },
        }
    }

    /// The same with its limits in order and among the CT numbers there are.
    #[must_use]
    fn in_order(self) -> Self {
        let [least, most] = Self::LIMITS_HU;
        let (a, b) = (self.low_hu.clamp(least, most), self.high_hu.clamp(least, most));
        Self { low_hu: a.min(b), high_hu: a.max(b), ..self }
    }
}

/// Where a structure may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    #[default]
    Anywhere,
    /// Only inside this structure.
    Inside(RoiId),
    /// Only outside this structure.
    Outside(RoiId),
}

impl Limit {
    pub fn roi(self) -> Option<RoiId> {
        match self {
            Self::Anywhere => None,
            Self::Inside(roi) | Self::Outside(roi) => Some(roi),
        }
    }
}

/// What happens where a station grows into another one. Stations higher in the list of structures come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumIter, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StationRule {
    /// They may overlap.
    #[default]
    Overlap,
    /// Nothing is added where a station higher in the list is.
    Spare,
    /// As [`Self::Spare`], and what is added is taken from the stations lower in the list.
    Take,
}

/// Rules beside locks; they hold for every tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EditRules {
    pub band: HuBand,
    pub limit: Limit,
    pub stations: StationRule,
}

impl EditRules {
    /// True where some rule narrows what tools do.
    pub fn are_on(&self) -> bool {
        self.band.on || self.limit != Limit::Anywhere || self.stations != StationRule::Overlap
    }

    /// The same with limits that make sense.
    #[must_use]
    pub(super) fn checked(self) -> Self {
        Self { band: self.band.in_order(), ..self }
    }
}

/// Rules that every edit of contours obeys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EditPolicy {
    /// ROIs that no tool may change.
    pub locked: BTreeSet<RoiId>,
    pub rules: EditRules,
}

/// Why a tool may not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{}", crate::words::t("No structure is selected: choose one in the structure list, or add one"))]
    NothingSelected,
    #[error("{}", crate::tf!("{value} is locked: unlock it in the structure list to edit it", value = .0))]
    Locked(String),
    #[error("{}", crate::tf!("{value} is hidden: show it before editing, so that you see what you change", value = .0))]
    Hidden(String),
    #[error(
        "{}",
        crate::words::t(
            "The structure to which edits are limited is no longer there: choose another one in the rules of the tool bar, or no limit"
        )
    )]
    NoLimit,
}

/// What a tool wants of a slice.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// An area is added or taken away.
    Area(SliceContours, EditMode),
    /// The contours become these.
    Become(SliceContours),
}

impl EditPolicy {
    /// The ROI that may be edited, or why not.
    pub fn editable(
        &self,
        structures: &StructureSet,
        selected: Option<RoiId>,
        is_visible: impl Fn(RoiId) -> bool,
    ) -> Result<RoiId, Refusal> {
        let roi = selected.and_then(|id| structures.get(id)).ok_or(Refusal::NothingSelected)?;
        if self.locked.contains(&roi.id) {
            return Err(Refusal::Locked(roi.name.clone()));
        }
        if !is_visible(roi.id) {
            return Err(Refusal::Hidden(roi.name.clone()));
        }
        if self.rules.limit.roi().is_some_and(|limit| structures.get(limit).is_none()) {
            return Err(Refusal::NoLimit);
        }
        Ok(roi.id)
    }

    /// The new contours of a slice when a tool wants something of the target there: those of the target first, then
    /// those of the stations from which the target takes. Rules narrow what is added; what is taken away they leave
    /// alone. Where they narrow nothing, wanted contours come out exactly as they are.
    pub fn outcome(
        &self,
        structures: &StructureSet,
        volume: &CtVolume,
        target: &Roi,
        k: usize,
        wanted: Wanted,
    ) -> Vec<(RoiId, SliceContours)> {
        let none = SliceContours::default();
        let before = target.slices.get(&k).map_or(&none, AsRef::as_ref);
        let (added, after) = match wanted {
            Wanted::Area(area, EditMode::Erase) => {
                if before.is_empty() {
                    return Vec::new();
                }
                return vec![(target.id, contour::boolean(before, &area, BooleanOp::Difference))];
            }
            Wanted::Area(area, EditMode::Add) => {
                let area = self.allowed(structures, volume, target, k, area);
                if area.is_empty() {
                    return Vec::new();
                }
                let after = contour::boolean(before, &area, BooleanOp::Union);
                (area, after)
            }
            Wanted::Become(after) if !self.rules.are_on() => return vec![(target.id, after)],
            Wanted::Become(after) => {
                let added = contour::boolean(&after, before, BooleanOp::Difference);
                let allowed = self.allowed(structures, volume, target, k, added.clone());
                let refused = contour::boolean(&added, &allowed, BooleanOp::Difference);
                let after =
                    if refused.is_empty() { after } else { contour::boolean(&after, &refused, BooleanOp::Difference) };
                (allowed, after)
            }
        };
        let mut outcome = vec![(target.id, after)];
        if self.rules.stations == StationRule::Take && !added.is_empty() {
            for other in
                self.stations_beside(structures, target).filter(|(_, is_higher)| !is_higher).map(|(roi, _)| roi)
            {
                if let Some(contours) = other.slices.get(&k) {
                    let less = contour::boolean(contours, &added, BooleanOp::Difference);
                    if less != **contours {
                        outcome.push((other.id, less));
                    }
                }
            }
        }
        outcome
    }

    /// The part of an area that may be added to the target on a slice.
    fn allowed(
        &self,
        structures: &StructureSet,
        volume: &CtVolume,
        target: &Roi,
        k: usize,
        mut area: SliceContours,
    ) -> SliceContours {
        let EditRules { band, limit, stations } = self.rules;
        let contours = |id: RoiId| structures.get(id).and_then(|roi| roi.slices.get(&k));
        match limit {
            Limit::Inside(id) if id != target.id => {
                area = contours(id)
                    .map_or_else(SliceContours::default, |c| contour::boolean(&area, c, BooleanOp::Intersection));
            }
            Limit::Outside(id) if id != target.id => {
                if let Some(c) = contours(id) {
                    area = contour::boolean(&area, c, BooleanOp::Difference);
                }
            }
            _ => {}
        }
        if stations != StationRule::Overlap {
            for (other, _) in self.stations_beside(structures, target).filter(|(_, is_higher)| *is_higher) {
                if let Some(c) = other.slices.get(&k) {
                    area = contour::boolean(&area, c, BooleanOp::Difference);
                }
            }
        }
        if band.on
            && let Some(bounds) = area.bounds()
            && k < volume.grid.slices()
        {
            let slice = volume.hu.index_axis(ndarray::Axis(0), k);
            let within = contour::band_outline(&volume.grid, slice, [band.low_hu, band.high_hu], bounds);
            let op = if band.inverted { BooleanOp::Difference } else { BooleanOp::Intersection };
            area = contour::boolean(&area, &within, op);
        }
        area
    }

    /// The other stations if the target is one, and whether each comes before it. A locked one always does, as nothing
    /// can be taken from it.
    fn stations_beside<'a>(
        &'a self,
        structures: &'a StructureSet,
        target: &'a Roi,
    ) -> impl Iterator<Item = (&'a Roi, bool)> {
        let place = structures.rois.iter().position(|roi| roi.id == target.id);
        let rois = structures.rois.iter().enumerate().filter(|_| target.role.is_station());
        rois.filter(|(_, roi)| roi.role.is_station() && roi.id != target.id)
            .map(move |(at, roi)| (roi, Some(at) < place || self.locked.contains(&roi.id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contour::{Ring, area_mm2};
    use crate::geometry::VoxelGrid;
    use crate::structures::{Provenance, Role, Station};
    use ndarray::Array3;
    use std::sync::Arc;

    fn square(low: f64, high: f64) -> SliceContours {
        SliceContours::new(vec![Ring::new([[low, low], [high, low], [high, high], [low, high]])])
    }

    /// Soft tissue left of column 30, lung right of it; three stations and a box, each a square on slice 1.
    fn scene() -> (StructureSet, CtVolume) {
        let grid = VoxelGrid::axial(glam::DVec3::ZERO, [1.0; 3], [64, 64, 3]).expect("valid grid");
        let hu = Array3::from_shape_fn([3, 64, 64], |(_, _, i)| if i < 30 { 40 } else { -800 });
        let roi = |n: u32, role: Role, low: f64, high: f64| {
            let mut roi = Roi::new(RoiId(n), format!("R{n}"), [0; 3], role, Provenance::Drawn);
            roi.slices.insert(1, Arc::new(square(low, high)));
            roi
        };
        let station = Role::Station;
        let rois = vec![
            roi(1, station(Station::S4R), 10.0, 20.0),
            roi(2, station(Station::S7), 19.0, 26.0),
            roi(3, station(Station::S8), 25.0, 40.0),
            roi(4, Role::Organ, 0.0, 24.0),
        ];
        (StructureSet { rois }, CtVolume::new(Arc::new(grid), hu))
    }

    fn add(policy: &EditPolicy, area: SliceContours) -> Vec<(RoiId, SliceContours)> {
        let (structures, volume) = scene();
        let target = structures.get(RoiId(2)).expect("there");
        policy.outcome(&structures, &volume, target, 1, Wanted::Area(area, EditMode::Add))
    }

    fn with(rules: EditRules) -> EditPolicy {
        EditPolicy { rules, ..EditPolicy::default() }
    }

    #[test]
    fn without_rules_an_area_is_united_and_wanted_contours_come_out_exactly() {
        let policy = EditPolicy::default();
        let outcome = add(&policy, square(19.0, 30.0));
        assert_eq!((outcome.len(), area_mm2(&outcome[0].1)), (1, 121.0));
        let (structures, volume) = scene();
        let wanted = SliceContours::new(vec![Ring::imported([[1.000_000_1, 2.0], [3.0, 4.0], [5.0, 0.0]], 0)]);
        let target = structures.get(RoiId(2)).expect("there");
        let outcome = policy.outcome(&structures, &volume, target, 1, Wanted::Become(wanted.clone()));
        assert_eq!(outcome, [(RoiId(2), wanted)]);
    }

    #[test]
    fn only_voxels_of_the_band_are_added_and_any_can_be_erased() {
        let band = HuBand { on: true, inverted: false, low_hu: -100, high_hu: 200 };
        let rules = EditRules { band, ..EditRules::default() };
        let outcome = add(&with(rules), square(20.0, 40.0));
        let after = &outcome[0].1;
        assert!(after.contains([28.9, 35.0]) && !after.contains([30.0, 35.0]) && after.contains([25.0, 25.0]));
        let others = EditRules { band: HuBand { inverted: true, ..band }, ..rules };
        let outcome = add(&with(others), square(20.0, 40.0));
        let after = &outcome[0].1;
        assert!(!after.contains([28.0, 35.0]) && after.contains([31.0, 35.0]) && after.contains([25.0, 25.0]));
        let (structures, volume) = scene();
        let target = structures.get(RoiId(3)).expect("there");
        let erase = Wanted::Area(square(35.0, 45.0), EditMode::Erase);
        let outcome = with(rules).outcome(&structures, &volume, target, 1, erase);
        assert!(!outcome[0].1.contains([37.0, 37.0]), "lung is taken away as well");
    }

    #[test]
    fn the_range_goes_from_off_to_within_to_outside_and_is_kept_in_order() {
        let states: Vec<(bool, bool)> = std::iter::successors(Some(HuBand::default()), |b| Some(b.next()))
            .take(4)
            .map(|b| (b.on, b.inverted))
            .collect();
        assert_eq!(states, [(false, false), (true, false), (true, true), (false, false)]);
        let band = HuBand { low_hu: 300, high_hu: -5000, ..HuBand::default() };
        let rules = EditRules { band, ..EditRules::default() }.checked();
        assert_eq!((rules.band.low_hu, rules.band.high_hu), (-1024, 300));
    }

    #[test]
    fn a_structure_limits_from_inside_or_from_outside() {
        let limited = |limit| add(&with(EditRules { limit, ..EditRules::default() }), square(20.0, 30.0));
        let inside = limited(Limit::Inside(RoiId(4)));
        assert_eq!(area_mm2(&inside[0].1), 49.0, "the box ends within the station");
        let outside = limited(Limit::Outside(RoiId(4)));
        assert!(outside[0].1.contains([28.0, 28.0]) && outside[0].1.contains([20.0, 20.0]), "what was there stays");
        // A station limited by itself is not limited.
        assert_eq!(area_mm2(&limited(Limit::Inside(RoiId(2)))[0].1), 49.0 + 100.0 - 36.0);
    }

    #[test]
    fn a_station_spares_those_above_and_takes_from_those_below() {
        let rule = |stations| with(EditRules { stations, ..EditRules::default() });
        let area = square(15.0, 30.0);
        let spared = add(&rule(StationRule::Spare), area.clone());
        assert_eq!(spared.len(), 1);
        assert!(!spared[0].1.contains([16.0, 16.0]) && spared[0].1.contains([28.0, 28.0]));
        assert!(spared[0].1.contains([19.5, 19.5]), "an overlap that was there before stays");
        let taken = add(&rule(StationRule::Take), area.clone());
        assert_eq!(taken[1].0, RoiId(3));
        assert_eq!(area_mm2(&taken[1].1), 225.0 - 25.0);
        let mut locked = rule(StationRule::Take);
        locked.locked.insert(RoiId(3));
        let around = add(&locked, area);
        assert!(around.len() == 1 && !around[0].1.contains([28.0, 28.0]), "a locked station is spared");
    }

    #[test]
    fn wanted_contours_are_cut_back_where_rules_forbid_what_they_add() {
        let (structures, volume) = scene();
        let target = structures.get(RoiId(2)).expect("there");
        let policy = with(EditRules { stations: StationRule::Take, ..EditRules::default() });
        let outcome = policy.outcome(&structures, &volume, target, 1, Wanted::Become(square(15.0, 30.0)));
        assert!(!outcome[0].1.contains([16.0, 16.0]) && outcome[0].1.contains([28.0, 28.0]));
        assert_eq!(outcome[1].0, RoiId(3));
    }

    #[test]
    fn a_limit_that_is_gone_refuses() {
        let (structures, _) = scene();
        let policy = with(EditRules { limit: Limit::Inside(RoiId(9)), ..EditRules::default() });
        assert_eq!(policy.editable(&structures, Some(RoiId(2)), |_| true), Err(Refusal::NoLimit));
    }
}
