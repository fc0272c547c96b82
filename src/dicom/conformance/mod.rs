//! Whether a structure set keeps to the standard: an own check of the RT Structure Set IOD (PS3.3 A.19.3),
//! over the data set as it stands in the file.
//!
//! `modules.rs` knows which attributes must be there, `values.rs` how values are written, `references.rs`
//! which numbers and UIDs must agree, `contours.rs` what a contour must be. Findings of two sets are compared
//! with [`Comparison`]: what an export introduced, what it inherited, what it repaired.

mod contours;
mod modules;
mod references;
#[cfg(test)]
mod tests;
mod values;

use super::charset::Charset;
use super::raw::DataSet;
use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary as _, DataDictionaryEntry as _};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use std::collections::BTreeMap;

pub(crate) use modules::may_be_empty;
pub(crate) use values::{is_date, is_time};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingKind {
    /// Against a rule of the standard.
    Error,
    /// Allowed, and still a thing over which readers stumble.
    Warning,
}

/// One place of a structure set that is not as the standard says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    pub kind: FindingKind,
    /// Tags from the data set down, items counted from 1: `(3006,0020)[2] (3006,0026)`.
    pub path: String,
    /// Keyword of the attribute, such as `ROIName`.
    pub attribute: String,
    /// Number and name of the ROI that it is about.
    pub roi_number: Option<i32>,
    pub roi: String,
    /// What is wrong, in a sentence without the value.
    pub text: String,
    /// The value that is wrong, shortened; empty where there is none.
    pub value: String,
    /// The part of DICOM that says so.
    pub part: String,
}

/// What a check of one data set found, in the order of the data set.
pub(crate) fn check(ds: &DataSet) -> Vec<Finding> {
    let mut report = Report::of(ds);
    modules::check(&mut report, ds);
    values::check(&mut report, ds);
    references::check(&mut report, ds);
    contours::check(&mut report, ds);
    report.findings
}

/// Findings while they are collected.
struct Report {
    charset: Charset,
    names: BTreeMap<i32, String>,
    findings: Vec<Finding>,
}

/// Where in the data set: sequences with the number of their item, and the ROI.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    path: String,
    roi: Option<i32>,
}

impl Place {
    /// The path of an attribute here.
    pub fn path_of(&self, tag: Tag) -> String {
        format!("{}{}", self.path, tag_text(tag))
    }

    pub fn item(&self, sequence: Tag, index: usize) -> Self {
        let path = format!("{}{}[{}] ", self.path, tag_text(sequence), index + 1);
        Self { path, roi: self.roi }
    }

    /// The same, about the ROI that an item of one of the three sequences of ROIs names.
    pub fn roi_item(&self, sequence: Tag, index: usize, item: &DataSet) -> Self {
        Self { roi: roi_number(sequence, item).or(self.roi), ..self.item(sequence, index) }
    }
}

/// The number by which an item of a sequence of ROIs says which ROI it is about.
pub(crate) fn roi_number(sequence: Tag, item: &DataSet) -> Option<i32> {
    match sequence {
        tags::STRUCTURE_SET_ROI_SEQUENCE => item.integer(tags::ROI_NUMBER),
        tags::ROI_CONTOUR_SEQUENCE | tags::RTROI_OBSERVATIONS_SEQUENCE => item.integer(tags::REFERENCED_ROI_NUMBER),
        _ => None,
    }
}

fn tag_text(tag: Tag) -> String {
    format!("({:04X},{:04X})", tag.0, tag.1)
}

/// Keyword of an attribute; its tag where the standard's dictionary does not know it.
pub(crate) fn keyword(tag: Tag) -> String {
    StandardDataDictionary.by_tag(tag).map_or_else(|| tag_text(tag), |e| e.alias().to_owned())
}

impl Report {
    fn of(ds: &DataSet) -> Self {
        let charset = Charset::of(ds, &Charset::default());
        let names = ds
            .items(tags::STRUCTURE_SET_ROI_SEQUENCE)
            .iter()
            .filter_map(|i| Some((i.integer(tags::ROI_NUMBER)?, i.text(tags::ROI_NAME, &Charset::of(i, &charset)))))
            .collect();
        Self { charset, names, findings: Vec::new() }
    }

    fn say(&mut self, kind: FindingKind, at: &Place, tag: Tag, text: impl Into<String>, value: &str, part: &str) {
        const SHOWN: usize = 80;
        let finding = Finding {
            kind,
            path: at.path_of(tag),
            attribute: keyword(tag),
            roi_number: at.roi,
            roi: at.roi.and_then(|n| self.names.get(&n).cloned()).unwrap_or_default(),
            text: text.into(),
            value: value.chars().filter(|c| !c.is_control()).take(SHOWN).collect(),
            part: part.to_owned(),
        };
        self.findings.push(finding);
    }

    fn error(&mut self, at: &Place, tag: Tag, text: impl Into<String>, value: &str, part: &str) {
        self.say(FindingKind::Error, at, tag, text, value, part);
    }

    fn warning(&mut self, at: &Place, tag: Tag, text: impl Into<String>, value: &str, part: &str) {
        self.say(FindingKind::Warning, at, tag, text, value, part);
    }
}

/// Findings of a set that was written, against those of what it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Comparison {
    /// New in the set that was written: the program's own fault.
    pub introduced: Vec<Finding>,
    /// In the source already and left as they are.
    pub inherited: Vec<Finding>,
    /// In the source and no longer in the set.
    pub repaired: Vec<Finding>,
}

impl Comparison {
    /// `before`: what was found in the sources, each with the ROI (set, number) that it is about; `after`: the
    /// same for the set that was written, ROIs named by where they came from. Places of items may differ.
    pub(crate) fn of(before: Vec<(Origin, Finding)>, after: Vec<(Origin, Finding)>) -> Self {
        type Key = (Origin, FindingKind, String, String, String);
        let key = |origin: Origin, f: &Finding| -> Key {
            (origin, f.kind, without_item_numbers(&f.path), f.text.clone(), f.value.clone())
        };
        let mut left: BTreeMap<Key, Vec<Finding>> = BTreeMap::new();
        for (origin, finding) in before.into_iter().rev() {
            left.entry(key(origin, &finding)).or_default().push(finding);
        }
        let mut result = Self::default();
        for (origin, finding) in after {
            match left.get_mut(&key(origin, &finding)).and_then(Vec::pop) {
                Some(_) => result.inherited.push(finding),
                None => result.introduced.push(finding),
            }
        }
        result.repaired = left.into_values().flatten().collect();
        result
    }

    /// How many errors there are in a list.
    pub fn errors(findings: &[Finding]) -> usize {
        findings.iter().filter(|f| f.kind == FindingKind::Error).count()
    }
}

/// Where an ROI came from: set and number of a source. `None` for what is about no ROI, and for new ROIs.
pub(crate) type Origin = Option<(usize, i32)>;

fn without_item_numbers(path: &str) -> String {
    let mut inside = false;
    let mut text = String::with_capacity(path.len());
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.kind == FindingKind::Error { "Error" } else { "Warning" };
        write!(f, "{kind}: {} {}", self.attribute, self.text)?;
        if !self.value.is_empty() {
            write!(f, ": \"{}\"", self.value)?;
        }
        match (self.roi_number, self.roi.as_str()) {
            (None, _) => {}
            (Some(number), "") => write!(f, ", ROI {number}")?,
            (Some(_), name) => write!(f, ", ROI \"{name}\"")?,
        }
        write!(f, "; {} {}", self.path, self.part)
    }
}
