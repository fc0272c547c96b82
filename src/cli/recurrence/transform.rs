//! How the follow-up CT lies to the planning CT: found, read from a file, or as both stand; and a correction by hand.

use crate::cli::failure::Failure;
use crate::cli::terminal::Terminal;
use crate::dicom::read_registration;
use crate::geometry::{PatientPoint, Rigid};
use crate::registration::{Fit, Guide, judge, register};
use crate::workbench::Case;
use glam::DVec3;
use std::path::{Path, PathBuf};

/// Where the motion comes from.
#[derive(Debug, Clone, clap::Args)]
pub struct TransformArgs {
    /// What the registration looks at: bone, lung or body; or none, where both CTs lie in one frame already
    #[arg(long, value_name = "bone|lung|body|none", default_value = "bone", value_parser = parse_align, conflicts_with = "transform")]
    align: Align,
    /// The registration of another program instead: a DICOM registration (REG), sixteen numbers row by row, or an earlier --json of this command
    #[arg(long, value_name = "FILE")]
    transform: Option<PathBuf>,
    /// Correct by hand: shift the follow-up after the registration, patient mm (to the left, to the back, to the head)
    #[arg(long, value_name = "X,Y,Z", value_parser = parse_three, allow_hyphen_values = true)]
    shift: Option<DVec3>,
    /// Correct by hand: turn the follow-up about the middle of the recurrence, degrees about the patient's x, then y, then z axis
    #[arg(long, value_name = "A,B,C", value_parser = parse_three, allow_hyphen_values = true)]
    turn: Option<DVec3>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    By(Guide),
    None,
}

fn parse_align(text: &str) -> Result<Align, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Align::None);
    }
    text.to_lowercase().parse().map(Align::By).map_err(|_| "write bone, lung, body or none".to_owned())
}

fn parse_three(text: &str) -> Result<DVec3, String> {
    let numbers: Option<Vec<f64>> =
        text.split(',').map(|n| n.trim().parse().ok().filter(|n: &f64| n.is_finite())).collect();
    match numbers.as_deref() {
        Some([x, y, z]) => Ok(DVec3::new(*x, *y, *z)),
        _ => Err("write three numbers, such as 3,-2,5".into()),
    }
}

/// The motion that was used.
pub struct Transform {
    /// Points of the follow-up to points of the planning CT, the correction included.
    pub planning_from_followup: Rigid,
    /// bone, lung, body, none or file.
    pub source: String,
    pub guide: Guide,
    /// `None` where it could not be measured.
    pub fit: Option<Fit>,
    pub correction: Option<[DVec3; 2]>,
}

impl TransformArgs {
    pub fn find(
        &self,
        planning: &Case,
        followup: &Case,
        middle: PatientPoint,
        terminal: &Terminal,
    ) -> Result<Transform, Failure> {
        let volumes = (&planning.image.volume, &followup.image.volume);
        let mut found = None;
        let (motion, source, guide) = match (&self.transform, self.align) {
            (Some(path), _) => (self::read(path, planning, followup, terminal)?, "file".to_owned(), Guide::Bone),
            (None, Align::None) => (Rigid::IDENTITY, "none".to_owned(), Guide::Bone),
            (None, Align::By(guide)) => {
                let registration = register(volumes.0, volumes.1, guide, terminal).map_err(failure)?;
                found = Some(registration.fit);
                (registration.fixed_from_moving, guide.to_string(), guide)
            }
        };
        let correction = match (self.shift, self.turn) {
            (None, None) => None,
            (shift, turn) => Some([shift.unwrap_or_default(), turn.unwrap_or_default()]),
        };
        let planning_from_followup = match correction {
            None => motion,
            Some([shift, turn]) => corrected(&motion, motion.apply(middle), shift, turn),
        };
        // A correction by hand changes the fit.
        let fit = match found.filter(|_| correction.is_none()) {
            Some(fit) => Some(fit),
            None => Some(judge(volumes.0, volumes.1, &planning_from_followup, guide, terminal).map_err(failure)?)
                .filter(|fit| fit.shared > 0.0),
        };
        Ok(Transform { planning_from_followup, source, guide, fit, correction })
    }
}

/// A motion, then turns about a point of the planning CT (degrees about x, then y, then z), then a shift.
fn corrected(motion: &Rigid, center: PatientPoint, shift: DVec3, turn: DVec3) -> Rigid {
    let about = |axis: DVec3, degrees: f64| Rigid::about(center, axis * degrees.to_radians(), DVec3::ZERO);
    let turned = about(DVec3::Z, turn.z).after(&about(DVec3::Y, turn.y)).after(&about(DVec3::X, turn.x));
    Rigid::about(DVec3::ZERO, DVec3::ZERO, shift).after(&turned).after(motion)
}

fn failure(error: crate::registration::RegistrationError) -> Failure {
    match error {
        crate::registration::RegistrationError::Cancelled(_) => Failure::Cancelled,
        other => Failure::refused(other),
    }
}

/// Sixteen numbers of a text or of our own JSON, else a DICOM registration.
fn read(path: &Path, planning: &Case, followup: &Case, terminal: &Terminal) -> Result<Rigid, Failure> {
    let bytes = if path.is_dir() {
        Vec::new()
    } else {
        std::fs::read(path)
            .map_err(|e| Failure::Failed(format!("the registration cannot be read ({e}): {}", path.display())))?
    };
    if let Some(rows) = std::str::from_utf8(&bytes).ok().and_then(sixteen) {
        return Rigid::from_rows(rows).map_err(|why| {
            Failure::Refused(format!("the registration is not rigid, {why}; export a rigid one: {}", path.display()))
        });
    }
    let frame = |case: &Case| case.image.meta.frame_of_reference_uid.clone();
    read_registration(path, &frame(followup), &frame(planning), terminal).map_err(Failure::refused)
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
        assert_eq!(parse_align("Lung"), Ok(Align::By(Guide::Lung)));
        assert!(parse_align("skin").is_err() && parse_three("1,2").is_err() && parse_three("1,2,NaN").is_err());
    }

    #[test]
    fn a_correction_turns_about_the_recurrence_and_then_shifts() {
        let motion = Rigid::about(DVec3::ZERO, DVec3::ZERO, DVec3::new(100.0, 0.0, 0.0));
        let center = DVec3::new(110.0, 5.0, 7.0);
        let all = corrected(&motion, center, DVec3::new(0.0, 0.0, 4.0), DVec3::new(0.0, 0.0, 90.0));
        let there = |p: DVec3| all.apply(p);
        assert!((there(DVec3::new(10.0, 5.0, 7.0)) - DVec3::new(110.0, 5.0, 11.0)).length() < 1e-9);
        assert!((there(DVec3::new(20.0, 5.0, 7.0)) - DVec3::new(110.0, 15.0, 11.0)).length() < 1e-9);
    }
}
