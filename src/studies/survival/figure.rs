//! Survival curves as a figure (SVG) with bands, marks of censoring and the numbers at risk, and their steps as a table (CSV).

use super::{GroupSurvival, SurvivalAnswer, SurvivalQuestion};
use crate::survival::two_sided_z;
use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
const PLOT: [f64; 4] = [70.0, 40.0, 820.0, 400.0];
const ROW: f64 = 20.0;
/// Told apart by colour-blind readers too (Okabe and Ito 2008), and by their dashes.
const COLORS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"];
const DASHES: [&str; 3] = ["none", "8 4", "2 3"];

/// Text with the characters that XML keeps for itself written out.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A step of about a sixth of the range: 1, 2 or 5 times a power of ten, or a multiple of 12 for months and days alike.
fn tick_step(largest: f64) -> f64 {
    let raw = (largest / 6.0).max(f64::MIN_POSITIVE);
    let power = 10.0_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= raw).unwrap_or(raw);
    let dozen = (raw / 12.0).ceil() * 12.0;
    if (12.0..=72.0).contains(&dozen) && raw > 6.0 { dozen } else { step }
}

struct Canvas {
    svg: String,
    largest: f64,
}

impl Canvas {
    fn at(&self, time: f64, share: f64) -> [f64; 2] {
        let [left, top, right, bottom] = PLOT;
        [left + (right - left) * time / self.largest, bottom - (bottom - top) * share]
    }

    fn line(&mut self, from: [f64; 2], to: [f64; 2], style: &str) {
        let ([x1, y1], [x2, y2]) = (from, to);
        let _infallible = writeln!(self.svg, r#"<line x1="{x1:.2}" y1="{y1:.2}" x2="{x2:.2}" y2="{y2:.2}" {style}/>"#);
    }

    fn text(&mut self, at: [f64; 2], anchor: &str, fill: &str, text: &str) {
        let [x, y] = at;
        let text = escaped(text);
        let _infallible =
            writeln!(self.svg, r#"<text x="{x:.2}" y="{y:.2}" text-anchor="{anchor}" fill="{fill}">{text}</text>"#);
    }

    /// The corners of a step function that starts with `first` at 0.
    fn steps(&self, first: f64, steps: impl Iterator<Item = (f64, f64)>, end: f64) -> Vec<[f64; 2]> {
        let mut height = first;
        let mut corners = vec![self.at(0.0, first)];
        for (time, share) in steps {
            corners.push(self.at(time, height));
            corners.push(self.at(time, share));
            height = share;
        }
        corners.push(self.at(end, height));
        corners
    }

    fn group(&mut self, group: &GroupSurvival, n: usize, question: &SurvivalQuestion) {
        let (color, dash) = (COLORS[n % COLORS.len()], DASHES[n % DASHES.len()]);
        let curve = &group.curve;
        let end = curve.steps.last().map_or(0.0, |s| s.time);
        let limits: Vec<(f64, f64, f64)> = curve
            .steps
            .iter()
            .map_while(|s| {
                let i = curve.interval_at(s.time, question.confidence, question.transform)?;
                Some((s.time, i.lower, i.upper))
            })
            .collect();
        let band_end = limits.last().map_or(0.0, |l| l.0);
        let mut band = self.steps(1.0, limits.iter().map(|l| (l.0, l.2)), band_end);
        band.extend(self.steps(1.0, limits.iter().map(|l| (l.0, l.1)), band_end).into_iter().rev());
        let points =
            |corners: &[[f64; 2]]| corners.iter().map(|[x, y]| format!("{x:.2},{y:.2}")).collect::<Vec<_>>().join(" ");
        let line = self.steps(1.0, curve.steps.iter().map(|s| (s.time, s.survival)), end);
        let _infallible = writeln!(
            self.svg,
            r#"<polygon points="{}" fill="{color}" fill-opacity="0.12" stroke="none"/>
<polyline points="{}" fill="none" stroke="{color}" stroke-width="2" stroke-dasharray="{dash}"/>"#,
            points(&band),
            points(&line)
        );
        for step in curve.steps.iter().filter(|s| s.censored > 0) {
            let [x, y] = self.at(step.time, step.survival);
            self.line([x, y - 4.0], [x, y + 4.0], &format!(r#"stroke="{color}" stroke-width="1""#));
        }
    }
}

/// The curves of the groups, or of all patients where there are none; of a simulated cohort the figure says so.
pub fn svg(question: &SurvivalQuestion, answer: &SurvivalAnswer, simulated: bool) -> String {
    let groups: Vec<&GroupSurvival> =
        if answer.groups.is_empty() { vec![&answer.all] } else { answer.groups.iter().collect() };
    let last = groups.iter().filter_map(|g| g.curve.steps.last()).map(|s| s.time).fold(0.0, f64::max);
    let step = tick_step(last.max(1e-9));
    let ticks = (last / step).ceil().max(1.0) as usize;
    let mut canvas = Canvas { svg: String::new(), largest: step * ticks as f64 };
    let [left, top, right, bottom] = PLOT;
    let height = bottom + 78.0 + ROW * (groups.len() as f64 + 2.0);
    let _infallible = writeln!(
        canvas.svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="13">
<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>"##
    );
    for n in 0..=5 {
        let share = f64::from(n) / 5.0;
        let [_, y] = canvas.at(0.0, share);
        canvas.line([left, y], [right, y], r##"stroke="#dddddd" stroke-width="1""##);
        canvas.text([left - 8.0, y + 4.0], "end", "#333333", &format!("{:.0} %", 100.0 * share));
    }
    canvas.text([left, top - 16.0], "start", "#333333", &format!("Without {}", question.event));
    for n in 0..=ticks {
        let [x, _] = canvas.at(step * n as f64, 0.0);
        canvas.line([x, bottom], [x, bottom + 5.0], r##"stroke="#333333" stroke-width="1""##);
        canvas.text([x, bottom + 20.0], "middle", "#333333", &format!("{}", step * n as f64));
    }
    canvas.line([left, bottom], [right, bottom], r##"stroke="#333333" stroke-width="1""##);
    canvas.text([f64::midpoint(left, right), bottom + 40.0], "middle", "#333333", &question.time);
    for (n, group) in groups.iter().enumerate() {
        canvas.group(group, n, question);
    }
    for (n, group) in groups.iter().enumerate() {
        let (color, y) = (COLORS[n % COLORS.len()], top + 12.0 + ROW * n as f64);
        let name = group.name.as_deref().unwrap_or("all");
        let style = format!(r#"stroke="{color}" stroke-width="2" stroke-dasharray="{}""#, DASHES[n % DASHES.len()]);
        canvas.line([right - 190.0, y - 4.0], [right - 160.0, y - 4.0], &style);
        let words = format!("{name}: {} events of {}", group.events, group.patients);
        canvas.text([right - 152.0, y], "start", "#000000", &words);
    }
    let mut y = bottom + 62.0;
    canvas.text([left - 50.0, y], "start", "#333333", "At risk");
    for (n, group) in groups.iter().enumerate() {
        y += ROW;
        let color = COLORS[n % COLORS.len()];
        // Names are in the legend; the colour of the row is the same.
        canvas.text([8.0, y], "start", color, &short(group.name.as_deref().unwrap_or("all")));
        for tick in 0..=ticks {
            let time = step * tick as f64;
            let [x, _] = canvas.at(time, 0.0);
            canvas.text([x, y], "middle", color, &group.curve.at_risk(time).to_string());
        }
    }
    y += ROW + 6.0;
    let mut footer = format!(
        "{}Kaplan-Meier, {:.0} % intervals (z {:.2}); {} patients, {} events",
        if simulated { "Simulated, not observed. " } else { "" },
        100.0 * question.confidence,
        two_sided_z(question.confidence),
        answer.patients,
        answer.events
    );
    if let Some(test) = &answer.log_rank {
        let _infallible = write!(footer, "; log-rank p {:.4}", test.p);
    }
    canvas.text([8.0, y], "start", "#555555", &footer);
    canvas.text([8.0, y + ROW - 2.0], "start", "#555555", "Research and education only. Not a medical device.");
    canvas.svg.push_str("</svg>\n");
    canvas.svg
}

fn short(name: &str) -> String {
    const MOST: usize = 8;
    if name.chars().count() <= MOST { name.to_owned() } else { name.chars().take(MOST - 1).chain(['…']).collect() }
}

/// The steps of all curves: group, time, at risk, events, censored, survival, lower, upper.
pub fn csv(question: &SurvivalQuestion, answer: &SurvivalAnswer) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["group", "time", "at_risk", "events", "censored", "survival", "lower", "upper"])?;
    for group in std::iter::once(&answer.all).chain(&answer.groups) {
        for s in &group.curve.steps {
            let interval = group.curve.interval_at(s.time, question.confidence, question.transform);
            let [lower, upper] = [interval.map(|i| i.lower), interval.map(|i| i.upper)]
                .map(|v| v.map_or_else(String::new, |v| v.to_string()));
            writer.write_record([
                group.name.as_deref().unwrap_or("all"),
                &s.time.to_string(),
                &s.at_risk.to_string(),
                &s.events.to_string(),
                &s.censored.to_string(),
                &s.survival.to_string(),
                &lower,
                &upper,
            ])?;
        }
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_or_dozens_of_months() {
        for (largest, step) in [(60.0, 12.0), (100.0, 24.0), (1022.0, 200.0), (3.0, 0.5), (35.0, 10.0)] {
            assert!((tick_step(largest) - step).abs() < 1e-9, "{largest}: {}", tick_step(largest));
        }
    }

    #[test]
    fn names_cannot_break_the_figure() {
        assert_eq!(escaped("a<b & \"c\""), "a&lt;b &amp; &quot;c&quot;");
        assert_eq!(short("adenocarcinoma"), "adenoca…");
    }
}
