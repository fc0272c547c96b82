//! The structure list: what is there, what it means, how it is shown, and how large it is.

use super::derived_view::state_mark_ui;
use super::icons::{Icon, icon_label, swatch};
use super::panel::PanelInput;
use super::privacy::identifier;
use super::request::{Opening, WindowRequest};
use super::structure_details::{description, details_ui};
use super::theme;
use super::widgets::{action_icon, cm3, faint, icon_button_sized, role_words, status_line};
use crate::import::{SetFormat, SetSource};
use crate::structures::{Roi, RoiId, Role};
use crate::tf;
use crate::words::{keep, t};
use crate::workbench::jobs::JobKey;
use crate::workbench::{Action, Command, ContourStyle, ForeignSet, ViewCommand, Workbench};
use eframe::egui::{
    self, Align, Color32, CornerRadius, Frame, Key, Label, Layout, Margin, Popup, Response, RichText, ScrollArea,
    Sense, TextEdit, Ui, WidgetInfo, color_picker, vec2,
};

/// What the list keeps between frames.
#[derive(Debug, Default)]
pub struct StructuresState {
    filter: String,
    renaming: Option<(RoiId, String)>,
    /// A colour being chosen; it becomes one step of undo when the picker closes.
    recoloring: Option<(RoiId, [u8; 3])>,
    /// The selection that the list last scrolled to.
    shown: Option<RoiId>,
}

const GROUPS: [(&str, fn(Role) -> bool); 4] = [
    (keep("Targets"), |role| matches!(role, Role::Gtvp | Role::Gtvn | Role::Ctv)),
    (keep("Lymph node stations"), Role::is_station),
    (keep("Organs"), |role| role == Role::Organ),
    (keep("Other"), |role| role == Role::Other),
];

/// Shows the list.
pub fn structures_panel_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut StructuresState) {
    let PanelInput { workbench, sender, .. } = *input;
    ui.horizontal(|ui| {
        ui.label(RichText::new(t("Structures")).font(theme::strong(theme::SIZE_HEADING)));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            action_icon(ui, workbench, sender, Action::NewStructure, Icon::Plus, false);
            action_icon(ui, workbench, sender, Action::HideAll, Icon::EyeOff, false);
            action_icon(ui, workbench, sender, Action::ShowAll, Icon::Eye, false);
        });
    });
    let filter =
        TextEdit::singleline(&mut state.filter).hint_text(t("Filter by name or role")).desired_width(f32::INFINITY);
    ui.add(filter).accessible_name(t("Filter structures"));
    ui.add_space(theme::SPACE_1);
    let Some(case) = workbench.shown_case() else {
        faint(ui, t("The structures appear when the scan has been read"));
        return;
    };
    let wanted = state.filter.trim().to_lowercase();
    let fits = |roi: &Roi| {
        wanted.is_empty()
            || roi.name.to_lowercase().contains(&wanted)
            || roi.role.label().to_lowercase().contains(&wanted)
            || role_words(roi.role).to_lowercase().contains(&wanted)
    };
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        let mut any = false;
        for (title, of_group) in GROUPS {
            let rois: Vec<&Roi> = case.structures().rois.iter().filter(|r| of_group(r.role) && fits(r)).collect();
            if rois.is_empty() {
                continue;
            }
            any = true;
            group_header(ui, input, t(title), &rois);
            for roi in rois {
                row_ui(ui, input, state, roi);
            }
            ui.add_space(theme::SPACE_2);
        }
        if !any {
            let words = if wanted.is_empty() {
                let key = input.workbench.keymap().key(Action::NewStructure);
                let key = key.map_or_else(|| Action::NewStructure.label().to_owned(), |k| k.to_string());
                tf!("No structures yet. Add one with {key}, or contour the stations with DiUnet", key)
            } else {
                t("No structure fits the filter").to_owned()
            };
            faint(ui, &words);
        }
        other_sets_ui(ui, input);
        foreign_sets_ui(ui, input);
    });
}

fn group_header(ui: &mut Ui, input: &PanelInput<'_>, title: &str, rois: &[&Roi]) {
    let any_visible = rois.iter().any(|r| input.workbench.view.is_visible(r.id));
    ui.horizontal(|ui| {
        ui.label(RichText::new(title).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL + 1.0));
        ui.label(RichText::new(rois.len().to_string()).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let (icon, verb) = if any_visible { (Icon::Eye, t("Hide")) } else { (Icon::EyeOff, t("Show")) };
            let name = tf!("{verb} all of {group}", verb, group = title.to_lowercase());
            if icon_button_sized(ui, icon, &name, false, 22.0).on_hover_text(&name).clicked() {
                for roi in rois {
                    input.sender.send(Command::SetVisible { roi: roi.id, visible: !any_visible });
                }
            }
        });
    });
}

fn row_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut StructuresState, roi: &Roi) {
    let PanelInput { workbench, sender, volumes } = *input;
    let id = roi.id;
    let selected = workbench.view.selected == Some(id);
    let fill = if selected { theme::ACCENT_FILL } else { Color32::TRANSPARENT };
    let frame =
        Frame::new().fill(fill).corner_radius(CornerRadius::same(theme::CORNER)).inner_margin(Margin::symmetric(4, 1));
    let inner = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing = vec2(2.0, 2.0);
        ui.horizontal(|ui| {
            swatch_ui(ui, input, state, roi);
            let visible = workbench.view.is_visible(id);
            let (icon, verb) = if visible { (Icon::Eye, t("Hide")) } else { (Icon::EyeOff, t("Show")) };
            let name = format!("{verb} {}", roi.name);
            if icon_button_sized(ui, icon, &name, false, 22.0).on_hover_text(&name).clicked() {
                sender.send(Command::SetVisible { roi: id, visible: !visible });
            }
            let locked = workbench.policy.locked.contains(&id);
            if locked || selected {
                let (icon, verb) = if locked { (Icon::Lock, t("Unlock")) } else { (Icon::Unlock, t("Lock")) };
                let name = format!("{verb} {}", roi.name);
                if icon_button_sized(ui, icon, &name, locked, 22.0).on_hover_text(&name).clicked() {
                    sender.send(Command::SetLocked { roi: id, locked: !locked });
                }
            }
            let roomy = ui.available_width() > 170.0;
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.spacing_mut().item_spacing.x = 6.0;
                ui.label(
                    RichText::new(cm3(volumes.cm3(id))).color(theme::TEXT_SECONDARY).size(theme::SIZE_SMALL + 1.0),
                );
                // A narrow list keeps its room for the name; the role stands below the selected one.
                if roi.role != Role::Other && roi.role != Role::Organ && roomy {
                    let label = short_role(roi.role);
                    ui.label(RichText::new(label).color(theme::TEXT_FAINT).size(theme::SIZE_SMALL))
                        .on_hover_text(role_words(roi.role));
                }
                state_mark_ui(ui, input, roi);
                if workbench.is_role_uncertain(roi) {
                    icon_label(ui, Icon::Warning, theme::WARNING).on_hover_text(t(
                        "This role was guessed from the name. Select the structure to confirm or change it",
                    ));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| name_ui(ui, input, state, roi, visible));
            });
        });
        if selected {
            details_ui(ui, input, roi);
        }
    });
    if selected && state.shown != Some(id) {
        inner.response.scroll_to_me(None);
        state.shown = Some(id);
    }
}

fn short_role(role: Role) -> String {
    match role {
        Role::Station(station) => station.to_string(),
        other => role_words(other),
    }
}

/// The name: a click selects, a double click renames.
fn name_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut StructuresState, roi: &Roi, visible: bool) {
    if let Some((_, text)) = state.renaming.as_mut().filter(|(id, _)| *id == roi.id) {
        let response = ui.add(TextEdit::singleline(text).desired_width(f32::INFINITY)).accessible_name(t("New name"));
        if response.lost_focus() {
            let cancelled = ui.input(|i| i.key_pressed(Key::Escape));
            if let Some((roi, name)) = state.renaming.take().filter(|_| !cancelled) {
                input.sender.send(Command::Rename { roi, name });
            }
        } else if !response.has_focus() {
            response.request_focus();
        }
        return;
    }
    let selected = input.workbench.view.selected == Some(roi.id);
    let color = if visible { theme::TEXT } else { theme::TEXT_FAINT };
    let text = RichText::new(&roi.name).color(color);
    let response = ui.add(Label::new(text).truncate().selectable(false).sense(Sense::click())).on_hover_ui(|ui| {
        ui.label(description(input, roi));
    });
    let name = tf!("Select {name}", name = roi.name);
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, selected, &name));
    // The rest of the row up to the volume selects as well.
    let rest = ui.available_rect_before_wrap();
    let rest = ui.interact(rest, ui.scope_id().with(("rest of row", roi.id)), Sense::click());
    rest.widget_info(|| WidgetInfo::labeled(egui::Role::GenericContainer, true, ""));
    if response.double_clicked() {
        state.renaming = Some((roi.id, roi.name.clone()));
    } else if response.clicked() || rest.clicked() {
        input.sender.send(Command::SelectRoi(Some(roi.id)));
    }
    let menu = |ui: &mut Ui| menu_ui(ui, input, state, roi);
    response.union(rest).context_menu(menu);
}

fn menu_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut StructuresState, roi: &Roi) {
    if ui.button(t("Go to")).clicked() {
        input.sender.send(Command::SelectRoi(Some(roi.id)));
        input.sender.send(Command::GoToRoi(roi.id));
        ui.close();
    }
    if ui.button(t("Rename")).clicked() {
        state.renaming = Some((roi.id, roi.name.clone()));
        ui.close();
    }
    let PanelInput { workbench, sender, .. } = *input;
    let alone = workbench.view.isolating && workbench.view.selected == Some(roi.id);
    if ui.button(if alone { t("Show all again") } else { t("Isolate") }).clicked() {
        sender.send(Command::SelectRoi(Some(roi.id)));
        sender.send(Command::View(ViewCommand::SetIsolating(!alone)));
        ui.close();
    }
    let locked = workbench.policy.locked.contains(&roi.id);
    if ui.button(if locked { t("Unlock") } else { t("Lock") }).clicked() {
        sender.send(Command::SetLocked { roi: roi.id, locked: !locked });
        ui.close();
    }
    ui.menu_button(t("Role"), |ui| {
        ScrollArea::vertical().max_height(420.0).show(ui, |ui| {
            for role in Role::all() {
                if ui.selectable_label(role == roi.role, role_words(role)).clicked() {
                    sender.send(Command::SetRole { roi: roi.id, role });
                    ui.close();
                }
            }
        });
    });
    ui.menu_button(t("Draw"), |ui| {
        let style = workbench.view.style(roi.id);
        for (option, label) in ContourStyle::ALL {
            if ui.selectable_label(style == option, t(label)).clicked() {
                sender.send(Command::View(ViewCommand::SetRoiStyle { roi: roi.id, style: Some(option) }));
                ui.close();
            }
        }
    });
    ui.separator();
    if ui.button(t("Delete")).clicked() {
        input.sender.send(Command::DeleteRoi(roi.id));
        ui.close();
    }
}

/// The swatch with its picker.
fn swatch_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut StructuresState, roi: &Roi) {
    let pending = state.recoloring.filter(|(id, _)| *id == roi.id).map(|(_, c)| c);
    let drawn = swatch(ui, pending.unwrap_or(roi.color), 18.0);
    let name = tf!("Colour of {name}", name = roi.name);
    let button: Response = drawn.interact(Sense::click()).on_hover_text(&name);
    button.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &name));
    let popup = Popup::from_toggle_button_response(&button)
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            ui.spacing_mut().slider_width = 220.0;
            let mut color = theme::from_srgb(pending.unwrap_or(roi.color));
            let changed = ui.name_inputs(tf!("{name} value", name), |ui| {
                color_picker::color_picker_color32(ui, &mut color, color_picker::Alpha::Opaque)
            });
            if changed {
                state.recoloring = Some((roi.id, [color.r(), color.g(), color.b()]));
            }
        });
    if popup.is_none()
        && let Some(color) = pending
    {
        input.sender.send(Command::SetColor { roi: roi.id, color });
        state.recoloring = None;
    }
}

/// What a set of structures is called, or its number.
fn set_title(workbench: &Workbench, set: &SetSource, index: usize) -> String {
    let kind = set.format().words();
    let title = if set.label().is_empty() { tf!("{kind} without a label", kind) } else { set.label().to_owned() };
    identifier(workbench, &title, &format!("{kind} {}", index + 1)).to_owned()
}

/// How many structures it holds, and its format where that is not the usual one.
fn set_extent(set: &SetSource) -> String {
    let count = match set.roi_names().len() {
        1 => t("1 structure").to_owned(),
        n => tf!("{n} structures", n),
    };
    match set.format() {
        SetFormat::StructureSet => count,
        other => format!("{count}, {}", other.words()),
    }
}

/// Sets of structures found beside the open one.
fn other_sets_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let workbench = input.workbench;
    let sets: Vec<_> = workbench.other_structure_sets().collect();
    if sets.is_empty() {
        return;
    }
    ui.add_space(theme::SPACE_2);
    status_line(ui, Icon::Layers, t("More structures of this scan"));
    let running = workbench.is_running(JobKey::AddStructureSet);
    for (index, set) in sets {
        let title = set_title(workbench, set, index);
        ui.horizontal(|ui| {
            let name = tf!("Add {title}", title);
            let add = ui.add_enabled(!running, egui::Button::new(t("Add"))).accessible_name(&name);
            let add = add.on_disabled_hover_text(t("Structures are being read"));
            if add.on_hover_text(t("Add its structures to this case")).clicked() {
                input.sender.send(Command::AddStructureSet(index));
            }
            let date = identifier(workbench, set.date(), "");
            let comma = if date.is_empty() { "" } else { ", " };
            let text = format!("{title}, {}{comma}{date}", set_extent(set));
            ui.add(Label::new(RichText::new(text).color(theme::TEXT_SECONDARY)).truncate())
                .on_hover_text(set.roi_names().join(", "));
        });
    }
}

/// Structure sets that cannot be laid over this scan, with the series that they belong to.
fn foreign_sets_ui(ui: &mut Ui, input: &PanelInput<'_>) {
    let workbench = input.workbench;
    let list = workbench.series();
    if list.foreign_sets.is_empty() {
        return;
    }
    ui.add_space(theme::SPACE_2);
    status_line(ui, Icon::Layers, t("Structures of another scan"));
    let mut reasons: Vec<&str> = list.foreign_sets.iter().map(ForeignSet::reason).collect();
    reasons.dedup();
    for reason in reasons {
        faint(ui, reason);
    }
    for (index, set) in list.foreign_sets.iter().enumerate() {
        let title = set_title(workbench, &set.set, index);
        ui.horizontal(|ui| {
            if let Some((key, number)) = &set.series {
                let button = ui.button(tf!("Series {number}", number));
                let button = button.accessible_name(tf!("Open series {number} with {title}", number, title));
                if button.on_hover_text(t("Open the series on which it was drawn")).clicked() {
                    input.sender.send(WindowRequest::Open(Opening::Series(key.clone())));
                }
            }
            let text = format!("{title}, {}", set_extent(&set.set));
            let text = if set.series.is_some() { text } else { tf!("{text}; its scan is not in this folder", text) };
            ui.add(Label::new(RichText::new(&text).color(theme::TEXT_SECONDARY)).truncate()).on_hover_text(format!(
                "{text}\n{}\n{}",
                set.reason(),
                set.set.roi_names().join(", ")
            ));
        });
    }
}
