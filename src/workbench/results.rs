//! Jobs that work for the open case, and how their results enter it. A result carries the case that it
//! belongs to; one of a case that is closed is dropped.

use super::anatomy::{CheckedStations, Drawn, Known, RuleStations};
use super::archive::ArchiveResult;
use super::cohort::CohortResult;
use super::deidentify::Deidentified;
use super::difference::MeasuredSlice;
use super::export::{ExportFormat, ExportSource, Exported, export_as};
use super::followup::FollowUpResult;
use super::history::StateId;
use super::jobs::{JobContext, JobError, JobEvent, JobId, JobKey, Lane};
use super::journal::FoundJournal;
use super::live::CentralZone;
use super::noise_floor::{NoiseFloor, NoiseSurvey};
use super::opening::Arrived;
use super::operations::{Bridge, Done, derivation_of};
use super::risk_models::ReadRiskModel;
use super::series::{SeriesList, Thumbnail};
use super::{Change, Derived, Severity, Trouble, Workbench, outcome};
use crate::anatomy::{self, CtvProposal};
use crate::contour::Mask;
use crate::dicom::{LoadStep, LoadedOverlay};
use crate::diunet::{self, Segmentation};
use crate::import::{LoadedSet, SetSource};
use crate::risk::NoiseLesson;
use crate::structures::{Derivation, Operation, Provenance, Recipe, RoiId, Role};
use crate::teaching::{self, Phase, Score};
use crate::words::t;
use std::path::PathBuf;
use std::sync::Arc;

/// Result of a job.
pub(super) enum JobResult {
    /// The series of the folder that is being read.
    Found(Box<SeriesList>),
    LoadStep(LoadStep),
    Thumbnail(Thumbnail),
    /// All of them are made.
    Thumbnails,
    Loaded(Box<Arrived>),
    Deidentified(Deidentified),
    /// Structures without a CT were opened.
    SetsFound(Vec<SetSource>),
    /// Of the archive desk.
    Archive(ArchiveResult),
    /// A model judged on pure noise.
    Lesson(NoiseLesson),
    /// Of the cohort desk.
    Cohort(CohortResult),
    /// A risk model was read, to be shown or to estimate.
    RiskModel(ReadRiskModel),
    /// Journals of earlier runs, and files that should be some.
    Journals {
        found: Vec<FoundJournal>,
        damaged: Vec<(PathBuf, String)>,
    },
    /// The case of a journal is closed.
    JournalEnded,
    /// For the case that was opened as number `case_count`.
    OfCase {
        case_count: u64,
        result: CaseResult,
    },
}

/// What of a run of the network enters the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NetworkPart {
    Stations,
    Ctv,
}

/// Result of a job for the open case.
pub(super) enum CaseResult {
    /// With the GTV that the network was given.
    Segmented(Box<Segmentation>, Mask, NetworkPart),
    /// With what it was made of.
    Proposed(Box<CtvProposal>, Box<Derivation>),
    /// The structures of a revision are on disk.
    Exported {
        exported: Derived<Arc<Exported>>,
        state: StateId,
    },
    StructureSet(Box<LoadedSet>),
    Compared {
        pair: [RoiId; 2],
        score: Box<Derived<Score>>,
    },
    Airway(CentralZone),
    Noise(Derived<Option<NoiseFloor>>),
    /// An operation on whole structures.
    Operated(Box<Done>),
    /// Contours for missing slices of a structure.
    Interpolated {
        roi: RoiId,
        bridges: Vec<Bridge>,
    },
    /// What was found in the image.
    Anatomy(Box<Known>),
    /// What the rules draw from the landmarks.
    Rules(Box<Drawn>),
    RuleStations(Box<RuleStations>),
    /// Stations held against the rules.
    Checked(Box<CheckedStations>),
    /// Slices of a comparison.
    Differences(Vec<MeasuredSlice>),
    Overlay {
        key: String,
        loaded: Result<Arc<LoadedOverlay>, Trouble>,
    },
    FollowUp(FollowUpResult),
}

impl Workbench {
    /// Takes in what jobs have produced. Call once a frame.
    pub fn poll(&mut self) {
        for (id, key, event) in self.jobs.poll() {
            match event {
                JobEvent::Partial(JobResult::Found(found)) => self.accept_found(id, *found),
                JobEvent::Partial(JobResult::LoadStep(step)) => self.accept_step(id, step),
                JobEvent::Partial(JobResult::Thumbnail(thumbnail)) => self.thumbnails.push(thumbnail),
                JobEvent::Finished(JobResult::Loaded(arrived)) => self.arrive(id, arrived),
                JobEvent::Finished(JobResult::Deidentified(done)) => self.accept_deidentified(done),
                JobEvent::Finished(JobResult::Lesson(lesson)) => self.lessons.push(lesson),
                JobEvent::Finished(JobResult::RiskModel(read)) => self.accept_risk_model(read),
                JobEvent::Finished(JobResult::SetsFound(sets)) => self.accept_sets(id, sets),
                JobEvent::Finished(JobResult::Journals { found, damaged }) => self.accept_journals(found, damaged),
                JobEvent::Finished(JobResult::OfCase { case_count, result }) => {
                    if case_count == self.case_count {
                        self.accept(result);
                    } else {
                        self.accept_of_closed_case(&result);
                    }
                }
                JobEvent::Partial(JobResult::Archive(result)) | JobEvent::Finished(JobResult::Archive(result)) => {
                    self.accept_archive(result);
                }
                JobEvent::Partial(JobResult::Cohort(result)) | JobEvent::Finished(JobResult::Cohort(result)) => {
                    self.accept_cohort(result);
                }
                JobEvent::Ended(error) => self.ended(id, key, error),
                JobEvent::Partial(_) | JobEvent::Finished(_) => {}
            }
        }
        self.sync_live();
        self.keep_journal();
    }

    fn ended(&mut self, id: JobId, key: JobKey, error: JobError) {
        if self.is_opening(id) {
            let offered = self.opening.as_mut().and_then(|o| o.found.take().map(|found| (found, o.paths.clone())));
            self.end_opening();
            // Where no other case is open, the other series of the folder are offered instead.
            if let (Some((found, paths)), JobError::Failed(_), None) = (offered, &error, &self.case) {
                self.offer(SeriesList { open: None, ..found }, paths);
            }
        }
        let what = match key {
            JobKey::LoadCase => t("The case could not be opened"),
            JobKey::Segment => t("The stations could not be contoured"),
            JobKey::Export => t("Nothing was exported"),
            JobKey::Propose => t("No CTV could be proposed"),
            JobKey::Deidentify => t("Nothing was de-identified"),
            JobKey::AddStructureSet => t("The structures were not read"),
            JobKey::Compare => t("The comparison failed"),
            JobKey::Operate | JobKey::Derive => t("The operation failed; no structure was changed"),
            JobKey::Interpolate => t("Empty slices could not be filled"),
            JobKey::Landmarks => t("The landmarks could not be found"),
            JobKey::RuleOutlines | JobKey::RuleMap | JobKey::RuleStations => {
                t("The stations of the rules could not be drawn")
            }
            JobKey::BorderCheck => t("The border check failed"),
            JobKey::Difference => t("The difference could not be measured"),
            JobKey::NoiseFloor => t("The noise floor of the risk could not be found"),
            JobKey::NoiseLesson => t("The lesson could not be drawn"),
            JobKey::Airway => t("The distance from the airway could not be measured"),
            JobKey::Overlay | JobKey::FollowUpDose => t("The overlay could not be shown"),
            JobKey::FollowUp => t("The follow-up CT could not be read"),
            JobKey::Registration => t("The follow-up CT was not registered"),
            JobKey::Fit => t("The registration could not be measured"),
            JobKey::Placement => t("The place of the recurrence could not be found"),
            JobKey::RecurrenceFile => t("Nothing was written"),
            JobKey::Thumbnails => t("The small pictures of the series could not be made"),
            JobKey::ArchiveSearch | JobKey::ArchiveSeries => t("The archive could not be asked"),
            JobKey::Retrieve => t("Nothing was retrieved"),
            JobKey::Store => t("Not everything was stored in the archive"),
            JobKey::Receive => t("The receiver could not listen"),
            JobKey::Journal => t("Edits are no longer kept on the disk: export soon"),
            JobKey::Journals => t("Unfinished cases could not be looked for"),
            JobKey::CohortOpen => t("The cohort could not be opened"),
            JobKey::CohortImport => t("Nothing was imported"),
            JobKey::CohortEdit => t("The patient was not changed"),
            JobKey::CohortWrite => t("Nothing was written"),
            JobKey::CohortCompute => t("The features of the cohort could not be computed"),
            JobKey::CohortBeside => t("The cohort beside could not be read"),
            JobKey::CohortCount => t("The patients could not be counted"),
            JobKey::CohortTrain => t("No risk model was trained"),
            JobKey::ShowRiskModel => t("This risk model cannot be shown"),
            JobKey::UseRiskModel => t("The risk model was not changed: this one cannot be used"),
            JobKey::CohortSurvival => t("The survival could not be computed"),
        };
        if key == JobKey::Journal {
            self.journal_broke_off();
        }
        if key == JobKey::Overlay {
            self.overlay_ended();
        }
        match key {
            JobKey::Difference => self.difference_failed(),
            JobKey::RuleOutlines | JobKey::RuleMap => self.rules_failed(),
            JobKey::BorderCheck => self.check_failed(),
            JobKey::CohortTrain => self.training_failed(&error),
            _ => self.follow_up_failed(key),
        }
        match error {
            JobError::Cancelled => self.notices.info(t("Cancelled; nothing was changed")),
            JobError::Failed(trouble) => self.notices.trouble(what, trouble),
            panicked @ JobError::Panicked(_) => {
                self.notices.push(Severity::Error, what, vec![panicked.to_string()]);
            }
        }
    }

    fn accept(&mut self, result: CaseResult) {
        match result {
            CaseResult::Segmented(segmentation, gtv, wanted) => {
                self.finish_stroke();
                let Some(case) = &mut self.case else { return };
                let entered = match wanted {
                    NetworkPart::Stations => {
                        let (edit, summary) = outcome::segmentation_edit(case, &segmentation, &self.policy);
                        Some((edit, None, summary))
                    }
                    NetworkPart::Ctv => outcome::network_ctv_edit(case, &segmentation)
                        .map(|(edit, id, summary)| (edit, Some(id), summary)),
                };
                self.recall = Arc::clone(&segmentation.recall);
                let Some((edit, selected, summary)) = entered else {
                    self.notices.warning(t("The network draws no CTV around this GTV; propose one with a margin"));
                    return;
                };
                let result = case.apply(edit);
                if let (Ok(()), Some(id)) = (&result, selected) {
                    self.view.selected = Some(id);
                }
                let mut details = segmentation.warnings.clone();
                if let Provenance::Network { statement, .. } = &segmentation.provenance {
                    details.push(statement.clone());
                }
                if result.is_ok() {
                    self.notices.push(Severity::Info, summary, details);
                }
                self.report(result);
                // The uncertainty is that of the stations, which are not in the case if only the CTV was wanted.
                if let (Some(uncertainty), NetworkPart::Stations) = (&segmentation.uncertainty, wanted) {
                    self.overlays.set_uncertainty(Arc::clone(uncertainty), gtv);
                }
            }
            CaseResult::Proposed(proposal, derivation) => {
                self.finish_stroke();
                let Some(case) = &mut self.case else { return };
                let (mut edit, id) = outcome::proposal_edit(case, *proposal);
                for change in &mut edit.changes {
                    if let Change::Add { roi, .. } = change {
                        Arc::make_mut(roi).derivation = Some(Arc::new((*derivation).clone()));
                    }
                }
                let result = case.apply(edit);
                if result.is_ok() {
                    self.view.selected = Some(id);
                }
                self.report(result);
            }
            CaseResult::Operated(done) => self.accept_operated(*done),
            CaseResult::Anatomy(known) => self.accept_anatomy(*known),
            CaseResult::Rules(drawn) => self.accept_rules(*drawn),
            CaseResult::RuleStations(drawn) => self.accept_rule_stations(&drawn),
            CaseResult::Checked(checked) => self.accept_check(*checked),
            CaseResult::Interpolated { roi, bridges } => self.accept_bridges(roi, bridges),
            CaseResult::Differences(measured) => self.accept_differences(measured),
            CaseResult::Overlay { key, loaded } => self.accept_overlay(&key, loaded),
            CaseResult::FollowUp(result) => self.accept_follow_up(result),
            CaseResult::StructureSet(loaded) => {
                self.finish_stroke();
                self.accept_structure_set(*loaded);
            }
            CaseResult::Exported { exported, state } => {
                self.notice_export(&exported.value);
                // A scan that has no DICOM images can have no structure set: voxels are the best there is.
                let best = self.case.as_ref().is_some_and(|c| c.image.meta.from_nifti);
                if exported.value.format_keeps_contours() || best {
                    self.saved = Some(state);
                    self.journal_export(state);
                }
                self.last_export = Some(exported);
            }
            CaseResult::Compared { pair, score } => {
                if self.exercise.is_some_and(|e| [e.reference, e.attempt] == pair) {
                    self.score = Some(*score);
                }
            }
            CaseResult::Airway(zone) => {
                if let (Some(case), Some(live)) = (&self.case, &mut self.live) {
                    live.set_zone(case, zone, self.risk_models.used_model());
                }
            }
            CaseResult::Noise(noise) => {
                if let Some(live) = &mut self.live {
                    live.set_noise(noise);
                }
            }
        }
    }

    fn accept_of_closed_case(&mut self, result: &CaseResult) {
        match result {
            // The file is there, whichever case is open now.
            CaseResult::Exported { exported, .. } => self.notice_export(&exported.value),
            CaseResult::Segmented(..)
            | CaseResult::Proposed(..)
            | CaseResult::StructureSet(_)
            | CaseResult::RuleStations(_)
            | CaseResult::Operated(_) => {
                self.notices.warning(t("A result belongs to a case that is closed; it was dropped"));
            }
            CaseResult::FollowUp(FollowUpResult::Saved(path)) => self.notice_saved(path.clone()),
            CaseResult::FollowUp(_)
            | CaseResult::Compared { .. }
            | CaseResult::Airway(_)
            | CaseResult::Noise(_)
            | CaseResult::Anatomy(_)
            | CaseResult::Rules(_)
            | CaseResult::Checked(_)
            | CaseResult::Overlay { .. }
            | CaseResult::Differences(_)
            | CaseResult::Interpolated { .. } => {}
        }
    }

    fn notice_export(&mut self, proof: &Exported) {
        let files = vec![proof.path().to_owned()];
        self.notices.push_with_files(Severity::Info, proof.summary(), proof.lines(), files);
    }

    /// Starts a job for the open case.
    pub(super) fn spawn_for_case(
        &mut self,
        lane: Lane,
        key: JobKey,
        title: &str,
        subject: Option<PathBuf>,
        work: impl FnOnce(&JobContext<JobResult>) -> Result<CaseResult, JobError> + Send + 'static,
    ) {
        let case_count = self.case_count;
        let spawned = self.jobs.spawn_about(lane, key, title, subject, move |context| {
            work(context).map(|result| JobResult::OfCase { case_count, result })
        });
        if let Err(error) = spawned {
            self.notices.warning(error.to_string());
        }
    }

    pub(super) fn run_network(&mut self, wanted: NetworkPart) {
        let (Some(case), Ok(model)) = (&self.case, &self.diunet) else {
            self.notices.warning(t("The network is not available; see the messages"));
            return;
        };
        let (model, volume, gtv) = (Arc::clone(model), case.image.volume.clone(), case.gtv_mask());
        let before = Arc::clone(&self.recall);
        let title = match wanted {
            NetworkPart::Stations => t("Contour stations with DiUnet"),
            NetworkPart::Ctv => t("Propose CTV with DiUnet"),
        };
        self.spawn_for_case(Lane::Infer, JobKey::Segment, title, None, move |context| {
            let segmentation = diunet::segment_again(&model, &volume, &gtv, &before, context, &mut |_| {})
                .map_err(outcome::segment_error)?;
            Ok(CaseResult::Segmented(Box::new(segmentation), gtv, wanted))
        });
    }

    pub(super) fn propose_ctv(&mut self) {
        let Some(case) = &self.case else { return };
        let (volume, gtv) = (case.image.volume.clone(), case.gtv_mask());
        if gtv.is_empty() {
            self.notices
                .warning(t("A proposal needs a structure with role GTVp or GTVn: set the role in the structure list"));
            return;
        }
        let structures = case.structures().clone();
        let recipe = Recipe {
            operation: Operation::ProposeCtv { margin_mm: anatomy::CTV_MARGIN_MM },
            of: [Role::Gtvp, Role::Gtvn].into_iter().flat_map(|r| structures.with_role(r)).map(|roi| roi.id).collect(),
            inside: Vec::new(),
            outside: anatomy::drawn_bone_rois(&structures).map(|roi| roi.id).collect(),
        };
        self.spawn_for_case(Lane::Live, JobKey::Propose, t("Propose CTV"), None, move |_| {
            let bones = anatomy::drawn_bones(&structures, &volume.grid);
            let proposal = anatomy::propose_ctv(&volume, &gtv, &bones, anatomy::CTV_MARGIN_MM);
            let derivation = derivation_of(recipe, &structures, &proposal.slices);
            Ok(CaseResult::Proposed(Box::new(proposal), Box::new(derivation)))
        });
    }

    pub(super) fn export(&mut self, path: PathBuf, format: ExportFormat, overwrite: bool) {
        let Some(case) = &self.case else { return };
        let source = ExportSource::of(case);
        let (revision, state) = (case.revision(), case.history().state());
        let subject = Some(path.clone());
        self.spawn_for_case(Lane::Io, JobKey::Export, t("Export"), subject, move |context| {
            // Once it has begun, the file is written and proven, and then it counts.
            let proof = export_as(&source, format, &path, overwrite, context)?;
            Ok(CaseResult::Exported { exported: Derived { revision, value: Arc::new(proof) }, state })
        });
    }

    /// Brings everything derived to the revision of the case; what takes longer follows by a job.
    pub(super) fn sync_live(&mut self) {
        self.follow_coverage();
        self.follow_difference();
        self.follow_derivations();
        self.follow_preview();
        self.follow_anatomy();
        self.follow_follow_up();
        let Some(case) = &self.case else { return };
        if let Some(live) = &mut self.live {
            live.sync(case, self.risk_models.used_model());
            // One at a time: the next one starts from the newest contours when this one is done.
            if !self.jobs.is_running(JobKey::Airway)
                && let Some(survey) = live.survey_wanted(case)
            {
                let work = move |_: &JobContext<JobResult>| Ok(CaseResult::Airway(survey.zone()));
                self.spawn_for_case(Lane::Live, JobKey::Airway, t("Measure the distance from the airway"), None, work);
            }
        }
        self.compare_attempt();
    }

    /// True where the noise floor of the figure is not known for the contours as they are, and nobody is at it. Whoever shows
    /// the figure then asks for it.
    pub fn is_noise_floor_wanted(&self) -> bool {
        let (Some(case), Some(live)) = (&self.case, &self.live) else { return false };
        live.is_noise_wanted(case) && !self.jobs.is_running(JobKey::NoiseFloor)
    }

    /// One at a time: the next one starts from the newest contours when this one is done.
    pub(super) fn find_noise_floor(&mut self) {
        let (true, Some(case), Some(live)) = (self.is_noise_floor_wanted(), &self.case, &self.live) else { return };
        let Ok(model) = self.risk_models.used() else { return };
        let survey = NoiseSurvey::of(case, live, Arc::clone(model));
        let revision = case.revision();
        self.spawn_for_case(Lane::Live, JobKey::NoiseFloor, t("Find the noise floor of the risk"), None, move |_| {
            Ok(CaseResult::Noise(Derived { revision, value: survey.find() }))
        });
    }

    /// While an exercise is compared, the score follows the contours.
    fn compare_attempt(&mut self) {
        let (Some(case), Some(exercise)) = (&self.case, self.exercise) else { return };
        let revision = case.revision();
        let fresh = self.score.as_ref().is_some_and(|s| s.revision == revision);
        if exercise.phase != Phase::Comparing || fresh || self.jobs.is_running(JobKey::Compare) {
            return;
        }
        let pair = [exercise.reference, exercise.attempt];
        let [reference, attempt] = pair.map(|id| case.mask(id).clone());
        let grid = Arc::clone(case.grid());
        self.spawn_for_case(Lane::Live, JobKey::Compare, t("Compare"), None, move |_| {
            let value = teaching::score(&reference, &attempt, &grid);
            Ok(CaseResult::Compared { pair, score: Box::new(Derived { revision, value }) })
        });
    }
}
