//! A follow-up CT beside the case: which structure is the recurrence, how the scans lie to each other, the correction by hand,
//! and where the recurrence lies on the plan, for a physicist to confirm.

use super::icons::Icon;
use super::panel::PanelInput;
use super::picker::Pick;
use super::privacy::{identifier, readable_date, series_title, words};
use super::request::WindowRequest;
use super::theme;
use super::widgets::{cm3, faint, icon_button_quiet, icon_text_button, segmented, status_line, value_row};
use crate::dicom::Severity;
use crate::recurrence::{Localisation, Pattern, PatternLimits};
use crate::registration::{Fit, Guide};
use crate::structures::Station;
use crate::tf;
use crate::words::t;
use crate::workbench::followup::{
    Confirmed, Correction, FollowUp, FollowUpCommand, MOST_SHIFT_MM, MOST_TURN_DEGREES, MotionSource, Placement,
    fit_problem,
};
use crate::workbench::jobs::JobKey;
use crate::workbench::{Action, Command, SeriesChoice};
use eframe::egui::{ComboBox, DragValue, Grid, RichText, Role, Ui, WidgetInfo};

/// The question and what is known of its answer.
pub fn followup_panel_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let workbench = input.workbench;
    let Some(follow_up) = workbench.follow_up() else {
        if workbench.is_running(JobKey::FollowUp) {
            faint(ui, t("Reading it; the jobs list stops it"));
            return;
        }
        faint(
            ui,
            t("Lay a later CT with a contoured recurrence over this plan, and find the station in which it lies"),
        );
        let button = icon_text_button(ui, Icon::Open, t("Open a follow-up CT…"), false);
        let button =
            button.on_hover_text(t("The folder of the later CT with its structure set; this case stays as it is"));
        if button.clicked() {
            input.sender.send(WindowRequest::Pick(Pick::FollowUp));
        }
        return;
    };
    title_ui(ui, input, follow_up);
    recurrence_ui(ui, input, follow_up);
    registration_ui(ui, input, follow_up);
    correction_ui(ui, input, follow_up);
    if follow_up.recurrence().is_some() {
        ui.separator();
        place_ui(ui, input, follow_up);
    }
    faint(
        ui,
        t(
            "A proposal by overlap of contours after a rigid registration: lungs and mediastinum move and shrink after treatment. Look at the images, then confirm",
        ),
    );
}

fn send(input: &PanelInput<'_>, command: FollowUpCommand) {
    input.sender.send(Command::FollowUp(command));
}

fn secondary(text: &str) -> RichText {
    RichText::new(text).color(theme::TEXT_SECONDARY)
}

/// Which CT it is, and the others of its folder.
fn title_ui(ui: &mut Ui, input: &PanelInput<'_>, follow_up: &FollowUp) {
    let workbench = input.workbench;
    let meta = &follow_up.case().image.meta;
    ui.horizontal(|ui| {
        let close = icon_button_quiet(ui, Icon::Cancel, t("Close the follow-up CT"), false);
        if close.on_hover_text(t("Close the follow-up CT; this case stays as it is")).clicked() {
            send(input, FollowUpCommand::Close);
        }
        let date = readable_date(&meta.study_date);
        let parts = [identifier(workbench, meta.series_description.trim(), ""), identifier(workbench, &date, "")];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let title = if parts.is_empty() { t("Follow-up CT").to_owned() } else { parts.join(", ") };
        ui.add(eframe::egui::Label::new(title).truncate());
    });
    let list = follow_up.series();
    if list.series.len() > 1 {
        let open = list.opened().map(|s| series_title(workbench, s)).unwrap_or_default();
        let combo = ComboBox::from_id_salt("follow-up series").width(ui.available_width().min(260.0)).truncate();
        let combo = combo.selected_text(open).show_ui(ui, |ui| {
            for (n, series) in list.series.iter().enumerate().filter(|(_, s)| s.unusable.is_none()) {
                let row = ui.selectable_label(list.open == Some(n), series_title(workbench, series));
                if row.clicked() && list.open != Some(n) {
                    let (paths, series) = (follow_up.paths().to_vec(), SeriesChoice::Key(series.key.clone()));
                    send(input, FollowUpCommand::Open { paths, series });
                }
            }
        });
        combo.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, t("CT series of the follow-up")));
    }
    for warning in follow_up.warnings().iter().filter(|w| w.severity > Severity::Info) {
        status_line(ui, Icon::Warning, &words(workbench, &warning.text));
    }
}

/// Which of its structures is the recurrence.
fn recurrence_ui(ui: &mut Ui, input: &PanelInput<'_>, follow_up: &FollowUp) {
    if follow_up.candidates().next().is_none() {
        status_line(
            ui,
            Icon::Warning,
            t(
                "This CT comes without contours. Draw the recurrence on it, export it beside the CT, and open it here again",
            ),
        );
        return;
    }
    ui.horizontal(|ui| {
        ui.label(secondary(t("Recurrence")));
        let name = |roi: &crate::structures::Roi| words(input.workbench, &roi.name);
        let chosen = follow_up.recurrence().map_or_else(|| t("choose the structure").to_owned(), name);
        let combo = ComboBox::from_id_salt("recurrence").width(ui.available_width().min(200.0)).truncate();
        let combo = combo.selected_text(chosen).show_ui(ui, |ui| {
            for roi in follow_up.candidates() {
                let is_chosen = follow_up.recurrence().is_some_and(|r| r.id == roi.id);
                if ui.selectable_label(is_chosen, name(roi)).clicked() {
                    send(input, FollowUpCommand::Choose(roi.id));
                }
            }
        });
        combo.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, t("Structure that is the recurrence")));
    });
}

/// What found the motion, and how well it fits.
fn registration_ui(ui: &mut Ui, input: &PanelInput<'_>, follow_up: &FollowUp) {
    ui.label(secondary(t("Registration")));
    let source = follow_up.motion().source;
    let is_refused = follow_up.refused().is_some();
    ui.horizontal_wrapped(|ui| {
        let guides = [(Guide::Bone, t("Bones")), (Guide::Lung, t("Lungs")), (Guide::Body, t("Body"))]
            .map(|(guide, name)| (MotionSource::Found(guide), name));
        let tooltip = t("What the rigid registration looks at: bones do not follow breathing, lungs do");
        let shown = if is_refused { MotionSource::File } else { source };
        if let Some(MotionSource::Found(guide)) = segmented(ui, tooltip, &guides, shown) {
            send(input, FollowUpCommand::Register(guide));
        }
        let as_is = ui.selectable_label(source == MotionSource::AsTheyStand && !is_refused, t("As they stand"));
        if as_is.on_hover_text(t("No motion: both scans lie in one frame of reference already")).clicked() {
            send(input, FollowUpCommand::AsTheyStand);
        }
        let file = ui.selectable_label(source == MotionSource::File && !is_refused, t("From a file…"));
        let hint = t("A DICOM registration, sixteen numbers row by row, or the figures saved here before");
        if file.on_hover_text(hint).clicked() {
            input.sender.send(WindowRequest::Pick(Pick::Registration));
        }
    });
    if input.workbench.is_running(JobKey::Registration) {
        faint(ui, t("Registering; the jobs list stops it"));
        return;
    }
    if let Some(trouble) = follow_up.refused() {
        status_line(ui, Icon::Error, &words(input.workbench, &trouble.text));
    }
    let (shift, turn) = follow_up.moved_by();
    let moved = tf!("{shift:.1} mm, {turn:.2}°", shift, turn);
    value_row(ui, t("Motion"), &moved, t("How far the middle of the follow-up moves, and by how much it turns"));
    match follow_up.fit() {
        None => drop(faint(ui, t("Measuring the registration"))),
        Some(fit) => fit_ui(ui, fit),
    }
}

fn fit_ui(ui: &mut Ui, fit: Option<&Fit>) {
    if let Some(fit) = fit {
        let correlation = format!("{:.2}", fit.correlation);
        value_row(
            ui,
            t("Correlation"),
            &correlation,
            t("Of the CT numbers of both scans where the registration looks"),
        );
        let gaps = [
            (
                t("Bones apart"),
                fit.bone,
                t("Distance between the surfaces of the bones of both scans: mean, and 95 % of it"),
            ),
            (
                t("Lungs apart"),
                fit.lung,
                t("Distance between the surfaces of the lungs of both scans: mean, and 95 % of it"),
            ),
        ];
        for (name, gap, tooltip) in gaps {
            let Some(gap) = gap else { continue };
            let figures = tf!("{mean:.1} mm (95 %: {p95:.1})", mean = gap.mean_mm, p95 = gap.p95_mm);
            value_row(ui, name, &figures, tooltip);
        }
    }
    if let Some(problem) = fit_problem(fit) {
        status_line(ui, Icon::Warning, &tf!("The registration is doubtful: {problem}", problem));
    }
}

/// Shift and turns by hand.
fn correction_ui(ui: &mut Ui, input: &PanelInput<'_>, follow_up: &FollowUp) {
    let Correction { shift_mm, turn_degrees } = follow_up.motion().correction;
    let (mut shift, mut turn) = (shift_mm.to_array(), turn_degrees.to_array());
    ui.label(secondary(t("Correction by hand")))
        .on_hover_text(t("After the registration: turns about the middle of the recurrence, then the shift"));
    let names = [
        [t("Shift to the left"), t("Shift to the back"), t("Shift to the head")],
        [t("Turn about the left-right axis"), t("Turn about the front-back axis"), t("Turn about the head-foot axis")],
    ];
    let mut changed = false;
    Grid::new("correction").num_columns(4).show(ui, |ui| {
        ui.label("");
        for axis in [t("x, left"), t("y, back"), t("z, head")] {
            ui.label(secondary(axis));
        }
        ui.end_row();
        for (row, (values, title)) in [(&mut shift, t("Shift, mm")), (&mut turn, t("Turn, °"))].into_iter().enumerate()
        {
            ui.label(title);
            let most = if row == 0 { MOST_SHIFT_MM } else { MOST_TURN_DEGREES };
            for (value, name) in values.iter_mut().zip(names[row]) {
                let drag = DragValue::new(value).speed(0.1).max_decimals(1).min_decimals(1).range(-most..=most);
                changed |= ui.add(drag).on_hover_text(name).accessible_name(name).changed();
            }
            ui.end_row();
        }
    });
    if changed {
        let correction = Correction { shift_mm: shift.into(), turn_degrees: turn.into() };
        send(input, FollowUpCommand::Correct(correction));
    }
    if !follow_up.motion().correction.is_none() && ui.button(t("No correction")).clicked() {
        send(input, FollowUpCommand::Correct(Correction::default()));
    }
}

/// Where it lies, and what a physicist says to it.
fn place_ui(ui: &mut Ui, input: &PanelInput<'_>, follow_up: &FollowUp) {
    let workbench = input.workbench;
    let Some(placement) = follow_up.placement() else {
        faint(ui, t("Finding its place on the plan"));
        return;
    };
    if !workbench.is_placement_fresh() {
        faint(ui, t("Stale: the figures follow in a moment"));
    }
    let Some(found) = &placement.found else {
        status_line(ui, Icon::Warning, t("The recurrence lies beyond the planning CT: check the registration"));
        return;
    };
    if !workbench.has_station_contours() {
        status_line(ui, Icon::Warning, t("This case has no stations; draw them first"));
        ui.horizontal_wrapped(|ui| {
            for action in [Action::RuleStations, Action::FindLandmarks, Action::Segment] {
                let refusal = workbench.refusal(action);
                let button = ui.add_enabled(refusal.is_none(), eframe::egui::Button::new(action.info().label));
                if button.on_disabled_hover_text(refusal.unwrap_or_default()).clicked() {
                    input.sender.send(action);
                }
            }
        });
    }
    proposal_ui(ui, found);
    shares_ui(ui, found);
    patterns_ui(ui, input, placement, found);
    if placement.moved.outside_cm3 > 0.01 * placement.moved.drawn_cm3 {
        let text = tf!(
            "{outside:.1} of {all:.1} cm³ lie beyond the planning CT and are not counted",
            outside = placement.moved.outside_cm3,
            all = placement.moved.drawn_cm3
        );
        status_line(ui, Icon::Warning, &text);
    }
    confirm_ui(ui, input, follow_up, found);
    cohort_ui(ui, input, follow_up);
    ui.horizontal_wrapped(|ui| {
        if ui.button(t("Go to it")).on_hover_text(t("Centre the views on the recurrence")).clicked() {
            send(input, FollowUpCommand::GoTo);
        }
        let add = ui.button(t("Add to the structures"));
        if add.on_hover_text(t("The moved recurrence as a structure of this case, as one step of undo")).clicked() {
            send(input, FollowUpCommand::AddToStructures);
        }
        let is_ready = workbench.is_placement_fresh() && follow_up.fit().is_some();
        let save = ui.add_enabled(is_ready, eframe::egui::Button::new(t("Save the figures…")));
        let hint = t("As JSON; `hilum cohort recurrences` sums up the files of many patients");
        if save.on_hover_text(hint).clicked() {
            input.sender.send(WindowRequest::Pick(Pick::RecurrenceFile));
        }
    });
}

fn proposal_ui(ui: &mut Ui, found: &Localisation) {
    let text = match (found.main, found.nearest) {
        (Some(station), _) => tf!("Proposed: station {station}", station = station.label()),
        (None, Some((station, mm))) => {
            tf!("In no station; the nearest is {station}, {mm:.0} mm away", station = station.label(), mm)
        }
        (None, None) => t("In no station, and none within 80 mm").to_owned(),
    };
    ui.label(RichText::new(text).size(theme::SIZE_HEADING));
    let at = found.center;
    let place = format!("{:.0}, {:.0}, {:.0} mm", at.x, at.y, at.z);
    value_row(ui, t("Volume on the plan"), &cm3(found.volume_cm3), &tf!("Its middle lies at {place}", place));
}

/// What of it lies where, and what of the station was covered.
fn shares_ui(ui: &mut Ui, found: &Localisation) {
    if found.stations.is_empty() {
        return;
    }
    let has_dose = found.dose.is_some();
    Grid::new("recurrence stations").striped(true).show(ui, |ui| {
        ui.label(secondary(t("Station")));
        ui.label(secondary(t("Of it"))).on_hover_text(t("Share of the recurrence in the station"));
        ui.label(secondary(t("In CTV")))
            .on_hover_text(t("Part of the whole station inside the CTV: actual over standard"));
        if has_dose {
            ui.label(secondary(t("In isodose"))).on_hover_text(t("Part of the whole station inside the isodose"));
        }
        ui.end_row();
        let percent = |value: Option<f64>| value.map_or_else(|| "\u{2013}".to_owned(), |p| format!("{p:.0} %"));
        for share in &found.stations {
            let coverage = found.coverage.iter().find(|c| c.station == share.station);
            ui.label(share.station.label());
            ui.label(percent(Some(share.percent)));
            ui.label(percent(coverage.and_then(|c| c.ctv_percent)));
            if has_dose {
                ui.label(percent(coverage.and_then(|c| c.isodose_percent)));
            }
            ui.end_row();
        }
    });
}

fn pattern_words(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::InField => t("in field"),
        Pattern::Marginal => t("marginal"),
        Pattern::OutOfField => t("out of field"),
    }
}

/// In field, marginal or out of field, and by which limits.
fn patterns_ui(ui: &mut Ui, input: &PanelInput<'_>, placement: &Placement, found: &Localisation) {
    let row = |ui: &mut Ui, name: &str, pattern: Pattern, percent: f64, tooltip: &str| {
        value_row(ui, name, &format!("{}, {percent:.0} %", pattern_words(pattern)), tooltip);
    };
    let inside = t("Share of the recurrence that lies inside");
    match found.ctv {
        Some(extent) => row(ui, t("By the CTV"), extent.pattern, extent.inside_percent, inside),
        None => drop(status_line(ui, Icon::Info, t("No structure has the role CTV: no pattern by it"))),
    }
    if let (Some(dose), Some(treated)) = (found.dose, &placement.plan.treated) {
        let name = tf!("By {gy:.1} Gy", gy = treated.isodose_gy());
        row(ui, &name, dose.isodose.pattern, dose.isodose.inside_percent, inside);
        if let (Some(min), Some(mean), Some(max)) = (dose.min_gy, dose.mean_gy, dose.max_gy) {
            let figures = tf!("{min:.1} to {max:.1} Gy, mean {mean:.1}", min, max, mean);
            value_row(ui, t("Dose in it"), &figures, &words(input.workbench, &treated.reference_origin));
        }
    }
    let limits = placement.plan.limits;
    ui.horizontal_wrapped(|ui| {
        ui.label(secondary(t("In field from")));
        let (mut upper, mut lower) = (limits.in_field, limits.out_of_field);
        fn percent(value: &mut f64, range: std::ops::RangeInclusive<f64>) -> DragValue<'_> {
            DragValue::new(value).speed(1.0).max_decimals(0).range(range).suffix(" %")
        }
        let first = ui.add(percent(&mut upper, limits.out_of_field..=100.0));
        let first = first.accessible_name(t("In field from this share inside on"));
        ui.label(secondary(t("out below")));
        let second = ui.add(percent(&mut lower, 0.0..=limits.in_field));
        let second = second.accessible_name(t("Out of field below this share"));
        let hint = t("Of the volume of the recurrence. Lee 1999 takes 80 and 20 %, Dawson 2000 95 % for in field");
        if first.on_hover_text(hint).changed() | second.on_hover_text(hint).changed() {
            send(input, FollowUpCommand::SetLimits(PatternLimits { in_field: upper, out_of_field: lower }));
        }
        if let Some(treated) = &placement.plan.treated {
            let mut isodose_percent = treated.isodose_percent;
            ui.label(secondary(t("isodose")));
            let isodose = ui.add(percent(&mut isodose_percent, 1.0..=200.0));
            let isodose = isodose.accessible_name(t("Isodose that counts as treated"));
            if isodose.on_hover_text(t("Of the dose that counts as 100 %")).changed() {
                send(input, FollowUpCommand::SetIsodose(isodose_percent));
            }
        }
    });
}

/// Whether the confirmed station stands in the cohort.
fn cohort_ui(ui: &mut Ui, input: &PanelInput<'_>, follow_up: &FollowUp) {
    let Some((Confirmed(Some(station)), true)) = follow_up.confirmed() else { return };
    let Some(patient) = input.workbench.patient_of_case() else { return };
    let id = identifier(input.workbench, &patient.id, t("this patient"));
    if patient.outcome.recurrence_stations.contains(&station) {
        let text =
            tf!("The cohort knows a recurrence of {patient} in {station}", patient = id, station = station.label());
        status_line(ui, Icon::Check, &text);
        return;
    }
    let button = ui.button(tf!("Enter {station} in the cohort", station = station.label()));
    let hint = tf!("Adds it to the stations in which {patient} recurred; it can be taken back there", patient = id);
    if button.on_hover_text(hint).clicked() {
        send(input, FollowUpCommand::EnterInCohort);
    }
}

/// What the physicist says.
fn confirm_ui(ui: &mut Ui, input: &PanelInput<'_>, follow_up: &FollowUp, found: &Localisation) {
    let name = |Confirmed(station): Confirmed| match station {
        Some(station) => station.label().to_owned(),
        None => t("no station").to_owned(),
    };
    match follow_up.confirmed() {
        Some((what, true)) => {
            ui.horizontal(|ui| {
                status_line(ui, Icon::Check, &tf!("Confirmed: {station}", station = name(what)));
                if ui.button(t("Take back")).clicked() {
                    send(input, FollowUpCommand::TakeBack);
                }
            });
            return;
        }
        Some((what, false)) => {
            let text = tf!(
                "Confirmed as {station} before recurrence or registration changed: look again",
                station = name(what)
            );
            status_line(ui, Icon::Warning, &text);
        }
        None => drop(status_line(ui, Icon::Info, t("Not confirmed yet: look at the squares in all three views"))),
    }
    let proposed = Confirmed(found.main);
    ui.horizontal(|ui| {
        let confirm = icon_text_button(ui, Icon::Check, &tf!("Confirm {station}", station = name(proposed)), true);
        if confirm.on_hover_text(t("You have looked at the images, and this is where the recurrence lies")).clicked() {
            send(input, FollowUpCommand::Confirm(proposed));
        }
        let combo = ComboBox::from_id_salt("other station").width(90.0).selected_text(t("Another"));
        let combo = combo.show_ui(ui, |ui| {
            let others = Station::all().map(Some).chain([None]).map(Confirmed).filter(|c| *c != proposed);
            for other in others {
                if ui.selectable_label(false, name(other)).clicked() {
                    send(input, FollowUpCommand::Confirm(other));
                }
            }
        });
        combo.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, t("Confirm another station")));
    });
}
