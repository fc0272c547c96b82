//! `hilum bench edit`: how long an edit takes until it is on the screen.

use super::live::crowded_scan;
use super::{Bench, percentile};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::terminal::Terminal;
use crate::progress::Progress as _;
use crate::ui::{EditTimes, measure_edits};
use std::time::Duration;

const STRUCTURES: usize = 40;
const SLICES: usize = 300;
const WINDOW: [u32; 2] = [1920, 1080];

#[derive(serde::Serialize)]
struct Row {
    what: &'static str,
    n: usize,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

#[derive(serde::Serialize)]
struct Edits {
    name: &'static str,
    optimized: bool,
    adapter: String,
    what: String,
    rows: Vec<Row>,
}

impl Row {
    fn of(what: &'static str, mut times: Vec<Duration>) -> Self {
        times.sort();
        let ms = |d: Option<Duration>| d.unwrap_or_default().as_secs_f64() * 1e3;
        Self {
            what,
            n: times.len(),
            p50_ms: ms(percentile(&times, 0.5)),
            p99_ms: ms(percentile(&times, 0.99)),
            max_ms: ms(times.last().copied()),
        }
    }
}

impl Bench {
    pub(super) fn edit(&self, terminal: &Terminal) -> Result<(), Failure> {
        terminal.report("Building the case", 0, 1);
        let strokes = self.repeat(100);
        let case = crowded_scan(STRUCTURES, SLICES);
        let grid = case.case.grid();
        let what = format!(
            "{} x {} x {} voxels, {STRUCTURES} structures, window of {} x {}, {strokes} strokes",
            grid.columns(),
            grid.rows(),
            grid.slices(),
            WINDOW[0],
            WINDOW[1]
        );
        let EditTimes { adapter, stroke, commit, tool } = measure_edits(case, WINDOW, strokes, &mut |n| {
            terminal.report("Strokes", n, strokes);
            terminal.checkpoint().is_ok()
        })?;
        terminal.checkpoint()?;
        let report = Edits {
            name: "edit",
            optimized: !cfg!(debug_assertions),
            adapter,
            what,
            rows: vec![Row::of("stroke", stroke), Row::of("commit", commit), Row::of("tool", tool)],
        };
        terminal.finish();
        if self.json {
            output::print_json(&report)?;
        } else {
            output::print(&report.words())?;
        }
        // The limit is for what has to fit into a frame.
        self.check_limit(report.rows.iter().filter(|r| r.what != "commit").map(|r| r.p99_ms).fold(0.0, f64::max))
    }
}

impl Edits {
    fn words(&self) -> String {
        let mut text = format!(
            "edit: {}, drawn by {}{}\n",
            self.what,
            self.adapter,
            if self.optimized { "" } else { " (not optimised)" }
        );
        for row in &self.rows {
            text.push_str(&format!(
                "  {:<7} -> screen  p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms over {}\n",
                row.what, row.p50_ms, row.p99_ms, row.max_ms, row.n
            ));
        }
        text
    }
}
