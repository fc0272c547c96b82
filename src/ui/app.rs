//! The window's state, and its two phases: [`super::logic`] takes in what happened and performs
//! requests, [`super::draw`] only draws.

use super::archive::ArchiveState;
use super::clinical_panel::ClinicalState;
use super::cohort::{CohortState, Page};
use super::decision::{Decision, Discarding};
use super::deidentify_panel::DeidentifyState;
use super::history_panel::HistoryState;
use super::journal_offers::OfferState;
use super::keys_window::KeysState;
use super::messages::Toasts;
use super::operations_panel::OperationsState;
use super::overlay_panel::OverlayState;
use super::palette::Palette;
use super::picker::FilePicker;
use super::picture::Pictures;
use super::request::CommandSender;
use super::scene::Scene;
use super::series_panel::SeriesState;
use super::status_bar::Refused;
use super::structures_panel::StructuresState;
use super::teach::TeachState;
use super::tour::Tour;
use super::viewport::ViewTransform;
use super::views::{Views, ViewsState};
use super::volumes::Volumes;
use super::{fonts, theme};
use crate::geometry::Orientation;
use crate::gpu::{Gpu, SliceRenderer};
use crate::words::t;
use crate::workbench::jobs::JobMode;
use crate::workbench::{Command, LoadedCase, SeriesChoice, Severity, Shown, Workbench};
use eframe::egui;
use std::path::PathBuf;
use std::sync::Arc;

/// How a window begins.
pub struct AppOptions {
    pub mode: JobMode,
    /// Nothing is remembered without one.
    pub settings_path: Option<PathBuf>,
    pub picker: Box<dyn FilePicker>,
    /// Opened at once.
    pub paths: Vec<PathBuf>,
    /// Which of their CT series.
    pub series: SeriesChoice,
    /// Demo case made at once.
    pub demo_seed: Option<u64>,
    /// Draw with the processor even where a GPU is there.
    pub without_gpu: bool,
    /// A follow-up CT to lay over the case, once it is open.
    pub follow_up: Option<PathBuf>,
}

/// The program's window.
pub struct HilumApp {
    pub(super) workbench: Workbench,
    pub(super) scene: Scene,
    pub(super) views: Views,
    pub(super) volumes: Volumes,
    pub(super) sender: CommandSender,
    pub(super) picker: Box<dyn FilePicker>,
    pub(super) panels: Panels,
    pub(super) dialogs: Dialogs,
    pub(super) followed: Followed,
    pub(super) pictures: Pictures,
    /// A follow-up CT that waits for the case.
    pub(super) follow_up: Option<PathBuf>,
}

/// What panels keep between frames.
#[derive(Default)]
pub(super) struct Panels {
    pub structures: StructuresState,
    pub series: SeriesState,
    pub overlays: OverlayState,
    pub clinical: ClinicalState,
    pub teach: TeachState,
    pub cohort: CohortState,
    pub deidentify: DeidentifyState,
    pub archive: ArchiveState,
    pub offers: OfferState,
    pub history: HistoryState,
    pub operations: OperationsState,
    pub keys: KeysState,
}

/// What the window last saw of the workbench, to follow it when it goes on.
#[derive(Default)]
pub(super) struct Followed {
    pub shown: Option<Shown>,
    pub case_count: u64,
    /// The views of the open case, while another one is read.
    pub before_loading: Option<(u64, ViewsState)>,
}

/// Dialogs and messages.
#[derive(Default)]
pub(super) struct Dialogs {
    pub palette: Option<Palette>,
    pub shortcuts: bool,
    pub tool_help: bool,
    pub tool_rules: bool,
    pub messages: bool,
    pub import_report: bool,
    pub deidentify: bool,
    pub operations: bool,
    pub settings: bool,
    pub tour: Option<Tour>,
    pub decision: Option<Decision>,
    pub toasts: Toasts,
    /// Waits for an export; then it is carried out.
    pub after_export: Option<Discarding>,
    /// A case is opened to be exported, after the one of this count.
    pub export_when_open: Option<u64>,
    pub history: bool,
    pub refused: Refused,
    /// The user has agreed to close the window.
    pub closing: bool,
}

impl HilumApp {
    /// The window over a render state, or without one.
    pub fn new(creation: &eframe::CreationContext<'_>, options: AppOptions) -> Self {
        let context = &creation.egui_ctx;
        fonts::install(context);
        theme::apply(context);
        // Zoom belongs to the views.
        context.options_mut(|o| o.zoom_with_keyboard = false);
        let gpu = creation.wgpu_render_state.as_ref().filter(|_| !options.without_gpu).map(Gpu::new);
        let mut workbench = Workbench::new(options.mode, options.settings_path);
        let repaint = context.clone();
        workbench.set_waker(Arc::new(move || repaint.request_repaint()));
        let mut dialogs = Dialogs::default();
        // Where nothing is remembered, it would come every time.
        let first_run = workbench.remembers() && !workbench.settings().tour_seen;
        dialogs.tour = (first_run && options.paths.is_empty() && options.demo_seed.is_none()).then(Tour::begin_unasked);
        dialogs.toasts.skip_all(&workbench);
        if gpu.is_none() && !options.without_gpu {
            let words = t("No graphics adapter was found: the processor draws the slices, which takes longer");
            workbench.notices_mut().push_once(Severity::Info, words);
        }
        if !options.paths.is_empty() {
            workbench.execute(Command::OpenChosen { paths: options.paths, series: options.series });
        } else if let Some(seed) = options.demo_seed {
            workbench.execute(Command::OpenDemo { seed });
        }
        Self {
            workbench,
            scene: Scene::new(SliceRenderer::new(gpu)),
            views: Views::default(),
            volumes: Volumes::default(),
            sender: CommandSender::default(),
            picker: options.picker,
            panels: Panels::default(),
            dialogs,
            followed: Followed::default(),
            pictures: Pictures::default(),
            follow_up: options.follow_up,
        }
    }

    pub fn workbench(&self) -> &Workbench {
        &self.workbench
    }

    /// Puts a case that was read elsewhere on the bench.
    pub fn take_case(&mut self, loaded: LoadedCase) {
        self.workbench.take_case(loaded);
    }

    /// For scripts and tests: requests go through the same door as those of panels.
    pub fn sender(&self) -> &CommandSender {
        &self.sender
    }

    /// The map between patient and screen of a view as last drawn.
    pub fn view_transform(&self, orientation: Orientation) -> Option<ViewTransform> {
        self.views.transform(orientation)
    }

    /// True where the GPU draws the slices.
    pub fn uses_gpu(&self) -> bool {
        self.scene.renderer.uses_gpu()
    }

    /// Turns to a page of the Cohort workspace.
    pub fn show_cohort_page(&mut self, page: Page) {
        self.panels.cohort.show(page);
    }

    /// Messages so far are not shown as toasts, for pictures.
    pub fn skip_toasts(&mut self) {
        self.dialogs.toasts.skip_all(&self.workbench);
    }
}

impl eframe::App for HilumApp {
    fn logic(&mut self, context: &egui::Context, _frame: &mut eframe::Frame) {
        self.take_in(context);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.draw(ui);
        let context = ui.ctx().clone();
        if self.perform_requests(&context) {
            context.request_repaint();
        }
    }

    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        theme::BASE.to_normalized_gamma_f32()
    }
}
