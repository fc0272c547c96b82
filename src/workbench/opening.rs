//! Opening: from the wish to open a case to the case on the bench. Until the new case is there the old
//! one stays as it is; while the views show slices of the new one, nothing of the old one can be changed.

use super::export::ExportFormat;
use super::jobs::{JobContext, JobId, JobKey, Lane};
use super::journal::{RecoveredCase, RecoveredFrom};
use super::loading::{LoadedCase, Loading, OpenError, OpenStep, load_demo, load_series};
use super::overlays::Overlays;
use super::results::{CaseResult, JobResult};
use super::series::{SeriesChoice, SeriesList};
use super::{EditPolicy, Live, Severity, ViewState, Workbench};
use crate::dicom::{self, LoadStep};
use crate::geometry::Revision;
use crate::import::{LoadedSet, SetSource};
use crate::structures::{Roi, RoiId, Role};
use crate::tf;
use crate::words::t;
use std::path::PathBuf;
use std::sync::Arc;

/// A case that is being read by a job.
pub(super) struct Opening {
    job: JobId,
    /// The open case, as it was when it was agreed to close it; `None` where nobody was asked.
    agreed: Option<(u64, Option<Revision>)>,
    pub(super) paths: Vec<PathBuf>,
    /// The series of the folder, once they are known.
    pub(super) found: Option<SeriesList>,
}

/// A case that is ready, with its features counted.
pub(super) struct Arrived {
    loaded: LoadedCase,
    live: Live,
    recovered: Option<RecoveredFrom>,
}

/// What a job has read: a case from its files, or one from a journal.
pub(super) enum ReadCase {
    Loaded(LoadedCase),
    Recovered(RecoveredCase),
}

impl From<LoadedCase> for ReadCase {
    fn from(loaded: LoadedCase) -> Self {
        Self::Loaded(loaded)
    }
}

impl From<RecoveredCase> for ReadCase {
    fn from(recovered: RecoveredCase) -> Self {
        Self::Recovered(recovered)
    }
}

impl Workbench {
    pub(super) fn open(&mut self, paths: Vec<PathBuf>, series: SeriesChoice) {
        let paths: Vec<PathBuf> = paths.into_iter().map(|p| std::path::absolute(&p).unwrap_or(p)).collect();
        let title = if series == SeriesChoice::Best { t("Open") } else { t("Open a series of") };
        self.start_opening(title, paths.clone(), move |context| {
            load_series(&paths, &series, context, &mut |step| {
                context.send(match step {
                    OpenStep::Found(found) => JobResult::Found(found),
                    OpenStep::Ct(step) => JobResult::LoadStep(step),
                })
            })
        });
    }

    /// Files that may be structures for the open case. Should they hold a CT, it is asked before the open one closes.
    pub(super) fn open_files(&mut self, paths: Vec<PathBuf>) {
        self.open(paths, SeriesChoice::Best);
        if let Some(opening) = &mut self.opening {
            opening.agreed = None;
        }
    }

    pub(super) fn open_demo(&mut self, seed: u64) {
        self.start_opening(t("Make the demo case"), Vec::new(), move |context| Ok(load_demo(seed, context)?));
    }

    pub(super) fn start_opening<T: Into<ReadCase>>(
        &mut self,
        title: &str,
        paths: Vec<PathBuf>,
        load: impl FnOnce(&JobContext<JobResult>) -> Result<T, OpenError> + Send + 'static,
    ) {
        self.end_opening();
        self.arrived = None;
        let agreed = Some(self.identity());
        let model = self.risk_models.used().as_ref().ok().map(Arc::clone);
        let subject = paths.first().cloned();
        let has_case = self.case.is_some();
        let spawned = self.jobs.spawn_about(Lane::Io, JobKey::LoadCase, title, subject, move |context| {
            let loaded = match load(context) {
                // Structures without a CT are meant for the one that is open.
                Err(OpenError::Find(error)) if has_case && !error.sets().is_empty() => {
                    return Ok(JobResult::SetsFound(error.sets().to_vec()));
                }
                loaded => loaded.map_err(OpenError::into_job_error)?,
            };
            Ok(JobResult::Loaded(Box::new(Arrived::new(loaded.into(), model.as_deref()))))
        });
        match spawned {
            Ok(job) => self.opening = Some(Opening { job, agreed, paths, found: None }),
            Err(error) => self.notices.warning(error.to_string()),
        }
    }

    fn identity(&self) -> (u64, Option<Revision>) {
        (self.case_count, self.case.as_ref().map(super::Case::revision))
    }

    /// The case that is being read is given up; the views go back to where they were.
    pub(super) fn end_opening(&mut self) {
        self.opening = None;
        if let Some(loading) = self.loading.take() {
            (self.view.crosshair, self.view.window) = loading.before;
        }
    }

    pub(super) fn is_opening(&self, job: JobId) -> bool {
        self.opening.as_ref().is_some_and(|o| o.job == job)
    }

    /// The series of the folder that is being read.
    pub(super) fn accept_found(&mut self, job: JobId, found: SeriesList) {
        if let Some(opening) = self.opening.as_mut().filter(|o| o.job == job) {
            opening.found = Some(found);
        }
    }

    /// Lists the series of a folder.
    pub(super) fn offer(&mut self, found: SeriesList, paths: Vec<PathBuf>) {
        self.found = found;
        self.opened = paths;
        self.make_thumbnails();
    }

    /// Geometry or a slice of the scan that is being read.
    pub(super) fn accept_step(&mut self, job: JobId, step: LoadStep) {
        if !self.is_opening(job) {
            return;
        }
        match step {
            LoadStep::Grid { grid, meta } => {
                self.finish_stroke();
                self.loading_count += 1;
                let before =
                    self.loading.as_ref().map_or((self.view.crosshair, self.view.window), |earlier| earlier.before);
                self.view.crosshair = grid.center();
                self.loading = Some(Loading::new(self.loading_count, grid, meta, before));
            }
            LoadStep::Slice { k, hu } => {
                if let Some(loading) = &mut self.loading {
                    loading.add(k, &hu);
                }
            }
        }
    }

    /// A case has been read. Where the open one was changed after it was agreed to close it, that is asked again.
    pub(super) fn arrive(&mut self, job: JobId, arrived: Box<Arrived>) {
        if !self.is_opening(job) {
            return;
        }
        self.finish_stroke();
        let agreed = self.opening.take().and_then(|o| o.agreed);
        if agreed != Some(self.identity()) && self.has_unexported_changes() {
            self.end_opening();
            self.arrived = Some(arrived);
        } else {
            self.put(*arrived);
        }
    }

    /// Structures were opened without a CT: they join those that can be added to the open case. A single set is added.
    pub(super) fn accept_sets(&mut self, job: JobId, sets: Vec<SetSource>) {
        if !self.is_opening(job) {
            return;
        }
        self.end_opening();
        let known = |list: &[SetSource], set: &SetSource| list.iter().position(|s| s.paths() == set.paths());
        let mut places = Vec::new();
        for set in sets {
            places.push(known(&self.other_structure_sets, &set).unwrap_or_else(|| {
                self.other_structure_sets.push(set);
                self.other_structure_sets.len() - 1
            }));
        }
        match places[..] {
            [one] if self.other_structure_sets().any(|(n, _)| n == one) => self.add_structure_set(one),
            [_] => self.notices.info(t("These structures are part of the case already")),
            _ => self.notices.info(tf!("No CT was found there, but {places} sets of structures: add them to the open case below the list of structures", places = places.len())),
        }
    }

    /// True while a case waits that has been read, because the open one was changed meanwhile.
    pub fn has_arrived(&self) -> bool {
        self.arrived.is_some()
    }

    pub(super) fn take_arrived(&mut self) {
        if let Some(arrived) = self.arrived.take() {
            self.put(*arrived);
        }
    }

    /// Puts a case that was recovered elsewhere on the bench, as the command line does.
    pub fn take_recovered(&mut self, recovered: RecoveredCase) {
        self.put(Arrived::new(recovered.into(), self.risk_models.used_model()));
    }

    /// Puts a case that was read elsewhere on the bench, as the command line does.
    pub fn take_case(&mut self, loaded: LoadedCase) {
        self.put(Arrived::new(loaded.into(), self.risk_models.used_model()));
    }

    fn put(&mut self, arrived: Arrived) {
        let Arrived { loaded, mut live, recovered } = arrived;
        // Another model may have been chosen while the case was read.
        live.judge_again(self.risk_models.used_model());
        let LoadedCase { case, surroundings: _, other_structure_sets, warnings, uncertain_roles, opened, found } =
            loaded;
        self.finish_stroke();
        self.end_journal();
        self.toolbox.forget();
        self.copies = Default::default();
        // The work of the old case is of no use any more; a file being written is still written.
        use JobKey::{AddStructureSet, Compare, Derive, Interpolate, LoadCase, Operate, Overlay, Propose, Segment};
        for key in [LoadCase, Segment, Propose, Compare, AddStructureSet, Overlay, Operate, Derive, Interpolate] {
            self.jobs.dismiss_key(key);
        }
        self.opening = None;
        self.loading = None;
        self.arrived = None;
        self.exercise = None;
        self.projection = None;
        self.score = None;
        self.last_export = None;
        self.operated = None;
        self.saved = recovered.as_ref().and_then(|r| r.exported);
        self.geometry_acknowledged = false;
        self.policy = EditPolicy::default();
        self.case_count += 1;
        self.view = ViewState {
            workspace: self.view.workspace,
            identifiers_hidden: self.view.identifiers_hidden,
            display: self.view.display.clone(),
            ..ViewState::default()
        };
        if case.image.meta.from_nifti {
            self.view.export_format = ExportFormat::Masks;
        }
        self.view.crosshair = case.grid().center();
        let first = [Role::Gtvp, Role::Gtvn, Role::Ctv]
            .into_iter()
            .find_map(|role| case.structures().with_role(role).next().map(|r| r.id))
            .or_else(|| case.structures().rois.first().map(|r| r.id));
        self.outline_only(&case.structures().rois);
        self.live = Some(live);
        self.case = Some(case);
        self.other_structure_sets = other_structure_sets;
        self.import_report = warnings;
        self.uncertain_roles = uncertain_roles;
        self.view.selected = first;
        // Of a whole atlas of organs the first is no place to begin; the middle of the scan is.
        let is_of_interest = |id: &RoiId| {
            let case = self.case.as_ref();
            let roi = case.and_then(|c| c.structures().get(*id).filter(|_| !c.mask(*id).is_empty()));
            roi.is_some_and(|r| r.role != Role::Organ)
        };
        if let Some(roi) = first.filter(is_of_interest) {
            self.go_to(roi);
        }
        self.report_import(t("Opened"), 0);
        self.overlays = Overlays::new(found.overlays.clone());
        self.follow_up = None;
        self.recall = Arc::default();
        self.offer(found, opened.clone());
        if !opened.is_empty() {
            self.change_settings(|settings| settings.remember(opened));
        }
        self.apply_history_budget();
        self.begin_journal(recovered.as_ref());
        self.follow_derivations();
    }

    /// Body outline and the like hide what lies below when filled; they start as outlines only.
    fn outline_only(&mut self, rois: &[Roi]) {
        for roi in rois.iter().filter(|r| matches!(r.role, Role::Organ | Role::Other)) {
            self.view.set_opacity(roi.id, 0.0);
        }
    }

    /// Tells how many remarks the import report has from number `from` on.
    fn report_import(&mut self, what: &str, from: usize) {
        let new = &self.import_report[from..];
        if new.is_empty() {
            return;
        }
        let noun = if new.len() == 1 { t("remark") } else { t("remarks") };
        let doubtful = new.iter().any(|w| w.severity > dicom::Severity::Info);
        let severity = if doubtful { Severity::Warning } else { Severity::Info };
        let summary = tf!("{what} with {new} {noun}: import report", what, new = new.len(), noun);
        let lines = new.iter().map(|w| w.text.clone()).collect();
        let files = new.iter().flat_map(|w| w.files.iter().cloned()).collect();
        self.notices.push_with_files(severity, summary, lines, files);
    }

    pub(super) fn add_structure_set(&mut self, index: usize) {
        let Some(source) = self.other_structure_sets().find(|(n, _)| *n == index).map(|(_, set)| set.clone()) else {
            return;
        };
        let Some(case) = &self.case else { return };
        let set = case.sources.len();
        let (grid, meta) = (Arc::clone(case.grid()), Arc::clone(&case.image.meta));
        let subject = source.paths().first().cloned();
        let title = tf!("Add a set of structures ({words})", words = source.format().words());
        self.spawn_for_case(Lane::Io, JobKey::AddStructureSet, &title, subject, move |context| {
            let loaded = source.load(&grid, &meta, set, context)?;
            Ok(CaseResult::StructureSet(Box::new(loaded)))
        });
    }

    /// The ROIs of another structure set enter the case as one step.
    pub(super) fn accept_structure_set(&mut self, loaded: LoadedSet) {
        let Some(case) = &mut self.case else { return };
        let (edit, ids) = super::outcome::import_edit(case, &loaded);
        if let Err(error) = case.apply(edit) {
            self.report(Err(error));
            return;
        }
        let rois: Vec<Roi> = ids.iter().filter_map(|id| case.structures().get(*id)).cloned().collect();
        self.outline_only(&rois);
        self.uncertain_roles.extend(loaded.guessed().filter_map(|n| ids.get(n).copied()));
        let remarks = self.import_report.len();
        self.import_report.extend(loaded.warnings);
        let count = ids.len();
        let noun = if count == 1 { t("structure") } else { t("structures") };
        if self.import_report.len() == remarks {
            self.notices.info(tf!("Added {count} {noun}", count, noun));
        } else {
            self.report_import(&tf!("Added {count} {noun}", count, noun), remarks);
        }
    }
}

impl Arrived {
    fn new(read: ReadCase, model: Option<&crate::risk::RiskModel>) -> Self {
        let (loaded, recovered) = match read {
            ReadCase::Loaded(loaded) => (loaded, None),
            ReadCase::Recovered(case) => {
                let from = RecoveredFrom::of(&case);
                (case.loaded, Some(from))
            }
        };
        let live = Live::new(&loaded.case, loaded.surroundings.clone(), model);
        Self { loaded, live, recovered }
    }
}
