//! Promises about the border check: what is cut off, prolonged, moved or left out of stations drawn by the rules is told
//! with its border and its mm, and small scatter is not.

use hilum::anatomy::{
    AnatomySources, Finding, FindingKind, LandmarkId, LandmarkSource, Organ, RuleMap, RuleSet, check_overlaps,
    check_station, check_stations, draw_rule_map, draw_stations,
};
use hilum::contour::{Mask, SliceMask, expand};
use hilum::phantom::{PhantomConfig, generate};
use hilum::progress::Silent;
use hilum::structures::Station;
use std::sync::{Arc, LazyLock};

struct Scan {
    sources: AnatomySources,
    map: RuleMap,
}

/// Patients at 2 x 2 x 3 mm; the landmark of the azygos stands where a user put it.
static SCANS: LazyLock<Vec<Scan>> = LazyLock::new(|| {
    (40..42)
        .map(|seed| {
            let phantom = generate(&PhantomConfig::new(seed, [176, 176, 90], [2.0, 2.0, 3.0]), &Silent).expect("made");
            let mut landmarks = phantom.landmarks.clone();
            let azygos = landmarks.get(LandmarkId::AzygosLower).expect("known").position;
            landmarks.set(LandmarkId::AzygosLower, azygos, LandmarkSource::User);
            let lungs = [Organ::LungRight, Organ::LungLeft].map(|o| (*phantom.organs[&o]).clone());
            let lesion = phantom.gtvp.difference(&lungs[0]).difference(&lungs[1]);
            let sources = AnatomySources {
                grid: phantom.volume.grid.clone(),
                organs: phantom.organs.clone(),
                lung_lesions: Some(Arc::new(lesion)),
                landmarks,
                vessels_by_numbers: false,
                rules: RuleSet::iaslc_2009(),
            };
            let map = draw_rule_map(&sources).expect("drawn");
            Scan { sources, map }
        })
        .collect()
});

fn one() -> &'static Scan {
    &SCANS[0]
}

fn of(scan: &Scan, station: Station) -> Mask {
    scan.map.stations.masks[station.index()].clone()
}

fn check(scan: &Scan, station: Station, mask: &Mask) -> Vec<Finding> {
    check_station(&scan.map, &scan.sources.grid, station, mask)
}

/// Moved by whole voxels.
fn moved(mask: &Mask, [dj, di]: [isize; 2]) -> Mask {
    let mut out = Mask::default();
    for (&k, slice) in &mask.slices {
        let rows = slice.row_range();
        let first = rows.start.saturating_add_signed(dj);
        let mut other = SliceMask::with_rows(slice.columns(), first, rows.len());
        for (j, i) in slice.voxels() {
            other.set(j.saturating_add_signed(dj), i.saturating_add_signed(di));
        }
        out.slices.insert(k, Arc::new(other));
    }
    out
}

#[test]
fn stations_by_the_rules_have_nothing_to_tell_and_an_edge_map_changes_no_station() {
    for scan in SCANS.iter() {
        let found = check_stations(&scan.map, &scan.sources, &scan.map.stations.masks);
        assert!(found.is_empty(), "{found:#?}");
        assert_eq!(draw_stations(&scan.sources).expect("drawn").masks, scan.map.stations.masks);
        // Every edge lies beside a voxel of its station.
        let edges: usize = scan.map.edges.iter().flatten().map(Vec::len).sum();
        assert!(edges > 10_000, "{edges}");
    }
}

#[test]
fn slices_cut_off_or_added_at_a_limit_are_told_with_mm_slices_landmark_and_source() {
    let scan = one();
    let grid = &scan.sources.grid;
    let rules = of(scan, Station::S4R);
    let lowest = *rules.slices.keys().next().expect("drawn");
    let mut short = rules.clone();
    (lowest..lowest + 3).for_each(|k| drop(short.slices.remove(&k)));
    let found = check(scan, Station::S4R, &short);
    let inferior = found.iter().find(|f| f.kind == FindingKind::Inferior).expect("told");
    assert!((inferior.amount + 9.0).abs() < 1e-6, "three slices of 3 mm: {inferior:?}");
    assert_eq!(inferior.slices, [lowest, lowest + 1, lowest + 2]);
    assert_eq!(inferior.landmark, Some((LandmarkId::AzygosLower, LandmarkSource::User)));
    let mut long = rules.clone();
    (1..=3).for_each(|n| drop(long.slices.insert(lowest - n, rules.slices[&lowest].clone())));
    let found = check(scan, Station::S4R, &long);
    let inferior = found.iter().find(|f| f.kind == FindingKind::Inferior).expect("told");
    let limit = scan.map.stations.bands[Station::S4R.index()].inferior_mm;
    let reach = limit - grid.position_mm(lowest - 3);
    assert!((inferior.amount - reach).abs() < 1e-6 && reach > 6.0, "{inferior:?}, {reach}");
    assert_eq!(grid.containing_voxel(inferior.at).map(|v| v[0]), Some(lowest - 3));
    let words = inferior.words("IASLC 2009");
    assert!(
        words.contains("4R reaches")
            && words.contains("lower border of the azygos arch")
            && words.ends_with("placed by the user"),
        "{words}"
    );
    assert!(!words.contains("wrong"));
    // A station left out altogether.
    let found = check(scan, Station::S4R, &Mask::default());
    assert!(matches!(found[..], [Finding { kind: FindingKind::Absent, .. }]), "{found:?}");
    // A slice forgotten in the middle.
    let middle = *rules.slices.keys().nth(rules.slices.len() / 2).expect("drawn");
    let mut holed = rules;
    holed.slices.remove(&middle);
    let found = check(scan, Station::S4R, &holed);
    assert_eq!(
        found.iter().map(|f| (f.kind, f.slices.clone())).collect::<Vec<_>>(),
        [(FindingKind::Missing, vec![middle])]
    );
}

#[test]
fn a_station_moved_sideways_is_beyond_one_border_and_short_of_none_that_it_crosses() {
    for scan in SCANS.iter() {
        // Five columns of 2 mm to the left of the patient.
        let shifted = moved(&of(scan, Station::S4R), [0, 5]);
        let found = check(scan, Station::S4R, &shifted);
        let left = "not left of the left tracheal border";
        let borders = hilum::anatomy::borders(Station::S4R);
        let beyond = found
            .iter()
            .find(|f| {
                matches!(f.kind, FindingKind::Border(n) if borders[usize::from(n)].text == left) && f.amount > 0.0
            })
            .unwrap_or_else(|| panic!("{found:#?}"));
        assert!((beyond.amount - 10.0).abs() <= 2.1, "{beyond:?}");
        assert!(beyond.slices.len() >= 4);
    }
}

#[test]
fn organs_overlaps_and_gaps_are_told_by_their_volume() {
    let scan = one();
    let grid = &scan.sources.grid;
    let mut masks = scan.map.stations.masks.clone();
    let (a, b) = (Station::S4R.index(), Station::S4L.index());
    let cava = &scan.sources.organs[&Organ::SuperiorVenaCava];
    let within: Mask = {
        let mut some = Mask::default();
        for (k, slice) in cava.slices.iter().filter(|(k, _)| masks[a].slices.contains_key(k)) {
            some.slices.insert(*k, slice.clone());
        }
        some
    };
    masks[a] = masks[a].union(&within);
    let found = check_overlaps(&scan.map, &scan.sources, &masks);
    let organ = found.iter().find(|f| f.kind == FindingKind::Organ(Organ::SuperiorVenaCava)).expect("told");
    assert!((organ.amount - within.volume_cm3(grid)).abs() < 1e-9);
    assert!(within.get_at(grid, organ.at));
    // 4L grown over 4R.
    let mut masks = scan.map.stations.masks.clone();
    masks[b] = expand(&masks[b], grid, 5.0);
    let found = check_overlaps(&scan.map, &scan.sources, &masks);
    let overlap = found.iter().find(|f| f.kind == FindingKind::Overlap(Station::S4L) && f.station == Station::S4R);
    let expected = masks[a].intersection(&masks[b]).volume_cm3(grid);
    assert!(overlap.is_some_and(|f| (f.amount - expected).abs() < 1e-9), "{found:#?}");
    // A strip taken from 4R where it meets 4L.
    let mut masks = scan.map.stations.masks.clone();
    let strip = masks[a].intersection(&expand(&masks[b], grid, 5.0));
    assert!(strip.volume_cm3(grid) > 0.3, "the stations touch");
    masks[a] = masks[a].difference(&strip);
    let found = check_overlaps(&scan.map, &scan.sources, &masks);
    let gap: f64 = found
        .iter()
        .filter(|f| f.kind == FindingKind::Gap(Station::S4L) && f.station == Station::S4R)
        .map(|f| f.amount)
        .sum();
    assert!(gap > 0.5 * strip.volume_cm3(grid) && gap <= strip.volume_cm3(grid) + 1e-9, "{gap}: {found:#?}");
}

trait At {
    fn get_at(&self, grid: &hilum::geometry::VoxelGrid, p: hilum::geometry::PatientPoint) -> bool;
}

impl At for Mask {
    fn get_at(&self, grid: &hilum::geometry::VoxelGrid, p: hilum::geometry::PatientPoint) -> bool {
        grid.containing_voxel(p).is_some_and(|[k, j, i]| self.get(k, j, i))
    }
}

/// Contours that scatter by less than 2 mm: whole voxels of 2 mm are the least that a mask of this grid can move by.
#[test]
fn scatter_below_two_millimetres_raises_hardly_any_finding() {
    let (mut checks, mut told) = (0, Vec::new());
    for scan in SCANS.iter() {
        let grid = &scan.sources.grid;
        for station in Station::all() {
            let rules = of(scan, station);
            if rules.is_empty() {
                continue;
            }
            let tissue = |mask: Mask| mask.difference(&scan.sources.organs[&Organ::Airway]);
            for mask in [
                tissue(expand(&rules, grid, 1.9)),
                expand(&rules, grid, -1.9),
                moved(&rules, [0, 1]),
                moved(&rules, [0, -1]),
                moved(&rules, [1, 0]),
                moved(&rules, [-1, 0]),
            ] {
                checks += 1;
                let found = check(scan, station, &mask);
                told.extend(found.into_iter().map(|f| f.words("rules")));
            }
        }
    }
    assert!(checks > 160, "{checks}");
    // Slivers at the ends of the hilar stations are what remains.
    assert!(told.len() * 12 <= checks, "{} of {checks}: {told:#?}", told.len());
}
