//! Training cases: phantoms at the network's resolution, made in the background while the network learns, and the
//! random samples drawn from them.

use super::patients::Contrast;
use super::smooth::{Clouds, Warp};
use crate::contour::Mask;
use crate::diunet::{
    Bearings, CLASSES, CTV_UNKNOWN, Frame, Guide, ModelManifest, Planes, Stack, fill_channels, fill_guide, find_lungs,
    slices_to_run,
};
use crate::geometry::VoxelGrid;
use crate::image::CtVolume;
use crate::phantom::{Phantom, PhantomConfig, PhantomError, Variation, try_generate};
use crate::progress::{Progress, Silent};
use crate::structures::Station;
use ndarray::Array3;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::sync::Arc;

/// Pixels kept around the network's window, so that it can be shifted and turned.
const MARGIN: usize = 12;
/// The label map holds the station (0 to 16) and this bit for the CTV.
const CTV_BIT: u8 = 0x80;

/// Standard deviation of the displacements within the slices, mm: patients are few, phantoms all of one make.
const WARP_MM: f64 = 4.0;

/// Share of the samples that are not told where they lie, as in a scan whose trachea is not found.
const WITHOUT_GUIDE: f64 = 0.08;
/// Standard deviations by which the guide of a sample is moved, mm.
const TRACHEA_OFF_MM: f64 = 1.0;
const HEIGHTS_OFF_MM: f64 = 2.0;

/// What a case teaches.
pub struct Truth<'a> {
    pub stations: &'a [Mask; Station::COUNT],
    /// Empty where it is not known.
    pub ctv: &'a Mask,
    /// Heart and vessels of a patient; `None` for a phantom, which is made in all looks.
    pub blood: Option<&'a Mask>,
}

/// A phantom or patient ready to be sampled.
pub struct TrainingCase {
    /// The slab of every slice: K planes, wider than the window.
    slabs: Vec<Vec<Planes>>,
    /// Of a patient, the share of blood in every pixel of the slabs (none if it is not known), and its CT number.
    blood: Option<Blood>,
    knows_ctv: bool,
    /// Where in the chest every slice lies; none if the network does not want to know.
    places: Vec<Option<Place>>,
    /// The label map of every slice.
    labels: Vec<Vec<u8>>,
    /// Slices (within `slabs`) that hold any station.
    with_station: Vec<usize>,
    side: usize,
}

/// What is known of where a slice lies.
struct Place {
    guide: Guide,
    /// Patient x and y of the first pixel, mm, and how they grow by row and by column.
    corner: [f64; 2],
    by_row: [f64; 2],
    by_column: [f64; 2],
}

impl Place {
    fn new(guide: Guide, frame: &Frame, grid: &VoxelGrid, k: usize) -> Self {
        let at = |row: f64, column: f64| {
            let p = grid.patient_from_plane(frame.plane_from_pixel(row, column), grid.position_mm(k));
            [p.x, p.y]
        };
        let corner = at(0.0, 0.0);
        let step = |p: [f64; 2]| [p[0] - corner[0], p[1] - corner[1]];
        Self { guide, corner, by_row: step(at(1.0, 0.0)), by_column: step(at(0.0, 1.0)) }
    }

    /// Patient x and y of a pixel, mm, in a picture that shows everything so many times as large around the trachea.
    fn at(&self, row: f64, column: f64, scale: f64) -> [f64; 2] {
        std::array::from_fn(|axis| {
            let mm = self.corner[axis] + self.by_row[axis] * row + self.by_column[axis] * column;
            self.guide.trachea[axis] + (mm - self.guide.trachea[axis]) * scale
        })
    }
}

struct Blood {
    /// As the slabs.
    shares: Vec<Vec<Vec<f32>>>,
    mean_hu: f32,
}

/// One sample, at the size of the window.
pub struct Sample {
    pub ct: Vec<f32>,
    pub gtv: Vec<f32>,
    pub labels: Vec<u8>,
    pub in_ctv: Vec<u8>,
}

/// The phantom of a seed as the network sees it in training and validation, with the union of its GTVs.
///
/// # Errors
/// [`PhantomError`]: the progress asked to stop, or the scan of this seed leaves out what the stations need.
pub fn phantom(variation: Variation, seed: u64, progress: &dyn Progress) -> Result<(Phantom, Mask), PhantomError> {
    let config = match variation {
        Variation::Reference => PhantomConfig::training(seed),
        Variation::Population => PhantomConfig::population(seed),
    };
    let phantom = try_generate(&config, progress)?;
    let gtv = phantom.gtvp.union(&phantom.gtvn);
    Ok((phantom, gtv))
}

/// Station (1 to 16) and CTV of every pixel of the frame.
fn label_map(frame: &Frame, grid: &VoxelGrid, truth: &Truth<'_>, k: usize) -> Vec<u8> {
    let stations = frame.labels(grid, truth.stations, k);
    let ctv = frame.labels(grid, std::slice::from_ref(truth.ctv), k);
    stations.into_iter().zip(ctv).map(|(station, ctv)| station | if ctv > 0 { CTV_BIT } else { 0 }).collect()
}

impl TrainingCase {
    /// `None` if no lungs are found in the scan, or no station beside them (it then serves nobody).
    pub fn new(manifest: &ModelManifest, volume: &CtVolume, gtv: &Mask, truth: &Truth<'_>) -> Option<Self> {
        let grid = &volume.grid;
        let lungs = find_lungs(volume)?;
        let frame = Frame::new(grid, lungs.center, manifest.spacing_mm, manifest.crop)?.widened(MARGIN);
        let slices = slices_to_run(grid, &lungs);
        let mut stack = Stack::new(manifest, volume, gtv, frame.clone());
        let slabs = slices.clone().map(|k| stack.slab(k)).collect();
        let blood = truth.blood.map(|blood| Blood::new(manifest, volume, blood, &frame, slices.clone()));
        let labels: Vec<Vec<u8>> = slices.map(|k| label_map(&frame, grid, truth, k)).collect();
        let with_station =
            (0..labels.len()).filter(|n| labels[*n].iter().any(|l| l & !CTV_BIT > 0)).collect::<Vec<_>>();
        let knows_ctv = !truth.ctv.is_empty();
        let wants_guide = manifest.variant.architecture().guide_channels > 0;
        let bearings = if wants_guide { Bearings::find(volume, &Silent).ok().flatten() } else { None };
        let place = |k| Some(Place::new(*bearings.as_ref()?.of_slice(k)?, &frame, grid, k));
        let places = slices_to_run(grid, &lungs).map(place).collect();
        (!with_station.is_empty()).then_some(Self {
            slabs,
            blood,
            knows_ctv,
            places,
            labels,
            with_station,
            side: frame.size,
        })
    }

    /// Pixels of every class within the stored frames.
    pub fn count_classes(&self, counts: &mut [u64; CLASSES]) {
        for label in self.labels.iter().flatten() {
            counts[usize::from(label & !CTV_BIT)] += 1;
        }
    }

    /// A patch of `size` pixels of a slice, seen through a random change: turned, scaled, shifted, with another look, the
    /// GTV grown, shrunk or left out. Left and right are never swapped.
    pub fn sample(&self, manifest: &ModelManifest, size: usize, rng: &mut ChaCha8Rng) -> Sample {
        let n = if rng.random_bool(0.9) {
            self.with_station[rng.random_range(0..self.with_station.len())]
        } else {
            rng.random_range(0..self.slabs.len())
        };
        let angle = rng.random_range(-10.0f32..10.0).to_radians();
        // Phantoms come in all sizes by themselves.
        let scale =
            if self.blood.is_some() { rng.random_range(0.85f32..1.18) } else { rng.random_range(0.92f32..1.08) };
        // The patch may lie anywhere in the window, give or take 12 mm.
        let shift_px = (manifest.crop - size) as f32 / 2.0 + (12.0 / manifest.spacing_mm) as f32;
        let shift = [rng.random_range(-shift_px..shift_px), rng.random_range(-shift_px..shift_px)];
        let look = Look::random(size, rng);
        let warp = Warp::random(size, (WARP_MM / manifest.spacing_mm) as f32, rng);
        let grown_mm = rng.random_range(-3.0f32..3.0);
        let without_gtv = rng.random_bool(0.15);
        let place = self.places[n].as_ref().filter(|_| rng.random_bool(1.0 - WITHOUT_GUIDE));
        let guide = place.map(|place| shaken(&place.guide, rng));
        let of_patient = self.blood.as_ref().map(|blood| (blood, Contrast::random(blood.mean_hu, rng)));

        let side = self.side;
        let (middle, center) = ((size as f32 - 1.0) / 2.0, (side as f32 - 1.0) / 2.0);
        let (cos, sin) = (angle.cos() / scale, angle.sin() / scale);
        // Where each pixel of the sample comes from: upper left pixel and parts of the way.
        let mut taps = Vec::with_capacity(size * size);
        for row in 0..size {
            for column in 0..size {
                let [down, right] = warp.at(row as f32, column as f32);
                let (y, x) = (row as f32 - middle - shift[0] + down, column as f32 - middle - shift[1] + right);
                let limit = (side - 1) as f32;
                let y0 = (center + cos * y - sin * x).clamp(0.0, limit - 0.001);
                let x0 = (center + sin * y + cos * x).clamp(0.0, limit - 0.001);
                taps.push((y0 as usize * side + x0 as usize, y0.fract(), x0.fract()));
            }
        }
        let take = |plane: &[f32]| -> Vec<f32> {
            taps.iter()
                .map(|&(at, down, right)| {
                    let upper = plane[at] + (plane[at + 1] - plane[at]) * right;
                    let lower = plane[at + side] + (plane[at + side + 1] - plane[at + side]) * right;
                    upper + (lower - upper) * down
                })
                .collect()
        };
        let clip = manifest.distance_clip_mm as f32;
        let slab: Vec<Planes> = self.slabs[n]
            .iter()
            .enumerate()
            .map(|(plane, planes)| {
                let mut hu = take(&planes.hu);
                if let Some((blood, contrast)) = &of_patient {
                    contrast.apply(&mut hu, &take(&blood.shares[n][plane]));
                }
                look.apply(&mut hu, size, rng);
                let distance_mm = if without_gtv {
                    vec![clip; size * size]
                } else {
                    let scaled = take(&planes.distance_mm);
                    scaled.into_iter().map(|d| if d >= clip { clip } else { d * scale - grown_mm }).collect()
                };
                Planes { hu, distance_mm }
            })
            .collect();
        let architecture = manifest.variant.architecture();
        let mut ct = vec![0.0; architecture.ct_channels() * size * size];
        let mut gtv = vec![0.0; architecture.gtv_channels() * size * size];
        fill_channels(manifest, &slab, &mut ct, &mut gtv);
        let xy = taps.iter().map(|&(at, down, right)| {
            let (row, column) = ((at / side) as f64 + f64::from(down), (at % side) as f64 + f64::from(right));
            place.map_or([0.0; 2], |place| place.at(row, column, f64::from(scale)))
        });
        fill_guide(manifest, guide.as_ref(), xy, &mut ct);
        let nearest = taps.iter().map(|&(at, down, right)| {
            self.labels[n][at + if down >= 0.5 { side } else { 0 } + usize::from(right >= 0.5)]
        });
        let labels: Vec<u8> = nearest.collect();
        Sample {
            ct,
            gtv,
            in_ctv: labels
                .iter()
                .map(|l| match (self.knows_ctv, without_gtv) {
                    (false, _) => CTV_UNKNOWN,
                    (true, true) => 0,
                    (true, false) => l >> 7,
                })
                .collect(),
            labels: labels.iter().map(|l| l & !CTV_BIT).collect(),
        }
    }
}

/// What is found is off by a few millimetres, and more in some patients than in phantoms.
fn shaken(guide: &Guide, rng: &mut ChaCha8Rng) -> Guide {
    let mut by = |deviation_mm: f64| deviation_mm * rng.sample::<f64, _>(StandardNormal);
    Guide {
        trachea: guide.trachea.map(|v| v + by(TRACHEA_OFF_MM)),
        heights: guide.heights.map(|v| v + by(HEIGHTS_OFF_MM)),
    }
}

impl Blood {
    fn new(
        manifest: &ModelManifest,
        volume: &CtVolume,
        blood: &Mask,
        frame: &Frame,
        slices: std::ops::Range<usize>,
    ) -> Self {
        const WHOLE: i16 = 1000;
        let grid = &volume.grid;
        let (mut shares, mut sum, mut count) = (Array3::<i16>::zeros(grid.shape()), 0.0f64, 0.0f64);
        for (&k, slice) in &blood.slices {
            for (j, i) in slice.voxels() {
                shares[[k, j, i]] = WHOLE;
                sum += f64::from(volume.hu[[k, j, i]]);
                count += 1.0;
            }
        }
        // Sampled as the scan is, so that a share fits its pixel.
        let shares = CtVolume::new(grid.clone(), shares);
        let mut stack = Stack::new(manifest, &shares, &Mask::default(), frame.clone());
        let part = |plane: Planes| plane.hu.into_iter().map(|v| (v / f32::from(WHOLE)).clamp(0.0, 1.0)).collect();
        let shares = slices.map(|k| stack.slab(k).into_iter().map(part).collect()).collect();
        Self { shares, mean_hu: if count > 0.0 { (sum / count) as f32 } else { 0.0 } }
    }
}

/// How a scanner and a contrast medium may change the picture: the same for all slices of a sample, but for the noise.
struct Look {
    contrast: f32,
    brightness_hu: f32,
    /// Exponent of the soft tissue window.
    gamma: f32,
    /// Change across the sample, HU.
    slope_hu: [f32; 2],
    /// Above 0 a sharper kernel, below 0 a softer one.
    sharpen: f32,
    noise_hu: f32,
    /// The noise has a grain of several pixels.
    is_grainy: bool,
    /// The unevenness that all slices of a sample share, and the deviation of that of each slice, HU.
    clouds: Clouds,
    clouds_hu: f32,
}

impl Look {
    fn random(size: usize, rng: &mut ChaCha8Rng) -> Self {
        let clouds_hu = rng.random_range(0.0f32..1.0).powi(2) * 30.0;
        let sharpen = rng.random_range(-1.0f32..1.0);
        Self {
            contrast: rng.random_range(0.85..1.15),
            brightness_hu: rng.random_range(-25.0..25.0),
            gamma: rng.random_range(-0.3f32..0.3).exp(),
            slope_hu: [rng.random_range(-15.0..15.0), rng.random_range(-15.0..15.0)],
            sharpen: if rng.random_bool(0.4) { sharpen } else { 0.0 },
            noise_hu: rng.random_range(0.0f32..1.0).powi(2) * 25.0,
            is_grainy: rng.random_bool(0.5),
            clouds: Clouds::random(size, clouds_hu, rng),
            clouds_hu: clouds_hu * 0.7,
        }
    }

    /// Changes a square plane of CT numbers.
    fn apply(&self, hu: &mut [f32], size: usize, rng: &mut ChaCha8Rng) {
        if self.sharpen != 0.0 {
            let soft = softened(hu, size);
            hu.iter_mut().zip(&soft).for_each(|(v, soft)| *v += self.sharpen * (*v - soft));
        }
        let mut noise: Vec<f32> = (0..hu.len()).map(|_| StandardNormal.sample(rng)).collect();
        if self.is_grainy {
            noise = softened(&noise, size);
            // The filter leaves 6/16 of the variance along each axis.
            for n in &mut noise {
                *n *= 16.0 / 6.0;
            }
        }
        let own = Clouds::random(size, self.clouds_hu, rng);
        for (at, v) in hu.iter_mut().enumerate() {
            let (row, column) = ((at / size) as f32, (at % size) as f32);
            *v += self.clouds.at(row, column) + own.at(row, column);
        }
        let middle = size as f32 / 2.0;
        for (at, (v, noise)) in hu.iter_mut().zip(noise).enumerate() {
            let (y, x) = ((at / size) as f32 / middle - 1.0, (at % size) as f32 / middle - 1.0);
            let window = ((*v + 160.0) / 400.0).clamp(0.0, 1.0);
            let curved = *v + 400.0 * (window.powf(self.gamma) - window);
            let slope_hu = self.slope_hu[0] * y + self.slope_hu[1] * x;
            *v = curved * self.contrast + self.brightness_hu + slope_hu + self.noise_hu * noise;
        }
    }
}

/// Weights of 1, 2, 1 along both axes; borders are held.
fn softened(plane: &[f32], size: usize) -> Vec<f32> {
    let along = |from: &[f32], step: usize, of: fn(usize, usize) -> usize| -> Vec<f32> {
        (0..from.len())
            .map(|at| {
                let n = of(at, size);
                let before = from[if n > 0 { at - step } else { at }];
                let after = from[if n + 1 < size { at + step } else { at }];
                0.25 * (before + after) + 0.5 * from[at]
            })
            .collect()
    };
    along(&along(plane, 1, |at, size| at % size), size, |at, size| at / size)
}

/// The cases at hand; the oldest goes as a new one comes.
pub struct Ring {
    cases: Vec<Arc<TrainingCase>>,
    capacity: usize,
    /// Cases that have ever been added.
    pub added: usize,
}

impl Ring {
    pub fn new(capacity: usize) -> Self {
        Self { cases: Vec::new(), capacity: capacity.max(1), added: 0 }
    }

    pub fn add(&mut self, case: TrainingCase) {
        let at = self.added % self.capacity;
        if at < self.cases.len() {
            self.cases[at] = Arc::new(case);
        } else {
            self.cases.push(Arc::new(case));
        }
        self.added += 1;
    }

    pub fn cases(&self) -> &[Arc<TrainingCase>] {
        &self.cases
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn grain_keeps_the_deviation_of_the_noise_and_a_flat_plane_stays_flat() {
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        let look = |noise_hu, is_grainy| Look {
            contrast: 1.0,
            brightness_hu: 5.0,
            gamma: 1.0,
            slope_hu: [0.0; 2],
            sharpen: 0.7,
            noise_hu,
            is_grainy,
            clouds: Clouds::random(96, 0.0, &mut ChaCha8Rng::seed_from_u64(1)),
            clouds_hu: 0.0,
        };
        for is_grainy in [false, true] {
            let mut plane = vec![40.0; 96 * 96];
            look(10.0, is_grainy).apply(&mut plane, 96, rng);
            let n = plane.len() as f32;
            let mean = plane.iter().sum::<f32>() / n;
            let deviation = (plane.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt();
            assert!((mean - 45.0).abs() < 1.0 && (deviation - 10.0).abs() < 0.7, "{mean} {deviation}");
        }
        let mut flat = vec![40.0; 64];
        look(0.0, true).apply(&mut flat, 8, rng);
        assert!(flat.iter().all(|v| (v - 45.0).abs() < 1e-3), "{flat:?}");
    }
}
