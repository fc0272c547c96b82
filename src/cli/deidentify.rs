//! `hilum deidentify`: DICOM files without the people in them.

use super::failure::Failure;
use super::output::{self, Table};
use super::terminal::Terminal;
use crate::dicom::deidentify::{Dates, DeidentifyError, DeidentifyOptions, DeidentifyReport, Secret, deidentify};
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
    #[arg(long, value_name = "DAYS|auto", allow_hyphen_values = true, value_parser = parse_shift)]
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

/// The longest shift: two centuries.
const MAX_SHIFT_DAYS: i64 = 73_000;

fn parse_shift(text: &str) -> Result<Dates, String> {
    if text == "auto" {
        return Ok(Dates::ShiftPerPatient);
    }
    match text.parse::<i64>() {
        Ok(0) => Err("a shift of 0 days changes nothing; use --keep-dates if that is meant".into()),
        Ok(days) if days.abs() <= MAX_SHIFT_DAYS => Ok(Dates::Shift(days)),
        _ => Err(format!("write a number of days up to {MAX_SHIFT_DAYS}, or auto")),
    }
}

/// LO of the default repertoire: at most 64 characters, no backslash (PS3.5 section 6.2).
fn parse_identity(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'\\');
    if fits && text.trim() == text {
        Ok(text.to_owned())
    } else {
        Err("write 1 to 64 ASCII characters, without backslash and without spaces at the ends".into())
    }
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
        let Some(path) = &self.secret_file else { return Ok(Secret::random()) };
        let bytes = std::fs::read(path)
            .map_err(|e| Failure::Refused(format!("the secret file cannot be read: {e}: {}", path.display())))?;
        if bytes.len() < Secret::MIN_BYTES {
            return Err(Failure::Refused(format!(
                "the secret file has {} bytes and needs at least {}, or names could be guessed from it; make one with: head -c 32 /dev/urandom: {}",
                bytes.len(),
                Secret::MIN_BYTES,
                path.display()
            )));
        }
        Ok(Secret::from_bytes(&bytes))
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
    let mut text = table.to_string();
    let warnings: std::collections::BTreeSet<&str> = report.files.iter().flat_map(|f| &f.warnings).copied().collect();
    for warning in warnings {
        let files = report.files.iter().filter(|f| f.warnings.contains(warning)).count();
        text.push_str(&format!("Note ({files} files): {warning}\n"));
    }
    if !report.skipped.is_empty() {
        text.push_str(&format!("{} files were not copied\n", report.skipped.len()));
    }
    for limit in &report.limits {
        text.push_str(&format!("Keep in mind: {limit}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_and_identities_are_checked() {
        assert_eq!(parse_shift("-30"), Ok(Dates::Shift(-30)));
        assert_eq!(parse_shift("auto"), Ok(Dates::ShiftPerPatient));
        for wrong in ["0", "1000000", "x", ""] {
            assert!(parse_shift(wrong).is_err(), "{wrong}");
        }
        assert!(parse_identity("LUNG01").is_ok());
        for wrong in ["", " a", "a\\b", "\u{e9}"] {
            assert!(parse_identity(wrong).is_err(), "{wrong}");
        }
    }
}
