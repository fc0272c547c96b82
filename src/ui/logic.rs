//! What must happen even while the window is hidden: finished jobs, dropped files, file dialogs,
//! shortcuts, requests of panels, and the renderer's scan and masks.

use super::app::HilumApp;
use super::decision::{Answer, Decision, Discarding};
use super::palette::Palette;
use super::picker::{CohortPick, Pick, Picked};
use super::picture::{PictureGoal, png};
use super::request::{Opening, Request, WindowRequest};
use super::shortcuts;
use super::tour::Tour;
use crate::tf;
use crate::words;
use crate::words::{t, told};
use crate::workbench::cohort::{Beside, CohortCommand};
use crate::workbench::followup::FollowUpCommand;
use crate::workbench::jobs::JobKey;
use crate::workbench::journal::JournalCommand;
use crate::workbench::tools::ToolEvent;
use crate::workbench::{
    Action, AnatomyCommand, Case, Command, ExportFormat, MeasureCommand, OverlayCommand, PreferenceCommand,
    SeriesChoice, Severity, Shown, ViewCommand, Workbench, Workspace,
};
use eframe::egui::{self, Key, Modifiers, ViewportCommand};
use std::path::{Path, PathBuf};
use std::time::Duration;

impl HilumApp {
    /// Once a frame, before drawing.
    pub(super) fn take_in(&mut self, context: &egui::Context) {
        words::speak(self.workbench.settings().language());
        let scale = self.workbench.settings().scale_percent() as f32 / 100.0;
        if context.zoom_factor() != scale {
            context.set_zoom_factor(scale);
        }
        self.take_dropped(context);
        self.take_picked(context);
        self.take_picture(context);
        self.workbench.poll();
        if self.workbench.case().is_some()
            && self.workbench.loading().is_none()
            && let Some(path) = self.follow_up.take()
        {
            let command = FollowUpCommand::Open { paths: vec![path], series: SeriesChoice::Best };
            self.workbench.execute(Command::FollowUp(command));
        }
        for message in self.scene.renderer.take_errors() {
            self.workbench.notices_mut().push_once(Severity::Warning, message);
        }
        shortcuts::hold(context, &self.workbench, &self.sender);
        let keys_wait = self.dialogs.shortcuts && self.panels.keys.is_waiting();
        if self.dialogs.decision.is_none() && self.dialogs.palette.is_none() && !keys_wait {
            self.escape(context);
            self.draft_keys(context);
            shortcuts::consume(context, &self.workbench, &self.sender);
        }
        let unexported = self.workbench.has_unexported_changes();
        if context.input(|i| i.viewport().close_requested()) && !self.dialogs.closing && unexported {
            context.send_viewport_cmd(ViewportCommand::CancelClose);
            self.dialogs.decision = Some(Decision::Discard(Discarding::Quit));
        }
        // Keys first: where the pointer is, is asked in the views as they are then. What it does is drawn in this frame.
        self.perform_requests(context);
        self.views.read(context, &self.workbench, &self.sender);
        self.perform_requests(context);
        self.follow(context);
        if let Err(error) = self.scene.sync(&self.workbench) {
            self.workbench.notices_mut().push_once(Severity::Warning, error.to_string());
        }
        if let Some(case) = self.workbench.case() {
            self.volumes.sync(case, self.workbench.case_count());
        }
        if !self.workbench.jobs().is_empty() {
            // For the time left; results wake the window by themselves.
            context.request_repaint_after(Duration::from_millis(250));
        }
    }

    /// Performs what was asked for; true if there was anything.
    pub(super) fn perform_requests(&mut self, context: &egui::Context) -> bool {
        let mut any = false;
        // A request can lead to another one, never to a loop of them.
        for _ in 0..4 {
            let requests = self.sender.take();
            if requests.is_empty() {
                break;
            }
            any = true;
            for request in requests {
                match request {
                    Request::Command(command) => self.command(command),
                    Request::Action(action) => self.action(context, action),
                    Request::Window(request) => self.window_request(context, request),
                }
            }
        }
        any
    }

    fn command(&mut self, command: Command) {
        if let Command::View(ViewCommand::SetLayout(_)) = command {
            self.views.maximized = None;
        }
        let goes_to = match &command {
            Command::GoToRoi(_) | Command::Undo | Command::Redo | Command::GoToState(_) => true,
            Command::Anatomy(command) => command.goes_to_a_place(),
            Command::Overlay(command) => matches!(command, OverlayCommand::GoToLeastSure(_)),
            _ => false,
        };
        let before = self.workbench.view.crosshair;
        self.workbench.execute(command);
        let now = self.workbench.view.crosshair;
        if goes_to && now != before {
            self.views.center_on(now);
        }
    }

    fn action(&mut self, context: &egui::Context, action: Action) {
        if self.workbench.refusal(action).is_some() {
            return;
        }
        self.dialogs.refused.tell(context, None);
        match action {
            Action::Open => self.pick(Pick::CaseFolder),
            Action::AddStructures => self.pick(Pick::Structures),
            Action::OpenFollowUp => self.pick(Pick::FollowUp),
            Action::Deidentify => self.dialogs.deidentify = !self.dialogs.deidentify,
            Action::Operations => self.dialogs.operations = !self.dialogs.operations,
            Action::OpenDemo => self.open(Opening::Demo),
            Action::Export => {
                let format = self.workbench.view.export_format;
                let suggested_name = export_name(&self.workbench, format);
                self.pick(Pick::Export { format, suggested_name, case_count: self.workbench.case_count() });
            }
            Action::Messages => self.dialogs.messages = !self.dialogs.messages,
            Action::ImportReport => self.dialogs.import_report = !self.dialogs.import_report,
            Action::History => self.dialogs.history = !self.dialogs.history,
            Action::FitViews => self.views.fit(),
            Action::Palette => {
                let open = self.dialogs.palette.is_none();
                self.dialogs.palette = open.then(Palette::default);
            }
            Action::Shortcuts => {
                self.dialogs.shortcuts = !self.dialogs.shortcuts;
                self.panels.keys.stop();
            }
            Action::Settings => self.dialogs.settings = !self.dialogs.settings,
            Action::Tour => self.dialogs.tour = Some(Tour::begin()),
            Action::ToolHelp => self.dialogs.tool_help = !self.dialogs.tool_help,
            Action::CopyPicture => self.pictures.ask(PictureGoal::Clipboard),
            Action::SavePicture => self.pictures.ask(PictureGoal::File),
            Action::ToolRules => self.dialogs.tool_rules = !self.dialogs.tool_rules,
            Action::Quit => self.quit(context),
            other => {
                let view = self.views.active();
                // A view with a window of its own keeps it: the key is for that view while it is in use.
                if let (Some(n), true) =
                    (Workbench::preset_of(other), self.workbench.view.own_windows.contains_key(&view))
                {
                    let window = self.workbench.view.display.presets.get(n).map(|p| p.window);
                    self.command(Command::View(ViewCommand::SetOwnWindow { view, window }));
                } else if let Some(command) = self.workbench.command_for(other) {
                    self.command(command);
                }
            }
        }
    }

    fn window_request(&mut self, context: &egui::Context, request: WindowRequest) {
        match request {
            WindowRequest::Open(opening) => self.open(opening),
            WindowRequest::ExportJournal(path) => {
                self.dialogs.export_when_open = Some(self.workbench.case_count());
                self.open(Opening::Journal(path));
            }
            WindowRequest::Maximize(view) => self.views.maximized = view,
            WindowRequest::ShowMessages(show) => self.dialogs.messages = show,
            WindowRequest::ShowImportReport(show) => self.dialogs.import_report = show,
            WindowRequest::ShowHistory(show) => self.dialogs.history = show,
            WindowRequest::Copy(text) => context.copy_text(text),
            WindowRequest::Refused(action) => {
                // What was asked before in this frame may have made it possible.
                let why = self.workbench.refusal(action);
                self.dialogs.refused.tell(context, why.map(|why| format!("{}: {why}", told(action.label()))));
            }
            WindowRequest::Pick(pick) => self.pick(pick),
        }
    }

    /// Delivers the picture that was asked for, once the screen is here.
    fn take_picture(&mut self, context: &egui::Context) {
        let Some((goal, image)) = self.pictures.poll(context.pixels_per_point()) else { return };
        match (goal, png(&image)) {
            (PictureGoal::Clipboard, _) => {
                context.copy_image(image);
                self.workbench.notices_mut().info(t("The picture of the view is on the clipboard"));
            }
            (PictureGoal::File, Ok(bytes)) => {
                self.pictures.keep(bytes);
                self.pick(Pick::Picture);
            }
            (PictureGoal::File, Err(error)) => {
                let words = tf!("The picture was not saved: {error}", error = format!("{error:#}"));
                self.workbench.notices_mut().warning(words);
            }
        }
    }

    fn write_picture(&mut self, path: &Path) {
        let path = if path.extension().is_none() { path.with_extension("png") } else { path.to_owned() };
        let sources = self.workbench.case().into_iter().flat_map(Case::source_paths);
        match self.pictures.write(&path, sources) {
            Ok(()) => self.workbench.notices_mut().info(t("The picture was saved")),
            Err(error) => self.workbench.notices_mut().error(t("The picture was not saved"), &error),
        }
    }

    fn pick(&mut self, pick: Pick) {
        if self.picker.is_open() {
            self.workbench.notices_mut().warning(t("A file dialog is open already; it may lie behind this window"));
        } else {
            self.picker.open(pick);
        }
    }

    fn open(&mut self, opening: Opening) {
        if let (Opening::Paths(paths), true) = (&opening, self.workbench.case().is_some())
            && paths.iter().all(|p| p.is_file())
        {
            // They may be structures for the open case, which then stays.
            self.workbench.execute(Command::OpenFiles(paths.clone()));
        } else if self.workbench.has_unexported_changes() {
            self.dialogs.decision = Some(Decision::Discard(Discarding::Open(opening)));
        } else {
            self.open_now(opening);
        }
    }

    fn open_now(&mut self, opening: Opening) {
        self.workbench.execute(match opening {
            Opening::Paths(paths) => Command::Open(paths),
            Opening::Series(key) => Command::OpenSeries(key),
            Opening::Demo => Command::OpenDemo { seed: Workbench::DEMO_SEED },
            Opening::Journal(path) => Command::Journal(JournalCommand::Recover(path)),
        });
    }

    fn quit(&mut self, context: &egui::Context) {
        if self.workbench.has_unexported_changes() {
            self.dialogs.decision = Some(Decision::Discard(Discarding::Quit));
        } else {
            self.dialogs.closing = true;
            context.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    /// Carries out what the user has decided.
    pub(super) fn decided(&mut self, context: &egui::Context, answer: Answer) {
        let Some(decision) = self.dialogs.decision.take() else { return };
        match (answer, decision) {
            (Answer::Cancel, Decision::Discard(Discarding::Arrived)) => self.command(Command::DropArrived),
            (Answer::Cancel, _) => {}
            (Answer::Export, Decision::Discard(what)) => {
                self.dialogs.after_export = Some(what);
                self.sender.send(Action::Export);
            }
            (Answer::GoOn, Decision::Discard(what)) => self.discard(context, what),
            (Answer::GoOn, Decision::Replace { path, format, case_count }) => {
                self.export(path, format, case_count, true);
            }
            (Answer::Export, Decision::Replace { .. }) => {}
        }
    }

    fn discard(&mut self, context: &egui::Context, what: Discarding) {
        match what {
            Discarding::Open(opening) => self.open_now(opening),
            Discarding::Arrived => self.command(Command::TakeArrived),
            Discarding::Quit => {
                self.dialogs.closing = true;
                context.send_viewport_cmd(ViewportCommand::Close);
            }
        }
    }

    fn take_dropped(&mut self, context: &egui::Context) {
        let dropped: Vec<PathBuf> =
            context.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_path_buf()).collect());
        // In the Cohort workspace a cohort or a table is none of a case.
        let is_cohort = self.workbench.view.workspace == Workspace::Cohort;
        if let ([path], true) = (&dropped[..], is_cohort)
            && self.panels.cohort.take_dropped(path, &self.sender)
        {
            return;
        }
        if !dropped.is_empty() {
            self.sender.send(WindowRequest::Open(Opening::Paths(dropped)));
        }
    }

    fn take_picked(&mut self, context: &egui::Context) {
        while let Some(Picked { pick, path, failed }) = self.picker.poll() {
            if failed {
                let remedy = match pick {
                    Pick::Structures => t("drop the file on the window"),
                    Pick::CaseFolder => t("drop the folder on the window, or start with `hilum open FOLDER`"),
                    Pick::DeidentifySource | Pick::DeidentifyOutput | Pick::SecretFile => {
                        t("use the command line: `hilum deidentify`")
                    }
                    Pick::ImportKeys | Pick::ExportKeys => t("use the command line: `hilum keys`"),
                    Pick::FollowUp | Pick::Registration | Pick::RecurrenceFile => {
                        t("use the command line: `hilum recurrence`")
                    }
                    Pick::Network => t("use the command line: `hilum segment --model FOLDER`"),
                    Pick::RiskModel => t("use the command line: `hilum settings --risk-model FOLDER`"),
                    Pick::Cohort(_) => t("use the command line: `hilum cohort`"),
                    Pick::Picture => t("copy the picture, or draw one with `hilum screenshot`"),
                    Pick::Export { .. } => {
                        t("export on the command line with `hilum export`, `hilum seg` or `hilum nifti`")
                    }
                };
                self.workbench.notices_mut().push(
                    Severity::Warning,
                    t("The desktop could not show a file dialog"),
                    vec![tf!("Install zenity or xdg-desktop-portal and try again; meanwhile {remedy}", remedy)],
                );
            }
            let Some(path) = path else { continue };
            match pick {
                Pick::DeidentifySource => self.panels.deidentify.sources = vec![path],
                Pick::DeidentifyOutput => self.panels.deidentify.output = Some(path),
                Pick::FollowUp => {
                    let (paths, series) = (vec![path], SeriesChoice::Best);
                    self.sender.send(Command::FollowUp(FollowUpCommand::Open { paths, series }));
                }
                Pick::Registration => {
                    self.sender.send(Command::FollowUp(FollowUpCommand::ReadRegistration(path)));
                }
                Pick::RecurrenceFile => {
                    // The dialog has asked about the name that it knew.
                    let overwrite = path.extension().is_some();
                    let path = if overwrite { path } else { path.with_extension("json") };
                    self.sender.send(Command::FollowUp(FollowUpCommand::Save { path, overwrite }));
                }
                Pick::Network => self.sender.send(Command::Preference(PreferenceCommand::SetNetwork(path))),
                Pick::RiskModel => self.sender.send(Command::ShowRiskModel(path)),
                Pick::SecretFile => self.panels.deidentify.secret_file = Some(path),
                Pick::Picture => self.write_picture(&path),
                Pick::Cohort(what) => self.picked_for_cohort(what, path),
                Pick::ImportKeys => self.sender.send(Command::Preference(PreferenceCommand::ImportKeys(path))),
                Pick::ExportKeys => {
                    // The dialog has asked about the name that it knew.
                    let overwrite = path.extension().is_some();
                    let path = if overwrite { path } else { path.with_extension("toml") };
                    self.sender.send(Command::Preference(PreferenceCommand::ExportKeys { path, overwrite }));
                }
                Pick::CaseFolder | Pick::Structures => {
                    self.sender.send(WindowRequest::Open(Opening::Paths(vec![path])));
                }
                Pick::Export { format, case_count, .. } => {
                    let path = with_ending(path, format);
                    let is_empty = std::fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_none());
                    if path.exists() && !is_empty {
                        self.dialogs.decision = Some(Decision::Replace { path, format, case_count });
                    } else {
                        self.export(path, format, case_count, false);
                    }
                }
            }
        }
        if self.picker.is_open() {
            context.request_repaint_after(Duration::from_millis(50));
        }
    }

    fn picked_for_cohort(&mut self, what: CohortPick, path: PathBuf) {
        // The dialog has asked about the name that it knew.
        let overwrite = path.extension().is_some();
        let ended = |path: PathBuf, ending: &str| if overwrite { path } else { path.with_extension(ending) };
        let command = match what {
            CohortPick::Table => return self.panels.cohort.take_table(path),
            CohortPick::Cases => return self.panels.cohort.take_cases(path),
            CohortPick::Open => CohortCommand::Open(path),
            CohortPick::New(name) => CohortCommand::New { path: ended(path, "hilum-cohort"), name },
            CohortPick::Template => CohortCommand::Template { path: ended(path, "csv"), overwrite },
            CohortPick::Export(what) => CohortCommand::Export { path: ended(path, what.ending()), what, overwrite },
            CohortPick::Beside => CohortCommand::SetBeside(Beside::Cohort(path)),
        };
        self.sender.send(Command::Cohort(command));
    }

    /// Exports the case for which the file was chosen.
    fn export(&mut self, path: PathBuf, format: ExportFormat, case_count: u64, overwrite: bool) {
        if case_count == self.workbench.case_count() {
            self.workbench.execute(Command::Export { path, format, overwrite });
        } else {
            self.workbench.notices_mut().warning(t("Another case was opened meanwhile; nothing was exported"));
        }
    }

    /// Follows what the workbench shows: cameras, half-typed text and open questions belong to one case.
    fn follow(&mut self, context: &egui::Context) {
        let (shown, case_count) = (self.workbench.shown(), self.workbench.case_count());
        let before = std::mem::replace(&mut self.followed.shown, shown);
        if before != shown {
            match (before, shown) {
                (Some(Shown::Case(case)), Some(Shown::Loading(_))) => {
                    self.followed.before_loading = Some((case, self.views.state()));
                    self.views.fit();
                    self.views.maximized = None;
                }
                (Some(Shown::Loading(_)), Some(Shown::Case(case))) => {
                    if let Some((_, state)) = self.followed.before_loading.take().filter(|(of, _)| *of == case) {
                        self.views.restore(state);
                    }
                }
                _ => {
                    self.views.fit();
                    self.views.maximized = None;
                }
            }
        }
        if std::mem::replace(&mut self.followed.case_count, case_count) != case_count {
            egui::Popup::close_all(context);
            self.panels.structures = Default::default();
            self.panels.clinical = Default::default();
            self.panels.overlays = Default::default();
            self.panels.teach = Default::default();
            self.panels.operations = Default::default();
            self.dialogs.after_export = None;
            self.dialogs.import_report = false;
            let is_of_old_case = |d: &mut Decision| match d {
                Decision::Discard(Discarding::Open(opening)) => matches!(opening, Opening::Series(_)),
                _ => true,
            };
            self.dialogs.decision.take_if(is_of_old_case);
        }
        if self.workbench.has_arrived() && self.dialogs.decision.is_none() && self.dialogs.after_export.is_none() {
            self.dialogs.decision = Some(Decision::Discard(Discarding::Arrived));
        }
        self.follow_export(context);
        self.export_when_open();
    }

    /// A case was opened to be exported: once it is there, it is asked where to.
    fn export_when_open(&mut self) {
        let Some(before) = self.dialogs.export_when_open else { return };
        let is_there = self.workbench.case_count() > before;
        let comes = self.workbench.is_running(JobKey::LoadCase) || self.dialogs.decision.is_some();
        if is_there {
            self.sender.send(Action::Export);
        }
        if is_there || !comes {
            self.dialogs.export_when_open = None;
        }
    }

    /// What waits for an export goes on once the contours are exported; where nothing is exported, it is asked again.
    fn follow_export(&mut self, context: &egui::Context) {
        let exporting = self.picker.is_open() || self.workbench.is_running(JobKey::Export);
        if exporting || self.dialogs.decision.is_some() || !self.sender.is_empty() {
            return;
        }
        match self.dialogs.after_export.take() {
            Some(what) if self.workbench.has_unexported_changes() => {
                self.dialogs.decision = Some(Decision::Discard(what));
            }
            Some(what) => self.discard(context, what),
            None => {}
        }
    }

    /// Enter closes an outline; Backspace and Delete take its last point back, or remove the vertex under the pointer.
    fn draft_keys(&mut self, context: &egui::Context) {
        let tools = self.workbench.toolbox();
        if !tools.takes_step_back() || context.text_edit_focused() {
            return;
        }
        let pressed = |key| context.input_mut(|i| i.modifiers.is_none() && i.consume_key(Modifiers::NONE, key));
        if tools.is_draft() && pressed(Key::Enter) {
            self.sender.send(Command::Tool(ToolEvent::Finish));
        }
        if pressed(Key::Backspace) || pressed(Key::Delete) {
            self.sender.send(Command::Tool(ToolEvent::StepBack));
        }
    }

    /// Esc takes back a stroke, else shows all views again.
    fn escape(&mut self, context: &egui::Context) {
        let drawing = self.workbench.toolbox().is_active() || self.workbench.toolbox().is_draft();
        let measuring = self.workbench.view.measuring.is_some();
        let held = self.workbench.anatomy().held().is_some();
        if let Some(id) = self.workbench.measures().chosen.filter(|_| measuring && !context.text_edit_focused())
            && context.input_mut(|i| {
                i.modifiers.is_none()
                    && (i.consume_key(Modifiers::NONE, Key::Delete) || i.consume_key(Modifiers::NONE, Key::Backspace))
            })
        {
            self.sender.send(Command::View(ViewCommand::Measure(MeasureCommand::Delete(id))));
        }
        if !held && !drawing && !measuring && self.views.maximized.is_none() {
            return;
        }
        if context.text_edit_focused() || !context.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)) {
            return;
        }
        if held {
            self.sender.send(Command::Anatomy(AnatomyCommand::Cancel));
        } else if drawing {
            self.sender.send(Command::Tool(ToolEvent::Cancel));
        } else if measuring {
            self.sender.send(Command::View(ViewCommand::Measure(MeasureCommand::Cancel)));
        } else {
            self.sender.send(WindowRequest::Maximize(None));
        }
    }
}

/// A name for a new file without anything that identifies the patient.
fn export_name(workbench: &Workbench, format: ExportFormat) -> String {
    let series = workbench.case().map(|c| c.image.meta.series_instance_uid.clone()).unwrap_or_default();
    let tail: String = series.rsplit('.').next().unwrap_or_default().chars().rev().take(8).collect();
    let tail: String = tail.chars().rev().filter(char::is_ascii_alphanumeric).collect();
    let kind = match format {
        ExportFormat::StructureSet => "RS",
        ExportFormat::Segmentation => "SEG",
        ExportFormat::Masks => "masks",
        ExportFormat::Labels => "labels",
    };
    let parts = [kind, "hilum", &tail, format.ending().unwrap_or_default()];
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(".")
}

fn with_ending(path: PathBuf, format: ExportFormat) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let is_nifti = [".nii", ".nii.gz"].iter().any(|end| name.ends_with(end));
    match format.ending() {
        Some(ending) if format == ExportFormat::Labels && !is_nifti => path.with_added_extension(ending),
        Some(ending) if path.extension().is_none() => path.with_extension(ending),
        _ => path,
    }
}
