//! The anatomy that a CT itself shows: body, lungs, airway and the landmarks on them, with what each rests on.

use super::airway::{self, Grown};
use super::body::find_body;
use super::bronchi::{self, AirwayBranch, Bronchus, Named};
use super::components;
use super::lungs::{self, Lungs};
use super::windpipe::{self, Section, find_windpipe};
use super::working::Working;
use super::{AnatomySources, Landmark, LandmarkId, LandmarkSource, Landmarks, Organ, RuleSet};
use crate::contour::{Mask, SliceMask};
use crate::geometry::{PatientPoint, VoxelGrid};
use crate::image::CtVolume;
use crate::progress::{Cancelled, Progress};
use glam::DVec3;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A chest with less height shows no carina with trachea and bronchi, mm.
const LEAST_HEIGHT_MM: f64 = 60.0;
/// Lumen up to the half of air and wall.
const LUMEN_HU: i16 = -500;
/// No station lies over air.
const AIR_BELOW_HU: i16 = -300;
/// This much of the main bronchi counts with the trachea, as in the labels of other programs, mm.
const MAIN_WITH_TRACHEA_MM: f64 = 40.0;
/// Soft tissue against the edge of the image over such a height is a body that is cut off, mm.
const CUT_MM: f64 = 60.0;
/// Lung against the edge of the image, mm.
const CUT_LUNG_MM: f64 = 25.0;
/// CT numbers below this are no measurement: outside the round field of the scanner.
const NO_DATA_HU: i16 = -1500;
/// The diaphragm as a limit lies this far over the lowest lung, mm (REFERENCE 2.2).
const DIAPHRAGM_OVER_BASE_MM: f64 = 10.0;
/// A lung that is cut off holds less than this share of the other.
const HALF_LUNG: f64 = 0.6;
/// One lung this small beside the other is missing.
const MISSING: f64 = 0.02;

/// Why no anatomy can be found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AnatomyError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error(
        "{}",
        crate::words::t(
            "the anatomy is found on axial slices, and these are not axial; open an axial series of this scan"
        )
    )]
    NotAxial,
    #[error("{}", crate::tf!("the scan is {height_mm:.0} mm high on {slices} slices, and trachea, carina and bronchi need 60 mm or more; open the whole chest CT", height_mm = .height_mm, slices = .slices))]
    TooLow { slices: usize, height_mm: f64 },
    #[error(
        "{}",
        crate::words::t(
            "there is no body in the scan: nothing in it has the CT numbers of tissue; check that these are Hounsfield units"
        )
    )]
    NoBody,
    #[error("{}", crate::tf!("there are no lungs in the scan: the largest space of air in the body holds {largest_cm3:.0} cm³; open a chest CT", largest_cm3 = .largest_cm3))]
    NoLungs { largest_cm3: f64 },
    #[error(
        "{}",
        crate::words::t(
            "the scan shows only a part of the chest: it is cut off on the right side of the patient; open a reconstruction with the whole body"
        )
    )]
    CutOffRight,
    #[error(
        "{}",
        crate::words::t(
            "the scan shows only a part of the chest: it is cut off on the left side of the patient; open a reconstruction with the whole body"
        )
    )]
    CutOffLeft,
    #[error(
        "{}",
        crate::words::t(
            "there are lungs, but no trachea above them: it is not in the scan, or this is a phantom; open a scan that reaches up to the neck"
        )
    )]
    NoTrachea,
    #[error(
        "{}",
        crate::words::t(
            "the trachea does not part into two main bronchi in the scan: it ends above the carina, a bronchus is closed, or the voxels are too large; open a finer scan of the whole chest"
        )
    )]
    NoCarina,
}

/// How long each step took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AnatomyTimes {
    pub body: Duration,
    pub airway: Duration,
    pub lungs: Duration,
    pub total: Duration,
}

/// What was found. Masks lie on the grid of the CT.
#[derive(Debug, Clone)]
pub struct ImageAnatomy {
    pub body: Arc<Mask>,
    /// Empty where a lung holds no air.
    pub lung_right: Arc<Mask>,
    pub lung_left: Arc<Mask>,
    /// Lumen from the top of the trachea to the lobar bronchi and a little beyond.
    pub airway: Arc<Mask>,
    /// Of it the trachea and the first 4 cm of the main bronchi.
    pub central_airway: Arc<Mask>,
    /// Trachea, main and lobar bronchi as far as they were told apart, each once.
    pub branches: Vec<AirwayBranch>,
    pub landmarks: Landmarks,
    pub times: AnatomyTimes,
}

impl ImageAnatomy {
    pub fn branch(&self, name: Bronchus) -> Option<&AirwayBranch> {
        self.branches.iter().find(|b| b.name == name)
    }

    /// What the station rules need. Air within the body (edges of the lungs, gas in the esophagus) is no tissue.
    pub fn sources(&self, volume: &CtVolume) -> AnatomySources {
        let tissue = self.body.slices.par_iter().map(|(&k, slice)| {
            let mut tissue = (**slice).clone();
            for (j, i) in slice.voxels().filter(|&(j, i)| volume.hu[[k, j, i]] < AIR_BELOW_HU) {
                tissue.toggle_run(j, i, i + 1);
            }
            (k, Arc::new(tissue))
        });
        let organs = BTreeMap::from([
            (Organ::Body, Arc::new(Mask { slices: tissue.collect() })),
            (Organ::LungRight, Arc::clone(&self.lung_right)),
            (Organ::LungLeft, Arc::clone(&self.lung_left)),
            (Organ::Airway, Arc::clone(&self.airway)),
        ]);
        AnatomySources {
            grid: Arc::clone(&volume.grid),
            organs,
            lung_lesions: None,
            landmarks: self.landmarks.clone(),
            vessels_by_numbers: false,
            rules: RuleSet::iaslc_2009(),
        }
    }
}

/// Finds body, lungs and airway of a chest CT from its CT numbers.
///
/// # Errors
/// [`AnatomyError`] says what is missing in the scan and what to do.
pub fn find_anatomy(volume: &CtVolume, progress: &dyn Progress) -> Result<ImageAnatomy, AnatomyError> {
    let start = Instant::now();
    let stage = |n: usize| {
        progress.report(crate::words::t("Finding the anatomy"), n, 4);
        progress.checkpoint()
    };
    stage(0)?;
    let w = Working::new(volume).ok_or(AnatomyError::NotAxial)?;
    if w.height_mm() < LEAST_HEIGHT_MM {
        return Err(AnatomyError::TooLow { slices: volume.grid.slices(), height_mm: w.height_mm() });
    }
    let body = find_body(&w).ok_or(AnatomyError::NoBody)?;
    let after_body = start.elapsed();
    stage(1)?;
    let cut = Cut::of(&w, &body);
    let (w, body) = w.cropped(body);
    let chest = match lungs::find_chest(&w, &body) {
        Ok(chest) => chest,
        Err(largest_cm3) => return Err(cut.refusal().unwrap_or(AnatomyError::NoLungs { largest_cm3 })),
    };
    let low = chest.slices.start + (chest.slices.len() * 13).div_ceil(20);
    let chain = match find_windpipe(&w, &body, 0..low.min(w.slices())) {
        Some(chain) => chain,
        None => return Err(cut.refusal().unwrap_or(AnatomyError::NoTrachea)),
    };
    stage(2)?;
    let (grown, lumen) = airway_of(&w, &body, chest.median_hu, &chain);
    let named = bronchi::name_branches(&w, &grown);
    let after_airway = start.elapsed();
    stage(3)?;
    let middle = midline(&w, &chain);
    let lungs = lungs::find_lungs(&w, &body, &lumen, &middle);
    if let Some(refusal) = cut.refusal_of(&lungs) {
        return Err(refusal);
    }
    let named = named.ok_or(AnatomyError::NoCarina)?;
    let carina = bronchi::carina(&w, &lumen, &grown, &named).ok_or(AnatomyError::NoCarina)?;
    let central = central_airway(&w, &grown, &named, &lumen);
    let mut found = ImageAnatomy {
        central_airway: Arc::new(w.mask(&central)),
        body: Arc::new(w.mask(&body)),
        lung_right: Arc::new(w.mask(&lungs.right)),
        lung_left: Arc::new(w.mask(&lungs.left)),
        airway: Arc::new(w.mask(&lumen)),
        branches: named.branches,
        landmarks: Landmarks::default(),
        times: AnatomyTimes::default(),
    };
    found.landmarks = landmarks(&w, &found, volume, carina);
    let total = start.elapsed();
    found.times = AnatomyTimes {
        body: after_body,
        airway: after_airway.saturating_sub(after_body),
        lungs: total.saturating_sub(after_airway),
        total,
    };
    progress.report(crate::words::t("Finding the anatomy"), 4, 4);
    Ok(found)
}

/// Grows the airway along the chain; gives its lumen as well, a voxel of half lumen around strict branches included.
fn airway_of(w: &Working, body: &[bool], lung_hu: i16, chain: &[Section]) -> (Grown, Vec<bool>) {
    let mut forced = vec![false; w.hu.len()];
    let top = chain.first().map_or(0, |s| s.k);
    for section in chain {
        section.voxels.iter().for_each(|&at| forced[at] = true);
    }
    bridge_gaps(w, chain, &mut forced);
    let seed = chain.first().map(|s| s.voxels.clone()).unwrap_or_default();
    let grown = airway::grow(w, body, lung_hu, &forced, &seed, top..windpipe::surely_trachea(w, chain));
    let mut core = vec![false; w.hu.len()];
    for at in grown.branches.iter().flat_map(|b| &b.fronts).flat_map(|f| &f.voxels) {
        core[*at] = true;
    }
    let mut lumen = core.clone();
    let (area, columns, rows) = (w.area(), w.shape[2], w.shape[1]);
    for k in 0..w.slices() {
        let slice = &core[k * area..(k + 1) * area];
        let Some(first) = slice.iter().position(|&x| x) else { continue };
        let last = slice.iter().rposition(|&x| x).unwrap_or(first);
        for at in (first..=last).filter(|&at| slice[at]) {
            let (j, i) = (at / columns, at % columns);
            let mut rim = |inside: bool, near: usize| {
                let near = k * area + near;
                if inside && body[near] && w.hu[near] < LUMEN_HU {
                    lumen[near] = true;
                }
            };
            rim(i > 0, at.wrapping_sub(1));
            rim(i + 1 < columns, at + 1);
            rim(j > 0, at.wrapping_sub(columns));
            rim(j + 1 < rows, at + columns);
        }
        components::fill_holes(rows, columns, &mut lumen[k * area..(k + 1) * area]);
    }
    (grown, lumen)
}

/// Trachea and the first part of both main bronchi, with their rim and what they enclose.
fn central_airway(w: &Working, grown: &Grown, named: &Named, lumen: &[bool]) -> Vec<bool> {
    let near = (MAIN_WITH_TRACHEA_MM / grown.front_mm).round() as usize;
    let of_main = named.main.iter().flat_map(|&n| grown.branches[n].fronts.iter().take(near));
    let of_trachea = named.trachea.iter().flat_map(|&n| &grown.branches[n].fronts);
    let mut central = vec![false; lumen.len()];
    for &at in of_trachea.chain(of_main).flat_map(|f| &f.voxels) {
        central[at] = true;
    }
    let area = w.area();
    central.par_chunks_mut(area).enumerate().filter(|(_, slice)| slice.contains(&true)).for_each(|(k, slice)| {
        let core = slice.to_vec();
        components::windows(w.shape[1], w.shape[2], &core, [1, 1], |at, found, _| {
            slice[at] |= found > 0 && lumen[k * area + at];
        });
        components::fill_holes(w.shape[1], w.shape[2], slice);
    });
    central
}

/// Lumen where the chain jumped over slices: a thin tube between the centres.
fn bridge_gaps(w: &Working, chain: &[Section], forced: &mut [bool]) {
    for pair in chain.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        for k in a.k + 1..b.k {
            let t = (w.depth_mm[k] - w.depth_mm[a.k]) / (w.depth_mm[b.k] - w.depth_mm[a.k]);
            let at = |n: usize| a.center[n] + (b.center[n] - a.center[n]) * t;
            let (i, j) = (at(0).round() as usize, at(1).round() as usize);
            for nj in j.saturating_sub(1)..(j + 2).min(w.shape[1]) {
                for ni in i.saturating_sub(1)..(i + 2).min(w.shape[2]) {
                    forced[w.index([k, nj, ni])] = true;
                }
            }
        }
    }
}

/// Column of the midline on every slice: the trachea, carried on to both ends.
fn midline(w: &Working, chain: &[Section]) -> Vec<f64> {
    let known: Vec<(usize, f64)> = chain.iter().map(|s| (s.k, s.center[0])).collect();
    (0..w.slices())
        .map(|k| {
            let after = known.partition_point(|s| s.0 < k);
            known.get(after).or(known.last()).map_or(w.shape[2] as f64 / 2.0, |s| s.1)
        })
        .collect()
}

/// Where body and lungs stand against the side of the image: share of the slices, right and left.
struct Cut {
    body: [f64; 2],
    lung: [f64; 2],
}

impl Cut {
    fn of(w: &Working, body: &[bool]) -> Self {
        let [slices, rows, columns] = w.shape;
        let mut cut = Self { body: [0.0; 2], lung: [0.0; 2] };
        for k in 0..slices {
            let hu = w.slice(k);
            let inside = &body[k * w.area()..(k + 1) * w.area()];
            let (mut tissue, mut lung) = ([0.0; 2], [0.0; 2]);
            let body_rows = |j: usize| inside[j * columns..(j + 1) * columns].contains(&true);
            let (Some(top), Some(bottom)) = ((0..rows).find(|&j| body_rows(j)), (0..rows).rfind(|&j| body_rows(j)))
            else {
                continue;
            };
            for j in top..=bottom {
                let line = &hu[j * columns..(j + 1) * columns];
                let first = line.iter().position(|&h| h > NO_DATA_HU);
                let last = line.iter().rposition(|&h| h > NO_DATA_HU);
                let (Some(first), Some(last)) = (first, last) else { continue };
                let edges = [first..(first + 3).min(columns), last.saturating_sub(2)..last + 1];
                for (side, edge) in edges.into_iter().enumerate() {
                    // Round fields end obliquely above and below; only their sides count.
                    if edge.clone().all(|i| inside[j * columns + i] && line[i] > -300) {
                        tissue[side] += w.dy;
                    } else if edge.clone().all(|i| (-940..-500).contains(&line[i])) {
                        lung[side] += w.dy;
                    }
                }
            }
            for side in 0..2 {
                cut.body[side] += f64::from(u8::from(tissue[side] >= CUT_MM)) / slices as f64;
                cut.lung[side] += f64::from(u8::from(lung[side] >= CUT_LUNG_MM)) / slices as f64;
            }
        }
        cut
    }

    /// The side on which the chest is cut off, if that explains that something is missing.
    fn refusal(&self) -> Option<AnatomyError> {
        let strength = |side: usize| self.body[side].max(2.0 * self.lung[side]);
        let side = usize::from(strength(1) > strength(0));
        // Cut off on both sides is a small field of view; on none the reason is another one.
        (strength(side) > 0.5 && strength(1 - side) < 0.25 || self.lung[side] > 0.25).then(|| Self::error(side))
    }

    fn refusal_of(&self, lungs: &Lungs) -> Option<AnatomyError> {
        let count = |lung: &[bool]| lung.iter().filter(|x| **x).count() as f64;
        let volumes = [count(&lungs.right), count(&lungs.left)];
        (0..2)
            .find(|&side| {
                let share = volumes[side] / volumes[1 - side].max(1.0);
                share < HALF_LUNG && self.lung[side] > 0.15 || share < MISSING && self.body[side] > 0.5
            })
            .map(Self::error)
    }

    fn error(side: usize) -> AnatomyError {
        if side == 0 { AnatomyError::CutOffRight } else { AnatomyError::CutOffLeft }
    }
}

/// The landmarks on lungs and airway.
fn landmarks(w: &Working, found: &ImageAnatomy, volume: &CtVolume, carina: PatientPoint) -> Landmarks {
    let mut out = Landmarks::default();
    let spacing = w.spacing_mm();
    let mut set = |id: LandmarkId, at: Option<PatientPoint>| {
        if let Some(position) = at {
            let [base, slices] = spread(id);
            let spread_mm = Some(base + slices * spacing);
            out.insert(id, Landmark { position, source: LandmarkSource::Found, spread_mm });
        }
    };
    set(LandmarkId::Carina, Some(carina));
    let begin = |name: Bronchus| found.branch(name).and_then(|b| b.axis.first().copied());
    set(LandmarkId::RightUpperLobe, begin(Bronchus::RightUpper));
    set(LandmarkId::LeftUpperLobe, begin(Bronchus::LeftUpper));
    set(LandmarkId::IntermediusLower, begin(Bronchus::RightMiddle));
    set(LandmarkId::LeftLowerLobe, found.branch(Bronchus::LeftLower).and_then(|b| b.axis.get(1).copied()));
    // A lung that the scan cuts off has no apex in it, or no base.
    let (highest, lowest) = (w.point(0.0, 0.0, 0.0).z, w.point((w.slices() - 1) as f64, 0.0, 0.0).z);
    let half = spacing / 2.0;
    let right = found.lung_right.slices.iter().map(|(k, s)| (volume.grid.as_ref(), *k, &**s));
    let left = found.lung_left.slices.iter().map(|(k, s)| (volume.grid.as_ref(), *k, &**s));
    let apex = |slices: Vec<PatientPoint>| slices.into_iter().max_by(|a, b| a.z.total_cmp(&b.z));
    let apex_right = apex(right.clone().filter_map(middle_of).collect());
    set(LandmarkId::ApexRight, apex_right.filter(|p| p.z < highest - half));
    let apex_left = apex(left.clone().filter_map(middle_of).collect());
    set(LandmarkId::ApexLeft, apex_left.filter(|p| p.z < highest - half));
    let base = right.chain(left).filter_map(middle_of).min_by(|a, b| a.z.total_cmp(&b.z));
    let base = base.filter(|p| p.z > lowest + half);
    set(LandmarkId::Diaphragm, base.map(|p| p + DVec3::new(0.0, 0.0, DIAPHRAGM_OVER_BASE_MM)));
    out
}

/// How far a landmark is usually off: mm, and parts of the distance of the slices. Measured on phantoms of 1 to 6 mm
/// slices and on the carina that a clinician drew; `tests/anatomy.rs` holds them.
pub(super) fn spread(id: LandmarkId) -> [f64; 2] {
    match id {
        LandmarkId::Carina => [1.5, 0.3],
        LandmarkId::ApexRight | LandmarkId::ApexLeft => [1.0, 0.5],
        // Where the lowest lung lies changes with every breath.
        LandmarkId::Diaphragm => [10.0, 1.0],
        _ => [4.0, 1.0],
    }
}

/// Middle of what a mask holds on a slice.
fn middle_of((grid, k, slice): (&VoxelGrid, usize, &SliceMask)) -> Option<PatientPoint> {
    let (mut rows, mut columns, n) = (0.0, 0.0, slice.count() as f64);
    for (j, i) in slice.voxels() {
        rows += j as f64;
        columns += i as f64;
    }
    (n > 0.0).then(|| grid.patient_from_voxel(k, rows / n, columns / n))
}
