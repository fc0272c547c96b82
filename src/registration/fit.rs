//! What is left between two scans that lie over each other: how alike their CT numbers are, and how far apart their bones
//! and lungs lie.

use super::align::{Scans, levels, scattered};
use super::level::{Field, Level};
use super::tissue::{BONE_HU, grown};
use super::{Guide, RegistrationError};
use crate::contour::{DistanceField, Mask};
use crate::geometry::Rigid;
use crate::image::CtVolume;
use crate::progress::Progress;
use crate::tf;
use crate::words::t;
use glam::DVec3;
use ndarray::Array3;

/// Surfaces further apart count as this far, mm.
const FARTHEST_MM: f64 = 15.0;
/// Points of a surface that are measured at most.
const POINTS: usize = 40_000;
/// Fewer points of a surface say nothing.
const LEAST_POINTS: usize = 500;
/// Air so near to the lungs may be theirs, mm.
const NEAR_LUNG_MM: f64 = 15.0;
/// Lung ends at this CT number.
const LUNG_HU: f32 = -350.0;
/// Width of the blocks in which surfaces are measured, mm.
const BLOCK_MM: f64 = 3.0;
/// Scans that share less than this part of what the guide looks at.
const LEAST_SHARED: f64 = 0.25;

/// Distances between two surfaces, mm, measured from each to the other.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct SurfaceGap {
    pub mean_mm: f64,
    /// 95 % of the points lie nearer.
    pub p95_mm: f64,
    pub points: usize,
}

impl Guide {
    /// Less alike than this, two scans are taken for different ones: public CTs of different patients come to 0.15 by bone
    /// and 0.5 by lung or body, the same scan with noise and other slices to 0.8 and more.
    fn least_correlation(self) -> f64 {
        match self {
            Self::Bone => 0.4,
            Self::Lung | Self::Body => 0.6,
        }
    }

    /// Bones may be so far apart in the mean, mm; those of different patients are 5.7 and more. The lungs move against them.
    fn most_bone_mm(self) -> f64 {
        match self {
            Self::Bone | Self::Body => 4.0,
            Self::Lung => 5.5,
        }
    }
}

/// How well a motion lays two scans over each other.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Fit {
    pub guide: Guide,
    /// Correlation of the CT numbers in the window and the region of the guide, -1 to 1.
    pub correlation: f64,
    /// Share of the guide's region of both scans that lies in the other one, 0 to 1.
    pub shared: f64,
    /// `None` where there is too little of the tissue in what both show.
    pub bone: Option<SurfaceGap>,
    pub lung: Option<SurfaceGap>,
}

impl Fit {
    /// Why it cannot be used, in words.
    pub fn problem(&self) -> Option<String> {
        let Self { guide, correlation, shared, bone, .. } = self;
        if *shared < LEAST_SHARED {
            return Some(tf!("they share {percent:.0} % of what is compared", percent = shared * 100.0));
        }
        if *correlation < guide.least_correlation() {
            return Some(tf!(
                "their CT numbers correlate by {correlation:.2} only, {least:.2} is the least",
                correlation,
                least = guide.least_correlation()
            ));
        }
        let mean_mm = bone.map(|b| b.mean_mm).filter(|mm| *mm > guide.most_bone_mm())?;
        Some(tf!(
            "their bones lie {mean_mm:.1} mm apart in the mean, {most:.1} mm is the most",
            mean_mm,
            most = guide.most_bone_mm()
        ))
    }
}

/// Measures a motion that came from elsewhere.
///
/// # Errors
/// A scan that is too low for blocks; cancelled.
pub fn judge(
    fixed: &CtVolume,
    moving: &CtVolume,
    fixed_from_moving: &Rigid,
    guide: Guide,
    progress: &dyn Progress,
) -> Result<Fit, RegistrationError> {
    progress.report(t("Measuring the registration"), 0, 1);
    progress.checkpoint()?;
    let volumes = [fixed, moving];
    let scans = Scans::of(volumes);
    let fine = levels(volumes, 2.0);
    let pair = scans.pair(&fine, guide);
    let differences = pair.differences(fixed_from_moving);
    let (correlation, shared) = (differences.correlation(), pair.shared(&differences));
    let [bone, lung] = surfaces(volumes, &scans, fixed_from_moving);
    Ok(Fit { guide, correlation, shared, bone, lung })
}

/// The distances between the surfaces of bones and of lungs.
pub(super) fn surfaces(volumes: [&CtVolume; 2], scans: &Scans, fixed_from_moving: &Rigid) -> [Option<SurfaceGap>; 2] {
    let levels = levels(volumes, BLOCK_MM);
    let motions = [fixed_from_moving.inverse(), *fixed_from_moving];
    let gap = |masks: &[Array3<bool>; 2], there: &[Array3<bool>; 2], level_hu: f32| {
        let mut distances = Vec::new();
        for (from, to) in [(0, 1), (1, 0)] {
            let field = distance(&there[to], &levels[to]);
            // Beyond the other scan there is no distance.
            let points = surface(&masks[from], &levels[from], level_hu).into_iter();
            distances.extend(points.filter_map(|p| field.at(motions[from].apply(p)).map(|(mm, _)| mm.abs())));
        }
        gap_of(distances)
    };
    let bones = [0, 1].map(|n| {
        let body = scans.body(n, &levels[n]);
        Array3::from_shape_fn(body.raw_dim(), |at| body[at] && levels[n].hu[at] > BONE_HU)
    });
    let lungs = [0, 1].map(|n| scans.lungs(n, &levels[n]));
    let aerated = |n: usize, region: &Array3<bool>| {
        Array3::from_shape_fn(region.raw_dim(), |at| region[at] && levels[n].hu[at] < LUNG_HU)
    };
    let inner = [0, 1].map(|n| aerated(n, &lungs[n]));
    // Where a lung ends in the one scan, as at the windpipe, air may go on in the other: all air near the lungs counts there.
    let near = [0, 1].map(|n| aerated(n, &grown(&lungs[n], (NEAR_LUNG_MM / BLOCK_MM) as usize)));
    [gap(&bones, &bones, BONE_HU), gap(&inner, &near, LUNG_HU)]
}

fn gap_of(mut distances: Vec<f64>) -> Option<SurfaceGap> {
    if distances.len() < LEAST_POINTS {
        return None;
    }
    distances.sort_by(f64::total_cmp);
    let points = distances.len();
    let mean_mm = distances.iter().sum::<f64>() / points as f64;
    Some(SurfaceGap { mean_mm, p95_mm: distances[points * 95 / 100], points })
}

/// Signed distance from the surface of a mask over its whole level, cut to ±[`FARTHEST_MM`].
fn distance<'a>(mask: &Array3<bool>, level: &'a Level) -> Field<'a> {
    let field = DistanceField::signed(&Mask::from_dense(mask), &level.grid, FARTHEST_MM);
    let mut values = Array3::from_elem(mask.raw_dim(), FARTHEST_MM as f32);
    let [fk, fj, fi] = field.first_kji;
    for ((k, j, i), mm) in field.mm.indexed_iter() {
        values[[fk + k, fj + j, fi + i]] = mm.clamp(-FARTHEST_MM as f32, FARTHEST_MM as f32);
    }
    Field { grid: &level.grid, values }
}

/// Points where a mask ends between two blocks, at the CT number of the surface.
fn surface(mask: &Array3<bool>, level: &Level, level_hu: f32) -> Vec<DVec3> {
    let mut points = Vec::new();
    for ((k, j, i), _) in mask.indexed_iter().filter(|(_, is)| **is) {
        for (axis, forward) in [(0, true), (0, false), (1, true), (1, false), (2, true), (2, false)] {
            let mut next = [k, j, i];
            next[axis] = if forward { next[axis] + 1 } else { next[axis].wrapping_sub(1) };
            let (here, there) = (level.hu[[k, j, i]], level.hu.get(next).copied().unwrap_or(level.hu[[k, j, i]]));
            // Where only the mask ends and the tissue goes on, there is no surface.
            if (here > level_hu) == (there > level_hu) {
                continue;
            }
            let part = f64::from((here - level_hu) / (here - there));
            points.push(level.center_of([k, j, i]).lerp(level.center_of(next), part));
        }
    }
    let every = (points.len() as f64 / POINTS as f64).max(1.0);
    let mut n = 0;
    points.retain(|_| {
        n += 1;
        scattered(n) * every < 1.0
    });
    points
}
