//! Rigid registration: known motions of real and synthetic chests come back, and what does not fit is refused.

use crate::support::test_data;
use glam::DVec3;
use hilum::geometry::{Rigid, VoxelGrid};
use hilum::image::CtVolume;
use hilum::phantom::{PhantomConfig, generate};
use hilum::progress::{Progress, Silent};
use hilum::registration::{Guide, Registration, RegistrationError, judge, register};
use hilum::workbench::load_case;
use ndarray::{Array3, Axis};
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Another scan of the same patient: seen through a motion (of its points to those of the first), on other voxels, with
/// noise.
pub fn another_scan(first: &CtVolume, first_from_other: &Rigid, spacing: [f64; 3], noise_hu: f64) -> CtVolume {
    let grid = &first.grid;
    let wide = [grid.columns() as f64 * grid.spacing_i_mm(), grid.rows() as f64 * grid.spacing_j_mm()];
    let high = grid.position_mm(grid.slices() - 1) - grid.position_mm(0);
    let size = [(wide[0] / spacing[0]) as usize, (wide[1] / spacing[1]) as usize, (high / spacing[2]) as usize];
    let middle = first_from_other.inverse().apply(grid.center());
    let half = |n: usize, spacing: f64| (n as f64 - 1.0) / 2.0 * spacing;
    let origin = middle - DVec3::new(half(size[0], spacing[0]), half(size[1], spacing[1]), half(size[2], spacing[2]));
    let grid = Arc::new(VoxelGrid::axial(origin, spacing, size).expect("valid grid"));
    let mut hu = Array3::zeros(grid.shape());
    hu.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(k, mut slice): (usize, _)| {
        // A small generator of its own for every slice: the sum of four even numbers is nearly normal.
        let mut state = (k as u32 + 1).wrapping_mul(2_654_435_769);
        let mut even = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            f64::from(state) / f64::from(u32::MAX) - 0.5
        };
        for ((j, i), out) in slice.indexed_iter_mut() {
            let noise = (even() + even() + even() + even()) * noise_hu * 3f64.sqrt();
            let value = first.sample(first_from_other.apply(grid.patient_from_voxel(k, j as f64, i as f64)));
            *out = value.map_or(-1024.0, |hu| hu + noise) as i16;
        }
    });
    CtVolume::new(grid, hu)
}

pub fn motion(about: DVec3, degrees: [f64; 3], shift: [f64; 3]) -> Rigid {
    Rigid::about(about, DVec3::from_array(degrees.map(f64::to_radians)), DVec3::from_array(shift))
}

fn read(path: &Path) -> CtVolume {
    let loaded = load_case(&[path.to_path_buf()], &Silent, &mut |_| Ok(())).unwrap_or_else(|e| panic!("{e}"));
    loaded.case.image.volume
}

/// Largest error at points around the middle of the scan, mm, and error of the turn, degrees.
fn error(found: &Registration, truth: &Rigid, other: &CtVolume) -> (f64, f64) {
    let middle = other.grid.center();
    let reach = [-40.0, 0.0, 40.0];
    let mut worst: f64 = 0.0;
    for x in reach {
        for y in reach {
            for z in reach {
                let p = middle + DVec3::new(x, y, z);
                worst = worst.max(found.fixed_from_moving.apply(p).distance(truth.apply(p)));
            }
        }
    }
    (worst, found.fixed_from_moving.after(&truth.inverse()).size().1)
}

/// A motion comes back within 1 mm at every point of the mediastinum and 0.5 degrees, and is told as a good one.
fn comes_back(name: &str, first: &CtVolume, truth: &Rigid, other: &CtVolume, guide: Guide) {
    let found = register(first, other, guide, &Silent).unwrap_or_else(|e| panic!("{name}, {guide}: {e}"));
    let (mm, degrees) = error(&found, truth, other);
    eprintln!("{name}, {guide}: {mm:.3} mm, {degrees:.3} degrees, {:?}", found.fit);
    assert!(mm < 1.0 && degrees < 0.5, "{name}, {guide}: {mm} mm, {degrees} degrees");
    let bone = found.fit.bone.expect("bones in both");
    assert!(bone.mean_mm < 1.5 && found.fit.lung.expect("lungs in both").mean_mm < 1.5, "{name}: {:?}", found.fit);
    assert!(found.fit.correlation > 0.75 && found.fit.problem().is_none(), "{name}: {:?}", found.fit);
}

#[test]
fn a_planning_ct_seen_through_a_motion_with_noise_and_other_slices_is_found_again() {
    let Some(folder) = test_data("4dlung-113/ct") else { return };
    let first = read(&folder);
    let center = first.grid.center();
    // Set up a little differently, and thinner slices.
    let truth = motion(center, [2.0, -3.0, 5.0], [12.0, -20.0, 31.0]);
    comes_back("set up anew", &first, &truth, &another_scan(&first, &truth, [1.9, 1.9, 2.0], 15.0), Guide::Bone);
    // Another couch, another origin, thick slices.
    let truth = motion(center, [-6.0, 4.0, -8.0], [-150.0, 80.0, 400.0]);
    let other = another_scan(&first, &truth, [1.9, 1.9, 5.0], 15.0);
    comes_back("another couch", &first, &truth, &other, Guide::Lung);
}

#[test]
fn a_part_of_the_chest_is_found_in_the_whole_and_the_other_way_round_gives_the_inverse() {
    let Some(file) = test_data("lidc0001-organs/cxr.nii.gz") else { return };
    let whole = read(&file);
    let truth = motion(whole.grid.center(), [3.0, 2.0, -4.0], [20.0, 60.0, -250.0]);
    let all = another_scan(&whole, &truth, [1.6, 1.6, 3.0], 12.0);
    // The upper 150 mm of it only.
    let keep = 50;
    let positions = all.grid.positions_mm()[all.grid.slices() - keep..].to_vec();
    let origin = all.grid.patient_from_voxel(all.grid.slices() - keep, 0.0, 0.0);
    let size = [all.grid.columns(), all.grid.rows()];
    let grid = VoxelGrid::new(origin, DVec3::X, DVec3::Y, [1.6; 2], size, positions).expect("valid grid");
    let upper = all.hu.slice(ndarray::s![all.grid.slices() - keep.., .., ..]).to_owned();
    let upper = CtVolume::new(Arc::new(grid), upper);
    let there = register(&whole, &upper, Guide::Bone, &Silent).unwrap_or_else(|e| panic!("{e}"));
    let (mm, degrees) = error(&there, &truth, &upper);
    assert!(mm < 1.0 && degrees < 0.5, "{mm} mm, {degrees} degrees");
    let back = register(&upper, &whole, Guide::Bone, &Silent).unwrap_or_else(|e| panic!("{e}"));
    let both = back.fixed_from_moving.after(&there.fixed_from_moving);
    assert!(both.apply(upper.grid.center()).distance(upper.grid.center()) < 0.5, "the two ways differ");
}

#[test]
fn scans_of_different_patients_are_refused_with_what_was_measured() {
    let Some(file) = test_data("lidc0001-organs/cxr.nii.gz") else { return };
    let Some(folder) = test_data("lungdx-a0001/ct") else { return };
    let (first, other) = (read(&file), read(&folder));
    match register(&first, &other, Guide::Bone, &Silent) {
        Err(RegistrationError::Poor { why, fit }) => {
            assert!(why.contains("correlate") && fit.bone.is_some_and(|b| b.mean_mm > 4.0), "{why} {fit:?}");
        }
        other => panic!("not refused: {:?}", other.map(|r| r.fit)),
    }
    let phantom = generate(&PhantomConfig::training(5), &Silent).expect("made").volume;
    let refused = register(&phantom, &first, Guide::Lung, &Silent);
    assert!(matches!(refused, Err(RegistrationError::Poor { .. })), "a phantom is no patient");
}

/// A head: a shell of bone around brain, in air.
fn head() -> CtVolume {
    let grid =
        Arc::new(VoxelGrid::axial(DVec3::new(-120.0, -120.0, 0.0), [2.0, 2.0, 3.0], [120, 120, 60]).expect("valid"));
    let hu = Array3::from_shape_fn(grid.shape(), |(k, j, i)| {
        let p = grid.patient_from_voxel(k, j as f64, i as f64) - DVec3::new(0.0, 0.0, 80.0);
        match (p / DVec3::new(75.0, 95.0, 78.0)).length() {
            ..0.9 => 35,
            0.9..0.97 => 900,
            0.97..1.0 => 40,
            _ => -1000,
        }
    });
    CtVolume::new(grid, hu)
}

#[test]
fn a_head_a_slab_and_a_cancelled_search_are_refused_with_the_reason() {
    let chest = generate(&PhantomConfig::new(3, [96, 96, 50], [4.0, 4.0, 6.0]), &Silent).expect("made").volume;
    let refused = register(&chest, &head(), Guide::Bone, &Silent).expect_err("a head");
    assert!(matches!(refused, RegistrationError::NoLungsMoving { .. }), "{refused}");
    assert!(refused.to_string().contains("chest"), "{refused}");
    assert!(matches!(register(&head(), &chest, Guide::Bone, &Silent), Err(RegistrationError::NoLungsFixed { .. })));
    let grid = VoxelGrid::axial(DVec3::ZERO, [4.0, 4.0, 6.0], [96, 96, 6]).expect("valid grid");
    let slab = CtVolume::new(Arc::new(grid), chest.hu.slice(ndarray::s![20..26, .., ..]).to_owned());
    let refused = register(&chest, &slab, Guide::Bone, &Silent).expect_err("a slab");
    assert!(matches!(refused, RegistrationError::TooLow { .. }) && refused.to_string().contains("30"), "{refused}");

    /// Asks to stop at the third report.
    struct Impatient(AtomicUsize);
    impl Progress for Impatient {
        fn report(&self, _: &str, _: usize, _: usize) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn is_cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed) >= 3
        }
    }
    let stopped = register(&chest, &chest, Guide::Bone, &Impatient(AtomicUsize::new(0)));
    assert!(matches!(stopped, Err(RegistrationError::Cancelled(_))));
}

#[test]
fn the_same_scans_give_the_same_numbers_and_a_given_motion_is_judged() {
    let chest = generate(&PhantomConfig::new(3, [128, 128, 70], [3.0, 3.0, 4.0]), &Silent).expect("made").volume;
    let truth = motion(chest.grid.center(), [4.0, 0.0, -3.0], [8.0, 15.0, -22.0]);
    let other = another_scan(&chest, &truth, [3.0, 3.0, 4.0], 10.0);
    let found = register(&chest, &other, Guide::Bone, &Silent).unwrap_or_else(|e| panic!("{e}"));
    let (mm, _) = error(&found, &truth, &other);
    assert!(mm < 1.0, "{mm}");
    let body = register(&chest, &other, Guide::Body, &Silent).unwrap_or_else(|e| panic!("{e}"));
    assert!(error(&body, &truth, &other).0 < 1.0);
    let again = register(&chest, &other, Guide::Bone, &Silent).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(found.fixed_from_moving.rows(), again.fixed_from_moving.rows());
    let fit = |motion: &Rigid| judge(&chest, &other, motion, Guide::Bone, &Silent).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(fit(&found.fixed_from_moving), found.fit);
    // 12 mm beside it the bones tell.
    let beside = motion(DVec3::ZERO, [0.0; 3], [12.0, 0.0, 0.0]).after(&truth);
    let wrong = fit(&beside);
    let mean = |fit: &hilum::registration::Fit| fit.bone.expect("bones").mean_mm;
    assert!(mean(&wrong) > mean(&found.fit) + 2.0 && wrong.correlation < found.fit.correlation - 0.3, "{wrong:?}");
}
