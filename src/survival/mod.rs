//! Survival statistics.
