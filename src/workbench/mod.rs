//! The workbench: the case, its edits, tools, jobs and live results; everything that the window
//! shows, without a window. Panels read it and send a [`Command`]; [`Workbench::execute`] performs
//! commands between frames and [`Workbench::poll`] takes in what jobs have finished.

mod action_table;
mod actions;
mod anatomy;
mod archive;
mod case;
pub mod cohort;
mod commands;
mod copy_slice;
mod coverage;
mod ctv_choice;
mod deidentify;
mod difference;
mod display;
mod drawing;
mod edit;
mod export;
pub mod followup;
mod history;
pub mod jobs;
pub mod journal;
mod keymap;
mod lesson;
mod live;
mod loading;
mod measure;
mod network;
mod noise_floor;
mod notices;
mod opening;
mod operations;
mod outcome;
mod overlays;
mod policy;
mod preferences;
mod results;
mod risk_models;
mod rule_proposal;
mod sampling;
mod script;
mod series;
mod settings;
pub mod tools;
mod travel;
mod view;
mod view_commands;
mod when;

pub use action_table::{Action, ActionInfo, Menu};
pub use actions::READING;
pub use anatomy::{AnatomyCommand, BorderCheck, CaseAnatomy, RULE_STATIONS, is_rule_outline};
pub use archive::{ArchiveCommand, ArchiveDesk, Receiving};
pub use case::{Case, CaseContents, CaseImage, ChangedSlices, EditError};
pub use commands::{Command, TeachCommand};
pub use coverage::{Coverage, Jump, Toward, gaps};
pub use ctv_choice::{CtvChoice, CtvError, choose_ctv, set_role};
pub use deidentify::{Deidentified, DeidentifyRequest};
pub use difference::{Compared, DifferencePair, Differences};
pub use display::{CompareSide, ContourStyle, Display, PRESETS, ViewLayout, WindowPreset, source_of};
pub use edit::{Change, Edit, RoiAttributes, Touched};
pub use export::{
    ExportFailure, ExportFormat, ExportSource, Exported, NiftiContent, NiftiProof, WrittenNifti, WrittenStructure,
    export, export_as, format_refusal, nifti_files, write_nifti,
};
pub use history::{History, StateId, Step};
pub use keymap::{KEYS, Keymap, KeymapError, Shortcut};
pub use live::{CentralZone, Derived, Live, Surroundings};
pub use loading::{LoadedCase, Loading, OpenError, OpenStep, load_case, load_demo, load_series};
pub use measure::{MeasureCommand, MeasureKind, MeasureValue, Measurement, Measures};
pub use noise_floor::{JITTER_MM, NoiseFloor, NoiseSurvey};
pub use notices::{Notice, Notices, Severity, Trouble};
pub use operations::{
    Derivations, Inputs, Keep, Operated, OperatedRow, OperationCommand, OperationRefusal, OperationRequest, PREVIEW,
    Target, carry_out, operation_label, resolve_stations,
};
pub use outcome::{error_chain, proposal_edit, segmentation_edit};
pub use overlays::{DoseUnit, IsodoseLevel, Overlay, OverlayCommand, OverlayStyle, find_overlay};
pub use policy::{EditPolicy, EditRules, HuBand, Limit, Refusal, StationRule, Wanted};
pub use preferences::{KeyFileError, PreferenceCommand, read_keys, write_keys};
pub use risk_models::{KnownRiskModel, ModelOrigin, ReadModel, risk_model_folder};
pub use rule_proposal::add_rule_stations;
pub use script::{Expect, Moment, Script, ScriptError, ScriptRules, ScriptStep, Then};
pub use series::{ForeignSet, FoundSeries, FrameRelation, SeriesChoice, SeriesList, Thumbnail};
pub use settings::{RecentCase, Settings, SettingsError};
pub use tools::ToolKind;
pub use view::{SidePanel, SidePanels, ViewState, Workspace};
pub use view_commands::{DifferenceStep, ViewCommand};
pub use when::{exact_time, local_time, short_time, time_ago};

use crate::cohort::RecurrenceMap;
use crate::dicom::{self, ImportWarning};
use crate::diunet::{self, LoadedModel};
use crate::geometry::PatientPoint;
use crate::image::WindowLevel;
use crate::import::SetSource;
use crate::risk::NoiseLesson;
use crate::structures::{Provenance, Roi, RoiId, Role, station_color};
use crate::teaching::{Exercise, Phase, Score};
use crate::tf;
use crate::words::{self, keep, t};
use cohort::CohortDesk;
use followup::FollowUp;
use jobs::{JobKey, JobMode, JobStatus, Jobs};
use journal::Journal;
use opening::{Arrived, Opening};
use overlays::Overlays;
use results::{JobResult, NetworkPart};
use risk_models::RiskModels;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use tools::{ToolBox, ToolEvent, ToolOptions};

/// A model that is there, or why it is not.
pub type ModelState<T> = Result<Arc<T>, String>;

/// What the views show. Textures, cameras and half-typed text belong to one value of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// A scan that is being read.
    Loading(u64),
    /// The open case, by its count.
    Case(u64),
}

/// Everything between the capabilities and the faces.
pub struct Workbench {
    case: Option<Case>,
    opening: Option<Opening>,
    loading: Option<Loading>,
    loading_count: u64,
    arrived: Option<Box<Arrived>>,
    live: Option<Live>,
    other_structure_sets: Vec<SetSource>,
    overlays: Overlays,
    follow_up: Option<FollowUp>,
    /// What the last run of the network on this case gave, for the next one.
    recall: Arc<diunet::Recall>,
    /// The series of the folder that is open, and its files and folders.
    found: SeriesList,
    opened: Vec<PathBuf>,
    thumbnails: Vec<Thumbnail>,
    import_report: Vec<ImportWarning>,
    uncertain_roles: BTreeSet<RoiId>,
    geometry_acknowledged: bool,
    pub view: ViewState,
    pub policy: EditPolicy,
    toolbox: ToolBox,
    copies: copy_slice::Copies,
    /// The structure that the stroke under way changes.
    stroke: Option<RoiId>,
    jobs: Jobs<JobResult>,
    notices: Notices,
    settings: Settings,
    settings_path: Option<PathBuf>,
    keymap: Keymap,
    diunet: ModelState<LoadedModel>,
    risk_models: RiskModels,
    exercise: Option<Exercise>,
    score: Option<Derived<Score>>,
    lessons: Vec<NoiseLesson>,
    projection: Option<Box<RecurrenceMap>>,
    last_export: Option<Derived<Arc<Exported>>>,
    deidentified: Option<Deidentified>,
    /// The state whose contours are safe in a file from which they come back.
    saved: Option<StateId>,
    journal: Journal,
    case_count: u64,
    archive: ArchiveDesk,
    cohort: CohortDesk,
    // Views.
    coverage: Coverage,
    measures: Measures,
    differences: Option<Differences>,
    // Structures.
    derivations: Derivations,
    interpolation: operations::InterpolationPreview,
    operated: Option<Operated>,
    // Anatomy.
    anatomy: CaseAnatomy,
}

impl Workbench {
    /// A workbench without a case. Settings are read from `settings_path`; without one nothing is remembered.
    pub fn new(mode: JobMode, settings_path: Option<PathBuf>) -> Self {
        let mut notices = Notices::default();
        let settings = settings_path.as_deref().map_or_else(Settings::default, |path| {
            Settings::load(path).unwrap_or_else(|error| {
                notices.error(t("Settings were not read"), &error);
                Settings::default()
            })
        });
        words::speak(settings.language());
        let (keymap, wrong_keys) = Keymap::from_changes(&settings.keys);
        if !wrong_keys.is_empty() {
            let details = wrong_keys.iter().map(ToString::to_string).collect();
            notices.push(Severity::Warning, t("Some keys of the settings cannot be used"), details);
        }
        let (diunet, not_chosen) = network::chosen(&settings, mode);
        if let Some(problem) = not_chosen {
            let title = t("The network of the settings cannot be used; the usual one draws instead");
            notices.push(Severity::Warning, title, vec![problem]);
        }
        let (risk_models, not_chosen) = RiskModels::chosen(&settings, settings_path.as_deref());
        if let Some(problem) = not_chosen {
            let title = t("The risk model of the settings cannot be used; the usual one estimates instead");
            notices.push(Severity::Warning, title, vec![problem]);
        }
        let without = [("DiUnet", diunet.as_ref().err()), (t("The risk model"), risk_models.used().as_ref().err())];
        for (what, problem) in without {
            if let Some(problem) = problem {
                notices.push(Severity::Warning, tf!("{what} is not available", what), vec![problem.clone()]);
            }
        }
        let display = settings.views.clone().checked();
        let view = ViewState { identifiers_hidden: settings.identifiers_hidden, display, ..ViewState::default() };
        let journal = Journal::new(settings_path.as_deref());
        let anatomy = CaseAnatomy::new(0, settings.rule_set());
        let mut workbench = Self {
            case: None,
            opening: None,
            loading: None,
            loading_count: 0,
            arrived: None,
            live: None,
            other_structure_sets: Vec::new(),
            overlays: Overlays::default(),
            follow_up: None,
            recall: Arc::default(),
            found: SeriesList::default(),
            opened: Vec::new(),
            thumbnails: Vec::new(),
            import_report: Vec::new(),
            uncertain_roles: BTreeSet::new(),
            geometry_acknowledged: false,
            view,
            policy: EditPolicy::default(),
            toolbox: ToolBox::default(),
            copies: copy_slice::Copies::default(),
            stroke: None,
            jobs: Jobs::new(mode),
            notices,
            settings,
            settings_path,
            keymap,
            diunet,
            risk_models,
            exercise: None,
            score: None,
            lessons: Vec::new(),
            projection: None,
            last_export: None,
            deidentified: None,
            saved: None,
            case_count: 0,
            archive: ArchiveDesk::default(),
            cohort: CohortDesk::default(),
            journal,
            coverage: Coverage::default(),
            measures: Measures::default(),
            differences: None,
            derivations: Derivations::default(),
            interpolation: Default::default(),
            operated: None,
            anatomy,
        };
        workbench.look_for_journals();
        workbench
    }

    pub fn case(&self) -> Option<&Case> {
        self.case.as_ref()
    }
    /// The open case, unless the views show another one that is being read.
    pub fn shown_case(&self) -> Option<&Case> {
        self.case.as_ref().filter(|_| self.loading.is_none())
    }
    /// What the views show.
    pub fn shown(&self) -> Option<Shown> {
        match &self.loading {
            Some(loading) => Some(Shown::Loading(loading.number)),
            None => self.case.as_ref().map(|_| Shown::Case(self.case_count)),
        }
    }
    /// The case that is being read: its slices appear as they arrive.
    pub fn loading(&self) -> Option<&Loading> {
        self.loading.as_ref()
    }
    pub fn live(&self) -> Option<&Live> {
        self.live.as_ref()
    }
    /// Sets of structures found beside the open one that are not part of the case, with their numbers.
    pub fn other_structure_sets(&self) -> impl Iterator<Item = (usize, &SetSource)> {
        let taken = |set: &SetSource| {
            let mut read = self.case.iter().flat_map(Case::set_paths);
            read.any(|path| set.paths().iter().any(|p| p == path))
        };
        self.other_structure_sets.iter().enumerate().filter(move |(_, set)| !taken(set))
    }
    /// What was noticed while the case was read.
    pub fn import_report(&self) -> &[ImportWarning] {
        &self.import_report
    }
    /// The first remark that makes the geometry of the scan doubtful.
    pub fn geometry_warning(&self) -> Option<&ImportWarning> {
        self.import_report.iter().find(|w| w.severity == dicom::Severity::Geometry)
    }
    /// True once the user has read that the geometry is doubtful.
    pub fn is_geometry_acknowledged(&self) -> bool {
        self.geometry_acknowledged
    }
    /// True if the ROI's role was only guessed from its name and nobody has confirmed it yet.
    pub fn is_role_uncertain(&self, roi: &Roi) -> bool {
        self.uncertain_roles.contains(&roi.id)
    }
    /// True if contours changed since they were opened or last exported.
    pub fn has_unexported_changes(&self) -> bool {
        let Some(case) = &self.case else { return false };
        let state = case.history().state();
        case.in_transaction() || (state != 0 && self.saved != Some(state))
    }
    /// The state whose contours were exported last, so that they come back.
    pub fn exported_state(&self) -> Option<StateId> {
        self.saved
    }
    pub fn tool(&self) -> ToolKind {
        self.toolbox.kind()
    }
    /// The jobs under way, oldest first.
    pub fn jobs(&self) -> Vec<JobStatus> {
        self.jobs.status()
    }
    /// True while a job of this kind runs or waits.
    pub fn is_running(&self, key: JobKey) -> bool {
        self.jobs.is_running(key)
    }
    /// Called from job threads whenever [`Self::poll`] has something to take in.
    pub fn set_waker(&mut self, waker: jobs::Waker) {
        self.jobs.set_waker(waker);
    }
    pub fn notices(&self) -> &Notices {
        &self.notices
    }
    pub fn notices_mut(&mut self) -> &mut Notices {
        &mut self.notices
    }
    /// The recurrence map that is shown on the stations of the case.
    pub fn projection(&self) -> Option<&RecurrenceMap> {
        self.projection.as_deref()
    }

    /// True for an open case with stations, on which a recurrence map can be shown.
    pub fn has_stations(&self) -> bool {
        self.case().is_some_and(|case| case.structures().rois.iter().any(|roi| matches!(roi.role, Role::Station(_))))
    }

    fn project_map(&mut self, map: Option<Box<RecurrenceMap>>) {
        if map.is_some() && !self.has_stations() {
            self.notices.warning(t("Open a case with stations, or let them be drawn, to show the map on them"));
            return;
        }
        if map.is_some() {
            self.view.workspace = Workspace::Review;
        }
        self.projection = map;
    }

    /// True if settings are kept between runs.
    pub fn remembers(&self) -> bool {
        self.settings_path.is_some()
    }
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
    pub fn exercise(&self) -> Option<&Exercise> {
        self.exercise.as_ref()
    }
    pub fn score(&self) -> Option<&Derived<Score>> {
        self.score.as_ref()
    }
    /// Proof of the last export of this case, with the revision that it holds.
    pub fn last_export(&self) -> Option<&Derived<Arc<Exported>>> {
        self.last_export.as_ref()
    }
    /// Grows by one with every case that is put on the bench.
    pub fn case_count(&self) -> u64 {
        self.case_count
    }

    /// True if the ROI is drawn: visible, contours not hidden, and not the hidden reference of an exercise.
    pub fn is_shown(&self, roi: RoiId) -> bool {
        let concealed = self.exercise.is_some_and(|e| e.phase == Phase::Contouring && e.reference == roi);
        !self.view.hides_contours() && self.view.is_visible(roi) && !concealed
    }

    /// Seed of the demo case.
    pub const DEMO_SEED: u64 = 9;

    /// Performs a command. What fails becomes a notice; nothing is half done.
    pub fn execute(&mut self, command: Command) {
        if let Some(why) = self.command_refusal(&command) {
            self.notices.warning(why);
            return;
        }
        if matches!(command, Command::Undo) && self.toolbox.is_draft() {
            return self.tool_event(ToolEvent::StepBack);
        }
        if !command.leaves_stroke() {
            self.finish_stroke();
        }
        if command.drops_draft(self) {
            self.drop_draft();
        }
        match command {
            Command::Open(paths) => self.open(paths, SeriesChoice::Best),
            Command::OpenFiles(paths) => self.open_files(paths),
            Command::OpenChosen { paths, series } => self.open(paths, series),
            Command::OpenSeries(key) => {
                let paths = self.series_paths().to_vec();
                self.open(paths, SeriesChoice::Key(key));
            }
            Command::OpenDemo { seed } => self.open_demo(seed),
            Command::ProjectMap(map) => self.project_map(map),
            Command::FindNoiseFloor => self.find_noise_floor(),
            Command::ShowRiskModel(folder) => self.show_risk_model(folder),
            Command::DrawLesson => self.draw_lesson(),
            Command::TakeArrived => self.take_arrived(),
            Command::DropArrived => self.arrived = None,
            Command::AddStructureSet(index) => self.add_structure_set(index),
            Command::AcknowledgeGeometry => self.geometry_acknowledged = true,
            Command::SetWorkspace(workspace) => self.view.workspace = workspace,
            Command::SelectRoi(roi) => self.view.selected = roi,
            Command::SetVisible { roi, visible } => {
                self.end_isolation();
                self.view.set_visible(roi, visible);
            }
            Command::SetAllVisible(visible) => {
                self.view.isolating = false;
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
                self.uncertain_roles.remove(&roi);
                self.attributes(keep("Change role"), roi, |a| a.role = role);
            }
            Command::Rename { roi, name } => {
                let name = name.trim().to_owned();
                if name.is_empty() {
                    self.notices.warning(t("A structure needs a name; the old one was kept"));
                } else {
                    self.attributes(keep("Rename"), roi, |a| a.name = name);
                }
            }
            Command::SetColor { roi, color } => self.attributes(keep("Change colour"), roi, |a| a.color = color),
            Command::AddRoi { name, role } => self.add_roi(&name, role),
            Command::DeleteRoi(roi) => self.delete_roi(roi),
            Command::SetTool(tool) => {
                self.view.measuring = None;
                self.measures.cancel();
                self.toolbox.choose(tool);
            }
            Command::SetBrushRadius(radius_mm) => {
                self.toolbox.set_options(ToolOptions { radius_mm, ..*self.toolbox.options() });
            }
            Command::SetBrushShape(shape) => {
                self.toolbox.set_options(ToolOptions { shape, ..*self.toolbox.options() });
            }
            Command::SetToolOptions(options) => self.toolbox.set_options(options),
            Command::SetRules(rules) => self.policy.rules = rules.checked(),
            Command::CopySlice { to_head } => self.copy_slice(to_head),
            Command::AcceptCopies(roi) => self.accept_copies(roi),
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
            Command::SetSampling(sampling) => self.view.sampling = sampling,
            Command::SetSlab(slab) => self.set_slab(slab),
            Command::SetContoursHidden(hidden) => self.view.contours_hidden = hidden,
            Command::SetIdentifiersHidden(hidden) => {
                self.view.identifiers_hidden = hidden;
                self.change_settings(|settings| settings.identifiers_hidden = hidden);
            }
            Command::Undo => self.travel(Case::undo),
            Command::Redo => self.travel(Case::redo),
            // History and journal.
            Command::GoToState(state) => self.go_to_state(state),
            Command::SetHistoryBudget(megabytes) => self.set_history_budget(megabytes),
            Command::Journal(command) => self.journal_command(command),
            Command::Segment => self.run_network(NetworkPart::Stations),
            Command::ProposeCtv => self.propose_ctv(),
            Command::NetworkCtv => self.run_network(NetworkPart::Ctv),
            Command::Deidentify(request) => self.deidentify(*request),
            Command::SetExportFormat(format) => self.view.export_format = format,
            Command::Export { path, format, overwrite } => self.export(path, format, overwrite),
            Command::SetClinical(after) => {
                if let Some(case) = &mut self.case {
                    let before = case.clinical().clone();
                    let edit = Edit::new(keep("Clinical values"), vec![Change::Clinical { before, after }]);
                    let result = case.apply(edit);
                    self.report(result);
                }
            }
            Command::CancelJob(id) => self.jobs.cancel(id),
            Command::DismissNotice(id) => self.notices.dismiss(id),
            Command::ClearNotices => self.notices.clear(),
            Command::Teach(command) => self.teach(command),
            Command::Overlay(command) => self.overlay(command),
            Command::FollowUp(command) => self.follow_up_command(command),
            Command::Archive(command) => self.archive_command(command),
            Command::Cohort(command) => self.cohort_command(command),
            Command::View(command) => self.view_command(command),
            Command::Operate(command) => self.operation_command(command),
            Command::Anatomy(command) => self.anatomy_command(command),
            Command::Preference(command) => self.preference(command),
        }
        self.sync_live();
        self.keep_journal();
    }

    /// What is shown alone stays shown alone, but as a choice of its own that can be added to.
    fn end_isolation(&mut self) {
        if std::mem::take(&mut self.view.isolating)
            && let Some(alone) = self.view.selected
        {
            for id in self.roi_ids() {
                self.view.set_visible(id, id == alone);
            }
        }
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

    /// Changes the settings as they are in the file now: another window or a command may have changed them too.
    fn change_settings(&mut self, change: impl FnOnce(&mut Settings)) {
        if let Some(path) = self.settings_path.as_deref().filter(|path| path.exists())
            && let Ok(now) = Settings::load(path)
        {
            self.settings = now;
        }
        change(&mut self.settings);
        if let Some(path) = &self.settings_path
            && let Err(error) = self.settings.save(path)
        {
            self.notices.error(t("Settings were not saved"), &error);
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
        let edit = case.add_edit(keep("New structure"), roi);
        let result = case.apply(edit);
        self.report(result);
        self.view.selected = Some(id);
    }

    fn delete_roi(&mut self, roi: RoiId) {
        let Some(case) = &mut self.case else { return };
        if self.policy.locked.contains(&roi) {
            self.notices.warning(t("A locked structure cannot be deleted; unlock it first"));
            return;
        }
        let result = case.remove_edit(keep("Delete structure"), roi).and_then(|edit| case.apply(edit));
        if self.view.selected == Some(roi) {
            self.view.selected = None;
        }
        if self.exercise.is_some_and(|e| e.reference == roi || e.attempt == roi) {
            self.exercise = None;
            self.score = None;
        }
        self.report(result);
    }

    fn go_to(&mut self, id: RoiId) {
        let Some(case) = &self.case else { return };
        let Some([lo, hi]) = case.mask(id).bounds() else {
            if let Some(roi) = case.structures().get(id) {
                self.notices.info(tf!("{name} has no contours yet", name = roi.name));
            }
            return;
        };
        // The slice in the middle of those that hold the structure, and the middle of its box there.
        let k = case.mask(id).slices.keys().copied().min_by_key(|k| k.abs_diff(usize::midpoint(lo[0], hi[0])));
        let Some((k, slice)) = k.and_then(|k| case.mask(id).slices.get(&k).map(|s| (k, s))) else { return };
        let Some([a, b]) = slice.bounds() else { return };
        let (j, i) = ((a.0 + b.0) as f64 / 2.0, (a.1 + b.1) as f64 / 2.0);
        self.view.crosshair = case.grid().patient_from_voxel(k, j, i);
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
                    format!("{} {}", keep("Begin exercise"), roi.name),
                    Roi::new(attempt, name, color, Role::Other, Provenance::Drawn),
                );
                let result = case.apply(edit);
                self.report(result);
                self.exercise = Some(Exercise { reference, attempt, phase: Phase::Contouring });
                self.score = None;
                self.view.selected = Some(attempt);
                self.toolbox.choose(ToolKind::Brush);
            }
            TeachCommand::Compare => {
                if let Some(exercise) = &mut self.exercise {
                    exercise.phase = Phase::Comparing;
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

    /// The HU under a patient point, of the case or of what has been read of it.
    pub fn hu_at(&self, point: PatientPoint) -> Option<i16> {
        match &self.loading {
            Some(loading) => loading.hu_at(point),
            None => self.case.as_ref()?.image.volume.hu_at(point),
        }
    }
}

/// All cores but one.
fn spare_cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().saturating_sub(1).max(1))
}
