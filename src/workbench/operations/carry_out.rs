//! Operations carried out: from the contours of the inputs to those of the result. Nothing here knows the case.

use crate::anatomy;
use crate::contour::{self, BooleanOp, Slices};
use crate::image::CtVolume;
use crate::structures::{Operation, Recipe, RoiId};
use crate::workbench::Case;
use std::sync::Arc;

/// Everything that an operation reads, as it was at a moment; the contours are shared with the case.
#[derive(Debug, Clone)]
pub struct Inputs {
    pub volume: CtVolume,
    pub of: Vec<(RoiId, Slices)>,
    pub inside: Vec<(RoiId, Slices)>,
    pub outside: Vec<(RoiId, Slices)>,
}

impl Inputs {
    /// Of a case; `None` where a structure is not there.
    pub fn of(case: &Case, recipe: &Recipe) -> Option<Self> {
        let all = |ids: &[RoiId]| {
            ids.iter().map(|id| Some((*id, case.structures().get(*id)?.slices.clone()))).collect::<Option<Vec<_>>>()
        };
        Some(Self {
            volume: case.image.volume.clone(),
            of: all(&recipe.of)?,
            inside: all(&recipe.inside)?,
            outside: all(&recipe.outside)?,
        })
    }

    /// Every structure with the contours that it had.
    pub fn all(&self) -> impl Iterator<Item = &(RoiId, Slices)> {
        self.of.iter().chain(&self.inside).chain(&self.outside)
    }
}

/// True where both hold the same contours, not only equal ones.
pub(super) fn are_the_same(a: &Slices, b: &Slices) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((k, x), (l, y))| k == l && Arc::ptr_eq(x, y))
}

fn slices(of: &[(RoiId, Slices)]) -> Vec<&Slices> {
    of.iter().map(|(_, slices)| slices).collect()
}

/// The contours that an operation gives. Rings of the first structure that it does not change stay the same rings.
pub fn carry_out(operation: &Operation, inputs: &Inputs) -> Slices {
    let grid = &inputs.volume.grid;
    let of = slices(&inputs.of);
    let combined = |op| contour::combine(op, &of);
    let united = combined(BooleanOp::Union);
    let result = match operation {
        Operation::Margin(margins) => contour::grow(&united, grid, margins),
        Operation::Shrink(margins) => contour::shrink(&united, grid, margins),
        Operation::Union => united.clone(),
        Operation::Intersection => combined(BooleanOp::Intersection),
        Operation::Difference => combined(BooleanOp::Difference),
        Operation::SymmetricDifference => combined(BooleanOp::Xor),
        Operation::Smooth(smoothing) => contour::smooth(&united, grid, smoothing),
        Operation::KeepIslands { at_least_cm3 } => contour::keep_islands(&united, grid, at_least_cm3 * 1000.0),
        Operation::LargestIsland => contour::largest_island(&united, grid),
        Operation::FillHoles { up_to_cm2 } => contour::fill_holes(&united, up_to_cm2.map(|cm2| cm2 * 100.0)),
        Operation::Simplify { tolerance_mm } => contour::simplify_slices(&united, *tolerance_mm),
        Operation::Interpolate => {
            let mut filled = united.clone();
            filled.extend(contour::interpolate(&united, grid).slices);
            filled
        }
        Operation::ProposeCtv { margin_mm } => {
            let spared = contour::combine(BooleanOp::Union, &slices(&inputs.outside));
            let [gtv, spared] = [&united, &spared].map(|s| contour::rasterize(grid, s));
            return anatomy::propose_ctv(&inputs.volume, &gtv, &spared, *margin_mm).slices;
        }
        Operation::UnionOfTouched => {
            let masks: Vec<_> = of.iter().map(|s| contour::rasterize(grid, s)).collect();
            let (first, others) = masks.split_first().map_or((None, &masks[..]), |(f, o)| (Some(f), o));
            let is_touched = |mask: &contour::Mask| first.is_some_and(|f| !f.intersection(mask).is_empty());
            let touched: Vec<&Slices> =
                of.iter().skip(1).zip(others).filter(|(_, mask)| is_touched(mask)).map(|(s, _)| *s).collect();
            contour::combine(BooleanOp::Union, &touched)
        }
    };
    if operation.grows() && inputs.inside.len() + inputs.outside.len() > 0 {
        let nothing = Slices::new();
        let before = if *operation == Operation::Union { of.first().copied().unwrap_or(&nothing) } else { &united };
        return contour::limited(before, &result, &slices(&inputs.inside), &slices(&inputs.outside));
    }
    result
}

/// Gives every place to the first structure of an order that holds it. Locked ones come before all others and stay as
/// they are. The results are in the order given.
pub fn resolve_stations(order: &[RoiId], locked: &[RoiId], inputs: &Inputs) -> Vec<Slices> {
    let nothing = Slices::new();
    let of = |id: &RoiId| inputs.of.iter().find(|(other, _)| other == id).map_or(&nothing, |(_, slices)| slices);
    let (first, rest): (Vec<&RoiId>, Vec<&RoiId>) = order.iter().partition(|id| locked.contains(id));
    let sequence: Vec<&RoiId> = first.iter().chain(&rest).copied().collect();
    let resolved = contour::resolve_overlaps(&sequence.iter().map(|id| of(id)).collect::<Vec<_>>());
    let found = |id: &RoiId| sequence.iter().position(|other| *other == id).map(|at| resolved[at].clone());
    order.iter().map(|id| if locked.contains(id) { of(id).clone() } else { found(id).unwrap_or_default() }).collect()
}
