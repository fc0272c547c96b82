//! Icons drawn with lines, so that they are crisp at every scale and need no font.
//!
//! Every icon lives on a grid of 16 x 16 units.

use super::theme;
use eframe::egui::{self, Color32, Painter, Pos2, Rect, Response, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo};

/// What can be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumIter)]
pub enum Icon {
    Brush,
    Eraser,
    Freehand,
    Polygon,
    Spline,
    Nudge,
    Livewire,
    Cut,
    Flood,
    DeleteRing,
    Transform,
    Rules,
    Pan,
    Crosshair,
    Ruler,
    Zoom,
    Contrast,
    Undo,
    Redo,
    Eye,
    EyeOff,
    Lock,
    Unlock,
    Open,
    Save,
    Export,
    Play,
    Pause,
    Cancel,
    Check,
    Info,
    Warning,
    Error,
    Search,
    Plus,
    Minus,
    Up,
    Down,
    Left,
    Right,
    Layers,
    Network,
    Chart,
    Grid,
    Maximize,
    Restore,
    PanelLeft,
    PanelRight,
    Camera,
    Help,
    Settings,
    Person,
    PersonHidden,
    More,
    Trash,
}

struct Pen<'a> {
    painter: &'a Painter,
    origin: Pos2,
    unit: f32,
    stroke: Stroke,
}

impl Pen<'_> {
    fn at(&self, x: f32, y: f32) -> Pos2 {
        self.origin + Vec2::new(x, y) * self.unit
    }
    fn line(&self, points: &[[f32; 2]]) {
        let points = points.iter().map(|&[x, y]| self.at(x, y)).collect();
        self.painter.add(Shape::line(points, self.stroke));
    }
    fn closed(&self, points: &[[f32; 2]]) {
        let points = points.iter().map(|&[x, y]| self.at(x, y)).collect();
        self.painter.add(Shape::closed_line(points, self.stroke));
    }
    fn filled(&self, points: &[[f32; 2]]) {
        let points = points.iter().map(|&[x, y]| self.at(x, y)).collect();
        self.painter.add(Shape::convex_polygon(points, self.stroke.color, Stroke::NONE));
    }
    fn circle(&self, x: f32, y: f32, radius: f32) {
        self.painter.circle_stroke(self.at(x, y), radius * self.unit, self.stroke);
    }
    fn dot(&self, x: f32, y: f32, radius: f32) {
        self.painter.circle_filled(self.at(x, y), radius * self.unit, self.stroke.color);
    }
    /// Part of a circle, degrees clockwise from three o'clock.
    fn arc(&self, x: f32, y: f32, radius: f32, from: f32, to: f32) {
        let points: Vec<[f32; 2]> = (0..=20)
            .map(|n| {
                let angle = (from + (to - from) * n as f32 / 20.0).to_radians();
                [x + radius * angle.cos(), y + radius * angle.sin()]
            })
            .collect();
        self.line(&points);
    }
    fn frame(&self, x0: f32, y0: f32, x1: f32, y1: f32) {
        let rect = Rect::from_min_max(self.at(x0, y0), self.at(x1, y1));
        self.painter.rect_stroke(rect, 1.5 * self.unit, self.stroke, egui::StrokeKind::Middle);
    }
    fn eye(&self) {
        let lid = |sign: f32| -> Vec<[f32; 2]> {
            (0..=16)
                .map(|n| {
                    let t = n as f32 / 16.0;
                    [1.5 + 13.0 * t, 8.0 + sign * 4.2 * (std::f32::consts::PI * t).sin()]
                })
                .collect()
        };
        self.line(&lid(-1.0));
        self.line(&lid(1.0));
        self.circle(8.0, 8.0, 2.0);
    }
    fn shackle(&self, open: bool) {
        self.frame(3.5, 7.5, 12.5, 14.0);
        self.arc(8.0, 5.2, 2.8, 180.0, 360.0);
        self.line(&[[5.2, 5.2], [5.2, 7.5]]);
        if !open {
            self.line(&[[10.8, 5.2], [10.8, 7.5]]);
        }
    }
    fn person(&self) {
        self.circle(8.0, 5.2, 2.7);
        self.arc(8.0, 14.0, 5.2, 180.0, 360.0);
    }
    fn slash(&self) {
        self.line(&[[2.5, 13.5], [13.5, 2.5]]);
    }
    fn turn(&self, mirror: bool) {
        let x = |x: f32| if mirror { 16.0 - x } else { x };
        let arc: Vec<[f32; 2]> = (0..=16)
            .map(|n| {
                let angle = (-90.0 + 180.0 * n as f32 / 16.0_f32).to_radians();
                [x(9.0 + 4.0 * angle.cos()), 9.5 + 4.0 * angle.sin()]
            })
            .collect();
        let mut line = vec![[x(2.5), 5.5]];
        line.extend(arc);
        line.push([x(5.5), 13.5]);
        self.line(&line);
        self.line(&[[x(5.5), 2.5], [x(2.5), 5.5], [x(5.5), 8.5]]);
    }
    fn tray(&self) {
        self.line(&[[2.5, 10.0], [2.5, 13.5], [13.5, 13.5], [13.5, 10.0]]);
    }
}

impl Icon {
    /// Draws the icon into the middle of a rectangle.
    pub fn paint(self, painter: &Painter, rect: Rect, color: Color32) {
        let side = rect.width().min(rect.height());
        let unit = side / 16.0;
        let pen = Pen {
            painter,
            origin: rect.center() - Vec2::splat(side / 2.0),
            unit,
            stroke: Stroke::new((1.35 * unit).max(1.0), color),
        };
        self.draw(&pen);
    }

    fn draw(self, pen: &Pen<'_>) {
        match self {
            Self::Brush => {
                pen.line(&[[13.5, 2.5], [7.2, 8.8]]);
                pen.closed(&[[7.2, 8.2], [8.6, 9.6], [7.6, 12.4], [5.4, 13.6], [2.4, 13.6], [3.6, 12.0], [4.6, 9.2]]);
            }
            Self::Eraser => {
                pen.closed(&[[9.2, 2.8], [13.4, 7.0], [7.2, 13.2], [5.0, 13.2], [2.6, 10.8], [2.6, 9.4]]);
                pen.line(&[[6.0, 6.0], [10.2, 10.2]]);
                pen.line(&[[7.2, 13.2], [13.4, 13.2]]);
            }
            Self::Freehand => {
                let loop_of = |n: usize| {
                    let (s, c) = (std::f32::consts::TAU * (n as f32 / 24.0 + 0.3)).sin_cos();
                    [8.0 + 5.6 * c, 6.4 + 3.9 * s]
                };
                pen.line(&(0..=24).map(loop_of).collect::<Vec<_>>());
                pen.line(&[[6.3, 10.1], [5.2, 11.6], [6.4, 12.6], [5.0, 14.2]]);
            }
            Self::Polygon => {
                let corners = [[3.0, 6.0], [8.6, 2.6], [13.4, 6.6], [11.4, 13.0], [4.4, 12.4]];
                pen.closed(&corners);
                for [x, y] in corners {
                    pen.dot(x, y, 1.3);
                }
            }
            Self::Spline => {
                let wave = |n: usize| {
                    let t = n as f32 / 24.0;
                    [2.6 + 10.8 * t, 8.0 - 4.6 * (std::f32::consts::TAU * t).sin()]
                };
                pen.line(&(0..=24).map(wave).collect::<Vec<_>>());
                for [x, y] in [[2.6, 8.0], [5.3, 3.4], [10.7, 12.6], [13.4, 8.0]] {
                    pen.dot(x, y, 1.3);
                }
            }
            Self::Nudge => {
                pen.circle(5.2, 8.0, 3.2);
                pen.line(&[[8.2, 1.8], [8.4, 3.6], [10.4, 5.4], [11.2, 8.0], [10.4, 10.6], [8.4, 12.4], [8.2, 14.2]]);
                pen.line(&[[12.4, 6.2], [14.2, 8.0], [12.4, 9.8]]);
            }
            Self::Livewire => {
                pen.arc(8.0, 8.4, 5.0, 0.0, 180.0);
                pen.arc(8.0, 8.4, 2.0, 0.0, 180.0);
                for x in [3.0, 6.0, 10.0, 13.0] {
                    pen.line(&[[x, 8.4], [x, 2.6]]);
                }
                for x in [3.0, 10.0] {
                    pen.line(&[[x, 2.6], [x + 3.0, 2.6]]);
                    pen.line(&[[x, 5.0], [x + 3.0, 5.0]]);
                }
            }
            Self::Cut => {
                pen.circle(4.4, 12.0, 1.9);
                pen.circle(11.6, 12.0, 1.9);
                pen.line(&[[5.4, 10.4], [11.0, 2.2]]);
                pen.line(&[[10.6, 10.4], [5.0, 2.2]]);
            }
            Self::Flood => {
                pen.closed(&[[2.4, 7.6], [7.8, 2.8], [12.4, 7.4], [7.0, 12.6]]);
                pen.line(&[[7.8, 2.8], [6.2, 1.4]]);
                pen.line(&[[2.8, 7.6], [12.0, 7.6]]);
                pen.dot(13.4, 12.0, 1.4);
            }
            Self::DeleteRing => {
                pen.circle(6.6, 9.4, 4.6);
                pen.line(&[[10.8, 1.8], [14.4, 5.4]]);
                pen.line(&[[14.4, 1.8], [10.8, 5.4]]);
            }
            Self::Transform => {
                pen.frame(3.4, 4.6, 12.6, 12.6);
                for [x, y] in [[3.4, 4.6], [12.6, 4.6], [12.6, 12.6], [3.4, 12.6], [8.0, 1.6]] {
                    pen.dot(x, y, 1.4);
                }
                pen.line(&[[8.0, 1.6], [8.0, 4.6]]);
            }
            Self::Rules => {
                pen.closed(&[[2.4, 3.0], [13.6, 3.0], [9.6, 8.0], [9.6, 13.2], [6.4, 11.6], [6.4, 8.0]]);
            }
            Self::Pan => {
                pen.line(&[[8.0, 2.0], [8.0, 14.0]]);
                pen.line(&[[2.0, 8.0], [14.0, 8.0]]);
                pen.line(&[[6.2, 3.8], [8.0, 2.0], [9.8, 3.8]]);
                pen.line(&[[6.2, 12.2], [8.0, 14.0], [9.8, 12.2]]);
                pen.line(&[[3.8, 6.2], [2.0, 8.0], [3.8, 9.8]]);
                pen.line(&[[12.2, 6.2], [14.0, 8.0], [12.2, 9.8]]);
            }
            Self::Crosshair => {
                pen.circle(8.0, 8.0, 4.6);
                for [a, b] in [
                    [[8.0, 1.5], [8.0, 5.5]],
                    [[8.0, 10.5], [8.0, 14.5]],
                    [[1.5, 8.0], [5.5, 8.0]],
                    [[10.5, 8.0], [14.5, 8.0]],
                ] {
                    pen.line(&[a, b]);
                }
            }
            Self::Ruler => {
                pen.closed(&[[10.8, 1.8], [14.2, 5.2], [5.2, 14.2], [1.8, 10.8]]);
                for n in 0..3 {
                    let o = n as f32 * 2.1;
                    pen.line(&[[4.2 + o, 8.4 - o], [5.8 + o, 10.0 - o]]);
                }
            }
            Self::Zoom => {
                Self::Search.draw(pen);
                pen.line(&[[4.8, 6.8], [8.8, 6.8]]);
                pen.line(&[[6.8, 4.8], [6.8, 8.8]]);
            }
            Self::Contrast => {
                pen.circle(8.0, 8.0, 5.6);
                let half: Vec<[f32; 2]> = (0..=16)
                    .map(|n| {
                        let angle = (-90.0 + 180.0 * n as f32 / 16.0_f32).to_radians();
                        [8.0 + 5.6 * angle.cos(), 8.0 + 5.6 * angle.sin()]
                    })
                    .collect();
                pen.filled(&half);
            }
            Self::Undo => pen.turn(false),
            Self::Redo => pen.turn(true),
            Self::Eye => pen.eye(),
            Self::EyeOff => {
                pen.eye();
                pen.slash();
            }
            Self::Lock => pen.shackle(false),
            Self::Unlock => pen.shackle(true),
            Self::Open => {
                pen.line(&[[2.0, 13.0], [2.0, 3.5], [6.0, 3.5], [7.5, 5.5], [12.5, 5.5], [12.5, 7.5]]);
                pen.closed(&[[2.0, 13.0], [4.5, 7.5], [14.5, 7.5], [12.0, 13.0]]);
            }
            Self::Save => {
                pen.tray();
                pen.line(&[[8.0, 2.5], [8.0, 10.0]]);
                pen.line(&[[5.0, 7.0], [8.0, 10.0], [11.0, 7.0]]);
            }
            Self::Export => {
                pen.tray();
                pen.line(&[[8.0, 10.0], [8.0, 2.5]]);
                pen.line(&[[5.0, 5.5], [8.0, 2.5], [11.0, 5.5]]);
            }
            Self::Play => pen.filled(&[[4.5, 2.8], [13.0, 8.0], [4.5, 13.2]]),
            Self::Pause => {
                pen.filled(&[[4.0, 3.0], [6.8, 3.0], [6.8, 13.0], [4.0, 13.0]]);
                pen.filled(&[[9.2, 3.0], [12.0, 3.0], [12.0, 13.0], [9.2, 13.0]]);
            }
            Self::Cancel => {
                pen.line(&[[3.8, 3.8], [12.2, 12.2]]);
                pen.line(&[[12.2, 3.8], [3.8, 12.2]]);
            }
            Self::Check => pen.line(&[[2.8, 8.6], [6.4, 12.2], [13.4, 4.2]]),
            Self::Info => {
                pen.circle(8.0, 8.0, 6.0);
                pen.line(&[[8.0, 7.4], [8.0, 11.2]]);
                pen.dot(8.0, 4.9, 0.9);
            }
            Self::Warning => {
                pen.closed(&[[8.0, 2.2], [14.6, 13.4], [1.4, 13.4]]);
                pen.line(&[[8.0, 6.4], [8.0, 9.8]]);
                pen.dot(8.0, 11.6, 0.85);
            }
            Self::Error => {
                pen.closed(&[
                    [5.4, 1.8],
                    [10.6, 1.8],
                    [14.2, 5.4],
                    [14.2, 10.6],
                    [10.6, 14.2],
                    [5.4, 14.2],
                    [1.8, 10.6],
                    [1.8, 5.4],
                ]);
                pen.line(&[[8.0, 4.8], [8.0, 8.8]]);
                pen.dot(8.0, 11.2, 0.9);
            }
            Self::Search => {
                pen.circle(6.8, 6.8, 4.4);
                pen.line(&[[10.0, 10.0], [14.0, 14.0]]);
            }
            Self::Plus => {
                pen.line(&[[8.0, 3.0], [8.0, 13.0]]);
                pen.line(&[[3.0, 8.0], [13.0, 8.0]]);
            }
            Self::Minus => pen.line(&[[3.0, 8.0], [13.0, 8.0]]),
            Self::Up => pen.line(&[[3.5, 10.2], [8.0, 5.7], [12.5, 10.2]]),
            Self::Down => pen.line(&[[3.5, 5.8], [8.0, 10.3], [12.5, 5.8]]),
            Self::Left => pen.line(&[[10.2, 3.5], [5.7, 8.0], [10.2, 12.5]]),
            Self::Right => pen.line(&[[5.8, 3.5], [10.3, 8.0], [5.8, 12.5]]),
            Self::Layers => {
                pen.closed(&[[8.0, 2.0], [14.5, 5.6], [8.0, 9.2], [1.5, 5.6]]);
                pen.line(&[[1.5, 8.6], [8.0, 12.2], [14.5, 8.6]]);
                pen.line(&[[1.5, 11.2], [8.0, 14.8], [14.5, 11.2]]);
            }
            Self::Network => {
                for y in [3.5, 8.0, 12.5] {
                    pen.circle(3.2, y, 1.4);
                    pen.line(&[[4.6, y], [11.2, 8.0]]);
                }
                pen.circle(12.8, 8.0, 1.7);
            }
            Self::Chart => {
                pen.line(&[[2.5, 2.5], [2.5, 13.5], [14.0, 13.5]]);
                for (x, y) in [(5.2, 9.5), (8.4, 6.5), (11.6, 4.0)] {
                    pen.line(&[[x, 12.0], [x, y]]);
                }
            }
            Self::Grid => {
                for (x, y) in [(2.5, 2.5), (9.0, 2.5), (2.5, 9.0), (9.0, 9.0)] {
                    pen.frame(x, y, x + 4.5, y + 4.5);
                }
            }
            Self::Maximize => {
                pen.line(&[[9.5, 2.5], [13.5, 2.5], [13.5, 6.5]]);
                pen.line(&[[6.5, 13.5], [2.5, 13.5], [2.5, 9.5]]);
                pen.line(&[[13.5, 2.5], [9.2, 6.8]]);
                pen.line(&[[2.5, 13.5], [6.8, 9.2]]);
            }
            Self::PanelLeft => {
                pen.closed(&[[2.0, 3.0], [14.0, 3.0], [14.0, 13.0], [2.0, 13.0]]);
                pen.filled(&[[2.0, 3.0], [6.2, 3.0], [6.2, 13.0], [2.0, 13.0]]);
            }
            Self::PanelRight => {
                pen.closed(&[[2.0, 3.0], [14.0, 3.0], [14.0, 13.0], [2.0, 13.0]]);
                pen.filled(&[[9.8, 3.0], [14.0, 3.0], [14.0, 13.0], [9.8, 13.0]]);
            }
            Self::Restore => {
                pen.line(&[[13.2, 6.8], [9.2, 6.8], [9.2, 2.8]]);
                pen.line(&[[2.8, 9.2], [6.8, 9.2], [6.8, 13.2]]);
                pen.line(&[[9.2, 6.8], [13.5, 2.5]]);
                pen.line(&[[6.8, 9.2], [2.5, 13.5]]);
            }
            Self::Camera => {
                pen.frame(1.8, 4.5, 14.2, 13.0);
                pen.circle(8.0, 8.8, 2.5);
                pen.line(&[[5.5, 4.5], [6.5, 2.8], [9.5, 2.8], [10.5, 4.5]]);
            }
            Self::Help => {
                pen.circle(8.0, 8.0, 6.0);
                pen.arc(8.0, 6.4, 1.9, 180.0, 405.0);
                pen.line(&[[9.3, 7.8], [8.0, 8.9], [8.0, 9.6]]);
                pen.dot(8.0, 11.5, 0.85);
            }
            Self::Settings => {
                for (y, x) in [(4.0, 10.5), (8.0, 5.5), (12.0, 9.0)] {
                    pen.line(&[[2.0, y], [x - 1.7, y]]);
                    pen.line(&[[x + 1.7, y], [14.0, y]]);
                    pen.circle(x, y, 1.7);
                }
            }
            Self::Person => pen.person(),
            Self::PersonHidden => {
                pen.person();
                pen.slash();
            }
            Self::More => {
                for x in [3.5, 8.0, 12.5] {
                    pen.dot(x, 8.0, 1.1);
                }
            }
            Self::Trash => {
                pen.line(&[[2.5, 4.2], [13.5, 4.2]]);
                pen.line(&[[6.0, 4.0], [6.4, 2.2], [9.6, 2.2], [10.0, 4.0]]);
                pen.line(&[[3.8, 4.4], [4.6, 14.0], [11.4, 14.0], [12.2, 4.4]]);
            }
        }
    }

    /// The shape and colour of a message's weight: never colour alone.
    pub fn status(self) -> Color32 {
        match self {
            Self::Check => theme::OK,
            Self::Info => theme::INFO,
            Self::Warning => theme::WARNING,
            Self::Error => theme::ERROR,
            _ => theme::TEXT_SECONDARY,
        }
    }
}

/// A square button with an icon, named for tooltips and screen readers.
pub fn icon_button(ui: &mut Ui, icon: Icon, name: &str, selected: bool) -> Response {
    sized_icon_button(ui, icon, name, selected, theme::ROW)
}

/// An icon button of a given side, points.
pub fn sized_icon_button(ui: &mut Ui, icon: Icon, name: &str, selected: bool, side: f32) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::Button, enabled, selected, name));
    if ui.is_rect_visible(rect) {
        let fill = if selected {
            theme::ACCENT_FILL
        } else if response.is_pointer_button_down_on() {
            theme::CONTROL_ACTIVE
        } else if response.hovered() {
            theme::CONTROL_HOVER
        } else {
            Color32::TRANSPARENT
        };
        ui.painter().rect_filled(rect, f32::from(theme::CORNER), fill);
        if response.has_focus() {
            let stroke = Stroke::new(1.5, theme::ACCENT);
            ui.painter().rect_stroke(rect, f32::from(theme::CORNER), stroke, egui::StrokeKind::Inside);
        }
        let color = if !enabled {
            theme::TEXT_DISABLED
        } else if selected {
            theme::ACCENT
        } else if response.hovered() {
            theme::TEXT
        } else {
            theme::TEXT_SECONDARY
        };
        icon.paint(ui.painter(), rect.shrink(side * 0.19), color);
    }
    response.on_hover_text(name)
}

/// An icon within a line of text.
pub fn icon_label(ui: &mut Ui, icon: Icon, color: Color32) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(16.0), Sense::hover());
    icon.paint(ui.painter(), rect, color);
    response
}

/// A small swatch in a structure's colour.
pub fn swatch(ui: &mut Ui, rgb: [u8; 3], side: f32) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
    ui.painter().rect_filled(rect.shrink(1.0), 3.0, theme::from_srgb(rgb));
    response
}
