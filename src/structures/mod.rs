//! Structure sets: ROIs with name, colour, role and contours, and the sixteen lymph node stations.

mod colors;
mod from_mask;
mod grouping;
mod names;
mod pairs;
mod recipe;
mod roi;
mod station;

pub use colors::{free_color, organ_color, role_color, station_color};
pub use grouping::StationGrouping;
pub use names::{Proposal, free_name, name_key, propose_role};
pub use pairs::{RoiPair, RoiPairs};
pub use recipe::{Derivation, DerivedState, Operation, Recipe};
pub use roi::{Generation, Provenance, Roi, RoiId, Role, SourceRoi, StructureSet};
pub use station::{ParseStationError, Station};
