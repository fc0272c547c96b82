//! The GPU renderer.
