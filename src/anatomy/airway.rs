//! The airway from the trachea to the lobar bronchi, grown in fronts. Where a front parts, branches begin; a branch that
//! leaks into the lung is grown again at a stricter threshold, and cut where even that leaks.

use super::working::Working;
use glam::DVec3;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::ops::Range;

/// Thresholds that a branch tries, from nearly pure air to the half of lumen and wall.
const THRESHOLDS_HU: [i16; 8] = [-960, -940, -920, -900, -850, -800, -700, -500];
/// So far below the middle of the lung a threshold keeps out of it. Laxer ones serve where there is hardly a lumen.
const BELOW_LUNG_HU: i16 = 30;
/// A branch that only a laxer threshold shows is no wider than this, mm2, and parts into no more than two.
const LAX_MM2: f64 = 60.0;
/// More noise than this in the lumen is smoothed over the neighbours, where rows and columns are finer than so many mm.
const NOISY_HU: f64 = 25.0;
const SMOOTHED_MM: f64 = 1.25;
/// Rows and columns farther apart than this are coarse, mm.
const COARSE_MM: f64 = 2.5;
/// A laxer threshold widens a lumen by no more than this; more is a leak into a neighbour.
const WIDENS: f64 = 1.6;
/// Unless there was hardly any lumen before: fronts, mm2.
const HARDLY: usize = 3;
const HARDLY_MM2: f64 = 15.0;
/// Depth of a front, mm, and not less than the distance of the slices.
const FRONT_MM: f64 = 2.5;
/// A part of a front smaller than this is no branch, mm2.
const LEAST_BRANCH_MM2: f64 = 6.0;
/// Cross section that no trachea exceeds along its way, mm2; wide where the main bronchi part.
const TRACHEA_MM2: f64 = 1100.0;
/// A branch that is wider than this times the one before it, and this much, leaks.
const WIDER: f64 = 1.3;
const WIDER_MM2: f64 = 40.0;
/// A part of a front with at least this share is no new branch: a twig left it.
const GOES_ON: f64 = 0.8;
/// A branch that grows to this multiple of itself leaks, if it is not small.
const SWELLS: f64 = 2.5;
const SWELLS_FROM_MM2: f64 = 90.0;
/// Around a bronchus stands a wall: a shell that holds this little tissue over two fronts is lung.
const WALL_HU: f64 = -620.0;
/// The wall is looked for as far out as this, mm.
const WALL_MM: f64 = 2.5;
/// Fronts taken back where a branch leaks.
const TAKEN_BACK: usize = 2;
/// Shorter twigs are dropped, mm.
const TWIG_MM: f64 = 8.0;
/// Farther from where the trachea ends nothing is needed, mm, and deeper neither.
const FAR_MM: f64 = 130.0;
const DEEPEST: usize = 6;

/// One front of a branch.
#[derive(Debug, Clone)]
pub struct Front {
    pub voxels: Vec<usize>,
    pub area_mm2: f64,
    /// Continuous `[k, j, i]`.
    pub center: DVec3,
}

/// How a branch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It parts into others.
    Parts,
    /// There is no more lumen.
    Closes,
    /// It was cut before it leaked into the lung.
    Leaks,
}

/// A branch between two partings.
#[derive(Debug, Clone)]
pub struct Branch {
    pub parent: Option<usize>,
    pub children: Vec<usize>,
    pub fronts: Vec<Front>,
    pub end: End,
    depth: usize,
    /// Wider than this it would have leaked, mm2.
    limit_mm2: f64,
}

impl Branch {
    /// Median of the cross sections, mm2.
    pub fn area_mm2(&self) -> f64 {
        let mut areas: Vec<f64> = self.fronts.iter().map(|f| f.area_mm2).collect();
        areas.sort_by(f64::total_cmp);
        areas.get(areas.len() / 2).copied().unwrap_or(0.0)
    }
}

#[derive(PartialEq)]
struct Open {
    way: f32,
    at: usize,
}
impl Eq for Open {}
impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        other.way.total_cmp(&self.way).then(other.at.cmp(&self.at))
    }
}
impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What growing one branch at one threshold gave.
struct Attempt {
    fronts: Vec<Front>,
    end: End,
    /// Where the branches after it start: voxels with their way.
    parts: Vec<Vec<(usize, f32)>>,
}

/// All branches, the trachea first.
pub struct Grown {
    pub branches: Vec<Branch>,
    pub front_mm: f64,
}

struct Growth<'a> {
    w: &'a Working<'a>,
    body: &'a [bool],
    /// CT numbers, smoothed.
    hu: &'a [i16],
    /// The middle of the CT numbers of the lungs.
    lung_hu: i16,
    /// Counts as air whatever it holds: the lumen that the chain of pockets showed.
    forced: &'a [bool],
    taken: Vec<bool>,
    front_mm: f64,
    known: Range<usize>,
}

/// Grows the airway from voxels at the top of the trachea. On the slices `known` the lumen is what is `forced`, and
/// nothing above them is entered.
pub fn grow(w: &Working, body: &[bool], lung_hu: i16, forced: &[bool], seed: &[usize], known: Range<usize>) -> Grown {
    let smooth = if noise_hu(w, forced) > NOISY_HU { Some(smoothed(w)) } else { None };
    // A coarse grid mixes lumen and wall: no threshold keeps out of the lung there, only what the branches do.
    let lung_hu = if w.dx.max(w.dy) > COARSE_MM { i16::MAX } else { lung_hu };
    let hu = smooth.as_deref().unwrap_or(&w.hu);
    let front_mm = FRONT_MM.max(w.spacing_mm() * 1.001).max(w.dx).max(w.dy);
    let mut growth = Growth { w, body, hu, lung_hu, forced, taken: vec![false; w.hu.len()], front_mm, known };
    let mut branches: Vec<Branch> = Vec::new();
    // Of each branch its parent, where it starts, and its share of the front that parted.
    let mut waiting: Vec<(Option<usize>, Vec<(usize, f32)>, f64)> =
        vec![(None, seed.iter().map(|&at| (at, 0.0)).collect(), 1.0)];
    let mut trachea_end: Option<f64> = None;
    while let Some((parent, start, share)) = waiting.pop() {
        let depth = parent.map_or(0, |p| branches[p].depth + 1);
        let start_mm = f64::from(start.iter().map(|s| s.1).fold(f32::MAX, f32::min));
        let limit = match parent {
            None => TRACHEA_MM2,
            // A twig parts from it: it goes on.
            Some(p) if share > GOES_ON => branches[p].limit_mm2,
            Some(p) => WIDER * branches[p].area_mm2() + WIDER_MM2,
        };
        let farthest = trachea_end.map_or(f64::MAX, |end| end + FAR_MM) as f32;
        let attempt = growth.branch(&start, limit, farthest);
        let n = branches.len();
        let end_mm = start_mm + attempt.fronts.len() as f64 * front_mm;
        branches.push(Branch {
            parent,
            children: Vec::new(),
            fronts: attempt.fronts,
            end: attempt.end,
            depth,
            limit_mm2: limit,
        });
        if let Some(p) = parent {
            branches[p].children.push(n);
        }
        if attempt.parts.len() > 1 && attempt.parts.iter().filter(|p| p.len() > 1).count() > 1 {
            trachea_end.get_or_insert(end_mm);
        }
        if depth < DEEPEST {
            // The widest first: what leaks beside it finds its place taken.
            let mut parts = attempt.parts;
            parts.sort_by_key(Vec::len);
            let all = parts.iter().map(Vec::len).sum::<usize>() as f64;
            waiting.extend(parts.into_iter().map(|part| {
                let share = part.len() as f64 / all;
                (Some(n), part, share)
            }));
        }
    }
    let mut grown = Grown { branches, front_mm };
    grown.prune();
    grown
}

/// Noise of the air in the lumen of the chain: from differences of neighbours in a row, away from the wall.
fn noise_hu(w: &Working, forced: &[bool]) -> f64 {
    if w.dx.max(w.dy) > SMOOTHED_MM {
        return 0.0;
    }
    let (mut sum, mut count) = (0.0, 0.0);
    for (n, window) in forced.windows(9).enumerate() {
        if window.iter().all(|x| *x) {
            sum += f64::from(w.hu[n + 4] - w.hu[n + 5]).abs();
            count += 1.0;
        }
    }
    // The mean of a difference of two normal numbers.
    if count > 0.0 { sum / count / 1.128 } else { 0.0 }
}

/// Mean of every voxel and its eight neighbours in the slice, where voxels are fine.
fn smoothed(w: &Working) -> Vec<i16> {
    let [_, rows, columns] = w.shape;
    let mut out = w.hu.clone();
    out.par_chunks_mut(w.area()).enumerate().for_each(|(k, out)| {
        let hu = w.slice(k);
        // Sums of three rows first.
        let mut sums = vec![0i32; columns];
        for j in 1..rows.saturating_sub(1) {
            let lines = [j - 1, j, j + 1].map(|j| &hu[j * columns..(j + 1) * columns]);
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = lines.iter().map(|l| i32::from(l[i])).sum();
            }
            for i in 1..columns.saturating_sub(1) {
                out[j * columns + i] = ((sums[i - 1] + sums[i] + sums[i + 1]) / 9) as i16;
            }
        }
    });
    out
}

impl Growth<'_> {
    /// Grows a branch at the laxest threshold that neither leaks nor widens it at once. If all leak, it is what grows
    /// farthest before.
    fn branch(&mut self, start: &[(usize, f32)], limit_mm2: f64, farthest: f32) -> Attempt {
        let mut best: Option<Attempt> = None;
        for threshold in THRESHOLDS_HU {
            let attempt = self.attempt(start, threshold, limit_mm2, farthest);
            for front in &attempt.fronts {
                front.voxels.iter().for_each(|&at| self.taken[at] = false);
            }
            let common = best.as_ref().map_or(0, |b| b.fronts.len()).min(attempt.fronts.len());
            let area = |a: &Attempt| a.fronts[..common].iter().map(|f| f.area_mm2).sum::<f64>();
            let leaks = attempt.end == End::Leaks;
            let lax = threshold > self.lung_hu.saturating_sub(BELOW_LUNG_HU);
            let takes = match &best {
                None => true,
                Some(best) if lax => {
                    let wide = attempt.fronts.iter().any(|f| f.area_mm2 > LAX_MM2);
                    best.fronts.len() < HARDLY
                        && attempt.fronts.len() > best.fronts.len()
                        && !leaks
                        && !wide
                        && attempt.parts.len() < 3
                }
                Some(best) => {
                    let hardly = common == 0 || area(best) < HARDLY_MM2 * common as f64;
                    let longer = attempt.fronts.len() >= best.fronts.len();
                    let much_longer = attempt.fronts.len() > best.fronts.len() + HARDLY && attempt.parts.len() < 4;
                    match (best.end == End::Leaks, leaks) {
                        (_, true) => hardly && attempt.fronts.len() > best.fronts.len(),
                        (true, false) => longer,
                        (false, false) => hardly && longer || area(&attempt) <= WIDENS * area(best) || much_longer,
                    }
                }
            };
            if takes {
                best = Some(attempt);
            }
        }
        let best = best.unwrap_or(Attempt { fronts: Vec::new(), end: End::Closes, parts: Vec::new() });
        for at in best.fronts.iter().flat_map(|f| &f.voxels) {
            self.taken[*at] = true;
        }
        best
    }

    fn passes(&self, at: usize, threshold: i16) -> bool {
        if self.taken[at] {
            return false;
        }
        self.forced[at] || (self.body[at] && self.hu[at] < threshold && !self.known.contains(&(at / self.w.area())))
    }

    fn attempt(&mut self, start: &[(usize, f32)], threshold: i16, limit_mm2: f64, farthest: f32) -> Attempt {
        let w = self.w;
        let mut heap = BinaryHeap::new();
        for &(at, way) in start {
            // A child starts at voxels of the last front of its parent.
            if self.taken[at] {
                self.spread(at, way, threshold, &mut heap);
            } else if self.passes(at, threshold) {
                heap.push(Open { way, at });
            }
        }
        let mut fronts: Vec<Front> = Vec::new();
        let mut end_of_front = heap.peek().map_or(0.0, |o| o.way) + self.front_mm as f32;
        let (mut end, mut parts) = (End::Closes, Vec::new());
        let mut smallest: f64 = f64::MAX;
        let mut bare = 0;
        while !heap.is_empty() {
            let mut voxels: Vec<(usize, f32)> = Vec::new();
            while let Some(open) = heap.peek() {
                if open.way >= end_of_front {
                    break;
                }
                let Some(Open { way, at }) = heap.pop() else { break };
                if self.taken[at] {
                    continue;
                }
                self.taken[at] = true;
                voxels.push((at, way));
                self.spread(at, way, threshold, &mut heap);
            }
            end_of_front += self.front_mm as f32;
            if voxels.is_empty() {
                if end_of_front > farthest {
                    break;
                }
                continue;
            }
            let volume: f64 = voxels.iter().map(|v| w.pixel_mm2() * w.thickness_mm(v.0 / w.area())).sum();
            let area = volume / self.front_mm;
            let split = self.parts_of(&voxels);
            fronts.push(Front {
                area_mm2: area,
                center: self.center(&voxels),
                voxels: voxels.iter().map(|v| v.0).collect(),
            });
            let swells = fronts.len() > 3 && area > SWELLS * smallest && area > SWELLS_FROM_MM2;
            bare = if w.dx < COARSE_MM && self.shell_hu(&voxels, threshold) < WALL_HU { bare + 1 } else { 0 };
            if area > limit_mm2 || swells && limit_mm2 < TRACHEA_MM2 || bare > 1 {
                end = End::Leaks;
                break;
            }
            if fronts.len() > 1 {
                smallest = smallest.min(area.max(20.0));
            }
            if split.len() > 1 {
                end = End::Parts;
                parts = split;
                break;
            }
            if end_of_front > farthest {
                break;
            }
        }
        if end == End::Leaks {
            for front in fronts.drain(fronts.len().saturating_sub(TAKEN_BACK + 1)..) {
                front.voxels.iter().for_each(|&at| self.taken[at] = false);
            }
        }
        Attempt { fronts, end, parts }
    }

    /// Mean over the edge of a front, in its slices, of the densest voxel outside within the width of a wall. Lumen that
    /// the next fronts will take is no edge.
    fn shell_hu(&self, voxels: &[(usize, f32)], threshold: i16) -> f64 {
        let w = self.w;
        let (mut sum, mut count) = (0.0, 0.0);
        let wide = [(WALL_MM / w.dy).ceil() as isize, (WALL_MM / w.dx).ceil() as isize];
        for &(at, _) in voxels {
            let [k, j, i] = w.voxel(at).map(|x| x as isize);
            for [dj, di] in [[0, 1], [0, -1], [1, 0], [-1, 0]] {
                let place = |n: isize| -> Option<usize> {
                    let (j, i) = (j + n * dj, i + n * di);
                    let inside = j >= 0 && i >= 0 && j < w.shape[1] as isize && i < w.shape[2] as isize;
                    inside.then(|| w.index([k as usize, j as usize, i as usize]))
                };
                if place(1).is_some_and(|next| !self.taken[next] && !self.passes(next, threshold)) {
                    let steps = 1..=wide[usize::from(di != 0)];
                    let densest = steps.filter_map(place).map(|next| w.hu[next]).max();
                    sum += densest.map_or(0.0, f64::from);
                    count += 1.0;
                }
            }
        }
        if count > 0.0 { sum / count } else { 0.0 }
    }

    fn spread(&self, at: usize, way: f32, threshold: i16, heap: &mut BinaryHeap<Open>) {
        let w = self.w;
        let [k, j, i] = w.voxel(at);
        for nk in k.saturating_sub(1).max(self.known.start)..(k + 2).min(w.shape[0]) {
            let dz = w.depth_mm[nk] - w.depth_mm[k];
            for nj in j.saturating_sub(1)..(j + 2).min(w.shape[1]) {
                let dy = (nj as f64 - j as f64) * w.dy;
                for ni in i.saturating_sub(1)..(i + 2).min(w.shape[2]) {
                    let dx = (ni as f64 - i as f64) * w.dx;
                    let next = w.index([nk, nj, ni]);
                    // Over corners only where no wall of one voxel can lie between.
                    if next != at && self.passes(next, threshold) {
                        heap.push(Open { way: way + (dx * dx + dy * dy + dz * dz).sqrt() as f32, at: next });
                    }
                }
            }
        }
    }

    /// The parts of a front that are large enough for a branch; one if it holds together.
    fn parts_of(&self, voxels: &[(usize, f32)]) -> Vec<Vec<(usize, f32)>> {
        let w = self.w;
        let place: HashMap<usize, usize> = voxels.iter().enumerate().map(|(n, v)| (v.0, n)).collect();
        let mut seen = vec![false; voxels.len()];
        let mut parts = Vec::new();
        for n in 0..voxels.len() {
            if seen[n] {
                continue;
            }
            seen[n] = true;
            let mut part = vec![n];
            let mut next = 0;
            while next < part.len() {
                let [k, j, i] = w.voxel(voxels[part[next]].0);
                next += 1;
                for nk in k.saturating_sub(1)..(k + 2).min(w.shape[0]) {
                    for nj in j.saturating_sub(1)..(j + 2).min(w.shape[1]) {
                        for ni in i.saturating_sub(1)..(i + 2).min(w.shape[2]) {
                            let neighbor = place.get(&w.index([nk, nj, ni])).copied();
                            if let Some(m) = neighbor.filter(|&m| !seen[m]) {
                                seen[m] = true;
                                part.push(m);
                            }
                        }
                    }
                }
            }
            let part: Vec<(usize, f32)> = part.into_iter().map(|m| voxels[m]).collect();
            let volume: f64 = part.iter().map(|v| w.pixel_mm2() * w.thickness_mm(v.0 / w.area())).sum();
            if volume / self.front_mm >= LEAST_BRANCH_MM2 {
                parts.push(part);
            }
        }
        parts
    }

    fn center(&self, voxels: &[(usize, f32)]) -> DVec3 {
        let sum = voxels.iter().fold(DVec3::ZERO, |sum, v| sum + DVec3::from(self.w.voxel(v.0).map(|x| x as f64)));
        sum / voxels.len().max(1) as f64
    }
}

impl Grown {
    /// Drops twigs, and joins a branch with its only child.
    fn prune(&mut self) {
        loop {
            let twig = (1..self.branches.len()).find(|&n| {
                let b = &self.branches[n];
                b.parent.is_some()
                    && b.children.is_empty()
                    && (b.fronts.len() as f64 * self.front_mm) < TWIG_MM.max(2.0 * self.front_mm)
            });
            let Some(n) = twig else { break };
            let parent = self.branches[n].parent.take();
            let sound = self.branches[n].end != End::Leaks;
            let fronts = std::mem::take(&mut self.branches[n].fronts);
            if let Some(p) = parent {
                self.branches[p].children.retain(|&c| c != n);
                // What closes soon is still lumen: it belongs to the last front before it.
                if let (true, Some(last)) = (sound, self.branches[p].fronts.last_mut()) {
                    last.voxels.extend(fronts.into_iter().flat_map(|f| f.voxels));
                }
                self.join_only_child(p);
            }
        }
    }

    fn join_only_child(&mut self, p: usize) {
        let [child] = self.branches[p].children[..] else { return };
        let taken = std::mem::replace(
            &mut self.branches[child],
            Branch {
                parent: None,
                children: Vec::new(),
                fronts: Vec::new(),
                end: End::Closes,
                depth: 0,
                limit_mm2: 0.0,
            },
        );
        for &grandchild in &taken.children {
            self.branches[grandchild].parent = Some(p);
        }
        let parent = &mut self.branches[p];
        parent.fronts.extend(taken.fronts);
        parent.children = taken.children;
        parent.end = taken.end;
    }

    /// Length of a branch with the longest way after it, mm.
    pub fn reach_mm(&self, n: usize) -> f64 {
        let after = self.branches[n].children.iter().map(|&c| self.reach_mm(c)).fold(0.0, f64::max);
        self.branches[n].fronts.len() as f64 * self.front_mm + after
    }
}
