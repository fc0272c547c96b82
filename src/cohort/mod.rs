//! Cohorts: patients with what is known of them and what became of them, in a table or in a store; and recurrence by lymph
//! node station: the published counts, their uncertainty, and what does not add up in the paper.

mod compared;
mod import;
mod inconsistencies;
mod observed;
mod patient;
mod recurrence;
pub mod schematic;
mod sheet;
mod store;

pub use compared::{StationDifference, differences};
pub use import::{ImportError, ImportReport, ImportRequest, import_table, patients_csv, template_csv};
pub use inconsistencies::{Inconsistency, inconsistencies};
pub use observed::ObservedRecurrence;
pub use patient::{CellProblem, Column, Outcome, PatientRecord, is_missing, yes_or_no};
pub use recurrence::{Denominator, PublishedRecurrence, RecurrenceError, RecurrenceMap, StationRecurrence};
pub use sheet::{Sheet, SheetError};
pub use store::{CohortAbout, CohortStore, Coverage, Imported, StoreError, StoredFeatures, source_with};
