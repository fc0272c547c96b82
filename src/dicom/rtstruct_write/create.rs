//! A structure set from nothing, and ROIs that come from no source.

use super::super::charset::Charset;
use super::super::of_ct;
use super::super::provenance::provenance_text;
use super::super::raw::{DataSet, Value};
use super::super::rtstruct_read::frames_of_reference;
use super::super::uid::new_uid;
use super::super::value::limit;
use super::{Composer, ExportRequest, push_item, put_text};
use crate::structures::{Roi, Role};
use dicom_dictionary_std::{tags, uids};
use std::collections::BTreeMap;

impl<'a> Composer<'a> {
    /// Starts from the CT: same patient, study and frame of reference.
    pub(super) fn create(request: &'a ExportRequest<'a>, date: &str, time: &str) -> Self {
        let ct = request.ct;
        let of_ct = of_ct::texts(ct);
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
            repairs: Vec::new(),
            used_images: false,
            numbers: BTreeMap::new(),
        };
        for (tag, value) in [
            (tags::INSTANCE_CREATION_DATE, date),
            (tags::INSTANCE_CREATION_TIME, time),
            (tags::SOP_CLASS_UID, uids::RT_STRUCTURE_SET_STORAGE),
            (tags::SOP_INSTANCE_UID, &new_uid()),
            (tags::MODALITY, "RTSTRUCT"),
            (tags::SERIES_DATE, date),
            (tags::SERIES_TIME, time),
            (tags::SERIES_INSTANCE_UID, &new_uid()),
            (tags::SERIES_NUMBER, "1"),
            (tags::INSTANCE_NUMBER, "1"),
        ] {
            composer.ds.put_str(tag, value);
        }
        let frame = of_ct::put_identity(&mut composer.ds, ct);
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

    /// Adds an ROI that comes from no source.
    pub(super) fn add_roi(&mut self, roi: &Roi, number: i32, contours: Vec<DataSet>) {
        let mut item = DataSet::default();
        let frame = match self.request.ct.frame_of_reference_uid.as_str() {
            "" => frames_of_reference(&self.ds).into_iter().next().unwrap_or_default(),
            own => own.to_owned(),
        };
        item.put_str(tags::ROI_NUMBER, &number.to_string());
        item.put_str(tags::REFERENCED_FRAME_OF_REFERENCE_UID, &frame);
        put_text(&mut item, tags::ROI_NAME, &limit(&roi.name, 64), &self.charset);
        let description = self.described(roi, &provenance_text(&roi.provenance));
        put_text(&mut item, tags::ROI_DESCRIPTION, &description, &self.charset);
        item.put_str(tags::ROI_GENERATION_ALGORITHM, roi.generation.dicom());
        push_item(&mut self.ds, tags::STRUCTURE_SET_ROI_SEQUENCE, item);
        push_item(&mut self.ds, tags::ROI_CONTOUR_SEQUENCE, contour_item(number, roi.color, contours));
        let observation = self.new_observation(number, interpreted_type(roi.role).unwrap_or_default());
        push_item(&mut self.ds, tags::RTROI_OBSERVATIONS_SEQUENCE, observation);
    }

    pub(super) fn new_observation(&self, roi_number: i32, interpreted_type: &str) -> DataSet {
        let mut item = DataSet::default();
        item.put_str(tags::OBSERVATION_NUMBER, &self.next_observation_number().to_string());
        item.put_str(tags::REFERENCED_ROI_NUMBER, &roi_number.to_string());
        item.put_str(tags::RTROI_INTERPRETED_TYPE, interpreted_type);
        item.put_str(tags::ROI_INTERPRETER, "");
        item
    }

    pub(super) fn next_observation_number(&self) -> i32 {
        let used = self.ds.items(tags::RTROI_OBSERVATIONS_SEQUENCE).iter();
        used.filter_map(|i| i.integer(tags::OBSERVATION_NUMBER)).max().map_or(1, |n| n + 1)
    }
}

/// RT ROI Interpreted Type (3006,00A4) of a role; `None` where DICOM has no word for it.
pub(super) fn interpreted_type(role: Role) -> Option<&'static str> {
    match role {
        Role::Gtvp | Role::Gtvn => Some("GTV"),
        Role::Ctv => Some("CTV"),
        Role::Station(_) | Role::Organ => Some("ORGAN"),
        Role::Other => None,
    }
}

pub(super) fn color_text(color: [u8; 3]) -> String {
    format!("{}\\{}\\{}", color[0], color[1], color[2])
}

pub(super) fn contour_item(number: i32, color: [u8; 3], contours: Vec<DataSet>) -> DataSet {
    let mut item = DataSet::default();
    item.put_str(tags::ROI_DISPLAY_COLOR, &color_text(color));
    if !contours.is_empty() {
        item.put_items(tags::CONTOUR_SEQUENCE, contours);
    }
    item.put_str(tags::REFERENCED_ROI_NUMBER, &number.to_string());
    item
}
