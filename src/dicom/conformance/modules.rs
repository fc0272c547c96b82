//! Which attributes a structure set must have, and which words they may hold.

use super::{Place, Report};
use crate::dicom::raw::DataSet;
use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};

/// Types of attributes (PS3.5 section 7.4) that ask for something.
#[derive(Clone, Copy, PartialEq)]
enum Need {
    /// Type 1: there, with a value.
    Value,
    /// Type 2: there, perhaps empty.
    There,
}
use Need::{There, Value};

const PATIENT: &str = "PS3.3 C.7.1.1";
const STUDY: &str = "PS3.3 C.7.2.1";
const SERIES: &str = "PS3.3 C.8.8.1";
const EQUIPMENT: &str = "PS3.3 C.7.5.1";
const FRAME: &str = "PS3.3 C.7.4.1";
const SET: &str = "PS3.3 C.8.8.5";
const CONTOUR: &str = "PS3.3 C.8.8.6";
const OBSERVATION: &str = "PS3.3 C.8.8.8";
const APPROVAL: &str = "PS3.3 C.8.8.16";
const COMMON: &str = "PS3.3 C.12.1";
const REFERENCE: &str = "PS3.3 table 10-11";

/// Attributes of the data set itself. Type 2 attributes of this list may be added empty.
const TOP: &[(Tag, Need, &str)] = &[
    (tags::PATIENT_NAME, There, PATIENT),
    (tags::PATIENT_ID, There, PATIENT),
    (tags::PATIENT_BIRTH_DATE, There, PATIENT),
    (tags::PATIENT_SEX, There, PATIENT),
    (tags::STUDY_INSTANCE_UID, Value, STUDY),
    (tags::STUDY_DATE, There, STUDY),
    (tags::STUDY_TIME, There, STUDY),
    (tags::REFERRING_PHYSICIAN_NAME, There, STUDY),
    (tags::STUDY_ID, There, STUDY),
    (tags::ACCESSION_NUMBER, There, STUDY),
    (tags::MODALITY, Value, SERIES),
    (tags::SERIES_INSTANCE_UID, Value, SERIES),
    (tags::SERIES_NUMBER, There, SERIES),
    (tags::OPERATORS_NAME, There, SERIES),
    (tags::MANUFACTURER, There, EQUIPMENT),
    (tags::FRAME_OF_REFERENCE_UID, Value, FRAME),
    (tags::POSITION_REFERENCE_INDICATOR, There, FRAME),
    (tags::STRUCTURE_SET_LABEL, Value, SET),
    (tags::STRUCTURE_SET_DATE, There, SET),
    (tags::STRUCTURE_SET_TIME, There, SET),
    (tags::STRUCTURE_SET_ROI_SEQUENCE, Value, SET),
    (tags::ROI_CONTOUR_SEQUENCE, Value, CONTOUR),
    (tags::RTROI_OBSERVATIONS_SEQUENCE, Value, OBSERVATION),
    (tags::SOP_CLASS_UID, Value, COMMON),
    (tags::SOP_INSTANCE_UID, Value, COMMON),
];

/// Attributes of the items of sequences.
const INSIDE: &[(Tag, &[(Tag, Need, &str)])] = &[
    (tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE, &[(tags::FRAME_OF_REFERENCE_UID, Value, SET)]),
    (
        tags::RT_REFERENCED_STUDY_SEQUENCE,
        &[
            (tags::REFERENCED_SOP_CLASS_UID, Value, REFERENCE),
            (tags::REFERENCED_SOP_INSTANCE_UID, Value, REFERENCE),
            (tags::RT_REFERENCED_SERIES_SEQUENCE, Value, SET),
        ],
    ),
    (
        tags::RT_REFERENCED_SERIES_SEQUENCE,
        &[(tags::SERIES_INSTANCE_UID, Value, SET), (tags::CONTOUR_IMAGE_SEQUENCE, Value, SET)],
    ),
    (
        tags::CONTOUR_IMAGE_SEQUENCE,
        &[(tags::REFERENCED_SOP_CLASS_UID, Value, REFERENCE), (tags::REFERENCED_SOP_INSTANCE_UID, Value, REFERENCE)],
    ),
    (
        tags::PREDECESSOR_STRUCTURE_SET_SEQUENCE,
        &[(tags::REFERENCED_SOP_CLASS_UID, Value, REFERENCE), (tags::REFERENCED_SOP_INSTANCE_UID, Value, REFERENCE)],
    ),
    (
        tags::STRUCTURE_SET_ROI_SEQUENCE,
        &[
            (tags::ROI_NUMBER, Value, SET),
            (tags::REFERENCED_FRAME_OF_REFERENCE_UID, Value, SET),
            (tags::ROI_NAME, There, SET),
            (tags::ROI_GENERATION_ALGORITHM, There, SET),
        ],
    ),
    (tags::ROI_CONTOUR_SEQUENCE, &[(tags::REFERENCED_ROI_NUMBER, Value, CONTOUR)]),
    (
        tags::CONTOUR_SEQUENCE,
        &[
            (tags::CONTOUR_GEOMETRIC_TYPE, Value, CONTOUR),
            (tags::NUMBER_OF_CONTOUR_POINTS, Value, CONTOUR),
            (tags::CONTOUR_DATA, Value, CONTOUR),
        ],
    ),
    (
        tags::RTROI_OBSERVATIONS_SEQUENCE,
        &[
            (tags::OBSERVATION_NUMBER, Value, OBSERVATION),
            (tags::REFERENCED_ROI_NUMBER, Value, OBSERVATION),
            (tags::RTROI_INTERPRETED_TYPE, There, OBSERVATION),
            (tags::ROI_INTERPRETER, There, OBSERVATION),
        ],
    ),
    (tags::RT_RELATED_ROI_SEQUENCE, &[(tags::REFERENCED_ROI_NUMBER, Value, OBSERVATION)]),
    (tags::RELATED_RTROI_OBSERVATIONS_SEQUENCE, &[(tags::OBSERVATION_NUMBER, Value, OBSERVATION)]),
    (
        tags::ROI_PHYSICAL_PROPERTIES_SEQUENCE,
        &[(tags::ROI_PHYSICAL_PROPERTY, Value, OBSERVATION), (tags::ROI_PHYSICAL_PROPERTY_VALUE, Value, OBSERVATION)],
    ),
    (
        tags::CONTRIBUTING_EQUIPMENT_SEQUENCE,
        &[(tags::MANUFACTURER, Value, COMMON), (tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, Value, COMMON)],
    ),
];

/// Words: attribute, whether others are forbidden (enumerated values) or only unusual (defined terms).
const WORDS: &[(Tag, bool, &[&str], &str)] = &[
    (tags::PATIENT_SEX, true, &["M", "F", "O"], PATIENT),
    (tags::MODALITY, true, &["RTSTRUCT"], SERIES),
    (tags::APPROVAL_STATUS, true, &["APPROVED", "UNAPPROVED", "REJECTED"], APPROVAL),
    (
        tags::CONTOUR_GEOMETRIC_TYPE,
        true,
        &["POINT", "OPEN_PLANAR", "OPEN_NONPLANAR", "CLOSED_PLANAR", "CLOSEDPLANAR_XOR"],
        CONTOUR,
    ),
    (tags::ROI_GENERATION_ALGORITHM, false, &["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"], SET),
    (
        tags::RTROI_INTERPRETED_TYPE,
        false,
        &[
            "EXTERNAL",
            "PTV",
            "CTV",
            "GTV",
            "TREATED_VOLUME",
            "IRRAD_VOLUME",
            "OAR",
            "BOLUS",
            "AVOIDANCE",
            "ORGAN",
            "MARKER",
            "REGISTRATION",
            "ISOCENTER",
            "CONTRAST_AGENT",
            "CAVITY",
            "BRACHY_CHANNEL",
            "BRACHY_ACCESSORY",
            "BRACHY_SRC_APP",
            "BRACHY_CHNL_SHLD",
            "SUPPORT",
            "FIXATION",
            "DOSE_REGION",
            "CONTROL",
            "DOSE_MEASUREMENT",
            "DEVICE",
        ],
        OBSERVATION,
    ),
    (tags::RTROI_RELATIONSHIP, false, &["SAME", "ENCLOSED", "ENCLOSING"], OBSERVATION),
];

/// Type 2 attributes of the data set itself, which may be added empty where they are missing.
pub(crate) fn may_be_empty() -> impl Iterator<Item = Tag> {
    TOP.iter().filter(|(_, need, _)| *need == There).map(|(tag, ..)| *tag)
}

pub(super) fn check(report: &mut Report, ds: &DataSet) {
    let top = Place::default();
    for (tag, need, part) in TOP {
        needed(report, &top, ds, *tag, *need, part);
    }
    let class = ds.string(tags::SOP_CLASS_UID);
    if !class.is_empty() && class != uids::RT_STRUCTURE_SET_STORAGE {
        report.error(&top, tags::SOP_CLASS_UID, "is not that of a structure set", &class, "PS3.4 B.5");
    }
    // Type 2C: by whom and when, once somebody has decided.
    if matches!(ds.string(tags::APPROVAL_STATUS).as_str(), "APPROVED" | "REJECTED") {
        for tag in [tags::REVIEW_DATE, tags::REVIEW_TIME, tags::REVIEWER_NAME] {
            needed(report, &top, ds, tag, There, APPROVAL);
        }
    }
    walk(report, &top, ds);
}

fn walk(report: &mut Report, at: &Place, ds: &DataSet) {
    for (tag, only, known, part) in WORDS {
        let word = ds.string(*tag);
        if word.is_empty() || known.contains(&word.as_str()) {
            continue;
        }
        if *only {
            report.error(at, *tag, "is none of the words that are allowed", &word, part);
        } else {
            report.warning(at, *tag, "is a word that the standard does not define", &word, part);
        }
    }
    for element in ds.elements() {
        let items = ds.items(element.tag);
        let rules = INSIDE.iter().find(|(sequence, _)| *sequence == element.tag).map_or(&[][..], |(_, rules)| *rules);
        for (n, item) in items.iter().enumerate() {
            let place = at.roi_item(element.tag, n, item);
            for (tag, need, part) in rules {
                needed(report, &place, item, *tag, *need, part);
            }
            walk(report, &place, item);
        }
    }
}

fn needed(report: &mut Report, at: &Place, ds: &DataSet, tag: Tag, need: Need, part: &str) {
    let is_there = ds.get(tag).is_some();
    let has_value =
        !ds.items(tag).is_empty() || ds.bytes(tag).is_some_and(|b| b.iter().any(|c| !matches!(c, b' ' | 0)));
    match need {
        There if !is_there => report.error(at, tag, "is missing (type 2)", "", part),
        Value if !is_there => report.error(at, tag, "is missing (type 1)", "", part),
        Value if !has_value => report.error(at, tag, "has no value (type 1)", "", part),
        _ => {}
    }
}
