//! Body, lungs and bone of a chest as a registration needs them: coarse, quick, and of any scan that shows lungs.

use super::level::Level;
use crate::contour::Components;
use crate::geometry::PatientPoint;
use glam::DVec3;
use ndarray::{Array2, Array3, ArrayView2, Axis};

/// Tissue is above this, air and lung below, HU.
const TISSUE_HU: f32 = -350.0;
/// Blocks of bone are above this, HU.
pub const BONE_HU: f32 = 200.0;
/// Air in the body that holds so much away from its edges is a lung, or a part of one, cm3: windpipe and bowel hold less.
const LUNG_PART_CM3: f64 = 50.0;
/// So many blocks are away from the edge: the windpipe is narrower.
const AWAY: usize = 2;

/// What a level shows; masks `[k, j, i]`.
pub struct Tissue {
    pub body: Array3<bool>,
    pub lungs: Array3<bool>,
    pub lungs_cm3: f64,
    /// Mean of the body's blocks; the middle of the scan where there is no body.
    pub center: PatientPoint,
}

impl Tissue {
    pub fn of(level: &Level) -> Self {
        // A couch is thin: without a block at each edge it falls off the body.
        let mut core = Array3::from_elem(level.hu.raw_dim(), false);
        for (k, slice) in level.hu.axis_iter(Axis(0)).enumerate() {
            let tissue = closed_in(&slice.mapv(|h| h > TISSUE_HU));
            core.index_axis_mut(Axis(0), k).assign(&shrunk(tissue.view()));
        }
        let parts = parts(&core);
        let largest = parts.largest();
        let body = grown(&painted(&parts, &core, |part| Some(part) == largest), 1);
        let air = Array3::from_shape_fn(body.raw_dim(), |at| body[at] && level.hu[at] < TISSUE_HU);
        let mut lungs_cm3 = 0.0;
        let volume = |at: &[usize; 3]| level.grid.voxel_mm3(at[0]) / 1000.0;
        let away = grown(&air.mapv(|is| !is), AWAY).mapv(|near| !near);
        let parts = self::parts(&away);
        let (_, rows, columns) = away.dim();
        let volumes_cm3 = parts.sums(columns, |at| volume(&[at / columns / rows, at / columns % rows, at % columns]));
        let mut lungs = painted(&parts, &away, |part| volumes_cm3[part] >= LUNG_PART_CM3);
        let near = grown(&lungs, AWAY + 1);
        for ((k, j, i), is) in lungs.indexed_iter_mut() {
            *is = near[[k, j, i]] && air[[k, j, i]];
            lungs_cm3 += if *is { volume(&[k, j, i]) } else { 0.0 };
        }
        let (mut sum, mut n) = (DVec3::ZERO, 0.0);
        for ((k, j, i), _) in body.indexed_iter().filter(|(_, is)| **is) {
            sum += level.center_of([k, j, i]);
            n += 1.0;
        }
        let center = if n > 0.0 { sum / n } else { level.grid.center() };
        Self { body, lungs, lungs_cm3, center }
    }
}

/// With everything that tissue encloses in a slice: what cannot be reached from the border.
fn closed_in(tissue: &Array2<bool>) -> Array2<bool> {
    let (rows, columns) = tissue.dim();
    let mut outside = Array2::from_elem((rows, columns), false);
    let border = (0..rows).flat_map(|j| [[j, 0], [j, columns - 1]]);
    let border = border.chain((0..columns).flat_map(|i| [[0, i], [rows - 1, i]]));
    let mut open: Vec<[usize; 2]> = border.filter(|at| !tissue[*at]).collect();
    while let Some([j, i]) = open.pop() {
        if std::mem::replace(&mut outside[[j, i]], true) {
            continue;
        }
        let near = [[j.wrapping_sub(1), i], [j + 1, i], [j, i.wrapping_sub(1)], [j, i + 1]];
        open.extend(near.into_iter().filter(|at| tissue.get(*at) == Some(&false) && !outside[*at]));
    }
    outside.mapv(|out| !out)
}

/// Without the outermost pixels. Beyond the border the set goes on: a body may be cut off there.
fn shrunk(set: ArrayView2<bool>) -> Array2<bool> {
    let is = |j: usize, i: usize| set.get([j, i]).copied().unwrap_or(true);
    Array2::from_shape_fn(set.raw_dim(), |(j, i)| {
        set[[j, i]] && is(j.wrapping_sub(1), i) && is(j + 1, i) && is(j, i.wrapping_sub(1)) && is(j, i + 1)
    })
}

/// With the blocks up to `reach` away along each axis.
pub fn grown(set: &Array3<bool>, reach: usize) -> Array3<bool> {
    let mut all = set.clone();
    for axis in 0..3 {
        let before = all.clone();
        for (from, mut to) in before.lanes(Axis(axis)).into_iter().zip(all.lanes_mut(Axis(axis))) {
            for (n, _) in from.iter().enumerate().filter(|(_, is)| **is) {
                let last = (n + reach).min(from.len() - 1);
                (n.saturating_sub(reach)..=last).for_each(|m| to[m] = true);
            }
        }
    }
    all
}

/// Parts that hang together through faces.
fn parts(set: &Array3<bool>) -> Components {
    Components::of(set.dim().into(), &set.iter().copied().collect::<Vec<_>>())
}

/// Some parts of a set.
fn painted(parts: &Components, set: &Array3<bool>, keep: impl Fn(usize) -> bool) -> Array3<bool> {
    let mut some = vec![false; set.len()];
    parts.paint(set.dim().2, &mut some, keep);
    Array3::from_shape_vec(set.raw_dim(), some).expect("as many as in the set")
}
