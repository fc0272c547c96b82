//! The data set of a source edited in place: only what differs from it is written.

use super::super::charset::Charset;
use super::super::of_ct::reference;
use super::super::provenance::{derivation_of, provenance_of, provenance_text};
use super::super::raw::DataSet;
use super::super::rtstruct_read::{display_color, generation, interpreted_types};
use super::super::uid::new_uid;
use super::super::value::limit;
use super::create::{color_text, contour_item, interpreted_type};
use super::recode::{can_recode, recode};
use super::{Composer, ExportRequest, SourceItems, push_item, put_text};
use crate::structures::{Roi, propose_role};
use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use std::collections::{BTreeMap, BTreeSet};

impl<'a> Composer<'a> {
    /// Starts from the data set of a source; ROIs of the sources `added` will join it.
    pub(super) fn edit(request: &'a ExportRequest<'a>, base: usize, added: &[usize], date: &str, time: &str) -> Self {
        let source = request.sources[base].as_ref();
        let mut composer = Self {
            request,
            ds: source.dataset.clone(),
            charset: source.charset.clone(),
            base: Some(base),
            recoded: false,
            rois: Vec::new(),
            notes: Vec::new(),
            repairs: Vec::new(),
            used_images: false,
            numbers: BTreeMap::new(),
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
                let words_fit = roi.derivation.is_none() || target.encode(&provenance_text(&roi.provenance)).is_some();
                words_fit && (!renamed || target.encode(&roi.name).is_some()) && (!is_added || self.texts_fit(&source))
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
    pub(super) fn edits_in_place(&self, source: &SourceItems, edited: &mut BTreeSet<i32>) -> bool {
        self.base == Some(source.set) && edited.insert(source.number)
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

    /// Removes ROIs that are no longer in the structure set, with everything that refers to them.
    pub(super) fn remove_deleted(&mut self, base: usize) {
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
    pub(super) fn edit_roi(
        &mut self,
        roi: &Roi,
        number: i32,
        source: &SourceItems,
        contours: Option<Vec<Vec<DataSet>>>,
    ) {
        let outer = self.charset.clone();
        let own = Charset::of(source.roi, &source.source.charset);
        let before = source.roi.text(tags::ROI_DESCRIPTION, &own);
        let description = self.edited_description(roi, &before);
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
            if let Some(text) = description {
                put_text(item, tags::ROI_DESCRIPTION, &text, &charset);
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

    /// What ROI Description becomes, where a recipe was added, changed or forgotten.
    fn edited_description(&mut self, roi: &Roi, before: &str) -> Option<String> {
        if roi.derivation.is_none() && derivation_of(before).is_none() {
            return None;
        }
        let same = provenance_of(before).is_some_and(|p| p == roi.provenance);
        let words = if same || roi.derivation.is_none() { before.to_owned() } else { provenance_text(&roi.provenance) };
        let text = self.described(roi, &words);
        (text != before).then_some(text)
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
}

/// The first item of a sequence whose integer attribute has this value.
fn item_of(ds: &mut DataSet, sequence: Tag, tag: Tag, value: i32) -> Option<&mut DataSet> {
    ds.items_mut(sequence)?.iter_mut().find(|i| i.integer(tag) == Some(value))
}
