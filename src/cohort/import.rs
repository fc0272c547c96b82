//! Tables in and out of a store: an import of all patients or of none, an empty table to fill in, and all patients as a table
//! that can be imported again.

use super::patient::{CellProblem, Column, PatientRecord};
use super::sheet::{Sheet, SheetError};
use super::store::{CohortStore, Imported, StoreError};
use crate::words::t;
use std::path::{Path, PathBuf};

/// What to import.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportRequest {
    /// A CSV file.
    pub table: PathBuf,
    /// Folder of the cases: one folder or file a patient, named as the patient.
    pub cases: Option<PathBuf>,
    /// Replace what is known of patients that are there already.
    pub update: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportReport {
    pub counts: Imported,
    /// Patients whose case is not known or not there.
    pub without_case: Vec<String>,
    /// Columns that the program gives no meaning to; they are kept.
    pub extra: Vec<String>,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Sheet(#[from] SheetError),
    #[error("cells that cannot be used: {}; nothing was imported", .0.len())]
    Cells(Vec<CellProblem>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads patients from a table into a store, all of them or none.
///
/// # Errors
/// See [`ImportError`]; the store is then as it was.
pub fn import_table(store: &mut CohortStore, request: &ImportRequest) -> Result<ImportReport, ImportError> {
    let sheet = Sheet::read(&request.table)?;
    let mut patients = sheet.patients().map_err(ImportError::Cells)?;
    let beside = request.table.parent().unwrap_or(Path::new("."));
    for patient in &mut patients {
        find_case(patient, beside, request.cases.as_deref());
    }
    check_kind(store, &patients)?;
    let counts = store.import(&patients, request.update)?;
    let without_case = patients.iter().filter(|p| !p.case.as_ref().is_some_and(|c| c.exists()));
    Ok(ImportReport {
        counts,
        without_case: without_case.map(|p| p.id.clone()).collect(),
        extra: sheet.columns().iter().filter(|name| Column::named(name).is_none()).cloned().collect(),
    })
}

/// A cohort is simulated as a whole or not at all; an empty one becomes what is imported first.
fn check_kind(store: &CohortStore, patients: &[PatientRecord]) -> Result<(), ImportError> {
    let Some(first) = patients.first() else { return Ok(()) };
    let simulated = store.about()?.simulated;
    if first.simulated == simulated || (first.simulated && store.is_empty()?) {
        return Ok(());
    }
    let reason = if simulated {
        t(
            "the patients of this cohort are simulated; write 1 here for such, or import observed ones into another cohort",
        )
    } else {
        t("these patients are simulated and those of the cohort are not; import them into another cohort")
    };
    let column = Column::Simulated.name().to_owned();
    Err(ImportError::Cells(vec![CellProblem { row: 1, column, reason: reason.to_owned() }]))
}

/// A case lies where the table says, from its folder, or in the folder of the cases under the name of the patient.
fn find_case(patient: &mut PatientRecord, beside: &Path, cases: Option<&Path>) {
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    patient.case = match (&patient.case, cases) {
        (Some(case), _) => Some(absolute(beside.join(case))),
        (None, Some(cases)) => Some(absolute(cases.join(&patient.id))).filter(|path| path.exists()),
        (None, None) => None,
    };
}

/// The first line of a table to fill in.
pub fn template_csv() -> Vec<u8> {
    let names: Vec<&str> = Column::template().map(Column::name).collect();
    (names.join(",") + "\n").into_bytes()
}

/// All patients as a table that can be imported again; dates have become months. Of simulated ones the last column says so.
///
/// # Errors
/// None in memory.
pub fn patients_csv(patients: &[PatientRecord]) -> Result<Vec<u8>, csv::Error> {
    let mut extra: Vec<&String> = patients.iter().flat_map(|p| p.extra.keys()).collect();
    extra.sort();
    extra.dedup();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let known = Column::kept().map(|column| column.name().to_owned());
    let label = patients.iter().any(|p| p.simulated).then_some(Column::Simulated);
    let names = known.chain(extra.iter().map(|name| (*name).clone()));
    writer.write_record(names.chain(label.map(|column| column.name().to_owned())))?;
    for patient in patients {
        let of_extra = extra.iter().map(|name| patient.extra.get(*name).cloned().unwrap_or_default());
        let cells = Column::kept().map(|column| patient.cell(column)).chain(of_extra);
        writer.write_record(cells.chain(label.map(|column| patient.cell(column))))?;
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}
