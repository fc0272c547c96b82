//! A cohort of simulated patients: synthetic thoraces, clinical values with the published margins, and outcomes
//! drawn from a truth that is written down here and in the model card.

use crate::anatomy::{LandmarkId, Organ};
use crate::contour::expand;
use crate::features::{
    CENTRAL_DISTANCE_MM, CaseMasks, ClinicalValues, FeatureContext, FeatureVector, LiveFeatures, Sex, TStage,
};
use crate::phantom::{Phantom, PhantomConfig, generate};
use crate::progress::{Cancelled, Progress, Silent};
use crate::structures::{Role, Station};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, LogNormal, Normal};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Published: 133 of 180 patients were men.
const SHARE_OF_MEN: f64 = 133.0 / 180.0;
/// Published median age, years.
const MEDIAN_AGE_YEARS: f64 = 60.0;
/// Share of patients whose smoking index is not on record; ours.
const SMOKING_UNKNOWN: f64 = 0.06;

/// One term of the true log odds of recurrence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruthTerm {
    /// What it applies to, in words.
    pub what: &'static str,
    pub log_odds: f64,
}

/// The truth: the log odds of recurrence are the sum of these terms and an intercept that gives the wanted number
/// of events. Sex, age, smoking and all else have no effect.
pub const TRUTH: [TruthTerm; 7] = [
    TruthTerm { what: "each cm of tumor diameter above 4 cm (below: less)", log_odds: 0.30 },
    TruthTerm { what: "tumor of 5 cm or more (ln 1.635, the published hazard ratio)", log_odds: 0.4916 },
    TruthTerm { what: "GTV reaches station 10R", log_odds: 1.0 },
    TruthTerm { what: "GTV reaches station 10L", log_odds: 0.8 },
    TruthTerm { what: "GTV reaches station 4R", log_odds: 0.8 },
    TruthTerm { what: "GTV reaches station 7", log_odds: 0.7 },
    TruthTerm { what: "each T class above T2 (below: less)", log_odds: 0.2 },
];

/// A simulated patient.
#[derive(Debug, Clone)]
pub struct SimulatedPatient {
    pub phantom_seed: u64,
    pub clinical: ClinicalValues,
    pub features: FeatureVector,
    /// True log odds without the intercept.
    pub log_odds: f64,
    pub recurred: bool,
}

/// The patients, and how many phantoms were not usable.
#[derive(Debug, Clone)]
pub struct SimulatedCohort {
    pub patients: Vec<SimulatedPatient>,
    /// Phantoms left out because their CTV touched no station.
    pub excluded: usize,
}

/// The features of a phantom, by the way that a real case goes.
pub fn phantom_features(phantom: &Phantom, clinical: &ClinicalValues) -> FeatureVector {
    let grid = &phantom.volume.grid;
    let zone = phantom.organs.get(&Organ::Airway).map(|airway| expand(airway, grid, CENTRAL_DISTANCE_MM));
    let rings = |role: Role| phantom.structures.with_role(role).next().map(|roi| &roi.slices);
    let masks = CaseMasks {
        ctv: Some(&phantom.ctv),
        gtvp: Some(&phantom.gtvp),
        gtvn: Some(&phantom.gtvn),
        stations: std::array::from_fn(|s| Some(&phantom.station_masks[s])),
        central_zone: zone.as_ref(),
        gtvp_contours: rings(Role::Gtvp),
        gtvn_contours: rings(Role::Gtvn),
    };
    let context = FeatureContext {
        tracheal_midline_x_mm: phantom.landmarks.get(LandmarkId::Carina).map(|l| l.position.x),
        airway_known: zone.is_some(),
        ..Default::default()
    };
    LiveFeatures::from_masks(grid, &masks).features(clinical, &context)
}

/// Simulates `count` patients of whom `events` recur; the same arguments give the same cohort.
///
/// `config` makes the phantom of a seed. Phantoms whose CTV touches no station are replaced.
pub fn simulate(
    count: usize,
    events: usize,
    seed: u64,
    config: &(dyn Fn(u64) -> PhantomConfig + Sync),
    progress: &dyn Progress,
) -> Result<SimulatedCohort, Cancelled> {
    const STAGE: &str = "simulating patients";
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut found: Vec<(u64, FeatureVector)> = Vec::with_capacity(count);
    let (mut tried, mut excluded) = (0, 0);
    let done = AtomicUsize::new(0);
    progress.report(STAGE, 0, count);
    // Half of them unusable would mean that the phantom is broken, not the draw unlucky.
    while found.len() < count && tried < 2 * count + 10 {
        let seeds: Vec<u64> = (found.len()..count).map(|_| rng.random_range(0..u64::from(u32::MAX))).collect();
        tried += seeds.len();
        let made: Vec<(u64, FeatureVector)> = seeds
            .into_par_iter()
            .map(|phantom_seed| {
                progress.checkpoint()?;
                let phantom = generate(&config(phantom_seed), &Silent)?;
                let features = phantom_features(&phantom, &ClinicalValues::default());
                progress.report(STAGE, (done.fetch_add(1, Ordering::Relaxed) + 1).min(count), count);
                Ok((phantom_seed, features))
            })
            .collect::<Result<_, Cancelled>>()?;
        found.extend(made.into_iter().filter(|(_, features)| features.stops().next().is_none()));
        excluded = tried - found.len();
        done.store(found.len(), Ordering::Relaxed);
    }
    let clinical = draw_clinical(&found, &mut rng);
    let mut patients: Vec<SimulatedPatient> = found
        .into_iter()
        .zip(clinical)
        .map(|((phantom_seed, features), clinical)| {
            let features = features.with_clinical(&clinical);
            let log_odds = true_log_odds(&features, &clinical);
            SimulatedPatient { phantom_seed, clinical, features, log_odds, recurred: false }
        })
        .collect();
    // Latent logistic noise: the patients with the largest sums recur, which is a logistic model whose intercept
    // gives exactly this number.
    let mut order: Vec<(f64, usize)> = patients
        .iter()
        .enumerate()
        .map(|(n, p)| {
            let u: f64 = rng.random_range(1e-9..1.0 - 1e-9);
            (p.log_odds + (u / (1.0 - u)).ln(), n)
        })
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (_, n) in order.into_iter().take(events) {
        patients[n].recurred = true;
    }
    Ok(SimulatedCohort { patients, excluded })
}

fn diameter_mm(features: &FeatureVector) -> f64 {
    features.partition.gtv_max_diameter_mm
}

/// Clinical values with the published margins: share of men and median age; T follows the size, one in four a class
/// higher; four of five men and one of four women smoke.
fn draw_clinical(patients: &[(u64, FeatureVector)], rng: &mut ChaCha8Rng) -> Vec<ClinicalValues> {
    let n = patients.len();
    let men = (n as f64 * SHARE_OF_MEN).round() as usize;
    let mut sexes: Vec<Sex> = (0..n).map(|k| if k < men { Sex::Male } else { Sex::Female }).collect();
    sexes.shuffle(rng);
    let age = Normal::new(MEDIAN_AGE_YEARS, 8.5).expect("a valid spread");
    let mut ages: Vec<f64> = (0..n).map(|_| age.sample(rng)).collect();
    let mut sorted = ages.clone();
    sorted.sort_by(f64::total_cmp);
    let shift = sorted.get(n / 2).map_or(0.0, |median| MEDIAN_AGE_YEARS - median);
    for a in &mut ages {
        *a = ((*a + shift).clamp(30.0, 90.0) * 10.0).round() / 10.0;
    }
    let index = LogNormal::new(700f64.ln(), 0.5).expect("a valid spread");
    patients
        .iter()
        .zip(sexes)
        .zip(ages)
        .map(|(((_, features), sex), age_years)| {
            let by_size = match diameter_mm(features) {
                d if d <= 30.0 => 0,
                d if d <= 50.0 => 1,
                d if d <= 70.0 => 2,
                _ => 3,
            };
            let class = by_size + usize::from(rng.random_bool(0.25));
            let smokes = rng.random_bool(if sex == Sex::Male { 0.8 } else { 0.25 });
            let smoking: f64 = if smokes { index.sample(rng) } else { 0.0 };
            ClinicalValues {
                sex: Some(sex),
                age_years: Some(age_years),
                t_stage: Some([TStage::T1, TStage::T2, TStage::T3, TStage::T4][class.min(3)]),
                smoking_index: (!rng.random_bool(SMOKING_UNKNOWN)).then(|| smoking.min(3000.0).round()),
                central: None,
            }
        })
        .collect()
}

/// [`TRUTH`] applied to a patient.
fn true_log_odds(features: &FeatureVector, clinical: &ClinicalValues) -> f64 {
    let diameter = diameter_mm(features);
    let reaches = |s: Station| f64::from(u8::from(features.partition.stations[s.index()].touched_by_gtv));
    let t = clinical.t_stage.and_then(TStage::number).map_or(2.0, f64::from);
    let amounts = [
        (diameter - 40.0) / 10.0,
        f64::from(u8::from(diameter >= 50.0)),
        reaches(Station::S10R),
        reaches(Station::S10L),
        reaches(Station::S4R),
        reaches(Station::S7),
        t - 2.0,
    ];
    TRUTH.iter().zip(amounts).map(|(term, amount)| term.log_odds * amount).sum()
}
