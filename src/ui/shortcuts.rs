//! Key presses become actions, by the key map of the workbench.

use super::request::{CommandSender, WindowRequest};
use crate::workbench::{Action, Command, Keymap, Shortcut, ViewCommand, Workbench};
use eframe::egui::{self, Event, Key, Modifiers};
use std::borrow::Cow;

/// Takes the key presses that are shortcuts out of the input and sends their actions. A shortcut that
/// cannot run now is left alone, with the reason told, and so is everything while a text field has the focus.
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
            let keymap = workbench.keymap();
            let action = action_of(keymap, *key, *modifiers).or_else(|| action_of(keymap, place?, *modifiers));
            let Some(action) = action else { return true };
            if *repeat && !repeats(action) {
                return true;
            }
            if workbench.refusal(action).is_some() {
                // Keys that also move in lists and close things (Esc, Enter, arrows) say nothing.
                if !repeat && (modifiers.any() || is_sign_or_function(*key)) {
                    sender.send(WindowRequest::Refused(action));
                }
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

/// A key press as the key map names it; `None` for keys that cannot be assigned. The command key is Cmd on macOS, where
/// Ctrl stands for nothing, and Ctrl elsewhere.
pub fn pressed(key: Key, modifiers: Modifiers) -> Option<Shortcut> {
    if modifiers.ctrl && (modifiers.mac_cmd || !modifiers.command) {
        return None;
    }
    let Modifiers { alt, shift, command, .. } = modifiers;
    Some(Shortcut { command, shift, alt, ..Shortcut::named(key.name())? })
}

fn action_of(keymap: &Keymap, key: Key, modifiers: Modifiers) -> Option<Action> {
    keymap.action(pressed(key, modifiers)?)
}

/// A gesture such as "Ctrl wheel" as this system has it, with the keys of the actions that it names.
pub fn gesture(words: &str, keys: &Keymap) -> String {
    // The keys that are filled in are named for the system already.
    let words = if cfg!(target_os = "macos") {
        Cow::Owned(words.replace("Ctrl", "Cmd").replace("Alt", "Option"))
    } else {
        Cow::Borrowed(words)
    };
    keys.written_in(&words)
}

/// A letter, a digit or a function key.
fn is_sign_or_function(key: Key) -> bool {
    let name = key.name();
    name.chars().count() == 1 || name.strip_prefix('F').is_some_and(|n| n.parse::<u8>().is_ok())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench::KEYS;
    use strum::IntoEnumIterator;

    fn action(key: Key, modifiers: Modifiers) -> Option<Action> {
        action_of(&Keymap::default(), key, modifiers)
    }

    #[test]
    fn every_key_of_the_map_is_one_that_egui_knows() {
        for (name, sign) in KEYS {
            let key = Key::from_name(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(&key.name(), name);
            assert!(sign.is_empty() || Key::from_name(sign) == Some(key), "{sign}");
        }
    }

    #[test]
    fn every_shortcut_of_the_table_is_pressed_with_ctrl_or_on_a_mac_with_cmd() {
        for expected in Action::iter() {
            for s in expected.usual_keys() {
                let key = Key::from_name(s.key).unwrap_or_else(|| panic!("{}", s.key));
                let (shift, alt, command) = (s.shift, s.alt, s.command);
                let elsewhere = Modifiers { command, ctrl: command, shift, alt, mac_cmd: false };
                let mac = Modifiers { command, ctrl: false, shift, alt, mac_cmd: command };
                assert_eq!(action(key, elsewhere), Some(expected));
                assert_eq!(action(key, mac), Some(expected));
            }
        }
        // Ctrl on a Mac.
        assert_eq!(action(Key::B, Modifiers { ctrl: true, ..Modifiers::NONE }), None);
        assert_eq!(action(Key::Z, Modifiers { ctrl: true, mac_cmd: true, command: true, ..Modifiers::NONE }), None);
    }

    #[test]
    fn more_modifiers_are_another_shortcut() {
        assert_eq!(action(Key::A, Modifiers::NONE), Some(Action::ShowAll));
        assert_eq!(action(Key::A, Modifiers::SHIFT), Some(Action::HideAll));
        assert_eq!(action(Key::A, Modifiers::ALT), None);
        assert_eq!(action(Key::F12, Modifiers::COMMAND), None);
        assert_eq!(action(Key::Enter, Modifiers::NONE), None);
        assert_eq!(action(Key::B, Modifiers::COMMAND), Some(Action::Operations));
        assert_eq!(action(Key::Y, Modifiers::COMMAND), Some(Action::Redo));
    }
}
