//! Features and risk, kept in step with every edit: only touched slices are counted again.

use super::Case;
use super::noise_floor::NoiseFloor;
use crate::anatomy;
use crate::contour::{self, Mask, SliceContours};
use crate::features::{CENTRAL_DISTANCE_MM, FeatureContext, FeatureVector, LiveFeatures, SliceMasks};
use crate::geometry::{Revision, VoxelGrid};
use crate::risk::{RiskEstimate, RiskModel, RiskRefusal};
use crate::structures::{RoiId, Role, Station};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A value with the revision it was computed from.
#[derive(Debug, Clone)]
pub struct Derived<T> {
    pub revision: Revision,
    pub value: T,
}

/// An organ with the airway's walls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Airway {
    roi: RoiId,
    /// False for the trachea or the carina alone: a tumour far from them can lie at a bronchus.
    whole: bool,
}

/// The organs that are the airway or a part of it, by their names.
fn airways(case: &Case) -> Vec<Airway> {
    case.structures().rois.iter().filter(|r| r.role == Role::Organ).filter_map(|r| airway(r.id, &r.name)).collect()
}

fn airway(roi: RoiId, name: &str) -> Option<Airway> {
    let name = name.to_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| name.contains(word));
    // Organs with a margin, and what lies beside or behind the trachea.
    if is(&["prv", "+", "paratrach", "retrotrach", "esoph", "oesoph"]) {
        return None;
    }
    let whole = is(&["airway", "bronch"]) || name.split(|c: char| !c.is_alphanumeric()).any(|word| word == "pbt");
    (whole || is(&["trachea", "carina"])).then_some(Airway { roi, whole })
}

/// Where a primary tumour is central: within [`CENTRAL_DISTANCE_MM`] of the airway.
#[derive(Debug, Clone, Default)]
pub struct CentralZone {
    /// The revision of the airway.
    revision: Revision,
    airways: Vec<Airway>,
    /// `None` without an airway.
    mask: Option<Mask>,
    /// More than the trachea is known.
    whole: bool,
}

impl CentralZone {
    /// Measured from the airway as it is now.
    pub fn find(case: &Case) -> Self {
        AirwaySurvey::new(case).zone()
    }

    /// A zone that is given; it holds as long as the case has no airway of its own.
    pub fn given(mask: Mask) -> Self {
        Self { mask: Some(mask), whole: true, ..Self::default() }
    }

    /// True if the airway has not changed since.
    fn holds(&self, case: &Case) -> bool {
        let ours = |roi: RoiId| self.airways.iter().any(|a| a.roi == roi);
        self.airways == airways(case) && !case.changes_since(self.revision).iter().any(|c| ours(c.roi))
    }
}

/// What it takes to find the central zone apart from the case.
pub struct AirwaySurvey {
    revision: Revision,
    airways: Vec<Airway>,
    airway: Mask,
    whole: bool,
    grid: Arc<VoxelGrid>,
}

impl AirwaySurvey {
    fn new(case: &Case) -> Self {
        let airways = airways(case);
        let drawn: Vec<&Airway> = airways.iter().filter(|a| !case.mask(a.roi).is_empty()).collect();
        let airway = drawn.iter().fold(Mask::default(), |all, a| all.union(case.mask(a.roi)));
        let whole = drawn.iter().any(|a| a.whole);
        Self { revision: case.revision(), airway, whole, airways, grid: Arc::clone(case.grid()) }
    }

    /// Takes some tenths of a second for an airway on fine slices.
    pub fn zone(self) -> CentralZone {
        let Self { revision, airways, airway, whole, grid } = self;
        let mask = (!airway.is_empty()).then(|| contour::expand(&airway, &grid, CENTRAL_DISTANCE_MM));
        CentralZone { revision, airways, mask, whole }
    }
}

/// What the features need besides structures and clinical values; found when a case is opened.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    pub context: FeatureContext,
    pub zone: CentralZone,
}

impl Surroundings {
    /// The midline from the trachea in the image, the central zone from the airway structures.
    pub fn find(case: &Case) -> Self {
        let trachea = anatomy::find_trachea(&case.image.volume);
        let context =
            FeatureContext { tracheal_midline_x_mm: trachea.map(|t| t.midline_x_mm), ..FeatureContext::default() };
        Self { context, zone: CentralZone::find(case) }
    }
}

/// Live results of a case.
pub struct Live {
    surroundings: Surroundings,
    /// The revision at which the airway changed last.
    airway_changed: Revision,
    airways: Vec<Airway>,
    counts: LiveFeatures,
    synced: Revision,
    features: Derived<FeatureVector>,
    risk: Option<Derived<Result<RiskEstimate, RiskRefusal>>>,
    /// The first estimate of the case, and the features that it was of.
    opened: Option<(RiskEstimate, FeatureVector)>,
    noise: Option<Derived<Option<NoiseFloor>>>,
}

impl Live {
    /// Counts every slice of the case. A central zone that no longer fits the airway is measured anew.
    pub fn new(case: &Case, mut surroundings: Surroundings, model: Option<&RiskModel>) -> Self {
        if !surroundings.zone.holds(case) {
            surroundings.zone = CentralZone::find(case);
        }
        let mut counts = LiveFeatures::new(case.grid());
        for k in 0..case.grid().slices() {
            count_slice(&mut counts, case, &surroundings.zone, k);
        }
        let value = features(&counts, case, &surroundings);
        let features = Derived { revision: case.revision(), value };
        let risk = predict(&features, model);
        let (airway_changed, airways) = (surroundings.zone.revision, surroundings.zone.airways.clone());
        let mut live = Self {
            surroundings,
            airway_changed,
            airways,
            counts,
            synced: case.revision(),
            features,
            risk,
            opened: None,
            noise: None,
        };
        live.remember_first();
        live
    }

    /// Brings counts, features and risk to the revision of the case. Where the airway changed they stay
    /// marked as out of date until the survey of the airway has brought its zone.
    pub fn sync(&mut self, case: &Case, model: Option<&RiskModel>) {
        if self.synced == case.revision() {
            return;
        }
        let changes = case.changes_since(self.synced);
        let now = airways(case);
        let is_airway = |roi: RoiId| now.iter().chain(&self.airways).any(|a| a.roi == roi);
        let changed = now != self.airways || changes.iter().any(|c| is_airway(c.roi));
        if changed {
            self.airway_changed = case.revision();
            self.airways = now;
        }
        let slices: BTreeSet<usize> = changes.iter().flat_map(|c| c.slices.iter().copied()).collect();
        for k in slices {
            count_slice(&mut self.counts, case, &self.surroundings.zone, k);
        }
        self.synced = case.revision();
        self.derive(case, model);
    }

    /// The work that brings the central zone up to date, where it is not.
    pub(super) fn survey_wanted(&self, case: &Case) -> Option<AirwaySurvey> {
        self.is_zone_stale().then(|| AirwaySurvey::new(case))
    }

    /// Takes in a central zone; of an airway that has changed meanwhile it stays marked as out of date.
    pub(super) fn set_zone(&mut self, case: &Case, zone: CentralZone, model: Option<&RiskModel>) {
        self.surroundings.zone = zone;
        let slices: BTreeSet<usize> =
            case.structures().with_role(Role::Gtvp).flat_map(|r| r.slices.keys().copied()).collect();
        for k in slices {
            count_slice(&mut self.counts, case, &self.surroundings.zone, k);
        }
        self.derive(case, model);
    }

    fn is_zone_stale(&self) -> bool {
        self.surroundings.zone.revision < self.airway_changed
    }

    fn derive(&mut self, case: &Case, model: Option<&RiskModel>) {
        let revision = if self.is_zone_stale() { self.features.revision } else { case.revision() };
        self.features = Derived { revision, value: features(&self.counts, case, &self.surroundings) };
        self.risk = predict(&self.features, model);
        self.remember_first();
    }

    fn remember_first(&mut self) {
        if self.opened.is_none() {
            let estimate = self.risk.as_ref().and_then(|risk| risk.value.as_ref().ok());
            self.opened = estimate.map(|estimate| (estimate.clone(), self.features.value.clone()));
        }
    }

    /// Another model answers from now on, for the case as it is and as it was first.
    pub(super) fn judge_again(&mut self, model: Option<&RiskModel>) {
        self.risk = predict(&self.features, model);
        let first = self.opened.take().map(|(_, features)| features);
        self.opened = first.and_then(|features| Some((model?.predict(&features).ok()?, features)));
        self.noise = None;
        self.remember_first();
    }

    /// The first estimate that there was for the case: what has changed is told against it.
    pub fn opened(&self) -> Option<&RiskEstimate> {
        self.opened.as_ref().map(|(estimate, _)| estimate)
    }

    /// How much the figure moves with boundaries; of an older revision while a new one is being found. `None` before the first
    /// and where there is none.
    pub fn noise(&self) -> Option<Derived<NoiseFloor>> {
        self.noise.as_ref().and_then(|noise| noise.value.map(|value| Derived { revision: noise.revision, value }))
    }

    /// True where there is a figure whose noise floor is not known for the case as it is.
    pub(super) fn is_noise_wanted(&self, case: &Case) -> bool {
        let current = self.features.revision == case.revision() && !case.in_transaction();
        let known = self.noise.as_ref().is_some_and(|noise| noise.revision == case.revision());
        current && !known && self.risk.as_ref().is_some_and(|risk| risk.value.is_ok())
    }

    /// The central zone, and what the features need besides structures and clinical values.
    pub(super) fn surroundings_of(&self, case: &Case) -> (Option<Mask>, FeatureContext) {
        (self.surroundings.zone.mask.clone(), context(&self.counts, case, &self.surroundings))
    }

    pub(super) fn set_noise(&mut self, noise: Derived<Option<NoiseFloor>>) {
        self.noise = Some(noise);
    }

    pub fn features(&self) -> &Derived<FeatureVector> {
        &self.features
    }

    /// `None` without a risk model.
    pub fn risk(&self) -> Option<&Derived<Result<RiskEstimate, RiskRefusal>>> {
        self.risk.as_ref()
    }
}

fn predict(
    features: &Derived<FeatureVector>,
    model: Option<&RiskModel>,
) -> Option<Derived<Result<RiskEstimate, RiskRefusal>>> {
    model.map(|m| Derived { revision: features.revision, value: m.predict(&features.value) })
}

/// With the trachea alone a tumour near to it is central; of one far from it nothing is known.
fn context(counts: &LiveFeatures, case: &Case, surroundings: &Surroundings) -> FeatureContext {
    let Surroundings { context, zone } = surroundings;
    let near = || (0..case.grid().slices()).any(|k| counts.slice(k).is_some_and(|c| c.gtvp_central > 0));
    let airway_known = zone.mask.is_some() && (zone.whole || near());
    FeatureContext { airway_known, ..context.clone() }
}

fn features(counts: &LiveFeatures, case: &Case, surroundings: &Surroundings) -> FeatureVector {
    counts.features(case.clinical(), &context(counts, case, surroundings))
}

fn count_slice(counts: &mut LiveFeatures, case: &Case, zone: &CentralZone, k: usize) {
    let gtvp = case.role_slice(Role::Gtvp, k);
    let gtvn = case.role_slice(Role::Gtvn, k);
    let ctv = case.role_slice(Role::Ctv, k);
    let stations: [_; Station::COUNT] =
        std::array::from_fn(|s| Station::from_index(s).and_then(|station| case.role_slice(Role::Station(station), k)));
    let rings = |role: Role| -> Vec<&SliceContours> {
        case.structures().with_role(role).filter_map(|r| r.slices.get(&k)).map(AsRef::as_ref).collect()
    };
    let zone = zone.mask.as_ref().and_then(|z| z.slices.get(&k));
    counts.update_slice(
        k,
        &SliceMasks {
            ctv: ctv.as_deref(),
            gtvp: gtvp.as_deref(),
            gtvn: gtvn.as_deref(),
            stations: std::array::from_fn(|s| stations[s].as_deref()),
            central_zone: zone.map(AsRef::as_ref),
            gtvp_contours: &rings(Role::Gtvp),
            gtvn_contours: &rings(Role::Gtvn),
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn airways_are_found_by_their_names() {
        let whole = |name: &str| airway(RoiId(1), name).map(|a| a.whole);
        for name in ["Airway", "Bronchus_L", "main bronchi", "PBT", "Tree_Tracheobronchial", "lung_trachea_bronchia"] {
            assert_eq!(whole(name), Some(true), "{name}");
        }
        assert_eq!((whole("Trachea"), whole("Carina_c40")), (Some(false), Some(false)));
        for name in ["PBT_PRV20", "Airway+20", "Paratracheal fat", "Heart"] {
            assert_eq!(whole(name), None, "{name}");
        }
    }
}
