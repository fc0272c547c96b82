//! Numbers and UIDs that must be unique, and those that must lead somewhere.

use super::{Place, Report};
use crate::dicom::raw::DataSet;
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use std::collections::{BTreeMap, BTreeSet};

const SET: &str = "PS3.3 C.8.8.5";
const CONTOUR: &str = "PS3.3 C.8.8.6";
const OBSERVATION: &str = "PS3.3 C.8.8.8";

pub(super) fn check(report: &mut Report, ds: &DataSet) {
    check_identity(report, ds);
    let rois = numbers(ds, tags::STRUCTURE_SET_ROI_SEQUENCE, tags::ROI_NUMBER);
    repeated(report, ds, tags::STRUCTURE_SET_ROI_SEQUENCE, tags::ROI_NUMBER, "is the number of another ROI", SET);
    let text = "is the number of another observation";
    repeated(report, ds, tags::RTROI_OBSERVATIONS_SEQUENCE, tags::OBSERVATION_NUMBER, text, OBSERVATION);
    for (sequence, part) in [(tags::ROI_CONTOUR_SEQUENCE, CONTOUR), (tags::RTROI_OBSERVATIONS_SEQUENCE, OBSERVATION)] {
        let items = ds.items(sequence);
        let mut count: BTreeMap<i32, usize> = BTreeMap::new();
        for (n, item) in items.iter().enumerate() {
            let Some(number) = item.integer(tags::REFERENCED_ROI_NUMBER) else { continue };
            *count.entry(number).or_default() += 1;
            if !rois.contains(&number) {
                let place = Place::default().item(sequence, n);
                let text = "is the number of no ROI of the set";
                report.error(&place, tags::REFERENCED_ROI_NUMBER, text, &number.to_string(), part);
            }
        }
        for number in &rois {
            let place = Place { roi: Some(*number), ..Place::default() };
            match count.get(number) {
                None => report.warning(&place, sequence, "has no item for the ROI", "", part),
                Some(2..) if sequence == tags::ROI_CONTOUR_SEQUENCE => {
                    report.warning(&place, sequence, "has several items for the ROI", "", part);
                }
                Some(_) => {}
            }
        }
    }
    let observations = numbers(ds, tags::RTROI_OBSERVATIONS_SEQUENCE, tags::OBSERVATION_NUMBER);
    for (n, item) in ds.items(tags::RTROI_OBSERVATIONS_SEQUENCE).iter().enumerate() {
        let at = Place::default().roi_item(tags::RTROI_OBSERVATIONS_SEQUENCE, n, item);
        for (sequence, tag, known) in [
            (tags::RT_RELATED_ROI_SEQUENCE, tags::REFERENCED_ROI_NUMBER, &rois),
            (tags::RELATED_RTROI_OBSERVATIONS_SEQUENCE, tags::OBSERVATION_NUMBER, &observations),
        ] {
            for (m, related) in item.items(sequence).iter().enumerate() {
                if let Some(number) = related.integer(tag).filter(|n| !known.contains(n)) {
                    let text = "leads to nothing in the set";
                    report.error(&at.item(sequence, m), tag, text, &number.to_string(), OBSERVATION);
                }
            }
        }
    }
    check_frames(report, ds);
    check_images(report, ds);
}

/// UIDs that name different things must differ.
fn check_identity(report: &mut Report, ds: &DataSet) {
    let uid = |tag: Tag| ds.string(tag);
    for (tag, other, text) in [
        (tags::SOP_INSTANCE_UID, tags::SERIES_INSTANCE_UID, "is the UID of the series too"),
        (tags::SOP_INSTANCE_UID, tags::STUDY_INSTANCE_UID, "is the UID of the study too"),
        (tags::SERIES_INSTANCE_UID, tags::STUDY_INSTANCE_UID, "is the UID of the study too"),
    ] {
        if !uid(tag).is_empty() && uid(tag) == uid(other) {
            report.error(&Place::default(), tag, text, "", "PS3.5 9");
        }
    }
}

fn numbers(ds: &DataSet, sequence: Tag, tag: Tag) -> BTreeSet<i32> {
    ds.items(sequence).iter().filter_map(|i| i.integer(tag)).collect()
}

fn repeated(report: &mut Report, ds: &DataSet, sequence: Tag, tag: Tag, text: &str, part: &str) {
    let mut seen = BTreeSet::new();
    for (n, item) in ds.items(sequence).iter().enumerate() {
        if let Some(number) = item.integer(tag).filter(|number| !seen.insert(*number)) {
            report.error(&Place::default().roi_item(sequence, n, item), tag, text, &number.to_string(), part);
        }
    }
}

/// Frames of reference: of the set, of its ROIs, of its references.
fn check_frames(report: &mut Report, ds: &DataSet) {
    let sequence = tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE;
    let frames: BTreeSet<String> = ds.items(sequence).iter().map(|i| i.string(tags::FRAME_OF_REFERENCE_UID)).collect();
    let top = Place::default();
    if frames.is_empty() {
        report.warning(&top, sequence, "is missing, so nothing says on which images the set was drawn", "", SET);
        return;
    }
    let own = ds.string(tags::FRAME_OF_REFERENCE_UID);
    if !own.is_empty() && !frames.contains(&own) {
        let text = "is none of the frames of reference that the set refers to";
        report.warning(&top, tags::FRAME_OF_REFERENCE_UID, text, "", SET);
    }
    for (n, item) in ds.items(tags::STRUCTURE_SET_ROI_SEQUENCE).iter().enumerate() {
        let frame = item.string(tags::REFERENCED_FRAME_OF_REFERENCE_UID);
        if !frame.is_empty() && !frames.contains(&frame) {
            let place = top.roi_item(tags::STRUCTURE_SET_ROI_SEQUENCE, n, item);
            let text = "is none of the frames of reference that the set refers to";
            report.error(&place, tags::REFERENCED_FRAME_OF_REFERENCE_UID, text, "", SET);
        }
    }
}

/// Images to which contours refer must be among those to which the set refers.
fn check_images(report: &mut Report, ds: &DataSet) {
    let mut listed: BTreeSet<String> = BTreeSet::new();
    let mut place = Place::default();
    for (f, frame) in ds.items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE).iter().enumerate() {
        let in_frame = place.item(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE, f);
        for (s, study) in frame.items(tags::RT_REFERENCED_STUDY_SEQUENCE).iter().enumerate() {
            let in_study = in_frame.item(tags::RT_REFERENCED_STUDY_SEQUENCE, s);
            for (n, series) in study.items(tags::RT_REFERENCED_SERIES_SEQUENCE).iter().enumerate() {
                place = in_study.item(tags::RT_REFERENCED_SERIES_SEQUENCE, n);
                if series.string(tags::SERIES_INSTANCE_UID) == ds.string(tags::SERIES_INSTANCE_UID) {
                    report.error(&place, tags::SERIES_INSTANCE_UID, "is the series of the set itself", "", SET);
                }
                for image in series.items(tags::CONTOUR_IMAGE_SEQUENCE) {
                    let uid = image.string(tags::REFERENCED_SOP_INSTANCE_UID);
                    let frame = image.string(tags::REFERENCED_FRAME_NUMBER);
                    if !uid.is_empty() && frame.is_empty() && !listed.insert(uid) {
                        let text = "names an image twice";
                        report.warning(&place, tags::CONTOUR_IMAGE_SEQUENCE, text, "", SET);
                    }
                }
                place = Place::default();
            }
        }
    }
    for (n, item) in ds.items(tags::ROI_CONTOUR_SEQUENCE).iter().enumerate() {
        let at = Place::default().roi_item(tags::ROI_CONTOUR_SEQUENCE, n, item);
        for (c, contour) in item.items(tags::CONTOUR_SEQUENCE).iter().enumerate() {
            for image in contour.items(tags::CONTOUR_IMAGE_SEQUENCE) {
                let uid = image.string(tags::REFERENCED_SOP_INSTANCE_UID);
                if !uid.is_empty() && !listed.contains(&uid) {
                    let text = "refers to an image that the references of the set do not list";
                    report.error(&at.item(tags::CONTOUR_SEQUENCE, c), tags::CONTOUR_IMAGE_SEQUENCE, text, "", CONTOUR);
                }
            }
        }
    }
}
