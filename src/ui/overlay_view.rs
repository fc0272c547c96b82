//! The overlay of the workbench as the views show it: colours, isodose lines, legend.

use super::theme;
use super::viewport::{Isodose, OverlayLegend};
use crate::gpu::{OverlayLook, STOPS};
use crate::image::{Quantity, WindowLevel};
use crate::words::t;
use crate::workbench::followup::RECURRENCE_COLOR;
use crate::workbench::{Overlay, Workbench};
use std::sync::Arc;

/// PET values reach their full opacity at this share of the range: background uptake leaves the CT legible.
const FULL_AT: f64 = 0.4;

/// Of the planning CT in the legend.
const GREY: [u8; 3] = [220, 220, 220];
/// Below every CT number.
const UNDER_HU: f32 = -1e5;

/// How values become colours in a view with this window; `None` where no colours are wanted.
pub fn look(overlay: &Overlay, window: WindowLevel) -> Option<Arc<OverlayLook>> {
    let style = &overlay.style;
    let quantity = overlay.loaded.as_ref()?.volume.quantity;
    if style.opacity <= 0.0 {
        return None;
    }
    if quantity.is_dose() {
        let stops: Vec<_> = overlay.levels().iter().map(|l| (l.value as f32, l.color)).collect();
        let full_at = stops.first()?.0;
        return Some(Arc::new(OverlayLook { opacity: style.opacity, stops, banded: true, full_at, squares_mm: None }));
    }
    if quantity == Quantity::CtNumber {
        let [low, high] = [-0.5, 0.5].map(|half| (window.center_hu + half * window.width_hu) as f32);
        // Tinted, so that one can tell which scan is which.
        let stops =
            vec![(UNDER_HU, theme::FOLLOW_UP_DARK), (low, theme::FOLLOW_UP_DARK), (high, theme::FOLLOW_UP_BRIGHT)];
        return Some(Arc::new(OverlayLook {
            opacity: style.opacity,
            stops,
            banded: false,
            full_at: UNDER_HU,
            squares_mm: style.squares_mm,
        }));
    }
    let [low, high] = style.range;
    let stop = |n: usize| {
        let share = n as f64 / (STOPS - 1) as f64;
        ((low + (high - low) * share) as f32, style.map.color(share))
    };
    let full_at = (low + (high - low) * FULL_AT) as f32;
    Some(Arc::new(OverlayLook {
        opacity: style.opacity,
        stops: (0..STOPS).map(stop).collect(),
        banded: false,
        full_at,
        squares_mm: None,
    }))
}

/// The isodose lines that are wanted.
pub fn isodoses(overlay: &Overlay) -> Vec<Isodose> {
    if !overlay.style.lines {
        return Vec::new();
    }
    let line = |l: crate::workbench::IsodoseLevel| Isodose { value: l.value, color: l.color, label: l.label };
    overlay.levels().into_iter().map(line).collect()
}

/// The legend beside the views.
pub fn legend(workbench: &Workbench) -> Option<OverlayLegend> {
    let (overlay, loaded) = workbench.shown_overlay()?;
    let cautions = overlay.cautions();
    let quantity = loaded.volume.quantity;
    if quantity == Quantity::CtNumber {
        let levels = vec![
            (GREY, t("Planning CT").to_owned()),
            (theme::FOLLOW_UP_BRIGHT, t("Follow-up CT").to_owned()),
            (RECURRENCE_COLOR, t("Recurrence").to_owned()),
        ];
        return Some(OverlayLegend { title: t("Registered").into(), cautions: Vec::new(), levels, bar: None });
    }
    if !quantity.is_dose() {
        let [low, high] = overlay.style.range;
        let number = |v: f64| match quantity {
            Quantity::Uncertainty => format!("{:.0} %", v * 100.0),
            _ if high - low >= 100.0 => format!("{v:.0}"),
            _ => format!("{v:.1}"),
        };
        let colors = (0..=24).map(|n| overlay.style.map.color(f64::from(n) / 24.0)).collect();
        let words = [number(low), number(f64::midpoint(low, high)), number(high)];
        let title = match quantity {
            Quantity::Suv => t("SUV bw, g/ml").into(),
            Quantity::Uncertainty => t("Uncertainty").into(),
            _ => loaded.volume.unit.clone(),
        };
        return Some(OverlayLegend { title, cautions, levels: Vec::new(), bar: Some((colors, words)) });
    }
    let levels = overlay.levels();
    let words = |l: &crate::workbench::IsodoseLevel| match quantity {
        Quantity::Dose => format!("{} %  {:.1} Gy", number(l.percent), l.value),
        _ => format!("{} %", number(l.percent)),
    };
    let rows = levels.iter().rev().map(|l| (l.color, words(l))).collect();
    Some(OverlayLegend { title: t("Dose").into(), cautions, levels: rows, bar: None })
}

/// A number without needless decimals.
pub fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
