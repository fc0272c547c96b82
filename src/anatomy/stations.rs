//! Draws the sixteen stations: limits along z, borders in the slice, order of conflict, clean-up.

use super::borders::{Slice, Voxel, borders};
use super::curves::{SliceCurves, measure_all};
use super::plane::{OrganPlane, components};
use super::rule_map::{SliceEdges, edges};
use super::rules::RuleSet;
use super::{AnatomySources, Landmark, LandmarkId, LandmarkSource, Landmarks, Organ};
use crate::contour::{Mask, SliceMask};
use crate::structures::Station;
use rayon::prelude::*;
use std::sync::Arc;

/// On what the stations rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Quality {
    /// Great vessels and all landmarks are known.
    Organs,
    /// A landmark stands at its usual distance from the carina.
    EstimatedLandmarks,
    /// Great vessels were told from fat by their CT numbers.
    VesselsByNumbers,
    /// No great vessels: straight lines stand in for their borders.
    AirwayOnly,
}

impl Quality {
    /// For the user.
    pub fn label(self) -> &'static str {
        match self {
            Self::Organs => "from organs and landmarks",
            Self::EstimatedLandmarks => "some landmarks estimated",
            Self::VesselsByNumbers => "organs taken from CT numbers, some landmarks estimated",
            Self::AirwayOnly => "airway only, great vessels not known",
        }
    }
}

/// The limits along z that a station was given, and the landmarks that made them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StationBand {
    /// mm in the patient. For an oblique limit, its extreme.
    pub superior_mm: f64,
    pub superior: LandmarkId,
    pub inferior_mm: f64,
    pub inferior: LandmarkId,
    pub estimated: bool,
}

/// The stations of one scan.
#[derive(Debug, Clone)]
pub struct StationSet {
    pub masks: [Mask; Station::COUNT],
    pub quality: Quality,
    pub bands: [StationBand; Station::COUNT],
    /// The landmarks used, those that were missing estimated.
    pub landmarks: Landmarks,
    pub rules: Arc<RuleSet>,
}

/// The stations of a scan with what ends each of them, for checks of other contours.
#[derive(Debug, Clone)]
pub struct RuleMap {
    pub stations: StationSet,
    /// By slice.
    pub edges: Vec<SliceEdges>,
}

/// Why no stations can be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StationError {
    #[error("{}", crate::tf!("the stations need a mask of the {value}; find or import it first", value = .0))]
    MissingOrgan(&'static str),
    #[error("{}", crate::words::t("the stations need the carina; set it by a click"))]
    NoCarina,
    #[error("{}", crate::words::t("the slices are not axial; the station rules are written for axial slices"))]
    NotAxial,
    #[error("{}", crate::tf!("the landmarks are out of order: for station {station} {upper} (z {upper_mm:.0} mm) must lie above {lower} (z {lower_mm:.0} mm); move one of them", station = .station, upper = crate::words::told(.upper.label()), upper_mm = .upper_mm, lower = crate::words::told(.lower.label()), lower_mm = .lower_mm))]
    OutOfOrder { station: Station, upper: LandmarkId, upper_mm: f64, lower: LandmarkId, lower_mm: f64 },
}

/// When two stations claim a voxel, the earlier one has it.
const CONFLICT_ORDER: [Station; Station::COUNT] = [
    Station::S7,
    Station::S4R,
    Station::S4L,
    Station::S5,
    Station::S6,
    Station::S2R,
    Station::S2L,
    Station::S3P,
    Station::S3A,
    Station::S8,
    Station::S10R,
    Station::S10L,
    Station::S11R,
    Station::S11L,
    Station::S1R,
    Station::S1L,
];

/// Stations that keep one component per slice.
const ONE_PER_SLICE: [Station; 5] = [Station::S4L, Station::S5, Station::S6, Station::S3P, Station::S8];

/// An estimated landmark that stood on the wrong side of a known one is moved so far beyond it, mm.
const LEAST_BAND_MM: f64 = 3.0;

/// Smaller pieces are dropped, mm3.
const SMALLEST_MM3: f64 = 300.0;

/// Draws the stations of a scan. Landmarks that are missing are estimated from the carina.
///
/// # Errors
/// [`StationError`] without body, lungs, airway or carina, or if the slices are not axial.
pub fn draw_stations(sources: &AnatomySources) -> Result<StationSet, StationError> {
    Ok(draw(sources, false)?.stations)
}

/// As [`draw_stations`], with the edges.
///
/// # Errors
/// As [`draw_stations`].
pub fn draw_rule_map(sources: &AnatomySources) -> Result<RuleMap, StationError> {
    draw(sources, true)
}

fn draw(sources: &AnatomySources, with_edges: bool) -> Result<RuleMap, StationError> {
    if !sources.grid.is_axial() {
        return Err(StationError::NotAxial);
    }
    for organ in [Organ::Body, Organ::Airway] {
        if sources.organ(organ).is_none() {
            return Err(StationError::MissingOrgan(organ.name()));
        }
    }
    if sources.organ(Organ::LungRight).is_none() && sources.organ(Organ::LungLeft).is_none() {
        return Err(StationError::MissingOrgan("lungs"));
    }
    let rules = &sources.rules;
    let landmarks = ordered_landmarks(rules, &sources.landmarks)?;
    let sources = AnatomySources { landmarks: landmarks.clone(), ..sources.clone() };
    let (planes, curves) = measure_all(&sources);
    let measured = planes.par_iter().zip(&curves);
    let mut labels: Vec<Vec<u8>> =
        measured.map(|(plane, curves)| label_slice(&Slice::new(plane, curves, &landmarks, rules))).collect();
    drop_small(&mut labels, &sources);
    let masks = to_masks(&labels, sources.grid.columns());
    let vessels = [Organ::Aorta, Organ::SuperiorVenaCava, Organ::BrachiocephalicVeinRight];
    let quality = if sources.organ(Organ::Aorta).is_none() || vessels.iter().all(|o| sources.organ(*o).is_none()) {
        Quality::AirwayOnly
    } else if sources.vessels_by_numbers {
        Quality::VesselsByNumbers
    } else if landmarks.iter().any(|(_, landmark)| landmark.source == LandmarkSource::Estimated) {
        Quality::EstimatedLandmarks
    } else {
        Quality::Organs
    };
    let bands =
        std::array::from_fn(|n| band(rules, Station::from_index(n).expect("the index of a station"), &landmarks));
    let edges = if with_edges {
        let measured = planes.par_iter().zip(&curves).zip(&labels);
        measured.map(|((plane, curves), labels)| edges(&Slice::new(plane, curves, &landmarks, rules), labels)).collect()
    } else {
        Vec::new()
    };
    Ok(RuleMap { stations: StationSet { masks, quality, bands, landmarks, rules: Arc::clone(rules) }, edges })
}

fn band(rules: &RuleSet, station: Station, landmarks: &Landmarks) -> StationBand {
    let row = rules.station(station);
    // The oblique plane is level beyond its ends, so two far columns show its extremes.
    let ends = |superior: bool| {
        let limit = if superior { &row.superior } else { &row.inferior };
        let heights = [-1000.0, 1000.0].map(|x| limit.height(landmarks, superior, x).expect("all landmarks are set"));
        let order = |a: &(f64, LandmarkId), b: &(f64, LandmarkId)| a.0.total_cmp(&b.0);
        let found = if superior { heights.into_iter().max_by(order) } else { heights.into_iter().min_by(order) };
        found.expect("two heights")
    };
    let ((superior_mm, superior), (inferior_mm, inferior)) = (ends(true), ends(false));
    let estimated = row.superior.is_estimated(landmarks) || row.inferior.is_estimated(landmarks);
    StationBand { superior_mm, superior, inferior_mm, inferior, estimated }
}

/// The landmarks, those that are missing estimated, from head to feet as the limits of every station need them.
/// An estimate gives way to what is known; what is known does not.
///
/// # Errors
/// [`StationError::NoCarina`], or [`StationError::OutOfOrder`] with the first two that stand the wrong way round.
pub fn ordered_landmarks(rules: &RuleSet, known: &Landmarks) -> Result<Landmarks, StationError> {
    let mut landmarks = known.clone().completed();
    if landmarks.is_empty() {
        return Err(StationError::NoCarina);
    }
    // Each pass may move an estimate against another station; more passes than landmarks move nothing more.
    for _ in 0..Station::COUNT {
        let mut moved = false;
        for station in Station::all() {
            let b = band(rules, station, &landmarks);
            if b.superior_mm >= b.inferior_mm {
                continue;
            }
            let estimated = |id| landmarks.get(id).is_some_and(|l| l.source == LandmarkSource::Estimated);
            let by = b.inferior_mm - b.superior_mm + LEAST_BAND_MM;
            let (id, by) = match (estimated(b.superior), estimated(b.inferior)) {
                (_, true) => (b.inferior, -by),
                (true, _) => (b.superior, by),
                _ => {
                    let z = |id| landmarks.z(id).unwrap_or_default();
                    let (upper, lower) = (b.superior, b.inferior);
                    return Err(StationError::OutOfOrder {
                        station,
                        upper,
                        upper_mm: z(upper),
                        lower,
                        lower_mm: z(lower),
                    });
                }
            };
            if let Some(landmark) = landmarks.get(id).copied() {
                let position = landmark.position + glam::DVec3::new(0.0, 0.0, by);
                landmarks.insert(id, Landmark { position, ..landmark });
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    Ok(landmarks)
}

/// Station labels (index + 1, 0 = none) of one slice, organs cut out.
fn label_slice(slice: &Slice<'_>) -> Vec<u8> {
    let (plane, curves, landmarks, table) = (slice.plane, slice.curves, slice.landmarks, slice.rules);
    let mut labels = vec![0u8; plane.bits.len()];
    let possible: Vec<Station> = CONFLICT_ORDER
        .into_iter()
        .filter(|station| {
            let b = band(table, *station, landmarks);
            plane.z <= b.superior_mm && plane.z >= b.inferior_mm
        })
        .collect();
    if possible.is_empty() {
        return labels;
    }
    for station in &possible {
        let row = table.station(*station);
        let tests = borders(*station);
        // A level limit holds for the whole slice; only the oblique plane needs every column.
        let within = |x: f64| {
            let top = row.superior.height(landmarks, true, x).map(|(z, _)| z);
            let bottom = row.inferior.height(landmarks, false, x).map(|(z, _)| z);
            let (Some(top), Some(bottom)) = (top, bottom) else { return false };
            let below_top = if row.superior.open { plane.z < top } else { plane.z <= top };
            let above_bottom = if row.inferior.open { plane.z > bottom } else { plane.z >= bottom };
            below_top && above_bottom
        };
        let oblique = row.superior.oblique || row.inferior.oblique;
        if !oblique && !within(0.0) {
            continue;
        }
        for (at, label) in labels.iter_mut().enumerate() {
            if *label != 0 || !slice.is_tissue(at) {
                continue;
            }
            let [x, y] = plane.position(at);
            let voxel = Voxel { at, x, y };
            if tests.iter().all(|border| (border.holds)(slice, voxel)) && (!oblique || within(x)) {
                *label = station.index() as u8 + 1;
            }
        }
    }
    for station in ONE_PER_SLICE.iter().filter(|s| possible.contains(s)) {
        keep_one(*station, plane, curves, &mut labels);
    }
    for (at, label) in labels.iter_mut().enumerate() {
        let station = label.checked_sub(1).and_then(|n| Station::from_index(usize::from(n)));
        if station.is_some_and(|station| slice.is_cut_out(at, station)) {
            *label = 0;
        }
    }
    labels
}

/// Keeps the main component of a station in a slice: the largest; for 3P and 8 the one nearest to the
/// spine among those of at least a quarter of the largest.
fn keep_one(station: Station, plane: &OrganPlane, curves: &SliceCurves, labels: &mut [u8]) {
    let value = station.index() as u8 + 1;
    let pixels: Vec<usize> = (0..labels.len()).filter(|&at| labels[at] == value).collect();
    let parts = components(&pixels, plane.columns, plane.rows);
    if parts.len() < 2 {
        return;
    }
    let mut keep = 0;
    if matches!(station, Station::S3P | Station::S8)
        && let (Some(spine), Some(trachea)) = (curves.spine_front, curves.trachea)
    {
        let distance = |part: &Vec<usize>| {
            part.iter()
                .map(|&at| {
                    let [x, y] = plane.position(at);
                    (x - trachea.middle).hypot(y - spine)
                })
                .fold(f64::INFINITY, f64::min)
        };
        let large = parts.iter().enumerate().filter(|(_, part)| part.len() * 4 >= parts[0].len());
        keep = large.min_by(|a, b| distance(a.1).total_cmp(&distance(b.1))).map_or(0, |(n, _)| n);
    }
    for (n, part) in parts.iter().enumerate() {
        if n != keep {
            for &at in part {
                labels[at] = 0;
            }
        }
    }
}

/// Removes pieces (26 neighbors) of any station smaller than [`SMALLEST_MM3`].
fn drop_small(labels: &mut [Vec<u8>], sources: &AnatomySources) {
    let grid = &sources.grid;
    let (columns, rows, slices) = (grid.columns(), grid.rows(), grid.slices());
    let mut seen: Vec<Vec<bool>> = labels.iter().map(|slice| slice.iter().map(|label| *label == 0).collect()).collect();
    let mut part: Vec<(usize, usize)> = Vec::new();
    for k in 0..slices {
        for start in 0..columns * rows {
            if seen[k][start] {
                continue;
            }
            let value = labels[k][start];
            part.clear();
            part.push((k, start));
            seen[k][start] = true;
            let mut next = 0;
            let mut volume = 0.0;
            while next < part.len() {
                let (pk, at) = part[next];
                next += 1;
                volume += grid.voxel_mm3(pk);
                let (j, i) = (at / columns, at % columns);
                for nk in pk.saturating_sub(1)..=(pk + 1).min(slices - 1) {
                    for nj in j.saturating_sub(1)..=(j + 1).min(rows - 1) {
                        for ni in i.saturating_sub(1)..=(i + 1).min(columns - 1) {
                            let other = nj * columns + ni;
                            if !seen[nk][other] && labels[nk][other] == value {
                                seen[nk][other] = true;
                                part.push((nk, other));
                            }
                        }
                    }
                }
            }
            if volume < SMALLEST_MM3 {
                for &(pk, at) in &part {
                    labels[pk][at] = 0;
                }
            }
        }
    }
}

fn to_masks(labels: &[Vec<u8>], columns: usize) -> [Mask; Station::COUNT] {
    let mut masks: [Mask; Station::COUNT] = std::array::from_fn(|_| Mask::default());
    for (k, slice) in labels.iter().enumerate() {
        for (n, mask) in masks.iter_mut().enumerate() {
            let value = n as u8 + 1;
            if slice.contains(&value) {
                let dense: Vec<bool> = slice.iter().map(|label| *label == value).collect();
                mask.slices.insert(k, Arc::new(SliceMask::from_dense(columns, &dense)));
            }
        }
    }
    masks
}
