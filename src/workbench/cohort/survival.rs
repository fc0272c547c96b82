//! What can be asked about the survival of a cohort: endpoints, groups and covariates.

use super::table::{PatientTable, TableColumn};
use crate::cohort::Column;
use crate::studies::survival::SurvivalQuestion;
use crate::survival::{ConfidenceTransform, Ties};
use crate::words::t;
use std::collections::BTreeSet;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumIter)]
pub enum Endpoint {
    /// Death of any cause.
    #[default]
    Overall,
    /// Recurrence or death, whichever comes first.
    Progression,
    /// Recurrence; death without one competes.
    Recurrence,
}

impl Endpoint {
    pub fn label(self) -> &'static str {
        match self {
            Self::Overall => t("Overall survival"),
            Self::Progression => t("Progression-free survival"),
            Self::Recurrence => t("Freedom from recurrence"),
        }
    }

    /// What the event is.
    pub fn note(self) -> &'static str {
        match self {
            Self::Overall => t("Event: death of any cause"),
            Self::Progression => t("Event: recurrence in the chest or death"),
            Self::Recurrence => t("Event: recurrence in the chest; death without one competes"),
        }
    }
}

/// The choices of the window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SurvivalChoice {
    pub endpoint: Endpoint,
    /// Names of columns as in a table file.
    pub group: Option<String>,
    pub covariates: BTreeSet<String>,
}

/// Times at which curves are read, months.
const READ_AT: [f64; 3] = [12.0, 24.0, 36.0];

impl SurvivalChoice {
    /// Groups of more levels than this make no figure that can be read.
    pub const MOST_GROUPS: usize = 7;

    /// The question in the words of `hilum survival`.
    pub fn question(&self) -> SurvivalQuestion {
        let (time, event, competing) = match self.endpoint {
            Endpoint::Overall => ("follow_up_months", "died", None),
            Endpoint::Progression => ("progression_free_months", "progressed", None),
            Endpoint::Recurrence => ("recurrence_free_months", "recurred", Some("died")),
        };
        SurvivalQuestion {
            time: time.into(),
            event: event.into(),
            competing: competing.map(str::to_owned),
            group: self.group.clone(),
            strata: None,
            covariates: self.covariates.iter().cloned().collect(),
            at: READ_AT.to_vec(),
            horizon: None,
            confidence: 0.95,
            transform: ConfidenceTransform::Log,
            ties: Ties::Efron,
        }
    }
}

/// Columns by which patients can be grouped: two to seven different values, and no outcome.
pub fn groups(table: &PatientTable) -> Vec<(String, String)> {
    by_levels(table, |levels, _| (2..=SurvivalChoice::MOST_GROUPS).contains(&levels.len()))
}

/// Columns that can stand in a table of hazards: numbers, or words of few levels.
pub fn covariates(table: &PatientTable) -> Vec<(String, String)> {
    by_levels(table, |levels, all_numbers| {
        levels.len() > 1 && (all_numbers || levels.len() <= SurvivalChoice::MOST_GROUPS)
    })
}

/// Names and labels of columns without outcomes whose values pass.
fn by_levels(table: &PatientTable, wanted: impl Fn(&BTreeSet<&str>, bool) -> bool) -> Vec<(String, String)> {
    let is_outcome = |column: &Column| {
        use Column::{Died, FollowUp, LocalFailure, Patient, Recurred, RecurrenceMonths, RecurrenceStations};
        let all = [Patient, Column::Case, FollowUp, Died, Recurred, RecurrenceMonths, RecurrenceStations, LocalFailure];
        all.contains(column)
    };
    let mut found = Vec::new();
    for (n, column) in table.columns().iter().enumerate() {
        let (name, label) = match column {
            TableColumn::Known(column) if !is_outcome(column) => (column.name(), column.label()),
            TableColumn::Extra(name) => (name.as_str(), name.as_str()),
            _ => continue,
        };
        let cells = || (0..table.len()).map(|row| table.cell(row, n)).filter(|cell| !cell.is_empty());
        let all_numbers = cells().all(|cell| cell.parse::<f64>().is_ok_and(f64::is_finite));
        let mut levels = BTreeSet::new();
        for cell in cells() {
            levels.insert(cell);
            if levels.len() > SurvivalChoice::MOST_GROUPS {
                break;
            }
        }
        if wanted(&levels, all_numbers) {
            found.push((name.to_owned(), label.to_owned()));
        }
    }
    found
}
