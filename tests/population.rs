//! Promises about the population of synthetic patients.

use hilum::anatomy::{LandmarkId, Organ};
use hilum::contour::Mask;
use hilum::phantom::{Arch, Arms, Patient, Phantom, PhantomConfig, Phase, Traits, generate};
use hilum::progress::Silent;
use hilum::structures::Station;
use std::sync::LazyLock;

/// A coarse case of the population: 84 x 84 at 4.6 mm, slices 6 mm apart.
fn coarse(seed: u64) -> Phantom {
    generate(&PhantomConfig::varied(seed, [84, 84, 46], [4.6, 4.6, 6.0]), &Silent).expect("not cancelled")
}

static TWELVE: LazyLock<Vec<Phantom>> = LazyLock::new(|| (0..12).map(coarse).collect());
static TRAITS: LazyLock<Vec<Traits>> = LazyLock::new(|| (0..400).map(|s| Patient::population(s).traits).collect());

fn first(holds: impl Fn(&Traits) -> bool) -> u64 {
    TRAITS.iter().position(holds).expect("one of 400 patients has it") as u64
}

/// Voxels of a mask of a phantom that pass a test of their CT number.
fn count_hu(phantom: &Phantom, mask: &Mask, holds: impl Fn(i16) -> bool) -> usize {
    let voxels = mask.slices.iter().flat_map(|(&k, slice)| slice.voxels().map(move |(j, i)| [k, j, i]));
    voxels.filter(|at| holds(phantom.volume.hu[*at])).count()
}

#[test]
fn every_trait_has_about_its_frequency() {
    let share =
        |holds: &dyn Fn(&Traits) -> bool| TRAITS.iter().filter(|t| holds(t)).count() as f64 / TRAITS.len() as f64;
    type Trait<'a> = (&'a str, &'a dyn Fn(&Traits) -> bool, f64, f64);
    let all: [Trait; 14] = [
        ("bovine trunk", &|t| t.arch == Arch::Bovine, 0.10, 0.20),
        ("aberrant subclavian", &|t| t.arch == Arch::AberrantSubclavian, 0.001, 0.03),
        ("plain", &|t| t.phase == Phase::Plain, 0.26, 0.42),
        ("early", &|t| t.phase == Phase::Early, 0.14, 0.27),
        ("arms down", &|t| t.arms == Arms::Down, 0.15, 0.30),
        ("effusion", &|t| t.effusion_mm != [0.0; 2], 0.11, 0.24),
        ("collapse", &|t| t.collapse.is_some(), 0.05, 0.14),
        ("pacemaker", &|t| t.pacemaker.is_some(), 0.02, 0.09),
        ("port", &|t| t.port, 0.09, 0.21),
        ("no tumor", &|t| t.primary.is_none(), 0.03, 0.12),
        ("tumor over 8 cm", &|t| t.primary.is_some_and(|p| p.diameter_mm > 80.0), 0.13, 0.33),
        ("tumor under 3 cm", &|t| t.primary.is_some_and(|p| p.diameter_mm < 30.0), 0.3, 0.55),
        ("small field of view", &|t| t.scan.field_mm < 420.0, 0.17, 0.33),
        ("emphysema", &|t| t.emphysema > 0.0, 0.27, 0.43),
    ];
    for (name, holds, least, most) in all {
        let found = share(holds);
        assert!((least..=most).contains(&found), "{name}: {found}");
    }
    for t in TRAITS.iter() {
        assert!((5.0..=45.0).contains(&t.scan.noise_hu) && t.scan.offset_hu.abs() <= 10.0);
        assert!(t.primary.is_none_or(|p| (10.0..=150.0).contains(&p.diameter_mm)));
        assert!((5.0..=10.0).contains(&t.observer.margin_mm) && t.shift_mm.abs() < 25.0);
    }
}

#[test]
fn the_same_seed_of_the_population_is_the_same_case_and_not_that_of_the_reference() {
    assert_eq!(coarse(3).volume.hu, TWELVE[3].volume.hu);
    assert_eq!(coarse(3).structures, TWELVE[3].structures);
    let config = PhantomConfig::new(3, [84, 84, 46], [4.6, 4.6, 6.0]);
    assert_eq!(config.patient().traits, Traits::default());
    let reference = generate(&config, &Silent).expect("not cancelled");
    assert_ne!(reference.volume.hu, TWELVE[3].volume.hu);
}

#[test]
fn population_grids_have_slices_of_one_and_a_half_to_six_millimeters() {
    for seed in 0..200 {
        let config = PhantomConfig::population(seed);
        let [_, _, slices] = config.size_ijk;
        let gap = config.spacing_mm[2];
        assert!((1.5..=6.0).contains(&gap) && (225.0..305.0).contains(&(gap * slices as f64)), "{seed}: {config:?}");
    }
}

#[test]
fn organs_lie_within_the_body_and_have_plausible_sizes() {
    for phantom in TWELVE.iter() {
        let grid = &phantom.volume.grid;
        let body = &phantom.organs[&Organ::Body];
        for (organ, mask) in &phantom.organs {
            let outside = mask.difference(body).count() as f64 / mask.count() as f64;
            assert!(outside < 0.01, "{organ:?}, seed {}: {outside}", phantom.seed);
        }
        let volume = |organ: Organ| phantom.organs.get(&organ).map_or(0.0, |m| m.volume_cm3(grid));
        let lungs = volume(Organ::LungRight) + volume(Organ::LungLeft);
        assert!((1200.0..8500.0).contains(&lungs), "lungs {lungs} cm3, seed {}", phantom.seed);
        assert!((120.0..1300.0).contains(&volume(Organ::Heart)), "heart {} cm3", volume(Organ::Heart));
        assert!((70.0..480.0).contains(&volume(Organ::Aorta)), "aorta {} cm3", volume(Organ::Aorta));
    }
    // They differ as people do.
    let lungs = |p: &Phantom| p.organs[&Organ::LungRight].volume_cm3(&p.volume.grid);
    let least = TWELVE.iter().map(lungs).fold(f64::INFINITY, f64::min);
    let most = TWELVE.iter().map(lungs).fold(0.0, f64::max);
    assert!(most > 1.4 * least, "right lungs of {least} to {most} cm3");
}

#[test]
fn stations_of_the_population_keep_the_rules() {
    let mut empty = 0;
    for phantom in TWELVE.iter() {
        let grid = &phantom.volume.grid;
        let mut taken = Mask::default();
        for station in Station::all() {
            let mask = &phantom.station_masks[station.index()];
            empty += usize::from(mask.is_empty());
            assert!(taken.intersection(mask).is_empty(), "{station} overlaps another, seed {}", phantom.seed);
            taken = taken.union(mask);
            let band = phantom.stations.bands[station.index()];
            if let Some([low, high]) = mask.bounds() {
                let (low, high) = (grid.position_mm(low[0]), grid.position_mm(high[0]));
                assert!(low >= band.inferior_mm && high <= band.superior_mm, "{station}, seed {}", phantom.seed);
            }
        }
        assert!(taken.difference(&phantom.organs[&Organ::Body]).is_empty());
        let free = [
            Organ::LungRight,
            Organ::LungLeft,
            Organ::Airway,
            Organ::Aorta,
            Organ::PulmonaryArtery,
            Organ::SuperiorVenaCava,
            Organ::Esophagus,
            Organ::Vertebrae,
            Organ::Heart,
        ];
        for organ in free {
            assert!(taken.intersection(&phantom.organs[&organ]).is_empty(), "{organ:?}, seed {}", phantom.seed);
        }
        let total = taken.volume_cm3(grid);
        assert!((150.0..900.0).contains(&total), "stations {total} cm3, seed {}", phantom.seed);
    }
    assert!(empty <= 4, "{empty} stations of twelve patients are empty");
}

#[test]
fn the_ctv_of_every_observer_holds_the_gtv() {
    for phantom in TWELVE.iter() {
        let gtv = phantom.gtvp.union(&phantom.gtvn);
        assert!(gtv.difference(&phantom.ctv).is_empty(), "seed {}", phantom.seed);
        for organ in [Organ::Vertebrae, Organ::Sternum, Organ::Airway, Organ::Aorta] {
            assert!(phantom.ctv.intersection(&phantom.organs[&organ]).is_empty(), "{organ:?}, seed {}", phantom.seed);
        }
    }
}

#[test]
fn arms_that_are_down_lie_beside_the_body() {
    let width = |arms: Arms| {
        let seed = first(|t| t.arms == arms && t.scan.field_mm > 500.0);
        let config = PhantomConfig::varied(seed, [110, 84, 40], [5.5, 5.5, 7.0]);
        let phantom = generate(&config, &Silent).expect("not cancelled");
        let carina = phantom.landmarks.get(LandmarkId::Carina).expect("a carina").position;
        let k = phantom.volume.grid.nearest_slice(carina.z - 40.0);
        let slice = &phantom.organs[&Organ::Body].slices[&k];
        let columns: std::collections::BTreeSet<usize> = slice.voxels().map(|(_, i)| i).collect();
        columns.len() as f64 * 5.5
    };
    let (up, down) = (width(Arms::Up), width(Arms::Down));
    assert!(down > up + 60.0, "{up} mm with the arms up, {down} mm with the arms down");
}

#[test]
fn fluid_collapse_metal_and_dense_veins_show_in_the_picture() {
    let effused = coarse(first(|t| t.effusion_mm[0] > 30.0));
    let lung = |p: &Phantom, o: Organ| p.organs[&o].volume_cm3(&p.volume.grid);
    assert!(
        lung(&effused, Organ::LungRight) < 1.1 * lung(&effused, Organ::LungLeft),
        "fluid takes room from the right lung"
    );
    let metal = coarse(first(|t| t.pacemaker.is_some() && t.scan.field_mm > 450.0));
    let above = |p: &Phantom, hu: i16| p.volume.hu.iter().filter(|v| **v > hu).count();
    assert!(above(&metal, 2000) >= 8, "{} voxels of metal", above(&metal, 2000));
    let early = coarse(first(|t| t.phase == Phase::Early && t.scan.vein_streaks > 0.8 && t.pacemaker.is_none()));
    let cava = &early.organs[&Organ::SuperiorVenaCava];
    assert!(count_hu(&early, cava, |hu| hu > 200) * 2 > count_hu(&early, cava, |_| true));
    let plain = coarse(first(|t| t.phase == Phase::Plain && !t.port));
    let cava = &plain.organs[&Organ::SuperiorVenaCava];
    assert!(count_hu(&plain, cava, |hu| hu > 200) * 10 < count_hu(&plain, cava, |_| true));
}
