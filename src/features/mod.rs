//! The 110 partition features.
