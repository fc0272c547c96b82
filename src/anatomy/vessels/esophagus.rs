//! The esophagus in a chest CT, from CT numbers alone: a strand of soft tissue, with air in it here and there, behind the
//! trachea above the carina and before or beside the descending aorta below it.
//!
//! Where it touches the left atrium or nodes nothing parts them, so its course is the smoothest way through places
//! that look like it (dynamic programming from slice to slice), and its width is what fits there.

use super::{Coarse, Disc, Inside, Look, Track, distance};
use crate::anatomy::curves::trachea_course;
use crate::anatomy::{LandmarkId, Organ};
use rayon::prelude::*;

/// Air in the esophagus is below this, fat is above.
const AIR_HU: f32 = -200.0;
/// ...and not as near to a lung, whose edges have all numbers, mm.
const FROM_LUNG_MM: f64 = 4.0;
/// Half of its usual depth, from and to, mm; what is thinner or thicker costs more.
const HALF_MM: [f64; 2] = [5.0, 8.0];
const THINNER_MM: f64 = 2.0;
const THICKER_MM: f64 = 2.5;
/// Above the carina it lies so far to the left of the middle of the trachea and behind its wall, give or take, mm.
const FROM_TRACHEA_MM: [f64; 2] = [4.0, 7.0];
const FROM_TRACHEA_OFF_MM: [f64; 2] = [6.0, 4.0];
/// Below it lies so far before the middle of the descending aorta, more toward the hiatus, give or take, mm.
const BEFORE_AORTA_MM: f64 = 17.0;
const BEFORE_AORTA_SLOPE: f64 = 0.1;
const BEFORE_AORTA_OFF_MM: f64 = 5.0;
/// ...and anywhere from this far right of the carina to this far left of the middle of the aorta; beyond it costs more, mm.
const RIGHT_OF_CARINA_MM: f64 = 8.0;
const LEFT_OF_AORTA_MM: f64 = 4.0;
const BESIDE_OFF_MM: f64 = 6.0;
/// From the trachea's side to the aorta's over this much below the carina, mm.
const CHANGE_MM: f64 = 20.0;
/// Air within this speaks for it, mm, and so much.
const NEAR_AIR_MM: f64 = 3.5;
const AIR_GAIN: f64 = 3.0;
/// From slice to slice it goes aside by so much, and parts of the way between them; never farther than so often, mm.
const DRIFT_MM: [f64; 2] = [1.5, 0.3];
const FARTHEST: f64 = 3.0;
/// A place costs at most so much: where nothing looks like it the course runs on smoothly.
const DEAREST: f64 = 12.0;
/// With more on average nothing of the kind was seen.
const MEAN_COST: f64 = 6.0;
/// Its half width as drawn, from and to, mm.
const RADIUS_MM: [f64; 2] = [5.5, 8.0];
/// It is drawn from here above the carina down to the diaphragm, mm.
const ABOVE_MM: f64 = 90.0;

/// A place where it may lie.
struct Place {
    pixel: usize,
    at: [f64; 2],
    cost: f64,
}

/// What of a slice may be esophagus.
struct Tissue {
    inside: Vec<bool>,
    air: Vec<bool>,
    /// Neither lung, airway, aorta nor blood that contrast shows: the rest may be its wall, blurred with fat.
    free: Vec<bool>,
    /// Distance to what is not, mm.
    depth: Vec<f64>,
}

impl Look<'_> {
    /// Where it is, if it is seen; `blood` is left out where contrast shows it.
    pub(super) fn esophagus(&self, descending: &Track, blood: Option<&Inside>) -> Option<Inside> {
        let course = trachea_course(self.sources);
        let diaphragm = self.sources.landmarks.z(LandmarkId::Diaphragm).unwrap_or(f64::NEG_INFINITY);
        let aorta = carried(descending);
        let look = |(n, slice): (usize, &Coarse)| {
            let height = slice.z - self.carina.z;
            if slice.z < diaphragm || height > ABOVE_MM {
                return None;
            }
            let trachea = course.get(slice.k).copied().flatten().map(|p| [p[0] - self.carina.x, p[1] - self.carina.y]);
            let expected = expected(height, trachea, aorta[n].map(|d| d.at))?;
            let tissue = self.tissue(slice, aorta[n], blood.map(|blood| &blood[n]));
            let places = self.places(&tissue, &expected);
            Some((n, tissue, places))
        };
        let seen: Vec<(usize, Tissue, Vec<Place>)> = self.slices.par_iter().enumerate().filter_map(look).collect();
        let mut inside: Inside = self.slices.iter().map(|slice| vec![false; slice.soft.len()]).collect();
        for ((n, tissue, _), place) in seen.iter().zip(self.way(&seen)?) {
            let radius = (tissue.depth[place.pixel] + 1.0).clamp(RADIUS_MM[0], RADIUS_MM[1]);
            for (at, out) in inside[*n].iter_mut().enumerate() {
                *out = tissue.free[at] && distance(self.offset_of(at), place.at) <= radius;
            }
        }
        Some(inside)
    }

    fn tissue(&self, slice: &Coarse, aorta: Option<Disc>, blood: Option<&Vec<bool>>) -> Tissue {
        let filled: Vec<_> =
            [Organ::LungRight, Organ::LungLeft, Organ::Airway].iter().filter_map(|o| self.sources.organ(*o)).collect();
        let of_lung: Vec<bool> = (0..slice.hu.len())
            .map(|at| {
                let voxel = self.voxel_of(at, slice.z);
                voxel.is_some_and(|[j, i]| filled.iter().any(|mask| mask.get(slice.k, j, i)))
            })
            .collect();
        let from_lung =
            if of_lung.contains(&true) { self.distances(&of_lung, true) } else { vec![f64::MAX; of_lung.len()] };
        // Outside of the scan there is no air either.
        let air: Vec<bool> = slice
            .hu
            .iter()
            .zip(&from_lung)
            .map(|(hu, away)| *hu < AIR_HU && *hu > -1000.0 && *away > FROM_LUNG_MM)
            .collect();
        let free: Vec<bool> = (0..slice.hu.len())
            .map(|at| {
                let in_aorta = aorta.is_some_and(|d| distance(self.offset_of(at), d.at) <= d.radius + 0.5);
                !of_lung[at] && !in_aorta && !blood.is_some_and(|blood| blood[at])
            })
            .collect();
        let inside: Vec<bool> = (0..free.len()).map(|at| free[at] && (slice.soft[at] || air[at])).collect();
        let depth = self.distances(&inside, false);
        Tissue { inside, air, free, depth }
    }

    fn places(&self, tissue: &Tissue, expected: &Expected) -> Vec<Place> {
        let near_air = if tissue.air.contains(&true) { Some(self.distances(&tissue.air, true)) } else { None };
        let place = |pixel: usize| {
            let (at, depth) = (self.offset_of(pixel), tissue.depth[pixel]);
            let prior = expected.cost(at);
            let [low, high] = HALF_MM;
            let shape = ((low - depth) / THINNER_MM).max((depth - high) / THICKER_MM).max(0.0).powi(2);
            let has_air = near_air.as_ref().is_some_and(|away| away[pixel] <= NEAR_AIR_MM);
            let cost = (prior + shape).min(DEAREST) - if has_air { AIR_GAIN } else { 0.0 };
            (prior < DEAREST).then_some(Place { pixel, at, cost })
        };
        (0..tissue.inside.len()).filter_map(place).collect()
    }

    /// The cheapest way through one place on every slice.
    fn way<'p>(&self, seen: &'p [(usize, Tissue, Vec<Place>)]) -> Option<Vec<&'p Place>> {
        let (z, places): (Vec<f64>, Vec<&Vec<Place>>) = seen.iter().map(|(n, _, p)| (self.slices[*n].z, p)).unzip();
        if seen.len() < 2 || places.iter().any(|p| p.is_empty()) {
            return None;
        }
        let mut total: Vec<f64> = places[0].iter().map(|p| p.cost).collect();
        let mut from: Vec<Vec<usize>> = vec![Vec::new()];
        for m in 1..places.len() {
            let drift = DRIFT_MM[0] + DRIFT_MM[1] * (z[m] - z[m - 1]).abs();
            let step = |place: &Place| {
                let before = places[m - 1].iter().enumerate().filter_map(|(n, p)| {
                    let off = distance(place.at, p.at) / drift;
                    (off <= FARTHEST).then(|| (n, total[n] + off * off))
                });
                before.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((usize::MAX, f64::INFINITY))
            };
            let steps: Vec<(usize, f64)> = places[m].iter().map(step).collect();
            total = steps.iter().zip(places[m]).map(|((_, t), p)| t + p.cost).collect();
            from.push(steps.into_iter().map(|(n, _)| n).collect());
        }
        let (mut n, least) = total.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
        if least / seen.len() as f64 > MEAN_COST {
            return None;
        }
        let mut way = Vec::with_capacity(places.len());
        for m in (0..places.len()).rev() {
            way.push(&places[m][n]);
            n = from[m].get(n).copied().unwrap_or(0);
        }
        way.reverse();
        Some(way)
    }
}

/// Where it usually lies on a slice, from the carina, mm.
struct Expected {
    /// Share of the aorta's side, and what that expects: x from and to, and y.
    below: f64,
    aorta: Option<([f64; 2], f64)>,
    trachea: Option<[f64; 2]>,
}

fn expected(height: f64, trachea: Option<[f64; 2]>, aorta: Option<[f64; 2]>) -> Option<Expected> {
    let below = if aorta.is_none() { 0.0 } else { (-height / CHANGE_MM).clamp(0.0, 1.0) };
    if below < 1.0 && trachea.is_none() {
        return None;
    }
    let before = BEFORE_AORTA_MM + BEFORE_AORTA_SLOPE * (-height - CHANGE_MM).max(0.0);
    let aorta = aorta.map(|[x, y]| ([(-RIGHT_OF_CARINA_MM).min(x), x + LEFT_OF_AORTA_MM], y - before));
    let [left, behind] = FROM_TRACHEA_MM;
    Some(Expected { below, aorta, trachea: trachea.map(|[x, y]| [x + left, y + behind]) })
}

impl Expected {
    fn cost(&self, [x, y]: [f64; 2]) -> f64 {
        let of_trachea = self.trachea.map_or(0.0, |[at_x, at_y]| {
            ((x - at_x) / FROM_TRACHEA_OFF_MM[0]).powi(2) + ((y - at_y) / FROM_TRACHEA_OFF_MM[1]).powi(2)
        });
        let of_aorta = self.aorta.map_or(0.0, |([from, to], at_y)| {
            ((from - x).max(x - to).max(0.0) / BESIDE_OFF_MM).powi(2) + ((y - at_y) / BEFORE_AORTA_OFF_MM).powi(2)
        });
        of_trachea * (1.0 - self.below) + of_aorta * self.below
    }
}

/// The discs of a vessel, where it was not followed those of the nearest slice.
fn carried(track: &Track) -> Track {
    let known: Vec<usize> = (0..track.len()).filter(|&n| track[n].is_some()).collect();
    (0..track.len()).map(|n| track[*known.iter().min_by_key(|m| m.abs_diff(n))?]).collect()
}
