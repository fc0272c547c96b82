//! The sixteen mediastinal and hilar lymph node stations of the IASLC map (Rusch 2009) that the
//! paper delineates, in the order used by every table, network channel and feature.

use strum::IntoEnumIterator;

/// A lymph node station. The order of the variants is the canonical order; network label = index + 1.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::EnumIter,
    strum::EnumCount,
    serde::Serialize,
    serde::Deserialize,
)]
pub enum Station {
    #[serde(rename = "1R")]
    S1R,
    #[serde(rename = "1L")]
    S1L,
    #[serde(rename = "2R")]
    S2R,
    #[serde(rename = "2L")]
    S2L,
    #[serde(rename = "3A")]
    S3A,
    #[serde(rename = "3P")]
    S3P,
    #[serde(rename = "4R")]
    S4R,
    #[serde(rename = "4L")]
    S4L,
    #[serde(rename = "5")]
    S5,
    #[serde(rename = "6")]
    S6,
    #[serde(rename = "7")]
    S7,
    #[serde(rename = "8")]
    S8,
    #[serde(rename = "10R")]
    S10R,
    #[serde(rename = "10L")]
    S10L,
    #[serde(rename = "11R")]
    S11R,
    #[serde(rename = "11L")]
    S11L,
}

/// A text that names no station.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", crate::tf!("\"{value}\" is no lymph node station; the stations are 1R 1L 2R 2L 3A 3P 4R 4L 5 6 7 8 10R 10L 11R 11L", value = .0))]
pub struct ParseStationError(String);

impl Station {
    /// Number of stations.
    pub const COUNT: usize = 16;

    /// All stations in canonical order.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// Position in the canonical order, 0 to 15.
    pub fn index(self) -> usize {
        self as usize
    }

    pub fn from_index(index: usize) -> Option<Self> {
        Self::iter().nth(index)
    }

    /// Short label such as `4R`.
    pub fn label(self) -> &'static str {
        match self {
            Self::S1R => "1R",
            Self::S1L => "1L",
            Self::S2R => "2R",
            Self::S2L => "2L",
            Self::S3A => "3A",
            Self::S3P => "3P",
            Self::S4R => "4R",
            Self::S4L => "4L",
            Self::S5 => "5",
            Self::S6 => "6",
            Self::S7 => "7",
            Self::S8 => "8",
            Self::S10R => "10R",
            Self::S10L => "10L",
            Self::S11R => "11R",
            Self::S11L => "11L",
        }
    }

    /// Anatomical name.
    pub fn name(self) -> &'static str {
        match self {
            Self::S1R => "Low cervical, supraclavicular, right",
            Self::S1L => "Low cervical, supraclavicular, left",
            Self::S2R => "Upper paratracheal, right",
            Self::S2L => "Upper paratracheal, left",
            Self::S3A => "Prevascular",
            Self::S3P => "Retrotracheal",
            Self::S4R => "Lower paratracheal, right",
            Self::S4L => "Lower paratracheal, left",
            Self::S5 => "Subaortic (aortopulmonary window)",
            Self::S6 => "Para-aortic",
            Self::S7 => "Subcarinal",
            Self::S8 => "Paraoesophageal",
            Self::S10R => "Hilar, right",
            Self::S10L => "Hilar, left",
            Self::S11R => "Interlobar, right",
            Self::S11L => "Interlobar, left",
        }
    }

    /// Name in a structure set, in the style of AAPM TG-263 (which has no IASLC stations); at most 16 characters.
    pub fn export_name(self) -> &'static str {
        match self {
            Self::S1R => "LN_IASLC_01_R",
            Self::S1L => "LN_IASLC_01_L",
            Self::S2R => "LN_IASLC_02_R",
            Self::S2L => "LN_IASLC_02_L",
            Self::S3A => "LN_IASLC_03_A",
            Self::S3P => "LN_IASLC_03_P",
            Self::S4R => "LN_IASLC_04_R",
            Self::S4L => "LN_IASLC_04_L",
            Self::S5 => "LN_IASLC_05",
            Self::S6 => "LN_IASLC_06",
            Self::S7 => "LN_IASLC_07",
            Self::S8 => "LN_IASLC_08",
            Self::S10R => "LN_IASLC_10_R",
            Self::S10L => "LN_IASLC_10_L",
            Self::S11R => "LN_IASLC_11_R",
            Self::S11L => "LN_IASLC_11_L",
        }
    }
}

impl std::fmt::Display for Station {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.label())
    }
}

impl std::str::FromStr for Station {
    type Err = ParseStationError;

    /// Reads the short label, in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::iter()
            .find(|s| s.label().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| ParseStationError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_published_one() {
        let labels: Vec<&str> = Station::all().map(Station::label).collect();
        assert_eq!(labels.join(" "), "1R 1L 2R 2L 3A 3P 4R 4L 5 6 7 8 10R 10L 11R 11L");
        assert!(Station::all().all(|s| s.export_name().len() <= 16 && s.label().parse() == Ok(s)));
    }
}
