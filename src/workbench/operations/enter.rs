//! How the result of an operation enters the case: one edit, through locks and rules.

use super::carry_out::are_the_same;
use super::{Done, Keep, OperationRefusal, OperationRequest, Target, WorkKind, applied, derived, operation_label};
use crate::contour::{self, SliceContours, Slices};
use crate::structures::{Derivation, Operation, Provenance, Recipe, Roi, RoiId, Role, role_color, station_color};
use crate::tf;
use crate::words::{keep, t, told_label};
use crate::workbench::policy::Wanted;
use crate::workbench::{Case, Change, Edit, EditError, EditPolicy, RoiAttributes, Severity, Workbench};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Workbench {
    /// Takes in what an operation has computed, unless what it was computed from has changed meanwhile.
    pub(in crate::workbench) fn accept_operated(&mut self, done: Done) {
        self.finish_stroke();
        let live = matches!(done.work.kind, WorkKind::Update { live: true, .. });
        if let Some(name) = self.changed_since(&done) {
            if live {
                return self.derive_again();
            }
            let words =
                tf!("{name} was edited while this was computed; nothing was changed, please repeat the step", name);
            self.notices.warning(words);
            return;
        }
        let Done { work, mut results } = done;
        let print = derived::inputs_fingerprint(work.inputs.all().map(|(_, slices)| slices));
        let entered = match work.kind {
            WorkKind::Run(request) => self.enter_result(*request, results.pop().unwrap_or_default(), print),
            WorkKind::Update { roi, recipe, live } => {
                self.enter_update(roi, &recipe, live, results.pop().unwrap_or_default(), print)
            }
            WorkKind::Resolve { order, .. } => self.enter_resolved(&order, results),
        };
        if let Err(refusal) = entered
            && !live
        {
            self.notices.warning(tf!("{refusal}; nothing was changed", refusal));
        }
    }

    /// The name of an input that is no longer what it was.
    fn changed_since(&self, done: &Done) -> Option<String> {
        let structures = self.case.as_ref()?.structures();
        done.work.inputs.all().find_map(|(id, slices)| match structures.get(*id) {
            None => Some(t("A structure").to_owned()),
            Some(roi) => (!are_the_same(&roi.slices, slices)).then(|| roi.name.clone()),
        })
    }

    fn enter_result(&mut self, request: OperationRequest, slices: Slices, print: u64) -> Result<(), OperationRefusal> {
        self.check_operation(&request)?;
        let Some(case) = &mut self.case else { return Ok(()) };
        let OperationRequest { recipe, target, keep } = request;
        let (words, told) = (recipe_words(case, &recipe), recipe_told(case, &recipe));
        let what = operation_label(&recipe.operation);
        let derivation = (keep != Keep::Nothing).then(|| Derivation {
            recipe: recipe.clone(),
            inputs: print,
            result: contour::fingerprint(&slices),
            live: keep == Keep::Live,
        });
        let edit = match &target {
            Target::New { name, role } => {
                if slices.is_empty() {
                    let text =
                        tf!("{what}: nothing is left of {words}; no structure was added", what = t(what), words = told);
                    self.notices.info(text);
                    return Ok(());
                }
                let id = case.new_id();
                let provenance = match recipe.operation {
                    Operation::ProposeCtv { .. } => Provenance::Proposed { recipe: words.clone() },
                    _ => Provenance::Computed { recipe: words.clone() },
                };
                let mut roi = Roi::new(id, case.free_name(name.trim()), color_of(case, *role), *role, provenance);
                roi.slices = contour::without_sources(&slices);
                roi.derivation = derivation.map(Arc::new);
                self.view.selected = Some(id);
                Ok(case.add_edit(format!("{what} {}", roi.name), roi))
            }
            Target::Roi(id) => {
                let slices = if recipe.of.first() == Some(id) { slices } else { contour::without_sources(&slices) };
                match derivation {
                    Some(derivation) => derived_edit(case, what, *id, &slices, derivation, words),
                    None => ruled_edit(case, &self.policy, what, *id, slices),
                }
            }
        };
        self.apply_operation(edit, told);
        Ok(())
    }

    fn enter_update(
        &mut self,
        id: RoiId,
        recipe: &Recipe,
        live: bool,
        slices: Slices,
        print: u64,
    ) -> Result<(), OperationRefusal> {
        if self.policy.locked.contains(&id) {
            let name = self.case.as_ref().and_then(|c| c.structures().get(id)).map(|roi| roi.name.clone());
            return Err(OperationRefusal::Locked(name.unwrap_or_default()));
        }
        let Some(case) = &mut self.case else { return Ok(()) };
        let before = case.structures().get(id).and_then(|roi| roi.derivation.clone()).ok_or(OperationRefusal::Gone)?;
        let slices = contour::without_sources(&slices);
        let derivation = Derivation {
            recipe: recipe.clone(),
            inputs: print,
            result: contour::fingerprint(&slices),
            live: before.live,
        };
        let (words, told) = (recipe_words(case, recipe), recipe_told(case, recipe));
        let edit = derived_edit(case, keep("Update"), id, &slices, derivation, words);
        if live {
            let result = edit.and_then(|edit| case.apply(edit));
            self.report(result);
        } else {
            self.apply_operation(edit, told);
            self.update_next();
        }
        Ok(())
    }

    fn enter_resolved(&mut self, order: &[RoiId], results: Vec<Slices>) -> Result<(), OperationRefusal> {
        let Some(case) = &mut self.case else { return Ok(()) };
        let mut changes = Vec::new();
        for (id, slices) in order.iter().zip(&results) {
            let edit = case.contour_edit("", *id, changed_slices(case, *id, slices));
            changes.extend(edit.map_err(|_| OperationRefusal::Gone)?.changes);
        }
        let names: Vec<String> =
            order.iter().filter_map(|id| case.structures().get(*id)).map(|r| r.name.clone()).collect();
        let words = tf!("Overlaps resolved in the order {names}", names = names.join(", "));
        self.apply_operation(Ok(Edit::new(keep("Resolve overlaps"), changes)), words);
        Ok(())
    }

    /// Applies the edit of an operation as one step and tells what it did.
    fn apply_operation(&mut self, edit: Result<Edit, EditError>, words: String) {
        let Some(case) = &mut self.case else { return };
        let result = edit.and_then(|edit| {
            let label = told_label(&edit.label);
            applied(case, edit, words).map(|operated| (label, operated))
        });
        match result {
            Ok((label, operated)) if operated.rows.is_empty() => {
                self.notices.info(tf!("{label}: it is as it was", label));
                self.operated = Some(operated);
            }
            Ok((label, operated)) => {
                let rows = operated.rows.iter().map(|row| {
                    tf!(
                        "{name}: {before:.2} cm³ before, {now:.2} cm³ now",
                        name = row.name,
                        before = row.volume_cm3_before,
                        now = row.volume_cm3
                    )
                });
                let details = std::iter::once(operated.words.clone()).chain(rows).collect();
                self.notices.push(Severity::Info, label, details);
                self.operated = Some(operated);
            }
            Err(error) => self.notices.warning(error.to_string()),
        }
    }
}

/// In English, to be kept with the structure.
fn recipe_words(case: &Case, recipe: &Recipe) -> String {
    recipe.words(|id| case.structures().get(id).map_or_else(|| "a deleted structure".into(), |roi| roi.name.clone()))
}

/// To be shown.
fn recipe_told(case: &Case, recipe: &Recipe) -> String {
    recipe.told(|id| case.structures().get(id).map_or_else(|| t("a deleted structure").into(), |roi| roi.name.clone()))
}

fn color_of(case: &Case, role: Role) -> [u8; 3] {
    match role {
        Role::Station(station) => station_color(station),
        Role::Ctv => role_color(role),
        _ => crate::structures::free_color(case.structures()),
    }
}

/// The slices on which a structure would get other contours.
fn changed_slices(case: &Case, id: RoiId, after: &Slices) -> Vec<(usize, SliceContours)> {
    let empty = Slices::new();
    let before = case.structures().get(id).map_or(&empty, |roi| &roi.slices);
    let all: BTreeSet<usize> = before.keys().chain(after.keys()).copied().collect();
    // A ring that only knows its source better is the same ring.
    let points = |c: &Arc<SliceContours>| c.rings.iter().map(|ring| ring.points().to_vec()).collect::<Vec<_>>();
    let differs = |k: &usize| match (before.get(k), after.get(k)) {
        (Some(a), Some(b)) => !Arc::ptr_eq(a, b) && points(a) != points(b),
        (a, b) => a.is_some() != b.is_some(),
    };
    all.into_iter()
        .filter(differs)
        .map(|k| (k, after.get(&k).map_or_else(Default::default, |c| (**c).clone())))
        .collect()
}

/// New contours of a structure as the rules for all tools let them.
pub(super) fn ruled_edit(
    case: &Case,
    policy: &EditPolicy,
    label: &str,
    id: RoiId,
    slices: Slices,
) -> Result<Edit, EditError> {
    let roi = case.structures().get(id).ok_or(EditError::NoSuchRoi)?;
    let label = format!("{label} {}", roi.name);
    let mut by_roi: BTreeMap<RoiId, Vec<(usize, SliceContours)>> = BTreeMap::new();
    for (k, after) in changed_slices(case, id, &slices) {
        for (of, after) in policy.outcome(case.structures(), &case.image.volume, roi, k, Wanted::Become(after)) {
            by_roi.entry(of).or_default().push((k, after));
        }
    }
    let mut changes = Vec::new();
    for (of, slices) in by_roi {
        changes.extend(case.contour_edit("", of, slices)?.changes);
    }
    Ok(Edit::new(label, changes))
}

/// A structure becomes what its recipe gives. Rules for tools do not narrow it: then it would be something else.
fn derived_edit(
    case: &Case,
    label: &str,
    id: RoiId,
    slices: &Slices,
    derivation: Derivation,
    words: String,
) -> Result<Edit, EditError> {
    let roi = case.structures().get(id).ok_or(EditError::NoSuchRoi)?;
    let mut edit = case.contour_edit(format!("{label} {}", roi.name), id, changed_slices(case, id, slices))?;
    edit.changes.retain(|change| !matches!(change, Change::Attributes { .. }));
    let before = RoiAttributes::of(roi);
    let provenance = match derivation.recipe.operation {
        Operation::ProposeCtv { .. } => Provenance::Proposed { recipe: words },
        _ => Provenance::Computed { recipe: words },
    };
    let generation = Roi::new(id, "", [0; 3], roi.role, provenance.clone()).generation;
    let after = RoiAttributes { generation, provenance, derivation: Some(Arc::new(derivation)), ..before.clone() };
    edit.changes.push(Change::Attributes { roi: id, before, after });
    Ok(edit)
}
