//! The landmarks on which the station borders hang (REFERENCE 2.2), and where each came from.

use crate::geometry::PatientPoint;
use crate::words::keep;
use glam::DVec3;
use std::collections::BTreeMap;
use strum::IntoEnumIterator;

/// A landmark. Most are heights; of those only z of the position counts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter, serde::Serialize, serde::Deserialize,
)]
pub enum LandmarkId {
    #[serde(rename = "z_cric")]
    CricoidLower,
    #[serde(rename = "z_man")]
    ManubriumTop,
    #[serde(rename = "z_clav")]
    ClavicleTop,
    #[serde(rename = "z_apexR")]
    ApexRight,
    #[serde(rename = "z_apexL")]
    ApexLeft,
    #[serde(rename = "z_lbcv")]
    LeftBrachiocephalicLower,
    #[serde(rename = "z_archT")]
    ArchTop,
    #[serde(rename = "z_archB")]
    ArchLower,
    #[serde(rename = "z_azy")]
    AzygosLower,
    #[serde(rename = "z_lpa")]
    LeftPulmonaryTop,
    #[serde(rename = "z_car")]
    Carina,
    #[serde(rename = "z_RUL")]
    RightUpperLobe,
    #[serde(rename = "z_LUL")]
    LeftUpperLobe,
    #[serde(rename = "p_BI")]
    IntermediusLower,
    #[serde(rename = "p_LLL")]
    LeftLowerLobe,
    #[serde(rename = "z_dia")]
    Diaphragm,
}

impl LandmarkId {
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// Short key as in REFERENCE 2.2 and in the table of limits.
    pub fn key(self) -> &'static str {
        match self {
            Self::CricoidLower => "z_cric",
            Self::ManubriumTop => "z_man",
            Self::ClavicleTop => "z_clav",
            Self::ApexRight => "z_apexR",
            Self::ApexLeft => "z_apexL",
            Self::LeftBrachiocephalicLower => "z_lbcv",
            Self::ArchTop => "z_archT",
            Self::ArchLower => "z_archB",
            Self::AzygosLower => "z_azy",
            Self::LeftPulmonaryTop => "z_lpa",
            Self::Carina => "z_car",
            Self::RightUpperLobe => "z_RUL",
            Self::LeftUpperLobe => "z_LUL",
            Self::IntermediusLower => "p_BI",
            Self::LeftLowerLobe => "p_LLL",
            Self::Diaphragm => "z_dia",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::iter().find(|id| id.key() == key)
    }

    /// Name for the user.
    pub fn label(self) -> &'static str {
        match self {
            Self::CricoidLower => "Lower margin of the cricoid",
            Self::ManubriumTop => "Upper border of the manubrium",
            Self::ClavicleTop => "Upper edge of the medial clavicle",
            Self::ApexRight => "Apex of the right lung",
            Self::ApexLeft => "Apex of the left lung",
            Self::LeftBrachiocephalicLower => "Caudal margin of the left brachiocephalic vein at the trachea",
            Self::ArchTop => "Top of the aortic arch",
            Self::ArchLower => "Lower border of the aortic arch",
            Self::AzygosLower => "Lower border of the azygos arch",
            Self::LeftPulmonaryTop => "Upper rim of the left pulmonary artery",
            Self::Carina => "Carina",
            Self::RightUpperLobe => "Origin of the right upper-lobe bronchus",
            Self::LeftUpperLobe => "Origin of the left upper-lobe bronchus",
            Self::IntermediusLower => "Lower border of the bronchus intermedius",
            Self::LeftLowerLobe => "Upper border of the left lower-lobe bronchus",
            Self::Diaphragm => "Diaphragm",
        }
    }

    /// True where x and y of the position count too.
    pub fn is_point(self) -> bool {
        matches!(
            self,
            Self::Carina | Self::RightUpperLobe | Self::LeftUpperLobe | Self::IntermediusLower | Self::LeftLowerLobe
        )
    }

    /// The landmark that an estimate of this one keeps its distance from, where that is known.
    fn neighbor(self) -> Option<Self> {
        match self {
            Self::CricoidLower | Self::ClavicleTop => Some(Self::ManubriumTop),
            Self::LeftBrachiocephalicLower => Some(Self::ArchTop),
            _ => None,
        }
    }

    /// Usual position of an adult relative to the carina, mm (REFERENCE 2.2), to place handles and to
    /// stand in for what is not known.
    pub fn usual_offset(self) -> DVec3 {
        match self {
            Self::CricoidLower => DVec3::new(0.0, -30.0, 120.0),
            Self::ManubriumTop => DVec3::new(0.0, -50.0, 75.0),
            Self::ClavicleTop => DVec3::new(25.0, -55.0, 78.0),
            Self::ApexRight => DVec3::new(-44.0, 0.0, 90.0),
            Self::ApexLeft => DVec3::new(44.0, 0.0, 90.0),
            Self::LeftBrachiocephalicLower => DVec3::new(0.0, -45.0, 50.0),
            Self::ArchTop => DVec3::new(20.0, -20.0, 45.0),
            Self::ArchLower => DVec3::new(20.0, -15.0, 20.0),
            Self::AzygosLower => DVec3::new(-25.0, 0.0, 8.0),
            Self::LeftPulmonaryTop => DVec3::new(35.0, 0.0, 2.0),
            Self::Carina => DVec3::ZERO,
            Self::RightUpperLobe => DVec3::new(-21.0, 4.0, -10.0),
            Self::LeftUpperLobe => DVec3::new(42.0, 8.0, -30.0),
            Self::IntermediusLower => DVec3::new(-32.0, 10.0, -40.0),
            Self::LeftLowerLobe => DVec3::new(45.0, 12.0, -40.0),
            Self::Diaphragm => DVec3::new(0.0, 0.0, -120.0),
        }
    }
}

/// Where a landmark came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum LandmarkSource {
    /// Found in the image (airway, lungs).
    Found,
    /// Taken from the mask of a structure.
    FromStructure,
    /// Set by the user.
    User,
    /// A usual distance from the carina.
    Estimated,
    /// Known exactly, from a synthetic patient.
    Phantom,
}

impl LandmarkSource {
    /// After the name of a landmark.
    pub fn words(self) -> &'static str {
        match self {
            Self::Found => keep("found in the image"),
            Self::FromStructure => keep("taken from a structure"),
            Self::User => keep("placed by the user"),
            Self::Estimated => keep("estimated"),
            Self::Phantom => keep("known from the synthetic patient"),
        }
    }

    /// One word for lists and files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::FromStructure => "structure",
            Self::User => "user",
            Self::Estimated => "estimated",
            Self::Phantom => "phantom",
        }
    }
}

/// A landmark with its place and source.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Landmark {
    /// Patient space, mm.
    pub position: PatientPoint,
    pub source: LandmarkSource,
    /// How far off it usually is, mm; `None` where nothing is known of it.
    #[serde(default)]
    pub spread_mm: Option<f64>,
}

/// The landmarks that are known.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Landmarks {
    all: BTreeMap<LandmarkId, Landmark>,
}

impl Landmarks {
    pub fn get(&self, id: LandmarkId) -> Option<&Landmark> {
        self.all.get(&id)
    }

    pub fn set(&mut self, id: LandmarkId, position: PatientPoint, source: LandmarkSource) {
        self.insert(id, Landmark { position, source, spread_mm: None });
    }

    pub fn insert(&mut self, id: LandmarkId, landmark: Landmark) {
        self.all.insert(id, landmark);
    }

    pub fn remove(&mut self, id: LandmarkId) -> Option<Landmark> {
        self.all.remove(&id)
    }

    /// Height of a landmark, mm.
    pub fn z(&self, id: LandmarkId) -> Option<f64> {
        self.get(id).map(|landmark| landmark.position.z)
    }

    /// In canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (LandmarkId, &Landmark)> {
        self.all.iter().map(|(id, landmark)| (*id, landmark))
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Puts what is missing at its usual distance from the carina, marked as estimated; nearer to a neighbor that is known,
    /// it keeps its usual distance from that one. Does nothing without a carina. The azygos and the left pulmonary artery
    /// follow the carina (REFERENCE 2.2).
    #[must_use]
    pub fn completed(mut self) -> Self {
        if let Some(carina) = self.get(LandmarkId::Carina).map(|landmark| landmark.position) {
            let known = self.all.clone();
            for id in LandmarkId::all() {
                let neighbor = id.neighbor().and_then(|near| Some((near, known.get(&near)?)));
                let z = neighbor.map_or(0.0, |(near, at)| at.position.z - carina.z - near.usual_offset().z);
                self.all.entry(id).or_insert(Landmark {
                    position: carina + id.usual_offset() + DVec3::new(0.0, 0.0, z),
                    source: LandmarkSource::Estimated,
                    spread_mm: None,
                });
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_missing_landmarks_follow_the_carina() {
        assert!(LandmarkId::all().all(|id| LandmarkId::from_key(id.key()) == Some(id)));
        let mut some = Landmarks::default();
        assert!(some.clone().completed().is_empty());
        some.set(LandmarkId::Carina, DVec3::new(3.0, 4.0, 100.0), LandmarkSource::User);
        some.set(LandmarkId::AzygosLower, DVec3::new(0.0, 0.0, 111.0), LandmarkSource::User);
        let all = some.clone().completed();
        assert_eq!(all.len(), LandmarkId::all().count());
        assert_eq!(all.z(LandmarkId::AzygosLower), Some(111.0));
        assert_eq!(all.z(LandmarkId::LeftPulmonaryTop), Some(102.0));
        assert_eq!(all.get(LandmarkId::ArchTop).map(|l| l.source), Some(LandmarkSource::Estimated));
        assert_eq!(all.z(LandmarkId::LeftBrachiocephalicLower), Some(150.0));
        // An arch that is known takes the vein along.
        some.set(LandmarkId::ArchTop, DVec3::new(0.0, 0.0, 139.0), LandmarkSource::Found);
        let all = some.completed();
        assert_eq!(all.z(LandmarkId::LeftBrachiocephalicLower), Some(144.0));
        assert_eq!(all.z(LandmarkId::ManubriumTop), Some(175.0));
    }
}
