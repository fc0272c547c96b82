//! The map of the stations as a figure (SVG and PNG) for slides and papers, and as a table (CSV).

use crate::cli::analyze::label;
use crate::cohort::schematic::{FIELD, LABELS, Part, SHEET, SIDE_VIEW, TUBES, field_center, smooth};
use crate::cohort::{Column, RecurrenceMap, StationRecurrence};
use crate::image::{Coverage, SlicePicture};
use glam::DVec2;
use std::fmt::Write;

/// Height of a line above the drawing, in its units, and the letters that fit.
const LINE: f64 = 2.9;
const LETTERS: usize = 95;
const FOOT: f64 = 9.0;
/// Pixels of a unit of the sheet.
const SCALE: f64 = 10.0;
const PAPER: [u8; 3] = [255; 3];
const INK: [u8; 3] = [30; 3];
const FAINT: [u8; 3] = [105; 3];

/// What stands on the figure.
pub struct MapFigure<'a> {
    pub map: &'a RecurrenceMap,
    /// Cohort, share, counts, centres, dates: a line each.
    pub lines: Vec<String>,
    pub simulated: bool,
}

fn color(part: Part) -> [u8; 3] {
    match part {
        Part::Esophagus => [243, 232, 210],
        Part::Artery => [246, 214, 208],
        Part::Vein => [208, 222, 240],
        Part::Airway => [222, 224, 228],
        Part::PulmonaryArtery => [222, 231, 243],
    }
}

/// From nearly white to orange with the root of the share, so that small ones can be told from none.
fn tint(s: &StationRecurrence, largest: f64) -> [u8; 3] {
    let t = if largest > 0.0 { (s.proportion / largest).clamp(0.0, 1.0).sqrt() } else { 0.0 };
    let mix = |from: f64, to: f64| (from + (to - from) * t).round() as u8;
    [mix(250.0, 230.0), mix(250.0, 140.0), mix(250.0, 20.0)]
}

fn count(s: &StationRecurrence) -> String {
    format!("{}/{}", s.k, s.n)
}

fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Text with the characters that XML keeps for itself written out.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Cut between words, so that a line fits.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |l| l.chars().count());
        if last > 0 && last + 1 + word.chars().count() > LETTERS {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines
}

impl MapFigure<'_> {
    /// The lines above the drawing, and the height that they take.
    fn head(&self) -> (Vec<String>, f64) {
        let lines: Vec<String> = self.lines.iter().flat_map(|line| wrapped(line)).collect();
        let height = LINE * (lines.len() as f64 + 0.8);
        (lines, height)
    }

    fn largest(&self) -> f64 {
        self.map.stations.iter().map(|s| s.proportion).fold(0.0, f64::max)
    }

    fn key(&self) -> String {
        let largest = 100.0 * self.largest();
        format!("Field: recurrences of how many, share; the darkest is {largest:.1} %. A schematic, not to scale")
    }

    pub fn svg(&self) -> String {
        let (lines, head) = self.head();
        let (width, height) = (SHEET[0], head + SHEET[1] + FOOT);
        let mut svg = String::new();
        let mut line = |text: String| {
            let _infallible = writeln!(svg, "{text}");
        };
        line(format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{}" height="{}" font-family="sans-serif">"#,
            width * SCALE,
            height * SCALE
        ));
        line(format!(r#"<rect width="{width}" height="{height}" fill="{}"/>"#, hex(PAPER)));
        let text = |at: [f64; 2], anchor: &str, size: f64, fill: [u8; 3], words: &str| {
            let (fill, words) = (hex(fill), escaped(words));
            format!(
                r#"<text x="{:.2}" y="{:.2}" text-anchor="{anchor}" font-size="{size}" fill="{fill}">{words}</text>"#,
                at[0], at[1]
            )
        };
        for (n, words) in lines.iter().enumerate() {
            line(text([2.0, LINE * (n as f64 + 1.0)], "start", 2.3, INK, words));
        }
        line(format!(r#"<g transform="translate(0 {head})">"#));
        let [left, top, right, bottom] = SIDE_VIEW;
        line(format!(
            r#"<rect x="{left}" y="{top}" width="{}" height="{}" rx="0.6" fill="none" stroke="{}" stroke-width="0.2"/>"#,
            right - left,
            bottom - top,
            hex(FAINT)
        ));
        for tube in TUBES {
            let points: Vec<String> = smooth(tube.points).iter().map(|[x, y]| format!("{x:.2},{y:.2}")).collect();
            line(format!(
                r#"<polyline points="{}" fill="none" stroke="{}" stroke-width="{}" stroke-linecap="round" stroke-linejoin="round"/>"#,
                points.join(" "),
                hex(color(tube.part)),
                tube.width
            ));
        }
        for ([x, y], words) in LABELS {
            line(text([x, y + 0.7], "middle", 1.9, FAINT, words));
        }
        let largest = self.largest();
        for s in &self.map.stations {
            let [x, y] = field_center(s.station);
            line(format!(
                r#"<rect x="{:.2}" y="{:.2}" width="{:.2}" height="{:.2}" rx="{:.2}" fill="{}" stroke="{}" stroke-width="0.2"><title>{}</title></rect>"#,
                x - FIELD[0],
                y - FIELD[1],
                2.0 * FIELD[0],
                2.0 * FIELD[1],
                FIELD[1],
                hex(tint(s, largest)),
                hex(FAINT),
                escaped(&format!("{} {}", s.station.label(), s.station.name()))
            ));
            line(text([x, y - 1.3], "middle", 2.8, INK, s.station.label()));
            line(text([x, y + 1.4], "middle", 2.0, INK, &count(s)));
            line(text([x, y + 3.9], "middle", 2.0, INK, &s.percent_label()));
        }
        line("</g>".to_owned());
        line(text([2.0, head + SHEET[1] + 3.0], "start", 1.9, FAINT, &self.key()));
        line(text([2.0, head + SHEET[1] + 6.0], "start", 1.9, FAINT, crate::RESEARCH_ONLY));
        line("</svg>".to_owned());
        svg
    }

    /// The same as pixels, in the letters that the program has for pictures.
    pub fn picture(&self) -> SlicePicture {
        let (lines, head) = self.head();
        let size = [SHEET[0], head + SHEET[1] + FOOT].map(|x| (x * SCALE) as usize);
        let mut picture = SlicePicture::filled(size, PAPER);
        let at = |[x, y]: [f64; 2]| DVec2::new(x, y + head) * SCALE;
        let mut stroke = |points: &[[f64; 2]], width: f64, color: [u8; 3]| {
            let mut coverage = Coverage::new(size);
            for pair in points.windows(2) {
                coverage.line(at(pair[0]), at(pair[1]), width * SCALE);
            }
            coverage.paint(&mut picture, color, 1.0);
        };
        let [left, top, right, bottom] = SIDE_VIEW;
        stroke(&[[left, top], [right, top], [right, bottom], [left, bottom], [left, top]], 0.2, FAINT);
        for tube in TUBES {
            stroke(&smooth(tube.points), tube.width, color(tube.part));
        }
        let largest = self.largest();
        for s in &self.map.stations {
            let [x, y] = field_center(s.station);
            let ends = [[x - FIELD[0] + FIELD[1], y], [x + FIELD[0] - FIELD[1], y]];
            stroke(&ends, 2.0 * FIELD[1], FAINT);
            stroke(&ends, 2.0 * FIELD[1] - 0.4, tint(s, largest));
        }
        let half = label::line_height() as f64 / 2.0;
        let mut centered = |p: [f64; 2], down: f64, words: &str, color: [u8; 3]| {
            let middle = at(p) + DVec2::new(-(label::text_width(words) as f64) / 2.0, down - half);
            label::write(&mut picture, middle.x.max(0.0) as usize, middle.y.max(0.0) as usize, words, color);
        };
        for (p, words) in LABELS {
            centered(p, 0.0, words, FAINT);
        }
        for s in &self.map.stations {
            let p = field_center(s.station);
            centered(p, -2.2 * half, s.station.label(), INK);
            centered(p, 0.0, &count(s), INK);
            centered(p, 2.2 * half, &s.percent_label(), INK);
        }
        let line = 2.0 * half as usize as f64 + 4.0;
        for (n, words) in lines.iter().enumerate() {
            label::write(&mut picture, 20, (SCALE * LINE * n as f64) as usize + 8, words, INK);
        }
        let foot = ((head + SHEET[1] + 1.0) * SCALE) as usize;
        label::write(&mut picture, 20, foot, &self.key(), FAINT);
        label::write(&mut picture, 20, foot + line as usize, crate::RESEARCH_ONLY, FAINT);
        picture
    }

    /// Station, name, k, n, share, lower, upper; the lines of the figure before it as comments. Of a simulated cohort the last
    /// column says so too.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut bytes = Vec::new();
        for line in &self.lines {
            bytes.extend(format!("# {}\n", line.replace(['\n', '\r'], " ")).into_bytes());
        }
        let mut writer = csv::Writer::from_writer(bytes);
        let names = ["station", "name", "k", "n", "share", "lower", "upper"];
        writer.write_record(names.into_iter().chain(self.simulated.then_some(Column::Simulated.name())))?;
        for s in &self.map.stations {
            let share = if s.n > 0 { s.proportion.to_string() } else { String::new() };
            let [k, n] = [s.k, s.n].map(|x| x.to_string());
            let [lower, upper] = [s.interval.lower, s.interval.upper].map(|x| x.to_string());
            let cells = [s.station.label(), s.station.name(), &k, &n, &share, &lower, &upper];
            writer.write_record(cells.into_iter().chain(self.simulated.then_some("1")))?;
        }
        writer.into_inner().map_err(|e| e.into_error().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_between_words_and_nothing_is_lost() {
        let text = "word ".repeat(60);
        let lines = wrapped(&text);
        assert!(lines.len() > 2 && lines.iter().all(|l| l.chars().count() <= LETTERS), "{lines:?}");
        assert_eq!(lines.join(" "), text.trim());
        assert_eq!(escaped("a<b & \"c\""), "a&lt;b &amp; &quot;c&quot;");
    }
}
