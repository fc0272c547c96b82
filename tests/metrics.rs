//! Promises about metrics.
