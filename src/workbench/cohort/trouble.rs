//! What goes wrong at the cohort desk, in the words of the window.

use super::features::ComputeError;
use crate::cohort::StoreError;
use crate::files::PutError;
use crate::studies::survival::SurvivalError;
use crate::tf;
use crate::words::t;
use crate::workbench::Trouble;
use crate::workbench::jobs::JobError;

/// What a store says, in the words of the window, its file apart.
fn trouble(error: &StoreError) -> Trouble {
    let (text, path) = match error {
        StoreError::Exists(path) => {
            (t("there is a file already, which was left as it is; choose another name").to_owned(), Some(path))
        }
        StoreError::Missing(path) => (t("the file is not there").to_owned(), Some(path)),
        StoreError::Foreign(path) => (t("this is no cohort of Hilum; it was left as it is").to_owned(), Some(path)),
        StoreError::Newer { version, path } => {
            let text = tf!(
                "a newer version of Hilum made this cohort (its tables are of version {version}); open it with that one",
                version
            );
            (text, Some(path))
        }
        StoreError::Locked(path) => {
            (t("another program works on this cohort; try again when it has ended").to_owned(), Some(path))
        }
        StoreError::Damaged { what, path } => {
            let text = tf!(
                "this cohort is damaged ({what}); use a copy: one lies beside it if it was brought to a newer version, others are made by Export",
                what
            );
            (text, Some(path))
        }
        StoreError::Write { source, path } => {
            let text = tf!(
                "the cohort could not be written, and is as it was ({source}); check permissions and free space",
                source
            );
            (text, Some(path))
        }
        StoreError::Known(ids) => {
            let text = tf!(
                "In the cohort already: {count}; choose to replace what is known of them, or leave them out of the table",
                count = ids.len()
            );
            (text, None)
        }
        StoreError::NoPatient(_) => (t("the patient is not in the cohort any more; read it again").to_owned(), None),
        StoreError::Changed(_) => {
            let text =
                t("another program has changed this patient meanwhile, which was left as it is; read the cohort again");
            (text.to_owned(), None)
        }
    };
    Trouble { text, files: path.cloned().into_iter().collect() }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::Failed(trouble(&error))
    }
}

impl From<ComputeError> for JobError {
    fn from(error: ComputeError) -> Self {
        match error {
            ComputeError::Store(error) => error.into(),
            ComputeError::Network(error) => Self::Failed(Trouble::of(&error)),
        }
    }
}

impl From<PutError> for JobError {
    fn from(error: PutError) -> Self {
        Self::Failed(Trouble::of(&error))
    }
}

impl From<csv::Error> for JobError {
    fn from(error: csv::Error) -> Self {
        Self::Failed(Trouble::of(&error))
    }
}

/// Why there are no curves, in the words of the window.
pub(super) fn survival_words(error: &SurvivalError) -> String {
    match error {
        SurvivalError::Nobody(_) => t("No patient has both a time and whether the event happened").to_owned(),
        SurvivalError::Groups(_) => t("A comparison needs patients of at least two groups with events").to_owned(),
        other => other.to_string(),
    }
}
