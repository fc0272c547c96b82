//! Landmarks and the rules that draw the stations.
//!
//! [`AnatomySources`] holds what is known of a patient: organ masks (none is required beyond body,
//! lungs and airway) and [`Landmarks`] with their sources. [`draw_stations`] turns it into the
//! sixteen masks by the limits of a [`RuleSet`] (`assets/stations`) and per-voxel borders.

mod airway;
mod body;
mod bone;
mod borders;
mod bronchi;
mod case_sources;
mod check;
mod components;
mod ctv;
mod curves;
mod find;
mod image_anatomy;
mod landmarks;
mod lungs;
mod nodes;
mod organ;
mod plane;
mod rule_map;
mod rules;
mod stations;
mod trachea;
mod vessels;
mod windpipe;
mod working;

pub use borders::{Border, borders};
pub use bronchi::{AirwayBranch, Bronchus};
pub use case_sources::{add_structures, case_sources, organ_of_name};
pub use check::{Finding, FindingKind, check_overlaps, check_station, check_stations};
pub use ctv::{CTV_MARGIN_MM, CtvProposal, drawn_bone_rois, drawn_bones, propose_ctv};
pub use curves::trachea_course;
pub use find::find_landmarks;
pub use image_anatomy::{AnatomyError, AnatomyTimes, ImageAnatomy, find_anatomy};
pub use landmarks::{Landmark, LandmarkId, LandmarkSource, Landmarks};
pub use nodes::{LEAST_TOUCH_CM3, NodeCategory, NodeReadout, Side, category_of, read_nodes, side_of_primary};
pub use organ::Organ;
pub use rule_map::{Edge, EdgeKind, SliceEdges};
pub use rules::{Limit, RuleError, RuleSet, StationLimits};
pub use stations::{
    Quality, RuleMap, StationBand, StationError, StationSet, draw_rule_map, draw_stations, ordered_landmarks,
};
pub use trachea::{Trachea, find_trachea};

use crate::contour::Mask;
use crate::geometry::VoxelGrid;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known about the anatomy of one scan.
#[derive(Debug, Clone)]
pub struct AnatomySources {
    pub grid: Arc<VoxelGrid>,
    /// Masks of the organs that are known. The lungs may leave tumor out; see `lung_lesions`.
    pub organs: BTreeMap<Organ, Arc<Mask>>,
    /// Tumor where lung was: not lung any more, and no mediastinum either.
    pub lung_lesions: Option<Arc<Mask>>,
    pub landmarks: Landmarks,
    /// Whether great vessels among the organs were taken from the CT numbers.
    pub vessels_by_numbers: bool,
    pub rules: Arc<RuleSet>,
}

impl AnatomySources {
    /// The mask of an organ if it is known and not empty.
    pub fn organ(&self, organ: Organ) -> Option<&Mask> {
        self.organs.get(&organ).map(|mask| &**mask).filter(|mask| !mask.is_empty())
    }
}
