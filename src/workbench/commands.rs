//! Everything that the window can ask for, with its arguments.

use super::action_table::Reach;
use super::anatomy::AnatomyCommand;
use super::deidentify::DeidentifyRequest;
use super::export::ExportFormat;
use super::followup::FollowUpCommand;
use super::jobs::JobId;
use super::operations::OperationCommand;
use super::overlays::OverlayCommand;
use super::policy::EditRules;
use super::series::SeriesChoice;
use super::tools::{BrushShape, ToolEvent, ToolKind, ToolOptions};
use super::view::Workspace;
use super::view_commands::ViewCommand;
use crate::cohort::RecurrenceMap;
use crate::features::ClinicalValues;
use crate::geometry::{Orientation, PatientPoint};
use crate::image::{Sampling, Slab, WindowLevel};
use crate::structures::{RoiId, Role};
use std::path::PathBuf;

/// A request to the workbench, performed between frames.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Opens the CT and the structures found in files and folders.
    Open(Vec<PathBuf>),
    /// As [`Self::Open`], for files that may be structures for the open case: only where they hold a CT is the open
    /// case closed, and then it is asked whether its contours may be lost.
    OpenFiles(Vec<PathBuf>),
    /// As [`Self::Open`], but a certain one of the CT series.
    OpenChosen {
        paths: Vec<PathBuf>,
        series: SeriesChoice,
    },
    /// Opens another series of the same folder, by its key.
    OpenSeries(String),
    /// Makes the synthetic case of a seed.
    OpenDemo {
        seed: u64,
    },
    /// Shows a recurrence map on the stations of the open case in Review, or takes it away.
    ProjectMap(Option<Box<RecurrenceMap>>),
    /// Finds how much the risk figure moves with the boundaries, where that is not known.
    FindNoiseFloor,
    /// Shows the report of the risk model of a folder; the one that estimates stays.
    ShowRiskModel(PathBuf),
    /// Judges a model on pure noise, with and without the leak.
    DrawLesson,
    /// Puts the case that has been read on the bench, although the open one has changed meanwhile.
    TakeArrived,
    /// Forgets the case that has been read; the open one stays.
    DropArrived,
    /// Adds the ROIs of another structure set found beside the open one, by its number.
    AddStructureSet(usize),
    /// The user has read that the geometry of the scan is doubtful.
    AcknowledgeGeometry,
    SetWorkspace(Workspace),
    SelectRoi(Option<RoiId>),
    SetVisible {
        roi: RoiId,
        visible: bool,
    },
    SetAllVisible(bool),
    SetOpacity {
        roi: RoiId,
        opacity: f32,
    },
    SetLocked {
        roi: RoiId,
        locked: bool,
    },
    SetRole {
        roi: RoiId,
        role: Role,
    },
    Rename {
        roi: RoiId,
        name: String,
    },
    SetColor {
        roi: RoiId,
        color: [u8; 3],
    },
    AddRoi {
        name: String,
        role: Role,
    },
    DeleteRoi(RoiId),
    SetTool(ToolKind),
    SetBrushRadius(f64),
    SetBrushShape(BrushShape),
    Tool(ToolEvent),
    // Tools.
    SetToolOptions(ToolOptions),
    /// Rules for all tools: range of CT numbers, limits by a structure, stations.
    SetRules(EditRules),
    /// Copies the rings of the selected structure to the next slice, and goes there.
    CopySlice {
        to_head: bool,
    },
    /// The copied slices of a structure are right as they are.
    AcceptCopies(RoiId),
    SetCrosshair(PatientPoint),
    Scroll {
        orientation: Orientation,
        steps: i64,
    },
    /// Centres the views on an ROI.
    GoToRoi(RoiId),
    SetWindow(WindowLevel),
    // Display.
    SetSampling(Sampling),
    SetSlab(Option<Slab>),
    SetContoursHidden(bool),
    SetIdentifiersHidden(bool),
    Undo,
    Redo,
    // History and journal.
    /// Takes back or does again as many steps as lead to a state.
    GoToState(super::StateId),
    /// Memory that undo may hold, MB.
    SetHistoryBudget(u32),
    Journal(super::journal::JournalCommand),
    Segment,
    ProposeCtv,
    /// The CTV that the network draws, instead of a margin.
    NetworkCtv,
    /// Which format [`super::Action::Export`] stands for.
    SetExportFormat(ExportFormat),
    Export {
        path: PathBuf,
        format: ExportFormat,
        overwrite: bool,
    },
    SetClinical(ClinicalValues),
    Deidentify(Box<DeidentifyRequest>),
    CancelJob(JobId),
    DismissNotice(u64),
    ClearNotices,
    Teach(TeachCommand),
    Overlay(OverlayCommand),
    /// A follow-up CT with a recurrence beside the case.
    FollowUp(FollowUpCommand),
    Archive(super::ArchiveCommand),
    Cohort(super::cohort::CohortCommand),
    View(ViewCommand),
    /// Operations on whole structures, derived structures, contours for missing slices.
    Operate(OperationCommand),
    /// Landmarks, the stations of the rules, the border check.
    Anatomy(AnatomyCommand),
    Preference(super::PreferenceCommand),
}

impl Command {
    pub(super) fn reach(&self) -> Reach {
        match self {
            Self::Open(_)
            | Self::OpenFiles(_)
            | Self::OpenChosen { .. }
            | Self::OpenSeries(_)
            | Self::OpenDemo { .. }
            | Self::ShowRiskModel(_)
            | Self::DrawLesson
            | Self::ProjectMap(_)
            | Self::TakeArrived
            | Self::DropArrived
            | Self::SetWorkspace(_)
            | Self::SelectRoi(None)
            | Self::SetBrushRadius(_)
            | Self::SetBrushShape(_)
            | Self::SetToolOptions(_)
            | Self::SetWindow(_)
            | Self::SetContoursHidden(_)
            | Self::SetSampling(_)
            | Self::SetSlab(_)
            | Self::SetIdentifiersHidden(_)
            | Self::CancelJob(_)
            | Self::DismissNotice(_)
            | Self::ClearNotices
            | Self::Deidentify(_)
            | Self::Archive(_)
            | Self::Cohort(_)
            | Self::Preference(_)
            | Self::SetHistoryBudget(_)
            | Self::Journal(_)
            | Self::Operate(OperationCommand::ShowPreview(_))
            | Self::Anatomy(
                AnatomyCommand::Hover(_)
                | AnatomyCommand::Drag { .. }
                | AnatomyCommand::Release
                | AnatomyCommand::Cancel,
            )
            | Self::Tool(
                ToolEvent::Drag { .. }
                | ToolEvent::Release
                | ToolEvent::Move(_)
                | ToolEvent::Leave
                | ToolEvent::Finish
                | ToolEvent::StepBack
                | ToolEvent::Cancel,
            ) => Reach::Anything,
            Self::SetCrosshair(_) | Self::Scroll { .. } => Reach::Scan,
            Self::View(command) => command.reach(),
            _ => Reach::Case,
        }
    }

    /// True if a stroke under way goes on; every other command ends it first, as one step.
    pub(super) fn leaves_stroke(&self) -> bool {
        if let Self::View(command) = self {
            return command.leaves_stroke();
        }
        if let Self::Anatomy(command) = self {
            return command.leaves_stroke();
        }
        if let Self::FollowUp(command) = self {
            return *command != FollowUpCommand::AddToStructures;
        }
        matches!(
            self,
            Self::Tool(_)
                | Self::SetBrushRadius(_)
                | Self::SetBrushShape(_)
                | Self::SetToolOptions(_)
                | Self::SetRules(_)
                | Self::AcceptCopies(_)
                | Self::SetCrosshair(_)
                | Self::Scroll { .. }
                | Self::SetWindow(_)
                | Self::SetContoursHidden(_)
                | Self::SetSampling(_)
                | Self::SetSlab(_)
                | Self::SetIdentifiersHidden(_)
                | Self::CancelJob(_)
                | Self::DismissNotice(_)
                | Self::ClearNotices
                | Self::Deidentify(_)
                | Self::Overlay(_)
                | Self::Archive(_)
                | Self::Cohort(_)
                | Self::FindNoiseFloor
                | Self::ShowRiskModel(_)
                | Self::DrawLesson
                | Self::Preference(_)
                | Self::Journal(_)
                | Self::Operate(OperationCommand::ShowPreview(_))
        )
    }
}

impl Command {
    /// True if a draft of a tool, an outline that is not closed yet, cannot go on after this.
    pub(super) fn drops_draft(&self, workbench: &super::Workbench) -> bool {
        match self {
            Self::SetTool(tool) => *tool != workbench.tool(),
            Self::SelectRoi(roi) => *roi != workbench.view.selected,
            Self::DeleteRoi(_) | Self::Redo | Self::SetWorkspace(_) | Self::Teach(_) | Self::AddRoi { .. } => true,
            Self::Export { .. } => true,
            _ => false,
        }
    }
}

/// Requests of the Teach workspace.
#[derive(Debug, Clone, PartialEq)]
pub enum TeachCommand {
    /// Hides this ROI and starts an empty one to be drawn.
    Start(RoiId),
    /// Shows the reference and compares.
    Compare,
    /// Hides the reference again to go on drawing.
    Continue,
    Stop,
}
