//! Contour quality metrics.
