//! What is entered about the patient: every value may be unknown.

use crate::words::t;

/// Sex as recorded; other or unknown is left empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sex {
    Male,
    Female,
}

/// T category; the subclasses of T1 and T2 count as their class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TStage {
    /// Cannot be assessed: counts as missing.
    Tx,
    /// No primary tumour found: counts as missing.
    T0,
    T1,
    T2,
    T3,
    T4,
}

/// A text that is no T category.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", crate::tf!("\"{value}\" is no T stage; use Tx, T0, T1 (T1a-c), T2 (T2a-b), T3 or T4", value = .0))]
pub struct ParseTStageError(String);

impl TStage {
    pub const ALL: [Self; 6] = [Self::Tx, Self::T0, Self::T1, Self::T2, Self::T3, Self::T4];

    pub fn label(self) -> &'static str {
        match self {
            Self::Tx => "Tx",
            Self::T0 => "T0",
            Self::T1 => "T1",
            Self::T2 => "T2",
            Self::T3 => "T3",
            Self::T4 => "T4",
        }
    }

    /// 1 to 4, `None` for Tx and T0.
    pub fn number(self) -> Option<u8> {
        match self {
            Self::Tx | Self::T0 => None,
            Self::T1 => Some(1),
            Self::T2 => Some(2),
            Self::T3 => Some(3),
            Self::T4 => Some(4),
        }
    }
}

impl std::str::FromStr for TStage {
    type Err = ParseTStageError;

    /// Reads `T2b`, `t2`, `2`, `pT1c`, `cT4`, `TX`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.trim().to_lowercase();
        let bare = lower.trim_start_matches(['c', 'p', 'y']).trim_start_matches('t');
        match bare {
            "x" => Ok(Self::Tx),
            "0" => Ok(Self::T0),
            "1" | "1a" | "1b" | "1c" | "1mi" => Ok(Self::T1),
            "2" | "2a" | "2b" => Ok(Self::T2),
            "3" => Ok(Self::T3),
            "4" => Ok(Self::T4),
            _ => Err(ParseTStageError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for TStage {
    type Error = ParseTStageError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TStage> for String {
    fn from(stage: TStage) -> Self {
        stage.label().into()
    }
}

/// The clinical part of the features.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClinicalValues {
    pub sex: Option<Sex>,
    /// Age at the start of radiotherapy, years.
    pub age_years: Option<f64>,
    pub t_stage: Option<TStage>,
    /// Cigarettes a day times years (Brinkman index).
    pub smoking_index: Option<f64>,
    /// Central (true) or peripheral (false) tumour as judged by a clinician; wins over the distance to the airway.
    pub central: Option<bool>,
}

impl ClinicalValues {
    /// What is wrong with the values, one sentence each; such a value counts as missing.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.age_years.is_some() && self.age().is_none() {
            problems.push(t("The age must lie between 0 and 120 years").to_owned());
        }
        if self.smoking_index.is_some() && self.smoking().is_none() {
            problems
                .push(t("The smoking index (cigarettes a day times years) must lie between 0 and 10000").to_owned());
        }
        problems
    }

    /// The age, if it is believable.
    pub fn age(&self) -> Option<f64> {
        self.age_years.filter(|a| (0.0..=120.0).contains(a))
    }

    /// The smoking index, if it is believable.
    pub(super) fn smoking(&self) -> Option<f64> {
        self.smoking_index.filter(|s| (0.0..=10_000.0).contains(s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_stages_are_read_with_their_subclasses() {
        for (text, stage) in
            [("T1c", TStage::T1), ("cT2b", TStage::T2), ("4", TStage::T4), ("TX", TStage::Tx), (" t3 ", TStage::T3)]
        {
            assert_eq!(text.parse(), Ok(stage));
        }
        assert!("T5".parse::<TStage>().is_err());
        assert_eq!((TStage::Tx.number(), TStage::T0.number(), TStage::T2.number()), (None, None, Some(2)));
        let values: ClinicalValues = serde_json::from_str(r#"{"sex":"male","t_stage":"T2a"}"#).unwrap();
        assert_eq!((values.sex, values.t_stage), (Some(Sex::Male), Some(TStage::T2)));
    }

    #[test]
    fn unbelievable_values_are_named_and_not_used() {
        let values = ClinicalValues { age_years: Some(-3.0), smoking_index: Some(f64::NAN), ..Default::default() };
        assert_eq!(values.problems().len(), 2);
        assert_eq!((values.age(), values.smoking()), (None, None));
        assert!(ClinicalValues { age_years: Some(60.0), ..Default::default() }.problems().is_empty());
    }
}
