//! The anatomy that a CT itself shows: on phantoms against their truth, on real CTs against a clinician's carina and
//! the labels of another program, and refusals that say why.

use crate::support::test_data;
use glam::DVec3;
use hilum::anatomy::{
    AnatomyError, Bronchus, ImageAnatomy, LandmarkId, LandmarkSource, Organ, case_sources, draw_stations, find_anatomy,
};
use hilum::contour::{Mask, SliceMask};
use hilum::dicom::{load_ct, load_structure_set, scan};
use hilum::geometry::VoxelGrid;
use hilum::image::CtVolume;
use hilum::nifti::{read_ct, read_labels};
use hilum::phantom::{Phantom, PhantomConfig, generate};
use hilum::progress::{Progress, Silent};
use ndarray::{Array3, s};
use std::path::Path;
use std::sync::Arc;

fn phantom(seed: u64, pixel_mm: f64, slice_mm: f64, noise_hu: f64) -> Phantom {
    let pixels = (384.0 / pixel_mm) as usize;
    let size = [pixels, pixels, (300.0 / slice_mm) as usize];
    let config = PhantomConfig { noise_hu, ..PhantomConfig::new(seed, size, [pixel_mm, pixel_mm, slice_mm]) };
    generate(&config, &Silent).expect("not cancelled")
}

fn dice(a: &Mask, b: &Mask) -> f64 {
    2.0 * a.intersection(b).count() as f64 / (a.count() + b.count()) as f64
}

/// Distance of a landmark from the truth of a phantom, mm.
fn off(phantom: &Phantom, found: &ImageAnatomy, id: LandmarkId) -> f64 {
    let truth = phantom.landmarks.get(id).expect("phantoms have all").position;
    found.landmarks.get(id).map_or(f64::INFINITY, |l| l.position.distance(truth))
}

#[test]
fn phantoms_show_lungs_airway_and_carina_at_any_slice_and_noise() {
    for (seed, pixel, slice, noise) in [(1, 2.0, 3.0, 11.0), (2, 1.5, 1.5, 40.0), (3, 1.5, 6.0, 11.0)] {
        let phantom = phantom(seed, pixel, slice, noise);
        let found = find_anatomy(&phantom.volume, &Silent).expect("a chest");
        let carina = off(&phantom, &found, LandmarkId::Carina);
        assert!(carina < 3.0, "seed {seed}: carina {carina:.1} mm off");
        for (organ, mask, least) in [
            (Organ::LungRight, &found.lung_right, 0.95),
            (Organ::LungLeft, &found.lung_left, 0.95),
            (Organ::Body, &found.body, 0.97),
            (Organ::Airway, &found.airway, 0.80),
        ] {
            let truth = phantom.organ(organ.name()).expect("phantoms have all");
            let dsc = dice(truth, mask);
            assert!(dsc > least, "seed {seed}: {} {dsc:.3}", organ.name());
        }
        for id in [LandmarkId::ApexRight, LandmarkId::ApexLeft] {
            let truth = phantom.landmarks.z(id).expect("phantoms have all");
            let z = found.landmarks.z(id).expect("found");
            assert!((z - truth).abs() < 1.0 + slice, "seed {seed}: {} at {z:.1}, truth {truth:.1}", id.key());
        }
        let carina = found.landmarks.get(LandmarkId::Carina).expect("found");
        assert_eq!(carina.source, LandmarkSource::Found);
        assert!(carina.spread_mm.is_some_and(|mm| mm > 1.0 && mm < 5.0));
    }
}

#[test]
fn lobar_bronchi_begin_where_they_do_on_fine_slices() {
    for seed in [1, 5] {
        let phantom = phantom(seed, 1.5, 2.0, 11.0);
        let found = find_anatomy(&phantom.volume, &Silent).expect("a chest");
        for id in [
            LandmarkId::RightUpperLobe,
            LandmarkId::LeftUpperLobe,
            LandmarkId::IntermediusLower,
            LandmarkId::LeftLowerLobe,
        ] {
            let mm = off(&phantom, &found, id);
            assert!(mm < 8.0, "seed {seed}: {} is {mm:.1} mm off", id.key());
        }
        let main = |name| found.branch(name).expect("a main bronchus");
        let (right, left) = (main(Bronchus::RightMain), main(Bronchus::LeftMain));
        assert!(right.axis.last().expect("an axis").x < left.axis.last().expect("an axis").x);
        assert!(main(Bronchus::Trachea).area_mm2 > left.area_mm2);
    }
}

/// The same scan on axes turned by half a circle and stored from the other end.
fn turned(ct: &CtVolume) -> CtVolume {
    let grid = &ct.grid;
    let [slices, rows, columns] = grid.shape();
    let origin = grid.patient_from_voxel(slices - 1, 0.0, (columns - 1) as f64);
    let positions = grid.positions_mm().iter().rev().map(|z| -z).collect();
    let spacing = [grid.spacing_i_mm(), grid.spacing_j_mm()];
    let turned = VoxelGrid::new(origin, DVec3::NEG_X, DVec3::Y, spacing, [columns, rows], positions).expect("valid");
    CtVolume::new(Arc::new(turned), ct.hu.slice(s![..;-1, .., ..;-1]).to_owned())
}

#[test]
fn the_order_of_slices_and_columns_changes_nothing_in_the_patient() {
    let phantom = phantom(4, 2.0, 3.0, 11.0);
    let straight = find_anatomy(&phantom.volume, &Silent).expect("a chest");
    let other = find_anatomy(&turned(&phantom.volume), &Silent).expect("the same chest");
    assert_eq!(straight.landmarks.len(), other.landmarks.len());
    for (id, landmark) in straight.landmarks.iter() {
        let there = other.landmarks.get(id).expect("found").position;
        assert!(landmark.position.distance(there) < 1e-6, "{}", id.key());
    }
    assert_eq!(straight.lung_right.count(), other.lung_right.count());
    assert_eq!(straight.airway.count(), other.airway.count());
}

#[test]
fn what_was_found_is_enough_for_the_stations() {
    let phantom = phantom(6, 2.0, 3.0, 11.0);
    let found = find_anatomy(&phantom.volume, &Silent).expect("a chest");
    let stations = draw_stations(&found.sources(&phantom.volume)).expect("body, lungs, airway and carina");
    assert!(stations.masks.iter().filter(|mask| !mask.is_empty()).count() >= 12);
}

/// Sets the voxels of a phantom within a distance of the axis of its trachea, over heights above the carina, mm.
fn along_trachea(phantom: &Phantom, heights: std::ops::Range<f64>, mut set: impl FnMut(f64, &mut i16)) -> CtVolume {
    let mut ct = phantom.volume.clone();
    let grid = Arc::clone(&ct.grid);
    let carina = phantom.landmarks.get(LandmarkId::Carina).expect("a carina").position;
    let airway = phantom.organ("airway").expect("an airway");
    let hu = Arc::make_mut(&mut ct.hu);
    for k in 0..grid.slices() {
        if !heights.contains(&(grid.position_mm(k) - carina.z)) {
            continue;
        }
        let Some(lumen) = airway.slices.get(&k) else { continue };
        let n = lumen.count() as f64;
        let (j, i) = lumen.voxels().fold((0.0, 0.0), |sum, v| (sum.0 + v.0 as f64 / n, sum.1 + v.1 as f64 / n));
        for (row, column) in lumen.voxels() {
            let mm = ((row as f64 - j) * grid.spacing_j_mm()).hypot((column as f64 - i) * grid.spacing_i_mm());
            set(mm, &mut hu[[k, row, column]]);
        }
    }
    ct
}

#[test]
fn a_tube_a_stent_and_a_narrowed_lumen_do_not_lose_the_trachea() {
    let phantom = phantom(7, 1.0, 2.0, 11.0);
    let tube = along_trachea(&phantom, 25.0..400.0, |mm, hu| {
        if (3.0..4.6).contains(&mm) {
            *hu = 300;
        }
    });
    let stent = along_trachea(&phantom, 20.0..60.0, |mm, hu| {
        if mm > 6.0 {
            *hu = 2500;
        }
    });
    let narrow = along_trachea(&phantom, 25.0..55.0, |mm, hu| {
        if mm > 3.0 {
            *hu = 40;
        }
    });
    let plug = along_trachea(&phantom, 30.0..40.0, |_, hu| *hu = 20);
    for (what, ct) in [("tube", tube), ("stent", stent), ("tumor", narrow), ("plug", plug)] {
        let found = find_anatomy(&ct, &Silent).unwrap_or_else(|error| panic!("{what}: {error}"));
        let mm = off(&phantom, &found, LandmarkId::Carina);
        assert!(mm < 3.0, "{what}: carina {mm:.1} mm off");
    }
}

#[test]
fn air_in_the_oesophagus_is_no_trachea() {
    let phantom = phantom(8, 1.5, 3.0, 11.0);
    let mut ct = phantom.volume.clone();
    let gas = phantom.organ("esophagus").expect("an oesophagus");
    let hu = Arc::make_mut(&mut ct.hu);
    for (k, slice) in &gas.slices {
        for (j, i) in slice.voxels() {
            hu[[*k, j, i]] = -990;
        }
    }
    let found = find_anatomy(&ct, &Silent).expect("a chest");
    assert!(off(&phantom, &found, LandmarkId::Carina) < 3.0);
    assert!(found.airway.intersection(gas).count() * 20 < gas.count(), "the airway runs in the oesophagus");
}

#[test]
fn scans_without_the_anatomy_are_refused_with_the_reason() {
    let grid = |size: [usize; 3], spacing| Arc::new(VoxelGrid::axial(DVec3::ZERO, spacing, size).expect("valid"));
    let made = |hu: fn(f64, f64) -> i16| {
        let grid = grid([120, 120, 60], [3.0; 3]);
        let at = |n: usize| (n as f64 - 60.0) * 3.0;
        CtVolume::new(grid, Array3::from_shape_fn([60, 120, 120], |(_, j, i)| hu(at(j), at(i))))
    };
    let refused = |ct: &CtVolume| find_anatomy(ct, &Silent).expect_err("no chest");
    assert_eq!(refused(&made(|_, _| -1000)), AnatomyError::NoBody);
    let cylinder = made(|y, x| if y.hypot(x) < 100.0 { 0 } else { -1000 });
    assert!(matches!(refused(&cylinder), AnatomyError::NoLungs { .. }));
    // A phantom of the thorax without trachea.
    let hollow = made(|y, x| match (y.hypot(x) < 150.0, y.hypot(x.abs() - 70.0) < 50.0) {
        (_, true) => -800,
        (true, false) => 0,
        _ => -1000,
    });
    assert_eq!(refused(&hollow), AnatomyError::NoTrachea);

    let chest = phantom(9, 2.0, 3.0, 11.0);
    let part = |slices: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
        let hu = chest.volume.hu.slice(s![slices.clone(), .., columns.clone()]).to_owned();
        let old = &chest.volume.grid;
        let origin = old.patient_from_voxel(slices.start, 0.0, columns.start as f64);
        let size = [columns.len(), old.rows(), slices.len()];
        CtVolume::new(Arc::new(VoxelGrid::axial(origin, [2.0, 2.0, 3.0], size).expect("valid")), hu)
    };
    let [slices, _, columns] = chest.volume.grid.shape();
    assert!(matches!(refused(&part(50..51, 0..columns)), AnatomyError::TooLow { slices: 1, .. }));
    assert_eq!(refused(&part(0..slices, 0..columns / 2 - 8)), AnatomyError::CutOffLeft);
    assert_eq!(refused(&part(0..slices, columns / 2 + 8..columns)), AnatomyError::CutOffRight);
    // Above the carina only: lungs and trachea, but nothing parts.
    let k = chest.volume.grid.nearest_slice(chest.landmarks.z(LandmarkId::Carina).expect("a carina") + 12.0);
    assert_eq!(refused(&part(k..slices, 0..columns)), AnatomyError::NoCarina);

    struct Stopped;
    impl Progress for Stopped {
        fn report(&self, _stage: &str, _done: usize, _total: usize) {}
        fn is_cancelled(&self) -> bool {
            true
        }
    }
    assert!(matches!(find_anatomy(&chest.volume, &Stopped), Err(AnatomyError::Cancelled(_))));
}

fn dicom_ct(folder: &str) -> Option<CtVolume> {
    let found = scan(&[test_data(folder)?], &Silent).expect("readable");
    let loaded = load_ct(found.series.first().expect("a CT"), &Silent, &mut |_| {}).expect("loads");
    Some(loaded.volume)
}

#[test]
fn the_carina_of_a_patient_is_where_the_clinician_drew_it() {
    let Some(folder) = test_data("4dlung-113") else { return };
    let found = scan(&[folder], &Silent).expect("readable");
    let ct = load_ct(&found.series[0], &Silent, &mut |_| {}).expect("loads");
    let file = &found.structure_sets.first().expect("a structure set").path;
    let set = load_structure_set(file, &ct.volume.grid, &ct.meta, 0).expect("loads");
    let roi = set.rois.iter().find(|roi| roi.name == "Carina_c40").expect("the carina");
    let (k, contours) = roi.slices.iter().next().expect("one slice");
    let points: Vec<[f64; 2]> = contours.rings.iter().flat_map(|ring| ring.points().to_vec()).collect();
    let n = points.len() as f64;
    let middle = points.iter().fold([0.0, 0.0], |sum, p| [sum[0] + p[0] / n, sum[1] + p[1] / n]);
    let truth = ct.volume.grid.patient_from_plane(middle, ct.volume.grid.position_mm(*k));
    let anatomy = find_anatomy(&ct.volume, &Silent).expect("a chest");
    let carina = anatomy.landmarks.get(LandmarkId::Carina).expect("a carina").position;
    assert!(carina.distance(truth) < 5.0, "found {carina:.1}, drawn {truth:.1}");
}

#[test]
fn the_trachea_of_a_patient_is_that_of_another_program() {
    let Some(folder) = test_data("lidc0001-organs") else { return };
    let ct = read_ct(&folder.join("cxr.nii.gz")).expect("loads").volume;
    let found = find_anatomy(&ct, &Silent).expect("a chest");
    // Labels of TotalSegmentator, by structures.csv.
    let labels = read_labels(&folder.join("mask.nii.gz")).expect("loads").onto_grid(&ct.grid).expect("fits");
    let labels = labels.volume.masks();
    let truth = &labels[&16];
    // One voxel of wall around the lumen, on the slices of the label.
    let columns = ct.grid.columns();
    let mut walled = Mask::default();
    for (k, lumen) in found.central_airway.slices.iter().filter(|(k, _)| truth.slices.contains_key(k)) {
        let mut slice = SliceMask::with_rows(columns, 0, ct.grid.rows());
        for (j, i) in lumen.voxels() {
            for (y, x) in [(j, i), (j - 1, i), (j + 1, i), (j, i - 1), (j, i + 1)] {
                slice.set(y, x);
            }
        }
        walled.slices.insert(*k, Arc::new(slice));
    }
    let dsc = dice(truth, &walled);
    assert!(dsc >= 0.90, "{dsc:.4}");
    // Lungs: five lobes of the same program, vessels and all.
    let together = |lobes: &[u16]| lobes.iter().fold(Mask::default(), |all, lobe| all.union(&labels[lobe]));
    let (right, left) = (together(&[12, 13, 14]), together(&[10, 11]));
    assert!(dice(&right, &found.lung_right) > 0.95);
    assert!(dice(&left, &found.lung_left) > 0.95);
}

#[test]
fn a_diagnostic_chest_of_five_millimetres_shows_its_carina() {
    let Some(ct) = dicom_ct("lungdx-a0001/ct") else { return };
    let found = find_anatomy(&ct, &Silent).expect("a chest");
    let carina = found.landmarks.get(LandmarkId::Carina).expect("a carina").position;
    // Read off the slices: one lumen at -244, two at -249.
    assert!((-251.0..-241.0).contains(&carina.z) && (carina.x + 10.0).abs() < 5.0, "{carina:.1}");
    let litres = |mask: &Mask| mask.volume_cm3(&ct.grid) / 1000.0;
    assert!((2.4..3.3).contains(&litres(&found.lung_right)) && (1.7..2.6).contains(&litres(&found.lung_left)));
    assert!((0.02..0.06).contains(&litres(&found.airway)), "the airway leaks: {:.3} l", litres(&found.airway));
    // The chest wall is a few millimetres thin at -374; the lungs go on below it, down to -429.
    let [first, last] = found.body.bounds().expect("a body").map(|[k, ..]| k);
    let areas: Vec<f64> = (first..=last).map(|k| found.body.slices[&k].count() as f64).collect();
    assert!(areas.windows(2).all(|two| (two[1] / two[0] - 1.0).abs() < 0.15), "{areas:?}");
    let diaphragm = found.landmarks.z(LandmarkId::Diaphragm).expect("a base");
    assert!((diaphragm + 419.0).abs() < 6.0, "{diaphragm:.0}");
}

#[test]
fn real_scans_that_show_no_chest_are_refused() {
    for (folder, is_right) in [
        ("sts012-ct/ct", (|e| matches!(e, AnatomyError::NoLungs { .. })) as fn(&AnatomyError) -> bool),
        ("ibsi2-orientation/dicom", |e| matches!(e, AnatomyError::NoLungs { .. })),
        ("rtutils-phantom/sample", |e| matches!(e, AnatomyError::TooLow { slices: 5, .. })),
        ("dicompyler-breast/ct.0.dcm", |e| matches!(e, AnatomyError::TooLow { slices: 1, .. })),
    ] {
        let Some(ct) = dicom_ct(folder) else { continue };
        let error = find_anatomy(&ct, &Silent).expect_err("no chest");
        assert!(is_right(&error), "{folder}: {error}");
    }
}

/// What somebody read off the slices of a public scan.
fn read_off(case: &str) -> serde_json::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/read_landmarks.json");
    let all: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).expect("there")).expect("JSON");
    all[case].clone()
}

fn numbers(row: &serde_json::Value) -> Vec<f64> {
    row.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

#[test]
fn landmarks_of_real_scans_lie_where_somebody_read_them_off() {
    for case in ["4dlung-113", "lungdx-a0001"] {
        let Some(ct) = dicom_ct(&format!("{case}/ct")) else { continue };
        let sources = case_sources(&ct, [], &Silent).expect("a chest");
        let read = read_off(case);
        for (id, found) in sources.landmarks.iter().filter(|(_, l)| l.source == LandmarkSource::Found) {
            let truth = &read["landmarks"][id.key()];
            let at = numbers(&truth["at"]);
            let off = found.position.z - at[2];
            println!("{case} {}: {off:.1} mm, read within {}", id.key(), truth["doubt_mm"]);
            // Of lobar bronchi the program takes the first section that is theirs alone, below the middle of the opening.
            let bronchus = id.is_point() && id != LandmarkId::Carina;
            let limit = if bronchus { 12.0 } else { 4.0 + truth["doubt_mm"].as_f64().expect("a number") };
            assert!(off.abs() < limit, "{case} {}: {off:.1} mm", id.key());
        }
    }
}

/// How far the middle of the esophagus is off on each slice, mm; infinite where it was not found.
fn esophagus_off(ct: &CtVolume, truth: &[[f64; 3]]) -> Vec<f64> {
    let sources = case_sources(ct, [], &Silent).expect("a chest");
    let found = sources.organ(Organ::Esophagus).expect("an esophagus");
    let off = |[z, x, y]: &[f64; 3]| {
        let middle = (0..ct.grid.slices()).find_map(|k| {
            let at = |j: usize, i: usize| ct.grid.patient_from_voxel(k, j as f64, i as f64);
            let slice = found.slices.get(&k).filter(|_| (at(0, 0).z - z).abs() < 2.6)?;
            let n = slice.count() as f64;
            Some(slice.voxels().map(|(j, i)| at(j, i) / n).sum::<DVec3>())
        });
        middle.map_or(f64::INFINITY, |p| (p.x - x).hypot(p.y - y))
    };
    truth.iter().map(off).collect()
}

#[test]
fn the_esophagus_of_real_scans_is_where_it_was_read_and_where_another_program_has_it() {
    for case in ["4dlung-113", "lungdx-a0001"] {
        let Some(ct) = dicom_ct(&format!("{case}/ct")) else { continue };
        let read = read_off(case);
        let rows = read["esophagus"].as_array().expect("a list").iter().map(numbers);
        // Looked for from 90 mm above the carina down.
        let carina = numbers(&read["landmarks"]["z_car"]["at"])[2];
        let truth: Vec<[f64; 3]> = rows.map(|r| [r[0], r[1], r[2]]).filter(|r| r[0] < carina + 85.0).collect();
        let off = esophagus_off(&ct, &truth);
        let mean = off.iter().sum::<f64>() / off.len() as f64;
        println!("{case}: {mean:.1} mm, {off:.0?}");
        assert!(mean < 5.0 && off.iter().all(|mm| *mm < 12.0), "{case}: {mean:.1} mm, {off:.1?}");
    }
    let Some(folder) = test_data("lidc0001-organs") else { return };
    let ct = read_ct(&folder.join("cxr.nii.gz")).expect("loads").volume;
    let labels = read_labels(&folder.join("mask.nii.gz")).expect("loads").onto_grid(&ct.grid).expect("fits");
    let drawn = &labels.volume.masks()[&15];
    // Down to where it turns toward the stomach.
    let middle = |(k, slice): (&usize, &Arc<SliceMask>)| {
        let n = slice.count() as f64;
        let at = slice.voxels().map(|(j, i)| ct.grid.patient_from_voxel(*k, j as f64, i as f64) / n).sum::<DVec3>();
        (at.z > -215.0 && at.z < -32.0).then_some([at.z, at.x, at.y])
    };
    let truth: Vec<[f64; 3]> = drawn.slices.iter().filter_map(middle).collect();
    let mut off = esophagus_off(&ct, &truth);
    off.sort_by(f64::total_cmp);
    let (median, most) = (off[off.len() / 2], off[off.len() * 9 / 10]);
    println!("lidc0001: {median:.1} mm, nine of ten {most:.1}");
    assert!(median < 4.0 && most < 9.0, "{median:.1} mm, {most:.1} mm");
}
