//! The mediastinum as a drawing in the window: airway, vessels, and every station tinted by its share.

use super::super::theme;
use super::{ink, largest, tint};
use crate::cohort::schematic::{FIELD, LABELS, Part, SHEET, SIDE_VIEW, TUBES, field_center, smooth};
use crate::cohort::{RecurrenceMap, StationRecurrence};
use crate::structures::Station;
use crate::tf;
use crate::words::{t, told};
use eframe::egui::{
    self, Align2, Color32, Painter, Pos2, Rect, Role, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

struct Sheet {
    origin: Pos2,
    scale: f32,
}

impl Sheet {
    fn at(&self, [x, y]: [f64; 2]) -> Pos2 {
        pos2(self.origin.x + x as f32 * self.scale, self.origin.y + y as f32 * self.scale)
    }

    /// A thick line with round joints and ends.
    fn tube(&self, painter: &Painter, points: &[[f64; 2]], width: f32, color: Color32) {
        let width = width * self.scale;
        let smooth = smooth(points);
        let points: Vec<Pos2> = smooth.iter().map(|p| self.at(*p)).collect();
        for end in [points.first(), points.last()].into_iter().flatten() {
            painter.circle_filled(*end, width / 2.0, color);
        }
        painter.add(Shape::line(points, Stroke::new(width, color)));
    }

    fn field(&self, station: Station) -> Rect {
        let size = 2.0 * vec2(FIELD[0] as f32, FIELD[1] as f32) * self.scale;
        Rect::from_center_size(self.at(field_center(station)), size)
    }
}

/// Shows the drawing, at most so high; a click on a station selects it.
pub fn schematic_ui(ui: &mut Ui, map: &RecurrenceMap, selected: &mut Option<Station>, height: f32) {
    let width = ui.available_width();
    let sheet = vec2(SHEET[0] as f32, SHEET[1] as f32);
    let scale = (width / sheet.x).min(height / sheet.y);
    let (rect, response) = ui.allocate_exact_size(vec2(width, sheet.y * scale), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, t("Schematic of the mediastinum")));
    let sheet = Sheet { origin: pos2(rect.center().x - sheet.x * scale / 2.0, rect.top()), scale };
    let painter = ui.painter_at(rect);
    anatomy(&painter, &sheet);
    let top = largest(map);
    for s in &map.stations {
        station_ui(ui, &painter, &sheet, s, top, selected);
    }
}

fn anatomy(painter: &Painter, sheet: &Sheet) {
    let [left, top, right, bottom] = SIDE_VIEW;
    let frame = Rect::from_two_pos(sheet.at([left, top]), sheet.at([right, bottom]));
    painter.rect(frame, f32::from(theme::CORNER), theme::PANEL, Stroke::new(1.0, theme::LINE), StrokeKind::Inside);
    for tube in &TUBES {
        let color = match tube.part {
            Part::Esophagus => theme::PANEL.lerp_to_gamma(theme::WARNING, 0.12),
            Part::Artery => theme::PANEL.lerp_to_gamma(theme::ERROR, 0.22),
            Part::Vein => theme::PANEL.lerp_to_gamma(theme::INFO, 0.20),
            Part::PulmonaryArtery => theme::PANEL.lerp_to_gamma(theme::INFO, 0.12),
            Part::Airway => theme::CONTROL_ACTIVE,
        };
        sheet.tube(painter, tube.points, tube.width as f32, color);
    }
    let font = theme::regular((1.9 * sheet.scale).clamp(8.0, theme::SIZE_SMALL));
    for (at, words) in LABELS {
        painter.text(sheet.at(at), Align2::CENTER_CENTER, told(words), font.clone(), theme::TEXT_FAINT);
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
    painter.rect(field, FIELD[1] as f32 * 0.9 * sheet.scale, fill, stroke, StrokeKind::Outside);
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
