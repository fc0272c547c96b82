//! Promises about phantom.
