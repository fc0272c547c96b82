//! Cohorts and recurrence maps.
