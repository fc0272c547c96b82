//! The mediastinum as a drawing: airway, vessels, and every station tinted by its share.
//!
//! Coordinates are those of a sheet 128 wide and 108 high, seen from the front: the patient's right
//! is on the left. 3A and 3P lie before and behind the trachea and have a view from the side beside it.

use super::super::theme;
use super::{ink, largest, tint};
use crate::cohort::{RecurrenceMap, StationRecurrence};
use crate::structures::Station;
use crate::tf;
use crate::words::{t, told};
use eframe::egui::{
    self, Align2, Color32, Painter, Pos2, Rect, Role, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

const SHEET: [f32; 2] = [128.0, 108.0];
/// Half width and half height of a station's field.
const FIELD: [f32; 2] = [7.6, 5.2];

/// Middle of a station's field on the sheet.
fn center(station: Station) -> [f32; 2] {
    match station {
        Station::S1R => [31.0, 9.0],
        Station::S1L => [67.0, 9.0],
        Station::S2R => [38.5, 25.0],
        Station::S2L => [60.5, 23.0],
        Station::S3A => [98.0, 27.0],
        Station::S3P => [119.0, 27.0],
        Station::S4R => [38.0, 44.0],
        Station::S4L => [57.0, 50.0],
        Station::S5 => [73.0, 51.0],
        Station::S6 => [77.0, 37.0],
        Station::S7 => [49.0, 71.0],
        Station::S8 => [49.0, 93.0],
        Station::S10R => [28.5, 60.0],
        Station::S10L => [75.0, 66.0],
        Station::S11R => [17.5, 73.0],
        Station::S11L => [82.0, 79.0],
    }
}

struct Sheet {
    origin: Pos2,
    scale: f32,
}

impl Sheet {
    fn at(&self, [x, y]: [f32; 2]) -> Pos2 {
        pos2(self.origin.x + x * self.scale, self.origin.y + y * self.scale)
    }

    /// A thick line with round joints and ends.
    fn tube(&self, painter: &Painter, points: &[[f32; 2]], width: f32, color: Color32) {
        let width = width * self.scale;
        let smooth = smooth(points);
        let points: Vec<Pos2> = smooth.iter().map(|p| self.at(*p)).collect();
        for end in [points.first(), points.last()].into_iter().flatten() {
            painter.circle_filled(*end, width / 2.0, color);
        }
        painter.add(Shape::line(points, Stroke::new(width, color)));
    }

    fn field(&self, station: Station) -> Rect {
        let size = vec2(2.0 * FIELD[0], 2.0 * FIELD[1]) * self.scale;
        Rect::from_center_size(self.at(center(station)), size)
    }
}

/// Points along a Catmull-Rom curve through the given ones.
fn smooth(points: &[[f32; 2]]) -> Vec<[f32; 2]> {
    const STEPS: usize = 12;
    if points.len() < 3 {
        return points.to_vec();
    }
    let get = |i: isize| points[i.clamp(0, points.len() as isize - 1) as usize];
    let mut out = Vec::with_capacity(points.len() * STEPS);
    for i in 0..points.len() as isize - 1 {
        let [p0, p1, p2, p3] = [get(i - 1), get(i), get(i + 1), get(i + 2)];
        for s in 0..STEPS {
            let t = s as f32 / STEPS as f32;
            let along = |a: usize| {
                let (a0, a1, a2, a3) = (p0[a], p1[a], p2[a], p3[a]);
                0.5 * (2.0 * a1
                    + (a2 - a0) * t
                    + (2.0 * a0 - 5.0 * a1 + 4.0 * a2 - a3) * t * t
                    + (3.0 * a1 - a0 - 3.0 * a2 + a3) * t * t * t)
            };
            out.push([along(0), along(1)]);
        }
    }
    out.push(points[points.len() - 1]);
    out
}

/// Shows the drawing, at most so high; a click on a station selects it.
pub fn schematic_ui(ui: &mut Ui, map: &RecurrenceMap, selected: &mut Option<Station>, height: f32) {
    let width = ui.available_width();
    let scale = (width / SHEET[0]).min(height / SHEET[1]);
    let (rect, response) = ui.allocate_exact_size(vec2(width, SHEET[1] * scale), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, t("Schematic of the mediastinum")));
    let sheet = Sheet { origin: pos2(rect.center().x - SHEET[0] * scale / 2.0, rect.top()), scale };
    let painter = ui.painter_at(rect);
    anatomy(&painter, &sheet);
    side_view(&painter, &sheet);
    let top = largest(map);
    for s in &map.stations {
        station_ui(ui, &painter, &sheet, s, top, selected);
    }
}

fn anatomy(painter: &Painter, sheet: &Sheet) {
    let vein = theme::PANEL.lerp_to_gamma(theme::INFO, 0.20);
    let artery = theme::PANEL.lerp_to_gamma(theme::ERROR, 0.22);
    let lung_artery = theme::PANEL.lerp_to_gamma(theme::INFO, 0.12);
    let airway = theme::CONTROL_ACTIVE;
    let gullet = theme::PANEL.lerp_to_gamma(theme::WARNING, 0.12);
    let tube = |points: &[[f32; 2]], width: f32, color: Color32| sheet.tube(painter, points, width, color);
    // From back to front.
    tube(&[[52.0, 2.0], [52.0, 40.0], [50.0, 75.0], [54.0, 106.0]], 3.4, gullet);
    tube(&[[66.0, 44.0], [67.0, 60.0], [65.0, 84.0], [61.0, 106.0]], 6.0, artery);
    tube(&[[44.0, 34.0], [40.5, 49.0], [41.0, 60.0], [43.0, 70.0]], 2.0, vein);
    tube(&[[49.0, 1.0], [49.0, 30.0], [49.0, 54.0]], 6.4, airway);
    tube(&[[48.0, 52.0], [41.0, 60.0], [31.0, 67.0], [22.0, 72.0]], 5.0, airway);
    tube(&[[37.0, 62.5], [28.0, 60.0], [21.0, 57.0]], 3.2, airway);
    tube(&[[33.0, 66.0], [29.0, 77.0], [26.0, 88.0]], 3.8, airway);
    tube(&[[50.0, 52.0], [60.0, 61.0], [71.0, 68.0], [79.0, 72.0]], 4.6, airway);
    tube(&[[73.0, 69.0], [77.0, 79.0], [80.0, 88.0]], 3.4, airway);
    tube(&[[73.0, 69.0], [81.0, 65.0], [86.0, 60.0]], 3.0, airway);
    tube(&[[55.0, 88.0], [56.0, 74.0], [62.0, 65.0], [78.0, 62.0]], 4.6, lung_artery);
    tube(&[[56.0, 70.0], [44.0, 66.0], [27.0, 66.0]], 3.6, lung_artery);
    tube(&[[43.0, 33.5], [38.0, 20.0], [35.0, 6.0]], 2.8, artery);
    tube(&[[56.0, 32.0], [57.0, 16.0], [60.0, 2.0]], 2.4, artery);
    tube(&[[62.0, 33.0], [68.0, 20.0], [78.0, 8.0]], 2.4, artery);
    tube(
        &[[47.0, 90.0], [43.5, 68.0], [43.5, 46.0], [48.0, 36.0], [56.0, 32.5], [64.0, 35.0], [66.5, 45.0]],
        6.6,
        artery,
    );
    tube(&[[80.0, 15.0], [58.0, 27.0], [36.0, 33.0]], 3.4, vein);
    tube(&[[24.0, 15.0], [31.0, 25.0], [34.5, 33.0]], 3.4, vein);
    tube(&[[34.5, 32.0], [33.5, 50.0], [35.0, 82.0]], 4.8, vein);
    let label = |at: [f32; 2], words: &str| {
        let font = theme::regular((1.9 * sheet.scale).clamp(8.0, theme::SIZE_SMALL));
        painter.text(sheet.at(at), Align2::CENTER_CENTER, words, font, theme::TEXT_FAINT);
    };
    label([8.0, 4.0], t("Right"));
    label([86.0, 4.0], t("Left"));
    label([49.0, 38.0], t("Trachea"));
    label([69.0, 92.0], t("Aorta"));
    label([30.0, 90.0], t("Lower lobe"));
    label([23.0, 52.0], t("Upper lobe"));
}

/// Trachea and its neighbours from the side, for the two stations that the front hides.
fn side_view(painter: &Painter, sheet: &Sheet) {
    let frame = Rect::from_two_pos(sheet.at([88.0, 2.0]), sheet.at([127.5, 52.0]));
    painter.rect(frame, f32::from(theme::CORNER), theme::PANEL, Stroke::new(1.0, theme::LINE), StrokeKind::Inside);
    let font = theme::regular((1.9 * sheet.scale).clamp(8.0, theme::SIZE_SMALL));
    painter.text(sheet.at([107.0, 5.5]), Align2::CENTER_CENTER, t("From the side"), font.clone(), theme::TEXT_FAINT);
    let artery = theme::PANEL.lerp_to_gamma(theme::ERROR, 0.22);
    sheet.tube(painter, &[[109.0, 11.0], [109.5, 30.0], [110.5, 46.0]], 4.2, theme::CONTROL_ACTIVE);
    sheet.tube(painter, &[[103.5, 46.0], [103.5, 38.0], [106.0, 36.5]], 4.0, artery);
    for (at, words) in [([92.5, 48.0], t("Front")), ([121.5, 48.0], t("Back"))] {
        painter.text(sheet.at(at), Align2::CENTER_CENTER, words, font.clone(), theme::TEXT_FAINT);
    }
}

fn station_ui(
    ui: &Ui,
    painter: &Painter,
    sheet: &Sheet,
    s: &StationRecurrence,
    top: f64,
    selected: &mut Option<Station>,
) {
    let field = sheet.field(s.station);
    let id = ui.scope_id().with(("station", s.station.index()));
    let response = ui.interact(field, id, Sense::click());
    let spoken = tf!("Station {station}: {k} of {n}", station = s.station, k = s.k, n = s.n);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
    let chosen = *selected == Some(s.station);
    let fill = tint(s.proportion, top);
    let stroke = match (chosen, response.hovered() || response.has_focus()) {
        (true, _) => Stroke::new(2.5, theme::ACCENT),
        (_, true) => Stroke::new(1.5, theme::TEXT),
        _ => Stroke::new(1.0, theme::BASE),
    };
    painter.rect(field, FIELD[1] * 0.9 * sheet.scale, fill, stroke, StrokeKind::Outside);
    let color = ink(fill);
    let (big, small) = ((2.7 * sheet.scale).clamp(9.0, 15.0), (2.0 * sheet.scale).clamp(8.0, 12.0));
    let words = if s.k == 0 { s.percent_label() } else { format!("{}/{}", s.k, s.n) };
    let c = field.center();
    painter.text(c - vec2(0.0, 0.4 * sheet.scale), Align2::CENTER_BOTTOM, s.station.label(), theme::strong(big), color);
    painter.text(c + vec2(0.0, 0.2 * sheet.scale), Align2::CENTER_TOP, words, theme::regular(small), color);
    if response.clicked() {
        *selected = if chosen { None } else { Some(s.station) };
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand).on_hover_text(tf!(
        "{name}\n{k} of {n}, {share}\n95 % interval {lower:.1} to {upper:.1} %",
        name = told(s.station.name()),
        k = s.k,
        n = s.n,
        share = s.percent_label(),
        lower = 100.0 * s.interval.lower,
        upper = 100.0 * s.interval.upper
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_stations_overlap_and_all_lie_on_the_sheet() {
        let sheet = Sheet { origin: Pos2::ZERO, scale: 1.0 };
        let page = Rect::from_min_size(Pos2::ZERO, vec2(SHEET[0], SHEET[1]));
        let all: Vec<Station> = Station::all().collect();
        for (n, a) in all.iter().enumerate() {
            assert!(page.contains_rect(sheet.field(*a)), "{a}");
            for b in &all[n + 1..] {
                assert!(!sheet.field(*a).shrink(0.1).intersects(sheet.field(*b).shrink(0.1)), "{a} {b}");
            }
        }
    }
}
