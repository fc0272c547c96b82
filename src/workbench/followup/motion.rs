//! The motion that lays the follow-up CT over the planning CT: found, read from a file, or as both stand; and a correction by
//! hand.

use crate::dicom::{CtMeta, RegistrationReadError, ScanError, read_registration};
use crate::geometry::{PatientPoint, Rigid};
use crate::progress::Progress;
use crate::registration::Guide;
use crate::tf;
use glam::DVec3;
use std::path::{Path, PathBuf};

/// Where a motion comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MotionSource {
    /// Found by the program, by what the guide looks at.
    Found(Guide),
    /// Both CTs lie in one frame of reference already.
    AsTheyStand,
    /// The registration of another program.
    File,
}

impl MotionSource {
    /// As JSON and provenance have it: bone, lung, body, none or file.
    pub fn label(self) -> String {
        match self {
            Self::Found(guide) => guide.to_string(),
            Self::AsTheyStand => "none".into(),
            Self::File => "file".into(),
        }
    }

    /// What the fit is measured by.
    pub fn guide(self) -> Guide {
        match self {
            Self::Found(guide) => guide,
            Self::AsTheyStand | Self::File => Guide::Bone,
        }
    }
}

/// A shift and turns by hand, about the middle of the recurrence.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Correction {
    /// Along the patient's x, y and z, mm: to the left, to the back, to the head.
    pub shift_mm: DVec3,
    /// About the patient's x, then y, then z axis, degrees.
    pub turn_degrees: DVec3,
}

impl Correction {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// How the follow-up lies to the planning CT.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    /// Points of the follow-up to points of the planning CT, before the correction.
    pub uncorrected: Rigid,
    pub source: MotionSource,
    pub correction: Correction,
}

impl Motion {
    pub fn new(uncorrected: Rigid, source: MotionSource) -> Self {
        Self { uncorrected, source, correction: Correction::default() }
    }

    /// Points of the follow-up to points of the planning CT; `middle` is that of the recurrence, in the follow-up.
    pub fn planning_from_followup(&self, middle: PatientPoint) -> Rigid {
        if self.correction.is_none() {
            return self.uncorrected;
        }
        let Correction { shift_mm, turn_degrees } = self.correction;
        let center = self.uncorrected.apply(middle);
        let about = |axis: DVec3, degrees: f64| Rigid::about(center, axis * degrees.to_radians(), DVec3::ZERO);
        let turned = about(DVec3::Z, turn_degrees.z)
            .after(&about(DVec3::Y, turn_degrees.y))
            .after(&about(DVec3::X, turn_degrees.x));
        Rigid::about(DVec3::ZERO, DVec3::ZERO, shift_mm).after(&turned).after(&self.uncorrected)
    }
}

/// Why a registration of another program cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MotionError {
    #[error("{}", tf!("the registration cannot be read ({problem}): {path}", problem = .problem, path = .path.display()))]
    Unreadable { problem: String, path: PathBuf },
    #[error("{}", tf!("the registration is not rigid, {why}; export a rigid one: {path}", why = .why, path = .path.display()))]
    NotRigid { why: String, path: PathBuf },
    #[error(transparent)]
    Dicom(#[from] RegistrationReadError),
}

impl MotionError {
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Dicom(RegistrationReadError::Scan(scan)) if matches!(scan, ScanError::Cancelled(_)))
    }
}

/// Reads the registration of another program: sixteen numbers row by row, the JSON of `hilum recurrence`, or a DICOM
/// registration between the frames of reference of both scans.
///
/// # Errors
/// A file that cannot be read, or holds no rigid motion between the two.
pub fn read_motion(
    path: &Path,
    planning: &CtMeta,
    followup: &CtMeta,
    progress: &dyn Progress,
) -> Result<Rigid, MotionError> {
    let bytes = if path.is_dir() { Ok(Vec::new()) } else { std::fs::read(path) };
    let bytes = bytes.map_err(|e| MotionError::Unreadable { problem: e.to_string(), path: path.to_owned() })?;
    if let Some(rows) = std::str::from_utf8(&bytes).ok().and_then(sixteen) {
        return Rigid::from_rows(rows)
            .map_err(|why| MotionError::NotRigid { why: why.to_string(), path: path.to_owned() });
    }
    let frame = |meta: &CtMeta| meta.frame_of_reference_uid.clone();
    Ok(read_registration(path, &frame(followup), &frame(planning), progress)?)
}

fn sixteen(text: &str) -> Option<[f64; 16]> {
    let numbers: Vec<f64> = match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => {
            let list = if value.is_array() { &value } else { &value["registration"]["transform"] };
            list.as_array()?.iter().map(serde_json::Value::as_f64).collect::<Option<_>>()?
        }
        Err(_) => {
            let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '\\' | '[' | ']'));
            words.filter(|w| !w.is_empty()).map(|w| w.parse().ok()).collect::<Option<_>>()?
        }
    };
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_numbers_are_read_in_any_form_and_nothing_else() {
        let rows = Rigid::about(DVec3::ZERO, DVec3::Z * 0.1, DVec3::new(1.5, -2.0, 3.0)).rows();
        let text = rows.map(|x| x.to_string());
        for form in [
            text.join("\\"),
            text.join("\n"),
            format!("[{}]", text.join(", ")),
            format!("{{\"registration\": {{\"transform\": [{}]}}}}", text.join(",")),
        ] {
            assert_eq!(sixteen(&form), Some(rows), "{form}");
        }
        assert_eq!(sixteen(&text[1..].join(" ")), None);
        assert_eq!(sixteen("Transform: rigid"), None);
        assert_eq!(sixteen("{}"), None);
    }

    #[test]
    fn a_correction_turns_about_the_recurrence_and_then_shifts() {
        let uncorrected = Rigid::about(DVec3::ZERO, DVec3::ZERO, DVec3::new(100.0, 0.0, 0.0));
        let correction = Correction { shift_mm: DVec3::new(0.0, 0.0, 4.0), turn_degrees: DVec3::new(0.0, 0.0, 90.0) };
        let motion = Motion { uncorrected, source: MotionSource::File, correction };
        let all = motion.planning_from_followup(DVec3::new(10.0, 5.0, 7.0));
        let there = |p: DVec3| all.apply(p);
        assert!((there(DVec3::new(10.0, 5.0, 7.0)) - DVec3::new(110.0, 5.0, 11.0)).length() < 1e-9);
        assert!((there(DVec3::new(20.0, 5.0, 7.0)) - DVec3::new(110.0, 15.0, 11.0)).length() < 1e-9);
    }
}
