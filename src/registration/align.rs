//! The search for the motion: every overlap on coarse blocks, then steps downhill on finer ones.

use super::fit::{Fit, surfaces};
use super::level::{Field, Level};
use super::tissue::{BONE_HU, Tissue, grown};
use super::{Guide, Registration, RegistrationError};
use crate::geometry::{PatientPoint, Rigid};
use crate::image::CtVolume;
use crate::progress::Progress;
use crate::words::t;
use glam::DVec3;
use rayon::prelude::*;

/// Least height of a scan and of what two scans share, mm.
const LEAST_HEIGHT_MM: f64 = 50.0;
/// Two scans share at least this part of the lower one.
const LEAST_SHARED: f64 = 0.4;
/// Of the starts along the patient so many are refined, at least so far apart, mm.
const STARTS: usize = 5;
const STARTS_APART_MM: f64 = 24.0;
/// Bones look alike a rib or half a vertebra further on: these steps along the patient are tried as well, mm.
const STEPS_MM: [f64; 5] = [0.0, -12.0, 12.0, -24.0, 24.0];
/// Blocks that are compared at most, in each direction.
const SAMPLES: usize = 30_000;
/// The differences that count half lie at this part of the window.
const ROBUST_PART: f64 = 0.25;
/// Length of a turn by one radian, mm: about the radius of a chest, so that turns and shifts weigh alike.
const LEVER_MM: f64 = 100.0;
/// A step this short ends the refinement, mm.
const STILL_MM: f64 = 0.01;

/// Both scans at one width of blocks.
pub(super) struct Scans {
    pub levels: [Level; 2],
    pub tissues: [Tissue; 2],
    /// Of the levels on which body and lungs were found.
    grids: [crate::geometry::VoxelGrid; 2],
}

impl Scans {
    /// Body and lungs are found on blocks of 4 mm.
    pub fn of(volumes: [&CtVolume; 2]) -> Self {
        let levels = levels(volumes, 4.0);
        let tissues = levels.each_ref().map(Tissue::of);
        let grids = levels.each_ref().map(|l| l.grid.clone());
        Self { levels, tissues, grids }
    }

    /// The blocks of a level to which the guide looks.
    fn region(&self, which: usize, level: &Level, guide: Guide) -> ndarray::Array3<bool> {
        let body = self.body(which, level);
        let reach = |mm: f64| (mm / level.grid.spacing_i_mm()).round().max(1.0) as usize;
        match guide {
            Guide::Body => body,
            Guide::Bone => {
                let bone = ndarray::Array3::from_shape_fn(body.raw_dim(), |at| body[at] && level.hu[at] > BONE_HU);
                grown(&bone, reach(6.0))
            }
            Guide::Lung => grown(&self.lungs(which, level), reach(6.0)),
        }
    }

    pub fn body(&self, which: usize, level: &Level) -> ndarray::Array3<bool> {
        self.looked_up(which, level, &self.tissues[which].body)
    }

    pub fn lungs(&self, which: usize, level: &Level) -> ndarray::Array3<bool> {
        self.looked_up(which, level, &self.tissues[which].lungs)
    }

    fn looked_up(&self, which: usize, level: &Level, mask: &ndarray::Array3<bool>) -> ndarray::Array3<bool> {
        let grid = &self.grids[which];
        let mut found = ndarray::Array3::from_elem(level.hu.raw_dim(), false);
        found.axis_iter_mut(ndarray::Axis(0)).into_par_iter().enumerate().for_each(|(k, mut slice)| {
            for ((j, i), out) in slice.indexed_iter_mut() {
                *out = grid.containing_voxel(level.center_of([k, j, i])).is_some_and(|at| mask[at]);
            }
        });
        found
    }

    /// What the guide compares on these levels.
    pub fn pair<'a>(&self, levels: &'a [Level; 2], guide: Guide) -> Pair<'a> {
        let window = guide.window();
        let fields = levels.each_ref().map(|level| level.clipped(window));
        let samples = [0, 1].map(|n| {
            let region = self.region(n, &levels[n], guide);
            let all = region.iter().filter(|is| **is).count();
            let every = (all as f64 / SAMPLES as f64).max(1.0);
            let inside = region.indexed_iter().filter(|(_, is)| **is).map(|(at, _)| at).enumerate();
            inside
                .filter(|(n, _)| scattered(*n) * every < 1.0)
                .map(|(_, (k, j, i))| (levels[n].center_of([k, j, i]), f64::from(fields[n].values[[k, j, i]])))
                .collect()
        });
        let center = self.tissues[0].center;
        let scale = f64::from(window[1] - window[0]) * ROBUST_PART;
        Pair { fields, samples, center, scale }
    }
}

/// A number from 0 to 1 for a place in a list, the same every time and without a pattern (Fibonacci hashing).
pub(super) fn scattered(n: usize) -> f64 {
    f64::from((n as u32).wrapping_mul(2_654_435_769)) / f64::from(u32::MAX)
}

/// Both scans in blocks of one width; across thick slices both are as thick as the thicker ones.
pub(super) fn levels(volumes: [&CtVolume; 2], mm: f64) -> [Level; 2] {
    let between = volumes.iter().fold(mm, |most, v| most.max(v.grid.median_spacing_mm()));
    volumes.map(|volume| Level::of(volume, mm, between))
}

/// What is compared, and about which point turns are made. Index 0 is the fixed scan.
pub(super) struct Pair<'a> {
    fields: [Field<'a>; 2],
    samples: [Vec<(PatientPoint, f64)>; 2],
    center: PatientPoint,
    scale: f64,
}

/// The differences at a motion.
#[derive(Clone, Copy, Default)]
pub(super) struct Differences {
    normal: [[f64; 6]; 6],
    slope: [f64; 6],
    cost: f64,
    count: f64,
    /// Of the two values: sums, sums of squares, sum of products.
    sums: [f64; 5],
}

impl Differences {
    fn add(&mut self, jacobian: [f64; 6], difference: f64, values: [f64; 2], scale: f64) {
        let ratio = (difference / scale).powi(2);
        // Cauchy: what differs by much counts little.
        let weight = 1.0 / (1.0 + ratio);
        self.cost += ratio.ln_1p();
        self.count += 1.0;
        for a in 0..6 {
            self.slope[a] += weight * jacobian[a] * difference;
            for b in 0..=a {
                self.normal[a][b] += weight * jacobian[a] * jacobian[b];
            }
        }
        let [a, b] = values;
        for (sum, value) in self.sums.iter_mut().zip([a, b, a * a, b * b, a * b]) {
            *sum += value;
        }
    }

    fn plus(mut self, other: &Self) -> Self {
        self.cost += other.cost;
        self.count += other.count;
        for a in 0..6 {
            self.slope[a] += other.slope[a];
            for b in 0..6 {
                self.normal[a][b] += other.normal[a][b];
            }
        }
        for (sum, value) in self.sums.iter_mut().zip(other.sums) {
            *sum += value;
        }
        self
    }

    fn mean_cost(&self) -> f64 {
        if self.count > 0.0 { self.cost / self.count } else { f64::INFINITY }
    }

    /// Correlation of the values, -1 to 1.
    pub fn correlation(&self) -> f64 {
        let [a, b, aa, bb, ab] = self.sums;
        let n = self.count;
        let spread = (aa * n - a * a) * (bb * n - b * b);
        if n > 0.0 && spread > 0.0 { (ab * n - a * b) / spread.sqrt() } else { 0.0 }
    }

    /// The step downhill; `None` where the values say nothing about it.
    fn step(&self, damping: f64) -> Option<[f64; 6]> {
        let mut m = [[0.0; 7]; 6];
        for a in 0..6 {
            for b in 0..6 {
                m[a][b] = if b <= a { self.normal[a][b] } else { self.normal[b][a] };
            }
            m[a][a] *= 1.0 + damping;
            m[a][6] = -self.slope[a];
        }
        for a in 0..6 {
            let pivot = (a..6).max_by(|&x, &y| m[x][a].abs().total_cmp(&m[y][a].abs()))?;
            m.swap(a, pivot);
            if m[a][a].abs() < 1e-12 {
                return None;
            }
            for row in 0..6 {
                if row != a {
                    let factor = m[row][a] / m[a][a];
                    for column in a..7 {
                        m[row][column] -= factor * m[a][column];
                    }
                }
            }
        }
        let step: [f64; 6] = std::array::from_fn(|a| m[a][6] / m[a][a]);
        step.iter().all(|x| x.is_finite()).then_some(step)
    }
}

impl Pair<'_> {
    /// Blocks of both scans that are compared where they find a value.
    fn total(&self) -> f64 {
        self.samples.iter().map(Vec::len).sum::<usize>() as f64
    }

    /// Share of the blocks that find a value in the other scan.
    pub fn shared(&self, differences: &Differences) -> f64 {
        if self.total() > 0.0 { differences.count / self.total() } else { 0.0 }
    }

    pub fn differences(&self, fixed_from_moving: &Rigid) -> Differences {
        let moving_from_fixed = fixed_from_moving.inverse();
        let row = |d: DVec3, g: DVec3, sign: f64| {
            let turn = d.cross(g) / LEVER_MM;
            [g.x, g.y, g.z, turn.x, turn.y, turn.z].map(|x| x * sign)
        };
        let of_fixed = |all: &mut Differences, (x, fixed): &(PatientPoint, f64)| {
            if let Some((moving, slope)) = self.fields[1].at(moving_from_fixed.apply(*x)) {
                let jacobian = row(*x - self.center, fixed_from_moving.turn(slope), -1.0);
                all.add(jacobian, moving - fixed, [*fixed, moving], self.scale);
            }
        };
        let of_moving = |all: &mut Differences, (y, moving): &(PatientPoint, f64)| {
            let x = fixed_from_moving.apply(*y);
            if let Some((fixed, slope)) = self.fields[0].at(x) {
                all.add(row(x - self.center, slope, 1.0), fixed - moving, [fixed, *moving], self.scale);
            }
        };
        fn over(
            samples: &[(PatientPoint, f64)],
            each: impl Fn(&mut Differences, &(PatientPoint, f64)) + Sync,
        ) -> Differences {
            let part = |chunk: &[(PatientPoint, f64)]| {
                let mut all = Differences::default();
                for sample in chunk {
                    each(&mut all, sample);
                }
                all
            };
            // Summed in one order, so that the result is the same on any number of cores.
            let parts: Vec<Differences> = samples.par_chunks(2048).map(part).collect();
            parts.iter().fold(Differences::default(), Differences::plus)
        }
        over(&self.samples[0], of_fixed).plus(&over(&self.samples[1], of_moving))
    }

    /// Steps downhill from a motion.
    fn refined(&self, start: Rigid, most_steps: usize) -> (Rigid, Differences) {
        let (mut motion, mut here) = (start, self.differences(&start));
        let mut damping = 1e-3;
        for _ in 0..most_steps {
            let Some(s) = here.step(damping) else { break };
            let (shift, turn) = (DVec3::new(s[0], s[1], s[2]), DVec3::new(s[3], s[4], s[5]));
            let next = Rigid::about(self.center, turn / LEVER_MM, shift).after(&motion);
            let there = self.differences(&next);
            // A scan that slides off the other has few differences left.
            if there.mean_cost() < here.mean_cost() && there.count > 0.8 * here.count {
                (motion, here) = (next, there);
                damping = (damping / 4.0).max(1e-6);
                if shift.length() + turn.length() < STILL_MM {
                    break;
                }
            } else {
                damping *= 8.0;
                if damping > 1e3 {
                    break;
                }
            }
        }
        (motion, here)
    }
}

/// Heights along the patient between which the blocks lie, mm.
fn heights(level: &Level) -> [f64; 2] {
    let grid = &level.grid;
    let z = |k: usize| level.center_of([k, grid.rows() / 2, grid.columns() / 2]).z;
    let (a, b) = (z(0), z(grid.slices() - 1));
    [a.min(b), a.max(b)]
}

/// Motions to begin with: the bodies above each other, at every height at which enough of both overlaps.
fn starts(scans: &Scans, pair: &Pair) -> Vec<Rigid> {
    let [fixed, moving] = scans.levels.each_ref().map(heights);
    let (length, other) = (fixed[1] - fixed[0], moving[1] - moving[0]);
    let least = LEAST_HEIGHT_MM.max(LEAST_SHARED * length.min(other)).min(length.min(other));
    let across = scans.tissues[0].center - scans.tissues[1].center;
    let (lowest, highest) = (fixed[0] + least - moving[1], fixed[1] - least - moving[0]);
    let steps = ((highest - lowest) / 8.0).floor().max(0.0) as usize;
    let mut tried: Vec<(f64, Rigid)> = (0..=steps)
        .map(|n| {
            let shift = DVec3::new(across.x, across.y, lowest + 8.0 * n as f64);
            let motion = Rigid::about(DVec3::ZERO, DVec3::ZERO, shift);
            (pair.differences(&motion).correlation(), motion)
        })
        .collect();
    tried.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut chosen: Vec<Rigid> = Vec::new();
    let height = |motion: &Rigid| motion.apply(DVec3::ZERO).z;
    for (_, motion) in tried {
        if chosen.len() < STARTS && chosen.iter().all(|c| (height(c) - height(&motion)).abs() >= STARTS_APART_MM) {
            chosen.push(motion);
        }
    }
    chosen
}

/// The best of several motions after some steps: that with the highest correlation.
fn best(pair: &Pair, starts: impl IntoIterator<Item = Rigid>, steps: usize) -> Option<Rigid> {
    let refined = starts.into_iter().map(|start| pair.refined(start, steps));
    refined.max_by(|a, b| a.1.correlation().total_cmp(&b.1.correlation())).map(|(motion, _)| motion)
}

/// The motion, whatever its fit.
pub(super) fn find_motion(
    fixed: &CtVolume,
    moving: &CtVolume,
    guide: Guide,
    progress: &dyn Progress,
) -> Result<Registration, RegistrationError> {
    let stage = |n: usize| {
        progress.report(t("Registering the scans"), n, 5);
        progress.checkpoint()
    };
    stage(0)?;
    let volumes = [fixed, moving];
    let height = |v: &CtVolume| v.grid.position_mm(v.grid.slices() - 1) - v.grid.position_mm(0);
    if volumes.iter().any(|v| height(v) < LEAST_HEIGHT_MM) {
        let [fixed_mm, moving_mm] = volumes.map(height);
        return Err(RegistrationError::TooLow { fixed_mm, moving_mm, least_mm: LEAST_HEIGHT_MM });
    }
    let scans = Scans::of(volumes);
    let [a, b] = [0, 1].map(|n| scans.tissues[n].lungs_cm3);
    if a <= 0.0 {
        return Err(RegistrationError::NoLungsFixed { cm3: a });
    }
    if b <= 0.0 {
        return Err(RegistrationError::NoLungsMoving { cm3: b });
    }
    stage(1)?;
    let coarse_levels = levels(volumes, 8.0);
    let coarse = scans.pair(&coarse_levels, Guide::Body);
    let start = best(&coarse, starts(&scans, &coarse), 25).unwrap_or(Rigid::IDENTITY);
    stage(2)?;
    let middle = scans.pair(&scans.levels, guide);
    let steps = STEPS_MM.map(|z| Rigid::about(DVec3::ZERO, DVec3::ZERO, DVec3::Z * z).after(&start));
    let start = best(&middle, steps, 20).unwrap_or(start);
    stage(3)?;
    let fine_levels = levels(volumes, 2.0);
    let fine = scans.pair(&fine_levels, guide);
    let (fixed_from_moving, differences) = fine.refined(start, 25);
    stage(4)?;
    let (correlation, shared) = (differences.correlation(), fine.shared(&differences));
    let [bone, lung] = surfaces(volumes, &scans, &fixed_from_moving);
    Ok(Registration { fixed_from_moving, fit: Fit { guide, correlation, shared, bone, lung } })
}
