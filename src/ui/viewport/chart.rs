//! The bars beside the strip of slices: how far two sets of structures lie apart on every slice.

use crate::tf;
use crate::ui::theme;
use crate::words::t;
use eframe::egui::{Color32, Painter, Rect, Stroke, StrokeKind, pos2};

/// The difference on a slice.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DifferenceBar {
    /// Greatest distances outside and inside the reference, mm.
    pub outward_mm: f64,
    pub inward_mm: f64,
    /// Only one of the two is there.
    pub only_reference: bool,
    pub only_test: bool,
}

impl DifferenceBar {
    /// For the tooltip; `None` without a difference.
    pub(super) fn words(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.only_reference {
            parts.push(t("only the reference is here (blue frame)").to_owned());
        }
        if self.only_test {
            parts.push(t("no reference here (orange frame)").to_owned());
        }
        if self.outward_mm > 0.0 || self.inward_mm > 0.0 {
            parts.push(tf!(
                "up to {outward:.1} mm outside (to the right), {inward:.1} mm inside (to the left)",
                outward = self.outward_mm,
                inward = self.inward_mm
            ));
        }
        (!parts.is_empty()).then(|| tf!("Difference: {parts}", parts = parts.join("; ")))
    }
}

/// Width of the chart, points.
pub(super) const WIDTH: f32 = 44.0;

/// Draws a bar for every slice; `y_range` tells where a slice lies.
pub(super) fn paint(
    painter: &Painter,
    rect: Rect,
    bars: &[DifferenceBar],
    full_mm: f64,
    y_range: impl Fn(usize) -> [f32; 2],
) {
    painter.rect_filled(rect, 0.0, theme::SUNKEN);
    let middle = rect.center().x;
    let half = rect.width() / 2.0 - 2.0;
    for (k, bar) in bars.iter().enumerate().filter(|(_, bar)| **bar != DifferenceBar::default()) {
        let [top, bottom] = y_range(k);
        let sides = [
            (1.0, bar.outward_mm, bar.only_test, theme::OUTSIDE),
            (-1.0, bar.inward_mm, bar.only_reference, theme::INSIDE),
        ];
        for (sign, mm, alone, color) in sides {
            let length = |mm: f64| ((mm / full_mm).min(1.0) as f32) * half * sign;
            let part = |mm: f64| Rect::from_two_pos(pos2(middle, top), pos2(middle + length(mm), bottom));
            if mm > 0.0 {
                painter.rect_filled(part(mm), 0.0, color);
            }
            if alone {
                frame(painter, part(full_mm), color);
            }
        }
    }
    painter.vline(middle, rect.y_range(), Stroke::new(1.0, theme::LINE_STRONG));
    painter.vline(rect.right() - 0.5, rect.y_range(), Stroke::new(1.0, theme::LINE));
}

fn frame(painter: &Painter, rect: Rect, color: Color32) {
    painter.rect_filled(rect, 0.0, theme::faded(color, 0.25));
    painter.rect_stroke(rect, 0.0, Stroke::new(1.0, color), StrokeKind::Inside);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_what_it_shows() {
        let bar = DifferenceBar { outward_mm: 2.25, inward_mm: 0.5, ..DifferenceBar::default() };
        let words = bar.words().expect("a difference");
        assert!(words.contains("2.2 mm outside") && words.contains("0.5 mm inside"), "{words}");
        let alone = DifferenceBar { only_reference: true, ..DifferenceBar::default() };
        assert_eq!(alone.words().as_deref(), Some("Difference: only the reference is here (blue frame)"));
        assert_eq!(DifferenceBar::default().words(), None);
    }
}
