//! `hilum deidentify`: DICOM files without the people in them.

use super::failure::Failure;
use super::output::{self, Table};
use super::terminal::Terminal;
use crate::dicom::deidentify::{
    Dates, DeidentifyError, DeidentifyOptions, DeidentifyReport, Secret, check_identity, deidentify,
};
use std::path::PathBuf;

/// Write copies of CT, structure sets and results without anything that identifies a patient
#[derive(Debug, clap::Args)]
#[command(after_help = "\
By the Basic Application Level Confidentiality Profile of DICOM PS3.15 Annex E, at every depth of sequences. Private
attributes, overlays and curves go, UIDs are replaced consistently over the whole run, so a structure set still fits
its CT. Pixels and contours stay byte for byte; text burned into pixels stays too. Names of structures stay where they
hold no name, number or date that the files declare. Files that are not understood are listed and never copied.

Give CT and structure sets of a patient in one run, or use the same --secret-file in each run: it decides the new UIDs,
the label of the patient and the shift of dates. Without it they are new every time.

Examples:
  hilum deidentify /data/patient1 -o /tmp/anonymous
  hilum deidentify /data/trial -o /tmp/trial --secret-file trial.key --shift-dates auto --keep-patient-characteristics
  hilum deidentify ct rtstruct.dcm -o out --patient-id LUNG01 --patient-name LUNG01 --json

JSON keys (the same in report.json of the output, which holds no original name or number):
  program, profile, methods [{code, meaning}]   PS3.16 CID 7050
  patients               how many were told apart
  identifiers_searched   words that were searched for in kept text
  totals                 removed, private_removed, emptied, replaced, cleaned, uids, dates_shifted, roi_names_replaced
  files                  one each: file, kind, counts (as totals), warnings
  skipped                one each: reason (the names are on standard error only)
  limits                 what this run does not vouch for")]
pub struct Deidentify {
    /// Files and folders
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// The folder to make; it must be new or empty, and outside of PATH
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Keep dates and times (never the birth date)
    #[arg(long, conflicts_with = "shift_dates")]
    keep_dates: bool,
    /// Move all dates by so many days, or by a number for each patient that the secret gives
    #[arg(long, value_name = "DAYS|auto", allow_hyphen_values = true, value_parser = str::parse::<Dates>)]
    shift_dates: Option<Dates>,
    /// Keep sex, age, size, weight, smoking and the like
    #[arg(long)]
    keep_patient_characteristics: bool,
    /// Keep descriptions and labels, without the words that identify
    #[arg(long)]
    keep_descriptions: bool,
    /// Keep names and serial numbers of devices
    #[arg(long)]
    keep_device: bool,
    /// Patient ID of the output (for files of one patient) [default: ANON- and a code]
    #[arg(long, value_name = "NEW", value_parser = parse_identity)]
    patient_id: Option<String>,
    /// Patient's Name of the output (for files of one patient) [default: ANON- and a code]
    #[arg(long, value_name = "NEW", value_parser = parse_identity)]
    patient_name: Option<String>,
    /// File with at least 16 secret bytes
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_identity(text: &str) -> Result<String, String> {
    check_identity(text).map(|()| text.to_owned())
}

impl Deidentify {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let options = DeidentifyOptions {
            dates: if self.keep_dates { Dates::Keep } else { self.shift_dates.unwrap_or_default() },
            keep_patient_characteristics: self.keep_patient_characteristics,
            keep_descriptions: self.keep_descriptions,
            keep_device: self.keep_device,
            patient_id: self.patient_id.clone(),
            patient_name: self.patient_name.clone(),
        };
        let report = deidentify(&self.paths, &self.output, &options, &self.secret()?, terminal).map_err(failure)?;
        terminal.finish();
        for file in &report.skipped {
            terminal.note(&format!("not copied: {file}: {}", file.path.display()));
        }
        if self.json {
            return output::print_json(&report);
        }
        output::print(&format!("{}Output and report.json in {}\n", text(&report), self.output.display()))
    }

    fn secret(&self) -> Result<Secret, Failure> {
        self.secret_file
            .as_deref()
            .map_or_else(|| Ok(Secret::random()), |path| Secret::read(path).map_err(Failure::refused))
    }
}

fn failure(error: DeidentifyError) -> Failure {
    match error {
        DeidentifyError::Cancelled(_) => Failure::Cancelled,
        DeidentifyError::Missing(_) | DeidentifyError::Nothing { .. } | DeidentifyError::SeveralPatients(_) => {
            Failure::refused(error)
        }
        DeidentifyError::OutputInSource(_) => Failure::Usage(error.to_string()),
        other => Failure::failed(other),
    }
}

fn text(report: &DeidentifyReport) -> String {
    let mut kinds: Vec<&str> = report.files.iter().map(|f| f.kind).collect();
    kinds.dedup();
    let mut table =
        Table::new(&["Kind", ">Files", ">Removed", ">Private", ">Emptied", ">Replaced", ">Cleaned", ">UIDs"]);
    for kind in kinds {
        let of_kind = || report.files.iter().filter(|f| f.kind == kind).map(|f| &f.counts);
        table.row([
            kind.to_owned(),
            of_kind().count().to_string(),
            of_kind().map(|c| c.removed).sum::<usize>().to_string(),
            of_kind().map(|c| c.private_removed).sum::<usize>().to_string(),
            of_kind().map(|c| c.emptied).sum::<usize>().to_string(),
            of_kind().map(|c| c.replaced).sum::<usize>().to_string(),
            of_kind().map(|c| c.cleaned).sum::<usize>().to_string(),
            of_kind().map(|c| c.uids).sum::<usize>().to_string(),
        ]);
    }
    report.remarks().into_iter().fold(table.to_string(), |text, line| format!("{text}{line}\n"))
}
