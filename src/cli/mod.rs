//! The command line: everything that the window does, for scripts and for machines without a screen.
//!
//! One file a group of commands; [`Failure`] holds the exit codes, `terminal` progress and Ctrl-C.

mod analyze;
mod archive;
pub mod bench;
mod case_args;
mod check;
mod cohort;
mod compare;
mod deidentify;
mod edit;
mod evaluate;
mod export;
mod failure;
mod inspect;
mod journal;
mod keys;
mod known_case;
mod landmarks;
mod masks;
mod npy;
mod operate;
mod output;
mod overlay;
mod phantom;
mod proof;
mod recurrence;
mod results;
mod rule_args;
mod segment;
mod stations;
mod survival;
mod terminal;
mod to_dicom;
mod train;
mod train_risk;
mod version;
mod window;

pub use failure::Failure;

use clap::Parser;
use clap::error::ErrorKind;
use std::process::ExitCode;
use terminal::Terminal;

const AFTER_HELP: &str = "\
Without a command the window opens. A case is a folder or files with a CT (DICOM or NIfTI) and its structures
(structure sets, DICOM segmentations, NIfTI labels or masks); --demo stands for a synthetic one. Results go to standard output, progress and remarks to standard error. Ctrl-C stops.

Exit codes: 0 done, 1 failed, 2 usage, 3 input refused (no CT, other frame of reference, wrong model, no CTV ...),
4 cancelled.

Environment:
  HILUM_MODELS   folder that holds the models diunet/ and risk/; `hilum --version` tells which one is used
  HILUM_HOME     folder of the settings, of journals, and of studies from archives
  HILUM_LOG      what is logged on standard error, such as info or hilum=debug

Research and education only. Not a medical device.";

/// Review, correct and study auto-contours of thoracic lymph node stations
#[derive(Debug, Parser)]
#[command(name = "hilum", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<CliCommand>,
    /// Show no progress
    #[arg(short, long, global = true)]
    quiet: bool,
}

#[derive(Debug, clap::Subcommand)]
enum CliCommand {
    Inspect(inspect::Inspect),
    Open(window::Open),
    Landmarks(landmarks::LandmarksCommand),
    Check(check::CheckCommand),
    Evaluate(evaluate::EvaluateCommand),
    Stations(stations::StationsCommand),
    Segment(segment::Segment),
    Features(results::Features),
    Risk(results::Risk),
    Compare(compare::Compare),
    Overlay(overlay::Overlay),
    Recurrence(Box<recurrence::RecurrenceCommand>),
    Mask(export::MaskCommand),
    Nifti(masks::Nifti),
    Seg(masks::Seg),
    Dicom(to_dicom::ToDicom),
    Edit(edit::EditCommand),
    Operate(Box<operate::Operate>),
    Export(export::Export),
    Proof(proof::Proof),
    Analyze(analyze::Analyze),
    Deidentify(deidentify::Deidentify),
    Phantom(phantom::Phantom),
    Screenshot(window::Screenshot),
    /// Train the models that Hilum uses, on synthetic patients
    #[command(subcommand)]
    Train(train::Train),
    /// Patients of a cohort, their features, and where they recurred
    #[command(subcommand)]
    Cohort(cohort::Cohort),
    Survival(survival::Survival),
    /// Query, retrieve, store and receive studies of an archive (PACS)
    #[command(subcommand)]
    Archive(archive::Archive),
    /// Work of the window that was not exported
    #[command(subcommand)]
    Journal(journal::Journal),
    Bench(bench::Bench),
    Keys(keys::Keys),
    Settings(keys::SettingsCommand),
}

/// Parses the command line, runs the command, and gives the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.kind() == ErrorKind::DisplayVersion && version::is_long() => {
            return output::print(&version::text()).map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS);
        }
        Err(error) => {
            // Help and version go to standard output with code 0, mistakes to standard error with code 2.
            let _nobody_reads = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    start_log(matches!(cli.command, None | Some(CliCommand::Open(_))));
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// The log goes to standard error; commands tell what matters themselves.
fn start_log(is_window: bool) {
    let default = if is_window { "hilum=warn,error" } else { "off" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("HILUM_LOG")
        .unwrap_or_else(|_not_set| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false).init();
}

fn run(cli: Cli) -> Result<(), Failure> {
    let command = match cli.command {
        None => return window::Open::default().run(),
        Some(CliCommand::Open(open)) => return open.run(),
        Some(other) => other,
    };
    terminal::stop_on_ctrl_c();
    let terminal = Terminal::new(cli.quiet);
    let result = match command {
        CliCommand::Open(open) => open.run(),
        CliCommand::Inspect(c) => c.run(&terminal),
        CliCommand::Landmarks(c) => c.run(&terminal),
        CliCommand::Check(c) => c.run(&terminal),
        CliCommand::Evaluate(c) => c.run(&terminal),
        CliCommand::Stations(c) => c.run(&terminal),
        CliCommand::Segment(c) => c.run(&terminal),
        CliCommand::Features(c) => c.run(&terminal),
        CliCommand::Risk(c) => c.run(&terminal),
        CliCommand::Compare(c) => c.run(&terminal),
        CliCommand::Overlay(c) => c.run(&terminal),
        CliCommand::Recurrence(c) => c.run(&terminal),
        CliCommand::Mask(c) => c.run(&terminal),
        CliCommand::Nifti(c) => c.run(&terminal),
        CliCommand::Seg(c) => c.run(&terminal),
        CliCommand::Dicom(c) => c.run(&terminal),
        CliCommand::Edit(c) => c.run(&terminal),
        CliCommand::Operate(c) => c.run(&terminal),
        CliCommand::Export(c) => c.run(&terminal),
        CliCommand::Proof(c) => c.run(&terminal),
        CliCommand::Analyze(c) => c.run(&terminal),
        CliCommand::Deidentify(c) => c.run(&terminal),
        CliCommand::Phantom(c) => c.run(&terminal),
        CliCommand::Screenshot(c) => c.run(&terminal),
        CliCommand::Train(c) => c.run(&terminal),
        CliCommand::Cohort(c) => c.run(&terminal),
        CliCommand::Survival(c) => c.run(),
        CliCommand::Archive(c) => c.run(&terminal),
        CliCommand::Journal(c) => c.run(&terminal),
        CliCommand::Bench(c) => c.run(&terminal),
        CliCommand::Keys(c) => c.run(),
        CliCommand::Settings(c) => c.run(),
    };
    terminal.finish();
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_every_command_has_examples() {
        Cli::command().debug_assert();
        fn check(command: &clap::Command) {
            if command.has_subcommands() {
                command.get_subcommands().filter(|c| c.get_name() != "help").for_each(check);
                return;
            }
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:"), "{} has no examples", command.get_name());
            let has_json = command.get_arguments().any(|a| a.get_id() == "json");
            assert!(!has_json || help.contains("JSON"), "{} does not say what its JSON holds", command.get_name());
        }
        check(&Cli::command());
    }
}
