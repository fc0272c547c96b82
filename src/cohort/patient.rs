//! A patient of a cohort: who, which case, what is known, and what became of it; and the columns of a table in which all that
//! is written, with the reading of their cells.

use crate::features::{ClinicalValues, Sex, TStage};
use crate::structures::Station;
use crate::tf;
use crate::words::{keep, t};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Mean length of a month, days.
const MONTH_DAYS: f64 = 365.25 / 12.0;

/// What became of a patient, counted from the start of radiotherapy.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// To death or to the last contact, months.
    pub follow_up_months: Option<f64>,
    pub died: Option<bool>,
    /// Any recurrence in the chest.
    pub recurred: Option<bool>,
    /// To the recurrence, months.
    pub recurrence_months: Option<f64>,
    pub recurrence_stations: BTreeSet<Station>,
    /// The disease came back, or grew on, where it was treated.
    pub local_failure: Option<bool>,
}

/// A row of a cohort.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct PatientRecord {
    /// Unique in the cohort: a pseudonym.
    pub id: String,
    /// Folder or file of the planning CT with its structures.
    pub case: Option<PathBuf>,
    pub center: Option<String>,
    pub clinical: ClinicalValues,
    /// Stations with disease before treatment.
    pub initial_stations: BTreeSet<Station>,
    pub outcome: Outcome,
    /// Columns of the table that the program gives no meaning to.
    pub extra: BTreeMap<String, String>,
    /// Made by the program, not observed. A store keeps it for all of its patients at once.
    #[serde(skip)]
    pub simulated: bool,
}

/// A column with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumIter)]
pub enum Column {
    Patient,
    Case,
    Center,
    Sex,
    Age,
    TStage,
    Smoking,
    Central,
    InitialStations,
    FollowUp,
    Died,
    Recurred,
    RecurrenceMonths,
    RecurrenceStations,
    LocalFailure,
    Start,
    RecurrenceDate,
    DeathDate,
    LastContact,
    /// Last, as in every table of simulated patients.
    Simulated,
}

impl Column {
    /// As in the first line of a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Case => "case",
            Self::Center => "center",
            Self::Sex => "sex",
            Self::Age => "age_years",
            Self::TStage => "t_stage",
            Self::Smoking => "smoking_index",
            Self::Central => "central",
            Self::InitialStations => "initial_stations",
            Self::FollowUp => "follow_up_months",
            Self::Died => "died",
            Self::Recurred => "recurred",
            Self::RecurrenceMonths => "recurrence_months",
            Self::RecurrenceStations => "recurrence_stations",
            Self::LocalFailure => "local_failure",
            Self::Start => "start_date",
            Self::RecurrenceDate => "recurrence_date",
            Self::DeathDate => "death_date",
            Self::LastContact => "last_contact_date",
            Self::Simulated => "simulated",
        }
    }

    /// Over a column of the window, in the language of this thread.
    pub fn label(self) -> &'static str {
        match self {
            Self::Patient => t("Patient"),
            Self::Case => t("Case"),
            Self::Center => t("Center"),
            Self::Sex => t("Sex"),
            Self::Age => t("Age"),
            Self::TStage => t("T stage"),
            Self::Smoking => t("Smoking index"),
            Self::Central => t("Central"),
            Self::InitialStations => t("Initial stations"),
            Self::FollowUp => t("Follow-up (months)"),
            Self::Died => t("Died"),
            Self::Recurred => t("Recurred"),
            Self::RecurrenceMonths => t("Recurrence (months)"),
            Self::RecurrenceStations => t("Recurrence stations"),
            Self::LocalFailure => t("Local failure"),
            Self::Start => t("Start of radiotherapy"),
            Self::RecurrenceDate => t("Day of recurrence"),
            Self::DeathDate => t("Day of death"),
            Self::LastContact => t("Last contact"),
            Self::Simulated => t("Simulated"),
        }
    }

    /// Columns in which something is kept of each patient: dates become months, and a cohort is simulated as a whole.
    pub fn kept() -> impl Iterator<Item = Self> {
        use strum::IntoEnumIterator;
        let dates = [Self::Start, Self::RecurrenceDate, Self::DeathDate, Self::LastContact];
        Self::iter().filter(move |column| !dates.contains(column) && *column != Self::Simulated)
    }

    /// Columns of the table that a clinic fills in.
    pub fn template() -> impl Iterator<Item = Self> {
        use strum::IntoEnumIterator;
        Self::iter().filter(|column| *column != Self::Simulated)
    }

    /// What its cells hold, for people.
    pub fn description(self) -> &'static str {
        match self {
            Self::Patient => keep("a pseudonym, once each; the only column that must be there"),
            Self::Case => keep("folder or file of the planning CT with its structures, from the folder of the table"),
            Self::Center => keep("where the patient was treated"),
            Self::Sex => keep("male or female (m, f)"),
            Self::Age => keep("age at the start of radiotherapy, 0 to 120"),
            Self::TStage => keep("T1 to T4 with subclasses, T0 or Tx"),
            Self::Smoking => keep("cigarettes a day times years, 0 to 10000"),
            Self::Central => keep("1 for a central tumor, 0 for a peripheral one, as a clinician judged"),
            Self::InitialStations => keep("stations with disease before treatment, such as 4R; 10R"),
            Self::FollowUp => keep("months from the start of radiotherapy to death or to the last contact"),
            Self::Died => keep("1 or 0"),
            Self::Recurred => keep("1 or 0: any recurrence in the chest"),
            Self::RecurrenceMonths => keep("months from the start of radiotherapy to the recurrence"),
            Self::RecurrenceStations => keep("stations of the recurrence, such as 10R; 11R"),
            Self::LocalFailure => keep("1 or 0: the disease came back where it was treated"),
            Self::Start => keep("start of radiotherapy, as 2024-05-31; with it dates may stand in place of months"),
            Self::RecurrenceDate => keep("day of the recurrence; empty if there was none"),
            Self::DeathDate => keep("day of death; empty if alive"),
            Self::LastContact => keep("day on which the patient was last known to be alive, or of the last imaging"),
            Self::Simulated => keep("1 for patients that the program made; it stands in all that it writes of them"),
        }
    }

    /// The column of this name, written as it may be.
    pub fn named(name: &str) -> Option<Self> {
        use strum::IntoEnumIterator;
        let plain = name.trim().to_ascii_lowercase().replace([' ', '-'], "_");
        Self::iter().find(|column| column.name() == plain)
    }
}

/// Cells that say that nothing is known.
const MISSING: [&str; 6] = ["", "NA", "N/A", "NaN", ".", "unknown"];

/// Whether a cell says that nothing is known.
pub fn is_missing(text: &str) -> bool {
    MISSING.contains(&text)
}

/// Something that a table says and that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CellProblem {
    /// Row of the table from 1, the header not counted.
    pub row: usize,
    pub column: String,
    pub reason: String,
}

impl std::fmt::Display for CellProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "row {}, {}: {}", self.row, self.column, self.reason)
    }
}

/// Whether a cell says that something happened.
///
/// # Errors
/// The reason why it says neither.
pub fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "1.0" | "true" | "yes" | "y" => Ok(true),
        "0" | "0.0" | "false" | "no" | "n" => Ok(false),
        _ => Err(tf!("\"{text}\" is neither 1 nor 0", text)),
    }
}

fn number_within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|v| (least..=most).contains(v));
    if number.is_none() && text.contains(',') && text.replace(',', ".").parse::<f64>().is_ok() {
        return Err(tf!("\"{text}\" has a decimal comma; write a point", text));
    }
    number.ok_or_else(|| tf!("\"{text}\" is no number from {least} to {most}", text, least, most))
}

fn stations(text: &str) -> Result<BTreeSet<Station>, String> {
    let names = text.split([';', ',', '/', '+']).map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| name.parse::<Station>().map_err(|_| tf!("\"{name}\" is no station; they are 1R to 11L", name)))
        .collect()
}

fn date(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| tf!("\"{text}\" is no date such as 2024-05-31", text))
}

/// Dates of a row until they have become months.
#[derive(Default)]
struct Dates {
    start: Option<NaiveDate>,
    recurrence: Option<NaiveDate>,
    death: Option<NaiveDate>,
    last_contact: Option<NaiveDate>,
}

impl PatientRecord {
    /// Reads the cells of a row, missing ones left out. All that is wrong comes back, not only the first of it.
    ///
    /// # Errors
    /// The problems with the row, by column.
    pub fn read<'a>(row: usize, cells: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<CellProblem>> {
        let mut record = Self::default();
        let mut dates = Dates::default();
        let mut problems = Vec::new();
        for (name, text) in cells {
            let Some(column) = Column::named(name) else {
                record.extra.insert(name.to_owned(), text.to_owned());
                continue;
            };
            if let Err(reason) = record.take(column, text, &mut dates) {
                problems.push(CellProblem { row, column: column.name().to_owned(), reason });
            }
        }
        let mut complain = |column: Column, reason: &str| {
            problems.push(CellProblem { row, column: column.name().to_owned(), reason: reason.to_owned() });
        };
        if record.id.is_empty() {
            complain(Column::Patient, t("the pseudonym is missing"));
        }
        record.take_dates(&dates, &mut complain);
        let outcome = &mut record.outcome;
        if outcome.recurrence_months.is_some() || !outcome.recurrence_stations.is_empty() {
            // When or where says that it happened.
            outcome.recurred = outcome.recurred.or(Some(true));
        }
        record.check(&mut complain);
        if problems.is_empty() { Ok(record) } else { Err(problems) }
    }

    /// True if a store that holds `kept` knows the same of the patient.
    pub(super) fn is_kept_as(&self, kept: &Self) -> bool {
        *self == Self { simulated: self.simulated, ..kept.clone() }
    }

    fn take(&mut self, column: Column, text: &str, dates: &mut Dates) -> Result<(), String> {
        let outcome = &mut self.outcome;
        match column {
            Column::Patient => text.clone_into(&mut self.id),
            Column::Case => self.case = Some(PathBuf::from(text)),
            Column::Center => self.center = Some(text.to_owned()),
            Column::Sex => {
                self.clinical.sex = Some(match text.to_ascii_lowercase().as_str() {
                    "male" | "m" | "man" => Sex::Male,
                    "female" | "f" | "w" | "woman" => Sex::Female,
                    _ => return Err(tf!("\"{text}\" is neither male nor female", text)),
                });
            }
            Column::Age => self.clinical.age_years = Some(number_within(text, 0.0, 120.0)?),
            Column::TStage => {
                self.clinical.t_stage = Some(text.parse::<TStage>().map_err(|e| e.to_string())?);
            }
            Column::Smoking => self.clinical.smoking_index = Some(number_within(text, 0.0, 10_000.0)?),
            Column::Central => self.clinical.central = Some(yes_or_no(text)?),
            Column::InitialStations => self.initial_stations = stations(text)?,
            Column::FollowUp => outcome.follow_up_months = Some(number_within(text, 0.0, 600.0)?),
            Column::Died => outcome.died = Some(yes_or_no(text)?),
            Column::Recurred => outcome.recurred = Some(yes_or_no(text)?),
            Column::RecurrenceMonths => outcome.recurrence_months = Some(number_within(text, 0.0, 600.0)?),
            Column::RecurrenceStations => outcome.recurrence_stations = stations(text)?,
            Column::LocalFailure => outcome.local_failure = Some(yes_or_no(text)?),
            Column::Start => dates.start = Some(date(text)?),
            Column::RecurrenceDate => dates.recurrence = Some(date(text)?),
            Column::DeathDate => dates.death = Some(date(text)?),
            Column::LastContact => dates.last_contact = Some(date(text)?),
            Column::Simulated => self.simulated = yes_or_no(text)?,
        }
        Ok(())
    }

    /// Dates become months from the start; they say what the columns in months say, or nothing.
    fn take_dates(&mut self, dates: &Dates, complain: &mut dyn FnMut(Column, &str)) {
        let all = [
            (Column::RecurrenceDate, dates.recurrence),
            (Column::DeathDate, dates.death),
            (Column::LastContact, dates.last_contact),
        ];
        let Some(start) = dates.start else {
            for (column, _) in all.into_iter().filter(|(_, date)| date.is_some()) {
                complain(column, t("a date needs start_date"));
            }
            return;
        };
        let since = |date: NaiveDate| (date - start).num_days() as f64 / MONTH_DAYS;
        for (column, _) in all.into_iter().filter(|(_, date)| date.is_some_and(|date| date < start)) {
            complain(column, t("it lies before start_date"));
        }
        let outcome = &mut self.outcome;
        if let (Some(death), Some(contact)) = (dates.death, dates.last_contact)
            && contact > death
        {
            complain(Column::LastContact, t("it lies after death_date"));
        }
        if let Some(end) = dates.death.or(dates.last_contact) {
            if outcome.follow_up_months.is_some() {
                complain(Column::FollowUp, t("months and dates are given for the same; leave one of them out"));
            }
            outcome.follow_up_months = Some(since(end).max(0.0));
            if outcome.died == Some(false) && dates.death.is_some() {
                complain(Column::Died, t("it is 0, but there is a death_date"));
            }
            outcome.died = outcome.died.or(Some(dates.death.is_some()));
        }
        if let Some(recurrence) = dates.recurrence {
            if outcome.recurrence_months.is_some() {
                complain(Column::RecurrenceMonths, t("months and dates are given for the same; leave one of them out"));
            }
            outcome.recurrence_months = Some(since(recurrence).max(0.0));
            outcome.recurred = outcome.recurred.or(Some(true));
        }
    }

    /// What contradicts itself.
    fn check(&self, complain: &mut dyn FnMut(Column, &str)) {
        let outcome = &self.outcome;
        if outcome.recurred == Some(false) {
            if outcome.recurrence_months.is_some() {
                complain(Column::Recurred, t("it is 0, but there is a time of recurrence"));
            }
            if !outcome.recurrence_stations.is_empty() {
                complain(Column::Recurred, t("it is 0, but there are stations of recurrence"));
            }
        }
        // A day of rounding.
        if let (Some(recurrence), Some(end)) = (outcome.recurrence_months, outcome.follow_up_months)
            && recurrence > end + 1.0 / MONTH_DAYS
        {
            complain(Column::RecurrenceMonths, t("the recurrence lies after the end of follow-up"));
        }
    }

    /// As a table with this row would be read again, with other texts in some of its columns.
    ///
    /// # Errors
    /// As [`Self::read`], for row 0.
    pub fn edited(&self, changes: &BTreeMap<String, String>) -> Result<Self, Vec<CellProblem>> {
        let known = Column::kept().map(|column| (column.name().to_owned(), self.cell(column)));
        let mut cells: BTreeMap<String, String> = known.chain(self.extra.clone()).collect();
        cells.extend(changes.iter().map(|(name, text)| (name.clone(), text.trim().to_owned())));
        let cells = cells.iter().filter(|(_, text)| !is_missing(text)).map(|(n, text)| (n.as_str(), text.as_str()));
        Ok(Self { simulated: self.simulated, ..Self::read(0, cells)? })
    }

    /// The text of a column, as a table holds it; empty where nothing is known. Dates are kept as months only.
    pub fn cell(&self, column: Column) -> String {
        let flag = |value: Option<bool>| value.map_or_else(String::new, |v| u8::from(v).to_string());
        let number = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
        let list = |stations: &BTreeSet<Station>| stations.iter().map(|s| s.label()).collect::<Vec<_>>().join("; ");
        let outcome = &self.outcome;
        match column {
            Column::Patient => self.id.clone(),
            Column::Case => self.case.as_ref().map_or_else(String::new, |path| path.display().to_string()),
            Column::Center => self.center.clone().unwrap_or_default(),
            Column::Sex => match self.clinical.sex {
                Some(Sex::Male) => "male".to_owned(),
                Some(Sex::Female) => "female".to_owned(),
                None => String::new(),
            },
            Column::Age => number(self.clinical.age_years),
            Column::TStage => self.clinical.t_stage.map_or_else(String::new, |t| t.label().to_owned()),
            Column::Smoking => number(self.clinical.smoking_index),
            Column::Central => flag(self.clinical.central),
            Column::InitialStations => list(&self.initial_stations),
            Column::FollowUp => number(outcome.follow_up_months),
            Column::Died => flag(outcome.died),
            Column::Recurred => flag(outcome.recurred),
            Column::RecurrenceMonths => number(outcome.recurrence_months),
            Column::RecurrenceStations => list(&outcome.recurrence_stations),
            Column::LocalFailure => flag(outcome.local_failure),
            Column::Start | Column::RecurrenceDate | Column::DeathDate | Column::LastContact => String::new(),
            Column::Simulated => flag(self.simulated.then_some(true)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cells: &[(&str, &str)]) -> Result<PatientRecord, Vec<String>> {
        PatientRecord::read(3, cells.iter().copied()).map_err(|all| all.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn dates_become_months_and_say_whether_it_happened() {
        let record = read(&[
            ("Patient", "p1"),
            ("start date", "2020-01-01"),
            ("recurrence_date", "2021-01-01"),
            ("last-contact-date", "2023-01-01"),
            ("recurrence_stations", "10r; 4R"),
            ("histology", "small cell"),
        ])
        .expect("all of it can be");
        let outcome = &record.outcome;
        assert!((outcome.recurrence_months.expect("known") - 12.02).abs() < 0.01, "{outcome:?}");
        assert!((outcome.follow_up_months.expect("known") - 36.0).abs() < 0.05, "{outcome:?}");
        assert_eq!((outcome.died, outcome.recurred), (Some(false), Some(true)));
        assert_eq!(record.cell(Column::RecurrenceStations), "4R; 10R");
        assert_eq!(record.extra["histology"], "small cell");
        let died = read(&[("patient", "p"), ("start_date", "2020-01-01"), ("death_date", "2020-07-01")]).expect("read");
        assert_eq!((died.outcome.died, died.outcome.recurred), (Some(true), None));
    }

    #[test]
    fn an_edited_patient_is_checked_as_a_row_and_keeps_the_rest_to_the_last_digit() {
        let cells =
            [("patient", "p"), ("follow_up_months", "0.30000000000000004"), ("age_years", "61.5"), ("note", "x; y")];
        let record = read(&cells).expect("read");
        let change = |name: &str, text: &str| record.edited(&[(name.to_owned(), text.to_owned())].into());
        assert_eq!(record.edited(&BTreeMap::new()).as_ref(), Ok(&record));
        let older = change("age_years", " 62 ").expect("a number");
        assert_eq!((older.clinical.age_years, older.outcome.follow_up_months), (Some(62.0), Some(0.1 + 0.2)));
        assert_eq!(change("age_years", "unknown").expect("missing").clinical.age_years, None);
        assert_eq!(change("note", "").expect("missing").extra.len(), 0);
        assert_eq!(change("died", "maybe").expect_err("refused")[0].column, "died");
        assert!(change("recurrence_months", "40").is_err(), "after the end of follow-up");
    }

    #[test]
    fn all_that_is_wrong_with_a_row_is_told() {
        let problems = read(&[
            ("patient", ""),
            ("age_years", "abc"),
            ("t_stage", "T7"),
            ("sex", "x"),
            ("recurrence_stations", "10R; 12R"),
            ("start_date", "31.5.2024"),
            ("death_date", "2024-01-01"),
            ("follow_up_months", "-3"),
        ])
        .expect_err("refused");
        assert_eq!(problems.len(), 8, "{problems:#?}");
        for words in
            ["row 3, patient", "\"abc\" is no number from 0 to 120", "\"12R\" is no station", "a date needs start_date"]
        {
            assert!(problems.iter().any(|p| p.contains(words)), "{words}: {problems:#?}");
        }
        let order = |cells: &[(&str, &str)]| read(&[&[("patient", "p"), ("start_date", "2020-05-01")], cells].concat());
        let before = order(&[("recurrence_date", "2020-04-01")]).expect_err("before the start");
        assert!(before[0].contains("before start_date"), "{before:?}");
        let after = order(&[("recurrence_date", "2022-01-01"), ("death_date", "2021-01-01")]).expect_err("after death");
        assert!(after[0].contains("after the end of follow-up"), "{after:?}");
        let both = order(&[("follow_up_months", "3"), ("last_contact_date", "2021-01-01")]).expect_err("twice");
        assert!(both[0].contains("leave one of them out"), "{both:?}");
        let comma = read(&[("patient", "p"), ("age_years", "61,5")]).expect_err("a comma");
        assert!(comma[0].contains("\"61,5\" has a decimal comma; write a point"), "{comma:?}");
        for (column, text) in [("recurrence_months", "5"), ("recurrence_stations", "7")] {
            let known = read(&[("patient", "p"), (column, text)]).expect("read");
            assert_eq!(known.outcome.recurred, Some(true), "{column} says it");
        }
        let not = read(&[("patient", "p"), ("recurred", "0"), ("recurrence_stations", "7")]).expect_err("contradicts");
        assert!(not[0].contains("it is 0, but there are stations"), "{not:?}");
    }
}
