//! Shortcuts of the action table, and the window that lists them.

use super::request::CommandSender;
use super::theme;
use super::widgets::chip;
use crate::workbench::{Action, Command, Menu, Shortcut, ViewCommand, Workbench};
use eframe::egui::{self, Event, Key, Modifiers, RichText};
use strum::IntoEnumIterator;

/// Takes the key presses that are shortcuts out of the input and sends their actions. A shortcut that
/// cannot run now is left alone, and so is everything while a text field has the focus.
pub fn consume(context: &egui::Context, workbench: &Workbench, sender: &CommandSender) {
    if context.text_edit_focused() {
        return;
    }
    context.input_mut(|input| {
        input.events.retain(|event| {
            let Event::Key { key, physical_key, pressed: true, repeat, modifiers } = event else { return true };
            // Signs and digits lie elsewhere on other keyboards; there the place of the key counts.
            let place =
                physical_key.filter(|k| matches!(k, Key::Comma | Key::Period) || k.name().parse::<u8>().is_ok());
            let action = action_of(*key, *modifiers).or_else(|| action_of(place?, *modifiers));
            let Some(action) = action else { return true };
            if workbench.refusal(action).is_some() || (*repeat && !repeats(action)) {
                return true;
            }
            sender.send(action);
            false
        });
    });
}

/// Hides all contours as long as H alone is held; another window or a text field lets go of it.
pub fn hold(context: &egui::Context, workbench: &Workbench, sender: &CommandSender) {
    let held = context.input(|i| i.focused && i.key_down(Key::H) && i.modifiers.is_none());
    let held = held && !context.text_edit_focused();
    if held != workbench.view.contours_held {
        sender.send(Command::View(ViewCommand::HoldContours(held)));
    }
}

/// The action of a key press.
pub fn action_of(key: Key, modifiers: Modifiers) -> Option<Action> {
    let fits = |s: Shortcut| {
        Key::from_name(s.key) == Some(key)
            && s.command == modifiers.command
            && s.shift == modifiers.shift
            && !modifiers.alt
    };
    Action::iter().find(|action| action.info().shortcut.into_iter().chain(action.second_shortcut()).any(fits))
}

/// Whether an action may follow a key held down.
fn repeats(action: Action) -> bool {
    matches!(
        action,
        Action::BrushSmaller
            | Action::BrushLarger
            | Action::SliceUp
            | Action::SliceDown
            | Action::Undo
            | Action::Redo
            | Action::NextContourSlice
            | Action::PreviousContourSlice
    )
}

/// What the pointer does, beside the keys.
const POINTER: &[(&str, &str)] = &[
    ("Wheel", "Slices"),
    ("Ctrl wheel", "Zoom at the pointer"),
    ("Shift wheel", "Radius of brush and nudge"),
    ("Middle drag, space drag", "Pan"),
    ("Right drag", "Window and level"),
    ("Alt right drag", "Window of this view alone"),
    ("Right click", "Menu of what is there"),
    ("H held", "Hide all contours"),
    ("Ctrl click", "Move the crosshair with any tool"),
    ("Alt drag", "The other way: erase, or add"),
    ("Enter, double click", "Close an outline"),
    ("Backspace, Delete", "Last point back, vertex away"),
    ("Double click", "One view alone, and back"),
    ("Esc", "Take back the stroke under way"),
];

/// The window that lists every shortcut.
pub fn window(context: &egui::Context, open: &mut bool) {
    let window = egui::Window::new("Keyboard shortcuts").open(open).collapsible(false).resizable(false);
    window.pivot(egui::Align2::CENTER_CENTER).default_pos(context.content_rect().center()).show(context, |ui| {
        ui.set_max_height(context.content_rect().height() - 120.0);
        egui::ScrollArea::vertical().show(ui, |ui| {
            ui.horizontal_top(|ui| {
                for column in [vec![Menu::File, Menu::Edit, Menu::View], vec![Menu::Structure, Menu::Tools, Menu::Help]]
                {
                    ui.vertical(|ui| {
                        ui.set_width(290.0);
                        for menu in column {
                            let rows: Vec<(String, String)> =
                                Action::iter().filter(|action| action.info().menu == menu).flat_map(keys_of).collect();
                            group(ui, &menu.to_string(), rows.iter().map(|(k, l)| (k.as_str(), l.as_str())));
                        }
                        if ui.min_rect().height() < 1.0 {
                            ui.label("");
                        }
                    });
                }
            });
            group(ui, "Pointer in the views", POINTER.iter().copied());
        });
    });
}

/// The keys of an action, each with its label.
fn keys_of(action: Action) -> impl Iterator<Item = (String, String)> {
    let info = action.info();
    let label = info.label.trim_end_matches('…').to_owned();
    info.shortcut.into_iter().chain(action.second_shortcut()).map(move |s| (s.to_string(), label.clone()))
}

fn group<'a>(ui: &mut egui::Ui, title: &str, rows: impl Iterator<Item = (&'a str, &'a str)>) {
    ui.label(RichText::new(title).font(theme::strong(theme::SIZE_BODY)).color(theme::ACCENT));
    for (keys, effect) in rows {
        ui.horizontal(|ui| {
            ui.set_min_width(270.0);
            ui.label(RichText::new(effect).color(theme::TEXT_SECONDARY));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| chip(ui, keys, theme::TEXT));
        });
    }
    ui.add_space(theme::SPACE_2);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shortcut_of_the_table_is_a_key_that_egui_knows() {
        for action in Action::iter() {
            let Some(s) = action.info().shortcut else { continue };
            let key = Key::from_name(s.key).unwrap_or_else(|| panic!("{}", s.key));
            let modifiers = Modifiers { command: s.command, ctrl: s.command, shift: s.shift, ..Modifiers::NONE };
            assert_eq!(action_of(key, modifiers), Some(action));
        }
    }

    #[test]
    fn more_modifiers_are_another_shortcut() {
        assert_eq!(action_of(Key::A, Modifiers::NONE), Some(Action::ShowAll));
        assert_eq!(action_of(Key::A, Modifiers::SHIFT), Some(Action::HideAll));
        assert_eq!(action_of(Key::Y, Modifiers::COMMAND), Some(Action::Redo));
        assert_eq!(action_of(Key::B, Modifiers::ALT), None);
        assert_eq!(action_of(Key::B, Modifiers::COMMAND), Some(Action::Operations));
        assert_eq!(action_of(Key::W, Modifiers::COMMAND), None);
    }
}
