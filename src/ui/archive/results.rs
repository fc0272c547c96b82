//! What a search found: studies, and their series when they are unfolded.

use super::super::icons::{Icon, icon_button};
use super::super::panel::PanelInput;
use super::super::privacy::{identifier, readable_date, words};
use super::super::theme;
use super::super::widgets::{card, faint, icon_text_button, status_line};
use crate::archive::StudyRecord;
use crate::tf;
use crate::words::t;
use crate::workbench::jobs::JobKey;
use crate::workbench::{ArchiveCommand, Command};
use eframe::egui::{Align, Label, Layout, RichText, Ui};
use std::collections::BTreeSet;

/// Shows the studies, newest first.
pub fn results_ui(ui: &mut Ui, input: &PanelInput<'_>, unfolded: &mut BTreeSet<String>) {
    let Some(found) = input.workbench.archive().found() else { return };
    let count = match found.studies.len() {
        0 => t("No study matches; widen the search").to_owned(),
        1 => t("1 study").to_owned(),
        n => tf!("{n} studies", n),
    };
    ui.label(RichText::new(count).font(theme::strong(theme::SIZE_BODY)));
    for (number, study) in found.studies.iter().enumerate() {
        card(ui, |ui| study_ui(ui, input, number, study, unfolded));
    }
    if found.more {
        status_line(ui, Icon::Info, t("The archive has more studies that match; narrow the search"));
    }
}

fn counted(count: Option<usize>, one: &str, many: &str) -> Option<String> {
    count.map(|n| if n == 1 { format!("1 {one}") } else { format!("{n} {many}") })
}

fn study_ui(ui: &mut Ui, input: &PanelInput<'_>, number: usize, study: &StudyRecord, unfolded: &mut BTreeSet<String>) {
    let workbench = input.workbench;
    let uid = &study.study_instance_uid;
    let instead = tf!("Patient {n}", n = number + 1);
    let name =
        identifier(workbench, if study.patient_name.is_empty() { t("No name") } else { &study.patient_name }, &instead);
    let is_open = unfolded.contains(uid);
    ui.horizontal(|ui| {
        let (icon, label) =
            if is_open { (Icon::Down, t("Hide series of")) } else { (Icon::Right, t("Show series of")) };
        if icon_button(ui, icon, &format!("{label} {name}"), false).clicked() {
            if is_open {
                unfolded.remove(uid);
            } else {
                unfolded.insert(uid.clone());
                if workbench.archive().series(uid).is_none() {
                    input.sender.send(Command::Archive(ArchiveCommand::ListSeries(uid.clone())));
                }
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            retrieve_button(ui, input, uid, None, name);
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 1.0;
                let id = identifier(workbench, &study.patient_id, "");
                let title = if id.is_empty() { name.to_owned() } else { format!("{name}  ·  {id}") };
                ui.add(Label::new(RichText::new(title).font(theme::strong(theme::SIZE_BODY))).truncate());
                let date = readable_date(&study.study_date);
                let parts = [
                    Some(identifier(workbench, &date, "").to_owned()),
                    Some(study.modalities.join(", ")),
                    counted(study.series, t("series"), t("series")),
                    counted(study.instances, t("object"), t("objects")),
                    Some(identifier(workbench, &study.description, "").to_owned()),
                ];
                let line: Vec<String> = parts.into_iter().flatten().filter(|p| !p.is_empty()).collect();
                ui.add(Label::new(RichText::new(line.join("  ·  ")).color(theme::TEXT_SECONDARY)).truncate());
            });
        });
    });
    if is_open {
        series_ui(ui, input, uid);
    }
}

fn series_ui(ui: &mut Ui, input: &PanelInput<'_>, study: &str) {
    let workbench = input.workbench;
    let Some(series) = workbench.archive().series(study) else {
        faint(
            ui,
            if workbench.is_running(JobKey::ArchiveSeries) {
                t("Asking the archive")
            } else {
                t("Not known; fold and unfold")
            },
        );
        return;
    };
    for one in series {
        ui.horizontal(|ui| {
            ui.add_space(theme::SPACE_6);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let name = tf!("series {number} {modality}", number = one.number, modality = one.modality);
                retrieve_button(ui, input, study, Some(&one.series_instance_uid), &name);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let description = identifier(workbench, &one.description, "");
                    let count = counted(one.instances, t("object"), t("objects")).unwrap_or_default();
                    let parts = [one.number.as_str(), &one.modality, description, &count];
                    let line: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
                    let text = words(workbench, &line.join("  ·  "));
                    ui.add(Label::new(RichText::new(text).color(theme::TEXT_SECONDARY)).truncate());
                });
            });
        });
    }
}

fn retrieve_button(ui: &mut Ui, input: &PanelInput<'_>, study: &str, series: Option<&str>, name: &str) {
    let busy = input.workbench.is_running(JobKey::Retrieve);
    let hint =
        if busy { t("A study is being retrieved") } else { t("Copy to this computer, into the folder for studies") };
    let command = || ArchiveCommand::Retrieve { study: study.to_owned(), series: series.map(str::to_owned) };
    let clicked = ui
        .add_enabled_ui(!busy, |ui| match series {
            None => icon_text_button(ui, Icon::Down, t("Retrieve"), false),
            Some(_) => ui.button(t("Retrieve")),
        })
        .inner
        .accessible_name(tf!("Retrieve {name}", name))
        .on_hover_text(hint)
        .on_disabled_hover_text(hint)
        .clicked();
    if clicked {
        input.sender.send(Command::Archive(command()));
    }
}
