//! Headers and references that the source had wrong, put right where it is certain how. Each repair is listed
//! with what was there before.
//!
//! Rings, names, numbers, types, descriptions and whatever an observation says stay as they came, right or
//! wrong; so does a sequence that is missing as a whole, because a file that was cut off looks like that.

use super::super::conformance::{Place, is_date, is_time, may_be_empty};
use super::super::of_ct::reference;
use super::super::raw::{DataSet, Element, Value, dictionary_vr};
use super::super::rtstruct_read::{frame_of_roi, frames_of_reference};
use super::references::REFERENCED_STUDY_CLASS;
use super::{Composer, push_item};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use std::collections::BTreeSet;

/// One repair of a header or a reference.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Repair {
    /// Tags from the data set down, items counted from 1.
    pub path: String,
    /// Keyword of the attribute.
    pub attribute: String,
    /// What was there, and what is there now, in words.
    pub before: String,
    pub after: String,
    /// Why it is certain.
    pub why: String,
}

const MISSING: &str = "missing";
const EMPTY: &str = "empty";

/// A value in words.
fn words(text: &str) -> String {
    if text.is_empty() { EMPTY.to_owned() } else { format!("\"{text}\"") }
}

impl Composer<'_> {
    /// Repairs the data set of the source after everything else was written.
    pub(super) fn repair(&mut self) {
        self.put_in_order();
        self.fill_dates();
        self.add_missing_attributes();
        self.complete_frames();
        self.complete_images();
        self.add_observations();
    }

    fn repaired(&mut self, at: &Place, tag: Tag, before: impl Into<String>, after: impl Into<String>, why: &str) {
        self.repairs.push(Repair {
            path: at.path_of(tag),
            attribute: super::super::conformance::keyword(tag),
            before: before.into(),
            after: after.into(),
            why: why.to_owned(),
        });
    }

    /// Group lengths are left out by the encoder; here they are listed. Attributes out of order are sorted.
    fn put_in_order(&mut self) {
        let lengths: Vec<Tag> = self.ds.elements().iter().map(|e| e.tag).filter(|t| t.1 == 0).collect();
        for tag in lengths {
            self.ds.remove(tag);
            let why = "group lengths are retired, and wrong after a change";
            self.repaired(&Place::default(), tag, "there", "left out", why);
        }
        if let Some(first) = sort(&mut self.ds) {
            let why = "attributes stand by ascending tag; their values are as they were";
            self.repaired(&Place::default(), first, "out of order", "in order", why);
        }
    }

    /// Dates and times of the data set itself that are none.
    fn fill_dates(&mut self) {
        let ct = self.request.ct;
        let same_study =
            !ct.study_instance_uid.is_empty() && self.ds.string(tags::STUDY_INSTANCE_UID) == ct.study_instance_uid;
        let wrong: Vec<(Tag, VR, String)> = (self.ds.elements().iter())
            .filter(|e| is_standard_text(e))
            .filter_map(|e| {
                let (vr, text) = (dictionary_vr(e.tag), self.ds.string(e.tag));
                let is_valid = match vr {
                    VR::DA => is_date,
                    VR::TM => is_time,
                    _ => return None,
                };
                (!text.is_empty() && !text.split('\\').all(|t| is_valid(t.trim().as_bytes())))
                    .then_some((e.tag, vr, text))
            })
            .collect();
        for (tag, vr, before) in wrong {
            let of_ct = match tag {
                tags::STUDY_DATE if same_study && is_date(ct.study_date.as_bytes()) => ct.study_date.as_str(),
                tags::STUDY_TIME if same_study && is_time(ct.study_time.as_bytes()) => ct.study_time.as_str(),
                _ => "",
            };
            let (after, why) = match rewritten(vr, &before) {
                Some(same) => (same, "the same moment as DICOM writes it"),
                None if !of_ct.is_empty() => (of_ct.to_owned(), "as in the CT of the same study"),
                None => (String::new(), "not readable as a date or time; the attribute may be empty"),
            };
            self.ds.put_str(tag, &after);
            self.repaired(&Place::default(), tag, words(&before), words(&after), why);
        }
    }

    fn add_missing_attributes(&mut self) {
        let top = Place::default();
        for tag in may_be_empty().filter(|tag| self.ds.get(*tag).is_none()).collect::<Vec<_>>() {
            self.ds.put_str(tag, "");
            self.repaired(&top, tag, MISSING, EMPTY, "must be there and may be empty (type 2)");
        }
        if self.ds.string(tags::MODALITY).is_empty() {
            self.ds.put_str(tags::MODALITY, "RTSTRUCT");
            self.repaired(&top, tags::MODALITY, MISSING, "\"RTSTRUCT\"", "the SOP class says so");
        }
        let ct = self.request.ct;
        let study = &ct.study_instance_uid;
        if self.ds.string(tags::STUDY_INSTANCE_UID).is_empty() && !study.is_empty() && self.is_drawn_on_the_ct() {
            self.ds.put_str(tags::STUDY_INSTANCE_UID, study);
            let why = "all contours refer to images of this CT";
            self.repaired(&top, tags::STUDY_INSTANCE_UID, MISSING, words(study), why);
        }
    }

    /// True where contours refer to images, all of them images of this CT, and no ROI has another frame of reference.
    fn is_drawn_on_the_ct(&self) -> bool {
        let ct = self.request.ct;
        let known: BTreeSet<&str> = ct.slices.iter().map(|s| s.sop_instance_uid.as_str()).collect();
        let contours = self.ds.items(tags::ROI_CONTOUR_SEQUENCE).iter().flat_map(|i| i.items(tags::CONTOUR_SEQUENCE));
        let mut images = contours.flat_map(|c| c.items(tags::CONTOUR_IMAGE_SEQUENCE)).peekable();
        let rois = self.ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE);
        let frame = |i: &DataSet| i.string(tags::REFERENCED_FRAME_OF_REFERENCE_UID);
        images.peek().is_some()
            && images.all(|i| known.contains(i.string(tags::REFERENCED_SOP_INSTANCE_UID).as_str()))
            && rois.iter().map(frame).all(|f| f.is_empty() || f == ct.frame_of_reference_uid)
    }

    /// Frames of reference of the ROIs, of the references, and of the set.
    fn complete_frames(&mut self) {
        let (top, sequence) = (Place::default(), tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE);
        let ct_frame = self.request.ct.frame_of_reference_uid.as_str();
        let mut frames = frames_of_reference(&self.ds);
        if frames.is_empty() {
            let rois = self.ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE).iter();
            let of_rois: BTreeSet<String> =
                rois.map(|i| i.string(tags::REFERENCED_FRAME_OF_REFERENCE_UID)).filter(|f| !f.is_empty()).collect();
            let (frame, why) = match (of_rois.len(), of_rois.into_iter().next()) {
                (1, Some(frame)) => (frame, "all ROIs name this frame of reference"),
                (0, _) if !ct_frame.is_empty() && self.is_drawn_on_the_ct() => {
                    (ct_frame.to_owned(), "all contours refer to images of this CT")
                }
                _ => return,
            };
            let before = if self.ds.get(sequence).is_some() { EMPTY } else { MISSING };
            // An item that names no frame of reference is the one meant; what it holds stays.
            match self.ds.items_mut(sequence).filter(|items| items.len() == 1) {
                Some(items) => items[0].put_str(tags::FRAME_OF_REFERENCE_UID, &frame),
                None => {
                    let mut item = DataSet::default();
                    item.put_str(tags::FRAME_OF_REFERENCE_UID, &frame);
                    self.ds.put_items(sequence, vec![item]);
                }
            }
            self.repaired(&top.item(sequence, 0), tags::FRAME_OF_REFERENCE_UID, before, words(&frame), why);
            frames = vec![frame];
        }
        if let [only] = frames.as_slice() {
            let items = self.ds.items_mut(tags::STRUCTURE_SET_ROI_SEQUENCE).into_iter().flatten().enumerate();
            let nameless = items.filter(|(_, i)| i.string(tags::REFERENCED_FRAME_OF_REFERENCE_UID).is_empty());
            let filled: Vec<usize> = nameless
                .map(|(n, item)| {
                    item.put_str(tags::REFERENCED_FRAME_OF_REFERENCE_UID, only);
                    n
                })
                .collect();
            for n in filled {
                let place = top.item(tags::STRUCTURE_SET_ROI_SEQUENCE, n);
                let why = "the set has one frame of reference";
                self.repaired(&place, tags::REFERENCED_FRAME_OF_REFERENCE_UID, MISSING, words(only), why);
            }
        }
        if self.ds.string(tags::FRAME_OF_REFERENCE_UID).is_empty() {
            let rois = self.ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE).iter();
            let of_rois: BTreeSet<String> = rois.map(|item| frame_of_roi(&frames, item)).collect();
            if let (1, Some(frame)) = (of_rois.len(), of_rois.into_iter().next().filter(|f| !f.is_empty())) {
                self.ds.put_str(tags::FRAME_OF_REFERENCE_UID, &frame);
                let why = "the frame of reference of all ROIs";
                self.repaired(&top, tags::FRAME_OF_REFERENCE_UID, MISSING, words(&frame), why);
            }
        }
    }

    /// The references from the set to its images.
    fn complete_images(&mut self) {
        let ct = self.request.ct;
        let is_of_ct = self.is_drawn_on_the_ct();
        let mut repairs: Vec<(Place, Tag, &str, String, &str)> = Vec::new();
        let frames = self.ds.items_mut(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE).into_iter().flatten();
        for (f, frame) in frames.enumerate() {
            let at = Place::default().item(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE, f);
            for (s, study) in frame.items_mut(tags::RT_REFERENCED_STUDY_SEQUENCE).into_iter().flatten().enumerate() {
                let at = at.item(tags::RT_REFERENCED_STUDY_SEQUENCE, s);
                let series = study.items(tags::RT_REFERENCED_SERIES_SEQUENCE).iter();
                let holds_ct =
                    series.into_iter().any(|i| i.string(tags::SERIES_INSTANCE_UID) == ct.series_instance_uid);
                if study.string(tags::REFERENCED_SOP_INSTANCE_UID).is_empty() && holds_ct {
                    study.put_str(tags::REFERENCED_SOP_INSTANCE_UID, &ct.study_instance_uid);
                    let why = "the study of the series that it names";
                    let after = words(&ct.study_instance_uid);
                    repairs.push((at.clone(), tags::REFERENCED_SOP_INSTANCE_UID, MISSING, after, why));
                }
                if study.string(tags::REFERENCED_SOP_CLASS_UID).is_empty()
                    && !study.string(tags::REFERENCED_SOP_INSTANCE_UID).is_empty()
                {
                    study.put_str(tags::REFERENCED_SOP_CLASS_UID, REFERENCED_STUDY_CLASS);
                    let why = "the class of references to studies";
                    let after = words(REFERENCED_STUDY_CLASS);
                    repairs.push((at.clone(), tags::REFERENCED_SOP_CLASS_UID, MISSING, after, why));
                }
                let series = study.items_mut(tags::RT_REFERENCED_SERIES_SEQUENCE).into_iter().flatten();
                for (n, series) in series.enumerate() {
                    let at = at.item(tags::RT_REFERENCED_SERIES_SEQUENCE, n);
                    let Some(images) = series.items_mut(tags::CONTOUR_IMAGE_SEQUENCE) else { continue };
                    let before = images.len();
                    let names_something =
                        |i: &DataSet| i.elements().iter().any(|e| e.value != Value::Bytes(Vec::new()));
                    if images.iter().any(names_something) {
                        images.retain(names_something);
                    }
                    if images.len() < before {
                        let after = format!("{} left out", before - images.len());
                        let why = "an item without attributes refers to no image";
                        repairs.push((at.clone(), tags::CONTOUR_IMAGE_SEQUENCE, "items without content", after, why));
                    }
                    for (i, image) in images.iter_mut().enumerate() {
                        let uid = image.string(tags::REFERENCED_SOP_INSTANCE_UID);
                        let Some(slice) = ct.slice_of_image(&uid).filter(|_| !uid.is_empty()) else { continue };
                        if image.string(tags::REFERENCED_SOP_CLASS_UID).is_empty() {
                            let class = ct.slices[slice].sop_class_uid.as_str();
                            *image = merged(reference(class, &uid), image);
                            let at = at.item(tags::CONTOUR_IMAGE_SEQUENCE, i);
                            let why = "the class of that image of the CT";
                            repairs.push((at, tags::REFERENCED_SOP_CLASS_UID, MISSING, words(class), why));
                        }
                    }
                }
            }
        }
        for (at, tag, before, after, why) in repairs {
            self.repaired(&at, tag, before, after, why);
        }
        // Contours may be drawn on images that the set does not list, or the list is missing altogether.
        let listed = self.listed_images();
        let contours = self.ds.items(tags::ROI_CONTOUR_SEQUENCE).iter().flat_map(|i| i.items(tags::CONTOUR_SEQUENCE));
        let mut images = contours.flat_map(|c| c.items(tags::CONTOUR_IMAGE_SEQUENCE));
        if is_of_ct && images.any(|i| !listed.contains(&i.string(tags::REFERENCED_SOP_INSTANCE_UID))) {
            self.add_reference_chain();
            let (before, after) =
                (format!("{} images", listed.len()), format!("{} images", self.listed_images().len()));
            let why = "all contours refer to images of this CT, and now its images are listed";
            let sequence = tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE;
            self.repaired(&Place::default(), sequence, before, after, why);
        }
    }

    fn listed_images(&self) -> BTreeSet<String> {
        (self.ds.items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE).iter())
            .flat_map(|f| f.items(tags::RT_REFERENCED_STUDY_SEQUENCE))
            .flat_map(|s| s.items(tags::RT_REFERENCED_SERIES_SEQUENCE))
            .flat_map(|s| s.items(tags::CONTOUR_IMAGE_SEQUENCE))
            .map(|i| i.string(tags::REFERENCED_SOP_INSTANCE_UID))
            .collect()
    }

    /// An observation that says nothing, for ROIs that have none, where others have one.
    fn add_observations(&mut self) {
        let sequence = tags::RTROI_OBSERVATIONS_SEQUENCE;
        let observed: BTreeSet<i32> =
            self.ds.items(sequence).iter().filter_map(|i| i.integer(tags::REFERENCED_ROI_NUMBER)).collect();
        let rois = self.ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE).iter().filter_map(|i| i.integer(tags::ROI_NUMBER));
        let without: Vec<i32> = rois.filter(|n| !observed.contains(n)).collect();
        if observed.is_empty() {
            return;
        }
        for number in without {
            let item = self.new_observation(number, "");
            let at = Place::default().item(sequence, self.ds.items(sequence).len());
            push_item(&mut self.ds, sequence, item);
            let after = format!("an empty observation of ROI {number}");
            self.repaired(&at, tags::REFERENCED_ROI_NUMBER, MISSING, after, "the other ROIs have one");
        }
    }
}

fn is_standard_text(element: &Element) -> bool {
    element.tag.0.is_multiple_of(2) && matches!(element.value, Value::Bytes(_))
}

/// The attributes of `with` that `into` lacks or has empty are added to it.
fn merged(mut into: DataSet, with: &DataSet) -> DataSet {
    for element in with.elements() {
        if into.get(element.tag).is_none() {
            into.elements_mut().push(element.clone());
        }
    }
    into.elements_mut().sort_by_key(|e| e.tag);
    into
}

/// Sorts the attributes of a data set and of its items; gives the first that stood wrong.
fn sort(ds: &mut DataSet) -> Option<Tag> {
    let elements = ds.elements_mut();
    let mut wrong = elements.windows(2).find(|e| e[1].tag < e[0].tag).map(|e| e[1].tag);
    if wrong.is_some() {
        elements.sort_by_key(|e| e.tag);
    }
    for element in elements {
        if let Value::Items(items) = &mut element.value {
            for item in items {
                wrong = sort(item).or(wrong);
            }
        }
    }
    wrong
}

/// A date or time in a form that is common and unmistakable (year first), as DICOM writes it.
fn rewritten(vr: VR, text: &str) -> Option<String> {
    let (separators, first): (&[char], usize) = match vr {
        VR::DA => (&['.', '-', '/'], 4),
        VR::TM => (&[':'], 2),
        _ => return None,
    };
    let parts: Vec<&str> = text.split(separators).collect();
    // The seconds may have a fraction; it is not split.
    let is_regular = parts.len() == 3 && parts[0].len() == first && parts[1].len() == 2;
    let joined = parts.concat();
    let is_valid = if vr == VR::DA { is_date(joined.as_bytes()) } else { is_time(joined.as_bytes()) };
    (is_regular && is_valid).then_some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unmistakable_dates_and_times_are_rewritten() {
        let date = |t| rewritten(VR::DA, t);
        assert_eq!(date("2024.02.29").as_deref(), Some("20240229"));
        assert_eq!(date("2024-02-29").as_deref(), Some("20240229"));
        for other in ["29/02/2024", "02.03.2024", "2024-2-9", "20251399", "noon", "2023-02-29", "12-24-0101"] {
            assert_eq!(date(other), None, "{other}");
        }
        assert_eq!(rewritten(VR::TM, "12:34:56.5").as_deref(), Some("123456.5"));
        assert_eq!(rewritten(VR::TM, "noon"), None);
    }
}
