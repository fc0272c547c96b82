//! Which keys stand for which action: the keys of the action table, and what the user has changed of them. Key names are
//! those of egui, but nothing here knows a window.

use super::action_table::Action;
use crate::tf;
use crate::words::t;
use std::collections::{BTreeMap, HashMap};
use strum::IntoEnumIterator;

/// Keys that can be assigned: name, and the sign that stands on it where that is shorter.
#[rustfmt::skip]
pub const KEYS: &[(&str, &str)] = &[
    ("A", ""), ("B", ""), ("C", ""), ("D", ""), ("E", ""), ("F", ""), ("G", ""), ("H", ""), ("I", ""), ("J", ""),
    ("K", ""), ("L", ""), ("M", ""), ("N", ""), ("O", ""), ("P", ""), ("Q", ""), ("R", ""), ("S", ""), ("T", ""),
    ("U", ""), ("V", ""), ("W", ""), ("X", ""), ("Y", ""), ("Z", ""),
    ("0", ""), ("1", ""), ("2", ""), ("3", ""), ("4", ""), ("5", ""), ("6", ""), ("7", ""), ("8", ""), ("9", ""),
    ("F1", ""), ("F2", ""), ("F3", ""), ("F4", ""), ("F5", ""), ("F6", ""), ("F7", ""), ("F8", ""), ("F9", ""),
    ("F10", ""), ("F11", ""), ("F12", ""),
    ("Comma", ","), ("Period", "."), ("Minus", "-"), ("Plus", "+"), ("Equals", "="), ("Colon", ":"),
    ("Semicolon", ";"), ("Slash", "/"), ("Backslash", "\\"), ("Pipe", "|"), ("Questionmark", "?"),
    ("Exclamationmark", "!"), ("OpenBracket", "["), ("CloseBracket", "]"), ("OpenCurlyBracket", "{"),
    ("CloseCurlyBracket", "}"), ("Backtick", "`"), ("Quote", "'"),
    ("Insert", ""), ("Delete", ""), ("Home", ""), ("End", ""), ("PageUp", ""), ("PageDown", ""),
    ("Up", ""), ("Down", ""), ("Left", ""), ("Right", ""),
];

/// A key with its modifiers. `command` is Ctrl, on macOS Cmd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shortcut {
    /// Name of the key as egui names it.
    pub key: &'static str,
    pub command: bool,
    pub shift: bool,
    /// Option on macOS.
    pub alt: bool,
}

/// A key map that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    #[error("{}", tf!("\"{text}\" is no key; write for example Ctrl+Shift+Z, F5 or [", text = .0))]
    NoKey(String),
    #[error("{}", tf!("\"{name}\" is no action; `hilum keys` lists them", name = .0))]
    NoAction(String),
    #[error("{}", tf!("{key} has a fixed meaning: {why}", key = .0, why = .1))]
    Fixed(Shortcut, &'static str),
    #[error("{}", tf!("{key} is the key of {first} and of {second}; give one of them another key",
        key = .key, first = .first.label(), second = .second.label()))]
    Twice { key: Shortcut, first: Action, second: Action },
    #[error("{}", tf!("the file is no key map: {why}", why = .0))]
    NoToml(String),
}

impl Shortcut {
    /// A key without modifiers; `None` for a name that is not in [`KEYS`].
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        let spelled = name.replace(' ', "");
        let (key, _) = KEYS
            .iter()
            .find(|(key, sign)| key.eq_ignore_ascii_case(&spelled) || (!sign.is_empty() && *sign == name))?;
        Some(Self { key, command: false, shift: false, alt: false })
    }

    /// As files hold it, the same on every system: Ctrl stands for Cmd on macOS.
    pub fn portable(self) -> String {
        self.written("Ctrl+", "Alt+", |key| key)
    }

    /// As people read it on macOS or elsewhere.
    pub fn for_system(self, mac: bool) -> String {
        let (command, alt) = if mac { ("Cmd+", "Option+") } else { ("Ctrl+", "Alt+") };
        self.written(command, alt, |key| match key {
            "PageUp" => t("Page up"),
            "PageDown" => t("Page down"),
            other => other,
        })
    }

    fn written(self, command: &str, alt: &str, name: impl Fn(&'static str) -> &'static str) -> String {
        let sign = KEYS.iter().find(|(key, _)| *key == self.key).map_or("", |(_, sign)| *sign);
        let parts = [(self.command, command), (self.alt, alt), (self.shift, "Shift+")];
        let mut text: String = parts.into_iter().filter(|(held, _)| *held).map(|(_, word)| word).collect();
        text.push_str(if sign.is_empty() { name(self.key) } else { sign });
        text
    }

    /// What this key always does; such a key stands for no action.
    pub fn fixed_meaning(self) -> Option<&'static str> {
        let plain = !(self.command || self.shift || self.alt);
        match self.key {
            "H" if plain => Some(t("it hides the contours while it is held")),
            "Delete" if plain => Some(t("it removes a vertex, a point or a measurement")),
            // Windows knows these for the clipboard, and egui tells them as such.
            "Delete" | "Insert" if self.shift && !self.command && !self.alt => Some(t("it belongs to the clipboard")),
            "Insert" if self.command && !self.shift && !self.alt => Some(t("it belongs to the clipboard")),
            "C" | "X" | "V" if self.command && !self.alt && !self.shift => Some(t("it belongs to the clipboard")),
            _ => None,
        }
    }
}

impl std::fmt::Display for Shortcut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.for_system(cfg!(target_os = "macos")))
    }
}

impl std::str::FromStr for Shortcut {
    type Err = KeymapError;

    fn from_str(text: &str) -> Result<Self, KeymapError> {
        let (mut command, mut shift, mut alt) = (false, false, false);
        let mut rest = text.trim();
        let modifier = |rest: &str, words: &[&str]| {
            words.iter().find_map(|w| {
                let (head, tail) = (rest.get(..w.len())?, rest.get(w.len()..)?);
                (head.eq_ignore_ascii_case(w) && !tail.is_empty()).then_some(tail.len())
            })
        };
        loop {
            let (flag, left) = if let Some(left) = modifier(rest, &["ctrl+", "cmd+", "command+"]) {
                (&mut command, left)
            } else if let Some(left) = modifier(rest, &["shift+"]) {
                (&mut shift, left)
            } else if let Some(left) = modifier(rest, &["alt+", "option+"]) {
                (&mut alt, left)
            } else {
                break;
            };
            *flag = true;
            rest = &rest[rest.len() - left..];
        }
        let key = Self::named(rest).ok_or_else(|| KeymapError::NoKey(text.to_owned()))?;
        Ok(Self { command, shift, alt, ..key })
    }
}

/// The keys of every action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    /// What differs from the table; no key at all is an empty list.
    changed: BTreeMap<Action, Vec<Shortcut>>,
    keys: HashMap<Action, Vec<Shortcut>>,
    actions: HashMap<Shortcut, Action>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::of(BTreeMap::new())
    }
}

impl Keymap {
    /// Keys of the table that a changed action has taken are theirs.
    fn of(changed: BTreeMap<Action, Vec<Shortcut>>) -> Self {
        let mut actions: HashMap<Shortcut, Action> = HashMap::new();
        for (action, shortcut) in changed.iter().flat_map(|(a, keys)| keys.iter().map(|k| (*a, *k))) {
            actions.insert(shortcut, action);
        }
        let mut keys = HashMap::new();
        for action in Action::iter() {
            let own = changed.get(&action).cloned().unwrap_or_else(|| {
                let free = |k: &Shortcut| actions.get(k).is_none_or(|a| *a == action);
                action.usual_keys().into_iter().filter(free).collect()
            });
            for shortcut in &own {
                actions.insert(*shortcut, action);
            }
            keys.insert(action, own);
        }
        Self { changed, keys, actions }
    }

    /// All keys of an action, the one that menus show first.
    pub fn keys(&self, action: Action) -> &[Shortcut] {
        self.keys.get(&action).map_or(&[], Vec::as_slice)
    }

    /// The key that menus show.
    pub fn key(&self, action: Action) -> Option<Shortcut> {
        self.keys(action).first().copied()
    }

    /// A text in which the name of an action in angle brackets stands for the key of that action, as it is now; one
    /// without a key is told by its name for people.
    pub fn written_in(&self, text: &str) -> String {
        let mut written = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            written.push_str(before);
            let named = after.split_once('>').and_then(|(name, left)| Some((name.parse::<Action>().ok()?, left)));
            let Some((action, left)) = named else {
                written.push('<');
                rest = after;
                continue;
            };
            match self.key(action) {
                Some(key) => written.push_str(&key.to_string()),
                None => written.push_str(action.label()),
            }
            rest = left;
        }
        written + rest
    }

    /// What a key stands for.
    pub fn action(&self, shortcut: Shortcut) -> Option<Action> {
        self.actions.get(&shortcut).copied()
    }

    /// True if the user has changed the keys of an action.
    pub fn is_changed(&self, action: Action) -> bool {
        self.keys(action) != action.usual_keys()
    }

    pub fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Gives an action these keys; they are taken from the actions that had them.
    ///
    /// # Errors
    /// For a key with a fixed meaning; nothing is changed then.
    pub fn set(&mut self, action: Action, keys: &[Shortcut]) -> Result<(), KeymapError> {
        if let Some((key, why)) = keys.iter().find_map(|k| Some((*k, k.fixed_meaning()?))) {
            return Err(KeymapError::Fixed(key, why));
        }
        let mut changed = self.changed.clone();
        for key in keys {
            if let Some(other) = self.action(*key).filter(|other| *other != action) {
                let left = changed.entry(other).or_insert_with(|| self.keys(other).to_vec());
                left.retain(|k| k != key);
            }
        }
        let mut own: Vec<Shortcut> = Vec::new();
        for key in keys {
            if !own.contains(key) {
                own.push(*key);
            }
        }
        changed.insert(action, own);
        changed.retain(|action, keys| *keys != action.usual_keys());
        *self = Self::of(changed);
        Ok(())
    }

    /// Back to the key of the table, for one action or for all. A key that another action was given meanwhile comes back.
    pub fn reset(&mut self, action: Option<Action>) {
        match action {
            Some(action) => {
                let usual = action.usual_keys();
                // The keys of the table have no fixed meaning: a test says so.
                let _never_refused = self.set(action, &usual);
            }
            None => *self = Self::default(),
        }
    }

    /// The changes by the names of actions, for the settings.
    pub fn changes(&self) -> BTreeMap<String, Vec<String>> {
        let row = |(action, keys): (&Action, &Vec<Shortcut>)| {
            (action.name().to_owned(), keys.iter().map(|k| k.portable()).collect())
        };
        self.changed.iter().map(row).collect()
    }

    /// Reads changes; what cannot be is left out and told.
    pub fn from_changes(changes: &BTreeMap<String, Vec<String>>) -> (Self, Vec<KeymapError>) {
        let mut map = Self::default();
        let mut wrong = Vec::new();
        let mut changed: BTreeMap<Action, Vec<Shortcut>> = BTreeMap::new();
        for (name, keys) in changes {
            let Ok(action) = name.parse::<Action>() else {
                wrong.push(KeymapError::NoAction(name.clone()));
                continue;
            };
            let mut own = Vec::new();
            for text in keys {
                match text.parse::<Shortcut>() {
                    Ok(key) => match (key.fixed_meaning(), changed.iter().find(|(_, k)| k.contains(&key))) {
                        (Some(why), _) => wrong.push(KeymapError::Fixed(key, why)),
                        (None, Some((first, _))) => {
                            wrong.push(KeymapError::Twice { key, first: *first, second: action });
                        }
                        (None, None) if own.contains(&key) => {}
                        (None, None) => own.push(key),
                    },
                    Err(error) => wrong.push(error),
                }
            }
            changed.insert(action, own);
        }
        changed.retain(|action, keys| *keys != action.usual_keys());
        if !changed.is_empty() {
            map = Self::of(changed);
        }
        (map, wrong)
    }

    /// A file of all keys, to be edited and imported again.
    pub fn to_toml(&self) -> String {
        let mut text = String::from(
            "# Keys of Hilum: action = [keys]. Ctrl stands for Cmd on macOS. An action that is left out keeps its usual keys;\n# one without keys is reached by menus and palette.\n\n[keys]\n",
        );
        for action in Action::iter() {
            let keys: Vec<String> =
                self.keys(action).iter().map(|k| toml::Value::String(k.portable()).to_string()).collect();
            text.push_str(&format!("{} = [{}]\n", action.name(), keys.join(", ")));
        }
        text
    }

    /// Reads a file of keys.
    ///
    /// # Errors
    /// With the first thing that cannot be: then nothing of it is used.
    pub fn from_toml(text: &str) -> Result<Self, KeymapError> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            keys: BTreeMap<String, Vec<String>>,
        }
        let file: File = toml::from_str(text).map_err(|e| KeymapError::NoToml(e.to_string().trim_end().to_owned()))?;
        let (map, wrong) = Self::from_changes(&file.keys);
        if let Some(wrong) = wrong.into_iter().next() {
            return Err(wrong);
        }
        // What is left out keeps its usual keys: nothing else may have them.
        let left_out = Action::iter().filter(|a| !map.changed.contains_key(a));
        let taken = |second: Action| {
            let key = second.usual_keys().into_iter().find(|k| map.action(*k) != Some(second))?;
            Some(KeymapError::Twice { key, first: map.action(key)?, second })
        };
        left_out.into_iter().find_map(taken).map_or(Ok(map), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Shortcut {
        text.parse().expect("a key")
    }

    #[test]
    fn texts_name_the_keys_as_they_are() {
        let mut map = Keymap::default();
        let text = "<brush-smaller> <brush-larger> or Shift wheel; <brush-ball>, a < b, <no-such>";
        assert_eq!(map.written_in(text), "[ ] or Shift wheel; D, a < b, <no-such>");
        map.set(Action::BrushSmaller, &[key("Ctrl+F5")]).expect("free");
        map.set(Action::BrushBall, &[]).expect("free");
        assert_eq!(map.written_in("<brush-smaller>, <brush-ball>"), format!("{}, Ball brush", key("Ctrl+F5")));
    }

    #[test]
    fn keys_are_written_and_read_alike() {
        for (text, portable, mac) in [
            ("ctrl+shift+z", "Ctrl+Shift+Z", "Cmd+Shift+Z"),
            ("Cmd+[", "Ctrl+[", "Cmd+["),
            ("Page up", "PageUp", "Page up"),
            ("alt+F5", "Alt+F5", "Option+F5"),
            ("Ctrl++", "Ctrl++", "Cmd++"),
            ("+", "+", "+"),
        ] {
            let key = key(text);
            assert_eq!(key.portable(), portable);
            assert_eq!(key.for_system(true), mac);
            assert_eq!(portable.parse(), Ok(key));
        }
        for wrong in ["", "Ctrl+", "Hyper+A", "Enter", "Ctrl+Esc", "AA"] {
            assert_eq!(wrong.parse::<Shortcut>(), Err(KeymapError::NoKey(wrong.to_owned())));
        }
    }

    #[test]
    fn the_usual_keys_are_free_and_each_stands_for_one_action() {
        let map = Keymap::default();
        for action in Action::iter() {
            assert_eq!(map.keys(action), action.usual_keys());
            for key in map.keys(action) {
                assert_eq!(key.fixed_meaning(), None, "{key}");
                assert_eq!(map.action(*key), Some(action), "{key}");
            }
        }
        assert!(!map.has_changes());
    }

    #[test]
    fn a_key_is_taken_from_whoever_had_it_and_comes_back() {
        let mut map = Keymap::default();
        let usual = map.key(Action::ToolBrush).expect("it has one");
        map.set(Action::ToolEraser, &[usual, key("F9")]).expect("free");
        assert_eq!(map.action(usual), Some(Action::ToolEraser));
        assert!(map.keys(Action::ToolBrush).is_empty());
        assert_eq!(map.keys(Action::ToolEraser), [usual, key("F9")]);
        let (again, wrong) = Keymap::from_changes(&map.changes());
        assert!(wrong.is_empty() && again == map);
        map.reset(Some(Action::ToolBrush));
        assert_eq!(map.keys(Action::ToolEraser), [key("F9")]);
        map.reset(None);
        assert_eq!(map, Keymap::default());
        assert!(matches!(map.set(Action::ToolBrush, &[key("H")]), Err(KeymapError::Fixed(..))));
        assert_eq!(map, Keymap::default());
    }

    #[test]
    fn a_file_of_keys_survives_and_a_wrong_one_is_refused_with_its_reason() {
        let mut map = Keymap::default();
        map.set(Action::Undo, &[key("Ctrl+Alt+[")]).expect("free");
        map.set(Action::Quit, &[]).expect("no key is allowed");
        assert_eq!(Keymap::from_toml(&map.to_toml()), Ok(map));
        for (text, says) in [
            ("[keys]\nundo = [\"Ctrl+Nonsense\"]", "is no key"),
            ("[keys]\nfly = [\"F9\"]", "is no action"),
            ("[keys]\nundo = [\"F9\"]\nredo = [\"F9\"]", "give one of them another key"),
            ("[keys]\nundo = [\"Ctrl+C\"]", "clipboard"),
            ("[keys]\ntool-brush = [\"E\"]", "E is the key of Brush and of Eraser"),
            ("undo = 3", "no key map"),
            ("[keys]\ntool-brush = [\"Shift+Delete\"]", "clipboard"),
        ] {
            let error = Keymap::from_toml(text).expect_err(text).to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
