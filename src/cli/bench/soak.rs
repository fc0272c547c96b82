//! `hilum bench soak`: thousands of strokes with the journal on: how memory and journal grow, and what a stroke costs.

use super::{Bench, made, memory_mb, percentile};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::terminal::Terminal;
use crate::progress::{Progress as _, Silent};
use crate::workbench::jobs::JobMode;
use crate::workbench::{Command, Workbench};
use std::path::Path;
use std::time::{Duration, Instant};

/// Columns, rows and slices of the case that is edited.
const SIZE: [usize; 3] = [256, 256, 60];
/// Strokes after which memory counts: by then every part of the program has been used.
const WARM: usize = 200;

#[derive(serde::Serialize)]
struct SoakReport {
    name: &'static str,
    strokes: usize,
    steps: usize,
    history_mb: f64,
    memory_grown_mb: Option<f64>,
    journal_mb: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    without_journal_p50_ms: f64,
    without_journal_p99_ms: f64,
    thread_p50_ms: Option<f64>,
    thread_p99_ms: Option<f64>,
    without_journal_thread_p50_ms: Option<f64>,
    without_journal_thread_p99_ms: Option<f64>,
    written_ms: f64,
    undo_all_ms: f64,
    optimized: bool,
}

impl Bench {
    pub(super) fn soak(&self, terminal: &Terminal) -> Result<(), Failure> {
        let folder = tempfile::tempdir().map_err(Failure::failed)?;
        let case = folder.path().join("case");
        made::write(&case, SIZE, &Silent)?;
        let strokes = self.repeat(10_000);
        let with = Soak::new(&case, Some(&folder.path().join("settings.toml")))?.run(strokes, terminal)?;
        let without = Soak::new(&case, None)?.run(strokes.min(1000), terminal)?;
        terminal.finish();
        let ms = |times: &[Duration], share| percentile(times, share).unwrap_or_default().as_secs_f64() * 1e3;
        let known = |times: &[Duration], share| (!times.is_empty()).then(|| ms(times, share));
        let report = SoakReport {
            name: "soak",
            strokes,
            steps: with.steps,
            history_mb: with.history_bytes as f64 / 1e6,
            memory_grown_mb: with.grown_mb,
            journal_mb: with.journal_bytes as f64 / 1e6,
            p50_ms: ms(&with.times, 0.5),
            p99_ms: ms(&with.times, 0.99),
            max_ms: ms(&with.times, 1.0),
            without_journal_p50_ms: ms(&without.times, 0.5),
            without_journal_p99_ms: ms(&without.times, 0.99),
            thread_p50_ms: known(&with.thread_times, 0.5),
            thread_p99_ms: known(&with.thread_times, 0.99),
            without_journal_thread_p50_ms: known(&without.thread_times, 0.5),
            without_journal_thread_p99_ms: known(&without.thread_times, 0.99),
            written_ms: with.written.as_secs_f64() * 1e3,
            undo_all_ms: with.undo_all.as_secs_f64() * 1e3,
            optimized: !cfg!(debug_assertions),
        };
        if self.json { output::print_json(&report) } else { output::print(&words(&report)) }
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| format!("{value:.3}"))
}

fn words(report: &SoakReport) -> String {
    format!(
        "soak: {} strokes, {} steps in {:.1} MB of history, memory grown by {} MB, journal {:.1} MB\n\
         stroke: p50 {:.3} ms, p99 {:.3} ms, max {:.3} ms; without a journal p50 {:.3} ms, p99 {:.3} ms\n\
         of the processor: p50 {} ms, p99 {} ms; without a journal p50 {} ms, p99 {} ms\n\
         the last stroke on the disk after {:.0} ms, all taken back in {:.0} ms\n",
        report.strokes,
        report.steps,
        report.history_mb,
        number(report.memory_grown_mb),
        report.journal_mb,
        report.p50_ms,
        report.p99_ms,
        report.max_ms,
        report.without_journal_p50_ms,
        report.without_journal_p99_ms,
        number(report.thread_p50_ms),
        number(report.thread_p99_ms),
        number(report.without_journal_thread_p50_ms),
        number(report.without_journal_thread_p99_ms),
        report.written_ms,
        report.undo_all_ms
    )
}

/// What was measured.
struct Soaked {
    /// Of the strokes, ascending.
    times: Vec<Duration>,
    /// The same by the clock of the thread that draws, which stands still while others have the processor; empty where
    /// the system does not tell.
    thread_times: Vec<Duration>,
    steps: usize,
    history_bytes: usize,
    grown_mb: Option<f64>,
    journal_bytes: u64,
    /// From the end of the last stroke until it was on the disk.
    written: Duration,
    undo_all: Duration,
}

/// How long this thread had the processor so far; only Linux tells.
fn thread_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

struct Soak(Workbench);

impl Soak {
    fn new(case: &Path, settings: Option<&Path>) -> Result<Self, Failure> {
        let mut workbench = Workbench::new(JobMode::Threads, settings.map(Path::to_owned));
        made::open(&mut workbench, case, made::LONGEST_OPENING)?;
        Ok(Self(workbench))
    }

    fn run(mut self, strokes: usize, terminal: &Terminal) -> Result<Soaked, Failure> {
        let no_case = || Failure::Failed("the case is no longer open".into());
        let roi = self.0.case().and_then(|c| c.structures().rois.first()).map(|r| r.id).ok_or_else(no_case)?;
        let (mut times, mut thread_times) = (Vec::with_capacity(strokes), Vec::new());
        let mut warm = None;
        for n in 0..strokes {
            terminal.checkpoint()?;
            terminal.report("Strokes", n, strokes);
            if n == WARM {
                warm = memory_mb("VmRSS:");
            }
            let (begun, at) = (Instant::now(), thread_time());
            made::stroke(&mut self.0, roi, n);
            times.push(begun.elapsed());
            thread_times.extend(at.zip(thread_time()).map(|(from, to)| to.saturating_sub(from)));
            self.0.poll();
        }
        let begun = Instant::now();
        if !self.0.wait_for_journal(Duration::from_mins(1)) {
            return Err(Failure::Failed("the journal is not written after a minute".into()));
        }
        let written = begun.elapsed();
        let grown_mb = warm.zip(memory_mb("VmRSS:")).map(|(before, after)| after - before);
        let history = self.0.case().map(|c| c.history()).ok_or_else(no_case)?;
        let (steps, history_bytes, base) = (history.len(), history.bytes(), history.base());
        let journal_bytes = self.0.journal_status().map_or(0, |s| s.bytes);
        let begun = Instant::now();
        self.0.execute(Command::GoToState(base));
        let undo_all = begun.elapsed();
        times.sort();
        thread_times.sort();
        Ok(Soaked { times, thread_times, steps, history_bytes, grown_mb, journal_bytes, written, undo_all })
    }
}
