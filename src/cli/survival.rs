//! `hilum survival`: survival statistics of a table of patients.

use super::analyze::{label, png};
use super::cohort::failure as cohort_failure;
use super::failure::Failure;
use super::output::{self, Table, plural};
use crate::cohort::{CohortStore, Sheet};
use crate::image::{Coverage, SlicePicture};
use crate::studies::survival as studies;
use crate::studies::survival::{
    CovariateRow, CurvePoint, GroupSurvival, HazardTable, LEAST_EVENTS_PER_COEFFICIENT, Ratio, SurvivalAnswer,
    SurvivalError, SurvivalQuestion, ratio_digits, survival,
};
use crate::survival::{ChiSquareTest, ConfidenceTransform, CumulativeIncidence, Interval, LogRank, Ties};
use glam::DVec2;
use std::fmt::Write;
use std::path::PathBuf;

/// Kaplan-Meier curves, log-rank tests, hazard ratios and competing events of a table of patients
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hilum survival cohort.csv --time os_months --event died --at 12,24,36
  hilum survival cohort.csv --time os_months --event died --group arm --horizon 36 --svg survival.svg
  hilum survival cohort.csv --time os_months --event died --covariates age,sex,stage
  hilum survival lung.hilum-cohort --time recurrence_free_months --event recurred --competing died --group sex --json

A cohort of `hilum cohort` has the columns of `hilum cohort template`, and recurrence_free_months (to the recurrence, else to the
end of follow-up), progressed (recurred or died) and progression_free_months. Of simulated patients text, figures and the last
column of tables say so.

A table is a CSV file with a header and one row a patient. An event is 1, true or yes, its absence 0, false or no; cells that
are empty, NA or . are missing. Covariates whose values are all numbers count by the unit, others by level, compared with
the first. A cell that cannot be used is told with its row, and nothing is computed.

JSON keys:
  file             the table or cohort
  simulated        the program made the patients: the cohort, or the column simulated of the table, says so
  patients, events, competing  with time and event
  left_out         rows without time or event
  without_group    patients whom the comparison leaves out
  confidence       of the intervals
  transform, ties  how intervals are made and events at the same time are dealt with
  follow_up        median follow-up (reverse Kaplan-Meier); null where it is not reached
  groups           all patients, then each group [{name (null for all), patients, events, median, median_lower, median_upper
                   (null where not reached), at [{time, at_risk, survival, lower, upper, incidence (null where nobody was
                   observed so long)}], restricted_mean {mean,
                   standard_error} (null without --horizon), curve [{time, at_risk, events, censored, survival, lower, upper}],
                   incidence [{time, at_risk, events, competing, censored, incidence, standard_error}] (null without --competing)}]
  log_rank         test between the groups; null without --group {groups [{name, patients, observed, expected}], chi_square,
                   degrees_of_freedom, p}
  peto             the same with more weight on early events {groups [{name, patients, observed, expected}], chi_square,
                   degrees_of_freedom, p}
  mean_difference  restricted mean of the second group less that of the first {difference, lower, upper, p}; null where there
                   are not two
  hazards          null without --covariates {rows [{covariate, level, patients, events, alone {hazard_ratio, lower, upper, p,
                   beta, standard_error, note}, together {hazard_ratio, lower, upper, p, beta, standard_error, note},
                   proportionality {chi_square, degrees_of_freedom, p}}], patients, events (with all covariates),
                   events_per_coefficient, concordance, log_likelihood, likelihood_ratio {chi_square, degrees_of_freedom, p},
                   wald {chi_square, degrees_of_freedom, p}, score {chi_square, degrees_of_freedom, p}, proportionality
                   {chi_square, degrees_of_freedom, p}}")]
pub struct Survival {
    /// A table, or a cohort
    #[arg(value_name = "CSV|COHORT")]
    file: PathBuf,
    /// Column of the times, all in one unit
    #[arg(long, value_name = "COLUMN")]
    time: String,
    /// Column that tells whether the event happened
    #[arg(long, value_name = "COLUMN")]
    event: String,
    /// Column that tells whether another event ended the observation, after which this one cannot be seen
    #[arg(long, value_name = "COLUMN")]
    competing: Option<String>,
    /// Compare the groups of this column
    #[arg(long, value_name = "COLUMN")]
    group: Option<String>,
    /// ... within the strata of this one
    #[arg(long, value_name = "COLUMN", requires = "group")]
    strata: Option<String>,
    /// Hazard ratios of these columns, one by one and together
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    covariates: Vec<String>,
    /// Read the curves at these times
    #[arg(long, value_name = "TIMES", value_delimiter = ',')]
    at: Vec<f64>,
    /// Restricted mean time without the event up to here
    #[arg(long, value_name = "TIME")]
    horizon: Option<f64>,
    /// Confidence of intervals
    #[arg(long, value_name = "X", default_value_t = 0.95, value_parser = parse_confidence)]
    confidence: f64,
    /// Scale on which intervals of the curve are made
    #[arg(long, value_name = "SCALE", value_enum, default_value = "log")]
    transform: Scale,
    /// How events at the same time are dealt with
    #[arg(long, value_name = "WAY", value_enum, default_value = "efron")]
    ties: TiesWay,
    /// Write the curves as a figure
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the curves as a picture
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Write their steps as a table
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    overwrite: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Scale {
    Log,
    LogLog,
    Plain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum TiesWay {
    Efron,
    Breslow,
}

fn parse_confidence(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "write a number such as 0.95".to_owned())?;
    if value > 0.0 && value < 1.0 { Ok(value) } else { Err("it must lie between 0 and 1".into()) }
}

#[derive(serde::Serialize)]
struct Report<'a> {
    file: &'a PathBuf,
    simulated: bool,
    patients: usize,
    events: usize,
    competing: usize,
    left_out: &'a [usize],
    without_group: usize,
    confidence: f64,
    transform: Scale,
    ties: TiesWay,
    follow_up: Option<f64>,
    groups: Vec<Group<'a>>,
    log_rank: Option<Comparison<'a>>,
    peto: Option<Comparison<'a>>,
    mean_difference: Option<MeanDifference>,
    hazards: Option<Hazards<'a>>,
}

#[derive(serde::Serialize)]
struct Group<'a> {
    name: Option<&'a str>,
    patients: usize,
    events: usize,
    median: Option<f64>,
    median_lower: Option<f64>,
    median_upper: Option<f64>,
    at: Vec<At>,
    restricted_mean: Option<crate::survival::RestrictedMean>,
    curve: Vec<Step>,
    incidence: Option<Vec<IncidenceStep>>,
}

#[derive(serde::Serialize)]
struct At {
    time: f64,
    at_risk: usize,
    survival: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    incidence: Option<f64>,
}

#[derive(serde::Serialize)]
struct Step {
    time: f64,
    at_risk: usize,
    events: usize,
    censored: usize,
    survival: f64,
    lower: Option<f64>,
    upper: Option<f64>,
}

#[derive(serde::Serialize)]
struct IncidenceStep {
    time: f64,
    at_risk: usize,
    events: usize,
    competing: usize,
    censored: usize,
    incidence: f64,
    standard_error: f64,
}

#[derive(serde::Serialize)]
struct Comparison<'a> {
    groups: Vec<Compared<'a>>,
    chi_square: f64,
    degrees_of_freedom: usize,
    p: f64,
}

#[derive(serde::Serialize)]
struct Compared<'a> {
    name: Option<&'a str>,
    patients: usize,
    observed: f64,
    expected: f64,
}

#[derive(serde::Serialize)]
struct MeanDifference {
    difference: f64,
    lower: f64,
    upper: f64,
    p: f64,
}

#[derive(serde::Serialize)]
struct Hazards<'a> {
    rows: Vec<HazardRow<'a>>,
    patients: usize,
    events: usize,
    events_per_coefficient: f64,
    concordance: Option<f64>,
    log_likelihood: Option<f64>,
    likelihood_ratio: Option<ChiSquareTest>,
    wald: Option<ChiSquareTest>,
    score: Option<ChiSquareTest>,
    proportionality: Option<ChiSquareTest>,
}

#[derive(serde::Serialize)]
struct HazardRow<'a> {
    covariate: &'a str,
    level: Option<&'a str>,
    patients: usize,
    events: usize,
    alone: HazardRatio<'a>,
    together: HazardRatio<'a>,
    proportionality: Option<ChiSquareTest>,
}

#[derive(serde::Serialize, Default)]
struct HazardRatio<'a> {
    hazard_ratio: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    p: Option<f64>,
    beta: Option<f64>,
    standard_error: Option<f64>,
    note: Option<&'a str>,
}

const NOT_SO_LONG: &str = "not observed so long";
const TOO_FEW: &str = "too few events for an interval";

impl<'a> HazardRatio<'a> {
    fn of(ratio: &'a Ratio) -> Self {
        match ratio {
            Ratio::Reference => Self { note: Some("reference"), ..Self::default() },
            Ratio::None(why) => Self { note: Some(why), ..Self::default() },
            Ratio::Known { coefficient, interval } => Self {
                hazard_ratio: Some(coefficient.hazard_ratio()),
                lower: interval.map(|i| i.lower),
                upper: interval.map(|i| i.upper),
                p: interval.map(|_| coefficient.p()),
                beta: Some(coefficient.beta),
                standard_error: interval.map(|_| coefficient.standard_error),
                note: interval.is_none().then_some(TOO_FEW),
            },
        }
    }
}

/// A drawing as pixels, two to a unit, in the letters that the program has for pictures.
fn painted(drawing: &studies::Drawing) -> SlicePicture {
    const SCALE: f64 = 2.0;
    let size = drawing.size.map(|x| (x * SCALE).ceil() as usize);
    let mut picture = SlicePicture::filled(size, [255; 3]);
    let at = |[x, y]: [f64; 2]| DVec2::new(x, y) * SCALE;
    for shape in &drawing.shapes {
        match shape {
            studies::Shape::Line { points, color, width, dash } => {
                let mut coverage = Coverage::new(size);
                for [from, to] in dashes(points, dash) {
                    coverage.line(at(from), at(to), width * SCALE);
                }
                coverage.paint(&mut picture, *color, 1.0);
            }
            studies::Shape::Area { points, color, opacity } => {
                let mut coverage = Coverage::new(size);
                let points: Vec<DVec2> = points.iter().map(|p| at(*p)).collect();
                for y in 0..size[1] {
                    let middle = y as f64 + 0.5;
                    let edges = (0..points.len()).map(|n| (points[n], points[(n + 1) % points.len()]));
                    let mut crossings: Vec<f64> = edges
                        .filter(|(a, b)| (a.y <= middle) != (b.y <= middle))
                        .map(|(a, b)| a.x + (b.x - a.x) * (middle - a.y) / (b.y - a.y))
                        .collect();
                    crossings.sort_by(f64::total_cmp);
                    for pair in crossings.chunks_exact(2) {
                        let run = pair.iter().map(|x| (x.round().max(0.0) as usize).min(size[0])).collect::<Vec<_>>();
                        (run[0]..run[1]).for_each(|x| coverage.set(x, y));
                    }
                }
                coverage.paint(&mut picture, *color, *opacity);
            }
            studies::Shape::Text { at: place, anchor, color, words } => {
                let base = at(*place);
                let left = base.x - anchor * label::text_width(words) as f64;
                let top = base.y - 0.8 * label::line_height() as f64;
                label::write(&mut picture, left.max(0.0) as usize, top.max(0.0) as usize, words, *color);
            }
        }
    }
    picture
}

/// A line as the pieces that are drawn of it.
fn dashes(points: &[[f64; 2]], dash: &[f64]) -> Vec<[[f64; 2]; 2]> {
    let mut pieces = Vec::new();
    let (mut n, mut left) = (0, dash.first().copied().unwrap_or(f64::INFINITY));
    for pair in points.windows(2) {
        let (a, b) = (DVec2::from(pair[0]), DVec2::from(pair[1]));
        let length = a.distance(b);
        let mut done = 0.0;
        while done < length {
            let step = left.min(length - done);
            if n % 2 == 0 {
                let place = |along: f64| a.lerp(b, along / length).to_array();
                pieces.push([place(done), place(done + step)]);
            }
            done += step;
            left -= step;
            if left <= 0.0 {
                n += 1;
                left = dash[n % dash.len()];
            }
        }
    }
    pieces
}

impl Survival {
    pub fn run(&self) -> Result<(), Failure> {
        let refuse = |error: SurvivalError| match error {
            SurvivalError::NoColumn { .. } => Failure::Usage(error.to_string()),
            other => Failure::refused(other),
        };
        let question = self.question();
        let sheet = if CohortStore::is_store(&self.file) {
            let store = CohortStore::open(&self.file).map_err(cohort_failure)?;
            Sheet::of_patients(&store.patients().map_err(cohort_failure)?)
        } else {
            Sheet::read(&self.file).map_err(Failure::failed)?
        };
        let answer = survival(&sheet, &question).map_err(refuse)?;
        for path in [&self.svg, &self.png, &self.csv].into_iter().flatten() {
            output::refuse_input(path, &self.file)?;
            if !self.overwrite {
                output::refuse_existing(path)?;
            }
        }
        if let Some(path) = &self.svg {
            let figure = studies::drawing(&question, &answer, answer.simulated);
            output::write_file(path, figure.svg().as_bytes(), self.overwrite)?;
        }
        if let Some(path) = &self.png {
            let picture = painted(&studies::drawing(&question, &answer, answer.simulated));
            output::write_file(path, &png(&picture)?, self.overwrite)?;
        }
        if let Some(path) = &self.csv {
            let table = studies::csv(&question, &answer).map_err(Failure::failed)?;
            output::write_file(path, &table, self.overwrite)?;
        }
        if self.json { output::print_json(&self.report(&answer)) } else { output::print(&words(&question, &answer)) }
    }

    fn question(&self) -> SurvivalQuestion {
        SurvivalQuestion {
            time: self.time.clone(),
            event: self.event.clone(),
            competing: self.competing.clone(),
            group: self.group.clone(),
            strata: self.strata.clone(),
            covariates: self.covariates.clone(),
            at: self.at.clone(),
            horizon: self.horizon,
            confidence: self.confidence,
            transform: match self.transform {
                Scale::Log => ConfidenceTransform::Log,
                Scale::LogLog => ConfidenceTransform::LogLog,
                Scale::Plain => ConfidenceTransform::Plain,
            },
            ties: match self.ties {
                TiesWay::Efron => Ties::Efron,
                TiesWay::Breslow => Ties::Breslow,
            },
        }
    }

    fn report<'a>(&'a self, answer: &'a SurvivalAnswer) -> Report<'a> {
        let groups = std::iter::once(&answer.all).chain(&answer.groups);
        Report {
            file: &self.file,
            simulated: answer.simulated,
            patients: answer.patients,
            events: answer.events,
            competing: answer.competing,
            left_out: &answer.left_out,
            without_group: answer.without_group,
            confidence: self.confidence,
            transform: self.transform,
            ties: self.ties,
            follow_up: answer.follow_up,
            groups: groups.map(|g| self.group_report(g)).collect(),
            log_rank: answer.log_rank.as_ref().map(|test| comparison(test, &answer.groups)),
            peto: answer.peto.as_ref().map(|test| comparison(test, &answer.groups)),
            mean_difference: answer.mean_difference.map(|d| MeanDifference {
                difference: d.difference,
                lower: d.interval.lower,
                upper: d.interval.upper,
                p: d.p,
            }),
            hazards: answer.hazards.as_ref().map(hazards_report),
        }
    }

    fn group_report<'a>(&self, group: &'a GroupSurvival) -> Group<'a> {
        let question = self.question();
        let ends = |interval: Option<Interval>| (interval.map(|i| i.lower), interval.map(|i| i.upper));
        let at = |point: &CurvePoint| {
            let (lower, upper) = ends(point.interval);
            let incidence = group.incidence.as_ref().filter(|_| point.survival.is_some()).map(|i| i.at(point.time));
            At { time: point.time, at_risk: point.at_risk, survival: point.survival, lower, upper, incidence }
        };
        let step = |step: &crate::survival::KaplanMeierStep| {
            let interval = group.curve.interval_at(step.time, question.confidence, question.transform);
            let (lower, upper) = ends(interval);
            Step {
                time: step.time,
                at_risk: step.at_risk,
                events: step.events,
                censored: step.censored,
                survival: step.survival,
                lower,
                upper,
            }
        };
        Group {
            name: group.name.as_deref(),
            patients: group.patients,
            events: group.events,
            median: group.median,
            median_lower: group.median_interval.0,
            median_upper: group.median_interval.1,
            at: group.points.iter().map(at).collect(),
            restricted_mean: group.restricted_mean,
            curve: group.curve.steps.iter().map(step).collect(),
            incidence: group.incidence.as_ref().map(incidence_steps),
        }
    }
}

fn incidence_steps(incidence: &CumulativeIncidence) -> Vec<IncidenceStep> {
    let step = |s: &crate::survival::IncidenceStep| IncidenceStep {
        time: s.time,
        at_risk: s.at_risk,
        events: s.events,
        competing: s.competing,
        censored: s.censored,
        incidence: s.incidence,
        standard_error: s.standard_error,
    };
    incidence.steps.iter().map(step).collect()
}

fn comparison<'a>(test: &LogRank, groups: &'a [GroupSurvival]) -> Comparison<'a> {
    let compared = |(group, counts): (&'a GroupSurvival, &crate::survival::LogRankGroup)| Compared {
        name: group.name.as_deref(),
        patients: counts.patients,
        observed: counts.observed,
        expected: counts.expected,
    };
    Comparison {
        groups: groups.iter().zip(&test.groups).map(compared).collect(),
        chi_square: test.chi_square,
        degrees_of_freedom: test.degrees_of_freedom,
        p: test.p,
    }
}

fn hazards_report(table: &HazardTable) -> Hazards<'_> {
    let model = table.together.as_ref();
    Hazards {
        rows: table.rows.iter().map(hazard_row).collect(),
        patients: table.complete[0],
        events: table.complete[1],
        events_per_coefficient: table.events_per_coefficient,
        concordance: model.and_then(|m| m.concordance.c()),
        log_likelihood: model.map(|m| m.log_likelihood),
        likelihood_ratio: model.map(|m| m.likelihood_ratio),
        wald: model.map(|m| m.wald),
        score: model.map(|m| m.score),
        proportionality: table.proportionality,
    }
}

fn hazard_row(row: &CovariateRow) -> HazardRow<'_> {
    HazardRow {
        covariate: &row.covariate,
        level: row.level.as_deref(),
        patients: row.patients,
        events: row.events,
        alone: HazardRatio::of(&row.alone),
        together: HazardRatio::of(&row.together),
        proportionality: row.proportionality,
    }
}

/// A p value as tables print it.
fn p_words(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "not reached".to_owned(), |v| format!("{v:.2}"))
}

fn words(question: &SurvivalQuestion, answer: &SurvivalAnswer) -> String {
    let percent = 100.0 * question.confidence;
    let mut text = format!(
        "{}{}, {}; median follow-up {} (reverse Kaplan-Meier)\n",
        if answer.simulated { "Simulated, not observed: " } else { "" },
        plural(answer.patients, "patient", "patients"),
        plural(answer.events, "event", "events"),
        number(answer.follow_up),
    );
    if !answer.left_out.is_empty() {
        let rows: Vec<String> = answer.left_out.iter().map(ToString::to_string).collect();
        let _infallible = writeln!(
            text,
            "left out, without {} or {}: {} ({})",
            question.time,
            question.event,
            plural(rows.len(), "row", "rows"),
            rows.join(", ")
        );
    }
    if answer.without_group > 0 {
        let _infallible =
            writeln!(text, "not compared, without a group: {}", plural(answer.without_group, "patient", "patients"));
    }
    let _infallible = writeln!(text, "\n{}", curves_table(question, answer, percent));
    for (test, name) in [(&answer.log_rank, "Log-rank"), (&answer.peto, "Peto and Prentice")] {
        if let Some(test) = test {
            let _infallible = writeln!(
                text,
                "{name}: chi-square {:.4} on {}, p {}",
                test.chi_square,
                plural(test.degrees_of_freedom, "degree of freedom", "degrees of freedom"),
                p_words(test.p)
            );
        }
    }
    if let Some(d) = answer.mean_difference {
        let _infallible = writeln!(
            text,
            "Difference of restricted means: {:.2} ({percent:.0} % interval {:.2} to {:.2}), p {}",
            d.difference,
            d.interval.lower,
            d.interval.upper,
            p_words(d.p)
        );
    }
    if let Some(hazards) = &answer.hazards {
        hazards_words(&mut text, hazards, percent);
    }
    text
}

fn curves_table(question: &SurvivalQuestion, answer: &SurvivalAnswer, percent: f64) -> Table {
    let mut titles: Vec<String> = vec!["Group".into(), ">Patients".into(), ">Events".into()];
    titles.push(format!(">Median ({percent:.0} % interval)"));
    titles.extend(question.at.iter().map(|t| format!(">At {t}")));
    if question.competing.is_some() {
        titles.extend(question.at.iter().map(|t| format!(">Incidence at {t}")));
    }
    titles.extend(question.horizon.map(|h| format!(">Mean up to {h}")));
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let mut table = Table::new(&titles);
    for group in std::iter::once(&answer.all).chain(&answer.groups) {
        let (lower, upper) = group.median_interval;
        let mut row = vec![
            group.name.clone().unwrap_or_else(|| "all".to_owned()),
            group.patients.to_string(),
            group.events.to_string(),
            format!("{} ({} to {})", number(group.median), number(lower), number(upper)),
        ];
        row.extend(group.points.iter().map(|p| match (p.survival, p.interval) {
            (Some(share), Some(i)) => format!("{share:.3} ({:.3} to {:.3})", i.lower, i.upper),
            (Some(share), None) => format!("{share:.3}"),
            (None, _) => NOT_SO_LONG.to_owned(),
        }));
        if let Some(incidence) = &group.incidence {
            row.extend(group.points.iter().map(|p| {
                let i = incidence.interval_at(p.time, question.confidence);
                match p.survival {
                    Some(_) => format!("{:.3} ({:.3} to {:.3})", incidence.at(p.time), i.lower, i.upper),
                    None => NOT_SO_LONG.to_owned(),
                }
            }));
        }
        if question.horizon.is_some() {
            let mean = group.restricted_mean.map(|m| format!("{:.2} (SE {:.2})", m.mean, m.standard_error));
            row.push(mean.unwrap_or_else(|| NOT_SO_LONG.to_owned()));
        }
        table.row(row);
    }
    table
}

fn hazards_words(text: &mut String, hazards: &HazardTable, percent: f64) {
    let interval = format!(">Alone ({percent:.0} % interval)");
    let together = format!(">Together ({percent:.0} % interval)");
    let titles = ["Covariate", "Level", ">Patients", ">Events", &interval, ">p", &together, ">p", ">Proportional, p"];
    let mut table = Table::new(&titles);
    let cells = |ratio: &Ratio| match ratio {
        Ratio::Reference => ["1 (reference)".to_owned(), String::new()],
        Ratio::None(_) => ["none".to_owned(), String::new()],
        Ratio::Known { coefficient, interval: None } => [format!("{:.3}", coefficient.hazard_ratio()), String::new()],
        Ratio::Known { coefficient, interval: Some(i) } => {
            let digits = ratio_digits(i.lower, i.upper).max(3);
            let number = |value: f64| format!("{value:.digits$}");
            let ratio = number(coefficient.hazard_ratio());
            [format!("{ratio} ({} to {})", number(i.lower), number(i.upper)), p_words(coefficient.p())]
        }
    };
    for row in &hazards.rows {
        let ([alone, alone_p], [together, together_p]) = (cells(&row.alone), cells(&row.together));
        table.row([
            row.covariate.clone(),
            row.level.clone().unwrap_or_default(),
            row.patients.to_string(),
            row.events.to_string(),
            alone,
            alone_p,
            together,
            together_p,
            row.proportionality.map_or_else(String::new, |t| p_words(t.p)),
        ]);
    }
    let [patients, events] = hazards.complete;
    let _infallible = writeln!(
        text,
        "\nHazard ratios; together of {} and {}\n{table}",
        plural(patients, "patient", "patients"),
        plural(events, "event", "events")
    );
    if let Some(model) = &hazards.together {
        let test = |t: ChiSquareTest| format!("{:.4} ({}, p {})", t.chi_square, t.degrees_of_freedom, p_words(t.p));
        let c = model.concordance.c().map_or_else(|| "none".to_owned(), |c| format!("{c:.4}"));
        let _infallible = writeln!(
            text,
            "Together: Harrell's C {c}; chi-square (degrees of freedom) of likelihood ratio {}, Wald {}, score {}",
            test(model.likelihood_ratio),
            test(model.wald),
            test(model.score)
        );
        if let Some(global) = hazards.proportionality {
            let _infallible = writeln!(text, "Hazards in proportion over time, all together: {}", test(global));
        }
    }
    let mut told: Vec<&str> = Vec::new();
    for row in &hazards.rows {
        for ratio in [&row.alone, &row.together] {
            if let Ratio::None(why) = ratio
                && !told.contains(&why.as_str())
            {
                told.push(why);
            }
        }
    }
    for why in told {
        let _infallible = writeln!(text, "no hazard ratio: {why}");
    }
    if hazards
        .rows
        .iter()
        .flat_map(|r| [&r.alone, &r.together])
        .any(|r| matches!(r, Ratio::Known { interval: None, .. }))
    {
        let _infallible = writeln!(
            text,
            "no interval where there are fewer than {LEAST_EVENTS_PER_COEFFICIENT} events for each coefficient ({:.1} together)",
            hazards.events_per_coefficient
        );
    }
}
