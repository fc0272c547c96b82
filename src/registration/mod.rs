//! Rigid registration of two chest CTs of one patient: six numbers that lay the one over the other, what is left between
//! them, and a refusal where that is too much.
//!
//! Both scans become blocks of voxels, 8, 4 and 2 mm wide. Every overlap along the patient is tried on the coarsest, the
//! best are refined by Levenberg-Marquardt steps on a robust difference of CT numbers (Cauchy weights), in both directions
//! at once, so that it does not matter which scan is the fixed one. The [`Guide`] says what pulls: bone, lung or the whole
//! body. The same scans give the same numbers.

mod align;
mod fit;
mod level;
mod tissue;

pub use fit::{Fit, SurfaceGap, judge};

use crate::geometry::Rigid;
use crate::image::CtVolume;
use crate::progress::{Cancelled, Progress};

/// What the registration looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter, strum::Display, strum::EnumString, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Guide {
    /// Bones and what lies within a few mm: does not follow breathing.
    Bone,
    /// Lungs with their edges: for what moves with them.
    Lung,
    /// All within the skin.
    Body,
}

impl Guide {
    /// CT numbers beyond this window are taken for its ends, HU: contrast, gas and metal do not pull.
    pub(crate) fn window(self) -> [f32; 2] {
        match self {
            Self::Bone => [100.0, 700.0],
            Self::Lung => [-950.0, -250.0],
            Self::Body => [-600.0, 200.0],
        }
    }
}

/// How the moving scan lies to the fixed one.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Points of the moving scan to points of the fixed one (as a DICOM registration into the frame of the fixed scan).
    pub fixed_from_moving: Rigid,
    pub fit: Fit,
}

/// Why two scans cannot be laid over each other.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RegistrationError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error("{}", crate::tf!("the planning CT shows no lungs (air in the body: {cm3:.0} cm³), and only chests are registered; choose the CT of the chest", cm3 = .cm3))]
    NoLungsFixed { cm3: f64 },
    #[error("{}", crate::tf!("the follow-up CT shows no lungs (air in the body: {cm3:.0} cm³), and only chests are registered; choose the CT of the chest", cm3 = .cm3))]
    NoLungsMoving { cm3: f64 },
    #[error("{}", crate::tf!("the scans are {fixed_mm:.0} and {moving_mm:.0} mm high, and a registration needs {least_mm:.0} mm or more of both; open the whole series", fixed_mm = .fixed_mm, moving_mm = .moving_mm, least_mm = .least_mm))]
    TooLow { fixed_mm: f64, moving_mm: f64, least_mm: f64 },
    #[error("{}", crate::tf!("the two scans do not fit onto each other: {why}. Check that both are of one patient and show the same part of the chest; or try another guide, or give the registration of the planning system", why = .why))]
    Poor { why: String, fit: Box<Fit> },
}

/// Finds the motion that lays `moving` over `fixed`.
///
/// # Errors
/// A scan without lungs or too low, or a fit too poor to be used ([`Fit::problem`]); cancelled.
pub fn register(
    fixed: &CtVolume,
    moving: &CtVolume,
    guide: Guide,
    progress: &dyn Progress,
) -> Result<Registration, RegistrationError> {
    let found = align::find_motion(fixed, moving, guide, progress)?;
    match found.fit.problem() {
        Some(why) => Err(RegistrationError::Poor { why, fit: Box::new(found.fit) }),
        None => Ok(found),
    }
}
