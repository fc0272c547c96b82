//! Attempts and their comparison with a reference.
