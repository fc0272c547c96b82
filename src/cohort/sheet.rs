//! A CSV table as text: one row a patient.

use super::patient::{CellProblem, Column, PatientRecord, is_missing, yes_or_no};
use crate::tf;
use crate::words::t;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use strum::IntoEnumIterator;

/// A table that was not read.
#[derive(Debug, thiserror::Error)]
#[error("{}", tf!("the table could not be read ({source}); it must be a CSV file with a header, in UTF-8: {path}", source = .source, path = .path.display()))]
pub struct SheetError {
    source: csv::Error,
    path: PathBuf,
}

/// A table as text.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    /// Reads a CSV file with a header; columns are parted by commas, semicolons or tabs.
    ///
    /// # Errors
    /// [`SheetError`].
    pub fn read(path: &Path) -> Result<Self, SheetError> {
        let failed = |source: csv::Error| SheetError { source, path: path.to_owned() };
        let bytes = std::fs::read(path).map_err(|e| failed(e.into()))?;
        let head = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
        let count = |wanted: u8| head.iter().filter(|b| **b == wanted).count();
        // Programs that write a decimal comma part columns by semicolons.
        let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|d| (count(*d), *d == b',')).unwrap_or(b',');
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).delimiter(delimiter).from_reader(&bytes[..]);
        let strip = |name: &str| name.trim_start_matches('\u{feff}').to_owned();
        let columns = reader.headers().map_err(failed)?.iter().map(strip).collect();
        let rows = reader.records().map(|row| row.map(|row| row.iter().map(str::to_owned).collect()));
        Ok(Self { columns, rows: rows.collect::<Result<_, _>>().map_err(failed)? })
    }

    /// The patients of a cohort as a table, with columns that follow from the others: `recurrence_free_months` (to the
    /// recurrence, or to the end of follow-up without one), `progressed` (recurred or died) and
    /// `progression_free_months`.
    pub fn of_patients(patients: &[PatientRecord]) -> Self {
        let known: Vec<Column> = Column::iter().collect();
        let mut extra: Vec<&String> = patients.iter().flat_map(|p| p.extra.keys()).collect();
        extra.sort();
        extra.dedup();
        let derived = ["recurrence_free_months", "progressed", "progression_free_months"].map(str::to_owned);
        let columns =
            known.iter().map(|c| c.name().to_owned()).chain(derived).chain(extra.iter().map(|n| (*n).clone()));
        let row = |patient: &PatientRecord| {
            let outcome = &patient.outcome;
            let number = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
            let flag = |value: Option<bool>| value.map_or_else(String::new, |v| u8::from(v).to_string());
            let first =
                if outcome.recurred == Some(true) { outcome.recurrence_months } else { outcome.follow_up_months };
            // Not known as long as one of both is not and the other did not happen.
            let progressed = match (outcome.recurred, outcome.died) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
            let recurrence_free = outcome.recurred.and(first);
            let progression_free = progressed.and(first);
            let cells = known.iter().map(|column| patient.cell(*column));
            let cells = cells.chain([number(recurrence_free), flag(progressed), number(progression_free)]);
            cells.chain(extra.iter().map(|name| patient.extra.get(*name).cloned().unwrap_or_default())).collect()
        };
        Self { columns: columns.collect(), rows: patients.iter().map(row).collect() }
    }

    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Rows, the header not counted.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The number of a column, from 0.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c == name)
    }

    /// A cell; `None` where it says that nothing is known.
    pub fn cell(&self, row: usize, column: usize) -> Option<&str> {
        let cell = self.rows[row].get(column).map_or("", String::as_str);
        (!is_missing(cell)).then_some(cell)
    }

    /// True if the table says of any row that the program made it.
    pub fn is_simulated(&self) -> bool {
        let column = self.columns.iter().position(|name| Column::named(name) == Some(Column::Simulated));
        let says = |row: usize| column.and_then(|n| self.cell(row, n)).is_some_and(|cell| yes_or_no(cell) == Ok(true));
        (0..self.len()).any(says)
    }

    /// The patients of the table, or all that is wrong with it.
    ///
    /// # Errors
    /// What is wrong, by row and column.
    pub fn patients(&self) -> Result<Vec<PatientRecord>, Vec<CellProblem>> {
        let mut problems = Vec::new();
        if !self.columns.iter().any(|name| Column::named(name) == Some(Column::Patient)) {
            let reason = tf!("there is no such column; the columns are {columns}", columns = self.columns.join(", "));
            return Err(vec![CellProblem { row: 0, column: Column::Patient.name().to_owned(), reason }]);
        }
        for (n, name) in self.columns.iter().enumerate() {
            let same = |other: &String| match Column::named(name) {
                Some(column) => Column::named(other) == Some(column),
                None => other == name,
            };
            if !name.is_empty() && self.columns[..n].iter().any(same) {
                let reason = t("the column stands there twice; which one counts cannot be told").to_owned();
                problems.push(CellProblem { row: 0, column: name.clone(), reason });
            }
        }
        let (mut patients, mut first): (Vec<PatientRecord>, BTreeMap<String, usize>) = Default::default();
        for row in 0..self.len() {
            let cells = self.columns.iter().enumerate();
            let cells = cells.filter_map(|(n, name)| Some((name.as_str(), self.cell(row, n)?)));
            match PatientRecord::read(row + 1, cells) {
                Err(more) => problems.extend(more),
                Ok(patient) => {
                    if let Some(other) = first.insert(patient.id.clone(), row + 1) {
                        let reason = tf!("\"{id}\" is in row {other} already", id = patient.id, other);
                        problems.push(CellProblem { row: row + 1, column: Column::Patient.name().to_owned(), reason });
                    }
                    let one_kind = patients.first().is_none_or(|p| p.simulated == patient.simulated);
                    if !one_kind {
                        let reason = t("simulated and observed patients stand in one table; part them into two");
                        let column = Column::Simulated.name().to_owned();
                        problems.push(CellProblem { row: row + 1, column, reason: reason.to_owned() });
                    }
                    patients.push(patient);
                }
            }
        }
        if problems.is_empty() { Ok(patients) } else { Err(problems) }
    }
}
