//! The recurrence risk model.
