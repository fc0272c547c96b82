//! How far patients and their scans differ: everything that a population draws beyond the reference thorax.
//!
//! Each group of traits has a random stream of its own, so a change to one leaves the others as they are.

use super::patient::{Patient, Tissue};
use glam::DVec3;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// How widely the patients of a configuration differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::Display, strum::EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum Variation {
    /// Healthy variation around one thorax, scanned on one scanner.
    #[default]
    Reference,
    /// The planning CTs of a department: bodies, scanners, vessels and disease of all sorts.
    Population,
}

/// Where the arms lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arms {
    /// Out of the scan.
    Out,
    Up,
    Down,
}

/// How the branches leave the (left) aortic arch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    ThreeBranches,
    /// The left carotid leaves the brachiocephalic trunk.
    Bovine,
    /// The right subclavian artery is the last branch and passes behind the oesophagus.
    AberrantSubclavian,
}

/// Contrast medium during the scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// As the reference thorax has it.
    Mixed,
    Plain,
    Late,
    /// The veins of one arm are full of contrast medium.
    Early,
}

/// The table under the patient, mm and HU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Table {
    pub gap_mm: f32,
    /// Sag of the surface, mm per mm² from the middle.
    pub sag: f32,
    pub thick_mm: f32,
    pub core_hu: f32,
    pub shell_hu: f32,
}

/// A collapsed lobe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lobe {
    RightUpper,
    RightLower,
    LeftUpper,
    LeftLower,
}

/// The primary tumor, as far as the body answers to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Primary {
    /// -1 right, 1 left.
    pub side: f32,
    /// Largest diameter in the patient, mm.
    pub diameter_mm: f32,
    /// At the hilum or in the mediastinum, not in the lung.
    pub central: bool,
}

/// The scanner and what it adds to the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// Standard deviation of the noise in a patient of usual size, HU.
    pub noise_hu: f32,
    /// Correlation length of the noise, mm.
    pub grain_mm: f32,
    /// Factor on the width of edges.
    pub blur: f32,
    /// Overshoot at edges as sharp kernels have it, 0 to 1.
    pub sharpen: f32,
    /// Share of each neighboring slice in a slice (slices thicker than their distance).
    pub overlap: f32,
    pub offset_hu: f32,
    pub gain: f32,
    /// Horizontal streaks where much bone and tissue lies along a row, HU.
    pub shoulder_hu: f32,
    /// Streaks around dense veins, as a factor.
    pub vein_streaks: f32,
    /// Diameter of the round field of view, mm; outside it there is no picture.
    pub field_mm: f32,
    /// Top of the scan above that of the reference scan, mm.
    pub top_mm: f64,
}

/// What an observer adds around the GTV.
#[derive(Debug, Clone, PartialEq)]
pub struct Observer {
    pub margin_mm: f32,
    /// Irregularity of the hand, mm.
    pub wobble_mm: f32,
    /// Involved stations are included as a whole, else only near the nodes.
    pub whole_stations: bool,
    /// No station at all: the nodes with a margin.
    pub nodes_only: bool,
    /// One neighboring station is included.
    pub neighbor: bool,
}

/// Everything beyond the reference thorax.
#[derive(Debug, Clone, PartialEq)]
pub struct Traits {
    pub variation: Variation,
    pub age: f32,
    /// Fat between mediastinal organs and lung beyond the usual, mm.
    pub mediastinal_fat_mm: f32,
    /// Strands, small vessels and rests of the thymus in the fat of the mediastinum, 0 to 1.
    pub strands: f32,
    /// The diaphragm above its usual height, mm.
    pub diaphragm_mm: f32,
    pub arms: Arms,
    pub table: Table,
    /// 0 none to 1 severe.
    pub emphysema: f32,
    /// Shift of the mediastinum to the left, mm, and the height at which it is greatest.
    pub shift_mm: f64,
    pub shift_z: f64,
    pub arch: Arch,
    /// Rise of the aortic arch with age, mm.
    pub elongation_mm: f32,
    /// Heights of the azygos arch and of the left brachiocephalic vein above the usual, mm.
    pub azygos_mm: f32,
    pub innominate_mm: f32,
    /// Factor on the pulmonary arteries.
    pub pulmonary: f32,
    pub phase: Phase,
    /// Side of the injected arm: -1 right, 1 left.
    pub injected: f32,
    /// CT number of veins that hold no contrast medium in the early phase, HU.
    pub plain_vein: f32,
    /// Fluid in the right and left pleural space, greatest thickness in mm.
    pub effusion_mm: [f32; 2],
    pub collapse: Option<Lobe>,
    /// None in patients without one, or whose tumor is gone.
    pub primary: Option<Primary>,
    /// One node station is bulky.
    pub bulky: bool,
    /// A metal can under the left or right clavicle: -1 right, 1 left.
    pub pacemaker: Option<f32>,
    /// A port with its catheter in the vena cava.
    pub port: bool,
    pub scan: Scan,
    pub observer: Observer,
}

impl Default for Traits {
    /// The reference thorax: nothing added.
    fn default() -> Self {
        Self {
            variation: Variation::Reference,
            age: 60.0,
            mediastinal_fat_mm: 0.0,
            strands: 0.0,
            diaphragm_mm: 0.0,
            arms: Arms::Out,
            table: Table { gap_mm: 0.0, sag: 0.0, thick_mm: 40.0, core_hu: 45.0, shell_hu: 520.0 },
            emphysema: 0.0,
            shift_mm: 0.0,
            shift_z: 0.0,
            arch: Arch::ThreeBranches,
            elongation_mm: 0.0,
            azygos_mm: 0.0,
            innominate_mm: 0.0,
            pulmonary: 1.0,
            phase: Phase::Mixed,
            injected: 1.0,
            plain_vein: 45.0,
            effusion_mm: [0.0; 2],
            collapse: None,
            primary: None,
            bulky: false,
            pacemaker: None,
            port: false,
            scan: Scan {
                noise_hu: 11.0,
                grain_mm: 1.0,
                blur: 1.0,
                sharpen: 0.0,
                overlap: 0.0,
                offset_hu: 0.0,
                gain: 1.0,
                shoulder_hu: 0.0,
                vein_streaks: 0.0,
                field_mm: 1e4,
                top_mm: 0.0,
            },
            observer: Observer {
                margin_mm: super::render::CTV_MARGIN_MM,
                wobble_mm: 0.0,
                whole_stations: false,
                nodes_only: false,
                neighbor: false,
            },
        }
    }
}

/// First stream of the population; those below belong to the reference thorax.
const STREAMS: u64 = 40;

impl Patient {
    /// A patient of the population. The same seed has nothing but its reference body in common with [`Patient::new`].
    pub fn population(seed: u64) -> Self {
        let mut patient = Self::new(seed);
        let mut traits = Traits { variation: Variation::Population, ..Traits::default() };
        body(&mut patient, &mut traits);
        vessels(&mut patient, &mut traits);
        contrast(&mut patient, &mut traits);
        disease(&patient, &mut traits);
        scanner(&patient, &mut traits);
        observer(&patient, &mut traits);
        patient.traits = traits;
        patient
    }
}

/// Size, age, posture, fat, breathing, arms and table.
fn body(patient: &mut Patient, traits: &mut Traits) {
    let r = &mut patient.stream(STREAMS);
    traits.age = r.random_range(42.0..88.0);
    let old = (traits.age - 60.0) / 28.0;
    let size = r.random_range(0.88..1.14) * if patient.female { 0.965 } else { 1.02 };
    let emphysema = r.random_range(0.0f32..1.0);
    traits.emphysema = if r.random_bool(0.35) { emphysema } else { 0.0 };
    // Emphysema and age make the chest deep.
    let deep = 1.0 + 0.05 * f64::from(traits.emphysema) + r.random_range(-0.07..0.09);
    let scale = DVec3::new(
        size * r.random_range(0.91..1.05),
        size * deep * 1.03,
        size * r.random_range(0.93..1.07) * (1.0 - 0.02 * f64::from(old.max(0.0))),
    );
    let kyphosis = r.random_range(-1.2..1.4) + if old > 0.0 { f64::from(old) * r.random_range(0.0..3.0) } else { 0.0 };
    let scoliosis = [r.random_range(-5.0..5.0), r.random_range(0.0..6.3)];
    patient.pose(scale.clamp(DVec3::splat(0.82), DVec3::splat(1.22)), kyphosis, scoliosis);
    patient.fat_mm = match r.random_range(0..10) {
        0 | 1 => r.random_range(2.5..7.0),
        2..=6 => r.random_range(6.0..20.0),
        _ => r.random_range(18.0..44.0),
    };
    // Fat inside goes with fat outside, loosely.
    traits.mediastinal_fat_mm = ((patient.fat_mm - 13.0) * 0.07 + r.random_range(-1.3f32..1.3)).clamp(-1.5, 2.8);
    traits.strands = r.random_range(0.0f32..1.0).powi(2);
    // 0 deep inspiration, 1 expiration.
    let breath = r.random_range(0.0f32..1.0);
    traits.diaphragm_mm = -13.0 + 27.0 * breath - 6.0 * traits.emphysema + r.random_range(-3.0..3.0);
    patient.tissue.lung = -880.0 + 125.0 * breath * breath - 25.0 * traits.emphysema + r.random_range(-15.0f32..15.0);
    patient.heart = r.random_range(0.97..1.17) + 0.04 * breath + 0.1 * old.max(0.0) * r.random_range(0.0f32..1.0);
    traits.shift_mm = r.random_range(-4.0..4.0);
    traits.shift_z = r.random_range(-60.0..30.0);
    traits.arms = if r.random_bool(0.22) { Arms::Down } else { Arms::Up };
    traits.table = match r.random_range(0..4) {
        // A flat top of carbon fiber for treatment, with or without a mat.
        0 | 1 => Table {
            gap_mm: r.random_range(0.0..9.0),
            sag: 0.0,
            thick_mm: r.random_range(18.0..50.0),
            core_hu: r.random_range(20.0..110.0),
            shell_hu: r.random_range(400.0..1300.0),
        },
        // A curved diagnostic table.
        2 => Table {
            gap_mm: r.random_range(4.0..14.0),
            sag: r.random_range(0.0008..0.0019),
            thick_mm: r.random_range(14.0..36.0),
            core_hu: r.random_range(15.0..80.0),
            shell_hu: r.random_range(500.0..1500.0),
        },
        // A vacuum bag: thick, light.
        _ => Table {
            gap_mm: 0.0,
            sag: r.random_range(0.0002..0.0012),
            thick_mm: r.random_range(22.0..48.0),
            core_hu: r.random_range(25.0..180.0),
            shell_hu: r.random_range(60.0..300.0),
        },
    };
    let bone = 1.0 - 0.28 * old;
    patient.tissue.cancellous = bone * r.random_range(110.0f32..230.0);
    patient.tissue.cortical = bone * r.random_range(430.0f32..760.0);
    patient.tissue.muscle = r.random_range(38.0..66.0) - 8.0 * old.max(0.0);
    patient.tissue.fat = r.random_range(-116.0..-90.0);
}

/// The aorta and its branches, and where the veins cross.
fn vessels(patient: &mut Patient, traits: &mut Traits) {
    let r = &mut patient.stream(STREAMS + 1);
    let old = ((traits.age - 50.0) / 38.0).clamp(0.0, 1.0);
    let ticket = r.random_range(0..1000);
    traits.arch = match ticket {
        0..150 => Arch::Bovine,
        150..160 => Arch::AberrantSubclavian,
        _ => Arch::ThreeBranches,
    };
    traits.elongation_mm = r.random_range(-4.0..4.0) + 7.0 * old * r.random_range(0.0f32..1.0);
    traits.azygos_mm = r.random_range(-4.0..7.0);
    traits.innominate_mm = r.random_range(-3.0..8.0) + 0.4 * traits.elongation_mm.max(0.0);
    traits.pulmonary = r.random_range(0.88..1.12) + if r.random_bool(0.15) { 0.14 } else { 0.0 };
    patient.caliber = [
        r.random_range(0.86..1.02) + 0.2 * old * r.random_range(0.2f32..1.0),
        r.random_range(0.78..1.2),
        r.random_range(0.84..1.14),
    ];
    patient.trachea_lean_mm = r.random_range(-6.0..6.0);
}

/// Contrast medium: none in a third, an early phase in a fifth.
fn contrast(patient: &mut Patient, traits: &mut Traits) {
    let r = &mut patient.stream(STREAMS + 2);
    traits.phase = match r.random_range(0..100) {
        0..34 => Phase::Plain,
        34..80 => Phase::Late,
        _ => Phase::Early,
    };
    traits.injected = if r.random_bool(0.6) { -1.0 } else { 1.0 };
    let blood = r.random_range(30.0f32..50.0);
    traits.plain_vein = blood + r.random_range(0.0..25.0);
    let t: &mut Tissue = &mut patient.tissue;
    let soft = r.random_range(0.0f32..1.0);
    match traits.phase {
        Phase::Plain | Phase::Mixed => {
            (t.aorta, t.pulmonary, t.cava, t.azygos, t.left_heart) = (blood, blood, blood, blood, blood);
            (t.myocardium, t.liver, t.spleen) = (blood + 4.0, r.random_range(25.0..66.0), r.random_range(40.0..54.0));
        }
        Phase::Late => {
            let level = r.random_range(85.0f32..190.0);
            t.aorta = level * r.random_range(0.95..1.12);
            t.pulmonary = level * r.random_range(0.92..1.1);
            t.cava = level * r.random_range(0.85..1.15);
            t.azygos = level * r.random_range(0.75..1.0);
            t.left_heart = t.aorta * r.random_range(0.93..1.02);
            (t.myocardium, t.liver, t.spleen) = (80.0 + 30.0 * soft, 75.0 + 45.0 * soft, 95.0 + 30.0 * soft);
        }
        Phase::Early => {
            t.cava = r.random_range(260.0..950.0);
            t.pulmonary = r.random_range(170.0..460.0);
            t.aorta = r.random_range(70.0..400.0);
            t.azygos = if r.random_bool(0.15) { 0.5 * t.cava } else { blood };
            t.left_heart = t.aorta * r.random_range(0.95..1.15);
            (t.myocardium, t.liver, t.spleen) = (60.0 + 50.0 * soft, 50.0 + 30.0 * soft, 70.0 + 60.0 * soft);
        }
    }
    t.thyroid =
        r.random_range(75.0..125.0) + if traits.phase == Phase::Plain { 0.0 } else { r.random_range(20.0..80.0) };
    let enhanced = if traits.phase == Phase::Plain { 0.0 } else { 18.0 };
    t.node = r.random_range(28.0..52.0) + enhanced * r.random_range(0.2f32..1.8);
    t.tumor = r.random_range(26.0..50.0) + enhanced * r.random_range(0.0f32..2.0);
    t.esophagus = r.random_range(26.0..46.0) + 0.6 * enhanced;
}

/// Largest and smallest diameter of a primary tumor, mm in the patient.
pub const TUMOR_MM: [f32; 2] = [10.0, 150.0];

/// Tumor, fluid, collapse and devices.
fn disease(patient: &Patient, traits: &mut Traits) {
    let r = &mut patient.stream(STREAMS + 3);
    let [least, most] = TUMOR_MM;
    // Most are small; one in four is larger than 8 cm.
    let primary = Primary {
        side: if r.random_bool(0.57) { -1.0 } else { 1.0 },
        diameter_mm: least + (most - least) * r.random_range(0.0f32..1.0).powf(2.1),
        central: r.random_bool(0.45),
    };
    // Small cell carcinoma has bulky nodes, often beside a small tumor.
    traits.bulky = r.random_bool(0.3);
    let push = 0.11 * (f64::from(primary.diameter_mm) - 45.0).max(0.0) * r.random_range(0.2..1.2);
    if r.random_bool(0.93) {
        traits.primary = Some(primary);
        traits.shift_mm -= f64::from(primary.side) * push;
    }
    for side in &mut traits.effusion_mm {
        if r.random_bool(0.09) {
            *side = r.random_range(8.0..55.0);
        }
    }
    // Behind a tumor mostly, so on its side.
    let lobe = match (primary.side > 0.0, r.random_bool(0.5)) {
        (false, false) => Lobe::RightUpper,
        (false, true) => Lobe::RightLower,
        (true, false) => Lobe::LeftUpper,
        (true, true) => Lobe::LeftLower,
    };
    if r.random_bool(0.09) {
        traits.collapse = Some(lobe);
        // Collapse pulls the mediastinum to its side.
        let side = if matches!(lobe, Lobe::RightUpper | Lobe::RightLower) { -1.0 } else { 1.0 };
        traits.shift_mm = (traits.shift_mm + side * r.random_range(2.0..11.0)).clamp(-15.0, 15.0);
        traits.shift_z = if matches!(lobe, Lobe::RightUpper | Lobe::LeftUpper) { 20.0 } else { -50.0 };
    }
    let side = if r.random_bool(0.8) { 1.0 } else { -1.0 };
    traits.pacemaker = r.random_bool(0.05).then_some(side);
    traits.port = r.random_bool(0.15);
}

/// Kernel, dose, artifacts and field of view.
fn scanner(patient: &Patient, traits: &mut Traits) {
    let r = &mut patient.stream(STREAMS + 4);
    // 0 smooth, 1 sharp; sharp kernels are noisy.
    let kernel = r.random_range(0.0f32..1.0);
    let dose = r.random_range(0.0f32..1.0);
    let vein_streaks = r.random_range(0.25..1.2);
    traits.scan = Scan {
        noise_hu: (5.0 + 9.0 * dose + 30.0 * kernel.powi(3) * (0.3 + 0.7 * dose)).min(45.0),
        grain_mm: 1.7 - 1.4 * kernel,
        blur: 1.5 - 0.8 * kernel,
        sharpen: (kernel - 0.55).max(0.0) * r.random_range(0.3..1.6),
        overlap: if r.random_bool(0.5) { 0.0 } else { r.random_range(0.03..0.18) },
        offset_hu: r.random_range(-10.0..10.0),
        gain: r.random_range(0.985..1.015),
        shoulder_hu: r.random_range(2.0..26.0) * (0.3 + 0.7 * dose),
        vein_streaks: if traits.phase == Phase::Early { vein_streaks } else { 0.0 },
        field_mm: if r.random_bool(0.25) { r.random_range(320.0..420.0) } else { r.random_range(420.0..600.0) },
        top_mm: r.random_range(-18.0..14.0),
    };
}

fn observer(patient: &Patient, traits: &mut Traits) {
    let r: &mut ChaCha8Rng = &mut patient.stream(STREAMS + 5);
    let style = r.random_range(0..10);
    traits.observer = Observer {
        margin_mm: r.random_range(5.0..10.0),
        wobble_mm: r.random_range(0.4..1.8),
        whole_stations: style < 3,
        nodes_only: style >= 7,
        neighbor: r.random_bool(0.2),
    };
}

impl Traits {
    /// CT number of a vein at a reference point, HU. `stream` lies between -1 and 1: contrast medium and plain blood
    /// mix in streams.
    pub fn vein(&self, tissue: &Tissue, [x, z]: [f32; 2], stream: f32) -> f32 {
        if self.phase != Phase::Early {
            let part = if self.variation == Variation::Reference && z < -90.0 { -0.45 } else { 0.18 * stream };
            return tissue.cava + (tissue.cava - 40.0) * part;
        }
        let plain = self.plain_vein + 12.0 * stream;
        if z < -90.0 {
            return plain;
        }
        // The veins of the injected arm, and all below their confluence; the jugular vein of that side stays plain.
        let dense = if z < 42.0 && x < -18.0 {
            1.0
        } else if self.injected > 0.0 {
            if x > -30.0 { 1.0 } else { 0.0 }
        } else if x < -30.0 {
            1.0
        } else {
            0.0
        };
        let jugular = if z > 95.0 && x.abs() < 48.0 { 0.0 } else { 1.0 };
        let mixed = 1.0 - 0.3 * (0.5 + 0.5 * stream);
        plain + (tissue.cava * mixed - plain) * dense * jugular
    }
}
