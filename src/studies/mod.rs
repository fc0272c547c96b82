//! Long jobs over many capabilities.
