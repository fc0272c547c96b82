//! Survival curves as a figure (SVG) with bands, marks of censoring and the numbers at risk, and their steps as a table (CSV).

use super::{GroupSurvival, SurvivalAnswer, SurvivalQuestion};
use crate::cohort::Column;
use crate::survival::two_sided_z;
use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
const PLOT: [f64; 4] = [70.0, 40.0, 820.0, 400.0];
const ROW: f64 = 20.0;
/// Told apart by colour-blind readers too (Okabe and Ito 2008), and by their dashes.
const COLORS: [[u8; 3]; 7] =
    [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233], [230, 159, 0], [0, 0, 0]];
const INK: [u8; 3] = [51; 3];
const DASHES: [&[f64]; 3] = [&[], &[8.0, 4.0], &[2.0, 3.0]];

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

/// A part of a figure; places in units of the drawing, y downwards.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// `dash` = lengths of strokes and gaps in turn; empty for a whole line.
    Line { points: Vec<[f64; 2]>, color: [u8; 3], width: f64, dash: &'static [f64] },
    /// Even-odd filled.
    Area { points: Vec<[f64; 2]>, color: [u8; 3], opacity: f64 },
    /// `anchor`: 0 begins at the place, 0.5 is centred on it, 1 ends there; the place is on the base line.
    Text { at: [f64; 2], anchor: f64, color: [u8; 3], words: String },
}

/// A figure that can be written as SVG or painted.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    pub size: [f64; 2],
    pub shapes: Vec<Shape>,
}

/// Height of the letters in units of a drawing.
const LETTERS: f64 = 13.0;

fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

impl Drawing {
    pub fn svg(&self) -> String {
        let [width, height] = self.size;
        let mut svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="sans-serif" font-size="{LETTERS}">
<rect width="{width}" height="{height}" fill="#ffffff"/>
"##
        );
        let list =
            |points: &[[f64; 2]]| points.iter().map(|[x, y]| format!("{x:.2},{y:.2}")).collect::<Vec<_>>().join(" ");
        for shape in &self.shapes {
            let _infallible = match shape {
                Shape::Line { points, color, width, dash } => {
                    let dash = match dash {
                        [] => "none".to_owned(),
                        dash => dash.iter().map(f64::to_string).collect::<Vec<_>>().join(" "),
                    };
                    writeln!(
                        svg,
                        r#"<polyline points="{}" fill="none" stroke="{}" stroke-width="{width}" stroke-dasharray="{dash}"/>"#,
                        list(points),
                        hex(*color)
                    )
                }
                Shape::Area { points, color, opacity } => writeln!(
                    svg,
                    r#"<polygon points="{}" fill="{}" fill-opacity="{opacity}" fill-rule="evenodd" stroke="none"/>"#,
                    list(points),
                    hex(*color)
                ),
                Shape::Text { at: [x, y], anchor, color, words } => {
                    let anchor = match *anchor {
                        a if a < 0.25 => "start",
                        a if a < 0.75 => "middle",
                        _ => "end",
                    };
                    writeln!(
                        svg,
                        r#"<text x="{x:.2}" y="{y:.2}" text-anchor="{anchor}" fill="{}">{}</text>"#,
                        hex(*color),
                        escaped(words)
                    )
                }
            };
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// A count with its noun.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

struct Canvas {
    shapes: Vec<Shape>,
    largest: f64,
}

impl Canvas {
    fn at(&self, time: f64, share: f64) -> [f64; 2] {
        let [left, top, right, bottom] = PLOT;
        [left + (right - left) * time / self.largest, bottom - (bottom - top) * share]
    }

    fn line(&mut self, from: [f64; 2], to: [f64; 2], color: [u8; 3]) {
        self.shapes.push(Shape::Line { points: vec![from, to], color, width: 1.0, dash: &[] });
    }

    fn text(&mut self, at: [f64; 2], anchor: f64, color: [u8; 3], text: &str) {
        self.shapes.push(Shape::Text { at, anchor, color, words: text.to_owned() });
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
        let line = self.steps(1.0, curve.steps.iter().map(|s| (s.time, s.survival)), end);
        self.shapes.push(Shape::Area { points: band, color, opacity: 0.12 });
        self.shapes.push(Shape::Line { points: line, color, width: 2.0, dash });
        for step in curve.steps.iter().filter(|s| s.censored > 0) {
            let [x, y] = self.at(step.time, step.survival);
            self.line([x, y - 4.0], [x, y + 4.0], color);
        }
    }
}

/// The curves of the groups, or of all patients where there are none; of a simulated cohort the figure says so.
pub fn drawing(question: &SurvivalQuestion, answer: &SurvivalAnswer, simulated: bool) -> Drawing {
    let groups: Vec<&GroupSurvival> =
        if answer.groups.is_empty() { vec![&answer.all] } else { answer.groups.iter().collect() };
    let last = groups.iter().filter_map(|g| g.curve.steps.last()).map(|s| s.time).fold(0.0, f64::max);
    let step = tick_step(last.max(1e-9));
    let ticks = (last / step).ceil().max(1.0) as usize;
    let mut canvas = Canvas { shapes: Vec::new(), largest: step * ticks as f64 };
    let [left, top, right, bottom] = PLOT;
    let height = bottom + 78.0 + ROW * (groups.len() as f64 + 2.0);
    for n in 0..=5 {
        let share = f64::from(n) / 5.0;
        let [_, y] = canvas.at(0.0, share);
        canvas.line([left, y], [right, y], [221; 3]);
        canvas.text([left - 8.0, y + 4.0], 1.0, INK, &format!("{:.0} %", 100.0 * share));
    }
    canvas.text([left, top - 16.0], 0.0, INK, &format!("Without {}", question.event));
    for n in 0..=ticks {
        let [x, _] = canvas.at(step * n as f64, 0.0);
        canvas.line([x, bottom], [x, bottom + 5.0], INK);
        canvas.text([x, bottom + 20.0], 0.5, INK, &format!("{}", step * n as f64));
    }
    canvas.line([left, bottom], [right, bottom], INK);
    canvas.text([f64::midpoint(left, right), bottom + 40.0], 0.5, INK, &question.time);
    for (n, group) in groups.iter().enumerate() {
        canvas.group(group, n, question);
    }
    for (n, group) in groups.iter().enumerate() {
        let (color, y) = (COLORS[n % COLORS.len()], top + 12.0 + ROW * n as f64);
        let name = group.name.as_deref().unwrap_or("all");
        let points = vec![[right - 190.0, y - 4.0], [right - 160.0, y - 4.0]];
        canvas.shapes.push(Shape::Line { points, color, width: 2.0, dash: DASHES[n % DASHES.len()] });
        let words = format!("{name}: {} of {}", counted(group.events, "event"), group.patients);
        canvas.text([right - 152.0, y], 0.0, [0; 3], &words);
    }
    let mut y = bottom + 62.0;
    canvas.text([left - 50.0, y], 0.0, INK, "At risk");
    for (n, group) in groups.iter().enumerate() {
        y += ROW;
        let color = COLORS[n % COLORS.len()];
        // Names are in the legend; the colour of the row is the same.
        canvas.text([8.0, y], 0.0, color, &short(group.name.as_deref().unwrap_or("all")));
        for tick in 0..=ticks {
            let time = step * tick as f64;
            let [x, _] = canvas.at(time, 0.0);
            canvas.text([x, y], 0.5, color, &group.curve.at_risk(time).to_string());
        }
    }
    y += ROW + 6.0;
    let mut footer = format!(
        "{}Kaplan-Meier, {:.0} % intervals (z {:.2}); {}, {}",
        if simulated { "Simulated, not observed. " } else { "" },
        100.0 * question.confidence,
        two_sided_z(question.confidence),
        counted(answer.patients, "patient"),
        counted(answer.events, "event")
    );
    if let Some(test) = &answer.log_rank {
        let _infallible = write!(footer, "; log-rank p {:.4}", test.p);
    }
    canvas.text([8.0, y], 0.0, [85; 3], &footer);
    canvas.text([8.0, y + ROW - 2.0], 0.0, [85; 3], "Research and education only. Not a medical device.");
    Drawing { size: [WIDTH, height], shapes: canvas.shapes }
}

fn short(name: &str) -> String {
    const MOST: usize = 8;
    if name.chars().count() <= MOST { name.to_owned() } else { name.chars().take(MOST - 1).chain(['…']).collect() }
}

/// The steps of all curves: group, time, at risk, events, censored, survival, lower, upper; of simulated patients the last
/// column says so.
pub fn csv(question: &SurvivalQuestion, answer: &SurvivalAnswer) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = ["group", "time", "at_risk", "events", "censored", "survival", "lower", "upper"];
    writer.write_record(names.into_iter().chain(answer.simulated.then_some(Column::Simulated.name())))?;
    for group in std::iter::once(&answer.all).chain(&answer.groups) {
        for s in &group.curve.steps {
            let interval = group.curve.interval_at(s.time, question.confidence, question.transform);
            let [lower, upper] = [interval.map(|i| i.lower), interval.map(|i| i.upper)]
                .map(|v| v.map_or_else(String::new, |v| v.to_string()));
            let cells = [
                group.name.as_deref().unwrap_or("all"),
                &s.time.to_string(),
                &s.at_risk.to_string(),
                &s.events.to_string(),
                &s.censored.to_string(),
                &s.survival.to_string(),
                &lower,
                &upper,
            ];
            writer.write_record(cells.into_iter().chain(answer.simulated.then_some("1")))?;
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
