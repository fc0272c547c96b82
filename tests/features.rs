//! Promises about features: the definitions on small phantoms, the identities of REFERENCE 3.6, every edge case
//! of 3.5, and that an edited slice gives what a full count gives.

use glam::DVec3;
use hilum::contour::{Mask, Ring, SliceContours, SliceMask, contours_from_mask, expand, rasterize};
use hilum::features::*;
use hilum::geometry::{PatientPoint, VoxelGrid};
use hilum::structures::Station;
use ndarray::Array3;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const SHAPE: [usize; 3] = [20, 24, 70];

/// A box `[k0..k1, j0..j1, i0..i1]`.
type Block = [usize; 6];

fn mask(blocks: &[Block]) -> Mask {
    let mut dense = Array3::from_elem(SHAPE, false);
    for [k0, k1, j0, j1, i0, i1] in blocks {
        dense.slice_mut(ndarray::s![*k0..*k1, *j0..*j1, *i0..*i1]).fill(true);
    }
    Mask::from_dense(&dense)
}

fn grid(spacing: [f64; 3]) -> VoxelGrid {
    VoxelGrid::axial(PatientPoint::ZERO, spacing, [SHAPE[2], SHAPE[1], SHAPE[0]]).expect("valid grid")
}

/// Rings by slice, as a structure holds them.
type Slices = BTreeMap<usize, Arc<SliceContours>>;

/// A case as owned masks.
#[derive(Clone, Debug, Default)]
struct Case {
    ctv: Mask,
    gtvp: Mask,
    gtvn: Mask,
    stations: Vec<(Station, Mask)>,
    central_zone: Option<Mask>,
    /// The rings of GTVp and GTVn, if the diameter shall be measured on them.
    rings: Option<[Slices; 2]>,
}

impl Case {
    fn masks(&self) -> CaseMasks<'_> {
        let mut stations = [None; Station::COUNT];
        for (s, m) in &self.stations {
            stations[s.index()] = Some(m);
        }
        CaseMasks {
            ctv: Some(&self.ctv),
            gtvp: Some(&self.gtvp),
            gtvn: Some(&self.gtvn),
            stations,
            central_zone: self.central_zone.as_ref(),
            gtvp_contours: self.rings.as_ref().map(|r| &r[0]),
            gtvn_contours: self.rings.as_ref().map(|r| &r[1]),
        }
    }

    /// With rings around the GTV, as they are in a structure set.
    fn with_rings(mut self, grid: &VoxelGrid) -> Self {
        self.rings = Some([&self.gtvp, &self.gtvn].map(|m| contours_from_mask(grid, m)));
        self
    }

    fn live(&self, grid: &VoxelGrid) -> LiveFeatures {
        LiveFeatures::from_masks(grid, &self.masks())
    }

    fn features(&self, grid: &VoxelGrid) -> FeatureVector {
        self.live(grid).features(&ClinicalValues::default(), &context())
    }
}

fn context() -> FeatureContext {
    FeatureContext { tracheal_midline_x_mm: Some(35.0), ..Default::default() }
}

/// The phantom of REFERENCE 3.6, no. 5: two stations of 1000 voxels of 1 mm3.
fn reference_phantom() -> Case {
    Case {
        // 500 voxels of 4R and 250 of 7.
        ctv: mask(&[[2, 12, 2, 12, 2, 7], [2, 12, 2, 7, 30, 35]]),
        gtvp: mask(&[[2, 12, 2, 7, 2, 4]]),
        gtvn: Mask::default(),
        stations: vec![(Station::S4R, mask(&[[2, 12, 2, 12, 2, 12]])), (Station::S7, mask(&[[2, 12, 2, 12, 30, 40]]))],
        central_zone: None,
        rings: None,
    }
}

fn close(vector: &FeatureVector, name: &str, expected: f64) {
    let value = vector.get(name).unwrap_or_else(|| panic!("{name} is missing"));
    assert!((value - expected).abs() < 1e-12, "{name} is {value}, not {expected}");
}

#[test]
fn the_reference_phantom_gives_the_reference_values() {
    let vector = reference_phantom().features(&grid([1.0; 3]));
    for (name, value) in [
        ("ln4r_ctv_in_ln", 0.5),
        ("ln4r_gtv_in_ln", 0.1),
        ("ln4r_mar_in_ln", 0.4),
        ("ln4r_ctv_in_idea", 0.25),
        ("ln4r_gtv_in_idea", 0.05),
        ("ln4r_mar_in_idea", 0.2),
        ("ln7_ctv_in_ln", 0.25),
        ("ln7_ctv_in_idea", 0.125),
        ("ln7_gtv_in_ln", 0.0),
        ("ln10r_ctv_in_ln", 0.0),
        ("g_voxel_mm3", 1.0),
        ("g_ctv_cm3", 0.75),
        ("g_gtv_cm3", 0.1),
        ("g_idea_cm3", 2.0),
        ("g_ctv_cover_idea", 0.375),
        ("g_n_stations_ctv", 2.0),
        ("g_n_stations_gtv", 1.0),
        // Patient x grows to the left, so small x is right of the midline at 35 mm.
        ("g_gtv_side", 1.0),
        // Centre to centre of five rows by two columns, as no contour was given.
        ("g_gtv_maxdiam_mm", 4f64.hypot(1.0)),
    ] {
        close(&vector, name, value);
    }
    assert_eq!(vector.partition.touched().collect::<Vec<_>>(), [Station::S4R, Station::S7]);
}

#[test]
fn the_other_reading_of_the_ratio_divides_by_the_structure() {
    let mut context = context();
    context.definition.denominator = Denominator::Structure;
    let vector = reference_phantom().live(&grid([1.0; 3])).features(&ClinicalValues::default(), &context);
    close(&vector, "ln4r_ctv_in_ln", 500.0 / 750.0);
    close(&vector, "ln4r_gtv_in_ln", 1.0);
    close(&vector, "ln4r_mar_in_ln", 400.0 / 650.0);
    close(&vector, "ln4r_ctv_in_idea", 0.25);
}

#[test]
fn unequal_slices_count_with_their_own_thickness() {
    let positions: Vec<f64> = (0..20).map(|k| if k < 10 { k as f64 } else { 10.0 + (k - 10) as f64 * 3.0 }).collect();
    let uneven = VoxelGrid::new(DVec3::ZERO, DVec3::X, DVec3::Y, [2.0, 1.0], [SHAPE[2], SHAPE[1]], positions).unwrap();
    let case = Case {
        ctv: mask(&[[8, 12, 0, 10, 0, 10]]),
        stations: vec![(Station::S7, mask(&[[8, 14, 0, 10, 0, 10]]))],
        ..Default::default()
    };
    let vector = case.features(&uneven);
    // Thickness of slices 8 to 13: 1 1 2 3 3 3 mm.
    close(&vector, "g_ctv_cm3", 0.2 * (1.0 + 1.0 + 2.0 + 3.0));
    close(&vector, "ln7_ctv_in_ln", 7.0 / 13.0);
}

#[test]
fn a_sliver_below_the_threshold_does_not_touch_but_is_counted() {
    let case = Case {
        ctv: mask(&[[2, 12, 2, 12, 2, 7], [2, 3, 2, 12, 30, 39]]),
        stations: reference_phantom().stations,
        ..Default::default()
    };
    let vector = case.features(&grid([1.0; 3]));
    close(&vector, "g_n_stations_ctv", 1.0);
    close(&vector, "g_idea_cm3", 1.0);
    close(&vector, "ln7_ctv_in_idea", 0.09);
    close(&vector, "g_ctv_cover_idea", 0.5);
    let mut literal = context();
    literal.definition.touch = TouchRule::OneVoxel;
    let vector = case.live(&grid([1.0; 3])).features(&ClinicalValues::default(), &literal);
    close(&vector, "g_n_stations_ctv", 2.0);
    close(&vector, "g_idea_cm3", 2.0);
    // Exactly the threshold of 0.1 cm3 touches.
    let case = Case { ctv: mask(&[[2, 3, 2, 12, 30, 40]]), ..case };
    close(&case.features(&grid([1.0; 3])), "g_n_stations_ctv", 1.0);
}

#[test]
fn an_empty_ctv_leaves_everything_undefined() {
    let case = Case { ctv: Mask::default(), ..reference_phantom() };
    let vector = case.features(&grid([1.0; 3]));
    assert!(!vector.is_defined() && vector.values.iter().all(Option::is_none));
    assert_eq!(vector.flags, [FeatureFlag::CtvEmpty]);
    assert_eq!(vector.stops().count(), 1);
    assert!((vector.partition.gtv_cm3 - 0.1).abs() < 1e-12, "the volumes are still there to be shown");
}

#[test]
fn a_ctv_that_touches_nothing_has_no_idea_and_stops_the_risk() {
    let case = Case { ctv: mask(&[[2, 12, 14, 20, 50, 60]]), gtvp: Mask::default(), ..reference_phantom() };
    let vector = case.features(&grid([1.0; 3]));
    for name in ["g_idea_cm3", "g_ctv_cover_idea", "ln4r_ctv_in_idea", "ln4r_ctv_in_ln", "g_n_stations_ctv"] {
        close(&vector, name, 0.0);
    }
    assert_eq!(vector.stops().collect::<Vec<_>>(), [&FeatureFlag::IdeaEmpty]);
    let bare = Case { stations: vec![], ..case };
    assert_eq!(bare.features(&grid([1.0; 3])).stops().collect::<Vec<_>>(), [&FeatureFlag::NoStations]);
}

#[test]
fn an_empty_gtv_gives_zeros_and_makes_the_ctv_the_margin() {
    let case = Case { gtvp: Mask::default(), ..reference_phantom() };
    let vector = case.features(&grid([1.0; 3]));
    for name in ["g_gtv_cm3", "g_gtv_maxdiam_mm", "g_gtv_side", "ln4r_gtv_in_ln", "ln4r_gtv_in_idea"] {
        close(&vector, name, 0.0);
    }
    close(&vector, "ln4r_mar_in_ln", 0.5);
    assert!(vector.flags.contains(&FeatureFlag::GtvEmpty) && !vector.flags.contains(&FeatureFlag::MidlineUnknown));
}

#[test]
fn an_empty_station_is_zero_in_the_scan_and_missing_outside_it() {
    let vector = reference_phantom().features(&grid([1.0; 3]));
    close(&vector, "ln1r_ctv_in_ln", 0.0);
    assert!(vector.flags.contains(&FeatureFlag::StationEmpty(Station::S1R)));
    // The same stations in a scan whose top slice cuts 4R: 1 and 2 lie above it.
    let mut case = reference_phantom();
    case.stations[0].1 = mask(&[[10, 20, 2, 12, 2, 12]]);
    let vector = case.features(&grid([1.0; 3]));
    for name in ["ln1r_ctv_in_ln", "ln1r_mar_in_idea", "ln2r_gtv_in_ln"] {
        assert_eq!(vector.get(name), None, "{name}");
    }
    close(&vector, "ln8_ctv_in_ln", 0.0);
    assert!(vector.flags.contains(&FeatureFlag::StationOutOfScan(Station::S2R)));
    // Said by the caller, it holds whatever the slices show.
    let mut outside = [false; Station::COUNT];
    outside[Station::S8.index()] = true;
    let told = FeatureContext { out_of_scan: Some(outside), ..context() };
    let vector = reference_phantom().live(&grid([1.0; 3])).features(&ClinicalValues::default(), &told);
    assert_eq!(vector.get("ln8_ctv_in_ln"), None);
    close(&vector, "ln1r_ctv_in_ln", 0.0);
}

/// The stations that an otherwise empty scan calls out of it, when only `cut` lies in an end slice.
fn out_of_scan(cut: Station, at_top: bool, grid: &VoxelGrid) -> Vec<Station> {
    // Slices ascend along the normal, which may point to the feet.
    let last = at_top == (grid.normal().z > 0.0);
    let slices = if last { [15, 20] } else { [0, 5] };
    let case = Case {
        ctv: mask(&[[5, 15, 2, 12, 2, 7]]),
        stations: vec![(cut, mask(&[[slices[0], slices[1], 2, 12, 2, 12]]))],
        ..Default::default()
    };
    let vector = case.features(grid);
    Station::all().filter(|s| vector.flags.contains(&FeatureFlag::StationOutOfScan(*s))).collect()
}

#[test]
fn a_station_is_out_of_the_scan_only_if_all_of_it_lies_beyond_the_cut() {
    use Station::{S1L, S1R, S2L, S2R, S3A, S3P, S4L, S4R, S5, S6, S7, S8, S10L, S10R, S11L, S11R};
    let upright = grid([1.0; 3]);
    let positions = (0..SHAPE[0]).map(|k| k as f64).collect();
    let downward = VoxelGrid::new(DVec3::ZERO, DVec3::X, -DVec3::Y, [1.0, 1.0], [SHAPE[2], SHAPE[1]], positions);
    for grid in [upright, downward.expect("valid grid")] {
        // 3A and 3P reach from the apex to the carina: a scan that begins in 4R still shows them...
        assert_eq!(out_of_scan(S4R, true, &grid), [S1R, S1L, S2R]);
        assert_eq!(out_of_scan(S4L, true, &grid), [S1R, S1L, S2R, S2L]);
        // ...and one that begins in 3A may show all that lies beside it.
        assert_eq!(out_of_scan(S3A, true, &grid), [S1R, S1L]);
        assert_eq!(out_of_scan(S7, true, &grid), [S1R, S1L, S2R, S2L, S3A, S3P, S4R, S4L, S5, S6]);
        // The mirror of it: a scan that ends in 3A may end just above the carina.
        assert_eq!(out_of_scan(S3A, false, &grid), [S7, S8, S11R, S11L]);
        assert_eq!(out_of_scan(S4R, false, &grid), [S7, S8, S10R, S10L, S11R, S11L]);
        assert_eq!(out_of_scan(S10L, false, &grid), [S8, S11R, S11L]);
        assert_eq!(out_of_scan(S8, false, &grid), []);
    }
}

#[test]
fn gtv_outside_the_ctv_is_measured_and_warned_of() {
    let mut case = reference_phantom();
    case.gtvn = mask(&[[2, 12, 14, 20, 50, 60]]);
    let vector = case.features(&grid([1.0; 3]));
    let flag = vector.flags.iter().find(|f| f.code() == "gtv_outside_ctv").unwrap();
    assert_eq!(flag.level(), FlagLevel::Warning);
    assert!(matches!(flag, FeatureFlag::GtvOutsideCtv { cm3 } if (cm3 - 0.6).abs() < 1e-12));
    close(&vector, "ln4r_mar_in_ln", 0.4);
    case.gtvn = mask(&[[2, 3, 14, 20, 50, 60]]);
    let vector = case.features(&grid([1.0; 3]));
    let flag = vector.flags.iter().find(|f| f.code() == "gtv_outside_ctv").unwrap();
    assert_eq!(flag.level(), FlagLevel::Note, "0.06 cm3 is no reason for a warning");
}

#[test]
fn overlapping_stations_keep_their_own_shares_and_the_union_counts_once() {
    let mut case = reference_phantom();
    // 4L covers half of 4R; a third station the corner of both.
    case.stations.push((Station::S4L, mask(&[[2, 12, 2, 12, 7, 17]])));
    case.stations.push((Station::S3P, mask(&[[2, 4, 2, 4, 6, 9]])));
    case.ctv = case.ctv.union(&mask(&[[2, 12, 2, 12, 7, 9]]));
    let vector = case.features(&grid([1.0; 3]));
    close(&vector, "ln4r_ctv_in_ln", 0.7);
    close(&vector, "ln4l_ctv_in_ln", 0.2);
    // 3P has only 12 voxels and is not touched.
    close(&vector, "g_idea_cm3", 1.5 + 1.0);
    close(&vector, "g_ctv_cover_idea", (0.7 + 0.25) / 2.5);
    let overlap = vector.flags.iter().find(|f| f.code() == "stations_overlap").unwrap();
    assert!(matches!(overlap, FeatureFlag::StationsOverlap { cm3, .. } if (cm3 - 0.512).abs() < 1e-12), "{overlap:?}");
    assert_eq!(overlap.level(), FlagLevel::Warning);
}

#[test]
fn the_side_has_a_band_and_needs_a_midline() {
    for (i0, side) in [(0, 1.0), (22, 1.0), (23, 0.0), (43, 0.0), (44, -1.0)] {
        let case = Case { gtvp: mask(&[[2, 12, 2, 7, i0, i0 + 5]]), ..reference_phantom() };
        close(&case.features(&grid([1.0; 3])), "g_gtv_side", side);
    }
    let vector =
        reference_phantom().live(&grid([1.0; 3])).features(&ClinicalValues::default(), &FeatureContext::default());
    assert_eq!(vector.get("g_gtv_side"), None);
    assert!(vector.flags.contains(&FeatureFlag::MidlineUnknown));
}

#[test]
fn central_is_as_entered_else_measured_else_missing() {
    let grid = grid([1.0; 3]);
    let near = Case { central_zone: Some(mask(&[[0, 20, 0, 20, 3, 10]])), ..reference_phantom() };
    let far = Case { central_zone: Some(mask(&[[0, 20, 0, 20, 10, 20]])), ..reference_phantom() };
    let known = FeatureContext { airway_known: true, ..context() };
    let none = ClinicalValues::default();
    close(&near.live(&grid).features(&none, &known), "g_central", 1.0);
    close(&far.live(&grid).features(&none, &known), "g_central", 0.0);
    let said = ClinicalValues { central: Some(true), ..Default::default() };
    close(&far.live(&grid).features(&said, &known), "g_central", 1.0);
    let vector = reference_phantom().features(&grid);
    assert_eq!(vector.get("g_central"), None);
    assert!(vector.flags.contains(&FeatureFlag::CentralUnknown));
}

#[test]
fn clinical_values_are_coded_as_defined() {
    let grid = grid([1.0; 3]);
    let live = reference_phantom().live(&grid);
    let values = ClinicalValues {
        sex: Some(Sex::Female),
        age_years: Some(60.0),
        t_stage: Some(TStage::T2),
        smoking_index: Some(800.0),
        central: None,
    };
    let vector = live.features(&values, &context());
    assert_eq!(live.features(&ClinicalValues::default(), &context()).with_clinical(&values), vector);
    assert_eq!(vector.values[106..], [Some(0.0), Some(0.0), Some(2.0), Some(800.0)]);
    let older =
        live.features(&ClinicalValues { age_years: Some(60.5), t_stage: Some(TStage::Tx), ..values }, &context());
    assert_eq!(older.values[107..109], [Some(1.0), None]);
    let missing = older.flags.iter().filter(|f| f.code() == "clinical_missing").count();
    assert_eq!(missing, 1);
    assert!(vector.flags.iter().all(|f| !f.to_string().is_empty()));
}

#[test]
fn the_diameter_comes_from_the_contour_points() {
    let case = Case { gtvp: mask(&[[4, 6, 2, 7, 2, 12]]), ..reference_phantom() };
    let ring = Ring::new([[1.5, 1.5], [11.5, 1.5], [11.5, 6.5], [1.5, 6.5]]);
    let contours = BTreeMap::from([(4, Arc::new(SliceContours::new(vec![ring])))]);
    let masks = CaseMasks { gtvp_contours: Some(&contours), ..case.masks() };
    let grid = grid([1.0; 3]);
    let vector = LiveFeatures::from_masks(&grid, &masks).features(&ClinicalValues::default(), &context());
    close(&vector, "g_gtv_maxdiam_mm", 10f64.hypot(5.0));
    // Without a primary tumour the nodes are measured.
    let nodes = Case { gtvn: case.gtvp.clone(), gtvp: Mask::default(), ..case.clone() };
    let masks = CaseMasks { gtvn_contours: Some(&contours), ..nodes.masks() };
    let vector = LiveFeatures::from_masks(&grid, &masks).features(&ClinicalValues::default(), &context());
    close(&vector, "g_gtv_maxdiam_mm", 10f64.hypot(5.0));
}

/// 512 x 512 x 200 with sixteen stations of some 25 cm3 over 40 slices each: one slice and the vector.
#[test]
fn an_edited_slice_of_a_large_scan_is_counted_within_a_frame() {
    let grid = VoxelGrid::axial(PatientPoint::ZERO, [0.98, 0.98, 1.5], [512, 512, 200]).unwrap();
    let round = |j: f64, i: f64, radius: f64| {
        let mut dense = vec![false; 512 * 512];
        for (n, inside) in dense.iter_mut().enumerate() {
            *inside = ((n / 512) as f64 - j).hypot((n % 512) as f64 - i) <= radius;
        }
        Arc::new(SliceMask::from_dense(512, &dense))
    };
    let over = |slice: Arc<SliceMask>, k0: usize, k1: usize| Mask {
        slices: (k0..k1).map(|k| (k, Arc::clone(&slice))).collect(),
    };
    let stations: Vec<Mask> = Station::all()
        .map(|s| {
            over(round(180.0 + 36.0 * (s.index() % 4) as f64, 180.0 + 36.0 * (s.index() / 4) as f64, 17.0), 60, 100)
        })
        .collect();
    let (ctv, gtv) = (over(round(240.0, 240.0, 60.0), 50, 110), over(round(240.0, 240.0, 40.0), 60, 100));
    let ring = Ring::new((0..400).map(|n| {
        let (sin, cos) = (f64::from(n) * std::f64::consts::TAU / 400.0).sin_cos();
        [(240.0 + 40.0 * cos) * 0.98, (240.0 + 40.0 * sin) * 0.98]
    }));
    let contours = SliceContours::new(vec![ring]);
    let mut live = LiveFeatures::from_masks(
        &grid,
        &CaseMasks {
            ctv: Some(&ctv),
            gtvp: Some(&gtv),
            stations: std::array::from_fn(|s| Some(&stations[s])),
            ..Default::default()
        },
    );
    let mut best = std::time::Duration::MAX;
    for _ in 0..20 {
        let start = std::time::Instant::now();
        live.update_slice(
            80,
            &SliceMasks {
                ctv: Some(&ctv.slices[&80]),
                gtvp: Some(&gtv.slices[&80]),
                stations: std::array::from_fn(|s| Some(&*stations[s].slices[&80])),
                gtvp_contours: &[&contours],
                ..Default::default()
            },
        );
        let vector = live.features(&ClinicalValues::default(), &context());
        best = best.min(start.elapsed());
        assert!(vector.get("g_n_stations_ctv").unwrap() > 4.0);
    }
    assert!(best.as_secs_f64() < 5e-3, "one slice took {best:?} without full optimisation");
}

fn block() -> impl Strategy<Value = Block> {
    (0usize..20, 1usize..10, 0usize..24, 1usize..12, 0usize..70, 1usize..40)
        .prop_map(|(k, dk, j, dj, i, di)| [k, (k + dk).min(20), j, (j + dj).min(24), i, (i + di).min(70)])
}

fn case() -> impl Strategy<Value = Case> {
    let blocks = || proptest::collection::vec(block(), 0..3);
    let stations = proptest::collection::vec((0usize..16, proptest::collection::vec(block(), 1..3)), 0..6);
    (blocks(), blocks(), blocks(), stations).prop_map(|(ctv, gtvp, gtvn, stations)| {
        let stations: BTreeMap<usize, Mask> = stations.into_iter().map(|(s, b)| (s, mask(&b))).collect();
        Case {
            ctv: mask(&ctv),
            gtvp: mask(&gtvp),
            gtvn: mask(&gtvn),
            stations: stations.into_iter().map(|(s, m)| (Station::from_index(s).expect("below 16"), m)).collect(),
            central_zone: Some(mask(&[[0, 20, 0, 24, 0, 20]])),
            rings: None,
        }
    })
}

/// GTV within CTV, stations apart from each other.
fn tidy(mut case: Case) -> Case {
    case.gtvp = case.gtvp.intersection(&case.ctv);
    case.gtvn = case.gtvn.intersection(&case.ctv);
    let mut taken = Mask::default();
    for (_, m) in &mut case.stations {
        *m = m.difference(&taken);
        taken = taken.union(m);
    }
    case
}

/// The definition, voxel by voxel.
fn oracle(case: &Case, grid: &VoxelGrid) -> BTreeMap<String, f64> {
    let dense = |m: &Mask| m.to_dense(SHAPE);
    let (ctv, gtvp, gtvn) = (dense(&case.ctv), dense(&case.gtvp), dense(&case.gtvn));
    let stations: Vec<(Station, Array3<bool>)> = case.stations.iter().map(|(s, m)| (*s, dense(m))).collect();
    let volume = |inside: &dyn Fn([usize; 3]) -> bool| -> f64 {
        ndarray::indices(ctv.dim())
            .into_iter()
            .filter(|at| inside([at.0, at.1, at.2]))
            .map(|at| grid.voxel_mm3(at.0) / 1000.0)
            .sum()
    };
    let gtv = |at: [usize; 3]| gtvp[at] || gtvn[at];
    let touched: Vec<&Array3<bool>> =
        stations.iter().map(|(_, m)| m).filter(|m| volume(&|at| m[at] && ctv[at]) >= 0.1 - 1e-9).collect();
    let idea = |at: [usize; 3]| touched.iter().any(|m| m[at]);
    let v_idea = volume(&idea);
    let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
    let mut out = BTreeMap::new();
    for (s, m) in &stations {
        let all = volume(&|at| m[at]);
        let parts = [
            ("ctv", volume(&|at| m[at] && ctv[at])),
            ("gtv", volume(&|at| m[at] && gtv(at))),
            ("mar", volume(&|at| m[at] && ctv[at] && !gtv(at))),
        ];
        for (name, part) in parts {
            let prefix = format!("ln{}_{name}", s.label().to_lowercase());
            out.insert(format!("{prefix}_in_ln"), ratio(part, all));
            out.insert(format!("{prefix}_in_idea"), ratio(part, v_idea));
        }
    }
    out.insert("g_ctv_cm3".into(), volume(&|at| ctv[at]));
    out.insert("g_gtv_cm3".into(), volume(&gtv));
    out.insert("g_idea_cm3".into(), v_idea);
    out.insert("g_ctv_cover_idea".into(), ratio(volume(&|at| ctv[at] && idea(at)), v_idea));
    out.insert("g_n_stations_ctv".into(), touched.len() as f64);
    out
}

/// The largest diameter by flood fill over voxels and all pairs of ring points; a point belongs to the voxels around it.
fn diameter_oracle(case: &Case, grid: &VoxelGrid) -> f64 {
    let p = usize::from(case.gtvp.is_empty());
    let (mut left, rings) = ([&case.gtvp, &case.gtvn][p].to_dense(SHAPE), &case.rings.as_ref().expect("rings")[p]);
    let mut best = (0.0, vec![]);
    while let Some((start, _)) = left.indexed_iter().find(|(_, inside)| **inside) {
        let mut part = vec![[start.0, start.1, start.2]];
        left[start] = false;
        let mut at = 0;
        while let Some(&here) = part.get(at) {
            at += 1;
            for axis in 0..3 {
                for step in [usize::MAX, 1] {
                    let mut next = here;
                    next[axis] = next[axis].wrapping_add(step);
                    if left.get_mut(next).is_some_and(std::mem::take) {
                        part.push(next);
                    }
                }
            }
        }
        let volume: f64 = part.iter().map(|at| grid.voxel_mm3(at[0])).sum();
        if volume > best.0 {
            best = (volume, part);
        }
    }
    let inside: std::collections::BTreeSet<[usize; 3]> = best.1.into_iter().collect();
    let mut diameter: f64 = 0.0;
    for (&k, contours) in rings {
        let beside = |p: &[f64; 2]| {
            let at = grid.index_from_plane(*p);
            [at.y.floor(), at.y.ceil()]
                .iter()
                .any(|j| [at.x.floor(), at.x.ceil()].iter().any(|i| inside.contains(&[k, *j as usize, *i as usize])))
        };
        let points: Vec<[f64; 2]> =
            contours.rings.iter().flat_map(|r| r.points()).filter(|p| beside(p)).copied().collect();
        for (n, a) in points.iter().enumerate() {
            for b in &points[..n] {
                diameter = diameter.max((a[0] - b[0]).hypot(a[1] - b[1]));
            }
        }
    }
    diameter
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn counts_by_bits_equal_counts_by_voxels(case in case()) {
        let positions: Vec<f64> = (0..20).map(|k| f64::from(k) * 2.0 + if k % 3 == 0 { 0.4 } else { 0.0 }).collect();
        let uneven = VoxelGrid::new(DVec3::ZERO, DVec3::X, DVec3::Y, [1.1, 0.9], [70, 24], positions).unwrap();
        let vector = case.features(&uneven);
        prop_assume!(vector.is_defined());
        for (name, expected) in oracle(&case, &uneven) {
            let value = vector.get(&name).unwrap();
            prop_assert!((value - expected).abs() < 1e-9, "{} is {}, not {}", name, value, expected);
        }
    }

    #[test]
    fn the_identities_hold(case in case()) {
        let case = tidy(case);
        let strict = FeatureContext {
            definition: FeatureDefinition { touch: TouchRule::OneVoxel, ..Default::default() },
            out_of_scan: Some([false; Station::COUNT]),
            ..context()
        };
        let small = case.live(&grid([1.0; 3])).features(&ClinicalValues::default(), &strict);
        prop_assume!(small.is_defined());
        let get = |name: String| small.get(&name).unwrap();
        let mut sum = 0.0;
        for s in Station::all() {
            let f = |suffix: &str| get(format!("ln{}_{suffix}", s.label().to_lowercase()));
            prop_assert!((f("mar_in_ln") - (f("ctv_in_ln") - f("gtv_in_ln"))).abs() < 1e-12);
            prop_assert!((f("mar_in_idea") - (f("ctv_in_idea") - f("gtv_in_idea"))).abs() < 1e-12);
            prop_assert!((f("ctv_in_idea") * f("gtv_in_ln") - f("gtv_in_idea") * f("ctv_in_ln")).abs() < 1e-12);
            prop_assert!(0.0 <= f("gtv_in_ln") && f("gtv_in_ln") <= f("ctv_in_ln") && f("ctv_in_ln") <= 1.0 + 1e-12);
            sum += f("ctv_in_idea");
        }
        prop_assert!((sum - get("g_ctv_cover_idea".into())).abs() < 1e-12);
        let scaled = case.live(&grid([2.5, 2.5, 2.5])).features(&ClinicalValues::default(), &strict);
        for (info, value) in small.named().filter(|(i, _)| i.kind == FeatureKind::Ratio || i.kind == FeatureKind::Count) {
            prop_assert!((value.unwrap() - scaled.get(&info.name).unwrap()).abs() < 1e-12, "{}", info.name);
        }
    }

    #[test]
    fn edited_slices_give_what_a_full_count_gives(before in case(), after in case(), edited in proptest::collection::vec(0usize..20, 0..30)) {
        let grid = grid([1.0, 1.5, 2.5]);
        let (before, after) = (before.with_rings(&grid), after.with_rings(&grid));
        let mut live = before.live(&grid);
        let mut mixed = before.clone();
        mixed.stations = Station::all().map(|s| {
            let find = |c: &Case| c.stations.iter().find(|(x, _)| *x == s).map(|(_, m)| m.clone()).unwrap_or_default();
            (s, find(&before))
        }).collect();
        let later = |s: Station| after.stations.iter().find(|(x, _)| *x == s).map(|(_, m)| m.clone()).unwrap_or_default();
        for k in edited {
            let put = |m: &mut Mask, from: &Mask| match from.slices.get(&k) {
                Some(slice) => { m.slices.insert(k, Arc::clone(slice)); }
                None => { m.slices.remove(&k); }
            };
            put(&mut mixed.ctv, &after.ctv);
            put(&mut mixed.gtvp, &after.gtvp);
            put(&mut mixed.gtvn, &after.gtvn);
            for (s, m) in &mut mixed.stations {
                put(m, &later(*s));
            }
            let mut rings = [vec![], vec![]];
            for (p, mine) in mixed.rings.as_mut().expect("rings").iter_mut().enumerate() {
                match after.rings.as_ref().expect("rings")[p].get(&k) {
                    Some(slice) => { mine.insert(k, Arc::clone(slice)); }
                    None => { mine.remove(&k); }
                }
                rings[p].extend(mine.get(&k).cloned());
            }
            let [primary, nodes] = &rings;
            let (primary, nodes): (Vec<&SliceContours>, Vec<&SliceContours>) =
                (primary.iter().map(|r| &**r).collect(), nodes.iter().map(|r| &**r).collect());
            fn at(m: &Mask, k: usize) -> Option<&SliceMask> { m.slices.get(&k).map(|s| &**s) }
            let mut stations = [None; Station::COUNT];
            for (s, m) in &mixed.stations {
                stations[s.index()] = at(m, k);
            }
            live.update_slice(k, &SliceMasks {
                ctv: at(&mixed.ctv, k),
                gtvp: at(&mixed.gtvp, k),
                gtvn: at(&mixed.gtvn, k),
                stations,
                central_zone: mixed.central_zone.as_ref().and_then(|m| at(m, k)),
                gtvp_contours: &primary,
                gtvn_contours: &nodes,
            });
            let full = mixed.live(&grid);
            prop_assert_eq!(&live, &full);
            let diameter = live.partition(&context()).gtv_max_diameter_mm;
            prop_assert!((diameter - diameter_oracle(&mixed, &grid)).abs() < 1e-9, "{} in place of {}", diameter, diameter_oracle(&mixed, &grid));
            prop_assert_eq!(
                live.features(&ClinicalValues::default(), &context()),
                full.features(&ClinicalValues::default(), &context())
            );
        }
    }
}

// ---- The rows of REFERENCE 3.5 and 3.6 in full ---------------------------------------------------------------------

/// A feature of every station.
fn of_stations(vector: &FeatureVector, suffix: &str) -> Vec<Option<f64>> {
    Station::all().map(|s| vector.get(&format!("ln{}_{suffix}", s.label().to_lowercase()))).collect()
}

#[test]
fn all_six_ratios_of_an_empty_station_are_zero_in_the_scan_and_missing_outside() {
    let live = reference_phantom().live(&grid([1.0; 3]));
    let mut outside = [false; Station::COUNT];
    outside[Station::S1R.index()] = true;
    // 4R holds voxels: whatever is said, it is in the scan.
    outside[Station::S4R.index()] = true;
    let told = FeatureContext { out_of_scan: Some(outside), ..context() };
    let vector = live.features(&ClinicalValues::default(), &told);
    for suffix in RATIO_SUFFIXES {
        let all = of_stations(&vector, suffix);
        for station in Station::all() {
            let (value, drawn) = (all[station.index()], matches!(station, Station::S4R | Station::S7));
            match station {
                Station::S1R => assert_eq!(value, None, "{suffix}"),
                _ if drawn => assert!(value.is_some(), "{station} {suffix}"),
                _ => assert_eq!(value, Some(0.0), "{station} {suffix}"),
            }
        }
    }
    let codes = |code: &str| vector.flags.iter().filter(|f| f.code() == code).count();
    assert_eq!((codes("station_out_of_fov"), codes("station_empty")), (1, 13));
}

#[test]
fn without_an_idea_every_share_of_it_is_zero() {
    // A sliver of 90 voxels in 7, less than the threshold: no station is touched, but the sliver is counted.
    let case = Case { ctv: mask(&[[2, 3, 2, 12, 30, 39]]), gtvp: Mask::default(), ..reference_phantom() };
    let vector = case.features(&grid([1.0; 3]));
    for suffix in RATIO_SUFFIXES.iter().filter(|s| s.ends_with("_in_idea")) {
        assert_eq!(of_stations(&vector, suffix), vec![Some(0.0); Station::COUNT], "{suffix}");
    }
    for name in ["g_idea_cm3", "g_ctv_cover_idea", "g_n_stations_ctv"] {
        close(&vector, name, 0.0);
    }
    close(&vector, "ln7_ctv_in_ln", 0.09);
    assert!(vector.flags.contains(&FeatureFlag::IdeaEmpty) && vector.stops().count() == 1);
}

#[test]
fn without_a_gtv_all_of_its_features_are_zero_and_the_margin_is_the_ctv() {
    let vector = Case { gtvp: Mask::default(), ..reference_phantom() }.features(&grid([1.0; 3]));
    for whole in ["ln", "idea"] {
        assert_eq!(of_stations(&vector, &format!("gtv_in_{whole}")), vec![Some(0.0); Station::COUNT]);
        let [margin, ctv] = ["mar", "ctv"].map(|part| of_stations(&vector, &format!("{part}_in_{whole}")));
        assert_eq!(margin, ctv);
    }
    for name in ["g_gtv_cm3", "g_gtv_maxdiam_mm", "g_gtv_side", "g_n_stations_gtv"] {
        close(&vector, name, 0.0);
    }
}

#[test]
fn warnings_begin_above_their_limits() {
    let grid = grid([1.0; 3]);
    let level =
        |case: &Case, code: &str| case.features(&grid).flags.iter().find(|f| f.code() == code).map(FeatureFlag::level);
    // GTV outside the CTV: half a cubic centimetre is still a note.
    for (columns, expected) in [(0, None), (5, Some(FlagLevel::Note)), (6, Some(FlagLevel::Warning))] {
        let gtvn = mask(&[[2, 12, 12, 22, 50, 50 + columns]]);
        assert_eq!(level(&Case { gtvn, ..reference_phantom() }, "gtv_outside_ctv"), expected, "{columns} columns");
    }
    // Stations: 2 % of their union is a note. 4R and 7 have 1000 voxels each, 8 lies in 7.
    for (voxels, expected) in [(0, None), (40, Some(FlagLevel::Note)), (41, Some(FlagLevel::Warning))] {
        let mut case = reference_phantom();
        let (row, rest) = (voxels / 10, voxels % 10);
        let inside = mask(&[[2, 2 + row, 2, 3, 30, 40], [2 + row, 3 + row, 2, 3, 30, 30 + rest]]);
        case.stations.push((Station::S8, inside));
        assert_eq!(level(&case, "stations_overlap"), expected, "{voxels} voxels");
    }
    // The GTV may leave the CTV where it likes: the margin stays CTV without GTV.
    let case = Case { gtvp: mask(&[[2, 12, 2, 12, 5, 12]]), ..reference_phantom() };
    let vector = case.features(&grid);
    close(&vector, "ln4r_gtv_in_ln", 0.7);
    close(&vector, "ln4r_mar_in_ln", 0.3);
}

#[test]
fn volumes_follow_the_spacing_and_shares_do_not() {
    let strict = FeatureContext {
        definition: FeatureDefinition { touch: TouchRule::OneVoxel, ..Default::default() },
        ..context()
    };
    let of = |spacing| reference_phantom().live(&grid(spacing)).features(&ClinicalValues::default(), &strict);
    let (unit, paper) = (of([1.0; 3]), of([1.1543, 1.1543, 5.0]));
    let voxel = 1.1543 * 1.1543 * 5.0;
    close(&paper, "g_voxel_mm3", voxel);
    for name in ["g_ctv_cm3", "g_gtv_cm3", "g_idea_cm3"] {
        close(&paper, name, voxel * unit.get(name).expect("defined"));
    }
    for suffix in RATIO_SUFFIXES {
        for (a, b) in of_stations(&unit, suffix).into_iter().zip(of_stations(&paper, suffix)) {
            assert!((a.expect("defined") - b.expect("defined")).abs() < 1e-12, "{suffix}");
        }
    }
}

#[test]
fn the_sides_of_the_station_list_are_those_of_the_reference() {
    let names: Vec<&str> = catalogue().iter().map(|f| f.name.as_str()).collect();
    let labels = ["1r", "1l", "2r", "2l", "3a", "3p", "4r", "4l", "5", "6", "7", "8", "10r", "10l", "11r", "11l"];
    let ratios = labels.iter().flat_map(|l| RATIO_SUFFIXES.map(|suffix| format!("ln{l}_{suffix}")));
    assert!(ratios.eq(names[..GLOBAL_FIRST].iter().map(|n| (*n).to_owned())));
    assert_eq!(schema_sha256(), SCHEMA_A_SHA256);
}

// ---- The proposed CTV, without which a case like 4dlung-113 has no features ---------------------------------------

/// 4dlung-113 and the masks of some of its structures.
fn real_case(names: &[&str]) -> Option<(hilum::dicom::LoadedCt, Vec<Mask>)> {
    use hilum::dicom::{load_ct, load_structure_set, scan};
    use hilum::progress::Silent;
    let folder = crate::support::test_data("4dlung-113")?;
    let found = scan(&[folder], &Silent).expect("the folder holds a CT");
    let ct = load_ct(&found.series[0], &Silent, &mut |_| {}).expect("the series loads");
    let set = load_structure_set(&found.structure_sets[0].path, &ct.volume.grid, &ct.meta, 0).expect("the set loads");
    let mask = |name: &&str| {
        rasterize(&ct.volume.grid, &set.rois.iter().find(|roi| roi.name == **name).expect("drawn").slices)
    };
    let masks = names.iter().map(mask).collect();
    Some((ct, masks))
}

fn ball(grid: &VoxelGrid, center: [usize; 3], radius_mm: f64) -> Mask {
    let at = |[k, j, i]: [usize; 3]| grid.patient_from_voxel(k, j as f64, i as f64);
    Mask::from_dense(&Array3::from_shape_fn(grid.shape(), |(k, j, i)| at([k, j, i]).distance(at(center)) <= radius_mm))
}

#[test]
fn the_proposed_ctv_keeps_out_of_marrow_and_not_out_of_the_mediastinum() {
    use hilum::anatomy::{CTV_MARGIN_MM, propose_ctv};
    let Some((ct, masks)) = real_case(&["Vertebra_c40", "Tumor_c40", "LN_c40"]) else { return };
    let (volume, grid) = (&ct.volume, &*ct.volume.grid);
    let vertebra = &masks[0];
    let soft = |m: &Mask| {
        let voxels = m.slices.iter().flat_map(|(k, s)| s.voxels().map(move |(j, i)| [*k, j, i]));
        voxels.filter(|at| (-350..=250).contains(&volume.hu[*at])).count() as f64
    };
    // A node before the vertebra and one beside it, each so near that the margin reaches far into the bone.
    for center in [[72, 310, 262], [72, 330, 240]] {
        let gtv = ball(grid, center, 8.0).difference(vertebra);
        let reach = expand(&gtv, grid, CTV_MARGIN_MM);
        let (reached, started) = (soft(&reach.intersection(vertebra)), std::time::Instant::now());
        let proposal = propose_ctv(volume, &gtv, &Mask::default(), CTV_MARGIN_MM);
        let took = started.elapsed();
        let ctv = rasterize(grid, &proposal.slices);
        let inside = ctv.intersection(vertebra).count() as f64;
        println!("{center:?}: {inside} of {reached} soft voxels, {} in all, {took:?}", ctv.count());
        assert!(reached > 200.0, "the margin reaches {reached} voxels of marrow");
        assert!(inside < 0.1 * reached, "{inside} of {reached} voxels of marrow are in the proposal");
        assert!(inside < 0.03 * ctv.count() as f64, "{inside} of {} voxels lie in the vertebra", ctv.count());
        let spared = propose_ctv(volume, &gtv, vertebra, CTV_MARGIN_MM);
        let drawn = rasterize(grid, &spared.slices).intersection(vertebra).count();
        assert!(drawn <= 2, "{drawn} voxels of the drawn bone are in the proposal");
    }
    // What the tumor and its nodes have around them but air is soft tissue, and nearly all of it stays in.
    let gtv = masks[1].union(&masks[2]);
    let started = std::time::Instant::now();
    let ctv = rasterize(grid, &propose_ctv(volume, &gtv, &Mask::default(), CTV_MARGIN_MM).slices);
    let took = started.elapsed();
    let nodes = expand(&masks[2], grid, CTV_MARGIN_MM);
    let (kept, all) = (soft(&ctv.intersection(&nodes)), soft(&nodes));
    println!("mediastinum: {kept} of {all} voxels, {took:?}");
    assert!(gtv.difference(&ctv).count() < 60, "the outline follows the GTV");
    assert!(kept > 0.9 * all, "{kept} of {all} voxels of soft tissue around the nodes are in the proposal");
}
