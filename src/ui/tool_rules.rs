//! The window with the rules that hold for all tools: what may be added where, and what is locked. It stays open while
//! one draws.

use super::icons::{Icon, icon_button};
use super::panel::PanelInput;
use super::privacy;
use super::theme;
use super::widgets::{action_tooltip, faint, segmented};
use crate::structures::{Roi, RoiId};
use crate::tf;
use crate::words::{t, told};
use crate::workbench::{Action, Command, EditRules, HuBand, Limit, StationRule, Workbench};
use eframe::egui::{self, Button, ComboBox, DragValue, RichText, ScrollArea, Ui};

/// The window.
pub fn window(context: &egui::Context, input: &PanelInput<'_>, open: &mut bool) {
    let window = egui::Window::new(t("Rules of the tools"))
        .id(egui::Id::unique("tool rules"))
        .open(open)
        .collapsible(false)
        .resizable(false);
    // Beside the axial view, so that one can draw while it is open.
    let corner = context.content_rect().right_top() + egui::vec2(-theme::SPACE_2, 96.0);
    window.pivot(egui::Align2::RIGHT_TOP).default_pos(corner).show(context, |ui| {
        ui.set_width(320.0);
        band_ui(ui, input);
        ui.separator();
        limit_ui(ui, input);
        ui.separator();
        stations_ui(ui, input);
        ui.separator();
        locks_ui(ui, input);
    });
}

/// The rules in force, in a few words; `None` where there are none.
pub fn summary(workbench: &Workbench) -> Option<String> {
    let EditRules { band, limit, stations } = workbench.policy.rules;
    let name = |id: RoiId| {
        let roi = workbench.case().and_then(|case| case.structures().get(id));
        roi.map_or_else(|| t("a structure that is gone").to_owned(), |roi| privacy::words(workbench, &roi.name))
    };
    let mut parts = Vec::new();
    if band.on {
        let [low, high] = [band.low_hu, band.high_hu].map(minus);
        parts.push(if band.inverted {
            tf!("not {low} to {high} HU", low, high)
        } else {
            tf!("{low} to {high} HU", low, high)
        });
    }
    match limit {
        Limit::Anywhere => {}
        Limit::Inside(id) => parts.push(tf!("inside {name}", name = name(id))),
        Limit::Outside(id) => parts.push(tf!("outside {name}", name = name(id))),
    }
    match stations {
        StationRule::Overlap => {}
        StationRule::Spare => parts.push(t("stations spared").to_owned()),
        StationRule::Take => parts.push(t("stations give way").to_owned()),
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn minus(hu: i16) -> String {
    hu.to_string().replace('-', "\u{2212}")
}

fn heading(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).font(theme::strong(theme::SIZE_BODY)).color(theme::TEXT));
}

fn set(input: &PanelInput<'_>, change: impl FnOnce(&mut EditRules)) {
    let mut rules = input.workbench.policy.rules;
    change(&mut rules);
    input.sender.send(Command::SetRules(rules));
}

fn band_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let band = input.workbench.policy.rules.band;
    heading(ui, t("Range of CT numbers"));
    let tooltip = action_tooltip(input.workbench, Action::ToggleBand);
    let options = [((false, false), t("All")), ((true, false), t("Within only")), ((true, true), t("Outside only"))];
    let state = (band.on, band.on && band.inverted);
    if let Some((on, inverted)) = segmented(ui, &tooltip, &options, state) {
        set(input, |rules| rules.band = HuBand { on, inverted, ..band });
    }
    ui.horizontal(|ui| {
        ui.label(RichText::new(t("From")).color(theme::TEXT_SECONDARY));
        let [mut low, mut high] = [band.low_hu, band.high_hu];
        let [least, most] = HuBand::LIMITS_HU;
        let drag = DragValue::new(&mut low).speed(2.0).suffix(" HU").range(least..=high);
        let response = ui.add(drag).on_hover_text(t("Type or drag"));
        let mut changed = response.changed();
        response.accessible_name(t("Lowest CT number, HU"));
        ui.label(RichText::new(t("to")).color(theme::TEXT_SECONDARY));
        let drag = DragValue::new(&mut high).speed(2.0).suffix(" HU").range(low..=most);
        let response = ui.add(drag).on_hover_text(t("Type or drag"));
        changed |= response.changed();
        response.accessible_name(t("Highest CT number, HU"));
        if changed {
            set(input, |rules| rules.band = HuBand { low_hu: low, high_hu: high, ..band });
        }
    });
    ui.horizontal_wrapped(|ui| {
        for (name, [low_hu, high_hu]) in HuBand::PRESETS {
            let chosen = band.on && [band.low_hu, band.high_hu] == [low_hu, high_hu];
            let tooltip = tf!("{low} to {high} HU", low = minus(low_hu), high = minus(high_hu));
            if ui.add(Button::selectable(chosen, told(name))).on_hover_text(tooltip).clicked() {
                set(input, |rules| rules.band = HuBand { on: true, low_hu, high_hu, ..band });
            }
        }
    });
}

fn limit_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let workbench = input.workbench;
    let limit = workbench.policy.rules.limit;
    heading(ui, t("Where structures may grow"));
    let rois = workbench.case().map(|case| case.structures().rois.as_slice()).unwrap_or_default();
    // A structure to begin with: the one chosen before, else the first one that is not worked on.
    let usual = limit.roi().or_else(|| rois.iter().map(|r| r.id).find(|id| Some(*id) != workbench.view.selected));
    let Some(usual) = usual else {
        faint(ui, t("The case has no structure that could limit another one."));
        return;
    };
    ui.horizontal(|ui| {
        let options = [
            (Limit::Anywhere, t("Anywhere")),
            (Limit::Inside(usual), t("Only inside")),
            (Limit::Outside(usual), t("Only outside")),
        ];
        if let Some(limit) = segmented(ui, t("What is erased is not limited"), &options, limit) {
            set(input, |rules| rules.limit = limit);
        }
    });
    if limit == Limit::Anywhere {
        return;
    }
    let name = |roi: &Roi| privacy::words(workbench, &roi.name);
    let now = rois.iter().find(|roi| roi.id == usual).map_or_else(|| t("No longer there").to_owned(), name);
    let combo = ComboBox::from_id_salt("structure that limits").width(220.0).height(400.0).selected_text(now);
    let combo = combo.show_ui(ui, |ui| {
        for roi in rois {
            if ui.selectable_label(roi.id == usual, name(roi)).clicked() {
                let next = if let Limit::Inside(_) = limit { Limit::Inside(roi.id) } else { Limit::Outside(roi.id) };
                set(input, |rules| rules.limit = next);
            }
        }
    });
    combo.response.accessible_name(t("Structure that limits")).on_hover_text(t("The structure that limits all others"));
}

fn stations_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    heading(ui, t("Stations"));
    let options =
        [(StationRule::Overlap, t("May overlap")), (StationRule::Spare, t("Spare")), (StationRule::Take, t("Take"))];
    let now = input.workbench.policy.rules.stations;
    let tooltip = t("Stations higher in the list of structures come first; a locked one always does");
    if let Some(stations) = segmented(ui, tooltip, &options, now) {
        set(input, |rules| rules.stations = stations);
    }
    faint(
        ui,
        match now {
            StationRule::Overlap => t("A station may grow over another one."),
            StationRule::Spare => t("Nothing is added where a station higher in the list is."),
            StationRule::Take => t("As Spare, and what is added is taken from the stations lower in the list."),
        },
    );
}

fn locks_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let workbench = input.workbench;
    heading(ui, t("Locks"));
    let Some(case) = workbench.case() else { return };
    let lock = |roi: RoiId, locked: bool| input.sender.send(Command::SetLocked { roi, locked });
    let is_locked = |roi: &&Roi| workbench.policy.locked.contains(&roi.id);
    let rois = &case.structures().rois;
    ui.horizontal(|ui| {
        if ui.button(t("Lock all others")).on_hover_text(t("Lock every structure but the selected one")).clicked() {
            rois.iter().filter(|r| Some(r.id) != workbench.view.selected).for_each(|r| lock(r.id, true));
        }
        if ui.button(t("Unlock all")).on_hover_text(t("Every structure can be changed again")).clicked() {
            rois.iter().filter(is_locked).for_each(|r| lock(r.id, false));
        }
    });
    let locked: Vec<&Roi> = rois.iter().filter(is_locked).collect();
    if locked.is_empty() {
        faint(ui, t("No structure is locked. The lock in the list of structures locks one."));
    }
    ScrollArea::vertical().max_height(120.0).show(ui, |ui| {
        for roi in locked {
            ui.horizontal(|ui| {
                let name = privacy::words(workbench, &roi.name);
                if icon_button(ui, Icon::Lock, &tf!("Remove the lock of {name}", name), false).clicked() {
                    lock(roi.id, false);
                }
                ui.label(name);
            });
        }
    });
}
