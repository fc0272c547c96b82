//! What a risk model is trained on: the patients of a cohort with features and a known outcome at an endpoint, and who was left
//! out on the way.

use super::simulated_cohort::{SimulatedCohort, TRUE_FEATURES};
use crate::cohort::{CohortStore, PatientRecord, StoreError};
use crate::features::{FeatureDefinition, FeatureInfo, Sex, catalogue, definition_sha256, feature_index};
use crate::kept;
use crate::risk::{FlowRow, Table, TableError};
use crate::words::keep;

/// Not an input: a property of the scanner, not of the patient.
pub const NOT_AN_INPUT: &str = "g_voxel_mm3";

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Event {
    /// Any recurrence in the chest.
    #[default]
    Recurrence,
    /// The disease came back where it was treated.
    LocalFailure,
}

/// An event, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Endpoint {
    pub event: Event,
    /// `None` = at any time of follow-up, as the paper has it.
    pub horizon_months: Option<f64>,
}

impl Endpoint {
    /// What is predicted, as it stands in the files of a model.
    pub fn words(self, simulated: bool) -> String {
        match (self.event, self.horizon_months, simulated) {
            (Event::Recurrence, None, false) => keep("Any recurrence").to_owned(),
            (Event::Recurrence, None, true) => keep("Any recurrence (simulated)").to_owned(),
            (Event::LocalFailure, None, false) => keep("Local failure").to_owned(),
            (Event::LocalFailure, None, true) => keep("Local failure (simulated)").to_owned(),
            (Event::Recurrence, Some(months), false) => kept!("Any recurrence within {months} months", months),
            (Event::Recurrence, Some(months), true) => {
                kept!("Any recurrence within {months} months (simulated)", months)
            }
            (Event::LocalFailure, Some(months), false) => kept!("Local failure within {months} months", months),
            (Event::LocalFailure, Some(months), true) => {
                kept!("Local failure within {months} months (simulated)", months)
            }
        }
    }

    /// Whether it happened to a patient; why nobody knows, as the flow of patients says it.
    fn of(self, patient: &PatientRecord) -> Result<bool, &'static str> {
        let outcome = &patient.outcome;
        let recurred = outcome.recurred.or((!outcome.recurrence_stations.is_empty()).then_some(true));
        let happened = match self.event {
            Event::Recurrence => recurred,
            Event::LocalFailure => outcome.local_failure.or((recurred == Some(false)).then_some(false)),
        };
        let happened = happened.ok_or(keep("left out: whether it happened is not known"))?;
        let Some(horizon) = self.horizon_months else { return Ok(happened) };
        if happened {
            let months = outcome.recurrence_months.ok_or(keep("left out: when it happened is not known"))?;
            return Ok(months <= horizon);
        }
        // Who died before without the event did not have it by then; who was lost before may have.
        match outcome.follow_up_months {
            None => Err(keep("left out: the length of follow-up is not known")),
            Some(months) if months < horizon && outcome.died != Some(true) => {
                Err(keep("left out: observed for less than the horizon"))
            }
            Some(_) => Ok(false),
        }
    }
}

/// The patients, ready for training.
#[derive(Debug, Clone)]
pub struct TrainingSet {
    pub name: String,
    pub simulated: bool,
    pub endpoint: Endpoint,
    pub flow: Vec<FlowRow>,
    /// In the order of the rows of the table.
    pub patients: Vec<PatientRecord>,
    /// Candidates and outcome.
    pub table: Table,
    pub truth: Option<String>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum TrainingSetError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Table(#[from] TableError),
}

/// The features that may be chosen.
fn candidates() -> impl Iterator<Item = &'static FeatureInfo> {
    catalogue().iter().filter(|f| f.name != NOT_AN_INPUT)
}

impl TrainingSet {
    /// From the patients of a store with features.
    pub fn of_store(store: &CohortStore, endpoint: Endpoint) -> Result<Self, TrainingSetError> {
        let (about, mut features) = (store.about()?, store.features()?);
        let definition = definition_sha256(&FeatureDefinition::default());
        let patients = store.patients()?.into_iter().map(|patient| {
            let values = match features.remove(&patient.id) {
                None => Err(keep("left out: features have not been computed")),
                Some(f) if f.definition != definition => Err(keep("left out: features are out of date")),
                Some(f) => f.values.map_err(|_| keep("left out: features could not be computed")),
            };
            (patient, values)
        });
        let set = Self::new(about.name, about.simulated, endpoint, patients)?;
        Ok(Self { truth: store.remark()?, ..set })
    }

    /// From simulated patients at hand.
    pub fn of_simulated(cohort: &SimulatedCohort, endpoint: Endpoint) -> Result<Self, TrainingSetError> {
        let name = format!("{} simulated patients, seed {}", cohort.patients.len(), cohort.seed);
        let patients = cohort.patients.iter().map(|p| (p.record.clone(), Ok(p.features.values.to_vec())));
        let set = Self::new(name, true, endpoint, patients)?;
        Ok(Self { truth: Some(cohort.truth()), ..set })
    }

    fn new(
        name: String,
        simulated: bool,
        endpoint: Endpoint,
        patients: impl Iterator<Item = (PatientRecord, Result<Vec<Option<f64>>, &'static str>)>,
    ) -> Result<Self, TrainingSetError> {
        let idea = feature_index("g_idea_cm3");
        let mut all = 0;
        let mut left: Vec<FlowRow> = Vec::new();
        let (mut kept, mut rows, mut outcome) = (Vec::new(), Vec::new(), Vec::new());
        for (patient, values) in patients {
            all += 1;
            let usable = values.and_then(|values| {
                if values.len() != catalogue().len() {
                    return Err(keep("left out: features are out of date"));
                }
                let touched = idea.and_then(|n| values[n]).is_some_and(|cm3| cm3 > 0.0);
                if touched { Ok(values) } else { Err(keep("left out: the CTV touches no station")) }
            });
            let usable = usable.and_then(|values| Ok((values, endpoint.of(&patient)?)));
            match usable {
                Ok((values, happened)) => {
                    rows.push(candidates().map(|f| values[f.index]).collect::<Vec<_>>());
                    outcome.push(happened);
                    kept.push(patient);
                }
                Err(why) => match left.iter_mut().find(|row| row.what == why) {
                    Some(row) => row.patients += 1,
                    None => left.push(FlowRow { what: why.to_owned(), patients: 1 }),
                },
            }
        }
        let events = outcome.iter().filter(|y| **y).count();
        let row = |what: &str, patients: usize| FlowRow { what: what.to_owned(), patients };
        let mut flow = vec![row(keep("in the cohort"), all)];
        flow.extend(left);
        flow.push(row(keep("analysed"), kept.len()));
        flow.push(row(keep("with the event"), events));
        let table = Table::new(candidates().map(|f| f.name.clone()).collect(), &rows, outcome)?;
        Ok(Self { name, simulated, endpoint, flow, patients: kept, table, truth: None })
    }

    /// Features through which the known truth acts.
    pub fn true_features(&self) -> Vec<String> {
        if self.simulated { TRUE_FEATURES.map(str::to_owned).to_vec() } else { Vec::new() }
    }

    /// Groups of patients, by what is known of them.
    pub fn subgroups(&self) -> Vec<(&'static str, Vec<usize>)> {
        type Holds = fn(&PatientRecord) -> Option<bool>;
        let groups: [(&'static str, Holds); 8] = [
            (keep("Men"), |p| p.clinical.sex.map(|s| s == Sex::Male)),
            (keep("Women"), |p| p.clinical.sex.map(|s| s == Sex::Female)),
            (keep("60 years or younger"), |p| p.clinical.age().map(|a| a <= 60.0)),
            (keep("Older than 60 years"), |p| p.clinical.age().map(|a| a > 60.0)),
            (keep("T1 and T2"), |p| p.clinical.t_stage.and_then(|t| t.number()).map(|t| t <= 2)),
            (keep("T3 and T4"), |p| p.clinical.t_stage.and_then(|t| t.number()).map(|t| t > 2)),
            (keep("Central tumor"), |p| p.clinical.central),
            (keep("Peripheral tumor"), |p| p.clinical.central.map(|c| !c)),
        ];
        groups
            .into_iter()
            .map(|(name, holds)| {
                let rows = self.patients.iter().enumerate().filter(|(_, p)| holds(p) == Some(true));
                (name, rows.map(|(n, _)| n).collect())
            })
            .collect()
    }
}
