//! `hilum bench crash`: this program is started, edits a case, and is killed at a random moment, again and again; then
//! its journal must give back every edit that was on the disk or older than a second.

use super::{Bench, made, percentile};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::terminal::Terminal;
use crate::progress::{Progress as _, Silent};
use crate::workbench::Workbench;
use crate::workbench::jobs::JobMode;
use crate::workbench::journal::{End, FoundJournal, find_journals, recover};
use rand::Rng as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Columns, rows and slices of the case that is edited.
const SIZE: [usize; 3] = [96, 96, 24];
/// Longest time from the first edit to the kill.
const LONGEST: Duration = Duration::from_millis(1500);
/// Edits older than this must be on the disk, ms.
const KEPT_AFTER_MS: u64 = 1000;

/// What a program that is about to be killed tells after each edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    /// Edits done.
    done: usize,
    /// How many of them are on the disk.
    kept: usize,
    /// Since the first one, ms.
    at_ms: u64,
}

/// What came of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Verdict {
    /// Edits that should have come back and did not.
    lost: usize,
    recovered: usize,
}

#[derive(Default)]
struct Sums {
    edits: usize,
    kept: usize,
    lost: usize,
    unreadable: usize,
    torn: usize,
    cut: usize,
    recoveries: Vec<Duration>,
}

#[derive(serde::Serialize)]
struct CrashReport {
    name: &'static str,
    rounds: usize,
    edits: usize,
    kept: usize,
    lost_edits: usize,
    unreadable: usize,
    torn: usize,
    cut: usize,
    recovery_p50_ms: f64,
    recovery_p99_ms: f64,
    recovery_max_ms: f64,
    optimized: bool,
}

impl Bench {
    pub(super) fn crash(&self, terminal: &Terminal) -> Result<(), Failure> {
        if let Some(home) = &self.child {
            return edit_until_killed(home, self.case.first().map_or(Path::new(""), PathBuf::as_path));
        }
        let folder = tempfile::tempdir().map_err(Failure::failed)?;
        let case = folder.path().join("case");
        made::write(&case, SIZE, &Silent)?;
        let mut expected = Expected::new(&case)?;
        let rounds = self.repeat(300);
        let mut sums = Sums::default();
        for n in 0..rounds {
            terminal.checkpoint()?;
            terminal.report("Kills", n, rounds);
            let home = folder.path().join(format!("round-{n}"));
            round(&home, &case, &mut expected, &mut sums)?;
            std::fs::remove_dir_all(&home).map_err(Failure::failed)?;
        }
        terminal.finish();
        sums.recoveries.sort();
        let ms = |share| percentile(&sums.recoveries, share).unwrap_or_default().as_secs_f64() * 1e3;
        let report = CrashReport {
            name: "crash",
            rounds,
            edits: sums.edits,
            kept: sums.kept,
            lost_edits: sums.lost,
            unreadable: sums.unreadable,
            torn: sums.torn,
            cut: sums.cut,
            recovery_p50_ms: ms(0.5),
            recovery_p99_ms: ms(0.99),
            recovery_max_ms: ms(1.0),
            optimized: !cfg!(debug_assertions),
        };
        if self.json {
            output::print_json(&report)?;
        } else {
            output::print(&words(&report))?;
        }
        if report.lost_edits + report.unreadable > 0 || report.kept == 0 {
            return Err(Failure::Failed(format!(
                "{} edits were lost, {} journals could not be read",
                report.lost_edits, report.unreadable
            )));
        }
        Ok(())
    }
}

fn words(report: &CrashReport) -> String {
    format!(
        "crash: {} kills during {} edits, {} of them on the disk: {} lost, {} journals unreadable, {} with a torn end; {} cut off on purpose came back to an earlier edit\nrecovery: p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms\n",
        report.rounds,
        report.edits,
        report.kept,
        report.lost_edits,
        report.unreadable,
        report.torn,
        report.cut,
        report.recovery_p50_ms,
        report.recovery_p99_ms,
        report.recovery_max_ms
    )
}

/// The program that is killed: edits the case without end, and tells after each edit.
fn edit_until_killed(home: &Path, case: &Path) -> Result<(), Failure> {
    let mut workbench = Workbench::new(JobMode::Threads, Some(home.join("settings.toml")));
    made::open(&mut workbench, case, made::LONGEST_OPENING)?;
    let begun = Instant::now();
    let mut kept = 0;
    for n in 0.. {
        made::act(&mut workbench, n);
        workbench.poll();
        let pause = Duration::from_millis((n * 37 % 11) as u64);
        std::thread::sleep(pause);
        if workbench.journal_status().is_some_and(|s| s.waiting == 0 && s.trouble.is_none() && s.path.is_some()) {
            kept = n + 1;
        }
        let mut out = std::io::stdout().lock();
        let line = writeln!(out, "{} {kept} {}", n + 1, begun.elapsed().as_millis());
        if line.and_then(|()| out.flush()).is_err() {
            // Nobody listens, nobody kills.
            return Err(Failure::Failed("this command is started by `hilum bench crash` only".into()));
        }
    }
    Ok(())
}

fn round(home: &Path, case: &Path, expected: &mut Expected, sums: &mut Sums) -> Result<(), Failure> {
    let told = run_and_kill(home, case)?;
    let last = told.last().copied().ok_or_else(|| Failure::Failed("no edit was made before the kill".into()))?;
    sums.edits += last.done;
    sums.kept += told.iter().map(|t| t.kept).max().unwrap_or(0);
    let (journals, damaged) = find_journals(&home.join("journal"));
    sums.unreadable += damaged.len();
    let recovered = match journals.first() {
        Some(journal) => {
            sums.torn += usize::from(journal.end != End::Whole);
            let begun = Instant::now();
            let Ok(recovered) = recover(&journal.path, None, &Silent, &mut |_| Ok(())) else {
                sums.unreadable += 1;
                return Ok(());
            };
            sums.recoveries.push(begun.elapsed());
            Some(recovered.loaded.case)
        }
        None => None,
    };
    let print = recovered.as_ref().map(made::fingerprint).transpose()?;
    sums.lost += judge(&told, print.as_deref(), expected)?.lost;
    if let Some(mut case) = recovered {
        // The whole history came back: the beginning is the case as it was opened.
        case.go_to(0);
        if made::fingerprint(&case)? != expected.print(0)? {
            return Err(Failure::Failed("taking back all edits did not lead to the case as it was opened".into()));
        }
    }
    if let Some(journal) = journals.first() {
        sums.cut += usize::from(cut_off(journal, expected, last.done)?);
    }
    Ok(())
}

/// Starts the program, kills it at a random moment, and gives what it had told until then.
fn run_and_kill(home: &Path, case: &Path) -> Result<Vec<Told>, Failure> {
    std::fs::create_dir_all(home).map_err(Failure::failed)?;
    let program = std::env::current_exe().map_err(Failure::failed)?;
    let mut child = std::process::Command::new(program)
        .args(["--quiet", "bench", "crash", "--child"])
        .args([home, case])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(Failure::failed)?;
    let lines = read_and_kill(&mut child);
    // Whatever happened, nothing stays behind.
    let _is_dead_already = child.kill();
    child.wait().map_err(Failure::failed)?;
    lines?.iter().map(|line| parse(line)).collect()
}

fn read_and_kill(child: &mut Child) -> Result<Vec<String>, Failure> {
    let out = child.stdout.take().ok_or_else(|| Failure::Failed("the program tells nothing".into()))?;
    let mut lines = BufReader::new(out).lines();
    let mut all: Vec<String> = Vec::new();
    all.extend(lines.next().transpose().map_err(Failure::failed)?);
    std::thread::sleep(LONGEST.mul_f64(rand::rng().random_range(0.0..1.0)));
    child.kill().map_err(Failure::failed)?;
    // What it told before it died is still in the pipe.
    for line in lines {
        all.push(line.map_err(Failure::failed)?);
    }
    Ok(all)
}

fn parse(line: &str) -> Result<Told, Failure> {
    let mut numbers = line.split(' ').map(str::parse::<u64>);
    match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(done)), Some(Ok(kept)), Some(Ok(at_ms)), None) => {
            Ok(Told { done: done as usize, kept: kept as usize, at_ms })
        }
        _ => Err(Failure::Failed(format!("the program told \"{line}\""))),
    }
}

/// Compares what came back with what was told: edits on the disk, and those older than a second, must be there.
fn judge(told: &[Told], found: Option<&str>, expected: &mut Expected) -> Result<Verdict, Failure> {
    let last = told.last().copied().unwrap_or(Told { done: 0, kept: 0, at_ms: 0 });
    let kept = told.iter().map(|t| t.kept).max().unwrap_or(0);
    let old = told.iter().filter(|t| t.at_ms + KEPT_AFTER_MS < last.at_ms).map(|t| t.done).max().unwrap_or(0);
    // One more edit may have reached the disk than was told.
    let recovered = match found {
        None => 0,
        Some(found) => expected
            .place(found, last.done + 1)?
            .ok_or_else(|| Failure::Failed("the recovered case is none that there ever was".into()))?,
    };
    Ok(Verdict { lost: kept.max(old).saturating_sub(recovered), recovered })
}

/// A journal whose end is cut off, as by a power failure: the rest must be readable, tell of it, and lead to a state that
/// there was.
fn cut_off(journal: &FoundJournal, expected: &mut Expected, done: usize) -> Result<bool, Failure> {
    let mut bytes = std::fs::read(&journal.path).map_err(Failure::failed)?;
    let cut = rand::rng().random_range(1..=400).min(bytes.len());
    bytes.truncate(bytes.len() - cut);
    let path = journal.path.with_file_name(format!("cut.{}", crate::workbench::journal::ENDING));
    std::fs::write(&path, &bytes).map_err(Failure::failed)?;
    let recovered = recover(&path, None, &Silent, &mut |_| Ok(()));
    std::fs::remove_file(&path).map_err(Failure::failed)?;
    // Of a journal that had a single edit nothing may be left.
    let Ok(recovered) = recovered else { return Ok(false) };
    let print = made::fingerprint(&recovered.loaded.case)?;
    match expected.place(&print, done + 1)? {
        Some(_) => Ok(true),
        None => Err(Failure::Failed("a journal that was cut off gave a case that there never was".into())),
    }
}

/// What the case is after each number of edits, made without a journal.
struct Expected {
    workbench: Workbench,
    prints: Vec<String>,
}

impl Expected {
    fn new(case: &Path) -> Result<Self, Failure> {
        let mut workbench = Workbench::new(JobMode::Inline, None);
        made::open(&mut workbench, case, made::LONGEST_OPENING)?;
        let mut all = Self { workbench, prints: Vec::new() };
        all.note()?;
        Ok(all)
    }

    fn note(&mut self) -> Result<(), Failure> {
        let case = self.workbench.case().ok_or_else(|| Failure::Failed("the case is no longer open".into()))?;
        self.prints.push(made::fingerprint(case)?);
        Ok(())
    }

    fn print(&mut self, edits: usize) -> Result<String, Failure> {
        while self.prints.len() <= edits {
            made::act(&mut self.workbench, self.prints.len() - 1);
            self.note()?;
        }
        Ok(self.prints[edits].clone())
    }

    /// After how many edits, at most `most`, the case was this one; the largest number of them.
    fn place(&mut self, print: &str, most: usize) -> Result<Option<usize>, Failure> {
        self.print(most)?;
        Ok(self.prints[..=most].iter().rposition(|p| p == print))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_that_should_be_back_and_are_not_count_as_lost() {
        let folder = tempfile::tempdir().expect("temporary folder");
        made::write(folder.path(), [32, 32, 8], &Silent).expect("written");
        let mut expected = Expected::new(folder.path()).expect("opened");
        let told = |done, kept, at_ms| Told { done, kept, at_ms };
        let all = [told(1, 0, 0), told(2, 1, 10), told(3, 2, 1500)];
        let mut judged = |edits: Option<usize>| {
            let print = edits.map(|n| expected.print(n).expect("made"));
            judge(&all, print.as_deref(), &mut expected).expect("a state that there was")
        };
        assert_eq!(judged(Some(3)), Verdict { lost: 0, recovered: 3 });
        // Two were told to be on the disk, and the first two are older than a second.
        assert_eq!(judged(Some(2)), Verdict { lost: 0, recovered: 2 });
        assert_eq!(judged(Some(1)), Verdict { lost: 1, recovered: 1 });
        assert_eq!(judged(None), Verdict { lost: 2, recovered: 0 });
        assert!(judge(&all, Some("another case"), &mut expected).is_err());
        assert_eq!(parse("12 11 340").expect("numbers"), told(12, 11, 340));
        assert!(parse("12 11").is_err() && parse("panicked").is_err());
    }
}
