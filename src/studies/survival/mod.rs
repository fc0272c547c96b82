//! Survival in a table of patients: curves of groups, tests between them, hazard ratios of covariates one by one and together,
//! competing events. One row a patient; what is missing is left out and counted, what cannot be is refused by row.

mod figure;

pub use figure::{Drawing, Shape, csv, drawing};

use crate::cohort::{Sheet, yes_or_no};
use crate::survival::{
    ChiSquareTest, Coefficient, ConfidenceTransform, CoxModel, CumulativeIncidence, Ending, FollowUp, Interval,
    KaplanMeier, KaplanMeierError, LogRank, LogRankError, LogRankWeight, RestrictedMean, Ties, log_rank, two_sided_p,
    two_sided_z,
};
use crate::tf;
use ndarray::Array2;
use std::collections::{BTreeMap, BTreeSet};

/// Fewer events for each coefficient than this, and intervals of hazard ratios are not shown.
pub const LEAST_EVENTS_PER_COEFFICIENT: f64 = 5.0;
/// Problems that are listed one by one.
const LISTED: usize = 20;

/// A table that was not used.
#[derive(Debug, thiserror::Error)]
pub enum SurvivalError {
    #[error("there is no column \"{wanted}\"; the columns are {there}")]
    NoColumn { wanted: String, there: String },
    #[error("{} cannot be used, and nothing was computed:\n{list}", if *count == 1 { "1 cell".to_owned() } else { format!("{count} cells") })]
    Cells { count: usize, list: String },
    #[error("no patient has {0}")]
    Nobody(String),
    #[error(transparent)]
    Estimate(#[from] KaplanMeierError),
    #[error(transparent)]
    Groups(#[from] LogRankError),
}

/// What to compute.
#[derive(Debug, Clone, PartialEq)]
pub struct SurvivalQuestion {
    /// Column of the times, in one unit.
    pub time: String,
    /// Column that tells whether the event happened.
    pub event: String,
    /// Column that tells whether a competing event ended the observation instead.
    pub competing: Option<String>,
    /// Column of the groups that are compared.
    pub group: Option<String>,
    /// Column of the strata within which they are compared.
    pub strata: Option<String>,
    /// Columns for hazard ratios.
    pub covariates: Vec<String>,
    /// Times at which the curves are read.
    pub at: Vec<f64>,
    /// Horizon of restricted means.
    pub horizon: Option<f64>,
    pub confidence: f64,
    pub transform: ConfidenceTransform,
    pub ties: Ties,
}

/// A curve read at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    pub time: f64,
    pub at_risk: usize,
    /// `None` where nobody was observed so long.
    pub survival: Option<f64>,
    /// `None` there too, and where nobody is left.
    pub interval: Option<Interval>,
}

/// One group, or all patients.
#[derive(Debug, Clone)]
pub struct GroupSurvival {
    /// `None` = all patients.
    pub name: Option<String>,
    pub patients: usize,
    pub events: usize,
    pub curve: KaplanMeier,
    pub median: Option<f64>,
    pub median_interval: (Option<f64>, Option<f64>),
    pub points: Vec<CurvePoint>,
    /// `None` where nobody was observed up to the horizon, or none was asked for.
    pub restricted_mean: Option<RestrictedMean>,
    /// Cumulative incidence beside competing events, where those are known.
    pub incidence: Option<CumulativeIncidence>,
}

/// Two restricted means compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanDifference {
    /// Second group less first.
    pub difference: f64,
    pub interval: Interval,
    pub p: f64,
}

/// A hazard ratio, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Ratio {
    Known {
        coefficient: Coefficient,
        /// Wald's interval; `None` where there are too few events for it.
        interval: Option<Interval>,
    },
    /// The level that the others are compared with.
    Reference,
    None(String),
}

/// A covariate, or a level of one.
#[derive(Debug, Clone, PartialEq)]
pub struct CovariateRow {
    pub covariate: String,
    /// Of a covariate with words for values.
    pub level: Option<String>,
    pub patients: usize,
    pub events: usize,
    pub alone: Ratio,
    pub together: Ratio,
    /// Whether the hazard ratio alone stays the same over time.
    pub proportionality: Option<ChiSquareTest>,
}

/// Hazard ratios one by one and together.
#[derive(Debug, Clone)]
pub struct HazardTable {
    pub rows: Vec<CovariateRow>,
    /// Patients and events with all covariates, of the fit together.
    pub complete: [usize; 2],
    /// The fit together, if there is one.
    pub together: Option<CoxModel>,
    /// Events for each of its coefficients.
    pub events_per_coefficient: f64,
    /// Proportionality of all together.
    pub proportionality: Option<ChiSquareTest>,
}

/// What came out.
#[derive(Debug, Clone)]
pub struct SurvivalAnswer {
    /// The table says that the program made its patients.
    pub simulated: bool,
    pub patients: usize,
    pub events: usize,
    pub competing: usize,
    /// Rows without time or event, by number from 1 (the header is not counted).
    pub left_out: Vec<usize>,
    /// Rows without a group or stratum, which the comparison leaves out.
    pub without_group: usize,
    /// Median follow-up by the reverse estimate; events and competing events alike end it early.
    pub follow_up: Option<f64>,
    pub all: GroupSurvival,
    pub groups: Vec<GroupSurvival>,
    pub log_rank: Option<LogRank>,
    pub peto: Option<LogRank>,
    /// Of two groups.
    pub mean_difference: Option<MeanDifference>,
    pub hazards: Option<HazardTable>,
}

struct Row {
    /// In the table.
    at: usize,
    follow_up: FollowUp,
    competing: bool,
}

fn truth(cell: &str) -> Option<bool> {
    yes_or_no(cell).ok()
}

fn column(sheet: &Sheet, name: &str) -> Result<usize, SurvivalError> {
    sheet
        .column(name)
        .ok_or_else(|| SurvivalError::NoColumn { wanted: name.to_owned(), there: sheet.columns().join(", ") })
}

/// Answers a question about a table.
///
/// # Errors
/// See [`SurvivalError`]. What only one covariate cannot give stands beside it.
pub fn survival(sheet: &Sheet, question: &SurvivalQuestion) -> Result<SurvivalAnswer, SurvivalError> {
    let column = |name: &Option<String>| name.as_deref().map(|name| column(sheet, name)).transpose();
    let (group, strata) = (column(&question.group)?, column(&question.strata)?);
    let covariates: Vec<usize> =
        question.covariates.iter().map(|c| self::column(sheet, c)).collect::<Result<_, _>>()?;
    let (rows, left_out) = follow_up(sheet, question, column(&question.competing)?)?;
    let everybody: Vec<&Row> = rows.iter().collect();
    let all = of_group(None, &everybody, question)?;
    // Who had another event would have been followed on, as who had this one.
    let ended = |row: &Row| FollowUp { event: row.follow_up.event || row.competing, ..row.follow_up };
    let follow_up = KaplanMeier::of_follow_up(&rows.iter().map(ended).collect::<Vec<_>>())?.median();
    let mut answer = SurvivalAnswer {
        simulated: sheet.is_simulated(),
        patients: all.patients,
        events: all.events,
        competing: rows.iter().filter(|r| r.competing).count(),
        left_out,
        without_group: 0,
        follow_up,
        all,
        groups: Vec::new(),
        log_rank: None,
        peto: None,
        mean_difference: None,
        hazards: None,
    };
    if let Some(group) = group {
        compare(sheet, question, &rows, group, strata, &mut answer)?;
    }
    if !covariates.is_empty() {
        answer.hazards = Some(hazards(sheet, question, &rows, &covariates));
    }
    Ok(answer)
}

/// Times and events; rows without them apart.
fn follow_up(
    sheet: &Sheet,
    question: &SurvivalQuestion,
    competing: Option<usize>,
) -> Result<(Vec<Row>, Vec<usize>), SurvivalError> {
    let (time, event) = (column(sheet, &question.time)?, column(sheet, &question.event)?);
    let (mut rows, mut left_out, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..sheet.len() {
        let mut complain = |column: &str, cell: &str, wanted: &str| {
            wrong.push(format!("row {}, {column}: \"{cell}\" is no {wanted}", at + 1));
        };
        let (Some(time), Some(event)) = (sheet.cell(at, time), sheet.cell(at, event)) else {
            left_out.push(at + 1);
            continue;
        };
        let number = time.parse::<f64>().ok().filter(|t| t.is_finite() && *t >= 0.0);
        if number.is_none() {
            complain(&question.time, time, "time from 0 upward");
        }
        if truth(event).is_none() {
            complain(&question.event, event, "event (1 or 0)");
        }
        let other = competing.and_then(|column| sheet.cell(at, column));
        let other = match other.map(truth) {
            None => Some(false),
            Some(known) => known,
        };
        if other.is_none() {
            let cell = competing.and_then(|column| sheet.cell(at, column)).unwrap_or_default();
            complain(question.competing.as_deref().unwrap_or_default(), cell, "event (1 or 0)");
        }
        if let (Some(time), Some(event), Some(other)) = (number, truth(event), other) {
            // Where both are marked, the event of interest came first.
            rows.push(Row { at, follow_up: FollowUp { time, event }, competing: other && !event });
        }
    }
    if !wrong.is_empty() {
        let count = wrong.len();
        wrong.truncate(LISTED);
        return Err(SurvivalError::Cells { count, list: wrong.join("\n") });
    }
    if rows.is_empty() {
        return Err(SurvivalError::Nobody(format!("{} and {}", question.time, question.event)));
    }
    Ok((rows, left_out))
}

fn of_group(name: Option<String>, rows: &[&Row], question: &SurvivalQuestion) -> Result<GroupSurvival, SurvivalError> {
    let patients: Vec<FollowUp> = rows.iter().map(|r| r.follow_up).collect();
    let curve = KaplanMeier::estimate(&patients)?;
    let point = |time: &f64| CurvePoint {
        time: *time,
        at_risk: curve.at_risk(*time),
        survival: curve.is_observed(*time).then(|| curve.survival_at(*time)),
        interval: curve
            .interval_at(*time, question.confidence, question.transform)
            .filter(|_| curve.is_observed(*time)),
    };
    let incidence = match &question.competing {
        None => None,
        Some(_) => {
            let ending = |row: &&Row| match (row.follow_up.event, row.competing) {
                (true, _) => Ending::Event,
                (false, true) => Ending::Competing,
                (false, false) => Ending::Censored,
            };
            let all: Vec<(f64, Ending)> = rows.iter().map(|r| (r.follow_up.time, ending(r))).collect();
            Some(CumulativeIncidence::estimate(&all)?)
        }
    };
    Ok(GroupSurvival {
        name,
        patients: patients.len(),
        events: patients.iter().filter(|p| p.event).count(),
        median: curve.median(),
        median_interval: curve.median_interval(question.confidence, question.transform),
        points: question.at.iter().map(point).collect(),
        restricted_mean: question.horizon.and_then(|horizon| curve.restricted_mean(horizon)),
        incidence,
        curve,
    })
}

/// Numbers where all names are numbers, in their order; else words in theirs.
fn ordered(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect::<BTreeSet<_>>().into_iter().collect();
    let numbers: Option<Vec<f64>> = names.iter().map(|n| n.parse().ok()).collect();
    if numbers.is_some() {
        let number = |name: &String| name.parse::<f64>().unwrap_or_default();
        names.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    names
}

fn compare(
    sheet: &Sheet,
    question: &SurvivalQuestion,
    rows: &[Row],
    group: usize,
    strata: Option<usize>,
    answer: &mut SurvivalAnswer,
) -> Result<(), SurvivalError> {
    let with: Vec<(&Row, &str, &str)> = rows
        .iter()
        .filter_map(|row| {
            let stratum = strata.map_or(Some(""), |column| sheet.cell(row.at, column));
            Some((row, sheet.cell(row.at, group)?, stratum?))
        })
        .collect();
    answer.without_group = rows.len() - with.len();
    let names = ordered(with.iter().map(|(_, name, _)| (*name).to_owned()));
    for name in &names {
        let of: Vec<&Row> = with.iter().filter(|(_, n, _)| n == name).map(|(row, ..)| *row).collect();
        answer.groups.push(of_group(Some(name.clone()), &of, question)?);
    }
    let patients: Vec<FollowUp> = with.iter().map(|(row, ..)| row.follow_up).collect();
    let place = |all: &[String], name: &str| all.iter().position(|n| n == name).unwrap_or_default();
    let groups: Vec<usize> = with.iter().map(|(_, name, _)| place(&names, name)).collect();
    let stratum_names = ordered(with.iter().map(|(.., stratum)| (*stratum).to_owned()));
    let strata_of: Vec<usize> = with.iter().map(|(.., stratum)| place(&stratum_names, stratum)).collect();
    let strata = strata.map(|_| strata_of.as_slice());
    answer.log_rank = Some(log_rank(&patients, &groups, strata, LogRankWeight::Even)?);
    answer.peto = Some(log_rank(&patients, &groups, strata, LogRankWeight::Peto)?);
    if let [first, second] = &answer.groups[..]
        && let (Some(first), Some(second)) = (first.restricted_mean, second.restricted_mean)
    {
        let difference = second.mean - first.mean;
        let error = first.standard_error.hypot(second.standard_error);
        let half = two_sided_z(question.confidence) * error;
        answer.mean_difference = Some(MeanDifference {
            difference,
            interval: Interval { lower: difference - half, upper: difference + half },
            p: two_sided_p(difference / error),
        });
    }
    Ok(())
}

/// A covariate as columns of a fit: one for numbers, one for each level but the first for words.
struct Coded {
    name: String,
    /// Empty for numbers.
    levels: Vec<String>,
    /// By row of the table; `None` where the cell is missing.
    values: BTreeMap<usize, Option<Vec<f64>>>,
}

impl Coded {
    fn new(sheet: &Sheet, rows: &[Row], column: usize) -> Self {
        let cells: Vec<(usize, Option<&str>)> = rows.iter().map(|r| (r.at, sheet.cell(r.at, column))).collect();
        let numbers: Option<Vec<(usize, Option<f64>)>> = cells
            .iter()
            .map(|(at, cell)| match cell {
                None => Some((*at, None)),
                Some(cell) => cell.parse::<f64>().ok().filter(|v| v.is_finite()).map(|v| (*at, Some(v))),
            })
            .collect();
        let name = sheet.columns()[column].clone();
        if let Some(numbers) = numbers {
            let values = numbers.into_iter().map(|(at, value)| (at, value.map(|v| vec![v]))).collect();
            return Self { name, levels: Vec::new(), values };
        }
        let levels = ordered(cells.iter().filter_map(|(_, cell)| cell.map(str::to_owned)));
        let code = |cell: &str| levels.iter().skip(1).map(|level| f64::from(u8::from(level == cell))).collect();
        let values = cells.iter().map(|(at, cell)| (*at, cell.map(code))).collect();
        Self { name, levels, values }
    }

    fn width(&self) -> usize {
        self.levels.len().max(2) - 1
    }
}

/// The patients with all of some covariates, and these as a matrix.
fn complete(rows: &[Row], coded: &[&Coded]) -> (Vec<FollowUp>, Array2<f64>) {
    let (mut patients, mut values) = (Vec::new(), Vec::new());
    for row in rows {
        let parts: Option<Vec<&Vec<f64>>> = coded.iter().map(|c| c.values[&row.at].as_ref()).collect();
        if let Some(parts) = parts {
            patients.push(row.follow_up);
            values.extend(parts.into_iter().flatten());
        }
    }
    let width = coded.iter().map(|c| c.width()).sum();
    let x = Array2::from_shape_vec((patients.len(), width), values).expect("each patient has all values");
    (patients, x)
}

/// Decimals at which an interval shows at least two digits of its width: a ratio for one unit of a wide covariate lies near 1.
pub fn ratio_digits(lower: f64, upper: f64) -> usize {
    const MOST: f64 = 8.0;
    let width = upper - lower;
    if width > 0.0 && width.is_finite() { (1.0 - width.log10().floor()).clamp(0.0, MOST) as usize } else { 0 }
}

fn ratios(fit: &Result<CoxModel, String>, question: &SurvivalQuestion, columns: std::ops::Range<usize>) -> Vec<Ratio> {
    match fit {
        Err(why) => columns.map(|_| Ratio::None(why.clone())).collect(),
        Ok(model) => {
            let enough = model.events as f64 / model.coefficients.len() as f64 >= LEAST_EVENTS_PER_COEFFICIENT;
            let known = |coefficient: Coefficient| Ratio::Known {
                coefficient,
                interval: enough.then(|| coefficient.interval(question.confidence)),
            };
            columns.map(|c| known(model.coefficients[c])).collect()
        }
    }
}

fn hazards(sheet: &Sheet, question: &SurvivalQuestion, rows: &[Row], columns: &[usize]) -> HazardTable {
    let coded: Vec<Coded> = columns.iter().map(|column| Coded::new(sheet, rows, *column)).collect();
    let all: Vec<&Coded> = coded.iter().collect();
    let (patients, x) = complete(rows, &all);
    let names: Vec<&str> = coded.iter().flat_map(|c| std::iter::repeat_n(c.name.as_str(), c.width())).collect();
    let explain = |error: crate::survival::CoxError, names: &[&str]| {
        use crate::survival::CoxError::{Dependent, Unbounded};
        match &error {
            // A number of a column is no help where columns have names.
            Dependent(n) => tf!("{name} is the same for everybody, or follows from the others", name = names[n - 1]),
            Unbounded(n) => {
                tf!(
                    "{name} parts those with events from those without; its hazard ratio has no end",
                    name = names[n - 1]
                )
            }
            other => other.to_string(),
        }
    };
    let fit = CoxModel::fit(&patients, x.view(), question.ties).map_err(|error| explain(error, &names));
    let mut table = HazardTable {
        rows: Vec::new(),
        complete: [patients.len(), patients.iter().filter(|p| p.event).count()],
        together: fit.clone().ok(),
        events_per_coefficient: patients.iter().filter(|p| p.event).count() as f64 / names.len().max(1) as f64,
        proportionality: None,
    };
    let test = fit.as_ref().ok().and_then(|m| m.proportionality(&patients, x.view(), question.ties).ok());
    table.proportionality = test.map(|(_, global)| global);
    let mut first = 0;
    for covariate in &coded {
        let width = covariate.width();
        let (patients, x) = complete(rows, &[covariate]);
        let own = vec![covariate.name.as_str(); width];
        let alone = CoxModel::fit(&patients, x.view(), question.ties).map_err(|error| explain(error, &own));
        let tests = alone.as_ref().ok().and_then(|m| m.proportionality(&patients, x.view(), question.ties).ok());
        let mut alone_ratios = ratios(&alone, question, 0..width);
        let mut together = ratios(&fit, question, first..first + width);
        first += width;
        if !covariate.levels.is_empty() {
            alone_ratios.insert(0, Ratio::Reference);
            together.insert(0, Ratio::Reference);
        }
        for (n, (alone, together)) in alone_ratios.into_iter().zip(together).enumerate() {
            let level = covariate.levels.get(n).cloned();
            // The column of the level, of those with one.
            let column = if covariate.levels.is_empty() { Some(0) } else { n.checked_sub(1) };
            let is_of_level = |row: usize| match (covariate.levels.is_empty(), column) {
                (true, _) => true,
                (false, Some(column)) => x[[row, column]] == 1.0,
                (false, None) => x.row(row).iter().all(|v| *v == 0.0),
            };
            let of: Vec<&FollowUp> =
                patients.iter().enumerate().filter(|(row, _)| is_of_level(*row)).map(|(_, p)| p).collect();
            table.rows.push(CovariateRow {
                covariate: covariate.name.clone(),
                level,
                patients: of.len(),
                events: of.iter().filter(|p| p.event).count(),
                alone,
                together,
                proportionality: tests.as_ref().zip(column).map(|((each, _), column)| each[column]),
            });
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_interval_gets_the_decimals_that_tell_its_ends_apart() {
        assert_eq!([ratio_digits(1.055, 2.536), ratio_digits(0.8, 40.0), ratio_digits(1.0, 1.0)], [1, 0, 0]);
        assert_eq!(ratio_digits(0.999_8, 1.000_7), 5);
        assert_eq!(format!("{:.1$}", 0.999_8, ratio_digits(0.999_8, 1.000_7)), "0.99980");
    }
}
