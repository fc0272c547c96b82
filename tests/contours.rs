//! Promises about contours.
