//! Step curves with bands, marks of censoring, values under the pointer and the numbers at risk below. The curves are read for
//! every point of the screen, so that thousands of patients draw as fast as ten.

use super::super::theme;
use crate::survival::Interval;
use crate::tf;
use crate::words::t;
use eframe::egui::{
    Align2, Color32, Mesh, Pos2, Rect, RichText, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2,
};

/// What is drawn of a group.
pub struct Curve<'a> {
    pub name: &'a str,
    pub color: Color32,
    /// Of the line: even for 0, else dashes.
    pub dash: usize,
    /// The last time of the curve.
    pub end: f64,
    /// Share at a time.
    pub at: Box<dyn Fn(f64) -> f64 + 'a>,
    pub interval: Box<dyn Fn(f64) -> Option<Interval> + 'a>,
    pub at_risk: Box<dyn Fn(f64) -> usize + 'a>,
    /// Times at which somebody was censored.
    pub censored: Vec<f64>,
}

const HEIGHT: f32 = 300.0;
const ROW: f32 = 18.0;
const LEFT: f32 = 118.0;
const RIGHT: f32 = 16.0;
const TOP: f32 = 10.0;
const AXIS: f32 = 40.0;

/// A line of a dash pattern.
pub fn stroke(points: &[Pos2], color: Color32, dash: usize, shapes: &mut Vec<Shape>) {
    let stroke = Stroke::new(2.0, color);
    match dash % 3 {
        0 => shapes.push(Shape::line(points.to_vec(), stroke)),
        1 => shapes.extend(Shape::dashed_line(points, stroke, 9.0, 4.0)),
        _ => shapes.extend(Shape::dashed_line(points, stroke, 3.0, 3.0)),
    }
}

/// A mark of the time axis in months, or in whatever the table holds: about eight of them, dozens where they fit.
fn tick(largest: f64) -> f64 {
    let raw = (largest / 8.0).max(f64::MIN_POSITIVE);
    if raw > 3.0 && raw <= 60.0 {
        return [6.0, 12.0, 24.0, 36.0, 48.0, 60.0].into_iter().find(|step| *step >= raw).unwrap_or(60.0);
    }
    let power = 10.0_f64.powf(raw.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= raw).unwrap_or(raw)
}

/// Shows the curves. `what`: what the share is of, in words. `top`: the largest share of the axis.
pub fn curves_ui(ui: &mut Ui, what: &str, curves: &[Curve<'_>], top: f64) {
    let last = curves.iter().map(|c| c.end).fold(0.0, f64::max).max(1e-9);
    let step = tick(last);
    let ticks = (last / step).ceil().max(1.0) as usize;
    let largest = step * ticks as f64;
    let below = AXIS + ROW * (curves.len() + 1) as f32;
    let size = vec2(ui.available_width(), HEIGHT + below);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let spoken: Vec<String> = curves
        .iter()
        .map(|c| {
            tf!("{name} {share:.0} % at {time}", name = c.name, share = 100.0 * (c.at)(c.end), time = c.end.round())
        })
        .collect();
    let spoken = format!("{what}: {}", spoken.join(", "));
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, &spoken));
    let plot =
        Rect::from_min_max(pos2(rect.left() + LEFT, rect.top() + TOP), pos2(rect.right() - RIGHT, rect.top() + HEIGHT));
    let x = |time: f64| plot.left() + plot.width() * (time / largest) as f32;
    let y = |share: f64| plot.bottom() - plot.height() * (share / top) as f32;
    let painter = ui.painter_at(rect);
    let font = theme::regular(theme::SIZE_SMALL + 1.0);
    axes(ui, rect, plot, what, top);
    for n in 0..=ticks {
        let at = x(step * n as f64);
        painter.line_segment(
            [pos2(at, plot.bottom()), pos2(at, plot.bottom() + 4.0)],
            Stroke::new(1.0, theme::LINE_STRONG),
        );
        let label = format!("{}", step * n as f64);
        painter.text(pos2(at, plot.bottom() + 6.0), Align2::CENTER_TOP, label, font.clone(), theme::TEXT_SECONDARY);
    }
    let mut shapes: Vec<Shape> = Vec::new();
    for curve in curves {
        draw(ui, plot, curve, largest, top, &mut shapes);
    }
    painter.extend(shapes);
    risk_rows(ui, rect, plot, curves, step, ticks);
    if let Some(pointer) = response.hover_pos().filter(|p| plot.expand(2.0).contains(*p)) {
        let time = f64::from((pointer.x - plot.left()) / plot.width()).clamp(0.0, 1.0) * largest;
        let line = Stroke::new(1.0, theme::TEXT_FAINT);
        painter.line_segment([pos2(pointer.x, plot.top()), pos2(pointer.x, plot.bottom())], line);
        for curve in curves.iter().filter(|c| time <= c.end) {
            painter.circle_filled(pos2(x(time), y((curve.at)(time))), 4.0, curve.color);
        }
        response.on_hover_ui_at_pointer(|ui| values_ui(ui, curves, time));
    }
}

fn axes(ui: &Ui, rect: Rect, plot: Rect, what: &str, top: f64) {
    let painter = ui.painter_at(rect);
    let font = theme::regular(theme::SIZE_SMALL + 1.0);
    for n in 0..=5 {
        let share = top * f64::from(n) / 5.0;
        let y = plot.bottom() - plot.height() * n as f32 / 5.0;
        painter.line_segment([pos2(plot.left(), y), pos2(plot.right(), y)], Stroke::new(1.0, theme::LINE));
        let label = format!("{:.0} %", 100.0 * share);
        painter.text(pos2(plot.left() - 6.0, y), Align2::RIGHT_CENTER, label, font.clone(), theme::TEXT_SECONDARY);
    }
    painter.line_segment([plot.left_bottom(), plot.right_bottom()], Stroke::new(1.0, theme::LINE_STRONG));
    let months = pos2(plot.center().x, plot.bottom() + 22.0);
    painter.text(
        months,
        Align2::CENTER_TOP,
        t("Months from the start of radiotherapy"),
        font.clone(),
        theme::TEXT_FAINT,
    );
    // Turned where it would take the place of the numbers.
    let galley = painter.layout_no_wrap(what.to_owned(), font, theme::TEXT_FAINT);
    let at = pos2(rect.left() + 52.0, plot.center().y + galley.size().x / 2.0);
    painter.add(
        eframe::egui::epaint::TextShape::new(at, galley, theme::TEXT_FAINT).with_angle(-std::f32::consts::FRAC_PI_2),
    );
}

/// Band, line and marks of one curve, a point of the screen at a time.
fn draw(ui: &Ui, plot: Rect, curve: &Curve<'_>, largest: f64, top: f64, shapes: &mut Vec<Shape>) {
    let x = |time: f64| plot.left() + plot.width() * (time / largest) as f32;
    let y = |share: f64| plot.bottom() - plot.height() * (share / top) as f32;
    let pixel = 1.0 / ui.ctx().pixels_per_point();
    let (from, to) = (plot.left(), x(curve.end));
    let count = ((to - from) / pixel).ceil().max(1.0) as usize;
    let mut band = Mesh::default();
    let fill = theme::faded(curve.color, 0.16);
    let mut points: Vec<Pos2> = Vec::new();
    let mut run: Option<(f32, [f32; 2])> = None;
    for n in 0..=count {
        let at = (from + n as f32 * pixel).min(to);
        let time = f64::from((at - plot.left()) / plot.width()) * largest;
        let time = if n == count { curve.end } else { time };
        let height = y((curve.at)(time));
        if points.last().is_none_or(|p| p.y != height) {
            if let Some(p) = points.last().copied() {
                points.push(pos2(at, p.y));
            }
            points.push(pos2(at, height));
        }
        let ends = (curve.interval)(time).map(|i| [y(i.upper.min(top)), y(i.lower)]);
        match (run, ends) {
            (Some((_, was)), Some(now)) if was == now && n < count => {}
            _ => {
                if let Some((begin, [upper, lower])) = run {
                    band.add_colored_rect(Rect::from_min_max(pos2(begin, upper), pos2(at, lower)), fill);
                }
                run = ends.map(|ends| (at, ends));
            }
        }
    }
    if let Some(p) = points.last().copied() {
        points.push(pos2(to, p.y));
    }
    shapes.push(Shape::mesh(band));
    stroke(&points, curve.color, curve.dash, shapes);
    let mut before = f32::NEG_INFINITY;
    for time in &curve.censored {
        let at = pos2(x(*time), y((curve.at)(*time)));
        // So close together they are one mark.
        if at.x - before >= 1.5 {
            shapes.push(Shape::line_segment([at - vec2(0.0, 4.0), at + vec2(0.0, 4.0)], Stroke::new(1.0, curve.color)));
            before = at.x;
        }
    }
}

fn risk_rows(ui: &Ui, rect: Rect, plot: Rect, curves: &[Curve<'_>], step: f64, ticks: usize) {
    let painter = ui.painter_at(rect);
    let font = theme::regular(theme::SIZE_SMALL + 1.0);
    let mut y = plot.bottom() + AXIS + ROW / 2.0;
    painter.text(pos2(rect.left(), y), Align2::LEFT_CENTER, t("At risk"), font.clone(), theme::TEXT_FAINT);
    for curve in curves {
        y += ROW;
        let name = Rect::from_min_max(pos2(rect.left(), y - ROW / 2.0), pos2(plot.left() - 24.0, y + ROW / 2.0));
        let cut = painter.with_clip_rect(name);
        cut.text(name.left_center(), Align2::LEFT_CENTER, curve.name, font.clone(), curve.color);
        let mut free = f32::NEG_INFINITY;
        for n in 0..=ticks {
            let time = step * n as f64;
            let at = pos2(plot.left() + plot.width() * n as f32 / ticks as f32, y);
            if at.x >= free {
                let words = (curve.at_risk)(time).to_string();
                let drawn = painter.text(at, Align2::CENTER_CENTER, words, font.clone(), theme::TEXT_SECONDARY);
                free = drawn.right() + drawn.width() / 2.0 + 4.0;
            }
        }
    }
}

fn values_ui(ui: &mut Ui, curves: &[Curve<'_>], time: f64) {
    ui.label(RichText::new(tf!("After {time:.1} months", time)).font(theme::strong(theme::SIZE_BODY)));
    for curve in curves {
        let words = if time > curve.end {
            tf!("{name}: not observed so long", name = curve.name)
        } else {
            let share = 100.0 * (curve.at)(time);
            let at_risk = (curve.at_risk)(time);
            match (curve.interval)(time) {
                Some(i) => tf!(
                    "{name}: {share:.1} % ({lower:.1} to {upper:.1}), {at_risk} at risk",
                    name = curve.name,
                    share,
                    lower = 100.0 * i.lower,
                    upper = 100.0 * i.upper,
                    at_risk
                ),
                None => tf!("{name}: {share:.1} %, {at_risk} at risk", name = curve.name, share, at_risk),
            }
        };
        ui.label(RichText::new(words).color(curve.color));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_marked_by_half_years_and_years() {
        for (largest, step) in [(40.0, 6.0), (90.0, 12.0), (150.0, 24.0), (8.0, 1.0), (2.0, 0.5), (1200.0, 200.0)] {
            assert!((tick(largest) - step).abs() < 1e-9, "{largest}: {}", tick(largest));
        }
    }
}
