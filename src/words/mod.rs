//! The words of the interface in the language of the user. English stands in the code and is the key; every other
//! language is a table in `assets/languages`. A test collects the keys of the code and compares them with the tables.
//!
//! The language belongs to the thread: the window sets it, and a job speaks the language of whoever started it.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
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

static CHINESE: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("../../assets/languages/zh-CN.toml")));

/// The section of a catalogue whose sentences are kept in files with their values in place.
const SENTENCES: &str = "sentences";

struct Catalogue {
    texts: HashMap<&'static str, &'static str>,
    /// English and translation.
    sentences: Vec<(Pieces, Pieces)>,
}

/// English and translation; the catalogue lives as long as the program.
fn read(text: &str) -> Catalogue {
    let sections: BTreeMap<String, BTreeMap<String, String>> =
        toml::from_str(text).expect("a test reads the catalogues that are compiled in");
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let mut catalogue = Catalogue { texts: HashMap::new(), sentences: Vec::new() };
    for (section, texts) in sections {
        for (english, other) in texts {
            let (english, other) = (leak(english), leak(other));
            catalogue.texts.insert(english, other);
            if section == SENTENCES {
                catalogue.sentences.push((Pieces::of(english), Pieces::of(other)));
            }
        }
    }
    catalogue
}

/// A text cut at the places of its values.
struct Pieces {
    /// Before the first place, between two, after the last: one more than places.
    words: Vec<&'static str>,
    /// Names of the places.
    places: Vec<&'static str>,
}

impl Pieces {
    fn of(text: &'static str) -> Self {
        let (mut words, mut places, mut rest) = (Vec::new(), Vec::new(), text);
        while let Some((before, (place, after))) =
            rest.split_once('{').and_then(|(before, tail)| Some((before, tail.split_once('}')?)))
        {
            words.push(before);
            places.push(place.split(':').next().unwrap_or(place));
            rest = after;
        }
        words.push(rest);
        Self { words, places }
    }

    /// The values in the places of a sentence; `None` if it is another one.
    fn values<'a>(&self, sentence: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
        let [first, others @ ..] = &self.words[..] else { return None };
        let mut rest = sentence.strip_prefix(first)?;
        let mut values = Vec::with_capacity(others.len());
        for (n, words) in others.iter().enumerate() {
            let is_last = n + 1 == others.len();
            let at = if is_last { rest.len().checked_sub(words.len())? } else { rest.find(words)? };
            let tail = rest.get(at..)?.strip_prefix(words)?;
            values.push((self.places[n], &rest[..at]));
            rest = tail;
        }
        (!others.is_empty() || rest.is_empty()).then_some(values)
    }

    fn filled(&self, values: &[(&'static str, &str)]) -> String {
        let mut out = self.words[0].to_owned();
        for (place, words) in self.places.iter().zip(&self.words[1..]) {
            out.push_str(values.iter().find(|(name, _)| name == place).map_or("", |(_, value)| value));
            out.push_str(words);
        }
        out
    }

    fn length(&self) -> usize {
        self.words.iter().map(|words| words.len()).sum()
    }
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
        Language::Chinese => CHINESE.texts.get(english).copied(),
    }
}

/// As [`told`] for a sentence of a file that was made by [`kept!`](crate::kept): its values stay as they are. Of several that
/// fit, the one that says most by itself.
pub fn told_sentence(english: &str) -> String {
    let sentences = match language() {
        Language::English => return english.to_owned(),
        Language::Chinese => &CHINESE.sentences,
    };
    let whole = || look_up(english).map(str::to_owned);
    let with_values = || {
        let fitting = sentences.iter().filter_map(|(from, to)| Some((from.length(), to, from.values(english)?)));
        fitting.max_by_key(|(length, ..)| *length).map(|(_, to, values)| to.filled(&values))
    };
    whole().or_else(with_values).unwrap_or_else(|| english.to_owned())
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

/// A sentence with values that is kept in English, in files above all, and shown through
/// [`told_sentence`](crate::words::told_sentence): `kept!("{n} features kept", n = 27)`.
#[macro_export]
macro_rules! kept {
    ($text:literal $(, $name:ident $(= $value:expr)?)+ $(,)?) => {
        $crate::words::fill(
            $text,
            &[$((stringify!($name), &$crate::tf!(@value $name $(= $value)?) as &dyn ::std::fmt::Display)),+],
        )
    };
}

/// Every translation into a language, as (English, other).
pub fn catalogue(language: Language) -> Vec<(&'static str, &'static str)> {
    match language {
        Language::English => Vec::new(),
        Language::Chinese => CHINESE.texts.iter().map(|(english, other)| (*english, *other)).collect(),
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
    fn sentences_of_files_are_told_with_their_values() {
        let pieces = Pieces::of("{a} of {b:.2}, not {a}");
        assert_eq!((&pieces.words[..], &pieces.places[..]), (&["", " of ", ", not ", ""][..], &["a", "b", "a"][..]));
        assert_eq!(pieces.values("x of y, z of w, not x"), Some(vec![("a", "x"), ("b", "y, z of w"), ("a", "x")]));
        assert_eq!(pieces.values("x of y"), None);
        assert_eq!(Pieces::of("no place").values("no place, but more"), None);
        let (months, cohort) = (12.5, "a \"b\"{c}");
        let kept = crate::kept!("Any recurrence within {months} months", months);
        let said = crate::kept!(
            "Trained on {n} patients of the cohort \"{cohort}\", validated in no other one.",
            n = 3,
            cohort
        );
        assert_eq!(told_sentence(&kept), "Any recurrence within 12.5 months");
        speak(Language::Chinese);
        assert_eq!(told_sentence(&kept), "12.5 个月内任何复发");
        assert!(
            told_sentence(&said).contains('3') && told_sentence(&said).contains(cohort),
            "{}",
            told_sentence(&said)
        );
        assert_eq!(told_sentence("Undo"), "撤销");
        assert_eq!(told_sentence("words that no catalogue has"), "words that no catalogue has");
        speak(Language::English);
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
