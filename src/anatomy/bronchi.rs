//! Gives the branches of a grown airway their names: trachea, main and lobar bronchi, and where each begins.

use super::airway::Grown;
use super::working::Working;
use crate::contour::Components;
use crate::geometry::PatientPoint;
use glam::DVec3;

/// A branch of the airway by its anatomical name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bronchus {
    Trachea,
    RightMain,
    RightUpper,
    Intermedius,
    RightMiddle,
    RightLower,
    LeftMain,
    LeftUpper,
    LeftLower,
}

impl Bronchus {
    /// Short key for lists.
    pub fn key(self) -> &'static str {
        match self {
            Self::Trachea => "trachea",
            Self::RightMain => "right_main",
            Self::RightUpper => "right_upper",
            Self::Intermedius => "intermedius",
            Self::RightMiddle => "right_middle",
            Self::RightLower => "right_lower",
            Self::LeftMain => "left_main",
            Self::LeftUpper => "left_upper",
            Self::LeftLower => "left_lower",
        }
    }
}

/// A named branch with its axis.
#[derive(Debug, Clone, PartialEq)]
pub struct AirwayBranch {
    pub name: Bronchus,
    /// From where it begins, patient mm.
    pub axis: Vec<PatientPoint>,
    /// Median cross section of the lumen, mm2.
    pub area_mm2: f64,
}

/// The way on which the direction of a branch shows, mm.
const DIRECTION_MM: f64 = 15.0;
/// Both main bronchi go on for this long, mm, with this share of the trachea, and lie this far apart.
const MAIN_REACH_MM: f64 = 20.0;
const MAIN_SHARE: f64 = 0.12;
const MAIN_APART_MM: f64 = 8.0;
/// The first part of a branch that shows where it comes from, mm, and how far it is led back, in steps of 1 mm.
const BACK_MM: f64 = 10.0;
const BACK_STEPS: u32 = 20;
/// A lobar bronchus goes on for this long, mm.
const LOBAR_REACH_MM: f64 = 8.0;
/// The left main bronchus parts no sooner than this after the carina, mm.
const LEFT_MAIN_MM: f64 = 22.0;
/// Where both branches of the right main bronchus go down after this way, the upper lobe bronchus was missed, mm.
const RIGHT_MAIN_MOST_MM: f64 = 36.0;
/// The bronchus intermedius is at least this long, mm.
const INTERMEDIUS_MM: f64 = 10.0;

/// The named branches; `None` if the trachea never parts into two main bronchi.
pub struct Named {
    pub branches: Vec<AirwayBranch>,
    /// The branch of [`Grown`] that ends where the main bronchi begin, and these, right and left.
    pub last_of_trachea: usize,
    pub main: [usize; 2],
    /// Which branches of [`Grown`] make up the trachea.
    pub trachea: Vec<usize>,
}

pub fn name_branches(w: &Working, grown: &Grown) -> Option<Named> {
    let tree = Tree { w, grown };
    let mut trachea = vec![0];
    let mut at = 0;
    let main = loop {
        if let Some(main) = tree.main_bronchi(at) {
            break main;
        }
        // A tracheal bronchus or a twig: the trachea goes on as the largest.
        let next = tree.children(at).into_iter().max_by(|&a, &b| tree.weight(a).total_cmp(&tree.weight(b)))?;
        trachea.push(next);
        at = next;
    };
    let mut branches = vec![tree.branch(Bronchus::Trachea, &trachea)];
    tree.name_right(main[0], &mut branches);
    tree.name_left(main[1], &mut branches);
    branches.sort_by_key(|b| b.name);
    Some(Named { branches, last_of_trachea: at, main, trachea })
}

struct Tree<'a> {
    w: &'a Working<'a>,
    grown: &'a Grown,
}

impl Tree<'_> {
    fn children(&self, n: usize) -> Vec<usize> {
        self.grown.branches[n].children.clone()
    }

    fn weight(&self, n: usize) -> f64 {
        self.grown.branches[n].area_mm2() * self.grown.reach_mm(n).min(60.0)
    }

    fn point(&self, center: DVec3) -> PatientPoint {
        self.w.point(center.x, center.y, center.z)
    }

    /// Where a branch begins: the last front before it.
    fn origin(&self, n: usize) -> PatientPoint {
        let b = &self.grown.branches[n];
        let before = b.parent.and_then(|p| self.grown.branches[p].fronts.last());
        before.or(b.fronts.first()).map_or(DVec3::ZERO, |f| self.point(f.center))
    }

    /// Where the axis of branch `n`, led back, meets the axis of the stem that it leaves: `stem` in the order from above.
    fn take_off(&self, n: usize, stem: &[usize]) -> PatientPoint {
        let fronts: Vec<_> = stem.iter().flat_map(|&s| &self.grown.branches[s].fronts).collect();
        let axis: Vec<PatientPoint> = fronts.iter().map(|f| self.point(f.center)).collect();
        let first = self.grown.branches[n].fronts.first().map_or(DVec3::ZERO, |f| self.point(f.center));
        let back = (first - self.along(n, BACK_MM)).normalize_or_zero();
        let near = |t: f64| {
            let p = first + back * t;
            axis.windows(2).map(move |ab| {
                let (a, step) = (ab[0], ab[1] - ab[0]);
                let on = a + step * ((p - a).dot(step) / step.length_squared().max(1e-9)).clamp(0.0, 1.0);
                (on, on.distance(p))
            })
        };
        let all = (0..=BACK_STEPS).flat_map(|t| near(f64::from(t)));
        all.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(first, |found| found.0)
    }

    /// The axis after `mm` along the branch and the heaviest branches after it.
    fn along(&self, n: usize, mm: f64) -> PatientPoint {
        let fronts = &self.grown.branches[n].fronts;
        let steps = (mm / self.grown.front_mm).round() as usize;
        if let Some(front) = fronts.get(steps) {
            return self.point(front.center);
        }
        let left = mm - fronts.len() as f64 * self.grown.front_mm;
        let next = self.children(n).into_iter().max_by(|&a, &b| self.weight(a).total_cmp(&self.weight(b)));
        match (next, fronts.last()) {
            (Some(child), _) if left > 0.0 => self.along(child, left),
            (_, Some(last)) => self.point(last.center),
            _ => self.origin(n),
        }
    }

    /// Unit vector from where the branch begins.
    fn direction(&self, n: usize) -> DVec3 {
        let first = self.grown.branches[n].fronts.first().map_or(DVec3::ZERO, |f| self.point(f.center));
        (self.along(n, DIRECTION_MM) - first).normalize_or_zero()
    }

    fn length_mm(&self, n: usize) -> f64 {
        self.grown.branches[n].fronts.len() as f64 * self.grown.front_mm
    }

    fn lobe(&self, name: Bronchus, n: usize, stem: &[usize]) -> AirwayBranch {
        let mut branch = self.branch(name, &[n]);
        if let Some(first) = branch.axis.first_mut() {
            *first = self.take_off(n, stem);
        }
        branch
    }

    fn branch(&self, name: Bronchus, parts: &[usize]) -> AirwayBranch {
        let fronts: Vec<_> = parts.iter().flat_map(|&n| &self.grown.branches[n].fronts).collect();
        let mut axis: Vec<PatientPoint> = Vec::with_capacity(fronts.len() + 1);
        if name != Bronchus::Trachea {
            axis.extend(parts.first().map(|&n| self.origin(n)));
        }
        axis.extend(fronts.iter().map(|f| self.point(f.center)));
        let mut areas: Vec<f64> = fronts.iter().map(|f| f.area_mm2).collect();
        areas.sort_by(f64::total_cmp);
        AirwayBranch { name, axis, area_mm2: areas.get(areas.len() / 2).copied().unwrap_or(0.0) }
    }

    /// Right and left main bronchus, if they begin at the end of branch `n`.
    fn main_bronchi(&self, n: usize) -> Option<[usize; 2]> {
        let trachea = self.grown.branches[n].area_mm2();
        let mut sides: Vec<(usize, PatientPoint)> = self
            .children(n)
            .into_iter()
            .filter(|&c| self.grown.reach_mm(c) >= MAIN_REACH_MM)
            .filter(|&c| self.grown.branches[c].area_mm2() >= MAIN_SHARE * trachea)
            .map(|c| (c, self.along(c, DIRECTION_MM)))
            .filter(|(c, p)| p.z < self.origin(*c).z + 3.0)
            .collect();
        sides.sort_by(|a, b| a.1.x.total_cmp(&b.1.x));
        let (right, left) = (sides.first()?, sides.last()?);
        (left.1.x - right.1.x >= MAIN_APART_MM).then_some([right.0, left.0])
    }

    /// The lobar children of a branch, in no order.
    fn lobar(&self, n: usize) -> Vec<usize> {
        self.children(n).into_iter().filter(|&c| self.grown.reach_mm(c) >= LOBAR_REACH_MM).collect()
    }

    /// The branches from `n` on to the first real parting after `least_mm`, and its children.
    fn until_parting(&self, n: usize, least_mm: f64) -> (Vec<usize>, Vec<usize>) {
        let mut parts = vec![n];
        let mut length = self.length_mm(n);
        let mut at = n;
        loop {
            let lobar = self.lobar(at);
            if lobar.len() > 1 && length >= least_mm {
                return (parts, lobar);
            }
            let Some(next) = self.children(at).into_iter().max_by(|&a, &b| self.weight(a).total_cmp(&self.weight(b)))
            else {
                return (parts, Vec::new());
            };
            parts.push(next);
            length += self.length_mm(next);
            at = next;
        }
    }

    fn name_right(&self, main: usize, out: &mut Vec<AirwayBranch>) {
        let (parts, lobar) = self.until_parting(main, 0.0);
        out.push(self.branch(Bronchus::RightMain, &parts));
        if lobar.len() < 2 {
            return;
        }
        let rising = |n: &usize| self.direction(*n).z;
        let by_rising = |a: &&usize, b: &&usize| rising(a).total_cmp(&rising(b));
        let (Some(&upper), Some(&lower)) = (lobar.iter().max_by(by_rising), lobar.iter().min_by(by_rising)) else {
            return;
        };
        let length: f64 = parts.iter().map(|&n| self.length_mm(n)).sum();
        if length > RIGHT_MAIN_MOST_MM && rising(&upper) < -0.4 {
            // No upper lobe bronchus was seen: this is main bronchus and intermedius in one.
            out.extend(out.last().cloned().map(|b| AirwayBranch { name: Bronchus::Intermedius, ..b }));
            self.name_middle(&parts, &lobar, out);
            return;
        }
        let stem: Vec<usize> = parts.iter().copied().chain([lower]).collect();
        out.push(self.lobe(Bronchus::RightUpper, upper, &stem));
        let (parts, lobar) = self.until_parting(lower, INTERMEDIUS_MM);
        out.push(self.branch(Bronchus::Intermedius, &parts));
        self.name_middle(&parts, &lobar, out);
    }

    /// Middle and lower lobe bronchus: the middle lobe lies in front.
    fn name_middle(&self, stem: &[usize], lobar: &[usize], out: &mut Vec<AirwayBranch>) {
        if lobar.len() < 2 {
            return;
        }
        let forward = |n: &&usize| self.direction(**n).y;
        let front = lobar.iter().min_by(|a, b| forward(a).total_cmp(&forward(b)));
        let back = lobar.iter().max_by(|a, b| forward(a).total_cmp(&forward(b)));
        if let (Some(&front), Some(&back)) = (front, back) {
            let stem: Vec<usize> = stem.iter().copied().chain([back]).collect();
            out.push(self.lobe(Bronchus::RightMiddle, front, &stem));
            out.push(self.branch(Bronchus::RightLower, &[back]));
        }
    }

    fn name_left(&self, main: usize, out: &mut Vec<AirwayBranch>) {
        let (parts, lobar) = self.until_parting(main, LEFT_MAIN_MM);
        out.push(self.branch(Bronchus::LeftMain, &parts));
        if lobar.len() < 2 {
            return;
        }
        // The upper lobe lies in front and above.
        let upward = |n: &&usize| {
            let d = self.direction(**n);
            d.z - d.y
        };
        let upper = lobar.iter().max_by(|a, b| upward(a).total_cmp(&upward(b)));
        let lower = lobar.iter().min_by(|a, b| upward(a).total_cmp(&upward(b)));
        if let (Some(&upper), Some(&lower)) = (upper, lower) {
            let stem: Vec<usize> = parts.iter().copied().chain([lower]).collect();
            out.push(self.lobe(Bronchus::LeftUpper, upper, &stem));
            out.push(self.branch(Bronchus::LeftLower, &[lower]));
        }
    }
}

/// Half of lumen and wall.
const WALL_HU: f64 = -500.0;

/// Voxels of the first fronts of a branch.
fn first_fronts(w: &Working, grown: &Grown, n: usize) -> Vec<usize> {
    let depth = (10.0 / grown.front_mm / w.spacing_mm().max(1.0)).ceil().max(2.0) as usize;
    grown.branches[n].fronts.iter().take(depth).flat_map(|f| f.voxels.iter().copied()).collect()
}

/// The point between the main bronchi where the lumen parts: on the ridge, between the last slice with one lumen and
/// the first with two, where the CT number of the ridge passes the half of lumen and wall.
pub fn carina(w: &Working, airway: &[bool], grown: &Grown, named: &Named) -> Option<PatientPoint> {
    let parting = grown.branches[named.last_of_trachea].fronts.last()?.center.x;
    let spacing = w.spacing_mm();
    let first = (parting - 25.0 / spacing).max(0.0).floor() as usize;
    let last = ((parting + 15.0 / spacing).ceil() as usize).min(w.slices() - 1);
    // Of the branches only trachea and main bronchi count: an upper lobe bronchus beside the trachea is no second lumen.
    let mut central = vec![false; w.area() * (last + 1 - first)];
    for &n in named.trachea.iter().chain(&named.main) {
        for &at in grown.branches[n].fronts.iter().flat_map(|f| &f.voxels) {
            let k = at / w.area();
            if (first..=last).contains(&k) && airway[at] {
                central[at - first * w.area()] = true;
            }
        }
    }
    // From slices with both main bronchi up to where they are one.
    let [right, left] = named.main.map(|n| first_fronts(w, grown, n));
    let k = (first..=last).max_by_key(|&k| {
        let on = |set: &[usize]| set.iter().filter(|&&at| at / w.area() == k).count();
        on(&right).min(on(&left))
    })?;
    let lumens = |k: usize| -> Components {
        Components::of([1, w.shape[1], w.shape[2]], &central[(k - first) * w.area()..(k + 1 - first) * w.area()])
    };
    let mut parts = lumens(k);
    let holding = |parts: &Components, set: &[usize]| -> Option<usize> {
        parts.largest_overlap(w.shape[2], set.iter().filter(|&&at| at / w.area() == k).map(|at| at % w.area()))
    };
    let (mut r, mut l) = (holding(&parts, &right)?, holding(&parts, &left)?);
    let mut k = k;
    // Below the parting front both may still be one.
    while r == l && k < last {
        k += 1;
        let below = lumens(k);
        let ends = |side: usize| {
            let mut pixels: Vec<usize> = below.pixels(w.shape[2]).collect();
            pixels.sort_by_key(|at| at % w.shape[2]);
            if side == 0 { pixels.first().copied() } else { pixels.last().copied() }
        };
        let (Some(a), Some(b)) = (ends(0), ends(1)) else { return None };
        r = below.largest_overlap(w.shape[2], [a].into_iter())?;
        l = below.largest_overlap(w.shape[2], [b].into_iter())?;
        parts = below;
    }
    if r == l {
        return None;
    }
    while k > first {
        let above = lumens(k - 1);
        let follow = |label: usize| above.largest_overlap(w.shape[2], parts.pixels_of(w.shape[2], label));
        let (Some(next_r), Some(next_l)) = (follow(r), follow(l)) else { break };
        if next_r == next_l {
            break;
        }
        (r, l, parts, k) = (next_r, next_l, above, k - 1);
    }
    let center = |label: usize| {
        let (mut j, mut i, mut n) = (0.0, 0.0, 0.0);
        for at in parts.pixels_of(w.shape[2], label) {
            j += (at / w.shape[2]) as f64;
            i += (at % w.shape[2]) as f64;
            n += 1.0;
        }
        [j / n, i / n]
    };
    let (a, b) = (center(r), center(l));
    let hu = |k: usize, p: [f64; 2]| -> f64 {
        let (j, i) = (p[0].clamp(0.0, (w.shape[1] - 1) as f64), p[1].clamp(0.0, (w.shape[2] - 1) as f64));
        let (j0, i0) = (j.floor() as usize, i.floor() as usize);
        let (j1, i1) = ((j0 + 1).min(w.shape[1] - 1), (i0 + 1).min(w.shape[2] - 1));
        let at = |j: usize, i: usize| f64::from(w.hu[w.index([k, j, i])]);
        let (fj, fi) = (j - j0 as f64, i - i0 as f64);
        (at(j0, i0) * (1.0 - fi) + at(j0, i1) * fi) * (1.0 - fj) + (at(j1, i0) * (1.0 - fi) + at(j1, i1) * fi) * fj
    };
    // The ridge: the densest place between both lumens.
    let on_line = |t: f64| [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
    let ridge = (0..=80).map(|n| on_line(0.1 + 0.01 * f64::from(n))).max_by(|p, q| hu(k, *p).total_cmp(&hu(k, *q)))?;
    let mut up = 0.5;
    if k > 0 {
        let (below, above) = (hu(k, ridge), hu(k - 1, ridge));
        if below > WALL_HU && above < WALL_HU {
            up = (below - WALL_HU) / (below - above);
        } else if below <= WALL_HU {
            // A ridge thinner than a voxel: it is here, whatever its number.
            up = 0.0;
        }
    }
    Some(w.point(k as f64 - up, ridge[0], ridge[1]))
}
