//! What can be done now: why an action or a command cannot run, what an action stands for, and hints.

use super::action_table::Reach;
use super::export::{ExportFormat, format_refusal};
use super::jobs::JobKey;
use super::policy::EditRules;
use super::tools::{BrushShape, PaintMode, ToolOptions};
use super::{
    Action, AnatomyCommand, Command, DoseUnit, OperationCommand, Overlay, OverlayCommand, ToolKind, Workbench,
    Workspace,
};
use crate::contour;
use crate::geometry::Orientation;
use crate::image::Quantity;
use crate::structures::Role;
use crate::words::{keep, t};

/// Why nothing of the case can be used or changed while another one is read.
pub const READING: &str = keep("Reading the scan");
const NO_CASE: &str = keep("Open a case first");
const DOUBTFUL_GEOMETRY: &str =
    keep("The geometry of this scan is doubtful: read the warning and acknowledge it first (Import report)");

impl Workbench {
    /// Whether an action can run now; the reason why not, for its tooltip.
    pub fn refusal(&self, action: Action) -> Option<&'static str> {
        if let Some(why) = self.out_of_reach(action.reach()) {
            return Some(why);
        }
        if action.needs_views() && matches!(self.view.workspace, Workspace::Cohort | Workspace::Archive) {
            return Some(t("Go to the Review or the Teach workspace first"));
        }
        let case = self.case.as_ref();
        let selected = self.view.selected.and_then(|id| case?.structures().get(id));
        match action {
            // The points of an outline that is not closed yet are taken back first.
            Action::Undo if self.toolbox.is_draft() => None,
            Action::Undo if case.is_none_or(|c| c.history().undo_label().is_none()) => {
                Some(t("There is nothing to take back"))
            }
            Action::Redo if case.is_none_or(|c| c.history().redo_label().is_none()) => {
                Some(t("There is nothing to do again"))
            }
            Action::Export | Action::ShowAll | Action::HideAll | Action::ToggleContours
                if case.is_some_and(|c| c.structures().rois.is_empty()) =>
            {
                Some(t("This case has no structures"))
            }
            Action::Export => self.export_refusal(self.view.export_format).or_else(|| self.geometry_refusal()),
            Action::SendExport if self.last_export.is_none() => Some(t("Export a structure set first")),
            Action::SendExport if self.last_export.as_ref().is_some_and(|e| !e.value.is_dicom()) => {
                Some(t("Archives take DICOM only; the last export was NIfTI"))
            }
            Action::SendExport if self.chosen_archive().is_none() => {
                Some(t("Add an archive in the Archive workspace first"))
            }
            Action::SendExport if self.jobs.is_running(JobKey::Store) => Some(t("Files are being sent")),
            Action::Segment | Action::NetworkCtv if self.diunet.is_err() => {
                Some(t("The network is not available; see the messages"))
            }
            Action::Segment | Action::NetworkCtv if self.jobs.is_running(JobKey::Segment) => {
                Some(t("The network is running"))
            }
            Action::Segment => self.geometry_refusal(),
            Action::ProposeCtv | Action::NetworkCtv if case.is_some_and(|c| c.gtv_mask().is_empty()) => {
                Some(t("A proposal needs a structure with role GTVp or GTVn"))
            }
            Action::ProposeCtv if self.jobs.is_running(JobKey::Propose) => Some(t("A CTV is being proposed")),
            Action::NetworkCtv => self.geometry_refusal(),
            Action::ToggleSelected
            | Action::DeleteSelected
            | Action::GoToSelected
            | Action::CopyUp
            | Action::CopyDown
                if selected.is_none() =>
            {
                Some(t("Select a structure first"))
            }
            Action::AcceptCopies if selected.is_none_or(|r| self.copied_slices(r.id).is_empty()) => {
                Some(t("The selected structure has no copied slices that wait for a review"))
            }
            Action::GoToSelected if selected.is_some_and(|r| r.slices.is_empty()) => {
                Some(t("The selected structure has no contours yet"))
            }
            Action::DeleteSelected if selected.is_some_and(|r| self.policy.locked.contains(&r.id)) => {
                Some(t("The selected structure is locked"))
            }
            Action::ToggleOverlay | Action::NextOverlay if self.next_overlay().is_none() => {
                Some(t("No PET or dose can be laid over this CT"))
            }
            Action::ToggleIsodoses | Action::ToggleIsodoseLabels if self.chosen_dose().is_none() => {
                Some(t("Choose a dose among the overlays first"))
            }
            Action::ToggleDoseUnit if self.chosen_dose() != Some(Quantity::Dose) => {
                Some(t("Choose a dose in Gy among the overlays first"))
            }
            Action::BrushSmaller | Action::BrushLarger | Action::BrushBall if !self.toolbox.has_radius() => {
                Some(t("Choose the brush, the eraser or the nudge first"))
            }
            Action::BrushMode if !self.toolbox.has_mode() => {
                Some(t("Choose the brush or a tool that draws an area first"))
            }
            Action::LargerInterface if self.scale_command(action).is_none() => {
                Some(t("The interface is as large as it can be"))
            }
            Action::SmallerInterface if self.scale_command(action).is_none() => {
                Some(t("The interface is as small as it can be"))
            }
            Action::Operations if case.is_some_and(|c| c.structures().rois.is_empty()) => {
                Some(t("This case has no structures"))
            }
            Action::UpdateDerived if self.stale_structures().is_empty() => Some(t("No derived structure is stale")),
            Action::AcceptInterpolation if selected.is_none() => Some(t("Select a structure first")),
            Action::AcceptInterpolation
                if case
                    .zip(selected)
                    .is_none_or(|(c, roi)| contour::empty_between(&roi.slices, c.grid()).is_empty()) =>
            {
                Some(t("The selected structure has no empty slices between drawn ones"))
            }
            Action::FindLandmarks if self.anatomy_refusal(action).is_none() => self.geometry_refusal(),
            Action::FindLandmarks
            | Action::RuleStations
            | Action::ToggleLandmarks
            | Action::NextFinding
            | Action::PreviousFinding => self.anatomy_refusal(action),
            Action::SlabMode if self.view.slab.is_none() => Some(t("Choose a thickness of the slab first")),
            other => self.view_refusal(other),
        }
    }

    /// Why a command cannot run at all now.
    pub(super) fn command_refusal(&self, command: &Command) -> Option<&'static str> {
        self.out_of_reach(command.reach()).or_else(|| match command {
            Command::Export { format, .. } => self.export_refusal(*format).or_else(|| self.geometry_refusal()),
            Command::Segment | Command::Anatomy(AnatomyCommand::Find) => self.geometry_refusal(),
            Command::OpenSeries(key) => self.series_refusal(key),
            Command::Overlay(command) => self.overlay_refusal(command),
            Command::FollowUp(command) => self.follow_up_refusal(command),
            _ => None,
        })
    }

    fn out_of_reach(&self, reach: Reach) -> Option<&'static str> {
        match reach {
            Reach::Anything => None,
            Reach::Scan => (self.case.is_none() && self.loading.is_none()).then_some(t(NO_CASE)),
            Reach::Case if self.loading.is_some() => Some(t(READING)),
            Reach::Case => self.case.is_none().then_some(t(NO_CASE)),
        }
    }

    /// Why this format cannot be written for the open case.
    pub fn export_refusal(&self, format: ExportFormat) -> Option<&'static str> {
        self.case.as_ref().and_then(|c| format_refusal(&c.image.meta, format))
    }

    fn geometry_refusal(&self) -> Option<&'static str> {
        (self.geometry_warning().is_some() && !self.geometry_acknowledged).then_some(t(DOUBTFUL_GEOMETRY))
    }

    fn chosen_dose(&self) -> Option<Quantity> {
        let quantity = self.chosen_overlay()?.loaded.as_ref()?.volume.quantity;
        quantity.is_dose().then_some(quantity)
    }

    /// The command that an action stands for. `None` where the face itself answers (dialogs, palette, quit, fit).
    pub fn command_for(&self, action: Action) -> Option<Command> {
        let selected = self.view.selected;
        let overlay = self.chosen_overlay();
        let show_next = || self.next_overlay().map(|o: &Overlay| OverlayCommand::Show(o.source.key.clone()));
        Some(match action {
            Action::OpenDemo => Command::OpenDemo { seed: Self::DEMO_SEED },
            Action::Undo => Command::Undo,
            Action::Redo => Command::Redo,
            Action::ToolNavigate => Command::SetTool(ToolKind::Navigate),
            Action::ToolBrush => Command::SetTool(ToolKind::Brush),
            Action::ToolEraser => Command::SetTool(ToolKind::Eraser),
            Action::ToolFreehand => Command::SetTool(ToolKind::Freehand),
            Action::ToolPolygon => Command::SetTool(ToolKind::Polygon),
            Action::ToolSpline => Command::SetTool(ToolKind::Spline),
            Action::ToolNudge => Command::SetTool(ToolKind::Nudge),
            Action::ToolLivewire => Command::SetTool(ToolKind::Livewire),
            Action::ToolCut => Command::SetTool(ToolKind::Cut),
            Action::ToolFlood => Command::SetTool(ToolKind::Flood),
            Action::ToolDelete => Command::SetTool(ToolKind::Delete),
            Action::ToolTransform => Command::SetTool(ToolKind::Transform),
            Action::BrushMode => {
                let mode = match self.toolbox.options().mode {
                    PaintMode::Auto => PaintMode::Add,
                    PaintMode::Add => PaintMode::Erase,
                    PaintMode::Erase => PaintMode::Auto,
                };
                Command::SetToolOptions(ToolOptions { mode, ..*self.toolbox.options() })
            }
            Action::ToggleBand => {
                let rules = self.policy.rules;
                Command::SetRules(EditRules { band: rules.band.next(), ..rules })
            }
            Action::CopyUp => Command::CopySlice { to_head: true },
            Action::CopyDown => Command::CopySlice { to_head: false },
            Action::AcceptCopies => Command::AcceptCopies(selected?),
            Action::BrushSmaller | Action::BrushLarger => {
                let steps = if action == Action::BrushLarger { 1 } else { -1 };
                Command::SetBrushRadius(self.toolbox.options().radius_after(steps))
            }
            Action::BrushBall => Command::SetBrushShape(match self.toolbox.options().shape {
                BrushShape::Disc => BrushShape::Ball,
                BrushShape::Ball => BrushShape::Disc,
            }),
            Action::SliceUp => Command::Scroll { orientation: Orientation::Axial, steps: 1 },
            Action::SliceDown => Command::Scroll { orientation: Orientation::Axial, steps: -1 },
            Action::GoToSelected => Command::GoToRoi(selected?),
            Action::ToggleSelected => {
                let roi = selected?;
                Command::SetVisible { roi, visible: !self.view.is_visible(roi) }
            }
            Action::ShowAll => Command::SetAllVisible(true),
            Action::HideAll => Command::SetAllVisible(false),
            Action::ToggleContours => Command::SetContoursHidden(!self.view.contours_hidden),
            Action::ToggleOverlay if overlay.is_some() => {
                Command::Overlay(OverlayCommand::SetVisible(self.is_overlay_hidden()))
            }
            Action::ToggleOverlay | Action::NextOverlay => Command::Overlay(show_next()?),
            Action::ToggleIsodoses => Command::Overlay(OverlayCommand::SetLines(!overlay?.style.lines)),
            Action::ToggleIsodoseLabels => Command::Overlay(OverlayCommand::SetLabels(!overlay?.style.labels)),
            Action::ToggleDoseUnit => Command::Overlay(OverlayCommand::SetUnit(match overlay?.style.unit {
                DoseUnit::Gray => DoseUnit::Percent,
                DoseUnit::Percent => DoseUnit::Gray,
            })),
            Action::NewStructure => Command::AddRoi { name: "New structure".into(), role: Role::Other },
            Action::DeleteSelected => Command::DeleteRoi(selected?),
            Action::Segment => Command::Segment,
            Action::UpdateDerived => Command::Operate(OperationCommand::UpdateAll),
            Action::InterpolationPreview => Command::Operate(OperationCommand::ShowPreview(!self.is_preview_shown())),
            Action::AcceptInterpolation => Command::Operate(OperationCommand::AcceptPreview),
            Action::FindLandmarks
            | Action::RuleStations
            | Action::ToggleLandmarks
            | Action::NextFinding
            | Action::PreviousFinding => self.anatomy_command_for(action)?,
            Action::ProposeCtv => Command::ProposeCtv,
            Action::NetworkCtv => Command::NetworkCtv,
            Action::ToggleInterpolation | Action::SlabThickness | Action::SlabMode => self.display_command(action)?,
            Action::HideIdentifiers => Command::SetIdentifiersHidden(!self.view.identifiers_hidden),
            Action::Review => Command::SetWorkspace(Workspace::Review),
            Action::Cohort => Command::SetWorkspace(Workspace::Cohort),
            Action::Teach => Command::SetWorkspace(Workspace::Teach),
            Action::Archive => Command::SetWorkspace(Workspace::Archive),
            Action::SendExport => {
                Command::Archive(super::ArchiveCommand::Store(vec![self.last_export.as_ref()?.value.path().to_owned()]))
            }
            Action::LargerInterface | Action::SmallerInterface | Action::UsualInterface => {
                self.scale_command(action)?
            }
            Action::Open
            | Action::AddStructures
            | Action::OpenFollowUp
            | Action::Export
            | Action::Deidentify
            | Action::FitViews
            | Action::Palette
            | Action::Shortcuts
            | Action::Settings
            | Action::Tour
            | Action::ToolHelp
            | Action::ToolRules
            | Action::Messages
            | Action::ImportReport
            | Action::History
            | Action::CopyPicture
            | Action::SavePicture
            | Action::Operations
            | Action::Quit => return None,
            other => return self.view_command_for(other),
        })
    }

    /// What the user can do now with the pointer, as (gesture, effect).
    pub fn hints(&self) -> Vec<(&'static str, &'static str)> {
        if let Some(hints) = self.landmark_hints() {
            return hints;
        }
        if let Some(kind) = self.view.measuring {
            return vec![
                match kind {
                    super::MeasureKind::Distance => (t("Drag"), t("measure from point to point")),
                    super::MeasureKind::Angle => (t("Three clicks"), t("measure at the second")),
                    super::MeasureKind::Circle => (t("Drag"), t("from the middle to the rim")),
                },
                (t("Drag an end"), t("move it")),
                (t("Delete"), t("remove the last one")),
                (t("Esc"), t("stop measuring")),
            ];
        }
        match self.toolbox.active() {
            Some(tool) => tool.hints(self.toolbox.options()),
            None => vec![
                if self.view.display.linked {
                    (t("Click"), t("move the crosshair"))
                } else {
                    (t("Ctrl click"), t("bring all views here"))
                },
                (t("Wheel"), t("slices")),
                (t("Ctrl wheel"), t("zoom")),
                (t("Middle drag"), t("pan")),
                (t("Right drag"), t("window")),
            ],
        }
    }
}
