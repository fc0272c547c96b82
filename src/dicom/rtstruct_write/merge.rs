//! ROIs of another structure set join the base with all their items, under new numbers.

use super::super::raw::DataSet;
use super::recode::recode;
use super::{Composer, SourceItems, push_item};
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use std::collections::BTreeMap;

impl Composer<'_> {
    /// Adds the items of an ROI of another set (or once more of this one) as they are, under a new number.
    pub(super) fn adopt_roi(&mut self, number: i32, source: &SourceItems, new_numbers: &BTreeMap<(usize, i32), i32>) {
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
