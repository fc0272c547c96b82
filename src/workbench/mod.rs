//! The workbench: the case, its edits, tools, jobs and live results; everything that the window
//! shows, without a window. Panels read it and send a [`Command`]; [`Workbench::execute`] performs
//! commands between frames and [`Workbench::poll`] takes in what jobs have finished.

mod case;
mod commands;
mod edit;
mod history;
pub mod jobs;
mod live;
mod loading;
mod notices;
mod outcome;
mod policy;
mod settings;
pub mod tools;
mod view;

pub use case::{Case, CaseImage, ChangedSlices, EditError};
pub use commands::{Action, ActionInfo, Command, Menu, Shortcut, TeachCommand, ToolKind};
pub use edit::{Change, Edit, RoiAttributes};
pub use history::History;
pub use live::{Derived, Live, Surroundings};
pub use loading::{LoadedCase, Loading, OpenError, load_case, load_demo};
pub use notices::{Notice, Notices, Severity};
pub use outcome::{JobResult, ProposedCtv, error_chain, export, proposal_edit, segmentation_edit};
pub use policy::{EditPolicy, Refusal};
pub use settings::{Settings, SettingsError};
pub use view::{ViewState, Workspace};

use crate::anatomy;
use crate::dicom::{self, ImportWarning, StructureSetFile};
use crate::diunet::{self, LoadedModel};
use crate::geometry::PatientPoint;
use crate::image::WindowLevel;
use crate::risk::{self, RiskModel};
use crate::structures::{Provenance, Roi, RoiId, Role, free_name, station_color};
use crate::teaching::{self, Exercise, Phase, Score};
use jobs::{JobContext, JobError, JobEvent, JobKey, JobMode, Jobs, Lane};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tools::{Brush, EditMode, Tool, ToolAction, ToolEvent};

/// A model that is there, or why it is not.
pub type ModelState<T> = Result<Arc<T>, String>;

/// Everything between the capabilities and the faces.
pub struct Workbench {
    case: Option<Case>,
    loading: Option<Loading>,
    live: Option<Live>,
    other_structure_sets: Vec<StructureSetFile>,
    import_report: Vec<ImportWarning>,
    uncertain_roles: Vec<String>,
    pub view: ViewState,
    pub policy: EditPolicy,
    tool: ToolKind,
    brush: Brush,
    eraser: Brush,
    jobs: Jobs<JobResult>,
    notices: Notices,
    settings: Settings,
    settings_path: Option<PathBuf>,
    diunet: ModelState<LoadedModel>,
    risk_model: ModelState<RiskModel>,
    exercise: Option<Exercise>,
    score: Option<Derived<Score>>,
    last_export: Option<Arc<dicom::ExportProof>>,
    case_count: u64,
}

impl Workbench {
    /// A workbench without a case. Settings are read from `settings_path`; without one nothing is remembered.
    pub fn new(mode: JobMode, settings_path: Option<PathBuf>) -> Self {
        let mut notices = Notices::default();
        let settings = settings_path.as_deref().map_or_else(Settings::default, |path| {
            Settings::load(path).unwrap_or_else(|error| {
                notices.error("Settings were not read", &error);
                Settings::default()
            })
        });
        let diunet = LoadedModel::load(&diunet::default_model_dir()).map(Arc::new).map_err(|e| e.to_string());
        let risk_model = RiskModel::load(&risk::default_model_dir()).map(Arc::new).map_err(|e| e.to_string());
        for (what, problem) in [("DiUnet", diunet.as_ref().err()), ("The risk model", risk_model.as_ref().err())] {
            if let Some(problem) = problem {
                notices.push(Severity::Warning, format!("{what} is not available"), vec![problem.clone()]);
            }
        }
        let view = ViewState { identifiers_hidden: settings.identifiers_hidden, ..ViewState::default() };
        Self {
            case: None,
            loading: None,
            live: None,
            other_structure_sets: Vec::new(),
            import_report: Vec::new(),
            uncertain_roles: Vec::new(),
            view,
            policy: EditPolicy::default(),
            tool: ToolKind::default(),
            brush: Brush::new(EditMode::Add),
            eraser: Brush::new(EditMode::Erase),
            jobs: Jobs::new(mode),
            notices,
            settings,
            settings_path,
            diunet,
            risk_model,
            exercise: None,
            score: None,
            last_export: None,
            case_count: 0,
        }
    }

    pub fn case(&self) -> Option<&Case> {
        self.case.as_ref()
    }
    /// The case that is being read: its slices appear as they arrive.
    pub fn loading(&self) -> Option<&Loading> {
        self.loading.as_ref()
    }
    pub fn live(&self) -> Option<&Live> {
        self.live.as_ref()
    }
    /// Structure sets found beside the open one.
    pub fn other_structure_sets(&self) -> &[StructureSetFile] {
        &self.other_structure_sets
    }
    /// What was noticed while the case was read.
    pub fn import_report(&self) -> &[ImportWarning] {
        &self.import_report
    }
    /// True if the ROI's role was only guessed from its name and nobody has confirmed it yet.
    pub fn is_role_uncertain(&self, roi: &Roi) -> bool {
        self.uncertain_roles.contains(&roi.name)
    }
    pub fn tool(&self) -> ToolKind {
        self.tool
    }
    pub fn jobs(&self) -> &Jobs<JobResult> {
        &self.jobs
    }
    pub fn jobs_mut(&mut self) -> &mut Jobs<JobResult> {
        &mut self.jobs
    }
    pub fn notices(&self) -> &Notices {
        &self.notices
    }
    pub fn notices_mut(&mut self) -> &mut Notices {
        &mut self.notices
    }
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
    pub fn diunet(&self) -> &ModelState<LoadedModel> {
        &self.diunet
    }
    pub fn risk_model(&self) -> &ModelState<RiskModel> {
        &self.risk_model
    }
    pub fn exercise(&self) -> Option<&Exercise> {
        self.exercise.as_ref()
    }
    pub fn score(&self) -> Option<&Derived<Score>> {
        self.score.as_ref()
    }
    /// Proof of the last export of this case.
    pub fn last_export(&self) -> Option<&Arc<dicom::ExportProof>> {
        self.last_export.as_ref()
    }
    /// Grows by one with every case opened; textures belong to one value of it.
    pub fn case_count(&self) -> u64 {
        self.case_count
    }

    /// The brush behind the present tool.
    pub fn active_brush(&self) -> Option<&Brush> {
        match self.tool {
            ToolKind::Brush => Some(&self.brush),
            ToolKind::Eraser => Some(&self.eraser),
            ToolKind::Navigate => None,
        }
    }

    fn active_brush_mut(&mut self) -> Option<&mut Brush> {
        match self.tool {
            ToolKind::Brush => Some(&mut self.brush),
            ToolKind::Eraser => Some(&mut self.eraser),
            ToolKind::Navigate => None,
        }
    }

    /// What the user can do now with the pointer, as (gesture, effect).
    pub fn hints(&self) -> Vec<(&'static str, &'static str)> {
        match self.active_brush() {
            Some(brush) => brush.hints(),
            None => vec![
                ("Click", "move the crosshair"),
                ("Wheel", "slices"),
                ("Ctrl wheel", "zoom"),
                ("Middle drag", "pan"),
                ("Right drag", "window"),
            ],
        }
    }

    /// True if the ROI is drawn: visible, contours not hidden, and not the hidden reference of an exercise.
    pub fn is_shown(&self, roi: RoiId) -> bool {
        let concealed = self.exercise.is_some_and(|e| e.phase == Phase::Contouring && e.reference == roi);
        !self.view.contours_hidden && self.view.is_visible(roi) && !concealed
    }

    /// Whether an action can run now; the reason why not, for its tooltip.
    pub fn refusal(&self, action: Action) -> Option<&'static str> {
        let needs_case = Some("Open a case first");
        let has_case = self.case.is_some();
        match action {
            Action::Export
            | Action::NewStructure
            | Action::GoToSelected
            | Action::ShowAll
            | Action::HideAll
            | Action::ToolBrush
            | Action::ToolEraser
                if !has_case =>
            {
                needs_case
            }
            Action::Undo if self.case.as_ref().is_none_or(|c| c.history().undo_label().is_none()) => {
                Some("There is nothing to take back")
            }
            Action::Redo if self.case.as_ref().is_none_or(|c| c.history().redo_label().is_none()) => {
                Some("There is nothing to do again")
            }
            Action::Segment if !has_case => needs_case,
            Action::Segment if self.diunet.is_err() => Some("The network is not available; see the messages"),
            Action::Segment if self.jobs.is_running(JobKey::Segment) => Some("The network is running"),
            Action::ProposeCtv if !has_case => needs_case,
            Action::ProposeCtv if self.case.as_ref().is_some_and(|c| c.gtv_mask().is_empty()) => {
                Some("A proposal needs a structure with role GTVp or GTVn")
            }
            Action::ToggleSelected | Action::DeleteSelected | Action::GoToSelected if self.view.selected.is_none() => {
                Some("Select a structure first")
            }
            Action::BrushSmaller | Action::BrushLarger | Action::BrushBall if self.active_brush().is_none() => {
                Some("Choose the brush or the eraser first")
            }
            _ => None,
        }
    }

    /// The command that an action stands for. `None` where the face itself answers (dialogs, palette, quit, fit).
    pub fn command_for(&self, action: Action) -> Option<Command> {
        let selected = self.view.selected;
        Some(match action {
            Action::OpenDemo => Command::OpenDemo { seed: Self::DEMO_SEED },
            Action::Undo => Command::Undo,
            Action::Redo => Command::Redo,
            Action::ToolNavigate => Command::SetTool(ToolKind::Navigate),
            Action::ToolBrush => Command::SetTool(ToolKind::Brush),
            Action::ToolEraser => Command::SetTool(ToolKind::Eraser),
            Action::BrushSmaller | Action::BrushLarger => {
                let radius = self.active_brush()?.radius_mm();
                let step = (radius * 0.1).max(0.5);
                Command::SetBrushRadius(if action == Action::BrushLarger { radius + step } else { radius - step })
            }
            Action::BrushBall => Command::SetBrushShape(match self.active_brush()?.shape {
                tools::BrushShape::Disc => tools::BrushShape::Ball,
                tools::BrushShape::Ball => tools::BrushShape::Disc,
            }),
            Action::SliceUp => Command::Scroll { orientation: crate::geometry::Orientation::Axial, steps: 1 },
            Action::SliceDown => Command::Scroll { orientation: crate::geometry::Orientation::Axial, steps: -1 },
            Action::GoToSelected => Command::GoToRoi(selected?),
            Action::WindowMediastinum => Command::SetWindow(WindowLevel::MEDIASTINUM),
            Action::WindowLung => Command::SetWindow(WindowLevel::LUNG),
            Action::WindowBone => Command::SetWindow(WindowLevel::BONE),
            Action::ToggleSelected => {
                let roi = selected?;
                Command::SetVisible { roi, visible: !self.view.is_visible(roi) }
            }
            Action::ShowAll => Command::SetAllVisible(true),
            Action::HideAll => Command::SetAllVisible(false),
            Action::ToggleContours => Command::SetContoursHidden(!self.view.contours_hidden),
            Action::NewStructure => Command::AddRoi { name: "New structure".into(), role: Role::Other },
            Action::DeleteSelected => Command::DeleteRoi(selected?),
            Action::Segment => Command::Segment,
            Action::ProposeCtv => Command::ProposeCtv,
            Action::HideIdentifiers => Command::SetIdentifiersHidden(!self.view.identifiers_hidden),
            Action::Review => Command::SetWorkspace(Workspace::Review),
            Action::Cohort => Command::SetWorkspace(Workspace::Cohort),
            Action::Teach => Command::SetWorkspace(Workspace::Teach),
            Action::Open | Action::Export | Action::FitViews | Action::Palette | Action::Shortcuts | Action::Quit => {
                return None;
            }
        })
    }

    /// Seed of the demo case.
    pub const DEMO_SEED: u64 = 9;

    /// Performs a command. What fails becomes a notice; nothing is half done.
    pub fn execute(&mut self, command: Command) {
        match command {
            Command::Open(paths) => self.open(paths),
            Command::OpenDemo { seed } => self.open_demo(seed),
            Command::AddStructureSet(index) => self.add_structure_set(index),
            Command::SetWorkspace(workspace) => self.view.workspace = workspace,
            Command::SelectRoi(roi) => {
                // A stroke belongs to the structure with which it began.
                self.tool_event(ToolEvent::Release);
                self.view.selected = roi;
            }
            Command::SetVisible { roi, visible } => self.view.set_visible(roi, visible),
            Command::SetAllVisible(visible) => {
                let ids: Vec<RoiId> = self.roi_ids();
                for roi in ids {
                    self.view.set_visible(roi, visible);
                }
            }
            Command::SetOpacity { roi, opacity } => self.view.set_opacity(roi, opacity),
            Command::SetLocked { roi, locked } => {
                if locked {
                    self.policy.locked.insert(roi);
                } else {
                    self.policy.locked.remove(&roi);
                }
            }
            Command::SetRole { roi, role } => {
                let name = self.case.as_ref().and_then(|c| c.structures().get(roi)).map(|r| r.name.clone());
                self.uncertain_roles.retain(|n| Some(n) != name.as_ref());
                self.attributes("Change role", roi, |a| a.role = role);
            }
            Command::Rename { roi, name } => {
                let name = name.trim().to_owned();
                if name.is_empty() {
                    self.notices.warning("A structure needs a name; the old one was kept");
                } else {
                    self.attributes("Rename", roi, |a| a.name = name);
                }
            }
            Command::SetColor { roi, color } => self.attributes("Change colour", roi, |a| a.color = color),
            Command::AddRoi { name, role } => self.add_roi(&name, role),
            Command::DeleteRoi(roi) => self.delete_roi(roi),
            Command::SetTool(tool) => {
                self.tool_event(ToolEvent::Cancel);
                self.tool = tool;
            }
            Command::SetBrushRadius(radius_mm) => {
                // Brush and eraser share a radius: a change of tool must not change what a stroke covers.
                self.brush.set_radius_mm(radius_mm);
                self.eraser.set_radius_mm(radius_mm);
            }
            Command::SetBrushShape(shape) => {
                self.brush.shape = shape;
                self.eraser.shape = shape;
            }
            Command::Tool(event) => self.tool_event(event),
            Command::SetCrosshair(point) => {
                self.view.crosshair = point;
                if let Some(grid) = self.grid() {
                    self.view.clamp_to(&grid);
                }
            }
            Command::Scroll { orientation, steps } => {
                if let Some(grid) = self.grid() {
                    self.view.scroll(&grid, orientation, steps);
                }
            }
            Command::GoToRoi(roi) => self.go_to(roi),
            Command::SetWindow(window) => {
                self.view.window = WindowLevel { width_hu: window.width_hu.max(1.0), ..window };
            }
            Command::SetContoursHidden(hidden) => self.view.contours_hidden = hidden,
            Command::SetIdentifiersHidden(hidden) => {
                self.view.identifiers_hidden = hidden;
                self.settings.identifiers_hidden = hidden;
                self.save_settings();
            }
            Command::Undo => self.undo_or_redo(Case::undo),
            Command::Redo => self.undo_or_redo(Case::redo),
            Command::Segment => self.segment(),
            Command::ProposeCtv => self.propose_ctv(),
            Command::Export { path, overwrite } => self.export(path, overwrite),
            Command::SetClinical(after) => {
                if let Some(case) = &mut self.case {
                    let before = case.clinical().clone();
                    let edit = Edit::new("Clinical values", vec![Change::Clinical { before, after }]);
                    let result = case.apply(edit);
                    self.report(result);
                }
            }
            Command::CancelJob(id) => self.jobs.cancel(id),
            Command::DismissNotice(id) => self.notices.dismiss(id),
            Command::ClearNotices => self.notices.clear(),
            Command::Teach(command) => self.teach(command),
        }
        self.sync_live();
    }

    /// Takes in what jobs have produced. Call once a frame.
    pub fn poll(&mut self) {
        for (_, key, event) in self.jobs.poll() {
            match event {
                JobEvent::Partial(result) => self.accept_partial(result),
                JobEvent::Finished(result) => self.accept(result),
                JobEvent::Ended(JobError::Cancelled) => {
                    if key == JobKey::LoadCase && !self.jobs.is_running(JobKey::LoadCase) {
                        self.loading = None;
                    }
                    self.notices.info("Cancelled; nothing was changed");
                }
                JobEvent::Ended(error) => {
                    if key == JobKey::LoadCase {
                        self.loading = None;
                    }
                    let what = match key {
                        JobKey::LoadCase => "The case could not be opened",
                        JobKey::Segment => "The stations could not be contoured",
                        JobKey::Export => "The structure set was not exported",
                        JobKey::Propose => "No CTV could be proposed",
                        JobKey::Compare => "The comparison failed",
                    };
                    self.notices.push(Severity::Error, what, vec![error.to_string()]);
                }
            }
        }
        self.sync_live();
    }

    fn roi_ids(&self) -> Vec<RoiId> {
        self.case.iter().flat_map(|c| c.structures().rois.iter().map(|r| r.id)).collect()
    }

    /// The grid of the case, or of the one being read.
    pub fn grid(&self) -> Option<Arc<crate::geometry::VoxelGrid>> {
        self.loading.as_ref().map(|l| Arc::clone(&l.grid)).or_else(|| self.case.as_ref().map(|c| Arc::clone(c.grid())))
    }

    fn report(&mut self, result: Result<(), EditError>) {
        if let Err(error) = result {
            self.notices.push(Severity::Warning, error.to_string(), Vec::new());
        }
    }

    fn attributes(&mut self, label: &str, roi: RoiId, change: impl FnOnce(&mut RoiAttributes)) {
        if let Some(case) = &mut self.case {
            let result = case.attributes_edit(label, roi, change).and_then(|edit| case.apply(edit));
            self.report(result);
        }
    }

    fn sync_live(&mut self) {
        if let (Some(case), Some(live)) = (&self.case, &mut self.live) {
            live.sync(case, self.risk_model.as_deref().ok());
        }
        // A score belongs to the contours it was computed from.
        if let (Some(case), Some(score), Some(exercise)) = (&self.case, &self.score, &self.exercise)
            && exercise.phase == Phase::Comparing
            && score.revision != case.revision()
        {
            self.compare_attempt();
        }
    }

    fn open(&mut self, paths: Vec<PathBuf>) {
        let title = format!("Open {}", paths.first().map(|p| file_label(p)).unwrap_or_default());
        let spawned = self.jobs.spawn(Lane::Io, JobKey::LoadCase, title, move |context| {
            let loaded = load_case(&paths, context, &mut |step| context.send(JobResult::LoadStep(step)))
                .map_err(OpenError::into_job_error)?;
            Ok(JobResult::Loaded(Box::new(loaded)))
        });
        if let Err(error) = spawned {
            self.notices.warning(error.to_string());
        }
    }

    fn open_demo(&mut self, seed: u64) {
        let spawned = self.jobs.spawn(Lane::Io, JobKey::LoadCase, "Make the demo case", move |context| {
            Ok(JobResult::Loaded(Box::new(load_demo(seed, context)?)))
        });
        if let Err(error) = spawned {
            self.notices.warning(error.to_string());
        }
    }

    /// Puts a case that was read elsewhere on the bench, as the command line does.
    pub fn take_case(&mut self, loaded: LoadedCase) {
        self.tool_event(ToolEvent::Cancel);
        let LoadedCase { case, surroundings, other_structure_sets, warnings, uncertain_roles, opened } = loaded;
        self.loading = None;
        self.exercise = None;
        self.score = None;
        self.last_export = None;
        self.policy = EditPolicy::default();
        self.case_count += 1;
        self.view = ViewState {
            workspace: self.view.workspace,
            identifiers_hidden: self.view.identifiers_hidden,
            ..ViewState::default()
        };
        self.view.crosshair = case.grid().center();
        self.live = Some(Live::new(&case, surroundings, self.risk_model.as_deref().ok()));
        let first = [Role::Gtvp, Role::Gtvn, Role::Ctv]
            .into_iter()
            .find_map(|role| case.structures().with_role(role).next().map(|r| r.id))
            .or_else(|| case.structures().rois.first().map(|r| r.id));
        // Body outline and the like hide what lies below when filled; they start as outlines only.
        for roi in &case.structures().rois {
            if matches!(roi.role, Role::Organ | Role::Other) {
                self.view.set_opacity(roi.id, 0.0);
            }
        }
        self.case = Some(case);
        self.other_structure_sets = other_structure_sets;
        self.import_report = warnings.clone();
        self.uncertain_roles = uncertain_roles;
        self.view.selected = first;
        if let Some(roi) = first {
            self.go_to(roi);
        }
        if !warnings.is_empty() {
            let count = warnings.len();
            let noun = if count == 1 { "remark" } else { "remarks" };
            let severity = if warnings.iter().any(|w| w.severity > dicom::Severity::Info) {
                Severity::Warning
            } else {
                Severity::Info
            };
            let lines = warnings.iter().map(ToString::to_string).collect();
            self.notices.push(severity, format!("Opened with {count} {noun}: import report"), lines);
        }
        if let Some(path) = opened {
            self.settings.remember(&path);
            self.save_settings();
        }
    }

    fn save_settings(&mut self) {
        if let Some(path) = &self.settings_path
            && let Err(error) = self.settings.save(path)
        {
            self.notices.error("Settings were not saved", &error);
        }
    }

    fn add_structure_set(&mut self, index: usize) {
        let (Some(case), Some(file)) = (&mut self.case, self.other_structure_sets.get(index)) else { return };
        let set = case.sources.len();
        match dicom::load_structure_set(&file.path, case.grid(), &case.image.meta, set) {
            Ok(loaded) => {
                let mut changes = Vec::new();
                let mut names: std::collections::BTreeSet<String> =
                    case.structures().rois.iter().map(|r| r.name.clone()).collect();
                for roi in loaded.rois {
                    let id = case.new_id();
                    let name = free_name(&roi.name, |n| names.contains(n));
                    names.insert(name.clone());
                    let index = case.structures().rois.len() + changes.len();
                    changes.push(Change::Add { index, roi: Arc::new(Roi { id, name, ..roi }) });
                }
                case.sources.push(loaded.source);
                let result = case.apply(Edit::new("Import structure set", changes));
                self.report(result);
                self.other_structure_sets.remove(index);
            }
            Err(error) => self.notices.error("The structure set was not read", &error),
        }
    }

    fn add_roi(&mut self, name: &str, role: Role) {
        let Some(case) = &mut self.case else { return };
        let id = case.new_id();
        let color = match role {
            Role::Station(station) => station_color(station),
            _ => crate::structures::free_color(case.structures()),
        };
        let roi = Roi::new(id, case.free_name(name), color, role, Provenance::Drawn);
        let edit = case.add_edit("New structure", roi);
        let result = case.apply(edit);
        self.report(result);
        self.view.selected = Some(id);
    }

    fn delete_roi(&mut self, roi: RoiId) {
        self.tool_event(ToolEvent::Release);
        let Some(case) = &mut self.case else { return };
        if self.policy.locked.contains(&roi) {
            self.notices.warning("A locked structure cannot be deleted; unlock it first");
            return;
        }
        let result = case.remove_edit("Delete structure", roi).and_then(|edit| case.apply(edit));
        if self.view.selected == Some(roi) {
            self.view.selected = None;
        }
        if self.exercise.is_some_and(|e| e.reference == roi || e.attempt == roi) {
            self.exercise = None;
            self.score = None;
        }
        self.report(result);
    }

    fn tool_event(&mut self, event: ToolEvent) {
        if let ToolEvent::Press { .. } = event
            && self.active_brush().is_some_and(|b| !b.is_active())
            && let Err(refusal) = self.editable()
        {
            self.notices.warning(refusal.to_string());
            return;
        }
        let Some(brush) = self.active_brush_mut() else { return };
        for action in brush.handle(event) {
            self.perform(action);
        }
    }

    fn editable(&self) -> Result<RoiId, Refusal> {
        let case = self.case.as_ref().ok_or(Refusal::NothingSelected)?;
        self.policy.editable(case.structures(), self.view.selected, |roi| self.is_shown(roi))
    }

    fn perform(&mut self, action: ToolAction) {
        let target = self.editable();
        let Some(case) = &mut self.case else { return };
        let result = match action {
            ToolAction::Begin { label } => {
                let name =
                    target.ok().and_then(|id| case.structures().get(id)).map(|r| r.name.clone()).unwrap_or_default();
                case.begin(format!("{label} {name}"));
                Ok(())
            }
            ToolAction::Edit { shape, mode } => match target.ok().and_then(|id| case.structures().get(id)) {
                Some(roi) => {
                    let slices = tools::apply_shape(&roi.slices, &case.image.volume.grid, &shape, mode);
                    case.contour_edit("", roi.id, slices).and_then(|edit| case.apply(edit))
                }
                None => Ok(()),
            },
            ToolAction::Commit => {
                case.commit();
                Ok(())
            }
            ToolAction::Abort => {
                case.abort();
                Ok(())
            }
        };
        self.report(result);
    }

    fn undo_or_redo(&mut self, step: impl FnOnce(&mut Case) -> Option<Edit>) {
        // An open stroke ends first, so that the tool and the case agree.
        self.tool_event(ToolEvent::Release);
        let Some(case) = &mut self.case else { return };
        let Some(edit) = step(case) else { return };
        let target = edit.first_slice().map(|(_, k)| case.grid().position_mm(k));
        let grid = Arc::clone(case.grid());
        if self.view.selected.is_some_and(|id| case.structures().get(id).is_none()) {
            self.view.selected = None;
        }
        if let Some(exercise) = self.exercise
            && [exercise.reference, exercise.attempt].iter().any(|id| case.structures().get(*id).is_none())
        {
            self.exercise = None;
            self.score = None;
        }
        if let Some(position) = target {
            let (uv, _) = grid.plane_from_patient(self.view.crosshair);
            self.view.crosshair = grid.patient_from_plane(uv, position);
        }
    }

    fn go_to(&mut self, id: RoiId) {
        let Some(case) = &self.case else { return };
        let Some([lo, hi]) = case.mask(id).bounds() else { return };
        // The slice in the middle of those that hold the structure, and the middle of its box there.
        let k = case.mask(id).slices.keys().copied().min_by_key(|k| k.abs_diff(usize::midpoint(lo[0], hi[0])));
        let Some((k, slice)) = k.and_then(|k| case.mask(id).slices.get(&k).map(|s| (k, s))) else { return };
        let Some([a, b]) = slice.bounds() else { return };
        let (j, i) = ((a.0 + b.0) as f64 / 2.0, (a.1 + b.1) as f64 / 2.0);
        self.view.crosshair = case.grid().patient_from_voxel(k, j, i);
    }

    fn segment(&mut self) {
        let (Some(case), Ok(model)) = (&self.case, &self.diunet) else {
            let why = self.refusal(Action::Segment).unwrap_or("It cannot run now");
            self.notices.warning(why);
            return;
        };
        let (model, volume, gtv, count) =
            (Arc::clone(model), case.image.volume.clone(), case.gtv_mask(), self.case_count);
        let spawned = self.jobs.spawn(Lane::Infer, JobKey::Segment, "Contour stations with DiUnet", move |context| {
            let segmentation =
                diunet::segment(&model, &volume, &gtv, context, &mut |_| {}).map_err(outcome::segment_error)?;
            Ok(JobResult::Segmented { case_count: count, segmentation: Box::new(segmentation) })
        });
        if let Err(error) = spawned {
            self.notices.warning(error.to_string());
        }
    }

    fn propose_ctv(&mut self) {
        let Some(case) = &self.case else { return };
        let (volume, gtv, count) = (case.image.volume.clone(), case.gtv_mask(), self.case_count);
        if gtv.is_empty() {
            self.notices
                .warning("A proposal needs a structure with role GTVp or GTVn: set the role in the structure list");
            return;
        }
        let spawned = self.jobs.spawn(Lane::Live, JobKey::Propose, "Propose CTV", move |_: &JobContext<JobResult>| {
            let proposal = anatomy::propose_ctv(&volume, &gtv, anatomy::CTV_MARGIN_MM);
            Ok(JobResult::Proposed(Box::new(ProposedCtv { case_count: count, proposal })))
        });
        if let Err(error) = spawned {
            self.notices.warning(error.to_string());
        }
    }

    fn export(&mut self, path: PathBuf, overwrite: bool) {
        let Some(case) = &self.case else { return };
        let (image, structures, sources) = (case.image.clone(), case.structures().clone(), case.sources.clone());
        let title = format!("Export {}", file_label(&path));
        let spawned = self.jobs.spawn(Lane::Io, JobKey::Export, title, move |_: &JobContext<JobResult>| {
            let proof = outcome::export(&image, &structures, &sources, &path, overwrite)
                .map_err(|e| JobError::Failed(outcome::error_chain(&e)))?;
            Ok(JobResult::Exported(Arc::new(proof)))
        });
        if let Err(error) = spawned {
            self.notices.warning(error.to_string());
        }
    }

    fn accept_partial(&mut self, result: JobResult) {
        if let JobResult::LoadStep(step) = result {
            match loading::accept_step(&mut self.loading, step) {
                loading::Accepted::Grid(center) => {
                    self.view.crosshair = center;
                    self.case_count += 1;
                }
                loading::Accepted::Slice => {}
            }
        }
    }

    fn accept(&mut self, result: JobResult) {
        match result {
            JobResult::LoadStep(_) => {}
            JobResult::Loaded(loaded) => self.take_case(*loaded),
            JobResult::Segmented { case_count, segmentation } => {
                if case_count != self.case_count {
                    self.notices.warning("The network's result belongs to a case that is closed; it was dropped");
                    return;
                }
                let Some(case) = &mut self.case else { return };
                let (edit, summary) = outcome::segmentation_edit(case, &segmentation);
                let result = case.apply(edit);
                let mut details = segmentation.warnings.clone();
                if let Provenance::Network { statement, .. } = &segmentation.provenance {
                    details.push(statement.clone());
                }
                self.notices.push(Severity::Info, summary, details);
                self.report(result);
            }
            JobResult::Proposed(proposed) => {
                if proposed.case_count != self.case_count {
                    return;
                }
                let Some(case) = &mut self.case else { return };
                let (edit, id) = outcome::proposal_edit(case, proposed.proposal);
                let result = case.apply(edit);
                self.view.selected = Some(id);
                self.report(result);
            }
            JobResult::Exported(proof) => {
                self.notices.push(Severity::Info, proof.summary(), proof.details());
                self.last_export = Some(proof);
            }
        }
    }

    fn teach(&mut self, command: TeachCommand) {
        match command {
            TeachCommand::Start(reference) => {
                let Some(case) = &mut self.case else { return };
                let Some(roi) = case.structures().get(reference).cloned() else { return };
                let attempt = case.new_id();
                let name = case.free_name(&format!("{} attempt", roi.name));
                let color = crate::structures::free_color(case.structures());
                let edit = case.add_edit(
                    format!("Begin exercise {}", roi.name),
                    Roi::new(attempt, name, color, Role::Other, Provenance::Drawn),
                );
                let result = case.apply(edit);
                self.report(result);
                self.exercise = Some(Exercise { reference, attempt, phase: Phase::Contouring });
                self.score = None;
                self.view.selected = Some(attempt);
                self.tool = ToolKind::Brush;
            }
            TeachCommand::Compare => {
                if let Some(exercise) = &mut self.exercise {
                    exercise.phase = Phase::Comparing;
                    self.compare_attempt();
                }
            }
            TeachCommand::Continue => {
                if let Some(exercise) = &mut self.exercise {
                    exercise.phase = Phase::Contouring;
                }
            }
            TeachCommand::Stop => {
                self.exercise = None;
                self.score = None;
            }
        }
    }

    fn compare_attempt(&mut self) {
        let (Some(case), Some(exercise)) = (&self.case, self.exercise) else { return };
        let value = teaching::score(case.mask(exercise.reference), case.mask(exercise.attempt), case.grid());
        self.score = Some(Derived { revision: case.revision(), value });
    }

    /// The HU under a patient point, of the case or of what has been read of it.
    pub fn hu_at(&self, point: PatientPoint) -> Option<i16> {
        match &self.loading {
            Some(loading) => loading.hu_at(point),
            None => self.case.as_ref()?.image.volume.hu_at(point),
        }
    }
}

/// The last part of a path, for titles.
fn file_label(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}
