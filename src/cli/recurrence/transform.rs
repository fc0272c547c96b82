//! How the follow-up CT lies to the planning CT: found, read from a file, or as both stand; and a correction by hand.

use crate::cli::failure::Failure;
use crate::cli::terminal::Terminal;
use crate::geometry::{PatientPoint, Rigid};
use crate::registration::{Fit, Guide, judge, register};
use crate::workbench::Case;
use crate::workbench::followup::{Correction, Motion, MotionError, MotionSource, read_motion};
use glam::DVec3;
use std::path::PathBuf;

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

/// The motion that was used, and how well it fits; `None` where that could not be measured.
pub struct Transform {
    pub motion: Motion,
    pub fit: Option<Fit>,
}

impl TransformArgs {
    pub fn find(
        &self,
        planning: &Case,
        followup: &Case,
        middle: PatientPoint,
        terminal: &Terminal,
    ) -> Result<Transform, Failure> {
        let images = (&planning.image, &followup.image);
        let mut found = None;
        let mut motion = match (&self.transform, self.align) {
            (Some(path), _) => {
                let read = read_motion(path, &images.0.meta, &images.1.meta, terminal);
                let refused = |e: MotionError| match e {
                    MotionError::Unreadable { .. } => Failure::Failed(e.to_string()),
                    e if e.is_cancelled() => Failure::Cancelled,
                    e => Failure::refused(e),
                };
                Motion::new(read.map_err(refused)?, MotionSource::File)
            }
            (None, Align::None) => Motion::new(Rigid::IDENTITY, MotionSource::AsTheyStand),
            (None, Align::By(guide)) => {
                let registration = register(&images.0.volume, &images.1.volume, guide, terminal).map_err(failure)?;
                found = Some(registration.fit);
                Motion::new(registration.fixed_from_moving, MotionSource::Found(guide))
            }
        };
        motion.correction =
            Correction { shift_mm: self.shift.unwrap_or_default(), turn_degrees: self.turn.unwrap_or_default() };
        // A correction by hand changes the fit.
        let fit = match found.filter(|_| motion.correction.is_none()) {
            Some(fit) => Some(fit),
            None => {
                let used = motion.planning_from_followup(middle);
                let guide = motion.source.guide();
                let fit = judge(&images.0.volume, &images.1.volume, &used, guide, terminal).map_err(failure)?;
                Some(fit).filter(|fit| fit.shared > 0.0)
            }
        };
        Ok(Transform { motion, fit })
    }
}

fn failure(error: crate::registration::RegistrationError) -> Failure {
    match error {
        crate::registration::RegistrationError::Cancelled(_) => Failure::Cancelled,
        other => Failure::refused(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guides_and_corrections_are_read_as_people_write_them() {
        assert_eq!(parse_align("Lung"), Ok(Align::By(Guide::Lung)));
        assert!(parse_align("skin").is_err() && parse_three("1,2").is_err() && parse_three("1,2,NaN").is_err());
    }
}
