//! The words of the interface: every text of the code has its translation with the same places, and no
//! translation is left over.

use hilum::anatomy::{LandmarkId, Quality, RuleSet, borders};
use hilum::geometry::Orientation;
use hilum::structures::{Role, Station};
use hilum::words::{Language, catalogue};
use hilum::workbench::{Action, ToolKind};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use strum::IntoEnumIterator;

/// A text in the code, and the names of the values that it is given.
#[derive(Debug)]
struct Text {
    english: String,
    values: BTreeSet<String>,
    file: PathBuf,
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("readable folder") {
        let path = entry.expect("readable entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// String literals of Rust code outside comments: where they begin and end, and what they say.
fn literals(code: &str) -> Vec<(usize, usize, String)> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &code[at..];
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("'\"'") {
            at += 3;
        } else if let Some(escaped) = rest.strip_prefix("'\\") {
            at += 2 + escaped.find('\'').map_or(0, |n| n.max(1)) + 1;
        } else if let Some(raw) = rest.strip_prefix("r#\"") {
            at += 3 + raw.find("\"#").map_or(raw.len(), |n| n + 2);
        } else if bytes[at] == b'"' {
            let (text, length) = literal(rest);
            found.push((at, at + length, text));
            at += length;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

/// What a literal at the beginning of `code` says, and its length.
fn literal(code: &str) -> (String, usize) {
    let mut text = String::new();
    let mut chars = code.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (text, at + 1),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => text.push('\n'),
                Some('\n') => while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {},
                Some('u') => {
                    let hex: String =
                        chars.by_ref().map(|(_, c)| c).take_while(|c| *c != '}').filter(|c| *c != '{').collect();
                    text.extend(u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32));
                }
                Some(c) => text.push(c),
                None => {}
            },
            c => text.push(c),
        }
    }
    (text, code.len())
}

/// Names of the values after the text of `tf!`, up to its closing bracket.
fn values(code: &str, literals: &[(usize, usize, String)], from: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let (mut depth, mut at, mut expects) = (0, from, false);
    while at < code.len() {
        if let Some((_, end, _)) = literals.iter().find(|(begin, ..)| *begin == at) {
            at = *end;
            expects = false;
            continue;
        }
        let c = code[at..].chars().next().unwrap_or(' ');
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => expects = true,
            c if expects && !c.is_whitespace() => {
                names.insert(code[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
                expects = false;
            }
            _ => {}
        }
        at += c.len_utf8();
    }
    names.remove("");
    names
}

fn texts_of_the_code() -> Vec<Text> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut texts = Vec::new();
    for file in files {
        let all = std::fs::read_to_string(&file).expect("readable source");
        let code = all.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let literals = literals(code);
        for (begin, end, english) in &literals {
            let before = code[..*begin].trim_end();
            let call = |name: &str| {
                before
                    .strip_suffix(name)
                    .is_some_and(|b| !b.ends_with(|c: char| c.is_alphanumeric() || "_!.".contains(c)))
            };
            let with_values = call("tf!(") || call("kept!(");
            if with_values || call("t(") || call("keep(") {
                let values = if with_values { values(code, &literals, *end) } else { BTreeSet::new() };
                texts.push(Text { english: english.clone(), values, file: file.clone() });
            }
        }
    }
    texts
}

/// Texts that stand in tables of the program and are translated when they are shown.
fn texts_of_tables() -> BTreeSet<String> {
    let mut texts: Vec<String> = Vec::new();
    for row in Action::iter().map(Action::row) {
        texts.extend([row.label, row.tooltip].map(str::to_owned));
    }
    for help in ToolKind::iter().map(ToolKind::help) {
        texts.extend([help.title, help.purpose].map(str::to_owned));
        texts.extend(help.steps.iter().flat_map(|(gesture, effect)| [gesture, effect]).map(|t| (*t).to_owned()));
        texts.extend(help.notes.iter().map(|t| (*t).to_owned()));
    }
    texts.extend(Station::iter().map(|s| s.name().to_owned()));
    texts.extend([Role::Organ, Role::Other].map(Role::label));
    for orientation in Orientation::iter() {
        texts.extend(["", " view", " position"].map(|what| format!("{orientation}{what}")));
    }
    texts.push("Left axial view".to_owned());
    texts.extend(LandmarkId::all().map(|id| id.label().to_owned()));
    texts.extend(
        [Quality::Organs, Quality::EstimatedLandmarks, Quality::VesselsByNumbers, Quality::AirwayOnly]
            .map(|q| q.label().to_owned()),
    );
    for rules in RuleSet::all() {
        texts.push(rules.name.clone());
        texts.extend(rules.switches().map(|(_, words, _)| words.to_owned()));
        for station in Station::iter() {
            let limits = rules.station(station);
            texts.extend([&limits.superior, &limits.inferior].map(|limit| limit.text.clone()));
        }
    }
    texts.extend(Station::iter().flat_map(borders).map(|border| border.text.to_owned()));
    for entry in hilum::cohort::inconsistencies() {
        texts.extend([&entry.title, &entry.reported, &entry.problem, &entry.treatment].map(Clone::clone));
    }
    texts.into_iter().filter(|t| t.chars().any(char::is_alphabetic)).collect()
}

/// Names of the places in a text.
fn places(text: &str) -> BTreeSet<String> {
    between(text, '{', '}')
}

/// Names of actions whose keys a text tells.
fn keys(text: &str) -> BTreeSet<String> {
    between(text, '<', '>')
}

fn between(text: &str, open: char, close: char) -> BTreeSet<String> {
    let mut rest = text;
    let mut found = BTreeSet::new();
    while let Some((_, after)) = rest.split_once(open) {
        let Some((place, tail)) = after.split_once(close) else { break };
        found.insert(place.split(':').next().unwrap_or_default().to_owned());
        rest = tail;
    }
    found
}

#[test]
fn the_code_is_read_as_the_compiler_reads_it() {
    let code =
        "t(\"a \\\"b\\\" \\\n   c\"); // t(\"no\")\nlet x = '\"'; tf!(\"{n} of {all}\", n = f(\"x, y\", z), all,);";
    let found = literals(code);
    let words: Vec<&str> = found.iter().map(|(.., text)| text.as_str()).collect();
    assert_eq!(words, ["a \"b\" c", "{n} of {all}", "x, y"]);
    let names = values(code, &found, found[1].1);
    assert_eq!(names, ["all", "n"].map(str::to_owned).into());
}

#[test]
fn every_text_has_its_translation_and_every_translation_its_text() {
    let texts = texts_of_the_code();
    assert!(texts.len() > 300, "texts were found: {}", texts.len());
    let tables = texts_of_tables();
    let mut wrong = BTreeSet::new();
    for language in Language::iter().filter(|l| *l != Language::English) {
        let table: BTreeMap<&str, &str> = catalogue(language).into_iter().collect();
        let tag = language.tag();
        for text in &texts {
            let english = text.english.as_str();
            match table.get(english) {
                None => drop(wrong.insert(format!("{tag} lacks {english:?} of {}", text.file.display()))),
                Some(other) if places(other) != places(english) => {
                    wrong.insert(format!("{tag} has other places: {english:?}, {other:?}"));
                }
                Some(other) if other.trim().is_empty() => drop(wrong.insert(format!("{tag} is empty: {english:?}"))),
                Some(_) => {}
            }
            if !text.values.is_empty() && places(english) != text.values {
                wrong.insert(format!("{english:?} is given {:?}", text.values));
            }
        }
        for english in &tables {
            match table.get(english.as_str()) {
                None => drop(wrong.insert(format!("{tag} lacks {english:?} of a table"))),
                Some(other) if keys(other) != keys(english) => {
                    wrong.insert(format!("{tag} tells other keys: {english:?}, {other:?}"));
                }
                Some(_) => {}
            }
            for name in keys(english).iter().filter(|name| name.parse::<Action>().is_err()) {
                wrong.insert(format!("{english:?} tells the key of {name:?}, which is no action"));
            }
        }
        let used: BTreeSet<&str> =
            texts.iter().map(|t| t.english.as_str()).chain(tables.iter().map(String::as_str)).collect();
        for english in table.keys().filter(|english| !used.contains(*english)) {
            wrong.insert(format!("{tag} has {english:?}, which nothing says"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        texts.len(),
        wrong.into_iter().collect::<Vec<_>>().join("\n")
    );
}
