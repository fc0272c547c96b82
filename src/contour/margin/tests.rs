//! What margins must hold, against brute force and against solids that are known.

use super::*;
use crate::contour::{Ring, area_mm2};
use glam::DVec3;
use proptest::prelude::*;

fn uneven(i_direction: DVec3) -> VoxelGrid {
    let z = vec![0.0, 2.0, 5.0, 6.5, 12.0, 15.0, 17.0];
    VoxelGrid::new(DVec3::new(5.0, -7.0, 0.0), i_direction, DVec3::Y, [0.9, 1.3], [30, 22], z).expect("valid grid")
}

/// A blob of eight corners and a hole on two slices each.
fn any_structure() -> impl Strategy<Value = Vec<(usize, Vec<f64>)>> {
    proptest::collection::vec((1usize..6, proptest::collection::vec(1.5..5.0f64, 8)), 1..4)
}

fn structure(grid: &VoxelGrid, of: &[(usize, Vec<f64>)]) -> Slices {
    let center = grid.plane_from_index(14.6, 10.3);
    of.iter()
        .map(|(k, radii)| {
            let ring = |part: f64| {
                Ring::new(radii.iter().enumerate().map(|(m, r)| {
                    let (s, c) = (std::f64::consts::TAU * m as f64 / 8.0 + 0.2).sin_cos();
                    [center[0] + part * r * c, center[1] + part * r * s]
                }))
            };
            (*k, Arc::new(SliceContours::new(vec![ring(1.0), ring(0.3)])))
        })
        .collect()
}

/// The smallest squared part of the margin on the way from any point inside (or outside) to a voxel, by looking at
/// points a fine step apart on every slab.
fn brute_force(slices: &Slices, grid: &VoxelGrid, at: [usize; 3], radii: [[f64; 2]; 3], inside: bool) -> f64 {
    let [k, j, i] = at;
    let p = grid.plane_from_index(i as f64, j as f64);
    let slabs = Slabs::of(grid);
    let nothing = Arc::new(SliceContours::default());
    let mut best = f64::INFINITY;
    let part = |way: f64, radii: [f64; 2]| (way / if way >= 0.0 { radii[1] } else { radii[0] }).powi(2);
    for m in 0..grid.slices() {
        let Some(dz) = slabs.left(m, k, radii[2]).map(|left| 1.0 - left * left) else { continue };
        let rings = slices.get(&m).unwrap_or(&nothing);
        let step = 0.25;
        for a in -24i32..=24 {
            for b in -24i32..=24 {
                let q = [p[0] + f64::from(a) * step, p[1] + f64::from(b) * step];
                let cost = dz + part(p[0] - q[0], radii[0]) + part(p[1] - q[1], radii[1]);
                if cost < best && rings.contains(q) == inside {
                    best = cost;
                }
            }
        }
    }
    best
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn a_margin_is_what_brute_force_finds(
        shape in any_structure(), sides in proptest::array::uniform6(1.2..5.0f64), mirrored in any::<bool>(), out in any::<bool>(),
    ) {
        let g = uneven(if mirrored { DVec3::NEG_X } else { DVec3::X });
        let slices = structure(&g, &shape);
        let [left, right, anterior, posterior, superior, inferior] = sides;
        let margins = Margins { left, right, anterior, posterior, superior, inferior };
        let changed = if out { grow(&slices, &g, &margins) } else { shrink(&slices, &g, &margins) };
        let radii = margins.along(&g).map(|r| if out { r } else { [r[1], r[0]] });
        let nothing = Arc::new(SliceContours::default());
        for k in 0..g.slices() { for j in (0..22).step_by(2) { for i in (0..30).step_by(3) {
            let truth = brute_force(&slices, &g, [k, j, i], radii, out).sqrt();
            // Points a step apart are known to a step, outlines to a small part of a pixel.
            if (truth - 1.0).abs() > 0.2 / sides.iter().fold(f64::INFINITY, |a, b| a.min(*b)) {
                let expected = if out { truth <= 1.0 } else {
                    truth >= 1.0 && slices.get(&k).is_some_and(|c| c.contains(g.plane_from_index(i as f64, j as f64)))
                };
                let found = changed.get(&k).unwrap_or(&nothing).contains(g.plane_from_index(i as f64, j as f64));
                prop_assert_eq!(found, expected, "{:?} {}", [k, j, i], truth);
            }
        }}}
    }
}

fn disc(radius: f64) -> Arc<SliceContours> {
    let points = (0..120).map(|m| {
        let (s, c) = (std::f64::consts::TAU * f64::from(m) / 120.0).sin_cos();
        [radius * c + 0.3, radius * s - 0.2]
    });
    Arc::new(SliceContours::new(vec![Ring::new(points)]))
}

fn even() -> VoxelGrid {
    VoxelGrid::axial(DVec3::new(-40.0, -40.0, 0.0), [0.8, 0.8, 3.0], [101, 101, 20]).expect("valid grid")
}

#[test]
fn a_disc_grows_to_the_cross_sections_of_the_sum_with_a_ball() {
    let g = even();
    let slices: Slices = [(9, disc(10.0)), (10, disc(10.0))].into();
    let grown = grow(&slices, &g, &Margins::uniform(8.0));
    // The slab ends 1.5 mm beyond slice 10: slices 11 and 12 lie 1.5 and 4.5 mm beyond it, 13 at 7.5.
    assert_eq!(
        grown.keys().copied().collect::<Vec<_>>(),
        (7..=12).chain([6, 13]).collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    );
    for (k, beyond) in [(10, 0.0f64), (11, 1.5), (12, 4.5), (13, 7.5)] {
        let radius = 10.0 + (64.0 - beyond * beyond).sqrt();
        let truth = std::f64::consts::PI * radius * radius;
        let found = area_mm2(&grown[&k]);
        assert!((found / truth - 1.0).abs() < 0.005, "{k}: {found} for {truth}");
        for p in grown[&k].rings[0].points() {
            assert!(((p[0] - 0.3).hypot(p[1] + 0.2) - radius).abs() < 0.08, "{k}: {p:?}");
        }
    }
    let back = shrink(&grown, &g, &Margins::uniform(8.0));
    let kept = area_mm2(&back[&10]) / area_mm2(&slices[&10]);
    assert!((kept - 1.0).abs() < 0.02, "{kept}");
}

#[test]
fn each_side_goes_its_own_way_whichever_way_the_patient_lay() {
    let z: Vec<f64> = (0..20).map(|k| -57.0 + 3.0 * f64::from(k)).collect();
    // Feet first: columns run to the right, the normal to the feet.
    let feet_first =
        VoxelGrid::new(DVec3::new(40.0, -40.0, 57.0), DVec3::NEG_X, DVec3::Y, [0.8; 2], [101, 101], z).expect("valid");
    for g in [even(), feet_first] {
        let square = |r: f64| Ring::new([[-r, -r], [r, -r], [r, r], [-r, r]]);
        let slices: Slices = [(10, Arc::new(SliceContours::new(vec![square(10.0)])))].into();
        let margins = Margins { left: 6.0, right: 0.0, anterior: 3.0, posterior: 9.0, superior: 6.0, inferior: 0.0 };
        let grown = grow(&slices, &g, &margins);
        let toward_head = if g.normal().z > 0.0 { vec![10, 11, 12] } else { vec![8, 9, 10] };
        assert_eq!(grown.keys().copied().collect::<Vec<_>>(), toward_head);
        let corners = grown[&10].bounds().expect("rings").map(|p| g.patient_from_plane(p, g.position_mm(10)));
        let (low, high) = (corners[0].min(corners[1]), corners[0].max(corners[1]));
        for (found, truth) in [(low.x, -10.0), (high.x, 16.0), (low.y, -13.0), (high.y, 19.0)] {
            assert!((found - truth).abs() < 0.05, "{found} for {truth}");
        }
    }
}

#[test]
fn no_margin_changes_nothing_and_too_much_leaves_nothing() {
    let g = even();
    let slices: Slices = [(9, disc(10.0)), (10, disc(10.0))].into();
    for same in [grow(&slices, &g, &Margins::uniform(0.0)), shrink(&slices, &g, &Margins::uniform(0.0))] {
        assert_eq!(same.keys().copied().collect::<Vec<_>>(), [9, 10]);
        let changed = boolean(&same[&9], &slices[&9], BooleanOp::Xor);
        assert!(area_mm2(&changed) < 0.02, "{}", area_mm2(&changed));
    }
    assert!(shrink(&slices, &g, &Margins::uniform(11.0)).is_empty());
    assert!(grow(&Slices::new(), &g, &Margins::uniform(5.0)).is_empty());
}

#[test]
fn the_image_ends_a_margin_and_does_not_shrink_what_it_cuts_off() {
    let g = even();
    let all: Slices = (0..20).map(|k| (k, disc(60.0))).collect();
    let shrunk = shrink(&all, &g, &Margins::uniform(5.0));
    assert_eq!(shrunk.len(), 20);
    assert!(area_mm2(&shrunk[&0]) > 80.0 * 80.0, "only the corners of the image are outside");
    let grown = grow(&shrunk, &g, &Margins::uniform(30.0));
    let [low, high] = grown[&3].bounds().expect("rings");
    assert!(low[0] >= -40.41 && high[0] <= 40.41, "{low:?} {high:?}");
}
