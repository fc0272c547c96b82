//! How far the probabilities of a network can be taken at their word: its scaling is found on some phantoms and judged
//! on others, none of which it was trained on or chosen by.

use super::train_diunet::{FIRST_VALIDATION_SEED, phantom};
use crate::diunet::{Calibration, HeldOut, LoadedModel, SegmentError, add_held_out};
use crate::phantom::{PhantomError, Variation};
use crate::progress::Progress;

/// Why a network was not calibrated.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    #[error("cancelled")]
    Cancelled,
    #[error(
        "the phantom of seed {0} is of no use here: training seeds lie below {first}, and some above chose the weights; take higher ones",
        first = FIRST_VALIDATION_SEED
    )]
    Seen(u64),
    #[error(
        "the network was not calibrated: none of the phantoms of seeds {0:?} could be segmented; choose other seeds or look at the network with hilum evaluate"
    )]
    NoCase(Vec<u64>),
    #[error(transparent)]
    Segment(SegmentError),
}

/// Finds the scaling on the phantoms of the first seeds and judges it on those of the others. Seeds of which no
/// phantom can be made, or in which no lungs are found, are left out.
///
/// # Errors
/// See [`CalibrationError`].
pub fn calibrate(
    model: &LoadedModel,
    phantoms: Variation,
    fit: &[u64],
    test: &[u64],
    progress: &dyn Progress,
) -> Result<Calibration, CalibrationError> {
    let chose = &model.manifest().training.validation_seeds;
    let is_seen = |seed: &&u64| **seed < FIRST_VALIDATION_SEED || chose.contains(seed);
    if let Some(seen) = fit.iter().chain(test).find(is_seen) {
        return Err(CalibrationError::Seen(*seen));
    }
    let (fit_voxels, fitted_on) = held_out(model, phantoms, fit, progress)?;
    let (test_voxels, tested_on) = held_out(model, phantoms, test, progress)?;
    let found = Calibration::of(&fit_voxels, fitted_on, &test_voxels, tested_on);
    found
        .map(|calibration| Calibration { phantoms: Some(phantoms.to_string()), ..calibration })
        .ok_or_else(|| CalibrationError::NoCase([fit, test].concat()))
}

fn held_out(
    model: &LoadedModel,
    phantoms: Variation,
    seeds: &[u64],
    progress: &dyn Progress,
) -> Result<(HeldOut, Vec<u64>), CalibrationError> {
    let (mut all, mut used) = (HeldOut::default(), Vec::new());
    for &seed in seeds {
        let (phantom, gtv) = match phantom(phantoms, seed, progress) {
            Ok(made) => made,
            Err(PhantomError::Cancelled(_)) => return Err(CalibrationError::Cancelled),
            Err(PhantomError::TooSmall(_)) => continue,
        };
        match add_held_out(model, &phantom.volume, &gtv, &phantom.station_masks, progress, &mut all) {
            Ok(()) => used.push(seed),
            Err(SegmentError::Cancelled) => return Err(CalibrationError::Cancelled),
            Err(SegmentError::NoLungs) => {}
            Err(other) => return Err(CalibrationError::Segment(other)),
        }
    }
    Ok((all, used))
}
