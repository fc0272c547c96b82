//! Survival statistics against numbers of other programs: lifelines, and R's survival as REFERENCE.md 6.2 cites it. The golden
//! file is made by `tests/fixtures/survival.py`.

use crate::cli::check_documented;
use crate::support::test_data;
use assert_cmd::Command;
use hilum::survival::*;
use ndarray::Array2;
use serde_json::Value;
use std::collections::BTreeMap;

static GOLDEN: &str = include_str!("fixtures/survival.json");

/// Within a share of the value.
#[track_caller]
fn near(found: f64, golden: f64, tolerance: f64, what: &str) {
    let allowed = tolerance * golden.abs().max(1e-3);
    assert!((found - golden).abs() <= allowed, "{what}: {found}, not {golden}");
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn words(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A table by columns; cells that are no numbers are missing.
struct Table {
    columns: BTreeMap<String, Vec<String>>,
}

impl Table {
    fn read(name: &str) -> Option<Self> {
        let mut reader = csv::Reader::from_path(test_data(&format!("survival-tables/{name}.csv"))?).expect("readable");
        let names: Vec<String> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
        let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for record in reader.records() {
            for (name, cell) in names.iter().zip(record.expect("a row").iter()) {
                columns.entry(name.clone()).or_default().push(cell.to_owned());
            }
        }
        Some(Self { columns })
    }

    fn cell(&self, column: &str, row: usize) -> Option<f64> {
        let cell = &self.columns[column][row];
        match (column, cell.as_str()) {
            // As the golden program reads the arm of nvalt8.
            ("arm", "CP/CG+N") => Some(1.0),
            ("arm", "CP/CG") => Some(0.0),
            (_, cell) => cell.parse().ok(),
        }
    }

    /// Follow-up and covariates of the rows without a missing one.
    fn complete(&self, time: &str, event: &str, covariates: &[&str]) -> (Vec<FollowUp>, Array2<f64>) {
        let (mut patients, mut values) = (Vec::new(), Vec::new());
        for row in 0..self.columns[time].len() {
            let all: Option<Vec<f64>> = covariates.iter().map(|c| self.cell(c, row)).collect();
            if let (Some(all), Some(time), Some(event)) = (all, self.cell(time, row), self.cell(event, row)) {
                patients.push(FollowUp { time, event: event == 1.0 });
                values.extend(all);
            }
        }
        let shape = (patients.len(), covariates.len());
        (patients, Array2::from_shape_vec(shape, values).expect("a row for each patient"))
    }

    /// Follow-up and group of the rows that have one, groups numbered in order.
    fn groups(&self, time: &str, event: &str, group: &str) -> (Vec<FollowUp>, Vec<usize>) {
        let mut names: Vec<&String> = self.columns[group].iter().filter(|name| !name.is_empty()).collect();
        names.sort();
        names.dedup();
        let (mut patients, mut groups) = (Vec::new(), Vec::new());
        for (row, name) in self.columns[group].iter().enumerate() {
            let group = names.iter().position(|n| *n == name);
            if let (Some(group), Some(time), Some(event)) = (group, self.cell(time, row), self.cell(event, row)) {
                patients.push(FollowUp { time, event: event == 1.0 });
                groups.push(group);
            }
        }
        (patients, groups)
    }
}

fn tables() -> Vec<(Table, Value)> {
    let golden: Value = serde_json::from_str(GOLDEN).expect("the golden file");
    let read = |name: &str| Some((Table::read(name)?, golden[name].clone()));
    ["ncctg_lung", "nvalt8", "nvalt11"].into_iter().filter_map(read).collect()
}

#[test]
fn log_rank_tests_are_those_of_lifelines() {
    for (table, golden) in tables() {
        for test in list(&golden["log_rank"]) {
            let [time, event, group] = ["time", "event", "group"].map(|key| words(&test[key]));
            let (patients, groups) = table.groups(time, event, group);
            assert_eq!(patients.len() as u64, test["n"].as_u64().expect("n"));
            let even = log_rank(&patients, &groups, None, LogRankWeight::Even).expect("a test");
            assert_eq!(even.degrees_of_freedom as u64 + 1, test["groups"].as_u64().expect("groups"));
            near(even.chi_square, number(&test["chi_square"]), 1e-9, group);
            near(even.p, number(&test["p"]), 1e-8, group);
            let peto = log_rank(&patients, &groups, None, LogRankWeight::Peto).expect("a test");
            near(peto.chi_square, number(&test["peto"]), 1e-9, group);
            // One stratum is none, and the group in which one stands says nothing within it.
            let one = vec![3; patients.len()];
            assert_eq!(log_rank(&patients, &groups, Some(&one), LogRankWeight::Even), Ok(even));
            let alone = log_rank(&patients, &groups, Some(&groups), LogRankWeight::Even);
            assert_eq!(alone, Err(LogRankError::OneGroup));
        }
    }
}

#[test]
fn the_log_rank_test_by_sex_is_the_one_that_r_prints() {
    let Some(lung) = Table::read("ncctg_lung") else { return };
    let (patients, groups) = lung.groups("time", "status", "sex");
    let test = log_rank(&patients, &groups, None, LogRankWeight::Even).expect("two groups");
    let [men, women] = test.groups[..] else { panic!("two groups") };
    assert_eq!([men.observed, women.observed], [112.0, 53.0]);
    near(men.expected, 91.58174, 1e-6, "expected, men");
    near(women.expected, 73.4183, 1e-6, "expected, women");
    near(test.variance[[0, 0]], 40.37143, 1e-6, "variance");
    near(test.chi_square, 10.32674, 1e-6, "chi-square");
    near(test.p, 0.00131116, 1e-5, "p");
}

#[test]
fn proportional_hazards_are_those_of_lifelines_for_both_ways_of_ties() {
    for (table, golden) in tables() {
        for test in list(&golden["cox"]) {
            let columns: Vec<&str> = list(&test["columns"]).iter().map(words).collect();
            let what = columns.join(" + ");
            let (patients, x) = table.complete(words(&test["time"]), words(&test["event"]), &columns);
            let model = CoxModel::fit(&patients, x.view(), Ties::Efron).expect("a fit");
            assert_eq!(
                [model.patients, model.events].map(|n| Some(n as u64)),
                [&test["n"], &test["events"]].map(Value::as_u64)
            );
            for (n, c) in model.coefficients.iter().enumerate() {
                near(c.beta, number(&test["beta"][n]), 1e-7, &what);
                near(c.standard_error, number(&test["standard_error"][n]), 1e-7, &what);
            }
            near(model.log_likelihood, number(&test["log_likelihood"]), 1e-10, &what);
            near(model.likelihood_ratio.chi_square, number(&test["likelihood_ratio"]), 1e-8, &what);
            near(model.score.chi_square, number(&test["score"]), 1e-8, &what);
            near(model.concordance.c().expect("pairs"), number(&test["concordance"]), 1e-9, &what);
            let (each, _) = model.proportionality(&patients, x.view(), Ties::Efron).expect("tested");
            for (n, test_of_one) in each.iter().enumerate() {
                near(test_of_one.chi_square, number(&test["proportionality"][n]), 1e-5, &what);
            }
            let breslow = CoxModel::fit(&patients, x.view(), Ties::Breslow).expect("a fit");
            for (n, c) in breslow.coefficients.iter().enumerate() {
                near(c.beta, number(&test["breslow"]["beta"][n]), 1e-8, &what);
                near(c.standard_error, number(&test["breslow"]["standard_error"][n]), 1e-8, &what);
            }
            near(breslow.log_likelihood, number(&test["breslow"]["log_likelihood"]), 1e-10, &what);
        }
    }
}

#[test]
fn the_published_fits_of_lung_and_freireich_come_out() {
    let treated = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+";
    let placebo = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23";
    let follow_up =
        |t: &str| FollowUp { time: t.trim_end_matches('+').parse().expect("a time"), event: !t.ends_with('+') };
    let patients: Vec<FollowUp> = treated.split(' ').chain(placebo.split(' ')).map(follow_up).collect();
    let groups: Vec<usize> = (0..42).map(|n| usize::from(n >= 21)).collect();
    let test = log_rank(&patients, &groups, None, LogRankWeight::Even).expect("two groups");
    near(test.chi_square, 16.792941, 1e-7, "chi-square");
    near(test.p, 4.1688e-5, 1e-4, "p");
    let x = Array2::from_shape_fn((42, 1), |(n, _)| groups[n] as f64);
    let efron = CoxModel::fit(&patients, x.view(), Ties::Efron).expect("a fit");
    let [placebo] = efron.coefficients[..] else { panic!("one coefficient") };
    near(placebo.beta, 1.572125, 1e-6, "beta");
    near(placebo.standard_error, 0.412397, 2e-6, "se");
    near(placebo.hazard_ratio(), 4.816873, 1e-6, "HR");
    near(placebo.interval(0.95).lower, 2.146508, 2e-6, "lower");
    near(placebo.interval(0.95).upper, 10.809307, 2e-6, "upper");
    near(efron.likelihood_ratio.chi_square, 16.351691, 1e-7, "LR");
    near(efron.log_likelihood, -85.008425, 1e-7, "log likelihood");
    near(efron.concordance.c().expect("pairs"), 0.690042, 1e-6, "C");
    let breslow = CoxModel::fit(&patients, x.view(), Ties::Breslow).expect("a fit");
    near(breslow.coefficients[0].beta, 1.509191, 1e-6, "Breslow");
    near(breslow.coefficients[0].standard_error, 0.409564, 2e-6, "Breslow, se");
    near(breslow.log_likelihood, -86.379622, 1e-7, "Breslow, log likelihood");

    let Some(lung) = Table::read("ncctg_lung") else { return };
    let (patients, x) = lung.complete("time", "status", &["sex"]);
    let model = CoxModel::fit(&patients, x.view(), Ties::Efron).expect("a fit");
    let [sex] = model.coefficients[..] else { panic!("one coefficient") };
    near(sex.beta, -0.5310235, 1e-7, "beta");
    near(sex.hazard_ratio(), 0.588004, 3e-6, "HR");
    near(sex.standard_error, 0.167179, 5e-6, "se");
    near(sex.z(), -3.17638, 2e-6, "z");
    near(sex.p(), 0.001491, 5e-4, "p");
    near(sex.interval(0.95).lower, 0.423719, 3e-6, "lower");
    near(sex.interval(0.95).upper, 0.815986, 3e-6, "upper");
    let (tests, global) = model.proportionality(&patients, x.view(), Ties::Efron).expect("tested");
    near(tests[0].chi_square, 2.7585, 4e-5, "proportionality");
    near(tests[0].p, 0.0967, 1e-3, "proportionality, p");
    near(global.chi_square, tests[0].chi_square, 1e-9, "one covariate: global is the same");
}

#[test]
fn nothing_is_told_beyond_the_last_observation_and_competing_events_do_not_shorten_the_follow_up() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let table = folder.path().join("t.csv");
    std::fs::write(&table, "t,event,other,arm\n2,0,1,a\n3,0,1,a\n4,1,0,b\n6,0,0,b\n7,0,0,a\n8,0,0,b\n")
        .expect("written");
    let ask = |more: &[&str]| {
        let file = table.to_str().expect("UTF-8");
        let (code, out, errors) = hilum(&[&["survival", file, "--time", "t", "--event", "event"], more].concat());
        assert_eq!((code, errors.as_str()), (0, ""));
        out
    };
    // By hand: of the three who are still followed at 6, two are at 7, so that the reverse curve falls to 2/3 and 1/3.
    assert!(ask(&["--competing", "other"]).contains("median follow-up 7.00"));
    // At 2 and 3 two are lost: 5/6, 4/6, and at 6 it falls to 4/9.
    assert!(ask(&[]).contains("median follow-up 6.00"));

    let at = ["--competing", "other", "--at", "4,8,9"];
    let report: Value = serde_json::from_str(&ask(&[&at[..], &["--json"]].concat())).expect("JSON");
    let points = list(&report["groups"][0]["at"]);
    assert!((number(&points[0]["survival"]) - 0.75).abs() < 1e-12 && points[1]["survival"].is_number());
    for key in ["survival", "lower", "upper", "incidence"] {
        assert_eq!(points[2][key], Value::Null, "nobody was observed up to 9");
    }
    assert_eq!(ask(&at).matches("not observed so long").count(), 2);
}

#[test]
fn restricted_means_follow_up_and_competing_events_are_those_of_lifelines() {
    for (table, golden) in tables() {
        for test in list(&golden["restricted_mean"]) {
            let (patients, _) = table.complete(words(&test["time"]), words(&test["event"]), &[]);
            let curve = KaplanMeier::estimate(&patients).expect("patients");
            let mean = curve.restricted_mean(number(&test["horizon"])).expect("observed that long");
            near(mean.mean, number(&test["mean"]), 1e-10, "mean");
            near(mean.standard_error, number(&test["standard_error"]), 1e-9, "standard error");
        }
    }
    let Some(lung) = Table::read("ncctg_lung") else { return };
    let (patients, _) = lung.complete("time", "status", &[]);
    assert_eq!(KaplanMeier::of_follow_up(&patients).expect("patients").median(), Some(588.0));
    let (patients, sexes) = lung.groups("time", "status", "sex");
    for (sex, golden) in [(0, 241.495), (1, 297.465)] {
        let of: Vec<FollowUp> = patients.iter().zip(&sexes).filter(|(_, s)| **s == sex).map(|(p, _)| *p).collect();
        let curve = KaplanMeier::estimate(&of).expect("patients");
        near(curve.restricted_mean(365.0).expect("a year").mean, golden, 2e-6, "a year");
        assert_eq!(curve.restricted_mean(5000.0), None, "nobody was observed that long");
    }

    let nvalt11 = Table::read("nvalt11").expect("beside the others");
    let golden: Value = serde_json::from_str(GOLDEN).expect("the golden file");
    let golden = &golden["nvalt11"]["competing"];
    let at = |column, row| nvalt11.cell(column, row).expect("a number");
    let patients: Vec<(f64, Ending)> = (0..nvalt11.columns["arm"].len())
        .map(|row| {
            let time = at("bmet_mth", row);
            let ending = if at("bmet_event", row) == 1.0 {
                Ending::Event
            } else if at("os_event", row) == 1.0 && at("os_mth", row) <= time + 1e-9 {
                Ending::Competing
            } else {
                Ending::Censored
            };
            // The golden program wants no ties.
            (time + row as f64 * 1e-7, ending)
        })
        .collect();
    let count = |wanted| patients.iter().filter(|p| p.1 == wanted).count();
    let endings = [Ending::Censored, Ending::Event, Ending::Competing].map(count);
    assert_eq!(endings.to_vec(), list(&golden["endings"]).iter().map(|n| number(n) as usize).collect::<Vec<_>>());
    let curve = CumulativeIncidence::estimate(&patients).expect("patients");
    for (n, time) in list(&golden["times"]).iter().map(number).enumerate() {
        near(curve.at(time), number(&golden["incidence"][n]), 1e-10, "incidence");
        near(curve.standard_error_at(time), number(&golden["standard_error"][n]), 1e-8, "standard error");
        let interval = curve.interval_at(time, 0.95);
        assert!(interval.lower < curve.at(time) && curve.at(time) < interval.upper);
    }
    // Without competing events it is one less Kaplan-Meier.
    let simple: Vec<FollowUp> = patients.iter().map(|p| FollowUp { time: p.0, event: p.1 == Ending::Event }).collect();
    let alone: Vec<(f64, Ending)> =
        simple.iter().map(|p| (p.time, if p.event { Ending::Event } else { Ending::Censored })).collect();
    let (km, alone) =
        (KaplanMeier::estimate(&simple).expect("patients"), CumulativeIncidence::estimate(&alone).expect("patients"));
    for time in [3.0, 6.0, 12.0, 30.0] {
        near(alone.at(time), 1.0 - km.survival_at(time), 1e-12, "one less Kaplan-Meier");
        near(alone.standard_error_at(time), km.standard_error_at(time), 1e-9, "with its standard error");
        assert!(alone.at(time) > curve.at(time), "one less Kaplan-Meier overstates");
    }
}

#[test]
fn fits_that_cannot_be_are_refused_with_the_covariate() {
    let patients: Vec<FollowUp> = (0..40).map(|n| FollowUp { time: f64::from(n % 17 + 1), event: n % 3 > 0 }).collect();
    let fit = |f: &dyn Fn(usize) -> [f64; 2]| {
        let x = Array2::from_shape_fn((40, 2), |(i, j)| f(i)[j]);
        CoxModel::fit(&patients, x.view(), Ties::Efron).map(|m| m.events)
    };
    assert_eq!(fit(&|n| [(n * 7 % 11) as f64, (n * 5 % 13) as f64]), Ok(26));
    assert_eq!(fit(&|n| [(n * 7 % 11) as f64, 4.0]), Err(CoxError::Dependent(2)));
    assert_eq!(fit(&|n| [(n * 7 % 11) as f64, 3.0 - 2.0 * (n * 7 % 11) as f64]), Err(CoxError::Dependent(2)));
    assert_eq!(fit(&|n| [f64::from(u8::from(n == 4)) / 0.0, 1.0]), Err(CoxError::NotANumber { row: 1, column: 1 }));
    // Only those with an event have it.
    let parted = |n: usize| f64::from(u8::from(patients[n].event));
    assert_eq!(fit(&|n| [(n * 7 % 11) as f64, parted(n)]), Err(CoxError::Unbounded(2)));
    let nobody: Vec<FollowUp> = patients.iter().map(|p| FollowUp { event: false, ..*p }).collect();
    let x = Array2::from_shape_fn((40, 1), |(n, _)| n as f64);
    assert_eq!(CoxModel::fit(&nobody, x.view(), Ties::Efron).map(|m| m.events), Err(CoxError::NoEvents));
    assert_eq!(
        CoxModel::fit(&[], Array2::zeros((0, 1)).view(), Ties::Efron).map(|m| m.events),
        Err(KaplanMeierError::Empty.into())
    );
    let one = log_rank(&patients, &[0; 40], None, LogRankWeight::Even);
    assert_eq!(one, Err(LogRankError::OneGroup));
    assert_eq!(
        log_rank(&patients, &[0, 1], None, LogRankWeight::Even),
        Err(LogRankError::Lengths { patients: 40, given: 2 })
    );
}

fn hilum(args: &[&str]) -> (i32, String, String) {
    let out =
        Command::cargo_bin("hilum").expect("built").args(args).env_remove("HILUM_LOG").output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (out.status.code().expect("not killed"), text(out.stdout), text(out.stderr))
}

#[test]
fn the_command_answers_with_text_json_figure_and_table() {
    let Some(path) = test_data("survival-tables/nvalt11.csv") else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let [figure, png, table] = ["f.svg", "f.png", "t.csv"].map(|name| folder.path().join(name));
    let [path, figure, png, table] = [&path, &figure, &png, &table].map(|p| p.to_str().expect("UTF-8"));
    let ask =
        ["survival", path, "--time", "bmet_mth", "--event", "bmet_event", "--competing", "os_event", "--group", "arm"];
    let more = [
        "--at",
        "12,24",
        "--horizon",
        "24",
        "--covariates",
        "age,bmi,stage,arm",
        "--svg",
        figure,
        "--png",
        png,
        "--csv",
        table,
    ];
    let (code, text, errors) = hilum(&[&ask[..], &more].concat());
    assert_eq!((code, errors.as_str()), (0, ""));
    for words in ["174 patients, 34 events", "Log-rank: chi-square", "1 (reference)", "Incidence at 24", "Harrell's C"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let svg = std::fs::read_to_string(figure).expect("written");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && svg.contains("At risk"));
    assert_eq!(svg.matches("<polygon").count(), 2, "a band for each arm");
    assert_eq!(svg.matches(r#"stroke-width="2""#).count(), 4, "a curve for each arm, and its line in the legend");
    let picture = image::open(png).expect("a picture").to_rgb8();
    assert_eq!(picture.width(), 1720, "two pixels to a unit");
    for color in [[0, 114, 178], [213, 94, 0]] {
        assert!(picture.pixels().filter(|p| p.0 == color).count() > 500, "the curve in {color:?}");
    }
    let mut reader = csv::Reader::from_path(table).expect("readable");
    assert!(
        reader.records().filter_map(Result::ok).any(|r| &r[0] == "1" && r[5].parse::<f64>().is_ok_and(|s| s < 1.0))
    );
    let (code, _, error) = hilum(&[&ask[..], &more].concat());
    assert!(code == 1 && error.contains("exists already"), "{error}");

    let (code, text, errors) = hilum(&[&ask[..], &more, &["--overwrite", "--json"]].concat());
    assert_eq!(code, 0, "{errors}");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    check_documented("survival", &report);
    // The published numbers of brain metastases, any: HR 0.251 (0.109 to 0.578).
    let rows = list(&report["hazards"]["rows"]);
    let arm = rows.iter().find(|row| row["covariate"] == "arm").expect("asked for");
    near(number(&arm["alone"]["hazard_ratio"]), 0.251, 2e-3, "HR");
    near(number(&arm["alone"]["lower"]), 0.109, 5e-3, "lower");
    near(number(&arm["alone"]["upper"]), 0.578, 2e-3, "upper");
    assert_eq!(arm["level"], Value::Null, "numbers count by the unit");
    let stages: Vec<&Value> = rows.iter().filter(|row| row["covariate"] == "stage").collect();
    assert_eq!(stages[0]["alone"]["note"], "reference");
    let patients: u64 = stages.iter().map(|row| row["patients"].as_u64().expect("a number")).sum();
    assert!(patients > report["hazards"]["patients"].as_u64().expect("a number"), "the mass is missing for some");
    // None of those who never smoked had one.
    let (_, text, _) = hilum(&[&ask[..], &["--covariates", "smoker,age"]].concat());
    assert!(text.contains("no hazard ratio: smoker parts those with events from those without"), "{text}");
    // Both arms at two years, death competing.
    let incidence: Vec<f64> = list(&report["groups"]).iter().map(|g| number(&g["at"][1]["incidence"])).collect();
    assert!(incidence[1] > incidence[0] && incidence[0] > incidence[2], "{incidence:?}");
}

#[test]
fn tables_that_cannot_be_used_are_refused_by_row_and_few_events_have_no_interval() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("t.csv");
    let ask = |rows: &str, more: &[&str]| {
        std::fs::write(&path, format!("months,died,arm,age\n{rows}")).expect("written");
        let usual = ["survival", path.to_str().expect("UTF-8"), "--time", "months", "--event", "died"];
        hilum(&[&usual[..], more].concat())
    };
    let (code, _, error) = ask("3,1,a,60\n-4,1,b,61\n5,maybe,b,50\n", &[]);
    assert!(code == 3 && error.contains("2 cells cannot be used, and nothing was computed"), "{error}");
    assert!(error.contains("row 2, months: \"-4\" is no time") && error.contains("row 3, died: \"maybe\""), "{error}");
    let (code, _, error) = ask("3,1,a,60\n", &["--group", "site"]);
    assert!(code == 2 && error.contains("no column \"site\"; the columns are months, died, arm, age"), "{error}");
    let (code, _, error) = ask(",1,a,60\nNA,0,b,3\n", &[]);
    assert!(code == 3 && error.contains("no patient has months and died"), "{error}");
    let (code, _, error) = ask("3,1,a,60\n4,0,a,61\n", &["--group", "arm"]);
    assert!(code == 3 && error.contains("at least two groups"), "{error}");
    let (code, text, error) = ask(
        "3,1,a,60\n4,0,a,61\n,1,b,7\n5,1,b,66\n6,yes,b,58\n7,no,,58\n",
        &["--covariates", "age,arm", "--group", "arm"],
    );
    assert_eq!(code, 0, "{error}");
    for words in [
        "5 patients, 3 events",
        "1 row (3)",
        "without a group: 1 patient",
        "no interval where there are fewer than 5 events",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}
