//! How sure the network is: the probability of what it drew at every pixel, brought to what held-out cases bear out, and
//! what follows for the order of review. It says where to look first, never whether a contour is right.

use super::network::CLASSES;
use super::paste::SliceLogits;
use super::prepare::Frame;
use crate::geometry::{GridError, PatientPoint, VoxelGrid};
use crate::structures::Station;
use ndarray::Array3;
use rayon::prelude::*;
use std::ops::Range;

/// Of a whole run.
#[derive(Debug, Clone)]
pub struct Uncertainty {
    /// The network's pixels in the slices of the scan on which it ran.
    pub grid: VoxelGrid,
    /// One less the probability of what was drawn (background or a station), `[k, j, i]`.
    pub values: Array3<f32>,
    /// Stations that were drawn, the least sure first.
    pub stations: Vec<StationConfidence>,
    /// How the logits became probabilities; `None` where the model has no calibration.
    pub scaling: Option<Scaling>,
}

/// What the probabilities say about a station.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StationConfidence {
    pub station: Station,
    /// The DSC of what was drawn that is to be expected if the probabilities are right:
    /// `2 sum(p over drawn) / (drawn + sum(p over all))`, by volume.
    pub expected_dsc: f64,
    /// In the slice with the greatest expected error, the middle of it.
    pub least_sure: PatientPoint,
}

/// From logits to probabilities. Training weights rare classes more, so that their probabilities come out too large
/// beside the background's; one shift mends that, one temperature the rest.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scaling {
    /// Logits are divided by it ...
    pub temperature: f64,
    /// ... and this is added to that of the background.
    pub background: f64,
}

impl Scaling {
    /// The logits as they are.
    pub const NONE: Self = Self { temperature: 1.0, background: 0.0 };
}

/// Probabilities of the classes of a pixel: softmax of the scaled logits.
pub fn probabilities(logits: impl IntoIterator<Item = f32>, scaling: Scaling) -> [f32; CLASSES] {
    let mut p = [f32::MIN; CLASSES];
    for (p, logit) in p.iter_mut().zip(logits) {
        *p = logit / scaling.temperature as f32;
    }
    p[0] += scaling.background as f32;
    let best = p.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for p in &mut p {
        *p = (*p - best).exp();
        sum += *p;
    }
    p.map(|p| p / sum)
}

/// What a slice contributes.
struct SliceSums {
    values: Vec<f32>,
    /// By class: pixels drawn, sum of the probability over these, and over all pixels.
    drawn: [f64; CLASSES],
    within: [f64; CLASSES],
    all: [f64; CLASSES],
    /// By class: the expected error (p outside, 1 - p inside) and its first moments in row and column.
    error: [[f64; 3]; CLASSES],
}

fn sums(raw: &SliceLogits, labels: &[u8], size: usize, scaling: Scaling) -> SliceSums {
    let none = [0.0; CLASSES];
    let mut s = SliceSums { values: Vec::new(), drawn: none, within: none, all: none, error: [[0.0; 3]; CLASSES] };
    s.values = (0..size * size)
        .map(|pixel| {
            let p = probabilities(raw.at(pixel), scaling);
            let label = usize::from(labels[pixel]);
            let (row, column) = ((pixel / size) as f64, (pixel % size) as f64);
            for class in 1..CLASSES {
                let p = f64::from(p[class]);
                // Most classes are nowhere near most pixels.
                if p < 1e-6 && class != label {
                    continue;
                }
                s.all[class] += p;
                let error = if class == label {
                    s.drawn[class] += 1.0;
                    s.within[class] += p;
                    1.0 - p
                } else {
                    p
                };
                for (sum, part) in s.error[class].iter_mut().zip([error, error * row, error * column]) {
                    *sum += part;
                }
            }
            1.0 - p[label]
        })
        .collect();
    s
}

impl Uncertainty {
    /// From the network's output as it was and the labels that were drawn of it, slice by slice.
    ///
    /// # Errors
    /// [`GridError`] where the frame has no valid grid.
    pub(super) fn new(
        raw: &[std::sync::Arc<SliceLogits>],
        labels: &[Vec<u8>],
        frame: &Frame,
        grid: &VoxelGrid,
        slices: Range<usize>,
        scaling: Option<Scaling>,
    ) -> Result<Self, GridError> {
        let size = frame.size;
        let used = scaling.unwrap_or(Scaling::NONE);
        let parts: Vec<SliceSums> =
            raw.par_iter().zip(labels).map(|(raw, labels)| sums(raw, labels, size, used)).collect();
        let own = frame.grid(grid, slices.clone())?;
        let mut values = Array3::zeros(own.shape());
        let place = |row: f64, column: f64, k: usize| {
            grid.patient_from_plane(frame.plane_from_pixel(row, column), grid.positions_mm()[k])
        };
        for (n, (part, k)) in parts.iter().zip(slices.clone()).enumerate() {
            // The slices of the network's grid go toward the head.
            let at = own.nearest_slice(place(0.0, 0.0, k).dot(own.normal()));
            debug_assert!(at == n || at + n + 1 == parts.len());
            let mut plane = values.index_axis_mut(ndarray::Axis(0), at);
            plane.iter_mut().zip(&part.values).for_each(|(to, from)| *to = *from);
        }
        let mut stations: Vec<StationConfidence> = Station::all()
            .filter_map(|station| {
                let class = station.index() + 1;
                let sum = |of: fn(&SliceSums) -> &[f64; CLASSES]| -> f64 {
                    let parts = parts.iter().zip(slices.clone());
                    parts.map(|(part, k)| of(part)[class] * grid.thickness_mm(k)).sum()
                };
                let (drawn, within, all) = (sum(|s| &s.drawn), sum(|s| &s.within), sum(|s| &s.all));
                let (part, k) = parts
                    .iter()
                    .zip(slices.clone())
                    .max_by(|a, b| a.0.error[class][0].total_cmp(&b.0.error[class][0]))?;
                let [error, rows, columns] = part.error[class];
                (drawn > 0.0 && error > 0.0).then(|| StationConfidence {
                    station,
                    expected_dsc: 2.0 * within / (drawn + all),
                    least_sure: place(rows / error, columns / error, k),
                })
            })
            .collect();
        stations.sort_by(|a, b| a.expected_dsc.total_cmp(&b.expected_dsc));
        Ok(Self { grid: own, values, stations, scaling })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;
    use std::sync::Arc;

    #[test]
    fn probabilities_add_up_and_a_temperature_flattens_them() {
        let mut logits = [0.0f32; CLASSES];
        logits[3] = 4.0;
        let [cold, warm] = [1.0, 2.0].map(|t| probabilities(logits, Scaling { temperature: t, background: 0.0 }));
        // The background's share grows as its logit would by as much.
        let shifted = probabilities(logits, Scaling { temperature: 2.0, background: 3.0 });
        assert!(
            (shifted[0] / shifted[1] - 3.0f32.exp()).abs() < 1e-4
                && (shifted[3] / shifted[1] - 2.0f32.exp()).abs() < 1e-4
        );
        assert!((cold.iter().sum::<f32>() - 1.0).abs() < 1e-6 && (warm.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        // exp(4) / (exp(4) + 16) and exp(2) / (exp(2) + 16).
        assert!((cold[3] - 0.77335).abs() < 1e-4 && (warm[3] - 0.31592).abs() < 1e-4, "{} {}", cold[3], warm[3]);
    }

    /// Station 4R in the left half of a slice, with this logit against 0 of all others.
    fn slice(size: usize, logit: f32) -> Arc<SliceLogits> {
        let mut stations = vec![0.0; CLASSES * size * size];
        for pixel in 0..size * size {
            let class = if pixel % size < size / 2 { Station::S4R.index() + 1 } else { 0 };
            stations[class * size * size + pixel] = logit;
        }
        Arc::new(SliceLogits::new(&stations, &vec![-1.0; size * size], size))
    }

    #[test]
    fn the_least_sure_place_lies_in_the_least_sure_slice_whichever_way_slices_are_stored() {
        let size = 16;
        for up in [1.0, -1.0] {
            let grid = VoxelGrid::new(DVec3::new(0.0, 0.0, 50.0 * up), DVec3::X, DVec3::Y * up, [1.0; 2], [32, 32], {
                (0..4).map(|k| 50.0 + 3.0 * f64::from(k)).collect()
            })
            .expect("a valid grid");
            let frame = Frame::new(&grid, [16.0, 16.0 * up], 1.0, size).expect("axial");
            let raw: Vec<_> = [9.0, 9.0, 4.0, 9.0].map(|l| slice(size, l)).into();
            let labels: Vec<_> = raw.iter().map(|s| s.labels()).collect();
            let found = Uncertainty::new(&raw, &labels, &frame, &grid, 0..4, None).expect("a valid grid");
            let [first] = found.stations[..] else { panic!("{:?}", found.stations) };
            assert_eq!(first.station, Station::S4R);
            let k = grid.nearest_slice(first.least_sure.dot(grid.normal()));
            assert_eq!(k, 2);
            let (at, _) = grid.plane_from_patient(first.least_sure);
            let [row, column] = frame.pixel_from_plane(at);
            assert!((row - 7.5).abs() < 1e-6 && (3.0..12.0).contains(&column), "{row} {column}");
            // exp(4) / (exp(4) + 16) in one of four slices, nearly 1 in the others.
            let (sure, unsure) = (9.0f64.exp() / (9.0f64.exp() + 16.0), 4.0f64.exp() / (4.0f64.exp() + 16.0));
            let outside = [(1.0 - sure) / 16.0, (1.0 - unsure) / 16.0];
            let within = 3.0 * sure + unsure;
            let expected = 2.0 * within / (4.0 + within + 3.0 * outside[0] + outside[1]);
            assert!((first.expected_dsc - expected).abs() < 1e-3, "{} {expected}", first.expected_dsc);
            // The values lie where the slice lies.
            let value = |k: usize| {
                let p = grid.patient_from_plane(frame.plane_from_pixel(7.0, 7.0), grid.positions_mm()[k]);
                let [k, j, i] = found.grid.voxel_from_patient(p).to_array().map(|x| x.round() as usize);
                f64::from(found.values[[k, j, i]])
            };
            assert!((value(2) - (1.0 - unsure)).abs() < 1e-3 && (value(1) - (1.0 - sure)).abs() < 1e-3);
        }
    }
}
