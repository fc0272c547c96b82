//! Progress on the terminal and Ctrl-C: a bar where standard error is a terminal, plain lines
//! elsewhere. The first Ctrl-C asks the work to stop, the second ends the program at once.

use crate::progress::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

static CANCELLED: AtomicBool = AtomicBool::new(false);

/// A line on standard error. Where nobody reads it any more the work goes on all the same.
pub fn say(line: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "{line}");
}

/// Makes Ctrl-C (and the termination signals) ask the work to stop.
pub fn stop_on_ctrl_c() {
    let set = ctrlc::set_handler(|| {
        if CANCELLED.swap(true, Ordering::Relaxed) {
            std::process::exit(4);
        }
        say("\nstopping (once more ends the program at once)");
    });
    if let Err(error) = set {
        tracing::warn!("Ctrl-C ends the program at once: {error}");
    }
}

/// How often a stage says how far it is where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

struct Shown {
    stage: String,
    last_line: Instant,
}

/// Progress of one command. Standard output is never touched.
pub struct Terminal {
    bar: Option<ProgressBar>,
    quiet: bool,
    shown: Mutex<Shown>,
}

impl Terminal {
    /// `quiet` shows nothing; Ctrl-C works all the same.
    pub fn new(quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(Self::style("{spinner} {msg}"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, quiet, shown: Mutex::new(Shown { stage: String::new(), last_line: Instant::now() }) }
    }

    fn style(template: &str) -> ProgressStyle {
        ProgressStyle::with_template(template).unwrap_or_else(|_template_is_wrong| ProgressStyle::default_bar())
    }

    /// A line for the user beside the results, such as a warning; shown even when quiet.
    pub fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }

    /// Asks for the same as [`Progress::is_cancelled`], for work that waits for the network.
    pub fn stop() -> crate::archive::Stop {
        std::sync::Arc::new(|| CANCELLED.load(Ordering::Relaxed))
    }

    /// Takes the bar away, before results are printed.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn report_bar(bar: &ProgressBar, is_new: bool, stage: &str, done: usize, total: usize) {
        if is_new {
            let counted = total > 1;
            bar.set_style(Self::style(if counted {
                "{spinner} {msg} [{bar:30}] {pos}/{len} {eta}"
            } else {
                "{spinner} {msg}"
            }));
            bar.set_message(stage.to_owned());
            bar.reset_eta();
        }
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    }
}

impl Progress for Terminal {
    fn report(&self, stage: &str, done: usize, total: usize) {
        if self.quiet {
            return;
        }
        let Ok(mut shown) = self.shown.lock() else { return };
        let is_new = shown.stage != stage;
        if is_new {
            stage.clone_into(&mut shown.stage);
        }
        match &self.bar {
            Some(bar) => Self::report_bar(bar, is_new, stage, done, total),
            None if is_new => {
                shown.last_line = Instant::now();
                say(stage);
            }
            None if shown.last_line.elapsed() >= LINE_EVERY => {
                shown.last_line = Instant::now();
                say(&format!("{stage} {done}/{total}"));
            }
            None => {}
        }
    }

    fn is_cancelled(&self) -> bool {
        CANCELLED.load(Ordering::Relaxed)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.finish();
    }
}
