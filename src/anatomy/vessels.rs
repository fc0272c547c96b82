//! Blood in a chest CT, from CT numbers alone: heart and great vessels, of them aorta and vena cava by name, and the
//! levels that they give.
//!
//! With contrast, blood is what is bright and even. Without, vessels and nodes have the same numbers, but vessels are
//! thick: what is left of the soft tissue after an opening by a disc is blood, and fat, nodes of usual size, esophagus and
//! small vessels are not. A bulky mass looks like blood; where it is drawn as a target, it is left out.

mod esophagus;

use super::plane::{OrganPlane, components};
use super::{AnatomySources, LandmarkId, Organ};
use crate::contour::{Mask, SliceMask, squared_distances_mm2};
use crate::geometry::PatientPoint;
use crate::image::CtVolume;
use glam::DVec3;
use ndarray::Array3;
use rayon::prelude::*;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// The slices are looked at in pixels of this size, mm...
const STEP_MM: f64 = 1.8;
/// ...from so far to the right, left, front and back of the carina, mm.
const REACH_MM: [f64; 4] = [75.0, 75.0, 110.0, 65.0];
/// Between fat and blood without contrast.
const SOFT_HU: f32 = 0.0;
/// Blood in the aorta above this has contrast in it.
const ENHANCED_HU: f32 = 110.0;
/// With contrast, blood is above the middle between it and this.
const TISSUE_HU: f32 = 60.0;
/// Without contrast, blood is what holds a disc of this radius, mm: nodes of 10 mm do not, nor does an empty esophagus.
const DISC_MM: f64 = 6.0;
/// With contrast, smaller bright spots are noise, mm.
const BRIGHT_DISC_MM: f64 = 1.5;
/// Discs further apart than this on neighboring slices are not of one vessel, mm, and parts of the way between slices.
const DRIFT_MM: [f64; 2] = [5.0, 1.6];
/// Likewise for the arch.
const ARCH_DRIFT_MM: [f64; 2] = [2.0, 0.6];
/// Its dome lies within this box, from the carina: muscles and tumors beside it do not belong to it, mm.
const ARCH_X_MM: [f64; 2] = [-10.0, 42.0];
const ARCH_Y_MM: [f64; 2] = [-42.0, 32.0];
/// Less of its core is a branch, mm2.
const ARCH_MM2: f64 = 50.0;
/// Both limbs of the aorta are one where a disc of this radius fits all the way between, mm.
const ARCH_RADIUS_MM: f64 = 7.5;
/// Branches of the arch are thinner than this, mm.
const AORTA_RADIUS_MM: f64 = 8.0;
/// The ascending aorta goes no further down from the carina, mm: there its root lies in the heart.
const ROOT_MM: f64 = 35.0;
/// Lower border and top of the arch from the carina, mm: what lies outside is no find.
const ARCH_LOWER_MM: [f64; 2] = [-5.0, 50.0];
const ARCH_TOP_MM: [f64; 2] = [18.0, 90.0];

/// What was found.
pub(super) struct Vessels {
    /// Between the lungs, from their apex down to the diaphragm; heart included, tumor not.
    pub blood: Mask,
    /// Empty where the vessel could not be followed.
    pub aorta: Mask,
    pub cava: Mask,
    /// Empty where it was not seen.
    pub esophagus: Mask,
    /// The levels by key, without those that could not be told.
    pub levels: Vec<(LandmarkId, PatientPoint)>,
}

/// A slice in coarse pixels.
struct Coarse {
    k: usize,
    z: f64,
    hu: Vec<f32>,
    soft: Vec<bool>,
    /// Distance to what is not soft, mm.
    depth: Vec<f64>,
}

/// A disc within a vessel.
#[derive(Debug, Clone, Copy)]
struct Disc {
    radius: f64,
    /// From the carina, mm.
    at: [f64; 2],
    pixel: usize,
}

/// Finds blood around the carina. `None` without a carina or where nothing of the kind is to be seen.
pub(super) fn find_vessels(sources: &AnatomySources, volume: &CtVolume, tumor: &Mask) -> Option<Vessels> {
    let look = Look::new(sources, volume, tumor)?;
    let descending = look.follow(
        |disc| {
            (-5.0..50.0).contains(&disc.at[0])
                && (8.0..60.0).contains(&disc.at[1])
                && (8.0..18.0).contains(&disc.radius)
        },
        -10.0,
    );
    let ascending = look.follow(
        |disc| {
            (-45.0..15.0).contains(&disc.at[0])
                && (-85.0..-22.0).contains(&disc.at[1])
                && (11.0..24.0).contains(&disc.radius)
        },
        10.0,
    );
    let aorta = look.aorta(&ascending, &descending);
    let cava = look.cava(&ascending, aorta.as_ref().and_then(|a| a.top));
    let mut levels = Vec::new();
    if let Some(Aorta { lower: Some(lower), top, .. }) = &aorta {
        levels.push((LandmarkId::ArchLower, *lower));
        levels.extend(top.map(|top| (LandmarkId::ArchTop, top)));
    }
    let (blood, enhanced) = look.blood(&ascending, &descending);
    let esophagus = look.esophagus(&descending, enhanced.then_some(&blood));
    let esophagus = esophagus.map_or_else(Mask::default, |inside| look.mask(&inside, false));
    let aorta = aorta.map_or_else(Mask::default, |aorta| look.mask(&aorta.inside, false));
    let cava = cava.map_or_else(Mask::default, |cava| look.mask(&cava, false));
    let blood = look.mask(&blood, true).union(&aorta).union(&cava).difference(&esophagus);
    Some(Vessels { blood, aorta, cava, esophagus, levels })
}

/// The discs of a vessel by place in [`Look::slices`].
type Track = Vec<Option<Disc>>;

/// Coarse pixels of a vessel on every slice.
type Inside = Vec<Vec<bool>>;

struct Aorta {
    inside: Inside,
    lower: Option<PatientPoint>,
    top: Option<PatientPoint>,
}

struct Look<'a> {
    sources: &'a AnatomySources,
    volume: &'a CtVolume,
    carina: DVec3,
    columns: usize,
    rows: usize,
    /// Half the way between slices, mm.
    half: f64,
    /// From the feet to the head.
    slices: Vec<Coarse>,
}

impl<'a> Look<'a> {
    fn new(sources: &'a AnatomySources, volume: &'a CtVolume, tumor: &Mask) -> Option<Self> {
        let grid = &*sources.grid;
        let carina = sources.landmarks.get(LandmarkId::Carina)?.position;
        let [right, left, front, back] = REACH_MM;
        let (columns, rows) = (((right + left) / STEP_MM) as usize, ((front + back) / STEP_MM) as usize);
        let mut order: Vec<usize> = (0..grid.slices()).collect();
        let z = |k: usize| grid.patient_from_voxel(k, 0.0, 0.0).z;
        order.sort_by(|a, b| z(*a).total_cmp(&z(*b)));
        // What is no blood for sure; bones are as dense, and lie against the vessels.
        let solid = Organ::all().filter(|o| o.is_cut_out() && !o.is_vessel() && *o != Organ::Heart);
        let taken: Vec<&Mask> = solid.filter_map(|o| sources.organ(o)).chain([tumor]).collect();
        let mut look =
            Self { sources, volume, carina, columns, rows, half: grid.median_spacing_mm() / 2.0, slices: Vec::new() };
        look.slices = order.into_par_iter().map(|k| look.slice(k, z(k), &taken)).collect();
        Some(look)
    }

    /// Patient x and y of a coarse pixel, from the carina.
    fn offset_of(&self, at: usize) -> [f64; 2] {
        let (j, i) = (at / self.columns, at % self.columns);
        [i as f64 * STEP_MM - REACH_MM[0], j as f64 * STEP_MM - REACH_MM[2]]
    }

    /// Row and column of the voxel nearest to a coarse pixel; `None` outside of the scan.
    fn voxel_of(&self, at: usize, z: f64) -> Option<[usize; 2]> {
        let (grid, [x, y]) = (&*self.sources.grid, self.offset_of(at));
        let v = grid.voxel_from_patient(DVec3::new(self.carina.x + x, self.carina.y + y, z));
        let (j, i) = (v.y.round(), v.z.round());
        let within = j >= 0.0 && i >= 0.0 && j < grid.rows() as f64 && i < grid.columns() as f64;
        within.then_some([j as usize, i as usize])
    }

    fn slice(&self, k: usize, z: f64, taken: &[&Mask]) -> Coarse {
        let grid = &*self.sources.grid;
        let half = |spacing: f64| (STEP_MM / 2.0 / spacing).round() as isize;
        let (half_j, half_i) = (half(grid.spacing_j_mm()), half(grid.spacing_i_mm()));
        let (rows, columns) = (grid.rows() as isize, grid.columns() as isize);
        let hu = self.volume.hu.index_axis(ndarray::Axis(0), k);
        let pixels = self.columns * self.rows;
        let mut mean = vec![-1000.0f32; pixels];
        let mut free = vec![false; pixels];
        for at in 0..pixels {
            let Some([row, column]) = self.voxel_of(at, z) else { continue };
            let (j, i) = (row as isize, column as isize);
            let (mut sum, mut n) = (0.0f32, 0.0f32);
            for j in (j - half_j).max(0)..=(j + half_j).min(rows - 1) {
                for i in (i - half_i).max(0)..=(i + half_i).min(columns - 1) {
                    // Calcium and metal would count as a whole neighborhood of blood.
                    sum += f32::from(hu[[j as usize, i as usize]].clamp(-300, 500));
                    n += 1.0;
                }
            }
            mean[at] = sum / n;
            free[at] = !taken.iter().any(|mask| mask.get(k, row, column));
        }
        let hu = softened(&mean, self.columns);
        let soft: Vec<bool> = hu.iter().zip(&free).map(|(hu, free)| *free && *hu > SOFT_HU).collect();
        let depth = self.distances(&soft, false);
        Coarse { k, z, hu, soft, depth }
    }

    /// Distance of every pixel to the next one that is `to`, mm.
    fn distances(&self, set: &[bool], to: bool) -> Vec<f64> {
        let marked = set.iter().map(|s| *s == to).collect();
        let marked = Array3::from_shape_vec((1, self.rows, self.columns), marked).expect("one value a pixel");
        let line = |n: usize| -> Vec<f64> { (0..n).map(|m| m as f64 * STEP_MM).collect() };
        let squared = squared_distances_mm2(&marked, [&[0.0], &line(self.rows), &line(self.columns)]);
        // Up to the edge between two pixels.
        squared.into_iter().map(|d| (d.sqrt() - STEP_MM / 2.0).max(0.0)).collect()
    }

    /// The places of `set` that a disc within it covers.
    fn opened(&self, depth: &[f64], set: &[bool], radius: f64) -> Vec<bool> {
        let core: Vec<bool> = depth.iter().map(|d| *d >= radius).collect();
        if !core.contains(&true) {
            return vec![false; set.len()];
        }
        self.distances(&core, true).iter().zip(set).map(|(d, inside)| *inside && *d <= radius).collect()
    }

    /// The largest discs that fit, each as large as none beside it.
    fn discs(&self, slice: &Coarse, least: f64) -> Vec<Disc> {
        let (columns, rows) = (self.columns, self.rows);
        let is_peak = |at: usize| {
            let (j, i) = (at / columns, at % columns);
            (j.saturating_sub(2)..(j + 3).min(rows)).all(|nj| {
                (i.saturating_sub(2)..(i + 3).min(columns)).all(|ni| slice.depth[nj * columns + ni] <= slice.depth[at])
            })
        };
        (0..slice.depth.len())
            .filter(|&at| slice.depth[at] >= least && is_peak(at))
            .map(|at| Disc { radius: slice.depth[at], at: self.offset_of(at), pixel: at })
            .collect()
    }

    /// A vessel up and down from the slice nearest to `start_mm` above the carina on which a disc passes for it; of
    /// several the largest.
    fn follow(&self, passes: impl Fn(&Disc) -> bool, start_mm: f64) -> Track {
        let mut order: Vec<usize> = (0..self.slices.len()).collect();
        let away = |n: usize| (self.slices[n].z - self.carina.z - start_mm).abs();
        order.retain(|&n| away(n) <= 30.0);
        order.sort_by(|a, b| away(*a).total_cmp(&away(*b)));
        let begin = order.into_iter().find_map(|n| {
            let discs = self.discs(&self.slices[n], 4.0).into_iter().filter(|d| passes(d));
            Some((n, discs.max_by(|a, b| a.radius.total_cmp(&b.radius))?))
        });
        let mut track = vec![None; self.slices.len()];
        let Some((start, disc)) = begin else { return track };
        track[start] = Some(disc);
        for up in [true, false] {
            let (mut before, mut n) = (disc, start);
            loop {
                let next = if up { Some(n + 1).filter(|n| *n < self.slices.len()) } else { n.checked_sub(1) };
                let Some(next) = next else { break };
                let drift = DRIFT_MM[0] + DRIFT_MM[1] * (self.slices[next].z - self.slices[n].z).abs();
                let cost = |d: &Disc| distance(d.at, before.at) + (d.radius - before.radius).abs();
                let near = self.discs(&self.slices[next], before.radius * 0.6).into_iter().filter(|d| {
                    distance(d.at, before.at) <= drift && (0.65..1.45).contains(&(d.radius / before.radius))
                });
                let Some(found) = near.min_by(|a, b| cost(a).total_cmp(&cost(b))) else { break };
                track[next] = Some(found);
                before = Disc { radius: 0.7 * before.radius + 0.3 * found.radius, ..found };
                n = next;
            }
        }
        track
    }

    /// Soft tissue around a disc: vessels are not quite round.
    fn around(&self, slice: &Coarse, disc: Disc, more_mm: f64) -> Vec<bool> {
        let near = |at: usize| distance(self.offset_of(at), disc.at) <= disc.radius + more_mm;
        (0..slice.soft.len()).map(|at| slice.soft[at] && near(at)).collect()
    }

    /// The discs on the widest way between both limbs, if a disc of the arch fits all the way.
    fn arch(&self, slice: &Coarse, from: Disc, to: Disc) -> Option<Vec<usize>> {
        let mut reached = vec![usize::MAX; slice.depth.len()];
        // Widest first; widths in micrometers, to be ordered.
        let width = |at: usize| (slice.depth[at] * 1000.0) as u64;
        let mut open = BinaryHeap::from([(width(from.pixel), from.pixel, from.pixel)]);
        while let Some((width_here, at, before)) = open.pop() {
            if reached[at] != usize::MAX {
                continue;
            }
            reached[at] = before;
            if at == to.pixel {
                let mut way = vec![at];
                while reached[way[way.len() - 1]] != way[way.len() - 1] {
                    way.push(reached[way[way.len() - 1]]);
                }
                return Some(way);
            }
            let (j, i) = (at / self.columns, at % self.columns);
            for nj in j.saturating_sub(1)..(j + 2).min(self.rows) {
                for ni in i.saturating_sub(1)..(i + 2).min(self.columns) {
                    let next = nj * self.columns + ni;
                    if reached[next] == usize::MAX && slice.depth[next] >= ARCH_RADIUS_MM {
                        open.push((width_here.min(width(next)), next, at));
                    }
                }
            }
        }
        None
    }

    /// Both limbs and the arch; `None` if either limb was not found.
    fn aorta(&self, ascending: &Track, descending: &Track) -> Option<Aorta> {
        let from = |n: usize| self.slices[n].z - self.carina.z;
        let known = |track: &Track, n: usize| track[n].filter(|d| d.radius >= AORTA_RADIUS_MM * 0.7);
        if ascending.iter().all(Option::is_none) || descending.iter().all(Option::is_none) {
            return None;
        }
        let joined: Vec<Option<Vec<usize>>> = self
            .slices
            .iter()
            .enumerate()
            .map(|(n, slice)| {
                let both = known(ascending, n).zip(known(descending, n));
                both.filter(|_| from(n) >= ARCH_LOWER_MM[0]).and_then(|(a, d)| self.arch(slice, a, d))
            })
            .collect();
        // Noise may join both limbs on a single slice.
        let parts_again = |n: usize| {
            let both = n < self.slices.len() && known(ascending, n).is_some() && known(descending, n).is_some();
            both && joined[n].is_none()
        };
        let in_range = |n: usize, [low, high]: [f64; 2]| (low..high).contains(&from(n));
        let lower =
            (0..self.slices.len()).find(|&n| joined[n].is_some() && !parts_again(n + 1) && in_range(n, ARCH_LOWER_MM));
        let way = |n: usize| joined[n].clone().unwrap_or_default();
        let arch = lower.map_or_else(Vec::new, |lower| self.up_the_arch(lower, &way(lower)));
        let top = lower.map(|lower| lower + arch.len() - 1);
        let top = top.filter(|&n| in_range(n, ARCH_TOP_MM) && n + 1 < self.slices.len());
        let highest = top.or(lower).map_or(f64::INFINITY, |n| self.slices[n].z);
        let inside = self.slices.iter().enumerate().map(|(n, slice)| {
            let mut out = vec![false; slice.soft.len()];
            let mut add = |part: Vec<bool>| out.iter_mut().zip(part).for_each(|(o, p)| *o |= p);
            if slice.z > highest {
                return out;
            }
            if let Some(disc) = ascending[n].filter(|_| from(n) >= -ROOT_MM) {
                add(self.around(slice, disc, 2.5));
            }
            if let Some(disc) = descending[n] {
                add(self.around(slice, disc, 2.5));
            }
            let mut of_arch = lower.and_then(|lower| arch.get(n.checked_sub(lower)?)).cloned().unwrap_or_default();
            // On its lowest slice only the way between both limbs: a mass beside it may hold discs as large.
            if lower == Some(n) {
                of_arch = way(n);
            }
            for pixel in of_arch {
                let disc = Disc { radius: slice.depth[pixel], at: self.offset_of(pixel), pixel };
                add(self.around(slice, disc, 1.0));
            }
            out
        });
        let inside = inside.collect();
        let point = |n: usize, z: f64| {
            let core = arch.get(n.checked_sub(lower?)?)?;
            let at = |&pixel: &usize| DVec3::from((self.offset_of(pixel)[0], self.offset_of(pixel)[1], 0.0));
            let middle = core.iter().map(at).sum::<DVec3>() / core.len() as f64;
            Some((self.carina + middle).with_z(z))
        };
        Some(Aorta {
            inside,
            lower: lower.and_then(|n| point(n, self.slices[n].z - self.half)),
            top: top.and_then(|n| point(n, self.slices[n].z)),
        })
    }

    /// Centers of the discs that make up the arch, from its lowest slice up as far as one is as thick as an aorta.
    fn up_the_arch(&self, lower: usize, way: &[usize]) -> Vec<Vec<usize>> {
        let core: Vec<usize> =
            (0..self.slices[lower].depth.len()).filter(|&at| self.slices[lower].depth[at] >= ARCH_RADIUS_MM).collect();
        let parts = components(&core, self.columns, self.rows);
        let mut arch: Vec<Vec<usize>> = parts.into_iter().filter(|part| part.contains(&way[0])).collect();
        for n in lower + 1..self.slices.len() {
            let slice = &self.slices[n];
            let mut before = vec![false; slice.depth.len()];
            for &at in arch.last().into_iter().flatten() {
                before[at] = true;
            }
            let drift = ARCH_DRIFT_MM[0] + ARCH_DRIFT_MM[1] * (slice.z - self.slices[n - 1].z);
            let away = self.distances(&before, true);
            let goes_on = |&at: &usize| {
                let [x, y] = self.offset_of(at);
                let within = (ARCH_X_MM[0]..ARCH_X_MM[1]).contains(&x) && (ARCH_Y_MM[0]..ARCH_Y_MM[1]).contains(&y);
                within && slice.depth[at] >= AORTA_RADIUS_MM && away[at] <= drift
            };
            let next: Vec<usize> = (0..before.len()).filter(goes_on).collect();
            if (next.len() as f64) * STEP_MM * STEP_MM < ARCH_MM2 {
                break;
            }
            arch.push(next);
        }
        arch
    }

    /// The vena cava: right of the ascending aorta and behind its front.
    fn cava(&self, ascending: &Track, arch_top: Option<PatientPoint>) -> Option<Inside> {
        let n = (0..self.slices.len()).filter(|&n| ascending[n].is_some()).min_by(|a, b| {
            let away = |n: usize| (self.slices[n].z - self.carina.z - 10.0).abs();
            away(*a).total_cmp(&away(*b))
        })?;
        let aorta = ascending[n]?;
        let track = self.follow(
            |d| {
                let [x, y] = [d.at[0] - aorta.at[0], d.at[1] - aorta.at[1]];
                (-45.0..-aorta.radius - 2.0).contains(&x)
                    && (-8.0..35.0).contains(&y)
                    && (4.5..12.0).contains(&d.radius)
            },
            self.slices[n].z - self.carina.z,
        );
        let top = arch_top.map_or(self.carina.z + 45.0, |top| top.z);
        let is_cava = |z: f64| z <= top && z >= self.carina.z - ROOT_MM;
        track.iter().any(Option::is_some).then(|| {
            let part = |(n, slice): (usize, &Coarse)| match track[n].filter(|_| is_cava(slice.z)) {
                Some(disc) => self.around(slice, disc, 1.5),
                None => vec![false; slice.soft.len()],
            };
            self.slices.iter().enumerate().map(part).collect()
        })
    }

    /// All blood, with or without a name, and whether there is contrast in it.
    fn blood(&self, ascending: &Track, descending: &Track) -> (Inside, bool) {
        let drawn = self.sources.organ(Organ::Aorta);
        // Of the aorta that was found, or of the one that somebody drew.
        let mut numbers: Vec<f32> = Vec::new();
        for (n, slice) in self.slices.iter().enumerate() {
            numbers.extend([ascending[n], descending[n]].into_iter().flatten().map(|d| slice.hu[d.pixel]));
            if let Some(aorta) = drawn.and_then(|aorta| aorta.slices.get(&slice.k)) {
                let inside =
                    (0..slice.hu.len()).filter(|&at| self.voxel_of(at, slice.z).is_some_and(|[j, i]| aorta.get(j, i)));
                numbers.extend(inside.map(|at| slice.hu[at]));
            }
        }
        numbers.sort_by(f32::total_cmp);
        let middle = numbers.get(numbers.len() / 2).copied().unwrap_or(0.0);
        let of_slice = |slice: &Coarse| -> Vec<bool> {
            if middle < ENHANCED_HU {
                return self.opened(&slice.depth, &slice.soft, DISC_MM);
            }
            let least = f32::midpoint(middle, TISSUE_HU);
            let bright: Vec<bool> = slice.hu.iter().zip(&slice.soft).map(|(hu, soft)| *soft && *hu > least).collect();
            self.opened(&self.distances(&bright, false), &bright, BRIGHT_DISC_MM)
        };
        (self.slices.par_iter().map(of_slice).collect(), middle >= ENHANCED_HU)
    }

    /// Whether more of the four coarse pixels around a place are inside than are not, by their nearness; smooth edges.
    fn covers(&self, inside: &[bool], x: f64, y: f64) -> bool {
        let (i, j) = ((x + REACH_MM[0]) / STEP_MM, (y + REACH_MM[2]) / STEP_MM);
        if i < 0.0 || j < 0.0 || i >= (self.columns - 1) as f64 || j >= (self.rows - 1) as f64 {
            return false;
        }
        let at = j as usize * self.columns + i as usize;
        let share = |at: usize| if inside[at] { 1.0 } else { 0.0 };
        let along = |at: usize| share(at) + (share(at + 1) - share(at)) * i.fract();
        along(at) + (along(at + self.columns) - along(at)) * j.fract() >= 0.5
    }

    /// Coarse pixels as a mask of the CT; `in_chest` keeps what lies between the lungs, from apex to diaphragm.
    fn mask(&self, inside: &Inside, in_chest: bool) -> Mask {
        let grid = &*self.sources.grid;
        let landmarks = self.sources.landmarks.clone().completed();
        let z = |id| landmarks.z(id).unwrap_or_default();
        let chest = z(LandmarkId::Diaphragm)..z(LandmarkId::ApexRight).min(z(LandmarkId::ApexLeft));
        let slices = self.slices.par_iter().zip(inside).filter_map(|(slice, inside)| {
            if !inside.contains(&true) || in_chest && !chest.contains(&slice.z) {
                return None;
            }
            let hull = in_chest.then(|| {
                let plane = OrganPlane::new(self.sources, slice.k);
                plane.hull(&plane.pixels(Organ::LungRight.bit() | Organ::LungLeft.bit() | Organ::Airway.bit()))
            });
            let (rows, columns) = (grid.rows(), grid.columns());
            let mut dense = vec![false; rows * columns];
            let origin = grid.patient_from_voxel(slice.k, 0.0, 0.0);
            let (di, dj) = (grid.i_direction() * grid.spacing_i_mm(), grid.j_direction() * grid.spacing_j_mm());
            for (at, out) in dense.iter_mut().enumerate() {
                let p = origin + dj * (at / columns) as f64 + di * (at % columns) as f64 - self.carina;
                *out = hull.as_ref().is_none_or(|hull| hull[at]) && self.covers(inside, p.x, p.y);
            }
            let mask = SliceMask::from_dense(columns, &dense);
            (!mask.is_empty()).then(|| (slice.k, Arc::new(mask)))
        });
        Mask { slices: slices.collect::<Vec<_>>().into_iter().collect() }
    }
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Weights of 1, 2, 1 along both axes; borders are held.
fn softened(plane: &[f32], columns: usize) -> Vec<f32> {
    let rows = plane.len() / columns;
    let of_row = |line: &[f32]| -> Vec<f32> {
        (0..columns)
            .map(|i| 0.25 * (line[i.saturating_sub(1)] + line[(i + 1).min(columns - 1)]) + 0.5 * line[i])
            .collect()
    };
    let wide: Vec<f32> = plane.chunks(columns).flat_map(of_row).collect();
    let at = |j: usize, i: usize| wide[j * columns + i];
    (0..rows)
        .flat_map(|j| {
            let (before, after) = (j.saturating_sub(1), (j + 1).min(rows - 1));
            (0..columns).map(move |i| (before, j, after, i))
        })
        .map(|(before, j, after, i)| 0.25 * (at(before, i) + at(after, i)) + 0.5 * at(j, i))
        .collect()
}
