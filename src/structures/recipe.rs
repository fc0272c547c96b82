//! How a structure is made from others, and what is remembered of it so that it can be made again.

use super::RoiId;
use crate::contour::{Margins, Smoothing};
use crate::tf;
use crate::words::{fill, keep, t, told};
use std::fmt::Display;

/// What is done with whole structures. Where it needs one and several are given, they are united first.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Grows by millimetres on each side.
    Margin(Margins),
    /// What is left where millimetres are taken off on each side.
    Shrink(Margins),
    Union,
    Intersection,
    /// The first without all others.
    Difference,
    /// What an odd number of them holds.
    SymmetricDifference,
    Smooth(Smoothing),
    /// Without connected parts below a volume.
    KeepIslands {
        at_least_cm3: f64,
    },
    LargestIsland,
    /// Holes up to an area, all without one.
    FillHoles {
        up_to_cm2: Option<f64>,
    },
    /// Fewer vertices for the same outline.
    Simplify {
        tolerance_mm: f64,
    },
    /// Contours for the empty slices between drawn ones.
    Interpolate,
    /// A target volume around tumours: a margin that spares lung and bone as the CT shows them.
    ProposeCtv {
        margin_mm: f64,
    },
    /// The union of those of the others that share voxels with the first: of the stations that a CTV touches.
    UnionOfTouched,
}

impl Operation {
    /// True where the order of what is taken matters or more than one is needed.
    pub fn combines(&self) -> bool {
        matches!(
            self,
            Self::Union | Self::Intersection | Self::Difference | Self::SymmetricDifference | Self::UnionOfTouched
        )
    }

    /// True where something is added that limits can take back.
    pub fn grows(&self) -> bool {
        matches!(self, Self::Margin(_) | Self::Union | Self::FillHoles { .. } | Self::Smooth(_) | Self::Interpolate)
    }

    /// What is wrong with its numbers.
    pub fn problem(&self) -> Option<String> {
        let within = |what: &str, value: f64, low: f64, high: f64, unit: &str| {
            (!(low..=high).contains(&value)).then(|| {
                tf!("{what} must be between {low} and {high} {unit}, not {value}", what, low, high, unit, value)
            })
        };
        match *self {
            Self::Margin(margins) | Self::Shrink(margins) => margins
                .sides()
                .into_iter()
                .find_map(|(side, mm)| within(&tf!("The margin to {side}", side = told(side)), mm, 0.0, MOST_MM, "mm"))
                .or_else(|| {
                    let none = margins.sides().iter().all(|(_, mm)| *mm == 0.0);
                    none.then(|| t("A margin of nothing on every side changes nothing: enter millimetres").into())
                }),
            Self::Smooth(Smoothing { in_plane_mm, between_mm }) => {
                within(t("Smoothing in the plane"), in_plane_mm, 0.0, 10.0, "mm")
                    .or_else(|| within(t("Smoothing between slices"), between_mm, 0.0, 20.0, "mm"))
                    .or_else(|| {
                        (in_plane_mm + between_mm == 0.0)
                            .then(|| t("Smoothing by nothing changes nothing: enter millimetres").into())
                    })
            }
            Self::KeepIslands { at_least_cm3 } => within(t("The volume"), at_least_cm3, 0.0, 10_000.0, "cm³"),
            Self::FillHoles { up_to_cm2: Some(cm2) } => within(t("The area"), cm2, 0.0, 10_000.0, "cm²"),
            Self::Simplify { tolerance_mm } => within(t("The tolerance"), tolerance_mm, 0.01, 10.0, "mm"),
            Self::ProposeCtv { margin_mm } => within(t("The margin"), margin_mm, 0.0, 30.0, "mm"),
            _ => None,
        }
    }
}

/// The largest margin, mm.
const MOST_MM: f64 = 100.0;

/// How a structure is made.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Recipe {
    pub operation: Operation,
    /// What it is made of, in order.
    pub of: Vec<RoiId>,
    /// What is added must lie in one of these, if there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inside: Vec<RoiId>,
    /// And in none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<RoiId>,
}

impl Recipe {
    /// Every structure that it reads.
    pub fn inputs(&self) -> impl Iterator<Item = RoiId> + '_ {
        self.of.iter().chain(&self.inside).chain(&self.outside).copied()
    }

    /// With other ids for the structures; `None` where one has none.
    pub fn with_ids(&self, id: impl Fn(RoiId) -> Option<RoiId>) -> Option<Self> {
        let all = |ids: &[RoiId]| ids.iter().map(|i| id(*i)).collect::<Option<Vec<RoiId>>>();
        Some(Self {
            operation: self.operation,
            of: all(&self.of)?,
            inside: all(&self.inside)?,
            outside: all(&self.outside)?,
        })
    }

    /// In English words to be kept, such as "GTVp + GTVn, margin 8 mm, outside Bones".
    pub fn words(&self, name: impl Fn(RoiId) -> String) -> String {
        self.said(name, keep)
    }

    /// In words to be shown.
    pub fn told(&self, name: impl Fn(RoiId) -> String) -> String {
        self.said(name, t)
    }

    fn said(&self, name: impl Fn(RoiId) -> String, say: fn(&'static str) -> &'static str) -> String {
        let joined = |ids: &[RoiId], with: &str| ids.iter().map(|i| name(*i)).collect::<Vec<_>>().join(with);
        let mm = |margins: Margins| match margins.same_everywhere() {
            Some(mm) => format!("{mm} mm"),
            None => {
                let sides = margins.sides().into_iter().filter(|(_, mm)| *mm > 0.0);
                let words =
                    sides.map(|(side, mm)| fill(say(keep("{mm} mm {side}")), &[("mm", &mm), ("side", &say(side))]));
                words.collect::<Vec<_>>().join(", ")
            }
        };
        let united = joined(&self.of, " + ");
        let with = |text: &'static str, values: &[(&str, &dyn Display)]| fill(say(text), values);
        let of = ("of", &united as &dyn Display);
        let mut text = match self.operation {
            Operation::Margin(margins) => with(keep("{of}, margin {mm}"), &[of, ("mm", &mm(margins))]),
            Operation::Shrink(margins) => with(keep("{of}, shrunk by {mm}"), &[of, ("mm", &mm(margins))]),
            Operation::Union => united.clone(),
            Operation::Intersection => joined(&self.of, " ∩ "),
            Operation::Difference => joined(&self.of, " − "),
            Operation::SymmetricDifference => {
                with(keep("{of}, what only one holds"), &[("of", &joined(&self.of, say(keep(" and "))))])
            }
            Operation::Smooth(Smoothing { in_plane_mm, between_mm }) => with(
                keep("{of}, smoothed by {in_plane_mm} mm in the plane and {between_mm} mm between slices"),
                &[of, ("in_plane_mm", &in_plane_mm), ("between_mm", &between_mm)],
            ),
            Operation::KeepIslands { at_least_cm3 } => {
                with(keep("{of}, parts of {at_least_cm3} cm³ or more"), &[of, ("at_least_cm3", &at_least_cm3)])
            }
            Operation::LargestIsland => with(keep("{of}, the largest part"), &[of]),
            Operation::FillHoles { up_to_cm2: None } => with(keep("{of}, holes filled"), &[of]),
            Operation::FillHoles { up_to_cm2: Some(cm2) } => {
                with(keep("{of}, holes up to {cm2} cm² filled"), &[of, ("cm2", &cm2)])
            }
            Operation::Simplify { tolerance_mm } => {
                with(keep("{of}, simplified to {tolerance_mm} mm"), &[of, ("tolerance_mm", &tolerance_mm)])
            }
            Operation::Interpolate => with(keep("{of}, empty slices filled"), &[of]),
            Operation::ProposeCtv { margin_mm } => {
                with(keep("{of} + {margin_mm} mm, kept out of lung and bone"), &[of, ("margin_mm", &margin_mm)])
            }
            Operation::UnionOfTouched => match self.of.split_first() {
                Some((first, others)) => with(
                    keep("What {first} touches of {others}"),
                    &[("first", &name(*first)), ("others", &joined(others, ", "))],
                ),
                None => String::new(),
            },
        };
        if !self.inside.is_empty() {
            text.push_str(&with(keep(", inside {names}"), &[("names", &joined(&self.inside, say(keep(" or "))))]));
        }
        if !self.outside.is_empty() {
            text.push_str(&with(keep(", outside {names}"), &[("names", &joined(&self.outside, say(keep(" and "))))]));
        }
        text
    }
}

/// A structure that is made by a recipe: how, and which contours went in and came out when it was made last.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Derivation {
    pub recipe: Recipe,
    /// Stands for the contours of the inputs (see [`crate::contour::fingerprint`]).
    pub inputs: u64,
    /// Stands for the contours that came out.
    pub result: u64,
    /// It is made again after every edit of an input, unless it was edited itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub live: bool,
}

/// Whether a derived structure is what its recipe gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DerivedState {
    UpToDate,
    /// An input was edited since.
    Stale,
    /// Its own contours were edited since.
    Overridden,
    /// An input is no longer there.
    InputGone,
}

impl DerivedState {
    /// A word for the list of structures, in the language of this thread.
    pub fn label(self) -> &'static str {
        match self {
            Self::UpToDate => t("Up to date"),
            Self::Stale => t("Stale"),
            Self::Overridden => t("Overridden"),
            Self::InputGone => t("Input missing"),
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::UpToDate => t("It is what its recipe gives"),
            Self::Stale => t("A structure that it is made of was edited since; update it"),
            Self::Overridden => t("It was edited by hand since it was made; an update replaces these edits"),
            Self::InputGone => t("A structure that it is made of was deleted; it stays as it is"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_say_what_they_do_and_survive_json() {
        let name = |id: RoiId| ["", "GTVp", "GTVn", "Bones"][id.0 as usize].to_owned();
        let recipe = Recipe {
            operation: Operation::Margin(Margins::uniform(8.0)),
            of: vec![RoiId(1), RoiId(2)],
            inside: Vec::new(),
            outside: vec![RoiId(3)],
        };
        assert_eq!(recipe.words(name), "GTVp + GTVn, margin 8 mm, outside Bones");
        let json = serde_json::to_string(&recipe).expect("JSON");
        assert_eq!(serde_json::from_str::<Recipe>(&json).expect("the same"), recipe);
        assert_eq!(recipe.with_ids(|id| (id.0 < 3).then_some(id)), None);
        let difference = Recipe { operation: Operation::Difference, outside: Vec::new(), ..recipe };
        assert_eq!(difference.words(name), "GTVp − GTVn");
    }

    #[test]
    fn numbers_that_mean_nothing_are_told() {
        for (operation, words) in [
            (Operation::Margin(Margins::uniform(0.0)), "changes nothing"),
            (Operation::Margin(Margins::uniform(500.0)), "between 0 and 100 mm"),
            (Operation::Shrink(Margins { left: -1.0, ..Margins::uniform(3.0) }), "to left"),
            (Operation::Simplify { tolerance_mm: f64::NAN }, "tolerance"),
        ] {
            let problem = operation.problem().expect("a problem");
            assert!(problem.contains(words), "{problem}");
        }
        assert_eq!(Operation::Margin(Margins { left: 3.0, ..Margins::uniform(0.0) }).problem(), None);
    }
}
