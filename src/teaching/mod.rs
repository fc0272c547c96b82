//! Attempts of a learner and their comparison with a reference.
//!
//! The reference stays hidden while the learner contours; then overlap, distances and the length of
//! outline still to be corrected are shown with their definitions, never as one composite score.

use crate::contour::Mask;
use crate::geometry::VoxelGrid;
use crate::metrics::{self, Comparison};
use crate::structures::RoiId;

/// Where a learner stands in an exercise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The reference is hidden.
    Contouring,
    /// Both are shown with their differences.
    Comparing,
}

/// An exercise: draw a structure without seeing the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exercise {
    pub reference: RoiId,
    pub attempt: RoiId,
    pub phase: Phase,
}

/// How much was missed and how much was drawn too much.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    pub comparison: Comparison,
    /// Inside the reference, not drawn.
    pub missed_cm3: f64,
    /// Drawn, outside the reference.
    pub extra_cm3: f64,
}

/// Compares an attempt with its reference.
pub fn score(reference: &Mask, attempt: &Mask, grid: &VoxelGrid) -> Score {
    Score {
        comparison: metrics::compare(reference, attempt, grid),
        missed_cm3: reference.difference(attempt).volume_cm3(grid),
        extra_cm3: attempt.difference(reference).volume_cm3(grid),
    }
}
