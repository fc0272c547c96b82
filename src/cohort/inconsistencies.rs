//! Statements of the paper that do not fit each other, in words for the reader.

use std::sync::LazyLock;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inconsistency {
    pub title: String,
    /// What the paper says.
    pub reported: String,
    /// Why it does not add up.
    pub problem: String,
    /// What this program does about it.
    pub treatment: String,
}

#[derive(serde::Deserialize)]
struct File {
    entry: Vec<Inconsistency>,
}

/// All known inconsistencies, in the order of their weight.
pub fn inconsistencies() -> &'static [Inconsistency] {
    static LIST: LazyLock<Vec<Inconsistency>> = LazyLock::new(|| {
        let text = include_str!("../../assets/cohort/inconsistencies.toml");
        toml::from_str::<File>(text).expect("the built-in list is tested").entry
    });
    &LIST
}
