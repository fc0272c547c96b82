//! The table of superior and inferior limits, read from `assets/stations/iaslc-2009.toml`.

use super::{LandmarkId, LandmarkSource, Landmarks};
use crate::structures::Station;
use std::sync::LazyLock;

/// One limit of a station along z.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Keys of landmarks; `z_apex` is the lower apex of both lungs.
    #[serde(default)]
    pub levels: Vec<String>,
    #[serde(default)]
    pub offset_mm: f64,
    /// The limit itself is outside.
    #[serde(default)]
    pub open: bool,
    /// The oblique plane between left lower-lobe bronchus and bronchus intermedius.
    #[serde(default)]
    pub oblique: bool,
    /// In words.
    pub text: String,
}

/// The limits of one station.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StationLimits {
    #[serde(rename = "label")]
    pub station: String,
    pub superior: Limit,
    pub inferior: Limit,
}

/// The whole table.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitTable {
    pub name: String,
    pub version: u32,
    #[serde(rename = "station")]
    stations: Vec<StationLimits>,
}

static IASLC_2009: LazyLock<LimitTable> = LazyLock::new(|| {
    let table: LimitTable =
        toml::from_str(include_str!("../../assets/stations/iaslc-2009.toml")).expect("the table of limits is valid");
    assert!(
        Station::all().zip(&table.stations).all(|(s, row)| s.label() == row.station)
            && table.stations.len() == Station::COUNT,
        "the table of limits lists the stations in order"
    );
    table
});

impl LimitTable {
    /// The limits of the IASLC map of 2009.
    pub fn iaslc_2009() -> &'static Self {
        &IASLC_2009
    }

    pub fn station(&self, station: Station) -> &StationLimits {
        &self.stations[station.index()]
    }
}

impl Limit {
    /// Landmarks of this limit.
    pub fn landmarks(&self) -> Vec<LandmarkId> {
        if self.oblique {
            return vec![LandmarkId::LeftLowerLobe, LandmarkId::IntermediusLower];
        }
        self.levels
            .iter()
            .flat_map(|key| {
                if key == "z_apex" {
                    vec![LandmarkId::ApexRight, LandmarkId::ApexLeft]
                } else {
                    vec![LandmarkId::from_key(key).expect("the table names known landmarks")]
                }
            })
            .collect()
    }

    /// Height in the column at `x_mm`, and the landmark that decides it. A superior limit is the
    /// lowest of its levels, an inferior one the highest.
    pub fn height(&self, landmarks: &Landmarks, superior: bool, x_mm: f64) -> Option<(f64, LandmarkId)> {
        if self.oblique {
            return Some((oblique_height(landmarks, x_mm)? + self.offset_mm, LandmarkId::LeftLowerLobe));
        }
        let mut all: Vec<(f64, LandmarkId)> = Vec::new();
        for key in &self.levels {
            if key == "z_apex" {
                let ends = [LandmarkId::ApexRight, LandmarkId::ApexLeft];
                let lower = ends
                    .into_iter()
                    .filter_map(|id| Some((landmarks.z(id)?, id)))
                    .min_by(|a, b| a.0.total_cmp(&b.0))?;
                all.push(lower);
            } else {
                let id = LandmarkId::from_key(key)?;
                all.push((landmarks.z(id)?, id));
            }
        }
        let order = |a: &(f64, LandmarkId), b: &(f64, LandmarkId)| a.0.total_cmp(&b.0);
        let (z, id) = if superior { all.into_iter().min_by(order)? } else { all.into_iter().max_by(order)? };
        Some((z + self.offset_mm, id))
    }

    /// True if the limit rests on a landmark that was only estimated.
    pub fn is_estimated(&self, landmarks: &Landmarks) -> bool {
        self.landmarks()
            .iter()
            .any(|id| landmarks.get(*id).is_none_or(|landmark| landmark.source == LandmarkSource::Estimated))
    }
}

/// Height of the oblique plane between stations 7 and 8 at `x_mm`: the line from the upper border of
/// the left lower-lobe bronchus to the lower border of the bronchus intermedius, level beyond its ends.
pub(super) fn oblique_height(landmarks: &Landmarks, x_mm: f64) -> Option<f64> {
    let left = landmarks.get(LandmarkId::LeftLowerLobe)?.position;
    let right = landmarks.get(LandmarkId::IntermediusLower)?.position;
    let width = right.x - left.x;
    if width.abs() < 1.0 {
        return Some(left.z.min(right.z));
    }
    let t = ((x_mm - left.x) / width).clamp(0.0, 1.0);
    Some(left.z + (right.z - left.z) * t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    #[test]
    fn the_table_has_every_station_and_known_landmarks() {
        let table = LimitTable::iaslc_2009();
        for station in Station::all() {
            let row = table.station(station);
            assert_eq!(row.station, station.label());
            assert!(!row.superior.landmarks().is_empty() && !row.inferior.landmarks().is_empty());
        }
    }

    #[test]
    fn the_oblique_plane_runs_through_both_bronchi() {
        let mut landmarks = Landmarks::default();
        landmarks.set(LandmarkId::LeftLowerLobe, DVec3::new(40.0, 0.0, -30.0), LandmarkSource::User);
        landmarks.set(LandmarkId::IntermediusLower, DVec3::new(-20.0, 0.0, -60.0), LandmarkSource::User);
        for (x, z) in [(40.0, -30.0), (10.0, -45.0), (-20.0, -60.0), (90.0, -30.0)] {
            assert_eq!(oblique_height(&landmarks, x), Some(z));
        }
    }
}
