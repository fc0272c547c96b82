//! From masks to the CTV and to the structure set with its rings.

use super::render::Painted;
use super::variation::Observer;
use crate::anatomy::Organ;
use crate::contour::{Mask, contours_from_mask};
use crate::geometry::VoxelGrid;
use crate::progress::{Cancelled, Progress};
use crate::structures::{Provenance, Roi, Role, Station, StructureSet, organ_color, role_color};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A neighbor of each station that observers like to include.
const NEIGHBORS: [Station; Station::COUNT] = [
    Station::S2R,
    Station::S2L,
    Station::S4R,
    Station::S4L,
    Station::S6,
    Station::S2R,
    Station::S2R,
    Station::S5,
    Station::S6,
    Station::S5,
    Station::S4R,
    Station::S7,
    Station::S7,
    Station::S7,
    Station::S10R,
    Station::S10L,
];

/// GTV, its margin, and the part of every involved station near the involved nodes, or what else the observer includes.
pub fn ctv(painted: &Painted, stations: &[Mask; Station::COUNT], involved: &[Station], observer: &Observer) -> Mask {
    let mut ctv = painted.gtvp.union(&painted.gtvn).union(&painted.ctv);
    for station in involved {
        let whole = &stations[station.index()];
        if observer.whole_stations {
            ctv = ctv.union(whole);
        } else if !observer.nodes_only {
            ctv = ctv.union(&whole.intersection(&painted.near_node));
        }
    }
    if observer.neighbor
        && let Some(station) = involved.first()
    {
        ctv = ctv.union(&stations[NEIGHBORS[station.index()].index()]);
    }
    ctv
}

/// All masks of a phantom.
pub struct Parts<'a> {
    pub grid: &'a VoxelGrid,
    pub gtvp: &'a Mask,
    pub gtvn: &'a Mask,
    pub ctv: &'a Mask,
    pub stations: &'a [Mask; Station::COUNT],
    pub organs: &'a BTreeMap<Organ, Arc<Mask>>,
}

/// The structure set: targets, stations, organs. Empty targets stay in the list, empty organs do not.
pub fn structure_set(seed: u64, parts: &Parts<'_>, progress: &dyn Progress) -> Result<StructureSet, Cancelled> {
    let mut list: Vec<(String, Role, [u8; 3], &Mask)> = vec![
        ("GTVp".into(), Role::Gtvp, role_color(Role::Gtvp), parts.gtvp),
        ("GTVn".into(), Role::Gtvn, role_color(Role::Gtvn), parts.gtvn),
        ("CTV".into(), Role::Ctv, role_color(Role::Ctv), parts.ctv),
    ];
    for station in Station::all() {
        let role = Role::Station(station);
        list.push((station.export_name().into(), role, role_color(role), &parts.stations[station.index()]));
    }
    for (&organ, mask) in parts.organs {
        if !mask.is_empty() {
            let name = organ.export_name();
            list.push((name.into(), Role::Organ, organ_color(name), mask));
        }
    }
    let total = list.len();
    let mut set = StructureSet::default();
    // In groups, so that a cancelled job ends soon.
    for group in list.chunks(6) {
        progress.checkpoint()?;
        progress.report(crate::words::t("Outlining"), set.rois.len(), total);
        let rings: Vec<_> = group.par_iter().map(|(_, _, _, mask)| contours_from_mask(parts.grid, mask)).collect();
        for ((name, role, color, _), slices) in group.iter().zip(rings) {
            let mut roi = Roi::new(set.next_id(), name.clone(), *color, *role, Provenance::Phantom { seed });
            roi.slices = slices;
            set.rois.push(roi);
        }
    }
    progress.report(crate::words::t("Outlining"), total, total);
    Ok(set)
}
