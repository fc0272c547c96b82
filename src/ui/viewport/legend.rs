//! The legend of the overlay at the right edge of a view: levels with their colours, or a bar, and what to beware of.

use super::transform::ViewTransform;
use crate::ui::theme;
use crate::words::told;
use eframe::egui::{Align2, Color32, FontId, Mesh, Painter, Pos2, Rect, Shape, pos2, vec2};

/// What the legend says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OverlayLegend {
    pub title: String,
    /// In the colour of a warning, with a sign.
    pub cautions: Vec<&'static str>,
    /// Colour and words of every level, the highest first.
    pub levels: Vec<([u8; 3], String)>,
    /// Colours from low to high with the words at the lower, middle and upper end; where there are no levels.
    pub bar: Option<(Vec<[u8; 3]>, [String; 3])>,
}

const ROW: f32 = 16.0;
const PAD: f32 = 6.0;
const BAR: f32 = 110.0;
/// Below the texts in the upper corner.
const TOP: f32 = 26.0;

pub(super) fn paint(painter: &Painter, view: &ViewTransform, legend: &OverlayLegend) {
    let small = theme::regular(theme::SIZE_SMALL);
    let strong = theme::strong(theme::SIZE_SMALL);
    let width =
        |words: &str, font: &FontId| painter.layout_no_wrap(words.to_owned(), font.clone(), Color32::WHITE).size().x;
    let cautions: Vec<String> = legend.cautions.iter().map(|c| format!("! {}", told(c))).collect();
    let texts = legend.levels.iter().map(|(_, t)| (t, 22.0, &small));
    let bar = legend.bar.iter().flat_map(|(_, words)| words).map(|t| (t, 20.0, &small));
    let heads = std::iter::once(&legend.title).chain(&cautions).map(|t| (t, 0.0, &strong));
    let wide = texts.chain(bar).chain(heads).map(|(t, left, font)| left + width(t, font)).fold(0.0, f32::max);
    let rows = 1 + cautions.len() + legend.levels.len();
    let height = rows as f32 * ROW + if legend.bar.is_some() { BAR + ROW } else { 0.0 } + 2.0 * PAD;
    let size = vec2(wide + 2.0 * PAD, height);
    // In a view without room for it the panel says the same.
    if size.x > view.rect.width() * 0.4 || size.y + TOP > view.rect.height() * 0.62 {
        return;
    }
    let corner = pos2(view.rect.right() - theme::SPACE_2 - size.x, view.rect.top() + TOP);
    let back = Rect::from_min_size(corner, size);
    painter.rect_filled(back, f32::from(theme::CORNER), Color32::from_black_alpha(150));
    let left = back.left() + PAD;
    let mut y = back.top() + PAD;
    let line = |at: Pos2, words: &str, font: &FontId, color: Color32| {
        painter.text(at, Align2::LEFT_CENTER, words, font.clone(), color);
    };
    line(pos2(left, y + ROW / 2.0), &legend.title, &strong, theme::OVERLAY_TEXT);
    y += ROW;
    for caution in &cautions {
        line(pos2(left, y + ROW / 2.0), caution, &strong, theme::WARNING);
        y += ROW;
    }
    for (color, words) in &legend.levels {
        let swatch = Rect::from_center_size(pos2(left + 8.0, y + ROW / 2.0), vec2(16.0, 4.0));
        painter.rect_filled(swatch, 1.0, theme::from_srgb(*color));
        line(pos2(left + 22.0, y + ROW / 2.0), words, &small, theme::OVERLAY_TEXT);
        y += ROW;
    }
    if let Some((colors, [low, middle, high])) = &legend.bar {
        let bar = Rect::from_min_size(pos2(left, y + ROW / 2.0), vec2(12.0, BAR));
        painter.add(gradient(bar, colors));
        for (share, words) in [(0.0, high), (0.5, middle), (1.0, low)] {
            let at = pos2(bar.right() + 8.0, bar.top() + BAR * share);
            line(at, words, &small, theme::OVERLAY_TEXT);
        }
    }
}

/// Colours from low (below) to high.
fn gradient(rect: Rect, colors: &[[u8; 3]]) -> Shape {
    let mut mesh = Mesh::default();
    let last = colors.len().saturating_sub(1).max(1) as f32;
    for (n, color) in colors.iter().enumerate() {
        let y = rect.bottom() - rect.height() * n as f32 / last;
        for x in [rect.left(), rect.right()] {
            mesh.colored_vertex(pos2(x, y), theme::from_srgb(*color));
        }
        if n > 0 {
            let v = 2 * n as u32;
            mesh.add_triangle(v - 2, v - 1, v);
            mesh.add_triangle(v - 1, v, v + 1);
        }
    }
    Shape::mesh(mesh)
}
