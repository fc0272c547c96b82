//! Curves along z on which the borders hang: walls of the trachea, great vessels, spine, sternum.
//!
//! Each slice is measured for itself; what a slice lacks is taken from its neighbors, so that the
//! tracheal walls go on below the carina and the spine through the discs.

use super::plane::{Extent, OrganPlane};
use super::{AnatomySources, LandmarkId, Landmarks, Organ};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So far above the carina a thick slice may show both main bronchi, mm.
const PARTING_MM: f64 = 8.0;

/// A point of a slice in patient x and y, mm.
pub type Point = [f64; 2];

/// The curves at one slice, patient mm.
#[derive(Debug, Clone, Default)]
pub struct SliceCurves {
    /// Left border, middle, posterior and anterior wall of the tracheal lumen.
    pub trachea: Option<Trachea>,
    /// Medial wall (toward the midline) of the right and of the left main bronchus, below the carina.
    pub right_medial: Option<f64>,
    pub left_medial: Option<f64>,
    /// Anterior wall of the main bronchi, mean of both.
    pub bronchi_front: Option<f64>,
    /// Posterior wall of the right and of the left main bronchus near the midline, below the carina.
    pub bronchi_back: [Option<f64>; 2],
    /// Pixels of the airway right and left of the midline, below the carina.
    pub right_airway: Vec<usize>,
    pub left_airway: Vec<usize>,
    pub spine_front: Option<f64>,
    pub sternum_back: Option<f64>,
    /// Most anterior pleura on the right and on the left.
    pub pleura_front: [Option<f64>; 2],
    /// Mid-points of the great vessels above the arch, from right to left.
    pub vessels: Vec<Point>,
    /// Front of the superior vena cava and of the ascending aorta (or arch): `[x, y]`.
    pub cava_front: Option<Point>,
    pub aorta_front: Option<Point>,
    /// Pixels of the ascending aorta or the arch.
    pub aorta_front_limb: Vec<usize>,
    /// Center of the largest aortic component, for the arch.
    pub aorta_center: Option<Point>,
    /// Left edge and back of the descending aorta.
    pub aorta_left: Option<f64>,
    pub aorta_back: Option<f64>,
    /// Nearest points of ascending and descending aorta: the ligament line of stations 4L and 5.
    pub ligament: Option<(Point, Point)>,
    pub esophagus_front: Option<f64>,
    /// Whether the sources have these organs at all, on whatever slice.
    pub aorta_known: bool,
    pub esophagus_known: bool,
    pub thyroid_front: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trachea {
    pub left: f64,
    pub middle: f64,
    pub back: f64,
    pub front: f64,
}

impl SliceCurves {
    /// Measures one slice.
    pub fn measure(plane: &OrganPlane, landmarks: &Landmarks) -> Self {
        let mut out = Self::default();
        let carina = landmarks.get(LandmarkId::Carina).map(|landmark| landmark.position);
        let extent = |pixels: &[usize]| Extent::of(plane, pixels);
        let airway = plane.components(&plane.organ_pixels(Organ::Airway));
        let above = carina.is_none_or(|c| plane.z >= c.z);
        if above {
            // Where the lumen parts already, its largest piece is a bronchus.
            let is_near = carina.is_some_and(|c| plane.z < c.z + PARTING_MM);
            let is_parted = is_near && airway.get(1).is_some_and(|second| second.len() * 3 > airway[0].len());
            if let Some(e) = airway.first().filter(|_| !is_parted).and_then(|pixels| extent(pixels)) {
                out.trachea = Some(Trachea { left: e.max[0], middle: e.center[0], back: e.max[1], front: e.min[1] });
            }
        } else if let Some(c) = carina {
            // The main bronchi are the components nearest to the midline on each side.
            let measured: Vec<(Extent, &Vec<usize>)> = airway
                .iter()
                .filter_map(|pixels| Some((extent(pixels)?, pixels)))
                .filter(|(e, _)| e.area_mm2 >= 12.0)
                .collect();
            let right = measured.iter().filter(|(e, _)| e.center[0] < c.x);
            let left = measured.iter().filter(|(e, _)| e.center[0] >= c.x);
            let main_right = right.clone().max_by(|a, b| a.0.max[0].total_cmp(&b.0.max[0]));
            let main_left = left.clone().min_by(|a, b| a.0.min[0].total_cmp(&b.0.min[0]));
            out.right_medial = main_right.map(|(e, _)| e.max[0]);
            out.left_medial = main_left.map(|(e, _)| e.min[0]);
            // Their front near the midline; the lobar bronchi turn forward farther out.
            let front = |(e, pixels): &(Extent, &Vec<usize>)| {
                let wall = if e.center[0] < c.x { e.max[0] } else { e.min[0] };
                let near = pixels.iter().map(|&at| plane.position(at)).filter(|p| (p[0] - wall).abs() <= 10.0);
                near.map(|p| p[1]).fold(f64::INFINITY, f64::min)
            };
            let fronts: Vec<f64> = [main_right, main_left].into_iter().flatten().map(front).collect();
            out.bronchi_front = (!fronts.is_empty()).then(|| fronts.iter().sum::<f64>() / fronts.len() as f64);
            let back = |(e, pixels): &(Extent, &Vec<usize>)| {
                let wall = if e.center[0] < c.x { e.max[0] } else { e.min[0] };
                let near = pixels.iter().map(|&at| plane.position(at)).filter(|p| (p[0] - wall).abs() <= 10.0);
                near.map(|p| p[1]).fold(f64::NEG_INFINITY, f64::max)
            };
            out.bronchi_back = [main_right, main_left].map(|main| main.map(back));
            out.right_airway = right.flat_map(|(_, pixels)| pixels.iter().copied()).collect();
            out.left_airway = left.flat_map(|(_, pixels)| pixels.iter().copied()).collect();
        }
        let middle = out.trachea.map(|t| t.middle).or(carina.map(|c| c.x)).unwrap_or(0.0);
        let near = |organ: Organ, width: f64| -> Vec<usize> {
            let mut pixels = plane.organ_pixels(organ);
            pixels.retain(|&at| (plane.position(at)[0] - middle).abs() <= width);
            pixels
        };
        out.spine_front = extent(&near(Organ::Vertebrae, 15.0)).map(|e| e.min[1]);
        out.sternum_back = extent(&near(Organ::Sternum, 20.0)).map(|e| e.max[1]);
        out.pleura_front =
            [Organ::LungRight, Organ::LungLeft].map(|lung| extent(&plane.organ_pixels(lung)).map(|e| e.min[1]));
        out.esophagus_front = extent(&plane.organ_pixels(Organ::Esophagus)).map(|e| e.min[1]);
        out.thyroid_front = extent(&plane.organ_pixels(Organ::Thyroid)).map(|e| e.min[1]);

        let first = |organs: &[Organ]| organs.iter().find_map(|organ| extent(&near(*organ, 45.0)));
        let great = [
            first(&[Organ::BrachiocephalicVeinRight, Organ::SuperiorVenaCava]),
            first(&[Organ::BrachiocephalicTrunk, Organ::CarotidRight]),
            first(&[Organ::CarotidLeft]),
            first(&[Organ::SubclavianLeft]),
        ];
        out.vessels = great.into_iter().flatten().map(|e| e.center).collect();
        out.vessels.sort_by(|a, b| a[0].total_cmp(&b[0]));

        let front = |e: Extent| [e.center[0], e.min[1]];
        out.cava_front = first(&[Organ::SuperiorVenaCava, Organ::BrachiocephalicVeinRight]).map(front);
        let mut aorta: Vec<(Extent, Vec<usize>)> = plane
            .components(&plane.organ_pixels(Organ::Aorta))
            .into_iter()
            .filter_map(|pixels| Some((extent(&pixels)?, pixels)))
            .filter(|(e, _)| e.area_mm2 >= 60.0)
            .collect();
        out.aorta_center = aorta.first().map(|(e, _)| e.center);
        aorta.sort_by(|a, b| a.0.center[1].total_cmp(&b.0.center[1]));
        if let (Some((ascending, a)), Some((descending, d))) = (aorta.first(), aorta.last()) {
            // One component in front of the spine is the arch or the descending aorta alone.
            let two = aorta.len() >= 2;
            let is_descending = !two && carina.is_some_and(|c| ascending.min[1] > c.y - 5.0);
            if !is_descending {
                out.aorta_front = Some(front(*ascending));
                out.aorta_front_limb.clone_from(a);
            }
            out.aorta_left = Some(descending.max[0]);
            out.aorta_back = Some(descending.max[1]);
            if two {
                out.ligament = nearest_points(plane, a, d);
            }
        }
        out
    }

    /// In front of (negative) or behind (positive) the great vessels above the arch, mm along y.
    pub fn behind_great_vessels(&self, [x, y]: Point) -> Option<f64> {
        match self.vessels.len() {
            0 | 1 => self.trachea.map(|t| y - (t.front - 8.0)),
            _ => Some(y - along(&self.vessels, x)),
        }
    }

    /// Likewise for the line of the anterior walls of vena cava and ascending aorta.
    pub fn behind_front_walls(&self, [x, y]: Point) -> Option<f64> {
        let walls: Vec<Point> = self.cava_front.into_iter().chain(self.aorta_front).collect();
        if walls.is_empty() { self.trachea.map(|t| y - (t.front - 8.0)) } else { Some(y - along(&walls, x)) }
    }

    /// Positive on the posterior-medial side of the ligament line (station 4L), negative lateral (station 5).
    pub fn medial_of_ligament(&self, [x, y]: Point) -> Option<f64> {
        let t = self.trachea?;
        let Some((a, d)) = self.ligament else {
            // Without an aorta that somebody drew: 45 degrees through a point 20 mm left of the trachea.
            return Some((y - t.front) - (x - t.left - 20.0));
        };
        let side = |p: Point| (d[0] - a[0]) * (p[1] - a[1]) - (d[1] - a[1]) * (p[0] - a[0]);
        let inner = side([t.middle, f64::midpoint(t.front, t.back)]);
        Some(side([x, y]) * inner.signum())
    }
}

/// Height y of a polyline (sorted by x) at x, level beyond its ends.
fn along(line: &[Point], x: f64) -> f64 {
    let (first, last) = (line[0], line[line.len() - 1]);
    if x <= first[0] {
        return first[1];
    }
    if x >= last[0] {
        return last[1];
    }
    let n = line.partition_point(|p| p[0] <= x).clamp(1, line.len() - 1);
    let (a, b) = (line[n - 1], line[n]);
    a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0]).max(1e-9)
}

/// The closest pair of points of two sets of pixels.
fn nearest_points(plane: &OrganPlane, a: &[usize], b: &[usize]) -> Option<(Point, Point)> {
    let edge = |pixels: &[usize]| -> Vec<Point> {
        let set: std::collections::BTreeSet<usize> = pixels.iter().copied().collect();
        pixels
            .iter()
            .filter(|&&at| {
                let w = plane.columns;
                [at.wrapping_sub(1), at + 1, at.wrapping_sub(w), at + w].iter().any(|n| !set.contains(n))
            })
            .map(|&at| plane.position(at))
            .collect()
    };
    let (a, b) = (edge(a), edge(b));
    a.iter().flat_map(|p| b.iter().map(move |q| (*p, *q))).min_by(|(p, q), (r, s)| {
        let d = |p: &Point, q: &Point| (p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2);
        d(p, q).total_cmp(&d(r, s))
    })
}

/// The curves of every slice, gaps filled from the neighbors.
pub fn fill(mut all: Vec<SliceCurves>, z: &[f64], landmarks: &Landmarks) -> Vec<SliceCurves> {
    let carina = landmarks.z(LandmarkId::Carina);
    let arch = landmarks.z(LandmarkId::ArchLower);
    // From the head down, so that the lumen above is carried on below.
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|a, b| z[*b].total_cmp(&z[*a]));
    carry(&mut all, &order, |c| &mut c.trachea);
    // A missing top of the trachea is taken from below.
    let upward: Vec<usize> = order.iter().rev().copied().collect();
    carry(&mut all, &upward, |c| &mut c.trachea);
    if let Some(carina) = carina {
        // Bronchi exist below the carina only; the last wall goes on below them.
        let below: Vec<usize> = order.iter().copied().filter(|&k| z[k] < carina).collect();
        carry(&mut all, &below, |c| &mut c.right_medial);
        carry(&mut all, &below, |c| &mut c.left_medial);
        carry(&mut all, &below, |c| &mut c.bronchi_front);
        carry(&mut all, &below, |c| &mut c.bronchi_back[0]);
        carry(&mut all, &below, |c| &mut c.bronchi_back[1]);
    }
    if let Some(arch) = arch {
        // The ligament line below the arch also parts 4L from the arch itself.
        let up: Vec<usize> = upward.iter().copied().filter(|&k| z[k] >= arch - 12.0).collect();
        carry(&mut all, &up, |c| &mut c.ligament);
    }
    interpolate(&mut all, z, |c| &mut c.spine_front);
    median(&mut all, |c| &mut c.spine_front);
    interpolate(&mut all, z, |c| &mut c.sternum_back);
    all
}

/// Gives every slice without a value that of the last slice before it in `order`.
fn carry<T: Clone>(all: &mut [SliceCurves], order: &[usize], value: impl Fn(&mut SliceCurves) -> &mut Option<T>) {
    let mut last: Option<T> = None;
    for &k in order {
        let slot = value(&mut all[k]);
        match slot {
            Some(v) => last = Some(v.clone()),
            None => slot.clone_from(&last),
        }
    }
}

/// Replaces every value by the median of itself and its two neighbors on each side: a slice on which half a vertebra was
/// missed does not count.
fn median(all: &mut [SliceCurves], value: impl Fn(&mut SliceCurves) -> &mut Option<f64>) {
    let raw: Vec<Option<f64>> = all.iter_mut().map(|c| *value(c)).collect();
    for (k, curves) in all.iter_mut().enumerate() {
        let mut near: Vec<f64> = raw[k.saturating_sub(2)..(k + 3).min(raw.len())].iter().flatten().copied().collect();
        near.sort_by(f64::total_cmp);
        *value(curves) = near.get(near.len() / 2).copied();
    }
}

/// Fills gaps evenly between known slices and with the nearest value beyond them.
fn interpolate(all: &mut [SliceCurves], z: &[f64], value: impl Fn(&mut SliceCurves) -> &mut Option<f64>) {
    let known: Vec<(usize, f64)> =
        (0..all.len()).filter_map(|k| value(&mut all[k]).as_ref().map(|v| (k, *v))).collect();
    if known.is_empty() {
        return;
    }
    for k in 0..all.len() {
        if value(&mut all[k]).is_some() {
            continue;
        }
        let after = known.partition_point(|(n, _)| *n < k);
        let v = if after == 0 {
            known[0].1
        } else if after == known.len() {
            known[after - 1].1
        } else {
            let ((a, va), (b, vb)) = (known[after - 1], known[after]);
            va + (vb - va) * (z[k] - z[a]) / (z[b] - z[a])
        };
        *value(&mut all[k]) = Some(v);
    }
}

/// Measures all slices of the sources; the planes are given back for the rules.
pub fn measure_all(sources: &AnatomySources) -> (Vec<OrganPlane>, Vec<SliceCurves>) {
    use rayon::prelude::*;
    let (planes, raw): (Vec<OrganPlane>, Vec<SliceCurves>) = (0..sources.grid.slices())
        .into_par_iter()
        .map(|k| {
            let plane = OrganPlane::new(sources, k);
            let mut curves = SliceCurves::measure(&plane, &sources.landmarks);
            curves.aorta_known = sources.organ(Organ::Aorta).is_some();
            if sources.vessels_by_numbers {
                // The limbs are made of discs; under the arch their nearest points run along the trachea.
                curves.ligament = None;
            }
            curves.esophagus_known = sources.organ(Organ::Esophagus).is_some();
            (plane, curves)
        })
        .unzip();
    let z: Vec<f64> = planes.iter().map(|plane| plane.z).collect();
    let curves = fill(raw, &z, &sources.landmarks);
    (planes, curves)
}

/// Patient x of the middle and y of the posterior wall of the trachea on every slice, mm; below the carina and above its
/// top as on the nearest slice that shows it. `None` where no slice does.
pub fn trachea_course(sources: &AnatomySources) -> Vec<Option<Point>> {
    let airway = BTreeMap::from_iter(sources.organs.get_key_value(&Organ::Airway).map(|(o, m)| (*o, Arc::clone(m))));
    let (_, curves) = measure_all(&AnatomySources { organs: airway, ..sources.clone() });
    curves.into_iter().map(|c| c.trachea.map(|t| [t.middle, t.back])).collect()
}
