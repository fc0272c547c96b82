//! `hilum journal`: work of the window that was not exported, listed, exported and discarded.

mod export;

use super::failure::Failure;
use super::output::{self, Table};
use super::terminal::Terminal;
use crate::workbench::journal::{
    CaseOrigin, End, FoundJournal, default_folder, discard_journal, find_journals, id_of, prune_journals,
};
use crate::workbench::{error_chain, exact_time, local_time};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Subcommand)]
pub enum Journal {
    List(List),
    Show(Show),
    Export(export::Export),
    Discard(Discard),
}

impl Journal {
    pub fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        match self {
            Self::List(c) => c.run(),
            Self::Show(c) => c.run(),
            Self::Export(c) => c.run(terminal),
            Self::Discard(c) => c.run(),
        }
    }
}

fn folder() -> Result<PathBuf, Failure> {
    default_folder().ok_or_else(|| {
        Failure::Failed("there is no folder for journals on this computer; name one in HILUM_HOME".into())
    })
}

/// The journals of the folder, without those of which nothing is at stake, and what is wrong with other files.
fn all(folder: &Path) -> (Vec<FoundJournal>, Vec<(PathBuf, String)>) {
    let (mut found, damaged) = find_journals(folder);
    prune_journals(&mut found);
    (found, damaged)
}

/// The journal of a short name.
fn find(folder: &Path, id: &str) -> Result<FoundJournal, Failure> {
    let (found, damaged) = all(folder);
    let fits = |path: &Path| path.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with(id));
    if let Some((_, why)) = damaged.iter().find(|(path, _)| !id.is_empty() && fits(path)) {
        return Err(Failure::Refused(format!(
            "journal {id} cannot be read: {why}; `hilum journal discard` removes it"
        )));
    }
    let ids: Vec<String> = found.iter().map(FoundJournal::id).collect();
    let mut fitting = found.into_iter().filter(|j| fits(&j.path));
    match (id.is_empty(), fitting.next(), fitting.next()) {
        (false, Some(one), None) => Ok(one),
        (false, Some(_), Some(_)) => {
            Err(Failure::Refused(format!("several journals begin with {id}; write more of it")))
        }
        _ if ids.is_empty() => Err(Failure::Refused("there is no journal; all work was exported or discarded".into())),
        _ => Err(Failure::Refused(format!("there is no journal {id}; there are: {}", ids.join(", ")))),
    }
}

/// List cases with edits that were not exported
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every finished edit of the window goes to a journal at once, so that a crash costs nothing. A journal is there until its
case is closed with everything exported. The folder and the files can be read by their owner only. They hold contours,
names and UIDs of the patient, and the paths of the images, but no images; what is listed names none of these unless asked.

Examples:
  hilum journal list
  hilum journal list --identifiers --json

JSON keys:
  folder         where the journals lie
  journals       newest first [{id, edited (time of the last edit), edits, unexported (edits after the last export),
                 structures (names), slices (of the CT), bytes, torn_bytes (at the end, that cannot be read), in_use (a
                 window has the case open), patient, description, paths (of the case), file}]; the last four are null
                 without --identifiers, edits are 0 for a journal in use
  damaged        files that cannot be read [{id, why}]
  bytes          of all journals")]
pub struct List {
    /// Tell name of the patient, description of the series, and paths too
    #[arg(long)]
    identifiers: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct ListReport {
    folder: String,
    journals: Vec<Row>,
    damaged: Vec<DamagedRow>,
    bytes: u64,
}

#[derive(serde::Serialize)]
struct Row {
    id: String,
    edited: String,
    edits: usize,
    unexported: usize,
    structures: Vec<String>,
    slices: usize,
    bytes: u64,
    torn_bytes: u64,
    in_use: bool,
    patient: Option<String>,
    description: Option<String>,
    paths: Option<Vec<String>>,
    file: Option<String>,
}

#[derive(serde::Serialize)]
struct DamagedRow {
    id: String,
    why: String,
}

impl Row {
    fn of(journal: &FoundJournal, identifiers: bool) -> Self {
        let identity = &journal.identity;
        let paths = match &identity.origin {
            CaseOrigin::Files { paths, .. } => paths.iter().map(|p| p.display().to_string()).collect(),
            CaseOrigin::Demo { .. } => Vec::new(),
        };
        Self {
            id: journal.id(),
            edited: exact_time(journal.last),
            edits: journal.edits(),
            unexported: journal.unexported(),
            structures: journal.structures().into_iter().map(str::to_owned).collect(),
            slices: identity.grid.slices(),
            bytes: journal.bytes,
            torn_bytes: match journal.end {
                End::Whole => 0,
                End::Torn { bytes, .. } => bytes,
            },
            in_use: journal.in_use,
            patient: identifiers.then(|| identity.patient.clone()),
            description: identifiers.then(|| identity.description.clone()),
            paths: identifiers.then_some(paths),
            file: identifiers.then(|| journal.path.display().to_string()),
        }
    }
}

impl List {
    fn run(&self) -> Result<(), Failure> {
        let folder = folder()?;
        let (found, damaged) = all(&folder);
        let report = ListReport {
            folder: folder.display().to_string(),
            journals: found.iter().map(|journal| Row::of(journal, self.identifiers)).collect(),
            bytes: found.iter().map(|journal| journal.bytes).sum(),
            damaged: damaged.into_iter().map(|(path, why)| DamagedRow { id: id_of(&path), why }).collect(),
        };
        if self.json {
            return output::print_json(&report);
        }
        if report.journals.is_empty() && report.damaged.is_empty() {
            return output::print("No case has edits that were not exported\n");
        }
        let mut columns = vec!["id", "last edit", "edits", "not exported", "structures"];
        columns.extend(self.identifiers.then_some(["patient", "paths"]).into_iter().flatten());
        let mut table = Table::new(&columns);
        for (journal, row) in found.iter().zip(&report.journals) {
            let state = if row.in_use { "open now".to_owned() } else { row.unexported.to_string() };
            let mut cells =
                vec![row.id.clone(), local_time(journal.last), row.edits.to_string(), state, row.structures.join(", ")];
            cells.extend(row.patient.clone());
            cells.extend(row.paths.as_ref().map(|paths| paths.join(", ")));
            table.row(cells);
        }
        let mut text = table.to_string();
        for DamagedRow { id, why } in &report.damaged {
            text.push_str(&format!("{id} cannot be read: {why}\n"));
        }
        text.push_str(&format!(
            "{:.1} MB, open to their owner only, in {}\n",
            report.bytes as f64 / 1e6,
            report.folder
        ));
        output::print(&text)
    }
}

/// List the steps of a journal
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Steps that were taken back are not listed. The state of a step can be exported alone with hilum journal export --state.

Examples:
  hilum journal show 3f2a91bc
  hilum journal show 3f2a91bc --json

JSON keys:
  id             of the journal
  dropped        earlier edits that are in it but can no longer be taken back
  steps          oldest first [{state, time, label, touched [{structure, slices (from 0)}], exported (the last export
                 holds this state)}]")]
pub struct Show {
    /// The journal, as `hilum journal list` names it
    #[arg(value_name = "ID")]
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct ShowReport {
    id: String,
    dropped: usize,
    steps: Vec<StepRow>,
}

#[derive(serde::Serialize)]
struct StepRow {
    state: u64,
    time: String,
    label: String,
    touched: Vec<TouchedRow>,
    exported: bool,
}

#[derive(serde::Serialize)]
struct TouchedRow {
    structure: String,
    slices: Vec<usize>,
}

impl Show {
    fn run(&self) -> Result<(), Failure> {
        let journal = find(&folder()?, &self.id)?;
        refuse_in_use(&journal)?;
        let step = |step: &crate::workbench::journal::StepNote| StepRow {
            state: step.state,
            time: exact_time(step.at),
            label: step.label.clone(),
            touched: step
                .touched
                .iter()
                .map(|t| TouchedRow { structure: t.name.clone(), slices: t.slices.clone() })
                .collect(),
            exported: journal.exported == Some(step.state),
        };
        if self.json {
            let steps = journal.steps.iter().map(step).collect();
            return output::print_json(&ShowReport { id: journal.id(), dropped: journal.dropped, steps });
        }
        let mut table = Table::new(&["state", "time", "step", "structures", "slices"]);
        for step in &journal.steps {
            let names = step.touched.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ");
            let slices: usize = step.touched.iter().map(|t| t.slices.len()).sum();
            table.row([step.state.to_string(), local_time(step.at), step.label.clone(), names, slices.to_string()]);
        }
        output::print(&table.to_string())
    }
}

fn refuse_in_use(journal: &FoundJournal) -> Result<(), Failure> {
    if journal.in_use {
        return Err(Failure::Refused("a window has this case open; export it there, or close the window first".into()));
    }
    Ok(())
}

/// Remove journals with their edits
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Edits that were not exported cannot be brought back afterwards; that is asked for with --unexported.

Examples:
  hilum journal discard 3f2a91bc --unexported
  hilum journal discard 3f2a91bc 90cc17de --unexported --json

JSON keys:
  discarded      ids of the journals that are gone
  edits          how many edits went that were in no exported file")]
pub struct Discard {
    /// The journals, as `hilum journal list` names them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Also those with edits that were not exported
    #[arg(long)]
    unexported: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct DiscardReport {
    discarded: Vec<String>,
    edits: usize,
}

impl Discard {
    fn run(&self) -> Result<(), Failure> {
        let folder = folder()?;
        let (found, damaged) = all(&folder);
        // All of them are looked up before the first one goes.
        let mut paths = Vec::new();
        let mut edits = 0;
        for id in &self.ids {
            let unreadable = damaged.iter().map(|(path, _)| path).find(|path| id_of(path) == *id);
            let (path, at_stake) = match unreadable {
                // Nobody knows what it holds.
                Some(path) => (path.clone(), None),
                None => {
                    let journal =
                        found.iter().find(|j| j.id() == *id).cloned().map_or_else(|| find(&folder, id), Ok)?;
                    refuse_in_use(&journal)?;
                    (journal.path.clone(), Some(journal.unexported()))
                }
            };
            if !self.unexported && at_stake != Some(0) {
                let what = at_stake.map_or_else(|| "what nobody can read".to_owned(), |n| format!("{n} edits"));
                return Err(Failure::Refused(format!(
                    "journal {id} holds {what} that were not exported; export them with `hilum journal export {id}`, or add --unexported to let them go"
                )));
            }
            edits += at_stake.unwrap_or_default();
            paths.push(path);
        }
        let mut discarded = Vec::new();
        for path in paths {
            discard_journal(&path).map_err(|error| {
                Failure::Failed(format!("journal {} could not be removed: {}", id_of(&path), error_chain(&error)))
            })?;
            discarded.push(id_of(&path));
        }
        if self.json {
            return output::print_json(&DiscardReport { discarded, edits });
        }
        output::print(&format!("Discarded {}\n", discarded.join(", ")))
    }
}
