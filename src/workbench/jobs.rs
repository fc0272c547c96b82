//! The only place that starts threads: lanes, one job at a time in each, progress, cancel,
//! and panics caught at the edge of the lane.

use super::Trouble;
use super::export::ExportFailure;
use crate::import::SetError;
use crate::progress::{Cancelled, Progress};
use crate::risk::RiskModelError;
use crate::words;
use crate::words::t;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What a job works on; each lane runs one job at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub enum Lane {
    /// Files: scan, load, save, export.
    Io,
    /// The network.
    Infer,
    /// Metrics and other work that follows an edit.
    Live,
    /// Small pictures.
    Pictures,
    /// Copies of files that no case waits for.
    Copies,
    /// Searches and transfers of archives.
    Network,
    /// What others send.
    Receiver,
    /// The journal of the open case.
    Journal,
    /// The file of the open cohort.
    Cohort,
    /// The cases of a cohort, one after another.
    CohortCases,
    /// Reading and registering a follow-up CT.
    FollowUp,
    /// Follows every correction of its place.
    Placement,
    /// Risk models that are read.
    Models,
    /// Risk models that are trained.
    Training,
}

/// What a job is for. One job of a kind at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKey {
    /// A new one replaces the old.
    LoadCase,
    /// A second one is refused while the first runs.
    Segment,
    Export,
    Propose,
    Deidentify,
    AddStructureSet,
    /// An operation on whole structures.
    Operate,
    /// Live derived structures, after an edit.
    Derive,
    /// Contours for the missing slices of the selected structure; a new one replaces the old.
    Interpolate,
    /// The difference between two sets of structures, slice by slice.
    Difference,
    /// Body, lungs, airway and landmarks in the scan.
    Landmarks,
    /// What the rules draw, on fewer voxels; follows a landmark that is dragged.
    RuleOutlines,
    /// The exact map of the rules, once the landmarks rest.
    RuleMap,
    /// The stations of the rules, for the case.
    RuleStations,
    /// Follows the contours of stations and the map of the rules.
    BorderCheck,
    /// Follows the contours of an exercise.
    Compare,
    /// Follows the contours of the airway.
    Airway,
    /// How much the risk figure moves with the boundaries.
    NoiseFloor,
    /// A model judged on pure noise.
    NoiseLesson,
    /// Small pictures of the series of a folder; a new one replaces the old.
    Thumbnails,
    /// PET or dose over the case; a new one replaces the old.
    Overlay,
    /// A follow-up CT beside the case; a new one replaces the old.
    FollowUp,
    /// How it lies to the planning CT; a new one replaces the old.
    Registration,
    /// What is left between the two.
    Fit,
    /// The place of the recurrence on the planning CT.
    Placement,
    /// The dose by which the pattern is told.
    FollowUpDose,
    /// The figures of a recurrence, as a file.
    RecurrenceFile,
    /// A new search or test replaces the old.
    ArchiveSearch,
    ArchiveSeries,
    Retrieve,
    Store,
    /// Goes on until it is ended.
    Receive,
    /// Goes on until its case is closed; the one of the next case waits for its end.
    Journal,
    /// Which journals of earlier runs there are.
    Journals,
    CohortOpen,
    CohortImport,
    /// A changed patient; several may wait.
    CohortEdit,
    /// A table or a copy of a cohort.
    CohortWrite,
    /// The features of all cases of a cohort.
    CohortCompute,
    CohortBeside,
    /// A new question replaces the old.
    CohortSurvival,
    /// Who of a cohort would be trained on.
    CohortCount,
    /// A risk model from a cohort.
    CohortTrain,
    /// A risk model is read; a new one replaces the old.
    ShowRiskModel,
    UseRiskModel,
}

impl JobKey {
    /// True if a new job of this kind supersedes the one that runs; otherwise the new one is refused.
    fn replaces(self) -> bool {
        matches!(
            self,
            Self::LoadCase
                | Self::Thumbnails
                | Self::Overlay
                | Self::FollowUp
                | Self::Registration
                | Self::ArchiveSearch
                | Self::ArchiveSeries
                | Self::Journals
                | Self::Interpolate
                | Self::CohortOpen
                | Self::CohortBeside
                | Self::CohortSurvival
                | Self::CohortCount
                | Self::ShowRiskModel
                | Self::UseRiskModel
        )
    }

    /// True if several jobs of this kind may wait for each other.
    fn queues(self) -> bool {
        matches!(self, Self::Journal | Self::CohortEdit)
    }

    /// True for short work that nobody asked for: it is not listed.
    fn is_quiet(self) -> bool {
        matches!(
            self,
            Self::Compare
                | Self::Airway
                | Self::NoiseFloor
                | Self::Thumbnails
                | Self::ArchiveSeries
                | Self::Receive
                | Self::Journal
                | Self::Journals
                | Self::Derive
                | Self::Interpolate
                | Self::Difference
                | Self::RuleOutlines
                | Self::RuleMap
                | Self::BorderCheck
                | Self::Fit
                | Self::Placement
                | Self::CohortEdit
                | Self::CohortSurvival
                | Self::CohortCount
                | Self::ShowRiskModel
        )
    }

    /// True if the result counts even where the job was cancelled meanwhile: a file that was written is there.
    fn leaves_traces(self) -> bool {
        matches!(
            self,
            Self::Export
                | Self::Deidentify
                | Self::Retrieve
                | Self::Store
                | Self::RecurrenceFile
                | Self::CohortImport
                | Self::CohortEdit
                | Self::CohortWrite
                | Self::CohortCompute
                | Self::CohortTrain
        )
    }
}

/// Identity of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Why a job ended without a result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JobError {
    #[error("{}", crate::words::t("cancelled"))]
    Cancelled,
    #[error("{0}")]
    Failed(Trouble),
    #[error("{}", crate::tf!("an internal error stopped this job ({value}); your contours are unchanged, please save a copy and report it", value = .0))]
    Panicked(String),
}

impl From<Cancelled> for JobError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<ExportFailure> for JobError {
    fn from(error: ExportFailure) -> Self {
        match error {
            ExportFailure::Cancelled(_) => Self::Cancelled,
            error => Self::Failed(Trouble::of(&error)),
        }
    }
}

impl From<RiskModelError> for JobError {
    fn from(error: RiskModelError) -> Self {
        Self::Failed(Trouble::of(&error))
    }
}

impl From<SetError> for JobError {
    fn from(error: SetError) -> Self {
        if error.is_cancelled() { Self::Cancelled } else { Self::Failed(Trouble::of(&error)) }
    }
}

/// A second job of a kind that runs alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", crate::tf!("\"{value}\" is still running: wait for it, or cancel it in the jobs list", value = .0))]
pub struct AlreadyRunning(pub String);

/// Progress of a job as the window shows it.
#[derive(Debug, Clone)]
pub struct JobStatus {
    pub id: JobId,
    pub key: JobKey,
    pub title: String,
    /// The file or folder that it is about.
    pub subject: Option<PathBuf>,
    pub stage: String,
    pub done: usize,
    pub total: usize,
    pub started: Instant,
    stage_started: Instant,
}

impl JobStatus {
    /// Share done, 0 to 1, of the present stage; `None` while unknown.
    pub fn fraction(&self) -> Option<f32> {
        (self.total > 0).then(|| (self.done as f32 / self.total as f32).clamp(0.0, 1.0))
    }

    /// Estimated seconds left in this stage, once a tenth is done.
    pub fn seconds_left(&self) -> Option<f64> {
        let fraction = f64::from(self.fraction()?);
        (fraction >= 0.1).then(|| self.stage_started.elapsed().as_secs_f64() * (1.0 - fraction) / fraction)
    }
}

/// Wakes the window when something has arrived.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// What a job sees: progress, cancel, and a way to send partial results.
pub struct JobContext<T> {
    status: Arc<Mutex<JobStatus>>,
    cancel: Arc<AtomicBool>,
    results: Sender<(JobId, JobEvent<T>)>,
    id: JobId,
    waker: Arc<Mutex<Option<Waker>>>,
}

impl<T: Send> JobContext<T> {
    /// Sends a partial result. Blocks while the window is far behind, unless the job is cancelled.
    pub fn send(&self, partial: T) -> Result<(), Cancelled> {
        let mut message = (self.id, JobEvent::Partial(partial));
        loop {
            self.checkpoint()?;
            match self.results.try_send(message) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) => {
                    message = back;
                    std::thread::sleep(std::time::Duration::from_millis(2));
                }
                Err(TrySendError::Disconnected(_)) => return Err(Cancelled),
            }
        }
        self.wake();
        Ok(())
    }

    /// Asks the same as [`Progress::is_cancelled`], for work that waits for the network.
    pub fn stop(&self) -> crate::archive::Stop {
        let cancel = Arc::clone(&self.cancel);
        Arc::new(move || cancel.load(Ordering::Relaxed))
    }

    /// Lets the window look again.
    pub fn wake(&self) {
        let waker = self.waker.lock().ok().and_then(|w| w.clone());
        if let Some(wake) = waker {
            wake();
        }
    }
}

impl<T: Send> Progress for JobContext<T> {
    fn report(&self, stage: &str, done: usize, total: usize) {
        if let Ok(mut status) = self.status.lock() {
            if status.stage != stage {
                stage.clone_into(&mut status.stage);
                status.stage_started = Instant::now();
            }
            status.done = done;
            status.total = total;
        }
        self.wake();
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

/// What comes out of a job.
#[derive(Debug)]
pub enum JobEvent<T> {
    Partial(T),
    Finished(T),
    Ended(JobError),
}

struct Running {
    status: Arc<Mutex<JobStatus>>,
    cancel: Arc<AtomicBool>,
    key: JobKey,
    id: JobId,
    /// A newer job took its place: nothing more is told of it.
    superseded: bool,
}

type Work = Box<dyn FnOnce() + Send>;

/// Whether jobs run in threads or at once where they are spawned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobMode {
    Threads,
    /// Runs each job to its end inside `spawn`: deterministic tests, command line.
    Inline,
    /// As inline, but every poll hands over one event: tests of what happens in between.
    Stepped,
}

/// Owner of the lanes. `T` is the type of results.
pub struct Jobs<T> {
    mode: JobMode,
    lanes: Vec<(Lane, Sender<Work>)>,
    running: Vec<Running>,
    sender: Sender<(JobId, JobEvent<T>)>,
    results: Receiver<(JobId, JobEvent<T>)>,
    inline: VecDeque<(JobId, JobEvent<T>)>,
    waker: Arc<Mutex<Option<Waker>>>,
    next: u64,
}

impl<T: Send + 'static> Jobs<T> {
    pub fn new(mode: JobMode) -> Self {
        // Inline jobs have nobody to drain a full channel.
        let (sender, results) = if mode == JobMode::Threads { bounded(64) } else { unbounded() };
        Self {
            mode,
            lanes: Vec::new(),
            running: Vec::new(),
            sender,
            results,
            inline: VecDeque::new(),
            waker: Arc::default(),
            next: 1,
        }
    }

    pub fn mode(&self) -> JobMode {
        self.mode
    }

    /// Called from job threads whenever the window should look again.
    pub fn set_waker(&mut self, waker: Waker) {
        if let Ok(mut slot) = self.waker.lock() {
            *slot = Some(waker);
        }
    }

    /// Starts a job, or queues it behind the one that its lane runs.
    ///
    /// # Errors
    /// If a job of this kind runs and must not be replaced.
    pub fn spawn(
        &mut self,
        lane: Lane,
        key: JobKey,
        title: &str,
        work: impl FnOnce(&JobContext<T>) -> Result<T, JobError> + Send + 'static,
    ) -> Result<JobId, AlreadyRunning> {
        self.spawn_about(lane, key, title, None, work)
    }

    /// Starts a job about a file or folder.
    ///
    /// # Errors
    /// As [`Self::spawn`].
    pub fn spawn_about(
        &mut self,
        lane: Lane,
        key: JobKey,
        title: &str,
        subject: Option<PathBuf>,
        work: impl FnOnce(&JobContext<T>) -> Result<T, JobError> + Send + 'static,
    ) -> Result<JobId, AlreadyRunning> {
        for at in 0..self.running.len() {
            let other = &mut self.running[at];
            if other.key == key && !key.queues() && !other.superseded {
                if !key.replaces() {
                    return Err(AlreadyRunning(self.title_of(&self.running[at])));
                }
                other.superseded = true;
                other.cancel.store(true, Ordering::Relaxed);
            }
        }
        let id = JobId(self.next);
        self.next += 1;
        let now = Instant::now();
        let status = Arc::new(Mutex::new(JobStatus {
            id,
            key,
            title: title.to_owned(),
            subject,
            stage: t("Waiting").into(),
            done: 0,
            total: 0,
            started: now,
            stage_started: now,
        }));
        let cancel = Arc::new(AtomicBool::new(false));
        self.running.push(Running {
            status: Arc::clone(&status),
            cancel: Arc::clone(&cancel),
            key,
            id,
            superseded: false,
        });
        let context = JobContext { status, cancel, results: self.sender.clone(), id, waker: Arc::clone(&self.waker) };
        let language = words::language();
        let run = move || {
            words::speak(language);
            let outcome = if context.is_cancelled() {
                Err(JobError::Cancelled)
            } else {
                catch_unwind(AssertUnwindSafe(|| work(&context)))
                    .unwrap_or_else(|panic| Err(JobError::Panicked(panic_text(panic.as_ref()))))
            };
            let event = outcome.map_or_else(JobEvent::Ended, JobEvent::Finished);
            // The receiver is gone only when the program is closing.
            let _closing = context.results.send((context.id, event));
            context.wake();
        };
        match self.mode {
            JobMode::Inline | JobMode::Stepped => run(),
            JobMode::Threads => {
                let sender = self.lane(lane);
                let _lane_thread_lives_as_long_as_its_sender = sender.send(Box::new(run));
            }
        }
        Ok(id)
    }

    /// Results that have arrived, oldest first; ended jobs leave the list.
    pub fn poll(&mut self) -> Vec<(JobId, JobKey, JobEvent<T>)> {
        self.inline.extend(self.results.try_iter());
        let mut out = Vec::new();
        while let Some((id, event)) = self.inline.pop_front() {
            let Some(at) = self.running.iter().position(|r| r.id == id) else { continue };
            let Running { key, superseded, ref cancel, .. } = self.running[at];
            let cancelled = cancel.load(Ordering::Relaxed);
            let event = match event {
                JobEvent::Partial(_) if cancelled => continue,
                // Cancelled while it was handing over its result: nothing of it is taken.
                JobEvent::Finished(_) if cancelled && !key.leaves_traces() => JobEvent::Ended(JobError::Cancelled),
                other => other,
            };
            if !matches!(event, JobEvent::Partial(_)) {
                self.running.remove(at);
            }
            if superseded {
                continue;
            }
            out.push((id, key, event));
            if self.mode == JobMode::Stepped {
                break;
            }
        }
        out
    }

    /// Asks a job to stop; what it had not handed over is dropped.
    pub fn cancel(&mut self, id: JobId) {
        if let Some(job) = self.running.iter().find(|r| r.id == id) {
            job.cancel.store(true, Ordering::Relaxed);
        }
    }

    /// Asks the jobs of a kind to stop, and says nothing more of them.
    pub fn dismiss_key(&mut self, key: JobKey) {
        for job in self.running.iter_mut().filter(|r| r.key == key) {
            job.superseded = true;
            job.cancel.store(true, Ordering::Relaxed);
        }
    }

    /// True while a job of this kind runs or waits whose result is wanted.
    pub fn is_running(&self, key: JobKey) -> bool {
        self.running.iter().any(|r| r.key == key && !r.superseded)
    }

    /// Status of every job, oldest first.
    pub fn status(&self) -> Vec<JobStatus> {
        self.running
            .iter()
            .filter(|r| !r.superseded && !r.key.is_quiet())
            .filter_map(|r| r.status.lock().ok().map(|s| s.clone()))
            .collect()
    }

    fn title_of(&self, job: &Running) -> String {
        job.status.lock().map(|s| s.title.clone()).unwrap_or_default()
    }

    fn lane(&mut self, lane: Lane) -> Sender<Work> {
        if let Some((_, sender)) = self.lanes.iter().find(|(l, _)| *l == lane) {
            return sender.clone();
        }
        let (sender, work) = bounded::<Work>(16);
        let name = format!("hilum-{lane:?}").to_lowercase();
        let started = std::thread::Builder::new().name(name).spawn(move || {
            for job in work {
                job();
            }
        });
        if let Err(error) = started {
            tracing::error!("cannot start a thread for {lane:?}: {error}");
        }
        self.lanes.push((lane, sender.clone()));
        sender
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| t("no details").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_job_is_reported_and_the_next_job_runs() {
        let mut jobs: Jobs<u32> = Jobs::new(JobMode::Inline);
        jobs.spawn(Lane::Io, JobKey::Export, "first", |_| panic!("boom")).expect("free");
        let events = jobs.poll();
        assert!(matches!(&events[0].2, JobEvent::Ended(JobError::Panicked(text)) if text == "boom"));
        jobs.spawn(Lane::Io, JobKey::Export, "second", |c| {
            c.send(1)?;
            Ok(2)
        })
        .expect("free");
        let events = jobs.poll();
        assert!(matches!(events[0].2, JobEvent::Partial(1)) && matches!(events[1].2, JobEvent::Finished(2)));
        assert!(jobs.status().is_empty());
    }

    #[test]
    fn a_cancelled_job_hands_over_nothing() {
        let mut jobs: Jobs<u32> = Jobs::new(JobMode::Threads);
        let (go, wait) = bounded::<()>(0);
        let (begun, has_begun) = bounded::<()>(1);
        let id = jobs
            .spawn(Lane::Infer, JobKey::Segment, "net", move |_| {
                begun.send(()).expect("the test listens");
                wait.recv().expect("the test goes on");
                Ok(7)
            })
            .expect("free");
        assert_eq!(jobs.spawn(Lane::Infer, JobKey::Segment, "again", |_| Ok(0)), Err(AlreadyRunning("net".into())));
        has_begun.recv().expect("the job begins");
        jobs.cancel(id);
        go.send(()).expect("the job waits");
        let events = loop {
            let events = jobs.poll();
            if !events.is_empty() {
                break events;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        };
        assert!(matches!(events[0].2, JobEvent::Ended(JobError::Cancelled)));
    }
}
