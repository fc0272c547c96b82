//! The Cohort workspace: a clinic's own patients, where they recurred beside what was published, and their survival.
//!
//! Each page is a file; a new one is a variant of [`Page`], its label, and a line where pages are shown.

mod bars;
mod curves;
mod editor;
mod empty;
mod header;
mod histogram;
mod import;
mod map;
mod matrix;
mod patients;
mod risk;
mod rows;
mod schematic;
mod survival;
mod table;

use super::panel::PanelInput;
use super::request::CommandSender;
use super::theme;
use crate::cohort::{CohortStore, RecurrenceMap};
use crate::tf;
use crate::words::t;
use crate::workbench::Command;
use crate::workbench::cohort::CohortCommand;
use eframe::egui::{Color32, Key, Modifiers, ScrollArea, Sense, Ui, UiBuilder, vec2};
use std::path::{Path, PathBuf};
use strum::IntoEnumIterator;

/// So many patients.
fn patients_words(count: usize) -> String {
    if count == 1 { t("1 patient").to_owned() } else { tf!("{count} patients", count) }
}

/// So many events.
fn events_words(count: usize) -> String {
    if count == 1 { t("1 event").to_owned() } else { tf!("{count} events", count) }
}

/// A page of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumIter)]
pub enum Page {
    #[default]
    Map,
    Patients,
    Survival,
    Risk,
}

impl Page {
    fn label(self) -> &'static str {
        match self {
            Self::Map => t("Recurrence map"),
            Self::Patients => t("Patients"),
            Self::Survival => t("Survival curves"),
            Self::Risk => t("Risk model"),
        }
    }
}

/// What the workspace keeps between frames.
#[derive(Default)]
pub struct CohortState {
    page: Page,
    header: header::HeaderState,
    import: import::ImportState,
    map: map::MapState,
    patients: patients::PatientsState,
    survival: survival::SurvivalState,
    risk: risk::RiskPageState,
}

impl CohortState {
    /// A file was dropped here: a cohort to open or a table to import. True if it is one of them.
    pub fn take_dropped(&mut self, path: &Path, sender: &CommandSender) -> bool {
        let ends_with = |ending: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending));
        if CohortStore::is_store(path) {
            sender.send(Command::Cohort(CohortCommand::Open(path.to_owned())));
        } else if path.is_file() && (ends_with("csv") || ends_with("tsv")) {
            self.take_table(path.to_owned());
        } else {
            return false;
        }
        true
    }

    /// Turns to a page.
    pub fn show(&mut self, page: Page) {
        self.page = page;
    }

    /// A table was chosen to be imported.
    pub fn take_table(&mut self, path: PathBuf) {
        self.page = Page::Patients;
        self.import.take_table(path);
    }

    /// The folder of the cases of that table was chosen.
    pub fn take_cases(&mut self, path: PathBuf) {
        self.import.take_cases(path);
    }
}

const CONFIDENCE: f64 = 0.95;

/// Shows the workspace in the rest of the space.
pub fn cohort_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut CohortState) {
    let area = ui.available_rect_before_wrap();
    ui.painter().rect_filled(area, 0.0, theme::BASE);
    let mut inner = ui.new_child(UiBuilder::new().max_rect(area.shrink2([theme::SPACE_4, theme::SPACE_3].into())));
    let ui = &mut inner;
    turn_pages(ui, state);
    let pages: Vec<(Page, &str)> = Page::iter().map(|page| (page, page.label())).collect();
    header::header_ui(ui, input, &mut state.header, &mut state.import, &mut state.page, &pages);
    ui.add_space(theme::SPACE_2);
    let is_open = input.workbench.cohort().open().is_some();
    // The table of patients scrolls by itself.
    if state.page == Page::Patients && is_open {
        return patients::patients_ui(ui, input, &mut state.patients, &mut state.import);
    }
    ScrollArea::vertical().id_salt(state.page.label()).auto_shrink([false, false]).show(ui, |ui| {
        ui.set_width(ui.available_width() - theme::SPACE_2);
        match state.page {
            Page::Map => map::map_ui(ui, input, &mut state.map),
            Page::Risk => risk::risk_page_ui(ui, input, &mut state.risk),
            _ if !is_open => empty::empty_ui(ui, input, &mut state.header, state.import.is_begun()),
            Page::Survival => survival::survival_ui(ui, input, &mut state.survival),
            Page::Patients => {}
        }
    });
}

/// Ctrl with a page key turns the pages.
fn turn_pages(ui: &Ui, state: &mut CohortState) {
    let all: Vec<Page> = Page::iter().collect();
    let at = all.iter().position(|page| *page == state.page).unwrap_or(0);
    let pressed = |key| ui.input_mut(|input| input.count_and_consume_key(Modifiers::COMMAND, key));
    let (on, back) = (pressed(Key::PageDown), pressed(Key::PageUp));
    state.page = all[(at + on).saturating_sub(back).min(all.len() - 1)];
}

/// Colour of a share: calm for none, strong for the largest of the map.
fn tint(share: f64, largest: f64) -> Color32 {
    let t = if largest > 0.0 { (share / largest).clamp(0.0, 1.0).sqrt() as f32 } else { 0.0 };
    theme::CONTROL.lerp_to_gamma(theme::WARNING, t * 0.85)
}

/// Text that can be read on [`tint`].
fn ink(background: Color32) -> Color32 {
    if theme::contrast(theme::TEXT, background) > theme::contrast(theme::IMAGE, background) {
        theme::TEXT
    } else {
        theme::IMAGE
    }
}

pub(super) fn largest(map: &RecurrenceMap) -> f64 {
    map.stations.iter().map(|s| s.proportion).fold(0.0, f64::max)
}

/// A piece of a line in the colour and the dashes of a group, or a square where there are none.
fn swatch(ui: &mut Ui, color: Color32, dash: Option<usize>) {
    let (rect, _) = ui.allocate_exact_size(vec2(26.0, 14.0), Sense::hover());
    match dash {
        None => drop(ui.painter().rect_filled(rect.shrink2(vec2(7.0, 1.0)), 2.0, color)),
        Some(dash) => {
            let mut shapes = Vec::new();
            curves::stroke(&[rect.left_center(), rect.right_center()], color, dash, &mut shapes);
            ui.painter().extend(shapes);
        }
    }
}

/// A p value as tables print it.
fn p_words(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}
