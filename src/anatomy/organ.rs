//! The organs that the rules can use, with their names in TotalSegmentator and in structure sets.

use strum::IntoEnumIterator;

/// An organ, vessel or bone. The order is the order of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter)]
pub enum Organ {
    Body,
    LungRight,
    LungLeft,
    /// Lumen of trachea, main and lobar bronchi.
    Airway,
    Esophagus,
    Heart,
    Aorta,
    PulmonaryArtery,
    PulmonaryVein,
    SuperiorVenaCava,
    BrachiocephalicVeinRight,
    BrachiocephalicVeinLeft,
    BrachiocephalicTrunk,
    CarotidRight,
    CarotidLeft,
    SubclavianRight,
    SubclavianLeft,
    Azygos,
    /// Jugular and subclavian veins, inferior vena cava.
    OtherVessels,
    Thyroid,
    Vertebrae,
    SpinalCanal,
    Sternum,
    Ribs,
    ClavicleRight,
    ClavicleLeft,
    Scapulae,
    Liver,
}

impl Organ {
    /// All organs in the order of lists.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// Name in the style of TotalSegmentator.
    pub fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::LungRight => "lung_right",
            Self::LungLeft => "lung_left",
            Self::Airway => "airway",
            Self::Esophagus => "esophagus",
            Self::Heart => "heart",
            Self::Aorta => "aorta",
            Self::PulmonaryArtery => "pulmonary_artery",
            Self::PulmonaryVein => "pulmonary_vein",
            Self::SuperiorVenaCava => "superior_vena_cava",
            Self::BrachiocephalicVeinRight => "brachiocephalic_vein_right",
            Self::BrachiocephalicVeinLeft => "brachiocephalic_vein_left",
            Self::BrachiocephalicTrunk => "brachiocephalic_trunk",
            Self::CarotidRight => "common_carotid_artery_right",
            Self::CarotidLeft => "common_carotid_artery_left",
            Self::SubclavianRight => "subclavian_artery_right",
            Self::SubclavianLeft => "subclavian_artery_left",
            Self::Azygos => "azygos",
            Self::OtherVessels => "other_vessels",
            Self::Thyroid => "thyroid_gland",
            Self::Vertebrae => "vertebrae",
            Self::SpinalCanal => "spinal_canal",
            Self::Sternum => "sternum",
            Self::Ribs => "ribs",
            Self::ClavicleRight => "clavicula_right",
            Self::ClavicleLeft => "clavicula_left",
            Self::Scapulae => "scapulae",
            Self::Liver => "liver",
        }
    }

    /// Name in a structure set in the style of AAPM TG-263; at most 16 characters.
    pub fn export_name(self) -> &'static str {
        match self {
            Self::Body => "Body",
            Self::LungRight => "Lung_R",
            Self::LungLeft => "Lung_L",
            Self::Airway => "Airway",
            Self::Esophagus => "Esophagus",
            Self::Heart => "Heart",
            Self::Aorta => "A_Aorta",
            Self::PulmonaryArtery => "A_Pulmonary",
            Self::PulmonaryVein => "V_Pulmonary",
            Self::SuperiorVenaCava => "V_Venacava_S",
            Self::BrachiocephalicVeinRight => "V_Brachioceph_R",
            Self::BrachiocephalicVeinLeft => "V_Brachioceph_L",
            Self::BrachiocephalicTrunk => "A_Brachiocephls",
            Self::CarotidRight => "A_Carotid_R",
            Self::CarotidLeft => "A_Carotid_L",
            Self::SubclavianRight => "A_Subclavian_R",
            Self::SubclavianLeft => "A_Subclavian_L",
            Self::Azygos => "V_Azygos",
            Self::OtherVessels => "Vessels_Other",
            Self::Thyroid => "Glnd_Thyroid",
            Self::Vertebrae => "Vertebrae",
            Self::SpinalCanal => "SpinalCanal",
            Self::Sternum => "Sternum",
            Self::Ribs => "Ribs",
            Self::ClavicleRight => "Clavicle_R",
            Self::ClavicleLeft => "Clavicle_L",
            Self::Scapulae => "Scapulae",
            Self::Liver => "Liver",
        }
    }

    pub fn is_bone(self) -> bool {
        matches!(
            self,
            Self::Vertebrae | Self::Sternum | Self::Ribs | Self::ClavicleRight | Self::ClavicleLeft | Self::Scapulae
        )
    }

    pub fn is_vessel(self) -> bool {
        matches!(
            self,
            Self::Aorta
                | Self::PulmonaryArtery
                | Self::PulmonaryVein
                | Self::SuperiorVenaCava
                | Self::BrachiocephalicVeinRight
                | Self::BrachiocephalicVeinLeft
                | Self::BrachiocephalicTrunk
                | Self::CarotidRight
                | Self::CarotidLeft
                | Self::SubclavianRight
                | Self::SubclavianLeft
                | Self::Azygos
                | Self::OtherVessels
        )
    }

    /// True for organs cut out of every station.
    pub fn is_cut_out(self) -> bool {
        self.is_vessel()
            || self.is_bone()
            || matches!(self, Self::Heart | Self::Esophagus | Self::Thyroid | Self::SpinalCanal | Self::Liver)
    }

    pub(super) fn bit(self) -> u64 {
        1 << self as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_unique() {
        let names: std::collections::BTreeSet<_> = Organ::all().map(Organ::export_name).collect();
        assert_eq!(names.len(), Organ::all().count());
        assert!(names.iter().all(|name| name.len() <= 16));
        assert!(Organ::all().count() <= 56);
    }
}
