//! The window that makes copies of files without the people in them.

use super::panel::PanelInput;
use super::picker::Pick;
use super::privacy::path_words;
use super::request::WindowRequest;
use super::theme;
use super::widgets::{faint, primary_button, segmented, status_line};
use crate::dicom::deidentify::{Dates, DeidentifyOptions, check_identity};
use crate::tf;
use crate::words::t;
use crate::workbench::jobs::JobKey;
use crate::workbench::{Command, DeidentifyRequest, Workbench};
use eframe::egui::{self, Align2, CollapsingHeader, Label, RichText, ScrollArea, TextEdit, Ui};
use std::path::PathBuf;

/// What becomes of dates, as it is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum DateChoice {
    #[default]
    Remove,
    PerPatient,
    Shift,
    Keep,
}

/// What is half filled in.
#[derive(Debug, Default)]
pub struct DeidentifyState {
    pub sources: Vec<PathBuf>,
    pub output: Option<PathBuf>,
    pub secret_file: Option<PathBuf>,
    dates: DateChoice,
    shift_days: String,
    keep: DeidentifyOptions,
    /// Patient ID and name of the copies.
    identity: [String; 2],
}

impl DeidentifyState {
    /// What is asked for, or what is missing.
    fn request(&self) -> Result<DeidentifyRequest, String> {
        if self.sources.is_empty() {
            return Err(t("Choose what to copy").into());
        }
        let Some(output) = self.output.clone() else { return Err(t("Choose an empty folder for the copies").into()) };
        let dates = match self.dates {
            DateChoice::Remove => Dates::Remove,
            DateChoice::PerPatient => Dates::ShiftPerPatient,
            DateChoice::Keep => Dates::Keep,
            DateChoice::Shift => self.shift_days.parse().map_err(|e| tf!("Shift of dates: {e}", e))?,
        };
        let [id, name] = &self.identity;
        let identity = |what: &str, text: &str| match text {
            "" => Ok(None),
            text => check_identity(text).map(|()| Some(text.to_owned())).map_err(|e| format!("{what}: {e}")),
        };
        let options = DeidentifyOptions {
            dates,
            patient_id: identity(t("New patient ID"), id)?,
            patient_name: identity(t("New name"), name)?,
            ..self.keep.clone()
        };
        Ok(DeidentifyRequest { sources: self.sources.clone(), output, options, secret_file: self.secret_file.clone() })
    }
}

/// Shows the window; false when it was closed.
pub fn window(context: &egui::Context, input: &PanelInput<'_>, state: &mut DeidentifyState) -> bool {
    let mut open = true;
    let window = egui::Window::new(t("De-identify files"))
        .id(egui::Id::unique("de-identify"))
        .open(&mut open)
        .collapsible(false)
        .resizable(false);
    window.pivot(Align2::CENTER_CENTER).default_pos(context.content_rect().center()).show(context, |ui| {
        ui.set_width(460.0);
        ui.set_max_height(context.content_rect().height() - 120.0);
        ScrollArea::vertical().show(ui, |ui| body(ui, input, state));
    });
    open
}

fn body(ui: &mut Ui, input: &PanelInput<'_>, state: &mut DeidentifyState) {
    faint(
        ui,
        t(
            "Copies of CT, structure sets and results without the patient, by the basic profile of DICOM PS3.15 Annex E. \
         Pixels and contours stay as they are; the sources are never written to.",
        ),
    );
    ui.add_space(theme::SPACE_2);
    place(ui, input, t("Copy"), &state.sources, t("Choose folder to copy"), Pick::DeidentifySource);
    let opened = input.workbench.opened_paths();
    if !opened.is_empty() && state.sources != opened && ui.button(t("Use the open case")).clicked() {
        state.sources = opened.to_vec();
    }
    place(ui, input, t("Into"), state.output.as_slice(), t("Choose empty folder"), Pick::DeidentifyOutput);
    ui.add_space(theme::SPACE_2);
    ui.label(t("Dates"));
    let dates = [
        (DateChoice::Remove, t("Remove")),
        (DateChoice::PerPatient, t("Shift each patient")),
        (DateChoice::Shift, t("Shift by days")),
        (DateChoice::Keep, t("Keep")),
    ];
    if let Some(chosen) = segmented(ui, t("Dates"), &dates, state.dates) {
        state.dates = chosen;
    }
    if state.dates == DateChoice::Shift {
        field(ui, t("Days, negative into the past"), "-100", &mut state.shift_days);
    }
    ui.add_space(theme::SPACE_2);
    ui.label(t("Keep"));
    ui.checkbox(&mut state.keep.keep_patient_characteristics, t("Sex, age, size, weight, smoking and the like"));
    ui.checkbox(&mut state.keep.keep_descriptions, t("Descriptions and labels, without the words that identify"));
    ui.checkbox(&mut state.keep.keep_device, t("Names and serial numbers of devices"));
    ui.add_space(theme::SPACE_2);
    let [id, name] = &mut state.identity;
    field(ui, t("New patient ID"), t("made from the secret"), id);
    field(ui, t("New name"), t("made from the secret"), name);
    place(ui, input, t("Secret"), state.secret_file.as_slice(), t("Choose secret file"), Pick::SecretFile);
    faint(
        ui,
        t(
            "The same secret gives the same new names, UIDs and shifts in later runs; without one they are new every time.",
        ),
    );
    ui.add_space(theme::SPACE_2);
    run(ui, input, state);
}

fn run(ui: &mut Ui, input: &PanelInput<'_>, state: &DeidentifyState) {
    let is_running = input.workbench.is_running(JobKey::Deidentify);
    let request = if is_running { Err(t("Being de-identified: see the jobs").to_owned()) } else { state.request() };
    let button = ui.add_enabled_ui(request.is_ok(), |ui| primary_button(ui, t("De-identify"))).inner;
    match request {
        Ok(request) if button.clicked() => input.sender.send(Command::Deidentify(Box::new(request))),
        Ok(_) => {}
        Err(why) => {
            button.on_disabled_hover_text(&why);
            faint(ui, &why);
        }
    }
    if let Some(job) = input.workbench.jobs().iter().find(|j| j.key == JobKey::Deidentify) {
        ui.add(egui::ProgressBar::new(job.fraction().unwrap_or(0.0)).text(job.stage.clone()));
        if ui.button(t("Cancel")).accessible_name(t("Cancel de-identification")).clicked() {
            input.sender.send(Command::CancelJob(job.id));
        }
    }
    let Some(done) = input.workbench.deidentified() else { return };
    status_line(ui, super::icons::Icon::Check, &done.report.summary());
    CollapsingHeader::new(RichText::new(t("Report")).color(theme::TEXT_SECONDARY)).id_salt("deidentified").show_unindented(
        ui,
        |ui| {
            let totals = &done.report.totals;
            let counts = tf!("Removed {removed}, private removed {private_removed}, emptied {emptied}, replaced {replaced}, cleaned {cleaned}, UIDs replaced {uids}, dates shifted {dates_shifted}, names of structures replaced {roi_names_replaced}", removed = totals.removed, private_removed = totals.private_removed, emptied = totals.emptied, replaced = totals.replaced, cleaned = totals.cleaned, uids = totals.uids, dates_shifted = totals.dates_shifted, roi_names_replaced = totals.roi_names_replaced);
            let place = path_words(input.workbench, &done.output).map(|path| tf!("Copies and report.json: {path}", path));
            for line in std::iter::once(counts).chain(done.report.remarks()).chain(place) {
                ui.add(Label::new(RichText::new(line).color(theme::TEXT_SECONDARY)).wrap().selectable(true));
            }
        },
    );
}

/// A row with what was chosen and the button that asks for it.
fn place(ui: &mut Ui, input: &PanelInput<'_>, name: &str, chosen: &[PathBuf], button: &str, pick: Pick) {
    ui.horizontal(|ui| {
        column(ui, 56.0, name);
        if ui.button(format!("{button}…")).clicked() {
            input.sender.send(WindowRequest::Pick(pick));
        }
        let text = words_of(input.workbench, chosen);
        ui.add(Label::new(RichText::new(text).color(theme::TEXT_SECONDARY)).truncate());
    });
}

fn words_of(workbench: &Workbench, chosen: &[PathBuf]) -> String {
    match chosen {
        [] => t("not chosen").into(),
        [first, rest @ ..] => match path_words(workbench, first) {
            None => t("chosen").into(),
            Some(first) if rest.is_empty() => first,
            Some(first) => tf!("{first} and {rest} more", first, rest = rest.len()),
        },
    }
}

fn field(ui: &mut Ui, name: &str, hint: &str, text: &mut String) {
    ui.horizontal(|ui| {
        let label = column(ui, 180.0, name);
        ui.add(TextEdit::singleline(text).hint_text(hint).desired_width(200.0)).labelled_by(label.id);
    });
}

/// A label at the left of a column.
fn column(ui: &mut Ui, width: f32, name: &str) -> egui::Response {
    let size = egui::vec2(width, ui.spacing().interact_size.y);
    ui.allocate_ui_with_layout(size, egui::Layout::left_to_right(egui::Align::Center), |ui| {
        ui.set_min_width(width);
        ui.label(name)
    })
    .inner
}
