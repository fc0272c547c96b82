//! The feature vector: values, what is said about them, and the volumes from which they come.

use super::catalogue::{FEATURE_COUNT, FeatureInfo, GLOBAL_FIRST, catalogue, feature_index, ratio_index};
use super::clinical::{ClinicalValues, Sex};
use super::flag::{FeatureFlag, FlagLevel};
use crate::structures::Station;

/// Distance from the airway within which a primary tumour is central, mm.
pub const CENTRAL_DISTANCE_MM: f64 = 20.0;

/// A GTV whose centroid lies this near to the tracheal midline is on neither side, mm.
pub const MIDLINE_BAND_MM: f64 = 10.0;

/// When a structure touches a station.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TouchRule {
    /// At least this common volume, cm3.
    Volume(f64),
    /// A single common voxel, as the paper literally reads.
    OneVoxel,
}

/// What the `_in_ln` ratios are shares of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denominator {
    /// Of the station: V(CTV and S) / V(S).
    Station,
    /// Of the structure: V(CTV and S) / V(CTV).
    Structure,
}

/// The choices that the published description leaves open; a model is only valid for its own.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FeatureDefinition {
    pub touch: TouchRule,
    pub denominator: Denominator,
}

impl Default for FeatureDefinition {
    fn default() -> Self {
        Self { touch: TouchRule::Volume(0.1), denominator: Denominator::Station }
    }
}

/// What is known about the case besides its structures and clinical values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FeatureContext {
    pub definition: FeatureDefinition,
    /// Patient x of the midline of the trachea (else of the body), mm; `None` if nothing is known.
    pub tracheal_midline_x_mm: Option<f64>,
    /// True if the central zone of the airway was given with the masks.
    pub airway_known: bool,
    /// Stations outside the scan by [`Station::index`]; `None` infers it: an empty station that lies wholly
    /// above (below) the stations that the top (bottom) slice of the scan cuts.
    pub out_of_scan: Option<[bool; Station::COUNT]>,
}

/// The volumes of one station, cm3.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StationPart {
    pub station: Station,
    pub volume_cm3: f64,
    pub ctv_cm3: f64,
    pub gtv_cm3: f64,
    /// CTV without GTV.
    pub margin_cm3: f64,
    pub touched_by_ctv: bool,
    pub touched_by_gtv: bool,
    pub out_of_scan: bool,
}

/// The volumes behind the features, cm3.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// In canonical order.
    pub stations: Vec<StationPart>,
    pub ctv_cm3: f64,
    pub gtv_cm3: f64,
    pub gtv_outside_ctv_cm3: f64,
    /// Union of the stations that the CTV touches.
    pub idea_cm3: f64,
    pub ctv_in_idea_cm3: f64,
    /// Union of all stations.
    pub any_station_cm3: f64,
    /// Volume of a voxel with the median slice thickness, mm3.
    pub voxel_mm3: f64,
    /// Largest diameter of the largest part of the primary tumour (else of the nodes), mm.
    pub gtv_max_diameter_mm: f64,
    /// Patient x of the centroid of the GTV, mm.
    pub gtv_centroid_x_mm: Option<f64>,
    /// Primary tumour within the central zone; `None` without airway or primary tumour.
    pub near_airway: Option<bool>,
}

impl Partition {
    /// The stations that make up the ideaCTV.
    pub fn touched(&self) -> impl Iterator<Item = Station> + '_ {
        self.stations.iter().filter(|s| s.touched_by_ctv).map(|s| s.station)
    }
}

/// The 110 features of a case in the order of the [`catalogue`]; `None` is a missing value.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureVector {
    pub values: [Option<f64>; FEATURE_COUNT],
    pub flags: Vec<FeatureFlag>,
    pub definition: FeatureDefinition,
    pub partition: Partition,
    midline_x_mm: Option<f64>,
}

impl FeatureVector {
    pub(super) fn new(partition: Partition, clinical: &ClinicalValues, context: &FeatureContext) -> Self {
        let mut vector = Self {
            values: [None; FEATURE_COUNT],
            flags: Vec::new(),
            definition: context.definition,
            partition,
            midline_x_mm: context.tracheal_midline_x_mm,
        };
        if vector.partition.ctv_cm3 <= 0.0 {
            vector.flags.push(FeatureFlag::CtvEmpty);
            return vector;
        }
        vector.flag_volumes();
        vector.fill_ratios();
        vector.fill_globals(context, clinical);
        vector.fill_clinical(clinical);
        vector.flags.sort_by_key(|f| std::cmp::Reverse(f.level()));
        vector
    }

    fn flag_volumes(&mut self) {
        let p = &self.partition;
        let flags = &mut self.flags;
        if p.any_station_cm3 <= 0.0 {
            flags.push(FeatureFlag::NoStations);
        } else if p.idea_cm3 <= 0.0 {
            flags.push(FeatureFlag::IdeaEmpty);
        }
        if p.gtv_cm3 <= 0.0 {
            flags.push(FeatureFlag::GtvEmpty);
        }
        if p.gtv_outside_ctv_cm3 > 0.0 {
            flags.push(FeatureFlag::GtvOutsideCtv { cm3: p.gtv_outside_ctv_cm3 });
        }
        let overlap = p.stations.iter().map(|s| s.volume_cm3).sum::<f64>() - p.any_station_cm3;
        if overlap > 1e-9 * p.any_station_cm3 {
            flags.push(FeatureFlag::StationsOverlap { cm3: overlap, percent: 100.0 * overlap / p.any_station_cm3 });
        }
        for s in &p.stations {
            if s.volume_cm3 <= 0.0 {
                flags.push(if s.out_of_scan {
                    FeatureFlag::StationOutOfScan(s.station)
                } else {
                    FeatureFlag::StationEmpty(s.station)
                });
            }
        }
    }

    fn fill_ratios(&mut self) {
        let p = &self.partition;
        let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        for s in p.stations.iter().filter(|s| !(s.out_of_scan && s.volume_cm3 <= 0.0)) {
            let parts = [
                (s.ctv_cm3, p.ctv_cm3),
                (s.gtv_cm3, p.gtv_cm3),
                (s.margin_cm3, p.ctv_cm3 - (p.gtv_cm3 - p.gtv_outside_ctv_cm3)),
            ];
            for (f, (part, structure)) in parts.into_iter().enumerate() {
                let whole = match self.definition.denominator {
                    Denominator::Station => s.volume_cm3,
                    Denominator::Structure => structure,
                };
                self.values[ratio_index(s.station, 2 * f)] = Some(ratio(part, whole));
                self.values[ratio_index(s.station, 2 * f + 1)] = Some(ratio(part, p.idea_cm3));
            }
        }
    }

    fn fill_globals(&mut self, context: &FeatureContext, clinical: &ClinicalValues) {
        let p = &self.partition;
        let count = |touched: fn(&StationPart) -> bool| Some(p.stations.iter().filter(|s| touched(s)).count() as f64);
        let side = match (p.gtv_centroid_x_mm, context.tracheal_midline_x_mm) {
            (None, _) => Some(0.0),
            (Some(_), None) => {
                self.flags.push(FeatureFlag::MidlineUnknown);
                None
            }
            // Patient x grows to the left.
            (Some(x), Some(midline)) if x - midline > MIDLINE_BAND_MM => Some(-1.0),
            (Some(x), Some(midline)) if midline - x > MIDLINE_BAND_MM => Some(1.0),
            _ => Some(0.0),
        };
        let central = clinical.central.or(p.near_airway);
        if central.is_none() {
            self.flags.push(FeatureFlag::CentralUnknown);
        }
        let cover = if p.idea_cm3 > 0.0 { p.ctv_in_idea_cm3 / p.idea_cm3 } else { 0.0 };
        let globals = [
            Some(p.voxel_mm3),
            Some(p.ctv_cm3),
            Some(p.gtv_cm3),
            Some(p.idea_cm3),
            Some(p.gtv_max_diameter_mm),
            count(|s| s.touched_by_ctv),
            count(|s| s.touched_by_gtv),
            Some(cover),
            side,
            central.map(|c| f64::from(u8::from(c))),
        ];
        self.values[GLOBAL_FIRST..GLOBAL_FIRST + globals.len()].copy_from_slice(&globals);
    }

    fn fill_clinical(&mut self, clinical: &ClinicalValues) {
        let yes = |b: bool| f64::from(u8::from(b));
        let values = [
            ("c_sex_male", clinical.sex.map(|s| yes(s == Sex::Male))),
            ("c_age_gt60", clinical.age().map(|a| yes(a > 60.0))),
            ("c_stage_t", clinical.t_stage.and_then(|t| t.number()).map(f64::from)),
            ("c_smoking_index", clinical.smoking()),
        ];
        for (n, (feature, value)) in values.into_iter().enumerate() {
            if value.is_none() {
                self.flags.push(FeatureFlag::ClinicalMissing { feature });
            }
            self.values[FEATURE_COUNT - 4 + n] = value;
        }
    }

    /// The same case with other clinical values; the volumes are not counted again.
    #[must_use]
    pub fn with_clinical(&self, clinical: &ClinicalValues) -> Self {
        let context = FeatureContext {
            definition: self.definition,
            tracheal_midline_x_mm: self.midline_x_mm,
            ..Default::default()
        };
        Self::new(self.partition.clone(), clinical, &context)
    }

    /// False without a CTV: then every value is missing.
    pub fn is_defined(&self) -> bool {
        !self.flags.contains(&FeatureFlag::CtvEmpty)
    }

    /// A value by feature name; `None` if it is missing or there is no such feature.
    pub fn get(&self, name: &str) -> Option<f64> {
        feature_index(name).and_then(|n| self.values[n])
    }

    /// Every feature with its value, in order.
    pub fn named(&self) -> impl Iterator<Item = (&'static FeatureInfo, Option<f64>)> + '_ {
        catalogue().iter().zip(self.values.iter().copied())
    }

    /// The flags that forbid a risk figure.
    pub fn stops(&self) -> impl Iterator<Item = &FeatureFlag> {
        self.flags.iter().filter(|f| f.level() == FlagLevel::Stop)
    }
}
