//! PET and doses of the case: which one lies over the CT, how it is shown, and what must be known about it.

use super::icons::Icon;
use super::overlay_view::number;
use super::panel::PanelInput;
use super::privacy::{identifier, overlay_title, readable_date, warning_line, words};
use super::theme;
use super::widgets::{action_icon, action_tooltip, faint, segmented, status_line};
use crate::dicom::OverlayKind;
use crate::image::{ColorMap, Quantity};
use crate::tf;
use crate::words::t;
use crate::workbench::jobs::JobKey;
use crate::workbench::{Action, Command, DoseUnit, Overlay, OverlayCommand, OverlayStyle, Workbench};
use eframe::egui::{Button, DragValue, Key, RichText, Sense, Slider, TextEdit, Ui, vec2};
use strum::IntoEnumIterator as _;

/// What the panel keeps between frames: isodose levels as they are typed, and what is wrong with them.
#[derive(Default)]
pub struct OverlayState {
    typed: Option<String>,
    problem: Option<String>,
}

/// True where there is anything to list.
pub fn has_overlays(workbench: &Workbench) -> bool {
    workbench.loading().is_none() && !workbench.overlays().is_empty()
}

/// Shows the list and the settings of the chosen one.
pub fn overlay_panel_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut OverlayState) {
    for overlay in input.workbench.overlays() {
        row_ui(ui, input, overlay);
    }
    let Some(overlay) = input.workbench.chosen_overlay() else {
        state.typed = None;
        return;
    };
    ui.add_space(theme::SPACE_1);
    let Some(loaded) = &overlay.loaded else {
        let reading = input.workbench.is_running(JobKey::Overlay);
        faint(ui, if reading { t("Reading it; the jobs list stops it") } else { t("It is not read") });
        return;
    };
    shown_ui(ui, input, overlay);
    if loaded.volume.quantity == Quantity::CtNumber {
        squares_ui(ui, input, overlay);
    } else if loaded.volume.quantity == Quantity::Uncertainty {
        review_ui(ui, input);
    } else if loaded.volume.quantity.is_dose() {
        dose_ui(ui, input, state, overlay);
    } else {
        range_ui(ui, input, overlay);
    }
    for caution in overlay.cautions() {
        status_line(ui, Icon::Warning, &caution_words(caution, overlay.source.kind == OverlayKind::FollowUp));
    }
    for warning in &loaded.warnings {
        let icon = if warning.severity > crate::dicom::Severity::Info { Icon::Warning } else { Icon::Info };
        status_line(ui, icon, &warning_line(input.workbench, warning));
    }
    if !loaded.method.is_empty() {
        faint(ui, &words(input.workbench, &loaded.method));
    }
    faint(ui, t("For research and education; no figure here may decide on a treatment"));
}

fn caution_words(caution: &str, follow_up: bool) -> String {
    match caution {
        "registered" if follow_up => {
            t("Laid over the CT by a rigid motion; nothing that moved against the bones lies right").into()
        }
        "registered" => {
            t("Registered: it lies where a registration object of the folder puts it; check the match").into()
        }
        "relative, no Gy" => t("Relative dose: percent only, no Gy").into(),
        "the network's own estimate" => t("It says where to look first, not whether a contour is right").into(),
        "not SUV" => t("Raw values, not SUV").into(),
        other => other.to_owned(),
    }
}

/// One overlay: a switch, or the reason why it cannot be shown.
fn row_ui(ui: &mut Ui, input: &PanelInput<'_>, overlay: &Overlay) {
    let workbench = input.workbench;
    let title = overlay_title(workbench, overlay);
    let chosen = workbench.chosen_overlay().is_some_and(|o| o.number == overlay.number);
    let date = readable_date(&overlay.source.date);
    let date = identifier(workbench, &date, "");
    let place = match &overlay.source.placement {
        Ok(_) if overlay.source.kind == OverlayKind::FollowUp => t("registered here").to_owned(),
        Ok(placement) => match placement.registrations {
            0 => t("same frame of reference").to_owned(),
            1 => t("through a registration").to_owned(),
            n => tf!("through {n} registrations", n),
        },
        Err(_) => t("not shown").to_owned(),
    };
    let facts: Vec<&str> =
        [overlay.source.details.as_str(), place.as_str(), date].into_iter().filter(|f| !f.is_empty()).collect();
    let enabled = overlay.source.placement.is_ok();
    let button = Button::selectable(chosen, RichText::new(&title)).truncate();
    let response = ui.add_enabled(enabled, button.min_size(vec2(ui.available_width(), theme::ROW)));
    let response = response.on_hover_text(if chosen { t("Take it off the CT") } else { t("Lay it over the CT") });
    if response.clicked() {
        let command = if chosen { OverlayCommand::Remove } else { OverlayCommand::Show(overlay.source.key.clone()) };
        input.sender.send(Command::Overlay(command));
    }
    faint(ui, &facts.join(", "));
    match (&overlay.source.placement, &overlay.failed) {
        (Err(why), _) => drop(status_line(ui, Icon::Warning, &words(workbench, &tf!("Not shown: {why}", why)))),
        (Ok(_), Some(trouble)) => drop(status_line(ui, Icon::Error, &words(workbench, &trouble.text))),
        (Ok(_), None) => {}
    }
}

/// Visibility, opacity and colours.
fn shown_ui(ui: &mut Ui, input: &PanelInput<'_>, overlay: &Overlay) {
    let PanelInput { workbench, sender, .. } = *input;
    ui.horizontal(|ui| {
        let hidden = workbench.is_overlay_hidden();
        let icon = if hidden { Icon::EyeOff } else { Icon::Eye };
        action_icon(ui, workbench, sender, Action::ToggleOverlay, icon, !hidden);
        let mut opacity = overlay.style.opacity;
        ui.label(RichText::new(t("Opacity")).color(theme::TEXT_SECONDARY));
        // A narrow panel keeps room for the value beside it.
        ui.spacing_mut().slider_width = (ui.available_width() - 66.0).clamp(32.0, 100.0);
        let slider = Slider::new(&mut opacity, 0.0..=1.0).custom_formatter(|v, _| format!("{:.0} %", v * 100.0));
        let response =
            ui.add(slider.custom_parser(|t| t.trim_end_matches(['%', ' ']).parse::<f64>().ok().map(|p| p / 100.0)));
        if response.changed() {
            sender.send(Command::Overlay(OverlayCommand::SetOpacity(opacity)));
        }
        response
            .accessible_name(t("Opacity of the overlay"))
            .on_hover_text(t("Of the colours over the CT; 0 shows none"));
    });
    // A CT is shown in greys, by the window of the view.
    if overlay.source.kind == OverlayKind::FollowUp {
        return;
    }
    let maps: Vec<(ColorMap, String)> = ColorMap::iter().map(|m| (m, m.to_string())).collect();
    let maps: Vec<(ColorMap, &str)> = maps.iter().map(|(m, name)| (*m, name.as_str())).collect();
    ui.horizontal(|ui| {
        ui.label(RichText::new(t("Colours")).color(theme::TEXT_SECONDARY));
        if let Some(map) = segmented(ui, t("Colours of the overlay; lighter is more"), &maps, overlay.style.map) {
            sender.send(Command::Overlay(OverlayCommand::SetMap(map)));
        }
    });
}

/// Squares of a checkerboard, or everywhere.
fn squares_ui(ui: &mut Ui, input: &PanelInput<'_>, overlay: &Overlay) {
    let mm = overlay.style.squares_mm;
    ui.horizontal_wrapped(|ui| {
        let choices = [(true, t("Squares")), (false, t("Everywhere"))];
        let tooltip = t("Both scans in turn like a checkerboard, or the follow-up over all of the planning CT");
        if let Some(squares) = segmented(ui, tooltip, &choices, mm.is_some()) {
            let squares = squares.then_some(OverlayStyle::USUAL_SQUARES_MM);
            input.sender.send(Command::Overlay(OverlayCommand::SetSquares(squares)));
        }
        if let Some(mut side) = mm {
            let drag =
                DragValue::new(&mut side).speed(0.5).max_decimals(0).range(OverlayStyle::SQUARES_MM).suffix(" mm");
            if ui.add(drag).accessible_name(t("Side of the squares")).changed() {
                input.sender.send(Command::Overlay(OverlayCommand::SetSquares(Some(side))));
            }
        }
    });
}

/// The stations of the network, the least sure first.
fn review_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    if input.workbench.is_uncertainty_stale() {
        status_line(ui, Icon::Warning, t("The GTV has changed since this run; run the network again"));
    }
    ui.label(RichText::new(t("To look at first")).color(theme::TEXT_SECONDARY));
    ui.horizontal_wrapped(|ui| {
        for confidence in input.workbench.review_order() {
            let label = confidence.station.label();
            let button = ui.button(label).on_hover_text(tf!(
                "Go to the least sure place of {label}; DSC expected from the network's probabilities {dsc:.2}",
                label,
                dsc = confidence.expected_dsc
            ));
            let button = button.accessible_name(tf!("Go to the least sure place of {label}", label));
            if button.clicked() {
                input.sender.send(Command::Overlay(OverlayCommand::GoToLeastSure(confidence.station)));
            }
        }
    });
}

fn range_ui(ui: &mut Ui, input: &PanelInput<'_>, overlay: &Overlay) {
    let [mut low, mut high] = overlay.style.range;
    let suv = overlay.loaded.as_ref().is_some_and(|l| l.volume.quantity == Quantity::Suv);
    let speed = ((high - low) / 200.0).max(1e-3);
    ui.horizontal(|ui| {
        ui.label(RichText::new(if suv { t("SUV from") } else { t("From") }).color(theme::TEXT_SECONDARY));
        let first = ui.add(DragValue::new(&mut low).speed(speed).max_decimals(2).range(f64::MIN..=high - 1e-3));
        let first = first.accessible_name(t("Lowest value shown"));
        ui.label(RichText::new(t("to")).color(theme::TEXT_SECONDARY));
        let second = ui.add(DragValue::new(&mut high).speed(speed).max_decimals(2).range(low + 1e-3..=f64::MAX));
        let second = second.accessible_name(t("Value of the last colour"));
        if first.changed() || second.changed() {
            input.sender.send(Command::Overlay(OverlayCommand::SetRange([low, high])));
        }
    });
}

fn dose_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut OverlayState, overlay: &Overlay) {
    let sender = input.sender;
    let style = &overlay.style;
    let is_gray = overlay.loaded.as_ref().is_some_and(|l| l.volume.quantity == Quantity::Dose);
    ui.horizontal(|ui| {
        for (label, on, action, make) in [
            (t("Lines"), style.lines, Action::ToggleIsodoses, OverlayCommand::SetLines as fn(bool) -> OverlayCommand),
            (t("Labels"), style.labels, Action::ToggleIsodoseLabels, OverlayCommand::SetLabels),
        ] {
            let mut value = on;
            let response = ui.checkbox(&mut value, label).on_hover_text(action_tooltip(input.workbench, action));
            if response.changed() {
                sender.send(Command::Overlay(make(value)));
            }
        }
        if is_gray {
            let units = [(DoseUnit::Gray, "Gy"), (DoseUnit::Percent, "%")];
            let tooltip = action_tooltip(input.workbench, Action::ToggleDoseUnit);
            if let Some(unit) = segmented(ui, &tooltip, &units, overlay.dose_unit()) {
                state.typed = None;
                sender.send(Command::Overlay(OverlayCommand::SetUnit(unit)));
            }
        }
    });
    if let Some(reference) = overlay.reference() {
        ui.horizontal(|ui| {
            ui.label(RichText::new(t("100 % is")).color(theme::TEXT_SECONDARY));
            let mut gy = reference.gy;
            let suffix = if is_gray { " Gy" } else { "" };
            let drag = DragValue::new(&mut gy).speed(0.1).max_decimals(2).range(0.01..=1000.0).suffix(suffix);
            let response = ui.add_enabled(is_gray, drag);
            if response.changed() {
                state.typed = None;
                sender.send(Command::Overlay(OverlayCommand::SetReference(gy)));
            }
            response
                .accessible_name(t("Dose that counts as 100 %"))
                .on_hover_text(t("Type or drag; from the plan where it is there"));
        });
        faint(ui, &words(input.workbench, &sentence(&reference.origin)));
    }
    levels_ui(ui, input, state, overlay);
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// The levels as a list to edit, and each with its colour.
fn levels_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut OverlayState, overlay: &Overlay) {
    let levels = overlay.levels();
    let percent = overlay.dose_unit() == DoseUnit::Percent;
    let shown = |l: &crate::workbench::IsodoseLevel| number(if percent { l.percent } else { l.value });
    let mut text = state.typed.clone().unwrap_or_else(|| levels.iter().map(shown).collect::<Vec<_>>().join(", "));
    let name = if percent { t("Isodose levels, %") } else { t("Isodose levels, Gy") };
    let label = ui.label(RichText::new(name).color(theme::TEXT_SECONDARY));
    let response = ui.add(TextEdit::singleline(&mut text).desired_width(f32::INFINITY)).labelled_by(label.id);
    if response.changed() {
        state.typed = Some(text.clone());
        state.problem = None;
    }
    if response.lost_focus() && ui.input(|i| i.key_pressed(Key::Escape)) {
        state.typed = None;
    } else if response.lost_focus() && state.typed.is_some() {
        let reference = overlay.reference().map_or(1.0, |r| r.gy);
        match parse_levels(&text) {
            Ok(values) => {
                let in_percent = |v: f64| if percent { v } else { v / reference * 100.0 };
                let levels = values.into_iter().map(in_percent).collect();
                input.sender.send(Command::Overlay(OverlayCommand::SetLevels(levels)));
                state.typed = None;
            }
            Err(problem) => state.problem = Some(problem),
        }
    }
    if let Some(problem) = &state.problem {
        status_line(ui, Icon::Warning, problem);
    }
    ui.scope(|ui| level_list_ui(ui, overlay));
}

/// Every level with its colour, the highest first.
fn level_list_ui(ui: &mut Ui, overlay: &Overlay) {
    ui.spacing_mut().interact_size.y = 14.0;
    ui.spacing_mut().item_spacing.y = 2.0;
    for level in overlay.levels().iter().rev() {
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(18.0, 12.0), Sense::hover());
            ui.painter().rect_filled(rect.shrink2(vec2(0.0, 4.0)), 1.0, theme::from_srgb(level.color));
            let gray = overlay.loaded.as_ref().is_some_and(|l| l.volume.quantity == Quantity::Dose);
            let gray = if gray { format!("  {:.2} Gy", level.value) } else { String::new() };
            let words = format!("{} %{gray}", number(level.percent));
            ui.label(RichText::new(words).color(theme::TEXT_SECONDARY).size(theme::SIZE_SMALL + 1.0));
        });
    }
}

/// Numbers with commas, semicolons or spaces between them.
fn parse_levels(text: &str) -> Result<Vec<f64>, String> {
    let parts = text.split([',', ';', ' ']).map(|p| p.trim().trim_end_matches('%')).filter(|p| !p.is_empty());
    parts
        .map(|p| p.parse::<f64>().map_err(|_| tf!("\"{p}\" is no number: write levels such as 50, 95, 100", p)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_as_people_write_them() {
        assert_eq!(parse_levels("20, 50,95;100 %  107.5"), Ok(vec![20.0, 50.0, 95.0, 100.0, 107.5]));
        assert!(parse_levels("20, x").expect_err("no number").contains("\"x\" is no number"));
        assert_eq!(parse_levels(""), Ok(Vec::new()));
    }
}
