//! The list of landmarks: where each lies and what it rests on, and what the rules draw from them.

use super::icons::Icon;
use super::landmark_view::{description, handle, short_name, source_word};
use super::panel::PanelInput;
use super::theme;
use super::viewport::signed;
use super::widgets::{action_tooltip, faint, icon_button_sized, icon_text_button, status_line};
use crate::anatomy::{Landmark, LandmarkId, RuleMap, RuleSet};
use crate::structures::Station;
use crate::tf;
use crate::words::{t, told};
use crate::workbench::{Action, AnatomyCommand, Command, PreferenceCommand, READING};
use eframe::egui::{Align, Button, CollapsingHeader, Label, Layout, RichText, Sense, Ui, vec2};

/// Shows the panel.
pub fn landmarks_panel_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let PanelInput { workbench, sender, .. } = *input;
    if workbench.loading().is_some() {
        faint(ui, t(READING));
        return;
    }
    let anatomy = workbench.anatomy();
    if !anatomy.is_known() {
        faint(ui, t("Landmarks are the heights and points on which the limits of the stations rest"));
        find_button(ui, input);
        return;
    }
    let send = |command| sender.send(Command::Anatomy(command));
    ui.horizontal_wrapped(|ui| {
        let mut shown = anatomy.shown;
        let response = ui.checkbox(&mut shown, t("In the views"));
        if response.on_hover_text(action_tooltip(workbench, Action::ToggleLandmarks)).changed() {
            send(AnatomyCommand::Show(shown));
        }
        let mut outlines = anatomy.outlines_shown;
        ui.add_enabled_ui(anatomy.shown, |ui| {
            let response = ui.checkbox(&mut outlines, t("Stations of the rules"));
            let words = t("Show, dashed, what the rules draw from these landmarks; it is not part of the case");
            if response.on_hover_text(words).changed() {
                send(AnatomyCommand::ShowOutlines(outlines));
            }
        });
    });
    rules_ui(ui, input);
    for (id, landmark) in anatomy.landmarks().iter() {
        row_ui(ui, input, id, landmark);
    }
    ui.horizontal_wrapped(|ui| {
        action_button(ui, input, Action::RuleStations, Icon::Layers);
        let reset = ui.add_enabled(anatomy.has_placed(), Button::new(t("Reset all")).min_size(vec2(0.0, theme::ROW)));
        if reset.on_hover_text(t("Every landmark back to where it was found or estimated")).clicked() {
            send(AnatomyCommand::Reset(None));
        }
    });
    if let Some(why) = workbench.rules_refusal() {
        status_line(ui, Icon::Warning, why);
    }
    if let Some(map) = workbench.rule_map() {
        out_of_order_ui(ui, map);
    }
}

/// The rules by which stations are drawn and checked, and the readings of their borders.
fn rules_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let rules = input.workbench.anatomy().rule_set();
    let send = |command| input.sender.send(Command::Preference(command));
    let as_it_comes = RuleSet::by_key(&rules.key).ok();
    let name = as_it_comes.as_ref().map_or(&rules.name, |rules| &rules.name);
    let title = match &as_it_comes {
        Some(unchanged) if unchanged != rules => tf!("Rules: {name}, changed", name = told(name)),
        _ => tf!("Rules: {name}", name = told(name)),
    };
    CollapsingHeader::new(title).id_salt("rules of the stations").show(ui, |ui| {
        for choice in RuleSet::all() {
            let words = tf!("{name}, version {version}", name = told(&choice.name), version = choice.version);
            if ui.radio(choice.key == rules.key, words).clicked() && choice.key != rules.key {
                send(PreferenceCommand::SetRuleSet(choice.key.clone()));
            }
        }
        for (switch, words, on) in rules.switches() {
            let mut turned = on;
            if ui.checkbox(&mut turned, told(words)).changed() {
                send(PreferenceCommand::SetRuleSwitch { switch: switch.to_owned(), on: turned });
            }
        }
    });
}

/// The button that finds them, or what it waits for.
pub fn find_button(ui: &mut Ui, input: &PanelInput<'_>) {
    action_button(ui, input, Action::FindLandmarks, Icon::Crosshair);
}

/// A button for an action with its label, tooltip and the reason why it cannot run.
pub fn action_button(ui: &mut Ui, input: &PanelInput<'_>, action: Action, icon: Icon) {
    let enabled = input.workbench.refusal(action).is_none();
    let tooltip = action_tooltip(input.workbench, action);
    let button = ui.add_enabled_ui(enabled, |ui| icon_text_button(ui, icon, action.info().label, false)).inner;
    if button.on_hover_text(&tooltip).on_disabled_hover_text(tooltip).clicked() {
        input.sender.send(action);
    }
}

fn row_ui(ui: &mut Ui, input: &PanelInput<'_>, id: LandmarkId, landmark: &Landmark) {
    let send = |command| input.sender.send(Command::Anatomy(command));
    let name = short_name(id);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE_1;
        let (rect, _) = ui.allocate_exact_size(vec2(12.0, 14.0), Sense::hover());
        handle(ui.painter(), rect.center(), landmark.source, 3.5, theme::LANDMARK);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if input.workbench.anatomy().is_placed(id) {
                let words = tf!("Put {name} back to where it was found or estimated", name);
                if icon_button_sized(ui, Icon::Undo, &words, false, 20.0).on_hover_text(&words).clicked() {
                    send(AnatomyCommand::Reset(Some(id)));
                }
            } else {
                ui.add_space(20.0 + theme::SPACE_1);
            }
            let words = tf!("Place {name} at the crosshair", name);
            if icon_button_sized(ui, Icon::Crosshair, &words, false, 20.0).on_hover_text(&words).clicked() {
                send(AnatomyCommand::Place(id));
            }
            cell(ui, 56.0, Align::Min, source_word(landmark.source));
            cell(ui, 82.0, Align::Max, &format!("z {} mm", signed(landmark.position.z, 1)));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let button = Button::new(RichText::new(name).color(theme::TEXT)).frame(false).truncate();
                let response = ui.add(button).accessible_name(tf!("Go to {name}", name));
                if response.on_hover_text(description(id, landmark)).clicked() {
                    send(AnatomyCommand::GoTo(id));
                }
            });
        });
    });
}

/// A column of the list.
fn cell(ui: &mut Ui, width: f32, align: Align, words: &str) {
    let layout =
        if align == Align::Min { Layout::left_to_right(Align::Center) } else { Layout::right_to_left(Align::Center) };
    ui.allocate_ui_with_layout(vec2(width, theme::ROW), layout, |ui| {
        ui.set_min_width(width);
        let text = RichText::new(words).color(theme::TEXT_SECONDARY).size(theme::SIZE_SMALL + 1.0);
        ui.add(Label::new(text).truncate());
    });
}

/// Stations whose limits leave nothing between them.
fn out_of_order_ui(ui: &mut Ui, map: &RuleMap) {
    for station in Station::all() {
        let band = &map.stations.bands[station.index()];
        if band.superior_mm <= band.inferior_mm {
            let row = map.stations.rules.station(station);
            let words = tf!(
                "{station} is not drawn: its upper limit, {upper}, lies below its lower limit, {lower}",
                station = station.label(),
                upper = told(&row.superior.text),
                lower = told(&row.inferior.text)
            );
            status_line(ui, Icon::Warning, &words);
        }
    }
}
