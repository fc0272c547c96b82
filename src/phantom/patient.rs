//! How one patient differs from the reference thorax: size, posture, lengths, contrast.
//!
//! A patient is the reference thorax seen through a smooth invertible warp, so neighbors stay
//! neighbors whatever the seed: heights are stretched by a monotone curve, slices are shifted
//! (kyphosis, scoliosis), scaled, and bent by a small wave.

use super::solids::Plane;
use super::variation::Traits;
use crate::geometry::{PatientPoint, VoxelGrid};
use glam::DVec3;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// CT numbers of the tissues of one patient, HU.
#[derive(Debug, Clone, PartialEq)]
pub struct Tissue {
    pub aorta: f32,
    pub pulmonary: f32,
    pub cava: f32,
    pub azygos: f32,
    pub left_heart: f32,
    pub myocardium: f32,
    pub muscle: f32,
    pub fat: f32,
    pub lung: f32,
    pub liver: f32,
    pub spleen: f32,
    pub thyroid: f32,
    pub esophagus: f32,
    pub node: f32,
    pub tumor: f32,
    pub cancellous: f32,
    pub cortical: f32,
}

/// One patient.
#[derive(Debug, Clone, PartialEq)]
pub struct Patient {
    pub seed: u64,
    /// Where the carina of the reference thorax lies in patient space, mm.
    origin: DVec3,
    /// Patient mm per reference mm.
    scale: DVec3,
    /// Amplitude, angular frequency (1/mm) and phase of the waves of the height stretch.
    stretch: [[f64; 3]; 3],
    kyphosis: f64,
    scoliosis: [f64; 2],
    wave_mm: f64,
    wave_phase: [f64; 8],
    pub tissue: Tissue,
    /// Thickness of the fat under the skin, mm.
    pub fat_mm: f32,
    /// Scale of the heart.
    pub heart: f32,
    /// Factor on the caliber of arteries, veins and airways.
    pub caliber: [f32; 3],
    /// Lateral lean of the upper trachea, mm at the cricoid.
    pub trachea_lean_mm: f32,
    /// Distance between vertebrae, mm.
    pub vertebra_pitch_mm: f32,
    /// Height of a disc of the spine, mm.
    pub vertebra_phase_mm: f32,
    pub female: bool,
    /// What the population adds.
    pub traits: Traits,
}

impl Patient {
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let r = &mut rng;
        let size = r.random_range(0.93..1.06);
        let scale = DVec3::new(
            size * r.random_range(0.96..1.04),
            size * r.random_range(0.95..1.05),
            size * r.random_range(0.95..1.06),
        );
        let origin =
            DVec3::new(r.random_range(-12.0..12.0), r.random_range(-180.0..-120.0), r.random_range(-250.0..150.0));
        let mut wave = |length: f64, amplitude: f64| {
            [
                r.random_range(-amplitude..amplitude),
                std::f64::consts::TAU / length,
                r.random_range(0.0..std::f64::consts::TAU),
            ]
        };
        let stretch = [wave(150.0, 0.17), wave(85.0, 0.13), wave(55.0, 0.08)];
        let kyphosis = r.random_range(-1.0..1.0);
        let scoliosis = [r.random_range(-2.5..2.5), r.random_range(0.0..6.3)];
        let wave_mm = r.random_range(0.9..1.7);
        let wave_phase = std::array::from_fn(|_| r.random_range(0.0..std::f64::consts::TAU));
        let tissue = Tissue::new(r);
        let female = r.random_bool(0.45);
        Self {
            seed,
            origin: (origin * 10.0).round() / 10.0,
            scale,
            stretch,
            kyphosis,
            scoliosis,
            wave_mm,
            wave_phase,
            tissue,
            fat_mm: r.random_range(5.0..19.0) + if female { 3.0 } else { 0.0 },
            heart: r.random_range(0.93..1.1),
            caliber: [r.random_range(0.93..1.08), r.random_range(0.9..1.1), r.random_range(0.93..1.08)],
            trachea_lean_mm: r.random_range(-3.0..3.0),
            vertebra_pitch_mm: r.random_range(23.0..26.0),
            vertebra_phase_mm: r.random_range(-12.0..12.0),
            female,
            traits: Traits::default(),
        }
    }

    /// Another size and posture.
    pub(super) fn pose(&mut self, scale: DVec3, kyphosis: f64, scoliosis: [f64; 2]) {
        self.scale = scale;
        self.kyphosis = kyphosis;
        self.scoliosis = scoliosis;
    }

    /// A random stream for a part of the anatomy, independent of every other part.
    pub fn stream(&self, part: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(part + 1);
        rng
    }

    /// Where the scan is centered, mm in patient space (x and y).
    pub fn center(&self) -> PatientPoint {
        self.origin + DVec3::new(0.0, 6.0 * self.scale.y, 0.0)
    }

    /// Height of the uppermost slice of a scan, mm.
    pub fn scan_top_mm(&self) -> f64 {
        self.height_mm(Self::CRICOID) + 10.0 + self.traits.scan.top_mm
    }

    /// Mean of the three scales: patient mm per reference mm.
    pub fn mean_scale(&self) -> f64 {
        (self.scale.x * self.scale.y * self.scale.z).cbrt()
    }

    /// Reference height of the lower margin of the cricoid, mm above the carina.
    pub const CRICOID: f64 = 116.0;

    /// Patient height of a reference height.
    pub fn height_mm(&self, z: f64) -> f64 {
        let waves: f64 = self.stretch.iter().map(|[a, w, p]| a / w * (p.cos() - (w * z + p).cos())).sum();
        self.origin.z + self.scale.z * (z + waves)
    }

    /// Reference height of a patient height (the inverse of [`Self::height_mm`], to 1e-9 mm).
    pub fn reference_height(&self, z_mm: f64) -> f64 {
        let (mut low, mut high) = (-1000.0, 1000.0);
        // The slope lies between 0.6 and 1.4, so bisection brackets and Newton finishes.
        let mut z = (z_mm - self.origin.z) / self.scale.z;
        for _ in 0..60 {
            let error = self.height_mm(z) - z_mm;
            if error.abs() < 1e-10 {
                break;
            }
            if error > 0.0 {
                high = z;
            } else {
                low = z;
            }
            let slope = self.scale.z * (1.0 + self.stretch.iter().map(|[a, w, p]| a * (w * z + p).sin()).sum::<f64>());
            let next = z - error / slope;
            z = if next > low && next < high { next } else { f64::midpoint(low, high) };
        }
        z
    }

    /// Shift of a slice at a reference height, mm.
    fn shift(&self, z: f64) -> [f64; 2] {
        // The back lies on the table, so the spine bends mostly above the carina.
        let up = if z > 0.0 { (z / 100.0).min(2.0) } else { (z / 300.0).max(-0.8) };
        [
            self.scoliosis[0] * ((z / 70.0 + self.scoliosis[1]).sin() - self.scoliosis[1].sin()),
            self.kyphosis * 5.0 * up * up,
        ]
    }

    /// The local wave as sums of products: factors of x, then of y, for both displacements.
    fn wave_x(&self, x: f64) -> [f64; 4] {
        let p = &self.wave_phase;
        [(x / 31.0 + p[0]).sin(), (x / 16.0 + p[1]).sin(), (x / 37.0 + p[2]).sin(), (x / 18.0 + p[3]).sin()]
    }

    fn wave_y(&self, y: f64, z: f64) -> [f64; 4] {
        let p = &self.wave_phase;
        [
            (y / 41.0 + z / 55.0 + p[4]).sin(),
            (y / 19.0 - z / 30.0 + p[5]).sin(),
            (y / 33.0 - z / 47.0 + p[6]).sin(),
            (y / 17.0 + z / 28.0 + p[7]).sin(),
        ]
    }

    fn wave(&self, fx: [f64; 4], fy: [f64; 4]) -> [f64; 2] {
        [self.wave_mm * (fx[0] * fy[0] + 0.45 * fx[1] * fy[1]), self.wave_mm * (fx[2] * fy[2] + 0.45 * fx[3] * fy[3])]
    }

    /// Shift of the mediastinum against the chest wall, mm: what a mass pushes away or a collapsed lobe draws near.
    fn push(&self, x: f64, y: f64, z: f64) -> f64 {
        if self.traits.shift_mm == 0.0 {
            return 0.0;
        }
        let bell = |v: f64, width: f64| (-(v / width).powi(2)).exp();
        -self.traits.shift_mm * bell(x, 75.0) * bell(y + 22.0, 45.0) * bell(z - self.traits.shift_z, 70.0)
    }

    /// The patient point of a point of the reference thorax.
    pub fn patient_from_reference(&self, q: DVec3) -> PatientPoint {
        let shift = self.shift(q.z);
        let mut r = [q.x - shift[0], q.y - shift[1]];
        for _ in 0..50 {
            let w = self.wave(self.wave_x(r[0]), self.wave_y(r[1], q.z));
            r = [q.x - shift[0] - w[0] - self.push(r[0], r[1], q.z), q.y - shift[1] - w[1]];
        }
        DVec3::new(self.origin.x + self.scale.x * r[0], self.origin.y + self.scale.y * r[1], self.height_mm(q.z))
    }

    /// The pixels of slice `k` of an axial grid in the reference thorax.
    pub fn plane(&self, grid: &VoxelGrid, k: usize) -> Plane {
        let z = self.reference_height(grid.position_mm(k));
        let shift = self.shift(z);
        let along = |first: f64, step: f64, origin: f64, scale: f64, n: usize| -> Vec<f64> {
            (0..n).map(|i| (first + step * i as f64 - origin) / scale).collect()
        };
        let [u0, v0] = grid.plane_from_index(0.0, 0.0);
        let xs = along(u0, grid.spacing_i_mm(), self.origin.x, self.scale.x, grid.columns());
        let ys = along(v0, grid.spacing_j_mm(), self.origin.y, self.scale.y, grid.rows());
        let wave_x: Vec<[f64; 4]> = xs.iter().map(|&x| self.wave_x(x)).collect();
        let (mut x, mut y) = (Vec::with_capacity(xs.len() * ys.len()), Vec::with_capacity(xs.len() * ys.len()));
        for &yr in &ys {
            let fy = self.wave_y(yr, z);
            for (&xr, &fx) in xs.iter().zip(&wave_x) {
                let w = self.wave(fx, fy);
                x.push((xr + shift[0] + w[0] + self.push(xr, yr, z)) as f32);
                y.push((yr + shift[1] + w[1]) as f32);
            }
        }
        Plane {
            columns: xs.len(),
            rows: ys.len(),
            z: z as f32,
            x,
            y,
            x0: (xs[0] + shift[0]) as f32,
            dx: (grid.spacing_i_mm() / self.scale.x) as f32,
            y0: (ys[0] + shift[1]) as f32,
            dy: (grid.spacing_j_mm() / self.scale.y) as f32,
            shift_y: shift[1] as f32,
            slack: self.wave_mm as f32 * 1.45 + self.traits.shift_mm.abs() as f32,
        }
    }
}

impl Tissue {
    fn new(r: &mut ChaCha8Rng) -> Self {
        // One scan in six is done without contrast medium, as treatment planning scans often are.
        let contrast = !r.random_bool(1.0 / 6.0);
        let mut blood = |low: f32, high: f32| {
            let plain = r.random_range(36.0..48.0);
            let value = r.random_range(low..high);
            if contrast { value } else { plain }
        };
        let aorta = blood(125.0, 225.0);
        let pulmonary = blood(115.0, 225.0);
        let cava = blood(110.0, 250.0);
        let azygos = blood(70.0, 140.0);
        let myocardium = blood(85.0, 115.0);
        let liver = blood(65.0, 105.0) + 12.0;
        let spleen = blood(85.0, 125.0) + 6.0;
        let left_heart = aorta * r.random_range(0.9..1.0);
        Self {
            aorta,
            pulmonary,
            cava,
            azygos,
            left_heart,
            myocardium,
            liver,
            spleen,
            muscle: r.random_range(48.0..64.0),
            fat: r.random_range(-112.0..-96.0),
            lung: r.random_range(-890.0..-820.0),
            thyroid: r.random_range(95.0..150.0),
            esophagus: r.random_range(30.0..48.0),
            node: r.random_range(38.0..66.0),
            tumor: r.random_range(32.0..74.0),
            cancellous: r.random_range(110.0..230.0),
            cortical: r.random_range(420.0..650.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_warp_has_an_inverse(
            seed in 0u64..5000, population in proptest::bool::ANY,
            x in -120.0..120.0f64, y in -90.0..90.0f64, z in -150.0..120.0f64,
        ) {
            let patient = if population { Patient::population(seed) } else { Patient::new(seed) };
            prop_assert!((patient.reference_height(patient.height_mm(z)) - z).abs() < 1e-6);
            let p = patient.patient_from_reference(DVec3::new(x, y, z));
            let grid = VoxelGrid::axial(p, [1.0; 3], [1, 1, 1]).expect("valid grid");
            let plane = patient.plane(&grid, 0);
            prop_assert!((f64::from(plane.x[0]) - x).abs() < 1e-3 && (f64::from(plane.y[0]) - y).abs() < 1e-3);
            prop_assert!((f64::from(plane.z) - z).abs() < 1e-3);
        }
    }
}
