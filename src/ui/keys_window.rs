//! The window that lists every key, finds one, and gives an action another: by pressing it.

use super::panel::PanelInput;
use super::picker::Pick;
use super::request::{CommandSender, WindowRequest};
use super::shortcuts::{gesture, pressed};
use super::theme;
use super::widgets::{chip, faint, primary_button};
use crate::tf;
use crate::words::t;
use crate::workbench::{Action, Command, Keymap, Menu, PreferenceCommand, Shortcut};
use eframe::egui::{self, Event, Key, RichText, TextEdit, Ui};
use strum::IntoEnumIterator;

/// What is being looked for and changed.
#[derive(Debug, Default)]
pub struct KeysState {
    query: String,
    waiting: Option<Waiting>,
}

/// An action that waits for its key.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    action: Action,
    /// Beside the keys that it has, or instead of them.
    more: bool,
    /// The key that was pressed, where it cannot be taken at once.
    pressed: Option<Shortcut>,
    /// A key was pressed that cannot be assigned.
    unusable: bool,
}

impl KeysState {
    /// True while the next key press is for this window.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Nothing waits for a key any more.
    pub fn stop(&mut self) {
        self.waiting = None;
    }
}

/// What the pointer does, beside the keys.
fn pointer() -> [(&'static str, &'static str); 16] {
    [
        (t("Wheel"), t("Slices")),
        (t("Ctrl wheel, pinch"), t("Zoom at the pointer")),
        (t("Shift wheel"), t("Radius of brush and nudge")),
        (t("Middle drag, space drag"), t("Pan")),
        (t("Two fingers"), t("Pan and zoom on a touch screen")),
        (t("Alt wheel"), t("Pan, on a touchpad too")),
        (t("Right drag"), t("Window and level")),
        (t("Alt right drag"), t("Window of this view alone")),
        (t("Right click"), t("Menu of what is there")),
        (t("H held"), t("Hide all contours")),
        (t("Ctrl click"), t("Move the crosshair with any tool")),
        (t("Alt drag"), t("The other way: erase, or add")),
        (t("Enter, double click"), t("Close an outline")),
        (t("Backspace, Delete"), t("Last point back, vertex away")),
        (t("Double click"), t("One view alone, and back")),
        (t("Esc"), t("Take back the stroke under way")),
    ]
}

/// Shows the window; false when it was closed.
pub fn window(context: &egui::Context, input: &PanelInput<'_>, state: &mut KeysState) -> bool {
    let mut open = true;
    let window = egui::Window::new(t("Keyboard shortcuts")).id(egui::Id::unique("keys")).open(&mut open);
    let window = window.collapsible(false).resizable(false).pivot(egui::Align2::CENTER_CENTER);
    window.default_pos(context.content_rect().center()).show(context, |ui| {
        let room = context.content_rect().size();
        ui.set_width(620.0_f32.min(room.x - 60.0));
        ui.set_max_height((room.y - 100.0).max(200.0));
        head_ui(ui, input, state);
        waiting_ui(ui, input, state);
        ui.separator();
        egui::ScrollArea::vertical().max_height((room.y - 220.0).max(120.0)).auto_shrink([false, true]).show(
            ui,
            |ui| {
                list_ui(ui, input, state);
            },
        );
    });
    if !open {
        state.stop();
    }
    open
}

fn head_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut KeysState) {
    let sender = input.sender;
    ui.horizontal_wrapped(|ui| {
        let edit = TextEdit::singleline(&mut state.query).hint_text(t("Find a command or a key")).desired_width(220.0);
        ui.add(edit).accessible_name(t("Find a command or a key"));
        let reset = ui.add_enabled(input.workbench.keymap().has_changes(), egui::Button::new(t("Reset all")));
        if reset.on_hover_text(t("Give every command its usual keys again")).clicked() {
            sender.send(Command::Preference(PreferenceCommand::ResetKeys(None)));
            state.stop();
        }
        if ui.button(t("Export…")).on_hover_text(t("Write all keys into a file")).clicked() {
            sender.send(WindowRequest::Pick(Pick::ExportKeys));
        }
        if ui.button(t("Import…")).on_hover_text(t("Take all keys from a file")).clicked() {
            sender.send(WindowRequest::Pick(Pick::ImportKeys));
        }
    });
}

/// Reads the key for the action that waits, and asks where it is the key of another one.
fn waiting_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut KeysState) {
    let Some(mut waiting) = state.waiting.take() else { return };
    let keymap = input.workbench.keymap();
    let label = plain(waiting.action);
    let press = ui.input_mut(|i| {
        // The question is answered by keys too; modifiers come as keys of their own before the key that is meant.
        let answers = [Key::Tab, Key::Enter, Key::Space];
        let counts = |key: &Key| !is_modifier(*key) && (waiting.pressed.is_none() || !answers.contains(key));
        let is_press = |e: &Event| matches!(e, Event::Key { key, pressed: true, repeat: false, .. } if counts(key));
        let at = i.events.iter().position(is_press)?;
        Some(i.events.remove(at))
    });
    if let Some(Event::Key { key, modifiers, .. }) = press {
        if key == Key::Escape {
            return;
        }
        waiting.pressed = pressed(key, modifiers);
        waiting.unusable = waiting.pressed.is_none();
    }
    let Some(shortcut) = waiting.pressed else {
        let words = tf!("Press the key for {command}; Esc keeps what it has", command = label);
        ui.label(RichText::new(words).color(theme::ACCENT));
        if waiting.unusable {
            faint(ui, t("That key has a fixed meaning; press another one"));
        }
        state.waiting = Some(waiting);
        return;
    };
    let other = keymap.action(shortcut).filter(|other| *other != waiting.action);
    match (shortcut.fixed_meaning(), other) {
        (Some(why), _) => {
            let words = tf!("{key} has a fixed meaning: {why}. Press another one, or Esc", key = shortcut, why);
            ui.label(RichText::new(words).color(theme::WARNING));
            state.waiting = Some(waiting);
        }
        (None, None) => assign(input.sender, keymap, &waiting, shortcut),
        (None, Some(other)) => {
            let words = tf!("{key} is the key of {command}", key = shortcut, command = plain(other));
            ui.label(RichText::new(words).color(theme::WARNING));
            let mut done = false;
            ui.horizontal_wrapped(|ui| {
                if primary_button(ui, &tf!("Take it from {command}", command = plain(other))).clicked() {
                    assign(input.sender, keymap, &waiting, shortcut);
                    done = true;
                }
                done |= ui.button(t("Leave it")).clicked();
                faint(ui, t("or press another key"));
            });
            state.waiting = Some(waiting).filter(|_| !done);
        }
    }
}

fn is_modifier(key: Key) -> bool {
    let name = key.name();
    ["Shift", "Control", "Alt", "Super"].iter().any(|m| name.starts_with(m))
}

fn assign(sender: &CommandSender, keymap: &Keymap, waiting: &Waiting, shortcut: Shortcut) {
    let mut keys = if waiting.more { keymap.keys(waiting.action).to_vec() } else { Vec::new() };
    keys.push(shortcut);
    sender.send(Command::Preference(PreferenceCommand::SetKeys { action: waiting.action, keys }));
}

fn plain(action: Action) -> &'static str {
    action.label().trim_end_matches('…')
}

fn list_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut KeysState) {
    let keymap = input.workbench.keymap();
    let query = state.query.trim().to_lowercase();
    let fits = |words: &str| words.to_lowercase().contains(&query);
    let mut any = false;
    for menu in Menu::iter() {
        let found = |a: &Action| {
            let row = a.row();
            row.menu == menu
                && (fits(a.label()) || fits(row.label) || keymap.keys(*a).iter().any(|k| fits(&k.to_string())))
        };
        let actions: Vec<Action> = Action::iter().filter(found).collect();
        if actions.is_empty() {
            continue;
        }
        any = true;
        title_ui(ui, menu.label());
        for action in actions {
            row_ui(ui, input, state, action);
        }
        ui.add_space(theme::SPACE_2);
    }
    let gestures: Vec<_> = pointer().into_iter().filter(|(keys, effect)| fits(keys) || fits(effect)).collect();
    if !gestures.is_empty() {
        any = true;
        title_ui(ui, t("Pointer in the views"));
        for (keys, effect) in gestures {
            ui.horizontal(|ui| {
                ui.label(RichText::new(effect).color(theme::TEXT_SECONDARY));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    chip(ui, &gesture(keys, input.workbench.keymap()), theme::TEXT);
                });
            });
        }
    }
    if !any {
        faint(ui, t("Nothing fits; try fewer letters"));
    }
}

fn title_ui(ui: &mut Ui, title: &str) {
    ui.label(RichText::new(title).font(theme::strong(theme::SIZE_BODY)).color(theme::ACCENT));
}

fn row_ui(ui: &mut Ui, input: &PanelInput<'_>, state: &mut KeysState, action: Action) {
    let keymap = input.workbench.keymap();
    let name = plain(action);
    ui.horizontal(|ui| {
        ui.add(egui::Label::new(RichText::new(name).color(theme::TEXT_SECONDARY)).truncate())
            .on_hover_text(action.info().tooltip);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let mut wait = |more| {
                state.waiting = Some(Waiting { action, more, pressed: None, unusable: false });
            };
            let change = ui.small_button(t("Change")).on_hover_text(t("Press another key instead"));
            if change.accessible_name(tf!("Change the key of {command}", command = name)).clicked() {
                wait(false);
            }
            let more = ui.small_button("+").on_hover_text(t("Press a further key"));
            if more.accessible_name(tf!("Add a key to {command}", command = name)).clicked() {
                wait(true);
            }
            if keymap.is_changed(action) {
                let reset = ui.small_button(t("Reset")).on_hover_text(t("Back to the usual key"));
                if reset.accessible_name(tf!("Reset the key of {command}", command = name)).clicked() {
                    input.sender.send(Command::Preference(PreferenceCommand::ResetKeys(Some(action))));
                }
            }
            for key in keymap.keys(action).iter().rev() {
                let color = if keymap.is_changed(action) { theme::ACCENT } else { theme::TEXT };
                let button = egui::Button::new(RichText::new(key.to_string()).color(color).size(theme::SIZE_SMALL));
                let response = ui.add(button.small()).on_hover_text(t("Click to take this key away"));
                if response.accessible_name(tf!("Remove {key} from {command}", key, command = name)).clicked() {
                    let keys = keymap.keys(action).iter().copied().filter(|k| k != key).collect();
                    input.sender.send(Command::Preference(PreferenceCommand::SetKeys { action, keys }));
                }
            }
        });
    });
}
