//! The features of a case that is being edited: counts per slice, totals on demand.
//!
//! Only the edited slice is counted again. Totals are summed over the slices whenever they are asked for (some
//! microseconds), not carried along as differences: so they never drift, and always equal a full count bit for bit.

use super::clinical::ClinicalValues;
use super::components::Lesion;
use super::counts::{SliceCounts, SliceMasks, count_slice};
use super::vector::{FeatureContext, FeatureVector, Partition, StationPart, TouchRule};
use crate::contour::{Mask, SliceContours, SliceMask};
use crate::geometry::VoxelGrid;
use crate::structures::Station;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The structures of a whole case; fields as in [`SliceMasks`].
#[derive(Debug, Clone, Copy, Default)]
pub struct CaseMasks<'a> {
    pub ctv: Option<&'a Mask>,
    pub gtvp: Option<&'a Mask>,
    pub gtvn: Option<&'a Mask>,
    pub stations: [Option<&'a Mask>; Station::COUNT],
    pub central_zone: Option<&'a Mask>,
    pub gtvp_contours: Option<&'a BTreeMap<usize, Arc<SliceContours>>>,
    pub gtvn_contours: Option<&'a BTreeMap<usize, Arc<SliceContours>>>,
}

/// Voxel counts of every slice of a case, and the features read from them.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveFeatures {
    grid: VoxelGrid,
    /// Slices on which something was counted.
    slices: BTreeMap<usize, SliceCounts>,
    primary: Lesion,
    nodes: Lesion,
}

impl LiveFeatures {
    /// No structure yet.
    pub fn new(grid: &VoxelGrid) -> Self {
        Self { grid: grid.clone(), slices: BTreeMap::new(), primary: Lesion::default(), nodes: Lesion::default() }
    }

    /// Counts every slice of a case.
    pub fn from_masks(grid: &VoxelGrid, case: &CaseMasks) -> Self {
        let mut live = Self::new(grid);
        let keys: BTreeSet<usize> = [case.ctv, case.gtvp, case.gtvn]
            .into_iter()
            .chain(case.stations)
            .flatten()
            .flat_map(|m| m.slices.keys().copied())
            .collect();
        fn slice(mask: Option<&Mask>, k: usize) -> Option<&SliceMask> {
            mask.and_then(|m| m.slices.get(&k)).map(|s| &**s)
        }
        fn rings(contours: Option<&BTreeMap<usize, Arc<SliceContours>>>, k: usize) -> Vec<&SliceContours> {
            contours.and_then(|c| c.get(&k)).map(|c| &**c).into_iter().collect()
        }
        for k in keys {
            let (primary, nodes) = (rings(case.gtvp_contours, k), rings(case.gtvn_contours, k));
            live.update_slice(
                k,
                &SliceMasks {
                    ctv: slice(case.ctv, k),
                    gtvp: slice(case.gtvp, k),
                    gtvn: slice(case.gtvn, k),
                    stations: case.stations.map(|m| slice(m, k)),
                    central_zone: slice(case.central_zone, k),
                    gtvp_contours: &primary,
                    gtvn_contours: &nodes,
                },
            );
        }
        live
    }

    /// Counts slice `k` again; call it for every slice that an edit touched, with all structures on that slice.
    pub fn update_slice(&mut self, k: usize, masks: &SliceMasks) {
        let counts = count_slice(masks);
        if counts.is_empty() {
            self.slices.remove(&k);
        } else {
            self.slices.insert(k, counts);
        }
        self.primary.update_slice(&self.grid, k, masks.gtvp, masks.gtvp_contours);
        self.nodes.update_slice(&self.grid, k, masks.gtvn, masks.gtvn_contours);
    }

    /// The counts of a slice, `None` where nothing is drawn.
    pub fn slice(&self, k: usize) -> Option<&SliceCounts> {
        self.slices.get(&k)
    }

    /// The features as things stand.
    pub fn features(&self, clinical: &ClinicalValues, context: &FeatureContext) -> FeatureVector {
        FeatureVector::new(self.partition(context), clinical, context)
    }

    /// The volumes as things stand.
    pub fn partition(&self, context: &FeatureContext) -> Partition {
        let cm3 = |k: usize| self.grid.voxel_mm3(k) / 1000.0;
        let sum = |count: &dyn Fn(&SliceCounts) -> u32| -> f64 {
            self.slices.iter().map(|(&k, c)| f64::from(count(c)) * cm3(k)).sum()
        };
        let touched = |volume: f64| match context.definition.touch {
            // Room for the rounding of the sums: a volume of exactly the threshold touches.
            TouchRule::Volume(threshold) => volume > 0.0 && volume >= threshold - 1e-9,
            TouchRule::OneVoxel => volume > 0.0,
        };
        let mut stations: Vec<StationPart> = Station::all()
            .map(|station| {
                let s = station.index();
                let (ctv_cm3, gtv_cm3) = (sum(&|c| c.stations[s].ctv), sum(&|c| c.stations[s].gtv));
                StationPart {
                    station,
                    volume_cm3: sum(&|c| c.stations[s].all),
                    ctv_cm3,
                    gtv_cm3,
                    margin_cm3: sum(&|c| c.stations[s].margin),
                    touched_by_ctv: touched(ctv_cm3),
                    touched_by_gtv: touched(gtv_cm3),
                    out_of_scan: false,
                }
            })
            .collect();
        let outside = context.out_of_scan.unwrap_or_else(|| self.inferred_out_of_scan(&stations));
        for (part, outside) in stations.iter_mut().zip(outside) {
            part.out_of_scan = outside;
        }
        let idea = stations.iter().filter(|s| s.touched_by_ctv).fold(0u16, |set, s| set | 1 << s.station.index());
        let lesion = if self.primary.is_empty() { &self.nodes } else { &self.primary };
        let gtvp = sum(&|c| c.gtvp);
        Partition {
            ctv_cm3: sum(&|c| c.ctv),
            gtv_cm3: sum(&|c| c.gtv),
            gtv_outside_ctv_cm3: sum(&|c| c.gtv_outside_ctv),
            idea_cm3: sum(&|c| c.union(idea).0),
            ctv_in_idea_cm3: sum(&|c| c.union(idea).1),
            any_station_cm3: sum(&|c| c.any_station),
            voxel_mm3: self.grid.spacing_i_mm() * self.grid.spacing_j_mm() * self.grid.median_thickness_mm(),
            gtv_max_diameter_mm: lesion.largest_diameter_mm(&self.grid),
            gtv_centroid_x_mm: self.gtv_centroid_x_mm(),
            near_airway: (context.airway_known && gtvp > 0.0).then(|| self.slices.values().any(|c| c.gtvp_central > 0)),
            stations,
        }
    }

    /// Patient x of the centroid of the GTV, each voxel weighted with its volume.
    fn gtv_centroid_x_mm(&self) -> Option<f64> {
        let (mut weight, mut moment) = (0.0, 0.0);
        for (&k, c) in self.slices.iter().filter(|(_, c)| c.gtv > 0) {
            let n = f64::from(c.gtv);
            let center = self.grid.patient_from_voxel(k, c.gtv_rows as f64 / n, c.gtv_columns as f64 / n);
            let w = n * self.grid.voxel_mm3(k);
            weight += w;
            moment += w * center.x;
        }
        (weight > 0.0).then(|| moment / weight)
    }

    /// An empty station lies outside the scan if all of it lies beyond an end slice, as far as the stations that this
    /// slice cuts tell its level.
    fn inferred_out_of_scan(&self, stations: &[StationPart]) -> [bool; Station::COUNT] {
        let last = self.grid.slices() - 1;
        let (top, bottom) = if self.grid.normal().z >= 0.0 { (last, 0) } else { (0, last) };
        let cut = |k: usize| {
            Station::all()
                .filter(move |s| self.slices.get(&k).is_some_and(|c| c.stations[s.index()].all > 0))
                .map(levels)
        };
        // A cut through several stations lies where all of them are; of these levels the scan surely has
        // whatever is below the uppermost (top slice) or above the lowest (bottom slice).
        let (cut_above, cut_below) = (cut(top).map(|l| l.start).max(), cut(bottom).map(|l| l.end).min());
        let mut outside = [false; Station::COUNT];
        for part in stations.iter().filter(|p| p.volume_cm3 <= 0.0) {
            let own = levels(part.station);
            outside[part.station.index()] =
                cut_above.is_some_and(|cut| own.end <= cut) || cut_below.is_some_and(|cut| own.start >= cut);
        }
        outside
    }
}

/// From where to where a station reaches (REFERENCE 2.3, and 2.5 where that is silent), in borders counted from the
/// top: 0 cricoid, 1 manubrium and apex, 2 left brachiocephalic vein at the trachea, 3 top of the aortic arch, 4 its
/// lower border, 5 azygos arch and left pulmonary artery, 6 carina, 7 origins of the upper-lobe bronchi, 8 lower end of
/// 10R, 9 lower border of the bronchus intermedius, 10 lower end of the interlobar region, 11 diaphragm.
fn levels(station: Station) -> std::ops::Range<u8> {
    use Station::{S1L, S1R, S2L, S2R, S3A, S3P, S4L, S4R, S5, S6, S7, S8, S10L, S10R, S11L, S11R};
    match station {
        S1R | S1L => 0..1,
        S2R => 1..2,
        S2L => 1..3,
        S3A | S3P => 1..6,
        S4R => 2..5,
        S4L => 3..5,
        S6 => 3..4,
        S5 => 4..5,
        S10R => 5..8,
        S10L => 5..7,
        S7 => 6..9,
        S11R | S11L => 7..10,
        S8 => 9..11,
    }
}
