//! The borders of each station within a slice: small named conditions, all of which must hold.
//!
//! REFERENCE 2.5; where the map leaves a choice, Lynch 2013. A border that lacks its structure lets
//! every voxel pass, except where a fall-back is named.

use super::curves::{Point, SliceCurves, Trachea};
use super::plane::{LESION, OrganPlane};
use super::rules::RuleSet;
use super::{LandmarkId, Landmarks, Organ};
use crate::structures::Station;
use std::cell::OnceCell;

/// Everything a border may ask about a slice.
pub struct Slice<'a> {
    pub plane: &'a OrganPlane,
    pub curves: &'a SliceCurves,
    pub landmarks: &'a Landmarks,
    pub rules: &'a RuleSet,
    /// Bits of the organs that no station takes, but for the esophagus if a switch says so.
    cut_out: u64,
    esophagus_included: bool,
    divides_at_midline: bool,
    /// Soft tissue: body without lung, bone and airway (grown by a pixel).
    tissue: Vec<bool>,
    /// Within the convex hull of both lungs.
    between_lungs: Vec<bool>,
    near_aorta: OnceCell<Vec<bool>>,
    near_esophagus: OnceCell<Vec<bool>>,
    near_right_hilum: OnceCell<Vec<bool>>,
    near_left_hilum: OnceCell<Vec<bool>>,
    near_right_lobes: OnceCell<Vec<bool>>,
    near_left_lobes: OnceCell<Vec<bool>>,
    /// Posterior wall of right pulmonary artery or heart per column of pixels, patient y.
    artery_back: OnceCell<Vec<f64>>,
    /// Anterior wall of the aorta per column of pixels, patient y.
    aorta_front: OnceCell<Vec<f64>>,
    before_lung: OnceCell<Vec<bool>>,
}

/// One voxel in question.
#[derive(Debug, Clone, Copy)]
pub struct Voxel {
    pub at: usize,
    pub x: f64,
    pub y: f64,
}

impl Voxel {
    fn point(self) -> Point {
        [self.x, self.y]
    }
}

/// A border of a station: what it says, and the test.
#[derive(Clone, Copy)]
pub struct Border {
    pub text: &'static str,
    pub holds: fn(&Slice<'_>, Voxel) -> bool,
}

impl std::fmt::Debug for Border {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text)
    }
}

/// In-plane reach of the hilar stations around bronchus and artery, and of the interlobar ones, mm.
const HILUM_MM: f64 = 15.0;
const INTERLOBAR_MM: f64 = 12.0;
/// Reach of station 6 around the aorta, mm.
const PARA_AORTIC_MM: f64 = 10.0;
/// Reach of station 8 around the oesophagus: forward and to the sides, and backward on the right, mm.
const ESOPHAGUS_MM: [f64; 2] = [15.0, 5.0];
/// Lateral reach of station 1 from the tracheal midline, mm.
const SUPRACLAVICULAR_MM: f64 = 50.0;
/// Lateral reach of station 2 from the tracheal midline: beyond lie the vessels of the arm, mm.
const PARATRACHEAL_MM: f64 = 35.0;
/// Where no aorta is known, the arch is taken to reach this far before the trachea along the left lung, mm.
const ARCH_BEFORE_TRACHEA_MM: f64 = 40.0;
/// Where no esophagus is known: left of the tracheal midline, and before the spine, mm.
const USUAL_ESOPHAGUS_MM: [f64; 2] = [4.0, 9.0];
/// Station 3P reaches so far beside the walls of the trachea, mm.
const RETROTRACHEAL_MM: f64 = 10.0;
/// Tissue between chest wall and lung is at most so thick, mm.
const LEAST_MEDIASTINUM_MM: f64 = 8.0;
/// The hilar stations reach so far behind the main bronchus, mm.
const BEHIND_BRONCHUS_MM: f64 = 5.0;

impl<'a> Slice<'a> {
    pub fn new(plane: &'a OrganPlane, curves: &'a SliceCurves, landmarks: &'a Landmarks, rules: &'a RuleSet) -> Self {
        let lungs = Organ::LungRight.bit() | Organ::LungLeft.bit();
        let bone: u64 = Organ::all().filter(|organ| organ.is_bone()).map(Organ::bit).sum();
        let airway = Organ::Airway.bit();
        let pixel = plane.pixel_mm2().sqrt() * 1.05;
        let wall = plane.dilated(&plane.pixels(airway), [pixel; 4]);
        let body = Organ::Body.bit();
        let tissue = plane
            .bits
            .iter()
            .zip(&wall)
            .map(|(bits, wall)| bits & body != 0 && bits & (lungs | LESION | bone) == 0 && !wall)
            .collect();
        let cut_out = Organ::all().filter(|o| o.is_cut_out()).map(Organ::bit).sum();
        // Near the apices one lung alone spans no mediastinum: the airway helps.
        let between_lungs = plane.hull(&plane.pixels(lungs | LESION | airway));
        Self {
            plane,
            curves,
            landmarks,
            rules,
            cut_out,
            divides_at_midline: rules.is_on("divide_at_midline"),
            esophagus_included: rules.is_on("esophagus_included"),
            tissue,
            between_lungs,
            near_aorta: OnceCell::new(),
            near_esophagus: OnceCell::new(),
            near_right_hilum: OnceCell::new(),
            near_left_hilum: OnceCell::new(),
            near_right_lobes: OnceCell::new(),
            near_left_lobes: OnceCell::new(),
            artery_back: OnceCell::new(),
            aorta_front: OnceCell::new(),
            before_lung: OnceCell::new(),
        }
    }

    /// True for soft tissue: the only voxels any station can take.
    pub fn is_tissue(&self, at: usize) -> bool {
        self.tissue[at]
    }

    /// True inside an organ that the station does not take.
    pub fn is_cut_out(&self, at: usize, station: Station) -> bool {
        let takes_esophagus = self.esophagus_included && matches!(station, Station::S3P | Station::S8);
        let spared = if takes_esophagus { Organ::Esophagus.bit() } else { 0 };
        self.plane.bits[at] & self.cut_out & !spared != 0
    }

    fn z(&self, id: LandmarkId) -> Option<f64> {
        self.landmarks.z(id)
    }

    fn above(&self, id: LandmarkId) -> bool {
        self.z(id).is_some_and(|z| self.plane.z > z)
    }

    fn trachea(&self, holds: impl Fn(Trachea) -> bool) -> bool {
        self.curves.trachea.is_some_and(holds)
    }

    fn ring(&self, pixels: &[usize], mm: f64) -> Vec<bool> {
        self.plane.dilated(pixels, [mm; 4])
    }

    /// Around the aorta; where no aorta is known, along the left lung beside it: the arch lies against this lung.
    fn near_aorta(&self, at: usize) -> bool {
        self.near_aorta.get_or_init(|| {
            let aorta = self.plane.organ_pixels(Organ::Aorta);
            if !aorta.is_empty() || self.curves.aorta_known {
                return self.ring(&aorta, PARA_AORTIC_MM);
            }
            let Some(t) = self.curves.trachea else { return vec![false; self.plane.bits.len()] };
            let mut lung = self.plane.organ_pixels(Organ::LungLeft);
            let beside = t.front - ARCH_BEFORE_TRACHEA_MM..t.back;
            lung.retain(|&at| beside.contains(&self.plane.position(at)[1]));
            self.ring(&lung, PARA_AORTIC_MM)
        })[at]
    }

    fn near_esophagus(&self, at: usize) -> bool {
        self.near_esophagus.get_or_init(|| {
            let mut pixels = self.plane.organ_pixels(Organ::Esophagus);
            if let (false, Some(t), Some(spine)) =
                (self.curves.esophagus_known, self.curves.trachea, self.curves.spine_front)
            {
                // A usual place in front of the spine stands in for an esophagus that nobody drew.
                let place = [t.middle + USUAL_ESOPHAGUS_MM[0], spine - USUAL_ESOPHAGUS_MM[1]];
                let away = |at: usize| {
                    let p = self.plane.position(at);
                    (p[0] - place[0]).hypot(p[1] - place[1])
                };
                pixels = (0..self.plane.bits.len()).filter(|&at| away(at) <= 2.0).collect();
            }
            let [wide, narrow] = ESOPHAGUS_MM;
            let front = self.plane.dilated(&pixels, [wide, wide, wide, 0.5]);
            let left = self.plane.dilated(&pixels, [0.5, wide, 0.5, narrow]);
            let right = self.plane.dilated(&pixels, [narrow, 0.5, 0.5, narrow]);
            front.iter().zip(&left).zip(&right).map(|((a, b), c)| *a || *b || *c).collect()
        })[at]
    }

    /// Right main bronchus (above the carina the trachea) and right pulmonary artery.
    fn near_right_hilum(&self, at: usize) -> bool {
        self.near_right_hilum.get_or_init(|| {
            let lateral = self.landmarks.get(LandmarkId::RightUpperLobe).map(|l| l.position.x - 8.0);
            self.hilum(
                &self.curves.right_airway,
                |x| lateral.is_none_or(|limit| x >= limit),
                |x, carina| x < carina - 4.0,
            )
        })[at]
    }

    fn near_left_hilum(&self, at: usize) -> bool {
        self.near_left_hilum.get_or_init(|| {
            let lateral = self.landmarks.get(LandmarkId::LeftUpperLobe).map(|l| l.position.x + 8.0);
            self.hilum(
                &self.curves.left_airway,
                |x| lateral.is_none_or(|limit| x <= limit),
                |x, carina| x > carina + 8.0,
            )
        })[at]
    }

    fn hilum(&self, bronchi: &[usize], main: impl Fn(f64) -> bool, side: impl Fn(f64, f64) -> bool) -> Vec<bool> {
        let carina = self.landmarks.get(LandmarkId::Carina).map_or(0.0, |l| l.position.x);
        let x = |at: usize| self.plane.position(at)[0];
        let mut pixels: Vec<usize> = bronchi.iter().copied().filter(|&at| main(x(at))).collect();
        if bronchi.is_empty() {
            pixels.extend(self.plane.organ_pixels(Organ::Airway));
        }
        pixels.extend(self.plane.organ_pixels(Organ::PulmonaryArtery).into_iter().filter(|&at| side(x(at), carina)));
        self.ring(&pixels, HILUM_MM)
    }

    fn near_right_lobes(&self, at: usize) -> bool {
        self.near_right_lobes.get_or_init(|| self.lobes(&self.curves.right_airway, LandmarkId::IntermediusLower))[at]
    }

    fn near_left_lobes(&self, at: usize) -> bool {
        self.near_left_lobes.get_or_init(|| self.lobes(&self.curves.left_airway, LandmarkId::LeftLowerLobe))[at]
    }

    /// Bronchi within 22 mm (in the plane) of where the lobes part.
    fn lobes(&self, bronchi: &[usize], parting: LandmarkId) -> Vec<bool> {
        let center = self.landmarks.get(parting).map(|l| [l.position.x, l.position.y]);
        let near = |at: usize| {
            let p = self.plane.position(at);
            center.is_none_or(|c| (p[0] - c[0]).hypot(p[1] - c[1]) <= 22.0)
        };
        let mut pixels: Vec<usize> = bronchi.iter().copied().filter(|&at| near(at)).collect();
        if let (true, Some([x, y])) = (pixels.is_empty(), center) {
            // The airway was not followed so far: the place itself.
            let at_center = |&at: &usize| {
                let p = self.plane.position(at);
                (p[0] - x).hypot(p[1] - y) <= 1.0
            };
            pixels = (0..self.plane.bits.len()).filter(at_center).collect();
        }
        self.ring(&pixels, INTERLOBAR_MM)
    }

    /// Patient y of the anterior wall of the ascending aorta or the arch in this column, of the whole where the column has
    /// none. The descending aorta has no front in this sense where it goes by itself.
    fn aorta_front(&self, at: usize) -> f64 {
        self.aorta_front.get_or_init(|| {
            let whole = self.curves.aorta_front.map_or(f64::NEG_INFINITY, |front| front[1]);
            let mut columns = vec![f64::INFINITY; self.plane.columns];
            for &at in &self.curves.aorta_front_limb {
                let column = &mut columns[at % self.plane.columns];
                *column = column.min(self.plane.position(at)[1]);
            }
            columns.into_iter().map(|y| if y.is_finite() { y } else { whole }).collect()
        })[at % self.plane.columns]
    }

    /// In a thin sheet of tissue between chest wall and lung, which no mediastinum is.
    fn before_lung(&self, at: usize) -> bool {
        self.before_lung.get_or_init(|| {
            let plane = self.plane;
            let mut out = vec![false; plane.bits.len()];
            let [a, b] = [plane.position(0), plane.position(plane.columns)];
            let step = b[1] - a[1];
            if step.abs() < 0.1 {
                return out;
            }
            let most = (LEAST_MEDIASTINUM_MM / step.abs()) as usize;
            let lung = Organ::LungRight.bit() | Organ::LungLeft.bit();
            let wall = self.curves.sternum_back.unwrap_or(f64::NEG_INFINITY);
            for i in 0..plane.columns {
                // From front to back.
                let row = |n: usize| (if step > 0.0 { n } else { plane.rows - 1 - n }) * plane.columns + i;
                let mut sheet: Vec<usize> = Vec::new();
                for at in (0..plane.rows).map(row) {
                    if plane.bits[at] & lung != 0 {
                        if sheet.len() <= most {
                            for &at in &sheet {
                                out[at] = true;
                            }
                        }
                        sheet.clear();
                    } else if self.between_lungs[at] && plane.position(at)[1] > wall {
                        sheet.push(at);
                    } else {
                        sheet.clear();
                    }
                }
            }
            out
        })[at]
    }

    /// Patient y of the posterior wall of pulmonary artery or heart in this column; -inf without.
    fn artery_back(&self, at: usize) -> f64 {
        self.artery_back.get_or_init(|| {
            let mut back = vec![f64::NEG_INFINITY; self.plane.columns];
            for at in self.plane.pixels(Organ::PulmonaryArtery.bit() | Organ::Heart.bit()) {
                let column = &mut back[at % self.plane.columns];
                *column = column.max(self.plane.position(at)[1]);
            }
            back
        })[at % self.plane.columns]
    }
}

macro_rules! borders {
    ($($text:literal => $test:expr),* $(,)?) => { &[$(Border { text: $text, holds: $test }),*] };
}

const MEDIASTINUM: Border = Border { text: "between the lungs", holds: |s, v| s.between_lungs[v.at] };
/// What parts the right 2 and 4 from the left: the left tracheal border, or by a switch of the rules the midline.
fn left_of_divide(s: &Slice<'_>, v: Voxel) -> bool {
    s.trachea(|t| v.x > if s.divides_at_midline { t.middle } else { t.left })
}
fn right_of_divide(s: &Slice<'_>, v: Voxel) -> bool {
    s.trachea(|t| v.x <= if s.divides_at_midline { t.middle } else { t.left })
}
const LEFT_OF_TRACHEA: Border = Border { text: "left of the left tracheal border", holds: left_of_divide };
const NOT_LEFT_OF_TRACHEA: Border = Border { text: "not left of the left tracheal border", holds: right_of_divide };
const BEFORE_TRACHEAL_BACK: Border =
    Border { text: "not behind the trachea", holds: |s, v| s.trachea(|t| v.y <= t.back) };
const BEHIND_GREAT_VESSELS: Border = Border {
    text: "behind the great vessels",
    holds: |s, v| s.curves.behind_great_vessels(v.point()).is_some_and(|d| d > 0.0),
};
const BEFORE_SPINE: Border = Border {
    text: "in front of the vertebral body",
    holds: |s, v| s.curves.spine_front.or(s.curves.trachea.map(|t| t.back + 15.0)).is_none_or(|front| v.y < front),
};

const NEAR_TRACHEA: Border = Border {
    text: "within 35 mm of the tracheal midline",
    holds: |s, v| s.trachea(|t| (v.x - t.middle).abs() <= PARATRACHEAL_MM),
};

/// In front of the back of the main bronchus of a side, above the carina of the trachea.
fn before_bronchial_back(s: &Slice<'_>, v: Voxel, side: usize) -> bool {
    let back = s.curves.bronchi_back[side].or(s.curves.trachea.map(|t| t.back));
    back.is_none_or(|back| v.y <= back + BEHIND_BRONCHUS_MM)
}

fn right_of_medial_wall(s: &Slice<'_>, v: Voxel) -> bool {
    s.curves.right_medial.or(s.curves.trachea.map(|t| t.middle)).is_some_and(|wall| v.x <= wall)
}

fn left_of_medial_wall(s: &Slice<'_>, v: Voxel) -> bool {
    s.curves.left_medial.or(s.curves.trachea.map(|t| t.left)).is_some_and(|wall| v.x >= wall)
}

/// Above the manubrium the anterior pleura parts station 1 (in front) from station 2 (behind).
fn behind_pleura(s: &Slice<'_>, v: Voxel, side: usize) -> bool {
    !s.above(LandmarkId::ManubriumTop) || s.curves.pleura_front[side].is_none_or(|front| v.y >= front)
}

fn below_manubrium_near_midline(s: &Slice<'_>, v: Voxel) -> bool {
    !s.above(LandmarkId::ManubriumTop) || s.trachea(|t| (v.x - t.middle).abs() >= 15.0)
}

fn station_1(s: &Slice<'_>, v: Voxel, side: usize) -> bool {
    let apex = [LandmarkId::ApexRight, LandmarkId::ApexLeft][side];
    s.above(apex) || s.curves.pleura_front[side].is_none_or(|front| v.y < front)
}

const CLAVICULAR_FRONT: Border = Border {
    text: "at most 3 mm in front of trachea and thyroid",
    holds: |s, v| s.trachea(|t| v.y >= t.front.min(s.curves.thyroid_front.unwrap_or(t.front)) - 3.0),
};
const CLAVICULAR_BACK: Border = Border {
    text: "in front of the posterior tracheal wall below the apex, of the spine above",
    holds: |s, v| {
        let below = !s.above(LandmarkId::ApexRight) || !s.above(LandmarkId::ApexLeft);
        s.trachea(|t| v.y <= if below { t.back } else { s.curves.spine_front.unwrap_or(t.back + 15.0) })
    },
};
const CLAVICULAR_SIDE: Border = Border {
    text: "within 50 mm of the tracheal midline",
    holds: |s, v| s.trachea(|t| (v.x - t.middle).abs() <= SUPRACLAVICULAR_MM),
};

/// The borders of a station within a slice. The limits along z are in the table of limits.
pub fn borders(station: Station) -> &'static [Border] {
    match station {
        Station::S1R => borders![
            "right of the tracheal midline" => |s, v| s.trachea(|t| v.x < t.middle),
            "at most 3 mm in front of trachea and thyroid" => CLAVICULAR_FRONT.holds,
            "in front of the posterior tracheal wall below the apex, of the spine above" => CLAVICULAR_BACK.holds,
            "within 50 mm of the tracheal midline" => CLAVICULAR_SIDE.holds,
            "beside the lung: in front of the anterior pleura" => |s, v| station_1(s, v, 0),
        ],
        Station::S1L => borders![
            "left of the tracheal midline" => |s, v| s.trachea(|t| v.x >= t.middle),
            "at most 3 mm in front of trachea and thyroid" => CLAVICULAR_FRONT.holds,
            "in front of the posterior tracheal wall below the apex, of the spine above" => CLAVICULAR_BACK.holds,
            "within 50 mm of the tracheal midline" => CLAVICULAR_SIDE.holds,
            "beside the lung: in front of the anterior pleura" => |s, v| station_1(s, v, 1),
        ],
        Station::S2R => borders![
            "between the lungs" => MEDIASTINUM.holds,
            "not left of the left tracheal border" => NOT_LEFT_OF_TRACHEA.holds,
            "not behind the trachea" => BEFORE_TRACHEAL_BACK.holds,
            "behind the great vessels" => BEHIND_GREAT_VESSELS.holds,
            "near the midline below the manubrium" => below_manubrium_near_midline,
            "above the manubrium behind the anterior pleura" => |s, v| behind_pleura(s, v, 0),
            "within 35 mm of the tracheal midline" => NEAR_TRACHEA.holds,
        ],
        Station::S2L => borders![
            "between the lungs" => MEDIASTINUM.holds,
            "left of the left tracheal border" => LEFT_OF_TRACHEA.holds,
            "not behind the trachea" => BEFORE_TRACHEAL_BACK.holds,
            "behind the great vessels" => BEHIND_GREAT_VESSELS.holds,
            "near the midline below the manubrium" => below_manubrium_near_midline,
            "above the manubrium behind the anterior pleura" => |s, v| behind_pleura(s, v, 1),
            "within 35 mm of the tracheal midline" => NEAR_TRACHEA.holds,
        ],
        Station::S3A => borders![
            "between the lungs" => MEDIASTINUM.holds,
            "behind the sternum" => |s, v| s.curves.sternum_back.is_none_or(|back| v.y > back),
            "not between chest wall and lung" => |s, v| !s.before_lung(v.at),
            "in front of the great vessels" => |s, v| {
                if s.above(LandmarkId::ArchTop) {
                    s.curves.behind_great_vessels(v.point()).is_some_and(|d| d <= 0.0)
                } else {
                    s.curves.behind_front_walls(v.point()).is_some_and(|d| d < 0.0)
                }
            },
            "beside the arch more than 10 mm from the aorta" => |s, v| {
                s.above(LandmarkId::ArchTop) || !s.above(LandmarkId::ArchLower) || !s.near_aorta(v.at)
            },
        ],
        Station::S3P => borders![
            "between the lungs" => MEDIASTINUM.holds,
            "behind the trachea" => |s, v| s.trachea(|t| v.y > t.back),
            "at most 10 mm beside the walls of the trachea" => |s, v| {
                s.trachea(|t| (v.x - t.middle).abs() <= t.left - t.middle + RETROTRACHEAL_MM)
            },
            "in front of the vertebral body" => BEFORE_SPINE.holds,
        ],
        Station::S4R => borders![
            "between the lungs" => MEDIASTINUM.holds,
            "not left of the left tracheal border" => NOT_LEFT_OF_TRACHEA.holds,
            "not behind the trachea" => BEFORE_TRACHEAL_BACK.holds,
            "behind the front of vena cava and ascending aorta" => |s, v| {
                if s.above(LandmarkId::ArchTop) {
                    s.curves.behind_great_vessels(v.point()).is_some_and(|d| d > 0.0)
                } else {
                    s.curves.behind_front_walls(v.point()).is_some_and(|d| d >= 0.0)
                }
            },
            "below the carina right of the main bronchus" => |s, v| {
                !s.z(LandmarkId::Carina).is_some_and(|z| s.plane.z < z)
                    || s.curves.right_medial.is_none_or(|wall| v.x <= wall)
            },
        ],
        Station::S4L => borders![
            "between the lungs" => MEDIASTINUM.holds,
            "left of the left tracheal border" => LEFT_OF_TRACHEA.holds,
            "not behind the trachea" => BEFORE_TRACHEAL_BACK.holds,
            "medial to the ligamentum arteriosum" => |s, v| {
                s.curves.medial_of_ligament(v.point()).is_some_and(|d| d > 0.0)
            },
            "not in front of the aorta" => |s, v| v.y >= s.aorta_front(v.at),
        ],
        Station::S5 => borders![
            "between the lungs" => MEDIASTINUM.holds,
            "left of the left tracheal border" => LEFT_OF_TRACHEA.holds,
            "lateral to the ligamentum arteriosum" => |s, v| {
                s.curves.medial_of_ligament(v.point()).is_some_and(|d| d <= 0.0)
            },
            "behind the front of the ascending aorta" => |s, v| {
                match (s.curves.aorta_front, s.curves.trachea) {
                    (Some(front), _) => v.y >= front[1] - 1.0,
                    (None, Some(t)) if !s.curves.aorta_known => v.y >= t.front - ARCH_BEFORE_TRACHEA_MM,
                    _ => true,
                }
            },
        ],
        Station::S6 => borders![
            "between the lungs" => MEDIASTINUM.holds,
            "within 10 mm of the aorta" => |s, v| s.near_aorta(v.at),
            "in front or left of the center of the arch" => |s, v| {
                s.curves.aorta_center.is_none_or(|c| v.y < c[1] || v.x > c[0])
                    && (s.curves.aorta_known || s.trachea(|t| v.x > t.left))
            },
            "not behind the arch" => |s, v| s.curves.aorta_back.is_none_or(|back| v.y <= back),
        ],
        Station::S7 => borders![
            "between the lungs" => MEDIASTINUM.holds,
            "between the medial walls of the main bronchi" => |s, v| {
                let right = s.curves.right_medial.or(s.curves.trachea.map(|t| t.middle));
                let left = s.curves.left_medial.or(s.curves.trachea.map(|t| t.middle));
                right.is_some_and(|wall| v.x > wall) && left.is_some_and(|wall| v.x < wall)
            },
            "behind pulmonary artery and left atrium" => |s, v| {
                v.y > s.artery_back(v.at) && s.curves.bronchi_front.is_none_or(|front| v.y >= front - 3.0)
            },
            "in front of the esophagus" => |s, v| {
                let limit = s.curves.esophagus_front.or(s.curves.spine_front.map(|front| front - 10.0));
                limit.is_none_or(|limit| v.y <= limit)
            },
        ],
        Station::S8 => borders![
            "between the lungs" => MEDIASTINUM.holds,
            "on the wall of the esophagus" => |s, v| s.near_esophagus(v.at),
            "in front of the vertebral body" => BEFORE_SPINE.holds,
            "not left of the descending aorta" => |s, v| s.curves.aorta_left.is_none_or(|left| v.x <= left),
        ],
        Station::S10R => borders![
            "around right main bronchus and right pulmonary artery" => |s, v| s.near_right_hilum(v.at),
            "right of the medial wall of the main bronchus" => right_of_medial_wall,
            "not more than 5 mm behind the main bronchus" => |s, v| before_bronchial_back(s, v, 0),
        ],
        Station::S10L => borders![
            "around left main bronchus and left pulmonary artery" => |s, v| s.near_left_hilum(v.at),
            "left of the medial wall of the main bronchus" => left_of_medial_wall,
            "not more than 5 mm behind the main bronchus" => |s, v| before_bronchial_back(s, v, 1),
        ],
        Station::S11R => borders![
            "around the bronchus intermedius and the lobar bronchi" => |s, v| s.near_right_lobes(v.at),
            "right of the medial wall of the bronchus" => right_of_medial_wall,
        ],
        Station::S11L => borders![
            "around the parting of the left lobar bronchi" => |s, v| s.near_left_lobes(v.at),
            "left of the medial wall of the bronchus" => left_of_medial_wall,
        ],
    }
}
