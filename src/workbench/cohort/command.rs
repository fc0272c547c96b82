//! What can be asked of the cohort desk.

use super::features::ComputeOptions;
use super::survival::SurvivalChoice;
use super::training::TrainChoice;
use crate::cohort::ImportRequest;
use crate::words::t;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Requests of the Cohort workspace.
#[derive(Debug, Clone, PartialEq)]
pub enum CohortCommand {
    Open(PathBuf),
    /// Makes an empty cohort and opens it.
    New {
        path: PathBuf,
        name: String,
    },
    /// Reads the open cohort again: another program may have changed it.
    Reload,
    Close,
    Import(ImportRequest),
    /// The list of wrong cells has been read.
    ForgetProblems,
    /// An empty table to fill in.
    Template {
        path: PathBuf,
        overwrite: bool,
    },
    /// Changes some cells of a patient, by the names of their columns.
    Edit {
        patient: String,
        cells: BTreeMap<String, String>,
    },
    /// Takes the last change of a patient back.
    TakeBack,
    Compute(ComputeOptions),
    Export {
        path: PathBuf,
        what: CohortExport,
        overwrite: bool,
    },
    /// What stands beside the map.
    SetBeside(Beside),
    Survival(SurvivalChoice),
    /// Who would be trained on.
    CountPatients(TrainChoice),
    /// Trains a risk model.
    Train(TrainChoice),
}

/// What is written of a cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CohortExport {
    /// The table that can be imported again.
    Patients,
    /// The features, one row a patient.
    Features,
    /// The whole cohort in another file.
    Copy,
    /// The figure of the survival that is shown.
    SurvivalSvg,
    /// The steps of its curves.
    SurvivalCsv,
}

impl CohortExport {
    /// The name that is written must end so.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Patients | Self::Features | Self::SurvivalCsv => "csv",
            Self::Copy => "hilum-cohort",
            Self::SurvivalSvg => "svg",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Patients => t("Patients as a table (CSV)"),
            Self::Features => t("Features as a table (CSV)"),
            Self::Copy => t("Copy of the whole cohort"),
            Self::SurvivalSvg => t("Figure (SVG)"),
            Self::SurvivalCsv => t("Steps of the curves (CSV)"),
        }
    }
}

/// Another set of recurrences beside the one that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Beside {
    #[default]
    Nothing,
    Published,
    Cohort(PathBuf),
}
