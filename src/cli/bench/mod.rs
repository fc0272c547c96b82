//! `hilum bench`: what a user waits for, measured on this machine.

mod crash;
mod dicom;
#[cfg(feature = "gui")]
mod edit;
#[cfg(feature = "gui")]
mod frame;
mod live;
mod made;
mod network;
mod risk;
mod soak;
mod structures;

pub use live::LiveBench;

use super::failure::Failure;
use super::output;
use super::terminal::Terminal;
use crate::contour;
use crate::progress::Progress;
use crate::workbench::{load_case, load_demo};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Measure how long things take
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  live       an event of a brush stroke -> contours, masks, features and risk current, on a synthetic case of
             512 x 512 x 200 voxels with 16 stations (promised: p99 at most 16 ms, in a release build)
  edit       an event of a stroke -> its frame, a commit -> its frame, a change of tool -> its frame, in the real window
             of 1920 x 1080 drawn off screen, on a case of 512 x 512 x 300 voxels with 40 structures, all shown: contours,
             masks, features, risk and the list of what is drawn (promised in a release build: p99 of stroke and tool at
             most 16 ms, of the commit at most 50 ms)
  rasterise  the mask of the CTV of the same case from its contours, all slices
  margin     7 mm around the CTV of CASE (without CASE: of the demo case) in space (promised: at most 50 ms)
  interpolate  the contours between two drawn slices of the same CTV where two are missing (promised: at most 10 ms)
  smooth     the same CTV, 1.5 mm in the plane
  load       opening CASE (without CASE: making the demo case)
  ct         the CT series of CASE alone: headers, order, pixels to HU
  parse      all points of the structure set of CASE, bound to the slices
  masks      masks of all structures of CASE from their contours
  export     CASE written as a new structure set, read back and proved
  diunet     the network on the demo case, a slice with all that belongs to it; then the network alone, beside onnxruntime
  risk       the paper's procedure on 180 patients and 110 features with two threads, beside scikit-learn; one prediction, its
             contributions, the noise floor of the demo case
  frame      a frame of the window, drawn off screen at 3840 x 2160 and 1600 x 1000 with 1 and with 40 structures,
             while slices are scrolled and while a brush paints (promised: at most 8 ms of the processor at 4K, and
             at most 1.5 times as long with 40 structures as with one)
  crash      this program killed at random moments while it edits a case (300 times), and how long the case takes to
             come back; fails if an edit is lost that was on the disk or older than a second
  soak       10000 strokes with the journal: memory, size of the journal, time of a stroke with and without it
             (promised: memory grows by less than 200 MB)

Examples:
  hilum bench live --json
  hilum bench live --limit-ms 16
  hilum bench edit --limit-ms 16
  hilum bench load /data/patient1 --repeat 5
  hilum bench frame --json
  hilum bench crash --repeat 20

JSON keys:
  name           what was measured
  n              samples
  p50_ms, p99_ms, max_ms
  seconds        all samples together
  what           what was measured, in words
  optimized      true in a release build
  peak_mb        largest memory of the program so far, MB; null where unknown
  seconds_per_slice  of the network alone, median, two threads, batch 1; null for all but diunet
  peer           the same network in onnxruntime, in the same run; null for all but diunet, and where numpy, onnx and onnxruntime
                 are not installed for python3 (or HILUM_PYTHON) {name, seconds_per_slice, ratio (Hilum to peer),
                 largest_difference (of logits), same_station (share of pixels)}
JSON keys of edit:
  name           edit
  optimized      true in a release build
  adapter        what draws
  what           the case, in words
  rows           [{what (stroke, commit, tool), n, p50_ms, p99_ms, max_ms}]
JSON keys of frame: name, optimized and
  adapter        what draws
  rows           one for each size, number of structures and motion, with
    size, structures, motion (scroll or paint), n
    cpu_p50_ms, cpu_p99_ms, cpu_max_ms   logic, layout, painting and tessellation of a frame
    whole_ms_per_megapixel               the same and its drawing by the adapter, median
  cpu_ratio, whole_ratio   40 structures to one, the largest of all sizes and motions
JSON keys of risk: name, optimized and
  seconds        of the paper's procedure
  auc            on its held-out patients; null if they are all alike
  filtered       features that passed the filter
  prediction_ms, contributions_ms, noise_floor_ms   medians
  peer           the same in scikit-learn, in the same run; null where numpy and scikit-learn are not installed for python3 (or
                 HILUM_PYTHON) {name, seconds, ratio (Hilum to peer), prediction_ms, auc}
JSON keys of crash: name, optimized and
  rounds         kills
  edits, kept    done before the kills, and known to be on the disk by then
  lost_edits     that were on the disk or older than a second, and did not come back
  unreadable     journals
  torn           journals whose last record was not written to its end
  cut            journals that were cut off on purpose and gave an earlier state
  recovery_p50_ms, recovery_p99_ms, recovery_max_ms   from the journal to the case with its masks
JSON keys of soak: name, optimized, p50_ms, p99_ms, max_ms (of a stroke) and
  strokes, steps   done, and still in the history
  history_mb     as the history counts it
  memory_grown_mb   since stroke 200; null where unknown
  journal_mb     on the disk
  without_journal_p50_ms, without_journal_p99_ms   of a stroke
  thread_p50_ms, thread_p99_ms, without_journal_thread_p50_ms, without_journal_thread_p99_ms   the same by the clock of
                 the thread that draws, which stands still while others have the processor; null where unknown
  written_ms     from the end of the last stroke until it is on the disk
  undo_all_ms    all steps taken back at once")]
pub struct Bench {
    /// What to measure
    #[arg(value_enum)]
    name: Name,
    /// The case on disk that is measured
    #[arg(value_name = "CASE")]
    case: Vec<PathBuf>,
    /// For crash: be the program that is killed, with this folder of settings
    #[arg(long, value_name = "FOLDER", hide = true)]
    child: Option<PathBuf>,
    /// Number of strokes, rounds or loads
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..100_000))]
    repeat: Option<u32>,
    /// Fail (exit code 1) if p99 is above this
    #[arg(long, value_name = "MS")]
    limit_ms: Option<f64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    Live,
    Edit,
    #[value(alias = "rasterize")]
    Rasterise,
    Margin,
    Interpolate,
    Smooth,
    Load,
    Ct,
    Parse,
    Masks,
    Export,
    Diunet,
    Risk,
    Frame,
    Crash,
    Soak,
}

impl Name {
    /// Those that read a case from disk.
    fn reads_case(self) -> bool {
        matches!(
            self,
            Self::Load
                | Self::Ct
                | Self::Parse
                | Self::Masks
                | Self::Export
                | Self::Margin
                | Self::Interpolate
                | Self::Smooth
        )
    }

    /// Those that do without a case on disk.
    fn has_a_demo(self) -> bool {
        matches!(self, Self::Load | Self::Margin | Self::Interpolate | Self::Smooth)
    }
}

#[derive(serde::Serialize)]
struct Report {
    name: &'static str,
    n: usize,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    seconds: f64,
    what: String,
    optimized: bool,
    peak_mb: Option<f64>,
    seconds_per_slice: Option<f64>,
    peer: Option<network::Peer>,
}

/// The largest resident memory of this process so far, MB; only Linux tells.
fn peak_mb() -> Option<f64> {
    memory_mb("VmHWM:")
}

/// A line of what the system tells about the memory of this process, MB; only Linux does.
fn memory_mb(line: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix(line))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok().map(|kb| kb / 1024.0)
}

impl Report {
    fn of(name: &'static str, what: String, mut samples: Vec<Duration>) -> Self {
        samples.sort();
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        Self {
            name,
            n: samples.len(),
            p50_ms: percentile(&samples, 0.50).map_or(0.0, ms),
            p99_ms: percentile(&samples, 0.99).map_or(0.0, ms),
            max_ms: samples.last().copied().map_or(0.0, ms),
            seconds: samples.iter().sum::<Duration>().as_secs_f64(),
            what,
            optimized: !cfg!(debug_assertions),
            peak_mb: peak_mb(),
            seconds_per_slice: None,
            peer: None,
        }
    }
}

/// The smallest sample that at least this share of the samples does not exceed.
fn percentile(sorted: &[Duration], share: f64) -> Option<Duration> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

impl Bench {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        if !self.case.is_empty() && !self.name.reads_case() && self.child.is_none() {
            return Err(Failure::Usage("this measurement makes its own case; leave CASE out".into()));
        }
        if self.case.is_empty() && self.name.reads_case() && !self.name.has_a_demo() {
            return Err(Failure::Usage("this measurement needs a CASE: a folder with CT and structure set".into()));
        }
        let report = match self.name {
            Name::Frame => return self.frame(terminal),
            Name::Risk => return self.risk(terminal),
            Name::Crash => return self.crash(terminal),
            Name::Soak => return self.soak(terminal),
            Name::Edit => return self.edit(terminal),
            Name::Live => self.live(terminal)?,
            Name::Rasterise => self.rasterise(terminal)?,
            Name::Margin | Name::Interpolate | Name::Smooth => self.structures(terminal)?,
            Name::Load => self.load(terminal)?,
            Name::Ct => self.ct(terminal)?,
            Name::Parse => self.parse(terminal)?,
            Name::Masks => self.masks(terminal)?,
            Name::Export => self.export(terminal)?,
            Name::Diunet => self.diunet(terminal)?,
        };
        terminal.finish();
        if self.json {
            output::print_json(&report)?;
        } else {
            output::print(&format!(
                "{}: p50 {:.3} ms, p99 {:.3} ms, max {:.3} ms over {} samples ({})\n",
                report.name, report.p50_ms, report.p99_ms, report.max_ms, report.n, report.what
            ))?;
            if let Some(seconds) = report.seconds_per_slice {
                let peer = report.peer.as_ref().map_or_else(
                    || "onnxruntime did not run: it is not installed, or HILUM_LOG=warn tells why".to_owned(),
                    ToString::to_string,
                );
                output::print(&format!("the network alone: {seconds:.4} s a slice; {peer}\n"))?;
            }
        }
        self.check_limit(report.p99_ms)
    }

    /// Fails where p99 is above the limit that was given.
    fn check_limit(&self, p99_ms: f64) -> Result<(), Failure> {
        match self.limit_ms {
            Some(limit) if p99_ms > limit => {
                Err(Failure::Failed(format!("p99 of {p99_ms:.3} ms is above the limit of {limit} ms")))
            }
            _ => Ok(()),
        }
    }

    #[cfg(not(feature = "gui"))]
    fn frame(&self, _terminal: &Terminal) -> Result<(), Failure> {
        Err(Failure::Failed("this build of Hilum has no window; build it with default features".into()))
    }

    #[cfg(not(feature = "gui"))]
    fn edit(&self, terminal: &Terminal) -> Result<(), Failure> {
        self.frame(terminal)
    }

    fn repeat(&self, default: u32) -> usize {
        self.repeat.unwrap_or(default) as usize
    }

    fn live(&self, terminal: &Terminal) -> Result<Report, Failure> {
        terminal.report("Building the case", 0, 1);
        let mut bench = LiveBench::new();
        let strokes = self.repeat(100);
        let mut samples = Vec::new();
        for n in 0..strokes {
            terminal.checkpoint()?;
            terminal.report("Brush strokes", n, strokes);
            samples.extend(bench.stroke().map_err(Failure::Failed)?);
        }
        let risk = if bench.has_risk() { "features and risk" } else { "features only, no risk model was found" };
        let what = format!("event of a stroke to {risk} current, {}, {strokes} strokes", bench.describe());
        Ok(Report::of("live", what, samples))
    }

    fn rasterise(&self, terminal: &Terminal) -> Result<Report, Failure> {
        terminal.report("Building the case", 0, 1);
        let bench = LiveBench::new();
        let case = bench.case().ok_or_else(|| Failure::Failed("the synthetic case could not be made".into()))?;
        let roi = case
            .structures()
            .get(bench.target())
            .ok_or_else(|| Failure::Failed("the synthetic case has no CTV".into()))?;
        let mut samples = Vec::new();
        for _ in 0..self.repeat(200) {
            terminal.checkpoint()?;
            let start = Instant::now();
            let mask = contour::rasterize(case.grid(), &roi.slices);
            samples.push(start.elapsed());
            std::hint::black_box(mask);
        }
        Ok(Report::of("rasterise", format!("{} slices of the CTV, {}", roi.slices.len(), bench.describe()), samples))
    }

    fn load(&self, terminal: &Terminal) -> Result<Report, Failure> {
        let mut samples = Vec::new();
        let mut what = String::new();
        for _ in 0..self.repeat(3) {
            let start = Instant::now();
            let loaded = if self.case.is_empty() {
                load_demo(crate::workbench::Workbench::DEMO_SEED, terminal)?
            } else {
                load_case(&self.case, terminal, &mut |_| terminal.checkpoint())
                    .map_err(|error| if error.is_cancelled() { Failure::Cancelled } else { Failure::refused(error) })?
            };
            samples.push(start.elapsed());
            let grid = loaded.case.grid();
            what = format!(
                "{} slices of {} x {} with {} structures",
                grid.slices(),
                grid.columns(),
                grid.rows(),
                loaded.case.structures().rois.len()
            );
        }
        Ok(Report::of("load", what, samples))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let sorted: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 0.5), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&sorted, 0.99), Some(Duration::from_millis(198)));
        assert_eq!(percentile(&sorted[..1], 0.99), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 0.99), None);
    }
}
