//! Contours are the truth: rings per slice in mm, filled by the even-odd rule. Masks are derived.
//!
//! A [`Ring`] that nobody edits keeps the points it was imported with, bit for bit, and remembers
//! which contour of the source it came from.

mod band;
mod boolean;
mod brush;
mod components;
mod curve;
mod distance;
mod fingerprint;
mod flood;
mod interpolate;
mod lines;
mod margin;
mod mask;
mod nudge;
mod rasterize;
mod ring;
mod simplify;
mod smooth;
mod tidy;
mod trace;
mod vertices;
mod whole;
mod wire;

pub use band::band_outline;
pub(crate) use boolean::distance_to_segment_mm;
pub use boolean::{BooleanOp, area_mm2, boolean, enclosed, normalized};
pub use brush::{capsule, swept_disc_section, swept_sphere_section};
pub use components::{Components, Run};
pub use curve::closed_curve;
pub(crate) use distance::squared_distances_mm2;
pub use distance::{DistanceField, expand};
pub use fingerprint::{fingerprint, fingerprint_of, mixed, slice_fingerprint};
pub use flood::{FloodReach, flood};
pub use interpolate::{Interpolation, empty_between, interpolate, interpolate_between};
pub use margin::{Margins, grow, shrink};
pub use mask::{Mask, SliceMask};
pub use nudge::nudge;
pub use rasterize::{rasterize, rasterize_slice};
pub use ring::{Ring, SliceContours};
pub use simplify::{simplify, simplify_slice};
pub use smooth::{Smoothing, smooth};
pub use tidy::{fill_holes, islands, keep_islands, largest_island, volume_mm3, without_specks};
pub use trace::{contours_from_mask, contours_from_slice_mask, trace};
pub use vertices::{
    insert_vertex, move_vertex, nearest_edge, nearest_vertex, remove_vertex, ring_at, ring_depths, ring_with_content,
    settled, untangled,
};
pub use whole::{Slices, combine, limited, resolve_overlaps, simplify_slices, without_sources};
pub use wire::Wire;
