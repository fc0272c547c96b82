//! What the headers of a CT series say about patient, study and slices: shown in the window, and
//! copied into the structure sets that refer to the series.

use super::charset::Charset;
use super::raw::DataSet;
use super::uid::uid_from_name;
use super::value::readable_name;
use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use std::path::PathBuf;

/// The patient module.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct PatientInfo {
    /// As people read it.
    pub name: String,
    /// As DICOM writes it (`family^given=ideographic`), for export.
    pub dicom_name: String,
    pub id: String,
    /// M, F, O or empty.
    pub sex: String,
    /// YYYYMMDD or empty.
    pub birth_date: String,
    /// At the time of the study, years.
    pub age_years: Option<u32>,
}

/// Text values of a CT header as they stand in the file, so that a structure set made for the series can
/// give back names in any character set as they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderTexts {
    /// Specific Character Set (0008,0005).
    pub(crate) charset: Vec<u8>,
    pub(crate) values: Vec<(Tag, Vec<u8>)>,
}

impl HeaderTexts {
    fn of(ds: &DataSet) -> Self {
        let copied = [
            tags::ACCESSION_NUMBER,
            tags::REFERRING_PHYSICIAN_NAME,
            tags::STUDY_DESCRIPTION,
            tags::PATIENT_NAME,
            tags::PATIENT_ID,
            tags::STUDY_ID,
            tags::POSITION_REFERENCE_INDICATOR,
        ];
        let bytes = |tag: Tag| ds.bytes(tag).map(<[u8]>::to_vec);
        Self {
            charset: bytes(tags::SPECIFIC_CHARACTER_SET).unwrap_or_default(),
            values: copied.into_iter().filter_map(|tag| Some((tag, bytes(tag)?))).collect(),
        }
    }

    /// The value as it stands in the file, if it is valid there and still the text that is meant.
    pub(crate) fn bytes_of(&self, tag: Tag, text: &str) -> Option<&[u8]> {
        let charset = Charset::declared(&self.charset);
        let (_, bytes) = self.values.iter().find(|v| v.0 == tag)?;
        (charset.is_valid(bytes) && charset.decode(bytes).trim() == text).then_some(bytes)
    }
}

/// One CT image of the volume.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SliceRef {
    pub sop_class_uid: String,
    pub sop_instance_uid: String,
    /// Empty for a synthetic case that was never written.
    pub path: PathBuf,
    pub instance_number: Option<i32>,
    /// Which frame of a multi-frame image it is, from 1.
    #[serde(default)]
    pub frame: Option<u32>,
}

/// What is known of a CT series apart from its voxels.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct CtMeta {
    pub patient: PatientInfo,
    pub study_instance_uid: String,
    pub series_instance_uid: String,
    /// Empty where the images have none.
    pub frame_of_reference_uid: String,
    /// YYYYMMDD or empty; times HHMMSS or empty.
    pub study_date: String,
    pub study_time: String,
    pub study_id: String,
    pub study_description: String,
    pub series_description: String,
    pub accession_number: String,
    pub referring_physician: String,
    pub manufacturer: String,
    pub model: String,
    /// HFS, FFS, HFP ... or empty.
    pub patient_position: String,
    pub position_reference_indicator: String,
    #[serde(skip)]
    pub header_texts: HeaderTexts,
    /// In the order of the grid.
    pub slices: Vec<SliceRef>,
    /// Made by a program, not by a scanner.
    pub is_synthetic: bool,
    /// Read from a NIfTI file: there are no DICOM images that a structure set could refer to.
    #[serde(default)]
    pub from_nifti: bool,
    /// False where the import warned about the geometry.
    pub geometry_safe: bool,
}

impl CtMeta {
    /// Reads the header of one image of the series; the slices are the caller's.
    pub(crate) fn from_header(ds: &DataSet) -> Self {
        let charset = Charset::of(ds, &Charset::default());
        let dicom_name = ds.text(tags::PATIENT_NAME, &charset);
        let (birth_date, study_date) = (ds.string(tags::PATIENT_BIRTH_DATE), ds.string(tags::STUDY_DATE));
        let model = ds.text(tags::MANUFACTURER_MODEL_NAME, &charset);
        Self {
            patient: PatientInfo {
                name: readable_name(&dicom_name),
                dicom_name,
                id: ds.text(tags::PATIENT_ID, &charset),
                sex: ds.string(tags::PATIENT_SEX),
                age_years: age_years(&ds.string(tags::PATIENT_AGE), &birth_date, &study_date),
                birth_date,
            },
            study_instance_uid: ds.string(tags::STUDY_INSTANCE_UID),
            series_instance_uid: ds.string(tags::SERIES_INSTANCE_UID),
            frame_of_reference_uid: ds.string(tags::FRAME_OF_REFERENCE_UID),
            study_date,
            study_time: ds.string(tags::STUDY_TIME),
            study_id: ds.text(tags::STUDY_ID, &charset),
            study_description: ds.text(tags::STUDY_DESCRIPTION, &charset),
            series_description: ds.text(tags::SERIES_DESCRIPTION, &charset),
            accession_number: ds.text(tags::ACCESSION_NUMBER, &charset),
            referring_physician: ds.text(tags::REFERRING_PHYSICIAN_NAME, &charset),
            manufacturer: ds.text(tags::MANUFACTURER, &charset),
            patient_position: ds.string(tags::PATIENT_POSITION),
            position_reference_indicator: ds.text(tags::POSITION_REFERENCE_INDICATOR, &charset),
            is_synthetic: ds.string(tags::IMAGE_TYPE).to_uppercase().contains("SYNTHETIC"),
            model,
            header_texts: HeaderTexts::of(ds),
            slices: Vec::new(),
            from_nifti: false,
            geometry_safe: true,
        }
    }

    /// The identity of a synthetic case: the same seed gives the same UIDs.
    pub fn synthetic(name: &str, seed: u64, slices: usize) -> Self {
        let uid = |what: &str| uid_from_name(&format!("{name} seed {seed} {what}"));
        Self {
            patient: PatientInfo {
                name: format!("{name} {seed}"),
                dicom_name: format!("{name}^{seed}"),
                id: format!("HILUM-SYNTHETIC-{seed}"),
                sex: "O".into(),
                birth_date: String::new(),
                age_years: None,
            },
            study_instance_uid: uid("study"),
            series_instance_uid: uid("series"),
            frame_of_reference_uid: uid("frame"),
            study_date: "20200101".into(),
            study_time: "000000".into(),
            study_id: format!("{}", seed % 1_000_000),
            study_description: "Synthetic thorax".into(),
            series_description: format!("Synthetic thorax, seed {seed}"),
            manufacturer: "Hilum".into(),
            model: "Hilum phantom".into(),
            patient_position: "HFS".into(),
            slices: (0..slices)
                .map(|k| SliceRef {
                    sop_class_uid: uids::CT_IMAGE_STORAGE.into(),
                    sop_instance_uid: uid(&format!("slice {k}")),
                    path: PathBuf::new(),
                    instance_number: Some(k as i32 + 1),
                    frame: None,
                })
                .collect(),
            is_synthetic: true,
            geometry_safe: true,
            ..Self::default()
        }
    }

    /// Index of the first slice with this SOP Instance UID.
    pub fn slice_of_image(&self, sop_instance_uid: &str) -> Option<usize> {
        self.slices.iter().position(|s| s.sop_instance_uid == sop_instance_uid)
    }
}

/// Age from Patient's Age (0010,1010), else from the dates.
fn age_years(age: &str, birth_date: &str, study_date: &str) -> Option<u32> {
    let number = age.get(..3).and_then(|n| n.parse::<u32>().ok());
    let from_age = match (number, age.get(3..)) {
        (Some(n), Some("Y")) => Some(n),
        (Some(n), Some("M")) => Some(n / 12),
        (Some(_), Some("W" | "D")) => Some(0),
        _ => None,
    };
    let days = |date: &str| date.get(..8)?.parse::<u32>().ok();
    from_age.or_else(|| Some(days(study_date)?.checked_sub(days(birth_date)?)? / 10_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_comes_from_the_age_or_the_dates() {
        assert_eq!(age_years("058Y", "", ""), Some(58));
        assert_eq!(age_years("", "19500630", "20200629"), Some(69));
        assert_eq!(age_years("", "19500630", "20200630"), Some(70));
        assert_eq!(age_years("018M", "", ""), Some(1));
        assert_eq!(age_years("", "", "20200101"), None);
    }

    #[test]
    fn a_synthetic_case_has_repeatable_uids() {
        let (a, b) = (CtMeta::synthetic("Phantom", 7, 3), CtMeta::synthetic("Phantom", 7, 3));
        assert_eq!(a, b);
        assert_ne!(a.slices[0].sop_instance_uid, a.slices[1].sop_instance_uid);
        assert_eq!(a.slice_of_image(&b.slices[2].sop_instance_uid), Some(2));
    }
}
