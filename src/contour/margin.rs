//! Margins in six directions of the patient, exact in space and smooth in the plane.
//!
//! A structure is a stack of slabs: the rings of a slice, from half way to the slice below to half way to the one above.
//! It grows by an ellipsoid whose half axis may differ on each of the six sides: a point is inside if
//! `(dx / rx)² + (dy / ry)² + (dz / rz)² <= 1` for the way from some point of the structure, each radius that of the
//! side to which the way leads. Shrinking grows what is outside. On a slice this is the same, for every slab in reach, as
//! a margin in the plane by the part of the radii that the way to the slab leaves, so that what is measured is the
//! distance from the rings of the slab; the positions of the slices may be uneven.

use super::boolean::normalized;
use super::distance::half_steps;
use super::lines::{FAR, Gauge, Lattice, Search};
use super::{BooleanOp, SliceContours, Slices, boolean, trace};
use crate::geometry::VoxelGrid;
use crate::words::keep;
use ndarray::ArrayView2;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Millimetres towards each side of the patient, none below zero.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Margins {
    pub left: f64,
    pub right: f64,
    pub anterior: f64,
    pub posterior: f64,
    pub superior: f64,
    pub inferior: f64,
}

impl Margins {
    /// The same on every side.
    pub fn uniform(mm: f64) -> Self {
        Self { left: mm, right: mm, anterior: mm, posterior: mm, superior: mm, inferior: mm }
    }

    /// The six values with the names of their sides, in English.
    pub fn sides(&self) -> [(&'static str, f64); 6] {
        [
            (keep("left"), self.left),
            (keep("right"), self.right),
            (keep("anterior"), self.anterior),
            (keep("posterior"), self.posterior),
            (keep("superior"), self.superior),
            (keep("inferior"), self.inferior),
        ]
    }

    /// `None` if the sides differ.
    pub fn same_everywhere(&self) -> Option<f64> {
        self.sides().iter().all(|(_, mm)| *mm == self.left).then_some(self.left)
    }

    /// Radii towards smaller and larger i, j and slice position: which side of the patient that is follows from the
    /// directions of the grid (LPS: +x left, +y posterior, +z superior), whichever way the patient lay.
    fn along(&self, grid: &VoxelGrid) -> [[f64; 2]; 3] {
        let patient = [[self.right, self.left], [self.anterior, self.posterior], [self.inferior, self.superior]];
        let mut free = [true; 3];
        [grid.i_direction(), grid.j_direction(), grid.normal()].map(|direction| {
            let components = direction.to_array();
            let axis = (0..3)
                .filter(|&a| free[a])
                .max_by(|&a, &b| components[a].abs().total_cmp(&components[b].abs()))
                .expect("three directions have three axes");
            free[axis] = false;
            let [negative, positive] = patient[axis].map(|mm| mm.max(0.0));
            if components[axis] >= 0.0 { [negative, positive] } else { [positive, negative] }
        })
    }
}

/// A slice that is this much beyond the margin, as a part of it, is still within: rounding must not decide where a
/// distance is the margin itself.
const TOLERANCE: f64 = 1e-5;

/// Margins in the plane below this are none, mm.
const NOTHING_MM: f64 = 0.02;

/// What is left of the radii for a slab at the rim of the margin, where rounding decides.
const RIM: f64 = 0.01;

/// The structure with the margins around it, within the grid. A slice that only keeps what it had is the same slice.
pub fn grow(slices: &Slices, grid: &VoxelGrid, margins: &Margins) -> Slices {
    let [u, v, n] = margins.along(grid);
    let mut out = Slices::new();
    let (Some(first), Some(last)) = (slices.keys().next(), slices.keys().next_back()) else { return out };
    let slabs = Slabs::of(grid);
    let [least_mm, most_mm] = extremes([u, v]);
    let finest_mm = grid.spacing_i_mm().min(grid.spacing_j_mm());
    let mut fields = Fields::new(grid, [u, v], false);
    for k in slabs.reached_from(*first, *last, n) {
        let sources: Vec<(usize, f64)> =
            slices.keys().filter_map(|&m| slabs.left(m, k, n).map(|left| (m, left))).collect();
        fields.keep(&sources);
        let mut level: Option<Field> = None;
        let mut rings: Vec<(usize, &Arc<SliceContours>)> = Vec::new();
        for &(m, left) in &sources {
            // Where less than a pixel is left of the margin in this plane, the rings say better where it ends.
            if left * least_mm < finest_mm {
                rings.push((m, &slices[&m]));
            }
            if left * most_mm < NOTHING_MM {
                continue;
            }
            let Some(field) = fields.of(m, &slices[&m]) else { continue };
            match &mut level {
                Some(level) => level.lower(field, left as f32),
                None => level = Some(field.lowered(left as f32)),
            }
        }
        let grown = level.map(|level| level.outline(grid));
        if let (None, [(m, only)]) = (&grown, rings.as_slice())
            && *m == k
        {
            out.insert(k, Arc::clone(only));
            continue;
        }
        let grown = rings.iter().fold(grown.unwrap_or_default(), |all, (_, c)| boolean(&all, c, BooleanOp::Union));
        if !grown.is_empty() {
            out.insert(k, Arc::new(grown));
        }
    }
    out
}

/// What is left where the margins are taken off inside: the side `left` moves to the right, and so on. Where the scan
/// cuts the structure off it has no surface and keeps its place.
pub fn shrink(slices: &Slices, grid: &VoxelGrid, margins: &Margins) -> Slices {
    // What is outside grows towards the other side.
    let [u, v, n] = margins.along(grid).map(|[negative, positive]| [positive, negative]);
    let slabs = Slabs::of(grid);
    let [least_mm, most_mm] = extremes([u, v]);
    let finest_mm = grid.spacing_i_mm().min(grid.spacing_j_mm());
    let mut fields = Fields::new(grid, [u, v], true);
    let mut out = Slices::new();
    'slices: for (&k, rings) in slices {
        let sources: Vec<(usize, f64)> =
            (0..grid.slices()).filter_map(|m| slabs.left(m, k, n).map(|left| (m, left))).collect();
        fields.keep(&sources);
        let mut level: Option<Field> = None;
        let mut others: Vec<&Arc<SliceContours>> = Vec::new();
        for &(m, left) in &sources {
            if left < RIM {
                continue;
            }
            // Without rings all of that slab is outside.
            let Some(above) = slices.get(&m) else { continue 'slices };
            if left * least_mm < finest_mm && m != k {
                others.push(above);
            }
            if left * most_mm < NOTHING_MM {
                continue;
            }
            let Some(field) = fields.of(m, above) else { continue 'slices };
            match &mut level {
                Some(level) => level.narrow(field, left as f32),
                None => level = Some(field.lowered(left as f32)),
            }
        }
        let mut inner = match &level {
            Some(level) => level.inline(grid),
            None if others.is_empty() => {
                out.insert(k, Arc::clone(rings));
                continue;
            }
            None => (**rings).clone(),
        };
        if level.is_some() && least_mm < finest_mm {
            others.push(rings);
        }
        for c in others {
            inner = boolean(&inner, c, BooleanOp::Intersection);
        }
        if !inner.is_empty() {
            out.insert(k, Arc::new(inner));
        }
    }
    out
}

/// The smallest and the largest radius in the plane, mm.
fn extremes(radii: [[f64; 2]; 2]) -> [f64; 2] {
    let all = radii.iter().flatten();
    [all.clone().fold(f64::INFINITY, |a, b| a.min(*b)), all.fold(0.0, |a, b| a.max(*b))]
}

/// From where to where each slice reaches along the normal, mm.
struct Slabs {
    at: Vec<f64>,
    ends: Vec<[f64; 2]>,
}

impl Slabs {
    fn of(grid: &VoxelGrid) -> Self {
        let at = grid.positions_mm().to_vec();
        let ends = half_steps(&at).iter().zip(&at).map(|(half, z)| [z - half[0], z + half[1]]).collect();
        Self { at, ends }
    }

    /// The part of the radii in the plane that the way from slab `m` to the middle of slice `k` leaves; `None` beyond
    /// the radius.
    fn left(&self, m: usize, k: usize, [down, up]: [f64; 2]) -> Option<f64> {
        let (way, radius) = match m.cmp(&k) {
            std::cmp::Ordering::Equal => return Some(1.0),
            std::cmp::Ordering::Less => (self.at[k] - self.ends[m][1], up),
            std::cmp::Ordering::Greater => (self.ends[m][0] - self.at[k], down),
        };
        let is_reached = radius > 0.0 && way <= radius * (1.0 + TOLERANCE);
        is_reached.then(|| (1.0 - (way / radius).powi(2)).max(0.0).sqrt())
    }

    fn reached_from(&self, first: usize, last: usize, [down, up]: [f64; 2]) -> std::ops::Range<usize> {
        let low = self.ends[first][0] - down * (1.0 + TOLERANCE);
        let high = self.ends[last][1] + up * (1.0 + TOLERANCE);
        self.at.partition_point(|z| *z < low).min(first)..self.at.partition_point(|z| *z <= high).max(last + 1)
    }
}

/// Rows and columns of the grid that hold the rings and what is `reach` (towards smaller and larger u and v) around
/// them, with two pixels to spare; `None` where none is in the grid.
pub(super) fn place(
    [low, high]: [[f64; 2]; 2],
    grid: &VoxelGrid,
    reach: [[f64; 2]; 2],
) -> Option<([usize; 2], [usize; 2])> {
    let low = grid.index_from_plane([low[0] - reach[0][0], low[1] - reach[1][0]]).floor() - 2.0;
    let high = grid.index_from_plane([high[0] + reach[0][1], high[1] + reach[1][1]]).ceil() + 2.0;
    let range = |low: f64, high: f64, size: usize| {
        let (from, to) = (low.max(0.0), (high + 1.0).min(size as f64));
        (to > from).then_some((from as usize, (to - from) as usize))
    };
    let (j, rows) = range(low.y, high.y, grid.rows())?;
    let (i, columns) = range(low.x, high.x, grid.columns())?;
    Some(([j, i], [rows, columns]))
}

/// The fields of the slices in reach, each made once.
struct Fields<'a> {
    grid: &'a VoxelGrid,
    radii: [[f64; 2]; 2],
    /// Measured inside the rings rather than outside.
    inwards: bool,
    known: BTreeMap<usize, Option<Field>>,
}

impl<'a> Fields<'a> {
    fn new(grid: &'a VoxelGrid, radii: [[f64; 2]; 2], inwards: bool) -> Self {
        Self { grid, radii, inwards, known: BTreeMap::new() }
    }

    fn keep(&mut self, sources: &[(usize, f64)]) {
        self.known.retain(|m, _| sources.iter().any(|(source, _)| source == m));
    }

    fn of(&mut self, m: usize, rings: &SliceContours) -> Option<&Field> {
        let Self { grid, radii, inwards, known } = self;
        known.entry(m).or_insert_with(|| Field::of(rings, grid, *radii, *inwards)).as_ref()
    }
}

/// Lengths of the ways from the rings of a slice, in parts of the margin, over a part of the slice: positive where the
/// margin is measured, negative on the other side. A length less than what is left of the margin lies within it.
struct Field {
    first_ji: [usize; 2],
    /// Rows, columns.
    shape: [usize; 2],
    values: Vec<f32>,
}

impl Field {
    fn of(rings: &SliceContours, grid: &VoxelGrid, radii: [[f64; 2]; 2], inwards: bool) -> Option<Self> {
        let reach = if inwards { [[0.0; 2]; 2] } else { radii };
        let (first_ji, shape) = place(rings.bounds()?, grid, reach)?;
        let lattice = Lattice::of_grid(grid, first_ji, shape);
        // A channel without width to a hole is no surface.
        let rings = normalized(rings);
        let mut positive = lattice.inside(&rings);
        if !inwards {
            for p in &mut positive {
                *p = !*p;
            }
        }
        // The image ends half a pixel beyond the last centres; what is beyond is on neither side.
        let low = grid.plane_from_index(-0.5, -0.5).map(|x| x + NOTHING_MM);
        let high = grid.plane_from_index(grid.columns() as f64 - 0.5, grid.rows() as f64 - 0.5).map(|x| x - NOTHING_MM);
        let search = Search {
            lattice: &lattice,
            gauge: Gauge::new(radii),
            positive: &positive,
            reach: [0.0, 1.0],
            within: Some([low, high]),
        };
        Some(Self { first_ji, shape, values: search.lengths(&rings) })
    }

    /// The same with so much less everywhere.
    fn lowered(&self, left: f32) -> Self {
        let values = self.values.iter().map(|x| x - left).collect();
        Self { first_ji: self.first_ji, shape: self.shape, values }
    }

    /// The lower of this and another with so much less, over both places.
    fn lower(&mut self, other: &Self, left: f32) {
        let low: [usize; 2] = std::array::from_fn(|a| self.first_ji[a].min(other.first_ji[a]));
        let end = |field: &Self, a: usize| field.first_ji[a] + field.shape[a];
        let shape: [usize; 2] = std::array::from_fn(|a| end(self, a).max(end(other, a)) - low[a]);
        if low != self.first_ji || shape != self.shape {
            let mut wider = Self { first_ji: low, shape, values: vec![FAR; shape[0] * shape[1]] };
            wider.lower(self, 0.0);
            *self = wider;
        }
        let offset = [other.first_ji[0] - low[0], other.first_ji[1] - low[1]];
        for (j, row) in other.values.chunks_exact(other.shape[1]).enumerate() {
            let at = (j + offset[0]) * shape[1] + offset[1];
            for (value, x) in self.values[at..at + row.len()].iter_mut().zip(row) {
                *value = value.min(x - left);
            }
        }
    }

    /// The lower of this and another with so much less, over its own place; beyond the place of the other it is on the
    /// negative side.
    fn narrow(&mut self, other: &Self, left: f32) {
        let columns = self.shape[1];
        for (at, value) in self.values.iter_mut().enumerate() {
            let [j, i] = [at / columns + self.first_ji[0], at % columns + self.first_ji[1]];
            let place = j.checked_sub(other.first_ji[0]).zip(i.checked_sub(other.first_ji[1]));
            let x = place.filter(|(j, i)| *j < other.shape[0] && *i < other.shape[1]);
            *value = value.min(x.map_or(-FAR, |(j, i)| other.values[j * other.shape[1] + i] - left));
        }
    }

    /// Around what is not above 0.
    fn outline(mut self, grid: &VoxelGrid) -> SliceContours {
        for x in &mut self.values {
            *x = -*x;
        }
        self.inline(grid)
    }

    /// Around what is not below 0.
    fn inline(&self, grid: &VoxelGrid) -> SliceContours {
        match ArrayView2::from_shape(self.shape, &self.values) {
            Ok(field) => trace(field, 0.0, grid, self.first_ji),
            Err(_) => SliceContours::default(),
        }
    }
}

#[cfg(test)]
mod tests;
