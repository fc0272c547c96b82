//! Promises about features.
