//! Operations on whole structures: what is asked for, how it is computed apart from the window, and how it enters the
//! case as one step of undo. What a structure is made of can be remembered, so that it can be made again
//! ([`derived`]); contours for missing slices are shown before they are accepted ([`preview`]).

mod carry_out;
mod derived;
mod enter;
mod preview;

pub use carry_out::{Inputs, carry_out, resolve_stations};
pub use derived::Derivations;
pub(super) use derived::derivation_of;
pub use preview::PREVIEW;
pub(super) use preview::{Bridge, InterpolationPreview};

use super::jobs::{JobKey, Lane};
use super::results::CaseResult;
use super::{Case, EditError, Workbench};
use crate::contour::Slices;
use crate::structures::{Operation, Recipe, RoiId, Role};
use crate::tf;
use crate::words::{keep, t};

/// A request about whole structures.
#[derive(Debug, Clone, PartialEq)]
pub enum OperationCommand {
    Run(Box<OperationRequest>),
    /// Gives every place to the first of these structures that holds it.
    ResolveOverlaps(Vec<RoiId>),
    /// Makes a derived structure again.
    Update(RoiId),
    /// Makes every derived structure again whose inputs were edited; what was edited by hand stays.
    UpdateAll,
    /// Whether a derived structure is made again after every edit of an input.
    SetLive {
        roi: RoiId,
        live: bool,
    },
    /// Forgets how a structure was made; its contours stay.
    Detach(RoiId),
    /// Contours for the missing slices of the selected structure.
    ShowPreview(bool),
    AcceptPreview,
}

/// What is made of what.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationRequest {
    pub recipe: Recipe,
    pub target: Target,
    pub keep: Keep,
}

/// Where the result goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// It replaces the contours of this structure.
    Roi(RoiId),
    New {
        name: String,
        role: Role,
    },
}

/// Whether it is remembered how the result was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    #[default]
    Nothing,
    /// It tells when an input was edited since.
    Recipe,
    /// It is made again after every edit of an input.
    Live,
}

/// Why an operation cannot run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OperationRefusal {
    #[error("{}", crate::words::t("Choose a structure to work on first"))]
    NothingChosen,
    #[error("{}", crate::words::t("Choose at least two structures to combine"))]
    OneOnly,
    #[error("{0}")]
    Number(String),
    #[error("{}", crate::words::t("A structure that was chosen is no longer there: choose again"))]
    Gone,
    #[error("{}", crate::tf!("{name} is locked: unlock it in the structure list to change it", name = .0))]
    Locked(String),
    #[error("{}", crate::tf!("{name} is hidden: show it first, so that you see what changes", name = .0))]
    Hidden(String),
    #[error("{}", crate::tf!("{name} has no contours yet: draw it first", name = .0))]
    Empty(String),
    #[error("{}", crate::tf!("{name} cannot be made of itself: choose a new structure for the result, or do not keep the recipe", name = .0))]
    OfItself(String),
    #[error("{}", crate::words::t("Limits hold for what is added; this operation adds nothing: remove them"))]
    NoLimits,
    #[error("{}", crate::words::t("A structure needs a name"))]
    NoName,
    #[error("{}", crate::words::t("Another operation is still running: wait for it, or cancel it in the jobs list"))]
    Busy,
    #[error("{}", crate::tf!("{name} is not derived from other structures", name = .0))]
    NotDerived(String),
    #[error("{}", crate::tf!("A structure that {name} is made of was deleted: make it anew from others", name = .0))]
    InputGone(String),
}

/// What the last operation did, with volumes by voxels, cm³.
#[derive(Debug, Clone, PartialEq)]
pub struct Operated {
    /// What was done, in words.
    pub words: String,
    pub rows: Vec<OperatedRow>,
}

/// One structure that it changed.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct OperatedRow {
    pub name: String,
    /// 0 where it is new.
    pub volume_cm3_before: f64,
    pub volume_cm3: f64,
    pub slices: usize,
}

/// What a job computes, with everything that it was computed from.
pub(super) struct Work {
    pub kind: WorkKind,
    pub inputs: Inputs,
}

pub(super) enum WorkKind {
    Run(Box<OperationRequest>),
    /// `live` where nobody asked for it: it says nothing.
    Update {
        roi: RoiId,
        recipe: Recipe,
        live: bool,
    },
    Resolve {
        order: Vec<RoiId>,
        locked: Vec<RoiId>,
    },
}

/// Work that is done, and the contours that came out: one set, or one for each structure of an order.
pub(super) struct Done {
    pub work: Work,
    pub results: Vec<Slices>,
}

impl Work {
    fn title(&self) -> &'static str {
        t(match &self.kind {
            WorkKind::Run(request) => operation_label(&request.recipe.operation),
            WorkKind::Update { .. } => keep("Update derived structure"),
            WorkKind::Resolve { .. } => keep("Resolve overlaps"),
        })
    }

    pub fn run(self) -> Done {
        let results = match &self.kind {
            WorkKind::Run(request) => vec![carry_out(&request.recipe.operation, &self.inputs)],
            WorkKind::Update { recipe, .. } => vec![carry_out(&recipe.operation, &self.inputs)],
            WorkKind::Resolve { order, locked } => resolve_stations(order, locked, &self.inputs),
        };
        Done { work: self, results }
    }
}

/// What an operation is called, in English: for labels of steps.
pub fn operation_label(operation: &Operation) -> &'static str {
    match operation {
        Operation::Margin(_) => keep("Margin"),
        Operation::Shrink(_) => keep("Shrink"),
        Operation::Union => keep("Union"),
        Operation::Intersection => keep("Intersection"),
        Operation::Difference => keep("Difference"),
        Operation::SymmetricDifference => keep("Symmetric difference"),
        Operation::Smooth(_) => keep("Smooth"),
        Operation::KeepIslands { .. } => keep("Remove small islands"),
        Operation::LargestIsland => keep("Keep the largest island"),
        Operation::FillHoles { .. } => keep("Fill holes"),
        Operation::Simplify { .. } => keep("Simplify"),
        Operation::Interpolate => keep("Fill empty slices"),
        Operation::ProposeCtv { .. } => keep("Propose CTV"),
        Operation::UnionOfTouched => keep("Union of what is touched"),
    }
}

impl Workbench {
    /// What the last operation did, for its panel.
    pub fn operated(&self) -> Option<&Operated> {
        self.operated.as_ref()
    }

    pub(super) fn operation_command(&mut self, command: OperationCommand) {
        let result = match command {
            OperationCommand::Run(request) => self.run_operation(*request),
            OperationCommand::ResolveOverlaps(order) => self.resolve_overlaps(order),
            OperationCommand::Update(roi) => self.update_derived(roi),
            OperationCommand::UpdateAll => self.update_all_derived(),
            OperationCommand::SetLive { roi, live } => self.set_live(roi, live),
            OperationCommand::Detach(roi) => self.detach(roi),
            OperationCommand::ShowPreview(shown) => {
                self.interpolation.shown = shown;
                Ok(())
            }
            OperationCommand::AcceptPreview => {
                self.accept_preview();
                Ok(())
            }
        };
        if let Err(refusal) = result {
            self.notices.warning(tf!("{refusal}; nothing was changed", refusal));
        }
    }

    /// Why a request cannot run, for the panel and before it runs.
    ///
    /// # Errors
    /// The reason, with what to do.
    pub fn check_operation(&self, request: &OperationRequest) -> Result<(), OperationRefusal> {
        let case = self.case.as_ref().ok_or(OperationRefusal::Gone)?;
        let OperationRequest { recipe, target, keep } = request;
        let name = |id: RoiId| case.structures().get(id).map(|roi| roi.name.clone()).ok_or(OperationRefusal::Gone);
        if recipe.of.is_empty() {
            return Err(OperationRefusal::NothingChosen);
        }
        if recipe.operation.combines() && recipe.of.len() < 2 {
            return Err(OperationRefusal::OneOnly);
        }
        if let Some(problem) = recipe.operation.problem() {
            return Err(OperationRefusal::Number(problem));
        }
        for id in recipe.inputs() {
            name(id)?;
        }
        let spares = recipe.operation.grows() || matches!(recipe.operation, Operation::ProposeCtv { .. });
        if !spares && recipe.inside.len() + recipe.outside.len() > 0 {
            return Err(OperationRefusal::NoLimits);
        }
        if !recipe.operation.combines()
            && let Some(roi) =
                recipe.of.iter().filter_map(|id| case.structures().get(*id)).find(|r| r.slices.is_empty())
        {
            return Err(OperationRefusal::Empty(roi.name.clone()));
        }
        match target {
            Target::New { name, .. } if name.trim().is_empty() => Err(OperationRefusal::NoName),
            Target::New { .. } => Ok(()),
            Target::Roi(id) => {
                self.check_changeable(*id)?;
                if *keep != Keep::Nothing
                    && recipe.inputs().any(|input| derived::is_made_of(case.structures(), input, *id))
                {
                    return Err(OperationRefusal::OfItself(name(*id)?));
                }
                Ok(())
            }
        }
    }

    fn check_changeable(&self, id: RoiId) -> Result<(), OperationRefusal> {
        let case = self.case.as_ref().ok_or(OperationRefusal::Gone)?;
        let roi = case.structures().get(id).ok_or(OperationRefusal::Gone)?;
        if self.policy.locked.contains(&id) {
            return Err(OperationRefusal::Locked(roi.name.clone()));
        }
        if !self.is_shown(id) {
            return Err(OperationRefusal::Hidden(roi.name.clone()));
        }
        Ok(())
    }

    fn run_operation(&mut self, request: OperationRequest) -> Result<(), OperationRefusal> {
        self.check_operation(&request)?;
        let inputs = self.inputs_of(&request.recipe)?;
        self.start(Work { kind: WorkKind::Run(Box::new(request)), inputs })
    }

    fn inputs_of(&self, recipe: &Recipe) -> Result<Inputs, OperationRefusal> {
        let case = self.case.as_ref().ok_or(OperationRefusal::Gone)?;
        Inputs::of(case, recipe).ok_or(OperationRefusal::Gone)
    }

    fn resolve_overlaps(&mut self, order: Vec<RoiId>) -> Result<(), OperationRefusal> {
        if order.len() < 2 {
            return Err(OperationRefusal::OneOnly);
        }
        let recipe = Recipe { operation: Operation::Difference, of: order, inside: Vec::new(), outside: Vec::new() };
        let inputs = self.inputs_of(&recipe)?;
        let locked = recipe.of.iter().copied().filter(|id| self.policy.locked.contains(id)).collect();
        self.start(Work { kind: WorkKind::Resolve { order: recipe.of, locked }, inputs })
    }

    /// The stations with contours, in the order of the list: those higher come first.
    pub fn stations_in_order(&self) -> Vec<RoiId> {
        let rois = self.case.iter().flat_map(|case| &case.structures().rois);
        rois.filter(|roi| roi.role.is_station() && !roi.slices.is_empty()).map(|roi| roi.id).collect()
    }

    fn start(&mut self, work: Work) -> Result<(), OperationRefusal> {
        if self.jobs.is_running(JobKey::Operate) {
            return Err(OperationRefusal::Busy);
        }
        let title = work.title();
        self.spawn_for_case(Lane::Live, JobKey::Operate, title, None, move |_| {
            Ok(CaseResult::Operated(Box::new(work.run())))
        });
        Ok(())
    }
}

/// Volumes by voxels of a structure, cm³.
fn volume_cm3(case: &Case, id: RoiId) -> f64 {
    case.mask(id).volume_cm3(case.grid())
}

/// Applies an edit and tells what it did to the volumes of structures.
fn applied(case: &mut Case, edit: super::Edit, words: String) -> Result<Operated, EditError> {
    if edit.is_noop() {
        return Ok(Operated { words, rows: Vec::new() });
    }
    let ids: Vec<RoiId> = edit.touched(case.structures()).into_iter().map(|touched| touched.roi).collect();
    let before: Vec<f64> = ids.iter().map(|id| volume_cm3(case, *id)).collect();
    case.apply(edit)?;
    let rows = ids.iter().zip(before).filter_map(|(&id, volume_cm3_before)| {
        let roi = case.structures().get(id)?;
        let volume_cm3 = volume_cm3(case, id);
        Some(OperatedRow { name: roi.name.clone(), volume_cm3_before, volume_cm3, slices: roi.slices.len() })
    });
    Ok(Operated { words, rows: rows.collect() })
}
