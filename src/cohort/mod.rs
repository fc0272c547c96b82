//! Recurrence by lymph node station: the published counts, their uncertainty, and what does not add up in the paper.

mod inconsistencies;
mod recurrence;

pub use inconsistencies::{Inconsistency, inconsistencies};
pub use recurrence::{Denominator, PublishedRecurrence, RecurrenceError, RecurrenceMap, StationRecurrence};
