//! A recurrence map on the stations of the open patient: each whole station in the colour of its share, and the panel that says
//! whose map it is and takes it away again.

use super::cohort::largest;
use super::panel::PanelInput;
use super::theme;
use super::viewport::OverlayLegend;
use super::widgets::{chip, faint};
use crate::cohort::{Denominator, RecurrenceMap, StationRecurrence};
use crate::gpu::Fill;
use crate::image::ColorMap;
use crate::structures::{Roi, Role};
use crate::tf;
use crate::words::t;
use crate::workbench::{Command, Workbench};
use eframe::egui::{Grid, Label, RichText, Ui};

/// Stations that the legend has room for.
const SHOWN: usize = 8;
const OPACITY: f32 = 0.6;

/// How a structure is filled while a map is projected: stations by their share, nothing else.
pub fn fill(workbench: &Workbench, roi: &Roi) -> Option<Fill> {
    let map = workbench.projection()?;
    let Role::Station(station) = roi.role else { return Some(Fill::default()) };
    let color = color(map.get(station), largest(map));
    Some(Fill { color, opacity: OPACITY, hatched: map.get(station).n == 0 })
}

/// From dark for none to bright for the largest share, as an overlay is coloured.
fn color(s: &StationRecurrence, largest: f64) -> [u8; 3] {
    let part = if largest > 0.0 { s.proportion / largest } else { 0.0 };
    ColorMap::Heat.color(0.2 + 0.65 * part.clamp(0.0, 1.0))
}

/// The stations with the largest shares first.
fn ranked(map: &RecurrenceMap) -> Vec<&StationRecurrence> {
    let mut all: Vec<&StationRecurrence> = map.stations.iter().filter(|s| s.n > 0).collect();
    all.sort_by(|a, b| b.proportion.total_cmp(&a.proportion));
    all
}

fn words(s: &StationRecurrence) -> String {
    format!("{}  {}  ({}/{})", s.station.label(), s.percent_label(), s.k, s.n)
}

/// The legend beside the views.
pub fn legend(workbench: &Workbench) -> Option<OverlayLegend> {
    let map = workbench.projection()?;
    let top = largest(map);
    let level = |s: &&StationRecurrence| (color(s, top), words(s));
    let levels = ranked(map).iter().take(SHOWN).map(level).collect();
    Some(OverlayLegend { title: t("Recurrences of others").into(), levels, ..OverlayLegend::default() })
}

/// Whose map it is.
pub fn projection_panel_ui(ui: &mut Ui, input: &PanelInput<'_>, map: &RecurrenceMap) {
    ui.add(Label::new(RichText::new(&map.source).color(theme::TEXT_SECONDARY)).wrap());
    if map.source.contains("simulated") {
        chip(ui, t("Simulated, not observed"), theme::WARNING);
    }
    faint(ui, &tf!("Shares {share}, on this patient's stations as they are drawn", share = map.denominator.label()));
    Grid::new("projected stations").striped(true).show(ui, |ui| {
        for s in ranked(map) {
            ui.label(s.station.label());
            ui.label(s.percent_label());
            ui.label(RichText::new(format!("{}/{}", s.k, s.n)).color(theme::TEXT_SECONDARY));
            let (low, high) = (100.0 * s.interval.lower, 100.0 * s.interval.upper);
            ui.label(RichText::new(format!("{low:.0}\u{2013}{high:.0} %")).color(theme::TEXT_FAINT));
            ui.end_row();
        }
    });
    if map.denominator == Denominator::Events {
        faint(ui, map.denominator.note());
    }
    faint(ui, t("Where others recurred. It says nothing about where this patient will"));
    if ui.button(t("Take the map away")).clicked() {
        input.sender.send(Command::ProjectMap(None));
    }
}
