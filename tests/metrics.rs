//! Promises about metrics: the numbers are those of the reference implementation, to its printed digits.
//!
//! The golden values come from this program (Python 3.11, numpy 2.4.6, scipy 1.17.1, surface-distance 0.1):
//!
//! ```python
//! # pip install numpy scipy surface-distance
//! import numpy as np, scipy.ndimage as nd, types
//! np.Inf = np.inf
//! for old in ("filters", "morphology"):
//!     setattr(nd, old, nd)
//! def boundary(s): return s & ~nd.binary_erosion(s, nd.generate_binary_structure(2, 1))
//! def apl(a, b, sp, tau):
//!     px = 0
//!     for k in range(a.shape[0]):
//!         ra, rb = boundary(a[k]), boundary(b[k])
//!         d = nd.distance_transform_edt(~rb, sampling=sp[1:]) if rb.any() else np.full(ra.shape, np.inf)
//!         px += int((ra & (d > tau)).sum())
//!     return px, px * (sp[1] + sp[2]) / 2
//! def show(name, a, b, sp):
//!     s = m.compute_surface_distances(a, b, sp)
//!     print(name, int(a.sum()), int(b.sum()), "dsc %.8f" % m.compute_dice_coefficient(a, b),
//!       "mean %.6f %.6f" % m.compute_average_surface_distance(s), "hd %.6f" % m.compute_robust_hausdorff(s, 100),
//!       "hd95 %.6f" % m.compute_robust_hausdorff(s, 95),
//!       "sdsc", ["%.6f" % m.compute_surface_dice_at_tolerance(s, t) for t in (1, 2, 3, 5)],
//!       "areas %.6f %.6f" % (s["surfel_areas_gt"].sum(), s["surfel_areas_pred"].sum()), "apl", apl(a, b, sp, 0), apl(a, b, sp, 3))
//! sp = (5, 1.1543, 1.1543); A = np.zeros((24, 96, 96), bool); A[6:16, 30:60, 30:60] = 1
//! def box(*r):
//!     b = np.zeros_like(A); b[r[0]:r[1], r[2]:r[3], r[4]:r[5]] = 1; return b
//! show("G1", A, A, sp); show("G2", A, box(6,16,30,60,33,63), sp); show("G3", A, box(7,17,30,60,30,60), sp)
//! show("G4", A, box(6,16,28,62,28,62), sp)
//! show("G5", A, box(6,16,30,60,30,45), sp); show("G6", A, np.zeros_like(A), sp)
//! z, y, x = np.ogrid[:40, :80, :80]; ball = lambda r, cx: (z-20)**2 + (y-40)**2 + (x-cx)**2 <= r*r
//! show("G7", ball(10, 40), ball(12, 40), (1, 1, 1)); show("G8", ball(10, 40), ball(10, 44), (1, 1, 1))
//! # irregular shapes on an anisotropic grid
//! k, j, i = np.meshgrid(np.arange(12), np.arange(20), np.arange(22), indexing="ij")
//! def blob(n, i0, r2): return ((i*7 + j*3 + k*5) % n < n - 2) & ((i-i0)**2 + (j-10)**2 + 3*(k-6)**2 <= r2)
//! show("G9", blob(7, 9, 70), blob(5, 14, 40), (3.0, 1.2, 0.8))
//! ```

use glam::DVec3;
use hilum::contour::Mask;
use hilum::geometry::VoxelGrid;
use hilum::metrics::{Comparison, SurfaceDistances, compare};
use ndarray::Array3;

struct Golden {
    name: &'static str,
    dsc: f64,
    mean_mm: Option<[f64; 2]>,
    hd_mm: Option<f64>,
    hd95_mm: Option<f64>,
    surface_dsc: [f64; 4],
    /// Pixels at 0 and 3 mm.
    added_path: [u64; 2],
}

fn check(golden: &Golden, grid: &VoxelGrid, reference: &Mask, test: &Mask) -> Comparison {
    let found = compare(reference, test, grid);
    let close = |what: &str, found: f64, expected: f64| {
        assert!((found - expected).abs() <= 1e-6, "{} {what}: {found} for {expected}", golden.name);
    };
    let same = |what: &str, found: Option<f64>, expected: Option<f64>| match (found, expected) {
        (Some(found), Some(expected)) => close(what, found, expected),
        _ => assert_eq!(found, expected, "{} {what}", golden.name),
    };
    close("DSC", found.dsc, golden.dsc);
    close("Jaccard", found.jaccard, golden.dsc / (2.0 - golden.dsc));
    same("mean reference to test", found.mean_reference_to_test_mm, golden.mean_mm.map(|m| m[0]));
    same("mean test to reference", found.mean_test_to_reference_mm, golden.mean_mm.map(|m| m[1]));
    same("MSD", found.msd_mm, golden.mean_mm.map(|[a, b]| f64::midpoint(a, b)));
    same("HD", found.hd_mm, golden.hd_mm);
    same("HD95", found.hd95_mm, golden.hd95_mm);
    for (tolerance_mm, expected) in [1.0, 2.0, 3.0, 5.0].into_iter().zip(golden.surface_dsc) {
        same("surface DSC", found.surface_dsc_at(tolerance_mm), Some(expected));
    }
    let spacing = f64::midpoint(grid.spacing_i_mm(), grid.spacing_j_mm());
    for (path, expected) in found.added_path.iter().zip(golden.added_path) {
        assert_eq!(path.pixels, expected, "{} added path at {} mm", golden.name, path.tolerance_mm);
        close("added path", path.mm, expected as f64 * spacing);
    }
    found
}

fn boxes_grid() -> VoxelGrid {
    VoxelGrid::axial(DVec3::new(-55.0, -55.0, 20.0), [1.1543, 1.1543, 5.0], [96, 96, 24]).expect("valid grid")
}

fn box_mask(k: [usize; 2], j: [usize; 2], i: [usize; 2]) -> Mask {
    let within = |x: usize, [from, to]: [usize; 2]| x >= from && x < to;
    Mask::from_dense(&Array3::from_shape_fn([24, 96, 96], |at| within(at.0, k) && within(at.1, j) && within(at.2, i)))
}

#[test]
fn boxes_give_the_golden_values() {
    let grid = boxes_grid();
    let reference = box_mask([6, 16], [30, 60], [30, 60]);
    let cases = [
        (
            Golden {
                name: "G1 identical",
                dsc: 1.0,
                mean_mm: Some([0.0, 0.0]),
                hd_mm: Some(0.0),
                hd95_mm: Some(0.0),
                surface_dsc: [1.0; 4],
                added_path: [0, 0],
            },
            reference.clone(),
        ),
        (
            Golden {
                name: "G2 three columns to the left",
                dsc: 0.9,
                mean_mm: Some([1.274029, 1.274029]),
                hd_mm: Some(3.4629),
                hd95_mm: Some(3.4629),
                surface_dsc: [0.599497, 0.632092, 0.664687, 1.0],
                added_path: [620, 540],
            },
            box_mask([6, 16], [30, 60], [33, 63]),
        ),
        (
            Golden {
                name: "G3 one slice up",
                dsc: 0.9,
                mean_mm: Some([1.290575, 1.290575]),
                hd_mm: Some(5.0),
                hd95_mm: Some(5.0),
                surface_dsc: [0.715793, 0.732176, 0.747389, 1.0],
                added_path: [116, 116],
            },
            box_mask([7, 17], [30, 60], [30, 60]),
        ),
        (
            Golden {
                name: "G4 two pixels larger",
                dsc: 0.87548638,
                mean_mm: Some([1.564360, 1.745176]),
                hd_mm: Some(3.264853),
                hd95_mm: Some(2.581093),
                surface_dsc: [0.277583, 0.294806, 0.992164, 1.0],
                added_path: [1160, 0],
            },
            box_mask([6, 16], [28, 62], [28, 62]),
        ),
        (
            Golden {
                name: "G5 one half",
                dsc: 0.66666667,
                mean_mm: Some([5.905589, 1.831385]),
                hd_mm: Some(17.3145),
                hd95_mm: Some(17.3145),
                surface_dsc: [0.610750, 0.630127, 0.649504, 0.704077],
                added_path: [580, 540],
            },
            box_mask([6, 16], [30, 60], [30, 45]),
        ),
        (
            Golden {
                name: "G6 empty",
                dsc: 0.0,
                mean_mm: None,
                hd_mm: None,
                hd95_mm: None,
                surface_dsc: [0.0; 4],
                added_path: [1160, 1160],
            },
            Mask::default(),
        ),
    ];
    let found: Vec<Comparison> = cases.iter().map(|(golden, test)| check(golden, &grid, &reference, test)).collect();
    let path_mm = |n: usize| found[n].added_path.iter().map(|p| p.mm).collect::<Vec<_>>();
    for (n, expected) in [(1, [715.666, 623.322]), (2, [133.8988, 133.8988]), (3, [1338.988, 0.0])] {
        assert!(path_mm(n).iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-6));
    }
    assert_eq!(found[5].added_path[0].relative, Some(1.0));

    // The rest of what is compared, on the same boxes.
    let close = |x: Option<f64>, y: f64| assert!((x.expect("both exist") - y).abs() < 1e-9, "{x:?} for {y}");
    close(found[3].sensitivity, 1.0);
    close(found[3].precision, 9000.0 / 11560.0);
    close(found[4].volume_ratio, 0.5);
    assert!((found[0].reference_cm3 - 9000.0 * 5.0 * 1.1543f64.powi(2) / 1000.0).abs() < 1e-9);
    let shift = found[1].centroid_shift_mm.expect("both exist");
    assert!((shift - DVec3::new(3.4629, 0.0, 0.0)).length() < 1e-9);
    let borders = |n: usize| [found[n].superior, found[n].inferior].map(|b| b.expect("an axial scan").slices);
    assert_eq!((borders(1), borders(2)), ([0, 0], [1, 1]));
    assert_eq!(found[2].superior.map(|b| b.mm), Some(5.0));
    assert_eq!((found[5].superior, found[5].centroid_shift_mm, found[5].precision), (None, None, None));
    assert_eq!(found[5].sensitivity, Some(0.0));
}

#[test]
fn balls_give_the_golden_values() {
    let grid = VoxelGrid::axial(DVec3::ZERO, [1.0; 3], [80, 80, 40]).expect("valid grid");
    let ball = |radius: i64, i0: i64| {
        Mask::from_dense(&Array3::from_shape_fn([40, 80, 80], |(k, j, i)| {
            (k as i64 - 20).pow(2) + (j as i64 - 40).pow(2) + (i as i64 - i0).pow(2) <= radius * radius
        }))
    };
    let reference = ball(10, 40);
    assert_eq!((reference.count(), ball(12, 40).count()), (4169, 7153));
    check(
        &Golden {
            name: "G7 radius 12",
            dsc: 0.73644232,
            mean_mm: Some([1.566923, 1.585777]),
            hd_mm: Some(2.449490),
            hd95_mm: Some(2.236068),
            surface_dsc: [0.152441, 0.924369, 1.0, 1.0],
            added_path: [850, 26],
        },
        &grid,
        &reference,
        &ball(12, 40),
    );
    check(
        &Golden {
            name: "G8 4 mm to the left",
            dsc: 0.70736388,
            mean_mm: Some([1.607329, 1.607329]),
            hd_mm: Some(4.0),
            hd95_mm: Some(3.605551),
            surface_dsc: [0.405292, 0.609323, 0.890435, 1.0],
            added_path: [752, 348],
        },
        &grid,
        &reference,
        &ball(10, 44),
    );
}

/// Ragged shapes with holes and separate voxels, which meet nearly every code of the surfel table, at the border of the
/// scan and on three different spacings.
#[test]
fn ragged_shapes_give_the_golden_values() {
    let grid = VoxelGrid::axial(DVec3::ZERO, [0.8, 1.2, 3.0], [22, 20, 12]).expect("valid grid");
    let blob = |n: usize, i0: i64, r2: i64| {
        Mask::from_dense(&Array3::from_shape_fn([12, 20, 22], |(k, j, i)| {
            (i * 7 + j * 3 + k * 5) % n < n - 2
                && (i as i64 - i0).pow(2) + (j as i64 - 10).pow(2) + 3 * (k as i64 - 6).pow(2) <= r2
        }))
    };
    let (reference, test) = (blob(7, 9, 70), blob(5, 14, 40));
    assert_eq!((reference.count(), test.count()), (1024, 380));
    let golden = Golden {
        name: "G9 ragged",
        dsc: 0.28062678,
        mean_mm: Some([2.011278, 0.212622]),
        hd_mm: Some(6.148170),
        hd95_mm: Some(5.366563),
        surface_dsc: [0.646737, 0.740105, 0.804087, 0.968505],
        added_path: [581, 322],
    };
    check(&golden, &grid, &reference, &test);
    let [outward, back] = SurfaceDistances::between(&reference, &test, &grid);
    assert!((outward.area_mm2() - 2911.471834).abs() < 1e-5 && (back.area_mm2() - 2259.493).abs() < 1e-5);
}

#[test]
fn two_empty_structures_agree_and_nothing_else_is_said() {
    let found = compare(&Mask::default(), &Mask::default(), &boxes_grid());
    assert!(found.both_empty());
    assert_eq!((found.dsc, found.jaccard), (1.0, 1.0));
    assert_eq!((found.hd95_mm, found.sensitivity, found.surface_dsc_at(3.0)), (None, None, None));
    assert_eq!(found.added_path.iter().map(|p| (p.pixels, p.relative)).collect::<Vec<_>>(), [(0, None); 2]);
}

/// Slices of 3 mm, then of 5 mm: distances and areas are those in the patient, not in slices.
#[test]
fn uneven_slices_count_with_their_true_positions() {
    let positions: Vec<f64> =
        (0..10).map(|k| 3.0 * f64::from(k)).chain((0..10).map(|k| 32.0 + 5.0 * f64::from(k))).collect();
    let grid = VoxelGrid::new(DVec3::ZERO, DVec3::X, DVec3::Y, [1.0, 1.0], [40, 40], positions).expect("valid grid");
    let slab = |from: usize, to: usize| {
        Mask::from_dense(&Array3::from_shape_fn([20, 40, 40], |(k, j, i)| {
            (from..to).contains(&k) && (10..30).contains(&j) && (10..30).contains(&i)
        }))
    };
    let hd = |a: &Mask, b: &Mask| compare(a, b, &grid).hd_mm.expect("both exist");
    assert!((hd(&slab(3, 6), &slab(3, 7)) - 3.0).abs() < 1e-9);
    assert!((hd(&slab(12, 15), &slab(12, 16)) - 5.0).abs() < 1e-9);
    // Between 27 and 32 mm: from half way between slices 8 and 9 to half way between 10 and 11.
    assert!((hd(&slab(5, 9), &slab(5, 11)) - 9.0).abs() < 1e-9);
    // The side walls of a slab are as high as its slices are thick: 8 corners of 3 mm or of 5 mm.
    let area = |m: &Mask| SurfaceDistances::between(m, m, &grid)[0].area_mm2();
    let per_slice = |m: &Mask, thicker: &Mask| area(thicker) - area(m);
    let (thin, thick) = (per_slice(&slab(3, 6), &slab(3, 7)), per_slice(&slab(12, 15), &slab(12, 16)));
    // Around one more slice: four walls of 19 mm and four beveled edges.
    assert!((thin / (3.0 * (4.0 * 19.0 + 4.0 * 0.5f64.sqrt())) - 1.0).abs() < 1e-9, "{thin}");
    assert!((thick / (5.0 * (4.0 * 19.0 + 4.0 * 0.5f64.sqrt())) - 1.0).abs() < 1e-9, "{thick}");
    let shift = compare(&slab(12, 15), &slab(13, 17), &grid);
    assert_eq!(shift.superior.map(|b| (b.slices, b.mm)), Some((2, 10.0)));
    assert_eq!(shift.inferior.map(|b| (b.slices, b.mm)), Some((1, 5.0)));
}
