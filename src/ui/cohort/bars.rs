//! Bars with whiskers, one per station.

use super::super::theme;
use super::map::Second;
use super::{largest, swatch, tint};
use crate::cohort::RecurrenceMap;
use crate::structures::Station;
use crate::tf;
use crate::words::{t, told};
use eframe::egui::{RichText, Stroke, Ui, Vec2b};
use egui_plot::{AxisHints, Bar, BarChart, GridMark, Line, Plot, PlotPoints};

/// Half the width of a whisker's cap, in stations.
const CAP: f64 = 0.16;

/// Shows the chart.
pub fn bars_ui(ui: &mut Ui, map: &RecurrenceMap, second: Option<&Second>, selected: Option<Station>) {
    let top = largest(map);
    let stations = || map.stations.iter().chain(second.into_iter().flat_map(|s| &s.map.stations));
    // Of nobody an interval says nothing.
    let highest = stations().filter(|s| s.n > 0).map(|s| s.interval.upper).fold(0.01, f64::max);
    let (place, width) = if second.is_some() { (-0.2, 0.36) } else { (0.0, 0.7) };
    if let Some(second) = second {
        ui.horizontal(|ui| {
            for (name, color) in second.names.iter().zip([theme::WARNING, theme::INFO]) {
                swatch(ui, color, None);
                ui.label(RichText::new(name).color(theme::TEXT_SECONDARY));
            }
        });
    }
    let bars = map
        .stations
        .iter()
        .enumerate()
        .map(|(n, s)| {
            let stroke = if selected == Some(s.station) { Stroke::new(2.0, theme::ACCENT) } else { Stroke::NONE };
            // Beside others all bars of a map have one colour: it says whose they are.
            let fill = if second.is_some() { theme::WARNING } else { tint(s.proportion.max(top * 0.02), top) };
            Bar::new(n as f64 + place, 100.0 * s.proportion)
                .width(width)
                .fill(fill)
                .stroke(stroke)
                .name(tf!("Station {station}", station = s.station))
        })
        .collect();
    let words: Vec<String> = stations()
        .map(|s| {
            tf!(
                "Station {station}: {name}\n{k} of {n}, {share}\n95 % interval {lower:.1} to {upper:.1} %",
                station = s.station,
                name = told(s.station.name()),
                k = s.k,
                n = s.n,
                share = s.percent_label(),
                lower = 100.0 * s.interval.lower,
                upper = 100.0 * s.interval.upper
            )
        })
        .collect();
    let other: Vec<String> = words[map.stations.len()..].to_vec();
    let formatter = |words: Vec<String>| -> Box<dyn Fn(&Bar, &BarChart) -> String> {
        Box::new(move |bar, _| words.get(bar.argument.round() as usize).cloned().unwrap_or_default())
    };
    let chart = BarChart::new(t("Recurrences"), bars).element_formatter(formatter(words));
    let beside = second.map(|second| {
        let bar = |(n, s): (usize, &crate::cohort::StationRecurrence)| {
            Bar::new(n as f64 + 0.2, 100.0 * s.proportion).width(width).fill(theme::INFO)
        };
        let bars = second.map.stations.iter().enumerate().map(bar).collect();
        BarChart::new(t("Beside"), bars).element_formatter(formatter(other))
    });
    let whisker = Stroke::new(1.25, theme::TEXT_SECONDARY);
    let count = map.stations.len();
    let cap = if second.is_some() { CAP / 2.0 } else { CAP };
    let whiskers: Vec<Line<'_>> = stations()
        .enumerate()
        .filter(|(_, s)| s.n > 0)
        .map(|(n, s)| {
            let x = (n % count) as f64 + if n < count { place } else { 0.2 };
            let (low, high) = (100.0 * s.interval.lower, 100.0 * s.interval.upper);
            let path = vec![[x - cap, low], [x + cap, low], [x, low], [x, high], [x - cap, high], [x + cap, high]];
            Line::new(t("95 % interval"), PlotPoints::from(path)).stroke(whisker).allow_hover(false)
        })
        .collect();
    let ticks = (0..Station::COUNT).map(|n| GridMark { value: n as f64, step_size: 1.0 }).collect::<Vec<_>>();
    let label = |mark: GridMark| {
        let n = mark.value.round();
        let station = (mark.value - n).abs() < 0.01 && n >= 0.0;
        station.then(|| Station::from_index(n as usize)).flatten().map(|s| s.label().to_owned()).unwrap_or_default()
    };
    let shown = Plot::new("recurrences by station")
        .height(230.0)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .allow_axis_zoom_drag(false)
        .show_grid(Vec2b::new(false, true))
        .include_x(-0.6)
        .include_x(15.6)
        .include_y(0.0)
        .include_y(100.0 * highest * 1.04)
        .set_margin_fraction(eframe::egui::Vec2::ZERO)
        .x_grid_spacer(move |_| ticks.clone())
        // A label a station: closer together than the plot would put numbers.
        .custom_x_axes(vec![AxisHints::new_x().formatter(move |mark, _| label(mark)).label_spacing(8.0..=16.0)])
        .y_axis_formatter(|mark, _| format!("{:.0} %", mark.value))
        .show_x(false)
        .show_y(false)
        .show(ui, |plot| {
            plot.bar_chart(chart);
            if let Some(beside) = beside {
                plot.bar_chart(beside);
            }
            for line in whiskers {
                plot.line(line);
            }
        });
    shown.response.widget_info(|| {
        eframe::egui::WidgetInfo::labeled(eframe::egui::Role::Figure, true, t("Recurrences by station"))
    });
}
