//! What is missing, empty or doubtful in a feature vector, in plain words.

use crate::structures::Station;
use crate::tf;
use crate::words::t;

/// How much a flag matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlagLevel {
    /// Worth knowing.
    Note,
    /// A value may mislead.
    Warning,
    /// No risk figure may be shown.
    Stop,
}

/// Something to know about a feature vector (edge cases of REFERENCE 3.5).
#[derive(Debug, Clone, PartialEq)]
pub enum FeatureFlag {
    /// No CTV: there is no feature vector.
    CtvEmpty,
    /// No station holds a voxel.
    NoStations,
    /// The CTV touches no station.
    IdeaEmpty,
    GtvEmpty,
    StationOutOfScan(Station),
    StationEmpty(Station),
    /// GTV that the CTV leaves out, cm3.
    GtvOutsideCtv {
        cm3: f64,
    },
    /// Volume counted in more than one station, cm3 and percent of the union of all stations.
    StationsOverlap {
        cm3: f64,
        percent: f64,
    },
    /// The side of the tumour is unknown, because the midline is.
    MidlineUnknown,
    /// Central or peripheral is neither entered nor can be measured.
    CentralUnknown,
    /// A clinical value is not entered or not believable.
    ClinicalMissing {
        feature: &'static str,
    },
}

impl FeatureFlag {
    /// GTV outside the CTV above which a warning is due, cm3.
    pub const GTV_OUTSIDE_LIMIT_CM3: f64 = 0.5;
    /// Overlap of stations above which a warning is due, percent of their union.
    pub const OVERLAP_LIMIT_PERCENT: f64 = 2.0;

    /// Stable short name for tables and JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::CtvEmpty => "ctv_empty",
            Self::NoStations => "no_stations",
            Self::IdeaEmpty => "idea_empty",
            Self::GtvEmpty => "gtv_empty",
            Self::StationOutOfScan(_) => "station_out_of_fov",
            Self::StationEmpty(_) => "station_empty",
            Self::GtvOutsideCtv { .. } => "gtv_outside_ctv",
            Self::StationsOverlap { .. } => "stations_overlap",
            Self::MidlineUnknown => "midline_unknown",
            Self::CentralUnknown => "central_unknown",
            Self::ClinicalMissing { .. } => "clinical_missing",
        }
    }

    pub fn level(&self) -> FlagLevel {
        match self {
            Self::CtvEmpty | Self::NoStations | Self::IdeaEmpty => FlagLevel::Stop,
            Self::GtvEmpty | Self::StationOutOfScan(_) => FlagLevel::Warning,
            Self::GtvOutsideCtv { cm3 } if *cm3 > Self::GTV_OUTSIDE_LIMIT_CM3 => FlagLevel::Warning,
            Self::StationsOverlap { percent, .. } if *percent > Self::OVERLAP_LIMIT_PERCENT => FlagLevel::Warning,
            _ => FlagLevel::Note,
        }
    }
}

impl std::fmt::Display for FeatureFlag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CtvEmpty => {
                f.write_str(t("No CTV is drawn, so there are no features; draw a CTV or propose one from the GTV"))
            }
            Self::NoStations => f.write_str(t("No lymph node station is drawn; segment the stations or draw them")),
            Self::IdeaEmpty => f.write_str(t("The CTV touches no lymph node station, so the shares have no base")),
            Self::GtvEmpty => f.write_str(t("No GTV is drawn; its features are 0 and the whole CTV counts as margin")),
            Self::StationOutOfScan(s) => f.write_str(&tf!("Station {s} lies outside the scan; its features are missing", s)),
            Self::StationEmpty(s) => f.write_str(&tf!("Station {s} has no voxel; its features are 0", s)),
            Self::GtvOutsideCtv { cm3 } => f.write_str(&tf!("{cm3:.2} cm3 of the GTV lie outside the CTV", cm3)),
            Self::StationsOverlap { cm3, percent } => {
                f.write_str(&tf!(
                    "Stations overlap by {cm3:.2} cm3 ({percent:.1} % of their union); each share uses its own contour",
                    cm3,
                    percent
                ))
            }
            Self::MidlineUnknown => {
                f.write_str(t("The side of the tumour is missing, because the tracheal midline is not known"))
            }
            Self::CentralUnknown => f.write_str(t(
                "Central or peripheral is missing: it is not entered, and no airway or no primary tumour is known to measure from",
            )),
            Self::ClinicalMissing { feature } => f.write_str(&tf!("{name} is not entered", name = Self::clinical_name(feature))),
        }
    }
}

impl FeatureFlag {
    fn clinical_name(feature: &str) -> &'static str {
        match feature {
            "c_sex_male" => t("Sex"),
            "c_age_gt60" => t("Age"),
            "c_stage_t" => t("T stage"),
            _ => t("Smoking index"),
        }
    }
}
