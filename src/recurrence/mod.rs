//! Where a recurrence lies: its contour of a follow-up CT on the planning CT, the stations that it touches, the pattern by
//! the CTV and by an isodose, and how much of its station the plan covered; for one patient and over many.
//!
//! Everything here is a proposal from contours: a physicist looks at it and confirms the station.

mod locate;
mod moved;
mod summary;

pub use locate::{
    Coverage, Extent, InDose, Localisation, Pattern, PatternLimits, Plan, StationShare, describe_pattern, locate,
    station_coverage,
};
pub use moved::{Moved, move_contours};
pub use summary::{PatientRecurrence, PatternCount, Spread, StationCoverage, Summary, summarise};
