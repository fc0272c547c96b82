//! Contours are the truth: rings per slice in mm, filled by the even-odd rule. Masks are derived.
//!
//! A [`Ring`] that nobody edits keeps the points it was imported with, bit for bit, and remembers
//! which contour of the source it came from.

mod mask;
mod ring;

pub use mask::{Mask, SliceMask};
pub use ring::{Ring, SliceContours};
