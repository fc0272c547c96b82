//! "Export as new structure set": the source edited in place, or a new structure set from nothing.
//!
//! The data set of the first source that an ROI still comes from is the base: rings that nobody touched
//! keep their bytes, and so does every attribute that is not about an edit (`edit.rs`). ROIs of further
//! sources are added with all their items; only the numbers are new (`merge.rs`). Without a source a new
//! data set is made (`create.rs`). Always Implicit VR Little Endian, because Explicit VR cannot hold contour
//! data beyond 65534 bytes (note to (3006,0050) in PS3.3 C.8.8.6).

mod contours;
mod create;
mod edit;
mod merge;
mod recode;
mod references;
mod repair;
#[cfg(test)]
mod tests;

pub use repair::Repair;

use super::charset::Charset;
use super::meta::CtMeta;
use super::provenance::with_recipe;
use super::raw::{DataSet, Value};
use super::rtstruct_read::{SourceStructureSet, contour_items, frame_of_roi, frames_of_reference};
use super::value::{limit, now};
use crate::geometry::VoxelGrid;
use crate::structures::{Roi, RoiId, StructureSet};
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is to be written.
#[derive(Debug, Clone, Copy)]
pub struct ExportRequest<'a> {
    /// The CT on which the structures lie, and its grid.
    pub ct: &'a CtMeta,
    pub grid: &'a VoxelGrid,
    pub structures: &'a StructureSet,
    /// The structure sets from which ROIs came, in the order that [`crate::structures::SourceRoi::set`] counts.
    pub sources: &'a [Arc<SourceStructureSet>],
    /// Structure Set Label; the first 16 characters are used.
    pub label: &'a str,
    /// Goes into the Structure Set Description, before the research-only sentence; may be empty.
    pub description: &'a str,
    /// Whether another file at the target (never a source) may be replaced.
    pub overwrite: bool,
    /// Whether the proof beside the set leaves out names, values and UIDs.
    pub hide_identifiers: bool,
}

/// A data set ready to be written, and what the proof needs to know about it.
#[derive(Debug)]
pub(crate) struct Composed {
    pub dataset: DataSet,
    pub rois: Vec<ComposedRoi>,
    pub notes: Vec<String>,
    pub repairs: Vec<Repair>,
    /// The source whose data set was edited.
    pub base: Option<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct ComposedRoi {
    /// Index in the structure set of the request.
    pub index: usize,
    /// ROI Number in the new set.
    pub number: i32,
    /// Contours taken over as they were: index in the new set, index in the source.
    pub kept: Vec<(usize, usize)>,
    /// Set and ROI Number of the source.
    pub source: Option<(usize, i32)>,
    /// True where the name must be the source's byte for byte.
    pub name_kept: bool,
}

/// What is added to a description: what the user says, and the research-only sentence.
fn addition(own: &str, before: &str) -> String {
    let own = own.chars().filter(|c| !c.is_control() || matches!(c, '\r' | '\n')).collect::<String>();
    let sentence = if before.contains(crate::RESEARCH_ONLY) { "" } else { crate::RESEARCH_ONLY };
    let text = [own.trim(), sentence].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ");
    // The sentence at the end is the part that must stay.
    text.chars().skip(text.chars().count().saturating_sub(DESCRIPTION_LENGTH)).collect()
}

/// Characters that ST holds.
const DESCRIPTION_LENGTH: usize = 1024;

/// Builds the data set for a request.
pub(crate) fn compose(request: &ExportRequest) -> Composed {
    let (date, time) = now();
    let used: BTreeSet<usize> = request.structures.rois.iter().filter_map(|r| r.source.map(|s| s.set)).collect();
    let used: Vec<usize> = used.into_iter().filter(|set| *set < request.sources.len()).collect();
    let mut composer = match used.split_first() {
        Some((base, added)) => Composer::edit(request, *base, added, &date, &time),
        None => Composer::create(request, &date, &time),
    };
    composer.write_rois();
    composer.ds.put_str(tags::APPROVAL_STATUS, "UNAPPROVED");
    for tag in [tags::REVIEW_DATE, tags::REVIEW_TIME, tags::REVIEWER_NAME] {
        composer.ds.remove(tag);
    }
    if composer.base.is_some() {
        composer.repair();
    }
    Composed {
        dataset: composer.ds,
        rois: composer.rois,
        notes: composer.notes,
        repairs: composer.repairs,
        base: composer.base,
    }
}

struct Composer<'a> {
    request: &'a ExportRequest<'a>,
    ds: DataSet,
    charset: Charset,
    /// The source whose data set is edited.
    base: Option<usize>,
    /// True where the texts of the base went to another character set.
    recoded: bool,
    rois: Vec<ComposedRoi>,
    notes: Vec<String>,
    repairs: Vec<Repair>,
    used_images: bool,
    /// The ROI Number that each structure gets.
    numbers: BTreeMap<RoiId, i32>,
}

/// One ROI of a source, looked up.
struct SourceItems<'a> {
    set: usize,
    number: i32,
    source: &'a SourceStructureSet,
    roi: &'a DataSet,
    /// Items of the ROI Contour Sequence; one, or none, in a proper set.
    contours: Vec<&'a DataSet>,
}

impl<'a> SourceItems<'a> {
    /// The contours of all items, as [`Ring::source_contour`] counts them, with the index of their item.
    fn contours(&self) -> Vec<(usize, &'a DataSet)> {
        let items = self.contours.iter().enumerate();
        items.flat_map(|(at, item)| item.items(tags::CONTOUR_SEQUENCE).iter().map(move |c| (at, c))).collect()
    }

    fn observations(&self) -> impl Iterator<Item = &'a DataSet> {
        let (all, number) = (self.source.dataset.items(tags::RTROI_OBSERVATIONS_SEQUENCE), self.number);
        all.iter().filter(move |o| o.integer(tags::REFERENCED_ROI_NUMBER) == Some(number))
    }

    /// Frame of reference, its own or the only one of its set; may be empty.
    fn frame(&self) -> String {
        frame_of_roi(&frames_of_reference(&self.source.dataset), self.roi)
    }
}

impl<'a> Composer<'a> {
    fn put_text(&mut self, tag: Tag, text: &str) {
        put_text(&mut self.ds, tag, text, &self.charset);
    }

    fn put_set_identity(&mut self, date: &str, time: &str) {
        let label = limit(self.request.label, 16);
        self.put_text(tags::STRUCTURE_SET_LABEL, if label.is_empty() { "Hilum" } else { &label });
        let before = self.ds.text(tags::STRUCTURE_SET_DESCRIPTION, &self.charset);
        let added = addition(self.request.description, &before);
        // The bytes before stay: they may be in a character set that this program reads and does not write.
        let bytes = self.ds.bytes(tags::STRUCTURE_SET_DESCRIPTION).unwrap_or_default().trim_ascii_end();
        if before.is_empty() {
            self.put_text(tags::STRUCTURE_SET_DESCRIPTION, &added);
        } else if added.is_empty() {
            // Everything is said already.
        } else if before.chars().count() + 1 + added.chars().count() <= DESCRIPTION_LENGTH {
            let added = self.charset.encode(&added).unwrap_or_default();
            let joined = [bytes, b" ", &added].concat();
            self.ds.put(tags::STRUCTURE_SET_DESCRIPTION, Value::Bytes(joined));
        } else {
            self.notes.push("The structure set description of the source was too long to keep".to_owned());
            self.put_text(tags::STRUCTURE_SET_DESCRIPTION, &added);
        }
        self.ds.put_str(tags::STRUCTURE_SET_DATE, date);
        self.ds.put_str(tags::STRUCTURE_SET_TIME, time);
    }

    /// The words of ROI Description with the recipe of a derived structure.
    fn described(&mut self, roi: &Roi, words: &str) -> String {
        let text = with_recipe(words, roi.derivation.as_deref(), |id| self.numbers.get(&id).copied());
        text.unwrap_or_else(|| {
            let name = &roi.name;
            self.notes.push(format!(
                "The recipe of \"{name}\" could not be kept: a structure of it is not there, or too long"
            ));
            words.to_owned()
        })
    }

    fn source_items(&self, roi: &Roi) -> Option<SourceItems<'a>> {
        let link = roi.source?;
        let source: &'a SourceStructureSet = self.request.sources.get(link.set)?;
        let items = source.dataset.items(tags::STRUCTURE_SET_ROI_SEQUENCE);
        Some(SourceItems {
            set: link.set,
            number: link.number,
            source,
            roi: items.iter().find(|i| i.integer(tags::ROI_NUMBER) == Some(link.number))?,
            contours: contour_items(&source.dataset).remove(&link.number).unwrap_or_default(),
        })
    }

    fn write_rois(&mut self) {
        if let Some(base) = self.base {
            self.remove_deleted(base);
        }
        let request = self.request;
        let numbers =
            self.ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE).iter().filter_map(|i| i.integer(tags::ROI_NUMBER));
        let mut last = numbers.max().unwrap_or(0).max(0);
        let mut edited: BTreeSet<i32> = BTreeSet::new();
        // All numbers are known before the first item is written: items refer to each other.
        let mut new_numbers: BTreeMap<(usize, i32), i32> = BTreeMap::new();
        let mut planned = Vec::with_capacity(request.structures.rois.len());
        for roi in &request.structures.rois {
            let source = self.source_items(roi);
            let in_place = source.as_ref().is_some_and(|s| self.edits_in_place(s, &mut edited));
            let number = match &source {
                Some(s) if in_place => s.number,
                _ => {
                    last += 1;
                    last
                }
            };
            if let Some(s) = &source {
                new_numbers.entry((s.set, s.number)).or_insert(number);
            }
            planned.push((roi, source, in_place, number));
        }
        self.numbers = planned.iter().map(|(roi, _, _, number)| (roi.id, *number)).collect();
        for (index, (roi, source, in_place, number)) in planned.into_iter().enumerate() {
            let (contours, kept) = self.contour_sequence(roi, source.as_ref());
            if let Some(source) = &source {
                let before = source.contours().len();
                let touched = kept.len() != before || contours.iter().map(Vec::len).sum::<usize>() != before;
                if !in_place {
                    self.adopt_roi(number, source, &new_numbers);
                }
                self.edit_roi(roi, number, source, touched.then_some(contours));
            } else {
                self.add_roi(roi, number, contours.concat());
            }
            let name_kept = source.as_ref().is_some_and(|s| {
                let recoded = if in_place { self.recoded } else { s.source.charset != self.charset };
                s.source.roi_name(s.roi) == roi.name && (!recoded || s.source.charset_of_name_is_moot(s.roi))
            });
            let source = source.map(|s| (s.set, s.number));
            self.rois.push(ComposedRoi { index, number, kept, source, name_kept });
        }
        if self.base.is_some() && self.used_images {
            self.add_reference_chain();
        }
    }
}

fn push_item(ds: &mut DataSet, sequence: Tag, item: DataSet) {
    match ds.items_mut(sequence) {
        Some(items) => items.push(item),
        None => ds.put_items(sequence, vec![item]),
    }
}

fn put_text(ds: &mut DataSet, tag: Tag, text: &str, charset: &Charset) {
    let bytes = charset
        .encode(text)
        .unwrap_or_else(|| text.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }).collect());
    ds.put(tag, Value::Bytes(bytes));
}
