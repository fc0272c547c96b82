//! Long jobs over many capabilities: training, simulated cohorts, evaluation.

pub mod evaluate;
pub mod simulated_cohort;
pub mod train_diunet;
pub mod train_risk;
