//! Which options of PS3.15 Annex E are used, and how they are written by users.

use crate::tf;
use crate::words::t;
use std::str::FromStr;

/// What becomes of dates and times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dates {
    /// Removed, emptied or replaced by a date that says nothing.
    #[default]
    Remove,
    /// Kept (Retain Longitudinal Temporal Information Full Dates). The birth date goes all the same.
    Keep,
    /// All moved by these days (Retain Longitudinal Temporal Information Modified Dates).
    Shift(i64),
    /// Moved back by up to ten years, for each patient by another number that the secret gives.
    ShiftPerPatient,
}

/// Which options of PS3.15 Table E.1-1 are used. The default is the basic profile alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeidentifyOptions {
    pub dates: Dates,
    /// Sex, age, size, weight, ethnic group, smoking and pregnancy.
    pub keep_patient_characteristics: bool,
    /// Descriptions are kept without the words that identify, instead of removed.
    pub keep_descriptions: bool,
    /// Names and serial numbers of devices.
    pub keep_device: bool,
    /// Patient ID and name of the output; otherwise a label from the secret.
    pub patient_id: Option<String>,
    pub patient_name: Option<String>,
}

impl DeidentifyOptions {
    /// The codes of PS3.16 CID 7050 that say what was done.
    pub(super) fn codes(&self) -> Vec<(&'static str, &'static str)> {
        let mut codes = vec![("113100", "Basic Application Confidentiality Profile")];
        if self.keep_descriptions {
            codes.push(("113105", "Clean Descriptors Option"));
        }
        match self.dates {
            Dates::Remove => {}
            Dates::Keep => codes.push(("113106", "Retain Longitudinal Temporal Information Full Dates Option")),
            Dates::Shift(_) | Dates::ShiftPerPatient => {
                codes.push(("113107", "Retain Longitudinal Temporal Information Modified Dates Option"));
            }
        }
        if self.keep_patient_characteristics {
            codes.push(("113108", "Retain Patient Characteristics Option"));
        }
        if self.keep_device {
            codes.push(("113109", "Retain Device Identity Option"));
        }
        codes
    }
}

/// The longest shift: two centuries.
const MAX_SHIFT_DAYS: i64 = 73_000;

/// A shift of dates: a number of days, or "auto" for one of each patient.
impl FromStr for Dates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::ShiftPerPatient);
        }
        match text.trim().parse::<i64>() {
            Ok(0) => Err(t("a shift of 0 days changes nothing; keep the dates if that is meant").into()),
            Ok(days) if days.abs() <= MAX_SHIFT_DAYS => Ok(Self::Shift(days)),
            _ => Err(tf!("write a number of days up to {days}, or auto", days = MAX_SHIFT_DAYS)),
        }
    }
}

/// Whether a text can be a patient ID and name: LO of the default repertoire, at most 64 characters, no backslash
/// (PS3.5 section 6.2).
///
/// # Errors
/// What to write instead.
pub fn check_identity(text: &str) -> Result<(), String> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'\\');
    if fits && text.trim() == text {
        Ok(())
    } else {
        Err(t("write 1 to 64 ASCII characters, without backslash and without spaces at the ends").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_and_identities_are_checked() {
        assert_eq!("-30".parse(), Ok(Dates::Shift(-30)));
        assert_eq!("auto".parse(), Ok(Dates::ShiftPerPatient));
        for wrong in ["0", "1000000", "x", ""] {
            assert!(wrong.parse::<Dates>().is_err(), "{wrong}");
        }
        assert!(check_identity("LUNG01").is_ok());
        for wrong in ["", " a", "a\\b", "\u{e9}"] {
            assert!(check_identity(wrong).is_err(), "{wrong}");
        }
    }
}
