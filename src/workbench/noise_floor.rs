//! How much the risk figure moves when boundaries move by what readers differ: structures are drawn again and again with every
//! boundary shifted at random, and the features and the figure follow. Digits below that are noise.

use super::case::Case;
use super::live::Live;
use crate::contour::{DistanceField, Mask, SliceMask, contours_from_mask};
use crate::features::{CaseMasks, ClinicalValues, FeatureContext, LiveFeatures};
use crate::geometry::VoxelGrid;
use crate::risk::RiskModel;
use crate::structures::{Role, Station};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Standard deviation of the shift of a boundary along its normal, mm: about what experts differ by on the mediastinum.
pub const JITTER_MM: f32 = 2.0;
/// Shifts are cut here, in standard deviations.
const CUT: f32 = 2.0;
/// Points of a boundary so far apart move independently of each other, mm.
const PATCH_MM: f64 = 20.0;
/// Times that all boundaries are drawn.
const DRAWS: u64 = 20;

/// What the figure does under the jitter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseFloor {
    pub mean: f64,
    pub sd: f64,
    /// Lowest and highest of all draws but one on each side.
    pub low: f64,
    pub high: f64,
}

impl NoiseFloor {
    /// The step to which a probability is rounded so that no digit below the noise is shown.
    pub fn step(self) -> f64 {
        [0.01, 0.02, 0.05, 0.1, 0.2].into_iter().find(|step| *step >= self.sd).unwrap_or(0.2)
    }

    /// A probability without the digits below the noise.
    pub fn rounded(self, probability: f64) -> f64 {
        ((probability / self.step()).round() * self.step()).clamp(0.0, 1.0)
    }
}

/// What it takes to find the noise floor apart from the case.
pub struct NoiseSurvey {
    grid: Arc<VoxelGrid>,
    /// CTV, GTVp, GTVn, then the stations.
    masks: Vec<Mask>,
    zone: Option<Mask>,
    clinical: ClinicalValues,
    context: FeatureContext,
    model: Arc<RiskModel>,
}

/// A structure with all that lies near its boundary.
struct Edge {
    /// Voxels that stay inside whatever the shift.
    core: Mask,
    /// Slice, row and column with the signed distance from the boundary, mm.
    near: Vec<([u32; 3], f32)>,
}

impl Edge {
    fn of(mask: &Mask, grid: &VoxelGrid) -> Self {
        let reach = JITTER_MM * CUT;
        let field = DistanceField::signed(mask, grid, f64::from(reach));
        let near = field
            .mm
            .indexed_iter()
            .filter(|(_, d)| d.abs() <= reach)
            .map(|((k, j, i), d)| {
                let [a, b, c] = field.first_kji;
                ([k + a, j + b, i + c].map(|n| n as u32), *d)
            })
            .collect();
        Self { core: field.mask(grid, -f64::from(reach) - 1e-3), near }
    }

    /// The structure with its boundary shifted by a smooth random field.
    fn drawn(&self, grid: &VoxelGrid, rng: &mut ChaCha8Rng) -> Mask {
        let patches = Patches::new(&self.near, grid, rng);
        let mut slices: BTreeMap<usize, SliceMask> =
            self.core.slices.iter().map(|(k, slice)| (*k, spacious(slice, grid))).collect();
        for (at, distance) in &self.near {
            if *distance <= patches.at(*at, grid) {
                let [k, j, i] = at.map(|n| n as usize);
                let slice = slices.entry(k).or_insert_with(|| SliceMask::with_rows(grid.columns(), 0, grid.rows()));
                slice.set(j, i);
            }
        }
        Mask { slices: slices.into_iter().map(|(k, slice)| (k, Arc::new(slice.trimmed()))).collect() }
    }
}

/// The same voxels with room for all rows.
fn spacious(slice: &SliceMask, grid: &VoxelGrid) -> SliceMask {
    let mut whole = SliceMask::with_rows(grid.columns(), 0, grid.rows());
    for j in slice.row_range() {
        let from = slice.row(j);
        whole.row_mut(j)[..from.len()].copy_from_slice(from);
    }
    whole
}

/// Normal values at points [`PATCH_MM`] apart, straight between them and scaled to the wanted deviation.
struct Patches {
    values: Vec<f32>,
    /// Along slices, rows, columns.
    size: [usize; 3],
    /// First slice position, row and column, mm.
    first: [f64; 3],
}

impl Patches {
    fn new(near: &[([u32; 3], f32)], grid: &VoxelGrid, rng: &mut ChaCha8Rng) -> Self {
        let places = || near.iter().map(|(at, _)| place(*at, grid));
        let low = places().fold([f64::INFINITY; 3], |low, p| std::array::from_fn(|a| low[a].min(p[a])));
        let high = places().fold([f64::NEG_INFINITY; 3], |high, p| std::array::from_fn(|a| high[a].max(p[a])));
        let size = std::array::from_fn(|a| ((high[a] - low[a]).max(0.0) / PATCH_MM) as usize + 2);
        let count = size.iter().product();
        let values = (0..count).map(|_| StandardNormal.sample(rng)).collect();
        Self { values, size, first: low }
    }

    /// The shift at a voxel, mm.
    fn at(&self, at: [u32; 3], grid: &VoxelGrid) -> f32 {
        let place = place(at, grid);
        let steps: [(usize, f32); 3] = std::array::from_fn(|a| {
            let x = ((place[a] - self.first[a]) / PATCH_MM).max(0.0);
            let low = (x as usize).min(self.size[a] - 2);
            (low, (x - low as f64) as f32)
        });
        let (mut sum, mut squares) = (0.0, 0.0);
        for corner in 0..8 {
            let mut weight = 1.0;
            let mut index = 0;
            for (a, (low, part)) in steps.iter().enumerate() {
                let upper = corner >> a & 1;
                weight *= if upper == 1 { *part } else { 1.0 - part };
                index = index * self.size[a] + low + upper;
            }
            sum += weight * self.values[index];
            squares += weight * weight;
        }
        // Between the points the mean of several has less spread: the same everywhere again.
        (sum / squares.sqrt()).clamp(-CUT, CUT) * JITTER_MM
    }
}

fn place([k, j, i]: [u32; 3], grid: &VoxelGrid) -> [f64; 3] {
    let z = grid.positions_mm()[k as usize];
    [z, f64::from(j) * grid.spacing_j_mm(), f64::from(i) * grid.spacing_i_mm()]
}

impl NoiseSurvey {
    /// Of a case with what is derived from it.
    pub fn of(case: &Case, live: &Live, model: Arc<RiskModel>) -> Self {
        let (zone, context) = live.surroundings_of(case);
        Self::new(case, zone, context, model)
    }

    fn new(case: &Case, zone: Option<Mask>, context: FeatureContext, model: Arc<RiskModel>) -> Self {
        let roles = [Role::Ctv, Role::Gtvp, Role::Gtvn].into_iter().chain(Station::all().map(Role::Station));
        Self {
            grid: Arc::clone(case.grid()),
            masks: roles.map(|role| case.role_mask(role)).collect(),
            zone,
            clinical: case.clinical().clone(),
            context,
            model,
        }
    }

    /// Takes some tenths of a second; the same case gives the same floor. `None` where too few draws give a figure.
    pub fn find(&self) -> Option<NoiseFloor> {
        let grid = &*self.grid;
        let edges: Vec<Edge> = self.masks.par_iter().map(|mask| Edge::of(mask, grid)).collect();
        let mut figures: Vec<f64> = (0..DRAWS)
            .into_par_iter()
            .filter_map(|draw| {
                let drawn: Vec<Mask> = edges
                    .iter()
                    .enumerate()
                    .map(|(n, edge)| {
                        let mut rng = ChaCha8Rng::seed_from_u64(draw * 64 + n as u64);
                        if edge.near.is_empty() { edge.core.clone() } else { edge.drawn(grid, &mut rng) }
                    })
                    .collect();
                self.figure(&drawn)
            })
            .collect();
        if figures.len() < DRAWS as usize / 2 {
            return None;
        }
        figures.sort_by(f64::total_cmp);
        let n = figures.len() as f64;
        let mean = figures.iter().sum::<f64>() / n;
        let sd = (figures.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        Some(NoiseFloor { mean, sd, low: figures[1], high: figures[figures.len() - 2] })
    }

    fn figure(&self, masks: &[Mask]) -> Option<f64> {
        let [ctv, gtvp, gtvn, stations @ ..] = masks else { return None };
        let [gtvp_contours, gtvn_contours] = [gtvp, gtvn].map(|mask| contours_from_mask(&self.grid, mask));
        let case = CaseMasks {
            ctv: Some(ctv),
            gtvp: Some(gtvp),
            gtvn: Some(gtvn),
            stations: std::array::from_fn(|s| stations.get(s)),
            central_zone: self.zone.as_ref(),
            gtvp_contours: Some(&gtvp_contours),
            gtvn_contours: Some(&gtvn_contours),
        };
        let features = LiveFeatures::from_masks(&self.grid, &case).features(&self.clinical, &self.context);
        self.model.probability(&features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::VoxelGrid;
    use ndarray::Array3;

    /// The shift has the wanted spread, on the lattice and between its points, and follows the seed.
    #[test]
    fn boundaries_move_by_two_millimetres() {
        let grid = VoxelGrid::axial(crate::geometry::PatientPoint::new(0.0, 0.0, 0.0), [1.0, 1.0, 3.0], [120, 120, 40])
            .unwrap();
        let inside = |at: (usize, usize, usize)| {
            (8..32).contains(&at.0) && (20..100).contains(&at.1) && (20..100).contains(&at.2)
        };
        let mask = Mask::from_dense(&Array3::from_shape_fn([40, 120, 120], inside));
        let edge = Edge::of(&mask, &grid);
        let mut shifts = Vec::new();
        for seed in 0..40 {
            let drawn = edge.drawn(&grid, &mut ChaCha8Rng::seed_from_u64(seed));
            assert!(drawn == edge.drawn(&grid, &mut ChaCha8Rng::seed_from_u64(seed)));
            // Where the upper border lies now, at places apart from each other.
            for (k, i) in [(14, 30), (14, 60), (20, 45), (26, 90)] {
                let first = (0..120).find(|j| drawn.get(k, *j, i)).expect("something is left");
                shifts.push(20.0 - first as f64);
            }
        }
        let n = shifts.len() as f64;
        let mean = shifts.iter().sum::<f64>() / n;
        let sd = (shifts.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n).sqrt();
        assert!(mean.abs() < 0.6 && (1.4..2.4).contains(&sd), "{mean} {sd}");
    }

    #[test]
    fn digits_below_the_noise_are_not_shown() {
        let floor = |sd: f64| NoiseFloor { mean: 0.5, sd, low: 0.4, high: 0.6 };
        assert_eq!(floor(0.004).rounded(0.537), 0.54);
        assert!((floor(0.03).rounded(0.537) - 0.55).abs() < 1e-12);
        assert!((floor(0.07).rounded(0.537) - 0.5).abs() < 1e-12);
        assert_eq!(floor(0.5).rounded(0.99), 1.0);
    }
}
