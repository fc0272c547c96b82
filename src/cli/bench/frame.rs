//! `hilum bench frame`: what a frame of the real window costs, and how that grows with the number of structures.

use super::{Bench, live, percentile};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::terminal::Terminal;
use crate::progress::Progress as _;
use crate::ui::measure_frames;
use std::time::Duration;

const SIZES: [[u32; 2]; 2] = [[3840, 2160], [1600, 1000]];
const STRUCTURES: [usize; 2] = [1, 40];

#[derive(serde::Serialize)]
struct Row {
    size: String,
    structures: usize,
    motion: &'static str,
    n: usize,
    cpu_p50_ms: f64,
    cpu_p99_ms: f64,
    cpu_max_ms: f64,
    whole_ms_per_megapixel: f64,
}

#[derive(serde::Serialize)]
struct FrameReport {
    name: &'static str,
    adapter: String,
    optimized: bool,
    rows: Vec<Row>,
    cpu_ratio: f64,
    whole_ratio: f64,
}

impl Bench {
    pub(super) fn frame(&self, terminal: &Terminal) -> Result<(), Failure> {
        let frames = self.repeat(120);
        let mut report = FrameReport {
            name: "frame",
            adapter: String::new(),
            optimized: !cfg!(debug_assertions),
            rows: Vec::new(),
            cpu_ratio: 0.0,
            whole_ratio: 0.0,
        };
        let total = SIZES.len() * STRUCTURES.len();
        for size in SIZES {
            for count in STRUCTURES {
                terminal.checkpoint()?;
                terminal.report("Frames", report.rows.len() / 2, total);
                let times = measure_frames(live::crowded(count), size, frames)?;
                report.adapter = times.adapter;
                for motion in times.motions {
                    let mut cpu = motion.cpu;
                    cpu.sort();
                    let mut whole = motion.whole;
                    whole.sort();
                    let ms = |d: Option<Duration>| d.unwrap_or_default().as_secs_f64() * 1e3;
                    report.rows.push(Row {
                        size: format!("{}x{}", size[0], size[1]),
                        structures: count,
                        motion: motion.name,
                        n: cpu.len(),
                        cpu_p50_ms: ms(percentile(&cpu, 0.5)),
                        cpu_p99_ms: ms(percentile(&cpu, 0.99)),
                        cpu_max_ms: ms(cpu.last().copied()),
                        whole_ms_per_megapixel: ms(percentile(&whole, 0.5)) / (f64::from(size[0] * size[1]) / 1e6),
                    });
                }
            }
        }
        report.cpu_ratio = ratio(&report.rows, |row| row.cpu_p50_ms);
        report.whole_ratio = ratio(&report.rows, |row| row.whole_ms_per_megapixel);
        terminal.finish();
        if self.json {
            output::print_json(&report)?;
        } else {
            output::print(&report.words())?;
        }
        let slowest = report.rows.iter().map(|r| r.cpu_p99_ms).fold(0.0, f64::max);
        match self.limit_ms {
            Some(limit) if slowest > limit => {
                Err(Failure::Failed(format!("p99 of {slowest:.3} ms is above the limit of {limit} ms")))
            }
            _ => Ok(()),
        }
    }
}

/// The largest ratio of rows with many structures to the same row with one.
fn ratio(rows: &[Row], value: impl Fn(&Row) -> f64) -> f64 {
    let [one, many] = STRUCTURES;
    let pairs = rows.iter().filter(|r| r.structures == many).filter_map(|row| {
        let base = rows.iter().find(|r| r.structures == one && r.size == row.size && r.motion == row.motion)?;
        Some(value(row) / value(base))
    });
    pairs.fold(0.0, f64::max)
}

impl FrameReport {
    fn words(&self) -> String {
        let mut text = format!("frame on {}{}\n", self.adapter, if self.optimized { "" } else { " (not optimised)" });
        for row in &self.rows {
            text.push_str(&format!(
                "{:>9} {:>2} structures {:>6}: processor p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms over {}; whole {:.2} ms a megapixel\n",
                row.size, row.structures, row.motion, row.cpu_p50_ms, row.cpu_p99_ms, row.cpu_max_ms, row.n, row.whole_ms_per_megapixel
            ));
        }
        text.push_str(&format!(
            "40 structures to one: processor {:.2}, whole {:.2}\n",
            self.cpu_ratio, self.whole_ratio
        ));
        text
    }
}
