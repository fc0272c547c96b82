//! `hilum journal export`: the case of a journal as it was left, written as a proved structure set.

use super::super::case_args::Opened;
use super::super::export::{ExportArgs, export_case, require_images};
use super::{Failure, Terminal, folder, output};
use crate::progress::Progress as _;
use crate::workbench::journal::{RecoveredCase, discard_journal, recover};
use crate::workbench::{Case, ExportFormat, OpenError};
use std::path::PathBuf;

/// Write the contours of a journal as a new structure set, with its proof
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The CT is read again and must be the one on which was drawn, slice by slice; then every edit is replayed. Once the file
is proved and holds all edits, the journal is removed, unless --keep is given or something of it could not be read.

Examples:
  hilum journal export 3f2a91bc -o recovered.dcm
  hilum journal export 3f2a91bc -o recovered.dcm --from /moved/patient1 --json
  hilum journal export 3f2a91bc -o earlier.dcm --state 17

JSON keys:
  id             of the journal
  state          of the history that was exported
  edits          done up to it
  removed        whether the journal is gone
  proof          as printed by hilum export --json
  notes          remarks of the import and of the journal
  research_only  a sentence")]
pub struct Export {
    /// The journal, as `hilum journal list` names it
    #[arg(value_name = "ID")]
    id: String,
    /// Where CT and structures lie now, if not where they were
    #[arg(long, value_name = "PATH")]
    from: Vec<PathBuf>,
    /// The case as it was after this step, as `hilum journal show` numbers them
    #[arg(long, value_name = "N")]
    state: Option<u64>,
    #[command(flatten)]
    export: ExportArgs,
    /// Keep the journal
    #[arg(long)]
    keep: bool,
    /// Export although the import doubts the geometry of the scan
    #[arg(long)]
    accept_geometry: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Report {
    id: String,
    state: u64,
    edits: usize,
    removed: bool,
    proof: serde_json::Value,
    notes: Vec<String>,
    research_only: &'static str,
}

impl Export {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        self.export.refuse_existing()?;
        let journal = super::find(&folder()?, &self.id)?;
        super::refuse_in_use(&journal)?;
        let from = (!self.from.is_empty()).then_some(self.from.as_slice());
        let recovered = recover(&journal.path, from, terminal, &mut |_| terminal.checkpoint());
        let RecoveredCase { loaded, is_whole, .. } = recovered.map_err(|error| match error {
            error if error.is_cancelled() => Failure::Cancelled,
            OpenError::Journal(error) => Failure::refused(error),
            error => Failure::refused(error),
        })?;
        let mut opened = Opened::new(loaded, false);
        opened.remarks.iter().for_each(|remark| terminal.note(&format!("warning: {remark}")));
        opened.refuse_source(&self.export.output)?;
        let notes = opened.remarks.clone();
        let last = opened.loaded.case.history().state();
        self.go_back(&mut opened.loaded.case)?;
        let case = &opened.loaded.case;
        require_images(case, ExportFormat::StructureSet)?;
        if !case.image.meta.geometry_safe && !self.accept_geometry {
            return Err(Failure::Refused(
                "the geometry of the scan is doubtful, see the remarks above; look at it, then add --accept-geometry to go on"
                    .into(),
            ));
        }
        let proof = export_case(case, &self.export, false, terminal)?;
        let state = case.history().state();
        let removed = is_whole && !self.keep && state == last;
        if removed {
            discard_journal(&journal.path).map_err(Failure::failed)?;
        }
        terminal.finish();
        let edits = case.history().dropped() + case.history().len();
        if self.json {
            let proof = serde_json::to_value(&proof).map_err(Failure::failed)?;
            let id = journal.id();
            let research_only = crate::RESEARCH_ONLY;
            return output::print_json(&Report { id, state, edits, removed, proof, notes, research_only });
        }
        let kept = if removed { "The journal was removed" } else { "The journal is still there" };
        output::print(&format!("{edits} edits\n{}\n{kept}\n{}\n", proof.summary(), crate::RESEARCH_ONLY))
    }

    /// Goes back to the state that was asked for.
    fn go_back(&self, case: &mut Case) -> Result<(), Failure> {
        let Some(state) = self.state else { return Ok(()) };
        let way = case.history().way_to(state);
        if way.is_none() {
            return Err(Failure::Refused(format!(
                "the journal has no state {state}; `hilum journal show {}` lists them",
                self.id
            )));
        }
        case.go_to(state);
        Ok(())
    }
}
