//! Patients of a cohort beside the phantoms: which of them are held out, and what the network learns from the others.
//!
//! A cohort is small and every scan in it has its own scanner and contrast. So each sample of a patient is deformed
//! smoothly, and blood is brightened or darkened as another amount of contrast would do.

use super::TrainError;
use super::cases::{TrainingCase, Truth};
use super::validation::Subject;
use crate::contour::Mask;
use crate::diunet::ModelManifest;
use crate::image::CtVolume;
use crate::structures::Station;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Every fifth patient is held out.
const HELD_OUT: usize = 5;

/// What a training takes besides phantoms.
#[derive(Debug, Clone, PartialEq)]
pub struct CohortConfig {
    /// What the patients are, in a sentence for the model card; no names.
    pub note: String,
    /// The stations are those of the rules, not of a person.
    pub by_rules: bool,
    /// Share of the samples that are of patients.
    pub share: f64,
    /// Patients that were given.
    pub patients: usize,
}

/// A patient with the stations that are taken for true.
#[derive(Debug)]
pub struct Patient {
    pub name: String,
    pub volume: CtVolume,
    /// GTVp and GTVn; empty if there is none.
    pub gtv: Mask,
    /// Empty where nobody drew one; nothing is then learned about it.
    pub ctv: Mask,
    pub stations: [Mask; Station::COUNT],
    /// Heart and great vessels; empty where not known, and then they keep their contrast.
    pub blood: Mask,
}

/// The patients as training needs them.
#[derive(Default)]
pub struct Pool {
    pub(super) cases: Vec<Arc<TrainingCase>>,
    pub(super) held_out: Vec<Patient>,
}

/// Which of so many patients are held out: a fifth, and none of a single one.
pub fn held_out(patients: usize, seed: u64) -> BTreeSet<usize> {
    if patients < 2 {
        return BTreeSet::new();
    }
    let mut order: Vec<usize> = (0..patients).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed ^ 0x686f_6c64));
    order.into_iter().take(patients.div_ceil(HELD_OUT)).collect()
}

impl Pool {
    /// Takes a patient in.
    ///
    /// # Errors
    /// [`TrainError::Setting`] if no lungs or no stations are found in the scan.
    pub fn add(&mut self, manifest: &ModelManifest, patient: Patient, is_held_out: bool) -> Result<(), TrainError> {
        if is_held_out {
            self.held_out.push(patient);
            return Ok(());
        }
        let truth = Truth { stations: &patient.stations, ctv: &patient.ctv, blood: Some(&patient.blood) };
        let Some(case) = TrainingCase::new(manifest, &patient.volume, &patient.gtv, &truth) else {
            return Err(TrainError::Setting(format!(
                "no lungs with stations beside them are found in {}",
                patient.name
            )));
        };
        self.cases.push(Arc::new(case));
        Ok(())
    }

    /// Number of patients that are learned from, and of those held out.
    pub fn count(&self) -> [usize; 2] {
        [self.cases.len(), self.held_out.len()]
    }

    pub(super) fn subjects(&self) -> impl Iterator<Item = Subject<'_>> {
        self.held_out.iter().map(|p| Subject { volume: &p.volume, gtv: &p.gtv, stations: &p.stations, ctv: &p.ctv })
    }
}

/// Blood with less than this has no contrast in it, HU.
const ENHANCED_HU: f32 = 110.0;
/// Soft tissue without contrast, HU.
const TISSUE_HU: f32 = 45.0;

/// Another amount of contrast in the blood of a patient.
pub struct Contrast {
    /// CT number of the blood in the scan, and in the sample.
    from_hu: f32,
    to_hu: f32,
}

impl Contrast {
    /// For a scan whose blood has so many HU on average.
    pub fn random(from_hu: f32, rng: &mut ChaCha8Rng) -> Self {
        // Half of the samples are as good as without contrast.
        let to_hu = if rng.random_bool(0.5) { rng.random_range(25.0..70.0) } else { rng.random_range(70.0..380.0) };
        Self { from_hu, to_hu }
    }

    /// Changes CT numbers of pixels, of which `blood` tells the share of blood in each.
    pub fn apply(&self, hu: &mut [f32], blood: &[f32]) {
        for (v, share) in hu.iter_mut().zip(blood).filter(|(_, share)| **share > 0.0) {
            // Bright blood is pressed toward tissue as a whole, its blurred edges too; plain blood is lifted where it is.
            if self.from_hu > ENHANCED_HU && self.to_hu < self.from_hu {
                let part = (self.to_hu.max(TISSUE_HU) - TISSUE_HU) / (self.from_hu - TISSUE_HU);
                let above = (*v - TISSUE_HU).max(0.0);
                *v -= above * (1.0 - part);
                *v += share * (self.to_hu - TISSUE_HU).min(0.0);
            } else {
                *v += share * (self.to_hu - self.from_hu);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_is_held_out_and_one_patient_is_not() {
        assert!(held_out(1, 3).is_empty());
        for n in [2, 5, 6, 20, 21] {
            assert_eq!(held_out(n, 3).len(), n.div_ceil(5));
            assert_eq!(held_out(n, 3), held_out(n, 3));
        }
        assert_ne!(held_out(50, 3), held_out(50, 4));
    }

    #[test]
    fn contrast_comes_and_goes_where_blood_is_and_nowhere_else() {
        let blood = [1.0, 1.0, 0.5, 0.0, 0.0];
        let mut plain = [300.0, 320.0, 170.0, 250.0, -90.0];
        Contrast { from_hu: 300.0, to_hu: 45.0 }.apply(&mut plain, &blood);
        assert_eq!(plain, [45.0, 45.0, 45.0, 250.0, -90.0]);
        let mut weaker = [300.0, -100.0, 172.5, 0.0, 0.0];
        Contrast { from_hu: 300.0, to_hu: 172.5 }.apply(&mut weaker, &blood);
        assert_eq!(weaker, [172.5, -100.0, 108.75, 0.0, 0.0]);
        let mut brighter = [40.0, 50.0, -30.0, 40.0, -90.0];
        Contrast { from_hu: 40.0, to_hu: 240.0 }.apply(&mut brighter, &blood);
        assert_eq!(brighter, [240.0, 250.0, 70.0, 40.0, -90.0]);
    }
}
