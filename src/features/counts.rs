//! Voxel counts of one slice: everything that the features need to know about it.

use super::components::runs;
use crate::contour::{SliceContours, SliceMask};
use crate::structures::Station;
use std::collections::BTreeMap;

/// The structures on one slice. GTVp, GTVn, CTV and each station are unions over all ROIs of that role.
#[derive(Debug, Clone, Copy, Default)]
pub struct SliceMasks<'a> {
    pub ctv: Option<&'a SliceMask>,
    pub gtvp: Option<&'a SliceMask>,
    pub gtvn: Option<&'a SliceMask>,
    /// By [`Station::index`].
    pub stations: [Option<&'a SliceMask>; Station::COUNT],
    /// The airway grown by [`super::CENTRAL_DISTANCE_MM`]; a primary tumour that reaches into it is central.
    pub central_zone: Option<&'a SliceMask>,
    /// Contours of all primary tumour ROIs, for the diameter.
    pub gtvp_contours: &'a [&'a SliceContours],
    /// Contours of all node ROIs.
    pub gtvn_contours: &'a [&'a SliceContours],
}

/// Voxels of one station on one slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StationCounts {
    pub all: u32,
    pub ctv: u32,
    pub gtv: u32,
    /// In the CTV but not in the GTV.
    pub margin: u32,
}

/// Voxels that lie in exactly this set of two or more stations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// Bit s = station of index s.
    pub set: u16,
    pub all: u32,
    pub ctv: u32,
}

/// Voxel counts of one slice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SliceCounts {
    pub ctv: u32,
    pub gtv: u32,
    pub gtv_outside_ctv: u32,
    pub gtvp: u32,
    /// Primary tumour within the central zone.
    pub gtvp_central: u32,
    /// Sums of the row and column indices of the GTV voxels.
    pub gtv_rows: u64,
    pub gtv_columns: u64,
    /// In at least one station.
    pub any_station: u32,
    pub stations: [StationCounts; Station::COUNT],
    /// Voxels of several stations by their set, ordered by set; empty for disjoint stations.
    pub overlaps: Vec<Overlap>,
}

impl SliceCounts {
    /// Nothing of interest on the slice.
    pub fn is_empty(&self) -> bool {
        self.ctv == 0 && self.gtv == 0 && self.any_station == 0
    }

    /// Voxels, and voxels in the CTV, of the union of a set of stations.
    pub fn union(&self, set: u16) -> (u32, u32) {
        let (mut all, mut ctv) = (0, 0);
        for (s, counts) in self.stations.iter().enumerate() {
            if set >> s & 1 == 1 {
                all += counts.all;
                ctv += counts.ctv;
            }
        }
        // A voxel of several stations of the set was counted once for each.
        for overlap in &self.overlaps {
            let extra = (overlap.set & set).count_ones().saturating_sub(1);
            all -= extra * overlap.all;
            ctv -= extra * overlap.ctv;
        }
        (all, ctv)
    }
}

fn row(mask: Option<&SliceMask>, j: usize) -> &[u64] {
    mask.map_or(&[], |m| m.row(j))
}

fn word(row: &[u64], w: usize) -> u64 {
    row.get(w).copied().unwrap_or(0)
}

/// Counts one slice by the words of its masks.
pub fn count_slice(masks: &SliceMasks) -> SliceCounts {
    let mut counts = SliceCounts::default();
    let present: Vec<(usize, &SliceMask)> =
        masks.stations.iter().enumerate().filter_map(|(s, m)| m.map(|m| (s, m))).collect();
    let all_masks = || present.iter().map(|(_, m)| *m).chain([masks.ctv, masks.gtvp, masks.gtvn].into_iter().flatten());
    let used = |m: &&SliceMask| !m.row_range().is_empty();
    let first = all_masks().filter(used).map(|m| m.row_range().start).min().unwrap_or(0);
    let last = all_masks().filter(used).map(|m| m.row_range().end).max().unwrap_or(0);
    let words = all_masks().map(|m| m.columns().div_ceil(64)).max().unwrap_or(0);

    let mut overlaps: BTreeMap<u16, (u32, u32)> = BTreeMap::new();
    let mut rows: Vec<(usize, &[u64])> = Vec::with_capacity(present.len());
    for j in first..last {
        let (ctv, gtvp, gtvn, zone) =
            (row(masks.ctv, j), row(masks.gtvp, j), row(masks.gtvn, j), row(masks.central_zone, j));
        rows.clear();
        rows.extend(present.iter().map(|(s, m)| (*s, m.row(j))).filter(|(_, r)| !r.is_empty()));
        for w in 0..words {
            let (c, p) = (word(ctv, w), word(gtvp, w));
            let g = p | word(gtvn, w);
            if c | g != 0 {
                counts.ctv += c.count_ones();
                counts.gtv += g.count_ones();
                counts.gtv_outside_ctv += (g & !c).count_ones();
                counts.gtvp += p.count_ones();
                counts.gtvp_central += (p & word(zone, w)).count_ones();
            }
            let (mut any, mut several) = (0u64, 0u64);
            for (s, r) in &rows {
                let m = word(r, w);
                if m == 0 {
                    continue;
                }
                several |= any & m;
                any |= m;
                let station = &mut counts.stations[*s];
                station.all += m.count_ones();
                station.ctv += (m & c).count_ones();
                station.gtv += (m & g).count_ones();
                station.margin += (m & c & !g).count_ones();
            }
            counts.any_station += any.count_ones();
            while several != 0 {
                let bit = several.trailing_zeros();
                several &= several - 1;
                let set = rows.iter().fold(0u16, |set, (s, r)| set | u16::from(word(r, w) >> bit & 1 == 1) << s);
                let entry = overlaps.entry(set).or_default();
                entry.0 += 1;
                entry.1 += (c >> bit & 1) as u32;
            }
        }
    }
    counts.overlaps = overlaps.into_iter().map(|(set, (all, ctv))| Overlap { set, all, ctv }).collect();
    let gtv = match (masks.gtvp, masks.gtvn) {
        (Some(p), Some(n)) => runs(&p.combine(n, |a, b| a | b)),
        (Some(m), None) | (None, Some(m)) => runs(m),
        (None, None) => Vec::new(),
    };
    for run in gtv {
        let (a, b) = (run.start as u64, run.end as u64);
        counts.gtv_rows += run.row as u64 * (b - a);
        counts.gtv_columns += (a + b - 1) * (b - a) / 2;
    }
    counts
}
