//! The cohort that is open, as it was read from its file.

use super::features::definition;
use super::table::{FeatureState, PatientTable};
use crate::cohort::{CohortAbout, CohortStore, Coverage, ObservedRecurrence, PatientRecord, StoreError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A cohort as it was read, with what has changed since.
pub struct OpenCohort {
    pub path: PathBuf,
    pub about: CohortAbout,
    pub patients: Arc<Vec<PatientRecord>>,
    /// By patient.
    pub features: Vec<FeatureState>,
    pub table: PatientTable,
    pub observed: ObservedRecurrence,
    /// As far as features were computed when it was read or since.
    pub coverage: Coverage,
    /// Grows with every change, also from one cohort to the next.
    pub revision: u64,
    /// The revision at which patients changed last: features that are computed change no survival.
    pub patients_revision: u64,
}

impl OpenCohort {
    /// Reads a cohort and looks which cases are there.
    ///
    /// # Errors
    /// As [`CohortStore::open`].
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let store = CohortStore::open(path)?;
        let (about, patients) = (store.about()?, store.patients()?);
        let (computed, definition) = (store.computed()?, definition());
        let coverage = store.coverage(&definition)?;
        let state = |patient: &PatientRecord| match computed.get(&patient.id) {
            Some((_, Some(why))) => FeatureState::Failed(why.clone()),
            Some((of, None)) if *of == definition => FeatureState::Computed,
            Some(_) => FeatureState::Outdated,
            None if patient.case.as_ref().is_some_and(|case| case.exists()) => FeatureState::NotComputed,
            None => FeatureState::NoCase,
        };
        Ok(Self {
            path: path.to_owned(),
            features: patients.iter().map(state).collect(),
            table: PatientTable::new(&patients),
            observed: ObservedRecurrence::of(about.clone(), &patients, &coverage),
            coverage,
            about,
            patients: Arc::new(patients),
            revision: 0,
            patients_revision: 0,
        })
    }

    /// The row of a patient.
    pub fn row(&self, id: &str) -> Option<usize> {
        self.patients.iter().position(|patient| patient.id == id)
    }
}
