//! The organs of the reference thorax as solids, and the landmarks that follow from them.
//!
//! Coordinates are reference mm: x to the left, y to the back, z to the head, carina at the origin.

use super::disease;
use super::envelope::{Level, MANUBRIUM_TOP, spine_front, sternum_back};
use super::patient::Patient;
use super::solids::{FAR_MM, Solid};
use super::tree::{Tree, grow};
use super::tumor::{self, Lesion};
use super::variation::{Arch, Traits, Variation};
use crate::anatomy::{LandmarkId, LandmarkSource, Landmarks, Organ};
use crate::structures::Station;
use glam::{DVec3, Mat3, Vec3};

/// How a solid is painted, in painting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Fat that keeps lung or muscle away and shows as fat.
    FatPad,
    Muscle,
    Spleen,
    Stomach,
    StomachAir,
    Thyroid,
    Bone,
    Esophagus,
    Myocardium,
    RightHeart,
    LeftHeart,
    PulmonaryVein,
    Vein,
    Azygos,
    PulmonaryArtery,
    Artery,
    Airway,
    Catheter,
    Metal,
}

/// One organ of the thorax.
#[derive(Debug, Clone)]
pub struct Piece {
    pub kind: Kind,
    pub organ: Option<Organ>,
    pub solid: Solid,
    /// Fat between the solid and the lung, mm; `None` lets the lung ignore the solid.
    pub pad_mm: Option<f32>,
}

/// Length over which the fat around mediastinal organs melts together, mm.
pub const MELT_MM: f32 = 4.0;
/// How far from a mediastinal organ its fat is computed, mm.
pub const REACH_MM: f32 = 15.0;

/// The reference thorax of one patient, with disease.
#[derive(Debug)]
pub struct Thorax {
    pub pieces: Vec<Piece>,
    pub tree: Tree,
    pub gtvp: Option<Lesion>,
    pub gtvn: Vec<Lesion>,
    pub small_nodes: Solid,
    /// Stations of the nodes of `gtvn`, in the order of stations, each once.
    pub involved: Vec<Station>,
}

fn mirror(points: &[[f32; 4]]) -> Vec<[f32; 4]> {
    points.iter().map(|[x, y, z, r]| [-x, *y, *z, *r]).collect()
}

fn scaled(points: &[[f32; 4]], factor: f32) -> Vec<[f32; 4]> {
    points.iter().map(|[x, y, z, r]| [*x, *y, *z, r * factor]).collect()
}

/// Center of the trachea at a height above the carina.
fn trachea(patient: &Patient, z: f32) -> [f32; 2] {
    let t = (z / 116.0).max(0.0);
    // The arch pushes the trachea to the right a little.
    let push = -2.0 * (-((z - 34.0) / 18.0).powi(2)).exp();
    [push + patient.trachea_lean_mm * t * t, spine_front(z) - 22.5]
}

const RIGHT_MAIN: [[f32; 4]; 3] = [[-2.5, 1.5, 13.0, 8.0], [-10.0, 3.0, 0.0, 7.8], [-23.0, 6.0, -17.0, 7.0]];
const RIGHT_UPPER: [[f32; 4]; 3] = [[-21.0, 5.0, -12.0, 5.6], [-35.0, 4.0, -8.5, 5.2], [-50.0, 3.0, -4.0, 4.4]];
const INTERMEDIUS: [[f32; 4]; 3] = [[-23.0, 6.0, -17.0, 6.6], [-28.0, 9.0, -29.0, 5.8], [-32.0, 11.0, -42.0, 5.6]];
const RIGHT_MIDDLE: [[f32; 4]; 3] = [[-32.0, 9.0, -42.0, 4.4], [-41.0, -4.0, -50.0, 3.8], [-52.0, -18.0, -58.0, 3.2]];
const RIGHT_LOWER: [[f32; 4]; 3] = [[-32.0, 11.0, -42.0, 5.4], [-38.0, 20.0, -56.0, 4.8], [-46.0, 28.0, -74.0, 4.0]];
const LEFT_MAIN: [[f32; 4]; 4] =
    [[2.0, 1.5, 13.0, 7.6], [9.5, 3.0, 0.0, 6.9], [26.0, 6.0, -18.0, 6.4], [43.0, 9.0, -31.0, 6.2]];
const LEFT_UPPER: [[f32; 4]; 3] = [[42.0, 8.0, -30.5, 5.4], [54.0, -1.0, -31.0, 4.8], [68.0, -10.0, -26.0, 4.2]];
const LEFT_LOWER: [[f32; 4]; 4] =
    [[43.0, 9.0, -31.0, 5.6], [46.0, 14.0, -40.0, 5.0], [48.0, 21.0, -54.0, 4.7], [54.0, 28.0, -72.0, 4.0]];

const LEFT_PULMONARY: [[f32; 4]; 6] = [
    [20.0, -27.0, -17.0, 12.0],
    [32.0, -12.0, -10.0, 11.5],
    [44.0, 5.0, -9.5, 10.5],
    [53.0, 19.0, -21.0, 8.5],
    [58.0, 24.0, -40.0, 7.0],
    [62.0, 30.0, -62.0, 5.2],
];

const AZYGOS_ARCH: [[f32; 4]; 6] = [
    [-11.0, 21.0, 2.0, 3.8],
    [-15.0, 17.0, 12.0, 4.4],
    [-22.0, 8.0, 16.0, 4.8],
    [-28.0, -4.0, 15.5, 5.0],
    [-33.0, -16.0, 14.5, 5.0],
    [-37.0, -26.0, 13.5, 5.0],
];

const LEFT_BRACHIOCEPHALIC: [[f32; 4]; 7] = [
    [36.0, -38.0, 82.0, 7.0],
    [31.0, -41.0, 72.0, 7.2],
    [20.0, -46.0, 64.0, 7.2],
    [2.0, -48.0, 57.0, 7.2],
    [-14.0, -46.0, 51.0, 7.4],
    [-29.0, -39.0, 44.0, 7.8],
    [-37.0, -34.0, 39.0, 8.2],
];

/// The aorta from the valve to below the diaphragm.
fn aorta(factor: f32, rise: f32) -> Vec<[f32; 4]> {
    let near_spine = |x: f32, dy: f32, z: f32, r: f32| [x, spine_front(z) + dy, z, r];
    let mut points = [
        [5.0, -27.0, -62.0, 14.0],
        [-3.0, -34.0, -45.0, 15.5],
        [-11.0, -39.0, -22.0, 15.8],
        [-14.0, -40.0, 0.0, 15.5],
        [-10.0, -40.0, 18.0, 14.6],
        [3.0, -36.0, 30.0, 13.6],
        [19.0, -23.0, 34.0, 13.0],
        [27.0, -5.0, 33.5, 12.6],
        [29.0, 12.0, 27.0, 12.3],
        [29.0, 23.0, 13.0, 12.1],
        near_spine(28.0, 5.0, -5.0, 12.0),
        near_spine(26.0, 4.0, -40.0, 11.8),
        near_spine(22.0, 1.0, -90.0, 11.4),
        near_spine(14.0, -6.0, -140.0, 11.0),
        near_spine(7.0, -11.0, -225.0, 10.6),
    ];
    if rise != 0.0 {
        for p in &mut points {
            // An old aorta is long: the arch rises and swings out.
            let part = ((p[2] + 20.0) / 50.0).clamp(0.0, 1.0);
            p[2] += rise * part;
            p[0] += 0.25 * rise * if p[0] < 0.0 { -part } else { part };
        }
    }
    scaled(&points, factor)
}

/// The azygos arch of a patient.
fn azygos_arch(traits: &Traits) -> Vec<[f32; 4]> {
    let lift = |[x, y, z, r]: &[f32; 4]| [*x, *y, *z + traits.azygos_mm * ((z - 2.0) / 10.0).clamp(0.0, 1.0), *r];
    AZYGOS_ARCH.iter().map(lift).collect()
}

/// The left brachiocephalic vein of a patient; its end at the vena cava stays.
fn innominate(traits: &Traits) -> Vec<[f32; 4]> {
    let lift = |[x, y, z, r]: &[f32; 4]| [*x, *y, *z + traits.innominate_mm * ((x + 37.0) / 24.0).clamp(0.0, 1.0), *r];
    LEFT_BRACHIOCEPHALIC.iter().map(lift).collect()
}

/// Directions of an ellipsoid whose first axis points along `d`.
fn along(d: Vec3) -> Mat3 {
    let a = d.normalize();
    let b = a.cross(Vec3::Z).normalize();
    Mat3::from_cols(a, b, a.cross(b))
}

fn heart(patient: &Patient) -> Vec<Piece> {
    let h = patient.heart;
    let fat_mm = patient.traits.mediastinal_fat_mm;
    let pivot = Vec3::new(5.0, -22.0, -58.0);
    let ellipsoid = |center: [f32; 3], semi: [f32; 3], axes: Mat3, grow: f32| {
        let c = pivot + (Vec3::from(center) - pivot) * h;
        Solid::turned_ellipsoid(c.to_array(), semi.map(|s| s * h + grow), axes)
    };
    let apex = along(Vec3::new(0.74, -0.48, -0.46));
    let tilt = along(Vec3::new(0.8, -0.2, -0.5));
    let left = |grow| ellipsoid([39.0, -30.0, -91.0], [43.0, 27.0, 28.0], apex, grow);
    let right = |grow| ellipsoid([8.0, -54.0, -88.0], [39.0, 21.0, 30.0], tilt, grow);
    let right_atrium = |grow| ellipsoid([-33.0, -31.0, -79.0], [22.0, 23.0, 33.0], Mat3::IDENTITY, grow);
    let left_atrium = |grow| {
        // With its appendage, beside the pulmonary trunk.
        ellipsoid([3.0, -6.0, -61.0], [33.0, 16.0, 21.0], Mat3::IDENTITY, grow).and(ellipsoid(
            [36.0, -27.0, -47.0],
            [9.0, 15.0, 9.0],
            Mat3::from_rotation_z(0.5),
            grow,
        ))
    };
    let outflow = |grow: f32| {
        Solid::tube(&[
            [12.0, -62.0, -76.0, 15.0 + grow],
            [19.0, -57.0, -56.0, 13.0 + grow],
            [21.0, -48.0, -42.0, 12.0 + grow],
        ])
    };
    let piece = |kind, solid, organ, pad_mm| Piece { kind, organ, solid, pad_mm };
    let walls = left(0.0).and(right(0.0)).and(right_atrium(0.0)).and(left_atrium(0.0)).and(outflow(1.5));
    // Fat of the pericardium fills the grooves between the chambers.
    let fat = Solid { blend_mm: 10.0, ..left(0.0).and(right(0.0)).and(right_atrium(0.0)).and(left_atrium(0.0)) };
    vec![
        piece(Kind::FatPad, fat, None, Some(2.0 + fat_mm)),
        piece(Kind::Myocardium, walls, Some(Organ::Heart), Some(3.0 + fat_mm)),
        piece(Kind::RightHeart, right(-4.0).and(right_atrium(-2.5)).and(outflow(-1.0)), None, None),
        piece(Kind::LeftHeart, left(-10.5).and(left_atrium(-2.5)), None, None),
    ]
}

impl Thorax {
    pub fn new(patient: &Patient, disease: bool) -> Self {
        let [artery, vein, air] = patient.caliber;
        let mut pieces = heart(patient);
        let mut add = |kind, organ, solid, pad_mm: Option<f32>| pieces.push(Piece { kind, organ, solid, pad_mm });
        let traits = &patient.traits;
        let pad = Some(2.2 + traits.mediastinal_fat_mm);

        // Airway: a trachea slightly wider than deep, and the bronchi down to the lobes.
        let path: Vec<[f32; 4]> = [10.0f32, 24.0, 40.0, 60.0, 80.0, 100.0, 120.0, 150.0]
            .iter()
            .map(|&z| {
                let [x, y] = trachea(patient, z);
                [x, y, z, if z > 112.0 { 7.4 } else { 8.7 } * air]
            })
            .collect();
        let mut airway = Solid::squashed_tube(&path, [1.06, 0.98]);
        for bronchus in [
            &RIGHT_MAIN[..],
            &RIGHT_UPPER,
            &INTERMEDIUS,
            &RIGHT_MIDDLE,
            &RIGHT_LOWER,
            &LEFT_MAIN,
            &LEFT_UPPER,
            &LEFT_LOWER,
        ] {
            airway = airway.and(Solid::tube(&scaled(bronchus, air)));
        }
        add(Kind::Airway, Some(Organ::Airway), airway, Some(4.0 + traits.mediastinal_fat_mm));

        // Arteries.
        add(Kind::Artery, Some(Organ::Aorta), Solid::tube(&aorta(artery, traits.elongation_mm)), pad);
        let mut vessel = |organ, points: &[[f32; 4]], factor: f32, kind| {
            add(kind, Some(organ), Solid::tube(&scaled(points, factor)), pad);
        };
        let trunk =
            [[0.0, -33.0, 38.0, 6.8], [-8.0, -28.0, 53.0, 6.4], [-17.0, -25.0, 70.0, 6.0], [-20.0, -25.0, 74.0, 5.8]];
        vessel(Organ::BrachiocephalicTrunk, &trunk, artery, Kind::Artery);
        let carotid_r = [
            [-20.0, -25.0, 74.0, 4.2],
            [-23.0, -29.0, 90.0, 3.9],
            [-28.0, -37.0, 118.0, 3.7],
            [-30.0, -41.0, 150.0, 3.6],
        ];
        vessel(Organ::CarotidRight, &carotid_r, artery, Kind::Artery);
        let subclavian_r = [
            [-20.0, -25.0, 74.0, 5.2],
            [-30.0, -24.0, 84.0, 5.0],
            [-46.0, -20.0, 92.0, 4.8],
            [-72.0, -20.0, 96.0, 4.5],
            [-112.0, -16.0, 86.0, 4.2],
        ];
        // The last branch of the arch, behind the oesophagus.
        let aberrant = [
            [22.0, -2.0, 36.0, 6.4],
            [12.0, spine_front(48.0) - 2.5, 48.0, 4.8],
            [-4.0, spine_front(58.0) - 2.0, 58.0, 4.6],
            [-20.0, spine_front(72.0) - 6.0, 72.0, 4.8],
            [-34.0, -16.0, 86.0, 4.8],
            [-72.0, -20.0, 96.0, 4.5],
            [-112.0, -16.0, 86.0, 4.2],
        ];
        let subclavian_r = if traits.arch == Arch::AberrantSubclavian { &aberrant[..] } else { &subclavian_r[..] };
        vessel(Organ::SubclavianRight, subclavian_r, artery, Kind::Artery);
        let carotid_l = [
            [14.0, -27.0, 40.0, 4.6],
            [19.0, -22.0, 60.0, 4.2],
            [24.0, -28.0, 90.0, 3.9],
            [28.0, -37.0, 118.0, 3.7],
            [30.0, -41.0, 150.0, 3.6],
        ];
        let bovine = [
            [-4.0, -31.0, 46.0, 4.8],
            [6.0, -29.0, 54.0, 4.4],
            [17.0, -24.0, 66.0, 4.2],
            [24.0, -28.0, 90.0, 3.9],
            [28.0, -37.0, 118.0, 3.7],
            [30.0, -41.0, 150.0, 3.6],
        ];
        let carotid_l = if traits.arch == Arch::Bovine { &bovine[..] } else { &carotid_l[..] };
        vessel(Organ::CarotidLeft, carotid_l, artery, Kind::Artery);
        let subclavian_l = [
            [26.0, -7.0, 40.0, 5.8],
            [28.0, -3.0, 58.0, 5.2],
            [32.0, -8.0, 78.0, 5.0],
            [46.0, -17.0, 91.0, 4.8],
            [72.0, -20.0, 96.0, 4.5],
            [112.0, -16.0, 86.0, 4.2],
        ];
        vessel(Organ::SubclavianLeft, &subclavian_l, artery, Kind::Artery);

        // Pulmonary arteries.
        let trunk = [
            [19.0, -57.0, -54.0, 13.2],
            [22.0, -48.0, -40.0, 13.2],
            [21.0, -34.0, -25.0, 12.8],
            [20.0, -27.0, -17.0, 12.0],
        ];
        let right = [
            [19.0, -25.0, -18.0, 10.5],
            [6.0, -18.5, -19.0, 9.6],
            [-10.0, -14.0, -20.0, 9.3],
            [-26.0, -12.5, -21.0, 9.2],
            [-40.0, -4.0, -25.0, 8.6],
            [-46.0, 8.0, -36.0, 7.4],
            [-50.0, 18.0, -54.0, 5.6],
            [-54.0, 26.0, -70.0, 4.4],
        ];
        let anterior = [[-28.0, -12.5, -19.0, 6.0], [-40.0, -10.0, -12.0, 5.0], [-54.0, -8.0, -2.0, 4.0]];
        let left_upper = [[36.0, -8.0, -7.0, 5.5], [50.0, -14.0, -4.0, 4.4], [64.0, -16.0, 4.0, 3.6]];
        let pulmonary = artery.min(1.1) * traits.pulmonary;
        let lungs = Solid::tube(&scaled(&trunk, pulmonary))
            .and(Solid::tube(&scaled(&right, pulmonary)))
            .and(Solid::tube(&scaled(&anterior, pulmonary)))
            .and(Solid::tube(&scaled(&LEFT_PULMONARY, pulmonary)))
            .and(Solid::tube(&scaled(&left_upper, pulmonary)));
        add(Kind::PulmonaryArtery, Some(Organ::PulmonaryArtery), lungs, pad);

        // Veins.
        let cava = [
            [-37.0, -34.0, 40.0, 8.4],
            [-38.0, -33.0, 24.0, 8.8],
            [-38.0, -32.5, 0.0, 8.8],
            [-37.0, -32.0, -24.0, 9.0],
            [-35.0, -31.0, -52.0, 10.0],
        ];
        let mut vessel = |organ, points: &[[f32; 4]], kind| {
            add(kind, Some(organ), Solid::tube(&scaled(points, vein)), pad);
        };
        vessel(Organ::SuperiorVenaCava, &cava, Kind::Vein);
        vessel(Organ::BrachiocephalicVeinLeft, &innominate(traits), Kind::Vein);
        let right = [[-37.0, -34.0, 40.0, 8.0], [-38.0, -33.0, 60.0, 7.4], [-38.0, -36.0, 82.0, 7.0]];
        vessel(Organ::BrachiocephalicVeinRight, &right, Kind::Vein);
        let jugular =
            [[37.0, -38.0, 82.0, 6.6], [37.0, -39.0, 96.0, 6.4], [37.0, -42.0, 118.0, 6.4], [38.0, -44.0, 150.0, 6.2]];
        let subclavian =
            [[37.0, -38.0, 83.0, 6.4], [55.0, -40.0, 88.0, 6.0], [80.0, -34.0, 89.0, 5.6], [112.0, -24.0, 82.0, 5.0]];
        let others = Solid::tube(&scaled(&jugular, vein))
            .and(Solid::tube(&scaled(&subclavian, vein)))
            .and(Solid::tube(&scaled(&mirror(&jugular), vein)))
            .and(Solid::tube(&scaled(&mirror(&subclavian), vein)));
        add(Kind::Vein, Some(Organ::OtherVessels), others, pad);
        let inferior = [
            [-30.0, -22.0, -104.0, 11.5],
            [-27.0, -12.0, -125.0, 12.0],
            [-24.0, -4.0, -160.0, 12.0],
            [-22.0, 0.0, -230.0, 12.0],
        ];
        add(Kind::Vein, Some(Organ::OtherVessels), Solid::tube(&scaled(&inferior, vein)), pad);
        let rising = |z: f32, x: f32, r: f32| [x, spine_front(z) - 3.4, z, r];
        let below = [
            rising(-200.0, -3.0, 3.0),
            rising(-120.0, -7.0, 3.2),
            rising(-60.0, -9.5, 3.5),
            rising(-20.0, -10.5, 3.6),
            AZYGOS_ARCH[0],
        ];
        let arch = azygos_arch(traits);
        let azygos = Solid::tube(&scaled(&below, vein)).and(Solid::tube(&scaled(&arch, vein)));
        add(Kind::Azygos, Some(Organ::Azygos), azygos, pad);
        let veins = [
            &[[-22.0, -10.0, -52.0, 7.5], [-38.0, -14.0, -45.0, 6.6], [-54.0, -20.0, -36.0, 5.2]][..],
            &[[-24.0, -2.0, -66.0, 7.2], [-38.0, 6.0, -68.0, 6.2], [-54.0, 16.0, -74.0, 4.8]],
            &[[26.0, -10.0, -52.0, 7.0], [40.0, -14.0, -44.0, 6.2], [56.0, -18.0, -36.0, 5.0]],
            &[[28.0, -2.0, -64.0, 7.0], [42.0, 6.0, -67.0, 6.0], [58.0, 16.0, -74.0, 4.8]],
        ]
        .iter()
        .fold(Solid::default(), |all, points| all.and(Solid::tube(&scaled(points, vein))));
        add(Kind::PulmonaryVein, Some(Organ::PulmonaryVein), veins, pad);

        // Oesophagus between trachea and spine, then in front of the aorta.
        let gullet = |x: f32, z: f32, dy: f32, r: f32| [x, spine_front(z) + dy, z, r];
        let esophagus = [
            gullet(1.5, 150.0, -6.2, 5.4),
            gullet(3.0, 110.0, -6.2, 5.6),
            gullet(5.0, 60.0, -6.4, 5.8),
            gullet(4.0, 20.0, -6.4, 5.8),
            gullet(3.5, 0.0, -6.8, 5.8),
            gullet(4.5, -40.0, -7.4, 5.8),
            gullet(6.0, -80.0, -11.0, 5.9),
            gullet(10.0, -115.0, -19.0, 6.2),
            gullet(18.0, -138.0, -27.0, 6.8),
            gullet(32.0, -152.0, -34.0, 8.0),
        ];
        add(Kind::Esophagus, Some(Organ::Esophagus), Solid::squashed_tube(&esophagus, [1.3, 0.85]), pad);

        // Fat that no vessel holds open: behind the sternum, the aortopulmonary window, the hila, the carina.
        let behind_sternum: Vec<[f32; 4]> =
            [-80.0f32, -40.0, 0.0, 30.0, 55.0].iter().map(|&z| [2.0, sternum_back(z) + 6.0, z, 7.0]).collect();
        let fat = Solid::tube(&behind_sternum)
            .and(Solid::ellipsoid([20.0, -18.0, 12.0], [12.0, 14.0, 14.0]))
            .and(Solid::ellipsoid([14.0, -47.0, 24.0], [12.0, 12.0, 20.0]))
            .and(Solid::ellipsoid([-18.0, -20.0, 28.0], [13.0, 15.0, 24.0]))
            .and(Solid::ellipsoid([2.0, 4.0, -18.0], [18.0, 9.0, 20.0]))
            .and(Solid::ellipsoid([0.0, -26.0, 66.0], [24.0, 20.0, 22.0]))
            .and(Solid::ellipsoid([16.0, -20.0, -34.0], [24.0, 18.0, 14.0]))
            .and(Solid::ellipsoid([7.0, -4.0, -88.0], [20.0, 17.0, 34.0]))
            .and(Solid::ellipsoid([4.0, -34.0, -112.0], [44.0, 32.0, 16.0]))
            .and(Solid::ellipsoid([-40.0, 4.0, -30.0], [10.0, 12.0, 26.0]))
            .and(Solid::ellipsoid([50.0, 8.0, -30.0], [11.0, 13.0, 26.0]));
        add(Kind::FatPad, None, fat, Some(1.0 + traits.mediastinal_fat_mm));
        let neck: Vec<[f32; 4]> =
            [70.0f32, 90.0, 110.0, 150.0].iter().map(|&z| [0.0, spine_front(z) - 21.0, z, 15.0]).collect();
        add(Kind::FatPad, None, Solid::squashed_tube(&neck, [2.3, 1.0]), None);
        // Axillary fat.
        let axilla = [[112.0, -24.0, 92.0, 15.0], [128.0, -18.0, 60.0, 20.0], [140.0, -8.0, 15.0, 14.0]];
        add(Kind::FatPad, None, Solid::tube(&axilla).and(Solid::tube(&mirror(&axilla))), None);

        // Neck and shoulder.
        let both = |points: &[[f32; 4]], squash| {
            Solid::squashed_tube(points, squash).and(Solid::squashed_tube(&mirror(points), squash))
        };
        let mastoid =
            [[47.0, -42.0, 150.0, 8.0], [40.0, -52.0, 118.0, 8.0], [28.0, -56.0, 95.0, 7.0], [18.0, -58.0, 80.0, 5.0]];
        let scalene = [[24.0, -10.0, 150.0, 7.0], [30.0, -8.0, 118.0, 8.0], [44.0, -6.0, 96.0, 7.0]];
        let strap = [[9.0, -47.0, 150.0, 4.5], [9.0, -47.0, 115.0, 4.5], [9.0, -51.0, 82.0, 4.0]];
        let long = [[7.0, -19.0, 150.0, 5.0], [8.0, -6.0, 100.0, 5.0], [8.0, 2.0, 78.0, 4.0]];
        let behind = |z: f32| spine_front(z) + 44.0;
        let nape =
            [[17.0, behind(150.0), 150.0, 14.0], [20.0, behind(112.0), 112.0, 16.0], [25.0, behind(80.0), 80.0, 15.0]];
        let levator = [[37.0, 0.0, 150.0, 8.0], [43.0, 18.0, 115.0, 9.0], [62.0, 46.0, 86.0, 9.0]];
        let trapezius =
            [[20.0, 44.0, 150.0, 6.0], [44.0, 52.0, 112.0, 8.0], [82.0, 52.0, 96.0, 9.0], [118.0, 36.0, 88.0, 9.0]];
        let deltoid = [[120.0, -6.0, 84.0, 13.0], [136.0, 14.0, 72.0, 15.0], [140.0, 34.0, 50.0, 12.0]];
        let cuff = |side: f32| {
            let turn = Mat3::from_rotation_z(-side * 0.62) * Mat3::from_rotation_y(side * 0.12);
            Solid::turned_ellipsoid([side * 105.0, 65.0, 12.0], [40.0, 13.5, 60.0], turn)
        };
        let muscles = both(&mastoid, [1.2, 0.8])
            .and(both(&scalene, [1.0, 1.2]))
            .and(both(&strap, [1.6, 0.7]))
            .and(both(&long, [1.3, 0.8]))
            .and(both(&nape, [1.25, 0.95]))
            .and(both(&levator, [1.0, 1.0]))
            .and(both(&trapezius, [1.2, 0.7]))
            .and(both(&deltoid, [1.0, 1.3]))
            .and(cuff(1.0))
            .and(cuff(-1.0));
        add(Kind::Muscle, None, muscles, None);
        let [tx, ty] = trachea(patient, 112.0);
        let thyroid = Solid::ellipsoid([tx - 16.0, ty + 1.0, 110.0], [8.0, 10.0, 22.0])
            .and(Solid::ellipsoid([tx + 16.0, ty + 1.0, 110.0], [7.5, 10.0, 21.0]))
            .and(Solid::ellipsoid([tx, ty - 11.0, 103.0], [13.0, 3.5, 7.0]));
        add(Kind::Thyroid, Some(Organ::Thyroid), thyroid, None);
        let clavicle = [
            [19.0, -60.0, 74.0, 9.0],
            [32.0, -62.0, 79.0, 6.5],
            [60.0, -60.0, 87.0, 5.5],
            [90.0, -38.0, 93.0, 5.5],
            [116.0, -6.0, 95.0, 6.5],
        ];
        add(Kind::Bone, Some(Organ::ClavicleLeft), Solid::tube(&clavicle), None);
        add(Kind::Bone, Some(Organ::ClavicleRight), Solid::tube(&mirror(&clavicle)), None);
        let blade = |side: f32| {
            let turn = Mat3::from_rotation_z(-side * 0.62) * Mat3::from_rotation_y(side * 0.12);
            let ridge =
                [[side * 84.0, 83.0, 46.0, 3.5], [side * 108.0, 74.0, 58.0, 4.0], [side * 128.0, 50.0, 78.0, 6.0]];
            let socket = [[side * 124.0, 32.0, 72.0, 11.0], [side * 120.0, 44.0, 58.0, 7.0]];
            Solid::turned_ellipsoid([side * 106.0, 63.0, 14.0], [38.0, 3.6, 62.0], turn)
                .and(Solid::tube(&ridge))
                .and(Solid::tube(&socket))
        };
        add(Kind::Bone, Some(Organ::Scapulae), blade(1.0).and(blade(-1.0)), None);

        if traits.variation == Variation::Population {
            disease::devices(traits, &mut add);
        }

        // Under the diaphragm.
        add(Kind::Spleen, None, Solid::ellipsoid([88.0, 36.0, -172.0], [36.0, 34.0, 36.0]), None);
        let stomach = Solid {
            blend_mm: 5.0,
            ..Solid::ellipsoid([56.0, -18.0, -158.0], [40.0, 36.0, 34.0])
                .and(Solid::ellipsoid([50.0, -40.0, -190.0], [34.0, 30.0, 40.0]))
        };
        add(Kind::Stomach, None, stomach, None);
        add(Kind::StomachAir, None, Solid::ellipsoid([58.0, -34.0, -146.0], [24.0, 16.0, 15.0]), None);

        pieces.sort_by_key(|piece| piece.kind);
        let mut thorax = Self {
            pieces,
            tree: Tree::default(),
            gtvp: None,
            gtvn: Vec::new(),
            small_nodes: Solid::default(),
            involved: Vec::new(),
        };
        let mut rng = patient.stream(0);
        thorax.tree = grow(&mut rng, |p| thorax.lung(patient, p));
        let mut rng = patient.stream(1);
        thorax.small_nodes = tumor::small_nodes(&mut rng);
        if disease {
            let mut rng = patient.stream(2);
            let scale = patient.mean_scale() as f32;
            let lung = |p| thorax.lung(patient, p);
            let (gtvp, gtvn) = match traits.variation {
                Variation::Reference => {
                    let (gtvp, gtvn) = tumor::disease(&mut rng, scale, lung);
                    (Some(gtvp), gtvn)
                }
                Variation::Population => disease::draw(&mut patient.stream(disease::STREAM), traits, scale, lung),
            };
            thorax.involved = gtvn.iter().filter_map(|lesion| lesion.station).collect();
            thorax.involved.sort_unstable();
            thorax.involved.dedup();
            thorax.gtvp = gtvp;
            thorax.gtvn = gtvn;
        }
        thorax
    }

    /// Distance to the lung of the side on which the point lies (negative inside), mm, tumor or not.
    pub fn lung(&self, patient: &Patient, p: Vec3) -> f32 {
        let level = Level::new(patient, p.z);
        let mut sum = column_fat(level.column(p.x, p.y));
        for piece in &self.pieces {
            if let Some(pad) = piece.pad_mm {
                let d = piece.solid.distance(p);
                if d < REACH_MM {
                    sum += fat_weight(d, pad);
                }
            }
        }
        lung_distance(&level, p.x, p.y, sum)
    }

    fn piece(&self, organ: Organ) -> &Solid {
        let found = self.pieces.iter().find(|piece| piece.organ == Some(organ));
        &found.expect("every phantom has all organs").solid
    }

    /// The landmarks of REFERENCE 2.2, computed from the solids.
    pub fn landmarks(&self, patient: &Patient) -> Landmarks {
        let mut all = Landmarks::default();
        let mut point = |id: LandmarkId, p: [f64; 3]| {
            all.set(id, patient.patient_from_reference(DVec3::from_array(p)), LandmarkSource::Phantom);
        };
        let line = |points: &[[f32; 4]], factor: f32| -> Vec<[f32; 4]> {
            Solid::tube(&scaled(points, factor)).center_line().collect()
        };
        let highest = |line: &[[f32; 4]]| {
            line.iter().copied().max_by(|a, b| (a[2] + a[3]).total_cmp(&(b[2] + b[3]))).expect("a tube has points")
        };
        let [artery, vein, _] = patient.caliber;
        let at = |z: f64| {
            let [x, y] = trachea(patient, z as f32);
            [f64::from(x), f64::from(y), z]
        };
        point(LandmarkId::CricoidLower, at(Patient::CRICOID));
        point(LandmarkId::ManubriumTop, [0.0, f64::from(sternum_back(MANUBRIUM_TOP)), f64::from(MANUBRIUM_TOP)]);
        let clavicle: Vec<[f32; 4]> = self.piece(Organ::ClavicleLeft).center_line().filter(|p| p[0] < 50.0).collect();
        let top = highest(&clavicle);
        point(LandmarkId::ClavicleTop, [f64::from(top[0]), f64::from(top[1]), f64::from(top[2] + top[3])]);
        let (right, left) = (self.apex(patient, -1.0), self.apex(patient, 1.0));
        point(LandmarkId::ApexRight, right);
        point(LandmarkId::ApexLeft, left);
        // The left brachiocephalic vein where it crosses the midline of the trachea.
        let vein_solid = self.piece(Organ::BrachiocephalicVeinLeft);
        let crossing = (30..75).flat_map(|z| (0..4).map(move |q| z as f32 + q as f32 * 0.25)).find_map(|z| {
            let x = trachea(patient, z)[0];
            (-62..-34).find(|&y| vein_solid.distance(Vec3::new(x, y as f32, z)) < 0.0).map(|y| [x, y as f32, z])
        });
        point(LandmarkId::LeftBrachiocephalicLower, crossing.expect("the vein crosses the trachea").map(f64::from));
        let arch: Vec<[f32; 4]> = self.piece(Organ::Aorta).center_line().filter(|p| p[2] > 0.0).collect();
        let top = highest(&arch);
        point(LandmarkId::ArchTop, [f64::from(top[0]), f64::from(top[1]), f64::from(top[2] + top[3])]);
        let under = arch.iter().max_by(|a, b| (a[2] - a[3]).total_cmp(&(b[2] - b[3]))).expect("the aorta has an arch");
        point(LandmarkId::ArchLower, [f64::from(under[0]), f64::from(under[1]), f64::from(under[2] - under[3])]);
        // The azygos arch where it passes over the right main bronchus.
        let over = line(&azygos_arch(&patient.traits), vein)
            .into_iter()
            .filter(|p| p[1] > -10.0 && p[1] < 12.0)
            .min_by(|a, b| (a[2] - a[3]).total_cmp(&(b[2] - b[3])))
            .expect("the azygos vein has an arch");
        point(LandmarkId::AzygosLower, [f64::from(over[0]), f64::from(over[1]), f64::from(over[2] - over[3])]);
        let top = highest(&line(&LEFT_PULMONARY, artery.min(1.1) * patient.traits.pulmonary));
        point(LandmarkId::LeftPulmonaryTop, [f64::from(top[0]), f64::from(top[1]), f64::from(top[2] + top[3])]);
        point(LandmarkId::Carina, self.carina());
        let from = |p: [f32; 4]| [f64::from(p[0]), f64::from(p[1]), f64::from(p[2])];
        point(LandmarkId::LeftLowerLobe, from([46.0, 13.0, -38.0, 0.0]));
        point(LandmarkId::IntermediusLower, from(INTERMEDIUS[2]));
        point(LandmarkId::RightUpperLobe, from(RIGHT_UPPER[0]));
        point(LandmarkId::LeftUpperLobe, from(LEFT_UPPER[0]));
        point(LandmarkId::Diaphragm, [14.0, 0.0, f64::from(Level::HIATUS + patient.traits.diaphragm_mm)]);
        all
    }

    /// Highest point of the lung of one side.
    fn apex(&self, patient: &Patient, side: f32) -> [f64; 3] {
        let mut best = [f64::from(side) * 44.0, 0.0, 60.0];
        for y in (-40..50).step_by(4) {
            for x in (16..80).step_by(4) {
                let inside = |z: f64| self.lung(patient, Vec3::new(side * x as f32, y as f32, z as f32)) < 0.0;
                if !inside(best[2] + 0.25) {
                    continue;
                }
                let (mut low, mut high) = (best[2] + 0.25, 110.0);
                while high - low > 0.1 {
                    let middle = f64::midpoint(low, high);
                    if inside(middle) {
                        low = middle;
                    } else {
                        high = middle;
                    }
                }
                best = [f64::from(side) * x as f64, y as f64, low];
            }
        }
        best
    }

    /// The point at which, going down, the lumen parts in two.
    fn carina(&self) -> [f64; 3] {
        let airway = self.piece(Organ::Airway);
        let mut z = 12.0f32;
        while z > -25.0 {
            let widest = (-12..=12)
                .map(|x| x as f32)
                .filter(|x| x.abs() < (2.0 - z).max(1.0) + 2.0)
                .map(|x| {
                    let wall = (-10..=14).map(|y| airway.distance(Vec3::new(x, y as f32, z))).fold(FAR_MM, f32::min);
                    (x, wall)
                })
                .max_by(|a, b| a.1.total_cmp(&b.1))
                .expect("there are columns");
            if widest.1 > 0.0 {
                return [f64::from(widest.0), 3.0, f64::from(z) + 0.1];
            }
            z -= 0.1;
        }
        [0.0; 3]
    }
}

/// Weight of an organ in the melted fat of the mediastinum; see [`lung_distance`].
#[inline]
pub fn fat_weight(distance: f32, pad_mm: f32) -> f32 {
    ((pad_mm - distance) / MELT_MM).exp()
}

/// The spine keeps the lung away like an organ.
#[inline]
pub fn column_fat(distance: f32) -> f32 {
    if distance < REACH_MM { fat_weight(distance, 2.5) } else { 0.0 }
}

/// Distance to the lung of the side of `x`, given the sum of the fat weights there.
#[inline]
pub fn lung_distance(level: &Level, x: f32, y: f32, weights: f32) -> f32 {
    let mediastinum = if weights > 1e-6 { MELT_MM * weights.ln() } else { -55.0 };
    (level.pleura(x, y) + 1.0).max(mediastinum).max(1.6 - x.abs()).max(level.diaphragm(x, y) + 1.0)
}
