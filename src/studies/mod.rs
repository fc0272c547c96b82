//! Long jobs over many capabilities: training, simulated cohorts, evaluation.

