//! The report of a risk model as an HTML page of its own: no script, no other file, pictures drawn here as SVG.

use crate::features::{catalogue, feature_index};
use crate::risk::{CurvePoint, Performance, Procedure, RiskManifest, RiskReport, Share};
use crate::survival::Interval;
use std::fmt::Write as _;

/// Told apart by colour-blind readers (Okabe and Ito 2008).
const BLUE: &str = "#0072b2";
const ORANGE: &str = "#d55e00";
const GREY: &str = "#777777";
const SIZE: [f64; 2] = [360.0, 300.0];
const PLOT: [f64; 4] = [52.0, 14.0, 346.0, 256.0];

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A plot with its axes.
struct Figure {
    svg: String,
    x: [f64; 2],
    y: [f64; 2],
}

impl Figure {
    fn new(title: &str, [x_name, y_name]: [&str; 2], x: [f64; 2], y: [f64; 2]) -> Self {
        let mut figure = Self { svg: String::new(), x, y };
        let [width, height] = SIZE;
        let [left, top, right, bottom] = PLOT;
        let _infallible = writeln!(
            figure.svg,
            r##"<figure><figcaption>{}</figcaption><svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="sans-serif" font-size="11" role="img" aria-label="{}">
<rect x="{left}" y="{top}" width="{}" height="{}" fill="none" stroke="#999999"/>"##,
            escaped(title),
            escaped(title),
            right - left,
            bottom - top
        );
        for n in 0..=5 {
            let part = f64::from(n) / 5.0;
            let (vx, vy) = (x[0] + (x[1] - x[0]) * part, y[0] + (y[1] - y[0]) * part);
            let [px, py] = figure.at(vx, vy);
            let _infallible = writeln!(
                figure.svg,
                r#"<text x="{px:.1}" y="{:.1}" text-anchor="middle">{}</text><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
                bottom + 15.0,
                tick(vx, x[1] - x[0]),
                left - 5.0,
                py + 4.0,
                tick(vy, y[1] - y[0])
            );
        }
        let _infallible = writeln!(
            figure.svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text><text x="13" y="{:.1}" text-anchor="middle" transform="rotate(-90 13 {:.1})">{}</text>"#,
            f64::midpoint(left, right),
            bottom + 34.0,
            escaped(x_name),
            f64::midpoint(top, bottom),
            f64::midpoint(top, bottom),
            escaped(y_name)
        );
        figure
    }

    fn at(&self, x: f64, y: f64) -> [f64; 2] {
        let [left, top, right, bottom] = PLOT;
        let part = |v: f64, [low, high]: [f64; 2]| ((v - low) / (high - low)).clamp(0.0, 1.0);
        [left + (right - left) * part(x, self.x), bottom - (bottom - top) * part(y, self.y)]
    }

    fn points(&self, points: impl Iterator<Item = [f64; 2]>) -> String {
        let place = |[x, y]: [f64; 2]| {
            let [x, y] = self.at(x, y);
            format!("{x:.1},{y:.1}")
        };
        points.map(place).collect::<Vec<_>>().join(" ")
    }

    fn line(&mut self, points: impl Iterator<Item = [f64; 2]>, color: &str, dash: &str) {
        let points = self.points(points);
        let _infallible = writeln!(
            self.svg,
            r#"<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.8" stroke-dasharray="{dash}"/>"#
        );
    }

    fn area(&mut self, points: impl Iterator<Item = [f64; 2]>, color: &str) {
        let points = self.points(points);
        let _infallible = writeln!(self.svg, r#"<polygon points="{points}" fill="{color}" fill-opacity="0.15"/>"#);
    }

    fn whisker(&mut self, x: f64, y: f64, interval: Interval, color: &str) {
        let ([px, py], [_, low], [_, high]) = (self.at(x, y), self.at(x, interval.lower), self.at(x, interval.upper));
        let _infallible = writeln!(
            self.svg,
            r#"<line x1="{px:.1}" y1="{low:.1}" x2="{px:.1}" y2="{high:.1}" stroke="{color}"/><circle cx="{px:.1}" cy="{py:.1}" r="3.5" fill="{color}"/>"#
        );
    }

    fn finish(mut self) -> String {
        self.svg.push_str("</svg></figure>\n");
        self.svg
    }
}

/// As many digits as a fifth of the axis needs.
fn tick(value: f64, span: f64) -> String {
    let tenths = span / 5.0 * 10.0;
    if span > 4.0 {
        format!("{value:.0}")
    } else if (tenths - tenths.round()).abs() < 1e-9 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

fn diagonal() -> impl Iterator<Item = [f64; 2]> {
    [[0.0, 0.0], [1.0, 1.0]].into_iter()
}

fn figures(p: &Performance) -> String {
    let mut out = String::from("<div class=\"figures\">\n");
    let unit = [0.0, 1.0];
    let mut roc = Figure::new("ROC with 95 % band", ["1 - specificity", "sensitivity"], unit, unit);
    let lower = p.roc.iter().map(|r| [r.false_positive_rate, r.band.lower]);
    let upper = p.roc.iter().rev().map(|r| [r.false_positive_rate, r.band.upper]);
    roc.area(lower.chain(upper), BLUE);
    roc.line(diagonal(), GREY, "4 3");
    roc.line(p.roc.iter().map(|r| [r.false_positive_rate, r.sensitivity]), BLUE, "none");
    out.push_str(&roc.finish());
    let mut pr = Figure::new("Precision and recall", ["recall", "precision"], unit, unit);
    let prevalence = p.events as f64 / p.patients as f64;
    pr.line([[0.0, prevalence], [1.0, prevalence]].into_iter(), GREY, "4 3");
    pr.line(p.precision_recall.iter().map(|q| [q.recall, q.precision]), BLUE, "none");
    out.push_str(&pr.finish());
    let mut calibration = Figure::new("Calibration", ["predicted", "observed"], unit, unit);
    calibration.line(diagonal(), GREY, "4 3");
    for bin in &p.bins {
        calibration.whisker(bin.predicted, bin.observed, bin.interval, BLUE);
    }
    out.push_str(&calibration.finish());
    let highest = p.decision.iter().flat_map(|d| [d.model, d.all]).fold(0.4, f64::max);
    let highest = ((highest + 0.1) * 2.0).ceil() / 2.0 - 0.1;
    let axes = ["threshold probability", "net benefit"];
    let mut decision = Figure::new("Decision curve", axes, [0.0, 1.0], [-0.1, highest]);
    decision.line([[0.0, 0.0], [1.0, 0.0]].into_iter(), GREY, "none");
    decision.line(p.decision.iter().map(|d| [d.threshold, d.all]), ORANGE, "6 3");
    decision.line(p.decision.iter().map(|d| [d.threshold, d.model]), BLUE, "none");
    out.push_str(&decision.finish());
    out.push_str("</div>\n<p class=\"small\">Decision curve: blue the model, orange dashes everyone taken for an event, grey nobody.</p>\n");
    out
}

fn curve(points: &[CurvePoint]) -> String {
    let Some(most) = points.iter().map(|p| p.features).max() else { return String::new() };
    let mut figure = Figure::new(
        "Elimination",
        ["features", "AUC of the folds"],
        [0.0, most.next_multiple_of(5) as f64],
        [0.3, 0.8],
    );
    let x = |p: &CurvePoint| p.features as f64;
    let lower = points.iter().map(|p| [x(p), p.auc - p.standard_error]);
    let upper = points.iter().rev().map(|p| [x(p), p.auc + p.standard_error]);
    figure.area(lower.chain(upper), BLUE);
    figure.line(points.iter().map(|p| [x(p), p.auc]), BLUE, "none");
    figure.finish()
}

fn interval(i: Option<Interval>) -> String {
    i.map_or_else(String::new, |i| format!("{:.3} to {:.3}", i.lower, i.upper))
}

fn number(value: Option<f64>) -> String {
    value.map_or("none".to_owned(), |x| format!("{x:.3}"))
}

fn share(s: Share) -> String {
    let value = s.value.map_or("none".to_owned(), |v| format!("{:.1} %", 100.0 * v));
    format!("{value} ({} of {}; {:.0} to {:.0} %)", s.k, s.n, 100.0 * s.interval.lower, 100.0 * s.interval.upper)
}

/// A table from its head and rows; the first column is words.
fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = String::from("<table><thead><tr>");
    for name in head {
        let _infallible = write!(out, "<th scope=\"col\">{}</th>", escaped(name));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (n, cell) in row.iter().enumerate() {
            let tag = if n == 0 { "th scope=\"row\"" } else { "td" };
            let _infallible = write!(out, "<{tag}>{}</{}>", escaped(cell), tag.split(' ').next().unwrap_or(tag));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table>\n");
    out
}

fn numbers(p: &Performance) -> String {
    let rows = [
        ("Patients, events", format!("{}, {}", p.patients, p.events)),
        ("AUC (95 %, DeLong)", format!("{:.3} ({})", p.auc, interval(p.auc_interval))),
        (
            "Average precision (share of events)",
            format!("{:.3} ({:.3})", p.average_precision, p.events as f64 / p.patients as f64),
        ),
        ("Brier score, scaled", format!("{:.3}, {:.3}", p.brier, p.scaled_brier)),
        ("Log loss", format!("{:.3}", p.log_loss)),
        (
            "Calibration intercept, slope",
            format!("{}, {}", number(p.calibration_intercept), number(p.calibration_slope)),
        ),
        ("Calibration in the large", number(p.calibration_in_the_large)),
    ];
    table(&["Measure", "Value"], rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]))
}

fn thresholds(p: &Performance) -> String {
    let head = [
        "Threshold",
        "At",
        "TP, FP, FN, TN",
        "Sensitivity",
        "Specificity",
        "PPV",
        "NPV",
        "Accuracy",
        "Balanced",
        "F1",
        "MCC",
    ];
    let rows = p.thresholds.iter().map(|t| {
        vec![
            t.name.clone(),
            format!("{:.2}", t.threshold),
            format!("{}, {}, {}, {}", t.true_positive, t.false_positive, t.false_negative, t.true_negative),
            share(t.sensitivity),
            share(t.specificity),
            share(t.ppv),
            share(t.npv),
            share(t.accuracy),
            format!("{:.3}", t.balanced_accuracy),
            format!("{:.3}", t.f1),
            format!("{:.3}", t.matthews),
        ]
    });
    table(&head, rows)
}

fn list(steps: &[String]) -> String {
    let items: String = steps.iter().map(|s| format!("<li>{}</li>\n", escaped(s))).collect();
    format!("<ol>\n{items}</ol>\n")
}

fn described(feature: &str) -> String {
    let words = feature_index(feature).map_or("", |i| catalogue()[i].description.as_str());
    format!("{feature}: {words}")
}

/// Items of TRIPOD+AI (Collins et al., BMJ 2024;385:e078378) with what the program knows; the rest is the authors'.
fn checklist(m: &RiskManifest, r: &RiskReport) -> Vec<[String; 2]> {
    let authors = "To be filled in by the authors.";
    let events_each = r.events as f64 / r.candidates.max(1) as f64;
    let missing = r.recommended.shares.iter().filter(|s| s.missing > 0.0);
    let missing: Vec<String> = missing.map(|s| format!("{} {:.0} %", s.feature, 100.0 * s.missing)).collect();
    let missing =
        if missing.is_empty() { "none among the features that were kept".to_owned() } else { missing.join(", ") };
    let flow: Vec<String> = r.flow.iter().map(|f| format!("{} {}", f.patients, f.what)).collect();
    [
        ("1 Title", format!("Development of a model for \"{}\" from partition features of the chest.", r.endpoint)),
        ("2 Abstract", authors.to_owned()),
        ("3 Background", format!("{authors} Known differences in access to care between groups belong here.")),
        ("4 Objectives", "Development with internal validation; no external validation.".to_owned()),
        ("5 Data", format!("{}. {}", r.cohort, if r.simulated { "Simulated, not observed." } else { "Dates and setting: to be filled in by the authors." })),
        ("6 Participants", flow.join("; ")),
        ("7 Data preparation", "Features are computed from contours by one definition for all patients; nothing else was changed.".to_owned()),
        ("8 Outcome", format!("{}; read off the table of patients, by a definition to be filled in by the authors.", r.endpoint)),
        ("9 Predictors", format!("{} candidates of schema A ({}).", r.candidates, m.schema_sha256.get(..12).unwrap_or_default())),
        ("10 Sample size", format!("{} patients, {} events, {events_each:.2} events for each candidate: all there were.", r.patients, r.events)),
        ("11 Missing data", format!("Filled with median or mode of the training part: {missing}.")),
        ("12 Analytical methods", "Steps of both procedures, grids and seeds stand above and in report.json.".to_owned()),
        ("13 Class imbalance", "Nothing was done about it.".to_owned()),
        ("14 Fairness", "Subgroups by sex, age, stage and place of the tumor above.".to_owned()),
        ("15 Model output", "A probability; thresholds only as examples.".to_owned()),
        ("16 Training and evaluation", "The same patients, apart in every fold.".to_owned()),
        ("17 Ethical approval", authors.to_owned()),
        ("18 Open science", "Code and model file are open; protocol, registration and data: to be filled in by the authors.".to_owned()),
        ("19 Patient and public involvement", authors.to_owned()),
        ("20 Participants (results)", flow.join("; ")),
        ("21 Model development", format!("{} patients and {} events in each step, all folds in the table above.", r.patients, r.events)),
        ("22 Model specification", "The forest in full in forest.json, its patients without who they are in training.json.".to_owned()),
        ("23 Model performance", "All measures with intervals above, subgroups included.".to_owned()),
        ("24 Model updating", "None.".to_owned()),
        ("25 Interpretation", authors.to_owned()),
        ("26 Limitations", "One cohort, retrospective, predictors that follow from contours, few events for each candidate, no external validation.".to_owned()),
        ("27 Usability", "Research and teaching. Missing inputs are filled in and named; unfamiliar patients are flagged.".to_owned()),
    ]
    .map(|(item, words)| [item.to_owned(), words])
    .to_vec()
}

const STYLE: &str = "body{font:15px/1.5 sans-serif;max-width:1120px;margin:2em auto;padding:0 1em;color:#1b1b1b}\
h1{font-size:1.6em}h2{margin-top:2em;border-bottom:1px solid #ccc}table{border-collapse:collapse;margin:.6em 0;font-size:.9em}\
th,td{border:1px solid #ccc;padding:.25em .6em;text-align:left;vertical-align:top}tbody th{font-weight:normal}\
thead th{background:#f2f2f2}.note{background:#fff4d6;border-left:4px solid #e69f00;padding:.6em 1em}\
.figures{display:flex;flex-wrap:wrap;gap:.6em}figure{margin:0}figcaption{font-weight:bold}.small{font-size:.85em;color:#555}\
pre{background:#f6f6f6;padding:.8em;white-space:pre-wrap}";

/// The page.
pub fn html(m: &RiskManifest, r: &RiskReport) -> String {
    let mut out = String::new();
    let (nested, paper) = (&r.recommended, &r.paper);
    let mut push = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    push(&format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Risk model {}</title><style>{STYLE}</style></head><body>",
        escaped(&m.model_id)
    ));
    push(&format!("<h1>Risk model {}</h1>", escaped(&m.model_id)));
    push(&format!("<p class=\"note\">{}<br>{}</p>", escaped(&m.provenance), escaped(crate::RESEARCH_ONLY)));
    push(&format!(
        "<p>Endpoint: {}. The model in use comes from the {} procedure.</p>",
        escaped(&r.endpoint),
        m.procedure.name()
    ));
    push("<h2>Patients</h2>");
    push(&table(&["Step", "Patients"], r.flow.iter().map(|f| vec![f.what.clone(), f.patients.to_string()])));
    push("<h2>Both procedures</h2>");
    push(
        "<p>The same patients, two ways to make and judge a model. One held-out part is small, so its figure is uncertain and may be lucky; nested folds use every patient once a repeat and look at nobody before.</p>",
    );
    let line = |name: &str, p: Option<&Performance>| {
        let of = |f: fn(&Performance) -> String| p.map_or_else(|| "none".to_owned(), f);
        vec![
            name.to_owned(),
            of(|p| p.patients.to_string()),
            of(|p| format!("{:.3}", p.auc)),
            of(|p| interval(p.auc_interval)),
            of(|p| p.thresholds.first().map_or_else(String::new, |t| share(t.accuracy))),
            of(|p| format!("{:.3}", p.brier)),
        ]
    };
    push(&table(
        &["Procedure", "Judged on", "AUC", "95 %", "Accuracy at 0.5", "Brier"],
        [
            line("Recommended: nested folds", Some(&nested.performance)),
            line("Paper: held-out part", paper.performance.as_ref()),
        ]
        .into_iter(),
    ));
    push(&format!(
        "<p>If features are selected on all patients before the folds, information leaks: the same data then seem to give an AUC of {:.3}.</p>",
        r.leaky_auc
    ));
    push("<h2>Recommended procedure</h2>");
    push(&list(&nested.steps));
    push(&numbers(&nested.performance));
    push(&figures(&nested.performance));
    push(&thresholds(&nested.performance));
    push(&format!(
        "<p>One patient's probability varies between the repeats by {:.3} (standard deviation, mean over patients). AUC of the repeats: {}.</p>",
        nested.spread_over_repeats,
        nested.repeat_aucs.iter().map(|a| format!("{a:.3}")).collect::<Vec<_>>().join(", ")
    ));
    push("<h3>Outer folds</h3>");
    push(&table(
        &["Repeat, fold", "Patients", "Events", "AUC", "Features", "Trees", "Splits at most", "Least in a leaf"],
        nested.folds.iter().map(|f| {
            vec![
                format!("{}, {}", f.repeat + 1, f.fold + 1),
                f.patients.to_string(),
                f.events.to_string(),
                number(f.auc),
                f.features.len().to_string(),
                f.params.trees.to_string(),
                f.params.max_splits.map_or("any".to_owned(), |s| s.to_string()),
                f.params.min_leaf.to_string(),
            ]
        }),
    ));
    push(&curve(&nested.curve));
    push("<h3>How stable the selection is</h3>");
    push(&format!(
        "<p>Agreement between the folds (Nogueira et al. 2018): {}; 1 is always the same, 0 is chance.</p>",
        number(nested.stability)
    ));
    let truth = |feature: &str| r.true_features.iter().any(|f| f == feature);
    push(&table(
        &["Feature", "Kept in folds", "In the model", "Acts in the known truth"],
        nested.shares.iter().take(40).map(|s| {
            let yes = |b: bool| if b { "yes" } else { "" }.to_owned();
            vec![described(&s.feature), format!("{:.0} %", 100.0 * s.share), yes(s.kept), yes(truth(&s.feature))]
        }),
    ));
    push("<h3>Plain models in the same folds</h3>");
    push(&table(
        &["Model", "AUC", "95 %", "Brier"],
        r.baselines.iter().map(|b| vec![b.name.clone(), number(b.auc), interval(b.interval), number(b.brier)]),
    ));
    push("<h3>Subgroups</h3>");
    push(&table(
        &["Patients", "n", "Events", "AUC", "95 %", "Mean probability less share of events"],
        r.subgroups.iter().map(|s| {
            vec![
                s.name.clone(),
                s.patients.to_string(),
                s.events.to_string(),
                number(s.auc),
                interval(s.interval),
                format!("{:+.3}", s.excess),
            ]
        }),
    ));
    push("<h2>Procedure of the paper</h2>");
    push(&list(&paper.steps));
    match &paper.performance {
        Some(p) => {
            push(&numbers(p));
            push(&figures(p));
            push(&thresholds(p));
        }
        None => push("<p>The patients held out are all alike: nothing can be said of it.</p>"),
    }
    push(&curve(&paper.curve));
    push(&format!("<p>Features kept: {}.</p>", escaped(&paper.features.join(", "))));
    if let Some(truth) = &r.truth {
        push("<h2>The truth behind the simulated patients</h2>");
        push(&format!("<pre>{}</pre>", escaped(truth)));
    }
    push("<h2>TRIPOD+AI</h2>");
    push(&table(&["Item", "Here"], checklist(m, r).into_iter().map(Vec::from)));
    push("<h2>Limits</h2>");
    push(
        "<p>Association, not the effect of covering a station. Shapley values describe the forest, not the disease.</p>",
    );
    let unused = match m.procedure {
        Procedure::Paper => "recommended",
        Procedure::Recommended => "paper",
    };
    push(&format!(
        "<p class=\"small\">{} {}, model {}. Made by `hilum train risk`; the {unused} procedure was run for comparison.</p>",
        crate::PROGRAM,
        env!("CARGO_PKG_VERSION"),
        escaped(m.model_sha256.get(..12).unwrap_or_default())
    ));
    out.push_str("</body></html>\n");
    out
}
