//! Features and risk, kept in step with every edit: only touched slices are counted again.

use super::Case;
use crate::anatomy;
use crate::contour::{self, Mask, SliceContours};
use crate::features::{CENTRAL_DISTANCE_MM, FeatureContext, FeatureVector, LiveFeatures, SliceMasks};
use crate::geometry::Revision;
use crate::risk::{RiskEstimate, RiskModel, RiskRefusal};
use crate::structures::{Role, Station};
use std::collections::BTreeSet;

/// A value with the revision it was computed from.
#[derive(Debug, Clone)]
pub struct Derived<T> {
    pub revision: Revision,
    pub value: T,
}

/// What the features need besides structures and clinical values; found once when a case is opened.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    pub context: FeatureContext,
    /// The airway grown by [`CENTRAL_DISTANCE_MM`], where the case has an airway structure.
    pub central_zone: Option<Mask>,
}

impl Surroundings {
    /// The midline from the trachea in the image, the central zone from an airway structure.
    pub fn find(case: &Case) -> Self {
        let airway = case.structures().rois.iter().find(|r| {
            let name = r.name.to_lowercase();
            r.role == Role::Organ && ["airway", "bronch", "tracheobronch"].iter().any(|word| name.contains(word))
        });
        let central_zone = airway
            .map(|r| contour::expand(case.mask(r.id), case.grid(), CENTRAL_DISTANCE_MM))
            .filter(|zone| !zone.is_empty());
        let trachea = anatomy::find_trachea(&case.image.volume);
        let context = FeatureContext {
            tracheal_midline_x_mm: trachea.map(|t| t.midline_x_mm),
            airway_known: central_zone.is_some(),
            ..FeatureContext::default()
        };
        Self { context, central_zone }
    }
}

/// Live results of a case.
pub struct Live {
    surroundings: Surroundings,
    counts: LiveFeatures,
    synced: Revision,
    features: Derived<FeatureVector>,
    risk: Option<Derived<Result<RiskEstimate, RiskRefusal>>>,
}

impl Live {
    /// Counts every slice of the case.
    pub fn new(case: &Case, surroundings: Surroundings, model: Option<&RiskModel>) -> Self {
        let mut counts = LiveFeatures::new(case.grid());
        for k in 0..case.grid().slices() {
            count_slice(&mut counts, case, &surroundings, k);
        }
        let value = counts.features(case.clinical(), &surroundings.context);
        let features = Derived { revision: case.revision(), value };
        let risk = predict(&features, model);
        Self { surroundings, counts, synced: case.revision(), features, risk }
    }

    /// Brings counts, features and risk to the revision of the case.
    pub fn sync(&mut self, case: &Case, model: Option<&RiskModel>) {
        if self.synced == case.revision() {
            return;
        }
        let slices: BTreeSet<usize> =
            case.changes_since(self.synced).iter().flat_map(|c| c.slices.iter().copied()).collect();
        for k in slices {
            count_slice(&mut self.counts, case, &self.surroundings, k);
        }
        self.synced = case.revision();
        let value = self.counts.features(case.clinical(), &self.surroundings.context);
        self.features = Derived { revision: case.revision(), value };
        self.risk = predict(&self.features, model);
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

fn count_slice(counts: &mut LiveFeatures, case: &Case, surroundings: &Surroundings, k: usize) {
    let gtvp = case.role_slice(Role::Gtvp, k);
    let gtvn = case.role_slice(Role::Gtvn, k);
    let ctv = case.role_slice(Role::Ctv, k);
    let stations: [_; Station::COUNT] =
        std::array::from_fn(|s| Station::from_index(s).and_then(|station| case.role_slice(Role::Station(station), k)));
    let rings = |role: Role| -> Vec<&SliceContours> {
        case.structures().with_role(role).filter_map(|r| r.slices.get(&k)).map(AsRef::as_ref).collect()
    };
    let zone = surroundings.central_zone.as_ref().and_then(|z| z.slices.get(&k));
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
