//! How well two contours of the same structure agree: overlap, surface distances, added path length,
//! borders, and the signed difference along an outline; the values of an overlay inside a structure,
//! and CT numbers inside a circle.
//!
//! Definitions and golden values: Nikolov et al. 2021 (surface DSC, area-weighted surfels as in
//! DeepMind's surface-distance), Vaassen et al. 2020 (added path length). See `tests/metrics.rs`.

mod added_path;
mod along;
mod circle;
mod comparison;
mod overlay_values;
mod slice_difference;
mod surface;

pub use added_path::AddedPath;
pub use along::{OutlinePoint, along_outline, signed_difference_mm};
pub use circle::CircleStatistics;
pub use comparison::{BorderShift, Comparison, SurfaceDsc, compare};
pub use overlay_values::OverlayValues;
pub use slice_difference::SliceDifference;
pub use surface::SurfaceDistances;

/// Distances this close to a tolerance are equal to it, mm.
const TIE_MM: f64 = 1e-9;
