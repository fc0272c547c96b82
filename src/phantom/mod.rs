//! The synthetic thorax: from a seed, a CT with organs, landmarks, tumor, CTV and stations.
//!
//! The anatomy is a set of analytic solids in continuous space ([`Patient`] varies them by seed), so
//! the same seed is the same patient on any grid. The stations are drawn by the rule engine of
//! `anatomy` from the phantom's own organs and landmarks, as they would be on a patient.

mod artifacts;
mod disease;
mod envelope;
mod noise;
mod patient;
mod render;
mod solids;
mod structures;
mod thorax;
mod tree;
mod tumor;
mod variation;

pub use patient::Patient;
pub use tumor::{Lesion, Side};
pub use variation::{Arch, Arms, Lobe, Observer, Phase, Primary, Scan, Table, Traits, Variation};

use crate::anatomy::{AnatomySources, Landmarks, Organ, RuleSet, StationError, StationSet, draw_stations};
use crate::contour::Mask;
use crate::geometry::VoxelGrid;
use crate::image::CtVolume;
use crate::progress::{Cancelled, Progress};
use crate::structures::{Station, StructureSet};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which patient, on which grid.
#[derive(Debug, Clone, PartialEq)]
pub struct PhantomConfig {
    pub seed: u64,
    /// Columns, rows, slices.
    pub size_ijk: [usize; 3],
    /// Distance between columns, rows and slices, mm.
    pub spacing_mm: [f64; 3],
    /// Standard deviation of the noise in soft tissue, HU.
    pub noise_hu: f64,
    /// False gives a thorax without disease (empty GTVp, GTVn and CTV).
    pub disease: bool,
    /// How widely patients and scans differ from seed to seed.
    pub variation: Variation,
}

impl PhantomConfig {
    /// Any grid; its top slice lies 10 mm above the cricoid of the patient.
    pub fn new(seed: u64, size_ijk: [usize; 3], spacing_mm: [f64; 3]) -> Self {
        Self { seed, size_ijk, spacing_mm, noise_hu: 11.0, disease: true, variation: Variation::Reference }
    }

    /// The case that the window opens without a file: 256 x 256 x 112 at 1.5 x 1.5 x 3 mm.
    pub fn demo(seed: u64) -> Self {
        Self::new(seed, [256, 256, 112], [1.5, 1.5, 3.0])
    }

    /// A small case for training: 160 x 160 at 2.3 mm, slices 4 to 5 mm apart over about 285 mm.
    pub fn training(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed_0f61);
        let gap = (rng.random_range(4.0..5.0f64) * 20.0).round() / 20.0;
        let noise_hu = rng.random_range(7.0..16.0);
        Self { noise_hu, ..Self::new(seed, [160, 160, (285.0 / gap).round() as usize], [2.3, 2.3, gap]) }
    }

    /// A patient of the population on any grid: body, vessels, disease, scanner and observer vary as in the planning CTs
    /// of a department.
    pub fn varied(seed: u64, size_ijk: [usize; 3], spacing_mm: [f64; 3]) -> Self {
        let noise_hu = f64::from(Patient::population(seed).traits.scan.noise_hu);
        Self { noise_hu, variation: Variation::Population, ..Self::new(seed, size_ijk, spacing_mm) }
    }

    /// A case of the population for training: 160 x 160 at 2.3 mm, slices 1.5 to 6 mm apart over 230 to 300 mm.
    pub fn population(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0b5e_55ed);
        // Thin slices are dear to make, and rare in planning CTs.
        let gap = match rng.random_range(0..25) {
            0 | 1 => rng.random_range(1.5..2.2),
            2..=4 => rng.random_range(2.2..2.8),
            5..=12 => rng.random_range(2.8..3.2),
            13..=17 => rng.random_range(3.2..4.5),
            _ => rng.random_range(4.5..6.0f64),
        };
        let gap = (gap * 20.0).round() / 20.0;
        let length = rng.random_range(230.0..300.0f64);
        Self::varied(seed, [160, 160, (length / gap).round() as usize], [2.3, 2.3, gap])
    }

    /// The patient of this configuration.
    pub fn patient(&self) -> Patient {
        match self.variation {
            Variation::Reference => Patient::new(self.seed),
            Variation::Population => Patient::population(self.seed),
        }
    }

    /// The grid of this configuration around the patient of its seed.
    fn grid(&self, patient: &Patient) -> VoxelGrid {
        let [columns, rows, slices] = self.size_ijk.map(|n| n.max(1));
        let center = patient.center();
        let origin = glam::DVec3::new(
            center.x - self.spacing_mm[0] * (columns as f64 - 1.0) / 2.0,
            center.y - self.spacing_mm[1] * (rows as f64 - 1.0) / 2.0,
            patient.scan_top_mm() - self.spacing_mm[2] * (slices as f64 - 1.0),
        );
        // To the micrometer, so that positions print as short numbers.
        let origin = (origin * 1e3).round() / 1e3;
        VoxelGrid::axial(origin, self.spacing_mm, [columns, rows, slices])
            .expect("the spacing of a phantom is positive and finite")
    }
}

/// A synthetic case.
#[derive(Debug, Clone)]
pub struct Phantom {
    pub seed: u64,
    pub volume: CtVolume,
    /// GTVp, GTVn, CTV, the sixteen stations, then the organs.
    pub structures: StructureSet,
    pub station_masks: [Mask; Station::COUNT],
    /// What the rule engine said about the stations.
    pub stations: StationSet,
    pub organs: BTreeMap<Organ, Arc<Mask>>,
    pub gtvp: Mask,
    pub gtvn: Mask,
    pub ctv: Mask,
    pub landmarks: Landmarks,
    /// The stations in which involved nodes were placed.
    pub involved: Vec<Station>,
}

impl Phantom {
    /// The mask of an organ by its name in the style of TotalSegmentator, e.g. `aorta`.
    pub fn organ(&self, name: &str) -> Option<&Arc<Mask>> {
        self.organs.iter().find(|(organ, _)| organ.name() == name).map(|(_, mask)| mask)
    }
}

/// Why a phantom cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PhantomError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The scan leaves out what the stations are drawn from.
    #[error("{}", crate::tf!("the scan shows too little of the chest for a synthetic case ({why})", why = .0))]
    TooSmall(String),
}

/// Makes the synthetic case of a configuration whose scan shows body, lungs and airway, as those of
/// [`PhantomConfig::demo`] and [`PhantomConfig::training`] do. The same configuration gives the same bits.
///
/// # Errors
/// [`Cancelled`] if the progress asked to stop.
///
/// # Panics
/// On a scan that leaves them out; [`try_generate`] refuses it.
pub fn generate(config: &PhantomConfig, progress: &dyn Progress) -> Result<Phantom, Cancelled> {
    match try_generate(config, progress) {
        Ok(phantom) => Ok(phantom),
        Err(PhantomError::Cancelled(cancelled)) => Err(cancelled),
        Err(PhantomError::TooSmall(why)) => panic!("a scan of {:?} voxels was asked for: {why}", config.size_ijk),
    }
}

/// As [`generate`], for any grid.
///
/// # Errors
/// [`PhantomError`]: stopped, or the scan leaves out what the stations need.
pub fn try_generate(config: &PhantomConfig, progress: &dyn Progress) -> Result<Phantom, PhantomError> {
    let patient = config.patient();
    let thorax = thorax::Thorax::new(&patient, config.disease);
    let landmarks = thorax.landmarks(&patient);
    let grid = Arc::new(config.grid(&patient));
    progress.checkpoint()?;
    let mut painted = render::render(&patient, &thorax, &grid, config.noise_hu, progress)?;
    let sources = AnatomySources {
        grid: grid.clone(),
        organs: painted.organs.clone(),
        lung_lesions: Some(Arc::new(std::mem::take(&mut painted.lung_lesions))),
        landmarks: landmarks.clone(),
        vessels_by_numbers: false,
        rules: RuleSet::iaslc_2009(),
    };
    progress.report(crate::words::t("Drawing the stations"), 0, 1);
    let stations = draw_stations(&sources).map_err(|error| {
        PhantomError::TooSmall(match error {
            StationError::MissingOrgan(organ) => crate::tf!("no {organ} is on it", organ),
            StationError::NoCarina => crate::words::t("the carina is not on it").into(),
            StationError::NotAxial => crate::words::t("its slices are not axial").into(),
            out_of_order @ StationError::OutOfOrder { .. } => out_of_order.to_string(),
        })
    })?;
    progress.checkpoint()?;
    let involved = thorax.involved.clone();
    let ctv = structures::ctv(&painted, &stations.masks, &involved, &patient.traits.observer);
    let parts = structures::Parts {
        grid: &grid,
        gtvp: &painted.gtvp,
        gtvn: &painted.gtvn,
        ctv: &ctv,
        stations: &stations.masks,
        organs: &painted.organs,
    };
    let set = structures::structure_set(config.seed, &parts, progress)?;
    Ok(Phantom {
        seed: config.seed,
        volume: CtVolume::new(grid, painted.hu),
        structures: set,
        station_masks: stations.masks.clone(),
        stations,
        organs: painted.organs,
        gtvp: painted.gtvp,
        gtvn: painted.gtvn,
        ctv,
        landmarks,
        involved,
    })
}
