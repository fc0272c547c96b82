//! Training cases: phantoms at the network's resolution, made in the background while the network learns, and the
//! random samples drawn from them.

use crate::contour::Mask;
use crate::diunet::{CLASSES, Frame, ModelManifest, Planes, Stack, fill_channels, find_lungs, slices_to_run};
use crate::geometry::VoxelGrid;
use crate::phantom::{Phantom, PhantomConfig, generate};
use crate::progress::{Cancelled, Progress};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::sync::Arc;

/// Pixels kept around the network's window, so that it can be shifted and turned.
const MARGIN: usize = 12;
/// The label map holds the station (0 to 16) and this bit for the CTV.
const CTV_BIT: u8 = 0x80;

/// A phantom ready to be sampled.
pub struct TrainingCase {
    /// The slab of every slice: K planes, wider than the window.
    slabs: Vec<Vec<Planes>>,
    /// The label map of every slice.
    labels: Vec<Vec<u8>>,
    /// Slices (within `slabs`) that hold any station.
    with_station: Vec<usize>,
    side: usize,
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
/// [`Cancelled`] if the progress asked to stop.
pub fn phantom(seed: u64, progress: &dyn Progress) -> Result<(Phantom, Mask), Cancelled> {
    let phantom = generate(&PhantomConfig::training(seed), progress)?;
    let gtv = phantom.gtvp.union(&phantom.gtvn);
    Ok((phantom, gtv))
}

/// Station (1 to 16) and CTV of every pixel of the frame: of the voxel whose centre is nearest.
fn label_map(frame: &Frame, grid: &VoxelGrid, phantom: &Phantom, k: usize) -> Vec<u8> {
    let mut labels = Vec::with_capacity(frame.size * frame.size);
    let stations: Vec<_> = phantom.station_masks.iter().map(|m| m.slices.get(&k)).collect();
    let ctv = phantom.ctv.slices.get(&k);
    for row in 0..frame.size {
        for column in 0..frame.size {
            let at = grid.index_from_plane(frame.plane_from_pixel(row as f64, column as f64)).round();
            if at.x < 0.0 || at.y < 0.0 {
                labels.push(0);
                continue;
            }
            let (j, i) = (at.y as usize, at.x as usize);
            let station = stations.iter().position(|s| s.is_some_and(|s| s.get(j, i))).map_or(0, |n| n as u8 + 1);
            labels.push(station | if ctv.is_some_and(|c| c.get(j, i)) { CTV_BIT } else { 0 });
        }
    }
    labels
}

impl TrainingCase {
    /// `None` if no lungs are found in the phantom (it then serves nobody).
    pub fn new(manifest: &ModelManifest, phantom: &Phantom, gtv: &Mask) -> Option<Self> {
        let grid = &phantom.volume.grid;
        let lungs = find_lungs(&phantom.volume)?;
        let frame = Frame::new(grid, lungs.center, manifest.spacing_mm, manifest.crop)?.widened(MARGIN);
        let slices = slices_to_run(grid, &lungs);
        let mut stack = Stack::new(manifest, &phantom.volume, gtv, frame.clone());
        let slabs = slices.clone().map(|k| stack.slab(k)).collect();
        let labels: Vec<Vec<u8>> = slices.map(|k| label_map(&frame, grid, phantom, k)).collect();
        let with_station =
            (0..labels.len()).filter(|n| labels[*n].iter().any(|l| l & !CTV_BIT > 0)).collect::<Vec<_>>();
        (!with_station.is_empty()).then_some(Self { slabs, labels, with_station, side: frame.size })
    }

    /// Pixels of every class within the stored frames.
    pub fn count_classes(&self, counts: &mut [u64; CLASSES]) {
        for label in self.labels.iter().flatten() {
            counts[usize::from(label & !CTV_BIT)] += 1;
        }
    }

    /// A patch of `size` pixels of a slice, seen through a random change: turned, scaled, shifted, another contrast and noise, the GTV grown, shrunk
    /// or left out. Left and right are never swapped.
    pub fn sample(&self, manifest: &ModelManifest, size: usize, rng: &mut ChaCha8Rng) -> Sample {
        let n = if rng.random_bool(0.9) {
            self.with_station[rng.random_range(0..self.with_station.len())]
        } else {
            rng.random_range(0..self.slabs.len())
        };
        let angle = rng.random_range(-10.0f32..10.0).to_radians();
        let scale = rng.random_range(0.92f32..1.08);
        // The patch may lie anywhere in the window, give or take 12 mm.
        let shift_px = (manifest.crop - size) as f32 / 2.0 + (12.0 / manifest.spacing_mm) as f32;
        let shift = [rng.random_range(-shift_px..shift_px), rng.random_range(-shift_px..shift_px)];
        let contrast = rng.random_range(0.9f32..1.1);
        let brightness = rng.random_range(-20.0f32..20.0);
        let noise = rng.random_range(0.0f32..12.0);
        let grown_mm = rng.random_range(-3.0f32..3.0);
        let without_gtv = rng.random_bool(0.15);

        let side = self.side;
        let (middle, center) = ((size as f32 - 1.0) / 2.0, (side as f32 - 1.0) / 2.0);
        let (cos, sin) = (angle.cos() / scale, angle.sin() / scale);
        // Where each pixel of the sample comes from: upper left pixel and parts of the way.
        let mut taps = Vec::with_capacity(size * size);
        for row in 0..size {
            for column in 0..size {
                let (y, x) = (row as f32 - middle - shift[0], column as f32 - middle - shift[1]);
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
            .map(|planes| {
                let mut hu = take(&planes.hu);
                for v in &mut hu {
                    let z: f32 = StandardNormal.sample(rng);
                    *v = *v * contrast + brightness + noise * z;
                }
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
        let nearest = taps.iter().map(|&(at, down, right)| {
            self.labels[n][at + if down >= 0.5 { side } else { 0 } + usize::from(right >= 0.5)]
        });
        let labels: Vec<u8> = nearest.collect();
        Sample {
            ct,
            gtv,
            in_ctv: labels.iter().map(|l| if without_gtv { 0 } else { l >> 7 }).collect(),
            labels: labels.iter().map(|l| l & !CTV_BIT).collect(),
        }
    }
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
