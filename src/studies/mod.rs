//! Long jobs over many capabilities: training, calibration, simulated cohorts, evaluation.

pub mod calibrate;
pub mod evaluate;
mod risk_page;
pub mod simulated_cohort;
pub mod survival;
pub mod train_diunet;
pub mod train_risk;
pub mod training_set;
