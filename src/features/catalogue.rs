//! The frozen list of the 110 features: names, units, kinds and descriptions (REFERENCE 3.2, 3.3, 3.7).

use crate::kept;
use crate::structures::Station;
use crate::words::keep;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// Length of a feature vector of schema A.
pub const FEATURE_COUNT: usize = 110;

/// Index of the first feature that belongs to no station.
pub const GLOBAL_FIRST: usize = 96;

/// SHA-256 of the names joined by newlines, without one at the end. A model made for another list is refused.
pub const SCHEMA_A_SHA256: &str = "49a9c992312427859fb662397e77ef61ab2a8fc2eb338404ecc84b069359c90d";

/// The six ratios of each station, in order.
pub const RATIO_SUFFIXES: [&str; 6] =
    ["ctv_in_ln", "ctv_in_idea", "gtv_in_ln", "gtv_in_idea", "mar_in_ln", "mar_in_idea"];

/// What sort of number a feature is; decides how a missing one is filled in and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureKind {
    /// Share of a volume, 0 to 1.
    Ratio,
    Continuous,
    /// Whole number.
    Count,
    /// Ordered classes such as the T stage.
    Ordinal,
    /// 0 or 1.
    Binary,
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureInfo {
    /// Position in the vector, from 0.
    pub index: usize,
    pub name: String,
    /// Unit, or the range of a number without one.
    pub unit: &'static str,
    pub kind: FeatureKind,
    /// One sentence for a tooltip or the head of a table.
    pub description: String,
    /// The station of a ratio.
    pub station: Option<Station>,
}

/// The features of schema A in their frozen order.
pub fn catalogue() -> &'static [FeatureInfo] {
    static LIST: LazyLock<Vec<FeatureInfo>> = LazyLock::new(build);
    &LIST
}

/// Position of a feature by its name.
pub fn feature_index(name: &str) -> Option<usize> {
    catalogue().iter().position(|f| f.name == name)
}

/// Position of ratio `f` (order of [`RATIO_SUFFIXES`]) of a station.
pub fn ratio_index(station: Station, f: usize) -> usize {
    6 * station.index() + f
}

/// SHA-256 of the list as this program holds it, in hexadecimal digits.
pub fn schema_sha256() -> String {
    let names: Vec<&str> = catalogue().iter().map(|f| f.name.as_str()).collect();
    format!("{:x}", Sha256::digest(names.join("\n")))
}

/// SHA-256 of the list and of the choices behind its values: what is kept beside stored values.
pub fn definition_sha256(definition: &super::FeatureDefinition) -> String {
    let names: Vec<&str> = catalogue().iter().map(|f| f.name.as_str()).collect();
    format!("{:x}", Sha256::digest(format!("{definition:?} {names:?}")))
}

fn build() -> Vec<FeatureInfo> {
    let mut list = Vec::with_capacity(FEATURE_COUNT);
    for station in Station::all() {
        for suffix in RATIO_SUFFIXES {
            let (part, whole) = suffix.split_once("_in_").expect("suffixes have this form");
            let description = match (part, whole) {
                ("ctv", "ln") => kept!("Share of station {station} that lies in the CTV", station),
                ("gtv", "ln") => kept!("Share of station {station} that lies in the GTV (primary and nodes)", station),
                (_, "ln") => kept!("Share of station {station} that lies in the margin (CTV without GTV)", station),
                ("ctv", _) => kept!(
                    "Volume of the CTV in station {station}, as a share of the union of the touched stations",
                    station
                ),
                ("gtv", _) => kept!(
                    "Volume of the GTV (primary and nodes) in station {station}, as a share of the union of the touched stations",
                    station
                ),
                _ => kept!(
                    "Volume of the margin (CTV without GTV) in station {station}, as a share of the union of the touched stations",
                    station
                ),
            };
            list.push(FeatureInfo {
                index: list.len(),
                name: format!("ln{}_{suffix}", station.label().to_lowercase()),
                unit: "0-1",
                kind: FeatureKind::Ratio,
                description,
                station: Some(station),
            });
        }
    }
    for (name, unit, kind, description) in GLOBALS {
        list.push(FeatureInfo {
            index: list.len(),
            name: name.into(),
            unit,
            kind,
            description: description.into(),
            station: None,
        });
    }
    list
}

const GLOBALS: [(&str, &str, FeatureKind, &str); FEATURE_COUNT - GLOBAL_FIRST] = [
    (
        "g_voxel_mm3",
        "mm3",
        FeatureKind::Continuous,
        keep("Volume of a voxel of the planning CT, median slice thickness"),
    ),
    ("g_ctv_cm3", "cm3", FeatureKind::Continuous, keep("Volume of the CTV")),
    ("g_gtv_cm3", "cm3", FeatureKind::Continuous, keep("Volume of the GTV, primary and nodes together")),
    ("g_idea_cm3", "cm3", FeatureKind::Continuous, keep("Volume of the union of the stations that the CTV touches")),
    (
        "g_gtv_maxdiam_mm",
        "mm",
        FeatureKind::Continuous,
        keep(
            "Largest diameter in an axial slice of the largest connected part of the primary tumour (of the nodes, if no primary is drawn), from the contour points",
        ),
    ),
    ("g_n_stations_ctv", "0-16", FeatureKind::Count, keep("Number of stations that the CTV touches")),
    ("g_n_stations_gtv", "0-16", FeatureKind::Count, keep("Number of stations that the GTV touches")),
    (
        "g_ctv_cover_idea",
        "0-1",
        FeatureKind::Ratio,
        keep("Share of the union of the touched stations that lies in the CTV"),
    ),
    (
        "g_gtv_side",
        "-1/0/1",
        FeatureKind::Ordinal,
        keep("Side of the GTV: -1 left, 0 within 10 mm of the tracheal midline, 1 right"),
    ),
    (
        "g_central",
        "0/1",
        FeatureKind::Binary,
        keep("1 = central tumour, as entered, else within 20 mm of the trachea or the main or lobar bronchi"),
    ),
    ("c_sex_male", "0/1", FeatureKind::Binary, keep("1 = male")),
    ("c_age_gt60", "0/1", FeatureKind::Binary, keep("1 = older than 60 years at the start of radiotherapy")),
    ("c_stage_t", "1-4", FeatureKind::Ordinal, keep("T stage; subclasses count as their class")),
    (
        "c_smoking_index",
        "cigarettes/day x years",
        FeatureKind::Continuous,
        keep("Smoking index (Brinkman): cigarettes a day times years"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_frozen() {
        assert_eq!(catalogue().len(), FEATURE_COUNT);
        assert_eq!(schema_sha256(), SCHEMA_A_SHA256);
        // Numbers as REFERENCE 3.2 counts them, from 1.
        for (number, name) in
            [(37, "ln4r_ctv_in_ln"), (61, "ln7_ctv_in_ln"), (73, "ln10r_ctv_in_ln"), (97, "g_voxel_mm3")]
        {
            assert_eq!(catalogue()[number - 1].name, name);
            assert_eq!(feature_index(name), Some(number - 1));
        }
        assert_eq!(ratio_index(Station::S7, 5), 65);
        assert_eq!(feature_index("nonsense"), None);
    }
}
