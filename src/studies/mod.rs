//! Long jobs over many capabilities.

pub mod simulated_cohort;
pub mod train_risk;
