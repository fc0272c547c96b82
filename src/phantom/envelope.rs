//! The walls of the thorax: skin, pleural cavity, diaphragm, spine, ribs, sternum.
//!
//! Everything is a function of the point in the reference thorax (x to the left, y to the back,
//! z to the head, carina at the origin, mm).

use super::patient::Patient;
use super::variation::Arms;

/// Numbers that vary smoothly along z: knots with falling or rising z, cubic between (Catmull-Rom on uneven knots).
#[derive(Debug, Clone)]
struct Profile<const N: usize> {
    knots: &'static [(f32, [f32; N])],
}

impl<const N: usize> Profile<N> {
    fn at(&self, z: f32) -> [f32; N] {
        let k = self.knots;
        let z = z.clamp(k[0].0, k[k.len() - 1].0);
        let s = k.partition_point(|(knot, _)| *knot <= z).clamp(1, k.len() - 1) - 1;
        let (z0, z1) = (k[s].0, k[s + 1].0);
        let h = z1 - z0;
        let t = (z - z0) / h;
        let slope = |n: usize, c: usize| {
            if n == 0 || n + 1 == k.len() {
                return 0.0;
            }
            (k[n + 1].1[c] - k[n - 1].1[c]) / (k[n + 1].0 - k[n - 1].0)
        };
        std::array::from_fn(|c| {
            let (a, b) = (k[s].1[c], k[s + 1].1[c]);
            let (ma, mb) = (slope(s, c) * h, slope(s + 1, c) * h);
            let (t2, t3) = (t * t, t * t * t);
            a * (2.0 * t3 - 3.0 * t2 + 1.0) + ma * (t3 - 2.0 * t2 + t) + b * (3.0 * t2 - 2.0 * t3) + mb * (t3 - t2)
        })
    }
}

/// Half width of the straight part, half width of the round part, center y, half depth of the cavity.
const CAVITY: Profile<4> = Profile {
    knots: &[
        (-230.0, [34.0, 98.0, -6.0, 88.0]),
        (-160.0, [33.0, 107.0, -4.0, 92.0]),
        (-100.0, [32.0, 106.0, -2.0, 93.0]),
        (-50.0, [32.0, 102.0, 0.0, 88.0]),
        (0.0, [34.0, 91.0, 0.0, 79.0]),
        (40.0, [40.0, 63.0, -2.0, 66.0]),
        (60.0, [43.0, 40.0, -2.0, 56.0]),
        (95.0, [42.0, 31.0, 0.0, 46.0]),
    ],
};

/// Half width, front and back of the skin.
const SKIN: Profile<3> = Profile {
    knots: &[
        (-230.0, [158.0, -106.0, 112.0]),
        (-160.0, [160.0, -110.0, 114.0]),
        (-80.0, [163.0, -113.0, 116.0]),
        (-20.0, [164.0, -108.0, 117.0]),
        (20.0, [162.0, -100.0, 116.0]),
        (55.0, [157.0, -90.0, 107.0]),
        (78.0, [149.0, -81.0, 94.0]),
        (98.0, [130.0, -72.0, 78.0]),
        (116.0, [94.0, -66.0, 64.0]),
        (140.0, [66.0, -66.0, 56.0]),
    ],
};

/// Front of the vertebral bodies in the midline.
const SPINE: Profile<1> = Profile {
    knots: &[
        (-230.0, [10.0]),
        (-140.0, [20.0]),
        (-80.0, [25.0]),
        (-40.0, [26.0]),
        (0.0, [24.0]),
        (40.0, [16.5]),
        (60.0, [10.5]),
        (80.0, [3.0]),
        (120.0, [-12.0]),
        (160.0, [-24.0]),
    ],
};

/// Front of the vertebral bodies at a height, mm.
pub fn spine_front(z: f32) -> f32 {
    SPINE.at(z)[0]
}

/// Back of the sternum at a height, mm: on the front wall of the cavity.
pub fn sternum_back(z: f32) -> f32 {
    let [_, _, center, depth] = CAVITY.at(z);
    center - depth - 1.0
}

/// Height of the upper border of the manubrium and of the tip of the sternum, mm.
pub const MANUBRIUM_TOP: f32 = 74.0;
const STERNUM_TIP: f32 = -84.0;
/// Height of the top of the pleural cavity, mm.
const CAVITY_TOP: f32 = 93.0;
const DOME_START: f32 = 52.0;

/// What bone a point of the chest wall belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bone {
    Rib,
    Cartilage,
    Vertebra,
    Disc,
    Sternum,
    Canal,
}

/// The walls at one height.
#[derive(Debug, Clone)]
pub struct Level {
    pub z: f32,
    cavity: [f32; 4],
    /// Shrinking of the cavity towards the apex, 1 below the dome.
    apex: f32,
    /// 0 where the cavity spans the midline, 1 where each side has its own dome.
    split: f32,
    skin: [f32; 3],
    spine: f32,
    spine_slope: f32,
    sternum_back: f32,
    pitch: f32,
    phase: f32,
    fat: f32,
    female: bool,
    /// Thickness at this height of latissimus, serratus, pectoralis minor and major, abdominal wall
    /// and trapezius, mm.
    bulk: [f32; 6],
    /// The diaphragm above its usual height, mm.
    rise: f32,
    /// Center (x of the left one, y) and radius of the arms, where they are on the slice, mm.
    pub arm: Option<[f32; 3]>,
}

/// Center and radius of the left arm at a height; the right one mirrors it.
fn arm(patient: &Patient, z: f32) -> Option<[f32; 3]> {
    let fat = patient.fat_mm;
    let radius = 34.0 + 0.55 * fat;
    match patient.traits.arms {
        Arms::Out => None,
        Arms::Up => (z > 56.0).then(|| {
            // From the shoulder up beside the head.
            let up = z - 70.0;
            [132.0 + 0.35 * up.max(0.0) + 0.3 * fat, 24.0 - 0.5 * up, radius * (0.55 + 0.45 * step(56.0, 76.0, z))]
        }),
        Arms::Down => (z < 82.0).then(|| {
            let [width, ..] = SKIN.at(z.min(-10.0));
            let beside = width + (fat - 9.0) + radius + 5.0;
            let t = step(10.0, 74.0, z);
            let top = ((82.0 - z) / 22.0).clamp(0.0, 1.0).sqrt();
            [beside + (126.0 - beside) * t, 34.0 - 8.0 * (1.0 - t), radius * (0.3 + 0.7 * top)]
        }),
    }
}

/// 0 below `a`, 1 above `b`, smooth between.
fn step(a: f32, b: f32, v: f32) -> f32 {
    let t = ((v - a) / (b - a)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Signed first-order distance to the ellipse with half axes `a`, `b`, mm.
fn ellipse(x: f32, y: f32, a: f32, b: f32) -> f32 {
    let (p, q) = (x / a, y / b);
    let k0 = (p * p + q * q).sqrt();
    let k1 = ((p / a).powi(2) + (q / b).powi(2)).sqrt();
    if k1 < 1e-6 { -a.min(b) } else { k0 * (k0 - 1.0) / k1 }
}

impl Level {
    pub fn new(patient: &Patient, z: f32) -> Self {
        let t = ((z - DOME_START) / (CAVITY_TOP - DOME_START)).clamp(0.0, 1.0);
        let split = ((z - 58.0) / 24.0).clamp(0.0, 1.0);
        let bell = |center: f32, width: f32| (-((z - center) / width).powi(2)).exp();
        Self {
            z,
            cavity: CAVITY.at(z),
            apex: (1.0 - t.powf(2.2)).sqrt(),
            split: split * split * (3.0 - 2.0 * split),
            skin: SKIN.at(z),
            spine: spine_front(z),
            spine_slope: (spine_front(z + 2.0) - spine_front(z - 2.0)) / 4.0,
            sternum_back: sternum_back(z),
            pitch: patient.vertebra_pitch_mm,
            phase: patient.vertebra_phase_mm,
            fat: patient.fat_mm,
            female: patient.female,
            bulk: [
                20.0 * bell(24.0, 52.0),
                4.0 + 4.0 * bell(-40.0, 70.0),
                7.0 * bell(42.0, 24.0),
                13.0 * bell(38.0, 44.0),
                8.0 * step(84.0, 120.0, -z),
                10.0 * step(-95.0, -60.0, z),
            ],
            rise: patient.traits.diaphragm_mm,
            arm: arm(patient, z),
        }
    }

    /// Distance to the skin, mm, negative inside.
    pub fn skin(&self, x: f32, y: f32) -> f32 {
        let mut d = self.trunk(x, y);
        if self.arm.is_some() {
            // The arm melts into the shoulder over 10 mm.
            let arm = self.arm_depth(x, y);
            let h = (0.5 + 0.5 * (d - arm) / 10.0).clamp(0.0, 1.0);
            d = d + (arm - d) * h - 10.0 * h * (1.0 - h) * self.arm_melt();
        }
        d
    }

    /// Distance to the skin of trunk and neck without the arms, mm, negative inside.
    pub fn trunk(&self, x: f32, y: f32) -> f32 {
        // The shoulders lie farther back than the throat.
        let y = y - 0.0017 * x * x * ((self.z - 62.0) / 30.0).clamp(0.0, 1.0);
        let [width, front, back] = self.skin;
        let grow = self.fat - 9.0;
        let (a, b) = (width + grow, (back - front) / 2.0 + grow);
        let (p, q) = ((x / a).abs(), ((y - f32::midpoint(front, back)) / b).abs());
        // A superellipse of exponent 2.5, flattened by the table at the back.
        let (ps, qs) = (p.sqrt(), q.sqrt());
        let g = p * p * ps + q * q * qs;
        let gradient = 2.5 * ((p * ps / a).powi(2) + (q * qs / b).powi(2)).sqrt();
        let mut d = (g - 1.0) / gradient.max(0.004);
        d = d.max(y - (back + grow - 3.0));
        if self.female {
            let (bx, by, bz) = (x.abs() - 78.0, y - front + 2.0, self.z + 38.0);
            let k0 = ((bx / 52.0).powi(2) + (by / 30.0).powi(2) + (bz / 52.0).powi(2)).sqrt();
            let breast = (k0 - 1.0) * 30.0;
            // Smooth union over 12 mm.
            let h = (0.5 + 0.5 * (d - breast) / 12.0).clamp(0.0, 1.0);
            d = d + (breast - d) * h - 12.0 * h * (1.0 - h);
        }
        d
    }

    /// Distance to the skin of the arm of the side of `x` (negative inside), mm.
    pub fn arm_depth(&self, x: f32, y: f32) -> f32 {
        self.arm.map_or(100.0, |[cx, cy, r]| (x.abs() - cx).hypot((y - cy) * 0.9) - r)
    }

    /// 1 where the arm hangs together with the shoulder, 0 where it lies beside the body.
    fn arm_melt(&self) -> f32 {
        step(20.0, 55.0, self.z)
    }

    /// Thickness of the fat under the skin there, mm.
    pub fn fat_thickness(&self, x: f32, y: f32) -> f32 {
        // Thin over the spine and the sternum, thick at the flanks and low in front.
        let flank = (x.abs() + 1.0) / (x.abs() + 1.0).hypot(y);
        let low = ((-self.z + 20.0) / 160.0).clamp(0.0, 1.0);
        let front = if y < 0.0 { 0.75 + 0.5 * low } else { 1.0 };
        self.fat * front * (0.75 + 0.45 * flank) + 2.0
    }

    /// Distance to the wall of the thoracic cavity as one space (negative inside), mm.
    pub fn cavity(&self, x: f32, y: f32) -> f32 {
        self.wall(x, y, 0.0)
    }

    /// Distance to the pleural cavity of the side of `x` (negative inside), mm.
    pub fn pleura(&self, x: f32, y: f32) -> f32 {
        self.wall(x, y, self.split)
    }

    fn wall(&self, x: f32, y: f32, split: f32) -> f32 {
        let [cx, ax, cy, ay] = self.cavity;
        let s = x.abs() - cx;
        let dx = if s > 0.0 { s } else { s * split };
        let above = (self.z - CAVITY_TOP).max(0.0);
        let ring = ellipse(dx, y - cy, (ax * self.apex).max(1.0), (ay * self.apex).max(1.0)) + above;
        // Beside the spine the wall runs backward and outward along the transverse processes.
        let (_, depth) = self.body_size();
        let gutter = (y - self.spine - 1.55 * depth - 0.66 * (x.abs() - 12.0)) * 0.84;
        // Smooth maximum over 12 mm.
        let h = (0.5 + 0.5 * (gutter - ring) / 12.0).clamp(0.0, 1.0);
        ring + (gutter - ring) * h + 12.0 * h * (1.0 - h) * 0.5
    }

    /// Distance below the diaphragm (positive below), mm.
    pub fn diaphragm(&self, x: f32, y: f32) -> f32 {
        let dy = (y + 8.0) / 80.0;
        let sagittal = dy * dy * if dy > 0.0 { 62.0 } else { 34.0 };
        let dome = |top: f32, cx: f32, medial: bool| {
            let dx = (x - cx) / 80.0;
            top - dx * dx * if medial { 24.0 } else { 62.0 }
        };
        let right = dome(-104.0, -64.0, x > -64.0);
        let left = dome(-112.0, 60.0, x < 60.0);
        let t = ((x + 34.0) / 68.0).clamp(0.0, 1.0);
        let height = right + (left - right) * t * t * (3.0 - 2.0 * t) - sagittal;
        (height + self.rise - self.z) * 0.8
    }

    /// Distance to the muscles of the chest wall (negative inside), mm. `cavity` and `depth` are the
    /// distances to the pleura and from the skin.
    pub fn muscle(&self, x: f32, y: f32, cavity: f32, depth: f32) -> f32 {
        let ax = x.abs();
        let [latissimus, serratus, minor, major, abdominal, trapezius] = self.bulk;
        // A layer of some thickness outside the ribs; thin layers vanish.
        let layer = |from: f32, thick: f32| {
            if thick < 1.2 { 20.0 } else { (from - cavity).max(cavity - from - thick) }
        };
        // Between the ribs; toward the apex the cavity is open in the middle.
        let open = if self.z > 55.0 { 10.3 * (1.0 - step(20.0, 36.0, ax)) } else { 0.0 };
        let mut d = (0.4 - cavity).max(cavity - 10.3 + open);
        // Serratus and latissimus at the side, the latter thick toward the axilla.
        let side = step(62.0, 104.0, ax) * step(-64.0, -34.0, y) * (1.0 - step(58.0, 88.0, y));
        d = d.min(layer(11.6, serratus * side));
        let outer = step(80.0, 108.0, ax) * step(-14.0, 12.0, y) * (1.0 - step(70.0, 96.0, y));
        d = d.min(layer(18.5, latissimus * outer));
        // Pectorals: the minor between the ribs and the major, with a film of fat.
        let front = step(9.0, 30.0, ax) * (1.0 - step(100.0, 134.0, ax)) * step(16.0, 46.0, -y);
        let under = minor * step(44.0, 62.0, ax);
        let mut pectoral = layer(11.6, (major + under) * front);
        if under > 2.0 {
            pectoral = pectoral.max(0.8 - (cavity - 11.6 - under * front).abs());
        }
        d = d.min(pectoral);
        let low = (1.0 - step(74.0, 104.0, ax)) * step(40.0, 60.0, -y);
        d = d.min(layer(11.5, abdominal * low));
        // Erector spinae beside the spinous processes, trapezius and rhomboids over it.
        let (_, half) = self.body_size();
        let back = self.spine + 2.0 * half + 29.0;
        d = d.min(ellipse(ax - 25.0, y - back, 24.0, 18.5));
        let thick = 0.8 * self.fat_thickness(x, y).max(4.0);
        let flat = trapezius * step(30.0, 50.0, y) * (1.0 - step(84.0, 116.0, ax));
        if flat > 1.5 {
            d = d.min((thick - depth).max(depth - thick - flat).max(11.5 - cavity));
        }
        d
    }

    /// Height at which the oesophagus passes the diaphragm, mm.
    pub const HIATUS: f32 = -134.0;

    /// Distance to the column of vertebral bodies and discs, mm.
    pub fn column(&self, x: f32, y: f32) -> f32 {
        let (half, depth) = self.body_size();
        ellipse(x, y - self.spine - depth, half, depth)
    }

    /// Half width and half depth of a vertebral body.
    fn body_size(&self) -> (f32, f32) {
        let t = ((110.0 - self.z) / 280.0).clamp(0.0, 1.0);
        (14.0 + 6.0 * t, 9.5 + 6.0 * t)
    }

    /// Bone or cartilage at a point, its signed distance (mm, negative inside), nearest first.
    pub fn bone(&self, x: f32, y: f32, cavity: f32) -> Option<(Bone, f32)> {
        let mut best: Option<(Bone, f32)> = None;
        let mut take = |bone: Bone, d: f32| {
            if d < 1.5 && best.is_none_or(|(_, b)| d < b) {
                best = Some((bone, d));
            }
        };
        if x.abs() < 46.0 && y > self.spine - 3.0 {
            let (bone, d) = self.vertebra(x, y);
            take(bone, d);
        }
        if cavity > -1.0 && cavity < 13.0 {
            let (bone, d) = self.rib(x, y, cavity);
            take(bone, d);
        }
        if x.abs() < 38.0 && y < self.sternum_back + 3.0 {
            take(Bone::Sternum, self.sternum(x, y));
        }
        best
    }

    fn vertebra(&self, x: f32, y: f32) -> (Bone, f32) {
        let (half, depth) = self.body_size();
        let center = self.spine + depth;
        // The column leans with the spine: height along its axis.
        let along = self.z + self.spine_slope * (y - center);
        let index = (along - self.phase) / self.pitch;
        let dz = (index - index.round()) * self.pitch;
        let ring = ellipse(x, y - center, half, depth);
        let half_height = self.pitch / 2.0 - 2.3;
        // Waisted bodies with end plates.
        let waist = 1.4 * (1.0 - (dz / half_height).powi(2)).max(0.0);
        let body = (ring + waist).max(dz.abs() - half_height);
        let disc = (ring + 0.8).max(half_height - dz.abs());
        let canal_y = center + depth + 9.0;
        let canal = ellipse(x, y - canal_y, 9.5, 8.0);
        // Pedicles and transverse processes sit in the upper half, laminae and spinous process below.
        let pedicle = ((x.abs() - 12.0).abs() - 3.0).max((y - canal_y + 1.0).abs() - 9.0).max((dz - 4.0).abs() - 5.0);
        let lamina = (canal - 5.0).max(-canal + 0.5).max(canal_y - y - 1.0).max((dz + 1.0).abs() - 8.5);
        let reach = (x.abs() - 12.0) / 26.0;
        let transverse = ((y - (canal_y + 3.0 + 10.0 * reach)).abs() - 3.6 - 1.5 * reach)
            .max((dz - 3.0).abs() - 5.0)
            .max((x.abs() - 22.0).abs() - 10.0);
        let drop = (y - canal_y - 9.0).max(0.0) * 0.55;
        let spinous = (x.abs() - 2.6).max((y - canal_y - 23.0).abs() - 16.0).max((dz + 4.0 + drop * 0.5).abs() - 7.5);
        let arch = pedicle.min(lamina).min(transverse).min(spinous).max(-canal);
        let bone = body.min(arch);
        if canal < 0.0 && bone > 0.0 {
            (Bone::Canal, canal)
        } else if disc < bone {
            (Bone::Disc, disc)
        } else {
            (Bone::Vertebra, bone)
        }
    }

    /// Ribs lie in the chest wall 1 to 9 mm outside the pleura and fall from back to front.
    fn rib(&self, x: f32, y: f32, cavity: f32) -> (Bone, f32) {
        let far = (Bone::Rib, 9.0);
        let angle = x.abs().atan2(y + 4.0) / std::f32::consts::PI;
        if x.abs() < 17.0 && y > 0.0 {
            return far;
        }
        // 0 at the spine, 1 at the sternum; the bone falls by about 62 mm, the cartilage rises again.
        let turn = ((angle - 0.05) / 0.9).clamp(0.0, 1.0);
        let rise = if turn > 0.8 { (turn - 0.8) * 190.0 } else { 0.0 };
        let fall = 84.0 * turn.min(0.85) - rise;
        let height = self.z + fall;
        let index = ((height - self.phase - 4.0) / self.pitch).round();
        let dz = height - self.phase - 4.0 - index * self.pitch;
        let center = index * self.pitch + self.phase + 4.0;
        // The first rib ends the cage; the last reach the flank only.
        if center > 86.0 || (center < -120.0 && turn > 0.45) || (center < -75.0 && turn > 0.8) {
            return far;
        }
        let e = (((cavity - 5.0) / 4.0).powi(2) + (dz / 6.6).powi(2)).sqrt();
        let d = (e - 1.0) * 4.0;
        if turn > 0.83 { (Bone::Cartilage, d) } else { (Bone::Rib, d) }
    }

    fn sternum(&self, x: f32, y: f32) -> f32 {
        let t = ((self.z - 22.0) / (MANUBRIUM_TOP - 22.0)).clamp(0.0, 1.0);
        let half = if self.z > 22.0 { 16.0 + 12.0 * t } else { 16.0 - 0.05 * (22.0 - self.z) };
        let (dx, dy) = (x.abs() - half + 4.0, (y - self.sternum_back + 5.8).abs() - 5.5 + 3.5);
        let corner = (dx.max(0.0).powi(2) + dy.max(0.0).powi(2)).sqrt() + dx.max(dy).min(0.0) - 3.7;
        let mut d = corner.max(self.z - MANUBRIUM_TOP + 5.0 * (-(x / 12.0).powi(2)).exp()).max(STERNUM_TIP - self.z);
        // The joint of manubrium and body.
        d = d.max(1.2 - (self.z - 22.0).abs());
        d
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_is_thick_enough_for_ribs_everywhere() {
        let patient = Patient::new(3);
        for z in (-150..60).step_by(10) {
            let level = Level::new(&patient, z as f32);
            for step in 0..360 {
                let (s, c) = (step as f32).to_radians().sin_cos();
                for r in 0..200 {
                    let (x, y) = (c * r as f32, s * r as f32);
                    if level.cavity(x, y) < 1.0 {
                        assert!(level.skin(x, y) < -2.0, "z {z}, angle {step}, radius {r}");
                    }
                }
            }
        }
    }
}
