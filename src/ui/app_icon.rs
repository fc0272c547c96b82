//! The mark of the program: the hilum as a ring open to the left, with vessels that enter it.

use super::theme;
use eframe::egui::{Color32, IconData, Painter, Rect, Stroke, pos2};
use glam::DVec2;

/// Paints the mark into a square.
pub fn paint(painter: &Painter, rect: Rect) {
    let side = rect.width().min(rect.height());
    let at = |x: f64, y: f64| pos2(rect.left() + x as f32 * side, rect.top() + y as f32 * side);
    painter.rect_filled(rect, side * 0.2, theme::ACCENT_FILL);
    let stroke = Stroke::new(side * 0.075, theme::ACCENT);
    let arc = (0..=48).map(|n| ring(f64::from(n) / 48.0)).map(|p| at(p.x, p.y)).collect();
    painter.add(eframe::egui::Shape::line(arc, stroke));
    let thin = Stroke::new(side * 0.06, theme::TEXT);
    for line in BRANCHES {
        painter.add(eframe::egui::Shape::line(line.iter().map(|&[x, y]| at(x, y)).collect(), thin));
    }
}

const CENTER: DVec2 = DVec2::new(0.56, 0.5);
const RADIUS: f64 = 0.28;
const BRANCHES: [[[f64; 2]; 3]; 3] = [
    [[0.14, 0.5], [0.42, 0.5], [0.66, 0.5]],
    [[0.42, 0.5], [0.54, 0.42], [0.62, 0.32]],
    [[0.42, 0.5], [0.54, 0.58], [0.62, 0.68]],
];

/// A point of the open ring, `t` from 0 to 1.
fn ring(t: f64) -> DVec2 {
    let angle = (-140.0 + 280.0 * t).to_radians();
    CENTER + RADIUS * DVec2::new(angle.cos(), angle.sin())
}

fn distance_to(p: DVec2, line: &[DVec2]) -> f64 {
    line.windows(2)
        .map(|w| {
            let (a, b) = (w[0], w[1]);
            let t = ((p - a).dot(b - a) / (b - a).length_squared().max(1e-12)).clamp(0.0, 1.0);
            p.distance(a + (b - a) * t)
        })
        .fold(f64::INFINITY, f64::min)
}

/// The mark as pixels, for the window's icon.
pub fn pixels(side: u32) -> IconData {
    let arc: Vec<DVec2> = (0..=48).map(|n| ring(f64::from(n) / 48.0)).collect();
    let branches: Vec<Vec<DVec2>> = BRANCHES.iter().map(|l| l.iter().map(|&p| DVec2::from(p)).collect()).collect();
    let pixel = 1.0 / f64::from(side);
    let cover = |distance: f64| (0.5 - distance / pixel).clamp(0.0, 1.0) as f32;
    let mut rgba = Vec::with_capacity((side * side * 4) as usize);
    for y in 0..side {
        for x in 0..side {
            let p = (DVec2::new(f64::from(x), f64::from(y)) + 0.5) * pixel;
            let q = ((p - 0.5).abs() - 0.3).max(DVec2::ZERO);
            let mut color = theme::ACCENT_FILL;
            color = color.lerp_to_gamma(theme::ACCENT, cover(distance_to(p, &arc) - 0.0375));
            for line in &branches {
                color = color.lerp_to_gamma(theme::TEXT, cover(distance_to(p, line) - 0.03));
            }
            let alpha = cover(q.length() - 0.2);
            let [r, g, b, _] = Color32::to_array(&color);
            rgba.extend([r, g, b, (alpha * 255.0).round() as u8]);
        }
    }
    IconData { rgba, width: side, height: side }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_icon_has_transparent_corners_and_a_mark() {
        let icon = pixels(64);
        assert_eq!(icon.rgba.len(), 64 * 64 * 4);
        let at = |x: usize, y: usize| &icon.rgba[(y * 64 + x) * 4..][..4];
        assert_eq!(at(0, 0)[3], 0);
        let [r, g, b, _] = theme::TEXT.to_array();
        assert_eq!(at(20, 32), [r, g, b, 255]);
    }

    /// `HILUM_UPDATE_PICTURES=1 cargo test` draws the file anew.
    #[test]
    fn the_icon_of_the_packages_is_the_drawn_mark() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/hilum-256.png");
        let drawn = pixels(256);
        if std::env::var_os("HILUM_UPDATE_PICTURES").is_some() {
            image::save_buffer(path, &drawn.rgba, 256, 256, image::ColorType::Rgba8).expect("written");
        }
        let file = image::open(path).expect("a picture").into_rgba8();
        assert!(file.into_raw() == drawn.rgba, "draw packaging/hilum-256.png anew");
    }
}
