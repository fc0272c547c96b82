//! The synthetic thorax.
