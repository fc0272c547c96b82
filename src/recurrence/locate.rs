//! The place of one recurrence on the planning CT: stations, pattern by CTV and isodose, coverage of its station.

use crate::contour::{DistanceField, Mask};
use crate::geometry::{PatientPoint, VoxelGrid};
use crate::image::OverlayVolume;
use crate::metrics::OverlayValues;
use crate::structures::Station;

/// Farther stations are not measured, mm.
const FARTHEST_MM: f64 = 80.0;
/// Less of the recurrence in a station is the scatter of contours, cm3, and of the whole, percent.
const LEAST_CM3: f64 = 0.1;
const LEAST_PERCENT: f64 = 1.0;

/// How a recurrence lies to the volume that was treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    InField,
    Marginal,
    OutOfField,
}

impl Pattern {
    pub const ALL: [Self; 3] = [Self::InField, Self::Marginal, Self::OutOfField];

    pub fn label(self) -> &'static str {
        match self {
            Self::InField => "in field",
            Self::Marginal => "marginal",
            Self::OutOfField => "out of field",
        }
    }
}

/// From which share of the recurrence inside on it is in field, and below which out of field; between them it is marginal.
/// Percent of its volume.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct PatternLimits {
    pub in_field: f64,
    pub out_of_field: f64,
}

impl Default for PatternLimits {
    /// 80 and 20 % (Lee et al., Int J Radiat Oncol Biol Phys 1999;43:79); others take 95 % for in field (Dawson et al.,
    /// Int J Radiat Oncol Biol Phys 2000;46:1117).
    fn default() -> Self {
        Self { in_field: 80.0, out_of_field: 20.0 }
    }
}

impl PatternLimits {
    pub fn pattern(&self, percent_inside: f64) -> Pattern {
        if percent_inside >= self.in_field {
            Pattern::InField
        } else if percent_inside < self.out_of_field {
            Pattern::OutOfField
        } else {
            Pattern::Marginal
        }
    }
}

/// What the limits mean, a sentence.
pub fn describe_pattern(limits: &PatternLimits, inside_what: &str) -> String {
    let PatternLimits { in_field, out_of_field } = limits;
    format!(
        "in field: at least {in_field} % of the recurrence lie inside {inside_what}; out of field: less than {out_of_field} %; marginal: between"
    )
}

/// What of a recurrence lies in one station.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct StationShare {
    pub station: Station,
    pub cm3: f64,
    /// Of the recurrence.
    pub percent: f64,
}

/// What of a station the plan covers.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Coverage {
    pub station: Station,
    /// The whole station, cm3.
    pub station_cm3: f64,
    /// Of it inside the CTV, cm3 and percent; `None` without a CTV.
    pub ctv_cm3: Option<f64>,
    pub ctv_percent: Option<f64>,
    /// Of it inside the isodose, cm3 and percent; `None` without a dose.
    pub isodose_cm3: Option<f64>,
    pub isodose_percent: Option<f64>,
}

/// How a recurrence lies to a volume.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Extent {
    /// Of the recurrence inside, cm3 and percent.
    pub inside_cm3: f64,
    pub inside_percent: f64,
    pub pattern: Pattern,
}

/// The dose in a recurrence.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct InDose {
    pub isodose: Extent,
    pub min_gy: Option<f64>,
    pub mean_gy: Option<f64>,
    pub max_gy: Option<f64>,
    /// Share of the recurrence for which the dose is known; the rest counts as outside the isodose.
    pub covered_percent: f64,
}

/// What was planned, on the grid of the planning CT.
pub struct Plan<'a> {
    pub grid: &'a VoxelGrid,
    /// By [`Station::index`]; empty where a station is not drawn.
    pub stations: &'a [Mask; Station::COUNT],
    /// Empty where there is none.
    pub ctv: &'a Mask,
    /// A dose, and the level that counts as treated, Gy.
    pub dose: Option<(&'a OverlayVolume, f64)>,
}

/// Where a recurrence lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Localisation {
    pub volume_cm3: f64,
    /// Mean of its voxels.
    pub center: PatientPoint,
    /// The stations that it touches, the largest share first.
    pub stations: Vec<StationShare>,
    /// Of it in no station, cm3.
    pub outside_cm3: f64,
    /// The station with the largest share; where it touches none, nobody can say.
    pub main: Option<Station>,
    /// The nearest station and its distance from the recurrence, mm; where it touches one that, at 0. `None` farther away
    /// than 80 mm.
    pub nearest: Option<(Station, f64)>,
    /// By the CTV.
    pub ctv: Option<Extent>,
    pub dose: Option<InDose>,
    /// Of every station that it touches, in the order of `stations`.
    pub coverage: Vec<Coverage>,
}

/// Finds where a recurrence lies; `None` where it holds no voxel of the planning CT.
pub fn locate(recurrence: &Mask, plan: &Plan, limits: &PatternLimits) -> Option<Localisation> {
    let grid = plan.grid;
    let volume_cm3 = cm3(recurrence, grid);
    if volume_cm3 <= 0.0 {
        return None;
    }
    let percent = |cm3: f64| cm3 / volume_cm3 * 100.0;
    let mut stations: Vec<StationShare> = Station::all()
        .map(|station| {
            let cm3 = cm3(&recurrence.intersection(&plan.stations[station.index()]), grid);
            StationShare { station, cm3, percent: percent(cm3) }
        })
        .filter(|share| share.cm3 >= LEAST_CM3.min(volume_cm3 / 2.0) && share.percent >= LEAST_PERCENT)
        .collect();
    stations.sort_by(|a, b| b.cm3.total_cmp(&a.cm3));
    let anywhere = plan.stations.iter().fold(Mask::default(), |all, mask| all.union(mask));
    let main = stations.first().map(|share| share.station);
    let nearest = main.map(|station| (station, 0.0)).or_else(|| nearest(recurrence, plan));
    let extent = |inside_cm3: f64| {
        let inside_percent = percent(inside_cm3);
        Extent { inside_cm3, inside_percent, pattern: limits.pattern(inside_percent) }
    };
    let ctv = (!plan.ctv.is_empty()).then(|| extent(cm3(&recurrence.intersection(plan.ctv), grid)));
    let dose = plan.dose.map(|(dose, level_gy)| {
        let values = OverlayValues::inside(recurrence, grid, dose);
        InDose {
            isodose: extent(values.volume_at_least_cm3(level_gy)),
            min_gy: values.min(),
            mean_gy: values.mean(),
            max_gy: values.max(),
            covered_percent: values.covered() * 100.0,
        }
    });
    Some(Localisation {
        volume_cm3,
        center: center(recurrence, grid),
        outside_cm3: cm3(&recurrence.difference(&anywhere), grid),
        main,
        nearest,
        ctv,
        dose,
        coverage: stations.iter().filter_map(|share| station_coverage(share.station, plan)).collect(),
        stations,
    })
}

/// From a positive zero: the sum of nothing would be a negative one.
fn cm3(mask: &Mask, grid: &VoxelGrid) -> f64 {
    mask.volume_cm3(grid) + 0.0
}

fn center(mask: &Mask, grid: &VoxelGrid) -> PatientPoint {
    let (mut sum, mut weight) = (PatientPoint::ZERO, 0.0);
    for (&k, slice) in &mask.slices {
        let voxel = grid.voxel_mm3(k);
        for (j, i) in slice.voxels() {
            sum += grid.patient_from_voxel(k, j as f64, i as f64) * voxel;
            weight += voxel;
        }
    }
    sum / weight
}

/// From the surface of the recurrence to the nearest voxel of a station.
fn nearest(recurrence: &Mask, plan: &Plan) -> Option<(Station, f64)> {
    let field = DistanceField::signed(recurrence, plan.grid, FARTHEST_MM);
    let distance = |station: Station| {
        let slices = plan.stations[station.index()].slices.iter();
        let voxels = slices.flat_map(|(&k, slice)| slice.voxels().map(move |(j, i)| [k, j, i]));
        let mm = voxels.filter_map(|at| field.get(at)).reduce(f32::min)?;
        (f64::from(mm) <= FARTHEST_MM).then_some((station, f64::from(mm).max(0.0)))
    };
    Station::all().filter_map(distance).min_by(|a, b| a.1.total_cmp(&b.1))
}

/// What of a station the plan covers; `None` where the station is not drawn.
pub fn station_coverage(station: Station, plan: &Plan) -> Option<Coverage> {
    let mask = &plan.stations[station.index()];
    if mask.is_empty() {
        return None;
    }
    let station_cm3 = cm3(mask, plan.grid);
    let percent = |cm3: f64| cm3 / station_cm3 * 100.0;
    let ctv_cm3 = (!plan.ctv.is_empty()).then(|| cm3(&mask.intersection(plan.ctv), plan.grid));
    let isodose_cm3 =
        plan.dose.map(|(dose, level_gy)| OverlayValues::inside(mask, plan.grid, dose).volume_at_least_cm3(level_gy));
    Some(Coverage {
        station,
        station_cm3,
        ctv_cm3,
        ctv_percent: ctv_cm3.map(percent),
        isodose_cm3,
        isodose_percent: isodose_cm3.map(percent),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rigid;
    use crate::image::Quantity;
    use glam::DVec3;
    use ndarray::Array3;
    use std::sync::Arc;

    /// 1 mm voxels; boxes are `[k, j, i]` ranges.
    fn grid() -> VoxelGrid {
        VoxelGrid::axial(DVec3::ZERO, [1.0; 3], [40, 40, 40]).expect("valid")
    }

    fn block(low: [usize; 3], high: [usize; 3]) -> Mask {
        Mask::from_dense(&Array3::from_shape_fn([40; 3], |(k, j, i)| {
            [k, j, i].iter().zip(low).zip(high).all(|((x, low), high)| (low..high).contains(x))
        }))
    }

    fn stations(drawn: &[(Station, Mask)]) -> [Mask; Station::COUNT] {
        let mut all: [Mask; Station::COUNT] = Default::default();
        for (station, mask) in drawn {
            all[station.index()] = mask.clone();
        }
        all
    }

    #[test]
    fn shares_pattern_and_coverage_are_those_of_the_boxes() {
        // The recurrence is 10 x 10 x 10: six of its ten columns in 4R, two in 7, two in none.
        let recurrence = block([10, 10, 10], [20, 20, 20]);
        let stations =
            stations(&[(Station::S4R, block([5, 5, 0], [25, 25, 16])), (Station::S7, block([5, 5, 16], [25, 25, 18]))]);
        // Half of it in the CTV.
        let ctv = block([10, 10, 0], [15, 20, 20]);
        let own = Arc::new(grid());
        let values = Array3::from_shape_fn([40; 3], |(_, j, _)| if j >= 11 { 60.0 } else { 50.0 });
        let dose = OverlayVolume::new(own, values, Quantity::Dose, "Gy", Rigid::IDENTITY);
        let grid = grid();
        let plan = Plan { grid: &grid, stations: &stations, ctv: &ctv, dose: Some((&dose, 57.0)) };
        let found = locate(&recurrence, &plan, &PatternLimits::default()).expect("not empty");
        let shares: Vec<(Station, f64)> = found.stations.iter().map(|s| (s.station, s.percent)).collect();
        assert_eq!(found.main, Some(Station::S4R));
        assert!((shares[0].1 - 60.0).abs() < 1e-9 && shares[1].0 == Station::S7 && (shares[1].1 - 20.0).abs() < 1e-9);
        assert!((found.outside_cm3 - 0.2).abs() < 1e-9 && found.nearest == Some((Station::S4R, 0.0)));
        assert!((found.center - DVec3::splat(14.5)).length() < 1e-9);
        let by_ctv = found.ctv.expect("a CTV");
        assert!((by_ctv.inside_percent - 50.0).abs() < 1e-9 && by_ctv.pattern == Pattern::Marginal);
        let by_dose = found.dose.expect("a dose");
        assert!((by_dose.isodose.inside_percent - 90.0).abs() < 1e-9 && by_dose.isodose.pattern == Pattern::InField);
        assert_eq!((by_dose.min_gy, by_dose.max_gy, by_dose.covered_percent), (Some(50.0), Some(60.0), 100.0));
        // 4R holds 20 x 20 x 16 voxels, 5 x 10 x 16 of them in the CTV, 20 x 14 x 16 at 60 Gy.
        let of_4r = found.coverage[0];
        assert!((of_4r.station_cm3 - 6.4).abs() < 1e-9 && (of_4r.ctv_percent.expect("a CTV") - 12.5).abs() < 1e-9);
        assert!((of_4r.isodose_percent.expect("a dose") - 70.0).abs() < 1e-9);
    }

    #[test]
    fn beside_all_stations_the_nearest_is_told_with_its_distance() {
        let recurrence = block([10, 10, 10], [14, 14, 14]);
        let stations = stations(&[
            (Station::S5, block([10, 10, 20], [14, 14, 24])),
            (Station::S6, block([10, 30, 10], [14, 34, 14])),
        ]);
        let (grid, ctv) = (grid(), Mask::default());
        let plan = Plan { grid: &grid, stations: &stations, ctv: &ctv, dose: None };
        let found = locate(&recurrence, &plan, &PatternLimits::default()).expect("not empty");
        assert!(found.main.is_none() && found.stations.is_empty() && found.ctv.is_none() && found.dose.is_none());
        // Its last column ends at 13.5 mm; the first centre of station 5 lies at 20 mm.
        let (station, mm) = found.nearest.expect("near");
        assert!(station == Station::S5 && (mm - 6.5).abs() < 1e-5, "{mm}");
        assert!(locate(&Mask::default(), &plan, &PatternLimits::default()).is_none());
        let elsewhere = block([30, 30, 30], [34, 34, 34]);
        let found =
            locate(&recurrence, &Plan { ctv: &elsewhere, ..plan }, &PatternLimits::default()).expect("not empty");
        let by_ctv = found.ctv.expect("a CTV");
        assert!(by_ctv.inside_percent == 0.0 && by_ctv.inside_percent.is_sign_positive());
        assert_eq!(by_ctv.pattern, Pattern::OutOfField);
    }

    #[test]
    fn limits_belong_to_the_pattern_that_they_say() {
        let usual = PatternLimits::default();
        let of = |percent| usual.pattern(percent);
        assert_eq!([of(80.0), of(79.9), of(20.0), of(19.9)], {
            use Pattern::{InField, Marginal, OutOfField};
            [InField, Marginal, Marginal, OutOfField]
        });
        assert_eq!(PatternLimits { in_field: 95.0, ..usual }.pattern(90.0), Pattern::Marginal);
    }
}
