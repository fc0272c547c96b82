//! Long jobs over many capabilities: training, simulated cohorts, evaluation.

pub mod train_diunet;
