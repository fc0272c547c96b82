//! File dialogs behind a trait: the system's in the window, scripted ones in tests. A dialog is polled
//! once a frame, so the window goes on drawing while it is open.

use crate::tf;
use crate::words::t;
use crate::workbench::ExportFormat;
use crate::workbench::cohort::CohortExport;
use std::collections::VecDeque;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// What a dialog asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// A folder with a CT.
    CaseFolder,
    /// A file of structures for the open case.
    Structures,
    /// Where to write the export: a file, or a folder for masks.
    Export {
        format: ExportFormat,
        suggested_name: String,
        /// The case that was open when it was asked.
        case_count: u64,
    },
    /// A folder to de-identify, and the one for the copies.
    DeidentifySource,
    DeidentifyOutput,
    /// The secret of a de-identification.
    SecretFile,
    /// Where to write a picture of a view.
    Picture,
    /// A file of keys to read, and one to write.
    ImportKeys,
    ExportKeys,
    /// The folder of a network.
    Network,
    /// The folder of a follow-up CT.
    FollowUp,
    /// How it lies to the planning CT.
    Registration,
    /// Where to write the figures of a recurrence.
    RecurrenceFile,
    /// The folder of a risk model.
    RiskModel,
    Cohort(CohortPick),
}

/// Files of the Cohort workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CohortPick {
    Open,
    /// Where to make one, with its name.
    New(String),
    /// A table to import, and the folder of its cases.
    Table,
    Cases,
    Template,
    Export(CohortExport),
    /// Another cohort beside the map.
    Beside,
}

impl CohortPick {
    fn dialog(&self) -> Answer {
        let cohorts = |title: &str| dialog(title).add_filter(t("Cohorts of Hilum"), &["hilum-cohort"]);
        match self {
            Self::Open => waits(cohorts(t("Open a cohort")).pick_file()),
            Self::Beside => waits(cohorts(t("Another cohort beside the map")).pick_file()),
            Self::New(_) => {
                waits(cohorts(t("Where to make the cohort")).set_file_name("cohort.hilum-cohort").save_file())
            }
            Self::Table => waits(dialog(t("Table of patients")).add_filter("CSV", &["csv", "tsv", "txt"]).pick_file()),
            Self::Cases => waits(dialog(t("Folder of the cases")).pick_folder()),
            Self::Template => waits(dialog(t("Save a template")).set_file_name("patients.csv").save_file()),
            Self::Export(what) => {
                let name = match what {
                    CohortExport::Patients => "patients.csv",
                    CohortExport::Features => "features.csv",
                    CohortExport::Copy => "copy.hilum-cohort",
                    CohortExport::SurvivalSvg => "survival.svg",
                    CohortExport::SurvivalCsv => "survival.csv",
                };
                waits(dialog(what.label()).set_file_name(name).save_file())
            }
        }
    }
}

/// A finished dialog; no path if it was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picked {
    pub pick: Pick,
    pub path: Option<PathBuf>,
    /// The desktop showed no dialog at all.
    pub failed: bool,
}

/// Asks the user for files.
pub trait FilePicker {
    /// Opens a dialog; while one is open this does nothing.
    fn open(&mut self, pick: Pick);
    /// The dialog that was closed since the last call.
    fn poll(&mut self) -> Option<Picked>;
    fn is_open(&self) -> bool;
}

type Answer = Pin<Box<dyn Future<Output = Option<PathBuf>>>>;

fn dialog(title: &str) -> rfd::AsyncFileDialog {
    rfd::AsyncFileDialog::new().set_title(title)
}

/// The path that the dialog gives, once it is closed.
fn waits(file: impl Future<Output = Option<rfd::FileHandle>> + 'static) -> Answer {
    Box::pin(async move { file.await.map(|f| f.path().to_path_buf()) })
}

/// The dialogs of the desktop.
#[derive(Default)]
pub struct SystemPicker {
    open: Option<(Pick, Answer, Instant)>,
}

/// Nobody reads and cancels a dialog this fast: where one ends sooner, the desktop could not show it.
const TOO_FAST: Duration = Duration::from_millis(400);

impl FilePicker for SystemPicker {
    fn open(&mut self, pick: Pick) {
        if self.open.is_some() {
            return;
        }
        let answer = match &pick {
            Pick::Cohort(what) => what.dialog(),
            Pick::CaseFolder => waits(dialog(t("Open a folder with a CT and its structures")).pick_folder()),
            Pick::DeidentifySource => waits(dialog(t("Folder to de-identify")).pick_folder()),
            Pick::DeidentifyOutput => waits(dialog(t("Empty folder for the copies")).pick_folder()),
            Pick::Network => waits(dialog(t("Folder of a network")).pick_folder()),
            Pick::FollowUp => waits(dialog(t("Open a folder with a follow-up CT and its structures")).pick_folder()),
            Pick::Registration => waits(dialog(t("Registration of the follow-up")).pick_file()),
            Pick::RecurrenceFile => {
                let dialog = dialog(t("Save the figures")).add_filter("JSON", &["json"]);
                waits(dialog.set_file_name("recurrence.json").save_file())
            }
            Pick::RiskModel => waits(dialog(t("Folder of a risk model")).pick_folder()),
            Pick::SecretFile => waits(dialog(t("Secret file")).pick_file()),
            Pick::ImportKeys => waits(dialog(t("Import keys")).add_filter("TOML", &["toml"]).pick_file()),
            Pick::ExportKeys => {
                let dialog = dialog(t("Export keys")).add_filter("TOML", &["toml"]);
                waits(dialog.set_file_name("hilum-keys.toml").save_file())
            }
            Pick::Picture => {
                let dialog = dialog(t("Save picture")).add_filter("PNG", &["png"]);
                waits(dialog.set_file_name("hilum-view.png").save_file())
            }
            Pick::Structures => {
                waits(dialog(t("Add a structure set, a DICOM segmentation or NIfTI labels")).pick_file())
            }
            Pick::Export { format, suggested_name, .. } => {
                let dialog = dialog(&tf!("Export as {label}", label = format.label()));
                match format.ending() {
                    // Masks go into a folder; the dialog can make a new one.
                    None => waits(dialog.pick_folder()),
                    Some(ending) => {
                        let kind = if ending == "dcm" { "DICOM" } else { "NIfTI" };
                        waits(dialog.add_filter(kind, &[ending]).set_file_name(suggested_name).save_file())
                    }
                }
            }
        };
        self.open = Some((pick, answer, Instant::now()));
    }

    fn poll(&mut self) -> Option<Picked> {
        let (_, answer, _) = self.open.as_mut()?;
        let Poll::Ready(path) = answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { return None };
        let (pick, _, since) = self.open.take()?;
        let failed = path.is_none() && since.elapsed() < TOO_FAST;
        Some(Picked { pick, path, failed })
    }

    fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

/// Answers from a list, for tests and screenshots.
#[derive(Debug, Default)]
pub struct ScriptedPicker {
    pub answers: VecDeque<Option<PathBuf>>,
    asked: VecDeque<Pick>,
}

impl ScriptedPicker {
    pub fn new(answers: impl IntoIterator<Item = Option<PathBuf>>) -> Self {
        Self { answers: answers.into_iter().collect(), asked: VecDeque::new() }
    }
}

impl FilePicker for ScriptedPicker {
    fn open(&mut self, pick: Pick) {
        self.asked.push_back(pick);
    }

    fn poll(&mut self) -> Option<Picked> {
        let pick = self.asked.pop_front()?;
        Some(Picked { pick, path: self.answers.pop_front().flatten(), failed: false })
    }

    fn is_open(&self) -> bool {
        !self.asked.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripted_answers_come_in_order_and_run_out_as_cancelled() {
        let mut picker = ScriptedPicker::new([Some(PathBuf::from("a"))]);
        picker.open(Pick::CaseFolder);
        picker.open(Pick::CaseFolder);
        assert_eq!(picker.poll().and_then(|p| p.path), Some(PathBuf::from("a")));
        assert_eq!(picker.poll().map(|p| p.path), Some(None));
        assert!(picker.poll().is_none());
    }
}
