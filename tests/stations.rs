//! The stations on real CT: drawn by the rules where organs are labelled and where only the image is there, held against
//! what must hold of every station, and against nodes that a clinician contoured.

use crate::support::test_data;
use glam::DVec3;
use hilum::anatomy::{
    AnatomySources, LandmarkId, LandmarkSource, NodeCategory, Organ, Quality, RuleSet, Side, StationError, StationSet,
    case_sources, draw_rule_map, draw_stations, read_nodes, side_of_primary,
};
use hilum::contour::{Mask, rasterize};
use hilum::dicom::{load_ct, load_structure_set, scan};
use hilum::image::CtVolume;
use hilum::nifti::{read_ct, read_labels};
use hilum::phantom::{Phantom, PhantomConfig, generate};
use hilum::progress::Silent;
use hilum::structures::{Roi, Role, Station, propose_role};
use std::collections::BTreeMap;
use std::sync::LazyLock;

struct Case {
    ct: CtVolume,
    rois: Vec<Roi>,
    sources: AnatomySources,
    stations: StationSet,
}

fn case(ct: CtVolume, rois: Vec<Roi>, masks: &[(String, Role, Mask)]) -> Case {
    let structures = masks.iter().map(|(name, role, mask)| (name.as_str(), *role, mask));
    let sources = case_sources(&ct, structures, &Silent).expect("a chest");
    let stations = draw_stations(&sources).expect("body, lungs, airway and carina");
    Case { ct, rois, sources, stations }
}

/// A CT whose organs TotalSegmentator labelled.
static ORGANS: LazyLock<Option<Case>> = LazyLock::new(|| {
    let folder = test_data("lidc0001-organs")?;
    let ct = read_ct(&folder.join("cxr.nii.gz")).expect("loads").volume;
    let labels = read_labels(&folder.join("mask.nii.gz")).expect("loads").onto_grid(&ct.grid).expect("fits");
    let masks = labels.volume.masks();
    let table = std::fs::read_to_string(folder.join("structures.csv")).expect("the names of the labels");
    let named = table.lines().skip(1).filter_map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let mask = masks.get(&cells[3].trim().parse().ok()?)?;
        Some((cells[2].to_owned(), propose_role(cells[2], "").role, mask.clone()))
    });
    let named: Vec<_> = named.collect();
    Some(case(ct, Vec::new(), &named))
});

/// A diagnostic CT of 5 mm slices with a tumour beside the aorta, and nothing else.
static DIAGNOSTIC: LazyLock<Option<Case>> = LazyLock::new(|| {
    let found = scan(&[test_data("lungdx-a0001/ct")?], &Silent).expect("readable");
    let loaded = load_ct(found.series.first().expect("a CT"), &Silent, &mut |_| {}).expect("loads");
    Some(case(loaded.volume, Vec::new(), &[]))
});

/// A planning CT without contrast medium, with tumour and nodes by a clinician.
static PLANNING: LazyLock<Option<Case>> = LazyLock::new(|| {
    let found = scan(&[test_data("4dlung-113")?], &Silent).expect("readable");
    let ct = load_ct(&found.series[0], &Silent, &mut |_| {}).expect("loads");
    let file = &found.structure_sets.first().expect("a structure set").path;
    let set = load_structure_set(file, &ct.volume.grid, &ct.meta, 0).expect("loads");
    // As GTVp the tumour would be no part of a station, and it fills the left hilum: nothing of 11L would be left.
    let role = |name: &str| match name {
        "Tumor_c40" => Role::Other,
        "LN_c40" => Role::Gtvn,
        _ => propose_role(name, "").role,
    };
    let masks = set.rois.iter().map(|roi| (roi.name.clone(), role(&roi.name), rasterize(&ct.volume.grid, &roi.slices)));
    let masks: Vec<_> = masks.collect();
    Some(case(ct.volume, set.rois, &masks))
});

/// What must hold of the stations of every scan.
fn check(case: &Case, volumes_cm3: &[(&str, f64, f64)]) {
    let grid = &case.ct.grid;
    let z = |k: usize| grid.patient_from_voxel(k, 0.0, 0.0).z;
    let half = grid.median_spacing_mm() / 2.0 + 1e-6;
    let set = &case.stations;
    for station in Station::all() {
        let mask = &set.masks[station.index()];
        assert!(!mask.is_empty(), "{station} is not drawn");
        let band = &set.bands[station.index()];
        for k in mask.slices.keys() {
            let inside = z(*k) <= band.superior_mm + half && z(*k) >= band.inferior_mm - half;
            assert!(inside, "{station} at {} is outside {band:?}", z(*k));
        }
        for other in Station::all().filter(|o| o.index() > station.index()) {
            assert!(mask.intersection(&set.masks[other.index()]).is_empty(), "{station} and {other} overlap");
        }
        for (organ, of_organ) in &case.sources.organs {
            let esophagus_or = matches!(organ, Organ::Esophagus | Organ::Heart | Organ::Airway);
            let lung = matches!(organ, Organ::LungRight | Organ::LungLeft);
            if organ.is_vessel() || organ.is_bone() || esophagus_or || lung {
                let shared = mask.intersection(of_organ).count();
                assert_eq!(shared, 0, "{station} takes {shared} voxels of {}", organ.name());
            }
        }
        let air =
            mask.slices.iter().map(|(k, slice)| slice.voxels().filter(|&(j, i)| case.ct.hu[[*k, j, i]] < -300).count());
        assert_eq!(air.sum::<usize>(), 0, "{station} takes air");
        let cm3 = mask.volume_cm3(grid);
        let (_, least, most) =
            volumes_cm3.iter().find(|(label, ..)| *label == station.label()).expect("a range for every station");
        assert!((*least..*most).contains(&cm3), "{station} has {cm3:.1} cm3, expected {least} to {most}");
    }
    // Nothing of 4R left of the left tracheal border, above the carina.
    let carina = set.landmarks.z(LandmarkId::Carina).expect("found");
    let airway = &case.sources.organs[&Organ::Airway];
    for (k, slice) in &set.masks[Station::S4R.index()].slices {
        let Some(lumen) = airway.slices.get(k).filter(|_| z(*k) > carina + 10.0) else { continue };
        let x = |(j, i): (usize, usize)| grid.patient_from_voxel(*k, j as f64, i as f64).x;
        let middle = set.landmarks.get(LandmarkId::Carina).expect("found").position.x;
        let left = lumen.voxels().map(x).filter(|x| (x - middle).abs() < 25.0).fold(f64::MIN, f64::max);
        assert!(slice.voxels().map(x).all(|x| x <= left + 1e-6), "4R at {} lies left of {left:.1}", z(*k));
    }
    // The azygos moved by a slice moves 4R and 10R, and nothing else.
    let mut moved = case.sources.clone();
    let azygos = *set.landmarks.get(LandmarkId::AzygosLower).expect("completed");
    let step = DVec3::new(0.0, 0.0, grid.median_spacing_mm());
    moved.landmarks.set(LandmarkId::AzygosLower, azygos.position + step, LandmarkSource::User);
    let after = draw_stations(&moved).expect("drawn");
    for station in Station::all() {
        let same = set.masks[station.index()] == after.masks[station.index()];
        let hangs = matches!(station, Station::S4R | Station::S10R);
        assert_eq!(same, !hangs, "{station}");
    }
}

/// Volumes that a station may have, cm3: what an adult has room for, wide because the map says nothing about fat.
const WITH_ORGANS: [(&str, f64, f64); 16] = [
    ("1R", 5.0, 60.0),
    ("1L", 5.0, 60.0),
    ("2R", 2.0, 20.0),
    ("2L", 0.5, 15.0),
    ("3A", 10.0, 80.0),
    ("3P", 2.0, 25.0),
    ("4R", 2.0, 20.0),
    ("4L", 1.0, 12.0),
    ("5", 2.0, 20.0),
    ("6", 3.0, 25.0),
    ("7", 2.0, 25.0),
    ("8", 8.0, 50.0),
    ("10R", 2.0, 20.0),
    ("10L", 2.0, 20.0),
    ("11R", 1.0, 15.0),
    ("11L", 0.5, 12.0),
];

/// The same where the great vessels are told by their CT numbers: no esophagus, no azygos, no thin branch is
/// known. The manubrium of the planning chest stands as low as its arch, so that little is left of 2 beside the midline.
const BY_NUMBERS: [(&str, f64, f64); 16] = [
    ("1R", 5.0, 80.0),
    ("1L", 5.0, 80.0),
    ("2R", 0.5, 25.0),
    ("2L", 0.5, 25.0),
    ("3A", 10.0, 80.0),
    ("3P", 5.0, 70.0),
    ("4R", 5.0, 35.0),
    ("4L", 2.0, 25.0),
    ("5", 5.0, 50.0),
    ("6", 3.0, 30.0),
    ("7", 5.0, 50.0),
    ("8", 8.0, 60.0),
    ("10R", 5.0, 35.0),
    ("10L", 5.0, 35.0),
    ("11R", 1.0, 15.0),
    ("11L", 0.5, 15.0),
];

#[test]
fn a_labelled_chest_has_all_stations_beside_its_organs() {
    let Some(case) = &*ORGANS else { return };
    // Azygos and left pulmonary artery have no label in it.
    assert_eq!(case.stations.quality, Quality::EstimatedLandmarks);
    let source = |id| case.stations.landmarks.get(id).map(|l| l.source);
    for id in [
        LandmarkId::ArchTop,
        LandmarkId::ArchLower,
        LandmarkId::LeftBrachiocephalicLower,
        LandmarkId::ManubriumTop,
        LandmarkId::ClavicleTop,
    ] {
        assert_eq!(source(id), Some(LandmarkSource::FromStructure), "{}", id.key());
    }
    assert_eq!(source(LandmarkId::Carina), Some(LandmarkSource::Found));
    // Read off the slices: the arch ends at -80, and parts in two between -100 and -102.5.
    let z = |id| case.stations.landmarks.z(id).expect("set");
    assert!((z(LandmarkId::ArchTop) + 80.0).abs() < 3.0 && (z(LandmarkId::ArchLower) + 101.0).abs() < 3.0);
    check(case, &WITH_ORGANS);
}

#[test]
fn a_diagnostic_chest_without_structures_has_all_stations() {
    let Some(case) = &*DIAGNOSTIC else { return };
    assert_eq!(case.stations.quality, Quality::VesselsByNumbers);
    // Read off the pictures: the arch is two limbs at -239 and one at -219, whole at -209 and gone at -199; the notch of the
    // manubrium is at -178 in the midline.
    found_between(case, LandmarkId::ArchLower, [-239.0, -219.0]);
    found_between(case, LandmarkId::ArchTop, [-212.0, -196.0]);
    found_between(case, LandmarkId::ManubriumTop, [-186.0, -172.0]);
    check(case, &BY_NUMBERS);
}

fn found_between(case: &Case, id: LandmarkId, [low, high]: [f64; 2]) {
    let landmark = case.stations.landmarks.get(id).expect("completed");
    assert_eq!(landmark.source, LandmarkSource::Found, "{}", id.key());
    let z = landmark.position.z;
    assert!((low..high).contains(&z), "{} at {z}", id.key());
}

#[test]
fn a_planning_chest_without_organs_has_all_stations() {
    let Some(case) = &*PLANNING else { return };
    assert_eq!(case.stations.quality, Quality::VesselsByNumbers);
    // Read off the pictures: two limbs at -904, the arch at -895; beside the trachea at -874, only branches at -862; the
    // notch at -871.
    found_between(case, LandmarkId::ArchLower, [-904.0, -893.0]);
    found_between(case, LandmarkId::ArchTop, [-880.0, -868.0]);
    found_between(case, LandmarkId::ManubriumTop, [-877.0, -865.0]);
    check(case, &BY_NUMBERS);
}

/// Expected station of every contour of the nodes in the planning CT: z of the slice (mm), whether it is the ring left of
/// x = 5 mm, station. Read off the pictures of the slices before the rules were asked:
/// - -874 to -895: between vena cava, aortic arch and the front of the trachea, up to its middle: 4R;
/// - -898 to -913, right ring: right wall of the trachea, medial of the azygos arch, which shows from -901 to -913: 4R;
/// - -898 to -913, left ring: between left wall of the trachea and descending aorta or left pulmonary artery: 4L;
/// - -916, -919: at the right main bronchus below the azygos arch, medial of the artery of the upper lobe: 10R.
const NODES: [(i32, bool, Station); 21] = [
    (-874, false, Station::S4R),
    (-877, false, Station::S4R),
    (-880, false, Station::S4R),
    (-883, false, Station::S4R),
    (-886, false, Station::S4R),
    (-889, false, Station::S4R),
    (-892, false, Station::S4R),
    (-895, false, Station::S4R),
    (-898, true, Station::S4L),
    (-901, false, Station::S4R),
    (-901, true, Station::S4L),
    (-904, false, Station::S4R),
    (-904, true, Station::S4L),
    (-907, false, Station::S4R),
    (-907, true, Station::S4L),
    (-910, false, Station::S4R),
    (-910, true, Station::S4L),
    (-913, false, Station::S4R),
    (-913, true, Station::S4L),
    (-916, false, Station::S10R),
    (-919, false, Station::S10R),
];

/// The station that holds most of a ring; `None` where none holds any of it.
fn station_of(stations: &StationSet, ring: &Mask) -> Option<Station> {
    let shared = |s: &Station| stations.masks[s.index()].intersection(ring).count();
    Station::all().max_by_key(shared).filter(|s| shared(s) > 0)
}

/// Contours of the nodes that the rules give to another station than expected.
fn disagreements(case: &Case, stations: &StationSet) -> Vec<(i32, bool, Station, Option<Station>)> {
    let grid = &case.ct.grid;
    let nodes = case.rois.iter().find(|roi| roi.name == "LN_c40").expect("nodes");
    let mut rings: BTreeMap<(i32, bool), Mask> = BTreeMap::new();
    for (k, contours) in &nodes.slices {
        let z = grid.patient_from_voxel(*k, 0.0, 0.0).z.round() as i32;
        let whole = rasterize(grid, &BTreeMap::from([(*k, contours.clone())]));
        for slice in whole.slices.values() {
            for (j, i) in slice.voxels() {
                let is_left = grid.patient_from_voxel(*k, j as f64, i as f64).x > 5.0;
                let ring = rings.entry((z, is_left)).or_default();
                let mut one = hilum::contour::SliceMask::with_rows(grid.columns(), j, 1);
                one.set(j, i);
                let known = ring.slices.get(k).map_or_else(|| one.clone(), |s| s.combine(&one, |a, b| a | b));
                ring.slices.insert(*k, std::sync::Arc::new(known));
            }
        }
    }
    assert_eq!(rings.len(), NODES.len());
    let mut other = Vec::new();
    for (z, is_left, expected) in NODES {
        let found = station_of(stations, &rings[&(z, is_left)]);
        if found != Some(expected) {
            other.push((z, is_left, expected, found));
        }
    }
    other
}

#[test]
fn nodes_of_a_clinician_lie_in_the_stations_that_the_pictures_show() {
    let Some(case) = &*PLANNING else { return };
    // One differs: the azygos is not found in the image, and its usual place above the carina (-912.5) is one slice too
    // high here. Landmark at fault, not rule or expectation:
    let other = disagreements(case, &case.stations);
    assert_eq!(other, [(-913, false, Station::S4R, Some(Station::S10R))]);
    // put where the pictures show it, below the slice at -913, that one agrees. Another then does not, and there the rule
    // is at fault: just above the carina the lumen widens into the left main bronchus, and its left border with it.
    let mut placed = case.sources.clone();
    let azygos = case.stations.landmarks.get(LandmarkId::AzygosLower).expect("completed").position;
    placed.landmarks.set(LandmarkId::AzygosLower, azygos.with_z(-914.5), LandmarkSource::User);
    let other = disagreements(case, &draw_stations(&placed).expect("drawn"));
    assert_eq!(other, [(-913, true, Station::S4L, Some(Station::S4R))]);
}

#[test]
fn nodes_of_a_clinician_are_read_out_for_both_sides() {
    let Some(case) = &*PLANNING else { return };
    let nodes = case.rois.iter().find(|roi| roi.name == "LN_c40").expect("nodes");
    let tumor = case.rois.iter().find(|roi| roi.name == "Tumor_c40").expect("a tumour");
    let [nodes, tumor] = [nodes, tumor].map(|roi| rasterize(&case.ct.grid, &roi.slices));
    let midline = case.stations.landmarks.get(LandmarkId::Carina).expect("found").position.x;
    let side = side_of_primary(&tumor, &case.ct.grid, midline);
    assert_eq!(side, Some(Side::Left));
    let readout = read_nodes(&case.stations.masks, &nodes, &case.ct.grid, side);
    // Nodes of 4R and a primary on the left: contralateral.
    assert_eq!(readout.category, Some(NodeCategory::N3), "{readout:?}");
    let labels: Vec<&str> = readout.touched.iter().map(|(s, _)| s.label()).collect();
    assert!(labels.contains(&"4R") && labels.contains(&"4L"), "{labels:?}");
}

fn sources_of(phantom: &Phantom) -> AnatomySources {
    AnatomySources {
        grid: phantom.volume.grid.clone(),
        organs: phantom.organs.clone(),
        lung_lesions: None,
        landmarks: phantom.landmarks.clone(),
        vessels_by_numbers: false,
        rules: RuleSet::iaslc_2009(),
    }
}

#[test]
fn switches_change_the_stations_that_they_name() {
    let phantom = generate(&PhantomConfig::new(40, [112, 112, 68], [3.2, 3.2, 4.0]), &Silent).expect("made");
    let mut sources = sources_of(&phantom);
    let before = draw_stations(&sources).expect("drawn");
    let mut changed = |switch: &str| -> Vec<&'static str> {
        sources.rules = RuleSet::iaslc_2009().with_switch(switch, true).expect("a switch").into();
        let after = draw_stations(&sources).expect("drawn");
        assert!(after.rules.name.contains(switch));
        let differs = Station::all().filter(|s| before.masks[s.index()] != after.masks[s.index()]);
        differs.map(Station::label).collect()
    };
    // What comes later in the order of conflict may yield to what grows; what comes earlier does not.
    let earlier = ["7", "4R", "4L", "5", "6", "2R", "2L"];
    let from_carina = changed("st8_from_carina");
    assert!(from_carina.contains(&"8") && !from_carina.iter().any(|s| earlier.contains(s)), "{from_carina:?}");
    let included = changed("esophagus_included");
    assert!(included.contains(&"3P") && included.contains(&"8"), "{included:?}");
    assert!(!included.iter().any(|s| earlier.contains(s)), "{included:?}");
    let halves = changed("divide_at_midline");
    assert!(halves.contains(&"4R") && halves.contains(&"4L") && !halves.contains(&"7"), "{halves:?}");
    // The azygos border no longer divides 4R from 10R.
    let caudal = changed("st4r_to_upper_lobe");
    assert!(caudal.contains(&"4R") && caudal.contains(&"10R"), "{caudal:?}");
    sources.rules = RuleSet::by_key("michigan-2005").expect("a rule set");
    let map = draw_rule_map(&sources).expect("drawn");
    assert_eq!(map.stations.rules.key, "michigan-2005");
}

#[test]
fn landmarks_out_of_order_are_named_and_nothing_is_drawn() {
    let phantom = generate(&PhantomConfig::new(41, [112, 112, 68], [3.2, 3.2, 4.0]), &Silent).expect("made");
    let mut sources = sources_of(&phantom);
    let top = sources.landmarks.get(LandmarkId::ArchTop).expect("known").position;
    let below = DVec3::new(0.0, 0.0, -60.0);
    sources.landmarks.set(LandmarkId::ArchTop, top + below, LandmarkSource::User);
    let error = draw_stations(&sources).expect_err("refused");
    assert!(matches!(error, StationError::OutOfOrder { upper: LandmarkId::ArchTop, .. }), "{error:?}");
    assert!(error.to_string().contains("Top of the aortic arch"), "{error}");
    // An estimate gives way: what is known decides.
    sources.landmarks = phantom.landmarks.clone();
    sources.landmarks.remove(LandmarkId::LeftPulmonaryTop);
    let low = sources.landmarks.get(LandmarkId::Carina).expect("known").position + DVec3::new(0.0, 0.0, -3.0);
    sources.landmarks.set(LandmarkId::ArchLower, low, LandmarkSource::FromStructure);
    let set = draw_stations(&sources).expect("drawn");
    let artery = set.landmarks.get(LandmarkId::LeftPulmonaryTop).expect("estimated");
    assert!(artery.source == LandmarkSource::Estimated && artery.position.z < low.z, "{artery:?}");
}
