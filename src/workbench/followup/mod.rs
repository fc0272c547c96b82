//! A follow-up CT with a recurrence, laid over the open case by a rigid motion: read, registered, corrected by hand, and the
//! place of the recurrence on the plan, which a physicist confirms. It lies beside the case and changes nothing of it; only
//! *Add to the structures* does, as one step of undo.

mod motion;
mod place;
mod report;
mod state;

pub use motion::{Correction, Motion, MotionError, MotionSource, read_motion};
pub use place::{Placement, PlanSide, Treated, middle, place, station_masks};
pub use report::{Confirmed, Facts, RecurrenceReport, STATEMENT, StationsBy, fit_problem};
pub use state::FollowUp;

use super::cohort::CohortCommand;
use super::jobs::{JobContext, JobError, JobKey, Lane};
use super::loading::{LoadedCase, OpenStep, load_series};
use super::results::{CaseResult, JobResult};
use super::series::SeriesChoice;
use super::view::clamped;
use super::{Case, Edit, Overlay, RULE_STATIONS, Severity, Trouble, Workbench};
use crate::cohort::Column;
use crate::dicom::{ImportWarning, OverlayKind, OverlaySource};
use crate::files::{check_target, put_in_place};
use crate::geometry::{PatientPoint, Rigid};
use crate::image::{CtVolume, OverlayVolume, Quantity};
use crate::progress::Progress as _;
use crate::recurrence::{Localisation, Moved, PatternLimits};
use crate::registration::{Fit, Guide, Registration, RegistrationError, judge, register};
use crate::structures::{Provenance, Roi, RoiId, Role};
use crate::words::{keep, t};
use state::Basis;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The outline of the recurrence on the planning CT; it is no part of the case.
pub const RECURRENCE: RoiId = RoiId(u32::MAX - 200);
/// sRGB; set off from the usual colours of targets and stations.
pub const RECURRENCE_COLOR: [u8; 3] = [255, 96, 64];
/// Corrections beyond these are typing errors, mm and degrees.
pub const MOST_SHIFT_MM: f64 = 500.0;
pub const MOST_TURN_DEGREES: f64 = 180.0;

/// A request about the follow-up CT.
#[derive(Debug, Clone, PartialEq)]
pub enum FollowUpCommand {
    /// Reads the CT of a folder or file with its structures, and registers it by the bones.
    Open {
        paths: Vec<PathBuf>,
        series: SeriesChoice,
    },
    Close,
    /// Which of its structures is the recurrence.
    Choose(RoiId),
    Register(Guide),
    /// No motion: both scans lie in one frame already.
    AsTheyStand,
    /// The registration of another program.
    ReadRegistration(PathBuf),
    /// In the place of the former correction.
    Correct(Correction),
    SetLimits(PatternLimits),
    /// The isodose that counts as treated, percent.
    SetIsodose(f64),
    Confirm(Confirmed),
    TakeBack,
    /// Adds the confirmed station to those in which this patient of the open cohort recurred.
    EnterInCohort,
    /// Centres the views on the recurrence.
    GoTo,
    /// The recurrence as a structure of the case.
    AddToStructures,
    /// The figures as JSON, as `hilum recurrence --json` prints them.
    Save {
        path: PathBuf,
        overwrite: bool,
    },
}

/// Result of a job for the follow-up.
pub(super) enum FollowUpResult {
    Read { loaded: Box<LoadedCase>, paths: Vec<PathBuf>, volume: Box<OverlayVolume> },
    Registered(Guide, Result<Box<Registration>, Trouble>),
    Motion(Rigid),
    Fit(Rigid, Option<Fit>),
    Placed(Box<PlacedAt>),
    Saved(PathBuf),
}

pub(super) struct PlacedAt {
    basis: Basis,
    placement: Placement,
}

/// The step that makes the moved recurrence a structure of the planning case.
pub fn recurrence_edit(case: &mut Case, name: &str, moved: &Moved, motion: &Motion, middle: PatientPoint) -> Edit {
    let (shift, turn) = motion.planning_from_followup(middle).size();
    let recipe = format!(
        "\"{name}\" of the follow-up, moved by a rigid registration ({}; {turn:.1} degrees, {shift:.0} mm)",
        motion.source.label()
    );
    let provenance = Provenance::Computed { recipe };
    let mut roi = Roi::new(case.new_id(), case.free_name(name), RECURRENCE_COLOR, Role::Other, provenance);
    roi.slices.clone_from(&moved.slices);
    case.add_edit(keep("Add the recurrence"), roi)
}

/// Who drew the stations of a case, by their provenance.
fn stations_by(case: &Case) -> StationsBy {
    let mut stations = case.structures().rois.iter().filter(|r| r.role.is_station() && !r.slices.is_empty()).peekable();
    let by = |roi: &Roi| match &roi.provenance {
        Provenance::Network { .. } => StationsBy::Network,
        Provenance::Proposed { recipe } if recipe.starts_with(RULE_STATIONS) => StationsBy::Rules,
        _ => StationsBy::Set,
    };
    let Some(first) = stations.peek().map(|roi| by(roi)) else { return StationsBy::Set };
    if stations.all(|roi| by(roi) == first) { first } else { StationsBy::Set }
}

/// CT numbers as an overlay.
fn overlay_of(volume: &CtVolume) -> OverlayVolume {
    OverlayVolume::new(Arc::clone(&volume.grid), volume.hu.mapv(f32::from), Quantity::CtNumber, "HU", Rigid::IDENTITY)
}

impl Workbench {
    /// The follow-up CT beside the open case.
    pub fn follow_up(&self) -> Option<&FollowUp> {
        self.follow_up.as_ref().filter(|_| self.loading.is_none())
    }

    /// The recurrence on the planning CT, to be outlined.
    pub fn recurrence_outline(&self) -> Option<&Roi> {
        self.follow_up()?.outline.as_ref()
    }

    /// True if the placement is that of contours, motion and limits as they are now.
    pub fn is_placement_fresh(&self) -> bool {
        let placed = self.follow_up.as_ref().and_then(|f| f.placed.as_ref());
        placed.is_some_and(|(basis, _)| Some(basis) == self.placement_basis().as_ref())
    }

    /// The dose by which the pattern is told: the chosen one, else the first in Gy with a reference.
    pub fn treated(&self) -> Option<Treated> {
        let isodose_percent = self.follow_up.as_ref()?.isodose_percent;
        let of = |overlay: &Overlay| {
            let loaded = overlay.loaded.as_ref().filter(|l| l.volume.quantity == Quantity::Dose)?;
            let reference = overlay.reference()?;
            let (reference_gy, reference_origin) = (reference.gy, reference.origin.clone());
            Some(Treated { loaded: Arc::clone(loaded), reference_gy, reference_origin, isodose_percent })
        };
        self.chosen_overlay().and_then(of).or_else(|| self.overlays().iter().find_map(of))
    }

    fn placement_basis(&self) -> Option<Basis> {
        let (case, follow_up) = (self.case.as_ref()?, self.follow_up.as_ref()?);
        let dose = self.treated().map(|t| (Arc::as_ptr(&t.loaded) as usize, t.reference_gy));
        Some(Basis {
            structure: follow_up.structure?.0,
            planning_from_followup: follow_up.planning_from_followup(),
            revision: case.revision(),
            limits: follow_up.limits,
            isodose_percent: follow_up.isodose_percent,
            dose,
        })
    }

    /// Why a command cannot be followed.
    pub(super) fn follow_up_refusal(&self, command: &FollowUpCommand) -> Option<&'static str> {
        let follow_up = match command {
            FollowUpCommand::Open { .. } => return None,
            _ => self.follow_up.as_ref(),
        };
        let Some(follow_up) = follow_up else { return Some(t("Open a follow-up CT first")) };
        match command {
            FollowUpCommand::Confirm(_) | FollowUpCommand::GoTo | FollowUpCommand::AddToStructures
                if follow_up.placement().and_then(|p| p.found.as_ref()).is_none() =>
            {
                Some(t("Choose the recurrence first; it must lie on the planning CT"))
            }
            FollowUpCommand::EnterInCohort if self.patient_of_case().is_none() => {
                Some(t("The open case is that of no patient of the open cohort"))
            }
            FollowUpCommand::EnterInCohort if !matches!(follow_up.confirmed(), Some((Confirmed(Some(_)), true))) => {
                Some(t("Confirm a station first"))
            }
            FollowUpCommand::Save { .. } if !self.is_placement_fresh() || follow_up.fit().is_none() => {
                Some(t("The figures are not ready yet"))
            }
            _ => None,
        }
    }

    pub(super) fn follow_up_command(&mut self, command: FollowUpCommand) {
        match command {
            FollowUpCommand::Open { paths, series } => return self.read_follow_up(paths, series),
            FollowUpCommand::Close => return self.close_follow_up(),
            FollowUpCommand::Register(guide) => return self.register_follow_up(guide),
            FollowUpCommand::ReadRegistration(path) => return self.read_registration(path),
            FollowUpCommand::GoTo => return self.go_to_recurrence(),
            FollowUpCommand::AddToStructures => return self.add_recurrence(),
            FollowUpCommand::EnterInCohort => return self.enter_in_cohort(),
            FollowUpCommand::Save { path, overwrite } => return self.save_recurrence(path, overwrite),
            _ => {}
        }
        let Some(follow_up) = &mut self.follow_up else { return };
        match command {
            FollowUpCommand::Choose(id) => match follow_up.with_middle(id) {
                // The scans stay as they lie: the correction turned about the other structure.
                Some(structure) => {
                    let motion = follow_up.planning_from_followup();
                    if !follow_up.motion.correction.is_none() && follow_up.structure.is_some_and(|s| s.0 != id) {
                        follow_up.motion.uncorrected = motion;
                        follow_up.motion.correction = Correction::default();
                    }
                    follow_up.structure = Some(structure);
                }
                None => self.notices.warning(t("This structure has no contours on the follow-up CT")),
            },
            FollowUpCommand::AsTheyStand => {
                follow_up.set_motion(Rigid::IDENTITY, MotionSource::AsTheyStand);
            }
            FollowUpCommand::Correct(correction) => {
                let is_sane = correction.shift_mm.abs().max_element() <= MOST_SHIFT_MM
                    && correction.turn_degrees.abs().max_element() <= MOST_TURN_DEGREES;
                if is_sane {
                    follow_up.motion.correction = correction;
                }
            }
            FollowUpCommand::SetLimits(limits) if limits.in_field >= limits.out_of_field => follow_up.limits = limits,
            FollowUpCommand::SetIsodose(percent) if percent > 0.0 && percent <= 200.0 => {
                follow_up.isodose_percent = percent;
            }
            FollowUpCommand::Confirm(what) => {
                let Some((id, _)) = follow_up.structure else { return };
                follow_up.confirmed = Some((what, id, follow_up.planning_from_followup()));
            }
            FollowUpCommand::TakeBack => follow_up.confirmed = None,
            _ => {}
        }
        self.lay_follow_up();
    }

    /// Puts the overlay where the motion is.
    fn lay_follow_up(&mut self) {
        if let Some(follow_up) = &self.follow_up {
            let motion = follow_up.planning_from_followup();
            self.overlays.move_to(FollowUp::OVERLAY, motion);
        }
    }

    fn read_follow_up(&mut self, paths: Vec<PathBuf>, series: SeriesChoice) {
        let about = paths.first().cloned();
        let work = move |context: &JobContext<JobResult>| {
            let mut drop_step = |_: OpenStep| context.checkpoint();
            let loaded =
                load_series(&paths, &series, context, &mut drop_step).map_err(super::OpenError::into_job_error)?;
            context.checkpoint()?;
            let volume = Box::new(overlay_of(&loaded.case.image.volume));
            Ok(CaseResult::FollowUp(FollowUpResult::Read { loaded: Box::new(loaded), paths, volume }))
        };
        self.spawn_for_case(Lane::FollowUp, JobKey::FollowUp, t("Read the follow-up CT"), about, work);
    }

    fn close_follow_up(&mut self) {
        self.jobs.dismiss_key(JobKey::FollowUp);
        self.jobs.dismiss_key(JobKey::Registration);
        self.follow_up = None;
        self.overlays.remove(FollowUp::OVERLAY);
    }

    fn register_follow_up(&mut self, guide: Guide) {
        let (Some(case), Some(follow_up)) = (&self.case, &mut self.follow_up) else { return };
        follow_up.refused = None;
        let (plan, later) = (case.image.volume.clone(), Arc::clone(&follow_up.later));
        let title = t("Register the follow-up CT");
        self.spawn_for_case(Lane::FollowUp, JobKey::Registration, title, None, move |context| {
            let registered = match register(&plan, &later.image.volume, guide, context) {
                Ok(registration) => Ok(Box::new(registration)),
                Err(RegistrationError::Cancelled(_)) => return Err(JobError::Cancelled),
                Err(error) => Err(Trouble::of(&error)),
            };
            Ok(CaseResult::FollowUp(FollowUpResult::Registered(guide, registered)))
        });
    }

    fn read_registration(&mut self, path: PathBuf) {
        let (Some(case), Some(follow_up)) = (&self.case, &self.follow_up) else { return };
        let (plan, later) = (Arc::clone(&case.image.meta), Arc::clone(&follow_up.later.image.meta));
        let about = Some(path.clone());
        let title = t("Read the registration");
        self.spawn_for_case(Lane::FollowUp, JobKey::Registration, title, about, move |context| {
            match read_motion(&path, &plan, &later, context) {
                Ok(motion) => Ok(CaseResult::FollowUp(FollowUpResult::Motion(motion))),
                Err(error) if error.is_cancelled() => Err(JobError::Cancelled),
                Err(error) => Err(JobError::Failed(Trouble::of(&error))),
            }
        });
    }

    fn go_to_recurrence(&mut self) {
        let found = self.follow_up.as_ref().and_then(FollowUp::placement).and_then(|p| p.found.as_ref());
        if let (Some(center), Some(grid)) = (found.map(|f| f.center), self.grid()) {
            self.view.crosshair = clamped(&grid, center);
        }
    }

    fn add_recurrence(&mut self) {
        self.finish_stroke();
        let (Some(case), Some(follow_up)) = (&mut self.case, &self.follow_up) else { return };
        let (Some(placement), Some((_, at))) = (follow_up.placement(), follow_up.structure) else { return };
        let name = follow_up.recurrence().map(|roi| roi.name.clone()).unwrap_or_default();
        let edit = recurrence_edit(case, &name, &placement.moved, &follow_up.motion, at);
        let result = case.apply(edit);
        if result.is_ok() {
            self.view.selected = self.case.as_ref().and_then(|c| c.structures().rois.last()).map(|roi| roi.id);
            self.notices.info(t("The recurrence is one of the structures now; undo takes it out again"));
        }
        self.report(result);
    }

    fn enter_in_cohort(&mut self) {
        let confirmed = self.follow_up.as_ref().and_then(FollowUp::confirmed);
        let (Some((Confirmed(Some(station)), true)), Some(patient)) = (confirmed, self.patient_of_case()) else {
            return;
        };
        let id = patient.id.clone();
        let mut stations = patient.outcome.recurrence_stations.clone();
        stations.insert(station);
        let list = stations.iter().map(|s| s.label()).collect::<Vec<_>>().join("; ");
        let cells = BTreeMap::from([(Column::RecurrenceStations.name().to_owned(), list)]);
        self.cohort_command(CohortCommand::Edit { patient: id, cells });
    }

    /// All that is told of the recurrence, of the state that was placed.
    pub fn recurrence_report(&self) -> Option<RecurrenceReport> {
        let (case, follow_up) = (self.case.as_ref()?, self.follow_up.as_ref()?);
        let placement = follow_up.placement().filter(|_| self.is_placement_fresh())?;
        let found: &Localisation = placement.found.as_ref()?;
        let mut notes = remarks("planning: ", self.import_report());
        notes.extend(remarks("follow-up: ", &follow_up.warnings));
        if names_another(case, &follow_up.later) {
            notes.push("the two CTs name different patients: check that they are of one".into());
        }
        Some(RecurrenceReport::new(Facts {
            structure: &follow_up.recurrence()?.name,
            placement,
            found,
            motion: &follow_up.motion,
            middle: follow_up.structure?.1,
            followup: follow_up.later.grid(),
            fit: follow_up.fit()?,
            confirmed: follow_up.confirmed().filter(|(_, holds)| *holds).map(|(what, _)| what),
            notes,
        }))
    }

    fn save_recurrence(&mut self, path: PathBuf, overwrite: bool) {
        let (Some(report), Some(follow_up)) = (self.recurrence_report(), &self.follow_up) else { return };
        let mut bytes = match serde_json::to_vec_pretty(&report) {
            Ok(bytes) => bytes,
            Err(error) => return self.notices.error(t("Nothing was written"), &error),
        };
        bytes.push(b'\n');
        let sources: Vec<PathBuf> = self.opened.iter().chain(&follow_up.paths).cloned().collect();
        let about = Some(path.clone());
        self.spawn_for_case(Lane::Io, JobKey::RecurrenceFile, t("Save the figures"), about, move |_| {
            check_target(&path, overwrite, sources.iter().map(PathBuf::as_path))?;
            put_in_place(&path, &bytes, overwrite, |file: &Path| match std::fs::read(file) {
                Ok(read) if read == bytes => Ok(()),
                Ok(_) => Err(t("it reads back differently").to_owned()),
                Err(error) => Err(error.to_string()),
            })?;
            Ok(CaseResult::FollowUp(FollowUpResult::Saved(path)))
        });
    }

    pub(super) fn accept_follow_up(&mut self, result: FollowUpResult) {
        match result {
            FollowUpResult::Read { loaded, paths, volume } => {
                let follow_up = FollowUp::new(*loaded, paths);
                let meta = &follow_up.later.image.meta;
                let description = meta.series_description.as_str();
                let mut source = OverlaySource::computed(FollowUp::OVERLAY, OverlayKind::FollowUp, description, "");
                source.date.clone_from(&meta.study_date);
                self.overlays.put(source, *volume);
                let differs = self.case.as_ref().is_some_and(|case| names_another(case, &follow_up.later));
                self.follow_up = Some(follow_up);
                if differs {
                    self.notices.warning(t("The two CTs name different patients: check that they are of one"));
                }
                self.show_follow_up();
                self.want_dose();
                self.register_follow_up(Guide::Bone);
            }
            FollowUpResult::Registered(guide, registered) => {
                let Some(follow_up) = &mut self.follow_up else { return };
                match registered {
                    Ok(registration) => {
                        follow_up.set_motion(registration.fixed_from_moving, MotionSource::Found(guide));
                        follow_up.fit = Some((registration.fixed_from_moving, Some(registration.fit)));
                    }
                    Err(trouble) => {
                        follow_up.refused = Some(trouble.clone());
                        self.notices.trouble(t("The follow-up CT was not registered"), trouble);
                    }
                }
            }
            FollowUpResult::Motion(motion) => {
                let Some(follow_up) = &mut self.follow_up else { return };
                follow_up.set_motion(motion, MotionSource::File);
            }
            FollowUpResult::Fit(of, fit) => {
                let Some(follow_up) = &mut self.follow_up else { return };
                follow_up.fit = Some((of, fit));
            }
            FollowUpResult::Placed(placed) => self.accept_placement(*placed),
            FollowUpResult::Saved(path) => self.notice_saved(path),
        }
        self.lay_follow_up();
    }

    pub(super) fn notice_saved(&mut self, path: PathBuf) {
        self.notices.push_with_files(Severity::Info, t("The figures were saved"), Vec::new(), vec![path]);
    }

    fn accept_placement(&mut self, placed: PlacedAt) {
        let Some(follow_up) = &mut self.follow_up else { return };
        let PlacedAt { basis, placement } = placed;
        let Some(name) = follow_up.later.structures().get(basis.structure).map(|roi| roi.name.clone()) else { return };
        let provenance = Provenance::Computed { recipe: String::new() };
        let mut outline = Roi::new(RECURRENCE, name, RECURRENCE_COLOR, Role::Other, provenance);
        outline.slices.clone_from(&placement.moved.slices);
        follow_up.outline = Some(outline);
        let is_first = !follow_up.visited && placement.found.is_some();
        follow_up.visited |= is_first;
        follow_up.placed = Some((basis, Arc::new(placement)));
        if is_first {
            self.go_to_recurrence();
        }
    }

    /// Lays it over the CT.
    fn show_follow_up(&mut self) {
        self.overlay(super::OverlayCommand::Show(FollowUp::OVERLAY.to_owned()));
    }

    /// The pattern by an isodose needs the dose, where the folder has one that nobody has shown yet.
    fn want_dose(&mut self) {
        let has_one = self.overlays().iter().any(|o| o.source.kind == OverlayKind::Dose && o.loaded.is_some());
        let usable =
            |o: &&Overlay| o.source.kind == OverlayKind::Dose && o.source.placement.is_ok() && o.failed.is_none();
        let Some(source) = self.overlays().iter().find(usable).filter(|_| !has_one).map(|o| o.source.clone()) else {
            return;
        };
        let about = Some(source.path.clone());
        self.spawn_for_case(Lane::Io, JobKey::FollowUpDose, t("Read the dose"), about, move |context| {
            let key = source.key.clone();
            match source.load(context) {
                Ok(loaded) => Ok(CaseResult::Overlay { key, loaded: Ok(Arc::new(loaded)) }),
                Err(error) if error.is_cancelled() => Err(JobError::Cancelled),
                Err(error) => Ok(CaseResult::Overlay { key, loaded: Err(Trouble::of(&error)) }),
            }
        });
    }

    fn is_at(&self, jobs: &[JobKey]) -> bool {
        jobs.iter().any(|key| self.jobs.is_running(*key))
    }

    /// Finds again what has changed: the place of the recurrence at once, the fit of the scans after it.
    pub(super) fn follow_follow_up(&mut self) {
        self.follow_placement();
        self.follow_fit();
    }

    fn follow_placement(&mut self) {
        let (Some(case), Some(follow_up)) = (&self.case, &self.follow_up) else { return };
        let Some(basis) = self.placement_basis() else { return };
        let is_known =
            follow_up.placed.as_ref().is_some_and(|(of, _)| *of == basis) || follow_up.failed.as_ref() == Some(&basis);
        if is_known || case.in_transaction() || self.is_at(&[JobKey::Registration, JobKey::Placement]) {
            return;
        }
        let plan = PlanSide {
            grid: Arc::clone(case.grid()),
            stations: station_masks(case),
            stations_by: stations_by(case),
            ctv: case.role_mask(Role::Ctv),
            ctv_names: case.structures().with_role(Role::Ctv).map(|r| r.name.clone()).collect(),
            treated: self.treated(),
            limits: follow_up.limits,
        };
        let later = Arc::clone(&follow_up.later);
        self.spawn_for_case(Lane::Placement, JobKey::Placement, t("Place the recurrence"), None, move |_| {
            let drawn = later.structures().get(basis.structure).map(|roi| roi.slices.clone()).unwrap_or_default();
            let placement = place(&drawn, later.grid(), &basis.planning_from_followup, plan);
            Ok(CaseResult::FollowUp(FollowUpResult::Placed(Box::new(PlacedAt { basis, placement }))))
        });
    }

    fn follow_fit(&mut self) {
        let (Some(case), Some(follow_up)) = (&self.case, &self.follow_up) else { return };
        let here = follow_up.planning_from_followup();
        let is_known = follow_up.fit().is_some() || follow_up.unfit == Some(here);
        if is_known || self.is_at(&[JobKey::Registration, JobKey::Fit]) {
            return;
        }
        let (plan, later) = (case.image.volume.clone(), Arc::clone(&follow_up.later));
        let guide = follow_up.motion.source.guide();
        self.spawn_for_case(
            Lane::FollowUp,
            JobKey::Fit,
            t("Measure the registration"),
            None,
            move |context| match judge(&plan, &later.image.volume, &here, guide, context) {
                Ok(fit) => {
                    Ok(CaseResult::FollowUp(FollowUpResult::Fit(here, Some(fit).filter(|fit| fit.shared > 0.0))))
                }
                Err(RegistrationError::Cancelled(_)) => Err(JobError::Cancelled),
                Err(error) => Err(JobError::Failed(Trouble::of(&error))),
            },
        );
    }

    /// A job ended without a result: with the same it would do so again.
    pub(super) fn follow_up_failed(&mut self, key: JobKey) {
        let basis = self.placement_basis();
        let Some(follow_up) = &mut self.follow_up else { return };
        match key {
            JobKey::Placement => follow_up.failed = basis,
            JobKey::Fit => follow_up.unfit = Some(follow_up.planning_from_followup()),
            _ => {}
        }
    }
}

fn remarks<'a>(prefix: &'a str, warnings: &'a [ImportWarning]) -> Vec<String> {
    warnings.iter().map(|w| format!("{prefix}{}", w.text)).collect()
}

/// True where both CTs say whose they are, and say different things.
pub fn names_another(planning: &Case, followup: &Case) -> bool {
    let ids = [planning, followup].map(|c| c.image.meta.patient.id.trim());
    ids.iter().all(|id| !id.is_empty()) && ids[0] != ids[1]
}
