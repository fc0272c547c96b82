//! Scores of a model on phantoms and patients held out: volume DSC per station through the whole of inference, contours rasterized again.

use super::cases::phantom;
use crate::contour::{Mask, rasterize};
use crate::diunet::{LoadedModel, SegmentError, Segmentation, segment};
use crate::geometry::VoxelGrid;
use crate::image::CtVolume;
use crate::phantom::{Phantom, PhantomError, Variation};
use crate::progress::Progress;
use crate::structures::Station;
use std::collections::BTreeMap;

/// DSC by station (and of the CTV) of each case; `None` where the truth is empty.
#[derive(Debug, Clone, Default)]
pub struct Scores {
    pub stations: Vec<[Option<f64>; Station::COUNT]>,
    pub ctv: Vec<Option<f64>>,
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0usize), |(s, n), v| (s + v, n + 1));
    (n > 0).then(|| sum / n as f64)
}

impl Scores {
    /// Mean over the cases that have the station.
    pub fn station(&self, station: Station) -> Option<f64> {
        mean(self.stations.iter().filter_map(|case| case[station.index()]))
    }

    /// Mean over stations; 0 if there is none.
    pub fn mean_dsc(&self) -> f64 {
        mean(Station::all().filter_map(|s| self.station(s))).unwrap_or(0.0)
    }

    pub fn mean_ctv(&self) -> f64 {
        mean(self.ctv.iter().copied().flatten()).unwrap_or(0.0)
    }

    pub fn by_label(&self) -> BTreeMap<String, f64> {
        Station::all().filter_map(|s| Some((s.label().to_owned(), self.station(s)?))).collect()
    }
}

fn dsc(truth: &Mask, found: &Mask) -> Option<f64> {
    let (a, b) = (truth.count(), found.count());
    (a > 0).then(|| 2.0 * truth.intersection(found).count() as f64 / (a + b) as f64)
}

/// A scan whose stations are known.
pub struct Subject<'a> {
    pub volume: &'a CtVolume,
    pub gtv: &'a Mask,
    pub stations: &'a [Mask; Station::COUNT],
    /// Empty where it is not known.
    pub ctv: &'a Mask,
}

type CaseScores = ([Option<f64>; Station::COUNT], Option<f64>);

fn scores(grid: &VoxelGrid, stations: &[Mask; Station::COUNT], ctv: &Mask, found: &Segmentation) -> CaseScores {
    let of_stations = std::array::from_fn(|n| dsc(&stations[n], &rasterize(grid, &found.stations[n])));
    (of_stations, dsc(ctv, &rasterize(grid, &found.ctv)))
}

/// Compares a segmentation of a phantom with its truth.
pub fn station_scores(phantom: &Phantom, found: &Segmentation) -> CaseScores {
    scores(&phantom.volume.grid, &phantom.station_masks, &phantom.ctv, found)
}

/// Segments the phantoms of the seeds and scores them. A refused phantom counts as not found (DSC 0).
/// Seeds of which no phantom can be made are left out.
pub fn validate(model: &LoadedModel, phantoms: Variation, seeds: &[u64], progress: &dyn Progress) -> Scores {
    let mut scores = Scores::default();
    for &seed in seeds {
        let (phantom, gtv) = match phantom(phantoms, seed, progress) {
            Ok(made) => made,
            Err(PhantomError::Cancelled(_)) => break,
            Err(PhantomError::TooSmall(_)) => continue,
        };
        let stations = &phantom.station_masks;
        scores.add(model, &Subject { volume: &phantom.volume, gtv: &gtv, stations, ctv: &phantom.ctv }, progress);
    }
    scores
}

impl Scores {
    /// Segments a scan and adds its scores; a refused one counts as not found.
    pub fn add(&mut self, model: &LoadedModel, subject: &Subject<'_>, progress: &dyn Progress) {
        let (stations, ctv) = match segment(model, subject.volume, subject.gtv, progress, &mut |_| ()) {
            Ok(found) => scores(&subject.volume.grid, subject.stations, subject.ctv, &found),
            Err(SegmentError::Cancelled) => return,
            Err(error) => {
                tracing::warn!(%error, "a scan for validation was refused");
                let missing = std::array::from_fn(|n| (!subject.stations[n].is_empty()).then_some(0.0));
                (missing, (!subject.ctv.is_empty()).then_some(0.0))
            }
        };
        self.stations.push(stations);
        self.ctv.push(ctv);
    }
}
