//! How good a network is: the stations that it draws on cases, against reference stations, and its CTV where there is
//! one. The reference is a person's, a phantom's, or drawn by the rules; the report says which.

use crate::anatomy::{CTV_MARGIN_MM, propose_ctv};
use crate::contour::{self, Components, Margins, Mask, contours_from_mask};
use crate::diunet::{LoadedModel, SegmentError, segment};
use crate::geometry::VoxelGrid;
use crate::image::CtVolume;
use crate::metrics;
use crate::progress::Progress;
use crate::structures::Station;

/// Tolerance of the surface DSC, mm.
pub const SURFACE_TOLERANCE_MM: f64 = 3.0;
/// The neighbourhood of the GTV that is looked at by itself, mm.
pub const NEAR_GTV_MM: f64 = 20.0;
/// Smaller pieces are no islands, mm3.
const SMALLEST_ISLAND_MM3: f64 = 300.0;
/// A station with less than this within the neighbourhood of the GTV is not judged there, cm3.
const SMALLEST_NEAR_CM3: f64 = 0.5;

/// A case with its reference.
#[derive(Debug)]
pub struct Subject<'a> {
    pub name: String,
    pub volume: &'a CtVolume,
    /// GTVp and GTVn; empty if there is none.
    pub gtv: Mask,
    /// Reference by station in canonical order; empty where the reference has none.
    pub stations: [Mask; Station::COUNT],
    /// Empty where there is no reference for it.
    pub ctv: Mask,
}

/// One station of one case. `None` stands for what does not exist: a distance to nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct StationScore {
    pub station: Station,
    pub reference_cm3: f64,
    pub found_cm3: f64,
    pub dsc: f64,
    pub hd95_mm: Option<f64>,
    /// Within [`SURFACE_TOLERANCE_MM`].
    pub surface_dsc: Option<f64>,
    /// From the reference to what was found, mm toward the head.
    pub superior_mm: Option<f64>,
    pub inferior_mm: Option<f64>,
}

/// What the network did on one case.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseScores {
    pub name: String,
    /// Stations of the reference, in canonical order.
    pub stations: Vec<StationScore>,
    /// Stations that were found and are not in the reference.
    pub extra: Vec<Station>,
    /// Pieces of stations that touch no station of the reference.
    pub islands: usize,
    pub ctv_dsc: Option<f64>,
    /// Of a CTV made of the GTV with the usual margin, as the program proposes it, for comparison.
    pub margin_ctv_dsc: Option<f64>,
    /// Mean DSC of stations within [`NEAR_GTV_MM`] of the GTV, and that of the same network with an empty GTV.
    pub near_gtv: Option<[f64; 2]>,
    /// Of the network.
    pub seconds: f64,
    pub slices: usize,
}

impl CaseScores {
    /// Over the stations of the reference; a station that was not found counts as 0.
    pub fn mean_dsc(&self) -> Option<f64> {
        mean(self.stations.iter().map(|s| s.dsc))
    }
}

/// Mean of the values, if there are any.
pub fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0usize), |(s, n), v| (s + v, n + 1));
    (n > 0).then(|| sum / n as f64)
}

/// Runs the network on a case and compares. `compare_gtv` runs it once more without the GTV.
///
/// # Errors
/// See [`SegmentError`].
pub fn evaluate(
    model: &LoadedModel,
    subject: &Subject<'_>,
    compare_gtv: bool,
    progress: &dyn Progress,
) -> Result<CaseScores, SegmentError> {
    let grid = &subject.volume.grid;
    let draw = |gtv: &Mask| segment(model, subject.volume, gtv, progress, &mut |_| ());
    let segmentation = draw(&subject.gtv)?;
    let found: [Mask; Station::COUNT] = std::array::from_fn(|n| contour::rasterize(grid, &segmentation.stations[n]));
    let mut stations = Vec::new();
    for station in Station::all().filter(|s| !subject.stations[s.index()].is_empty()) {
        progress.checkpoint()?;
        stations.push(station_score(station, &subject.stations[station.index()], &found[station.index()], grid));
    }
    let extra =
        Station::all().filter(|s| subject.stations[s.index()].is_empty() && !found[s.index()].is_empty()).collect();
    let ctv_dsc = (!subject.ctv.is_empty()).then(|| dsc(&subject.ctv, &contour::rasterize(grid, &segmentation.ctv)));
    let margin_ctv_dsc = (!subject.ctv.is_empty() && !subject.gtv.is_empty()).then(|| {
        let proposal = propose_ctv(subject.volume, &subject.gtv, &Mask::default(), CTV_MARGIN_MM);
        dsc(&subject.ctv, &contour::rasterize(grid, &proposal.slices))
    });
    let near_gtv = if compare_gtv && !subject.gtv.is_empty() {
        let without = draw(&Mask::default())?;
        let without: [Mask; Station::COUNT] = std::array::from_fn(|n| contour::rasterize(grid, &without.stations[n]));
        let near = near(&subject.gtv, grid);
        let score = |found: &[Mask; Station::COUNT]| mean_dsc_within(&near, &subject.stations, found, grid);
        score(&found).zip(score(&without)).map(|(with, without)| [with, without])
    } else {
        None
    };
    Ok(CaseScores {
        name: subject.name.clone(),
        stations,
        extra,
        islands: islands(&subject.stations, &found, grid),
        ctv_dsc,
        margin_ctv_dsc,
        near_gtv,
        seconds: segmentation.seconds,
        slices: segmentation.slices_run.len(),
    })
}

fn station_score(station: Station, reference: &Mask, found: &Mask, grid: &VoxelGrid) -> StationScore {
    let all = metrics::compare(reference, found, grid);
    StationScore {
        station,
        reference_cm3: all.reference_cm3,
        found_cm3: all.test_cm3,
        dsc: all.dsc,
        hd95_mm: all.hd95_mm,
        surface_dsc: all.surface_dsc_at(SURFACE_TOLERANCE_MM),
        superior_mm: all.superior.map(|b| b.mm),
        inferior_mm: all.inferior.map(|b| b.mm),
    }
}

/// 2 |A and B| / (|A| + |B|) by voxels; 1 if both are empty.
fn dsc(a: &Mask, b: &Mask) -> f64 {
    let both = a.count() + b.count();
    if both == 0 { 1.0 } else { 2.0 * a.intersection(b).count() as f64 / both as f64 }
}

fn near(gtv: &Mask, grid: &VoxelGrid) -> Mask {
    let grown = contour::grow(&contours_from_mask(grid, gtv), grid, &Margins::uniform(NEAR_GTV_MM));
    contour::rasterize(grid, &grown)
}

fn mean_dsc_within(
    near: &Mask,
    reference: &[Mask; Station::COUNT],
    found: &[Mask; Station::COUNT],
    grid: &VoxelGrid,
) -> Option<f64> {
    mean(reference.iter().zip(found).filter_map(|(reference, found)| {
        let reference = reference.intersection(near);
        (reference.volume_cm3(grid) >= SMALLEST_NEAR_CM3).then(|| dsc(&reference, &found.intersection(near)))
    }))
}

/// Connected pieces of the found stations, all taken together, that touch none of the reference.
fn islands(reference: &[Mask; Station::COUNT], found: &[Mask; Station::COUNT], grid: &VoxelGrid) -> usize {
    let all = |masks: &[Mask; Station::COUNT]| masks.iter().fold(Mask::default(), |all, m| all.union(m));
    let shape = grid.shape();
    let [reference, found] = [all(reference), all(found)].map(|mask| mask.to_dense(shape).into_raw_vec_and_offset().0);
    let parts = Components::of(shape, &found);
    let pixel_mm2 = grid.spacing_i_mm() * grid.spacing_j_mm();
    let slice_of = |at: usize| at / (shape[1] * shape[2]);
    let volumes_mm3 = parts.sums(shape[2], |at| pixel_mm2 * grid.thickness_mm(slice_of(at)));
    let shared = parts.sums(shape[2], |at| f64::from(u8::from(reference[at])));
    volumes_mm3.iter().zip(shared).filter(|(mm3, shared)| **mm3 >= SMALLEST_ISLAND_MM3 && *shared == 0.0).count()
}

/// The mean of a measure of one station over the cases that have it, and their number.
pub fn over_cases(
    cases: &[CaseScores],
    station: Station,
    measure: impl Fn(&StationScore) -> Option<f64>,
) -> (Option<f64>, usize) {
    let values: Vec<f64> =
        cases.iter().flat_map(|c| &c.stations).filter(|s| s.station == station).filter_map(measure).collect();
    (mean(values.iter().copied()), values.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> VoxelGrid {
        VoxelGrid::axial(glam::DVec3::ZERO, [2.0, 2.0, 3.0], [40, 40, 12]).unwrap()
    }

    fn cube(slices: std::ops::Range<usize>, from: usize, to: usize) -> Mask {
        Mask::from_dense(&ndarray::Array3::from_shape_fn([12, 40, 40], |(k, j, i)| {
            slices.contains(&k) && (from..to).contains(&j) && (from..to).contains(&i)
        }))
    }

    fn set(station: Station, mask: Mask) -> [Mask; Station::COUNT] {
        let mut all: [Mask; Station::COUNT] = Default::default();
        all[station.index()] = mask;
        all
    }

    #[test]
    fn a_piece_by_itself_is_an_island_and_a_neighbour_is_none() {
        let reference = set(Station::S7, cube(2..6, 10, 20));
        let far = cube(8..11, 30, 36);
        let both = set(Station::S7, cube(2..6, 12, 22).union(&far));
        assert_eq!(islands(&reference, &both, &grid()), 1);
        assert_eq!(islands(&reference, &set(Station::S4R, cube(3..5, 15, 25)), &grid()), 0);
        // 2 x 2 voxels on one slice are 48 mm3.
        assert_eq!(islands(&reference, &set(Station::S7, cube(9..10, 30, 32)), &grid()), 0);
    }

    #[test]
    fn only_what_lies_near_the_gtv_counts_there() {
        let grid = grid();
        let reference = set(Station::S7, cube(0..12, 4, 36));
        let near = near(&cube(5..7, 18, 22), &grid);
        // Wrong far from the GTV, right beside it.
        let found = set(Station::S7, near.clone());
        assert_eq!(mean_dsc_within(&near, &reference, &found, &grid), Some(1.0));
        let nothing: [Mask; Station::COUNT] = Default::default();
        assert_eq!(mean_dsc_within(&near, &reference, &nothing, &grid), Some(0.0));
        assert_eq!(mean_dsc_within(&near, &nothing, &found, &grid), None);
        // 20 mm in the plane are 10 voxels, along z 6 slices.
        assert!(near.get(5, 20, 11) && !near.get(5, 20, 6) && near.get(0, 20, 20));
    }

    #[test]
    fn a_station_that_was_not_found_counts_as_nothing() {
        let score = |found: &Mask| station_score(Station::S7, &cube(2..6, 10, 20), found, &grid());
        let absent = score(&Mask::default());
        assert_eq!((absent.dsc, absent.hd95_mm), (0.0, None));
        let longer = cube(1..6, 10, 20);
        let lower = score(&longer);
        assert_eq!((lower.inferior_mm, lower.superior_mm), (Some(-3.0), Some(0.0)));
        let cases = [1.0, 0.5].map(|dsc| CaseScores {
            name: String::new(),
            stations: vec![StationScore { dsc, ..absent.clone() }],
            extra: Vec::new(),
            islands: 0,
            ctv_dsc: None,
            margin_ctv_dsc: None,
            near_gtv: None,
            seconds: 0.0,
            slices: 1,
        });
        assert_eq!(over_cases(&cases, Station::S7, |s| Some(s.dsc)), (Some(0.75), 2));
        assert_eq!(over_cases(&cases, Station::S8, |s| Some(s.dsc)), (None, 0));
    }
}
