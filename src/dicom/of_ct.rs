//! What every object made for a CT takes over from it: patient, study, frame of reference, references to
//! its images.

use super::meta::CtMeta;
use super::raw::DataSet;
use super::uid::new_uid;
use dicom_core::Tag;
use dicom_dictionary_std::tags;

/// Texts of patient and study: attribute, value, and how many characters it holds.
pub(crate) fn texts(ct: &CtMeta) -> [(Tag, &str, usize); 7] {
    [
        (tags::ACCESSION_NUMBER, &ct.accession_number, 16),
        (tags::REFERRING_PHYSICIAN_NAME, &ct.referring_physician, 64),
        (tags::STUDY_DESCRIPTION, &ct.study_description, 64),
        (tags::PATIENT_NAME, &ct.patient.dicom_name, 324),
        (tags::PATIENT_ID, &ct.patient.id, 64),
        (tags::STUDY_ID, &ct.study_id, 16),
        (tags::POSITION_REFERENCE_INDICATOR, &ct.position_reference_indicator, 64),
    ]
}

/// Writes what is no text of patient, study and frame of reference, and gives the UID of the latter. A CT
/// without one gets one of its own; the images referred to tie them together.
pub(crate) fn put_identity(ds: &mut DataSet, ct: &CtMeta) -> String {
    let frame = if ct.frame_of_reference_uid.is_empty() { new_uid() } else { ct.frame_of_reference_uid.clone() };
    for (tag, value) in [
        (tags::STUDY_DATE, &ct.study_date),
        (tags::STUDY_TIME, &ct.study_time),
        (tags::PATIENT_BIRTH_DATE, &ct.patient.birth_date),
        (tags::PATIENT_SEX, &ct.patient.sex),
        (tags::STUDY_INSTANCE_UID, &ct.study_instance_uid),
        (tags::FRAME_OF_REFERENCE_UID, &frame),
    ] {
        ds.put_str(tag, value);
    }
    frame
}

/// A reference to an instance (PS3.3 table 10-11).
pub(crate) fn reference(class_uid: &str, instance_uid: &str) -> DataSet {
    let mut item = DataSet::default();
    item.put_str(tags::REFERENCED_SOP_CLASS_UID, class_uid);
    item.put_str(tags::REFERENCED_SOP_INSTANCE_UID, instance_uid);
    item
}
