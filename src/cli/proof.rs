//! `hilum proof`: an exported structure set against the proof that lies beside it.

use super::failure::Failure;
use super::output;
use super::terminal::Terminal;
use crate::dicom::{ProofCheck, ProofCheckError, check_export};
use std::path::PathBuf;

/// Check an exported structure set against its proof
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An export leaves its proof beside the set: NAME.dcm has NAME.proof.json. Here the set is read again and compared with
what the proof says: SHA-256, UID, structures, contours and points, errors against the standard. Exit code 1 where
something differs.

Examples:
  hilum proof corrected.dcm
  hilum proof archive/rs.dcm --proof corrected.proof.json --json

JSON keys:
  path, proof    files
  program        that wrote the proof
  agrees         true if nothing differs
  sha256, sha256_same   of the file now, and whether it is that of the proof
  rois, contours, points   how many there are
  differences    in sentences
  errors, warnings   how many places are not as the standard says
  findings       each of them [{kind (error or warning), path (tags, items counted from 1), attribute, roi_number, roi,
                 text, value, part (of DICOM)}]")]
pub struct Proof {
    /// The structure set
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The proof, where it does not lie beside the set
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Proof {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let check = check_export(&self.file, self.proof.as_deref()).map_err(|error| match error {
            ProofCheckError::NoProof { .. } | ProofCheckError::NotAProof { .. } | ProofCheckError::Set(_) => {
                Failure::refused(error)
            }
        })?;
        terminal.finish();
        if self.json {
            output::print_json(&check)?;
        } else {
            output::print(&words(&check))?;
        }
        if check.agrees {
            return Ok(());
        }
        let what = match check.differences.len() {
            1 => "1 thing differs".to_owned(),
            n => format!("{n} things differ"),
        };
        Err(Failure::Failed(format!(
            "the structure set is not what its proof says ({what}); take the file that was exported, or export again: {}",
            check.path.display()
        )))
    }
}

fn words(check: &ProofCheck) -> String {
    let mut text = if check.agrees {
        format!(
            "The file is what its proof says: {} structures, {} contours, {} points, the same SHA-256\n",
            check.rois, check.contours, check.points
        )
    } else {
        check.differences.iter().map(|d| format!("{d}\n")).collect()
    };
    text.push_str(&format!("{} errors and {} warnings against the standard\n", check.errors, check.warnings));
    for finding in &check.findings {
        text.push_str(&format!("  {finding}\n"));
    }
    text
}
