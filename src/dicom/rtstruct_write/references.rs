//! The chain from a structure set to the images of its CT (PS3.3 C.8.8.5).

use super::super::of_ct::reference;
use super::super::raw::DataSet;
use super::{Composer, push_item};
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use std::collections::BTreeSet;

/// Detached Study Management (retired): the class that every planning system writes for the study.
pub(super) const REFERENCED_STUDY_CLASS: &str = "1.2.840.10008.3.1.2.3.1";

impl Composer<'_> {
    /// Makes the chain frame of reference, study, series, images list every slice of the CT. What is there stays.
    pub(super) fn add_reference_chain(&mut self) {
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
            study.put_str(tags::REFERENCED_SOP_CLASS_UID, REFERENCED_STUDY_CLASS);
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
