//! What differs between a structure set and the source that was edited: every attribute, with what was there
//! before and what is there after, in words.

use super::charset::Charset;
use super::conformance::{Place, keyword, roi_number};
use super::raw::{DataSet, Element, Value};
use super::rtstruct_read::SourceStructureSet;
use super::rtstruct_write::ComposedRoi;
use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// One attribute that differs from the source.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Change {
    /// Tags from the data set down, items counted from 1, as they are in the file that was written.
    pub path: String,
    /// Keyword of the attribute.
    pub attribute: String,
    /// Name of the ROI that it is about; empty where it is about none.
    pub roi: String,
    /// The values in words; `None` where the attribute is not there.
    pub before: Option<String>,
    pub after: Option<String>,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = |value: &Option<String>| match value.as_deref() {
            None => "not there".to_owned(),
            Some("") => "empty".to_owned(),
            Some(text) => text.to_owned(),
        };
        write!(f, "{}", self.attribute)?;
        if !self.roi.is_empty() {
            write!(f, " of \"{}\"", self.roi)?;
        }
        write!(f, ": {} → {}", words(&self.before), words(&self.after))
    }
}

/// The sequences whose items belong to ROIs.
const OF_ROIS: [Tag; 3] =
    [tags::STRUCTURE_SET_ROI_SEQUENCE, tags::ROI_CONTOUR_SEQUENCE, tags::RTROI_OBSERVATIONS_SEQUENCE];

/// All changes of a set that was made from `base`: those of the data set, then ROI by ROI, each against the
/// source from which it came.
pub(crate) fn changes(
    base: usize,
    sources: &[Arc<SourceStructureSet>],
    after: &DataSet,
    rois: &[ComposedRoi],
) -> Vec<Change> {
    let source = &sources[base];
    let mut diff =
        Diff { changes: Vec::new(), roi: String::new(), before: Charset::default(), after: Charset::default() };
    (diff.before, diff.after) = (source.charset.clone(), Charset::of(after, &Charset::default()));
    diff.data_sets(&Place::default(), &source.dataset, after, true);
    for roi in rois {
        diff.roi_from(roi, sources, after);
    }
    let kept: BTreeSet<i32> =
        rois.iter().filter_map(|r| r.source.filter(|s| s.0 == base).map(|(_, number)| number)).collect();
    let items = source.dataset.items(tags::STRUCTURE_SET_ROI_SEQUENCE);
    for (n, item) in items.iter().enumerate() {
        let Some(number) = item.integer(tags::ROI_NUMBER).filter(|number| !kept.contains(number)) else { continue };
        diff.roi = source.roi_name(item);
        let at = Place::default().item(tags::STRUCTURE_SET_ROI_SEQUENCE, n);
        diff.push(&at, tags::ROI_NUMBER, Some(number.to_string()), None);
    }
    diff.changes
}

struct Diff {
    changes: Vec<Change>,
    roi: String,
    before: Charset,
    after: Charset,
}

impl Diff {
    fn push(&mut self, at: &Place, tag: Tag, before: Option<String>, after: Option<String>) {
        let change = Change { path: at.path_of(tag), attribute: keyword(tag), roi: self.roi.clone(), before, after };
        self.changes.push(change);
    }

    fn roi_from(&mut self, roi: &ComposedRoi, sources: &[Arc<SourceStructureSet>], after: &DataSet) {
        let top = Charset::of(after, &Charset::default());
        let named = of(after, tags::STRUCTURE_SET_ROI_SEQUENCE, roi.number);
        self.roi = named.first().map_or_else(String::new, |(_, i)| i.text(tags::ROI_NAME, &Charset::of(i, &top)));
        let source = roi.source.and_then(|(set, number)| Some((sources.get(set)?, number)));
        for sequence in OF_ROIS {
            let new = of(after, sequence, roi.number);
            let old = source.map(|(s, number)| of(&s.dataset, sequence, number)).unwrap_or_default();
            for (n, item) in &new {
                let place = Place::default().item(sequence, *n);
                match (old.get(new.iter().position(|(m, _)| m == n).unwrap_or(usize::MAX)), source) {
                    (Some((_, before)), Some((source, _))) => {
                        self.before = source.charset.clone();
                        self.after = top.clone();
                        self.data_sets(&place, before, item, false);
                    }
                    _ => {
                        let number = format!("added as ROI {}", roi.number);
                        self.push(&Place::default(), sequence, None, Some(number));
                    }
                }
            }
            for _ in new.len()..old.len() {
                self.push(&Place::default(), sequence, Some("an item".to_owned()), None);
            }
        }
        self.roi.clear();
    }

    fn data_sets(&mut self, at: &Place, before: &DataSet, after: &DataSet, is_top: bool) {
        let (outer_before, outer_after) = (self.before.clone(), self.after.clone());
        self.before = Charset::of(before, &outer_before);
        self.after = Charset::of(after, &outer_after);
        let all: BTreeSet<Tag> = before.elements().iter().chain(after.elements()).map(|e| e.tag).collect();
        for tag in all.into_iter().filter(|t| t.1 != 0) {
            if is_top && OF_ROIS.contains(&tag) && before.get(tag).is_some() == after.get(tag).is_some() {
                continue;
            }
            self.attribute(at, tag, before.get(tag), after.get(tag));
        }
        (self.before, self.after) = (outer_before, outer_after);
    }

    fn attribute(&mut self, at: &Place, tag: Tag, before: Option<&Element>, after: Option<&Element>) {
        let words = |e: Option<&Element>, charset: &Charset| e.map(|e| in_words(e, charset));
        let (old, new) = (words(before, &self.before), words(after, &self.after));
        match (before.map(|e| &e.value), after.map(|e| &e.value)) {
            (Some(Value::Bytes(a)), Some(Value::Bytes(b))) => {
                // Padding says nothing, and another character set may say the same.
                if trimmed(a) != trimmed(b) && (old != new || before.is_some_and(|e| !is_text(e.vr))) {
                    self.push(at, tag, old, new);
                }
            }
            (Some(Value::Items(a)), Some(Value::Items(b))) if a == b => {}
            (Some(Value::Items(a)), Some(Value::Items(b))) if tag == tags::CONTOUR_SEQUENCE => {
                let mut free: HashMap<&[u8], usize> = HashMap::new();
                for item in a {
                    *free.entry(item.bytes(tags::CONTOUR_DATA).unwrap_or_default()).or_default() += 1;
                }
                let is_kept = |item: &&DataSet| {
                    let left = free.get_mut(item.bytes(tags::CONTOUR_DATA).unwrap_or_default());
                    left.filter(|n| **n > 0).map(|n| *n -= 1).is_some()
                };
                let kept = b.iter().filter(is_kept).count();
                let new = format!("{} contours, {kept} of them as they were", b.len());
                self.push(at, tag, Some(format!("{} contours", a.len())), Some(new));
            }
            (Some(Value::Items(a)), Some(Value::Items(b))) => {
                if a.len() == b.len() {
                    for (n, (a, b)) in a.iter().zip(b).enumerate() {
                        self.data_sets(&at.item(tag, n), a, b, false);
                    }
                } else {
                    self.push(at, tag, old, new);
                }
            }
            (None, None) => {}
            _ => self.push(at, tag, old, new),
        }
    }
}

/// The items of a sequence that are about an ROI, with their place.
fn of(ds: &DataSet, sequence: Tag, number: i32) -> Vec<(usize, &DataSet)> {
    let items = ds.items(sequence).iter().enumerate();
    items.filter(|(_, i)| roi_number(sequence, i) == Some(number)).collect()
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|b| !matches!(b, b' ' | 0)).map_or(0, |p| p + 1);
    &bytes[..end]
}

fn is_text(vr: VR) -> bool {
    matches!(vr, VR::SH | VR::LO | VR::ST | VR::LT | VR::UT | VR::UC | VR::PN)
}

/// A value as people read it, shortened.
fn in_words(element: &Element, charset: &Charset) -> String {
    const SHOWN: usize = 120;
    let text = match &element.value {
        Value::Items(items) if items.len() == 1 => return "1 item".to_owned(),
        Value::Items(items) => return format!("{} items", items.len()),
        Value::Bytes(bytes) if is_text(element.vr) => charset.decode(bytes),
        Value::Bytes(bytes) => match std::str::from_utf8(trimmed(bytes)) {
            Ok(text) if !matches!(element.vr, VR::US | VR::UL | VR::OB | VR::OW | VR::FL | VR::FD) => text.to_owned(),
            _ => return format!("{} bytes", bytes.len()),
        },
    };
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    if text.chars().count() > SHOWN {
        format!("{}…", text.chars().take(SHOWN).collect::<String>())
    } else {
        text.to_owned()
    }
}
