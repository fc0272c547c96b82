//! Landmarks that follow from the masks of organs (REFERENCE 2.2, automatic sources).

use super::plane::{Extent, OrganPlane};
use super::{AnatomySources, LandmarkId, LandmarkSource, Landmarks, Organ};
use crate::geometry::PatientPoint;
use glam::DVec3;

/// A slice shows the left pulmonary artery from this area on, mm2.
const LEAST_ARTERY_MM2: f64 = 30.0;

/// Finds what the masks show: cricoid excepted, all levels of vessels, lungs, airway and bones.
/// Landmarks already in the sources are not looked at.
pub fn find_landmarks(sources: &AnatomySources) -> Landmarks {
    let planes: Vec<OrganPlane> = {
        let mut planes: Vec<OrganPlane> = (0..sources.grid.slices()).map(|k| OrganPlane::new(sources, k)).collect();
        // From the feet to the head, whatever the direction of the scan.
        planes.sort_by(|a, b| a.z.total_cmp(&b.z));
        planes
    };
    let mut out = Landmarks::default();
    let extent = |plane: &OrganPlane, organ: Organ| Extent::of(plane, &plane.organ_pixels(organ));
    let point = |e: Extent, z: f64| DVec3::new(e.center[0], e.center[1], z);
    let top = |organ: Organ| planes.iter().rev().find_map(|plane| Some(point(extent(plane, organ)?, plane.z)));
    let half = sources.grid.median_spacing_mm() / 2.0;
    let middles = trachea_middles(&planes);

    if let Some((carina, z)) = carina(&planes) {
        out.set(LandmarkId::Carina, DVec3::new(carina[0], carina[1], z - half), LandmarkSource::Found);
    }
    let mut set = |id: LandmarkId, at: Option<PatientPoint>, source: LandmarkSource| {
        if let Some(at) = at {
            out.set(id, at, source);
        }
    };
    set(LandmarkId::ManubriumTop, top(Organ::Sternum), LandmarkSource::FromStructure);
    set(LandmarkId::ApexRight, top(Organ::LungRight), LandmarkSource::Found);
    set(LandmarkId::ApexLeft, top(Organ::LungLeft), LandmarkSource::Found);
    set(LandmarkId::ArchTop, top(Organ::Aorta), LandmarkSource::FromStructure);
    set(LandmarkId::ArchLower, arch_lower(&planes, half), LandmarkSource::FromStructure);
    set(LandmarkId::LeftBrachiocephalicLower, vein_crossing(&planes, &middles), LandmarkSource::FromStructure);
    // The medial third of the clavicles.
    let clavicle = planes.iter().rev().find_map(|plane| {
        let middle = nearest(&middles, plane.z)?;
        let mut pixels = plane.pixels(Organ::ClavicleLeft.bit() | Organ::ClavicleRight.bit());
        pixels.retain(|&at| (plane.position(at)[0] - middle).abs() < 50.0);
        Some(point(Extent::of(plane, &pixels)?, plane.z))
    });
    set(LandmarkId::ClavicleTop, clavicle, LandmarkSource::FromStructure);
    // The left artery: what of it lies left of the midline.
    let artery = planes.iter().rev().find_map(|plane| {
        let middle = nearest(&middles, plane.z)?;
        let mut pixels = plane.organ_pixels(Organ::PulmonaryArtery);
        pixels.retain(|&at| plane.position(at)[0] > middle);
        let e = Extent::of(plane, &pixels).filter(|e| e.area_mm2 > LEAST_ARTERY_MM2)?;
        Some(point(e, plane.z + half))
    });
    set(LandmarkId::LeftPulmonaryTop, artery, LandmarkSource::FromStructure);
    let lungs = Organ::LungRight.bit() | Organ::LungLeft.bit();
    let lowest = planes.iter().find_map(|plane| Some(point(Extent::of(plane, &plane.pixels(lungs))?, plane.z + 10.0)));
    set(LandmarkId::Diaphragm, lowest, LandmarkSource::Found);
    out
}

/// Height and middle of the largest lumen, mm, of the slices that have one.
fn trachea_middles(planes: &[OrganPlane]) -> Vec<(f64, f64)> {
    let middle = |plane: &OrganPlane| {
        let parts = plane.components(&plane.organ_pixels(Organ::Airway));
        Some((plane.z, Extent::of(plane, parts.first()?)?.center[0]))
    };
    planes.iter().filter_map(middle).collect()
}

fn nearest(middles: &[(f64, f64)], z: f64) -> Option<f64> {
    middles.iter().min_by(|a, b| (a.0 - z).abs().total_cmp(&(b.0 - z).abs())).map(|(_, middle)| *middle)
}

/// From the top down, the last slice with one lumen before it parts into two main bronchi.
fn carina(planes: &[OrganPlane]) -> Option<([f64; 2], f64)> {
    let mut last: Option<([f64; 2], f64)> = None;
    for plane in planes.iter().rev() {
        let parts: Vec<Extent> = plane
            .components(&plane.organ_pixels(Organ::Airway))
            .iter()
            .filter_map(|pixels| Extent::of(plane, pixels))
            .filter(|e| e.area_mm2 > 40.0)
            .collect();
        match (parts.len(), last) {
            (0, None) => {}
            (1, _) => last = Some((parts[0].center, plane.z)),
            (_, Some(found)) => return Some(found),
            // A scan that starts below the carina shows two lumens only.
            _ => return None,
        }
    }
    None
}

/// From the top of the arch down, the slice above the first in which the aorta parts in two.
fn arch_lower(planes: &[OrganPlane], half: f64) -> Option<PatientPoint> {
    let mut last: Option<PatientPoint> = None;
    for plane in planes.iter().rev() {
        let parts: Vec<Extent> = plane
            .components(&plane.organ_pixels(Organ::Aorta))
            .iter()
            .filter_map(|pixels| Extent::of(plane, pixels))
            .filter(|e| e.area_mm2 > 100.0)
            .collect();
        match (parts.len(), last) {
            (1, _) => last = Some(DVec3::new(parts[0].center[0], parts[0].center[1], plane.z - half)),
            (2.., Some(found)) => return Some(found),
            _ => {}
        }
    }
    None
}

/// Lowest slice in which the left brachiocephalic vein lies within 2 mm of the tracheal midline.
fn vein_crossing(planes: &[OrganPlane], middles: &[(f64, f64)]) -> Option<PatientPoint> {
    planes.iter().find_map(|plane| {
        let pixels = plane.organ_pixels(Organ::BrachiocephalicVeinLeft);
        if pixels.is_empty() {
            return None;
        }
        let middle = nearest(middles, plane.z)?;
        let near: Vec<usize> = pixels.into_iter().filter(|&at| (plane.position(at)[0] - middle).abs() <= 2.0).collect();
        let e = Extent::of(plane, &near)?;
        Some(DVec3::new(e.center[0], e.center[1], plane.z))
    })
}
