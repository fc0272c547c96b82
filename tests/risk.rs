//! Promises about risk.
