//! Station contours held against the rules: how far they reach beyond a border or stop short of it, in mm and slices.
//!
//! A finding says where contours and rules differ and on which border and landmark the rule rests. Who of both is right,
//! it does not say: the landmarks may be estimated, and a clinic may draw by another map.

use super::borders::borders;
use super::rule_map::{Edge, EdgeKind};
use super::stations::RuleMap;
use super::{AnatomySources, LandmarkId, LandmarkSource, Organ};
use crate::contour::{Mask, SliceMask};
use crate::geometry::{PatientPoint, VoxelGrid};
use crate::structures::Station;
use crate::tf;
use crate::words::{t, told};
use rayon::prelude::*;

/// Differences within a slice up to this are within what readers differ by, mm.
pub const TOLERANCE_MM: f64 = 3.0;
/// As much of a slice must differ, mm2.
const LEAST_MM2: f64 = 20.0;
/// A slice of the rules that holds no disc of this radius is a sliver that may well be left out, mm.
const CORE_MM: f64 = 4.0;
/// What is left out of a slice counts where it holds a disc of this radius, mm.
const LEFT_OUT_MM: f64 = 2.0;
/// Overlaps and gaps from this volume on, cm3.
const LEAST_CM3: f64 = 0.1;

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// The rules have the station in this scan, and there is no contour of it.
    Absent,
    /// The limit toward the head.
    Superior,
    /// The limit toward the feet.
    Inferior,
    /// Slices between contours without one, where the rules have the station.
    Missing,
    /// A border within the slices, by its number in [`borders`].
    Border(u8),
    /// The same voxels belong to another station too.
    Overlap(Station),
    /// Between the station and another one lies tissue that the rules give to one of them.
    Gap(Station),
    /// An organ that no station takes.
    Organ(Organ),
}

/// A place where contours and rules differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub station: Station,
    pub kind: FindingKind,
    /// Beyond the border (positive) or short of it (negative), mm; for overlaps, gaps and organs their volume in cm3.
    pub amount: f64,
    /// Slices on which it is so, ascending.
    pub slices: Vec<usize>,
    /// Where it is most so.
    pub at: PatientPoint,
    /// What the limit rests on.
    pub landmark: Option<(LandmarkId, LandmarkSource)>,
    /// The limit of the rules in words, for [`FindingKind::Superior`] and [`FindingKind::Inferior`].
    pub limit: String,
}

impl Finding {
    /// A sentence for people; `rules` is the name of the rules.
    pub fn words(&self, rules: &str) -> String {
        let station = self.station.label();
        let mm = format!("{:.0} mm", self.amount.abs());
        let cm3 = format!("{:.1} cm³", self.amount);
        let slices = match self.slices.len() {
            1 => t("1 slice").to_owned(),
            n => tf!("{n} slices", n),
        };
        let limit = told(&self.limit);
        let beyond = self.amount > 0.0;
        let what = match self.kind {
            FindingKind::Absent => tf!("{station} has no contour; the rules have it on {slices}", station, slices),
            FindingKind::Superior if beyond => {
                tf!("{station} reaches {mm} above its upper limit, {limit} ({slices})", station, mm, limit, slices)
            }
            FindingKind::Superior => {
                tf!("{station} ends {mm} below its upper limit, {limit} ({slices})", station, mm, limit, slices)
            }
            FindingKind::Inferior if beyond => {
                tf!("{station} reaches {mm} below its lower limit, {limit} ({slices})", station, mm, limit, slices)
            }
            FindingKind::Inferior => {
                tf!("{station} ends {mm} above its lower limit, {limit} ({slices})", station, mm, limit, slices)
            }
            FindingKind::Missing => tf!("{station} has no contour on {slices} between others", station, slices),
            FindingKind::Border(n) => {
                let border = told(borders(self.station)[usize::from(n)].text);
                if beyond {
                    tf!(
                        "{station} reaches up to {mm} beyond its border \"{border}\" on {slices}",
                        station,
                        mm,
                        border,
                        slices
                    )
                } else {
                    tf!(
                        "{station} stays up to {mm} short of its border \"{border}\" on {slices}",
                        station,
                        mm,
                        border,
                        slices
                    )
                }
            }
            FindingKind::Overlap(other) => {
                tf!("{station} and {other} share {cm3} on {slices}", station, other = other.label(), cm3, slices)
            }
            FindingKind::Gap(other) => {
                tf!(
                    "between {station} and {other} {cm3} belong to neither on {slices}",
                    station,
                    other = other.label(),
                    cm3,
                    slices
                )
            }
            FindingKind::Organ(organ) => {
                tf!(
                    "{station} takes in {cm3} of {organ} on {slices}",
                    station,
                    cm3,
                    organ = organ.export_name(),
                    slices
                )
            }
        };
        match self.landmark {
            Some((id, source)) => {
                tf!(
                    "{what}; {rules}, {landmark} {source}",
                    what,
                    rules,
                    landmark = told(id.label()),
                    source = told(source.words())
                )
            }
            None => tf!("{what}; {rules}", what, rules),
        }
    }

    /// Order of a list: what differs most comes first, volumes counted as spheres of that volume.
    pub fn weight(&self) -> f64 {
        match self.kind {
            FindingKind::Absent => f64::INFINITY,
            FindingKind::Overlap(_) | FindingKind::Gap(_) | FindingKind::Organ(_) => 10.0 * self.amount.abs().cbrt(),
            _ => self.amount.abs(),
        }
    }
}

/// Holds the contours of one station (its mask on the grid of the sources) against the rules: limits and borders.
pub fn check_station(map: &RuleMap, grid: &VoxelGrid, station: Station, mask: &Mask) -> Vec<Finding> {
    let rules = &map.stations.masks[station.index()];
    if mask.is_empty() {
        return absent(map, grid, station).into_iter().collect();
    }
    let mut found = limits(map, grid, station, mask);
    let both: Vec<usize> = mask.slices.keys().copied().filter(|k| rules.slices.contains_key(k)).collect();
    if let (Some(first), Some(last)) = (mask.slices.keys().next(), mask.slices.keys().next_back()) {
        let between = rules.slices.iter().filter(|(k, _)| *k > first && *k < last && !mask.slices.contains_key(*k));
        let missing: Vec<usize> = between.filter(|(_, slice)| has_core(grid, slice)).map(|(k, _)| *k).collect();
        if let Some(&k) = missing.get(missing.len() / 2) {
            let at = middle(grid, k, &rules.slices[&k]);
            let amount = -missing.iter().map(|k| grid.thickness_mm(*k)).sum::<f64>();
            found.push(Finding {
                station,
                kind: FindingKind::Missing,
                amount,
                slices: missing,
                at,
                landmark: None,
                limit: String::new(),
            });
        }
    }
    let measured: Vec<Vec<Difference>> = both
        .par_iter()
        .map(|&k| {
            let edges = &map.edges[k][station.index()];
            differences(grid, k, &mask.slices[&k], &around(grid, rules, k), edges)
        })
        .collect();
    found.extend(summed(grid, station, measured.into_iter().flatten()));
    found
}

/// Overlaps of stations with each other and with organs, and gaps between neighbours.
pub fn check_overlaps(map: &RuleMap, sources: &AnatomySources, masks: &[Mask; Station::COUNT]) -> Vec<Finding> {
    let grid = &sources.grid;
    let mut found = Vec::new();
    for a in Station::all() {
        for b in Station::all().filter(|b| b.index() > a.index()) {
            let both = masks[a.index()].intersection(&masks[b.index()]);
            found.extend(volume(grid, a, FindingKind::Overlap(b), &both));
        }
        for (organ, mask) in &sources.organs {
            if *organ == Organ::Airway || organ.is_cut_out() || is_lung(*organ) {
                let both = masks[a.index()].intersection(mask);
                found.extend(volume(grid, a, FindingKind::Organ(*organ), &both));
            }
        }
    }
    found.extend(gaps(map, grid, masks));
    found
}

/// The whole check, what differs most first.
pub fn check_stations(map: &RuleMap, sources: &AnatomySources, masks: &[Mask; Station::COUNT]) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        Station::all().flat_map(|s| check_station(map, &sources.grid, s, &masks[s.index()])).collect();
    found.extend(check_overlaps(map, sources, masks));
    found.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
    found
}

fn is_lung(organ: Organ) -> bool {
    matches!(organ, Organ::LungRight | Organ::LungLeft)
}

fn absent(map: &RuleMap, grid: &VoxelGrid, station: Station) -> Option<Finding> {
    let rules = &map.stations.masks[station.index()];
    let slices: Vec<usize> = rules.slices.keys().copied().collect();
    let k = *slices.get(slices.len() / 2)?;
    let amount = -slices.iter().map(|k| grid.thickness_mm(*k)).sum::<f64>();
    let at = middle(grid, k, &rules.slices[&k]);
    Some(Finding { station, kind: FindingKind::Absent, amount, slices, at, landmark: None, limit: String::new() })
}

/// The middle of a slice of a mask.
fn middle(grid: &VoxelGrid, k: usize, slice: &SliceMask) -> PatientPoint {
    let (mut j_sum, mut i_sum, mut n) = (0.0, 0.0, 0.0);
    for (j, i) in slice.voxels() {
        (j_sum, i_sum, n) = (j_sum + j as f64, i_sum + i as f64, n + 1.0);
    }
    let n: f64 = if n > 0.0 { n } else { 1.0 };
    grid.patient_from_voxel(k, j_sum / n, i_sum / n)
}

/// Rows and columns from the middle of a disc to each of its voxels.
fn disc(grid: &VoxelGrid, radius_mm: f64) -> Vec<(isize, isize)> {
    let (ri, rj) = (radius_mm / grid.spacing_i_mm(), radius_mm / grid.spacing_j_mm());
    let mut all: Vec<(isize, isize)> = Vec::new();
    for dj in -(rj as isize)..=rj as isize {
        for di in -(ri as isize)..=ri as isize {
            if (dj as f64 / rj).hypot(di as f64 / ri) <= 1.0 + 1e-9 {
                all.push((dj, di));
            }
        }
    }
    all
}

/// The middles of the discs that fit into a slice.
fn cores<'a>(slice: &'a SliceMask, disc: &'a [(isize, isize)]) -> impl Iterator<Item = (usize, usize)> + 'a {
    slice.voxels().filter(move |&(j, i)| {
        let fits = |&(dj, di): &(isize, isize)| {
            j.checked_add_signed(dj).zip(i.checked_add_signed(di)).is_some_and(|(j, i)| slice.get(j, i))
        };
        disc.iter().all(fits)
    })
}

/// True if a slice is more than a sliver.
fn has_core(grid: &VoxelGrid, slice: &SliceMask) -> bool {
    cores(slice, &disc(grid, CORE_MM)).next().is_some()
}

/// What is left of a slice without parts that are thinner than a disc.
fn opened(grid: &VoxelGrid, slice: &SliceMask, radius_mm: f64) -> SliceMask {
    let disc = disc(grid, radius_mm);
    let mut out = SliceMask::with_rows(slice.columns(), slice.row_range().start, slice.row_range().len());
    for (j, i) in cores(slice, &disc) {
        for &(dj, di) in &disc {
            // Within the slice: the disc fits.
            out.set(j.saturating_add_signed(dj), i.saturating_add_signed(di));
        }
    }
    out
}

fn pixel_mm2(grid: &VoxelGrid) -> f64 {
    grid.spacing_i_mm() * grid.spacing_j_mm()
}

/// Contours above the upper and below the lower limit, and ends that stay short of where the rules end.
fn limits(map: &RuleMap, grid: &VoxelGrid, station: Station, mask: &Mask) -> Vec<Finding> {
    let rules = &map.stations.masks[station.index()];
    let landmarks = &map.stations.landmarks;
    let row = map.stations.rules.station(station);
    let half = grid.median_thickness_mm() / 2.0;
    let z = |k: usize| grid.patient_from_voxel(k, 0.0, 0.0).z;
    let large = |slice: &SliceMask| slice.count() as f64 * pixel_mm2(grid) >= LEAST_MM2;
    let mut found = Vec::new();
    for (superior, limit) in [(true, &row.superior), (false, &row.inferior)] {
        let sign = if superior { 1.0 } else { -1.0 };
        let kind = if superior { FindingKind::Superior } else { FindingKind::Inferior };
        // Beyond: voxels past the limit of their column.
        let mut slices = Vec::new();
        let mut worst: Option<(f64, usize, PatientPoint)> = None;
        for (&k, slice) in &mask.slices {
            let mut beyond = SliceMask::with_rows(slice.columns(), slice.row_range().start, slice.row_range().len());
            let mut most = 0.0_f64;
            for (j, i) in slice.voxels() {
                let p = grid.patient_from_voxel(k, j as f64, i as f64);
                let by = limit.height(landmarks, superior, p.x).map_or(0.0, |(h, _)| sign * (p.z - h));
                // A slice whose middle lies within half of its thickness of the limit is cut by it.
                if by > half {
                    beyond.set(j, i);
                    most = most.max(by);
                }
            }
            if large(&beyond) {
                slices.push(k);
                if worst.is_none_or(|(by, ..)| most > by) {
                    worst = Some((most, k, middle(grid, k, &beyond)));
                }
            }
        }
        // Short: the last slices of the rules have no contour.
        let most_out = |mask: &Mask, counts: &dyn Fn(&SliceMask) -> bool| {
            let ends = mask.slices.iter().filter(|(_, s)| counts(s)).map(|(k, _)| *k);
            ends.max_by(|a, b| (sign * z(*a)).total_cmp(&(sign * z(*b))))
        };
        let ends = (most_out(mask, &|s| !s.is_empty()), most_out(rules, &|s| has_core(grid, s)));
        if let (None, (Some(end), Some(goal))) = (worst, ends) {
            let short: Vec<usize> = rules
                .slices
                .keys()
                .copied()
                .filter(|k| sign * z(*k) > sign * z(end) && sign * z(*k) <= sign * z(goal))
                .collect();
            let by = sign * (z(goal) - z(end));
            // One slice is within what drawing on slices can tell.
            if short.len() > 1 {
                let at = middle(grid, goal, &rules.slices[&goal]);
                worst = Some((-by, goal, at));
                slices = short;
            }
        } else if slices.len() < 2 && worst.is_some_and(|(by, ..)| by <= half + TOLERANCE_MM) {
            worst = None;
        }
        if let Some((amount, _, at)) = worst {
            let decides = limit.height(landmarks, superior, at.x).map(|(_, id)| id);
            let landmark = decides.and_then(|id| Some((id, landmarks.get(id)?.source)));
            found.push(Finding { station, kind, amount, slices, at, landmark, limit: limit.text.clone() });
        }
    }
    found
}

/// A border on one slice.
struct Difference {
    k: usize,
    border: u8,
    /// Beyond (positive) or short (negative), mm.
    mm: f64,
    at: PatientPoint,
}

/// A station of the rules on a slice, and on it and its neighbours: a border may run anywhere between two slices.
struct Around {
    here: SliceMask,
    any: SliceMask,
    all: SliceMask,
}

fn around(grid: &VoxelGrid, rules: &Mask, k: usize) -> Around {
    let here = &rules.slices[&k];
    let mut around = Around { here: (**here).clone(), any: (**here).clone(), all: (**here).clone() };
    for next in [k.checked_sub(1), Some(k + 1)].into_iter().flatten().filter(|k| *k < grid.slices()) {
        if (grid.position_mm(next) - grid.position_mm(k)).abs() > 2.0 * TOLERANCE_MM {
            continue;
        }
        let empty = SliceMask::with_rows(here.columns(), here.row_range().start, 0);
        let other = rules.slices.get(&next).map_or(&empty, |slice| slice);
        around.any = around.any.combine(other, |a, b| a | b);
        around.all = around.all.combine(other, |a, b| a & b);
    }
    around
}

/// How far a slice reaches beyond the borders of the rules or stays short of them: from every edge along its direction,
/// outward to the end of the contours, or inward to where they begin.
fn differences(grid: &VoxelGrid, k: usize, tested: &SliceMask, rules: &Around, edges: &[Edge]) -> Vec<Difference> {
    let pixel = pixel_mm2(grid).sqrt();
    let z = grid.patient_from_voxel(k, 0.0, 0.0).z;
    let left_out = opened(grid, &rules.all.combine(tested, |a, b| a & !b), LEFT_OUT_MM);
    let mut lengths: std::collections::BTreeMap<u8, f64> = std::collections::BTreeMap::new();
    let mut offsets: std::collections::BTreeMap<(u8, bool), Vec<(f64, PatientPoint)>> =
        std::collections::BTreeMap::new();
    for edge in edges {
        let EdgeKind::Border(n) = edge.kind else { continue };
        let start = PatientPoint::new(edge.at[0], edge.at[1], z);
        let out = PatientPoint::new(edge.out[0], edge.out[1], 0.0);
        let inside = |mask: &SliceMask, mm: f64| {
            let at = grid.voxel_from_patient(start + out * mm).round();
            at.y >= 0.0 && at.z >= 0.0 && mask.get(at.y as usize, at.z as usize)
        };
        *lengths.entry(n).or_default() += pixel;
        // The middles of steps of half a voxel, from the edge.
        let step = pixel / 2.0;
        let steps = |sign: f64, goes_on: &dyn Fn(f64) -> bool, counts: &dyn Fn(f64) -> bool| {
            let places = (0..400).map(|m| sign * (f64::from(m) + 0.5) * step).take_while(|mm| goes_on(*mm));
            sign * step * places.filter(|mm| counts(*mm)).count() as f64
        };
        let mm = if inside(tested, step / 2.0) {
            steps(1.0, &|mm| inside(tested, mm), &|mm| !inside(&rules.any, mm))
        } else {
            let goes_on = |mm: f64| !inside(tested, mm) && inside(&rules.here, mm);
            steps(-1.0, &goes_on, &|mm| inside(&left_out, mm))
        };
        if mm.abs() > TOLERANCE_MM {
            offsets.entry((n, mm > 0.0)).or_default().push((mm, start + out * mm));
        }
    }
    let mut found = Vec::new();
    for ((border, _), mut of_border) in offsets {
        // A few voxels are the steps of the grid.
        let least = (lengths[&border] / 2.0).min(10.0);
        if of_border.len() as f64 * pixel < least.max(2.0 * pixel) {
            continue;
        }
        of_border.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
        let (mm, at) = of_border[(of_border.len() * 9 / 10).min(of_border.len() - 1)];
        found.push(Difference { k, border, mm, at });
    }
    found
}

/// One finding for every border and direction.
fn summed(grid: &VoxelGrid, station: Station, all: impl Iterator<Item = Difference>) -> Vec<Finding> {
    let mut found: std::collections::BTreeMap<(u8, bool), Finding> = std::collections::BTreeMap::new();
    for d in all {
        let finding = found.entry((d.border, d.mm > 0.0)).or_insert_with(|| Finding {
            station,
            kind: FindingKind::Border(d.border),
            amount: 0.0,
            slices: Vec::new(),
            at: d.at,
            landmark: None,
            limit: String::new(),
        });
        finding.slices.push(d.k);
        if d.mm.abs() > finding.amount.abs() {
            finding.amount = d.mm;
            finding.at = d.at;
        }
    }
    // On a single thin slice it may be the step between two slices.
    let thick = |f: &Finding| f.slices.iter().map(|k| grid.thickness_mm(*k)).sum::<f64>() > 3.5;
    found.into_values().filter(thick).collect()
}

fn volume(grid: &VoxelGrid, station: Station, kind: FindingKind, mask: &Mask) -> Option<Finding> {
    let cm3 = mask.volume_cm3(grid);
    if cm3 < LEAST_CM3 {
        return None;
    }
    let (&k, slice) = mask.slices.iter().max_by_key(|(_, slice)| slice.count())?;
    let slices = mask.slices.iter().filter(|(_, s)| !s.is_empty()).map(|(k, _)| *k).collect();
    Some(Finding {
        station,
        kind,
        amount: cm3,
        slices,
        at: nearest_inside(grid, k, slice),
        landmark: None,
        limit: String::new(),
    })
}

/// The voxel of a slice that is nearest to its middle: a middle may lie outside.
fn nearest_inside(grid: &VoxelGrid, k: usize, slice: &SliceMask) -> PatientPoint {
    let middle = middle(grid, k, slice);
    let places = slice.voxels().map(|(j, i)| grid.patient_from_voxel(k, j as f64, i as f64));
    places.min_by(|a, b| a.distance_squared(middle).total_cmp(&b.distance_squared(middle))).unwrap_or(middle)
}

/// Tissue that the rules give to a station, that no contour takes, and that touches two stations.
fn gaps(map: &RuleMap, grid: &VoxelGrid, masks: &[Mask; Station::COUNT]) -> Vec<Finding> {
    let per_slice: Vec<Vec<(Station, Station, SliceMask)>> =
        (0..grid.slices()).into_par_iter().map(|k| slice_gaps(map, grid, masks, k)).collect();
    let mut pairs: std::collections::BTreeMap<(Station, Station), Mask> = std::collections::BTreeMap::new();
    for (k, found) in per_slice.into_iter().enumerate() {
        for (a, b, slice) in found {
            let mask = pairs.entry((a, b)).or_default();
            let all = match mask.slices.get(&k) {
                Some(known) => known.combine(&slice, |x, y| x | y),
                None => slice,
            };
            mask.slices.insert(k, std::sync::Arc::new(all));
        }
    }
    pairs.into_iter().filter_map(|((a, b), mask)| volume(grid, a, FindingKind::Gap(b), &mask)).collect()
}

fn slice_gaps(
    map: &RuleMap,
    grid: &VoxelGrid,
    masks: &[Mask; Station::COUNT],
    k: usize,
) -> Vec<(Station, Station, SliceMask)> {
    let (rows, columns) = (grid.rows(), grid.columns());
    let mut labels = vec![0u8; rows * columns];
    let mut any = false;
    for (n, mask) in masks.iter().enumerate() {
        for (j, i) in mask.slices.get(&k).into_iter().flat_map(|s| s.voxels()) {
            labels[j * columns + i] = n as u8 + 1;
            any = true;
        }
    }
    if !any {
        return Vec::new();
    }
    let mut free: Vec<usize> = Vec::new();
    for mask in &map.stations.masks {
        let voxels = mask.slices.get(&k).into_iter().flat_map(|s| s.voxels());
        free.extend(voxels.map(|(j, i)| j * columns + i).filter(|at| labels[*at] == 0));
    }
    free.sort_unstable();
    let mut out = Vec::new();
    for part in super::plane::components(&free, columns, rows) {
        if (part.len() as f64) * pixel_mm2(grid) < LEAST_MM2 {
            continue;
        }
        // Stations beside the part, by the length along which they touch it.
        let mut beside = [0usize; Station::COUNT + 1];
        for &at in &part {
            let (j, i) = (at / columns, at % columns);
            let next = [
                (j > 0).then(|| at - columns),
                (j + 1 < rows).then(|| at + columns),
                (i > 0).then(|| at - 1),
                (i + 1 < columns).then(|| at + 1),
            ];
            next.into_iter().flatten().for_each(|n| beside[usize::from(labels[n])] += 1);
        }
        let mut touching: Vec<(usize, Station)> =
            Station::all().map(|s| (beside[s.index() + 1], s)).filter(|(n, _)| *n > 1).collect();
        touching.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        if let [(_, a), (_, b), ..] = touching[..] {
            let (a, b) = (a.min(b), a.max(b));
            let first = part.iter().map(|at| at / columns).min().unwrap_or(0);
            let last = part.iter().map(|at| at / columns).max().unwrap_or(0);
            let mut slice = SliceMask::with_rows(columns, first, last + 1 - first);
            for at in &part {
                slice.set(at / columns, at % columns);
            }
            out.push((a, b, slice));
        }
    }
    out
}
