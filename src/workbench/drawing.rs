//! Pointer tools at work: events go to the tool in use, and what it asks for goes through the policy to the case.

use super::policy::{Refusal, Wanted};
use super::tools::{Preview, ToolAction, ToolBox, ToolContext, ToolEvent};
use super::{Case, Edit, EditError, Workbench};
use crate::contour::SliceContours;
use crate::structures::RoiId;
use crate::words::{t, told};
use std::collections::BTreeMap;
use std::sync::Arc;

static NO_SLICES: BTreeMap<usize, Arc<SliceContours>> = BTreeMap::new();

impl Workbench {
    /// The tools and their options.
    pub fn toolbox(&self) -> &ToolBox {
        &self.toolbox
    }

    /// What the tool in use shows over the structures.
    pub fn tool_preview(&self) -> Preview {
        self.tool_context().map(|context| self.toolbox.preview(&context)).unwrap_or_default()
    }

    /// What tools may read; `None` without an open case in the views.
    pub fn tool_context(&self) -> Option<ToolContext<'_>> {
        let case = self.shown_case()?;
        let target = self.stroke.or(self.view.selected).and_then(|id| case.structures().get(id));
        Some(ToolContext {
            volume: &case.image.volume,
            slices: target.map_or(&NO_SLICES, |roi| &roi.slices),
            axial_slice: self.view.axial_slice(case.grid()),
            options: self.toolbox.options(),
        })
    }

    /// Gives an event to the tool in use. Presses where nothing may be edited are refused with a sentence.
    pub(super) fn tool_event(&mut self, event: ToolEvent) {
        if self.toolbox.active().is_none() {
            return;
        }
        let changes = matches!(event, ToolEvent::Press(_) | ToolEvent::StepBack | ToolEvent::Finish);
        if changes
            && !self.toolbox.is_active()
            && !self.toolbox.is_draft()
            && let Err(refusal) = self.editable()
        {
            // Keys that mean nothing here say nothing.
            if matches!(event, ToolEvent::Press(_)) {
                self.notices.warning(refusal.to_string());
            }
            return;
        }
        if let ToolEvent::Press(_) = event {
            self.tell_slab();
        }
        let Some(case) = &self.case else { return };
        let target = self.stroke.or(self.view.selected).and_then(|id| case.structures().get(id));
        let options = *self.toolbox.options();
        let context = ToolContext {
            volume: &case.image.volume,
            slices: target.map_or(&NO_SLICES, |roi| &roi.slices),
            axial_slice: self.view.axial_slice(case.grid()),
            options: &options,
        };
        for action in self.toolbox.handle(event, &context) {
            self.perform(action);
        }
    }

    pub(super) fn editable(&self) -> Result<RoiId, Refusal> {
        let case = self.case.as_ref().ok_or(Refusal::NothingSelected)?;
        self.policy.editable(case.structures(), self.view.selected, |roi| self.is_shown(roi))
    }

    /// Ends the stroke under way as if the button had been released. A draft, which has changed nothing yet, stays.
    pub(super) fn finish_stroke(&mut self) {
        if self.toolbox.is_active() {
            self.tool_event(ToolEvent::Release);
        }
    }

    /// Drops an outline that was not closed.
    pub(super) fn drop_draft(&mut self) {
        if self.toolbox.is_draft() {
            self.tool_event(ToolEvent::Cancel);
            self.notices.info(t("The outline was not closed and has been dropped (Enter or a double click closes it)"));
        }
    }

    fn perform(&mut self, action: ToolAction) {
        if let ToolAction::Begin { .. } = action {
            self.stroke = match self.editable() {
                Ok(roi) => Some(roi),
                Err(refusal) => {
                    self.notices.warning(refusal.to_string());
                    None
                }
            };
        }
        let Some(case) = &mut self.case else { return };
        let result = match action {
            ToolAction::Begin { label } => {
                let target = self.stroke.and_then(|id| case.structures().get(id));
                case.begin(target.map_or_else(|| label.to_owned(), |roi| format!("{label} {}", roi.name)));
                Ok(())
            }
            ToolAction::Edit { shape, mode } => {
                let wanted = shape.sections(case.grid()).into_iter();
                let wanted = wanted.map(|(k, area)| (k, Wanted::Area(area, mode))).collect();
                apply_wanted(case, &self.policy, self.stroke, wanted)
            }
            ToolAction::Replace(slices) => {
                let wanted = slices.into_iter().map(|(k, after)| (k, Wanted::Become(after))).collect();
                apply_wanted(case, &self.policy, self.stroke, wanted)
            }
            ToolAction::Commit => {
                case.commit();
                self.stroke = None;
                Ok(())
            }
            ToolAction::Abort => {
                case.abort();
                self.stroke = None;
                Ok(())
            }
            ToolAction::Say(words) => {
                self.notices.info(told(words));
                Ok(())
            }
        };
        self.report(result);
    }
}

/// Applies what a tool wants of some slices, as the policy lets it, as one edit.
fn apply_wanted(
    case: &mut Case,
    policy: &super::EditPolicy,
    target: Option<RoiId>,
    wanted: Vec<(usize, Wanted)>,
) -> Result<(), EditError> {
    let Some(roi) = target.and_then(|id| case.structures().get(id)) else { return Ok(()) };
    let mut by_roi: BTreeMap<RoiId, Vec<(usize, SliceContours)>> = BTreeMap::new();
    for (k, wanted) in wanted {
        for (id, after) in policy.outcome(case.structures(), &case.image.volume, roi, k, wanted) {
            by_roi.entry(id).or_default().push((k, after));
        }
    }
    let mut changes = Vec::new();
    for (id, slices) in by_roi {
        changes.extend(case.contour_edit("", id, slices)?.changes);
    }
    case.apply(Edit::new("", changes))
}
