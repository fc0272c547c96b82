//! "Export as new structure set": the source edited in place, or a new structure set from nothing.
//!
//! The data set of the first source that an ROI still comes from is the base: rings that nobody touched
//! keep their bytes, and so does every attribute that is not about an edit. ROIs of further sources are
//! added with all their items; only the numbers are new. Without a source a new data set is made. Always
//! Implicit VR Little Endian, because Explicit VR cannot hold contour data beyond 65534 bytes (note to
//! (3006,0050) in PS3.3 C.8.8.6).

use super::charset::Charset;
use super::contours::{Binding, Contour, bind};
use super::meta::CtMeta;
use super::provenance::provenance_text;
use super::raw::{DataSet, Value};
use super::rtstruct_read::{
    SourceStructureSet, contour_items, display_color, frame_of_roi, frames_of_reference, generation, interpreted_types,
    is_other_frame,
};
use super::uid::new_uid;
use super::value::{format_ds, limit, now};
use crate::contour::Ring;
use crate::geometry::VoxelGrid;
use crate::structures::{Roi, Role, StructureSet, propose_role};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};
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
}

/// A data set ready to be written, and what the proof needs to know about it.
#[derive(Debug)]
pub(crate) struct Composed {
    pub dataset: DataSet,
    pub rois: Vec<ComposedRoi>,
    pub notes: Vec<String>,
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

/// RT ROI Interpreted Type (3006,00A4) of a role; `None` where DICOM has no word for it.
fn interpreted_type(role: Role) -> Option<&'static str> {
    match role {
        Role::Gtvp | Role::Gtvn => Some("GTV"),
        Role::Ctv => Some("CTV"),
        Role::Station(_) | Role::Organ => Some("ORGAN"),
        Role::Other => None,
    }
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
    Composed { dataset: composer.ds, rois: composer.rois, notes: composer.notes, base: composer.base }
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
    used_images: bool,
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
    /// Starts from the data set of a source; ROIs of the sources `added` will join it.
    fn edit(request: &'a ExportRequest<'a>, base: usize, added: &[usize], date: &str, time: &str) -> Self {
        let source = request.sources[base].as_ref();
        let mut composer = Self {
            request,
            ds: source.dataset.clone(),
            charset: source.charset.clone(),
            base: Some(base),
            recoded: false,
            rois: Vec::new(),
            notes: Vec::new(),
            used_images: false,
        };
        if !composer.changes_fit() {
            let (ds, utf8) = (&mut composer.ds, Charset::utf8());
            recode(ds, &composer.charset, &utf8);
            ds.put_str(tags::SPECIFIC_CHARACTER_SET, Charset::UTF8_CODE);
            composer.charset = utf8;
            composer.recoded = true;
        }
        let ds = &mut composer.ds;
        ds.put_str(tags::SOP_INSTANCE_UID, &new_uid());
        ds.put_str(tags::SERIES_INSTANCE_UID, &new_uid());
        ds.put_str(tags::INSTANCE_CREATION_DATE, date);
        ds.put_str(tags::INSTANCE_CREATION_TIME, time);
        for (tag, value) in [(tags::SERIES_DATE, date), (tags::SERIES_TIME, time)] {
            if ds.get(tag).is_some() {
                ds.put_str(tag, value);
            }
        }
        // One at most; the proof names the others.
        let predecessor = reference(uids::RT_STRUCTURE_SET_STORAGE, &source.sop_instance_uid);
        ds.put_items(tags::PREDECESSOR_STRUCTURE_SET_SEQUENCE, vec![predecessor]);
        composer.put_set_identity(date, time);
        composer.add_contributing_equipment(date, time);
        for set in added {
            let rois = request.structures.rois.iter().filter(|r| r.source.is_some_and(|s| s.set == *set)).count();
            composer.notes.push(format!(
                "{rois} structures of \"{}\" were added to those of \"{}\"",
                request.sources[*set].label, source.label
            ));
        }
        composer
    }

    /// True if every text that is new in the base can be written in its character set.
    fn changes_fit(&self) -> bool {
        let request = self.request;
        let fits = |text: &str| self.charset.encode(text).is_some();
        let mut edited = BTreeSet::new();
        request.structures.rois.iter().all(|roi| match self.source_items(roi) {
            None => fits(&roi.name) && fits(&provenance_text(&roi.provenance)),
            Some(source) => {
                let own = Charset::of(source.roi, &source.source.charset);
                let is_added = !self.edits_in_place(&source, &mut edited);
                let renamed = source.source.roi_name(source.roi) != roi.name;
                let target = if is_added { &self.charset } else { &own };
                (!renamed || target.encode(&roi.name).is_some()) && (!is_added || self.texts_fit(&source))
            }
        }) && [request.label, request.description].into_iter().all(fits)
    }

    /// True if the items of an ROI of another set can be written in the character set of the base.
    fn texts_fit(&self, source: &SourceItems) -> bool {
        let outer = &source.source.charset;
        let items = [source.roi].into_iter().chain(source.observations());
        *outer == self.charset || items.into_iter().all(|item| can_recode(item, outer, &self.charset))
    }

    /// True for the first ROI that comes from an ROI of the base; a second one, made from the same, is new.
    fn edits_in_place(&self, source: &SourceItems, edited: &mut BTreeSet<i32>) -> bool {
        self.base == Some(source.set) && edited.insert(source.number)
    }

    /// Starts from the CT: same patient, study and frame of reference.
    fn create(request: &'a ExportRequest<'a>, date: &str, time: &str) -> Self {
        let ct = request.ct;
        let of_ct = [
            (tags::ACCESSION_NUMBER, ct.accession_number.as_str(), 16),
            (tags::REFERRING_PHYSICIAN_NAME, &ct.referring_physician, 64),
            (tags::STUDY_DESCRIPTION, &ct.study_description, 64),
            (tags::PATIENT_NAME, &ct.patient.dicom_name, 324),
            (tags::PATIENT_ID, &ct.patient.id, 64),
            (tags::STUDY_ID, &ct.study_id, 16),
            (tags::POSITION_REFERENCE_INDICATOR, &ct.position_reference_indicator, 64),
        ];
        let rois = &request.structures.rois;
        let fit = |charset: &Charset| {
            let fits = |text: &str| charset.encode(text).is_some();
            [request.label, request.description].into_iter().all(fits)
                && rois.iter().all(|r| fits(&r.name) && fits(&provenance_text(&r.provenance)))
        };
        // The values of the CT stay as they are, in its character set, where the texts of this set fit that
        // too; else everything is UTF-8.
        let ascii = Charset::default();
        let of_file = Charset::declared(&ct.header_texts.charset);
        let raw: Vec<Option<&[u8]>> = of_ct.iter().map(|(tag, text, _)| ct.header_texts.bytes_of(*tag, text)).collect();
        let mut ds = DataSet::default();
        let (charset, as_in_file) = if of_ct.iter().all(|t| t.1.is_ascii()) && fit(&ascii) {
            (ascii, false)
        } else if of_ct.iter().zip(&raw).all(|(t, raw)| t.1.is_empty() || raw.is_some()) && fit(&of_file) {
            ds.put(tags::SPECIFIC_CHARACTER_SET, Value::Bytes(ct.header_texts.charset.clone()));
            (of_file, true)
        } else {
            ds.put_str(tags::SPECIFIC_CHARACTER_SET, Charset::UTF8_CODE);
            (Charset::utf8(), false)
        };
        let mut composer = Self {
            request,
            ds,
            charset,
            base: None,
            recoded: false,
            rois: Vec::new(),
            notes: Vec::new(),
            used_images: false,
        };
        for (tag, value) in [
            (tags::INSTANCE_CREATION_DATE, date),
            (tags::INSTANCE_CREATION_TIME, time),
            (tags::SOP_CLASS_UID, uids::RT_STRUCTURE_SET_STORAGE),
            (tags::SOP_INSTANCE_UID, &new_uid()),
            (tags::MODALITY, "RTSTRUCT"),
            (tags::STUDY_DATE, &ct.study_date),
            (tags::STUDY_TIME, &ct.study_time),
            (tags::SERIES_DATE, date),
            (tags::SERIES_TIME, time),
            (tags::PATIENT_BIRTH_DATE, &ct.patient.birth_date),
            (tags::PATIENT_SEX, &ct.patient.sex),
            (tags::STUDY_INSTANCE_UID, &ct.study_instance_uid),
            (tags::SERIES_INSTANCE_UID, &new_uid()),
            (tags::SERIES_NUMBER, "1"),
            (tags::INSTANCE_NUMBER, "1"),
        ] {
            composer.ds.put_str(tag, value);
        }
        // A CT without frame of reference gets one of its own; the images referred to tie them together.
        let frame = if ct.frame_of_reference_uid.is_empty() { new_uid() } else { ct.frame_of_reference_uid.clone() };
        composer.ds.put_str(tags::FRAME_OF_REFERENCE_UID, &frame);
        for (tag, text, length) in [
            (tags::MANUFACTURER, "Hilum", 64),
            (tags::SERIES_DESCRIPTION, request.label, 64),
            (tags::OPERATORS_NAME, "", 64),
            (tags::MANUFACTURER_MODEL_NAME, "Hilum", 64),
            (tags::SOFTWARE_VERSIONS, env!("CARGO_PKG_VERSION"), 64),
        ] {
            composer.put_text(tag, &limit(text, length));
        }
        for ((tag, text, length), raw) in of_ct.into_iter().zip(raw) {
            match raw.filter(|_| as_in_file) {
                Some(raw) => composer.ds.put(tag, Value::Bytes(raw.to_vec())),
                None => composer.put_text(tag, &limit(text, length)),
            }
        }
        composer.put_set_identity(date, time);
        let mut frame_item = DataSet::default();
        frame_item.put_str(tags::FRAME_OF_REFERENCE_UID, &frame);
        composer.ds.put_items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE, vec![frame_item]);
        composer.add_reference_chain();
        composer
    }

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

    /// Says that this program changed the instance (PS3.3 C.12.1, Contributing Equipment Sequence).
    fn add_contributing_equipment(&mut self, date: &str, time: &str) {
        let mut purpose = DataSet::default();
        purpose.put_str(tags::CODE_VALUE, "109103");
        purpose.put_str(tags::CODING_SCHEME_DESIGNATOR, "DCM");
        purpose.put_str(tags::CODE_MEANING, "Modifying Equipment");
        let mut item = DataSet::default();
        item.put_str(tags::MANUFACTURER, "Hilum");
        item.put_str(tags::MANUFACTURER_MODEL_NAME, "Hilum");
        item.put_str(tags::SOFTWARE_VERSIONS, env!("CARGO_PKG_VERSION"));
        item.put_str(tags::CONTRIBUTION_DATE_TIME, &format!("{date}{time}"));
        item.put_items(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, vec![purpose]);
        match self.ds.items_mut(tags::CONTRIBUTING_EQUIPMENT_SEQUENCE) {
            Some(items) => items.push(item),
            None => self.ds.put_items(tags::CONTRIBUTING_EQUIPMENT_SEQUENCE, vec![item]),
        }
    }

    /// Makes the chain frame of reference, study, series, images list every slice of the CT. What is there stays.
    fn add_reference_chain(&mut self) {
        let ct = self.request.ct;
        if self.ds.items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE).is_empty() {
            let mut frame = DataSet::default();
            frame.put_str(tags::FRAME_OF_REFERENCE_UID, &ct.frame_of_reference_uid);
            self.ds.put_items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE, vec![frame]);
        }
        let Some(frames) = self.ds.items_mut(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE) else { return };
        let ours = |f: &DataSet| f.string(tags::FRAME_OF_REFERENCE_UID) == ct.frame_of_reference_uid;
        let frame = frames.iter().position(ours).unwrap_or(0);
        let study = item_with(
            &mut frames[frame],
            tags::RT_REFERENCED_STUDY_SEQUENCE,
            tags::REFERENCED_SOP_INSTANCE_UID,
            &ct.study_instance_uid,
        );
        if study.get(tags::REFERENCED_SOP_CLASS_UID).is_none() {
            // Detached Study Management (retired): the class that every planning system writes here.
            study.put_str(tags::REFERENCED_SOP_CLASS_UID, "1.2.840.10008.3.1.2.3.1");
        }
        let series =
            item_with(study, tags::RT_REFERENCED_SERIES_SEQUENCE, tags::SERIES_INSTANCE_UID, &ct.series_instance_uid);
        let mut images = series.items(tags::CONTOUR_IMAGE_SEQUENCE).to_vec();
        let mut listed: BTreeSet<String> = images.iter().map(|i| i.string(tags::REFERENCED_SOP_INSTANCE_UID)).collect();
        images.extend(
            (ct.slices.iter())
                .filter(|s| listed.insert(s.sop_instance_uid.clone()))
                .map(|s| reference(&s.sop_class_uid, &s.sop_instance_uid)),
        );
        series.put_items(tags::CONTOUR_IMAGE_SEQUENCE, images);
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

    /// Adds the items of an ROI of another set (or once more of this one) as they are, under a new number.
    fn adopt_roi(&mut self, number: i32, source: &SourceItems, new_numbers: &BTreeMap<(usize, i32), i32>) {
        let (from, to) = (&source.source.charset, self.charset.clone());
        let adopted = |item: &DataSet| {
            let mut item = item.clone();
            if *from != to {
                recode(&mut item, from, &to);
            }
            item
        };
        let frame = source.frame();
        let mut item = adopted(source.roi);
        item.put_str(tags::ROI_NUMBER, &number.to_string());
        if !frame.is_empty() {
            item.put_str(tags::REFERENCED_FRAME_OF_REFERENCE_UID, &frame);
        }
        push_item(&mut self.ds, tags::STRUCTURE_SET_ROI_SEQUENCE, item);
        for item in &source.contours {
            let mut item = adopted(item);
            item.put_str(tags::REFERENCED_ROI_NUMBER, &number.to_string());
            push_item(&mut self.ds, tags::ROI_CONTOUR_SEQUENCE, item);
        }
        for item in source.observations() {
            let mut item = adopted(item);
            item.put_str(tags::OBSERVATION_NUMBER, &self.next_observation_number().to_string());
            item.put_str(tags::REFERENCED_ROI_NUMBER, &number.to_string());
            // Observation numbers of the other set mean nothing here.
            item.remove(tags::RELATED_RTROI_OBSERVATIONS_SEQUENCE);
            if let Some(related) = item.items_mut(tags::RT_RELATED_ROI_SEQUENCE) {
                let new_number =
                    |i: &DataSet| new_numbers.get(&(source.set, i.integer(tags::REFERENCED_ROI_NUMBER)?)).copied();
                related.retain(|i| new_number(i).is_some());
                for i in &mut *related {
                    let number = new_number(i).map_or_else(String::new, |n| n.to_string());
                    i.put_str(tags::REFERENCED_ROI_NUMBER, &number);
                }
                if related.is_empty() {
                    item.remove(tags::RT_RELATED_ROI_SEQUENCE);
                }
            }
            push_item(&mut self.ds, tags::RTROI_OBSERVATIONS_SEQUENCE, item);
        }
        if self.base != Some(source.set) {
            let frames = source.source.dataset.items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE);
            for item in frames.iter().filter(|f| f.string(tags::FRAME_OF_REFERENCE_UID) == frame) {
                merge_item(&mut self.ds, item, &REFERENCE_CHAIN);
            }
        }
    }

    /// Removes ROIs that are no longer in the structure set, with everything that refers to them.
    fn remove_deleted(&mut self, base: usize) {
        let kept: BTreeSet<i32> = (self.request.structures.rois.iter())
            .filter_map(|r| r.source.filter(|s| s.set == base).map(|s| s.number))
            .collect();
        let gone: BTreeSet<i32> = (self.ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE).iter())
            .filter_map(|i| i.integer(tags::ROI_NUMBER))
            .filter(|n| !kept.contains(n))
            .collect();
        let is_gone = |item: &DataSet, tag: Tag| item.integer(tag).is_some_and(|n| gone.contains(&n));
        for (sequence, tag) in [
            (tags::STRUCTURE_SET_ROI_SEQUENCE, tags::ROI_NUMBER),
            (tags::ROI_CONTOUR_SEQUENCE, tags::REFERENCED_ROI_NUMBER),
            (tags::RTROI_OBSERVATIONS_SEQUENCE, tags::REFERENCED_ROI_NUMBER),
        ] {
            if let Some(items) = self.ds.items_mut(sequence) {
                items.retain(|i| !is_gone(i, tag));
            }
        }
        for observation in self.ds.items_mut(tags::RTROI_OBSERVATIONS_SEQUENCE).into_iter().flatten() {
            if let Some(related) = observation.items_mut(tags::RT_RELATED_ROI_SEQUENCE) {
                related.retain(|i| !is_gone(i, tags::REFERENCED_ROI_NUMBER));
                if related.is_empty() {
                    observation.remove(tags::RT_RELATED_ROI_SEQUENCE);
                }
            }
        }
    }

    /// Changes only what differs from the source: name, color, role, generation, contours (by item of the source).
    fn edit_roi(&mut self, roi: &Roi, number: i32, source: &SourceItems, contours: Option<Vec<Vec<DataSet>>>) {
        let outer = self.charset.clone();
        if let Some(item) = item_of(&mut self.ds, tags::STRUCTURE_SET_ROI_SEQUENCE, tags::ROI_NUMBER, number) {
            let charset = Charset::of(item, &outer);
            if source.source.roi_name(source.roi) != roi.name {
                put_text(item, tags::ROI_NAME, &limit(&roi.name, 64), &charset);
            }
            if generation(item) != roi.generation {
                item.put_str(tags::ROI_GENERATION_ALGORITHM, roi.generation.dicom());
            }
            if contours.is_some() {
                item.remove(tags::ROI_VOLUME);
            }
        }
        let color_changed = source.contours.first().and_then(|i| display_color(i)).is_some_and(|c| c != roi.color);
        if source.contours.is_empty() {
            let contours = contours.unwrap_or_default().concat();
            if !contours.is_empty() {
                let item = contour_item(number, roi.color, contours);
                push_item(&mut self.ds, tags::ROI_CONTOUR_SEQUENCE, item);
            }
        } else {
            let items = self.ds.items_mut(tags::ROI_CONTOUR_SEQUENCE).into_iter().flatten();
            let items = items.filter(|i| i.integer(tags::REFERENCED_ROI_NUMBER) == Some(number));
            let contours =
                contours.map_or_else(|| vec![None; source.contours.len()], |c| c.into_iter().map(Some).collect());
            for (item, contours) in items.zip(contours) {
                if color_changed {
                    item.put_str(tags::ROI_DISPLAY_COLOR, &color_text(roi.color));
                }
                match contours {
                    Some(contours) if contours.is_empty() => drop(item.remove(tags::CONTOUR_SEQUENCE)),
                    Some(contours) => item.put_items(tags::CONTOUR_SEQUENCE, contours),
                    None => {}
                }
            }
        }
        self.write_role(roi, number, source);
    }

    /// The interpreted type is touched only where the user gave another role than the name and type proposed.
    fn write_role(&mut self, roi: &Roi, number: i32, source: &SourceItems) {
        let kind = interpreted_types(&source.source.dataset).remove(&source.number).unwrap_or_default();
        let proposed = propose_role(&source.source.roi_name(source.roi), &kind).role;
        let Some(wanted) = interpreted_type(roi.role).filter(|w| roi.role != proposed && *w != kind) else { return };
        let item = item_of(&mut self.ds, tags::RTROI_OBSERVATIONS_SEQUENCE, tags::REFERENCED_ROI_NUMBER, number);
        if let Some(item) = item {
            item.put_str(tags::RTROI_INTERPRETED_TYPE, wanted);
        } else {
            let observation = self.new_observation(number, wanted);
            push_item(&mut self.ds, tags::RTROI_OBSERVATIONS_SEQUENCE, observation);
        }
    }

    fn next_observation_number(&self) -> i32 {
        let used = self.ds.items(tags::RTROI_OBSERVATIONS_SEQUENCE).iter();
        used.filter_map(|i| i.integer(tags::OBSERVATION_NUMBER)).max().map_or(1, |n| n + 1)
    }

    fn new_observation(&self, roi_number: i32, interpreted_type: &str) -> DataSet {
        let mut item = DataSet::default();
        item.put_str(tags::OBSERVATION_NUMBER, &self.next_observation_number().to_string());
        item.put_str(tags::REFERENCED_ROI_NUMBER, &roi_number.to_string());
        item.put_str(tags::RTROI_INTERPRETED_TYPE, interpreted_type);
        item.put_str(tags::ROI_INTERPRETER, "");
        item
    }

    /// Adds an ROI that comes from no source.
    fn add_roi(&mut self, roi: &Roi, number: i32, contours: Vec<DataSet>) {
        let mut item = DataSet::default();
        let frame = match self.request.ct.frame_of_reference_uid.as_str() {
            "" => frames_of_reference(&self.ds).into_iter().next().unwrap_or_default(),
            own => own.to_owned(),
        };
        item.put_str(tags::ROI_NUMBER, &number.to_string());
        item.put_str(tags::REFERENCED_FRAME_OF_REFERENCE_UID, &frame);
        put_text(&mut item, tags::ROI_NAME, &limit(&roi.name, 64), &self.charset);
        put_text(&mut item, tags::ROI_DESCRIPTION, &provenance_text(&roi.provenance), &self.charset);
        item.put_str(tags::ROI_GENERATION_ALGORITHM, roi.generation.dicom());
        push_item(&mut self.ds, tags::STRUCTURE_SET_ROI_SEQUENCE, item);
        push_item(&mut self.ds, tags::ROI_CONTOUR_SEQUENCE, contour_item(number, roi.color, contours));
        let observation = self.new_observation(number, interpreted_type(roi.role).unwrap_or_default());
        push_item(&mut self.ds, tags::RTROI_OBSERVATIONS_SEQUENCE, observation);
    }

    /// The contours of an ROI by item of the source (one item without source), and which of them, counted
    /// over the items, came over from the source as they were.
    fn contour_sequence(
        &mut self,
        roi: &Roi,
        source: Option<&SourceItems>,
    ) -> (Vec<Vec<DataSet>>, Vec<(usize, usize)>) {
        let grid = self.request.grid;
        let items: Vec<(usize, &DataSet)> = source.map(SourceItems::contours).unwrap_or_default();
        let contours: Vec<Contour> = items.iter().map(|(_, c)| Contour::of(c)).collect();
        let binding = match source {
            Some(s) if is_other_frame(&s.frame(), self.request.ct) => {
                Binding { outside: (0..contours.len()).collect(), ..Binding::default() }
            }
            _ => bind(&contours, grid),
        };
        let plan = SlicePlan::of(roi, &contours, &binding, grid);
        let mut new_items: BTreeMap<usize, Vec<DataSet>> = BTreeMap::new();
        for (k, rings) in &plan.new_rings {
            let made: Vec<DataSet> =
                rings.iter().filter_map(|(ring, n_mm)| self.new_contour(roi, *k, ring, *n_mm)).collect();
            new_items.insert(*k, made);
        }
        let mut out = vec![Vec::new(); source.map_or(1, |s| s.contours.len().max(1))];
        let (mut written, mut kept) = (0, Vec::new());
        for (index, (item, contour)) in items.iter().enumerate() {
            match plan.removed.get(&index) {
                None => {
                    kept.push((written, index));
                    out[*item].push((*contour).clone());
                    written += 1;
                }
                // What replaces a slice stands where its first removed contour stood.
                Some(k) => {
                    let new = new_items.remove(k).unwrap_or_default();
                    written += new.len();
                    out[*item].extend(new);
                }
            }
        }
        if let Some(last) = out.last_mut() {
            last.extend(new_items.into_values().flatten());
        }
        (out, kept)
    }

    fn new_contour(&mut self, roi: &Roi, k: usize, ring: &Ring, n_mm: f64) -> Option<DataSet> {
        let points = ring.points();
        if points.len() < 3 {
            self.notes.push(format!(
                "\"{}\": a ring with fewer than three points at {:.2} mm was left out",
                roi.name,
                self.request.grid.position_mm(k)
            ));
            return None;
        }
        let mut text = String::with_capacity(points.len() * 26);
        for point in points {
            for value in self.request.grid.patient_from_plane(*point, n_mm).to_array() {
                if !text.is_empty() {
                    text.push('\\');
                }
                text.push_str(&format_ds(value));
            }
        }
        let mut item = DataSet::default();
        if let Some(slice) = self.request.ct.slices.get(k) {
            let mut image = reference(&slice.sop_class_uid, &slice.sop_instance_uid);
            if let Some(frame) = slice.frame {
                image.put_str(tags::REFERENCED_FRAME_NUMBER, &frame.to_string());
            }
            item.put_items(tags::CONTOUR_IMAGE_SEQUENCE, vec![image]);
            self.used_images = true;
        }
        item.put_str(tags::CONTOUR_GEOMETRIC_TYPE, "CLOSED_PLANAR");
        item.put_str(tags::NUMBER_OF_CONTOUR_POINTS, &points.len().to_string());
        item.put_str(tags::CONTOUR_DATA, &text);
        Some(item)
    }
}

/// What happens to the contours of an ROI, slice by slice.
#[derive(Default)]
struct SlicePlan<'a> {
    /// Source contours that go, and the slice to which they belonged.
    removed: BTreeMap<usize, usize>,
    /// Rings to write, with their position along the normal, mm.
    new_rings: BTreeMap<usize, Vec<(&'a Ring, f64)>>,
}

impl<'a> SlicePlan<'a> {
    fn of(roi: &'a Roi, contours: &[Contour], binding: &Binding, grid: &VoxelGrid) -> Self {
        let mut plan = Self::default();
        let slices: BTreeSet<usize> = binding.rings.keys().chain(roi.slices.keys()).copied().collect();
        for k in slices {
            let before = binding.rings.get(&k).map_or(&[][..], Vec::as_slice);
            let now = roi.slices.get(&k).map_or(&[][..], |s| s.rings.as_slice());
            // A ring is the source's only if it says so and its points agree bit for bit.
            let origin: Vec<Option<usize>> = now
                .iter()
                .map(|ring| {
                    let index = ring.source_contour()? as usize;
                    (before.contains(&index) && contours[index].plane_points(grid) == ring.points()).then_some(index)
                })
                .collect();
            if origin.len() == before.len() && origin.iter().zip(before).all(|(o, b)| *o == Some(*b)) {
                continue;
            }
            let keep: BTreeSet<usize> = origin.iter().flatten().copied().collect();
            let idle = binding.idle.get(&k).map_or(&[][..], Vec::as_slice);
            plan.removed.extend(before.iter().chain(idle).filter(|i| !keep.contains(i)).map(|i| (*i, k)));
            // New rings lie in the plane of the rings that stay, or two planes would claim the slice.
            let n_mm = (keep.first())
                .and_then(|i| contours[*i].points.first())
                .map_or(grid.position_mm(k), |p| grid.plane_from_patient(*p).1);
            let mut once = keep;
            let new =
                now.iter().zip(&origin).filter(|(_, o)| !o.is_some_and(|i| once.remove(&i))).map(|(r, _)| (r, n_mm));
            plan.new_rings.insert(k, new.collect());
        }
        plan
    }
}

fn reference(class_uid: &str, instance_uid: &str) -> DataSet {
    let mut item = DataSet::default();
    item.put_str(tags::REFERENCED_SOP_CLASS_UID, class_uid);
    item.put_str(tags::REFERENCED_SOP_INSTANCE_UID, instance_uid);
    item
}

fn color_text(color: [u8; 3]) -> String {
    format!("{}\\{}\\{}", color[0], color[1], color[2])
}

fn contour_item(number: i32, color: [u8; 3], contours: Vec<DataSet>) -> DataSet {
    let mut item = DataSet::default();
    item.put_str(tags::ROI_DISPLAY_COLOR, &color_text(color));
    if !contours.is_empty() {
        item.put_items(tags::CONTOUR_SEQUENCE, contours);
    }
    item.put_str(tags::REFERENCED_ROI_NUMBER, &number.to_string());
    item
}

fn push_item(ds: &mut DataSet, sequence: Tag, item: DataSet) {
    match ds.items_mut(sequence) {
        Some(items) => items.push(item),
        None => ds.put_items(sequence, vec![item]),
    }
}

/// The first item of a sequence whose integer attribute has this value.
fn item_of(ds: &mut DataSet, sequence: Tag, tag: Tag, value: i32) -> Option<&mut DataSet> {
    ds.items_mut(sequence)?.iter_mut().find(|i| i.integer(tag) == Some(value))
}

/// The item of a sequence whose UID attribute has this value, made if there is none.
fn item_with<'d>(ds: &'d mut DataSet, sequence: Tag, tag: Tag, uid: &str) -> &'d mut DataSet {
    let found = ds.items(sequence).iter().position(|i| i.string(tag) == uid);
    if found.is_none() {
        let mut item = DataSet::default();
        item.put_str(tag, uid);
        push_item(ds, sequence, item);
    }
    let items = ds.items_mut(sequence).expect("the sequence was just made");
    let last = items.len() - 1;
    &mut items[found.unwrap_or(last)]
}

fn put_text(ds: &mut DataSet, tag: Tag, text: &str, charset: &Charset) {
    let bytes = charset
        .encode(text)
        .unwrap_or_else(|| text.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }).collect());
    ds.put(tag, Value::Bytes(bytes));
}

/// The path from a structure set to the images that it refers to: sequences, and what tells their items apart.
const REFERENCE_CHAIN: [(Tag, Tag); 4] = [
    (tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE, tags::FRAME_OF_REFERENCE_UID),
    (tags::RT_REFERENCED_STUDY_SEQUENCE, tags::REFERENCED_SOP_INSTANCE_UID),
    (tags::RT_REFERENCED_SERIES_SEQUENCE, tags::SERIES_INSTANCE_UID),
    (tags::CONTOUR_IMAGE_SEQUENCE, tags::REFERENCED_SOP_INSTANCE_UID),
];

/// Adds an item to the sequence at the start of the path, or what is new in it to the item of the same UID.
fn merge_item(into: &mut DataSet, item: &DataSet, path: &[(Tag, Tag)]) {
    let [(sequence, key), rest @ ..] = path else { return };
    let found = into.items(*sequence).iter().position(|i| i.string(*key) == item.string(*key));
    match found.and_then(|at| into.items_mut(*sequence)?.get_mut(at)) {
        Some(same) => {
            for inner in rest.first().map_or(&[][..], |(inner, _)| item.items(*inner)) {
                merge_item(same, inner, rest);
            }
        }
        None => push_item(into, *sequence, item.clone()),
    }
}

/// A text value that another character set writes with other bytes.
fn needs_recoding(vr: VR, bytes: &[u8]) -> bool {
    matches!(vr, VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT)
        && (!bytes.is_ascii() || bytes.contains(&0x1B))
}

/// True if every text of an item can be written in another character set. What cannot even be decoded does
/// not count: its bytes stay.
fn can_recode(ds: &DataSet, outer: &Charset, to: &Charset) -> bool {
    let from = Charset::of(ds, outer);
    ds.elements().iter().all(|element| match &element.value {
        Value::Bytes(bytes) if needs_recoding(element.vr, bytes) => {
            from.decode_exactly(bytes).is_none_or(|text| to.encode(&text).is_some())
        }
        Value::Bytes(_) => true,
        Value::Items(items) => items.iter().all(|item| can_recode(item, &from, to)),
    })
}

/// Text attributes to another character set, items with a set of their own included. Bytes that cannot be
/// decoded stay as they are.
fn recode(ds: &mut DataSet, outer: &Charset, to: &Charset) {
    let from = Charset::of(ds, outer);
    ds.remove(tags::SPECIFIC_CHARACTER_SET);
    for element in ds.elements_mut() {
        match &mut element.value {
            Value::Bytes(bytes) if needs_recoding(element.vr, bytes) => {
                if let Some(new) = from.decode_exactly(bytes).and_then(|text| to.encode(&text)) {
                    *bytes = new;
                }
            }
            Value::Bytes(_) => {}
            Value::Items(items) => items.iter_mut().for_each(|item| recode(item, &from, to)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structures::{Provenance, RoiId};

    const YAMADA: &[u8] =
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J";
    const YAMADA_TEXT: &str = "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう";

    /// A CT whose header has this character set and patient name.
    fn ct(charset: &str, name: &[u8]) -> CtMeta {
        let mut header = DataSet::default();
        header.put_str(tags::SPECIFIC_CHARACTER_SET, charset);
        header.put(tags::PATIENT_NAME, Value::Bytes(name.to_vec()));
        header.put_str(tags::FRAME_OF_REFERENCE_UID, "1.2.3");
        CtMeta::from_header(&header)
    }

    fn composed(ct: &CtMeta, rois: Vec<Roi>, sources: &[Arc<SourceStructureSet>], label: &str) -> DataSet {
        let grid = VoxelGrid::axial(glam::DVec3::ZERO, [1.0, 1.0, 2.0], [16, 16, 8]).expect("a grid");
        let structures = StructureSet { rois };
        let request = ExportRequest {
            ct,
            grid: &grid,
            structures: &structures,
            sources,
            label,
            description: "",
            overwrite: false,
        };
        compose(&request).dataset
    }

    fn drawn(name: &str) -> Roi {
        Roi::new(RoiId(1), name, [1, 2, 3], Role::Gtvp, Provenance::Drawn)
    }

    #[test]
    fn the_patient_name_of_a_new_set_is_that_of_the_ct_byte_for_byte() {
        let cases: [(&str, &[u8], &str); 4] = [
            ("ISO 2022 IR 13\\ISO 2022 IR 87", YAMADA, YAMADA_TEXT),
            ("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="),
            ("\\ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=", "Hong^Gildong=洪^吉洞="),
            ("ISO_IR 100", b"M\xfcller^J\xf6rg", "Müller^Jörg"),
        ];
        for (code, name, text) in cases {
            let ct = ct(code, name);
            assert_eq!(ct.patient.dicom_name, text);
            let ds = composed(&ct, vec![drawn("GTVp")], &[], "set");
            assert_eq!(ds.string(tags::SPECIFIC_CHARACTER_SET), code);
            assert_eq!(ds.bytes(tags::PATIENT_NAME), Some(name), "{code}");
            // A name of an ROI that does not fit makes the whole set UTF-8, the patient included.
            if code == "GB18030" {
                continue; // holds everything
            }
            let ds = composed(&ct, vec![drawn("Ödem 肺 폐")], &[], "set");
            assert_eq!(ds.string(tags::SPECIFIC_CHARACTER_SET), Charset::UTF8_CODE);
            assert_eq!(ds.bytes(tags::PATIENT_NAME), Some(text.as_bytes()), "{code}");
        }
    }

    /// A structure set in this character set with one ROI.
    fn source(charset: &str, name: &[u8], description: &[u8]) -> Arc<SourceStructureSet> {
        let mut item = DataSet::default();
        item.put_str(tags::ROI_NUMBER, "3");
        item.put_str(tags::REFERENCED_FRAME_OF_REFERENCE_UID, "1.2.3");
        item.put(tags::ROI_NAME, Value::Bytes(name.to_vec()));
        let mut ds = DataSet::default();
        ds.put_str(tags::SPECIFIC_CHARACTER_SET, charset);
        ds.put_str(tags::SOP_CLASS_UID, uids::RT_STRUCTURE_SET_STORAGE);
        ds.put(tags::PATIENT_NAME, Value::Bytes(YAMADA.to_vec()));
        ds.put(tags::STRUCTURE_SET_DESCRIPTION, Value::Bytes(description.to_vec()));
        ds.put_items(tags::STRUCTURE_SET_ROI_SEQUENCE, vec![item]);
        let charset = Charset::of(&ds, &Charset::default());
        Arc::new(SourceStructureSet {
            path: "source.dcm".into(),
            label: "source".into(),
            sop_instance_uid: "1.2.4".into(),
            series_instance_uid: "1.2.5".into(),
            sha256: String::new(),
            dataset: ds,
            charset,
        })
    }

    fn imported(source: &SourceStructureSet) -> Roi {
        let item = &source.dataset.items(tags::STRUCTURE_SET_ROI_SEQUENCE)[0];
        let link = crate::structures::SourceRoi { set: 0, number: 3 };
        Roi { source: Some(link), generation: generation(item), ..drawn(&source.roi_name(item)) }
    }

    #[test]
    fn texts_that_nobody_changed_keep_their_bytes_whatever_they_mean() {
        let kanji: &[u8] = b"\x1b$B?)F;\x1b(J";
        // A name that its own character set cannot decode does no harm to the others.
        for (code, name) in
            [("ISO 2022 IR 13\\ISO 2022 IR 87", kanji), ("ISO_IR 192", b"\xff\xfe"), ("GB18030", b"A\xff")]
        {
            let source = source(code, name, kanji);
            let roi = imported(&source);
            let ds = composed(&ct("", b"P"), vec![roi, drawn("Lung_L")], &[Arc::clone(&source)], "checked");
            assert_eq!(ds.string(tags::SPECIFIC_CHARACTER_SET), code);
            assert_eq!(ds.bytes(tags::PATIENT_NAME), Some(YAMADA), "{code}");
            assert_eq!(ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE)[0].bytes(tags::ROI_NAME), Some(name), "{code}");
            let description = ds.bytes(tags::STRUCTURE_SET_DESCRIPTION).expect("there");
            assert!(description.starts_with(kanji) && description.ends_with(crate::RESEARCH_ONLY.as_bytes()));
        }
    }

    #[test]
    fn where_a_new_text_needs_utf_8_only_bytes_that_mean_nothing_stay() {
        let source = source("ISO 2022 IR 13\\ISO 2022 IR 87", b"\xd4\x1b$B\x7e\x7e\x1b(J", b"");
        let roi = imported(&source);
        let ds = composed(&ct("", b"P"), vec![roi, drawn("縦隔")], &[Arc::clone(&source)], "checked");
        assert_eq!(ds.string(tags::SPECIFIC_CHARACTER_SET), Charset::UTF8_CODE);
        assert_eq!(ds.bytes(tags::PATIENT_NAME), Some(YAMADA_TEXT.as_bytes()));
        let items = ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE);
        assert_eq!(items[0].bytes(tags::ROI_NAME), Some(&b"\xd4\x1b$B\x7e\x7e\x1b(J"[..]));
        assert_eq!(items[1].bytes(tags::ROI_NAME), Some("縦隔".as_bytes()));
    }

    #[test]
    fn bytes_that_the_ct_does_not_declare_and_names_changed_since_are_written_as_utf_8() {
        let undeclared = ct("", b"M\xfcller^J\xf6rg");
        let ds = composed(&undeclared, vec![drawn("GTVp")], &[], "set");
        assert_eq!(ds.bytes(tags::PATIENT_NAME), Some("Müller^Jörg".as_bytes()));
        assert_eq!(ds.string(tags::SPECIFIC_CHARACTER_SET), Charset::UTF8_CODE);
        let mut hidden = ct("ISO_IR 100", b"M\xfcller^J\xf6rg");
        hidden.patient.dicom_name = "Anonymous".into();
        let ds = composed(&hidden, vec![drawn("GTVp")], &[], "set");
        assert_eq!(ds.bytes(tags::PATIENT_NAME), Some(&b"Anonymous"[..]));
    }
}
