//! The border check: where station contours and rules differ, station by station; each row leads to its place.

use super::icons::{Icon, swatch};
use super::landmarks_panel::{action_button, find_button};
use super::panel::PanelInput;
use super::theme;
use super::viewport::ViewTransform;
use super::widgets::{action_tooltip, faint, status_line};
use crate::anatomy::{Finding, FindingKind};
use crate::geometry::Orientation;
use crate::structures::{Station, station_color};
use crate::teaching::Phase;
use crate::tf;
use crate::words::{t, told};
use crate::workbench::{Action, AnatomyCommand, Command, READING, Workbench};
use eframe::egui::{Align2, Button, CollapsingHeader, Id, Painter, RichText, Stroke, Ui, vec2};

/// Shows the panel.
pub fn check_panel_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let workbench = input.workbench;
    if workbench.loading().is_some() {
        faint(ui, t(READING));
        return;
    }
    if !workbench.anatomy().is_known() {
        faint(ui, t("The border check holds the station contours against the rules. The rules need landmarks"));
        find_button(ui, input);
        return;
    }
    if workbench.exercise().is_some_and(|e| e.phase == Phase::Contouring) {
        faint(ui, t("Not told while an exercise hides its reference"));
        return;
    }
    if !workbench.has_station_contours() {
        faint(ui, t("No structure with contours has the role of a station"));
        action_button(ui, input, Action::RuleStations, Icon::Layers);
        return;
    }
    let check = workbench.anatomy().check();
    let rules = told(check.rules().unwrap_or_default());
    match check.quality() {
        Some(quality) => drop(faint(ui, &tf!("{rules}: {quality}", rules, quality = told(quality.label())))),
        None => drop(faint(ui, rules)),
    }
    faint(ui, t("A difference is a place to look at and never a mistake by itself. For education and research only"));
    if let Some(why) = workbench.rules_refusal() {
        status_line(ui, Icon::Warning, why);
        return;
    }
    if !workbench.is_check_fresh() {
        status_line(ui, Icon::Info, t("Being checked again"));
    }
    let findings = workbench.border_findings();
    if findings.is_empty() {
        if workbench.is_check_fresh() {
            status_line(ui, Icon::Check, t("Contours and rules do not differ beyond the tolerances"));
        }
        return;
    }
    ui.horizontal(|ui| {
        for (action, label) in [(Action::PreviousFinding, t("Previous")), (Action::NextFinding, t("Next"))] {
            let button = ui.add(Button::new(label)).accessible_name(action.info().label);
            if button.on_hover_text(action_tooltip(workbench, action)).clicked() {
                input.sender.send(action);
            }
        }
        let place = match (check.chosen(), findings.len()) {
            (Some(n), all) => tf!("{n} of {all}", n = n + 1, all),
            (None, 1) => t("1 difference").to_owned(),
            (None, all) => tf!("{all} differences", all),
        };
        ui.label(RichText::new(place).color(theme::TEXT_SECONDARY));
    });
    for station in Station::all() {
        let of_station = || findings.iter().enumerate().filter(|(_, finding)| finding.station == station);
        if of_station().next().is_some() {
            station_ui(ui, input, station, &of_station().collect::<Vec<_>>());
        }
    }
}

fn station_ui(ui: &mut Ui, input: &PanelInput<'_>, station: Station, findings: &[(usize, &Finding)]) {
    let chosen = input.workbench.anatomy().check().chosen();
    let mm = |finding: &&(usize, &Finding)| match finding.1.kind {
        FindingKind::Absent | FindingKind::Overlap(_) | FindingKind::Gap(_) | FindingKind::Organ(_) => None,
        _ => Some(finding.1.amount.abs()),
    };
    let largest = findings.iter().filter_map(|finding| mm(&finding)).fold(0.0, f64::max);
    let (label, count) = (station.label(), findings.len());
    let title = if largest > 0.0 {
        tf!("{label}: {count}, up to {largest:.0} mm", label, count, largest)
    } else {
        tf!("{label}: {count}", label, count)
    };
    let leads_here = findings.iter().any(|(n, _)| chosen == Some(*n));
    // What a key goes to opens its station, once: it can be closed again.
    let id = Id::unique("finding that was gone to last");
    let comes_here = leads_here && ui.data(|data| data.get_temp::<Option<usize>>(id)) != Some(chosen);
    if leads_here {
        ui.data_mut(|data| data.insert_temp(id, chosen));
    }
    ui.horizontal_top(|ui| {
        ui.add_space(2.0);
        ui.vertical(|ui| {
            ui.add_space(5.0);
            swatch(ui, station_color(station), 10.0);
        });
        ui.vertical(|ui| {
            let header = CollapsingHeader::new(RichText::new(title).color(theme::TEXT)).id_salt(("findings", label));
            header.open(comes_here.then_some(true)).show_unindented(ui, |ui| {
                for (n, finding) in findings {
                    let words = finding.words(t("IASLC 2009"));
                    let button = Button::selectable(chosen == Some(*n), RichText::new(words).color(theme::TEXT)).wrap();
                    let response = ui.add(button).on_hover_text(t("Go to this place and select the station"));
                    if response.clicked() {
                        input.sender.send(Command::Anatomy(AnatomyCommand::GoToFinding(*n)));
                    }
                }
            });
        });
    });
}

/// A ring around the place of the finding that was gone to, and in the axial view its sentence, as long as the crosshair
/// stays there.
pub fn paint_chosen(painter: &Painter, view: &ViewTransform, workbench: &Workbench) {
    let findings = workbench.border_findings();
    let Some(finding) = workbench.anatomy().check().chosen().and_then(|n| findings.get(n)) else { return };
    if workbench.view.crosshair.distance(finding.at) > 0.01 {
        return;
    }
    let at = view.screen_from_patient(finding.at);
    for stroke in [Stroke::new(4.0, theme::OVERLAY_SHADOW), Stroke::new(1.5, theme::WARNING)] {
        painter.circle_stroke(at, 14.0, stroke);
    }
    if view.plane.orientation != Orientation::Axial {
        return;
    }
    let font = theme::regular(theme::SIZE_BODY);
    let width = (view.rect.width() - 6.0 * theme::SPACE_4).max(120.0);
    let galley = painter.layout(finding.words(t("IASLC 2009")), font, theme::OVERLAY_TEXT, width);
    // Above the texts in the lower corners.
    let middle = view.rect.center_bottom() - vec2(0.0, 64.0);
    let place = Align2::CENTER_BOTTOM.anchor_size(middle, galley.size());
    painter.rect_filled(place.expand2(vec2(theme::SPACE_2, theme::SPACE_1)), 4.0, theme::OVERLAY_SHADOW);
    painter.galley(place.min, galley, theme::OVERLAY_TEXT);
}
