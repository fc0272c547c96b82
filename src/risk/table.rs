//! The training table: patients by features, with missing values and a yes/no outcome.

/// Why a table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("{}", crate::tf!("patient {row} has {found} values, but there are {expected} features", row = .row, found = .found, expected = .expected))]
    Ragged { row: usize, found: usize, expected: usize },
    #[error("{}", crate::tf!("there are {rows} patients but {outcomes} outcomes", rows = .rows, outcomes = .outcomes))]
    OutcomeCount { rows: usize, outcomes: usize },
    #[error("{}", crate::tf!("the value of {feature} of patient {row} is not a finite number", feature = .feature, row = .row))]
    NotFinite { row: usize, feature: String },
}

/// Patients by features.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    names: Vec<String>,
    /// One column a feature; NaN = missing.
    columns: Vec<Vec<f64>>,
    outcome: Vec<bool>,
}

impl Table {
    /// `rows[patient][feature]`, `outcome[patient]` true = event.
    pub fn new(names: Vec<String>, rows: &[Vec<Option<f64>>], outcome: Vec<bool>) -> Result<Self, TableError> {
        if rows.len() != outcome.len() {
            return Err(TableError::OutcomeCount { rows: rows.len(), outcomes: outcome.len() });
        }
        let mut columns = vec![Vec::with_capacity(rows.len()); names.len()];
        for (r, row) in rows.iter().enumerate() {
            if row.len() != names.len() {
                return Err(TableError::Ragged { row: r + 1, found: row.len(), expected: names.len() });
            }
            for (f, value) in row.iter().enumerate() {
                if value.is_some_and(|v| !v.is_finite()) {
                    return Err(TableError::NotFinite { row: r + 1, feature: names[f].clone() });
                }
                columns[f].push(value.unwrap_or(f64::NAN));
            }
        }
        Ok(Self { names, columns, outcome })
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }
    pub fn len(&self) -> usize {
        self.outcome.len()
    }
    pub fn is_empty(&self) -> bool {
        self.outcome.is_empty()
    }
    /// Number of patients with the event.
    pub fn events(&self) -> usize {
        self.outcome.iter().filter(|y| **y).count()
    }
    pub fn outcome(&self) -> &[bool] {
        &self.outcome
    }

    /// A value; `None` = missing.
    pub fn value(&self, row: usize, feature: usize) -> Option<f64> {
        Some(self.columns[feature][row]).filter(|v| !v.is_nan())
    }

    /// A column; NaN = missing.
    pub(super) fn column(&self, feature: usize) -> &[f64] {
        &self.columns[feature]
    }

    pub(super) fn outcome_of(&self, rows: &[usize]) -> Vec<bool> {
        rows.iter().map(|r| self.outcome[*r]).collect()
    }
}

/// What stands in for missing values: the mode of a 0/1 feature, else the median, of the training rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Imputation {
    pub fills: Vec<f64>,
}

impl Imputation {
    pub fn fit(table: &Table, rows: &[usize]) -> Self {
        let fills = table
            .columns
            .iter()
            .map(|column| {
                let mut known: Vec<f64> = rows.iter().map(|r| column[*r]).filter(|v| !v.is_nan()).collect();
                known.sort_by(f64::total_cmp);
                let n = known.len();
                if n == 0 {
                    0.0
                } else if known.iter().all(|v| *v == 0.0 || *v == 1.0) {
                    f64::from(u8::from(2 * known.iter().filter(|v| **v == 1.0).count() > n))
                } else if n % 2 == 1 {
                    known[n / 2]
                } else {
                    f64::midpoint(known[n / 2 - 1], known[n / 2])
                }
            })
            .collect();
        Self { fills }
    }

    /// The columns of some features over some rows, without gaps.
    pub fn columns(&self, table: &Table, rows: &[usize], features: &[usize]) -> Vec<Vec<f64>> {
        features
            .iter()
            .map(|f| {
                let column = table.column(*f);
                rows.iter().map(|r| if column[*r].is_nan() { self.fills[*f] } else { column[*r] }).collect()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_get_the_median_or_the_mode_of_the_training_rows() {
        let rows: Vec<Vec<Option<f64>>> = [(1.0, 1.0), (2.0, 1.0), (9.0, 0.0), (100.0, 0.0)]
            .iter()
            .map(|(a, b)| vec![Some(*a), Some(*b)])
            .chain([vec![None, None]])
            .collect();
        let table = Table::new(vec!["a".into(), "b".into()], &rows, vec![true, false, true, false, true]).unwrap();
        let imputation = Imputation::fit(&table, &[0, 1, 2, 4]);
        assert_eq!(imputation.fills, [2.0, 1.0]);
        assert_eq!(imputation.columns(&table, &[3, 4], &[0, 1]), [vec![100.0, 2.0], vec![0.0, 1.0]]);
        assert_eq!(table.events(), 3);
    }

    #[test]
    fn crooked_tables_are_refused() {
        let names = || vec!["a".to_owned()];
        assert!(matches!(Table::new(names(), &[vec![]], vec![true]), Err(TableError::Ragged { row: 1, .. })));
        assert!(matches!(Table::new(names(), &[], vec![true]), Err(TableError::OutcomeCount { .. })));
        let bad = Table::new(names(), &[vec![Some(f64::NAN)]], vec![true]);
        assert!(matches!(bad, Err(TableError::NotFinite { .. })));
    }
}
