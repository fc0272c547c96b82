//! The patients of a cohort as a table of texts: sorted, searched, filtered; and how the values of a column are distributed.

use crate::cohort::{Column, PatientRecord};
use crate::features::ClinicalValues;
use crate::words::t;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A column of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableColumn {
    Known(Column),
    /// Whether features are computed.
    Features,
    /// One that the program gives no meaning to.
    Extra(String),
}

impl TableColumn {
    /// Over the column.
    pub fn label(&self) -> &str {
        match self {
            Self::Known(column) => column.label(),
            Self::Features => t("Features"),
            Self::Extra(name) => name,
        }
    }

    /// True for columns whose words may name somebody.
    pub fn is_private(&self) -> bool {
        matches!(self, Self::Known(Column::Patient | Column::Case | Column::Center) | Self::Extra(_))
    }
}

/// What is there of the features of a patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeatureState {
    /// Why there are none.
    Failed(String),
    /// By a definition of another version, or of other clinical values.
    Outdated,
    NotComputed,
    /// The case is not known, or not there.
    NoCase,
    Computed,
}

impl FeatureState {
    pub fn label(&self) -> &'static str {
        match self {
            Self::Failed(_) => t("Failed"),
            Self::Outdated => t("Out of date"),
            Self::NotComputed => t("Not computed"),
            Self::NoCase => t("No case"),
            Self::Computed => t("Computed"),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Failed(_) => 0,
            Self::Outdated => 1,
            Self::NotComputed => 2,
            Self::NoCase => 3,
            Self::Computed => 4,
        }
    }
}

/// Which patients are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RowFilter {
    #[default]
    Everybody,
    /// Something that statistics need is missing.
    Incomplete,
    /// Nothing stands in this column.
    MissingIn(usize),
    Recurred,
    NotRecurred,
    RecurrenceUnknown,
    Died,
    Computed,
    /// Also those that are out of date.
    NotComputed,
    Failed,
    NoCase,
}

impl RowFilter {
    /// Those to choose from, but for single columns.
    pub const ALL: [Self; 10] = [
        Self::Everybody,
        Self::Incomplete,
        Self::Recurred,
        Self::NotRecurred,
        Self::RecurrenceUnknown,
        Self::Died,
        Self::Computed,
        Self::NotComputed,
        Self::Failed,
        Self::NoCase,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Everybody => t("All patients"),
            Self::Incomplete => t("Something is missing"),
            Self::MissingIn(_) => t("Missing in a column"),
            Self::Recurred => t("Recurred"),
            Self::NotRecurred => t("Without recurrence"),
            Self::RecurrenceUnknown => t("Recurrence unknown"),
            Self::Died => t("Died"),
            Self::Computed => t("Features computed"),
            Self::NotComputed => t("Features not computed"),
            Self::Failed => t("Features failed"),
            Self::NoCase => t("Without a case"),
        }
    }
}

/// What of the table is shown, and in which order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableQuery {
    /// Words that must all stand somewhere in the row; capitals do not matter.
    pub search: String,
    pub filter: RowFilter,
    /// Number of the column, and whether the largest come first; the order of import without one.
    pub sort: Option<(usize, bool)>,
}

struct Row {
    cells: Vec<String>,
    /// All cells in small letters.
    searched: String,
    recurred: Option<bool>,
    died: Option<bool>,
    is_incomplete: bool,
    clinical: ClinicalValues,
    /// The clinical values are others than when the cohort was read.
    is_changed: bool,
}

/// The table.
#[derive(Default)]
pub struct PatientTable {
    columns: Vec<TableColumn>,
    rows: Vec<Row>,
}

/// True where statistics need what a column holds of this patient and it is not known.
pub fn lacks(patient: &PatientRecord, column: Column) -> bool {
    let (clinical, outcome) = (&patient.clinical, &patient.outcome);
    match column {
        Column::Case => patient.case.is_none(),
        Column::Sex => clinical.sex.is_none(),
        Column::Age => clinical.age_years.is_none(),
        Column::TStage => clinical.t_stage.is_none(),
        Column::Smoking => clinical.smoking_index.is_none(),
        Column::InitialStations => patient.initial_stations.is_empty(),
        Column::FollowUp => outcome.follow_up_months.is_none(),
        Column::Died => outcome.died.is_none(),
        Column::Recurred => outcome.recurred.is_none(),
        Column::RecurrenceMonths => outcome.recurred == Some(true) && outcome.recurrence_months.is_none(),
        Column::RecurrenceStations => outcome.recurred == Some(true) && outcome.recurrence_stations.is_empty(),
        _ => false,
    }
}

impl PatientTable {
    pub fn new(patients: &[PatientRecord]) -> Self {
        let mut extra: Vec<&String> = patients.iter().flat_map(|p| p.extra.keys()).collect();
        extra.sort();
        extra.dedup();
        let known = Column::kept().filter(|c| !matches!(c, Column::Patient | Column::Case)).map(TableColumn::Known);
        let columns: Vec<TableColumn> = [TableColumn::Known(Column::Patient), TableColumn::Features]
            .into_iter()
            .chain(known)
            .chain(extra.into_iter().cloned().map(TableColumn::Extra))
            .chain([TableColumn::Known(Column::Case)])
            .collect();
        let rows = patients.iter().map(|patient| row(&columns, patient)).collect();
        Self { columns, rows }
    }

    /// A patient is another one now; without columns that the table does not have.
    pub fn set(&mut self, at: usize, patient: &PatientRecord) {
        let read = std::mem::take(&mut self.rows[at].clinical);
        let is_changed = read != patient.clinical;
        self.rows[at] = Row { clinical: read, is_changed, ..row(&self.columns, patient) };
    }

    pub fn columns(&self) -> &[TableColumn] {
        &self.columns
    }

    /// Number of a column by its label or by its name in a table file.
    pub fn column(&self, wanted: &TableColumn) -> Option<usize> {
        self.columns.iter().position(|column| column == wanted)
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text of a cell; empty where nothing is known, and for the state of the features.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        &self.rows[row].cells[column]
    }

    /// The state of the features of a row, `features` being those of all as they were kept: after an edit of clinical values
    /// they are out of date.
    pub fn state<'a>(&self, row: usize, features: &'a [FeatureState]) -> &'a FeatureState {
        match &features[row] {
            FeatureState::Computed if self.rows[row].is_changed => &FeatureState::Outdated,
            state => state,
        }
    }

    /// The rows that a query asks for, in its order. `features` by row.
    pub fn rows(&self, query: &TableQuery, features: &[FeatureState]) -> Vec<usize> {
        let small = query.search.to_lowercase();
        let words: Vec<&str> = small.split_whitespace().collect();
        let mut rows: Vec<usize> = (0..self.rows.len())
            .filter(|n| self.passes(*n, query.filter, self.state(*n, features)))
            .filter(|n| words.iter().all(|word| self.rows[*n].searched.contains(word)))
            .collect();
        if let Some((column, largest_first)) = query.sort.filter(|(column, _)| *column < self.columns.len()) {
            self.sort(&mut rows, column, largest_first, features);
        }
        rows
    }

    fn passes(&self, n: usize, filter: RowFilter, features: &FeatureState) -> bool {
        let row = &self.rows[n];
        match filter {
            RowFilter::Everybody => true,
            RowFilter::Incomplete => row.is_incomplete,
            RowFilter::MissingIn(column) => row.cells.get(column).is_some_and(String::is_empty),
            RowFilter::Recurred => row.recurred == Some(true),
            RowFilter::NotRecurred => row.recurred == Some(false),
            RowFilter::RecurrenceUnknown => row.recurred.is_none(),
            RowFilter::Died => row.died == Some(true),
            RowFilter::Computed => *features == FeatureState::Computed,
            RowFilter::NotComputed => matches!(features, FeatureState::NotComputed | FeatureState::Outdated),
            RowFilter::Failed => matches!(features, FeatureState::Failed(_)),
            RowFilter::NoCase => *features == FeatureState::NoCase,
        }
    }

    /// Numbers by value, else words with the numbers in them by value. Missing ones come last either way; of equals the one
    /// that was imported first.
    fn sort(&self, rows: &mut [usize], column: usize, largest_first: bool, features: &[FeatureState]) {
        let turned = |order: Ordering| if largest_first { order.reverse() } else { order };
        if self.columns[column] == TableColumn::Features {
            rows.sort_by(|a, b| turned(self.state(*a, features).rank().cmp(&self.state(*b, features).rank())));
            return;
        }
        let numbers: Vec<Option<f64>> = self.rows.iter().map(|row| row.cells[column].parse().ok()).collect();
        rows.sort_by(|a, b| {
            let (x, y) = (&self.rows[*a].cells[column], &self.rows[*b].cells[column]);
            match (x.is_empty(), y.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => turned(match (numbers[*a], numbers[*b]) {
                    (Some(x), Some(y)) => x.total_cmp(&y),
                    _ => natural(x, y),
                }),
            }
        });
    }

    /// How the values of a column are distributed over some rows; `None` where nearly each has its own.
    pub fn histogram(&self, rows: &[usize], column: usize, features: &[FeatureState]) -> Option<Histogram> {
        match &self.columns[column] {
            TableColumn::Features => {
                let mut counts: BTreeMap<u8, (&str, usize)> = BTreeMap::new();
                for n in rows {
                    let state = self.state(*n, features);
                    counts.entry(state.rank()).or_insert((state.label(), 0)).1 += 1;
                }
                let bars = counts.into_values().map(|(label, count)| Bar::words(label, count)).collect();
                Some(Histogram { bars, missing: 0, unit_width: None })
            }
            TableColumn::Known(Column::InitialStations | Column::RecurrenceStations) => {
                Histogram::of_words(rows.iter().map(|n| self.cell(*n, column)), "; ")
            }
            _ => {
                let cells = || rows.iter().map(|n| self.cell(*n, column));
                let numbers: Option<Vec<f64>> =
                    cells().filter(|c| !c.is_empty()).map(|c| c.parse().ok().filter(|v: &f64| v.is_finite())).collect();
                match numbers {
                    Some(numbers) if numbers.iter().any(|v| *v != 0.0 && *v != 1.0) => {
                        let missing = rows.len() - numbers.len();
                        Some(Histogram::of_numbers(&numbers, missing))
                    }
                    _ => Histogram::of_words(cells(), "\n"),
                }
            }
        }
    }
}

fn row(columns: &[TableColumn], patient: &PatientRecord) -> Row {
    let cells: Vec<String> = columns
        .iter()
        .map(|column| match column {
            TableColumn::Known(column) => patient.cell(*column),
            TableColumn::Features => String::new(),
            TableColumn::Extra(name) => patient.extra.get(name).cloned().unwrap_or_default(),
        })
        .collect();
    let searched = cells.join("\n").to_lowercase();
    let is_incomplete = Column::kept().any(|column| lacks(patient, column));
    let (recurred, died) = (patient.outcome.recurred, patient.outcome.died);
    let clinical = patient.clinical.clone();
    Row { cells, searched, recurred, died, is_incomplete, clinical, is_changed: false }
}

/// Compares words, with runs of digits by value: p2 before p10.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
        let (m, n) = (digits(a), digits(b));
        if m > 0 && n > 0 {
            let (x, y) = (a[..m].trim_start_matches('0'), b[..n].trim_start_matches('0'));
            let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (&a[m..], &b[n..]);
            continue;
        }
        match (a.chars().next(), b.chars().next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => {
                let order = x.to_lowercase().cmp(y.to_lowercase());
                if order != Ordering::Equal {
                    return order;
                }
                (a, b) = (&a[x.len_utf8()..], &b[y.len_utf8()..]);
            }
        }
    }
}

/// A bar of a histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub label: String,
    /// Where a bar of numbers begins.
    pub from: f64,
    pub count: usize,
}

impl Bar {
    fn words(label: &str, count: usize) -> Self {
        Self { label: label.to_owned(), from: 0.0, count }
    }
}

/// How often which values stand in a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    pub bars: Vec<Bar>,
    pub missing: usize,
    /// Of a bar of numbers; `None` for words.
    pub unit_width: Option<f64>,
}

impl Histogram {
    /// More different words than this are no distribution.
    const MOST_WORDS: usize = 24;
    const MOST_BARS: f64 = 16.0;

    fn of_words<'a>(cells: impl Iterator<Item = &'a str>, separator: &str) -> Option<Self> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut missing = 0;
        for cell in cells {
            if cell.is_empty() {
                missing += 1;
            }
            for word in cell.split(separator).filter(|word| !word.is_empty()) {
                *counts.entry(word).or_default() += 1;
                if counts.len() > Self::MOST_WORDS {
                    return None;
                }
            }
        }
        let mut bars: Vec<Bar> = counts.into_iter().map(|(word, count)| Bar::words(word, count)).collect();
        bars.sort_by(|a, b| natural(&a.label, &b.label));
        Some(Self { bars, missing, unit_width: None })
    }

    /// Bars of 1, 2 or 5 times a power of ten, a lower end counted, an upper one not.
    fn of_numbers(numbers: &[f64], missing: usize) -> Self {
        let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let whole = numbers.iter().all(|v| v.fract() == 0.0);
        let raw = ((most - least) / Self::MOST_BARS).max(if whole { 1.0 } else { f64::MIN_POSITIVE });
        let power = 10.0_f64.powf(raw.log10().floor());
        let width = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|w| *w >= raw).unwrap_or(raw);
        let first = (least / width).floor();
        let count = ((most / width).floor() - first) as usize + 1;
        let mut bars: Vec<Bar> = (0..count.min(64))
            .map(|n| {
                let from = (first + n as f64) * width;
                let digits = (-width.log10().floor()).clamp(0.0, 9.0) as usize;
                Bar { label: format!("{from:.digits$}"), from, count: 0 }
            })
            .collect();
        let last = bars.len() - 1;
        for v in numbers {
            bars[(((v / width).floor() - first) as usize).min(last)].count += 1;
        }
        Self { bars, missing, unit_width: Some(width) }
    }

    /// The most in one bar.
    pub fn highest(&self) -> usize {
        self.bars.iter().map(|bar| bar.count).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_words_are_compared_by_value() {
        let mut ids = ["p10", "P2", "p2b", "p002", "q1", "p"];
        ids.sort_by(|a, b| natural(a, b));
        assert_eq!(ids, ["p", "P2", "p002", "p2b", "p10", "q1"]);
    }

    #[test]
    fn bars_have_round_ends_and_hold_everybody() {
        let numbers: Vec<f64> = (40..=79).map(f64::from).collect();
        let ages = Histogram::of_numbers(&numbers, 3);
        assert_eq!((ages.unit_width, ages.bars[0].from, ages.bars.len()), (Some(5.0), 40.0, 8));
        assert!(ages.bars.iter().all(|bar| bar.count == 5) && ages.missing == 3);
        let one = Histogram::of_numbers(&[7.25], 0);
        assert_eq!((one.bars.len(), one.bars[0].count), (1, 1));
        let months = Histogram::of_numbers(&[0.0, 0.05, 0.3], 0);
        assert_eq!(months.bars.iter().map(|b| b.count).sum::<usize>(), 3);
        let stations = Histogram::of_words(["4R; 10R", "", "10R"].into_iter(), "; ").expect("few");
        let counts: Vec<(&str, usize)> = stations.bars.iter().map(|b| (b.label.as_str(), b.count)).collect();
        assert_eq!((counts, stations.missing), (vec![("4R", 1), ("10R", 2)], 1));
        let names: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        assert_eq!(Histogram::of_words(names.iter().map(String::as_str), "; "), None);
    }
}
