//! Promises about diunet.

use hilum::anatomy::LandmarkId;
use hilum::contour::{Mask, rasterize};
use hilum::diunet::{
    Bearings, LoadedModel, MODEL_CARD, ModelManifest, Recall, SegmentError, Variant, Weights, default_model_dir,
    find_lungs, networks_in, segment, segment_again,
};
use hilum::geometry::VoxelGrid;
use hilum::image::CtVolume;
use hilum::metrics::SurfaceDistances;
use hilum::phantom::{PhantomConfig, Variation, generate};
use hilum::progress::{Progress, Silent};
use hilum::structures::{Provenance, Station};
use hilum::studies::train_diunet::{FIRST_VALIDATION_SEED, Pool, TrainConfig, phantom, station_scores, train};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn shipped() -> LoadedModel {
    LoadedModel::load(&default_model_dir()).expect("the shipped model loads")
}

/// A seed that neither training nor the validation during training has seen.
const UNSEEN: u64 = FIRST_VALIDATION_SEED + 5000;

#[test]
fn the_shipped_model_draws_the_stations_of_an_unseen_phantom() {
    let model = shipped();
    let (phantom, gtv) = phantom(Variation::Reference, UNSEEN, &Silent).unwrap();
    let mut shown = 0;
    let found = segment(&model, &phantom.volume, &gtv, &Silent, &mut |slice| {
        shown += 1;
        assert_eq!((slice.done, slice.k), (shown, slice.k));
    })
    .unwrap();
    assert_eq!(shown, found.slices_run.len());
    assert!(matches!(&found.provenance, Provenance::Network { statement, .. } if statement.contains("Synthetic")));

    let (stations, ctv) = station_scores(&phantom, &found);
    let scores: Vec<f64> = stations.iter().copied().flatten().collect();
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    let lines: Vec<String> =
        Station::all().map(|s| format!("{s} {:.2}", stations[s.index()].unwrap_or(f64::NAN))).collect();
    println!("mean DSC {mean:.3}, CTV {:.2}, {:.1} s: {}", ctv.unwrap_or(f64::NAN), found.seconds, lines.join(", "));
    assert!(scores.len() >= 14, "a phantom has its stations");
    assert!(mean >= 0.6, "mean DSC {mean:.3}");

    // The stations are disjoint: neighbours share borders, not voxels.
    let masks: Vec<Mask> = found.stations.iter().map(|s| rasterize(&phantom.volume.grid, s)).collect();
    let all: u64 = masks.iter().map(Mask::count).sum();
    let union = masks.iter().fold(Mask::default(), |a, b| a.union(b)).count();
    assert!((all - union) as f64 <= 0.002 * all as f64, "{} of {all} voxels in two stations", all - union);
}

/// What the shipped network draws on a patient of the population, seen by a scan of so many slices, beside what is true:
/// mean DSC, and the largest distance of a drawn voxel from the true stations, mm. No station of more than a cubic centimetre
/// may be missing.
fn drawn_on(slices: usize, gap_mm: f64, with_gtv: bool) -> (f64, f64) {
    let config = PhantomConfig::varied(UNSEEN + 3, [128, 128, slices], [2.9, 2.9, gap_mm]);
    let made = generate(&config, &Silent).expect("made");
    let gtv = if with_gtv { made.gtvp.union(&made.gtvn) } else { Mask::default() };
    let found = segment(&shipped(), &made.volume, &gtv, &Silent, &mut |_| ()).expect("segmented");
    let grid = &made.volume.grid;
    let (scores, _) = station_scores(&made, &found);
    let all = made.station_masks.iter().fold(Mask::default(), |a, b| a.union(b));
    let mut farthest = 0.0_f64;
    for (station, slices) in Station::all().zip(&found.stations) {
        let (reference, drawn) = (&made.station_masks[station.index()], rasterize(grid, slices));
        let cm3 = reference.slices.iter().map(|(k, s)| s.count() as f64 * grid.voxel_mm3(*k) / 1000.0).sum::<f64>();
        assert!(cm3 < 1.0 || !drawn.is_empty(), "{station} of {cm3:.1} cm3 is missing");
        if !drawn.is_empty() {
            let [_, to_true] = SurfaceDistances::between(&all, &drawn, grid);
            farthest = farthest.max(to_true.percentile_mm(100.0).unwrap_or(0.0));
        }
    }
    let scores: Vec<f64> = scores.into_iter().flatten().collect();
    (scores.iter().sum::<f64>() / scores.len() as f64, farthest)
}

#[test]
fn thin_and_thick_slices_a_part_of_the_chest_and_no_gtv_are_drawn_sanely() {
    let usual = drawn_on(84, 3.2, true);
    for (what, (slices, gap_mm, with_gtv)) in [
        ("6 mm slices", (45, 6.0, true)),
        ("1 mm slices of a part of the chest", (110, 1.0, true)),
        ("a part of the chest", (36, 3.2, true)),
        ("no GTV", (84, 3.2, false)),
    ] {
        let (mean, farthest) = drawn_on(slices, gap_mm, with_gtv);
        println!("{what}: {mean:.3} ({:.3} usually), {farthest:.0} mm", usual.0);
        assert!(mean > 0.6 && mean > usual.0 - 0.12, "{what}: {mean:.3}, {:.3} usually", usual.0);
        assert!(farthest < 40.0, "{what}: an island {farthest:.0} mm from the stations");
    }
}

#[test]
fn a_run_after_an_edit_of_the_gtv_redraws_what_it_touches_and_gives_what_a_new_run_gives() {
    let manifest =
        |sha256: &str| ModelManifest { sha256: sha256.into(), ..ModelManifest::new("random", Variant::Tiny, 4.0, 64) };
    let model = |sha256| {
        let weights = Weights::random(&Variant::Tiny.architecture(), 3);
        LoadedModel::new(manifest(sha256), &weights).expect("they fit")
    };
    let made = generate(&PhantomConfig::new(40, [112, 112, 68], [3.2, 3.2, 4.0]), &Silent).expect("made");
    let ct = &made.volume;
    let ours = model("ours");
    let run =
        |gtv: &Mask, before: &Recall| segment_again(&ours, ct, gtv, before, &Silent, &mut |_| ()).expect("segmented");
    let first = run(&made.gtvp, &Recall::default());
    let total = first.slices_run.len();
    assert_eq!(first.slices_recalled, 0);
    assert_eq!(run(&made.gtvp, &first.recall).slices_recalled, total);
    // A voxel more: slices farther from it than the distance that the network sees stay as they are.
    let [[k, j, i], _] = made.gtvp.bounds().expect("a tumour");
    let mut one = ndarray::Array3::from_elem(ct.grid.shape(), false);
    one[[k, j, i]] = true;
    one[[k - 1, j, i]] = true;
    let edited = made.gtvp.union(&Mask::from_dense(&one));
    let (again, fresh) = (run(&edited, &first.recall), run(&edited, &Recall::default()));
    assert!((1..total).contains(&again.slices_recalled), "{} of {total}", again.slices_recalled);
    assert_eq!((&again.stations, &again.ctv), (&fresh.stations, &fresh.ctv));
    let [a, b] = [&again, &fresh].map(|s| s.uncertainty.as_ref().expect("a valid grid"));
    assert!(a.values == b.values && a.stations == b.stations);
    // What other weights gave is of no use.
    let other = segment_again(&model("other"), ct, &edited, &first.recall, &Silent, &mut |_| ()).expect("segmented");
    assert_eq!(other.slices_recalled, 0);
}

#[test]
fn the_guided_network_is_told_where_it_looks_and_draws_without_where_that_is_not_known() {
    let made = generate(&PhantomConfig::new(40, [112, 112, 68], [3.2, 3.2, 4.0]), &Silent).expect("made");
    let ct = &made.volume;
    let bearings = Bearings::find(ct, &Silent).expect("not cancelled").expect("a carina");
    let carina = made.landmarks.get(LandmarkId::Carina).expect("known").position;
    for k in 0..ct.grid.slices() {
        let z = ct.grid.patient_from_voxel(k, 0.0, 0.0).z;
        let guide = bearings.of_slice(k).expect("one a slice");
        if (z - carina.z).abs() < 8.0 {
            assert!((guide.trachea[0] - carina.x).abs() < 6.0, "{guide:?} at {z:.0}, carina {carina}");
            assert!(
                guide.heights.iter().all(|h| (h - (z - carina.z)).abs() < 8.0),
                "{guide:?} at {z:.0}, carina {carina}"
            );
        }
    }
    let apex = made.landmarks.get(LandmarkId::ApexRight).expect("known").position.z;
    let at_apex = bearings.of_slice(ct.grid.slice_index_from_position(apex).round() as usize).expect("a slice");
    assert!((at_apex.heights[0] - LandmarkId::ApexRight.usual_offset().z).abs() < 8.0, "{at_apex:?}");

    let weights = Weights::random(&Variant::Guided25d.architecture(), 3);
    let model =
        LoadedModel::new(ModelManifest::new("random", Variant::Guided25d, 4.0, 64), &weights).expect("they fit");
    let first = segment(&model, ct, &Mask::default(), &Silent, &mut |_| ()).expect("segmented");
    let again = segment_again(&model, ct, &Mask::default(), &first.recall, &Silent, &mut |_| ()).expect("segmented");
    assert_eq!((again.slices_recalled, &again.stations), (first.slices_run.len(), &first.stations));
    // Below the carina nobody knows where it was.
    let low = ct.grid.slice_index_from_position(carina.z - 20.0) as usize;
    let part = part_of(ct, 0..low);
    assert!(Bearings::find(&part, &Silent).expect("not cancelled").is_none());
    assert!(segment(&model, &part, &Mask::default(), &Silent, &mut |_| ()).is_ok());
}

/// Some slices of a scan.
fn part_of(ct: &CtVolume, slices: std::ops::Range<usize>) -> CtVolume {
    let grid = &ct.grid;
    let z = |k: usize| grid.positions_mm()[k] - grid.positions_mm()[slices.start];
    let part = VoxelGrid::new(
        grid.patient_from_voxel(slices.start, 0.0, 0.0),
        grid.i_direction(),
        grid.j_direction(),
        [grid.spacing_i_mm(), grid.spacing_j_mm()],
        [grid.columns(), grid.rows()],
        slices.clone().map(z).collect(),
    )
    .expect("a grid");
    let hu = ct.hu.slice(ndarray::s![slices, .., ..]).to_owned();
    CtVolume::new(Arc::new(part), hu)
}

/// Stops after a few reports.
struct Impatient(AtomicUsize);

impl Progress for Impatient {
    fn report(&self, _stage: &str, _done: usize, _total: usize) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 4
    }
}

#[test]
fn inference_stops_between_slices_when_asked() {
    let (phantom, gtv) = phantom(Variation::Reference, UNSEEN + 1, &Silent).unwrap();
    let mut slices = 0;
    let result = segment(&shipped(), &phantom.volume, &gtv, &Impatient(AtomicUsize::new(0)), &mut |_| slices += 1);
    assert!(matches!(result, Err(SegmentError::Cancelled)));
    assert!(slices < 5);
}

#[test]
fn a_scan_without_lungs_and_a_foreign_gtv_are_refused() {
    let grid = Arc::new(VoxelGrid::axial(glam::DVec3::ZERO, [3.0, 3.0, 5.0], [100, 100, 20]).unwrap());
    let water = ndarray::Array3::from_shape_fn(grid.shape(), |(_, j, i)| {
        if (j as f64 - 50.0).hypot(i as f64 - 50.0) < 40.0 { 0 } else { -1000 }
    });
    let ct = CtVolume::new(grid, water);
    let model = shipped();
    let refused = segment(&model, &ct, &Mask::default(), &Silent, &mut |_| ()).unwrap_err();
    assert!(refused.to_string().contains("no lungs were found"));
    let far = Mask::from_dense(&ndarray::Array3::from_elem([30, 4, 4], true));
    let refused = segment(&model, &ct, &far, &Silent, &mut |_| ()).unwrap_err();
    assert!(matches!(refused, SegmentError::ForeignGtv(_)), "{refused}");
}

#[test]
fn lungs_are_found_in_a_phantom_and_lie_around_its_middle() {
    let (phantom, _) = phantom(Variation::Reference, UNSEEN + 2, &Silent).unwrap();
    let lungs = find_lungs(&phantom.volume).expect("a phantom has lungs");
    assert!(lungs.volume_cm3 > 1000.0 && lungs.volume_cm3 < 9000.0, "{lungs:?}");
    let center = phantom.volume.grid.center();
    assert!(
        (lungs.center[0] - center.x).abs() < 30.0 && (lungs.center[1] - center.y).abs() < 60.0,
        "{lungs:?} {center}"
    );
}

#[test]
fn the_cards_of_the_shipped_models_say_what_their_manifests_say() {
    let networks = networks_in(&hilum::models_dir());
    let ids: Vec<&str> = networks.iter().map(|(_, manifest)| manifest.model_id.as_str()).collect();
    assert_eq!(ids, ["diunet-r-fast25d-synthetic", "diunet-r-fast25d-with-lidc"], "the usual one first");
    for (folder, _) in &networks {
        let card = LoadedModel::load(folder).expect("it loads").manifest().model_card();
        let path = folder.join(MODEL_CARD);
        // `HILUM_WRITE_CARD=1 cargo test --test promises cards_of_the_shipped` writes them again.
        if std::env::var_os("HILUM_WRITE_CARD").is_some() {
            std::fs::write(&path, &card).expect("the folder of the model can be written");
        }
        assert_eq!(std::fs::read_to_string(path).expect("the card"), card);
        assert!(card.contains("Synthetic") && card.contains("chose the checkpoint") && !card.contains("CTV proposal"));
        // The patient of the second one is named by what is public, and nobody was held out.
        let of_patient = card.contains("LIDC-IDRI-0001") && card.contains("No patient was held out");
        assert_eq!(of_patient, folder != &default_model_dir());
        assert_eq!(card.contains("have never seen a patient"), !of_patient);
    }
}

#[test]
fn training_that_panics_ends() {
    struct Broken;
    impl Progress for Broken {
        fn report(&self, stage: &str, _done: usize, _total: usize) {
            assert!(stage != "Training", "broken on purpose");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let config = TrainConfig {
        variant: Variant::Tiny,
        phantoms: Variation::Reference,
        spacing_mm: 4.0,
        crop: 64,
        batch: 1,
        cases: 1,
        validation_cases: 1,
        ..TrainConfig::new(folder.path().join("model"))
    };
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let panicked = std::panic::catch_unwind(|| train(&config, &Pool::default(), &Broken)).is_err();
        sender.send(panicked).unwrap();
    });
    // Well before all seeds are used up by the thread that makes phantoms.
    assert_eq!(ended.recv_timeout(std::time::Duration::from_mins(2)), Ok(true));
}
