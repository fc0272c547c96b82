//! The place of a recurrence on the planning CT, from copies of all that it takes: for a job, and for the command line.

use super::report::StationsBy;
use crate::contour::{Mask, SliceContours};
use crate::dicom::LoadedOverlay;
use crate::geometry::{PatientPoint, Rigid, VoxelGrid};
use crate::recurrence::{Coverage, Localisation, Moved, PatternLimits, Plan, locate, move_contours, station_coverage};
use crate::structures::{RoiId, Role, Station};
use crate::workbench::Case;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A dose in Gy with the level that counts as treated.
#[derive(Debug, Clone)]
pub struct Treated {
    pub loaded: Arc<LoadedOverlay>,
    /// What counts as 100 %, Gy, and why.
    pub reference_gy: f64,
    pub reference_origin: String,
    /// Of the reference.
    pub isodose_percent: f64,
}

impl Treated {
    pub fn isodose_gy(&self) -> f64 {
        self.isodose_percent / 100.0 * self.reference_gy
    }
}

/// The planning side of the question.
#[derive(Debug, Clone)]
pub struct PlanSide {
    pub grid: Arc<VoxelGrid>,
    pub stations: Box<[Mask; Station::COUNT]>,
    pub stations_by: StationsBy,
    pub ctv: Mask,
    pub ctv_names: Vec<String>,
    pub treated: Option<Treated>,
    pub limits: PatternLimits,
}

impl PlanSide {
    fn plan(&self) -> Plan<'_> {
        Plan {
            grid: &self.grid,
            stations: &self.stations,
            ctv: &self.ctv,
            dose: self.treated.as_ref().map(|t| (&t.loaded.volume, t.isodose_gy())),
        }
    }

    /// What the plan covered of a station; `None` where it is not drawn.
    pub fn coverage(&self, station: Station) -> Option<Coverage> {
        station_coverage(station, &self.plan())
    }
}

/// The masks of a case's stations, in the order of the stations.
pub fn station_masks(case: &Case) -> Box<[Mask; Station::COUNT]> {
    let mask = |n| Station::from_index(n).map_or_else(Mask::default, |s| case.role_mask(Role::Station(s)));
    Box::new(std::array::from_fn(mask))
}

/// Where a recurrence lies.
#[derive(Debug, Clone)]
pub struct Placement {
    pub moved: Moved,
    /// `None` where it lies beyond the planning CT.
    pub found: Option<Localisation>,
    /// The station of the confirmed one is added by [`super::RecurrenceReport`].
    pub plan: PlanSide,
}

/// Moves the contours of a recurrence onto the planning CT and finds its place there.
pub fn place(
    drawn: &BTreeMap<usize, Arc<SliceContours>>,
    followup: &VoxelGrid,
    planning_from_followup: &Rigid,
    plan: PlanSide,
) -> Placement {
    let moved = move_contours(drawn, followup, &plan.grid, planning_from_followup);
    let found = locate(&moved.mask, &plan.plan(), &plan.limits);
    Placement { moved, found, plan }
}

/// Mean of the voxels of a structure; `None` without contours.
pub fn middle(case: &Case, id: RoiId) -> Option<PatientPoint> {
    let (mut sum, mut n) = (glam::DVec3::ZERO, 0.0);
    for (&k, slice) in &case.mask(id).slices {
        for (j, i) in slice.voxels() {
            sum += case.grid().patient_from_voxel(k, j as f64, i as f64);
            n += 1.0;
        }
    }
    (n > 0.0).then(|| sum / n)
}
