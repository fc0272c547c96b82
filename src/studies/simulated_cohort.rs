//! A cohort of simulated patients: synthetic thoraces, features by the way of a real case, and what became of the patients,
//! drawn so that the published margins hold exactly, from a truth that is written down.

use crate::anatomy::{LandmarkId, Organ};
use crate::cohort::{Outcome, PatientRecord, PublishedRecurrence};
use crate::contour::expand;
use crate::features::{
    CENTRAL_DISTANCE_MM, CaseMasks, ClinicalValues, FeatureContext, FeatureVector, LiveFeatures, Sex, TStage,
};
use crate::phantom::{Phantom, PhantomConfig, PhantomError, try_generate};
use crate::progress::{Cancelled, Progress, Silent};
use crate::structures::{Role, Station};
use crate::survival::{CoxModel, FollowUp, KaplanMeier, Ties};
use ndarray::Array2;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Exp1, LogNormal, Normal};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Share of patients whose smoking index is not on record; ours.
const SMOKING_UNKNOWN: f64 = 0.06;
/// A tumor of this diameter is a large one, mm.
pub const LARGE_MM: f64 = 50.0;
/// Published hazard ratio of large tumors.
pub const PUBLISHED_HAZARD_RATIO: f64 = 1.635;
/// What follows after the anatomy is drawn so often, and the draw is kept whose hazard ratio comes nearest to the published one.
const DRAWS: u64 = 400;
/// Shape of the Weibull distribution of the time to recurrence.
const SHAPE: f64 = 1.2;
/// Mean time from the recurrence to death, and to death without one, as parts of the longest follow-up.
const DEATH_AFTER: f64 = 0.2;
const DEATH_WITHOUT: f64 = 1.6;
/// Least follow-up of those alive, as a part of the longest.
const LEAST_FOLLOW_UP: f64 = 0.25;
/// How much likelier a recurrence is in a station that the GTV reaches, or the CTV alone.
const WEIGHT_GTV: f64 = 8.0;
const WEIGHT_CTV: f64 = 3.0;

/// One term of the true logarithm of the hazard of recurrence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruthTerm {
    /// What it applies to, in words.
    pub what: &'static str,
    pub log_hazard: f64,
}

/// The truth: the log hazard of recurrence is the sum of these terms and a constant that gives the wanted number of
/// events. Sex, age, smoking, T stage and all else have no effect of their own.
pub const TRUTH: [TruthTerm; 5] = [
    TruthTerm { what: "tumor of 5 cm or more (ln 1.635, the published hazard ratio)", log_hazard: 0.4916 },
    TruthTerm { what: "GTV reaches station 10R", log_hazard: 1.0 },
    TruthTerm { what: "GTV reaches station 10L", log_hazard: 0.8 },
    TruthTerm { what: "GTV reaches station 4R", log_hazard: 0.8 },
    TruthTerm { what: "GTV reaches station 7", log_hazard: 0.7 },
];

/// The features that the terms of [`TRUTH`] act through, of the catalogue: what a selection should find.
pub const TRUE_FEATURES: [&str; 9] = [
    "g_gtv_maxdiam_mm",
    "ln10r_gtv_in_ln",
    "ln10r_gtv_in_idea",
    "ln10l_gtv_in_ln",
    "ln10l_gtv_in_idea",
    "ln4r_gtv_in_ln",
    "ln4r_gtv_in_idea",
    "ln7_gtv_in_ln",
    "ln7_gtv_in_idea",
];

/// Numbers of patients that a simulated cohort has exactly.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Margins {
    pub patients: usize,
    pub men: usize,
    /// Tumors within 20 mm of the airway.
    pub central: usize,
    pub recurring: usize,
    /// Patients with a recurrence in each station, by [`Station::index`].
    pub stations: Vec<usize>,
    pub concurrent_chemoradiotherapy: usize,
    pub mixed_pathology: usize,
    /// SIADH, Lambert-Eaton, ectopic ACTH, anti-GABA.
    pub paraneoplastic: [usize; 4],
    pub median_age_years: u32,
    /// Reverse Kaplan-Meier.
    pub median_follow_up_months: u32,
}

const PARANEOPLASTIC: [&str; 4] = ["SIADH", "Lambert-Eaton", "ectopic ACTH", "anti-GABA"];

impl Margins {
    /// Those of Shen et al. 2025.
    pub fn published() -> Self {
        let table = PublishedRecurrence::built_in();
        Self {
            patients: 180,
            men: 133,
            central: 142,
            recurring: table.recurring_patients as usize,
            stations: Station::all().map(|s| table.count(s) as usize).collect(),
            concurrent_chemoradiotherapy: 119,
            mixed_pathology: 3,
            paraneoplastic: [12, 3, 5, 8],
            median_age_years: 60,
            median_follow_up_months: 36,
        }
    }

    /// The published ones for another number of patients, each rounded.
    pub fn scaled(patients: usize) -> Self {
        let published = Self::published();
        let part = |n: usize| (n as f64 * patients as f64 / published.patients as f64).round() as usize;
        let recurring = part(published.recurring).clamp(1, patients.saturating_sub(1).max(1));
        let mut stations: Vec<usize> = published.stations.iter().map(|n| part(*n).min(recurring)).collect();
        // Everyone who recurs does so somewhere.
        let missing = recurring.saturating_sub(stations.iter().sum());
        stations[Station::S10R.index()] = (stations[Station::S10R.index()] + missing).min(recurring);
        Self {
            patients,
            men: part(published.men),
            central: part(published.central),
            recurring,
            stations,
            concurrent_chemoradiotherapy: part(published.concurrent_chemoradiotherapy),
            mixed_pathology: part(published.mixed_pathology),
            paraneoplastic: published.paraneoplastic.map(part),
            ..published
        }
    }

    /// Recurrences over all stations.
    pub fn events(&self) -> usize {
        self.stations.iter().sum()
    }
}

/// A simulated patient.
#[derive(Debug, Clone)]
pub struct SimulatedPatient {
    pub phantom_seed: u64,
    pub record: PatientRecord,
    pub features: FeatureVector,
    /// True log hazard without the constant.
    pub log_hazard: f64,
}

/// The patients, and how they came about.
#[derive(Debug, Clone)]
pub struct SimulatedCohort {
    pub patients: Vec<SimulatedPatient>,
    pub margins: Margins,
    pub seed: u64,
    /// Phantoms left out because their CTV touches no station or their scan shows too little.
    pub unusable: usize,
    /// Phantoms left out because there were enough central, or enough peripheral, tumors.
    pub surplus: usize,
    /// Of large tumors for recurrence, alone in Cox's model; `None` where it cannot be estimated.
    pub hazard_ratio: Option<f64>,
}

/// Why there is no simulated cohort.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error("a cohort of {0} patients is too small: at least 10 are needed")]
    TooFew(usize),
    #[error("{tried} phantoms gave only {central} central and {peripheral} peripheral tumors of use; report this")]
    Unusable { tried: usize, central: usize, peripheral: usize },
}

impl SimulatedCohort {
    /// The truth behind the patients, in words.
    pub fn truth(&self) -> String {
        let mut text = format!(
            "Simulated by Hilum, seed {}: synthetic thoraces, invented clinical data and invented outcomes. Nothing here was observed in a patient.\n\
             The log hazard of recurrence is a constant plus:\n",
            self.seed
        );
        for term in TRUTH {
            let _infallible = writeln!(text, "  {:+.4}  {}", term.log_hazard, term.what);
        }
        let _infallible = write!(
            text,
            "Sex, age, smoking, T stage, treatment and pathology have no effect. Time to recurrence is Weibull with shape {SHAPE}; death without recurrence and the end of follow-up do not depend on anything.\n\
             A recurrence lies in a station with weight {WEIGHT_GTV} where the GTV reaches it, {WEIGHT_CTV} where the CTV alone does, else 1, such that each station has its published number; it is local where the CTV reaches the station.\n\
             Of {DRAWS} draws of times the one was kept whose hazard ratio of tumors of 5 cm or more is nearest to {PUBLISHED_HAZARD_RATIO}{}.\n\
             {} phantoms were left out because their CTV touches no station or the scan shows too little, {} because there were enough central or peripheral tumors.",
            self.hazard_ratio.map_or_else(String::new, |ratio| format!(" (it is {ratio:.3})")),
            self.unusable,
            self.surplus
        );
        text
    }
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

/// A phantom with its features.
type Made = (u64, FeatureVector);

/// Simulates the patients of some margins; the same arguments give the same cohort. `config` makes the phantom of a seed.
///
/// # Errors
/// [`SimulationError`].
pub fn simulate(
    margins: &Margins,
    seed: u64,
    config: &(dyn Fn(u64) -> PhantomConfig + Sync),
    progress: &dyn Progress,
) -> Result<SimulatedCohort, SimulationError> {
    if margins.patients < 10 {
        return Err(SimulationError::TooFew(margins.patients));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (made, unusable, surplus) = make_phantoms(margins, &mut rng, config, progress)?;
    let clinical = draw_clinical(&made, margins, &mut rng);
    let extra = draw_extra(&made, margins, &mut rng);
    let log_hazard: Vec<f64> = made.iter().map(|(_, features)| true_log_hazard(features)).collect();
    let large: Vec<bool> = made.iter().map(|(_, features)| diameter_mm(features) >= LARGE_MM).collect();
    let (times, hazard_ratio) = draw_times(&log_hazard, &large, margins, &mut rng);
    let recurring: Vec<usize> = (0..made.len()).filter(|n| times[*n].recurrence.is_some()).collect();
    let stations = draw_stations(&recurring, &made, margins, &mut rng);
    let width = margins.patients.to_string().len();
    let patients = made
        .into_iter()
        .zip(clinical.into_iter().zip(extra))
        .enumerate()
        .map(|(n, ((phantom_seed, features), (clinical, extra)))| {
            let features = features.with_clinical(&clinical);
            let parts = &features.partition.stations;
            let reached = |touched: fn(&crate::features::StationPart) -> bool| -> BTreeSet<Station> {
                parts.iter().filter(|s| touched(s)).map(|s| s.station).collect()
            };
            let recurrence_stations = stations.get(&n).cloned().unwrap_or_default();
            let in_ctv = reached(|s| s.touched_by_ctv);
            let record = PatientRecord {
                id: format!("simulated-{:0width$}", n + 1),
                center: Some("Simulated".into()),
                clinical,
                initial_stations: reached(|s| s.touched_by_gtv),
                outcome: Outcome {
                    follow_up_months: Some(times[n].end),
                    died: Some(times[n].died),
                    recurred: Some(times[n].recurrence.is_some()),
                    recurrence_months: times[n].recurrence,
                    local_failure: Some(!recurrence_stations.is_disjoint(&in_ctv)),
                    recurrence_stations,
                },
                extra: extra.into_iter().chain([("phantom_seed".to_owned(), phantom_seed.to_string())]).collect(),
                ..PatientRecord::default()
            };
            SimulatedPatient { phantom_seed, record, features, log_hazard: log_hazard[n] }
        })
        .collect();
    Ok(SimulatedCohort { patients, margins: margins.clone(), seed, unusable, surplus, hazard_ratio })
}

/// So many phantoms with central and with peripheral tumors, in the order of their seeds.
fn make_phantoms(
    margins: &Margins,
    rng: &mut ChaCha8Rng,
    config: &(dyn Fn(u64) -> PhantomConfig + Sync),
    progress: &dyn Progress,
) -> Result<(Vec<Made>, usize, usize), SimulationError> {
    const STAGE: &str = "Simulating patients";
    let wanted = [margins.patients - margins.central, margins.central];
    let mut there = [0, 0];
    let mut kept: Vec<Made> = Vec::with_capacity(margins.patients);
    let (mut tried, mut unusable, mut surplus) = (0, 0, 0);
    let done = AtomicUsize::new(0);
    progress.report(STAGE, 0, margins.patients);
    while there != wanted {
        // With a tenth of them of use something is wrong with the phantom, not with the draw.
        if tried > 10 * margins.patients + 100 {
            return Err(SimulationError::Unusable { tried, central: there[1], peripheral: there[0] });
        }
        let missing = wanted[0] + wanted[1] - there[0] - there[1];
        let seeds: Vec<u64> = (0..missing.max(8)).map(|_| rng.random_range(0..u64::from(u32::MAX))).collect();
        tried += seeds.len();
        let made: Vec<Option<Made>> = seeds
            .into_par_iter()
            .map(|phantom_seed| {
                progress.checkpoint()?;
                let made = match try_generate(&config(phantom_seed), &Silent) {
                    Ok(phantom) => Some((phantom_seed, phantom_features(&phantom, &ClinicalValues::default()))),
                    Err(PhantomError::TooSmall(_)) => None,
                    Err(PhantomError::Cancelled(cancelled)) => return Err(cancelled),
                };
                let so_far = done.fetch_add(1, Ordering::Relaxed) + 1;
                progress.report(STAGE, so_far.min(margins.patients), margins.patients);
                Ok(made)
            })
            .collect::<Result<_, Cancelled>>()?;
        for made in made {
            let near = made.as_ref().and_then(|(_, f)| f.partition.near_airway);
            let Some((made, near)) = made.zip(near).filter(|((_, f), _)| f.stops().next().is_none()) else {
                unusable += 1;
                continue;
            };
            let kind = usize::from(near);
            if there[kind] < wanted[kind] {
                there[kind] += 1;
                kept.push(made);
            } else {
                surplus += 1;
            }
        }
        done.store(kept.len(), Ordering::Relaxed);
    }
    Ok((kept, unusable, surplus))
}

fn diameter_mm(features: &FeatureVector) -> f64 {
    features.partition.gtv_max_diameter_mm
}

/// Marks exactly `count` of `n`, at random.
fn marked(n: usize, count: usize, rng: &mut ChaCha8Rng) -> Vec<bool> {
    let mut marks: Vec<bool> = (0..n).map(|k| k < count).collect();
    marks.shuffle(rng);
    marks
}

/// Share of men and median age as published; T follows the size, one in four a class higher; four of five men and one of
/// four women smoke.
fn draw_clinical(patients: &[Made], margins: &Margins, rng: &mut ChaCha8Rng) -> Vec<ClinicalValues> {
    let n = patients.len();
    let men = marked(n, margins.men, rng);
    let age = Normal::new(f64::from(margins.median_age_years), 8.5).expect("a valid spread");
    let mut ages: Vec<f64> = (0..n).map(|_| age.sample(rng).round()).collect();
    let mut sorted = ages.clone();
    sorted.sort_by(f64::total_cmp);
    let shift = f64::from(margins.median_age_years) - sorted[n / 2];
    for a in &mut ages {
        *a = (*a + shift).clamp(30.0, 90.0);
    }
    let index = LogNormal::new(700f64.ln(), 0.5).expect("a valid spread");
    patients
        .iter()
        .zip(men)
        .zip(ages)
        .map(|(((_, features), man), age_years)| {
            let by_size = match diameter_mm(features) {
                d if d <= 30.0 => 0,
                d if d <= 50.0 => 1,
                d if d <= 70.0 => 2,
                _ => 3,
            };
            let class = by_size + usize::from(rng.random_bool(0.25));
            let smokes = rng.random_bool(if man { 0.8 } else { 0.25 });
            let smoking: f64 = if smokes { index.sample(rng) } else { 0.0 };
            ClinicalValues {
                sex: Some(if man { Sex::Male } else { Sex::Female }),
                age_years: Some(age_years),
                t_stage: Some([TStage::T1, TStage::T2, TStage::T3, TStage::T4][class.min(3)]),
                smoking_index: (!rng.random_bool(SMOKING_UNKNOWN)).then(|| smoking.min(3000.0).round()),
                central: features.partition.near_airway,
            }
        })
        .collect()
}

/// Columns without a meaning for the model.
fn draw_extra(patients: &[Made], margins: &Margins, rng: &mut ChaCha8Rng) -> Vec<BTreeMap<String, String>> {
    let n = patients.len();
    let concurrent = marked(n, margins.concurrent_chemoradiotherapy, rng);
    let mixed = marked(n, margins.mixed_pathology, rng);
    let mut syndromes: Vec<&str> = PARANEOPLASTIC
        .iter()
        .zip(margins.paraneoplastic)
        .flat_map(|(name, count)| std::iter::repeat_n(*name, count))
        .chain(std::iter::repeat("none"))
        .take(n)
        .collect();
    syndromes.shuffle(rng);
    let flag = |yes: bool| u8::from(yes).to_string();
    (0..n)
        .map(|k| {
            let diameter = diameter_mm(&patients[k].1);
            [
                ("size_5_cm", flag(diameter >= LARGE_MM)),
                ("gtv_diameter_mm", format!("{diameter:.1}")),
                ("concurrent_chemoradiotherapy", flag(concurrent[k])),
                ("pathology", if mixed[k] { "mixed" } else { "small cell" }.to_owned()),
                ("paraneoplastic", syndromes[k].to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
        })
        .collect()
}

/// [`TRUTH`] applied to a patient.
fn true_log_hazard(features: &FeatureVector) -> f64 {
    let reaches = |s: Station| features.partition.stations[s.index()].touched_by_gtv;
    let holds = [
        diameter_mm(features) >= LARGE_MM,
        reaches(Station::S10R),
        reaches(Station::S10L),
        reaches(Station::S4R),
        reaches(Station::S7),
    ];
    TRUTH.iter().zip(holds).filter(|(_, holds)| *holds).map(|(term, _)| term.log_hazard).sum()
}

/// What became of a patient, months.
#[derive(Debug, Clone, Copy)]
struct Times {
    recurrence: Option<f64>,
    end: f64,
    died: bool,
}

/// The draw of times whose hazard ratio of large tumors is nearest to the published one.
fn draw_times(
    log_hazard: &[f64],
    large: &[bool],
    margins: &Margins,
    rng: &mut ChaCha8Rng,
) -> (Vec<Times>, Option<f64>) {
    let seed: u64 = rng.random();
    let distance = |ratio: Option<f64>| ratio.map_or(f64::INFINITY, |r| (r / PUBLISHED_HAZARD_RATIO).ln().abs());
    let draws = (0..DRAWS).into_par_iter().map(|draw| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_add(draw));
        let times = draw_times_once(log_hazard, margins, &mut rng);
        let follow_up: Vec<FollowUp> = times
            .iter()
            .map(|t| FollowUp { time: t.recurrence.unwrap_or(t.end), event: t.recurrence.is_some() })
            .collect();
        let column = Array2::from_shape_fn((large.len(), 1), |(n, _)| f64::from(u8::from(large[n])));
        let fit = CoxModel::fit(&follow_up, column.view(), Ties::Efron).ok();
        let ratio = fit.map(|fit| fit.coefficients[0].hazard_ratio());
        (distance(ratio), draw, times, ratio)
    });
    let best = draws.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).expect("at least one draw");
    (best.2, best.3)
}

/// Times under the truth; the constant of the hazard is the one that gives exactly the wanted number of recurrences, and the
/// unit of time the one that gives the wanted follow-up. Neither changes a ratio of hazards.
fn draw_times_once(log_hazard: &[f64], margins: &Margins, rng: &mut ChaCha8Rng) -> Vec<Times> {
    let exponential = |rng: &mut ChaCha8Rng| -> f64 { Exp1.sample(rng) };
    struct Raw {
        recurrence: f64,
        death_without: f64,
        death_after: f64,
        last_contact: f64,
    }
    let raw: Vec<Raw> = log_hazard
        .iter()
        .map(|lp| Raw {
            recurrence: (exponential(rng) / lp.exp()).powf(1.0 / SHAPE),
            death_without: DEATH_WITHOUT * exponential(rng),
            death_after: DEATH_AFTER * exponential(rng),
            last_contact: rng.random_range(LEAST_FOLLOW_UP..1.0),
        })
        .collect();
    // A recurrence is seen where its time, in the unit that follows, lies before death and last contact.
    let mut seen: Vec<f64> = raw.iter().map(|r| r.last_contact.min(r.death_without) / r.recurrence).collect();
    seen.sort_by(|a, b| b.total_cmp(a));
    let unit = (seen[margins.recurring - 1] * seen[margins.recurring.min(seen.len() - 1)]).sqrt();
    let times: Vec<Times> = raw
        .iter()
        .map(|r| {
            let recurrence = unit * r.recurrence;
            let before = recurrence <= r.last_contact.min(r.death_without);
            let death = if before { recurrence + r.death_after } else { r.death_without };
            let died = death <= r.last_contact;
            Times { recurrence: before.then_some(recurrence), end: death.min(r.last_contact), died }
        })
        .collect();
    let follow_up: Vec<FollowUp> = times.iter().map(|t| FollowUp { time: t.end, event: t.died }).collect();
    let median = KaplanMeier::of_follow_up(&follow_up).ok().and_then(|curve| curve.median()).unwrap_or(0.5);
    let months = |t: f64| (t * f64::from(margins.median_follow_up_months) / median * 10.0).round().max(1.0) / 10.0;
    times
        .into_iter()
        .map(|t| Times { recurrence: t.recurrence.map(months), end: months(t.end), died: t.died })
        .collect()
}

/// Stations of the recurrences: each station its number, each patient at least one and none twice.
fn draw_stations(
    recurring: &[usize],
    patients: &[Made],
    margins: &Margins,
    rng: &mut ChaCha8Rng,
) -> BTreeMap<usize, BTreeSet<Station>> {
    let weight = |patient: usize, station: Station| {
        let part = &patients[patient].1.partition.stations[station.index()];
        if part.touched_by_gtv {
            WEIGHT_GTV
        } else if part.touched_by_ctv {
            WEIGHT_CTV
        } else {
            1.0
        }
    };
    let mut stations: BTreeMap<usize, BTreeSet<Station>> = recurring.iter().map(|n| (*n, BTreeSet::new())).collect();
    for station in Station::all() {
        // Without replacement, in proportion to the weights: the smallest of exponential times with these rates.
        let mut order: Vec<(f64, usize)> = recurring
            .iter()
            .map(|n| {
                let time: f64 = Exp1.sample(rng);
                (time / weight(*n, station), *n)
            })
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, n) in order.iter().take(margins.stations[station.index()]) {
            stations.get_mut(n).expect("they recur").insert(station);
        }
    }
    // Who has none yet takes one over from a patient who has several and whom it fits worst.
    for n in recurring {
        if !stations[n].is_empty() {
            continue;
        }
        let best = recurring
            .iter()
            .filter(|giver| stations[*giver].len() > 1)
            .flat_map(|giver| stations[giver].iter().map(move |station| (*giver, *station)))
            .max_by(|a, b| {
                let gain = |(giver, station): &(usize, Station)| weight(*n, *station) / weight(*giver, *station);
                gain(a).total_cmp(&gain(b))
            });
        let Some((giver, station)) = best else { continue };
        stations.get_mut(&giver).expect("they recur").remove(&station);
        stations.get_mut(n).expect("they recur").insert(station);
    }
    stations
}
