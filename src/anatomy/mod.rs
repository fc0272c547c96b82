//! Landmarks and the rules that draw the stations.
mod ctv;
mod trachea;

pub use ctv::{CTV_MARGIN_MM, CtvProposal, propose_ctv};
pub use trachea::{Trachea, find_trachea};
