//! Promises about diunet.
