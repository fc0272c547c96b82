//! Promises about the synthetic thorax and the station rules that run on it.

use hilum::anatomy::{
    AnatomySources, LandmarkId, LandmarkSource, Landmarks, Organ, Quality, RuleSet, StationError, draw_stations,
    find_landmarks,
};
use hilum::contour::{Mask, rasterize};
use hilum::geometry::VoxelGrid;
use hilum::phantom::{Phantom, PhantomConfig, PhantomError, generate, try_generate};
use hilum::progress::{Cancelled, Progress, Silent};
use hilum::structures::{Role, Station};
use std::sync::{Arc, LazyLock};

/// A coarse case: 112 x 112 at 3.2 mm, slices 4 mm apart.
fn coarse(seed: u64) -> Phantom {
    generate(&PhantomConfig::new(seed, [112, 112, 68], [3.2, 3.2, 4.0]), &Silent).expect("not cancelled")
}

static TEN: LazyLock<Vec<Phantom>> = LazyLock::new(|| (0..10).map(coarse).collect());

fn sources(phantom: &Phantom) -> AnatomySources {
    let lungs = [Organ::LungRight, Organ::LungLeft].map(|o| (*phantom.organs[&o]).clone());
    // Tumor outside every other organ and beside the lung is a lesion of the lung.
    let lesion = phantom.gtvp.difference(&lungs[0]).difference(&lungs[1]);
    AnatomySources {
        grid: phantom.volume.grid.clone(),
        organs: phantom.organs.clone(),
        lung_lesions: Some(Arc::new(lesion)),
        landmarks: phantom.landmarks.clone(),
        vessels_by_numbers: false,
        rules: RuleSet::iaslc_2009(),
    }
}

/// Mean CT number within a mask.
fn mean_hu(phantom: &Phantom, mask: &Mask) -> f64 {
    let mut sum = 0.0;
    for (&k, slice) in &mask.slices {
        sum += slice.voxels().map(|(j, i)| f64::from(phantom.volume.hu[[k, j, i]])).sum::<f64>();
    }
    sum / mask.count() as f64
}

fn z_of(grid: &VoxelGrid, mask: &Mask) -> Option<(f64, f64)> {
    let [low, high] = mask.bounds()?;
    Some((grid.position_mm(low[0]), grid.position_mm(high[0])))
}

#[test]
fn every_station_is_drawn_in_nine_of_ten_patients() {
    for station in Station::all() {
        let drawn = TEN.iter().filter(|p| !p.station_masks[station.index()].is_empty()).count();
        assert!(drawn >= 9, "station {station} is drawn in {drawn} of 10 patients");
    }
}

#[test]
fn stations_are_disjoint_and_lie_in_soft_tissue_within_their_limits() {
    for phantom in TEN.iter() {
        let grid = &phantom.volume.grid;
        let mut taken = Mask::default();
        for station in Station::all() {
            let mask = &phantom.station_masks[station.index()];
            assert!(taken.intersection(mask).is_empty(), "{station} overlaps another, seed {}", phantom.seed);
            taken = taken.union(mask);
            let band = phantom.stations.bands[station.index()];
            if let Some((low, high)) = z_of(grid, mask) {
                assert!(low >= band.inferior_mm && high <= band.superior_mm, "{station}, seed {}", phantom.seed);
            }
        }
        assert!(taken.difference(&phantom.organs[&Organ::Body]).is_empty());
        for organ in [
            Organ::LungRight,
            Organ::LungLeft,
            Organ::Airway,
            Organ::Aorta,
            Organ::Esophagus,
            Organ::Vertebrae,
            Organ::Heart,
        ] {
            assert!(taken.intersection(&phantom.organs[&organ]).is_empty(), "{organ:?}, seed {}", phantom.seed);
        }
    }
}

#[test]
fn station_4r_ends_at_the_left_tracheal_border_and_4l_begins_there() {
    for phantom in TEN.iter() {
        let grid = &phantom.volume.grid;
        let carina = phantom.landmarks.z(LandmarkId::Carina).expect("a carina");
        for k in (0..grid.slices()).filter(|&k| grid.position_mm(k) > carina + 2.0) {
            let columns = |mask: &Mask| -> Vec<usize> {
                mask.slices.get(&k).map_or(Vec::new(), |s| s.voxels().map(|(_, i)| i).collect())
            };
            let Some(left) = columns(&phantom.organs[&Organ::Airway]).into_iter().max() else { continue };
            let of = |station: Station| columns(&phantom.station_masks[station.index()]);
            assert!(of(Station::S4R).into_iter().chain(of(Station::S2R)).all(|i| i <= left), "seed {}", phantom.seed);
            assert!(of(Station::S4L).into_iter().chain(of(Station::S2L)).all(|i| i > left), "seed {}", phantom.seed);
        }
    }
}

#[test]
fn moving_the_azygos_by_a_slice_changes_only_4r_10r_and_7() {
    for phantom in &TEN[..4] {
        let mut sources = sources(phantom);
        let before = draw_stations(&sources).expect("drawn");
        let azygos = *phantom.landmarks.get(LandmarkId::AzygosLower).expect("an azygos");
        let up = azygos.position + glam::DVec3::Z * 4.0;
        sources.landmarks.set(LandmarkId::AzygosLower, up, LandmarkSource::User);
        let after = draw_stations(&sources).expect("drawn");
        let mut changed = Vec::new();
        for station in Station::all() {
            if before.masks[station.index()] != after.masks[station.index()] {
                changed.push(station.label());
            }
        }
        assert!(changed.contains(&"4R") && changed.iter().all(|s| ["4R", "10R", "7"].contains(s)), "{changed:?}");
    }
}

#[test]
fn a_mirrored_patient_swaps_the_sides_of_station_1() {
    let phantom = &TEN[3];
    let grid = &phantom.volume.grid;
    let [_, _, columns] = grid.shape();
    let middle = phantom.landmarks.get(LandmarkId::Carina).expect("a carina").position.x;
    let mirror = |mask: &Mask| -> Mask {
        let mut dense = mask.to_dense(grid.shape());
        dense.invert_axis(ndarray::Axis(2));
        Mask::from_dense(&dense)
    };
    let center = grid.plane_from_index((columns - 1) as f64 / 2.0, 0.0)[0];
    let flip = |p: glam::DVec3| glam::DVec3::new(2.0 * center - p.x, p.y, p.z);
    let mut other = sources(phantom);
    for (organ, mask) in &mut other.organs {
        let _ = organ;
        *mask = Arc::new(mirror(mask));
    }
    // Right and left organs change their names with the sides.
    for (a, b) in [(Organ::LungRight, Organ::LungLeft), (Organ::ClavicleRight, Organ::ClavicleLeft)] {
        let (x, y) = (other.organs[&a].clone(), other.organs[&b].clone());
        other.organs.insert(a, y);
        other.organs.insert(b, x);
    }
    let mut landmarks = Landmarks::default();
    for (id, landmark) in phantom.landmarks.iter() {
        let swapped = match id {
            LandmarkId::ApexRight => LandmarkId::ApexLeft,
            LandmarkId::ApexLeft => LandmarkId::ApexRight,
            other => other,
        };
        landmarks.set(swapped, flip(landmark.position), landmark.source);
    }
    other.landmarks = landmarks;
    let drawn = draw_stations(&other).expect("drawn");
    let (right, left) = (&phantom.station_masks[0], &phantom.station_masks[1]);
    let overlap = |a: &Mask, b: &Mask| 2.0 * a.intersection(b).count() as f64 / (a.count() + b.count()) as f64;
    // The midline belongs to one side, so a column of voxels may change.
    assert!(overlap(&drawn.masks[0], &mirror(left)) > 0.93 && overlap(&drawn.masks[1], &mirror(right)) > 0.93);
    assert!(overlap(&drawn.masks[0], &mirror(right)) < 0.1);
    assert!(middle.is_finite());
}

#[test]
fn the_same_seed_is_the_same_case_and_the_same_patient_on_any_grid() {
    use sha2::Digest;
    let hash = |phantom: &Phantom| {
        let mut sha = sha2::Sha256::new();
        phantom.volume.hu.iter().for_each(|v| sha.update(v.to_le_bytes()));
        sha.update(serde_json::to_vec(&phantom.structures).expect("serializable"));
        sha.finalize()
    };
    let again = coarse(2);
    assert_eq!(hash(&again), hash(&TEN[2]));
    assert_ne!(hash(&TEN[1]), hash(&TEN[2]));
    let other = generate(&PhantomConfig::new(2, [90, 80, 45], [4.0, 4.4, 6.0]), &Silent).expect("not cancelled");
    assert_eq!(other.landmarks, TEN[2].landmarks);
    // The same organs: volumes agree although the grids do not.
    for organ in [Organ::LungRight, Organ::Aorta, Organ::Heart, Organ::Vertebrae] {
        let volume = |p: &Phantom| p.organs[&organ].volume_cm3(&p.volume.grid);
        let ratio = volume(&other) / volume(&TEN[2]);
        assert!((0.9..1.1).contains(&ratio), "{organ:?}: {ratio}");
    }
}

#[test]
fn tissues_have_their_ct_numbers() {
    for phantom in TEN.iter() {
        let mean = |organ: Organ| mean_hu(phantom, &phantom.organs[&organ]);
        for lung in [Organ::LungRight, Organ::LungLeft] {
            assert!((-900.0..-700.0).contains(&mean(lung)), "{lung:?} {}", mean(lung));
        }
        assert!(mean(Organ::Airway) < -800.0, "airway {}", mean(Organ::Airway));
        assert!((25.0..320.0).contains(&mean(Organ::Aorta)), "aorta {}", mean(Organ::Aorta));
        assert!(mean(Organ::Vertebrae) > 120.0 && mean(Organ::Sternum) > 120.0);
        assert!((0.0..80.0).contains(&mean(Organ::SpinalCanal)), "canal {}", mean(Organ::SpinalCanal));
        // A smaller tumor in the lung is mostly partial volume.
        if phantom.gtvp.volume_cm3(&phantom.volume.grid) > 3.0 {
            assert!(
                (-120.0..90.0).contains(&mean_hu(phantom, &phantom.gtvp)),
                "tumor {}",
                mean_hu(phantom, &phantom.gtvp)
            );
        }
        // The lumen of the trachea is air in its middle, on every slice above the carina.
        let grid = &phantom.volume.grid;
        let carina = phantom.landmarks.z(LandmarkId::Carina).expect("a carina");
        for (&k, slice) in &phantom.organs[&Organ::Airway].slices {
            if grid.position_mm(k) > carina + 5.0 {
                let n = slice.count() as f64;
                let (j, i) = slice.voxels().fold((0.0, 0.0), |(a, b), (j, i)| (a + j as f64 / n, b + i as f64 / n));
                assert!(phantom.volume.hu[[k, j.round() as usize, i.round() as usize]] < -900);
            }
        }
    }
}

#[test]
fn organs_have_the_size_of_an_adult() {
    for phantom in TEN.iter() {
        let volume = |organ: Organ| phantom.organs[&organ].volume_cm3(&phantom.volume.grid);
        let lungs = volume(Organ::LungRight) + volume(Organ::LungLeft);
        assert!((2500.0..6500.0).contains(&lungs), "lungs {lungs} cm3");
        assert!((250.0..1000.0).contains(&volume(Organ::Heart)), "heart {} cm3", volume(Organ::Heart));
        assert!((120.0..350.0).contains(&volume(Organ::Aorta)), "aorta {} cm3", volume(Organ::Aorta));
    }
}

#[test]
fn the_ctv_holds_the_gtv_and_avoids_bone_and_airway() {
    let mut sizes = Vec::new();
    for phantom in TEN.iter() {
        let gtv = phantom.gtvp.union(&phantom.gtvn);
        assert!(!phantom.gtvp.is_empty(), "seed {} has no tumor", phantom.seed);
        assert!(gtv.difference(&phantom.ctv).is_empty(), "seed {}", phantom.seed);
        for organ in [Organ::Vertebrae, Organ::Ribs, Organ::Sternum, Organ::Airway] {
            assert!(phantom.ctv.intersection(&phantom.organs[&organ]).is_empty(), "{organ:?}, seed {}", phantom.seed);
        }
        assert!(phantom.gtvp.intersection(&phantom.organs[&Organ::LungRight]).is_empty());
        assert!(phantom.ctv.count() > gtv.count());
        sizes.push(phantom.gtvp.volume_cm3(&phantom.volume.grid));
    }
    let largest = sizes.iter().copied().fold(0.0, f64::max);
    let smallest = sizes.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(smallest < 10.0 && largest > 20.0 && largest < 220.0, "{sizes:?}");
}

#[test]
fn involved_nodes_lie_in_their_stations() {
    let mut nodes = 0;
    for phantom in TEN.iter() {
        for station in &phantom.involved {
            nodes += 1;
            let inside = phantom.gtvn.intersection(&phantom.station_masks[station.index()]).count();
            assert!(inside > 0, "no node in station {station}, seed {}", phantom.seed);
        }
    }
    assert!(nodes >= 8, "only {nodes} involved stations in ten patients");
}

#[test]
fn found_landmarks_agree_with_the_known_ones() {
    for phantom in TEN.iter() {
        let found = find_landmarks(&sources(phantom));
        let spacing = phantom.volume.grid.median_spacing_mm();
        for id in [
            LandmarkId::Carina,
            LandmarkId::ManubriumTop,
            LandmarkId::ApexRight,
            LandmarkId::ApexLeft,
            LandmarkId::ArchLower,
            LandmarkId::LeftBrachiocephalicLower,
        ] {
            let (a, b) = (found.z(id).expect("found"), phantom.landmarks.z(id).expect("known"));
            assert!(
                (a - b).abs() <= 1.6 * spacing,
                "{}: found {a:.1}, known {b:.1}, seed {}",
                id.label(),
                phantom.seed
            );
        }
    }
}

#[test]
fn without_vessels_the_stations_are_marked_as_resting_on_the_airway() {
    let phantom = &TEN[0];
    assert_eq!(phantom.stations.quality, Quality::Organs);
    let mut few = sources(phantom);
    few.organs.retain(|organ, _| {
        matches!(
            organ,
            Organ::Body | Organ::LungLeft | Organ::LungRight | Organ::Airway | Organ::Vertebrae | Organ::Sternum
        )
    });
    let carina = *phantom.landmarks.get(LandmarkId::Carina).expect("a carina");
    few.landmarks = Landmarks::default();
    few.landmarks.set(LandmarkId::Carina, carina.position, LandmarkSource::Found);
    let drawn = draw_stations(&few).expect("drawn");
    assert_eq!(drawn.quality, Quality::AirwayOnly);
    assert!(drawn.bands[Station::S4R.index()].estimated);
    for station in [Station::S4R, Station::S7, Station::S2R, Station::S3A, Station::S10R, Station::S10L] {
        assert!(!drawn.masks[station.index()].is_empty(), "{station}");
    }
    few.landmarks = Landmarks::default();
    assert_eq!(draw_stations(&few).err(), Some(StationError::NoCarina));
    few.organs.remove(&Organ::Airway);
    assert_eq!(draw_stations(&few).err(), Some(StationError::MissingOrgan("airway")));
}

#[test]
fn rings_give_back_the_masks_voxel_for_voxel() {
    let phantom = &TEN[1];
    let grid = &phantom.volume.grid;
    for roi in &phantom.structures.rois {
        let mask = rasterize(grid, &roi.slices);
        let expected = match roi.role {
            Role::Gtvp => phantom.gtvp.clone(),
            Role::Gtvn => phantom.gtvn.clone(),
            Role::Ctv => phantom.ctv.clone(),
            Role::Station(s) => phantom.station_masks[s.index()].clone(),
            _ => {
                let (_, mask) = phantom.organs.iter().find(|(o, _)| o.export_name() == roi.name).expect("an organ");
                (**mask).clone()
            }
        };
        assert_eq!(mask.count(), expected.count(), "{}", roi.name);
        assert!(mask.difference(&expected).is_empty(), "{}", roi.name);
    }
    let names: std::collections::BTreeSet<&str> = phantom.structures.rois.iter().map(|roi| roi.name.as_str()).collect();
    assert_eq!(names.len(), phantom.structures.rois.len());
    for name in ["GTVp", "GTVn", "CTV", "Body", "Lung_R", "Airway", "A_Aorta", "Esophagus", "LN_IASLC_07"] {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn a_cancelled_phantom_is_not_made() {
    struct Stop;
    impl Progress for Stop {
        fn report(&self, _: &str, _: usize, _: usize) {}
        fn is_cancelled(&self) -> bool {
            true
        }
    }
    assert_eq!(generate(&PhantomConfig::training(1), &Stop).err(), Some(Cancelled));
}

#[test]
fn a_scan_that_is_too_short_for_a_chest_is_refused_with_the_reason() {
    for (size, spacing) in [([64, 64, 3], [5.5, 5.5, 3.0]), ([8, 8, 8], [1.0, 1.0, 1.0])] {
        match try_generate(&PhantomConfig::new(4, size, spacing), &Silent) {
            Err(error @ PhantomError::TooSmall(_)) => assert!(error.to_string().contains("too little"), "{error}"),
            other => panic!("{size:?}: {:?}", other.map(|p| p.seed)),
        }
    }
}

#[test]
fn a_patient_without_disease_has_empty_targets() {
    let config = PhantomConfig { disease: false, ..PhantomConfig::new(4, [64, 64, 30], [5.5, 5.5, 9.0]) };
    let phantom = generate(&config, &Silent).expect("not cancelled");
    assert!(phantom.gtvp.is_empty() && phantom.gtvn.is_empty() && phantom.ctv.is_empty());
    assert!(phantom.structures.by_name("CTV").is_some_and(|roi| roi.slices.is_empty()));
}

/// Pictures to look at: `HILUM_PICTURES=DIR [HILUM_SEEDS=0,1] cargo test --test promises phantom::pictures`;
/// without the variable nobody wants to look and nothing is drawn.
#[test]
fn pictures() {
    let Some(folder) = std::env::var_os("HILUM_PICTURES").map(std::path::PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).expect("folder made");
    let seeds = std::env::var("HILUM_SEEDS").unwrap_or_else(|_| "0".into());
    for seed in seeds.split(',').map(|s| s.parse::<u64>().expect("a seed")) {
        for (name, config) in [("demo", PhantomConfig::demo(seed)), ("training", PhantomConfig::training(seed))] {
            let start = std::time::Instant::now();
            let phantom = generate(&config, &Silent).expect("not cancelled");
            println!("{name} {seed}: {:.2} s, involved {:?}", start.elapsed().as_secs_f64(), phantom.involved);
            for (id, landmark) in phantom.landmarks.iter() {
                let carina = phantom.landmarks.get(LandmarkId::Carina).expect("a carina").position;
                let d = landmark.position - carina;
                println!("  {:8} {:7.1} {:7.1} {:7.1}", id.key(), d.x, d.y, d.z);
            }
            for station in Station::all() {
                print!("  {station} {:.1}", phantom.station_masks[station.index()].volume_cm3(&phantom.volume.grid));
            }
            println!();
            sheet::write(&phantom, &folder, &format!("{name}{seed}"));
        }
    }
}

/// Contact sheets of a phantom.
mod sheet {
    use super::*;
    use hilum::image::WindowLevel;
    use image::{Rgb, RgbImage};
    use std::path::Path;

    struct View<'a> {
        phantom: &'a Phantom,
        window: WindowLevel,
        overlay: bool,
        carina: [f64; 3],
    }

    impl View<'_> {
        fn color(&self, k: usize, j: usize, i: usize) -> Rgb<u8> {
            let grey = self.window.grey(f64::from(self.phantom.volume.hu[[k, j, i]])) * 255.0;
            let mut color = [grey; 3];
            if self.overlay {
                let edge = |mask: &Mask| {
                    mask.get(k, j, i)
                        && [(0i32, 1i32), (1, 0), (0, -1), (-1, 0)]
                            .iter()
                            .any(|(a, b)| !mask.get(k, (j as i32 + a).max(0) as usize, (i as i32 + b).max(0) as usize))
                };
                for roi in &self.phantom.structures.rois {
                    if let Role::Station(s) = roi.role
                        && self.phantom.station_masks[s.index()].get(k, j, i)
                    {
                        for c in 0..3 {
                            color[c] = 0.35 * color[c] + 0.65 * f64::from(roi.color[c]);
                        }
                    }
                }
                for (role, mask) in
                    [(Role::Ctv, &self.phantom.ctv), (Role::Gtvn, &self.phantom.gtvn), (Role::Gtvp, &self.phantom.gtvp)]
                {
                    if edge(mask) {
                        color = hilum::structures::role_color(role).map(f64::from);
                    }
                }
            }
            Rgb(color.map(|c| c.clamp(0.0, 255.0) as u8))
        }
    }

    pub fn write(phantom: &Phantom, folder: &Path, name: &str) {
        let grid = &phantom.volume.grid;
        let carina = phantom.landmarks.get(LandmarkId::Carina).expect("a carina").position;
        for (window_name, window, overlay) in [
            ("soft", WindowLevel::MEDIASTINUM, false),
            ("lung", WindowLevel::LUNG, false),
            ("stations", WindowLevel::MEDIASTINUM, true),
        ] {
            let view = View { phantom, window, overlay, carina: [carina.x, carina.y, carina.z] };
            axial(&view, grid).save(folder.join(format!("{name}-axial-{window_name}.png"))).expect("written");
            planes(&view, grid).save(folder.join(format!("{name}-planes-{window_name}.png"))).expect("written");
        }
    }

    /// Twelve axial slices by height over the carina; with stations, the mediastinum enlarged.
    fn axial(view: &View<'_>, grid: &VoxelGrid) -> RgbImage {
        let heights: [f64; 12] = [105.0, 82.0, 66.0, 54.0, 40.0, 27.0, 13.0, -3.0, -16.0, -34.0, -60.0, -100.0];
        let (columns, rows) = (grid.columns(), grid.rows());
        let (i0, i1, j0, j1, zoom) = if view.overlay {
            let at = grid.index_from_plane([view.carina[0], view.carina[1]]);
            let (w, h) = (85.0 / grid.spacing_i_mm(), 85.0 / grid.spacing_j_mm());
            let low = |x: f64| x.max(0.0) as usize;
            (
                low(at.x - w),
                (at.x + w) as usize,
                low(at.y - 1.1 * h),
                (at.y + 0.9 * h) as usize,
                (4.6 / 1.5 * grid.spacing_i_mm()).round() as u32,
            )
        } else {
            (0, columns, 0, rows, if columns > 200 { 2 } else { 3 })
        };
        let (i1, j1) = (i1.min(columns), j1.min(rows));
        let (w, h) = ((i1 - i0) as u32 * zoom, (j1 - j0) as u32 * zoom);
        let mut out = RgbImage::new(w * 4, h * 3);
        for (n, height) in heights.iter().enumerate() {
            let k = grid.nearest_slice(view.carina[2] + height);
            let (x0, y0) = ((n as u32 % 4) * w, (n as u32 / 4) * h);
            for y in 0..h {
                for x in 0..w {
                    let color = view.color(k, j0 + (y / zoom) as usize, i0 + (x / zoom) as usize);
                    out.put_pixel(x0 + x, y0 + y, color);
                }
            }
        }
        out
    }

    /// Three coronal and three sagittal planes in true proportion.
    fn planes(view: &View<'_>, grid: &VoxelGrid) -> RgbImage {
        let mm = 0.75;
        let [k_max, j_max, i_max] = grid.shape();
        let height = ((grid.position_mm(k_max - 1) - grid.position_mm(0)) / mm) as u32;
        let width = (i_max as f64 * grid.spacing_i_mm() / mm) as u32;
        let mut out = RgbImage::new(width * 3, height * 2);
        let index = |x: u32, spacing: f64, n: usize| ((f64::from(x) * mm / spacing) as usize).min(n - 1);
        for (n, offset) in [-32.0, 3.0, 30.0].iter().enumerate() {
            let j = grid.index_from_plane([0.0, view.carina[1] + offset]).y.round() as usize;
            for y in 0..height {
                let k = grid.nearest_slice(grid.position_mm(k_max - 1) - f64::from(y) * mm);
                for x in 0..width {
                    out.put_pixel(n as u32 * width + x, y, view.color(k, j, index(x, grid.spacing_i_mm(), i_max)));
                }
            }
        }
        for (n, offset) in [-22.0, 0.0, 24.0].iter().enumerate() {
            let i = grid.index_from_plane([view.carina[0] + offset, 0.0]).x.round() as usize;
            for y in 0..height {
                let k = grid.nearest_slice(grid.position_mm(k_max - 1) - f64::from(y) * mm);
                for x in 0..(j_max as f64 * grid.spacing_j_mm() / mm) as u32 {
                    if x < width {
                        out.put_pixel(
                            n as u32 * width + x,
                            height + y,
                            view.color(k, index(x, grid.spacing_j_mm(), j_max), i),
                        );
                    }
                }
            }
        }
        out
    }
}
