//! The words of the interface in the language of the user. English stands in the code and is the key; every other
//! language is a table in `assets/languages`. A test collects the keys of the code and compares them with the tables.
//!
//! The language belongs to the thread: the window sets it, and a job speaks the language of whoever started it.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::{Display, Write as _};
use std::sync::LazyLock;

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize, strum::EnumIter)]
pub enum Language {
    #[default]
    #[serde(rename = "en")]
    English,
    #[serde(rename = "zh-CN")]
    Chinese,
}

impl Language {
    /// Its tag by BCP 47, as the settings hold it.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// Its name in itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Chinese => "简体中文",
        }
    }

    /// The language of a locale such as `zh_CN.UTF-8`; English for all that have no table.
    pub fn of_locale(locale: &str) -> Self {
        let locale = locale.to_ascii_lowercase().replace('-', "_");
        let traditional = ["zh_tw", "zh_hk", "zh_mo", "zh_hant"].iter().any(|l| locale.starts_with(l));
        if locale.starts_with("zh") && !traditional { Self::Chinese } else { Self::English }
    }
}

impl std::str::FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "en" | "english" => Ok(Self::English),
            "zh-cn" | "zh" | "chinese" => Ok(Self::Chinese),
            _ => Err("the languages are en and zh-CN".to_owned()),
        }
    }
}

thread_local! {
    static LANGUAGE: Cell<Language> = const { Cell::new(Language::English) };
}

static CHINESE: LazyLock<HashMap<&'static str, &'static str>> =
    LazyLock::new(|| table(include_str!("../../assets/languages/zh-CN.toml")));

/// English and translation; the catalogue lives as long as the program.
fn table(text: &str) -> HashMap<&'static str, &'static str> {
    let sections: HashMap<String, HashMap<String, String>> =
        toml::from_str(text).expect("a test reads the catalogues that are compiled in");
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    sections.into_values().flatten().map(|(english, other)| (leak(english), leak(other))).collect()
}

/// The language of this thread.
pub fn language() -> Language {
    LANGUAGE.get()
}

/// Sets the language of this thread.
pub fn speak(language: Language) {
    LANGUAGE.set(language);
}

/// Work for the threads of a pool, done in the language of this one: they have none of their own.
pub fn carried<T, R>(work: impl Fn(T) -> R + Sync + Send) -> impl Fn(T) -> R + Sync + Send {
    let language = language();
    move |item| {
        let before = LANGUAGE.replace(language);
        let result = work(item);
        LANGUAGE.set(before);
        result
    }
}

/// A text in the language of this thread; the English one where the catalogue has none.
pub fn t(english: &'static str) -> &'static str {
    look_up(english).unwrap_or(english)
}

/// As [`t`] for words that are kept as data: labels of steps, titles of jobs.
pub fn told(english: &str) -> &str {
    look_up(english).unwrap_or(english)
}

/// As [`told`] for the label of a step, which may end with the name of a structure: "Brush GTVp".
pub fn told_label(label: &str) -> String {
    if let Some(whole) = look_up(label) {
        return whole.to_owned();
    }
    let named = |(at, _)| Some(format!("{} {}", look_up(&label[..at])?, &label[at + 1..]));
    label.rmatch_indices(' ').find_map(named).unwrap_or_else(|| label.to_owned())
}

/// Marks a text that is kept in English and shown through [`told`].
pub const fn keep(english: &'static str) -> &'static str {
    english
}

fn look_up(english: &str) -> Option<&'static str> {
    match language() {
        Language::English => None,
        Language::Chinese => CHINESE.get(english).copied(),
    }
}

/// Puts values in the places of a text: `{name}`, with decimals `{name:.1}`, with a sign `{name:+.1}`. A place
/// without a value stays as it is.
pub fn fill(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((place, tail)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            break;
        };
        let (name, form) = place.split_once(':').unwrap_or((place, ""));
        let written = values.iter().find(|(n, _)| *n == name).map(|(_, value)| {
            let digits = form.trim_start_matches('+').strip_prefix('.').and_then(|d| d.parse::<usize>().ok());
            match (digits, form.starts_with('+')) {
                (Some(digits), true) => write!(out, "{value:+.digits$}"),
                (Some(digits), false) => write!(out, "{value:.digits$}"),
                (None, _) => write!(out, "{value}"),
            }
        });
        if written.is_none_or(|r| r.is_err()) {
            out.push('{');
            out.push_str(place);
            out.push('}');
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// A text with values, in the language of this thread: `tf!("Slice {n} of {total}", n = k + 1, total)`.
#[macro_export]
macro_rules! tf {
    (@value $name:ident) => { $name };
    (@value $name:ident = $value:expr) => { $value };
    ($text:literal $(, $name:ident $(= $value:expr)?)+ $(,)?) => {
        $crate::words::fill(
            $crate::words::t($text),
            &[$((stringify!($name), &$crate::tf!(@value $name $(= $value)?) as &dyn ::std::fmt::Display)),+],
        )
    };
}

/// Every translation into a language, as (English, other).
pub fn catalogue(language: Language) -> Vec<(&'static str, &'static str)> {
    match language {
        Language::English => Vec::new(),
        Language::Chinese => CHINESE.iter().map(|(english, other)| (*english, *other)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_their_places_in_any_order() {
        assert_eq!(fill("Slice {n} of {total}", &[("n", &3), ("total", &90)]), "Slice 3 of 90");
        assert_eq!(fill("{b}/{a}", &[("a", &"x"), ("b", &"y")]), "y/x");
        assert_eq!(fill("{v:.1} mm, {v:+.2}", &[("v", &1.25)]), "1.2 mm, +1.25");
        assert_eq!(fill("{unknown} {", &[("n", &1)]), "{unknown} {");
        let total = 4;
        assert_eq!(crate::tf!("{n} of {total}", n = 1 + 1, total), "2 of 4");
    }

    #[test]
    fn the_language_is_that_of_the_thread() {
        speak(Language::Chinese);
        let there = std::thread::spawn(language).join().expect("it ended");
        assert_eq!((language(), there), (Language::Chinese, Language::English));
        assert_eq!(t("Undo"), "撤销");
        assert_eq!(told("words that no catalogue has"), "words that no catalogue has");
        assert_eq!(told_label("Flood fill Node 2"), "区域生长 Node 2");
        assert_eq!(told_label("Undo"), "撤销");
        assert_eq!(told_label("a label that no catalogue has"), "a label that no catalogue has");
        let of_here = carried(t);
        let there = std::thread::spawn(move || (of_here("Undo"), t("Undo"))).join().expect("it ended");
        assert_eq!(there, ("撤销", "Undo"));
        speak(Language::English);
        assert_eq!(told_label("Flood fill Node 2"), "Flood fill Node 2");
        assert_eq!(t("Undo"), "Undo");
    }

    #[test]
    fn locales_with_a_table_are_known() {
        for (locale, language) in [
            ("zh_CN.UTF-8", Language::Chinese),
            ("zh-Hans-SG", Language::Chinese),
            ("zh_TW.UTF-8", Language::English),
            ("de_DE.UTF-8", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::of_locale(locale), language, "{locale}");
        }
    }
}
