//! Where in the chest a pixel lies, as far as airway, lungs, aorta and sternum show it in the CT numbers: what the guided
//! network is told beside the scan. A slice or three do not show how far away carina and apex are; these do.
//!
//! Across and behind are counted from the trachea; heights along three chains of landmarks, each stretched between
//! those that were found to their usual distances, so that the same height means the same place in every patient.

use crate::anatomy::{LandmarkId, LandmarkSource, Landmarks, case_sources, trachea_course};
use crate::image::CtVolume;
use crate::progress::{Cancelled, Progress};

/// Chains of landmarks from the carina down and up: right side, left side, middle.
const CHAINS: [[&[LandmarkId]; 2]; 3] = {
    use LandmarkId::{
        ApexLeft, ApexRight, ArchLower, ArchTop, Diaphragm, IntermediusLower, LeftLowerLobe, LeftUpperLobe,
        ManubriumTop, RightUpperLobe,
    };
    [
        [&[RightUpperLobe, IntermediusLower, Diaphragm], &[ApexRight]],
        [&[LeftUpperLobe, LeftLowerLobe, Diaphragm], &[ArchLower, ArchTop, ApexLeft]],
        [&[Diaphragm], &[ManubriumTop]],
    ]
};
/// Landmarks of a chain nearer to each other than this are one, mm.
const LEAST_STEP_MM: f64 = 2.0;
/// Distances are given in this unit, and cut at so many of it.
const UNIT_MM: f64 = 50.0;
const LIMIT: f64 = 3.0;

/// What the guided network is told about a slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guide {
    /// Patient x of the middle and y of the posterior wall of the trachea, mm.
    pub trachea: [f64; 2],
    /// Height above the carina along each chain, in usual mm.
    pub heights: [f64; CHAINS.len()],
}

impl Guide {
    /// Planes that [`Self::fill`] writes.
    pub const CHANNELS: usize = 2 + CHAINS.len();

    /// Fills the planes `[channel, row, column]` from patient x and y of every pixel: to the left of the trachea, behind it,
    /// and the heights, in units of 50 mm, cut at 3.
    pub fn fill(&self, at: impl Iterator<Item = [f64; 2]>, planes: &mut [f32]) {
        let pixels = planes.len() / Self::CHANNELS;
        let unit = |mm: f64| (mm / UNIT_MM).clamp(-LIMIT, LIMIT) as f32;
        for (n, p) in at.take(pixels).enumerate() {
            for axis in 0..2 {
                planes[axis * pixels + n] = unit(p[axis] - self.trachea[axis]);
            }
        }
        for (plane, height) in planes[2 * pixels..].chunks_exact_mut(pixels).zip(self.heights) {
            plane.fill(unit(height));
        }
    }
}

/// The guides of all slices of a scan.
#[derive(Debug, Clone)]
pub struct Bearings {
    slices: Vec<Guide>,
}

impl Bearings {
    /// Finds them in the scan; `None` where it shows no trachea that parts. The network then goes without.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn find(ct: &CtVolume, progress: &dyn Progress) -> Result<Option<Self>, Cancelled> {
        let sources = match case_sources(ct, [], progress) {
            Ok(sources) => sources,
            Err(error) => {
                progress.checkpoint()?;
                tracing::info!(%error, "the network is not told where the landmarks are");
                return Ok(None);
            }
        };
        let Some(carina) = sources.landmarks.z(LandmarkId::Carina) else { return Ok(None) };
        let chains = CHAINS.map(|sides| chain(&sources.landmarks, carina, sides));
        let grid = &ct.grid;
        let slices = trachea_course(&sources)
            .into_iter()
            .enumerate()
            .map(|(k, trachea)| {
                let z = grid.patient_from_voxel(k, grid.rows() as f64 / 2.0, grid.columns() as f64 / 2.0).z;
                Some(Guide { trachea: trachea?, heights: chains.each_ref().map(|chain| height(chain, z)) })
            })
            .collect::<Option<Vec<Guide>>>();
        Ok(slices.map(|slices| Self { slices }))
    }

    pub fn of_slice(&self, k: usize) -> Option<&Guide> {
        self.slices.get(k)
    }
}

/// Height in the scan and usual height above the carina, from feet to head. What was not found is left out, and what
/// stands in the wrong order.
fn chain(landmarks: &Landmarks, carina: f64, [down, up]: [&[LandmarkId]; 2]) -> Vec<[f64; 2]> {
    let mut points = vec![[carina, 0.0]];
    for (ids, sign) in [(down, -1.0), (up, 1.0)] {
        let mut last = [carina, 0.0];
        for id in ids {
            let Some(found) = landmarks.get(*id).filter(|l| l.source != LandmarkSource::Estimated) else { continue };
            let here = [found.position.z, id.usual_offset().z];
            if (0..2).all(|n| (here[n] - last[n]) * sign >= LEAST_STEP_MM) {
                points.push(here);
                last = here;
            }
        }
    }
    points.sort_by(|a, b| a[0].total_cmp(&b[0]));
    points
}

/// Linear between the points of a chain, millimetre by millimetre beyond its ends.
fn height(chain: &[[f64; 2]], z: f64) -> f64 {
    let (first, last) = (chain[0], chain[chain.len() - 1]);
    if z <= first[0] {
        return first[1] + z - first[0];
    }
    if z >= last[0] {
        return last[1] + z - last[0];
    }
    let n = chain.partition_point(|p| p[0] <= z);
    let (a, b) = (chain[n - 1], chain[n]);
    a[1] + (b[1] - a[1]) * (z - a[0]) / (b[0] - a[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;
    use glam::DVec3;

    fn landmarks(all: &[(LandmarkId, f64)]) -> Landmarks {
        let mut out = Landmarks::default();
        for (id, z) in all {
            out.set(*id, DVec3::new(0.0, 0.0, *z), LandmarkSource::Found);
        }
        out
    }

    #[test]
    fn the_same_height_means_the_same_landmark_in_every_patient() {
        use LandmarkId::{ApexLeft, ArchTop, Carina, Diaphragm, LeftUpperLobe};
        for (carina, size) in [(-100.0, 1.0), (40.0, 0.7), (0.0, 1.4)] {
            let at = |mm: f64| carina + size * mm;
            let all = [(Carina, 0.0), (Diaphragm, -110.0), (LeftUpperLobe, -25.0), (ArchTop, 50.0), (ApexLeft, 80.0)];
            let known = landmarks(&all.map(|(id, mm)| (id, at(mm))));
            let left = chain(&known, carina, CHAINS[1]);
            for (id, mm) in all {
                assert_abs_diff_eq!(height(&left, at(mm)), id.usual_offset().z, epsilon = 1e-9);
            }
            assert_abs_diff_eq!(height(&left, at(25.0)), 22.5, epsilon = 1e-9);
            assert_abs_diff_eq!(height(&left, at(80.0) + 7.0), 97.0, epsilon = 1e-9);
            assert_abs_diff_eq!(height(&left, at(-110.0) - 7.0), -127.0, epsilon = 1e-9);
        }
    }

    #[test]
    fn what_is_estimated_or_out_of_order_does_not_count() {
        use LandmarkId::{ApexRight, Carina, Diaphragm, IntermediusLower, RightUpperLobe};
        let mut known = landmarks(&[(Carina, 0.0), (RightUpperLobe, -30.0), (IntermediusLower, -20.0)]);
        known.set(Diaphragm, DVec3::ZERO - DVec3::Z * 200.0, LandmarkSource::Estimated);
        known.set(ApexRight, DVec3::Z * 1.0, LandmarkSource::Found);
        assert_eq!(chain(&known, 0.0, CHAINS[0]), [[-30.0, -10.0], [0.0, 0.0]]);
    }

    #[test]
    fn planes_count_from_the_trachea_and_end_at_their_limit() {
        let guide = Guide { trachea: [10.0, -20.0], heights: [25.0, -50.0, 1000.0] };
        let mut planes = vec![9.0; Guide::CHANNELS * 2];
        guide.fill([[35.0, -20.0], [10.0, 500.0]].into_iter(), &mut planes);
        assert_eq!(planes, [0.5, 0.0, 0.0, 3.0, 0.5, 0.5, -1.0, -1.0, 3.0, 3.0]);
    }
}
